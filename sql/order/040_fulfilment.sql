CREATE FUNCTION commerce.requested_lines("order" uuid, lines jsonb) RETURNS TABLE (line integer, quantity bigint)
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
        resolved := (SELECT jsonb_agg(jsonb_build_object('asked', l, 'line', coalesce(by_line.line, by_sku.line),
                'quantity', trunc((l ->> 'quantity')::numeric), 'meanings', by_sku.meanings))
            FROM jsonb_array_elements(lines) l
                LEFT JOIN (SELECT ol.line, ol.line::numeric AS number FROM commerce.order_lines ol WHERE ol.order_id = "order") by_line
                    ON by_line.number = (l ->> 'line')::numeric
                LEFT JOIN (SELECT ol.sku, min(ol.line) AS line, count(*) AS meanings FROM commerce.order_lines ol
                        WHERE ol.order_id = "order" AND ol.quantity > 0 GROUP BY ol.sku) by_sku
                    ON by_sku.sku = CASE WHEN l ? 'line' THEN NULL ELSE l ->> 'sku' END);
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
        SELECT r.line, sum(r.quantity)::bigint FROM jsonb_to_recordset(resolved) r (line integer, quantity bigint) GROUP BY r.line;
END
$$;
COMMENT ON FUNCTION commerce.requested_lines(uuid, jsonb) IS
'Internal. Reads [{"line" or "sku", "quantity"}] against an order''s lines, one row a line; 22023 for a line that is not there or ambiguous.';

