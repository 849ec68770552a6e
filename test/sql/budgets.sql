-- Limits and budgets of promotions: what orders claim, what is refused, what a cancel gives back. All here is on channel
-- budget alone, and gone when the file ends. Whatever happens, what budget_left() says is what the claims leave.
\set SHOW_CONTEXT never
\a
\pset footer off
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.channels (code) VALUES ('budget'), ('budget-usd');
UPDATE commerce.channels SET currency = 'USD' WHERE code = 'budget-usd';
INSERT INTO commerce.variants (sku, track_stock) VALUES ('budget-a', false);
INSERT INTO commerce.prices (sku, price) VALUES ('budget-a', '10 EUR'), ('budget-a', '10 USD');
CREATE TEMP TABLE named (name text PRIMARY KEY, id uuid NOT NULL);
GRANT SELECT ON named TO PUBLIC;

-- A promotion by name, on the test's channels alone; where no code is named it has one that every order here enters, since a
-- promotion that applies by itself and has nothing left is simply not part of an order.
CREATE FUNCTION pg_temp.promote(name text, benefit text DEFAULT '10% off order', code text DEFAULT NULL, code_uses bigint DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    WITH made AS (INSERT INTO commerce.promotions (name, benefit, condition, needs_code)
            VALUES ('budget ' || name, benefit::commerce.benefit, 'channel in (''budget'', ''budget-usd'')', true) RETURNING id),
        kept AS (INSERT INTO named SELECT name, id FROM made)
    INSERT INTO commerce.promotion_codes (code, promotion, uses) SELECT coalesce(code, 'AUTO-' || upper(name)), id, code_uses FROM made
$$;
CREATE FUNCTION pg_temp.the(name text) RETURNS uuid STABLE LANGUAGE sql AS $$ SELECT n.id FROM named n WHERE n.name = the.name $$;
-- A budget of it by name.
CREATE FUNCTION pg_temp.budget(name text, promotion text, uses bigint DEFAULT NULL, spend text DEFAULT NULL, per text DEFAULT 'all', attribute text DEFAULT NULL, exceeded text DEFAULT 'refuse', reusable boolean DEFAULT true)
RETURNS void LANGUAGE sql AS $$
    WITH made AS (INSERT INTO commerce.budgets (promotion, uses, spend, per, attribute, exceeded, reusable)
        VALUES (pg_temp.the(promotion), uses, spend::commerce.amount, per, attribute, exceeded, reusable) RETURNING id)
    INSERT INTO named SELECT name, id FROM made
$$;
CREATE FUNCTION pg_temp.with_names(said text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n record;
BEGIN
    FOR n IN SELECT * FROM named LOOP
        said := replace(said, n.id::text, '<' || n.name || '>');
    END LOOP;
    RETURN said;
END $$;
-- Buys so many units; says what came off, or why not.
CREATE FUNCTION pg_temp.buy(quantity bigint DEFAULT 1, codes text[] DEFAULT NULL, customer uuid DEFAULT NULL, channel text DEFAULT 'budget', name text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
    detail text;
    hint text;
BEGIN
    SELECT codes || array_agg(c.code ORDER BY c.code) INTO codes FROM commerce.promotion_codes c JOIN commerce.promotions p ON p.id = c.promotion
        WHERE c.code LIKE 'AUTO-%' AND p.name LIKE 'budget %' AND p.status = 'active';
    made := commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'budget-a', 'quantity', quantity)), codes, customer, channel);
    IF name IS NOT NULL THEN
        INSERT INTO named VALUES (name, made);
    END IF;
    RETURN (SELECT o.discount || ' off' FROM commerce.orders o WHERE o.id = made);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN pg_temp.with_names(concat_ws(' | ', SQLSTATE, SQLERRM, detail, hint));
