-- Rotating keys: of customers and of columns of one's own. Needs a server whose key file has the epochs 1 and 2, and no
-- background worker. What needs other key files is in test/t/key_rotation.pl.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;

-- Two customers, and two rows of theirs in a table of the shop's own, as they were when there was epoch 1 alone.
CREATE FUNCTION back_to_epoch_1() RETURNS void LANGUAGE sql AS $$
    DELETE FROM commerce.key_rotations;
    UPDATE commerce.key_state SET epoch = 1, blind_epochs = '{1}';
    UPDATE commerce.data_keys SET epoch = 1, wrapped = commerce.rewrap_key(subject, id, epoch, wrapped, 1);
$$;
SELECT back_to_epoch_1();
SELECT commerce.create_customer('rotation.jane@example.com', 'Jane') AS jane, commerce.create_customer('rotation.bob@example.com', 'Bob') AS bob \gset
CREATE TABLE rotation_contacts (id uuid PRIMARY KEY DEFAULT commerce.uuidv7(), owner uuid NOT NULL, fallback uuid, phone commerce.sealed('phone'),
    phone_blind bytea UNIQUE, city commerce.sealed, city_blind bytea);
INSERT INTO rotation_contacts (id, owner, phone, phone_blind, city, city_blind)
SELECT r.id, r.owner, commerce.seal(r.phone, 'phone', r.owner, r.id), commerce.blind(r.phone, 'phone', country => 'DE'),
    commerce.seal('Berlin', 'town', r.owner), commerce.blind('Berlin', 'town', 24)
FROM (VALUES ('00000000-0000-7000-8000-000000000001'::uuid, :'jane'::uuid, '0151 1'), ('00000000-0000-7000-8000-000000000002', :'bob', '0151 2'),
    ('00000000-0000-7000-8000-000000000003', :'bob', '0151 3')) r (id, owner, phone);

SELECT back_to_epoch_1();

-- Registering a column: what is wrong is refused.
SELECT commerce.register_sealed_column(NULL, 'phone');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{}');
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{owner,NULL}');
SELECT commerce.register_sealed_column('rotation_contacts', 'phones', '{owner}');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.register_sealed_column('rotation_contacts', 'phone');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{owner}', blind_column => 'nothing');
SELECT commerce.register_sealed_column('rotation_contacts', 'phone_blind', '{owner}');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{city}');
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{owner}', blind_column => 'owner');
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{owner}', key_column => 'owner');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{owner}', key_column => 'phone_blind');
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{owner}', bits => 0);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{owner}', normaliser => 'soundex');
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{owner}', country => 'Germany');
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{owner}', field => '');
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{owner}');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM commerce.sealed_columns WHERE "table" = 'rotation_contacts'::regclass;
GRANT SELECT, UPDATE ON rotation_contacts TO commerce_owner;
SELECT commerce.register_sealed_column('rotation_contacts', 'phone', '{fallback,owner}', row_column => 'id', blind_column => 'phone_blind', country => 'DE');
SELECT commerce.register_sealed_column('rotation_contacts', 'city', '{owner}', field => 'wrong');
SELECT commerce.register_sealed_column('rotation_contacts', 'city', '{owner}', field => 'town', blind_column => 'city_blind', bits => 24);
SELECT "column", subject_columns, row_column, field, blind_column, bits, country FROM commerce.sealed_columns
WHERE "table" = 'rotation_contacts'::regclass ORDER BY 1;

-- Before: epoch 2 is in the file and nobody has begun to use it.
SELECT epoch, at_hand, data_keys > 0 AS data_keys, blind_values, needed, advice FROM commerce.key_status();
SELECT cardinality(commerce.blinds('x', 'notes')) AS looks_for;

-- Batches without a rotation do nothing; sizes that are none are refused.
SELECT commerce.rotate_keys_batch();
SELECT commerce.rotate_keys_batch(0);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.rotate_keys_batch(NULL);
SELECT commerce.rotate_keys_batch(100001);

