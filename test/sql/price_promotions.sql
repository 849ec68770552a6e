-- quote(): promotions. Every one here runs on channel promo alone, and has ended when the file has.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.channels (code) VALUES ('promo');
INSERT INTO commerce.products (handle, discountable) VALUES ('promo-fixed', false) RETURNING id AS fixed \gset
INSERT INTO commerce.variants (sku, product_id, minimum_price) VALUES ('promo-fixed', :'fixed', NULL), ('promo-floor', NULL, '8 EUR'), ('promo-usd-floor', NULL, '8 USD');
INSERT INTO commerce.prices (sku, price) VALUES ('promo-fixed', '10 EUR'), ('promo-floor', '10 EUR'), ('promo-usd-floor', '10 EUR');
INSERT INTO commerce.shipping_methods (code) VALUES ('promo-ship');
INSERT INTO commerce.shipping_prices (method, price) VALUES ('promo-ship', '5 EUR');

CREATE FUNCTION pg_temp.promote(name text, benefit text, condition text DEFAULT NULL, priority integer DEFAULT 0, needs_code boolean DEFAULT false)
RETURNS uuid LANGUAGE sql AS $$
    INSERT INTO commerce.promotions (name, benefit, condition, priority, needs_code)
    VALUES ('promo ' || name, benefit::commerce.benefit, ('channel = ''promo''' || coalesce(' and (' || condition || ')', ''))::commerce.condition, priority, needs_code) RETURNING id
