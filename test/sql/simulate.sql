-- quote_lines() and simulate_promotion(). Everything here happens in 2019, on skus of its own.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
SET timezone = 'UTC';
SET search_path = public, commerce;
INSERT INTO commerce.channels (code) VALUES ('simulate'), ('simulate-web');
INSERT INTO commerce.customer_groups (code) VALUES ('simulate');
INSERT INTO commerce.products (handle, brand, category, tags, attributes) VALUES
    ('sim-shoe', 'Acme', 'sim.shoes', '{sim-a,sim-b}', '{"size": 42}'), ('sim-sock', 'Acme', 'sim.socks', '{sim-b}', '{}');
INSERT INTO commerce.products (handle, discountable) VALUES ('sim-fixed', false);
INSERT INTO commerce.variants (sku, product_id, title, cost, minimum_price, track_stock)
SELECT v.sku, p.id, v.title, v.cost::commerce.amount, v.floor::commerce.amount, false
FROM (VALUES ('sim-shoe', 'sim-shoe', 'Shoe', '30 EUR', '50 EUR'), ('sim-sock', 'sim-sock', 'Sock', '1 EUR', NULL), ('sim-fixed', 'sim-fixed', 'Fixed', NULL, NULL),
    ('sim-mug', NULL, 'Mug', '2 EUR', NULL), ('sim-pin', NULL, 'Pin', '1 USD', NULL)) v (sku, handle, title, cost, floor) LEFT JOIN commerce.products p USING (handle);
INSERT INTO commerce.prices (sku, price) VALUES ('sim-shoe', '80 EUR'), ('sim-sock', '4.99 EUR'), ('sim-fixed', '10 EUR'), ('sim-mug', '5 EUR'), ('sim-pin', '3 EUR'), ('sim-sock', '6 USD');
INSERT INTO commerce.shipping_methods (code, name) VALUES ('sim-ship', 'by post');
INSERT INTO commerce.shipping_prices (method, price) VALUES ('sim-ship', '4.90 EUR');
INSERT INTO commerce.tax_zones (code, countries) VALUES ('sim-added', '{QQ}'), ('sim-included', '{QR}'), ('sim-untaxed', '{QS}');
INSERT INTO commerce.tax_rates (zone, name, rate, included) VALUES ('sim-added', 'VAT', 10, false), ('sim-included', 'VAT', 25, true);
INSERT INTO commerce.customers (customer_group, attributes) VALUES ('simulate', '{"age": 40}') RETURNING id AS regular \gset
INSERT INTO commerce.customers (attributes) VALUES ('{"age": 20}') RETURNING id AS other \gset

-- quote_lines(): the lines of quote(), as rows.
\set cart '[{"sku": "sim-shoe", "quantity": 1}, {"sku": "sim-sock", "quantity": 3}, {"sku": "sim-own", "title": "Own", "quantity": 2, "unit_price": "9.00", "per_quantity": 3}]'
\set deals '{"promotions": [{"benefit": "10% off lines where sku = ''sim-sock''", "class": "catalog"}, {"benefit": "5% off order"}, {"benefit": "gift 1 ''sim-mug''"}, {"benefit": "50% off shipping"}]}'
SELECT * FROM commerce.quote_lines(:'cart', channel => 'simulate', ship_to => '{"country": "QQ"}', shipping_method => 'sim-ship', options => :'deals');
SELECT line, sku, tax, included_tax, total FROM commerce.quote_lines(:'cart', channel => 'simulate', ship_to => '{"country": "QR"}', options => :'deals');
SELECT count(*) AS lines, bool_and((l.sku, l.title, l.quantity, l.unit_price, l.list_price, l.subtotal, l.discount, l.tax, l.included_tax, l.total, l.gift) IS NOT DISTINCT FROM
    (e ->> 'sku', e ->> 'title', (e ->> 'quantity')::bigint, (e -> 'unit_price')::commerce.amount, (e -> 'list_price')::commerce.amount, (e -> 'subtotal')::commerce.amount,
    (e -> 'discount')::commerce.amount, (e -> 'tax')::commerce.amount, (e -> 'included_tax')::commerce.amount, (e -> 'total')::commerce.amount, coalesce((e -> 'gift')::boolean, false))) AS as_quoted
