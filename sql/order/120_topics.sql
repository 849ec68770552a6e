CREATE FUNCTION commerce.field_shape(kind text) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN CASE rtrim(kind, '?!')
        WHEN 'uuid' THEN '{"type": "string", "format": "uuid"}'
        WHEN 'time' THEN '{"type": "string", "format": "date-time"}'
        WHEN 'integer' THEN '{"type": "integer"}'
        WHEN 'boolean' THEN '{"type": "boolean"}'
        WHEN 'objects' THEN '{"type": "array", "items": {"type": "object"}}'
        WHEN 'money' THEN '{"type": "object", "required": ["amount", "currency", "minor"], "additionalProperties": false,
            "properties": {"amount": {"type": "string"}, "currency": {"type": "string"}, "minor": {"type": "integer"}}}'
        ELSE '{"type": "string"}' END::jsonb || CASE WHEN kind LIKE '%?' THEN '{"nullable": true}' ELSE '{}' END::jsonb;
COMMENT ON FUNCTION commerce.field_shape(text) IS 'Internal. The shape of a field of a payload; ? behind its kind: it may be null, !: it may be missing.';

CREATE FUNCTION commerce.payload_shape(fields text) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN (SELECT jsonb_build_object('type', 'object', 'additionalProperties', false,
            'required', coalesce(jsonb_agg(f.part[1] ORDER BY f.n) FILTER (WHERE f.part[2] NOT LIKE '%!'), '[]'),
            'properties', jsonb_object_agg(f.part[1], commerce.field_shape(f.part[2])))
        FROM (SELECT string_to_array(x.field, ' ') AS part, x.n FROM string_to_table(fields, ', ') WITH ORDINALITY x (field, n)) f);
COMMENT ON FUNCTION commerce.payload_shape(text) IS 'Internal. The shape of a payload from its fields: id uuid, amount money, url text?, balance uuid!.';

CREATE FUNCTION commerce.payload_example(fields text, topic text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT jsonb_object_agg(f.part[1], coalesce(
            '{"sku": "TEA", "location": "main", "channel": "web", "number": 1042, "invoice_number": "2026-000017", "tracking": "00340434161094", "carrier": "dhl",
              "url": "https://track.example/00340434161094", "provider": "stripe", "operation": "capture", "code": "CM010", "reason": "goodwill", "purpose": "newsletter",
              "maybe_done": true, "available": 2, "low_stock": 5, "quantity": 3, "lines": 2, "units": 3}'::jsonb -> (f.part[1] || CASE WHEN f.part[2] = 'objects' THEN '[]' ELSE '' END),
            CASE WHEN f.part[1] = 'state' THEN to_jsonb(split_part(topic, '.', 2)) END,
            CASE rtrim(f.part[2], '?!')
                WHEN 'uuid' THEN '"0190163d-8694-739b-aea5-966c26f8ad91"' WHEN 'time' THEN '"2026-11-25T09:30:00+00:00"' WHEN 'integer' THEN '1'
                WHEN 'boolean' THEN 'true' WHEN 'objects' THEN '[{"sku": "TEA", "quantity": 1}]'
                WHEN 'money' THEN '{"amount": "12.50", "currency": "EUR", "minor": 1250}' ELSE '"…"' END::jsonb))
        FROM (SELECT string_to_array(x.field, ' ') AS part FROM string_to_table(fields, ', ') x (field)) f);
COMMENT ON FUNCTION commerce.payload_example(text, text) IS 'Internal. An example of a payload with such fields.';

