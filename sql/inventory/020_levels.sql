CREATE FUNCTION commerce.require_sku(sku text) RETURNS void
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_require_sku';
COMMENT ON FUNCTION commerce.require_sku(text) IS 'Internal. Does nothing for a sku of the catalogue; CM002 for any other.';

CREATE FUNCTION commerce.require_location(location text) RETURNS void
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM commerce.locations l WHERE l.code = require_location.location) THEN
        RAISE EXCEPTION 'there is no location "%"', location
            USING ERRCODE = 'CM002', DETAIL = jsonb_build_object('location', location),
                HINT = 'Insert it into commerce.locations.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.require_location(text) IS 'Internal. Does nothing for a location of the shop; CM002 for any other.';

CREATE FUNCTION commerce.require_stock_arguments(sku text, quantity bigint, location text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    IF sku IS NULL OR quantity IS NULL OR location IS NULL THEN
        RAISE EXCEPTION 'sku, quantity and location must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF quantity NOT BETWEEN -1000000000000000000 AND 1000000000000000000 THEN
        RAISE EXCEPTION 'quantity % is out of range', quantity
            USING ERRCODE = 'numeric_value_out_of_range',
                DETAIL = jsonb_build_object('sku', sku, 'quantity', quantity, 'limit', 1000000000000000000),
                HINT = 'Up to 1000000000000000000 units are counted.';
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.variants v WHERE v.sku = require_stock_arguments.sku) THEN
        PERFORM commerce.require_sku(sku);
    END IF;
    PERFORM commerce.require_location(location);
END
$$;
COMMENT ON FUNCTION commerce.require_stock_arguments(text, bigint, text) IS
'Internal. Refuses what no stock movement can mean: 22004 for NULL, 22003 beyond 10^18 units, CM002 for an unknown sku or location.';