-- It begins: what is new is of the new epoch, and searches look for both.
SELECT commerce.rotate_keys() AS rotation \gset
SELECT commerce.rotate_keys() = :'rotation' AS goes_on;
SELECT epoch, blind_epochs FROM commerce.key_state;
SELECT epoch, at_hand, blind_values, needed, advice FROM commerce.key_status();
SELECT cardinality(commerce.blinds('x', 'notes')) AS looks_for, (commerce.blinds('x', 'notes'))[2] = commerce.blind('x', 'notes') AS stores_the_last;
SELECT commerce.find_customer('Rotation.JANE@example.com') = :'jane' AS found;
SELECT commerce.create_customer('rotation.JANE@example.com');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.create_customer('rotation.late@example.com') AS late \gset
SELECT commerce.find_customer('rotation.late@example.com') = :'late' AS found;
SELECT id FROM rotation_contacts WHERE phone_blind = ANY (commerce.blinds('0151 2', 'phone', country => 'DE'));
-- A row that comes under the new epoch and means what another means that is not done yet is found out by the rotation.
INSERT INTO rotation_contacts (id, owner, phone, phone_blind)
SELECT '00000000-0000-7000-8000-000000000009', :'jane', commerce.seal('0151 3', 'phone', :'jane', '00000000-0000-7000-8000-000000000009'), commerce.blind('0151 3', 'phone', country => 'DE');

-- Batch by batch, however small; a claim by an e-mail address goes along.
INSERT INTO commerce.promotions (name, benefit) VALUES ('rotation', '10% off order') RETURNING id AS promotion \gset
INSERT INTO commerce.budgets (promotion, per, uses) VALUES (:'promotion', 'email', 1) RETURNING id AS budget \gset
INSERT INTO commerce.claims (order_id, budget, key, promotion, amount_taken)
SELECT commerce.uuidv7(), :'budget', encode(email_blind, 'hex'), :'promotion', 1 FROM commerce.customers WHERE id = :'jane';
DO $$
DECLARE
    batches int := 0;
BEGIN
    WHILE commerce.rotate_keys_batch(2) AND batches < 10000 LOOP
        COMMIT;
        batches := batches + 1;
    END LOOP;
    RAISE NOTICE 'more than one batch: %', batches > 5;
END
$$;
SELECT what, "table", "column", changed > 0 AS changed, unreadable, conflicts, done, finished_at IS NOT NULL AS finished
FROM commerce.key_rotation_progress WHERE rotation = :'rotation' AND ("table" <> 'commerce.customers'::regclass) ORDER BY step;
SELECT finished_at IS NOT NULL AS finished FROM commerce.key_rotations WHERE id = :'rotation';
SELECT count(*) AS old_keys FROM commerce.data_keys WHERE epoch = 1;
SELECT epoch, at_hand, data_keys > 0 AS data_keys, blind_values, needed, advice FROM commerce.key_status();
SELECT cardinality(commerce.blinds('x', 'notes')) AS looks_for;
SELECT commerce.find_customer('rotation.jane@example.com') = :'jane' AS jane, commerce.find_customer('rotation.late@example.com') = :'late' AS late;
SELECT commerce.reveal_customer(:'jane', 'test') ->> 'name' AS name;
SELECT key = encode(commerce.blind('rotation.jane@example.com', 'email'), 'hex') AS claim_goes_along FROM commerce.claims WHERE budget = :'budget';
SELECT commerce.budget_left(:'budget', encode(commerce.blind('rotation.jane@example.com', 'email'), 'hex')) AS "left";
SELECT c.id, commerce.reveal(c.phone, c.owner, 'test', c.id) AS phone, c.city_blind = commerce.blind('Berlin', 'town', 24) AS city,
    c.phone_blind = commerce.blind(commerce.reveal(c.phone, c.owner, 'test', c.id), 'phone', country => 'DE') AS done
FROM rotation_contacts c ORDER BY c.id;

-- A claim of an order that was under way is put right by its order's customer; also where all this was restored from a dump,
-- with the number that a transaction had in another cluster.
SELECT back_to_epoch_1();
SELECT commerce.rotate_keys() AS rotation \gset
UPDATE commerce.key_rotation_steps SET settles_at = '9000000000000000' WHERE rotation = :'rotation' AND what = 'claims';
CREATE PROCEDURE rotate_to_the_end() LANGUAGE plpgsql AS $$
BEGIN
    WHILE commerce.rotate_keys_batch() LOOP
        COMMIT;
    END LOOP;
