-- Second factors. Codes are computed by pgcrypto, so that nothing is compared with itself.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
CREATE SCHEMA login_totp;
CREATE EXTENSION pgcrypto SCHEMA login_totp;
RESET client_min_messages;
CREATE FUNCTION login_totp.secret(base32 text) RETURNS bytea LANGUAGE sql AS $$
    SELECT decode(string_agg(to_hex(bits.byte), '' ORDER BY n), 'hex') FROM (
        SELECT n, substr(string_agg((strpos('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', c) - 1)::bit(5)::text, '' ORDER BY i), 4 * n - 3, 4)::bit(4)::integer AS byte
        FROM regexp_split_to_table(base32, '') WITH ORDINALITY AS t (c, i), generate_series(1, 40) AS n GROUP BY n) bits
$$;
CREATE FUNCTION login_totp.code(base32 text, digits integer DEFAULT 6, shift integer DEFAULT 0) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    step bigint := floor(extract(epoch FROM clock_timestamp()) / 30) + shift;
    mac bytea := login_totp.hmac(int8send(step), login_totp.secret(base32), 'sha1');
    at integer := get_byte(mac, 19) & 15;
BEGIN
    RETURN lpad(((((get_byte(mac, at) & 127)::bigint << 24) + (get_byte(mac, at + 1) << 16) + (get_byte(mac, at + 2) << 8)
        + get_byte(mac, at + 3)) % (10 ^ digits)::bigint)::text, digits, '0');
END
$$;
CREATE FUNCTION login_totp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    answer text;
BEGIN
    EXECUTE statement INTO answer;
    RETURN 'accepted' || coalesce(' ' || substring(answer FROM '^(?:true|false)$'), '');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ': ' || SQLERRM || coalesce(' ' || nullif(detail, ''), '');
END
$$;
SELECT login_totp.secret('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ') AS twenty_digits;
SELECT commerce.create_customer('totp.jane@example.com', name => 'Jane', password => 'correct horse') AS jane \gset
SELECT commerce.create_customer('totp.bob@example.com', password => 'x') AS bob \gset

-- Enrolled, which changes nothing until it is confirmed; the secret is stored sealed.
SELECT commerce.create_totp(:'jane', 'jane@example.com', 'Tea & Café') AS made \gset
SELECT :'made'::jsonb ->> 'secret' AS former \gset
SELECT commerce.create_totp(:'jane', 'jane@example.com', 'Tea & Café') AS made \gset
SELECT :'made'::jsonb ->> 'secret' AS secret \gset
SELECT :'secret' ~ '^[A-Z2-7]{32}$' AS form, :'secret' <> :'former' AS made_anew, replace(:'made'::jsonb ->> 'uri', :'secret', 'SECRET') AS uri;
SELECT replace(made ->> 'uri', made ->> 'secret', 'SECRET') AS uri FROM commerce.create_totp(:'bob', digits => 8) AS made;
SELECT bool_or(t::text ~ :'secret') AS leaks, bool_and(secret::text ~ '^sealed:1:') AS sealed FROM commerce.totp t;
SELECT commerce.login('totp.jane@example.com', 'correct horse') IS NOT NULL AS not_asked_yet;
SELECT commerce.verify_totp(login_totp.code(:'secret'), :'jane') AS not_confirmed;
SELECT login_totp.refusal(format('SELECT commerce.confirm_totp(%L, %L)', login_totp.code(:'former'), :'jane')) AS former_secret;
SELECT commerce.confirm_totp(login_totp.code(:'secret'), :'jane') AS codes \gset
SELECT cardinality(:'codes'::text[]) AS codes, bool_and(c ~ '^([A-Z2-7]{4}-){3}[A-Z2-7]{4}$') AS form, count(DISTINCT c) AS different FROM unnest(:'codes'::text[]) c;
SELECT count(*) AS stored, bool_or(r::text ~ (:'codes'::text[])[1]) AS leaks FROM commerce.recovery_codes r WHERE customer_id = :'jane';
SELECT login_totp.refusal(format('SELECT commerce.confirm_totp(%L, %L)', login_totp.code(:'secret'), :'jane')) AS confirmed_twice;
SELECT login_totp.refusal(format('SELECT commerce.create_totp(%L)', :'jane')) AS replaced;

