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

CREATE FUNCTION commerce.are_currencies(currencies text[]) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_are_currencies';
COMMENT ON FUNCTION commerce.are_currencies(text[]) IS
'Internal: the constraint of commerce.promotions.currencies. True, or 22023 about the first that commerce.currencies() does not list as it is written.';

CREATE FUNCTION commerce.require_channels() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named record;
BEGIN
    -- Whoever deletes or renames one waits until this is committed, and then sees it.
    PERFORM FROM commerce.channels c WHERE c.code = ANY (NEW.channels) ORDER BY c.code FOR KEY SHARE;
    SELECT n.code INTO named FROM unnest(NEW.channels) n (code)
        WHERE n.code IS NULL OR NOT EXISTS (SELECT FROM commerce.channels c WHERE c.code = n.code) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no channel "%"', coalesce(named.code, 'NULL') USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('channel', named.code), HINT = 'Insert it into commerce.channels.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION commerce.require_channels() IS
'Internal. Row trigger on commerce.promotions that are not ended: 22023 for a channel that is not there.';

CREATE FUNCTION commerce.keep_channel() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_keep_channel';
COMMENT ON FUNCTION commerce.keep_channel() IS
'Internal. Row trigger on commerce.channels: 23503 where one is deleted or renamed that a promotion names which is not ended.';
