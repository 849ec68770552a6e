-- quote() over carts that a seeded generator makes: whatever is in them, the sums add up and order does not matter.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.channels (code) VALUES ('carts');
INSERT INTO commerce.tax_zones (code, countries) VALUES ('carts-in', '{YA}'), ('carts-out', '{YB}'), ('carts-mixed', '{YC}');
INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included) VALUES ('carts-in', 'standard', 'VAT', 19, true), ('carts-in', 'reduced', 'VAT', 7, true),
    ('carts-out', 'standard', 'state', 6.25, false), ('carts-out', 'standard', 'city', 1.125, false), ('carts-out', 'reduced', 'state', 1, false),
    ('carts-mixed', 'standard', 'VAT', 20, true), ('carts-mixed', 'standard', 'levy', 0.5, false);
INSERT INTO commerce.shipping_methods (code) VALUES ('carts');
INSERT INTO commerce.shipping_prices (method, price) VALUES ('carts', '4.99 EUR');
INSERT INTO commerce.variants (sku, track_stock, minimum_price) SELECT 'carts-' || n, false, CASE WHEN n % 3 = 0 THEN commerce.from_minor(n * 20, 'EUR') END FROM generate_series(1, 20) n;
INSERT INTO commerce.prices (sku, price, per_quantity) SELECT 'carts-' || n, commerce.from_minor(n * 37, 'EUR'), CASE WHEN n % 5 = 0 THEN 7 ELSE 1 END FROM generate_series(1, 20) n;
INSERT INTO commerce.promotions (name, condition, benefit, priority) SELECT 'carts', ('channel = ''carts''' || condition)::commerce.condition, benefit::commerce.benefit, priority
FROM (VALUES ('', '7.5% off lines where sku in (''carts-1'', ''carts-2'', ''carts-3'')', 3), ('', '1.11 EUR off units where sku = ''carts-7''', 2), (' and subtotal > 50 EUR', '13% off order', 1),
    (' and lines() > 3', '3.33 EUR off order', 0), (' and quantity() > 40', 'free shipping', 0)) p (condition, benefit, priority);
-- The other kinds run on a channel of their own, which every other cart is bought on.
INSERT INTO commerce.channels (code) VALUES ('carts-2');
INSERT INTO commerce.promotions (name, channels, benefit, priority, class, lane, condition_sees, exclusivity, exclusive_group, condition) SELECT 'carts', '{carts-2}', benefit::commerce.benefit, priority, class, lane, sees, exclusivity, grp, condition::commerce.condition
FROM (VALUES ('buy 3 where sku in (''carts-1'', ''carts-2'', ''carts-3'') get 2 where sku in (''carts-3'', ''carts-4'') at 35% off', 9, NULL, 'default', 'before', 'none', NULL, NULL), ('5 for 3.21 EUR where sku in (''carts-4'', ''carts-5'', ''carts-6'')', 8, NULL, 'default', 'before', 'none', NULL, NULL),
    ('33.333% off units where sku = ''carts-8'', at most 7 units', 7, NULL, 'default', 'before', 'none', NULL, NULL), ('tiers by quantity: 5 -> 3%, 20 -> 7.77% on lines where sku in (''carts-9'', ''carts-10'')', 6, NULL, 'default', 'before', 'none', NULL, NULL),
    ('1.5% off lines where quantity > 10', 5, NULL, 'pre', 'before', 'none', NULL, NULL), ('9.99% off lines where sku in (''carts-11'', ''carts-12'')', 4, 'catalog', 'default', 'before', 'none', NULL, NULL), ('5% off order', 3, NULL, 'default', 'running', 'group_best', 'best', 'subtotal > 40 EUR'),
    ('4.44 EUR off order', 2, NULL, 'default', 'before', 'group_best', 'best', NULL), ('bundle 1 where sku = ''carts-13'' + 2 where sku = ''carts-14'' at 1.01 EUR off', 1, NULL, 'default', 'before', 'none', NULL, NULL), ('0.77 EUR off first unit and 0.11 EUR off others where sku = ''carts-15''', 0, NULL, 'post', 'before', 'none', NULL, NULL))
    p (benefit, priority, class, lane, sees, exclusivity, grp, condition);

