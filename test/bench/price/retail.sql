-- Invoices as they were, as carts: what was sold of what a shop sells, each invoice a cart. Their pounds are euros here.
CREATE TABLE bench.invoices AS
    SELECT invoice, 'R' || code AS sku, quantity, price, row_number() OVER () AS line FROM bench.retail
    WHERE invoice NOT LIKE 'C%' AND quantity > 0 AND price > 0 AND code ~ '^[0-9]{5}';
INSERT INTO bench.pool
    SELECT 'R', row_number() OVER (ORDER BY sku COLLATE "C"), sku, round(mode() WITHIN GROUP (ORDER BY price), 2)
    FROM bench.invoices GROUP BY sku;
SELECT bench.stock_up('R');
SELECT bench.invent('R', :promotions);
INSERT INTO bench.carts (kind, number, lines)
    SELECT 'retail', row_number() OVER (ORDER BY min(line)), jsonb_agg(jsonb_build_object('sku', sku, 'quantity', quantity) ORDER BY line)
    FROM bench.invoices GROUP BY invoice;
SELECT bench.promote('R', :promotions);
VACUUM (ANALYZE);
