-- Sessions compile of promotions only what has changed. Whatever is done to the table, a quote is what it would be if all
-- were compiled anew, which promotions that are brought to a quote are.
\set VERBOSITY terse
DO $$ BEGIN PERFORM commerce.create_shop('EUR'); END $$;
SET search_path = public;
INSERT INTO commerce.channels (code) VALUES ('changes');
INSERT INTO commerce.variants (sku) SELECT 'change-' || i FROM generate_series(1, 8) i;
INSERT INTO commerce.prices (sku, price) SELECT 'change-' || i, commerce.from_minor(1000 + 137 * i, 'EUR') FROM generate_series(1, 8) i;
UPDATE commerce.promotions SET status = 'ended';

-- All lines with what each promotion took off; by the table, and by promotions brought along.
CREATE FUNCTION pg_temp.by_table() RETURNS jsonb LANGUAGE sql AS $$ SELECT commerce.quote((SELECT jsonb_agg(jsonb_build_object('sku', 'change-' || i, 'quantity', i)) FROM generate_series(1, 8) i), channel => 'changes') -> 'lines' $$;
CREATE FUNCTION pg_temp.anew() RETURNS jsonb LANGUAGE sql AS $$ SELECT commerce.quote((SELECT jsonb_agg(jsonb_build_object('sku', 'change-' || i, 'quantity', i)) FROM generate_series(1, 8) i), channel => 'changes',
    options => jsonb_build_object('promotions', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'name', p.name, 'status', p.status, 'priority', p.priority, 'lane', p.lane, 'stop_line', p.stop_line, 'channels', p.channels,
        'condition', p.condition::text, 'benefit', p.benefit::text)), '[]') FROM commerce.promotions p WHERE p.status = 'active'))) -> 'lines' $$;
