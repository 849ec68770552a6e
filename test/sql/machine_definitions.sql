-- Defining state machines: what is taken, what is refused, and when a change is seen.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
CREATE SCHEMA define;
CREATE TABLE define.t (id integer PRIMARY KEY, state text NOT NULL);
CREATE FUNCTION define.yes("row" jsonb, event text, detail jsonb) RETURNS boolean LANGUAGE sql RETURN true;

-- A guard in a schema that the shop may not use is refused with what to do.
SELECT commerce.create_state_machine('define-form', '{"initial": "a", "states": ["a"], "transitions": [{"event": "go", "from": "a", "to": "a", "guard": "define.yes"}]}');
GRANT USAGE ON SCHEMA define TO commerce_owner;

-- The forms of a definition.
SELECT definition, commerce.create_state_machine('define-form', definition)::text AS ok FROM unnest(ARRAY['{"initial": "a", "states": ["a"]}', '{"initial": "a", "states": ["a"], "transitions": []}',
    '{"initial": "a", "states": ["a", "b"], "transitions": [{"event": "go", "from": "a", "to": "b"}]}', '{"initial": "b", "states": ["a", "b"], "transitions": [{"event": "go", "from": ["a", "b"], "to": "b", "guard": null}]}']::jsonb[]) definition;
SELECT commerce.state_machine_diagram('define-form');

