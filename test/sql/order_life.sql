-- An order's life: repeated requests, events, cancelling.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku) VALUES ('event-A');
INSERT INTO commerce.prices (sku, price) VALUES ('event-A', '10 EUR');
SELECT commerce.receive_stock('event-A', 20) \gset
\set one '[{"sku": "event-A", "quantity": 1}]'

-- The same key and request: the same order, once, however the session prints or the JSON is written.
SELECT commerce.checkout(:'one', at => '2024-05-01 12:00+00', expected_total => '10 EUR', idempotency_key => 'event-1') AS id \gset
SELECT commerce.checkout(:'one', at => '2024-05-01 12:00+00', expected_total => '10 EUR', idempotency_key => 'event-1') = :'id' AS same;
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'German';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = 0;
SET bytea_output = 'escape';
SELECT commerce.checkout(' [ {"quantity":1, "sku":"event-A"} ]', at => '2024-05-01 14:00+02', expected_total => '10.00 EUR', idempotency_key => 'event-1') = :'id' AS same;
RESET ALL;
\set SHOW_CONTEXT never
SELECT count(*) AS orders FROM commerce.idempotency_keys WHERE key = 'event-1';
SELECT commerce.available('event-A');
-- Another request under the key is refused; prices that changed meanwhile are no other request.
SELECT commerce.checkout('[{"sku": "event-A", "quantity": 2}]', at => '2024-05-01 12:00+00', expected_total => '10 EUR', idempotency_key => 'event-1');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
SELECT commerce.checkout(:'one', at => '2024-05-01 12:00:01+00', expected_total => '10 EUR', idempotency_key => 'event-1');
SELECT commerce.checkout(:'one', at => '2024-05-01 12:00+00', idempotency_key => 'event-1');
SELECT commerce.checkout(:'one', at => '2024-05-01 12:00+00', expected_total => '10 EUR', options => '{}', idempotency_key => 'event-1');
SELECT commerce.checkout(:'one', codes => '{}', at => '2024-05-01 12:00+00', expected_total => '10 EUR', idempotency_key => 'event-1');
\set VERBOSITY default
UPDATE commerce.prices SET price = '12 EUR' WHERE sku = 'event-A';
SELECT commerce.checkout(:'one', at => '2024-05-01 12:00+00', expected_total => '10 EUR', idempotency_key => 'event-1') = :'id' AS same;
-- A request that failed has not used its key.
SELECT commerce.checkout(:'one', expected_total => '10 EUR', idempotency_key => 'event-2');
UPDATE commerce.prices SET price = '10 EUR' WHERE sku = 'event-A';
SELECT commerce.checkout(:'one', expected_total => '10 EUR', idempotency_key => 'event-2') <> :'id' AS another;
SELECT commerce.checkout(:'one') <> commerce.checkout(:'one') AS without_key_two_orders;
SELECT commerce.checkout(:'one', idempotency_key => rpad('event-', 255, 'k')) IS NOT NULL AS longest_key;

-- Events: confirm, complete, archive; what is not allowed says what is.
SELECT commerce.available('event-A') AS before \gset
SELECT commerce.order_event(:'id', 'confirm', '{"by": "test"}'), commerce.fulfil(:'id') IS NOT NULL AS sent, commerce.order_event(:'id', 'complete');
SELECT commerce.order_event(:'id', 'cancel');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.order_event(:'id', 'archive');
SELECT commerce.order_event(:'id', 'archive');
SELECT commerce.available('event-A') = :before AS stock_still_taken;
SELECT event, from_state, to_state, detail FROM commerce.state_history WHERE subject = :'id' ORDER BY id;
SELECT topic, payload ->> 'from' AS "from", payload ->> 'to' AS "to" FROM commerce.outbox WHERE aggregate = :'id' ORDER BY id;
\set VERBOSITY sqlstate
SELECT commerce.order_event(:'id', 'explode');
SELECT commerce.order_event(:'id', NULL);
SELECT commerce.order_event(NULL, 'cancel');
SELECT commerce.order_event('00000000-0000-7000-8000-000000000000', 'cancel');
SELECT commerce.payment_event('00000000-0000-7000-8000-000000000000', 'void');
SELECT commerce.fulfilment_event('00000000-0000-7000-8000-000000000000', 'deliver');
SELECT commerce.return_event('00000000-0000-7000-8000-000000000000', 'approve');
\set VERBOSITY default

