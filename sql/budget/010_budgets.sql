CREATE FUNCTION commerce.claim_changed() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_claim_changed';
COMMENT ON FUNCTION commerce.claim_changed() IS
'Internal. Counts a changed row of commerce.claims in shared memory: AFTER, FOR EACH ROW, always.';

CREATE FUNCTION commerce.keep_budget_kind() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'a budget of uses stays one of uses, and one of a currency one of that currency'
        USING ERRCODE = 'invalid_parameter_value', DETAIL = jsonb_build_object('budget', OLD.id),
            HINT = 'What was claimed of it would count for something else. Insert another budget.';
END
$$;
COMMENT ON FUNCTION commerce.keep_budget_kind() IS
'Internal. Trigger on commerce.budgets, for each row of which the kind or currency of the limit would change: 22023.';

CREATE FUNCTION commerce.budget_left(budget uuid, key text DEFAULT NULL) RETURNS bigint
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_budget_left';
COMMENT ON FUNCTION commerce.budget_left(uuid, text) IS
'What can still be claimed of a budget now, at least 0: uses, or minor units of its currency. Where a budget is per customer, email, code or attribute, key says whose share: as commerce.claims.key. For the limit of a code: its promotion and code: with the code, e.g. budget_left(…, ''code:SPRING''). What transactions under way have claimed counts where budgets are counted in shared memory. NULL for an unknown budget, for a code without limit, and where a key is needed and none is given.';
GRANT EXECUTE ON FUNCTION commerce.budget_left(uuid, text) TO commerce_reader;

CREATE FUNCTION commerce.promotion_left(promotion uuid, code text DEFAULT NULL, customer uuid DEFAULT NULL,
        currency text DEFAULT NULL, OUT uses bigint, OUT spend bigint, OUT refused_beyond bigint, OUT missing_key text,
        OUT other_currency boolean)
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_promotion_left';
COMMENT ON FUNCTION commerce.promotion_left(uuid, text, uuid, text) IS
'What is left now of all that limits a promotion, for a customer (NULL: a guest) who opens it with a code (NULL: without one) in a currency (NULL: the shop''s). uses: orders that may still use it; spend: what it may still take off, in minor units; a discount greater than refused_beyond is not given at all, one greater than spend is cut to it; NULL: no limit. missing_key: what a budget is per and this customer has not (customer, email, code, attribute), so that the promotion is not to be had. other_currency: a budget is of another currency, so that it gives nothing in this one. 22023 for an unknown currency.';
GRANT EXECUTE ON FUNCTION commerce.promotion_left(uuid, text, uuid, text) TO commerce_reader;

CREATE FUNCTION commerce.verify_budgets(repair boolean DEFAULT false)
    RETURNS TABLE (budget uuid, key text, counter bigint, tables bigint, in_flight bigint, repaired boolean)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_verify_budgets';
COMMENT ON FUNCTION commerce.verify_budgets(boolean) IS
'Lists the budgets and keys (as in commerce.claims) of which shared memory counts something else as claimed than the tables say: by counter and by tables, in uses or minor units; in_flight of counter is claimed by transactions under way. No row: all is well. They differ only where claims changed with triggers disabled. With repair, a counter that no transaction under way has touched is forgotten and read again when next asked for; another that counts too little is put right at once. One that counts too much waits: repaired is false where a later call has to. No row either without shared_preload_libraries, where there are no counters.';
GRANT EXECUTE ON FUNCTION commerce.verify_budgets(boolean) TO commerce_admin;

CREATE FUNCTION commerce.create_codes(promotion uuid, count integer, prefix text DEFAULT '', length integer DEFAULT 10,
        uses bigint DEFAULT NULL, valid tstzrange DEFAULT NULL) RETURNS SETOF text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_create_codes';
COMMENT ON FUNCTION commerce.create_codes(uuid, integer, text, integer, bigint, tstzrange) IS
'Makes 1 to 10,000,000 new codes of a promotion and returns them: the prefix (up to 64 bytes, made upper case) and length (up to 64) characters that nobody can guess, of the letters and digits that nobody mixes up (no 0, O, 1, I, L). uses: how many orders may use each of them; valid: when; NULL: no limit. 22023 for other numbers, and where so short a code is too easily guessed: fewer than 100,000 possible ones for each that is made. P0002 for an unknown promotion. Example: SELECT commerce.create_codes(promotion => …, count => 1000, prefix => ''SPRING-'', uses => 1).';
GRANT EXECUTE ON FUNCTION commerce.create_codes(uuid, integer, text, integer, bigint, tstzrange) TO commerce_admin;
