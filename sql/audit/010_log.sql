CREATE FUNCTION commerce.audit_leaf(id uuid, at timestamptz, actor text, login text, kind text, relation text, subject text,
        detail jsonb, salt bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_audit_leaf_sql';
COMMENT ON FUNCTION commerce.audit_leaf(uuid, timestamptz, text, text, text, text, text, jsonb, bytea) IS
'The leaf of an entry of commerce.audit_log, computed from what the entry says: SHA-256, after a zero byte, of commerce.audit.v1 and each part with its length before it, of the detail its hash with the second half of the salt. NULL where a part that every entry has is missing. Example: SELECT leaf = commerce.audit_leaf(id, at, actor, login, kind, relation, subject, detail, salt) FROM commerce.audit_log.';

CREATE FUNCTION commerce.audit_erased(detail jsonb, salt bytea) RETURNS bytea
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_audit_erased';
COMMENT ON FUNCTION commerce.audit_erased(jsonb, bytea) IS
'Internal. What stands as the salt of an entry whose detail is erased: the entry''s salt and the hash of the detail, whose own salt goes, so that nobody finds by trying what it said. NULL for what no entry has.';

CREATE FUNCTION commerce.audit_change() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_audit_change';
COMMENT ON FUNCTION commerce.audit_change() IS
'Internal. Writes a changed row into commerce.audit_log: AFTER, FOR EACH ROW, and FOR EACH STATEMENT for TRUNCATE. audit_table() creates it. Its argument is the column that says whom or what the row is about; without one that is the primary key.';

CREATE FUNCTION commerce.refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE TG_OP
        WHEN 'TRUNCATE' THEN
            IF NOT EXISTS (SELECT FROM commerce.audit_log) THEN
                RETURN NULL;
            END IF;
        WHEN 'DELETE' THEN
            IF EXISTS (SELECT FROM commerce.audit_nodes n, commerce.audit_tree t WHERE n.entry = OLD.id AND n.position < t.pruned) THEN
                RETURN OLD;
            END IF;
        WHEN 'UPDATE' THEN
            -- A detail that is erased, which another entry of this transaction says; the leaf is still that of the rest. Of
            -- changes of rows nothing is.
            IF NEW.detail IS NULL AND OLD.relation IS NULL AND (OLD.id, OLD.written_in, OLD.leaf) = (NEW.id, NEW.written_in, NEW.leaf)
                    AND NEW.salt = commerce.audit_erased(OLD.detail, OLD.salt)
                    AND NEW.leaf = commerce.audit_leaf(NEW.id, NEW.at, NEW.actor, NEW.login, NEW.kind, NEW.relation, NEW.subject, NULL, NEW.salt)
                    AND EXISTS (SELECT FROM commerce.audit_log r WHERE r.written_in = pg_current_xact_id() AND r.kind = 'redact'
                        AND r.detail -> 'entries' ? OLD.id::text) THEN
                RETURN NEW;
            END IF;
        ELSE NULL;
    END CASE;
    RAISE EXCEPTION 'entries of the audit log are written once and never changed' USING ERRCODE = 'CM042',
        HINT = 'commerce.prune_audit() removes what has been kept long enough.';
END
$$;
COMMENT ON FUNCTION commerce.refuse_audit_change() IS
'Internal. Trigger on commerce.audit_log: CM042 for UPDATE but of a detail that is erased, for DELETE but of what prune_audit() removes, and for a TRUNCATE of what is not empty.';

CREATE FUNCTION commerce.write_audit(kind text, relation text, subject text, detail jsonb) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_write_audit';
COMMENT ON FUNCTION commerce.write_audit(text, text, text, jsonb) IS
'Internal. Writes an entry of the shop''s own into commerce.audit_log.';

CREATE FUNCTION commerce.record_audit(kind text, subject text DEFAULT NULL, detail jsonb DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_record_audit';
COMMENT ON FUNCTION commerce.record_audit(text, text, jsonb) IS
'Writes an entry of the application''s own into commerce.audit_log, with this transaction: what kind of thing the acting role did, to whom or what, and facts. No customer field belongs in it: it is in the clear, and stays. 22023 for a kind that the shop itself writes (insert, update, delete, truncate, reveal, prune, erase, redact, and those of logins) or of more than 100 bytes, 22004 for none. Example: SELECT commerce.record_audit(''price list approved'', ''spring'', ''{"by": "the board"}'').';
GRANT EXECUTE ON FUNCTION commerce.record_audit(text, text, jsonb) TO commerce_app;

CREATE FUNCTION commerce.audit_table("table" regclass, subject name DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    former name;
BEGIN
    IF "table" IS NULL THEN
        RAISE EXCEPTION 'there is no table to audit' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM commerce.require_shop();
    IF subject IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute a
            WHERE a.attrelid = "table" AND a.attname = subject AND a.attnum > 0 AND NOT a.attisdropped) THEN
        RAISE EXCEPTION 'table % has no column "%"', "table", subject USING ERRCODE = 'undefined_column';
    END IF;
    FOR former IN SELECT t.tgname FROM pg_trigger t
            WHERE t.tgrelid = "table" AND t.tgfoid = 'commerce.audit_change()'::regprocedure LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', former, "table");
    END LOOP;
    EXECUTE format('CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION commerce.audit_change(%s)',
        "table", coalesce(quote_literal(subject), ''));
    EXECUTE format('CREATE TRIGGER audit_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION commerce.audit_change()',
        "table");
END
$$;
COMMENT ON FUNCTION commerce.audit_table(regclass, name) IS
'Has every change of the rows of a table, of the shop or of the app''s own, written into commerce.audit_log: what the columns that changed were and are, by whom and when; sealed values, bytea, what is called password_hash and what people wrote in the shop''s tables (attributes, reasons, notes, tracking and whatever else an erasure takes) are not repeated. subject: the column that says whom or what a row is about; NULL: its primary key. Called again it takes another subject. DROP TRIGGER audit_change, and audit_truncate, end it. Takes the right to create triggers on the table. 42703 for an unknown column. Example: SELECT commerce.audit_table(''commerce.shipping_prices'').';
GRANT EXECUTE ON FUNCTION commerce.audit_table(regclass, name) TO commerce_admin;
