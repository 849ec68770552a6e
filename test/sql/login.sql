-- Logging in, sessions, passwords. Needs a server whose commerce.key_file names a key.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
SELECT commerce.create_customer('login.jane@example.com', name => 'Jane', password => 'correct horse') AS jane \gset
SELECT commerce.create_customer('login.bob@example.com') AS bob \gset

-- A token, of which only a hash is stored, and which is another every time.
SELECT commerce.login(email => ' LOGIN.Jane@Example.com ', password => 'correct horse') AS token \gset
SELECT commerce.login('login.jane@example.com', 'correct horse') AS other \gset
SELECT :'token' ~ '^[A-Za-z0-9_-]{64}$' AS form, :'token' <> :'other' AS differ;
SELECT count(*) AS sessions, count(DISTINCT token_hash) AS hashes, bool_and(expires_at - created_at = '30 days') AS ttl,
    bool_or(s::text ~ :'token') AS leaks
FROM commerce.sessions s WHERE customer_id = :'jane';

-- The transaction acts for her, and only the transaction.
SELECT commerce.current_customer() IS NULL AS nobody;
BEGIN;
SELECT commerce.use_session(:'token') = :'jane' AS jane;
SELECT commerce.current_customer() = :'jane' AS jane, commerce.my_profile() ->> 'name' AS name;
COMMIT;
SELECT commerce.current_customer() IS NULL AS nobody, commerce.my_profile() IS NULL AS nothing;
BEGIN;
SELECT commerce.login('login.jane@example.com', 'correct horse') IS NOT NULL AS logged_in;
SELECT commerce.current_customer() = :'jane' AS jane;
SELECT 1 / 0;
ROLLBACK;
SELECT commerce.current_customer() IS NULL AS nobody;
-- Back to a savepoint is back to what was before it; a savepoint released keeps what was set in it.
SELECT commerce.create_customer('login.eve@example.com', password => 'x') AS eve \gset
SELECT commerce.login('login.eve@example.com', 'x') AS eves \gset
BEGIN;
SELECT commerce.use_session(:'token') = :'jane' AS jane;
SAVEPOINT a;
SAVEPOINT b;
SELECT commerce.use_session(:'eves') = :'eve' AS eve;
RELEASE b;
SELECT commerce.current_customer() = :'eve' AS eve;
ROLLBACK TO a;
SELECT commerce.current_customer() = :'jane' AS jane;
RELEASE a;
SAVEPOINT c;
SELECT commerce.use_session(:'eves') = :'eve' AS eve;
RELEASE c;
SELECT commerce.current_customer() = :'eve' AS eve;
COMMIT;
SELECT commerce.current_customer() IS NULL AS nobody;
-- A prepared transaction takes its customer along.
BEGIN;
SELECT commerce.use_session(:'token') = :'jane' AS jane;
PREPARE TRANSACTION 'login';
SELECT commerce.current_customer() IS NULL AS nobody;
ROLLBACK PREPARED 'login';
-- No setting sets it.
SET commerce.current_customer = 'x';
SET request.jwt.claims = '{"sub": "00000000-0000-7000-8000-000000000000"}';
SELECT commerce.current_customer() IS NULL AS nobody;
RESET request.jwt.claims;

-- What is wrong is told in the same words, and nothing is stored.
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ': ' || SQLERRM || coalesce(' ' || nullif(detail, ''), '') || coalesce(' (' || nullif(hint, '') || ')', '');
END
$$;
SELECT pg_temp.refusal('SELECT commerce.login(''login.jane@example.com'', ''wrong'')') AS wrong_password;
SELECT pg_temp.refusal('SELECT commerce.login(''login.nobody@example.com'', ''wrong'')') AS unknown;
SELECT pg_temp.refusal('SELECT commerce.login(''login.bob@example.com'', ''wrong'')') AS without_password;
SELECT pg_temp.refusal('SELECT commerce.login('''', ''wrong'')') AS empty;
SELECT pg_temp.refusal('SELECT commerce.login(''login.jane@example.com'', '''')') AS empty_password;
SELECT pg_temp.refusal('SELECT commerce.login(''login.jane@example.com'', repeat(''x'', 100000))') AS long_password;
SELECT pg_temp.refusal('SELECT commerce.login(''a'' || repeat(U&''\0301\0316'', 1000000) || ''@example.com'', ''wrong'')') AS long_address;
SELECT pg_temp.refusal('SELECT commerce.login(NULL, ''wrong'')') AS null_email;
SELECT pg_temp.refusal('SELECT commerce.login(''login.jane@example.com'', NULL)') AS null_password;
SELECT count(*) FROM commerce.sessions WHERE customer_id = :'jane';

