-- Endpoints and deliveries: what is refused, who is told what, in which order, and what becomes of it. Needs a server whose
-- commerce.key_file names a key. What is sent, and by whom, is tested by test/t/outbox.pl.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
BEGIN;
DELETE FROM commerce.outbox;
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- URLs.
SELECT left(url, 60) AS url, pg_temp.refusal(format('SELECT commerce.create_endpoint(%L)', url)) AS answer FROM unnest(ARRAY[
    NULL, '', 'shop.example', 'ftp://shop.example/', 'http://shop.example/', 'https://', 'https://user:pass@shop.example/',
    'https://shop.example/a b', 'https://shop.example/#part', 'https://127.0.0.1/', 'https://10.0.0.1:8443/', 'https://[::1]/',
    'https://169.254.169.254/latest', 'https://[::ffff:127.0.0.1]/', 'https://[64:ff9b::7f00:1]/', 'https://2130706433/', 'https://0x7f.1/',
    'https://127.1/', 'http://93.184.216.34/', 'https://shop.example:0/', 'https://shop.example:70000/', E'https://shop.example/\r\nx: y',
    'https://shop.example/' || repeat('a', 3000), 'notify:', 'notify:' || repeat('c', 64)]) WITH ORDINALITY AS u (url, n) ORDER BY n;
-- The rest.
SELECT left(arguments, 60) AS arguments, pg_temp.refusal('SELECT commerce.create_endpoint(''https://shop.example/'', ' || arguments || ')') AS answer FROM unnest(ARRAY[
    'topics => NULL', 'topics => ''{}''', 'topics => ''{NULL}''', 'topics => ''{order.**}''', 'topics => ''{order.}''', 'topics => ''{*.placed}''',
    'topics => ''{"order placed"}''', 'topics => array_fill(''order.*''::text, ARRAY[101])', 'order_mode => NULL', 'order_mode => ''loose''',
    'max_in_flight => NULL', 'max_in_flight => 0', 'max_in_flight => 101', 'signature => NULL', 'signature => ''v2''',
    'secret => ''''', 'secret => ''hunter2''', 'secret => ''whsec_c2hvcnQ=''', 'signature => ''v1a'', secret => ''whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw''',
    'headers => NULL', 'headers => ''[]''', 'headers => ''{"host": "a"}''', 'headers => ''{"Webhook-Id": "a"}''', 'headers => ''{"x y": "a"}''',
    'headers => ''{"": "a"}''', 'headers => ''{"x": 1}''', 'headers => ''{"x": "a\r\nb: c"}''', 'headers => ''{"x": "é"}''',
    'headers => jsonb_build_object(''x'', repeat(''a'', 4097))',
    'headers => (SELECT jsonb_object_agg(''x'' || n, '''') FROM generate_series(1, 21) n)'
    ]) WITH ORDINALITY AS a (arguments, n) ORDER BY n;
SELECT pg_temp.refusal($$SELECT commerce.create_endpoint('notify:events', secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')$$);
SELECT count(*) AS endpoints FROM commerce.endpoints;
-- What is no endpoint.
SELECT statement, pg_temp.refusal(format(statement, '00000000-0000-0000-0000-000000000000')) AS answer FROM unnest(ARRAY[
    'SELECT commerce.update_endpoint(%L)', 'SELECT commerce.disable_endpoint(%L)', 'SELECT commerce.enable_endpoint(%L)',
    'SELECT commerce.delete_endpoint(%L)', 'SELECT commerce.rotate_endpoint_secret(%L)', 'SELECT commerce.replay_events(%L, since => now())',
    'SELECT commerce.skip_events(%L)', 'SELECT commerce.update_endpoint(NULL)', 'SELECT commerce.skip_events(NULL)']) AS s (statement);
SELECT pg_temp.refusal($$SELECT commerce.prune_outbox(NULL)$$), pg_temp.refusal($$SELECT commerce.prune_outbox('infinity')$$);

-- Topics.
SELECT topic, commerce.topic_matches('{*}', topic) AS "all", commerce.topic_matches('{order.*}', topic) AS "order.*",
    commerce.topic_matches('{order.placed,stock.low}', topic) AS two
FROM unnest('{order.placed,order.placed.late,orders.placed,order,stock.low}'::text[]) AS t (topic);

-- Endpoints: the secret is shown once, and kept sealed.
CREATE TEMP TABLE made AS
    SELECT 'strict' AS name, commerce.create_endpoint('https://shop.example/hook?token=hunter2', '{order.*}',
        secret => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', headers => '{"authorization": "Bearer hunter2"}') AS answer
    UNION ALL SELECT 'skip', commerce.create_endpoint('https://hook.example/', '{order.placed,stock.*}', order_mode => 'skip', signature => 'v1a')
    UNION ALL SELECT 'notify', commerce.create_endpoint('notify:shop_events');
SELECT name, answer ->> 'secret' LIKE CASE name WHEN 'strict' THEN 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' ELSE 'whsk_%' END AS secret,
    answer ->> 'public_key' LIKE 'whpk_%' AS public_key FROM made;
SELECT name, e.topics, order_mode, signature, max_in_flight, enabled, e::text LIKE '%MfKQ9r8%' OR e::text LIKE '%Bearer%' AS shows_secrets
FROM made JOIN commerce.endpoints e ON e.id = (answer ->> 'id')::uuid ORDER BY name;
SELECT host FROM commerce.outbox_status() WHERE endpoint IS NOT NULL ORDER BY host;
SELECT (answer ->> 'id')::uuid AS strict FROM made WHERE name = 'strict' \gset
SELECT (answer ->> 'id')::uuid AS skip FROM made WHERE name = 'skip' \gset
-- The audit log knows who changed what, and no secret.
SELECT count(*) > 0 AS noted, bool_or(detail::text LIKE '%Bearer%' OR detail::text LIKE '%MfKQ9r8%') AS shows_secrets
FROM commerce.audit_log WHERE relation = 'commerce.endpoints';

-- Rotation.
SELECT jsonb_object_keys(commerce.rotate_endpoint_secret(:'strict')) AS key;
SELECT previous_secret IS NOT NULL AS signs_too, previous_until - now() AS "for" FROM commerce.endpoints WHERE id = :'strict';
SELECT commerce.rotate_endpoint_secret(:'strict', signature => 'v1a', keep_previous => '0') ->> 'secret' LIKE 'whsk_%' AS made;
SELECT signature, previous_secret IS NULL AND previous_until IS NULL AS alone FROM commerce.endpoints WHERE id = :'strict';
SELECT pg_temp.refusal(format('SELECT commerce.rotate_endpoint_secret(%L, %s)', :'strict', more)) FROM unnest(ARRAY[
    'secret => ''whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw''', 'signature => ''v3''', 'keep_previous => NULL', 'keep_previous => ''-1 s''',
    'keep_previous => ''31 days''']) AS m (more);

