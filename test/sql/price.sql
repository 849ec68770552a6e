-- quote(): which price a line has, before any discount or tax.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.channels (code, currency) VALUES ('price-web', NULL), ('price-us', 'USD');
INSERT INTO commerce.customer_groups (code) VALUES ('price-vip');
INSERT INTO commerce.customers (customer_group) VALUES ('price-vip') RETURNING id AS vip \gset
INSERT INTO commerce.customers DEFAULT VALUES RETURNING id AS anyone \gset
INSERT INTO commerce.variants (sku) SELECT 'price-' || n FROM unnest('{A,B,C,D,E,none}'::text[]) n;

-- unit prices and total of a cart of quantities by sku
CREATE FUNCTION pg_temp.price(lines jsonb, customer uuid DEFAULT NULL, channel text DEFAULT NULL, currency text DEFAULT NULL,
    at timestamptz DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat(l #>> '{unit_price,amount}', '/' || (l ->> 'per_quantity')), ' ' ORDER BY n) || ' = '
        || (q #>> '{total,amount}') || ' ' || (q ->> 'currency')
    FROM commerce.quote(lines, customer => customer, channel => channel, currency => currency, at => at) q,
        jsonb_array_elements(q -> 'lines') WITH ORDINALITY a (l, n) GROUP BY q
$$;

-- One price, several currencies.
INSERT INTO commerce.prices (sku, price) VALUES ('price-A', '10.00 EUR'), ('price-A', '11.50 USD'), ('price-A', '1200 JPY');
SELECT pg_temp.price('[{"sku": "price-A", "quantity": 3}]') AS eur,
    pg_temp.price('[{"sku": "price-A", "quantity": 3}]', currency => 'USD') AS usd,
    pg_temp.price('[{"sku": "price-A", "quantity": 3}]', currency => 'JPY') AS jpy,
    pg_temp.price('[{"sku": "price-A", "quantity": 3}]', channel => 'price-us') AS by_channel,
    pg_temp.price('[{"sku": "price-A", "quantity": 3}]', channel => 'price-us', currency => 'EUR') AS asked;

-- The most specific wins, though dearer: price list by priority, then group, then channel; among equals the lowest.
INSERT INTO commerce.prices (sku, price, channel, customer_group) VALUES
    ('price-B', '20 EUR', NULL, NULL), ('price-B', '19 EUR', NULL, NULL), ('price-B', '30 EUR', 'price-web', NULL),
    ('price-B', '40 EUR', NULL, 'price-vip'), ('price-B', '50 EUR', 'price-web', 'price-vip');
SELECT pg_temp.price('[{"sku": "price-B", "quantity": 1}]') AS plain,
    pg_temp.price('[{"sku": "price-B", "quantity": 1}]', channel => 'price-web') AS channel,
    pg_temp.price('[{"sku": "price-B", "quantity": 1}]', :'vip') AS vip,
    pg_temp.price('[{"sku": "price-B", "quantity": 1}]', :'vip', 'price-web') AS both,
    pg_temp.price('[{"sku": "price-B", "quantity": 1}]', :'anyone', 'price-web') AS other_customer;
INSERT INTO commerce.price_lists (code, kind, priority) VALUES ('price-list', 'standard', 1), ('price-sale', 'sale', 2);
INSERT INTO commerce.prices (sku, price, price_list) VALUES ('price-B', '60 EUR', 'price-list'), ('price-B', '70 EUR', 'price-sale');
SELECT pg_temp.price('[{"sku": "price-B", "quantity": 1}]', :'vip', 'price-web') AS highest_list;
UPDATE commerce.price_lists SET priority = 0 WHERE code = 'price-sale';
SELECT pg_temp.price('[{"sku": "price-B", "quantity": 1}]') AS other_list;
UPDATE commerce.price_lists SET active = false WHERE code LIKE 'price-%';
SELECT pg_temp.price('[{"sku": "price-B", "quantity": 1}]') AS inactive_lists;

-- Quantity tiers count the units of a sku over all its lines.
INSERT INTO commerce.prices (sku, price, min_quantity) VALUES ('price-C', '5 EUR', 1), ('price-C', '4 EUR', 10), ('price-C', '3 EUR', 100);
SELECT pg_temp.price('[{"sku": "price-C", "quantity": 9}]') AS nine, pg_temp.price('[{"sku": "price-C", "quantity": 10}]') AS ten,
    pg_temp.price('[{"sku": "price-C", "quantity": 100}]') AS hundred,
    pg_temp.price('[{"sku": "price-C", "quantity": 6}, {"sku": "price-A", "quantity": 1}, {"sku": "price-C", "quantity": 4}]') AS split;

-- A price for many units: rounded once a line, and comparable with others.
INSERT INTO commerce.prices (sku, price, per_quantity) VALUES ('price-D', '12.34 EUR', 1000), ('price-D', '0.02 EUR', 1);
SELECT pg_temp.price('[{"sku": "price-D", "quantity": 1000}]') AS thousand, pg_temp.price('[{"sku": "price-D", "quantity": 1}]') AS one,
    pg_temp.price('[{"sku": "price-D", "quantity": 1500}]') AS fifteen_hundred, pg_temp.price('[{"sku": "price-D", "quantity": 40}, {"sku": "price-D", "quantity": 40}]') AS rounded_by_line;

-- Validity, at any time; the lower bound belongs to it, the upper does not.
INSERT INTO commerce.prices (sku, price, valid) VALUES ('price-E', '1 EUR', '[2020-01-01 00:00+00,2021-01-01 00:00+00)'),
    ('price-E', '2 EUR', '[2021-01-01 00:00+00,2022-01-01 00:00+00)'), ('price-E', '9 EUR', 'empty');
SELECT at, pg_temp.price('[{"sku": "price-E", "quantity": 1}]', at => at::timestamptz) AS price
FROM unnest('{2020-01-01 00:00+00, 2020-12-31 23:59:59.999999+00, 2021-01-01 00:00+00}'::text[]) at;
SELECT pg_temp.price('[{"sku": "price-E", "quantity": 1}]', at => '2022-01-01 00:00+00');
SELECT pg_temp.price('[{"sku": "price-E", "quantity": 1}]', at => '-infinity');

-- A line may bring its own price, in every form money has, and goods of its own.
SELECT form, pg_temp.price(jsonb_build_array(jsonb_build_object('sku', 'price-own', 'quantity', 3, 'unit_price', form))) AS price
FROM unnest(ARRAY['1.25', '"1.25"', '"1.25 EUR"', '{"amount": "1.25", "currency": "EUR"}', '{"amount": 1.25}', '{"minor": 125}',
    '{"minor": 125, "currency": "EUR", "amount": "1.25"}', '0', '1.250']::jsonb[]) form;
SELECT pg_temp.price('[{"sku": "price-own", "quantity": 500, "unit_price": "9.99", "per_quantity": 1000}]') AS per_thousand,
    pg_temp.price('[{"sku": "price-A", "quantity": 1, "unit_price": "7"}]') AS instead_of_the_catalogues,
    pg_temp.price('[{"sku": "price-own", "quantity": "2", "unit_price": 100}]', currency => 'JPY') AS yen;
SELECT pg_temp.price(jsonb_build_array(jsonb_build_object('sku', 'price-own', 'quantity', 1, 'unit_price', '{"minor": 125, "amount": "1.26"}'::jsonb)));
SELECT pg_temp.price('[{"sku": "price-own", "quantity": 1, "unit_price": "1.255"}]');
SELECT pg_temp.price('[{"sku": "price-own", "quantity": 1, "unit_price": "1.25 USD"}]');
SELECT pg_temp.price('[{"sku": "price-own", "quantity": 1, "unit_price": 1.5}]', currency => 'JPY');
SELECT pg_temp.price('[{"sku": "price-own", "quantity": 1, "unit_price": -1}]');
SELECT pg_temp.price('[{"sku": "price-own", "quantity": 1, "unit_price": true}]');

-- No price: none at all, none in the currency, none on this channel.
SELECT pg_temp.price('[{"sku": "price-none", "quantity": 1}]');
SELECT pg_temp.price('[{"sku": "price-A", "quantity": 1}, {"sku": "price-B", "quantity": 1}]', currency => 'USD');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.price('[{"sku": "price-unknown", "quantity": 1}]');
\echo :LAST_ERROR_SQLSTATE
