-- Invoices of orders that change after they were issued: credit notes and supplements that add up to what the order comes to.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
SET search_path = public, commerce;
\pset format unaligned

SELECT count(commerce.issue_invoices(100000)) AS cleared;
INSERT INTO commerce.channels (code, invoice_on, invoice_format, credit_note_format) VALUES
    ('docs', 'paid', 'docs-I-{number}', 'docs-C-{number}'), ('docs_early', 'confirmed', 'docs-I-{number}', 'docs-C-{number}'), ('docs_never', 'never', 'docs-I-{number}', 'docs-C-{number}');
INSERT INTO commerce.tax_zones (code, countries) VALUES ('docs', '{YD}');
INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included) VALUES ('docs', 'standard', 'VAT', 20, true), ('docs', 'docs-book', 'VAT', 7, true);
INSERT INTO commerce.products (handle, tax_class) VALUES ('docs-book', 'docs-book');
INSERT INTO commerce.variants (sku, product_id) SELECT 'docs-book', id FROM commerce.products WHERE handle = 'docs-book';
INSERT INTO commerce.variants (sku) VALUES ('docs-lamp');
INSERT INTO commerce.prices (sku, price) VALUES ('docs-book', '10.70 EUR'), ('docs-lamp', '60 EUR');
SELECT commerce.receive_stock('docs-book', 100), commerce.receive_stock('docs-lamp', 100);
CREATE FUNCTION pg_temp.buy(channel text, lines jsonb) RETURNS uuid LANGUAGE sql AS $$ SELECT commerce.checkout(lines, channel => channel, ship_to => '{"country": "YD"}') $$;
CREATE FUNCTION pg_temp.pay(id uuid, amount commerce.amount DEFAULT NULL) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    payment uuid := commerce.authorize_payment(id, amount);
BEGIN
    PERFORM commerce.capture_payment(payment);
    RETURN payment;