$$;
CREATE FUNCTION pg_temp.done() RETURNS void LANGUAGE sql AS $$ UPDATE commerce.promotions SET status = 'ended' WHERE name LIKE 'promo %' AND status = 'active' $$;
-- what is left of each line, and what each promotion did
CREATE FUNCTION pg_temp.deal(lines jsonb, codes text[] DEFAULT NULL, options jsonb DEFAULT NULL, method text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT (SELECT string_agg(concat(l #>> '{subtotal,amount}', '-', l #>> '{discount,amount}'), ' ' ORDER BY n) FROM jsonb_array_elements(q -> 'lines') WITH ORDINALITY a (l, n))
        || coalesce(' ship ' || (q #>> '{shipping,subtotal,amount}') || '-' || (q #>> '{shipping,discount,amount}'), '') || ' = ' || (q #>> '{total,amount}')
        || (SELECT coalesce(string_agg(concat(' | ', substr(e ->> 'name', 7), ' ', e ->> 'code', ' ', nullif(e #>> '{amount,amount}', '0.00')), '' ORDER BY n), '')
            FROM jsonb_array_elements(q -> 'explain') WITH ORDINALITY x (e, n) WHERE e ->> 'name' LIKE 'promo %')
    FROM commerce.quote(lines, codes, channel => 'promo', options => options, shipping_method => method, explain => true) q
$$;
\set cart '[{"sku": "a", "quantity": 3, "unit_price": "10.00"}, {"sku": "b", "quantity": 1, "unit_price": "3.33"}, {"sku": "c", "quantity": 2, "unit_price": "0.05"}]'

-- Each kind on each target.
CREATE FUNCTION pg_temp.try(benefit text, condition text, lines jsonb, method text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    PERFORM pg_temp.promote('it', benefit, condition);
    answer := pg_temp.deal(lines, method => method);
    PERFORM pg_temp.done();
    RETURN answer;
END
$$;
SELECT benefit, pg_temp.try(benefit, NULL, :'cart', 'promo-ship') AS deal
FROM unnest(ARRAY['20% off lines', '33.333% off lines where sku = ''a''', '2 EUR off lines', '2 EUR off units', '4 EUR off units where sku in (''b'', ''c'')',
    '10% off order', '5 EUR off order', '100 EUR off order', '100% off order', '1 EUR off order where sku = ''c''', '50% off shipping', '9 EUR off shipping', 'free shipping',
    '5 USD off order', '0.01 EUR off order']) benefit;
SELECT pg_temp.try('free shipping', NULL, :'cart') AS nothing_to_ship;
SELECT condition, pg_temp.try('1 EUR off order', condition, :'cart') AS deal
FROM unnest(ARRAY['subtotal >= 33.43 EUR', 'subtotal >= 33.44 EUR', 'quantity() >= 6', 'quantity >= 6', 'quantity(sku = ''a'') > 3']) condition;

-- A line takes one item discount: of the highest priority, then of the lowest id. Then the order's, then shipping's.
SELECT pg_temp.promote('order', '10% off order', priority => 9), pg_temp.promote('low', '50% off lines', priority => 1), pg_temp.promote('high', '10% off lines where sku = ''a''', priority => 5),
    pg_temp.promote('twin 1', '1 EUR off lines where sku = ''b''', priority => 3), pg_temp.promote('twin 2', '2 EUR off lines where sku = ''b''', priority => 3), pg_temp.promote('ship', '20% off shipping', priority => 10),
    pg_temp.promote('unmet', '90% off order', 'subtotal > 1000 EUR'), pg_temp.promote('coded', '90% off order', needs_code => true) \gset
SELECT pg_temp.deal(:'cart', method => 'promo-ship');
SELECT pg_temp.deal(:'cart', options => '{"percentages": "original"}') AS of_original;
SELECT pg_temp.deal(:'cart', options => '{"percentages": "running"}') AS of_what_is_left;
-- explain: every promotion that runs, with why, in words.
SELECT e ->> 'name' AS name, e ->> 'applied' AS applied, e ->> 'code' AS code, e ->> 'reason' AS reason FROM commerce.quote(:'cart', channel => 'promo', explain => true) q, jsonb_array_elements(q -> 'explain') e WHERE e ->> 'name' LIKE 'promo %';
SELECT count(*) FILTER (WHERE e ->> 'code' <> 'condition_not_met') AS elsewhere FROM commerce.quote(:'cart', explain => true) q, jsonb_array_elements(q -> 'explain') e WHERE e ->> 'name' LIKE 'promo %' AND e ->> 'name' <> 'promo coded';
SELECT commerce.quote(:'cart', channel => 'promo') ? 'explain' AS explained_unasked;
SELECT pg_temp.done() \gset

-- Codes: in any case and spacing, once however often; unknown CM030, not running CM031.
SELECT pg_temp.promote('code', '5 EUR off order', needs_code => true) AS coded \gset
INSERT INTO commerce.promotion_codes (code, promotion) VALUES ('PROMO-WELCOME', :'coded');
SELECT pg_temp.deal(:'cart') AS without;
SELECT pg_temp.deal(:'cart', '{promo-welcome}') AS with;
SELECT pg_temp.deal(:'cart', '{"  Promo-Welcome ",PROMO-WELCOME}') AS often;
\set VERBOSITY terse
INSERT INTO commerce.promotion_codes (code, promotion) VALUES ('promo-lower', :'coded');
\set VERBOSITY default
SELECT pg_temp.deal(:'cart', '{PROMO-NONE}');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.deal(:'cart', '{""}');
SELECT pg_temp.deal(:'cart', '{NULL}');
SELECT pg_temp.deal(:'cart', '{}') AS no_codes;
UPDATE commerce.promotions SET during = '[2020-01-01,2021-01-01)' WHERE id = :'coded';
SELECT pg_temp.deal(:'cart', '{promo-welcome}');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.quote(:'cart', '{promo-welcome}', channel => 'promo', at => '2020-06-01') #>> '{discount,amount}' AS then;
UPDATE commerce.promotions SET during = 'empty' WHERE id = :'coded';
SELECT commerce.quote(:'cart', '{promo-welcome}', channel => 'promo', at => '2020-06-01');
UPDATE commerce.promotions SET during = '(,)', status = 'draft' WHERE id = :'coded';
SELECT pg_temp.deal(:'cart', '{promo-welcome}');
UPDATE commerce.promotions SET status = 'ended' WHERE id = :'coded';
SELECT pg_temp.deal(:'cart', '{promo-welcome}');

-- Floors: what may not be taken from one line is taken from the others. What is not discountable pays in full.
\set floor '[{"sku": "promo-floor", "quantity": 2}, {"sku": "x", "quantity": 1, "unit_price": "10"}]'
SELECT pg_temp.try('9 EUR off order', NULL, :'floor') AS rest_from_the_other, pg_temp.try('100 EUR off order', NULL, :'floor') AS no_further,
    pg_temp.try('50% off lines', NULL, :'floor') AS by_line, pg_temp.try('5 EUR off units', NULL, '[{"sku": "promo-usd-floor", "quantity": 1}]') AS other_currency;
SELECT pg_temp.try('10 EUR off order', NULL, '[{"sku": "promo-fixed", "quantity": 1}, {"sku": "x", "quantity": 1, "unit_price": "10"}]') AS fixed,
    pg_temp.try('50% off lines', NULL, '[{"sku": "promo-fixed", "quantity": 1}]') AS untouched;
-- Free of charge is a price, too; tax is on what is left.
SELECT pg_temp.try('100% off lines', NULL, :'cart') AS free, pg_temp.try('10 EUR off order', NULL, '[{"sku": "a", "quantity": 1, "unit_price": 0}]') AS was_free;
INSERT INTO commerce.tax_zones (code, countries) VALUES ('promo', '{XP}');
INSERT INTO commerce.tax_rates (zone, name, rate) VALUES ('promo', 'VAT', 10);
SELECT pg_temp.promote('half', '50% off order') \gset
SELECT commerce.quote(:'cart', channel => 'promo', ship_to => '{"country": "XP"}') #>> '{tax,amount}' AS tax_on_half;

-- What is rolled back was never quoted; what changes is seen at once.
BEGIN;
UPDATE commerce.promotions SET benefit = '100% off order' WHERE name = 'promo half';
SELECT pg_temp.deal(:'cart');
ROLLBACK;
SELECT pg_temp.deal(:'cart');
SELECT pg_temp.done() \gset
SELECT pg_temp.deal(:'cart');
