-- Invoices are numbered after the fact: whoever gives cause for one leaves a row in commerce.invoice_queue, committed
-- with what it is about, and locks nothing. One writer at a time, who holds an advisory lock until he commits, takes rows
-- out, in the order in which they could be seen and, of those seen at once, in that of their causes, looks at what is
-- committed, and writes the documents with the numbers that follow. All of that is one
-- transaction: what a crash takes it takes whole, the rows are in the queue again, and their numbers are still free.
-- A row that fails, by a trigger of the shop's own for instance, is put off and stops no other order.
CREATE FUNCTION commerce.queue_invoice() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_order uuid;
    the_cause text;
    source uuid;
BEGIN
    CASE TG_TABLE_NAME
        WHEN 'orders' THEN
            the_order := NEW.id;
            source := CASE WHEN TG_OP = 'UPDATE' AND NEW.state = 'placed' THEN commerce.uuidv7() ELSE NEW.id END;
            the_cause := CASE WHEN NEW.state IN ('cancelled', 'expired') THEN 'cancel' WHEN NEW.state IN ('confirmed', 'completed') THEN 'confirmed'
                WHEN TG_OP = 'UPDATE' THEN 'reopen' ELSE 'paid' END;
        WHEN 'payment_entries' THEN
            the_order := NEW.order_id;
            source := CASE NEW.kind WHEN 'refund' THEN NEW.id ELSE NEW.order_id END;
            the_cause := CASE NEW.kind WHEN 'refund' THEN 'refund' ELSE 'paid' END;
        WHEN 'returns' THEN
            the_order := NEW.order_id;
            source := NEW.id;
            the_cause := 'return';
    END CASE;
    INSERT INTO commerce.invoice_queue (order_id, cause, cause_id)
        SELECT the_order, cause.name, CASE cause.name WHEN 'paid' THEN the_order ELSE source END
        FROM commerce.orders o LEFT JOIN commerce.channels c ON c.code = o.channel,
            -- What is free is paid when it is placed, whatever state it begins in; what is reopened may be paid from before.
            LATERAL (SELECT the_cause AS name UNION SELECT 'paid' WHERE TG_TABLE_NAME = 'orders'
                AND (the_cause = 'reopen' OR TG_OP = 'INSERT' AND commerce.minor_units(o.total) = 0)) cause
        WHERE o.id = the_order AND (c.invoice_on = cause.name OR cause.name IN ('refund', 'return', 'cancel', 'reopen')
            AND (c.invoice_on <> 'never' OR EXISTS (SELECT FROM commerce.invoices i WHERE i.order_id = o.id)));
    IF FOUND THEN
        PERFORM commerce.chores_due(clock_timestamp());
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION commerce.queue_invoice() IS
'Internal. Row trigger on orders, payment_entries and returns: notes that the order is to be looked at for an invoice or a credit note. Takes no lock that another order waits for.';

CREATE FUNCTION commerce.refuse_invoice_change() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        IF EXISTS (SELECT FROM commerce.invoices) THEN
            RAISE EXCEPTION 'issued invoices are not removed' USING ERRCODE = 'CM042',
                HINT = 'They are kept as long as the law asks; commerce.orders, which they are about, as well.';
        END IF;
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'invoice % is issued and is not % any more', OLD.invoice_number,
            CASE TG_OP WHEN 'DELETE' THEN 'deleted' ELSE 'changed' END
        USING ERRCODE = 'CM042', DETAIL = jsonb_build_object('invoice_number', OLD.invoice_number, 'order', OLD.order_id),
            HINT = 'What it says is taken back by a credit note: a refund, a return or the cancelling of the order issues one.';
END
$$;
COMMENT ON FUNCTION commerce.refuse_invoice_change() IS
'Internal. Trigger on commerce.invoices: CM042 for every UPDATE and DELETE, and for a TRUNCATE of what is not empty.';

CREATE FUNCTION commerce.due_invoice("order" uuid, cause text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM commerce.orders o LEFT JOIN commerce.channels c ON c.code = o.channel
        WHERE o.id = "order"
            AND (cause = 'requested' OR c.invoice_on = cause)
            AND (cause <> 'paid' OR commerce.minor_units(o.total) - commerce.exchanged(o.id) <= coalesce((SELECT sum(commerce.minor_units(p.captured))
                FROM commerce.payments p WHERE p.order_id = o.id), 0))
            AND o.state NOT IN ('cancelled', 'expired')
            AND (o.state <> 'archived' OR NOT EXISTS (SELECT FROM commerce.state_history h WHERE h.subject = o.id::text
                AND h.relation = 'commerce.orders' AND h.to_state = 'archived' AND h.from_state IN ('cancelled', 'expired')))
            AND NOT EXISTS (SELECT FROM commerce.invoices i WHERE i.order_id = o.id AND i.kind = 'invoice'));
