CREATE FUNCTION commerce.keep_consents() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND NOT EXISTS (SELECT FROM commerce.consents) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'consents are written once and never changed' USING ERRCODE = 'CM042',
        HINT = 'commerce.record_consent(…, given => false) withdraws one.';
END
$$;
COMMENT ON FUNCTION commerce.keep_consents() IS
'Internal. Trigger on commerce.consents: CM042 for UPDATE and DELETE, and for a TRUNCATE of what is not empty.';

CREATE FUNCTION commerce.record_consent(customer uuid, purpose text, given boolean, source text DEFAULT NULL, document text DEFAULT NULL)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    consent uuid;
    gone timestamptz;
BEGIN
    PERFORM commerce.require_shop();
    IF num_nulls(customer, purpose, given) > 0 THEN
        RAISE EXCEPTION 'a consent needs a customer, a purpose, and whether it is given' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF btrim(purpose) = '' THEN
        RAISE EXCEPTION 'purpose is empty' USING ERRCODE = 'invalid_parameter_value', HINT = 'Say what for, for instance ''newsletter''.';
    END IF;
    -- One at a time, so that the later is the one that counts; and not while the customer is being erased.
    SELECT c.erased_at INTO gone FROM commerce.customers c WHERE c.id = customer FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no customer %', customer USING ERRCODE = 'no_data_found';
    END IF;
    IF gone IS NOT NULL THEN
        RAISE EXCEPTION 'this customer was erased' USING ERRCODE = 'CM042', DETAIL = jsonb_build_object('customer', customer),
            HINT = 'Whoever comes back is a new customer: commerce.create_customer().';
    END IF;
    INSERT INTO commerce.consents (customer_id, number, purpose, given, source, document, actor)
        VALUES (customer, 1 + coalesce((SELECT max(c.number) FROM commerce.consents c WHERE c.customer_id = customer), 0),
            record_consent.purpose, record_consent.given, record_consent.source, record_consent.document, commerce.acting_role())
        -- No two have one number, so under REPEATABLE READ this is 40001 where another was recorded since the snapshot.
        ON CONFLICT DO NOTHING RETURNING id INTO consent;
    INSERT INTO commerce.outbox (aggregate, topic, payload)
        VALUES (customer::text, CASE WHEN given THEN 'consent.given' ELSE 'consent.withdrawn' END,
            jsonb_build_object('id', consent, 'customer_id', customer, 'purpose', purpose));
    RETURN consent;
END
$$;
COMMENT ON FUNCTION commerce.record_consent(uuid, text, boolean, text, text) IS
'Writes down that a customer consents to a purpose (given) or no longer does, and returns the entry''s id. source: where that was said; document: which text it was said to. Entries are never changed; the last of a purpose counts, also of two at once. The event consent.given or consent.withdrawn tells the outside world. 22004 for NULL, 22023 for an empty purpose, P0002 unknown customer, CM042 one that was erased, CM070 where a payment card number stands in it, 40001 under REPEATABLE READ where another was recorded since the snapshot. Example: SELECT commerce.record_consent(customer, ''newsletter'', true, source => ''checkout'', document => ''privacy policy 3'').';
GRANT EXECUTE ON FUNCTION commerce.record_consent(uuid, text, boolean, text, text) TO commerce_app;

CREATE FUNCTION commerce.has_consent(customer uuid, purpose text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    RETURN coalesce((SELECT c.given FROM commerce.consents c
        WHERE c.customer_id = customer AND c.purpose = has_consent.purpose ORDER BY c.number DESC LIMIT 1), false)
        AND EXISTS (SELECT FROM commerce.customers c WHERE c.id = customer AND c.erased_at IS NULL);
END
$$;
COMMENT ON FUNCTION commerce.has_consent(uuid, text) IS
'Says whether a customer consents to a purpose now: what was recorded last says so. False where nothing was, and for an unknown or erased customer. Example: SELECT commerce.has_consent(customer, ''newsletter'').';
GRANT EXECUTE ON FUNCTION commerce.has_consent(uuid, text) TO commerce_app, commerce_reader;