-- Cancelling gives the stock back exactly once.
SELECT commerce.checkout('[{"sku": "event-A", "quantity": 3}, {"sku": "event-A", "quantity": 2}]') AS gone \gset
SELECT commerce.available('event-A') AS taken \gset
SELECT commerce.order_event(:'gone', 'cancel', '{"why": "changed my mind"}');
SELECT commerce.available('event-A') - :taken AS given_back;
\set VERBOSITY terse
SELECT commerce.order_event(:'gone', 'cancel');
UPDATE commerce.orders SET state = 'cancelled' WHERE id = :'gone';
UPDATE commerce.orders SET state = 'confirmed' WHERE id = :'gone';
\set VERBOSITY default
SELECT commerce.available('event-A') - :taken AS given_back;
SELECT state, count(*), sum(quantity) AS units FROM commerce.reservations WHERE order_id = :'gone' GROUP BY 1;
-- A plain UPDATE is the same transition, with the same effect.
SELECT commerce.checkout('[{"sku": "event-A", "quantity": 4}]') AS plain \gset
UPDATE commerce.orders SET state = 'cancelled' WHERE id = :'plain';
SELECT commerce.available('event-A') - :taken AS given_back;
SELECT event, from_state, to_state FROM commerce.state_history WHERE subject = :'plain' ORDER BY id;
SELECT topic FROM commerce.outbox WHERE aggregate = :'plain' ORDER BY id;

-- What was sent keeps an order from being cancelled until it has come back.
SELECT commerce.checkout('[{"sku": "event-A", "quantity": 2}]') AS sent \gset
SELECT commerce.fulfil(:'sent', '[{"sku": "event-A", "quantity": 1}]') IS NOT NULL AS sent;
SELECT commerce.order_event(:'sent', 'cancel');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.request_return(:'sent', '[{"sku": "event-A", "quantity": 1}]') AS back \gset
\set VERBOSITY terse
SELECT commerce.order_event(:'sent', 'cancel');
\set VERBOSITY default
SELECT commerce.receive_return(:'back');
SELECT commerce.order_event(:'sent', 'cancel');
SELECT topic FROM commerce.outbox WHERE aggregate = :'sent' ORDER BY id;
SELECT on_hand, commerce.available('event-A') - on_hand AS still_promised FROM commerce.stock WHERE sku = 'event-A';
-- Rolled back, an event has not happened.
BEGIN;
SELECT commerce.checkout(:'one', idempotency_key => 'event-3') AS undone \gset
SELECT commerce.order_event(:'undone', 'cancel');
ROLLBACK;
SELECT (SELECT count(*) FROM commerce.state_history WHERE subject = :'undone') + (SELECT count(*) FROM commerce.outbox WHERE aggregate = :'undone')
    + (SELECT count(*) FROM commerce.idempotency_keys WHERE key = 'event-3') AS traces;