CREATE FUNCTION commerce.payload_fits(shape jsonb, payload jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind text := jsonb_typeof(payload);
BEGIN
    IF shape ? 'anyOf' THEN
        RETURN EXISTS (SELECT FROM jsonb_array_elements(shape -> 'anyOf') s WHERE commerce.payload_fits(s, payload));
    ELSIF kind IS NULL OR kind = 'null' THEN
        RETURN kind IS NOT NULL AND coalesce((shape -> 'nullable') = 'true', false);
    END IF;
    RETURN CASE shape ->> 'type'
        WHEN 'object' THEN kind = 'object'
            AND payload ?& ARRAY(SELECT jsonb_array_elements_text(coalesce(shape -> 'required', '[]')))
            AND NOT EXISTS (SELECT FROM jsonb_each(payload) e WHERE CASE WHEN shape -> 'properties' ? e.key
                THEN NOT commerce.payload_fits(shape -> 'properties' -> e.key, e.value)
                ELSE (shape -> 'additionalProperties') IS NOT DISTINCT FROM 'false' END)
        WHEN 'array' THEN kind = 'array' AND NOT EXISTS (SELECT FROM jsonb_array_elements(payload) e
            WHERE NOT commerce.payload_fits(coalesce(shape -> 'items', '{}'), e))
        WHEN 'integer' THEN kind = 'number' AND (payload #>> '{}')::numeric % 1 = 0
        WHEN 'string' THEN kind = 'string' AND CASE shape ->> 'format'
            WHEN 'uuid' THEN payload #>> '{}' ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
            WHEN 'date-time' THEN payload #>> '{}' ~ '^[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9:.]+([+-][0-9:]+|Z)$' ELSE true END
        ELSE shape ->> 'type' IS NULL OR kind = shape ->> 'type' END;
END
$$;
COMMENT ON FUNCTION commerce.payload_fits(jsonb, jsonb) IS
'Whether a JSON value has a shape of commerce.event_topics(): the words type, properties, required, additionalProperties, items, anyOf, nullable and format (uuid, date-time) of JSON Schema. Example: SELECT commerce.payload_fits(t.shape, o.payload) FROM commerce.outbox o JOIN commerce.event_topics() t USING (topic).';

CREATE FUNCTION commerce.event_topics() RETURNS TABLE (topic text, version integer, description text, shape jsonb, example jsonb)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 60
AS $$
BEGIN
    PERFORM commerce.require_shop();
    RETURN QUERY
    WITH told (topic, fields, description) AS (VALUES
        ('order.placed', 'id uuid, number integer, channel text?, customer_id uuid?, total money, cart_id uuid!', 'an order was placed; customer_id null: by a guest; cart_id: from a cart'),
        ('order.edited', 'order_id uuid, edit uuid, version integer, total money, difference money, to_pay money, to_refund money, reason text?, lines objects', 'an edit was confirmed; lines: by how many units each changed'),
        ('order.lines_cancelled', 'order_id uuid, lines objects, reason text?, amount money, total money', 'units that had not left were cancelled; amount: what they are worth'),
        ('exchange.requested', 'order_id uuid, return uuid, edit uuid, difference money', 'goods go back and others are sent instead'),
        ('payment.created', 'order_id uuid, id uuid, amount money', 'a provider is asked for an amount'),
        ('payment.authorized', 'order_id uuid, id uuid, amount money, balance uuid!, due_at time!', 'a provider promised an amount, or it is on account (balance, due_at)'),
        ('payment.captured', 'order_id uuid, id uuid, amount money, state text, balance uuid!', 'an amount was taken; state: of the payment then; balance: from a gift card or store credit'),
        ('payment.refunded', 'order_id uuid, id uuid, amount money, state text', 'an amount was given back'),
        ('payment.charged_back', 'order_id uuid, id uuid, amount money, state text', 'the payer''s bank took an amount back'),
        ('payment.chargeback_reversed', 'order_id uuid, id uuid, amount money, state text', 'and gave it back'),
        ('payment.voided', 'order_id uuid, id uuid, amount money, state text', 'what was promised and not taken was let go: a rest (amount), or all of it (event, from, to)'),
        ('payment.refused', 'order_id uuid, id uuid, provider text, code text', 'a provider promised or took what the order does not take any more (code: SQLSTATE), and is asked to give it back'),
        ('provider_call.dead', 'order_id uuid, id uuid, provider text, operation text, payment_id uuid!, maybe_done boolean', 'a call to a provider was given up; maybe_done: nobody knows whether it was carried out'),
        ('fulfilment.planned', 'order_id uuid, id uuid, scheduled_for time?', 'a parcel was planned'),
        ('fulfilment.split', 'order_id uuid, id uuid, new_id uuid', 'a parcel was made two'),
        ('fulfilment.moved', 'order_id uuid, id uuid, location text', 'a parcel is sent from another location'),
        ('fulfilment.tracked', 'order_id uuid, id uuid, tracking text, carrier text?, url text?', 'it is known how a parcel can be followed'),
        ('return.requested', 'order_id uuid, id uuid, lines objects', 'the return of units was asked for; lines as they were given'),
        ('stock.low', 'sku text, location text, available integer, low_stock integer?', 'no more than low_stock are left'),
        ('stock.out', 'sku text, location text, available integer, low_stock integer?', 'none are left'),
        ('stock.back', 'sku text, location text, available integer, low_stock integer?', 'some are there again'),
        ('stock.backorder_filled', 'order_id uuid, sku text, location text, quantity integer', 'units that an order waited for have come'),
        ('cart.expired', 'id uuid, customer_id uuid?, channel text?, lines integer, units integer, created_at time, changed_at time', 'a cart was left alone too long'),
        ('customer.erased', 'id uuid, erased_at time', 'a customer was forgotten: whoever was told who that is forgets as well'),
        ('guest.erased', 'id uuid, erased_at time', 'the guest of an order (id) was forgotten'),
        ('consent.given', 'id uuid, customer_id uuid, purpose text', 'a customer consents to a purpose; id: of the entry'),
        ('consent.withdrawn', 'id uuid, customer_id uuid, purpose text', 'a customer no longer consents to it'),
        ('credit.issued', 'customer_id uuid, id uuid, amount money, reason text', 'the shop owes a customer money outside an order'),
        ('credit.limit_set', 'customer_id uuid, balance uuid, limit money!, before money!, reason text!', 'how much a customer may owe was set'),
        ('balance.issued', 'balance uuid, amount money, reason text!', 'a gift card or store credit was issued'),
        ('balance.adjusted', 'balance uuid, amount money, reason text', 'somebody changed what is left on it'),
        ('balance.spent', 'balance uuid, amount money, order_id uuid, payment uuid', 'it paid for an order'),
        ('balance.refunded', 'balance uuid, amount money, order_id uuid, payment uuid', 'what it paid went back to it'),
        ('balance.settled', 'balance uuid, amount money, order_id uuid, payment uuid', 'what was bought on account was paid'),
        ('invoice.issued', 'order_id uuid, invoice_number text, total money', 'an invoice was issued'),
        ('credit_note.issued', 'order_id uuid, invoice_number text, total money', 'a credit note was issued')),
    quoted AS (
        SELECT 'quote.' || q.state AS topic, 'id uuid, state text, customer_id uuid!, channel text!, version integer!, total money!, valid_until time!, reason text!, order_id uuid!' AS fields,
            'a quote is ' || q.state AS description
        FROM unnest('{requested,sent,countered,accepted,rejected,expired,ordered}'::text[]) q (state)),
    fired AS (
        -- Those of machines, whoever made them: the key of the row and what happened.
        SELECT t.topic, min(t.machine) AS machine, min(t.event) AS event, min(t.from_state) AS from_state, min(t.to_state) AS to_state,
            CASE WHEN bool_and(t.machine IN ('payment', 'fulfilment', 'return')) THEN commerce.payload_shape('order_id uuid, id uuid, event text, from text, to text')
                WHEN bool_and(t.machine IN ('order', 'balance')) THEN commerce.payload_shape('id uuid, event text, from text, to text')
                ELSE commerce.payload_shape('event text, from text, to text') || '{"additionalProperties": true}' END AS shape
        FROM commerce.transitions t WHERE t.topic IS NOT NULL GROUP BY t.topic)
    SELECT coalesce(t.topic, f.topic), 1, coalesce(t.description, format('event %s of machine %s', f.event, f.machine)),
        CASE WHEN t.topic IS NULL THEN f.shape WHEN f.topic IS NULL THEN commerce.payload_shape(t.fields)
            ELSE jsonb_build_object('anyOf', jsonb_build_array(commerce.payload_shape(t.fields), f.shape)) END,
        CASE WHEN t.topic IS NOT NULL THEN commerce.payload_example(t.fields, t.topic)
            ELSE jsonb_build_object('event', f.event, 'from', f.from_state, 'to', f.to_state)
                || CASE WHEN f.shape -> 'properties' ? 'id' THEN '{"id": "0190163d-8694-739b-aea5-966c26f8ad91"}' ELSE '{}' END::jsonb
                || CASE WHEN f.shape -> 'properties' ? 'order_id' THEN '{"order_id": "0190163d-8694-739b-aea5-966c26f8ad91"}' ELSE '{}' END::jsonb END
        FROM (SELECT * FROM told UNION ALL SELECT * FROM quoted) t FULL JOIN fired f ON f.topic = t.topic
        ORDER BY coalesce(t.topic, f.topic) COLLATE "C";
END
$$;
COMMENT ON FUNCTION commerce.event_topics() IS
'All that the outside world can be told, those of machines of one''s own included: topic, version of its payload (a field may be added without a new one), what it says, the shape of its payload in words of JSON Schema, and an example. Payloads name customers by their ids and hold nothing else of them. Example: SELECT topic, description FROM commerce.event_topics().';
GRANT EXECUTE ON FUNCTION commerce.event_topics() TO commerce_reader;
