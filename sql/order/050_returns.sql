CREATE FUNCTION commerce.share_of(value commerce.amount, units bigint, quantity bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN commerce.round_to(commerce.minor_units(value)::numeric * units / greatest(quantity, 1), 1, 'half_up')::bigint;
COMMENT ON FUNCTION commerce.share_of(commerce.amount, bigint, bigint) IS
'What units out of a line''s quantity are worth, in minor units. A return is worth the share of all units returned with it, less what earlier returns were worth: the last unit takes the last cent.';

CREATE FUNCTION commerce.returned_units("order" uuid) RETURNS TABLE (line integer, units bigint, worth bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT rl.line, sum(CASE r.state WHEN 'closed' THEN x.units ELSE rl.quantity END)::bigint,
            sum(CASE r.state WHEN 'closed' THEN x.worth ELSE commerce.minor_units(rl.value) END)::bigint
        FROM commerce.return_lines rl JOIN commerce.returns r ON r.order_id = rl.order_id AND r.id = rl.return_id,
            LATERAL (SELECT coalesce(sum(y.quantity), 0) AS units, coalesce(sum(commerce.minor_units(y.share)), 0) AS worth
                FROM commerce.return_receptions y
                WHERE y.order_id = rl.order_id AND y.return_id = rl.return_id AND y.line = rl.line) x
        WHERE rl.order_id = "order" AND r.state NOT IN ('declined', 'cancelled', 'expired')
        GROUP BY rl.line;
END
$$;
COMMENT ON FUNCTION commerce.returned_units(uuid) IS
'Internal. Of each line of an order, the units that came back or are to come, and their shares of it, in minor units: of a closed return what came.';

CREATE FUNCTION commerce.sent_units("order" uuid) RETURNS TABLE (line integer, sku text, units bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- What needs no parcel is there by being bought, unless it is counted: then it is handed out by fulfil().
    RETURN QUERY
        SELECT ol.line, ol.sku, CASE WHEN NOT ol.requires_shipping AND o.state NOT IN ('cancelled', 'expired', 'archived')
                AND NOT EXISTS (SELECT FROM commerce.reservations r WHERE r.order_id = ol.order_id AND r.line = ol.line) THEN ol.quantity
            ELSE coalesce((SELECT sum(p.quantity) FROM commerce.parcel_lines p
                WHERE p.order_id = ol.order_id AND p.line = ol.line AND p.stage IN ('shipped', 'delivered')), 0)::bigint END
        FROM commerce.orders o JOIN commerce.order_lines ol ON ol.order_id = o.id WHERE o.id = "order";
END
$$;
COMMENT ON FUNCTION commerce.sent_units(uuid) IS
'Internal. How many units of each line of an order the customer got and so can give back.';

CREATE FUNCTION commerce.request_return("order" uuid, lines jsonb, reason text DEFAULT NULL, expires_at timestamptz DEFAULT NULL)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    return_id uuid := commerce.uuidv7();
    due timestamptz;
    bad record;
BEGIN
    PERFORM commerce.lock_order("order");
    IF lines IS NULL OR jsonb_array_length(lines) = 0 THEN
        RAISE EXCEPTION 'a return needs lines' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF request_return.expires_at <= now() THEN
        RAISE EXCEPTION 'expires_at must lie in the future' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave it out for what commerce.shop.return_expiry says, or give ''infinity'' for a return that never expires.';
    END IF;
    INSERT INTO commerce.returns (order_id, id, reason, expires_at)
        SELECT "order", return_id, request_return.reason, nullif(coalesce(request_return.expires_at, now() + s.return_expiry), 'infinity')
        FROM commerce.shop s RETURNING expires_at INTO due;
    PERFORM commerce.chores_due(due);
    INSERT INTO commerce.return_lines (order_id, return_id, line, quantity, value)
        SELECT "order", return_id, w.line, w.quantity, commerce.from_minor(
            greatest(0, commerce.share_of(ol.total, least(coalesce(b.units, 0) + w.quantity, ol.quantity), ol.quantity) - coalesce(b.worth, 0)),
            commerce.currency(ol.total))
        FROM commerce.requested_lines("order", lines) w
            JOIN commerce.order_lines ol ON ol.order_id = "order" AND ol.line = w.line
            LEFT JOIN commerce.returned_units("order") b ON b.line = w.line;
    SELECT b.line, s.sku, b.units AS asked, s.units AS sent INTO bad
        FROM commerce.returned_units("order") b JOIN commerce.sent_units("order") s USING (line)
        WHERE b.units > s.units ORDER BY b.line LIMIT 1;
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
COMMENT ON FUNCTION commerce.request_return(uuid, jsonb, text, timestamptz) IS
'Announces that lines of an order ([{"sku" or "line", "quantity"}]) come back, and returns the return. What they cost is fixed now. expires_at: from then on expire_returns() ends it where nothing was sent; NULL: as commerce.shop.return_expiry says, infinity: never. 22023 for more than was sent and for an expires_at that is over, P0002 for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.request_return(uuid, jsonb, text, timestamptz) TO commerce_app;

CREATE FUNCTION commerce.outstanding_units("order" uuid, return uuid) RETURNS TABLE (line integer, quantity bigint, received bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT rl.line, rl.quantity - x.units, x.units
        FROM commerce.return_lines rl, LATERAL (SELECT coalesce(sum(y.quantity), 0)::bigint AS units FROM commerce.return_receptions y
            WHERE y.order_id = rl.order_id AND y.return_id = rl.return_id AND y.line = rl.line) x
        WHERE rl.order_id = "order" AND rl.return_id = outstanding_units.return;
END
$$;
COMMENT ON FUNCTION commerce.outstanding_units(uuid, uuid) IS
'Internal. Of each line of a return, how many units are still to come and how many came.';

CREATE FUNCTION commerce.return_has_come("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT sum(u.received) > 0 AND (sum(u.quantity) = 0) = ("row" ->> 'state' <> 'partially_received')
        FROM commerce.outstanding_units(("row" ->> 'order_id')::uuid, ("row" ->> 'id')::uuid) u);
END
$$;
COMMENT ON FUNCTION commerce.return_has_come(jsonb, text, jsonb) IS
'Internal. Guard of a return''s receive and receive_part: every unit, or some of them, have been taken in, as receive_return() does.';

CREATE FUNCTION commerce.reception_lines("order" uuid, return uuid, lines jsonb, by_default jsonb)
    RETURNS TABLE ("position" bigint, line integer, quantity bigint, accepted boolean, disposition text, location text, note text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    bad jsonb;
    short record;
BEGIN
    IF lines IS NULL THEN
        RETURN QUERY
            SELECT u.line::bigint, u.line, u.quantity, true, by_default ->> 'disposition',
                CASE WHEN by_default ->> 'disposition' <> 'write_off' THEN by_default ->> 'location' END, by_default ->> 'note'
            FROM commerce.outstanding_units("order", reception_lines.return) u WHERE u.quantity > 0;
        RETURN;
    END IF;
    SELECT n.asked INTO bad FROM commerce.named_lines("order", lines) n
        WHERE jsonb_typeof(coalesce(n.asked -> 'accepted', 'true')) <> 'boolean'
            OR coalesce(n.asked -> 'disposition', '"restock"') NOT IN ('"restock"', '"damaged"', '"quality_control"', '"write_off"')
            OR jsonb_typeof(coalesce(n.asked -> 'location', '""')) <> 'string'
            OR jsonb_typeof(coalesce(n.asked -> 'note', '""')) <> 'string' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'accepted must be true or false, disposition restock, damaged, quality_control or write_off, location and note strings'
            USING ERRCODE = 'invalid_parameter_value', DETAIL = bad,
                HINT = 'Take units in by {"line": 1, "quantity": 2, "accepted": false, "disposition": "damaged", "location": "main", "note": "wet"}.';
    END IF;
    PERFORM commerce.require_location(n.asked ->> 'location') FROM commerce.named_lines("order", lines) n;
    SELECT n.line, n.quantity, coalesce(u.quantity, 0) AS outstanding INTO short
        FROM commerce.requested_lines("order", lines) n LEFT JOIN commerce.outstanding_units("order", reception_lines.return) u USING (line)
        WHERE n.quantity > coalesce(u.quantity, 0) ORDER BY n.line LIMIT 1;
    IF FOUND OR jsonb_array_length(lines) = 0 THEN
        RAISE EXCEPTION 'more than is still to come by the return, or nothing' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('line', short.line, 'received', short.quantity, 'outstanding', short.outstanding),
            HINT = 'What came beside it takes a return of its own.';
    END IF;
    -- What is not accepted and of which nothing is said goes back to the customer, not into stock.
    RETURN QUERY
        SELECT x."position", x.line, x.quantity, x.accepted, x.disposition, CASE WHEN x.disposition <> 'write_off' THEN x.location END, x.note
        FROM (SELECT n."position", n.line, n.quantity, coalesce((n.asked ->> 'accepted')::boolean, true) AS accepted,
                coalesce(n.asked ->> 'disposition', CASE WHEN (n.asked ->> 'accepted')::boolean IS NOT false
                    THEN by_default ->> 'disposition' ELSE 'write_off' END) AS disposition,
                coalesce(n.asked ->> 'location', by_default ->> 'location') AS location,
                coalesce(n.asked ->> 'note', by_default ->> 'note') AS note
            FROM commerce.named_lines("order", lines) n) x;
END
$$;
COMMENT ON FUNCTION commerce.reception_lines(uuid, uuid, jsonb, jsonb) IS
'Internal. What receive_return() takes in, one row an element of lines (NULL: all that is outstanding, one row a line). 22023 for what it cannot mean and for more than is outstanding, CM002 for an unknown location.';

CREATE FUNCTION commerce.receive_return(return uuid, disposition text DEFAULT 'restock', location text DEFAULT 'main',
        lines jsonb DEFAULT NULL, note text DEFAULT NULL) RETURNS commerce.amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    the_order uuid;
    now_in text;
    items jsonb;
    value commerce.amount;
    refund commerce.amount;
BEGIN
    PERFORM commerce.require_shop();
    IF disposition IS NULL OR disposition NOT IN ('restock', 'damaged', 'quality_control', 'write_off') THEN
        RAISE EXCEPTION 'disposition must be restock, damaged, quality_control or write_off' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.locations l WHERE l.code = receive_return.location) THEN
        RAISE EXCEPTION 'there is no location "%"', location USING ERRCODE = 'CM002', HINT = 'Insert it into commerce.locations.';
    END IF;
    SELECT r.order_id INTO the_order FROM commerce.returns r WHERE r.id = receive_return.return;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no return %', coalesce(return::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM commerce.lock_order(the_order);
    -- The return as well: an UPDATE by hand ends it without the order.
    SELECT r.state INTO STRICT now_in FROM commerce.returns r
        WHERE r.order_id = the_order AND r.id = receive_return.return FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM commerce.transitions t WHERE t.machine = 'return' AND t.event = 'receive' AND t.from_state = now_in) THEN
        PERFORM commerce.refuse_event('return', now_in, 'receive');
    END IF;
    items := (SELECT jsonb_agg(i ORDER BY i."position") FROM commerce.reception_lines(the_order, receive_return.return, lines,
        jsonb_build_object('disposition', receive_return.disposition, 'location', receive_return.location, 'note', receive_return.note)) i);
    -- Whatever comes when, each unit's share is that of its place in the row in which they come: the last takes the last cent.
    WITH came AS (
        INSERT INTO commerce.return_receptions (order_id, return_id, line, quantity, accepted, disposition, location, share, value, note, actor)
            SELECT the_order, receive_return.return, x.line, x.quantity, x.accepted, x.disposition, x.location,
                commerce.from_minor(x.share, commerce.currency(x.total)),
                commerce.from_minor(CASE WHEN x.accepted THEN x.share ELSE 0 END, commerce.currency(x.total)), x.note, commerce.acting_role()
            FROM (SELECT i.*, rl.value AS total, commerce.share_of(rl.value, u.received + i.upto, rl.quantity)
                        - commerce.share_of(rl.value, u.received + i.upto - i.quantity, rl.quantity) AS share
                FROM (SELECT j.*, (sum(j.quantity) OVER (PARTITION BY j.line ORDER BY j."position"))::bigint AS upto
                        FROM jsonb_to_recordset(items) j ("position" bigint, line integer, quantity bigint, accepted boolean,
                            disposition text, location text, note text)) i
                    JOIN commerce.return_lines rl ON rl.order_id = the_order AND rl.return_id = receive_return.return AND rl.line = i.line
                    JOIN commerce.outstanding_units(the_order, receive_return.return) u ON u.line = i.line) x
            ORDER BY x."position"
            RETURNING return_receptions.value)
        SELECT commerce.sum(c.value) INTO value FROM came c;
    PERFORM commerce.record_movement(x.sku, x.location, x.quantity, NULL, x.to_state, 'returned', the_order::text)
        FROM (SELECT coalesce(part.sku, ol.sku) AS sku, i.location, CASE i.disposition WHEN 'restock' THEN 'available' ELSE i.disposition END AS to_state,
                sum(i.quantity * coalesce(part.per_unit, 1))::bigint AS quantity
            FROM jsonb_to_recordset(items) i (line integer, quantity bigint, disposition text, location text)
                JOIN commerce.order_lines ol ON ol.order_id = the_order AND ol.line = i.line
                -- A kit comes back as the parts it left as.
                LEFT JOIN LATERAL (SELECT DISTINCT r.sku, r.per_unit FROM commerce.reservations r
                    WHERE r.order_id = ol.order_id AND r.line = ol.line AND r.state = 'fulfilled') part ON true
                JOIN commerce.variants v ON v.sku = coalesce(part.sku, ol.sku) AND v.track_stock
            WHERE i.location IS NOT NULL
                AND (part.sku IS NOT NULL OR NOT EXISTS (SELECT FROM commerce.kit_parts k WHERE k.kit = ol.sku))
            GROUP BY 1, 2, 3 ORDER BY coalesce(part.sku, ol.sku) COLLATE "C", i.location COLLATE "C", 3) x;
    -- In an exchange the goods pay for others first: only what is paid beyond these goes back.
    IF EXISTS (SELECT FROM commerce.order_edits e WHERE e.order_id = the_order AND e.return_id = receive_return.return AND e.state = 'confirmed') THEN
        refund := (SELECT commerce.from_minor(greatest(0, least(commerce.minor_units(value), -commerce.unpaid(the_order, o.total))),
            commerce.currency(value)) FROM commerce.orders o WHERE o.id = the_order);
    ELSE
        refund := value;
    END IF;
    PERFORM commerce.return_event(return, CASE WHEN EXISTS (SELECT FROM commerce.outstanding_units(the_order, receive_return.return) u
        WHERE u.quantity > 0) THEN 'receive_part' ELSE 'receive' END, jsonb_build_object('value', value::jsonb, 'refund', refund::jsonb));
    RETURN refund;
END
$$;
COMMENT ON FUNCTION commerce.receive_return(uuid, text, text, jsonb, text) IS
'Takes units of a return in and returns what to refund for them: their exact share of what they cost; of an exchange, for which they pay, as much of it as is paid beyond what the order costs then (confirm_edit() and order_summary() tell what is left to pay). lines is [{"line" or "sku", "quantity", "accepted", "disposition", "location", "note"}], the last four optional; NULL: all that is still to come. The return is partially_received until all has come. disposition, location and note are for lines that say nothing: restock puts units back on hand at location, damaged and quality_control put them there in that state, write_off nowhere. Units that are not accepted are worth nothing; where nothing else is said they are write_off, and go back to the customer. Example: SELECT commerce.receive_return(return, lines => ''[{"line": 1, "quantity": 2}, {"line": 1, "quantity": 1, "accepted": false, "note": "worn"}]''). CM010 where it is received already or ended, CM002 for an unknown location, 22023 for more than is to come and for what lines cannot mean, P0002 for an unknown return.';
GRANT EXECUTE ON FUNCTION commerce.receive_return(uuid, text, text, jsonb, text) TO commerce_app;

CREATE FUNCTION commerce.expire_returns(batch bigint DEFAULT 1000) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result bigint;
BEGIN
    PERFORM commerce.require_shop();
    IF batch IS NULL OR batch < 1 THEN
        RAISE EXCEPTION 'batch must be at least 1' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- The clock is read once, so that the index gives those that are due and no others.
    WITH due AS (
        SELECT r.order_id, r.id FROM commerce.returns r
            WHERE r.state IN ('requested', 'approved') AND r.expires_at <= (SELECT clock_timestamp())
            ORDER BY r.expires_at LIMIT batch FOR NO KEY UPDATE SKIP LOCKED)
        UPDATE commerce.returns r SET state = 'expired' FROM due d WHERE r.order_id = d.order_id AND r.id = d.id;
    GET DIAGNOSTICS result = ROW_COUNT;
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.expire_returns(bigint) IS
'Ends returns whose expires_at is over and of which nothing was sent (requested, approved), at most batch of them, skipping locked ones; returns how many. Their units can be returned again. Done by the background worker where there is one. 22023 for a batch below 1.';
GRANT EXECUTE ON FUNCTION commerce.expire_returns(bigint) TO commerce_app;
