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

-- Every status that payments come to, told by their states and money of an order of 30 EUR.
SELECT commerce.checkout('[{"sku": "summary-A", "quantity": 3}]') AS s \gset
CREATE FUNCTION pg_temp.paid(o uuid, VARIADIC payments text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    INSERT INTO commerce.payments (order_id, state, requested, authorized, captured, refunded, charged_back)
        SELECT o, p[1], (p[2] || ' EUR')::commerce.amount,
            (CASE WHEN p[1] IN ('created', 'processing', 'requires_action', 'failed') THEN '0' ELSE p[2] END || ' EUR')::commerce.amount,
            (p[3] || ' EUR')::commerce.amount, (p[4] || ' EUR')::commerce.amount,
            (CASE p[1] WHEN 'charged_back' THEN p[3] ELSE '0' END || ' EUR')::commerce.amount
        FROM unnest(payments) each (text), LATERAL string_to_array(text, ' ') p;
    RAISE SQLSTATE 'XX999' USING MESSAGE = commerce.order_payment_status(o);
EXCEPTION WHEN SQLSTATE 'XX999' THEN
    RETURN sqlerrm;
END
$$;
SELECT pg_temp.paid(:'s', 'created 30 0 0') AS created, pg_temp.paid(:'s', 'created 30 0 0', 'processing 30 0 0') AS processing,
    pg_temp.paid(:'s', 'requires_action 30 0 0', 'captured 10 10 0') AS requires_action, pg_temp.paid(:'s', 'requires_action 30 0 0', 'captured 30 30 0') AS action_not_needed,
    pg_temp.paid(:'s', 'failed 30 0 0') AS failed, pg_temp.paid(:'s', 'expired 30 0 0', 'voided 30 0 0') AS expired, pg_temp.paid(:'s', 'voided 30 0 0') AS voided,
    pg_temp.paid(:'s', 'authorized 10 0 0', 'processing 20 0 0') AS part, pg_temp.paid(:'s', 'captured 40 40 0') AS over,
    pg_temp.paid(:'s', 'charged_back 30 30 0') AS charged_back, pg_temp.paid(:'s', 'charged_back 10 10 0', 'captured 20 20 0') AS part_charged_back;
-- And parcels.
CREATE FUNCTION pg_temp.sent(o uuid, VARIADIC parcels text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
    parcel text;
BEGIN
    FOREACH parcel IN ARRAY parcels LOOP
        made := commerce.uuidv7();
        INSERT INTO commerce.fulfilments (order_id, id, state) VALUES (o, made, parcel);
        INSERT INTO commerce.fulfilment_lines (order_id, fulfilment_id, line, quantity) VALUES (o, made, 1, 1);
    END LOOP;
    RAISE SQLSTATE 'XX999' USING MESSAGE = commerce.order_fulfilment_status(o) || ' ' || (SELECT quantity FROM commerce.unfulfilled(o));
EXCEPTION WHEN SQLSTATE 'XX999' THEN
    RETURN sqlerrm;
END
$$;
SELECT pg_temp.sent(:'s', 'open') AS open, pg_temp.sent(:'s', 'scheduled', 'open') AS scheduled, pg_temp.sent(:'s', 'scheduled', 'in_progress') AS in_progress, pg_temp.sent(:'s', 'in_progress', 'on_hold') AS on_hold,
    pg_temp.sent(:'s', 'packed', 'open') AS part_packed, pg_temp.sent(:'s', 'packed', 'packed', 'packed') AS packed, pg_temp.sent(:'s', 'packed', 'shipped') AS part_shipped, pg_temp.sent(:'s', 'delivered', 'open') AS part_delivered,
    pg_temp.sent(:'s', 'cancelled', 'cancelled') AS cancelled, pg_temp.sent(:'s', 'cancelled', 'shipped', 'shipped', 'shipped') AS shipped;

-- An order of nothing is paid; an unknown one is nothing.
SELECT pg_temp.status(commerce.checkout('[{"sku": "summary-free", "quantity": 1}]'));
SELECT commerce.order_summary(o) IS NULL AS no_summary, commerce.order_payment_status(o) IS NULL AS no_payment_status,
    commerce.order_fulfilment_status(o) IS NULL AS no_fulfilment_status FROM (VALUES ('00000000-0000-7000-8000-000000000000'::uuid), (NULL)) x (o);
-- The share of a line that its units have: the last takes the last cent.
SELECT units, commerce.share_of('10.00 EUR', units, 3) AS cents FROM generate_series(0, 3) units;

-- Its number as its customer reads it; the hold, the edit and what it said before; its invoices.
INSERT INTO commerce.channels (code, order_format, invoice_format, credit_note_format) VALUES ('summary', 'SUM-{number:4}', 'SUM-{number}', 'SUM-C-{number}');
SELECT commerce.checkout('[{"sku": "summary-A", "quantity": 2}]', channel => 'summary') AS n \gset
SELECT s ->> 'order_number' = commerce.order_number(:'n') AS printed, s -> 'number' AS number, s -> 'hold' AS hold, s -> 'edit' AS edit, s -> 'versions' AS versions, s -> 'invoices' AS invoices
    FROM commerce.order_summary(:'n') s;
SELECT commerce.capture_payment(commerce.authorize_payment(:'n')), commerce.order_event(:'n', 'hold', '{"reason": "fraud check"}');
SELECT commerce.issue_invoices() > 0 AS issued;
SELECT commerce.cancel_lines(:'n', '[{"line": 1, "quantity": 1}]', 'sold out');
SELECT commerce.begin_edit(:'n', '[{"line": 1, "quantity": 2}]', 'after all') AS e \gset
SELECT commerce.issue_invoices() > 0 AS issued;
SELECT s ->> 'order_number' AS number, s -> 'hold' ->> 'reason' AS hold, s -> 'edit' ->> 'reason' AS edit, s -> 'edit' ->> 'id' = :'e' AS id FROM commerce.order_summary(:'n') s;
SELECT v - 'replaced_at' AS version FROM jsonb_array_elements(commerce.order_summary(:'n') -> 'versions') v;
SELECT i - 'issued_at' AS invoice FROM jsonb_array_elements(commerce.order_summary(:'n') -> 'invoices') i;
SELECT commerce.confirm_edit(:'e') IS NOT NULL AS confirmed, commerce.order_event(:'n', 'release');
SELECT s -> 'hold' AS hold, s -> 'edit' AS edit, v ->> 'version' AS version, v -> 'difference' ->> 'amount' AS difference, v ->> 'edit' = :'e' AS edit
    FROM commerce.order_summary(:'n') s, jsonb_array_elements(s -> 'versions') v;
