CREATE FUNCTION commerce.are_pricing_options(options jsonb) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_are_pricing_options';
COMMENT ON FUNCTION commerce.are_pricing_options(jsonb) IS
'Internal: the constraint of commerce.shop.pricing and commerce.channels.pricing. True, or 22023 with what is wrong.';

CREATE FUNCTION commerce.is_time_zone(name text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_is_time_zone';
COMMENT ON FUNCTION commerce.is_time_zone(text) IS
'Internal: the constraint of commerce.promotions.time_zone. Does the server know a time zone of this name?';

CREATE FUNCTION commerce.benefit_fits(benefit commerce.benefit, class text) RETURNS boolean
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_fits';
COMMENT ON FUNCTION commerce.benefit_fits(commerce.benefit, text) IS
'Internal: the constraint of commerce.promotions. May a promotion of this class (NULL: its own) give this? catalog takes percentages, amounts and prices off units or lines without limits; item and order what takes from lines; gift and shipping only gifts and what is off shipping.';
