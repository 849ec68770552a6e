-- The types condition and benefit: reading, canonical form, errors with their place, and what a condition says of a cart.
SET search_path = commerce, public;
\set VERBOSITY default
\set SHOW_CONTEXT never

-- Canonical form
SELECT 'SUBTOTAL>=100.50 eur AND (code = ''summer'' OR ((not tag in (''a'',''it''''s''))))'::condition;
SELECT 'quantity(category<@''clothing.shoes'' and on_sale)>=2.50 or not (lines()=1 and attributes.shoe-size<>-42)'::condition;
SELECT text::benefit FROM (VALUES
    ('20 % OFF lines WHERE category<@''clothing.shoes'' and not on_sale'), ('12.50% off order'), ('100% off shipping'),
    ('10 eur off order where brand=''Acme'''), ('0.5 EUR off units'), ('3 EUR off lines'), ('5 EUR off shipping'))
    AS benefits (text);

-- Equality is that of the canonical form
SELECT '(sku=''A'')'::condition = 'sku = ''A'''::condition AS same,
       'sku = ''A'''::condition <> 'sku = ''B'''::condition AS different,
       'free shipping'::benefit = '100 % off shipping'::benefit AS same_benefit,
       '1% off order'::benefit <> '2% off order'::benefit AS different_benefit;
SELECT NULL::condition IS NULL AS no_condition, NULL::benefit IS NULL AS no_benefit;

-- From text, which a column or a parameter holds
SELECT (name || ' = ''x''')::condition FROM (VALUES ('sku'), ('brand')) AS names (name);

-- Through a table, and out and in again in binary form
CREATE TEMPORARY TABLE rules (condition condition, benefit benefit);
INSERT INTO rules VALUES ('subtotal>5 EUR', '5% off order'), (NULL, NULL), ('tag = ''äöü €''', '1 EUR off order where sku = ''ß''');
SELECT * FROM rules;
SELECT commerce.condition_send(condition) = convert_to(condition::text, 'UTF8') AS sent_as_text,
       commerce.benefit_send(benefit) = convert_to(benefit::text, 'UTF8') AS benefit_too FROM rules;
CREATE TEMPORARY TABLE copied (LIKE rules);
\copy rules TO PROGRAM 'cat > "$PG_ABS_BUILDDIR/results/rule.copy"' (FORMAT binary)
\copy copied FROM PROGRAM 'cat "$PG_ABS_BUILDDIR/results/rule.copy"' (FORMAT binary)
SELECT * FROM copied;
-- What arrives in binary form is read like any text.
CREATE TEMPORARY TABLE raw (condition bytea, benefit bytea);
INSERT INTO raw VALUES ('sku', 'free shipping');
\copy raw TO PROGRAM 'cat > "$PG_ABS_BUILDDIR/results/rule.copy"' (FORMAT binary)
\copy copied FROM PROGRAM 'cat "$PG_ABS_BUILDDIR/results/rule.copy"' (FORMAT binary)

-- Refusals: each says where and what was expected
SELECT ''::condition;
SELECT 'subtotal >= ''abc'''::condition;
SELECT 'subtotal >= 100 EURO'::condition;
SELECT 'subtotal >= 100.123 EUR'::condition;
SELECT 'shipping > 90071992547409.92 EUR'::condition;
SELECT 'colour = ''red'''::condition;
SELECT 'sku = ''ä'' or sku'::condition;
SELECT 'sku = ''A'::condition;
SELECT 'sku = "A"'::condition;
SELECT 'lines(quantity() > 1) > 1'::condition;
SELECT 'category <@ ''a..b'''::condition;
SELECT 'quantity is null'::condition;
SELECT repeat('(', 101)::condition;
SELECT repeat('not ', 16000)::condition;
SELECT (repeat(' ', 65536) || 'true')::condition;
SELECT ('true' || repeat(' or on_sale', 6000))::condition;
-- The canonical form has to be short enough too, or a dump of it could not be restored.
SELECT ('quantity in (1' || repeat(',1', 30000) || ')')::condition;
SELECT '0% off order'::benefit;
SELECT '101% off order'::benefit;
SELECT '0.0000001% off order'::benefit;
SELECT '0 EUR off order'::benefit;
SELECT '20% off units'::benefit;
SELECT 'free'::benefit;
SELECT '20% off lines where quantity() > 2'::benefit;

-- What a condition says of a cart
CREATE TEMPORARY VIEW carts AS SELECT '{
    "currency": "EUR", "shipping": "5.00", "channel": "web", "customer_group": "vip", "country": "DE", "codes": ["summer"],
    "lines": [
        {"sku": "A", "brand": "Acme", "category": "clothing.shoes", "tags": ["socks", "wool"], "quantity": 3,
         "unit_price": "10.00", "attributes": {"size": 42.5, "colour": {"outer": "red"}, "soft": true}},
        {"sku": "B", "category": "clothing.shoestrings", "quantity": 2, "unit_price": {"amount": "5.00", "currency": "EUR"},
         "on_sale": true}]}'::jsonb AS cart;
