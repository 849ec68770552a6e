CREATE FUNCTION commerce.request_payment("order" uuid, provider text DEFAULT 'manual', amount commerce.amount DEFAULT NULL,
        payment_method text DEFAULT NULL, capture text DEFAULT 'manual', return_url text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    total commerce.amount := commerce.lock_order("order");
    adapter text := commerce.require_provider(provider, 'payment');
    currency text := commerce.currency(total);
    payment uuid;
    rest bigint;
BEGIN
    IF capture IS NULL OR capture NOT IN ('manual', 'automatic') THEN
        RAISE EXCEPTION 'capture must be manual or automatic' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF adapter = 'manual' THEN
        RETURN commerce.begin_payment("order", amount, provider);
    END IF;
    IF commerce.holds_card_number(payment_method) OR commerce.holds_card_number(return_url) THEN
        RAISE EXCEPTION 'this holds a payment card number' USING ERRCODE = 'CM070',
            HINT = 'Have the provider take it in the buyer''s browser, and pass the name that it gives it.';
    END IF;
    IF payment_method COLLATE "C" !~ '^[!-~]{1,255}$' OR return_url !~* '^https?://[^[:space:][:cntrl:]]+$' OR octet_length(return_url) > 2000 THEN
        RAISE EXCEPTION 'payment_method is what the provider calls it, and return_url begins with https://' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- What a provider is being asked for counts as promised, so that two payments under way never take more than the order.
    rest := commerce.unpaid("order", total) - coalesce((SELECT sum(commerce.minor_units(p.requested)) FROM commerce.payments p
        WHERE p.order_id = "order" AND p.state IN ('created', 'processing', 'requires_action')
            AND EXISTS (SELECT FROM commerce.provider_calls c WHERE c.order_id = "order" AND c.payment_id = p.id AND c.operation = 'authorize')), 0);
    request_payment.amount := coalesce(request_payment.amount, commerce.from_minor(greatest(rest, 0), currency));
    PERFORM commerce.check_payment("order", request_payment.amount, total, rest);
    IF commerce.minor_units(request_payment.amount) = 0 THEN
        RAISE EXCEPTION 'there is nothing to ask for' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The order is paid, or another payment is under way: request_void() ends that.';
    END IF;
    payment := commerce.begin_payment("order", request_payment.amount, provider);
    PERFORM commerce.add_call("order", provider, 'authorize', payment, amount => request_payment.amount, arguments => jsonb_strip_nulls(
        jsonb_build_object('payment_method', payment_method, 'capture', capture, 'return_url', return_url)));
    RETURN payment;
END
$$;
COMMENT ON FUNCTION commerce.request_payment(uuid, text, commerce.amount, text, text, text) IS
'Has a payment provider asked for an amount of an order (NULL: all that nobody has promised or is being asked for) once this transaction has committed, and returns the payment: created, then, as the provider answers, processing, requires_action (payment_action() says where the buyer goes on), authorized, captured or failed. payment_method: what the provider calls the buyer''s card or account, never its number (CM070). capture: manual, by request_capture(), or automatic, at once. return_url: where the buyer comes back to. Of a manual provider nobody is asked: this is begin_payment(). CM060 beyond the rest of the order, 22023 for anything malformed and where nothing is left, CM010, CM020 and P0002 as begin_payment(), P0002 for an unknown provider, 55000 for a disabled one. Example: SELECT commerce.request_payment(order, ''stripe'', payment_method => ''pm_card_visa'').';
GRANT EXECUTE ON FUNCTION commerce.request_payment(uuid, text, commerce.amount, text, text, text) TO commerce_app;

CREATE FUNCTION commerce.lock_asked_payment(payment uuid, event text) RETURNS TABLE ("order" uuid, adapter text, state text, provider text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    SELECT p.order_id, p.provider INTO "order", provider FROM commerce.payments p WHERE p.id = payment;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no payment %', coalesce(payment::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM commerce.lock_order("order");
    SELECT p.state INTO STRICT state FROM commerce.payments p WHERE p.order_id = "order" AND p.id = payment;
    -- A payment of a provider that nobody has made known was taken by hand.
    adapter := coalesce((SELECT x.adapter FROM commerce.providers x WHERE x.name = provider), 'manual');
    IF adapter <> 'manual' AND EXISTS (SELECT FROM commerce.provider_calls c WHERE c.order_id = "order" AND c.payment_id = payment
            AND c.operation IN ('authorize', 'capture', 'void') AND (c.state IN ('pending', 'leased', 'unknown') OR (c.state = 'dead' AND c.maybe_done))
            AND NOT (event = 'void' AND c.operation = 'authorize' AND c.state = 'pending' AND NOT c.maybe_done)) THEN
        RAISE EXCEPTION 'the provider is still being asked about the payment' USING ERRCODE = 'object_in_use',
            DETAIL = jsonb_build_object('order', "order", 'payment', payment),
            HINT = 'Try again once its calls are done: SELECT * FROM commerce.provider_calls WHERE order_id = …';
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION commerce.lock_asked_payment(uuid, text) IS
'Internal. Locks the order of a payment and returns who is to be asked. P0002 for an unknown payment, 55006 while the provider is asked for what another answer would depend on.';

CREATE FUNCTION commerce.request_capture(payment uuid, amount commerce.amount DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked record;
    p record;
    rest bigint;
BEGIN
    SELECT * INTO STRICT asked FROM commerce.lock_asked_payment(payment, 'capture');
    IF asked.adapter = 'manual' THEN
        PERFORM commerce.capture_payment(payment, amount);
        RETURN NULL;
    END IF;
    PERFORM commerce.require_payable(asked.order, 'capture');
    IF asked.state NOT IN ('authorized', 'partially_captured') THEN
        PERFORM commerce.refuse_event('payment', asked.state, 'capture');
    END IF;
    SELECT x.* INTO STRICT p FROM commerce.payments x WHERE x.order_id = asked.order AND x.id = payment;
    rest := commerce.minor_units(p.authorized) - commerce.minor_units(p.captured);
    request_capture.amount := coalesce(request_capture.amount, commerce.from_minor(rest, commerce.currency(p.authorized)));
    PERFORM commerce.check_move(payment, request_capture.amount, commerce.from_minor(rest, commerce.currency(p.authorized)), 'capture');
    RETURN commerce.add_call(asked.order, p.provider, 'capture', payment, amount => request_capture.amount);
END
$$;
COMMENT ON FUNCTION commerce.request_capture(uuid, commerce.amount) IS
'Has the provider asked to take an authorized amount (NULL: all that is left) once this transaction has committed, and returns the call, whose outcome is booked by itself; what a provider then lets go of the rest is let go here as well. Of a manual provider it is capture_payment() at once, and NULL. CM060 beyond what was authorized, CM010 for a payment or order in another state, CM020, 22023 and P0002 as capture_payment(), 55006 while the provider is still asked to authorize, capture or void it. Example: SELECT commerce.request_capture($1, ''20 EUR'').';
GRANT EXECUTE ON FUNCTION commerce.request_capture(uuid, commerce.amount) TO commerce_app;

CREATE FUNCTION commerce.check_move(payment uuid, amount commerce.amount, rest commerce.amount, event text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF commerce.currency(amount) <> commerce.currency(rest) THEN
        RAISE EXCEPTION 'the payment is in %, not in %', commerce.currency(rest), commerce.currency(amount)
            USING ERRCODE = 'CM020', HINT = 'Capture and refund in the currency that was authorized.';
    ELSIF commerce.minor_units(amount) < 0 THEN
        RAISE EXCEPTION 'an amount must not be negative' USING ERRCODE = 'invalid_parameter_value';
    ELSIF commerce.minor_units(amount) > commerce.minor_units(rest) OR commerce.minor_units(amount) = 0 THEN
        RAISE EXCEPTION 'only % of the payment are left to %', rest, event
            USING ERRCODE = 'CM060', DETAIL = jsonb_build_object('payment', payment, 'amount', amount::jsonb, 'rest', rest::jsonb),
                HINT = 'What the provider is being asked to move counts as moved.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.check_move(uuid, commerce.amount, commerce.amount, text) IS
'Internal. Refuses an amount that a provider cannot be asked to move where so much is left: CM020, 22023, CM060.';

CREATE FUNCTION commerce.request_void(payment uuid) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked record;
BEGIN
    SELECT * INTO STRICT asked FROM commerce.lock_asked_payment(payment, 'void');
    IF asked.adapter = 'manual' THEN
        PERFORM commerce.void_payment(payment);
        RETURN NULL;
    END IF;
    IF asked.state NOT IN ('created', 'processing', 'requires_action', 'authorized') THEN
        PERFORM commerce.refuse_event('payment', asked.state, 'void');
    END IF;
    -- What was never sent is taken back; who has claimed it meanwhile has made it wait for this lock or be in use.
    UPDATE commerce.provider_calls c SET state = 'failed', finished_at = clock_timestamp(), error = 'withdrawn'
        WHERE c.order_id = asked.order AND c.payment_id = payment AND c.operation = 'authorize' AND c.state = 'pending' AND NOT c.maybe_done;
    IF FOUND OR NOT EXISTS (SELECT FROM commerce.provider_payments r WHERE r.order_id = asked.order AND r.payment_id = payment) THEN
        IF EXISTS (SELECT FROM commerce.provider_calls c WHERE c.order_id = asked.order AND c.payment_id = payment
                AND c.operation = 'authorize' AND c.state NOT IN ('failed', 'succeeded')) THEN
            RAISE EXCEPTION 'the provider is still being asked about the payment' USING ERRCODE = 'object_in_use',
                HINT = 'Try again once its calls are done.';
        END IF;
        PERFORM commerce.void_payment(payment);
        RETURN NULL;
    END IF;
    RETURN commerce.add_call(asked.order, asked.provider, 'void', payment);
END
$$;
COMMENT ON FUNCTION commerce.request_void(uuid) IS
'Has the provider asked to give up what it promised, or is still to promise, once this transaction has committed, and returns the call, whose outcome is booked by itself. Of a manual provider, and of a payment nobody was asked for yet, it is void_payment() at once, and NULL. CM010 for a payment in another state, 55006 while the provider is still asked to authorize or capture it, P0002 for an unknown payment. Example: SELECT commerce.request_void($1).';
GRANT EXECUTE ON FUNCTION commerce.request_void(uuid) TO commerce_app;

CREATE FUNCTION commerce.request_refund(payment uuid, amount commerce.amount DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked record;
    p record;
    rest bigint;
BEGIN
    SELECT * INTO STRICT asked FROM commerce.lock_asked_payment(payment, 'refund');
    IF asked.adapter = 'manual' THEN
        PERFORM commerce.refund_payment(payment, amount);
        RETURN NULL;
    END IF;
    SELECT x.* INTO STRICT p FROM commerce.payments x WHERE x.order_id = asked.order AND x.id = payment;
    rest := commerce.minor_units(p.captured) - commerce.minor_units(p.refunded) - commerce.minor_units(p.charged_back)
        - coalesce((SELECT sum(commerce.minor_units(c.amount)) FROM commerce.provider_calls c WHERE c.order_id = asked.order
            AND c.payment_id = payment AND c.operation = 'refund' AND NOT c.arguments ? 'undo' AND c.state NOT IN ('succeeded', 'failed')), 0);
    rest := greatest(rest, 0);
    request_refund.amount := coalesce(request_refund.amount, commerce.from_minor(rest, commerce.currency(p.authorized)));
    PERFORM commerce.check_move(payment, request_refund.amount, commerce.from_minor(rest, commerce.currency(p.authorized)), 'refund');
    RETURN commerce.add_call(asked.order, p.provider, 'refund', payment, amount => request_refund.amount);
END
$$;
COMMENT ON FUNCTION commerce.request_refund(uuid, commerce.amount) IS
'Has the provider asked to give captured money back (NULL: all that is left) once this transaction has committed, and returns the call, whose outcome is booked by itself. Of a manual provider it is refund_payment() at once, and NULL. CM060 beyond what was captured and is neither refunded, charged back nor being refunded, CM020, 22023 and P0002 as refund_payment(), 55006 while the provider is still asked to capture it. Example: SELECT commerce.request_refund($1, ''5 EUR'').';
GRANT EXECUTE ON FUNCTION commerce.request_refund(uuid, commerce.amount) TO commerce_app;

CREATE FUNCTION commerce.refresh_payment(payment uuid) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p record;
    spoken text;
    call uuid;
BEGIN
    PERFORM commerce.require_shop();
    SELECT x.order_id, x.provider, x.captured INTO p FROM commerce.payments x WHERE x.id = payment;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no payment %', coalesce(payment::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM commerce.lock_order(p.order_id);
    SELECT v.adapter INTO spoken FROM commerce.providers v WHERE v.name = p.provider;
    IF coalesce(spoken, 'manual') = 'manual' THEN
        RETURN NULL;
    END IF;
    -- What nobody knows is asked about now, which is none of the attempts after which it is given up.
    UPDATE commerce.provider_calls c SET next_at = clock_timestamp(), attempt = greatest(c.attempt - 1, 1)
        WHERE c.order_id = p.order_id AND c.payment_id = payment AND c.state = 'unknown' AND c.next_at > clock_timestamp();
    SELECT c.id INTO call FROM commerce.provider_calls c
        WHERE c.order_id = p.order_id AND c.payment_id = payment AND (c.state = 'unknown'
            OR (c.operation IN ('authorize', 'refresh') AND c.state IN ('pending', 'leased')))
        ORDER BY c.id LIMIT 1;
    IF FOUND THEN
        PERFORM commerce.wake_sender();
        RETURN call;
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.provider_payments r WHERE r.order_id = p.order_id AND r.payment_id = payment) THEN
        RETURN NULL;
    END IF;
    call := commerce.add_call(p.order_id, p.provider, 'refresh', payment);
    IF commerce.minor_units(p.captured) > 0 AND EXISTS (SELECT FROM commerce.provider_adapters a
            WHERE a.adapter = spoken AND a.operation = 'refunds') THEN
        PERFORM commerce.add_call(p.order_id, p.provider, 'refunds', payment);
    END IF;
    RETURN call;
END
$$;
COMMENT ON FUNCTION commerce.refresh_payment(uuid) IS
'Has the provider asked now how a payment is, and what of it was refunded, and returns the call; what it says is booked by itself, and what the order does not take any more is given back. Where the provider is being asked already, or nobody knows what became of a call, that goes on at once, and is returned. NULL where there is nobody to ask: of a manual provider, and of a payment that the provider has never named. 22023 where its adapter does not know the operation refresh, P0002 for an unknown payment. Example: SELECT commerce.refresh_payment($1).';
GRANT EXECUTE ON FUNCTION commerce.refresh_payment(uuid) TO commerce_app;

CREATE FUNCTION commerce.payment_action(payment uuid) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    RETURN (SELECT r.action_url FROM commerce.provider_payments r JOIN commerce.payments p ON p.order_id = r.order_id AND p.id = r.payment_id
        WHERE p.id = payment AND p.state = 'requires_action');
END
$$;
COMMENT ON FUNCTION commerce.payment_action(uuid) IS
'Where the buyer goes on with a payment that requires_action, as the provider says; NULL for any other. Example: SELECT commerce.payment_action($1).';
GRANT EXECUTE ON FUNCTION commerce.payment_action(uuid) TO commerce_app;

CREATE FUNCTION commerce.request_provider_call(subject uuid, provider text, operation text, arguments jsonb DEFAULT '{}',
        fulfilment uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known record;
BEGIN
    PERFORM commerce.require_shop();
    SELECT p.kind INTO known FROM commerce.providers p WHERE p.name = provider;
    IF NOT FOUND THEN
        PERFORM commerce.refuse_provider(provider);
    ELSIF known.kind = 'payment' THEN
        RAISE EXCEPTION 'provider "%" takes payments', provider USING ERRCODE = 'invalid_parameter_value',
            HINT = 'request_payment(), request_capture(), request_void() and request_refund() ask it.';
    END IF;
    PERFORM commerce.require_provider(provider, known.kind);
    IF subject IS NULL OR arguments IS NULL OR jsonb_typeof(arguments) <> 'object' OR octet_length(arguments::text) > 65536 THEN
        RAISE EXCEPTION 'a call needs a subject, and arguments that are a JSON object of at most 65,536 bytes'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF commerce.holds_card_number(arguments::text) THEN
        RAISE EXCEPTION 'this holds a payment card number' USING ERRCODE = 'CM070', HINT = 'None belongs here.';
    END IF;
    IF fulfilment IS NOT NULL AND NOT EXISTS (SELECT FROM commerce.fulfilments f WHERE f.order_id = subject AND f.id = fulfilment) THEN
        RAISE EXCEPTION 'order % has no fulfilment %', subject, fulfilment USING ERRCODE = 'no_data_found';
    END IF;
    RETURN commerce.add_call(subject, provider, operation, fulfilment => fulfilment, arguments => arguments - 'undo');
END
$$;
COMMENT ON FUNCTION commerce.request_provider_call(uuid, text, text, jsonb, uuid) IS
'Has a carrier or tax service asked for something that its adapter knows (rates, label, tracking, calculate …) once this transaction has committed, and returns the call; commerce.provider_calls.response has what the adapter keeps of the answer. subject: the order or cart it is about; fulfilment: the parcel that gets the tracking number the carrier gives, or has arrived where it says so. arguments: what the adapter wants to know; kept in the clear, so name people and addresses as the provider calls them. 22023 for another kind of provider, an operation it does not have and anything malformed, CM070 for a card number, P0002 for an unknown provider or parcel, 55000 for a disabled provider. Example: SELECT commerce.request_provider_call(order, ''dhl'', ''label'', ''{"service": "parcel"}'', parcel).';
GRANT EXECUTE ON FUNCTION commerce.request_provider_call(uuid, text, text, jsonb, uuid) TO commerce_app;
