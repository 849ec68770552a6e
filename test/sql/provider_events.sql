-- What comes in: signatures, events of providers; and an adapter of the shop's own, of a carrier.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
\set VERBOSITY terse

-- Signatures as published: Standard Webhooks and Stripe.
SELECT commerce.verify_webhook('{"test": 2432232314}', '{"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "Webhook-Timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}', '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}', to_timestamp(1614265330)) AS valid;
SELECT what, commerce.judge_webhook(body, headers::jsonb, '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}', to_timestamp(at)) AS verdict FROM (VALUES
    ('another body', '{"test": 1}', '{"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}', 1614265330),
    ('late', '{"test": 2432232314}', '{"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}', 1614265631),
    ('just in time', '{"test": 2432232314}', '{"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}', 1614265630),
    ('of the future', '{"test": 2432232314}', '{"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}', 1614265029),
    ('a header missing', '{}', '{"webhook-id": "m", "webhook-timestamp": "1614265330"}', 1614265330),
    ('a time that is none', '{}', '{"webhook-id": "m", "webhook-timestamp": "-1", "webhook-signature": "v1,x"}', 1614265330),
    ('a number', '{}', '{"webhook-id": "m", "webhook-timestamp": 1614265330, "webhook-signature": "v1,x"}', 1614265330),
    ('no signature', '{}', '{"webhook-id": "m", "webhook-timestamp": "1614265330", "webhook-signature": ""}', 1614265330),
    ('no body', NULL, '{"webhook-id": "m", "webhook-timestamp": "1614265330", "webhook-signature": "v1,x"}', 1614265330),
    ('no headers', '{}', NULL, 1614265330)) AS v (what, body, headers, at);
SELECT commerce.verify_webhook(NULL, NULL, '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}') AS never_null;
SELECT commerce.verify_webhook('', '{}', '{}');
SELECT commerce.verify_webhook('', '{}', NULL);
SELECT commerce.verify_webhook('', '{}', '{whsec_short}');
SELECT commerce.verify_webhook('', '{}', '{NULL}');
SELECT commerce.verify_webhook('', '[]', '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}');
SELECT commerce.verify_webhook('', '{}', '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}', NULL);
SELECT commerce.verify_webhook('', '{}', '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}', 'infinity');
SELECT commerce.judge_stripe_signature('{}', header, 'whsec_1', to_timestamp(1700000000)) AS verdict FROM unnest(ARRAY['', 't=1700000000', 'v1=00',
    't=1700000000,v1=00', 't=1600000000,v1=00', 't=1800000000,v1=00', NULL]) header;
SELECT commerce.verify_stripe_signature(NULL, NULL, 'whsec_1') AS never_null;
SELECT commerce.verify_stripe_signature('', '', '');
SELECT commerce.verify_stripe_signature('', '', NULL);
SELECT commerce.holds_card_number('4242 4242 4242 4242'), commerce.holds_card_number('4242 4242 4242 4241');

-- Events: who sends none, and what is not signed.
CREATE SCHEMA prov_shop;
SELECT commerce.receive_provider_event('manual', '{}', 't=1,v1=00');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.receive_provider_event('nobody', '{}', 't=1,v1=00');
SELECT commerce.create_provider('events', 'payment', 'stripe', 'https://api.stripe.com') IS NOT NULL AS made;
SELECT commerce.receive_provider_event('events', '{}', 't=1,v1=00');
SELECT commerce.update_provider('events', webhook_secret => 'whsec_1');
SELECT commerce.receive_provider_event('events', '{}', 't=1,v1=00');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.receive_provider_event('events', NULL, NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.receive_provider_event('events', '{}', 't=1,v1=00', '[]');
SELECT commerce.receive_provider_event('events', repeat(' ', 65537), 't=1,v1=00');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) AS events FROM commerce.provider_events;

