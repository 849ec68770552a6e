-- Asking quote() for the cart of a case, and its answer in the words of the cases.

-- Stores what lines cannot bring themselves, the customer with the orders placed before, taxes and ways of shipping.
CREATE FUNCTION pg_temp.prepare(input jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    currency text := input ->> 'currency';
    customer jsonb := coalesce(input -> 'customer', '{}');
    lines jsonb := coalesce(input -> 'lines', '[]');
    shipping jsonb := coalesce(input -> 'shipping', '[]');
    promotions jsonb := coalesce(input -> 'promotions', '[]');
    buyer uuid;
    placed uuid;
BEGIN
    PERFORM pg_temp.only_known(l, 'a line', '{id,sku,unit_price,qty,tax_rate,min_price,discountable,on_sale,original_price,catalog_discounted,
        existing_discount}' || pg_temp.kinds()) FROM jsonb_array_elements(lines) l;
    PERFORM pg_temp.only_known(s, 'shipping', '{id,price,method}') FROM jsonb_array_elements(shipping) s;
    PERFORM pg_temp.only_known(customer, 'a customer', '{group,orders_placed,orders_cancelled}');
    PERFORM pg_temp.only_known(input -> 'usage', 'usage', '{customer_used,cancelled}');
    DELETE FROM commerce.tax_rates;
    DELETE FROM commerce.tax_zones;
    INSERT INTO commerce.tax_zones (code, is_default) VALUES ('case', true);
    INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included)
        SELECT 'case', l ->> 'id', 'tax', (l ->> 'tax_rate')::numeric, coalesce((input ->> 'prices_include_tax')::boolean, false)
        FROM jsonb_array_elements(lines) l WHERE l ? 'tax_rate';
    INSERT INTO commerce.products (handle, discountable) VALUES ('case', true), ('case without discounts', false);
    INSERT INTO commerce.variants (sku, product_id, minimum_price, track_stock)
        SELECT coalesce(l ->> 'sku', l ->> 'id'), p.id, pg_temp.money(currency, nullif(l -> 'min_price', 'null'))::commerce.amount,
            false
        FROM jsonb_array_elements(lines) l JOIN commerce.products p
            ON p.handle = CASE WHEN coalesce((l ->> 'discountable')::boolean, true) THEN 'case' ELSE 'case without discounts' END
        ON CONFLICT DO NOTHING;
    INSERT INTO commerce.price_lists (code, kind) VALUES ('case', 'sale');
    INSERT INTO commerce.prices (sku, price_list, price)
        SELECT coalesce(l ->> 'sku', l ->> 'id'), 'case', pg_temp.money(currency, l -> 'unit_price')::commerce.amount
        FROM jsonb_array_elements(lines) l WHERE pg_temp.is_on_sale(l);
    INSERT INTO commerce.variants (sku, track_stock) SELECT DISTINCT p #>> '{gift,sku}', false
        FROM jsonb_array_elements(promotions) p WHERE p -> 'gift' ->> 'sku' IS NOT NULL ON CONFLICT DO NOTHING;
    INSERT INTO commerce.prices (sku, price) SELECT DISTINCT ON (p #>> '{gift,sku}') p #>> '{gift,sku}',
            pg_temp.money(currency, p #> '{gift,unit_price}')::commerce.amount
        FROM jsonb_array_elements(promotions) p WHERE p -> 'gift' ->> 'sku' IS NOT NULL;
    INSERT INTO commerce.shipping_methods (code, tax_class)
        SELECT coalesce(s ->> 'method', s ->> 'id'), 'none' FROM jsonb_array_elements(shipping) s;
    INSERT INTO commerce.shipping_prices (method, price)
        SELECT coalesce(s ->> 'method', s ->> 'id'), pg_temp.money(currency, s -> 'price')::commerce.amount
        FROM jsonb_array_elements(shipping) s;
    INSERT INTO commerce.customer_groups (code) SELECT customer ->> 'group' WHERE customer ->> 'group' IS NOT NULL ON CONFLICT DO NOTHING;
    INSERT INTO commerce.customers (customer_group) VALUES (customer ->> 'group') RETURNING id INTO buyer;
    INSERT INTO commerce.variants (sku, track_stock) VALUES ('bought before', false);
    FOR n IN 1 .. coalesce((customer ->> 'orders_placed')::integer, 0) LOOP
        placed := commerce.checkout('[{"sku": "bought before", "quantity": 1, "unit_price": 1}]', customer => buyer, currency => currency,
            options => '{"promotions": []}');
        IF n <= (customer ->> 'orders_cancelled')::integer THEN
            PERFORM commerce.order_event(placed, 'cancel');
        END IF;
    END LOOP;
END
$$;

-- Is a line on sale? Its price is then one of the catalogue, as only that knows it.
CREATE FUNCTION pg_temp.is_on_sale(line jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce((line ->> 'on_sale')::boolean, (line ->> 'catalog_discounted')::boolean, false)
$$;

-- The lines, as quote() takes them; something free where a case has none.
CREATE FUNCTION pg_temp.lines(input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'sku', coalesce(l ->> 'sku', l ->> 'id'), 'quantity', l -> 'qty',
        'unit_price', CASE WHEN NOT pg_temp.is_on_sale(l) THEN pg_temp.money(input ->> 'currency', l -> 'unit_price') END,
        'tax_class', CASE WHEN l ? 'tax_rate' THEN l ->> 'id' ELSE 'none' END,
        'tags', (SELECT coalesce(jsonb_agg(k || '=' || v), '[]') FROM unnest(pg_temp.kinds()) k, pg_temp.each(l -> k) v),
        'discounts', CASE WHEN (l ->> 'existing_discount')::bigint > 0 THEN jsonb_build_array(jsonb_build_object(
            'amount', pg_temp.money(input ->> 'currency', l -> 'existing_discount'), 'reason', 'before')) END)) ORDER BY n),
        '[{"sku": "nothing", "quantity": 1, "unit_price": 0, "tax_class": "none"}]')
    FROM jsonb_array_elements(input -> 'lines') WITH ORDINALITY x (l, n)
