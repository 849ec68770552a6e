-- What is kept of people: the register, consents, export, erasure, retention. Needs a server whose commerce.key_file names a key.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;

-- The shop's own columns are registered.
SELECT "table", "column", field, subject_columns, blind_column, age_column FROM commerce.sealed_columns WHERE "table"::text LIKE 'commerce.%' ORDER BY "table"::text COLLATE "C", "column";
SELECT field, purpose, legal_basis, retention, normaliser, exported FROM commerce.sensitive_fields ORDER BY field;
SELECT * FROM commerce.sensitive_columns_report();

-- The app's own tables: what nobody registered is reported, partitioned tables once, arrays and domains too.
CREATE SCHEMA app;
CREATE TABLE app.accounts (id serial PRIMARY KEY, customer uuid NOT NULL, iban commerce.sealed, iban_blind bytea, used_at timestamptz NOT NULL DEFAULT now());
CREATE DOMAIN app.secret AS commerce.sealed;
CREATE TABLE app.letters (customer uuid, visitor uuid, sent date, body commerce.sealed, n integer, PRIMARY KEY (sent, n)) PARTITION BY RANGE (sent);
CREATE TABLE app.letters_old PARTITION OF app.letters FOR VALUES FROM ('2000-01-01') TO ('2020-01-01');
CREATE TABLE app.letters_new PARTITION OF app.letters FOR VALUES FROM ('2020-01-01') TO ('2100-01-01');
CREATE TABLE app.odd (secrets commerce.sealed[], secret app.secret);
SELECT * FROM commerce.sensitive_columns_report() WHERE problem <> 'no retention';
DROP TABLE app.odd;

-- Registering asks for all that erasing will need.
SELECT commerce.register_sensitive_field('iban', 'refunds', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{customer}');
\echo :LAST_ERROR_SQLSTATE
GRANT USAGE ON SCHEMA app TO commerce_owner;
GRANT SELECT, UPDATE ON app.accounts, app.letters TO commerce_owner;
SELECT commerce.register_sensitive_field('iban', 'refunds', 'contract', '2 years', 'text', 'app.accounts', 'iban', '{customer}', 'iban_blind', 'used_at');
SELECT commerce.register_sensitive_field('letter', 'complaints', 'legitimate_interests', '10 years',
    "table" => 'app.letters', "column" => 'body', subject => '{customer,visitor}', age => 'sent');
SELECT * FROM commerce.sensitive_columns_report() WHERE problem <> 'no retention';
-- What is sealed for a row, and found by a blind value: told once, to rotations as well.
CREATE TABLE app.notes (id uuid PRIMARY KEY DEFAULT commerce.uuidv7(), customer uuid NOT NULL, note commerce.sealed('note'), note_blind bytea);
GRANT SELECT, UPDATE ON app.notes TO commerce_owner;
SELECT commerce.register_sealed_column('app.notes', 'note', '{customer}', row_column => 'id', field => 'note', blind_column => 'note_blind', bits => 16);
SELECT * FROM commerce.sensitive_columns_report() WHERE problem <> 'no retention';
SELECT commerce.register_sensitive_field('note', 'support calls', 'consent', "table" => 'app.notes', "column" => 'note', subject => '{customer}',
    blind => 'note_blind', row_id => 'id', bits => 16);
SELECT "table", key_column, row_column, field, blind_column, bits, normaliser, country, age_column FROM commerce.sealed_columns
    WHERE "table"::text LIKE 'app.%' ORDER BY "table"::text COLLATE "C";
SELECT * FROM commerce.sensitive_columns_report() WHERE problem <> 'no retention';
-- Again replaces.
SELECT commerce.register_sensitive_field('iban', 'refunds and direct debits', 'contract', '3 years', 'text', 'app.accounts', 'iban', '{customer}', 'iban_blind', 'used_at');
SELECT purpose, retention FROM commerce.sensitive_fields WHERE field = 'iban';
SELECT key_column, row_column, blind_column, bits, normaliser, age_column FROM commerce.sealed_columns WHERE field = 'iban';

-- Refused.
\set VERBOSITY sqlstate
SELECT commerce.register_sensitive_field(NULL, 'x', 'contract');
SELECT commerce.register_sensitive_field('x', NULL, 'contract');
SELECT commerce.register_sensitive_field('x', 'x', NULL);
SELECT commerce.register_sensitive_field(' ', 'x', 'contract');
SELECT commerce.register_sensitive_field('x', '', 'contract');
SELECT commerce.register_sensitive_field('x', 'x', 'because');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', '-1 day');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', normaliser => 'iban');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "column" => 'iban', subject => '{customer}');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{}');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{NULL}');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'nothing', subject => '{customer}');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'id', subject => '{customer}');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{id}');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{customer}', blind => 'customer');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{customer}', age => 'id');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.letters_old', "column" => 'body', subject => '{customer}');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'commerce.consents_now', "column" => 'purpose', subject => '{customer_id}');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{customer}', row_id => 'id');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{customer}', key => 'customer');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{customer}', blind => 'iban_blind', bits => 129);
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{customer}', country => 'Germany');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', key => 'id');
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'commerce.customers', "column" => 'email', subject => '{id}');
BEGIN;
ALTER TABLE app.accounts DROP CONSTRAINT accounts_pkey;
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{customer}', blind => 'iban_blind');
ROLLBACK;
ALTER TABLE app.accounts ALTER iban SET NOT NULL;
SELECT commerce.register_sensitive_field('x', 'x', 'contract', "table" => 'app.accounts', "column" => 'iban', subject => '{customer}');
ALTER TABLE app.accounts ALTER iban DROP NOT NULL;
SELECT commerce.unregister_sensitive_field();
SELECT commerce.unregister_sensitive_field('iban', 'app.accounts');
SELECT commerce.unregister_sensitive_field("column" => 'iban');
SELECT commerce.unregister_sensitive_field('email');
SELECT commerce.unregister_sensitive_field("table" => 'commerce.customers', "column" => 'email');
\set VERBOSITY default
SELECT count(*) AS nothing FROM commerce.sensitive_fields WHERE field = 'x';