-- What Stripe's events mean, as the adapter reads them.
SELECT type, commerce.stripe_event('{}', 0, jsonb_build_object('id', 'evt_1', 'type', type, 'data', jsonb_build_object('object', object::jsonb))) - '{id,type}'::text[] AS means FROM (VALUES
    ('payment_intent.created', '{"id": "pi_1", "amount": 100, "currency": "eur", "status": "requires_payment_method"}'),
    ('payment_intent.amount_capturable_updated', '{"id": "pi_1", "amount": 100, "currency": "eur", "status": "requires_capture", "metadata": {"commerce_payment": "x"}}'),
    ('payment_intent.succeeded', '{"id": "pi_1", "amount": 100, "amount_received": 60, "currency": "jpy", "status": "succeeded"}'),
    ('payment_intent.payment_failed', '{"id": "pi_1", "amount": 100, "currency": "eur", "status": "requires_payment_method", "last_payment_error": {"code": "expired_card", "message": "Jane''s card"}}'),
    ('payment_intent.succeeded', '{"id": "pi_1", "amount": "100", "currency": "eur", "status": "succeeded"}'),
    ('payment_intent.succeeded', '{"id": "../v1", "amount": 100, "currency": "eur", "status": "succeeded"}'),
    ('charge.refunded', '{"payment_intent": "pi_1", "amount_refunded": 5}'),
    ('charge.refunded', '{"payment_intent": "pi_1", "refunds": {"data": [{"id": "re_1", "amount": 5, "currency": "eur", "status": "succeeded"}, {"id": "re_2", "amount": 5, "currency": "eur", "status": "pending"}]}}'),
    ('refund.updated', '{"id": "re_1", "payment_intent": {"id": "pi_1"}, "amount": 5, "currency": "eur", "status": "pending"}'),
    ('refund.updated', '{"id": "re_1", "payment_intent": {"id": "pi_1"}, "amount": 5, "currency": "eur", "status": "succeeded"}'),
    ('charge.dispute.created', '{"id": "dp_1", "payment_intent": "pi_1", "amount": 5, "currency": "eur", "status": "needs_response"}'),
    ('charge.dispute.created', '{"id": "dp_1", "payment_intent": "pi_1", "amount": 5, "currency": "eur", "status": "warning_needs_response"}'),
    ('charge.dispute.closed', '{"id": "dp_1", "payment_intent": "pi_1", "amount": 5, "currency": "eur", "status": "won"}'),
    ('charge.dispute.closed', '{"id": "dp_1", "payment_intent": "pi_1", "amount": 5, "currency": "eur", "status": "lost"}'),
    ('customer.created', '{"id": "cus_1", "email": "jane@example.com"}')) AS v (type, object);

