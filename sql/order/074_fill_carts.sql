CREATE FUNCTION commerce.create_cart(customer uuid DEFAULT NULL, channel text DEFAULT NULL, currency text DEFAULT NULL)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    cart uuid := commerce.uuidv7();
    due timestamptz;
BEGIN
    PERFORM commerce.require_shop();
    IF num_nonnulls(customer, channel, currency) > 0 THEN
        PERFORM commerce.try_cart_quote(customer => customer, channel => channel, currency => currency);
        PERFORM commerce.hold_customer(customer);
    END IF;
    INSERT INTO commerce.carts (id, customer_id, channel, currency, expires_at)
        SELECT cart, create_cart.customer, coalesce(create_cart.channel, 'default'), create_cart.currency, now() + s.cart_ttl
        FROM commerce.shop s RETURNING expires_at INTO due;
    PERFORM commerce.chores_due(due);
    RETURN cart;
END
$$;
COMMENT ON FUNCTION commerce.create_cart(uuid, text, text) IS
'Makes an empty cart and returns its id, which is the key to it: whoever knows it can change the cart. customer NULL: a guest''s; channel NULL: default; currency (ISO 4217) NULL: the channel''s, else the shop''s. It expires commerce.shop.cart_ttl (30 days), or up to a 32nd more, after it was last changed. P0002 for an unknown customer, 22023 for an unknown channel or currency. Example: SELECT commerce.create_cart(channel => ''web'').';
GRANT EXECUTE ON FUNCTION commerce.create_cart(uuid, text, text) TO commerce_app;

