-- Kits: as available as their parts.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('kit-box', true), ('kit-set', true), ('kit-cup', true), ('kit-spoon', true), ('kit-card', false), ('kit-wish', true);
INSERT INTO commerce.locations (code, priority, active) VALUES ('kit-east', 3, true), ('kit-off', 2, false);
-- A set is a cup and two spoons; a box two sets, one more spoon and a card that never runs out; a wish is a card.
INSERT INTO commerce.kit_parts (kit, part, quantity) VALUES ('kit-set', 'kit-cup', 1), ('kit-set', 'kit-spoon', 2),
    ('kit-box', 'kit-set', 2), ('kit-box', 'kit-spoon', 1), ('kit-box', 'kit-card', 3), ('kit-wish', 'kit-card', 1);
SELECT * FROM commerce.available(ARRAY['kit-box', 'kit-set', 'kit-cup', 'kit-card', 'kit-wish', 'kit-unknown']);
SELECT commerce.receive_stock('kit-cup', 9), commerce.receive_stock('kit-spoon', 13, 'kit-east'), commerce.receive_stock('kit-spoon', 90, 'kit-off') \gset
SELECT * FROM commerce.available(ARRAY['kit-box', 'kit-set']);
SELECT commerce.available('kit-set', 'main') AS cups_without_spoons, commerce.available('kit-set', 'kit-off') AS spoons_without_cups;
SELECT commerce.receive_stock('kit-spoon', 5) \gset
SELECT commerce.available('kit-set', 'main') AS main, commerce.available('kit-set') AS everywhere, commerce.available('kit-box') AS boxes;
-- What is held of a part is missing from every kit; below zero it rounds down.
SELECT commerce.reserve('kit-cup', 8) IS NOT NULL AS held;
SELECT * FROM commerce.available(ARRAY['kit-box', 'kit-set']);
SELECT commerce.adjust_stock('kit-cup', -4);
SELECT * FROM commerce.available(ARRAY['kit-box', 'kit-set', 'kit-cup']);
-- A kit in stock of its own is still its parts.
SELECT commerce.receive_stock('kit-wish', 5);
SELECT commerce.available('kit-wish') IS NULL AS unlimited;

-- No circles, however long; no part twice, no such sku, no such number.
INSERT INTO commerce.kit_parts (kit, part) VALUES ('kit-cup', 'kit-box');
INSERT INTO commerce.kit_parts (kit, part) VALUES ('kit-cup', 'kit-cup');
UPDATE commerce.kit_parts SET part = 'kit-box' WHERE kit = 'kit-set' AND part = 'kit-cup';
INSERT INTO commerce.kit_parts (kit, part) VALUES ('kit-wish', 'kit-cup'), ('kit-cup', 'kit-wish');
-- A row may change into what would contain only itself.
UPDATE commerce.kit_parts SET kit = 'kit-card', part = 'kit-wish' WHERE kit = 'kit-wish';
\set VERBOSITY sqlstate
INSERT INTO commerce.kit_parts (kit, part) VALUES ('kit-set', 'kit-cup');
INSERT INTO commerce.kit_parts (kit, part) VALUES ('kit-set', 'kit-unknown');
INSERT INTO commerce.kit_parts (kit, part, quantity) VALUES ('kit-set', 'kit-wish', 0);
INSERT INTO commerce.kit_parts (kit, part, quantity) VALUES ('kit-set', 'kit-wish', 1000000001);
INSERT INTO commerce.kit_parts (kit, part) VALUES ('kit-set', NULL);
\set VERBOSITY default

-- Sent, a kit's parts leave from where they are reserved; back, they come as parts.
INSERT INTO commerce.prices (sku, price) VALUES ('kit-card', '3 EUR');
UPDATE commerce.stock SET backorder_limit = NULL WHERE sku LIKE 'kit-%';
SELECT commerce.receive_stock('kit-cup', 20) \gset
SELECT commerce.checkout('[{"sku": "kit-card", "quantity": 2}]') AS id \gset
INSERT INTO commerce.reservations (sku, location, quantity, state, order_id, line, per_unit) VALUES
    ('kit-cup', 'main', 2, 'committed', :'id', 1, 1), ('kit-spoon', 'main', 3, 'committed', :'id', 1, 2), ('kit-spoon', 'kit-east', 1, 'committed', :'id', 1, 2);
SELECT commerce.fulfil(:'id', location => 'kit-east');
SELECT commerce.fulfil(:'id', '[{"line": 1, "quantity": 1}]') IS NOT NULL AS first_kit, commerce.fulfil(:'id') IS NOT NULL AS second_kit;
SELECT sku, location, delta, reason FROM commerce.stock_movements WHERE reference = :'id' ORDER BY id;
SELECT location, quantity FROM commerce.fulfilment_lines WHERE order_id = :'id';
SELECT sku, location, quantity, per_unit, state FROM commerce.reservations WHERE order_id = :'id' ORDER BY sku, location, quantity;
SELECT commerce.request_return(:'id', '[{"line": 1, "quantity": 1}]') AS back \gset
SELECT commerce.receive_return(:'back', location => 'kit-east') AS worth;
SELECT sku, location, delta, reason FROM commerce.stock_movements WHERE reference = :'id' AND reason = 'returned' ORDER BY sku;
