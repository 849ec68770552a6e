-- A table of many prices that is audited as commerce.prices is, and nothing else.
CREATE TABLE bench_audit (sku text PRIMARY KEY, price commerce.amount NOT NULL) WITH (fillfactor = 50);
INSERT INTO bench_audit SELECT 'sku ' || n, '10 EUR' FROM generate_series(1, :rows) n;
SELECT commerce.audit_table('bench_audit');

-- The same, audited as one writes it first: what changed as JSON, by whom and when, without a hash that would show tampering.
CREATE TABLE bench_audit_plpgsql (LIKE bench_audit INCLUDING ALL) WITH (fillfactor = 50);
INSERT INTO bench_audit_plpgsql TABLE bench_audit;
CREATE TABLE bench_audit_log (
    id uuid PRIMARY KEY DEFAULT commerce.uuidv7(),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL DEFAULT current_user,
    login text NOT NULL DEFAULT session_user,
    kind text NOT NULL,
    relation text NOT NULL,
    subject text NOT NULL,
    detail jsonb NOT NULL
);
CREATE INDEX ON bench_audit_log (subject text_pattern_ops);
CREATE FUNCTION bench_audit_plpgsql() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bench_audit_log (kind, relation, subject, detail)
    SELECT lower(TG_OP), format('%s.%s', TG_TABLE_SCHEMA, TG_TABLE_NAME), NEW.sku,
        jsonb_build_object('old', jsonb_object_agg(o.key, o.value), 'new', jsonb_object_agg(o.key, n.value))
    FROM jsonb_each(to_jsonb(OLD)) o JOIN jsonb_each(to_jsonb(NEW)) n USING (key) WHERE o.value IS DISTINCT FROM n.value;
    RETURN NULL;
END
$$;
CREATE TRIGGER audit AFTER UPDATE ON bench_audit_plpgsql FOR EACH ROW EXECUTE FUNCTION bench_audit_plpgsql();
VACUUM (ANALYZE) bench_audit, bench_audit_plpgsql;
