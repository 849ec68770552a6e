-- States: every unit of a level is in one, and every change of one has its movement.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku) VALUES ('state-A'), ('state-B'), ('state-C');
INSERT INTO commerce.prices (sku, price) VALUES ('state-A', '1 EUR');
INSERT INTO commerce.locations (code, priority) VALUES ('state-east', 3);
CREATE FUNCTION pg_temp.level(of_sku text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s: %s = %s safety + %s damaged + %s qc + %s other + %s reserved + %s committed + %s available; %s incoming%s',
            location, on_hand, safety_stock, damaged, quality_control, other, reserved, committed, available, incoming,
            CASE WHEN backordered > 0 THEN format(', %s backordered', backordered) END), E'\n' ORDER BY location)
        || CASE WHEN bool_or(on_hand <> safety_stock + damaged + quality_control + other + reserved + committed + available) THEN ' WRONG' ELSE '' END
    FROM commerce.stock_levels WHERE sku = of_sku
$$;

-- Within a location: nothing is received and nothing leaves.
SELECT commerce.receive_stock('state-A', 10), commerce.receive_stock('state-A', 4, state => 'quality_control', reference => 'PO-9');
SELECT commerce.move_stock('state-A', 3, 'main', 'main', 'dropped', 'R-1', to_state => 'damaged') AS on_hand;
SELECT commerce.move_stock('state-A', 4, 'main', 'main', 'inspected', from_state => 'quality_control') AS on_hand;
SELECT commerce.move_stock('state-A', 1, 'main', 'main', from_state => 'damaged', to_state => 'other') AS on_hand;
SELECT commerce.adjust_stock('state-A', -1, reason => 'scrapped', state => 'damaged') AS on_hand;
SELECT pg_temp.level('state-A');
-- Between locations and states at once.
SELECT commerce.move_stock('state-A', 1, 'main', 'state-east', from_state => 'damaged', to_state => 'quality_control') AS there;
SELECT pg_temp.level('state-A');
SELECT commerce.available('state-A'), commerce.available('state-A', 'main') AS main, commerce.available('state-A', 'state-east') AS east;

-- A transfer in two steps, an order to a supplier, and what of it never comes.
SELECT commerce.send_stock('state-A', 5, 'main', 'state-east', reference => 'T-1') AS incoming;
SELECT pg_temp.level('state-A');
SELECT commerce.receive_stock('state-A', 4, 'state-east', reference => 'T-1', incoming => true) AS on_hand;
SELECT commerce.receive_stock('state-A', 2, 'state-east', reference => 'T-1', incoming => true) AS more_than_was_sent;
SELECT commerce.expect_stock('state-A', -1, 'state-east', 'lost', 'T-1') AS incoming;
SELECT commerce.expect_stock('state-A', -1, 'state-east', 'lost', 'T-1') AS incoming;
SELECT commerce.expect_stock('state-B', 20, reference => 'PO-2') AS incoming;
SELECT commerce.available('state-B') AS not_yet;
SELECT commerce.receive_stock('state-B', 20, reference => 'PO-2', state => 'quality_control', incoming => true) AS on_hand;
SELECT pg_temp.level('state-A'), pg_temp.level('state-B');

-- Policy: kept back, sold beyond, told about. All of it at once.
SELECT commerce.set_stock_policy('state-A', 'main', 2, NULL, 3);
SELECT pg_temp.level('state-A');
SELECT commerce.set_stock_policy('state-A', 'main', 1, 7, NULL);
SELECT commerce.set_stock_policy('state-A', 'main', 1, 7, NULL);
SELECT commerce.set_stock_policy('state-C', 'main', 5, 0, NULL);
SELECT sku, on_hand, safety_stock, backorder_limit, low_stock FROM commerce.stock WHERE sku IN ('state-A', 'state-C') AND location = 'main' ORDER BY sku;

-- Held, committed, overdue, backordered: safety stock is sent to those who have bought, what is unsound to nobody.
SELECT commerce.reserve('state-A', 2, location => 'main') IS NOT NULL AS held;
SELECT commerce.checkout('[{"sku": "state-A", "quantity": 2}]') AS early, commerce.checkout('[{"sku": "state-A", "quantity": 4}]') AS late \gset
UPDATE commerce.reservations SET location = 'main' WHERE order_id IN (:'early', :'late');
SELECT pg_temp.level('state-A');
UPDATE commerce.reservations SET expires_at = now() - interval '1 hour' WHERE sku = 'state-A' AND state = 'held';
SELECT commerce.move_stock('state-A', 3, 'main', 'main', to_state => 'damaged') AS on_hand;
SELECT pg_temp.level('state-A');
SELECT commerce.fulfil(:'late');
SELECT commerce.fulfil(:'early') IS NOT NULL AS sent;
SELECT pg_temp.level('state-A');

