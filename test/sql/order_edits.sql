-- Orders are changed after they were placed: begun, looked at, confirmed or given up; and exchanges, which are edits, too.
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
INSERT INTO commerce.channels (code, invoice_on) VALUES ('edit', 'never');
INSERT INTO commerce.tax_zones (code, countries) VALUES ('edit', '{YE}');
INSERT INTO commerce.tax_rates (zone, name, rate, included) VALUES ('edit', 'VAT', 19, true);
INSERT INTO commerce.tax_rates (zone, tax_class, name, rate, included) VALUES ('edit', 'edit-book', 'VAT', 7, true);
INSERT INTO commerce.products (handle, title, tax_class) VALUES ('edit-book', 'A book', 'edit-book');
INSERT INTO commerce.variants (sku, product_id) SELECT 'edit-book', id FROM commerce.products WHERE handle = 'edit-book';
INSERT INTO commerce.variants (sku, minimum_price) VALUES ('edit-A', NULL), ('edit-B', NULL), ('edit-floor', '4 EUR');
INSERT INTO commerce.variants (sku, track_stock) VALUES ('edit-S', false);
INSERT INTO commerce.prices (sku, price) VALUES ('edit-book', '10.70 EUR'), ('edit-A', '10 EUR'), ('edit-B', '7 EUR'), ('edit-S', '2 EUR'), ('edit-floor', '5 EUR');
INSERT INTO commerce.promotions (name, benefit, needs_code) VALUES ('edit', '10% off order', true);
INSERT INTO commerce.promotion_codes (code, promotion) SELECT 'EDIT10', id FROM commerce.promotions WHERE name = 'edit';
SELECT count(commerce.receive_stock(sku, 10)) FROM unnest('{edit-A,edit-B,edit-book,edit-floor}'::text[]) sku;
CREATE FUNCTION pg_temp.buy(lines jsonb, codes text[] DEFAULT NULL) RETURNS uuid LANGUAGE sql AS
    $$ SELECT commerce.checkout(lines, codes, channel => 'edit', ship_to => '{"country": "YE"}') $$;
CREATE VIEW pg_temp.lines AS SELECT order_id, line, sku, quantity AS q, cancelled AS c, unit_price AS price, list_price AS list, subtotal, discount, tax, total, priced_version AS v,
    (SELECT string_agg(format('%s %s', coalesce(d.reason, 'promotion'), d.amount), ', ' ORDER BY number) FROM commerce.order_discounts d WHERE d.order_id = l.order_id AND d.line = l.line) AS discounts
    FROM commerce.order_lines l;