-- A column that is renamed, retyped or made NOT NULL is reported.
BEGIN;
ALTER TABLE app.accounts RENAME iban TO account;
SELECT * FROM commerce.sensitive_columns_report() WHERE problem <> 'no retention';
ROLLBACK;
BEGIN;
ALTER TABLE app.accounts ALTER iban TYPE bytea USING NULL;
SELECT * FROM commerce.sensitive_columns_report() WHERE problem <> 'no retention';
ROLLBACK;
BEGIN;
ALTER TABLE app.accounts DROP customer;
SELECT * FROM commerce.sensitive_columns_report() WHERE problem <> 'no retention';
ROLLBACK;
BEGIN;
ALTER TABLE app.accounts ALTER iban SET NOT NULL;
REVOKE UPDATE ON app.letters FROM commerce_owner;
SELECT * FROM commerce.sensitive_columns_report() WHERE problem <> 'no retention';
ROLLBACK;
BEGIN;
UPDATE commerce.sensitive_fields SET retention = '1 year' WHERE field = 'email';
DROP TABLE app.letters;
SELECT "column", field, problem FROM commerce.sensitive_columns_report() WHERE problem <> 'no retention';
ROLLBACK;

-- Two customers who buy, consent, have money here, and of whom the app knows more.
INSERT INTO commerce.variants (sku) VALUES ('people-a');
INSERT INTO commerce.prices (sku, price) VALUES ('people-a', '10 EUR');
SELECT commerce.receive_stock('people-a', 100);
INSERT INTO commerce.customer_groups (code) VALUES ('people-vip');
SELECT commerce.create_customer('people.jane@example.com', 'Jane Doe', '+4915112345678', '{"street": "Hauptstr. 1"}', 'correct horse',
    '{"size": 40}', 'people-vip') AS jane \gset
