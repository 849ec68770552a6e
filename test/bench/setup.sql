-- Everything to measure: a shop with the goods, and beside it what a team would write without the extension. The
-- competitors' tables have the columns, CHECKs and indexes of the shop's own, and none of its triggers.
CREATE EXTENSION commerce;
SELECT commerce.create_shop('EUR');

CREATE SCHEMA bench;
CREATE TABLE bench.goods AS
    SELECT 'HOT' AS sku UNION ALL SELECT i::text FROM generate_series(1, :skus) i
    UNION ALL SELECT 'G' || i FROM generate_series(1, 200) i;
INSERT INTO commerce.variants (sku) SELECT sku FROM bench.goods UNION ALL VALUES ('SOLD'), ('FULL');
INSERT INTO commerce.prices (sku, price) SELECT sku, '10 EUR' FROM bench.goods WHERE sku LIKE 'G%';
SELECT count(commerce.receive_stock(sku, 1000000000)) FROM bench.goods;

CREATE TABLE bench.reservations (LIKE commerce.reservations INCLUDING ALL);
CREATE TABLE bench.orders (LIKE commerce.orders INCLUDING ALL);
-- What a team would write: one sequence for all orders.
ALTER TABLE bench.orders ALTER COLUMN number SET DEFAULT nextval('commerce.order_numbers');
CREATE TABLE bench.order_lines (LIKE commerce.order_lines INCLUDING ALL);
CREATE TABLE bench.carts (LIKE commerce.carts INCLUDING ALL);
CREATE TABLE bench.cart_lines (LIKE commerce.cart_lines INCLUDING ALL);
-- Room on each page, so that an update needs no new index entry.
CREATE TABLE bench.stock (sku text PRIMARY KEY, available bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO bench.stock SELECT sku, 1000000000 FROM bench.goods UNION ALL VALUES ('SOLD', 0);

CREATE FUNCTION bench.reserve(wanted text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made uuid := commerce.uuidv7();
BEGIN
    UPDATE bench.stock SET available = available - 1 WHERE sku = wanted AND available >= 1;
    IF NOT FOUND THEN
        RAISE 'not enough stock of %', wanted;
    END IF;
    INSERT INTO bench.reservations (sku, id, location, quantity, state, expires_at, line)
        VALUES (wanted, made, 'main', 1, 'held', clock_timestamp() + interval '15 minutes', 0);
    RETURN made;
END
$$;

CREATE FUNCTION bench.checkout(a text, b text, c text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made uuid := commerce.uuidv7();
BEGIN
    INSERT INTO bench.orders (id, channel, tax_level, subtotal, discount, shipping, tax, included_tax, rounding, total, placed_at)
        VALUES (made, 'web', 'line', '30 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '30 EUR', now());
    INSERT INTO bench.order_lines (order_id, line, sku, quantity, unit_price, tax_class, subtotal, discount, tax, included_tax, total)
        SELECT made, l.line, l.sku, 1, '10 EUR', 'standard', '10 EUR', '0 EUR', '0 EUR', '0 EUR', '10 EUR'
        FROM (VALUES (1, a), (2, b), (3, c)) l (line, sku);
    INSERT INTO bench.reservations (sku, id, location, quantity, state, order_id, line)
        SELECT l.sku, commerce.uuidv7(), 'main', 1, 'committed', made, l.line
        FROM (VALUES (1, a), (2, b), (3, c)) l (line, sku);
    RETURN made;
END
$$;
VACUUM (ANALYZE);
