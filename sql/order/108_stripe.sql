CREATE FUNCTION commerce.form_encode(fields jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result text := '';
    f record;
    part text;
    b integer;
    n integer;
BEGIN
    IF jsonb_typeof(fields) <> 'object' THEN
        RAISE EXCEPTION 'fields must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR f IN SELECT x.key, x.value FROM jsonb_each_text(fields) x WHERE x.value IS NOT NULL ORDER BY x.key COLLATE "C" LOOP
        result := result || CASE WHEN result = '' THEN '' ELSE '&' END;
        FOR n IN 1 .. 2 LOOP
            part := CASE n WHEN 1 THEN f.key ELSE f.value END;
            FOR b IN SELECT get_byte(x.bytes, i) FROM (SELECT convert_to(part, 'UTF8') AS bytes) x, generate_series(0, octet_length(x.bytes) - 1) i LOOP
                result := result || CASE WHEN chr(b) ~ '[A-Za-z0-9_.~-]' AND b < 128 THEN chr(b) ELSE '%' || upper(lpad(to_hex(b), 2, '0')) END;
            END LOOP;
            result := result || CASE n WHEN 1 THEN '=' ELSE '' END;
        END LOOP;
    END LOOP;
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.form_encode(jsonb) IS
'Writes a JSON object of texts as application/x-www-form-urlencoded, in the order of its keys; nulls are left out. 22023 for anything but an object. For adapters. Example: SELECT commerce.form_encode(''{"a b": "ü", "c[d]": "1"}'').';

CREATE FUNCTION commerce.stripe_digits(currency text) RETURNS integer
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN upper(currency) IN ('BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 0
        WHEN upper(currency) IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND') THEN 3 ELSE 2 END;
COMMENT ON FUNCTION commerce.stripe_digits(text) IS
'Internal. How many decimals the amounts that Stripe is told have; not always those of ISO 4217: MGA has none there, ISK and UGX two.';

CREATE FUNCTION commerce.stripe_minor(amount commerce.amount) RETURNS bigint
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    digits integer := commerce.stripe_digits(commerce.currency(amount));
    minor numeric := commerce.to_numeric(amount) * 10::numeric ^ digits;
BEGIN
    -- Of three decimals the last has to be zero; of currencies that have no smaller unit in use, all.
    IF minor % (CASE WHEN digits = 3 THEN 10 WHEN commerce.currency(amount) IN ('ISK', 'UGX') THEN 100 ELSE 1 END) <> 0 THEN
        RAISE EXCEPTION 'Stripe does not take %: it is too fine', amount USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN minor;
END
$$;
COMMENT ON FUNCTION commerce.stripe_minor(commerce.amount) IS
'Internal. An amount as Stripe is told: 1250 for 12.50 EUR, 1250 for 1250 JPY, 12500 for 12.500 KWD, 500 for 5 ISK. 22023 for what is too fine.';

CREATE FUNCTION commerce.stripe_amount(minor jsonb, currency jsonb) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN commerce.amount((minor #>> '{}')::numeric / 10::numeric ^ commerce.stripe_digits(currency #>> '{}'), upper(currency #>> '{}'))::jsonb;
COMMENT ON FUNCTION commerce.stripe_amount(jsonb, jsonb) IS 'Internal. What stripe_minor() told, read back, as money in JSON.';

CREATE FUNCTION commerce.stripe_request(call jsonb, method text, path text, fields jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_build_object('method', method, 'path', path || CASE WHEN method = 'GET' AND fields <> '{}' THEN '?' || commerce.form_encode(fields) ELSE '' END,
        'body', CASE WHEN method = 'GET' THEN '' ELSE commerce.form_encode(fields) END,
        'headers', jsonb_build_object('Authorization', 'Bearer {secret}', 'Stripe-Version', coalesce(call #>> '{settings,version}', '2024-06-20'))
            || CASE WHEN method = 'GET' THEN '{}' ELSE jsonb_build_object('Content-Type', 'application/x-www-form-urlencoded',
                'Idempotency-Key', call -> 'id') END);
END
$$;
COMMENT ON FUNCTION commerce.stripe_request(jsonb, text, text, jsonb) IS 'Internal. A request to Stripe: what is written bears the call''s id as its key.';

CREATE FUNCTION commerce.stripe_path(call jsonb, rest text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(call ->> 'reference', '') !~ '^[A-Za-z0-9_]{1,255}$' THEN
        RAISE EXCEPTION 'Stripe has not said what it calls the payment' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN '/v1/payment_intents/' || (call ->> 'reference') || rest;
END
$$;
COMMENT ON FUNCTION commerce.stripe_path(jsonb, text) IS 'Internal. The path of a PaymentIntent. 22023 where it is not known yet.';

CREATE FUNCTION commerce.stripe_authorize(call jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN commerce.stripe_request(call, 'POST', '/v1/payment_intents', jsonb_strip_nulls(jsonb_build_object(
        'amount', commerce.stripe_minor(commerce.amount(call -> 'amount'))::text, 'currency', lower(call #>> '{amount,currency}'), 'confirm', 'true',
        'capture_method', call #> '{arguments,capture}', 'payment_method', call #> '{arguments,payment_method}',
        'return_url', call #> '{arguments,return_url}', 'automatic_payment_methods[enabled]', 'true',
        'automatic_payment_methods[allow_redirects]', CASE WHEN call #> '{arguments,return_url}' IS NULL THEN 'never' END,
        'metadata[commerce_order]', call -> 'order', 'metadata[commerce_payment]', call -> 'payment', 'metadata[commerce_call]', call -> 'id')));
COMMENT ON FUNCTION commerce.stripe_authorize(jsonb) IS 'Internal. Adapter stripe: a PaymentIntent, made and confirmed.';

CREATE FUNCTION commerce.stripe_capture(call jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN commerce.stripe_request(call, 'POST', commerce.stripe_path(call, '/capture'),
        jsonb_build_object('amount_to_capture', commerce.stripe_minor(commerce.amount(call -> 'amount'))::text));
COMMENT ON FUNCTION commerce.stripe_capture(jsonb) IS 'Internal. Adapter stripe: takes an amount of a PaymentIntent, whose rest Stripe lets go.';

CREATE FUNCTION commerce.stripe_cancel(call jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN commerce.stripe_request(call, 'POST', commerce.stripe_path(call, '/cancel'), '{}');
COMMENT ON FUNCTION commerce.stripe_cancel(jsonb) IS 'Internal. Adapter stripe: cancels a PaymentIntent.';

CREATE FUNCTION commerce.stripe_refund(call jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN commerce.stripe_request(call, 'POST', '/v1/refunds', jsonb_build_object('payment_intent', substr(commerce.stripe_path(call, ''), 21),
        'amount', commerce.stripe_minor(commerce.amount(call -> 'amount'))::text,
        'metadata[commerce_payment]', call -> 'payment', 'metadata[commerce_call]', call -> 'id'));
COMMENT ON FUNCTION commerce.stripe_refund(jsonb) IS 'Internal. Adapter stripe: gives an amount of a PaymentIntent back.';

CREATE FUNCTION commerce.stripe_retrieve(call jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN commerce.stripe_request(call, 'GET', commerce.stripe_path(call, ''), '{}');
COMMENT ON FUNCTION commerce.stripe_retrieve(jsonb) IS 'Internal. Adapter stripe: asks how a PaymentIntent is.';

CREATE FUNCTION commerce.stripe_search(call jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN commerce.stripe_request(call, 'GET', '/v1/payment_intents/search',
        jsonb_build_object('query', format('metadata["commerce_call"]:"%s"', call ->> 'id')));
COMMENT ON FUNCTION commerce.stripe_search(jsonb) IS 'Internal. Adapter stripe: asks for the PaymentIntent that a call may have made.';

CREATE FUNCTION commerce.stripe_refunds(call jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN commerce.stripe_request(call, 'GET', '/v1/refunds',
        jsonb_build_object('limit', '100', 'payment_intent', substr(commerce.stripe_path(call, ''), 21)));
COMMENT ON FUNCTION commerce.stripe_refunds(jsonb) IS 'Internal. Adapter stripe: asks for the refunds of a PaymentIntent.';
