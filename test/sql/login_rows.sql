-- Whose rows are whose: customers see their own, staff those of their channels, and an API server's claims are believed where they are its own.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
DROP ROLE IF EXISTS login_rows_web, login_rows_other, login_rows_anyone;
RESET client_min_messages;
CREATE ROLE login_rows_web NOINHERIT IN ROLE commerce_authenticator;
CREATE ROLE login_rows_other IN ROLE commerce_customer, commerce_staff;
CREATE ROLE login_rows_anyone;
INSERT INTO commerce.channels (code, name) VALUES ('rows-till', 'a till');
INSERT INTO commerce.variants (sku, track_stock) VALUES ('rows-A', false);
INSERT INTO commerce.prices (sku, price) VALUES ('rows-A', '10 EUR');
SELECT commerce.create_customer('rows.jane@example.com', name => 'Jane', password => 'correct horse') AS jane \gset
SELECT commerce.create_customer('rows.bob@example.com', name => 'Bob', password => 'x') AS bob \gset
SELECT commerce.checkout('[{"sku": "rows-A", "quantity": 1}]', customer => :'jane') AS jane_1 \gset
SELECT commerce.checkout('[{"sku": "rows-A", "quantity": 2}]', customer => :'jane', channel => 'rows-till') AS jane_2 \gset
SELECT commerce.checkout('[{"sku": "rows-A", "quantity": 3}]', customer => :'bob') AS bob_1 \gset
SELECT commerce.checkout('[{"sku": "rows-A", "quantity": 4}]', channel => 'rows-till') AS guest_1 \gset
SELECT commerce.capture_payment(commerce.authorize_payment(:'jane_1')) IS NOT NULL AS paid;
SELECT commerce.capture_payment(commerce.authorize_payment(:'bob_1')) IS NOT NULL AS paid;
SELECT commerce.fulfil(:'jane_1', tracking => 'to jane') IS NOT NULL AS sent;
SELECT commerce.fulfil(:'bob_1', tracking => 'to bob') IS NOT NULL AS sent;
SELECT commerce.request_return(:'jane_1', '[{"sku": "rows-A", "quantity": 1}]', 'too small') IS NOT NULL AS returned;
SELECT commerce.confirm_edit(commerce.begin_edit(:'jane_2', '[{"sku": "rows-A", "quantity": 1}]')) IS NOT NULL AS "a line more", commerce.cancel_lines(:'jane_2', '[{"line": 1, "quantity": 2}]', 'sold out');
SELECT commerce.create_cart(:'jane') AS janes_cart \gset
SELECT commerce.create_cart(:'bob') AS bobs_cart \gset
SELECT commerce.set_cart_line(:'janes_cart', 'rows-A', 5), commerce.set_cart_line(:'bobs_cart', 'rows-A', 6);
SELECT commerce.login('rows.jane@example.com', 'correct horse') AS token \gset

