-- Part of an order is taken out: what it costs then, cent by cent, and what becomes of stock, payments and its lines.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
SET search_path = public, commerce;
\pset format unaligned

-- What is raised, without ids and times.
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    facts text;
BEGIN
    EXECUTE statement;
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, facts = PG_EXCEPTION_DETAIL;
    RETURN regexp_replace(regexp_replace(format('%s: %s %s', state, message, facts), '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'ID', 'g'),
        '[0-9]{4}-[0-9-]+T[0-9:.+-]+', 'TIME', 'g');
END $$;
INSERT INTO commerce.channels (code, invoice_on) VALUES ('part', 'never');
-- Two taxes, added; shipping 4.99.
INSERT INTO commerce.tax_zones (code, countries) VALUES ('part', '{YP}');
INSERT INTO commerce.tax_rates (zone, name, rate) VALUES ('part', 'State', 6.25), ('part', 'City', 3);
INSERT INTO commerce.shipping_methods (code) VALUES ('part-post');
INSERT INTO commerce.shipping_prices (method, price) VALUES ('part-post', '4.99 EUR');
INSERT INTO commerce.variants (sku, track_stock) VALUES ('part-A', true), ('part-B', true), ('part-S', false), ('part-P', true), ('part-Q', true), ('part-kit', true);
INSERT INTO commerce.kit_parts (kit, part, quantity) VALUES ('part-kit', 'part-P', 2), ('part-kit', 'part-Q', 1);
INSERT INTO commerce.prices (sku, price) VALUES ('part-A', '3.33 EUR'), ('part-B', '10 EUR'), ('part-S', '2 EUR'), ('part-kit', '9 EUR');
INSERT INTO commerce.promotions (name, benefit, needs_code) VALUES ('part', '10% off order', true);
INSERT INTO commerce.promotion_codes (code, promotion) SELECT 'PART10', id FROM commerce.promotions WHERE name = 'part';
SELECT count(commerce.receive_stock(sku, 20)) FROM unnest('{part-A,part-B,part-P,part-Q}'::text[]) sku;
CREATE FUNCTION pg_temp.buy(lines jsonb, codes text[] DEFAULT NULL) RETURNS uuid LANGUAGE sql AS
    $$ SELECT commerce.checkout(lines, codes, channel => 'part', ship_to => '{"country": "YP"}', shipping_method => 'part-post') $$;
CREATE VIEW pg_temp.lines AS SELECT order_id, line, quantity AS q, cancelled AS c, subtotal, discount, tax, total,
    (SELECT string_agg(format('%s %s', name, amount), ', ' ORDER BY name) FROM commerce.order_taxes t WHERE t.order_id = l.order_id AND t.line = l.line) AS taxes
    FROM commerce.order_lines l;

-- 7 x 3.33 = 23.31, 10 % off 2.331 is 2.33, taxes on 20.98: 6.25 % 1.31125 is 1.31, 3 % 0.6294 is 0.63.
SELECT pg_temp.buy('[{"sku": "part-A", "quantity": 7}, {"sku": "part-S", "quantity": 1}]', '{part10}') AS o \gset
SELECT line, q, c, subtotal, discount, tax, total, taxes FROM pg_temp.lines WHERE order_id = :'o' ORDER BY line;
SELECT subtotal, discount, shipping, tax, total, version FROM commerce.orders WHERE id = :'o';
-- 2 out: 5/7 of each: 16.65, 1.664 -> 1.66, 1.386 -> 1.39 of which State 0.9377 (.94), City 0.4523 (.45).
-- The line cost 22.92; it costs 16.65 - 1.66 + 1.39 = 16.38; 6.54 less.
SELECT commerce.cancel_lines(:'o', '[{"sku": "part-A", "quantity": 2}]', 'sold out') AS "6.54";
SELECT line, q, c, subtotal, discount, tax, total, taxes FROM pg_temp.lines WHERE order_id = :'o' ORDER BY line;
SELECT subtotal, discount, shipping, tax, total, version FROM commerce.orders WHERE id = :'o';
SELECT commerce.available('part-A') AS "15 of 20", (SELECT string_agg(format('%s %s', state, quantity), ', ' ORDER BY state) FROM commerce.reservations WHERE order_id = :'o') AS reserved;
SELECT version, cause, reason, difference, tax, taxes, actor = current_user AS actor FROM commerce.order_versions WHERE order_id = :'o';
SELECT document -> 'total' ->> 'amount' AS total, document -> 'lines' -> 0 ->> 'quantity' AS quantity, document -> 'lines' -> 0 -> 'taxes' AS taxes,
    jsonb_array_length(document -> 'lines' -> 0 -> 'discounts') AS discounts FROM commerce.order_versions WHERE order_id = :'o';
SELECT payload - 'order_id' AS told FROM commerce.outbox WHERE aggregate = :'o' AND topic = 'order.lines_cancelled';

-- One after the other leaves what all at once leave: the shares are of the price as it was bought at.
SELECT pg_temp.buy('[{"sku": "part-A", "quantity": 7}, {"sku": "part-S", "quantity": 1}]', '{part10}') AS one \gset
SELECT pg_temp.buy('[{"sku": "part-A", "quantity": 7}, {"sku": "part-S", "quantity": 1}]', '{part10}') AS all \gset
SELECT n, commerce.cancel_lines(:'one', '[{"line": 1, "quantity": 1}]') AS less FROM generate_series(1, 6) n;
SELECT commerce.cancel_lines(:'all', '[{"line": 1, "quantity": 6}]') AS "19.64";
-- 1/7: 3.33, 0.3329 -> 0.33, 0.2771 -> 0.28: 3.28.
SELECT line, q, c, subtotal, discount, tax, total, taxes FROM pg_temp.lines WHERE order_id = :'one' ORDER BY line;
SELECT bool_and((a.subtotal, a.discount, a.tax, a.total, a.taxes) = (b.subtotal, b.discount, b.tax, b.total, b.taxes)) AS same
    FROM pg_temp.lines a JOIN pg_temp.lines b USING (line) WHERE a.order_id = :'one' AND b.order_id = :'all';
SELECT version FROM commerce.orders WHERE id = :'one';
-- The last unit takes the last cent, and the line stays as what it was.
SELECT commerce.cancel_lines(:'one', '[{"line": 1, "quantity": 1}]') AS "3.28";
SELECT line, q, c, subtotal, discount, tax, total, taxes FROM pg_temp.lines WHERE order_id = :'one' ORDER BY line;
SELECT (commerce.order_summary(:'one') -> 'lines' -> 0) @> '{"quantity": 0, "cancelled": 7}' AS told, commerce.order_fulfilment_status(:'one');
-- What is gone is gone; a line without units is found by its number, and never meant by its sku.
SELECT pg_temp.refused(format('SELECT commerce.cancel_lines(%L, ''[{"line": 1, "quantity": 1}]'')', :'one'));
SELECT pg_temp.refused(format('SELECT commerce.cancel_lines(%L, ''[{"sku": "part-A", "quantity": 1}]'')', :'one'));
SELECT commerce.fulfil(:'one') IS NOT NULL AS sent;
SELECT line, quantity FROM commerce.fulfilment_lines WHERE order_id = :'one';
SELECT commerce.order_fulfilment_status(:'one');
SELECT pg_temp.refused(format('SELECT commerce.request_return(%L, ''[{"line": 1, "quantity": 1}]'')', :'one'));
SELECT sku, units FROM (SELECT sku, sum(quantity) AS units FROM commerce.sales_lines WHERE order_id = :'one' GROUP BY sku) s;

-- Sent units stay; returns of them are worth their share of what the line costs now, the last with the last cent.
SELECT pg_temp.buy('[{"sku": "part-A", "quantity": 3}]', '{part10}') AS sent \gset
SELECT line, q, c, subtotal, discount, tax, total, taxes FROM pg_temp.lines WHERE order_id = :'sent';
SELECT commerce.fulfil(:'sent', '[{"line": 1, "quantity": 2}]') IS NOT NULL AS sent;
SELECT pg_temp.refused(format('SELECT commerce.cancel_lines(%L, ''[{"line": 1, "quantity": 2}]'')', :'sent'));
-- 9.99 - 1.00 + 0.83 = 9.82. Of 3 units 2: 6.66, 0.67, 0.553 -> 0.55: 6.54; less 3.28.
SELECT commerce.cancel_lines(:'sent', '[{"line": 1, "quantity": 1}]') AS "3.28";
SELECT line, q, c, subtotal, discount, tax, total, taxes FROM pg_temp.lines WHERE order_id = :'sent';
SELECT commerce.order_fulfilment_status(:'sent');
SELECT commerce.request_return(:'sent', '[{"line": 1, "quantity": 1}]') AS r1, commerce.request_return(:'sent', '[{"line": 1, "quantity": 1}]') AS r2 \gset
SELECT commerce.receive_return(:'r1') AS "3.27", commerce.receive_return(:'r2') AS "3.27 too";
SELECT commerce.order_fulfilment_status(:'sent');
SELECT pg_temp.refused(format('SELECT commerce.fulfil(%L)', :'sent'));

-- What is taken out of a kit are its parts.
SELECT pg_temp.buy('[{"sku": "part-kit", "quantity": 3}, {"sku": "part-B", "quantity": 2}]') AS kit \gset
SELECT commerce.available('part-P') AS "14", commerce.available('part-Q') AS "17", commerce.available('part-B') AS "18";
SELECT commerce.cancel_lines(:'kit', '[{"sku": "part-kit", "quantity": 2}, {"sku": "part-B", "quantity": 1}]') IS NOT NULL AS cancelled;
SELECT commerce.available('part-P') AS "18", commerce.available('part-Q') AS "19", commerce.available('part-B') AS "19";
SELECT commerce.fulfil(:'kit') IS NOT NULL AS sent;
SELECT sku, on_hand FROM commerce.stock WHERE sku IN ('part-P', 'part-Q', 'part-B') ORDER BY sku;

-- Money: what is paid beyond the total is to be refunded.
SELECT pg_temp.buy('[{"sku": "part-B", "quantity": 2}]') AS paid \gset
SELECT total FROM commerce.orders WHERE id = :'paid';
SELECT commerce.capture_payment(commerce.authorize_payment(:'paid'));
SELECT commerce.cancel_lines(:'paid', '[{"sku": "part-B", "quantity": 1}]') AS less \gset
SELECT :'less' AS "10.92", commerce.order_payment_status(:'paid');
SELECT refunded FROM commerce.refund_order(:'paid', :'less');
SELECT commerce.order_payment_status(:'paid'), total FROM commerce.orders WHERE id = :'paid';

-- The last unit of all cancels the order, with what balances paid of it.
SELECT commerce.cancel_lines(:'paid', '[{"line": 1, "quantity": 1}]', 'all of it') AS "16.38";
SELECT state, version FROM commerce.orders WHERE id = :'paid';
SELECT event, detail FROM commerce.state_history WHERE subject = :'paid' AND relation = 'commerce.orders' ORDER BY id DESC LIMIT 1;
SELECT line, q, c FROM pg_temp.lines WHERE order_id = :'paid';
SELECT commerce.available('part-B') AS "19";
-- Reopened it is what it was last.
SELECT commerce.order_event(:'paid', 'reopen');
SELECT commerce.available('part-B') AS "18", (SELECT total FROM commerce.orders WHERE id = :'paid') AS total;

-- Who waits gets what is given back.
SELECT commerce.set_stock_policy('part-B', 'main', 0, NULL, NULL) \gset
SELECT pg_temp.buy('[{"sku": "part-B", "quantity": 17}, {"sku": "part-S", "quantity": 1}]') AS first \gset
SELECT pg_temp.buy('[{"sku": "part-B", "quantity": 3}]') AS waits \gset
SELECT count(*) AS told FROM commerce.outbox WHERE aggregate = :'waits' AND topic = 'stock.backorder_filled';
SELECT commerce.cancel_lines(:'first', '[{"sku": "part-B", "quantity": 1}]') AS "10.93";
SELECT count(*) AS told FROM commerce.outbox WHERE aggregate = :'waits' AND topic = 'stock.backorder_filled';
SELECT commerce.cancel_lines(:'first', '[{"sku": "part-B", "quantity": 1}]') AS "10.92";
SELECT payload - 'order_id' AS told FROM commerce.outbox WHERE aggregate = :'waits' AND topic = 'stock.backorder_filled';
SELECT * FROM commerce.verify_stock();

-- Taxes that prices contain, and a whole-cent price that parts badly: 3 for 10.00, of which 19 % 1.60.
INSERT INTO commerce.tax_zones (code, countries) VALUES ('part-in', '{YI}');
INSERT INTO commerce.tax_rates (zone, name, rate, included) VALUES ('part-in', 'VAT', 19, true);
INSERT INTO commerce.variants (sku, track_stock) VALUES ('part-3', false);
INSERT INTO commerce.prices (sku, price, per_quantity) VALUES ('part-3', '10 EUR', 3);
SELECT commerce.checkout('[{"sku": "part-3", "quantity": 3}]', channel => 'part', ship_to => '{"country": "YI"}') AS thirds \gset
-- 2/3: 6.67, 1.0667 -> 1.07; 1/3: 3.33, 0.5333 -> 0.53.
SELECT commerce.cancel_lines(:'thirds', '[{"line": 1, "quantity": 1}]') AS "3.33";
SELECT subtotal, tax, included_tax, total FROM commerce.orders WHERE id = :'thirds';
SELECT commerce.cancel_lines(:'thirds', '[{"line": 1, "quantity": 1}]') AS "3.34";
SELECT subtotal, tax, included_tax, total FROM commerce.orders WHERE id = :'thirds';

-- What needs no parcel and comes back is not taken out as well: each unit is given back once, by one or the other.
INSERT INTO commerce.variants (sku, track_stock, requires_shipping) VALUES ('part-help', false, false);
INSERT INTO commerce.prices (sku, price) VALUES ('part-help', '2 EUR');
SELECT commerce.checkout('[{"sku": "part-help", "quantity": 3}]', channel => 'part') AS help \gset
SELECT commerce.request_return(:'help', '[{"line": 1, "quantity": 2}]') AS back \gset
SELECT pg_temp.refused(format('SELECT commerce.cancel_lines(%L, ''[{"line": 1, "quantity": 2}]'')', :'help'));
SELECT pg_temp.refused(format('SELECT commerce.begin_edit(%L, ''[{"line": 1, "quantity": 1}]'')', :'help'));
SELECT commerce.cancel_lines(:'help', '[{"line": 1, "quantity": 1}]') AS "2.00", commerce.receive_return(:'back') AS "4.00";
SELECT pg_temp.refused(format('SELECT commerce.cancel_lines(%L, ''[{"line": 1, "quantity": 1}]'')', :'help'));

-- Refusals: nothing has changed by any of them.
SELECT version AS before FROM commerce.orders WHERE id = :'all' \gset
SELECT pg_temp.refused(format('SELECT commerce.cancel_lines(%L, %L)', :'all', lines)) FROM unnest(ARRAY[NULL, '[]', '{}', '"x"', '[1]', '[{}]', '[{"line": 1}]', '[{"line": 0, "quantity": 1}]',
    '[{"line": 9, "quantity": 1}]', '[{"line": 1, "quantity": 0}]', '[{"line": 1, "quantity": -1}]', '[{"line": 1, "quantity": 1.5}]', '[{"line": 1, "quantity": 1e30}]', '[{"line": "1", "quantity": 1}]',
    '[{"sku": "nothing", "quantity": 1}]', '[{"line": 1, "quantity": 1}, {"sku": "part-A", "quantity": 1}]']) WITH ORDINALITY x (lines, n) ORDER BY n;
SELECT pg_temp.refused('SELECT commerce.cancel_lines(NULL, ''[{"line": 1, "quantity": 1}]'')');
SELECT pg_temp.refused('SELECT commerce.cancel_lines(''00000000-0000-7000-8000-000000000000'', ''[{"line": 1, "quantity": 1}]'')');
SELECT commerce.order_event(:'kit', 'complete');
SELECT pg_temp.refused(format('SELECT commerce.cancel_lines(%L, ''[{"line": 1, "quantity": 1}]'')', :'kit'));
SELECT version = :before AS same FROM commerce.orders WHERE id = :'all';
SELECT split_part(pg_temp.refused(format('UPDATE commerce.order_lines SET quantity = 0 WHERE order_id = %L AND line = 2', :'all')), ' Failing', 1) AS refused;
SET ROLE commerce_reader;
SELECT pg_temp.refused(format('SELECT commerce.cancel_lines(%L, ''[{"line": 1, "quantity": 1}]'')', :'all'));
RESET ROLE;
UPDATE commerce.promotions SET status = 'ended' WHERE name = 'part';