-- Asked for once the password is right, and only then.
SELECT login_totp.refusal('SELECT commerce.login(''totp.jane@example.com'', ''correct horse'')') AS asked;
SELECT login_totp.refusal('SELECT commerce.login(''totp.jane@example.com'', ''wrong'')') AS not_asked;
SELECT login_totp.refusal('SELECT commerce.login(''totp.jane@example.com'', ''correct horse'', ''000000x'')') AS wrong_code;
SELECT login_totp.refusal(format('SELECT commerce.login(''totp.jane@example.com'', ''wrong'', %L)', (:'codes'::text[])[1])) AS wrong_password;
-- The code that confirmed it is used up; a later one is good, once, and with it all before.
SELECT login_totp.refusal(format('SELECT commerce.login(''totp.jane@example.com'', ''correct horse'', %L)', login_totp.code(:'secret', shift => -1))) AS used;
UPDATE commerce.totp SET last_step = -1 WHERE customer_id = :'jane';
SELECT login_totp.code(:'secret') AS code \gset
SELECT commerce.login('totp.jane@example.com', 'correct horse', :'code') IS NOT NULL AS logged_in;
SELECT login_totp.refusal(format('SELECT commerce.login(''totp.jane@example.com'', ''correct horse'', %L)', :'code')) AS replayed;
SELECT commerce.verify_totp(:'code', :'jane') AS replayed;
-- Too old, too new, of 8 digits, of another customer.
UPDATE commerce.totp SET last_step = -1 WHERE customer_id = :'jane';
SELECT commerce.verify_totp(login_totp.code(:'secret', shift => -3), :'jane') AS old, commerce.verify_totp(login_totp.code(:'secret', shift => 3), :'jane') AS new,
    commerce.verify_totp(login_totp.code(:'secret', digits => 8), :'jane') AS longer, commerce.verify_totp('', :'jane') AS empty,
    commerce.verify_totp(repeat('1', 10000), :'jane') AS long;
SELECT commerce.verify_totp(login_totp.code(:'secret'), :'bob') AS of_jane;
SELECT login_totp.refusal(format('SELECT commerce.verify_totp(NULL, %L)', :'jane')) AS null_code;
SELECT commerce.verify_totp('123456', '00000000-0000-7000-8000-000000000000') AS unknown;
-- As people type it.
SELECT commerce.verify_totp(overlay(login_totp.code(:'secret') PLACING ' ' FROM 4 FOR 0), :'jane') AS grouped;

-- A recovery code does the same, once, however it is typed.
SELECT commerce.login('totp.jane@example.com', 'correct horse', lower(replace((:'codes'::text[])[1], '-', ' '))) IS NOT NULL AS recovered;
SELECT login_totp.refusal(format('SELECT commerce.login(''totp.jane@example.com'', ''correct horse'', %L)', (:'codes'::text[])[1])) AS again;
SELECT commerce.verify_totp((:'codes'::text[])[2], :'bob') AS of_jane, commerce.verify_totp((:'codes'::text[])[2], :'jane') AS good;
SELECT count(*) AS left_over FROM commerce.recovery_codes WHERE customer_id = :'jane';
-- What is rolled back is not used up.
BEGIN;
SELECT commerce.verify_totp((:'codes'::text[])[3], :'jane') AS good;
ROLLBACK;
SELECT commerce.verify_totp((:'codes'::text[])[3], :'jane') AS good;

-- Eight digits.
SELECT made ->> 'secret' AS bobs FROM commerce.create_totp(:'bob', digits => 8) AS made \gset
SELECT cardinality(commerce.confirm_totp(login_totp.code(:'bobs', digits => 8), :'bob')) AS codes;

-- Guessing is counted, whatever is rolled back.
SELECT commerce.forgive_login('totp.bob@example.com');
SELECT count(*) AS failures, refusal FROM (SELECT login_totp.refusal(format('SELECT commerce.verify_totp(''0000000x'', %L)', :'bob')) AS refusal
    FROM generate_series(1, 9) AS i) guesses GROUP BY refusal;
BEGIN;
SELECT commerce.verify_totp('0000000x', :'bob') AS tenth;
ROLLBACK;
SELECT regexp_replace(login_totp.refusal(format('SELECT commerce.verify_totp(''0000000x'', %L)', :'bob')), '[1-5]}', '#}') AS waits;
SELECT commerce.forgive_login('totp.bob@example.com');
-- At the password's side, too: a wrong code is a failed login.
SELECT count(*) AS failures, refusal FROM (SELECT login_totp.refusal('SELECT commerce.login(''totp.bob@example.com'', ''x'', ''0000000x'')') AS refusal
    FROM generate_series(1, 10) AS i) guesses GROUP BY refusal;
SELECT regexp_replace(login_totp.refusal('SELECT commerce.login(''totp.bob@example.com'', ''x'', ''0000000x'')'), '[1-5]}', '#}') AS waits;
SELECT commerce.forgive_login('totp.bob@example.com');

-- What somebody knows forgives nothing of what he guesses: neither the password his codes, nor a code the password.
SELECT count(*) AS failures, refusal FROM (SELECT login_totp.refusal(format('SELECT commerce.verify_totp(''0000000x'', %L)', :'bob')) AS refusal
    FROM generate_series(1, 10) AS i) guesses GROUP BY refusal;
