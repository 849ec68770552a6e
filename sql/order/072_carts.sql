-- What a cart is made of, and what guards it.
CREATE FUNCTION commerce.cart_holder(cart uuid) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN 'cart:' || cart::text;
COMMENT ON FUNCTION commerce.cart_holder(uuid) IS
'The holder under whose name a cart holds stock: cart: and its id. Example: SELECT * FROM commerce.reservations WHERE holder = commerce.cart_holder(cart).';

CREATE FUNCTION commerce.cart_content(cart uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    RETURN (SELECT coalesce(jsonb_agg(coalesce(l.facts, '{}') || jsonb_build_object('sku', l.sku, 'quantity', l.quantity)
            || CASE WHEN l.location IS NULL THEN '{}' ELSE jsonb_build_object('location', l.location) END
            ORDER BY l.position, l.sku), '[]')
        FROM commerce.cart_lines l WHERE l.cart_id = cart);
END
$$;
COMMENT ON FUNCTION commerce.cart_content(uuid) IS
'The lines of a cart as quote(), checkout() and reserve_lines() take them: [{"sku": "A", "quantity": 2}], empty for an unknown cart. Example: SELECT commerce.cart_content(cart).';
GRANT EXECUTE ON FUNCTION commerce.cart_content(uuid) TO commerce_reader;

CREATE FUNCTION commerce.cart_code_list(cart uuid) RETURNS text[]
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(SELECT c.code FROM commerce.cart_codes c WHERE c.cart_id = cart ORDER BY c.added_at, c.code COLLATE "C");
END
$$;
COMMENT ON FUNCTION commerce.cart_code_list(uuid) IS 'Internal. The codes entered for a cart, in the order in which they were.';

CREATE FUNCTION commerce.refuse_cart(cart uuid, state text, event text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'cart % is %', cart, state USING ERRCODE = 'CM010',
        DETAIL = jsonb_build_object('machine', 'cart', 'state', state, 'event', event, 'allowed',
            (SELECT coalesce(jsonb_agg(t.event ORDER BY t.event COLLATE "C"), '[]') FROM commerce.transitions t
                WHERE t.machine = 'cart' AND t.from_state = refuse_cart.state)),
        HINT = CASE state WHEN 'expired' THEN 'commerce.reopen_cart() opens it again.'
            ELSE 'Only an open cart can be changed or bought; commerce.create_cart() makes a new one.' END;
END
$$;
COMMENT ON FUNCTION commerce.refuse_cart(uuid, text, text) IS
'Internal. Raises CM010 about a cart in a state in which the event is not allowed.';

CREATE FUNCTION commerce.lock_cart(cart uuid, customer uuid, event text, states text[] DEFAULT '{open}') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_state text;
    found_kind text;
BEGIN
    PERFORM commerce.require_shop();
    SELECT c.state, c.kind INTO found_state, found_kind FROM commerce.carts c
        WHERE c.id = cart AND (customer IS NULL OR c.customer_id = customer) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no cart %', coalesce(cart::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    IF found_state <> ALL (states) THEN
        PERFORM commerce.refuse_cart(cart, found_state, event);
    END IF;
    IF found_kind <> 'cart' THEN
        PERFORM commerce.require_admin(CASE event WHEN 'reopen' THEN 'reopen' ELSE 'change' END || ' a draft');
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.lock_cart(uuid, uuid, text, text[]) IS
'Internal. Makes this transaction the only one that changes or buys a cart that is open, or in one of these states. P0002 for an unknown cart and, where a customer is given, for one that is not that customer''s; CM010 for one in another state; CM042 for a draft where the caller is no commerce_admin; 40001 under REPEATABLE READ where it was changed since the snapshot.';

CREATE FUNCTION commerce.keep_closed_cart() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF commerce.only_forgets(to_jsonb(old), to_jsonb(new), '{ship_to,options,attributes}') THEN
        RETURN new;
    END IF;
    PERFORM commerce.refuse_cart(old.id, old.state, 'change');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION commerce.keep_closed_cart() IS
'Internal. Trigger on commerce.carts: what is placed or merged never changes again (CM010), but that an erasure takes destination, options and attributes away.';

CREATE FUNCTION commerce.cart_filled() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_cart_filled';
COMMENT ON FUNCTION commerce.cart_filled() IS
'Internal. Statement trigger on commerce.cart_lines and cart_codes, with the rows before and after: whoever puts something in, changes it or takes it out changes the cart, which must be open (CM010), and which expires later; who has it in an older snapshot cannot buy it.';

CREATE FUNCTION commerce.abandon_cart("row" jsonb, event text, detail jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cart uuid := "row" ->> 'id';
BEGIN
    PERFORM commerce.release_holder(h.holder) FROM (SELECT commerce.cart_holder(cart) AS holder) h
        WHERE EXISTS (SELECT FROM commerce.reservations r WHERE r.holder = h.holder AND r.state = 'held');
    INSERT INTO commerce.outbox (aggregate, topic, payload)
        SELECT cart::text, 'cart.expired', jsonb_build_object('id', cart, 'customer_id', "row" -> 'customer_id',
            'channel', "row" -> 'channel', 'lines', count(l.sku), 'units', coalesce(sum(l.quantity), 0),
            'created_at', "row" -> 'created_at', 'changed_at', "row" -> 'changed_at')
        FROM (VALUES (1)) one LEFT JOIN commerce.cart_lines l ON l.cart_id = cart;
END
$$;
COMMENT ON FUNCTION commerce.abandon_cart(jsonb, text, jsonb) IS
'Internal. Effect of a cart''s expire: what it holds is free again, and the event cart.expired tells the outside world, once for each time it expires.';

CREATE FUNCTION commerce.hold_customer(customer uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM commerce.customers c WHERE c.id = customer AND c.erased_at IS NULL FOR KEY SHARE;
    IF NOT FOUND AND customer IS NOT NULL THEN
        RAISE EXCEPTION 'there is no customer %', customer USING ERRCODE = 'no_data_found';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.hold_customer(uuid) IS
'Internal. Keeps a customer from being erased until this transaction ends, and waits for who does it. P0002 for an unknown or erased one, 40001 under REPEATABLE READ where that has happened since the snapshot; nothing for NULL.';

CREATE FUNCTION commerce.require_admin(what text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT pg_has_role(commerce.acting_role(), 'commerce_admin', 'MEMBER') THEN
        RAISE EXCEPTION 'only members of commerce_admin may %', what USING ERRCODE = 'CM042',
            DETAIL = jsonb_build_object('role', 'commerce_admin'), HINT = 'Ask a member of that role.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.require_admin(text) IS
'Internal. Does nothing where the session acts as a member of commerce_admin; CM042 otherwise.';

CREATE FUNCTION commerce.try_cart_quote(lines jsonb DEFAULT '[{"sku": "-", "quantity": 1, "unit_price": "0"}]',
        codes text[] DEFAULT NULL, customer uuid DEFAULT NULL, channel text DEFAULT NULL, currency text DEFAULT NULL,
        ship_to jsonb DEFAULT NULL, options jsonb DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.quote(lines, codes, customer, channel, currency, ship_to, NULL, NULL, options);
END
$$;
COMMENT ON FUNCTION commerce.try_cart_quote(jsonb, text[], uuid, text, text, jsonb, jsonb) IS
'Internal. Raises what quote() would raise about any of these, so that who fills a cart is told at once and in the same words. Prices something that costs nothing where no lines are given.';

CREATE FUNCTION commerce.public_destination(ship_to jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') FROM jsonb_each(ship_to) e
        WHERE e.key IN ('country', 'region', 'postal_code'));
COMMENT ON FUNCTION commerce.public_destination(jsonb) IS
'The part of a destination that prices depend on, and that is stored in the clear: country, region and postal_code. Example: SELECT commerce.public_destination(''{"country": "DE", "street": "Main 1"}'').';

CREATE FUNCTION commerce.cart_address(address commerce.sealed, from_cart uuid, from_customer uuid, to_cart uuid,
        to_customer uuid) RETURNS commerce.sealed
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    from_subject uuid := coalesce(from_customer, from_cart);
    to_subject uuid := coalesce(to_customer, to_cart);
BEGIN
    RETURN CASE WHEN from_subject = to_subject THEN address
        ELSE commerce.reseal(address, 'address', from_subject, to_subject) END;
END
$$;
COMMENT ON FUNCTION commerce.cart_address(commerce.sealed, uuid, uuid, uuid, uuid) IS
'Internal. A cart''s sealed destination as it has to be where another has the cart: a customer, or a guest, whom the cart itself stands for.';
