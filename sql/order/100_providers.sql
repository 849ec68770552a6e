CREATE FUNCTION commerce.adapter_function(name text, arguments text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known record;
BEGIN
    IF NOT commerce.is_guard_function(name) THEN
        RAISE EXCEPTION 'this is no name of a function' USING ERRCODE = 'invalid_parameter_value', HINT = 'Write schema.function.';
    END IF;
    SELECT n.nspname, p.proname, p.prorettype, p.proretset, p.proowner INTO known
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.oid = to_regprocedure(format('%s(%s)', name, arguments));
    IF NOT FOUND OR known.prorettype <> 'jsonb'::regtype OR known.proretset THEN
        RAISE EXCEPTION 'there is no function %(%) that returns jsonb', name, arguments
            USING ERRCODE = 'undefined_function', HINT = 'Name its schema; search_path does not count.';
    END IF;
    -- It runs with the rights of the shop's owner, so nobody else may be able to replace it.
    IF NOT pg_has_role(known.proowner, 'commerce_owner', 'MEMBER') THEN
        RAISE EXCEPTION 'function % belongs to %, who is no administrator of the shop', name, pg_get_userbyid(known.proowner)
            USING ERRCODE = 'CM042', HINT = 'Functions of adapters belong to a member of commerce_admin.';
    END IF;
    RETURN format('%I.%I', known.nspname, known.proname);
END
$$;
COMMENT ON FUNCTION commerce.adapter_function(text, text) IS
'Internal. The name of a function of an adapter as a statement may hold it. 22023 for what is no name, 42883 for an unknown function or one that does not return jsonb, CM042 for one of somebody who is no administrator.';

CREATE FUNCTION commerce.register_adapter(adapter text, operation text, build text, read text, ask text DEFAULT NULL,
        asked text DEFAULT NULL, signature text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    one record;
BEGIN
    PERFORM commerce.require_shop();
    IF coalesce(adapter, '') !~ '^[a-z0-9_-]{1,63}$' OR coalesce(operation, '') !~ '^[a-z0-9_-]{1,63}$' OR adapter = 'manual' THEN
        RAISE EXCEPTION 'adapter and operation must be names of letters, digits, _ and -' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'manual stands for nobody who is asked.';
    END IF;
    IF read IS NULL OR (ask IS NULL) <> (asked IS NULL) OR (build IS NULL) <> (operation = 'event')
        OR (signature IS NOT NULL) <> (operation = 'event') OR signature NOT IN ('stripe', 'standard') THEN
        RAISE EXCEPTION 'an operation takes build and read, perhaps ask and asked; event takes read and signature'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'signature is stripe or standard.';
    END IF;
    FOR one IN SELECT * FROM (VALUES (build, 'jsonb'), (ask, 'jsonb'), (read, 'jsonb, integer, jsonb'), (asked, 'jsonb, integer, jsonb'))
            AS f (name, arguments) WHERE f.name IS NOT NULL LOOP
        PERFORM commerce.adapter_function(one.name, one.arguments);
    END LOOP;
    INSERT INTO commerce.provider_adapters (adapter, operation, build, read, ask, asked, signature)
        VALUES (register_adapter.adapter, register_adapter.operation, register_adapter.build, register_adapter.read,
            register_adapter.ask, register_adapter.asked, register_adapter.signature)
        ON CONFLICT (adapter, operation) DO UPDATE SET build = excluded.build, read = excluded.read, ask = excluded.ask,
            asked = excluded.asked, signature = excluded.signature;
END
$$;
COMMENT ON FUNCTION commerce.register_adapter(text, text, text, text, text, text, text) IS
'Says by which functions an operation of an adapter is asked for and its answer understood, or says so anew. build(call jsonb) returns {"method", "path", "headers", "body"}; read(call jsonb, status integer, answer jsonb) returns {"state": …} (README.md lists them); ask and asked are the same for finding out what became of a call without an answer; operation event has read and signature (stripe, standard). call is {"id", "order", "operation", "provider", "settings", "payment", "fulfilment", "amount", "reference", "arguments", "asking"}. The functions run with the rights of the shop''s owner and belong to a member of commerce_admin (CM042); in the background they have two seconds for a call. 42883 for an unknown function, CM070 for a payment card number, 22023 for anything else. Example: SELECT commerce.register_adapter(''acme'', ''label'', ''shop.acme_label'', ''shop.acme_labelled'').';
GRANT EXECUTE ON FUNCTION commerce.register_adapter(text, text, text, text, text, text, text) TO commerce_admin;

CREATE FUNCTION commerce.check_provider(base_url text, settings jsonb, secret text, webhook_secret text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF base_url IS NOT NULL THEN
        PERFORM commerce.check_base_url(base_url);
    END IF;
    IF settings IS NOT NULL AND (jsonb_typeof(settings) <> 'object' OR octet_length(settings::text) > 8192) THEN
        RAISE EXCEPTION 'settings must be a JSON object of at most 8,192 bytes' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF secret COLLATE "C" !~ '^[!-~]+$' OR webhook_secret COLLATE "C" !~ '^[!-~]+$' OR octet_length(secret) > 4096 OR octet_length(webhook_secret) > 4096 THEN
        RAISE EXCEPTION 'a secret is visible ASCII without blanks, at most 4,096 characters' USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.check_provider(text, jsonb, text, text) IS
'Internal. 22023 where a provider cannot be like this; says nothing of its secrets.';

CREATE FUNCTION commerce.create_provider(name text, kind text, adapter text DEFAULT 'manual', base_url text DEFAULT NULL,
        settings jsonb DEFAULT '{}', secret text DEFAULT NULL, webhook_secret text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    id uuid := commerce.uuidv7();
BEGIN
    PERFORM commerce.require_shop();
    IF coalesce(name, '') !~ '^[a-z0-9_-]{1,63}$' THEN
        RAISE EXCEPTION 'a provider''s name has 1 to 63 small letters, digits, _ and -' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM commerce.refuse_balance(name);
    IF kind IS NULL OR kind NOT IN ('payment', 'shipping', 'tax') THEN
        RAISE EXCEPTION 'kind must be payment, shipping or tax' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF adapter IS NULL OR (adapter <> 'manual' AND NOT EXISTS (SELECT FROM commerce.provider_adapters a WHERE a.adapter = create_provider.adapter)) THEN
        RAISE EXCEPTION 'there is no adapter "%"', coalesce(commerce.scrub(to_jsonb(adapter)) #>> '{}', 'null') USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('adapters', (SELECT jsonb_agg(a.adapter ORDER BY a.adapter COLLATE "C")
                FROM (SELECT DISTINCT x.adapter FROM commerce.provider_adapters x UNION SELECT 'manual') a)),
            HINT = 'commerce.register_adapter() adds one.';
    END IF;
    IF (adapter = 'manual') <> (base_url IS NULL) OR (adapter = 'manual' AND (secret IS NOT NULL OR webhook_secret IS NOT NULL)) THEN
        RAISE EXCEPTION 'a provider that is asked has a base_url, and one that is not has neither that nor secrets'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM commerce.check_provider(base_url, settings, secret, webhook_secret);
    INSERT INTO commerce.providers (name, id, kind, adapter, base_url, settings, secret, webhook_secret)
        VALUES (name, id, kind, adapter, base_url, coalesce(settings, '{}'),
            CASE WHEN secret IS NOT NULL THEN commerce.seal(secret, 'secret:provider', id) END,
            CASE WHEN webhook_secret IS NOT NULL THEN commerce.seal(webhook_secret, 'secret:provider_webhook', id) END);
    RETURN id;
END
$$;
COMMENT ON FUNCTION commerce.create_provider(text, text, text, text, jsonb, text, text) IS
'Makes a payment provider, carrier or tax service known (kind payment, shipping, tax) and returns its id. adapter: how it is spoken to, manual for one whom nobody asks over the network, else as in commerce.provider_adapters. base_url: https://…, what calls begin with. settings: what the adapter wants to know, kept in the clear. secret: by which it knows the shop; webhook_secret: by which the shop knows its events; both are sealed and not shown again. 22023 for anything malformed and an unknown adapter, CM070 for a payment card number, 23505 for a name that is taken, CM041 for a secret without a key file. Example: SELECT commerce.create_provider(''stripe'', ''payment'', ''stripe'', ''https://api.stripe.com'', secret => ''sk_…'', webhook_secret => ''whsec_…'').';
GRANT EXECUTE ON FUNCTION commerce.create_provider(text, text, text, text, jsonb, text, text) TO commerce_admin;

CREATE FUNCTION commerce.update_provider(provider text, base_url text DEFAULT NULL, settings jsonb DEFAULT NULL,
        secret text DEFAULT NULL, webhook_secret text DEFAULT NULL, enabled boolean DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    known record;
BEGIN
    PERFORM commerce.require_shop();
    SELECT p.* INTO known FROM commerce.providers p WHERE p.name = provider FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM commerce.refuse_provider(provider);
    END IF;
    IF known.adapter = 'manual' AND (base_url IS NOT NULL OR secret IS NOT NULL OR webhook_secret IS NOT NULL) THEN
        RAISE EXCEPTION 'nobody asks provider "%"', provider USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Create another with an adapter.';
    END IF;
    PERFORM commerce.check_provider(base_url, settings, secret, webhook_secret);
    UPDATE commerce.providers p SET base_url = coalesce(base_url, p.base_url), settings = coalesce(settings, p.settings),
            secret = CASE WHEN secret IS NULL THEN p.secret ELSE commerce.seal(secret, 'secret:provider', p.id) END,
            webhook_secret = CASE WHEN webhook_secret IS NULL THEN p.webhook_secret
                ELSE commerce.seal(webhook_secret, 'secret:provider_webhook', p.id) END,
            enabled = coalesce(enabled, p.enabled)
        WHERE p.name = provider;
    -- What could not be sent as it was is tried as it is now; what is just being taken is already.
    IF base_url IS NOT NULL OR secret IS NOT NULL OR enabled THEN
        UPDATE commerce.provider_calls c SET next_at = clock_timestamp()
            FROM (SELECT x.order_id, x.id FROM commerce.provider_calls x WHERE x.provider = known.name AND x.state IN ('pending', 'unknown')
                AND x.next_at > clock_timestamp() FOR UPDATE SKIP LOCKED) x
            WHERE c.order_id = x.order_id AND c.id = x.id;
        PERFORM commerce.wake_sender();
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.update_provider(text, text, jsonb, text, text, boolean) IS
'Changes what is given of a provider, by the rules of create_provider(), and leaves the rest. base_url and secret count for what is sent from now on; with either, or enabled true, all that waits to be sent or asked about is tried at once. enabled false: nothing new is asked, what was asked goes on. P0002 for an unknown provider. Example: SELECT commerce.update_provider(''stripe'', secret => ''sk_…'').';
GRANT EXECUTE ON FUNCTION commerce.update_provider(text, text, jsonb, text, text, boolean) TO commerce_admin;

CREATE FUNCTION commerce.refuse_provider(provider text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'there is no provider "%"', coalesce(commerce.scrub(to_jsonb(provider)) #>> '{}', 'null') USING ERRCODE = 'no_data_found',
        HINT = 'SELECT name FROM commerce.providers lists them; commerce.create_provider() makes one known.';
END
$$;
COMMENT ON FUNCTION commerce.refuse_provider(text) IS 'Internal. P0002 for an unknown provider.';

CREATE FUNCTION commerce.require_provider(provider text, kind text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known record;
BEGIN
    SELECT p.kind, p.adapter, p.enabled INTO known FROM commerce.providers p WHERE p.name = provider;
    IF NOT FOUND THEN
        PERFORM commerce.refuse_provider(provider);
    ELSIF known.kind <> require_provider.kind THEN
        RAISE EXCEPTION 'provider "%" is for %, not for %', provider, known.kind, require_provider.kind
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF NOT known.enabled THEN
        RAISE EXCEPTION 'provider "%" is disabled', provider USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'commerce.update_provider(…, enabled => true) enables it.';
    END IF;
    RETURN known.adapter;
END
$$;
COMMENT ON FUNCTION commerce.require_provider(text, text) IS
'Internal. The adapter of a provider that may be asked for something of this kind. P0002 for an unknown one, 22023 for one of another kind, 55000 for a disabled one.';

CREATE FUNCTION commerce.scrub(value jsonb, depth integer DEFAULT 0) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN depth > 20 THEN 'null'
        WHEN jsonb_typeof(value) = 'object' THEN (SELECT coalesce(jsonb_object_agg(e.key, commerce.scrub(e.value, depth + 1)), '{}')
            FROM jsonb_each(value) e
            WHERE lower(e.key) NOT IN ('number', 'card_number', 'account_number', 'pan', 'iban', 'cvc', 'cvv', 'cvc2', 'exp_month', 'exp_year',
                'secret', 'client_secret', 'password', 'token', 'access_token', 'api_key', 'authorization')
                AND NOT commerce.holds_card_number(e.key))
        WHEN jsonb_typeof(value) = 'array' THEN (SELECT coalesce(jsonb_agg(commerce.scrub(e.value, depth + 1) ORDER BY e.n), '[]')
            FROM jsonb_array_elements(value) WITH ORDINALITY e (value, n))
        WHEN commerce.holds_card_number(value #>> '{}') THEN '"***"'
        ELSE value END;
END
$$;
COMMENT ON FUNCTION commerce.scrub(jsonb, integer) IS
'Internal. What may be kept of an answer: without the keys that hold card numbers and secrets, and with *** for any text that holds a card number.';
