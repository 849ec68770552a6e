-- The tables are the user's: whatever he makes of commerce.reservations, promises are kept and counted.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku) VALUES ('own-1'), ('own-2'), ('own-3');
SELECT commerce.receive_stock(sku, 20) FROM commerce.variants WHERE sku LIKE 'own-%' ORDER BY sku;

-- Says what a reservation became, and whether the counters still say what the tables say.
CREATE FUNCTION pg_temp.made(reservation uuid) RETURNS text LANGUAGE sql
RETURN (SELECT concat_ws(' ', r.quantity, r.holder, (to_jsonb(r) ->> 'note')) || CASE WHEN EXISTS (SELECT FROM commerce.verify_stock())
    THEN ', counters differ' ELSE '' END FROM commerce.reservations r WHERE r.id = reservation);
SELECT pg_temp.made(commerce.reserve('own-1', 1, 'plain'));

-- A column more: empty, or with its default.
ALTER TABLE commerce.reservations ADD COLUMN note text;
SELECT pg_temp.made(commerce.reserve('own-1', 1, 'no note'));
ALTER TABLE commerce.reservations ALTER COLUMN note SET DEFAULT 'by default';
SELECT pg_temp.made(commerce.reserve('own-1', 1, 'with'));
ALTER TABLE commerce.reservations ALTER COLUMN note DROP DEFAULT, ALTER COLUMN note SET DATA TYPE varchar(10);
SELECT pg_temp.made(commerce.reserve('own-1', 1, 'without again'));

-- A check of the user's refuses, and nothing is taken.
ALTER TABLE commerce.reservations ADD CONSTRAINT few CHECK (quantity < 5 OR state <> 'held' OR sku NOT LIKE 'own-%');
SELECT pg_temp.made(commerce.reserve('own-1', 4, 'few'));
SELECT commerce.reserve('own-1', 5, 'many');
SELECT commerce.available('own-1');
ALTER TABLE commerce.reservations DROP CONSTRAINT few;
CREATE FUNCTION pg_temp.odd(quantity bigint) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN quantity % 2 = 1;
ALTER TABLE commerce.reservations ADD CONSTRAINT odd CHECK (pg_temp.odd(quantity) OR sku <> 'own-2');
SELECT pg_temp.made(commerce.reserve('own-2', 3, 'odd'));
SELECT commerce.reserve('own-2', 2, 'even');
ALTER TABLE commerce.reservations DROP CONSTRAINT odd;

-- Indexes: plain ones, partial ones, on expressions, unique.
CREATE INDEX own_created ON commerce.reservations (created_at DESC) WHERE quantity > 1;
CREATE UNIQUE INDEX own_one_hold ON commerce.reservations (holder, sku) WHERE state = 'held' AND sku = 'own-3';
SELECT pg_temp.made(commerce.reserve('own-3', 2, 'once'));
SELECT commerce.reserve('own-3', 2, 'once');
SET enable_seqscan = off;
SELECT count(*) FROM commerce.reservations WHERE quantity > 1 AND created_at > now() - interval '1 hour' AND sku = 'own-3';
RESET enable_seqscan;
CREATE INDEX own_lower ON commerce.reservations (lower(holder));
SELECT pg_temp.made(commerce.reserve('own-3', 1, 'Upper'));
SET enable_seqscan = off;
SELECT holder FROM commerce.reservations WHERE lower(holder) = 'upper';
RESET enable_seqscan;
DROP INDEX commerce.own_created, commerce.own_one_hold, commerce.own_lower;

