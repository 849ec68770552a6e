-- Carts that the server keeps: filling, pricing, holding, merging, expiring them, and buying each exactly once.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.channels (code, currency) VALUES ('basket-web', 'EUR');
INSERT INTO commerce.locations (code, priority) VALUES ('basket-near', 60), ('basket-far', -60);
INSERT INTO commerce.variants (sku, title, track_stock) VALUES ('basket-A', 'Apple', true), ('basket-B', 'Bean', true), ('basket-svc', 'Service', false), ('basket-none', 'Unpriced', true);
INSERT INTO commerce.prices (sku, price) VALUES ('basket-A', '10.00 EUR'), ('basket-B', '3.50 EUR'), ('basket-svc', '7 EUR');
INSERT INTO commerce.shipping_methods (code) VALUES ('basket-post');
INSERT INTO commerce.shipping_prices (method, price, countries) VALUES ('basket-post', '4.90 EUR', '{XC}');
INSERT INTO commerce.promotions (name, condition, benefit, needs_code) VALUES ('cart ten', 'channel = ''basket-web''', '10% off order', true) RETURNING id AS promotion \gset
INSERT INTO commerce.promotions (name, benefit, needs_code, status) VALUES ('cart over', '10% off order', true, 'ended') RETURNING id AS over \gset
INSERT INTO commerce.promotion_codes (code, promotion, uses) VALUES ('CART10', :'promotion', NULL), ('CARTONCE', :'promotion', 0), ('CARTOVER', :'over', NULL);
SELECT commerce.receive_stock('basket-A', 10, 'basket-near'), commerce.receive_stock('basket-A', 5, 'basket-far'), commerce.receive_stock('basket-B', 20, 'basket-near') \gset
SELECT commerce.create_customer(email => 'cora@cart.example') AS cora, commerce.create_customer(email => 'carl@cart.example') AS carl \gset

-- Filling.
SELECT commerce.create_cart(customer => :'cora', channel => 'basket-web', currency => 'EUR') AS cart \gset
SELECT state, customer_id = :'cora' AS hers, channel, currency, ship_to, attributes, expires_at = created_at + '30 days' AS expires FROM commerce.carts WHERE id = :'cart';
SELECT commerce.set_cart_line(:'cart', 'basket-B', 4), commerce.set_cart_line(cart => :'cart', sku => 'basket-A', quantity => 2, location => 'basket-far');
SELECT commerce.set_cart_line(:'cart', 'basket-B', 3), commerce.set_cart_line(:'cart', 'basket-svc', 1);
SELECT sku, position, quantity, location, facts FROM commerce.cart_lines WHERE cart_id = :'cart' ORDER BY position;
SELECT commerce.set_cart_line(:'cart', 'basket-svc', 0), commerce.set_cart_line(:'cart', 'basket-svc', 0);
SELECT commerce.cart_content(:'cart');
SELECT commerce.add_cart_code(:'cart', ' cart10 '), commerce.add_cart_code(:'cart', 'CART10');
SELECT commerce.set_cart(:'cart', '{"ship_to": {"country": "XC", "postal_code": "1", "street": "Cartstreet 9"}, "shipping_method": "basket-post", "attributes": {"seen": 1}}');
SELECT ship_to, ship_address IS NOT NULL AS sealed, shipping_method, attributes, commerce.reveal(ship_address, customer_id, 'cart test')::jsonb AS opened FROM commerce.carts WHERE id = :'cart';

-- The same quote as that of all it says, and of one with a private street.
SELECT commerce.quote_cart(:'cart', explain => true) = commerce.quote('[{"sku": "basket-B", "quantity": 3}, {"sku": "basket-A", "quantity": 2, "location": "basket-far"}]', '{CART10}', :'cora', 'basket-web', 'EUR',
    '{"country": "XC", "postal_code": "1", "street": "Cartstreet 9"}', 'basket-post', explain => true) AS same;
