-- Goods come back: only what was sent, each unit once, for exactly what it cost.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.channels (code) VALUES ('ret');
INSERT INTO commerce.variants (sku) VALUES ('ret-A'), ('ret-B');
INSERT INTO commerce.prices (sku, price, per_quantity) VALUES ('ret-A', '10 EUR', 3), ('ret-B', '2 EUR', 1);
INSERT INTO commerce.tax_zones (code, countries) VALUES ('ret', '{XR}');
INSERT INTO commerce.tax_rates (zone, name, rate) VALUES ('ret', 'VAT', 19);
INSERT INTO commerce.promotions (name, condition, benefit) VALUES ('ret', 'channel = ''ret''', '1 EUR off lines where sku = ''ret-A''');
SELECT commerce.receive_stock('ret-A', 100), commerce.receive_stock('ret-B', 100) \gset

-- 10.00 over three units, returned one by one, adds up to 10.00.
SELECT commerce.checkout('[{"sku": "ret-A", "quantity": 3}, {"sku": "ret-B", "quantity": 2}]') AS id \gset
SELECT commerce.fulfil(:'id') IS NOT NULL AS sent;
SELECT commerce.request_return(:'id', '[{"sku": "ret-A", "quantity": 1}]', 'too big') AS r1 \gset
SELECT commerce.request_return(:'id', '[{"line": 1, "quantity": 1}]') AS r2 \gset
SELECT commerce.request_return(:'id', '[{"line": 1, "quantity": 1}, {"sku": "ret-B", "quantity": 2}]') AS r3 \gset
SELECT r.state, r.reason, l.line, l.quantity, l.value FROM commerce.returns r JOIN commerce.return_lines l ON l.return_id = r.id WHERE r.order_id = :'id' ORDER BY r.id, l.line;
SELECT on_hand FROM commerce.stock WHERE sku = 'ret-A';
SELECT commerce.receive_return(:'r1'), commerce.receive_return(:'r2', 'write_off'), commerce.receive_return(:'r3', 'restock', 'main');
SELECT sku, on_hand FROM commerce.stock WHERE sku LIKE 'ret-%' ORDER BY 1;
SELECT sku, delta, reason, reference = :'id' AS reference FROM commerce.stock_movements WHERE sku LIKE 'ret-%' AND reason = 'returned' ORDER BY id;
SELECT r.state, l.line, l.disposition, l.value FROM commerce.returns r JOIN commerce.return_receptions l ON l.return_id = r.id WHERE r.order_id = :'id' ORDER BY r.id, l.line;
SELECT topic FROM commerce.outbox WHERE aggregate = :'id' ORDER BY id;

-- Received once.
\set VERBOSITY terse
SELECT commerce.receive_return(:'r1');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.receive_return(:'r2', 'restock');
SELECT l.disposition FROM commerce.return_receptions l WHERE return_id = :'r2';
SELECT commerce.return_event(:'r1', 'close');
SELECT commerce.receive_return(:'r1');
SELECT commerce.request_return(:'id', '[{"line": 1, "quantity": 1}]');

-- Shares carry their part of discount and tax, and a return that is called off frees its units.
SELECT commerce.checkout('[{"sku": "ret-A", "quantity": 7}]', channel => 'ret', ship_to => '{"country": "XR"}') AS id2 \gset
SELECT subtotal, discount, tax, total FROM commerce.order_lines WHERE order_id = :'id2';
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 1}]');
SELECT commerce.fulfil(:'id2', '[{"line": 1, "quantity": 6}]') IS NOT NULL AS sent;
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 4}]') AS s1 \gset
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 3}]');
SELECT commerce.return_event(:'s1', 'decline');
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 6}]') AS s2 \gset
SELECT commerce.return_event(:'s2', 'approve'), commerce.return_event(:'s2', 'cancel');
SELECT commerce.receive_return(:'s1');
SELECT commerce.receive_return(:'s2');
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 2}, {"line": 1, "quantity": 2}]') AS s3 \gset
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 2}]') AS s4 \gset
SELECT commerce.fulfil(:'id2') IS NOT NULL AS sent;
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 1}]') AS s5 \gset
SELECT r.state, l.quantity, l.value FROM commerce.returns r JOIN commerce.return_lines l ON l.return_id = r.id WHERE r.order_id = :'id2' ORDER BY r.id;
SELECT commerce.sum(l.value) OPERATOR(commerce.=) (SELECT total FROM commerce.orders WHERE id = :'id2') AS all_of_it FROM commerce.returns r JOIN commerce.return_lines l ON l.return_id = r.id
WHERE r.order_id = :'id2' AND r.state NOT IN ('declined', 'cancelled');
-- An event alone receives nothing: what becomes of the units has to be said.
SELECT commerce.return_event(:'s3', 'receive');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.return_event(:'s3', 'approve');
SELECT commerce.receive_return(:'s3', 'write_off');

-- Refused.
\set VERBOSITY default
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 1}]');
\set VERBOSITY sqlstate
SELECT commerce.request_return(:'id2', '[]');
SELECT commerce.request_return(:'id2', NULL);
SELECT commerce.request_return(:'id2', '{}');
SELECT commerce.request_return(:'id2', '[{"line": 2, "quantity": 1}]');
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 0}]');
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 9223372036854775807}]');
SELECT commerce.request_return('00000000-0000-7000-8000-000000000000', '[{"line": 1, "quantity": 1}]');
SELECT commerce.request_return(NULL, '[{"line": 1, "quantity": 1}]');
SELECT commerce.receive_return('00000000-0000-7000-8000-000000000000');
SELECT commerce.receive_return(NULL);
SELECT commerce.receive_return(:'s4', 'eat');
SELECT commerce.receive_return(:'s4', NULL);
SELECT commerce.receive_return(:'s4', 'restock', 'ret-nowhere');
SELECT commerce.receive_return(:'s4', 'restock', NULL);
\set VERBOSITY default
SELECT state FROM commerce.returns WHERE id = :'s4';
UPDATE commerce.promotions SET status = 'ended' WHERE name = 'ret';
