-- Buying on account: a credit line vouches for the order, gets its room back when the customer pays or owes nothing any more,
-- and never gives more than its limit.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('acc-A', false), ('acc-free', false);
INSERT INTO commerce.prices (sku, price) VALUES ('acc-A', '1 EUR'), ('acc-A', '1 USD'), ('acc-free', '0 EUR');
SELECT commerce.create_customer(email => 'buyer@account.example') AS firm, commerce.create_customer(email => 'other@account.example') AS other \gset
CREATE FUNCTION pg_temp.buy(quantity int, customer uuid, currency text DEFAULT 'EUR') RETURNS uuid LANGUAGE sql AS
    $$SELECT commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'acc-A', 'quantity', quantity)), customer => customer, currency => currency)$$;
CREATE FUNCTION pg_temp.paid(payment uuid) RETURNS text LANGUAGE sql AS
    'SELECT concat_ws('' '', state, provider, authorized, captured, refunded, balance IS NOT NULL) FROM commerce.payments WHERE id = payment';
CREATE FUNCTION pg_temp.line(customer uuid) RETURNS text LANGUAGE sql AS
    'SELECT concat_ws('', '', ''limit '' || credit_limit, ''used '' || c.used, ''left '' || c.left, ''now '' || commerce.balance_left(balance), payments) FROM commerce.credit_status c WHERE customer_id = customer AND currency = ''EUR''';

-- The line.
SELECT commerce.set_credit_limit(:'firm', '100 EUR', net_days => 14) AS line \gset
SELECT commerce.set_credit_limit(:'firm', '100 EUR') = :'line' AS same, kind, customer_id = :'firm' AS his, currency, last_four, expires_at, state FROM commerce.balances WHERE id = :'line';
SELECT credit_limit, net_days, balance_id = :'line' AS line FROM commerce.credit_lines WHERE customer_id = :'firm';
SELECT pg_temp.line(:'firm');
SELECT topic, payload - '{balance,customer_id}'::text[] AS payload FROM commerce.outbox WHERE aggregate = :'firm' AND topic LIKE 'credit.%' ORDER BY id;

-- It pays: authorized, so that goods may leave, and due; a reference books once.
SELECT pg_temp.buy(60, :'firm') AS id \gset
SELECT commerce.pay_on_account(:'id', reference => 'po-1') AS p \gset
SELECT commerce.pay_on_account(:'id', reference => 'po-1') = :'p' AS replayed, commerce.pay_on_account(:'id', '60 EUR', 'po-1') = :'p' AS replayed;
SELECT pg_temp.paid(:'p'), created_at + '14 days' = due_at AS due, commerce.order_payment_status(:'id') FROM commerce.payments WHERE id = :'p';
SELECT pg_temp.line(:'firm');
SELECT kind, amount, reference FROM commerce.payment_entries WHERE payment_id = :'p';
SELECT topic, payload - '{order_id,id,balance,payment,due_at}'::text[] AS payload FROM commerce.outbox
    WHERE payload ->> 'id' = :'p' OR payload ->> 'payment' = :'p' ORDER BY id;
\set VERBOSITY terse
SELECT commerce.pay_on_account(:'id', '59 EUR', 'po-1');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.buy(41, :'firm') AS more \gset
SELECT commerce.pay_on_account(:'more', reference => 'po-1');
\echo :LAST_ERROR_SQLSTATE

