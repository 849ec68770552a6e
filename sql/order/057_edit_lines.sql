-- What changes make of an order: pure computation over its document (055_versions.sql) and what quote() says today.
CREATE FUNCTION commerce.check_changes(changes jsonb, currency text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad jsonb;
BEGIN
    IF changes IS NULL OR jsonb_typeof(changes) <> 'array' OR jsonb_array_length(changes) = 0 THEN
        RAISE EXCEPTION 'changes must be a JSON array of objects, and not empty' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Changes are like [{"line": 1, "quantity": 3}, {"sku": "B", "quantity": 2}, {"line": 2, "quantity": 0}].';
    END IF;
    SELECT c INTO bad FROM jsonb_array_elements(changes) c
        WHERE CASE WHEN jsonb_typeof(c) <> 'object' THEN true
            WHEN EXISTS (SELECT FROM jsonb_object_keys(c) k WHERE k NOT IN ('line', 'sku', 'quantity', 'unit_price', 'discount', 'reason')) THEN true
            WHEN c ? 'line' AND c ? 'sku' OR NOT c ?| '{quantity,unit_price,discount}' THEN true
            WHEN c ? 'sku' AND (jsonb_typeof(c -> 'sku') <> 'string' OR NOT c ? 'quantity') THEN true
            WHEN NOT c ? 'sku' AND NOT c ? 'line' AND c ?| '{quantity,unit_price}' THEN true
            WHEN c ? 'line' AND (c @@ '$.line.type() == "number" && $.line >= 1 && $.line <= 2147483647 && $.line == $.line.floor()') IS NOT true THEN true
            WHEN c ? 'quantity' AND (c @@ '$.quantity.type() == "number" && $.quantity >= 0 && $.quantity <= 1000000000000 && $.quantity == $.quantity.floor()') IS NOT true THEN true
            WHEN c ? 'sku' AND (c ->> 'quantity')::numeric = 0 THEN true
            WHEN EXISTS (SELECT FROM unnest('{unit_price,discount}'::text[]) k WHERE c ? k AND jsonb_typeof(c -> k) NOT IN ('string', 'number', 'object')) THEN true
            WHEN c ? 'reason' AND NOT c ? 'discount' THEN true
            WHEN c ? 'discount' AND (c @@ '$.reason.type() == "string" && $.reason != ""') IS NOT true THEN true
            ELSE false END
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a change is not understood' USING ERRCODE = 'invalid_parameter_value', DETAIL = bad,
            HINT = 'Name a line and its new quantity, {"line": 1, "quantity": 3}; or a new sku, {"sku": "B", "quantity": 2}; commerce_admin may add a unit_price, or a discount with its reason.';
    END IF;
    SELECT c INTO bad FROM jsonb_array_elements(changes) c
        WHERE commerce.change_money(c -> 'unit_price', currency) < 0 OR commerce.change_money(c -> 'discount', currency) <= 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a price must not be negative, and a discount must be above zero' USING ERRCODE = 'invalid_parameter_value', DETAIL = bad;
    END IF;
    SELECT jsonb_build_object('line', x.line) INTO bad FROM (SELECT (c ->> 'line')::numeric AS line FROM jsonb_array_elements(changes) c
        WHERE c ? 'line') x GROUP BY x.line HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a line is changed twice' USING ERRCODE = 'invalid_parameter_value', DETAIL = bad,
            HINT = 'Say all about a line in one change.';
    END IF;
    RETURN EXISTS (SELECT FROM jsonb_array_elements(changes) c WHERE c ?| '{unit_price,discount}');
END
$$;
COMMENT ON FUNCTION commerce.check_changes(jsonb, text) IS
'Internal. 22023 for changes that begin_edit() does not understand, CM020 for money in another currency than the order''s; true where there are some that only commerce_admin may ask for.';

CREATE FUNCTION commerce.change_money(money jsonb, currency text) RETURNS bigint
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    value commerce.amount;
BEGIN
    value := CASE WHEN jsonb_typeof(money) = 'object' THEN commerce.amount(money)
        WHEN money #>> '{}' ~ '^-?[0-9]{1,18}(\.[0-9]{1,9})?$' THEN (money #>> '{}' || ' ' || currency)::commerce.amount
        ELSE (money #>> '{}')::commerce.amount END;
    IF commerce.currency(value) <> currency THEN
        RAISE EXCEPTION 'the order is in %, not in %', currency, commerce.currency(value) USING ERRCODE = 'CM020',
            HINT = 'Change an order in its own currency.';
    END IF;
    RETURN commerce.minor_units(value);
END
$$;
COMMENT ON FUNCTION commerce.change_money(jsonb, text) IS
'Internal. Money in a change, "9.00", "9.00 EUR", 9 or as money in JSON, in minor units; CM020 in another currency, 22P02 for what is none.';

CREATE FUNCTION commerce.asked_lines("order" uuid, document jsonb, changes jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    currency constant text := document ->> 'currency';
    asked jsonb;
    bad jsonb;
    overall record;
    shares commerce.amount[];
BEGIN
    SELECT c INTO bad FROM jsonb_array_elements(changes) c
        WHERE c ? 'line' AND NOT EXISTS (SELECT FROM jsonb_array_elements(document -> 'lines') l WHERE l -> 'line' = c -> 'line') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the order has no such line' USING ERRCODE = 'invalid_parameter_value', DETAIL = bad,
            HINT = 'A new line is {"sku": "B", "quantity": 2}.';
    END IF;
    asked := (SELECT coalesce(jsonb_agg(jsonb_build_object('sku', c -> 'sku', 'line', c -> 'line', 'quantity',
                coalesce(trunc((c ->> 'quantity')::numeric)::bigint, (SELECT (l ->> 'quantity')::bigint
                    FROM jsonb_array_elements(document -> 'lines') l WHERE l -> 'line' = c -> 'line')),
                'unit_price', CASE WHEN c ? 'unit_price' THEN commerce.from_minor(commerce.change_money(c -> 'unit_price', currency), currency)::jsonb END,
                'discounts', CASE WHEN c ? 'discount' THEN jsonb_build_array(jsonb_build_object('reason', c -> 'reason', 'minor',
                    commerce.change_money(c -> 'discount', currency))) ELSE '[]' END)
            ORDER BY (c ->> 'line')::integer, n), '[]')
        FROM jsonb_array_elements(changes) WITH ORDINALITY x (c, n) WHERE c ?| '{line,sku}');
    -- What is taken off the order is taken off the lines it has, by what they cost; not off those of which units come back.
    FOR overall IN SELECT c ->> 'reason' AS reason, commerce.change_money(c -> 'discount', currency) AS minor
        FROM jsonb_array_elements(changes) WITH ORDINALITY x (c, n) WHERE NOT c ?| '{line,sku}' ORDER BY n
    LOOP
        asked := asked || (SELECT coalesce(jsonb_agg(jsonb_build_object('sku', NULL, 'line', l -> 'line', 'quantity', l -> 'quantity',
                'unit_price', NULL, 'discounts', '[]'::jsonb)), '[]')
            FROM jsonb_array_elements(document -> 'lines') l
            WHERE (l ->> 'quantity')::bigint > 0 AND NOT EXISTS (SELECT FROM jsonb_array_elements(asked) a WHERE a -> 'line' = l -> 'line'));
        WITH costs AS (SELECT a.ask, a.n, greatest(0, CASE WHEN (l.l ->> 'quantity')::bigint > 0 AND b.units IS NULL THEN
                    trunc((commerce.minor_of(l.l -> 'subtotal') - commerce.minor_of(l.l -> 'discount'))::numeric * (a.ask ->> 'quantity')::bigint
                        / (l.l ->> 'quantity')::bigint * coalesce(commerce.minor_of(nullif(a.ask -> 'unit_price', 'null'))::numeric
                            / nullif(commerce.minor_of(l.l -> 'unit_price'), 0), 1))::bigint ELSE 0 END
                - coalesce((SELECT sum((d ->> 'minor')::bigint) FROM jsonb_array_elements(a.ask -> 'discounts') d), 0))::bigint AS minor
            FROM jsonb_array_elements(asked) WITH ORDINALITY a (ask, n)
                LEFT JOIN jsonb_array_elements(document -> 'lines') l (l) ON l.l -> 'line' = a.ask -> 'line'
                LEFT JOIN commerce.returned_units("order") b ON b.line = (a.ask ->> 'line')::integer AND b.units > 0)
        SELECT CASE WHEN sum(c.minor) >= overall.minor THEN commerce.allocate(commerce.from_minor(overall.minor, currency),
                array_agg(c.minor::numeric ORDER BY c.n), 'nearest') END INTO shares FROM costs c;
        IF shares IS NULL THEN
            RAISE EXCEPTION 'the discount is more than the lines of the order cost' USING ERRCODE = 'invalid_parameter_value',
                DETAIL = jsonb_build_object('discount', commerce.from_minor(overall.minor, currency)::jsonb);
        END IF;
        asked := (SELECT jsonb_agg(CASE WHEN commerce.minor_units(shares[a.n]) = 0 THEN a.ask ELSE jsonb_set(a.ask, '{discounts}',
                (a.ask -> 'discounts') || jsonb_build_array(jsonb_build_object('reason', overall.reason, 'minor',
                    commerce.minor_units(shares[a.n])))) END ORDER BY a.n)
            FROM jsonb_array_elements(asked) WITH ORDINALITY a (ask, n));
    END LOOP;
    RETURN asked;
END
$$;
COMMENT ON FUNCTION commerce.asked_lines(uuid, jsonb, jsonb) IS
'Internal. Changes of an edit as what is asked of each line: sku (of a new one) or line, quantity, unit_price and discounts; a discount on the order is parted among the lines it has. 22023 for a line that is not there, and for more than the lines cost.';

CREATE FUNCTION commerce.price_asked("order" uuid, document jsonb, lines jsonb, today boolean) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_array_length(lines) = 0 THEN
        RETURN '[]';
    END IF;
    RETURN (SELECT commerce.quote(CASE o.tax_treatment WHEN 'taxed' THEN lines ELSE (SELECT jsonb_agg(l || '{"tax_exempt": true}' ORDER BY n)
                FROM jsonb_array_elements(lines) WITH ORDINALITY x (l, n)) END,
            NULL, o.customer_id, o.channel, document ->> 'currency', o.ship_to, NULL, NULL, jsonb_build_object('tax_level', o.tax_level,
                'promotions', CASE WHEN today THEN (SELECT coalesce(jsonb_agg(to_jsonb(p)), '[]') FROM commerce.promotions p
                    WHERE p.class = 'catalog' AND NOT EXISTS (SELECT FROM commerce.budgets b WHERE b.promotion = p.id)) ELSE '[]' END)) -> 'lines'
        FROM commerce.orders o WHERE o.id = "order");
END
$$;
COMMENT ON FUNCTION commerce.price_asked(uuid, jsonb, jsonb, boolean) IS
'Internal. Lines as quote() prices them for an order: for its customer, channel, currency, destination and tax level, with the taxes of now; today: at the prices of now, with promotions of the catalogue that have no budget, and no others. An order without taxes gets none.';

CREATE FUNCTION commerce.priced_line(line jsonb, quoted jsonb, discounts jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN line || jsonb_build_object('subtotal', quoted -> 'subtotal', 'discount', quoted -> 'discount', 'tax', quoted -> 'tax',
        'included_tax', quoted -> 'included_tax', 'total', quoted -> 'total',
        'discounts', commerce.share_parts(discounts, commerce.amount(quoted -> 'discount'), 'amount'),
        'taxes', (SELECT coalesce(jsonb_agg('{"compound": false}' || t || jsonb_build_object('tax_class', line -> 'tax_class')), '[]')
            FROM jsonb_array_elements(quoted -> 'taxes') t));
END
$$;
COMMENT ON FUNCTION commerce.priced_line(jsonb, jsonb, jsonb) IS
'Internal. A line of a document with the amounts that quote() found, and discounts that add up to what it took off.';

CREATE FUNCTION commerce.tax_kinds(line jsonb) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_array(t -> 'name', (t ->> 'rate')::numeric, t -> 'included', coalesce(t -> 'compound', 'false'))
            ORDER BY t ->> 'name', (t ->> 'rate')::numeric), '[]')
        FROM jsonb_array_elements(line -> 'taxes') t);
COMMENT ON FUNCTION commerce.tax_kinds(jsonb) IS 'Internal. Which taxes a line has, without amounts: lines that have the same can be one.';

CREATE FUNCTION commerce.edited_lines("order" uuid, document jsonb, changes jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    currency constant text := document ->> 'currency';
    next_version constant integer := (document ->> 'version')::integer + 1;
    next_line integer := (SELECT max((l ->> 'line')::integer) FROM jsonb_array_elements(document -> 'lines') l);
    asked jsonb := commerce.asked_lines("order", document, changes);
    asked_each constant jsonb[] := ARRAY(SELECT a FROM jsonb_array_elements(asked) WITH ORDINALITY x (a, n) ORDER BY n);
    own jsonb[] := '{}';
    fresh jsonb[] := '{}';
    quoted jsonb;
    priced jsonb[] := '{}';
    ask record;
    line jsonb;
    parts jsonb;
    result jsonb[] := '{}';
BEGIN
    -- First what each line is before it is priced, and what quote() is to be asked about it: own are lines at a price that is
    -- given, fresh those at today's.
    FOR ask IN
        SELECT a.n, (a.ask ->> 'quantity')::bigint AS quantity, a.ask ->> 'sku' AS sku, a.ask -> 'discounts' AS discounts,
            nullif(a.ask -> 'unit_price', 'null') AS unit_price, b.line, b.now, b.basis, (b.now ->> 'quantity')::bigint AS was,
            back.units IS NOT NULL AS comes_back
        FROM jsonb_array_elements(asked) WITH ORDINALITY a (ask, n)
            LEFT JOIN commerce.line_bases("order", document) b ON b.line = (a.ask ->> 'line')::integer
            LEFT JOIN commerce.returned_units("order") back ON back.line = b.line AND back.units > 0
        ORDER BY a.n
    LOOP
        IF ask.sku IS NOT NULL THEN
            next_line := next_line + 1;
            line := jsonb_build_object('line', next_line, 'sku', ask.sku, 'quantity', ask.quantity, 'cancelled', 0, 'gift_of', NULL,
                'tax_exempt', false, 'priced_version', next_version, 'tax_class', coalesce((SELECT p.tax_class FROM commerce.variants v
                    JOIN commerce.products p ON p.id = v.product_id WHERE v.sku = ask.sku), 'standard'), 'asked', ask.n);
            parts := jsonb_build_object('sku', ask.sku, 'quantity', ask.quantity)
                || CASE WHEN ask.unit_price IS NULL THEN '{}' ELSE jsonb_build_object('unit_price', ask.unit_price) END
                || commerce.manual_discount(ask.discounts, 0, currency);
            IF ask.unit_price IS NULL THEN
                fresh := array_append(fresh, parts);
                line := line || jsonb_build_object('how', 'fresh', 'at', cardinality(fresh));
            ELSE
                own := array_append(own, parts);
                line := line || jsonb_build_object('how', 'new', 'at', cardinality(own));
            END IF;
        ELSE
            line := CASE WHEN ask.quantity < ask.was THEN commerce.lowered_line(ask.basis, ask.quantity) || jsonb_build_object('cancelled',
                    (ask.now ->> 'cancelled')::bigint + ask.was - ask.quantity) ELSE ask.now END || jsonb_build_object('asked', ask.n);
            IF (ask.unit_price IS NOT NULL OR jsonb_array_length(ask.discounts) > 0) AND ask.quantity > 0 THEN
                -- What those units are worth is fixed when they are announced: cheaper, they would be given back twice.
                IF ask.comes_back THEN
                    RAISE EXCEPTION 'units of line % came back or are to come back: its price stays', ask.line
                        USING ERRCODE = 'invalid_parameter_value', DETAIL = jsonb_build_object('line', ask.line),
                            HINT = 'Refund the difference, or take it off other lines.';
                END IF;
                line := line || jsonb_build_object('quantity', ask.quantity)
                    || CASE WHEN ask.unit_price IS NULL THEN '{}' ELSE jsonb_build_object('unit_price', ask.unit_price) END;
                -- Discounts the line has go with its price; units that are added have none.
                line := line || jsonb_build_object('discounts', commerce.scaled_discounts(line, least(ask.quantity, ask.was)));
                own := array_append(own, commerce.line_to_quote(line, ask.quantity) || commerce.manual_discount(ask.discounts,
                    (SELECT coalesce(sum(commerce.minor_of(d -> 'amount')), 0)::bigint FROM jsonb_array_elements(line -> 'discounts') d), currency));
                line := line || jsonb_build_object('how', 'again', 'at', cardinality(own));
            ELSIF ask.quantity > ask.was THEN
                own := array_append(own, commerce.line_to_quote(line, ask.quantity - ask.was));
                line := line || jsonb_build_object('how', 'more', 'at', cardinality(own), 'more', ask.quantity - ask.was,
                    'apart', ask.comes_back);
            ELSIF ask.quantity = ask.was THEN
                CONTINUE;
            ELSE
                line := line || '{"how": "lowered"}';
            END IF;
        END IF;
        priced := array_append(priced, line);
    END LOOP;

    own := ARRAY(SELECT q FROM jsonb_array_elements(commerce.price_asked("order", document, to_jsonb(own), false)) WITH ORDINALITY x (q, n) ORDER BY n);
    fresh := ARRAY(SELECT q FROM jsonb_array_elements(commerce.price_asked("order", document, to_jsonb(fresh), true)) WITH ORDINALITY x (q, n) ORDER BY n);
    FOREACH line IN ARRAY priced LOOP
        quoted := CASE line ->> 'how' WHEN 'fresh' THEN fresh[(line ->> 'at')::integer] ELSE own[(line ->> 'at')::integer] END;
        parts := asked_each[(line ->> 'asked')::integer] -> 'discounts';
        CASE line ->> 'how'
            WHEN 'fresh', 'new' THEN
                line := commerce.priced_line(line || jsonb_build_object('title', quoted -> 'title', 'unit_price', quoted -> 'unit_price',
                        'per_quantity', coalesce(quoted -> 'per_quantity', '1'), 'list_price', quoted -> 'list_price',
                        'tax_exempt', coalesce(quoted -> 'tax_exempt', 'false')), quoted, commerce.number_discounts('[]', parts, currency));
            WHEN 'again' THEN
                line := commerce.priced_line(line, quoted, commerce.number_discounts(line -> 'discounts', parts, currency))
                    || jsonb_build_object('priced_version', next_version);
            WHEN 'more' THEN
                IF commerce.tax_kinds(line) = commerce.tax_kinds(quoted) AND NOT (line ->> 'apart')::boolean THEN
                    line := commerce.add_units(line, quoted, (line ->> 'more')::bigint) || jsonb_build_object('priced_version', next_version);
                ELSE
                    -- Taxes are others by now: what is added is taxed as of today, on a line of its own. Or units come back, at
                    -- what those cost that were bought with them.
                    next_line := next_line + 1;
                    line := commerce.priced_line(line || jsonb_build_object('line', next_line, 'quantity', line -> 'more', 'cancelled', 0,
                        'gift_of', NULL, 'priced_version', next_version), quoted, '[]');
                END IF;
            ELSE NULL;
        END CASE;
        result := array_append(result, line - '{how,at,more,apart,asked}'::text[]);
    END LOOP;
    RETURN to_jsonb(result);
END
$$;
COMMENT ON FUNCTION commerce.edited_lines(uuid, jsonb, jsonb) IS
'Internal. The lines of an order''s document that changes of an edit make others, as they will be; new ones have numbers after the last. Errors of quote() for what cannot be priced.';

CREATE FUNCTION commerce.line_to_quote(line jsonb, units bigint) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_build_object('sku', line -> 'sku', 'quantity', units, 'unit_price', line -> 'unit_price', 'per_quantity', line -> 'per_quantity',
        'tax_class', line -> 'tax_class', 'tax_exempt', line -> 'tax_exempt');
COMMENT ON FUNCTION commerce.line_to_quote(jsonb, bigint) IS 'Internal. Units of a line of an order, at its price, as quote() takes a line.';

CREATE FUNCTION commerce.scaled_discounts(line jsonb, units bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    currency constant text := line #>> '{total,currency}';
    had constant bigint := commerce.minor_of(line -> 'subtotal');
    has constant numeric := commerce.minor_of(line -> 'unit_price')::numeric * units / (line ->> 'per_quantity')::integer;
BEGIN
    IF had = 0 THEN
        RETURN '[]';
    END IF;
    -- In proportion to the price of the units that the discounts are on: a percentage stays one.
    RETURN (SELECT coalesce(jsonb_agg(p.part || CASE WHEN jsonb_typeof(p.part -> 'saved_tax') = 'object' THEN jsonb_build_object('saved_tax',
            commerce.from_minor(commerce.round_to(commerce.minor_of(p.part -> 'saved_tax') * has / had, 1, 'half_up')::bigint, currency)::jsonb)
            ELSE '{}' END ORDER BY p.n), '[]')
        FROM jsonb_array_elements(commerce.share_parts(line -> 'discounts', commerce.from_minor(commerce.round_to(
            commerce.minor_of(line -> 'discount') * has / had, 1, 'half_up')::bigint, currency), 'amount')) WITH ORDINALITY p (part, n));
END
$$;
COMMENT ON FUNCTION commerce.scaled_discounts(jsonb, bigint) IS
'Internal. The discounts of a line that has another price than they were computed from, for so many of its units.';

CREATE FUNCTION commerce.manual_discount(discounts jsonb, beside bigint, currency text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN d.minor > 0 THEN jsonb_build_object('discounts', jsonb_build_array(jsonb_build_object('reason', 'edit',
                'amount', commerce.from_minor(d.minor, currency)::jsonb))) ELSE '{}' END
        FROM (SELECT beside + coalesce(sum((d ->> 'minor')::bigint), 0)::bigint AS minor FROM jsonb_array_elements(discounts) d) d);
COMMENT ON FUNCTION commerce.manual_discount(jsonb, bigint, text) IS
'Internal. What an edit takes off a line, with what was taken off it before, as quote() takes discounts by hand.';

CREATE FUNCTION commerce.number_discounts(discounts jsonb, more jsonb, currency text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN discounts || (SELECT coalesce(jsonb_agg(jsonb_build_object('number', n + coalesce((SELECT max((d ->> 'number')::integer)
                FROM jsonb_array_elements(discounts) d), 0), 'promotion', NULL, 'reason', m -> 'reason',
                'amount', commerce.from_minor((m ->> 'minor')::bigint, currency)::jsonb, 'saved_tax', NULL) ORDER BY n), '[]')
        FROM jsonb_array_elements(more) WITH ORDINALITY x (m, n));
COMMENT ON FUNCTION commerce.number_discounts(jsonb, jsonb, text) IS
'Internal. The discounts of a line with those that an edit adds.';

CREATE FUNCTION commerce.add_units(line jsonb, added jsonb, units bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN line || jsonb_build_object('quantity', (line ->> 'quantity')::bigint + units)
        || (SELECT jsonb_object_agg(k.key, commerce.from_minor(commerce.minor_of(line -> k.key) + commerce.minor_of(added -> k.key),
                line #>> '{total,currency}')::jsonb) FROM unnest('{subtotal,tax,included_tax,total}'::text[]) k (key))
        || jsonb_build_object('taxes', (SELECT coalesce(jsonb_agg(t || jsonb_build_object('amount', commerce.from_minor(
                    commerce.minor_of(t -> 'amount') + (SELECT sum(commerce.minor_of(a -> 'amount'))::bigint
                        FROM jsonb_array_elements(added -> 'taxes') a WHERE a -> 'name' = t -> 'name'), line #>> '{total,currency}')::jsonb)
                ORDER BY n), '[]')
            FROM jsonb_array_elements(line -> 'taxes') WITH ORDINALITY x (t, n)));
END
$$;
COMMENT ON FUNCTION commerce.add_units(jsonb, jsonb, bigint) IS
'Internal. A line of a document with units more, which cost what quote() says and have the same taxes.';

CREATE FUNCTION commerce.quantity_changes(before jsonb, changed jsonb) RETURNS TABLE (line integer, sku text, delta bigint)
    LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT (c ->> 'line')::integer, c ->> 'sku', (c ->> 'quantity')::bigint - coalesce((b ->> 'quantity')::bigint, 0)
    FROM jsonb_array_elements(changed) c LEFT JOIN jsonb_array_elements(before -> 'lines') b ON b -> 'line' = c -> 'line'
    ORDER BY 1
$$;
COMMENT ON FUNCTION commerce.quantity_changes(jsonb, jsonb) IS 'Internal. By how many units each changed line differs from the document.';

CREATE FUNCTION commerce.plan_edit("order" uuid, changes jsonb, OUT before jsonb, OUT changed jsonb, OUT after jsonb, OUT difference commerce.amount)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    before := commerce.order_document("order");
    changed := commerce.edited_lines("order", before, changes);
    PERFORM commerce.require_left("order", (SELECT coalesce(jsonb_agg(jsonb_build_object('line', d.line, 'quantity', -d.delta)), '[]')
        FROM commerce.quantity_changes(before, changed) d WHERE d.delta < 0));
    after := CASE WHEN jsonb_array_length(changed) = 0 THEN before ELSE commerce.with_lines(before, changed) END;
    IF NOT EXISTS (SELECT FROM jsonb_array_elements(after -> 'lines') l WHERE (l ->> 'quantity')::bigint > 0) THEN
        RAISE EXCEPTION 'an edit does not take everything out of an order' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'commerce.order_event(order, ''cancel'') cancels it.';
    END IF;
    difference := commerce.from_minor(commerce.minor_of(after -> 'total') - commerce.minor_of(before -> 'total'), before ->> 'currency');
END
$$;
COMMENT ON FUNCTION commerce.plan_edit(uuid, jsonb) IS
'Internal. What changes make of an order: its document before and after, the lines that differ, and by how much the total does.';
