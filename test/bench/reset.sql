-- Every run begins with empty tables and pages of stock without dead rows.
SET client_min_messages = warning;
TRUNCATE commerce.reservations, commerce.orders, commerce.state_history, commerce.outbox, commerce.idempotency_keys, commerce.carts,
    bench.reservations, bench.carts, bench.cart_lines, bench.orders, bench.order_lines CASCADE;
VACUUM commerce.stock, bench.stock;
