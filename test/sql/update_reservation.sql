-- Changing how much a reservation holds.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.locations (code, priority) VALUES ('upd-near', 50), ('upd-far', -50);
INSERT INTO commerce.variants (sku) SELECT 'upd-' || n FROM generate_series(1, 5) n;
INSERT INTO commerce.prices (sku, price) VALUES ('upd-1', '1 EUR');
SELECT count(commerce.receive_stock(sku, q, l)) FROM (VALUES ('upd-1', 10, 'upd-near'), ('upd-1', 10, 'upd-far'), ('upd-2', 9, 'upd-near'), ('upd-2', 9, 'upd-far'), ('upd-3', 4, 'upd-near')) s (sku, q, l);
SELECT commerce.reserve('upd-1', 3, 'upd') AS id \gset
SELECT expires_at FROM commerce.reservations WHERE id = :'id' \gset
-- Up, to all there is at its place, never elsewhere; down; its own hold never stands in its way.
SELECT commerce.update_reservation(:'id', 7);
SELECT commerce.available('upd-1', 'upd-near'), commerce.available('upd-1', 'upd-far');
SELECT commerce.update_reservation(:'id', 10);
SELECT commerce.update_reservation(:'id', 11);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.update_reservation(:'id', 2);
SELECT location, quantity, state, holder, expires_at = :'expires_at' AS same_time FROM commerce.reservations WHERE id = :'id';
SELECT commerce.reserve('upd-1', 5, location => 'upd-near') IS NOT NULL AS others;
SELECT commerce.update_reservation(:'id', 6);
SELECT commerce.update_reservation(:'id', 5);
-- Less may be held even of what is gone.
SELECT commerce.adjust_stock('upd-1', -9, 'upd-near');
SELECT commerce.update_reservation(:'id', 4);
SELECT commerce.update_reservation(:'id', 5);
SELECT quantity FROM commerce.reservations WHERE id = :'id';
-- On backorder.
UPDATE commerce.stock SET backorder_limit = 3 WHERE sku = 'upd-3';
SELECT commerce.reserve('upd-3') AS back \gset
SELECT commerce.update_reservation(:'back', 7);
SELECT commerce.update_reservation(:'back', 8);
-- Of a kit, kits; but only whole ones.
INSERT INTO commerce.kit_parts VALUES ('upd-5', 'upd-2', 2), ('upd-5', 'upd-1', 1);
SELECT commerce.reserve('upd-5', 2, location => 'upd-far') AS kit \gset
SELECT commerce.update_reservation(:'kit', 4);
SELECT sku, quantity, per_unit FROM commerce.reservations WHERE id = :'kit' ORDER BY sku;
SELECT commerce.update_reservation(:'kit', 5);
SELECT sku, quantity, per_unit FROM commerce.reservations WHERE id = :'kit' ORDER BY sku;
SELECT commerce.release_reservation(:'kit');
SELECT DISTINCT reservation AS pieces FROM commerce.reserve_lines('[{"sku": "upd-5", "quantity": 7}]', 'upd-kit') WHERE location = 'upd-near' \gset
\set VERBOSITY sqlstate
SELECT commerce.update_reservation(:'pieces', 5);
SELECT commerce.release_holder('upd-kit');
-- Refused.
SELECT commerce.update_reservation(:'kit', 1);
SELECT commerce.update_reservation(:'id', 0);
SELECT commerce.update_reservation(:'id', -1);
SELECT commerce.update_reservation(:'id', NULL);
SELECT commerce.update_reservation(NULL, 1);
SELECT commerce.extend_reservation(NULL);
SELECT commerce.update_reservation(:'id', 1000000000000000001);
SELECT commerce.update_reservation('00000000-0000-7000-8000-000000000000', 1);
SELECT commerce.checkout('[{"sku": "upd-1", "quantity": 1, "location": "upd-far"}]') AS "order" \gset
SELECT id AS ordered FROM commerce.reservations WHERE order_id = :'order' \gset
SELECT commerce.update_reservation(:'ordered', 2);
SELECT commerce.reserve('upd-1', ttl => '1 microsecond', holder => 'upd-slow', location => 'upd-far') AS brief \gset
DO $$
BEGIN
    WHILE EXISTS (SELECT FROM commerce.reservations WHERE holder = 'upd-slow' AND expires_at > clock_timestamp()) LOOP NULL; END LOOP;
END
$$;
SELECT commerce.update_reservation(:'brief', 1);
\set VERBOSITY default
DELETE FROM commerce.kit_parts WHERE kit = 'upd-5';
