-- What an order says, as a document; what it would say with other lines; and writing that, with what it said before kept.
-- A line that loses units keeps the exact share of each of its amounts as they were last set (order_lines.priced_version),
-- not of what an earlier loss has left of them: one unit taken out twice leaves what two taken out at once leave.
CREATE FUNCTION commerce.order_document("order" uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('version', o.version, 'number', o.number, 'state', o.state, 'currency', commerce.currency(o.total),
            'subtotal', o.subtotal::jsonb, 'discount', o.discount::jsonb, 'shipping', o.shipping::jsonb, 'tax', o.tax::jsonb,
            'included_tax', o.included_tax::jsonb, 'rounding', o.rounding::jsonb,
            'cash_increment', o.cash_increment::jsonb, 'total', o.total::jsonb,
            'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object('line', l.line, 'sku', l.sku, 'title', l.title,
                    'quantity', l.quantity, 'cancelled', l.cancelled, 'unit_price', l.unit_price::jsonb,
                    'per_quantity', l.per_quantity, 'list_price', l.list_price::jsonb, 'gift_of', l.gift_of,
                    'tax_class', l.tax_class, 'tax_exempt', l.tax_exempt, 'priced_version', l.priced_version,
                    'subtotal', l.subtotal::jsonb, 'discount', l.discount::jsonb, 'tax', l.tax::jsonb,
                    'included_tax', l.included_tax::jsonb, 'total', l.total::jsonb,
                    'discounts', coalesce(d.discounts -> l.line::text, '[]'), 'taxes', coalesce(t.taxes -> l.line::text, '[]'))
                    ORDER BY l.line), '[]')
                FROM commerce.order_lines l WHERE l.order_id = o.id),
            'shipping_discounts', coalesce(d.discounts -> '0', '[]'), 'shipping_taxes', coalesce(t.taxes -> '0', '[]'))
        FROM commerce.orders o,
            LATERAL (SELECT jsonb_object_agg(x.line, x.parts) AS discounts FROM (SELECT d.line, jsonb_agg(jsonb_build_object(
                    'number', d.number, 'promotion', d.promotion, 'reason', d.reason, 'amount', d.amount::jsonb,
                    'saved_tax', d.saved_tax::jsonb) ORDER BY d.number) AS parts
                FROM commerce.order_discounts d WHERE d.order_id = o.id GROUP BY d.line) x) d,
            LATERAL (SELECT jsonb_object_agg(x.line, x.parts) AS taxes FROM (SELECT t.line, jsonb_agg(jsonb_build_object(
                    'tax_class', t.tax_class, 'name', t.name, 'rate', trim_scale(t.rate), 'included', t.included,
                    'compound', t.compound, 'amount', t.amount::jsonb) ORDER BY t.tax_class, t.name) AS parts
                FROM commerce.order_taxes t WHERE t.order_id = o.id GROUP BY t.line) x) t
        WHERE o.id = "order");
END
$$;
COMMENT ON FUNCTION commerce.order_document(uuid) IS
'Internal. All that an order says of goods and money as one document, as commerce.order_versions keeps it. NULL for an unknown order.';

CREATE FUNCTION commerce.minor_of(money jsonb) RETURNS bigint
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN (money ->> 'minor')::bigint;
COMMENT ON FUNCTION commerce.minor_of(jsonb) IS 'Internal. The minor units of money in JSON.';

