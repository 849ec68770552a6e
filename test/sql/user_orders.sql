-- The tables are the user's: whatever he makes of those that an order is stored in, what he asks of a row is asked.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku) VALUES ('uo-1'), ('uo-2');
INSERT INTO commerce.prices (sku, price) VALUES ('uo-1', '10 EUR'), ('uo-2', '20 EUR');
SELECT commerce.receive_stock(sku, 10000) FROM commerce.variants WHERE sku LIKE 'uo-%' ORDER BY sku;
INSERT INTO commerce.tax_zones (code, countries) VALUES ('uo-zone', '{XU}');
INSERT INTO commerce.tax_rates (zone, name, rate) VALUES ('uo-zone', 'tax', 12.345678);
INSERT INTO commerce.promotions (name, benefit, needs_code) VALUES ('uo ten', '10% off order', true) RETURNING id AS promotion \gset
INSERT INTO commerce.promotion_codes (code, promotion, uses) VALUES ('UO10', :'promotion', NULL);

-- Buys two lines with taxes and a discount on each, and says what is stored and how many triggers asked storing_order():
-- those of the shop on the rows that a statement wrote.
SET track_functions = 'all';
CREATE FUNCTION pg_temp.asked() RETURNS bigint LANGUAGE sql AS
    $$ SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_xact_user_functions WHERE funcname = 'storing_order' $$;
CREATE FUNCTION pg_temp.buy(quantity bigint DEFAULT 1) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before bigint := pg_temp.asked();
    made uuid := commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'uo-1', 'quantity', quantity), '{"sku": "uo-2", "quantity": 1}'::jsonb),
        codes => '{UO10}', ship_to => '{"country": "XU"}');
    asked bigint := pg_temp.asked() - before;
BEGIN
    RETURN (SELECT format('%s %s, %s lines of %s, %s discounts of %s, %s taxes of %s, history %s, events %s, %s triggers asked', o.state, o.total,
            l.count, l.total, d.count, d.total, t.count, t.total, h.count, e.count, asked) || coalesce(', note ' || (to_jsonb(o) ->> 'note'), '')
        FROM commerce.orders o,
            (SELECT count(*), commerce.sum(total) AS total FROM commerce.order_lines WHERE order_id = made) l,
            (SELECT count(*), commerce.sum(amount) AS total FROM commerce.order_discounts WHERE order_id = made) d,
            (SELECT count(*), commerce.sum(amount) AS total FROM commerce.order_taxes WHERE order_id = made) t,
            (SELECT count(*) FROM commerce.state_history WHERE subject = made::text AND to_state = 'placed') h,
            (SELECT count(*) FROM commerce.outbox WHERE aggregate = made::text AND topic = 'order.placed') e
        WHERE o.id = made);
END
$$;
SELECT pg_temp.buy();
SELECT DISTINCT rate FROM commerce.order_taxes WHERE name = 'tax' AND tax_class = 'standard';

-- A column more: empty, or with its default.
ALTER TABLE commerce.orders ADD COLUMN note text;
SELECT pg_temp.buy();
ALTER TABLE commerce.orders ALTER COLUMN note SET DEFAULT 'by default';
SELECT pg_temp.buy();
ALTER TABLE commerce.orders ALTER COLUMN note DROP DEFAULT;
ALTER TABLE commerce.order_lines ADD COLUMN own integer GENERATED ALWAYS AS (line * 2) STORED;
SELECT pg_temp.buy();
SELECT sum(own) = sum(2 * line) AS generated FROM commerce.order_lines;
ALTER TABLE commerce.order_lines DROP COLUMN own;
-- Another default of a column that checkout() leaves to its default, and another type.
ALTER TABLE commerce.orders ALTER COLUMN created_at SET DEFAULT '2001-01-01Z';
SELECT pg_temp.buy();
SELECT count(*) FROM commerce.orders WHERE created_at = '2001-01-01Z';
ALTER TABLE commerce.orders ALTER COLUMN created_at SET DEFAULT now();
ALTER TABLE commerce.order_taxes ALTER COLUMN rate TYPE numeric(9,2);
SELECT pg_temp.buy();
SELECT DISTINCT rate FROM commerce.order_taxes WHERE name = 'tax' AND tax_class = 'standard';
ALTER TABLE commerce.order_taxes ALTER COLUMN rate TYPE numeric(9,6);
SELECT pg_temp.buy();

