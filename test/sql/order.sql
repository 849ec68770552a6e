-- checkout(): an order is what the quote said, with its stock, history and events, once.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.channels (code) VALUES ('order');
INSERT INTO commerce.locations (code, priority) VALUES ('order-near', 50), ('order-far', -50);
INSERT INTO commerce.variants (sku, title, track_stock) VALUES ('order-A', 'Apple', true), ('order-B', 'Bean', true), ('order-svc', 'Service', false), ('order-free', '', true);
INSERT INTO commerce.prices (sku, price, per_quantity) VALUES ('order-A', '10.00 EUR', 1), ('order-B', '3.33 EUR', 3), ('order-svc', '7 EUR', 1), ('order-free', '0 EUR', 1);
INSERT INTO commerce.tax_zones (code, countries) VALUES ('order', '{XO}');
INSERT INTO commerce.tax_rates (zone, name, rate, included) VALUES ('order', 'VAT', 19, true), ('order', 'levy', 1.25, false);
INSERT INTO commerce.shipping_methods (code) VALUES ('order');
INSERT INTO commerce.shipping_prices (method, price) VALUES ('order', '4.90 EUR');
INSERT INTO commerce.promotions (name, condition, benefit, needs_code) VALUES ('order', 'channel = ''order''', '10% off order', true) RETURNING id AS promotion \gset
INSERT INTO commerce.promotions (name, condition, benefit) VALUES ('order ship', 'channel = ''order''', '1 EUR off shipping');
INSERT INTO commerce.promotion_codes (code, promotion) VALUES ('ORDER10', :'promotion');
SELECT commerce.receive_stock('order-A', 10, 'order-near'), commerce.receive_stock('order-A', 5, 'order-far'), commerce.receive_stock('order-B', 7) \gset

