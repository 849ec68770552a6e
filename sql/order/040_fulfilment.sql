CREATE FUNCTION commerce.named_lines("order" uuid, lines jsonb)
    RETURNS TABLE ("position" bigint, line integer, quantity bigint, asked jsonb)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    resolved jsonb;
    bad jsonb;
BEGIN
    IF jsonb_typeof(lines) <> 'array' THEN
        RAISE EXCEPTION 'lines must be a JSON array of objects' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT l INTO bad FROM jsonb_array_elements(lines) l
        WHERE (l @@ '$.quantity.type() == "number" && $.quantity >= 1 && $.quantity <= 1000000000000000 && $.quantity == $.quantity.floor()
            && (!exists ($.line) || ($.line.type() == "number" && $.line >= 1 && $.line <= 2147483647 && $.line == $.line.floor()))') IS NOT true
        LIMIT 1;
    IF bad IS NULL THEN
        -- Each line as it is asked for, with the order's line it means and how many lines its sku could mean.
        resolved := (SELECT jsonb_agg(jsonb_build_object('position', e.n, 'asked', e.l, 'line', coalesce(by_line.line, by_sku.line),
                'quantity', trunc((e.l ->> 'quantity')::numeric), 'meanings', by_sku.meanings))
            FROM jsonb_array_elements(lines) WITH ORDINALITY e (l, n)
                LEFT JOIN (SELECT ol.line, ol.line::numeric AS number FROM commerce.order_lines ol WHERE ol.order_id = "order") by_line
                    ON by_line.number = (e.l ->> 'line')::numeric
                LEFT JOIN (SELECT ol.sku, min(ol.line) AS line, count(*) AS meanings FROM commerce.order_lines ol
                        WHERE ol.order_id = "order" AND ol.quantity > 0 GROUP BY ol.sku) by_sku
                    ON by_sku.sku = CASE WHEN e.l ? 'line' THEN NULL ELSE e.l ->> 'sku' END);
        SELECT r.asked INTO bad FROM jsonb_to_recordset(resolved) r (asked jsonb, line integer) WHERE r.line IS NULL LIMIT 1;
    END IF;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'the order has no such line, or its quantity is not a whole number greater than zero'
            USING ERRCODE = 'invalid_parameter_value', DETAIL = bad,
                HINT = 'Name a line by {"line": 1, "quantity": 2} or, where the sku occurs once, {"sku": "A", "quantity": 2}.';
    END IF;
    SELECT r.asked INTO bad FROM jsonb_to_recordset(resolved) r (asked jsonb, meanings bigint) WHERE r.meanings > 1 LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'sku "%" occurs on several lines of the order', bad ->> 'sku'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Name the line: {"line": 1, "quantity": 2}.';
    END IF;
    RETURN QUERY
        SELECT r."position", r.line, r.quantity, r.asked
        FROM jsonb_to_recordset(resolved) r ("position" bigint, line integer, quantity bigint, asked jsonb);
END
$$;
COMMENT ON FUNCTION commerce.named_lines(uuid, jsonb) IS
'Internal. Reads [{"line" or "sku", "quantity"}] against an order''s lines, one row an element; 22023 for a line that is not there or ambiguous.';

CREATE FUNCTION commerce.requested_lines("order" uuid, lines jsonb) RETURNS TABLE (line integer, quantity bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT n.line, sum(n.quantity)::bigint FROM commerce.named_lines("order", lines) n GROUP BY n.line;
END
$$;
COMMENT ON FUNCTION commerce.requested_lines(uuid, jsonb) IS
'Internal. Reads [{"line" or "sku", "quantity"}] against an order''s lines, one row a line; 22023 for a line that is not there or ambiguous.';

CREATE FUNCTION commerce.unplanned("order" uuid) RETURNS TABLE (line integer, quantity bigint, requires_shipping boolean)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT ol.line, ol.quantity - greatest(coalesce((SELECT sum(p.quantity) FROM commerce.parcel_lines p
                WHERE p.order_id = ol.order_id AND p.line = ol.line AND p.stage IS NOT NULL), 0),
            -- What needs no parcel comes back without having been in one.
            CASE WHEN ol.requires_shipping THEN 0 ELSE coalesce((SELECT b.units FROM commerce.returned_units("order") b
                WHERE b.line = ol.line), 0) END)::bigint, ol.requires_shipping
        FROM commerce.order_lines ol WHERE ol.order_id = "order";
END
$$;
COMMENT ON FUNCTION commerce.unplanned(uuid) IS
'Internal. How many units of each line of an order are in no parcel, planned or sent, that counts, and in no return.';

CREATE FUNCTION commerce.unfulfilled("order" uuid) RETURNS TABLE (line integer, quantity bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT u.line, CASE WHEN u.requires_shipping THEN u.quantity ELSE 0 END FROM commerce.unplanned("order") u;
END
$$;
COMMENT ON FUNCTION commerce.unfulfilled(uuid) IS
'Internal. How many units of each line of an order are to be sent and in no parcel yet, planned or sent. 0 of what needs no sending.';

CREATE FUNCTION commerce.may_be_sent("order" uuid) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM commerce.orders o WHERE o.id = "order" AND o.state IN ('placed', 'confirmed'));
END
$$;
COMMENT ON FUNCTION commerce.may_be_sent(uuid) IS
'Internal. Whether goods of an order may leave: the one place that says so. Comes after lock_order().';

CREATE FUNCTION commerce.assign_units("order" uuid, want jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    units jsonb;
    bad record;
BEGIN
    -- Each line takes from what is reserved for it and in no other parcel, of a kit from each part, location after
    -- location, the one reserved first before others, until it has what it wants.
    -- IS TRUE keeps the planner from reading the whole index of active reservations beside the order's few rows.
    units := (SELECT jsonb_agg(t) FROM (
        SELECT free.line, free.sku, free.location, least(free.quantity, greatest(0, w.quantity * free.per_unit
                - (sum(free.quantity) OVER (PARTITION BY w.line, w.location, free.sku ORDER BY free.first) - free.quantity)))::bigint AS quantity
        FROM jsonb_to_recordset(want) w (line integer, quantity bigint, location text)
            JOIN (SELECT r.line, r.sku, r.location, min(r.per_unit) AS per_unit, (array_agg(r.id ORDER BY r.id))[1] AS first,
                    sum(r.quantity) - coalesce((SELECT sum(u.quantity) FROM commerce.fulfilment_units u
                        WHERE u.order_id = "order" AND u.line = r.line AND u.sku = r.sku AND u.location = r.location
                            AND EXISTS (SELECT FROM commerce.parcel_lines p WHERE p.order_id = u.order_id
                                AND p.fulfilment_id = u.fulfilment_id AND p.line = u.line AND p.stage IN ('planned', 'packed'))), 0) AS quantity
                FROM commerce.reservations r WHERE r.order_id = "order" AND (r.state = 'committed') IS TRUE
                GROUP BY r.line, r.sku, r.location) free
                ON free.line = w.line AND (w.location IS NULL OR free.location = w.location)
        WHERE free.quantity > 0) t WHERE t.quantity > 0);
    units := coalesce(units, '[]');

    SELECT need.sku, need.location, need.quantity, coalesce(t.got, 0) AS got INTO bad
        FROM (SELECT DISTINCT w.line, w.location, r.sku, w.quantity * r.per_unit AS quantity
                FROM jsonb_to_recordset(want) w (line integer, quantity bigint, location text)
                    JOIN commerce.reservations r ON r.order_id = "order" AND r.line = w.line AND (r.state = 'committed') IS TRUE
            UNION ALL
            SELECT w.line, w.location, ol.sku, w.quantity
                FROM jsonb_to_recordset(want) w (line integer, quantity bigint, location text)
                    JOIN commerce.order_lines ol ON ol.order_id = "order" AND ol.line = w.line
                    JOIN commerce.variants v ON v.sku = ol.sku AND v.track_stock
                WHERE NOT EXISTS (SELECT FROM commerce.kit_parts k WHERE k.kit = ol.sku)
                    AND NOT EXISTS (SELECT FROM commerce.reservations r
                        WHERE r.order_id = "order" AND r.line = w.line AND (r.state = 'committed') IS TRUE)) need
            LEFT JOIN (SELECT x.line, x.sku, x.location, sum(x.quantity) AS got
                FROM jsonb_to_recordset(units) x (line integer, sku text, location text, quantity bigint)
                GROUP BY GROUPING SETS ((x.line, x.sku, x.location), (x.line, x.sku))) t
                ON t.line = need.line AND t.sku = need.sku AND t.location IS NOT DISTINCT FROM need.location
        WHERE coalesce(t.got, 0) < need.quantity ORDER BY need.line, need.sku COLLATE "C" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'only % of "%" are reserved for the order there', bad.got, bad.sku
            USING ERRCODE = 'CM001', DETAIL = jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('sku', bad.sku, 'location',
                bad.location, 'requested', bad.quantity, 'available', bad.got))),
                HINT = 'Leave location out to send from wherever units are reserved.';
    END IF;
    RETURN units;
END
$$;
COMMENT ON FUNCTION commerce.assign_units(uuid, jsonb) IS
'Internal. Finds units for a parcel ([{"line", "quantity", "location"}], location NULL: wherever) among those reserved for the order that no other parcel takes: [{"line", "sku", "location", "quantity"}]. CM001 where there are fewer.';

CREATE FUNCTION commerce.fill_parcel("order" uuid, fulfilment uuid, want jsonb, units jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO commerce.fulfilment_units (order_id, fulfilment_id, line, sku, location, quantity)
        SELECT "order", fulfilment, x.line, x.sku, x.location, sum(x.quantity)
        FROM jsonb_to_recordset(units) x (line integer, sku text, location text, quantity bigint)
        GROUP BY x.line, x.sku, x.location;
    INSERT INTO commerce.fulfilment_lines (order_id, fulfilment_id, line, location, quantity)
        SELECT "order", fulfilment, x.line, x.location, sum(x.quantity)
        FROM jsonb_to_recordset(units) x (line integer, sku text, location text, quantity bigint)
            JOIN commerce.order_lines ol ON ol.order_id = "order" AND ol.line = x.line AND ol.sku = x.sku
        GROUP BY x.line, x.location;
    -- A kit is counted in kits, at the location that all its parts come from, if it is one.
    INSERT INTO commerce.fulfilment_lines (order_id, fulfilment_id, line, location, quantity)
        SELECT "order", fulfilment, w.line, CASE WHEN min(x.location) = max(x.location) THEN min(x.location) END, w.quantity
        FROM jsonb_to_recordset(want) w (line integer, quantity bigint)
            JOIN jsonb_to_recordset(units) x (line integer, sku text, location text) ON x.line = w.line
            JOIN commerce.order_lines ol ON ol.order_id = "order" AND ol.line = w.line AND ol.sku <> x.sku
        GROUP BY w.line, w.quantity;
    -- What has no stock of its own is sent from nowhere.
    INSERT INTO commerce.fulfilment_lines (order_id, fulfilment_id, line, quantity)
        SELECT "order", fulfilment, w.line, w.quantity FROM jsonb_to_recordset(want) w (line integer, quantity bigint)
        WHERE NOT EXISTS (SELECT FROM commerce.fulfilment_lines fl
            WHERE fl.order_id = "order" AND fl.fulfilment_id = fulfilment AND fl.line = w.line);
END
$$;
COMMENT ON FUNCTION commerce.fill_parcel(uuid, uuid, jsonb, jsonb) IS
'Internal. Writes what is in a parcel that is empty: the lines in want ([{"line", "quantity"}]) made of these units, as assign_units() finds them.';

CREATE FUNCTION commerce.plan_parcel("order" uuid, lines jsonb, location text, scheduled_for timestamptz, tracking text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    fulfilment uuid := commerce.uuidv7();
    want jsonb;
    bad record;
BEGIN
    PERFORM commerce.lock_order("order");
    IF NOT commerce.may_be_sent("order") THEN
        RAISE EXCEPTION 'an order in state "%" is not fulfilled', (SELECT o.state FROM commerce.orders o WHERE o.id = "order")
            USING ERRCODE = 'CM010', HINT = 'Only placed and confirmed orders are.';
    END IF;
    -- What to send: the lines asked for, or all that is left.
    want := (SELECT jsonb_agg(jsonb_build_object('line', w.line, 'quantity', w.quantity, 'location', plan_parcel.location)) FROM (
        SELECT r.line, r.quantity FROM commerce.requested_lines("order", lines) r WHERE lines IS NOT NULL
        UNION ALL
        SELECT u.line, u.quantity FROM commerce.unfulfilled("order") u WHERE lines IS NULL AND u.quantity > 0) w);
    SELECT w.line, w.quantity, u.quantity AS rest INTO bad
        FROM jsonb_to_recordset(want) w (line integer, quantity bigint) JOIN commerce.unplanned("order") u USING (line)
        WHERE w.quantity > u.quantity LIMIT 1;
    IF FOUND OR want IS NULL THEN
        RAISE EXCEPTION 'more than the order has left to fulfil' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('line', bad.line, 'requested', bad.quantity, 'left', coalesce(bad.rest, 0)),
            HINT = 'A unit is fulfilled once.';
    END IF;
    INSERT INTO commerce.fulfilments (order_id, id, state, scheduled_for, tracking)
        VALUES ("order", fulfilment, CASE WHEN plan_parcel.scheduled_for IS NULL THEN 'open' ELSE 'scheduled' END,
            plan_parcel.scheduled_for, plan_parcel.tracking);
    PERFORM commerce.fill_parcel("order", fulfilment, want, commerce.assign_units("order", want));
    RETURN fulfilment;
END
$$;
COMMENT ON FUNCTION commerce.plan_parcel(uuid, jsonb, text, timestamptz, text) IS
'Internal. Locks the order and makes a parcel that has not left: what plan_fulfilment() and fulfil() share. CM010, CM001, 22023, P0002 as they say.';

CREATE FUNCTION commerce.plan_fulfilment("order" uuid, lines jsonb DEFAULT NULL, location text DEFAULT NULL,
        scheduled_for timestamptz DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fulfilment uuid;
BEGIN
    PERFORM commerce.require_shop();
    PERFORM commerce.require_location(location);
    IF NOT isfinite(scheduled_for) THEN
        RAISE EXCEPTION 'scheduled_for must be a moment' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave it out to plan a parcel for no moment in particular.';
    END IF;
    fulfilment := commerce.plan_parcel("order", lines, location, scheduled_for, NULL);
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("order"::text, 'fulfilment.planned',
        jsonb_build_object('order_id', "order", 'id', fulfilment, 'scheduled_for', scheduled_for));
    RETURN fulfilment;
END
$$;
COMMENT ON FUNCTION commerce.plan_fulfilment(uuid, jsonb, text, timestamptz) IS
'Plans a parcel of lines of an order ([{"sku" or "line", "quantity"}]; NULL: all that is in no parcel yet and needs sending) and returns it, open, or scheduled where scheduled_for says when it is to be sent. Nothing leaves: its units stay reserved at the locations they are planned from, and no other parcel takes them; location limits them to what is reserved there. fulfilment_event() takes it from there: start, pack, ship. Example: SELECT commerce.plan_fulfilment(order, location => ''main''). CM001 where fewer are reserved there, CM002 for an unknown location, CM010 for an order in no state to be fulfilled, 22023 for more than is in no parcel yet, P0002 for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.plan_fulfilment(uuid, jsonb, text, timestamptz) TO commerce_app;

CREATE FUNCTION commerce.fulfil("order" uuid, lines jsonb DEFAULT NULL, location text DEFAULT NULL,
        tracking text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fulfilment uuid := commerce.plan_parcel("order", lines, location, NULL, tracking);
BEGIN
    UPDATE commerce.fulfilments f SET state = 'shipped' WHERE f.order_id = "order" AND f.id = fulfilment;
    RETURN fulfilment;
END
$$;
COMMENT ON FUNCTION commerce.fulfil(uuid, jsonb, text, text) IS
'Sends lines of an order ([{"sku" or "line", "quantity"}]; NULL: all that is left and needs sending) and returns the fulfilment, shipped: plan_fulfilment() and the event ship in one. Reserved units leave on_hand; location limits them to what is reserved there. CM001 where fewer are on hand than promised (a backorder not yet filled), CM010 for an order in no state to be fulfilled, 22023 for more than is left, P0002 for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.fulfil(uuid, jsonb, text, text) TO commerce_app;

CREATE FUNCTION commerce.take_units("order" uuid, units jsonb, state text) RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    taken jsonb;
    bad record;
    parts uuid[];
    wholes uuid[];
BEGIN
    -- Units of a line at a location are alike: the reservations made first give them.
    taken := (SELECT coalesce(jsonb_agg(t), '[]') FROM (
        SELECT r.id, r.sku, r.location, r.line, r.per_unit, r.created_at, r.quantity AS had, least(r.quantity, greatest(0, u.quantity
                - (sum(r.quantity) OVER (PARTITION BY r.line, r.sku, r.location ORDER BY r.id) - r.quantity)))::bigint AS take
        FROM jsonb_to_recordset(units) u (line integer, sku text, location text, quantity bigint)
            JOIN commerce.reservations r ON r.order_id = "order" AND r.line = u.line AND r.sku = u.sku AND r.location = u.location
                AND (r.state = 'committed') IS TRUE) t WHERE t.take > 0);
    SELECT u.sku, u.location, u.quantity, coalesce(t.got, 0) AS got INTO bad
        FROM jsonb_to_recordset(units) u (line integer, sku text, location text, quantity bigint)
            LEFT JOIN (SELECT x.line, x.sku, x.location, sum(x.take) AS got
                FROM jsonb_to_recordset(taken) x (line integer, sku text, location text, take bigint)
                GROUP BY x.line, x.sku, x.location) t USING (line, sku, location)
        WHERE coalesce(t.got, 0) < u.quantity ORDER BY u.line, u.sku COLLATE "C", u.location COLLATE "C" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'only % of "%" are reserved for the order at "%"', bad.got, bad.sku, bad.location
            USING ERRCODE = 'CM001', DETAIL = jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('sku', bad.sku,
                'location', bad.location, 'requested', bad.quantity, 'available', bad.got))),
                HINT = 'Cancel the parcel and plan it anew with what is reserved.';
    END IF;
    WITH part AS (
        INSERT INTO commerce.reservations (sku, location, quantity, state, order_id, line, per_unit, created_at)
            SELECT x.sku, x.location, x.take, take_units.state, "order", x.line, x.per_unit, x.created_at
            FROM jsonb_to_recordset(taken) x (sku text, location text, had bigint, take bigint, line integer, per_unit bigint, created_at timestamptz)
            WHERE x.take < x.had
            RETURNING id)
        SELECT array_agg(p.id) INTO parts FROM part p;
    WITH changed AS (
        UPDATE commerce.reservations r
            SET state = CASE WHEN x.take = x.had THEN take_units.state ELSE r.state END,
                quantity = CASE WHEN x.take = x.had THEN r.quantity ELSE x.had - x.take END
            FROM jsonb_to_recordset(taken) x (id uuid, sku text, had bigint, take bigint)
            -- The order finds its few rows by index, however many rows the planner takes a JSON array for.
            WHERE r.order_id = "order" AND r.sku = x.sku AND r.id = x.id
            RETURNING r.id, x.take = x.had AS whole)
        SELECT array_agg(c.id) FILTER (WHERE c.whole) INTO wholes FROM changed c;
    RETURN coalesce(parts, '{}') || wholes;
END
$$;
COMMENT ON FUNCTION commerce.take_units(uuid, jsonb, text) IS
'Internal. Gives units that are reserved for an order ([{"line", "sku", "location", "quantity"}], each line, sku and location once) the state fulfilled or released, and returns the reservations that have it now. CM001 where fewer are reserved.';

CREATE FUNCTION commerce.parcel_may_leave("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Whoever ships by an UPDATE has the parcel alone: it is the order that keeps its cancel and other parcels in order.
    PERFORM commerce.lock_order(("row" ->> 'order_id')::uuid);
    RETURN commerce.may_be_sent(("row" ->> 'order_id')::uuid);
END
$$;
COMMENT ON FUNCTION commerce.parcel_may_leave(jsonb, text, jsonb) IS
'Internal. Guard of a fulfilment''s ship: the order is placed or confirmed. Locks the order, so that it stays so.';

CREATE FUNCTION commerce.send_parcel("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    the_order CONSTANT uuid := "row" ->> 'order_id';
    the_parcel CONSTANT uuid := "row" ->> 'id';
    want jsonb;
    units jsonb;
BEGIN
    -- The guard may be another by now: the order is locked here, too.
    PERFORM commerce.lock_order(the_order);
    -- Of lines that somebody has put into the parcel by hand it is not known yet which units they take.
    want := (SELECT jsonb_agg(jsonb_build_object('line', fl.line, 'location', fl.location, 'quantity', fl.quantity))
        FROM commerce.fulfilment_lines fl WHERE fl.order_id = the_order AND fl.fulfilment_id = the_parcel
            AND NOT EXISTS (SELECT FROM commerce.fulfilment_units u
                WHERE u.order_id = the_order AND u.fulfilment_id = the_parcel AND u.line = fl.line));
    IF want IS NOT NULL THEN
        INSERT INTO commerce.fulfilment_units (order_id, fulfilment_id, line, sku, location, quantity)
            SELECT the_order, the_parcel, x.line, x.sku, x.location, sum(x.quantity)
            FROM jsonb_to_recordset(commerce.assign_units(the_order, want)) x (line integer, sku text, location text, quantity bigint)
            GROUP BY x.line, x.sku, x.location;
    END IF;
    units := (SELECT coalesce(jsonb_agg(u), '[]') FROM commerce.fulfilment_units u
        WHERE u.order_id = the_order AND u.fulfilment_id = the_parcel);
    PERFORM commerce.take_units(the_order, units, 'fulfilled');
    -- After the reservations, so that their units are this transaction's to take; in the order in which everyone locks levels.
    PERFORM commerce.record_movement(x.sku, x.location, x.quantity, 'available', NULL, 'sold', the_order::text)
        FROM (SELECT y.sku, y.location, sum(y.quantity)::bigint AS quantity
            FROM jsonb_to_recordset(units) y (sku text, location text, quantity bigint)
            GROUP BY y.sku, y.location ORDER BY y.sku COLLATE "C", y.location COLLATE "C") x;
    RETURN true;
END
$$;
COMMENT ON FUNCTION commerce.send_parcel(jsonb, text, jsonb) IS
'Internal. Effect of a fulfilment''s ship: the units reserved for the parcel leave. CM001 where fewer are reserved or on hand.';

CREATE FUNCTION commerce.drop_parcel("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE commerce.fulfilment_lines fl SET dropped = true
        WHERE fl.order_id = ("row" ->> 'order_id')::uuid AND fl.fulfilment_id = ("row" ->> 'id')::uuid;
    RETURN true;
END
$$;
COMMENT ON FUNCTION commerce.drop_parcel(jsonb, text, jsonb) IS
'Internal. Effect of a fulfilment''s incomplete: what was in it can be planned again, also once it is closed.';

CREATE FUNCTION commerce.nothing_is_shipped("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM commerce.parcel_lines p WHERE p.order_id = ("row" ->> 'id')::uuid AND p.stage IN ('shipped', 'delivered')
        GROUP BY p.line
        HAVING sum(p.quantity) > coalesce((SELECT sum(x.quantity) FROM commerce.return_receptions x
            WHERE x.order_id = ("row" ->> 'id')::uuid AND x.line = p.line AND x.accepted), 0));
END
$$;
COMMENT ON FUNCTION commerce.nothing_is_shipped(jsonb, text, jsonb) IS
'Internal. Guard of an order''s cancel: every unit that was sent has come back and been accepted.';

CREATE FUNCTION commerce.nothing_is_left("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    the_order CONSTANT uuid := "row" ->> 'id';
BEGIN
    RETURN NOT EXISTS (SELECT FROM commerce.reservations r WHERE r.order_id = the_order AND (r.state = 'committed') IS TRUE)
        AND NOT EXISTS (SELECT FROM commerce.fulfilments f WHERE f.order_id = the_order
            AND f.state IN ('open', 'scheduled', 'on_hold', 'in_progress', 'packed'))
        -- Goods that are counted and for which nothing was ever reserved are those of an order from elsewhere: it was sent there.
        AND NOT EXISTS (SELECT FROM commerce.unfulfilled(the_order) u JOIN commerce.order_lines l ON l.order_id = the_order AND l.line = u.line
            WHERE u.quantity > 0 AND (EXISTS (SELECT FROM commerce.reservations r WHERE r.order_id = the_order AND r.line = u.line)
                OR NOT EXISTS (SELECT FROM commerce.variants v WHERE v.sku = l.sku AND v.track_stock)));
END
$$;
COMMENT ON FUNCTION commerce.nothing_is_left(jsonb, text, jsonb) IS
'Internal. Guard of an order''s complete: nothing is reserved for it any more, no parcel of it waits, and all that needs sending was sent.';

CREATE FUNCTION commerce.release_order("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    freed uuid[];
BEGIN
    -- Its parcels that have not left: those that have, have come back.
    UPDATE commerce.fulfilments f SET state = t.to_state FROM commerce.transitions t
        WHERE f.order_id = ("row" ->> 'id')::uuid AND t.machine = 'fulfilment' AND t.event = 'cancel' AND t.from_state = f.state;
    WITH gone AS (UPDATE commerce.reservations SET state = 'released'
            WHERE order_id = ("row" ->> 'id')::uuid AND (state = 'committed') IS TRUE RETURNING id)
        SELECT array_agg(g.id) INTO freed FROM gone g;
    PERFORM commerce.announce_released(freed);
    UPDATE commerce.claims c SET state = 'released'
        WHERE c.order_id = ("row" ->> 'id')::uuid AND c.state <> 'released'
            -- The limit of a code bears its promotion's id.
            AND (c.budget = c.promotion OR EXISTS (SELECT FROM commerce.budgets b WHERE b.id = c.budget AND b.reusable));
    PERFORM commerce.return_balances(("row" ->> 'id')::uuid);
    UPDATE commerce.order_edits e SET state = 'aborted', closed_by = commerce.acting_role(), closed_at = clock_timestamp()
        WHERE e.order_id = ("row" ->> 'id')::uuid AND e.state = 'open';
    RETURN true;
END
$$;
COMMENT ON FUNCTION commerce.release_order(jsonb, text, jsonb) IS
'Internal. Effect of an order''s cancel and expire: cancels its parcels that have not left, gives its reserved stock back, once, to those who wait for it first, what it claimed of budgets that are reusable, and what gift cards and store credit have paid; an open edit is given up.';