SELECT commerce.create_customer('people.bob@example.com', 'Bob') AS bob \gset
WITH p AS (INSERT INTO commerce.promotions (name, benefit, needs_code) VALUES ('people', '1 EUR off order', true) RETURNING id),
    b AS (INSERT INTO commerce.budgets (promotion, per, uses) SELECT id, 'email', 2 FROM p)
    INSERT INTO commerce.promotion_codes (code, promotion) SELECT 'PEOPLE', id FROM p;
CREATE TABLE people_orders AS SELECT who, commerce.checkout('[{"sku": "people-a", "quantity": 2}]', codes => '{people}', customer => who,
        ship_to => '{"country": "DE", "postal_code": "10115", "street": "Hauptstr. 1"}') AS id
    FROM unnest(ARRAY[:'jane', :'jane', :'bob']::uuid[]) who;
SELECT commerce.checkout('[{"sku": "people-a", "quantity": 1}]', ship_to => '{"country": "DE", "street": "Guest Street 5"}') AS guest \gset
SELECT count(commerce.capture_payment(commerce.authorize_payment(id))) AS paid FROM people_orders;
SELECT commerce.issue_invoices() >= 3 AS invoices;
SELECT commerce.issue_store_credit(:'jane', '7.50 EUR', 'goodwill') IS NOT NULL AS credit;
SELECT commerce.create_cart(customer => :'jane') AS cart \gset
SELECT commerce.set_cart_line(:'cart', 'people-a', 1), commerce.set_cart(:'cart', '{"ship_to": {"country": "DE", "street": "Cart Street 3"}, "attributes": {"gift": true}}');
INSERT INTO app.accounts (customer, iban, iban_blind) SELECT who, commerce.seal('DE89 3704 0044 0532 0130 00', 'iban', who), commerce.blind('DE89 3704 0044 0532 0130 00', 'iban')
    FROM unnest(ARRAY[:'jane', :'bob']::uuid[]) who;
INSERT INTO app.letters SELECT who, NULL::uuid, '2019-05-01'::date, commerce.seal('an old letter', 'letter', who), 1 FROM unnest(ARRAY[:'jane']::uuid[]) who
    UNION ALL SELECT NULL, who, '2090-05-01', commerce.seal('a new letter', 'letter', who), 2 FROM unnest(ARRAY[:'jane']::uuid[]) who
    UNION ALL SELECT who, :'jane', '2090-05-01', commerce.seal('bob''s letter', 'letter', who), 3 FROM unnest(ARRAY[:'bob']::uuid[]) who;
INSERT INTO app.notes SELECT id, who, commerce.seal('calls often', 'note', who, id), commerce.blind('calls often', 'note', 16)
    FROM (VALUES ('00000000-0000-7000-8000-0000000000e1'::uuid, :'jane'::uuid), ('00000000-0000-7000-8000-0000000000e2', :'bob')) v (id, who);
SELECT commerce.create_totp(:'jane') IS NOT NULL AS totp;
CREATE TABLE app.wishes (customer_id uuid, sku text, at timestamptz DEFAULT now());
INSERT INTO app.wishes VALUES (:'jane', 'people-a'), (:'bob', 'people-a');
GRANT SELECT, DELETE ON app.wishes TO commerce_owner;
INSERT INTO commerce.erasure_tables VALUES ('app.wishes', 'customer_id', 'at');