END
$$;
COMMENT ON FUNCTION commerce.due_invoice(uuid, text) IS
'Internal. Is an invoice to be issued for an order, for this cause? Not where it has one, is cancelled or expired, its channel does otherwise now, or paid means only a part.';

CREATE FUNCTION commerce.credit_due("order" uuid, cause text, cause_id uuid, OUT total bigint, OUT tax bigint,
        OUT rounding bigint, OUT taxes jsonb)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    rest record;
    edit record;
    given record;
    shared record;
    asked bigint;
BEGIN
    SELECT sum(commerce.minor_units(i.total))::bigint AS total, sum(commerce.minor_units(i.tax))::bigint AS tax,
            sum(commerce.minor_units(i.rounding))::bigint AS rounding, min(commerce.currency(i.total)) AS currency,
            min(i.order_version) FILTER (WHERE i.kind = 'invoice') AS version,
            bool_or(i.kind = 'credit_note' AND i.cause_id = credit_due.cause_id AND i.cause = credit_due.cause) AS again
        INTO rest FROM commerce.invoices i WHERE i.order_id = "order";
    IF rest.total IS NULL OR rest.again AND cause <> 'cancel' THEN
        RETURN;
    END IF;
    SELECT v.version, -commerce.minor_units(v.difference) AS difference, -commerce.minor_units(v.tax) AS tax,
            -commerce.minor_units(v.rounding) AS rounding, v.taxes
        INTO edit FROM commerce.order_versions v WHERE credit_due.cause = 'edit' AND v.order_id = "order" AND v.id = credit_due.cause_id;
    IF cause = 'edit' AND (edit.version IS NULL OR edit.version < rest.version) THEN
        RETURN;
    END IF;
    -- Money as it was before the refund in question. Of goods all that is committed, less what is in the queue and has its turn yet.
    SELECT coalesce((SELECT sum(CASE e.kind WHEN 'capture' THEN 1 ELSE -1 END * commerce.minor_units(e.amount)) FROM commerce.payment_entries e
                WHERE e.order_id = "order" AND e.kind IN ('capture', 'refund') AND e.id < credit_due.cause_id), 0) AS money,
            coalesce((SELECT sum(CASE e.kind WHEN 'capture' THEN 1 ELSE -1 END * commerce.minor_units(e.amount)) FROM commerce.payment_entries e
                WHERE e.order_id = "order" AND e.kind IN ('capture', 'refund')), 0) AS kept,
            (SELECT commerce.minor_units(o.total) FROM commerce.orders o WHERE o.id = "order")
                - coalesce((SELECT sum(commerce.minor_units(v.difference)) FROM commerce.order_versions v
                    WHERE v.order_id = "order" AND v.id = ANY (waiting.causes) AND v.version >= rest.version), 0) AS costs,
            coalesce((SELECT sum(commerce.minor_units(v.difference)) FROM commerce.order_versions v WHERE v.order_id = "order"
                AND v.id > credit_due.cause_id AND (v.version < rest.version OR NOT v.id = ANY (waiting.causes))), 0) AS later,
            (SELECT h.to_state FROM commerce.state_history h WHERE h.subject = "order"::text AND h.relation = 'commerce.orders'
                AND h.id < credit_due.cause_id AND (h.to_state IN ('cancelled', 'expired') OR h.from_state IN ('cancelled', 'expired'))
                ORDER BY h.id DESC LIMIT 1) IN ('cancelled', 'expired') AS called_off,
            coalesce(sum(commerce.minor_units(x.value)) FILTER (WHERE NOT x.return_id = ANY (waiting.causes)), 0) AS returned,
            coalesce(sum(commerce.minor_units(x.value)) FILTER (WHERE x.return_id = credit_due.cause_id), 0)::bigint AS value,
            coalesce(round(sum(commerce.minor_units(ol.tax)::numeric * commerce.minor_units(x.value)
                / nullif(commerce.minor_units(ol.total), 0)) FILTER (WHERE x.return_id = credit_due.cause_id)), 0)::bigint AS tax
        INTO given
        FROM (SELECT ARRAY(SELECT q.cause_id FROM commerce.invoice_queue q WHERE q.order_id = "order" AND q.cause IN ('refund', 'return', 'edit'))
                AS causes) waiting
            LEFT JOIN (commerce.return_receptions x JOIN commerce.order_lines ol ON ol.order_id = x.order_id AND ol.line = x.line)
                ON x.order_id = "order"
        GROUP BY waiting.causes;
    asked := CASE cause WHEN 'cancel' THEN rest.total WHEN 'return' THEN given.value WHEN 'edit' THEN edit.difference
        ELSE (SELECT commerce.minor_units(e.amount) FROM commerce.payment_entries e
            WHERE e.order_id = "order" AND e.id = credit_due.cause_id) END;
    -- A return, or a part that is taken out, and the refund of it are one credit. Whichever comes first takes back what it is
    -- worth: goods, what the documents say beyond what the goods that stay cost; money, what is given back of it beyond what
    -- was paid in excess of the documents.
    total := CASE WHEN cause = 'cancel' THEN asked
        WHEN cause IN ('return', 'edit') THEN least(asked, rest.total - (given.costs - given.returned)::bigint, rest.total)
        WHEN cause = 'chargeback' THEN least(asked, rest.total)
        -- What went back while the order was called off was credited with all of it; and what it has cost since says nothing.
        WHEN given.called_off THEN 0
        -- Nor is what the shop has kept, or was paid again since, taken back.
        ELSE least(asked - greatest(0, given.money - (rest.total - given.later))::bigint, rest.total, greatest(0, rest.total - given.kept)::bigint) END;
    IF total <= 0 THEN
        RETURN;
    END IF;
    -- Goods that come back bring their own tax, other money its part of what is left; the last credit takes all that is.
    tax := CASE WHEN total = rest.total THEN rest.tax
        WHEN cause = 'return' AND total = asked THEN least(given.tax, rest.tax, total)
        ELSE round(rest.tax::numeric * total / nullif(rest.total, 0))::bigint END;
    rounding := CASE WHEN total = rest.total THEN rest.rounding ELSE 0 END;
    IF cause = 'edit' AND total = asked AND total < rest.total AND NOT EXISTS (SELECT FROM jsonb_array_elements(edit.taxes) t
            WHERE -commerce.minor_of(t -> 'amount') > (SELECT coalesce(sum(commerce.minor_of(x -> 'amount')), 0)
                FROM commerce.invoices i, jsonb_array_elements(i.taxes) x WHERE i.order_id = "order"
                    AND x -> 'name' = t -> 'name' AND (x ->> 'rate')::numeric = (t ->> 'rate')::numeric)) THEN
        tax := edit.tax;
        taxes := edit.taxes;
        rounding := edit.rounding;
        RETURN;
    END IF;
    WITH remaining AS (
        SELECT t ->> 'name' AS name, (t ->> 'rate')::numeric AS rate, sum(commerce.minor_of(t -> 'amount'))::bigint AS minor,
            sum(commerce.minor_of(t -> 'base'))::bigint AS base
        FROM commerce.invoices i, LATERAL jsonb_array_elements(i.taxes) t WHERE i.order_id = "order" GROUP BY 1, 2
    ), came AS (
        SELECT x.order_id, x.line, commerce.minor_units(x.value)::numeric / nullif(commerce.minor_units(ol.total), 0) AS part,
            commerce.minor_units(ol.total) - commerce.minor_units(ol.tax) AS net
        FROM commerce.return_receptions x JOIN commerce.order_lines ol ON ol.order_id = x.order_id AND ol.line = x.line
        WHERE x.order_id = "order" AND x.return_id = credit_due.cause_id
    ), returned AS (
        -- Few digits, or allocate() would find large weights too long.
        SELECT t.name, t.rate, round(sum(commerce.minor_units(t.amount) * c.part), 4) AS weight, round(sum(c.net * c.part), 4) AS base
        FROM came c JOIN commerce.order_taxes t ON t.order_id = c.order_id AND t.line = c.line GROUP BY t.name, t.rate
    )
    SELECT array_agg(l.name ORDER BY l.rate, l.name) AS names, array_agg(l.rate ORDER BY l.rate, l.name) AS rates,
            commerce.allocate(commerce.from_minor(credit_due.tax, rest.currency),
                array_agg(CASE WHEN given.goods THEN coalesce(r.weight, 0) ELSE greatest(l.minor, 0) END ORDER BY l.rate, l.name), 'nearest',
                array_agg(commerce.from_minor(greatest(l.minor, 0), rest.currency) ORDER BY l.rate, l.name)) AS parts,
            array_agg(CASE WHEN given.goods THEN coalesce(r.base, 0) ELSE l.base END ORDER BY l.rate, l.name) AS bases,
            CASE WHEN given.goods THEN (SELECT round(sum(c.net * c.part), 4) FROM came c) ELSE rest.total - rest.tax - rest.rounding END AS net
        INTO shared
        FROM (SELECT cause = 'return' AND credit_due.total = asked AND credit_due.total < rest.total AS goods) given,
            remaining l LEFT JOIN returned r USING (name, rate)
        GROUP BY given.goods;
    tax := coalesce((SELECT sum(commerce.minor_units(x)) FROM unnest(shared.parts) x), 0);
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', u.name, 'rate', u.rate, 'base', commerce.from_minor(-u.base, rest.currency)::jsonb,
            'amount', commerce.from_minor(-commerce.minor_units(u.part), rest.currency)::jsonb) ORDER BY u.rate, u.name), '[]')
        INTO taxes FROM unnest(shared.names, shared.rates, shared.parts,
            commerce.share_bases(credit_due.total - credit_due.tax - credit_due.rounding, shared.net, shared.bases, rest.currency))
            AS u (name, rate, part, base)
        WHERE commerce.minor_units(u.part) > 0 OR u.base <> 0;
