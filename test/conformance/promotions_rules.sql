-- The platforms' words for promotions, as conditions, benefits and the other columns of commerce.promotions.

-- A text in the quotes of the rules.
CREATE FUNCTION pg_temp.quoted(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT '''' || replace(value, '''', '''''') || ''''
$$;

-- NULL where no value is said.
CREATE FUNCTION pg_temp.is_one_of(attribute text, "values" jsonb, prefix text DEFAULT '') RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT attribute || ' in (' || string_agg(pg_temp.quoted(prefix || v), ', ') || ')' FROM pg_temp.each("values") v
$$;

-- The sign that the end of a word stands for: price_gte.
CREATE FUNCTION pg_temp.sign(word text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE substring(word FROM '_([a-z]+)$') WHEN 'gte' THEN '>=' WHEN 'gt' THEN '>' WHEN 'lte' THEN '<=' WHEN 'lt' THEN '<'
        WHEN 'eq' THEN '=' END
$$;

-- A test of a line.
CREATE FUNCTION pg_temp.line_test(word text, value jsonb, currency text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN word = 'sku' THEN pg_temp.is_one_of('sku', value)
        WHEN word = ANY (pg_temp.kinds()) THEN pg_temp.is_one_of('tag', value, word || '=')
        WHEN word IN ('on_sale', 'catalog_discounted') THEN CASE WHEN value::boolean THEN 'on_sale' ELSE 'not on_sale' END
        WHEN word = 'unit_price' THEN format('price = %s', pg_temp.money(currency, value))
        WHEN word = 'price_between'
            THEN format('price >= %s and price <= %s', pg_temp.money(currency, value -> 0), pg_temp.money(currency, value -> 1))
        WHEN word ~ '^price_[a-z]+$' AND pg_temp.sign(word) IS NOT NULL
            THEN format('price %s %s', pg_temp.sign(word), pg_temp.money(currency, value))
        ELSE pg_temp.does_not_apply(format('a target with "%s": no such thing is known here', word)) END
$$;

-- "where …" of a target; nothing for all lines.
CREATE FUNCTION pg_temp."where"(target jsonb, currency text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(' where ' || string_agg(pg_temp.line_test(key, value, currency), ' and ' ORDER BY key), '')
    FROM jsonb_each(CASE jsonb_typeof(target) WHEN 'object' THEN target ELSE '{}' END)
$$;

-- A test of the cart.
CREATE FUNCTION pg_temp.cart_test(word text, value jsonb, currency text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN word = 'customer_group' THEN pg_temp.is_one_of('customer.group', value)
        WHEN word = 'shipping_method' THEN pg_temp.is_one_of('shipping.method', value)
        WHEN word = 'nth_order' THEN format('customer.orders = %s', (value #>> '{}')::integer - 1)
        WHEN word LIKE 'order_contains_%'
            THEN format('quantity(%s) > 0', pg_temp.line_test(substr(word, length('order_contains_') + 1), value, currency))
        WHEN pg_temp.sign(word) IS NULL THEN pg_temp.does_not_apply(format('a condition "%s": no such thing is known here', word))
        WHEN word ~ '^cart_qty_[a-z]+$' THEN format('quantity() %s %s', pg_temp.sign(word), value)
        WHEN word ~ '^(items_total|items_total_after_previous|discounted_item_total)_[a-z]+$'
            THEN format('subtotal %s %s', pg_temp.sign(word), pg_temp.money(currency, value))
        WHEN word ~ '^[a-z]+_total_[a-z]+$' AND jsonb_typeof(value) = 'array'
            THEN format('subtotal(%s) %s %s', pg_temp.line_test(split_part(word, '_', 1), value -> 0, currency), pg_temp.sign(word),
                pg_temp.money(currency, value -> 1))
        WHEN word ~ '^[a-z]+_qty_[a-z]+$' AND jsonb_typeof(value) = 'array'
            THEN format('quantity(%s) %s %s', pg_temp.line_test(split_part(word, '_', 1), value -> 0, currency), pg_temp.sign(word),
                value -> 1)
        ELSE pg_temp.does_not_apply(format('a condition "%s": no such thing is known here', word)) END
$$;

-- Conditions that look at what earlier promotions have left; the others look at the cart before all promotions.
CREATE FUNCTION pg_temp.sees_running(conditions jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    running integer := (SELECT count(*) FROM jsonb_object_keys(conditions) k WHERE k ~ '^(items_total_after_previous|discounted_item_total)_');
    before integer := (SELECT count(*) FROM jsonb_object_keys(conditions) k WHERE k ~ '_total_') - running;
BEGIN
    IF running > 0 AND before > 0 THEN
        PERFORM pg_temp.does_not_apply('a condition sees the cart either before promotions or as they have left it, not both');
    END IF;
    RETURN running > 0;
END
$$;

-- What is off: a percentage or money.
CREATE FUNCTION pg_temp.reward(discount jsonb, currency text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE discount ->> 'type'
        WHEN 'percent' THEN format('%s%%', least((discount ->> 'value')::numeric, 100))
        WHEN 'free' THEN '100%'
        WHEN 'fixed' THEN pg_temp.money(currency, discount -> 'value')
        ELSE pg_temp.does_not_apply(format('a discount of the type "%s" is not known here', discount ->> 'type')) END
$$;

-- Does it give nothing at all? There is no such benefit here, and no such promotion then.
CREATE FUNCTION pg_temp.gives_nothing(p jsonb) RETURNS boolean LANGUAGE sql AS $$
    SELECT CASE
        WHEN p ? 'actions' THEN (SELECT bool_and(pg_temp.gives_nothing(a)) FROM jsonb_array_elements(p -> 'actions') a)
        WHEN d ->> 'type' IN ('percent', 'fixed') THEN (d ->> 'value')::numeric = 0
        WHEN d ->> 'type' = 'flexi' THEN (d ->> 'first')::numeric = 0 AND (d ->> 'additional')::numeric = 0
        WHEN d ->> 'type' LIKE 'tiered%' THEN coalesce((d ->> 'base')::numeric, 0) = 0
            AND NOT EXISTS (SELECT FROM jsonb_array_elements(d -> 'tiers') t WHERE (t ->> 1)::numeric > 0)
        ELSE false END
    FROM (SELECT p -> 'discount') x (d)
$$;

-- Off what: units, lines or order. each counts units of each line, across prorates, once has one pool of units.
CREATE FUNCTION pg_temp.off_what(p jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN class = 'shipping' THEN 'shipping'
        WHEN type = 'fixed' AND per IS NULL THEN pg_temp.does_not_apply('a fixed discount that does not say per what')
        WHEN class = 'catalog' AND coalesce(per, 'unit') = 'unit' THEN 'units'
        WHEN (per, allocation) IN (('order', 'across'), ('order', 'once')) THEN 'order'
        WHEN (per, allocation) IN (('unit', 'each'), ('unit', 'once')) THEN 'units'
        WHEN (per, allocation) IN (('line', 'each')) THEN 'lines'
        WHEN per IS NULL AND allocation = 'across' THEN 'order'
        WHEN per IS NULL AND allocation IN ('each', 'once') THEN 'units'
        ELSE pg_temp.does_not_apply(format('"%s" per %s, %s: no such thing is known here', type, per, allocation)) END
    FROM (SELECT p ->> 'class' AS class, p -> 'discount' ->> 'type' AS type, p -> 'discount' ->> 'per' AS per,
        coalesce(p ->> 'allocation', CASE WHEN p -> 'discount' ->> 'per' = 'order' OR p -> 'discount' ->> 'per' IS NULL
            AND p ->> 'class' = 'order' THEN 'across' ELSE 'each' END) AS allocation) w
$$;

CREATE FUNCTION pg_temp.unit_order(p jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT CASE coalesce(p ->> 'pool_order', 'cheapest_first')
        WHEN 'cheapest_first' THEN ', cheapest first'
        WHEN 'most_expensive_first' THEN ', dearest first'
        WHEN 'cart_order' THEN ', in cart order'
        ELSE pg_temp.does_not_apply(format('units in the order "%s" are not known here', p ->> 'pool_order')) END
$$;

-- Limits of units and money; 0 is as good as none.
CREATE FUNCTION pg_temp.limits(p jsonb, currency text) RETURNS text LANGUAGE sql AS $$
    SELECT concat(
        CASE WHEN units > 0 THEN format(', at most %s units', units) || CASE WHEN pooled THEN '' ELSE ' of each line' END END,
        CASE WHEN step > 0 THEN format(', in steps of %s', step) END,
        CASE WHEN size > 0 THEN format(', in groups of %s', size) END,
        CASE WHEN units > 0 AND pooled OR size > 0 THEN pg_temp.unit_order(p) END,
        CASE WHEN (p ->> 'cap')::bigint > 0 THEN format(', at most %s', pg_temp.money(currency, p -> 'cap')) END)
    FROM (SELECT CASE WHEN p ->> 'class' IS DISTINCT FROM 'shipping' THEN coalesce(p ->> 'max_qty', p -> 'discount' ->> 'max_items')::bigint END,
        (p ->> 'discount_step')::bigint, (p ->> 'group_size')::bigint,
        p ->> 'allocation' IN ('across', 'once') OR p ->> 'allocation' IS NULL AND p ->> 'class' = 'order') l (units, step, size, pooled)
$$;

-- A benefit that limits neither units nor groups of them.
CREATE FUNCTION pg_temp.no_units(p jsonb, what text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_temp.only_known(p, what, '{code,class,allocation,auto,priority,lane,exclusive,conditions,currency,budget,pool_order,
        limit_per_customer,reusable_after_cancel,exclude_sale_items,discount,max_applications,cap,partial_get,bundle_qty,target,buyget,gift}')
$$;

-- ", at most N times": as often as it may be applied, and units may be got.
CREATE FUNCTION pg_temp.times(p jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(format(', at most %s times', least((p ->> 'max_applications')::bigint, CASE
        WHEN got % each = 0 AND got > 0 THEN got / each
        WHEN got IS NOT NULL THEN pg_temp.does_not_apply(format('at most %s units got, %s at a time', got, each))::bigint END)), '')
    FROM (SELECT (p #>> '{buyget,max_get_qty}')::bigint, (p #>> '{buyget,get_qty}')::bigint) b (got, each)
    WHERE p ->> 'max_applications' IS NOT NULL OR got IS NOT NULL
$$;

CREATE FUNCTION pg_temp.buy_and_get(p jsonb, currency text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    b jsonb := p -> 'buyget';
    d jsonb := p -> 'discount';
BEGIN
    PERFORM pg_temp.only_known(b, 'buy and get', '{buy,buy_qty,get,get_qty,max_get_qty,partial_get}');
    IF d ->> 'type' IN ('fixed', 'fixed_price') AND d ->> 'per' IS DISTINCT FROM 'unit' OR pg_temp."where"(p -> 'target', currency) <> '' THEN
        PERFORM pg_temp.does_not_apply('buy and get rewards each unit that is got, and says itself which those are');
    END IF;
    RETURN format('buy %s%s get %s%s%s %s%s%s', b ->> 'buy_qty', pg_temp."where"(b -> 'buy', currency),
        CASE WHEN coalesce(b ->> 'partial_get', p ->> 'partial_get')::boolean THEN 'up to ' END, b ->> 'get_qty',
        pg_temp."where"(b -> 'get', currency),
        CASE d ->> 'type' WHEN 'free' THEN 'free'
            WHEN 'fixed_price' THEN format('for %s', pg_temp.money(currency, d -> 'value'))
            ELSE format('at %s off', pg_temp.reward(d, currency)) END,
        pg_temp.times(p), CASE WHEN p ? 'pool_order' THEN pg_temp.unit_order(p) END || pg_temp.limits(p, currency));
END
$$;

-- A gift, for every unit that a promotion wants to be in the order, where it wants any.
CREATE FUNCTION pg_temp.gift(p jsonb, currency text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    wanted jsonb := (SELECT jsonb_object_agg(substr(key, length('order_contains_') + 1), value)
        FROM jsonb_each(coalesce(p -> 'conditions', '{}')) WHERE key LIKE 'order_contains_%');
BEGIN
    PERFORM pg_temp.only_known(p -> 'gift', 'a gift', '{sku,unit_price,qty}');
    IF pg_temp.reward(p -> 'discount', currency) <> '100%' OR pg_temp."where"(p -> 'target', currency) <> '' THEN
        PERFORM pg_temp.does_not_apply('a gift costs nothing here, and is for the order');
    END IF;
    RETURN format('gift %s %s%s%s', coalesce(p #>> '{gift,qty}', '1'), pg_temp.quoted(p #>> '{gift,sku}'),
        ' for every 1' || pg_temp."where"(wanted, currency), pg_temp.times(p));
END
$$;

-- Tiers, from a base that holds below the first.
CREATE FUNCTION pg_temp.tiers(p jsonb, currency text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    d jsonb := p -> 'discount';
    basis text := CASE d ->> 'tier_on' WHEN 'order_item_total' THEN 'order subtotal' WHEN 'line_amount' THEN 'line subtotal'
        WHEN 'line_qty' THEN 'line quantity' END;
    target text := CASE WHEN basis LIKE 'order%' AND (p ->> 'class' = 'order' OR p ->> 'allocation' = 'across') THEN 'order' ELSE 'lines' END;
BEGIN
    IF basis IS NULL THEN
        PERFORM pg_temp.does_not_apply(format('tiers by "%s" are not known here', d ->> 'tier_on'));
    END IF;
    RETURN format('tiers by %s: %s on %s%s%s', basis, (
            SELECT string_agg(format('%s -> %s', CASE WHEN basis LIKE '%subtotal' THEN pg_temp.money(currency, t.tier -> 0) ELSE t.tier ->> 0 END,
                CASE d ->> 'type' WHEN 'tiered_percent' THEN format('%s%%', t.tier ->> 1) ELSE pg_temp.money(currency, t.tier -> 1) END),
                ', ' ORDER BY (t.tier ->> 0)::bigint)
            FROM (SELECT jsonb_build_array(0, d -> 'base') UNION ALL SELECT jsonb_array_elements(d -> 'tiers')) t (tier)
            WHERE (t.tier ->> 1)::numeric > 0),
        target, pg_temp."where"(p -> 'target', currency), pg_temp.limits(p, currency));
END
$$;

-- What a promotion, or one action of it, gives.
CREATE FUNCTION pg_temp.benefit(p jsonb, currency text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    d jsonb := p -> 'discount';
    target jsonb := p -> 'target';
    aim text;
BEGIN
    IF p ? 'actions' THEN
        PERFORM pg_temp.only_known(p, 'a promotion of several actions', '{code,auto,actions,priority,lane,exclusive,conditions,budget,
            limit_per_customer,reusable_after_cancel,exclude_sale_items,currency}');
        PERFORM pg_temp.only_known(action, 'an action', '{code,discount,class,allocation,max_qty,target,buyget,partial_get,gift,group_size,
            discount_step,cap,pool_order,bundle_qty}') FROM jsonb_array_elements(p -> 'actions') action;
        RETURN (SELECT string_agg(pg_temp.benefit(action, currency), '; ' ORDER BY n)
            FROM jsonb_array_elements(p -> 'actions') WITH ORDINALITY a (action, n) WHERE NOT pg_temp.gives_nothing(action));
    END IF;
    PERFORM pg_temp.only_known(p, 'a promotion', '{code,discount,class,allocation,max_qty,target,conditions,auto,priority,lane,exclusive,
        currency,budget,limit_per_customer,reusable_after_cancel,max_applications,buyget,partial_get,gift,group_size,discount_step,cap,
        pool_order,bundle_qty,exclude_sale_items,round_at}');
    PERFORM pg_temp.only_known(d, 'a discount', CASE WHEN d ->> 'type' = 'flexi' THEN '{type,first,additional,max_items}'
        WHEN d ->> 'type' LIKE 'tiered%' THEN '{type,base,tiers,tier_on}' ELSE '{type,value,per}' END::text[]);
    IF p -> 'buyget' <> 'null' OR p -> 'gift' <> 'null' OR d ->> 'per' = 'bundle' THEN
        PERFORM pg_temp.no_units(p, 'a set or a gift');
    ELSIF (p ->> 'max_applications')::bigint > 1 OR p ? 'bundle_qty' THEN
        PERFORM pg_temp.does_not_apply('a discount that is no set is given once');
    END IF;
    IF p -> 'buyget' <> 'null' THEN
        RETURN pg_temp.buy_and_get(p, currency);
    ELSIF p -> 'gift' <> 'null' THEN
        RETURN pg_temp.gift(p, currency);
    ELSIF d ->> 'type' IN ('tiered_percent', 'tiered_fixed') THEN
        RETURN pg_temp.tiers(p, currency);
    ELSIF d ->> 'type' = 'flexi' THEN
        PERFORM pg_temp.no_units(p - '{allocation,pool_order}'::text[], 'a flexible discount');
        p := p || '{"allocation": "each"}';
        RETURN format('%s off first unit and %s off others%s%s', pg_temp.money(currency, d -> 'first'), pg_temp.money(currency, d -> 'additional'),
            pg_temp."where"(target, currency), pg_temp.limits(p, currency));
    END IF;
    IF d ->> 'per' = 'bundle' THEN
        IF d ->> 'type' <> 'fixed_price' THEN
            PERFORM pg_temp.does_not_apply(format('"%s" per bundle: only a price is known here', d ->> 'type'));
        END IF;
        RETURN format('%s for %s%s%s%s%s', p ->> 'bundle_qty', pg_temp.money(currency, d -> 'value'), pg_temp."where"(target, currency),
            pg_temp.times(p), pg_temp.unit_order(p), pg_temp.limits(p, currency));
    END IF;
    aim := pg_temp.off_what(p);
    IF aim = 'shipping' THEN
        PERFORM pg_temp.no_units(p - 'max_qty', 'shipping');
        PERFORM pg_temp.only_known(target, 'a target', '{method}');
        aim := aim || coalesce(' where ' || pg_temp.is_one_of('shipping.method', target -> 'method'), '');
    ELSE
        aim := aim || pg_temp."where"(target, currency);
    END IF;
    RETURN CASE WHEN d ->> 'type' = 'fixed_price' THEN format('price %s for %s', pg_temp.money(currency, d -> 'value'), aim)
        ELSE format('%s off %s', pg_temp.reward(d, currency), aim) END || pg_temp.limits(p, currency);
END
$$;

-- How often it may still be given: limits of uses, of each customer's uses, and of money.
CREATE FUNCTION pg_temp.what_is_left(p jsonb, usage jsonb, currency text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    budget jsonb := coalesce(p -> 'budget', '{}');
    uses bigint := (p ->> 'limit_per_customer')::bigint - coalesce((usage ->> 'customer_used')::bigint, 0)
        + CASE WHEN coalesce((p ->> 'reusable_after_cancel')::boolean, true) THEN coalesce((usage ->> 'cancelled')::bigint, 0) ELSE 0 END;
    "left" bigint := (budget ->> 'limit')::bigint - coalesce((budget ->> 'used')::bigint, 0);
BEGIN
    PERFORM pg_temp.only_known(budget, 'a budget', '{type,limit,used}');
    IF budget ->> 'type' NOT IN ('usage', 'spend') THEN
        PERFORM pg_temp.does_not_apply(format('a budget of the type "%s" is not known here', budget ->> 'type'));
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'uses_left', least(uses, CASE budget ->> 'type' WHEN 'usage' THEN "left" END),
        'spend_left', CASE budget ->> 'type' WHEN 'spend' THEN pg_temp.money(currency, to_jsonb("left")) END));
END
$$;

-- One promotion, as quote() takes it.
CREATE FUNCTION pg_temp.promotion(p jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    currency text := coalesce(p ->> 'currency', input ->> 'currency');
    conditions jsonb := coalesce(nullif(p -> 'conditions', 'null'), '{}');
    needs_code boolean := input ? 'codes' AND NOT coalesce((p ->> 'auto')::boolean, false);
    benefit text := pg_temp.benefit(p, currency);
BEGIN
    IF NOT commerce.benefit_fits(benefit::commerce.benefit, p ->> 'class') THEN
        PERFORM pg_temp.does_not_apply(format('a promotion of class %s that gives "%s"', p ->> 'class', benefit));
    END IF;
    RETURN pg_temp.what_is_left(p, input -> 'usage', input ->> 'currency') || jsonb_strip_nulls(jsonb_build_object(
        'name', p ->> 'code',
        'class', p ->> 'class',
        'lane', p ->> 'lane',
        'priority', p -> 'priority',
        'benefit', benefit,
        'condition', (SELECT string_agg(pg_temp.cart_test(key, value, currency), ' and ' ORDER BY key) FROM jsonb_each(conditions)),
        'condition_sees', CASE WHEN pg_temp.sees_running(conditions) THEN 'running' END,
        'currencies', CASE WHEN p ? 'currency' THEN jsonb_build_array(currency) END,
        'needs_code', needs_code,
        'codes', CASE WHEN needs_code THEN jsonb_build_array(p ->> 'code') END,
        'exclusivity', CASE WHEN (p ->> 'exclusive')::boolean THEN 'exclusive'
            WHEN input ->> 'stacking' = 'best_only' AND p ->> 'class' <> 'catalog' THEN 'group_best' END,
        'exclusive_group', CASE WHEN input ->> 'stacking' = 'best_only' AND p ->> 'class' <> 'catalog'
            AND NOT coalesce((p ->> 'exclusive')::boolean, false) THEN 'case' END,
        'tags', CASE WHEN NOT p ? 'lane' THEN '["case"]'::jsonb END,
        'stacks_with', CASE WHEN NOT p ? 'lane' THEN '["case"]'::jsonb END,
        'exclude_sale_items', CASE WHEN (p ->> 'exclude_sale_items')::boolean
            THEN CASE WHEN p ->> 'class' = 'order' THEN 'refuse' ELSE 'skip' END END));
END
$$;

-- The options of a quote.
CREATE FUNCTION pg_temp.options(input jsonb, platform jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    stacking jsonb := CASE input ->> 'stacking' WHEN 'on_original_price' THEN '{"percentages": "original"}'
        WHEN 'sequential' THEN '{"percentages": "running"}' WHEN 'best_only' THEN '{"catalog_stacking": "best"}' END::jsonb;
    levels text[] := ARRAY(SELECT DISTINCT p ->> 'round_at' FROM jsonb_array_elements(input -> 'promotions') p WHERE p ? 'round_at');
BEGIN
    IF input ? 'stacking' AND stacking IS NULL THEN
        PERFORM pg_temp.does_not_apply(format('the stacking "%s" is not known here', input ->> 'stacking'));
    ELSIF cardinality(levels) > 1 OR levels[1] NOT IN ('unit', 'line') OR levels[1] = 'unit' AND EXISTS (
        SELECT FROM jsonb_array_elements(input -> 'promotions') p WHERE p ->> 'class' <> 'catalog') THEN
        PERFORM pg_temp.does_not_apply('a discount is rounded for the line; only prices of the catalogue are for the unit');
    END IF;
    RETURN platform || coalesce(stacking, '{}') || jsonb_strip_nulls(jsonb_build_object('rounding', input -> 'rounding',
        'catalog_rounding', levels[1], 'promotions', (SELECT coalesce(jsonb_agg(pg_temp.promotion(p, input) ORDER BY n), '[]')
            FROM jsonb_array_elements(input -> 'promotions') WITH ORDINALITY x (p, n) WHERE NOT pg_temp.gives_nothing(p))));
END
$$;
