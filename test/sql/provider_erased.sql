-- What was sent to providers about somebody who is erased goes, also of calls that were given up, that were about a cart, and
-- that come to their end later; what is to be settled stays, and nothing of it is sent again.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('perased-A', false);
INSERT INTO commerce.prices (sku, price) VALUES ('perased-A', '1 EUR');
CREATE SCHEMA perased;
GRANT USAGE ON SCHEMA perased TO commerce_owner;
CREATE FUNCTION perased.build(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('method', 'POST', 'path', '/of/' || (call #>> '{arguments,to}'),
    'headers', jsonb_build_object('X-To', call #>> '{arguments,to}'), 'body', call #>> '{arguments,to}')$$;
CREATE FUNCTION perased.ask(call jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('method', 'GET', 'path', '/call')$$;
CREATE FUNCTION perased.read(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS
    $$SELECT jsonb_build_object('state', answer ->> 'state', 'keep', answer, 'error', answer ->> 'why')$$;
SELECT commerce.register_adapter('perased', 'plain', 'perased.build', 'perased.read'),
    commerce.register_adapter('perased', 'asked', 'perased.build', 'perased.read', 'perased.ask', 'perased.read');
SELECT commerce.create_provider('perased', 'shipping', 'perased', 'https://carrier.example') IS NOT NULL AS made;
RESET client_min_messages;
-- Has the carrier asked for something, and its answer booked.
CREATE FUNCTION pg_temp.ask(subject uuid, operation text, answer jsonb DEFAULT NULL) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    c uuid := commerce.request_provider_call(subject, 'perased', operation, '{"to": "Elm-Street-5"}');
BEGIN
    IF answer IS NOT NULL THEN
        UPDATE commerce.provider_calls SET state = 'leased', lease_until = now() + interval '1 hour', lease_token = c WHERE id = c;
        PERFORM commerce.finish_provider_call(subject, c, c, 200, answer::text);
    END IF;
    RETURN c;
END $$;
CREATE FUNCTION pg_temp.calls(subject uuid) RETURNS TABLE (operation text, state text, erased boolean, names_him boolean, error text) LANGUAGE sql AS $$
    SELECT c.operation, c.state, c.erased, c::text LIKE '%Elm-Street%', c.error FROM commerce.provider_calls c WHERE c.order_id = subject ORDER BY c.id$$;
CREATE FUNCTION pg_temp.again(subject uuid) RETURNS TABLE (asking boolean, method text, state text) LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    UPDATE commerce.provider_calls p SET next_at = now() WHERE p.order_id = subject AND p.state IN ('pending', 'unknown');
    SELECT * INTO c FROM commerce.claim_provider_calls(100) x WHERE x.order = subject;
    IF FOUND THEN
        RETURN QUERY SELECT c.asking, q.method, commerce.finish_provider_call(subject, c.call, c.token, 404, '{"state": "absent"}')
            FROM commerce.question_of_call(subject, c.call, c.token) q;
    END IF;
END $$;

-- A guest: one call was given up of which nobody knows, one that was never sent, one is over, one is not.
SELECT commerce.checkout('[{"sku": "perased-A", "quantity": 2}]') AS id \gset
SELECT pg_temp.ask(:'id', 'asked', '{"state": "dead", "why": "Elm-Street"}') AS first, pg_temp.ask(:'id', 'plain', '{"state": "dead"}') AS second,
    pg_temp.ask(:'id', 'plain', '{"state": "done"}') IS NOT NULL AS third, pg_temp.ask(:'id', 'plain') AS fourth \gset
UPDATE commerce.provider_calls SET maybe_done = false WHERE id = :'second';
SELECT * FROM pg_temp.calls(:'id');
SELECT commerce.erase_guest(:'id') ->> 'words' AS words;
SELECT * FROM pg_temp.calls(:'id');
SET ROLE commerce_reader;
SELECT count(*) FILTER (WHERE erased) AS erased FROM commerce.provider_calls WHERE order_id = :'id';
RESET ROLE;
-- The one that may be under way comes to its end, and goes, too.
UPDATE commerce.provider_calls SET state = 'leased', lease_until = now() + interval '1 hour', lease_token = id WHERE id = :'fourth';
SELECT commerce.finish_provider_call(:'id', :'fourth', :'fourth', 200, '{"state": "done", "street": "Elm-Street"}');
SELECT * FROM pg_temp.calls(:'id') OFFSET 3;
-- Of one that was given up the provider is asked; where it does not know it, it is given up anew, and not sent. Of one that
-- was never sent there is nothing to send.
SELECT commerce.retry_provider_call(:'id', :'second');
SELECT commerce.retry_provider_call(:'id', :'first');
SELECT * FROM pg_temp.again(:'id');
SELECT * FROM pg_temp.again(:'id');
SELECT * FROM pg_temp.calls(:'id') LIMIT 1;
SELECT commerce.abandon_provider_call(:'id', :'first', 'not in their books');
SELECT commerce.abandon_provider_call(:'id', :'second', 'never sent');
SELECT * FROM pg_temp.calls(:'id') LIMIT 2;
-- Nor is one whose adapter has forgotten how to ask.
SELECT commerce.checkout('[{"sku": "perased-A", "quantity": 2}]') AS id \gset
SELECT pg_temp.ask(:'id', 'asked', '{"state": "dead"}') AS call \gset
SELECT commerce.erase_guest(:'id') ->> 'words' AS words;
SELECT commerce.retry_provider_call(:'id', :'call');
SELECT commerce.register_adapter('perased', 'asked', 'perased.build', 'perased.read');
SELECT count(*) AS sent FROM pg_temp.again(:'id');
SELECT * FROM pg_temp.calls(:'id');
SELECT commerce.retry_provider_call(:'id', :'call');

-- A customer: an order, and a cart that was never bought; and again by the sweep, of what was given up since.
SELECT commerce.create_customer('perased@example.com') AS jane \gset
SELECT commerce.checkout('[{"sku": "perased-A", "quantity": 2}]', customer => :'jane') AS id, commerce.create_cart(:'jane') AS cart \gset
SELECT pg_temp.ask(:'id', 'plain', '{"state": "dead"}') IS NOT NULL AS given_up, pg_temp.ask(:'cart', 'plain', '{"state": "done"}') IS NOT NULL AS over,
    pg_temp.ask(:'cart', 'plain') AS pending \gset
SELECT commerce.erase_customer(:'jane') ->> 'words' AS words;
SELECT * FROM pg_temp.calls(:'id') UNION ALL SELECT * FROM pg_temp.calls(:'cart');
UPDATE commerce.provider_calls SET state = 'dead', finished_at = now() WHERE id = :'pending';
SELECT commerce.sweep_retention() >= 0 AS swept;
SELECT * FROM pg_temp.calls(:'cart') OFFSET 1;
-- That a call undoes what the ledger never had is known for ever.
INSERT INTO commerce.provider_calls (order_id, provider, operation, arguments, method, path, headers, body, state, finished_at)
    VALUES (:'id', 'perased', 'plain', '{"undo": true, "reference": "re_1", "to": "Elm-Street"}', 'POST', '/', '{}', '', 'succeeded', now()) RETURNING id AS call \gset
SELECT commerce.erase_customer(:'jane') ->> 'words' AS words, commerce.is_undoing(:'call', :'id');
SELECT arguments FROM commerce.provider_calls WHERE id = :'call';

SET client_min_messages = warning;
DELETE FROM commerce.provider_calls WHERE provider = 'perased';
DELETE FROM commerce.providers WHERE name = 'perased';
DELETE FROM commerce.provider_adapters WHERE adapter = 'perased';
DROP SCHEMA perased CASCADE;