CREATE FUNCTION pg_temp.discount() RETURNS bigint LANGUAGE sql AS $$ SELECT sum((l #>> '{discount,minor}')::bigint)::bigint FROM jsonb_array_elements(pg_temp.by_table()) l $$;

-- One statement of any kind.
CREATE FUNCTION pg_temp.change() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    benefits text[] := ARRAY['%s%% off lines where sku = ''change-%s''', '0.%s1 EUR off units where sku in (''change-%s'', ''change-1'')', '%s%% off order where sku <> ''change-%s''', '1.%s0 EUR off lines, at most %s EUR'];
    gives text := format(benefits[1 + floor(random() * 4)::int], 1 + floor(random() * 9)::int, 1 + floor(random() * 8)::int);
    which uuid := (SELECT p.id FROM commerce.promotions p WHERE p.channels = '{changes}' ORDER BY random() LIMIT 1);
BEGIN
    CASE floor(random() * 8)::int
        WHEN 0, 1 THEN INSERT INTO commerce.promotions (name, channels, status, priority, lane, benefit)
            SELECT 'change', '{changes}', CASE WHEN random() < 0.2 THEN 'draft' ELSE 'active' END, floor(random() * 5), CASE WHEN random() < 0.3 THEN 'pre' ELSE 'default' END, gives::commerce.benefit FROM generate_series(1, 1 + (random() * 2)::int);
        WHEN 2, 3 THEN UPDATE commerce.promotions p SET benefit = gives::commerce.benefit WHERE p.id = which;
        WHEN 4 THEN UPDATE commerce.promotions p SET priority = floor(random() * 5), stop_line = random() < 0.2 WHERE p.id = which OR random() < 0.1 AND p.channels = '{changes}';
        WHEN 5 THEN UPDATE commerce.promotions p SET status = CASE WHEN random() < 0.5 THEN 'active' WHEN random() < 0.5 THEN 'draft' ELSE 'ended' END WHERE p.id = which;
        WHEN 6 THEN DELETE FROM commerce.promotions p WHERE p.id = which;
        -- Gone and there again, with the same id.
        ELSE DELETE FROM commerce.promotions p WHERE p.id = which;
            INSERT INTO commerce.promotions (id, name, channels, benefit) SELECT which, 'change again', '{changes}', gives::commerce.benefit WHERE which IS NOT NULL;
    END CASE;
END
$$;

-- Changes, quotes between them or not, savepoints given up, transactions committed or rolled back.
SELECT setseed(0.42);
CREATE TEMP TABLE compared (what text, differs boolean, discount bigint);
DO $$
BEGIN
    FOR n IN 1..400 LOOP
        PERFORM pg_temp.change();
        IF random() < 0.3 THEN
            BEGIN
                PERFORM pg_temp.change();
                IF random() < 0.5 THEN
                    PERFORM pg_temp.by_table();
                END IF;
                RAISE EXCEPTION USING ERRCODE = 'ZZ001';
            EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
            END;
        END IF;
        IF random() < 0.02 THEN
            DELETE FROM commerce.promotions p WHERE p.channels = '{changes}' AND random() < 0.7;
        END IF;
        IF random() < 0.7 THEN
            INSERT INTO compared SELECT 'step ' || n, pg_temp.by_table() <> pg_temp.anew(), pg_temp.discount();
        END IF;
        IF random() < 0.5 THEN
            COMMIT;
        ELSIF random() < 0.4 THEN
            ROLLBACK;
        END IF;
    END LOOP;
END
$$;
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE differs) AS differ, count(DISTINCT discount) > 50 AS of_many_kinds FROM compared;

-- One row, whose discount can be checked by eye: 1 % of 639.48 EUR and so on.
DELETE FROM commerce.promotions WHERE channels = '{changes}';
INSERT INTO commerce.promotions (id, name, channels, benefit) VALUES ('00000000-0000-0000-0000-0000000000c1', 'one', '{changes}', '1% off order');
SELECT pg_temp.discount();
-- Its file changes, and rows come to other places.
VACUUM FULL commerce.promotions;
SELECT pg_temp.discount();
UPDATE commerce.promotions SET benefit = '2% off order' WHERE name = 'one';
VACUUM commerce.promotions;
SELECT pg_temp.discount();
DELETE FROM commerce.promotions WHERE name = 'one';
VACUUM commerce.promotions;
INSERT INTO commerce.promotions (id, name, channels, benefit) VALUES ('00000000-0000-0000-0000-0000000000c1', 'one', '{changes}', '3% off order');
SELECT pg_temp.discount();
-- Of three rows by one transaction the first goes, and the others come to the places of those before them.
INSERT INTO commerce.promotions (name, channels, benefit) SELECT 'some', '{changes}', format('%s EUR off order', n)::commerce.benefit FROM unnest(ARRAY[1, 10, 100]) n;
VACUUM FULL commerce.promotions;
SELECT pg_temp.discount();
DELETE FROM commerce.promotions WHERE name = 'some' AND benefit::text = '1 EUR off order';
VACUUM FULL commerce.promotions;
SELECT pg_temp.discount();
DELETE FROM commerce.promotions WHERE name = 'some';
-- The same transaction empties the same file twice, and writes to the same place.
BEGIN;
TRUNCATE commerce.promotions CASCADE;
INSERT INTO commerce.promotions (id, name, channels, benefit) VALUES ('00000000-0000-0000-0000-0000000000c1', 'one', '{changes}', '4% off order') RETURNING ctid;
SELECT pg_temp.discount();
TRUNCATE commerce.promotions CASCADE;
INSERT INTO commerce.promotions (id, name, channels, benefit) VALUES ('00000000-0000-0000-0000-0000000000c1', 'one', '{changes}', '5% off order') RETURNING ctid;
SELECT pg_temp.discount();
TRUNCATE commerce.promotions CASCADE;
SELECT pg_temp.discount();
ROLLBACK;
SELECT pg_temp.discount();
-- A column goes and comes again, and says something else of rows that nobody wrote; two change their names.
ALTER TABLE commerce.promotions ADD COLUMN colour text NOT NULL DEFAULT 'active';
SELECT pg_temp.discount();
BEGIN;
DELETE FROM commerce.promotions WHERE channels <> '{changes}';
ALTER TABLE commerce.promotions RENAME COLUMN benefit TO former;
ALTER TABLE commerce.promotions ADD COLUMN benefit commerce.benefit NOT NULL DEFAULT '6% off order';
SELECT pg_temp.discount();
ALTER TABLE commerce.promotions RENAME COLUMN benefit TO latter;
ALTER TABLE commerce.promotions RENAME COLUMN former TO benefit;
SELECT pg_temp.discount();
ALTER TABLE commerce.promotions DROP COLUMN latter;
ALTER TABLE commerce.promotions RENAME COLUMN benefit TO former;
ALTER TABLE commerce.promotions ADD COLUMN benefit commerce.benefit NOT NULL DEFAULT '7% off order';
SELECT pg_temp.discount();
ROLLBACK;
SELECT pg_temp.discount();
ALTER TABLE commerce.promotions DROP COLUMN colour;
SELECT pg_temp.discount();
-- Rows of a child are read as well.
BEGIN;
CREATE TABLE commerce.more_promotions () INHERITS (commerce.promotions);
INSERT INTO commerce.more_promotions (name, channels, benefit) VALUES ('child', '{changes}', '1% off shipping'), ('child', '{changes}', '1 EUR off order');
UPDATE commerce.promotions SET name = 'the one' WHERE name = 'one';
SELECT pg_temp.discount();
UPDATE commerce.more_promotions SET benefit = '2 EUR off order' WHERE benefit::text = '1 EUR off order';
UPDATE commerce.promotions SET name = 'one' WHERE name = 'the one';
SELECT pg_temp.discount();
ROLLBACK;
SELECT pg_temp.discount();
UPDATE commerce.promotions SET status = 'ended' WHERE channels = '{changes}';
SELECT pg_temp.discount();
