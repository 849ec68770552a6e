CREATE FUNCTION commerce.tell_sender() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_tell_sender';
COMMENT ON FUNCTION commerce.tell_sender() IS
'Internal. Statement trigger on commerce.outbox and commerce.endpoints: tells the sender of events at commit that there is something to do; with the argument anew also where it had found nothing to do at all.';

CREATE FUNCTION commerce.wake_sender() RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_wake_sender';
COMMENT ON FUNCTION commerce.wake_sender() IS
'Internal. Tells the sender of events at commit that there is something to send; does nothing where there is none.';

CREATE FUNCTION commerce.check_endpoint_url(url text) RETURNS void
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_check_endpoint_url';
COMMENT ON FUNCTION commerce.check_endpoint_url(text) IS
'Internal. 22023, without the URL, for what events are not sent to: anything but https (http only to an address in commerce.allow_private_endpoints), an address that is not of the open internet, a user or password, odd spellings.';

CREATE FUNCTION commerce.make_webhook_secret(signature text) RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_make_webhook_secret';
COMMENT ON FUNCTION commerce.make_webhook_secret(text) IS
'Internal. A new random secret for signature v1 (whsec_…) or v1a (whsk_…).';

CREATE FUNCTION commerce.webhook_public_key(secret text, signature text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_webhook_public_key';
COMMENT ON FUNCTION commerce.webhook_public_key(text, text) IS
'Internal. Of a secret of v1a the key that receivers verify by (whpk_…), of one of v1 NULL; 22023, without the secret, for what is none of that signature.';

CREATE FUNCTION commerce.topic_matches(patterns text[], topic text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT EXISTS (SELECT FROM unnest(patterns) p
        WHERE p = '*' OR p = topic OR (right(p, 2) = '.*' AND starts_with(topic, left(p, -1))))
$$;
COMMENT ON FUNCTION commerce.topic_matches(text[], text) IS
'Whether any of the patterns means the topic: the topic itself, * for all, order.* for all that begins with order. Example: SELECT commerce.topic_matches(''{order.*}'', ''order.placed'').';

CREATE FUNCTION commerce.check_endpoint(url text, topics text[], order_mode text, max_in_flight integer, headers jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    header record;
BEGIN
    IF url LIKE 'notify:%' THEN
        IF octet_length(url) NOT BETWEEN 8 AND 70 THEN
            RAISE EXCEPTION 'a channel has from 1 to 63 bytes' USING ERRCODE = '22023', HINT = 'Write for instance notify:shop_events.';
        END IF;
    ELSE
        PERFORM commerce.check_endpoint_url(url);
    END IF;
    IF coalesce(cardinality(topics), 0) = 0 THEN
        RAISE EXCEPTION 'an endpoint without topics is told nothing' USING ERRCODE = '22023', HINT = 'Leave topics out for all.';
    ELSIF cardinality(topics) > 100 THEN
        RAISE EXCEPTION 'at most 100 topics' USING ERRCODE = '54000', HINT = 'Use beginnings of topics, as order.*.';
    ELSIF EXISTS (SELECT FROM unnest(topics) t WHERE t IS NULL
            OR (t <> '*' AND (t !~ '^[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*(\.\*)?$' OR octet_length(t) > 200))) THEN
        RAISE EXCEPTION 'topics has something that is no topic' USING ERRCODE = '22023',
            HINT = 'Write topics as order.placed, their beginnings as order.*, or * for all.';
    END IF;
    IF order_mode IS NULL OR order_mode NOT IN ('strict', 'skip') THEN
        RAISE EXCEPTION 'order_mode must be strict or skip' USING ERRCODE = '22023';
    END IF;
    IF max_in_flight IS NULL OR max_in_flight NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'max_in_flight must be from 1 to 100' USING ERRCODE = '22023';
    END IF;
    IF headers IS NULL OR jsonb_typeof(headers) <> 'object' THEN
        RAISE EXCEPTION 'headers must be a JSON object' USING ERRCODE = '22023', HINT = 'Write for instance {"authorization": "Bearer …"}.';
    ELSIF (SELECT count(*) FROM jsonb_object_keys(headers)) > 20 THEN
        RAISE EXCEPTION 'at most 20 headers' USING ERRCODE = '54000';
    END IF;
    FOR header IN SELECT h.key, h.value FROM jsonb_each(headers) h LOOP
        IF header.key !~ '^[A-Za-z0-9-]{1,100}$' OR lower(header.key) LIKE 'webhook-%' OR lower(header.key) IN ('host', 'content-type',
                'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade', 'te', 'trailer', 'user-agent', 'proxy-authorization') THEN
            RAISE EXCEPTION 'a header of that name cannot be added' USING ERRCODE = '22023',
                HINT = 'Names are letters, digits and dashes; those that every request has, or that say how it is sent, are not to be given.';
        ELSIF jsonb_typeof(header.value) <> 'string' OR header.value #>> '{}' COLLATE "C" !~ '^[ -~]*$'
                OR length(header.value #>> '{}') > 4096 THEN
            RAISE EXCEPTION 'the value of a header must be a string of visible ASCII' USING ERRCODE = '22023',
                HINT = 'At most 4,096 characters; no line breaks.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION commerce.check_endpoint(text, text[], text, integer, jsonb) IS
'Internal. 22023 or 54000 where an endpoint cannot be like this; says nothing of url and headers, which may hold secrets.';

CREATE FUNCTION commerce.create_endpoint(url text, topics text[] DEFAULT '{*}', order_mode text DEFAULT 'strict', secret text DEFAULT NULL,
        signature text DEFAULT 'v1', max_in_flight integer DEFAULT 8, headers jsonb DEFAULT '{}') RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    id uuid := commerce.uuidv7();
    public_key text;
BEGIN
    PERFORM commerce.require_shop();
    PERFORM commerce.check_endpoint(url, topics, order_mode, max_in_flight, headers);
    IF url LIKE 'notify:%' THEN
        IF secret IS NOT NULL OR headers <> '{}' THEN
            RAISE EXCEPTION 'NOTIFY has neither headers nor a signature' USING ERRCODE = '22023', HINT = 'Leave secret and headers out.';
        END IF;
        INSERT INTO commerce.endpoints (id, url, topics, order_mode, max_in_flight, signature)
            VALUES (id, url, topics, order_mode, max_in_flight, 'v1');
        RETURN jsonb_build_object('id', id);
    END IF;
    IF signature IS NULL OR signature NOT IN ('v1', 'v1a') THEN
        RAISE EXCEPTION 'signature must be v1 or v1a' USING ERRCODE = '22023';
    END IF;
    secret := coalesce(secret, commerce.make_webhook_secret(signature));
    public_key := commerce.webhook_public_key(secret, signature);
    INSERT INTO commerce.endpoints (id, url, topics, order_mode, max_in_flight, signature, secret, headers)
        VALUES (id, url, topics, order_mode, max_in_flight, signature, commerce.seal(secret, 'secret:endpoint', id),
            CASE WHEN headers <> '{}' THEN commerce.seal(headers::text, 'secret:endpoint_headers', id) END);
    RETURN jsonb_strip_nulls(jsonb_build_object('id', id, 'secret', secret, 'public_key', public_key));
END
$$;
COMMENT ON FUNCTION commerce.create_endpoint(text, text[], text, text, text, integer, jsonb) IS
'Has events sent to a URL from now on, signed as Standard Webhooks, and returns {"id", "secret"} and, for v1a, {"public_key"}: the secret is not shown again. topics: order.placed, order.* for all that begins so, * for all. order_mode: strict, of each aggregate an event only after all before it are delivered; skip, or given up. signature: v1 (HMAC-SHA256, secret whsec_…) or v1a (Ed25519, secret whsk_…, public key whpk_…); a secret is made where none is given. max_in_flight: 1 to 100 requests at a time. headers: more of them, a JSON object of strings. url notify:channel has each told by NOTIFY instead. 22023 for what is none of that, and for a URL that is not https to the open internet (commerce.allow_private_endpoints allows others); 54000 for too many topics or headers; CM041 without a key file. Example: SELECT commerce.create_endpoint(''https://shop.example/hook'', ''{order.*}'').';
GRANT EXECUTE ON FUNCTION commerce.create_endpoint(text, text[], text, text, text, integer, jsonb) TO commerce_admin;

CREATE FUNCTION commerce.require_endpoint(endpoint uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    PERFORM FROM commerce.endpoints e WHERE e.id = endpoint FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such endpoint' USING ERRCODE = 'P0002', DETAIL = jsonb_build_object('endpoint', endpoint),
            HINT = 'SELECT endpoint, host FROM commerce.outbox_status() lists them.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.require_endpoint(uuid) IS
'Internal. Locks an endpoint until the transaction ends; P0002 for an unknown one.';

CREATE FUNCTION commerce.update_endpoint(endpoint uuid, url text DEFAULT NULL, topics text[] DEFAULT NULL, order_mode text DEFAULT NULL,
        max_in_flight integer DEFAULT NULL, headers jsonb DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    known record;
BEGIN
    PERFORM commerce.lock_deliveries();
    PERFORM commerce.require_endpoint(endpoint);
    SELECT e.* INTO known FROM commerce.endpoints e WHERE e.id = endpoint;
    PERFORM commerce.check_endpoint(coalesce(url, known.url), coalesce(topics, known.topics), coalesce(order_mode, known.order_mode),
        coalesce(max_in_flight, known.max_in_flight), coalesce(headers, '{}'));
    IF (coalesce(url, known.url) LIKE 'notify:%') <> (known.url LIKE 'notify:%') OR (known.url LIKE 'notify:%' AND headers <> '{}') THEN
        RAISE EXCEPTION 'NOTIFY and requests cannot be made of each other' USING ERRCODE = '22023', HINT = 'Create another endpoint and delete this one.';
    END IF;
    UPDATE commerce.endpoints e SET url = coalesce(url, e.url), topics = coalesce(topics, e.topics),
            order_mode = coalesce(order_mode, e.order_mode), max_in_flight = coalesce(max_in_flight, e.max_in_flight),
            headers = CASE WHEN headers IS NULL THEN e.headers
                WHEN headers <> '{}' THEN commerce.seal(headers::text, 'secret:endpoint_headers', endpoint) END
        WHERE e.id = endpoint;
    -- What is behind something that was given up may go now.
    IF order_mode = 'skip' AND known.order_mode = 'strict' THEN
        PERFORM commerce.promote_deliveries(array_agg(d.endpoint), array_agg(d.aggregate))
            FROM commerce.deliveries d WHERE d.endpoint = endpoint AND d.state = 'dead';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.update_endpoint(uuid, text, text[], text, integer, jsonb) IS
'Changes what is given of an endpoint, by the rules of create_endpoint(), and leaves the rest. topics count for events from now on; url and headers for what is sent from now on, earlier events included. P0002 for an unknown endpoint, 0A000 but in READ COMMITTED. Example: SELECT commerce.update_endpoint($1, topics => ''{order.*,payment.*}'').';
GRANT EXECUTE ON FUNCTION commerce.update_endpoint(uuid, text, text[], text, integer, jsonb) TO commerce_admin;

CREATE FUNCTION commerce.disable_endpoint(endpoint uuid, reason text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_endpoint(endpoint);
    UPDATE commerce.endpoints e SET enabled = false, disabled_reason = reason WHERE e.id = endpoint AND e.enabled;
END
$$;
COMMENT ON FUNCTION commerce.disable_endpoint(uuid, text) IS
'Stops sending to an endpoint: what waits goes on waiting, and of what happens from now on nothing is kept for it. P0002 for an unknown endpoint.';
GRANT EXECUTE ON FUNCTION commerce.disable_endpoint(uuid, text) TO commerce_admin;

CREATE FUNCTION commerce.enable_endpoint(endpoint uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_endpoint(endpoint);
    UPDATE commerce.endpoints e SET enabled = true, disabled_reason = NULL WHERE e.id = endpoint AND NOT e.enabled;
END
$$;
COMMENT ON FUNCTION commerce.enable_endpoint(uuid) IS
'Sends to an endpoint again, beginning with what waits for it. What happened meanwhile: replay_events(). P0002 for an unknown endpoint.';
GRANT EXECUTE ON FUNCTION commerce.enable_endpoint(uuid) TO commerce_admin;

CREATE FUNCTION commerce.delete_endpoint(endpoint uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM commerce.lock_deliveries();
    PERFORM commerce.require_endpoint(delete_endpoint.endpoint);
    DELETE FROM commerce.deliveries d WHERE d.endpoint = delete_endpoint.endpoint;
    DELETE FROM commerce.endpoints e WHERE e.id = delete_endpoint.endpoint;
    DELETE FROM commerce.data_keys k WHERE k.subject = delete_endpoint.endpoint;
END
$$;
COMMENT ON FUNCTION commerce.delete_endpoint(uuid) IS
'Removes an endpoint and all that waits for it, or was sent to it. P0002 for an unknown endpoint, 0A000 but in READ COMMITTED.';
GRANT EXECUTE ON FUNCTION commerce.delete_endpoint(uuid) TO commerce_admin;

CREATE FUNCTION commerce.rotate_endpoint_secret(endpoint uuid, secret text DEFAULT NULL, signature text DEFAULT NULL,
        keep_previous interval DEFAULT '24 hours') RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    known record;
    public_key text;
BEGIN
    PERFORM commerce.require_endpoint(endpoint);
    SELECT e.* INTO known FROM commerce.endpoints e WHERE e.id = endpoint;
    signature := coalesce(signature, known.signature);
    IF signature NOT IN ('v1', 'v1a') THEN
        RAISE EXCEPTION 'signature must be v1 or v1a' USING ERRCODE = '22023';
    ELSIF known.url LIKE 'notify:%' THEN
        RAISE EXCEPTION 'NOTIFY has no signature' USING ERRCODE = '22023';
    ELSIF keep_previous IS NULL OR keep_previous < '0' OR keep_previous > '30 days' THEN
        RAISE EXCEPTION 'keep_previous must be from 0 to 30 days' USING ERRCODE = '22023';
    END IF;
    secret := coalesce(secret, commerce.make_webhook_secret(signature));
    public_key := commerce.webhook_public_key(secret, signature);
    UPDATE commerce.endpoints e SET signature = signature, secret = commerce.seal(secret, 'secret:endpoint', endpoint),
            previous_secret = CASE WHEN keep_previous > '0' THEN e.secret END,
            previous_until = CASE WHEN keep_previous > '0' THEN now() + keep_previous END
        WHERE e.id = endpoint;
    RETURN jsonb_strip_nulls(jsonb_build_object('id', endpoint, 'secret', secret, 'public_key', public_key));
END
$$;
COMMENT ON FUNCTION commerce.rotate_endpoint_secret(uuid, text, text, interval) IS
'Gives an endpoint a new secret and returns {"id", "secret"} and, for v1a, {"public_key"}: the secret is not shown again. For keep_previous, 24 hours, the secret before signs, too; 0 where it is known to others. signature may change between v1 and v1a. P0002 for an unknown endpoint, 22023 for what is no secret of that signature or an interval beyond 30 days, CM041 without a key file.';
GRANT EXECUTE ON FUNCTION commerce.rotate_endpoint_secret(uuid, text, text, interval) TO commerce_admin;
