CREATE FUNCTION commerce.pay_with_balance("order" uuid, amount commerce.amount DEFAULT NULL, code text DEFAULT NULL,
        balance uuid DEFAULT NULL, reference text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    total commerce.amount := commerce.lock_order("order");
    buyer uuid := (SELECT o.customer_id FROM commerce.orders o WHERE o.id = "order");
    by_id constant boolean := balance IS NOT NULL;
    nothing commerce.amount := commerce.from_minor(0, commerce.currency(total));
    rest bigint;
    b record;
    why text;
    payment uuid := commerce.uuidv7();
    booked record;
BEGIN
    -- The buyer's own store credit, where nothing else is named.
    IF code IS NULL AND balance IS NULL THEN
        SELECT c.balance_id INTO balance FROM commerce.store_credit_balances c
            WHERE c.customer_id = buyer AND c.currency = commerce.currency(total);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the customer of the order has no store credit in %', commerce.currency(total)
                USING ERRCODE = 'CM033', HINT = 'Name a gift card by code, or a balance.';
        END IF;
    END IF;
    balance := commerce.find_balance(balance, code);
    IF reference IS NOT NULL THEN
        SELECT p.id, p.order_id, p.balance, p.captured INTO booked
            FROM commerce.payment_references r JOIN commerce.payments p ON p.order_id = r.order_id AND p.id = r.payment_id
            WHERE r.provider = 'balance' AND r.reference = pay_with_balance.reference AND r.kind = 'capture';
        IF FOUND THEN
            IF booked.order_id <> "order" OR booked.balance <> pay_with_balance.balance OR (amount IS NOT NULL
                AND (commerce.minor_units(amount), commerce.currency(amount)) <> (commerce.minor_units(booked.captured), commerce.currency(booked.captured))) THEN
                RAISE EXCEPTION 'reference "%" is booked for another payment from a balance', reference
                    USING ERRCODE = 'CM050', HINT = 'A reference names one movement of money.';
            END IF;
            RETURN booked.id;
        END IF;
    END IF;
    PERFORM commerce.require_payable("order", 'pay_with_balance');
    SELECT * INTO b FROM commerce.balances x WHERE x.id = pay_with_balance.balance;
    IF b.kind = 'credit_line' THEN
        RAISE EXCEPTION 'balance % is a credit line', b.id USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It pays by commerce.pay_on_account().';
    END IF;
    -- Reports show ids; what a card is worth belongs to whoever has its code.
    IF by_id AND b.kind = 'gift_card' AND b.customer_id IS NULL THEN
        PERFORM commerce.require_admin('spend a gift card without its code');
    END IF;
    IF b.currency <> commerce.currency(total) THEN
        RAISE EXCEPTION 'the order is in %, the balance in %', commerce.currency(total), b.currency
            USING ERRCODE = 'CM020', HINT = 'A balance pays orders in its own currency.';
    END IF;
    why := CASE WHEN b.state = 'blocked' THEN 'blocked' WHEN b.state = 'expired' OR b.expires_at <= clock_timestamp() THEN 'expired'
        WHEN b.customer_id IS DISTINCT FROM buyer AND b.customer_id IS NOT NULL THEN 'other_customer' END;
    IF why IS NOT NULL THEN
        RAISE EXCEPTION 'the balance does not pay this order: %', replace(why, '_', ' ')
            USING ERRCODE = 'CM031', DETAIL = jsonb_build_object('balance', b.id, 'reason', why), HINT = 'Pay in another way.';
    END IF;
    rest := commerce.unpaid("order", total);
    IF amount IS NOT NULL AND commerce.minor_units(amount) = 0 THEN
        RAISE EXCEPTION 'a balance pays an amount greater than zero' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM commerce.check_payment("order", coalesce(amount, nothing), total, rest);
    IF rest <= 0 THEN
        RAISE EXCEPTION 'nothing of the order is left to pay' USING ERRCODE = 'CM060', DETAIL = jsonb_build_object('order', "order",
            'amount', amount::jsonb, 'rest', nothing::jsonb), HINT = 'There is nothing to do.';
    END IF;
    pay_with_balance.amount := commerce.take_balance(b.id, 'spent', coalesce(amount, commerce.from_minor(rest, b.currency)), "order",
        payment, NULL, at_most => amount IS NULL);
    INSERT INTO commerce.payments (order_id, id, state, provider, authorized, captured, refunded, charged_back, balance)
        VALUES ("order", payment, 'captured', 'balance', pay_with_balance.amount, pay_with_balance.amount, nothing, nothing, b.id);
    PERFORM commerce.book_payment("order", payment, 'authorize', amount, 'balance', NULL);
    PERFORM commerce.book_payment("order", payment, 'capture', amount, 'balance', reference);
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("order"::text, 'payment.captured',
        jsonb_build_object('order_id', "order", 'id', payment, 'amount', amount::jsonb, 'state', 'captured', 'balance', b.id));
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (b.id::text, 'balance.spent',
        jsonb_build_object('balance', b.id, 'amount', amount::jsonb, 'order_id', "order", 'payment', payment));
    RETURN payment;
END
$$;
COMMENT ON FUNCTION commerce.pay_with_balance(uuid, commerce.amount, text, uuid, text) IS
'Pays an amount of an order (NULL: all that is left to pay, or as much of it as the balance has) with a gift card (by code), a balance (by id; a gift card that is no customer''s only by commerce_admin, CM042) or, where neither is named, the store credit of the order''s customer; returns the payment, captured by provider balance. Many may spend one balance at once: nobody waits, and never more is spent than there is. refund_payment() and the order''s cancel give it back to the balance. The same reference again returns the same payment. CM033 where the balance has less, CM060 beyond the rest of the order, CM030 for an unknown code, CM031 (DETAIL: reason) for a balance that is blocked, expired or another customer''s, CM020 in another currency, CM010 for an order that takes no money, CM050 for a reference used for something else, 22023 for an amount that is not greater than zero and for a credit line, P0002 for an unknown order or balance. Example: SELECT commerce.pay_with_balance(order, code => ''7K2QX-…'').';
GRANT EXECUTE ON FUNCTION commerce.pay_with_balance(uuid, commerce.amount, text, uuid, text) TO commerce_app;

CREATE FUNCTION commerce.return_to_balance(balance uuid, amount commerce.amount, "order" uuid, payment uuid, kind text)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO commerce.balance_entries (balance_id, kind, amount, order_id, payment_id)
        VALUES (balance, return_to_balance.kind, return_to_balance.amount, "order", payment);
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (balance::text, 'balance.' || kind,
        jsonb_build_object('balance', balance, 'amount', commerce.from_minor(abs(commerce.minor_units(amount)), commerce.currency(amount))::jsonb, 'order_id', "order", 'payment', payment));
END
$$;
COMMENT ON FUNCTION commerce.return_to_balance(uuid, commerce.amount, uuid, uuid, text) IS
'Internal. Gives back to a balance what a payment from it refunds or, on account, lets go (kind refunded), or what a customer has paid of it (settled), once for each; or takes off it, below zero, what a customer owes again (spent).';

CREATE FUNCTION commerce.return_balances("order" uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.move_payment(p.id, 'refund', NULL, NULL, NULL)
        FROM (SELECT p.id FROM commerce.payments p WHERE p.order_id = "order" AND p.provider = 'balance'
            AND commerce.minor_units(p.refunded) < commerce.minor_units(p.captured) ORDER BY p.id) p;
    PERFORM commerce.let_go_payment(p.id, NULL, NULL)
        FROM (SELECT p.id FROM commerce.payments p WHERE p.order_id = "order" AND p.owed ORDER BY p.id) p;
END
$$;
COMMENT ON FUNCTION commerce.return_balances(uuid) IS
'Internal. Gives back what balances have paid for an order and have not got back yet, and what is owed for it on account; the order is locked before.';

CREATE FUNCTION commerce.balance_event(balance_id uuid, event text, detail jsonb DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_balance_event';
COMMENT ON FUNCTION commerce.balance_event(uuid, text, jsonb) IS
'Fires an event at a balance and returns its new state: block, unblock. expire_balances() and extend_balance() fire the others. CM010 with the allowed events, P0002 for an unknown balance. Example: SELECT commerce.balance_event(balance, ''block'', ''{"reason": "stolen"}'').';
GRANT EXECUTE ON FUNCTION commerce.balance_event(uuid, text, jsonb) TO commerce_admin;
