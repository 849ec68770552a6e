CREATE FUNCTION commerce.order_payment_status(order_id uuid) RETURNS text
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    total bigint;
    p record;
BEGIN
    PERFORM commerce.require_shop();
    SELECT commerce.minor_units(o.total) - commerce.exchanged(o.id) INTO total FROM commerce.orders o WHERE o.id = order_payment_status.order_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(sum(commerce.minor_units(x.authorized) - commerce.minor_units(x.charged_back)) FILTER (WHERE x.state NOT IN ('voided', 'expired', 'charged_back')), 0) AS authorized,
            coalesce(sum(commerce.minor_units(x.captured) - commerce.minor_units(x.charged_back)), 0) AS taken,
            coalesce(sum(commerce.minor_units(x.refunded)), 0) AS refunded,
            bool_or(x.state = 'requires_action') AS requires_action,
            bool_or(x.state = 'processing') AS awaiting,
            bool_and(x.state IN ('voided', 'expired')) AS let_go,
            bool_or(x.state = 'expired') AS expired,
            bool_or(x.owed) AS owed
        INTO p FROM commerce.payments x WHERE x.order_id = order_payment_status.order_id AND x.state <> 'failed';
    RETURN CASE
        WHEN p.requires_action AND p.taken < total THEN 'requires_action'
        WHEN p.refunded > 0 AND p.refunded = p.taken AND NOT p.owed THEN 'refunded'
        WHEN p.refunded > 0 AND p.taken - p.refunded <= total THEN 'partially_refunded'
        WHEN p.taken - p.refunded > total THEN 'overpaid'
        WHEN p.taken >= total THEN 'paid'
        WHEN p.taken > 0 THEN 'partially_paid'
        WHEN p.authorized >= total THEN 'authorized'
        WHEN p.awaiting THEN 'awaiting'
        WHEN p.authorized > 0 THEN 'partially_authorized'
        WHEN p.let_go AND p.expired THEN 'expired'
        WHEN p.let_go THEN 'voided'
        ELSE 'not_paid' END;
END
$$;
COMMENT ON FUNCTION commerce.order_payment_status(uuid) IS
'What the payments of an order come to: not_paid, awaiting (the provider), requires_action (of the buyer, and not all is paid), partially_authorized, authorized, partially_paid, paid, overpaid, partially_refunded, refunded, voided or expired. What was charged back is not paid; failed payments do not count, and goods that come back in an exchange pay for those that go out. An order of total 0 is paid. NULL for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.order_payment_status(uuid) TO commerce_reader;

CREATE FUNCTION commerce.order_fulfilment_status(order_id uuid) RETURNS text
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    u record;
BEGIN
    PERFORM commerce.require_shop();
    -- Of an order with goods to be sent these say where it is, beside what needs no sending.
    SELECT sum(ol.quantity) AS ordered, bool_or(ol.requires_shipping) AS to_send, coalesce(sum(f.packed), 0) AS packed,
            coalesce(sum(f.sent), 0) AS sent, coalesce(sum(f.delivered), 0) AS delivered,
            coalesce(sum((SELECT sum(x.quantity) FROM commerce.return_receptions x
                WHERE x.order_id = ol.order_id AND x.line = ol.line AND x.accepted)), 0) AS returned
        INTO u FROM commerce.order_lines ol, LATERAL (SELECT sum(p.quantity) FILTER (WHERE p.stage IN ('packed', 'shipped', 'delivered')) AS packed,
                sum(p.quantity) FILTER (WHERE p.stage IN ('shipped', 'delivered')) AS sent,
                sum(p.quantity) FILTER (WHERE p.stage = 'delivered') AS delivered
            FROM commerce.parcel_lines p WHERE p.order_id = ol.order_id AND p.line = ol.line) f
        WHERE ol.order_id = order_fulfilment_status.order_id AND ol.quantity > 0
            AND (ol.requires_shipping OR NOT EXISTS (SELECT FROM commerce.order_lines other
                WHERE other.order_id = order_fulfilment_status.order_id AND other.requires_shipping AND other.quantity > 0));
    RETURN CASE
        WHEN u.ordered IS NULL THEN NULL
        WHEN u.returned = u.ordered THEN 'returned'
        WHEN u.returned > 0 THEN 'partially_returned'
        WHEN NOT u.to_send THEN 'not_required'
        WHEN u.delivered = u.ordered THEN 'delivered'
        WHEN u.delivered > 0 THEN 'partially_delivered'
        WHEN u.sent = u.ordered THEN 'shipped'
        WHEN u.sent > 0 THEN 'partially_shipped'
        WHEN u.packed = u.ordered THEN 'fulfilled'
        WHEN u.packed > 0 THEN 'partially_fulfilled'
        ELSE coalesce((SELECT f.state FROM commerce.fulfilments f WHERE f.order_id = order_fulfilment_status.order_id
            AND f.state IN ('on_hold', 'in_progress', 'scheduled')
            ORDER BY array_position('{on_hold,in_progress,scheduled}', f.state) LIMIT 1), 'unfulfilled') END;
END
$$;
COMMENT ON FUNCTION commerce.order_fulfilment_status(uuid) IS
'Where the units of an order are: unfulfilled, scheduled, in_progress or on_hold (nothing is packed yet), partially_fulfilled, fulfilled (packed), partially_shipped, shipped, partially_delivered, delivered, partially_returned or returned (units received and accepted); not_required where no line needs sending, else such lines do not count; nor does what was taken out of the order. A closed parcel counts as delivered; one that was cancelled or incomplete counts for nothing. NULL for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.order_fulfilment_status(uuid) TO commerce_reader;

