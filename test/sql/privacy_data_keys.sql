-- Rotating data keys: values are sealed anew in every registered column, and a key is deleted when no column of the database
-- holds a value that names it. Needs a server without a background worker.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
DELETE FROM commerce.data_key_rotations;
RESET client_min_messages;
-- Others try what becomes of secrets that are moved.
DELETE FROM commerce.totp t WHERE NOT EXISTS (SELECT FROM commerce.data_keys k WHERE k.subject = t.customer_id AND k.id = commerce.sealed_key(t.secret));

-- What is refused changes nothing.
SELECT commerce.rotate_data_key(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.rotate_data_key('00000000-0000-7000-8000-00000000dead');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.rotate_data_key('00000000-0000-7000-8000-00000000dead', keep => NULL);
SELECT commerce.rotate_data_key('00000000-0000-7000-8000-00000000dead', keep => '-1 second');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.rotate_data_key('00000000-0000-7000-8000-00000000dead', keep => '11 years');
SELECT commerce.rotate_data_keys(NULL);
SELECT commerce.rotate_data_keys('infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.rotate_data_keys(now(), keep => '-1 second');
SELECT commerce.rotate_data_keys_batch(0);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.rotate_data_keys_batch(NULL);
SELECT commerce.rotate_data_keys_batch(100001);
SELECT count(*) FROM commerce.data_key_rotations;
SELECT commerce.rotate_data_keys_batch() AS more;

-- Two customers, and rows of theirs in a partitioned table of the shop's own whose primary key is of two columns.
SELECT commerce.create_customer('data.jane@example.com', 'Jane', '+49 151 1', '{"city": "Berlin"}') AS jane,
    commerce.create_customer('data.bob@example.com', 'Bob') AS bob \gset
CREATE TABLE data_letters (id uuid NOT NULL DEFAULT commerce.uuidv7(), year int NOT NULL, owner uuid, fallback uuid, letter commerce.sealed('letter'),
    town commerce.sealed, PRIMARY KEY (year, id)) PARTITION BY LIST (year);
CREATE TABLE data_letters_1 PARTITION OF data_letters FOR VALUES IN (1);
CREATE TABLE data_letters_2 PARTITION OF data_letters FOR VALUES IN (2);
INSERT INTO data_letters (id, year, owner, fallback, letter, town)
    SELECT i, 1 + n % 2, CASE WHEN n <= 8 THEN o END, o, commerce.seal('letter ' || n, 'letter', o, i), commerce.seal('town ' || n, 'town', o)
    FROM (SELECT commerce.uuidv7() AS i, n, CASE WHEN n % 3 = 0 THEN :'bob' ELSE :'jane' END::uuid AS o FROM generate_series(1, 12) n) s;
-- A text that is kept out of line, in a table without any key.
CREATE TABLE data_notes (owner uuid, note commerce.sealed);
INSERT INTO data_notes SELECT :'jane', commerce.seal(repeat('long ', 10000), 'note', :'jane');
GRANT SELECT, UPDATE ON data_letters, data_notes TO commerce_owner;
SELECT commerce.register_sealed_column('data_letters', 'letter', '{owner,fallback}', key_column => NULL, row_column => 'id'),
    commerce.register_sealed_column('data_letters', 'town', '{owner,fallback}', key_column => NULL),
    commerce.register_sealed_column('data_notes', 'note', '{owner}', key_column => NULL) \g /dev/null

CREATE PROCEDURE rotate_data_keys_to_the_end(size int DEFAULT 1000) LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz := clock_timestamp() + interval '2 minutes';
BEGIN
    WHILE commerce.rotate_data_keys_batch(size) LOOP
        COMMIT;
        IF clock_timestamp() > until THEN
            RAISE EXCEPTION 'there is no end of it';
        END IF;
    END LOOP;
END
$$;
CREATE VIEW data_opened AS
    SELECT 'letter' AS what, count(*) AS opens FROM data_letters WHERE commerce.reveal(letter, coalesce(owner, fallback), 'test', id) LIKE 'letter %'
    UNION ALL SELECT 'town', count(*) FROM data_letters WHERE commerce.reveal(town, coalesce(owner, fallback), 'test') LIKE 'town %'
    UNION ALL SELECT 'note', count(*) FROM data_notes WHERE commerce.reveal(note, owner, 'test') = repeat('long ', 10000);
SELECT * FROM data_opened;

-- One customer: another key seals at once, and the former opens until all is sealed anew.
SELECT id AS former FROM commerce.data_keys WHERE subject = :'jane' \gset
CREATE TABLE data_before AS SELECT id, letter::text FROM data_letters;
SELECT commerce.rotate_data_key(:'jane', keep => '0') AS rotation \gset
SELECT id = :former AS former, retired_by = :'rotation' AS retired FROM commerce.data_keys WHERE subject = :'jane' ORDER BY 1;
SELECT commerce.sealed_key(commerce.seal('x', 'x', :'jane')) <> :former AS sealed_by_the_new_key,
    commerce.reveal_customer(:'jane', 'test') ->> 'name' AS opens_by_the_former;
SELECT phase, held, retired, deleted FROM commerce.data_key_rotation_progress WHERE "table" = 'commerce.customers'::regclass;
-- However small the batches.
CALL rotate_data_keys_to_the_end(2);
SELECT phase, held, retired, deleted, "table", visited, changed, unreadable, done, per_second > 0 AS rate
FROM commerce.data_key_rotation_progress WHERE rotation = :'rotation' AND changed > 0 ORDER BY "table"::text COLLATE "C";
SELECT count(*) AS keys, count(*) FILTER (WHERE id = :former) AS former FROM commerce.data_keys WHERE subject = :'jane';
SELECT * FROM data_opened;
SELECT commerce.reveal_customer(:'jane', 'test') - 'id' - 'created_at' AS jane, commerce.find_customer('data.jane@example.com') = :'jane' AS found;
SELECT coalesce(l.owner, l.fallback) = :'jane' AS jane, count(*), count(*) FILTER (WHERE l.letter::text <> b.letter) AS anew FROM data_letters l JOIN data_before b USING (id) GROUP BY 1 ORDER BY 1;
-- What was copied before it was sealed anew does not open any more: the key is gone.
SELECT commerce.reveal(b.letter::commerce.sealed, :'jane', 'test', b.id) FROM data_before b WHERE b.letter::commerce.sealed IS NOT NULL LIMIT 1;
\echo :LAST_ERROR_SQLSTATE
SELECT kind, subject = :'rotation' AS subject, detail = jsonb_build_object('subject', :'jane') AS detail FROM commerce.audit_log WHERE kind = 'rotate data keys' AND subject = :'rotation';

-- A column that nobody has registered keeps the key, and is told; so does one that may not be read.
CREATE TABLE data_strays (owner uuid, one commerce.sealed, many commerce.sealed[]);
INSERT INTO data_strays SELECT :'jane', commerce.seal('one', 'stray', :'jane'), ARRAY[commerce.seal('two', 'stray', :'jane'), NULL, commerce.seal('three', 'stray', :'jane')];
SELECT commerce.rotate_data_key(:'jane', keep => '0') AS rotation \gset
CALL rotate_data_keys_to_the_end();
SELECT phase, held, retired, deleted FROM commerce.data_key_rotation_progress WHERE rotation = :'rotation' AND "table" = 'data_notes'::regclass;
SELECT "table", "column", values, problem FROM commerce.data_key_obstacles WHERE rotation = :'rotation' ORDER BY 2;
GRANT SELECT, UPDATE ON data_strays TO commerce_owner;
CALL rotate_data_keys_to_the_end();
SELECT "table", "column", values, problem FROM commerce.data_key_obstacles WHERE rotation = :'rotation' ORDER BY 2;
SELECT commerce.reveal(one, owner, 'test') AS one, commerce.reveal(many[3], owner, 'test') AS three FROM data_strays;
-- Registered, it is sealed anew; what cannot be registered has to be emptied. A wrong registration loses nothing.
SELECT commerce.register_sealed_column('data_strays', 'one', '{owner}', key_column => NULL, row_column => 'owner');
UPDATE data_strays SET many = NULL;
CALL rotate_data_keys_to_the_end();
SELECT "table", "column", values, problem FROM commerce.data_key_obstacles WHERE rotation = :'rotation' ORDER BY 2;
SELECT unreadable, changed FROM commerce.data_key_rotation_progress WHERE rotation = :'rotation' AND "table" = 'data_strays'::regclass;
SELECT commerce.register_sealed_column('data_strays', 'one', '{owner}', key_column => NULL);
CALL rotate_data_keys_to_the_end();
SELECT phase, held, retired, deleted, unreadable, changed FROM commerce.data_key_rotation_progress WHERE rotation = :'rotation' AND "table" = 'data_strays'::regclass;
SELECT "table", "column", values, problem FROM commerce.data_key_obstacles WHERE rotation = :'rotation' ORDER BY 2;
SELECT commerce.reveal(one, owner, 'test') AS one FROM data_strays;
SELECT count(*) AS keys FROM commerce.data_keys WHERE subject = :'jane';

-- A value that stands in another subject's row does not open there, and is not lost all the same.
UPDATE data_notes SET owner = :'bob';
SELECT commerce.rotate_data_key(:'jane', keep => '0') AS rotation \gset
CALL rotate_data_keys_to_the_end();
SELECT "table", "column", values, problem FROM commerce.data_key_obstacles WHERE rotation = :'rotation';
UPDATE data_notes SET owner = :'jane';
CALL rotate_data_keys_to_the_end();
SELECT phase, retired, deleted FROM commerce.data_key_rotation_progress WHERE rotation = :'rotation' AND "table" = 'data_notes'::regclass;

-- What cannot be looked at, whatever it is, may need any key.
CREATE DOMAIN data_many AS commerce.sealed[];
ALTER TABLE data_strays ADD deep data_many[];
SELECT commerce.rotate_data_key(:'jane', keep => '0') AS rotation \gset
CALL rotate_data_keys_to_the_end();
SELECT "table", "column", values, problem FROM commerce.data_key_obstacles WHERE rotation = :'rotation';
ALTER TABLE data_strays DROP deep;
DROP DOMAIN data_many;
CALL rotate_data_keys_to_the_end();
SELECT phase, retired, deleted FROM commerce.data_key_rotation_progress WHERE rotation = :'rotation' AND "table" = 'data_notes'::regclass;

-- A table that does not let its rows be changed, and one that hides some.
CREATE FUNCTION data_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'letters stay as they are'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON data_notes FOR EACH ROW EXECUTE FUNCTION data_refuse();
ALTER TABLE data_strays ENABLE ROW LEVEL SECURITY;
SELECT commerce.rotate_data_key(:'jane', keep => '0') AS rotation \gset
CALL rotate_data_keys_to_the_end();
SELECT "table", "column", values, problem FROM commerce.data_key_obstacles WHERE rotation = :'rotation' ORDER BY 1::text;
SELECT * FROM data_opened;
ALTER TABLE data_strays DISABLE ROW LEVEL SECURITY;
CALL rotate_data_keys_to_the_end();
SELECT "table", "column", values, problem FROM commerce.data_key_obstacles WHERE rotation = :'rotation' ORDER BY 1::text;
DROP TRIGGER refuse ON data_notes;
CALL rotate_data_keys_to_the_end();
SELECT phase, retired, deleted FROM commerce.data_key_rotation_progress WHERE rotation = :'rotation' AND "table" = 'data_notes'::regclass;
SELECT * FROM data_opened;

-- A retired key is kept as long as it was said, for values that are sealed and not stored yet.
SELECT commerce.seal('late', 'note', :'jane') AS late \gset
SELECT commerce.rotate_data_key(:'jane') AS rotation \gset
CALL rotate_data_keys_to_the_end();
SELECT phase, held, deleted FROM commerce.data_key_rotation_progress WHERE rotation = :'rotation' AND "table" = 'data_notes'::regclass;
INSERT INTO data_notes VALUES (:'jane', :'late');
-- (A dump that was restored in the middle counts transactions otherwise.)
UPDATE commerce.data_key_rotations SET delete_after = now(), next_at = now(), settles_at = '999999999999' WHERE id = :'rotation';
CALL rotate_data_keys_to_the_end();
SELECT phase, held, deleted, pass, changed FROM commerce.data_key_rotation_progress WHERE rotation = :'rotation' AND "table" = 'data_notes'::regclass;
SELECT commerce.reveal(note, owner, 'test') AS late FROM data_notes WHERE octet_length(note::text) < 1000;
DELETE FROM data_notes WHERE octet_length(note::text) < 1000;

-- All keys that were made before a time; one such rotation at a time, beside those of single customers.
SELECT commerce.create_customer('data.late@example.com', 'Late') AS late \gset
UPDATE commerce.data_keys SET created_at = now() - interval '2 years' WHERE subject <> :'late';
SELECT commerce.rotate_data_keys(now() - interval '1 year', keep => '0') AS rotation \gset
\set VERBOSITY terse
SELECT commerce.rotate_data_keys(now());
\set VERBOSITY default
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.rotate_data_key(:'jane', keep => '0') IS NOT NULL AS another;
CALL rotate_data_keys_to_the_end(200);
SELECT phase, held, retired = deleted AS all_deleted, made_before < now() AS of_all FROM commerce.data_key_rotation_progress
WHERE rotation = :'rotation' AND "table" = 'data_notes'::regclass;
SELECT "table", "column", values, problem FROM commerce.data_key_obstacles WHERE rotation = :'rotation' ORDER BY 1::text;
SELECT count(*) FILTER (WHERE created_at < now() - interval '1 year') AS old, count(*) FILTER (WHERE retired_by IS NOT NULL) AS retired,
    count(*) FILTER (WHERE subject = :'late') AS late FROM commerce.data_keys;
SELECT * FROM data_opened;
SELECT commerce.reveal_customer(c.id, 'test') ->> 'name' AS name FROM commerce.customers c WHERE c.id IN (:'jane', :'bob', :'late') ORDER BY 1;

-- By their age, as shop.data_key_age says, they are rotated where retention is swept.
\set VERBOSITY terse
UPDATE commerce.shop SET data_key_age = '-1 day';
\set VERBOSITY default
\echo :LAST_ERROR_SQLSTATE
UPDATE commerce.shop SET data_key_age = '1 year';
SELECT commerce.rotate_old_data_keys() AS none_is_old;
UPDATE commerce.data_keys SET created_at = now() - interval '2 years' WHERE subject = :'bob';
SELECT commerce.sweep_retention() IS NOT NULL AS swept;
SELECT commerce.rotate_old_data_keys() AS under_way;
SELECT made_before < now() AS of_all, delete_after - started_at < '61 minutes' AS kept FROM commerce.data_key_rotations WHERE finished_at IS NULL;
UPDATE commerce.data_key_rotations SET delete_after = now() WHERE finished_at IS NULL;
CALL rotate_data_keys_to_the_end();
SELECT phase, retired, deleted FROM commerce.data_key_rotation_progress WHERE "table" = 'data_letters'::regclass ORDER BY started_at DESC LIMIT 1;
UPDATE commerce.shop SET data_key_age = NULL;

-- Who is erased has no key to rotate; and what is erased in the middle of a rotation is no obstacle.
SELECT commerce.rotate_data_key(:'jane', keep => '0') AS rotation \gset
SELECT commerce.erase_customer(:'jane') -> 'keys' AS keys;
CALL rotate_data_keys_to_the_end();
SELECT phase, held, deleted FROM commerce.data_key_rotation_progress WHERE rotation = :'rotation' AND "table" = 'data_notes'::regclass;
\set VERBOSITY terse
SELECT commerce.rotate_data_key(:'jane');
\set VERBOSITY default
\echo :LAST_ERROR_SQLSTATE

-- Keys of a rotation that somebody has deleted in the middle go with the next.
SELECT commerce.rotate_data_key(:'bob', keep => '0') AS rotation \gset
DELETE FROM commerce.data_key_rotations WHERE id = :'rotation';
SELECT commerce.rotate_data_key(:'bob', keep => '0') AS rotation \gset
CALL rotate_data_keys_to_the_end();
SELECT phase, retired, deleted FROM commerce.data_key_rotation_progress WHERE rotation = :'rotation' AND "table" = 'data_notes'::regclass;
SELECT count(*) AS keys FROM commerce.data_keys WHERE subject = :'bob';

-- A table that is gone is no obstacle.
SELECT commerce.rotate_data_key(:'bob', keep => '0') AS rotation \gset
DROP TABLE data_strays;
CALL rotate_data_keys_to_the_end();
SELECT commerce.reveal_customer(:'bob', 'test') ->> 'name' AS name;
DELETE FROM commerce.sealed_columns c WHERE NOT EXISTS (SELECT FROM pg_class t WHERE t.oid = c."table");

-- Administrators rotate; the shop's application does not, and nobody seals anew by hand.
SET ROLE commerce_app;
SELECT commerce.rotate_data_key('00000000-0000-7000-8000-00000000dead');
SELECT commerce.rotate_data_keys(now());
SELECT commerce.rotate_data_keys_batch();
SELECT commerce.resealed(NULL, NULL, NULL);
SELECT * FROM commerce.new_data_key('00000000-0000-7000-8000-00000000dead');
SELECT FROM commerce.data_key_rotations;
SET ROLE commerce_reader;
SELECT count(*) > 0 AS progress FROM commerce.data_key_rotation_progress;
SELECT count(*) AS obstacles FROM commerce.data_key_obstacles;
RESET ROLE;

DELETE FROM commerce.sealed_columns WHERE "table" IN ('data_letters'::regclass, 'data_notes'::regclass);
DROP VIEW data_opened;
DROP TABLE data_letters, data_notes, data_before;
DROP FUNCTION data_refuse;
DROP PROCEDURE rotate_data_keys_to_the_end;
DELETE FROM commerce.data_key_rotations;
