-- Columns of one field, values of one row, truncated blind values, telephone numbers. Needs a server with a key.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
\set anna '''00000000-0000-7000-8000-0000000000a1'''
\set bert '''00000000-0000-7000-8000-0000000000b2'''
\set row1 '''00000000-0000-7000-8000-000000000001'''
\set row2 '''00000000-0000-7000-8000-000000000002'''

-- A column of one field prints as it was written, or as the field's id, which reads back.
CREATE TABLE fields (id int PRIMARY KEY, email commerce.sealed('email'), phone commerce.sealed('phone'),
    own commerce.sealed('My Own Field'), ids commerce.sealed('#0a1b2c3d'), anything commerce.sealed);
SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'fields'::regclass AND attnum > 0 ORDER BY attnum;
SELECT format_type(atttypid, atttypmod) AS own FROM pg_attribute WHERE attrelid = 'fields'::regclass AND attname = 'own' \gset
CREATE TEMP TABLE again (own :own);
SELECT a.atttypmod = b.atttypmod AS same FROM pg_attribute a, pg_attribute b
WHERE a.attrelid = 'fields'::regclass AND a.attname = 'own' AND b.attrelid = 'again'::regclass AND b.attname = 'own';
CREATE TABLE bad (v commerce.sealed(''));
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE bad (v commerce.sealed('a', 'b'));
CREATE TABLE bad (v commerce.sealed('#0a1b2c3'));
CREATE TABLE bad (v commerce.sealed('#8a1b2c3d'));
CREATE TABLE bad (v commerce.sealed('#0a1b2c3x'));
SELECT commerce.sealed_typmod_in('{{a},{b}}');
SELECT commerce.sealed_typmod_in('{a,NULL}');
SELECT commerce.sealed_typmod_out(-1)::text = '' AS none;

-- It takes values of its field, however they come, and no others.
SELECT commerce.seal('a@example.com', 'email', :anna) AS email, commerce.seal('0151', 'phone', :anna) AS phone,
    commerce.seal('x', 'My Own Field', :anna) AS own \gset
INSERT INTO fields VALUES (1, :'email', :'phone', :'own', NULL, :'own');
INSERT INTO fields (id, email) VALUES (2, :'phone');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO fields (id, own) VALUES (2, :'phone');
UPDATE fields SET email = phone;
UPDATE fields SET email = anything;
UPDATE fields SET anything = phone;
UPDATE fields SET phone = anything;
SELECT :'email'::commerce.sealed('phone');
SELECT commerce.seal('x', 'email', :anna)::commerce.sealed('phone');
PREPARE put (commerce.sealed) AS UPDATE fields SET email = $1;
EXECUTE put (:'phone');
EXECUTE put (:'email');
EXECUTE put (NULL);
UPDATE fields SET email = :'email';
SELECT current_setting('data_directory') || '/privacy_fields' AS path \gset
COPY (SELECT 3, phone, email FROM fields) TO :'path';
COPY fields (id, email, phone) FROM :'path';
COPY (SELECT 3, phone, email FROM fields) TO :'path' (FORMAT binary);
COPY fields (id, email, phone) FROM :'path' (FORMAT binary);
COPY fields (id, phone, email) FROM :'path' (FORMAT binary);
SELECT id, commerce.reveal(email, :anna, 'test') AS email, commerce.reveal(phone, :anna, 'test') AS phone FROM fields ORDER BY id;
ALTER TABLE fields ALTER COLUMN anything TYPE commerce.sealed('email');
ALTER TABLE fields ALTER COLUMN anything TYPE commerce.sealed('phone');
ALTER TABLE fields ALTER COLUMN phone TYPE commerce.sealed;
COPY (SELECT) TO PROGRAM 'cat > /dev/null; rm -f privacy_fields';
DROP TABLE fields;

-- A value of one row opens as that row's, and a value of none as no row's.
SELECT commerce.seal('one', 'notes', :anna, :row1) AS one, commerce.seal('none', 'notes', :anna) AS none \gset
SELECT commerce.reveal(:'one', :anna, 'test', :row1) AS one, commerce.reveal(:'none', :anna, 'test') AS none,
    commerce.mask(:'one', :anna, :row1) AS masked;
SELECT commerce.reveal(:'one', :anna, 'test', :row2);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.reveal(:'one', :anna, 'test');
SELECT commerce.reveal(:'none', :anna, 'test', :row1);
SELECT commerce.mask(:'one', :anna);
SELECT commerce.seal(plaintext => 'x', field => 'notes', subject => NULL, row_id => :row1) IS NULL
    AND commerce.seal('x', NULL, :anna) IS NULL AND commerce.reveal(:'one', NULL, 'test', :row1) IS NULL
    AND commerce.reveal(:'one', :anna, NULL, :row1) IS NULL AND commerce.mask(:'one', NULL) IS NULL AS nulls_stay_null;

