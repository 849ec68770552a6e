-- Kits: sold as one thing, held, sent and taken back as their parts.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.locations (code, priority) VALUES ('kit-near', 50), ('kit-far', -50);
INSERT INTO commerce.variants (sku, track_stock) SELECT 'kit-' || s, s <> 'manual' FROM unnest('{screw,board,manual,shelf,wall,paper}'::text[]) s;
INSERT INTO commerce.prices (sku, price) SELECT 'kit-' || s, '10 EUR' FROM unnest('{screw,board,shelf,wall,paper}'::text[]) s;
CREATE VIEW pg_temp.promised AS SELECT order_id, holder, line, sku, location, quantity, per_unit, state FROM commerce.reservations WHERE sku LIKE 'kit-%';
SELECT commerce.reserve('kit-shelf');
-- A shelf is two boards, eight screws and a manual, which never runs out; a wall is two shelves and a board.
INSERT INTO commerce.kit_parts (kit, part, quantity) VALUES ('kit-shelf', 'kit-board', 2), ('kit-shelf', 'kit-screw', 8), ('kit-shelf', 'kit-manual', 1),
    ('kit-wall', 'kit-shelf', 2), ('kit-wall', 'kit-board', 1), ('kit-paper', 'kit-manual', 1);
SELECT count(commerce.receive_stock(sku, q, l)) FROM (VALUES ('kit-board', 5, 'kit-near'), ('kit-board', 6, 'kit-far'), ('kit-screw', 20, 'kit-near'), ('kit-screw', 40, 'kit-far')) s (sku, q, l);

-- One id for all parts of a reservation, all from one location.
SELECT commerce.reserve('kit-shelf', 2, 'kit cart') AS id \gset
SELECT * FROM promised ORDER BY sku;
SELECT count(DISTINCT id) FROM commerce.reservations WHERE holder = 'kit cart';
SELECT commerce.extend_reservation(:'id', '1 day') - clock_timestamp() > interval '23 hours' AS extended;
SELECT count(*), count(*) FILTER (WHERE expires_at > clock_timestamp() + interval '23 hours') AS longer FROM commerce.reservations WHERE id = :'id';
SELECT commerce.release_reservation(:'id');
SELECT sku, state FROM promised ORDER BY sku;
SELECT commerce.reserve('kit-wall', 1) AS id \gset
SELECT sku, location, quantity, per_unit FROM promised WHERE state = 'held' ORDER BY sku;
SELECT commerce.release_reservation(:'id');
-- Short: the part and its kit.
SELECT commerce.reserve('kit-wall', 2);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.try_reserve('kit-wall', 2) IS NULL AS none, commerce.try_reserve('kit-shelf', 4) IS NULL AS none;
SELECT commerce.reserve_lines('[{"sku": "kit-board", "quantity": 1}, {"sku": "kit-shelf", "quantity": 6}, {"sku": "kit-screw", "quantity": 1}]');

-- A cart: parts may come from several locations, unless they must not; lines and kits share what there is.
SELECT sku, location, quantity, missing FROM commerce.reserve_lines('[{"sku": "kit-board", "quantity": 1}, {"sku": "kit-shelf", "quantity": 5}]', 'kit cart');
SELECT count(*), count(DISTINCT id) AS ids FROM commerce.reservations WHERE holder = 'kit cart' AND state = 'held' AND line = 2;
SELECT sku, location, quantity, missing FROM commerce.reserve_lines('[{"sku": "kit-board", "quantity": 2}, {"sku": "kit-shelf", "quantity": 5}, {"sku": "kit-screw", "quantity": 30}]', 'kit cart', mode => 'clamp');
SELECT sku, location, quantity, missing FROM commerce.reserve_lines('[{"sku": "kit-board", "quantity": 2}, {"sku": "kit-shelf", "quantity": 5}, {"sku": "kit-screw", "quantity": 30}]', 'kit cart', mode => 'partial');
SELECT sku, location, quantity, missing FROM commerce.reserve_lines('[{"sku": "kit-shelf", "quantity": 3}, {"sku": "kit-screw", "quantity": 3}]', 'kit cart', strategy => 'no_split');
SELECT sku, location, quantity, missing FROM commerce.reserve_lines('[{"sku": "kit-shelf", "quantity": 3}, {"sku": "kit-screw", "quantity": 3}]', 'kit cart', strategy => 'most_stock');
SELECT commerce.release_holder('kit cart');
-- What is never short holds nothing.
SELECT * FROM commerce.reserve_lines('[{"sku": "kit-paper", "quantity": 3}]');
SELECT commerce.reserve('kit-paper');
\echo :LAST_ERROR_SQLSTATE

