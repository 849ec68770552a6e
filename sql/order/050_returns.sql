CREATE FUNCTION commerce.share_of(value commerce.amount, units bigint, quantity bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN commerce.round_to(commerce.minor_units(value)::numeric * units / greatest(quantity, 1), 1, 'half_up')::bigint;
COMMENT ON FUNCTION commerce.share_of(commerce.amount, bigint, bigint) IS
'What units out of a line''s quantity are worth, in minor units. A return is worth the share of all units returned with it, less what earlier returns were worth: the last unit takes the last cent.';

CREATE FUNCTION commerce.request_return("order" uuid, lines jsonb, reason text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    return_id uuid := commerce.uuidv7();
    bad record;
BEGIN
    PERFORM commerce.lock_order("order");
    IF lines IS NULL OR jsonb_array_length(lines) = 0 THEN
        RAISE EXCEPTION 'a return needs lines' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO commerce.returns (order_id, id, reason) VALUES ("order", return_id, request_return.reason);
    INSERT INTO commerce.return_lines (order_id, return_id, line, quantity, value)
        SELECT "order", return_id, w.line, w.quantity, commerce.from_minor(
            greatest(0, commerce.share_of(ol.total, least(b.units + w.quantity, ol.quantity), ol.quantity) - b.worth),
            commerce.currency(ol.total))
        FROM commerce.requested_lines("order", lines) w
            JOIN commerce.order_lines ol ON ol.order_id = "order" AND ol.line = w.line,
            LATERAL (SELECT coalesce(sum(rl.quantity), 0)::bigint AS units,
                    coalesce(sum(commerce.minor_units(rl.value)), 0)::bigint AS worth
                FROM commerce.return_lines rl JOIN commerce.returns r ON r.order_id = rl.order_id AND r.id = rl.return_id
                WHERE rl.order_id = "order" AND rl.line = w.line AND r.state NOT IN ('declined', 'cancelled')) b;
    SELECT rl.line, ol.sku, sum(rl.quantity) AS asked, coalesce((SELECT sum(fl.quantity) FROM commerce.fulfilment_lines fl
            WHERE fl.order_id = "order" AND fl.line = rl.line), 0) AS sent
        INTO bad
        FROM commerce.return_lines rl JOIN commerce.returns r ON r.order_id = rl.order_id AND r.id = rl.return_id
            JOIN commerce.order_lines ol ON ol.order_id = rl.order_id AND ol.line = rl.line
        WHERE rl.order_id = "order" AND r.state NOT IN ('declined', 'cancelled')
        GROUP BY rl.line, ol.sku
        HAVING sum(rl.quantity) > coalesce((SELECT sum(fl.quantity) FROM commerce.fulfilment_lines fl
            WHERE fl.order_id = "order" AND fl.line = rl.line), 0)
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'only % of "%" were sent, % would come back', bad.sent, bad.sku, bad.asked
            USING ERRCODE = 'invalid_parameter_value', DETAIL = jsonb_build_object('line', bad.line, 'sku', bad.sku,
                'sent', bad.sent, 'returned', bad.asked), HINT = 'Only what was sent can come back, once.';
    END IF;
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("order"::text, 'return.requested',
        jsonb_build_object('order_id', "order", 'id', return_id, 'lines', lines));
    RETURN return_id;
END
$$;
COMMENT ON FUNCTION commerce.request_return(uuid, jsonb, text) IS
'Announces that lines of an order ([{"sku" or "line", "quantity"}]) come back, and returns the return. What they cost is fixed now. 22023 for more than was sent, P0002 for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.request_return(uuid, jsonb, text) TO commerce_app;

CREATE FUNCTION commerce.return_is_sorted("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM commerce.return_lines rl WHERE rl.order_id = ("row" ->> 'order_id')::uuid
        AND rl.return_id = ("row" ->> 'id')::uuid AND rl.disposition IS NULL);
END
$$;
COMMENT ON FUNCTION commerce.return_is_sorted(jsonb, text, jsonb) IS
'Internal. Guard of a return''s receive: what becomes of each unit is settled, as receive_return() does.';

CREATE FUNCTION commerce.receive_return(return uuid, disposition text DEFAULT 'restock', location text DEFAULT 'main')
    RETURNS commerce.amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    the_order uuid;
    value commerce.amount;
BEGIN
    PERFORM commerce.require_shop();
    IF disposition IS NULL OR disposition NOT IN ('restock', 'write_off') THEN
        RAISE EXCEPTION 'disposition must be restock or write_off' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.locations l WHERE l.code = receive_return.location) THEN
        RAISE EXCEPTION 'there is no location "%"', location USING ERRCODE = 'CM002', HINT = 'Insert it into commerce.locations.';
    END IF;
    SELECT r.order_id INTO the_order FROM commerce.returns r WHERE r.id = receive_return.return;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no return %', coalesce(return::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM commerce.lock_order(the_order);
    -- The event's guard asks for the disposition. Of a return that is received already this rolls back with the refusal.
    UPDATE commerce.return_lines SET disposition = receive_return.disposition
        WHERE order_id = the_order AND return_id = receive_return.return;
    PERFORM commerce.return_event(return, 'receive');
    IF disposition = 'restock' THEN
        PERFORM commerce.record_movement(x.sku, receive_return.location, x.quantity, NULL, 'available', 'returned', the_order::text)
            FROM (SELECT coalesce(part.sku, ol.sku) AS sku, sum(rl.quantity * coalesce(part.per_unit, 1))::bigint AS quantity
                FROM commerce.return_lines rl JOIN commerce.order_lines ol ON ol.order_id = rl.order_id AND ol.line = rl.line
                    -- A kit comes back as the parts it left as.
                    LEFT JOIN LATERAL (SELECT DISTINCT r.sku, r.per_unit FROM commerce.reservations r
                        WHERE r.order_id = ol.order_id AND r.line = ol.line AND r.state = 'fulfilled') part ON true
                    JOIN commerce.variants v ON v.sku = coalesce(part.sku, ol.sku) AND v.track_stock
                WHERE rl.order_id = the_order AND rl.return_id = receive_return.return
                    AND (part.sku IS NOT NULL OR NOT EXISTS (SELECT FROM commerce.kit_parts k WHERE k.kit = ol.sku))
                GROUP BY 1 ORDER BY coalesce(part.sku, ol.sku) COLLATE "C") x;
    END IF;
    SELECT commerce.sum(rl.value) INTO value FROM commerce.return_lines rl
        WHERE rl.order_id = the_order AND rl.return_id = receive_return.return;
    RETURN value;
END
$$;
COMMENT ON FUNCTION commerce.receive_return(uuid, text, text) IS
'Takes a return in and returns what its units cost, which is what to refund. disposition restock puts them back on hand at location, write_off does not. CM010 where it is received already, 22023, P0002.';
GRANT EXECUTE ON FUNCTION commerce.receive_return(uuid, text, text) TO commerce_app;
