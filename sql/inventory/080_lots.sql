CREATE FUNCTION commerce.draw_lots(sku text, location text, quantity bigint, from_state text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    drawn jsonb;
BEGIN
    -- First what expires first, of what is still good; then what is past its day; what has been put aside as expired only
    -- where nothing else is left, unless that is what leaves.
    WITH pool AS (
        SELECT t.lot, t.expires_on, p.aside, p.units, sum(p.units) OVER (ORDER BY p.aside <> (from_state = 'other'),
            coalesce(t.expires_on < current_date, false), t.expires_on, t.lot COLLATE "C") AS upto
        FROM commerce.stock_lots t, LATERAL (VALUES (false, t.on_hand - t.expired), (true, t.expired)) p (aside, units)
        WHERE t.sku = draw_lots.sku AND t.location = draw_lots.location AND p.units > 0
    ), taken AS (
        SELECT p.lot, p.expires_on, sum(p.take)::bigint AS units, (sum(p.take) FILTER (WHERE p.aside))::bigint AS aside
        FROM (SELECT x.*, least(x.units, draw_lots.quantity - (x.upto - x.units)) AS take FROM pool x) p
        WHERE p.take > 0 GROUP BY p.lot, p.expires_on
    ), kept AS (
        UPDATE commerce.stock_lots t SET on_hand = t.on_hand - k.units, expired = t.expired - coalesce(k.aside, 0)
            FROM taken k WHERE t.sku = draw_lots.sku AND t.location = draw_lots.location AND t.lot = k.lot
            RETURNING t.lot, t.expires_on, k.units, k.aside
    )
    SELECT jsonb_agg(jsonb_build_object('lot', k.lot, 'units', k.units, 'aside', k.aside, 'expires_on', k.expires_on)
            ORDER BY k.expires_on, k.lot COLLATE "C")
        || CASE WHEN sum(k.units) < quantity
            THEN jsonb_build_array(jsonb_build_object('units', quantity - sum(k.units))) ELSE '[]' END
        INTO drawn FROM kept k;
    RETURN drawn;
END
$$;
COMMENT ON FUNCTION commerce.draw_lots(text, text, bigint, text) IS
'Internal. Takes units out of the lots of a level, first expired first out, and returns [{"lot", "units", "aside", "expires_on"}], without lot what came in none; NULL where nothing lies in lots. The level must be locked.';

CREATE FUNCTION commerce.fill_lots(sku text, location text, to_state text, lots jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    bad record;
BEGIN
    SELECT x.lot, x.expires_on AS said, t.expires_on AS known INTO bad
        FROM jsonb_to_recordset(lots) x (lot text, expires_on date)
            JOIN commerce.stock_lots t ON t.sku = fill_lots.sku AND t.location = fill_lots.location AND t.lot = x.lot
        WHERE x.expires_on <> t.expires_on LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'lot "%" of "%" expires on %, not on %', bad.lot, fill_lots.sku, bad.known, bad.said
            USING ERRCODE = 'invalid_parameter_value',
                DETAIL = jsonb_build_object('sku', fill_lots.sku, 'location', fill_lots.location, 'lot', bad.lot,
                    'expires_on', bad.known, 'requested', bad.said),
                HINT = 'A lot expires on one day. Name another lot, or leave expires_on out.';
    END IF;
    -- What was put aside elsewhere and arrives in state other has been put aside already.
    INSERT INTO commerce.stock_lots AS t (sku, location, lot, expires_on, on_hand, expired)
        SELECT fill_lots.sku, fill_lots.location, x.lot, x.expires_on, x.units,
            CASE WHEN fill_lots.to_state = 'other' THEN coalesce(x.aside, 0) ELSE 0 END
        FROM jsonb_to_recordset(lots) x (lot text, units bigint, aside bigint, expires_on date) WHERE x.lot IS NOT NULL
        ON CONFLICT (sku, location, lot) DO UPDATE SET on_hand = t.on_hand + EXCLUDED.on_hand,
            expired = t.expired + EXCLUDED.expired, expires_on = coalesce(t.expires_on, EXCLUDED.expires_on);
END
$$;
COMMENT ON FUNCTION commerce.fill_lots(text, text, text, jsonb) IS
'Internal. Puts arriving units into their lots, as draw_lots() returns them. 22023 for a lot that expires on another day. The level must be locked.';

CREATE FUNCTION commerce.expire_lots(today date DEFAULT current_date) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    level record;
    old record;
    sound bigint;
    result bigint := 0;
BEGIN
    PERFORM commerce.require_shop();
    IF today IS NULL THEN
        RAISE EXCEPTION 'today must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    FOR level IN
        SELECT t.sku, t.location FROM commerce.stock_lots t WHERE t.expires_on < today AND t.on_hand > t.expired
        GROUP BY t.sku, t.location ORDER BY t.sku COLLATE "C", t.location COLLATE "C"
    LOOP
        SELECT s.on_hand - s.damaged - s.quality_control - s.other INTO sound FROM commerce.stock s
            WHERE s.sku = level.sku AND s.location = level.location FOR NO KEY UPDATE;
        FOR old IN
            SELECT t.lot, least(t.on_hand - t.expired, sound - (sum(t.on_hand - t.expired)
                OVER (ORDER BY t.expires_on, t.lot COLLATE "C") - (t.on_hand - t.expired)))::bigint AS units
            FROM commerce.stock_lots t
            WHERE t.sku = level.sku AND t.location = level.location AND t.expires_on < today AND t.on_hand > t.expired
            ORDER BY t.expires_on, t.lot COLLATE "C"
        LOOP
            EXIT WHEN old.units <= 0;
            PERFORM commerce.record_movement(level.sku, level.location, old.units, 'available', 'other', 'lot expired', old.lot,
                lots => jsonb_build_array(jsonb_build_object('lot', old.lot, 'units', old.units)));
            UPDATE commerce.stock_lots t SET expired = t.expired + old.units
                WHERE t.sku = level.sku AND t.location = level.location AND t.lot = old.lot;
            result := result + old.units;
        END LOOP;
    END LOOP;
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.expire_lots(date) IS
'Takes off sale, once, what lies in lots that expired before today: moves it from available to other and returns how many units. The background worker does it once a day; where there is none, call it as often. Safe to run any time. 22004 for NULL.';
GRANT EXECUTE ON FUNCTION commerce.expire_lots(date) TO commerce_app;