-- Changes.
SELECT commerce.update_endpoint(:'strict', max_in_flight => 3);
SELECT commerce.update_endpoint(:'strict', headers => '{}');
SELECT url, topics, order_mode, max_in_flight, headers IS NULL AS no_headers FROM commerce.endpoints WHERE id = :'strict';
SELECT pg_temp.refusal(format('SELECT commerce.update_endpoint(%L, %s)', :'strict', more)) FROM unnest(ARRAY[
    'url => ''https://127.0.0.1/''', 'url => ''notify:events''', 'topics => ''{}''', 'order_mode => ''x''', 'max_in_flight => 0', 'headers => ''1''']) AS m (more);

-- Dispatch: each event for those who want it, and of each aggregate one at a time.
INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES
    ('o1', 'order.placed', '{"n": 1}'), ('o1', 'order.paid', '{"n": 2}'), ('o2', 'order.placed', '{"n": 3}'), ('s', 'stock.low', '{}'), ('x', 'other', '{}');
INSERT INTO commerce.outbox (aggregate, topic, payload, created_at) VALUES ('o0', 'order.placed', '{}', now() - interval '1 s');
SELECT waiting, oldest IS NOT NULL AS has_oldest FROM commerce.outbox_status() WHERE endpoint IS NULL;
SELECT commerce.dispatch_events(2), commerce.dispatch_events(100), commerce.dispatch_events(100);
CREATE TEMP VIEW deliveries AS
    SELECT m.name, d.aggregate, o.topic, d.state, d.attempt, d.next_at = 'infinity' AS behind, d.last_status, d.last_error
    FROM commerce.deliveries d JOIN made m ON d.endpoint = (m.answer ->> 'id')::uuid JOIN commerce.outbox o ON o.aggregate = d.aggregate AND o.id = d.event
    ORDER BY m.name, d.aggregate, d.event;