CREATE FUNCTION commerce.require_stock_state(state text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF state IS NULL OR state NOT IN ('available', 'safety_stock', 'damaged', 'quality_control', 'other') THEN
        RAISE EXCEPTION 'there is no state "%" that units on hand can be put into', coalesce(state, 'null')
            USING ERRCODE = 'invalid_parameter_value', DETAIL = jsonb_build_object('state', state),
                HINT = 'There are available, safety_stock, damaged, quality_control and other.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.require_stock_state(text) IS
'Internal. Does nothing for a state that a person can put units into; 22023 for any other. Units get reserved and committed by reservations alone.';

-- The one place where a level changes: the level and the movement that explains it, together.
CREATE FUNCTION commerce.record_movement(sku text, location text, quantity bigint, from_state text, to_state text, reason text,
        reference text, counted boolean DEFAULT false, lots jsonb DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    most CONSTANT bigint := 1000000000000000000;
    change record;
    level record;
    -- Whoever counted knows how many are gone, not which state they were thought to be in.
    sound CONSTANT boolean := coalesce(from_state = 'available', false) AND NOT counted;
    has bigint;
    fit bigint;
    result bigint;
BEGIN
    SELECT coalesce(sum(x.units) FILTER (WHERE x.state <> 'incoming'), 0)::bigint AS on_hand,
        coalesce(sum(x.units) FILTER (WHERE x.state = 'safety_stock'), 0)::bigint AS safety_stock,
        coalesce(sum(x.units) FILTER (WHERE x.state = 'damaged'), 0)::bigint AS damaged,
        coalesce(sum(x.units) FILTER (WHERE x.state = 'quality_control'), 0)::bigint AS quality_control,
        coalesce(sum(x.units) FILTER (WHERE x.state = 'other'), 0)::bigint AS other,
        coalesce(sum(x.units) FILTER (WHERE x.state = 'incoming'), 0)::bigint AS incoming
        INTO change
        FROM (VALUES (to_state, quantity), (from_state, -quantity)) x (state, units);
    LOOP
        -- A row is inserted once and updated for ever after; the conditions say when an update would leave what a level is.
        UPDATE commerce.stock s SET on_hand = s.on_hand + change.on_hand, safety_stock = s.safety_stock + change.safety_stock,
                damaged = s.damaged + change.damaged, quality_control = s.quality_control + change.quality_control,
                other = s.other + change.other, incoming = s.incoming + change.incoming
            WHERE s.sku = record_movement.sku AND s.location = record_movement.location
                AND greatest(s.on_hand + change.on_hand, s.safety_stock + change.safety_stock, s.damaged + change.damaged,
                    s.quality_control + change.quality_control, s.other + change.other, s.incoming + change.incoming) <= most
                AND least(s.safety_stock + change.safety_stock, s.damaged + change.damaged,
                    s.quality_control + change.quality_control, s.other + change.other, s.incoming + change.incoming) >= 0
                AND (change.on_hand >= 0 OR s.on_hand + change.on_hand >= 0)
                AND (NOT sound OR s.on_hand - s.damaged - s.quality_control - s.other >= quantity)
            RETURNING s.on_hand, s.on_hand - s.damaged - s.quality_control - s.other INTO result, fit;
        EXIT WHEN FOUND;
        INSERT INTO commerce.stock (sku, location) VALUES (record_movement.sku, record_movement.location) ON CONFLICT DO NOTHING;
        CONTINUE WHEN FOUND;
        SELECT * INTO level FROM commerce.stock s
            WHERE s.sku = record_movement.sku AND s.location = record_movement.location FOR NO KEY UPDATE;
        has := CASE from_state WHEN 'safety_stock' THEN level.safety_stock WHEN 'damaged' THEN level.damaged
            WHEN 'quality_control' THEN level.quality_control WHEN 'other' THEN level.other WHEN 'incoming' THEN level.incoming
            WHEN 'available' THEN level.on_hand
                - CASE WHEN sound THEN level.damaged + level.quality_control + level.other ELSE 0 END END;
        IF change.on_hand < 0 THEN
            has := least(has, level.on_hand);
        END IF;
        IF has < quantity THEN
            RAISE EXCEPTION 'only % of "%" at "%" are %', greatest(has, 0), record_movement.sku, record_movement.location,
                    CASE WHEN from_state <> 'available' THEN format('in state "%s"', from_state) ELSE 'on hand' END
                USING ERRCODE = 'CM001',
                    DETAIL = jsonb_build_object('lines', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
                        'sku', record_movement.sku, 'location', record_movement.location, 'state', nullif(from_state, 'available'),
                        'requested', quantity, 'available', has)))),
                    HINT = CASE from_state
                        WHEN 'incoming' THEN 'commerce.expect_stock() and commerce.send_stock() say what is on its way.'
                        WHEN 'available' THEN 'No more can leave than is on hand and sound; a backorder leaves once it has been received.'
                        ELSE 'commerce.stock_levels shows how many units are in which state.' END;
        ELSIF greatest(level.on_hand + change.on_hand, level.safety_stock + change.safety_stock,
                level.damaged + change.damaged, level.quality_control + change.quality_control, level.other + change.other,
                level.incoming + change.incoming) > most THEN
            RAISE EXCEPTION 'that would be more than % of "%" at "%"', most, record_movement.sku, record_movement.location
                USING ERRCODE = 'numeric_value_out_of_range',
                    DETAIL = jsonb_build_object('sku', record_movement.sku, 'location', record_movement.location,
                        'on_hand', level.on_hand, 'quantity', quantity, 'limit', most),
                    HINT = 'Up to 1000000000000000000 units are counted.';
        END IF;
    END LOOP;
    IF change.on_hand < 0 AND lots IS NULL THEN
        lots := commerce.draw_lots(record_movement.sku, record_movement.location, quantity, from_state);
    ELSIF change.on_hand > 0 AND lots IS NOT NULL THEN
        PERFORM commerce.fill_lots(record_movement.sku, record_movement.location, to_state, lots);
    END IF;
    INSERT INTO commerce.stock_movements (sku, location, delta, quantity, from_state, to_state, reason, reference, lot, actor)
        SELECT record_movement.sku, record_movement.location, sign(change.on_hand) * x.units, x.units, record_movement.from_state,
            record_movement.to_state, record_movement.reason, record_movement.reference, x.lot, commerce.acting_role()
        FROM jsonb_to_recordset(coalesce(lots, jsonb_build_array(jsonb_build_object('units', quantity))))
            x (lot text, units bigint);
    IF change.on_hand > change.damaged + change.quality_control + change.other THEN
        PERFORM commerce.announce_filled(record_movement.sku, record_movement.location,
            fit - (change.on_hand - change.damaged - change.quality_control - change.other), fit);
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.record_movement(text, text, bigint, text, text, text, text, boolean, jsonb) IS
'Internal. Moves units of a sku at a location from one state into another and writes the movement; returns the new on_hand. from_state NULL: they arrive; to_state NULL: they leave. CM001 where fewer are there than go, 22003 where a level would pass 10^18. Of units that leave available as many must be sound, unless counted: then on_hand alone limits them. lots is [{"lot", "units", "expires_on"}]: in which lots units arrive or were drawn from; when they leave and it is NULL, the lots that expire first give them.';

