-- Orders on hold, orders that nobody pays, and orders that are wanted after all.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
SET search_path = public, commerce;
\pset format unaligned

INSERT INTO commerce.channels (code, unpaid_ttl, invoice_on) VALUES ('flags_ttl', '2 hours', 'never'), ('flags', NULL, 'never');
INSERT INTO commerce.variants (sku) VALUES ('flags-A'), ('flags-B');
INSERT INTO commerce.variants (sku, track_stock, requires_shipping) VALUES ('flags-help', false, false);
INSERT INTO commerce.prices (sku, price) VALUES ('flags-A', '10 EUR'), ('flags-B', '0 EUR'), ('flags-help', '5 EUR');
SELECT commerce.receive_stock('flags-A', 10), commerce.receive_stock('flags-B', 10);
CREATE FUNCTION pg_temp.buy(channel text, lines jsonb, codes text[] DEFAULT NULL) RETURNS uuid LANGUAGE sql AS
    $$ SELECT commerce.checkout(lines, codes, channel => channel) $$;
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
\set A3 '[{"sku": "flags-A", "quantity": 3}]'

-- On hold, nothing leaves: neither by fulfil() nor by any other way to a parcel that is shipped.
SELECT pg_temp.buy('flags', :'A3') AS o \gset
SELECT commerce.order_event(:'o', 'hold', '{"reason": "fraud check"}');
SELECT on_hold, modifying FROM commerce.order_flags WHERE order_id = :'o';
SELECT pg_temp.refused(format('SELECT commerce.fulfil(%L)', :'o'));
INSERT INTO commerce.fulfilments (order_id) VALUES (:'o');
SELECT pg_temp.refused(format('UPDATE commerce.fulfilments SET state = ''shipped'' WHERE order_id = %L', :'o'));
SELECT pg_temp.refused(format('INSERT INTO commerce.fulfilments (order_id, state) VALUES (%L, ''shipped'')', :'o'));
DELETE FROM commerce.fulfilments WHERE order_id = :'o';
SELECT commerce.available('flags-A') AS "still reserved";
\set VERBOSITY terse
SELECT commerce.order_event(:'o', 'hold');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
-- The rest of its life goes on.
SELECT commerce.order_event(:'o', 'confirm');
SELECT commerce.order_event(:'o', 'release', '{"by": "phone"}');
SELECT reason, held_by = current_user AS held, released_by = current_user AS released, released_at >= held_at AS after FROM commerce.order_holds WHERE order_id = :'o';
\set VERBOSITY terse
SELECT commerce.order_event(:'o', 'release');
\set VERBOSITY default
SELECT commerce.order_event(:'o', 'hold');
SELECT s -> 'on_hold' AS on_hold, s -> 'modifying' AS modifying, s -> 'version' AS version FROM commerce.order_summary(:'o') s;
SELECT commerce.order_event(:'o', 'release'), commerce.fulfil(:'o') IS NOT NULL AS sent;
SELECT event, from_state, to_state, detail FROM commerce.state_history WHERE subject = :'o' AND relation = 'commerce.orders' ORDER BY id;
SELECT topic FROM commerce.outbox WHERE aggregate = :'o' AND topic LIKE 'order.%' ORDER BY id;
-- A completed order has nothing to hold back.
\set VERBOSITY terse
SELECT commerce.order_event(:'o', 'complete');
SELECT commerce.order_event(:'o', 'hold');
\set VERBOSITY default

