-- Gift cards and store credit: money of customers that the shop keeps. It pays orders, goes back, and is never a discount.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('bal-A', false), ('bal-free', false);
INSERT INTO commerce.prices (sku, price) VALUES ('bal-A', '1 EUR'), ('bal-A', '1 USD'), ('bal-free', '0 EUR');
CREATE FUNCTION pg_temp.buy(quantity int, customer uuid DEFAULT NULL, currency text DEFAULT 'EUR') RETURNS uuid LANGUAGE sql AS
    $$SELECT commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'bal-A', 'quantity', quantity)), customer => customer, currency => currency)$$;
CREATE FUNCTION pg_temp.paid(payment uuid) RETURNS text LANGUAGE sql AS
    'SELECT concat_ws('' '', state, provider, authorized, captured, refunded, balance IS NOT NULL) FROM commerce.payments WHERE id = payment';
CREATE FUNCTION pg_temp.entries(balance uuid) RETURNS text LANGUAGE sql AS
    'SELECT string_agg(concat_ws('' '', kind, amount, reason), '', '' ORDER BY id) FROM commerce.balance_entries WHERE balance_id = balance';

-- A gift card: its code is shown once, and stored nowhere.
SELECT balance AS card, code FROM commerce.issue_gift_card('50 EUR') \gset
SELECT :'code' ~ '^([2-9A-HJKMNP-Z]{5}-){5}[2-9A-HJKMNP-Z]{5}$' AS code, right(:'code', 4) = last_four AS last_four, kind, customer_id, currency, expires_at, state
    FROM commerce.balances WHERE id = :'card';
SELECT octet_length(code_hash), code_hash = commerce.gift_card_hash(lower(replace(:'code', '-', ' '))) AS found FROM commerce.gift_card_codes WHERE balance_id = :'card';
SELECT count(*) AS stored FROM commerce.outbox o, commerce.balances b, commerce.balance_entries e
    WHERE concat(o, b, e) ILIKE '%' || :'code' || '%';
SELECT commerce.balance_left(:'card') AS by_id, commerce.balance_left(code => lower(:'code')) AS by_code;
SELECT topic, payload - 'balance' AS payload FROM commerce.outbox WHERE aggregate = :'card';
\set VERBOSITY terse
SELECT commerce.balance_left(code => '22222-22222-22222-22222-22222-22222');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.balance_left();
SELECT commerce.balance_left(:'card', :'code');

-- It pays, alone or beside others, and the order's total stays what it is.
SELECT pg_temp.buy(30) AS id \gset
SELECT commerce.pay_with_balance(:'id', '20 EUR', code => :'code', reference => 'b-1') AS p \gset
SELECT commerce.pay_with_balance(:'id', '20 EUR', code => :'code', reference => 'b-1') = :'p' AS replayed,
    commerce.pay_with_balance(:'id', code => :'code', reference => 'b-1') = :'p' AS replayed;
SELECT commerce.pay_with_balance(:'id', '19 EUR', code => :'code', reference => 'b-1');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.paid(:'p'), commerce.balance_left(:'card'), commerce.order_payment_status(:'id');
SELECT commerce.pay_with_balance(:'id', '10.01 EUR', code => :'code');
SELECT commerce.capture_payment(commerce.authorize_payment(:'id'));
SELECT total, discount, commerce.order_payment_status(id) FROM commerce.orders WHERE id = :'id';
SELECT kind, amount, reference FROM commerce.payment_entries WHERE payment_id = :'p' ORDER BY id;
SELECT commerce.pay_with_balance(:'id', code => :'code');
\echo :LAST_ERROR_SQLSTATE
-- All that is left to pay, or as much as there is; then nothing.
SELECT pg_temp.buy(40) AS rest \gset
SELECT commerce.pay_with_balance(:'rest', '30.01 EUR', code => :'code');
\set VERBOSITY terse
SELECT commerce.pay_with_balance(:'rest', code => :'code') AS q \gset
SELECT pg_temp.paid(:'q'), commerce.balance_left(code => :'code'), commerce.order_payment_status(:'rest');
SELECT commerce.pay_with_balance(:'rest', code => :'code');
\echo :LAST_ERROR_SQLSTATE

