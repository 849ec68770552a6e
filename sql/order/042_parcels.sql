CREATE FUNCTION commerce.change_parcel(fulfilment uuid, event text, from_states text[]) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_order uuid;
    now_in text;
BEGIN
    PERFORM commerce.require_shop();
    SELECT f.order_id INTO the_order FROM commerce.fulfilments f WHERE f.id = fulfilment;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no fulfilment %', coalesce(fulfilment::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM commerce.lock_order(the_order);
    -- An UPDATE, as in lock_order(): whoever ships it by hand with an older snapshot is told.
    UPDATE commerce.fulfilments f SET state = f.state WHERE f.order_id = the_order AND f.id = fulfilment RETURNING f.state INTO now_in;
    IF NOT now_in = ANY (from_states) THEN
        PERFORM commerce.refuse_event('fulfilment', now_in, event);
    END IF;
    RETURN the_order;
END
$$;
COMMENT ON FUNCTION commerce.change_parcel(uuid, text, text[]) IS
'Internal. Locks a parcel and its order for a change without an event of its machine, and returns the order. CM010 unless the parcel is in one of these states, P0002 for an unknown one.';

CREATE FUNCTION commerce.split_fulfilment(fulfilment uuid, lines jsonb) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    the_order CONSTANT uuid := commerce.change_parcel(fulfilment, 'split', '{open,scheduled,on_hold,in_progress,packed}');
    parcel CONSTANT uuid := commerce.uuidv7();
    want jsonb;
    stay jsonb;
    units jsonb;
    bad record;
BEGIN
    want := (SELECT jsonb_agg(r) FROM commerce.requested_lines(the_order, lines) r WHERE lines IS NOT NULL);
    stay := (SELECT jsonb_agg(s) FROM (SELECT fl.line, (sum(fl.quantity) - coalesce(w.quantity, 0))::bigint AS quantity
        FROM commerce.fulfilment_lines fl LEFT JOIN jsonb_to_recordset(want) w (line integer, quantity bigint) ON w.line = fl.line
        WHERE fl.order_id = the_order AND fl.fulfilment_id = split_fulfilment.fulfilment GROUP BY fl.line, w.quantity) s WHERE s.quantity <> 0);
    SELECT w.line, w.quantity, coalesce(s.quantity, 0) + w.quantity AS has INTO bad
        FROM jsonb_to_recordset(want) w (line integer, quantity bigint) LEFT JOIN jsonb_to_recordset(stay) s (line integer, quantity bigint) USING (line)
        WHERE s.quantity < 0 OR NOT EXISTS (SELECT FROM commerce.fulfilment_lines fl WHERE fl.order_id = the_order
            AND fl.fulfilment_id = split_fulfilment.fulfilment AND fl.line = w.line)
        ORDER BY w.line LIMIT 1;
    IF FOUND OR want IS NULL OR stay IS NULL THEN
        RAISE EXCEPTION 'a part of what is in the parcel is split off, and a part stays' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('line', bad.line, 'requested', bad.quantity, 'in_parcel',
                (SELECT coalesce(sum(fl.quantity), 0) FROM commerce.fulfilment_lines fl
                    WHERE fl.order_id = the_order AND fl.fulfilment_id = split_fulfilment.fulfilment AND (bad.line IS NULL OR fl.line = bad.line))),
            HINT = 'commerce.parcel_lines shows what is in it.';
    END IF;
    -- Of each sku of a line the new parcel gets its part, location after location; of a kit as many of each part as make whole kits.
    units := (SELECT coalesce(jsonb_agg(t), '[]') FROM (
        SELECT u.line, u.sku, u.location, u.quantity, least(u.quantity, greatest(0, coalesce(w.quantity, 0) * (sum(u.quantity) OVER
                (PARTITION BY u.line, u.sku) / l.quantity) - (sum(u.quantity) OVER
                (PARTITION BY u.line, u.sku ORDER BY u.location COLLATE "C") - u.quantity)))::bigint AS goes
        FROM commerce.fulfilment_units u
            JOIN (SELECT fl.line, sum(fl.quantity) AS quantity FROM commerce.fulfilment_lines fl
                WHERE fl.order_id = the_order AND fl.fulfilment_id = split_fulfilment.fulfilment GROUP BY fl.line) l ON l.line = u.line
            LEFT JOIN jsonb_to_recordset(want) w (line integer, quantity bigint) ON w.line = u.line
        WHERE u.order_id = the_order AND u.fulfilment_id = split_fulfilment.fulfilment) t);
    INSERT INTO commerce.fulfilments (order_id, id, state, scheduled_for)
        SELECT f.order_id, parcel, f.state, f.scheduled_for FROM commerce.fulfilments f WHERE f.order_id = the_order AND f.id = split_fulfilment.fulfilment;
    DELETE FROM commerce.fulfilment_lines fl WHERE fl.order_id = the_order AND fl.fulfilment_id = split_fulfilment.fulfilment;
    DELETE FROM commerce.fulfilment_units u WHERE u.order_id = the_order AND u.fulfilment_id = split_fulfilment.fulfilment;
    PERFORM commerce.fill_parcel(the_order, parcel, want, (SELECT coalesce(jsonb_agg(jsonb_build_object('line', x.line, 'sku', x.sku,
            'location', x.location, 'quantity', x.goes)), '[]')
        FROM jsonb_to_recordset(units) x (line integer, sku text, location text, goes bigint) WHERE x.goes > 0));
    PERFORM commerce.fill_parcel(the_order, split_fulfilment.fulfilment, stay, (SELECT coalesce(jsonb_agg(jsonb_build_object('line', x.line,
            'sku', x.sku, 'location', x.location, 'quantity', x.quantity - x.goes)), '[]')
        FROM jsonb_to_recordset(units) x (line integer, sku text, location text, quantity bigint, goes bigint) WHERE x.quantity > x.goes));
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (the_order::text, 'fulfilment.split',
        jsonb_build_object('order_id', the_order, 'id', split_fulfilment.fulfilment, 'new_id', parcel));
    RETURN parcel;
