-- Every run begins with empty tables, every counter read from them, and no checkpoint to come.
SET client_min_messages = warning;
TRUNCATE commerce.reservations, commerce.orders, commerce.state_history, commerce.outbox, commerce.idempotency_keys,
    bench.reservations, bench.orders, bench.order_lines CASCADE;
VACUUM commerce.stock, bench.stock;
SELECT count(commerce.try_reserve(sku, 1000000000000)) FROM bench.goods;
CHECKPOINT;
