-- Parcels before they leave: planned in parts, split, moved, tracked; their units stay reserved until the event ship.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.locations (code, priority) VALUES ('par-near', 40), ('par-far', -40);
INSERT INTO commerce.variants (sku, track_stock, requires_shipping) VALUES ('par-A', true, true), ('par-B', true, true), ('par-kit', true, true),
    ('par-board', true, true), ('par-screw', true, true), ('par-svc', false, true), ('par-file', false, false), ('par-ticket', true, false);
INSERT INTO commerce.kit_parts VALUES ('par-kit', 'par-board', 2), ('par-kit', 'par-screw', 3);
INSERT INTO commerce.prices (sku, price) SELECT sku, '5 EUR' FROM commerce.variants WHERE sku LIKE 'par-%';
SELECT commerce.receive_stock('par-A', 6, 'par-near'), commerce.receive_stock('par-A', 20, 'par-far'), commerce.receive_stock('par-B', 10) \gset
CREATE FUNCTION pg_temp.parcel(parcel uuid) RETURNS text LANGUAGE sql AS $$
    SELECT f.state || ': ' || string_agg(concat_ws(' ', l.quantity, 'of line', l.line, 'from ' || l.location, l.stage), ', ' ORDER BY l.line, l.location)
    FROM commerce.fulfilments f JOIN commerce.parcel_lines l ON l.fulfilment_id = f.id WHERE f.id = parcel GROUP BY f.id, f.state
$$;
-- On hand, committed to orders, available.
CREATE FUNCTION pg_temp.levels(pattern text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat(sku, ' ', location, ' ', on_hand, '/', committed, '/', available), ', ' ORDER BY sku, location) FROM commerce.stock_levels WHERE sku LIKE pattern
$$;
CREATE FUNCTION pg_temp.units(parcel uuid) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', quantity, sku, location), ', ' ORDER BY line, sku, location) FROM commerce.fulfilment_units WHERE fulfilment_id = parcel
$$;

-- Several parcels at once, by quantity and by location; nothing moves until one ships.
SELECT commerce.checkout('[{"sku": "par-A", "quantity": 10}, {"sku": "par-B", "quantity": 3}, {"sku": "par-svc", "quantity": 2}]') AS id \gset
SELECT pg_temp.levels('par-_') AS before;
SELECT commerce.plan_fulfilment(:'id', '[{"sku": "par-A", "quantity": 3}]', 'par-far') AS p1 \gset
SELECT commerce.plan_fulfilment(:'id', '[{"sku": "par-A", "quantity": 4}, {"sku": "par-svc", "quantity": 1}]', scheduled_for => '2099-01-01 UTC') AS p2 \gset
SELECT pg_temp.parcel(:'p1'), pg_temp.parcel(:'p2'), pg_temp.levels('par-_') AS unchanged;
SELECT commerce.order_fulfilment_status(:'id');
\set VERBOSITY default
SELECT commerce.plan_fulfilment(:'id', '[{"sku": "par-A", "quantity": 4}]');
SELECT commerce.plan_fulfilment(:'id', '[{"sku": "par-A", "quantity": 2}]', 'par-far');
SELECT commerce.fulfil(:'id', '[{"sku": "par-A", "quantity": 3}]', 'par-near');
SELECT commerce.plan_fulfilment(:'id') AS p3 \gset
SELECT pg_temp.parcel(:'p3');
SELECT commerce.plan_fulfilment(:'id');
SELECT commerce.fulfil(:'id');

-- What ships leaves from where it was planned; the others keep theirs.
SELECT commerce.fulfilment_event(:'p1', 'ship');
SELECT pg_temp.parcel(:'p1'), pg_temp.levels('par-_');
SELECT commerce.order_fulfilment_status(:'id');
SELECT commerce.fulfilment_event(:'p2', 'ship');
SELECT commerce.fulfilment_event(:'p2', 'start'), commerce.fulfilment_event(:'p2', 'pack');
SELECT commerce.order_fulfilment_status(:'id');
UPDATE commerce.fulfilments SET state = 'shipped' WHERE id = :'p2';
SELECT pg_temp.parcel(:'p2'), pg_temp.levels('par-_');
SELECT commerce.state_event('commerce.fulfilments', jsonb_build_object('id', :'p3'), 'ship');
SELECT pg_temp.levels('par-_'), commerce.order_fulfilment_status(:'id');
SELECT sku, location, sum(quantity) FROM commerce.reservations WHERE order_id = :'id' AND state = 'fulfilled' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) FROM commerce.reservations WHERE order_id = :'id' AND state = 'committed';
SELECT bool_and(s.on_hand = m.moved) AS movements_add_up FROM commerce.stock s
    JOIN (SELECT sku, location, sum(delta) AS moved FROM commerce.stock_movements GROUP BY 1, 2) m USING (sku, location) WHERE s.sku LIKE 'par-_';
