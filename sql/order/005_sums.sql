CREATE FUNCTION commerce.check_order_sums() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_check_order_sums';
COMMENT ON FUNCTION commerce.check_order_sums() IS
'Internal. Constraint trigger on the tables of orders: at the end of a transaction the parts of an order add up to its subtotal, discount and tax, and the discounts and taxes of a line to the line''s; 23514 with what does not.';

CREATE FUNCTION commerce.storing_order() RETURNS boolean
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_storing_order';
COMMENT ON FUNCTION commerce.storing_order() IS
'Internal. True while checkout() stores an order, whose sums it has checked itself: the WHEN clause of the constraint triggers.';