END $$;
CREATE FUNCTION pg_temp.edit(id uuid, changes jsonb) RETURNS text LANGUAGE sql AS $$ SELECT commerce.confirm_edit(commerce.begin_edit(id, changes)) -> 'difference' ->> 'amount' $$;
-- The documents of an order, and their sum.
CREATE FUNCTION pg_temp.documents(the_order uuid) RETURNS TABLE (invoice_number text, cause text, net text, tax text, total text, taxes text, version integer) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM commerce.issue_invoices();
    RETURN QUERY SELECT i.invoice_number, i.cause, i.net::text, i.tax::text, i.total::text, (SELECT string_agg(format('%s of %s %s', trim_scale((t ->> 'rate')::numeric), t #>> '{base,amount}', t #>> '{amount,amount}'), ', ')
        FROM jsonb_array_elements(i.taxes) t), i.order_version FROM commerce.invoices i WHERE i.order_id = the_order
        UNION ALL SELECT '', 'all', commerce.sum(i.net)::text, commerce.sum(i.tax)::text, commerce.sum(i.total)::text,
            (SELECT string_agg(format('%s of %s %s', x.rate, x.base, x.minor), ', ' ORDER BY x.rate) FROM (SELECT trim_scale((t ->> 'rate')::numeric) AS rate, sum((t #>> '{amount,minor}')::bigint) AS minor, sum((t #>> '{base,minor}')::bigint) AS base
                FROM commerce.invoices y, jsonb_array_elements(y.taxes) t WHERE y.order_id = the_order GROUP BY 1) x), NULL FROM commerce.invoices i WHERE i.order_id = the_order;
END $$;

-- A lamp (60, tax 10) and two books (21.40, tax 1.40), paid: 81.40. A book less is a credit note of 10.70, and its refund none.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}, {"sku": "docs-book", "quantity": 2}]') AS o \gset
SELECT pg_temp.pay(:'o') IS NOT NULL AS paid;
SELECT * FROM pg_temp.documents(:'o');
SELECT commerce.cancel_lines(:'o', '[{"sku": "docs-book", "quantity": 1}]');
SELECT refunded FROM commerce.refund_order(:'o', '10.70 EUR');
SELECT * FROM pg_temp.documents(:'o');
-- A lamp more is a supplement; paying it adds nothing.
SELECT pg_temp.edit(:'o', '[{"line": 1, "quantity": 2}]');
SELECT pg_temp.pay(:'o') IS NOT NULL AS paid;
SELECT * FROM pg_temp.documents(:'o');
-- 5 EUR of goodwill are a credit note of 5, in the proportion of what is left: 130.70 with 20.70 of tax.
SELECT refunded FROM commerce.refund_order(:'o', '5 EUR');
SELECT * FROM pg_temp.documents(:'o');
-- The book is given up for 10.70: goods and goodwill are one credit, so 5.70 are left; the refund of all 10.70 takes the other 5.
SELECT pg_temp.edit(:'o', '[{"line": 2, "quantity": 0}]');
SELECT total FROM pg_temp.documents(:'o') WHERE cause = 'all';
SELECT refunded FROM commerce.refund_order(:'o', '10.70 EUR');
SELECT * FROM pg_temp.documents(:'o');
-- Cancelled, all is taken back; reopened, billed again; cancelled again, taken back again.
SELECT commerce.order_event(:'o', 'cancel');
SELECT * FROM pg_temp.documents(:'o') WHERE cause IN ('cancel', 'all');
SELECT commerce.order_event(:'o', 'reopen');
SELECT * FROM pg_temp.documents(:'o') WHERE cause IN ('reopen', 'all');
SELECT commerce.order_event(:'o', 'cancel');
SELECT * FROM pg_temp.documents(:'o') WHERE cause IN ('cancel', 'all');
SELECT count(*) AS "none is left" FROM commerce.invoice_queue WHERE order_id = :'o';

-- What changed before the invoice is part of it; also where the change and the payment wait in one queue.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}, {"sku": "docs-book", "quantity": 2}]') AS before \gset
SELECT commerce.cancel_lines(:'before', '[{"line": 2, "quantity": 1}]');
SELECT pg_temp.pay(:'before') IS NOT NULL AS paid;
SELECT pg_temp.edit(:'before', '[{"line": 2, "quantity": 3}]'), pg_temp.pay(:'before') IS NOT NULL AS paid;
SELECT * FROM pg_temp.documents(:'before');
-- An edit after it, and one back: neither is forgotten.
SELECT pg_temp.edit(:'before', '[{"line": 2, "quantity": 1}]'), pg_temp.edit(:'before', '[{"line": 2, "quantity": 2}]');
SELECT * FROM pg_temp.documents(:'before');
-- What takes out the part that is not paid makes an order a paid one.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}, {"sku": "docs-book", "quantity": 1}]') AS rest \gset
SELECT pg_temp.pay(:'rest', '60 EUR') IS NOT NULL AS paid;
SELECT count(*) - 1 AS "no document yet" FROM pg_temp.documents(:'rest');
SELECT commerce.cancel_lines(:'rest', '[{"line": 2, "quantity": 1}]');
SELECT * FROM pg_temp.documents(:'rest');

