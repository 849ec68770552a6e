CREATE FUNCTION commerce.inactive_customers(since timestamptz, batch bigint) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    seen text := (SELECT coalesce(string_agg(format('AND NOT EXISTS (SELECT FROM %s s WHERE s.%I = c.id AND s.%I >= $1)', e."table", e."column", e.seen_column),
            ' ' ORDER BY e."table"::text COLLATE "C"), '')
        FROM commerce.erasure_tables e WHERE e.seen_column IS NOT NULL
            AND (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = e."table" AND NOT a.attisdropped AND a.attname IN (e."column", e.seen_column)) = 2);
BEGIN
    RETURN QUERY EXECUTE 'SELECT c.id FROM commerce.customers c WHERE c.erased_at IS NULL AND c.created_at < $1
        AND NOT EXISTS (SELECT FROM commerce.orders o WHERE o.customer_id = c.id
            AND (o.created_at >= $1 OR o.state NOT IN (''completed'', ''cancelled'', ''expired'', ''archived'')))
        AND NOT EXISTS (SELECT FROM commerce.carts k WHERE k.customer_id = c.id AND k.changed_at >= $1)
        AND NOT EXISTS (SELECT FROM commerce.consents x WHERE x.customer_id = c.id AND x.at >= $1)
        AND NOT EXISTS (SELECT FROM commerce.balance_status b WHERE b.customer_id = c.id AND commerce.minor_units(b."left") > 0)
        AND NOT EXISTS (SELECT FROM commerce.credit_lines l WHERE l.customer_id = c.id) '
        || seen || ' LIMIT $2' USING since, batch;
END
$$;
COMMENT ON FUNCTION commerce.inactive_customers(timestamptz, bigint) IS
'Internal. Customers, at most batch of them, of whom there is no order, cart, consent or login since then, who have no order under way and no money in the shop nor a credit line.';

CREATE FUNCTION commerce.retention_due() RETURNS TABLE ("table" regclass, "column" name, field text, retention interval,
        due bigint, oldest timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    r record;
BEGIN
    PERFORM commerce.require_shop();
    FOR r IN SELECT c.*, f.retention FROM commerce.registered_columns() c JOIN commerce.sensitive_fields f ON f.field = c.field
            WHERE f.retention IS NOT NULL AND c.age_column IS NOT NULL LOOP
        "table" := r."table";
        "column" := r."column";
        field := r.field;
        retention := r.retention;
        EXECUTE format('SELECT count(*), min(t.%I) FROM %s t WHERE t.%I < now() - $1 AND t.%I IS NOT NULL',
            r.age_column, r."table", r.age_column, r."column") INTO due, oldest USING r.retention;
        RETURN NEXT;
    END LOOP;
    SELECT s.customer_retention INTO retention FROM commerce.shop s;
    IF retention IS NOT NULL THEN
        "table" := 'commerce.customers';
        "column" := NULL;
        field := NULL;
        SELECT count(*), min(c.created_at) INTO due, oldest
            FROM commerce.inactive_customers(now() - retention, 9223372036854775807) i (id) JOIN commerce.customers c ON c.id = i.id;
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.retention_due() IS
'What sweep_retention() would empty or erase now, a row for each registered column with a retention and an age, and one without a column for customers who have not been seen for shop.customer_retention: how many, and how old the oldest is. Reads the tables. SELECT * FROM commerce.retention_status.';
GRANT EXECUTE ON FUNCTION commerce.retention_due() TO commerce_reader;

CREATE FUNCTION commerce.sweep_retention(batch bigint DEFAULT 1000) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    r record;
    swept bigint := 0;
    here bigint;
    inactive interval;
BEGIN
    PERFORM commerce.require_shop();
    inactive := (SELECT s.customer_retention FROM commerce.shop s);
    IF batch <= 0 THEN
        RAISE EXCEPTION 'batch must be greater than zero' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM commerce.rotate_old_data_keys();
    FOR r IN SELECT c.*, f.retention FROM commerce.registered_columns() c JOIN commerce.sensitive_fields f ON f.field = c.field
            WHERE f.retention IS NOT NULL AND c.age_column IS NOT NULL LOOP
        EXIT WHEN swept >= batch;
        -- What one table does not allow is no reason to keep what is in the others.
        BEGIN
            -- Rows of several partitions may have one place: that the row is due is asked of each again.
            EXECUTE format('UPDATE %1$s t SET %2$s WHERE t.ctid = ANY (ARRAY(SELECT x.ctid FROM %1$s x
                    WHERE x.%3$I < now() - $1 AND x.%4$I IS NOT NULL LIMIT $2 FOR UPDATE SKIP LOCKED)) AND t.%3$I < now() - $1 AND t.%4$I IS NOT NULL',
                r."table", concat_ws(', ', format('%I = NULL', r."column"), quote_ident(r.blind_column) || ' = NULL'), r.age_column, r."column")
                USING r.retention, batch - swept;
            GET DIAGNOSTICS here = ROW_COUNT;
            swept := swept + here;
        EXCEPTION WHEN OTHERS THEN
            IF SQLSTATE ~ '^(40|53|57|58|XX)' THEN
                RAISE;
            END IF;
            RAISE WARNING 'column "%" of table % is not swept: %', r."column", r."table", SQLERRM;
        END;
    END LOOP;
    -- Calls of providers that were under way are over by now, and clerks have written to what they had open: looked at once more.
    IF swept < batch THEN
        PERFORM commerce.erase(c.id) FROM commerce.customers c WHERE c.erased_at > now() - interval '2 days';
        PERFORM commerce.erase_guest_of(g.order_id) FROM commerce.guests g WHERE g.erased_at > now() - interval '2 days';
    END IF;
    IF inactive IS NOT NULL AND swept < batch THEN
        FOR r IN SELECT c.id FROM commerce.customers c
                WHERE c.id IN (SELECT i FROM commerce.inactive_customers(now() - inactive, least(batch - swept, 100)) i)
                ORDER BY c.id FOR UPDATE SKIP LOCKED LOOP
            PERFORM commerce.erase(r.id);
            swept := swept + 1;
        END LOOP;
    END IF;
    RETURN swept;
END
$$;
COMMENT ON FUNCTION commerce.sweep_retention(bigint) IS
'Empties values of registered columns that are older than their field''s retention, with their blind values, and erases customers who have not been seen for shop.customer_retention (no order, cart, consent or login; none with an order under way or money in the shop, or a credit line); at most batch in all, and at most 100 customers, skipping rows that somebody has locked. Returns how many. Begins to rotate data keys that are older than shop.data_key_age (rotate_data_keys), where there are any. A column whose table does not allow it is told by a WARNING, and the others are swept. Done every day by the background worker where there is one. An index on the age column helps. 22023 for a batch that is not positive. Example: SELECT commerce.sweep_retention().';
GRANT EXECUTE ON FUNCTION commerce.sweep_retention(bigint) TO commerce_admin;

CREATE FUNCTION commerce.retention_chore() RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN commerce.sweep_retention(1000) >= 100 THEN '-infinity' ELSE now() + interval '1 day' END;
END
$$;
COMMENT ON FUNCTION commerce.retention_chore() IS
'Internal. One batch of the background worker; returns when to come again: at once where there may be more, otherwise a day later.';