END
$$;
COMMENT ON FUNCTION commerce.credit_due(uuid, text, uuid) IS
'Internal. What a credit note for a refund, a return, a cancel, an edit or a chargeback has to say, in minor units and above zero; total NULL or not above 0 where none is due: the order has no invoice, this cause its note already or was there before the invoice, or all it takes back is taken back.';

CREATE FUNCTION commerce.supplement_due("order" uuid, cause text, cause_id uuid, OUT total bigint, OUT tax bigint,
        OUT rounding bigint, OUT taxes jsonb)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    had record;
    now_is record;
    bases bigint[];
BEGIN
    SELECT sum(commerce.minor_units(i.total))::bigint AS total, min(i.order_version) FILTER (WHERE i.kind = 'invoice') AS version,
            bool_or(i.cause_id = supplement_due.cause_id AND i.cause = supplement_due.cause) AS again
        INTO had FROM commerce.invoices i WHERE i.order_id = "order";
    IF had.total IS NULL OR had.again THEN
        RETURN;
    END IF;
    IF cause = 'edit' THEN
        -- Where only taxes differ there is a document, too.
        SELECT commerce.minor_units(v.difference), commerce.minor_units(v.tax), commerce.minor_units(v.rounding), v.taxes
            INTO total, tax, rounding, taxes FROM commerce.order_versions v
            WHERE v.order_id = "order" AND v.id = supplement_due.cause_id AND v.version >= had.version
                AND (commerce.minor_units(v.difference) > 0 OR commerce.minor_units(v.difference) = 0 AND EXISTS (
                    SELECT FROM jsonb_array_elements(v.taxes) t WHERE commerce.minor_of(t -> 'amount') <> 0));
        RETURN;
    END IF;
    -- What is wanted after all is billed again, as far as nothing else does: as it was before the edits that have their turn yet.
    WITH later AS (
        SELECT v.difference, v.tax, v.rounding, v.taxes FROM commerce.order_versions v
        WHERE v.order_id = "order" AND v.version >= had.version
            AND v.id IN (SELECT q.cause_id FROM commerce.invoice_queue q WHERE q.order_id = "order" AND q.cause = 'edit')
    )
    SELECT commerce.minor_units(o.total) - l.total AS total, commerce.minor_units(o.tax) - l.tax AS tax,
            commerce.minor_units(o.rounding) - l.rounding AS rounding, commerce.currency(o.total) AS currency,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('name', x.name, 'rate', x.rate,
                    'base', commerce.from_minor(x.base, commerce.currency(o.total))::jsonb,
                    'amount', commerce.from_minor(x.minor, commerce.currency(o.total))::jsonb) ORDER BY x.rate, x.name)
                    FILTER (WHERE x.minor <> 0 OR x.base <> 0), '[]')
                FROM (SELECT t.name, t.rate, sum(t.minor)::bigint AS minor, sum(t.base)::bigint AS base
                    FROM (SELECT t ->> 'name' AS name, (t ->> 'rate')::numeric AS rate, commerce.minor_of(t -> 'amount') AS minor,
                                commerce.minor_of(t -> 'base') AS base
                            FROM jsonb_array_elements(commerce.taxes_of(o.id)) t
                        UNION ALL SELECT t ->> 'name', (t ->> 'rate')::numeric, -commerce.minor_of(t -> 'amount'), -commerce.minor_of(t -> 'base')
                            FROM later y, jsonb_array_elements(y.taxes) t) t
                    GROUP BY t.name, t.rate) x) AS taxes,
            (SELECT coalesce(sum(commerce.minor_units(x.value)), 0)::bigint FROM commerce.return_receptions x WHERE x.order_id = o.id) AS returned
        INTO now_is FROM commerce.orders o, LATERAL (SELECT coalesce(sum(commerce.minor_units(y.difference)), 0)::bigint AS total,
            coalesce(sum(commerce.minor_units(y.tax)), 0)::bigint AS tax, coalesce(sum(commerce.minor_units(y.rounding)), 0)::bigint AS rounding FROM later y) l
        WHERE o.id = "order" AND o.state NOT IN ('cancelled', 'expired');
    IF now_is.total - now_is.returned - had.total > 0 THEN
        total := now_is.total - now_is.returned - had.total;
        tax := round(now_is.tax::numeric * total / now_is.total)::bigint;
        rounding := CASE WHEN total = now_is.total THEN now_is.rounding ELSE 0 END;
        taxes := now_is.taxes;
        IF total < now_is.total THEN
            bases := commerce.share_bases(total - tax - rounding, now_is.total - now_is.tax - now_is.rounding,
                ARRAY(SELECT commerce.minor_of(t -> 'base')::numeric FROM jsonb_array_elements(taxes) WITH ORDINALITY x (t, n) ORDER BY n),
                now_is.currency);
            taxes := (SELECT coalesce(jsonb_agg(t || jsonb_build_object('base', commerce.from_minor(bases[n], now_is.currency)::jsonb) ORDER BY n), '[]')
                FROM jsonb_array_elements(commerce.share_parts(taxes, commerce.from_minor(tax, now_is.currency), 'amount'))
                    WITH ORDINALITY x (t, n));
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.supplement_due(uuid, text, uuid) IS
'Internal. What an invoice beside the first one has to say, in minor units: for an edit that made an order dearer, or changed its taxes, and for an order that was cancelled and is reopened. total NULL where none is due: the order has no invoice yet, or this cause has its own already.';

