-- Numbers of orders by channel; invoices and credit notes: when they come, what they say, and that they stay.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
SET search_path = public, commerce;

-- What is left of other tests is issued, and does not show below.
SELECT count(commerce.issue_invoices(100000)) AS cleared;

-- Formats.
SELECT f, commerce.is_number_format(f) AS good, CASE WHEN commerce.is_number_format(f) THEN commerce.format_number(f, 42, 'WEB', 2026) END AS printed,
    CASE WHEN commerce.is_number_format(f) THEN commerce.format_number(f, NULL, 'WEB', 2026) END AS series
FROM unnest(ARRAY['{number}', 'W-{number}', '{channel}/{year}-{number:6}', '{number:1}', '{number:18}', '', 'W', 'W{number}-', '{number}{number}',
    '{year}{number}', '1{number}', '{number:0}', '{number:19}', '{month}-{number}', '{-{number}', repeat('x', 92) || '{number}',
    repeat('x', 93) || '{number}']) f;
SELECT commerce.format_number('{number:3}', 12345, 'x', 2026) AS longer, commerce.format_number('{channel}-{number}', 1, '{year}', 2026) AS once;

-- A channel has a sequence from when it is made; of its own, or one that it shares.
INSERT INTO commerce.channels (code, order_format, invoice_format, credit_note_format)
    VALUES ('inv_web', 'WEB-{year}-{number:4}', 'W{year}-{number:4}', 'W{year}C-{number:4}');
INSERT INTO commerce.channels (code, invoice_on, invoice_format, credit_note_format)
    VALUES ('Inv "Till" 1', 'confirmed', 'T-{number}', 'TC-{number}');
INSERT INTO commerce.channels (code, order_sequence, invoice_on, time_zone)
    VALUES ('inv_shared', 'commerce.order_numbers_inv_web', 'never', 'Europe/Berlin');
SELECT code, order_sequence, order_format, invoice_on FROM commerce.channels WHERE code ILIKE 'inv%' ORDER BY code COLLATE "C";
SELECT count(*) AS sequences, bool_and(relowner = 'commerce_owner'::regrole) AS "of the shop" FROM pg_class
    WHERE oid IN (SELECT order_sequence::regclass FROM commerce.channels WHERE code ILIKE 'inv%');
SELECT 'commerce.order_numbers' = order_sequence AS "the default goes on" FROM commerce.channels WHERE code = 'default';
\set VERBOSITY sqlstate
INSERT INTO commerce.channels (code, order_sequence) VALUES ('inv_x', 'public.nowhere');
INSERT INTO commerce.channels (code, order_sequence) VALUES ('inv_x', 'commerce.orders');
INSERT INTO commerce.channels (code, order_sequence) VALUES ('inv_x', 'a b; DROP TABLE x');
INSERT INTO commerce.channels (code, order_format) VALUES ('inv_x', 'X');
INSERT INTO commerce.channels (code, invoice_format) VALUES ('inv_x', '{number}-{year}');
INSERT INTO commerce.channels (code, invoice_on) VALUES ('inv_x', 'sometimes');
INSERT INTO commerce.channels (code, time_zone) VALUES ('inv_x', 'Mars/Olympus');
\set VERBOSITY default

INSERT INTO commerce.tax_zones (code, countries) VALUES ('inv', '{YV}');
INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included) VALUES ('inv', 'standard', 'VAT', 20, true), ('inv', 'reduced', 'VAT', 7, true);
INSERT INTO commerce.products (handle, tax_class) VALUES ('inv-book', 'reduced');
INSERT INTO commerce.variants (sku, product_id) SELECT 'inv-book', id FROM commerce.products WHERE handle = 'inv-book';
INSERT INTO commerce.variants (sku) VALUES ('inv-lamp'), ('inv-free');
INSERT INTO commerce.prices (sku, price) VALUES ('inv-book', '10.70 EUR'), ('inv-lamp', '60 EUR'), ('inv-free', '0 EUR');
SELECT count(commerce.receive_stock(sku, 100)) AS skus FROM unnest(ARRAY['inv-book', 'inv-lamp', 'inv-free']) sku;