SELECT commerce.quote_cart(:'cart') #>> '{total,amount}' AS total, commerce.quote_cart(:'cart', options => '{"tax_level": "unit"}') #>> '{total,amount}' AS per_unit, commerce.quote_cart(:'cart', at => now()) #>> '{discount,amount}' AS discount;

-- Buying: with holds that give way, the price that was shown, and the sealed destination.
SELECT sku, location, quantity, missing FROM commerce.hold_cart(:'cart');
SELECT sku, location, quantity, missing FROM commerce.hold_cart(:'cart', ttl => '5 minutes', mode => 'clamp');
SELECT commerce.set_cart_line(:'cart', 'basket-B', 1);
SELECT commerce.place_order(:'cart', 'basket-key', expected_total => '1 EUR');
SELECT state, order_id, (SELECT count(*) FROM commerce.idempotency_keys WHERE key = 'basket-key') AS keys FROM commerce.carts WHERE id = :'cart';
SELECT commerce.place_order(cart => :'cart', idempotency_key => 'basket-key', expected_total => (commerce.quote_cart(:'cart') -> 'total')::commerce.amount) AS "order" \gset
SELECT commerce.order_summary(:'order') #>> '{total,amount}' AS total, codes, ship_to, commerce.reveal(ship_address, customer_id, 'cart test')::jsonb AS opened, customer_id = :'cora' AS hers FROM commerce.orders WHERE id = :'order';
SELECT line, sku, quantity, location, state FROM commerce.order_lines JOIN commerce.reservations r USING (order_id, line, sku, quantity) WHERE order_id = :'order' ORDER BY line;
SELECT state, order_id = :'order' AS ordered, placed_at IS NOT NULL AS placed, ship_address FROM commerce.carts WHERE id = :'cart';
SELECT count(*) AS still_held FROM commerce.reservations WHERE holder = commerce.cart_holder(:'cart') AND state = 'held';
SELECT topic, payload ->> 'cart_id' = :'cart' AS cart FROM commerce.outbox WHERE aggregate = :'order';
SELECT event, from_state, to_state FROM commerce.state_history WHERE subject = :'cart';
-- Exactly once.
SELECT commerce.place_order(:'cart') = :'order' AS same, commerce.place_order(:'cart', 'another-key') = :'order' AS key, commerce.place_order(:'cart', 'another-key') = :'order' AS again,
    commerce.place_order(:'cart', 'basket-key', (SELECT total FROM commerce.orders WHERE id = :'order')) = :'order' AS first_key;
