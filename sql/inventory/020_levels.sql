CREATE FUNCTION commerce.require_sku(sku text) RETURNS void
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_require_sku';
COMMENT ON FUNCTION commerce.require_sku(text) IS 'Does nothing for a sku of the catalogue; CM002 for any other.';

CREATE FUNCTION commerce.require_stock_arguments(sku text, quantity bigint, location text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    IF sku IS NULL OR quantity IS NULL OR location IS NULL THEN
        RAISE EXCEPTION 'sku, quantity and location must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM commerce.require_sku(sku);
    IF NOT EXISTS (SELECT FROM commerce.locations l WHERE l.code = require_stock_arguments.location) THEN
        RAISE EXCEPTION 'there is no location "%"', location
            USING ERRCODE = 'CM002', DETAIL = jsonb_build_object('location', location),
                HINT = 'Insert it into commerce.locations.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.require_stock_arguments(text, bigint, text) IS
'Refuses what no stock movement can mean: 22004 for NULL, CM002 for an unknown sku or location.';

-- The one place where on_hand changes: the level and the movement that explains it, together.
CREATE FUNCTION commerce.record_movement(sku text, location text, delta bigint, reason text, reference text)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    result bigint;
BEGIN
    INSERT INTO commerce.stock AS level (sku, location, on_hand)
        VALUES (record_movement.sku, record_movement.location, delta)
        ON CONFLICT (sku, location) DO UPDATE SET on_hand = level.on_hand + delta
        RETURNING on_hand INTO result;
    IF delta < 0 AND result < 0 THEN
        RAISE EXCEPTION 'only % of "%" at "%" are on hand', result - delta, record_movement.sku, record_movement.location
            USING ERRCODE = 'CM001',
                DETAIL = jsonb_build_object('lines', jsonb_build_array(jsonb_build_object('sku', record_movement.sku, 'location',
                    record_movement.location, 'requested', -delta, 'available', result - delta))),
                HINT = 'No more can leave than is on hand.';
    END IF;
    INSERT INTO commerce.stock_movements (sku, location, delta, reason, reference, actor)
        VALUES (record_movement.sku, record_movement.location, delta, record_movement.reason,
            record_movement.reference, commerce.acting_role());
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.record_movement(text, text, bigint, text, text) IS
'Changes on_hand by delta and writes the movement; returns the new on_hand. CM001 where it would fall below zero.';

CREATE FUNCTION commerce.receive_stock(sku text, quantity bigint, location text DEFAULT 'main',
        reason text DEFAULT 'received', reference text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_stock_arguments(sku, quantity, location);
    IF quantity <= 0 THEN
        RAISE EXCEPTION 'quantity must be greater than zero'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use adjust_stock() to correct a level downwards.';
    END IF;
    RETURN commerce.record_movement(sku, location, quantity, coalesce(reason, 'received'), reference);
END
$$;
COMMENT ON FUNCTION commerce.receive_stock(text, bigint, text, text, text) IS
'Adds units that arrived and returns the new on_hand. CM002 for an unknown sku or location, 22023 unless quantity > 0, 22003 beyond 64 bits.';
GRANT EXECUTE ON FUNCTION commerce.receive_stock(text, bigint, text, text, text) TO commerce_app;

CREATE FUNCTION commerce.adjust_stock(sku text, delta bigint, location text DEFAULT 'main',
        reason text DEFAULT 'adjusted', reference text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_stock_arguments(sku, delta, location);
    RETURN commerce.record_movement(sku, location, delta, coalesce(reason, 'adjusted'), reference);
END
$$;
COMMENT ON FUNCTION commerce.adjust_stock(text, bigint, text, text, text) IS
'Corrects on_hand by delta, up or down, and returns it. What is there counts more than what was promised: reservations may exceed it afterwards. CM001 below zero on hand, CM002 for an unknown sku or location.';
GRANT EXECUTE ON FUNCTION commerce.adjust_stock(text, bigint, text, text, text) TO commerce_app;

CREATE FUNCTION commerce.move_stock(sku text, quantity bigint, from_location text, to_location text,
        reason text DEFAULT 'moved', reference text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result bigint;
BEGIN
    PERFORM commerce.require_stock_arguments(sku, quantity, from_location);
    PERFORM commerce.require_stock_arguments(sku, quantity, to_location);
    IF quantity <= 0 OR from_location = to_location THEN
        RAISE EXCEPTION 'a move needs a quantity greater than zero and two different locations'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Both levels are locked in the order in which everyone locks levels.
    PERFORM FROM commerce.stock s
        WHERE s.sku = move_stock.sku AND s.location IN (from_location, to_location)
        ORDER BY s.location COLLATE "C" FOR NO KEY UPDATE;
    PERFORM commerce.record_movement(sku, from_location, -quantity, coalesce(reason, 'moved'), reference);
    result := commerce.record_movement(sku, to_location, quantity, coalesce(reason, 'moved'), reference);
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.move_stock(text, bigint, text, text, text, text) IS
'Moves units from one location to another and returns the new on_hand there. CM001 when fewer are on hand, CM002 for an unknown sku or location.';
GRANT EXECUTE ON FUNCTION commerce.move_stock(text, bigint, text, text, text, text) TO commerce_app;

CREATE FUNCTION commerce.available(skus text[]) RETURNS TABLE (sku text, available bigint)
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM commerce.require_shop();
    RETURN QUERY
        SELECT v.sku, coalesce((
                SELECT sum(s.on_hand - s.safety_stock - coalesce((
                    SELECT sum(r.quantity) FROM commerce.reservations r
                    WHERE r.sku = s.sku AND r.location = s.location AND r.state IN ('held', 'committed')
                        AND (r.state = 'committed' OR r.expires_at > clock_timestamp())), 0))
                FROM commerce.stock s LEFT JOIN commerce.locations l ON l.code = s.location
                WHERE s.sku = v.sku AND coalesce(l.active, true)), 0)::bigint
        FROM commerce.variants v WHERE v.sku = ANY (skus) ORDER BY v.sku;
END
$$;
COMMENT ON FUNCTION commerce.available(text[]) IS
'How many units of each sku can be sold now, over all active locations: on_hand - safety_stock - active reservations. Negative where backorders are open. Unknown skus are left out.';
GRANT EXECUTE ON FUNCTION commerce.available(text[]) TO commerce_app;

CREATE FUNCTION commerce.available(sku text, location text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result bigint;
BEGIN
    PERFORM commerce.require_shop();
    IF sku IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM commerce.require_sku(sku);
    IF available.location IS NULL THEN
        RETURN (SELECT a.available FROM commerce.available(ARRAY[available.sku]) a);
    END IF;
    SELECT s.on_hand - s.safety_stock - coalesce((
            SELECT sum(r.quantity) FROM commerce.reservations r
            WHERE r.sku = s.sku AND r.location = s.location AND r.state IN ('held', 'committed')
                AND (r.state = 'committed' OR r.expires_at > clock_timestamp())), 0)
        INTO result
        FROM commerce.stock s WHERE s.sku = available.sku AND s.location = available.location;
    RETURN coalesce(result, 0);
END
$$;
COMMENT ON FUNCTION commerce.available(text, text) IS
'How many units of a sku can be sold now, at a location or (NULL) over all active ones. CM002 for an unknown sku.';
GRANT EXECUTE ON FUNCTION commerce.available(text, text) TO commerce_app;