-- Bought: the line is the kit, the stock is the parts'. Sent in two parcels, some of it comes back.
SELECT commerce.checkout('[{"sku": "kit-shelf", "quantity": 4}, {"sku": "kit-board", "quantity": 1}, {"sku": "kit-paper", "quantity": 2}]') AS id \gset
SELECT line, sku, quantity FROM commerce.order_lines WHERE order_id = :'id' ORDER BY line;
SELECT line, sku, location, quantity, per_unit, state FROM promised WHERE order_id = :'id' ORDER BY line, sku, location DESC;
SELECT commerce.fulfil(:'id', '[{"line": 1, "quantity": 3}]', 'kit-near');
SELECT commerce.fulfil(:'id', '[{"line": 1, "quantity": 1}]', 'kit-near') AS first \gset
SELECT line, sku, location, quantity, per_unit, state FROM promised WHERE order_id = :'id' ORDER BY line, sku, location DESC, state;
SELECT commerce.order_fulfilment_status(:'id');
SELECT commerce.fulfil(:'id') AS second \gset
SELECT fulfilment_id = :'first' AS first, line, location, quantity FROM commerce.fulfilment_lines WHERE order_id = :'id' ORDER BY 1 DESC, 2;
SELECT sku, location, on_hand FROM commerce.stock WHERE sku LIKE 'kit-%' ORDER BY 1, 2;
SELECT commerce.order_fulfilment_status(:'id');
SELECT sku, sum(delta) FROM commerce.stock_movements WHERE reference = :'id' GROUP BY sku ORDER BY sku;
-- What comes back is what the kit was when it was sold.
UPDATE commerce.kit_parts SET quantity = 6 WHERE part = 'kit-screw';
SELECT commerce.request_return(:'id', '[{"line": 1, "quantity": 2}, {"line": 3, "quantity": 1}]') AS back \gset
SELECT commerce.return_event(:'back', 'approve');
SELECT commerce.receive_return(:'back', location => 'kit-far');
SELECT sku, location, on_hand FROM commerce.stock WHERE sku LIKE 'kit-%' ORDER BY 1, 2;
UPDATE commerce.kit_parts SET quantity = 8 WHERE part = 'kit-screw';
-- Cancelled: the parts are free again.
SELECT commerce.checkout('[{"sku": "kit-shelf", "quantity": 1}]') AS id \gset
SELECT available FROM commerce.available(ARRAY['kit-board', 'kit-screw']);
SELECT commerce.order_event(:'id', 'cancel');
SELECT available FROM commerce.available(ARRAY['kit-board', 'kit-screw']);
SELECT DISTINCT state FROM promised WHERE order_id = :'id';
-- A holder's cart gives way to its order, part by part.
SELECT count(*) FROM commerce.reserve_lines('[{"sku": "kit-shelf", "quantity": 2}]', 'kit cart');
SELECT commerce.checkout('[{"sku": "kit-shelf", "quantity": 2}]', options => '{"holder": "kit cart"}') AS id \gset
SELECT sku, state, sum(quantity) FROM promised WHERE holder = 'kit cart' AND state IN ('held', 'committed') GROUP BY 1, 2 ORDER BY 1;
SELECT commerce.order_event(:'id', 'cancel');

-- Refused: more than can be counted. What is a kit is looked up when somebody changes it, and forgotten when that is undone.
\set VERBOSITY sqlstate
SELECT commerce.reserve('kit-shelf', 500000000000000000);
BEGIN;
UPDATE commerce.kit_parts SET quantity = 1000000000 WHERE part IN ('kit-shelf', 'kit-screw');
SELECT commerce.reserve('kit-wall', 2);
ROLLBACK;
BEGIN;
-- A circle that slipped in is found, not followed.
ALTER TABLE commerce.kit_parts DISABLE TRIGGER USER;
INSERT INTO commerce.kit_parts (kit, part) VALUES ('kit-board', 'kit-wall');
ALTER TABLE commerce.kit_parts ENABLE TRIGGER USER;
SELECT commerce.reserve('kit-wall');
ROLLBACK;
\set VERBOSITY default
BEGIN;
DELETE FROM commerce.kit_parts;
SELECT commerce.try_reserve('kit-shelf') IS NULL AS no_kit;
ROLLBACK;
SELECT commerce.try_reserve('kit-shelf') IS NULL AS no_kit;
DELETE FROM commerce.kit_parts;
SELECT commerce.try_reserve('kit-shelf') IS NULL AS no_kit;
