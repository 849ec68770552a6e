-- commerce.price_history, lowest_price() and quote() at a time that has passed.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
-- Days of 24 hours.
SET timezone = 'UTC';
INSERT INTO commerce.channels (code, currency) VALUES ('past-web', NULL), ('past-us', 'USD');
INSERT INTO commerce.customer_groups (code) VALUES ('past-vip');
INSERT INTO commerce.variants (sku) SELECT 'past-' || n FROM unnest('{A,B,C,D,E,F,G,none}'::text[]) n;

-- What was recorded of a sku: prices with their days (ago) and whether each begins where the one before it ends.
CREATE FUNCTION pg_temp.recorded(sku text) RETURNS TABLE (price commerce.amount, days_ago text, no_gap boolean) LANGUAGE sql AS $$
    SELECT h.price, concat(extract(day FROM now() - lower(h.during)), ' to ', CASE WHEN upper(h.during) = 'infinity' THEN 'now'
        ELSE extract(day FROM now() - upper(h.during))::text END), lower(h.during) = lag(upper(h.during)) OVER w
    FROM commerce.price_history h WHERE h.sku = $1 WINDOW w AS (PARTITION BY h.id ORDER BY h.during) ORDER BY h.during, h.price
$$;
-- Lets days pass.
CREATE PROCEDURE pg_temp.pass(days integer) LANGUAGE sql AS $$
    UPDATE commerce.price_history SET during = tstzrange(lower(during) - days * interval '1 day', upper(during) - days * interval '1 day')
        WHERE sku LIKE 'past-%';
    UPDATE commerce.price_list_history SET during = tstzrange(lower(during) - days * interval '1 day', upper(during) - days * interval '1 day')
        WHERE code LIKE 'past-%';
