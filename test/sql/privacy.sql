-- Type sealed and the four functions on it. Needs a server whose commerce.key_file names a key.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
\set anna '''00000000-0000-7000-8000-0000000000a1'''
\set bert '''00000000-0000-7000-8000-0000000000b2'''

-- What was sealed is revealed, at every size and in every script.
SELECT commerce.reveal(commerce.seal('jane@example.com', 'email', :anna), :anna, 'test');
SELECT commerce.reveal(commerce.seal('', 'notes', :anna), :anna, 'test') = '' AS empty;
SELECT commerce.reveal(commerce.seal('Žluťoučký kůň 馬 🐎', 'notes', :anna), :anna, 'test');
SELECT count(*) AS lengths, bool_and(commerce.reveal(commerce.seal(repeat('x', n), 'notes', :anna), :anna, 'test') = repeat('x', n)) AS all_open
FROM generate_series(0, 600, 7) AS n;
SELECT n, octet_length(commerce.sealed_send(commerce.seal(repeat('x', n), 'notes', :anna))) AS size
FROM unnest(ARRAY[0, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256]) AS n;
SELECT commerce.seal('same', 'notes', :anna)::text <> commerce.seal('same', 'notes', :anna)::text AS seals_differ;
SELECT commerce.seal(NULL, 'notes', :anna) IS NULL AND commerce.reveal(NULL, :anna, 'test') IS NULL
    AND commerce.mask(NULL, :anna) IS NULL AND commerce.blind(NULL, 'email') IS NULL AS nulls_stay_null;
SELECT count(*) AS data_keys FROM commerce.data_keys WHERE subject = :anna;