-- Completed is what has left: nothing stays reserved, or in a parcel, for an order that is over.
INSERT INTO commerce.variants (sku, track_stock, requires_shipping) VALUES ('event-print', false, true), ('event-ticket', true, false), ('event-help', false, false);
INSERT INTO commerce.prices (sku, price) VALUES ('event-print', '1 EUR'), ('event-ticket', '30 EUR'), ('event-help', '5 EUR');
SELECT commerce.receive_stock('event-ticket', 5) \gset
CREATE FUNCTION pg_temp.complete(id uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN commerce.order_event(id, 'complete');
EXCEPTION WHEN SQLSTATE 'CM011' THEN
    RETURN SQLSTATE || (SELECT format(' reserved %s, %s', coalesce(sum(r.quantity) FILTER (WHERE r.state = 'committed'), 0),
        (SELECT string_agg(f.state, ', ' ORDER BY f.id) FROM commerce.fulfilments f WHERE f.order_id = $1)) FROM commerce.reservations r WHERE r.order_id = $1);
END
$$;
SELECT commerce.checkout('[{"sku": "event-A", "quantity": 3}, {"sku": "event-print", "quantity": 2}, {"sku": "event-ticket", "quantity": 1}, {"sku": "event-help", "quantity": 1}]') AS whole \gset
SELECT pg_temp.complete(:'whole');
\set VERBOSITY terse
UPDATE commerce.orders SET state = 'completed' WHERE id = :'whole';
\set VERBOSITY default
SELECT commerce.plan_fulfilment(:'whole', '[{"sku": "event-A", "quantity": 2}]') AS parcel \gset
SELECT pg_temp.complete(:'whole');
SELECT commerce.fulfilment_event(:'parcel', 'start'), commerce.fulfilment_event(:'parcel', 'ship'), pg_temp.complete(:'whole');
-- The last one is not sent any more; the ticket is handed out.
SELECT commerce.cancel_lines(:'whole', '[{"sku": "event-A", "quantity": 1}]'), pg_temp.complete(:'whole');
SELECT commerce.fulfil(:'whole', '[{"sku": "event-ticket", "quantity": 1}]') IS NOT NULL AS "handed out", pg_temp.complete(:'whole') AS "prints are to be sent";
-- What is in no parcel any more is to be sent again.
SELECT commerce.plan_fulfilment(:'whole', '[{"sku": "event-print", "quantity": 2}]') AS parcel \gset
SELECT commerce.fulfilment_event(:'parcel', 'pack'), pg_temp.complete(:'whole');
SELECT commerce.fulfilment_event(:'parcel', 'incomplete'), commerce.fulfilment_event(:'parcel', 'close'), pg_temp.complete(:'whole');
SELECT commerce.fulfil(:'whole') IS NOT NULL AS sent, pg_temp.complete(:'whole');
-- What came back was sent; what is added is not, and has the order confirmed again.
SELECT commerce.receive_return(commerce.request_return(:'whole', '[{"sku": "event-A", "quantity": 1}]'));
SELECT commerce.confirm_edit(commerce.begin_edit(:'whole', '[{"sku": "event-A", "quantity": 1}]')) ->> 'difference' AS edited;
SELECT state FROM commerce.orders WHERE id = :'whole';
SELECT pg_temp.complete(:'whole');
SELECT commerce.fulfil(:'whole') IS NOT NULL AS sent, pg_temp.complete(:'whole'), commerce.order_event(:'whole', 'archive');
SELECT state, sum(quantity) AS units FROM commerce.reservations WHERE order_id = :'whole' GROUP BY 1 ORDER BY 1;
-- A service is done when the shop says so; goods of an order from elsewhere were sent there.
SELECT pg_temp.complete(commerce.checkout('[{"sku": "event-help", "quantity": 1}]'));
BEGIN;
INSERT INTO commerce.orders (channel, tax_level, subtotal, discount, shipping, tax, included_tax, rounding, total)
    VALUES ('default', 'line', '10 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '10 EUR') RETURNING id AS elsewhere \gset
INSERT INTO commerce.order_lines (order_id, line, sku, quantity, unit_price, tax_class, subtotal, discount, tax, included_tax, total)
    VALUES (:'elsewhere', 1, 'event-A', 1, '10 EUR', 'standard', '10 EUR', '0 EUR', '0 EUR', '0 EUR', '10 EUR');
COMMIT;
SELECT pg_temp.complete(:'elsewhere');
