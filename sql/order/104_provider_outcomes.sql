CREATE FUNCTION commerce.fail_payment("order" uuid, payment uuid, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (SELECT p.state FROM commerce.payments p WHERE p.order_id = "order" AND p.id = payment)
        IN ('created', 'processing', 'requires_action') THEN
        PERFORM commerce.payment_event(payment, 'fail', jsonb_build_object('reason', reason));
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.fail_payment(uuid, uuid, text) IS
'Internal. A payment that was waiting has failed; any other stays as it is. The order is locked before.';

CREATE FUNCTION commerce.is_undoing(call text, "order" uuid) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM commerce.provider_calls c
        WHERE c.order_id = "order" AND c.id::text = call AND c.arguments ? 'undo');
END
$$;
COMMENT ON FUNCTION commerce.is_undoing(text, uuid) IS
'Internal. Whether a call gives back what the ledger never had: what comes of it is not booked either.';

CREATE FUNCTION commerce.promise_payment("order" uuid, payment uuid, provider text, outcome jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM commerce.payment_references r WHERE r.provider = promise_payment.provider
            AND r.reference = outcome ->> 'reference' AND r.kind = 'authorize' AND r.payment_id = payment) THEN
        PERFORM commerce.authorize_payment("order", commerce.amount(outcome -> 'amount'), outcome ->> 'reference', provider, payment);
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.promise_payment(uuid, uuid, text, jsonb) IS
'Internal. Books what a provider promised, once: CM010, CM020 and CM060 as authorize_payment().';

