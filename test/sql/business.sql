-- What businesses need beside quotes and accounts: drafts by staff, rules of quantities, a thousand lines in one call; claims
-- under a machine of their own, and references that make gift cards and payments happen once.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.customer_groups (code) VALUES ('biz-big'), ('biz-plain');
INSERT INTO commerce.variants (sku, track_stock) SELECT 'biz-' || x, x <> 'svc' FROM unnest('{A,B,C,svc,gift}'::text[]) x;
INSERT INTO commerce.prices (sku, price) VALUES ('biz-A', '10 EUR'), ('biz-B', '4 EUR'), ('biz-C', '1 EUR'), ('biz-svc', '2 EUR'), ('biz-gift', '3 EUR');
SELECT commerce.receive_stock('biz-' || x, 100000) FROM unnest('{A,B,C,gift}'::text[]) x \gset
SELECT commerce.create_customer(email => 'bea@biz.example') AS bea, commerce.create_customer(email => 'big@biz.example', customer_group => 'biz-big') AS big,
    commerce.create_customer(email => 'plain@biz.example', customer_group => 'biz-plain') AS plain \gset
CREATE FUNCTION pg_temp.says(command text) RETURNS TABLE (code text, message text, detail jsonb, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    message := 'done';
    RETURN NEXT;
EXCEPTION WHEN others THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    message := regexp_replace(message, '[0-9a-f-]{36}', 'ID', 'g');
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_DETAIL;
    detail := CASE WHEN hint LIKE '{%' THEN hint::jsonb END;
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END $$;
\pset format unaligned

-- A draft: staff makes it, with prices and discounts by hand; it does not expire by itself, and becomes an order like any cart.
SELECT commerce.create_draft('[{"sku": "biz-A", "quantity": 2, "unit_price": "9.00"}, {"sku": "biz-B", "quantity": 1, "discounts": [{"amount": "1.00", "reason": "scratched"}]}]',
    customer => :'bea', changes => '{"ship_to": {"country": "DE"}, "options": {"discounts": [{"percent": 10, "reason": "on the phone"}]}}') AS draft \gset
SELECT kind, state, expires_at, customer_id = :'bea' AS hers, ship_to FROM commerce.carts WHERE id = :'draft';
SELECT commerce.quote_cart(:'draft') #>> '{total,amount}' AS total;
SELECT commerce.set_cart_line(:'draft', 'biz-B', 0), commerce.set_cart(:'draft', '{"attributes": {"note": 1}}');
SELECT expires_at FROM commerce.carts WHERE id = :'draft';
-- Time passes it by.
SELECT commerce.expire_carts();
SELECT state FROM commerce.carts WHERE id = :'draft';
SET ROLE commerce_app;
SELECT (pg_temp.says(format('SELECT commerce.set_cart_line(%L, ''biz-A'', 3)', :'draft'))).*;
SELECT (pg_temp.says(format('SELECT commerce.set_cart(%L, ''{"customer": null}'')', :'draft'))).code;
SELECT (pg_temp.says(format('SELECT commerce.add_cart_code(%L, ''NONE'')', :'draft'))).code;
SELECT (pg_temp.says(format('SELECT commerce.hold_cart(%L)', :'draft'))).code;
SELECT (pg_temp.says(format('SELECT commerce.set_cart_lines(%L, ''[]'')', :'draft'))).code;
SELECT (pg_temp.says('SELECT commerce.create_draft()')).code;
SELECT commerce.quote_cart(:'draft') #>> '{total,amount}' AS total, commerce.place_order(:'draft', expected_total => '16.20 EUR') AS bought \gset
RESET ROLE;
SELECT o.total, o.discount, l.sku, l.quantity, l.unit_price, d.reason, d.amount FROM commerce.orders o JOIN commerce.order_lines l ON l.order_id = o.id
    LEFT JOIN commerce.order_discounts d ON d.order_id = o.id AND d.line = l.line WHERE o.id = :'bought';
SELECT kind, state FROM commerce.carts WHERE id = :'draft';
-- One that staff says is to expire does, and is opened again by staff; none is merged.
SELECT commerce.create_draft(changes => jsonb_build_object('expires_at', now() + interval '1 hour')) AS short, commerce.create_cart() AS plain_cart \gset
SELECT (pg_temp.says(format('SELECT commerce.merge_carts(%L, %L)', :'plain_cart', :'short'))).*;
SELECT (pg_temp.says(format('SELECT commerce.merge_carts(%L, %L)', :'short', :'plain_cart'))).code;
UPDATE commerce.carts SET expires_at = now() WHERE id = :'short';
SELECT commerce.expire_carts() AS expired;
SET ROLE commerce_app;
SELECT (pg_temp.says(format('SELECT commerce.reopen_cart(%L)', :'short'))).code;
RESET ROLE;
SELECT commerce.reopen_cart(:'short') > now() AS reopened;
SELECT (pg_temp.says('SELECT commerce.create_draft(''{}'')')).code, (pg_temp.says('SELECT commerce.create_draft(NULL)')).code AS none, (pg_temp.says('SELECT commerce.create_draft(''[{"sku": "biz-no", "quantity": 1}]'')')).code AS unknown,
    (pg_temp.says('SELECT commerce.create_draft(currency => ''XXX'')')).code AS currency, (pg_temp.says('SELECT commerce.create_draft(changes => ''[]'')')).code AS changes,
    (pg_temp.says('SELECT commerce.create_draft(changes => ''{"expires_at": "infinity"}'')')).code AS infinite;

-- Quantities: nothing is judged where there is no rule.
SELECT * FROM commerce.check_quantities('[{"sku": "biz-A", "quantity": 7}]');
SELECT (pg_temp.says('SELECT commerce.checkout(''[{"sku": "biz-A", "quantity": 7}]'')')).message;
-- In the transaction that writes a rule, and not when it is rolled back.
BEGIN;
INSERT INTO commerce.quantity_rules (sku, minimum, increment) VALUES ('biz-A', 10, 5);
SELECT (pg_temp.says('SELECT commerce.checkout(''[{"sku": "biz-A", "quantity": 7}]'')')).code;
ROLLBACK;
SELECT (pg_temp.says('SELECT commerce.checkout(''[{"sku": "biz-A", "quantity": 7}]'')')).message;
INSERT INTO commerce.quantity_rules (sku, customer_group, minimum, maximum, increment) VALUES ('biz-A', NULL, 10, NULL, 5), ('biz-A', 'biz-big', 100, NULL, NULL),
    ('biz-B', NULL, NULL, 6, NULL), ('biz-C', NULL, NULL, NULL, 12), ('biz-gift', NULL, 50, NULL, NULL);
-- All that is broken at once, lines of one sku together.
SELECT (pg_temp.says('SELECT commerce.checkout(''[{"sku": "biz-B", "quantity": 4}, {"sku": "biz-A", "quantity": 9}, {"sku": "biz-svc", "quantity": 1}, {"sku": "biz-C", "quantity": 13}, {"sku": "biz-B", "quantity": 3, "location": "main"}]'')')).*;
SELECT * FROM commerce.check_quantities('[{"sku": "biz-B", "quantity": 4}, {"sku": "biz-A", "quantity": 9}, {"sku": "biz-svc", "quantity": 1}, {"sku": "biz-C", "quantity": 13}, {"sku": "biz-B", "quantity": 3}]');
SELECT (pg_temp.says('SELECT commerce.checkout(''[{"sku": "biz-A", "quantity": 12}]'')')).*;
SELECT (pg_temp.says(format('SELECT commerce.checkout(''[{"sku": "biz-%s", "quantity": %s}]'', customer => %L)', s, q, c))).message
    FROM (VALUES ('A', 10, NULL), ('A', 15, :'plain'), ('A', 101, :'big'), ('B', 6, NULL), ('C', 24, :'bea')) x (s, q, c);
-- A group's rule takes the place of everybody's.
SELECT (pg_temp.says(format('SELECT commerce.checkout(''[{"sku": "biz-A", "quantity": 15}]'', customer => %L)', :'big'))).detail;
SELECT * FROM commerce.check_quantities('[{"sku": "biz-A", "quantity": 15}]', :'big');
SELECT * FROM commerce.check_quantities('[{"sku": "biz-A", "quantity": 15}]', :'plain');
-- A cart is judged when it is bought, and is as it was; a price is shown for any quantity.
SELECT commerce.create_cart() AS cart \gset
SELECT commerce.set_cart_line(:'cart', 'biz-A', 3);
SELECT commerce.quote_cart(:'cart') #>> '{total,amount}' AS total;
SELECT sku, quantity, minimum FROM commerce.check_quantities(commerce.cart_content(:'cart'));
SELECT (pg_temp.says(format('SELECT commerce.place_order(%L)', :'cart'))).code;
SELECT state FROM commerce.carts WHERE id = :'cart';
SELECT commerce.set_cart_line(:'cart', 'biz-A', 10), commerce.place_order(:'cart') IS NOT NULL AS bought;
-- Gifts, drafts and what was sold elsewhere are not judged.
INSERT INTO commerce.promotions (name, condition, benefit) VALUES ('biz gift', 'quantity(sku = ''biz-svc'') >= 7', 'gift 1 ''biz-gift''') RETURNING id AS promotion \gset
SELECT commerce.checkout('[{"sku": "biz-svc", "quantity": 7}]') AS gifted \gset
SELECT sku, quantity, gift_of IS NOT NULL AS gift FROM commerce.order_lines WHERE order_id = :'gifted' ORDER BY line;
DELETE FROM commerce.promotions WHERE id = :'promotion';
SELECT commerce.place_order(commerce.create_draft('[{"sku": "biz-A", "quantity": 1}]')) IS NOT NULL AS drafted;
SELECT (pg_temp.says('SELECT commerce.checkout(''[{"sku": "biz-A", "quantity": 1}]'', at => now())')).message;
-- Rules that make no sense, and bad questions.
SELECT (pg_temp.says(format('INSERT INTO commerce.quantity_rules (sku, customer_group, minimum, maximum, increment) VALUES (%s)', v))).message
    FROM unnest(ARRAY['''biz-svc'', NULL, 5, 4, NULL', '''biz-svc'', NULL, NULL, 9, 10', '''biz-svc'', NULL, 11, 19, 10', '''biz-svc'', NULL, NULL, NULL, NULL', '''biz-svc'', NULL, 0, NULL, NULL',
        '''biz-svc'', NULL, NULL, NULL, -1', '''biz-A'', NULL, 1, NULL, NULL', ''''', NULL, 1, NULL, NULL', '''biz-svc'', ''no group'', 1, NULL, NULL', '''biz-svc'', NULL, 9223372036854775807, NULL, NULL']) v;
SELECT (pg_temp.says(format('SELECT FROM commerce.check_quantities(%s)', v))).code
    FROM unnest(ARRAY['NULL', '''{}''', '''[1]''', '''[{"sku": "biz-A"}]''', '''[{"sku": "biz-A", "quantity": -1}]''', '''[{"sku": "biz-no", "quantity": 1}]''', '''[{"sku": "biz-A", "quantity": 99999999999999999999}]''',
        '''[]'', ''00000000-0000-0000-0000-000000000000''']) v;
UPDATE commerce.quantity_rules SET minimum = 1, increment = NULL WHERE sku = 'biz-A' AND customer_group IS NULL;
SELECT (pg_temp.says('SELECT commerce.checkout(''[{"sku": "biz-A", "quantity": 1}]'')')).message;
TRUNCATE commerce.quantity_rules;
SELECT (pg_temp.says('SELECT commerce.checkout(''[{"sku": "biz-C", "quantity": 1}]'')')).message;

-- A thousand lines in one call: by checkout(), place_order() and order_quote() the same order.
INSERT INTO commerce.variants (sku) SELECT 'biz-bulk-' || n FROM generate_series(1, 1000) n;
INSERT INTO commerce.prices (sku, price) SELECT 'biz-bulk-' || n, commerce.from_minor(n, 'EUR') FROM generate_series(1, 1000) n;
SELECT count(commerce.receive_stock('biz-bulk-' || n, 5000)) AS received FROM generate_series(1, 1000) n;
SELECT jsonb_agg(jsonb_build_object('sku', 'biz-bulk-' || n, 'quantity', n) ORDER BY n) AS lines FROM generate_series(1, 1000) n \gset
SELECT commerce.create_cart() AS bulk \gset
SELECT commerce.set_cart_lines(:'bulk', :'lines');
SELECT commerce.request_quote(:'bulk') AS quote \gset
SELECT commerce.offer_quote(:'quote', valid_until => now() + interval '1 day', hold => true);
SELECT count(*), sum(quantity) FROM commerce.reservations WHERE holder = commerce.quote_holder(:'quote') AND state = 'held';
SELECT commerce.accept_quote(:'quote', '3338335 EUR');
SELECT commerce.checkout(:'lines', expected_total => '3338335 EUR') AS one, commerce.place_order(:'bulk', expected_total => '3338335 EUR') AS two, commerce.order_quote(:'quote') AS three \gset
SELECT o.total, count(*) AS lines, sum(l.quantity) AS units, commerce.sum(l.total) AS sum, (SELECT count(*) FROM commerce.reservations r WHERE r.order_id = o.id AND r.state = 'committed') AS promised
    FROM commerce.orders o JOIN commerce.order_lines l ON l.order_id = o.id WHERE o.id IN (:'one', :'two', :'three') GROUP BY o.id ORDER BY o.id;
SELECT commerce.available('biz-bulk-1000') AS available, count(*) FILTER (WHERE state = 'held') AS held FROM commerce.reservations WHERE sku = 'biz-bulk-1000';

-- Claims go along their machine, without history, and are counted whatever happens.
INSERT INTO commerce.promotions (name, benefit, needs_code) VALUES ('biz ten', '10% off order', true) RETURNING id AS promotion \gset
INSERT INTO commerce.promotion_codes (code, promotion) VALUES ('BIZTEN', :'promotion');
INSERT INTO commerce.budgets (promotion, uses) VALUES (:'promotion', 3) RETURNING id AS budget \gset
SELECT commerce.state_machine_diagram('claim');
SELECT commerce.checkout('[{"sku": "biz-svc", "quantity": 1}]', '{bizten}') AS claimed \gset
CREATE FUNCTION pg_temp.claim(budget uuid) RETURNS text LANGUAGE sql AS $$SELECT concat_ws(' ', (SELECT string_agg(c.state, ',') FROM commerce.claims c WHERE c.budget = claim.budget), commerce.budget_left(budget))$$;
SELECT pg_temp.claim(:'budget');
SELECT (pg_temp.says(format('UPDATE commerce.claims SET state = %L WHERE budget = %L', s, :'budget'))).* FROM unnest('{reserved,lost}'::text[]) s;
SELECT (pg_temp.says(format('UPDATE commerce.claims SET state = NULL WHERE budget = %L', :'budget'))).code;
SELECT (pg_temp.says(format('INSERT INTO commerce.claims (order_id, budget, key, promotion, amount_taken, state) VALUES (commerce.uuidv7(), %L, '''', %L, 1, ''lost'')', :'budget', :'promotion'))).code;
SELECT pg_temp.claim(:'budget');
SELECT commerce.order_event(:'claimed', 'cancel'), pg_temp.claim(:'budget');
SELECT commerce.state_event('commerce.claims', jsonb_build_object('order_id', :'claimed', 'budget', :'budget', 'key', ''), 'reclaim');
SELECT pg_temp.claim(:'budget');
SELECT (pg_temp.says(format('SELECT commerce.state_event(''commerce.claims'', jsonb_build_object(''order_id'', %L, ''budget'', %L, ''key'', ''''), ''use'')', :'claimed', :'budget'))).code;
UPDATE commerce.claims SET state = 'released' WHERE budget = :'budget';
INSERT INTO commerce.claims (order_id, budget, key, promotion, amount_taken, state) VALUES (commerce.uuidv7(), :'budget', '', :'promotion', 2, 'reserved');
SELECT pg_temp.claim(:'budget');
UPDATE commerce.claims SET state = 'used' WHERE budget = :'budget' AND state = 'reserved';
SELECT pg_temp.claim(:'budget'), count(*) AS history FROM commerce.state_history WHERE relation = 'commerce.claims';
SELECT * FROM commerce.verify_budgets();
DELETE FROM commerce.claims WHERE budget = :'budget';
DELETE FROM commerce.promotions WHERE id = :'promotion';

-- A gift card, once for each reference: the code is shown the first time alone.
SELECT balance AS card, code FROM commerce.issue_gift_card('50 EUR', reference => 'card-1') \gset
SELECT balance = :'card' AS same, code FROM commerce.issue_gift_card('50 EUR', reference => 'card-1');
SELECT count(*) FROM commerce.balance_entries WHERE balance_id = :'card';
SELECT commerce.balance_left(code => :'code');
SELECT (pg_temp.says(format('SELECT commerce.issue_gift_card(%s)', v))).* FROM unnest(ARRAY['''51 EUR'', reference => ''card-1''', '''50 USD'', reference => ''card-1''', format('''50 EUR'', customer => %L, reference => ''card-1''', :'bea'), '''50 EUR'', reference => ''''']) v;
SELECT balance <> :'card' AS another, length(code) FROM commerce.issue_gift_card('50 EUR', reference => 'card-2');
-- What is refused uses no reference up.
SELECT (pg_temp.says('SELECT commerce.issue_gift_card(''50 EUR'', now() - interval ''1 day'', reference => ''card-3'')')).code;
SELECT length(code) FROM commerce.issue_gift_card('50 EUR', reference => 'card-3');

-- A payment is begun once for each reference, whatever has become of it.
SELECT commerce.checkout('[{"sku": "biz-svc", "quantity": 5}]') AS id, commerce.checkout('[{"sku": "biz-svc", "quantity": 5}]') AS other \gset
SELECT commerce.begin_payment(:'id', '6 EUR', 'bank', 'begin-1') AS p \gset
SELECT commerce.begin_payment(:'id', '6 EUR', 'bank', 'begin-1') = :'p' AS same, commerce.begin_payment(:'id', NULL, 'bank', 'begin-1') = :'p' AS same, commerce.begin_payment(:'id', '6 EUR', 'post', 'begin-1') <> :'p' AS another;
SELECT commerce.payment_event(:'p', 'fail'), commerce.begin_payment(:'id', '6 EUR', 'bank', 'begin-1') = :'p' AS same;
SELECT (pg_temp.says(format('SELECT commerce.begin_payment(%L, %L, ''bank'', ''begin-1'')', o, a))).* FROM (VALUES (:'id', '7 EUR'), (:'id', '6 USD'), (:'other', '6 EUR')) x (o, a);
SELECT (pg_temp.says(format('SELECT commerce.begin_payment(%L, ''11 EUR'', ''bank'', ''begin-2'')', :'id'))).code, count(*) AS used FROM commerce.payment_references WHERE reference = 'begin-2';
SELECT kind, entry_id, count(*) FROM commerce.payment_references WHERE reference = 'begin-1' GROUP BY 1, 2;
-- The provider's own reference of the promise is another.
SELECT commerce.begin_payment(:'other', provider => 'bank', reference => 'begin-3') AS p \gset
SELECT commerce.authorize_payment(:'other', payment => :'p', reference => 'begin-3') = :'p' AS same, commerce.capture_payment(:'p', reference => 'begin-3');