-- Triggers: one that changes rows, one that swallows them, one that writes more of them.
CREATE FUNCTION pg_temp.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.holder = 'double' THEN
        NEW.quantity := NEW.quantity * 2;
    ELSIF NEW.holder = 'swallow' THEN
        RETURN NULL;
    ELSIF NEW.holder = 'more' THEN
        INSERT INTO commerce.reservations (sku, location, quantity, holder, expires_at)
            VALUES (NEW.sku, NEW.location, 1, 'by trigger', NEW.expires_at);
    ELSIF NEW.holder = 'caught' THEN
        BEGIN
            UPDATE commerce.stock SET on_hand = on_hand - 3 WHERE sku = NEW.sku;
            RAISE EXCEPTION 'undone';
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER meddle BEFORE INSERT ON commerce.reservations FOR EACH ROW EXECUTE FUNCTION pg_temp.meddle();
SELECT pg_temp.made(commerce.reserve('own-1', 2, 'double')), commerce.available('own-1');
SELECT pg_temp.made(commerce.reserve('own-1', 2, 'swallow')), commerce.available('own-1');
SELECT pg_temp.made(commerce.reserve('own-1', 1, 'more')), commerce.available('own-1');
SELECT pg_temp.made(commerce.reserve('own-1', 1, 'caught')), commerce.available('own-1');
SELECT commerce.try_reserve('own-1', commerce.available('own-1')) IS NOT NULL AS the_rest, commerce.try_reserve('own-1') IS NULL AS no_more;
DROP TRIGGER meddle ON commerce.reservations;

-- A rule and a policy leave it to a statement.
CREATE TABLE own_seen (sku text, quantity bigint);
GRANT INSERT ON own_seen TO commerce_owner;
CREATE RULE own_rule AS ON INSERT TO commerce.reservations DO ALSO INSERT INTO own_seen VALUES (NEW.sku, NEW.quantity);
SELECT pg_temp.made(commerce.reserve('own-2', 1, 'ruled'));
SELECT * FROM own_seen;
DROP RULE own_rule ON commerce.reservations;
DROP TABLE own_seen;
ALTER TABLE commerce.reservations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_policy ON commerce.reservations USING (true) WITH CHECK (holder <> 'unwanted');
SELECT pg_temp.made(commerce.reserve('own-2', 1, 'wanted'));
SELECT commerce.reserve('own-2', 1, 'unwanted');
SELECT commerce.available('own-2');
DROP POLICY own_policy ON commerce.reservations;
ALTER TABLE commerce.reservations DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
ALTER TABLE commerce.reservations DROP COLUMN note;
SELECT pg_temp.made(commerce.reserve('own-2', 1, 'plain again'));

-- A check runs with the rights of the shop's owner, never the caller's; what a domain asks for may change any time.
ALTER TABLE commerce.reservations ADD CONSTRAINT own_check CHECK (set_config('own.checked_by', current_user, false) <> '');
SELECT pg_temp.made(commerce.reserve('own-2', 1, 'checked')), current_setting('own.checked_by');
CREATE DOMAIN own_holder AS text;
ALTER TABLE commerce.reservations DROP CONSTRAINT own_check, ADD CONSTRAINT own_check CHECK (holder::own_holder IS NOT NULL) NOT VALID;
SELECT pg_temp.made(commerce.reserve('own-2', 1, 'nobody'));
ALTER DOMAIN own_holder ADD CHECK (VALUE <> 'nobody') NOT VALID;
SELECT commerce.reserve('own-2', 1, 'nobody');
ALTER TABLE commerce.reservations DROP CONSTRAINT own_check;
DROP DOMAIN own_holder;

-- A trigger that reserves something else, of which there is more since now.
INSERT INTO commerce.variants (sku) VALUES ('own-gift');
SELECT commerce.receive_stock('own-1', 1);
CREATE FUNCTION pg_temp.give() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sku <> 'own-gift' THEN
        INSERT INTO commerce.stock (sku, location, on_hand) VALUES ('own-gift', 'shelf ' || NEW.sku, 1);
        PERFORM commerce.reserve('own-gift', 1, 'gift');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER give BEFORE INSERT ON commerce.reservations FOR EACH ROW EXECUTE FUNCTION pg_temp.give();
SELECT sku, location, quantity FROM commerce.reserve_lines('[{"sku": "own-1", "quantity": 1}, {"sku": "own-2", "quantity": 1}]', 'has gifts');
SELECT location FROM commerce.reservations WHERE holder = 'gift' ORDER BY location;
DROP TRIGGER give ON commerce.reservations;
UPDATE commerce.reservations SET state = 'released' WHERE holder IN ('gift', 'has gifts');

-- A policy whose function catches an error while a sku is counted for the first time.
CREATE FUNCTION own_visible() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE assert_failure; EXCEPTION WHEN assert_failure THEN RETURN true; END $$;
CREATE POLICY own_policy ON commerce.stock USING (own_visible());
ALTER TABLE commerce.stock ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT count(commerce.invalidate_stock('own-2'));
SELECT pg_temp.made(commerce.reserve('own-2', 1, 'caught'));
ALTER TABLE commerce.stock DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
DROP POLICY own_policy ON commerce.stock;
DROP FUNCTION own_visible;

