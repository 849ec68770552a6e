-- Signed tokens.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
CREATE SCHEMA login_tokens;
CREATE EXTENSION pgcrypto SCHEMA login_tokens;
RESET client_min_messages;
CREATE FUNCTION login_tokens.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ': ' || SQLERRM || coalesce(' ' || nullif(detail, ''), '');
END
$$;
CREATE FUNCTION login_tokens.url64(bytes bytea) RETURNS text LANGUAGE sql AS $$
    SELECT rtrim(translate(encode(bytes, 'base64'), E'+/\n', '-_'), '=') $$;
CREATE FUNCTION login_tokens.from_url64(url64 text) RETURNS bytea LANGUAGE sql AS $$
    SELECT decode(translate(url64, '-_', '+/') || repeat('=', (4 - length(url64) % 4) % 4), 'base64') $$;
-- A token signed with a shared secret, whatever its header says.
CREATE FUNCTION login_tokens.hs256(header text, payload text, secret bytea) RETURNS text LANGUAGE sql AS $$
    SELECT s || '.' || login_tokens.url64(login_tokens.hmac(convert_to(s, 'UTF8'), secret, 'sha256'))
    FROM concat(login_tokens.url64(convert_to(header, 'UTF8')), '.', login_tokens.url64(convert_to(payload, 'UTF8'))) AS s $$;
SELECT commerce.create_customer('tokens.jane@example.com', password => 'correct horse') AS jane \gset
DELETE FROM commerce.jwt_keys;

-- Without a key there is no token.
SELECT login_tokens.refusal(format('SELECT commerce.create_jwt(%L)', :'jane')) AS no_key;
SELECT commerce.jwt_public_keys();

-- EdDSA: what is returned is public, what is stored is sealed.
SELECT commerce.create_jwt_key() AS key \gset
SELECT jsonb_object_agg(name, CASE name WHEN 'kid' THEN '#' WHEN 'x' THEN length(value)::text ELSE value END) AS public
FROM jsonb_each_text(:'key'::jsonb) AS t (name, value);
SELECT algorithm, audience, secret::text ~ '^sealed:1:' AS sealed, login_tokens.url64(public_key) = :'key'::jsonb ->> 'x' AS x, retired_at,
    id::text = :'key'::jsonb ->> 'kid' AS kid FROM commerce.jwt_keys;
SELECT commerce.jwt_public_keys() = jsonb_build_object('keys', jsonb_build_array(:'key'::jsonb)) AS key_set;
SELECT commerce.create_jwt(:'jane') AS token \gset
SELECT commerce.verify_jwt(:'token') ->> 'sub' = :'jane' AS sub, commerce.verify_jwt(:'token') - '{sub,exp,iat,nbf}'::text[] AS others;
SELECT (c ->> 'exp')::bigint - (c ->> 'iat')::bigint AS seconds, c ->> 'nbf' = c ->> 'iat' AS at_once,
    abs((c ->> 'iat')::bigint - extract(epoch FROM clock_timestamp())) < 300 AS now FROM commerce.verify_jwt(:'token') AS c;
SELECT convert_from(login_tokens.from_url64(split_part(:'token', '.', 1)), 'UTF8')::jsonb - 'kid' AS header;

-- HS256: another implementation signs and verifies alike.
SELECT commerce.create_jwt_key('HS256', 'shop') AS shared \gset
SELECT :'shared'::jsonb ->> 'kid' AS kid, login_tokens.from_url64(:'shared'::jsonb ->> 'k') AS secret \gset
SELECT jsonb_object_agg(name, CASE name WHEN 'kid' THEN '#' WHEN 'k' THEN length(value)::text ELSE value END) AS shared
FROM jsonb_each_text(:'shared'::jsonb) AS t (name, value);
SELECT commerce.jwt_public_keys() = jsonb_build_object('keys', jsonb_build_array(:'key'::jsonb)) AS secret_is_not_public;
SELECT bool_or(k::text ~ (:'shared'::jsonb ->> 'k')) AS leaks FROM commerce.jwt_keys k;
SELECT commerce.create_jwt(:'jane', '1 day') AS newest \gset
SELECT split_part(:'newest', '.', 3) = login_tokens.url64(login_tokens.hmac(convert_to(split_part(:'newest', '.', 1) || '.' || split_part(:'newest', '.', 2), 'UTF8'),
    :'secret'::bytea, 'sha256')) AS signed_alike, commerce.verify_jwt(:'newest') ->> 'aud' AS aud;
