-- A database with the extension and no shop: whatever needs the tables says so with CM099, and upgrade is no creation.
\set SHOW_CONTEXT never
SELECT current_database() AS home, current_database() || '_without_shop' AS empty \gset
SET client_min_messages = warning;
DROP DATABASE IF EXISTS :"empty";
RESET client_min_messages;
CREATE DATABASE :"empty";
\c :"empty"
SET client_min_messages = warning;
CREATE EXTENSION commerce CASCADE;
RESET client_min_messages;
SELECT count(*) AS tables FROM pg_class WHERE relnamespace = 'commerce'::regnamespace AND relkind IN ('r', 'p', 'v', 'S');

-- What needs no table works.
SELECT commerce.amount '1.50 EUR' OPERATOR(commerce.+) commerce.amount '2.25 EUR' AS sum;
SELECT commerce.uuidv7() < commerce.uuidv7() AS ordered;

SELECT commerce.upgrade_shop();
SELECT commerce.create_shop('XXY');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.create_shop('eur');
SELECT commerce.create_shop('');
SELECT count(*) AS tables FROM pg_class WHERE relnamespace = 'commerce'::regnamespace AND relkind IN ('r', 'p', 'v', 'S');

CREATE FUNCTION pg_temp.answer(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT ' || call;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END
$$;
SELECT call, pg_temp.answer(replace('commerce.' || call, '<id>', quote_literal('00000000-0000-7000-8000-000000000000'))) AS answer
FROM unnest(ARRAY[
    $$quote('[{"sku": "A", "quantity": 1}]')$$, $$quote_lines('[{"sku": "A", "quantity": 1}]')$$,
    $$simulate_promotion(<id>)$$, $$simulate_promotion(given => '{"benefit": "10% off order"}')$$, $$promotion_asks('{"benefit": "10% off order"}', 'customer.orders')$$, $$checkout('[{"sku": "A", "quantity": 1}]')$$,
    $$checkout('[{"sku": "A", "quantity": 1}]', idempotency_key => 'k')$$,
    $$receive_stock('A', 1)$$, $$adjust_stock('A', 1)$$, $$move_stock('A', 1, 'main', 'b')$$,
    $$available('A')$$, $$available(ARRAY['A'])$$, $$reserve('A')$$, $$try_reserve('A')$$, $$extend_reservation(<id>)$$,
    $$release_reservation(<id>)$$, $$release_holder('h')$$, $$expire_reservations()$$,
    $$order_event(<id>, 'cancel')$$, $$payment_event(<id>, 'void')$$, $$fulfilment_event(<id>, 'ship')$$, $$return_event(<id>, 'close')$$,
    $$authorize_payment(<id>)$$, $$capture_payment(<id>)$$, $$refund_payment(<id>)$$, $$issue_credit(<id>, '1 EUR', 'why')$$,
    $$fulfil(<id>)$$, $$request_return(<id>, '[{"sku": "A", "quantity": 1}]')$$, $$receive_return(<id>)$$,
    $$create_state_machine('m', '{"initial": "a", "states": ["a"]}')$$, $$attach_state_machine('pg_class', 'relname', 'm')$$,
    $$state_machine_states('order')$$, $$state_machine_diagram('order')$$, $$require_shop()$$, $$require_sku('A')$$,
    $$create_customer('a@example.com')$$, $$find_customer('a@example.com')$$, $$reveal_customer(<id>, 'test')$$]) WITH ORDINALITY AS c (call, n)
ORDER BY n;

-- The same session sees the shop once it is there.
SET client_min_messages = warning;
SELECT commerce.create_shop('JPY') > 0 AS shop;
RESET client_min_messages;
SELECT currency FROM commerce.shop;
INSERT INTO commerce.variants (sku) VALUES ('A');
SELECT commerce.receive_stock('A', 5);
SELECT commerce.quote('[{"sku": "A", "quantity": 2, "unit_price": 100}]') -> 'total' AS total;

-- DROP EXTENSION stops at the shop's tables.
\set VERBOSITY terse
DROP EXTENSION commerce;
SELECT count(*) AS stock FROM commerce.stock;
\c :"home"
DROP DATABASE :"empty";
