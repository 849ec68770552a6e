CREATE FUNCTION commerce.reserve_lines(lines jsonb, holder text DEFAULT NULL, ttl interval DEFAULT NULL, mode text DEFAULT 'all',
        strategy text DEFAULT 'priority', location text DEFAULT NULL)
    RETURNS TABLE (reservation uuid, sku text, location text, quantity bigint, missing bigint)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_reserve_lines';
COMMENT ON FUNCTION commerce.reserve_lines(jsonb, text, interval, text, text, text) IS
'Holds a whole cart, [{"sku": "A", "quantity": 2}], for ttl (commerce.reservation_ttl when NULL). The holder then holds this and nothing else: repeating the call changes nothing, [] releases all. Whoever gives the name is the holder: two sessions with one name wait for each other, and the later call is what is held. mode all: everything or CM001 with every short line; partial: the lines that can be met in full; clamp: of each line as much as there is. strategy priority: from the location of highest priority; most_stock: each line from where most of it is; fewest_splits: all lines from as few locations as possible; no_split: all from one. A line may name its location, else location is it, else the strategy decides. One row for each reservation, in the order of the lines; missing says what a line lacks, a line that got nothing has reservation NULL. Of a kit the rows are its parts, and what is missing of it, in kits, has a row of its own. commerce.reservations.line is the position. CM002 for an unknown sku or location, 22023 for malformed lines, an unknown mode or strategy, 22003 for a quantity beyond 10^18, 40001 under REPEATABLE READ where the holder has been busy elsewhere.';
GRANT EXECUTE ON FUNCTION commerce.reserve_lines(jsonb, text, interval, text, text, text) TO commerce_app;

CREATE FUNCTION commerce.plan_sourcing(lines jsonb, strategy text DEFAULT 'priority', location text DEFAULT NULL,
        holder text DEFAULT NULL)
    RETURNS TABLE (sku text, location text, quantity bigint, missing bigint)
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_plan_sourcing';
COMMENT ON FUNCTION commerce.plan_sourcing(jsonb, text, text, text) IS
'From where reserve_lines(mode => ''clamp'') would take these lines now, and what is missing. Holds nothing, locks nothing, writes nothing. What the holder holds already counts as free. Errors as reserve_lines().';
GRANT EXECUTE ON FUNCTION commerce.plan_sourcing(jsonb, text, text, text) TO commerce_app;
