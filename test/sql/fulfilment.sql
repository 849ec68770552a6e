-- Goods leave: what was reserved, from where it was reserved, each unit once.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.locations (code, priority) VALUES ('ful-near', 40), ('ful-far', -40);
INSERT INTO commerce.variants (sku, track_stock) VALUES ('ful-A', true), ('ful-B', true), ('ful-back', true), ('ful-svc', false);
INSERT INTO commerce.prices (sku, price) SELECT sku, '5 EUR' FROM commerce.variants WHERE sku LIKE 'ful-%';
SELECT commerce.receive_stock('ful-A', 6, 'ful-near'), commerce.receive_stock('ful-A', 4, 'ful-far'), commerce.receive_stock('ful-B', 10) \gset
CREATE FUNCTION pg_temp.parcel(parcel uuid) RETURNS text LANGUAGE sql AS $$
    SELECT f.state || coalesce(' ' || f.tracking, '') || ': ' || string_agg(concat_ws(' ', l.quantity, 'of line', l.line, 'from ' || l.location), ', ' ORDER BY l.line, l.location)
    FROM commerce.fulfilments f JOIN commerce.fulfilment_lines l ON l.fulfilment_id = f.id WHERE f.id = parcel GROUP BY f.id, f.state, f.tracking
$$;
CREATE FUNCTION pg_temp.levels(pattern text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat(sku, ' ', location, ' ', on_hand, '/', commerce.available(sku, location)), ', ' ORDER BY sku, location) FROM commerce.stock WHERE sku LIKE pattern
$$;

-- In parts: by line, by sku, then the rest. on_hand falls when units leave; what is available does not change.
SELECT commerce.checkout('[{"sku": "ful-A", "quantity": 8}, {"sku": "ful-B", "quantity": 3}, {"sku": "ful-svc", "quantity": 2}, {"sku": "ful-B", "quantity": 1}]') AS id \gset
SELECT pg_temp.levels('ful-_') AS on_hand_and_available;
SELECT commerce.fulfil(:'id', '[{"line": 2, "quantity": 1}, {"line": 2, "quantity": 1}]', tracking => 'T1') AS f1 \gset
SELECT pg_temp.parcel(:'f1'), pg_temp.levels('ful-B');
SELECT commerce.fulfil(:'id', '[{"sku": "ful-A", "quantity": 2}, {"sku": "ful-svc", "quantity": 1}]', 'ful-far') AS f2 \gset
SELECT pg_temp.parcel(:'f2'), pg_temp.levels('ful-A');
SELECT commerce.fulfil(:'id') AS f3 \gset
SELECT pg_temp.parcel(:'f3');
SELECT pg_temp.levels('ful-_') AS on_hand_and_available;
SELECT line, location, state, sum(quantity) AS units FROM commerce.reservations WHERE order_id = :'id' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT location, delta, reason, reference = :'id' AS reference FROM commerce.stock_movements WHERE sku = 'ful-A' AND reason = 'sold' ORDER BY id;
SELECT bool_and(on_hand = moved) AS movements_add_up FROM commerce.stock s JOIN (SELECT sku, location, sum(delta) AS moved FROM commerce.stock_movements GROUP BY 1, 2) m USING (sku, location) WHERE sku LIKE 'ful-_';
SELECT event, from_state, to_state, item = :'f1' AS first FROM commerce.state_history WHERE subject = :'id' AND machine = 'fulfilment' ORDER BY id;
SELECT topic, payload ->> 'id' = :'f3' AS third FROM commerce.outbox WHERE aggregate = :'id' ORDER BY id;
SELECT commerce.fulfilment_event(:'f1', 'deliver');
\set VERBOSITY terse
SELECT commerce.fulfilment_event(:'f1', 'deliver');
SELECT commerce.fulfil(:'id');
SELECT commerce.fulfil(:'id', '[{"line": 1, "quantity": 1}]');

-- Refused, with nothing changed.
SELECT commerce.checkout('[{"sku": "ful-B", "quantity": 2}, {"sku": "ful-B", "quantity": 2}, {"sku": "ful-A", "quantity": 1}]') AS id2 \gset
SELECT pg_temp.levels('ful-_') AS before \gset
\set VERBOSITY default
SELECT commerce.fulfil(:'id2', '[{"sku": "ful-B", "quantity": 1}]');
SELECT commerce.fulfil(:'id2', '[{"line": 1, "quantity": 3}]');
SELECT commerce.fulfil(:'id2', '[{"line": 1, "quantity": 1}, {"line": 1, "quantity": 2}]');
SELECT commerce.fulfil(:'id2', '[{"line": 3, "quantity": 1}]', 'ful-near');
SELECT commerce.fulfil(:'id2', '[{"line": 9, "quantity": 1}]');
\set VERBOSITY sqlstate
SELECT commerce.fulfil(:'id2', '[{"sku": "ful-unknown", "quantity": 1}]');
SELECT commerce.fulfil(:'id2', '[{"line": 1, "quantity": 0}]');
SELECT commerce.fulfil(:'id2', '[{"line": 1, "quantity": -1}]');
SELECT commerce.fulfil(:'id2', '[{"line": 1, "quantity": 0.5}]');
SELECT commerce.fulfil(:'id2', '[{"line": 1, "quantity": 1e30}]');
SELECT commerce.fulfil(:'id2', '[{"line": 1}]');
SELECT commerce.fulfil(:'id2', '[{"line": "x", "quantity": 1}]');
SELECT commerce.fulfil(:'id2', '[{"quantity": 1}]');
SELECT commerce.fulfil(:'id2', '[1]');
SELECT commerce.fulfil(:'id2', '[]');
SELECT commerce.fulfil(:'id2', '{}');
SELECT commerce.fulfil(:'id2', 'null');
SELECT commerce.fulfil('00000000-0000-7000-8000-000000000000');
SELECT commerce.fulfil(NULL);
\set VERBOSITY default
SELECT pg_temp.levels('ful-_') = :'before' AS unchanged, (SELECT count(*) FROM commerce.fulfilments WHERE order_id = :'id2') AS parcels;
SELECT commerce.order_event(:'id2', 'cancel');
SELECT commerce.fulfil(:'id2');
\echo :LAST_ERROR_SQLSTATE

-- What was sold on backorder is sent once it is there, as far as it is there.
SELECT commerce.receive_stock('ful-back', 1) \gset
UPDATE commerce.stock SET backorder_limit = 5 WHERE sku = 'ful-back';
SELECT commerce.checkout('[{"sku": "ful-back", "quantity": 4}]') AS id3 \gset
SELECT commerce.fulfil(:'id3');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.parcel(commerce.fulfil(:'id3', '[{"line": 1, "quantity": 1}]'));
SELECT commerce.receive_stock('ful-back', 3);
SELECT pg_temp.parcel(commerce.fulfil(:'id3'));
SELECT pg_temp.levels('ful-back');
