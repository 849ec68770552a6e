-- An exchange is a return and an edit of the same order, made at once: the new goods are on the order and reserved from then
-- on, and what the returned ones cost counts as paid towards them for as long as the return is not called off.
CREATE FUNCTION commerce.exchanged("order" uuid) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(sum(least(greatest(commerce.minor_units(e.difference), 0), (SELECT coalesce(sum(commerce.minor_units(rl.value)), 0)
            FROM commerce.return_lines rl WHERE rl.order_id = e.order_id AND rl.return_id = e.return_id))), 0)::bigint
        FROM commerce.order_edits e JOIN commerce.returns r ON r.order_id = e.order_id AND r.id = e.return_id
            AND r.state NOT IN ('declined', 'cancelled', 'expired')
        WHERE e.order_id = "order" AND e.state = 'confirmed');
END
$$;
COMMENT ON FUNCTION commerce.exchanged(uuid) IS
'Internal. What goods that come back pay of an order''s exchanges, in minor units: no more than the new goods of each cost.';

CREATE FUNCTION commerce.request_exchange("order" uuid, lines jsonb, new_lines jsonb, reason text DEFAULT NULL,
        expected_difference commerce.amount DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    currency text := commerce.currency(commerce.lock_order("order"));
    back uuid;
    edit uuid;
    confirmed jsonb;
    worth bigint;
    minor bigint;
BEGIN
    IF new_lines IS NULL OR jsonb_typeof(new_lines) <> 'array' OR EXISTS (SELECT FROM jsonb_array_elements(new_lines) n
            WHERE jsonb_typeof(n) <> 'object' OR NOT n ? 'sku') THEN
        RAISE EXCEPTION 'new_lines must name what goes out' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'New lines are like [{"sku": "B", "quantity": 1}].';
    END IF;
    back := commerce.request_return("order", lines, reason);
    edit := commerce.insert_edit("order", new_lines, reason, back);
    confirmed := commerce.confirm_edit(edit);
    SELECT sum(commerce.minor_units(rl.value)) INTO worth FROM commerce.return_lines rl WHERE rl.order_id = "order" AND rl.return_id = back;
    minor := commerce.minor_of(confirmed -> 'difference') - worth;
    IF expected_difference IS NOT NULL AND commerce.currency(expected_difference) <> currency THEN
        RAISE EXCEPTION 'the order is in %, not in %', currency, commerce.currency(expected_difference) USING ERRCODE = 'CM020',
            HINT = 'Expect a difference in the order''s own currency.';
    END IF;
    IF commerce.minor_units(expected_difference) <> minor THEN
        RAISE EXCEPTION 'the difference is %, not %', commerce.from_minor(minor, currency), expected_difference USING ERRCODE = 'CM022',
            DETAIL = jsonb_build_object('expected', expected_difference::jsonb, 'actual', commerce.from_minor(minor, currency)::jsonb),
            HINT = 'Ask the customer again.';
    END IF;
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("order"::text, 'exchange.requested', jsonb_build_object(
        'order_id', "order", 'return', back, 'edit', edit, 'difference', commerce.from_minor(minor, currency)::jsonb));
    RETURN jsonb_build_object('return', back, 'edit', edit, 'value', commerce.from_minor(worth, currency)::jsonb,
        'price', confirmed -> 'difference', 'difference', commerce.from_minor(minor, currency)::jsonb,
        'to_pay', confirmed -> 'to_pay');
END
$$;
COMMENT ON FUNCTION commerce.request_exchange(uuid, jsonb, jsonb, text, commerce.amount) IS
'Exchanges goods that were sent ([{"sku" or "line", "quantity"}]) for others ([{"sku", "quantity"}]): announces the return, as request_return(), and puts the new lines on the order, as an edit does, reserved and ready to be sent. Returns {return, edit, value (of what comes back), price (of what goes out), difference, to_pay}. A difference above zero is left to pay now (to_pay, with what else is left of the order); one below zero is to be refunded, and no more than it, when the return is received. Until the return is declined, cancelled or expired, what comes back pays for what goes out; then the new lines are left to pay. Whoever wants to see the goods first holds the order (order_event(order, ''hold'')). expected_difference: CM022 where it is another. Errors as request_return(), begin_edit() and confirm_edit(); all or nothing. Example: SELECT commerce.request_exchange(order, ''[{"sku": "SHIRT-M", "quantity": 1}]'', ''[{"sku": "SHIRT-L", "quantity": 1}]'', ''too small'').';
GRANT EXECUTE ON FUNCTION commerce.request_exchange(uuid, jsonb, jsonb, text, commerce.amount) TO commerce_app;