SELECT login_totp.refusal(format('SELECT commerce.change_password(''x'', ''x'', %L)', :'bob')) AS password_changed;
SELECT regexp_replace(login_totp.refusal(format('SELECT commerce.verify_totp(''0000000x'', %L)', :'bob')), '[1-5]}', '#}') AS waits;
SELECT commerce.forgive_login('totp.bob@example.com');
SELECT count(*) AS failures, refusal FROM (SELECT login_totp.refusal(format('SELECT commerce.change_password(''wrong'', ''y'', %L)', :'bob')) AS refusal
    FROM generate_series(1, 10) AS i) guesses GROUP BY refusal;
UPDATE commerce.totp SET last_step = -1 WHERE customer_id = :'bob';
SELECT commerce.verify_totp(login_totp.code(:'bobs', digits => 8), :'bob') AS code;
SELECT regexp_replace(login_totp.refusal(format('SELECT commerce.change_password(''wrong'', ''y'', %L)', :'bob')), '[1-5]}', '#}') AS waits;
SELECT commerce.forgive_login('totp.bob@example.com');

-- Removed by a code, or by whoever runs the shop.
SELECT login_totp.refusal(format('SELECT commerce.remove_totp(''000000x'', %L)', :'jane')) AS wrong;
SELECT commerce.remove_totp((:'codes'::text[])[4], :'jane') AS removed;
SELECT count(*) AS left_over FROM commerce.recovery_codes WHERE customer_id = :'jane';
SELECT commerce.login('totp.jane@example.com', 'correct horse') IS NOT NULL AS logged_in;
SELECT commerce.remove_totp(NULL, :'bob') AS removed, commerce.remove_totp(NULL, :'bob') AS again;
SELECT login_totp.refusal(format('SELECT commerce.remove_totp(''123456'', %L)', :'jane')) AS nothing_left;

-- Customers do it for themselves and for nobody else.
SELECT commerce.login('totp.jane@example.com', 'correct horse') AS token \gset
SET ROLE commerce_customer;
BEGIN;
SELECT commerce.use_session(:'token') = :'jane' AS jane;
SELECT made ->> 'secret' AS secret FROM commerce.create_totp(issuer => 'mine') AS made \gset
\set VERBOSITY terse
SAVEPOINT s;
SELECT commerce.create_totp(:'bob');
ROLLBACK TO s;
SELECT commerce.confirm_totp('123456', :'bob');
ROLLBACK TO s;
SELECT commerce.verify_totp('123456', :'bob');
ROLLBACK TO s;
SELECT commerce.remove_totp('123456', :'bob');
ROLLBACK TO s;
SELECT commerce.remove_totp(NULL);
ROLLBACK TO s;
SELECT commerce.change_password('x', 'y', :'bob');
ROLLBACK TO s;
SELECT commerce.logout_everywhere(:'bob');
ROLLBACK TO s;
SELECT commerce.create_jwt(:'bob');
ROLLBACK TO s;
SELECT commerce.create_password_reset(:'jane');
ROLLBACK TO s;
SELECT commerce.forgive_login('totp.jane@example.com');
ROLLBACK TO s;
COMMIT;
RESET ROLE;
SELECT cardinality(commerce.confirm_totp(login_totp.code(:'secret'), :'jane')) AS codes;

-- Bad input.
SELECT commerce.create_totp('00000000-0000-7000-8000-000000000000');
SELECT commerce.create_totp();
SELECT commerce.create_totp(:'bob', digits => 7);
SELECT commerce.create_totp(:'bob', digits => NULL);
SELECT commerce.create_totp(:'bob', issuer => NULL);
SELECT commerce.create_totp(:'bob', issuer => '');
SELECT commerce.create_totp(:'bob', issuer => 'a:b');
SELECT commerce.create_totp(:'bob', account => repeat('x', 101));
SELECT commerce.confirm_totp(NULL, :'bob');
SELECT count(*) AS bobs FROM commerce.totp WHERE customer_id = :'bob';
-- A secret moved to another customer opens there for nobody.
INSERT INTO commerce.totp (customer_id, secret, digits, confirmed_at) SELECT :'bob', secret, digits, confirmed_at FROM commerce.totp WHERE customer_id = :'jane';
SELECT commerce.login('totp.bob@example.com', 'x', login_totp.code(:'secret'));
-- What was done to whose second factor is in the audit log, and no code.
SELECT CASE subject WHEN :'jane' THEN 'jane' ELSE 'bob' END AS customer, kind, detail, count(*) FROM commerce.audit_log
    WHERE subject IN (:'jane', :'bob') AND relation = 'commerce.customers' AND kind NOT IN ('insert', 'update') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SET client_min_messages = warning;
DROP SCHEMA login_totp CASCADE;