-- Consents: the last one counts, none is changed.
SELECT commerce.has_consent(:'jane', 'newsletter') AS before;
SELECT commerce.record_consent(:'jane', 'newsletter', true, 'checkout', 'policy 3') IS NOT NULL AS given;
SELECT commerce.record_consent(:'jane', 'newsletter', false, 'letter') IS NOT NULL AS withdrawn;
SELECT commerce.record_consent(:'jane', 'profiling', true) IS NOT NULL AS given;
SELECT p AS purpose, commerce.has_consent(:'jane', p) AS jane, commerce.has_consent(:'bob', p) AS bob FROM unnest('{newsletter,profiling}'::text[]) p;
SELECT purpose, given, source, document FROM commerce.consents_now WHERE customer_id = :'jane' ORDER BY purpose;
SELECT number, purpose, given, actor = current_user AS by_me FROM commerce.consents WHERE customer_id = :'jane' ORDER BY number;
SELECT topic, payload - 'id' - 'customer_id' AS payload FROM commerce.outbox WHERE aggregate = :'jane' AND topic LIKE 'consent.%' ORDER BY id;
\set VERBOSITY sqlstate
UPDATE commerce.consents SET given = true;
DELETE FROM commerce.consents;
TRUNCATE commerce.consents;
SELECT commerce.record_consent(NULL, 'newsletter', true);
SELECT commerce.record_consent(:'jane', NULL, true);
SELECT commerce.record_consent(:'jane', 'newsletter', NULL);
SELECT commerce.record_consent(:'jane', ' ', true);
SELECT commerce.record_consent('00000000-0000-7000-8000-000000000000', 'newsletter', true);
\set VERBOSITY default
SELECT commerce.has_consent(NULL, 'newsletter'), commerce.has_consent(:'jane', NULL), commerce.has_consent('00000000-0000-7000-8000-000000000000', 'newsletter');

-- Export: all of it in the clear, by whoever may reveal, and by nobody else.
SELECT jsonb_object_keys(commerce.export_customer(:'jane')) AS part;
SELECT commerce.export_customer(:'jane') -> 'customer' ->> 'email' AS email, commerce.export_customer(:'jane') -> 'customer' -> 'address' AS address,
    commerce.export_customer(:'jane') -> 'customer' -> 'attributes' AS attributes;
SELECT o -> 'ship_address' AS ship_address, o -> 'total' ->> 'amount' AS total, jsonb_array_length(o -> 'lines') AS lines,
    o -> 'payments' -> 0 ->> 'state' AS payment, o -> 'invoices' -> 0 -> 'total' ->> 'amount' AS invoiced
    FROM jsonb_array_elements(commerce.export_customer(:'jane') -> 'orders') o;
SELECT v ->> 'table' AS "table", v ->> 'field' AS field, v -> 'value' AS value, (v -> 'row') - 'id' AS "row" FROM jsonb_array_elements(commerce.export_customer(:'jane') -> 'values') v ORDER BY 1, 2, 4;
-- A value that stands in another row than it was sealed for does not open there.
BEGIN;
UPDATE app.notes SET note = (SELECT n.note FROM app.notes n WHERE n.customer = :'jane') WHERE customer = :'bob';
UPDATE app.notes SET customer = :'jane';
SELECT v -> 'value' AS value FROM jsonb_array_elements(commerce.export_customer(:'jane') -> 'values') v WHERE v ->> 'field' = 'note' ORDER BY v -> 'row' ->> 'id';
ROLLBACK;
SELECT c -> 'lines' AS lines, c -> 'attributes' AS attributes FROM jsonb_array_elements(commerce.export_customer(:'jane') -> 'carts') c;
SELECT b ->> 'kind' AS kind, b -> 'left' ->> 'amount' AS "left", jsonb_array_length(b -> 'entries') AS entries FROM jsonb_array_elements(commerce.export_customer(:'jane') -> 'balances') b;
SELECT c ->> 'purpose' AS purpose, c -> 'given' AS given FROM jsonb_array_elements(commerce.export_customer(:'jane') -> 'consents') c;
SELECT f ->> 'field' AS field, f ->> 'purpose' AS purpose, f ->> 'legal_basis' AS basis, f ->> 'retention' AS retention FROM jsonb_array_elements(commerce.export_customer(:'jane') -> 'fields') f;
SELECT commerce.export_customer('00000000-0000-7000-8000-000000000000') IS NULL AS unknown, commerce.export_customer(NULL) IS NULL AS nobody;
CREATE ROLE people_reader IN ROLE commerce_pii_reader;
CREATE ROLE people_app IN ROLE commerce_app, commerce_reader;
SET ROLE people_reader;
SELECT commerce.export_customer(:'jane') -> 'customer' ->> 'name' AS name;
SET ROLE people_app;
SELECT commerce.export_customer(:'jane');
SELECT commerce.export_values(:'jane');
SELECT commerce.export_facts(:'jane');
SELECT commerce.erase_customer(:'jane');
SET ROLE commerce_owner;
SELECT commerce.export_customer(:'jane');
RESET ROLE;

