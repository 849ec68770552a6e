-- From which locations goods come: four strategies, the plan before the promise, and what each refuses.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.locations (code, priority, active) VALUES ('src-hi', 30, true), ('src-a', 20, true), ('src-b', 20, true), ('src-off', 99, false);
INSERT INTO commerce.variants (sku, track_stock) SELECT 'src-' || n, n < 9 FROM generate_series(1, 9) n;
INSERT INTO commerce.prices (sku, price) SELECT 'src-' || n, '1 EUR' FROM generate_series(1, 9) n;
SELECT count(commerce.receive_stock(sku, q, l)) FROM (VALUES ('src-1', 2, 'src-hi'), ('src-1', 4, 'src-b'), ('src-1', 3, 'src-a'), ('src-1', 9, 'src-off'),
    ('src-2', 5, 'src-b'), ('src-2', 1, 'src-hi'), ('src-3', 5, 'src-a'), ('src-3', 5, 'src-b'), ('src-4', 1, 'src-hi')) s (sku, q, l);

-- priority: the highest number first, ties by code. most_stock: from where most is. Closed locations only when named.
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 8}]');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 8}]', 'most_stock');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 8}]', location => 'src-off');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 11, "location": "src-off"}, {"sku": "src-1", "quantity": 1}]', 'most_stock');
-- fewest_splits: all lines together from as few as possible. no_split: from one, or it is short.
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 3}, {"sku": "src-2", "quantity": 2}, {"sku": "src-3", "quantity": 5}]');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 3}, {"sku": "src-2", "quantity": 2}, {"sku": "src-3", "quantity": 5}]', 'fewest_splits');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 3}, {"sku": "src-2", "quantity": 2}, {"sku": "src-3", "quantity": 5}]', 'no_split');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 3}, {"sku": "src-4", "quantity": 1}]', 'fewest_splits');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 3}, {"sku": "src-4", "quantity": 1}]', 'no_split');
SELECT commerce.reserve_lines('[{"sku": "src-1", "quantity": 3}, {"sku": "src-4", "quantity": 1}]', strategy => 'no_split');
-- Stock before backorder, whatever the strategy; a backorder where nothing else is left.
UPDATE commerce.stock SET backorder_limit = NULL WHERE sku = 'src-1' AND location = 'src-hi';
SELECT s.strategy, p.* FROM unnest('{priority,most_stock,fewest_splits,no_split}'::text[]) WITH ORDINALITY s (strategy, n), commerce.plan_sourcing('[{"sku": "src-1", "quantity": 4}]', s.strategy) p ORDER BY s.n;
SELECT s.strategy, p.* FROM unnest('{priority,most_stock,fewest_splits,no_split}'::text[]) WITH ORDINALITY s (strategy, n), commerce.plan_sourcing('[{"sku": "src-1", "quantity": 10}]', s.strategy) p ORDER BY s.n;
UPDATE commerce.stock SET backorder_limit = 0 WHERE sku = 'src-1';
-- Two lines of one sku share what there is. What is never short needs no stock.
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-2", "quantity": 3}, {"sku": "src-2", "quantity": 3}, {"sku": "src-2", "quantity": 3}, {"sku": "src-9", "quantity": 1000}]');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-5", "quantity": 3}]');
SELECT * FROM commerce.plan_sourcing('[]');

-- A plan is for looking: no lock, no WAL, no transaction id, and nothing is held. The holder's own holds do not stand in its way.
BEGIN;
SELECT count(*) FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 8}]', 'fewest_splits');
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_transaction_id;
SELECT count(*) AS row_locks FROM pg_locks WHERE pid = pg_backend_pid() AND mode IN ('RowExclusiveLock', 'RowShareLock');
COMMIT;
BEGIN TRANSACTION READ ONLY;
SELECT count(*) FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 8}]');
COMMIT;
SELECT count(*) FROM commerce.reservations WHERE sku LIKE 'src-%';
SELECT sku, location, quantity, missing FROM commerce.reserve_lines('[{"sku": "src-2", "quantity": 6}]', 'src-cart');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-2", "quantity": 6}]');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-2", "quantity": 6}]', holder => 'src-cart');
SELECT commerce.release_holder('src-cart');

-- checkout() takes a strategy among its options.
SELECT commerce.checkout('[{"sku": "src-1", "quantity": 3}, {"sku": "src-2", "quantity": 2}, {"sku": "src-3", "quantity": 5}]', options => '{"strategy": "fewest_splits"}') AS id \gset
SELECT line, sku, location, quantity FROM commerce.reservations WHERE order_id = :'id' ORDER BY line;
SELECT commerce.checkout('[{"sku": "src-3", "quantity": 1}]', options => '{"strategy": "nearest"}');

-- Refused.
\set VERBOSITY sqlstate
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 1}]', 'nearest');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 1}]', '');
SELECT * FROM commerce.plan_sourcing(NULL);
SELECT * FROM commerce.plan_sourcing('{}');
SELECT * FROM commerce.plan_sourcing('[1]');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-unknown", "quantity": 1}]');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 1}]', location => 'src-nowhere');
SELECT * FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 1, "location": "src-nowhere"}]');
\set VERBOSITY default
SELECT count(*) FROM commerce.plan_sourcing('[{"sku": "src-1", "quantity": 1}]', NULL, NULL, NULL);

-- A name that is too long for a counter is counted by its rows, each location once.
INSERT INTO commerce.locations (code) VALUES ('src-long-1'), ('src-long-2');
INSERT INTO commerce.variants (sku) VALUES (repeat('src', 40));
SELECT commerce.receive_stock(repeat('src', 40), 5, 'src-long-' || n) FROM generate_series(1, 2) n;
SELECT commerce.reserve(repeat('src', 40), 2, location => 'src-long-' || n) IS NOT NULL AS held FROM generate_series(1, 2) n;
SELECT location, quantity, missing FROM commerce.reserve_lines(jsonb_build_array(jsonb_build_object('sku', repeat('src', 40), 'quantity', 7)), mode => 'clamp');
SELECT commerce.try_reserve(repeat('src', 40)) IS NULL AS none;
