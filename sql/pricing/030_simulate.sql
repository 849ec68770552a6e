CREATE TYPE commerce.sold_line AS (
    sku text,
    quantity bigint,
    unit_price commerce.amount,
    per_quantity integer,
    subtotal commerce.amount,
    discount commerce.amount,
    given commerce.amount,
    included_tax commerce.amount,
    gift boolean,
    on_sale boolean,
    tax_class text,
    product text,
    brand text,
    category text,
    tags text[],
    attributes jsonb,
    discountable boolean,
    minimum_price commerce.amount,
    cost commerce.amount
);
COMMENT ON TYPE commerce.sold_line IS
'A line of an order as promotion_effect() takes it: what was sold, as commerce.order_lines says, and what the catalogue says of the goods. discount: all that was taken off; given: the part of it that the tried promotion took itself, which counts as not taken.';

CREATE FUNCTION commerce.promotion_effect(promotion jsonb, pricing jsonb, at timestamptz, channel text, ship_to jsonb,
        shipping_method text, shipping commerce.amount, discount commerce.amount, shipping_given commerce.amount,
        included_tax commerce.amount, customer uuid, customer_group text, customer_orders bigint,
        customer_attributes jsonb, codes text[], lines commerce.sold_line[],
        OUT units_affected bigint, OUT revenue commerce.amount, OUT promotion_discount commerce.amount,
        OUT shipping_discount commerce.amount, OUT revenue_after commerce.amount, OUT cost commerce.amount,
        OUT units_without_cost bigint, OUT margin_after commerce.amount, OUT gift_skus text[], OUT gift_quantities bigint[])
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 2000
    AS 'MODULE_PATHNAME', 'commerce_promotion_effect';
COMMENT ON FUNCTION commerce.promotion_effect(jsonb, jsonb, timestamptz, text, jsonb, text, commerce.amount, commerce.amount,
    commerce.amount, commerce.amount, uuid, text, bigint, jsonb, text[], commerce.sold_line[]) IS
'What a promotion (as in the options of quote(); status, during and codes do not count, and its code counts as entered) would have made of one order; a function of its arguments alone, which reads no table. pricing: how discounts are computed, as commerce.channels.pricing. shipping, discount and included_tax are those of the order, and say with its lines what was taken off shipping. Returns units on lines that it would have taken something from; revenue of the lines without taxes, as it was; what it would have taken off in all, and off shipping alone, as the customer sees it; revenue without taxes after it; cost of the goods, and how many units have none in this currency; revenue after it less cost and what is lost on shipping; gifts, which are not in any of these. 22023 for a promotion that is none, or has uses_left or spend_left; 22004 where at or shipping is NULL.';