-- Billed before it is paid: a lower bill, paid, and 5 of goodwill.
SELECT pg_temp.buy('docs_early', '[{"sku": "docs-lamp", "quantity": 1}, {"sku": "docs-book", "quantity": 1}]') AS early \gset
SELECT commerce.order_event(:'early', 'confirm');
SELECT count(*) - 1 AS documents FROM pg_temp.documents(:'early');
SELECT commerce.cancel_lines(:'early', '[{"line": 2, "quantity": 1}]');
SELECT pg_temp.pay(:'early') IS NOT NULL AS paid;
SELECT refunded FROM commerce.refund_order(:'early', '5 EUR');
SELECT * FROM pg_temp.documents(:'early');
-- One for the other at the same price: only the taxes differ, and there is a document that says so. 60 at 20 % for 60 at 7 %.
SELECT pg_temp.buy('docs_early', '[{"sku": "docs-lamp", "quantity": 2}]') AS swap \gset
SELECT commerce.order_event(:'swap', 'confirm');
SELECT count(*) - 1 AS documents FROM pg_temp.documents(:'swap');
SELECT pg_temp.edit(:'swap', '[{"line": 1, "quantity": 1}, {"sku": "docs-book", "quantity": 1, "unit_price": "60"}]');
SELECT * FROM pg_temp.documents(:'swap');
-- Billed on request, and nobody has paid it in time.
\set VERBOSITY terse
SELECT pg_temp.buy('docs_early', '[{"sku": "docs-book", "quantity": 1}]') AS late \gset
SELECT commerce.request_invoice(:'late');
SELECT count(*) - 1 AS documents FROM pg_temp.documents(:'late');
SELECT commerce.order_event(:'late', 'expire');
SELECT * FROM pg_temp.documents(:'late');
-- Where there are no invoices, none come by edits.
SELECT pg_temp.buy('docs_never', '[{"sku": "docs-book", "quantity": 2}]') AS never \gset
SELECT commerce.cancel_lines(:'never', '[{"line": 1, "quantity": 1}]');
SELECT count(*) AS queued FROM commerce.invoice_queue WHERE order_id = :'never';

-- An exchange: a supplement for what goes out, a credit note for what came back, none for the money between.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}, {"sku": "docs-book", "quantity": 1}]') AS x \gset
SELECT pg_temp.pay(:'x') IS NOT NULL AS paid, commerce.fulfil(:'x') IS NOT NULL AS sent;
SELECT count(*) - 1 AS documents FROM pg_temp.documents(:'x');
SELECT commerce.request_exchange(:'x', '[{"sku": "docs-lamp", "quantity": 1}]', '[{"sku": "docs-book", "quantity": 2}]') AS answer \gset
SELECT commerce.receive_return((:'answer'::jsonb ->> 'return')::uuid);
SELECT refunded FROM commerce.refund_order(:'x', '38.60 EUR');
SELECT * FROM pg_temp.documents(:'x');

-- The same before there was an invoice: what comes back pays for what goes out, so the order is paid.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}]') AS y \gset
SELECT pg_temp.pay(:'y') IS NOT NULL AS paid, commerce.fulfil(:'y') IS NOT NULL AS sent;
SELECT commerce.request_exchange(:'y', '[{"sku": "docs-lamp", "quantity": 1}]', '[{"sku": "docs-book", "quantity": 2}]') AS answer \gset
SELECT commerce.receive_return((:'answer'::jsonb ->> 'return')::uuid);
SELECT refunded FROM commerce.refund_order(:'y', '38.60 EUR');
SELECT * FROM pg_temp.documents(:'y');

