-- quote(): taxes of another place, taxes that are not due, taxes on taxes, and totals that are paid in cash.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
BEGIN;
UPDATE commerce.tax_zones SET is_default = false WHERE is_default;
INSERT INTO commerce.tax_zones (code, countries, regions, postal_codes, is_home, keep, tax_union, is_default) VALUES
    ('places-home', '{PH}', NULL, NULL, true, NULL, 'places', false), ('places-gross', '{PG}', NULL, NULL, false, 'gross', 'places', false),
    ('places-net', '{PN,PM}', NULL, NULL, false, 'net', 'places', false), ('places-own', '{PO}', NULL, NULL, false, NULL, 'places', false),
    ('places-sales', '{PS}', NULL, NULL, false, 'net', NULL, false), ('places-region', '{PS}', '{R1}', NULL, false, NULL, NULL, false),
    ('places-town', '{PS}', NULL, '{94,123}', false, NULL, NULL, false), ('places-street', '{PS}', '{R1}', '{9410}', false, NULL, NULL, false),
    ('places-compound', '{PC}', NULL, NULL, false, NULL, NULL, false), ('places-abroad', '{}', NULL, NULL, false, 'net', NULL, true);
INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included, compound, priority) VALUES
    ('places-home', 'standard', 'VAT', 19, true, false, 0), ('places-home', 'reduced', 'VAT', 7, true, false, 0),
    ('places-gross', 'standard', 'VAT', 25, true, false, 0), ('places-gross', 'reduced', 'VAT', 12, false, false, 0),
    ('places-net', 'standard', 'VAT', 25, true, false, 0), ('places-own', 'standard', 'VAT', 20, true, false, 0),
    ('places-sales', 'standard', 'sales tax', 8, false, false, 0), ('places-region', 'standard', 'sales tax', 9, false, false, 0),
    ('places-town', 'standard', 'sales tax', 10, false, false, 0), ('places-street', 'standard', 'sales tax', 11, false, false, 0),
    ('places-compound', 'standard', 'GST', 5, false, false, 0), ('places-compound', 'standard', 'a PST', 10, false, true, 2),
    ('places-compound', 'standard', 'b levy', 20, false, true, 1), ('places-compound', 'inside', 'GST', 5, true, false, 0),
    ('places-compound', 'inside', 'PST', 8.5, true, true, 0);
