-- What each kind of benefit takes, and how promotions stand beside each other: quote() with promotions brought to it.
\set SHOW_CONTEXT never
\pset null -
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
-- what is left of each line, in the order given, and what became of each promotion
CREATE FUNCTION pg_temp.deal(lines jsonb, promotions jsonb, options jsonb DEFAULT '{}', codes text[] DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT (SELECT string_agg(concat(l ->> 'sku', ' ', l #>> '{subtotal,amount}', '-' || nullif(l #>> '{discount,amount}', '0.00')), ', ' ORDER BY n) FROM jsonb_array_elements(q -> 'lines') WITH ORDINALITY a (l, n))
        || ' = ' || (q #>> '{total,amount}')
        || (SELECT coalesce(string_agg(concat(' | ', coalesce(e ->> 'name', e ->> 'reason'), ' ', e ->> 'code', ' ', nullif(coalesce(e #>> '{amount,amount}', e #>> '{off_prices,amount}'), '0.00')), '' ORDER BY n), '')
            FROM jsonb_array_elements(q -> 'explain') WITH ORDINALITY x (e, n))
    FROM commerce.quote(lines, codes, options => options || jsonb_build_object('promotions', promotions), explain => true) q
$$;
CREATE FUNCTION pg_temp.one(benefit text, lines jsonb, options jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.deal(lines, jsonb_build_array(jsonb_build_object('name', 'it', 'benefit', benefit)), options)
$$;
\set cart '[{"sku": "a", "quantity": 5, "unit_price": "10.00", "tags": ["t"]}, {"sku": "b", "quantity": 3, "unit_price": "4.00", "tags": ["t"]}, {"sku": "c", "quantity": 1, "unit_price": "2.50"}]'

-- Prices, limits of units, groups, steps, caps.
SELECT benefit, pg_temp.one(benefit, :'cart') AS deal FROM unnest(ARRAY[
    'price 9 EUR for units where sku = ''a''', 'price 40 EUR for lines where sku = ''a''', 'price 60 EUR for order', 'price 100 EUR for order', 'price 5 EUR for units',
    '50% off units, at most 4 units', '50% off units, at most 4 units, dearest first', '50% off units, at most 4 units, in cart order', '1 EUR off units, at most 2 units of each line',
    '1 EUR off units, in groups of 4', '1 EUR off units, in steps of 2', '10% off units, at most 3 EUR', '10% off order, at most 3 EUR', '3 EUR off order, at most 1 units',
    '2 EUR or 3 USD off lines', '3 USD off lines', 'free units where sku = ''c''', '3 EUR off first unit and 1 EUR off others', '3 EUR off first unit and 1 EUR off others where tag = ''t'', at most 2 units of each line']) benefit;

-- Tiers: reached as a whole, or each for its part.
SELECT benefit, pg_temp.one(benefit, :'cart') AS deal FROM unnest(ARRAY[
    'tiers by subtotal: 50 EUR -> 10%, 60 EUR -> 20%, 70 EUR -> 50%', 'tiers by subtotal: 100 EUR -> 10%', 'tiers by quantity: 1 -> 1 EUR, 8 -> 2 EUR on units where tag = ''t''',
    'tiers by line quantity: 3 -> 10%, 5 -> 20% on lines', 'tiers by line subtotal: 12 EUR -> 1 EUR, 50 EUR -> 5 EUR on lines', 'tiers by order subtotal: 64 EUR -> 50% on lines where sku = ''c''',
    'tiers by subtotal graduated: 0 EUR -> 10%, 50 EUR -> 20%', 'tiers by line quantity graduated: 1 -> 10%, 3 -> 20%, 5 -> price 1 EUR on units where sku = ''a''']) benefit;

-- Sets: bought and got, bundles, some for a price. Got units are the cheapest, those of bundles the dearest.
SELECT benefit, pg_temp.one(benefit, :'cart') AS deal FROM unnest(ARRAY[
    'buy 2 get 1 free', 'buy 2 where sku = ''a'' get 1 where sku = ''a'' free', 'buy 2 where sku = ''a'' get 1 where sku = ''b'' at 50% off', 'buy 2 where sku = ''a'' get 1 where sku = ''b'' at 1 EUR off, at most 1 times',
    'buy 1 where sku = ''a'' get 1 where sku = ''b'' for 0.50 EUR', 'buy 1 where sku = ''a'' get 5 where sku = ''b'' free', 'buy 1 where sku = ''a'' get up to 5 where sku = ''b'' free', 'buy 1 where sku = ''a'' + 1 where sku = ''b'' get 1 where sku = ''c'' free',
    '3 for 20 EUR', '3 for 20 EUR, at most 1 times', '3 for 40 EUR', '2 for 15 EUR where tag = ''t''', 'bundle 1 where sku = ''a'' + 1 where sku = ''c'' for 10 EUR', 'bundle 1 where sku = ''a'' + 1 where sku = ''b'' at 10% off', 'bundle 1 where sku = ''a'' + 1 where sku = ''b'' at 1 EUR off']) benefit;
SELECT pg_temp.one('buy 1 get 5 free', '[{"sku": "x", "quantity": 6, "unit_price": "20.00"}]') AS whole, pg_temp.one('buy 1 get 5 free', '[{"sku": "x", "quantity": 4, "unit_price": "20.00"}]') AS none,
    pg_temp.one('buy 1 get 5 free', '[{"sku": "x", "quantity": 4, "unit_price": "20.00"}]', '{"partial_get": "yes"}') AS partial;
-- A unit is in one set alone; one more set needs units of its own.
SELECT pg_temp.deal('[{"sku": "x", "quantity": 7, "unit_price": "5.00"}]', '[{"name": "first", "benefit": "buy 2 get 1 free, at most 2 times", "priority": 1}, {"name": "second", "benefit": "buy 2 get 1 free"}]') AS seven,
    pg_temp.deal('[{"sku": "x", "quantity": 9, "unit_price": "5.00"}]', '[{"name": "first", "benefit": "buy 2 get 1 free, at most 2 times", "priority": 1}, {"name": "second", "benefit": "buy 2 get 1 free"}]') AS nine;
-- Cost goes with lines, not with units.
SELECT pg_temp.one('buy 2 get 1 free', '[{"sku": "x", "quantity": 999999999999, "unit_price": "0.03"}, {"sku": "y", "quantity": 999999999999, "unit_price": "0.01"}]') AS many_units;
-- Several things at once: percentages of the same amounts.
SELECT benefit, pg_temp.one(benefit, :'cart') AS deal FROM unnest(ARRAY['20% off lines where sku = ''a''; 10% off lines where tag = ''t''', '10% off lines where sku = ''a''; 20 EUR off order']) benefit;

-- Lanes, classes, priorities; one item discount a line and lane, unless tags say otherwise.
SELECT pg_temp.deal(:'cart', '[{"name": "post", "lane": "post", "benefit": "10% off lines where sku = ''a''"}, {"name": "order", "benefit": "1 EUR off order", "priority": 9}, {"name": "low", "benefit": "50% off lines where sku = ''a''"}, {"name": "high", "benefit": "20% off lines where sku = ''a''", "priority": 1}, {"name": "pre", "lane": "pre", "benefit": "5 EUR off lines where sku = ''a''"}]') AS lanes;
SELECT tags, pg_temp.deal(:'cart', jsonb_build_array('{"name": "one", "benefit": "10% off lines where sku = ''a''", "priority": 1, "tags": ["x"], "stacks_with": ["y"]}'::jsonb, '{"name": "two", "benefit": "10% off lines where sku = ''a''"}'::jsonb || tags)) AS deal
FROM unnest(ARRAY['{}', '{"tags": ["y"]}', '{"stacks_with": ["x"]}', '{"tags": ["y"], "stacks_with": ["x"]}', '{"tags": ["y"], "stacks_with": ["x"], "percentages": "original"}']::jsonb[]) tags;
-- A promotion whose tags name itself still applies once.
SELECT pg_temp.deal(:'cart', '[{"name": "self", "benefit": "10% off lines where sku = ''a''", "tags": ["x"], "stacks_with": ["x"]}]') AS itself;

-- Exclusive ones, groups, the last one, classes that do not combine.
\set pair '[{"name": "big", "benefit": "20% off order", "priority": 1}, {"name": "small", "benefit": "1 EUR off order", "priority": 5}]'
SELECT what, pg_temp.deal(:'cart', (:'pair'::jsonb -> 0 || big) || jsonb_build_array(:'pair'::jsonb -> 1 || small), options) AS deal FROM (VALUES
    ('together', '{}'::jsonb, '{}'::jsonb, '{}'::jsonb), ('exclusive', '{"exclusivity": "exclusive"}', '{}', '{}'), ('both exclusive', '{"exclusivity": "exclusive"}', '{"exclusivity": "exclusive"}', '{}'),
    ('by priority', '{"exclusivity": "exclusive"}', '{}', '{"exclusive_rule": "priority_first"}'), ('first of group', '{"exclusivity": "group_first", "exclusive_group": "g"}', '{"exclusivity": "group_first", "exclusive_group": "g"}', '{}'),
    ('best of group', '{"exclusivity": "group_best", "exclusive_group": "g"}', '{"exclusivity": "group_best", "exclusive_group": "g"}', '{}'), ('last', '{}', '{"stop_all": true}', '{}'),
    ('last of lines', '{}', '{"stop_line": true}', '{}'), ('not combined', '{"combines_with": ["item"]}', '{}', '{}'), ('other currency', '{"currencies": ["USD"]}', '{}', '{}'), ('other channel', '{"channels": ["pos"]}', '{}', '{}'),
    ('other customers', '{"customer_groups": ["staff"]}', '{}', '{}'), ('no sale', '{"exclude_sale_items": "refuse"}', '{}', '{}')) v (what, big, small, options);
-- Conditions see the cart before all discounts, or what is left of it.
SELECT sees, pg_temp.deal(:'cart', jsonb_build_array('{"name": "half", "benefit": "50% off order", "priority": 1}'::jsonb, jsonb_build_object('name', 'then', 'benefit', '1 EUR off order', 'condition', 'subtotal >= 50 EUR', 'condition_sees', sees))) AS deal FROM unnest(ARRAY['before', 'running']) sees;

-- The catalogue sets prices first: all that follows goes by them. One after the other, or the best alone.
\set catalogue '[{"name": "spring", "class": "catalog", "benefit": "10% off lines where sku = ''a''", "priority": 2}, {"name": "autumn", "class": "catalog", "benefit": "3 EUR off units where sku = ''a''", "priority": 1}, {"name": "order", "benefit": "10% off order"}]'
SELECT pg_temp.deal(:'cart', :'catalogue') AS compound, pg_temp.deal(:'cart', :'catalogue', '{"catalog_stacking": "best"}') AS best;
SELECT l ->> 'sku' AS sku, l #>> '{list_price,amount}' AS list_price, l #>> '{unit_price,amount}' AS unit_price, l ->> 'per_quantity' AS per FROM commerce.quote('[{"sku": "p", "quantity": 10, "unit_price": "0.01"}]',
    options => '{"catalog_rounding": "line", "promotions": [{"class": "catalog", "benefit": "10% off lines"}]}') q, jsonb_array_elements(q -> 'lines') l;
SELECT pg_temp.deal(:'cart', '[{"name": "cheaper", "class": "catalog", "benefit": "10% off lines where sku = ''a''"}, {"name": "not on sale", "benefit": "50% off lines", "exclude_sale_items": "skip"}]') AS on_sale_now;

-- Budgets that somebody says.
SELECT budget, pg_temp.deal(:'cart', jsonb_build_array('{"name": "it", "benefit": "50% off lines where sku = ''a''"}'::jsonb || budget), options) AS deal FROM (VALUES
    ('{"uses_left": 1}'::jsonb, '{}'::jsonb), ('{"uses_left": 0}', '{}'), ('{"spend_left": "25.00"}', '{}'), ('{"spend_left": "24.99"}', '{}'), ('{"spend_left": "24.99"}', '{"budget_exceeded": "rest"}'), ('{"spend_left": "0"}', '{"budget_exceeded": "rest"}')) v (budget, options);
-- Codes of their own.
SELECT pg_temp.deal(:'cart', '[{"name": "coded", "benefit": "5 EUR off order", "codes": ["Summer"]}]') AS not_entered, pg_temp.deal(:'cart', '[{"name": "coded", "benefit": "5 EUR off order", "codes": ["Summer"]}]', '{}', '{" sUMMER"}') AS entered;

-- By hand: lines first, the order last; what is taken off by hand stays when promotions change.
SELECT pg_temp.deal(:'cart', '[{"name": "ten", "benefit": "10% off lines where sku = ''a''"}]', '{"discounts": [{"percent": 10, "reason": "late"}]}') AS of_order,
    pg_temp.deal(jsonb_set(:'cart', '{0,discounts}', '[{"amount": "10.00", "reason": "scratched"}]'), '[{"name": "ten", "benefit": "10% off lines where sku = ''a''"}]') AS of_line;
SELECT l -> 'discounts' AS discounts FROM commerce.quote(jsonb_set(:'cart', '{0,discounts}', '[{"amount": "10.00", "reason": "scratched"}]')) q, jsonb_array_elements(q -> 'lines') WITH ORDINALITY l (l, n) WHERE n = 1;

-- How numbers are rounded, and who has the last cent.
SELECT mode, pg_temp.one('5% off order', '[{"sku": "a", "quantity": 1, "unit_price": "17.50"}]', jsonb_build_object('rounding', mode)) AS deal FROM unnest(ARRAY['half_up', 'half_down', 'down', 'half_even']) mode;
SELECT remainder, pg_temp.one('1 EUR off order', '[{"sku": "a", "quantity": 1, "unit_price": "1.00"}, {"sku": "b", "quantity": 1, "unit_price": "1.00"}, {"sku": "c", "quantity": 1, "unit_price": "1.00"}]', jsonb_build_object('remainder', remainder)) AS deal FROM unnest(ARRAY['nearest', 'first', 'last']) remainder;

-- Refused: what a promotion cannot be.
CREATE FUNCTION pg_temp.refusal(promotions jsonb, options jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM commerce.quote('[{"sku": "a", "quantity": 1, "unit_price": "1.00"}]', options => options || jsonb_build_object('promotions', promotions));
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT p, pg_temp.refusal(p) FROM unnest(ARRAY['[{}]', '[{"benefit": "5% of order"}]', '[{"benefit": "120% off order"}]', '[{"benefit": "-5 EUR off order"}]', '[{"benefit": "5% off order", "conditions": "true"}]', '[{"benefit": "5% off order", "class": "gift"}]', '[{"benefit": "5% off units, at most 1 units", "class": "catalog"}]',
    '[{"benefit": "5% off order", "lane": "fast"}]', '[{"benefit": "5% off order", "exclusivity": "group_best"}]', '[{"benefit": "tiers by subtotal: 10 EUR -> 5%, 5 EUR -> 6%"}]', '[{"benefit": "5% off order", "condition": "weather = ''good''"}]', '[{"benefit": "5% off order", "spend_left": "5 USD"}]', '{"benefit": "5% off order"}', '[5]']::jsonb[]) p;
SELECT o, pg_temp.refusal('[]', o) FROM unnest(ARRAY['{"rounding": "sideways"}', '{"remainder": "mine"}', '{"percentages": "both"}', '{"partial_get": true}', '{"discounts": [{"amount": "1.00"}]}', '{"discounts": [{"percent": 101, "reason": "x"}]}', '{"discounts": [{"amount": "1.00", "percent": 5, "reason": "x"}]}', '{"discounts": {}}']::jsonb[]) o;

-- 10 MB of attributes are read like any; 20,000 lines with 300 promotions can be cancelled at any time.
SELECT commerce.quote(jsonb_build_array(jsonb_build_object('sku', 'a', 'quantity', 1, 'unit_price', 1, 'attributes', jsonb_build_object('text', repeat('x', 10000000), 'size', 42))),
    options => '{"promotions": [{"benefit": "10% off lines where attributes.size = 42"}]}') #>> '{total,amount}' AS large;
CREATE TEMP TABLE many AS SELECT jsonb_agg(jsonb_build_object('sku', 's' || n, 'quantity', 2, 'unit_price', 1)) AS lines, (SELECT jsonb_agg(jsonb_build_object('benefit', b, 'tags', '{x}'::text[], 'stacks_with', '{x}'::text[])) FROM generate_series(1, 100) p, unnest(ARRAY['3 for 1 EUR', '1% off order', '50% off units, at most 3 units']) b) AS promotions FROM generate_series(1, 20000) n;
SET statement_timeout = '100ms';
SELECT commerce.quote(lines, options => jsonb_build_object('promotions', promotions)) IS NULL FROM many;
RESET statement_timeout;