-- Never beyond the limit, nor beyond the order; what is refused leaves nothing behind.
CREATE FUNCTION pg_temp.refused("order" uuid) RETURNS TABLE (code text, message text, detail jsonb, hint text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM commerce.pay_on_account("order", reference => 'po-2');
EXCEPTION WHEN others THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END $$;
SELECT code, message, detail - 'balance' AS detail, detail ->> 'balance' = :'line' AS line, hint FROM pg_temp.refused(:'more');
SELECT commerce.pay_on_account(:'more', '41.01 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.pay_on_account(:'more', '40 EUR', 'po-2') AS q \gset
SELECT pg_temp.paid(:'q'), commerce.order_payment_status(:'more');
SELECT pg_temp.line(:'firm');
SELECT commerce.pay_on_account(:'more');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.capture_payment(commerce.authorize_payment(:'more')), commerce.order_payment_status(:'more');
SELECT commerce.pay_on_account(:'more');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.pay_on_account(:'id');

-- The customer pays, in parts, each once: the line has room again, once.
SELECT commerce.settle_account(:'p', '10 EUR', 'transfer-1'), commerce.settle_account(:'p', '10 EUR', 'transfer-1') AS replayed, commerce.settle_account(:'p', NULL, 'transfer-1') AS replayed;
SELECT pg_temp.line(:'firm');
SELECT commerce.settle_account(:'p', '50.01 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.settle_account(:'p', '9 EUR', 'transfer-1');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.settle_account(:'p', '-1 EUR');
SELECT commerce.settle_account(:'p', '0 EUR');
SELECT commerce.settle_account(:'p', '1 USD');
\echo :LAST_ERROR_SQLSTATE
-- Whoever captures it settles it, too.
SELECT commerce.capture_payment(:'p'), commerce.order_payment_status(:'id');
SELECT pg_temp.line(:'firm');
SELECT commerce.settle_account(:'p', '1 EUR');
SELECT kind, amount FROM commerce.balance_entries WHERE balance_id = :'line' ORDER BY id;
SELECT topic, payload - '{order_id,id,balance,payment}'::text[] AS payload FROM commerce.outbox
    WHERE topic IN ('payment.captured', 'balance.settled') AND (payload ->> 'id' = :'p' OR payload ->> 'payment' = :'p') ORDER BY id;
-- What is refunded then is the shop's money: the line is as it was.
SELECT commerce.refund_payment(:'p', '5 EUR');
SELECT pg_temp.line(:'firm');

-- Nothing is owed any more: void, expire and cancel. A refund gives back what was paid, and what is owed stays owed.
SELECT commerce.void_payment(:'q', 'void-1'), commerce.void_payment(:'q', 'void-1') AS replayed, pg_temp.line(:'firm');
SELECT commerce.settle_account(:'q');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.void_payment(:'q');
SELECT pg_temp.buy(20, :'firm') AS a, pg_temp.buy(20, :'firm') AS b, pg_temp.buy(20, :'firm') AS c, pg_temp.buy(20, :'firm') AS d, pg_temp.buy(20, :'firm') AS e \gset
SELECT commerce.pay_on_account(:'a') AS pa, commerce.pay_on_account(:'b') AS pb, commerce.pay_on_account(:'c') AS pc, commerce.pay_on_account(:'d') AS pd, commerce.pay_on_account(:'e') AS pe \gset
SELECT pg_temp.line(:'firm');
SELECT commerce.settle_account(x::uuid, '5 EUR') FROM unnest(ARRAY[:'pb', :'pc', :'pd']) x;
SELECT pg_temp.line(:'firm');
SELECT commerce.payment_event(:'pa', 'expire');
SELECT commerce.void_payment(:'pb'), pg_temp.paid(:'pb');
SELECT commerce.refund_payment(:'pc', '1 EUR'), pg_temp.paid(:'pc');
SELECT commerce.refund_payment(:'pc', '1 EUR'), commerce.refund_payment(:'pc'), pg_temp.paid(:'pc');
SELECT pg_temp.line(:'firm'), commerce.order_payment_status(:'c'), a.settled, a.open FROM commerce.open_accounts a WHERE payment = :'pc';
SELECT commerce.refund_payment(:'pc', '1 EUR');
\echo :LAST_ERROR_SQLSTATE
-- What went back can be paid again, and no more.
SELECT commerce.authorize_payment(:'c', '5.01 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.capture_payment(commerce.authorize_payment(:'c', '5 EUR'));
-- Given up in part, paid in part, given up for good.
SELECT commerce.void_payment(:'pc', amount => '4 EUR'), pg_temp.paid(:'pc'), pg_temp.line(:'firm');
SELECT commerce.settle_account(:'pc', '6 EUR'), pg_temp.paid(:'pc'), pg_temp.line(:'firm');
SELECT payment = :'pc' AS account, provider, refunded FROM commerce.refund_order(:'c', '8 EUR');
SELECT pg_temp.paid(:'pc'), pg_temp.line(:'firm');
SELECT commerce.void_payment(:'pc'), pg_temp.paid(:'pc'), pg_temp.line(:'firm');
SELECT commerce.settle_account(:'pc', '1 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT kind, amount FROM commerce.payment_entries WHERE payment_id = :'pc' ORDER BY id;
SELECT kind, amount FROM commerce.balance_entries WHERE payment_id = :'pc' ORDER BY id;
-- Settled to the end after a refund; all of what was settled given back, and the rest given up.
SELECT pg_temp.buy(20, :'firm') AS c2, pg_temp.buy(20, :'firm') AS c3 \gset
SELECT commerce.pay_on_account(:'c2') AS pc2, commerce.pay_on_account(:'c3') AS pc3 \gset
SELECT commerce.settle_account(x::uuid, '5 EUR'), commerce.refund_payment(x::uuid, '2 EUR') FROM unnest(ARRAY[:'pc2', :'pc3']) x;
SELECT commerce.settle_account(:'pc2'), pg_temp.paid(:'pc2'), commerce.order_payment_status(:'c2');
SELECT commerce.refund_payment(:'pc3'), commerce.order_event(:'c3', 'cancel'), pg_temp.paid(:'pc3'), pg_temp.line(:'firm');
-- A settlement that is taken back is owed again: the line has less room by it, once, and less than none where it has none.
SELECT pg_temp.buy(30, :'firm') AS d1, pg_temp.buy(20, :'firm') AS d2, pg_temp.buy(10, :'firm') AS d3, pg_temp.buy(10, :'firm') AS d4 \gset
SELECT commerce.pay_on_account(:'d1') AS pd1, commerce.pay_on_account(:'d2') AS pd2, commerce.pay_on_account(:'d3') AS pd3 \gset
SELECT commerce.settle_account(x::uuid) FROM unnest(ARRAY[:'pd1', :'pd2', :'pd3']) x;
SELECT pg_temp.line(:'firm');
CREATE FUNCTION pg_temp.owed(payment uuid) RETURNS text LANGUAGE sql AS
    'SELECT concat_ws('' '', pg_temp.paid(p.id), ''back'', p.charged_back, commerce.order_payment_status(p.order_id), coalesce((SELECT concat_ws('' '', a.amount, a.settled, a.open) FROM commerce.open_accounts a WHERE a.payment = p.id), ''not owed'')) FROM commerce.payments p WHERE p.id = payment';
SELECT commerce.charge_back_payment(:'pd1', '10 EUR', 'returned-1'), commerce.charge_back_payment(:'pd1', '10 EUR', 'returned-1') AS replayed, commerce.charge_back_payment(:'pd1', NULL, 'returned-1') AS replayed;
SELECT pg_temp.owed(:'pd1'), pg_temp.line(:'firm');
SELECT commerce.authorize_payment(:'d1', '0.01 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.charge_back_payment(:'pd1', '20.01 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.charge_back_payment(:'pd1', '0 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.reverse_chargeback(:'pd1');
\echo :LAST_ERROR_SQLSTATE
-- The rest of it comes back, too; it is paid again in parts, and given up in part.
SELECT commerce.set_credit_limit(:'firm', '0 EUR') = :'line' AS same, commerce.charge_back_payment(:'pd1'), pg_temp.owed(:'pd1'), pg_temp.line(:'firm');
SELECT commerce.pay_on_account(:'d4');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.settle_account(:'pd1', '25 EUR'), pg_temp.owed(:'pd1'), pg_temp.line(:'firm');
SELECT commerce.void_payment(:'pd1', amount => '2 EUR'), commerce.settle_account(:'pd1'), pg_temp.owed(:'pd1'), pg_temp.line(:'firm');
SELECT commerce.refund_payment(:'pd1', '8 EUR'), pg_temp.owed(:'pd1'), commerce.refund_payment(:'pd1') AS all, pg_temp.owed(:'pd1');
SELECT kind, amount, reference FROM commerce.payment_entries WHERE payment_id = :'pd1' ORDER BY id;
SELECT kind, amount FROM commerce.balance_entries WHERE payment_id = :'pd1' ORDER BY id;
-- Given up for good; and for an order that is called off nothing is owed, but what comes after all is the customer's.
SELECT commerce.refund_payment(:'pd2', '5 EUR'), commerce.charge_back_payment(:'pd2'), pg_temp.owed(:'pd2'), commerce.void_payment(:'pd2'), pg_temp.owed(:'pd2');
SELECT commerce.order_event(:'d3', 'cancel'), commerce.charge_back_payment(:'pd3', '4 EUR'), pg_temp.owed(:'pd3'), commerce.charge_back_payment(:'pd3'), pg_temp.owed(:'pd3');
SELECT commerce.reverse_chargeback(:'pd3', '3 EUR'), pg_temp.owed(:'pd3'), (SELECT sum(commerce.minor_units(refunded)) FROM commerce.refund_order(:'d3')) AS refunded, pg_temp.owed(:'pd3');
SELECT commerce.set_credit_limit(:'firm', '100 EUR') = :'line' AS same, pg_temp.line(:'firm');
SELECT topic, payload -> 'amount' ->> 'amount' AS amount, payload ->> 'state' AS state FROM commerce.outbox WHERE payload ->> 'id' = :'pd1' OR payload ->> 'payment' = :'pd1' ORDER BY id;
UPDATE commerce.payments SET state = 'partially_captured' WHERE id = (SELECT id FROM commerce.payments WHERE provider = 'account' AND state = 'captured' LIMIT 1);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM commerce.verify_balances();
-- By hand nobody gets to a state that says what has not moved.
SELECT state FROM commerce.payments WHERE id = :'pc2';
UPDATE commerce.payments SET state = 'partially_captured' WHERE id = :'pc2';
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.order_event(:'d', 'cancel'), pg_temp.paid(:'pd');
SELECT commerce.order_event(:'e', 'cancel'), pg_temp.paid(:'pe');
SELECT pg_temp.line(:'firm');
SELECT p.id, sum(commerce.minor_units(e.amount)) FROM commerce.payments p JOIN commerce.balance_entries e ON e.payment_id = p.id
    WHERE p.provider = 'account' GROUP BY p.id HAVING sum(commerce.minor_units(e.amount)) <> 0;
-- An UPDATE by hand is an event like any, and gives back as well, once.
SELECT pg_temp.buy(30, :'firm') AS f \gset
SELECT commerce.pay_on_account(:'f') AS pf \gset
UPDATE commerce.payments SET state = 'voided' WHERE id = :'pf';
SELECT pg_temp.line(:'firm');
-- An order that is archived long since is still paid.
SELECT pg_temp.buy(30, :'firm') AS g \gset
SELECT commerce.pay_on_account(:'g') AS pg \gset
SELECT commerce.fulfil(:'g') IS NOT NULL AS sent;
SELECT commerce.order_event(:'g', 'complete'), commerce.order_event(:'g', 'archive'), commerce.settle_account(:'pg'), pg_temp.line(:'firm');

-- A limit below what is used takes nothing back, and gives nothing more until enough is paid.
SELECT pg_temp.buy(80, :'firm') AS h, pg_temp.buy(1, :'firm') AS i \gset
SELECT commerce.pay_on_account(:'h') AS ph \gset
SELECT commerce.set_credit_limit(:'firm', '50 EUR', reason => 'late twice') = :'line' AS same, pg_temp.line(:'firm');
SELECT commerce.pay_on_account(:'i');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.settle_account(:'ph', '30 EUR'), pg_temp.line(:'firm');
SELECT commerce.pay_on_account(:'i');
SELECT commerce.settle_account(:'ph', '1 EUR'), commerce.pay_on_account(:'i') IS NOT NULL AS paid, pg_temp.line(:'firm');
SELECT commerce.set_credit_limit(:'firm', '0 EUR', 0) = :'line' AS same, pg_temp.line(:'firm'), net_days FROM commerce.credit_lines WHERE customer_id = :'firm';
SELECT commerce.set_credit_limit(:'firm', '120 EUR') = :'line' AS same, pg_temp.line(:'firm'), net_days FROM commerce.credit_lines WHERE customer_id = :'firm';
SELECT kind, amount, reason FROM commerce.balance_entries WHERE balance_id = :'line' AND kind = 'adjusted' ORDER BY id;

-- What is overdue.
UPDATE commerce.payments SET due_at = now() - interval '3 days 5 hours' WHERE id = :'ph';
SELECT amount, settled, a.open, overdue, days_overdue FROM commerce.open_accounts a WHERE customer_id = :'firm' ORDER BY due_at;
SELECT payments, overdue, oldest_due_at < now() AS oldest FROM commerce.credit_status WHERE customer_id = :'firm';

-- A blocked line pays nothing, and takes what is paid.
SELECT commerce.balance_event(:'line', 'block', '{"reason": "insolvent"}');
SELECT commerce.pay_on_account(pg_temp.buy(1, :'firm'));
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.settle_account(:'ph', '4 EUR'), commerce.balance_event(:'line', 'unblock'), pg_temp.line(:'firm');

-- Currencies, customers, and orders that take no money.
SELECT commerce.pay_on_account(pg_temp.buy(1, :'firm', 'USD'));
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.pay_on_account(pg_temp.buy(1, :'other'));
SELECT commerce.pay_on_account(pg_temp.buy(1, NULL));
SELECT commerce.pay_on_account(pg_temp.buy(1, :'firm'), '1 USD');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.set_credit_limit(:'firm', '7 USD') <> :'line' AS another;
SELECT pg_temp.paid(commerce.pay_on_account(pg_temp.buy(7, :'firm', 'USD')));
SELECT commerce.pay_on_account(:'d');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.checkout('[{"sku": "acc-free", "quantity": 1}]', customer => :'firm') AS free \gset
SELECT commerce.pay_on_account(:'free');
SELECT commerce.pay_on_account(pg_temp.buy(1, :'firm'), '0 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.pay_on_account(pg_temp.buy(1, :'firm'), '-1 EUR');
SELECT commerce.pay_on_account(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.pay_on_account('00000000-0000-0000-0000-000000000000');
SELECT commerce.settle_account(NULL);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SELECT commerce.settle_account(commerce.authorize_payment(pg_temp.buy(1, :'firm')));
\set VERBOSITY terse

-- Bad limits.
SELECT commerce.set_credit_limit(:'firm', NULL);
SELECT commerce.set_credit_limit(:'firm', '-0.01 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.set_credit_limit(NULL, '1 EUR');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.set_credit_limit('00000000-0000-0000-0000-000000000000', '1 EUR');
SELECT commerce.set_credit_limit(:'firm', '1 EUR', -1);
SELECT commerce.set_credit_limit(:'firm', '1 EUR', 3651);
SELECT commerce.set_credit_limit(:'other', '90000000000000 EUR') IS NOT NULL AS large, commerce.set_credit_limit(:'other', '0 EUR') IS NOT NULL AS none;
SELECT pg_temp.line(:'other');

-- A credit line is no money, and no other's provider.
\set VERBOSITY sqlstate
SELECT commerce.pay_with_balance(pg_temp.buy(1, :'firm'), balance => :'line');
SELECT commerce.adjust_balance(:'line', '1 EUR', 'gift');
SELECT commerce.extend_balance(:'line', now() + interval '1 day');
\set VERBOSITY terse
SELECT commerce.authorize_payment(pg_temp.buy(1, :'firm'), provider => 'account');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.begin_payment(pg_temp.buy(1, :'firm'), provider => 'account');
SELECT commerce.authorize_payment(:'h', payment => :'ph');
INSERT INTO commerce.payments (order_id, provider, authorized, captured, refunded, charged_back) SELECT :'h', 'account', '1 EUR', '0 EUR', '0 EUR', '0 EUR';

-- Who may: the app pays and settles, commerce_admin sets limits, reports read.
SET ROLE commerce_app;
SELECT commerce.set_credit_limit(:'firm', '1000 EUR');
SELECT commerce.settle_account(:'ph', '1 EUR');
SELECT count(*) FROM commerce.credit_status WHERE customer_id = :'firm';
RESET ROLE;
SELECT kind, issued, spent, refunded, settled, expired, adjusted, s.left FROM commerce.balance_status s WHERE balance = :'line';
SELECT * FROM commerce.verify_balances();
