CREATE FUNCTION commerce.require_left("order" uuid, lines jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    bad record;
BEGIN
    -- What needs no parcel can be on its way back, too: a unit is given back once.
    SELECT w.line, w.quantity, u.rest INTO bad
        FROM jsonb_to_recordset(lines) w (line integer, quantity bigint)
            JOIN (SELECT u.line, least(u.quantity, ol.quantity - coalesce(b.units, 0)) AS rest
                FROM commerce.unplanned("order") u JOIN commerce.order_lines ol ON ol.order_id = "order" AND ol.line = u.line
                    LEFT JOIN commerce.returned_units("order") b ON b.line = u.line) u ON u.line = w.line
        WHERE w.quantity > u.rest ORDER BY w.line LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'only % of line % can be taken out of the order', greatest(bad.rest, 0), bad.line
            USING ERRCODE = 'invalid_parameter_value',
                DETAIL = jsonb_build_object('line', bad.line, 'requested', bad.quantity, 'left', greatest(bad.rest, 0)),
                HINT = 'What is in a parcel or in a return stays in the order: cancel the parcel, or have it returned.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.require_left(uuid, jsonb) IS
'Internal. 22023 unless so many units of each line, [{"line": 1, "quantity": 2}], are in no parcel and in no return.';

CREATE FUNCTION commerce.cancel_lines("order" uuid, lines jsonb, reason text DEFAULT NULL) RETURNS commerce.amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    total commerce.amount := commerce.lock_order("order");
    currency text := commerce.currency(total);
    now_in text := (SELECT o.state FROM commerce.orders o WHERE o.id = "order");
    units jsonb;
    before jsonb;
    changed jsonb;
    after jsonb;
    result commerce.amount;
BEGIN
    IF now_in NOT IN ('placed', 'confirmed') THEN
        PERFORM commerce.refuse_event('order', now_in, 'cancel_lines');
    END IF;
    units := (SELECT jsonb_agg(jsonb_build_object('line', r.line, 'quantity', r.quantity) ORDER BY r.line)
        FROM commerce.requested_lines("order", lines) r);
    IF units IS NULL THEN
        RAISE EXCEPTION 'lines must name what to cancel' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Name a line by {"line": 1, "quantity": 2} or, where the sku occurs once, {"sku": "A", "quantity": 2}.';
    END IF;
    PERFORM commerce.require_left("order", units);
    -- Who takes the last unit out cancels the order, with all that belongs to that.
    IF NOT EXISTS (SELECT FROM commerce.order_lines l
            LEFT JOIN jsonb_to_recordset(units) w (line integer, quantity bigint) ON w.line = l.line
        WHERE l.order_id = "order" AND l.quantity > coalesce(w.quantity, 0)) THEN
        PERFORM commerce.order_event("order", 'cancel', jsonb_strip_nulls(jsonb_build_object('reason', reason, 'lines', units)));
        RETURN total;
    END IF;
    before := commerce.order_document("order");
    changed := (SELECT jsonb_agg(commerce.lowered_line(b.basis, (b.now ->> 'quantity')::bigint - w.quantity)
            || jsonb_build_object('cancelled', (b.now ->> 'cancelled')::bigint + w.quantity) ORDER BY b.line)
        FROM jsonb_to_recordset(units) w (line integer, quantity bigint) JOIN commerce.line_bases("order", before) b ON b.line = w.line);
    after := commerce.with_lines(before, changed);
    PERFORM commerce.write_version("order", before, after, changed, 'cancel_lines', NULL, reason);
    PERFORM commerce.release_units("order", units);
    result := commerce.from_minor(commerce.minor_of(before -> 'total') - commerce.minor_of(after -> 'total'), currency);
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ("order"::text, 'order.lines_cancelled',
        jsonb_build_object('order_id', "order", 'lines', units, 'reason', reason, 'amount', result::jsonb, 'total', after -> 'total'));
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.cancel_lines(uuid, jsonb, text) IS
'Takes units that are in no parcel, and in no return, out of a placed or confirmed order ([{"sku" or "line", "quantity"}]) and returns what the total falls by, which is what to refund where all was paid (refund_order()), and to give up where it is only promised or owed (void_payment(payment, amount => …)). Their stock is free again, for those who wait first. The line keeps the exact share of its price, discounts and taxes, in order_lines.quantity what is left and in cancelled what is gone; shipping stays, and what is paid in cash is rounded anew. What the order said before is kept in commerce.order_versions, and an invoice gets its credit note. Whoever takes out the last unit cancels the order. Claims of budgets are given back when the whole order is cancelled, not before. 22023 for more than is left, CM010 for an order in another state, P0002 for an unknown one, 40001 where the order changed since the snapshot. Example: SELECT commerce.cancel_lines(order, ''[{"sku": "MUG", "quantity": 1}]'', ''sold out'').';
GRANT EXECUTE ON FUNCTION commerce.cancel_lines(uuid, jsonb, text) TO commerce_app;
