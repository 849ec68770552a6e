-- The prices of all goods, without and with entries of the audit log, then with those of PL/pgSQL; each leaves as many dead rows.
\timing on
SET commerce.audit_changes = off;
VACUUM bench_audit;
UPDATE bench_audit SET price = price OPERATOR(commerce.+) '1 EUR';
SET commerce.audit_changes = on;
VACUUM bench_audit;
UPDATE bench_audit SET price = price OPERATOR(commerce.+) '1 EUR';
VACUUM bench_audit_plpgsql;
UPDATE bench_audit_plpgsql SET price = price OPERATOR(commerce.+) '1 EUR';