-- A chargeback has no credit note but by request; of what is not charged back any more there is none, and what was credited is billed again.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}]') AS c \gset
SELECT pg_temp.pay(:'c') AS payment \gset
SELECT commerce.request_credit_note(:'payment');
SELECT commerce.charge_back_payment(:'payment', '60 EUR');
SELECT count(*) - 1 AS documents FROM pg_temp.documents(:'c');
SELECT commerce.request_credit_note(:'payment'), commerce.request_credit_note(:'payment');
SELECT * FROM pg_temp.documents(:'c');
SELECT commerce.request_credit_note(:'payment');
SELECT count(*) - 1 AS documents FROM pg_temp.documents(:'c');
SELECT commerce.reverse_chargeback(:'payment');
SELECT commerce.request_credit_note(:'payment');
SELECT cause, total FROM pg_temp.documents(:'c');
SELECT commerce.request_credit_note(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.request_credit_note('00000000-0000-7000-8000-000000000000');
\set VERBOSITY default

-- What was given back and paid again before the invoice is no credit, nor is what an edit has taken off since: 60 paid and given back, 80 paid,
-- 5 given back, a book and with it 10.70 taken out, 10 given back; kept are 65 of 70.70.
SELECT pg_temp.buy('docs_never', '[{"sku": "docs-lamp", "quantity": 1}, {"sku": "docs-book", "quantity": 2}]') AS again \gset
SELECT pg_temp.pay(:'again', '60 EUR') AS p \gset
SELECT commerce.refund_payment(:'p'), pg_temp.pay(:'again', '80 EUR') IS NOT NULL AS paid;
SELECT refunded FROM commerce.refund_order(:'again', '5 EUR');
SELECT commerce.cancel_lines(:'again', '[{"sku": "docs-book", "quantity": 1}]');
SELECT refunded FROM commerce.refund_order(:'again', '10 EUR');
SELECT commerce.request_invoice(:'again'), commerce.issue_invoices() > 0 AS issued;
SELECT * FROM pg_temp.documents(:'again');

-- Of two taxes each has its part of what comes back, however many digits that has: 7 x 14.29 = 100.03, with 19 % 15.84 and 1 % 0.83; 6/7 of it
-- are 85.74, of 15.84 13.5771 and of 0.83 0.7114.
INSERT INTO commerce.tax_zones (code, countries) VALUES ('docs-two', '{YW}');
INSERT INTO commerce.tax_rates (zone, name, rate, included) VALUES ('docs-two', 'VAT', 19, true), ('docs-two', 'levy', 1, true);
INSERT INTO commerce.variants (sku, track_stock, requires_shipping) VALUES ('docs-week', false, false);
INSERT INTO commerce.prices (sku, price) VALUES ('docs-week', '14.29 EUR');
SELECT commerce.checkout('[{"sku": "docs-week", "quantity": 7}]', channel => 'docs', ship_to => '{"country": "YW"}') AS week \gset
SELECT pg_temp.pay(:'week') IS NOT NULL AS paid, commerce.receive_return(commerce.request_return(:'week', '[{"line": 1, "quantity": 6}]')) AS "85.74";
SELECT * FROM pg_temp.documents(:'week');

-- The series have no gaps.
SELECT series, count(*) = max(number) AND count(*) = count(DISTINCT number) AS "without gaps" FROM commerce.invoices WHERE series LIKE 'docs-%' GROUP BY 1 ORDER BY 1;

-- What each tax is on: shipping that is taxed as the goods are, goods of rate 0, goods without any tax, and goods with two.
INSERT INTO commerce.tax_zones (code, countries) VALUES ('docs-bases', '{YB}'), ('docs-2', '{YC}');
INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included) VALUES ('docs-bases', 'standard', 'VAT', 20, true), ('docs-bases', 'docs-low', 'VAT', 7, true),
    ('docs-bases', 'docs-zero', 'VAT', 0, true), ('docs-2', 'standard', 'State', 5, false), ('docs-2', 'standard', 'City', 2, false);
INSERT INTO commerce.products (handle, tax_class) VALUES ('docs-low', 'docs-low'), ('docs-zero', 'docs-zero'), ('docs-none', 'docs-none');
INSERT INTO commerce.variants (sku, product_id, track_stock) SELECT handle || '-1', id, false FROM commerce.products WHERE handle IN ('docs-low', 'docs-zero', 'docs-none');
INSERT INTO commerce.variants (sku, track_stock) VALUES ('docs-std-1', false);
INSERT INTO commerce.prices (sku, price) VALUES ('docs-std-1', '60 EUR'), ('docs-low-1', '10.70 EUR'), ('docs-zero-1', '5 EUR'), ('docs-none-1', '3 EUR');
INSERT INTO commerce.shipping_methods (code) VALUES ('docs-post');
INSERT INTO commerce.shipping_prices (method, price) VALUES ('docs-post', '4.99 EUR');
CREATE FUNCTION pg_temp.send(lines jsonb, country text) RETURNS uuid LANGUAGE sql AS
    $$ SELECT commerce.checkout(lines, channel => 'docs', ship_to => jsonb_build_object('country', country), shipping_method => 'docs-post') $$;
