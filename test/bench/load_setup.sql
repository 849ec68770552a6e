-- One sku with many active reservations.
SELECT commerce.receive_stock('FULL', 1000000000);
INSERT INTO commerce.reservations (sku, location, quantity, expires_at, line)
    SELECT 'FULL', 'main', 1, now() + interval '1 day', 0 FROM generate_series(1, :full);
VACUUM (ANALYZE) commerce.reservations, commerce.stock;
CHECKPOINT;