END $$;
-- What is left of each budget and key; where counters and tables differ, that.
CREATE FUNCTION pg_temp.left() RETURNS TABLE (budget text, key text, "left" bigint, wrong text) LANGUAGE sql AS $$
    SELECT n.name, pg_temp.with_names(k.key), commerce.budget_left(b.id, k.key),
        CASE WHEN commerce.budget_left(b.id, k.key) <> greatest(0, coalesce(b.uses, commerce.minor_units(b.spend)) - coalesce((SELECT sum(c.amount_taken)
            FROM commerce.claims c WHERE c.budget = b.id AND c.key = k.key AND c.state <> 'released'), 0)) THEN 'differs' END
    FROM commerce.budgets b JOIN named n USING (id),
        LATERAL (SELECT '' WHERE b.per = 'all' UNION SELECT c.key FROM commerce.claims c WHERE c.budget = b.id) k (key)
    ORDER BY n.name COLLATE "C", pg_temp.with_names(k.key) COLLATE "C"
$$;
CREATE FUNCTION pg_temp.done() RETURNS void LANGUAGE sql AS $$
    UPDATE commerce.promotions SET status = 'ended' WHERE name LIKE 'budget %' AND status = 'active';
    DELETE FROM commerce.budgets WHERE promotion IN (SELECT p.id FROM commerce.promotions p WHERE p.name LIKE 'budget %')
$$;

-- What no budget can be.
SELECT pg_temp.promote('nothing');
\set VERBOSITY terse
INSERT INTO commerce.budgets (promotion) VALUES (pg_temp.the('nothing'));
INSERT INTO commerce.budgets (promotion, uses, spend) VALUES (pg_temp.the('nothing'), 1, '1 EUR');
INSERT INTO commerce.budgets (promotion, uses) VALUES (pg_temp.the('nothing'), -1);
INSERT INTO commerce.budgets (promotion, spend) VALUES (pg_temp.the('nothing'), '-0.01 EUR');
INSERT INTO commerce.budgets (promotion, uses, per) VALUES (pg_temp.the('nothing'), 1, 'household');
INSERT INTO commerce.budgets (promotion, uses, per) VALUES (pg_temp.the('nothing'), 1, 'attribute');
INSERT INTO commerce.budgets (promotion, uses, attribute) VALUES (pg_temp.the('nothing'), 1, 'company');
INSERT INTO commerce.budgets (promotion, uses, exceeded) VALUES (pg_temp.the('nothing'), 1, 'rest');
INSERT INTO commerce.budgets (id, promotion, uses) VALUES (pg_temp.the('nothing'), pg_temp.the('nothing'), 1);
INSERT INTO commerce.budgets (promotion, uses) VALUES (gen_random_uuid(), 1);
UPDATE commerce.promotion_codes SET uses = -1;
\set VERBOSITY default
SELECT pg_temp.done();

-- So many uses; an order that the promotion does nothing for takes none.
SELECT pg_temp.promote('uses'), pg_temp.budget('two', 'uses', uses => 2);
SELECT pg_temp.buy();
SELECT pg_temp.buy(channel => 'default');
SELECT pg_temp.buy(100);
SELECT pg_temp.buy();
SELECT * FROM pg_temp.left();
SELECT s.per, s.limit, s.used, s.left, s.currency, s.keys FROM commerce.budget_status s WHERE s.promotion = pg_temp.the('uses');
SELECT count(*) AS orders FROM commerce.orders WHERE channel = 'budget';
-- The limit counts as it is now: raised, lowered below what is used, none, gone.
UPDATE commerce.budgets SET uses = 3 WHERE id = pg_temp.the('two');
SELECT pg_temp.buy(name => 'third');
UPDATE commerce.budgets SET uses = 1 WHERE id = pg_temp.the('two');
SELECT pg_temp.buy();
SELECT s.limit, s.used, s.left, commerce.budget_left(s.budget) FROM commerce.budget_status s WHERE s.budget = pg_temp.the('two');
SELECT commerce.order_event(pg_temp.the('third'), 'cancel');
SELECT pg_temp.buy() AS still_over;
UPDATE commerce.budgets SET uses = 0 WHERE id = pg_temp.the('two');
SELECT pg_temp.buy() AS none;
DELETE FROM commerce.budgets WHERE id = pg_temp.the('two');
SELECT pg_temp.buy() AS no_limit, commerce.budget_left(pg_temp.the('two')) AS "left";
SELECT pg_temp.done();

