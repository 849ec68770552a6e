-- What a document says of taxes: each by name and rate, with what it is on.
CREATE FUNCTION commerce.share_bases(net bigint, of numeric, bases numeric[], currency text) RETURNS bigint[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    left_over constant numeric := of - (SELECT sum(b) FROM unnest(bases) b);
    untaxed constant numeric := CASE WHEN abs(left_over) < 0.01 THEN 0 ELSE left_over END;
BEGIN
    IF coalesce(cardinality(bases), 0) = 0 THEN
        RETURN '{}';
    END IF;
    -- What has several taxes is in the base of each: these are shared one by one.
    IF untaxed < 0 OR (SELECT bool_or(b < 0) FROM unnest(bases) b) OR of = 0 THEN
        RETURN ARRAY(SELECT coalesce(round(b * net / nullif(of, 0)), 0)::bigint FROM unnest(bases) WITH ORDINALITY x (b, n) ORDER BY n);
    END IF;
    RETURN ARRAY(SELECT commerce.minor_units(s) FROM unnest(commerce.allocate(commerce.from_minor(net, currency), bases || untaxed, 'nearest'))
        WITH ORDINALITY x (s, n) WHERE n <= cardinality(bases) ORDER BY n);
END
$$;
COMMENT ON FUNCTION commerce.share_bases(bigint, numeric, numeric[], text) IS
'Internal. What of so much net is the base of each tax, where of a whole these were; together no more than net but where goods have several taxes. What is left over has none.';

CREATE FUNCTION commerce.shipping_bases("order" uuid) RETURNS TABLE (tax_class text, base bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    net bigint;
    c record;
BEGIN
    SELECT commerce.minor_units(o.shipping)
            - (SELECT coalesce(sum(commerce.minor_units(d.amount)), 0) FROM commerce.order_discounts d WHERE d.order_id = o.id AND d.line = 0)
            - (SELECT coalesce(sum(commerce.minor_units(t.amount)), 0) FROM commerce.order_taxes t WHERE t.order_id = o.id AND t.line = 0 AND t.included)
        INTO net FROM commerce.orders o WHERE o.id = "order";
    -- Shipping that is taxed as the goods are has parts of several classes: how large each is, its taxes tell, to within what
    -- they were rounded by. A part of no tax takes the rest.
    SELECT array_agg(x.tax_class ORDER BY x.tax_class) AS classes, array_agg(x.worth ORDER BY x.tax_class) AS worths,
            min(x.tax_class) FILTER (WHERE x.rate = 0) AS free, net - sum(round(x.worth)) AS rest, sum(x.slack) AS slack
        INTO c FROM (SELECT t.tax_class, sum(t.rate) AS rate, coalesce(round(sum(commerce.minor_units(t.amount)) * 100 / nullif(sum(t.rate), 0), 4), 0) AS worth,
                coalesce(50 / nullif(sum(t.rate), 0), 0) + 1 AS slack
            FROM commerce.order_taxes t WHERE t.order_id = "order" AND t.line = 0 GROUP BY t.tax_class) x;
    IF cardinality(c.classes) = 1 THEN
        RETURN QUERY SELECT c.classes[1], net;
    ELSIF c.free IS NULL AND abs(c.rest) <= c.slack AND net > 0 THEN
        RETURN QUERY SELECT u.tax_class, commerce.minor_units(u.share) FROM unnest(c.classes, commerce.allocate(commerce.from_minor(net,
            (SELECT commerce.currency(o.total) FROM commerce.orders o WHERE o.id = "order")), c.worths, 'nearest')) u (tax_class, share);
    ELSE
        RETURN QUERY SELECT u.tax_class, (round(u.worth) + CASE WHEN u.tax_class = c.free THEN c.rest ELSE 0 END)::bigint
            FROM unnest(c.classes, c.worths) u (tax_class, worth);
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.shipping_bases(uuid) IS
'Internal. Of what an order''s shipping costs without taxes, the part of each tax class that it is taxed by, in minor units.';

CREATE FUNCTION commerce.taxes_of("order" uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce((SELECT jsonb_agg(jsonb_build_object('name', t.name, 'rate', t.rate, 'base',
            commerce.from_minor(t.base, commerce.currency(t.amount))::jsonb, 'amount', t.amount::jsonb) ORDER BY t.rate, t.name)
        FROM (SELECT x.name, x.rate, commerce.sum(x.amount) AS amount, sum(CASE x.line WHEN 0 THEN s.base
                    ELSE commerce.minor_units(l.total) - commerce.minor_units(l.tax) END)::bigint AS base
            FROM commerce.order_taxes x LEFT JOIN commerce.order_lines l ON l.order_id = x.order_id AND l.line = x.line
                LEFT JOIN commerce.shipping_bases("order") s ON x.line = 0 AND s.tax_class = x.tax_class
            WHERE x.order_id = "order" AND l.quantity IS DISTINCT FROM 0
            GROUP BY x.name, x.rate) t), '[]');
END
$$;
COMMENT ON FUNCTION commerce.taxes_of(uuid) IS 'Internal. The taxes of an order by name and rate, as commerce.invoices.taxes.';