CREATE FUNCTION commerce.issue_document(the_order uuid, row_id uuid, at timestamptz, INOUT numbered jsonb, OUT issued boolean)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    item record;
    first boolean;
    o record;
    due record;
    prefix text;
    format text;
    next bigint;
    printed text;
    kind text;
    sign integer;
BEGIN
    issued := false;
    -- One by one: what is still in the queue is not counted as taken back yet.
    DELETE FROM commerce.invoice_queue q WHERE q.order_id = the_order AND q.id = row_id RETURNING q.* INTO item;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    kind := CASE WHEN item.cause IN ('paid', 'confirmed', 'requested') THEN 'invoice' ELSE 'credit_note' END;
    first := kind = 'invoice';
    IF NOT first THEN
        IF item.cause IN ('edit', 'reopen') THEN
            due := commerce.supplement_due(item.order_id, item.cause, item.cause_id);
            kind := CASE WHEN due.total IS NULL THEN kind ELSE 'invoice' END;
        END IF;
        IF kind = 'credit_note' THEN
            IF item.cause = 'reopen' THEN
                RETURN;
            END IF;
            due := commerce.credit_due(item.order_id, item.cause, item.cause_id);
            IF coalesce(due.total, 0) <= 0 THEN
                RETURN;
            END IF;
        END IF;
    END IF;
    -- In one statement, so that taxes and totals are of one version, and what waits in the queue about it is known; and so that
    -- the order whose first invoice is due is not cancelled in between, by whom the credit note would be taken for part of it.
    SELECT x.*, commerce.taxes_of(x.id) AS taxes, ARRAY(SELECT q.id FROM commerce.invoice_queue q WHERE q.order_id = x.id
            AND q.cause IN ('cancel', 'reopen', 'edit')) AS waiting, commerce.currency(x.total) AS currency, commerce.minor_units(x.total) - commerce.minor_units(x.tax)
            - commerce.minor_units(x.rounding) AS net, c.invoice_format, c.credit_note_format,
            extract(year FROM at AT TIME ZONE coalesce(c.time_zone, 'UTC'))::integer AS year
        INTO o FROM commerce.orders x LEFT JOIN commerce.channels c ON c.code = x.channel
        WHERE x.id = item.order_id AND (NOT first OR commerce.due_invoice(x.id, item.cause));
    IF NOT FOUND THEN
        RETURN;
    END IF;
    format := CASE kind WHEN 'invoice' THEN coalesce(o.invoice_format, '{year}-{number:5}')
        ELSE coalesce(o.credit_note_format, 'C-{year}-{number:5}') END;
    prefix := commerce.format_number(format, NULL, o.channel, o.year);
    IF NOT numbered ? prefix THEN
        INSERT INTO commerce.invoice_series AS s (series) VALUES (prefix)
            ON CONFLICT (series) DO UPDATE SET last_number = s.last_number RETURNING s.last_number INTO next;
        numbered := numbered || jsonb_build_object(prefix, next);
    END IF;
    next := (numbered ->> prefix)::bigint + 1;
    numbered := numbered || jsonb_build_object(prefix, next);
    printed := commerce.format_number(format, next, o.channel, o.year);
    IF first THEN
        INSERT INTO commerce.invoices (series, number, invoice_number, kind, order_id, cause, cause_id, issued_at, net, tax,
                rounding, total, taxes, tax_treatment, order_version)
            VALUES (prefix, next, printed, kind, o.id, item.cause, o.id, at, commerce.from_minor(o.net, o.currency), o.tax,
                o.rounding, o.total, o.taxes, o.tax_treatment, o.version);
        -- What became of the order until now is part of its first invoice.
        DELETE FROM commerce.invoice_queue q WHERE q.id = ANY (o.waiting);
        -- What was given back before there was an invoice.
        INSERT INTO commerce.invoice_queue (order_id, cause, cause_id)
            SELECT o.id, g.cause, g.id
            FROM (SELECT e.id, 'refund', e.happened_at FROM commerce.payment_entries e WHERE e.order_id = o.id AND e.kind = 'refund'
                UNION ALL SELECT r.id, 'return', r.created_at FROM commerce.returns r
                WHERE r.order_id = o.id AND r.state IN ('received', 'closed')) g (id, cause, at)
            WHERE NOT EXISTS (SELECT FROM commerce.invoice_queue q WHERE q.order_id = o.id AND q.cause_id = g.id)
            ORDER BY g.at;
    ELSE
        sign := CASE kind WHEN 'invoice' THEN 1 ELSE -1 END;
        INSERT INTO commerce.invoices (series, number, invoice_number, kind, order_id, cause, cause_id, issued_at, net, tax,
                rounding, total, taxes, tax_treatment, order_version)
            VALUES (prefix, next, printed, kind, o.id, item.cause,
                -- An order may be cancelled, reopened and cancelled again.
                CASE WHEN item.cause = 'cancel' AND EXISTS (SELECT FROM commerce.invoices i WHERE i.order_id = o.id
                    AND i.kind = 'credit_note' AND i.cause_id = item.cause_id) THEN commerce.uuidv7() ELSE item.cause_id END, at,
                commerce.from_minor(sign * (due.total - due.tax - due.rounding), o.currency),
                commerce.from_minor(sign * due.tax, o.currency), commerce.from_minor(sign * due.rounding, o.currency),
                commerce.from_minor(sign * due.total, o.currency), due.taxes, o.tax_treatment, o.version);
    END IF;
    INSERT INTO commerce.outbox (aggregate, topic, payload)
        SELECT i.order_id::text, kind || '.issued', jsonb_build_object('order_id', i.order_id, 'invoice_number', i.invoice_number,
            'total', i.total::jsonb)
        FROM commerce.invoices i WHERE i.invoice_number = printed;
    issued := true;