-- So much money: the discount has to be covered whole. A budget of another currency gives nothing in this one.
SELECT pg_temp.promote('spend'), pg_temp.budget('ten', 'spend', spend => '10 EUR', exceeded => 'rest');
SELECT pg_temp.buy(6, name => 'six'), pg_temp.buy(4, name => 'four');
SELECT pg_temp.buy();
SELECT commerce.order_event(pg_temp.the('four'), 'cancel');
SELECT pg_temp.buy(5);
SELECT pg_temp.buy(3);
SELECT * FROM pg_temp.left();
SELECT s.per, s.limit, s.used, s.left, s.currency FROM commerce.budget_status s WHERE s.promotion = pg_temp.the('spend');
SELECT pg_temp.buy(channel => 'budget-usd');
SELECT pg_temp.budget('times', 'spend', uses => 9), pg_temp.budget('strict', 'spend', spend => '0.80 EUR');
SELECT pg_temp.buy();
SELECT * FROM commerce.promotion_left(pg_temp.the('spend'));
SELECT * FROM commerce.promotion_left(pg_temp.the('spend'), currency => 'USD');
UPDATE commerce.budgets SET spend = '5 EUR' WHERE id = pg_temp.the('strict');
SELECT * FROM commerce.promotion_left(pg_temp.the('spend'));
-- What it counts stays what it counts.
\set VERBOSITY terse
UPDATE commerce.budgets SET spend = '10 USD' WHERE id = pg_temp.the('ten');
\set VERBOSITY sqlstate
UPDATE commerce.budgets SET spend = NULL, uses = 1, exceeded = 'refuse' WHERE id = pg_temp.the('ten');
\set VERBOSITY default
SELECT pg_temp.done();

-- Per customer, e-mail address, code and attribute: each has the limit for itself, and who has no such thing gets nothing.
SELECT commerce.create_customer('budget-one@example.com', attributes => '{"company": {"id": "acme"}}') AS ann,
    commerce.create_customer('budget-two@example.com', attributes => '{"company": {"id": "acme"}}') AS bob \gset
INSERT INTO commerce.customers (attributes) VALUES (jsonb_build_object('company', jsonb_build_object('id', repeat('long ', 30)))) RETURNING id AS cid \gset
INSERT INTO named VALUES ('ann', :'ann'), ('bob', :'bob'), ('cid', :'cid');
SELECT pg_temp.promote('customer'), pg_temp.budget('once each', 'customer', uses => 1, per => 'customer');
SELECT pg_temp.buy(), pg_temp.buy(customer => :'ann'), pg_temp.buy(customer => :'bob');
SELECT pg_temp.buy(customer => :'ann');
SELECT pg_temp.buy(customer => gen_random_uuid()) AS nobody;
SELECT * FROM pg_temp.left();
SELECT s.per, s.limit, s.used, s.left, s.keys FROM commerce.budget_status s WHERE s.budget = pg_temp.the('once each');
SELECT commerce.budget_left(pg_temp.the('once each')) AS whose, commerce.budget_left(pg_temp.the('once each'), :'ann') AS ann,
    commerce.budget_left(pg_temp.the('once each'), gen_random_uuid()::text) AS new;
SELECT * FROM commerce.promotion_left(pg_temp.the('customer'));
SELECT * FROM commerce.promotion_left(pg_temp.the('customer'), customer => :'ann');
SELECT * FROM commerce.promotion_left(pg_temp.the('customer'), customer => :'cid');
SELECT pg_temp.done();

SELECT pg_temp.promote('email'), pg_temp.budget('a mail', 'email', spend => '1.50 EUR', per => 'email');
SELECT pg_temp.buy(customer => :'ann'), pg_temp.buy(customer => :'bob');
SELECT pg_temp.buy(customer => :'ann');
SELECT pg_temp.buy(customer => :'cid') AS no_address;
SELECT s.used, s.left, s.keys, commerce.budget_left(s.budget, encode(commerce.blind('Budget-One@example.com', 'email'), 'hex')) AS ann
FROM commerce.budget_status s WHERE s.budget = pg_temp.the('a mail');
SELECT pg_temp.done();

