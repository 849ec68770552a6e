-- commerce.amount: reading, printing, order, arithmetic, aggregates. Every refusal is shown with its SQLSTATE.
SET search_path = commerce, public;

-- Runs an expression and returns its result, or the SQLSTATE, message, detail and hint of its refusal.
CREATE FUNCTION pg_temp.try(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    state text;
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE 'SELECT (' || expression || ')::text' INTO result;
    RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN state || ': ' || concat_ws(' | ', message, nullif(detail, ''), nullif(hint, ''));
END
$$;
\pset format unaligned
\pset tuples_only on

-- Text form
SELECT x || ' => ' || pg_temp.try(format('%L::commerce.amount', x))
FROM unnest(ARRAY['12.50 EUR', 'EUR 12.50', ' -12.5 EUR ', '+7EUR', '.5 EUR', '1250 JPY', '1.234 KWD', '1.2345 CLF', '-0 EUR',
    '90071992547409.91 EUR', '-90071992547409.91 EUR', '9007199254740991 JPY',
    '{"amount": "12.50", "currency": "EUR"}',
    '', ' ', '12.50', 'EUR', 'abc', '12.5o EUR', '1,250.00 EUR', '1e3 EUR', '12.50 XYZ', '12.50 eur', '12.50 EURO',
    '12.505 EUR', '12.500 EUR', '1.0 JPY', '1.00000 CLF',
    '90071992547409.92 EUR', '-90071992547409.92 EUR', '9999999999999999999999999999999999 JPY', '{"amount": 1}', '{"amount"'])
    AS x;
SELECT pg_temp.try(format('%L::commerce.amount', repeat('9', 100000) || ' EUR'));

-- Binary form, validated
SELECT amount_send('12.50 EUR'), amount_send('-0.01 USD');
CREATE TEMP TABLE amount_binary (value amount);
INSERT INTO amount_binary VALUES ('12.50 EUR'), ('-9007199254740991 JPY'), ('90071992547409.91 USD'), (NULL), ('0 KWD');
CREATE FUNCTION pg_temp.receives(payload bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    path text := current_setting('data_directory') || '/pg_stat_tmp/amount_recv';
    object oid;
BEGIN
    -- A binary COPY file with one row of one column.
    object := lo_from_bytea(0, '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001'::bytea
                               || int4send(length(payload)) || payload || '\xffff'::bytea);
    PERFORM lo_export(object, path);
    PERFORM lo_unlink(object);
    EXECUTE format('COPY amount_binary FROM %L (FORMAT binary)', path);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
SELECT pg_temp.receives(int8send(1250) || int2send(978::int2));
SELECT pg_temp.receives(int8send(1250) || int2send(999::int2));
SELECT pg_temp.receives(int8send(1250) || int2send((-46)::int2));
SELECT pg_temp.receives(int8send(9007199254740992) || int2send(978::int2));
SELECT pg_temp.receives(int8send('-9223372036854775808'::bigint) || int2send(978::int2));
SELECT pg_temp.receives(int8send(1250));
SELECT pg_temp.receives(int8send(1250) || int2send(978::int2) || '\x00');
SELECT pg_temp.receives('');
SELECT value FROM amount_binary;
SELECT current_setting('data_directory') || '/pg_stat_tmp/amount_copy' AS copy_file \gset
COPY amount_binary TO :'copy_file' (FORMAT binary);
CREATE TEMP TABLE amount_copied (value amount);
COPY amount_copied FROM :'copy_file' (FORMAT binary);
SELECT count(*) FROM amount_copied;
(TABLE amount_copied EXCEPT ALL TABLE amount_binary) UNION ALL (TABLE amount_binary EXCEPT ALL TABLE amount_copied);

-- Parts
SELECT currency('12.50 EUR'), minor_units('12.50 EUR'), from_minor(1250, 'EUR'), from_minor(-1250, 'KWD'), to_numeric('12.50 EUR'),
    '-0.05 EUR'::amount::numeric, '7 JPY'::amount::numeric;
SELECT minor_digits('EUR'), minor_digits('JPY'), minor_digits('KWD'), minor_digits('CLF'), minor_digits('eur') IS NULL,
    minor_digits('XXX') IS NULL, minor_digits('') IS NULL, minor_digits(NULL) IS NULL;
SELECT pg_temp.try($$from_minor(9007199254740992, 'EUR')$$);
SELECT pg_temp.try($$from_minor(-9223372036854775808, 'JPY')$$);
SELECT pg_temp.try($$from_minor(1, 'ABC')$$);
SELECT pg_temp.try($$from_minor(1, '')$$);
SELECT count(*), count(DISTINCT code), count(DISTINCT number), min(number), max(number) FROM currencies();
SELECT * FROM currencies() WHERE code IN ('BHD', 'CHF', 'EUR', 'ISK', 'UYW', 'XCG') ORDER BY code;
SELECT minor_digits, count(*) FROM currencies() GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM currencies() AS c WHERE c.minor_digits <> minor_digits(c.code) OR currency(from_minor(1, c.code)) <> c.code;

-- Arithmetic within a currency
SELECT '10 EUR'::amount + '0.01 EUR', '10 EUR'::amount - '10.01 EUR', - '10 EUR'::amount, abs('-10 EUR'::amount), abs('10 EUR'::amount);
SELECT '10 EUR'::amount * 3, 3 * '10 EUR'::amount, '0.05 EUR'::amount * 0.5, '-0.05 EUR'::amount * 0.5, '10 EUR'::amount / 3,
    '-10 EUR'::amount / 6, '10 EUR'::amount / '4 EUR'::amount, '1 JPY'::amount / 2;
SELECT '0 EUR'::amount * 1e1000, '10 EUR'::amount * 1e-16000;
SELECT x || ' => ' || pg_temp.try(x)
FROM unnest(ARRAY[
    $$'1 EUR'::amount + '1 USD'$$, $$'1 EUR'::amount - '1 USD'$$, $$'1 EUR'::amount / '1 USD'::amount$$,
    $$'90071992547409.91 EUR'::amount + '0.01 EUR'$$, $$'-90071992547409.91 EUR'::amount - '0.01 EUR'$$,
    $$'90071992547409.91 EUR'::amount * 2$$, $$'1 EUR'::amount * 1e300$$, $$'1 EUR'::amount * 'NaN'::numeric$$,
    $$'1 EUR'::amount * 'Infinity'::numeric$$, $$'1 EUR'::amount / 'Infinity'::numeric$$, $$'1 EUR'::amount / 0$$,
    $$'1 EUR'::amount / '0 EUR'::amount$$, $$'1 EUR'::amount / 1e-300$$, $$'1 EUR'::amount * 0.5::float8$$,
    $$'1 EUR'::amount + 1$$, $$'1 EUR'::amount * '1 EUR'::amount$$])
    AS x;

-- Nulls make nulls
SELECT (NULL::amount + '1 EUR') IS NULL, ('1 EUR'::amount * NULL::numeric) IS NULL, currency(NULL) IS NULL, (NULL::amount = '1 EUR') IS NULL;

-- Order: by ISO number, then by sum
SELECT string_agg(x::text, ', ' ORDER BY x) FROM unnest('{1 EUR,-1 EUR,0 EUR,1000 JPY,0.5 USD,-3 GBP,2 EUR}'::amount[]) AS x;
SELECT a, b, a = b, a <> b, a < b, a <= b, a > b, a >= b, amount_cmp(a, b)
FROM (VALUES ('1 EUR'::amount, '1 EUR'::amount), ('1 EUR', '2 EUR'), ('-1 EUR', '-2 EUR'), ('9 EUR', '1 USD'), ('9 USD', '1 EUR'),
             ('-1 JPY', '1 JPY')) AS pair (a, b);
CREATE TEMP TABLE amount_sorted AS
    SELECT from_minor((i * 7919) % 2001 - 1000, (ARRAY['EUR', 'USD', 'JPY'])[i % 3 + 1]) AS value FROM generate_series(1, 3000) AS i;
CREATE INDEX amount_btree ON amount_sorted (value);
CREATE INDEX amount_hash ON amount_sorted USING hash (value);
ANALYZE amount_sorted;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS off) SELECT value FROM amount_sorted WHERE value BETWEEN '1 EUR' AND '1.02 EUR' ORDER BY value;
SELECT value FROM amount_sorted WHERE value BETWEEN '1 EUR' AND '1.02 EUR' ORDER BY value;
SELECT count(*) FROM amount_sorted WHERE value = '1.01 EUR';
SELECT count(*) FROM (SELECT value, lag(value) OVER () AS before FROM (SELECT value FROM amount_sorted ORDER BY value) AS ordered) AS pairs
WHERE before > value;
DROP INDEX amount_btree;
EXPLAIN (COSTS off) SELECT count(*) FROM amount_sorted WHERE value = '1.01 EUR';
SELECT count(*) FROM amount_sorted WHERE value = '1.01 EUR';
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT count(*), count(DISTINCT value) FROM amount_sorted;
SELECT count(*) FROM (SELECT value FROM amount_sorted GROUP BY value) AS groups;
SELECT count(*) = 3000 FROM amount_sorted AS one WHERE EXISTS (SELECT FROM amount_sorted AS other WHERE other.value = one.value);

-- A column of money keeps its rules
CREATE TEMP TABLE amount_rules (price amount NOT NULL CHECK (minor_units(price) > 0) CHECK (currency(price) = 'EUR') UNIQUE);
INSERT INTO amount_rules VALUES ('1 EUR');
\set VERBOSITY sqlstate
INSERT INTO amount_rules VALUES ('1.00 EUR');
INSERT INTO amount_rules VALUES ('0 EUR');
INSERT INTO amount_rules VALUES ('1 USD');
INSERT INTO amount_rules VALUES ('1 XYZ');
INSERT INTO amount_rules VALUES (NULL);
\set VERBOSITY default
SELECT * FROM amount_rules;

-- Aggregates
SELECT sum(x), avg(x), min(x), max(x), count(x) FROM unnest('{1 EUR,2 EUR,NULL,2 EUR}'::amount[]) AS x;
SELECT sum(x) IS NULL, avg(x) IS NULL, min(x) IS NULL, max(x) IS NULL FROM unnest('{}'::amount[]) AS x;
SELECT sum(x) IS NULL, avg(x) IS NULL, min(x) IS NULL FROM unnest('{NULL,NULL}'::amount[]) AS x;
SELECT avg(x) FROM unnest('{0.01 EUR,0.02 EUR}'::amount[]) AS x;
SELECT avg(x) FROM unnest('{-0.01 EUR,-0.02 EUR}'::amount[]) AS x;
SELECT sum(x), avg(x) FROM unnest('{90071992547409.91 EUR,90071992547409.91 EUR,-90071992547409.91 EUR}'::amount[]) AS x;
SELECT avg(x) FROM unnest('{90071992547409.91 EUR,90071992547409.91 EUR}'::amount[]) AS x;
SELECT pg_temp.try($$(SELECT sum(x) FROM unnest('{90071992547409.91 EUR,0.01 EUR}'::amount[]) AS x)$$);
SELECT name || ': ' || pg_temp.try(format($$(SELECT %I(x) FROM unnest('{1 EUR,1 USD}'::amount[]) AS x)$$, name))
FROM unnest('{sum,avg,min,max}'::text[]) AS name;
SELECT currency(value), sum(value), min(value), max(value) FROM amount_sorted GROUP BY 1 ORDER BY 1;
SELECT sum(x) OVER w, avg(x) OVER w
FROM unnest('{1 EUR,2 EUR,3 EUR,4 EUR}'::amount[]) WITH ORDINALITY AS each (x, i)
WINDOW w AS (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW);
SELECT sum(x) OVER (ORDER BY i ROWS BETWEEN 2 FOLLOWING AND 2 FOLLOWING)
FROM unnest('{1 EUR,1 USD,1 JPY}'::amount[]) WITH ORDINALITY AS each (x, i);

-- Parallel workers come to the same sums
CREATE TABLE amount_parallel (value commerce.amount) WITH (parallel_workers = 2);
INSERT INTO amount_parallel SELECT from_minor(i * 9007199254, 'EUR') FROM generate_series(-500, 100000) AS i WHERE i % 2 = 0;
ANALYZE amount_parallel;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT avg(value), min(value), max(value) FROM amount_parallel;
SELECT avg(value), min(value), max(value) FROM amount_parallel;
SELECT sum(value) FROM amount_parallel WHERE value < '80000000 EUR';
SET max_parallel_workers_per_gather = 0;
SELECT avg(value), min(value), max(value) FROM amount_parallel;
SELECT sum(value) FROM amount_parallel WHERE value < '80000000 EUR';
RESET max_parallel_workers_per_gather;
INSERT INTO amount_parallel VALUES ('1 USD');
-- (whichever process meets both currencies says so: their order in the message is not fixed)
SELECT left(pg_temp.try('(SELECT avg(value) FROM amount_parallel)'), 5);
DROP TABLE amount_parallel;
