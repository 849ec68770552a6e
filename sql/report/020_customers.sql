CREATE FUNCTION commerce.customer_rfm(at timestamptz DEFAULT now())
        RETURNS TABLE (customer_id uuid, currency text, last_order_at timestamptz, recency_days integer, orders bigint,
            net commerce.amount, r integer, f integer, m integer)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 4000
AS $$
    SELECT t.customer_id, t.currency, t.last, floor(extract(epoch FROM at - t.last) / 86400.0)::integer, t.orders, t.net,
        ceil(5::double precision * cume_dist() OVER (PARTITION BY t.currency ORDER BY t.last))::integer,
        ceil(5::double precision * cume_dist() OVER (PARTITION BY t.currency ORDER BY t.orders))::integer,
        ceil(5::double precision * cume_dist() OVER (PARTITION BY t.currency ORDER BY commerce.minor_units(t.net)))::integer
    FROM (SELECT s.customer_id, s.currency, max(s.placed_at) AS last, count(*) AS orders, commerce.sum(s.net) AS net
        FROM commerce.sales_orders s WHERE s.customer_id IS NOT NULL AND s.placed_at <= at GROUP BY s.customer_id, s.currency) t
    ORDER BY t.currency, commerce.minor_units(t.net) DESC, t.customer_id
$$;
COMMENT ON FUNCTION commerce.customer_rfm(timestamptz) IS
'Customers by recency, frequency and money as of a time (now): how many whole days ago each ordered last, how often, and for how much without taxes, with a score from 1 to 5 for each: in which fifth of the customers of this currency it lies, 5 the best; equals score equally. Guests and cancelled orders do not count. The best: SELECT customer_id FROM commerce.customer_rfm() WHERE (r, f, m) = (5, 5, 5).';
GRANT EXECUTE ON FUNCTION commerce.customer_rfm(timestamptz) TO commerce_reader;

CREATE FUNCTION commerce.cohorts(during tstzrange DEFAULT NULL, time_zone text DEFAULT 'UTC')
        RETURNS TABLE (cohort date, currency text, month integer, customers bigint, active bigint, retention numeric,
            orders bigint, net commerce.amount)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
AS $$
    SELECT t.cohort, t.currency, t.month, max(t.active) FILTER (WHERE t.month = 0) OVER c, t.active,
        round(t.active::numeric / (max(t.active) FILTER (WHERE t.month = 0) OVER c)::numeric, 4), t.orders, t.net
    FROM (SELECT date_trunc('month', f.first)::date AS cohort, f.currency,
            (extract(year FROM f.at) * 12.0 + extract(month FROM f.at)
                - extract(year FROM f.first) * 12.0 - extract(month FROM f.first))::integer AS month,
            pg_catalog.count(DISTINCT f.customer_id) AS active, count(*) AS orders, commerce.sum(f.net) AS net
        FROM (SELECT s.customer_id, s.currency, s.net, s.placed_at, s.placed_at AT TIME ZONE time_zone AS at,
                min(s.placed_at) OVER (PARTITION BY s.customer_id, s.currency) AS first_at,
                min(s.placed_at) OVER (PARTITION BY s.customer_id, s.currency) AT TIME ZONE time_zone AS first
            FROM commerce.sales_orders s WHERE s.customer_id IS NOT NULL) f
        WHERE during IS NULL OR f.first_at OPERATOR(pg_catalog.<@) during
        GROUP BY 1, 2, 3) t
    WINDOW c AS (PARTITION BY t.cohort, t.currency)
    ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION commerce.cohorts(tstzrange, text) IS
'Customers by the month (in a time zone) of their first order in a currency, and what became of them month by month: month 0 is that of the first order, customers how many they were, active how many ordered in the month, retention active / customers, orders and net (without taxes) what they brought then. Months in which none of them ordered have no row. during: of those whose first order lies in it (NULL: of all). Guests and cancelled orders do not count. 22023 for an unknown time zone.';
GRANT EXECUTE ON FUNCTION commerce.cohorts(tstzrange, text) TO commerce_reader;