\set VERBOSITY sqlstate
SELECT commerce.place_order(:'cart', 'basket-key');
SELECT commerce.place_order(:'cart', 'another-key', '1 EUR');
SELECT commerce.create_cart() AS other \gset
SELECT commerce.set_cart_line(:'other', 'basket-A', 2);
SELECT commerce.place_order(:'other', 'another-key');
\set VERBOSITY default
-- What was bought never changes, whoever writes. What an error says, ids apart.
CREATE FUNCTION pg_temp.says(command text) RETURNS TABLE (code text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
EXCEPTION WHEN others THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    message := regexp_replace(message, '[0-9a-f-]{36}', 'ID', 'g'); detail := regexp_replace(detail, '[0-9a-f-]{36}', 'ID', 'g'); hint := regexp_replace(hint, '[0-9a-f-]{36}', 'ID', 'g');
    RETURN NEXT;
END $$;
\pset format unaligned
SELECT * FROM pg_temp.says(format('SELECT commerce.set_cart_line(%L, ''basket-A'', 1)', :'cart'));
\pset format aligned
\set VERBOSITY sqlstate
SELECT commerce.set_cart_lines(:'cart', '[]');
SELECT commerce.add_cart_code(:'cart', 'CART10');
SELECT commerce.remove_cart_code(:'cart', 'CART10');
SELECT commerce.set_cart(:'cart', '{}');
SELECT commerce.hold_cart(:'cart');
SELECT commerce.merge_carts(:'cart', :'other');
SELECT commerce.merge_carts(:'other', :'cart');
SELECT commerce.reopen_cart(:'cart');
UPDATE commerce.carts SET state = 'open', order_id = NULL, placed_at = NULL WHERE id = :'cart';
UPDATE commerce.carts SET channel = 'default' WHERE id = :'cart';
INSERT INTO commerce.cart_lines (cart_id, sku, position, quantity) VALUES (:'cart', 'basket-svc', 9, 1);
UPDATE commerce.cart_lines SET quantity = 9 WHERE cart_id = :'cart';
UPDATE commerce.cart_lines SET cart_id = :'cart' WHERE cart_id = :'other';
UPDATE commerce.cart_lines SET cart_id = :'other' WHERE cart_id = :'cart' AND sku = 'basket-B';
DELETE FROM commerce.cart_lines WHERE cart_id = :'cart';
INSERT INTO commerce.cart_codes (cart_id, code) VALUES (:'cart', 'X');
UPDATE commerce.cart_codes SET code = 'Y' WHERE cart_id = :'cart';
DELETE FROM commerce.cart_codes WHERE cart_id = :'cart';
UPDATE commerce.carts SET state = 'placed' WHERE id = :'other';
UPDATE commerce.carts SET state = 'lost' WHERE id = :'other';
\set VERBOSITY default
SELECT commerce.quote_cart(:'cart') IS NOT NULL AS still_quoted, commerce.cart_content(:'cart') AS content;
-- By hand is counted as a change like any other.
UPDATE commerce.carts SET expires_at = now() + '1 day' WHERE id = :'other';
INSERT INTO commerce.cart_lines (cart_id, sku, position, quantity) VALUES (:'other', 'basket-svc', 9, 1);
SELECT changed_at > created_at AS changed, expires_at > now() + '29 days' AS moved_on FROM commerce.carts WHERE id = :'other';

-- A guest's address goes along to the order; a guest who logs in takes it along, too.
SELECT commerce.set_cart(:'other', '{"ship_to": {"country": "XC", "name": "Gus"}, "channel": "basket-web"}');
SELECT commerce.reveal(ship_address, id, 'cart test')::jsonb AS opened FROM commerce.carts WHERE id = :'other';
SELECT commerce.place_order(:'other') AS guests \gset
SELECT customer_id, commerce.reveal(ship_address, id, 'cart test')::jsonb AS opened FROM commerce.orders WHERE id = :'guests';
SELECT commerce.create_cart() AS guest \gset
SELECT commerce.set_cart(:'guest', '{"ship_to": {"country": "XC", "name": "Gus"}}'), commerce.set_cart(:'guest', jsonb_build_object('customer', :'carl', 'currency', 'EUR'));
SELECT commerce.reveal(ship_address, :'carl', 'cart test')::jsonb AS opened, currency FROM commerce.carts WHERE id = :'guest';
SELECT commerce.set_cart(:'guest', '{"ship_to": null, "currency": null, "customer": null, "shipping_method": null}');
SELECT ship_to, ship_address, currency, customer_id FROM commerce.carts WHERE id = :'guest';
SELECT count(*) AS leaks FROM (SELECT c::text FROM commerce.carts c UNION ALL SELECT o::text FROM commerce.outbox o UNION ALL SELECT h::text FROM commerce.state_history h) t (t) WHERE t ~ 'Cartstreet|Gus';

-- Merging: quantities add up, codes join, holds go along; again changes nothing.
SELECT commerce.create_cart(:'carl', 'basket-web') AS own \gset
SELECT commerce.set_cart_lines(:'own', '[{"sku": "basket-A", "quantity": 1}]'), commerce.set_cart_lines(:'guest', '[{"sku": "basket-B", "quantity": 2}, {"sku": "basket-A", "quantity": 2}]');
SELECT commerce.add_cart_code(:'guest', 'cart10'), commerce.set_cart(:'guest', '{"ship_to": {"country": "XC", "name": "Gus"}, "attributes": {"a": 1, "b": 1}}'), commerce.set_cart(:'own', '{"attributes": {"b": 2}}');
SELECT sku, quantity FROM commerce.hold_cart(:'guest');
SELECT commerce.merge_carts("from" => :'guest', "into" => :'own') = :'own' AS merged, commerce.merge_carts("from" => :'guest', "into" => :'own') = :'own' AS again;
SELECT commerce.cart_content(:'own'), commerce.cart_code_list(:'own'), ship_to, attributes, commerce.reveal(ship_address, :'carl', 'cart test')::jsonb AS opened FROM commerce.carts WHERE id = :'own';
SELECT state, merged_into = :'own' AS merged, ship_address FROM commerce.carts WHERE id = :'guest';
SELECT sku, quantity, state FROM commerce.reservations WHERE holder = commerce.cart_holder(:'own') ORDER BY sku;
SELECT * FROM commerce.verify_stock();
\set VERBOSITY sqlstate
SELECT commerce.place_order(:'guest');
SELECT commerce.merge_carts(:'guest', :'other');
SELECT commerce.merge_carts(:'own', :'own');
SELECT commerce.create_cart(:'cora') AS hers \gset
SELECT commerce.merge_carts(:'hers', :'own');
SELECT commerce.merge_carts(:'hers', :'own', :'carl');
SELECT commerce.merge_carts(:'own', :'hers', :'carl');
SELECT commerce.merge_carts(NULL, :'hers');
SELECT commerce.merge_carts(:'hers', NULL);
-- Another's cart is as unknown as none.
SELECT commerce.place_order(:'own', customer => :'cora');
SELECT commerce.set_cart_line(:'own', 'basket-A', 1, customer => :'cora');
SELECT commerce.quote_cart(:'own', customer => :'cora');
SELECT commerce.hold_cart(:'own', customer => :'cora');
SELECT commerce.place_order(:'own', customer => :'carl') IS NOT NULL AS bought;

-- Expiring: once each, with an event, and what is held is free.
SELECT count(*) AS before FROM commerce.carts WHERE state = 'open' AND expires_at <= now();
SELECT commerce.create_cart() AS idle, commerce.create_cart() AS idle2 \gset
SELECT commerce.set_cart_line(:'idle', 'basket-B', 2), commerce.set_cart_line(:'idle', 'basket-A', 1);
SELECT count(*) AS holds FROM commerce.hold_cart(:'idle', ttl => '1 day');
UPDATE commerce.carts SET expires_at = now() WHERE id IN (:'idle', :'idle2');
SELECT commerce.expire_carts(batch => 1), commerce.expire_carts(), commerce.expire_carts();
SELECT state FROM commerce.carts WHERE id IN (:'idle', :'idle2');
SELECT payload - '{id,created_at,changed_at}'::text[] AS payload FROM commerce.outbox WHERE aggregate = :'idle' AND topic = 'cart.expired';
SELECT count(*) AS held FROM commerce.reservations WHERE holder = commerce.cart_holder(:'idle') AND state = 'held';
SELECT commerce.set_cart_line(:'idle', 'basket-B', 1);
SELECT commerce.place_order(:'idle');
SELECT commerce.reopen_cart(:'idle') > now() + '29 days' AS reopened, commerce.reopen_cart(:'idle') > now() AS again;
SELECT commerce.place_order(:'idle') IS NOT NULL AS bought;
UPDATE commerce.shop SET cart_ttl = '1 hour';
SELECT commerce.create_cart() AS hour \gset
SELECT commerce.set_cart(:'hour', jsonb_build_object('expires_at', now() + '2 days'));
SELECT commerce.set_cart_line(:'hour', 'basket-B', 1);
SELECT expires_at BETWEEN now() + '47 hours' AND now() + '2 days' AS as_set FROM commerce.carts WHERE id = :'hour';
UPDATE commerce.shop SET cart_ttl = '30 days';

-- A thousand lines in one call.
INSERT INTO commerce.variants (sku, track_stock) SELECT 'basket-bulk-' || n, false FROM generate_series(1, 1000) n;
INSERT INTO commerce.prices (sku, price) SELECT 'basket-bulk-' || n, '1 EUR' FROM generate_series(1, 1000) n;
SELECT commerce.create_cart() AS bulk, (SELECT jsonb_agg(jsonb_build_object('sku', 'basket-bulk-' || n, 'quantity', n) ORDER BY n) FROM generate_series(1, 1000) n) AS lines \gset
SELECT commerce.set_cart_line(:'bulk', 'basket-A', 1);
SELECT commerce.set_cart_lines(:'bulk', :'lines'), commerce.set_cart_lines(:'bulk', :'lines', mode => 'merge');
SELECT count(*), sum(quantity), min(position), max(position) FROM commerce.cart_lines WHERE cart_id = :'bulk';
SELECT commerce.place_order(:'bulk', expected_total => '1001000 EUR') AS big \gset
SELECT count(*), sum(quantity) FROM commerce.order_lines WHERE order_id = :'big';
SELECT commerce.set_cart_lines(:'hour', '[{"sku": "basket-A", "quantity": 1}, {"sku": "basket-B", "quantity": "2"}, {"sku": "basket-A", "quantity": 2.0}, {"sku": "basket-svc", "quantity": 0}]');
SELECT commerce.cart_content(:'hour');
SELECT commerce.set_cart_lines(:'hour', '[]');
SELECT commerce.cart_content(:'hour');

-- Prices and discounts of one's own are put there by commerce_admin, and bought by anybody.
SELECT commerce.set_cart_line(:'hour', 'basket-none', 2, facts => '{"unit_price": "5.00", "discounts": [{"percent": 10, "reason": "scratched"}]}'), commerce.set_cart(:'hour', '{"options": {"discounts": [{"amount": "1.00", "reason": "sorry"}], "strategy": "no_split"}}');
SELECT commerce.receive_stock('basket-none', 5) \gset
SET ROLE commerce_app;
SELECT commerce.set_cart_line(:'hour', 'basket-none', 3);
\set VERBOSITY sqlstate
SELECT commerce.set_cart_line(:'hour', 'basket-A', 1, facts => '{"unit_price": "1.00"}');
SELECT commerce.set_cart_lines(:'hour', '[{"sku": "basket-none", "quantity": 1}]', 'merge');
SELECT commerce.set_cart_lines(:'hour', '[{"sku": "basket-A", "quantity": 1, "tax_exempt": true}]');
SELECT commerce.set_cart(:'hour', '{"options": null}');
SELECT commerce.set_cart(:'hour', '{"options": {"prices_include_tax": false}}');
SELECT ship_address FROM commerce.carts;
INSERT INTO commerce.carts (expires_at) VALUES (now());
UPDATE commerce.carts SET state = 'expired';
DELETE FROM commerce.cart_lines;
INSERT INTO commerce.cart_codes SELECT;
\set VERBOSITY default
SELECT commerce.set_cart(:'hour', '{"options": {"strategy": "priority", "discounts": [{"amount": "1.00", "reason": "sorry"}]}}');
SELECT commerce.quote_cart(:'hour') #>> '{total,amount}' AS total;
SELECT commerce.place_order(:'hour', expected_total => '8.00 EUR') AS own_price \gset
RESET ROLE;
SELECT total, (SELECT array_agg(reason ORDER BY reason) FROM commerce.order_discounts d WHERE d.order_id = o.id) AS reasons FROM commerce.orders o WHERE id = :'own_price';

-- Nothing half: whatever refuses an order leaves the cart open and unchanged.
SELECT commerce.create_cart(channel => 'basket-web') AS bad \gset
SELECT commerce.set_cart_line(:'bad', 'basket-A', 100), commerce.set_cart_line(:'bad', 'basket-B', 500);
CREATE TEMP TABLE before AS SELECT c.* FROM commerce.carts c WHERE id = :'bad';
CREATE TEMP VIEW counts AS SELECT (SELECT count(*) FROM commerce.orders) AS orders, (SELECT count(*) FROM commerce.reservations) AS reservations, (SELECT count(*) FROM commerce.idempotency_keys) AS keys, (SELECT count(*) FROM commerce.outbox) AS events, (SELECT count(*) FROM commerce.state_history) AS history;
CREATE TEMP TABLE were AS SELECT * FROM counts;
SELECT commerce.place_order(:'bad', 'bad-key');
\set VERBOSITY sqlstate
SELECT commerce.place_order(:'bad', '');
SELECT commerce.place_order(:'bad', repeat('k', 256));
SELECT commerce.place_order(:'bad', expected_total => '1 USD');
SELECT commerce.hold_cart(:'bad');
SELECT commerce.hold_cart(:'bad', mode => 'some');
SELECT commerce.hold_cart(:'bad', ttl => '-1 s');
BEGIN;
SELECT commerce.set_cart_lines(:'bad', '[{"sku": "basket-svc", "quantity": 1}]'), commerce.add_cart_code(:'bad', 'cartonce');
SELECT commerce.place_order(:'bad');
ROLLBACK;
BEGIN;
SELECT commerce.set_cart_lines(:'bad', '[{"sku": "basket-none", "quantity": 1}]');
SELECT commerce.place_order(:'bad');
ROLLBACK;
SELECT * FROM counts EXCEPT SELECT * FROM were;
SELECT c.id FROM commerce.carts c WHERE id = :'bad' EXCEPT SELECT b.id FROM before b JOIN commerce.carts c ON (b.id, b.state, b.changed_at, b.expires_at) = (c.id, c.state, c.changed_at, c.expires_at);

-- Bad input, one function after the other.
SELECT commerce.create_cart(customer => '00000000-0000-0000-0000-000000000001');
SELECT commerce.create_cart(channel => 'nowhere');
SELECT commerce.create_cart(currency => 'XXY');
SELECT commerce.set_cart_line(NULL, 'basket-A', 1);
SELECT commerce.set_cart_line('00000000-0000-0000-0000-000000000001', 'basket-A', 1);
SELECT commerce.set_cart_line(:'bad', NULL, 1);
SELECT commerce.set_cart_line(:'bad', '', 1);
SELECT commerce.set_cart_line(:'bad', 'basket-A', NULL);
SELECT commerce.set_cart_line(:'bad', 'basket-A', -1);
SELECT commerce.set_cart_line(:'bad', 'basket-A', 1000000000001);
SELECT commerce.set_cart_line(:'bad', 'basket-unknown', 1);
SELECT commerce.set_cart_line(:'bad', 'basket-unknown', 0);
SELECT commerce.set_cart_line(:'bad', 'basket-A', 1, location => 'nowhere');
SELECT commerce.set_cart_line(:'bad', 'basket-A', 1, facts => '[]');
SELECT commerce.set_cart_line(:'bad', 'basket-A', 1, facts => '{"unit_prize": "1"}');
SELECT commerce.set_cart_line(:'bad', 'basket-A', 1, facts => '{"unit_price": "1 USD"}');
SELECT commerce.set_cart_lines(:'bad', NULL);
SELECT commerce.set_cart_lines(:'bad', '{}');
SELECT commerce.set_cart_lines(:'bad', '[1]');
SELECT commerce.set_cart_lines(:'bad', '[{"sku": "basket-A"}]');
SELECT commerce.set_cart_lines(:'bad', '[{"sku": "basket-A", "quantity": 1.5}]');
SELECT commerce.set_cart_lines(:'bad', '[{"sku": "basket-A", "quantity": true}]');
SELECT commerce.set_cart_lines(:'bad', '[{"sku": "basket-A", "quantity": 1e30}]');
SELECT commerce.set_cart_lines(:'bad', '[{"sku": "basket-A", "quantity": 600000000000}, {"sku": "basket-A", "quantity": 600000000000}]');
SELECT commerce.set_cart_lines(:'bad', '[{"sku": 5, "quantity": 1}]');
SELECT commerce.set_cart_lines(:'bad', '[{"sku": "basket-A", "quantity": 1}, {"sku": "basket-A", "quantity": 1, "location": "basket-far"}]');
SELECT commerce.set_cart_lines(:'bad', '[{"sku": "basket-A", "quantity": 1}, {"sku": "no-1", "quantity": 1}]');
SELECT commerce.set_cart_lines(:'bad', '[]', mode => 'append');
SELECT commerce.set_cart_lines(:'bad', '[]', mode => NULL);
SELECT commerce.add_cart_code(:'bad', NULL);
SELECT commerce.add_cart_code(:'bad', '');
SELECT commerce.add_cart_code(:'bad', 'NOSUCHCODE');
SELECT commerce.add_cart_code(:'bad', 'cartover');
SELECT commerce.add_cart_code(NULL, 'CART10');
SELECT commerce.remove_cart_code(:'bad', NULL), commerce.remove_cart_code(:'bad', 'CART10');
SELECT commerce.set_cart(:'bad', NULL);
SELECT commerce.set_cart(:'bad', '[]');
SELECT commerce.set_cart(:'bad', '{"color": "red"}');
SELECT commerce.set_cart(:'bad', '{"channel": 5}');
SELECT commerce.set_cart(:'bad', '{"channel": "nowhere"}');
SELECT commerce.set_cart(:'bad', '{"currency": "EURO"}');
SELECT commerce.set_cart(:'bad', '{"customer": "cora"}');
SELECT commerce.set_cart(:'bad', '{"customer": "00000000-0000-0000-0000-000000000001"}');
SELECT commerce.set_cart(:'bad', '{"ship_to": "home"}');
SELECT commerce.set_cart(:'bad', '{"ship_to": {"country": 5}}');
SELECT commerce.set_cart(:'bad', '{"shipping_method": "owl"}');
SELECT commerce.set_cart(:'bad', '{"options": {"holder": "me"}}');
SELECT commerce.set_cart(:'bad', '{"options": {"strategy": "random"}}');
SELECT commerce.set_cart(:'bad', '{"options": {"no_such_option": 1}}');
SELECT commerce.set_cart(:'bad', '{"attributes": 5}');
SELECT commerce.set_cart(:'bad', '{"expires_at": "yesterday"}');
SELECT commerce.set_cart(:'bad', '{"expires_at": "infinity"}');
SELECT commerce.set_cart(:'bad', '{"expires_at": "soon"}');
SELECT commerce.quote_cart(NULL);
SELECT commerce.quote_cart('00000000-0000-0000-0000-000000000001');
SELECT commerce.quote_cart(:'hers');
SELECT commerce.hold_cart(NULL);
SELECT commerce.place_order(NULL);
SELECT commerce.place_order('00000000-0000-0000-0000-000000000001');
SELECT commerce.expire_carts(0);
SELECT commerce.reopen_cart(NULL);
\set VERBOSITY default
SELECT count(*) AS nothing_held FROM commerce.hold_cart(:'hers');
SELECT * FROM counts EXCEPT SELECT * FROM were;

-- An empty one says so; what is over may be deleted, lines and all.
\pset format unaligned
SELECT * FROM pg_temp.says('SELECT commerce.place_order(commerce.create_cart())');
SELECT * FROM pg_temp.says('SELECT commerce.place_order(''00000000-0000-0000-0000-000000000001'')');
SELECT * FROM pg_temp.says(format('SELECT commerce.set_cart_lines(%L, ''[{"sku": "basket-A"}]'')', :'hers'));
SELECT * FROM pg_temp.says(format('SELECT commerce.merge_carts(%L, %L)', :'hers', :'own'));
SELECT * FROM pg_temp.says(format('SELECT commerce.set_cart(%L, ''{"options": {"holder": "me"}}'')', :'hers'));
\pset format aligned
DELETE FROM commerce.carts WHERE id IN (:'cart', :'guest', :'bulk', :'bad');
SELECT count(*) AS lines FROM commerce.cart_lines WHERE cart_id IN (:'cart', :'guest', :'bulk', :'bad');
SELECT * FROM commerce.verify_stock();
UPDATE commerce.promotions SET status = 'ended' WHERE id = :'promotion';
