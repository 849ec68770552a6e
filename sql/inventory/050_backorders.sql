CREATE FUNCTION commerce.announce_filled(sku text, location text, before bigint, after bigint, released uuid[] DEFAULT '{}')
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The sum is read from an index alone: where nothing waited, as on most receipts, it is all that is read.
    IF (SELECT sum(r.quantity) FROM commerce.reservations r
            WHERE r.sku = announce_filled.sku AND r.location = announce_filled.location AND r.state = 'committed')
            + (SELECT coalesce(sum(r.quantity), 0) FROM commerce.reservations r
                WHERE r.sku = announce_filled.sku AND r.location = announce_filled.location AND r.id = ANY (released))
            > greatest(before, 0) THEN
        INSERT INTO commerce.outbox (aggregate, topic, payload)
            SELECT o.order_id::text, 'stock.backorder_filled', jsonb_build_object('order_id', o.order_id, 'sku', announce_filled.sku,
                'location', announce_filled.location, 'quantity', o.quantity)
            FROM (SELECT q.order_id, sum(q.quantity) AS quantity, max(q.upto_before) AS upto_before, max(q.upto_after) AS upto_after
                -- Where in the queue each order's last unit stands, with and without those who have just left it.
                FROM (SELECT r.order_id, r.quantity, r.state,
                        sum(r.quantity) OVER queue AS upto_before,
                        sum(r.quantity) FILTER (WHERE r.state = 'committed') OVER queue AS upto_after
                    FROM (SELECT c.* FROM commerce.reservations c
                            WHERE c.sku = announce_filled.sku AND c.location = announce_filled.location AND c.state = 'committed'
                        UNION ALL
                        SELECT c.* FROM commerce.reservations c
                            WHERE c.sku = announce_filled.sku AND c.location = announce_filled.location AND c.state <> 'committed'
                                AND c.id = ANY (released)) r
                    WINDOW queue AS (ORDER BY r.created_at, r.id)) q
                WHERE q.state = 'committed' AND q.order_id IS NOT NULL
                GROUP BY q.order_id) o
            WHERE o.upto_before > greatest(before, 0) AND o.upto_after <= after
            ORDER BY o.upto_after;
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.announce_filled(text, text, bigint, bigint, uuid[]) IS
'Internal. Tells (stock.backorder_filled) each order whose last waiting unit of a sku at a location is covered now: because units that can be sent rose from before to after, or because reservations ahead of it were released. The level must be locked.';

CREATE FUNCTION commerce.counted_headroom(sku text, location text) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_counted_headroom';
COMMENT ON FUNCTION commerce.counted_headroom(text, text) IS
'Internal. How many units of a sku may still be promised at a location, its backorder_limit included (4611686018427387904 where there is none), by its counter in shared memory: what this transaction gave back is in it, what others took and gave back is not. NULL where none is loaded, and where stock is locked and not counted.';

CREATE FUNCTION commerce.nobody_waits(sku text, location text, released bigint) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    spare bigint;
    upto bigint;
    still bigint;
BEGIN
    SELECT coalesce(s.backorder_limit, 4611686018427387904) INTO upto FROM commerce.stock s
        WHERE s.sku = nobody_waits.sku AND s.location = nobody_waits.location;
    spare := commerce.counted_headroom(sku, location) - released - upto;
    IF spare >= 0 THEN
        -- The limit is part of what the counter says: it must be the same before and after.
        SELECT coalesce(s.backorder_limit, 4611686018427387904) INTO still FROM commerce.stock s
            WHERE s.sku = nobody_waits.sku AND s.location = nobody_waits.location;
        IF still = upto THEN
            RETURN true;
        END IF;
    END IF;
    -- By the tables, which takes a look at all that is promised.
    RETURN coalesce((SELECT l.backordered = 0 AND l.committed + released <= greatest(l.on_hand - l.damaged - l.quality_control - l.other, 0)
        FROM commerce.stock_levels l WHERE l.sku = nobody_waits.sku AND l.location = nobody_waits.location), false);
END
$$;
COMMENT ON FUNCTION commerce.nobody_waits(text, text, bigint) IS
'Internal. Whether nobody waited for units of a sku at a location before so many of them were released by this transaction: at once where its counter says so, however many orders there are.';

CREATE FUNCTION commerce.announce_released(released uuid[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    freed record;
    sound bigint;
BEGIN
    FOR freed IN
        SELECT r.sku, r.location, sum(r.quantity)::bigint AS quantity FROM commerce.reservations r WHERE r.id = ANY (released)
        GROUP BY r.sku, r.location ORDER BY r.sku COLLATE "C", r.location COLLATE "C"
    LOOP
        CONTINUE WHEN commerce.nobody_waits(freed.sku, freed.location, freed.quantity);
        SELECT s.on_hand - s.damaged - s.quality_control - s.other INTO sound FROM commerce.stock s
            WHERE s.sku = freed.sku AND s.location = freed.location FOR NO KEY UPDATE;
        PERFORM commerce.announce_filled(freed.sku, freed.location, sound, sound, released);
    END LOOP;
END
$$;
COMMENT ON FUNCTION commerce.announce_released(uuid[]) IS
'Internal. Tells the orders that moved up because these reservations were released, where anybody waits; only there a level is locked.';
