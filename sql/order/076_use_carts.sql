CREATE FUNCTION commerce.quote_cart(cart uuid, at timestamptz DEFAULT NULL, options jsonb DEFAULT NULL,
        explain boolean DEFAULT false, customer uuid DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record;
BEGIN
    PERFORM commerce.require_shop();
    SELECT x.customer_id, x.channel, x.currency, x.ship_to, x.shipping_method, x.options INTO c FROM commerce.carts x
        WHERE x.id = cart AND (quote_cart.customer IS NULL OR x.customer_id = quote_cart.customer);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no cart %', coalesce(cart::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    RETURN commerce.quote(commerce.cart_content(cart), commerce.cart_code_list(cart), c.customer_id, c.channel, c.currency,
        c.ship_to, c.shipping_method, at, CASE WHEN options IS NULL THEN c.options ELSE coalesce(c.options, '{}') || options END,
        explain);
END
$$;
COMMENT ON FUNCTION commerce.quote_cart(uuid, timestamptz, jsonb, boolean, uuid) IS
'What a cart costs, and why: quote() of its lines, codes, customer, channel, currency, destination, shipping method and options, with the same answer and the same errors (22023 for an empty cart). options go before those of the cart; at and explain as in quote(). Changes nothing, waits for nobody and works on a hot standby; place_order() buys at this total where it is given as expected_total. P0002 for an unknown cart and, where customer is given, for another customer''s. Example: SELECT commerce.quote_cart(cart, explain => true) -> ''total''.';
GRANT EXECUTE ON FUNCTION commerce.quote_cart(uuid, timestamptz, jsonb, boolean, uuid) TO commerce_app;

