CREATE FUNCTION commerce.judge_webhook(body text, headers jsonb, secrets text[], at timestamptz DEFAULT now()) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_judge_webhook';
COMMENT ON FUNCTION commerce.judge_webhook(text, jsonb, text[], timestamptz) IS
'What verify_webhook() thinks of a message: valid; malformed (a header missing, NULL, or none of Standard Webhooks); too_old, too_new (more than 300 seconds from at); forged. 22023 and 22004 as there. Example: SELECT commerce.judge_webhook($1, $2, ''{whsec_…}'').';

CREATE FUNCTION commerce.verify_webhook(body text, headers jsonb, secrets text[], at timestamptz DEFAULT now()) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN commerce.judge_webhook(body, headers, secrets, at) = 'valid';
COMMENT ON FUNCTION commerce.verify_webhook(text, jsonb, text[], timestamptz) IS
'Whether a message that came in is signed as Standard Webhooks by any of 1 to 10 secrets (whsec_…, or whpk_… to verify Ed25519), less than 300 seconds from at. body is the request''s body byte for byte, headers a JSON object of its headers, their names in any case. Never NULL: what is missing is not valid. 22023 for a secret that is none and for headers that are no object, 22004 for at NULL. Example: SELECT commerce.verify_webhook($1, current_setting(''request.headers'')::jsonb, ''{whsec_…}'').';

CREATE FUNCTION commerce.judge_stripe_signature(body text, header text, secret text, at timestamptz DEFAULT now()) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_judge_stripe_signature';
COMMENT ON FUNCTION commerce.judge_stripe_signature(text, text, text, timestamptz) IS
'What verify_stripe_signature() thinks of a body: valid, malformed, too_old, too_new (more than 300 seconds from at), forged. 22023 and 22004 as there. Example: SELECT commerce.judge_stripe_signature($1, ''t=1492774577,v1=5257a8…'', ''whsec_…'').';

CREATE FUNCTION commerce.verify_stripe_signature(body text, header text, secret text, at timestamptz DEFAULT now()) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN commerce.judge_stripe_signature(body, header, secret, at) = 'valid';
COMMENT ON FUNCTION commerce.verify_stripe_signature(text, text, text, timestamptz) IS
'Whether the header Stripe-Signature (t=…,v1=…) of a body is made with the secret of the webhook endpoint, less than 300 seconds from at. Never NULL: what is missing is not valid. 22023 for an empty secret, 22004 for at NULL. Example: SELECT commerce.verify_stripe_signature($1, $2, ''whsec_…'').';

CREATE FUNCTION commerce.judge_provider_event(signature text, body text, headers jsonb, secret commerce.sealed, provider uuid,
        at timestamptz) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_judge_provider_event';
COMMENT ON FUNCTION commerce.judge_provider_event(text, text, jsonb, commerce.sealed, uuid, timestamptz) IS
'Internal. What judge_stripe_signature() or, for the signature standard, judge_webhook() thinks of an event, by the sealed secret of a provider. CM040 where that does not open, CM041 without a key file.';

CREATE FUNCTION commerce.open_provider_secret(value commerce.sealed, provider uuid) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_open_provider_secret';
COMMENT ON FUNCTION commerce.open_provider_secret(commerce.sealed, uuid) IS
'Internal. The secret by which a provider knows the shop, for whoever sends its calls: put in for {secret} in their headers. For superusers, and not even the shop''s owner. CM040 where it does not open, CM041 without a key file.';