SELECT count(*) AS counted_otherwise FROM commerce.verify_stock();
SELECT topic, payload - 'order_id' - 'id' AS payload FROM commerce.outbox WHERE aggregate = :'id' AND topic LIKE 'fulfilment.%' ORDER BY id;
-- A shipped parcel is not cancelled; delivered and closed is delivered.
SELECT commerce.fulfilment_event(:'p1', 'cancel');
SELECT commerce.fulfilment_event(:'p1', 'deliver'), commerce.fulfilment_event(:'p1', 'close');
SELECT pg_temp.parcel(:'p1'), commerce.order_fulfilment_status(:'id');
SELECT commerce.fulfilment_event(:'p2', 'deliver'), commerce.fulfilment_event(:'p2', 'close'), commerce.fulfilment_event(:'p3', 'deliver');
SELECT commerce.order_fulfilment_status(:'id');
SELECT commerce.order_event(:'id', 'cancel');

-- Cancelled and incomplete parcels count for nothing: their units can be planned again.
SELECT commerce.checkout('[{"sku": "par-B", "quantity": 4}]') AS id2 \gset
SELECT commerce.plan_fulfilment(:'id2', '[{"line": 1, "quantity": 3}]') AS c1 \gset
SELECT commerce.plan_fulfilment(:'id2') AS c2 \gset
SELECT commerce.fulfilment_event(:'c1', 'cancel'), commerce.fulfilment_event(:'c2', 'hold');
SELECT commerce.order_fulfilment_status(:'id2');
SELECT commerce.plan_fulfilment(:'id2', '[{"line": 1, "quantity": 4}]');
SELECT commerce.plan_fulfilment(:'id2') AS c3 \gset
SELECT pg_temp.parcel(:'c1'), pg_temp.parcel(:'c3');
SELECT commerce.fulfilment_event(:'c3', 'incomplete');
SELECT commerce.fulfilment_event(:'c3', 'start');
SELECT commerce.order_fulfilment_status(:'id2');
SELECT commerce.fulfilment_event(:'c3', 'incomplete');
SELECT commerce.fulfilment_event(:'c3', 'ship');
SELECT pg_temp.parcel(:'c3');
SELECT commerce.fulfilment_event(:'c3', 'close');
SELECT pg_temp.parcel(:'c3'), commerce.order_fulfilment_status(:'id2');
SELECT commerce.plan_fulfilment(:'id2') AS c4 \gset
SELECT pg_temp.parcel(:'c4');

-- Cancelling the order cancels what has not left, whatever it is waiting for, and frees the units once.
SELECT pg_temp.levels('par-B');
SELECT commerce.order_event(:'id2', 'cancel');
SELECT pg_temp.levels('par-B'), array_agg(state ORDER BY id) AS parcels FROM commerce.fulfilments WHERE order_id = :'id2';
SELECT commerce.fulfilment_event(:'c4', 'ship');
SELECT commerce.plan_fulfilment(:'id2');
-- Nothing of it leaves, whichever way a parcel is there.
INSERT INTO commerce.fulfilments (order_id) VALUES (:'id2') RETURNING id AS late \gset
SELECT commerce.fulfilment_event(:'late', 'ship');
UPDATE commerce.fulfilments SET state = 'shipped' WHERE id = :'late';
SELECT commerce.fulfilment_event(:'late', 'cancel');

