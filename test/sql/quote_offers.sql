-- Quotes: asked for, offered, countered, accepted and ordered exactly once, at the prices of the offer, whatever price lists and
-- promotions say by then.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, title, track_stock) VALUES ('qo-A', 'Anvil', true), ('qo-B', 'Bolt', true), ('qo-svc', 'Service', false);
INSERT INTO commerce.prices (sku, price, per_quantity) VALUES ('qo-A', '10.00 EUR', 1), ('qo-B', '2.50 EUR', 100), ('qo-svc', '7 EUR', 1), ('qo-A', '11 USD', 1);
INSERT INTO commerce.shipping_methods (code) VALUES ('qo-post');
INSERT INTO commerce.shipping_prices (method, price) VALUES ('qo-post', '5 EUR');
SELECT commerce.receive_stock('qo-A', 100), commerce.receive_stock('qo-B', 5000) \gset
SELECT commerce.create_customer(email => 'quin@quote.example') AS quin, commerce.create_customer(email => 'quentin@quote.example') AS quentin \gset
CREATE FUNCTION pg_temp.says(command text) RETURNS TABLE (code text, message text, detail jsonb, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    message := 'done';
    RETURN NEXT;
EXCEPTION WHEN others THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_DETAIL;
    message := regexp_replace(message, '[0-9a-f-]{36}', 'ID', 'g');
    detail := CASE WHEN hint LIKE '{%' THEN regexp_replace(hint, '[0-9a-f]{8}-[0-9a-f-]{27}', 'ID', 'g')::jsonb END;
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END $$;
CREATE FUNCTION pg_temp.quote(quote uuid) RETURNS text LANGUAGE sql AS
    $$SELECT concat_ws(' ', q.state, 'version', q.version, q.total, q.reason, (SELECT 'holds ' || sum(quantity) FROM commerce.reservations r WHERE r.holder = commerce.quote_holder(quote) AND r.state = 'held')) FROM commerce.quotes q WHERE id = quote$$;
\pset format unaligned

-- A buyer asks; nothing is promised yet, and the cart stays open.
SELECT commerce.create_cart(customer => :'quin') AS cart \gset
SELECT commerce.set_cart_lines(:'cart', '[{"sku": "qo-A", "quantity": 60}, {"sku": "qo-B", "quantity": 250}, {"sku": "qo-svc", "quantity": 1}]');
SELECT commerce.set_cart(:'cart', '{"ship_to": {"country": "XQ", "postal_code": "1", "street": "Quotestreet 9"}, "shipping_method": "qo-post"}');
SET ROLE commerce_app;
SELECT commerce.request_quote(:'cart', message => 'for 60?', customer => :'quin') AS quote \gset
RESET ROLE;
SELECT state, customer_id = :'quin' AS his, channel, currency, ship_to, ship_address IS NOT NULL AS sealed, shipping_method, options, version, total, valid_until, from_cart = :'cart' AS cart, cart_id, order_id FROM commerce.quotes WHERE id = :'quote';
SELECT version, side, lines, total, message, actor FROM commerce.quote_versions WHERE quote_id = :'quote';
SELECT state FROM commerce.carts WHERE id = :'cart';
SELECT (pg_temp.says(format('SELECT commerce.%s', c))).* FROM unnest(ARRAY[format('accept_quote(%L, ''612.50 EUR'')', :'quote'), format('counter_quote(%L)', :'quote'), format('order_quote(%L)', :'quote')]) c;

-- The seller offers, with prices of his own and the stock held; a promotion has no part in it.
INSERT INTO commerce.promotions (name, condition, benefit) VALUES ('qo half', 'sku = ''qo-A''', '50% off units where sku = ''qo-A''') RETURNING id AS promotion \gset
SELECT commerce.offer_quote(:'quote', '[{"sku": "qo-A", "quantity": 60, "unit_price": "9.00", "discounts": [{"amount": "40.00", "reason": "first order"}]}, {"sku": "qo-B", "quantity": 250}]',
    message => 'for 60', valid_until => now() + interval '14 days', hold => true);
SELECT pg_temp.quote(:'quote'), valid_until > now() + interval '13 days' AS valid FROM commerce.quotes WHERE id = :'quote';
SELECT side, lines, total, message, valid_until IS NOT NULL AS valid FROM commerce.quote_versions WHERE quote_id = :'quote' AND version = 2;
SELECT sku, quantity, expires_at BETWEEN q.valid_until - interval '1 second' AND q.valid_until + interval '1 second' AS till FROM commerce.reservations r, commerce.quotes q WHERE q.id = :'quote' AND r.holder = commerce.quote_holder(q.id) AND r.state = 'held' ORDER BY sku;
-- The buyer counters, which binds nobody and frees what was held; of discounts and facts of the catalogue he names none.
SET ROLE commerce_app;
SELECT commerce.counter_quote(:'quote', '[{"sku": "qo-A", "quantity": 80, "unit_price": "8.50"}, {"sku": "qo-B", "quantity": 250}]', customer => :'quin');
SELECT commerce.counter_quote(:'quote', message => 'well?');
SELECT (pg_temp.says(format('SELECT commerce.counter_quote(%L, %L)', :'quote', l))).* FROM unnest(ARRAY['[{"sku": "qo-A", "quantity": 1, "discounts": [{"percent": 90, "reason": "me"}]}]', '[{"sku": "qo-A", "quantity": 1, "tax_class": "none"}]']) l;
SELECT (pg_temp.says(format('SELECT commerce.offer_quote(%L)', :'quote'))).code, (pg_temp.says('SELECT commerce.create_quote(''[{"sku": "qo-A", "quantity": 1}]'')')).code AS create;
RESET ROLE;
SELECT pg_temp.quote(:'quote');
SELECT (pg_temp.says(format('SELECT commerce.accept_quote(%L, ''686.25 EUR'')', :'quote'))).*;
-- The seller offers that, as it is.
SELECT commerce.offer_quote(:'quote', hold => true);
SELECT version, side, lines -> 0 AS line, total, message FROM commerce.quote_versions WHERE quote_id = :'quote' ORDER BY version;
SET ROLE commerce_app;
-- What is accepted is what was seen.
SELECT (pg_temp.says(format('SELECT commerce.accept_quote(%L, %s)', :'quote', t))).* FROM unnest(ARRAY['''600 EUR''', '''691.25 USD''', 'NULL']) t;
SELECT (pg_temp.says(format('SELECT commerce.order_quote(%L)', :'quote'))).detail;
SELECT (pg_temp.says(format('SELECT commerce.accept_quote(%L, ''691.25 EUR'', customer => %L)', :'quote', :'quentin'))).*;
SELECT commerce.accept_quote(:'quote', '691.25 EUR', customer => :'quin'), commerce.accept_quote(:'quote', '691.25 EUR') AS again;
SELECT (pg_temp.says(format('SELECT commerce.accept_quote(%L, ''691.24 EUR'')', :'quote'))).code;
RESET ROLE;
SELECT pg_temp.quote(:'quote');
-- Price lists change, stock is gone but for what is held: the order is what was offered.
UPDATE commerce.prices SET price = '99 EUR' WHERE sku LIKE 'qo-%';
SELECT commerce.checkout('[{"sku": "qo-A", "quantity": 20}]') IS NOT NULL AS rest, commerce.available('qo-A');
SET ROLE commerce_app;
SELECT commerce.order_quote(:'quote', 'qo-key', customer => :'quin') AS "order" \gset
SELECT commerce.order_quote(:'quote', 'qo-key') = :'order' AS same, commerce.order_quote(:'quote') = :'order' AS same, commerce.order_quote(:'quote', 'qo-other') = :'order' AS same;
RESET ROLE;
SELECT pg_temp.quote(:'quote'), order_id = :'order' AS ordered, cart_id IS NOT NULL AS cart, ship_address FROM commerce.quotes WHERE id = :'quote';
SELECT o.total, o.discount, o.shipping, o.codes, o.ship_to, commerce.reveal(o.ship_address, o.customer_id, 'quote test')::jsonb AS opened, o.customer_id = :'quin' AS his, count(*) OVER () AS orders
    FROM commerce.orders o JOIN commerce.carts c ON c.order_id = o.id WHERE c.kind = 'quote' AND c.attributes ->> 'quote' = :'quote';
SELECT line, sku, quantity, unit_price, per_quantity, total FROM commerce.order_lines WHERE order_id = :'order' ORDER BY line;
SELECT sku, quantity, state FROM commerce.reservations WHERE order_id = :'order' ORDER BY sku;
SELECT topic, payload - '{id,customer_id,order_id,valid_until}'::text[] AS payload, payload ? 'order_id' AS "order" FROM commerce.outbox WHERE aggregate = :'quote' ORDER BY id;
SELECT event, from_state, to_state FROM commerce.state_history WHERE subject = :'quote' ORDER BY id;
-- What is ordered is over, and what was said is never changed.
SELECT (pg_temp.says(format('SELECT commerce.%s', c))).* FROM unnest(ARRAY[format('offer_quote(%L)', :'quote'), format('counter_quote(%L)', :'quote'), format('accept_quote(%L, ''1 EUR'')', :'quote'), format('reject_quote(%L)', :'quote')]) c;
SELECT (pg_temp.says(c)).* FROM unnest(ARRAY[format('UPDATE commerce.quotes SET total = ''1 EUR'' WHERE id = %L', :'quote'), format('UPDATE commerce.quote_versions SET total = ''1 EUR'' WHERE quote_id = %L', :'quote')]) c;
SELECT (pg_temp.says(format('UPDATE commerce.quotes SET state = ''sent'' WHERE id = %L', :'quote'))).code;
-- A key that has bought something else.
SELECT commerce.create_quote('[{"sku": "qo-A", "quantity": 1, "unit_price": "3"}]', valid_until => now() + interval '1 day') AS keyed \gset
SELECT commerce.offer_quote(:'keyed'), commerce.accept_quote(:'keyed', '3 EUR');
SELECT commerce.receive_stock('qo-A', 100) \gset
SELECT (pg_temp.says(format('SELECT commerce.order_quote(%L, ''qo-key'')', :'keyed'))).code, pg_temp.quote(:'keyed');

-- Made by the seller, for a guest, with options, and rejected for a reason; offered anew.
SELECT commerce.create_quote('[{"sku": "qo-A", "quantity": 10, "unit_price": "5"}, {"sku": "qo-svc", "quantity": 1, "unit_price": "1"}]', message => 'as agreed', ship_to => '{"country": "XQ", "street": "Gueststreet 1"}',
    shipping_method => 'qo-post', options => '{"discounts": [{"percent": 10, "reason": "trade fair"}], "strategy": "no_split"}') AS guest \gset
SELECT pg_temp.quote(:'guest'), ship_to, commerce.reveal(ship_address, id, 'quote test')::jsonb AS opened, options FROM commerce.quotes WHERE id = :'guest';
SELECT count(*) AS told FROM commerce.outbox WHERE aggregate = :'guest';
SELECT commerce.offer_quote(:'guest', valid_until => now() + interval '1 hour', hold => true), pg_temp.quote(:'guest');
SELECT commerce.reject_quote(:'guest', 'too dear');
SELECT pg_temp.quote(:'guest');
SELECT (pg_temp.says(format('SELECT commerce.reject_quote(%L)', :'guest'))).*;
SELECT commerce.offer_quote(:'guest', '[{"sku": "qo-A", "quantity": 10, "unit_price": "4"}]', message => 'and now?'), pg_temp.quote(:'guest');
SELECT commerce.accept_quote(:'guest', '41 EUR'), commerce.order_quote(:'guest') AS guests \gset
SELECT total, discount, commerce.reveal(ship_address, id, 'quote test')::jsonb AS opened FROM commerce.orders WHERE id = :'guests';
SELECT topic, payload ->> 'reason' AS reason FROM commerce.outbox WHERE aggregate = :'guest' ORDER BY id;

-- What has run out is over, swept or not; and what is held for it free.
SELECT commerce.create_quote('[{"sku": "qo-A", "quantity": 5, "unit_price": "5"}]', customer => :'quin') AS late, commerce.create_quote('[{"sku": "qo-A", "quantity": 5, "unit_price": "5"}]') AS lasting \gset
SELECT commerce.offer_quote(:'late', valid_until => now() + interval '1 hour', hold => true) AS late, commerce.offer_quote(:'lasting') AS lasting;
UPDATE commerce.quotes SET valid_until = now() WHERE id = :'late';
SELECT pg_temp.quote(:'late');
SELECT (pg_temp.says(format('SELECT commerce.%s', c))).message FROM unnest(ARRAY[format('counter_quote(%L)', :'late'), format('accept_quote(%L, ''25 EUR'')', :'late')]) c;
SELECT (pg_temp.says(format('SELECT commerce.accept_quote(%L, ''25 EUR'')', :'late'))).detail;
SELECT state FROM commerce.quotes WHERE id = :'late';
SELECT commerce.expire_quotes() AS expired, commerce.expire_quotes() AS again;
SELECT pg_temp.quote(:'late'), pg_temp.quote(:'lasting');
SELECT topic FROM commerce.outbox WHERE aggregate = :'late' ORDER BY id;
-- Also one that was accepted; the seller offers it anew.
SELECT (pg_temp.says(format('SELECT commerce.offer_quote(%L)', :'late'))).message;
SELECT commerce.offer_quote(:'late', valid_until => now() + interval '1 hour'), commerce.accept_quote(:'late', '25 EUR');
UPDATE commerce.quotes SET valid_until = now() WHERE id = :'late';
SELECT (pg_temp.says(format('SELECT commerce.order_quote(%L)', :'late'))).message;
SELECT commerce.expire_quotes(1) AS expired, pg_temp.quote(:'late');
SELECT commerce.offer_quote(:'late', valid_until => now() + interval '1 day'), commerce.accept_quote(:'late', '25 EUR'), commerce.order_quote(:'late') IS NOT NULL AS ordered;

-- Prices of another place are kept as the price list has them, and not turned twice; taxes that have changed since are the
-- one thing that stops an order, and the next offer knows them.
BEGIN;
UPDATE commerce.tax_zones SET is_default = false WHERE is_default;
INSERT INTO commerce.tax_zones (code, countries, is_home, keep, tax_union) VALUES ('qo-home', '{QH}', true, NULL, 'qo'), ('qo-net', '{QN}', false, 'net', 'qo');
INSERT INTO commerce.tax_rates (zone, name, rate, included) VALUES ('qo-home', 'VAT', 19, true), ('qo-net', 'VAT', 25, true);
UPDATE commerce.prices SET price = '119 EUR' WHERE sku = 'qo-A' AND commerce.currency(price) = 'EUR';
SELECT commerce.create_quote('[{"sku": "qo-A", "quantity": 2}]', ship_to => '{"country": "QN"}') AS abroad \gset
SELECT lines, total FROM commerce.quote_versions WHERE quote_id = :'abroad';
SELECT commerce.offer_quote(:'abroad'), commerce.accept_quote(:'abroad', '250 EUR');
SAVEPOINT before;
SELECT commerce.order_quote(:'abroad') AS abroads \gset
SELECT o.total, o.tax, l.unit_price FROM commerce.orders o JOIN commerce.order_lines l ON l.order_id = o.id WHERE o.id = :'abroads';
ROLLBACK TO before;
UPDATE commerce.tax_rates SET rate = 20 WHERE zone = 'qo-net';
SELECT (pg_temp.says(format('SELECT commerce.order_quote(%L)', :'abroad'))).*;
SELECT pg_temp.quote(:'abroad');
SELECT commerce.offer_quote(:'abroad'), pg_temp.quote(:'abroad'), commerce.accept_quote(:'abroad', '240 EUR');
SELECT commerce.order_quote(:'abroad') AS abroads \gset
SELECT total FROM commerce.orders WHERE id = :'abroads';
ROLLBACK;

-- Stock that is not there, and not held.
SELECT commerce.create_quote('[{"sku": "qo-A", "quantity": 5000, "unit_price": "1"}]', valid_until => now() + interval '1 day') AS large \gset
SELECT (pg_temp.says(format('SELECT commerce.offer_quote(%L, hold => true)', :'large'))).code, pg_temp.quote(:'large');
SELECT commerce.offer_quote(:'large'), commerce.accept_quote(:'large', '5000 EUR');
SELECT (pg_temp.says(format('SELECT commerce.order_quote(%L)', :'large'))).code, pg_temp.quote(:'large');

-- Bad input: a clear error, and nothing changed.
SELECT count(*) AS quotes FROM commerce.quotes \gset
SELECT c, x.code, x.message FROM unnest(ARRAY['NULL', '''{}''', '''[]''', '''[1]''', '''[{"sku": "qo-A"}]''', '''[{"sku": "qo-A", "quantity": 0}]''', '''[{"sku": "qo-A", "quantity": -1}]''', '''[{"sku": "qo-A", "quantity": 1.5}]''',
    '''[{"sku": "qo-no", "quantity": 1}]''', '''[{"sku": "qo-A", "quantity": 1}, {"sku": "qo-A", "quantity": 1}]''', '''[{"sku": "qo-A", "quantity": 1, "unit_price": "-1"}]''', '''[{"sku": "qo-A", "quantity": 1, "unit_price": "1 USD"}]''',
    '''[{"sku": "qo-A", "quantity": 1, "price": "1"}]''', '''[{"sku": "qo-A", "quantity": 1, "location": "nowhere"}]''', '''[{"sku": "qo-A", "quantity": 99999999999999, "unit_price": "1"}]''', '''[{"sku": "qo-A", "quantity": 1000000000000, "unit_price": "99999"}]''',
    '''[{"sku": "qo-A", "quantity": 1}]'', customer => ''00000000-0000-0000-0000-000000000000''', '''[{"sku": "qo-A", "quantity": 1}]'', channel => ''qo-no''', '''[{"sku": "qo-A", "quantity": 1}]'', currency => ''XXX''',
    '''[{"sku": "qo-B", "quantity": 1}]'', currency => ''USD''', '''[{"sku": "qo-A", "quantity": 1}]'', valid_until => now() - interval ''1 second''', '''[{"sku": "qo-A", "quantity": 1}]'', valid_until => ''-infinity''',
    '''[{"sku": "qo-A", "quantity": 1}]'', shipping_method => ''qo-no''', '''[{"sku": "qo-A", "quantity": 1}]'', options => ''[]''', '''[{"sku": "qo-A", "quantity": 1}]'', options => ''{"holder": "me"}''',
    '''[{"sku": "qo-A", "quantity": 1}]'', options => ''{"promotions": []}''', '''[{"sku": "qo-A", "quantity": 1}]'', options => ''{"strategy": "no"}''', '''[{"sku": "qo-A", "quantity": 1}]'', ship_to => ''[]''']) c, LATERAL pg_temp.says(format('SELECT commerce.create_quote(%s)', c)) x;
SELECT count(*) - :quotes AS made FROM commerce.quotes;
SELECT commerce.create_cart() AS empty \gset
SELECT regexp_replace(c, '[0-9a-f-]{36}', 'ID', 'g') AS c, x.code, x.message FROM unnest(ARRAY[format('request_quote(%L)', :'empty'), format('request_quote(%L)', :'large'), 'request_quote(NULL)', format('request_quote(%L, customer => %L)', :'cart', :'quentin'),
    format('offer_quote(%L, ''[]'')', :'lasting'), format('offer_quote(%L, hold => true)', :'lasting'), format('offer_quote(%L, valid_until => now())', :'lasting'), format('offer_quote(%L, valid_until => ''infinity'', hold => true)', :'lasting'), 'offer_quote(NULL)',
    format('offer_quote(%L)', :'empty'), format('counter_quote(%L, ''{}'')', :'lasting'), format('counter_quote(%L, customer => %L)', :'lasting', :'quin'), 'counter_quote(NULL)', 'accept_quote(NULL, ''1 EUR'')', 'reject_quote(NULL)', 'order_quote(NULL)',
    format('order_quote(%L, customer => %L)', :'quote', :'quentin'), format('order_quote(%L, '''')', :'large'), 'expire_quotes(0)', 'expire_quotes(-1)']) c, LATERAL pg_temp.says('SELECT commerce.' || c) x;
SELECT pg_temp.quote(:'lasting');
SELECT commerce.expire_quotes(NULL);
DELETE FROM commerce.promotions WHERE id = :'promotion';
-- A quote is deleted with all that was said.
DELETE FROM commerce.quotes WHERE id = :'lasting';
SELECT count(*) FROM commerce.quote_versions WHERE quote_id = :'lasting';
