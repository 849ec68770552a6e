-- commerce.price_history follows commerce.prices: what the table says and the history does not say of the skus in question
-- begins now, what the history says and the table does not ends now. That no statement can bring about a third state
-- is why the history needs no rule of its own for each kind of change.
CREATE FUNCTION commerce.record_prices() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    skus text[];
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN skus := ARRAY(SELECT DISTINCT c.sku FROM come c);
        WHEN 'DELETE' THEN skus := ARRAY(SELECT DISTINCT g.sku FROM gone g);
        WHEN 'UPDATE' THEN skus := ARRAY(SELECT c.sku FROM come c UNION SELECT g.sku FROM gone g);
        ELSE skus := ARRAY(SELECT DISTINCT h.sku FROM commerce.price_history h WHERE upper(h.during) = 'infinity');
    END CASE;

    -- What this transaction has begun itself nobody has seen: it never was. Where another transaction has begun a price
    -- after this one began, that price stood until now by the clock.
    WITH ended AS (
        SELECT h.sku, h.id, h.price_list, h.price, h.per_quantity, h.min_quantity, h.channel, h.customer_group, h.valid
        FROM unnest(skus) AS s (sku) JOIN commerce.price_history h ON h.sku = s.sku AND upper(h.during) = 'infinity'
        EXCEPT
        SELECT p.sku, p.id, p.price_list, p.price, p.per_quantity, p.min_quantity, p.channel, p.customer_group, p.valid
        FROM unnest(skus) AS s (sku) JOIN commerce.prices p ON p.sku = s.sku
    ), unseen AS (
        DELETE FROM commerce.price_history h USING ended e
        WHERE h.sku = e.sku AND h.id = e.id AND upper(h.during) = 'infinity'
            AND h.written_in = pg_current_xact_id() AND lower(h.during) >= now()
    )
    UPDATE commerce.price_history h SET during = tstzrange(lower(h.during), CASE WHEN lower(h.during) < now() THEN now()
        ELSE greatest(clock_timestamp(), lower(h.during) + interval '1 microsecond') END)
    FROM ended e
    WHERE h.sku = e.sku AND h.id = e.id AND upper(h.during) = 'infinity'
        AND NOT (h.written_in = pg_current_xact_id() AND lower(h.during) >= now());

    INSERT INTO commerce.price_history (sku, id, price_list, price, per_quantity, min_quantity, channel, customer_group, valid,
        during)
    SELECT b.sku, b.id, b.price_list, b.price, b.per_quantity, b.min_quantity, b.channel, b.customer_group, b.valid,
        tstzrange(greatest(now(), (SELECT max(upper(h.during)) FROM commerce.price_history h
            WHERE h.sku = b.sku AND h.id = b.id)), 'infinity')
    FROM (SELECT p.sku, p.id, p.price_list, p.price, p.per_quantity, p.min_quantity, p.channel, p.customer_group, p.valid
        FROM unnest(skus) AS s (sku) JOIN commerce.prices p ON p.sku = s.sku
        EXCEPT
        SELECT h.sku, h.id, h.price_list, h.price, h.per_quantity, h.min_quantity, h.channel, h.customer_group, h.valid
        FROM unnest(skus) AS s (sku) JOIN commerce.price_history h ON h.sku = s.sku AND upper(h.during) = 'infinity') b;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION commerce.record_prices() IS
'Internal. Statement trigger on commerce.prices: ends in commerce.price_history what applies no more and begins what is new, both at the start of the transaction; what a transaction wrote and took back itself leaves no trace.';

CREATE FUNCTION commerce.record_price_lists() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH ended AS (
        SELECT h.code, h.kind, h.priority, h.active FROM commerce.price_list_history h WHERE upper(h.during) = 'infinity'
        EXCEPT
        SELECT l.code, l.kind, l.priority, l.active FROM commerce.price_lists l
    ), unseen AS (
        DELETE FROM commerce.price_list_history h USING ended e
        WHERE h.code = e.code AND upper(h.during) = 'infinity'
            AND h.written_in = pg_current_xact_id() AND lower(h.during) >= now()
    )
    UPDATE commerce.price_list_history h SET during = tstzrange(lower(h.during), CASE WHEN lower(h.during) < now() THEN now()
        ELSE greatest(clock_timestamp(), lower(h.during) + interval '1 microsecond') END)
    FROM ended e
    WHERE h.code = e.code AND upper(h.during) = 'infinity'
        AND NOT (h.written_in = pg_current_xact_id() AND lower(h.during) >= now());

    INSERT INTO commerce.price_list_history (code, kind, priority, active, during)
    SELECT b.code, b.kind, b.priority, b.active, tstzrange(greatest(now(), (SELECT max(upper(h.during))
        FROM commerce.price_list_history h WHERE h.code = b.code)), 'infinity')
    FROM (SELECT l.code, l.kind, l.priority, l.active FROM commerce.price_lists l
        EXCEPT
        SELECT h.code, h.kind, h.priority, h.active FROM commerce.price_list_history h WHERE upper(h.during) = 'infinity') b;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION commerce.record_price_lists() IS
'Internal. Statement trigger on commerce.price_lists: does for commerce.price_list_history what record_prices() does for commerce.price_history.';

