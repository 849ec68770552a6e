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

CREATE FUNCTION commerce.refuse_event(machine text, state text, event text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'event "%" is not allowed in state "%" of machine "%"', event, state, machine
        USING ERRCODE = 'CM010', DETAIL = jsonb_build_object('machine', machine, 'state', state, 'event', event, 'allowed',
            (SELECT coalesce(jsonb_agg(t.event ORDER BY t.event COLLATE "C"), '[]') FROM commerce.transitions t
                WHERE t.machine = refuse_event.machine AND t.from_state = refuse_event.state)),
            HINT = 'DETAIL lists the events that are allowed now.';
END
$$;
COMMENT ON FUNCTION commerce.refuse_event(text, text, text) IS
'Internal. Raises CM010 about an event, as a state machine does: for what moves money without a change of state.';

CREATE FUNCTION commerce.is_called_off("order" uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM commerce.orders o WHERE o.id = "order" AND (o.state IN ('cancelled', 'expired')
        OR o.state = 'archived' AND EXISTS (SELECT FROM commerce.state_history h WHERE h.subject = o.id::text
            AND h.relation = 'commerce.orders' AND h.to_state = 'archived' AND h.from_state IN ('cancelled', 'expired'))));
END
$$;
COMMENT ON FUNCTION commerce.is_called_off(uuid) IS
'Internal. Whether an order was cancelled or has expired, also where it is archived since.';

CREATE FUNCTION commerce.require_payable("order" uuid, event text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now_in text := (SELECT o.state FROM commerce.orders o WHERE o.id = "order");
BEGIN
    IF now_in IN ('cancelled', 'expired', 'archived') THEN
        PERFORM commerce.refuse_event('order', now_in, event);
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.require_payable(uuid, text) IS
'Internal. Raises CM010 where an order takes no money any more: cancelled, expired, archived. Comes after lock_order().';

CREATE FUNCTION commerce.unpaid("order" uuid, total commerce.amount, beside uuid DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    promised bigint;
BEGIN
    -- Money counts as promised while it can still be captured, and as paid until it is refunded or charged back; what a
    -- payment has not captured when it is refunded, it never will, but for what is owed on account.
    SELECT coalesce(sum(commerce.minor_units(CASE WHEN NOT p.owed AND (commerce.minor_units(p.refunded) > 0 OR p.state = 'refunded') THEN p.captured
            ELSE p.authorized END) - commerce.minor_units(p.refunded) - commerce.minor_units(p.charged_back)), 0) INTO promised
        FROM commerce.payments p
        WHERE p.order_id = "order" AND p.state NOT IN ('voided', 'expired') AND p.id IS DISTINCT FROM beside;
    RETURN commerce.minor_units(total) - commerce.paid_in_goods("order") - promised;
END
$$;
COMMENT ON FUNCTION commerce.unpaid(uuid, commerce.amount, uuid) IS
'Internal. What of an order''s total no payment (beside one) has promised, and no goods pay that came back or are to come back in an exchange, in minor units; negative where more is paid. Comes after lock_order().';

CREATE FUNCTION commerce.check_payment("order" uuid, amount commerce.amount, total commerce.amount, rest bigint) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    currency text := commerce.currency(total);
BEGIN
    IF commerce.currency(amount) <> currency THEN
        RAISE EXCEPTION 'the order is in %, the payment in %', currency, commerce.currency(amount)
            USING ERRCODE = 'CM020', HINT = 'Pay an order in its own currency.';
    END IF;
    IF commerce.minor_units(amount) < 0 THEN
        RAISE EXCEPTION 'an amount must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF commerce.minor_units(amount) > rest THEN
        RAISE EXCEPTION 'only % of the order are left to pay', commerce.from_minor(greatest(rest, 0), currency)
            USING ERRCODE = 'CM060', DETAIL = jsonb_build_object('order', "order", 'amount', amount::jsonb,
                'rest', commerce.from_minor(greatest(rest, 0), currency)::jsonb), HINT = 'Authorize no more than the rest.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.check_payment(uuid, commerce.amount, commerce.amount, bigint) IS
'Internal. Refuses an amount that an order of so much, of which so many minor units are left to pay, cannot be paid with: CM020, 22023, CM060.';

CREATE FUNCTION commerce.begin_payment("order" uuid, amount commerce.amount DEFAULT NULL, provider text DEFAULT 'manual',
        reference text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    total commerce.amount := commerce.lock_order("order");
    rest bigint := commerce.unpaid("order", total);
    nothing commerce.amount := commerce.from_minor(0, commerce.currency(total));
    payment uuid := commerce.uuidv7();
    begun record;
BEGIN
    PERFORM commerce.refuse_balance(begin_payment.provider);
    IF reference IS NOT NULL THEN
        INSERT INTO commerce.payment_references (provider, reference, kind, order_id, payment_id)
            VALUES (begin_payment.provider, begin_payment.reference, 'begin', "order", payment) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT p.order_id, p.id, p.requested INTO begun
                FROM commerce.payment_references r JOIN commerce.payments p ON p.order_id = r.order_id AND p.id = r.payment_id
                WHERE r.provider = begin_payment.provider AND r.reference = begin_payment.reference AND r.kind = 'begin';
            IF begun.order_id IS DISTINCT FROM "order" OR amount IS NOT NULL
                AND (commerce.minor_units(amount), commerce.currency(amount))
                    <> (commerce.minor_units(begun.requested), commerce.currency(begun.requested)) THEN
                RAISE EXCEPTION 'reference "%" of provider "%" began another payment', reference, provider
                    USING ERRCODE = 'CM050', HINT = 'A provider''s reference names one payment.';
            END IF;
            RETURN begun.id;
        END IF;
    END IF;
    PERFORM commerce.require_payable("order", 'begin_payment');
    begin_payment.amount := coalesce(begin_payment.amount, commerce.from_minor(greatest(rest, 0), commerce.currency(total)));
    PERFORM commerce.check_payment("order", begin_payment.amount, total, rest);
    INSERT INTO commerce.payments (order_id, id, state, provider, authorized, captured, refunded, charged_back, requested)
        VALUES ("order", payment, 'created', begin_payment.provider, nothing, nothing, nothing, nothing, begin_payment.amount);
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("order"::text, 'payment.created',
        jsonb_build_object('order_id', "order", 'id', payment, 'amount', begin_payment.amount::jsonb));
    RETURN payment;
END
$$;
COMMENT ON FUNCTION commerce.begin_payment(uuid, commerce.amount, text, text) IS
'Notes that a provider is being asked for an amount of an order (NULL: all that is left) and returns the payment, in state created: nothing is promised yet. From there payment_event() goes by process, require_action, fail, expire and void, and authorize_payment(…, payment => …) records the promise. The same provider and reference again returns the same payment, whatever has become of it. CM060 beyond the rest of the order, CM050 for a reference that began another payment or asked for another amount, CM010 for an order that is cancelled, expired or archived, CM020, 22023 and P0002 as authorize_payment(). Example: SELECT commerce.begin_payment(order, provider => ''bank'').';
GRANT EXECUTE ON FUNCTION commerce.begin_payment(uuid, commerce.amount, text, text) TO commerce_app;

CREATE FUNCTION commerce.refuse_balance(provider text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF provider IN ('balance', 'account') THEN
        RAISE EXCEPTION 'provider "%" is the shop''s own', provider USING ERRCODE = 'invalid_parameter_value',
            HINT = CASE provider WHEN 'balance' THEN 'Gift cards and store credit pay by commerce.pay_with_balance().'
                ELSE 'What is bought on account is paid by commerce.pay_on_account().' END;
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.refuse_balance(text) IS 'Internal. 22023 for the providers balance and account, which only pay_with_balance() and pay_on_account() are.';

CREATE FUNCTION commerce.authorize_payment("order" uuid, amount commerce.amount DEFAULT NULL, reference text DEFAULT NULL,
        provider text DEFAULT 'manual', payment uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    total commerce.amount := commerce.lock_order("order");
    currency text := commerce.currency(total);
    rest bigint;
    booked uuid;
    begun record;
    asked commerce.amount;
BEGIN
    IF payment IS NOT NULL THEN
        SELECT * INTO begun FROM commerce.payments p WHERE p.order_id = "order" AND p.id = payment FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'order % has no payment %', "order", payment USING ERRCODE = 'no_data_found';
        END IF;
        authorize_payment.provider := begun.provider;
        asked := begun.requested;
    END IF;
    PERFORM commerce.refuse_balance(authorize_payment.provider);
    IF reference IS NOT NULL THEN
        SELECT r.payment_id INTO booked FROM commerce.payment_references r
            WHERE r.provider = authorize_payment.provider AND r.reference = authorize_payment.reference AND r.kind = 'authorize';
    END IF;
    rest := commerce.unpaid("order", total, booked);
    -- What was asked for is what is promised where nothing else is said; else all that is left.
    authorize_payment.amount := coalesce(authorize_payment.amount, asked, commerce.from_minor(greatest(rest, 0), currency));
    IF booked IS NOT NULL THEN
        PERFORM commerce.book_payment("order", booked, 'authorize', authorize_payment.amount, provider, reference);
        RETURN booked;
    END IF;
    PERFORM commerce.require_payable("order", 'authorize');
    PERFORM commerce.check_payment("order", authorize_payment.amount, total, rest);
    IF payment IS NULL THEN
        payment := commerce.uuidv7();
        INSERT INTO commerce.payments (order_id, id, state, provider, authorized, captured, refunded, charged_back)
            VALUES ("order", payment, 'authorized', authorize_payment.provider, authorize_payment.amount,
                commerce.from_minor(0, currency), commerce.from_minor(0, currency), commerce.from_minor(0, currency));
    ELSE
        IF begun.state NOT IN ('created', 'processing', 'requires_action') THEN
            PERFORM commerce.refuse_event('payment', begun.state, 'authorize');
        END IF;
        IF commerce.minor_units(authorize_payment.amount) > commerce.minor_units(asked)
            OR (commerce.minor_units(authorize_payment.amount) = 0 AND commerce.minor_units(asked) > 0) THEN
            RAISE EXCEPTION 'the payment asked for %', asked
                USING ERRCODE = 'CM060', DETAIL = jsonb_build_object('payment', payment, 'amount', authorize_payment.amount::jsonb,
                    'rest', asked::jsonb), HINT = 'Authorize no more than was asked for, and something.';
        END IF;
        UPDATE commerce.payments SET authorized = authorize_payment.amount, state = 'authorized'
            WHERE order_id = "order" AND id = payment;
    END IF;
    PERFORM commerce.book_payment("order", payment, 'authorize', authorize_payment.amount, provider, reference);
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("order"::text, 'payment.authorized',
        jsonb_build_object('order_id', "order", 'id', payment, 'amount', authorize_payment.amount::jsonb));
    RETURN payment;
END
$$;
COMMENT ON FUNCTION commerce.authorize_payment(uuid, commerce.amount, text, text, uuid) IS
'Records that a provider promised an amount for an order (NULL: all that is left, or what payment asked for) and returns the payment: a new one, or payment, which begin_payment() began. The same provider and reference again returns the same payment. CM060 beyond the rest of the order or what payment asked for, CM010 for an order that is cancelled, expired or archived and for a payment that is not waiting, CM020 in another currency, CM050 for a reference used for something else, 22023 for less than nothing, P0002 for an unknown order or payment.';
GRANT EXECUTE ON FUNCTION commerce.authorize_payment(uuid, commerce.amount, text, text, uuid) TO commerce_app;

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
