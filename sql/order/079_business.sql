CREATE FUNCTION commerce.create_draft(lines jsonb DEFAULT '[]', customer uuid DEFAULT NULL, channel text DEFAULT NULL,
        currency text DEFAULT NULL, changes jsonb DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cart uuid;
BEGIN
    PERFORM commerce.require_shop();
    PERFORM commerce.require_admin('make a draft');
    cart := commerce.create_cart(customer, channel, currency);
    UPDATE commerce.carts c SET kind = 'draft', expires_at = 'infinity' WHERE c.id = cart;
    PERFORM commerce.set_cart_lines(cart, lines);
    IF changes IS NOT NULL THEN
        PERFORM commerce.set_cart(cart, changes);
    END IF;
    RETURN cart;
END
$$;
COMMENT ON FUNCTION commerce.create_draft(jsonb, uuid, text, text, jsonb) IS
'Prepares an order for a customer and returns the draft: a cart that does not expire by itself (changes.expires_at says otherwise), and that commerce_admin alone makes, changes and holds (CM042), with all the functions of carts; whoever knows its id may price it with quote_cart() and buy it with place_order(), at the prices in it. lines: as in set_cart_lines(), with prices and discounts by hand; changes: as in set_cart(), such as a destination or options.discounts. Its quantities are not judged by commerce.quantity_rules. Errors as create_cart(), set_cart_lines() and set_cart(). Example: SELECT commerce.create_draft(''[{"sku": "MUG", "quantity": 3, "unit_price": "9.00"}]'', customer => …, changes => ''{"options": {"discounts": [{"percent": 5, "reason": "on the phone"}]}}'').';
GRANT EXECUTE ON FUNCTION commerce.create_draft(jsonb, uuid, text, text, jsonb) TO commerce_admin;

CREATE FUNCTION commerce.broken_quantities(skus text[], quantities bigint[], customer_group text)
    RETURNS TABLE (sku text, quantity bigint, minimum bigint, maximum bigint, increment bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp ROWS 10
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT a.sku, a.quantity::bigint, r.minimum, r.maximum, r.increment
        FROM (SELECT x.sku, sum(x.quantity) AS quantity, min(x.n) AS n FROM unnest(skus, quantities) WITH ORDINALITY x (sku, quantity, n)
                GROUP BY x.sku) a,
            LATERAL (SELECT q.minimum, q.maximum, q.increment FROM commerce.quantity_rules q
                WHERE q.sku = a.sku AND (q.customer_group IS NULL OR q.customer_group = broken_quantities.customer_group)
                ORDER BY q.customer_group NULLS LAST LIMIT 1) r
        WHERE a.quantity < r.minimum OR a.quantity > r.maximum OR a.quantity % r.increment <> 0
        ORDER BY a.n;
END
$$;
COMMENT ON FUNCTION commerce.broken_quantities(text[], bigint[], text) IS
'Internal. The skus of which an order by somebody of a group (NULL: none) would have another number of units than commerce.quantity_rules allow, each once, lines of one sku together.';

CREATE FUNCTION commerce.check_quantities(lines jsonb, customer uuid DEFAULT NULL)
    RETURNS TABLE (sku text, quantity bigint, minimum bigint, maximum bigint, increment bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 10
AS $$
#variable_conflict use_column
BEGIN
    PERFORM commerce.require_shop();
    PERFORM commerce.check_cart_lines(NULL, CASE WHEN jsonb_typeof(lines) IS DISTINCT FROM 'array' THEN lines ELSE (SELECT coalesce(jsonb_agg(
        CASE jsonb_typeof(x.line) WHEN 'object' THEN jsonb_build_object('sku', x.line -> 'sku', 'quantity', x.line -> 'quantity')
            ELSE x.line END ORDER BY x.n), '[]') FROM jsonb_array_elements(lines) WITH ORDINALITY x (line, n)) END);
    IF customer IS NOT NULL AND NOT EXISTS (SELECT FROM commerce.customers c WHERE c.id = customer) THEN
        RAISE EXCEPTION 'there is no customer %', customer USING ERRCODE = 'no_data_found';
    END IF;
    RETURN QUERY SELECT b.sku, b.quantity, b.minimum, b.maximum, b.increment FROM commerce.broken_quantities(
        ARRAY(SELECT x.line ->> 'sku' FROM jsonb_array_elements(lines) WITH ORDINALITY x (line, n) ORDER BY x.n),
        ARRAY(SELECT (x.line ->> 'quantity')::numeric::bigint FROM jsonb_array_elements(lines) WITH ORDINALITY x (line, n) ORDER BY x.n),
        (SELECT c.customer_group FROM commerce.customers c WHERE c.id = customer)) b;
END
$$;
COMMENT ON FUNCTION commerce.check_quantities(jsonb, uuid) IS
'The skus of lines of which there are other numbers of units than commerce.quantity_rules allow this customer, with what the rule asks for; no row: checkout() will not refuse them for it. quote() prices any quantity, so that one unit has a price to be shown. 22023 malformed lines, CM002 unknown sku, P0002 unknown customer, 22003 beyond 64 bits. Example: SELECT * FROM commerce.check_quantities(commerce.cart_content(cart)).';
GRANT EXECUTE ON FUNCTION commerce.check_quantities(jsonb, uuid) TO commerce_app;
