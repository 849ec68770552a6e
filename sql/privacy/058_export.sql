CREATE FUNCTION commerce.invoices_of("order" uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('number', i.invoice_number, 'kind', i.kind, 'issued_at', i.issued_at,
            'net', i.net::jsonb, 'tax', i.tax::jsonb, 'total', i.total::jsonb) ORDER BY i.issued_at, i.number), '[]')
        FROM commerce.invoices i WHERE i.order_id = "order");
END
$$;
COMMENT ON FUNCTION commerce.invoices_of(uuid) IS 'Internal. The invoices of an order, as an export tells them.';

CREATE FUNCTION commerce.kept_fields() RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('field', f.field, 'purpose', f.purpose, 'legal_basis', f.legal_basis,
        'retention', f.retention) ORDER BY f.field), '[]') FROM commerce.sensitive_fields f);
END
$$;
COMMENT ON FUNCTION commerce.kept_fields() IS 'Internal. What is kept of people, as an export tells it.';

CREATE FUNCTION commerce.export_facts(customer uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = iso_8601
AS $$
BEGIN
    PERFORM commerce.require_shop();
    RETURN (SELECT jsonb_build_object(
        'customer', jsonb_build_object('id', c.id, 'customer_group', c.customer_group, 'tax_exempt', c.tax_exempt,
            'vat_country', c.vat_country, 'attributes', c.attributes, 'created_at', c.created_at, 'erased_at', c.erased_at),
        'consents', (SELECT coalesce(jsonb_agg(jsonb_build_object('purpose', x.purpose, 'given', x.given, 'source', x.source,
                'document', x.document, 'at', x.at) ORDER BY x.number), '[]') FROM commerce.consents x WHERE x.customer_id = c.id),
        'orders', (SELECT coalesce(jsonb_agg(commerce.order_summary(o.id) || jsonb_build_object('invoices', commerce.invoices_of(o.id)) ORDER BY o.placed_at, o.id), '[]')
            FROM commerce.orders o WHERE o.customer_id = c.id),
        'carts', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'state', k.state, 'ship_to', k.ship_to, 'attributes', k.attributes,
                'lines', commerce.cart_content(k.id), 'created_at', k.created_at, 'changed_at', k.changed_at) ORDER BY k.created_at, k.id), '[]')
            FROM commerce.carts k WHERE k.customer_id = c.id),
        'balances', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', b.balance, 'kind', b.kind, 'state', b.state, 'left', b."left"::jsonb,
                'expires_at', b.expires_at, 'entries', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', e.kind, 'amount', e.amount::jsonb,
                    'order_id', e.order_id, 'reason', e.reason, 'happened_at', e.happened_at) ORDER BY e.id), '[]')
                    FROM commerce.balance_entries e WHERE e.balance_id = b.balance)) ORDER BY b.balance), '[]')
            FROM commerce.balance_status b WHERE b.customer_id = c.id),
        'fields', commerce.kept_fields())
        FROM commerce.customers c WHERE c.id = customer);
END
$$;
COMMENT ON FUNCTION commerce.export_facts(uuid) IS
'What export_customer() tells of a customer that is not sealed; NULL for an unknown one. For commerce_pii_reader, who calls it through export_customer().';
GRANT EXECUTE ON FUNCTION commerce.export_facts(uuid) TO commerce_pii_reader;

CREATE FUNCTION commerce.export_values(customer uuid) RETURNS TABLE ("table" text, "row" jsonb, "column" name, field text, row_id uuid, value commerce.sealed)
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    r record;
BEGIN
    PERFORM commerce.require_shop();
    FOR r IN SELECT c.* FROM commerce.registered_columns() c LEFT JOIN commerce.sensitive_fields f ON f.field = c.field
            WHERE f.exported IS NOT FALSE LOOP
        RETURN QUERY EXECUTE format('SELECT %L::text, jsonb_build_object(%s), %L::name, %L::text, %s, t.%I FROM %s t WHERE (%s) AND t.%I IS NOT NULL',
                r."table", (SELECT coalesce(string_agg(format('%L, t.%I', k, k), ', '), '') FROM unnest(r.key_columns) k),
                r."column", r.field, CASE WHEN r.row_column IS NULL THEN 'NULL::uuid' ELSE format('t.%I', r.row_column) END, r."column", r."table", r.condition, r."column")
            USING customer;
    END LOOP;
