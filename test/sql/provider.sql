-- Providers as data: who is asked for what, by which functions, what comes of it, and what is refused.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('prov-A', false);
INSERT INTO commerce.prices (sku, price) VALUES ('prov-A', '1 EUR');
CREATE FUNCTION pg_temp.buy(quantity bigint) RETURNS uuid LANGUAGE sql AS
    $$SELECT commerce.checkout(jsonb_build_array(jsonb_build_object('sku', 'prov-A', 'quantity', quantity)))$$;
CREATE FUNCTION pg_temp.paid(payment uuid) RETURNS text LANGUAGE sql AS
    'SELECT concat_ws('' '', state, authorized, captured, refunded) FROM commerce.payments WHERE id = payment';
-- Answers the one call that is due, as whoever sends does.
CREATE FUNCTION pg_temp.answer(status integer, body text, retry_after integer DEFAULT NULL, sent boolean DEFAULT true) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    UPDATE commerce.provider_calls SET next_at = now() WHERE state IN ('pending', 'unknown');
    SELECT * INTO STRICT c FROM commerce.claim_provider_calls();
    IF c.asking THEN
        SELECT q.method, q.url INTO STRICT c.method, c.url FROM commerce.question_of_call(c.order, c.call, c.token) q;
    END IF;
    RETURN concat_ws(' ', CASE WHEN c.asking THEN 'asked' ELSE 'sent' END, c.method, regexp_replace(c.url, '[0-9a-f]{8}-[0-9a-f-]{27}', '…'),
        commerce.finish_provider_call(c.order, c.call, c.token, status, body, retry_after, sent));
END $$;

-- Nobody is asked of the manual provider, which is there from the beginning.
SELECT name, kind, adapter, base_url, enabled FROM commerce.providers;
SELECT pg_temp.buy(10) AS id \gset
SELECT commerce.request_payment(:'id') AS p \gset
SELECT pg_temp.paid(:'p');
SELECT commerce.authorize_payment(:'id', payment => :'p') = :'p' AS authorized;
SELECT commerce.request_capture(:'p', '6 EUR') IS NULL AS nobody_is_asked, pg_temp.paid(:'p');
SELECT commerce.request_refund(:'p', '2 EUR') IS NULL AS nobody_is_asked, pg_temp.paid(:'p');
SELECT pg_temp.buy(10) AS id \gset
SELECT commerce.request_payment(:'id') AS p \gset
SELECT commerce.request_void(:'p') IS NULL AS nobody_is_asked, pg_temp.paid(:'p');
SELECT count(*) AS calls FROM commerce.provider_calls;
-- Nor of one that nobody has made known.
SELECT commerce.authorize_payment(:'id', provider => 'terminal') AS p \gset
SELECT commerce.request_capture(:'p') IS NULL AS nobody_is_asked, pg_temp.paid(:'p');

-- A provider that is asked.
SELECT commerce.create_provider('stripe', 'payment', 'stripe', 'https://api.stripe.com', secret => 'sk_test_1', webhook_secret => 'whsec_1') IS NOT NULL AS made;
SELECT secret IS NOT NULL AS sealed, secret::text ~ 'sk_test' AS readable FROM commerce.providers WHERE name = 'stripe';
SELECT commerce.open_provider_secret(secret, id) FROM commerce.providers WHERE name = 'stripe';
SELECT pg_temp.buy(100) AS id \gset
SELECT commerce.request_payment(:'id', 'stripe', payment_method => 'pm_card_visa') AS p \gset
SELECT operation, amount, arguments, method, path, headers - 'Idempotency-Key' AS headers, (headers ->> 'Idempotency-Key')::uuid = id AS key_is_its_id,
    regexp_replace(body, '[0-9a-f]{8}-[0-9a-f-]{27}', '…', 'g') AS body, state, attempt FROM commerce.provider_calls WHERE payment_id = :'p';