-- An adapter of one's own: a carrier that sells labels and says where parcels are, signed as Standard Webhooks.
CREATE FUNCTION prov_shop.label(call jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('method', 'POST', 'path', '/labels', 'headers', '{"X-Api-Key": "{secret}"}'::jsonb, 'body', jsonb_build_object('key', call -> 'id', 'service', call #> '{arguments,service}')::text) $$;
CREATE FUNCTION prov_shop.labelled(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT CASE WHEN status >= 400 THEN jsonb_build_object('state', 'failed', 'error', answer -> 'code')
        ELSE jsonb_build_object('state', 'labelled', 'tracking', answer -> 'tracking', 'carrier', 'acme', 'url', answer -> 'url', 'keep', answer) END $$;
CREATE FUNCTION prov_shop.told(call jsonb, status integer, event jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('id', event -> 'id', 'type', event -> 'type', 'state', event -> 'type', 'fulfilment', event -> 'parcel') $$;
CREATE FUNCTION prov_shop.breaks(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT jsonb_build_object(1 / 0, 1)';
CREATE FUNCTION prov_shop.nobodys(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"method": "POST", "path": "/"}'::jsonb$$;
CREATE FUNCTION prov_shop.nothing(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{"method": "POST", "path": "labels"}'::jsonb$$;
GRANT USAGE ON SCHEMA prov_shop TO commerce_owner;
SELECT commerce.register_adapter('acme', 'label', 'prov_shop.label', 'prov_shop.labelled');
SELECT commerce.register_adapter('acme', 'broken', 'prov_shop.label', 'prov_shop.breaks');
SELECT commerce.register_adapter('acme', 'nothing', 'prov_shop.nothing', 'prov_shop.labelled');
SELECT commerce.register_adapter('acme', 'event', NULL, 'prov_shop.told', signature => 'standard');
SELECT commerce.register_adapter('acme', 'x', 'prov_shop.label', 'prov_shop.label');
SELECT commerce.register_adapter('acme', 'x', 'label', 'prov_shop.labelled');
SELECT commerce.register_adapter('acme', 'x', 'prov_shop.label(jsonb); DROP TABLE commerce.orders', 'prov_shop.labelled');
SELECT commerce.register_adapter('acme', 'x', 'prov_shop.label', NULL);
SELECT commerce.register_adapter('acme', 'x', 'prov_shop.label', 'prov_shop.labelled', ask => 'prov_shop.label');
SELECT commerce.register_adapter('acme', 'event', 'prov_shop.label', 'prov_shop.told');
SELECT commerce.register_adapter('acme', 'event', NULL, 'prov_shop.told', signature => 'trust');
SELECT commerce.register_adapter('manual', 'x', 'prov_shop.label', 'prov_shop.labelled');
SELECT commerce.register_adapter(NULL, 'x', 'prov_shop.label', 'prov_shop.labelled');
SELECT commerce.register_adapter('acme', 'x', 'prov_shop.none', 'prov_shop.labelled');
-- Nobody but administrators writes what runs with the shop's rights.
CREATE ROLE prov_clerk;
GRANT USAGE, CREATE ON SCHEMA prov_shop TO prov_clerk;
ALTER FUNCTION prov_shop.nobodys(jsonb) OWNER TO prov_clerk;
SELECT commerce.register_adapter('acme', 'x', 'prov_shop.nobodys', 'prov_shop.labelled');
SELECT commerce.create_provider('acme', 'shipping', 'acme', 'https://api.acme.example', secret => 'key', webhook_secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') IS NOT NULL AS made;
INSERT INTO commerce.variants (sku) VALUES ('prov-parcel');
INSERT INTO commerce.prices (sku, price) VALUES ('prov-parcel', '1 EUR');
SELECT commerce.receive_stock('prov-parcel', 5);
SELECT commerce.checkout('[{"sku": "prov-parcel", "quantity": 2}]') AS id \gset
SELECT commerce.plan_fulfilment(:'id', '[{"sku": "prov-parcel", "quantity": 2}]') AS f \gset
SELECT commerce.request_provider_call(:'id', 'acme', 'label', '{"service": "parcel"}', :'f') AS call \gset
SELECT "order" = :'id' AS of_the_order, method, url, headers, replace(body, :'call', '…') AS body, asking, commerce.open_provider_secret(secret, provider) AS secret, token
    FROM commerce.claim_provider_calls() \gset c_
SELECT :'c_of_the_order', :'c_method', :'c_url', :'c_headers', :'c_body', :'c_asking', :'c_secret';
SELECT commerce.finish_provider_call(:'id', :'call', :'c_token', 200, '{"tracking": "T-1", "url": "https://acme.example/T-1", "token": "secret", "payer": {"card_number": "4242", "note": "4242 4242 4242 4242"}}');
SELECT tracking, carrier, tracking_url FROM commerce.fulfilments WHERE id = :'f';
SELECT state, response FROM commerce.provider_calls WHERE id = :'call';
SELECT commerce.finish_provider_call(:'id', :'call', :'c_token', 200, '{"tracking": "T-2"}') AS too_late;
-- Its functions fail: nobody knows.
SELECT commerce.request_provider_call(:'id', 'acme', 'broken') AS call \gset
SELECT token FROM commerce.claim_provider_calls() \gset
SELECT commerce.finish_provider_call(:'id', :'call', :'token', 200, '{}');
SELECT state, error FROM commerce.provider_calls WHERE id = :'call';
SELECT commerce.request_provider_call(:'id', 'acme', 'nothing');
SELECT commerce.request_provider_call(:'id', 'acme', 'rates');
SELECT commerce.request_provider_call(:'id', 'acme', 'event');
SELECT commerce.request_provider_call(:'id', 'nobody', 'label');
SELECT commerce.request_provider_call(:'id', 'events', 'authorize');
SELECT commerce.request_provider_call(NULL, 'acme', 'label');
SELECT commerce.request_provider_call(:'id', 'acme', 'label', '[]');
SELECT commerce.request_provider_call(:'id', 'acme', 'label', NULL);
SELECT commerce.request_provider_call(:'id', 'acme', 'label', '{"card": "4242 4242 4242 4242"}');
\set VERBOSITY sqlstate
SELECT commerce.request_provider_call(:'id', 'acme', 'label', '{}', '00000000-0000-7000-8000-000000000000');
\set VERBOSITY terse
SELECT commerce.request_payment(:'id', 'acme', payment_method => 'x');
-- It tells that the parcel has arrived.
SELECT commerce.fulfilment_event(:'f', 'ship');
CREATE FUNCTION pg_temp.hmac(key bytea, message bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT sha256(o.pad || sha256(i.pad || message)) FROM
        (SELECT decode(string_agg(lpad(to_hex(CASE WHEN n < length(key) THEN get_byte(key, n) ELSE 0 END # 54), 2, '0'), '' ORDER BY n), 'hex') AS pad FROM generate_series(0, 63) n) i,
        (SELECT decode(string_agg(lpad(to_hex(CASE WHEN n < length(key) THEN get_byte(key, n) ELSE 0 END # 92), 2, '0'), '' ORDER BY n), 'hex') AS pad FROM generate_series(0, 63) n) o $$;
CREATE FUNCTION pg_temp.tell(id text, body text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT commerce.receive_provider_event('acme', body, 'v1,' || encode(pg_temp.hmac(decode('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64'),
        convert_to(format('%s.%s.%s', id, at, body), 'UTF8')), 'base64'), jsonb_build_object('webhook-id', id, 'webhook-timestamp', at)) FROM (SELECT extract(epoch FROM clock_timestamp())::bigint::text AS at) t $$;
SELECT pg_temp.tell('msg_1', format('{"id": "msg_1", "type": "delivered", "parcel": "%s"}', :'f'));
SELECT pg_temp.tell('msg_1', format('{"id": "msg_1", "type": "delivered", "parcel": "%s"}', :'f'));
SELECT state FROM commerce.fulfilments WHERE id = :'f';
SELECT pg_temp.tell('msg_2', '{"id": "msg_2", "type": "delivered", "parcel": "nonsense"}');
SELECT pg_temp.tell('msg_3', '{"type": "delivered"}');
SELECT pg_temp.tell('msg_4', 'nonsense');
SELECT pg_temp.tell('msg_5', '{"id": "\u0000", "type": "delivered"}');
SELECT provider, id, type, state, error FROM commerce.provider_events WHERE provider = 'acme' ORDER BY id;

-- Rights: the app asks, administrators set up, and nobody of them sees a secret.
SET ROLE commerce_app;
SELECT commerce.create_provider('mine', 'payment');
SELECT secret FROM commerce.providers;
SELECT commerce.claim_provider_calls();
RESET ROLE;
SET ROLE commerce_admin;
SELECT commerce.open_provider_secret(secret, id) FROM commerce.providers;
RESET ROLE;
SELECT adapter, operation FROM commerce.provider_adapters WHERE adapter = 'acme' ORDER BY operation COLLATE "C";
DROP SCHEMA prov_shop CASCADE;
UPDATE commerce.provider_calls SET state = 'failed', finished_at = now() WHERE state IN ('pending', 'unknown');
DROP ROLE prov_clerk;
