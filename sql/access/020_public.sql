-- PUBLIC may run what is pure, the types and the arithmetic on them, and what triggers ask in anybody's name. Everything else is granted by name, beside its
-- CREATE FUNCTION; test/sql/privileges.sql lists the result.
DO $$
DECLARE
    guarded regprocedure;
BEGIN
    FOR guarded IN
        SELECT p.oid
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'commerce' AND p.provolatile <> 'i' AND p.proname NOT IN ('uuidv7', 'storing_order') AND p.prokind <> 'a'
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', guarded);
    END LOOP;
END
$$;

GRANT EXECUTE ON ALL ROUTINES IN SCHEMA commerce TO commerce_owner;
