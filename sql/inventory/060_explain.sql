CREATE FUNCTION commerce.explain_stock(sku text, location text DEFAULT NULL) RETURNS TABLE (state text, quantity bigint, source text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM commerce.require_shop();
    IF sku IS NULL THEN
        RAISE EXCEPTION 'sku must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM commerce.require_sku(sku);
    PERFORM commerce.require_location(location);
    IF EXISTS (SELECT FROM commerce.kit_parts k WHERE k.kit = explain_stock.sku) THEN
        RETURN QUERY
            SELECT 'part', a.available, format('%s of "%s" in each', n.quantity, n.part)
            FROM commerce.needed_parts(ARRAY[explain_stock.sku]) n, commerce.availability(ARRAY[n.part], explain_stock.location) a
            ORDER BY n.part COLLATE "C";
    ELSE
        RETURN QUERY
            WITH level AS (
                SELECT s.*, explain_stock.location IS NULL AND NOT coalesce(l.active, true) AS closed
                FROM commerce.stock s LEFT JOIN commerce.locations l ON l.code = s.location
                WHERE s.sku = explain_stock.sku AND (explain_stock.location IS NULL OR s.location = explain_stock.location)
            ), fact (location, rank, state, quantity, source) AS (
                SELECT s.location, 1, 'on_hand', t.on_hand, format('%s, lot %s%s', s.location, t.lot,
                        ', expires on ' || to_char(t.expires_on, 'YYYY-MM-DD'))
                    FROM level s JOIN commerce.stock_lots t ON t.sku = s.sku AND t.location = s.location AND t.on_hand > 0
                UNION ALL
                SELECT s.location, 2, 'on_hand', s.on_hand - coalesce(t.on_hand, 0), s.location
                    FROM level s LEFT JOIN LATERAL (SELECT sum(x.on_hand)::bigint AS on_hand FROM commerce.stock_lots x
                        WHERE x.sku = s.sku AND x.location = s.location) t ON true
                    WHERE t.on_hand IS NULL OR s.on_hand <> t.on_hand
                UNION ALL
                SELECT s.location, u.rank, u.state, -u.units, s.location
                    FROM level s, LATERAL (VALUES (3, 'safety_stock', s.safety_stock), (4, 'damaged', s.damaged),
                        (5, 'quality_control', s.quality_control), (6, 'other', s.other)) u (rank, state, units)
                    WHERE u.units > 0
                UNION ALL
                SELECT s.location, CASE r.state WHEN 'committed' THEN 7 ELSE 8 END,
                        CASE r.state WHEN 'committed' THEN 'committed' ELSE 'reserved' END, -r.quantity,
                        format('%s, reservation %s%s%s', s.location, r.id, ' of order ' || r.order_id, ' of ' || r.holder)
                    FROM level s JOIN commerce.reservations r ON r.sku = s.sku AND r.location = s.location
                    WHERE r.state IN ('held', 'committed') AND (r.state = 'committed' OR r.expires_at > clock_timestamp())
                UNION ALL
                SELECT s.location, 9, 'overdue', 0, format('%s, reservation %s%s: %s held until %s count no more',
                        s.location, r.id, ' of ' || r.holder, r.quantity, r.expires_at)
                    FROM level s JOIN commerce.reservations r ON r.sku = s.sku AND r.location = s.location
                    WHERE r.state = 'held' AND r.expires_at <= clock_timestamp()
                UNION ALL
                SELECT s.location, 10, 'incoming', 0, format('%s: %s are on their way', s.location, s.incoming)
                    FROM level s WHERE s.incoming > 0)
            SELECT x.state, x.quantity, x.source FROM (
                SELECT f.* FROM fact f JOIN level s ON s.location = f.location AND NOT s.closed
                UNION ALL
                SELECT s.location, 11, 'inactive', 0,
                        format('%s: its %s on hand are not for sale, the location is not active', s.location, s.on_hand)
                    FROM level s WHERE s.closed) x
            ORDER BY x.location COLLATE "C", x.rank, x.source COLLATE "C";
    END IF;
    RETURN QUERY
        SELECT 'available', a.available, CASE WHEN a.available IS NULL THEN format('"%s" is not tracked and never runs out', a.sku)
            ELSE format('"%s" %s', a.sku, coalesce('at ' || explain_stock.location, 'at all active locations')) END
        FROM commerce.availability(ARRAY[explain_stock.sku], explain_stock.location) a;
END
$$;
COMMENT ON FUNCTION commerce.explain_stock(text, text) IS
'Why so many are available, at a location or (NULL) over all active ones, row by row: what is on hand by lot, what of it is in which state, each reservation with its holder or order, overdue holds (0: they count no more), what is incoming (0: not yet). The rows above it add up to the last, available; of a kit the least of its parts is. CM002 for an unknown sku or location.';
GRANT EXECUTE ON FUNCTION commerce.explain_stock(text, text) TO commerce_reader;