CREATE FUNCTION commerce.check_cart_lines(cart uuid, lines jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad record;
BEGIN
    IF jsonb_typeof(lines) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'lines must be an array' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'For example [{"sku": "A", "quantity": 2}].';
    END IF;
    SELECT x.n INTO bad FROM jsonb_array_elements(lines) WITH ORDINALITY x (line, n)
        WHERE jsonb_typeof(x.line) <> 'object' OR jsonb_typeof(x.line -> 'sku') IS DISTINCT FROM 'string' OR x.line ->> 'sku' = ''
            OR (jsonb_typeof(x.line -> 'quantity') IN ('number', 'string')) IS NOT true
            OR x.line ->> 'quantity' !~ '^[0-9]{1,40}(\.0*)?$'
            OR jsonb_typeof(x.line -> 'location') NOT IN ('string', 'null')
        ORDER BY x.n LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'line % needs a sku and a quantity that is a whole number, 0 or more', bad.n
            USING ERRCODE = 'invalid_parameter_value', DETAIL = jsonb_build_object('line', bad.n),
                HINT = 'A line is {"sku": "A", "quantity": 2}.';
    END IF;
    SELECT x.line ->> 'sku' AS sku INTO bad FROM jsonb_array_elements(lines) x (line)
        GROUP BY 1 HAVING count(DISTINCT x.line - 'quantity') > 1 ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'sku "%" stands in two lines that are not alike', bad.sku USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('sku', bad.sku), HINT = 'A cart has one line for each sku; alike ones are added up.';
    END IF;
    -- As a value, each name is looked up by key; the first that is unknown is refused.
    PERFORM commerce.require_sku(u.sku) FROM (SELECT x.line ->> 'sku' AS sku FROM jsonb_array_elements(lines) x (line)
        WHERE (SELECT true FROM commerce.variants v WHERE v.sku = x.line ->> 'sku') IS NULL
        ORDER BY x.line ->> 'sku' COLLATE "C" LIMIT 1) u;
    PERFORM commerce.require_location(u.location) FROM (SELECT x.line ->> 'location' AS location
        FROM jsonb_array_elements(lines) x (line)
        WHERE x.line ->> 'location' IS NOT NULL
            AND (SELECT true FROM commerce.locations l WHERE l.code = x.line ->> 'location') IS NULL
        ORDER BY x.line ->> 'location' COLLATE "C" LIMIT 1) u;
    IF EXISTS (SELECT FROM jsonb_array_elements(lines) x (line) WHERE x.line - '{sku,quantity,location}'::text[] <> '{}') THEN
        PERFORM commerce.try_cart_quote((SELECT jsonb_agg('{"unit_price": "0"}'::jsonb || (x.line - 'location')
                || '{"quantity": 1}' ORDER BY x.n) FROM jsonb_array_elements(lines) WITH ORDINALITY x (line, n)),
            customer => c.customer_id, channel => c.channel, currency => c.currency)
            FROM commerce.carts c WHERE c.id = cart;
        PERFORM commerce.require_admin('put prices, discounts and facts of the catalogue into a cart');
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.check_cart_lines(uuid, jsonb) IS
'Internal. Raises what is wrong with lines for a cart: 22023 malformed or one sku in two ways, CM002 unknown sku or location, the errors of quote() about what else a line says, CM042 where the caller may not say it.';

CREATE FUNCTION commerce.write_cart_lines(cart uuid, lines jsonb, mode text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    bad record;
    last_position integer := 0;
BEGIN
    PERFORM commerce.check_cart_lines(cart, lines);
    IF mode = 'replace' THEN
        DELETE FROM commerce.cart_lines l WHERE l.cart_id = cart AND l.sku NOT IN (SELECT x.line ->> 'sku'
            FROM jsonb_array_elements(lines) x (line) WHERE (x.line ->> 'quantity')::numeric > 0);
    ELSE
        SELECT coalesce(max(l.position), 0) INTO last_position FROM commerce.cart_lines l WHERE l.cart_id = cart;
        IF EXISTS (SELECT FROM commerce.cart_lines l JOIN jsonb_array_elements(lines) x (line) ON l.sku = x.line ->> 'sku'
                WHERE l.cart_id = cart AND l.facts IS NOT NULL AND (x.line ->> 'quantity')::numeric > 0) THEN
            PERFORM commerce.require_admin('change lines with prices of their own');
        END IF;
        IF mode = 'set' THEN
            DELETE FROM commerce.cart_lines l USING jsonb_array_elements(lines) x (line)
                WHERE l.cart_id = cart AND l.sku = x.line ->> 'sku' AND (x.line ->> 'quantity')::numeric = 0;
        END IF;
    END IF;
    SELECT w.sku, w.quantity INTO bad FROM (SELECT x.line ->> 'sku' AS sku, sum((x.line ->> 'quantity')::numeric)
                + CASE mode WHEN 'merge' THEN coalesce(max(l.quantity), 0) ELSE 0 END AS quantity
            FROM jsonb_array_elements(lines) x (line)
                LEFT JOIN commerce.cart_lines l ON l.cart_id = cart AND l.sku = x.line ->> 'sku'
            GROUP BY 1) w
        WHERE w.quantity > 1000000000000 ORDER BY w.sku COLLATE "C" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a cart holds at most 10^12 units of a sku, not % of "%"', bad.quantity, bad.sku
            USING ERRCODE = 'numeric_value_out_of_range', DETAIL = jsonb_build_object('sku', bad.sku, 'quantity', bad.quantity);
    END IF;
    INSERT INTO commerce.cart_lines AS l (cart_id, sku, position, quantity, location, facts)
        SELECT cart, x.line ->> 'sku', last_position + min(x.n), sum((x.line ->> 'quantity')::numeric),
            max(x.line ->> 'location'), (array_agg(nullif(x.line - '{sku,quantity,location}'::text[], '{}')))[1]
        FROM jsonb_array_elements(lines) WITH ORDINALITY x (line, n)
        WHERE (x.line ->> 'quantity')::numeric > 0 GROUP BY x.line ->> 'sku'
        ON CONFLICT ON CONSTRAINT cart_lines_pkey DO UPDATE SET
            position = CASE mode WHEN 'replace' THEN excluded.position ELSE l.position END,
            quantity = CASE mode WHEN 'merge' THEN l.quantity ELSE 0 END + excluded.quantity,
            location = CASE mode WHEN 'replace' THEN excluded.location ELSE coalesce(excluded.location, l.location) END,
            facts = CASE mode WHEN 'replace' THEN excluded.facts ELSE coalesce(excluded.facts, l.facts) END;
END
$$;
COMMENT ON FUNCTION commerce.write_cart_lines(uuid, jsonb, text) IS
'Internal. Writes lines into a cart that is locked. mode replace: it has these and no others; set: these have this quantity, 0 removes; merge: it has so many more. Errors as check_cart_lines(), 22003 beyond 10^12 units.';

CREATE FUNCTION commerce.set_cart_line(cart uuid, sku text, quantity bigint, location text DEFAULT NULL,
        facts jsonb DEFAULT NULL, customer uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    PERFORM commerce.lock_cart(cart, customer, 'change');
    IF facts IS NOT NULL AND jsonb_typeof(facts) <> 'object' THEN
        RAISE EXCEPTION 'facts must be a JSON object' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'What else a line of quote() may say, for example {"unit_price": "9.00"}.';
    END IF;
    IF facts IS NULL AND quantity BETWEEN 1 AND 1000000000000 THEN
        -- The usual line in one statement; what that does not write, the statements for any lines write or refuse.
        INSERT INTO commerce.cart_lines AS l (cart_id, sku, position, quantity, location)
            SELECT cart, v.sku, 1 + coalesce((SELECT max(o.position) FROM commerce.cart_lines o WHERE o.cart_id = cart), 0),
                quantity, location
            FROM commerce.variants v WHERE v.sku = set_cart_line.sku
                AND (location IS NULL OR EXISTS (SELECT FROM commerce.locations p WHERE p.code = location))
            ON CONFLICT ON CONSTRAINT cart_lines_pkey DO UPDATE SET quantity = excluded.quantity,
                location = coalesce(excluded.location, l.location) WHERE l.facts IS NULL;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    PERFORM commerce.write_cart_lines(cart, jsonb_build_array(coalesce(facts, '{}')
        || jsonb_build_object('sku', sku, 'quantity', quantity, 'location', location)), 'set');
END
$$;
COMMENT ON FUNCTION commerce.set_cart_line(uuid, text, bigint, text, jsonb, uuid) IS
'Puts so many units (up to 10^12) of a sku into a cart, whatever was in it of the sku; 0 takes it out. location: from where to send it, else the shop decides; facts: what else a line of quote() may say, e.g. {"unit_price": "9.00", "discounts": [{"percent": 10, "reason": "scratched"}]}, by commerce_admin only, as are later changes of such a line (CM042); anyone may take it out. NULL leaves either as it is. customer, where given, must be whose cart it is. P0002 unknown cart, or another customer''s; CM010 one that is not open; CM002 unknown sku or location; 22023 sku or quantity NULL or negative; 22003 too many; errors of quote() about facts. Two at once wait for each other, and the later is what is in the cart; 40001 under REPEATABLE READ. Example: SELECT commerce.set_cart_line(cart, ''MUG'', 2).';
GRANT EXECUTE ON FUNCTION commerce.set_cart_line(uuid, text, bigint, text, jsonb, uuid) TO commerce_app;

CREATE FUNCTION commerce.set_cart_lines(cart uuid, lines jsonb, mode text DEFAULT 'replace', customer uuid DEFAULT NULL)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.lock_cart(cart, customer, 'change');
    IF mode IS NULL OR mode NOT IN ('replace', 'merge') THEN
        RAISE EXCEPTION 'mode must be replace or merge' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM commerce.write_cart_lines(cart, lines, mode);
    RETURN (SELECT count(*) FROM commerce.cart_lines l WHERE l.cart_id = cart);
END
$$;
COMMENT ON FUNCTION commerce.set_cart_lines(uuid, jsonb, text, uuid) IS
'Fills a cart in one call, [{"sku": "A", "quantity": 2}, …], and returns how many lines it has then. mode replace: it has these lines, in this order, and no others; merge: so many units more. A sku that stands in several lines alike is added up. A line may say location and, by commerce_admin, all that a line of quote() may. 22023 for another mode, malformed lines or one sku in lines that are not alike; all other errors as set_cart_line(). Example: SELECT commerce.set_cart_lines(cart, ''[{"sku": "MUG", "quantity": 1}]'', mode => ''merge'').';
GRANT EXECUTE ON FUNCTION commerce.set_cart_lines(uuid, jsonb, text, uuid) TO commerce_app;

CREATE FUNCTION commerce.check_cart_codes(cart uuid) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (SELECT count(*) FROM commerce.cart_codes c WHERE c.cart_id = cart) > 100 THEN
        RAISE EXCEPTION 'at most 100 codes can be entered' USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.check_cart_codes(uuid) IS 'Internal. 22023 for a cart with more than 100 codes, which quote() would refuse.';

CREATE FUNCTION commerce.add_cart_code(cart uuid, code text, customer uuid DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    normal text := upper(btrim(code) COLLATE "C");
BEGIN
    PERFORM commerce.lock_cart(cart, customer, 'change');
    IF code IS NULL THEN
        RAISE EXCEPTION 'a code must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM commerce.try_cart_quote(codes => ARRAY[code]);
    INSERT INTO commerce.cart_codes (cart_id, code) VALUES (cart, normal) ON CONFLICT DO NOTHING;
    PERFORM commerce.check_cart_codes(cart);
    RETURN normal;
END
$$;
COMMENT ON FUNCTION commerce.add_cart_code(uuid, text, uuid) IS
'Enters a code for a cart and returns it as it is stored, in upper case; entering it again changes nothing. What it gives is for quote_cart() to say. customer, where given, must be whose cart it is. CM030 unknown code, CM031 its promotion is not running, 22004 NULL, 22023 more than 100; P0002 and CM010 as set_cart_line(). Example: SELECT commerce.add_cart_code(cart, ''spring10'').';
GRANT EXECUTE ON FUNCTION commerce.add_cart_code(uuid, text, uuid) TO commerce_app;

CREATE FUNCTION commerce.remove_cart_code(cart uuid, code text, customer uuid DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.lock_cart(cart, customer, 'change');
    DELETE FROM commerce.cart_codes c WHERE c.cart_id = cart AND c.code = upper(btrim(remove_cart_code.code) COLLATE "C");
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION commerce.remove_cart_code(uuid, text, uuid) IS
'Takes a code, in any case, out of a cart and returns whether it was there. P0002 and CM010 as set_cart_line(). Example: SELECT commerce.remove_cart_code(cart, ''spring10'').';
GRANT EXECUTE ON FUNCTION commerce.remove_cart_code(uuid, text, uuid) TO commerce_app;

CREATE FUNCTION commerce.set_cart(cart uuid, changes jsonb, customer uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before record;
    later record;
    bad text;
    goes_to jsonb := nullif(changes -> 'ship_to', 'null');
BEGIN
    PERFORM commerce.lock_cart(cart, customer, 'change');
    IF jsonb_typeof(changes) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'changes must be a JSON object' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'For example {"ship_to": {"country": "DE"}, "shipping_method": "post"}.';
    END IF;
    SELECT key INTO bad FROM jsonb_object_keys(changes) key WHERE key NOT IN ('customer', 'channel', 'currency', 'ship_to',
        'shipping_method', 'options', 'attributes', 'expires_at') LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'a cart has no "%"', bad USING ERRCODE = 'invalid_parameter_value', DETAIL = jsonb_build_object('key', bad),
            HINT = 'It has customer, channel, currency, ship_to, shipping_method, options, attributes and expires_at.';
    END IF;
    SELECT key INTO bad FROM jsonb_each(changes) e (key, value)
        WHERE jsonb_typeof(value) NOT IN ('null', CASE WHEN key IN ('ship_to', 'options', 'attributes') THEN 'object' ELSE 'string' END)
        LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION '"%" must be %', bad, CASE WHEN bad IN ('ship_to', 'options', 'attributes') THEN 'an object' ELSE 'a string' END
            USING ERRCODE = 'invalid_parameter_value', DETAIL = jsonb_build_object('key', bad);
    END IF;

    SELECT c.* INTO before FROM commerce.carts c WHERE c.id = cart;
    -- What is named changes, null clears it, the rest stays.
    SELECT CASE WHEN changes ? 'customer' THEN (changes ->> 'customer')::uuid ELSE before.customer_id END AS customer_id,
            CASE WHEN changes ? 'channel' THEN coalesce(changes ->> 'channel', 'default') ELSE before.channel END AS channel,
            CASE WHEN changes ? 'currency' THEN changes ->> 'currency' ELSE before.currency END AS currency,
            CASE WHEN changes ? 'shipping_method' THEN changes ->> 'shipping_method' ELSE before.shipping_method END AS shipping_method,
            CASE WHEN changes ? 'options' THEN nullif(nullif(changes -> 'options', 'null'), '{}') ELSE before.options END AS options,
            CASE WHEN changes ? 'attributes' THEN coalesce(nullif(changes -> 'attributes', 'null'), '{}') ELSE before.attributes END AS attributes,
            coalesce((changes ->> 'expires_at')::timestamptz,
                greatest(before.expires_at, now() + (SELECT s.cart_ttl FROM commerce.shop s))) AS expires_at
        INTO later;
    PERFORM commerce.try_cart_quote(customer => later.customer_id, channel => later.channel, currency => later.currency,
        ship_to => goes_to, options => later.options);
    IF changes ? 'customer' THEN
        PERFORM commerce.hold_customer(later.customer_id);
    END IF;
    IF later.options ? 'holder' THEN
        RAISE EXCEPTION 'a cart''s holder is not for choice' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('holder', commerce.cart_holder(cart)), HINT = 'Leave it out.';
    END IF;
    PERFORM commerce.plan_sourcing('[]', later.options ->> 'strategy');
    IF coalesce(later.options, '{}') - 'strategy' <> coalesce(before.options, '{}') - 'strategy' THEN
        PERFORM commerce.require_admin('set discounts and options of pricing for a cart');
    END IF;
    IF later.shipping_method IS NOT NULL
        AND NOT EXISTS (SELECT FROM commerce.shipping_methods m WHERE m.code = later.shipping_method) THEN
        RAISE EXCEPTION 'there is no shipping method "%"', later.shipping_method USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Insert it into commerce.shipping_methods.';
    END IF;
    -- A draft never expires, until somebody says when.
    IF changes ->> 'expires_at' IS NOT NULL AND (later.expires_at <= now() OR NOT isfinite(later.expires_at)) THEN
        RAISE EXCEPTION 'a cart cannot expire at %', later.expires_at USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Name a time to come.';
    END IF;

    UPDATE commerce.carts c SET customer_id = later.customer_id, channel = later.channel, currency = later.currency,
            shipping_method = later.shipping_method, options = later.options, attributes = later.attributes,
            expires_at = later.expires_at, changed_at = clock_timestamp(),
            ship_to = CASE WHEN changes ? 'ship_to' THEN commerce.public_destination(goes_to) ELSE c.ship_to END,
            ship_address = CASE
                WHEN NOT changes ? 'ship_to' THEN commerce.cart_address(c.ship_address, c.id, c.customer_id, c.id, later.customer_id)
                WHEN goes_to <> commerce.public_destination(goes_to)
                    THEN commerce.seal(goes_to::text, 'address', coalesce(later.customer_id, c.id)) END
        WHERE c.id = cart;
    PERFORM commerce.chores_due(later.expires_at);
END
$$;
COMMENT ON FUNCTION commerce.set_cart(uuid, jsonb, uuid) IS
'Changes what is named in changes and leaves the rest; null clears. customer: whose cart it is now (a guest has logged in). channel, currency, shipping_method: as in quote(). ship_to: {"country": "DE", "postal_code": "10115", "street": …}; beyond country, region and postal_code it is stored sealed, for the customer or, of a guest, for the cart (CM041 without a key). options: those of checkout(), e.g. {"strategy": "no_split"}; all others, such as discounts by hand, by commerce_admin only (CM042). attributes: the shop''s own facts, an object. expires_at: a time to come; later changes move it on, never back. customer (the argument), where given, must be whose cart it is. P0002, CM010 and 40001 as set_cart_line(); 22023 unknown key, channel, method, currency or strategy, or a value of the wrong kind; P0002 unknown customer. Example: SELECT commerce.set_cart(cart, ''{"ship_to": {"country": "DE"}, "shipping_method": "post"}'').';
GRANT EXECUTE ON FUNCTION commerce.set_cart(uuid, jsonb, uuid) TO commerce_app;
