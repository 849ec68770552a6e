CREATE FUNCTION commerce.announce_stock(skus text[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    result bigint;
BEGIN
    PERFORM commerce.require_shop();
    -- One at a time, so that the next compares with what this one announces. Under REPEATABLE READ, where it cannot see
    -- that, the key of stock_alerts refuses it (40001) instead of announcing twice.
    PERFORM pg_advisory_xact_lock(hashtextextended('commerce.stock_alerts', 0));
    IF skus IS NULL THEN
        skus := ARRAY(SELECT DISTINCT s.sku FROM commerce.stock s);
    END IF;
    WITH level AS (
        SELECT l.sku, l.location, l.available, l.low_stock, last.level AS before, coalesce(last.number, 0) + 1 AS number,
            CASE WHEN l.available <= 0 THEN 'out' WHEN l.available <= l.low_stock THEN 'low' ELSE 'ok' END AS level,
            l.on_hand
        FROM commerce.stock_levels l JOIN commerce.variants v ON v.sku = l.sku AND v.track_stock
            LEFT JOIN LATERAL (SELECT a.level, a.number FROM commerce.stock_alerts a
                WHERE a.sku = l.sku AND a.location = l.location ORDER BY a.number DESC LIMIT 1) last ON true
        WHERE l.sku = ANY (skus)
    ), crossed AS (
        INSERT INTO commerce.stock_alerts (sku, location, number, level)
            SELECT l.sku, l.location, l.number, l.level FROM level l
            WHERE l.level <> coalesce(l.before, 'ok')
                -- What never had any is not out of it.
                AND (l.before IS NOT NULL OR l.on_hand > 0 OR EXISTS (SELECT FROM commerce.stock_movements m
                    WHERE m.sku = l.sku AND m.location = l.location AND m.delta <> 0))
            ON CONFLICT DO NOTHING
            RETURNING sku, location, level
    ), event AS (
        INSERT INTO commerce.outbox (aggregate, topic, payload)
            SELECT l.sku, CASE WHEN l.level = 'out' THEN 'stock.out' WHEN l.before = 'out' THEN 'stock.back' ELSE 'stock.low' END,
                jsonb_build_object('sku', l.sku, 'location', l.location, 'available', l.available, 'low_stock', l.low_stock)
            FROM crossed c JOIN level l ON l.sku = c.sku AND l.location = c.location
            WHERE l.level <> 'ok' OR l.before = 'out'
            ORDER BY l.sku COLLATE "C", l.location COLLATE "C"
            RETURNING 1
    )
    SELECT count(*) INTO result FROM event;
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.announce_stock(text[]) IS
'Tells the outside world which levels have crossed a line since it was told last, once for each crossing, and returns the number of events: stock.low (available <= low_stock), stock.out (available <= 0), stock.back. The payload is {"sku", "location", "available", "low_stock"}; the topic stands in commerce.outbox. NULL looks at every level, an array at those of the skus named; unknown ones are left out. The background worker does it after each crossing, and at every level once an hour; where there is none, call it from time to time. Safe to run any time.';
GRANT EXECUTE ON FUNCTION commerce.announce_stock(text[]) TO commerce_app;