-- Every level is the sum of its movements, in each state.
SELECT location, reason, reference, delta, quantity, from_state, to_state FROM commerce.stock_movements
    WHERE sku = 'state-A' AND reference IS DISTINCT FROM :'early' ORDER BY id;
SELECT s.sku, s.location FROM commerce.stock s LEFT JOIN LATERAL (
        SELECT coalesce(sum(m.delta), 0) AS on_hand,
            coalesce(sum(CASE 'damaged' WHEN m.to_state THEN m.quantity WHEN m.from_state THEN -m.quantity END), 0) AS damaged,
            coalesce(sum(CASE 'quality_control' WHEN m.to_state THEN m.quantity WHEN m.from_state THEN -m.quantity END), 0) AS quality_control,
            coalesce(sum(CASE 'other' WHEN m.to_state THEN m.quantity WHEN m.from_state THEN -m.quantity END), 0) AS other,
            coalesce(sum(CASE 'safety_stock' WHEN m.to_state THEN m.quantity WHEN m.from_state THEN -m.quantity END), 0) AS safety_stock,
            coalesce(sum(CASE 'incoming' WHEN m.to_state THEN m.quantity WHEN m.from_state THEN -m.quantity END), 0) AS incoming
        FROM commerce.stock_movements m WHERE m.sku = s.sku AND m.location = s.location) m ON true
    WHERE s.sku LIKE 'state-%' AND (s.on_hand, s.damaged, s.quality_control, s.other, s.safety_stock, s.incoming)
        IS DISTINCT FROM (m.on_hand, m.damaged, m.quality_control, m.other, m.safety_stock, m.incoming);

-- Refused, with nothing changed.
SELECT sum(on_hand + damaged * 3 + quality_control * 5 + other * 7 + safety_stock * 11 + incoming * 13) AS before FROM commerce.stock WHERE sku LIKE 'state-%' \gset
SELECT commerce.move_stock('state-A', 1, 'main', 'main', to_state => 'sold');
SELECT commerce.move_stock('state-A', 9, 'main', 'main', from_state => 'damaged');
SELECT commerce.move_stock('state-A', 9, 'main', 'state-east', from_state => 'quality_control');
SELECT commerce.move_stock('state-B', 1, 'main', 'state-east');
SELECT commerce.set_stock_policy('state-A', 'main', 0, -1, NULL);
\set VERBOSITY sqlstate
SELECT commerce.move_stock('state-A', 1, 'main', 'main');
SELECT commerce.move_stock('state-A', 1, 'main', 'main', from_state => 'damaged', to_state => 'damaged');
SELECT commerce.move_stock('state-A', 1, 'main', 'main', to_state => NULL);
SELECT commerce.move_stock('state-A', 1, 'main', 'main', to_state => 'reserved');
SELECT commerce.move_stock('state-A', 1, 'main', 'main', to_state => 'incoming');
SELECT commerce.receive_stock('state-A', 1, state => 'committed');
SELECT commerce.adjust_stock('state-A', 1, state => NULL);
SELECT commerce.adjust_stock('state-A', -9, state => 'damaged');
SELECT commerce.send_stock('state-A', 1, 'main', 'main');
SELECT commerce.send_stock('state-A', 0, 'main', 'state-east');
SELECT commerce.send_stock('state-A', -1, 'main', 'state-east');
SELECT commerce.send_stock('state-A', 1, 'main', 'state-nowhere');
SELECT commerce.send_stock('state-A', 1000000000000000001, 'main', 'state-east');
SELECT commerce.send_stock('state-unknown', 1, 'main', 'state-east');
SELECT commerce.send_stock('state-A', 99, 'main', 'state-east');
SELECT commerce.send_stock('state-A', 1, 'main', 'state-east', from_state => 'lost');
SELECT commerce.expect_stock('state-A', NULL);
SELECT commerce.expect_stock('state-A', 1000000000000000001);
SELECT commerce.expect_stock('state-unknown', 1);
SELECT commerce.receive_stock('state-C', 1, incoming => true);
SELECT commerce.set_stock_policy('state-A', 'main', NULL, 0, 0);
SELECT commerce.set_stock_policy('state-A', 'main', 0, 1000000000000000001, 0);
SELECT commerce.set_stock_policy('state-A', 'main', -1, 0, 0);
SELECT commerce.set_stock_policy('state-A', 'state-nowhere', 0, 0, 0);
SELECT commerce.set_stock_policy('state-unknown', 'main', 0, 0, 0);
\set VERBOSITY default
SELECT sum(on_hand + damaged * 3 + quality_control * 5 + other * 7 + safety_stock * 11 + incoming * 13) = :before AS unchanged FROM commerce.stock WHERE sku LIKE 'state-%';
-- The app moves stock; how it is sold is the administrator's.
SET ROLE commerce_app;
SELECT commerce.set_stock_policy('state-A', 'main', 0, NULL, 0);
RESET ROLE;