-- Refunds go back to the card, in parts, and never more than was paid.
SELECT commerce.refund_payment(:'q', '10 EUR', 'b-r1'), commerce.refund_payment(:'q', '10 EUR', 'b-r1') AS replayed;
SELECT commerce.balance_left(:'card');
SELECT commerce.refund_payment(:'q', '20.01 EUR');
SELECT commerce.charge_back_payment(:'q');
\echo :LAST_ERROR_SQLSTATE
-- What is left of that goes back with the order, once.
SELECT commerce.order_event(:'rest', 'cancel');
SELECT pg_temp.paid(:'q'), commerce.balance_left(:'card'), pg_temp.entries(:'card');
SELECT commerce.refund_payment(:'q', '0.01 EUR');
SELECT commerce.pay_with_balance(:'rest', '1 EUR', code => :'code');
\echo :LAST_ERROR_SQLSTATE
SELECT r.provider, r.refunded FROM commerce.refund_order(:'id') r;
SELECT commerce.balance_left(:'card');
SELECT topic, payload - 'balance' - 'order_id' - 'payment' AS payload FROM commerce.outbox WHERE aggregate = :'card' ORDER BY id;
SELECT issued, spent, refunded, expired, adjusted, "left" FROM commerce.balance_status WHERE balance = :'card';

-- A transaction sees its own.
BEGIN;
SELECT balance AS own, code AS own_code FROM commerce.issue_gift_card('5 EUR') \gset
SELECT commerce.pay_with_balance(pg_temp.buy(3), code => :'own_code') AS own_payment \gset
SELECT commerce.balance_left(:'own');
SAVEPOINT s;
SELECT commerce.pay_with_balance(pg_temp.buy(2), code => :'own_code') \gset
SELECT commerce.balance_left(:'own');
ROLLBACK TO s;
SELECT commerce.refund_payment(:'own_payment');
SELECT commerce.balance_left(:'own');
SELECT commerce.pay_with_balance(pg_temp.buy(5), '5 EUR', code => :'own_code') \gset
COMMIT;
SELECT commerce.balance_left(:'own'), pg_temp.entries(:'own');

-- Store credit: one balance for each customer and currency, which pays that customer's orders.
INSERT INTO commerce.customers DEFAULT VALUES RETURNING id AS ann \gset
INSERT INTO commerce.customers DEFAULT VALUES RETURNING id AS bob \gset
SELECT commerce.issue_store_credit(:'ann', '5 EUR', 'late parcel', 'ticket 1') AS credit \gset
SELECT commerce.issue_store_credit(:'ann', '5 EUR', 'late parcel', 'ticket 1') = :'credit' AS replayed,
    commerce.issue_store_credit(:'ann', '7 EUR', 'later parcel') = :'credit' AS same, commerce.issue_store_credit(:'ann', '7 USD', 'later parcel') <> :'credit' AS another;