-- Checks of the user's are asked of each row; what they refuse leaves nothing behind.
ALTER TABLE commerce.orders ADD CONSTRAINT uo_small CHECK (commerce.minor_units(total) < 100000) NOT VALID;
SELECT pg_temp.buy();
SELECT count(*) AS before FROM commerce.orders \gset
SELECT pg_temp.buy(100);
ALTER TABLE commerce.orders DROP CONSTRAINT uo_small;
ALTER TABLE commerce.order_lines ADD CONSTRAINT uo_few CHECK (quantity < 5) NOT VALID;
SELECT pg_temp.buy();
SELECT pg_temp.buy(5);
ALTER TABLE commerce.order_lines DROP CONSTRAINT uo_few;
ALTER TABLE commerce.state_history ADD CONSTRAINT uo_no CHECK (event <> 'submit') NOT VALID;
SELECT pg_temp.buy();
ALTER TABLE commerce.state_history DROP CONSTRAINT uo_no;
ALTER TABLE commerce.outbox ADD CONSTRAINT uo_no CHECK (topic <> 'order.placed') NOT VALID;
SELECT pg_temp.buy();
ALTER TABLE commerce.outbox DROP CONSTRAINT uo_no;
ALTER TABLE commerce.orders ADD CONSTRAINT uo_customer CHECK (customer_id IS NOT NULL) NOT VALID;
SELECT pg_temp.buy();
ALTER TABLE commerce.orders DROP CONSTRAINT uo_customer;
SELECT count(*) - :before AS bought FROM commerce.orders;
-- What a function of the user's asks for, only a statement asks.
CREATE FUNCTION pg_temp.fine(total commerce.amount) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN commerce.minor_units(total) < 100000;
ALTER TABLE commerce.orders ADD CONSTRAINT uo_fine CHECK (pg_temp.fine(total)) NOT VALID;
SELECT pg_temp.buy();
SELECT pg_temp.buy(100);
ALTER TABLE commerce.orders DROP CONSTRAINT uo_fine;
-- A function of the extension's that somebody has put another in the place of is a user's.
BEGIN;
CREATE OR REPLACE FUNCTION commerce.minor_units(amount commerce.amount) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ BEGIN RETURN replace(split_part(amount::text, ' ', 1), '.', '')::bigint; END $$;
SELECT pg_temp.buy();
ROLLBACK;
SELECT pg_temp.buy();

-- Triggers whose WHEN says no make no difference; where it says yes, they fire.
CREATE FUNCTION pg_temp.annotate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'large'; RETURN NEW; END $$;
CREATE TRIGGER annotate BEFORE INSERT ON commerce.orders FOR EACH ROW WHEN (commerce.minor_units(NEW.total) > 20000) EXECUTE FUNCTION pg_temp.annotate();
SELECT pg_temp.buy();
SELECT pg_temp.buy(30);
DROP TRIGGER annotate ON commerce.orders;
CREATE TRIGGER annotate BEFORE INSERT ON commerce.orders FOR EACH ROW EXECUTE FUNCTION pg_temp.annotate();
SELECT pg_temp.buy();
ALTER TABLE commerce.orders DISABLE TRIGGER annotate;
SELECT pg_temp.buy();
DROP TRIGGER annotate ON commerce.orders;
-- One that looks at where the row lies, one that asks the clock, one for the statement, one that could change the state.
CREATE TRIGGER annotate AFTER INSERT ON commerce.orders FOR EACH ROW WHEN (NEW.ctid IS NULL) EXECUTE FUNCTION pg_temp.annotate();
SELECT pg_temp.buy();
DROP TRIGGER annotate ON commerce.orders;
CREATE TRIGGER annotate BEFORE INSERT ON commerce.orders FOR EACH ROW WHEN (now() < '2001-01-01') EXECUTE FUNCTION pg_temp.annotate();
SELECT pg_temp.buy();
DROP TRIGGER annotate ON commerce.orders;
CREATE TRIGGER annotate AFTER INSERT ON commerce.orders FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION pg_temp.annotate();
SELECT pg_temp.buy();
DROP TRIGGER annotate ON commerce.orders;
CREATE TRIGGER "~~late" BEFORE INSERT ON commerce.orders FOR EACH ROW WHEN (commerce.minor_units(NEW.total) = 1) EXECUTE FUNCTION pg_temp.annotate();
SELECT pg_temp.buy();
DROP TRIGGER "~~late" ON commerce.orders;
-- On the other tables.
CREATE TABLE uo_seen (what text);
CREATE FUNCTION pg_temp.see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO public.uo_seen VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
CREATE TRIGGER see AFTER INSERT ON commerce.order_lines FOR EACH ROW EXECUTE FUNCTION pg_temp.see();
CREATE TRIGGER see BEFORE INSERT ON commerce.order_taxes FOR EACH ROW EXECUTE FUNCTION pg_temp.see();
CREATE TRIGGER see AFTER INSERT ON commerce.outbox FOR EACH ROW EXECUTE FUNCTION pg_temp.see();
CREATE TRIGGER see AFTER INSERT ON commerce.state_history FOR EACH ROW WHEN (NEW.event = 'submit') EXECUTE FUNCTION pg_temp.see();
SELECT pg_temp.buy();
SELECT what, count(*) FROM uo_seen GROUP BY what ORDER BY what;
DROP TRIGGER see ON commerce.order_lines;
DROP TRIGGER see ON commerce.order_taxes;
DROP TRIGGER see ON commerce.outbox;
DROP TRIGGER see ON commerce.state_history;
DROP TABLE uo_seen;
-- One that takes the order away and the line with it: what else belongs to the order has nothing to belong to.
CREATE FUNCTION pg_temp.take_away() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN DELETE FROM commerce.orders WHERE id = NEW.order_id; RETURN NULL; END $$;
CREATE TRIGGER take_away BEFORE INSERT ON commerce.order_lines FOR EACH ROW EXECUTE FUNCTION pg_temp.take_away();
SELECT pg_temp.buy();
DROP TRIGGER take_away ON commerce.order_lines;
-- A total of nothing is queued for an invoice by a trigger of the shop's; everything else it leaves alone.
INSERT INTO commerce.variants (sku) VALUES ('uo-free');
INSERT INTO commerce.prices (sku, price) VALUES ('uo-free', '0 EUR');
SELECT commerce.receive_stock('uo-free', 1);
SELECT commerce.checkout('[{"sku": "uo-free", "quantity": 1}]') AS free \gset
SELECT count(*) FROM commerce.invoice_queue WHERE order_id = :'free';

