-- Holding a whole cart: three modes, once per holder, and what is refused.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.locations (code, priority) VALUES ('cart-near', 50), ('cart-far', -50);
INSERT INTO commerce.variants (sku, track_stock) SELECT 'cart-' || n, n < 9 FROM generate_series(1, 9) n;
SELECT count(commerce.receive_stock(sku, q, l)) FROM (VALUES ('cart-1', 5, 'cart-near'), ('cart-2', 2, 'cart-near'), ('cart-2', 4, 'cart-far')) s (sku, q, l);
CREATE VIEW pg_temp.held AS SELECT holder, line, sku, location, quantity FROM commerce.reservations WHERE sku LIKE 'cart-%' AND state = 'held';

-- all: everything, or every short line. Lines of one sku are added up: 3 + 3 of 5 is short.
SELECT sku, location, quantity, missing FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 2}, {"sku": "cart-2", "quantity": 5}, {"sku": "cart-9", "quantity": 7}]', 'cart a');
SELECT * FROM held ORDER BY line, location DESC;
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 3}, {"sku": "cart-1", "quantity": 3}, {"sku": "cart-3", "quantity": 1}]', 'cart a');
\echo :LAST_ERROR_SQLSTATE
-- What was held before a refusal still is.
SELECT * FROM held ORDER BY line, location DESC;
-- Own holds do not count; what the last call said is what is held, for all skus.
SELECT sku, location, quantity, missing FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 5}]', 'cart a');
SELECT * FROM held ORDER BY line;
SELECT r.reservation IS NOT NULL AS reserved, r.sku, r.quantity FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 5}]', 'cart a') r;
SELECT * FROM held ORDER BY line;
SELECT commerce.available(ARRAY['cart-1', 'cart-2']);
-- Nobody's holds replace nobody's.
SELECT count(*) FROM commerce.reserve_lines('[{"sku": "cart-2", "quantity": 1}]');
SELECT count(*) FROM commerce.reserve_lines('[{"sku": "cart-2", "quantity": 1}]');
SELECT * FROM held ORDER BY holder, line;
-- partial: whole lines; clamp: as much as there is.
SELECT reservation IS NOT NULL AS reserved, sku, location, quantity, missing FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1}, {"sku": "cart-2", "quantity": 3}, {"sku": "cart-2", "quantity": 2}, {"sku": "cart-3", "quantity": 4}]', 'cart b', mode => 'partial');
SELECT reservation IS NOT NULL AS reserved, sku, location, quantity, missing FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1}, {"sku": "cart-2", "quantity": 3}, {"sku": "cart-2", "quantity": 2}, {"sku": "cart-3", "quantity": 4}]', 'cart b', mode => 'clamp');
SELECT * FROM held WHERE holder = 'cart b' ORDER BY line, location DESC;
-- A cart of five with three there.
SELECT commerce.release_holder('cart a');
SELECT count(*) FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 2}]', 'cart a');
SELECT sku, quantity, missing FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 5}]', 'cart b', mode => 'clamp');
-- Empty lines release everything; also of a holder that holds nothing.
SELECT * FROM commerce.reserve_lines('[]', 'cart b');
SELECT * FROM held WHERE holder = 'cart b';
SELECT * FROM commerce.reserve_lines('[]', 'nobody');
SELECT * FROM commerce.reserve_lines('[]');
-- Where from, for how long; a line's own location counts more than the call's.
SELECT sku, location, quantity FROM commerce.reserve_lines('[{"sku": "cart-2", "quantity": 1}, {"sku": "cart-2", "quantity": 1, "location": "cart-far"}]', 'cart b', mode => 'clamp', location => 'cart-near', ttl => '1 hour');
SELECT expires_at - created_at BETWEEN interval '59 min 59 s' AND interval '1 hour' AS hour FROM commerce.reservations WHERE holder = 'cart b' AND state = 'held';
-- A quantity may be a string, and a line may say what only prices depend on.
SELECT sku, quantity FROM commerce.reserve_lines('[{"sku": "cart-2", "quantity": "2", "unit_price": "1 EUR", "title": "Two"}]', 'cart b');

-- Refused, naming the line; nothing changes.
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1}, {"sku": "cart-1", "quantity": 0}]', 'cart b');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1000000000000000001}]', 'cart b');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1}, 7]', 'cart b');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1, "locaton": "main"}]', 'cart b');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1}]', 'cart b', mode => 'some');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1}]', 'cart b', strategy => 'nearest');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1}, {"sku": "cart-unknown", "quantity": 1}]', 'cart b', mode => 'clamp');
\set VERBOSITY sqlstate
SELECT * FROM commerce.reserve_lines('[{"quantity": 1}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "", "quantity": 1}]');
SELECT * FROM commerce.reserve_lines('[{"sku": 5, "quantity": 1}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1"}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": null}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": -1}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1.5}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": "two"}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": ""}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1e30}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": true}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1, "location": ""}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-1", "quantity": 1, "location": "cart-nowhere"}]');
SELECT * FROM commerce.reserve_lines('[{"sku": "cart-3", "quantity": 1}]', location => 'cart-nowhere', mode => 'partial');
SELECT * FROM commerce.reserve_lines('{"sku": "cart-1", "quantity": 1}');
SELECT * FROM commerce.reserve_lines('"lines"');
SELECT * FROM commerce.reserve_lines('null');
SELECT * FROM commerce.reserve_lines(NULL);
SELECT * FROM commerce.reserve_lines('[]', ttl => '0');
SELECT * FROM commerce.reserve_lines((SELECT jsonb_agg('{"sku": "cart-1", "quantity": 1}'::jsonb) FROM generate_series(1, 100001)));
SELECT commerce.reserve('cart-1', 1000000000000000001);
SELECT commerce.try_reserve('cart-1', 1000000000000000001);
\set VERBOSITY default
SELECT * FROM held WHERE holder = 'cart b';
SELECT sku, quantity FROM commerce.reserve_lines('[{"sku": "cart-2", "quantity": 1}]', 'cart b', NULL, NULL, NULL, NULL);
SELECT * FROM commerce.reserve_lines('[]', 'cart b');

-- As many lines as there may be.
INSERT INTO commerce.variants (sku) SELECT 'cart-many-' || n FROM generate_series(1, 100) n;
SELECT count(commerce.receive_stock('cart-many-' || n, 1000)) FROM generate_series(1, 100) n;
SELECT jsonb_agg(jsonb_build_object('sku', 'cart-many-' || n % 100 + 1, 'quantity', 1)) AS many FROM generate_series(1, 100000) n \gset
SELECT count(reservation), sum(quantity), sum(missing) FROM commerce.reserve_lines(:'many', 'cart many');
SELECT count(*), sum(quantity), sum(missing) FROM commerce.plan_sourcing(:'many', 'fewest_splits', holder => 'cart many');
SELECT min(available), max(available) FROM commerce.available(ARRAY(SELECT 'cart-many-' || n FROM generate_series(1, 100) n));
SELECT count(*) FROM commerce.reserve_lines('[]', 'cart many');
SELECT min(available), max(available) FROM commerce.available(ARRAY(SELECT 'cart-many-' || n FROM generate_series(1, 100) n));
