-- Lots: first expired, first out.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku) VALUES ('lot-A'), ('lot-B');
INSERT INTO commerce.prices (sku, price) VALUES ('lot-A', '1 EUR');
INSERT INTO commerce.locations (code, priority, active) VALUES ('lot-east', -50, true);
CREATE FUNCTION pg_temp.lots(of_sku text DEFAULT 'lot-A') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s: %s = %s%s', s.location, s.on_hand, (SELECT string_agg(format('%s %s%s', t.lot, t.on_hand,
            CASE WHEN t.expired > 0 THEN format(' (%s aside)', t.expired) END), ' + ' ORDER BY t.expires_on, t.lot)
            FROM commerce.stock_lots t WHERE t.sku = s.sku AND t.location = s.location AND t.on_hand > 0),
        ' of which ' || s.available || ' available') || CASE WHEN (SELECT sum(t.on_hand) FROM commerce.stock_lots t WHERE t.sku = s.sku AND t.location = s.location) > s.on_hand THEN ' WRONG' ELSE '' END,
        '; ' ORDER BY s.location) FROM commerce.stock_levels s WHERE s.sku = of_sku
$$;
SELECT commerce.receive_stock('lot-A', 5, lot => 'late', expires_on => current_date + 30), commerce.receive_stock('lot-A', 4, lot => 'soon', expires_on => current_date + 3),
    commerce.receive_stock('lot-A', 3), commerce.receive_stock('lot-A', 2, lot => 'keeps'), commerce.receive_stock('lot-A', 1, lot => 'soon') \gset
SELECT pg_temp.lots();
-- Sold: from the lot that expires first, one movement for each.
SELECT commerce.checkout('[{"sku": "lot-A", "quantity": 7}]') AS id \gset
SELECT pg_temp.lots() AS promised_is_not_gone;
SELECT commerce.fulfil(:'id', '[{"line": 1, "quantity": 2}]') IS NOT NULL AS sent, pg_temp.lots();
SELECT commerce.fulfil(:'id') IS NOT NULL AS sent, pg_temp.lots();
SELECT lot, delta, quantity FROM commerce.stock_movements WHERE reference = :'id' ORDER BY id;
-- Moved, units keep their lots; what came without goes last. Corrected down, too.
SELECT commerce.move_stock('lot-A', 4, 'main', 'lot-east') AS there, pg_temp.lots();
SELECT commerce.adjust_stock('lot-A', -3) AS on_hand, pg_temp.lots();
SELECT expires_on - current_date AS days, lot, location FROM commerce.stock_lots WHERE sku = 'lot-A' ORDER BY lot, location;
SELECT lot, delta, location, reason FROM commerce.stock_movements WHERE sku = 'lot-A' AND reason IN ('moved', 'adjusted') ORDER BY id;
-- Sent in two steps, the lot is named again.
SELECT commerce.send_stock('lot-A', 2, 'lot-east', 'main'), commerce.receive_stock('lot-A', 2, incoming => true, lot => 'late', expires_on => current_date + 30), pg_temp.lots();

-- The last day is a day of sale; the day after, what is left goes off sale, once.
SELECT commerce.receive_stock('lot-B', 6, lot => 'today', expires_on => current_date), commerce.receive_stock('lot-B', 4, lot => 'good', expires_on => current_date + 9),
    commerce.move_stock('lot-B', 1, 'main', 'main', to_state => 'damaged') \gset
SELECT commerce.expire_lots(), pg_temp.lots('lot-B');
SELECT commerce.expire_lots(current_date + 1), pg_temp.lots('lot-B');
SELECT commerce.expire_lots(current_date + 1) AS again, commerce.available('lot-B');
SELECT delta, quantity, from_state, to_state, lot, reference FROM commerce.stock_movements WHERE reason = 'lot expired' AND sku = 'lot-B' ORDER BY id;
-- What is put aside is not sent, and what is scrapped of it is of the expired lot.
SELECT commerce.adjust_stock('lot-B', -3), pg_temp.lots('lot-B');
SELECT commerce.adjust_stock('lot-B', -4, state => 'other', reason => 'scrapped'), pg_temp.lots('lot-B');
SELECT commerce.move_stock('lot-B', 1, 'main', 'lot-east', from_state => 'other', to_state => 'other'), pg_temp.lots('lot-B');
-- More of an expired lot is expired, too. No more than is sound goes aside.
SELECT commerce.receive_stock('lot-B', 2, lot => 'today'), commerce.move_stock('lot-B', 2, 'main', 'main', to_state => 'quality_control') \gset
SELECT commerce.expire_lots(current_date + 1), pg_temp.lots('lot-B');
SELECT commerce.move_stock('lot-B', 2, 'main', 'main', from_state => 'quality_control') \gset
SELECT commerce.expire_lots(current_date + 1), pg_temp.lots('lot-B');
-- The rest of what was on hand goes, whatever it was thought to be in.
SELECT commerce.adjust_stock('lot-B', -4), pg_temp.lots('lot-B');
-- Past its day and not put aside yet: after all that is good, kept or without a day.
SELECT commerce.receive_stock('lot-B', 2, lot => 'old', expires_on => current_date - 1), commerce.receive_stock('lot-B', 2, lot => 'kept'), commerce.receive_stock('lot-B', 1, lot => 'good') \gset
SELECT commerce.adjust_stock('lot-B', -2), pg_temp.lots('lot-B');
SELECT commerce.adjust_stock('lot-B', -2), pg_temp.lots('lot-B');
SELECT state, quantity, regexp_replace(source, '[0-9]{4}-.*', '<day>') AS source FROM commerce.explain_stock('lot-A');
SELECT sum(quantity) FILTER (WHERE state <> 'available') = sum(quantity) FILTER (WHERE state = 'available') AS adds_up FROM commerce.explain_stock('lot-A');

-- Refused.
SELECT commerce.receive_stock('lot-A', 1, expires_on => '2031-01-01');
\set VERBOSITY sqlstate
SELECT commerce.receive_stock('lot-A', 1, lot => '');
SELECT commerce.receive_stock('lot-A', 1, lot => 'late', expires_on => current_date + 31);
SELECT commerce.receive_stock('lot-A', 0, lot => 'late');
SELECT commerce.expire_lots(NULL);
\set VERBOSITY default
SELECT pg_temp.lots();
