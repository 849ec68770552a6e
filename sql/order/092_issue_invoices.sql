-- The writer's side of the queue: batches of it become numbered documents (090_invoices.sql says how they stay without gaps).
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
        IF item.cause IN ('edit', 'reopen', 'repaid') THEN
            due := commerce.supplement_due(item.order_id, item.cause, item.cause_id);
            kind := CASE WHEN due.total IS NULL THEN kind ELSE 'invoice' END;
        END IF;
        IF kind = 'credit_note' THEN
            IF item.cause IN ('reopen', 'repaid') THEN
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
    LANGUAGE sql STABLE PARALLEL SAFE
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
'Has a credit note issued for what the payer''s bank took back of a payment. A chargeback alone issues none: it is a dispute about a payment, and the customer still owes what the invoice says; this is for when the shop has lost it and asks no more. What comes back of it after all, or is paid again, is billed again. Called again nothing happens; nothing either where the order has no invoice. 22023 where nothing is charged back, P0002 for an unknown payment. Example: SELECT commerce.request_credit_note(payment).';
GRANT EXECUTE ON FUNCTION commerce.request_credit_note(uuid) TO commerce_app;