CREATE FUNCTION pg_temp.told(q jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' + ', CASE WHEN (l ->> 'tax_exempt')::boolean THEN 'exempt ' ELSE '' END || (l #>> '{subtotal,amount}'), (SELECT string_agg((t ->> 'name') || ' ' || (t ->> 'rate') || '% '
            || (t #>> '{amount,amount}') || CASE WHEN (t ->> 'included')::boolean THEN ' in' ELSE '' END || CASE WHEN (t ->> 'compound')::boolean THEN ' compound' ELSE '' END, ' + ')
            FROM jsonb_array_elements(l -> 'taxes') t)), '; ' ORDER BY n)
        || ' = tax ' || (q #>> '{tax,amount}') || ', in ' || (q #>> '{included_tax,amount}') || CASE WHEN q #>> '{rounding,minor}' <> '0' THEN ', rounding ' || (q #>> '{rounding,amount}') ELSE '' END
        || ', total ' || (q #>> '{total,amount}') || CASE WHEN q ->> 'tax_treatment' <> 'taxed' THEN ', ' || (q ->> 'tax_treatment') ELSE '' END
    FROM jsonb_array_elements((q -> 'lines') || CASE WHEN q #>> '{shipping,method}' IS NULL THEN '[]' ELSE q -> 'shipping' END) WITH ORDINALITY a (l, n)
$$;
CREATE FUNCTION pg_temp.ask(country text, lines text DEFAULT 'a 119 standard', options jsonb DEFAULT NULL, customer uuid DEFAULT NULL, method text DEFAULT NULL, currency text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.told(commerce.quote((SELECT jsonb_agg(jsonb_build_object('sku', w[1], 'quantity', coalesce(w[4], '1')::int, 'unit_price', w[2], 'tax_class', w[3], 'tax_exempt', w[5] IS NOT NULL) ORDER BY n)
        FROM string_to_table(lines, ', ') WITH ORDINALITY x (line, n), string_to_array(line, ' ') w),
        ship_to => jsonb_build_object('country', country), options => options, customer => customer, shipping_method => method, currency => currency))
$$;

-- The longest postal code, then the region, then the country, then the default.
SELECT place, commerce.quote('[{"sku": "a", "quantity": 1, "unit_price": "100"}]', ship_to => place) #>> '{lines,0,taxes,0,rate}' AS rate
FROM unnest(ARRAY['{"country": "PS"}', '{"country": "PS", "region": "R1"}', '{"country": "PS", "postal_code": "94000"}', '{"country": "PS", "region": "R1", "postal_code": "94100"}',
    '{"country": "PS", "region": "R2", "postal_code": "94100"}', '{"country": "PS", "region": "R1", "postal_code": "95"}', '{"country": "PS", "postal_code": "12"}', '{"country": "PH", "postal_code": "94"}', '{"postal_code": "94"}']::jsonb[]) place;

-- Prices made at home. Kept gross they contain the other tax, also one that is usually added; kept net they become other prices.
SELECT country, pg_temp.ask(country, 'a 119 standard, b 107 reduced, c 50 none') AS tax FROM unnest('{PH,PG,PN,PO,PS,XX}'::text[]) country;
SELECT country, keep, pg_temp.ask(country, options => jsonb_build_object('keep', keep)) AS tax FROM unnest('{PH,PG,PN,PO,PS,XX}'::text[]) country, unnest('{gross,net}'::text[]) keep;
-- The price is converted once for the unit, and discounts, floors and shipping go by it.
SELECT pg_temp.ask('XX', 'a 20.00 reduced 3') AS units, pg_temp.ask('PN', 'a 9.99 standard 1000') AS thousand;
INSERT INTO commerce.shipping_methods (code, tax_class) VALUES ('places-parcel', 'standard'), ('places-goods', NULL);
INSERT INTO commerce.shipping_prices (method, price) VALUES ('places-parcel', '11.90 EUR'), ('places-goods', '10 EUR');
SELECT country, pg_temp.ask(country, method => 'places-parcel') AS shipped FROM unnest('{PH,PG,PN,XX}'::text[]) country;
INSERT INTO commerce.variants (sku, minimum_price) VALUES ('places-A', '100 EUR');
INSERT INTO commerce.prices (sku, price) VALUES ('places-A', '119 EUR');
INSERT INTO commerce.promotions (benefit) VALUES ('90% off lines where sku = ''places-A''');
SELECT country, q #>> '{lines,0,subtotal,amount}' AS subtotal, q #>> '{lines,0,discount,amount}' AS discount, q #>> '{total,amount}' AS total
FROM unnest('{PH,PN,XX}'::text[]) country, commerce.quote('[{"sku": "places-A", "quantity": 1}]', ship_to => jsonb_build_object('country', country)) q;

-- Shipping taxed as the goods are: 3/4 of it by one rate and 1/4 by another; untaxed goods take their part with them.
SELECT lines, pg_temp.ask('PH', lines, method => 'places-goods') AS tax FROM unnest('{"a 75 standard, b 25 reduced", "a 75 standard", "a 75 standard, b 25 none", "a 75 standard, b 25 reduced 1 exempt", "a 0 standard, b 0 reduced", "a 0 none"}'::text[]) lines;
SELECT pg_temp.ask('XX', 'a 119 standard, b 107 reduced', method => 'places-goods') AS abroad;

-- Compound rates: 5 % of 100, 20 % of 105, 10 % of 126; out of a price the last comes first.
SELECT pg_temp.ask('PC', 'a 100 standard') AS added, pg_temp.ask('PC', 'a 100 inside') AS inside;
SELECT level, pg_temp.ask('PC', 'a 1.01 standard 3, b 0.99 standard 7, c 3.33 inside', options => jsonb_build_object('tax_level', level)) AS tax FROM unnest('{line,unit,rate,order,order_delta}'::text[]) level;

-- Who owes no tax: a line, a customer, a group of customers. The tax of a price comes out of it, unless gross is kept.
SELECT pg_temp.ask('PH', 'a 119 standard, b 119 standard 1 exempt') AS line;
INSERT INTO commerce.customer_groups (code, tax_exempt) VALUES ('places-exempt', true), ('places-taxed', false);
INSERT INTO commerce.customers (id, customer_group, tax_exempt, vat_country) VALUES ('00000000-0000-7000-8000-0000000000c1', NULL, true, NULL),
    ('00000000-0000-7000-8000-0000000000c2', 'places-exempt', false, NULL), ('00000000-0000-7000-8000-0000000000c3', 'places-taxed', false, NULL), ('00000000-0000-7000-8000-0000000000c4', NULL, false, 'PN');
SELECT right(id::text, 2) AS who, country, pg_temp.ask(country, customer => id, method => 'places-parcel') AS tax FROM commerce.customers, unnest('{PH,PG,PS}'::text[]) country
WHERE id::text LIKE '00000000-0000-7000-8000-0000000000c_' ORDER BY id, country;

-- Reverse charge: a business of another country of the union than home, and goods that go to another country than home.
SELECT vat, country, pg_temp.ask(country, options => jsonb_build_object('vat_country', vat)) AS tax FROM unnest('{PN,PH,XX}'::text[]) vat, unnest('{PH,PN,PM,PS}'::text[]) country;

-- Cash: asked for, or by the channel; the total alone is rounded.
UPDATE commerce.channels SET cash_increment = '0.05 CHF' WHERE code = 'default';
SELECT price, pg_temp.ask('PS', 'a ' || price || ' standard', currency => 'CHF', options => '{"keep": "gross"}') AS francs FROM unnest('{0.01,0.02,0.03,1.02,9.97,9.98}'::text[]) price;
SELECT pg_temp.ask('PS', 'a 9.97 standard') AS euro, pg_temp.ask('PS', 'a 10.49 standard', currency => 'SEK', options => '{"cash_increment": "1 SEK"}') AS kronor;
-- Currencies of no digits and of three.
SELECT level, pg_temp.ask('PC', 'a 333 standard, b 101 standard 3', currency => 'JPY', options => jsonb_build_object('tax_level', level)) AS yen,
    pg_temp.ask('PC', 'a 1.234 standard, b 0.101 standard 3', currency => 'KWD', options => jsonb_build_object('tax_level', level)) AS dinar FROM unnest('{line,rate,order}'::text[]) level;

-- The order of lines does not matter, at any level.
SELECT level, count(DISTINCT told) AS answers FROM unnest('{line,unit,rate,order,order_delta}'::text[]) level, LATERAL (
    SELECT (SELECT jsonb_agg(jsonb_build_array(l -> 'sku', l -> 'tax', l -> 'total') ORDER BY l ->> 'sku') || jsonb_build_array(q -> 'tax', q -> 'total') FROM jsonb_array_elements(q -> 'lines') l) AS told
    FROM generate_series(1, 24) shuffle, LATERAL (SELECT jsonb_agg(jsonb_build_object('sku', 's' || n, 'quantity', 1 + n % 3, 'unit_price', (n * 37 % 11 + 1) / 100.0, 'tax_class', CASE WHEN n % 4 = 0 THEN 'inside' ELSE 'standard' END)
        ORDER BY md5(n::text || shuffle)) AS lines FROM generate_series(1, 12) n) c,
    commerce.quote(c.lines, ship_to => '{"country": "PC"}', options => jsonb_build_object('tax_level', level)) q) x GROUP BY 1 ORDER BY 1;

INSERT INTO commerce.variants (sku, track_stock) SELECT 'places-own' || n, false FROM generate_series(1, 3) n;
-- What checkout stores is the quote, and it adds up.
CREATE TEMP TABLE bought AS SELECT o.*, q FROM (VALUES (1, 'PH', NULL, NULL, NULL), (2, 'PC', 'order', 'places-goods', NULL), (3, 'PN', 'rate', 'places-parcel', NULL), (4, 'PN', NULL, 'places-goods', '00000000-0000-7000-8000-0000000000c4'),
        (5, 'PH', 'unit', 'places-goods', '00000000-0000-7000-8000-0000000000c1'), (6, 'XX', 'order_delta', NULL, NULL)) c (n, country, level, method, customer),
    LATERAL (SELECT '[{"sku": "places-own1", "quantity": 3, "unit_price": "9.99", "tax_class": "reduced"}, {"sku": "places-own2", "quantity": 7, "unit_price": "1.19"},
        {"sku": "places-own3", "quantity": 1, "unit_price": "5.01", "tax_exempt": true}]'::jsonb AS lines, jsonb_strip_nulls(jsonb_build_object('tax_level', level, 'cash_increment', '0.05 EUR')) AS options) i,
    commerce.quote(lines, ship_to => jsonb_build_object('country', country), options => options, shipping_method => method, customer => customer::uuid) q,
    LATERAL (SELECT n, commerce.checkout(lines, ship_to => jsonb_build_object('country', country), options => options, shipping_method => method, customer => customer::uuid) AS id) o;
SELECT b.n, o.tax_level, o.tax_treatment, o.rounding, o.tax, o.total, (o.subtotal::jsonb, o.tax::jsonb, o.included_tax::jsonb, o.rounding::jsonb, o.total::jsonb, to_jsonb(o.tax_level), to_jsonb(o.tax_treatment))
        = (q -> 'subtotal', q -> 'tax', q -> 'included_tax', q -> 'rounding', q -> 'total', q -> 'tax_level', q -> 'tax_treatment') AS same,
    commerce.minor_units(o.tax) = (SELECT coalesce(sum(commerce.minor_units(amount)), 0) FROM commerce.order_taxes t WHERE t.order_id = b.id) AS taxes_add_up,
    (SELECT bool_and(commerce.minor_units(l.tax) = (SELECT coalesce(sum(commerce.minor_units(amount)), 0) FROM commerce.order_taxes t WHERE t.order_id = b.id AND t.line = l.line)) FROM commerce.order_lines l WHERE l.order_id = b.id) AS lines_add_up
FROM bought b JOIN commerce.orders o USING (id) ORDER BY 1;
SELECT b.n, t.line, t.tax_class, t.name, t.rate, t.included, t.compound, t.amount FROM bought b JOIN commerce.order_taxes t ON t.order_id = b.id WHERE b.n IN (2, 3) ORDER BY 1, 2, 3, 4;
ROLLBACK;

-- What is refused.
\set VERBOSITY terse
SELECT commerce.quote('[{"sku": "a", "quantity": 1, "unit_price": "1"}]', options => '{"keep": "tax"}');
SELECT commerce.quote('[{"sku": "a", "quantity": 1, "unit_price": "1"}]', options => '{"cash_increment": "0 EUR"}');
SELECT commerce.quote('[{"sku": "a", "quantity": 1, "unit_price": "1"}]', options => '{"cash_increment": "1 SEK"}');
SELECT commerce.quote('[{"sku": "a", "quantity": 1, "unit_price": "1"}]', options => '{"cash_increment": 1}');
BEGIN;
INSERT INTO commerce.tax_zones (code, countries) VALUES ('places-fine', '{PF}');
INSERT INTO commerce.tax_rates (zone, name, rate, compound) SELECT 'places-fine', 'tax ' || n, 33.333331 + n / 500000.0, true FROM generate_series(1, 8) n;
SELECT commerce.quote('[{"sku": "a", "quantity": 1, "unit_price": "1"}]', ship_to => '{"country": "PF"}');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('places-B', false);
INSERT INTO commerce.prices (sku, price) VALUES ('places-B', '1 EUR');
SET ROLE commerce_app;
SELECT commerce.checkout('[{"sku": "places-B", "quantity": 1}]', options => '{"keep": "net"}');
SELECT commerce.checkout('[{"sku": "places-B", "quantity": 1}]', options => '{"vat_country": "PN"}');
SELECT commerce.checkout('[{"sku": "places-B", "quantity": 1}]', options => '{"cash_increment": "1 EUR"}');
SELECT commerce.checkout('[{"sku": "places-B", "quantity": 1, "tax_exempt": true}]');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
