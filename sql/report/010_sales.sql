-- One SELECT each and no SET, so that a report is inlined into the query it stands in and planned with it. What takes any
-- type is named with its schema: the caller's search path may hold one of others that fits these types better.
CREATE FUNCTION commerce.sales_by_day(during tstzrange DEFAULT NULL, time_zone text DEFAULT 'UTC')
        RETURNS TABLE (day date, currency text, orders bigint, units bigint, gross commerce.amount, tax commerce.amount,
            net commerce.amount, shipping_net commerce.amount, discount commerce.amount, cost commerce.amount,
            units_without_cost bigint, margin commerce.amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 400
AS $$
    SELECT (s.placed_at AT TIME ZONE time_zone)::date, s.currency, count(*), sum(s.units)::bigint, commerce.sum(s.gross),
        commerce.sum(s.tax), commerce.sum(s.net), commerce.sum(s.net) OPERATOR(commerce.-) commerce.sum(s.goods_net),
        commerce.sum(s.discount), commerce.sum(s.cost), sum(s.units_without_cost)::bigint,
        commerce.sum(s.goods_net) OPERATOR(commerce.-) commerce.sum(s.cost)
    FROM commerce.sales_orders s
    WHERE s.placed_at >= coalesce(pg_catalog.lower(during), '-infinity') AND s.placed_at <= coalesce(pg_catalog.upper(during), 'infinity')
        AND (during IS NULL OR s.placed_at OPERATOR(pg_catalog.<@) during)
    GROUP BY 1, 2 ORDER BY 1, 2
$$;
COMMENT ON FUNCTION commerce.sales_by_day(tstzrange, text) IS
'What was sold on each day of a time (NULL: ever) by the clocks of a time zone, a row for each currency; days without sales have none. gross: what customers pay, with taxes; net: goods and shipping without taxes (gross = net + tax + what cash was rounded by); shipping_net: the part of net that is shipping; discount: as customers saw it; cost: of the units whose variants.cost is known (NULL: of none), units_without_cost: of how many it is not; margin: net goods less cost. Cancelled orders do not count, returns are not taken off: returns_report(). SELECT * FROM commerce.sales_by_day(''[2026-01-01, 2026-02-01)'', ''Europe/Berlin''). 22023 for an unknown time zone.';
GRANT EXECUTE ON FUNCTION commerce.sales_by_day(tstzrange, text) TO commerce_reader;

CREATE FUNCTION commerce.sales_by_channel(during tstzrange DEFAULT NULL)
        RETURNS TABLE (channel text, currency text, orders bigint, units bigint, gross commerce.amount, tax commerce.amount,
            net commerce.amount, shipping_net commerce.amount, discount commerce.amount, cost commerce.amount,
            units_without_cost bigint, margin commerce.amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
AS $$
    SELECT s.channel, s.currency, count(*), sum(s.units)::bigint, commerce.sum(s.gross),
        commerce.sum(s.tax), commerce.sum(s.net), commerce.sum(s.net) OPERATOR(commerce.-) commerce.sum(s.goods_net),
        commerce.sum(s.discount), commerce.sum(s.cost), sum(s.units_without_cost)::bigint,
        commerce.sum(s.goods_net) OPERATOR(commerce.-) commerce.sum(s.cost)
    FROM commerce.sales_orders s
    WHERE s.placed_at >= coalesce(pg_catalog.lower(during), '-infinity') AND s.placed_at <= coalesce(pg_catalog.upper(during), 'infinity')
        AND (during IS NULL OR s.placed_at OPERATOR(pg_catalog.<@) during)
    GROUP BY 1, 2 ORDER BY 1, 2
$$;
COMMENT ON FUNCTION commerce.sales_by_channel(tstzrange) IS
'What was sold in each channel in a time (NULL: ever), a row for each currency. Figures as sales_by_day().';
GRANT EXECUTE ON FUNCTION commerce.sales_by_channel(tstzrange) TO commerce_reader;

CREATE FUNCTION commerce.sales_by_country(during tstzrange DEFAULT NULL)
        RETURNS TABLE (country text, currency text, orders bigint, units bigint, gross commerce.amount, tax commerce.amount,
            net commerce.amount, shipping_net commerce.amount, discount commerce.amount, cost commerce.amount,
            units_without_cost bigint, margin commerce.amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
AS $$
    SELECT s.country, s.currency, count(*), sum(s.units)::bigint, commerce.sum(s.gross),
        commerce.sum(s.tax), commerce.sum(s.net), commerce.sum(s.net) OPERATOR(commerce.-) commerce.sum(s.goods_net),
        commerce.sum(s.discount), commerce.sum(s.cost), sum(s.units_without_cost)::bigint,
        commerce.sum(s.goods_net) OPERATOR(commerce.-) commerce.sum(s.cost)
    FROM commerce.sales_orders s
    WHERE s.placed_at >= coalesce(pg_catalog.lower(during), '-infinity') AND s.placed_at <= coalesce(pg_catalog.upper(during), 'infinity')
        AND (during IS NULL OR s.placed_at OPERATOR(pg_catalog.<@) during)
    GROUP BY 1, 2 ORDER BY 1, 2
$$;
COMMENT ON FUNCTION commerce.sales_by_country(tstzrange) IS
'What was sold to each country (of orders.ship_to; NULL where an order names none) in a time (NULL: ever), a row for each currency. Figures as sales_by_day().';
GRANT EXECUTE ON FUNCTION commerce.sales_by_country(tstzrange) TO commerce_reader;

CREATE FUNCTION commerce.sales_by_product(during tstzrange DEFAULT NULL)
        RETURNS TABLE (sku text, product_id uuid, title text, brand text, category text, currency text, orders bigint, units bigint,
            gross commerce.amount, tax commerce.amount, net commerce.amount, discount commerce.amount, cost commerce.amount,
            units_without_cost bigint, margin commerce.amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 4000
AS $$
    SELECT t.sku, v.product_id, coalesce(nullif(v.title, ''), p.title), p.brand, p.category::text, t.currency, t.orders, t.units,
        t.gross, t.tax, t.net, t.discount, t.cost, t.units_without_cost, t.net OPERATOR(commerce.-) t.cost
    FROM (SELECT l.sku, l.currency, pg_catalog.count(DISTINCT l.order_id) AS orders, sum(l.quantity)::bigint AS units,
            commerce.sum(l.gross) AS gross, commerce.sum(l.tax) AS tax, commerce.sum(l.net) AS net,
            commerce.sum(l.discount) AS discount, commerce.sum(l.cost) AS cost,
            coalesce(sum(l.quantity) FILTER (WHERE l.cost IS NULL), 0)::bigint AS units_without_cost
        FROM commerce.sales_lines l
        WHERE l.placed_at >= coalesce(pg_catalog.lower(during), '-infinity') AND l.placed_at <= coalesce(pg_catalog.upper(during), 'infinity')
            AND (during IS NULL OR l.placed_at OPERATOR(pg_catalog.<@) during)
        GROUP BY l.sku, l.currency) t
        LEFT JOIN commerce.variants v ON v.sku = t.sku LEFT JOIN commerce.products p ON p.id = v.product_id
    ORDER BY t.sku, t.currency
$$;
COMMENT ON FUNCTION commerce.sales_by_product(tstzrange) IS
'What was sold of each sku in a time (NULL: ever), a row for each currency, with what the catalogue says of it now. Figures as sales_by_day(), of the lines alone, without shipping. For whole products: SELECT product_id, currency, commerce.sum(net) FROM commerce.sales_by_product() GROUP BY 1, 2.';
GRANT EXECUTE ON FUNCTION commerce.sales_by_product(tstzrange) TO commerce_reader;

CREATE FUNCTION commerce.remember_promotion() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO commerce.gone_promotions (id, name, campaign) VALUES (OLD.id, OLD.name, OLD.campaign)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, campaign = excluded.campaign, deleted_at = excluded.deleted_at;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION commerce.remember_promotion() IS
'Internal. Row trigger on commerce.promotions: keeps the name of one that is deleted in commerce.gone_promotions.';

CREATE FUNCTION commerce.promotion_results(during tstzrange DEFAULT NULL)
        RETURNS TABLE (promotion uuid, name text, campaign text, gone boolean, currency text, orders bigint, lines bigint, units bigint,
            gift_units bigint, discount commerce.amount, shipping_discount commerce.amount, saved_tax commerce.amount,
            lines_net commerce.amount, lines_cost commerce.amount, units_without_cost bigint, lines_margin commerce.amount,
            orders_net commerce.amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
AS $$
    SELECT t.promotion, coalesce(p.name, g.name, t.reason), coalesce(p.campaign, g.campaign),
        t.promotion IS NOT NULL AND p.id IS NULL, t.currency, t.orders, t.lines, t.units, t.gift_units, t.discount,
        t.shipping_discount, t.saved_tax, t.lines_net, t.lines_cost, t.units_without_cost,
        t.lines_net OPERATOR(commerce.-) t.lines_cost, t.orders_net
    FROM (SELECT o.promotion, o.reason, o.currency, count(*) AS orders, sum(o.lines)::bigint AS lines, sum(o.units)::bigint AS units,
            sum(o.gift_units)::bigint AS gift_units, commerce.sum(o.discount) AS discount,
            coalesce(commerce.sum(o.shipping_discount), commerce.from_minor(0, o.currency)) AS shipping_discount,
            commerce.sum(o.saved_tax) AS saved_tax, commerce.sum(o.lines_net) AS lines_net, commerce.sum(o.lines_cost) AS lines_cost,
            sum(o.units_without_cost)::bigint AS units_without_cost, commerce.sum(s.net) AS orders_net
        FROM (SELECT d.order_id, d.promotion, d.reason, commerce.currency(d.discount) AS currency,
                pg_catalog.count(l.line) AS lines, coalesce(sum(l.quantity), 0) AS units,
                coalesce(sum(l.quantity) FILTER (WHERE l.gift_of = d.promotion), 0) AS gift_units,
                commerce.sum(d.discount) AS discount, commerce.sum(d.discount) FILTER (WHERE d.line = 0) AS shipping_discount,
                commerce.sum(d.saved_tax) AS saved_tax, commerce.sum(l.net) AS lines_net, commerce.sum(l.cost) AS lines_cost,
                coalesce(sum(l.quantity) FILTER (WHERE l.cost IS NULL), 0) AS units_without_cost
            FROM (SELECT x.order_id, x.line, x.promotion, x.reason, commerce.sum(x.amount) AS discount,
                    commerce.sum(x.saved_tax) AS saved_tax
                -- The time is asked for here as well, so that a week's results do not read every discount there is.
                FROM commerce.order_discounts x JOIN commerce.orders o ON o.id = x.order_id
                WHERE o.placed_at >= coalesce(pg_catalog.lower(during), '-infinity') AND o.placed_at <= coalesce(pg_catalog.upper(during), 'infinity')
                GROUP BY x.order_id, x.line, x.promotion, x.reason) d
                LEFT JOIN commerce.sales_lines l ON l.order_id = d.order_id AND l.line = d.line
            GROUP BY d.order_id, d.promotion, d.reason, commerce.currency(d.discount)) o
            JOIN commerce.sales_orders s ON s.order_id = o.order_id
        WHERE s.placed_at >= coalesce(pg_catalog.lower(during), '-infinity') AND s.placed_at <= coalesce(pg_catalog.upper(during), 'infinity')
            AND (during IS NULL OR s.placed_at OPERATOR(pg_catalog.<@) during)
        GROUP BY o.promotion, o.reason, o.currency) t
        LEFT JOIN commerce.promotions p ON p.id = t.promotion
        LEFT JOIN commerce.gone_promotions g ON g.id = t.promotion
    ORDER BY 2, 1, 5
$$;
COMMENT ON FUNCTION commerce.promotion_results(tstzrange) IS
'What each promotion gave on the orders placed in a time (NULL: ever; cancelled ones do not count), a row for each currency; discounts by hand stand by their reason, with promotion NULL; gone: it was deleted, its name is kept. orders and lines it took something off, units on those lines, gift_units: those it gave away; discount: what it took off as customers saw it, shipping_discount: the part of it on shipping; saved_tax: by so much less tax is due because of it, as far as orders say; lines_net, lines_cost and lines_margin: net revenue, cost and what is left of these lines after all discounts; orders_net: net revenue of the whole orders. An order with two promotions counts for each. Prices that a promotion of the catalogue set are no discounts, and not here. What one would do: simulate_promotion().';
GRANT EXECUTE ON FUNCTION commerce.promotion_results(tstzrange) TO commerce_reader;
