-- Backorders: first come, first served, told once.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku) VALUES ('back-A'), ('back-B');
INSERT INTO commerce.prices (sku, price) VALUES ('back-A', '1 EUR'), ('back-B', '1 EUR');
CREATE TEMP TABLE bought (name text, id uuid);
CREATE FUNCTION pg_temp.buy(name text, quantity int, sku text DEFAULT 'back-A') RETURNS void LANGUAGE sql AS
    $$ INSERT INTO bought VALUES (name, commerce.checkout(jsonb_build_array(jsonb_build_object('sku', sku, 'quantity', quantity)))) $$;
CREATE FUNCTION pg_temp.waiting() RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(format('%s %s of %s', b.name, w.waiting, w.quantity), ', ' ORDER BY w.sku, w.created_at, w.reservation) FROM commerce.backorders w JOIN bought b ON b.id = w.order_id $$;
CREATE FUNCTION pg_temp.told() RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(format('%s: %s %s', b.name, o.payload ->> 'quantity', o.payload ->> 'sku'), ', ' ORDER BY o.id) FROM commerce.outbox o JOIN bought b ON b.id = (o.payload ->> 'order_id')::uuid WHERE o.topic = 'stock.backorder_filled' AND o.aggregate = b.id::text $$;

SELECT commerce.set_stock_policy('back-A', 'main', 0, NULL, NULL), commerce.set_stock_policy('back-B', 'main', 0, 5, NULL), commerce.receive_stock('back-A', 3) \gset
SELECT pg_temp.buy('ann', 2), pg_temp.buy('bob', 4), pg_temp.buy('cid', 2), pg_temp.buy('dot', 1) \gset
-- A cart that holds waits behind those who have bought.
SELECT commerce.reserve('back-A', 3) IS NOT NULL AS held;
SELECT pg_temp.waiting(), backordered, committed, reserved, available FROM commerce.stock_levels WHERE sku = 'back-A';

-- What was covered from the start is not told; what becomes covered is, when its last unit does, each once.
SELECT commerce.receive_stock('back-A', 2), pg_temp.told(), pg_temp.waiting();
SELECT commerce.receive_stock('back-A', 1), pg_temp.told(), pg_temp.waiting();
-- Any other rise counts: found again, repaired, returned by a supplier. Incoming and damaged units fill nothing.
SELECT commerce.expect_stock('back-A', 9), commerce.receive_stock('back-A', 1, state => 'damaged'), pg_temp.told(), pg_temp.waiting();
SELECT commerce.move_stock('back-A', 1, 'main', 'main', from_state => 'damaged'), pg_temp.told(), pg_temp.waiting();
SELECT commerce.adjust_stock('back-A', 1), pg_temp.told(), pg_temp.waiting();

-- A cancel frees units for those behind.
SELECT commerce.order_event((SELECT id FROM bought WHERE name = 'ann'), 'cancel'), pg_temp.told(), pg_temp.waiting();
SELECT commerce.receive_stock('back-A', 5), pg_temp.told(), pg_temp.waiting();
-- One that frees what nobody waits for tells nobody.
SELECT commerce.order_event((SELECT id FROM bought WHERE name = 'dot'), 'cancel'), pg_temp.told(), pg_temp.waiting();

-- A merchant may send what is on hand to whom they choose; the others then wait for what is missing.
SELECT commerce.adjust_stock('back-A', -10), pg_temp.waiting();
SELECT commerce.fulfil((SELECT id FROM bought WHERE name = 'cid')) IS NOT NULL AS sent, pg_temp.waiting();
SELECT commerce.fulfil((SELECT id FROM bought WHERE name = 'bob'));
SELECT commerce.receive_stock('back-A', 4), pg_temp.told(), pg_temp.waiting();
SELECT commerce.fulfil((SELECT id FROM bought WHERE name = 'bob')) IS NOT NULL AS sent, pg_temp.waiting();

-- One receipt fills several, in order; a rolled back one none.
SELECT pg_temp.buy('eve', 2, 'back-B'), pg_temp.buy('fay', 1, 'back-B'), pg_temp.buy('gil', 2, 'back-B') \gset
DELETE FROM commerce.outbox WHERE topic = 'stock.backorder_filled';
BEGIN;
SELECT commerce.receive_stock('back-B', 9), pg_temp.told();
ROLLBACK;
SELECT pg_temp.told(), pg_temp.waiting();
SELECT commerce.receive_stock('back-B', 4), pg_temp.told(), pg_temp.waiting();
SELECT aggregate = payload ->> 'order_id' AS of_the_order, payload - 'order_id' AS payload FROM commerce.outbox WHERE topic = 'stock.backorder_filled' ORDER BY id;
-- A limited backorder sells no more than its limit.
\set VERBOSITY terse
SELECT pg_temp.buy('hal', 5, 'back-B');
