-- What people wrote about somebody in their own words, and what becomes of it when he is forgotten.
CREATE FUNCTION commerce.without_words(document jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE jsonb_typeof(document)
        WHEN 'object' THEN (SELECT coalesce(jsonb_object_agg(e.key, CASE
                WHEN jsonb_typeof(e.value) = 'null' THEN e.value
                WHEN e.key IN ('reason', 'note', 'message', 'tracking', 'carrier', 'url') THEN '"erased"'
                ELSE commerce.without_words(e.value) END), '{}')
            FROM jsonb_each(document) e)
        WHEN 'array' THEN (SELECT coalesce(jsonb_agg(commerce.without_words(x.value) ORDER BY x.n), '[]')
            FROM jsonb_array_elements(document) WITH ORDINALITY x (value, n))
        ELSE document END;
END
$$;
COMMENT ON FUNCTION commerce.without_words(jsonb) IS
'Internal. A document with "erased" in place of what people wrote: reason, note, message, and how a parcel is followed.';

CREATE FUNCTION commerce.event_without_words(topic text, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The lines of a return are told as they were given, with whatever somebody has put beside these two.
    RETURN CASE topic WHEN 'return.requested' THEN payload || jsonb_build_object('lines', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(
            jsonb_build_object('line', l.value -> 'line', 'quantity', l.value -> 'quantity')) ORDER BY l.n), '[]')
        FROM jsonb_array_elements(payload -> 'lines') WITH ORDINALITY l (value, n)))
        ELSE commerce.without_words(payload) END;
END
$$;
COMMENT ON FUNCTION commerce.event_without_words(text, jsonb) IS 'Internal. The payload of an event without what people wrote.';

CREATE FUNCTION commerce.only_forgets(was jsonb, becomes jsonb, words text[]) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN was - words = becomes - words AND NOT EXISTS (SELECT FROM unnest(words) w
        WHERE becomes -> w IS DISTINCT FROM was -> w AND becomes -> w NOT IN ('null', '{}', '"erased"'));
COMMENT ON FUNCTION commerce.only_forgets(jsonb, jsonb, text[]) IS
'Internal. Whether a row, as JSON, loses nothing but words: of these columns alone, to NULL, {} or erased. What is never changed may lose those.';

CREATE FUNCTION commerce.redact_audit(about text, subjects text[]) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entries uuid[];
    redacted bigint := 0;
BEGIN
    LOOP
        -- Few at a time: each UPDATE looks itself up in the entry that announces it.
        entries := ARRAY(SELECT a.id FROM commerce.audit_log a WHERE a.subject = ANY (subjects) AND a.relation IS NULL AND a.detail IS NOT NULL
            ORDER BY a.id LIMIT 100);
        EXIT WHEN cardinality(entries) = 0;
        PERFORM commerce.write_audit('redact', 'commerce.audit_log', about, jsonb_build_object('entries', to_jsonb(entries)));
        UPDATE commerce.audit_log a SET detail = NULL, salt = commerce.audit_erased(a.detail, a.salt)
            WHERE a.subject = ANY (subjects) AND a.id = ANY (entries);
        redacted := redacted + cardinality(entries);
    END LOOP;
    RETURN redacted;
END
$$;
COMMENT ON FUNCTION commerce.redact_audit(text, text[]) IS
'Internal. Takes away what people wrote in the entries of the audit log about these subjects, the purposes of reveals and the details of the application''s own entries; returns of how many. Of each its hash stays, so that the leaf is still that of the rest: who, what kind, whom, when. An entry of kind redact, about whom is erased, says which they were.';

CREATE FUNCTION commerce.carts_of(customer uuid, orders uuid[], carts uuid[] DEFAULT '{}') RETURNS uuid[]
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    RETURN ARRAY(WITH RECURSIVE c AS (
            SELECT x.id FROM commerce.carts x WHERE x.customer_id = customer OR x.order_id = ANY (orders) OR x.id = ANY (carts)
            UNION SELECT m.id FROM c JOIN commerce.carts m ON m.merged_into = c.id)
        SELECT c.id FROM c);
END
$$;
COMMENT ON FUNCTION commerce.carts_of(uuid, uuid[], uuid[]) IS
'Internal. The carts of a customer (NULL: none) and orders, and these, with those that were merged into them, which were a guest''s before he logged in.';

