-- Customers. Needs a server whose commerce.key_file names a key.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.customer_groups (code) VALUES ('privacy-vip');

SELECT commerce.create_customer('Privacy.Jane@Example.com', name => 'Jane Doe', phone => '+49 151 12345678',
    address => '{"street": "Hauptstraße 1", "city": "Köln"}', password => 'correct horse', attributes => '{"newsletter": true}',
    customer_group => 'privacy-vip') AS jane \gset
SELECT commerce.create_customer('privacy.bob@example.com') AS bob \gset

-- Found in every spelling, and through the index.
SELECT spelling, commerce.find_customer(spelling) = :'jane' AS found
FROM unnest(ARRAY['privacy.jane@example.com', ' PRIVACY.JANE@EXAMPLE.COM ', 'privacyjane@example.com', 'nobody@example.com', '', '   ']) AS spelling;
SELECT commerce.find_customer(NULL);
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM commerce.customers WHERE email_blind = commerce.blind('privacy.jane@example.com', 'email');
EXPLAIN (COSTS OFF) SELECT id FROM commerce.customers WHERE email_blind = ANY (commerce.blinds('privacy.jane@example.com', 'email'));
ROLLBACK;

-- Revealed whole.
SELECT commerce.reveal_customer(:'jane', 'test') - 'id' - 'created_at' AS jane;
SELECT commerce.reveal_customer(:'bob', 'test') - 'id' - 'created_at' AS bob;
SELECT commerce.reveal_customer(:'jane', 'test') ->> 'id' = :'jane' AS id;
SELECT commerce.reveal_customer('00000000-0000-7000-8000-000000000000', 'test') IS NULL AS unknown;
SELECT commerce.reveal_customer(:'jane', ' ');
SELECT commerce.mask(email, id), commerce.mask(name, id), commerce.mask(phone, id) FROM commerce.customers WHERE id = :'jane';

-- Nothing of a person is stored in the clear.
SELECT count(*) AS leaks FROM commerce.customers c WHERE c::text ~* 'privacy.jane|jane doe|12345678|hauptstraße|correct horse';
SELECT password_hash ~ '^\$argon2id\$v=19\$m=19456,t=2,p=1\$' AS hashed FROM commerce.customers WHERE id = :'jane';
SELECT password_hash IS NULL AS none FROM commerce.customers WHERE id = :'bob';

-- An address is taken once, in whatever spelling; the refusal does not repeat it.
SELECT commerce.create_customer('PRIVACY.jane@example.com');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) AS customers FROM commerce.customers WHERE email_blind = commerce.blind('privacy.jane@example.com', 'email');

-- Bad input.
SELECT commerce.create_customer(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.create_customer('');
SELECT commerce.create_customer('no address');
SELECT commerce.create_customer('@example.com');
SELECT commerce.create_customer('jane@');
SELECT commerce.create_customer('jane doe@example.com');
SELECT commerce.create_customer(repeat('x', 320) || '@example.com');
SELECT commerce.create_customer('privacy.bad@example.com', password => '');
SELECT commerce.create_customer('privacy.bad@example.com', password => repeat('x', 1025));
SELECT commerce.create_customer('privacy.bad@example.com', address => '"a string"');
SELECT commerce.create_customer('privacy.bad@example.com', address => '[]');
SELECT commerce.create_customer('privacy.bad@example.com', attributes => NULL);
SELECT commerce.create_customer('privacy.bad@example.com', attributes => '[1]');
SELECT commerce.create_customer('privacy.bad@example.com', customer_group => 'privacy-unknown');

-- No payment card numbers, in whatever script or grouping.
SELECT commerce.create_customer('privacy.bad@example.com', name => 'Jane 4111 1111 1111 1111');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.create_customer('privacy.bad@example.com', phone => '5555-5555-5555-4444');
SELECT commerce.create_customer('privacy.bad@example.com', address => '{"note": "378282246310005"}');
SELECT commerce.create_customer('privacy.bad@example.com', attributes => '{"card": 6011111111111117}');
SELECT commerce.create_customer('privacy.bad@example.com', name => '４１１１１１１１１１１１１１１１');
SELECT commerce.find_customer('privacy.bad@example.com') IS NULL AS nothing_stored;

-- A value moved to another customer does not open there; another column does not even take it.
BEGIN;
UPDATE commerce.customers SET name = (SELECT name FROM commerce.customers WHERE id = :'jane') WHERE id = :'bob';
SELECT commerce.reveal_customer(:'bob', 'test');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
UPDATE commerce.customers SET name = phone WHERE id = :'jane';
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
-- Not even where the column was made to take everything.
BEGIN;
ALTER TABLE commerce.customers ALTER COLUMN name TYPE commerce.sealed;
UPDATE commerce.customers SET name = phone WHERE id = :'jane';
SELECT commerce.reveal_customer(:'jane', 'test');
ROLLBACK;
-- An address that someone sealed by hand and is no JSON is not quoted by an error.
BEGIN;
UPDATE commerce.customers SET address = commerce.seal('no JSON at all', 'address', id) WHERE id = :'jane';
SELECT commerce.reveal_customer(:'jane', 'test');
ROLLBACK;

-- Once the data key is gone, so is the person.
BEGIN;
DELETE FROM commerce.data_keys WHERE subject = :'jane';
SELECT commerce.reveal_customer(:'jane', 'test');
ROLLBACK;

-- A sealed column's sample is kept out of pg_statistic.
ANALYZE commerce.customers;
SELECT attname FROM pg_stats WHERE schemaname = 'commerce' AND tablename = 'customers' ORDER BY attname;

-- Who sees what.
SET ROLE commerce_reader;
SELECT customer_group FROM commerce.customers WHERE id = :'jane';
SELECT email FROM commerce.customers;
SELECT attributes FROM commerce.customers;
SELECT commerce.find_customer('privacy.jane@example.com');
SET ROLE commerce_app;
SELECT commerce.find_customer('privacy.jane@example.com') = :'jane' AS found;
SELECT commerce.mask(email, id) FROM commerce.customers WHERE id = :'jane';
SELECT email_blind FROM commerce.customers;
SELECT password_hash FROM commerce.customers;
SELECT commerce.create_customer('privacy.app@example.com') IS NOT NULL AS created;
SELECT commerce.reveal_customer(:'jane', 'test');
INSERT INTO commerce.customers DEFAULT VALUES;
SET ROLE commerce_pii_reader;
SELECT commerce.reveal_customer(:'jane', 'parcel') ->> 'name' AS name;
SELECT commerce.reveal(email, id, 'newsletter') FROM commerce.customers WHERE id = :'jane';
RESET ROLE;
