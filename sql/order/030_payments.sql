CREATE FUNCTION commerce.lock_order(order_id uuid) RETURNS commerce.amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result commerce.amount;
BEGIN
    PERFORM commerce.require_shop();
    -- An UPDATE where a lock would do in READ COMMITTED: whoever waits here with an older snapshot is then told so
    -- (40001) instead of deciding by payments, parcels and returns as they were.
    UPDATE commerce.orders o SET total = o.total WHERE o.id = lock_order.order_id RETURNING o.total INTO result;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no order %', coalesce(order_id::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.lock_order(uuid) IS
'Internal. Makes this transaction the only one that changes the order''s money and goods, and returns the order''s total. P0002 for an unknown order; 40001 where another did since this transaction''s snapshot.';

CREATE FUNCTION commerce.book_payment(order_id uuid, payment uuid, kind text, amount commerce.amount, provider text,
        reference text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    entry uuid := commerce.uuidv7();
    booked record;
BEGIN
    IF reference IS NOT NULL THEN
        INSERT INTO commerce.payment_references (provider, reference, kind, order_id, payment_id, entry_id)
            VALUES (book_payment.provider, book_payment.reference, book_payment.kind, book_payment.order_id, payment, entry)
            ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT r.order_id, r.payment_id, e.amount INTO booked
                FROM commerce.payment_references r
                    JOIN commerce.payment_entries e ON e.order_id = r.order_id AND e.payment_id = r.payment_id AND e.id = r.entry_id
                WHERE r.provider = book_payment.provider AND r.reference = book_payment.reference AND r.kind = book_payment.kind;
            IF booked.order_id IS DISTINCT FROM book_payment.order_id OR booked.payment_id IS DISTINCT FROM payment
                OR commerce.minor_units(booked.amount) IS DISTINCT FROM commerce.minor_units(book_payment.amount)
                OR commerce.currency(booked.amount) IS DISTINCT FROM commerce.currency(book_payment.amount) THEN
                RAISE EXCEPTION 'reference "%" of provider "%" is booked for another payment or amount', reference, provider
                    USING ERRCODE = 'CM050', HINT = 'A provider''s reference names one movement of money.';
            END IF;
            RETURN false;
        END IF;
    END IF;
    INSERT INTO commerce.payment_entries (order_id, payment_id, id, kind, amount, reference)
        VALUES (book_payment.order_id, payment, entry, book_payment.kind, book_payment.amount, book_payment.reference);
    RETURN true;
END
$$;
COMMENT ON FUNCTION commerce.book_payment(uuid, uuid, text, commerce.amount, text, text) IS
'Internal. Writes one line of the payment ledger. False where the very same line is there already (a replay); CM050 where the reference names another.';

CREATE FUNCTION commerce.authorize_payment("order" uuid, amount commerce.amount DEFAULT NULL, reference text DEFAULT NULL,
        provider text DEFAULT 'manual') RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    total commerce.amount := commerce.lock_order("order");
    currency text := commerce.currency(total);
    promised bigint;
    booked uuid;
    payment uuid := commerce.uuidv7();
BEGIN
    IF reference IS NOT NULL THEN
        SELECT r.payment_id INTO booked FROM commerce.payment_references r
            WHERE r.provider = authorize_payment.provider AND r.reference = authorize_payment.reference AND r.kind = 'authorize';
    END IF;
    -- Money counts as promised while it can still be captured, and as paid until it is refunded; what a payment has not
    -- captured when it is refunded, it never will.
    SELECT coalesce(sum(commerce.minor_units(CASE WHEN p.state IN ('partially_refunded', 'refunded') THEN p.captured
            ELSE p.authorized END) - commerce.minor_units(p.refunded)), 0) INTO promised
        FROM commerce.payments p
        WHERE p.order_id = "order" AND p.state <> 'voided' AND p.id IS DISTINCT FROM booked;
    authorize_payment.amount := coalesce(authorize_payment.amount,
        commerce.from_minor(commerce.minor_units(total) - promised, currency));
    IF commerce.currency(authorize_payment.amount) <> currency THEN
        RAISE EXCEPTION 'the order is in %, the payment in %', currency, commerce.currency(authorize_payment.amount)
            USING ERRCODE = 'CM020', HINT = 'Pay an order in its own currency.';
    END IF;
    IF commerce.minor_units(authorize_payment.amount) < 0 THEN
        RAISE EXCEPTION 'an amount must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF commerce.minor_units(authorize_payment.amount) > commerce.minor_units(total) - promised THEN
        RAISE EXCEPTION 'only % of the order are left to pay', commerce.from_minor(commerce.minor_units(total) - promised, currency)
            USING ERRCODE = 'CM060', DETAIL = jsonb_build_object('order', "order", 'amount', authorize_payment.amount::jsonb,
                'rest', commerce.from_minor(commerce.minor_units(total) - promised, currency)::jsonb),
                HINT = 'Authorize no more than the rest.';
    END IF;
    IF booked IS NOT NULL THEN
        PERFORM commerce.book_payment("order", booked, 'authorize', authorize_payment.amount, provider, reference);
        RETURN booked;
    END IF;
    INSERT INTO commerce.payments (order_id, id, state, provider, authorized, captured, refunded)
        VALUES ("order", payment, 'authorized', authorize_payment.provider, authorize_payment.amount,
            commerce.from_minor(0, currency), commerce.from_minor(0, currency));
    PERFORM commerce.book_payment("order", payment, 'authorize', authorize_payment.amount, provider, reference);
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("order"::text, 'payment.authorized',
        jsonb_build_object('order_id', "order", 'id', payment, 'amount', authorize_payment.amount::jsonb));
    RETURN payment;
END
$$;
COMMENT ON FUNCTION commerce.authorize_payment(uuid, commerce.amount, text, text) IS
'Records that a provider promised an amount for an order (NULL: all that is left) and returns the payment. The same provider and reference again returns the same payment. CM060 beyond the rest of the order, CM020 in another currency, CM050 for a reference used for something else, 22023 for less than nothing, P0002 for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.authorize_payment(uuid, commerce.amount, text, text) TO commerce_app;

CREATE FUNCTION commerce.settle_payment(payment uuid, kind text, amount commerce.amount, reference text, provider text)
    RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    p record;
    rest bigint;
    minor bigint;
    result text;
BEGIN
    PERFORM commerce.require_shop();
    SELECT * INTO p FROM commerce.payments WHERE id = payment FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no payment %', coalesce(payment::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    rest := CASE kind WHEN 'capture' THEN commerce.minor_units(p.authorized) - commerce.minor_units(p.captured)
        ELSE commerce.minor_units(p.captured) - commerce.minor_units(p.refunded) END;
    -- "The rest", said again under the same reference, is what it was the first time.
    settle_payment.amount := coalesce(settle_payment.amount,
        (SELECT e.amount
            FROM commerce.payment_references r
                JOIN commerce.payment_entries e ON e.order_id = r.order_id AND e.payment_id = r.payment_id AND e.id = r.entry_id
            WHERE r.provider = coalesce(settle_payment.provider, p.provider) AND r.reference = settle_payment.reference
                AND r.kind = settle_payment.kind AND r.payment_id = payment),
        commerce.from_minor(rest, commerce.currency(p.authorized)));
    minor := commerce.minor_units(settle_payment.amount);
    IF commerce.currency(settle_payment.amount) <> commerce.currency(p.authorized) THEN
        RAISE EXCEPTION 'the payment is in %, not in %', commerce.currency(p.authorized), commerce.currency(settle_payment.amount)
            USING ERRCODE = 'CM020', HINT = 'Capture and refund in the currency that was authorized.';
    END IF;
    IF minor < 0 THEN
        RAISE EXCEPTION 'an amount must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT commerce.book_payment(p.order_id, payment, kind, settle_payment.amount, coalesce(settle_payment.provider, p.provider),
            reference) THEN
        RETURN p.state;
    END IF;
    IF minor > rest OR (minor = 0 AND rest > 0) THEN
        RAISE EXCEPTION 'only % of the payment are left to %', commerce.from_minor(rest, commerce.currency(p.authorized)), kind
            USING ERRCODE = 'CM060', DETAIL = jsonb_build_object('payment', payment, 'amount', settle_payment.amount::jsonb,
                'rest', commerce.from_minor(rest, commerce.currency(p.authorized))::jsonb),
                HINT = 'A payment captures no more than was authorized and refunds no more than was captured.';
    END IF;
    IF kind = 'capture' THEN
        UPDATE commerce.payments SET captured = commerce.from_minor(commerce.minor_units(captured) + minor, commerce.currency(captured)),
                state = CASE WHEN minor = rest THEN 'captured' ELSE 'partially_captured' END
            WHERE order_id = p.order_id AND id = p.id RETURNING state INTO result;
    ELSE
        UPDATE commerce.payments SET refunded = commerce.from_minor(commerce.minor_units(refunded) + minor, commerce.currency(refunded)),
                state = CASE WHEN minor = rest THEN 'refunded' ELSE 'partially_refunded' END
            WHERE order_id = p.order_id AND id = p.id RETURNING state INTO result;
    END IF;
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (p.order_id::text, 'payment.' || CASE kind WHEN 'capture' THEN 'captured' ELSE 'refunded' END,
        jsonb_build_object('order_id', p.order_id, 'id', payment, 'amount', settle_payment.amount::jsonb, 'state', result));
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.settle_payment(uuid, text, commerce.amount, text, text) IS
'Internal. Captures or refunds an amount of a payment (NULL: the rest) and returns the payment''s state; capture_payment() and refund_payment() in one place.';