SELECT pg_temp.promote('attribute'), pg_temp.budget('a company', 'attribute', uses => 2, per => 'attribute', attribute => 'company.id');
SELECT pg_temp.buy(customer => :'ann'), pg_temp.buy(customer => :'bob'), pg_temp.buy(customer => :'cid');
SELECT pg_temp.buy(customer => :'bob');
SELECT * FROM pg_temp.left();
UPDATE commerce.customers SET attributes = '{"company": "acme"}' WHERE id = :'bob';
SELECT pg_temp.buy(customer => :'bob') AS no_id;
SELECT pg_temp.done();

-- Codes: each its own limit, that of the promotion per code, and that of both together. The first code that was entered counts.
SELECT pg_temp.promote('code', code => 'BUDGET-1', code_uses => 1), pg_temp.budget('a code', 'code', uses => 2, per => 'code'), pg_temp.budget('three in all', 'code', uses => 3);
INSERT INTO commerce.promotion_codes (code, promotion) VALUES ('BUDGET-2', pg_temp.the('code')), ('BUDGET-3', pg_temp.the('code'));
SELECT pg_temp.buy(codes => '{budget-1}', name => 'by code');
SELECT pg_temp.buy(codes => '{budget-1}');
SELECT pg_temp.buy(codes => '{budget-2,budget-1}');
SELECT pg_temp.buy(codes => '{" budget-2 "}');
SELECT pg_temp.buy(codes => '{budget-3}');
SELECT * FROM pg_temp.left();
SELECT commerce.budget_left(pg_temp.the('code'), 'code:BUDGET-1') AS "1", commerce.budget_left(pg_temp.the('code'), 'code:BUDGET-2') AS "2", commerce.budget_left(pg_temp.the('code'), 'code:NONE') AS "none";
SELECT * FROM commerce.promotion_left(pg_temp.the('code'), 'budget-1');
SELECT * FROM commerce.promotion_left(pg_temp.the('code'));
SELECT commerce.order_event(pg_temp.the('by code'), 'cancel');
SELECT commerce.budget_left(pg_temp.the('code'), 'code:BUDGET-1') AS "1";
SELECT * FROM commerce.promotion_left(pg_temp.the('code'), 'budget-1');
SELECT pg_temp.buy(codes => '{budget-1}');
-- A code with a name that no counter has room for.
INSERT INTO commerce.promotion_codes (code, promotion, uses) VALUES (repeat('LONG-CODE-', 20), pg_temp.the('code'), 1);
UPDATE commerce.budgets SET uses = 100 WHERE promotion = pg_temp.the('code');
SELECT pg_temp.buy(codes => ARRAY[repeat('long-code-', 20)]);
SELECT left(pg_temp.buy(codes => ARRAY[repeat('long-code-', 20)]), 5) AS again, commerce.budget_left(pg_temp.the('code'), 'code:' || repeat('LONG-CODE-', 20));
SELECT pg_temp.done();

-- A cancel gives back once, by whatever way, and what is not reusable never.
SELECT pg_temp.promote('cancel'), pg_temp.budget('kept', 'cancel', uses => 5, reusable => false), pg_temp.budget('returned', 'cancel', uses => 5), pg_temp.budget('money', 'cancel', spend => '5 EUR');
SELECT pg_temp.buy(name => 'x'), pg_temp.buy(name => 'y'), pg_temp.buy(name => 'z');
SELECT commerce.order_event(pg_temp.the('x'), 'cancel');
SELECT commerce.order_event(pg_temp.the('x'), 'cancel');
UPDATE commerce.orders SET state = 'cancelled' WHERE id = pg_temp.the('y');
BEGIN;
SELECT commerce.order_event(pg_temp.the('z'), 'cancel');
ROLLBACK;
SELECT * FROM pg_temp.left();
SELECT n.name, c.state, count(*) FROM commerce.claims c JOIN named n ON n.id = c.order_id WHERE c.promotion = pg_temp.the('cancel') GROUP BY 1, 2 ORDER BY 1, 2;
-- In one transaction: what is given back is there for the transaction itself.
UPDATE commerce.budgets SET uses = 3 WHERE id = pg_temp.the('kept');
UPDATE commerce.budgets SET uses = 4 WHERE id = pg_temp.the('kept');
UPDATE commerce.budgets SET uses = 1 WHERE id = pg_temp.the('returned');
BEGIN;
SELECT commerce.order_event(pg_temp.the('z'), 'cancel');
SELECT pg_temp.buy();
SELECT pg_temp.buy();
SELECT * FROM pg_temp.left();
COMMIT;
SELECT * FROM pg_temp.left();
SELECT pg_temp.done();

