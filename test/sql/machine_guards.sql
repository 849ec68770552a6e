-- Guards that are conditions, several events between two states, labels, events fired at any table.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
CREATE SCHEMA guards;
GRANT USAGE ON SCHEMA guards TO commerce_owner, commerce_app;
CREATE FUNCTION guards.never("row" jsonb, event text, detail jsonb) RETURNS boolean LANGUAGE sql RETURN false;
CREATE FUNCTION guards.told("row" jsonb, event text, detail jsonb) RETURNS boolean LANGUAGE sql RETURN detail ? 'reason';
CREATE TABLE guards.calls (event text, "row" jsonb);
CREATE FUNCTION guards.note("row" jsonb, event text, detail jsonb) RETURNS boolean LANGUAGE sql
    BEGIN ATOMIC INSERT INTO guards.calls VALUES (event, "row"); SELECT true; END;

-- What is a condition, and what the name of a function.
SELECT guard, commerce.is_guard_function(guard) FROM unnest(ARRAY['app.may_pay', 'may_pay', '"My App".may', 'attributes.paid', 'ATTRIBUTES.paid', 'attributes.total >= 1', 'not attributes.x', 'true', NULL]) guard;
SELECT c, commerce.asks_row_alone(c::commerce.condition) FROM unnest(ARRAY['attributes.a = 1', 'attributes.a.b in (1, 2) and not attributes.c', 'attributes.a = 1 or sku = ''A''', 'subtotal >= 1 EUR', 'lines(attributes.a = 1) > 0', 'customer.attributes.a = 1', 'weekday = ''mon''', 'true', NULL]) c;
CREATE FUNCTION pg_temp.refusal(definition jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM commerce.create_state_machine('guards-x', definition);
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END
$$;
SELECT guard, pg_temp.refusal(jsonb_build_object('initial', 'a', 'states', '["a", "b"]'::jsonb, 'transitions', jsonb_build_array(jsonb_build_object('event', 'go', 'from', 'a', 'to', 'b', 'guard', guard))))
    FROM unnest(ARRAY['attributes.total >= 100', 'attributes.total >= 100 EUR', 'attributes.total >=', 'subtotal >= 100 EUR', 'guards.none', 'weekday = ''sat''']) guard;
SELECT definition, pg_temp.refusal('{"initial": "a", "states": ["a", "b"]}' || definition) FROM unnest(ARRAY['{"labels": {"a": "A", "b": {"de": "Be", "en": "Bee"}}, "history": false}', '{"labels": {"c": "C"}}', '{"labels": {"a": 1}}',
    '{"labels": {"a": {"de": 1}}}', '{"labels": []}', '{"history": "no"}']::jsonb[]) definition;

-- Every kind of column in a condition.
CREATE TABLE guards.t (id integer PRIMARY KEY, state text NOT NULL DEFAULT 'a', whole smallint, big bigint, exact numeric(12,2), rough real,
    yes boolean, said varchar(10), day date, money commerce.amount, more jsonb, gone integer, "Odd" integer, twice integer GENERATED ALWAYS AS (whole * 2) STORED);
ALTER TABLE guards.t DROP COLUMN gone;
INSERT INTO guards.t (id, whole, big, exact, rough, yes, said, day, money, more, "Odd") VALUES
    (1, 7, 9007199254740991, 99.99, 1.5, true, 'hello', '2026-11-25', '12.50 EUR', '{"size": 42, "deep": {"er": "x"}, "on": true}', 1);
SELECT commerce.create_state_machine('guards-t', '{"initial": "a", "states": ["a", "b"], "transitions": [{"event": "go", "from": "a", "to": "b", "guard": "attributes.whole = 7"}]}');
SELECT commerce.attach_state_machine('guards.t', 'state', 'guards-t');
CREATE FUNCTION pg_temp.holds(condition text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE commerce.transitions SET condition = holds.condition::commerce.condition WHERE machine = 'guards-t';
    UPDATE guards.t SET state = 'b' WHERE id = 1;
    RAISE SQLSTATE 'XX999';
EXCEPTION
    WHEN SQLSTATE 'XX999' THEN RETURN 'holds';
    WHEN OTHERS THEN RETURN sqlstate;
END
$$;
SELECT condition, pg_temp.holds(condition) FROM unnest(ARRAY['attributes.whole = 7', 'attributes.whole > 7', 'attributes.big >= 1', 'attributes.exact >= 99.99', 'attributes.exact < 99.99', 'attributes.rough = 1.5',
    'attributes.yes', 'not attributes.yes', 'attributes.said = ''hello''', 'attributes.said <> ''hello''', 'attributes.day = ''2026-11-25''', 'attributes.money >= 12.5', 'attributes.money > 12.5',
    'attributes.money.currency = ''EUR''', 'attributes.money.minor = 1250', 'attributes.money.else = 1', 'attributes.more.size = 42', 'attributes.more.deep.er = ''x''', 'attributes.more.on', 'attributes.more.none is null',
    'attributes.more is null', 'attributes.said.length = 5', 'attributes.gone is null', 'attributes.none = 1', 'attributes.twice is null', 'attributes.Odd = 1', 'attributes.state = ''b''',
    'attributes.whole = 7 and attributes.yes', 'attributes.whole = 7 and attributes.none = 1', 'true', 'false']) condition;
-- What it says.
UPDATE guards.t SET whole = 6, state = 'b';
\echo :LAST_ERROR_SQLSTATE
UPDATE guards.t SET state = 'b' RETURNING state;
-- A condition needs its columns when it is attached, and finds them gone later.
CREATE TABLE guards.without (id integer PRIMARY KEY, state text);
SELECT commerce.attach_state_machine('guards.without', 'state', 'guards-t');
ALTER TABLE guards.without ADD COLUMN whole integer GENERATED ALWAYS AS (id * 2) STORED;
SELECT commerce.attach_state_machine('guards.without', 'state', 'guards-t');
\echo :LAST_ERROR_SQLSTATE

-- Several events lead from a to b: an UPDATE is the first of the definition that may be.
SELECT commerce.create_state_machine('guards-many', '{"initial": "a", "states": ["a", "b"], "transitions": [
    {"event": "zeal", "from": "a", "to": "b", "guard": "guards.never"}, {"event": "large", "from": "a", "to": "b", "guard": "attributes.n >= 100"},
    {"event": "clerk", "from": "a", "to": "b", "role": "commerce_pii_reader"}, {"event": "told", "from": "a", "to": "b", "guard": "guards.told"},
    {"event": "again", "from": "b", "to": "b", "guard": "guards.told", "effect": "guards.note", "topic": "guards.again"}, {"event": "back", "from": "b", "to": "a"}]}');
CREATE TABLE guards.m (tenant integer, id integer, state text NOT NULL DEFAULT 'a', n integer, PRIMARY KEY (tenant, id));
SELECT commerce.attach_state_machine('guards.m', 'state', 'guards-many');
INSERT INTO guards.m VALUES (1, 1, 'a', 100), (1, 2, 'a', 1), (2, 1, 'a', 1);
GRANT ALL ON guards.m TO commerce_app;
UPDATE guards.m SET state = 'b' WHERE tenant = 1;
SET ROLE commerce_app;
UPDATE guards.m SET state = 'b' WHERE tenant = 2;
RESET ROLE;
-- One that is fired is that one and no other.
SELECT commerce.state_event('guards.m', '{"tenant": 2, "id": 1}', 'zeal');
SELECT commerce.state_event('guards.m', '{"tenant": 2, "id": 1}', 'told');
SET ROLE commerce_app;
SELECT commerce.state_event('guards.m', '{"tenant": 2, "id": 1}', 'clerk');
SELECT commerce.state_event('guards.m', '{"tenant": 2, "id": 1}', 'told', '{"reason": "asked for"}');
RESET ROLE;
-- What leads back to where it was is an event only when it is fired, and is then judged like any.
UPDATE guards.m SET state = 'b' WHERE tenant = 2;
SELECT commerce.state_event('guards.m', '{"tenant": 2, "id": 1}', 'again');
SELECT commerce.state_event(key => '{"tenant": 2, "id": 1}', "table" => 'guards.m', event => 'again', detail => '{"reason": "why not"}');
SELECT subject, item, event, from_state, to_state, actor = current_user AS me, detail FROM commerce.state_history WHERE machine = 'guards-many' ORDER BY id;
SELECT * FROM guards.calls;
SELECT aggregate, payload FROM commerce.outbox WHERE topic = 'guards.again';

-- Firing at what is not there, or not clear.
SELECT commerce.state_event('guards.m', '{"tenant": 2, "id": 1}', 'zeal');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT commerce.state_event('guards.m', '{"tenant": 9, "id": 1}', 'zeal');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.state_event('guards.m', '{"tenant": 1}', 'zeal');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.state_event('guards.m', '{"none": 1}', 'zeal');
SELECT commerce.state_event('guards.m', '{"id": "x''; DROP TABLE guards.m"}', 'zeal');
SELECT commerce.state_event('guards.m', k::jsonb, 'zeal') FROM unnest('{1,[1],"{}",null}'::text[]) k;
SELECT commerce.state_event('guards.m', NULL, 'zeal');
SELECT commerce.state_event('guards.calls', '{"event": "again"}', 'zeal');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.state_event('guards.m', '{"tenant": 1, "id": 1}', 'back', "column" => 'n');
SET ROLE commerce_reader;
SELECT commerce.state_event('guards.m', '{"tenant": 1, "id": 1}', 'back');
RESET ROLE;
-- A trigger that is disabled is not passed over in silence by an event, nor one that keeps the row as it is.
ALTER TABLE guards.m DISABLE TRIGGER "~state_machine_state";
SELECT commerce.state_event('guards.m', '{"tenant": 1, "id": 1}', 'back');
\echo :LAST_ERROR_SQLSTATE
SELECT "table", "column", machine, enabled FROM commerce.attached_state_machines() WHERE machine LIKE 'guards-%';
ALTER TABLE guards.m ENABLE ALWAYS TRIGGER "~state_machine_state";
CREATE TRIGGER keep BEFORE UPDATE ON guards.m FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT commerce.state_event('guards.m', '{"tenant": 2, "id": 1}', 'again', '{"reason": "kept"}');
DROP TRIGGER keep ON guards.m;
-- Two machines in a table.
ALTER TABLE guards.m ADD COLUMN other text NOT NULL DEFAULT 'a';
SELECT commerce.attach_state_machine('guards.m', 'other', 'guards-many');
SELECT commerce.state_event('guards.m', '{"tenant": 2, "id": 1}', 'back');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.state_event('guards.m', '{"tenant": 2, "id": 1}', 'told', '{"reason": "2"}', 'other') AS told;
SELECT commerce.state_event('guards.m', '{"tenant": 2, "id": 1}', 'back', "column" => 'other') AS back;
SELECT state, other FROM guards.m WHERE tenant = 2;

-- Labels are what people read; they are no states.
SELECT commerce.create_state_machine('guards-label', '{"initial": "new", "states": ["new", "in Arbeit", "end", "ok"], "transitions": [{"event": "do: it", "from": "new", "to": "in Arbeit"}, {"event": "stop", "from": "in Arbeit", "to": "end"}],
    "labels": {"new": {"de": "Neu", "en": "New", "de-AT": "Frisch"}, "end": "Finished"}}');
SELECT state, language, commerce.state_label('guards-label', state, language) FROM (VALUES ('new', 'de'), ('new', 'de-AT'), ('new', 'de-CH'), ('new', 'fr'), ('new', NULL), ('end', 'de'), ('ok', 'de'), ('New', 'de'), (NULL, 'de')) x (state, language);
SELECT commerce.state_label('guards-none', 'new');
CREATE TABLE guards.l (id integer PRIMARY KEY, state text);
SELECT commerce.attach_state_machine('guards.l', 'state', 'guards-label');
INSERT INTO guards.l VALUES (1, 'Neu');
SELECT commerce.state_machine_diagram('guards-label');
-- Without history, judged all the same.
SELECT commerce.create_state_machine('guards-silent', '{"initial": "a", "states": ["a", "b"], "history": false, "transitions": [{"event": "go", "from": "a", "to": "b", "topic": "guards.silent"}]}');
CREATE TABLE guards.s (id integer PRIMARY KEY, state text);
SELECT commerce.attach_state_machine('guards.s', 'state', 'guards-silent');
INSERT INTO guards.s VALUES (1, 'a');
UPDATE guards.s SET state = 'b';
UPDATE guards.s SET state = 'a';
SELECT (SELECT count(*) FROM commerce.state_history WHERE machine = 'guards-silent') AS history, count(*) AS events FROM commerce.outbox WHERE topic = 'guards.silent';
SET client_min_messages = warning;
DROP SCHEMA guards CASCADE;