-- Without a machine, another machine, one without the first state, and a second one on a column that is empty.
SELECT commerce.detach_state_machine('commerce.orders', 'state');
SELECT pg_temp.buy();
BEGIN;
SELECT commerce.drop_state_machine('order');
SELECT pg_temp.buy();
ROLLBACK;
SELECT commerce.create_state_machine('uo', '{"initial": "placed", "states": ["placed", "done"], "transitions": [{"event": "finish", "from": "placed", "to": "done"}]}');
ALTER TABLE commerce.orders DROP COLUMN note, ADD COLUMN review text DEFAULT 'placed';
SELECT commerce.attach_state_machine('commerce.orders', 'review', 'uo');
SELECT pg_temp.buy();
ALTER TABLE commerce.orders ALTER COLUMN review DROP DEFAULT;
SELECT pg_temp.buy();
SELECT commerce.detach_state_machine('commerce.orders', 'review');
ALTER TABLE commerce.orders DROP COLUMN review;
BEGIN;
UPDATE commerce.orders SET state = 'done';
SELECT commerce.attach_state_machine('commerce.orders', 'state', 'uo');
SELECT pg_temp.buy();
SELECT commerce.create_state_machine('uo', '{"initial": "new", "states": ["new", "done"], "transitions": [{"event": "finish", "from": "new", "to": "done"}]}');
SELECT pg_temp.buy();
ROLLBACK;
SELECT commerce.attach_state_machine('commerce.orders', 'state', 'order');
SELECT commerce.drop_state_machine('uo');
SELECT pg_temp.buy();

-- Foreign keys: to the order itself, when it is asked; another one, none.
ALTER TABLE commerce.order_lines ALTER CONSTRAINT order_lines_order_id_fkey DEFERRABLE INITIALLY DEFERRED;
SELECT pg_temp.buy();
ALTER TABLE commerce.order_lines ALTER CONSTRAINT order_lines_order_id_fkey NOT DEFERRABLE;
ALTER TABLE commerce.order_lines ADD CONSTRAINT uo_sku FOREIGN KEY (sku) REFERENCES commerce.variants NOT VALID;
SELECT pg_temp.buy();
ALTER TABLE commerce.order_lines DROP CONSTRAINT uo_sku;
ALTER TABLE commerce.order_taxes DROP CONSTRAINT order_taxes_order_id_fkey;
SELECT pg_temp.buy();
ALTER TABLE commerce.order_taxes ADD FOREIGN KEY (order_id) REFERENCES commerce.orders;
BEGIN;
SELECT pg_temp.buy();
DELETE FROM commerce.orders;
ROLLBACK;