-- What is left of an edit's answer without ids.
CREATE FUNCTION pg_temp.sums(answer jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s', key, CASE jsonb_typeof(value) WHEN 'object' THEN value ->> 'amount' ELSE value::text END), ', ' ORDER BY key)
    FROM jsonb_each(answer) WHERE key NOT IN ('order', 'edit', 'lines', 'return') $$;

-- A: 3 x 10 = 30 less 3 is 27, tax 4.31; S: 2 less 0.20 is 1.80, tax 0.29: 28.80.
SELECT pg_temp.buy('[{"sku": "edit-A", "quantity": 3}, {"sku": "edit-S", "quantity": 1}]', '{edit10}') AS o \gset
SELECT line, sku, q, c, price, subtotal, discount, tax, total FROM pg_temp.lines WHERE order_id = :'o' ORDER BY line;
-- Two more of A at 10 without discount: 47, tax 7.504 -> 4.31 + 3.19 = 7.50; two books at today's price: 21.40, tax 1.40. 68.40 + 1.80 = 70.20.
UPDATE commerce.prices SET price = '12 EUR' WHERE sku = 'edit-A';
SELECT commerce.begin_edit(:'o', '[{"line": 1, "quantity": 5}, {"sku": "edit-book", "quantity": 2}]', 'customer called') AS e \gset
SELECT pg_temp.sums(commerce.preview_edit(:'e'));
SELECT l ->> 'line' AS line, l ->> 'sku' AS sku, l ->> 'quantity' AS q, l -> 'subtotal' ->> 'amount' AS subtotal, l -> 'discount' ->> 'amount' AS discount, l -> 'tax' ->> 'amount' AS tax, l -> 'total' ->> 'amount' AS total
    FROM jsonb_array_elements(commerce.preview_edit(:'e') -> 'lines') l;
-- Nothing has changed yet, but that it is being modified.
SELECT total, version, modifying, on_hold FROM commerce.orders o JOIN commerce.order_flags f ON f.order_id = o.id WHERE o.id = :'o';
SELECT count(*) AS lines, commerce.available('edit-book') AS books FROM commerce.order_lines WHERE order_id = :'o';
SELECT pg_temp.refused(format('SELECT commerce.begin_edit(%L, ''[{"line": 1, "quantity": 1}]'')', :'o'));
SELECT pg_temp.refused(format('SELECT commerce.confirm_edit(%L, ''41.39 EUR'')', :'e'));
SELECT pg_temp.refused(format('SELECT commerce.confirm_edit(%L, ''41.40 USD'')', :'e'));
SELECT state, modifying, total FROM commerce.orders o JOIN commerce.order_flags f ON f.order_id = o.id WHERE o.id = :'o';
SELECT pg_temp.sums(commerce.confirm_edit(:'e', '41.40 EUR'));
SELECT line, sku, q, c, price, subtotal, discount, tax, total, v FROM pg_temp.lines WHERE order_id = :'o' ORDER BY line;
SELECT total, tax, version, modifying FROM commerce.orders o JOIN commerce.order_flags f ON f.order_id = o.id WHERE o.id = :'o';
SELECT commerce.available('edit-A') AS "5", commerce.available('edit-book') AS "8";
SELECT version, cause, reason, difference, tax, taxes, document -> 'total' ->> 'amount' AS was, jsonb_array_length(document -> 'lines') AS lines,
    (SELECT sum((t -> 'amount' ->> 'minor')::bigint) FROM jsonb_array_elements(taxes) t) = commerce.minor_units(tax) AS "taxes add up"
    FROM commerce.order_versions v WHERE order_id = :'o';
SELECT state, difference, version, begun_by = current_user AND closed_by = current_user AS by FROM commerce.order_edits WHERE id = :'e';
SELECT event, from_state, to_state, detail - 'edit' AS detail FROM commerce.state_history WHERE subject = :'o' AND relation = 'commerce.orders' ORDER BY id;
SELECT payload - '{edit,order_id}'::text[] AS told FROM commerce.outbox WHERE aggregate = :'o' AND topic = 'order.edited';
SELECT pg_temp.refused(format('SELECT commerce.confirm_edit(%L)', :'e'));
SELECT pg_temp.refused(format('SELECT commerce.abort_edit(%L)', :'e'));
SELECT pg_temp.refused(format('SELECT commerce.preview_edit(%L)', :'e'));
SELECT pg_temp.refused(format('SELECT commerce.change_edit(%L, ''[{"line": 1, "quantity": 1}]'')', :'e'));
-- Units out of a line that got more: shares of what it was last set to. 2 of 5: 20, 1.20, tax 3.00 of 7.50 -> 18.80.
SELECT commerce.cancel_lines(:'o', '[{"line": 1, "quantity": 3}]') AS "28.20";
SELECT line, sku, q, c, price, subtotal, discount, tax, total, v FROM pg_temp.lines WHERE order_id = :'o' AND line = 1;

-- Given up, changed, and by events.
SELECT commerce.begin_edit(:'o', '[{"line": 2, "quantity": 0}]') AS e \gset
SELECT commerce.abort_edit(:'e');
SELECT commerce.order_event(:'o', 'begin_edit', '{"changes": [{"line": 2, "quantity": 0}], "reason": "by event"}');
SELECT id AS e FROM commerce.order_edits WHERE order_id = :'o' AND state = 'open' \gset
SELECT pg_temp.sums(commerce.preview_edit(:'e'));
SELECT commerce.change_edit(:'e', '[{"line": 3, "quantity": 1}]');
SELECT pg_temp.sums(commerce.preview_edit(:'e'));
SELECT pg_temp.refused(format('SELECT commerce.order_event(%L, ''confirm_edit'', ''{"expected_difference": "1 EUR"}'')', :'o'));
SELECT commerce.order_event(:'o', 'confirm_edit', '{"expected_difference": "-10.70 EUR"}');
SELECT pg_temp.refused(format('SELECT commerce.order_event(%L, ''confirm_edit'')', :'o'));
SELECT commerce.order_event(:'o', 'begin_edit', '{"changes": [{"line": 2, "quantity": 0}]}'), commerce.order_event(:'o', 'abort_edit');
SELECT state, count(*) FROM commerce.order_edits WHERE order_id = :'o' GROUP BY 1 ORDER BY 1;
-- Nobody fires these events without having done what they tell of.
SELECT pg_temp.refused(format('SELECT commerce.state_event(''commerce.orders'', ''{"id": "%s"}'', ''confirm_edit'')', :'o'));
SELECT pg_temp.refused(format('SELECT commerce.state_event(''commerce.orders'', ''{"id": "%s"}'', ''abort_edit'', ''{"edit": "%s"}'')', :'o', :'e'));
SELECT pg_temp.refused(format('UPDATE commerce.order_edits SET state = ''open'', closed_by = NULL, closed_at = NULL, difference = NULL WHERE id = %L', :'e'));

-- Short of stock: said before, refused at last, and nothing is done.
SELECT commerce.begin_edit(:'o', '[{"sku": "edit-B", "quantity": 11}, {"line": 2, "quantity": 0}]') AS e \gset
SELECT commerce.preview_edit(:'e') -> 'short' AS short;
SELECT pg_temp.refused(format('SELECT commerce.confirm_edit(%L)', :'e'));
SELECT version, count(*) FILTER (WHERE l.quantity > 0) AS lines FROM commerce.orders o JOIN commerce.order_lines l ON l.order_id = o.id WHERE o.id = :'o' GROUP BY 1;
SELECT commerce.change_edit(:'e', '[{"sku": "edit-B", "quantity": 1}, {"sku": "edit-B", "quantity": 1}, {"line": 2, "quantity": 0}]');
SELECT pg_temp.sums(commerce.confirm_edit(:'e'));
SELECT line, sku, q, c, subtotal, total, v FROM pg_temp.lines WHERE order_id = :'o' ORDER BY line;
-- A line that was taken out comes back, at its price.
SELECT pg_temp.sums(commerce.confirm_edit(commerce.begin_edit(:'o', '[{"line": 2, "quantity": 2}]')));
SELECT line, sku, q, c, price, subtotal, discount, tax, total, v FROM pg_temp.lines WHERE order_id = :'o' AND line = 2;
-- What changes nothing makes no version.
SELECT pg_temp.sums(commerce.confirm_edit(commerce.begin_edit(:'o', '[{"line": 2, "quantity": 2}]')));
SELECT version FROM commerce.order_edits WHERE order_id = :'o' ORDER BY id DESC LIMIT 1;

-- Catalogue promotions apply to new lines, others do not; taxes that have changed do so on a line of their own.
INSERT INTO commerce.promotions (name, class, benefit) VALUES ('edit-sale', 'catalog', '20% off units where sku = ''edit-B''');
INSERT INTO commerce.promotions (name, benefit, condition) VALUES ('edit-all', '1 EUR off order', 'quantity(sku = ''edit-B'') >= 1');
SELECT pg_temp.buy('[{"sku": "edit-A", "quantity": 1}]') AS taxed \gset
UPDATE commerce.tax_rates SET rate = 20 WHERE zone = 'edit' AND tax_class = 'standard';
-- A: 12.00, of which tax 1.92; one more with 20 %: 2.00. B: 5.60, of which 20 %: 0.93.
SELECT pg_temp.sums(commerce.confirm_edit(commerce.begin_edit(:'taxed', '[{"line": 1, "quantity": 2}, {"sku": "edit-B", "quantity": 1}]')));
SELECT line, sku, q, c, price, list, discount, tax, total FROM pg_temp.lines WHERE order_id = :'taxed' ORDER BY line;
UPDATE commerce.tax_rates SET rate = 19 WHERE zone = 'edit' AND tax_class = 'standard';
UPDATE commerce.promotions SET status = 'ended' WHERE name LIKE 'edit-%';

-- Prices and discounts: the promotion goes with the price, 10 % of it; what is taken off by hand goes with its reason.
-- A 4 x 12 less 4.80 (43.20). At 8: 32 less 3.20; less 5 by hand: 23.80, tax 3.80.
SELECT pg_temp.buy('[{"sku": "edit-A", "quantity": 4}, {"sku": "edit-S", "quantity": 5}]', '{edit10}') AS priced \gset
SET ROLE commerce_app;
SELECT pg_temp.refused(format('SELECT commerce.begin_edit(%L, %L)', :'priced', c)) FROM unnest('{"[{\"line\": 1, \"unit_price\": \"8\"}]","[{\"discount\": 1, \"reason\": \"x\"}]","[{\"line\": 1, \"discount\": 1, \"reason\": \"x\"}]","[{\"sku\": \"edit-B\", \"quantity\": 1, \"unit_price\": 0}]"}'::text[]) c;
RESET ROLE;
SELECT commerce.begin_edit(:'priced', '[{"line": 1, "unit_price": "8.00", "discount": "5.00", "reason": "scratched"}]') AS e \gset
SET ROLE commerce_app;
SELECT pg_temp.refused(format('SELECT commerce.change_edit(%L, ''[{"line": 1, "quantity": 1}]'')', :'e'));
SELECT pg_temp.sums(commerce.confirm_edit(:'e'));
RESET ROLE;
SELECT line, sku, q, c, price, subtotal, discount, tax, total, discounts FROM pg_temp.lines WHERE order_id = :'priced' ORDER BY line;
-- 6 EUR off the order, by what its lines cost: 23.80 and 9.00 of 32.80: 4.35 and 1.65.
SELECT pg_temp.sums(commerce.confirm_edit(commerce.begin_edit(:'priced', '[{"discount": {"amount": "6.00", "currency": "EUR"}, "reason": "late"}]')));
SELECT line, sku, q, c, price, subtotal, discount, tax, total, discounts FROM pg_temp.lines WHERE order_id = :'priced' ORDER BY line;
-- Less of them, and free: 2 of 4 at 8: discounts halve (1.60, 2.50, 2.175 -> 12.55 / 2 = 6.275 -> 6.28).
SELECT pg_temp.sums(commerce.confirm_edit(commerce.begin_edit(:'priced', '[{"line": 1, "quantity": 2}, {"line": 2, "unit_price": 0}]')));
SELECT line, sku, q, c, price, subtotal, discount, tax, total, discounts FROM pg_temp.lines WHERE order_id = :'priced' ORDER BY line;
-- A new line at a price of its own, with something off; below its minimum price no discount goes.
SELECT pg_temp.sums(commerce.confirm_edit(commerce.begin_edit(:'priced', '[{"sku": "edit-B", "quantity": 2, "unit_price": "6", "discount": "2", "reason": "friend"}, {"sku": "edit-floor", "quantity": 1, "discount": "3", "reason": "friend"}]')));
SELECT line, sku, q, c, price, subtotal, discount, tax, total, discounts FROM pg_temp.lines WHERE order_id = :'priced' AND line > 2 ORDER BY line;

-- Only what has not left is taken out.
SELECT pg_temp.buy('[{"sku": "edit-A", "quantity": 3}]') AS part \gset
SELECT commerce.fulfil(:'part', '[{"line": 1, "quantity": 2}]') IS NOT NULL AS sent;
SELECT pg_temp.refused(format('SELECT commerce.begin_edit(%L, ''[{"line": 1, "quantity": 1}]'')', :'part'));
SELECT commerce.begin_edit(:'part', '[{"line": 1, "quantity": 2}]') AS e \gset
SELECT commerce.fulfil(:'part') IS NOT NULL AS "the last one, too";
SELECT pg_temp.refused(format('SELECT commerce.preview_edit(%L)', :'e'));
SELECT pg_temp.refused(format('SELECT commerce.confirm_edit(%L)', :'e'));
SELECT commerce.abort_edit(:'e');
-- Money: paid, dearer, cheaper.
SELECT commerce.capture_payment(commerce.authorize_payment(:'part'));
SELECT commerce.order_payment_status(:'part'), total FROM commerce.orders WHERE id = :'part';
SELECT commerce.order_event(:'part', 'complete');
SELECT pg_temp.sums(commerce.confirm_edit(commerce.begin_edit(:'part', '[{"sku": "edit-B", "quantity": 1}]')));
SELECT commerce.order_payment_status(:'part'), state, total, commerce.order_fulfilment_status(:'part') FROM commerce.orders WHERE id = :'part';
SELECT commerce.capture_payment(commerce.authorize_payment(:'part'));
SELECT authorized AS "7 EUR" FROM commerce.payments WHERE order_id = :'part' ORDER BY id DESC LIMIT 1;
SELECT pg_temp.sums(commerce.confirm_edit(commerce.begin_edit(:'part', '[{"line": 2, "quantity": 0}]')));
SELECT commerce.order_payment_status(:'part'), state FROM commerce.orders WHERE id = :'part';
SELECT refunded FROM commerce.refund_order(:'part', '7 EUR');
SELECT commerce.order_payment_status(:'part') AS "some went back";

-- Refusals.
SELECT commerce.begin_edit(:'o', '[{"line": 2, "quantity": 1}]') AS e \gset
SELECT c AS changes, pg_temp.refused(format('SELECT commerce.change_edit(%L, %L)', :'e', c)) FROM unnest(ARRAY[NULL, '[]', '{}', '"x"', '[1]', '[{}]', '[{"line": 1}]', '[{"quantity": 1}]', '[{"line": 1, "sku": "edit-A", "quantity": 1}]',
    '[{"line": 0, "quantity": 1}]', '[{"line": 99, "quantity": 1}]', '[{"line": "1", "quantity": 1}]', '[{"line": 1.5, "quantity": 1}]', '[{"line": 1, "quantity": -1}]', '[{"line": 1, "quantity": 1.5}]', '[{"line": 1, "quantity": "1"}]',
    '[{"line": 1, "quantity": 1e13}]', '[{"sku": "edit-A"}]', '[{"sku": "edit-A", "quantity": 0}]', '[{"sku": 1, "quantity": 1}]', '[{"sku": "nothing", "quantity": 1}]', '[{"line": 1, "quantity": 1}, {"line": 1, "unit_price": 1}]',
    '[{"line": 1, "unit_price": -1}]', '[{"line": 1, "unit_price": "x"}]', '[{"line": 1, "unit_price": "1 USD"}]', '[{"line": 1, "unit_price": null}]', '[{"line": 1, "unit_price": "99999999999999999999"}]', '[{"line": 1, "discount": 1}]', '[{"line": 1, "discount": 0, "reason": "x"}]',
    '[{"line": 1, "discount": 1, "reason": ""}]', '[{"discount": 1000, "reason": "x"}]', '[{"line": 1, "quantity": 1, "reason": "x"}]', '[{"line": 1, "quantity": 1, "colour": "red"}]', '[{"sku": "edit-A", "quantity": 1000000000000, "unit_price": "999999999999"}]',
    '[{"line": 1, "quantity": 0}, {"line": 2, "quantity": 0}, {"line": 3, "quantity": 0}, {"line": 4, "quantity": 0}, {"line": 5, "quantity": 0}]']) WITH ORDINALITY x (c, n) ORDER BY n;
SELECT changes FROM commerce.order_edits WHERE id = :'e';
SELECT pg_temp.refused('SELECT commerce.begin_edit(NULL, ''[{"line": 1, "quantity": 1}]'')');
SELECT pg_temp.refused('SELECT commerce.confirm_edit(NULL)'), pg_temp.refused('SELECT commerce.preview_edit(NULL)'), pg_temp.refused('SELECT commerce.abort_edit(''00000000-0000-7000-8000-000000000000'')');
-- Cancelling the order gives the edit up; a cancelled one is not edited.
SELECT commerce.order_event(:'o', 'cancel');
SELECT state FROM commerce.order_edits WHERE id = :'e';
SELECT pg_temp.refused(format('SELECT commerce.begin_edit(%L, ''[{"line": 1, "quantity": 1}]'')', :'o'));
SELECT pg_temp.refused(format('SELECT commerce.order_event(%L, ''begin_edit'', ''{"changes": [{"line": 1, "quantity": 1}]}'')', :'o'));

-- Exchanges. Two A for 24 were sent and paid; one comes back (12), two B go out (14): 2 to pay.
SELECT pg_temp.buy('[{"sku": "edit-A", "quantity": 2}]') AS x \gset
SELECT commerce.capture_payment(commerce.authorize_payment(:'x')), commerce.fulfil(:'x') IS NOT NULL AS sent;
SELECT commerce.order_event(:'x', 'complete');
SELECT pg_temp.refused(format('SELECT commerce.request_exchange(%L, ''[{"line": 1, "quantity": 1}]'', ''[{"sku": "edit-B", "quantity": 2}]'', expected_difference => ''3 EUR'')', :'x'));
SELECT count(*) AS returns, (SELECT count(*) FROM commerce.order_edits WHERE order_id = :'x') AS edits FROM commerce.returns WHERE order_id = :'x';
SELECT commerce.request_exchange(:'x', '[{"line": 1, "quantity": 1}]', '[{"sku": "edit-B", "quantity": 2}]', 'too big', '2 EUR') AS answer \gset
SELECT pg_temp.sums(:'answer');
SELECT state, total, commerce.order_payment_status(id), commerce.order_fulfilment_status(id) FROM commerce.orders WHERE id = :'x';
SELECT pg_temp.refused(format('SELECT commerce.authorize_payment(%L, ''2.01 EUR'')', :'x'));
SELECT commerce.capture_payment(commerce.authorize_payment(:'x'));
SELECT commerce.order_payment_status(:'x'), commerce.fulfil(:'x') IS NOT NULL AS "sent what goes out";
-- The 12 that come back are paid out in goods.
SELECT commerce.receive_return((:'answer'::jsonb ->> 'return')::uuid) AS "0";
SELECT commerce.order_payment_status(:'x') AS paid, commerce.order_fulfilment_status(:'x');
-- Called off, what goes out is to be paid whole.
SELECT pg_temp.buy('[{"sku": "edit-A", "quantity": 2}]') AS y \gset
SELECT commerce.capture_payment(commerce.authorize_payment(:'y')), commerce.fulfil(:'y') IS NOT NULL AS sent;
SELECT commerce.request_exchange(:'y', '[{"line": 1, "quantity": 1}]', '[{"sku": "edit-B", "quantity": 1}]') AS answer \gset
-- 12 come back for 7: nothing to pay, and 5 to refund once they are here.
SELECT pg_temp.sums(:'answer'), commerce.order_payment_status(:'y');
SELECT commerce.return_event((:'answer'::jsonb ->> 'return')::uuid, 'decline');
SELECT commerce.order_payment_status(:'y'), pg_temp.refused(format('SELECT commerce.authorize_payment(%L, ''7.01 EUR'')', :'y'));
SELECT pg_temp.refused(format('SELECT commerce.request_exchange(%L, ''[{"line": 1, "quantity": 3}]'', ''[{"sku": "edit-B", "quantity": 1}]'')', :'y'));
SELECT pg_temp.refused(format('SELECT commerce.request_exchange(%L, ''[{"line": 1, "quantity": 1}]'', %L)', :'y', n)) FROM unnest(ARRAY[NULL, '[]', '{}', '[{"line": 1, "quantity": 5}]', '[{"sku": "edit-B", "quantity": 100}]']) n;
SELECT count(*) AS "one return" FROM commerce.returns WHERE order_id = :'y';
SELECT * FROM commerce.verify_stock();

-- A line of which units come back keeps its price: they are worth what was paid for them, and are given back once. What is taken off
-- the order is taken off the others, and units that are added have a line of their own.
SELECT pg_temp.buy('[{"sku": "edit-S", "quantity": 4}, {"sku": "edit-book", "quantity": 1}]', '{edit10}') AS z \gset
SELECT commerce.fulfil(:'z', '[{"line": 1, "quantity": 2}]') IS NOT NULL AS sent;
SELECT commerce.request_return(:'z', '[{"line": 1, "quantity": 2}]') AS back \gset
SELECT value AS "3.60" FROM commerce.return_lines WHERE return_id = :'back';
SELECT pg_temp.refused(format('SELECT commerce.begin_edit(%L, ''[{"line": 1, "unit_price": "1.00"}]'')', :'z'));
SELECT pg_temp.refused(format('SELECT commerce.begin_edit(%L, ''[{"line": 1, "discount": "1.00", "reason": "late"}]'')', :'z'));
SELECT commerce.confirm_edit(commerce.begin_edit(:'z', '[{"line": 1, "quantity": 5}, {"discount": "0.63", "reason": "late"}]')) -> 'difference' ->> 'amount' AS "2.00 - 0.63";
SELECT line, sku, q, c, price, discount, total, discounts FROM pg_temp.lines WHERE order_id = :'z' ORDER BY line;
SELECT commerce.cancel_lines(:'z', '[{"line": 1, "quantity": 2}]') AS "3.60", commerce.receive_return(:'back') AS "3.60";
-- One that does not come after all is changed as any other.
SELECT commerce.fulfil(:'z', '[{"line": 2, "quantity": 1}]') IS NOT NULL AS sent, commerce.request_return(:'z', '[{"line": 2, "quantity": 1}]') AS back \gset
SELECT pg_temp.refused(format('SELECT commerce.begin_edit(%L, ''[{"line": 2, "unit_price": "1.00"}]'')', :'z')), commerce.return_event(:'back', 'cancel');
SELECT pg_temp.refused(format('SELECT commerce.begin_edit(%L, ''[{"line": 2, "unit_price": "1.00"}]'')', :'z'));

-- What was given back as goodwill is not asked for again; it can be paid, and then it is not given away any more.
CREATE FUNCTION pg_temp.edit(id uuid, changes jsonb) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.sums(commerce.confirm_edit(commerce.begin_edit(id, changes))) $$;
CREATE FUNCTION pg_temp.give(id uuid, amount commerce.amount) RETURNS bigint LANGUAGE sql AS $$ SELECT sum(commerce.minor_units(refunded))::bigint FROM commerce.refund_order(id, amount) $$;
SELECT pg_temp.buy('[{"sku": "edit-S", "quantity": 50}]') AS w \gset
SELECT commerce.capture_payment(commerce.authorize_payment(:'w')), pg_temp.give(:'w', '10 EUR');
SELECT pg_temp.edit(:'w', '[{"line": 1, "quantity": 52}]') AS "4";
SELECT pg_temp.refused(format('SELECT commerce.authorize_payment(%L, ''14.01 EUR'')', :'w'));
SELECT commerce.capture_payment(commerce.authorize_payment(:'w', '4 EUR')), pg_temp.edit(:'w', '[{"line": 1, "quantity": 53}]') AS "2";
-- Cheaper by less than was given away it is still; by more, what is beyond is to be refunded.
SELECT commerce.capture_payment(commerce.authorize_payment(:'w', '2 EUR')), pg_temp.edit(:'w', '[{"line": 1, "quantity": 50}]') AS "nothing", pg_temp.edit(:'w', '[{"line": 1, "quantity": 47}]') AS "2 back";
SELECT pg_temp.give(:'w', '2 EUR'), pg_temp.edit(:'w', '[{"line": 1, "quantity": 50}]') AS "6, since nothing is given away";
-- Paid again, all of it is asked for from then on; a promise that is given up is asked for.
SELECT commerce.capture_payment(commerce.authorize_payment(:'w')), pg_temp.give(:'w', '10 EUR'), commerce.capture_payment(commerce.authorize_payment(:'w', '7 EUR')), pg_temp.edit(:'w', '[{"line": 1, "quantity": 51}]') AS "2, and 3 are given";
SELECT commerce.authorize_payment(:'w') AS promise \gset
SELECT pg_temp.edit(:'w', '[{"line": 1, "quantity": 52}]') AS "2", commerce.void_payment(:'promise'), pg_temp.edit(:'w', '[{"line": 1, "quantity": 53}]') AS "9";
-- Of what was never paid nothing is given away; what a payment has not taken when it is refunded is to be paid.
SELECT pg_temp.buy('[{"sku": "edit-S", "quantity": 50}]') AS w \gset
SELECT commerce.authorize_payment(:'w', '60 EUR') AS part \gset
SELECT commerce.capture_payment(:'part', '40 EUR'), commerce.refund_payment(:'part', '5 EUR'), pg_temp.edit(:'w', '[{"line": 1, "quantity": 51}]') AS "102 - 35 - 5";
-- Nor where a lower price makes up for it before what was never paid: the documents say what it costs, and so much is to be paid.
SELECT pg_temp.buy('[{"sku": "edit-S", "quantity": 15}]') AS w \gset
SELECT commerce.capture_payment(commerce.authorize_payment(:'w', '10 EUR')), pg_temp.give(:'w', '10 EUR'), pg_temp.edit(:'w', '[{"line": 1, "quantity": 13}]') AS "26 - 6", pg_temp.edit(:'w', '[{"line": 1, "quantity": 5}]') AS "10";
-- Goods that came back are paid back, and no gift; nor is what was given back when the order was called off.
SELECT commerce.receive_stock('edit-A', 4) > 0 AS received \gset
SELECT pg_temp.buy('[{"sku": "edit-A", "quantity": 4}]') AS w \gset
SELECT commerce.capture_payment(commerce.authorize_payment(:'w')), commerce.fulfil(:'w') IS NOT NULL AS sent, commerce.receive_return(commerce.request_return(:'w', '[{"line": 1, "quantity": 1}]')), pg_temp.give(:'w', '13 EUR');
SELECT pg_temp.edit(:'w', '[{"sku": "edit-S", "quantity": 1}]') AS "2, and 1 is given";
SELECT pg_temp.buy('[{"sku": "edit-S", "quantity": 5}]') AS w \gset
SELECT commerce.capture_payment(commerce.authorize_payment(:'w')), commerce.order_event(:'w', 'cancel'), pg_temp.give(:'w', '10 EUR'), commerce.order_event(:'w', 'reopen');
SELECT pg_temp.edit(:'w', '[{"line": 1, "quantity": 6}]') AS "12";
-- On account it is what was settled that is given away; what is owed is promised.
SELECT commerce.create_customer('edit-account@example.com') AS firm \gset
SELECT commerce.set_credit_limit(:'firm', '100 EUR') IS NOT NULL AS line, commerce.checkout('[{"sku": "edit-S", "quantity": 10}]', customer => :'firm', channel => 'edit', ship_to => '{"country": "YE"}') AS w \gset
SELECT commerce.pay_on_account(:'w') AS account \gset
SELECT commerce.settle_account(:'account', '15 EUR'), commerce.refund_payment(:'account', '3 EUR'), pg_temp.edit(:'w', '[{"line": 1, "quantity": 11}]') AS "2";
SELECT commerce.charge_back_payment(:'account', '12 EUR'), pg_temp.edit(:'w', '[{"line": 1, "quantity": 12}]') AS "4";

-- What is paid in cash is rounded anew with each change, as the preview says; whatever becomes of the channel meanwhile.
INSERT INTO commerce.channels (code, invoice_on, cash_increment, invoice_format, credit_note_format) VALUES ('edit-till', 'confirmed', '0.05 EUR', 'edit-till-{number}', 'edit-till-C-{number}');
INSERT INTO commerce.prices (sku, price, channel) VALUES ('edit-S', '3.33 EUR', 'edit-till');
CREATE FUNCTION pg_temp.cash(id uuid) RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(' ', o.total, 'by', o.rounding, 'of', o.cash_increment) FROM commerce.orders o WHERE o.id = $1 $$;
SELECT commerce.checkout('[{"sku": "edit-S", "quantity": 2}]', channel => 'edit-till') AS cash, commerce.checkout('[{"sku": "edit-S", "quantity": 2}]', channel => 'edit-till', options => '{"cash_increment": "1 EUR"}') AS coins,
    commerce.checkout('[{"sku": "edit-S", "quantity": 2}]', channel => 'edit') AS card \gset
SELECT pg_temp.cash(:'cash') AS "6.66", pg_temp.cash(:'coins'), pg_temp.cash(:'card');
SELECT commerce.order_event(:'cash', 'confirm'), commerce.issue_invoices(100000) > 0 AS issued;
UPDATE commerce.channels SET cash_increment = NULL WHERE code = 'edit-till';
SELECT commerce.begin_edit(:'cash', '[{"line": 1, "quantity": 3}]') AS e \gset
SELECT p -> 'rounding' ->> 'amount' AS rounding, p -> 'total' ->> 'amount' AS total, p -> 'difference' ->> 'amount' AS difference FROM commerce.preview_edit(:'e') p;
SELECT pg_temp.refused(format('SELECT commerce.confirm_edit(%L, ''3.33 EUR'')', :'e'));
SELECT pg_temp.sums(commerce.confirm_edit(:'e', '3.35 EUR')), pg_temp.cash(:'cash') AS "9.99";
SELECT pg_temp.sums(commerce.confirm_edit(commerce.begin_edit(:'cash', '[{"discount": "0.01", "reason": "a cent"}]'))), pg_temp.cash(:'cash') AS "9.98";
SELECT pg_temp.sums(commerce.confirm_edit(commerce.begin_edit(:'cash', '[{"discount": "0.01", "reason": "another"}]'))), pg_temp.cash(:'cash') AS "9.97";
SELECT commerce.cancel_lines(:'cash', '[{"line": 1, "quantity": 1}]'), pg_temp.cash(:'cash') AS "6.65";
SELECT commerce.cancel_lines(:'coins', '[{"line": 1, "quantity": 1}]'), pg_temp.cash(:'coins') AS "3.33";
SELECT commerce.cancel_lines(:'card', '[{"line": 1, "quantity": 1}]'), pg_temp.cash(:'card') AS "2.00";
SELECT commerce.issue_invoices(100000) > 0 AS issued;
SELECT kind, cause, net, rounding, total FROM commerce.invoices WHERE order_id = :'cash' ORDER BY issued_at, kind DESC, number;
SELECT commerce.sum(i.net) = commerce.from_minor(commerce.minor_units(o.total) - commerce.minor_units(o.rounding), 'EUR') AS net, commerce.sum(i.rounding) = o.rounding AS rounding,
    commerce.sum(i.total) = o.total AS total FROM commerce.invoices i JOIN commerce.orders o ON o.id = i.order_id WHERE o.id = :'cash' GROUP BY o.id;
-- Taken out to the last cent, a total never owes the customer anything; of an order from elsewhere nobody knows, and it stays.
SELECT commerce.checkout('[{"sku": "edit-S", "quantity": 1, "unit_price": "0.02"}, {"sku": "edit-S", "quantity": 1}]', channel => 'edit-till', options => '{"cash_increment": "0.05 EUR"}') AS little \gset
SELECT commerce.cancel_lines(:'little', '[{"line": 2, "quantity": 1}]'), pg_temp.cash(:'little') AS "0.02";
UPDATE commerce.orders SET cash_increment = NULL WHERE id = :'coins';
SELECT commerce.confirm_edit(commerce.begin_edit(:'coins', '[{"line": 1, "quantity": 2}]')) -> 'difference' ->> 'amount' AS difference, pg_temp.cash(:'coins') AS "6.66";
\set VERBOSITY terse
UPDATE commerce.orders SET cash_increment = '0 EUR' WHERE id = :'coins';
UPDATE commerce.orders SET cash_increment = '1 USD' WHERE id = :'coins';
\set VERBOSITY default

-- Who may.
SET ROLE commerce_reader;
SELECT count(*) > 0 AS reads FROM commerce.order_edits e JOIN commerce.order_versions v ON v.edit_id = e.id;
SELECT pg_temp.refused('SELECT commerce.preview_edit(NULL)');
RESET ROLE;
SET ROLE commerce_app;
SELECT pg_temp.refused('SELECT commerce.insert_edit(NULL, NULL, NULL, NULL)'), pg_temp.refused('UPDATE commerce.order_versions SET reason = NULL'), pg_temp.refused('DELETE FROM commerce.order_edits');
RESET ROLE;
UPDATE commerce.promotions SET status = 'ended' WHERE name = 'edit';
