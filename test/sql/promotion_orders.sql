-- Promotions of the shop and what orders store of them: gifts, prices of the catalogue, codes, discounts by hand, options.
\set SHOW_CONTEXT never
\pset null -
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.channels (code) VALUES ('deals');
INSERT INTO commerce.variants (sku, track_stock) VALUES ('deal-shirt', true), ('deal-mug', true), ('deal-card', false);
INSERT INTO commerce.prices (sku, price) VALUES ('deal-shirt', '20 EUR'), ('deal-mug', '4 EUR');
SELECT commerce.receive_stock('deal-shirt', 100), commerce.receive_stock('deal-mug', 3);
CREATE FUNCTION pg_temp.summary(q jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT (SELECT string_agg(concat(l ->> 'quantity', ' ', l ->> 'sku', ' ', l #>> '{subtotal,amount}', '-' || nullif(l #>> '{discount,amount}', '0.00'), ' gift' || nullif(right(l ->> 'gift', 0), '-')), ', ' ORDER BY n) FROM jsonb_array_elements(q -> 'lines') WITH ORDINALITY a (l, n)) || ' = ' || (q #>> '{total,amount}')
$$;
CREATE FUNCTION pg_temp.deal(quantity integer, codes text[] DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.summary(commerce.quote(jsonb_build_array(jsonb_build_object('sku', 'deal-shirt', 'quantity', quantity)), codes, channel => 'deals'))
$$;

-- Gifts: lines at their price, all of it taken off, as far as there is stock.
INSERT INTO commerce.promotions (name, channels, benefit) VALUES ('deal mug', '{deals}', 'gift 1 ''deal-mug'' for every 2 where sku = ''deal-shirt''') RETURNING id AS mug \gset
SELECT q, pg_temp.deal(q) FROM unnest(ARRAY[1, 2, 5, 6, 8]) q;
SELECT e ->> 'code' AS code, e ->> 'reason' AS reason FROM commerce.quote('[{"sku": "deal-shirt", "quantity": 8}]', channel => 'deals', explain => true) q, jsonb_array_elements(q -> 'explain') e;
SELECT g ->> 'sku' AS sku, g ->> 'quantity' AS quantity, g ->> 'promotion' = :'mug' AS of_promotion FROM commerce.quote('[{"sku": "deal-shirt", "quantity": 4}]', channel => 'deals') q, jsonb_array_elements(q -> 'gifts') g;
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 4}]', channel => 'deals') AS id \gset
SELECT line, sku, quantity, subtotal, discount, total, gift_of = :'mug' AS gift FROM commerce.order_lines WHERE order_id = :'id' ORDER BY line;
SELECT line, number, promotion = :'mug' AS of_mug, reason, amount FROM commerce.order_discounts WHERE order_id = :'id';
SELECT sku, available FROM commerce.available(ARRAY['deal-mug', 'deal-shirt']) ORDER BY sku;
-- Not in stock any more: the order goes through without it. What is not tracked, or has no price, can be given.
SELECT pg_temp.deal(4);
UPDATE commerce.promotions SET benefit = 'gift 2 ''deal-card''' WHERE id = :'mug';
SELECT pg_temp.deal(1);
UPDATE commerce.promotions SET benefit = 'gift 2 ''deal-nothing''' WHERE id = :'mug';
SELECT pg_temp.deal(1);
-- What the cart buys and what is given before are gone for the next gift; what the cart holds is its own.
CREATE FUNCTION pg_temp.judge(mugs integer, promotions jsonb, holder text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.summary(q) || (SELECT string_agg(concat(' ', e ->> 'code', ' ', e ->> 'applied', ' ', e #>> '{amount,amount}'), ',' ORDER BY n) FROM jsonb_array_elements(q -> 'explain') WITH ORDINALITY a (e, n))
    FROM commerce.quote(jsonb_build_array(jsonb_build_object('sku', 'deal-mug', 'quantity', mugs)), channel => 'deals', explain => true,
        options => jsonb_strip_nulls(jsonb_build_object('promotions', promotions, 'holder', holder))) q
$$;
SELECT commerce.receive_stock('deal-mug', 2);
SELECT n, pg_temp.judge(n, '[{"benefit": "gift 1 ''deal-mug''"}, {"benefit": "gift 1 ''deal-mug''; 1 EUR off order"}]') FROM generate_series(1, 3) n;
SELECT commerce.reserve('deal-mug', 2, 'deal cart') IS NOT NULL AS held;
SELECT pg_temp.judge(2, '[{"benefit": "gift 1 ''deal-mug''"}]', 'deal cart') AS holder, pg_temp.judge(1, '[{"benefit": "gift 1 ''deal-mug''"}]') AS another;
SELECT commerce.release_holder('deal cart');
UPDATE commerce.promotions SET benefit = 'gift 1 ''deal-mug''' WHERE id = :'mug';
BEGIN;
SELECT commerce.checkout('[{"sku": "deal-mug", "quantity": 3}]', channel => 'deals') AS id \gset
SELECT count(*) AS gifts FROM commerce.order_lines WHERE order_id = :'id' AND gift_of IS NOT NULL;
ROLLBACK;
-- A kit takes its parts, in the cart and as a gift.
BEGIN;
INSERT INTO commerce.variants (sku) VALUES ('deal-box');
INSERT INTO commerce.prices (sku, price) VALUES ('deal-box', '15 EUR');
INSERT INTO commerce.kit_parts (kit, part, quantity) VALUES ('deal-box', 'deal-mug', 2);
SELECT commerce.available('deal-mug') AS mugs, commerce.available('deal-box') AS boxes;
CREATE FUNCTION pg_temp.gifts(boxes integer, mugs integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    o uuid := commerce.checkout((SELECT jsonb_agg(l) FROM (VALUES (jsonb_build_object('sku', 'deal-box', 'quantity', boxes)),
        (jsonb_build_object('sku', 'deal-mug', 'quantity', mugs))) lines (l) WHERE l ->> 'quantity' <> '0'), channel => 'deals');
BEGIN
    RETURN (SELECT string_agg(quantity || ' ' || sku || CASE WHEN gift_of IS NULL THEN '' ELSE ' gift' END, ', ' ORDER BY line)
        FROM commerce.order_lines WHERE order_id = o) || ', left ' || commerce.available('deal-mug');
END
$$;
SAVEPOINT three;
SELECT pg_temp.gifts(1, 0) AS box_and_mug;
ROLLBACK TO three;
SELECT pg_temp.gifts(1, 1) AS box_and_no_mug;
ROLLBACK TO three;
UPDATE commerce.promotions SET benefit = 'gift 1 ''deal-box''' WHERE id = :'mug';
SELECT pg_temp.gifts(0, 2) AS no_box;
ROLLBACK TO three;
UPDATE commerce.promotions SET benefit = 'gift 1 ''deal-box''' WHERE id = :'mug';
SELECT pg_temp.gifts(0, 1) AS box;
ROLLBACK;
-- Of two gifts one is not to be had: the promotion applies, and is claimed.
UPDATE commerce.promotions SET benefit = 'gift 1 ''deal-card''; gift 1 ''deal-nothing''' WHERE id = :'mug';
SELECT pg_temp.judge(1, '[{"benefit": "gift 1 ''deal-card''; gift 1 ''deal-nothing''"}]');
INSERT INTO commerce.budgets (promotion, uses) VALUES (:'mug', 1);
SELECT pg_temp.deal(1) AS first;
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals') IS NOT NULL AS bought;
SELECT pg_temp.deal(1) AS next, (SELECT used FROM commerce.budget_status WHERE promotion = :'mug');
DELETE FROM commerce.budgets WHERE promotion = :'mug';
-- What a gift is worth comes out of its promotion's budget: one that is not covered is not given.
UPDATE commerce.promotions SET benefit = 'gift 1 ''deal-mug''; 1 EUR off order' WHERE id = :'mug';
INSERT INTO commerce.budgets (promotion, spend) VALUES (:'mug', '8 EUR');
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals') IS NOT NULL AS bought;
SELECT pg_temp.deal(1) AS second;
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals') IS NOT NULL AS bought;
UPDATE commerce.promotions SET benefit = 'gift 1 ''deal-mug''' WHERE id = :'mug';
SELECT e ->> 'code' AS code, e ->> 'applied' AS applied FROM commerce.quote('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals', explain => true) q, jsonb_array_elements(q -> 'explain') e;
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals') IS NOT NULL AS bought;
SELECT "limit", used FROM commerce.budget_status WHERE promotion = :'mug';
UPDATE commerce.promotions SET needs_code = true WHERE id = :'mug';
INSERT INTO commerce.promotion_codes (code, promotion) VALUES ('DEAL-MUG', :'mug');
\set VERBOSITY sqlstate
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1}]', '{deal-mug}', channel => 'deals');
\set VERBOSITY default
DELETE FROM commerce.budgets WHERE promotion = :'mug';
UPDATE commerce.promotions SET status = 'ended' WHERE id = :'mug';

-- A price of the catalogue is the line's price; what it was is kept beside it.
INSERT INTO commerce.promotions (name, channels, class, benefit, priority) VALUES ('deal sale', '{deals}', 'catalog', '25% off lines', 1) RETURNING id AS sale \gset
SELECT pg_temp.deal(2);
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 2}]', channel => 'deals') AS id \gset
SELECT sku, unit_price, list_price, discount, total FROM commerce.order_lines WHERE order_id = :'id';
SELECT e ->> 'code' AS code, e #>> '{off_prices,amount}' AS off_prices FROM commerce.quote('[{"sku": "deal-shirt", "quantity": 2}]', channel => 'deals', explain => true) q, jsonb_array_elements(q -> 'explain') e WHERE e ->> 'promotion' = :'sale';
-- A budget that does not cover what the catalogue would take off: nothing is taken off, by others instead if need be.
INSERT INTO commerce.promotions (name, channels, class, benefit, priority) VALUES ('deal dearer', '{deals}', 'catalog', '10% off lines', 0) RETURNING id AS dearer \gset
INSERT INTO commerce.budgets (promotion, spend, exceeded) VALUES (:'sale', '12 EUR', 'rest');
UPDATE commerce.channels SET pricing = '{"catalog_stacking": "best"}' WHERE code = 'deals';
SELECT n, pg_temp.deal(n), (SELECT jsonb_agg(e -> 'code' ORDER BY o) FROM commerce.quote(jsonb_build_array(jsonb_build_object('sku', 'deal-shirt', 'quantity', n)), channel => 'deals', explain => true) q, jsonb_array_elements(q -> 'explain') WITH ORDINALITY a (e, o)) AS codes FROM generate_series(2, 3) n;
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 3}]', channel => 'deals') AS id \gset
SELECT sku, unit_price, list_price FROM commerce.order_lines WHERE order_id = :'id';
SELECT used FROM commerce.budget_status WHERE promotion = :'sale';
UPDATE commerce.channels SET pricing = '{}' WHERE code = 'deals';
DELETE FROM commerce.budgets WHERE promotion = :'sale';
DELETE FROM commerce.promotions WHERE id = :'dearer';
INSERT INTO commerce.promotions (name, channels, class, benefit) VALUES ('deal more', '{deals}', 'catalog', '7 EUR off units');
SELECT pg_temp.deal(1) AS one_after_the_other;
UPDATE commerce.channels SET pricing = '{"catalog_stacking": "best"}' WHERE code = 'deals';
SELECT pg_temp.deal(1) AS best_alone;
UPDATE commerce.channels SET pricing = '{}' WHERE code = 'deals';
UPDATE commerce.promotions SET status = 'ended' WHERE name LIKE 'deal %';

-- Options: the shop's, the channel's, the caller's.
INSERT INTO commerce.promotions (name, channels, benefit) VALUES ('deal cent', '{deals}', '0.625% off order') RETURNING id AS cent \gset
SELECT pg_temp.deal(1);
UPDATE commerce.shop SET pricing = '{"rounding": "down"}';
SELECT pg_temp.deal(1);
UPDATE commerce.channels SET pricing = '{"rounding": "half_up"}' WHERE code = 'deals';
SELECT pg_temp.deal(1);
SELECT pg_temp.summary(commerce.quote('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals', options => '{"rounding": "half_down"}'));
UPDATE commerce.channels SET pricing = '{"rounding": "often"}' WHERE code = 'deals';
UPDATE commerce.shop SET pricing = '{"tax_level": "line"}';
UPDATE commerce.shop SET pricing = '{}';
UPDATE commerce.promotions SET status = 'ended' WHERE id = :'cent';

-- Taxes on what was paid, or on the price.
INSERT INTO commerce.tax_zones (code, countries) VALUES ('deals', '{YD}');
INSERT INTO commerce.tax_rates (zone, name, rate) VALUES ('deals', 'VAT', 20);
SELECT o, q #>> '{tax,amount}' AS tax, q #>> '{total,amount}' AS total FROM unnest(ARRAY['{}', '{"tax_on": "full"}']::jsonb[]) o, commerce.quote('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals', ship_to => '{"country": "YD"}', options => o || '{"promotions": [{"benefit": "50% off order"}]}') q;

-- Codes: what became of each; of a time of their own; CM030, CM031.
INSERT INTO commerce.promotions (name, channels, benefit, needs_code, condition) VALUES ('deal code', '{deals}', '5 EUR off order', true, 'subtotal >= 30 EUR') RETURNING id AS code \gset
INSERT INTO commerce.promotion_codes (code, promotion, valid) VALUES ('DEAL', :'code', '(,)'), ('DEAL-OVER', :'code', '(,2020-01-01)'), ('DEAL-SOON', :'code', '[2999-01-01,)');
SELECT quantity, pg_temp.deal(quantity, '{deal}'), c FROM unnest(ARRAY[1, 2]) quantity, commerce.quote(jsonb_build_array(jsonb_build_object('sku', 'deal-shirt', 'quantity', quantity)), '{deal}', channel => 'deals') q, jsonb_array_elements(q -> 'codes') AS c0, LATERAL (SELECT c0 - 'promotion' AS c) c;
SELECT pg_temp.deal(2, '{deal-over}');
SELECT pg_temp.deal(2, '{deal-soon}');
SELECT pg_temp.deal(2, '{deal-never}');
SELECT pg_temp.summary(commerce.quote('[{"sku": "deal-shirt", "quantity": 2, "unit_price": "20.00"}]', '{deal-over}', channel => 'deals', at => '2019-06-01')) AS then;

-- By hand: stored with its reason; only who sets prices may.
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 2, "discounts": [{"amount": "1.50", "reason": "scratched"}, {"percent": 10, "reason": "friend"}]}]', channel => 'deals', codes => '{deal}', options => '{"discounts": [{"amount": "3.00", "reason": "late"}]}') AS id \gset
SELECT line, number, promotion = :'code' AS of_code, reason, amount FROM commerce.order_discounts WHERE order_id = :'id' ORDER BY line, number;
SELECT discount, total FROM commerce.orders WHERE id = :'id';
SET ROLE commerce_app;
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1, "discounts": [{"amount": "1.50", "reason": "scratched"}]}]', channel => 'deals');
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals', options => '{"discounts": [{"amount": "3.00", "reason": "late"}]}');
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals', options => '{"promotions": [{"benefit": "100% off order"}]}');
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals', options => '{"rounding": "down"}');
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals') IS NOT NULL AS plainly;
RESET ROLE;

