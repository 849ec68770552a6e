CREATE FUNCTION commerce.moved_state(kind text, owed_later boolean, authorized bigint, captured bigint, refunded bigint, charged_back bigint)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN owed_later AND captured < authorized THEN CASE captured WHEN 0 THEN 'authorized' ELSE 'partially_captured' END
        WHEN charged_back > 0 AND (NOT owed_later OR charged_back + refunded = captured AND kind <> 'refund') THEN 'charged_back'
        WHEN refunded = captured - charged_back AND (kind = 'refund' OR refunded > 0) THEN 'refunded'
        WHEN refunded > 0 THEN 'partially_refunded'
        WHEN captured = authorized THEN 'captured'
        ELSE 'partially_captured' END;
COMMENT ON FUNCTION commerce.moved_state(text, boolean, bigint, bigint, bigint, bigint) IS
'Internal. The state of a payment of which so much was moved, in minor units, last by a movement of this kind. What is bought on account (owed_later) stays open for as long as any of it is owed, whatever was given or taken back.';

CREATE FUNCTION commerce.move_payment(payment uuid, kind text, amount commerce.amount, reference text, provider text)
    RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    p record;
    currency text;
    rest bigint;
    minor bigint;
    was_authorized bigint;
    now_captured bigint;
    now_refunded bigint;
    now_charged_back bigint;
    result text;
BEGIN
    SELECT * INTO STRICT p FROM commerce.payments WHERE id = payment FOR NO KEY UPDATE;
    currency := commerce.currency(p.authorized);
    was_authorized := commerce.minor_units(p.authorized);
    now_captured := commerce.minor_units(p.captured);
    now_refunded := commerce.minor_units(p.refunded);
    now_charged_back := commerce.minor_units(p.charged_back);
    rest := CASE kind WHEN 'capture' THEN was_authorized - now_captured WHEN 'reversal' THEN now_charged_back
        ELSE now_captured - now_refunded - now_charged_back END;
    -- "The rest", said again under the same reference, is what it was the first time.
    move_payment.amount := coalesce(move_payment.amount,
        (SELECT e.amount
            FROM commerce.payment_references r
                JOIN commerce.payment_entries e ON e.order_id = r.order_id AND e.payment_id = r.payment_id AND e.id = r.entry_id
            WHERE r.provider = coalesce(move_payment.provider, p.provider) AND r.reference = move_payment.reference
                AND r.kind = move_payment.kind AND r.payment_id = payment),
        commerce.from_minor(rest, currency));
    minor := commerce.minor_units(move_payment.amount);
    IF commerce.currency(move_payment.amount) <> currency THEN
        RAISE EXCEPTION 'the payment is in %, not in %', currency, commerce.currency(move_payment.amount)
            USING ERRCODE = 'CM020', HINT = 'Capture and refund in the currency that was authorized.';
    END IF;
    IF minor < 0 THEN
        RAISE EXCEPTION 'an amount must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT commerce.book_payment(p.order_id, payment, kind, move_payment.amount, coalesce(move_payment.provider, p.provider),
            reference) THEN
        RETURN p.state;
    END IF;
    -- What was bought on account is owed, and paid, when the order has long been archived.
    IF kind = 'capture' AND p.provider <> 'account' THEN
        PERFORM commerce.require_payable(p.order_id, 'capture');
    END IF;
    IF kind = 'reversal' AND p.owed THEN
        RAISE EXCEPTION 'what was taken back of the payment is owed again' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'commerce.settle_account() records that it has come after all.';
    END IF;
    IF minor > rest OR (minor = 0 AND (rest > 0 OR kind IN ('chargeback', 'reversal'))) THEN
        RAISE EXCEPTION 'only % of the payment are left to %', commerce.from_minor(rest, currency),
                CASE kind WHEN 'chargeback' THEN 'charge back' WHEN 'reversal' THEN 'reverse' ELSE kind END
            USING ERRCODE = 'CM060', DETAIL = jsonb_build_object('payment', payment, 'amount', move_payment.amount::jsonb,
                'rest', commerce.from_minor(rest, currency)::jsonb),
                HINT = 'A payment captures no more than was authorized, and gives back no more than was captured.';
    END IF;
    -- The machine would take the first for a chargeback that is reversed.
    IF kind = 'capture' AND p.state NOT IN ('authorized', 'partially_captured') THEN
        PERFORM commerce.refuse_event('payment', p.state, 'capture');
    END IF;
    -- A settlement that is taken back is owed again, as if it had been bought once more, unless nothing is owed for the order.
    IF kind = 'chargeback' AND p.provider = 'account' AND NOT commerce.is_called_off(p.order_id) THEN
        was_authorized := was_authorized + minor;
        PERFORM commerce.book_payment(p.order_id, payment, 'authorize', move_payment.amount, p.provider, NULL);
        -- Whether so much is left of the line or not, as where its limit falls below what is used.
        PERFORM commerce.return_to_balance(p.balance, commerce.from_minor(-minor, currency), p.order_id, payment, 'spent');
    END IF;
    CASE kind
        WHEN 'capture' THEN now_captured := now_captured + minor;
        WHEN 'refund' THEN now_refunded := now_refunded + minor;
        WHEN 'chargeback' THEN now_charged_back := now_charged_back + minor;
        WHEN 'reversal' THEN now_charged_back := now_charged_back - minor;
    END CASE;
    UPDATE commerce.payments SET authorized = commerce.from_minor(was_authorized, currency), captured = commerce.from_minor(now_captured, currency),
            refunded = commerce.from_minor(now_refunded, currency),
            charged_back = commerce.from_minor(now_charged_back, currency),
            state = commerce.moved_state(kind, p.provider = 'account', was_authorized, now_captured, now_refunded, now_charged_back)
        WHERE order_id = p.order_id AND id = p.id RETURNING state INTO result;
    IF kind = 'refund' AND minor > 0 AND p.provider = 'balance' THEN
        PERFORM commerce.return_to_balance(p.balance, move_payment.amount, p.order_id, payment, 'refunded');
    ELSIF kind = 'capture' AND minor > 0 AND p.provider = 'account' THEN
        PERFORM commerce.return_to_balance(p.balance, move_payment.amount, p.order_id, payment, 'settled');
    END IF;
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (p.order_id::text, 'payment.' || CASE kind WHEN 'capture' THEN 'captured'
            WHEN 'refund' THEN 'refunded' WHEN 'chargeback' THEN 'charged_back' ELSE 'chargeback_reversed' END,
        jsonb_build_object('order_id', p.order_id, 'id', payment, 'amount', move_payment.amount::jsonb, 'state', result));
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.move_payment(uuid, text, commerce.amount, text, text) IS
'Internal. Captures, refunds, charges back or reverses that (kind capture, refund, chargeback, reversal) an amount of a payment (NULL: the rest) and returns the payment''s state. The order is locked before.';