-- 200 carts of 1 to 8 different goods.
SELECT setseed(0.42) \gset
CREATE TEMP TABLE carts AS
SELECT n, (ARRAY['YA', 'YB', 'YC', 'YD'])[1 + n % 4] AS country, (ARRAY['line', 'unit', 'rate', 'order', 'order_delta'])[1 + n % 5] AS level,
    (ARRAY['running', 'original'])[1 + n / 4 % 2] AS percentages, CASE WHEN n % 2 = 0 THEN 'carts' END AS method,
    (SELECT jsonb_agg(jsonb_build_object('sku', 'carts-' || sku, 'quantity', 1 + floor(random() * 30 + 0 * n), 'tax_class', CASE WHEN sku % 2 = 0 THEN 'reduced' ELSE 'standard' END))
        FROM (SELECT sku FROM generate_series(1, 20) sku ORDER BY random() + 0 * n LIMIT 1 + n % 8) s) AS lines
FROM generate_series(1, 200) n;
CREATE FUNCTION pg_temp.quote(cart carts, lines jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT commerce.quote(lines, channel => CASE WHEN cart.n / 2 % 2 = 0 THEN 'carts' ELSE 'carts-2' END, ship_to => jsonb_build_object('country', cart.country), shipping_method => cart.method,
        options => jsonb_build_object('tax_level', cart.level, 'percentages', cart.percentages), explain => true)
$$;
CREATE TEMP TABLE quotes AS SELECT c.*, pg_temp.quote(c, c.lines) AS q FROM carts c;
CREATE FUNCTION pg_temp.minor(money jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT (money ->> 'minor')::bigint $$;
CREATE TEMP VIEW priced AS
SELECT n, q, l, x, (l ->> 'quantity')::bigint AS quantity, pg_temp.minor(l -> 'subtotal') AS subtotal, pg_temp.minor(l -> 'discount') AS discount, pg_temp.minor(l -> 'tax') AS tax,
    pg_temp.minor(l -> 'included_tax') AS included, pg_temp.minor(l -> 'total') AS total
FROM quotes, jsonb_array_elements((q -> 'lines') || (q -> 'shipping')) WITH ORDINALITY a (l, x);

-- There is something to test: discounts, taxes of both kinds and free shipping occur.
SELECT count(*) AS carts, count(*) FILTER (WHERE pg_temp.minor(q -> 'discount') > 0) > 100 AS discounted, count(*) FILTER (WHERE pg_temp.minor(q -> 'tax') > 0) > 100 AS taxed,
    count(*) FILTER (WHERE pg_temp.minor(q -> 'included_tax') > 0) > 50 AS included, count(*) FILTER (WHERE pg_temp.minor(q #> '{shipping,discount}') > 0) > 20 AS shipped_free FROM quotes;

-- Each of these finds nothing.
SELECT n AS line_sum FROM priced WHERE total <> subtotal - discount + tax - included;
SELECT n AS line_bounds FROM priced WHERE discount NOT BETWEEN 0 AND subtotal OR included NOT BETWEEN 0 AND tax OR subtotal < 0;
SELECT n AS discounts_add_up FROM priced WHERE discount <> (SELECT coalesce(sum(pg_temp.minor(d -> 'amount')), 0) FROM jsonb_array_elements(l -> 'discounts') d);
SELECT n AS taxes_add_up FROM priced WHERE tax <> (SELECT coalesce(sum(pg_temp.minor(t -> 'amount')), 0) FROM jsonb_array_elements(l -> 'taxes') t);
SELECT n AS totals FROM priced GROUP BY n, q
HAVING sum(total) <> pg_temp.minor(q -> 'total') OR sum(discount) <> pg_temp.minor(q -> 'discount') OR sum(tax) <> pg_temp.minor(q -> 'tax') OR sum(included) <> pg_temp.minor(q -> 'included_tax')
    OR sum(subtotal) FILTER (WHERE l ? 'sku') <> pg_temp.minor(q -> 'subtotal');
SELECT n AS promotions_add_up FROM quotes WHERE pg_temp.minor(q -> 'discount') <> (SELECT sum(pg_temp.minor(e -> 'amount')) FROM jsonb_array_elements(q -> 'explain') e);
SELECT n AS below_floor FROM priced JOIN commerce.variants v ON v.sku = l ->> 'sku'
WHERE v.minimum_price IS NOT NULL AND subtotal - discount < least(subtotal, commerce.minor_units(v.minimum_price) * quantity);
SELECT n AS one_item_discount FROM priced, jsonb_array_elements(l -> 'discounts') d JOIN commerce.promotions p ON p.id = (d ->> 'promotion')::uuid
WHERE p.priority > 1 AND p.channels = '{}' GROUP BY n, x HAVING count(*) > 1;
-- Within half a cent for each rounding, tax is what the rate says. (Order level is distributed: a cent more.)
SELECT n AS tax_off FROM priced, jsonb_array_elements(l -> 'taxes') t, LATERAL (SELECT coalesce(sum((i ->> 'rate')::numeric) FILTER (WHERE (i ->> 'included')::boolean), 0) AS r FROM jsonb_array_elements(l -> 'taxes') i) inc
WHERE abs(pg_temp.minor(t -> 'amount') - (subtotal - discount) * (t ->> 'rate')::numeric / (100 + r)) > CASE WHEN (SELECT level FROM carts c WHERE c.n = priced.n) = 'unit' THEN 0.5 * coalesce(quantity, 1) ELSE 1 END;

-- The same lines in another order cost the same, and each good the same.
CREATE TEMP TABLE turned AS SELECT c.*, pg_temp.quote(c, (SELECT jsonb_agg(l ORDER BY md5(l::text)) FROM jsonb_array_elements(lines) l)) AS q FROM carts c;
SELECT count(*) AS order_dependent_totals FROM quotes a JOIN turned b USING (n)
WHERE a.q - 'lines' <> b.q - 'lines';
SELECT count(*) AS order_dependent_lines FROM quotes a JOIN turned b USING (n) WHERE (SELECT jsonb_agg(l ORDER BY l) FROM jsonb_array_elements(a.q -> 'lines') l) <> (SELECT jsonb_agg(l ORDER BY l) FROM jsonb_array_elements(b.q -> 'lines') l);
-- Asked again, the answer is the same.
SELECT count(*) AS changed FROM quotes a JOIN carts c USING (n) WHERE pg_temp.quote(c, c.lines) <> a.q;
-- What is bought is what was quoted, number by number.
CREATE TEMP TABLE bought AS SELECT c.n, commerce.checkout(c.lines, channel => CASE WHEN c.n / 2 % 2 = 0 THEN 'carts' ELSE 'carts-2' END, ship_to => jsonb_build_object('country', c.country), shipping_method => c.method,
    options => jsonb_build_object('tax_level', c.level, 'percentages', c.percentages)) AS id FROM carts c;
SELECT count(*) AS bought, count(*) FILTER (WHERE (commerce.minor_units(o.subtotal), commerce.minor_units(o.discount), commerce.minor_units(o.tax), commerce.minor_units(o.included_tax), commerce.minor_units(o.total))
    IS DISTINCT FROM (pg_temp.minor(q -> 'subtotal'), pg_temp.minor(q -> 'discount'), pg_temp.minor(q -> 'tax'), pg_temp.minor(q -> 'included_tax'), pg_temp.minor(q -> 'total'))) AS otherwise
FROM bought JOIN quotes USING (n) JOIN commerce.orders o USING (id);
SELECT count(*) AS lines, count(*) FILTER (WHERE (commerce.minor_units(l.subtotal), commerce.minor_units(l.discount), commerce.minor_units(l.tax), commerce.minor_units(l.total)) IS DISTINCT FROM (p.subtotal, p.discount, p.tax, p.total)) AS otherwise,
    count(*) FILTER (WHERE (SELECT coalesce(sum(commerce.minor_units(d.amount)), 0) FROM commerce.order_discounts d WHERE d.order_id = b.id AND d.line = l.line) <> p.discount) AS discounts_otherwise
FROM bought b JOIN commerce.order_lines l ON l.order_id = b.id JOIN priced p ON p.n = b.n AND p.x = l.line;
UPDATE commerce.promotions SET status = 'ended' WHERE name = 'carts';
