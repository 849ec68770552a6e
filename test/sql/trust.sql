-- What a caller must not get by asking cleverly: another order's payment, a state without the money, his own tax class,
-- a superuser's rights; and what must go on working when others drop, create and query in parallel.
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
SET client_min_messages = notice;
CREATE ROLE trust_app;
GRANT commerce_app TO trust_app;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('trust-A', true), ('trust-U', false);
INSERT INTO commerce.prices (sku, price) VALUES ('trust-A', '100 EUR'), ('trust-U', '10 EUR');
SELECT commerce.receive_stock('trust-A', 100);

-- A provider's reference belongs to one order.
SELECT commerce.checkout('[{"sku": "trust-A", "quantity": 1}]') AS one \gset
SELECT commerce.checkout('[{"sku": "trust-A", "quantity": 2}]') AS two \gset
SELECT commerce.authorize_payment(:'one', '10 EUR', 'trust-ref') AS payment \gset
SELECT commerce.authorize_payment(:'one', '10 EUR', 'trust-ref') = :'payment' AS replayed;
\set VERBOSITY sqlstate
SELECT commerce.authorize_payment(:'two', '10 EUR', 'trust-ref');
\set VERBOSITY terse

-- An event moves no money, and so reaches no state that says so.
SET ROLE trust_app;
SELECT commerce.payment_event(:'payment', 'capture');
SELECT commerce.payment_event(:'payment', 'capture_part');
SELECT commerce.capture_payment(:'payment', '4 EUR');
SELECT commerce.payment_event(:'payment', 'refund');
SELECT commerce.refund_payment(:'payment', '4 EUR');

-- What promotions and taxes look at comes from the catalogue.
SELECT commerce.checkout('[{"sku": "trust-A", "quantity": 1, "tax_class": "none"}]');
SELECT commerce.checkout('[{"sku": "trust-A", "quantity": 1, "tags": ["staff"]}]');
SELECT commerce.checkout('[{"sku": "trust-A", "quantity": 1, "attributes": {}}]');
SELECT commerce.checkout('[{"sku": "trust-A", "quantity": 1, "title": "Engraved"}]') IS NOT NULL AS titled;
RESET ROLE;

-- A superuser's REINDEX runs other people's functions with their rights, not with his.
CREATE SCHEMA trust AUTHORIZATION trust_app;
GRANT USAGE ON SCHEMA trust TO commerce_owner;
SET ROLE trust_app;
CREATE FUNCTION trust.cheap(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM commerce.checkout('[{"sku": "trust-A", "quantity": 1, "unit_price": "0.01 EUR"}]');
    RETURN $1;
EXCEPTION WHEN SQLSTATE 'CM042' THEN
    RETURN $1;
END
$$;
CREATE TABLE trust.bait (a integer);
INSERT INTO trust.bait VALUES (1);
CREATE INDEX ON trust.bait (trust.cheap(a));
RESET ROLE;
REINDEX TABLE trust.bait;
SELECT count(*) FROM commerce.order_lines WHERE sku = 'trust-A' AND commerce.minor_units(unit_price) = 1;

-- A report that is inlined into the query it stands in finds no operator or aggregate of others in the search path there.
SET ROLE trust_app;
CREATE FUNCTION trust.within(timestamptz, tstzrange) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'as %', current_user; END $$;
CREATE OPERATOR trust.<@ (LEFTARG = timestamptz, RIGHTARG = tstzrange, FUNCTION = trust.within);
CREATE FUNCTION trust.gather(commerce.sold_line[], commerce.sold_line) RETURNS commerce.sold_line[] LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'as %', current_user; END $$;
CREATE AGGREGATE trust.array_agg(commerce.sold_line) (SFUNC = trust.gather, STYPE = commerce.sold_line[]);
RESET ROLE;
SET search_path = trust, public;
SELECT count(*) > 0 AS orders, count(*) FILTER (WHERE units_affected > 0) > 0 AS affected FROM commerce.promotion_effects('{"benefit": "10% off order"}', '[2000-01-01, infinity)');
RESET search_path;
SET ROLE trust_app;
DROP AGGREGATE trust.array_agg(commerce.sold_line);
DROP FUNCTION trust.gather(commerce.sold_line[], commerce.sold_line);
DROP OPERATOR trust.<@ (timestamptz, tstzrange);
DROP FUNCTION trust.within(timestamptz, tstzrange);
RESET ROLE;

-- A table with rows in no state of the machine is not attached.
SELECT commerce.create_state_machine('trust', '{"initial": "a", "states": ["a", "b"],
    "transitions": [{"event": "go", "from": "a", "to": "b"}]}');
CREATE TABLE trust.things (id integer PRIMARY KEY, state text);
INSERT INTO trust.things VALUES (1, 'elsewhere');
SELECT commerce.attach_state_machine('trust.things', 'state', 'trust');
UPDATE trust.things SET state = NULL;
SELECT commerce.attach_state_machine('trust.things', 'state', 'trust');
UPDATE trust.things SET state = 'a';
SELECT commerce.attach_state_machine('trust.things', 'state', 'trust');

-- Guards are found by name at each call: a new one counts at once, a missing one stops its own transition only.
CREATE FUNCTION trust.may(jsonb, text, jsonb) RETURNS text LANGUAGE sql AS $$ SELECT 'yes' $$;
SELECT commerce.create_state_machine('trust', '{"initial": "a", "states": ["a", "b"],
    "transitions": [{"event": "go", "from": "a", "to": "b", "guard": "trust.may"}, {"event": "back", "from": "b", "to": "a"}]}');
DROP FUNCTION trust.may;
CREATE FUNCTION trust.may(jsonb, text, jsonb) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
SELECT commerce.create_state_machine('trust', '{"initial": "a", "states": ["a", "b"],
    "transitions": [{"event": "go", "from": "a", "to": "b", "guard": "trust.may"}, {"event": "back", "from": "b", "to": "a"}]}');
UPDATE trust.things SET state = 'b';
UPDATE trust.things SET state = 'a';
DROP FUNCTION trust.may;
CREATE FUNCTION trust.may(jsonb, text, jsonb) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
UPDATE trust.things SET state = 'b';
DROP FUNCTION trust.may;
UPDATE trust.things SET state = 'b';
SELECT commerce.order_event(:'two', 'confirm');

-- A whole number is whole however it is written.
SELECT commerce.fulfil(:'one', '[{"sku": "trust-A", "quantity": 1.0}]') IS NOT NULL AS sent;

-- Prices and levels can be asked for from a parallel query, also by a session that has nothing cached.
\c -
SELECT commerce.uuidv7() IS NOT NULL AS library_loaded;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(commerce.quote('[{"sku": "trust-A", "quantity": 1}]')), count(commerce.available('trust-A'))
    FROM commerce.variants WHERE sku LIKE 'trust-%';

DROP SCHEMA trust CASCADE;
DELETE FROM commerce.transitions WHERE machine = 'trust';
DELETE FROM commerce.state_machines WHERE name = 'trust';
DROP ROLE trust_app;
