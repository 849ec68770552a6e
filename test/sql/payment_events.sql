-- Payments that take their time, are given up, charged back; and refunds of an order that several have paid.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('event-pay', false);
INSERT INTO commerce.prices (sku, price) VALUES ('event-pay', '1 EUR');
CREATE FUNCTION pg_temp.paid(payment uuid) RETURNS text LANGUAGE sql AS
    'SELECT concat_ws('' '', state, authorized, captured, refunded, charged_back) FROM commerce.payments WHERE id = payment';
CREATE FUNCTION pg_temp.entries(payment uuid) RETURNS text LANGUAGE sql AS
    'SELECT string_agg(concat_ws('' '', kind, amount, reference), '', '' ORDER BY id) FROM commerce.payment_entries WHERE payment_id = payment';
CREATE FUNCTION pg_temp.buy(quantity int) RETURNS uuid LANGUAGE sql AS
    $$SELECT commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'event-pay', 'quantity', quantity)))$$;

-- Asked for, waited for, promised.
SELECT pg_temp.buy(100) AS id \gset
SELECT commerce.begin_payment(:'id', provider => 'bank') AS p \gset
SELECT pg_temp.paid(:'p'), commerce.order_payment_status(:'id');
SELECT commerce.payment_event(:'p', 'require_action');
SELECT commerce.order_payment_status(:'id');
SELECT commerce.payment_event(:'p', 'process');
SELECT commerce.order_payment_status(:'id');
\set VERBOSITY terse
SELECT commerce.payment_event(:'p', 'authorize');
SELECT commerce.capture_payment(:'p', '1 EUR');
SELECT commerce.authorize_payment(:'id', '100.01 EUR', payment => :'p');
SELECT commerce.authorize_payment(:'id', '0 EUR', payment => :'p');
\set VERBOSITY sqlstate
SELECT commerce.authorize_payment(pg_temp.buy(1), payment => :'p');
\set VERBOSITY terse
SELECT commerce.authorize_payment(:'id', '60 EUR', 'pe-1', payment => :'p') = :'p' AS authorized;
SELECT commerce.authorize_payment(:'id', '60 EUR', 'pe-1', payment => :'p') = :'p' AS replayed;
SELECT commerce.authorize_payment(:'id', '40 EUR', 'pe-2', payment => :'p');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.paid(:'p'), pg_temp.entries(:'p'), commerce.order_payment_status(:'id');
SELECT event, from_state, to_state FROM commerce.state_history WHERE item = :'p' ORDER BY id;
-- Others that fail, expire or are given up.
SELECT commerce.begin_payment(:'id', '40.01 EUR');
SELECT commerce.begin_payment(:'id') AS f \gset
SELECT commerce.payment_event(:'f', 'fail'), pg_temp.paid(:'f');
SELECT commerce.begin_payment(:'id') AS e \gset
SELECT commerce.payment_event(:'e', 'expire'), pg_temp.paid(:'e'), pg_temp.entries(:'e');
SELECT commerce.authorize_payment(:'id') AS g \gset
SELECT commerce.void_payment(:'g', 'pe-v'), commerce.void_payment(:'g', 'pe-v') AS replayed, pg_temp.paid(:'g'), pg_temp.entries(:'g');
SELECT commerce.void_payment(:'g', 'pe-w');
SELECT commerce.authorize_payment(:'id') AS g \gset
SELECT commerce.payment_event(:'g', 'expire'), pg_temp.entries(:'g');
SELECT commerce.authorize_payment(:'id', payment => :'f');
-- Several captures, the rest given up: it can be promised anew.
SELECT commerce.capture_payment(:'p', '10 EUR'), commerce.capture_payment(:'p', '15 EUR');
SELECT commerce.void_payment(:'p', 'pe-rest'), commerce.void_payment(:'p', 'pe-rest') AS replayed, pg_temp.paid(:'p'), pg_temp.entries(:'p');
SELECT commerce.void_payment(:'p');
SELECT commerce.authorize_payment(:'id', '75.01 EUR');
SELECT commerce.authorize_payment(:'id', '75 EUR', 'pe-3', 'other') AS q \gset
SELECT commerce.capture_payment(:'q', '70 EUR');
SELECT commerce.order_payment_status(:'id');