END
$$;
COMMENT ON FUNCTION commerce.export_values(uuid) IS
'What is sealed for a customer in all registered columns, sealed as it is, with the primary key of its row and the row_id it is sealed for, but for fields that are not exported. For commerce_pii_reader, who opens it by export_customer().';
GRANT EXECUTE ON FUNCTION commerce.export_values(uuid) TO commerce_pii_reader;

CREATE FUNCTION commerce.export_value(value commerce.sealed, subject uuid, row_id uuid DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    opened text;
BEGIN
    opened := commerce.reveal(value, subject, 'export', row_id);
    RETURN CASE WHEN opened LIKE '{%' THEN opened::jsonb ELSE to_jsonb(opened) END;
EXCEPTION
    WHEN SQLSTATE 'CM040' THEN
        RETURN NULL;
    WHEN data_exception THEN
        RETURN to_jsonb(opened);
END
$$;
COMMENT ON FUNCTION commerce.export_value(commerce.sealed, uuid, uuid) IS
'Opens a value for export_customer(), an address as the document that it is; NULL where it does not open: one such value is no reason to tell nothing. With the rights of who calls, and with reveal()''s other errors.';
GRANT EXECUTE ON FUNCTION commerce.export_value(commerce.sealed, uuid, uuid) TO commerce_pii_reader;

CREATE FUNCTION commerce.export_customer(customer uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    facts jsonb := commerce.export_facts(customer);
BEGIN
    IF facts IS NULL THEN
        RETURN NULL;
    END IF;
    -- In one statement: what is opened must not be a parameter of another, where an extension that logs those would see it.
    RETURN (WITH opened AS MATERIALIZED (SELECT v."table", jsonb_build_object('table', v."table", 'row', v."row", 'column', v."column",
                'field', v.field, 'value', commerce.export_value(v.value, customer, v.row_id)) AS told,
                row_number() OVER (ORDER BY v."table" COLLATE "C", v."row", v."column") AS n
            FROM commerce.export_values(customer) v)
        SELECT facts || jsonb_build_object(
            'customer', facts -> 'customer' || (SELECT coalesce(jsonb_object_agg(x.told ->> 'column', x.told -> 'value'), '{}')
                FROM opened x WHERE x."table" = 'commerce.customers'),
            'orders', (SELECT coalesce(jsonb_agg(o.summary || coalesce(v.parts, '{}') ORDER BY o.n), '[]')
                FROM jsonb_array_elements(facts -> 'orders') WITH ORDINALITY o (summary, n)
                    LEFT JOIN (SELECT x.told -> 'row' ->> 'id' AS id, jsonb_object_agg(x.told ->> 'column', x.told -> 'value') AS parts
                        FROM opened x WHERE x."table" = 'commerce.orders' GROUP BY 1) v ON v.id = o.summary ->> 'id'),
            'values', (SELECT coalesce(jsonb_agg(x.told ORDER BY x.n), '[]') FROM opened x
                WHERE x."table" NOT IN ('commerce.customers', 'commerce.orders')),
            'exported_at', now()));
END
$$;
COMMENT ON FUNCTION commerce.export_customer(uuid) IS
'All that is known of a customer in one document, opened: {"customer", "consents", "orders": with lines, payments, parcels, returns, invoices and ship_address, "carts", "balances": with entries, "values": of the app''s own registered columns and of carts, [{"table", "row", "column", "field", "value"}], "fields": what is kept, what for, on which legal basis and for how long, "exported_at"}. A value that does not open is null. What opens doors, as the secret of a second factor, is left out. NULL for an unknown customer; of an erased one it tells what is kept. Opens with the caller''s right to reveal(): commerce_pii_reader. CM041 without a key file. Example: SELECT commerce.export_customer(customer).';
GRANT EXECUTE ON FUNCTION commerce.export_customer(uuid) TO commerce_pii_reader;