FROM commerce.quote(:'cart', ship_to => '{"country": "QQ"}', shipping_method => 'sim-ship', options => :'deals') q, jsonb_array_elements(q -> 'lines') WITH ORDINALITY a (e, n)
    JOIN commerce.quote_lines(:'cart', ship_to => '{"country": "QQ"}', shipping_method => 'sim-ship', options => :'deals') l ON l.line = n;
\set VERBOSITY sqlstate
SELECT * FROM commerce.quote_lines(NULL);
SELECT * FROM commerce.quote_lines('[]');
SELECT * FROM commerce.quote_lines('[{"sku": "sim-none", "quantity": 1}]');
SELECT * FROM commerce.quote_lines('[{"sku": "sim-sock", "quantity": 1}]', '{sim-none}');
SET ROLE commerce_app;
SELECT line, total FROM commerce.quote_lines('[{"sku": "sim-sock", "quantity": 1}]', ship_to => '{"country": "QQ"}');
SET ROLE commerce_reader;
SELECT * FROM commerce.quote_lines('[{"sku": "sim-sock", "quantity": 1}]');
RESET ROLE;
\set VERBOSITY default

-- Sixty orders without promotions, one every 7 hours, of two customers and guests, on two channels, to three places.
CREATE TEMP TABLE placed AS SELECT n, commerce.checkout(
    (SELECT jsonb_agg(jsonb_build_object('sku', sku, 'quantity', quantity)) FROM (VALUES ('sim-shoe', n / 7 % 3), ('sim-sock', n % 4), ('sim-fixed', (n + 1) % 2), ('sim-mug', 1)) l (sku, quantity) WHERE quantity > 0),
    customer => CASE n % 3 WHEN 1 THEN :'regular'::uuid WHEN 2 THEN :'other' END, channel => CASE WHEN n % 2 = 0 THEN 'simulate' ELSE 'simulate-web' END,
    ship_to => CASE n % 3 WHEN 0 THEN '{"country": "QQ", "region": "N", "postal_code": "123"}' WHEN 1 THEN '{"country": "QR"}' ELSE '{"country": "QS"}' END::jsonb,
    shipping_method => CASE WHEN n % 5 > 0 THEN 'sim-ship' END, options => '{"promotions": []}') AS id FROM generate_series(1, 60) n;
UPDATE commerce.orders o SET placed_at = '2019-01-01 00:30+00'::timestamptz + n * interval '7 hours' FROM placed p WHERE p.id = o.id;
CREATE FUNCTION pg_temp.sim(given jsonb, during tstzrange DEFAULT '[2019-01-01,2019-03-01)') RETURNS TABLE (orders bigint, affected bigint, units bigint, discount commerce.amount, on_shipping commerce.amount, lost_margin commerce.amount)
LANGUAGE sql AS $$ SELECT s.orders, s.orders_affected, s.units_affected, s.discount, s.shipping_discount, s.margin - s.margin_after FROM commerce.simulate_promotion(given => given, during => during) s $$;