-- What is refused, and leaves the machine as it was.
CREATE FUNCTION pg_temp.refusal(definition jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM commerce.create_state_machine('define-form', definition);
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END
$$;
SELECT definition, pg_temp.refusal(definition) AS refusal FROM unnest(ARRAY['{}', '[]', 'null', '"x"', NULL, '{"initial": "a"}', '{"states": ["a"]}', '{"initial": "b", "states": ["a"]}', '{"initial": "a", "states": "a"}',
    '{"initial": "a", "states": ["a"], "transition": []}', '{"initial": "a", "states": ["a"], "transitions": {}}',
    '{"initial": "a", "states": ["a"], "transitions": [{"event": "go", "from": "a", "to": "z"}]}', '{"initial": "a", "states": ["a"], "transitions": [{"event": "go", "from": "z", "to": "a"}]}',
    '{"initial": "a", "states": ["a"], "transitions": [{"event": "go", "from": "a"}]}', '{"initial": "a", "states": ["a"], "transitions": [{"event": "go", "to": "a"}]}', '{"initial": "a", "states": ["a"], "transitions": [{"from": "a", "to": "a"}]}',
    '{"initial": "a", "states": ["a"], "transitions": [{"event": "", "from": "a", "to": "a"}]}', '{"initial": "a", "states": ["a"], "transitions": [1]}',
    '{"initial": "a", "states": ["a", "b"], "transitions": [{"event": "go", "from": "a", "to": "b"}, {"event": "go", "from": "a", "to": "a"}]}',
    '{"initial": "a", "states": ["a"], "transitions": [{"event": "go", "from": "a", "to": "a", "gaurd": "define.yes"}]}',
    '{"initial": "a", "states": ["a"], "transitions": [{"event": "go", "from": "a", "to": "a", "guard": "define.no_such"}]}',
    '{"initial": "a", "states": ["a"], "transitions": [{"event": "go", "from": "a", "to": "a", "effect": "x; DROP TABLE commerce.stock"}]}',
    '{"initial": "a", "states": ["a"], "transitions": [{"event": "go", "from": "a", "to": "a", "role": "define no such role"}]}', '{"initial": "a", "states": ["a", null]}', '{"initial": "a", "states": [["a"], "a"]}']::jsonb[]) definition;
SELECT commerce.state_machine_diagram('define-form');
SELECT commerce.create_state_machine('', '{"initial": "a", "states": ["a"]}');
SELECT commerce.create_state_machine(NULL, '{"initial": "a", "states": ["a"]}');
SELECT commerce.state_machine_diagram('define-none');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.state_machine_states('define-none');

-- Attaching: the machine, the column and every row have to be there and fit.
SELECT commerce.create_state_machine('define-m', '{"initial": "a", "states": ["a", "b", "c"], "transitions": [{"event": "go", "from": "a", "to": "b"}]}');
INSERT INTO define.t VALUES (1, 'a'), (2, 'z');
\set VERBOSITY terse
SELECT commerce.attach_state_machine('define.t', 'state', 'define-m');
\echo :LAST_ERROR_SQLSTATE
UPDATE define.t SET state = 'a' WHERE id = 2;
CREATE TABLE define.nulls (id integer PRIMARY KEY, state text);
INSERT INTO define.nulls VALUES (1, NULL);
SELECT commerce.attach_state_machine('define.nulls', 'state', 'define-m');
SELECT commerce.attach_state_machine('define.t', 'state', 'define-none');
SELECT commerce.attach_state_machine('define.t', 'no_column', 'define-m');
SET ROLE commerce_admin;
SELECT commerce.attach_state_machine('define.t', 'state', 'define-m');
RESET ROLE;
SELECT commerce.attach_state_machine('define.t', 'state', 'define-m');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'define.t'::regclass;
CREATE TRIGGER "~by hand" AFTER UPDATE ON define.t FOR EACH ROW EXECUTE FUNCTION commerce.enforce_state_machine('define-m', 'state');
UPDATE define.t SET state = 'b' WHERE id = 1;
DROP TRIGGER "~by hand" ON define.t;

-- A new definition holds at once, in the same session and transaction; rolled back, the old one does.
UPDATE define.t SET state = 'c' WHERE id = 1;
SELECT commerce.create_state_machine('define-m', '{"initial": "a", "states": ["a", "b", "c"], "transitions": [{"event": "jump", "from": "a", "to": "c"}]}');
UPDATE define.t SET state = 'b' WHERE id = 1;
UPDATE define.t SET state = 'c' WHERE id = 1 RETURNING state;
BEGIN;
SELECT commerce.create_state_machine('define-m', '{"initial": "a", "states": ["a", "b", "c"], "transitions": [{"event": "back", "from": "c", "to": "a"}]}');
UPDATE define.t SET state = 'a' WHERE id = 1 RETURNING state;
ROLLBACK;
UPDATE define.t SET state = 'a' WHERE id = 1;
BEGIN;
SAVEPOINT s;
SELECT commerce.create_state_machine('define-m', '{"initial": "a", "states": ["a", "b", "c"], "transitions": [{"event": "back", "from": "c", "to": "a"}]}');
UPDATE define.t SET state = 'a' WHERE id = 1 RETURNING state;
ROLLBACK TO s;
UPDATE define.t SET state = 'a' WHERE id = 1;
ROLLBACK;
-- The tables may be edited as tables, too.
UPDATE commerce.transitions SET event = 'leap', to_state = 'b' WHERE machine = 'define-m';
UPDATE define.t SET state = 'b' WHERE id = 2 RETURNING state;
SELECT event, from_state, to_state FROM commerce.state_history WHERE machine = 'define-m' ORDER BY id;
-- One in use is not deleted; where somebody sees to it that it is, nothing gets past its absence.
DELETE FROM commerce.state_machines WHERE name = 'define-m';
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.drop_state_machine('define-m');
UPDATE commerce.state_machines SET name = 'define-other' WHERE name = 'define-m';
ALTER TABLE commerce.state_machines DISABLE TRIGGER in_use;
DELETE FROM commerce.state_machines WHERE name = 'define-m';
ALTER TABLE commerce.state_machines ENABLE TRIGGER in_use;
UPDATE define.t SET state = 'c' WHERE id = 2;
UPDATE define.t SET id = 3 WHERE id = 2 RETURNING id;
INSERT INTO define.t VALUES (4, 'a');
-- A function that went away is missed where it is needed, and nowhere else; one that came back is found.
SELECT commerce.create_state_machine('define-m', '{"initial": "a", "states": ["a", "b", "c"], "transitions": [{"event": "go", "from": "b", "to": "a", "guard": "define.yes"}, {"event": "drop", "from": "a", "to": "c"}]}');
INSERT INTO define.t VALUES (5, 'b'), (6, 'b');
UPDATE define.t SET state = 'a' WHERE id = 5 RETURNING state;
DROP FUNCTION define.yes;
UPDATE define.t SET state = 'a' WHERE id = 6;
\echo :LAST_ERROR_SQLSTATE
UPDATE define.t SET state = 'c' WHERE id = 5 RETURNING state;
SELECT commerce.create_state_machine('define-form', '{"initial": "a", "states": ["a"]}');
INSERT INTO define.t VALUES (7, 'a');
CREATE FUNCTION define.yes("row" jsonb, event text, detail jsonb) RETURNS boolean LANGUAGE sql RETURN true;
UPDATE define.t SET state = 'a' WHERE id = 6 RETURNING state;
SET client_min_messages = warning;
DROP SCHEMA define CASCADE;