-- What is no session opens nothing.
SELECT name, pg_temp.refusal(format('SELECT commerce.use_session(%L)', token)) AS use_session
FROM (VALUES ('unknown', 'Z' || substr(:'token', 2)), ('another secret', left(:'token', 63) || CASE right(:'token', 1) WHEN 'A' THEN 'B' ELSE 'A' END),
    ('empty', ''), ('short', left(:'token', 60)), ('long', :'token' || 'AAAA'), ('padded', :'token' || '='), ('blank', ' ' || :'token'),
    ('no base64url', repeat('é', 32)), ('NULL', NULL)) AS tokens (name, token);
-- Every one of its characters counts.
DO $$ DECLARE
    token text := commerce.login('login.jane@example.com', 'correct horse');
    other text;
BEGIN
    FOR i IN 1..64 LOOP
        other := overlay(token PLACING CASE substr(token, i, 1) WHEN 'x' THEN 'y' ELSE 'x' END FROM i FOR 1);
        BEGIN
            PERFORM commerce.use_session(other);
            RAISE NOTICE 'accepted with character % changed', i;
        EXCEPTION WHEN invalid_authorization_specification THEN
            NULL;
        END;
    END LOOP;
END $$;
UPDATE commerce.sessions SET expires_at = now() WHERE customer_id = :'eve';
SELECT pg_temp.refusal(format('SELECT commerce.use_session(%L)', :'eves')) AS expired;
BEGIN;
SELECT commerce.use_session(:'other') = :'jane' AS jane;
SELECT commerce.logout(:'other');
SELECT commerce.current_customer() IS NULL AS nobody;
COMMIT;
SELECT pg_temp.refusal(format('SELECT commerce.use_session(%L)', :'other')) AS logged_out;
SELECT commerce.use_session(:'token') = :'jane' AS the_other_stays;
SELECT commerce.logout(:'other'), commerce.logout('nonsense');
SELECT pg_temp.refusal('SELECT commerce.logout(NULL)');

-- What is over is swept.
SELECT commerce.expire_sessions() AS swept, commerce.expire_sessions(1) AS again;
SELECT count(*) FROM commerce.sessions WHERE expires_at <= now();
SELECT commerce.expire_sessions(0);

-- A hash made with other parameters is made anew on login, once; a wrong password changes nothing. Made by libsodium with 8 MiB and one pass.
SELECT pg_temp.refusal(format('UPDATE commerce.customers SET password_hash = %L WHERE id = %L',
    '$argon2id$v=19$m=8192,t=1,p=1$bRmArZpk3fCg+VOF7YCMJA$KsiE5Sj6K/zme0CKVcPlreoiELQAlJ7HvrXZnpg15No', :'eve')) AS stale;