-- Logged in, with the customer's rights.
SET ROLE commerce_customer;
SELECT (SELECT count(*) FROM commerce.my_orders) AS orders, (SELECT count(*) FROM commerce.my_carts) AS carts, commerce.my_profile() IS NULL AS nothing;
BEGIN;
SELECT commerce.use_session(:'token') = :'jane' AS jane;
SELECT id = :'jane_1' AS first, state, channel, total FROM commerce.my_orders ORDER BY id;
SELECT order_id = :'jane_1' AS first, line, sku, quantity, cancelled, total FROM commerce.my_order_lines ORDER BY order_id, line;
SELECT state, captured, charged_back FROM commerce.my_payments;
SELECT tracking, state FROM commerce.my_fulfilments;
SELECT reason FROM commerce.my_returns;
SELECT id = :'janes_cart' AS janes, state FROM commerce.my_carts;
SELECT quantity FROM commerce.my_cart_lines;
SELECT expires_at > now() AS lasts FROM commerce.my_sessions;
SELECT commerce.my_profile() ->> 'name' AS name;
SELECT count(*) AS of_bob FROM commerce.my_orders WHERE id = :'bob_1';
-- A function of the customer's own sees no row that is not his.
CREATE FUNCTION pg_temp.peep(uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'seen'; RETURN true; END $$;
SELECT count(*) FROM commerce.my_orders WHERE pg_temp.peep(id);
ROLLBACK;
SELECT count(*) AS nobodys FROM commerce.my_orders;
\set VERBOSITY sqlstate
SELECT id FROM commerce.orders;
SELECT * FROM commerce.channel_orders;
SELECT email FROM commerce.customers;
SELECT * FROM commerce.sessions;
SELECT * FROM commerce.totp;
UPDATE commerce.my_orders SET state = 'cancelled';
DELETE FROM commerce.my_carts;
SELECT commerce.find_customer('rows.bob@example.com');
SELECT commerce.create_staff_jwt('me', ARRAY['default']);
SELECT commerce.verify_jwt('x');
SELECT commerce.create_jwt_key();
SELECT commerce.checkout('[{"sku": "rows-A", "quantity": 1}]');
\set VERBOSITY default
RESET ROLE;
-- By the index of the customer's orders.
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM commerce.my_orders;
-- An order among them by an index of either; the lines by theirs.
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT regexp_replace(trim(p), 'orders_customer|orders_pkey', 'orders_…') AS scans FROM pg_temp.plan($$
    SELECT quantity FROM commerce.my_order_lines WHERE order_id = '00000000-0000-7000-8000-000000000001'$$) p WHERE p LIKE '%Scan using%';
ROLLBACK;
-- The tables have no policies: storing an order stays the direct way into the heap.
SELECT count(*) AS tables_with_policies FROM pg_class WHERE relnamespace = 'commerce'::regnamespace AND relrowsecurity;

-- Claims of an API server: it has switched to the role, and set the claims, each for the transaction.
CREATE FUNCTION pg_temp.request(role text, claims text, then_do text DEFAULT 'SELECT true') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    answer text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    PERFORM set_config('request.jwt.claims', claims, true);
    PERFORM commerce.pre_request();
    EXECUTE then_do INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ': ' || SQLERRM || coalesce(' ' || nullif(detail, ''), '');
END
$$;
GRANT EXECUTE ON FUNCTION pg_temp.request(text, text, text) TO PUBLIC;
SELECT 'SELECT format(''customer %s, channels %s, own %s'', commerce.current_customer() = ' || quote_literal(:'jane')
    || ', commerce.current_channels(), (SELECT count(*) FROM commerce.my_orders))' AS as_customer \gset
\set as_staff 'SELECT format(''channels %s: %s'', commerce.current_channels(), (SELECT string_agg(DISTINCT channel, '','') FROM commerce.channel_orders))'
SELECT format('{"role": "commerce_customer", "sub": "%s", "channels": ["rows-till"]}', :'jane') AS claims \gset
SET SESSION AUTHORIZATION login_rows_web;
SELECT pg_temp.request('commerce_customer', :'claims', :'as_customer') AS jane;
SELECT pg_temp.request('commerce_customer', '', :'as_customer') AS nobody;
SELECT pg_temp.request('commerce_customer', '{"role": "commerce_customer"}', :'as_customer') AS nobody;
SELECT pg_temp.request('commerce_staff', '{"role": "commerce_staff", "sub": "mary", "channels": ["rows-till"]}', :'as_staff') AS till;
SELECT pg_temp.request('commerce_staff', '{"role": "commerce_staff", "sub": "mary", "channels": ["rows-till", "default", "r\u006fws"]}', :'as_staff') AS both;
SELECT pg_temp.request('commerce_staff', '{"role": "commerce_staff", "sub": "mary", "channels": []}', :'as_staff') AS none;
SELECT pg_temp.request('commerce_staff', '{"role": "commerce_staff", "sub": "mary"}', :'as_staff') AS none;
SELECT pg_temp.request('commerce_staff', '{"channels": ["rows-till"]}', 'SELECT count(*) FROM commerce.my_orders') AS not_for_staff;
SELECT pg_temp.request('commerce_customer', :'claims', 'SELECT count(*) FROM commerce.channel_orders') AS not_for_customers;
RESET SESSION AUTHORIZATION;
BEGIN;
SET LOCAL SESSION AUTHORIZATION login_rows_web;
SELECT pg_temp.request('commerce_customer', :'claims', 'SELECT commerce.current_customer() IS NOT NULL') AS somebody;
COMMIT;
SELECT commerce.current_customer() IS NULL AS nobody;

-- Believed once in a transaction: whoever gets to set the setting in between changes nothing.
SELECT format('DO $d$ BEGIN PERFORM set_config(''request.jwt.claims'', ''{"sub": "%s"}'', true); PERFORM commerce.pre_request(); END $d$', :'bob') AS again \gset
SET SESSION AUTHORIZATION login_rows_web;
SELECT pg_temp.request('commerce_customer', :'claims', :'again') AS twice;
SELECT pg_temp.request('commerce_customer', '', :'again') AS after_nobody;
SELECT pg_temp.request('commerce_customer', :'claims', format('SELECT set_config(''request.jwt.claims'', ''{"sub": "%s"}'', true)', :'bob')
    || ' || (SELECT count(*) FROM commerce.my_orders)') = format('{"sub": "%s"}', :'bob') || '2' AS set_only;
-- Again by the same claims, or the same lack of any, it changes nothing and refuses nothing: functions may each begin with it.
SELECT pg_temp.request('commerce_customer', :'claims', 'SELECT concat((SELECT commerce.pre_request()), (SELECT commerce.pre_request()), (SELECT count(*) FROM commerce.my_orders))') AS same_claims;
SELECT pg_temp.request('commerce_customer', '', 'SELECT concat((SELECT commerce.pre_request()), (SELECT count(*) FROM commerce.my_orders))') AS none_again;
SELECT pg_temp.request('commerce_customer', '', format('SELECT concat((SELECT commerce.use_session(%L)) IS NULL, (SELECT commerce.pre_request()))', :'token')) AS after_a_session;
-- A token makes no other token; a session does.
SELECT pg_temp.request('commerce_customer', :'claims', 'SELECT commerce.create_jwt()') AS renewed;
RESET SESSION AUTHORIZATION;
SET client_min_messages = warning;
SELECT commerce.create_jwt_key() IS NOT NULL AS key;
RESET client_min_messages;
SET SESSION AUTHORIZATION login_rows_web;
SELECT pg_temp.request('commerce_customer', '', format('SELECT commerce.use_session(%L) IS NOT NULL AND commerce.create_jwt() IS NOT NULL', :'token')) AS by_session;

-- Refused: unreadable, ambiguous, of another role.
SELECT claims, pg_temp.request('commerce_customer', claims) AS refusal FROM (VALUES
    ('x'), ('[]'), ('{"sub": "mary"}'), ('{"sub": 1}'), ('{"sub": null}'), ('{"sub": ""}'),
    ('{"sub": "00000000-0000-7000-8000-000000000001", "sub": "00000000-0000-7000-8000-000000000002"}'),
    ('{"s\u0075b": "00000000-0000-7000-8000-000000000001"}'), ('{"role": "commerce_staff"}'), ('{"role": null}'), ('{"role": "commerce_admin"}')) AS t (claims);
SELECT claims, pg_temp.request('commerce_staff', claims) AS refusal FROM (VALUES
    ('{"channels": "rows-till"}'), ('{"channels": {"a": 1}}'), ('{"channels": [1]}'), ('{"channels": [["rows-till"]]}'), ('{"channels": [null]}'),
    ('{"channels": ["\u0000"]}'), ('{"channels": null}'), ('{"channels": ["a"], "channels": ["b"]}')) AS t (claims);
RESET SESSION AUTHORIZATION;
-- Anyone can set a setting; who is no registered API server is not believed, a superuser's session neither, nor whoever only has the customer's rights.
SELECT pg_temp.request('commerce_customer', :'claims') AS superuser;
SET SESSION AUTHORIZATION login_rows_other;
SELECT pg_temp.request('commerce_customer', :'claims') AS customers_role;
SELECT pg_temp.request('login_rows_other', :'claims') AS itself;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION login_rows_anyone;
SELECT commerce.pre_request();
SELECT commerce.current_customer();
RESET SESSION AUTHORIZATION;
-- SET ROLE to the API server's role is not logging in as it.
SET ROLE login_rows_web;
SELECT pg_temp.request('commerce_customer', :'claims') AS set_role;
RESET ROLE;
-- What the API server may become: these two.
SELECT r.rolname, pg_has_role('login_rows_web', r.oid, 'MEMBER') AS member FROM pg_roles r WHERE r.rolname ~ '^commerce_' ORDER BY 1;
DROP ROLE login_rows_web, login_rows_other, login_rows_anyone;
