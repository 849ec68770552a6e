-- A quote is an offer over lines, said and answered version by version. It has no cart while it is talked about: what is
-- offered stands in its versions, which nobody changes, and becomes a cart of its own in the transaction that orders it.
CREATE FUNCTION commerce.keep_versions() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'versions of quotes are written once and never changed' USING ERRCODE = 'CM042',
        HINT = 'Write another: commerce.offer_quote() or counter_quote().';
END
$$;
COMMENT ON FUNCTION commerce.keep_versions() IS 'Internal. Trigger on commerce.quote_versions, for UPDATE: CM042.';

CREATE FUNCTION commerce.keep_ordered_quote() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.refuse_event('quote', old.state, 'change');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION commerce.keep_ordered_quote() IS 'Internal. Trigger on commerce.quotes: what is ordered never changes again (CM010).';

CREATE FUNCTION commerce.quote_holder(quote uuid) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN 'quote:' || quote::text;
COMMENT ON FUNCTION commerce.quote_holder(uuid) IS
'The holder under whose name a quote holds stock: quote: and its id. Example: SELECT * FROM commerce.reservations WHERE holder = commerce.quote_holder(quote).';

CREATE FUNCTION commerce.tell_quote(quote uuid, topic text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO commerce.outbox (aggregate, topic, payload)
        SELECT quote::text, tell_quote.topic, jsonb_strip_nulls(jsonb_build_object('id', q.id, 'state', q.state, 'customer_id', q.customer_id,
            'channel', q.channel, 'version', q.version, 'total', q.total::jsonb, 'valid_until', q.valid_until, 'reason', q.reason,
            'order_id', q.order_id))
        FROM commerce.quotes q WHERE q.id = quote;
END
$$;
COMMENT ON FUNCTION commerce.tell_quote(uuid, text) IS 'Internal. Writes an event about a quote as it is now.';

CREATE FUNCTION commerce.free_quote_stock(quote uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.release_holder(h.holder) FROM (SELECT commerce.quote_holder(quote) AS holder) h
        WHERE EXISTS (SELECT FROM commerce.reservations r WHERE r.holder = h.holder AND r.state = 'held');
END
$$;
COMMENT ON FUNCTION commerce.free_quote_stock(uuid) IS 'Internal. Gives up what is held for a quote.';

CREATE FUNCTION commerce.end_quote("row" jsonb, event text, detail jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.free_quote_stock(("row" ->> 'id')::uuid);
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("row" ->> 'id', 'quote.' || ("row" ->> 'state'),
        jsonb_strip_nulls(jsonb_build_object('id', "row" -> 'id', 'state', "row" -> 'state', 'customer_id', "row" -> 'customer_id',
            'channel', "row" -> 'channel', 'version', "row" -> 'version', 'total', "row" -> 'total',
            'valid_until', "row" -> 'valid_until', 'reason', "row" -> 'reason')));
END
$$;
COMMENT ON FUNCTION commerce.end_quote(jsonb, text, jsonb) IS
'Internal. Effect of a quote''s reject and expire: what it holds is free again, and the outside world is told.';

CREATE FUNCTION commerce.lock_quote(quote uuid, customer uuid, event text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q record;
BEGIN
    PERFORM commerce.require_shop();
    SELECT x.state, x.valid_until INTO q FROM commerce.quotes x
        WHERE x.id = quote AND (customer IS NULL OR x.customer_id = customer) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no quote %', coalesce(quote::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    -- What has run out is over, whether expire_quotes() has run or not; the seller may offer anew, and either may say so.
    IF q.state IN ('sent', 'countered', 'accepted') AND q.valid_until <= clock_timestamp() AND event IN ('counter', 'accept', 'order') THEN
        q.state := 'expired';
    END IF;
    -- Said again: whose first answer was lost gets it now.
    IF (q.state, event) IN (('ordered', 'order'), ('accepted', 'accept')) THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.transitions t WHERE t.machine = 'quote' AND t.from_state = q.state AND t.event = lock_quote.event) THEN
        PERFORM commerce.refuse_event('quote', q.state, event);
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.lock_quote(uuid, uuid, text) IS
'Internal. Makes this transaction the only one that does anything with a quote. P0002 for an unknown one and, where a customer is given, for another''s; CM010 where the event is not allowed, or it has run out; 40001 under REPEATABLE READ where it was changed since the snapshot.';

CREATE FUNCTION commerce.check_offer(lines jsonb, valid_until timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF valid_until <= clock_timestamp() THEN
        RAISE EXCEPTION 'an offer must not run out before it is made' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Say a valid_until that is to come.';
    END IF;
    IF lines IS NOT NULL THEN
        -- Anybody may name a price to talk about; what else belongs to commerce_admin is judged as in a cart.
        PERFORM commerce.check_cart_lines(NULL, CASE WHEN jsonb_typeof(lines) <> 'array' THEN lines ELSE
            (SELECT coalesce(jsonb_agg(CASE jsonb_typeof(x.line) WHEN 'object' THEN x.line - '{unit_price,per_quantity}'::text[]
                ELSE x.line END ORDER BY x.n), '[]') FROM jsonb_array_elements(lines) WITH ORDINALITY x (line, n)) END);
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.check_offer(jsonb, timestamptz) IS
'Internal. Raises what is wrong with lines that somebody names for a quote (NULL: names none), as check_cart_lines() does, and 22023 for a time that has passed.';

CREATE FUNCTION commerce.price_offer(quote uuid, lines jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad record;
    priced jsonb;
BEGIN
    SELECT x.line ->> 'sku' AS sku INTO bad FROM jsonb_array_elements(CASE jsonb_typeof(lines) WHEN 'array' THEN lines ELSE '[]' END) x (line)
        WHERE jsonb_typeof(x.line) = 'object' AND jsonb_typeof(x.line -> 'sku') = 'string'
        GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'sku "%" stands in two lines', bad.sku USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('sku', bad.sku), HINT = 'A quote has one line for each sku.';
    END IF;
    -- What the shop's promotions would give is not part of an offer, and so cannot change it either.
    SELECT commerce.quote(lines, NULL, q.customer_id, q.channel, q.currency, q.ship_to, q.shipping_method, NULL,
        coalesce(q.options, '{}') || '{"promotions": []}') INTO STRICT priced FROM commerce.quotes q WHERE q.id = quote;
    -- Each line is kept with its price: that of the price list where the offer names none.
    RETURN jsonb_build_object('total', priced -> 'total', 'lines', (SELECT jsonb_agg(CASE WHEN x.line ? 'unit_price' THEN x.line
                ELSE x.line - 'per_quantity' || jsonb_build_object('unit_price', coalesce(p.line -> 'home_price', p.line -> 'unit_price') -> 'amount')
                    || CASE WHEN p.line ? 'per_quantity' THEN jsonb_build_object('per_quantity', p.line -> 'per_quantity') ELSE '{}' END END
            ORDER BY x.n)
        FROM jsonb_array_elements(lines) WITH ORDINALITY x (line, n)
            JOIN jsonb_array_elements(priced -> 'lines') WITH ORDINALITY p (line, n) ON p.n = x.n));
END
$$;
COMMENT ON FUNCTION commerce.price_offer(uuid, jsonb) IS
'Internal. {"lines", "total"} of lines offered for a quote, each with its price. 22023 for a sku in two lines, else the errors of quote().';

CREATE FUNCTION commerce.write_quote_version(quote uuid, side text, lines jsonb, message text, valid_until timestamptz,
        new_state text) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    number integer := (SELECT q.version + 1 FROM commerce.quotes q WHERE q.id = quote);
    offer jsonb;
BEGIN
    -- Nothing named: what was said last.
    lines := coalesce(lines, (SELECT v.lines FROM commerce.quote_versions v WHERE v.quote_id = quote AND v.version = number - 1));
    offer := commerce.price_offer(quote, lines);
    INSERT INTO commerce.quote_versions (quote_id, version, side, lines, total, message, valid_until, actor)
        VALUES (quote, number, side, offer -> 'lines', (offer -> 'total')::commerce.amount, message, valid_until, commerce.acting_role());
    UPDATE commerce.quotes q SET state = new_state, version = number, total = (offer -> 'total')::commerce.amount,
            valid_until = write_quote_version.valid_until, reason = NULL, changed_at = clock_timestamp()
        WHERE q.id = quote;
    RETURN number;
END
$$;
COMMENT ON FUNCTION commerce.write_quote_version(uuid, text, jsonb, text, timestamptz, text) IS
'Internal. Says something about a quote that is locked: its next version, and its state then.';

CREATE FUNCTION commerce.create_quote(lines jsonb, customer uuid DEFAULT NULL, channel text DEFAULT NULL, currency text DEFAULT NULL,
        valid_until timestamptz DEFAULT NULL, message text DEFAULT NULL, ship_to jsonb DEFAULT NULL,
        shipping_method text DEFAULT NULL, options jsonb DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    quote uuid := commerce.uuidv7();
BEGIN
    PERFORM commerce.require_shop();
    PERFORM commerce.require_admin('make a quote; buyers ask for one with commerce.request_quote()');
    IF lines IS NULL THEN
        RAISE EXCEPTION 'lines must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM commerce.check_offer(lines, valid_until);
    PERFORM commerce.check_quote_options(options, shipping_method);
    PERFORM commerce.try_cart_quote(customer => customer, channel => channel, currency => currency, ship_to => ship_to, options => options);
    INSERT INTO commerce.quotes (id, customer_id, channel, currency, ship_to, ship_address, shipping_method, options)
        SELECT quote, customer, coalesce(channel, 'default'), coalesce(currency, c.currency, s.currency), commerce.public_destination(ship_to),
            CASE WHEN ship_to <> commerce.public_destination(ship_to) THEN commerce.seal(ship_to::text, 'address', coalesce(customer, quote)) END,
            shipping_method, nullif(options, '{}')
        FROM commerce.shop s JOIN commerce.channels c ON c.code = coalesce(create_quote.channel, 'default');
    PERFORM commerce.write_quote_version(quote, 'seller', lines, message, valid_until, 'draft');
    RETURN quote;
END
$$;
COMMENT ON FUNCTION commerce.create_quote(jsonb, uuid, text, text, timestamptz, text, jsonb, text, jsonb) IS
'Makes a quote, which nobody has been offered yet, and returns its id; offer_quote() sends it. lines: as in quote(), a sku once, at the unit_price and with the discounts that they say, else at that of the price list as it is now; the shop''s promotions and their codes are not part of a quote. channel, currency, ship_to, shipping_method and options (discounts by hand, strategy) as in checkout(); a destination beyond country, region and postal_code is stored sealed (CM041 without a key). valid_until: when the offer ends (NULL: when it is rejected). Only by commerce_admin (CM042). 22004 without lines, 22023 malformed ones, a sku in two, a time that has passed, an unknown channel, currency, option or shipping method; CM002 unknown sku, P0002 unknown customer; errors of quote(). Example: SELECT commerce.create_quote(''[{"sku": "MUG", "quantity": 500, "unit_price": "8.00"}]'', customer => …, valid_until => now() + interval ''14 days'').';
GRANT EXECUTE ON FUNCTION commerce.create_quote(jsonb, uuid, text, text, timestamptz, text, jsonb, text, jsonb) TO commerce_admin;

CREATE FUNCTION commerce.check_quote_options(options jsonb, shipping_method text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF options ?| '{holder,promotions}'::text[] THEN
        RAISE EXCEPTION 'a quote''s holder and promotions are not for choice' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It holds stock under a name of its own, and no promotion applies to it.';
    END IF;
    PERFORM commerce.plan_sourcing('[]', options ->> 'strategy');
    IF shipping_method IS NOT NULL AND NOT EXISTS (SELECT FROM commerce.shipping_methods m WHERE m.code = shipping_method) THEN
        RAISE EXCEPTION 'there is no shipping method "%"', shipping_method USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Insert it into commerce.shipping_methods.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.check_quote_options(jsonb, text) IS
'Internal. 22023 for options and a shipping method that a quote cannot have, beside what quote() says about them.';

CREATE FUNCTION commerce.request_quote(cart uuid, message text DEFAULT NULL, customer uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    quote uuid := commerce.uuidv7();
BEGIN
    PERFORM commerce.lock_cart(cart, customer, 'change');
    IF NOT EXISTS (SELECT FROM commerce.cart_lines l WHERE l.cart_id = cart) THEN
        RAISE EXCEPTION 'cart % is empty', cart USING ERRCODE = 'invalid_parameter_value', DETAIL = jsonb_build_object('cart', cart),
            HINT = 'Put something into it with commerce.set_cart_line().';
    END IF;
    INSERT INTO commerce.quotes (id, customer_id, channel, currency, ship_to, ship_address, shipping_method, options, from_cart)
        SELECT quote, c.customer_id, c.channel, coalesce(c.currency, h.currency, s.currency), c.ship_to,
            commerce.cart_address(c.ship_address, c.id, c.customer_id, quote, c.customer_id), c.shipping_method,
            nullif(c.options - 'promotions', '{}'), c.id
        FROM commerce.carts c JOIN commerce.channels h ON h.code = c.channel, commerce.shop s WHERE c.id = cart;
    PERFORM commerce.write_quote_version(quote, 'buyer', commerce.cart_content(cart), message, NULL, 'draft');
    PERFORM commerce.tell_quote(quote, 'quote.requested');
    RETURN quote;
END
$$;
COMMENT ON FUNCTION commerce.request_quote(uuid, text, uuid) IS
'Asks the seller for an offer over what is in a cart, at the prices of the price list as it is now, and returns the quote, a draft: the event quote.requested tells the seller, who answers with offer_quote(). Customer, channel, currency, destination, shipping method and discounts by hand are the cart''s, which stays as it is; its codes and the shop''s promotions are not part of a quote. message is stored in the clear. customer, where given, must be whose cart it is. P0002 unknown cart, or another customer''s; CM010 one that is not open, 22023 an empty one; CM041 where a guest''s address has to be sealed anew and there is no key; errors of quote(). Example: SELECT commerce.request_quote(cart, message => ''for 500?'').';
GRANT EXECUTE ON FUNCTION commerce.request_quote(uuid, text, uuid) TO commerce_app;

CREATE FUNCTION commerce.offer_quote(quote uuid, lines jsonb DEFAULT NULL, message text DEFAULT NULL,
        valid_until timestamptz DEFAULT NULL, hold boolean DEFAULT false) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    offered integer;
    said timestamptz;
BEGIN
    PERFORM commerce.require_shop();
    PERFORM commerce.require_admin('offer a quote');
    PERFORM commerce.lock_quote(quote, NULL, 'offer');
    SELECT q.valid_until INTO said FROM commerce.quotes q WHERE q.id = quote;
    valid_until := coalesce(valid_until, said);
    PERFORM commerce.check_offer(lines, valid_until);
    IF hold AND (valid_until IS NULL OR NOT isfinite(valid_until)) THEN
        RAISE EXCEPTION 'stock is held until an offer ends' USING ERRCODE = 'invalid_parameter_value', HINT = 'Say valid_until.';
    END IF;
    offered := commerce.write_quote_version(quote, 'seller', lines, message, valid_until, 'sent');
    IF hold THEN
        PERFORM commerce.reserve_lines((SELECT coalesce(jsonb_agg(jsonb_build_object('sku', x.line -> 'sku', 'quantity', x.line -> 'quantity')
                    || CASE WHEN x.line ->> 'location' IS NULL THEN '{}' ELSE jsonb_build_object('location', x.line -> 'location') END
                    ORDER BY x.n), '[]')
                FROM commerce.quote_versions o, LATERAL jsonb_array_elements(o.lines) WITH ORDINALITY x (line, n)
                    JOIN commerce.variants v ON v.sku = x.line ->> 'sku' AND v.track_stock
                WHERE o.quote_id = quote AND o.version = offered),
            commerce.quote_holder(quote), valid_until - clock_timestamp(), 'all',
            coalesce((SELECT q.options ->> 'strategy' FROM commerce.quotes q WHERE q.id = quote), 'priority'));
    ELSE
        PERFORM commerce.free_quote_stock(quote);
    END IF;
    PERFORM commerce.tell_quote(quote, 'quote.sent');
    PERFORM commerce.chores_due(valid_until);
    RETURN offered;
END
$$;
COMMENT ON FUNCTION commerce.offer_quote(uuid, jsonb, text, timestamptz, boolean) IS
'Offers a quote to its buyer, as its next version, and returns that; an offer that was made before, accepted or not, is replaced. lines: as in create_quote(); NULL: those said last, also by the buyer, at the prices they have there. valid_until NULL: as before. hold: keeps the units from others while the offer stands (CM001 where they are not there), under commerce.quote_holder(quote). The event quote.sent tells the outside world. Only by commerce_admin (CM042). P0002 unknown quote, CM010 one that is ordered, 22023 a time that has passed or, with hold, none; 40001 under REPEATABLE READ where it was changed since the snapshot; all other errors as create_quote(). Example: SELECT commerce.offer_quote(quote, ''[{"sku": "MUG", "quantity": 500, "unit_price": "8.00"}]'', valid_until => now() + interval ''14 days'').';
GRANT EXECUTE ON FUNCTION commerce.offer_quote(uuid, jsonb, text, timestamptz, boolean) TO commerce_admin;

CREATE FUNCTION commerce.counter_quote(quote uuid, lines jsonb DEFAULT NULL, message text DEFAULT NULL, customer uuid DEFAULT NULL)
    RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said integer;
BEGIN
    PERFORM commerce.lock_quote(quote, customer, 'counter');
    PERFORM commerce.check_offer(lines);
    said := commerce.write_quote_version(quote, 'buyer', lines, message,
        (SELECT q.valid_until FROM commerce.quotes q WHERE q.id = quote), 'countered');
    PERFORM commerce.free_quote_stock(quote);
    PERFORM commerce.tell_quote(quote, 'quote.countered');
    RETURN said;
END
$$;
COMMENT ON FUNCTION commerce.counter_quote(uuid, jsonb, text, uuid) IS
'Answers an offer with another: other quantities, skus or prices (unit_price), as the next version, which it returns; lines NULL: the same, with a message. It binds nobody until the seller offers it: offer_quote(quote) does, as it is. What was held for the offer is free again. The event quote.countered tells the seller. customer, where given, must be whose quote it is. P0002 unknown quote, or another customer''s; CM010 one that is not sent, or has run out; CM042 for discounts and facts of the catalogue, which commerce_admin alone names; 40001 under REPEATABLE READ where it was changed since the snapshot; errors of lines as create_quote(). Example: SELECT commerce.counter_quote(quote, ''[{"sku": "MUG", "quantity": 600, "unit_price": "7.50"}]'').';
GRANT EXECUTE ON FUNCTION commerce.counter_quote(uuid, jsonb, text, uuid) TO commerce_app;

CREATE FUNCTION commerce.accept_quote(quote uuid, expected_total commerce.amount, customer uuid DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    q record;
BEGIN
    PERFORM commerce.require_shop();
    IF expected_total IS NULL THEN
        RAISE EXCEPTION 'expected_total must not be null' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'It says which offer is accepted.';
    END IF;
    PERFORM commerce.lock_quote(quote, customer, 'accept');
    SELECT x.version, x.total, x.currency, x.state INTO q FROM commerce.quotes x WHERE x.id = quote;
    IF commerce.currency(expected_total) <> q.currency THEN
        RAISE EXCEPTION 'the quote is in %, not in %', q.currency, commerce.currency(expected_total) USING ERRCODE = 'CM020',
            HINT = 'Accept it in its own currency.';
    END IF;
    IF commerce.minor_units(expected_total) <> commerce.minor_units(q.total) THEN
        RAISE EXCEPTION 'the total is %, not %', q.total, expected_total USING ERRCODE = 'CM022',
            DETAIL = jsonb_build_object('expected', expected_total::jsonb, 'actual', q.total::jsonb), HINT = 'Show the customer the latest offer.';
    END IF;
    IF q.state <> 'accepted' THEN
        UPDATE commerce.quotes x SET state = 'accepted', changed_at = clock_timestamp() WHERE x.id = quote;
        PERFORM commerce.tell_quote(quote, 'quote.accepted');
    END IF;
    RETURN q.version;
END
$$;
COMMENT ON FUNCTION commerce.accept_quote(uuid, commerce.amount, uuid) IS
'Accepts the offer that stands, of this total, and returns its version; order_quote() buys it. Accepting it again changes nothing. The event quote.accepted tells the seller. customer, where given, must be whose quote it is. CM022 where the offer that stands has another total, CM020 in another currency, 22004 without a total; P0002 unknown quote, or another customer''s; CM010 where none stands, or it has run out; 40001 under REPEATABLE READ where it was changed since the snapshot. Example: SELECT commerce.accept_quote(quote, ''4000 EUR'').';
GRANT EXECUTE ON FUNCTION commerce.accept_quote(uuid, commerce.amount, uuid) TO commerce_app;

CREATE FUNCTION commerce.reject_quote(quote uuid, reason text DEFAULT NULL, customer uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.lock_quote(quote, customer, 'reject');
    UPDATE commerce.quotes q SET state = 'rejected', reason = reject_quote.reason, changed_at = clock_timestamp() WHERE q.id = quote;
END
$$;
COMMENT ON FUNCTION commerce.reject_quote(uuid, text, uuid) IS
'Ends a quote that is not ordered, by either side, for a reason (stored in the clear); what it holds is free again. The seller may offer_quote() it anew. The event quote.rejected tells the outside world. customer, where given, must be whose quote it is. P0002 unknown quote, or another customer''s; CM010 one that is rejected, expired or ordered; 40001 under REPEATABLE READ where it was changed since the snapshot. Example: SELECT commerce.reject_quote(quote, reason => ''too dear'').';
GRANT EXECUTE ON FUNCTION commerce.reject_quote(uuid, text, uuid) TO commerce_app;

CREATE FUNCTION commerce.order_quote(quote uuid, idempotency_key text DEFAULT NULL, customer uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    q record;
    cart uuid := commerce.uuidv7();
    bought uuid;
BEGIN
    PERFORM commerce.lock_quote(quote, customer, 'order');
    SELECT x.* INTO q FROM commerce.quotes x WHERE x.id = quote;
    IF q.state = 'ordered' THEN
        RETURN commerce.place_order(q.cart_id, idempotency_key, q.total);
    END IF;
    INSERT INTO commerce.carts (id, kind, customer_id, channel, currency, ship_to, ship_address, shipping_method, options, attributes, expires_at)
        VALUES (cart, 'quote', q.customer_id, q.channel, q.currency, q.ship_to,
            commerce.cart_address(q.ship_address, q.id, q.customer_id, cart, q.customer_id), q.shipping_method,
            coalesce(q.options, '{}') || '{"promotions": []}', jsonb_build_object('quote', quote), 'infinity');
    INSERT INTO commerce.cart_lines (cart_id, sku, position, quantity, location, facts)
        SELECT cart, x.line ->> 'sku', x.n, (x.line ->> 'quantity')::numeric, x.line ->> 'location', x.line - '{sku,quantity,location}'::text[]
        FROM commerce.quote_versions v, LATERAL jsonb_array_elements(v.lines) WITH ORDINALITY x (line, n)
        WHERE v.quote_id = quote AND v.version = q.version;
    UPDATE commerce.reservations r SET holder = commerce.cart_holder(cart)
        WHERE r.holder = commerce.quote_holder(quote) AND r.state = 'held';
    bought := commerce.place_order(cart, idempotency_key, q.total);
    UPDATE commerce.quotes x SET state = 'ordered', cart_id = cart, order_id = bought, ship_address = NULL,
            changed_at = clock_timestamp()
        WHERE x.id = quote;
    PERFORM commerce.tell_quote(quote, 'quote.ordered');
    RETURN bought;
END
$$;
COMMENT ON FUNCTION commerce.order_quote(uuid, text, uuid) IS
'Buys what an accepted quote offers, at its prices, whatever price lists and promotions say by now, in one transaction, and returns the order: what place_order() does with a cart of its lines, which takes over what was held. Once for each quote: called again, by whomever, it returns the same order. The event quote.ordered has order_id. CM022 only where taxes or the price of shipping have changed since the offer: the seller offers it anew. idempotency_key, CM050 and all other errors as place_order(); customer, where given, must be whose quote it is. P0002 unknown quote, or another customer''s; CM010 one that is not accepted, or has run out; 40001 under REPEATABLE READ where it was changed since the snapshot. Example: SELECT commerce.order_quote(quote).';
GRANT EXECUTE ON FUNCTION commerce.order_quote(uuid, text, uuid) TO commerce_app;

CREATE FUNCTION commerce.expire_quotes(batch bigint DEFAULT 1000) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended bigint;
BEGIN
    PERFORM commerce.require_shop();
    IF batch <= 0 THEN
        RAISE EXCEPTION 'batch must be greater than zero' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- The clock is read once, so that the index gives those that are due and no others.
    UPDATE commerce.quotes q SET state = 'expired', changed_at = clock_timestamp() WHERE q.id = ANY (ARRAY(
            SELECT x.id FROM commerce.quotes x WHERE x.state IN ('sent', 'countered', 'accepted') AND x.valid_until <= (SELECT clock_timestamp())
            ORDER BY x.valid_until LIMIT batch FOR NO KEY UPDATE SKIP LOCKED))
        -- IS TRUE keeps the planner from reading the whole index of open offers beside these few.
        AND (q.state IN ('sent', 'countered', 'accepted') AND q.valid_until <= clock_timestamp()) IS TRUE;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION commerce.expire_quotes(bigint) IS
'Ends quotes that have run out (valid_until), at most batch of them, skipping those that somebody is busy with at this moment; returns how many. What they hold is free again, and the event quote.expired tells of each once; nothing was to be had of them from valid_until on, whether this has run or not. Done by the background worker where there is one. 22023 for a batch that is not positive. Example: SELECT commerce.expire_quotes(batch => 100).';
GRANT EXECUTE ON FUNCTION commerce.expire_quotes(bigint) TO commerce_app;
