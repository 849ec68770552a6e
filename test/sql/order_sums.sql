-- The parts of an order add up to it, whoever writes them: at the end of a transaction, for all that checkout() did not write.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
SET search_path = commerce, public;
CREATE FUNCTION pg_temp.head(id uuid, subtotal text, discount text, tax text, total text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO commerce.orders (id, channel, tax_level, subtotal, discount, shipping, tax, included_tax, rounding, total)
    VALUES (id, 'default', 'line', subtotal::commerce.amount, discount::commerce.amount, '0 EUR', tax::commerce.amount, '0 EUR', '0 EUR', total::commerce.amount)
$$;
CREATE FUNCTION pg_temp.line(id uuid, line integer, subtotal text, discount text, tax text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO commerce.order_lines (order_id, line, sku, quantity, unit_price, tax_class, subtotal, discount, tax, included_tax, total)
    VALUES (id, line, 'sum', 1, subtotal::commerce.amount, 'standard', subtotal::commerce.amount, discount::commerce.amount, tax::commerce.amount, '0 EUR', subtotal::commerce.amount - discount::commerce.amount + tax::commerce.amount)
$$;
\set one '00000000-0000-4000-8000-00000000005a'
-- An order brought along from elsewhere, in one transaction.
BEGIN;
SELECT pg_temp.head(:'one', '30 EUR', '1 EUR', '2 EUR', '31 EUR'), pg_temp.line(:'one', 1, '10 EUR', '1 EUR', '2 EUR'), pg_temp.line(:'one', 2, '20 EUR', '0 EUR', '0 EUR') \gset
INSERT INTO commerce.order_discounts VALUES (:'one', 1, 1, NULL, 'from the old shop', '1 EUR');
INSERT INTO commerce.order_taxes (order_id, line, tax_class, name, rate, included, amount) VALUES (:'one', 1, 'standard', 'VAT', 20, false, '2 EUR');
COMMIT;
-- Whatever does not add up is refused at COMMIT, and at once where constraints are immediate.
SELECT pg_temp.head('00000000-0000-4000-8000-00000000005b', '30 EUR', '0 EUR', '0 EUR', '30 EUR');
UPDATE commerce.orders SET subtotal = '31 EUR', total = '32 EUR' WHERE id = :'one';
UPDATE commerce.order_lines SET discount = '2 EUR', total = '10 EUR' WHERE order_id = :'one' AND line = 1;
DELETE FROM commerce.order_discounts WHERE order_id = :'one';
DELETE FROM commerce.order_lines WHERE order_id = :'one' AND line = 2;
UPDATE commerce.order_taxes SET amount = '3 EUR' WHERE order_id = :'one';
INSERT INTO commerce.order_discounts VALUES (:'one', 0, 1, NULL, 'shipping', '1 EUR');
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE commerce.order_lines SET subtotal = '11 EUR', total = '12 EUR' WHERE order_id = :'one' AND line = 1;
ROLLBACK;
-- What a savepoint takes back, it takes back of what was checked, too: a refusal, and what was right for a while.
BEGIN;
DELETE FROM commerce.order_taxes WHERE order_id = :'one';
SAVEPOINT checked;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO checked;
COMMIT;
BEGIN;
UPDATE commerce.orders SET subtotal = '31 EUR', total = '32 EUR' WHERE id = :'one';
SAVEPOINT checked;
UPDATE commerce.order_lines SET subtotal = '11 EUR', total = '12 EUR' WHERE order_id = :'one' AND line = 1;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO checked;
COMMIT;
-- Changes that leave it right are nobody's business, nor are those of other columns.
BEGIN;
UPDATE commerce.order_lines SET subtotal = '11 EUR', total = '12 EUR' WHERE order_id = :'one' AND line = 1;
UPDATE commerce.orders SET subtotal = '31 EUR', total = '32 EUR' WHERE id = :'one';
COMMIT;
UPDATE commerce.order_lines SET title = 'another' WHERE order_id = :'one' AND line = 1;
SELECT subtotal, discount, tax, total FROM commerce.orders WHERE id = :'one';
-- What checkout() stores is not even queued; after one that fails everybody else is checked again.
SELECT commerce.checkout('[{"sku": "sum", "quantity": 2, "unit_price": "5.00"}]', options => '{"discounts": [{"amount": "1.00", "reason": "x"}]}') IS NOT NULL AS without_stock;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('sum', false);
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT commerce.checkout('[{"sku": "sum", "quantity": 2, "unit_price": "5.00"}]', options => '{"discounts": [{"amount": "1.00", "reason": "x"}]}') IS NOT NULL AS stored;
SELECT commerce.storing_order();
COMMIT;
ALTER TABLE commerce.order_lines ADD CONSTRAINT refuse CHECK (quantity < 3) NOT VALID;
\set VERBOSITY terse
SELECT commerce.checkout('[{"sku": "sum", "quantity": 3, "unit_price": "5.00"}]');
ALTER TABLE commerce.order_lines DROP CONSTRAINT refuse;
SELECT commerce.storing_order();
UPDATE commerce.orders SET subtotal = '31.01 EUR', total = '32.01 EUR' WHERE id = :'one';
DELETE FROM commerce.order_taxes WHERE order_id = :'one'; -- alone it is refused
BEGIN;
DELETE FROM commerce.order_taxes WHERE order_id = :'one';
DELETE FROM commerce.order_discounts WHERE order_id = :'one';
DELETE FROM commerce.order_lines WHERE order_id = :'one';
DELETE FROM commerce.orders WHERE id = :'one';
COMMIT;
