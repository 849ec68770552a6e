-- What an order's parts make of each other: parcels, returns, exchanges, edits, goods that need no parcel, and accounts.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
SET search_path = public, commerce;
\pset format unaligned

-- What is raised, without ids.
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    facts text;
BEGIN
    EXECUTE statement;
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, facts = PG_EXCEPTION_DETAIL;
    RETURN regexp_replace(format('%s: %s %s', state, message, facts), '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'ID', 'g');
END $$;
INSERT INTO commerce.channels (code, invoice_on) VALUES ('seam', 'never');
-- A thing; a file, which needs no parcel; a ticket, which needs none and is counted; a kit of two things and a lid.
INSERT INTO commerce.variants (sku, track_stock, requires_shipping) VALUES ('seam-thing', true, true), ('seam-lid', true, true),
    ('seam-file', false, false), ('seam-ticket', true, false), ('seam-kit', true, true);
INSERT INTO commerce.kit_parts (kit, part, quantity) VALUES ('seam-kit', 'seam-thing', 2), ('seam-kit', 'seam-lid', 1);
INSERT INTO commerce.prices (sku, price) VALUES ('seam-thing', '10 EUR'), ('seam-lid', '4 EUR'), ('seam-file', '5 EUR'), ('seam-ticket', '7 EUR'), ('seam-kit', '20 EUR');
SELECT count(commerce.receive_stock(sku, 100)) FROM unnest('{seam-thing,seam-lid,seam-ticket}'::text[]) sku;
CREATE FUNCTION pg_temp.buy(lines jsonb, customer uuid DEFAULT NULL) RETURNS uuid LANGUAGE sql AS
    $$ SELECT commerce.checkout(lines, customer => customer, channel => 'seam') $$;
CREATE FUNCTION pg_temp.pay(o uuid) RETURNS text LANGUAGE sql AS $$ SELECT commerce.capture_payment(commerce.authorize_payment(o)) $$;
CREATE FUNCTION pg_temp.edit(o uuid, changes jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', key, value ->> 'amount'), ', ' ORDER BY key)
    FROM jsonb_each(commerce.confirm_edit(commerce.begin_edit(o, changes))) WHERE key IN ('total', 'difference', 'to_pay', 'to_refund') $$;
CREATE FUNCTION pg_temp.status(o uuid) RETURNS text LANGUAGE sql RETURN commerce.order_payment_status(o) || ', ' || commerce.order_fulfilment_status(o);

-- An edit adds what needs no parcel: none is waited for.
SELECT pg_temp.buy('[{"sku": "seam-thing", "quantity": 1}]') AS o \gset
SELECT pg_temp.edit(:'o', '[{"sku": "seam-file", "quantity": 1}, {"sku": "seam-lid", "quantity": 1}]');
SELECT sku, requires_shipping FROM commerce.order_lines WHERE order_id = :'o' ORDER BY line;
SELECT commerce.fulfil(:'o') AS f \gset
SELECT line, quantity FROM commerce.parcel_lines WHERE fulfilment_id = :'f' ORDER BY line;
-- What was taken out of an order counts for nothing: not as sent, nor as returned.
SELECT pg_temp.buy('[{"sku": "seam-thing", "quantity": 1}, {"sku": "seam-file", "quantity": 1}]') AS o \gset
SELECT commerce.cancel_lines(:'o', '[{"line": 1, "quantity": 1}]');
SELECT commerce.order_fulfilment_status(:'o');
SELECT pg_temp.edit(:'o', '[{"sku": "seam-thing", "quantity": 2}]');
SELECT commerce.order_fulfilment_status(:'o');
SELECT commerce.fulfil(:'o') IS NOT NULL AS sent;
SELECT commerce.order_fulfilment_status(:'o');

-- What needs no parcel is given back once: by a return, or by being taken out. 4 at 5: three come back for 15.
SELECT pg_temp.buy('[{"sku": "seam-file", "quantity": 4}]') AS o \gset
SELECT pg_temp.pay(:'o'), commerce.request_return(:'o', '[{"line": 1, "quantity": 3}]') AS r \gset
SELECT pg_temp.refused(format('SELECT commerce.cancel_lines(%L, ''[{"line": 1, "quantity": 2}]'')', :'o'));
SELECT commerce.receive_return(:'r');
SELECT pg_temp.refused(format('SELECT commerce.cancel_lines(%L, ''[{"line": 1, "quantity": 2}]'')', :'o'));
SELECT pg_temp.refused(format('SELECT commerce.begin_edit(%L, ''[{"line": 1, "quantity": 2}]'')', :'o'));
SELECT pg_temp.refused(format('SELECT commerce.fulfil(%L, ''[{"line": 1, "quantity": 2}]'')', :'o'));
SELECT commerce.cancel_lines(:'o', '[{"line": 1, "quantity": 1}]') AS "5";
-- What is counted is handed out by a parcel, though it needs none.
SELECT pg_temp.buy('[{"sku": "seam-ticket", "quantity": 2}]') AS o \gset
SELECT pg_temp.refused(format('SELECT commerce.request_return(%L, ''[{"line": 1, "quantity": 1}]'')', :'o'));
SELECT commerce.fulfil(:'o', '[{"line": 1, "quantity": 1}]') IS NOT NULL AS sent, commerce.request_return(:'o', '[{"line": 1, "quantity": 1}]') IS NOT NULL AS back;
SELECT commerce.cancel_lines(:'o', '[{"line": 1, "quantity": 1}]') AS "7";
SELECT commerce.available('seam-ticket') AS "99: one is out";

-- Goods that came back are paid with themselves. 2 at 10 were paid; one came back and was refunded: what is added is all that is to pay.
SELECT pg_temp.buy('[{"sku": "seam-thing", "quantity": 2}]') AS o \gset
SELECT pg_temp.pay(:'o'), commerce.fulfil(:'o') IS NOT NULL AS sent;
SELECT commerce.request_return(:'o', '[{"line": 1, "quantity": 1}]') AS r \gset
SELECT pg_temp.refused(format('SELECT commerce.authorize_payment(%L, ''0.01 EUR'')', :'o'));
SELECT refunded FROM commerce.refund_order(:'o', commerce.receive_return(:'r'));
SELECT pg_temp.refused(format('SELECT commerce.authorize_payment(%L, ''0.01 EUR'')', :'o'));
SELECT pg_temp.edit(:'o', '[{"sku": "seam-lid", "quantity": 1}]');
-- Not refunded yet, it is to be.
SELECT commerce.fulfil(:'o') IS NOT NULL AS sent, pg_temp.pay(:'o');
SELECT commerce.request_return(:'o', '[{"line": 1, "quantity": 1}]') AS r \gset
SELECT commerce.receive_return(:'r') AS "10";
SELECT pg_temp.edit(:'o', '[{"sku": "seam-file", "quantity": 1}]');

-- The price of what came back, or is to, is not changed: it is refunded as what it was.
SELECT pg_temp.buy('[{"sku": "seam-thing", "quantity": 2}, {"sku": "seam-lid", "quantity": 1}]') AS o \gset
SELECT pg_temp.pay(:'o'), commerce.fulfil(:'o') IS NOT NULL AS sent;
SELECT commerce.request_return(:'o', '[{"line": 1, "quantity": 1}]') AS r \gset
SELECT pg_temp.refused(format('SELECT commerce.begin_edit(%L, ''[{"line": 1, "unit_price": "4.00"}]'')', :'o'));
SELECT pg_temp.edit(:'o', '[{"line": 2, "discount": "1.00", "reason": "scratched"}, {"line": 1, "quantity": 3}]');
SELECT commerce.return_event(:'r', 'cancel');
SELECT pg_temp.edit(:'o', '[{"line": 1, "unit_price": "9.00"}]');

-- An exchange: what comes back and is not accepted pays nothing. 10 for 3 lids at 4.
SELECT pg_temp.buy('[{"sku": "seam-thing", "quantity": 1}]') AS o \gset
SELECT pg_temp.pay(:'o'), commerce.fulfil(:'o') IS NOT NULL AS sent;
SELECT commerce.request_exchange(:'o', '[{"line": 1, "quantity": 1}]', '[{"sku": "seam-lid", "quantity": 3}]') AS x \gset
SELECT :'x'::jsonb #>> '{difference,amount}' AS "2", pg_temp.pay(:'o');
SELECT pg_temp.status(:'o');
SELECT commerce.receive_return((:'x'::jsonb ->> 'return')::uuid, lines => '[{"line": 1, "quantity": 1, "accepted": false, "note": "worn"}]') AS "0";
SELECT pg_temp.status(:'o'), pg_temp.refused(format('SELECT commerce.authorize_payment(%L, ''10.01 EUR'')', :'o'));
-- In parts, for less: 3 at 10 for 5 lids at 4. Of the 30 the lids take 20; one thing is refused, so nothing of the 10 is left.
SELECT pg_temp.buy('[{"sku": "seam-thing", "quantity": 3}]') AS o \gset
SELECT pg_temp.pay(:'o'), commerce.fulfil(:'o') IS NOT NULL AS sent;
SELECT commerce.request_exchange(:'o', '[{"line": 1, "quantity": 3}]', '[{"sku": "seam-lid", "quantity": 5}]') AS x \gset
SELECT :'x'::jsonb #>> '{difference,amount}' AS "-10", :'x'::jsonb #>> '{to_pay,amount}' AS "0";
SELECT (:'x'::jsonb ->> 'return') AS r \gset
SELECT commerce.receive_return(:'r', lines => '[{"line": 1, "quantity": 1}]') AS "0";
SELECT pg_temp.status(:'o');
SELECT commerce.receive_return(:'r', lines => '[{"line": 1, "quantity": 1, "accepted": false}]') AS "0";
SELECT pg_temp.status(:'o');
SELECT commerce.receive_return(:'r') AS "0";
SELECT pg_temp.status(:'o');
-- All taken: 10 go back, and then nothing is left to pay, nor to refund.
SELECT pg_temp.buy('[{"sku": "seam-thing", "quantity": 3}]') AS o \gset
SELECT pg_temp.pay(:'o'), commerce.fulfil(:'o') IS NOT NULL AS sent;
SELECT commerce.request_exchange(:'o', '[{"line": 1, "quantity": 3}]', '[{"sku": "seam-lid", "quantity": 5}]') ->> 'return' AS r \gset
SELECT commerce.receive_return(:'r', lines => '[{"line": 1, "quantity": 2}]') AS "0", commerce.receive_return(:'r') AS "10";
SELECT detail -> 'value' ->> 'amount' AS worth, detail -> 'refund' ->> 'amount' AS refund FROM commerce.state_history WHERE subject = :'o' AND item = :'r' AND event LIKE 'receive%' ORDER BY id;
SELECT refunded FROM commerce.refund_order(:'o', '10 EUR');
SELECT pg_temp.edit(:'o', '[{"sku": "seam-file", "quantity": 1}]');
-- Closed before all has come: what does not come pays nothing.
SELECT pg_temp.buy('[{"sku": "seam-thing", "quantity": 2}]') AS o \gset
SELECT pg_temp.pay(:'o'), commerce.fulfil(:'o') IS NOT NULL AS sent;
SELECT commerce.request_exchange(:'o', '[{"line": 1, "quantity": 2}]', '[{"sku": "seam-lid", "quantity": 5}]') ->> 'return' AS r \gset
SELECT commerce.receive_return(:'r', lines => '[{"line": 1, "quantity": 1}]'), commerce.return_event(:'r', 'close');
SELECT pg_temp.status(:'o');
SELECT pg_temp.refused(format('SELECT commerce.authorize_payment(%L, ''10.01 EUR'')', :'o'));

-- Planned parcels keep what they have, of kits their parts.
SELECT pg_temp.buy('[{"sku": "seam-kit", "quantity": 4}]') AS o \gset
SELECT commerce.plan_fulfilment(:'o', '[{"line": 1, "quantity": 2}]') AS f \gset
SELECT pg_temp.refused(format('SELECT commerce.cancel_lines(%L, ''[{"line": 1, "quantity": 3}]'')', :'o'));
SELECT commerce.cancel_lines(:'o', '[{"line": 1, "quantity": 2}]') AS "40", pg_temp.edit(:'o', '[{"line": 1, "quantity": 3}]');
SELECT sku, state, sum(quantity) FROM commerce.reservations WHERE order_id = :'o' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT commerce.fulfilment_event(:'f', 'ship'), commerce.fulfil(:'o') IS NOT NULL AS "the third";
SELECT commerce.order_fulfilment_status(:'o');

-- Cancelled with a part sent and back, and wanted again: that part is neither sent nor paid again.
SELECT pg_temp.buy('[{"sku": "seam-thing", "quantity": 2}]') AS o \gset
SELECT pg_temp.pay(:'o'), commerce.fulfil(:'o', '[{"line": 1, "quantity": 1}]') IS NOT NULL AS sent;
SELECT commerce.request_return(:'o', '[{"line": 1, "quantity": 1}]') AS r \gset
SELECT commerce.receive_return(:'r'), commerce.order_event(:'o', 'cancel');
SELECT refunded FROM commerce.refund_order(:'o');
SELECT commerce.order_event(:'o', 'reopen'), pg_temp.pay(:'o');
SELECT captured FROM commerce.payments WHERE order_id = :'o' ORDER BY id DESC LIMIT 1;

-- On account: an order that gets cheaper owes less, and one of which nothing is settled is not owed by another way.
SELECT commerce.create_customer('seam@account.example') AS c \gset
SELECT commerce.set_credit_limit(:'c', '100 EUR') AS line \gset
CREATE FUNCTION pg_temp.owed(o uuid) RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(', ', p.state, 'authorized ' || p.authorized, 'owed ' || p.owed, 'used ' || c.used, 'now left ' || commerce.balance_left(c.balance))
    FROM commerce.payments p JOIN commerce.credit_status c ON c.balance = p.balance WHERE p.order_id = o $$;
SELECT pg_temp.buy('[{"sku": "seam-thing", "quantity": 4}]', :'c') AS o \gset
SELECT commerce.pay_on_account(:'o') AS p \gset
SELECT commerce.cancel_lines(:'o', '[{"line": 1, "quantity": 1}]') AS "10";
SELECT commerce.void_payment(:'p', 'part-1', amount => '10 EUR'), commerce.void_payment(:'p', 'part-1', amount => '10 EUR') AS again, commerce.void_payment(:'p', 'part-1') AS again;
SELECT pg_temp.owed(:'o'), commerce.order_payment_status(:'o');
SELECT pg_temp.refused(format('SELECT commerce.pay_on_account(%L, ''0.01 EUR'')', :'o'));
SELECT pg_temp.refused(format('SELECT commerce.void_payment(%L, %L, amount => %L)', :'p', ref, amount)) FROM (VALUES ('part-1', '9 EUR'), (NULL, '30.01 EUR'), (NULL, '0 EUR'), (NULL, '-1 EUR'), (NULL, '1 USD')) x (ref, amount);
SELECT commerce.settle_account(:'p', '5 EUR'), commerce.void_payment(:'p', amount => '5 EUR');
SELECT pg_temp.owed(:'o');
-- The rest of what is left is all of it.
SELECT commerce.void_payment(:'p', amount => '20 EUR');
SELECT pg_temp.owed(:'o'), commerce.order_payment_status(:'o');
SELECT pg_temp.refused(format('SELECT commerce.void_payment(%L, amount => ''1 EUR'')', :'p'));
SELECT kind, amount FROM commerce.payment_entries WHERE payment_id = :'p' ORDER BY id;
-- What another provider has promised is given up in part as well.
SELECT commerce.authorize_payment(:'o', '25 EUR') AS q \gset
SELECT commerce.void_payment(:'q', amount => '5 EUR');
SELECT state, authorized FROM commerce.payments WHERE id = :'q';
SELECT commerce.void_payment(:'q', amount => '20 EUR');
SELECT state, authorized FROM commerce.payments WHERE id = :'q';
SELECT pg_temp.refused('SELECT commerce.expire_orders(''infinity'')'), pg_temp.refused('SELECT commerce.expire_orders(''-infinity'')');
-- Whoever owes is not expired, not even in part; whoever owes no more is.
UPDATE commerce.channels SET unpaid_ttl = '1 hour' WHERE code = 'seam';
SELECT pg_temp.buy('[{"sku": "seam-thing", "quantity": 2}]', :'c') AS o \gset
SELECT commerce.pay_on_account(:'o', '1 EUR') AS p \gset
SELECT commerce.expire_orders(now() + interval '2 hours') IS NOT NULL AS looked;
SELECT state, expires_at > now() + interval '2 hours' AS "looked at again" FROM commerce.orders WHERE id = :'o';
SELECT pg_temp.refused(format('SELECT commerce.order_event(%L, ''expire'')', :'o'));
SELECT commerce.void_payment(:'p');
SELECT commerce.expire_orders(now() + interval '4 hours') IS NOT NULL AS looked;
SELECT state FROM commerce.orders WHERE id = :'o';
SELECT * FROM commerce.verify_stock();
SELECT * FROM commerce.verify_balances();