-- The same numbers, to the cent, in every table.
\set lines '[{"sku": "order-A", "quantity": 3}, {"sku": "order-svc", "quantity": 1}, {"sku": "order-B", "quantity": 4}]'
SELECT commerce.quote(:'lines', '{order10}', channel => 'order', ship_to => '{"country": "XO"}', shipping_method => 'order') AS q \gset
SELECT commerce.checkout(:'lines', '{order10}', channel => 'order', ship_to => '{"country": "XO"}', shipping_method => 'order', expected_total => (:'q'::jsonb -> 'total')::commerce.amount) AS id \gset
SELECT state, channel, customer_id, ship_to, ship_address IS NULL AS nothing_sealed, shipping_method, codes, tax_level, number > 0 AS numbered, placed_at = created_at AS placed FROM commerce.orders WHERE id = :'id';
SELECT subtotal, discount, shipping, tax, included_tax, total FROM commerce.orders WHERE id = :'id';
SELECT (subtotal::jsonb, discount::jsonb, shipping::jsonb, tax::jsonb, included_tax::jsonb, total::jsonb)
    = (q -> 'subtotal', q -> 'discount', q #> '{shipping,subtotal}', q -> 'tax', q -> 'included_tax', q -> 'total') AS same FROM commerce.orders, (SELECT :'q'::jsonb) x (q) WHERE id = :'id';
SELECT line, sku, title, quantity, unit_price, per_quantity, tax_class, subtotal, discount, tax, included_tax, total FROM commerce.order_lines WHERE order_id = :'id' ORDER BY line;
SELECT bool_and(jsonb_build_object('sku', sku, 'quantity', quantity, 'unit_price', unit_price, 'subtotal', subtotal, 'discount', discount, 'tax', tax, 'included_tax', included_tax, 'total', total) <@ l) AS same
FROM commerce.order_lines JOIN jsonb_array_elements(:'q'::jsonb -> 'lines') WITH ORDINALITY a (l, n) ON n = line WHERE order_id = :'id';
SELECT d.line, p.name, d.amount FROM commerce.order_discounts d JOIN commerce.promotions p ON p.id = d.promotion WHERE order_id = :'id' ORDER BY 1, 2;
SELECT line, name, rate, included, amount FROM commerce.order_taxes WHERE order_id = :'id' ORDER BY 1, 2;
SELECT line, sku, location, quantity, state, expires_at FROM commerce.reservations WHERE order_id = :'id' ORDER BY line;
SELECT relation, item, machine, event, from_state, to_state, actor = current_user AS actor, detail FROM commerce.state_history WHERE subject = :'id';
SELECT topic, payload - 'id' - 'number' AS payload, payload ->> 'id' = :'id' AS id FROM commerce.outbox WHERE aggregate = :'id';
-- Later prices change nothing of it.
UPDATE commerce.prices SET price = '99 EUR' WHERE sku = 'order-A';
SELECT total FROM commerce.orders WHERE id = :'id';
UPDATE commerce.prices SET price = '10 EUR' WHERE sku = 'order-A';

-- From where: a line's own location, else one that has it all, by priority. Holds of the named holder give way.
SELECT commerce.checkout('[{"sku": "order-A", "quantity": 1, "location": "order-far"}, {"sku": "order-A", "quantity": 2}]') AS placed \gset
SELECT line, location, quantity FROM commerce.reservations WHERE order_id = :'placed' ORDER BY line;
SELECT commerce.reserve('order-A', 5, 'order-cart'), commerce.available('order-A', 'order-near') AS left \gset
SELECT commerce.available('order-A', 'order-near') AS left, commerce.available('order-A', 'order-far') AS far;
SELECT commerce.checkout('[{"sku": "order-A", "quantity": 5, "location": "order-near"}]');
SELECT commerce.checkout('[{"sku": "order-A", "quantity": 5, "location": "order-near"}]', options => '{"holder": "order-cart"}') AS held \gset
SELECT state, quantity, order_id IS NOT NULL AS ordered FROM commerce.reservations WHERE (holder = 'order-cart' OR order_id = :'held') ORDER BY state;
-- A line that no one location can fill is filled from several.
SELECT commerce.receive_stock('order-A', 2, 'order-near') \gset
SELECT commerce.checkout('[{"sku": "order-A", "quantity": 5}]') AS split \gset
SELECT line, location, quantity FROM commerce.reservations WHERE order_id = :'split' ORDER BY location;

-- Too much: every short line is named, and nothing is left behind.
CREATE TEMP VIEW counts AS SELECT (SELECT count(*) FROM commerce.orders) AS orders, (SELECT count(*) FROM commerce.order_lines) AS lines, (SELECT count(*) FROM commerce.reservations) AS reservations,
    (SELECT count(*) FROM commerce.idempotency_keys) AS keys, (SELECT count(*) FROM commerce.outbox) AS events, (SELECT count(*) FROM commerce.state_history) AS history, (SELECT count(*) FROM commerce.order_taxes) AS taxes,
    (SELECT count(*) FROM commerce.data_keys) AS data_keys, (SELECT sum(on_hand) FROM commerce.stock) AS on_hand;
CREATE TEMP TABLE before AS SELECT * FROM counts;
SELECT commerce.checkout('[{"sku": "order-A", "quantity": 100}, {"sku": "order-svc", "quantity": 1000}, {"sku": "order-B", "quantity": 2}, {"sku": "order-B", "quantity": 2}]', idempotency_key => 'order-short',
    ship_to => '{"country": "XO", "street": "Main 1"}');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.checkout('[{"sku": "order-svc", "quantity": 1}]', expected_total => '6.99 EUR', idempotency_key => 'order-price');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SELECT commerce.checkout('[{"sku": "order-svc", "quantity": 1}]', expected_total => '10 USD');
SELECT commerce.checkout('[{"sku": "order-unknown", "quantity": 1}]');
SELECT commerce.checkout('[{"sku": "order-A", "quantity": 1}]', '{NO-SUCH-CODE}');
SELECT commerce.checkout('[]');
SELECT commerce.checkout(NULL);
SELECT commerce.checkout('[{"sku": "order-A", "quantity": 1}]', idempotency_key => '');
SELECT commerce.checkout('[{"sku": "order-A", "quantity": 1}]', idempotency_key => repeat('k', 256));
SELECT commerce.checkout('[{"sku": "order-A", "quantity": 1, "location": 5}]');
SELECT commerce.checkout('[{"sku": "order-A", "quantity": 1}]', options => '{"holder": 5}');
SELECT commerce.checkout('[{"sku": "order-own", "quantity": 1, "unit_price": "1"}]');
\set VERBOSITY default
SELECT * FROM counts EXCEPT SELECT * FROM before;

-- Nothing to pay; nothing to send; a guest with a country only.
SELECT commerce.receive_stock('order-free', 1) \gset
SELECT commerce.checkout('[{"sku": "order-free", "quantity": 1}]', ship_to => '{"country": "XO", "postal_code": "12345", "region": "R"}') AS free \gset
SELECT total, ship_to, ship_address IS NULL AS nothing_sealed FROM commerce.orders WHERE id = :'free';
SELECT commerce.checkout('[{"sku": "order-svc", "quantity": 1000000}]') AS service \gset
SELECT total, (SELECT count(*) FROM commerce.reservations r WHERE r.order_id = o.id) AS reserved FROM commerce.orders o WHERE id = :'service';
-- A full address is kept, sealed, and found nowhere in the clear.
SELECT commerce.checkout('[{"sku": "order-svc", "quantity": 1}]', ship_to => '{"country": "XO", "street": "Orderstreet 77", "name": "Olga Orderly"}') AS sent \gset
SELECT ship_to, ship_address IS NOT NULL AS sealed, commerce.reveal(ship_address, id, 'order test')::jsonb AS opened FROM commerce.orders WHERE id = :'sent';
SELECT count(*) AS leaks FROM (SELECT o::text FROM commerce.orders o UNION ALL SELECT x::text FROM commerce.outbox x UNION ALL SELECT h::text FROM commerce.state_history h UNION ALL SELECT k::text FROM commerce.idempotency_keys k) t (t)
WHERE t ~ 'Orderstreet|Orderly';
-- Nor is it found by trying, in the hash by which a request that comes again is known; one without an address anybody may know.
CREATE FUNCTION pg_temp.plain_hash(ship_to jsonb) RETURNS bytea LANGUAGE sql AS $$
    SELECT sha256(convert_to(string_agg(coalesce(octet_length(v) || ':' || v, 'null') || E'\n', '' ORDER BY n), 'UTF8'))
    FROM unnest(ARRAY['[{"sku": "order-svc", "quantity": 1}]'::jsonb::text, '{}', NULL, 'default', NULL, ship_to::text, NULL, NULL, NULL, NULL]) WITH ORDINALITY a (v, n) $$;
CREATE FUNCTION pg_temp.buy(ship_to jsonb, key text) RETURNS uuid LANGUAGE sql AS $$
    SELECT commerce.checkout('[{"sku": "order-svc", "quantity": 1}]', '{}', channel => 'default', ship_to => ship_to, idempotency_key => key) $$;
SELECT pg_temp.buy('{"country": "XO", "street": "Orderstreet 77"}', 'order-known') AS known, pg_temp.buy('{"country": "XO"}', 'order-country') AS country \gset
SELECT pg_temp.buy('{"street": "Orderstreet 77", "country": "XO"}', 'order-known') = :'known' AS same, pg_temp.buy('{"country": "XO"}', 'order-country') = :'country' AS same_country;
SELECT key, octet_length(request) AS bytes, request = pg_temp.plain_hash((CASE key WHEN 'order-country' THEN '{"country": "XO"}' ELSE '{"country": "XO", "street": "Orderstreet 77"}' END)::jsonb) AS found_by_trying
    FROM commerce.idempotency_keys WHERE key IN ('order-known', 'order-country') ORDER BY key;
\set VERBOSITY sqlstate
SELECT pg_temp.buy('{"country": "XO", "street": "Orderstreet 78"}', 'order-known');
SELECT pg_temp.buy('{"country": "XO"}', 'order-known');
SELECT pg_temp.buy('{"country": "XO", "street": "Orderstreet 77"}', 'order-country');
\set VERBOSITY default
-- Numbers are for people: unique and rising.
SELECT count(*) = count(DISTINCT (channel, number)) AS all_different FROM commerce.orders;
SELECT a.number < b.number AS rising FROM commerce.orders a, commerce.orders b WHERE a.id = :'id' AND b.id = :'sent';
UPDATE commerce.promotions SET status = 'ended' WHERE name IN ('order', 'order ship');
