CREATE FUNCTION commerce.pay_on_account("order" uuid, amount commerce.amount DEFAULT NULL, reference text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    total commerce.amount := commerce.lock_order("order");
    buyer uuid := (SELECT o.customer_id FROM commerce.orders o WHERE o.id = "order");
    nothing commerce.amount := commerce.from_minor(0, commerce.currency(total));
    payment uuid := commerce.uuidv7();
    line record;
    booked record;
    rest bigint;
    due timestamptz;
BEGIN
    IF reference IS NOT NULL THEN
        SELECT p.id, p.order_id, e.amount INTO booked
            FROM commerce.payment_references r JOIN commerce.payments p ON p.order_id = r.order_id AND p.id = r.payment_id
                JOIN commerce.payment_entries e ON e.order_id = r.order_id AND e.payment_id = r.payment_id AND e.id = r.entry_id
            WHERE r.provider = 'account' AND r.reference = pay_on_account.reference AND r.kind = 'authorize';
        IF FOUND THEN
            IF booked.order_id <> "order" OR amount IS NOT NULL AND (commerce.minor_units(amount), commerce.currency(amount))
                <> (commerce.minor_units(booked.amount), commerce.currency(booked.amount)) THEN
                RAISE EXCEPTION 'reference "%" is booked for another payment on account', reference
                    USING ERRCODE = 'CM050', HINT = 'A reference names one movement of money.';
            END IF;
            RETURN booked.id;
        END IF;
    END IF;
    PERFORM commerce.require_payable("order", 'pay_on_account');
    SELECT l.balance_id, l.net_days, b.state INTO line FROM commerce.credit_lines l JOIN commerce.balances b ON b.id = l.balance_id
        WHERE l.customer_id = buyer AND l.currency = commerce.currency(total);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the customer of the order has no credit line in %', commerce.currency(total)
            USING ERRCODE = 'CM033', DETAIL = jsonb_build_object('order', "order", 'currency', commerce.currency(total)),
                HINT = 'commerce.set_credit_limit() gives one.';
    END IF;
    IF line.state <> 'active' THEN
        RAISE EXCEPTION 'the credit line does not pay this order: %', line.state
            USING ERRCODE = 'CM031', DETAIL = jsonb_build_object('balance', line.balance_id, 'reason', line.state), HINT = 'Pay in another way.';
    END IF;
    rest := commerce.unpaid("order", total);
    IF amount IS NOT NULL AND commerce.minor_units(amount) = 0 THEN
        RAISE EXCEPTION 'an amount greater than zero is paid on account' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM commerce.check_payment("order", coalesce(amount, nothing), total, rest);
    IF rest <= 0 THEN
        RAISE EXCEPTION 'nothing of the order is left to pay' USING ERRCODE = 'CM060', DETAIL = jsonb_build_object('order', "order",
            'amount', amount::jsonb, 'rest', nothing::jsonb), HINT = 'There is nothing to do.';
    END IF;
    pay_on_account.amount := commerce.take_balance(line.balance_id, 'spent', coalesce(amount, commerce.from_minor(rest, commerce.currency(total))),
        "order", payment, NULL);
    INSERT INTO commerce.payments (order_id, id, state, provider, authorized, captured, refunded, charged_back, balance, due_at)
        VALUES ("order", payment, 'authorized', 'account', pay_on_account.amount, nothing, nothing, nothing, line.balance_id,
            now() + make_interval(days => line.net_days)) RETURNING due_at INTO due;
    PERFORM commerce.book_payment("order", payment, 'authorize', amount, 'account', reference);
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("order"::text, 'payment.authorized',
        jsonb_build_object('order_id', "order", 'id', payment, 'amount', amount::jsonb, 'balance', line.balance_id, 'due_at', due));
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (line.balance_id::text, 'balance.spent',
        jsonb_build_object('balance', line.balance_id, 'amount', amount::jsonb, 'order_id', "order", 'payment', payment));
    RETURN payment;
END
$$;
COMMENT ON FUNCTION commerce.pay_on_account(uuid, commerce.amount, text) IS
'Puts an amount of an order (NULL: all that is left to pay) on the account of its customer, who pays later, and returns the payment: of provider account, authorized, so that the goods may leave, and due in the net_days of the credit line. It takes room of the line; settle_account() gives it back when the customer has paid, void_payment() and the order''s cancel when nothing, or less, is owed. expire_orders() leaves the order alone for as long as it is. Many may buy on one account at once: nobody waits, and never more is owed than the limit. The same reference again returns the same payment. CM033 where the customer has no credit line in the order''s currency, or less is left of it (DETAIL: left), CM031 where it is blocked, CM060 beyond the rest of the order, CM020 in another currency, CM010 for an order that takes no money, CM050 for a reference used for something else, 22023 for an amount that is not greater than zero, P0002 for an unknown order. Example: SELECT commerce.pay_on_account(order, reference => ''purchase order 4711'').';
GRANT EXECUTE ON FUNCTION commerce.pay_on_account(uuid, commerce.amount, text) TO commerce_app;

CREATE FUNCTION commerce.settle_account(payment uuid, amount commerce.amount DEFAULT NULL, reference text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    IF EXISTS (SELECT FROM commerce.payments p WHERE p.id = payment AND p.provider <> 'account') THEN
        RAISE EXCEPTION 'payment % is not on account', payment USING ERRCODE = 'invalid_parameter_value',
            HINT = 'commerce.capture_payment() takes what another provider has promised.';
    END IF;
    RETURN commerce.settle_payment(payment, 'capture', amount, reference, NULL);
END
$$;
COMMENT ON FUNCTION commerce.settle_account(uuid, commerce.amount, text) IS
'Records that a customer has paid what was bought on account (NULL: all that is still owed of the payment), as often as parts come in, and returns the payment''s state: partially_captured, captured. The credit line has so much room again, once. The same reference again changes nothing. What capture_payment() does of a payment on account. CM060 beyond what is owed, CM010 once it is voided, 22023 for a payment by another provider, CM020, CM050 and P0002 as authorize_payment(). Example: SELECT commerce.settle_account(payment, ''100 EUR'', reference => ''transfer 17'').';
GRANT EXECUTE ON FUNCTION commerce.settle_account(uuid, commerce.amount, text) TO commerce_app;