CREATE FUNCTION commerce.erase_words(about text, customer uuid, orders uuid[], unbought uuid[] DEFAULT '{}') RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
#variable_conflict use_variable
DECLARE
    carts uuid[] := commerce.carts_of(customer, orders, unbought);
    quotes uuid[] := ARRAY(SELECT q.id FROM commerce.quotes q WHERE q.customer_id = customer OR q.order_id = ANY (orders)
        OR q.id = ANY (unbought));
    balances uuid[] := ARRAY(SELECT b.id FROM commerce.balances b WHERE b.customer_id = customer);
    -- What is said of a parcel is said of whom it goes to.
    parts uuid[] := ARRAY(SELECT p.id FROM commerce.payments p WHERE p.order_id = ANY (orders)
        UNION ALL SELECT f.id FROM commerce.fulfilments f WHERE f.order_id = ANY (orders)
        UNION ALL SELECT r.id FROM commerce.returns r WHERE r.order_id = ANY (orders)
        UNION ALL SELECT e.id FROM commerce.order_edits e WHERE e.order_id = ANY (orders));
    subjects text[] := customer::text || (orders || carts || quotes || balances || parts)::text[];
    rows_changed bigint;
    total bigint := 0;
BEGIN
    UPDATE commerce.order_discounts d SET reason = 'erased' WHERE d.order_id = ANY (orders) AND d.reason <> 'erased';
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.order_edits e SET reason = CASE WHEN e.reason IS NOT NULL THEN 'erased' END, changes = commerce.without_words(e.changes)
        WHERE e.order_id = ANY (orders) AND (e.reason <> 'erased' OR commerce.without_words(e.changes) <> e.changes);
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.order_versions v SET reason = CASE WHEN v.reason IS NOT NULL THEN 'erased' END, document = commerce.without_words(v.document)
        WHERE v.order_id = ANY (orders) AND (v.reason <> 'erased' OR commerce.without_words(v.document) <> v.document);
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.order_holds h SET reason = 'erased' WHERE h.order_id = ANY (orders) AND h.reason <> 'erased';
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.returns r SET reason = 'erased' WHERE r.order_id = ANY (orders) AND r.reason <> 'erased';
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.return_receptions r SET note = 'erased' WHERE r.order_id = ANY (orders) AND r.note <> 'erased';
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    -- A carrier's page shows where the parcel went.
    UPDATE commerce.fulfilments f SET tracking = NULL, carrier = NULL, tracking_url = NULL
        WHERE f.order_id = ANY (orders) AND num_nonnulls(f.tracking, f.carrier, f.tracking_url) > 0;
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    total := total + commerce.forget_calls(orders || carts || quotes);
    UPDATE commerce.provider_payments p SET action_url = NULL WHERE p.order_id = ANY (orders) AND p.action_url IS NOT NULL;
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.carts c SET ship_to = NULL, options = NULL, attributes = '{}'
        WHERE c.id = ANY (carts) AND (c.ship_to IS NOT NULL OR c.attributes <> '{}' OR c.options IS NOT NULL);
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.quotes q SET ship_to = NULL, options = NULL, reason = CASE WHEN q.reason IS NOT NULL THEN 'erased' END
        WHERE q.id = ANY (quotes) AND (q.ship_to IS NOT NULL OR q.options IS NOT NULL OR q.reason <> 'erased');
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.quote_versions v SET message = 'erased' WHERE v.quote_id = ANY (quotes) AND v.message <> 'erased';
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.balance_entries e SET reason = 'erased' WHERE e.balance_id = ANY (balances) AND e.reason <> 'erased';
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.store_credits s SET reason = 'erased' WHERE s.customer_id = customer AND s.reason <> 'erased';
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.state_history h SET detail = NULL WHERE h.subject = ANY (subjects) AND h.detail IS NOT NULL;
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    UPDATE commerce.outbox o SET payload = commerce.event_without_words(o.topic, o.payload)
        WHERE o.aggregate = ANY (subjects) AND commerce.event_without_words(o.topic, o.payload) <> o.payload;
    GET DIAGNOSTICS rows_changed = ROW_COUNT;
    total := total + rows_changed;
    RETURN total + commerce.redact_audit(about, subjects);
END
$$;
COMMENT ON FUNCTION commerce.erase_words(text, uuid, uuid[], uuid[]) IS
'Internal. Takes away what people wrote about a customer (NULL: none), orders, and carts and quotes that nobody bought, which are locked, and returns how many rows that were: reasons, notes and messages become erased; tracking, what machines were told, what was sent to providers and came back, as forget_calls() does, and the attributes and options of carts and quotes go; of the audit log as redact_audit() does. about: whom the log names.';
