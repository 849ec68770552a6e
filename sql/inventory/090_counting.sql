CREATE FUNCTION commerce.stock_changed() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_stock_changed';
COMMENT ON FUNCTION commerce.stock_changed() IS
'Internal. Counts a changed row of commerce.stock in shared memory: AFTER, FOR EACH ROW, always.';

CREATE FUNCTION commerce.reservation_changed() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_reservation_changed';
COMMENT ON FUNCTION commerce.reservation_changed() IS
'Internal. Counts a changed row of commerce.reservations in shared memory: AFTER, FOR EACH ROW, always.';
