CREATE FUNCTION commerce.create_shop(currency text DEFAULT 'EUR') RETURNS integer
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_create_shop';
COMMENT ON FUNCTION commerce.create_shop(text) IS
'Creates the shop''s tables where they are missing and returns the version of the shop. Safe to repeat. currency is the ISO 4217 code in which the shop quotes when nobody says otherwise; 22023 for any other text.';
GRANT EXECUTE ON FUNCTION commerce.create_shop(text) TO commerce_admin;

CREATE FUNCTION commerce.upgrade_shop() RETURNS integer
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_upgrade_shop';
COMMENT ON FUNCTION commerce.upgrade_shop() IS
'Runs the table migrations that a newer commerce library brought; call it after ALTER EXTENSION commerce UPDATE. Returns the version. CM099 where there is no shop.';
GRANT EXECUTE ON FUNCTION commerce.upgrade_shop() TO commerce_admin;

CREATE FUNCTION commerce.uuidv7() RETURNS uuid
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_uuidv7_sql';
COMMENT ON FUNCTION commerce.uuidv7() IS
'Makes a time-ordered identifier (RFC 9562 version 7). Within a session each is greater than the one before.';
GRANT EXECUTE ON FUNCTION commerce.uuidv7() TO PUBLIC;

CREATE FUNCTION commerce.require_shop() RETURNS void
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_require_shop_sql';
COMMENT ON FUNCTION commerce.require_shop() IS
'Internal. Does nothing where the shop''s tables, the SQL objects and the library fit each other; CM099 with what to do otherwise.';

CREATE FUNCTION commerce.invalidate_cache() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_invalidate_cache';
COMMENT ON FUNCTION commerce.invalidate_cache() IS
'Internal. Trigger on tables that sessions keep compiled (promotions, transitions), for statements and for rows that come by replication: tells every session at commit that the table has changed.';

CREATE FUNCTION commerce.acting_role() RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_acting_role';
COMMENT ON FUNCTION commerce.acting_role() IS
'Internal. The role the session acts as: the one of SET ROLE, else the session''s user, whatever definer''s rights are in force.';
