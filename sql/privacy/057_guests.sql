CREATE FUNCTION commerce.find_guests(email text) RETURNS uuid[]
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_find_guests';
COMMENT ON FUNCTION commerce.find_guests(text) IS
'Internal. The orders of guests whose destination named this e-mail address. 22023 where nothing is left to search for; CM041 without a key file, and where values of an epoch are still stored whose key is gone.';

CREATE FUNCTION commerce.guest_carts(email text) RETURNS uuid[]
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_guest_carts';
COMMENT ON FUNCTION commerce.guest_carts(text) IS
'The carts and quotes of guests, not bought, whose destination names this e-mail address, in whatever spelling. No index has them: each destination of a guest that is kept is opened and looked at, some 30 µs each, and shown to nobody. 22023 for what is no e-mail address. Example: SELECT commerce.guest_carts(''jane@example.com'').';
GRANT EXECUTE ON FUNCTION commerce.guest_carts(text) TO commerce_pii_reader;

CREATE FUNCTION commerce.guest_orders("order" uuid, email text) RETURNS uuid[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    found_order record;
BEGIN
    PERFORM commerce.require_shop();
    IF num_nonnulls("order", email) <> 1 THEN
        RAISE EXCEPTION 'name an order, or an e-mail address' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF email IS NOT NULL THEN
        RETURN commerce.find_guests(email);
    END IF;
    SELECT o.customer_id INTO found_order FROM commerce.orders o WHERE o.id = "order";
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no order %', "order" USING ERRCODE = 'no_data_found';
    ELSIF found_order.customer_id IS NOT NULL THEN
        RAISE EXCEPTION 'order % is no guest''s', "order" USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('customer', found_order.customer_id),
            HINT = 'commerce.erase_customer() and export_customer() are about customers.';
    END IF;
    RETURN ARRAY["order"];
END
$$;
COMMENT ON FUNCTION commerce.guest_orders(uuid, text) IS
'The orders of a guest: the one that is named, which must be a guest''s, or all whose destination named this e-mail address, in whatever spelling. P0002 unknown order, 22023 for a customer''s, for what is no e-mail address, and where neither or both are named; CM041 without a key file. Example: SELECT commerce.guest_orders(NULL, ''jane@example.com'').';
GRANT EXECUTE ON FUNCTION commerce.guest_orders(uuid, text) TO commerce_app, commerce_pii_reader;

CREATE FUNCTION commerce.erase_guest_of("order" uuid, OUT keys bigint, OUT changed bigint, OUT words bigint)
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    subject uuid;
    gone timestamptz;
BEGIN
    -- Whoever does something to the order locks it as well.
    PERFORM commerce.lock_order("order");
    keys := 0;
    changed := 0;
    -- Of the cart and the quote that it came from, too: backups hold what was sealed for those.
    FOR subject IN SELECT "order" UNION SELECT unnest(commerce.carts_of(NULL, ARRAY["order"]))
            UNION SELECT q.id FROM commerce.quotes q WHERE q.order_id = "order" LOOP
        keys := keys + commerce.erase_keys(subject);
        changed := changed + commerce.erase_values(subject);
    END LOOP;
    words := commerce.erase_words("order"::text, NULL, ARRAY["order"]);
    INSERT INTO commerce.guests AS g (order_id, erased_at) VALUES ("order", now())
        ON CONFLICT (order_id) DO UPDATE SET erased_at = excluded.erased_at WHERE g.erased_at IS NULL
        RETURNING erased_at INTO gone;
    IF gone IS NOT NULL THEN
        PERFORM commerce.write_audit('erase', 'commerce.guests', "order"::text,
            jsonb_build_object('keys', keys, 'rows', changed, 'words', words));
        INSERT INTO commerce.outbox (aggregate, topic, payload)
            VALUES ("order"::text, 'guest.erased', jsonb_build_object('id', "order", 'erased_at', gone));
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.erase_guest_of(uuid) IS 'Internal. Does for one order what erase_guest() says.';

CREATE FUNCTION commerce.erase_guest_cart(cart uuid, OUT keys bigint, OUT changed bigint, OUT words bigint)
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    subject uuid;
BEGIN
    keys := 0;
    changed := 0;
    FOR subject IN SELECT cart UNION SELECT unnest(commerce.carts_of(NULL, '{}', ARRAY[cart])) LOOP
        keys := keys + commerce.erase_keys(subject);
        changed := changed + commerce.erase_values(subject);
    END LOOP;
    words := commerce.erase_words(cart::text, NULL, '{}', ARRAY[cart]);
    PERFORM commerce.write_audit('erase', 'commerce.guests', cart::text,
        jsonb_build_object('keys', keys, 'rows', changed, 'words', words));
END
$$;
COMMENT ON FUNCTION commerce.erase_guest_cart(uuid) IS
'Internal. Does for a cart or a quote that nobody bought, which is locked, what erase_guest() says: with the carts that were merged into it.';

CREATE FUNCTION commerce.erase_guest("order" uuid DEFAULT NULL, email text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    carts uuid[] := '{}';
    orders uuid[];
    result jsonb;
BEGIN
    PERFORM commerce.require_shop();
    IF "order" IS NULL AND email IS NOT NULL THEN
        carts := commerce.guest_carts(email);
        -- Who buys one has locked it first: what was bought meanwhile is an order by then, and no cart any more.
        PERFORM FROM commerce.carts c WHERE c.id = ANY (carts) ORDER BY c.id FOR NO KEY UPDATE;
        PERFORM FROM commerce.quotes q WHERE q.id = ANY (carts) ORDER BY q.id FOR NO KEY UPDATE;
        carts := ARRAY(SELECT c.id FROM commerce.carts c WHERE c.id = ANY (carts) AND c.order_id IS NULL AND c.customer_id IS NULL
            UNION ALL SELECT q.id FROM commerce.quotes q WHERE q.id = ANY (carts) AND q.order_id IS NULL AND q.customer_id IS NULL ORDER BY 1);
    END IF;
    orders := commerce.guest_orders("order", email);
    result := (SELECT jsonb_build_object('keys', coalesce(sum(e.keys), 0), 'rows', coalesce(sum(e.changed), 0), 'words', coalesce(sum(e.words), 0))
        FROM (SELECT e.* FROM unnest(orders) o, LATERAL commerce.erase_guest_of(o) e
            UNION ALL SELECT e.* FROM unnest(carts) c, LATERAL commerce.erase_guest_cart(c) e) e);
    RETURN result || jsonb_build_object('orders', to_jsonb(orders), 'carts', to_jsonb(carts),
        'kept', jsonb_build_object('orders', cardinality(orders),
            'invoices', (SELECT count(*) FROM commerce.invoices i WHERE i.order_id = ANY (orders))));
END
$$;
COMMENT ON FUNCTION commerce.erase_guest(uuid, text) IS
'Forgets a guest for good, of one order or of all whose destination named an e-mail address (guest_orders()): deletes the keys that their addresses are sealed with, of the carts and quotes they came from as well, so that nothing of it opens any more, empties what was sealed for them, and takes away what people wrote about them, as erase_customer() does. Kept is what the law asks for: orders with amounts, titles, country, region and postal code, invoices, payments with their references. Returns {"orders": their ids, "carts", "keys", "rows", "words", "kept": {"orders", "invoices"}}; an address that no guest named is no order. "carts": ids of carts and quotes that nobody bought and whose destination names the address (guest_carts()), which are forgotten like orders, though they go on and a new destination may be put into them. No key is made for the order again: seal() for it is CM042. The event guest.erased tells the outside world, once for each order. Backups hold the keys until their key file''s epoch is destroyed. P0002 unknown order, 22023 for a customer''s and where neither or both are named, CM041 without a key file to look for an address, 40001 under REPEATABLE READ where an order, a cart or a quote has changed since the snapshot. Example: SELECT commerce.erase_guest(email => ''jane@example.com'').';
GRANT EXECUTE ON FUNCTION commerce.erase_guest(uuid, text) TO commerce_admin;

CREATE FUNCTION commerce.guest_facts(orders uuid[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = iso_8601
AS $$
BEGIN
    PERFORM commerce.require_shop();
    RETURN jsonb_build_object(
        'orders', (SELECT coalesce(jsonb_agg(commerce.order_summary(o.id) || jsonb_build_object('erased_at', g.erased_at,
                'invoices', commerce.invoices_of(o.id)) ORDER BY o.placed_at, o.id), '[]')
            FROM commerce.orders o LEFT JOIN commerce.guests g ON g.order_id = o.id WHERE o.id = ANY (orders) AND o.customer_id IS NULL),
        'fields', commerce.kept_fields());
END
$$;
COMMENT ON FUNCTION commerce.guest_facts(uuid[]) IS
'What export_guest() tells of guests'' orders that is not sealed. For commerce_pii_reader, who calls it through export_guest().';
GRANT EXECUTE ON FUNCTION commerce.guest_facts(uuid[]) TO commerce_pii_reader;

CREATE FUNCTION commerce.export_guest("order" uuid DEFAULT NULL, email text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    orders uuid[] := commerce.guest_orders("order", email);
    carts uuid[] := coalesce(commerce.guest_carts(email), '{}');
    facts jsonb := commerce.guest_facts(orders);
BEGIN
    -- In one statement: what is opened must not be a parameter of another, where an extension that logs those would see it.
    RETURN (WITH opened AS MATERIALIZED (SELECT o AS "order", v."table", jsonb_build_object(CASE WHEN o = ANY (orders) THEN 'order' ELSE 'cart' END, o, 'table', v."table", 'row', v."row",
                'column', v."column", 'field', v.field, 'value', commerce.export_value(v.value, o, v.row_id)) AS told,
                row_number() OVER (ORDER BY o, v."table" COLLATE "C", v."row", v."column") AS n
            FROM unnest(orders || carts) o, LATERAL commerce.export_values(o) v)
        SELECT facts || jsonb_build_object(
            'orders', (SELECT coalesce(jsonb_agg(s.summary || coalesce(v.parts, '{}') ORDER BY s.n), '[]')
                FROM jsonb_array_elements(facts -> 'orders') WITH ORDINALITY s (summary, n)
                    LEFT JOIN (SELECT x."order", jsonb_object_agg(x.told ->> 'column', x.told -> 'value') AS parts
                        FROM opened x WHERE x."table" IN ('commerce.orders', 'commerce.guests') GROUP BY 1) v
                        ON v."order" = (s.summary ->> 'id')::uuid),
            'values', (SELECT coalesce(jsonb_agg(x.told ORDER BY x.n), '[]') FROM opened x
                WHERE x."table" NOT IN ('commerce.orders', 'commerce.guests')),
            'exported_at', now()));
END
$$;
COMMENT ON FUNCTION commerce.export_guest(uuid, text) IS
'All that is known of a guest in one document, opened, of one order or of all whose destination named an e-mail address (guest_orders()): {"orders": with lines, payments, parcels, returns, invoices, ship_address and email, "values": of the app''s own registered columns, and of carts and quotes that nobody bought (guest_carts()), "fields": what is kept, what for, on which legal basis and for how long, "exported_at"}. A value that does not open is null. Whether who asks is who he says is for the shop to find out. Opens with the caller''s right to reveal(): commerce_pii_reader. Errors as guest_orders(). Example: SELECT commerce.export_guest(email => ''jane@example.com'').';
GRANT EXECUTE ON FUNCTION commerce.export_guest(uuid, text) TO commerce_pii_reader;
