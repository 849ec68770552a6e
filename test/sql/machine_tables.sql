-- State machines on tables of every kind, and what becomes of them when the table changes.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
CREATE SCHEMA tables;
SELECT commerce.create_state_machine('tables-m', '{"initial": "1", "states": ["1", "2", "3"], "transitions": [{"event": "up", "from": "1", "to": "2"}, {"event": "up", "from": "2", "to": "3"}]}');
-- Errors come terse and with their code.
\set VERBOSITY terse

-- Every type that casts to text, the way the cast writes it.
CREATE TYPE tables.en AS ENUM ('1', '2', '3', '4');
CREATE DOMAIN tables.dt AS text CHECK (value <> '');
CREATE DOMAIN tables.de AS tables.en;
CREATE TABLE tables.types (id integer PRIMARY KEY, te text, va varchar(3), fi char(5), na name, si smallint, it integer, bi bigint, nu numeric, en tables.en, dt tables.dt, de tables.de);
SELECT count(commerce.attach_state_machine('tables.types', attname, 'tables-m')::text) FROM pg_attribute WHERE attrelid = 'tables.types'::regclass AND attnum > 1;
INSERT INTO tables.types VALUES (1, '1', '1', '1', '1', 1, 1, 1, 1, '1', '1', '1');
UPDATE tables.types SET te = '2', va = '2', fi = '2', na = '2', si = 2, it = 2, bi = 2, nu = 2, en = '2', dt = '2', de = '2';
SELECT count(*), count(DISTINCT (from_state, to_state, event)) FROM commerce.state_history WHERE relation = 'tables.types';
DO $$
DECLARE
    c text;
BEGIN
    FOREACH c IN ARRAY '{te,va,fi,na,si,it,bi,nu,en,dt,de}'::text[] LOOP
        BEGIN
            EXECUTE format('UPDATE tables.types SET %I = ''1''', c);
            RAISE NOTICE '% is not guarded', c;
        EXCEPTION WHEN SQLSTATE 'CM010' THEN
            NULL;
        END;
    END LOOP;
END
$$;
INSERT INTO tables.types VALUES (2, '1', '1', '1', '1', 1, 1, 1, 1, '4', '1', '1');
UPDATE tables.types SET nu = 2.0;
-- A value long enough to be stored elsewhere.
CREATE TABLE tables.long (id integer PRIMARY KEY, state text);
SELECT commerce.create_state_machine('tables-long', jsonb_build_object('initial', repeat('x', 5000), 'states', jsonb_build_array(repeat('x', 5000), repeat('y', 5000)), 'transitions', jsonb_build_array(jsonb_build_object('event', 'go', 'from', repeat('x', 5000), 'to', repeat('y', 5000)))));
ALTER TABLE tables.long ALTER COLUMN state SET STORAGE EXTERNAL;
SELECT commerce.attach_state_machine('tables.long', 'state', 'tables-long');
INSERT INTO tables.long VALUES (1, repeat('x', 5000));
UPDATE tables.long SET id = 2, state = repeat('x', 5000);
UPDATE tables.long SET state = repeat('y', 5000) RETURNING length(state);

-- Columns whose names are long, and odd.
CREATE TABLE tables.names (id integer PRIMARY KEY, abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi1 text, abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi2 text, "Zustand; DROP 'ü""" text);
SELECT commerce.attach_state_machine('tables.names', attname, 'tables-m'), commerce.attach_state_machine('tables.names', attname, 'tables-m') FROM pg_attribute WHERE attrelid = 'tables.names'::regclass AND attnum > 1;
INSERT INTO tables.names VALUES (1, '1', '1', '1');
UPDATE tables.names SET "Zustand; DROP 'ü""" = '3';
SELECT "column", machine, enabled FROM commerce.attached_state_machines() WHERE "table" = 'tables.names'::regclass;

-- Generated columns have no value yet when triggers run.
CREATE TABLE tables.generated (id integer PRIMARY KEY, n integer, state text GENERATED ALWAYS AS (n::text) STORED);
SELECT commerce.attach_state_machine('tables.generated', 'state', 'tables-m');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.attach_state_machine('tables.generated', 'n', 'tables-m');
INSERT INTO tables.generated VALUES (1, 1);
UPDATE tables.generated SET n = 2 RETURNING state;
UPDATE tables.generated SET n = 1;
CREATE VIEW tables.view AS SELECT * FROM tables.generated;
SELECT commerce.attach_state_machine('tables.view', 'n', 'tables-m');

