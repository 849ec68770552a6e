-- quote(): taxes, where they are due and where they are rounded; shipping.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.tax_zones (code, countries, regions) VALUES ('tax-in', '{XA,XB}', NULL), ('tax-in-r', '{XA}', '{R1,R2}'),
    ('tax-out', '{XC}', NULL), ('tax-mixed', '{XD}', NULL);
INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included) VALUES
    ('tax-in', 'standard', 'VAT', 19, true), ('tax-in', 'reduced', 'VAT', 7, true), ('tax-in-r', 'standard', 'VAT', 16, true),
    ('tax-out', 'standard', 'sales tax', 8.25, false),
    ('tax-mixed', 'standard', 'VAT', 20, true), ('tax-mixed', 'standard', 'levy', 1.5, false);
CREATE FUNCTION pg_temp.tax(lines jsonb, ship_to jsonb, options jsonb DEFAULT NULL, method text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' + ', l #>> '{subtotal,amount}', (SELECT string_agg((t ->> 'name') || ' ' || (t ->> 'rate') || '% '
            || (t #>> '{amount,amount}') || CASE WHEN (t ->> 'included')::boolean THEN ' in' ELSE '' END, ' + ')
            FROM jsonb_array_elements(l -> 'taxes') t)), '; ' ORDER BY n)
        || ' = tax ' || (q #>> '{tax,amount}') || ', in ' || (q #>> '{included_tax,amount}') || ', total ' || (q #>> '{total,amount}')
    FROM commerce.quote(lines, ship_to => ship_to, options => options, shipping_method => method) q,
        jsonb_array_elements((q -> 'lines') || CASE WHEN method IS NULL THEN '[]' ELSE q -> 'shipping' END) WITH ORDINALITY a (l, n) GROUP BY q
$$;
\set two '[{"sku": "a", "quantity": 1, "unit_price": "10.00"}, {"sku": "b", "quantity": 1, "unit_price": "11.00"}]'
\set odd '[{"sku": "a", "quantity": 3, "unit_price": "0.99"}, {"sku": "b", "quantity": 7, "unit_price": "1.10", "tax_class": "reduced"}]'

-- Added to the price. 10.00 + 11.00 at 8.25 % is 1.74 rounded by line, 1.73 rounded once; both are right.
SELECT level, pg_temp.tax(:'two', '{"country": "XC"}', jsonb_build_object('tax_level', level)) AS tax FROM unnest('{line,unit,rate,order,order_delta}'::text[]) level;
-- Contained in the price, by class.
SELECT level, pg_temp.tax(:'odd', '{"country": "XB"}', jsonb_build_object('tax_level', level)) AS tax FROM unnest('{line,unit,rate,order,order_delta}'::text[]) level;
-- One of each: both are due on the net of what is contained. 120.00 holds 20.00; 1.5 % of 100.00 is 1.50.
SELECT pg_temp.tax('[{"sku": "a", "quantity": 1, "unit_price": "120.00"}]', '{"country": "XD"}') AS mixed;
SELECT level, pg_temp.tax(:'two', '{"country": "XD"}', jsonb_build_object('tax_level', level)) AS mixed FROM unnest('{line,unit,rate,order,order_delta}'::text[]) level;
-- The caller may turn every rate in or out.
SELECT pg_temp.tax(:'two', '{"country": "XC"}', '{"prices_include_tax": true}') AS all_in, pg_temp.tax(:'two', '{"country": "XD"}', '{"prices_include_tax": false}') AS all_out;

-- The zone that names the region before the one that names the country; none where none fits; the default zone last.
SELECT place, pg_temp.tax('[{"sku": "a", "quantity": 1, "unit_price": "100"}]', place) AS tax
FROM unnest(ARRAY['{"country": "XA"}', '{"country": "XA", "region": "R2"}', '{"country": "XA", "region": "R3"}', '{"country": "XB", "region": "R1"}',
    '{"country": "XE"}', '{"region": "R1"}', '{}', '{"country": null}', NULL]::jsonb[]) place;
BEGIN;
UPDATE commerce.tax_zones SET is_default = false WHERE is_default;
INSERT INTO commerce.tax_zones (code, is_default) VALUES ('tax-default', true);
INSERT INTO commerce.tax_rates (zone, name, rate) VALUES ('tax-default', 'default', 1);
SELECT place, pg_temp.tax('[{"sku": "a", "quantity": 1, "unit_price": "100"}]', place) AS tax
FROM unnest(ARRAY['{"country": "XA"}', '{"country": "XE"}', '{"region": "R1"}', NULL]::jsonb[]) place;
INSERT INTO commerce.tax_zones (code, is_default) VALUES ('tax-default-2', true);
ROLLBACK;

-- Rates have their time.
INSERT INTO commerce.tax_zones (code, countries) VALUES ('tax-time', '{XT}');
INSERT INTO commerce.tax_rates (zone, name, rate, valid) VALUES ('tax-time', 'VAT', 19, '[,2020-07-01 00:00+00)'), ('tax-time', 'VAT', 16, '[2020-07-01 00:00+00,2021-01-01 00:00+00)'),
    ('tax-time', 'VAT', 19, '[2021-01-01 00:00+00,)');
SELECT at, commerce.quote('[{"sku": "a", "quantity": 1, "unit_price": "100"}]', ship_to => '{"country": "XT"}', at => at::timestamptz) #>> '{tax,amount}' AS tax
FROM unnest('{2020-06-30 23:59+00, 2020-07-01 00:00+00, 2020-12-31 23:59+00, 2021-01-01 00:00+00}'::text[]) at;

-- A free line, a tiny one, a class without rate, a currency without cents.
SELECT pg_temp.tax('[{"sku": "a", "quantity": 1, "unit_price": "0"}]', '{"country": "XC"}') AS free,
    pg_temp.tax('[{"sku": "a", "quantity": 1, "unit_price": "0.01"}]', '{"country": "XC"}') AS cent,
    pg_temp.tax('[{"sku": "a", "quantity": 1, "unit_price": "5", "tax_class": "none"}]', '{"country": "XC"}') AS untaxed;
SELECT commerce.quote('[{"sku": "a", "quantity": 3, "unit_price": "101"}]', ship_to => '{"country": "XC"}', currency => 'JPY') #> '{tax}' AS yen;

-- Shipping: by country before anywhere, then the highest subtotal reached; taxed by the class of its method.
INSERT INTO commerce.shipping_methods (code, name, tax_class) VALUES ('tax-parcel', 'parcel', 'standard'), ('tax-letter', 'letter', 'reduced');
INSERT INTO commerce.shipping_prices (method, price, countries, min_subtotal) VALUES ('tax-parcel', '9.90 EUR', '{}', NULL),
    ('tax-parcel', '4.90 EUR', '{XA,XC}', NULL), ('tax-parcel', '2.90 EUR', '{XA,XC}', '50 EUR'), ('tax-parcel', '0 EUR', '{XA}', '100 EUR'),
    ('tax-parcel', '1 EUR', '{}', '500 EUR'), ('tax-parcel', '1000 JPY', '{}', NULL), ('tax-letter', '1.07 EUR', '{XB}', NULL);
SELECT country, price, pg_temp.tax(jsonb_build_array(jsonb_build_object('sku', 'a', 'quantity', 1, 'unit_price', price)), jsonb_build_object('country', country), method => 'tax-parcel') AS shipped
FROM (VALUES ('XA', 49.99), ('XA', 50), ('XA', 100), ('XC', 10), ('XC', 600), ('XE', 10), ('XE', 500), (NULL, 10)) c (country, price);
SELECT pg_temp.tax(:'two', '{"country": "XB"}', method => 'tax-letter') AS letter;
SELECT commerce.quote(:'two', ship_to => '{"country": "XB"}', shipping_method => 'tax-letter') -> 'shipping' ->> 'method' AS method,
    commerce.quote(:'two', ship_to => '{"country": "XB"}') -> 'shipping' ->> 'method' AS no_method;
SELECT commerce.quote(:'two', ship_to => '{"country": "XA"}', shipping_method => 'tax-letter');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.quote(:'two', shipping_method => 'tax-unknown');
SELECT commerce.quote(:'two', options => '{"tax_level": "cart"}');
\echo :LAST_ERROR_SQLSTATE