-- A parcel filled by hand takes what is reserved when it ships, or does not ship.
SELECT commerce.checkout('[{"sku": "par-B", "quantity": 2}]') AS id3 \gset
INSERT INTO commerce.fulfilments (order_id) VALUES (:'id3') RETURNING id AS hand \gset
INSERT INTO commerce.fulfilment_lines (order_id, fulfilment_id, line, quantity) VALUES (:'id3', :'hand', 1, 3);
UPDATE commerce.fulfilments SET state = 'shipped' WHERE id = :'hand';
UPDATE commerce.fulfilment_lines SET quantity = 2 WHERE fulfilment_id = :'hand';
UPDATE commerce.fulfilments SET state = 'shipped' WHERE id = :'hand';
SELECT pg_temp.units(:'hand'), pg_temp.levels('par-B');

-- What waits as a backorder is planned now and shipped when it is there.
UPDATE commerce.stock SET backorder_limit = 5 WHERE sku = 'par-B';
SELECT commerce.checkout('[{"sku": "par-B", "quantity": 7}]') AS id4 \gset
SELECT commerce.plan_fulfilment(:'id4') AS b1 \gset
SELECT commerce.fulfilment_event(:'b1', 'ship');
SELECT commerce.receive_stock('par-B', 2), commerce.fulfilment_event(:'b1', 'ship');
SELECT pg_temp.levels('par-B');
UPDATE commerce.stock SET backorder_limit = 0 WHERE sku = 'par-B';
SELECT commerce.receive_stock('par-B', 10) \gset

-- Kits are planned as their parts, also where these lie at several locations.
SELECT commerce.receive_stock('par-board', 2, 'par-near'), commerce.receive_stock('par-board', 20, 'par-far'),
    commerce.receive_stock('par-screw', 6, 'par-near'), commerce.receive_stock('par-screw', 30, 'par-far') \gset
SELECT commerce.checkout('[{"sku": "par-kit", "quantity": 1}]') AS first, commerce.checkout('[{"sku": "par-kit", "quantity": 4}]') AS id5 \gset
SELECT commerce.fulfil(:'first') IS NOT NULL AS sent;
SELECT pg_temp.levels('par-board'), pg_temp.levels('par-screw');
SELECT commerce.plan_fulfilment(:'id5') AS k1 \gset
SELECT pg_temp.parcel(:'k1'), pg_temp.units(:'k1');
SELECT commerce.split_fulfilment(:'k1', '[{"line": 1, "quantity": 1}]') AS k2 \gset
SELECT pg_temp.parcel(:'k1'), pg_temp.units(:'k1'), pg_temp.parcel(:'k2'), pg_temp.units(:'k2');
SELECT commerce.move_fulfilment(:'k1', 'par-far'), pg_temp.parcel(:'k1'), pg_temp.units(:'k1');
SELECT pg_temp.levels('par-board'), pg_temp.levels('par-screw');
SELECT commerce.fulfilment_event(:'k1', 'ship');
SELECT pg_temp.levels('par-board'), pg_temp.levels('par-screw');
SELECT commerce.fulfilment_event(:'k2', 'ship');
SELECT pg_temp.levels('par-board'), pg_temp.levels('par-screw');
SELECT count(*) AS counted_otherwise FROM commerce.verify_stock();

-- Split: the new parcel is in the same state, and neither is empty.
SELECT commerce.receive_stock('par-A', 2, 'par-near') \gset
SELECT commerce.checkout('[{"sku": "par-A", "quantity": 6}, {"sku": "par-B", "quantity": 1}, {"sku": "par-svc", "quantity": 3}]') AS id6 \gset
SELECT commerce.plan_fulfilment(:'id6', scheduled_for => '2099-01-01 UTC') AS s1 \gset
SELECT pg_temp.parcel(:'s1');
SELECT commerce.split_fulfilment(:'s1', '[{"sku": "par-A", "quantity": 3}, {"line": 3, "quantity": 1}]') AS s2 \gset
SELECT pg_temp.parcel(:'s1'), pg_temp.parcel(:'s2'), (SELECT scheduled_for = '2099-01-01 UTC' FROM commerce.fulfilments WHERE id = :'s2') AS same_moment;
SELECT commerce.split_fulfilment(:'s2', '[{"line": 2, "quantity": 1}]');
SELECT commerce.split_fulfilment(:'s2', '[{"line": 1, "quantity": 4}]');
SELECT commerce.split_fulfilment(:'s2', '[{"line": 1, "quantity": 3}, {"line": 3, "quantity": 1}]');
\set VERBOSITY sqlstate
SELECT commerce.split_fulfilment(:'s2', '[]');
SELECT commerce.split_fulfilment(:'s2', NULL);
SELECT commerce.split_fulfilment(:'s2', '{}');
SELECT commerce.split_fulfilment(:'s2', '[{"line": 1, "quantity": 0}]');
SELECT commerce.split_fulfilment(:'s2', '[{"line": 9, "quantity": 1}]');
SELECT commerce.split_fulfilment(:'p1', '[{"line": 1, "quantity": 1}]');
SELECT commerce.split_fulfilment(:'c1', '[{"line": 1, "quantity": 1}]');
SELECT commerce.split_fulfilment('00000000-0000-7000-8000-000000000000', '[{"line": 1, "quantity": 1}]');
SELECT commerce.split_fulfilment(NULL, '[{"line": 1, "quantity": 1}]');
\set VERBOSITY default

