-- Money: promised, taken, given back; never more than before, never twice.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('pay-A', false);
INSERT INTO commerce.prices (sku, price) VALUES ('pay-A', '1 EUR');
CREATE FUNCTION pg_temp.paid(payment uuid) RETURNS text LANGUAGE sql AS
    'SELECT concat_ws('' '', state, authorized, captured, refunded) FROM commerce.payments WHERE id = payment';
SELECT commerce.checkout('[{"sku": "pay-A", "quantity": 100}]') AS id \gset

-- All of it at once.
SELECT commerce.authorize_payment(:'id') AS p \gset
SELECT pg_temp.paid(:'p');
SELECT commerce.capture_payment(:'p'), pg_temp.paid(:'p');
SELECT commerce.refund_payment(:'p'), pg_temp.paid(:'p');
SELECT kind, amount, reference FROM commerce.payment_entries WHERE payment_id = :'p' ORDER BY id;
SELECT event, from_state, to_state, subject = :'id' AS of_the_order, item = :'p' AS of_the_payment FROM commerce.state_history WHERE machine = 'payment' AND subject = :'id' ORDER BY id;
SELECT topic, payload - 'id' - 'order_id' - 'number' AS payload FROM commerce.outbox WHERE aggregate = :'id' ORDER BY id;

-- In parts, by reference; a replay books nothing twice.
SELECT commerce.authorize_payment(:'id', '60 EUR', 'pay-r1', 'bank') AS a \gset
SELECT commerce.authorize_payment(:'id', '60 EUR', 'pay-r1', 'bank') = :'a' AS replayed;
SELECT commerce.authorize_payment(:'id', '60.01 EUR', 'pay-r1', 'bank');
SELECT commerce.authorize_payment(:'id', reference => 'pay-r1', provider => 'other') AS b \gset
SELECT pg_temp.paid(:'a') AS a, pg_temp.paid(:'b') AS b;
SELECT commerce.capture_payment(:'a', '25.50 EUR', 'pay-c1') AS state;
SELECT commerce.capture_payment(:'a', '25.50 EUR', 'pay-c1') AS replayed, pg_temp.paid(:'a');
SELECT commerce.capture_payment(:'a', '25.51 EUR', 'pay-c1');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.capture_payment(:'b', '25.50 EUR', 'pay-c1', 'bank');
\set VERBOSITY terse
SELECT commerce.capture_payment(:'a', '34.51 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.refund_payment(:'a', '25.51 EUR');
SELECT commerce.capture_payment(:'a') AS rest;
SELECT pg_temp.paid(:'a');
SELECT commerce.refund_payment(:'a', '10 EUR', 'pay-c1') AS same_reference_other_kind;
SELECT commerce.refund_payment(:'a', '10 EUR', 'pay-c1') AS replayed, pg_temp.paid(:'a');
SELECT commerce.refund_payment(:'a', '0.01 EUR'), commerce.refund_payment(:'a');
SELECT pg_temp.paid(:'a');
SELECT commerce.refund_payment(:'a', '60 EUR');
SELECT commerce.capture_payment(:'a', '1 EUR');
SELECT kind, amount, reference FROM commerce.payment_entries WHERE payment_id = :'a' ORDER BY id;

-- The order bounds what is promised; what was refunded or voided can be promised again.
SELECT pg_temp.paid(:'b');
SELECT commerce.authorize_payment(:'id', '60.01 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.payment_event(:'b', 'void');
SELECT commerce.authorize_payment(:'id', '100 EUR') AS c \gset
\set VERBOSITY sqlstate
SELECT commerce.capture_payment(:'b');
SELECT commerce.payment_event(:'b', 'void');
SELECT commerce.payment_event(:'a', 'void');
SELECT commerce.authorize_payment(:'id', '0.01 EUR');
SELECT commerce.authorize_payment(:'id', '-1 EUR');
SELECT commerce.authorize_payment(:'id', '1 USD');
SELECT commerce.capture_payment(:'c', '1 USD');
SELECT commerce.capture_payment(:'c', '0 EUR');
SELECT commerce.capture_payment(:'c', '-1 EUR');
SELECT commerce.refund_payment(:'c', '1 EUR');
SELECT commerce.refund_payment(:'c', '-1 EUR');
SELECT commerce.authorize_payment('00000000-0000-7000-8000-000000000000');
SELECT commerce.authorize_payment(NULL);
SELECT commerce.capture_payment('00000000-0000-7000-8000-000000000000');
SELECT commerce.refund_payment(NULL);
-- The ledger cannot be driven past its bounds by hand, either, nor its states by events that move no money.
UPDATE commerce.payments SET refunded = '1 EUR' WHERE id = :'c';
UPDATE commerce.payments SET captured = '101 EUR' WHERE id = :'c';
UPDATE commerce.payments SET captured = '1 USD' WHERE id = :'c';
\set VERBOSITY terse
SELECT commerce.payment_event(:'c', 'capture');
SELECT commerce.payment_event(:'c', 'capture_part');
SELECT commerce.payment_event(:'c', 'refund');
UPDATE commerce.payments SET state = 'captured' WHERE id = :'c';
SELECT pg_temp.paid(:'c');
-- Refused attempts left no trace in the ledger.
SELECT sum(commerce.minor_units(e.amount)) FILTER (WHERE kind = 'authorize') = sum(DISTINCT commerce.minor_units(p.authorized)) AS ledger
FROM commerce.payments p JOIN commerce.payment_entries e ON e.payment_id = p.id WHERE p.id = :'c';
SELECT count(*) AS off FROM commerce.payments p, LATERAL (SELECT coalesce(sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'capture'), 0) AS captured, coalesce(sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'refund'), 0) AS refunded
    FROM commerce.payment_entries e WHERE e.payment_id = p.id) e WHERE p.order_id = :'id' AND (e.captured, e.refunded) IS DISTINCT FROM (commerce.minor_units(p.captured), commerce.minor_units(p.refunded));

-- An order of nothing is paid with nothing.
INSERT INTO commerce.variants (sku, track_stock) VALUES ('pay-free', false);
INSERT INTO commerce.prices (sku, price) VALUES ('pay-free', '0 EUR');
SELECT commerce.checkout('[{"sku": "pay-free", "quantity": 1}]') AS free \gset
SELECT commerce.authorize_payment(:'free') AS zero \gset
SELECT commerce.capture_payment(:'zero'), pg_temp.paid(:'zero');
SELECT commerce.authorize_payment(:'free', '0.01 EUR');

-- Money outside an order.
INSERT INTO commerce.customers DEFAULT VALUES RETURNING id AS customer \gset
SELECT commerce.issue_credit(:'customer', '5 EUR', 'sorry', 'ticket 7') IS NOT NULL AS issued;
SELECT amount, reason, reference FROM commerce.store_credits WHERE customer_id = :'customer';
SELECT topic, payload - 'id' - 'customer_id' AS payload FROM commerce.outbox WHERE aggregate = :'customer';
\set VERBOSITY sqlstate
SELECT commerce.issue_credit(:'customer', '0 EUR', 'sorry');
SELECT commerce.issue_credit(:'customer', '-1 EUR', 'sorry');
SELECT commerce.issue_credit(:'customer', NULL, 'sorry');
SELECT commerce.issue_credit(:'customer', '1 EUR', '');
SELECT commerce.issue_credit(:'customer', '1 EUR', NULL);
SELECT commerce.issue_credit('00000000-0000-7000-8000-000000000000', '1 EUR', 'sorry');
SELECT commerce.issue_credit(NULL, '1 EUR', 'sorry');