SELECT commerce.verify_jwt(:'token') ->> 'aud' AS the_former_key_verifies_on;
SELECT format('{"alg": "HS256", "kid": "%s"}', :'kid') AS header \gset
SELECT commerce.verify_jwt(login_tokens.hs256(:'header', '{"aud": ["x", "shop"], "exp": 99999999999, "sub": "émile", "n": [1, {"a": null}]}', :'secret'::bytea)) AS claims;

-- Refused, in the same words.
CREATE TEMP TABLE forged (name text, token text);
INSERT INTO forged SELECT name, login_tokens.hs256(header, payload, :'secret'::bytea) FROM (VALUES
    ('expired', :'header', '{"aud": "shop", "exp": 1}'),
    ('expires now', :'header', format('{"aud": "shop", "exp": %s}', floor(extract(epoch FROM now())))),
    ('never expires', :'header', '{"aud": "shop"}'),
    ('exp is a text', :'header', '{"aud": "shop", "exp": "99999999999"}'),
    ('not yet', :'header', '{"aud": "shop", "exp": 99999999999, "nbf": 99999999990}'),
    ('of the future', :'header', '{"aud": "shop", "exp": 99999999999, "iat": 99999999990}'),
    ('for others', :'header', '{"aud": "commerce", "exp": 99999999999}'),
    ('for nobody', :'header', '{"exp": 99999999999}'),
    ('twice exp', :'header', '{"aud": "shop", "exp": 1, "exp": 99999999999}'),
    ('hidden exp', :'header', '{"aud": "shop", "exp": 99999999999, "\u0065xp": 1}'),
    ('no JSON', :'header', 'exp'),
    ('an array', :'header', '["shop"]'),
    ('NUL', :'header', '{"aud": "shop", "exp": 99999999999, "x": "\u0000"}'),
    ('alg none', format('{"alg": "none", "kid": "%s"}', :'kid'), '{"aud": "shop", "exp": 99999999999}'),
    ('alg twice', format('{"alg": "none", "alg": "HS256", "kid": "%s"}', :'kid'), '{"aud": "shop", "exp": 99999999999}'),
    ('another alg', format('{"alg": "HS512", "kid": "%s"}', :'kid'), '{"aud": "shop", "exp": 99999999999}'),
    ('alg of the other key', format('{"alg": "EdDSA", "kid": "%s"}', :'kid'), '{"aud": "shop", "exp": 99999999999}'),
    ('no kid', '{"alg": "HS256"}', '{"aud": "shop", "exp": 99999999999}'),
    ('unknown kid', '{"alg": "HS256", "kid": "00000000-0000-7000-8000-000000000000"}', '{"aud": "shop", "exp": 99999999999}'),
    ('kid of another form', '{"alg": "HS256", "kid": "../../dev/null"}', '{"aud": "shop", "exp": 99999999999}'),
    ('kid with SQL', '{"alg": "HS256", "kid": "'' OR true --"}', '{"aud": "shop", "exp": 99999999999}'),
    ('critical', format('{"alg": "HS256", "kid": "%s", "crit": ["exp"]}', :'kid'), '{"aud": "shop", "exp": 99999999999}'),
    ('another type', format('{"alg": "HS256", "kid": "%s", "typ": "at+jwt"}', :'kid'), '{"aud": "shop", "exp": 99999999999}')
    ) AS t (name, header, payload);
-- The classical confusion: the public key of EdDSA as the secret of HS256; and a key that the token brings along.
INSERT INTO forged SELECT 'public key as secret', login_tokens.hs256(format('{"alg": "HS256", "kid": "%s"}', :'key'::jsonb ->> 'kid'),
    '{"aud": "commerce", "exp": 99999999999}', login_tokens.from_url64(:'key'::jsonb ->> 'x'));
INSERT INTO forged SELECT 'brings its key', login_tokens.hs256(format('{"alg": "HS256", "kid": "%s", "jwk": {"kty": "oct", "k": "AAAA"}}', :'kid'),
    '{"aud": "shop", "exp": 99999999999}', '\x000000');
INSERT INTO forged VALUES ('another signature', left(:'newest', -1) || CASE right(:'newest', 1) WHEN 'A' THEN 'E' ELSE 'A' END),
    ('stray bits', left(:'newest', -1) || translate(right(:'newest', 1), 'AEIMQUYcgkosw048', 'BFJNRVZdhlptx159')),
    ('no signature', split_part(:'newest', '.', 1) || '.' || split_part(:'newest', '.', 2) || '.'),
    ('two parts', split_part(:'newest', '.', 1) || '.' || split_part(:'newest', '.', 2)), ('four parts', :'newest' || '.AAAA'),
    ('padded', :'newest' || '='), ('blank', :'newest' || ' '), ('header of another', split_part(:'token', '.', 1) || substr(:'newest', strpos(:'newest', '.'))),
    ('payload of another', split_part(:'newest', '.', 1) || '.' || split_part(:'token', '.', 2) || '.' || split_part(:'newest', '.', 3)),
    ('signature of another', split_part(:'newest', '.', 1) || '.' || split_part(:'newest', '.', 2) || '.' || split_part(:'token', '.', 3)),
    ('empty', ''), ('dots', '..'), ('no base64url', 'é.é.é'), ('too long', repeat('A', 9000) || '.A.A');