-- Several values at once, in their order, for one entry in the audit log; all of them open, or none.
SELECT clock_timestamp() AS since \gset
SELECT commerce.reveal_fields(ARRAY[:'one', NULL, commerce.seal('a@x.example', 'email', :anna, :row1)]::commerce.sealed[], :anna, 'test', :row1) AS revealed,
    commerce.reveal_fields(ARRAY[ARRAY[:'none'], ARRAY[:'none']]::commerce.sealed[], :anna, 'test') AS two_dimensions,
    commerce.reveal_fields('{}', :anna, 'test') AS none, commerce.reveal_fields('{NULL}', :anna, 'test') AS of_null,
    commerce.reveal_fields(NULL, :anna, 'test') AS nothing, commerce.reveal_fields('{}', NULL, 'test') AS nobodys;
SELECT subject = :anna AS subject, detail FROM commerce.audit_log WHERE kind = 'reveal' AND at >= :'since' ORDER BY id;
SELECT commerce.reveal_fields(ARRAY[:'one', :'none']::commerce.sealed[], :anna, 'test', :row1);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.reveal_fields(ARRAY[:'one']::commerce.sealed[], :anna, ' ', :row1);
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) AS entries FROM commerce.audit_log WHERE kind = 'reveal' AND at >= :'since';
SET ROLE commerce_app;
SELECT commerce.reveal_fields('{}', :anna, 'test');
SET ROLE commerce_owner;
SELECT commerce.reveal_fields('{}', :anna, 'test');
RESET ROLE;