CREATE FUNCTION commerce.unfulfilled("order" uuid) RETURNS TABLE (line integer, quantity bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT ol.line, ol.quantity - coalesce((SELECT sum(fl.quantity) FROM commerce.fulfilment_lines fl
                JOIN commerce.fulfilments f ON f.order_id = fl.order_id AND f.id = fl.fulfilment_id AND f.state <> 'cancelled'
            WHERE fl.order_id = ol.order_id AND fl.line = ol.line), 0)::bigint
        FROM commerce.order_lines ol WHERE ol.order_id = "order";
END
$$;
COMMENT ON FUNCTION commerce.unfulfilled(uuid) IS 'Internal. How many units of each line of an order have not left yet.';

CREATE FUNCTION commerce.fulfil("order" uuid, lines jsonb DEFAULT NULL, location text DEFAULT NULL,
        tracking text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    fulfilment uuid := commerce.uuidv7();
    plan jsonb;
    bad record;
BEGIN
    PERFORM commerce.lock_order("order");
    IF (SELECT o.state FROM commerce.orders o WHERE o.id = "order") NOT IN ('placed', 'confirmed') THEN
        RAISE EXCEPTION 'an order in state "%" is not fulfilled', (SELECT o.state FROM commerce.orders o WHERE o.id = "order")
            USING ERRCODE = 'CM010', HINT = 'Only placed and confirmed orders are.';
    END IF;
    -- What to send: the lines asked for, or all that is left.
    plan := (SELECT jsonb_agg(jsonb_build_object('line', w.line, 'quantity', w.quantity)) FROM (
        SELECT r.line, r.quantity FROM commerce.requested_lines("order", lines) r WHERE lines IS NOT NULL
        UNION ALL
        SELECT u.line, u.quantity FROM commerce.unfulfilled("order") u WHERE lines IS NULL AND u.quantity > 0) w);
    SELECT w.line, w.quantity, u.quantity AS rest INTO bad
        FROM jsonb_to_recordset(plan) w (line integer, quantity bigint) JOIN commerce.unfulfilled("order") u USING (line)
        WHERE w.quantity > u.quantity LIMIT 1;
    IF FOUND OR plan IS NULL THEN
        RAISE EXCEPTION 'more than the order has left to fulfil' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('line', bad.line, 'requested', bad.quantity, 'left', coalesce(bad.rest, 0)),
            HINT = 'A unit is fulfilled once.';
    END IF;
    INSERT INTO commerce.fulfilments (order_id, id, tracking) VALUES ("order", fulfilment, fulfil.tracking);
    PERFORM commerce.take_reserved("order", fulfilment, plan, fulfil.location);
    UPDATE commerce.fulfilments SET state = 'shipped' WHERE order_id = "order" AND id = fulfilment;
    RETURN fulfilment;
END
$$;
COMMENT ON FUNCTION commerce.fulfil(uuid, jsonb, text, text) IS
'Sends lines of an order ([{"sku" or "line", "quantity"}]; NULL: all that is left) and returns the fulfilment, shipped. Reserved units leave on_hand; location limits them to what is reserved there. CM001 where fewer are on hand than promised (a backorder not yet filled), CM010 for an order in no state to be fulfilled, 22023 for more than is left, P0002 for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.fulfil(uuid, jsonb, text, text) TO commerce_app;

CREATE FUNCTION commerce.take_reserved("order" uuid, fulfilment uuid, plan jsonb, location text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    taken jsonb;
    bad record;
BEGIN
    -- Each line takes from its reservations, of a kit from those of each part, in turn until it has what it wants.
    -- IS TRUE keeps the planner from reading the whole index of active reservations beside the order's few rows.
    taken := (SELECT jsonb_agg(t) FROM (
        SELECT r.id, r.sku, r.location, r.line, r.per_unit, r.quantity AS had, least(r.quantity, greatest(0, w.quantity * r.per_unit
                - (sum(r.quantity) OVER (PARTITION BY r.line, r.sku ORDER BY r.id) - r.quantity)))::bigint AS take
        FROM jsonb_to_recordset(plan) w (line integer, quantity bigint)
            JOIN commerce.reservations r ON r.order_id = "order" AND r.line = w.line AND (r.state = 'committed') IS TRUE
                AND (take_reserved.location IS NULL OR r.location = take_reserved.location)) t WHERE t.take > 0);
    taken := coalesce(taken, '[]');

    SELECT need.sku, need.quantity, coalesce(t.got, 0) AS got INTO bad
        FROM (SELECT DISTINCT w.line, r.sku, w.quantity * r.per_unit AS quantity
                FROM jsonb_to_recordset(plan) w (line integer, quantity bigint)
                    JOIN commerce.reservations r ON r.order_id = "order" AND r.line = w.line AND (r.state = 'committed') IS TRUE
            UNION ALL
            SELECT w.line, ol.sku, w.quantity
                FROM jsonb_to_recordset(plan) w (line integer, quantity bigint)
                    JOIN commerce.order_lines ol ON ol.order_id = "order" AND ol.line = w.line
                    JOIN commerce.variants v ON v.sku = ol.sku AND v.track_stock
                WHERE NOT EXISTS (SELECT FROM commerce.kit_parts k WHERE k.kit = ol.sku)
                    AND NOT EXISTS (SELECT FROM commerce.reservations r
                        WHERE r.order_id = "order" AND r.line = w.line AND (r.state = 'committed') IS TRUE)) need
            LEFT JOIN (SELECT x.line, x.sku, sum(x.take) AS got
                FROM jsonb_to_recordset(taken) x (line integer, sku text, take bigint)
                GROUP BY x.line, x.sku) t ON t.line = need.line AND t.sku = need.sku
        WHERE coalesce(t.got, 0) < need.quantity ORDER BY need.line, need.sku COLLATE "C" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'only % of "%" are reserved for the order there', bad.got, bad.sku
            USING ERRCODE = 'CM001', DETAIL = jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('sku', bad.sku, 'location',
                take_reserved.location, 'requested', bad.quantity, 'available', bad.got))),
                HINT = 'Leave location out to send from wherever units are reserved.';
    END IF;

    INSERT INTO commerce.reservations (sku, location, quantity, state, order_id, line, per_unit)
        SELECT x.sku, x.location, x.take, 'fulfilled', "order", x.line, x.per_unit
        FROM jsonb_to_recordset(taken) x (sku text, location text, had bigint, take bigint, line integer, per_unit bigint)
        WHERE x.take < x.had;
    UPDATE commerce.reservations r
        SET state = CASE WHEN x.take = x.had THEN 'fulfilled' ELSE r.state END,
            quantity = CASE WHEN x.take = x.had THEN r.quantity ELSE x.had - x.take END
        FROM jsonb_to_recordset(taken) x (id uuid, sku text, had bigint, take bigint)
        -- The order finds its few rows by index, however many rows the planner takes a JSON array for.
        WHERE r.order_id = "order" AND r.sku = x.sku AND r.id = x.id;
    -- After the reservations, so that their units are this transaction's to take; in the order in which everyone locks levels.
    PERFORM commerce.record_movement(x.sku, x.location, x.take, 'available', NULL, 'sold', "order"::text)
        FROM (SELECT y.sku, y.location, sum(y.take)::bigint AS take
            FROM jsonb_to_recordset(taken) y (sku text, location text, take bigint)
            GROUP BY y.sku, y.location ORDER BY y.sku COLLATE "C", y.location COLLATE "C") x;
    INSERT INTO commerce.fulfilment_lines (order_id, fulfilment_id, line, location, quantity)
        SELECT "order", fulfilment, x.line, x.location, sum(x.take)
        FROM jsonb_to_recordset(taken) x (line integer, sku text, location text, take bigint)
            JOIN commerce.order_lines ol ON ol.order_id = "order" AND ol.line = x.line AND ol.sku = x.sku
        GROUP BY x.line, x.location;
    -- A kit is counted in kits, at the location that all its parts come from, if it is one.
    INSERT INTO commerce.fulfilment_lines (order_id, fulfilment_id, line, location, quantity)
        SELECT "order", fulfilment, w.line, CASE WHEN min(x.location) = max(x.location) THEN min(x.location) END, w.quantity
        FROM jsonb_to_recordset(plan) w (line integer, quantity bigint)
            JOIN jsonb_to_recordset(taken) x (line integer, sku text, location text) ON x.line = w.line
            JOIN commerce.order_lines ol ON ol.order_id = "order" AND ol.line = w.line AND ol.sku <> x.sku
        GROUP BY w.line, w.quantity;
    -- What has no stock of its own is sent from nowhere.
    INSERT INTO commerce.fulfilment_lines (order_id, fulfilment_id, line, quantity)
        SELECT "order", fulfilment, w.line, w.quantity FROM jsonb_to_recordset(plan) w (line integer, quantity bigint)
        WHERE NOT EXISTS (SELECT FROM commerce.fulfilment_lines fl
            WHERE fl.order_id = "order" AND fl.fulfilment_id = fulfilment AND fl.line = w.line);
END
$$;
COMMENT ON FUNCTION commerce.take_reserved(uuid, uuid, jsonb, text) IS
'Internal. Turns an order''s reservations into units that left: the goods'' side of fulfil(). CM001 where fewer are reserved or on hand.';

CREATE FUNCTION commerce.nothing_is_shipped("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM commerce.fulfilment_lines fl WHERE fl.order_id = ("row" ->> 'id')::uuid
        GROUP BY fl.line
        HAVING sum(fl.quantity) > coalesce((SELECT sum(rl.quantity)
            FROM commerce.return_lines rl JOIN commerce.returns r ON r.order_id = rl.order_id AND r.id = rl.return_id
            WHERE rl.order_id = ("row" ->> 'id')::uuid AND rl.line = fl.line AND r.state IN ('received', 'closed')), 0));
END
$$;
COMMENT ON FUNCTION commerce.nothing_is_shipped(jsonb, text, jsonb) IS
'Internal. Guard of an order''s cancel: every unit that was sent has come back.';

CREATE FUNCTION commerce.release_order("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    freed uuid[];
BEGIN
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
'Internal. Effect of an order''s cancel and expire: gives its reserved stock back, once, to those who wait for it first, what it claimed of budgets that are reusable, and what gift cards and store credit have paid; an open edit is given up.';