-- Move: reserved there first, then free here; short there, nothing changes.
SELECT pg_temp.levels('par-A'), pg_temp.levels('par-B');
SELECT commerce.move_fulfilment(:'s1', 'par-near');
SELECT pg_temp.parcel(:'s1'), pg_temp.levels('par-A'), pg_temp.levels('par-B');
SELECT commerce.receive_stock('par-B', 1, 'par-far') \gset
SELECT commerce.move_fulfilment(:'s1', 'par-far');
SELECT pg_temp.parcel(:'s1'), pg_temp.levels('par-A'), pg_temp.levels('par-B');
SELECT commerce.move_fulfilment(:'s1', 'par-far') AS all_there_already;
SELECT state, count(*), sum(quantity) FROM commerce.reservations WHERE order_id = :'id6' GROUP BY 1 ORDER BY 1;
SELECT topic, payload ->> 'location' AS location FROM commerce.outbox WHERE aggregate = :'id6' AND topic IN ('fulfilment.split', 'fulfilment.moved') ORDER BY id;
\set VERBOSITY sqlstate
SELECT commerce.move_fulfilment(:'s1', 'par-nowhere');
SELECT commerce.move_fulfilment(:'s1', NULL);
SELECT commerce.move_fulfilment(NULL, 'par-far');
SELECT commerce.move_fulfilment(:'p1', 'par-far');
SELECT commerce.fulfilment_event(:'s2', 'start'), commerce.fulfilment_event(:'s2', 'pack');
SELECT commerce.move_fulfilment(:'s2', 'par-far');
\set VERBOSITY default
-- Who waited for the units that are free now is told: the order that moves away was before it in the queue.
SELECT commerce.receive_stock('par-board', 3, 'par-near') \gset
SELECT commerce.checkout('[{"sku": "par-board", "quantity": 3, "location": "par-near"}]') AS away \gset
UPDATE commerce.stock SET backorder_limit = 2 WHERE sku = 'par-board' AND location = 'par-near';
SELECT commerce.checkout('[{"sku": "par-board", "quantity": 2, "location": "par-near"}]') AS waits \gset
SELECT pg_temp.levels('par-board'), order_id = :'waits' AS waits, waiting FROM commerce.backorders WHERE sku = 'par-board';
SELECT commerce.plan_fulfilment(:'away', '[{"line": 1, "quantity": 2}]') AS a1 \gset
SELECT commerce.move_fulfilment(:'a1', 'par-far');
SELECT topic, payload - 'order_id' AS told FROM commerce.outbox WHERE aggregate = :'waits' AND topic LIKE 'stock.%';
SELECT pg_temp.levels('par-board'), (SELECT count(*) FROM commerce.backorders WHERE sku = 'par-board') AS waiting;
SELECT commerce.fulfil(:'waits') IS NOT NULL AS sent, commerce.fulfil(:'away') IS NOT NULL AS rest, commerce.fulfilment_event(:'a1', 'ship');
SELECT pg_temp.levels('par-board');

