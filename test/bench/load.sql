-- Warm the session and the cache up, then time three statements.
SELECT commerce.try_reserve('HOT');
SELECT sum(quantity) FROM commerce.reservations WHERE sku = 'FULL' AND state IN ('held', 'committed') AND expires_at > now();
\timing on
SELECT sum(quantity) FROM commerce.reservations WHERE sku = 'FULL' AND state IN ('held', 'committed') AND expires_at > now();
SELECT commerce.try_reserve('FULL');
SELECT commerce.try_reserve('FULL');
