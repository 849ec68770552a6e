-- Stocktakes: what was found, against what was expected at that moment.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku) SELECT 'take-' || n FROM generate_series(1, 7) n;
INSERT INTO commerce.prices (sku, price) VALUES ('take-1', '1 EUR');
INSERT INTO commerce.locations (code, priority) VALUES ('take-loc', 90), ('take-other', -90);
SELECT sum(commerce.receive_stock('take-' || n, 10, 'take-loc')) AS received FROM generate_series(1, 5) n \gset
SELECT commerce.receive_stock('take-1', 10, 'take-other') \gset
SELECT commerce.checkout('[{"sku": "take-1", "quantity": 3}]') AS sold \gset
SELECT commerce.start_stocktake('take-loc') AS id \gset

-- Sold, received and broken between the count and its end: none of it is lost.
SELECT commerce.count_stock(:'id', 'take-1', 9), commerce.count_stock(:'id', 'take-2', 12), commerce.count_stock(:'id', 'take-3', 10), commerce.count_stock(:'id', 'take-6', 4);
SELECT commerce.fulfil(:'sold') IS NOT NULL AS sent, commerce.receive_stock('take-2', 5, 'take-loc'), commerce.adjust_stock('take-3', -1, 'take-loc'), commerce.receive_stock('take-7', 1, 'take-loc');
-- Counted twice, the last count stands, against what is expected by now.
SELECT commerce.count_stock(:'id', 'take-5', 3), commerce.adjust_stock('take-5', -2, 'take-loc'), commerce.count_stock(:'id', 'take-5', 8);
-- One that later leaves fewer than it says are missing: no level falls below nothing.
SELECT commerce.count_stock(:'id', 'take-4', 1), commerce.adjust_stock('take-4', -9, 'take-loc');
SELECT * FROM commerce.finish_stocktake(:'id');
SELECT sku, location, on_hand FROM commerce.stock WHERE sku LIKE 'take-%' ORDER BY sku, location;
SELECT sku, location, delta, from_state, to_state, reference = :'id' AS refers FROM commerce.stock_movements WHERE reason = 'stocktake' AND sku LIKE 'take-%' ORDER BY id;

-- Once.
\set VERBOSITY terse
SELECT commerce.finish_stocktake(:'id');
SELECT commerce.count_stock(:'id', 'take-1', 1);
-- One at a time for a location; dropped, it corrects nothing.
SELECT commerce.start_stocktake('take-loc') AS second \gset
SELECT commerce.start_stocktake('take-loc');
\set VERBOSITY default
SELECT commerce.start_stocktake('take-other') IS NOT NULL AS elsewhere;
SELECT commerce.count_stock(:'second', 'take-2', 0);
SELECT * FROM commerce.finish_stocktake(:'second', apply => false);
SELECT on_hand FROM commerce.stock WHERE sku = 'take-2' AND location = 'take-loc';
SELECT location, applied, finished_at IS NOT NULL AS finished FROM commerce.stocktakes WHERE location LIKE 'take-%' ORDER BY started_at;

-- What is found fills those who wait.
UPDATE commerce.stock SET backorder_limit = 5 WHERE sku = 'take-1' AND location = 'take-loc';
SELECT commerce.start_stocktake('take-loc') AS third \gset
SELECT commerce.reserve('take-1', 10, location => 'take-loc') AS r \gset
UPDATE commerce.reservations SET state = 'committed', order_id = :'sold', expires_at = NULL WHERE id = :'r';
SELECT commerce.count_stock(:'third', 'take-1', 10);
SELECT waiting FROM commerce.backorders WHERE sku = 'take-1';
SELECT correction FROM commerce.finish_stocktake(:'third') WHERE sku = 'take-1';
SELECT payload ->> 'quantity' AS told FROM commerce.outbox WHERE topic = 'stock.backorder_filled' AND aggregate = :'sold';

-- Refused.
SELECT commerce.start_stocktake('take-loc') AS fourth \gset
\set VERBOSITY sqlstate
SELECT commerce.start_stocktake('take-nowhere');
SELECT commerce.start_stocktake(NULL);
SELECT commerce.count_stock(NULL, 'take-1', 1);
SELECT commerce.count_stock('00000000-0000-7000-8000-000000000000', 'take-1', 1);
SELECT commerce.count_stock(:'fourth', 'take-unknown', 1);
SELECT commerce.count_stock(:'fourth', NULL, 1);
SELECT commerce.count_stock(:'fourth', 'take-1', NULL);
SELECT commerce.count_stock(:'fourth', 'take-1', -1);
SELECT commerce.count_stock(:'fourth', 'take-1', 1000000000000000001);
SELECT commerce.finish_stocktake(NULL);
SELECT commerce.finish_stocktake('00000000-0000-7000-8000-000000000000');
SELECT count(*) FROM commerce.stocktake_counts WHERE stocktake = :'fourth';
SELECT count(*) FROM commerce.finish_stocktake(:'fourth');
