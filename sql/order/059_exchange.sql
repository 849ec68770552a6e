-- An exchange is a return and an edit of the same order, made at once: the new goods are on the order and reserved from then
-- on, and what the returned ones cost counts as paid towards them for as long as the return is not called off.
CREATE FUNCTION commerce.goods_back("order" uuid) RETURNS TABLE (return uuid, accepted bigint, exchanged bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- What has come is worth what it was accepted for, whatever was announced; and of a return that is over nothing more comes.
    RETURN QUERY
        SELECT r.id, c.accepted, least(e.difference, c.accepted + CASE WHEN r.state = 'closed' THEN 0 ELSE c.to_come END)
        FROM commerce.returns r, LATERAL (SELECT coalesce(sum(x.accepted), 0)::bigint AS accepted,
                    coalesce(sum(commerce.minor_units(rl.value) - x.share), 0)::bigint AS to_come
                FROM commerce.return_lines rl, LATERAL (SELECT coalesce(sum(commerce.minor_units(y.value)), 0)::bigint AS accepted,
                        coalesce(sum(commerce.minor_units(y.share)), 0)::bigint AS share
                    FROM commerce.return_receptions y
                    WHERE y.order_id = rl.order_id AND y.return_id = rl.return_id AND y.line = rl.line) x
                WHERE rl.order_id = r.order_id AND rl.return_id = r.id) c,
            LATERAL (SELECT greatest(coalesce(sum(commerce.minor_units(y.difference)), 0), 0)::bigint AS difference
                FROM commerce.order_edits y WHERE y.order_id = r.order_id AND y.return_id = r.id AND y.state = 'confirmed') e
        WHERE r.order_id = "order" AND r.state NOT IN ('declined', 'cancelled', 'expired');
END
$$;
COMMENT ON FUNCTION commerce.goods_back(uuid) IS
'Internal. Of each return of an order that is not called off, in minor units: what the goods that came are accepted for, and what they and those still to come pay of an exchange, which is no more than its new goods cost; 0 where it is of none.';

CREATE FUNCTION commerce.exchanged("order" uuid) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(sum(b.exchanged), 0)::bigint FROM commerce.goods_back("order") b);
END
$$;
COMMENT ON FUNCTION commerce.exchanged(uuid) IS
'Internal. What goods that come back pay of an order''s exchanges, in minor units: no more than the new goods of each cost, and nothing for those that came and were not accepted.';

CREATE FUNCTION commerce.paid_in_goods("order" uuid) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(sum(greatest(b.accepted, b.exchanged)), 0)::bigint FROM commerce.goods_back("order") b);
END
$$;
COMMENT ON FUNCTION commerce.paid_in_goods(uuid) IS
'Internal. What of an order''s total is not to be paid in money, in minor units: what goods that came back were accepted for, and those pay that are still to come in an exchange.';

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
'Exchanges goods that were sent ([{"sku" or "line", "quantity"}]) for others ([{"sku", "quantity"}]): announces the return, as request_return(), and puts the new lines on the order, as an edit does, reserved and ready to be sent. Returns {return, edit, value (of what comes back), price (of what goes out), difference, to_pay}. A difference above zero is left to pay now (to_pay, with what else is left of the order); one below zero is to be refunded when the return is received: receive_return() says how much. What comes back pays for what goes out until the return is declined, cancelled or expired, or it has come and is not accepted; then the new lines are left to pay. Whoever wants to see the goods first holds the order (order_event(order, ''hold'')). expected_difference: CM022 where it is another. Errors as request_return(), begin_edit() and confirm_edit(); all or nothing. Example: SELECT commerce.request_exchange(order, ''[{"sku": "SHIRT-M", "quantity": 1}]'', ''[{"sku": "SHIRT-L", "quantity": 1}]'', ''too small'').';
GRANT EXECUTE ON FUNCTION commerce.request_exchange(uuid, jsonb, jsonb, text, commerce.amount) TO commerce_app;