$$;

-- One quote. A code that no promotion has is refused, and left out then.
CREATE FUNCTION pg_temp.ask(input jsonb, method text, options jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    codes text[] := ARRAY(SELECT pg_temp.each(input -> 'codes'));
BEGIN
    RETURN commerce.quote(pg_temp.lines(input), codes => codes,
        customer => (SELECT id FROM commerce.customers ORDER BY id DESC LIMIT 1),
        currency => input ->> 'currency', shipping_method => method, options => options, explain => true);
EXCEPTION
    WHEN SQLSTATE 'CM030' THEN
        RETURN pg_temp.ask(jsonb_set(input, '{codes}', (SELECT coalesce(jsonb_agg(c), '[]') FROM unnest(codes) c
            WHERE EXISTS (SELECT FROM jsonb_array_elements(options -> 'promotions') p
                WHERE upper(p -> 'codes' ->> 0) = upper(c)))), method, options);
END
$$;

CREATE FUNCTION pg_temp.minor(document jsonb, VARIADIC path text[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (document #>> (path || ARRAY['minor']))::bigint
$$;

CREATE FUNCTION pg_temp.but_zeroes(counted jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(counted) WHERE value <> '0'
$$;

CREATE FUNCTION pg_temp.objects(document jsonb) RETURNS TABLE (object jsonb, n bigint) LANGUAGE sql IMMUTABLE AS $$
    SELECT * FROM jsonb_array_elements(document) WITH ORDINALITY
$$;

-- The quotes of a case: one, or one for each way of shipping where there are several.
CREATE FUNCTION pg_temp.quotes(input jsonb, options jsonb) RETURNS TABLE (id text, quote jsonb) LANGUAGE sql AS $$
    SELECT s.object ->> 'id', pg_temp.ask(input, coalesce(s.object ->> 'method', s.object ->> 'id'), options)
        FROM pg_temp.objects(input -> 'shipping') s
    UNION ALL SELECT NULL, pg_temp.ask(input, NULL, options) WHERE jsonb_array_length(coalesce(input -> 'shipping', '[]')) = 0
$$;

-- Several quotes are the same as all ways of shipping in one order only as long as each is by itself: no promotion spreads an
-- amount over them, what is limited is enough for all of them together, and the goods cost the same with each.
CREATE FUNCTION pg_temp.check_apart(input jsonb, quotes jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    p jsonb;
    places bigint;
    applied bigint;
    minor bigint;
BEGIN
    IF EXISTS (SELECT FROM pg_temp.objects(quotes) q WHERE q.object #> '{quote,lines}' <> quotes #> '{0,quote,lines}') THEN
        PERFORM pg_temp.does_not_apply('goods that cost less with one of several ways of shipping: an order has one way here');
    END IF;
    FOR p IN SELECT object FROM pg_temp.objects(input -> 'promotions') WHERE object ->> 'class' = 'shipping' LOOP
        SELECT count(*), count(*) FILTER (WHERE (e.object ->> 'applied')::boolean), sum(pg_temp.minor(e.object, 'amount'))
            INTO places, applied, minor
            FROM pg_temp.objects(quotes) q, pg_temp.objects(q.object #> '{quote,explain}') e
            WHERE e.object -> 'name' = p -> 'code' AND e.object ->> 'code' IN ('applied', 'nothing_left', 'budget_exhausted');
        IF places > 1 AND applied > 0 AND (p ->> 'allocation' = 'across' AND p -> 'discount' ->> 'type' = 'fixed'
            OR p #>> '{budget,type}' = 'spend' AND (applied < places
                OR minor > (p #>> '{budget,limit}')::bigint - coalesce((p #>> '{budget,used}')::bigint, 0))
            OR minor > (p ->> 'cap')::bigint) THEN
            PERFORM pg_temp.does_not_apply('an amount for several ways of shipping together: an order has one way here');
        END IF;
    END LOOP;
END
$$;

-- What is taken off a line, or off shipping, by a promotion.
CREATE FUNCTION pg_temp.takes(input jsonb, quotes jsonb) RETURNS TABLE (promotion text, line text, of_shipping boolean, minor bigint)
    LANGUAGE sql AS $$
    SELECT e.object ->> 'name', t.line, t.of_shipping, pg_temp.minor(t.discount, 'amount')
    FROM (SELECT coalesce(input #>> ARRAY['lines', (l.n - 1)::text, 'id'], l.object ->> 'sku'), false, d.object, quotes #> '{0,quote,explain}'
            FROM pg_temp.objects(quotes #> '{0,quote,lines}') l, pg_temp.objects(l.object -> 'discounts') d
        UNION ALL SELECT q.object ->> 'id', true, d.object, q.object #> '{quote,explain}'
            FROM pg_temp.objects(quotes) q, pg_temp.objects(q.object #> '{quote,shipping,discounts}') d) t (line, of_shipping, discount, explain),
        pg_temp.objects(t.explain) e
    WHERE t.discount ? 'promotion' AND e.object -> 'promotion' = t.discount -> 'promotion'
    -- What promotions of the catalogue took is in the price already.
    UNION ALL SELECT NULL, l.object ->> 'id', false, (l.object ->> 'unit_price')::bigint * (l.object ->> 'qty')::bigint
            - pg_temp.minor(quotes, '0', 'quote', 'lines', (l.n - 1)::text, 'subtotal')
        FROM pg_temp.objects(input -> 'lines') l
$$;

-- Two things in which one platform computes otherwise than is possible here, wherever they matter: Vendure spreads discounts
-- on an order by prices with their taxes, which is not as without them where rates differ; and of an included tax it rounds the
-- price without it, so that half of a cent belongs to that.
CREATE FUNCTION pg_temp.check_taxes(input jsonb, platform text, quotes jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    p record;
BEGIN
    IF split_part(platform, '/', 2) <> 'vendure' THEN
        RETURN;
    END IF;
    FOR p IN SELECT x.object ->> 'code' AS code, array_agg(x.object ->> 'code') OVER (ORDER BY x.n DESC) AS later
        FROM pg_temp.objects(input -> 'promotions') x
        WHERE x.object ->> 'class' = 'order' AND NOT (input ->> 'prices_include_tax')::boolean LOOP
        IF (WITH spread AS (
                SELECT l.n, 100 + coalesce((l.object ->> 'tax_rate')::numeric, 0) AS rate,
                    (l.object ->> 'unit_price')::numeric * (l.object ->> 'qty')::numeric
                        - coalesce(sum(t.minor) FILTER (WHERE t.promotion <> ALL (p.later)), 0) AS minor,
                    commerce.from_minor(coalesce(sum(t.minor) FILTER (WHERE t.promotion = p.code), 0)::bigint, input ->> 'currency') AS share
                FROM pg_temp.objects(input -> 'lines') l
                    LEFT JOIN pg_temp.takes(input, quotes) t ON NOT t.of_shipping AND t.line = l.object ->> 'id'
                GROUP BY l.n, l.object)
            SELECT sum(minor) > 0 AND array_agg(share ORDER BY n) <> commerce.allocate(sum(share), array_agg(minor * rate ORDER BY n))
            FROM spread) THEN
            PERFORM pg_temp.does_not_apply('a discount on an order that is spread by prices with tax: here by the prices that it is off');
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_temp.objects(quotes #> '{0,quote,lines}') l, pg_temp.objects(l.object -> 'taxes') t
        WHERE (t.object ->> 'included')::boolean AND 2 * pg_temp.minor(l.object, 'total') * (t.object ->> 'rate')::numeric
            % (100 + (t.object ->> 'rate')::numeric) = 0
            AND pg_temp.minor(l.object, 'total') * (t.object ->> 'rate')::numeric % (100 + (t.object ->> 'rate')::numeric) <> 0) THEN
        PERFORM pg_temp.does_not_apply('half of a cent of included tax that belongs to the price: here to the tax');
    END IF;
END
$$;

-- The best of the discounts of one lane is kept for each line; here a line takes the first, and of a group of promotions one is
-- chosen. That is the same where none of a lane are about the same line, and where one of them is best for each line.
CREATE FUNCTION pg_temp.with_lanes(input jsonb, options jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    one text;
    many boolean;
    met boolean;
BEGIN
    FOR one IN SELECT p.object ->> 'lane' FROM pg_temp.objects(input -> 'promotions') p
        WHERE p.object ->> 'class' = 'item' AND p.object ? 'lane' GROUP BY 1 HAVING count(*) > 1 LOOP
        -- What each takes alone, by line; of each line the best, and how many there are.
        WITH alone AS (
            SELECT t.promotion, t.line, sum(t.minor) AS minor FROM pg_temp.objects(input -> 'promotions') p, pg_temp.takes(input, (
                    SELECT jsonb_agg(q) FROM pg_temp.quotes(input, jsonb_set(options, '{promotions}',
                        (SELECT coalesce(jsonb_agg(o.object), '[]') FROM pg_temp.objects(options -> 'promotions') o
                            WHERE o.object -> 'name' = p.object -> 'code'))) q)) t
            WHERE p.object ->> 'lane' = one AND p.object ->> 'class' = 'item' AND t.promotion IS NOT NULL GROUP BY t.promotion, t.line
        ), best AS (
            SELECT DISTINCT ON (line) line, promotion, count(*) OVER (PARTITION BY line) AS promotions FROM alone ORDER BY line, minor DESC)
        SELECT max(promotions) > 1, count(DISTINCT promotion) > 1 INTO met, many FROM best;
        IF met AND many THEN
            PERFORM pg_temp.does_not_apply('the best of several discounts for each line: here a line takes the first');
        ELSIF met THEN
            options := jsonb_set(options, '{promotions}', (SELECT jsonb_agg(o.object || CASE WHEN o.object ->> 'class' = 'item'
                    AND o.object ->> 'lane' = one THEN jsonb_build_object('exclusivity', 'group_best', 'exclusive_group', one) ELSE '{}' END
                ORDER BY o.n) FROM pg_temp.objects(options -> 'promotions') o));
        END IF;
    END LOOP;
    RETURN options;
END
$$;

-- Why promotions are not applied, in the words of the cases.
CREATE FUNCTION pg_temp.rejected(input jsonb, quote jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_object_agg(e.object ->> 'name', CASE e.object ->> 'code'
        WHEN 'budget_exhausted' THEN 'budget_exceeded'
        WHEN 'limit_reached' THEN CASE WHEN p.object ? 'limit_per_customer' THEN 'limit_per_customer' ELSE 'budget_exceeded' END
        ELSE e.object ->> 'code' END), '{}')
    FROM pg_temp.objects(quote -> 'explain') e JOIN pg_temp.objects(input -> 'promotions') p ON p.object -> 'code' = e.object -> 'name'
    WHERE NOT (e.object ->> 'applied')::boolean
$$;

-- How many units are discounted: what is taken off where all discounts are of one minor unit for each unit.
CREATE FUNCTION pg_temp.units_discounted(input jsonb, options jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(pg_temp.minor(q.quote, 'discount'))::bigint
    FROM (SELECT jsonb_set(input, '{promotions}', (SELECT jsonb_agg(p.object || jsonb_build_object(
            'discount', CASE WHEN p.object -> 'discount' ->> 'type' IN ('percent', 'free', 'fixed')
                THEN '{"type": "fixed", "value": 1, "per": "unit"}'
                ELSE pg_temp.does_not_apply(format('which units a discount of the type "%s" is for',
                    p.object -> 'discount' ->> 'type')) END::jsonb,
            'allocation', CASE WHEN p.object -> 'allocation' = '"across"' THEN '"once"' ELSE p.object -> 'allocation' END) ORDER BY p.n)
            FROM pg_temp.objects(input -> 'promotions') p))) probe (input),
        pg_temp.quotes(probe.input, pg_temp.options(probe.input, options - 'promotions')) q
$$;

-- What a line's units get each, of what it gets.
CREATE FUNCTION pg_temp.unit_discounts(input jsonb, discounts jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(l.object ->> 'id', (
        SELECT jsonb_agg(commerce.minor_units(share) ORDER BY n)
        FROM unnest(commerce.allocate(pg_temp.money(input ->> 'currency', coalesce(discounts -> (l.object ->> 'id'), '0'))::commerce.amount,
            array_fill(1::numeric, ARRAY[(l.object ->> 'qty')::integer]), 'first')) WITH ORDINALITY s (share, n)))
    FROM pg_temp.objects(input -> 'lines') l WHERE (l.object ->> 'qty')::bigint <= 1000
$$;

-- All that can be expected, of which a case expects some.
CREATE FUNCTION pg_temp.answer(input jsonb, expect jsonb, platform text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    options jsonb := pg_temp.with_lanes(input, pg_temp.options(input, pg_temp.platform(platform)));
    quotes jsonb := (SELECT jsonb_agg(q) FROM pg_temp.quotes(input, options) q);
    q jsonb := quotes #> '{0,quote}';
    lines bigint := jsonb_array_length(q -> 'lines')
        - CASE WHEN jsonb_array_length(coalesce(input -> 'lines', '[]')) = 0 THEN 1 ELSE 0 END;
    shipping bigint := (SELECT sum(pg_temp.minor(s.object, 'quote', 'shipping', 'total')) FROM pg_temp.objects(quotes) s);
    total bigint := pg_temp.minor(q, 'total') - pg_temp.minor(q, 'shipping', 'total') + shipping;
    line_discounts jsonb;
    answer jsonb;
BEGIN
    PERFORM pg_temp.check_apart(input, quotes);
    PERFORM pg_temp.check_taxes(input, platform, quotes);
    SELECT coalesce(jsonb_object_agg(line, minor), '{}') INTO line_discounts
        FROM (SELECT line, sum(minor) AS minor FROM pg_temp.takes(input, quotes)
            WHERE NOT of_shipping GROUP BY line HAVING sum(minor) > 0) t;
    SELECT jsonb_build_object('line_discounts', line_discounts,
            'shipping_discounts', coalesce((SELECT jsonb_object_agg(line, minor) FROM (SELECT line, sum(minor) AS minor
                FROM pg_temp.takes(input, quotes) WHERE of_shipping GROUP BY line) s), '{}'),
            'shipping_discounts_sum', coalesce(sum(minor) FILTER (WHERE of_shipping), 0),
            'items_discount_total', coalesce(sum(minor) FILTER (WHERE NOT of_shipping), 0),
            'discount_total', coalesce(sum(minor), 0),
            'adjustments', count(promotion))
        INTO answer FROM pg_temp.takes(input, quotes);
    answer := answer || jsonb_build_object(
        'by_promotion', (SELECT jsonb_object_agg(p.object ->> 'code', (SELECT coalesce(jsonb_object_agg(line, minor), '{}')
                FROM (SELECT line, sum(minor) AS minor FROM pg_temp.takes(input, quotes) WHERE promotion = p.object ->> 'code' GROUP BY line) t))
            FROM pg_temp.objects(input -> 'promotions') p),
        'promotion_totals', (SELECT jsonb_object_agg(p.object ->> 'code', coalesce((SELECT sum(minor) FROM pg_temp.takes(input, quotes)
            WHERE promotion = p.object ->> 'code'), 0)) FROM pg_temp.objects(input -> 'promotions') p),
        'rejected', pg_temp.rejected(input, q),
        'applied', (SELECT coalesce(jsonb_agg(e.object -> 'name'), '[]') FROM pg_temp.objects(q -> 'explain') e
            WHERE (e.object ->> 'applied')::boolean AND e.object ? 'name'),
        'lines_count', lines,
        'items_total', pg_temp.minor(q, 'subtotal'),
        'total', total,
        'total_with_tax', total,
        'shipping_total', shipping,
        'catalog_prices', (SELECT jsonb_object_agg(l.object ->> 'id', pg_temp.minor(q, 'lines', (l.n - 1)::text, 'unit_price'))
            FROM pg_temp.objects(input -> 'lines') l WHERE l.n <= lines),
        'items_total_ex_tax', (SELECT sum(pg_temp.minor(l.object, 'total') - pg_temp.minor(l.object, 'tax'))
            FROM pg_temp.objects(q -> 'lines') l),
        'line_totals_with_tax', (SELECT jsonb_object_agg(l.object ->> 'id', pg_temp.minor(q, 'lines', (l.n - 1)::text, 'total'))
            FROM pg_temp.objects(input -> 'lines') l),
        'unit_discounts', CASE WHEN expect ? 'unit_discounts' THEN pg_temp.unit_discounts(input, line_discounts) END,
        'units_discounted', NULL, 'discounted_qty', NULL);
    IF expect ?| '{units_discounted,discounted_qty}' THEN
        answer := answer || (SELECT jsonb_build_object('units_discounted', u, 'discounted_qty', u)
            FROM pg_temp.units_discounted(input, options) u);
    END IF;
    IF expect ?| '{by_promotion,promotion_totals}'
        AND EXISTS (SELECT FROM pg_temp.objects(input -> 'promotions') p WHERE p.object ->> 'class' = 'catalog') THEN
        PERFORM pg_temp.does_not_apply('what each promotion of the catalogue took: a quote has the price that they make together');
    END IF;
    RETURN answer;
END
$$;