-- Erase: what the law asks for stays to the cent.
CREATE FUNCTION people_sums() RETURNS text LANGUAGE sql AS $$ SELECT md5((SELECT string_agg((to_jsonb(o) - 'ship_address')::text, '' ORDER BY o.id) FROM commerce.orders o)
    || (SELECT string_agg(i::text, '' ORDER BY i.invoice_number) FROM commerce.invoices i) || (SELECT string_agg(p::text, '' ORDER BY p.id) FROM commerce.payments p)
    || (SELECT string_agg(s::text, '' ORDER BY s) FROM commerce.sales_by_day() s)
    || (SELECT string_agg(s::text, '' ORDER BY s) FROM commerce.sales_by_country() s) || (SELECT string_agg(s::text, '' ORDER BY s::text) FROM commerce.promotion_results() s)
    || (SELECT string_agg(c::text, '') FROM commerce.cart_conversion() c)
    || (SELECT string_agg(b::text, '') FROM commerce.budget_status b)) $$;
SELECT commerce.login('people.jane@example.com', 'correct horse') AS token \gset
SELECT commerce.create_totp(:'jane') IS NOT NULL AS totp;
SELECT commerce.create_password_reset(:'jane') AS letter \gset
SELECT people_sums() AS before \gset
CREATE TABLE people_copy AS SELECT id, email FROM commerce.customers WHERE id = :'jane';
SELECT (SELECT email_blind FROM commerce.customers WHERE id = :'jane') AS blind \gset
SELECT commerce.erase_customer(:'jane') - '{id,erased_at,words}'::text[] AS erased;
SELECT people_sums() = :'before' AS same_to_the_cent;
SELECT email IS NULL AND email_blind IS NULL AND name IS NULL AND phone IS NULL AND address IS NULL AND password_hash IS NULL AS empty,
    customer_group, attributes, erased_at IS NOT NULL AS erased FROM commerce.customers WHERE id = :'jane';
SELECT count(*) AS keys FROM commerce.data_keys WHERE subject = :'jane';
SELECT o.who = :'jane' AS jane, x.ship_address IS NULL AS emptied, x.ship_to FROM people_orders o JOIN commerce.orders x USING (id) ORDER BY 1, 2;
SELECT customer = :'jane' AS jane, iban IS NULL AS iban, iban_blind IS NULL AS blind FROM app.accounts ORDER BY 1;
SELECT n, body IS NULL AS emptied FROM app.letters ORDER BY n;
SELECT customer = :'jane' AS jane, note IS NULL AS note, note_blind IS NULL AS blind FROM app.notes ORDER BY 1;
SELECT customer_id = :'bob' AS bobs FROM app.wishes;
SELECT (SELECT count(*) FROM commerce.sessions WHERE customer_id = :'jane') AS sessions, (SELECT count(*) FROM commerce.totp WHERE customer_id = :'jane') AS totp;
SELECT state, ship_to, ship_address IS NULL AS emptied, attributes FROM commerce.carts WHERE id = :'cart';
SELECT k.state, k.key = encode(:'blind'::bytea, 'hex') AS told, k.key LIKE 'erased:%' AS erased, count(*) FROM commerce.claims k JOIN people_orders o ON o.id = k.order_id
    WHERE o.who = :'jane' GROUP BY 1, 2, 3;
