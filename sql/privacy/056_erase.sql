CREATE FUNCTION commerce.erase_keys(subject uuid) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_erase_keys';
COMMENT ON FUNCTION commerce.erase_keys(uuid) IS
'Internal. Deletes all data keys of a subject and returns how many there were; the subject''s customer must be locked FOR UPDATE. 40001 under REPEATABLE READ where one was made since the snapshot.';

CREATE FUNCTION commerce.refuse_unseen(customer uuid) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_refuse_unseen';
COMMENT ON FUNCTION commerce.refuse_unseen(uuid) IS
'Internal. 40001 where orders, carts, quotes or money of a customer have come or gone since the snapshot of this transaction, which would not be erased; the customer must be locked FOR UPDATE.';

CREATE FUNCTION commerce.erase_values(subject uuid) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    r record;
    rows_changed bigint;
    total bigint := 0;
BEGIN
    -- First what goes as a whole, and so may hold what cannot be emptied.
    FOR r IN SELECT e."table", e."column" FROM commerce.erasure_tables e
            JOIN pg_attribute a ON a.attrelid = e."table" AND a.attname = e."column" AND NOT a.attisdropped
            ORDER BY e."table"::text COLLATE "C", e."column" LOOP
        EXECUTE format('DELETE FROM %s t WHERE t.%I = $1', r."table", r."column") USING subject;
        GET DIAGNOSTICS rows_changed = ROW_COUNT;
        total := total + rows_changed;
    END LOOP;
    -- One UPDATE a table: a value and its blind value may have to go together.
    FOR r IN SELECT c."table", c.condition, string_agg(format('%I = NULL', x.name), ', ') AS emptied,
                string_agg(format('t.%I IS NOT NULL', x.name), ' OR ') AS filled
            FROM commerce.registered_columns() c CROSS JOIN unnest(ARRAY[c."column", c.blind_column]) x (name)
            WHERE x.name IS NOT NULL GROUP BY c."table", c.condition ORDER BY c."table"::text COLLATE "C", c.condition COLLATE "C" LOOP
        EXECUTE format('UPDATE %s t SET %s WHERE (%s) AND (%s)', r."table", r.emptied, r.condition, r.filled) USING subject;
        GET DIAGNOSTICS rows_changed = ROW_COUNT;
        total := total + rows_changed;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION commerce.erase_values(uuid) IS
'Internal. Deletes the rows of a subject that commerce.erasure_tables names, and empties the registered columns with their blind values; returns how many rows that were. 42501 where a table''s row security would hide some.';

CREATE FUNCTION commerce.erase(customer uuid) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    c record;
    first_time boolean;
    keys bigint;
    changed bigint;
    words bigint;
    address text;
    orders uuid[];
    former uuid;
