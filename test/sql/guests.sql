-- Guests: found by the e-mail address of their order, told what is known of them, forgotten. Needs a server whose commerce.key_file names a key.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('guest-a', false);
INSERT INTO commerce.prices (sku, price) VALUES ('guest-a', '10 EUR');
SELECT commerce.create_customer('guests.ada@example.com', 'Ada') AS ada \gset

-- An order, one from a cart, one by a quote, one without an address of e-mail, and a customer's.
SELECT commerce.checkout('[{"sku": "guest-a", "quantity": 1}]', ship_to => '{"country": "DE", "postal_code": "10115", "name": "Gus", "street": "Hauptstr. 1", "email": "Gus@Example.com"}') AS one \gset
SELECT commerce.create_cart() AS cart \gset
SELECT commerce.set_cart_line(:'cart', 'guest-a', 2), commerce.set_cart(:'cart', '{"ship_to": {"country": "DE", "street": "Hauptstr. 2", "email": " gus@example.COM"}}');
SELECT commerce.place_order(:'cart') AS two \gset
SELECT commerce.create_quote('[{"sku": "guest-a", "quantity": 3}]', ship_to => '{"country": "DE", "street": "Hauptstr. 3", "email": "gus@example.com"}') AS quote \gset
SELECT commerce.offer_quote(:'quote', valid_until => now() + interval '1 day') AS offered, commerce.accept_quote(:'quote', '30 EUR') AS accepted, commerce.order_quote(:'quote') AS three \gset
SELECT commerce.checkout('[{"sku": "guest-a", "quantity": 4}]', ship_to => '{"country": "DE", "street": "Nowhere 4"}') AS four \gset
SELECT commerce.checkout('[{"sku": "guest-a", "quantity": 5}]', customer => :'ada', ship_to => '{"country": "DE", "street": "Hauptstr. 5", "email": "gus@example.com"}') AS adas \gset
CREATE TABLE guest_sold AS SELECT n, id FROM unnest(ARRAY[:'one', :'two', :'three', :'four', :'adas']::uuid[]) WITH ORDINALITY o (id, n);
-- What is no address stops nobody from buying, and finds nobody.
SELECT email, commerce.checkout('[{"sku": "guest-a", "quantity": 1}]', ship_to => jsonb_build_object('country', 'DE', 'x', 'y', 'email', email)) IS NOT NULL AS sold
    FROM unnest('{5,null,"\" \"","{\"a\": 1}","[1]"}'::jsonb[]) email;
SELECT s.n, g.email IS NOT NULL AS email, g.email::text ~ '^sealed:1:' AS sealed FROM guest_sold s LEFT JOIN commerce.guests g ON g.order_id = s.id ORDER BY n;
SELECT count(*) AS guests FROM commerce.guests WHERE created_at = now() OR order_id IN (SELECT id FROM guest_sold);
SELECT count(*) AS found FROM commerce.guest_orders(NULL, 'GUS@example.com') o, unnest(o) x JOIN guest_sold s ON s.id = x;
SELECT commerce.guest_orders(:'four', NULL) = ARRAY[:'four'::uuid] AS itself, commerce.guest_orders(NULL, 'guests.ada@example.com') AS adas;

-- What nobody bought: a cart with a guest's address and one that was merged into it, an expired one and a quote; another's, a customer's.
SELECT commerce.create_cart() AS left_cart, commerce.create_cart() AS merged_cart, commerce.create_cart() AS expired_cart, commerce.create_cart() AS other_cart, commerce.create_cart(:'ada') AS adas_cart \gset
SELECT commerce.set_cart(x.cart, jsonb_build_object('attributes', '{"note": "Gus called"}'::jsonb, 'ship_to', jsonb_build_object('country', 'DE', 'street', 'Hauptstr. 6', 'email', x.email)))
    FROM (VALUES (:'left_cart'::uuid, 'GUS@example.com'), (:'merged_cart', 'gus@example.com'), (:'expired_cart', ' gus@example.com'), (:'other_cart', 'gustav@example.com'), (:'adas_cart', 'gus@example.com')) x (cart, email);
SELECT commerce.merge_carts(:'merged_cart', :'left_cart') = :'left_cart' AS merged;
UPDATE commerce.carts SET state = 'expired' WHERE id = :'expired_cart';
SELECT commerce.create_quote('[{"sku": "guest-a", "quantity": 3}]', ship_to => '{"country": "DE", "street": "Hauptstr. 7", "email": "gus@example.com"}') AS left_quote \gset
CREATE TABLE guest_left AS SELECT n, id FROM unnest(ARRAY[:'left_cart', :'expired_cart', :'left_quote', :'other_cart', :'adas_cart']::uuid[]) WITH ORDINALITY c (id, n);
SELECT array_agg(l.n ORDER BY l.n) AS found FROM unnest(commerce.guest_carts('gus@EXAMPLE.com')) x JOIN guest_left l ON l.id = x;
SELECT commerce.guest_carts('guests.ada@example.com') AS adas, commerce.guest_carts(NULL) IS NULL AS nobodys;

