-- Asking a provider how a payment is, how far calls are, and who is kept from what: caps, broken adapters, whom calls are sent to.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('asked-A', false);
INSERT INTO commerce.prices (sku, price) VALUES ('asked-A', '1 EUR');
CREATE FUNCTION pg_temp.buy(quantity bigint) RETURNS uuid LANGUAGE sql AS
    $$SELECT commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'asked-A', 'quantity', quantity)))$$;
CREATE FUNCTION pg_temp.paid(payment uuid) RETURNS text LANGUAGE sql AS
    'SELECT concat_ws('' '', state, authorized, captured, refunded) FROM commerce.payments WHERE id = payment';
CREATE FUNCTION pg_temp.calls(payment uuid) RETURNS text LANGUAGE sql AS
    'SELECT string_agg(concat_ws('' '', operation, state, attempt), '', '' ORDER BY id) FROM commerce.provider_calls WHERE payment_id = payment';
-- Answers the one call that is due, as whoever sends does.
CREATE FUNCTION pg_temp.answer(status integer, body text DEFAULT NULL, sent boolean DEFAULT true, trouble text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    UPDATE commerce.provider_calls SET next_at = now() WHERE state IN ('pending', 'unknown');
    SELECT * INTO STRICT c FROM commerce.claim_provider_calls();
    IF c.asking THEN
        SELECT q.method, q.url INTO STRICT c.method, c.url FROM commerce.question_of_call(c.order, c.call, c.token) q;
    END IF;
    RETURN concat_ws(' ', CASE WHEN c.asking THEN 'asked' ELSE 'sent' END, c.method, regexp_replace(c.url, '[0-9a-f]{8}-[0-9a-f-]{27}', '…'),
        commerce.finish_provider_call(c.order, c.call, c.token, status, body, sent => sent, trouble => trouble));
END $$;
CREATE FUNCTION pg_temp.intent(status text, received integer DEFAULT 0) RETURNS text LANGUAGE sql AS
    $$SELECT jsonb_build_object('id', 'pi_asked', 'amount', 1000, 'amount_received', received, 'currency', 'eur', 'status', status)::text$$;
\set VERBOSITY terse

-- Of a provider nobody asks, and of a payment that the provider has not named, there is nobody to ask.
SELECT commerce.request_payment(pg_temp.buy(10)) AS p \gset
SELECT commerce.refresh_payment(:'p') IS NULL AS nobody;
SELECT commerce.refresh_payment('00000000-0000-7000-8000-000000000000');
SELECT commerce.refresh_payment(NULL);
SELECT commerce.create_provider('asked', 'payment', 'stripe', 'https://api.stripe.com:8443/prefix', secret => 'sk_test_1') IS NOT NULL AS made;
SELECT commerce.request_payment(pg_temp.buy(10), 'asked', payment_method => 'pm_card_visa') AS p \gset
-- It is being asked already.
SELECT commerce.refresh_payment(:'p') = id AS the_call_there_is FROM commerce.provider_calls WHERE payment_id = :'p';
SELECT pg_temp.answer(NULL, trouble => 'Timeout was reached'), pg_temp.calls(:'p');
SELECT error, next_at > clock_timestamp() + interval '3 seconds' AS waits FROM commerce.provider_calls WHERE payment_id = :'p';
SELECT commerce.refresh_payment(:'p') = id AS the_call_there_is, next_at > clock_timestamp() AS waits FROM commerce.provider_calls WHERE payment_id = :'p';
SELECT next_at <= clock_timestamp() AS is_asked_now, attempt FROM commerce.provider_calls WHERE payment_id = :'p';
SELECT pg_temp.answer(200, '{"data": []}');
SELECT pg_temp.answer(402, '{"error": {"type": "card_error", "code": "card_declined"}}'), pg_temp.paid(:'p'), pg_temp.calls(:'p');
SELECT commerce.refresh_payment(:'p') IS NULL AS nobody;
-- One that it has named.
SELECT commerce.request_payment(pg_temp.buy(10), 'asked', payment_method => 'pm_card_visa') AS p \gset
SELECT pg_temp.answer(200, pg_temp.intent('requires_action')), pg_temp.paid(:'p');
SELECT commerce.refresh_payment(:'p') AS call \gset
SELECT commerce.refresh_payment(:'p') = :'call' AS the_same_again;
SELECT method, path, body, headers - 'Stripe-Version' AS headers FROM commerce.provider_calls WHERE id = :'call';
SELECT pg_temp.answer(404, '{"error": {"type": "invalid_request_error", "code": "resource_missing"}}') AS refused, pg_temp.paid(:'p');
SELECT commerce.refresh_payment(:'p') IS NOT NULL AS asked;
SELECT pg_temp.answer(503), pg_temp.paid(:'p');
SELECT pg_temp.answer(200, pg_temp.intent('processing')), pg_temp.paid(:'p');
SELECT commerce.refresh_payment(:'p') IS NOT NULL AS asked;
SELECT pg_temp.answer(200, pg_temp.intent('requires_capture')), pg_temp.paid(:'p');
-- It was captured there; now its refunds are asked for, too.
SELECT commerce.refresh_payment(:'p') IS NOT NULL AS asked;
SELECT pg_temp.answer(200, pg_temp.intent('succeeded', 1000)), pg_temp.paid(:'p');
SELECT commerce.refresh_payment(:'p') IS NOT NULL AS asked, pg_temp.calls(:'p');
UPDATE commerce.provider_calls SET state = 'failed', finished_at = now() WHERE payment_id = :'p' AND state IN ('pending', 'unknown') AND operation = 'refresh';
SELECT pg_temp.answer(200, '{"data": [{"id": "re_9", "amount": 250, "currency": "eur", "status": "succeeded"}]}'), pg_temp.paid(:'p');
SELECT kind, amount, reference FROM commerce.payment_entries WHERE payment_id = :'p' ORDER BY id;
-- It has failed there.
SELECT commerce.request_payment(pg_temp.buy(10), 'asked', payment_method => 'pm_card_visa') AS p \gset
SELECT pg_temp.answer(200, replace(pg_temp.intent('requires_action'), 'pi_asked', 'pi_failed'));
SELECT commerce.refresh_payment(:'p') IS NOT NULL AS asked;
SELECT pg_temp.answer(200, replace(pg_temp.intent('requires_payment_method'), 'pi_asked', 'pi_failed')), pg_temp.paid(:'p');
-- And has been paid all the same: it is booked no more, and given back.
SELECT commerce.refresh_payment(:'p') IS NOT NULL AS asked;
SELECT pg_temp.answer(200, replace(pg_temp.intent('succeeded', 1000), 'pi_asked', 'pi_failed')), pg_temp.paid(:'p'), pg_temp.calls(:'p');
SELECT pg_temp.answer(200, '{"id": "re_10", "amount": 1000, "currency": "eur", "status": "succeeded"}'), pg_temp.paid(:'p');

-- A provider has so many calls at a time; another's go on.
SELECT commerce.create_provider('beside', 'payment', 'stripe', 'https://api.stripe.com') IS NOT NULL AS made;
SELECT count(commerce.request_payment(pg_temp.buy(1), 'asked', payment_method => 'pm')) AS asked FROM generate_series(1, 20);
SELECT count(commerce.request_payment(pg_temp.buy(1), 'beside', payment_method => 'pm')) AS asked FROM generate_series(1, 2);
SELECT commerce.next_provider_call() BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 second' AS soon;
SELECT p.name, count(*) FROM commerce.claim_provider_calls(100) c JOIN commerce.providers p ON p.id = c.provider GROUP BY 1 ORDER BY 1;
SELECT count(*) AS no_more FROM commerce.claim_provider_calls(100);
SELECT count(*) AS but_for_who_allows_more FROM commerce.claim_provider_calls(100, per_provider => 18);
-- Calls whose answers somebody has do not count.
SELECT count(*) AS instead_of_those_answered FROM commerce.claim_provider_calls(100,
    answered => ARRAY(SELECT id FROM commerce.provider_calls WHERE provider = 'asked' AND state = 'leased' ORDER BY id LIMIT 3));
SELECT count(*) AS no_more FROM commerce.claim_provider_calls(100, answered => NULL);
SELECT provider, kind, enabled, waiting, sending, unknown, given_up, failing, oldest IS NOT NULL AS has_oldest, failed_last_hour, last_error FROM commerce.provider_status() WHERE provider IN ('asked', 'beside');
SELECT commerce.next_provider_call() BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 second' AS looks_again_soon;
SELECT * FROM commerce.claim_provider_calls(1, per_provider => 0);
SELECT * FROM commerce.claim_provider_calls(1, per_provider => NULL);
-- Leases are kept by whoever has them, and those that are over are of nobody knows what.
SELECT commerce.keep_provider_call(order_id, id, lease_token, '1 hour') AS kept, commerce.keep_provider_call(order_id, id, id, '1 hour') AS anothers
    FROM commerce.provider_calls WHERE state = 'leased' AND provider = 'beside' ORDER BY id LIMIT 1;
UPDATE commerce.provider_calls SET lease_until = now() - interval '1 second' WHERE state = 'leased' AND lease_until < now() + interval '1 minute';
SELECT count(*) FROM commerce.claim_provider_calls(1);
SELECT provider, waiting, sending, unknown, given_up, failing, last_error FROM commerce.provider_status() WHERE provider IN ('asked', 'beside');
UPDATE commerce.provider_calls SET state = 'failed', finished_at = now(), lease_until = NULL, lease_token = NULL WHERE state IN ('pending', 'unknown', 'leased');
SELECT commerce.next_provider_call() IS NULL AS nothing_to_do;
-- What could not be sent is tried at once when its provider is changed; what is older than the day for which providers know
-- a key is not sent at all, tried or not: it may have been, by a database of which this one is a copy.
SELECT commerce.request_payment(pg_temp.buy(3), 'asked', payment_method => 'pm') AS p \gset
SELECT pg_temp.answer(NULL, sent => false, trouble => 'Couldn''t connect to server');
SELECT count(*) AS waits FROM commerce.claim_provider_calls();
SELECT commerce.update_provider('asked', settings => '{}');
SELECT count(*) AS waits FROM commerce.claim_provider_calls();
SELECT commerce.update_provider('asked', enabled => true);
SELECT count(*) AS goes_on FROM commerce.claim_provider_calls();
UPDATE commerce.provider_calls SET state = 'pending', attempt = 0, created_at = now() - interval '24 hours', lease_until = NULL, lease_token = NULL WHERE payment_id = :'p';
SELECT count(*) AS sent FROM commerce.claim_provider_calls();
SELECT state, maybe_done, pg_temp.paid(:'p') FROM commerce.provider_calls WHERE payment_id = :'p';
SELECT commerce.abandon_provider_call(order_id, id, 'not in their dashboard') FROM commerce.provider_calls WHERE payment_id = :'p';
SELECT pg_temp.paid(:'p');

-- Adapters that break, in asking and in building, keep nobody else waiting.
CREATE SCHEMA asked_shop;
GRANT USAGE ON SCHEMA asked_shop TO commerce_owner;
CREATE FUNCTION asked_shop.good(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"method": "POST", "path": "/label", "headers": {"X-Key": "{secret}", "X-Empty": "", "X-Number": 5}}'::jsonb$$;
CREATE FUNCTION asked_shop.breaks(call jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT jsonb_build_object(1 / 0, 1)';
CREATE FUNCTION asked_shop.smuggles(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"method": "POST", "path": "/label", "headers": {"Content-Length": "1"}}'::jsonb$$;
CREATE FUNCTION asked_shop.shouts(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('method', 'GET', 'path', '/', 'headers', (SELECT jsonb_object_agg('X-' || n, 'x') FROM generate_series(1, 21) n))$$;
CREATE FUNCTION asked_shop.splits(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('method', 'GET', 'path', '/', 'headers', jsonb_build_object('X', E'a\r\nHost: evil'))$$;
CREATE FUNCTION asked_shop.read(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"state": "done"}'::jsonb$$;
SELECT commerce.register_adapter('asked', 'label', 'asked_shop.good', 'asked_shop.read', 'asked_shop.breaks', 'asked_shop.read');
SELECT commerce.register_adapter('asked', n, 'asked_shop.' || n, 'asked_shop.read') FROM unnest('{breaks,smuggles,shouts,splits}'::text[]) n;
SELECT commerce.create_provider('carrier', 'shipping', 'asked', 'https://127.0.0.1');
SELECT commerce.create_provider('carrier', 'shipping', 'asked', 'http://carrier.example');
SELECT commerce.create_provider('carrier', 'shipping', 'asked', 'https://carrier.example') IS NOT NULL AS made;
SELECT commerce.request_provider_call(commerce.uuidv7(), 'carrier', 'breaks');
SELECT commerce.request_provider_call(commerce.uuidv7(), 'carrier', 'smuggles');
SELECT commerce.request_provider_call(commerce.uuidv7(), 'carrier', 'shouts');
SELECT commerce.request_provider_call(commerce.uuidv7(), 'carrier', 'splits');
SELECT commerce.request_provider_call(commerce.uuidv7(), 'carrier', 'label') AS call \gset
SELECT headers FROM commerce.provider_calls WHERE id = :'call';
SELECT pg_temp.answer(NULL);
UPDATE commerce.provider_calls SET next_at = now() WHERE id = :'call';
-- The question is built when it is claimed, by whoever has claimed it; a call whose adapter cannot is given back.
SELECT "order", token, asking, num_nonnulls(method, url, headers, body) AS known, what FROM commerce.claim_provider_calls() \gset c_
SELECT :'c_asking' AS asking, :'c_known' AS known, :'c_what' AS what;
SELECT * FROM commerce.question_of_call(:'c_order', :'call', commerce.uuidv7());
SELECT * FROM commerce.question_of_call(:'c_order', :'call', :'c_token');
SELECT commerce.put_off_call(:'c_order', :'call', commerce.uuidv7(), '1 hour', 'somebody else');
SELECT state, attempt, error FROM commerce.provider_calls WHERE id = :'call';
SELECT commerce.put_off_call(:'c_order', :'call', :'c_token', '10 minutes', 'the adapter failed with 22012');
SELECT state, attempt, asking, error, next_at > clock_timestamp() + interval '9 minutes' AS waits FROM commerce.provider_calls WHERE id = :'call';
SELECT provider, waiting, unknown, failing, last_error FROM commerce.provider_status() WHERE provider = 'carrier';
UPDATE commerce.provider_calls SET state = 'failed', finished_at = now() WHERE state = 'unknown';
-- An adapter that cannot say how a payment is.
SELECT commerce.register_adapter('plain', 'authorize', 'asked_shop.good', 'commerce.stripe_intent');
SELECT commerce.create_provider('plain', 'payment', 'plain', 'https://plain.example') IS NOT NULL AS made;
SELECT commerce.request_payment(pg_temp.buy(10), 'plain', payment_method => 'pm') AS p \gset
SELECT pg_temp.answer(200, replace(pg_temp.intent('requires_capture'), 'pi_asked', 'pi_plain')), pg_temp.paid(:'p');
SELECT commerce.refresh_payment(:'p');

-- A card number is said by nobody, wherever somebody puts it.
SELECT commerce.request_payment(pg_temp.buy(1), '4242424242424242');
SELECT commerce.receive_provider_event('4242 4242 4242 4242', '{}', '');
SELECT commerce.create_provider('x', 'payment', '4242424242424242', 'https://api.example.com');
SELECT commerce.request_provider_call(commerce.uuidv7(), 'carrier', '4242424242424242');

-- Rights: the app asks, readers see how far things are, and nobody sends but whoever may.
SET ROLE commerce_reader;
SELECT count(*) > 0 AS sees FROM commerce.provider_status();
SELECT commerce.refresh_payment(:'p');
SELECT commerce.next_provider_call();
RESET ROLE;
SET ROLE commerce_app;
SELECT commerce.refresh_payment(:'p');
SELECT commerce.keep_provider_call(:'p', :'p', :'p', '1 hour');
SELECT commerce.finish_provider_call(:'p', :'p', :'p', 200);
CALL commerce.deliver_pending();
RESET ROLE;
DROP SCHEMA asked_shop CASCADE;
DELETE FROM commerce.providers WHERE name IN ('asked', 'beside', 'carrier', 'plain');
DELETE FROM commerce.provider_adapters WHERE adapter IN ('asked', 'plain');
