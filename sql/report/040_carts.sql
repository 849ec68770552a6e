CREATE FUNCTION commerce.cart_conversion(during tstzrange DEFAULT NULL, time_zone text DEFAULT 'UTC')
        RETURNS TABLE (day date, channel text, carts bigint, filled bigint, ordered bigint, abandoned bigint, open bigint,
            conversion numeric, median_time interval)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 400
AS $$
    SELECT t.day, t.channel, count(*), count(*) FILTER (WHERE t.filled), count(*) FILTER (WHERE t.state = 'placed'),
        count(*) FILTER (WHERE t.filled AND t.state = 'expired'), count(*) FILTER (WHERE t.filled AND t.state = 'open'),
        round(count(*) FILTER (WHERE t.state = 'placed')::numeric / nullif(count(*) FILTER (WHERE t.filled), 0)::numeric, 4),
        pg_catalog.percentile_cont(0.5) WITHIN GROUP (ORDER BY t.placed_at OPERATOR(pg_catalog.-) t.created_at)
            FILTER (WHERE t.state = 'placed')
    FROM (SELECT (c.created_at AT TIME ZONE time_zone)::date AS day, c.channel, c.state, c.created_at, c.placed_at,
            c.state = 'placed' OR EXISTS (SELECT FROM commerce.cart_lines l WHERE l.cart_id = c.id) AS filled
        FROM commerce.carts c
        WHERE c.state <> 'merged'
            AND c.created_at >= coalesce(pg_catalog.lower(during), '-infinity')
            AND c.created_at <= coalesce(pg_catalog.upper(during), 'infinity')
            AND (during IS NULL OR c.created_at OPERATOR(pg_catalog.<@) during)) t
    GROUP BY 1, 2 ORDER BY 1, 2
$$;
COMMENT ON FUNCTION commerce.cart_conversion(tstzrange, text) IS
'What became of the carts begun on each day of a time (NULL: ever) by the clocks of a time zone, a row for each channel. carts: begun; filled: with something in them, bought ones included; ordered: bought; abandoned: filled, and expired; open: filled, and not over yet; conversion: ordered / filled; median_time: from begun to bought. A cart merged into another counts as that one alone, and what checkout() sold had no cart. SELECT sum(ordered) / sum(filled) FROM commerce.cart_conversion(''[2026-01-01, 2026-02-01)''). 22023 for an unknown time zone.';
GRANT EXECUTE ON FUNCTION commerce.cart_conversion(tstzrange, text) TO commerce_reader;