SELECT commerce.issue_store_credit(:'ann', '6 EUR', 'late parcel', 'ticket 1');
\echo :LAST_ERROR_SQLSTATE
SELECT kind, state, "left" FROM commerce.balance_status WHERE customer_id = :'ann' ORDER BY 3;
SELECT pg_temp.paid(commerce.pay_with_balance(pg_temp.buy(2, :'ann'))), pg_temp.paid(commerce.pay_with_balance(pg_temp.buy(3, :'ann', 'USD'), '3 USD'));
SELECT commerce.balance_left(:'credit');
\set VERBOSITY sqlstate
SELECT commerce.pay_with_balance(pg_temp.buy(2, :'bob'));
SELECT commerce.pay_with_balance(pg_temp.buy(2));
SELECT commerce.pay_with_balance(pg_temp.buy(2, :'ann'), '11 EUR');
SELECT commerce.pay_with_balance(pg_temp.buy(12, :'ann'), '11 EUR');
\set VERBOSITY terse
SELECT commerce.pay_with_balance(pg_temp.buy(2, :'bob'), balance => :'credit');
\echo :LAST_ERROR_SQLSTATE
SELECT code AS anns FROM commerce.issue_gift_card('5 EUR', customer => :'ann') \gset
SELECT commerce.pay_with_balance(pg_temp.buy(2), code => :'anns');
SELECT pg_temp.paid(commerce.pay_with_balance(pg_temp.buy(2, :'ann'), code => :'anns'));
-- What the shop owes outside of itself is something else.
SELECT commerce.issue_credit(:'ann', '1 EUR', 'overpaid') IS NOT NULL AS owed, commerce.balance_left(:'credit');

-- Adjusted, for a reason.
SELECT commerce.adjust_balance(:'credit', '2 EUR', 'found'), commerce.adjust_balance(:'credit', '-3.50 EUR', 'counted twice');
SELECT pg_temp.entries(:'credit');
SELECT commerce.adjust_balance(:'credit', '-8.51 EUR', 'too much');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SELECT commerce.adjust_balance(:'credit', '0 EUR', 'nothing');
SELECT commerce.adjust_balance(:'credit', '1 EUR', '');
SELECT commerce.adjust_balance(:'credit', NULL, 'why');
SELECT commerce.adjust_balance(:'credit', '1 USD', 'why');
SELECT commerce.adjust_balance('00000000-0000-7000-8000-000000000000', '1 EUR', 'why');
\set VERBOSITY terse

-- Blocked, expired, extended.
SELECT commerce.balance_event(:'card', 'block', '{"reason": "stolen"}');
SELECT commerce.balance_left(:'card');
SELECT commerce.pay_with_balance(pg_temp.buy(1), code => :'code');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.balance_event(:'card', 'block');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.balance_event(:'card', 'unblock');
SELECT commerce.balance_left(:'card');
SELECT commerce.pay_with_balance(pg_temp.buy(1), code => :'code') AS late \gset
UPDATE commerce.balances SET expires_at = clock_timestamp() WHERE id = :'card';
SELECT commerce.balance_left(:'card');
SELECT commerce.pay_with_balance(pg_temp.buy(1), code => :'code');
SELECT commerce.expire_balances();
SELECT commerce.expire_balances();
SELECT state, expired, "left" FROM commerce.balance_status WHERE balance = :'card';
SELECT commerce.refund_payment(:'late');
SELECT commerce.balance_left(:'card');
SELECT commerce.pay_with_balance(pg_temp.buy(1), code => :'code');
SELECT commerce.extend_balance(:'card', now() - interval '1 day');
SELECT commerce.extend_balance(:'card', now() + interval '1 day');
SELECT commerce.balance_left(:'card');
SELECT event, from_state, to_state, detail FROM commerce.state_history WHERE subject = :'card' ORDER BY id;
SELECT topic FROM commerce.outbox WHERE aggregate = :'card' ORDER BY id OFFSET 3;