SELECT pg_temp.refusal('SELECT commerce.login(''login.eve@example.com'', ''wrong'')') AS wrong;
SELECT password_hash ~ 'm=8192,' AS kept FROM commerce.customers WHERE id = :'eve';
SELECT commerce.login('login.eve@example.com', 'x') IS NOT NULL AS logged_in;
SELECT password_hash ~ '^\$argon2id\$v=19\$m=19456,t=2,p=1\$' AS renewed FROM commerce.customers WHERE id = :'eve';
SELECT commerce.login('login.eve@example.com', 'x') IS NOT NULL AS logged_in;
-- What is no hash lets nobody in.
UPDATE commerce.customers SET password_hash = 'x' WHERE id = :'bob';
SELECT pg_temp.refusal('SELECT commerce.login(''login.bob@example.com'', ''x'')') AS no_hash;
UPDATE commerce.customers SET password_hash = '' WHERE id = :'bob';
SELECT pg_temp.refusal('SELECT commerce.login(''login.bob@example.com'', '''')') AS no_hash;

-- A new password ends every session.
SELECT pg_temp.refusal(format('SELECT commerce.change_password(''wrong'', ''battery'', %L)', :'jane')) AS wrong;
SELECT pg_temp.refusal(format('SELECT commerce.change_password(''correct horse'', '''', %L)', :'jane')) AS empty;
SELECT pg_temp.refusal(format('SELECT commerce.change_password(''correct horse'', repeat(''x'', 1025), %L)', :'jane')) AS long;
SELECT pg_temp.refusal(format('SELECT commerce.change_password(NULL, ''battery'', %L)', :'jane')) AS null_password;
SELECT pg_temp.refusal('SELECT commerce.change_password(''correct horse'', ''battery'')') AS nobody;
SELECT pg_temp.refusal('SELECT commerce.change_password(''x'', ''battery'', ''00000000-0000-7000-8000-000000000000'')') AS unknown;
SELECT commerce.use_session(:'token') = :'jane' AS still_good;
BEGIN;
SELECT commerce.use_session(:'token') = :'jane' AS jane;
SELECT commerce.change_password('correct horse', 'battery');
COMMIT;
SELECT pg_temp.refusal(format('SELECT commerce.use_session(%L)', :'token')) AS over;
SELECT pg_temp.refusal('SELECT commerce.login(''login.jane@example.com'', ''correct horse'')') AS former;
SELECT commerce.login('login.jane@example.com', 'battery') AS token \gset
SELECT commerce.logout_everywhere(:'jane');
SELECT pg_temp.refusal(format('SELECT commerce.use_session(%L)', :'token')) AS over;
SELECT pg_temp.refusal('SELECT commerce.logout_everywhere(''00000000-0000-7000-8000-000000000000'')') AS unknown;
SELECT pg_temp.refusal('SELECT commerce.logout_everywhere()') AS nobody;

-- A letter sets a password, once, and no session is one.
SELECT commerce.create_password_reset(:'bob') AS letter \gset
SELECT commerce.create_password_reset(:'bob', '1 day') AS second \gset
SELECT :'letter' ~ '^[A-Za-z0-9_-]{64}$' AS form;
SELECT bool_or(r::text ~ :'letter') AS leaks, count(*) FROM commerce.password_resets r WHERE customer_id = :'bob';
SELECT pg_temp.refusal(format('SELECT commerce.use_session(%L)', :'letter')) AS no_session;
SELECT pg_temp.refusal(format('SELECT commerce.reset_password(%L, '''')', :'letter')) AS empty;
SELECT pg_temp.refusal(format('SELECT commerce.reset_password(%L, NULL)', :'letter')) AS null_password;
SELECT commerce.reset_password(:'letter', 'staple') = :'bob' AS bob;
SELECT pg_temp.refusal(format('SELECT commerce.reset_password(%L, ''again'')', :'letter')) AS used;
SELECT pg_temp.refusal(format('SELECT commerce.reset_password(%L, ''again'')', :'second')) AS void;
SELECT commerce.login('login.bob@example.com', 'staple') AS bobs \gset
SELECT pg_temp.refusal(format('SELECT commerce.reset_password(%L, ''again'')', :'bobs')) AS no_letter;
SELECT commerce.create_password_reset(:'bob', '1 microsecond') AS letter \gset
SELECT pg_temp.refusal(format('SELECT commerce.reset_password(%L, ''again'')', :'letter')) AS too_late;
SELECT commerce.expire_sessions() AS swept;
SELECT pg_temp.refusal(format('SELECT commerce.create_password_reset(%L, ''0'')', :'bob')) AS no_time;
SELECT pg_temp.refusal('SELECT commerce.create_password_reset(''00000000-0000-7000-8000-000000000000'')') AS unknown;
SELECT commerce.create_password_reset(commerce.find_customer('login.nobody@example.com')) IS NULL AS nobody;

-- Ten failures are free; they are counted though each was rolled back, and whoever asks then waits, with whatever password.
SELECT count(*) AS failures, refusal FROM (SELECT pg_temp.refusal('SELECT commerce.login(''login.jane@example.com'', ''guess ' || i || ''')') AS refusal
    FROM generate_series(1, 10) AS i) guesses GROUP BY refusal;