SELECT count(*) AS wrong FROM commerce.verify_budgets();
SELECT topic, payload - 'erased_at' = jsonb_build_object('id', :'jane'::uuid) AS payload FROM commerce.outbox WHERE aggregate = :'jane' AND topic = 'customer.erased';
SELECT kind, detail - 'words' AS detail FROM commerce.audit_log WHERE subject = :'jane' AND kind = 'erase';
-- The log that is never changed does not tell what was forgotten, nor the hash of a password at any time.
SELECT count(*) AS told FROM commerce.audit_log WHERE subject = :'jane' AND (detail::text LIKE '%size%' OR detail::text LIKE '%argon2%');
-- Nobody else is touched, and a guest's order neither.
SELECT commerce.reveal_customer(:'bob', 'test') ->> 'name' AS bob, (SELECT commerce.reveal(ship_address, id, 'test') FROM commerce.orders WHERE id = :'guest') AS guest;
-- What was copied elsewhere before does not open.
SELECT commerce.reveal(email, id, 'test') FROM people_copy;
\echo :LAST_ERROR_SQLSTATE
DROP TABLE people_copy;
-- Once for all: nothing of the person is kept again.
SELECT commerce.erase_customer(:'jane') -> 'rows' AS again;
SELECT count(*) AS told_once FROM commerce.outbox WHERE aggregate = :'jane' AND topic = 'customer.erased';
\set VERBOSITY terse
SELECT commerce.create_jwt(:'jane');
SELECT commerce.seal('Jane', 'name', :'jane');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.checkout('[{"sku": "people-a", "quantity": 1}]', customer => :'jane');
SELECT commerce.create_cart(customer => :'jane');
SELECT commerce.quote('[{"sku": "people-a", "quantity": 1}]', customer => :'jane');
SELECT commerce.record_consent(:'jane', 'newsletter', true);
SELECT commerce.has_consent(:'jane', 'profiling');
SELECT commerce.find_customer('people.jane@example.com') IS NULL AS unknown;
SELECT commerce.use_session(:'token');
SELECT commerce.login('people.jane@example.com', 'correct horse');
SELECT commerce.create_password_reset(:'jane');
SELECT commerce.reset_password(:'letter', 'battery staple');
UPDATE commerce.customers SET name = (SELECT name FROM commerce.customers WHERE id = :'bob') WHERE id = :'jane';
SELECT commerce.create_customer('people.jane@example.com') IS NOT NULL AS comes_back_as_new;
SELECT (commerce.export_customer(:'jane') -> 'customer') - '{id,created_at,erased_at}'::text[] AS customer,
    jsonb_array_length(commerce.export_customer(:'jane') -> 'orders') AS orders, commerce.export_customer(:'jane') -> 'values' AS values;
\set VERBOSITY sqlstate
SELECT commerce.erase_customer(NULL);
SELECT commerce.erase_customer('00000000-0000-7000-8000-000000000000');
-- A table that may not be written, or hides rows, stops all of it.
REVOKE UPDATE ON app.accounts FROM commerce_owner;
SELECT commerce.erase_customer(:'bob');
GRANT UPDATE ON app.accounts TO commerce_owner;
ALTER TABLE app.accounts ENABLE ROW LEVEL SECURITY;
SELECT commerce.erase_customer(:'bob');
\set VERBOSITY default
ALTER TABLE app.accounts DISABLE ROW LEVEL SECURITY;
SELECT erased_at IS NULL AS untouched, name IS NOT NULL AS named FROM commerce.customers WHERE id = :'bob';

