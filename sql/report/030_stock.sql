CREATE FUNCTION commerce.stock_value(location text DEFAULT NULL)
        RETURNS TABLE (location text, currency text, skus bigint, units bigint, value commerce.amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
AS $$
    SELECT s.location, commerce.currency(v.cost), count(*), sum(s.on_hand)::bigint, commerce.sum(v.cost OPERATOR(commerce.*) s.on_hand)
    FROM commerce.stock s LEFT JOIN commerce.variants v ON v.sku = s.sku
    WHERE s.on_hand <> 0 AND ($1 IS NULL OR s.location = $1)
    GROUP BY 1, 2 ORDER BY 1, 2
$$;
COMMENT ON FUNCTION commerce.stock_value(text) IS
'What lies at each location (NULL: all), a row for each currency of variants.cost: skus, units on hand in whatever state, and value, units × cost as it is now. Goods without a cost are a row with currency and value NULL.';
GRANT EXECUTE ON FUNCTION commerce.stock_value(text) TO commerce_reader;

CREATE FUNCTION commerce.stock_turnover(during tstzrange DEFAULT NULL, location text DEFAULT NULL)
        RETURNS TABLE (sku text, units_sold bigint, opening bigint, closing bigint, average numeric, turnover numeric, days numeric,
            cost_of_sales commerce.amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 4000
AS $$
    SELECT t.sku, t.sold, t.opening, t.closing, round(t.average, 2), round(t.sold::numeric / nullif(t.average, 0.0), 4),
        round(t.days * t.average / nullif(t.sold, 0)::numeric, 1), v.cost OPERATOR(commerce.*) t.sold
    FROM (SELECT s.sku, s.begins, s.ends, extract(epoch FROM s.ends - s.begins)::numeric / 86400.0 AS days,
            (s.on_hand - coalesce(m.since, 0.0))::bigint AS opening, (s.on_hand - coalesce(m.after, 0.0))::bigint AS closing,
            coalesce(m.sold, 0)::bigint AS sold, s.on_hand - coalesce(m.since, 0.0) + coalesce(m.weighted, 0.0) AS average
        FROM (SELECT x.sku, sum(x.on_hand) AS on_hand, p.begins, p.ends
            FROM commerce.stock x, (SELECT coalesce(pg_catalog.lower(during), now() - interval '365 days') AS begins,
                least(coalesce(pg_catalog.upper(during), now()), now()) AS ends) p
            WHERE $2 IS NULL OR x.location = $2 GROUP BY x.sku, p.begins, p.ends) s
            LEFT JOIN (SELECT x.sku, sum(x.delta) AS since, sum(x.delta) FILTER (WHERE x.moved_at >= p.ends) AS after,
                    -sum(x.delta) FILTER (WHERE x.moved_at < p.ends AND x.reason IN ('sold', 'returned')) AS sold,
                    -- A unit that comes when a third of the time is left is a third of a unit on average.
                    sum(x.delta::numeric * (extract(epoch FROM p.ends - x.moved_at) / nullif(extract(epoch FROM p.ends - p.begins), 0.0)))
                        FILTER (WHERE x.moved_at < p.ends) AS weighted
                FROM commerce.stock_movements x, (SELECT coalesce(pg_catalog.lower(during), now() - interval '365 days') AS begins,
                    least(coalesce(pg_catalog.upper(during), now()), now()) AS ends) p
                WHERE x.moved_at >= p.begins AND x.delta <> 0 AND ($2 IS NULL OR x.location = $2)
                GROUP BY x.sku) m ON m.sku = s.sku) t
        LEFT JOIN commerce.variants v ON v.sku = t.sku
    ORDER BY t.sku
$$;
COMMENT ON FUNCTION commerce.stock_turnover(tstzrange, text) IS
'How often the stock of each sku was sold in a time (NULL: the last 365 days; one that is not over counts until now), at a location (NULL: all): units_sold: sent less taken back; opening and closing: units on hand at its beginning and end; average: over all of it, by each movement''s moment; turnover: units_sold / average, NULL where there was none; days: how long the average lasts at this pace, NULL where nothing was sold; cost_of_sales: units_sold × variants.cost as it is now. By commerce.stock_movements: what was changed by hand, without a movement, counts as having always been there.';
GRANT EXECUTE ON FUNCTION commerce.stock_turnover(tstzrange, text) TO commerce_reader;