-- Renames are followed: of the table, of its schema, of the column, of the column in a partition.
CREATE TABLE tables.r (gone integer, id integer PRIMARY KEY, state text);
SELECT commerce.attach_state_machine('tables.r', 'state', 'tables-m');
INSERT INTO tables.r VALUES (0, 1, '1');
ALTER TABLE tables.r DROP COLUMN gone;
ALTER TABLE tables.r RENAME COLUMN state TO status;
ALTER TABLE tables.r ADD COLUMN state text DEFAULT 'free';
ALTER TABLE tables.r RENAME TO renamed;
UPDATE tables.renamed SET status = '3';
UPDATE tables.renamed SET state = 'anything', status = '2' RETURNING *;
SELECT relation, event FROM commerce.state_history WHERE relation LIKE 'tables.r%';
SELECT "column", machine FROM commerce.attached_state_machines() WHERE "table" = 'tables.renamed'::regclass;
-- The new column of the old name gets a machine of its own.
SELECT commerce.attach_state_machine('tables.renamed', 'state', 'tables-m');
UPDATE tables.renamed SET state = '1';
SELECT commerce.attach_state_machine('tables.renamed', 'state', 'tables-m');
UPDATE tables.renamed SET state = '3';
SELECT "column", trigger FROM commerce.attached_state_machines() WHERE "table" = 'tables.renamed'::regclass;
SELECT commerce.detach_state_machine('tables.renamed', 'state');
UPDATE tables.renamed SET state = 'free again' RETURNING *;
SELECT commerce.detach_state_machine('tables.renamed', 'state');
\echo :LAST_ERROR_SQLSTATE
-- A guarded column is neither dropped nor given another type, which would change states unseen.
ALTER TABLE tables.renamed ALTER COLUMN status TYPE varchar USING '3';
ALTER TABLE tables.renamed DROP COLUMN status;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE tables.renamed DROP COLUMN status CASCADE;
INSERT INTO tables.renamed VALUES (2);
\echo :LAST_ERROR_SQLSTATE
SELECT "column", machine FROM commerce.attached_state_machines() WHERE "table" = 'tables.renamed'::regclass;
SELECT commerce.detach_state_machine('tables.renamed', 'state');
INSERT INTO tables.renamed VALUES (2);
-- Without its second trigger the first does not guess.
CREATE TABLE tables.half (id integer PRIMARY KEY, state text);
SELECT commerce.attach_state_machine('tables.half', 'state', 'tables-m');
DROP TRIGGER "~state_machine_state~column" ON tables.half;
INSERT INTO tables.half VALUES (1, '1');
SELECT commerce.attach_state_machine('tables.half', 'state', 'tables-m');
SELECT commerce.detach_state_machine('tables.half', 'state');
INSERT INTO tables.half VALUES (1, 'x');