SELECT refusal, count(*), string_agg(name, ', ' ORDER BY name) FILTER (WHERE refusal = 'accepted') AS accepted
FROM (SELECT name, login_tokens.refusal(format('SELECT commerce.verify_jwt(%L)', token)) AS refusal FROM forged) f GROUP BY refusal;
SELECT commerce.verify_jwt(NULL) IS NULL AS nothing;
-- No session is a token, and no token a session.
SELECT commerce.login('tokens.jane@example.com', 'correct horse') AS session \gset
SELECT login_tokens.refusal(format('SELECT commerce.verify_jwt(%L)', :'session')), login_tokens.refusal(format('SELECT commerce.use_session(%L)', :'newest'));

-- For staff, with whatever their names are.
SELECT commerce.verify_jwt(commerce.create_staff_jwt(E'O''Hara "é" \\', ARRAY['web', 'a"b'], '1 minute')) - '{exp,iat,nbf}'::text[] AS claims;
SELECT commerce.verify_jwt(commerce.create_staff_jwt('nobody', '{}')) -> 'channels' AS none;
SELECT login_tokens.refusal('SELECT commerce.create_staff_jwt('''', ARRAY[''web''])') AS empty,
    login_tokens.refusal('SELECT commerce.create_staff_jwt(''x'', ARRAY[NULL])') AS null_channel,
    login_tokens.refusal('SELECT commerce.create_staff_jwt(repeat(''x'', 9000), ARRAY[''web''])') AS too_long;

-- How long, for whom.
SELECT ttl, login_tokens.refusal(format('SELECT commerce.create_jwt(%L, %L)', :'jane', ttl)) AS refusal
FROM unnest('{1 s,366 days,0,-1 day,999 ms,367 days,1000000 years,NULL}'::text[]) AS ttl;
SELECT login_tokens.refusal('SELECT commerce.create_jwt()') AS nobody, login_tokens.refusal('SELECT commerce.create_jwt(''00000000-0000-7000-8000-000000000000'')') AS unknown;

-- A key retires, and is forgotten.
SELECT commerce.retire_jwt_key(:'kid');
SELECT commerce.verify_jwt(commerce.create_jwt(:'jane')) ->> 'aud' AS signed_by_the_other, commerce.verify_jwt(:'newest') IS NOT NULL AS still_good;
SELECT commerce.retire_jwt_key(:'kid', forget => true);
SELECT login_tokens.refusal(format('SELECT commerce.verify_jwt(%L)', :'newest')) AS forgotten;
SELECT count(*) FROM commerce.data_keys WHERE subject = :'kid';
SELECT login_tokens.refusal('SELECT commerce.retire_jwt_key(''00000000-0000-7000-8000-000000000000'')') AS unknown;
-- A secret put beside another key's id does not open there.
BEGIN;
UPDATE commerce.jwt_keys SET id = '00000000-0000-7000-8000-000000000001';
SELECT login_tokens.refusal(format('SELECT commerce.create_jwt(%L)', :'jane')) AS moved;
ROLLBACK;

-- Bad input.
SELECT algorithm, login_tokens.refusal(format('SELECT commerce.create_jwt_key(%L)', algorithm)) FROM unnest('{none,HS512,eddsa,"",RS256}'::text[]) AS algorithm;
SELECT audience, login_tokens.refusal(format('SELECT commerce.create_jwt_key(''EdDSA'', %L)', audience))
FROM unnest(ARRAY['', 'a b', 'a"b', 'a\b', 'é']) AS audience;
SELECT login_tokens.refusal('SELECT commerce.create_jwt_key(''EdDSA'', repeat(''x'', 201))') AS long, commerce.create_jwt_key(NULL) IS NULL AS nothing;
SELECT count(*) AS keys FROM commerce.jwt_keys;
-- What became of keys is in the audit log, and no secret.
SELECT kind, relation, detail FROM commerce.audit_log WHERE kind LIKE 'jwt key %' AND subject = :'kid' ORDER BY id;
SET client_min_messages = warning;
DROP SCHEMA login_tokens CASCADE;