-- Bad input: refused, and nothing changed.
SELECT count(*) AS entries FROM commerce.balance_entries \gset
\set VERBOSITY sqlstate
SELECT commerce.issue_gift_card('0 EUR');
SELECT commerce.issue_gift_card('-1 EUR');
SELECT commerce.issue_gift_card(NULL);
SELECT commerce.issue_gift_card('1 EUR', now() - interval '1 second');
SELECT commerce.issue_gift_card('1 EUR', customer => '00000000-0000-7000-8000-000000000000');
SELECT commerce.issue_store_credit(:'ann', '0 EUR', 'sorry');
SELECT commerce.issue_store_credit(:'ann', '-1 EUR', 'sorry');
SELECT commerce.issue_store_credit(:'ann', NULL, 'sorry');
SELECT commerce.issue_store_credit(:'ann', '1 EUR', '');
SELECT commerce.issue_store_credit(:'ann', '1 EUR', NULL);
SELECT commerce.issue_store_credit(NULL, '1 EUR', 'sorry');
SELECT commerce.issue_store_credit('00000000-0000-7000-8000-000000000000', '1 EUR', 'sorry');
SELECT commerce.pay_with_balance(pg_temp.buy(1), '-1 EUR', code => :'code');
SELECT commerce.pay_with_balance(pg_temp.buy(1), '0 EUR', code => :'code');
SELECT commerce.pay_with_balance(pg_temp.buy(1), '1 USD', code => :'code');
SELECT commerce.pay_with_balance(pg_temp.buy(1, currency => 'USD'), code => :'code');
SELECT commerce.pay_with_balance(pg_temp.buy(1), code => 'ABC');
SELECT commerce.pay_with_balance(pg_temp.buy(1), code => '');
SELECT commerce.pay_with_balance(pg_temp.buy(1), code => :'code', balance => :'card');
SELECT commerce.pay_with_balance(pg_temp.buy(1), balance => '00000000-0000-7000-8000-000000000000');
SELECT commerce.pay_with_balance('00000000-0000-7000-8000-000000000000', code => :'code');
SELECT commerce.pay_with_balance(NULL, code => :'code');
SELECT commerce.pay_with_balance(commerce.checkout('[{"sku": "bal-free", "quantity": 1}]'), code => :'code');
SELECT commerce.balance_event('00000000-0000-7000-8000-000000000000', 'block');
SELECT commerce.extend_balance('00000000-0000-7000-8000-000000000000');
SELECT commerce.take_balance(:'card', 'spent', '-1 EUR', NULL, NULL, NULL);
SELECT commerce.take_balance(NULL, 'spent', '1 EUR', NULL, NULL, NULL);
SELECT commerce.random_code(0);
\set VERBOSITY terse
UPDATE commerce.balance_entries SET amount = '1 EUR';
DELETE FROM commerce.balance_entries;
SELECT count(*) - :entries AS more FROM commerce.balance_entries;
SELECT balance AS unbound, code AS unbound_code FROM commerce.issue_gift_card('5 EUR') \gset
SELECT pg_temp.buy(1) AS of_app \gset
SET ROLE commerce_app;
\set VERBOSITY sqlstate
INSERT INTO commerce.balance_entries (balance_id, kind, amount) VALUES (gen_random_uuid(), 'issued', '1 EUR');
UPDATE commerce.balances SET state = 'active';
SELECT * FROM commerce.gift_card_codes;
SELECT commerce.adjust_balance(:'card', '1 EUR', 'mine');
SELECT commerce.take_balance(:'card', 'spent', '1 EUR', NULL, NULL, NULL);
-- Reports show a card's id, and only its code spends it.
SELECT commerce.pay_with_balance(:'of_app', balance => :'unbound');
SELECT commerce.pay_with_balance(:'of_app', code => :'unbound_code') IS NOT NULL AS paid;
RESET ROLE;
SELECT * FROM commerce.verify_balances();
-- Every payment from a balance has its entries, and nothing else has.
SELECT p.id, e.payment_id FROM (SELECT * FROM commerce.payments WHERE balance IS NOT NULL) p FULL JOIN (SELECT balance_id, payment_id,
        coalesce(-sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'spent'), 0) AS spent,
        coalesce(sum(commerce.minor_units(amount)) FILTER (WHERE kind = 'refunded'), 0) AS refunded
    FROM commerce.balance_entries WHERE payment_id IS NOT NULL GROUP BY 1, 2) e ON e.payment_id = p.id AND e.balance_id = p.balance
WHERE (commerce.minor_units(p.captured), commerce.minor_units(p.refunded)) IS DISTINCT FROM (e.spent, e.refunded);
