-- Levels: what comes, goes, moves and can be sold.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku) VALUES ('stock-A'), ('stock-B'), ('stock-C');
INSERT INTO commerce.locations (code, priority, active) VALUES ('stock-east', 5, true), ('stock-closed', 9, false);

-- Received, corrected, moved: each returns the level it left.
SELECT commerce.available('stock-A') AS none_yet;
SELECT commerce.receive_stock('stock-A', 10, reference => 'PO-1');
SELECT commerce.receive_stock('stock-A', 5, 'stock-east', 'found');
SELECT commerce.receive_stock('stock-A', 7, location => 'stock-closed', reason => NULL);
SELECT commerce.adjust_stock('stock-A', -3, reason => 'broken');
SELECT commerce.adjust_stock('stock-A', 1);
SELECT commerce.adjust_stock('stock-A', 0, reason => 'counted');
SELECT commerce.move_stock('stock-A', 2, 'main', 'stock-east', reference => 'T-1');
SELECT location, on_hand, safety_stock, backorder_limit FROM commerce.stock WHERE sku = 'stock-A' ORDER BY location;

-- Every change is explained, and the explanations add up.
SELECT location, delta, quantity, from_state, to_state, reason, reference, actor = session_user AS actor FROM commerce.stock_movements WHERE sku = 'stock-A' ORDER BY id;
SELECT s.location, s.on_hand = sum(m.delta) AS adds_up FROM commerce.stock s JOIN commerce.stock_movements m USING (sku, location)
WHERE sku = 'stock-A' GROUP BY s.location, s.on_hand ORDER BY 1;

-- Available: an inactive location counts only where it is asked for by name, safety stock nowhere.
SELECT commerce.available('stock-A') AS everywhere, commerce.available('stock-A', 'main') AS main,
    commerce.available('stock-A', 'stock-east') AS east, commerce.available('stock-A', 'stock-closed') AS closed,
    commerce.available('stock-A', 'stock-nowhere') AS nowhere, commerce.available(NULL::text) AS of_null;
UPDATE commerce.stock SET safety_stock = 4 WHERE sku = 'stock-A' AND location = 'main';
SELECT commerce.available('stock-A') AS everywhere, commerce.available('stock-A', 'main') AS main;
SELECT * FROM commerce.available(ARRAY['stock-B', 'stock-A', 'stock-A', 'stock-unknown', NULL]);
SELECT * FROM commerce.available('{}'::text[]);
SELECT * FROM commerce.available(NULL::text[]);

-- What is there counts more than what was promised: available may go below zero, on_hand may not.
SELECT commerce.receive_stock('stock-B', 3);
SELECT commerce.reserve('stock-B', 3) IS NOT NULL AS held;
SELECT commerce.adjust_stock('stock-B', -2, reason => 'stolen');
SELECT commerce.available('stock-B');
SELECT commerce.adjust_stock('stock-B', -2);
SELECT commerce.move_stock('stock-B', 2, 'main', 'stock-east');
SELECT commerce.move_stock('stock-B', 1, 'stock-east', 'main');
SELECT commerce.adjust_stock('stock-C', -1);

-- Refused, with nothing changed.
SELECT sum(on_hand) AS before FROM commerce.stock WHERE sku LIKE 'stock-%' \gset
SELECT count(*) AS movements FROM commerce.stock_movements WHERE sku LIKE 'stock-%' \gset
\set VERBOSITY default
SELECT commerce.receive_stock('stock-unknown', 1);
SELECT commerce.receive_stock('stock-A', 1, 'stock-nowhere');
\set VERBOSITY sqlstate
SELECT commerce.receive_stock(NULL, 1);
SELECT commerce.receive_stock('stock-A', NULL);
SELECT commerce.receive_stock('stock-A', 1, NULL);
SELECT commerce.receive_stock('', 1);
SELECT commerce.receive_stock('stock-A', 0);
SELECT commerce.receive_stock('stock-A', -1);
SELECT commerce.receive_stock('stock-A', 9223372036854775807);
SELECT commerce.receive_stock('stock-A', 9223372036854775808);
SELECT commerce.adjust_stock('stock-A', NULL);
SELECT commerce.adjust_stock('stock-unknown', 1);
SELECT commerce.adjust_stock('stock-A', -9223372036854775808);
SELECT commerce.adjust_stock('stock-A', 9223372036854775807);
SELECT commerce.move_stock('stock-A', 1, 'main', 'main');
SELECT commerce.move_stock('stock-A', 0, 'main', 'stock-east');
SELECT commerce.move_stock('stock-A', -1, 'main', 'stock-east');
SELECT commerce.move_stock('stock-A', 1, 'main', 'stock-nowhere');
SELECT commerce.move_stock('stock-A', 1, NULL, 'main');
SELECT commerce.move_stock('stock-A', 9223372036854775807, 'main', 'stock-east');
SELECT commerce.available('stock-unknown');
SELECT commerce.available('stock-unknown', 'main');
UPDATE commerce.stock SET safety_stock = -1 WHERE sku = 'stock-A';
UPDATE commerce.stock SET backorder_limit = -1 WHERE sku = 'stock-A';
\set VERBOSITY default
SELECT sum(on_hand) = :before AS levels FROM commerce.stock WHERE sku LIKE 'stock-%';
SELECT count(*) = :movements AS movements FROM commerce.stock_movements WHERE sku LIKE 'stock-%';

-- As high as a level goes, and still sold from.
SELECT commerce.receive_stock('stock-C', 1000000000000000000);
SELECT commerce.reserve('stock-C', 999999999999999999) IS NOT NULL AS held;
SELECT commerce.available('stock-C');
SELECT commerce.receive_stock('stock-C', 1);
SELECT commerce.adjust_stock('stock-C', 1000000000000000000);
SELECT commerce.adjust_stock('stock-C', 1000000000000000001);
SELECT commerce.receive_stock('stock-C', 1, 'stock-east');
SELECT commerce.move_stock('stock-C', 1, 'stock-east', 'main');
SELECT location, on_hand FROM commerce.stock WHERE sku = 'stock-C' ORDER BY location;
