CREATE FUNCTION commerce.start_stocktake(location text DEFAULT 'main') RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    result uuid := commerce.uuidv7();
BEGIN
    PERFORM commerce.require_shop();
    IF start_stocktake.location IS NULL THEN
        RAISE EXCEPTION 'location must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM commerce.require_location(start_stocktake.location);
    INSERT INTO commerce.stocktakes (id, location, actor) VALUES (result, start_stocktake.location, commerce.acting_role())
        ON CONFLICT (location) WHERE finished_at IS NULL DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a stocktake of "%" is under way', start_stocktake.location
            USING ERRCODE = 'object_in_use',
                DETAIL = (SELECT jsonb_build_object('location', t.location, 'stocktake', t.id, 'started_at', t.started_at)
                    FROM commerce.stocktakes t WHERE t.location = start_stocktake.location AND t.finished_at IS NULL),
                HINT = 'Finish it first: two would correct the same units twice. finish_stocktake(apply => false) drops it.';
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.start_stocktake(text) IS
'Begins to count what lies at a location and returns the stocktake. Selling goes on. CM002 for an unknown location, 55006 while another stocktake of it is under way.';
GRANT EXECUTE ON FUNCTION commerce.start_stocktake(text) TO commerce_app;

CREATE FUNCTION commerce.lock_stocktake(stocktake uuid) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_one record;
BEGIN
    PERFORM commerce.require_shop();
    SELECT t.location, t.finished_at INTO found_one FROM commerce.stocktakes t WHERE t.id = stocktake FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no stocktake %', coalesce(stocktake::text, 'null') USING ERRCODE = 'no_data_found';
    ELSIF found_one.finished_at IS NOT NULL THEN
        RAISE EXCEPTION 'the stocktake is finished'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = jsonb_build_object('stocktake', stocktake, 'finished_at', found_one.finished_at),
                HINT = 'Start another with commerce.start_stocktake().';
    END IF;
    RETURN found_one.location;
END
$$;
COMMENT ON FUNCTION commerce.lock_stocktake(uuid) IS
'Internal. Makes this transaction the only one that changes a stocktake, and returns its location. P0002 for an unknown one, 55000 for a finished one.';

CREATE FUNCTION commerce.count_stock(stocktake uuid, sku text, counted bigint) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    place text := commerce.lock_stocktake(count_stock.stocktake);
    should_be bigint;
BEGIN
    PERFORM commerce.require_stock_arguments(count_stock.sku, count_stock.counted, place);
    IF count_stock.counted < 0 THEN
        RAISE EXCEPTION 'counted must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Locked, so that a parcel that leaves now is either still expected to lie there or gone, not something in between.
    SELECT s.on_hand INTO should_be FROM commerce.stock s
        WHERE s.sku = count_stock.sku AND s.location = place FOR NO KEY UPDATE;
    should_be := coalesce(should_be, 0);
    INSERT INTO commerce.stocktake_counts AS c (stocktake, sku, expected, counted, actor)
        VALUES (count_stock.stocktake, count_stock.sku, should_be, count_stock.counted, commerce.acting_role())
        ON CONFLICT (stocktake, sku) DO UPDATE SET expected = EXCLUDED.expected, counted = EXCLUDED.counted,
            actor = EXCLUDED.actor, counted_at = EXCLUDED.counted_at;
    RETURN count_stock.counted - should_be;
END
$$;
COMMENT ON FUNCTION commerce.count_stock(uuid, text, bigint) IS
'Says how many units of a sku lie at the stocktake''s location, in whatever state, and returns how many more (or fewer) than expected at this moment. Counted again, the new count replaces the old. CM002 for an unknown sku, 22023 for fewer than none, 22003 beyond 10^18, P0002 for an unknown stocktake, 55000 for a finished one.';
GRANT EXECUTE ON FUNCTION commerce.count_stock(uuid, text, bigint) TO commerce_app;

CREATE FUNCTION commerce.finish_stocktake(stocktake uuid, apply boolean DEFAULT true)
    RETURNS TABLE (sku text, expected bigint, counted bigint, correction bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    place text := commerce.lock_stocktake(finish_stocktake.stocktake);
    skus text[];
BEGIN
    IF apply THEN
        skus := ARRAY(SELECT c.sku FROM commerce.stocktake_counts c WHERE c.stocktake = finish_stocktake.stocktake);
        PERFORM commerce.lock_levels(skus, array_fill(place, ARRAY[cardinality(skus)]));
        -- The difference found then, applied to what is there now: what was sold or received since stays so. No level is
        -- corrected to below nothing.
        UPDATE commerce.stocktake_counts c SET correction = greatest(c.counted - c.expected, least(0, -coalesce(s.on_hand, 0)))
            FROM commerce.stocktake_counts again LEFT JOIN commerce.stock s
                ON s.sku = again.sku AND s.location = place
            WHERE c.stocktake = finish_stocktake.stocktake AND again.stocktake = c.stocktake AND again.sku = c.sku;
        PERFORM commerce.record_movement(c.sku, place, abs(c.correction),
                CASE WHEN c.correction < 0 THEN 'available' END, CASE WHEN c.correction > 0 THEN 'available' END,
                'stocktake', finish_stocktake.stocktake::text, counted => true)
            FROM (SELECT c.sku, c.correction FROM commerce.stocktake_counts c
                WHERE c.stocktake = finish_stocktake.stocktake AND c.correction <> 0 ORDER BY c.sku COLLATE "C") c;
    END IF;
    UPDATE commerce.stocktakes t SET finished_at = clock_timestamp(), applied = coalesce(apply, false)
        WHERE t.id = finish_stocktake.stocktake;
    RETURN QUERY
        SELECT coalesce(c.sku, s.sku), CASE WHEN c.sku IS NULL THEN s.on_hand ELSE c.expected END, c.counted, c.correction
        FROM (SELECT x.* FROM commerce.stocktake_counts x WHERE x.stocktake = finish_stocktake.stocktake) c
            FULL JOIN (SELECT x.sku, x.on_hand FROM commerce.stock x
                WHERE x.location = place AND x.on_hand <> 0) s ON s.sku = c.sku
        ORDER BY coalesce(c.sku, s.sku) COLLATE "C";
END
$$;
COMMENT ON FUNCTION commerce.finish_stocktake(uuid, boolean) IS
'Ends a stocktake: corrects each level by what was counted more or fewer than expected then, so that sales since are kept, and lists all. What was not counted is left alone: counted is NULL, expected what should lie there. apply false corrects nothing. P0002 for an unknown stocktake, 55000 for a finished one, 22003 where a level would pass 10^18.';
GRANT EXECUTE ON FUNCTION commerce.finish_stocktake(uuid, boolean) TO commerce_app;