CREATE FUNCTION commerce.apply_outcome("order" uuid, payment uuid, provider text, outcome jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now_in text;
    ref text := outcome ->> 'reference';
    refund record;
BEGIN
    SELECT p.state INTO STRICT now_in FROM commerce.payments p WHERE p.order_id = "order" AND p.id = payment FOR NO KEY UPDATE;
    IF ref IS NOT NULL THEN
        INSERT INTO commerce.provider_payments (order_id, payment_id, provider, reference, action_url)
            VALUES ("order", payment, apply_outcome.provider, ref, outcome ->> 'url')
            ON CONFLICT (order_id, payment_id) DO UPDATE SET action_url = coalesce(excluded.action_url, provider_payments.action_url);
    END IF;
    CASE outcome ->> 'state'
        WHEN 'requires_action' THEN
            IF now_in IN ('created', 'processing') THEN
                PERFORM commerce.payment_event(payment, 'require_action');
            END IF;
        WHEN 'processing' THEN
            IF now_in IN ('created', 'requires_action') THEN
                PERFORM commerce.payment_event(payment, 'process');
            END IF;
        WHEN 'failed' THEN
            PERFORM commerce.fail_payment("order", payment, outcome ->> 'error');
        WHEN 'voided' THEN
            IF now_in IN ('created', 'processing', 'requires_action', 'authorized', 'partially_captured') THEN
                PERFORM commerce.void_payment(payment, ref, provider);
            END IF;
        WHEN 'authorized' THEN
            PERFORM commerce.promise_payment("order", payment, provider, outcome);
        WHEN 'captured' THEN
            PERFORM commerce.promise_payment("order", payment, provider, outcome);
            PERFORM commerce.capture_payment(payment, commerce.amount(outcome -> 'captured'), ref, provider);
            -- What was promised and not taken is let go where the provider says so, once.
            IF (outcome ->> 'released')::boolean AND EXISTS (SELECT FROM commerce.payments p
                    WHERE p.order_id = "order" AND p.id = payment AND p.state = 'partially_captured') THEN
                PERFORM commerce.void_payment(payment, ref, provider);
            END IF;
        WHEN 'refunded' THEN
            FOR refund IN SELECT r.reference, r.amount, r.call
                FROM jsonb_to_recordset(outcome -> 'refunds') r (reference text, amount jsonb, call text) LOOP
                IF NOT commerce.is_undoing(refund.call, "order") THEN
                    PERFORM commerce.refund_payment(payment, commerce.amount(refund.amount), refund.reference, provider);
                END IF;
            END LOOP;
        WHEN 'charged_back' THEN
            PERFORM commerce.charge_back_payment(payment, commerce.amount(outcome -> 'amount'), outcome ->> 'dispute', provider);
        WHEN 'reversed' THEN
            PERFORM commerce.charge_back_payment(payment, commerce.amount(outcome -> 'amount'), outcome ->> 'dispute', provider);
            PERFORM commerce.reverse_chargeback(payment, commerce.amount(outcome -> 'amount'), outcome ->> 'dispute', provider);
        WHEN 'ask' THEN
            PERFORM commerce.add_call("order", provider, outcome ->> 'operation', payment);
        ELSE
            RAISE EXCEPTION 'the adapter says "%", which no payment is', outcome ->> 'state' USING ERRCODE = 'external_routine_invocation_exception';
    END CASE;
END
$$;
COMMENT ON FUNCTION commerce.apply_outcome(uuid, uuid, text, jsonb) IS
'Internal. Books what a provider says of a payment; what is booked already is not booked again. The order is locked before. CM010, CM020, CM050 and CM060 where the ledger does not allow it.';

CREATE FUNCTION commerce.undo_payment("order" uuid, payment uuid, provider text, outcome jsonb, code text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken boolean := outcome ->> 'state' = 'captured';
    arguments jsonb := jsonb_build_object('undo', true, 'reference', outcome -> 'reference');
BEGIN
    -- Once; and never what the ledger has: then it is about the amount, and somebody has to look at it.
    IF EXISTS (SELECT FROM commerce.provider_calls c WHERE c.order_id = "order" AND c.payment_id = payment AND c.arguments ? 'undo'
            AND c.operation = CASE WHEN taken THEN 'refund' ELSE 'void' END)
        OR EXISTS (SELECT FROM commerce.payment_references r WHERE r.provider = undo_payment.provider
            AND r.reference = outcome ->> 'reference' AND r.kind = CASE WHEN taken THEN 'capture' ELSE 'authorize' END) THEN
        RETURN;
    END IF;
    INSERT INTO commerce.provider_payments (order_id, payment_id, provider, reference)
        VALUES ("order", payment, undo_payment.provider, outcome ->> 'reference') ON CONFLICT DO NOTHING;
    PERFORM commerce.fail_payment("order", payment, code);
    IF EXISTS (SELECT FROM commerce.payments p WHERE p.order_id = "order" AND p.id = payment AND p.state = 'authorized') THEN
        PERFORM commerce.void_payment(payment, outcome ->> 'reference', provider);
    END IF;
    BEGIN
        PERFORM commerce.add_call("order", provider, CASE WHEN taken THEN 'refund' ELSE 'void' END, payment,
            amount => CASE WHEN taken THEN commerce.amount(outcome -> 'captured') END, arguments => arguments);
    EXCEPTION WHEN invalid_parameter_value OR external_routine_invocation_exception THEN
        NULL; -- Its adapter cannot: the event says it to those who can.
    END;
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("order"::text, 'payment.refused',
        jsonb_build_object('order_id', "order", 'id', payment, 'provider', provider, 'code', code));
END
$$;
COMMENT ON FUNCTION commerce.undo_payment(uuid, uuid, text, jsonb, text) IS
'Internal. Has the provider give back what it promised or took and the order does not take any more (cancelled meanwhile, paid otherwise), once, and says payment.refused.';

CREATE FUNCTION commerce.apply_waiting("order" uuid, payment uuid, provider text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    e record;
    progress boolean := true;
BEGIN
    WHILE progress LOOP
        progress := false;
        FOR e IN SELECT w.id, w.outcome FROM commerce.provider_events w
                JOIN commerce.provider_payments r ON r.provider = w.provider AND r.reference = w.reference
            WHERE r.order_id = "order" AND r.payment_id = payment AND w.provider = apply_waiting.provider AND w.state = 'waiting'
            ORDER BY w.received_at, w.id FOR UPDATE OF w
        LOOP
            BEGIN
                PERFORM commerce.apply_outcome("order", payment, provider, e.outcome);
                UPDATE commerce.provider_events w SET state = 'applied', payment_id = payment, error = NULL
                    WHERE w.provider = apply_waiting.provider AND w.id = e.id;
                progress := true;
            EXCEPTION WHEN SQLSTATE 'CM010' OR SQLSTATE 'CM011' OR SQLSTATE 'CM020' OR SQLSTATE 'CM050' OR SQLSTATE 'CM060'
                OR SQLSTATE 'CM070' THEN
                UPDATE commerce.provider_events w SET error = SQLSTATE WHERE w.provider = apply_waiting.provider AND w.id = e.id;
            END;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION commerce.apply_waiting(uuid, uuid, text) IS
'Internal. Books the events of a payment that came before what they follow on. The order is locked before.';

CREATE FUNCTION commerce.apply_to_parcel(fulfilment uuid, outcome jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF outcome ->> 'tracking' IS NOT NULL THEN
        PERFORM commerce.track_fulfilment(fulfilment, outcome ->> 'tracking', outcome ->> 'carrier', outcome ->> 'url');
    END IF;
    IF outcome ->> 'state' = 'delivered' AND EXISTS (SELECT FROM commerce.fulfilments f WHERE f.id = fulfilment AND f.state = 'shipped') THEN
        PERFORM commerce.fulfilment_event(fulfilment, 'deliver');
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.apply_to_parcel(uuid, jsonb) IS
'Internal. Notes what a carrier says of a parcel: under which number, by whom and where it can be followed, and that it has arrived.';

CREATE FUNCTION commerce.book_answer("order" uuid, call uuid, outcome jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record;
    says text := outcome ->> 'state';
    done boolean;
BEGIN
    SELECT * INTO STRICT c FROM commerce.provider_calls x WHERE x.order_id = "order" AND x.id = call;
    done := CASE c.operation WHEN 'authorize' THEN says IN ('authorized', 'captured', 'requires_action', 'processing')
        WHEN 'capture' THEN says = 'captured' WHEN 'void' THEN says = 'voided' WHEN 'refund' THEN says = 'refunded'
        -- That the question was refused says nothing of the payment; that the payment has failed is an answer.
        WHEN 'refresh' THEN says <> 'failed' OR outcome ? 'reference'
        ELSE says <> 'failed' END;
    IF c.payment_id IS NOT NULL AND c.arguments ? 'undo' THEN
        RETURN CASE WHEN done THEN 'succeeded' ELSE 'failed' END;
    END IF;
    BEGIN
        IF c.payment_id IS NOT NULL AND (says <> 'failed' OR c.operation = 'authorize' OR (c.operation = 'refresh' AND outcome ? 'reference')) THEN
            PERFORM commerce.apply_outcome("order", c.payment_id, c.provider, outcome);
        ELSIF c.fulfilment_id IS NOT NULL AND done THEN
            PERFORM commerce.apply_to_parcel(c.fulfilment_id, outcome);
        END IF;
    EXCEPTION WHEN SQLSTATE 'CM010' OR SQLSTATE 'CM011' OR SQLSTATE 'CM020' OR SQLSTATE 'CM050' OR SQLSTATE 'CM060'
        OR SQLSTATE 'CM070' OR invalid_parameter_value THEN
        UPDATE commerce.provider_calls x SET error = SQLSTATE || ': ' || SQLERRM WHERE x.order_id = "order" AND x.id = call;
        IF c.payment_id IS NOT NULL AND says IN ('authorized', 'captured') AND SQLSTATE IN ('CM010', 'CM011', 'CM060') THEN
            PERFORM commerce.undo_payment("order", c.payment_id, c.provider, outcome, SQLSTATE);
        END IF;
    END;
    IF c.payment_id IS NOT NULL THEN
        PERFORM commerce.apply_waiting("order", c.payment_id, c.provider);
    END IF;
    RETURN CASE WHEN done THEN 'succeeded' ELSE 'failed' END;
END
$$;
COMMENT ON FUNCTION commerce.book_answer(uuid, uuid, jsonb) IS
'Internal. Books what an answer to a call means, undoes what the order does not take any more, and returns the call''s state: succeeded or failed.';

CREATE FUNCTION commerce.forget_calls(subjects uuid[]) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    forgotten bigint;
BEGIN
    -- What is not over is still needed. That a call undoes what the ledger never had, and by which name, names nobody.
    UPDATE commerce.provider_calls c SET path = '/', headers = '{}', body = '', response = NULL, error = NULL, erased = true,
            arguments = CASE WHEN c.arguments ? 'undo' THEN jsonb_strip_nulls(jsonb_build_object('undo', c.arguments -> 'undo',
                'reference', c.arguments -> 'reference')) ELSE '{}' END
        WHERE c.order_id = ANY (subjects) AND c.state IN ('succeeded', 'failed', 'dead')
            AND (NOT c.erased OR c.body <> '' OR c.response IS NOT NULL OR c.error IS NOT NULL);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION commerce.forget_calls(uuid[]) IS
'Internal. Takes away what was sent to providers about orders, carts and quotes, and what came back, of calls that are over or were given up, and returns of how many. They are not sent again; of one that was given up the provider may still be asked what became of it.';

CREATE FUNCTION commerce.forget_calls_of_erased("order" uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM commerce.guests g WHERE g.order_id = "order" AND g.erased_at IS NOT NULL)
        OR EXISTS (SELECT FROM commerce.orders o JOIN commerce.customers x ON x.id = o.customer_id
            WHERE o.id = "order" AND x.erased_at IS NOT NULL) THEN
        PERFORM commerce.forget_calls(ARRAY["order"]);
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.forget_calls_of_erased(uuid) IS
'Internal. Does what forget_calls() says for an order whose customer or guest was erased: of calls that were not over then.';

CREATE FUNCTION commerce.finish_provider_call("order" uuid, call uuid, token uuid, status integer, body text DEFAULT NULL,
        retry_after integer DEFAULT NULL, sent boolean DEFAULT true, trouble text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record;
    outcome jsonb;
    verdict text;
BEGIN
    PERFORM commerce.require_shop();
    SELECT * INTO c FROM commerce.provider_calls x WHERE x.order_id = "order" AND x.id = call;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such call' USING ERRCODE = 'no_data_found';
    END IF;
    IF c.payment_id IS NOT NULL OR c.fulfilment_id IS NOT NULL THEN
        PERFORM commerce.lock_order("order");
    END IF;
    SELECT * INTO STRICT c FROM commerce.provider_calls x WHERE x.order_id = "order" AND x.id = call FOR UPDATE;
    -- Whoever comes too late is told how it is; what really happened, the provider will be asked.
    IF c.state <> 'leased' OR c.lease_token IS DISTINCT FROM token THEN
        RETURN c.state;
    END IF;
    outcome := commerce.judge_answer("order", call, status, body, coalesce(sent, true), trouble);
    verdict := outcome ->> 'state';
    IF outcome ? 'error' THEN
        outcome := jsonb_set(outcome, '{error}', commerce.scrub(outcome -> 'error'));
    END IF;
    UPDATE commerce.provider_calls x SET response_status = nullif(status, 0), error = left(outcome ->> 'error', 500),
            maybe_done = x.maybe_done OR (verdict <> 'retry' AND NOT x.asking),
            response = CASE WHEN outcome -> 'keep' IS NULL THEN x.response ELSE commerce.scrub(outcome -> 'keep') END
        WHERE x.order_id = "order" AND x.id = call RETURNING * INTO c;
    IF verdict IN ('unknown', 'retry', 'absent', 'dead') OR (verdict = 'processing' AND c.operation NOT IN ('authorize', 'refresh')) THEN
        -- Providers forget a key after a day; the same request would then be another.
        IF verdict = 'dead' OR c.attempt >= 10 OR c.created_at < clock_timestamp() - interval '23 hours'
            -- There is nothing left to be sent again.
            OR (c.erased AND (verdict = 'absent' OR (verdict = 'retry' AND NOT c.maybe_done))) THEN
            PERFORM commerce.give_up_call("order", call);
            PERFORM commerce.forget_calls_of_erased("order");
            RETURN 'dead';
        END IF;
        UPDATE commerce.provider_calls x SET lease_until = NULL, lease_token = NULL, asking = false,
                state = CASE WHEN verdict = 'absent' OR (verdict = 'retry' AND NOT x.maybe_done) THEN 'pending' ELSE 'unknown' END,
                next_at = clock_timestamp() + greatest(commerce.call_delay(x.attempt),
                    make_interval(secs => least(greatest(retry_after, 0), 3600)))
            WHERE x.order_id = "order" AND x.id = call RETURNING x.state INTO verdict;
        RETURN verdict;
    END IF;
    verdict := commerce.book_answer("order", call, outcome);
    UPDATE commerce.provider_calls x SET state = verdict, asking = false, lease_until = NULL, lease_token = NULL,
            finished_at = clock_timestamp(), maybe_done = verdict = 'succeeded'
        WHERE x.order_id = "order" AND x.id = call;
    PERFORM commerce.forget_calls_of_erased("order");
    RETURN verdict;
END
$$;
COMMENT ON FUNCTION commerce.finish_provider_call(uuid, uuid, uuid, integer, text, integer, boolean, text) IS
'Internal. Says what came of a call that claim_provider_calls() gave out: status and body of the answer, status NULL or 0 where there was none, and trouble why; sent false where not a byte can have arrived. Books what it means in the same transaction, and returns the call''s state. A token that is not the last one changes nothing. P0002 for an unknown call.';

CREATE FUNCTION commerce.retry_provider_call("order" uuid, call uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    UPDATE commerce.provider_calls c SET state = CASE WHEN c.maybe_done THEN 'unknown' ELSE 'pending' END, attempt = 0,
            next_at = clock_timestamp(), finished_at = NULL
        WHERE c.order_id = "order" AND c.id = call AND c.state = 'dead'
            AND (c.maybe_done OR c.operation <> 'authorize') AND (c.maybe_done OR c.created_at > clock_timestamp() - interval '23 hours')
            AND (NOT c.erased OR (c.maybe_done AND EXISTS (SELECT FROM commerce.providers p
                JOIN commerce.provider_adapters a ON a.adapter = p.adapter AND a.operation = c.operation
                WHERE p.name = c.provider AND a.ask IS NOT NULL)));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such call that was given up and can be tried again' USING ERRCODE = 'no_data_found',
            HINT = 'SELECT * FROM commerce.provider_calls WHERE state = ''dead''. A payment that was never asked for has failed: ask for another. What was sent for somebody who was erased is gone: look it up, and abandon_provider_call().';
    END IF;
    PERFORM commerce.wake_sender();
END
$$;
COMMENT ON FUNCTION commerce.retry_provider_call(uuid, uuid) IS
'Takes up a call that was given up: asks the provider what became of it, or sends it again under its key. P0002 for any other call, for a payment that has failed because nobody was reached, for one older than the 23 hours for which providers know a key, and for one of somebody who was erased of which the provider cannot be asked. Example: SELECT commerce.retry_provider_call(order_id, id) FROM commerce.provider_calls WHERE state = ''dead''.';
GRANT EXECUTE ON FUNCTION commerce.retry_provider_call(uuid, uuid) TO commerce_admin;

CREATE FUNCTION commerce.abandon_provider_call("order" uuid, call uuid, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c record;
BEGIN
    PERFORM commerce.require_shop();
    IF coalesce(reason, '') = '' THEN
        RAISE EXCEPTION 'a reason must be given' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO c FROM commerce.provider_calls x WHERE x.order_id = "order" AND x.id = call AND x.state = 'dead';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such call that was given up' USING ERRCODE = 'no_data_found',
            HINT = 'SELECT * FROM commerce.provider_calls WHERE state = ''dead''.';
    END IF;
    IF c.payment_id IS NOT NULL THEN
        PERFORM commerce.lock_order("order");
    END IF;
    UPDATE commerce.provider_calls x SET state = 'failed', maybe_done = false, error = left(abandon_provider_call.reason, 500)
        WHERE x.order_id = "order" AND x.id = call AND x.state = 'dead';
    IF FOUND AND c.operation = 'authorize' THEN
        PERFORM commerce.fail_payment("order", c.payment_id, reason);
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.abandon_provider_call(uuid, uuid, text) IS
'Says of a call that was given up that it was not done, as somebody has found out at the provider''s, and why: a payment that waits for it has failed, and what it would have moved can be asked for again. 22023 without a reason, CM070 where it holds a payment card number, P0002 for any other call. Example: SELECT commerce.abandon_provider_call(order_id, id, ''not in their dashboard'') FROM commerce.provider_calls WHERE state = ''dead''.';
GRANT EXECUTE ON FUNCTION commerce.abandon_provider_call(uuid, uuid, text) TO commerce_admin;