-- What is rolled back was not used: to a savepoint, in a block, by an error after the claim.
SELECT pg_temp.promote('undo'), pg_temp.budget('undone', 'undo', uses => 2);
BEGIN;
SAVEPOINT before;
SELECT pg_temp.buy(), pg_temp.buy();
SELECT pg_temp.buy();
ROLLBACK TO before;
SELECT pg_temp.buy();
DO $$ BEGIN PERFORM pg_temp.buy(); RAISE 'no'; EXCEPTION WHEN raise_exception THEN END $$;
SELECT * FROM pg_temp.left();
COMMIT;
INSERT INTO commerce.variants (sku) VALUES ('budget-none');
INSERT INTO commerce.prices (sku, price) VALUES ('budget-none', '10 EUR');
\set VERBOSITY terse
SELECT commerce.checkout('[{"sku": "budget-none", "quantity": 1}]', channel => 'budget') AS out_of_stock;
\set VERBOSITY default
SELECT * FROM pg_temp.left();
SELECT pg_temp.done();

-- By hand, a replica's rows too.
SELECT pg_temp.promote('hand', code => 'BUDGET-HAND', code_uses => 5), pg_temp.budget('by hand', 'hand', uses => 5);
SELECT pg_temp.buy(codes => '{budget-hand}');
INSERT INTO commerce.claims (order_id, budget, key, promotion, amount_taken) SELECT n::text::uuid, b.id, k, pg_temp.the('hand'), 1
    FROM (VALUES ('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000002')) v (n), (VALUES (pg_temp.the('by hand'), ''), (pg_temp.the('hand'), 'code:BUDGET-HAND')) b (id, k);
CREATE FUNCTION pg_temp.hand() RETURNS TABLE (in_all bigint, by_code bigint, wrong text) LANGUAGE sql AS $$
    SELECT l.left, commerce.budget_left(pg_temp.the('hand'), 'code:BUDGET-HAND'), l.wrong FROM pg_temp.left() l $$;
SELECT * FROM pg_temp.hand();
UPDATE commerce.claims SET amount_taken = 2 WHERE order_id = '00000000-0000-0000-0000-000000000001';
SELECT * FROM pg_temp.hand();
UPDATE commerce.claims SET state = 'released' WHERE order_id = '00000000-0000-0000-0000-000000000001';
SELECT * FROM pg_temp.hand();
UPDATE commerce.claims SET state = 'used' WHERE order_id = '00000000-0000-0000-0000-000000000001';
SELECT * FROM pg_temp.hand();
SET session_replication_role = replica;
DELETE FROM commerce.claims WHERE order_id = '00000000-0000-0000-0000-000000000001';
RESET session_replication_role;
SELECT * FROM pg_temp.hand();
UPDATE commerce.claims SET key = 'other' WHERE order_id = '00000000-0000-0000-0000-000000000002';
SELECT * FROM pg_temp.hand();
UPDATE commerce.claims SET amount_taken = 9 WHERE order_id = '00000000-0000-0000-0000-000000000002' AND budget = pg_temp.the('by hand');
UPDATE commerce.claims SET key = '' WHERE order_id = '00000000-0000-0000-0000-000000000002' AND budget = pg_temp.the('by hand');
SELECT * FROM pg_temp.hand();
SELECT pg_temp.buy(codes => '{budget-hand}');
BEGIN;
TRUNCATE commerce.claims;
SELECT pg_temp.buy(codes => '{budget-hand}');
SELECT * FROM pg_temp.hand();
ROLLBACK;
SELECT * FROM pg_temp.hand();
BEGIN;
TRUNCATE commerce.claims;
COMMIT;
SELECT * FROM pg_temp.hand();
SELECT pg_temp.buy(codes => '{budget-hand}');
SELECT * FROM pg_temp.hand();

