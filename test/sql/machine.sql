-- State machines on an app's own tables: what no path gets around.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
CREATE SCHEMA machine;
CREATE TABLE machine.calls (n serial, hook text, event text, "from" text, detail jsonb);
CREATE FUNCTION machine.may("row" jsonb, event text, detail jsonb) RETURNS boolean LANGUAGE sql AS $$ SELECT ("row" ->> 'allowed')::boolean $$;
CREATE FUNCTION machine.noted("row" jsonb, event text, detail jsonb) RETURNS boolean LANGUAGE plpgsql STRICT AS $$
BEGIN
    INSERT INTO machine.calls (hook, event, "from", detail) VALUES ('noted', event, "row" ->> 'state', detail);
    RETURN true;
END
$$;
GRANT USAGE ON SCHEMA machine TO commerce_owner;
DO $$
BEGIN
    CREATE ROLE regress_machine_clerk;
EXCEPTION WHEN duplicate_object THEN
    NULL;
END
$$;
SELECT commerce.create_state_machine('machine-ticket', '{"initial": "new", "states": ["new", "open", "done", "lost"], "transitions": [
    {"event": "start", "from": "new", "to": "open", "effect": "machine.noted", "topic": "ticket.opened"},
    {"event": "finish", "from": ["open"], "to": "done", "guard": "machine.may"},
    {"event": "lose", "from": ["new", "open"], "to": "lost", "role": "regress_machine_clerk"},
    {"event": "reopen", "from": ["done", "lost"], "to": "open"}]}');
SELECT commerce.state_machine_diagram('machine-ticket');
SELECT commerce.state_machine_states('machine-ticket');

-- text, varchar and enum columns; one and several columns in the key.
CREATE TYPE machine.ticket_state AS ENUM ('new', 'open', 'done', 'lost', 'enum only');
CREATE TABLE machine.t (id integer PRIMARY KEY, state text NOT NULL DEFAULT 'new', allowed boolean, note text);
CREATE TABLE machine.v (state varchar(10), id integer, tenant integer, allowed boolean, PRIMARY KEY (tenant, id));
CREATE TABLE machine.e (id integer PRIMARY KEY, state machine.ticket_state NOT NULL);
SELECT commerce.attach_state_machine('machine.' || t, 'state', 'machine-ticket') FROM unnest('{t,v,e}'::text[]) t;
SELECT commerce.attach_state_machine('machine.t', 'state', 'machine-ticket') AS repeatable;

-- INSERT carries any state of the machine, and none besides.
INSERT INTO machine.t (id, state, allowed) VALUES (1, DEFAULT, true), (2, 'new', false), (3, 'new', NULL), (4, 'done', true);
INSERT INTO machine.v VALUES ('new', 10, 7, true);
INSERT INTO machine.e VALUES (1, 'new');
INSERT INTO machine.t VALUES (9, 'nonsense');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO machine.e VALUES (9, 'enum only');
INSERT INTO machine.v VALUES (NULL, 9, 9);
INSERT INTO machine.t VALUES (9, 'NEW');

-- UPDATE takes a transition or is refused, for a superuser, too.
SELECT rolsuper FROM pg_roles WHERE rolname = current_user;
UPDATE machine.t SET state = 'done' WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
UPDATE machine.t SET state = 'nonsense' WHERE id = 1;
UPDATE machine.v SET state = NULL;
UPDATE machine.e SET state = 'done';
UPDATE machine.v SET state = 'done';
UPDATE machine.t SET state = 'open';
UPDATE machine.t SET state = 'open' WHERE id < 4;
UPDATE machine.t SET note = 'no change of state', state = state;
UPDATE machine.v SET state = 'open';
UPDATE machine.e SET state = 'open';
-- The effect was called once a row, with the row as it is to be.
SELECT hook, event, "from", detail FROM machine.calls ORDER BY n;
SELECT relation, subject, item, event, from_state, to_state, actor = current_user AS actor FROM commerce.state_history WHERE machine = 'machine-ticket' ORDER BY relation, subject, id;
SELECT aggregate, payload FROM commerce.outbox WHERE topic = 'ticket.opened' ORDER BY id;

-- Guards: true lets through, false and null do not.
UPDATE machine.t SET state = 'done' WHERE id = 1;
\set VERBOSITY default
UPDATE machine.t SET state = 'done' WHERE id = 2;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
UPDATE machine.t SET state = 'done' WHERE id = 3;
-- The guard sees the new row, not the old.
UPDATE machine.t SET state = 'done', allowed = true WHERE id = 2;