-- Expiry: by the time the channel gives; nothing where it gives none.
SELECT pg_temp.buy('flags', :'A3') AS forever \gset
SELECT pg_temp.buy('flags_ttl', '[{"sku": "flags-A", "quantity": 1}]') AS unpaid \gset
SELECT pg_temp.buy('flags_ttl', '[{"sku": "flags-A", "quantity": 1}]') AS promised \gset
SELECT pg_temp.buy('flags_ttl', '[{"sku": "flags-A", "quantity": 1}]') AS paid \gset
SELECT pg_temp.buy('flags_ttl', '[{"sku": "flags-B", "quantity": 1}]') AS free \gset
SELECT pg_temp.buy('flags_ttl', '[{"sku": "flags-B", "quantity": 1}, {"sku": "flags-A", "quantity": 1}]') AS held \gset
SELECT expires_at IS NULL AS never FROM commerce.orders WHERE id = :'forever';
SELECT expires_at = placed_at + interval '2 hours' AS "in two hours" FROM commerce.orders WHERE id = :'unpaid';
SELECT commerce.expire_orders() AS "nothing is over";
SELECT commerce.authorize_payment(:'promised') AS auth \gset
SELECT commerce.authorize_payment(:'paid', '1 EUR') AS part \gset
SELECT commerce.capture_payment(:'part'), commerce.order_event(:'held', 'hold');
SELECT commerce.available('flags-A') AS available;
SELECT commerce.expire_orders(now() + interval '3 hours', batch => 2) AS first, commerce.expire_orders(now() + interval '3 hours') AS then;
SELECT o.name, x.state, x.expires_at IS NULL AS never, x.expires_at > now() + interval '4 hours' AS later
FROM (VALUES (1, 'unpaid', :'unpaid'::uuid), (2, 'promised', :'promised'), (3, 'paid', :'paid'), (4, 'free', :'free'), (5, 'held', :'held'), (6, 'forever', :'forever'))
    o (n, name, id) JOIN commerce.orders x ON x.id = o.id ORDER BY n;
SELECT commerce.available('flags-A') AS "one more", (SELECT string_agg(event || ' ' || coalesce(detail ->> 'reason', ''), ', ' ORDER BY id) FROM commerce.state_history WHERE subject = :'unpaid') AS history,
    (SELECT string_agg(topic, ', ' ORDER BY id) FROM commerce.outbox WHERE aggregate = :'unpaid') AS topics;
-- What was promised and let go expires at last; by hand it does when one likes, but not what is paid or promised.
\set VERBOSITY terse
SELECT commerce.order_event(:'promised', 'expire');
SELECT commerce.order_event(:'paid', 'expire');
SELECT commerce.order_event(:'free', 'expire');
SELECT commerce.payment_event(:'auth', 'void'), commerce.order_event(:'promised', 'expire');
SELECT commerce.authorize_payment(:'promised');
SELECT commerce.fulfil(:'promised');
SELECT commerce.order_event(:'promised', 'confirm');
SELECT commerce.expire_orders(batch => 0);
SELECT commerce.expire_orders(batch => NULL);
INSERT INTO commerce.channels (code, unpaid_ttl) VALUES ('flags_x', '0');
\set VERBOSITY default

-- Money that may be on its way keeps an order: a payment that is processed, or waits for the buyer, or of which nobody knows.
SELECT pg_temp.buy('flags_ttl', '[{"sku": "flags-B", "quantity": 1}, {"sku": "flags-help", "quantity": 1}]') AS begun, pg_temp.buy('flags_ttl', '[{"sku": "flags-help", "quantity": 1}]') AS processing,
    pg_temp.buy('flags_ttl', '[{"sku": "flags-help", "quantity": 1}]') AS acting, pg_temp.buy('flags_ttl', '[{"sku": "flags-help", "quantity": 1}]') AS asked \gset
SELECT commerce.begin_payment(:'begun') AS begin, commerce.begin_payment(:'processing') AS process, commerce.begin_payment(:'acting') AS act, commerce.begin_payment(:'asked') AS ask \gset
SELECT commerce.payment_event(:'process', 'process'), commerce.payment_event(:'act', 'require_action');
INSERT INTO commerce.provider_calls (order_id, provider, operation, payment_id, method, path, headers, body, state, maybe_done)
    VALUES (:'asked', 'manual', 'authorize', :'ask', 'POST', '/', '{}', '', 'unknown', true);
SELECT commerce.expire_orders(now() + interval '3 hours') AS "begun alone";
CREATE FUNCTION pg_temp.kept(VARIADIC orders uuid[]) RETURNS TABLE (state text, minutes numeric) LANGUAGE sql AS
    'SELECT x.state, round(extract(epoch FROM x.expires_at - now() - interval ''3 hours'') / 60) FROM unnest(orders) WITH ORDINALITY o (id, n) JOIN commerce.orders x ON x.id = o.id ORDER BY n';