-- Every swap of subject, row and field is refused, in the same words; what belongs together opens.
CREATE TABLE swaps AS
SELECT s.subject, r.row_id, f.field, commerce.seal('x', f.field, s.subject, r.row_id) AS value
FROM (VALUES (:anna::uuid), (:bert)) s (subject), (VALUES (:row1::uuid), (:row2), (NULL)) r (row_id), (VALUES ('email'), ('phone')) f (field);
CREATE FUNCTION attempt(value commerce.sealed, subject uuid, row_id uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN commerce.reveal(value, subject, 'test', row_id);
EXCEPTION WHEN SQLSTATE 'CM040' THEN
    RETURN SQLERRM;
END
$$;
SELECT v.subject = p.subject AS same_subject, v.row_id IS NOT DISTINCT FROM p.row_id AS same_row, attempt(v.value, p.subject, p.row_id) AS result, count(*)
FROM swaps v, (SELECT DISTINCT subject, row_id FROM swaps) p GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
DROP TABLE swaps;

-- Every bit flip and every truncation of the bytes is refused: as no sealed value, as a later version's, or as unreadable.
CREATE FUNCTION damage(value bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    armour text := 'sealed:1:' || rtrim(translate(encode(value, 'base64'), E'+/\n', '-_'), '=');
BEGIN
    RETURN 'opened: ' || commerce.reveal(armour::commerce.sealed, '00000000-0000-7000-8000-0000000000a1', 'test');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT damage(commerce.sealed_send(:'none'));
SELECT result, count(*) FROM (
    SELECT damage(set_bit(v.value, bit, 1 - get_bit(v.value, bit))) AS result
    FROM (SELECT commerce.sealed_send(commerce.seal(repeat('x', n), 'notes', :anna)) AS value FROM unnest(ARRAY[0, 31, 100]) n) v,
        generate_series(0, octet_length(v.value) * 8 - 1) AS bit) d
GROUP BY 1 ORDER BY 1;
SELECT left(result, 5) AS state, count(*) FROM (
    SELECT damage(substr(v.value, 1, size)) AS result
    FROM (SELECT commerce.sealed_send(commerce.seal(repeat('x', n), 'notes', :anna)) AS value FROM unnest(ARRAY[0, 31, 100, 256]) n) v,
        generate_series(0, octet_length(v.value) - 1) AS size) d
GROUP BY 1 ORDER BY 1;

-- A value that a later version has sealed is told from one that is none.
SELECT damage(overlay(commerce.sealed_send(:'none') PLACING '\x02' FROM 1));
SELECT damage('\x' || repeat('41', 72)::bytea);

-- Texts that cannot be sealed: no gigabyte is copied before it is refused, and no text is repeated.
SELECT commerce.seal(repeat('x', 1000000000), 'notes', :anna);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.blind(repeat('x', 100000000), 'notes');
SELECT commerce.seal(convert_from('\x73656372c328', 'UTF8'), 'notes', :anna);
\echo :LAST_ERROR_SQLSTATE

-- Fewer bits are the first of the many; what is beyond them is zero.
SELECT bits, octet_length(commerce.blind('Berlin', 'city', bits)) AS bytes,
    substr(commerce.blind('Berlin', 'city')::text, 1, 2 + bits / 4) = substr(commerce.blind('Berlin', 'city', bits)::text, 1, 2 + bits / 4) AS same
FROM unnest(ARRAY[4, 8, 12, 16, 64, 120, 128]) AS bits;
SELECT count(DISTINCT commerce.blind(n::text, 'city', 1)) AS of_1, count(DISTINCT commerce.blind(n::text, 'city', 3)) AS of_3,
    count(DISTINCT commerce.blind(n::text, 'city', 9)) BETWEEN 400 AND 512 AS of_9, bool_and(get_byte(commerce.blind(n::text, 'city', 3), 0) % 32 = 0) AS zeros
FROM generate_series(1, 1000) AS n;
SELECT commerce.blind('x', 'city', 0);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.blind('x', 'city', 129);
SELECT commerce.blind('x', 'city', -8);
SELECT commerce.blind('x', 'city', NULL) IS NULL AND commerce.blind('x', NULL) IS NULL AND commerce.blinds(NULL, 'city') IS NULL AS nulls_stay_null;
SELECT commerce.blinds('Berlin', 'city', 12) = ARRAY[commerce.blind('Berlin', 'city', 12)] AS one;

-- A search by few bits goes through the index and finds more than is meant; opening sorts that out.
CREATE TABLE cities (id int PRIMARY KEY, person uuid NOT NULL DEFAULT commerce.uuidv7(), city commerce.sealed('city'), city_blind bytea);
INSERT INTO cities (id, city_blind, person) SELECT n, commerce.blind('city ' || n % 100, 'city', 3), :anna FROM generate_series(1, 2000) AS n;
UPDATE cities SET city = commerce.seal('city ' || id % 100, 'city', person);
CREATE INDEX ON cities (city_blind);
ALTER TABLE cities ALTER COLUMN city SET STATISTICS 0, ALTER COLUMN city_blind SET STATISTICS 0;
ANALYZE cities;
SELECT count(*) AS statistics FROM pg_stats WHERE tablename = 'cities' AND attname LIKE 'city%';
BEGIN;
SET LOCAL enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM cities WHERE city_blind = ANY (commerce.blinds('city 7', 'city', 3));
-- In a sub-select a prepared statement goes on with one plan.
PREPARE within(text) AS SELECT count(*) FROM cities WHERE city_blind = ANY ((SELECT commerce.blinds($1, 'city', 3))::bytea[]);
DO $$
BEGIN
    FOR i IN 1..7 LOOP
        EXECUTE format('EXECUTE within(%L)', 'city ' || i);
    END LOOP;
END
$$;
SELECT generic_plans > 0 AS one_plan FROM pg_prepared_statements WHERE name = 'within';
DEALLOCATE within;
COMMIT;
SELECT count(*) > 20 AS found_more, count(*) FILTER (WHERE commerce.reveal(city, person, 'test') = 'city 7') AS meant
FROM cities WHERE city_blind = ANY (commerce.blinds('city 7', 'city', 3));
DROP TABLE cities;

-- Normalisers by name, for fields of any name.
SELECT a, b, normaliser, country, commerce.blind(a, 'work', normaliser => normaliser, country => country) = commerce.blind(b, 'work', normaliser => normaliser) AS same
FROM (VALUES ('Jane@BÜCHER.example', 'jane@xn--bcher-kva.example', 'email', NULL), ('0151 / 123456', '+49151123456', 'phone', 'DE'),
    ('(0)151 123456', '0049151123456', 'phone', 'DE'), ('202-555-0143', '+1 202 555 0143', 'phone', 'US'), ('0151 123456', '+49151123456', 'phone', 'AT'),
    ('0151 123456', '+49151123456', 'phone', NULL), ('Jane ', 'Jane', 'text', NULL), ('Jane ', 'jane', 'text', NULL)) v (a, b, normaliser, country);
SELECT commerce.blind('x', 'work', normaliser => 'soundex');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.blind('0151', 'phone', country => 'Germany');
SELECT commerce.blind('0151', 'phone', country => 'de');
SELECT commerce.blind('0151', 'phone', country => 'ZZ');
SHOW commerce.phone_country;
SET commerce.phone_country = 'DE';

DROP FUNCTION attempt, damage;
