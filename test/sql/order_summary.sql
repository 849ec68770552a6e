-- What an order comes to: the states derived from its payments and goods, and all of it in one document.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, title) VALUES ('summary-A', 'A thing'), ('summary-free', 'A gift');
INSERT INTO commerce.prices (sku, price) VALUES ('summary-A', '10 EUR'), ('summary-free', '0 EUR');
SELECT commerce.receive_stock('summary-A', 10), commerce.receive_stock('summary-free', 1);
SELECT commerce.checkout('[{"sku": "summary-A", "quantity": 3}]') AS o \gset
CREATE FUNCTION pg_temp.status(o uuid) RETURNS text LANGUAGE sql
    RETURN commerce.order_payment_status(o) || ', ' || commerce.order_fulfilment_status(o);

SELECT pg_temp.status(:'o');
SELECT commerce.authorize_payment(:'o', '10 EUR') AS voided \gset
SELECT pg_temp.status(:'o');
SELECT commerce.payment_event(:'voided', 'void');
SELECT pg_temp.status(:'o');
SELECT commerce.authorize_payment(:'o') AS p \gset
SELECT pg_temp.status(:'o');
SELECT commerce.capture_payment(:'p', '12 EUR');
SELECT pg_temp.status(:'o');
SELECT commerce.capture_payment(:'p');
SELECT commerce.fulfil(:'o', '[{"line": 1, "quantity": 1}]') AS f1 \gset
SELECT pg_temp.status(:'o');
SELECT commerce.fulfil(:'o') AS f2 \gset
SELECT pg_temp.status(:'o');
SELECT commerce.fulfilment_event(:'f1', 'deliver');
SELECT pg_temp.status(:'o');
SELECT commerce.fulfilment_event(:'f2', 'deliver');
SELECT pg_temp.status(:'o');
SELECT commerce.request_return(:'o', '[{"line": 1, "quantity": 1}]') AS r1 \gset
SELECT pg_temp.status(:'o');
SELECT commerce.refund_payment(:'p', commerce.receive_return(:'r1'));
SELECT pg_temp.status(:'o');
SELECT commerce.request_return(:'o', '[{"line": 1, "quantity": 2}]') AS r2 \gset
SELECT commerce.refund_payment(:'p', commerce.receive_return(:'r2'));
SELECT pg_temp.status(:'o');

SELECT key, value FROM jsonb_each(commerce.order_summary(:'o')) WHERE key IN ('state', 'payment_status', 'fulfilment_status', 'channel', 'total') ORDER BY key;
SELECT s -> 'lines' AS lines FROM commerce.order_summary(:'o') s;
SELECT jsonb_array_length(s -> 'payments') AS payments, jsonb_array_length(s -> 'fulfilments') AS fulfilments,
    jsonb_array_length(s -> 'returns') AS returns, s ->> 'id' = :'o' AS id FROM commerce.order_summary(:'o') s;

-- An order of nothing is paid; an unknown one is nothing.
SELECT pg_temp.status(commerce.checkout('[{"sku": "summary-free", "quantity": 1}]'));
SELECT commerce.order_summary(o) IS NULL AS no_summary, commerce.order_payment_status(o) IS NULL AS no_payment_status,
    commerce.order_fulfilment_status(o) IS NULL AS no_fulfilment_status FROM (VALUES ('00000000-0000-7000-8000-000000000000'::uuid), (NULL)) x (o);
-- The share of a line that its units have: the last takes the last cent.
SELECT units, commerce.share_of('10.00 EUR', units, 3) AS cents FROM generate_series(0, 3) units;