CREATE FUNCTION commerce.capture_payment(payment uuid, amount commerce.amount DEFAULT NULL, reference text DEFAULT NULL,
        provider text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN commerce.settle_payment(payment, 'capture', amount, reference, provider);
END
$$;
COMMENT ON FUNCTION commerce.capture_payment(uuid, commerce.amount, text, text) IS
'Takes an authorized amount (NULL: all that is left) and returns the payment''s state. CM060 beyond what was authorized, CM010 once voided or refunded, CM020, CM050 and P0002 as authorize_payment().';
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
'Gives captured money back (NULL: all of it) and returns the payment''s state. CM060 beyond what was captured, CM020, CM050 and P0002 as authorize_payment().';
GRANT EXECUTE ON FUNCTION commerce.refund_payment(uuid, commerce.amount, text, text) TO commerce_app;

CREATE FUNCTION commerce.issue_credit(customer uuid, amount commerce.amount, reason text, reference text DEFAULT NULL)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    credit uuid := commerce.uuidv7();
    booked record;
BEGIN
    PERFORM commerce.require_shop();
    IF amount IS NULL OR commerce.minor_units(amount) <= 0 OR coalesce(reason, '') = '' THEN
        RAISE EXCEPTION 'a credit needs an amount greater than zero and a reason' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.customers c WHERE c.id = customer) THEN
        RAISE EXCEPTION 'there is no customer %', coalesce(customer::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO commerce.store_credits (customer_id, id, amount, reason, reference)
        VALUES (customer, credit, issue_credit.amount, issue_credit.reason, issue_credit.reference)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT * INTO booked FROM commerce.store_credits c
            WHERE c.customer_id = customer AND c.reference = issue_credit.reference;
        IF booked.amount OPERATOR(commerce.<>) issue_credit.amount OR booked.reason <> issue_credit.reason THEN
            RAISE EXCEPTION 'reference "%" is booked for another credit', reference
                USING ERRCODE = 'CM050', HINT = 'A reference names one credit of a customer.';
        END IF;
        RETURN booked.id;
    END IF;
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (customer::text, 'credit.issued',
        jsonb_build_object('customer_id', customer, 'id', credit, 'amount', amount::jsonb, 'reason', reason));
    RETURN credit;
END
$$;
COMMENT ON FUNCTION commerce.issue_credit(uuid, commerce.amount, text, text) IS
'Records money that the shop owes a customer outside an order and returns its id. The same reference again returns the same credit, or CM050 where amount or reason differ. 22023 unless the amount is positive and has a reason, P0002 for an unknown customer.';
GRANT EXECUTE ON FUNCTION commerce.issue_credit(uuid, commerce.amount, text, text) TO commerce_app;
