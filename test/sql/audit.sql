-- Who did what, and what shows that nothing of it was changed since.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
SET search_path = public, commerce;
-- From here on; all of it is taken back, so that others find what they had.
BEGIN;
CREATE TEMP TABLE aud_since AS SELECT commerce.uuidv7() AS id;
CREATE VIEW pg_temp.entries AS SELECT a.*, jsonb_build_object('kind', a.kind, 'of', a.relation, 'subject', a.subject,
    'detail', a.detail #- '{new,id}' #- '{old,id}') AS told FROM commerce.audit_log a WHERE a.id > (SELECT id FROM aud_since) ORDER BY a.id;
RESET client_min_messages;

-- Changes of prices, stock, promotions and orders: what was, what is.
INSERT INTO commerce.variants (sku) VALUES ('aud-A');
INSERT INTO commerce.prices (sku, price) VALUES ('aud-A', '10 EUR');
UPDATE commerce.prices SET price = '12.50 EUR' WHERE sku = 'aud-A';
UPDATE commerce.prices SET price = '12.50 EUR' WHERE sku = 'aud-A';
DELETE FROM commerce.prices WHERE sku = 'aud-A';
SELECT commerce.receive_stock('aud-A', 5);
INSERT INTO commerce.promotions (name, status, benefit) VALUES ('aud', 'draft', '10% off order');
UPDATE commerce.promotions SET status = 'ended' WHERE name = 'aud';
SELECT jsonb_pretty(e.told) FROM pg_temp.entries e WHERE e.relation = 'commerce.prices';
SELECT e.kind, e.relation, e.actor = current_user AS by_me, e.detail -> 'old' AS old, e.detail #>> '{new,status}' AS status, e.detail #>> '{new,delta}' AS delta
    FROM pg_temp.entries e WHERE e.relation IN ('commerce.promotions', 'commerce.stock_movements') ORDER BY e.id;
INSERT INTO commerce.prices (sku, price) VALUES ('aud-A', '10 EUR');
SELECT commerce.checkout('[{"sku": "aud-A", "quantity": 2}]') AS "order" \gset
SELECT commerce.order_event(:'order', 'confirm');
SELECT commerce.fulfil(:'order') IS NOT NULL AS sent;
SELECT e.kind, e.detail #>> '{new,state}' AS state, e.detail #>> '{new,total}' AS total, e.detail #>> '{old,state}' AS state_before
    FROM pg_temp.entries e WHERE e.relation = 'commerce.orders' AND e.subject = :'order' ORDER BY e.id;
-- By hand, too, and whoever does it as.
SET ROLE commerce_admin;
UPDATE commerce.orders SET state = 'completed' WHERE id = :'order';
RESET ROLE;
SELECT e.actor, e.login = session_user AS my_login, e.detail #>> '{new,state}' AS state FROM pg_temp.entries e WHERE e.subject = :'order' ORDER BY e.id DESC LIMIT 1;

-- Any table of one's own; sealed values and bytea are not repeated, and a renamed column goes by its new name.
CREATE TABLE aud_own (a int, b text, token bytea, note commerce.sealed, at date, PRIMARY KEY (a, b));
SELECT commerce.audit_table('aud_own');
INSERT INTO aud_own VALUES (1, 'x', '\x00ff', NULL, '1993-02-03');
UPDATE aud_own SET b = 'y', token = '\x01', at = NULL;
SELECT commerce.audit_table('aud_own', 'b');
ALTER TABLE aud_own RENAME COLUMN token TO secret;
UPDATE aud_own SET secret = NULL;
DELETE FROM aud_own;
TRUNCATE aud_own;
SELECT e.told FROM pg_temp.entries e WHERE e.relation = 'public.aud_own' ORDER BY e.id;
-- Whoever changes something does not choose how it reads.
CREATE TABLE aud_styles (id int PRIMARY KEY, during tstzrange, takes interval, part float8);
SELECT commerce.audit_table('aud_styles');
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL intervalstyle = 'sql_standard';
SET LOCAL extra_float_digits = -10;
SET LOCAL timezone = 'Asia/Kolkata';
INSERT INTO aud_styles VALUES (1, '[2026-02-01 00:00+00, 2026-03-04 00:00+00)', '1 day 2 hours', 0.1::float8 + 0.2);
SELECT e.detail -> 'new' AS told, current_setting('datestyle') AS style FROM pg_temp.entries e WHERE e.relation = 'public.aud_styles';
RESET datestyle;
RESET intervalstyle;
RESET extra_float_digits;
RESET timezone;
SELECT commerce.record_audit('price list approved', 'spring', '{"by": "the board"}');
SELECT e.kind, e.relation, e.subject, e.detail FROM pg_temp.entries e WHERE e.kind LIKE 'price list%';
-- Each leaf is that of its entry.
SELECT count(*) > 10 AS several, bool_and(leaf = commerce.audit_leaf(id, at, actor, login, kind, relation, subject, detail, salt)) AS right,
    count(DISTINCT salt) = count(*) AS salted FROM pg_temp.entries;
SELECT commerce.audit_leaf('00000000-0000-7000-8000-000000000001', '2026-01-01 00:00:00.5+00', 'me', 'I', 'test', NULL, '', '{"a": 1}', decode(repeat('5a', 16) || repeat('a5', 16), 'hex')) AS leaf,
    sha256('\x00'::bytea || '\x0000000000000011' || 'commerce.audit.v1' || '\x00000000000070008000000000000001'
        || int8send((extract(epoch FROM timestamptz '2026-01-01 00:00:00.5+00' - timestamptz '2000-01-01 00:00+00') * 1000000)::bigint)
        || int8send(2) || 'me' || int8send(1) || 'I' || int8send(4) || 'test' || int8send(-1) || int8send(0)
        || sha256('\x0000000000000018'::bytea || 'commerce.audit.detail.v1' || decode(repeat('a5', 16), 'hex') || int8send(8) || '{"a": 1}')
        || decode(repeat('5a', 16), 'hex')) AS by_hand;
SELECT commerce.audit_leaf('00000000-0000-7000-8000-000000000001', '2026-01-01 00:00:00.5+00', 'me', 'I', 'test', NULL, '', NULL,
        commerce.audit_erased('{"a": 1}', decode(repeat('5a', 16) || repeat('a5', 16), 'hex'))) AS without_its_detail,
    commerce.audit_leaf('00000000-0000-7000-8000-000000000001', '2026-01-01 00:00:00.5+00', 'me', 'I', 'test', NULL, '', '{"b": 1}',
        commerce.audit_erased('{"a": 1}', decode(repeat('5a', 16) || repeat('a5', 16), 'hex'))) IS NULL AS with_another,
    commerce.audit_erased('{}', '\x00') IS NULL AS short_salt, commerce.audit_erased(NULL, NULL) IS NULL AS no_salt;
SELECT commerce.audit_leaf(NULL, now(), '', '', '', '', '', NULL, '\x00') IS NULL AS no_id,
    commerce.audit_leaf(gen_random_uuid(), now(), '', '', '', '', '', NULL, '\x00') IS NULL AS short_salt;

-- What happened last, and what happened to somebody, are found by an index in any database.
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT at, kind FROM commerce.audit_log ORDER BY written_in DESC, id DESC LIMIT 50;
EXPLAIN (COSTS OFF) SELECT at, kind FROM commerce.audit_log WHERE subject = 'aud-A';
EXPLAIN (COSTS OFF) SELECT at, kind FROM commerce.audit_log WHERE subject = ANY ('{aud-A,spring}') AND kind = 'update';
RESET enable_seqscan;
RESET enable_bitmapscan;

-- Turned off for a load, by a superuser alone; what the application writes is there all the same.
SET commerce.audit_changes = off;
INSERT INTO aud_own VALUES (7, 'loaded');
UPDATE aud_own SET b = 'moved';
SELECT commerce.checkout('[{"sku": "aud-A", "quantity": 1}]') AS loaded \gset
SELECT commerce.record_audit('loaded');
RESET commerce.audit_changes;
DELETE FROM aud_own;
SELECT e.kind, e.relation FROM pg_temp.entries e ORDER BY e.id DESC LIMIT 2;
SELECT count(*) AS entries FROM pg_temp.entries e WHERE e.subject IN ('loaded', 'moved', :'loaded');
SET ROLE commerce_app;
SAVEPOINT here;
SET commerce.audit_changes = off;
ROLLBACK TO here;
RESET ROLE;

-- Written once.
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on
UPDATE commerce.audit_log SET actor = 'nobody';
DELETE FROM commerce.audit_log;
TRUNCATE commerce.audit_log;
-- Bad input.
SELECT commerce.record_audit(NULL);
SELECT commerce.record_audit('');
SELECT commerce.record_audit(repeat('x', 101));
SELECT commerce.record_audit('reveal');
SELECT commerce.record_audit('update', 'commerce.prices');
SELECT commerce.audit_table(NULL);
SELECT commerce.audit_table('aud_own', 'nothing');
CREATE TRIGGER aud_wrong BEFORE INSERT ON aud_own FOR EACH ROW EXECUTE FUNCTION commerce.audit_change();
INSERT INTO aud_own VALUES (2, 'x');
SELECT commerce.seal_audit(0);
SELECT commerce.seal_audit(NULL);
SELECT commerce.seal_audit(100001);
SELECT commerce.prove_inclusion(NULL);
SELECT commerce.prove_inclusion('00000000-0000-7000-8000-000000000001');
SELECT commerce.prove_consistency(0);
SELECT commerce.prove_consistency(NULL);
SELECT commerce.prove_consistency(1, 1000000000);
SELECT commerce.audit_root(-1);
SELECT commerce.audit_path(-1, 1);
SELECT commerce.audit_path(1, 1);
SELECT commerce.audit_consistency_path(0, 1);
SELECT commerce.audit_consistency_path(1, -1);
SELECT commerce.prune_audit(NULL);
SELECT commerce.prune_audit('infinity');
-- Who watches: administrators. Everybody judges proofs.
SET ROLE commerce_app;
SELECT count(*) FROM commerce.audit_log;
SELECT commerce.verify_audit();
SELECT commerce.seal_audit();
SELECT commerce.write_audit('reveal', '', '', NULL);
SELECT commerce.verify_inclusion('\x00', 0, 1, '\x00', '{}') AS nonsense;
SELECT commerce.verify_consistency(1, '\x00', 1, '\x00', array_fill('\x00'::bytea, ARRAY[100])) AS nonsense, commerce.verify_checkpoint('x', '\x00', '\x00') AS nonsense;
SELECT commerce.record_audit('seen');
RESET ROLE;
ROLLBACK;
