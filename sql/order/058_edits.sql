-- Changing an order after it was placed: begun, looked at as often as one likes, then confirmed or given up. What is stored of
-- an edit is what is asked for; what comes of it is computed when it is looked at, and once more when it is confirmed.
CREATE FUNCTION commerce.edit_is_at_hand("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM commerce.order_edits e WHERE e.order_id = ("row" ->> 'id')::uuid AND e.id::text = detail ->> 'edit'
            AND e.state = CASE event WHEN 'begin_edit' THEN 'open' WHEN 'confirm_edit' THEN 'confirmed' ELSE 'aborted' END)
        AND NOT EXISTS (SELECT FROM commerce.state_history h WHERE h.subject = "row" ->> 'id' AND h.relation = 'commerce.orders'
            AND h.event = edit_is_at_hand.event AND h.detail ->> 'edit' = edit_is_at_hand.detail ->> 'edit');
END
$$;
COMMENT ON FUNCTION commerce.edit_is_at_hand(jsonb, text, jsonb) IS
'Internal. Guard of begin_edit, confirm_edit and abort_edit: the functions of these names have done it, and tell it once.';

CREATE FUNCTION commerce.lock_edit(edit uuid, event text, OUT the_order uuid, OUT changes jsonb, OUT reason text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now_in text;
BEGIN
    PERFORM commerce.require_shop();
    SELECT e.order_id INTO the_order FROM commerce.order_edits e WHERE e.id = edit;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no edit %', coalesce(edit::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM commerce.lock_order(the_order);
    SELECT e.state, e.changes, e.reason INTO STRICT now_in, changes, reason FROM commerce.order_edits e
        WHERE e.order_id = the_order AND e.id = edit;
    IF now_in <> 'open' THEN
        PERFORM commerce.refuse_event('edit', now_in, event);
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.lock_edit(uuid, text) IS
'Internal. Locks the order of an open edit. P0002 for an unknown edit, CM010 for one that is not open.';

CREATE FUNCTION commerce.insert_edit("order" uuid, changes jsonb, reason text, return uuid) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    total commerce.amount := commerce.lock_order("order");
    now_in text := (SELECT o.state FROM commerce.orders o WHERE o.id = "order");
    other uuid := (SELECT e.id FROM commerce.order_edits e WHERE e.order_id = "order" AND e.state = 'open');
    edit uuid := commerce.uuidv7();
BEGIN
    IF now_in NOT IN ('placed', 'confirmed', 'completed') THEN
        PERFORM commerce.refuse_event('order', now_in, 'begin_edit');
    END IF;
    IF other IS NOT NULL THEN
        RAISE EXCEPTION 'the order has an open edit' USING ERRCODE = 'CM011', DETAIL = jsonb_build_object('order', "order", 'edit', other),
            HINT = 'Change, confirm or abort that one.';
    END IF;
    IF commerce.check_changes(changes, commerce.currency(total)) THEN
        PERFORM commerce.require_admin('change prices or give discounts');
    END IF;
    PERFORM commerce.plan_edit("order", changes);
    INSERT INTO commerce.order_edits (order_id, id, changes, reason, return_id, begun_by)
        VALUES ("order", edit, insert_edit.changes, insert_edit.reason, insert_edit.return, commerce.acting_role());
    PERFORM commerce.record_order_event("order", 'begin_edit', jsonb_strip_nulls(jsonb_build_object('edit', edit, 'reason', insert_edit.reason)));
    RETURN edit;
END
$$;
COMMENT ON FUNCTION commerce.insert_edit(uuid, jsonb, text, uuid) IS
'Internal. Begins an edit, of an exchange for a return. Errors as begin_edit().';

CREATE FUNCTION commerce.begin_edit("order" uuid, changes jsonb, reason text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN commerce.insert_edit("order", changes, reason, NULL);
END
$$;
COMMENT ON FUNCTION commerce.begin_edit(uuid, jsonb, text) IS
'Begins to change a placed, confirmed or completed order and returns the edit; nothing changes before confirm_edit(). changes: [{"line": 1, "quantity": 3}, {"line": 2, "quantity": 0}, {"sku": "B", "quantity": 2}]: a line gets a new quantity (0 takes it out), a sku becomes a new line. Units that are taken out take their exact share of the line''s discounts and taxes with them, and must be in no parcel. Units that are added to a line have its unit price and no discount, at the taxes of now; where these are others than the line''s they become a line of their own. New lines are priced as quote() does today, for the order''s customer, channel, destination and tax level, with promotions of the catalogue but no others. Shipping stays as it is, and what is paid in cash is rounded anew. commerce_admin may also set a price, {"line": 1, "unit_price": "9.00"} (discounts go with it), and take something off, of a line or of the order, never below a minimum price: {"line": 1, "discount": "5.00", "reason": "scratched"}; not of a line of which units came back or are to come back. commerce.quantity_rules are not asked. CM011 where another edit is open, CM010 for an order in another state, CM042 for prices and discounts by others, 22023 for changes that make no sense or take out more than is left, CM020 in another currency, P0002 for an unknown order; else errors of quote(). Example: SELECT commerce.begin_edit(order, ''[{"line": 1, "quantity": 3}]'', ''customer called'').';
GRANT EXECUTE ON FUNCTION commerce.begin_edit(uuid, jsonb, text) TO commerce_app;

CREATE FUNCTION commerce.change_edit(edit uuid, changes jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    e record;
BEGIN
    e := commerce.lock_edit(edit, 'change');
    IF commerce.check_changes(change_edit.changes, (SELECT commerce.currency(o.total) FROM commerce.orders o WHERE o.id = e.the_order))
        OR commerce.check_changes(e.changes, (SELECT commerce.currency(o.total) FROM commerce.orders o WHERE o.id = e.the_order)) THEN
        PERFORM commerce.require_admin('change prices or give discounts');
    END IF;
    PERFORM commerce.plan_edit(e.the_order, change_edit.changes);
    UPDATE commerce.order_edits x SET changes = change_edit.changes WHERE x.order_id = e.the_order AND x.id = change_edit.edit;
END
$$;
COMMENT ON FUNCTION commerce.change_edit(uuid, jsonb) IS
'Replaces what an open edit is to change. What commerce_admin has put in, prices and discounts, is only changed by it (CM042). CM010 for an edit that is confirmed or aborted, P0002 for an unknown one, else errors as begin_edit(). Example: SELECT commerce.change_edit(edit, ''[{"line": 1, "quantity": 2}]'').';
GRANT EXECUTE ON FUNCTION commerce.change_edit(uuid, jsonb) TO commerce_app;

CREATE FUNCTION commerce.preview_edit(edit uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    e record;
    plan record;
BEGIN
    PERFORM commerce.require_shop();
    SELECT x.order_id, x.state, x.changes INTO e FROM commerce.order_edits x WHERE x.id = edit;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no edit %', coalesce(edit::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    IF e.state <> 'open' THEN
        PERFORM commerce.refuse_event('edit', e.state, 'preview');
    END IF;
    plan := commerce.plan_edit(e.order_id, e.changes);
    RETURN jsonb_build_object('order', e.order_id, 'edit', edit, 'version', plan.before -> 'version', 'lines', plan.after -> 'lines',
        'changed', (SELECT coalesce(jsonb_agg(c -> 'line' ORDER BY (c ->> 'line')::integer), '[]') FROM jsonb_array_elements(plan.changed) c),
        'subtotal', plan.after -> 'subtotal', 'discount', plan.after -> 'discount', 'shipping', plan.after -> 'shipping',
        'tax', plan.after -> 'tax', 'included_tax', plan.after -> 'included_tax', 'rounding', plan.after -> 'rounding',
        'total', plan.after -> 'total', 'difference', plan.difference::jsonb,
        'short', (SELECT coalesce(jsonb_agg(jsonb_build_object('sku', s.sku, 'requested', s.units, 'missing', p.missing) ORDER BY s.sku COLLATE "C"), '[]')
            FROM (SELECT d.sku, sum(d.delta)::bigint AS units FROM commerce.quantity_changes(plan.before, plan.changed) d
                    JOIN commerce.variants v ON v.sku = d.sku AND v.track_stock WHERE d.delta > 0 GROUP BY d.sku) s,
                LATERAL (SELECT sum(m.missing)::bigint AS missing FROM commerce.plan_sourcing(jsonb_build_array(jsonb_build_object(
                    'sku', s.sku, 'quantity', s.units))) m) p
            WHERE p.missing > 0));
END
$$;
COMMENT ON FUNCTION commerce.preview_edit(uuid) IS
'What an order would be with an open edit, and changes nothing: its lines, the numbers of those that differ (changed), totals, the difference to the total of now (above zero: to be paid) and what there is not enough stock for now (short: sku, requested, missing). confirm_edit() computes the same again. CM010 for an edit that is not open, P0002 for an unknown one, 22023 where the order has changed so that the edit takes out more than is left. Example: SELECT commerce.preview_edit(edit) -> ''difference''.';
GRANT EXECUTE ON FUNCTION commerce.preview_edit(uuid) TO commerce_app;

CREATE FUNCTION commerce.given_away("order" uuid) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    rest bigint;
    given bigint := 0;
    step record;
BEGIN
    SELECT commerce.minor_units(o.total) - coalesce((SELECT sum(commerce.minor_units(v.difference)) FROM commerce.order_versions v WHERE v.order_id = o.id), 0)
        INTO rest FROM commerce.orders o WHERE o.id = "order";
    -- All that has changed what is left to pay, in the order in which it happened. What is given back beyond what was paid in
    -- excess is given away, for as long as it is not paid again; a lower price, or goods that come back, make up for it first, as
    -- in the documents.
    FOR step IN
        SELECT v.id, commerce.minor_units(v.difference) AS more, 'edit' AS kind FROM commerce.order_versions v WHERE v.order_id = "order"
        UNION ALL
        SELECT e.id, commerce.minor_units(e.amount) * CASE WHEN e.kind IN ('authorize', 'reversal') THEN -1 ELSE 1 END, e.kind
            FROM commerce.payment_entries e WHERE e.order_id = "order" AND e.kind <> 'capture'
        UNION ALL
        -- What a payment has not captured when it is refunded, it never will.
        SELECT f.id, commerce.minor_units(p.authorized) - commerce.minor_units(p.captured), 'void'
            FROM commerce.payments p, LATERAL (SELECT min(e.id::text)::uuid AS id FROM commerce.payment_entries e
                WHERE e.order_id = p.order_id AND e.payment_id = p.id AND e.kind = 'refund') f
            WHERE p.order_id = "order" AND f.id IS NOT NULL AND p.provider <> 'account'
        UNION ALL
        -- Goods pay when they come, those of an exchange when it is made.
        SELECT v.id, -b.exchanged, 'goods' FROM commerce.goods_back("order") b
            JOIN commerce.order_edits x ON x.order_id = "order" AND x.return_id = b.return AND x.state = 'confirmed'
            JOIN commerce.order_versions v ON v.order_id = "order" AND v.edit_id = x.id WHERE b.exchanged > 0
        UNION ALL
        SELECT c.id, -(greatest(c.sum, b.exchanged) - greatest(c.sum - c.value, b.exchanged)), 'goods' FROM commerce.goods_back("order") b,
            LATERAL (SELECT y.id, commerce.minor_units(y.value) AS value, sum(commerce.minor_units(y.value)) OVER (ORDER BY y.id)::bigint AS sum
                FROM commerce.return_receptions y WHERE y.order_id = "order" AND y.return_id = b.return) c
        UNION ALL
        -- What is reopened is to be paid as if nothing had been.
        SELECT h.id, 0, 'reopen' FROM commerce.state_history h
            WHERE h.subject = "order"::text AND h.relation = 'commerce.orders' AND h.event = 'reopen'
        ORDER BY 1, 3
    LOOP
        given := CASE step.kind WHEN 'reopen' THEN 0 WHEN 'refund' THEN given + step.more - least(step.more, greatest(-rest, 0))
            WHEN 'edit' THEN greatest(given + least(step.more, 0), 0) WHEN 'goods' THEN greatest(given + step.more, 0) ELSE given END;
        rest := rest + step.more;
        given := least(given, greatest(rest, 0));
    END LOOP;
    RETURN given;
END
$$;
COMMENT ON FUNCTION commerce.given_away(uuid) IS
'Internal. What of an order''s total was paid and given back though nothing was paid in excess, and has not been paid again since, in minor units: nobody asks for it.';

CREATE FUNCTION commerce.confirm_edit(edit uuid, expected_difference commerce.amount DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    e record;
    plan record;
    now_in text;
    made integer;
    total commerce.amount;
    currency text;
    rest bigint;
    paid bigint;
    result jsonb;
BEGIN
    e := commerce.lock_edit(edit, 'confirm');
    SELECT o.state INTO now_in FROM commerce.orders o WHERE o.id = e.the_order;
    IF now_in NOT IN ('placed', 'confirmed', 'completed') THEN
        PERFORM commerce.refuse_event('order', now_in, 'confirm_edit');
    END IF;
    plan := commerce.plan_edit(e.the_order, e.changes);
    currency := plan.before ->> 'currency';
    IF expected_difference IS NOT NULL AND commerce.currency(expected_difference) <> currency THEN
        RAISE EXCEPTION 'the order is in %, not in %', currency, commerce.currency(expected_difference) USING ERRCODE = 'CM020',
            HINT = 'Expect a difference in the order''s own currency.';
    END IF;
    IF commerce.minor_units(expected_difference) <> commerce.minor_units(plan.difference) THEN
        RAISE EXCEPTION 'the difference is %, not %', plan.difference, expected_difference USING ERRCODE = 'CM022',
            DETAIL = jsonb_build_object('expected', expected_difference::jsonb, 'actual', plan.difference::jsonb),
            HINT = 'Show the customer the new preview_edit().';
    END IF;
    IF jsonb_array_length(plan.changed) > 0 THEN
        PERFORM commerce.write_version(e.the_order, plan.before, plan.after, plan.changed, 'edit', edit, e.reason);
        made := (plan.before ->> 'version')::integer + 1;
        PERFORM commerce.release_units(e.the_order, (SELECT coalesce(jsonb_agg(jsonb_build_object('line', d.line, 'quantity', -d.delta)), '[]')
            FROM commerce.quantity_changes(plan.before, plan.changed) d WHERE d.delta < 0));
        PERFORM commerce.promise_lines(e.the_order, (SELECT coalesce(jsonb_agg(jsonb_build_object('line', d.line, 'sku', d.sku,
                'quantity', d.delta) ORDER BY d.line), '[]')
            FROM commerce.quantity_changes(plan.before, plan.changed) d WHERE d.delta > 0));
    END IF;
    UPDATE commerce.order_edits x SET state = 'confirmed', difference = plan.difference, version = made, closed_by = commerce.acting_role(),
            closed_at = clock_timestamp()
        WHERE x.order_id = e.the_order AND x.id = edit;
    PERFORM commerce.record_order_event(e.the_order, 'confirm_edit', jsonb_strip_nulls(jsonb_build_object('edit', edit, 'reason', e.reason,
        'version', made, 'difference', plan.difference::jsonb)));
    SELECT o.total INTO total FROM commerce.orders o WHERE o.id = e.the_order;
    rest := commerce.unpaid(e.the_order, total);
    SELECT coalesce(sum(commerce.minor_units(p.captured) - commerce.minor_units(p.refunded) - commerce.minor_units(p.charged_back)), 0)
        INTO paid FROM commerce.payments p WHERE p.order_id = e.the_order;
    result := jsonb_build_object('order', e.the_order, 'edit', edit, 'version', coalesce(made, (plan.before ->> 'version')::integer),
        'total', total::jsonb, 'difference', plan.difference::jsonb,
        'to_pay', commerce.from_minor(greatest(rest - commerce.given_away(e.the_order), 0), currency)::jsonb,
        'to_refund', commerce.from_minor(greatest(0, least(-rest, paid)), currency)::jsonb);
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (e.the_order::text, 'order.edited',
        (result - 'order') || jsonb_build_object('order_id', e.the_order, 'reason', e.reason,
            'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object('line', d.line, 'sku', d.sku, 'delta', d.delta) ORDER BY d.line), '[]')
                FROM commerce.quantity_changes(plan.before, plan.changed) d)));
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.confirm_edit(uuid, commerce.amount) IS
'Makes an open edit so, all at once or not at all: stock is reserved for what is added (CM001) and given back for what is taken out, lines, taxes and totals are those of preview_edit(), the earlier version is kept in commerce.order_versions, and the event order.edited tells of it. Returns {order, edit, version, total, difference, to_pay, to_refund}: to_pay is what no payment has promised yet (authorize_payment()), without what was given back of it as goodwill, to_refund what is paid beyond the total (refund_order()); goods that came back and were accepted count as paid. What is promised or owed on account beyond the total is given up by void_payment(payment, amount => …). expected_difference: CM022 where it is another by now, and nothing changes. A completed order is confirmed again. An invoice gets a credit note, or a supplement. CM010 for an edit that is not open and an order that is not to be edited any more, 22023 where more would be taken out than is left, P0002 for an unknown edit, 40001 where the order changed since the snapshot; else errors of quote(). Example: SELECT commerce.confirm_edit(edit, expected_difference => ''12.50 EUR'').';
GRANT EXECUTE ON FUNCTION commerce.confirm_edit(uuid, commerce.amount) TO commerce_app;

CREATE FUNCTION commerce.abort_edit(edit uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    e record;
BEGIN
    e := commerce.lock_edit(edit, 'abort');
    UPDATE commerce.order_edits x SET state = 'aborted', closed_by = commerce.acting_role(), closed_at = clock_timestamp()
        WHERE x.order_id = e.the_order AND x.id = edit;
    PERFORM commerce.record_order_event(e.the_order, 'abort_edit', jsonb_build_object('edit', edit));
END
$$;
COMMENT ON FUNCTION commerce.abort_edit(uuid) IS
'Gives an open edit up: the order stays as it is. Cancelling or expiring the order does so, too. CM010 for an edit that is not open, P0002 for an unknown one. Example: SELECT commerce.abort_edit(edit).';
GRANT EXECUTE ON FUNCTION commerce.abort_edit(uuid) TO commerce_app;

CREATE FUNCTION commerce.edit_event("order" uuid, event text, detail jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    edit uuid;
    now_in text;
BEGIN
    PERFORM commerce.lock_order("order");
    SELECT o.state INTO now_in FROM commerce.orders o WHERE o.id = "order";
    IF NOT EXISTS (SELECT FROM commerce.transitions t WHERE t.machine = 'order' AND t.from_state = now_in AND t.event = edit_event.event) THEN
        PERFORM commerce.refuse_event('order', now_in, event);
    END IF;
    IF event = 'begin_edit' THEN
        PERFORM commerce.begin_edit("order", detail -> 'changes', detail ->> 'reason');
    ELSE
        SELECT e.id INTO edit FROM commerce.order_edits e WHERE e.order_id = "order" AND e.state = 'open';
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the order has no open edit' USING ERRCODE = 'CM011', DETAIL = jsonb_build_object('order', "order", 'event', event),
                HINT = 'commerce.begin_edit() begins one.';
        END IF;
        IF event = 'confirm_edit' THEN
            PERFORM commerce.confirm_edit(edit, CASE WHEN jsonb_typeof(detail -> 'expected_difference') = 'object'
                THEN commerce.amount(detail -> 'expected_difference') ELSE (detail ->> 'expected_difference')::commerce.amount END);
        ELSE
            PERFORM commerce.abort_edit(edit);
        END IF;
    END IF;
    RETURN (SELECT o.state FROM commerce.orders o WHERE o.id = "order");
END
$$;
COMMENT ON FUNCTION commerce.edit_event(uuid, text, jsonb) IS
'Internal. What order_event() does for begin_edit (detail: changes, reason), confirm_edit (expected_difference) and abort_edit, the last two of the open edit.';