-- Charged back: what was not can be refunded, nothing more captured; and given back again.
SELECT commerce.charge_back_payment(:'q', '30 EUR', 'cb-1'), commerce.charge_back_payment(:'q', '30 EUR', 'cb-1') AS replayed, pg_temp.paid(:'q');
SELECT commerce.order_payment_status(:'id');
SELECT commerce.charge_back_payment(:'q', '40.01 EUR');
SELECT commerce.charge_back_payment(:'q', '0 EUR');
SELECT commerce.charge_back_payment(:'q', '1 USD');
SELECT commerce.charge_back_payment(:'q', '-1 EUR');
SELECT commerce.capture_payment(:'q', '5 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.refund_payment(:'q', '40.01 EUR');
SELECT commerce.reverse_chargeback(:'q', '30.01 EUR');
SELECT commerce.payment_event(:'q', 'reverse');
SELECT commerce.reverse_chargeback(:'q', '10 EUR', 'cb-1'), pg_temp.paid(:'q');
SELECT commerce.reverse_chargeback(:'q', reference => 'cb-2'), pg_temp.paid(:'q');
SELECT commerce.reverse_chargeback(:'q', reference => 'cb-2') AS replayed;
SELECT commerce.reverse_chargeback(:'q', '0 EUR');
SELECT commerce.capture_payment(:'q'), pg_temp.entries(:'q');
SELECT commerce.order_payment_status(:'id');
SELECT commerce.charge_back_payment(:'p'), commerce.refund_payment(:'p');
SELECT commerce.reverse_chargeback(:'p'), pg_temp.paid(:'p');
SELECT event, from_state, to_state FROM commerce.state_history WHERE item = :'q' ORDER BY id;
SELECT topic FROM commerce.outbox WHERE aggregate = :'id' AND topic LIKE 'payment.%' ORDER BY id;

-- An order is refunded over its payments, the last one first.
SELECT r.payment = :'q' AS last, r.provider, r.refunded FROM commerce.refund_order(:'id', '80 EUR', 'back-1') r;
SELECT r.payment = :'q' AS last, r.provider, r.refunded FROM commerce.refund_order(:'id', '80 EUR', 'back-1') r;
SELECT commerce.refund_order(:'id', '79 EUR', 'back-1');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.paid(:'p'), pg_temp.paid(:'q'), commerce.order_payment_status(:'id');
SELECT commerce.refund_order(:'id', '20.01 EUR');
SELECT commerce.refund_order(:'id', '0 EUR');
SELECT commerce.refund_order(:'id', '-1 EUR');
SELECT commerce.refund_order(:'id', '1 USD');
SELECT commerce.refund_order('00000000-0000-7000-8000-000000000000');
SELECT r.provider, r.refunded FROM commerce.refund_order(:'id') r;
SELECT count(*) AS nothing_left FROM commerce.refund_order(:'id');
SELECT commerce.order_payment_status(:'id');

-- A cancelled order takes no money; what it has taken can go back.
SELECT pg_temp.buy(10) AS c \gset
SELECT commerce.authorize_payment(:'c', '4 EUR') AS a \gset
SELECT commerce.authorize_payment(:'c', '6 EUR') AS b \gset
SELECT commerce.capture_payment(:'b', '5 EUR', 'c-1'), commerce.order_event(:'c', 'cancel');
\set VERBOSITY default
SELECT commerce.capture_payment(:'a');
SELECT commerce.capture_payment(:'b', '5 EUR', 'c-1') AS replayed;
\set VERBOSITY terse
SELECT commerce.capture_payment(:'b');
SELECT commerce.authorize_payment(:'c', '1 EUR');
SELECT commerce.begin_payment(:'c', '1 EUR');
SELECT commerce.void_payment(:'a'), commerce.refund_payment(:'b');
-- Only a balance pays as one.
SELECT commerce.authorize_payment(pg_temp.buy(1), provider => 'balance');
SELECT commerce.begin_payment(pg_temp.buy(1), provider => 'balance');
\set VERBOSITY sqlstate
SELECT commerce.void_payment('00000000-0000-7000-8000-000000000000');
SELECT commerce.void_payment(NULL);
SELECT commerce.charge_back_payment(NULL);
SELECT commerce.reverse_chargeback(NULL);
SELECT commerce.begin_payment(NULL);
SELECT commerce.begin_payment(pg_temp.buy(1), '-1 EUR');
SELECT commerce.begin_payment(pg_temp.buy(1), '1 USD');
-- The ledger and its totals say the same.
SELECT p.id, p.state FROM commerce.payments p, LATERAL (SELECT coalesce(sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'authorize'), 0) AS authorized,
        coalesce(sum(commerce.minor_units(amount)) FILTER (WHERE kind IN ('void', 'expire')), 0) AS let_go,
        coalesce(sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'capture'), 0) AS captured,
        coalesce(sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'refund'), 0) AS refunded,
        coalesce(sum(commerce.minor_units(amount) * CASE kind WHEN 'chargeback' THEN 1 WHEN 'reversal' THEN -1 ELSE 0 END), 0) AS charged_back
    FROM commerce.payment_entries e WHERE e.payment_id = p.id) e
WHERE p.order_id IN (:'id', :'c') AND ((e.captured, e.refunded, e.charged_back) IS DISTINCT FROM
        (commerce.minor_units(p.captured), commerce.minor_units(p.refunded), commerce.minor_units(p.charged_back))
    OR e.authorized - e.let_go <> CASE WHEN p.state IN ('voided', 'expired') THEN 0 ELSE commerce.minor_units(p.authorized) END);
