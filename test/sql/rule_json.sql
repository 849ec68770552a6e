-- Conditions and benefits as JSON and back.
SET search_path = commerce, public;
\set VERBOSITY default

CREATE TEMPORARY VIEW texts AS SELECT n, text::condition AS condition FROM unnest(ARRAY[
    'subtotal >= 100 EUR', 'shipping = -0.50 EUR', 'quantity > 2.5', 'sku = ''it''''s''', 'on_sale', 'on_sale = false',
    'attributes.size.eu-1 in (1, ''a'', true)', 'price in (5 EUR, 6 USD)', 'tag not in (''a'')', 'brand is null', 'code is not null',
    'category <@ ''a.b''', 'quantity() >= 2', 'subtotal(tag = ''a'' or not on_sale) < 5 JPY', 'true', 'not false',
    'sku = ''A'' and (brand = ''B'' or not (tag = ''c'' and on_sale)) or lines() = 1'])
    WITH ORDINALITY AS texts (text, n);
SELECT condition, condition::jsonb FROM texts ORDER BY n;
SELECT count(*) AS conditions, count(*) FILTER (WHERE condition::jsonb::condition = condition) AS same FROM texts;
-- As deep as a condition can be
SELECT deep::jsonb::condition = deep AS same
FROM (SELECT (repeat('true and (false or ', 49) || 'sku in (''a'')' || repeat(')', 49))::condition AS deep) AS deepest;

SELECT text::benefit, text::benefit::jsonb, text::benefit::jsonb::benefit = text::benefit AS same FROM (VALUES
    ('20% off lines where not on_sale'), ('12.345678% off order'), ('free shipping'), ('10 EUR off order where brand = ''Acme'''),
    ('0.50 EUR off units'), ('100% off order')) AS benefits (text);

-- Money may be written as a text
SELECT '{"attribute": "subtotal", "op": ">", "value": {"amount": "5", "currency": "EUR"}}'::jsonb::condition;
SELECT '{"amount": "5 EUR", "off": "order"}'::jsonb::benefit;

-- Names and operators stay what they are
SELECT '{"attribute": "sku = ''A'' or sku", "op": "=", "value": "B"}'::jsonb::condition;
SELECT '{"attribute": "sku", "op": "= ''A'' or sku =", "value": "B"}'::jsonb::condition;
SELECT '{"percent": 5, "off": "order where on_sale"}'::jsonb::benefit;
SELECT '{"attribute": "sku", "op": "=", "value": "'' or true or sku = ''"}'::jsonb::condition;

-- Refusals
SELECT '[]'::jsonb::condition;
SELECT '{}'::jsonb::condition;
SELECT '"sku = 1"'::jsonb::condition;
SELECT '{"and": []}'::jsonb::condition;
SELECT '{"and": {}}'::jsonb::condition;
SELECT '{"and": [true]}'::jsonb::condition;
SELECT '{"and": [{"value": true}], "or": [{"value": true}]}'::jsonb::condition;
SELECT '{"not": {"value": true}, "op": "="}'::jsonb::condition;
SELECT '{"not": "x"}'::jsonb::condition;
SELECT '{"attribute": "sku", "op": "=", "values": "A"}'::jsonb::condition;
SELECT '{"attribute": "sku", "op": "="}'::jsonb::condition;
SELECT '{"attribute": "sku", "op": "=", "value": 5}'::jsonb::condition;
SELECT '{"attribute": "sku", "op": "=", "value": null}'::jsonb::condition;
SELECT '{"attribute": "sku", "op": "in", "value": "A"}'::jsonb::condition;
SELECT '{"attribute": "sku", "where": {"value": true}}'::jsonb::condition;
SELECT '{"attribute": 5}'::jsonb::condition;
SELECT '{"aggregate": "sku", "op": "=", "value": 1}'::jsonb::condition;
SELECT (repeat('{"not": ', 101) || '{"value": true}' || repeat('}', 101))::jsonb::condition;
SELECT '[]'::jsonb::benefit;
SELECT '{"percent": 5}'::jsonb::benefit;
SELECT '{"off": "order"}'::jsonb::benefit;
SELECT '{"percent": 5, "amount": "5 EUR", "off": "order"}'::jsonb::benefit;
SELECT '{"percent": "5", "off": "order"}'::jsonb::benefit;
SELECT '{"percent": 500, "off": "order"}'::jsonb::benefit;
SELECT '{"percent": 5, "off": "everything"}'::jsonb::benefit;