\x on
SELECT * FROM commerce.simulate_promotion(given => '{"benefit": "10% off order"}', during => '[2019-01-01,2019-03-01)');
\x off
-- What it takes of each order is what quote() takes of the same lines.
CREATE FUNCTION pg_temp.quoted(id uuid, given jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT (commerce.quote((SELECT jsonb_agg(jsonb_build_object('sku', l.sku, 'quantity', l.quantity, 'unit_price', l.unit_price)) FROM commerce.order_lines l WHERE l.order_id = o.id),
        customer => o.customer_id, channel => o.channel, ship_to => o.ship_to, shipping_method => o.shipping_method, at => o.placed_at,
        options => jsonb_build_object('promotions', jsonb_build_array(given))) #>> '{discount,minor}')::bigint FROM commerce.orders o WHERE o.id = $1
$$;
SELECT p, count(*) AS orders, sum(quoted) AS quoted, sum(tried) AS tried, count(*) FILTER (WHERE quoted <> tried) AS unlike
FROM unnest(ARRAY['{"benefit": "10% off order"}', '{"benefit": "33.333% off lines where category <@ ''sim''"}', '{"benefit": "7 EUR off units"}', '{"benefit": "100 EUR off order"}',
    '{"benefit": "buy 1 where sku = ''sim-shoe'' get 1 where tag = ''sim-b'' at 50% off"}', '{"benefit": "3 for 9.99 EUR where brand = ''Acme''"}', '{"benefit": "free shipping; 5% off order"}',
    '{"benefit": "tiers by subtotal: 50 EUR -> 5%, 150 EUR -> 12.5%"}', '{"benefit": "1 EUR off lines where attributes.size > 40"}', '{"benefit": "5 EUR off order", "condition": "customer.group = ''simulate''"}',
    '{"benefit": "5 EUR off order", "condition": "customer.attributes.age > 30"}', '{"benefit": "5 EUR off order", "condition": "country = ''QQ'' and region = ''N'' and postal_code = ''123'' and subtotal >= 30 EUR"}',
    '{"benefit": "5 EUR off order", "channels": ["simulate-web"], "customer_groups": ["simulate"]}', '{"benefit": "9% off order", "condition": "shipping.method = ''sim-ship'' and shipping > 1 EUR"}',
    '{"benefit": "2 EUR off units where sku = ''sim-mug''", "condition": "time >= ''18:00'' or weekday in (''sat'', ''sun'')", "time_zone": "Asia/Tokyo"}', '{"benefit": "5 USD off order"}'
    ]::jsonb[]) WITH ORDINALITY g (p, n),
    LATERAL (SELECT pg_temp.quoted(e.order_id, p) AS quoted, commerce.minor_units(e.discount) AS tried FROM commerce.promotion_effects(p, '[2019-01-01,2019-03-01)') e) x
GROUP BY n, p ORDER BY n;
-- Lower prices of the catalogue are no discount to quote(): it is the subtotal that is lower.
SELECT sum(commerce.minor_units(o.subtotal)) - sum((q #>> '{subtotal,minor}')::bigint) AS quoted, (SELECT discount FROM pg_temp.sim('{"benefit": "15% off lines where sku <> ''sim-mug''", "class": "catalog"}')) AS tried
FROM placed JOIN commerce.orders o USING (id), LATERAL (SELECT commerce.quote((SELECT jsonb_agg(jsonb_build_object('sku', l.sku, 'quantity', l.quantity)) FROM commerce.order_lines l WHERE l.order_id = o.id),
    channel => o.channel, options => '{"promotions": [{"benefit": "15% off lines where sku <> ''sim-mug''", "class": "catalog"}]}') AS q) x;
-- How discounts are computed is the shop's and the channel's to say.
UPDATE commerce.channels SET pricing = '{"rounding": "down"}' WHERE code = 'simulate';
SELECT sum(pg_temp.quoted(e.order_id, '{"benefit": "3.7% off lines"}')) AS quoted, commerce.sum(e.discount) AS tried FROM commerce.promotion_effects('{"benefit": "3.7% off lines"}', '[2019-01-01,2019-03-01)') e;
UPDATE commerce.channels SET pricing = '{}' WHERE code = 'simulate';

-- Orders placed before: 20 of each customer. The time that is asked for.
SELECT c, s.* FROM unnest(ARRAY['customer.orders >= 0', 'customer.orders >= 1', 'customer.orders = 19', 'customer.orders >= 20', 'customer.orders >= 5 and customer.attributes.age = 40']) WITH ORDINALITY x (c, n),
    LATERAL pg_temp.sim(jsonb_build_object('benefit', '1 EUR off order', 'condition', c)) s ORDER BY n;
SELECT d, s.* FROM unnest('{"[2019-01-02,2019-01-03)","(,2019-01-02)","[2018-01-01,2018-02-01)"}'::tstzrange[]) d LEFT JOIN LATERAL pg_temp.sim('{"benefit": "1 EUR off order"}', d) s ON true;

-- Gifts cost what they cost, and take nothing off; what is in no catalogue is not given, and another currency is no cost.
SELECT orders_affected, units_affected, discount, gift_units, gift_cost, margin - margin_after AS lost_margin, units_without_cost, average_discount
FROM unnest(ARRAY['gift 1 ''sim-mug'' for every 2 where sku = ''sim-sock''', 'gift 2 ''sim-pin''', 'gift 1 ''sim-none''']) WITH ORDINALITY x (b, n),
    LATERAL commerce.simulate_promotion(given => jsonb_build_object('benefit', b), during => '[2019-01-01,2019-03-01)') ORDER BY n;
-- Taxes that prices contain are no revenue: of 10 EUR off such an order 8 are lost, of others 10.
SELECT o.ship_to ->> 'country' AS country, commerce.sum(e.discount) AS discount, commerce.sum(e.revenue) - commerce.sum(e.revenue_after) AS lost
FROM commerce.promotion_effects('{"benefit": "10 EUR off order where sku = ''sim-shoe''"}', '[2019-01-01,2019-03-01)') e JOIN commerce.orders o ON o.id = e.order_id GROUP BY 1 ORDER BY 1;

-- On top of what was taken off then, and never below zero or the minimum price; its own discounts come off first.
INSERT INTO commerce.promotions (name, benefit, condition) VALUES ('simulate ran', '30% off lines where sku in (''sim-sock'', ''sim-shoe'')', 'channel = ''simulate''') RETURNING id AS ran \gset
SELECT commerce.checkout('[{"sku": "sim-shoe", "quantity": 1}, {"sku": "sim-sock", "quantity": 2}, {"sku": "sim-mug", "quantity": 1}]', channel => 'simulate', ship_to => '{"country": "QS"}') AS had \gset
UPDATE commerce.orders SET placed_at = '2019-06-01' WHERE id = :'had';
UPDATE commerce.promotions SET status = 'ended' WHERE id = :'ran';
SELECT line, subtotal, discount FROM commerce.order_lines WHERE order_id = :'had' ORDER BY line;
\x on
SELECT * FROM commerce.simulate_promotion(given => '{"benefit": "100% off lines"}', during => '[2019-06-01,2019-07-01)');
SELECT * FROM commerce.simulate_promotion(:'ran', '[2019-06-01,2019-07-01)');
\x off
SELECT b, orders_affected, discount, revenue, revenue_after FROM unnest(ARRAY['5 EUR off order', '90% off order', '30% off lines']) b, LATERAL commerce.simulate_promotion(:'ran', '[2019-06-01,2019-07-01)', jsonb_build_object('benefit', b));
SELECT discount FROM pg_temp.sim('{"benefit": "100% off lines where sku = ''sim-sock''", "class": "catalog"}', '[2019-06-01,2019-07-01)');
-- A draft, and one that needs a code, as if everybody had entered it; whether and when it runs does not count.
INSERT INTO commerce.promotions (benefit, status, needs_code, during) VALUES ('10% off order', 'draft', true, 'empty') RETURNING id AS draft \gset
SELECT orders, orders_affected, discount FROM commerce.simulate_promotion(:'draft', '[2019-01-01,2019-03-01)');
SELECT * FROM pg_temp.sim('{"benefit": "10% off order", "codes": ["SIM"], "status": "ended", "during": "[2020-01-01,2020-02-01)"}');

-- A row a currency; cancelled orders do not count, archived or not.
SELECT commerce.checkout('[{"sku": "sim-sock", "quantity": 2}]', currency => 'USD') AS dollars, commerce.checkout('[{"sku": "sim-sock", "quantity": 2}]') AS cancelled, commerce.checkout('[{"sku": "sim-sock", "quantity": 2}]') AS archived \gset
UPDATE commerce.orders SET placed_at = '2019-06-02' WHERE id IN (:'dollars', :'cancelled', :'archived');
SELECT commerce.order_event(:'cancelled', 'cancel'), commerce.order_event(:'archived', 'cancel'), commerce.order_event(:'archived', 'archive');
SELECT currency, orders, orders_affected, discount, cost, units_without_cost FROM commerce.simulate_promotion(given => '{"benefit": "10% off order"}', during => '[2019-06-01,2019-07-01)');

-- Parallel workers get whole quarters of the orders, and the sums are the same.
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Gather|Workers|Append' THEN
            RETURN NEXT regexp_replace(line, '^ *(->)? *', '');
        END IF;
    END LOOP;
END
$$;
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE serial AS SELECT g, s.* FROM unnest(ARRAY['{"benefit": "10% off order"}', '{"benefit": "gift 1 ''sim-mug''; 1 EUR off units", "condition": "customer.orders > 2 and customer.attributes.age > 30"}']::jsonb[]) g, LATERAL commerce.simulate_promotion(given => g) s;
SELECT pg_temp.plan('SELECT currency, count(*), commerce.sum(discount) FROM commerce.promotion_effects(''{"benefit": "10% off order"}'') GROUP BY currency ORDER BY currency');
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET parallel_leader_participation = off;
-- As simulate_promotion() does: no table is shared out, but what is to be done with it.
SET min_parallel_table_scan_size = 715827882;
SET min_parallel_index_scan_size = 715827882;
SELECT pg_temp.plan('SELECT currency, count(*), commerce.sum(discount) FROM commerce.promotion_effects(''{"benefit": "10% off order"}'') GROUP BY currency ORDER BY currency');
SELECT pg_temp.plan('SELECT * FROM commerce.promotion_effects(''{"benefit": "gift 1 ''''sim-mug''''", "condition": "customer.orders > 2 and customer.attributes.age > 30"}'', ''[2019-01-01,2020-01-01)'', ''00000000-0000-0000-0000-000000000001'')');
SELECT count(*) AS in_parallel_too, count(*) FILTER (WHERE s IS NOT DISTINCT FROM p) AS alike FROM serial s JOIN (SELECT g, s.* FROM (SELECT DISTINCT g FROM serial) x, LATERAL commerce.simulate_promotion(given => g) s) p USING (g, currency);
SELECT orders_affected, discount FROM commerce.simulate_promotion(given => '{"benefit": "gift 1 ''sim-mug''; 1 EUR off units", "condition": "customer.orders > 2 and customer.attributes.age > 30"}', during => '[2019-01-01,2019-03-01)');
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET parallel_leader_participation;
RESET min_parallel_table_scan_size;
RESET min_parallel_index_scan_size;

-- Refusals.
SELECT * FROM commerce.simulate_promotion();
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM commerce.simulate_promotion('00000000-0000-0000-0000-000000000000');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM commerce.simulate_promotion(:'ran', 'empty');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.sim('[]');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.sim('{}');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.sim('{"benefit": "10% off order", "benefits": 1}');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.sim('{"benefit": "10% off"}');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.sim('{"benefit": "10% off order", "uses_left": 5}');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.sim('{"benefit": "10% off order", "class": "shipping"}');
SELECT pg_temp.sim('{"benefit": "10% off order", "lane": "fast"}', '[2001-01-01,2001-01-02)');
SELECT commerce.promotion_asks('{"benefit": "10% off order"}', 'weather');
SELECT commerce.promotion_asks('{"benefit": "50% off shipping where customer.orders > 3"}', 'customer.orders') AS in_a_benefit;
\set VERBOSITY sqlstate
SELECT commerce.promotion_effect('{"benefit": "10% off order"}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT commerce.promotion_effect('{"benefit": "10% off order"}', NULL, now(), NULL, NULL, NULL, '0 EUR', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ARRAY[NULL, ROW(NULL, 1, '1 EUR', 1, '1 EUR', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::commerce.sold_line]);
\set VERBOSITY default
SELECT commerce.promotion_effect(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) IS NULL AS nothing_tried;
SELECT commerce.promotion_effect('{"benefit": "10% off order"}', NULL, now(), NULL, NULL, NULL, '0 EUR', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) AS nothing_sold;
-- Bare facts are enough for a line.
SELECT commerce.promotion_effect('{"benefit": "10% off order"}', NULL, now(), NULL, NULL, NULL, '0 EUR', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ARRAY[ROW('x', 2, '5 EUR', NULL, '10 EUR', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::commerce.sold_line]) AS bare;

-- A reader runs reports with its own rights: it sees no customer's attributes, and so asks nothing of them.
SET ROLE commerce_reader;
SELECT orders, orders_affected, discount FROM commerce.simulate_promotion(:'draft', '[2019-01-01,2019-03-01)', '{"condition": "customer.orders > 2 and customer.group = ''simulate''"}');
SELECT * FROM commerce.simulate_promotion(given => '{"benefit": "1 EUR off order", "condition": "customer.attributes.age > 30"}', during => '[2019-01-01,2019-03-01)');
SET ROLE commerce_admin;
SELECT orders, orders_affected, discount FROM commerce.simulate_promotion(given => '{"benefit": "1 EUR off order", "condition": "customer.attributes.age > 30"}', during => '[2019-01-01,2019-03-01)');
RESET ROLE;
