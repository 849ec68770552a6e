-- Taxes. Each line of a case is a line with a price of its own and a tax class of its own, so that the rates a case
-- gives it can be rows of commerce.tax_rates. Discounts already granted become promotions of that amount.
--
-- tax_total counts what is added to prices; where all prices include tax (mode.prices_include_tax) it is what they
-- include, as the cases have it.

SELECT commerce.create_shop() \g /dev/null

-- Why this case cannot be asked here, or NULL.
CREATE FUNCTION pg_temp.not_applicable(input jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_array_length(coalesce(input -> 'shipping', '[]')) > 1 THEN 'an order has one shipping method here' END
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
    INSERT INTO commerce.tax_zones (code, is_default, keep) VALUES ('case', true, input ->> 'keep');
    INSERT INTO commerce.tax_zones (code, is_home) SELECT 'home', true WHERE input ? 'store_rate';
    INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included)
        SELECT zone, l ->> 'id', 'VAT', rate::numeric, (input -> 'mode' ->> 'prices_include_tax')::boolean
        FROM jsonb_array_elements(input -> 'lines') l,
            (VALUES ('home', input ->> 'store_rate'), ('case', input ->> 'destination_rate')) z (zone, rate) WHERE rate IS NOT NULL;
    INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included, compound, priority)
        SELECT 'case', x ->> 'id', r ->> 'name', (r ->> 'rate')::numeric,
            coalesce((r ->> 'included')::boolean, (input -> 'mode' ->> 'prices_include_tax')::boolean, false),
            coalesce((r ->> 'compound')::boolean, false), coalesce((r ->> 'priority')::integer, 0)
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

-- A tax that is not rounded for the unit is rounded for the sum of all units.
CREATE FUNCTION pg_temp.level(input jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE level WHEN 'unit_unrounded' THEN 'order' ELSE level END FROM (SELECT input -> 'mode' ->> 'level') m (level)
$$;

-- A case about an amount alone, as a case of one line. Its taxes are asked with four more digits than the amount has:
-- a tax is proportional to its amount, so that more digits of it are seen by asking for more of it.
CREATE FUNCTION pg_temp.as_cart(input jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN NOT input ? 'amount' THEN input ELSE input || jsonb_build_object('currency', 'EUR',
        'mode', jsonb_build_object('level', 'line', 'prices_include_tax', input -> 'prices_include_tax'),
        'lines', jsonb_build_array(jsonb_build_object('id', 'amount', 'qty', 1, 'unit_price', (input ->> 'amount')::bigint * 10000,
            'rates', (SELECT jsonb_agg(r -> 'name') FROM jsonb_array_elements(input -> 'rates') r)))) END
$$;

-- The quote, in the words of the cases.
CREATE FUNCTION pg_temp.answer(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    q jsonb := commerce.quote(
        lines => (SELECT jsonb_agg(jsonb_build_object('sku', l ->> 'id', 'quantity', l -> 'qty', 'tax_class', l ->> 'id',
            'unit_price', pg_temp.money(input, l -> 'unit_price'))) FROM pg_temp.goods(input) l),
        currency => input ->> 'currency',
        shipping_method => CASE WHEN jsonb_array_length(coalesce(input -> 'shipping', '[]')) > 0 THEN 'case' END,
        options => jsonb_build_object('tax_level', pg_temp.level(input)));
    added bigint := pg_temp.minor(q, 'tax') - CASE WHEN (input -> 'mode' ->> 'prices_include_tax')::boolean THEN 0
        ELSE pg_temp.minor(q, 'included_tax') END;
BEGIN
    RETURN jsonb_build_object(
        'tax_total', added,
        'unit_price', pg_temp.minor(q, 'lines', '0', 'unit_price'),
        'tax_unrounded', (SELECT jsonb_object_agg(t ->> 'name', pg_temp.minor(t, 'amount') / 10000.0) FROM jsonb_array_elements(q #> '{lines,0,taxes}') t),
        'tax_unrounded_4dp_major', (SELECT jsonb_object_agg(t ->> 'name', round(pg_temp.minor(t, 'amount') / 1000000.0, 4))
            FROM jsonb_array_elements(q #> '{lines,0,taxes}') t),
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
    PERFORM pg_temp.prepare(pg_temp.as_cart(input));
    SELECT * INTO verdict, detail FROM pg_temp.judge(expect, pg_temp.answer(pg_temp.as_cart(input)));
END
$$;