-- What orders a customer placed before; the hour and the day; attributes of the customer.
INSERT INTO commerce.customers (attributes) VALUES ('{"club": {"level": 3}}') RETURNING id AS customer \gset
UPDATE commerce.promotions SET needs_code = false, condition = 'customer.orders = 0', benefit = '50% off order' WHERE id = :'code';
SELECT pg_temp.summary(commerce.quote('[{"sku": "deal-shirt", "quantity": 1}]', customer => :'customer', channel => 'deals')) AS first_order;
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1}]', customer => :'customer', channel => 'deals') AS id \gset
SELECT pg_temp.summary(commerce.quote('[{"sku": "deal-shirt", "quantity": 1}]', customer => :'customer', channel => 'deals')) AS second_order;
SELECT commerce.order_event(:'id', 'cancel');
SELECT pg_temp.summary(commerce.quote('[{"sku": "deal-shirt", "quantity": 1}]', customer => :'customer', channel => 'deals')) AS after_cancel;
UPDATE commerce.promotions SET condition = 'customer.attributes.club.level >= 3' WHERE id = :'code';
SELECT pg_temp.summary(commerce.quote('[{"sku": "deal-shirt", "quantity": 1}]', customer => :'customer', channel => 'deals')) AS in_the_club, pg_temp.deal(1) AS guest;
UPDATE commerce.promotions SET condition = 'weekday in (''sat'', ''sun'') and time >= ''18:00'' and time < ''20:00''', time_zone = 'Europe/Berlin' WHERE id = :'code';
SELECT at, pg_temp.summary(commerce.quote('[{"sku": "deal-shirt", "quantity": 1, "unit_price": "20.00"}]', channel => 'deals', at => at)) FROM unnest(ARRAY['2026-11-28 17:30+00', '2026-11-28 16:30+00', '2026-11-28 19:00+00', '2026-11-27 17:30+00', '2026-07-25 16:30+00']::timestamptz[]) at;
UPDATE commerce.promotions SET condition = 'date >= ''2026-12-01'' and date < ''2026-12-25''' WHERE id = :'code';
SELECT at, pg_temp.summary(commerce.quote('[{"sku": "deal-shirt", "quantity": 1, "unit_price": "20.00"}]', channel => 'deals', at => at)) FROM unnest(ARRAY['2026-11-30 22:59+00', '2026-11-30 23:00+00', '2026-12-24 22:59+00', '2026-12-24 23:00+00']::timestamptz[]) at;