CREATE FUNCTION pg_temp.buy(channel text, lines jsonb) RETURNS uuid LANGUAGE sql AS
    $$ SELECT commerce.checkout(lines, channel => channel, ship_to => '{"country": "YV"}', at => NULL) $$;
CREATE FUNCTION pg_temp.pay(id uuid, amount commerce.amount DEFAULT NULL) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    payment uuid := commerce.authorize_payment(id, amount);
BEGIN
    PERFORM commerce.capture_payment(payment);
    RETURN payment;
END $$;
-- Years change, and this file should not.
CREATE VIEW pg_temp.issued AS SELECT replace(invoice_number, to_char(issued_at AT TIME ZONE 'UTC', 'YYYY'), 'YYYY') AS invoice_number,
    kind, cause, net, tax, total, (SELECT string_agg(format('%s %s of %s: %s', t ->> 'name', trim_scale((t ->> 'rate')::numeric), t #>> '{base,amount}', t #>> '{amount,amount}'), ', ')
        FROM jsonb_array_elements(taxes) t) AS taxes, order_id
    FROM commerce.invoices WHERE series ~ '^(W|T)' ORDER BY issued_at, kind DESC, number;

-- Numbers: each channel counts for itself, whoever writes the row.
SELECT pg_temp.buy('inv_web', '[{"sku": "inv-lamp", "quantity": 1}, {"sku": "inv-book", "quantity": 3}]') AS web1 \gset
SELECT pg_temp.buy('Inv "Till" 1', '[{"sku": "inv-lamp", "quantity": 1}]') AS till1 \gset
SELECT pg_temp.buy('inv_web', '[{"sku": "inv-book", "quantity": 1}]') AS web2 \gset
SELECT pg_temp.buy('inv_shared', '[{"sku": "inv-book", "quantity": 1}]') AS shared3 \gset
INSERT INTO commerce.orders (channel, tax_level, subtotal, discount, shipping, tax, included_tax, rounding, total)
    VALUES ('inv_web', 'line', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR') RETURNING number;
SELECT channel, number, replace(commerce.order_number(id), to_char(placed_at AT TIME ZONE 'UTC', 'YYYY'), 'YYYY') AS printed
    FROM commerce.orders WHERE id IN (:'web1', :'web2', :'till1', :'shared3') ORDER BY id;
SELECT commerce.order_number('00000000-0000-7000-8000-000000000000') IS NULL AS unknown;
\set VERBOSITY sqlstate
INSERT INTO commerce.orders (channel, number, tax_level, subtotal, discount, shipping, tax, included_tax, rounding, total)
    VALUES ('inv_web', 1, 'line', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR');
INSERT INTO commerce.orders (channel, tax_level, subtotal, discount, shipping, tax, included_tax, rounding, total)
    VALUES ('nowhere', 'line', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR');
\set VERBOSITY default

-- Placed is not due; paid in part is not due; free is.
SELECT commerce.issue_invoices();
SELECT pg_temp.pay(:'web1', '50 EUR') AS part \gset
SELECT commerce.issue_invoices() AS "for a part", count(*) AS queued FROM commerce.invoice_queue;
SELECT pg_temp.pay(:'web1') AS payment \gset
SELECT pg_temp.pay(:'web2') AS payment2 \gset
SELECT commerce.order_event(:'till1', 'confirm');
SELECT pg_temp.pay(:'shared3') AS payment3 \gset
SELECT commerce.issue_invoices(2) AS two, commerce.issue_invoices(2) AS one, commerce.issue_invoices(2) AS none;
SELECT invoice_number, kind, cause, net, tax, total, taxes FROM pg_temp.issued;
SELECT topic, replace(payload ->> 'invoice_number', to_char(now() AT TIME ZONE 'UTC', 'YYYY'), 'YYYY') AS invoice_number, payload #>> '{total,amount}' AS total
    FROM commerce.outbox WHERE aggregate = :'web1' AND topic LIKE '%.issued';
-- Once paid and once confirmed is once.
SELECT commerce.order_event(:'web1', 'confirm'), pg_temp.pay(:'till1') IS NOT NULL AS paid;
SELECT commerce.issue_invoices(), count(*) AS queued FROM commerce.invoice_queue;

-- A return brings the tax of its goods, its refund nothing more, another refund its part, the last one the last cent.
SELECT commerce.fulfil(:'web1') IS NOT NULL AS sent;
SELECT commerce.request_return(:'web1', '[{"sku": "inv-book", "quantity": 2}]') AS back \gset
SELECT commerce.issue_invoices() AS "not there yet";
SELECT commerce.receive_return(:'back') AS worth \gset
SELECT commerce.refund_payment(:'part', :'worth');
SELECT commerce.refund_payment(:'part', '0.07 EUR');
SELECT commerce.refund_payment(:'part', '1 EUR');
SELECT commerce.issue_invoices();
SELECT commerce.refund_payment(:'part'), commerce.refund_payment(:'payment');
SELECT commerce.issue_invoices();
SELECT invoice_number, kind, cause, net, tax, total, taxes FROM pg_temp.issued WHERE order_id = :'web1';
SELECT commerce.sum(net) AS net, commerce.sum(tax) AS tax, commerce.sum(total) AS total FROM pg_temp.issued WHERE order_id = :'web1';
-- The refund before the return, and both before the invoice.
SELECT pg_temp.buy('Inv "Till" 1', '[{"sku": "inv-lamp", "quantity": 2}]') AS till2 \gset
SELECT pg_temp.pay(:'till2') AS payment, commerce.fulfil(:'till2') IS NOT NULL AS sent \gset
SELECT commerce.refund_payment(:'payment', '60 EUR');
SELECT commerce.issue_invoices() AS "not confirmed";
SELECT commerce.receive_return(commerce.request_return(:'till2', '[{"line": 1, "quantity": 1}]'));
SELECT commerce.order_event(:'till2', 'complete');
SELECT commerce.issue_invoices(1), commerce.issue_invoices(1), commerce.issue_invoices(1);
SELECT invoice_number, kind, cause, net, tax, total FROM pg_temp.issued WHERE order_id = :'till2';

-- Cancelled before: nothing. Cancelled after: all of it is taken back, and a refund then takes nothing.
SELECT pg_temp.buy('Inv "Till" 1', '[{"sku": "inv-lamp", "quantity": 1}]') AS till3 \gset
SELECT commerce.order_event(:'till3', 'confirm'), commerce.order_event(:'till3', 'cancel'), commerce.issue_invoices();
SELECT pg_temp.buy('Inv "Till" 1', '[{"sku": "inv-lamp", "quantity": 1}]') AS till4 \gset
SELECT commerce.order_event(:'till4', 'confirm'), commerce.issue_invoices();
SELECT pg_temp.pay(:'till4') AS payment \gset
SELECT commerce.order_event(:'till4', 'cancel'), commerce.refund_payment(:'payment'), commerce.issue_invoices();
SELECT order_id = :'till4' AS "the second", kind, cause, total FROM pg_temp.issued WHERE order_id IN (:'till3', :'till4');

-- On request, and after the setting has changed.
SELECT commerce.request_invoice(:'shared3'), commerce.request_invoice(:'shared3'), commerce.request_invoice(:'till3');
SELECT commerce.issue_invoices();
SELECT kind, cause, total, invoice_number ~ '^\d{4}-\d{5,}$' AS "default format" FROM commerce.invoices WHERE order_id = :'shared3';
SELECT pg_temp.pay(pg_temp.buy('inv_shared', '[{"sku": "inv-book", "quantity": 2}]')) IS NOT NULL AS paid, commerce.issue_invoices();
UPDATE commerce.channels SET invoice_on = 'paid' WHERE code = 'inv_shared';
SELECT commerce.queue_invoices('[2000-01-01, 2001-01-01)') AS "of then", commerce.queue_invoices() AS queued, commerce.queue_invoices() AS again;
SELECT commerce.issue_invoices();
-- What is free is paid.
SELECT pg_temp.buy('inv_web', '[{"sku": "inv-free", "quantity": 1}]') AS free \gset
SELECT commerce.issue_invoices();
SELECT cause, total, taxes FROM pg_temp.issued WHERE order_id = :'free';

-- Issued is issued.
\set VERBOSITY terse
UPDATE commerce.invoices SET total = total WHERE order_id = :'till4';
\set VERBOSITY sqlstate
DELETE FROM commerce.invoices WHERE order_id = :'till4';
TRUNCATE commerce.invoices;
DELETE FROM commerce.orders WHERE id = :'till4';
SET session_replication_role = replica;
DELETE FROM commerce.invoices WHERE order_id = :'till4';
RESET session_replication_role;
SELECT commerce.issue_invoices(0);
SELECT commerce.issue_invoices(NULL);
SELECT commerce.request_invoice('00000000-0000-7000-8000-000000000000');
SELECT commerce.request_invoice(NULL);
SET ROLE commerce_app;
SELECT commerce.queue_invoices();
INSERT INTO commerce.invoices SELECT * FROM commerce.invoices;
UPDATE commerce.invoice_series SET last_number = 0;
DELETE FROM commerce.invoice_queue;
RESET ROLE;
\set VERBOSITY default

-- What is rolled back leaves no gap; a series goes on from where it is told to.
BEGIN;
SELECT pg_temp.pay(pg_temp.buy('inv_web', '[{"sku": "inv-book", "quantity": 1}]')) IS NOT NULL AS paid, commerce.issue_invoices();
ROLLBACK;
UPDATE commerce.channels SET invoice_format = 'WX-{number:6}' WHERE code = 'inv_web';
INSERT INTO commerce.invoice_series (series, last_number) VALUES ('WX-', 999998);
SELECT pg_temp.pay(pg_temp.buy('inv_web', '[{"sku": "inv-book", "quantity": 1}]')) IS NOT NULL AS paid FROM generate_series(1, 2);
SELECT commerce.issue_invoices();
SELECT invoice_number FROM pg_temp.issued WHERE invoice_number LIKE 'WX%';
SELECT series, count(*) = max(number) - min(number) + 1 AS "no gap", max(number) = max(s.last_number) AS "counter fits"
    FROM commerce.invoices JOIN commerce.invoice_series s USING (series) WHERE series ~ '^(W|T)' GROUP BY series HAVING count(*) > 0
    AND (count(*) <> max(number) - min(number) + 1 OR max(number) <> max(s.last_number));

-- What fails stops nobody else: it is told once by its code, and tried again later.
CREATE FUNCTION inv_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    IF EXISTS (SELECT FROM inv_bad b WHERE b.id = NEW.order_id AND b.kind = NEW.kind) THEN
        RAISE EXCEPTION 'Ada Lovelace owes us' USING ERRCODE = (SELECT b.code FROM inv_bad b WHERE b.id = NEW.order_id AND b.kind = NEW.kind);
    END IF;
    RETURN NEW;
END
$$;
CREATE TABLE inv_bad (id uuid, kind text, code text);
GRANT SELECT ON inv_bad TO PUBLIC;
CREATE TRIGGER inv_refuse BEFORE INSERT ON commerce.invoices FOR EACH ROW EXECUTE FUNCTION inv_refuse();
CREATE FUNCTION pg_temp.issue(batch integer DEFAULT 1000, again boolean DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN commerce.issue_invoices(batch, again);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT pg_temp.buy('inv_web', '[{"sku": "inv-lamp", "quantity": 1}]') AS f1, pg_temp.buy('inv_web', '[{"sku": "inv-lamp", "quantity": 1}]') AS f2,
    pg_temp.buy('inv_web', '[{"sku": "inv-lamp", "quantity": 1}]') AS f3, pg_temp.buy('inv_web', '[{"sku": "inv-lamp", "quantity": 1}]') AS f4 \gset
CREATE TABLE inv_names AS SELECT * FROM (VALUES ('f1', :'f1'::uuid), ('f2', :'f2'), ('f3', :'f3'), ('f4', :'f4')) n (name, id);
CREATE VIEW pg_temp.failing AS SELECT n.name, s.cause, s.attempts, s.last_error, round(extract(epoch FROM s.next_at - now()) / 60) AS minutes, s.behind, s.channel
    FROM commerce.invoice_status s LEFT JOIN inv_names n ON n.id = s.order_id ORDER BY n.name;
CREATE VIEW pg_temp.written AS SELECT n.name, replace(i.invoice_number, to_char(i.issued_at AT TIME ZONE 'UTC', 'YYYY'), 'YYYY') AS invoice_number, i.kind, i.cause, i.total FROM commerce.invoices i JOIN inv_names n ON n.id = i.order_id ORDER BY i.series, i.number;
SELECT pg_temp.pay(:'f1') AS p1, pg_temp.pay(:'f2') AS p2, pg_temp.pay(:'f3') AS p3 \gset
SELECT commerce.refund_payment(:'p1', '6 EUR'), commerce.refund_payment(:'p1', '6 EUR'), commerce.refund_payment(:'p2', '6 EUR');
INSERT INTO inv_bad VALUES (:'f2', 'invoice', '22012'), (:'f1', 'credit_note', 'P0001');
\set VERBOSITY sqlstate
SELECT commerce.issue_invoices();
\set VERBOSITY default
SELECT * FROM pg_temp.written;
SELECT * FROM pg_temp.failing;
-- Each of an order is judged by those before it, so all of them wait; others do not, nor are there gaps.
SELECT commerce.refund_payment(:'p3', '6 EUR'), pg_temp.pay(:'f4') IS NOT NULL AS paid;
SELECT commerce.issue_invoices(1), commerce.issue_invoices(1), commerce.issue_invoices(1);
SELECT invoice_number, name FROM pg_temp.written;
-- Tried again when it is due: longer each time, and told again only where the error is another.
UPDATE commerce.invoice_queue SET next_at = now() WHERE next_at IS NOT NULL;
UPDATE inv_bad SET code = 'P0003' WHERE kind = 'invoice';
\set VERBOSITY sqlstate
SELECT commerce.issue_invoices(), commerce.issue_invoices() AS "not yet";
\set VERBOSITY default
SELECT * FROM pg_temp.failing;
SELECT commerce.issue_invoices(again => true) AS "told twice";
SELECT name, attempts, minutes FROM pg_temp.failing;
-- Locks, disks and snapshots are nobody's fault: all of it is tried again.
UPDATE inv_bad SET code = '40001';
SELECT pg_temp.issue(again => true);
UPDATE inv_bad SET code = '53100';
SELECT pg_temp.issue(again => true);
SELECT name, attempts, last_error FROM pg_temp.failing;
-- Mended, at once.
DELETE FROM inv_bad;
SELECT commerce.issue_invoices() AS later, commerce.issue_invoices(again => true);
SELECT invoice_number, name, kind, total FROM pg_temp.written;
SELECT count(*) AS failing, (SELECT count(*) FROM commerce.invoice_queue) AS queued FROM commerce.invoice_status;
SELECT max(number) - min(number) + 1 = count(*) AS "no gap" FROM commerce.invoices WHERE series = 'WX-';
SELECT commerce.issue_invoices(again => NULL);
DROP TRIGGER inv_refuse ON commerce.invoices;
DROP FUNCTION inv_refuse;
DROP VIEW pg_temp.failing, pg_temp.written;
DROP TABLE inv_bad, inv_names;