END
$$;
COMMENT ON FUNCTION commerce.issue_document(uuid, uuid, timestamptz, jsonb) IS
'Internal. Takes one row out of the queue and writes the document that is due by it, if any (issued). numbered: the last number of each series of which this batch has given some.';

CREATE FUNCTION commerce.put_off_invoice("order" uuid, row_id uuid, code text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before text := (SELECT q.last_error FROM commerce.invoice_queue q WHERE q.order_id = "order" AND q.id = row_id);
BEGIN
    UPDATE commerce.invoice_queue q SET attempts = q.attempts + 1, last_error = code,
            next_at = clock_timestamp() + least(interval '1 minute' * 2 ^ least(q.attempts, 12), interval '6 hours')
        WHERE q.order_id = "order" AND q.id = row_id;
    IF before IS DISTINCT FROM code THEN
        -- What went wrong may name people: its code does not.
        RAISE WARNING 'no document could be issued for order %: SQLSTATE %', "order", code
            USING HINT = 'It is tried again later, and the others go on: SELECT * FROM commerce.invoice_status.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.put_off_invoice(uuid, uuid, text) IS
'Internal. Has a row of the queue that failed wait: a minute, then twice as long each time, six hours at most. Says so where it did not fail this way before.';

CREATE FUNCTION commerce.number_invoices(batch integer, OUT items bigint, OUT documents bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    wave pg_snapshot;
    seen pg_snapshot;
    picked jsonb;
    more jsonb;
    item record;
    one record;
    issued timestamptz;
    last jsonb := '{}';
    broken boolean := false;
    put_off uuid[] := '{}';
BEGIN
    -- Until commit, so that nobody gets a number after one that may yet be taken back.
    PERFORM pg_advisory_xact_lock(hashtextextended('commerce.invoices', 0));
    issued := clock_timestamp();
    documents := 0;
    -- What a batch before this one saw and had no room for goes before what has become visible since. An order of which a row
    -- failed waits with all of its rows, since each is judged by those before it.
    SELECT w.snapshot INTO wave FROM commerce.invoice_wave w;
    picked := (SELECT coalesce(jsonb_agg(n ORDER BY n.id), '[]') FROM (SELECT q.order_id, q.id FROM commerce.invoice_queue q
        WHERE pg_visible_in_snapshot(q.written_in, wave)
            AND NOT EXISTS (SELECT FROM commerce.invoice_queue f WHERE f.order_id = q.order_id AND f.next_at > issued) ORDER BY q.id LIMIT batch) n);
    IF jsonb_array_length(picked) < batch THEN
        SELECT coalesce(jsonb_agg(n ORDER BY n.id), '[]'), pg_current_snapshot() INTO more, seen
            FROM (SELECT q.order_id, q.id FROM commerce.invoice_queue q WHERE pg_visible_in_snapshot(q.written_in, wave) IS NOT TRUE
                AND NOT EXISTS (SELECT FROM commerce.invoice_queue f WHERE f.order_id = q.order_id AND f.next_at > issued)
                ORDER BY q.id LIMIT batch - jsonb_array_length(picked)) n;
        picked := picked || more;
        UPDATE commerce.invoice_wave w SET snapshot = CASE WHEN jsonb_array_length(picked) = batch THEN seen END
            WHERE w.snapshot IS NOT NULL OR jsonb_array_length(picked) = batch;
    END IF;
    items := jsonb_array_length(picked);
    -- All at once; where that fails, once more and one by one, so that what fails stops nobody else.
    BEGIN
        FOR item IN SELECT p.order_id, p.id FROM jsonb_to_recordset(picked) p (order_id uuid, id uuid) LOOP
            one := commerce.issue_document(item.order_id, item.id, issued, last);
            last := one.numbered;
            documents := documents + one.issued::integer;
        END LOOP;
    EXCEPTION WHEN OTHERS THEN
        IF commerce.is_nobodys_fault(SQLSTATE) THEN
            RAISE;
        END IF;
        broken := true;
    END;
    IF broken THEN
        last := '{}';
        documents := 0;
        FOR item IN SELECT p.order_id, p.id FROM jsonb_to_recordset(picked) p (order_id uuid, id uuid) LOOP
            CONTINUE WHEN item.order_id = ANY (put_off);
            BEGIN
                one := commerce.issue_document(item.order_id, item.id, issued, last);
                last := one.numbered;
                documents := documents + one.issued::integer;
            EXCEPTION WHEN OTHERS THEN
                IF commerce.is_nobodys_fault(SQLSTATE) THEN
                    RAISE;
                END IF;
                put_off := put_off || item.order_id;
                PERFORM commerce.put_off_invoice(item.order_id, item.id, SQLSTATE);
            END;
        END LOOP;
    END IF;
    UPDATE commerce.invoice_series s SET last_number = l.value::bigint FROM jsonb_each_text(last) l
        WHERE s.series = l.key AND s.last_number <> l.value::bigint;
END
$$;
COMMENT ON FUNCTION commerce.number_invoices(integer) IS
'Internal. issue_invoices() for so many rows of the queue, and the background worker''s; returns how many there were and how many documents came of them.';

CREATE FUNCTION commerce.is_nobodys_fault(code text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN code ~ '^(25|40|53|57|58)' OR code IN ('55P03', 'CM099');
COMMENT ON FUNCTION commerce.is_nobodys_fault(text) IS
'Internal. Whether an error, by its SQLSTATE, is about the transaction or the server and not about the row that happened to meet it: serialization, locks, memory, disk, shutdown.';

CREATE FUNCTION commerce.issue_invoices(batch integer DEFAULT 1000, again boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
BEGIN
    PERFORM commerce.require_shop();
    IF batch IS NULL OR batch < 1 THEN
        RAISE EXCEPTION 'batch must be at least 1' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF again THEN
        -- Here, too, one at a time.
        PERFORM pg_advisory_xact_lock(hashtextextended('commerce.invoices', 0));
        UPDATE commerce.invoice_queue q SET next_at = now() WHERE q.next_at > now();
    END IF;
    LOOP
        part := commerce.number_invoices(batch);
        -- Nothing came of these; there may be more behind them.
        EXIT WHEN part.documents > 0 OR part.items < batch;
    END LOOP;
    RETURN part.documents;
END
$$;
COMMENT ON FUNCTION commerce.issue_invoices(integer, boolean) IS
'Issues the invoices and credit notes that are due, at most batch (1000) of them, and returns how many; 0: none is left. The background worker does so by itself. What cannot be issued is left in the queue with the code of its error, which a warning says once, and tried again later, or at once where again is true; the documents of all other orders are issued: commerce.invoice_status lists what failed. One at a time: a second call waits until the first has committed or rolled back, so commit soon; no other call of the shop waits. In REPEATABLE READ and SERIALIZABLE it may be 40001: try again. 22023 for a batch below 1. Example: SELECT commerce.issue_invoices(again => true).';
GRANT EXECUTE ON FUNCTION commerce.issue_invoices(integer, boolean) TO commerce_app;

CREATE FUNCTION commerce.invoice_chore() RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('commerce.invoices', 0)) THEN
        RETURN clock_timestamp() + interval '1 second';
    END IF;
    RETURN CASE WHEN (commerce.number_invoices(200)).items >= 200 THEN '-infinity'::timestamptz
        ELSE (SELECT min(q.next_at) FROM commerce.invoice_queue q WHERE q.next_at IS NOT NULL) END;
END
$$;
COMMENT ON FUNCTION commerce.invoice_chore() IS
'Internal. One batch of the background worker; returns when to come again: at once, a second later where somebody else is issuing, when the next that failed is tried again, NULL for when there is cause.';

CREATE FUNCTION commerce.queue_invoices(during tstzrange DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    result bigint;
BEGIN
    PERFORM commerce.require_shop();
    INSERT INTO commerce.invoice_queue (order_id, cause, cause_id)
        SELECT o.id, c.invoice_on, o.id FROM commerce.orders o JOIN commerce.channels c ON c.code = o.channel
        WHERE c.invoice_on <> 'never' AND (during IS NULL OR o.placed_at <@ during)
            AND (c.invoice_on <> 'confirmed' OR o.state IN ('confirmed', 'completed') OR EXISTS (SELECT FROM commerce.state_history h
                WHERE h.subject = o.id::text AND h.relation = 'commerce.orders' AND h.to_state IN ('confirmed', 'completed')))
            AND commerce.due_invoice(o.id, c.invoice_on)
            AND NOT EXISTS (SELECT FROM commerce.invoice_queue q WHERE q.order_id = o.id AND q.cause = c.invoice_on)
        ORDER BY o.placed_at, o.id;
    GET DIAGNOSTICS result = ROW_COUNT;
    PERFORM commerce.chores_due(clock_timestamp());
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.queue_invoices(tstzrange) IS
'Has invoices issued for the orders placed in a time (NULL: ever) that should have one by the invoice_on their channel has now and have none; returns how many. For what was sold before the setting was changed, or came by a way that fires no triggers: SELECT commerce.queue_invoices(''[2026-01-01, infinity)'').';
GRANT EXECUTE ON FUNCTION commerce.queue_invoices(tstzrange) TO commerce_admin;

CREATE FUNCTION commerce.request_invoice("order" uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    IF NOT EXISTS (SELECT FROM commerce.orders o WHERE o.id = "order") THEN
        RAISE EXCEPTION 'there is no order %', coalesce("order"::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO commerce.invoice_queue (order_id, cause, cause_id)
        SELECT "order", 'requested', "order" WHERE commerce.due_invoice("order", 'requested');
    PERFORM commerce.chores_due(clock_timestamp());
END
$$;
COMMENT ON FUNCTION commerce.request_invoice(uuid) IS
'Has the invoice of an order issued whatever invoice_on says, as for a bill to be paid later; nothing happens where it has one or is cancelled. P0002 for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.request_invoice(uuid) TO commerce_app;

CREATE FUNCTION commerce.request_credit_note(payment uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_order uuid;
BEGIN
    PERFORM commerce.require_shop();
    SELECT p.order_id INTO the_order FROM commerce.payments p WHERE p.id = payment;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no payment %', coalesce(payment::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM commerce.lock_order(the_order);
    IF NOT EXISTS (SELECT FROM commerce.payments p WHERE p.order_id = the_order AND p.id = payment AND commerce.minor_units(p.charged_back) > 0) THEN
        RAISE EXCEPTION 'nothing of the payment is charged back' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = jsonb_build_object('payment', payment), HINT = 'Refunds, returns and edits get their credit notes by themselves.';
    END IF;
    INSERT INTO commerce.invoice_queue (order_id, cause, cause_id)
        SELECT e.order_id, 'chargeback', e.id FROM commerce.payment_entries e
        WHERE e.order_id = the_order AND e.payment_id = payment AND e.kind = 'chargeback'
            AND NOT EXISTS (SELECT FROM commerce.invoice_queue q WHERE q.order_id = the_order AND q.cause_id = e.id)
        ORDER BY e.id;
    PERFORM commerce.chores_due(clock_timestamp());
END
$$;
COMMENT ON FUNCTION commerce.request_credit_note(uuid) IS
'Has a credit note issued for what the payer''s bank took back of a payment. A chargeback alone issues none: it is a dispute about a payment, and the customer still owes what the invoice says; this is for when the shop has lost it and asks no more. Called again nothing happens; nothing either where the order has no invoice. 22023 where nothing is charged back, P0002 for an unknown payment. Example: SELECT commerce.request_credit_note(payment).';
GRANT EXECUTE ON FUNCTION commerce.request_credit_note(uuid) TO commerce_app;