-- Roles: members only.
GRANT USAGE ON SCHEMA machine TO regress_machine_clerk, commerce_app;
GRANT ALL ON machine.t TO regress_machine_clerk, commerce_app;
SET ROLE commerce_app;
UPDATE machine.t SET state = 'lost' WHERE id = 3;
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SET ROLE regress_machine_clerk;
UPDATE machine.t SET state = 'lost' WHERE id = 3;
RESET ROLE;
SELECT actor FROM commerce.state_history WHERE machine = 'machine-ticket' AND event = 'lose';

-- Every other way to write a row.
INSERT INTO machine.t (id, state) VALUES (1, 'new') ON CONFLICT (id) DO UPDATE SET state = excluded.state;
INSERT INTO machine.t (id, state) VALUES (1, 'open') ON CONFLICT (id) DO UPDATE SET state = excluded.state RETURNING state;
MERGE INTO machine.t USING (VALUES (1)) s (id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET state = 'new';
MERGE INTO machine.t USING (VALUES (1)) s (id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET state = 'done';
WITH moved AS (UPDATE machine.t SET state = 'new' RETURNING id) SELECT count(*) FROM moved;
CREATE VIEW machine.seen AS SELECT * FROM machine.t;
UPDATE machine.seen SET state = 'new';
SELECT id, state FROM machine.t ORDER BY id;

-- A trigger that sets the state is judged by what it sets; one that would come after the judge is refused.
CREATE FUNCTION machine.meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.state := 'new'; RETURN new; END $$;
CREATE TRIGGER meddle BEFORE UPDATE ON machine.t FOR EACH ROW EXECUTE FUNCTION machine.meddle();
UPDATE machine.t SET state = 'open' WHERE id = 1;
DROP TRIGGER meddle ON machine.t;
CREATE TRIGGER "~~later" BEFORE UPDATE ON machine.t FOR EACH ROW EXECUTE FUNCTION machine.meddle();
UPDATE machine.t SET state = 'open' WHERE id = 1;
UPDATE machine.t SET note = 'x' WHERE id = 1;
-- It does not fire for an INSERT.
INSERT INTO machine.t (id) VALUES (5);
INSERT INTO machine.t (id) VALUES (5) ON CONFLICT (id) DO UPDATE SET state = 'open';
ALTER TABLE machine.t DISABLE TRIGGER "~~later";
UPDATE machine.t SET note = 'x' WHERE id = 1 RETURNING note;
DROP TRIGGER "~~later" ON machine.t;

-- All or nothing: what is rolled back leaves no history, event or call.
SELECT count(*) AS before FROM machine.calls \gset
BEGIN;
UPDATE machine.t SET state = 'open' WHERE id = 5;
SELECT count(*) - :before AS called FROM machine.calls;
ROLLBACK;
SELECT count(*) - :before AS called, (SELECT count(*) FROM commerce.state_history WHERE machine = 'machine-ticket' AND subject = '5') AS history FROM machine.calls;

-- Partitions.
CREATE TABLE machine.p (region text, id integer, state text NOT NULL, allowed boolean, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE machine.p_a PARTITION OF machine.p FOR VALUES IN ('a');
SELECT commerce.attach_state_machine('machine.p', 'state', 'machine-ticket');
CREATE TABLE machine.p_b PARTITION OF machine.p FOR VALUES IN ('b');
INSERT INTO machine.p VALUES ('a', 1, 'new'), ('b', 1, 'new');
UPDATE machine.p SET state = 'open';
UPDATE machine.p SET state = 'new' WHERE region = 'b';
UPDATE machine.p_a SET state = 'new';
SELECT region, state FROM machine.p ORDER BY 1;
SELECT relation, subject, item, to_state FROM commerce.state_history WHERE machine = 'machine-ticket' AND relation LIKE 'machine.p%' ORDER BY 1;
-- A table without a primary key has history, too.
CREATE TABLE machine.bare (state text);
SELECT commerce.attach_state_machine('machine.bare', 'state', 'machine-ticket');
INSERT INTO machine.bare VALUES ('new');
UPDATE machine.bare SET state = 'open';
SELECT subject, item, event FROM commerce.state_history WHERE machine = 'machine-ticket' AND relation = 'machine.bare';
SET client_min_messages = warning;
DROP SCHEMA machine CASCADE;