-- Tracking, before and after it leaves.
SELECT commerce.track_fulfilment(:'s2', 'T 1');
SELECT commerce.fulfilment_event(:'s2', 'ship');
SELECT commerce.track_fulfilment(:'s2', 'T 2', 'dhl', 'https://track.example/T2');
SELECT commerce.track_fulfilment(:'s2', 'T 2', 'dhl', 'https://track.example/T2');
SELECT state, tracking, carrier, tracking_url FROM commerce.fulfilments WHERE id = :'s2';
SELECT payload - 'order_id' - 'id' AS tracked FROM commerce.outbox WHERE aggregate = :'id6' AND topic = 'fulfilment.tracked' ORDER BY id;
SELECT commerce.track_fulfilment(:'c1', 'T 3');
SELECT commerce.track_fulfilment(:'s2', '');
SELECT commerce.track_fulfilment(:'s2', 'T 3', 'dhl', 'javascript:alert(1)');
\set VERBOSITY sqlstate
SELECT commerce.track_fulfilment(:'s2', NULL);
SELECT commerce.track_fulfilment(:'s2', 'T 3', 'dhl', 'https://x y');
SELECT commerce.track_fulfilment(:'s2', 'T 3', 'dhl', '');
SELECT commerce.track_fulfilment(NULL, 'T 3');
SELECT commerce.track_fulfilment('00000000-0000-7000-8000-000000000000', 'T 3');
SELECT commerce.plan_fulfilment(:'id6', NULL, 'par-nowhere');
SELECT commerce.plan_fulfilment(:'id6', NULL, NULL, 'infinity');
SELECT commerce.plan_fulfilment(:'id6', '[{"line": 1, "quantity": -1}]');
SELECT commerce.plan_fulfilment(:'id6', '{}');
SELECT commerce.plan_fulfilment('00000000-0000-7000-8000-000000000000');
SELECT commerce.plan_fulfilment(NULL);
\set VERBOSITY default
SELECT jsonb_path_query(commerce.order_summary(:'id6'), '$.fulfilments[*] ? (@.state == "shipped")') - 'id' AS summary;

-- What needs no sending is in no parcel by itself and waits for nothing; counted goods can be handed out.
SELECT commerce.receive_stock('par-ticket', 5) \gset
SELECT commerce.checkout('[{"sku": "par-file", "quantity": 2}]') AS file \gset
SELECT commerce.order_fulfilment_status(:'file'), line, requires_shipping FROM commerce.order_lines WHERE order_id = :'file';
SELECT commerce.fulfil(:'file');
SELECT commerce.checkout('[{"sku": "par-file", "quantity": 2}, {"sku": "par-B", "quantity": 1}, {"sku": "par-ticket", "quantity": 2}]') AS mixed \gset
UPDATE commerce.variants SET requires_shipping = true WHERE sku = 'par-file';
SELECT commerce.order_fulfilment_status(:'file') AS of_the_past, commerce.order_fulfilment_status(:'mixed');
SELECT pg_temp.parcel(commerce.fulfil(:'mixed'));
SELECT commerce.order_fulfilment_status(:'mixed');
SELECT commerce.fulfil(:'mixed');
SELECT commerce.request_return(:'mixed', '[{"sku": "par-ticket", "quantity": 1}]');
SELECT pg_temp.parcel(commerce.fulfil(:'mixed', '[{"sku": "par-ticket", "quantity": 2}]')), pg_temp.levels('par-ticket');
SELECT commerce.receive_return(commerce.request_return(:'mixed', '[{"sku": "par-ticket", "quantity": 1}, {"sku": "par-file", "quantity": 2}]'));
SELECT pg_temp.levels('par-ticket'), commerce.order_fulfilment_status(:'mixed');
SELECT commerce.receive_return(commerce.request_return(:'file', '[{"sku": "par-file", "quantity": 1}]'));
SELECT commerce.order_fulfilment_status(:'file');
SELECT commerce.receive_return(commerce.request_return(:'file', '[{"sku": "par-file", "quantity": 1}]'));
SELECT commerce.order_fulfilment_status(:'file');
SELECT commerce.order_event(:'file', 'cancel');
UPDATE commerce.variants SET requires_shipping = false WHERE sku = 'par-file';
-- What was cancelled does not come back as well.
SELECT commerce.checkout('[{"sku": "par-file", "quantity": 1}]') AS never \gset
SELECT commerce.order_event(:'never', 'cancel');
SELECT commerce.request_return(:'never', '[{"sku": "par-file", "quantity": 1}]');