-- The app's own: what is sealed for the order is exported and erased with it.
CREATE TABLE guest_notes ("order" uuid PRIMARY KEY, note commerce.sealed);
GRANT SELECT, UPDATE ON guest_notes TO commerce_owner;
SELECT commerce.register_sensitive_field('gift', 'gift cards with a text', 'contract', "table" => 'guest_notes', "column" => 'note', subject => '{order}');
INSERT INTO guest_notes SELECT id, commerce.seal('for Gus'' aunt', 'gift', id) FROM guest_sold WHERE n IN (1, 4);

-- Told to whoever may reveal, and to nobody else.
SELECT o ->> 'email' AS email, o -> 'ship_address' ->> 'street' AS street, o -> 'total' ->> 'amount' AS total, o -> 'erased_at' AS erased FROM jsonb_array_elements(commerce.export_guest(email => 'gus@example.com') -> 'orders') o;
SELECT jsonb_object_keys(commerce.export_guest(:'one')) AS part;
SELECT v ->> 'table' AS "table", v ->> 'field' AS field, v ->> 'value' AS value FROM jsonb_array_elements(commerce.export_guest(:'one') -> 'values') v;
SELECT l.n, v ->> 'table' AS "table", v #>> '{value,street}' AS street FROM jsonb_array_elements(commerce.export_guest(email => 'gus@example.com') -> 'values') v JOIN guest_left l ON l.id = (v ->> 'cart')::uuid ORDER BY n;
SELECT commerce.export_guest(email => 'nobody@example.com') - 'exported_at' - 'fields' AS nobody;
CREATE ROLE guest_reader IN ROLE commerce_pii_reader;
CREATE ROLE guest_app IN ROLE commerce_app, commerce_reader;
SET ROLE guest_reader;
SELECT commerce.export_guest(:'four') #>> '{orders,0,ship_address,street}' AS street;
SET ROLE guest_app;
SELECT commerce.guest_orders(:'four', NULL) = ARRAY[:'four'::uuid] AS may_find;
\set VERBOSITY sqlstate
SELECT commerce.export_guest(:'four');
SELECT commerce.guest_facts(ARRAY[:'four'::uuid]);
SELECT commerce.erase_guest(:'four');
SELECT commerce.erase_guest_of(:'four');
SELECT commerce.erase_guest_cart(:'left_cart');
SELECT commerce.guest_carts('gus@example.com');
SELECT email_blind FROM commerce.guests;
RESET ROLE;

-- Refused, and nothing is changed.
SELECT commerce.erase_guest();
SELECT commerce.erase_guest(:'one', 'gus@example.com');
SELECT commerce.erase_guest('00000000-0000-7000-8000-000000000000');
SELECT commerce.erase_guest(:'adas');
SELECT commerce.erase_guest(email => '');
SELECT commerce.guest_carts('');
SELECT commerce.export_guest();
SELECT commerce.export_guest('00000000-0000-7000-8000-000000000000');
SELECT commerce.export_guest(:'adas');
SELECT commerce.export_guest(email => ' ');
REVOKE UPDATE ON guest_notes FROM commerce_owner;
SELECT commerce.erase_guest(:'one');
GRANT UPDATE ON guest_notes TO commerce_owner;
INSERT INTO commerce.guests (order_id, email) SELECT gen_random_uuid(), email FROM commerce.guests WHERE email IS NOT NULL LIMIT 1;
\set VERBOSITY default
SELECT count(*) AS there FROM commerce.orders o JOIN guest_sold s USING (id) WHERE o.ship_address IS NOT NULL;

-- Forgotten: the keys of the order, of its cart and of its quote; what was sold stays.
CREATE TABLE guest_copy AS SELECT id, ship_address FROM commerce.orders WHERE id = :'one';
CREATE FUNCTION guest_sums() RETURNS text LANGUAGE sql AS $$ SELECT md5((SELECT string_agg((to_jsonb(o) - 'ship_address')::text, '' ORDER BY o.id) FROM commerce.orders o)
    || (SELECT string_agg(l::text, '' ORDER BY l.order_id, l.line) FROM commerce.order_lines l) || (SELECT string_agg(s::text, '' ORDER BY s) FROM commerce.sales_by_day() s)) $$;