END
$$;
COMMENT ON FUNCTION commerce.split_fulfilment(uuid, jsonb) IS
'Makes a part of a parcel that has not left ([{"sku" or "line", "quantity"}]) a parcel of its own, in the same state and scheduled for the same moment, and returns it. Units stay reserved where they are. Example: SELECT commerce.split_fulfilment(parcel, ''[{"line": 1, "quantity": 2}]''). CM010 for a parcel that has left, is incomplete, closed or cancelled, 22023 for more than is in it, for all of it and for nothing, P0002 for an unknown parcel.';
GRANT EXECUTE ON FUNCTION commerce.split_fulfilment(uuid, jsonb) TO commerce_app;

CREATE FUNCTION commerce.move_fulfilment(fulfilment uuid, location text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    the_order CONSTANT uuid := commerce.change_parcel(fulfilment, 'move', '{open,scheduled,on_hold,in_progress}');
    leave jsonb;
    need jsonb;
    made uuid[];
    want jsonb;
    units jsonb;
    result bigint;
BEGIN
    IF location IS NULL THEN
        RAISE EXCEPTION 'location must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM commerce.require_location(location);
    leave := (SELECT jsonb_agg(u) FROM commerce.fulfilment_units u
        WHERE u.order_id = the_order AND u.fulfilment_id = move_fulfilment.fulfilment AND u.location <> move_fulfilment.location);
    IF leave IS NULL THEN
        RETURN 0;
    END IF;
    -- What is promised anew gets its line's number in this list until it is the order's.
    need := (SELECT jsonb_agg(n) FROM (
        SELECT x.line, x.sku, sum(x.quantity)::bigint AS quantity, (SELECT min(r.per_unit) FROM commerce.reservations r
                WHERE r.order_id = the_order AND r.line = x.line AND r.sku = x.sku) AS per_unit,
            row_number() OVER (ORDER BY x.line, x.sku COLLATE "C") AS number
        FROM jsonb_to_recordset(leave) x (line integer, sku text, quantity bigint) GROUP BY x.line, x.sku ORDER BY x.line, x.sku COLLATE "C") n);
    made := ARRAY(SELECT r.reservation FROM commerce.reserve_lines((SELECT jsonb_agg(jsonb_build_object('sku', x.sku, 'quantity', x.quantity)
            ORDER BY x.number) FROM jsonb_to_recordset(need) x (sku text, quantity bigint, number bigint)),
        ttl => interval '1 day', location => move_fulfilment.location) r);
    UPDATE commerce.reservations r SET state = 'committed', order_id = the_order, line = x.line, per_unit = coalesce(x.per_unit, 1), expires_at = NULL
        FROM jsonb_to_recordset(need) x (line integer, sku text, per_unit bigint, number bigint)
        WHERE r.id = ANY (made) AND r.line = x.number AND r.sku = x.sku;
    GET DIAGNOSTICS result = ROW_COUNT;
    IF result <> jsonb_array_length(need) OR result <> cardinality(made) THEN
        RAISE EXCEPTION 'what is in the parcel is made of other parts by now' USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Its parts became kits, or are counted no more, since they were reserved: send it from where it is.';
    END IF;
    PERFORM commerce.announce_released(commerce.take_units(the_order, leave, 'released'));
    want := (SELECT jsonb_agg(l) FROM (SELECT fl.line, sum(fl.quantity)::bigint AS quantity FROM commerce.fulfilment_lines fl
        WHERE fl.order_id = the_order AND fl.fulfilment_id = move_fulfilment.fulfilment GROUP BY fl.line) l);
    WITH gone AS (DELETE FROM commerce.fulfilment_units u WHERE u.order_id = the_order AND u.fulfilment_id = move_fulfilment.fulfilment
            RETURNING u.line, u.sku, u.quantity)
        SELECT jsonb_agg(jsonb_build_object('line', g.line, 'sku', g.sku, 'location', move_fulfilment.location, 'quantity', g.quantity))
        INTO units FROM gone g;
    DELETE FROM commerce.fulfilment_lines fl WHERE fl.order_id = the_order AND fl.fulfilment_id = move_fulfilment.fulfilment;
    PERFORM commerce.fill_parcel(the_order, move_fulfilment.fulfilment, want, units);
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (the_order::text, 'fulfilment.moved',
        jsonb_build_object('order_id', the_order, 'id', move_fulfilment.fulfilment, 'location', move_fulfilment.location));
    RETURN (SELECT sum(x.quantity) FROM jsonb_to_recordset(leave) x (quantity bigint));
END
$$;
COMMENT ON FUNCTION commerce.move_fulfilment(uuid, text) IS
'Has a parcel that is not packed sent from another location: its units are reserved there and free where they were, for those first who wait there. Returns how many units moved, of kits their parts. Orders queue for backorders where they are reserved, so what moves queues anew. CM001 where the location is short (nothing is changed then), CM002 for an unknown location, CM010 for a parcel that is packed, has left, is incomplete, closed or cancelled, 22004 for location NULL, P0002 for an unknown parcel.';
GRANT EXECUTE ON FUNCTION commerce.move_fulfilment(uuid, text) TO commerce_app;

CREATE FUNCTION commerce.track_fulfilment(fulfilment uuid, tracking text, carrier text DEFAULT NULL, url text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_order CONSTANT uuid := commerce.change_parcel(fulfilment, 'track',
        '{open,scheduled,on_hold,in_progress,packed,shipped,delivered,closed}');
BEGIN
    IF coalesce(tracking, '') = '' THEN
        RAISE EXCEPTION 'tracking must not be empty' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF url !~* '^https?://[^[:space:][:cntrl:]]+$' THEN
        RAISE EXCEPTION 'url must begin with https:// or http:// and have no spaces' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE commerce.fulfilments f SET tracking = track_fulfilment.tracking, carrier = track_fulfilment.carrier, tracking_url = url
        WHERE f.order_id = the_order AND f.id = fulfilment
            AND (f.tracking, f.carrier, f.tracking_url) IS DISTINCT FROM (track_fulfilment.tracking, track_fulfilment.carrier, url);
    IF FOUND THEN
        INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (the_order::text, 'fulfilment.tracked',
            jsonb_build_object('order_id', the_order, 'id', fulfilment, 'tracking', tracking, 'carrier', carrier, 'url', url));
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.track_fulfilment(uuid, text, text, text) IS
'Says under which number, by whom and where a parcel can be followed, before or after it is shipped; all three are set, and the event fulfilment.tracked tells the outside world where they changed. Example: SELECT commerce.track_fulfilment(parcel, ''00340434161094'', ''dhl'', ''https://track.example/00340434161094''). CM010 for a parcel that is cancelled or incomplete, 22023 for no tracking and for a url that is not http or https, P0002 for an unknown parcel.';
GRANT EXECUTE ON FUNCTION commerce.track_fulfilment(uuid, text, text, text) TO commerce_app;
