CREATE FUNCTION commerce.stripe_text(value jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^[A-Za-z0-9_.:-]{1,255}$' THEN value #>> '{}' END;
COMMENT ON FUNCTION commerce.stripe_text(jsonb) IS 'Internal. An id or code of Stripe''s; NULL for anything else, free text above all.';

CREATE FUNCTION commerce.stripe_intent_says(intent jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reference text := commerce.stripe_text(intent -> 'id');
    received jsonb := intent -> 'amount_received';
    outcome jsonb;
BEGIN
    IF reference IS NULL OR jsonb_typeof(intent -> 'amount') IS DISTINCT FROM 'number' OR jsonb_typeof(intent -> 'currency') IS DISTINCT FROM 'string' THEN
        RETURN '{"state": "unknown", "error": "no PaymentIntent"}';
    END IF;
    outcome := jsonb_build_object('reference', reference, 'amount', commerce.stripe_amount(intent -> 'amount', intent -> 'currency'),
        'keep', jsonb_strip_nulls(jsonb_build_object('id', reference, 'status', commerce.stripe_text(intent -> 'status'),
            'amount', intent -> 'amount', 'amount_received', received, 'latest_charge', commerce.stripe_text(intent -> 'latest_charge'))));
    RETURN outcome || CASE intent ->> 'status'
        WHEN 'requires_capture' THEN '{"state": "authorized"}'
        WHEN 'succeeded' THEN jsonb_build_object('state', 'captured',
            'captured', commerce.stripe_amount(coalesce(received, intent -> 'amount'), intent -> 'currency'),
            'released', coalesce(received, intent -> 'amount') <> intent -> 'amount')
        WHEN 'canceled' THEN '{"state": "voided"}'
        WHEN 'processing' THEN '{"state": "processing"}'
        WHEN 'requires_action' THEN jsonb_strip_nulls(jsonb_build_object('state', 'requires_action',
            'url', substring(intent #>> '{next_action,redirect_to_url,url}' FROM '^https?://[^[:space:][:cntrl:]]+$')))
        WHEN 'requires_payment_method' THEN jsonb_build_object('state', 'failed', 'error', coalesce(
            commerce.stripe_text(intent #> '{last_payment_error,decline_code}'), commerce.stripe_text(intent #> '{last_payment_error,code}'), 'declined'))
        ELSE '{"state": "unknown", "error": "the PaymentIntent is in no state that is known"}' END::jsonb;
END
$$;
COMMENT ON FUNCTION commerce.stripe_intent_says(jsonb) IS 'Internal. Adapter stripe: what a PaymentIntent says of its payment.';

CREATE FUNCTION commerce.stripe_refused(call jsonb, status integer, answer jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    code text := commerce.stripe_text(answer #> '{error,code}');
    type text := commerce.stripe_text(answer #> '{error,type}');
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'state', CASE
            -- A request of the same key is still under way, or has been under way at once.
            WHEN status = 409 THEN 'unknown'
            -- The same key with another body: somebody else uses it.
            WHEN type = 'idempotency_error' THEN 'dead'
            -- It may be as was wished, by a request whose answer was lost.
            WHEN code IN ('payment_intent_unexpected_state', 'charge_already_captured', 'charge_already_refunded') THEN 'unknown'
            ELSE 'failed' END,
        'error', coalesce(commerce.stripe_text(answer #> '{error,decline_code}'), code, type, format('answered %s', status)),
        'reference', CASE WHEN call ->> 'operation' = 'authorize' THEN commerce.stripe_text(answer #> '{error,payment_intent,id}') END,
        'keep', jsonb_strip_nulls(jsonb_build_object('type', type, 'code', code, 'decline_code', commerce.stripe_text(answer #> '{error,decline_code}'),
            'param', commerce.stripe_text(answer #> '{error,param}')))));
END
$$;
COMMENT ON FUNCTION commerce.stripe_refused(jsonb, integer, jsonb) IS 'Internal. Adapter stripe: what an error means for the call.';

CREATE FUNCTION commerce.stripe_intent(call jsonb, status integer, answer jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    outcome jsonb;
BEGIN
    IF status >= 400 THEN
        -- That the question was refused says nothing of what it was about.
        RETURN CASE WHEN (call -> 'asking') = 'true' THEN '{"state": "unknown", "error": "the question was refused"}'
            ELSE commerce.stripe_refused(call, status, answer) END;
    END IF;
    outcome := commerce.stripe_intent_says(answer);
    -- Where what was asked for is still to be done, it was not.
    RETURN CASE WHEN call ->> 'operation' IN ('capture', 'void') AND outcome ->> 'state' IN ('authorized', 'requires_action', 'failed')
            THEN outcome || '{"state": "absent"}'
        WHEN call ? 'reference' AND outcome ->> 'reference' <> call ->> 'reference' THEN '{"state": "unknown", "error": "another PaymentIntent"}'
        ELSE outcome END;
END
$$;
COMMENT ON FUNCTION commerce.stripe_intent(jsonb, integer, jsonb) IS 'Internal. Adapter stripe: reads an answer that is a PaymentIntent.';

CREATE FUNCTION commerce.stripe_searched(call jsonb, status integer, answer jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF status >= 400 OR jsonb_typeof(answer -> 'data') IS DISTINCT FROM 'array' THEN
        RETURN '{"state": "unknown", "error": "the search failed"}';
    END IF;
    -- What is not found yet may be found later; sent again under its key it is not made twice.
    RETURN coalesce((SELECT commerce.stripe_intent_says(i) FROM jsonb_array_elements(answer -> 'data') i
        WHERE i #>> '{metadata,commerce_call}' = call ->> 'id' LIMIT 1), '{"state": "absent"}');
END
$$;
COMMENT ON FUNCTION commerce.stripe_searched(jsonb, integer, jsonb) IS 'Internal. Adapter stripe: reads what a search for a call''s PaymentIntent found.';

CREATE FUNCTION commerce.stripe_refund_says(refund jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reference text := commerce.stripe_text(refund -> 'id');
BEGIN
    IF reference IS NULL OR jsonb_typeof(refund -> 'amount') IS DISTINCT FROM 'number' OR jsonb_typeof(refund -> 'currency') IS DISTINCT FROM 'string' THEN
        RETURN '{"state": "unknown", "error": "no refund"}';
    END IF;
    RETURN jsonb_build_object('keep', jsonb_build_object('id', reference, 'status', commerce.stripe_text(refund -> 'status'), 'amount', refund -> 'amount'))
        || CASE refund ->> 'status'
            WHEN 'succeeded' THEN jsonb_build_object('state', 'refunded', 'refunds', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
                'reference', reference, 'amount', commerce.stripe_amount(refund -> 'amount', refund -> 'currency'),
                'call', commerce.stripe_text(refund #> '{metadata,commerce_call}')))))
            WHEN 'failed' THEN jsonb_build_object('state', 'failed', 'error', coalesce(commerce.stripe_text(refund -> 'failure_reason'), 'failed'))
            WHEN 'canceled' THEN '{"state": "failed", "error": "canceled"}'
            ELSE '{"state": "processing"}' END::jsonb;
END
$$;
COMMENT ON FUNCTION commerce.stripe_refund_says(jsonb) IS 'Internal. Adapter stripe: what a refund says of its payment.';

CREATE FUNCTION commerce.stripe_refunded(call jsonb, status integer, answer jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN status >= 400 THEN commerce.stripe_refused(call, status, answer) ELSE commerce.stripe_refund_says(answer) END;
COMMENT ON FUNCTION commerce.stripe_refunded(jsonb, integer, jsonb) IS 'Internal. Adapter stripe: reads the answer to a refund.';

CREATE FUNCTION commerce.stripe_listed(call jsonb, status integer, answer jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF status >= 400 OR jsonb_typeof(answer -> 'data') IS DISTINCT FROM 'array' THEN
        RETURN '{"state": "unknown", "error": "the list failed"}';
    END IF;
    IF call ->> 'operation' = 'refund' THEN
        RETURN coalesce((SELECT commerce.stripe_refund_says(r) FROM jsonb_array_elements(answer -> 'data') r
                WHERE r #>> '{metadata,commerce_call}' = call ->> 'id' LIMIT 1),
            CASE WHEN (answer -> 'has_more') = 'true' THEN '{"state": "unknown", "error": "more than 100 refunds"}'
                ELSE '{"state": "absent"}' END::jsonb);
    END IF;
    RETURN jsonb_build_object('state', 'refunded', 'refunds', (SELECT coalesce(jsonb_agg(one), '[]') FROM jsonb_array_elements(answer -> 'data') r,
        LATERAL jsonb_array_elements(commerce.stripe_refund_says(r) -> 'refunds') one));
END
$$;
COMMENT ON FUNCTION commerce.stripe_listed(jsonb, integer, jsonb) IS
'Internal. Adapter stripe: reads the refunds of a PaymentIntent, for the one of a call or for all.';

CREATE FUNCTION commerce.stripe_event(call jsonb, status integer, event jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type text := event ->> 'type';
    object jsonb := event #> '{data,object}';
    intent text := commerce.stripe_text(CASE WHEN type LIKE 'payment_intent.%' THEN object -> 'id'
        WHEN jsonb_typeof(object -> 'payment_intent') = 'object' THEN object #> '{payment_intent,id}' ELSE object -> 'payment_intent' END);
    outcome jsonb := '{"state": "none"}';
BEGIN
    IF type IN ('payment_intent.amount_capturable_updated', 'payment_intent.succeeded', 'payment_intent.processing',
            'payment_intent.requires_action', 'payment_intent.canceled', 'payment_intent.payment_failed') THEN
        outcome := commerce.stripe_intent_says(object);
    ELSIF type = 'charge.refunded' THEN
        -- The charge says how much in all; which refunds they are, its list or else Stripe has to say.
        outcome := CASE WHEN jsonb_typeof(object #> '{refunds,data}') = 'array' AND (object #> '{refunds,has_more}') IS DISTINCT FROM 'true'
            THEN commerce.stripe_listed('{}', 200, object -> 'refunds') ELSE '{"state": "ask", "operation": "refunds"}' END;
    ELSIF type IN ('refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated') THEN
        outcome := commerce.stripe_refund_says(object);
        IF outcome ->> 'state' <> 'refunded' THEN
            outcome := '{"state": "none"}';
        END IF;
    ELSIF type IN ('charge.dispute.created', 'charge.dispute.closed') AND commerce.stripe_text(object -> 'id') IS NOT NULL
        AND jsonb_typeof(object -> 'amount') = 'number' AND jsonb_typeof(object -> 'currency') = 'string' AND object ->> 'status' NOT LIKE 'warning%' THEN
        -- Of an inquiry (warning_…) no money has moved.
        outcome := jsonb_build_object('state', CASE WHEN type = 'charge.dispute.closed' AND object ->> 'status' = 'won' THEN 'reversed' ELSE 'charged_back' END,
            'dispute', commerce.stripe_text(object -> 'id'), 'amount', commerce.stripe_amount(object -> 'amount', object -> 'currency'));
    END IF;
    RETURN jsonb_strip_nulls((outcome - 'keep') || jsonb_build_object('id', commerce.stripe_text(event -> 'id'), 'type', commerce.stripe_text(event -> 'type'),
        'reference', intent, 'payment', commerce.stripe_text(object #> '{metadata,commerce_payment}')));
END
$$;
COMMENT ON FUNCTION commerce.stripe_event(jsonb, integer, jsonb) IS 'Internal. Adapter stripe: what an event means, and for which payment.';