CREATE FUNCTION commerce.promotion_asks(promotion jsonb, attribute text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_promotion_asks';
COMMENT ON FUNCTION commerce.promotion_asks(jsonb, text) IS
'Does a promotion, written as in the options of quote(), look at customer.orders or at customer.attributes? Those are looked up only for promotions that do. 22023 for a promotion that is none and for any other attribute.';

CREATE FUNCTION commerce.customer_attributes(customer uuid) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
AS $$ SELECT c.attributes FROM commerce.customers c WHERE c.id = $1 $$;
COMMENT ON FUNCTION commerce.customer_attributes(uuid) IS
'commerce.customers.attributes of a customer, for who may read that column; everyone else gets 42501, and only where it is asked for.';

CREATE FUNCTION commerce.customer_orders(customer uuid, before timestamptz, than uuid) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT count(*) FROM commerce.orders o
    WHERE o.customer_id = customer AND (o.placed_at, o.id) < (before, than) AND o.state NOT IN ('cancelled', 'expired')
$$;
COMMENT ON FUNCTION commerce.customer_orders(uuid, timestamptz, uuid) IS
'How many orders, cancelled ones not counted, a customer had placed before a time, and of those of that very time before an order of this id. 0 for a guest.';

CREATE FUNCTION commerce.gift_costs(skus text[], quantities bigint[], currency text, OUT units bigint,
        OUT cost commerce.amount, OUT units_without_cost bigint)
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
AS $$
    SELECT sum(a.quantity)::bigint,
        commerce.sum(v.cost OPERATOR(commerce.*) a.quantity) FILTER (WHERE commerce.currency(v.cost) = $3),
        coalesce(sum(a.quantity) FILTER (WHERE (commerce.currency(v.cost) = $3) IS NOT TRUE), 0)::bigint
    FROM unnest(skus, quantities) AS a (sku, quantity) JOIN commerce.variants v ON v.sku = a.sku
$$;
COMMENT ON FUNCTION commerce.gift_costs(text[], bigint[], text) IS
'What gifts cost the shop: how many units of goods in the catalogue they are, what those cost in a currency, and how many have no cost in it.';

-- A quarter of the orders. Workers run no subquery that depends on the row at hand, so the lines of an order are gathered
-- by GROUP BY, and that one process has to do for the whole order: hence quarters, each of which the planner may hand to
-- a worker. One SELECT and no SET, so that it is inlined into the query it stands in and planned with it. Which quarter an
-- order is in is asked by "less than", of which the planner guesses a third; an equality it takes for one in 200. What
-- takes any type is named with its schema: the caller's search path may hold one of others that fits these types better.
CREATE FUNCTION commerce.promotion_effects(promotion jsonb, during tstzrange, given_as uuid, quarter integer)
        RETURNS TABLE (order_id uuid, placed_at timestamptz, currency text, units_affected bigint, revenue commerce.amount,
            discount commerce.amount, shipping_discount commerce.amount, revenue_after commerce.amount,
            cost commerce.amount, units_without_cost bigint, margin_after commerce.amount, gift_units bigint,
            gift_cost commerce.amount, gift_units_without_cost bigint)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
AS $$
    SELECT t.id, t.placed_at, commerce.currency(t.shipping), (t.effect).units_affected, (t.effect).revenue,
        (t.effect).promotion_discount, (t.effect).shipping_discount, (t.effect).revenue_after, (t.effect).cost,
        (t.effect).units_without_cost, (t.effect).margin_after, g.units, g.cost, g.units_without_cost
    FROM (
        SELECT o.id, o.placed_at, o.shipping, commerce.promotion_effect(promotion, s.pricing || coalesce(c.pricing, '{}'),
            o.placed_at, o.channel, o.ship_to, o.shipping_method, o.shipping, o.discount, ship.amount, o.included_tax,
            o.customer_id, u.customer_group,
            CASE WHEN commerce.promotion_asks(promotion, 'customer.orders')
                THEN commerce.customer_orders(o.customer_id, o.placed_at, o.id) END,
            CASE WHEN commerce.promotion_asks(promotion, 'customer.attributes')
                THEN commerce.customer_attributes(o.customer_id) END,
            o.codes,
            pg_catalog.array_agg(ROW(l.sku, l.quantity, l.unit_price, l.per_quantity, l.subtotal, l.discount,
                CASE WHEN l.gift_of = given_as THEN l.discount ELSE d.amount END, l.included_tax, l.gift_of IS NOT NULL,
                l.list_price IS NOT NULL, l.tax_class, v.product_id::text, p.brand, p.category::text, p.tags,
                p.attributes, p.discountable, v.minimum_price, v.cost)::commerce.sold_line)) AS effect
        FROM commerce.orders o
            CROSS JOIN commerce.shop s
            LEFT JOIN commerce.channels c ON c.code = o.channel
            LEFT JOIN commerce.customers u ON u.id = o.customer_id
            LEFT JOIN (SELECT x.order_id, commerce.sum(x.amount) AS amount FROM commerce.order_discounts x
                WHERE x.promotion = given_as AND x.line = 0 GROUP BY x.order_id) ship ON ship.order_id = o.id
            JOIN commerce.order_lines l ON l.order_id = o.id AND l.quantity > 0
            LEFT JOIN (SELECT x.order_id, x.line, commerce.sum(x.amount) AS amount FROM commerce.order_discounts x
                WHERE x.promotion = given_as GROUP BY x.order_id, x.line) d ON d.order_id = l.order_id AND d.line = l.line
            LEFT JOIN commerce.variants v ON v.sku = l.sku
            LEFT JOIN commerce.products p ON p.id = v.product_id
        WHERE o.placed_at IS NOT NULL AND (during IS NULL OR o.placed_at OPERATOR(pg_catalog.<@) during) AND abs((uuid_hash(o.id) & 3) - quarter) < 1
            AND o.state NOT IN ('draft', 'cancelled', 'expired')
            AND (o.state <> 'archived' OR o.id::text NOT IN (SELECT h.subject FROM commerce.state_history h
                WHERE h.relation = 'commerce.orders' AND h.to_state = 'archived' AND h.from_state IN ('cancelled', 'expired')))
        GROUP BY o.id, s.singleton, c.code, u.id, ship.amount) t
        LEFT JOIN LATERAL commerce.gift_costs((t.effect).gift_skus, (t.effect).gift_quantities,
            commerce.currency(t.shipping)) g ON true
$$;
COMMENT ON FUNCTION commerce.promotion_effects(jsonb, tstzrange, uuid, integer) IS
'Internal. promotion_effects() for the orders of one quarter, 0 to 3.';

CREATE FUNCTION commerce.promotion_effects(promotion jsonb, during tstzrange DEFAULT NULL, given_as uuid DEFAULT NULL)
        RETURNS TABLE (order_id uuid, placed_at timestamptz, currency text, units_affected bigint, revenue commerce.amount,
            discount commerce.amount, shipping_discount commerce.amount, revenue_after commerce.amount,
            cost commerce.amount, units_without_cost bigint, margin_after commerce.amount, gift_units bigint,
            gift_cost commerce.amount, gift_units_without_cost bigint)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 40000
AS $$
    SELECT * FROM commerce.promotion_effects(promotion, during, given_as, 0)
    UNION ALL SELECT * FROM commerce.promotion_effects(promotion, during, given_as, 1)
    UNION ALL SELECT * FROM commerce.promotion_effects(promotion, during, given_as, 2)
    UNION ALL SELECT * FROM commerce.promotion_effects(promotion, during, given_as, 3)
$$;
COMMENT ON FUNCTION commerce.promotion_effects(jsonb, tstzrange, uuid) IS
'What simulate_promotion() adds up: what a promotion would have made of each order placed in a time (NULL: ever), a row an order. given_as: a promotion whose own discounts in these orders count as not given. gift_units and the rest are NULL where no gift would have been given; they are in none of the other columns. Inlined into the query it stands in, which may join, filter, aggregate and EXPLAIN it. Errors as promotion_effect(); 42501 where the promotion looks at customer.attributes and the caller may not.';

CREATE FUNCTION commerce.simulate_promotion(promotion uuid DEFAULT NULL, during tstzrange DEFAULT NULL,
        given jsonb DEFAULT NULL)
        RETURNS TABLE (currency text, orders bigint, orders_affected bigint, units_affected bigint, revenue commerce.amount,
            discount commerce.amount, shipping_discount commerce.amount, revenue_after commerce.amount,
            cost commerce.amount, units_without_cost bigint, margin commerce.amount, margin_after commerce.amount,
            gift_units bigint, gift_cost commerce.amount, average_discount commerce.amount, median_discount commerce.amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
        SET jit = off SET min_parallel_table_scan_size = 715827882 SET min_parallel_index_scan_size = 715827882 ROWS 1
AS $$
#variable_conflict use_column
DECLARE
    tried jsonb;
    given_as uuid;
BEGIN
    IF pg_catalog.to_regclass('commerce.orders') IS NULL THEN
        RAISE EXCEPTION 'there is no shop in this database' USING ERRCODE = 'CM099',
            HINT = 'Run SELECT commerce.create_shop(currency => ''EUR'').';
    END IF;
    IF promotion IS NULL AND given IS NULL THEN
        RAISE EXCEPTION 'neither promotion nor given says what to simulate' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'Give the id of a promotion, or given => ''{"benefit": "20% off order"}''.';
    END IF;
    IF jsonb_typeof(given) <> 'object' THEN
        RAISE EXCEPTION 'given must be a JSON object' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'For example {"benefit": "20% off order"}.';
    END IF;
    IF isempty(during) THEN
        RAISE EXCEPTION 'during must not be empty' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'For example during => ''[2026-01-01, 2026-02-01)''; leave it out for all orders there are.';
    END IF;
    tried := coalesce(given, '{}');
    IF promotion IS NOT NULL THEN
        SELECT jsonb_strip_nulls(jsonb_build_object('id', p.id, 'name', p.name, 'class', p.class, 'lane', p.lane, 'priority', p.priority,
            'time_zone', p.time_zone, 'channels', p.channels, 'currencies', p.currencies,
            'customer_groups', p.customer_groups, 'condition', p.condition::text, 'condition_sees', p.condition_sees,
            'benefit', p.benefit::text, 'needs_code', p.needs_code, 'exclusivity', p.exclusivity,
            'exclusive_group', p.exclusive_group, 'stop_line', p.stop_line, 'stop_all', p.stop_all,
            'combines_with', p.combines_with, 'tags', p.tags, 'stacks_with', p.stacks_with,
            'exclude_sale_items', p.exclude_sale_items, 'percentages', p.percentages)) || tried
        INTO tried FROM commerce.promotions p WHERE p.id = simulate_promotion.promotion;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no promotion %', promotion USING ERRCODE = 'no_data_found';
        END IF;
        -- Asked once for all, so that it costs nothing where no order has it.
        IF EXISTS (SELECT FROM commerce.order_discounts d WHERE d.promotion = simulate_promotion.promotion) THEN
            given_as := promotion;
        END IF;
    END IF;
    -- A promotion that is none is refused also where no order would meet it.
    PERFORM commerce.promotion_asks(tried, 'customer.orders');

    RETURN QUERY
    SELECT e.currency, count(*), count(*) FILTER (WHERE commerce.minor_units(e.discount) > 0 OR e.gift_units > 0),
        sum(e.units_affected)::bigint, commerce.sum(e.revenue), commerce.sum(e.discount),
        commerce.sum(e.shipping_discount), commerce.sum(e.revenue_after), commerce.sum(e.cost),
        (sum(e.units_without_cost) + coalesce(sum(e.gift_units_without_cost), 0))::bigint,
        commerce.sum(e.revenue) OPERATOR(commerce.-) commerce.sum(e.cost),
        commerce.sum(e.margin_after) OPERATOR(commerce.-)
            coalesce(commerce.sum(e.gift_cost), commerce.from_minor(0, e.currency)),
        coalesce(sum(e.gift_units), 0)::bigint, coalesce(commerce.sum(e.gift_cost), commerce.from_minor(0, e.currency)),
        commerce.avg(e.discount) FILTER (WHERE commerce.minor_units(e.discount) > 0),
        commerce.from_minor(percentile_disc(0.5) WITHIN GROUP (ORDER BY commerce.minor_units(e.discount))
            FILTER (WHERE commerce.minor_units(e.discount) > 0), e.currency)
    FROM commerce.promotion_effects(tried, simulate_promotion.during, given_as) e
    GROUP BY e.currency ORDER BY e.currency;
END
$$;
COMMENT ON FUNCTION commerce.simulate_promotion(uuid, tstzrange, jsonb) IS
'What a promotion, draft, running or ended, would have done to the orders placed in a time (NULL: ever; cancelled ones do not count), a row a currency. given: one that is not stored, as in the options of quote(), or what is different from the stored one: given => ''{"benefit": "15% off order"}''. Orders are taken as they were sold, and the promotion comes on top of what was taken off then, its own discounts apart; whether it may be combined with others, and who knew its code, is not asked: every order counts as having entered it. Facts of the goods, groups and attributes of customers are those of now. revenue is what the lines brought without taxes (without what the promotion itself took off, if it ran), and revenue_after what they would have; discount what customers would have seen taken off, shipping_discount the part of it on shipping; cost by variants.cost, with units_without_cost where that is not known; margin_after counts what is lost on shipping and what gifts cost; average and median are of orders with a discount. P0002 unknown promotion; 22004 neither promotion nor given; 22023 empty during, a promotion that is none, uses_left or spend_left; 22P02 malformed condition or benefit; 42501 where it looks at customer.attributes and the caller may not.';

-- Workers of parallel queries are the caller's own, and so are the rows: a report sees what its reader may.
REVOKE ALL ON FUNCTION commerce.promotion_effect(jsonb, jsonb, timestamptz, text, jsonb, text, commerce.amount,
    commerce.amount, commerce.amount, commerce.amount, uuid, text, bigint, jsonb, text[], commerce.sold_line[]),
    commerce.promotion_asks(jsonb, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commerce.promotion_effect(jsonb, jsonb, timestamptz, text, jsonb, text, commerce.amount,
    commerce.amount, commerce.amount, commerce.amount, uuid, text, bigint, jsonb, text[], commerce.sold_line[]),
    commerce.promotion_asks(jsonb, text), commerce.customer_attributes(uuid),
    commerce.customer_orders(uuid, timestamptz, uuid), commerce.gift_costs(text[], bigint[], text),
    commerce.promotion_effects(jsonb, tstzrange, uuid, integer), commerce.promotion_effects(jsonb, tstzrange, uuid),
    commerce.simulate_promotion(uuid, tstzrange, jsonb) TO commerce_reader;