-- What is being asked for counts as promised.
\set VERBOSITY terse
SELECT commerce.request_payment(:'id', 'stripe', '0.01 EUR', 'pm_card_visa');
SELECT commerce.request_payment(:'id', 'stripe', payment_method => 'pm_card_visa');
SELECT commerce.request_capture(:'p');
-- What was never sent is taken back.
SELECT commerce.request_void(:'p') IS NULL AS withdrawn, pg_temp.paid(:'p');
SELECT state, error FROM commerce.provider_calls WHERE payment_id = :'p';
SELECT * FROM commerce.claim_provider_calls();
SELECT commerce.request_payment(:'id', 'stripe', payment_method => 'pm_card_visa') AS p \gset
SELECT pg_temp.answer(429, '', 3000);
SELECT next_at - clock_timestamp() BETWEEN '49 minutes' AND '50 minutes' AS waits FROM commerce.provider_calls WHERE payment_id = :'p';
SELECT pg_temp.answer(NULL, NULL, sent => false);
SELECT pg_temp.answer(401, '{"error": {"type": "invalid_request_error"}}');
SELECT pg_temp.answer(NULL, NULL);
SELECT commerce.request_void(:'p');
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.answer(200, '{"data": []}');
SELECT pg_temp.answer(200, '{"id": "pi_1", "status": "requires_capture"}');
SELECT pg_temp.answer(200, format('{"data": [{"id": "pi_1", "object": "payment_intent", "amount": 10000, "currency": "eur", "status": "requires_capture",
    "client_secret": "pi_1_secret_x", "payment_method": {"card": {"number": "4242424242424242", "last4": "4242"}}, "metadata": {"commerce_call": "%s"}}]}', id))
    FROM commerce.provider_calls WHERE payment_id = :'p';
SELECT pg_temp.paid(:'p'), state, attempt, response, error FROM commerce.provider_calls WHERE payment_id = :'p';
SELECT commerce.request_capture(:'p', '100.01 EUR');
SELECT commerce.request_capture(:'p', '-1 EUR');
SELECT commerce.request_capture(:'p', '1 USD');
SELECT commerce.request_capture(:'p', '0 EUR');
SELECT commerce.request_capture(:'p', '60 EUR') IS NOT NULL AS asked;
SELECT commerce.request_capture(:'p', '40 EUR');
SELECT commerce.request_refund(:'p', '1 EUR');
SELECT pg_temp.answer(409, '{"error": {"type": "idempotency_error", "code": "idempotency_key_in_use"}}');
SELECT pg_temp.answer(404, '{"error": {"type": "invalid_request_error", "code": "resource_missing"}}') AS says_nothing;
SELECT pg_temp.answer(200, '{"id": "pi_2", "amount": 10000, "currency": "eur", "status": "succeeded"}') AS of_another_payment;
SELECT pg_temp.answer(200, '{"id": "pi_1", "amount": 10000, "amount_received": 6000, "currency": "eur", "status": "succeeded"}'), pg_temp.paid(:'p');
SELECT commerce.request_refund(:'p', '60.01 EUR');
SELECT commerce.request_refund(:'p', '50 EUR') IS NOT NULL AS asked;
SELECT commerce.request_refund(:'p', '10.01 EUR');
SELECT pg_temp.answer(400, '{"error": {"type": "invalid_request_error", "code": "balance_insufficient", "message": "for 4242 4242 4242 4242"}}'), pg_temp.paid(:'p');
SELECT response, error FROM commerce.provider_calls WHERE payment_id = :'p' AND operation = 'refund';
SELECT commerce.request_refund(:'p') IS NOT NULL AS asked;
SELECT pg_temp.answer(200, '{"id": "re_1", "amount": 6000, "currency": "eur", "status": "succeeded"}'), pg_temp.paid(:'p');
SELECT kind, amount, reference FROM commerce.payment_entries WHERE payment_id = :'p' ORDER BY id;
SELECT commerce.request_void(:'p');
-- Somebody else's key.
SELECT commerce.request_payment(pg_temp.buy(1), 'stripe', payment_method => 'pm_x') AS d \gset
SELECT pg_temp.answer(400, '{"error": {"type": "idempotency_error"}}'), pg_temp.paid(:'d');
SELECT commerce.abandon_provider_call(order_id, id, '') FROM commerce.provider_calls WHERE state = 'dead';
SELECT commerce.abandon_provider_call(order_id, id, 'not in their dashboard'), pg_temp.paid(:'d') FROM commerce.provider_calls WHERE state = 'dead';
SELECT pg_temp.paid(:'d');
SELECT commerce.abandon_provider_call(order_id, id, 'again') FROM commerce.provider_calls WHERE payment_id = :'d';
SELECT topic, payload - '{id,order_id,payment_id}'::text[] AS payload FROM commerce.outbox WHERE topic LIKE 'provider_call.%';

-- Amounts as Stripe counts them.
SELECT a, commerce.stripe_minor(a::commerce.amount) AS told, commerce.amount(commerce.stripe_amount(to_jsonb(commerce.stripe_minor(a::commerce.amount)), to_jsonb(lower(split_part(a, ' ', 2))))) AS read
FROM unnest('{12.50 EUR,1250 JPY,12.340 KWD,5 ISK,500 UGX,7.00 MGA}'::text[]) a;
SELECT commerce.stripe_minor('12.345 KWD');
SELECT commerce.stripe_minor('7.20 MGA');
SELECT commerce.form_encode('{"b[c]": "ü & =", "a": "~._-", "n": null}'), commerce.form_encode('{}');
SELECT commerce.form_encode('[]');

