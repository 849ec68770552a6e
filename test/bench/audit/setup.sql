-- A table of many prices that is audited as commerce.prices is, and nothing else.
CREATE TABLE bench_audit (sku text PRIMARY KEY, price commerce.amount NOT NULL) WITH (fillfactor = 50);
INSERT INTO bench_audit SELECT 'sku ' || n, '10 EUR' FROM generate_series(1, :rows) n;
SELECT commerce.audit_table('bench_audit');
VACUUM (ANALYZE) bench_audit;