CREATE FUNCTION commerce.hold_cart(cart uuid, ttl interval DEFAULT NULL, mode text DEFAULT 'all', customer uuid DEFAULT NULL)
    RETURNS TABLE (reservation uuid, sku text, location text, quantity bigint, missing bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 10
AS $$
#variable_conflict use_column
BEGIN
    PERFORM commerce.lock_cart(hold_cart.cart, hold_cart.customer, 'change');
    RETURN QUERY SELECT r.reservation, r.sku, r.location, r.quantity, r.missing FROM commerce.reserve_lines(
        (SELECT coalesce(jsonb_agg(jsonb_build_object('sku', l.sku, 'quantity', l.quantity)
                || CASE WHEN l.location IS NULL THEN '{}' ELSE jsonb_build_object('location', l.location) END
                ORDER BY l.position, l.sku), '[]') FROM commerce.cart_lines l
            JOIN commerce.variants v ON v.sku = l.sku AND v.track_stock WHERE l.cart_id = hold_cart.cart),
        commerce.cart_holder(hold_cart.cart), hold_cart.ttl, hold_cart.mode,
        coalesce((SELECT c.options ->> 'strategy' FROM commerce.carts c WHERE c.id = hold_cart.cart), 'priority')) r;
END
$$;
COMMENT ON FUNCTION commerce.hold_cart(uuid, interval, text, uuid) IS
'Holds the stock of a cart as it is now, for ttl (commerce.reservation_ttl when NULL), under the holder commerce.cart_holder(cart); answers and errors are those of reserve_lines(), mode all, partial or clamp. Calling it again after a change holds what is in the cart then, and nothing else; place_order() takes the holds over, and what expires or is merged gives them up or on. Lines without stock are left out. P0002 and CM010 as set_cart_line(). Example: SELECT * FROM commerce.hold_cart(cart, ttl => ''10 minutes'').';
GRANT EXECUTE ON FUNCTION commerce.hold_cart(uuid, interval, text, uuid) TO commerce_app;

CREATE FUNCTION commerce.place_order(cart uuid, idempotency_key text DEFAULT NULL,
        expected_total commerce.amount DEFAULT NULL, customer uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_place_order';
COMMENT ON FUNCTION commerce.place_order(uuid, text, commerce.amount, uuid) IS
'Buys a cart, in one transaction, and returns the order: what checkout() does with the cart''s lines, codes, customer, destination, shipping method and options; the cart''s holds give way to the order, the cart is placed for good. Once for each cart: called again, by whomever, it returns the same order. The event order.placed has cart_id. expected_total: CM022 where the total differs, and the cart stays as it is, as after every error. idempotency_key (1 to 255 bytes): CM050 where it was used for another cart or another expected_total. customer, where given, must be whose cart it is. P0002 unknown cart, or another customer''s; CM010 one that is merged or expired; 22023 an empty one; 40001 under REPEATABLE READ where it has changed since the snapshot: try again. All other errors as checkout(): CM001, CM002, CM020, CM021, CM023, CM030 to CM033, CM041. What commerce_admin put into the cart is bought at its price by anybody. Example: SELECT commerce.place_order(cart, expected_total => ''32.90 EUR'').';
GRANT EXECUTE ON FUNCTION commerce.place_order(uuid, text, commerce.amount, uuid) TO commerce_app;

CREATE FUNCTION commerce.merge_carts("from" uuid, "into" uuid, customer uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guest record;
    own record;
BEGIN
    PERFORM commerce.require_shop();
    IF "from" = "into" THEN
        RAISE EXCEPTION 'a cart cannot be merged into itself' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- In one order, so that two merges of the same carts do not wait for each other.
    PERFORM FROM commerce.carts c WHERE c.id IN ("from", "into") ORDER BY c.id FOR NO KEY UPDATE;
    SELECT c.* INTO guest FROM commerce.carts c WHERE c.id = "from"
        AND (customer IS NULL OR c.customer_id IS NULL OR c.customer_id = customer);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no cart %', coalesce("from"::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    SELECT c.* INTO own FROM commerce.carts c WHERE c.id = "into" AND (customer IS NULL OR c.customer_id = customer);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no cart %', coalesce("into"::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    IF guest.merged_into = "into" THEN
        RETURN "into";
    END IF;
    IF guest.state <> 'open' THEN
        PERFORM commerce.refuse_cart("from", guest.state, 'merge');
    ELSIF own.state <> 'open' THEN
        PERFORM commerce.refuse_cart("into", own.state, 'change');
    ELSIF guest.kind <> 'cart' OR own.kind <> 'cart' THEN
        RAISE EXCEPTION 'a draft cannot be merged' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'commerce.set_cart_lines(…, mode => ''merge'') puts more into it.';
    ELSIF guest.customer_id <> own.customer_id THEN
        RAISE EXCEPTION 'these carts belong to two customers' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Merge a guest''s cart, or another one of the same customer.';
    END IF;

    -- A price of its own is not for more units than it was made for.
    IF EXISTS (SELECT FROM commerce.cart_lines a JOIN commerce.cart_lines b ON b.cart_id = "into" AND b.sku = a.sku
            WHERE a.cart_id = "from" AND num_nonnulls(a.facts, b.facts) > 0) THEN
        PERFORM commerce.require_admin('change lines with prices of their own');
    END IF;
    IF EXISTS (SELECT FROM commerce.cart_lines a JOIN commerce.cart_lines b ON b.cart_id = "into" AND b.sku = a.sku
            WHERE a.cart_id = "from" AND a.quantity + b.quantity > 1000000000000) THEN
        RAISE EXCEPTION 'a cart holds at most 10^12 units of a sku' USING ERRCODE = 'numeric_value_out_of_range';
    END IF;
    INSERT INTO commerce.cart_lines AS l (cart_id, sku, position, quantity, location, facts)
        SELECT "into", a.sku, (SELECT coalesce(max(b.position), 0) FROM commerce.cart_lines b WHERE b.cart_id = "into")
            + row_number() OVER (ORDER BY a.position, a.sku), a.quantity, a.location, a.facts
        FROM commerce.cart_lines a WHERE a.cart_id = "from"
        ON CONFLICT ON CONSTRAINT cart_lines_pkey DO UPDATE SET quantity = l.quantity + excluded.quantity,
            location = coalesce(l.location, excluded.location), facts = coalesce(l.facts, excluded.facts);
    INSERT INTO commerce.cart_codes (cart_id, code) SELECT "into", c.code FROM commerce.cart_codes c WHERE c.cart_id = "from"
        ORDER BY c.added_at, c.code COLLATE "C" ON CONFLICT DO NOTHING;
    PERFORM commerce.check_cart_codes("into");
    UPDATE commerce.carts c SET changed_at = clock_timestamp(),
            ship_to = coalesce(c.ship_to, guest.ship_to),
            ship_address = CASE WHEN c.ship_to IS NULL
                THEN commerce.cart_address(guest.ship_address, guest.id, guest.customer_id, c.id, c.customer_id) ELSE c.ship_address END,
            shipping_method = coalesce(c.shipping_method, guest.shipping_method),
            options = coalesce(c.options, guest.options), attributes = guest.attributes || c.attributes
        WHERE c.id = "into";
    UPDATE commerce.reservations r SET holder = commerce.cart_holder("into")
        WHERE r.holder = commerce.cart_holder("from") AND r.state = 'held';
    UPDATE commerce.carts c SET state = 'merged', merged_into = "into", ship_address = NULL WHERE c.id = "from";
    RETURN "into";
END
$$;
COMMENT ON FUNCTION commerce.merge_carts(uuid, uuid, uuid) IS
'Puts what is in one cart into another, which it returns: a guest has logged in. Quantities add up, codes join, holds go along; destination, shipping method, options and attributes are those of "into" where it has any. The cart "from" is merged for good: called again nothing changes. customer, where given, must be whose cart "into" is, and "from" that customer''s or a guest''s. P0002 for an unknown cart or another''s, CM010 for one that is not open, 22023 for carts of two customers, one cart or a draft, CM042 where both have a sku and one of them at a price of its own that commerce_admin has set, 22003 beyond 10^12 units, CM041 where an address has to be sealed anew and there is no key, 40001 under REPEATABLE READ. Example: SELECT commerce.merge_carts("from" => guests, "into" => own).';
GRANT EXECUTE ON FUNCTION commerce.merge_carts(uuid, uuid, uuid) TO commerce_app;

CREATE FUNCTION commerce.expire_carts(batch bigint DEFAULT 1000) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended bigint;
BEGIN
    PERFORM commerce.require_shop();
    IF batch <= 0 THEN
        RAISE EXCEPTION 'batch must be greater than zero' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE commerce.carts c SET state = 'expired' WHERE c.id = ANY (ARRAY(
            SELECT x.id FROM commerce.carts x WHERE x.state = 'open' AND x.expires_at <= now()
            ORDER BY x.expires_at LIMIT batch FOR NO KEY UPDATE SKIP LOCKED))
        AND c.state = 'open' AND c.expires_at <= now();
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION commerce.expire_carts(bigint) IS
'Ends open carts that are over (expires_at), at most batch of them, skipping those that somebody changes or buys at this moment; returns how many. What they hold is free again, and the event cart.expired tells of each once; reopen_cart() opens one again. Done by the background worker where there is one. 22023 for a batch that is not positive. Example: SELECT commerce.expire_carts(batch => 100).';
GRANT EXECUTE ON FUNCTION commerce.expire_carts(bigint) TO commerce_app;

CREATE FUNCTION commerce.reopen_cart(cart uuid, customer uuid DEFAULT NULL) RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    due timestamptz;
BEGIN
    PERFORM commerce.lock_cart(cart, customer, 'reopen', '{open,expired}');
    UPDATE commerce.carts c SET state = 'open', changed_at = clock_timestamp(),
            expires_at = greatest(c.expires_at, now() + s.cart_ttl)
        FROM commerce.shop s WHERE c.id = cart RETURNING c.expires_at INTO due;
    PERFORM commerce.chores_due(due);
    RETURN due;
END
$$;
COMMENT ON FUNCTION commerce.reopen_cart(uuid, uuid) IS
'Opens an expired cart again, with all that is in it (holds apart), and returns when it expires next; of an open cart it moves that on. CM010 for one that is placed or merged, CM042 for a draft where the caller is no commerce_admin, P0002 for an unknown one and, where customer is given, for another customer''s. Example: SELECT commerce.reopen_cart(cart).';
GRANT EXECUTE ON FUNCTION commerce.reopen_cart(uuid, uuid) TO commerce_app;
