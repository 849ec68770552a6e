-- Taxes. Each line of a case is a line with a price of its own and a tax class of its own, so that the rates a case
-- gives it can be rows of commerce.tax_rates. Discounts already granted become promotions of that amount.
--
-- tax_total counts what is added to prices; where all prices include tax (mode.prices_include_tax) it is what they
-- include, as the cases have it.

SELECT commerce.create_shop() \g /dev/null

-- Why this case cannot be asked here, or NULL.
CREATE FUNCTION pg_temp.not_applicable(input jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN input ? 'amount' THEN 'unrounded taxes are no result here'
        WHEN input ? 'keep' OR input ? 'store_rate' THEN 'keep-gross and keep-net are not built yet'
        WHEN input -> 'mode' ->> 'level' NOT IN ('line', 'unit', 'order') THEN 'tax level ' || (input -> 'mode' ->> 'level') || ' is not built yet'
        WHEN jsonb_path_exists(input, '$.rates[*] ? (@.compound == true)') THEN 'compound taxes are not built yet'
        WHEN jsonb_array_length(coalesce(input -> 'shipping', '[]')) > 1 THEN 'an order has one shipping method here'
    END
$$;

-- Money of minor units, as text.
CREATE FUNCTION pg_temp.money(input jsonb, minor jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT commerce.from_minor((minor #>> '{}')::bigint, input ->> 'currency')::text
$$;

-- The goods of a case: its lines, and its surcharges, which are lines here; something free where it has none.
CREATE FUNCTION pg_temp.goods(input jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$
    SELECT line FROM jsonb_array_elements(input -> 'lines') line
    UNION ALL
    SELECT s || jsonb_build_object('unit_price', s -> 'price', 'qty', 1) FROM jsonb_array_elements(coalesce(input -> 'surcharges', '[]')) s
    UNION ALL
    SELECT '{"id": "nothing", "unit_price": 0, "qty": 1, "rates": []}' WHERE jsonb_array_length(input -> 'lines') = 0
$$;

CREATE FUNCTION pg_temp.prepare(input jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM commerce.promotion_codes;
    DELETE FROM commerce.promotions;
    DELETE FROM commerce.tax_rates;
    DELETE FROM commerce.tax_zones;
    INSERT INTO commerce.tax_zones (code, is_default) VALUES ('case', true);
    INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included)
        SELECT 'case', x ->> 'id', r ->> 'name', (r ->> 'rate')::numeric,
            coalesce((r ->> 'included')::boolean, (input -> 'mode' ->> 'prices_include_tax')::boolean, false)
        FROM (SELECT pg_temp.goods(input) UNION ALL SELECT jsonb_array_elements(coalesce(input -> 'shipping', '[]'))) goods (x),
            jsonb_array_elements(input -> 'rates') r
        WHERE x -> 'rates' ? (r ->> 'name');
    INSERT INTO commerce.shipping_methods (code, tax_class)
        SELECT 'case', s ->> 'id' FROM jsonb_array_elements(coalesce(input -> 'shipping', '[]')) s;
    INSERT INTO commerce.shipping_prices (method, price)
        SELECT 'case', pg_temp.money(input, s -> 'price')::commerce.amount FROM jsonb_array_elements(coalesce(input -> 'shipping', '[]')) s;
    INSERT INTO commerce.promotions (benefit)
        SELECT format('%s off lines where sku = %L', pg_temp.money(input, l -> 'discount'), l ->> 'id')::commerce.benefit
        FROM jsonb_array_elements(input -> 'lines') l WHERE l ? 'discount'
        UNION ALL
        SELECT format('%s off order', pg_temp.money(input, d))::commerce.benefit
        FROM jsonb_array_elements(coalesce(input -> 'order_discounts', '[]')) d
        UNION ALL
        SELECT format('%s%% off shipping', s ->> 'discount_percent')::commerce.benefit
        FROM jsonb_array_elements(coalesce(input -> 'shipping', '[]')) s WHERE s ? 'discount_percent';
END
$$;

CREATE FUNCTION pg_temp.minor(document jsonb, VARIADIC path text[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (document #>> (path || ARRAY['minor']))::bigint
$$;

-- The quote, in the words of the cases.
CREATE FUNCTION pg_temp.answer(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    q jsonb := commerce.quote(
        lines => (SELECT jsonb_agg(jsonb_build_object('sku', l ->> 'id', 'quantity', l -> 'qty', 'tax_class', l ->> 'id',
            'unit_price', pg_temp.money(input, l -> 'unit_price'))) FROM pg_temp.goods(input) l),
        currency => input ->> 'currency',
        shipping_method => CASE WHEN jsonb_array_length(coalesce(input -> 'shipping', '[]')) > 0 THEN 'case' END,
        options => jsonb_build_object('tax_level', input -> 'mode' ->> 'level'));
    added bigint := pg_temp.minor(q, 'tax') - CASE WHEN (input -> 'mode' ->> 'prices_include_tax')::boolean THEN 0
        ELSE pg_temp.minor(q, 'included_tax') END;
BEGIN
    RETURN jsonb_build_object(
        'tax_total', added,
        'included_tax_total', pg_temp.minor(q, 'included_tax'),
        'total', pg_temp.minor(q, 'total'),
        'shipping_tax', pg_temp.minor(q, 'shipping', 'tax'),
        'shipping_ex_tax', pg_temp.minor(q, 'shipping', 'total') - pg_temp.minor(q, 'shipping', 'tax'),
        'shipping_with_tax', pg_temp.minor(q, 'shipping', 'total'),
        'subtotal_ex_tax', (SELECT sum(pg_temp.minor(l, 'total') - pg_temp.minor(l, 'tax')) FROM jsonb_array_elements(q -> 'lines') l),
        'line_tax', (SELECT jsonb_object_agg(l ->> 'sku', pg_temp.minor(l, 'tax')) FROM jsonb_array_elements(q -> 'lines') l),
        'line_tax_multiset', (SELECT jsonb_agg(tax ORDER BY tax) FROM (SELECT pg_temp.minor(l, 'tax') AS tax FROM jsonb_array_elements(q -> 'lines') l) x),
        'tax_by_rate', (SELECT jsonb_object_agg(name, tax) FROM (SELECT t ->> 'name' AS name, sum(pg_temp.minor(t, 'amount')) AS tax
            FROM (SELECT jsonb_array_elements(q -> 'lines') UNION ALL SELECT q -> 'shipping') l (line), jsonb_array_elements(line -> 'taxes') t
            GROUP BY 1) x));
END
$$;

CREATE FUNCTION pg_temp.run_case(input jsonb, expect jsonb, whole jsonb, OUT verdict text, OUT detail text)
    LANGUAGE plpgsql AS $$
BEGIN
    detail := pg_temp.not_applicable(input);
    IF detail IS NOT NULL THEN
        verdict := 'n/a';
        RETURN;
    END IF;
    PERFORM pg_temp.prepare(input);
    SELECT * INTO verdict, detail FROM pg_temp.judge(expect, pg_temp.answer(input));
END
$$;