CREATE FUNCTION commerce.returns_report(during tstzrange DEFAULT NULL)
        RETURNS TABLE (sku text, title text, currency text, units_sold bigint, units_returned bigint, rate numeric, returns bigint,
            gross_returned commerce.amount, net_returned commerce.amount, units_restocked bigint, units_damaged bigint,
            units_in_quality_control bigint, units_written_off bigint, units_refused bigint, reasons jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
AS $$
    SELECT t.sku, coalesce(nullif(v.title, ''), p.title), t.currency, t.sold, t.returned, round(t.returned::numeric / t.sold::numeric, 4),
        t.returns, t.gross, t.net, t.restocked, t.damaged, t.quality_control, t.written_off, t.refused, t.reasons
    FROM (SELECT l.sku, l.currency, sum(l.quantity)::bigint AS sold, sum(b.units)::bigint AS returned,
            sum(b.returns)::bigint AS returns, commerce.sum(b.gross) AS gross,
            commerce.sum(commerce.from_minor(round(commerce.minor_units(b.gross)::numeric * commerce.minor_units(l.net)::numeric
                / nullif(commerce.minor_units(l.gross), 0)::numeric)::bigint, l.currency)) AS net,
            sum(b.restocked)::bigint AS restocked, sum(b.damaged)::bigint AS damaged, sum(b.quality_control)::bigint AS quality_control,
            sum(b.written_off)::bigint AS written_off, sum(b.refused)::bigint AS refused,
            (SELECT pg_catalog.jsonb_object_agg(r.reason, r.units) FROM (SELECT e.key AS reason, sum(e.value::bigint) AS units
                FROM unnest(pg_catalog.array_agg(b.reasons) FILTER (WHERE b.reasons IS NOT NULL)) AS of_line (reasons),
                    LATERAL jsonb_each_text(of_line.reasons) e GROUP BY e.key) r) AS reasons
        FROM commerce.sales_lines l
            LEFT JOIN (SELECT x.order_id, x.line, sum(x.units) AS units, sum(x.returns) AS returns, commerce.sum(x.gross) AS gross,
                    sum(x.restocked) AS restocked, sum(x.damaged) AS damaged, sum(x.quality_control) AS quality_control,
                    sum(x.written_off) AS written_off, sum(x.refused) AS refused,
                    pg_catalog.jsonb_object_agg(x.reason, x.units) FILTER (WHERE x.units > 0.0) AS reasons
                FROM (SELECT y.order_id, y.line, coalesce(r.reason, '') AS reason,
                        coalesce(sum(y.quantity) FILTER (WHERE y.accepted), 0) AS units,
                        pg_catalog.count(DISTINCT y.return_id) AS returns, commerce.sum(y.value) AS gross,
                        coalesce(sum(y.quantity) FILTER (WHERE y.accepted AND y.disposition = 'restock'), 0) AS restocked,
                        coalesce(sum(y.quantity) FILTER (WHERE y.accepted AND y.disposition = 'damaged'), 0) AS damaged,
                        coalesce(sum(y.quantity) FILTER (WHERE y.accepted AND y.disposition = 'quality_control'), 0) AS quality_control,
                        coalesce(sum(y.quantity) FILTER (WHERE y.accepted AND y.disposition = 'write_off'), 0) AS written_off,
                        coalesce(sum(y.quantity) FILTER (WHERE NOT y.accepted), 0) AS refused
                    FROM commerce.return_receptions y JOIN commerce.returns r ON r.order_id = y.order_id AND r.id = y.return_id
                    GROUP BY 1, 2, 3) x
                GROUP BY x.order_id, x.line) b ON b.order_id = l.order_id AND b.line = l.line
        WHERE l.placed_at >= coalesce(pg_catalog.lower(during), '-infinity') AND l.placed_at <= coalesce(pg_catalog.upper(during), 'infinity')
            AND (during IS NULL OR l.placed_at OPERATOR(pg_catalog.<@) during)
        GROUP BY l.sku, l.currency HAVING sum(b.units) + sum(b.refused) > 0.0) t
        LEFT JOIN commerce.variants v ON v.sku = t.sku LEFT JOIN commerce.products p ON p.id = v.product_id
    ORDER BY t.sku, t.currency
$$;
COMMENT ON FUNCTION commerce.returns_report(tstzrange) IS
'Of what was sold in a time (NULL: ever), what came back until now: a row for each sku that did and each currency. rate: units_returned / units_sold; gross_returned: what these units cost the customers, net_returned: without taxes; units_restocked to units_written_off: what became of them; units_refused: came and were not accepted, in none of the other numbers; reasons: units by what the returns gave as reason, e.g. {"too small": 3}. Units count once they are received.';
GRANT EXECUTE ON FUNCTION commerce.returns_report(tstzrange) TO commerce_reader;