-- What the table refuses.
CREATE FUNCTION pg_temp.refusal(columns text, row_values text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO commerce.promotions (%s) VALUES (%s)', columns, row_values);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.attempt(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    d text;
    h text;
BEGIN
    EXECUTE sql;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, d, h);
END
$$;
SELECT columns, pg_temp.refusal(columns, row_values) FROM (VALUES ('benefit, class', '''5% off order'', ''shipping'''), ('benefit, class', '''5% off units, at most 2 units'', ''catalog'''), ('benefit, exclusivity', '''5% off order'', ''group_best'''), ('benefit, exclusive_group', '''5% off order'', ''g'''),
    ('benefit, time_zone', '''5% off order'', ''Mars/Olympus'''), ('benefit, combines_with', '''5% off order'', ''{catalog}'''), ('benefit', '''5%'''), ('benefit, lane', '''5% off order'', ''middle'''),
    ('benefit, currencies', '''5% off order'', ''{EUR,eur}'''), ('benefit, currencies', '''5% off order'', ''{XXX}'''), ('benefit, currencies', '''5% off order'', ''{""}'''), ('benefit, currencies', '''5% off order'', ''{NULL}'''),
    ('benefit, channels', '''5% off order'', ''{deals,deal-web}'''), ('benefit, channels', '''5% off order'', ''{DEALS}'''), ('benefit, channels', '''5% off order'', ''{""}'''), ('benefit, channels', '''5% off order'', ''{NULL}'''),
    ('benefit, channels, status', '''5% off order'', ''{deal-web}'', ''draft''')) v (columns, row_values);