CREATE FUNCTION commerce.order_summary(order_id uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    RETURN (SELECT jsonb_build_object(
        'id', o.id, 'number', o.number, 'order_number', commerce.order_number(o.id), 'state', o.state, 'placed_at', o.placed_at, 'channel', o.channel,
        'customer', o.customer_id, 'ship_to', o.ship_to, 'shipping_method', o.shipping_method,
        'payment_status', commerce.order_payment_status(o.id),
        'fulfilment_status', commerce.order_fulfilment_status(o.id),
        'subtotal', o.subtotal::jsonb, 'discount', o.discount::jsonb, 'shipping', o.shipping::jsonb,
        'tax', o.tax::jsonb, 'included_tax', o.included_tax::jsonb, 'rounding', o.rounding::jsonb,
        'total', o.total::jsonb, 'tax_treatment', o.tax_treatment, 'version', o.version,
        'on_hold', EXISTS (SELECT FROM commerce.order_holds h WHERE h.order_id = o.id AND h.released_at IS NULL),
        'modifying', EXISTS (SELECT FROM commerce.order_edits e WHERE e.order_id = o.id AND e.state = 'open'),
        'hold', (SELECT jsonb_build_object('id', h.id, 'reason', h.reason, 'held_by', h.held_by, 'held_at', h.held_at)
            FROM commerce.order_holds h WHERE h.order_id = o.id AND h.released_at IS NULL),
        'edit', (SELECT jsonb_build_object('id', e.id, 'reason', e.reason, 'return', e.return_id, 'begun_by', e.begun_by, 'begun_at', e.begun_at)
            FROM commerce.order_edits e WHERE e.order_id = o.id AND e.state = 'open'),
        'versions', (SELECT coalesce(jsonb_agg(jsonb_build_object('version', v.version, 'total', v.document -> 'total',
                'difference', v.difference::jsonb, 'cause', v.cause, 'edit', v.edit_id, 'reason', v.reason, 'replaced_at', v.replaced_at)
                ORDER BY v.version), '[]')
            FROM commerce.order_versions v WHERE v.order_id = o.id),
        'invoices', (SELECT coalesce(jsonb_agg(jsonb_build_object('invoice_number', i.invoice_number, 'kind', i.kind, 'cause', i.cause,
                'total', i.total::jsonb, 'issued_at', i.issued_at) ORDER BY i.issued_at, i.series COLLATE "C", i.number), '[]')
            FROM commerce.invoices i WHERE i.order_id = o.id),
        'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object('line', l.line, 'sku', l.sku, 'title', l.title,
                'quantity', l.quantity, 'cancelled', l.cancelled, 'unit_price', l.unit_price::jsonb, 'subtotal', l.subtotal::jsonb,
                'discount', l.discount::jsonb, 'tax', l.tax::jsonb, 'total', l.total::jsonb,
                'requires_shipping', l.requires_shipping) ORDER BY l.line), '[]')
            FROM commerce.order_lines l WHERE l.order_id = o.id),
        'payments', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'state', p.state, 'provider', p.provider,
                'authorized', p.authorized::jsonb, 'captured', p.captured::jsonb, 'refunded', p.refunded::jsonb, 'charged_back', p.charged_back::jsonb)
                ORDER BY p.id), '[]')
            FROM commerce.payments p WHERE p.order_id = o.id),
        'fulfilments', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'state', f.state, 'scheduled_for', f.scheduled_for,
                'tracking', f.tracking, 'carrier', f.carrier, 'tracking_url', f.tracking_url,
                'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object('line', p.line, 'location', p.location, 'quantity', p.quantity,
                        'stage', p.stage) ORDER BY p.line, p.location COLLATE "C"), '[]')
                    FROM commerce.parcel_lines p WHERE p.order_id = f.order_id AND p.fulfilment_id = f.id)) ORDER BY f.id), '[]')
            FROM commerce.fulfilments f WHERE f.order_id = o.id),
        'returns', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'state', r.state, 'reason', r.reason, 'expires_at', r.expires_at,
                'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object('line', rl.line, 'quantity', rl.quantity, 'value', rl.value::jsonb,
                        'received', x.received, 'accepted', x.accepted, 'refundable', coalesce(x.value,
                            commerce.from_minor(0, commerce.currency(rl.value)))::jsonb) ORDER BY rl.line), '[]')
                    FROM commerce.return_lines rl, LATERAL (SELECT coalesce(sum(y.quantity), 0) AS received,
                            coalesce(sum(y.quantity) FILTER (WHERE y.accepted), 0) AS accepted, commerce.sum(y.value) AS value
                        FROM commerce.return_receptions y
                        WHERE y.order_id = rl.order_id AND y.return_id = rl.return_id AND y.line = rl.line) x
                    WHERE rl.order_id = r.order_id AND rl.return_id = r.id)) ORDER BY r.id), '[]')
            FROM commerce.returns r WHERE r.order_id = o.id))
        FROM commerce.orders o WHERE o.id = order_summary.order_id);
END
$$;
COMMENT ON FUNCTION commerce.order_summary(uuid) IS
'All of an order in one document: its number as order_number() prints it, lines, totals, payments, fulfilments, returns, and the states they come to; invoices and credit notes by number; the hold and the edit that are open (null where there is none); and each version before the one of now, with what replaced it. No customer field in the clear. NULL for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.order_summary(uuid) TO commerce_reader;
