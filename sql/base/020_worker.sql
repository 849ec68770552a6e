CREATE FUNCTION commerce.worker_status() RETURNS TABLE (running boolean, last_visit timestamptz, next_due timestamptz,
        last_error text, failing text)
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_worker_status';
COMMENT ON FUNCTION commerce.worker_status() IS
'What runs in this database by itself: whether a background worker is here now, when the last one ended its visit, when the next is due (NULL: only when there is something to do), the SQLSTATE of the first chore that failed when it last ran, and the names of all that did: each is tried again by itself, from 10 seconds up to 10 minutes later, and the server''s log says why. 55P03 is a lock that somebody held for more than five seconds: pg_locks has who. No row where commerce is not in shared_preload_libraries.';
GRANT EXECUTE ON FUNCTION commerce.worker_status() TO commerce_reader;

CREATE FUNCTION commerce.chores_due(at timestamptz) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_chores_due_sql';
COMMENT ON FUNCTION commerce.chores_due(timestamptz) IS
'Internal. Sends the background worker to this database at that time, once the transaction commits; does nothing where there is none.';