CREATE FUNCTION commerce.share_parts(parts jsonb, amount commerce.amount, key text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shares commerce.amount[];
BEGIN
    IF jsonb_array_length(parts) = 0 THEN
        RETURN parts;
    END IF;
    shares := commerce.allocate(amount, ARRAY(SELECT abs(commerce.minor_of(p.part -> key))::numeric
        FROM jsonb_array_elements(parts) WITH ORDINALITY p (part, n) ORDER BY p.n));
    RETURN (SELECT jsonb_agg(p.part || jsonb_build_object(key, shares[p.n]::jsonb) ORDER BY p.n)
        FROM jsonb_array_elements(parts) WITH ORDINALITY p (part, n));
END
$$;
COMMENT ON FUNCTION commerce.share_parts(jsonb, commerce.amount, text) IS
'Internal. The discounts or taxes of a line such that they add up to an amount, each in proportion to what it was; the largest fractions take the last cents.';

CREATE FUNCTION commerce.lowered_line(basis jsonb, units bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was constant bigint := basis ->> 'quantity';
    currency constant text := basis #>> '{total,currency}';
    subtotal constant bigint := commerce.share_of(commerce.amount(basis -> 'subtotal'), units, was);
    discount constant bigint := commerce.share_of(commerce.amount(basis -> 'discount'), units, was);
    tax constant bigint := commerce.share_of(commerce.amount(basis -> 'tax'), units, was);
    taxes constant jsonb := commerce.share_parts(basis -> 'taxes', commerce.from_minor(tax, currency), 'amount');
    included bigint;
BEGIN
    SELECT coalesce(sum(commerce.minor_of(t -> 'amount')), 0) INTO included FROM jsonb_array_elements(taxes) t
        WHERE (t ->> 'included')::boolean;
    RETURN basis || jsonb_build_object('quantity', units, 'subtotal', commerce.from_minor(subtotal, currency)::jsonb,
        'discount', commerce.from_minor(discount, currency)::jsonb, 'tax', commerce.from_minor(tax, currency)::jsonb,
        'included_tax', commerce.from_minor(included, currency)::jsonb,
        'total', commerce.from_minor(subtotal - discount + tax - included, currency)::jsonb, 'taxes', taxes,
        'discounts', (SELECT coalesce(jsonb_agg(d.part || CASE WHEN jsonb_typeof(d.part -> 'saved_tax') = 'object' THEN jsonb_build_object('saved_tax',
                commerce.from_minor(commerce.share_of(commerce.amount(d.part -> 'saved_tax'), units, was), currency)::jsonb) ELSE '{}' END
                ORDER BY d.n), '[]')
            FROM jsonb_array_elements(commerce.share_parts(basis -> 'discounts', commerce.from_minor(discount, currency), 'amount'))
                WITH ORDINALITY d (part, n)));
END
$$;
COMMENT ON FUNCTION commerce.lowered_line(jsonb, bigint) IS
'Internal. A line of a document with only so many of its units: its subtotal, discount and tax are their exact shares, rounded half up, and what makes them up adds up to them. What is taken out is the rest, so that the last unit takes the last cent.';

CREATE FUNCTION commerce.line_bases("order" uuid, document jsonb) RETURNS TABLE (line integer, now jsonb, basis jsonb)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT (l ->> 'line')::integer, l, coalesce(b.x || jsonb_build_object('cancelled', l -> 'cancelled'), l)
        FROM jsonb_array_elements(line_bases.document -> 'lines') l
            -- Each version once, however many lines were priced in it.
            LEFT JOIN (SELECT v.version, x FROM commerce.order_versions v, jsonb_array_elements(v.document -> 'lines') x
                WHERE v.order_id = "order" AND v.version IN (SELECT (y ->> 'priced_version')::integer
                    FROM jsonb_array_elements(line_bases.document -> 'lines') y)) b
                ON b.version = (l ->> 'priced_version')::integer AND b.x -> 'line' = l -> 'line';
END
$$;
COMMENT ON FUNCTION commerce.line_bases(uuid, jsonb) IS
'Internal. The lines of an order''s document, each as it is now and as it was when its amounts were last set as a whole, which is what shares of it are shares of.';

CREATE FUNCTION commerce.with_lines(document jsonb, changed jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    currency constant text := document ->> 'currency';
    lines jsonb;
    s record;
    shipping record;
    rounding bigint;
    exact bigint;
    increment bigint := commerce.minor_of(nullif(document -> 'cash_increment', 'null'));
BEGIN
    SELECT jsonb_agg(l ORDER BY (l ->> 'line')::integer) INTO lines FROM (
        SELECT c FROM jsonb_array_elements(changed) c
        UNION ALL SELECT o FROM jsonb_array_elements(document -> 'lines') o
            WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(changed) c WHERE c -> 'line' = o -> 'line')) x (l);
    SELECT sum(commerce.minor_of(l -> 'subtotal'))::bigint AS subtotal, sum(commerce.minor_of(l -> 'discount'))::bigint AS discount,
            sum(commerce.minor_of(l -> 'tax'))::bigint AS tax, sum(commerce.minor_of(l -> 'included_tax'))::bigint AS included
        INTO s FROM jsonb_array_elements(lines) l;
    SELECT commerce.minor_of(document -> 'shipping') AS price,
            (SELECT coalesce(sum(commerce.minor_of(d -> 'amount')), 0)::bigint FROM jsonb_array_elements(document -> 'shipping_discounts') d) AS discount,
            (SELECT coalesce(sum(commerce.minor_of(t -> 'amount')), 0)::bigint FROM jsonb_array_elements(document -> 'shipping_taxes') t) AS tax,
            (SELECT coalesce(sum(commerce.minor_of(t -> 'amount')), 0)::bigint FROM jsonb_array_elements(document -> 'shipping_taxes') t
                WHERE (t ->> 'included')::boolean) AS included
        INTO shipping;
    exact := s.subtotal - s.discount - shipping.discount + shipping.price + s.tax + shipping.tax - s.included - shipping.included;
    -- Rounded anew, as when it was placed. Of an order from elsewhere what it is rounded by stays, but for what would make the
    -- shop owe money.
    rounding := CASE WHEN increment > 0 THEN commerce.round_to(exact::numeric, increment, 'half_up')::bigint - exact
        ELSE greatest(commerce.minor_of(document -> 'rounding'), -exact) END;
    RETURN document || jsonb_build_object('lines', lines,
        'subtotal', commerce.from_minor(s.subtotal, currency)::jsonb,
        'discount', commerce.from_minor(s.discount + shipping.discount, currency)::jsonb,
        'tax', commerce.from_minor(s.tax + shipping.tax, currency)::jsonb,
        'included_tax', commerce.from_minor(s.included + shipping.included, currency)::jsonb,
        'rounding', commerce.from_minor(rounding, currency)::jsonb,
        'total', commerce.from_minor(exact + rounding, currency)::jsonb);
END
$$;
COMMENT ON FUNCTION commerce.with_lines(jsonb, jsonb) IS
'Internal. A document with some of its lines replaced or added, and the totals that come of it, rounded to what is payable in cash where the order was; shipping stays as it is.';

CREATE FUNCTION commerce.tax_difference(before jsonb, after jsonb) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('name', d.name, 'rate', d.rate,
            'base', commerce.from_minor(d.base, before ->> 'currency')::jsonb,
            'amount', commerce.from_minor(d.minor, before ->> 'currency')::jsonb) ORDER BY d.rate, d.name)
            FILTER (WHERE d.minor <> 0 OR d.base <> 0), '[]')
        FROM (SELECT t ->> 'name' AS name, (t ->> 'rate')::numeric AS rate, sum(x.sign * commerce.minor_of(t -> 'amount'))::bigint AS minor,
                sum(x.sign * (commerce.minor_of(l -> 'total') - commerce.minor_of(l -> 'tax')))::bigint AS base
            FROM (VALUES (-1, before), (1, after)) x (sign, document), jsonb_array_elements(x.document -> 'lines') l,
                jsonb_array_elements(l -> 'taxes') t
            GROUP BY 1, 2) d);
