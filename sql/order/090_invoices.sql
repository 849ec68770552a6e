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
            source := NEW.id;
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
                    AND (the_cause = 'reopen' OR TG_OP = 'INSERT' AND commerce.minor_units(o.total) = 0)
                -- What was given back, or up, may be paid again.
                UNION SELECT 'repaid' WHERE TG_TABLE_NAME = 'payment_entries' AND the_cause = 'paid'
                    AND EXISTS (SELECT FROM commerce.payment_entries e WHERE e.order_id = the_order AND e.kind IN ('refund', 'chargeback'))) cause
        WHERE o.id = the_order AND (c.invoice_on = cause.name OR cause.name IN ('refund', 'return', 'cancel', 'reopen', 'repaid')
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
            AND (cause <> 'paid' OR commerce.minor_units(o.total) - commerce.exchanged(o.id) <= coalesce((SELECT sum(commerce.minor_units(p.captured)
                    - CASE p.provider WHEN 'account' THEN commerce.minor_units(p.charged_back) ELSE 0 END)
                FROM commerce.payments p WHERE p.order_id = o.id), 0))
            AND NOT commerce.is_called_off(o.id)
            AND NOT EXISTS (SELECT FROM commerce.invoices i WHERE i.order_id = o.id AND i.kind = 'invoice'));
END
$$;
COMMENT ON FUNCTION commerce.due_invoice(uuid, text) IS
'Internal. Is an invoice to be issued for an order, for this cause? Not where it has one, is cancelled or expired, its channel does otherwise now, or paid means only a part.';

CREATE FUNCTION commerce.money_kept("order" uuid, before uuid) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A dispute takes no document back, but what it is about is not there until it is won, and pays for nothing else.
    RETURN (SELECT coalesce(sum(CASE WHEN e.kind IN ('capture', 'reversal') THEN 1 ELSE -1 END * commerce.minor_units(e.amount)), 0)
        FROM commerce.payment_entries e
        WHERE e.order_id = "order" AND e.kind IN ('capture', 'refund', 'chargeback', 'reversal') AND (before IS NULL OR e.id < before));
END
$$;
COMMENT ON FUNCTION commerce.money_kept(uuid, uuid) IS
'Internal. What was taken for an order and neither given back nor charged back, before a movement (NULL: until now), in minor units.';

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
    SELECT commerce.money_kept("order", credit_due.cause_id) AS money, commerce.money_kept("order", NULL) AS kept,
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
        -- Where only taxes differ, or what cash is rounded by, there is a document, too.
        SELECT commerce.minor_units(v.difference), commerce.minor_units(v.tax), commerce.minor_units(v.rounding), v.taxes
            INTO total, tax, rounding, taxes FROM commerce.order_versions v
            WHERE v.order_id = "order" AND v.id = supplement_due.cause_id AND v.version >= had.version
                AND (commerce.minor_units(v.difference) > 0 OR commerce.minor_units(v.difference) = 0 AND (commerce.minor_units(v.rounding) <> 0
                    OR EXISTS (SELECT FROM jsonb_array_elements(v.taxes) t WHERE commerce.minor_of(t -> 'amount') <> 0)));
        RETURN;
    END IF;
    -- What is wanted after all is billed again, as far as nothing else does: as it was before the edits that have their turn yet.
    -- So is what was credited and is paid again, or comes back of a dispute, as far as the shop has it.
    WITH later AS (
        SELECT v.difference, v.tax, v.rounding, v.taxes FROM commerce.order_versions v
        WHERE v.order_id = "order" AND v.version >= had.version
            AND v.id IN (SELECT q.cause_id FROM commerce.invoice_queue q WHERE q.order_id = "order" AND q.cause = 'edit')
    ), returned AS (
        SELECT coalesce(sum(commerce.minor_units(x.value)), 0)::bigint AS minor FROM commerce.return_receptions x WHERE x.order_id = "order"
    ), billed AS (
        -- Where nothing came back what is left to bill is known tax by tax.
        SELECT i.total, i.tax, i.rounding, i.taxes FROM commerce.invoices i, returned r WHERE supplement_due.cause = 'repaid' AND i.order_id = "order" AND r.minor = 0
    )
    SELECT commerce.minor_units(o.total) - l.total - r.minor - had.total AS missing, commerce.minor_units(o.total) - l.total - b.total AS total,
            commerce.minor_units(o.tax) - l.tax - b.tax AS tax, commerce.minor_units(o.rounding) - l.rounding - b.rounding AS rounding,
            commerce.currency(o.total) AS currency,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('name', x.name, 'rate', x.rate,
                    'base', commerce.from_minor(x.base, commerce.currency(o.total))::jsonb,
                    'amount', commerce.from_minor(x.minor, commerce.currency(o.total))::jsonb) ORDER BY x.rate, x.name)
                    FILTER (WHERE x.minor <> 0 OR x.base <> 0), '[]')
                FROM (SELECT t.name, t.rate, sum(t.minor)::bigint AS minor, sum(t.base)::bigint AS base
                    FROM (SELECT t ->> 'name' AS name, (t ->> 'rate')::numeric AS rate, commerce.minor_of(t -> 'amount') AS minor,
                                commerce.minor_of(t -> 'base') AS base
                            FROM jsonb_array_elements(commerce.taxes_of(o.id)) t
                        UNION ALL SELECT t ->> 'name', (t ->> 'rate')::numeric, -commerce.minor_of(t -> 'amount'), -commerce.minor_of(t -> 'base')
                            FROM (SELECT y.taxes FROM later y UNION ALL SELECT y.taxes FROM billed y) y, jsonb_array_elements(y.taxes) t) t
                    GROUP BY t.name, t.rate) x) AS taxes
        INTO now_is FROM commerce.orders o, returned r,
            LATERAL (SELECT coalesce(sum(commerce.minor_units(y.difference)), 0)::bigint AS total, coalesce(sum(commerce.minor_units(y.tax)), 0)::bigint AS tax,
                coalesce(sum(commerce.minor_units(y.rounding)), 0)::bigint AS rounding FROM later y) l,
            LATERAL (SELECT coalesce(sum(commerce.minor_units(y.total)), 0)::bigint AS total, coalesce(sum(commerce.minor_units(y.tax)), 0)::bigint AS tax,
                coalesce(sum(commerce.minor_units(y.rounding)), 0)::bigint AS rounding FROM billed y) b
        WHERE o.id = "order" AND NOT commerce.is_called_off(o.id);
    IF cause = 'repaid' AND now_is.missing > 0 THEN
        now_is.missing := least(now_is.missing, commerce.money_kept("order", NULL) - had.total);
    END IF;
    IF now_is.missing > 0 THEN
        total := now_is.missing;
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
'Internal. What an invoice beside the first one has to say, in minor units: for an edit that made an order dearer, or changed its taxes, for an order that was cancelled and is reopened, and for what was credited and is paid again or comes back of a chargeback. total NULL where none is due: the order has no invoice yet, or this cause has its own already.';