BEGIN
    -- Carts and quotes first: who buys one has locked it when the customer is.
    PERFORM FROM commerce.carts x WHERE x.customer_id = customer AND x.state IN ('open', 'expired') ORDER BY x.id FOR NO KEY UPDATE;
    PERFORM FROM commerce.quotes x WHERE x.customer_id = customer ORDER BY x.id FOR NO KEY UPDATE;
    SELECT x.erased_at, x.email_blind INTO c FROM commerce.customers x WHERE x.id = customer FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no customer %', customer USING ERRCODE = 'no_data_found';
    END IF;
    first_time := c.erased_at IS NULL;
    address := encode(c.email_blind, 'hex');
    -- Whoever makes something for the customer locks him, too, and whoever does something to an order locks that.
    PERFORM commerce.refuse_unseen(customer);
    PERFORM FROM commerce.orders o WHERE o.customer_id = customer ORDER BY o.id FOR NO KEY UPDATE;
    orders := ARRAY(SELECT o.id FROM commerce.orders o WHERE o.customer_id = customer);
    keys := commerce.erase_keys(customer);
    -- Of the time when his carts and quotes were a guest's, too: backups hold what was sealed for those.
    FOR former IN SELECT DISTINCT k.subject FROM commerce.data_keys k WHERE k.subject = ANY (commerce.carts_of(customer, '{}')
            || ARRAY(SELECT q.id FROM commerce.quotes q WHERE q.customer_id = customer)) LOOP
        keys := keys + commerce.erase_keys(former);
    END LOOP;
    changed := commerce.erase_values(customer);
    UPDATE commerce.customers x SET password_hash = NULL, attributes = '{}', customer_group = NULL, vat_country = NULL,
            login_version = x.login_version + 1,
            erased_at = coalesce(x.erased_at, now())
        WHERE x.id = customer AND (x.erased_at IS NULL OR x.password_hash IS NOT NULL OR x.attributes <> '{}')
        RETURNING x.erased_at INTO c.erased_at;
    words := commerce.erase_words(customer::text, customer, orders);
    -- What was claimed stays claimed, under a name that says nothing.
    UPDATE commerce.claims k SET key = 'erased:' || customer
        WHERE k.order_id = ANY (orders) AND k.key NOT LIKE 'erased:%'
            AND (k.key = address OR EXISTS (SELECT FROM commerce.budgets b WHERE b.id = k.budget AND b.per = 'email'));
    SELECT x.erased_at INTO c.erased_at FROM commerce.customers x WHERE x.id = customer;
    IF first_time THEN
        PERFORM commerce.write_audit('erase', 'commerce.customers', customer::text, jsonb_build_object('keys', keys, 'rows', changed, 'words', words));
        INSERT INTO commerce.outbox (aggregate, topic, payload)
            VALUES (customer::text, 'customer.erased', jsonb_build_object('id', customer, 'erased_at', c.erased_at));
    END IF;
    RETURN jsonb_build_object('id', customer, 'erased_at', c.erased_at, 'keys', keys, 'rows', changed, 'words', words,
        'kept', jsonb_build_object(
            'orders', cardinality(orders),
            'invoices', (SELECT count(*) FROM commerce.invoices i WHERE i.order_id = ANY (orders)),
            'consents', (SELECT count(*) FROM commerce.consents x WHERE x.customer_id = customer),
            'store_credit', (SELECT coalesce(jsonb_agg(s."left"::jsonb ORDER BY commerce.currency(s."left")), '[]')
                FROM commerce.balance_status s WHERE s.customer_id = customer AND s.kind <> 'credit_line' AND commerce.minor_units(s."left") > 0)));
END
$$;
COMMENT ON FUNCTION commerce.erase(uuid) IS 'Internal. Does what erase_customer() says.';

CREATE FUNCTION commerce.erase_customer(customer uuid) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    IF customer IS NULL THEN
        RAISE EXCEPTION 'there is no customer null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    RETURN commerce.erase(customer);
END
$$;
COMMENT ON FUNCTION commerce.erase_customer(uuid) IS
'Forgets a customer for good: deletes the data keys, so that nothing sealed for the customer opens any more, in any table, replica or session; empties the sealed and blind columns of the customer and of all that is registered (register_sensitive_field), password, attributes, group and VAT country; deletes what commerce.erasure_tables names, as logins; takes the e-mail address out of claims, which still count; and takes away what people wrote about the customer and what was bought: reasons, notes, messages, tracking, details of events, calls of providers that are over, also in the outbox, and in the audit log, which stays verifiable. The row stays with its id and erased_at, and no key is made for it again: seal() and checkout() for it are CM042 and P0002. Kept is what the law asks for, which names nobody: orders with amounts, titles, country, region and postal code, invoices, payments with their references, and consents with their history; totals and reports stay as they are. Returns {"id", "erased_at", "keys", "rows", "words", "kept": {"orders", "invoices", "consents", "store_credit"}}: keys, rows of values and rows of words count what went, store_credit is what is left to spend. Once for all: called again it erases what has come since and tells nobody. The event customer.erased tells the outside world. Waits for checkouts of the customer that are under way, and they for it. Backups hold the keys until their key file''s epoch is destroyed. P0002 unknown customer, 42501 where a registered table is not permitted or hides rows, 40001 under REPEATABLE READ where something of the customer has changed since the snapshot. Example: SELECT commerce.erase_customer(customer).';
GRANT EXECUTE ON FUNCTION commerce.erase_customer(uuid) TO commerce_admin;