SELECT regexp_replace(pg_temp.refusal('SELECT commerce.login(''Login.Jane@example.com'', ''battery'')'), '[1-5]}', '#}') AS waits;
SELECT count(*) AS failures, refusal FROM (SELECT pg_temp.refusal('SELECT commerce.login(''login.nobody@example.com'', ''guess ' || i || ''')') AS refusal
    FROM generate_series(1, 9) AS i) guesses GROUP BY refusal;
SELECT regexp_replace(pg_temp.refusal('SELECT commerce.login(''login.nobody@example.com'', ''battery'')'), '[1-5]}', '#}') AS unknown_waits_alike;
SELECT commerce.login('login.bob@example.com', 'staple') IS NOT NULL AS others_do_not;
-- Changing the password is counted apart.
SELECT count(*) AS failures, refusal FROM (SELECT pg_temp.refusal(format('SELECT commerce.change_password(''guess'', ''mine'', %L)', :'jane')) AS refusal
    FROM generate_series(1, 10) AS i) guesses GROUP BY refusal;
SELECT regexp_replace(pg_temp.refusal(format('SELECT commerce.change_password(''battery'', ''mine'', %L)', :'jane')), '[1-5]}', '#}') AS waits;
SELECT commerce.forgive_login('LOGIN.jane@example.com');
SELECT commerce.login('login.jane@example.com', 'battery') IS NOT NULL AS forgiven;
SELECT commerce.change_password('battery', 'horse', :'jane');
SELECT commerce.forgive_login(NULL) IS NULL AS nothing;
-- A good login begins to count anew.
SELECT count(*) AS failures FROM (SELECT pg_temp.refusal('SELECT commerce.login(''login.jane@example.com'', ''guess ' || i || ''')') AS refusal
    FROM generate_series(1, 9) AS i) guesses;
SELECT commerce.login('login.jane@example.com', 'horse') IS NOT NULL AS tenth;
SELECT count(*) AS failures, refusal FROM (SELECT pg_temp.refusal('SELECT commerce.login(''login.jane@example.com'', ''guess ' || i || ''')') AS refusal
    FROM generate_series(1, 9) AS i) guesses GROUP BY refusal;
SELECT commerce.login('login.jane@example.com', 'horse') IS NOT NULL AS tenth;

-- Whoever is guessed at is remembered, however many others fail once.
SELECT count(*) AS failures FROM generate_series(1, 10) AS i WHERE NOT commerce.verify_totp('x', :'jane');
SELECT count(*) AS others FROM generate_series(1, 12000) AS i WHERE NOT commerce.verify_totp('x', gen_random_uuid());
SELECT regexp_replace(pg_temp.refusal(format('SELECT commerce.verify_totp(''x'', %L)', :'jane')), '[1-5]}', '#}') AS waits;
SELECT commerce.forgive_login('login.jane@example.com');

-- Nobody reads what is stored, whoever runs the shop.
SELECT table_name, string_agg(DISTINCT grantee, ', ') AS readers FROM information_schema.role_table_grants
WHERE table_schema = 'commerce' AND table_name IN ('sessions', 'password_resets', 'totp', 'recovery_codes', 'jwt_keys') AND grantee <> 'commerce_owner'
GROUP BY 1;

-- The audit log says that a password was changed, and keeps no hash of it.
SELECT count(*) > 0 AS changes, bool_or(detail::text ~ 'argon2') AS leaks, bool_and(detail #>> '{new,password_hash}' = '***') AS hidden
FROM commerce.audit_log WHERE relation = 'commerce.customers' AND detail -> 'new' ? 'password_hash' AND subject = :'jane';

-- And who did what with which login, each time; a failure is noted where it locks out, once, though it is rolled back.
SELECT CASE subject WHEN :'jane' THEN 'jane' WHEN :'bob' THEN 'bob' WHEN :'eve' THEN 'eve' END AS customer, kind, detail, count(*) FROM commerce.audit_log
    WHERE subject IN (:'jane', :'bob', :'eve') AND relation = 'commerce.customers' AND kind NOT IN ('insert', 'update') GROUP BY subject, kind, detail ORDER BY 1, 2, 3;
SELECT kind, subject, detail, count(*) FROM commerce.audit_log WHERE kind = 'lockout' AND subject IS NULL GROUP BY 1, 2, 3;
SELECT count(*) AS told FROM commerce.audit_log a WHERE position(:'token' IN a::text) > 0 OR a::text LIKE '%battery%' OR a::text LIKE '%login.jane@%';