SELECT * FROM pg_temp.kept(:'begun', :'processing', :'acting', :'asked');
\set VERBOSITY terse
SELECT commerce.order_event(:'asked', 'expire');
\set VERBOSITY default
-- Once it has ended the order goes, ten minutes later at most; what is promised stays.
SELECT commerce.payment_event(:'process', 'fail'), commerce.authorize_payment(:'acting', payment => :'act') IS NOT NULL AS promised;
UPDATE commerce.provider_calls SET state = 'dead', finished_at = now() WHERE order_id = :'asked';
SELECT commerce.expire_orders(now() + interval '3 hours 9 minutes') AS "not yet", commerce.expire_orders(now() + interval '3 hours 10 minutes') AS "the failed one";
SELECT state FROM pg_temp.kept(:'processing', :'acting', :'asked');
UPDATE commerce.provider_calls SET state = 'failed' WHERE order_id = :'asked';
SELECT commerce.expire_orders(now() + interval '3 hours 20 minutes') AS "the one that was refused";
SELECT state FROM pg_temp.kept(:'processing', :'acting', :'asked');
DELETE FROM commerce.provider_calls WHERE order_id = :'asked';

-- One that a constraint of the user's keeps from ending stays as it was, is told of and tried again later, and holds up no other.
SELECT pg_temp.buy('flags_ttl', '[{"sku": "flags-A", "quantity": 1}]') AS refused, pg_temp.buy('flags_ttl', '[{"sku": "flags-A", "quantity": 1}]') AS behind \gset
UPDATE commerce.orders SET shipping_method = 'never' WHERE id = :'refused';
ALTER TABLE commerce.orders ADD CONSTRAINT flags_mine CHECK (state <> 'expired' OR shipping_method IS DISTINCT FROM 'never');
SELECT commerce.available('flags-A') AS before \gset
SET client_min_messages = error;
SELECT commerce.expire_orders(now() + interval '3 hours') AS "the one behind";
RESET client_min_messages;
SELECT * FROM pg_temp.kept(:'refused', :'behind');
SELECT commerce.available('flags-A') - :before AS "its unit alone is free", (SELECT count(*) FROM commerce.reservations WHERE order_id = :'refused' AND state = 'committed') AS kept;
ALTER TABLE commerce.orders DROP CONSTRAINT flags_mine;
SELECT commerce.expire_orders(now() + interval '3 hours 9 minutes') AS "not yet", commerce.expire_orders(now() + interval '3 hours 10 minutes') AS then;
SELECT state FROM pg_temp.kept(:'refused');

-- Reopened: all of its stock again, or nothing; and as long to be paid as a new order.
SELECT commerce.available('flags-A') AS available;
SELECT commerce.order_event(:'unpaid', 'reopen', '{"reason": "called"}');
SELECT state, expires_at > now() + interval '1 hour' AS again, commerce.available('flags-A') AS "one less" FROM commerce.orders WHERE id = :'unpaid';
SELECT commerce.order_event(:'forever', 'cancel');
SELECT commerce.adjust_stock('flags-A', 2 - commerce.available('flags-A'), reason => 'test') IS NOT NULL AS "two are left";
SELECT commerce.order_event(:'forever', 'reopen');
\echo :LAST_ERROR_SQLSTATE
SELECT state FROM commerce.orders WHERE id = :'forever';
SELECT commerce.receive_stock('flags-A', 1) > 0 AS received, commerce.order_event(:'forever', 'reopen');
SELECT commerce.available('flags-A') AS "none are";
SELECT line, sku, quantity, location, state FROM commerce.reservations WHERE order_id = :'forever' ORDER BY id;
SELECT commerce.fulfil(:'forever') IS NOT NULL AS sent;
SELECT * FROM commerce.verify_stock();
\set VERBOSITY terse
SELECT commerce.order_event(:'forever', 'reopen');
SELECT commerce.order_event(:'promised', 'archive'), commerce.order_event(:'promised', 'reopen');
\set VERBOSITY default