END
$$;
INSERT INTO commerce.orders (id, channel, customer_id, tax_level, subtotal, discount, shipping, tax, included_tax, rounding, total)
    VALUES ('00000000-0000-7000-8000-0000000000f1', 'default', :'bob', 'line', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR');
INSERT INTO commerce.claims (order_id, budget, key, promotion, amount_taken)
VALUES ('00000000-0000-7000-8000-0000000000f1', :'budget', 'what it was before', :'promotion', 1);
CALL rotate_to_the_end();
SELECT key = encode(commerce.blind('rotation.bob@example.com', 'email'), 'hex') AS put_right FROM commerce.claims WHERE order_id = '00000000-0000-7000-8000-0000000000f1';

-- A column that is registered while a rotation is under way takes part; a table that is gone is no obstacle. Neither is
-- a customer who is erased, nor one whose key is of an epoch that is gone.
SELECT back_to_epoch_1();
DELETE FROM commerce.sealed_columns WHERE "table" = 'rotation_contacts'::regclass AND "column" = 'city';
CREATE TABLE rotation_gone (LIKE rotation_contacts INCLUDING ALL);
GRANT SELECT, UPDATE ON rotation_gone TO commerce_owner;
SELECT commerce.register_sealed_column('rotation_gone', 'city', '{owner}', blind_column => 'city_blind');
SELECT commerce.rotate_keys() AS rotation \gset
DROP TABLE rotation_gone;
SELECT commerce.register_sealed_column('rotation_contacts', 'city', '{owner}', field => 'town', blind_column => 'city_blind', bits => 24);
UPDATE rotation_contacts SET owner = :'late', phone = NULL, phone_blind = NULL, city = commerce.seal('Berlin', 'town', :'late')
WHERE id = '00000000-0000-7000-8000-000000000009';
UPDATE rotation_contacts SET city_blind = '\x00';
DELETE FROM commerce.data_keys WHERE subject = :'jane';
UPDATE commerce.data_keys SET epoch = 999 WHERE subject = :'bob';
CALL rotate_to_the_end();
SELECT owner = :'late' AS late, city_blind = commerce.blind('Berlin', 'town', 24) AS done FROM rotation_contacts ORDER BY id;
SELECT what, "column", unreadable FROM commerce.key_rotation_progress WHERE rotation = :'rotation' AND unreadable > 0 ORDER BY step;
SELECT finished_at IS NOT NULL AS finished FROM commerce.key_rotations WHERE id = :'rotation';
SELECT epoch, at_hand, data_keys, needed, advice FROM commerce.key_status() WHERE NOT at_hand;
DELETE FROM commerce.data_keys WHERE epoch = 999;
DELETE FROM commerce.sealed_columns c WHERE NOT EXISTS (SELECT FROM pg_class t WHERE t.oid = c."table");

-- What the shop has begun to use must be there: nothing is made of an older epoch.
BEGIN;
UPDATE commerce.key_state SET epoch = 7, blind_epochs = '{7}';
SELECT commerce.rotate_keys();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
UPDATE commerce.key_state SET epoch = 7, blind_epochs = '{7}';
SELECT commerce.create_customer('rotation.never@example.com');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
-- Nor does a search say that there is nobody where it cannot tell.
BEGIN;
UPDATE commerce.key_state SET blind_epochs = '{7,2}';
SELECT commerce.find_customer('rotation.late@example.com') = :'late' AS found_all_the_same;
SELECT commerce.find_customer('rotation.nobody@example.com');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
UPDATE commerce.key_state SET blind_epochs = '{7,2}';
SELECT commerce.create_customer('rotation.nobody@example.com');
ROLLBACK;
BEGIN;
UPDATE commerce.key_state SET blind_epochs = '{7,2}';
SELECT commerce.blinds('x', 'notes');
ROLLBACK;
BEGIN;
UPDATE commerce.key_state SET blind_epochs = '{7}';
SELECT commerce.blind('x', 'notes');
ROLLBACK;

-- Administrators rotate; the shop's application does not, and nobody wraps keys by hand.
SET ROLE commerce_app;
SELECT commerce.rotate_keys();
SELECT commerce.rotate_keys_batch();
SELECT FROM commerce.key_status();
SELECT commerce.rewrap_key('00000000-0000-7000-8000-000000000001', 1, 1, '\x', 1);
SELECT commerce.register_sealed_column('rotation_contacts', 'city', '{owner}');
UPDATE commerce.sealed_columns SET field = 'x';
SELECT FROM commerce.key_state;
SET ROLE commerce_admin;
SELECT commerce.rotate_keys() IS NOT NULL AS begun;
RESET ROLE;
CALL rotate_to_the_end();

DELETE FROM commerce.claims WHERE budget = :'budget';
DELETE FROM commerce.promotions WHERE id = :'promotion';
DELETE FROM commerce.orders WHERE id = '00000000-0000-7000-8000-0000000000f1';
DELETE FROM commerce.sealed_columns WHERE "table" = 'rotation_contacts'::regclass;
DROP TABLE rotation_contacts;
DROP PROCEDURE rotate_to_the_end;
DROP FUNCTION back_to_epoch_1;
