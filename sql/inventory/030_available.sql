CREATE FUNCTION commerce.needed_parts(skus text[]) RETURNS TABLE (sku text, part text, quantity numeric)
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        WITH RECURSIVE content (sku, part, quantity) AS (
            SELECT v.sku, v.sku, 1::numeric FROM commerce.variants v WHERE v.sku = ANY (skus)
            UNION ALL
            SELECT c.sku, k.part, c.quantity * k.quantity FROM content c JOIN commerce.kit_parts k ON k.kit = c.part
        ) CYCLE part SET comes_back USING path
        SELECT c.sku, c.part, sum(c.quantity)
        FROM content c JOIN commerce.variants v ON v.sku = c.part AND v.track_stock
        WHERE NOT c.comes_back AND NOT EXISTS (SELECT FROM commerce.kit_parts k WHERE k.kit = c.part)
        GROUP BY c.sku, c.part;
END
$$;
COMMENT ON FUNCTION commerce.needed_parts(text[]) IS
'Internal. What one unit of each sku takes from stock: of a kit its parts, down to those that are no kits; of any other sku itself. What is not tracked is left out.';

CREATE FUNCTION commerce.availability(skus text[], location text) RETURNS TABLE (sku text, available bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
    -- Planning the statement takes longer than running it: one plan serves any number of skus.
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    PERFORM commerce.require_shop();
    -- As many as the scarcest part is enough for, rounded down, below zero too: div() alone rounds towards zero.
    RETURN QUERY
        SELECT v.sku, min(div(have.available - CASE WHEN have.available < 0 THEN n.quantity - 1 ELSE 0 END, n.quantity))::bigint
        FROM commerce.variants v LEFT JOIN commerce.needed_parts(skus) n ON n.sku = v.sku
            LEFT JOIN LATERAL (SELECT coalesce(sum(level.available), 0) AS available
                FROM commerce.stock_levels level LEFT JOIN commerce.locations l ON l.code = level.location
                WHERE level.sku = n.part AND CASE WHEN availability.location IS NULL THEN coalesce(l.active, true)
                    ELSE level.location = availability.location END) have ON true
        WHERE v.sku = ANY (skus)
        GROUP BY v.sku ORDER BY v.sku;
END
$$;
COMMENT ON FUNCTION commerce.availability(text[], text) IS
'Internal. The answer of both functions available(): from commerce.stock_levels, at a location or (NULL) over all active ones.';

CREATE FUNCTION commerce.available(skus text[]) RETURNS TABLE (sku text, available bigint)
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT a.sku, a.available FROM commerce.availability(skus, NULL) a;
END
$$;
COMMENT ON FUNCTION commerce.available(text[]) IS
'How many units of each sku can be sold now, over all active locations: commerce.stock_levels.available. Of a kit, how many its scarcest part is enough for. Negative where backorders are open, NULL for what is not tracked. Unknown skus are left out.';
GRANT EXECUTE ON FUNCTION commerce.available(text[]) TO commerce_app;

CREATE FUNCTION commerce.available(sku text, location text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    IF sku IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM commerce.require_sku(sku);
    RETURN (SELECT a.available FROM commerce.availability(ARRAY[available.sku], available.location) a);
END
$$;
COMMENT ON FUNCTION commerce.available(text, text) IS
'How many units of a sku can be sold now by what is committed, at a location or (NULL) over all active ones; what transactions under way have taken is not subtracted (commerce.pending_stock has it), what may be sold as backorder not added. Negative where backorders are open. Of a kit, how many its scarcest part is enough for; NULL for what is not tracked. CM002 for an unknown sku.';
GRANT EXECUTE ON FUNCTION commerce.available(text, text) TO commerce_app;

CREATE FUNCTION commerce.refuse_kit_cycle() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad text;
BEGIN
    -- Kits change one transaction at a time, so that two do not close a circle of which each sees one half. An UPDATE where
    -- a lock would do in READ COMMITTED: whoever waits here with an older snapshot is then told so (40001).
    UPDATE commerce.shop SET currency = currency;
    WITH RECURSIVE content (kit, part) AS (
        SELECT c.kit, c.part FROM changed c
        UNION
        SELECT c.kit, k.part FROM content c JOIN commerce.kit_parts k ON k.kit = c.part)
    SELECT c.kit INTO bad FROM content c WHERE c.part = c.kit ORDER BY c.kit COLLATE "C" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'kit "%" would contain itself', bad
            USING ERRCODE = 'invalid_parameter_value', DETAIL = jsonb_build_object('kit', bad),
                HINT = 'A kit may contain other kits, but not itself, by way of them either.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION commerce.refuse_kit_cycle() IS
'Internal. Statement trigger on commerce.kit_parts: refuses (22023) a kit that would contain itself.';