-- Refusals of payments.
SELECT pg_temp.buy(5) AS id \gset
SELECT commerce.request_payment(:'id', 'nobody', payment_method => 'pm');
SELECT commerce.request_payment(:'id', NULL);
SELECT commerce.request_payment(NULL, 'stripe', payment_method => 'pm');
SELECT commerce.request_payment('00000000-0000-7000-8000-000000000000', 'stripe', payment_method => 'pm');
SELECT commerce.request_payment(:'id', 'stripe', '5.01 EUR', 'pm');
SELECT commerce.request_payment(:'id', 'stripe', '-5 EUR', 'pm');
SELECT commerce.request_payment(:'id', 'stripe', '0 EUR', 'pm');
SELECT commerce.request_payment(:'id', 'stripe', '5 USD', 'pm');
SELECT commerce.request_payment(:'id', 'stripe', payment_method => '4242424242424242');
SELECT commerce.request_payment(:'id', 'stripe', payment_method => 'p m');
SELECT commerce.request_payment(:'id', 'stripe', payment_method => 'pm', capture => 'later');
SELECT commerce.request_payment(:'id', 'stripe', payment_method => 'pm', capture => NULL);
SELECT commerce.request_payment(:'id', 'stripe', payment_method => 'pm', return_url => 'javascript:alert(1)');
SELECT commerce.request_payment(:'id', 'balance');
SELECT commerce.request_capture(NULL);
SELECT commerce.request_void('00000000-0000-7000-8000-000000000000');
SELECT commerce.request_refund(NULL);
SELECT commerce.update_provider('stripe', enabled => false);
SELECT commerce.request_payment(:'id', 'stripe', payment_method => 'pm');
SELECT commerce.update_provider('stripe', enabled => true);
SELECT commerce.order_event(:'id', 'cancel');
SELECT commerce.request_payment(:'id', 'stripe', payment_method => 'pm');
SELECT commerce.payment_action('00000000-0000-7000-8000-000000000000') IS NULL AS nothing_to_do;
-- And of whoever sends.
SELECT * FROM commerce.claim_provider_calls(0);
SELECT * FROM commerce.claim_provider_calls(101);
SELECT * FROM commerce.claim_provider_calls(NULL);
SELECT * FROM commerce.claim_provider_calls(1, '0');
SELECT * FROM commerce.claim_provider_calls(1, '1 day');
SELECT commerce.finish_provider_call(NULL, NULL, NULL, 200);
SELECT commerce.retry_provider_call(NULL, NULL);
SELECT count(*) AS none_of_it_left_a_call FROM commerce.provider_calls WHERE state NOT IN ('succeeded', 'failed');
-- Refusals of providers.
SELECT commerce.create_provider(NULL, 'payment');
SELECT commerce.create_provider('Stripe!', 'payment');
SELECT commerce.create_provider('balance', 'payment');
SELECT commerce.create_provider('x', 'bank');
SELECT commerce.create_provider('x', NULL);
SELECT commerce.create_provider('x', 'payment', 'paypal', 'https://api.example.com');
SELECT commerce.create_provider('x', 'payment', NULL);
SELECT commerce.create_provider('x', 'payment', 'stripe');
SELECT commerce.create_provider('x', 'payment', 'manual', 'https://api.example.com');
SELECT commerce.create_provider('x', 'payment', secret => 'sk');
SELECT commerce.create_provider('x', 'payment', 'stripe', 'http://api.example.com');
SELECT commerce.create_provider('x', 'payment', 'stripe', 'ftp://api.example.com');
SELECT commerce.create_provider('x', 'payment', 'stripe', 'https://user:secret@api.example.com');
SELECT commerce.create_provider('x', 'payment', 'stripe', 'https://api.example.com?key=secret');
SELECT commerce.create_provider('x', 'payment', 'stripe', 'https://api.example.com/');
SELECT commerce.create_provider('x', 'payment', 'stripe', 'https://api.example.com', '[]');
SELECT commerce.create_provider('x', 'payment', 'stripe', 'https://api.example.com', secret => E'sk\n1');
SELECT commerce.create_provider('x', 'payment', 'stripe', 'https://api.example.com', secret => '');
SELECT commerce.create_provider('stripe', 'payment', 'stripe', 'https://api.example.com');
SELECT commerce.update_provider('nobody', secret => 'sk');
SELECT commerce.update_provider('manual', secret => 'sk');
SELECT commerce.update_provider('stripe', base_url => 'nonsense');
SELECT name FROM commerce.providers ORDER BY name COLLATE "C";