-- Partitions, with columns in another order, made before and after; moving a row is an UPDATE like any.
CREATE TABLE tables.p (region text, id integer, state text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE tables.p_a (state text, junk integer, id integer NOT NULL, region text NOT NULL);
ALTER TABLE tables.p_a DROP COLUMN junk;
ALTER TABLE tables.p ATTACH PARTITION tables.p_a FOR VALUES IN ('a');
SELECT commerce.attach_state_machine('tables.p', 'state', 'tables-m');
CREATE TABLE tables.p_b PARTITION OF tables.p FOR VALUES IN ('b', 'c') PARTITION BY LIST (region);
CREATE TABLE tables.p_c PARTITION OF tables.p_b FOR VALUES IN ('c');
CREATE TABLE tables.p_d (LIKE tables.p INCLUDING ALL);
ALTER TABLE tables.p ATTACH PARTITION tables.p_d FOR VALUES IN ('d');
SELECT tgrelid::regclass, tgenabled FROM pg_trigger WHERE tgfoid = 'commerce.enforce_state_machine()'::regprocedure AND tgrelid::regclass::text LIKE 'tables.p%' ORDER BY 1;
INSERT INTO tables.p VALUES ('a', 1, '1'), ('c', 1, '1'), ('d', 1, '1');
UPDATE tables.p SET state = '3' WHERE region = 'c';
UPDATE tables.p SET region = 'c', id = 2, state = '2' WHERE region = 'a';
UPDATE tables.p SET region = 'd', id = 3, state = '1' WHERE region = 'c' AND id = 2;
ALTER TABLE tables.p RENAME COLUMN state TO status;
SELECT commerce.state_event('tables.p', '{"region": "c", "id": 2}', 'up');
SELECT commerce.state_event('tables.p_d', '{"region": "d", "id": 1}', 'up');
UPDATE tables.p_d SET status = '1';
SELECT tableoid::regclass, * FROM tables.p ORDER BY region, id;
SELECT relation, subject, item, from_state, to_state FROM commerce.state_history WHERE relation LIKE 'tables.p%' ORDER BY id;
-- A partition on its own again is judged no more: it has lost the trigger.
ALTER TABLE tables.p DETACH PARTITION tables.p_d;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'tables.p_d'::regclass;

-- Children of before are attached with the parent; one of later is not reached through it.
CREATE TABLE tables.parent (id integer PRIMARY KEY, state text);
CREATE TABLE tables.child (extra text) INHERITS (tables.parent);
CREATE TABLE tables.grandchild () INHERITS (tables.child);
SELECT commerce.attach_state_machine('tables.parent', 'state', 'tables-m');
INSERT INTO tables.grandchild VALUES (1, '1');
UPDATE tables.parent SET state = '3';
UPDATE tables.parent SET state = '2';
CREATE TABLE tables.later () INHERITS (tables.parent);
INSERT INTO tables.later VALUES (2, 'x');
UPDATE tables.parent SET state = '3';
\echo :LAST_ERROR_SQLSTATE
UPDATE tables.parent SET id = id;
SELECT commerce.attach_state_machine('tables.later', 'state', 'tables-m');
UPDATE ONLY tables.later SET state = '1';
SELECT commerce.attach_state_machine('tables.later', 'state', 'tables-m');
UPDATE tables.parent SET state = '3';
UPDATE tables.parent SET state = '3' WHERE id = 1;

-- Every other way in.
CREATE TABLE tables.w (id integer PRIMARY KEY, state text, n integer);
SELECT commerce.attach_state_machine('tables.w', 'state', 'tables-m');
COPY tables.w FROM stdin;
1	1	0
2	3	0
\.
COPY tables.w FROM stdin;
3	7	0
\.
COPY tables.w (id) FROM stdin;
3
\.
-- A key that is taken away with the change.
UPDATE tables.w SET id = NULL, state = '2' WHERE id = 1;
UPDATE tables.w SET state = v.state FROM (VALUES (1, '2'), (2, '1')) v (id, state) WHERE w.id = v.id;
UPDATE tables.w SET state = v.state FROM (VALUES (1, '2')) v (id, state) WHERE w.id = v.id RETURNING w.*;
INSERT INTO tables.w VALUES (1, '3') ON CONFLICT (id) DO UPDATE SET state = excluded.state RETURNING *;
INSERT INTO tables.w VALUES (1, '1') ON CONFLICT (id) DO UPDATE SET state = excluded.state;
-- The row that is proposed has to be in a state, too.
INSERT INTO tables.w VALUES (1, 'no state') ON CONFLICT (id) DO UPDATE SET n = 1;
INSERT INTO tables.w VALUES (1, '1') ON CONFLICT (id) DO UPDATE SET n = 1 RETURNING *;
MERGE INTO tables.w USING (VALUES (1, '1'), (5, '1'), (6, 'x')) s (id, state) ON w.id = s.id WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.state);
MERGE INTO tables.w USING (VALUES (1, '1'), (5, '1')) s (id, state) ON w.id = s.id WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.state);
MERGE INTO tables.w USING (VALUES (5, '2')) s (id, state) ON w.id = s.id WHEN MATCHED THEN UPDATE SET state = s.state;
SELECT * FROM tables.w ORDER BY id;
-- A foreign key that sets it, and a trigger that comes afterwards and updates again.
CREATE TABLE tables.states (code text PRIMARY KEY);
INSERT INTO tables.states VALUES ('1'), ('2'), ('3');
ALTER TABLE tables.w ADD FOREIGN KEY (state) REFERENCES tables.states ON UPDATE CASCADE ON DELETE SET NULL;
UPDATE tables.states SET code = '9' WHERE code = '3';
DELETE FROM tables.states WHERE code = '3';
CREATE FUNCTION tables.after() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE tables.w SET state = '1' WHERE id = new.id; RETURN NULL; END $$;
CREATE TRIGGER after AFTER UPDATE ON tables.w FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION tables.after();
UPDATE tables.w SET state = '3' WHERE id = 5;
DROP TRIGGER after ON tables.w;
-- With triggers for replicas alone: the states are judged; guard, history and event belong to where the change comes from.
SELECT count(*) AS before FROM commerce.state_history WHERE relation = 'tables.w' \gset
SET session_replication_role = replica;
UPDATE tables.w SET state = '1' WHERE id = 5;
INSERT INTO tables.w VALUES (7, 'x');
UPDATE tables.w SET state = '3' WHERE id = 5 RETURNING *;
RESET session_replication_role;
SELECT count(*) - :before AS written FROM commerce.state_history WHERE relation = 'tables.w';
SET client_min_messages = warning;
DROP SCHEMA tables CASCADE;
SELECT commerce.drop_state_machine(name) FROM unnest('{tables-m,tables-long,tables-m}'::text[]) name;
