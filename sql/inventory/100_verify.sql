CREATE FUNCTION commerce.verify_stock(repair boolean DEFAULT false)
    RETURNS TABLE (sku text, location text, counter bigint, tables bigint, in_flight bigint, repaired boolean)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_verify_stock';
COMMENT ON FUNCTION commerce.verify_stock(boolean) IS
'Lists the levels that shared memory counts otherwise than the tables do: units that may still be promised, by counter and by tables. Overdue holds not swept yet count as promised, backorder_limit is included (4611686018427387904 where it is NULL); in_flight of counter are taken by transactions under way. No row: all is well. They differ only where rows changed with triggers disabled. With repair, a counter that no transaction under way has touched is forgotten and read again when next asked for; another that says too much is lowered at once. One that says too little does no harm and waits: repaired is false where a later call has to. No row either without shared_preload_libraries, where there are no counters.';
GRANT EXECUTE ON FUNCTION commerce.verify_stock(boolean) TO commerce_admin;

CREATE FUNCTION commerce.invalidate_stock(sku text) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_invalidate_stock';
COMMENT ON FUNCTION commerce.invalidate_stock(text) IS
'Forgets what shared memory counts of a sku, at all its locations, other than what transactions under way have touched; it is read from the tables when next asked for. Returns how many locations were forgotten, 0 for an unknown sku, too. Never needed, unless rows changed with triggers disabled; verify_stock(repair => true) finds those by itself.';
GRANT EXECUTE ON FUNCTION commerce.invalidate_stock(text) TO commerce_admin;

CREATE FUNCTION commerce.stock_in_flight()
    RETURNS TABLE (sku text, location text, taken bigint, given bigint, pid integer, since timestamptz)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_pending_stock';
COMMENT ON FUNCTION commerce.stock_in_flight() IS
'Read the view commerce.pending_stock instead, which adds the age. What transactions under way have taken and what they will give back when they commit, in units, for each level and process. A process that touched more than 32 levels has a row without sku for the rest. Empty without shared_preload_libraries.';
GRANT EXECUTE ON FUNCTION commerce.stock_in_flight() TO commerce_reader;