-- The channels that a promotion names are there and stay, until it is ended.
INSERT INTO commerce.promotions (name, channels, currencies, benefit) VALUES ('deal place', '{deal-web}', '{EUR,USD}', '5% off order');
INSERT INTO commerce.channels (code) VALUES ('deal-web'), ('deal-pos');
INSERT INTO commerce.promotions (name, channels, currencies, benefit) VALUES ('deal place', '{deal-pos,deal-web}', '{EUR,USD}', '5% off order') RETURNING id AS place \gset
UPDATE commerce.promotions SET channels = '{deal-pos,deal-shop}' WHERE id = :'place';
UPDATE commerce.promotions SET currencies = '{EUR,FRF}' WHERE id = :'place';
SELECT regexp_replace(pg_temp.attempt($$DELETE FROM commerce.channels WHERE code = 'deal-web'$$), :'place', 'its id') AS of_a_delete,
    regexp_replace(pg_temp.attempt($$UPDATE commerce.channels SET code = 'deal-shop' WHERE code = 'deal-pos'$$), :'place', 'its id') AS of_a_rename;
UPDATE commerce.channels SET name = 'the web', code = code WHERE code = 'deal-web';
UPDATE commerce.promotions SET status = 'draft' WHERE id = :'place';
SELECT pg_temp.attempt($$DELETE FROM commerce.channels WHERE code = 'deal-web'$$) LIKE '23503 %' AS draft_refused;
UPDATE commerce.promotions SET status = 'ended' WHERE id = :'place';
UPDATE commerce.channels SET code = 'deal-shop' WHERE code = 'deal-pos';
DELETE FROM commerce.channels WHERE code = 'deal-web';
UPDATE commerce.promotions SET name = 'deal place that was', priority = 1 WHERE id = :'place';
UPDATE commerce.promotions SET status = 'active' WHERE id = :'place';
UPDATE commerce.promotions SET status = 'active', channels = '{deal-shop}' WHERE id = :'place';
SELECT channels, status FROM commerce.promotions WHERE id = :'place';
-- Who brings promotions to a quote may name channels of his own, but currencies that there are.
SELECT commerce.quote('[{"sku": "deal-shirt", "quantity": 1}]', options => '{"promotions": [{"benefit": "5% off order", "currencies": ["EURO"]}]}');
SELECT commerce.quote('[{"sku": "deal-shirt", "quantity": 1}]', options => '{"promotions": [{"benefit": "5% off order", "channels": ["deal-none"], "currencies": ["EUR"]}]}') #>> '{discount,amount}' AS discount;
UPDATE commerce.promotions SET status = 'ended' WHERE name LIKE 'deal %';

-- How much less tax is due because of each discount: contained in prices or added to them, and split by the cents.
INSERT INTO commerce.tax_zones (code, countries) VALUES ('deals-in', '{YE}');
INSERT INTO commerce.tax_rates (zone, name, rate, included) VALUES ('deals-in', 'VAT', 19, true);
SELECT country, l #>> '{tax,amount}' AS tax, d #>> '{amount,amount}' AS amount, d #>> '{saved_tax,amount}' AS saved_tax FROM unnest(ARRAY['YD', 'YE', 'YF']) country, commerce.quote('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals', ship_to => jsonb_build_object('country', country),
    options => '{"promotions": [{"benefit": "10% off lines", "priority": 1}, {"benefit": "3.33 EUR off order"}]}') q, jsonb_array_elements(q -> 'lines') l, jsonb_array_elements(l -> 'discounts') d;
SELECT commerce.checkout('[{"sku": "deal-shirt", "quantity": 1}]', channel => 'deals', ship_to => '{"country": "YE"}', options => '{"promotions": [{"benefit": "free units"}]}') AS id \gset
SELECT d.amount, d.saved_tax, l.tax FROM commerce.order_discounts d JOIN commerce.order_lines l USING (order_id, line) WHERE order_id = :'id';