CREATE FUNCTION commerce.receive_stock(sku text, quantity bigint, location text DEFAULT 'main', reason text DEFAULT 'received',
        reference text DEFAULT NULL, state text DEFAULT 'available', incoming boolean DEFAULT false, lot text DEFAULT NULL,
        expires_on date DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_stock_arguments(sku, quantity, location);
    PERFORM commerce.require_stock_state(state);
    IF quantity <= 0 THEN
        RAISE EXCEPTION 'quantity must be greater than zero'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use adjust_stock() to correct a level downwards.';
    END IF;
    IF lot = '' OR (lot IS NULL AND expires_on IS NOT NULL) THEN
        RAISE EXCEPTION 'what expires needs the name of its lot' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give lot, as it is printed on the goods.';
    END IF;
    RETURN commerce.record_movement(sku, location, quantity, CASE WHEN incoming THEN 'incoming' END, state,
        coalesce(reason, 'received'), reference,
        lots => CASE WHEN lot IS NOT NULL
            THEN jsonb_build_array(jsonb_build_object('lot', lot, 'units', quantity, 'expires_on', expires_on)) END);
END
$$;
COMMENT ON FUNCTION commerce.receive_stock(text, bigint, text, text, text, text, boolean, text, date) IS
'Adds units that arrived, in a state, and returns the new on_hand. With incoming they are units that were on their way here, and incoming falls: CM001 when fewer were. lot names the lot they came in, expires_on the last day on which it is sold. CM002 for an unknown sku or location, 22023 unless quantity > 0 and the state is known, and for a lot that expires on another day, 22003 beyond 10^18.';
GRANT EXECUTE ON FUNCTION commerce.receive_stock(text, bigint, text, text, text, text, boolean, text, date) TO commerce_app;

CREATE FUNCTION commerce.adjust_stock(sku text, delta bigint, location text DEFAULT 'main', reason text DEFAULT 'adjusted',
        reference text DEFAULT NULL, state text DEFAULT 'available') RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_stock_arguments(sku, delta, location);
    PERFORM commerce.require_stock_state(state);
    RETURN commerce.record_movement(sku, location, abs(delta), CASE WHEN delta < 0 THEN state END,
        CASE WHEN delta >= 0 THEN state END, coalesce(reason, 'adjusted'), reference, counted => true);
END
$$;
COMMENT ON FUNCTION commerce.adjust_stock(text, bigint, text, text, text, text) IS
'Corrects on_hand by delta, up or down, and returns it; with a state, units in that state. What is there counts more than what was promised: reservations may exceed it afterwards. CM001 below zero on hand or in the state, CM002 for an unknown sku or location, 22003 beyond 10^18, 22023 for an unknown state.';
GRANT EXECUTE ON FUNCTION commerce.adjust_stock(text, bigint, text, text, text, text) TO commerce_app;

CREATE FUNCTION commerce.lock_levels(skus text[], locations text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM commerce.stock s
        WHERE (s.sku, s.location) IN (SELECT x.sku, x.location FROM unnest(skus, locations) x (sku, location))
        ORDER BY s.sku COLLATE "C", s.location COLLATE "C" FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION commerce.lock_levels(text[], text[]) IS
'Internal. Locks the levels of skus at locations, pair by pair, in the order in which everyone locks levels.';

CREATE FUNCTION commerce.move_stock(sku text, quantity bigint, from_location text, to_location text, reason text DEFAULT 'moved',
        reference text DEFAULT NULL, from_state text DEFAULT 'available', to_state text DEFAULT 'available') RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    drawn jsonb;
BEGIN
    PERFORM commerce.require_stock_arguments(sku, quantity, from_location);
    PERFORM commerce.require_stock_arguments(sku, quantity, to_location);
    PERFORM commerce.require_stock_state(from_state);
    PERFORM commerce.require_stock_state(to_state);
    IF quantity <= 0 OR (from_location = to_location AND from_state = to_state) THEN
        RAISE EXCEPTION 'a move needs a quantity greater than zero and two different locations or states'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF from_location = to_location THEN
        RETURN commerce.record_movement(sku, from_location, quantity, from_state, to_state, coalesce(reason, 'moved'), reference);
    END IF;
    PERFORM commerce.lock_levels(ARRAY[sku, sku], ARRAY[from_location, to_location]);
    drawn := commerce.draw_lots(sku, from_location, quantity, from_state);
    PERFORM commerce.record_movement(sku, from_location, quantity, from_state, NULL, coalesce(reason, 'moved'), reference,
        lots => drawn);
    RETURN commerce.record_movement(sku, to_location, quantity, NULL, to_state, coalesce(reason, 'moved'), reference,
        lots => drawn);
END
$$;
COMMENT ON FUNCTION commerce.move_stock(text, bigint, text, text, text, text, text, text) IS
'Moves units from one location to another, or from one state into another, or both, at once, and returns the new on_hand at to_location. Units keep their lots. States: available, safety_stock, damaged, quality_control, other. CM001 when fewer are there, CM002 for an unknown sku or location, 22003 beyond 10^18, 22023 for an unknown state or a move to where the units are.';
GRANT EXECUTE ON FUNCTION commerce.move_stock(text, bigint, text, text, text, text, text, text) TO commerce_app;

CREATE FUNCTION commerce.expect_stock(sku text, delta bigint, location text DEFAULT 'main', reason text DEFAULT 'ordered',
        reference text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_stock_arguments(sku, delta, location);
    PERFORM commerce.record_movement(sku, location, abs(delta), CASE WHEN delta < 0 THEN 'incoming' END,
        CASE WHEN delta >= 0 THEN 'incoming' END, coalesce(reason, 'ordered'), reference);
    RETURN (SELECT s.incoming FROM commerce.stock s WHERE s.sku = expect_stock.sku AND s.location = expect_stock.location);
END
$$;
COMMENT ON FUNCTION commerce.expect_stock(text, bigint, text, text, text) IS
'Changes by delta how many units are on their way to a location, and returns how many are: more by an order to a supplier, fewer by what will not come. receive_stock(incoming => true) takes them in. CM001 below zero, CM002 for an unknown sku or location, 22003 beyond 10^18.';
GRANT EXECUTE ON FUNCTION commerce.expect_stock(text, bigint, text, text, text) TO commerce_app;

CREATE FUNCTION commerce.send_stock(sku text, quantity bigint, from_location text, to_location text, reason text DEFAULT 'sent',
        reference text DEFAULT NULL, from_state text DEFAULT 'available') RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_stock_arguments(sku, quantity, from_location);
    PERFORM commerce.require_stock_arguments(sku, quantity, to_location);
    PERFORM commerce.require_stock_state(from_state);
    IF quantity <= 0 OR from_location = to_location THEN
        RAISE EXCEPTION 'a transfer needs a quantity greater than zero and two different locations'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM commerce.lock_levels(ARRAY[sku, sku], ARRAY[from_location, to_location]);
    PERFORM commerce.record_movement(sku, from_location, quantity, from_state, NULL, coalesce(reason, 'sent'), reference);
    RETURN commerce.expect_stock(sku, quantity, to_location, coalesce(reason, 'sent'), reference);
END
$$;
COMMENT ON FUNCTION commerce.send_stock(text, bigint, text, text, text, text, text) IS
'The first half of a transfer: units leave from_location and are incoming at to_location; returns how many are incoming there. receive_stock(incoming => true) is the second half, and names the lot again where there is one. CM001 when fewer are there, CM002 for an unknown sku or location, 22003 beyond 10^18, 22023 for an unknown state or one location.';
GRANT EXECUTE ON FUNCTION commerce.send_stock(text, bigint, text, text, text, text, text) TO commerce_app;

CREATE FUNCTION commerce.set_stock_policy(sku text, location text, safety_stock bigint, backorder_limit bigint, low_stock bigint)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    kept bigint;
BEGIN
    PERFORM commerce.require_stock_arguments(sku, safety_stock, location);
    PERFORM commerce.require_stock_arguments(sku, coalesce(backorder_limit, 0), location);
    PERFORM commerce.require_stock_arguments(sku, coalesce(low_stock, 0), location);
    IF least(safety_stock, backorder_limit, low_stock) < 0 THEN
        RAISE EXCEPTION 'safety_stock, backorder_limit and low_stock must not be negative'
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'backorder_limit NULL sells without limit; low_stock NULL tells only when nothing is left.';
    END IF;
    INSERT INTO commerce.stock (sku, location)
        SELECT set_stock_policy.sku, set_stock_policy.location WHERE NOT EXISTS (
            SELECT FROM commerce.stock s WHERE s.sku = set_stock_policy.sku AND s.location = set_stock_policy.location)
        ON CONFLICT DO NOTHING;
    SELECT set_stock_policy.safety_stock - s.safety_stock INTO kept FROM commerce.stock s
        WHERE s.sku = set_stock_policy.sku AND s.location = set_stock_policy.location FOR NO KEY UPDATE;
    IF kept <> 0 THEN
        PERFORM commerce.record_movement(set_stock_policy.sku, set_stock_policy.location, abs(kept),
            CASE WHEN kept > 0 THEN 'available' ELSE 'safety_stock' END,
            CASE WHEN kept > 0 THEN 'safety_stock' ELSE 'available' END, 'policy', NULL, counted => true);
    END IF;
    UPDATE commerce.stock s SET backorder_limit = set_stock_policy.backorder_limit, low_stock = set_stock_policy.low_stock
        WHERE s.sku = set_stock_policy.sku AND s.location = set_stock_policy.location
            AND (s.backorder_limit IS DISTINCT FROM set_stock_policy.backorder_limit
                OR s.low_stock IS DISTINCT FROM set_stock_policy.low_stock);
END
$$;
COMMENT ON FUNCTION commerce.set_stock_policy(text, text, bigint, bigint, bigint) IS
'Says how a sku is sold from a location: units kept back (safety_stock), units sold beyond what is available (backorder_limit; 0 none, NULL without limit), and at how many left to tell (low_stock; NULL at none). All three are set. CM002 for an unknown sku or location, 22023 for a negative number, 22003 beyond 10^18, 22004 for safety_stock NULL.';
GRANT EXECUTE ON FUNCTION commerce.set_stock_policy(text, text, bigint, bigint, bigint) TO commerce_admin;