-- The rows that could have been offered in the time in question are read once. At each moment when one of them begins or
-- ends the one that quote() would choose is found: what a dearer, more specific price covered up was not offered.
CREATE FUNCTION commerce.lowest_price(sku text, days integer DEFAULT 30, quantity bigint DEFAULT 1, channel text DEFAULT NULL,
        customer_group text DEFAULT NULL, currency text DEFAULT NULL, before_reduction boolean DEFAULT false)
        RETURNS commerce.amount
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    sold_on CONSTANT text := coalesce(channel, 'default');
    sold_in text;
    since timestamptz;
    lowest numeric;
BEGIN
    PERFORM commerce.require_shop();
    IF sku IS NULL THEN
        RAISE EXCEPTION 'sku must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF days IS NULL OR days <= 0 OR quantity IS NULL OR quantity <= 0 THEN
        RAISE EXCEPTION 'days and quantity must be greater than zero' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('days', days, 'quantity', quantity), HINT = 'For example days => 30.';
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.variants v WHERE v.sku = lowest_price.sku) THEN
        PERFORM commerce.require_sku(sku);
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.channels c WHERE c.code = sold_on) THEN
        RAISE EXCEPTION 'there is no channel "%"', sold_on USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('channel', sold_on), HINT = 'Insert it into commerce.channels.';
    END IF;
    IF customer_group IS NOT NULL
        AND NOT EXISTS (SELECT FROM commerce.customer_groups g WHERE g.code = lowest_price.customer_group) THEN
        RAISE EXCEPTION 'there is no customer group "%"', customer_group USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('customer_group', customer_group),
            HINT = 'Insert it into commerce.customer_groups.';
    END IF;
    sold_in := coalesce(currency, (SELECT c.currency FROM commerce.channels c WHERE c.code = sold_on),
        (SELECT s.currency FROM commerce.shop s));
    IF commerce.minor_digits(sold_in) IS NULL THEN
        RAISE EXCEPTION 'there is no currency "%"', sold_in USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('currency', sold_in), HINT = 'commerce.currencies() lists them.';
    END IF;

    -- A thousand years are as good as more, and do not leave what a timestamp can say.
    days := least(days, 365000);
    -- When a reduction began is seen only by looking at what was before it.
    since := CASE WHEN before_reduction THEN '-infinity' ELSE now() - make_interval(days => days) END;
    WITH applied AS MATERIALIZED (
        SELECT h.id, h.customer_group, h.channel, l.priority,
            commerce.minor_units(h.price)::numeric * quantity / h.per_quantity AS price,
            h.during * h.valid * coalesce(l.during, h.during) * tstzrange(since, now(), '[]') AS during
        FROM commerce.price_history h
            LEFT JOIN commerce.price_list_history l ON l.code = h.price_list AND l.during && h.during AND l.active
        WHERE h.sku = lowest_price.sku AND upper(h.during) > since AND commerce.currency(h.price) = sold_in
            AND h.min_quantity <= quantity AND (h.channel IS NULL OR h.channel = sold_on)
            AND (h.customer_group IS NULL OR h.customer_group = lowest_price.customer_group)
            AND (h.price_list IS NULL OR l.active)
    ), moments AS (
        SELECT lower(a.during) AS moment FROM applied a WHERE NOT isempty(a.during)
        UNION SELECT upper(a.during) FROM applied a WHERE NOT isempty(a.during)
    ), offered AS (
        SELECT m.moment, best.price, lead(m.moment, 1, 'infinity') OVER w AS until, lag(best.price) OVER w AS before
        FROM moments m LEFT JOIN LATERAL (SELECT a.price FROM applied a WHERE a.during @> m.moment
            ORDER BY a.priority DESC NULLS LAST, a.customer_group IS NULL, a.channel IS NULL, a.price, a.id LIMIT 1) best ON true
        WINDOW w AS (ORDER BY m.moment)
    ), reduction AS (
        SELECT min(o.moment) AS began FROM offered o
        WHERE before_reduction AND o.price < o.before AND o.moment > (
            SELECT max(r.moment) FROM offered r WHERE r.price IS NULL OR r.before IS NULL OR r.price > r.before)
    )
    SELECT min(o.price) INTO lowest FROM offered o CROSS JOIN reduction r
    WHERE o.moment < coalesce(r.began, 'infinity')
        AND (NOT before_reduction OR o.until > coalesce(r.began, now()) - make_interval(days => days));
    RETURN CASE WHEN lowest IS NOT NULL
        THEN commerce.from_minor(least(round(lowest), 9223372036854775807)::bigint, sold_in) END;
END
$$;
COMMENT ON FUNCTION commerce.lowest_price(text, integer, bigint, text, text, text, boolean) IS
'The lowest price at which quote() offered a sku within the last days, the current price included, from commerce.price_history: at every moment the price that was chosen then, among price lists, channel, customer group and validity; promotions and taxes not counted. NULL when it had none. quantity: what so many units cost, by the prices for that many; channel and currency default as quote()''s, customer_group NULL is everybody. before_reduction: the days end where the current reduction began, the first fall of the price since it last rose or was not offered: the prior price of directive 98/6/EC, article 6a (2) and (5); where the last change was no fall, they end now. CM002 unknown sku, CM023 out of range, 22023 for days or quantity <= 0 and for an unknown channel, customer group or currency, 22004 for a NULL sku.';
GRANT EXECUTE ON FUNCTION commerce.lowest_price(text, integer, bigint, text, text, text, boolean) TO commerce_reader;