CREATE FUNCTION commerce.settle_payment(payment uuid, kind text, amount commerce.amount, reference text, provider text)
    RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_order uuid;
BEGIN
    PERFORM commerce.require_shop();
    SELECT p.order_id INTO the_order FROM commerce.payments p WHERE p.id = payment;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no payment %', coalesce(payment::text, 'null') USING ERRCODE = 'no_data_found',
            HINT = 'It is the id of a payment, as authorize_payment() returns it, not of an order; commerce.payments lists them.';
    END IF;
    PERFORM commerce.lock_order(the_order);
    RETURN commerce.move_payment(payment, kind, amount, reference, provider);
END
$$;
COMMENT ON FUNCTION commerce.settle_payment(uuid, text, commerce.amount, text, text) IS
'Internal. Locks the order of a payment, as everyone does who moves money, before move_payment(). P0002 for an unknown payment.';

CREATE FUNCTION commerce.capture_payment(payment uuid, amount commerce.amount DEFAULT NULL, reference text DEFAULT NULL,
        provider text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN commerce.settle_payment(payment, 'capture', amount, reference, provider);
END
$$;
COMMENT ON FUNCTION commerce.capture_payment(uuid, commerce.amount, text, text) IS
'Takes an authorized amount (NULL: all that is left) and returns the payment''s state. May be called several times, for parts. CM060 beyond what was authorized, CM010 once voided, expired, refunded or charged back and once the order is cancelled, expired or archived, CM020, CM050 and P0002 as authorize_payment().';
GRANT EXECUTE ON FUNCTION commerce.capture_payment(uuid, commerce.amount, text, text) TO commerce_app;

CREATE FUNCTION commerce.refund_payment(payment uuid, amount commerce.amount DEFAULT NULL, reference text DEFAULT NULL,
        provider text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN commerce.settle_payment(payment, 'refund', amount, reference, provider);
END
$$;
COMMENT ON FUNCTION commerce.refund_payment(uuid, commerce.amount, text, text) IS
'Gives captured money back (NULL: all of it that is left) and returns the payment''s state. What a balance paid goes back to it; of what was bought on account, what was settled of it: what is not settled stays owed until void_payment(payment, amount => …) gives it up. CM060 beyond what was captured and neither refunded nor charged back, CM020, CM050 and P0002 as authorize_payment().';
GRANT EXECUTE ON FUNCTION commerce.refund_payment(uuid, commerce.amount, text, text) TO commerce_app;

CREATE FUNCTION commerce.refund_order("order" uuid, amount commerce.amount DEFAULT NULL, reference text DEFAULT NULL)
    RETURNS TABLE (payment uuid, provider text, refunded commerce.amount)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    currency text := commerce.currency(commerce.lock_order("order"));
    asked commerce.amount := $2;
    rest bigint;
    minor bigint;
    part record;
    n integer := 0;
BEGIN
    -- Each part is booked under the reference, "#" and its number.
    IF reference IS NOT NULL AND EXISTS (SELECT FROM commerce.payment_references r JOIN commerce.payments p ON p.order_id = r.order_id
            AND p.id = r.payment_id WHERE r.order_id = "order" AND r.kind = 'refund' AND r.reference = $3 || '#1' AND r.provider = p.provider) THEN
        SELECT sum(commerce.minor_units(e.amount)) INTO minor FROM commerce.payment_entries e
            WHERE e.order_id = "order" AND e.kind = 'refund' AND e.reference ~ '#[0-9]+$' AND regexp_replace(e.reference, '#[0-9]+$', '') = $3;
        IF asked IS NOT NULL AND (minor, currency) IS DISTINCT FROM (commerce.minor_units(asked), commerce.currency(asked)) THEN
            RAISE EXCEPTION 'reference "%" is booked for another refund of the order', reference
                USING ERRCODE = 'CM050', HINT = 'A reference names one movement of money.';
        END IF;
        RETURN QUERY SELECT p.id, p.provider, e.amount FROM commerce.payment_entries e
            JOIN commerce.payments p ON p.order_id = e.order_id AND p.id = e.payment_id
            WHERE e.order_id = "order" AND e.kind = 'refund' AND e.reference ~ '#[0-9]+$' AND regexp_replace(e.reference, '#[0-9]+$', '') = $3
            ORDER BY e.id;
        RETURN;
    END IF;
    SELECT coalesce(sum(commerce.minor_units(p.captured) - commerce.minor_units(p.refunded) - commerce.minor_units(p.charged_back)), 0)
        INTO rest FROM commerce.payments p WHERE p.order_id = "order";
    asked := coalesce(asked, commerce.from_minor(rest, currency));
    minor := commerce.minor_units(asked);
    IF commerce.currency(asked) <> currency THEN
        RAISE EXCEPTION 'the order is in %, not in %', currency, commerce.currency(asked)
            USING ERRCODE = 'CM020', HINT = 'Refund in the currency that was paid.';
    END IF;
    IF minor < 0 THEN
        RAISE EXCEPTION 'an amount must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF minor > rest OR (minor = 0 AND rest > 0) THEN
        RAISE EXCEPTION 'only % of the order are left to refund', commerce.from_minor(rest, currency)
            USING ERRCODE = 'CM060', DETAIL = jsonb_build_object('order', "order", 'amount', asked::jsonb,
                'rest', commerce.from_minor(rest, currency)::jsonb), HINT = 'Refund no more than was captured.';
    END IF;
    FOR part IN SELECT p.id, p.provider, least(x.rest, minor - (sum(x.rest) OVER (ORDER BY p.id DESC) - x.rest))::bigint AS minor
        FROM commerce.payments p, LATERAL (SELECT commerce.minor_units(p.captured) - commerce.minor_units(p.refunded)
            - commerce.minor_units(p.charged_back) AS rest) x
        WHERE p.order_id = "order" AND x.rest > 0 ORDER BY p.id DESC
    LOOP
        EXIT WHEN part.minor <= 0;
        n := n + 1;
        payment := part.id;
        provider := part.provider;
        refunded := commerce.from_minor(part.minor, currency);
        PERFORM commerce.move_payment(part.id, 'refund', refunded, $3 || '#' || n, NULL);
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION commerce.refund_order(uuid, commerce.amount, text) IS
'Gives back what was paid for an order (NULL: all that is left), from the payment that was taken last to the first, and returns what goes back by which payment: tell their providers. A payment on account gives back what is settled of it; what is only owed stays so until void_payment(payment, amount => …) gives it up. The same reference again returns the same parts and moves nothing; each part is booked as refund_payment() would, under the reference, # and its number. CM060 beyond what is left of all payments, CM020 in another currency, CM050 where the reference names another amount, 22023 for less than nothing, P0002 for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.refund_order(uuid, commerce.amount, text) TO commerce_app;

CREATE FUNCTION commerce.charge_back_payment(payment uuid, amount commerce.amount DEFAULT NULL, reference text DEFAULT NULL,
        provider text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    IF EXISTS (SELECT FROM commerce.payments p WHERE p.id = payment AND p.provider = 'balance') THEN
        RAISE EXCEPTION 'nobody charges a balance of the shop''s own back' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'commerce.refund_payment() gives back to it.';
    END IF;
    RETURN commerce.settle_payment(payment, 'chargeback', amount, reference, provider);
END
$$;
COMMENT ON FUNCTION commerce.charge_back_payment(uuid, commerce.amount, text, text) IS
'Records that the payer''s bank took captured money back (NULL: all that is left of it) and returns the payment''s state, charged_back. What was not taken can still be refunded. Of a payment on account it is a settlement that came back, as a direct debit does: the customer owes it again, whatever is left of the credit line, until settle_account() or void_payment(); its state is partially_captured then; for an order that was cancelled or has expired nothing is owed. CM060 beyond what was captured and neither refunded nor charged back, 22023 for a payment from a balance, CM020, CM050 and P0002 as authorize_payment().';
GRANT EXECUTE ON FUNCTION commerce.charge_back_payment(uuid, commerce.amount, text, text) TO commerce_app;

CREATE FUNCTION commerce.reverse_chargeback(payment uuid, amount commerce.amount DEFAULT NULL, reference text DEFAULT NULL,
        provider text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN commerce.settle_payment(payment, 'reversal', amount, reference, provider);
END
$$;
COMMENT ON FUNCTION commerce.reverse_chargeback(uuid, commerce.amount, text, text) IS
'Records that the payer''s bank gave back what it had charged back (NULL: all of it) and returns the payment''s state: once nothing is charged back, what it would be without. 22023 for what is owed again on account: settle_account() records that it has come. CM060 beyond what is charged back, CM020, CM050 and P0002 as authorize_payment().';
GRANT EXECUTE ON FUNCTION commerce.reverse_chargeback(uuid, commerce.amount, text, text) TO commerce_app;

CREATE FUNCTION commerce.payment_let_go("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.book_payment(p.order_id, p.id, event, p.authorized, coalesce(detail ->> 'provider', p.provider),
            detail ->> 'reference')
        FROM commerce.payments p
        WHERE p.order_id = ("row" ->> 'order_id')::uuid AND p.id = ("row" ->> 'id')::uuid AND commerce.minor_units(p.authorized) > 0;
    PERFORM commerce.return_to_balance(p.balance, p.authorized, p.order_id, p.id, 'refunded')
        FROM commerce.payments p
        WHERE p.order_id = ("row" ->> 'order_id')::uuid AND p.id = ("row" ->> 'id')::uuid AND p.provider = 'account';
    RETURN true;
END
$$;
COMMENT ON FUNCTION commerce.payment_let_go(jsonb, text, jsonb) IS
'Internal. Effect of a payment''s void and expire: the ledger says that what was promised will not be captured, under the reference and provider in detail, and a credit line has room for it again.';

CREATE FUNCTION commerce.let_go_payment(payment uuid, reference text, provider text) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    p record;
    rest commerce.amount;
BEGIN
    SELECT * INTO STRICT p FROM commerce.payments x WHERE x.id = payment FOR NO KEY UPDATE;
    IF p.state <> 'partially_captured' THEN
        UPDATE commerce.payments SET state = 'voided' WHERE order_id = p.order_id AND id = payment;
        RETURN 'voided';
    END IF;
    rest := commerce.from_minor(commerce.minor_units(p.authorized) - commerce.minor_units(p.captured), commerce.currency(p.authorized));
    PERFORM commerce.book_payment(p.order_id, payment, 'void', rest, coalesce(let_go_payment.provider, p.provider), reference);
    IF p.provider = 'account' THEN
        PERFORM commerce.return_to_balance(p.balance, rest, p.order_id, payment, 'refunded');
    END IF;
    UPDATE commerce.payments SET authorized = captured, state = commerce.moved_state('void', p.provider = 'account', commerce.minor_units(p.captured),
            commerce.minor_units(p.captured), commerce.minor_units(p.refunded), commerce.minor_units(p.charged_back))
        WHERE order_id = p.order_id AND id = payment RETURNING state INTO p.state;
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (p.order_id::text, 'payment.voided',
        jsonb_build_object('order_id', p.order_id, 'id', payment, 'amount', rest::jsonb, 'state', p.state));
    RETURN p.state;
END
$$;
COMMENT ON FUNCTION commerce.let_go_payment(uuid, text, text) IS
'Internal. Gives up what a payment has not captured and returns its state. The order is locked before; of one that is not captured in part, no reference is booked.';

CREATE FUNCTION commerce.void_payment(payment uuid, reference text DEFAULT NULL, provider text DEFAULT NULL,
        amount commerce.amount DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    p record;
    booked record;
    currency text;
    rest bigint;
BEGIN
    PERFORM commerce.require_shop();
    SELECT * INTO p FROM commerce.payments x WHERE x.id = payment;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no payment %', coalesce(payment::text, 'null') USING ERRCODE = 'no_data_found',
            HINT = 'It is the id of a payment, as authorize_payment() returns it, not of an order; commerce.payments lists them.';
    END IF;
    PERFORM commerce.lock_order(p.order_id);
    SELECT * INTO STRICT p FROM commerce.payments x WHERE x.order_id = p.order_id AND x.id = payment FOR NO KEY UPDATE;
    void_payment.provider := coalesce(void_payment.provider, p.provider);
    currency := commerce.currency(p.authorized);
    SELECT e.amount INTO booked FROM commerce.payment_references r
            JOIN commerce.payment_entries e ON e.order_id = r.order_id AND e.payment_id = r.payment_id AND e.id = r.entry_id
        WHERE r.provider = void_payment.provider AND r.reference = void_payment.reference AND r.kind = 'void' AND r.payment_id = payment;
    IF FOUND THEN
        IF (commerce.minor_units(void_payment.amount), commerce.currency(void_payment.amount))
            <> (commerce.minor_units(booked.amount), currency) THEN
            RAISE EXCEPTION 'reference "%" of provider "%" is booked for another amount', reference, provider
                USING ERRCODE = 'CM050', HINT = 'A provider''s reference names one movement of money.';
        END IF;
        RETURN p.state;
    END IF;
    IF commerce.currency(void_payment.amount) <> currency THEN
        RAISE EXCEPTION 'the payment is in %, not in %', currency, commerce.currency(void_payment.amount)
            USING ERRCODE = 'CM020', HINT = 'Give up in the currency that was authorized.';
    END IF;
    IF commerce.minor_units(void_payment.amount) <= 0 THEN
        RAISE EXCEPTION 'an amount to give up must be greater than zero' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    rest := commerce.minor_units(p.authorized) - commerce.minor_units(p.captured);
    IF p.state IN ('authorized', 'partially_captured') AND commerce.minor_units(void_payment.amount) <> rest THEN
        IF commerce.minor_units(void_payment.amount) > rest THEN
            RAISE EXCEPTION 'only % of the payment are left to void', commerce.from_minor(rest, currency)
                USING ERRCODE = 'CM060', DETAIL = jsonb_build_object('payment', payment, 'amount', void_payment.amount::jsonb,
                    'rest', commerce.from_minor(rest, currency)::jsonb), HINT = 'What was captured is refunded.';
        END IF;
        PERFORM commerce.book_payment(p.order_id, payment, 'void', void_payment.amount, void_payment.provider, reference);
        IF p.provider = 'account' THEN
            PERFORM commerce.return_to_balance(p.balance, void_payment.amount, p.order_id, payment, 'refunded');
        END IF;
        UPDATE commerce.payments x SET authorized = commerce.from_minor(commerce.minor_units(p.authorized)
                - commerce.minor_units(void_payment.amount), currency) WHERE x.order_id = p.order_id AND x.id = payment;
        INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (p.order_id::text, 'payment.voided',
            jsonb_build_object('order_id', p.order_id, 'id', payment, 'amount', void_payment.amount::jsonb, 'state', p.state));
        RETURN p.state;
    END IF;
    IF p.state <> 'partially_captured' THEN
        RETURN commerce.payment_event(payment, 'void', jsonb_strip_nulls(jsonb_build_object('reference', reference, 'provider', provider)));
    END IF;
    RETURN commerce.let_go_payment(payment, reference, provider);
END
$$;
COMMENT ON FUNCTION commerce.void_payment(uuid, text, text, commerce.amount) IS
'Gives up what was promised and not captured (amount NULL: all of it), and returns the payment''s state: voided, or where a part was captured before, whose rest it gives up, captured (partially_refunded or refunded where some of it went back); as before where amount is less than that. Of a payment on account the customer owes it no more. An order that got cheaper owes less on account by it: void_payment(payment, amount => …). The same provider and reference again changes nothing. CM010 where there is nothing to give up, CM060 for more than that, CM020 in another currency, 22023 for an amount that is not greater than zero, CM050 for a reference used for something else, P0002 for an unknown payment. Example: SELECT commerce.void_payment(payment, amount => ''10 EUR'').';
GRANT EXECUTE ON FUNCTION commerce.void_payment(uuid, text, text, commerce.amount) TO commerce_app;
