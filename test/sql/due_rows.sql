-- Whoever ends what is over reads what is over: not the hundreds of rows whose time is still to come.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
-- What is left of other tests is ended, and does not count below.
SELECT count(commerce.expire_orders(batch => 100000)) + count(commerce.expire_returns(100000)) + count(commerce.expire_quotes(100000))
    + count(commerce.expire_carts(100000)) + count(commerce.expire_balances(100000)) AS cleared;

INSERT INTO commerce.channels (code, invoice_on, unpaid_ttl) VALUES ('due', 'never', '1 day');
INSERT INTO commerce.variants (sku, track_stock, requires_shipping) VALUES ('due-help', false, false);
INSERT INTO commerce.prices (sku, price) VALUES ('due-help', '1 EUR');
SELECT commerce.create_customer('due@example.com') AS customer \gset
-- Three of each are over, 400 are not.
CREATE TEMPORARY TABLE due AS SELECT n, CASE WHEN n <= 3 THEN now() - interval '1 minute' ELSE now() + n * interval '1 hour' END AS at FROM generate_series(1, 403) n;
CREATE TEMPORARY TABLE due_orders AS SELECT d.n, d.at, commerce.checkout('[{"sku": "due-help", "quantity": 1}]', channel => 'due') AS id FROM due d;
UPDATE commerce.orders o SET expires_at = d.at FROM due_orders d WHERE o.id = d.id;
INSERT INTO commerce.returns (order_id, expires_at) SELECT (SELECT id FROM due_orders WHERE n = 403), at FROM due;
INSERT INTO commerce.quotes (state, channel, currency, version, total, valid_until) SELECT 'sent', 'due', 'EUR', 1, '1 EUR', at FROM due;
INSERT INTO commerce.carts (channel, currency, expires_at) SELECT 'due', 'EUR', at FROM due;
INSERT INTO commerce.balances (kind, customer_id, currency, expires_at) SELECT 'store_credit', :'customer', 'EUR', at FROM due;

-- How many rows of a table a statement reads, and what it returns; tables as small as these would be read whole otherwise.
SET enable_seqscan = off;
CREATE FUNCTION pg_temp.reads("table" regclass, statement text, OUT ended bigint, OUT few boolean) LANGUAGE plpgsql AS $$
DECLARE
    before bigint := (SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = "table");
    rows bigint;
BEGIN
    EXECUTE statement INTO ended;
    rows := (SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = "table") - before;
    few := rows BETWEEN 1 AND 60;
    IF NOT few THEN
        RAISE WARNING '% read % rows', statement, rows;
    END IF;
END
$$;
SELECT * FROM pg_temp.reads('commerce.orders', 'SELECT commerce.expire_orders()');
SELECT * FROM pg_temp.reads('commerce.returns', 'SELECT commerce.expire_returns()');
SELECT * FROM pg_temp.reads('commerce.quotes', 'SELECT commerce.expire_quotes()');
SELECT * FROM pg_temp.reads('commerce.carts', 'SELECT commerce.expire_carts()');
SELECT * FROM pg_temp.reads('commerce.balances', 'SELECT commerce.expire_balances()');
-- Nor does it read them where nothing is over.
SELECT * FROM pg_temp.reads('commerce.orders', 'SELECT commerce.expire_orders() + (SELECT count(*) FROM commerce.orders WHERE id = (SELECT id FROM due_orders WHERE n = 4)) - 1');
-- What a list of the clock's own would read: all of them. So it is seen above.
SET client_min_messages = error;
SELECT few AS "not few" FROM pg_temp.reads('commerce.returns', 'SELECT count(*) FROM commerce.returns WHERE state IN (''requested'', ''approved'') AND expires_at <= clock_timestamp()');
RESET client_min_messages;
-- Nothing is left that other tests could see.
DELETE FROM commerce.returns r USING due_orders d WHERE r.order_id = d.id;
DELETE FROM commerce.quotes WHERE channel = 'due';
DELETE FROM commerce.carts WHERE channel = 'due';
DELETE FROM commerce.balances WHERE customer_id = :'customer';
UPDATE commerce.orders SET expires_at = NULL WHERE channel = 'due';

-- Whoever cancels an order of a sku that hundreds have bought does not look at what they have, where stock is counted.
INSERT INTO commerce.variants (sku) VALUES ('due-sold');
INSERT INTO commerce.prices (sku, price) VALUES ('due-sold', '1 EUR');
SELECT commerce.receive_stock('due-sold', 402) \gset
CREATE TEMPORARY TABLE sold AS SELECT n, commerce.checkout('[{"sku": "due-sold", "quantity": 1}]', channel => 'due') AS id FROM generate_series(1, 402) n;
SET client_min_messages = error;
SELECT commerce.order_event(id, 'cancel') FROM sold WHERE n = 7;
SELECT few OR commerce.counted_headroom('due-sold', 'main') IS NULL AS "few, or not counted" FROM pg_temp.reads('commerce.reservations', format('SELECT 1 FROM commerce.order_event(%L, ''cancel'')', (SELECT id FROM sold WHERE n = 8)));
SELECT few AS "not few" FROM pg_temp.reads('commerce.reservations', 'SELECT committed FROM commerce.stock_levels WHERE sku = ''due-sold''');
RESET client_min_messages;
SELECT commerce.available('due-sold'), backordered FROM commerce.stock_levels WHERE sku = 'due-sold';
-- Of two who wait one moves up by what is released before him, and is told.
UPDATE commerce.stock SET backorder_limit = 5 WHERE sku = 'due-sold';
SELECT commerce.checkout('[{"sku": "due-sold", "quantity": 3}]', channel => 'due') AS first, commerce.checkout('[{"sku": "due-sold", "quantity": 2}]', channel => 'due') AS second \gset
SELECT commerce.order_event(id, 'cancel') FROM sold WHERE n = 9;
SELECT aggregate = :'first' AS first, payload -> 'quantity' AS quantity FROM commerce.outbox WHERE topic = 'stock.backorder_filled' AND payload ->> 'sku' = 'due-sold' ORDER BY id;
SELECT count(commerce.order_event(id, 'cancel')) FROM sold WHERE n IN (10, 11);
SELECT aggregate = :'first' AS first, payload -> 'quantity' AS quantity FROM commerce.outbox WHERE topic = 'stock.backorder_filled' AND payload ->> 'sku' = 'due-sold' ORDER BY id;
-- Once nobody waits nobody is told, though a limit is there.
SELECT commerce.order_event(id, 'cancel') FROM sold WHERE n = 12;
SELECT count(*) FROM commerce.outbox WHERE topic = 'stock.backorder_filled' AND payload ->> 'sku' = 'due-sold';
SELECT count(commerce.order_event(s.id, 'cancel')) > 0 AS cancelled FROM sold s JOIN commerce.orders o ON o.id = s.id AND o.state = 'placed';
SELECT * FROM commerce.verify_stock();