-- A function that says that it may run in parallel and does not: nothing is held, and nothing stays taken.
CREATE FUNCTION own_parallel() RETURNS uuid LANGUAGE sql PARALLEL SAFE RETURN commerce.reserve('own-2', 1);
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
\set VERBOSITY sqlstate
SELECT own_parallel();
\set VERBOSITY terse
SELECT count(set_config(name, 'off', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT count(*) FROM commerce.pending_stock;
DROP FUNCTION own_parallel;

-- Rows that are nobody's stock, and columns that cannot be counted by.
ALTER TABLE commerce.reservations ALTER COLUMN location DROP NOT NULL, ALTER COLUMN state DROP NOT NULL;
INSERT INTO commerce.reservations (sku, location, quantity, state, expires_at)
    VALUES ('own-1', NULL, 1, 'held', now()), ('own-1', 'main', 1, NULL, now());
UPDATE commerce.reservations SET quantity = 2 WHERE location IS NULL OR state IS NULL;
SELECT * FROM commerce.verify_stock();
DELETE FROM commerce.reservations WHERE location IS NULL OR state IS NULL;
ALTER TABLE commerce.reservations ALTER COLUMN location SET NOT NULL, ALTER COLUMN state SET NOT NULL;
CREATE TABLE own_table (sku integer, location text, quantity bigint, state text);
CREATE TRIGGER own_table AFTER INSERT ON own_table FOR EACH ROW EXECUTE FUNCTION commerce.reservation_changed();
INSERT INTO own_table VALUES (1, 'main', 1, 'held');
DROP TABLE own_table;

-- A read-only transaction holds nothing, and says so.
BEGIN READ ONLY;
\set VERBOSITY sqlstate
SELECT commerce.reserve('own-2');
ROLLBACK;
SELECT commerce.available('own-2');

-- By hand: rows, levels, keys; counted each time.
UPDATE commerce.reservations SET sku = 'own-2' WHERE sku = 'own-3' AND holder = 'Upper';
DELETE FROM commerce.reservations WHERE sku = 'own-3';
UPDATE commerce.stock SET on_hand = 2 WHERE sku = 'own-3';
SELECT commerce.available('own-3'), commerce.try_reserve('own-3', 2) IS NOT NULL AS both, commerce.try_reserve('own-3') IS NULL AS no_more;
INSERT INTO commerce.reservations (sku, location, quantity, expires_at) VALUES ('own-3', 'main', 5, now() + interval '1 h');
SELECT commerce.available('own-3') AS promised_too_much, commerce.try_reserve('own-3') IS NULL AS none;
DELETE FROM commerce.stock WHERE sku = 'own-3';
SELECT commerce.available('own-3'), commerce.try_reserve('own-3') IS NULL AS none;
SELECT * FROM commerce.verify_stock();

-- A trigger that reserves while another promise is under way settles its own takes, not those of the other.
INSERT INTO commerce.variants (sku) VALUES ('own-wrap'), ('own-a'), ('own-b');
SELECT commerce.receive_stock('own-wrap', 2), commerce.receive_stock('own-a', 10), commerce.receive_stock('own-b', 10);
CREATE FUNCTION pg_temp.wrap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sku IN ('own-a', 'own-b') THEN
        PERFORM commerce.reserve('own-wrap');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER a_wrap AFTER INSERT ON commerce.reservations FOR EACH ROW EXECUTE FUNCTION pg_temp.wrap();
SELECT sku, quantity FROM commerce.reserve_lines('[{"sku": "own-a", "quantity": 1}, {"sku": "own-b", "quantity": 1}, {"sku": "own-wrap", "quantity": 1}]');
SELECT commerce.available('own-wrap');
SELECT sku, quantity FROM commerce.reserve_lines('[{"sku": "own-a", "quantity": 1}, {"sku": "own-wrap", "quantity": 1}]');
SELECT commerce.available('own-wrap'), commerce.try_reserve('own-wrap') IS NULL AS none;
DROP TRIGGER a_wrap ON commerce.reservations;
SELECT * FROM commerce.verify_stock();
