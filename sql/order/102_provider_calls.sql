CREATE FUNCTION commerce.call_facts("order" uuid, call uuid) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('id', c.id, 'order', c.order_id, 'operation', c.operation, 'provider', c.provider,
            'payment', c.payment_id, 'fulfilment', c.fulfilment_id, 'amount', c.amount::jsonb, 'created_at', c.created_at,
            'reference', coalesce(r.reference, c.arguments ->> 'reference')))
            || jsonb_build_object('settings', p.settings, 'arguments', c.arguments, 'asking', c.asking)
        FROM commerce.provider_calls c
            JOIN commerce.providers p ON p.name = c.provider
            LEFT JOIN commerce.provider_payments r ON r.order_id = c.order_id AND r.payment_id = c.payment_id AND r.provider = c.provider
        WHERE c.order_id = "order" AND c.id = call);
END
$$;
COMMENT ON FUNCTION commerce.call_facts(uuid, uuid) IS 'Internal. A call, as the functions of its adapter see it.';

CREATE FUNCTION commerce.ask_adapter(name text, call jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    request jsonb;
BEGIN
    EXECUTE format('SELECT %s($1)', commerce.adapter_function(name, 'jsonb')) INTO request USING call;
    IF request IS NULL OR jsonb_typeof(request) <> 'object' OR coalesce(request ->> 'method', '') NOT IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')
        OR coalesce(request ->> 'path', '') COLLATE "C" !~ '^/[!-~]*$' OR octet_length(request ->> 'path') > 2000
        OR jsonb_typeof(coalesce(request -> 'headers', '{}')) <> 'object' OR octet_length(coalesce(request ->> 'body', '')) > 65536
        OR EXISTS (SELECT FROM jsonb_each_text(request -> 'headers') h
            WHERE h.key !~ '^[A-Za-z0-9-]{1,100}$' OR h.value IS NULL OR h.value COLLATE "C" !~ '^[ -~]*$' OR octet_length(h.value) > 4096
                OR lower(h.key) IN ('host', 'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade', 'te', 'trailer', 'proxy-authorization'))
        OR (SELECT count(*) FROM jsonb_object_keys(request -> 'headers')) > 20 THEN
        RAISE EXCEPTION 'function % made no request', name USING ERRCODE = 'external_routine_invocation_exception',
            HINT = 'It returns {"method", "path", "headers", "body"}: the path begins with a slash, at most 20 headers, none that says how a request is sent, and the body has at most 65,536 bytes.';
    END IF;
    RETURN jsonb_build_object('method', request -> 'method', 'path', request -> 'path', 'body', coalesce(request ->> 'body', ''),
        'headers', coalesce((SELECT jsonb_object_agg(h.key, h.value) FROM jsonb_each_text(request -> 'headers') h), '{}'));
END
$$;
COMMENT ON FUNCTION commerce.ask_adapter(text, jsonb) IS
'Internal. Has a function of an adapter build a request. 38000 where that is none; 22023, 42883 and CM042 as adapter_function().';

CREATE FUNCTION commerce.add_call("order" uuid, provider text, operation text, payment uuid DEFAULT NULL, fulfilment uuid DEFAULT NULL,
        amount commerce.amount DEFAULT NULL, arguments jsonb DEFAULT '{}') RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    call uuid := commerce.uuidv7();
    adapter record;
    request jsonb;
BEGIN
    SELECT a.* INTO adapter FROM commerce.providers p JOIN commerce.provider_adapters a ON a.adapter = p.adapter
        WHERE p.name = add_call.provider AND a.operation = add_call.operation AND a.build IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'provider "%" cannot be asked for "%"', provider, commerce.scrub(to_jsonb(operation)) #>> '{}' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'commerce.provider_adapters lists the operations of its adapter.';
    END IF;
    -- The request is built from the call, and so the call is there first.
    INSERT INTO commerce.provider_calls (order_id, id, provider, operation, payment_id, fulfilment_id, amount, arguments, method, path,
            headers, body, next_at)
        VALUES ("order", call, add_call.provider, add_call.operation, payment, fulfilment, add_call.amount, coalesce(add_call.arguments, '{}'),
            'POST', '/', '{}', '', clock_timestamp());
    request := commerce.ask_adapter(adapter.build, commerce.call_facts("order", call));
    UPDATE commerce.provider_calls c SET method = request ->> 'method', path = request ->> 'path', headers = request -> 'headers',
            body = request ->> 'body'
        WHERE c.order_id = "order" AND c.id = call;
    PERFORM commerce.wake_sender();
    RETURN call;
END
$$;
COMMENT ON FUNCTION commerce.add_call(uuid, text, text, uuid, uuid, commerce.amount, jsonb) IS
'Internal. Has a provider asked for something once this transaction has committed, and returns the call. 22023 for an operation that its adapter does not have; 38000, 42883 and CM042 as ask_adapter().';

CREATE FUNCTION commerce.call_delay(attempt integer) RETURNS interval
    LANGUAGE sql VOLATILE PARALLEL SAFE
    RETURN make_interval(secs => (ARRAY[0, 5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800])[least(greatest(attempt, 0) + 1, 10)]
        * (0.8 + 0.4 * random()));
COMMENT ON FUNCTION commerce.call_delay(integer) IS
'Internal. How long a call waits after so many attempts: 0, 5 and 30 seconds, 2, 10 and 30 minutes, 1, 2, 4 and 8 hours, by a fifth more or less: all within the day for which providers know a key.';

CREATE FUNCTION commerce.claim_provider_calls("limit" integer DEFAULT 10, lease interval DEFAULT '30 seconds', per_provider integer DEFAULT 16,
        answered uuid[] DEFAULT '{}')
    RETURNS TABLE ("order" uuid, call uuid, token uuid, provider uuid, secret commerce.sealed, method text, url text, headers jsonb,
        body text, asking boolean, what text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := clock_timestamp();
    c record;
BEGIN
    PERFORM commerce.require_shop();
    IF "limit" IS NULL OR "limit" NOT BETWEEN 1 AND 100 OR lease IS NULL OR lease NOT BETWEEN '1 second' AND '10 minutes'
        OR per_provider IS NULL OR per_provider NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'limit and per_provider must be from 1 to 100, and lease from 1 second to 10 minutes' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Who had it may have sent it.
    UPDATE commerce.provider_calls p SET state = 'unknown', asking = false, maybe_done = true, lease_until = NULL, lease_token = NULL,
            next_at = moment, error = 'whoever sent it was not heard of again'
        FROM (SELECT l.order_id, l.id FROM commerce.provider_calls l WHERE l.state = 'leased' AND l.lease_until < moment
            ORDER BY l.lease_until LIMIT 100 FOR UPDATE SKIP LOCKED) l
        WHERE p.order_id = l.order_id AND p.id = l.id;
    -- One who is slow to answer has so many calls and no more, and keeps nobody from asking the others. No function of an
    -- adapter runs here, where it would keep all of them waiting.
    FOR c IN SELECT x.*, a.ask AS ask_by, p.id AS provider_id, p.base_url, p.secret AS provider_secret, p.adapter
        FROM commerce.providers p
            CROSS JOIN LATERAL (SELECT greatest(per_provider - count(*), 0) AS room FROM commerce.provider_calls l
                WHERE l.provider = p.name AND l.state = 'leased' AND l.id <> ALL (coalesce(answered, '{}'))) r
            CROSS JOIN LATERAL (SELECT y.* FROM commerce.provider_calls y
                WHERE y.provider = p.name AND y.state IN ('pending', 'unknown') AND y.next_at <= moment
                ORDER BY y.next_at LIMIT r.room FOR UPDATE OF y SKIP LOCKED) x
            LEFT JOIN commerce.provider_adapters a ON a.adapter = p.adapter AND a.operation = x.operation
        ORDER BY x.next_at LIMIT "limit"
    LOOP
        "order" := c.order_id;
        call := c.id;
        token := commerce.uuidv7();
        provider := c.provider_id;
        secret := c.provider_secret;
        asking := c.state = 'unknown' AND c.ask_by IS NOT NULL;
        what := format('operation "%s" of provider "%s", adapter "%s"', c.operation, c.provider, c.adapter);
        IF NOT asking AND (c.erased OR c.created_at < clock_timestamp() - interval '23 hours') THEN
            -- Providers forget a key after a day: sent now it would be another request, also where this is a database that
            -- was restored and another has sent it. Whoever looks finds out.
            UPDATE commerce.provider_calls p SET maybe_done = true WHERE p.order_id = c.order_id AND p.id = c.id;
            PERFORM commerce.give_up_call(c.order_id, c.id);
            CONTINUE;
        END IF;
        method := CASE WHEN NOT asking THEN c.method END;
        url := CASE WHEN NOT asking THEN c.base_url || c.path END;
        headers := CASE WHEN NOT asking THEN c.headers END;
        body := CASE WHEN NOT asking THEN c.body END;
        UPDATE commerce.provider_calls p SET state = 'leased', asking = claim_provider_calls.asking, lease_token = token,
                lease_until = clock_timestamp() + lease, attempt = p.attempt + 1
            WHERE p.order_id = c.order_id AND p.id = c.id;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION commerce.claim_provider_calls(integer, interval, integer, uuid[]) IS
'Internal. Takes at most limit calls that are due, and of each provider so many that no more than per_provider are being sent, for whoever sends them: until lease is over nobody else has them, and then nobody knows what became of them. answered: calls that do not count as being sent, as whoever has them has their answers. A call of which nobody knows is asked about (asking) where its adapter can: method, url, headers and body are NULL then, and question_of_call() says them. {secret} in headers stands for open_provider_secret(secret, provider); what: the call in words, for the log. Send when this has committed; then finish_provider_call().';

CREATE FUNCTION commerce.question_of_call("order" uuid, call uuid, token uuid, lease interval DEFAULT '30 seconds')
    RETURNS TABLE (method text, url text, headers jsonb, body text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c record;
    request jsonb;
BEGIN
    SELECT x.*, a.ask AS ask_by, p.base_url INTO c
        FROM commerce.provider_calls x
            JOIN commerce.providers p ON p.name = x.provider
            LEFT JOIN commerce.provider_adapters a ON a.adapter = p.adapter AND a.operation = x.operation
        WHERE x.order_id = "order" AND x.id = call AND x.state = 'leased' AND x.asking AND x.lease_token = token;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    request := commerce.ask_adapter(c.ask_by, commerce.call_facts("order", call));
    IF commerce.keep_provider_call("order", call, token, lease) THEN
        RETURN QUERY SELECT request ->> 'method', c.base_url || (request ->> 'path'), request -> 'headers', request ->> 'body';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.question_of_call(uuid, uuid, uuid, interval) IS
'Internal. Has the adapter of a call that is to be asked about build the question, and has its lease begin anew; no row where it is no longer his who has the token. Errors as ask_adapter(), and whatever the adapter raises.';

CREATE FUNCTION commerce.put_off_call("order" uuid, call uuid, token uuid, wait interval, error text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE commerce.provider_calls c SET state = 'unknown', asking = false, lease_until = NULL, lease_token = NULL,
            attempt = greatest(c.attempt - 1, 0), next_at = clock_timestamp() + wait, error = coalesce(put_off_call.error, c.error)
        WHERE c.order_id = "order" AND c.id = call AND c.state = 'leased' AND c.asking AND c.lease_token = token;
END
$$;
COMMENT ON FUNCTION commerce.put_off_call(uuid, uuid, uuid, interval, text) IS
'Internal. Gives back a call that was to be asked about and was not: in wait it may be taken again. error says why, NULL leaves what it says.';

CREATE FUNCTION commerce.keep_provider_call("order" uuid, call uuid, token uuid, lease interval) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE commerce.provider_calls c SET lease_until = clock_timestamp() + lease
        WHERE c.order_id = "order" AND c.id = call AND c.state = 'leased' AND c.lease_token = token;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION commerce.keep_provider_call(uuid, uuid, uuid, interval) IS
'Internal. Has the lease of a call go on, whose answer somebody has who cannot book it yet; false where it is no longer his.';

CREATE FUNCTION commerce.next_provider_call() RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    first timestamptz := least(
        (SELECT min(n.next_at) FROM commerce.providers p, LATERAL (SELECT c.next_at FROM commerce.provider_calls c
            WHERE c.provider = p.name AND c.state IN ('pending', 'unknown') ORDER BY c.next_at LIMIT 1) n),
        (SELECT min(c.lease_until) FROM commerce.provider_calls c WHERE c.state = 'leased'));
BEGIN
    -- What is due and was not taken, somebody has locked, or its provider has enough to do.
    RETURN CASE WHEN first <= moment THEN moment + interval '1 second' ELSE first END;
END
$$;
COMMENT ON FUNCTION commerce.next_provider_call() IS
'Internal. When the next call may be sent, or the next lease ends, in a second at the earliest where that should have been; NULL where there is none.';

CREATE FUNCTION commerce.give_up_call("order" uuid, call uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record;
BEGIN
    UPDATE commerce.provider_calls x SET state = 'dead', asking = false, lease_until = NULL, lease_token = NULL, finished_at = clock_timestamp()
        WHERE x.order_id = "order" AND x.id = call RETURNING * INTO STRICT c;
    IF c.operation = 'authorize' AND NOT c.maybe_done THEN
        PERFORM commerce.fail_payment(c.order_id, c.payment_id, coalesce(c.error, 'the provider was not reached'));
    END IF;
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("order"::text, 'provider_call.dead',
        jsonb_strip_nulls(jsonb_build_object('order_id', "order", 'id', call, 'provider', c.provider, 'operation', c.operation,
            'payment_id', c.payment_id, 'maybe_done', c.maybe_done)));
END
$$;
COMMENT ON FUNCTION commerce.give_up_call(uuid, uuid) IS
'Internal. Lets a call be: a payment that was never asked for has failed; of anything else an administrator finds out.';

CREATE FUNCTION commerce.judge_answer("order" uuid, call uuid, status integer, body text, sent boolean, trouble text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record;
    reader text;
    answer jsonb;
    outcome jsonb;
BEGIN
    SELECT x.*, CASE WHEN x.asking THEN a.asked ELSE a.read END AS reader INTO STRICT c
        FROM commerce.provider_calls x
            JOIN commerce.providers p ON p.name = x.provider
            LEFT JOIN commerce.provider_adapters a ON a.adapter = p.adapter AND a.operation = x.operation
        WHERE x.order_id = "order" AND x.id = call;
    IF coalesce(status, 0) = 0 THEN
        RETURN jsonb_build_object('state', CASE WHEN sent THEN 'unknown' ELSE 'retry' END, 'error', coalesce(trouble, 'no answer'));
    ELSIF status >= 500 OR status = 408 THEN
        RETURN jsonb_build_object('state', 'unknown', 'error', format('answered %s', status));
    ELSIF status < 200 OR status BETWEEN 300 AND 399 OR status IN (401, 403, 425, 429) THEN
        RETURN jsonb_build_object('state', 'retry', 'error', format('answered %s', status));
    ELSIF octet_length(body) > 65536 THEN
        RETURN jsonb_build_object('state', 'unknown', 'error', 'answered more than 65,536 bytes');
    END IF;
    BEGIN
        answer := coalesce(nullif(body, ''), '{}')::jsonb;
    EXCEPTION WHEN data_exception OR statement_too_complex OR program_limit_exceeded THEN
        NULL;
    END;
    IF answer IS NULL OR jsonb_typeof(answer) NOT IN ('object', 'array') THEN
        RETURN jsonb_build_object('state', 'unknown', 'error', 'the answer is no JSON');
    END IF;
    BEGIN
        EXECUTE format('SELECT %s($1, $2, $3)', commerce.adapter_function(c.reader, 'jsonb, integer, jsonb')) INTO outcome
            USING commerce.call_facts("order", call), status, answer;
    EXCEPTION
        WHEN serialization_failure OR deadlock_detected OR lock_not_available THEN
            RAISE;
        WHEN OTHERS THEN
            outcome := jsonb_build_object('state', 'unknown', 'error', format('the adapter failed with %s', SQLSTATE));
    END;
    IF outcome IS NULL OR jsonb_typeof(outcome) <> 'object' OR jsonb_typeof(outcome -> 'state') IS DISTINCT FROM 'string' THEN
        RETURN jsonb_build_object('state', 'unknown', 'error', 'the adapter makes nothing of the answer');
    END IF;
    RETURN outcome;
END
$$;
COMMENT ON FUNCTION commerce.judge_answer(uuid, uuid, integer, text, boolean, text) IS
'Internal. What an answer to a call, or none, means: {"state", …}. unknown: it may have been done; retry: it was not, and may be sent again; everything else as its adapter says.';