$$;
CREATE FUNCTION pg_temp.was(sku text, days numeric, channel text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT commerce.quote(jsonb_build_array(jsonb_build_object('sku', sku, 'quantity', 1)), channel => channel,
        at => now() - days * interval '1 day') #>> '{lines,0,unit_price,amount}'
$$;

-- Every way of changing a price.
INSERT INTO commerce.prices (sku, price) VALUES ('past-A', '10 EUR') RETURNING id AS a \gset
CALL pg_temp.pass(5);
UPDATE commerce.prices SET price = '9 EUR' WHERE id = :'a';
UPDATE commerce.prices SET price = '9.00 EUR' WHERE id = :'a';
CALL pg_temp.pass(4);
INSERT INTO commerce.prices (sku, id, price) VALUES ('past-A', :'a', '8 EUR') ON CONFLICT (sku, id) DO UPDATE SET price = excluded.price;
CALL pg_temp.pass(3);
MERGE INTO commerce.prices p USING (SELECT :'a'::uuid AS id) s ON p.id = s.id WHEN MATCHED THEN UPDATE SET price = '7 EUR';
CALL pg_temp.pass(2);
DELETE FROM commerce.prices WHERE id = :'a';
CALL pg_temp.pass(1);
COPY commerce.prices (sku, price) FROM STDIN;
past-A	6 EUR
past-A	5 USD
\.
SELECT * FROM pg_temp.recorded('past-A');
BEGIN;
TRUNCATE commerce.prices;
SELECT count(*) FILTER (WHERE upper(during) = 'infinity') AS applying, count(*) FILTER (WHERE sku = 'past-A') AS left FROM commerce.price_history;
ROLLBACK;
-- Another sku is another price; an application's role that may write prices needs no right to the history.
CALL pg_temp.pass(1);
UPDATE commerce.prices SET sku = 'past-B' WHERE sku = 'past-A' AND commerce.currency(price) = 'EUR';
CREATE ROLE regress_past;
GRANT USAGE ON SCHEMA commerce TO regress_past;
GRANT SELECT, UPDATE ON commerce.prices TO regress_past;
SET ROLE regress_past;
UPDATE commerce.prices SET price = '5.50 EUR' WHERE sku = 'past-B';
UPDATE commerce.price_history SET price = '1 EUR';
RESET ROLE;
REVOKE ALL ON commerce.prices FROM regress_past;
REVOKE ALL ON SCHEMA commerce FROM regress_past;
DROP ROLE regress_past;
SELECT * FROM pg_temp.recorded('past-A');
SELECT price, days_ago, no_gap FROM pg_temp.recorded('past-B');

-- What a transaction takes back itself was never offered, in a savepoint or not; what it replaces whole has no gap.
BEGIN;
INSERT INTO commerce.prices (sku, price) VALUES ('past-C', '1 EUR') RETURNING id AS c \gset
UPDATE commerce.prices SET price = '20 EUR' WHERE id = :'c';
SAVEPOINT s;
UPDATE commerce.prices SET price = '2 EUR' WHERE id = :'c';
ROLLBACK TO s;
UPDATE commerce.prices SET price = '3 EUR' WHERE id = :'c';
UPDATE commerce.prices SET price = '20 EUR' WHERE id = :'c';
COMMIT;
CALL pg_temp.pass(3);
BEGIN;
DELETE FROM commerce.prices WHERE sku = 'past-C';
INSERT INTO commerce.prices (sku, id, price) VALUES ('past-C', :'c', '15 EUR');
INSERT INTO commerce.prices (sku, price) VALUES ('past-C', '4 EUR');
DELETE FROM commerce.prices WHERE sku = 'past-C' AND commerce.minor_units(price) = 400;
COMMIT;
SELECT * FROM pg_temp.recorded('past-C');
SELECT commerce.lowest_price('past-C') AS lowest, pg_temp.was('past-C', 1) AS yesterday, pg_temp.was('past-C', 0) AS now;

-- A reduction of 10 days, two falls in it: what the label has to name, and what was lowest.
INSERT INTO commerce.prices (sku, price) VALUES ('past-D', '50 EUR') RETURNING id AS d \gset
CALL pg_temp.pass(60);
UPDATE commerce.prices SET price = '40 EUR' WHERE id = :'d';
CALL pg_temp.pass(15);
UPDATE commerce.prices SET price = '45 EUR' WHERE id = :'d';
CALL pg_temp.pass(20);
SELECT commerce.lowest_price('past-D') AS lowest, commerce.lowest_price('past-D', 19) AS of_19_days, commerce.lowest_price('past-D', 90) AS of_90_days,
    commerce.lowest_price('past-D', before_reduction => true) AS none_now, commerce.lowest_price('past-D', 2147483647) AS ever;
UPDATE commerce.prices SET price = '44 EUR' WHERE id = :'d';
CALL pg_temp.pass(6);
UPDATE commerce.prices SET price = '30 EUR' WHERE id = :'d';
CALL pg_temp.pass(4);
SELECT commerce.lowest_price('past-D') AS lowest, commerce.lowest_price('past-D', before_reduction => true) AS before,
    commerce.lowest_price('past-D', 19, before_reduction => true) AS of_19_days_before;
SELECT days, pg_temp.was('past-D', days) FROM unnest('{100,46,44,31,29,11,9,5,3,0,-5}'::numeric[]) days;
-- It rises: the reduction is over.
UPDATE commerce.prices SET price = '48 EUR' WHERE id = :'d';
SELECT commerce.lowest_price('past-D', before_reduction => true) AS lowest;

-- A sale by price list: switched on, then off. A list that is off offers nothing, a cheaper price behind a dearer one neither.
INSERT INTO commerce.price_lists (code, kind, priority, active) VALUES ('past-sale', 'sale', 5, false);
INSERT INTO commerce.prices (sku, price, price_list, channel) VALUES ('past-E', '10 EUR', NULL, NULL), ('past-E', '6 EUR', 'past-sale', NULL),
    ('past-E', '12 EUR', NULL, 'past-web');
CALL pg_temp.pass(10);
SELECT commerce.lowest_price('past-E') AS lowest, commerce.lowest_price('past-E', channel => 'past-web') AS on_the_web;
UPDATE commerce.price_lists SET active = true WHERE code = 'past-sale';
CALL pg_temp.pass(10);
SELECT commerce.lowest_price('past-E') AS lowest, commerce.lowest_price('past-E', before_reduction => true) AS before;
UPDATE commerce.price_lists SET active = false WHERE code = 'past-sale';
CALL pg_temp.pass(10);
SELECT commerce.lowest_price('past-E') AS of_30_days, commerce.lowest_price('past-E', 9) AS of_9_days, commerce.lowest_price('past-E', channel => 'past-web') AS on_the_web;
SELECT days, pg_temp.was('past-E', days), pg_temp.was('past-E', days, 'past-web') AS web FROM unnest('{25,15,5}'::int[]) days;
SELECT active, kind, priority, extract(day FROM now() - lower(during)) AS from_day, upper(during) = 'infinity' AS now FROM commerce.price_list_history
    WHERE code = 'past-sale' ORDER BY during;
UPDATE commerce.price_lists SET name = 'sale' WHERE code = 'past-sale';
SELECT count(*) FROM commerce.price_list_history WHERE code = 'past-sale';

-- Validity: a price applied while it was valid and the row stood there.
INSERT INTO commerce.prices (sku, price, valid) VALUES ('past-F', '10 EUR', '(,)'),
    ('past-F', '5 EUR', tstzrange(now() - interval '100 days', now() - interval '90 days')),
    ('past-F', '4 EUR', tstzrange(now() - interval '20 days', now() - interval '10 days')), ('past-F', '3 EUR', tstzrange(now() + interval '1 day', NULL));
SELECT commerce.lowest_price('past-F') AS lowest_written, pg_temp.was('past-F', 95) AS brought_along, pg_temp.was('past-F', 15) AS brought, pg_temp.was('past-F', -2) AS to_come;
UPDATE commerce.price_history SET during = tstzrange(now() - interval '25 days', upper(during)) WHERE sku = 'past-F';
SELECT commerce.lowest_price('past-F') AS lowest, commerce.lowest_price('past-F', 9) AS of_9_days;
-- A price written later says nothing of the time before, whatever its validity.
INSERT INTO commerce.prices (sku, price, valid) VALUES ('past-F', '1 EUR', '(,)');
SELECT pg_temp.was('past-F', 5) AS then, pg_temp.was('past-F', 0) AS now;
DELETE FROM commerce.prices WHERE sku = 'past-F';
SELECT pg_temp.was('past-F', 5) AS then;
SELECT pg_temp.was('past-F', 0);
\echo :LAST_ERROR_SQLSTATE

-- Quantities, prices for many units, groups, currencies.
INSERT INTO commerce.prices (sku, price, per_quantity, min_quantity, customer_group) VALUES ('past-G', '12.34 EUR', 1000, 1, NULL),
    ('past-G', '10 EUR', 1000, 500, NULL), ('past-G', '8 EUR', 1000, 1, 'past-vip'), ('past-G', '20 USD', 1, 1, NULL);
SELECT commerce.lowest_price('past-G') AS one, commerce.lowest_price('past-G', quantity => 450) AS some, commerce.lowest_price('past-G', quantity => 500) AS many,
    commerce.lowest_price('past-G', quantity => 1000, customer_group => 'past-vip') AS vip, commerce.lowest_price('past-G', currency => 'USD') AS usd,
    commerce.lowest_price('past-G', channel => 'past-us') AS us, commerce.lowest_price('past-G', currency => 'JPY') IS NULL AS none;
SELECT commerce.lowest_price('past-none') IS NULL AS never_had_one;

-- Refused.
SELECT commerce.lowest_price('past-unknown');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.lowest_price('past-A', 0);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SELECT commerce.lowest_price('past-A', -1);
SELECT commerce.lowest_price('past-A', NULL);
SELECT commerce.lowest_price(NULL);
SELECT commerce.lowest_price('past-A', quantity => 0);
SELECT commerce.lowest_price('past-A', channel => 'nowhere');
SELECT commerce.lowest_price('past-A', customer_group => 'nobody');
SELECT commerce.lowest_price('past-A', currency => 'XYZ');
SELECT commerce.lowest_price('past-G', quantity => 9223372036854775807, currency => 'USD');
SET ROLE commerce_app;
SELECT commerce.lowest_price('past-D', 1);
SELECT count(*) > 0 AS readable FROM commerce.price_history;
RESET ROLE;

-- As permissions were: who may not choose the time of a checkout gets no old price by it.
SET ROLE commerce_app;
SELECT commerce.checkout('[{"sku": "past-D", "quantity": 1}]', at => now() - interval '3 days');
RESET ROLE;