-- Indexes: those that are there have every row; others are kept by a statement, or refuse.
SELECT (SELECT count(*) FROM commerce.orders) AS orders, (SELECT count(*) FROM commerce.order_lines) AS lines,
    (SELECT count(*) FROM commerce.order_taxes) AS taxes, (SELECT count(*) FROM commerce.order_discounts) AS discounts \gset
SET enable_seqscan = off;
SELECT count(*) = :orders AS by_id FROM commerce.orders WHERE id > '00000000-0000-0000-0000-000000000000';
SELECT count(*) = :orders AS by_number FROM commerce.orders WHERE number >= 0;
SELECT count(*) = :orders AS by_day FROM commerce.orders WHERE placed_at > '2000-01-01' OR placed_at IS NULL;
SELECT count(*) = :lines AS lines FROM commerce.order_lines WHERE order_id > '00000000-0000-0000-0000-000000000000';
SELECT count(*) = :taxes AS taxes FROM commerce.order_taxes WHERE order_id > '00000000-0000-0000-0000-000000000000';
SELECT count(*) = :discounts AS discounts FROM commerce.order_discounts WHERE order_id > '00000000-0000-0000-0000-000000000000';
RESET enable_seqscan;
CREATE INDEX uo_codes ON commerce.orders USING gin (codes);
SELECT pg_temp.buy();
SELECT count(*) > 0 AS by_code FROM commerce.orders WHERE codes @> '{UO10}';
DROP INDEX commerce.uo_codes;
CREATE UNIQUE INDEX uo_once ON commerce.orders (total) WHERE commerce.minor_units(total) = 1112222;
SELECT pg_temp.buy(1098) LIKE 'placed 11122.22 EUR%' AS once;
SELECT pg_temp.buy(1098);
DROP INDEX commerce.uo_once;

-- Rules, policies and partitions leave it to a statement.
CREATE TABLE uo_seen (id uuid);
GRANT INSERT ON uo_seen TO commerce_owner;
CREATE RULE uo_rule AS ON INSERT TO commerce.order_discounts DO ALSO INSERT INTO uo_seen VALUES (NEW.order_id);
SELECT pg_temp.buy();
SELECT count(*) FROM uo_seen;
DROP RULE uo_rule ON commerce.order_discounts;
DROP TABLE uo_seen;
ALTER TABLE commerce.orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY uo_policy ON commerce.orders USING (true) WITH CHECK (commerce.minor_units(total) < 100000);
SELECT pg_temp.buy();
SELECT pg_temp.buy(100);
DROP POLICY uo_policy ON commerce.orders;
ALTER TABLE commerce.orders DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
BEGIN;
ALTER TABLE commerce.order_lines RENAME TO uo_lines;
CREATE TABLE commerce.order_lines (LIKE commerce.uo_lines INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY HASH (order_id);
CREATE TABLE commerce.uo_part PARTITION OF commerce.order_lines FOR VALUES WITH (MODULUS 1, REMAINDER 0);
ALTER TABLE commerce.order_lines OWNER TO commerce_owner;
CREATE CONSTRAINT TRIGGER adds_up AFTER INSERT ON commerce.order_lines FOR EACH ROW
    WHEN (NOT commerce.storing_order()) EXECUTE FUNCTION commerce.check_order_sums('order_id');
SELECT pg_temp.buy();
SELECT count(*) FROM commerce.uo_part;
ROLLBACK;
SELECT pg_temp.buy();

-- Savepoints: what was stored after one is gone with it, and what comes next is whole.
SELECT count(*) AS orders FROM commerce.orders \gset
BEGIN;
SELECT pg_temp.buy();
SAVEPOINT one;
SELECT pg_temp.buy();
ROLLBACK TO one;
SELECT pg_temp.buy();
COMMIT;
SELECT count(*) - :orders AS bought FROM commerce.orders;
-- Where only triggers for replicas fire, the sums are right all the same.
SET session_replication_role = replica;
SELECT pg_temp.buy();
RESET session_replication_role;
-- A transaction that only reads buys nothing.
BEGIN READ ONLY;
SELECT pg_temp.buy();
ROLLBACK;
RESET track_functions;
UPDATE commerce.promotions SET status = 'ended' WHERE id = :'promotion';