SELECT * FROM deliveries;
SELECT count(*) FILTER (WHERE dispatched_at IS NULL) AS undispatched FROM commerce.outbox;

-- Claims: leased, one of each aggregate, no more than there is room for.
CREATE TEMP TABLE claimed AS SELECT * FROM commerce.claim_deliveries(ARRAY[:'strict', :'skip']::uuid[], ARRAY[1, 8], 100,
    '00000000-0000-0000-0000-000000000001', '20 s');
SELECT m.name, c.aggregate, c.attempt, c.body::jsonb ->> 'type' AS type, c.body::jsonb -> 'data' AS data, c.url
FROM claimed c JOIN made m ON c.endpoint = (m.answer ->> 'id')::uuid ORDER BY 1, 2;
SELECT regexp_replace(body, '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z', 'TIME') AS body FROM claimed ORDER BY endpoint, event LIMIT 1;
SELECT aggregate FROM commerce.claim_deliveries(ARRAY[:'strict', :'skip']::uuid[], ARRAY[8, 8], 100, '00000000-0000-0000-0000-000000000002', '20 s');

-- Outcomes: only with the token, and the next of the aggregate goes on.
CREATE FUNCTION pg_temp.settle(token text, endpoint uuid, aggregate text, outcome text, status integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT commerce.settle_deliveries(ARRAY[d.endpoint], ARRAY[d.aggregate], ARRAY[d.event], token::uuid, ARRAY[outcome], ARRAY[status],
        ARRAY[CASE outcome WHEN 'delivered' THEN NULL ELSE 'it failed' END], ARRAY[CASE outcome WHEN 'retry' THEN now() + interval '1 hour' END])
    FROM commerce.deliveries d WHERE d.endpoint = $2 AND d.aggregate = $3 AND d.state = 'leased' $$;
SELECT pg_temp.settle('00000000-0000-0000-0000-000000000002', :'strict', 'o1', 'delivered', 200) AS with_anothers_token;
SELECT pg_temp.settle('00000000-0000-0000-0000-000000000001', :'strict', 'o1', 'delivered', 200) AS with_the_token;
SELECT pg_temp.settle('00000000-0000-0000-0000-000000000001', :'skip', 'o1', 'retry', 503) AS with_the_token;
SELECT pg_temp.settle('00000000-0000-0000-0000-000000000001', :'skip', 's', 'returned', NULL) AS given_back;
SELECT * FROM deliveries;
SELECT aggregate FROM commerce.claim_deliveries(ARRAY[:'strict']::uuid[], ARRAY[8], 1, '00000000-0000-0000-0000-000000000003', '20 s');
-- What is given up holds up what is behind it, or not.
SELECT pg_temp.settle('00000000-0000-0000-0000-000000000003', :'strict', aggregate, 'dead', 500) FROM commerce.deliveries
    WHERE endpoint = :'strict' AND state = 'leased' AND lease_token = '00000000-0000-0000-0000-000000000003';
INSERT INTO commerce.outbox (aggregate, topic, payload) SELECT aggregate, 'order.sent', '{"n": 4}' FROM commerce.deliveries
    WHERE endpoint = :'strict' AND state = 'dead';
SELECT commerce.dispatch_events(100);
SELECT behind, state FROM deliveries WHERE name = 'strict' AND topic = 'order.sent';
SAVEPOINT dead;
SELECT commerce.update_endpoint(:'strict', order_mode => 'skip');
SELECT behind, state FROM deliveries WHERE name = 'strict' AND topic = 'order.sent';
ROLLBACK TO dead;
SELECT commerce.skip_events(:'strict'), commerce.skip_events(:'strict');
SELECT behind, state FROM deliveries WHERE name = 'strict' AND topic = 'order.sent';
ROLLBACK TO dead;
SELECT commerce.replay_events(:'strict', events => ARRAY(SELECT event FROM commerce.deliveries WHERE endpoint = :'strict' AND state = 'dead'));
SELECT behind, state, attempt FROM deliveries WHERE name = 'strict' AND state = 'pending' ORDER BY behind;
-- Leases that are over; an event that was deleted; an endpoint that is gone.
SELECT aggregate FROM commerce.claim_deliveries(ARRAY[:'skip']::uuid[], ARRAY[8], 100, '00000000-0000-0000-0000-000000000004', '-1 s') ORDER BY 1;
SELECT aggregate, attempt FROM commerce.claim_deliveries(ARRAY[:'skip']::uuid[], ARRAY[8], 100, '00000000-0000-0000-0000-000000000005', '20 s') ORDER BY 1;
SELECT pg_temp.settle('00000000-0000-0000-0000-000000000004', :'skip', 's', 'delivered', 200) AS too_late;
DELETE FROM commerce.outbox WHERE aggregate = 's';
SELECT pg_temp.settle('00000000-0000-0000-0000-000000000005', :'skip', 's', 'returned', NULL) AS given_back;
SELECT aggregate, body FROM commerce.claim_deliveries(ARRAY[:'skip']::uuid[], ARRAY[8], 100, '00000000-0000-0000-0000-000000000006', '20 s');
SELECT pg_temp.settle('00000000-0000-0000-0000-000000000006', :'skip', 's', 'gone', 410);
SELECT enabled, last_error FROM commerce.outbox_status() WHERE endpoint = :'skip';
SELECT commerce.enable_endpoint(:'skip'), commerce.disable_endpoint(:'strict', 'they asked for it');
SELECT enabled, last_error FROM commerce.outbox_status() WHERE endpoint IN (:'skip', :'strict') ORDER BY enabled;
SELECT count(*) FROM commerce.claim_deliveries(ARRAY[:'strict']::uuid[], ARRAY[8], 100, '00000000-0000-0000-0000-000000000007', '20 s');

-- Replays, and clearing away.
SELECT pg_temp.refusal(format('SELECT commerce.replay_events(%L%s)', :'skip', more)) FROM unnest(ARRAY[
    '', ', since => now(), until => now() - interval ''1 s''', ', until => now()']) AS m (more);
SELECT pg_temp.refusal(format('SELECT commerce.replay_events(%L, since => now())', answer ->> 'id')) FROM made WHERE name = 'notify';
SELECT commerce.replay_events(:'skip', since => '-infinity', topics => '{other}') AS other_topics,
    commerce.replay_events(:'skip', since => now() - interval '1 minute', until => now()) AS before_now,
    commerce.replay_events(:'skip', since => 'infinity') AS never, commerce.replay_events(:'skip', events => '{}') AS none;
SELECT commerce.prune_outbox(now()) AS waited_for_by_none;
SELECT aggregate, topic FROM commerce.outbox ORDER BY id;
UPDATE commerce.deliveries SET state = 'delivered', lease_until = NULL, lease_token = NULL WHERE endpoint IN (:'skip', :'strict');
UPDATE commerce.outbox SET created_at = created_at - interval '1 day';
SELECT commerce.prune_outbox(now()) AS pruned;
SELECT (SELECT count(*) FROM commerce.outbox) AS events, (SELECT count(*) FROM commerce.deliveries) AS deliveries;
SELECT commerce.delete_endpoint(:'skip');
SELECT count(*) FROM commerce.data_keys WHERE subject = :'skip';

-- Who may.
SET LOCAL ROLE commerce_app;
SELECT pg_temp.refusal($$SELECT commerce.create_endpoint('https://shop.example/')$$);
SELECT pg_temp.refusal($$SELECT url FROM commerce.endpoints$$), pg_temp.refusal($$SELECT secret FROM commerce.endpoints$$),
    pg_temp.refusal($$SELECT id, topics FROM commerce.endpoints$$), pg_temp.refusal($$CALL commerce.deliver_pending()$$);
RESET ROLE;
SET LOCAL ROLE commerce_admin;
SELECT count(*) > 0 AS may FROM commerce.outbox_status();
SELECT pg_temp.refusal($$CALL commerce.deliver_pending()$$), pg_temp.refusal($$CALL commerce.deliver_pending(NULL)$$), pg_temp.refusal($$CALL commerce.deliver_pending(3601)$$);
ROLLBACK;