CREATE FUNCTION pg_temp.bases(the_order uuid) RETURNS TABLE (invoice_number text, cause text, net text, total text, taxes text, untaxed bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM commerce.issue_invoices();
    RETURN QUERY SELECT i.invoice_number, i.cause, i.net::text, i.total::text, (SELECT string_agg(format('%s %s of %s %s', t ->> 'name', trim_scale((t ->> 'rate')::numeric), t #>> '{base,amount}', t #>> '{amount,amount}'), ', ')
        FROM jsonb_array_elements(i.taxes) t), commerce.minor_units(i.net) - (SELECT coalesce(sum((t #>> '{base,minor}')::bigint), 0)::bigint FROM jsonb_array_elements(i.taxes) t)
        FROM commerce.invoices i WHERE i.order_id = the_order ORDER BY i.issued_at, i.kind DESC, i.number;
END $$;
SELECT pg_temp.send('[{"sku": "docs-std-1", "quantity": 2}, {"sku": "docs-low-1", "quantity": 3}, {"sku": "docs-zero-1", "quantity": 1}]', 'YB') AS b \gset
SELECT pg_temp.pay(:'b') IS NOT NULL AS paid;
SELECT * FROM pg_temp.bases(:'b');
SELECT shipping FROM commerce.orders WHERE id = :'b';
SELECT line, tax_class, rate, amount FROM commerce.order_taxes WHERE order_id = :'b' ORDER BY 1, 2;
SELECT commerce.cancel_lines(:'b', '[{"line": 3, "quantity": 1}, {"line": 2, "quantity": 1}]');
SELECT commerce.fulfil(:'b') IS NOT NULL AS sent;
SELECT commerce.receive_return(commerce.request_return(:'b', '[{"line": 1, "quantity": 1}, {"line": 2, "quantity": 1}]'));
SELECT refunded FROM commerce.refund_order(:'b');
SELECT * FROM pg_temp.bases(:'b');
-- Shipping of a class of its own for each of the goods' classes: 4.99 by what they cost, 60, 10.70 and 5.
UPDATE commerce.shipping_methods SET tax_class = NULL WHERE code = 'docs-post';
SELECT pg_temp.send('[{"sku": "docs-std-1", "quantity": 1}, {"sku": "docs-low-1", "quantity": 1}, {"sku": "docs-zero-1", "quantity": 1}]', 'YB') AS b \gset
SELECT pg_temp.send('[{"sku": "docs-std-1", "quantity": 1}, {"sku": "docs-low-1", "quantity": 1}]', 'YB') AS c \gset
SELECT pg_temp.pay(:'b') IS NOT NULL AS paid, pg_temp.pay(:'c') IS NOT NULL AS paid;
SELECT tax_class, rate, amount FROM commerce.order_taxes WHERE order_id = :'b' AND line = 0 ORDER BY 1;
SELECT * FROM commerce.shipping_bases(:'b');
SELECT * FROM commerce.shipping_bases(:'c');
SELECT * FROM pg_temp.bases(:'b') UNION ALL SELECT * FROM pg_temp.bases(:'c');
UPDATE commerce.shipping_prices SET price = '107.77 EUR' WHERE method = 'docs-post';
SELECT pg_temp.send('[{"sku": "docs-std-1", "quantity": 1}, {"sku": "docs-low-1", "quantity": 7}]', 'YB') AS c \gset
SELECT pg_temp.pay(:'c') IS NOT NULL AS paid;
SELECT tax_class, amount FROM commerce.order_taxes WHERE order_id = :'c' AND line = 0 ORDER BY 1;
SELECT * FROM pg_temp.bases(:'c');
UPDATE commerce.shipping_prices SET price = '4.99 EUR' WHERE method = 'docs-post';
UPDATE commerce.shipping_methods SET tax_class = 'standard' WHERE code = 'docs-post';
-- Without any tax, beside what has one.
SELECT pg_temp.send('[{"sku": "docs-std-1", "quantity": 2}, {"sku": "docs-none-1", "quantity": 2}]', 'YB') AS b \gset
SELECT pg_temp.pay(:'b') IS NOT NULL AS paid, commerce.fulfil(:'b') IS NOT NULL AS sent;
SELECT commerce.receive_return(commerce.request_return(:'b', '[{"line": 1, "quantity": 1}, {"line": 2, "quantity": 1}]'));
SELECT refunded FROM commerce.refund_order(:'b', '63 EUR');
SELECT refunded FROM commerce.refund_order(:'b', '10 EUR');
SELECT * FROM pg_temp.bases(:'b');
-- Two taxes on the same.
SELECT pg_temp.send('[{"sku": "docs-std-1", "quantity": 2}]', 'YC') AS b \gset
SELECT pg_temp.pay(:'b') IS NOT NULL AS paid, commerce.fulfil(:'b') IS NOT NULL AS sent;
SELECT commerce.receive_return(commerce.request_return(:'b', '[{"line": 1, "quantity": 1}]'));
SELECT refunded FROM commerce.refund_order(:'b');
SELECT * FROM pg_temp.bases(:'b');
-- No taxes at all.
SELECT pg_temp.send('[{"sku": "docs-std-1", "quantity": 2}]', 'YE') AS b \gset
SELECT pg_temp.pay(:'b') IS NOT NULL AS paid, commerce.fulfil(:'b') IS NOT NULL AS sent;
SELECT commerce.receive_return(commerce.request_return(:'b', '[{"line": 1, "quantity": 1}]'));
SELECT refunded FROM commerce.refund_order(:'b', '70 EUR');
SELECT * FROM pg_temp.bases(:'b');
-- A third of 210, whose tax of 33.53 parts into three without end: 11.18.
INSERT INTO commerce.tax_zones (code, countries) VALUES ('docs-third', '{YK}');
INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included) VALUES ('docs-third', 'standard', 'VAT', 19, true);
INSERT INTO commerce.variants (sku, track_stock) VALUES ('docs-third', false);
INSERT INTO commerce.prices (sku, price) VALUES ('docs-third', '70 EUR');
SELECT commerce.checkout('[{"sku": "docs-third", "quantity": 3}]', channel => 'docs', ship_to => '{"country": "YK"}') AS b \gset
SELECT pg_temp.pay(:'b') IS NOT NULL AS paid, commerce.fulfil(:'b') IS NOT NULL AS sent;
SELECT commerce.receive_return(commerce.request_return(:'b', '[{"line": 1, "quantity": 1}]'));
SELECT * FROM pg_temp.bases(:'b');

-- What was credited and is paid again is billed again: a part in its proportion, all of it to the cent of each tax.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}, {"sku": "docs-book", "quantity": 2}]') AS again \gset
SELECT pg_temp.pay(:'again') IS NOT NULL AS paid, (SELECT sum(commerce.minor_units(refunded)) FROM commerce.refund_order(:'again', '21.40 EUR')) AS refunded;
SELECT * FROM pg_temp.documents(:'again');
SELECT pg_temp.pay(:'again', '10 EUR') IS NOT NULL AS paid;
SELECT * FROM pg_temp.documents(:'again');
SELECT pg_temp.pay(:'again', '11.40 EUR') IS NOT NULL AS paid;
SELECT * FROM pg_temp.documents(:'again');
SELECT net, tax, total, (SELECT bool_and(sign((t #>> '{amount,minor}')::bigint) >= 0) FROM jsonb_array_elements(taxes) t) AS positive FROM commerce.invoices WHERE order_id = :'again' AND cause = 'repaid' ORDER BY number;
-- All of it goes back and is paid another way; seen at once, there is nothing to say.
SELECT (SELECT sum(commerce.minor_units(refunded)) FROM commerce.refund_order(:'again')) AS refunded;
SELECT * FROM pg_temp.documents(:'again');
SELECT pg_temp.pay(:'again') IS NOT NULL AS paid;
SELECT * FROM pg_temp.documents(:'again');
SELECT (SELECT sum(commerce.minor_units(refunded)) FROM commerce.refund_order(:'again', '5 EUR')) AS refunded, pg_temp.pay(:'again') IS NOT NULL AS paid, count(*) AS documents FROM commerce.invoices WHERE order_id = :'again';
SELECT count(*) - 1 AS documents FROM pg_temp.documents(:'again');
-- A promise is no money, and what is not credited is not billed again: a dearer order has its supplement by its edit.
SELECT (SELECT sum(commerce.minor_units(refunded)) FROM commerce.refund_order(:'again', '6 EUR')) AS refunded, pg_temp.edit(:'again', '[{"line": 1, "quantity": 2}]');
SELECT total FROM pg_temp.documents(:'again') WHERE cause = 'all';
SELECT pg_temp.pay(:'again', '60 EUR') IS NOT NULL AS paid;
SELECT total FROM pg_temp.documents(:'again') WHERE cause = 'all';
SELECT commerce.authorize_payment(:'again', '6 EUR') AS promise \gset
SELECT total FROM pg_temp.documents(:'again') WHERE cause = 'all';
SELECT commerce.capture_payment(:'promise');
SELECT total, taxes FROM pg_temp.documents(:'again') WHERE cause = 'all';
-- Beside goods that came back, where the invoice comes early, and cancelled meanwhile.
SELECT pg_temp.buy('docs_early', '[{"sku": "docs-book", "quantity": 2}]') AS early \gset
SELECT pg_temp.pay(:'early') IS NOT NULL AS paid, commerce.fulfil(:'early') IS NOT NULL AS sent, commerce.order_event(:'early', 'confirm');
SELECT (SELECT sum(commerce.minor_units(refunded)) FROM commerce.refund_order(:'early', '4 EUR')) AS refunded, commerce.receive_return(commerce.request_return(:'early', '[{"line": 1, "quantity": 1}]'));
SELECT cause, total FROM pg_temp.documents(:'early');
SELECT (SELECT sum(commerce.minor_units(refunded)) FROM commerce.refund_order(:'early', '10.70 EUR')) AS refunded;
SELECT total FROM pg_temp.documents(:'early') WHERE cause = 'all';
SELECT pg_temp.pay(:'early', '4 EUR') IS NOT NULL AS paid;
SELECT cause, total, taxes FROM pg_temp.documents(:'early');
SELECT pg_temp.buy('docs', '[{"sku": "docs-book", "quantity": 2}]') AS off \gset
SELECT pg_temp.pay(:'off') IS NOT NULL AS paid, (SELECT sum(commerce.minor_units(refunded)) FROM commerce.refund_order(:'off', '4 EUR')) AS refunded;
SELECT total FROM pg_temp.documents(:'off') WHERE cause = 'all';
SELECT pg_temp.pay(:'off', '4 EUR') IS NOT NULL AS paid, commerce.order_event(:'off', 'cancel');
SELECT cause, total FROM pg_temp.documents(:'off');
-- What a card holder's bank took back the shop has not: a payment beside it is no excess, so what is given back of it is credit, and what
-- comes back of the dispute is billed again as far as it was credited. What the documents say, and what the shop has of captures.
CREATE FUNCTION pg_temp.had(the_order uuid) RETURNS text LANGUAGE sql AS $$ SELECT d.total || ' of ' || (SELECT commerce.from_minor(sum(CASE WHEN e.kind IN ('capture', 'reversal') THEN 1
    WHEN e.kind IN ('refund', 'chargeback') THEN -1 ELSE 0 END * commerce.minor_units(e.amount))::bigint, 'EUR') FROM commerce.payment_entries e WHERE e.order_id = the_order)
    FROM pg_temp.documents(the_order) d WHERE d.cause = 'all' $$;
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}]') AS cb \gset
SELECT pg_temp.pay(:'cb') AS p1 \gset
SELECT pg_temp.had(:'cb') AS paid, commerce.charge_back_payment(:'p1'), pg_temp.had(:'cb') AS disputed, pg_temp.pay(:'cb') AS p2 \gset disputed_
SELECT :'disputed_paid' AS paid, :'disputed_disputed' AS disputed, pg_temp.had(:'cb') AS paid_again;
SELECT commerce.refund_payment(:'disputed_p2', '10 EUR'), pg_temp.had(:'cb') AS goodwill;
SELECT commerce.reverse_chargeback(:'p1'), pg_temp.had(:'cb') AS won;
SELECT commerce.refund_payment(:'p1'), pg_temp.had(:'cb') AS excess_back;
SELECT * FROM pg_temp.documents(:'cb');
-- All of the second payment goes back, and then the dispute is won.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}, {"sku": "docs-book", "quantity": 1}]') AS cb \gset
SELECT pg_temp.pay(:'cb') AS p1 \gset
SELECT commerce.charge_back_payment(:'p1') AS x, pg_temp.pay(:'cb') AS p2 \gset
SELECT commerce.refund_payment(:'p2'), pg_temp.had(:'cb') AS all_back;
SELECT commerce.reverse_chargeback(:'p1', '30 EUR'), pg_temp.had(:'cb') AS won_in_part;
SELECT commerce.reverse_chargeback(:'p1'), pg_temp.had(:'cb') AS won;
SELECT * FROM pg_temp.documents(:'cb');
-- A part is given up by request; goodwill beside it is credit, too, and what is won after all is billed again.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}]') AS cb \gset
SELECT pg_temp.pay(:'cb') AS p1 \gset
SELECT commerce.charge_back_payment(:'p1', '20 EUR'), commerce.request_credit_note(:'p1') AS given_up, pg_temp.had(:'cb');
SELECT commerce.refund_payment(:'p1', '10 EUR'), pg_temp.had(:'cb') AS goodwill;
SELECT commerce.reverse_chargeback(:'p1'), pg_temp.had(:'cb') AS won;
SELECT * FROM pg_temp.documents(:'cb');
-- All is given up by request and then paid again; and of that some is given back.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}]') AS cb \gset
SELECT pg_temp.pay(:'cb') AS p1 \gset
SELECT commerce.charge_back_payment(:'p1'), commerce.request_credit_note(:'p1') AS given_up, pg_temp.had(:'cb');
SELECT pg_temp.pay(:'cb', '45 EUR') AS p2 \gset
SELECT pg_temp.had(:'cb') AS paid_in_part;
SELECT commerce.refund_payment(:'p2', '10 EUR'), pg_temp.had(:'cb') AS goodwill;
SELECT * FROM pg_temp.documents(:'cb');
-- Goods come back: their credit is all, and the refund of either payment none.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}]') AS cb \gset
SELECT pg_temp.pay(:'cb') AS p1, commerce.fulfil(:'cb') IS NOT NULL AS sent \gset
SELECT commerce.charge_back_payment(:'p1') AS x, pg_temp.pay(:'cb') AS p2 \gset
SELECT commerce.receive_return(commerce.request_return(:'cb', '[{"line": 1, "quantity": 1}]')), pg_temp.had(:'cb') AS returned;
SELECT commerce.refund_payment(:'p2'), pg_temp.had(:'cb');
SELECT commerce.reverse_chargeback(:'p1'), pg_temp.had(:'cb');
SELECT commerce.refund_payment(:'p1'), pg_temp.had(:'cb');
SELECT cause, total FROM pg_temp.documents(:'cb');
-- A dispute about a part, and the rest given back.
SELECT pg_temp.buy('docs', '[{"sku": "docs-lamp", "quantity": 1}]') AS cb \gset
SELECT pg_temp.pay(:'cb') AS p1 \gset
SELECT commerce.charge_back_payment(:'p1', '20 EUR'), (SELECT sum(commerce.minor_units(refunded)) FROM commerce.refund_order(:'cb', '40 EUR')) AS refunded, pg_temp.had(:'cb');
SELECT commerce.reverse_chargeback(:'p1'), pg_temp.had(:'cb') AS won;
-- Each document is the sum of its taxes, whatever it is about.
SELECT count(*) AS wrong FROM commerce.invoices i WHERE i.series LIKE 'docs%' AND commerce.minor_units(i.tax) <> (SELECT coalesce(sum((t #>> '{amount,minor}')::bigint), 0) FROM jsonb_array_elements(i.taxes) t);
