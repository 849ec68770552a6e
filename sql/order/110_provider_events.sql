CREATE FUNCTION commerce.find_asked_payment(provider text, reference text, payment text) RETURNS TABLE ("order" uuid, id uuid)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT r.order_id, r.payment_id FROM commerce.provider_payments r
        WHERE r.provider = find_asked_payment.provider AND r.reference = find_asked_payment.reference;
    IF NOT FOUND AND payment ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN
        -- A provider speaks for its own payments alone, and of each by one name.
        RETURN QUERY SELECT p.order_id, p.id FROM commerce.payments p
            WHERE p.id = payment::uuid AND p.provider = find_asked_payment.provider
                AND NOT EXISTS (SELECT FROM commerce.provider_payments r WHERE r.order_id = p.order_id AND r.payment_id = p.id);
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.find_asked_payment(text, text, text) IS
'Internal. Which payment a provider means by its own name for it, or, before it is known by that, by the shop''s.';

CREATE FUNCTION commerce.receive_provider_event(provider text, body text, signature text DEFAULT NULL, headers jsonb DEFAULT '{}') RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    p record;
    verdict text;
    event jsonb;
    said jsonb;
    the_order uuid;
    paid uuid;
    now_in text := 'applied';
    why text;
    known record;
BEGIN
    PERFORM commerce.require_shop();
    SELECT x.name, x.id, x.settings, x.webhook_secret, a.read, a.signature INTO p FROM commerce.providers x
        LEFT JOIN commerce.provider_adapters a ON a.adapter = x.adapter AND a.operation = 'event'
        WHERE x.name = receive_provider_event.provider;
    IF NOT FOUND THEN
        PERFORM commerce.refuse_provider(provider);
    ELSIF p.webhook_secret IS NULL OR p.read IS NULL THEN
        RAISE EXCEPTION 'provider "%" sends no events', provider USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Its adapter has to know the operation event, and it needs a webhook_secret: commerce.update_provider().';
    END IF;
    IF octet_length(body) > 65536 THEN
        RAISE EXCEPTION 'an event has at most 65,536 bytes' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    IF headers IS NULL OR jsonb_typeof(headers) <> 'object' THEN
        RAISE EXCEPTION 'headers must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF signature IS NOT NULL THEN
        headers := headers || jsonb_build_object(CASE p.signature WHEN 'stripe' THEN 'stripe-signature' ELSE 'webhook-signature' END, signature);
    END IF;
    verdict := commerce.judge_provider_event(p.signature, coalesce(body, ''), headers, p.webhook_secret, p.id, clock_timestamp());
    IF verdict <> 'valid' THEN
        RAISE EXCEPTION 'the event is not signed by provider "%"', provider USING ERRCODE = 'invalid_authorization_specification',
            DETAIL = jsonb_build_object('verdict', verdict), HINT = 'Pass the body byte for byte as it came, and its signature.';
    END IF;
    BEGIN
        event := body::jsonb;
        EXECUTE format('SELECT %s($1, $2, $3)', commerce.adapter_function(p.read, 'jsonb, integer, jsonb')) INTO said
            USING jsonb_build_object('operation', 'event', 'provider', p.name, 'settings', p.settings), 0, event;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
        said := NULL;
    END;
    IF coalesce(said ->> 'id', '') = '' OR octet_length(said ->> 'id') > 255 OR coalesce(said ->> 'type', '') = ''
        OR coalesce(said ->> 'state', 'unknown') = 'unknown' THEN
        RAISE EXCEPTION 'this is no event of provider "%"', provider USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is signed as one; its adapter makes nothing of it.';
    END IF;
    IF said ? 'error' THEN
        said := jsonb_set(said, '{error}', commerce.scrub(said -> 'error'));
    END IF;
    IF said ->> 'fulfilment' IS NULL THEN
        SELECT f.order, f.id INTO the_order, paid FROM commerce.find_asked_payment(provider, said ->> 'reference', said ->> 'payment') f;
        IF FOUND THEN
            PERFORM commerce.lock_order(the_order);
        END IF;
        now_in := CASE WHEN said ->> 'state' = 'none' OR (NOT FOUND AND said ->> 'reference' IS NULL) THEN 'ignored'
            WHEN paid IS NULL THEN 'waiting' ELSE 'applied' END;
    END IF;
    INSERT INTO commerce.provider_events (provider, id, type, reference, payment_id, outcome, state)
        VALUES (receive_provider_event.provider, said ->> 'id', left(said ->> 'type', 255), said ->> 'reference', paid,
            commerce.scrub(said - '{id,type}'::text[]), now_in)
        ON CONFLICT (provider, id) DO NOTHING;
    IF NOT FOUND THEN
        SELECT e.state INTO STRICT known FROM commerce.provider_events e WHERE e.provider = receive_provider_event.provider AND e.id = said ->> 'id';
        RETURN jsonb_build_object('id', said -> 'id', 'type', said -> 'type', 'state', known.state, 'replayed', true);
    END IF;
    IF now_in = 'applied' THEN
        BEGIN
            IF said ->> 'fulfilment' IS NULL THEN
                PERFORM commerce.apply_outcome(the_order, paid, provider, said);
            ELSE
                PERFORM commerce.apply_to_parcel((said ->> 'fulfilment')::uuid, said);
            END IF;
        EXCEPTION WHEN SQLSTATE 'CM010' OR SQLSTATE 'CM011' OR SQLSTATE 'CM020' OR SQLSTATE 'CM050' OR SQLSTATE 'CM060'
            OR SQLSTATE 'CM070' OR invalid_parameter_value OR invalid_text_representation OR no_data_found THEN
            why := SQLSTATE;
            now_in := 'refused';
        END;
        IF why IN ('CM010', 'CM011', 'CM060') AND said ->> 'state' IN ('authorized', 'captured') THEN
            PERFORM commerce.undo_payment(the_order, paid, provider, said, why);
        ELSIF why IN ('CM010', 'CM060') AND said ->> 'state' IN ('refunded', 'charged_back', 'reversed') THEN
            -- What was taken may still be on its way here.
            now_in := 'waiting';
        END IF;
        IF why IS NOT NULL THEN
            UPDATE commerce.provider_events e SET state = now_in, error = why
                WHERE e.provider = receive_provider_event.provider AND e.id = said ->> 'id';
        ELSIF paid IS NOT NULL THEN
            PERFORM commerce.apply_waiting(the_order, paid, provider);
        END IF;
    END IF;
    RETURN jsonb_build_object('id', said -> 'id', 'type', said -> 'type', 'state', now_in);
END
$$;
COMMENT ON FUNCTION commerce.receive_provider_event(text, text, text, jsonb) IS
'Takes an event that a provider sends by itself: judges its signature, books what it means, once however often it comes and whatever comes before it, and returns {"id", "type", "state"}, with "replayed" where it was there already. state: applied; waiting for what it follows on; refused by the ledger (commerce.provider_events.error says why); ignored, as it means nothing here. body: the request''s body byte for byte; signature: the header Stripe-Signature, or webhook-signature, whose other headers are in headers. 28000, with the verdict in DETAIL, for what is not signed by the provider within 300 seconds; 54000 for more than 65,536 bytes, 22023 for what is signed and no event, P0002 for an unknown provider, 55000 for one that sends none, CM070 where it is named, or names a payment, by a payment card number, CM041 without a key file. Answer the provider 200 for any state. Example: SELECT commerce.receive_provider_event(''stripe'', $1, $2).';
GRANT EXECUTE ON FUNCTION commerce.receive_provider_event(text, text, text, jsonb) TO commerce_app;