COMMENT ON FUNCTION commerce.tax_difference(jsonb, jsonb) IS
'Internal. By how much each tax of the lines, and what it is on, differs between two documents, by name and rate; those that do not are left out.';

CREATE FUNCTION commerce.write_version("order" uuid, before jsonb, after jsonb, changed jsonb, cause text, edit uuid, reason text)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    id uuid := commerce.uuidv7();
    currency constant text := before ->> 'currency';
BEGIN
    INSERT INTO commerce.order_lines (order_id, line, sku, title, quantity, cancelled, unit_price, per_quantity, list_price, gift_of,
            tax_class, tax_exempt, requires_shipping, priced_version, subtotal, discount, tax, included_tax, total)
        SELECT "order", (l ->> 'line')::integer, l ->> 'sku', l ->> 'title', (l ->> 'quantity')::bigint, (l ->> 'cancelled')::bigint,
            commerce.amount(l -> 'unit_price'), (l ->> 'per_quantity')::integer,
            CASE WHEN jsonb_typeof(l -> 'list_price') = 'object' THEN commerce.amount(l -> 'list_price') END, (l ->> 'gift_of')::uuid,
            l ->> 'tax_class', (l ->> 'tax_exempt')::boolean,
            coalesce((SELECT v.requires_shipping FROM commerce.variants v WHERE v.sku = l ->> 'sku'), true), (l ->> 'priced_version')::integer,
            commerce.amount(l -> 'subtotal'), commerce.amount(l -> 'discount'), commerce.amount(l -> 'tax'),
            commerce.amount(l -> 'included_tax'), commerce.amount(l -> 'total')
        FROM jsonb_array_elements(write_version.changed) l
        ON CONFLICT (order_id, line) DO UPDATE SET quantity = excluded.quantity, cancelled = excluded.cancelled,
            unit_price = excluded.unit_price, priced_version = excluded.priced_version, subtotal = excluded.subtotal,
            discount = excluded.discount, tax = excluded.tax, included_tax = excluded.included_tax, total = excluded.total;
    DELETE FROM commerce.order_discounts d WHERE d.order_id = "order"
        AND d.line IN (SELECT (l ->> 'line')::integer FROM jsonb_array_elements(write_version.changed) l);
    INSERT INTO commerce.order_discounts (order_id, line, number, promotion, reason, amount, saved_tax)
        SELECT "order", (l ->> 'line')::integer, (d ->> 'number')::integer, (d ->> 'promotion')::uuid, d ->> 'reason',
            commerce.amount(d -> 'amount'), CASE WHEN jsonb_typeof(d -> 'saved_tax') = 'object' THEN commerce.amount(d -> 'saved_tax') END
        FROM jsonb_array_elements(write_version.changed) l, jsonb_array_elements(l -> 'discounts') d;
    DELETE FROM commerce.order_taxes t WHERE t.order_id = "order"
        AND t.line IN (SELECT (l ->> 'line')::integer FROM jsonb_array_elements(write_version.changed) l);
    INSERT INTO commerce.order_taxes (order_id, line, tax_class, name, rate, included, compound, amount)
        SELECT "order", (l ->> 'line')::integer, t ->> 'tax_class', t ->> 'name', (t ->> 'rate')::numeric, (t ->> 'included')::boolean,
            (t ->> 'compound')::boolean, commerce.amount(t -> 'amount')
        FROM jsonb_array_elements(write_version.changed) l, jsonb_array_elements(l -> 'taxes') t;
    UPDATE commerce.orders o SET subtotal = commerce.amount(after -> 'subtotal'), discount = commerce.amount(after -> 'discount'),
            tax = commerce.amount(after -> 'tax'), included_tax = commerce.amount(after -> 'included_tax'),
            rounding = commerce.amount(after -> 'rounding'), total = commerce.amount(after -> 'total'), version = o.version + 1
        WHERE o.id = "order";
    INSERT INTO commerce.order_versions (order_id, version, id, document, cause, edit_id, reason, difference, tax, rounding, taxes, actor)
        VALUES ("order", (before ->> 'version')::integer, id, before, write_version.cause, edit, write_version.reason,
            commerce.from_minor(commerce.minor_of(after -> 'total') - commerce.minor_of(before -> 'total'), currency),
            commerce.from_minor(commerce.minor_of(after -> 'tax') - commerce.minor_of(before -> 'tax'), currency),
            commerce.from_minor(commerce.minor_of(after -> 'rounding') - commerce.minor_of(before -> 'rounding'), currency),
            commerce.tax_difference(before, after), commerce.acting_role());
    -- What is left may be paid by now.
    INSERT INTO commerce.invoice_queue (order_id, cause, cause_id)
        SELECT "order", q.cause, q.id
        FROM commerce.orders o LEFT JOIN commerce.channels c ON c.code = o.channel,
            (VALUES ('paid', "order"), ('edit', id)) q (cause, id)
        WHERE o.id = "order" AND CASE q.cause WHEN 'paid' THEN c.invoice_on = 'paid'
            ELSE c.invoice_on <> 'never' OR EXISTS (SELECT FROM commerce.invoices i WHERE i.order_id = o.id) END;
    PERFORM commerce.chores_due(clock_timestamp());
    RETURN id;
END
$$;
COMMENT ON FUNCTION commerce.write_version(uuid, jsonb, jsonb, jsonb, text, uuid, text) IS
'Internal. Makes an order say what the document after says, whose lines differ from those of before in the changed ones; keeps before as a version, and has invoices look at it. Returns the id of the row in commerce.order_versions. The order is locked before.';

CREATE FUNCTION commerce.release_units("order" uuid, units jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- A line for which nothing is reserved, a service or one of an order from elsewhere, has nothing to give.
    want jsonb := (SELECT jsonb_agg(u) FROM jsonb_array_elements(units) u WHERE EXISTS (SELECT FROM commerce.reservations r
        WHERE r.order_id = "order" AND r.line = (u ->> 'line')::integer AND (r.state = 'committed') IS TRUE));
BEGIN
    IF want IS NOT NULL THEN
        PERFORM commerce.announce_released(commerce.take_units("order", commerce.assign_units("order", want), 'released'));
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.release_units(uuid, jsonb) IS
'Internal. Gives back so many units, [{"line": 1, "quantity": 2}], of what an order has reserved for lines and no parcel takes, to those who wait first.';