SELECT guest_sums() AS before \gset
SELECT count(*) AS keys FROM commerce.data_keys WHERE subject IN (SELECT id FROM guest_sold WHERE n < 4 UNION VALUES (:'cart'::uuid), (:'quote') UNION SELECT cart_id FROM commerce.quotes WHERE id = :'quote');
SELECT (e - 'orders' - 'carts' - 'words') AS erased, jsonb_array_length(e -> 'orders') AS orders, jsonb_array_length(e -> 'carts') AS carts FROM commerce.erase_guest(email => 'gus@example.com') e;
SELECT guest_sums() = :'before' AS same_to_the_cent;
SELECT count(*) AS keys FROM commerce.data_keys WHERE subject IN (SELECT id FROM guest_sold WHERE n < 4 UNION VALUES (:'cart'::uuid), (:'quote') UNION SELECT cart_id FROM commerce.quotes WHERE id = :'quote');
SELECT s.n, o.ship_address IS NULL AS address, g.email IS NULL AND g.email_blind IS NULL AS email, g.erased_at IS NOT NULL AS erased, o.ship_to, m.note IS NOT NULL AS note
    FROM guest_sold s JOIN commerce.orders o USING (id) LEFT JOIN commerce.guests g ON g.order_id = s.id LEFT JOIN guest_notes m ON m."order" = s.id ORDER BY n;
SELECT commerce.guest_orders(NULL, 'gus@example.com') AS found, commerce.guest_carts('gus@example.com') AS carts;
SELECT l.n, coalesce(c.state, q.state) AS state, num_nonnulls(c.ship_address, q.ship_address, c.ship_to, q.ship_to) AS addresses, c.attributes,
    (SELECT count(*) FROM commerce.data_keys k WHERE k.subject IN (l.id, CASE l.n WHEN 1 THEN :'merged_cart'::uuid END)) AS keys
    FROM guest_left l LEFT JOIN commerce.carts c USING (id) LEFT JOIN commerce.quotes q USING (id) ORDER BY n;
SELECT commerce.set_cart(:'left_cart', '{"ship_to": {"country": "DE", "street": "Hauptstr. 8"}}'), commerce.guest_carts('gustav@example.com') = ARRAY[:'other_cart'::uuid] AS another;
\set VERBOSITY sqlstate
SELECT commerce.reveal(ship_address, id, 'test') FROM guest_copy;
\set VERBOSITY default
SELECT o - '{ship_address,email}'::text[] = o AS nothing_of_him, o -> 'total' ->> 'amount' AS total, o -> 'erased_at' <> 'null' AS erased FROM jsonb_array_elements(commerce.export_guest(:'one') -> 'orders') o;
SELECT s.n, x.topic, x.payload - 'erased_at' = jsonb_build_object('id', s.id) AS payload FROM commerce.outbox x JOIN guest_sold s ON x.aggregate = s.id::text WHERE x.topic = 'guest.erased' ORDER BY n;
SELECT s.n, a.kind, a.relation, a.detail - 'words' AS detail FROM commerce.audit_log a JOIN guest_sold s ON a.subject = s.id::text WHERE a.kind = 'erase' ORDER BY n;
-- No key is made for him again.
\set VERBOSITY terse
SELECT commerce.seal('Ada', 'name', :'one');
\set VERBOSITY default
-- Once for all; nobody else is touched.
SELECT commerce.erase_guest(:'one') - 'orders' AS again, (SELECT count(*) FROM commerce.outbox WHERE aggregate = :'one' AND topic = 'guest.erased') AS told_once;
SELECT commerce.reveal(o.ship_address, coalesce(o.customer_id, o.id), 'test')::jsonb ->> 'street' AS street FROM commerce.orders o JOIN guest_sold s USING (id) WHERE n > 3 ORDER BY n;
-- An order of which only country and postal code are known has nothing to forget but words.
SELECT commerce.checkout('[{"sku": "guest-a", "quantity": 1}]') AS bare \gset
SELECT commerce.erase_guest(:'bare') - 'orders' AS bare;

-- Retention of addresses of e-mail counts from the order.
UPDATE commerce.sensitive_fields SET retention = '1 year' WHERE field = 'email';
SELECT commerce.checkout('[{"sku": "guest-a", "quantity": 1}]', ship_to => '{"country": "DE", "email": "old@example.com"}') AS old \gset
UPDATE commerce.guests SET created_at = now() - interval '2 years' WHERE order_id = :'old';
SELECT "table", "column", due FROM commerce.retention_status WHERE field = 'email';
SELECT commerce.sweep_retention() AS swept;
SELECT email IS NULL AND email_blind IS NULL AS emptied, erased_at FROM commerce.guests WHERE order_id = :'old';
UPDATE commerce.sensitive_fields SET retention = NULL WHERE field = 'email';
SELECT count(*) AS problems FROM commerce.verify_audit();
SELECT commerce.unregister_sensitive_field('gift') AS columns;
DROP ROLE guest_reader, guest_app;
DROP FUNCTION guest_sums;
DROP TABLE guest_notes, guest_sold, guest_left, guest_copy;