SELECT text::condition AS condition, condition_holds(text::condition, cart) AS holds
FROM carts, unnest(ARRAY[
    'subtotal = 40 EUR', 'shipping < 5 EUR', 'subtotal < 100 USD', 'not subtotal < 100 USD',
    'quantity() = 5 and lines() = 2', 'quantity(category <@ ''clothing.shoes'') = 3', 'quantity(category <@ ''clothing'') = 5',
    'subtotal(not on_sale) = 30 EUR', 'lines(subtotal >= 30 EUR) = 1',
    'sku = ''A'' and on_sale', 'lines(sku = ''A'' and on_sale) > 0', 'sku <> ''A''', 'sku <> ''C''',
    'tag in (''wool'', ''silk'')', 'lines(tag <> ''wool'') = 1', 'lines(brand is null) = 1', 'lines(brand <> ''Acme'') = 0',
    'code = ''Summer''', 'code = ''winter''', 'customer is null', 'customer = ''x'' or not customer = ''x''',
    'customer.group in (''vip'', ''staff'') and country = ''DE'' and channel = ''web''',
    'attributes.size = 42.5', 'attributes.size > 42.5', 'attributes.colour.outer = ''red''', 'attributes.soft',
    'attributes.size = ''42.5''', 'attributes.colour = ''red'''
    ]) WITH ORDINALITY AS texts (text, n)
ORDER BY n;
SELECT condition_holds('quantity() = 0 and subtotal = 0 JPY', '{"currency": "JPY"}') AS empty_cart;
SELECT condition_holds(NULL, '{"currency": "EUR"}') IS NULL AS no_condition;

-- A cart that is not one
SELECT condition_holds('true', '[]');
SELECT condition_holds('true', '{}');
SELECT condition_holds('true', '{"currency": "EURO"}');
SELECT condition_holds('true', '{"currency": "EUR", "chanel": "web"}');
SELECT condition_holds('true', '{"currency": "EUR", "lines": {"sku": "A"}}');
SELECT condition_holds('true', '{"currency": "EUR", "lines": ["A"]}');
SELECT condition_holds('true', '{"currency": "EUR", "lines": "A"}');
SELECT condition_holds('true', '{"currency": "EUR", "lines": [{"SKU": "A"}]}');
SELECT condition_holds('true', '{"currency": "EUR", "lines": [{"tags": [1]}]}');
SELECT condition_holds('true', '{"currency": "EUR", "lines": [{"tags": "a"}]}');
SELECT condition_holds('true', '{"currency": "EUR", "lines": [{"attributes": []}]}');
SELECT condition_holds('true', '{"currency": "EUR", "lines": [{"quantity": 1.5}]}');
SELECT condition_holds('true', '{"currency": "EUR", "lines": [{"unit_price": "5 USD"}]}');
SELECT condition_holds('true', '{"currency": "EUR", "lines": [{"quantity": 9223372036854775807, "unit_price": "5"}]}');
SELECT condition_holds('quantity() > 1', '{"currency": "EUR", "lines": [{"quantity": 9223372036854775807, "unit_price": 0}, {"quantity": 9223372036854775807, "unit_price": 0}]}');

-- What a condition sees of the buyer, the place and the time.
SELECT c, commerce.condition_holds(c::commerce.condition, '{"currency": "EUR", "region": "BE", "postal_code": "10115", "customer_orders": 3, "customer_attributes": {"club": {"level": 2}}, "local_time": "2026-11-27 18:30"}') AS holds,
    commerce.condition_holds(c::commerce.condition, '{"currency": "EUR"}') AS of_nothing
FROM unnest(ARRAY['currency = ''EUR''', 'region = ''BE''', 'postal_code in (''10115'', ''10117'')', 'customer.orders >= 3', 'customer.orders = 0', 'customer.attributes.club.level > 1', 'customer.attributes.club.level is null',
    'weekday = ''fri''', 'not weekday in (''sat'', ''sun'')', 'time >= ''18:30'' and time < ''20:00''', 'date > ''2026-11-26''', 'date <> ''2026-11-27''']) c;
SELECT commerce.condition_holds('true', '{"currency": "EUR", "local_time": "infinity"}');
SELECT commerce.condition_holds('true', '{"currency": "EUR", "local_time": "now"}');
SELECT commerce.condition_holds('true', '{"currency": "EUR", "local_time": "2026-02-30 12:00"}');
SELECT commerce.condition_holds('true', '{"currency": "EUR", "customer_attributes": 5}');
SELECT 'time = ''25:00'''::commerce.condition;
SELECT 'date = ''27.11.2026'''::commerce.condition;
SELECT 'date = ''2026-13-01'''::commerce.condition;
SELECT 'subtotal > 1 EUR and date in (''2028-02-29'', ''2026-02-29'')'::commerce.condition;
SELECT 'date < ''2026-02-31'''::commerce.condition;
SELECT '5% off order where date = ''2026-04-31'''::commerce.benefit;
SELECT '{"attribute": "date", "op": "=", "value": "2026-04-31"}'::jsonb::commerce.condition;
SELECT 'time < ''24:00'' and date <= ''2028-02-29'''::commerce.condition;
-- What a rule holds that was stored when such a date was taken goes on: it is no day, and has days before and after it.
BEGIN;
CREATE CAST (text AS commerce.condition) WITHOUT FUNCTION;
CREATE TEMP TABLE stored AS SELECT format('date %s ''2026-02-31''', o)::text::commerce.condition AS c FROM unnest('{<,=,>=}'::text[]) o;
SELECT c, commerce.condition_holds(c, '{"currency": "EUR", "local_time": "2026-02-28 12:00"}') AS before,
    commerce.condition_holds(c, '{"currency": "EUR", "local_time": "2026-03-01 12:00"}') AS after, c::jsonb FROM stored;
SELECT c::jsonb::commerce.condition FROM stored LIMIT 1;
ROLLBACK;
SELECT 'weekday > ''mon'''::commerce.condition;