-- The table is the user's: what his triggers make of a claim is what counts.
CREATE FUNCTION pg_temp.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.key = '' THEN
        RETURN NULL;
    END IF;
    NEW.amount_taken := 2;
    RETURN NEW;
END $$;
CREATE TRIGGER meddle BEFORE INSERT ON commerce.claims FOR EACH ROW EXECUTE FUNCTION pg_temp.meddle();
SELECT pg_temp.buy(codes => '{budget-hand}');
DROP TRIGGER meddle ON commerce.claims;
SELECT * FROM pg_temp.hand();
SELECT pg_temp.done();

-- Roles: the application claims by buying.
\set VERBOSITY sqlstate
SET ROLE commerce_app;
INSERT INTO commerce.claims (order_id, budget, key, promotion, amount_taken) SELECT id, id, '', id, 1 FROM named LIMIT 1;
DELETE FROM commerce.claims;
UPDATE commerce.budgets SET uses = 1000;
SELECT commerce.create_codes(pg_temp.the('hand'), 1);
SELECT count(*) FROM commerce.budget_status WHERE promotion = pg_temp.the('hand');
SELECT state, count(*) FROM commerce.claims WHERE promotion = pg_temp.the('hand') GROUP BY 1;
SELECT key FROM commerce.claims;
RESET ROLE;
\set VERBOSITY default

-- Codes by the thousand: of the right form, all different, with their limit and time.
CREATE TEMP TABLE made AS SELECT c.code FROM commerce.create_codes(pg_temp.the('hand'), 1000, ' spring-', 8, 3, '[2040-01-01, 2041-01-01)') c (code);
SELECT count(*), count(DISTINCT code), bool_and(code ~ '^SPRING-[2-9A-HJKMNP-Z]{8}$') AS formed, count(DISTINCT letter) AS letters
FROM made, regexp_split_to_table(substr(code, 8), '') letter;
SELECT count(*), min(c.uses), max(c.uses), min(lower(c.valid)) = '2040-01-01', max(upper(c.valid)) = '2041-01-01' FROM commerce.promotion_codes c JOIN made USING (code) WHERE c.promotion = pg_temp.the('hand');
SELECT length(c) FROM commerce.create_codes(promotion => pg_temp.the('hand'), count => 2) c;
SELECT count(*) AS unlimited FROM commerce.promotion_codes WHERE promotion = pg_temp.the('hand') AND uses IS NULL AND valid = '(,)';
SELECT commerce.create_codes(pg_temp.the('hand'), 0);
SELECT commerce.create_codes(pg_temp.the('hand'), 10000001);
SELECT commerce.create_codes(pg_temp.the('hand'), NULL);
SELECT commerce.create_codes(pg_temp.the('hand'), 1, length => 3);
SELECT commerce.create_codes(pg_temp.the('hand'), 1000000, length => 7);
SELECT commerce.create_codes(pg_temp.the('hand'), 1, length => 65);
SELECT commerce.create_codes(pg_temp.the('hand'), 1, length => -1);
SELECT commerce.create_codes(pg_temp.the('hand'), 1, uses => -1);
SELECT commerce.create_codes(pg_temp.the('hand'), 1, prefix => repeat('x', 65));
SELECT commerce.create_codes(NULL, 1);
SELECT commerce.create_codes('00000000-0000-0000-0000-000000000001', 1);
-- It can be cancelled, and leaves nothing.
SET statement_timeout = '200ms';
SELECT count(*) FROM commerce.create_codes(pg_temp.the('hand'), 10000000);
RESET statement_timeout;
SELECT count(*) FROM commerce.promotion_codes WHERE promotion = pg_temp.the('hand');

DELETE FROM commerce.promotion_codes WHERE promotion IN (SELECT id FROM commerce.promotions WHERE name LIKE 'budget %');
DELETE FROM commerce.customers WHERE id IN (:'ann', :'bob', :'cid');
