-- The shop's figures beside the same figures computed straight from the raw lines.
CREATE VIEW demo.by_shop AS
    SELECT (o.placed_at AT TIME ZONE 'UTC')::date AS day, o.ship_to ->> 'country' AS country, count(DISTINCT o.id) AS orders,
        sum(l.quantity) AS units, commerce.sum(l.total)::numeric AS revenue
    FROM commerce.orders o JOIN commerce.order_lines l ON l.order_id = o.id GROUP BY GROUPING SETS ((1), (2), ());
CREATE VIEW demo.by_invoice AS
    SELECT invoiced_at::date AS day, country_code AS country, count(DISTINCT invoice) AS orders, sum(quantity) AS units,
        sum(round(quantity * price, 2)) AS revenue
    FROM demo.lines WHERE kind = 'sold' GROUP BY GROUPING SETS ((1), (2), ());
CREATE VIEW demo.comparison AS
    SELECT coalesce(s.day::text, s.country, 'all') AS "of", s.orders, i.orders AS invoices, s.units, i.units AS "units invoiced",
        s.revenue AS "revenue GBP", i.revenue AS "invoiced GBP",
        (s.orders, s.units, s.revenue) IS NOT DISTINCT FROM (i.orders, i.units, i.revenue) AS equal
    FROM demo.by_shop s FULL JOIN demo.by_invoice i
        ON (coalesce(s.day::text, s.country, 'all')) = (coalesce(i.day::text, i.country, 'all'));
\echo 'Orders, units and revenue by day and country, beside the raw lines:'
SELECT * FROM demo.comparison ORDER BY "of" COLLATE "C";

CREATE VIEW demo.credit_comparison AS
    SELECT (SELECT commerce.sum(amount)::numeric FROM demo.credits) AS "given back GBP",
        (SELECT commerce.sum(refunded)::numeric FROM commerce.payments) AS "refunded GBP",
        (SELECT commerce.sum(amount)::numeric FROM commerce.store_credits) AS "credited GBP",
        (SELECT -sum(round(quantity * price, 2)) FROM demo.lines WHERE kind IN ('taken back', 'money back')) AS "raw credits GBP";
SELECT *, "given back GBP" = "raw credits GBP" AND "refunded GBP" + "credited GBP" = "raw credits GBP" AS equal FROM demo.credit_comparison;

CREATE VIEW demo.stock_comparison AS
    SELECT v.sku, coalesce(s.on_hand, 0) AS on_hand,
        coalesce((SELECT -sum(l.quantity) FROM demo.lines l WHERE l.code = v.sku AND l.kind = 'taken back'), 0)
            + CASE v.sku WHEN '85123A' THEN 10 ELSE 0 END AS expected
    FROM commerce.variants v LEFT JOIN commerce.stock s USING (sku);
\echo 'Stock left by SKU against expectation (all was sold, but what came back and ten of 85123A):'
SELECT count(*) AS skus, count(*) FILTER (WHERE on_hand = expected) AS "as expected", sum(on_hand) AS "units left", sum(expected) AS expected
    FROM demo.stock_comparison;
SELECT * FROM demo.stock_comparison WHERE on_hand > 0 ORDER BY on_hand DESC, sku LIMIT 5;
