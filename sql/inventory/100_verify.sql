CREATE FUNCTION commerce.verify_stock(repair boolean DEFAULT false)
    RETURNS TABLE (sku text, location text, counter bigint, tables bigint, in_flight bigint, repaired boolean)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_verify_stock';
COMMENT ON FUNCTION commerce.verify_stock(boolean) IS
'Lists the levels that shared memory counts otherwise than the tables do: units that may still be promised, backorder included, by counter and by tables; in_flight of them are taken by transactions under way. No row: all is well. They differ only where rows changed with triggers disabled. With repair, a counter that says too much is lowered at once, others are forgotten as soon as nobody uses them; repaired is false where a later call has to.';
GRANT EXECUTE ON FUNCTION commerce.verify_stock(boolean) TO commerce_admin;

CREATE FUNCTION commerce.invalidate_stock(sku text) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_invalidate_stock';
COMMENT ON FUNCTION commerce.invalidate_stock(text) IS
'Forgets what shared memory counts of a sku, other than what transactions under way have touched; it is read from the tables when next asked for. Returns how many locations were forgotten. Never needed, unless triggers were disabled.';
GRANT EXECUTE ON FUNCTION commerce.invalidate_stock(text) TO commerce_admin;

CREATE FUNCTION commerce.stock_in_flight()
    RETURNS TABLE (sku text, location text, taken bigint, given bigint, pid integer, since timestamptz)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_pending_stock';
COMMENT ON FUNCTION commerce.stock_in_flight() IS
'What transactions under way have taken and what they will give back when they commit, in units, for each level and process; the view commerce.pending_stock adds the age. A process that touched more than 32 levels has a row without sku for the rest. Empty without shared_preload_libraries.';
GRANT EXECUTE ON FUNCTION commerce.stock_in_flight() TO commerce_reader;