-- One text for every failure to open.
SELECT commerce.seal('secret', 'notes', :anna) AS sealed, commerce.seal('other', 'notes', :bert) AS berts \gset
SELECT commerce.reveal(:'sealed', :bert, 'wrong subject');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.reveal(:'sealed', '00000000-0000-7000-8000-0000000000ff', 'a subject without a key');
SELECT commerce.mask(:'sealed', :bert);
SELECT commerce.reveal(overlay(:'sealed' PLACING CASE substr(:'sealed', 90, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM 90)::commerce.sealed, :anna, 'tampered');
BEGIN;
UPDATE commerce.shop SET installation = gen_random_uuid();
SELECT commerce.reveal(:'sealed', :anna, 'another installation');
ROLLBACK;
BEGIN;
UPDATE commerce.data_keys SET wrapped = set_byte(wrapped, 40, (get_byte(wrapped, 40) + 1) % 256) WHERE subject = :anna;
SELECT commerce.reveal(:'sealed', :anna, 'another data key');
ROLLBACK;
BEGIN;
UPDATE commerce.data_keys SET epoch = 999 WHERE subject = :anna;
SELECT commerce.reveal(:'sealed', :anna, 'an epoch that is gone');
ROLLBACK;
SELECT commerce.reveal(:'sealed', :anna, 'still there');

-- A key that is gone is gone at once, also for a session that has just used it and for an old snapshot.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT commerce.reveal(:'sealed', :anna, 'before');
DELETE FROM commerce.data_keys WHERE subject = :anna;
SAVEPOINT deleted;
SELECT commerce.reveal(:'sealed', :anna, 'after');
ROLLBACK TO deleted;
SELECT commerce.reveal(commerce.seal('new life', 'notes', :anna), :anna, 'a new key');
SELECT commerce.reveal(:'sealed', :anna, 'the new key is not the old one');
ROLLBACK;
SELECT commerce.reveal(:'sealed', :anna, 'rolled back');

-- Beside a parallel plan the leader still reveals.
CREATE TABLE privacy_rows AS SELECT n FROM generate_series(1, 1000) AS n;
ANALYZE privacy_rows;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT commerce.reveal(:'sealed', :anna, 'report'), count(*) FROM privacy_rows WHERE n > 0;
SELECT count(commerce.mask(:'sealed', :anna)) FROM (SELECT n FROM privacy_rows WHERE n % 2 = 0) AS even;
COMMIT;
DROP TABLE privacy_rows;

-- Purpose and field must say something.
SELECT commerce.reveal(:'sealed', :anna, '');
SELECT commerce.reveal(:'sealed', :anna, '   ');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.seal('x', '', :anna);
SELECT commerce.blind('x', '');
SELECT commerce.seal(repeat('x', 16 * 1024 * 1024 + 1), 'notes', :anna);
\echo :LAST_ERROR_SQLSTATE

-- Masks.
SELECT commerce.mask(commerce.seal(value, 'any', :anna), :anna)
FROM unnest(ARRAY['john@example.com', 'John Smith', '', 'Örjan', 'ö@ä.se']) WITH ORDINALITY AS v(value, n) ORDER BY n;

-- Blind values: what means the same is the same.
SELECT octet_length(commerce.blind('jane@example.com', 'email')) AS bytes;
SELECT a, b, field, commerce.blind(a, field) = commerce.blind(b, field) AS same
FROM (VALUES
    ('jane@example.com', ' Jane@EXAMPLE.com ', 'email'),
    ('jane@example.com', E'\tjane@example.com\n', 'email'),
    ('ｊａｎｅ@example.com', 'jane@example.com', 'email'),
    ('ÅSA@EXAMPLE.SE', E'a\u030Asa@example.se', 'email'),
    ('x@bücher.example', 'X@xn--bcher-kva.example', 'email'),
    ('x@BÜCHER.example', 'x@bücher.example', 'email'),
    ('j.ane@example.com', 'jane@example.com', 'email'),
    ('jane+shop@example.com', 'jane@example.com', 'email'),
    ('straße@example.com', 'strasse@example.com', 'email'),
    ('+49 151 / 123-456', '+49151123456', 'phone'),
    ('0049 151 123456', '+49 (151) 123456', 'phone'),
    ('0151 123456', '+49 151 123456', 'phone'),
    ('Jane', ' Jane', 'name'),
    ('Jane', 'jane', 'name')) AS v(a, b, field);
SELECT commerce.blind('x', 'email') <> commerce.blind('x', 'name') AS fields_differ;
SELECT commerce.blind('  ', 'name');
SELECT commerce.blind('none', 'phone');
-- What is longer than an address or a number can be written is none: accents heaped on one letter would take minutes.
SELECT commerce.blind('a' || repeat(U&'\0301\0316', 600) || '@example.com', 'email');
SELECT commerce.blind(repeat('1', 2049), 'phone');
SELECT commerce.find_customer('a' || repeat(U&'\0301\0316', 1000000) || '@example.com') IS NULL AS nobody;
SELECT commerce.blind(repeat(' ', 3000) || 'Jane@example.com' || repeat(E'\t', 3000), 'email') = commerce.blind('jane@example.com', 'email') AS same;

-- The type takes sealed values alone, and never repeats what it refuses.
SELECT :'sealed'::commerce.sealed::text = :'sealed' AS same_text;
SELECT value::commerce.sealed FROM (VALUES ('jane@example.com')) AS v(value);
\echo :LAST_ERROR_SQLSTATE
DO $$
DECLARE
    sealed text := commerce.seal('x', 'notes', '00000000-0000-7000-8000-0000000000a1')::text;
    bad text;
    taken int := 0;
BEGIN
    FOREACH bad IN ARRAY ARRAY['', 'sealed', 'sealed:1:', 'sealed:2:' || substr(sealed, 10), ' ' || sealed, sealed || ' ', sealed || '=',
        sealed || 'A', left(sealed, -1), left(sealed, -4), replace(sealed, 'sealed:1:AQ', 'sealed:1:AA'), replace(sealed, 'sealed:1:AQE', 'sealed:1:AQI'),
        upper(sealed), 'sealed:1:' || repeat('A', 300), overlay(sealed PLACING 'é' FROM 60 FOR 2), overlay(sealed PLACING '€' FROM 60 FOR 3),
        overlay(sealed PLACING U&'\00C1' FROM 60 FOR 2), overlay(sealed PLACING U&'\+01F600' FROM 60 FOR 4)]
    LOOP
        BEGIN
            PERFORM bad::commerce.sealed;
            RAISE WARNING 'taken: %', bad;
        EXCEPTION WHEN invalid_text_representation THEN
            taken := taken + 1;
        END;
    END LOOP;
    RAISE NOTICE '% refused', taken;
END
$$;

-- Tables: text and binary form carry values without a key, and ciphertext is not compressed.
CREATE TABLE privacy_values (id int, v commerce.sealed);
INSERT INTO privacy_values VALUES (1, :'sealed'), (2, NULL), (3, commerce.seal(repeat('long ', 4000), 'notes', :anna));
SELECT id, length(commerce.reveal(v, :anna, 'test')), pg_column_size(v) FROM privacy_values ORDER BY id;
CREATE TABLE privacy_restored (LIKE privacy_values);
INSERT INTO privacy_restored SELECT id, v::text::commerce.sealed FROM privacy_values;
SELECT bool_and(commerce.sealed_send(a.v) IS NOT DISTINCT FROM commerce.sealed_send(b.v)) AS identical
FROM privacy_values a JOIN privacy_restored b USING (id);
SELECT * FROM privacy_values ORDER BY v;
SELECT a.v = a.v FROM privacy_values a;
CREATE INDEX ON privacy_values (v);
ALTER TABLE privacy_values ADD CHECK (id < 4);
DROP TABLE privacy_values, privacy_restored;

-- Who may do what.
SELECT r.role, has_function_privilege(r.role, f.name, 'EXECUTE') AS may, f.name
FROM (VALUES ('commerce_reader'), ('commerce_app'), ('commerce_pii_reader'), ('commerce_admin'), ('commerce_owner')) AS r(role),
    (VALUES ('commerce.seal(text,text,uuid,uuid)'), ('commerce.mask(commerce.sealed,uuid,uuid)'), ('commerce.blind(text,text,integer,text,text)'),
        ('commerce.blinds(text,text,integer,text,text)'), ('commerce.reveal(commerce.sealed,uuid,text,uuid)'), ('commerce.reveal_customer(uuid,text)')) AS f(name)
ORDER BY f.name, r.role;
SET ROLE commerce_app;
SELECT commerce.mask(commerce.seal('john@example.com', 'email', :anna), :anna);
SELECT commerce.reveal(:'sealed', :anna, 'curiosity');
SELECT wrapped FROM commerce.data_keys;
SET ROLE commerce_pii_reader;
SELECT commerce.reveal(:'sealed', :anna, 'support call');
SELECT commerce.seal('x', 'notes', :anna);
RESET ROLE;

-- Labels that must not be wrong.
SELECT proname, provolatile, proparallel, proisstrict, proleakproof FROM pg_proc
WHERE pronamespace = 'commerce'::regnamespace AND proname IN ('seal', 'reveal', 'mask', 'blind', 'blinds', 'find_customer', 'create_customer', 'reveal_customer')
ORDER BY proname;
SELECT typstorage, typlen FROM pg_type WHERE oid = 'commerce.sealed'::regtype;
SELECT count(*) AS operators FROM pg_operator WHERE 'commerce.sealed'::regtype IN (oprleft, oprright);