-- What it had claimed of budgets is claimed again: the code's one use, and the budget's 5 EUR of 8.
SELECT commerce.receive_stock('flags-A', 20) > 0 AS received;
INSERT INTO commerce.promotions (id, name, benefit, needs_code) VALUES ('00000000-0000-7000-8000-0000000f1a91', 'flags', '5 EUR off order', true);
INSERT INTO commerce.promotion_codes (code, promotion, uses) VALUES ('FLAGS1', '00000000-0000-7000-8000-0000000f1a91', 1), ('FLAGS2', '00000000-0000-7000-8000-0000000f1a91', 5);
INSERT INTO commerce.budgets (id, promotion, spend) VALUES ('00000000-0000-7000-8000-0000000f1a92', '00000000-0000-7000-8000-0000000f1a91', '8 EUR');
SELECT pg_temp.buy('flags', :'A3', '{flags1}') AS coded \gset
SELECT discount FROM commerce.orders WHERE id = :'coded';
SELECT commerce.order_event(:'coded', 'cancel');
SELECT commerce.budget_left('00000000-0000-7000-8000-0000000f1a92'), commerce.budget_left('00000000-0000-7000-8000-0000000f1a91', 'code:FLAGS1');
SELECT commerce.order_event(:'coded', 'reopen');
SELECT commerce.budget_left('00000000-0000-7000-8000-0000000f1a92'), commerce.budget_left('00000000-0000-7000-8000-0000000f1a91', 'code:FLAGS1');
SELECT state, amount_taken FROM commerce.claims WHERE order_id = :'coded' ORDER BY amount_taken;
-- Another has had the code's use meanwhile; then the budget.
SELECT commerce.order_event(:'coded', 'cancel');
SELECT pg_temp.buy('flags', '[{"sku": "flags-A", "quantity": 1}]', '{flags1}') AS other \gset
\set VERBOSITY terse
SELECT commerce.order_event(:'coded', 'reopen');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.order_event(:'other', 'cancel'), commerce.available('flags-A') AS available;
SELECT pg_temp.buy('flags', '[{"sku": "flags-A", "quantity": 1}]', '{flags2}') AS other \gset
SELECT commerce.order_event(:'coded', 'reopen');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT state, commerce.available('flags-A') AS available FROM commerce.orders WHERE id = :'coded';
UPDATE commerce.budgets SET spend = '10 EUR' WHERE id = '00000000-0000-7000-8000-0000000f1a92';
SELECT commerce.order_event(:'coded', 'reopen');
SELECT commerce.budget_left('00000000-0000-7000-8000-0000000f1a92');
SELECT * FROM commerce.verify_budgets();
SELECT * FROM commerce.verify_stock();

-- Who may.
SET ROLE commerce_reader;
SELECT count(*) > 0 AS reads FROM commerce.order_flags;
\set VERBOSITY terse
SELECT commerce.expire_orders();
SELECT commerce.look_at_unpaid(now(), 1);
RESET ROLE;
SET ROLE commerce_app;
SELECT commerce.record_order_event(:'coded', 'hold');
UPDATE commerce.order_holds SET reason = 'x';
UPDATE commerce.orders SET expires_at = NULL;
RESET ROLE;
\set VERBOSITY default
UPDATE commerce.promotions SET status = 'ended' WHERE name = 'flags';

-- What was sent is not over because nobody has paid, before it has come back.
SELECT commerce.receive_stock('flags-A', 1) > 0 AS there, pg_temp.buy('flags_ttl', '[{"sku": "flags-A", "quantity": 1}]') AS sent \gset
SELECT commerce.fulfil(:'sent') IS NOT NULL AS left;
SELECT pg_temp.refused(format('SELECT commerce.order_event(%L, ''expire'')', :'sent'));
BEGIN;
SELECT commerce.expire_orders(now() + interval '3 hours') >= 0 AS looked_at;
SELECT state, expires_at > now() + interval '3 hours' AS "again later" FROM commerce.orders WHERE id = :'sent';
ROLLBACK;
SELECT commerce.receive_return(commerce.request_return(:'sent', '[{"line": 1, "quantity": 1}]')), commerce.order_event(:'sent', 'expire');
