-- The prices of all goods, with and without entries of the audit log; both leave as many dead rows behind.
\timing on
SET commerce.audit_changes = off;
VACUUM bench_audit;
UPDATE bench_audit SET price = price OPERATOR(commerce.+) '1 EUR';
SET commerce.audit_changes = on;
VACUUM bench_audit;
UPDATE bench_audit SET price = price OPERATOR(commerce.+) '1 EUR';