-- Retention: what is older than it may be is emptied, the rest and what is locked stays.
SELECT field, retention, due FROM commerce.retention_status ORDER BY field;
UPDATE app.accounts SET used_at = now() - interval '4 years' WHERE customer = :'bob';
UPDATE app.letters SET body = commerce.seal('old', 'letter', :'bob'), customer = :'bob', sent = '2010-01-01' WHERE n = 1;
SELECT "table", "column", retention, due, oldest < now() - interval '3 years' AS old FROM commerce.retention_status ORDER BY field;
SELECT commerce.sweep_retention(1), commerce.sweep_retention(1), commerce.sweep_retention(1);
SELECT iban IS NULL AS iban, iban_blind IS NULL AS blind FROM app.accounts WHERE customer = :'bob';
SELECT n, body IS NULL AS emptied FROM app.letters WHERE customer = :'bob' ORDER BY n;
SELECT field, due FROM commerce.retention_status ORDER BY field;
-- A delivery address a year after the order, and not what the invoice says.
UPDATE commerce.sensitive_fields SET retention = '1 year' WHERE field = 'address';
UPDATE commerce.orders SET placed_at = now() - interval '2 years' WHERE id = :'guest';
SELECT commerce.sweep_retention() AS swept;
SELECT id = :'guest' AS guests, ship_address IS NULL AS emptied, ship_to, total FROM commerce.orders WHERE id = :'guest' OR customer_id = :'bob' ORDER BY 1;
SELECT address IS NULL AS none FROM commerce.customers WHERE id = :'bob';
UPDATE commerce.sensitive_fields SET retention = NULL WHERE field = 'address';
-- One table that does not allow it does not keep the others.
UPDATE app.letters SET body = commerce.seal('old', 'letter', :'bob') WHERE n = 1;
ALTER TABLE app.accounts ADD CONSTRAINT iban_stays CHECK (iban IS NOT NULL) NOT VALID;
UPDATE app.accounts SET iban = commerce.seal('x', 'iban', customer), used_at = now() - interval '4 years' WHERE customer = :'bob';
SELECT commerce.sweep_retention() AS swept;
SELECT n, body IS NULL AS emptied FROM app.letters WHERE n = 1;
ALTER TABLE app.accounts DROP CONSTRAINT iban_stays;
UPDATE app.accounts SET used_at = now();
\set VERBOSITY sqlstate
SELECT commerce.sweep_retention(0);
SELECT commerce.sweep_retention(-1);
UPDATE commerce.shop SET customer_retention = '-1 day';
\set VERBOSITY default

-- Customers of whom nothing was seen: not those who have ordered, have an order under way, or money here.
SELECT commerce.create_customer('people.gone' || n || '@example.com') AS id, n INTO people_gone FROM generate_series(1, 6) n;
UPDATE commerce.customers SET created_at = now() - interval '5 years' WHERE id IN (SELECT id FROM people_gone) OR id = :'bob';
SELECT commerce.issue_store_credit(id, '1 EUR', 'owed') IS NOT NULL AS owed FROM people_gone WHERE n = 2;
SELECT commerce.create_cart(customer => id) IS NOT NULL AS shops FROM people_gone WHERE n = 3;
INSERT INTO app.wishes SELECT id, 'people-a', now() - CASE n WHEN 4 THEN interval '1 day' ELSE interval '4 years' END FROM people_gone WHERE n IN (4, 5);
SELECT commerce.record_consent(id, 'newsletter', true) IS NOT NULL AS consents FROM people_gone WHERE n = 6;
SELECT commerce.sweep_retention() AS none_yet;
UPDATE commerce.shop SET customer_retention = '3 years';
SELECT "table", "column", retention, due FROM commerce.retention_status WHERE "column" IS NULL;
SELECT commerce.sweep_retention() AS swept;
SELECT g.n, c.erased_at IS NOT NULL AS erased FROM people_gone g JOIN commerce.customers c USING (id) ORDER BY n;
SELECT erased_at IS NULL AS stays FROM commerce.customers WHERE id = :'bob';
UPDATE commerce.shop SET customer_retention = NULL;

-- Out of the register.
SELECT commerce.unregister_sensitive_field("table" => 'app.letters', "column" => 'body') AS columns;
SELECT * FROM commerce.sensitive_columns_report() WHERE problem <> 'no retention';
SELECT commerce.unregister_sensitive_field('note') AS columns;
SELECT commerce.unregister_sensitive_field('iban') AS columns, commerce.unregister_sensitive_field('letter') AS none_left;
DELETE FROM commerce.erasure_tables WHERE "table" = 'app.wishes'::regclass;
DELETE FROM commerce.promotions WHERE name = 'people';
DROP ROLE people_reader, people_app;
DROP SCHEMA app CASCADE;
