-- Rounding, splitting and JSON of commerce.amount.
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
CREATE FUNCTION pg_temp.tries(VARIADIC expressions text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT expression || ' => ' || pg_temp.try(expression) FROM unnest(expressions) AS expression
$$;
\pset format unaligned
\pset tuples_only on

-- Every mode
SELECT mode, array_agg(amount(x, 'EUR', mode) ORDER BY i), array_agg(round_to(x * 100, rounding => mode) ORDER BY i)
FROM unnest('{half_up,half_even,half_down,half_odd,half_ceiling,half_floor,up,down,ceiling,floor}'::text[]) WITH ORDINALITY AS m (mode, rank),
     unnest('{0.025,0.035,-0.025,-0.035,0.0249,-0.0251,0.02}'::numeric[]) WITH ORDINALITY AS each (x, i)
GROUP BY mode, rank ORDER BY rank;

-- A quotient is rounded once: this one is just below a tie, by less than numeric's division shows
SELECT divide('0.01 EUR', 2.0000000000000000000000000000000000000000001), divide('0.01 EUR', 2), divide('0.01 EUR', 1.9999999999999999999999999999999999),
    multiply('0.01 EUR', 0.49999999999999999999999999999999999999999), multiply('0.01 EUR', 0.5, 'half_even');
SELECT * FROM pg_temp.tries(
    $$amount(12.345, 'EUR')$$, $$amount(12.345, 'EUR', 'down')$$, $$amount(value => 12.5, currency => 'JPY', rounding => 'half_even')$$,
    $$amount(1e-1000, 'EUR', 'up')$$, $$amount('NaN', 'EUR')$$, $$amount('-Infinity', 'EUR')$$, $$amount(1e14, 'EUR')$$, $$amount(1e1000, 'EUR')$$,
    $$amount(1, 'eur')$$, $$amount(1, 'EUR', 'nearest')$$, $$amount(NULL::numeric, 'EUR')$$,
    $$multiply('10 EUR', 0.07125, 'half_even')$$, $$multiply('10 EUR', 1, '')$$, $$divide('10 EUR', 0)$$, $$divide('10 EUR', -3, 'up')$$,
    $$divide('10 EUR', 3, 'Half_Up')$$);

-- Increments
SELECT * FROM pg_temp.tries(
    $$round_to(2.5)$$, $$round_to(515, 10)$$, $$round_to(12.32, 0.05)$$, $$round_to(-12.325, 0.05)$$, $$round_to(7, 2.5)$$, $$round_to(5, 100)$$,
    $$round_to(1, 0)$$, $$round_to(1, -0.05)$$, $$round_to('NaN', 1)$$, $$round_to(1, 'NaN')$$, $$round_to(1, 'Infinity')$$, $$round_to(1, 1, 'x')$$,
    $$round_to('12.32 CHF'::amount, 0.05)$$, $$round_to('12.33 CHF'::amount, 0.05)$$, $$round_to('-12.325 KWD'::amount, 0.05, 'half_even')$$,
    $$round_to('1250 JPY'::amount, 100, 'floor')$$, $$round_to('1 EUR'::amount, 0.001)$$, $$round_to('1 EUR'::amount, 0)$$,
    $$round_to('90071992547409.91 EUR'::amount, 1)$$, $$round_to('1 JPY'::amount, 0.5)$$);

-- What rounding takes is carried to the next
SELECT * FROM pg_temp.tries(
    $$round_carried('{1.004,1.004}', 2)$$, $$round_carried('{1.005,1.005}', 2)$$, $$round_carried('{0.3,0.3,0.4}', 0)$$,
    $$round_carried('{}', 2)$$, $$round_carried("values" => '{-1.004,-1.004}', digits => 2, rounding => 'down')$$,
    $$round_carried('{1,NULL}', 2)$$, $$round_carried('{{1},{2}}', 2)$$, $$round_carried('{1,NaN}', 2)$$, $$round_carried('{1}', -1)$$,
    $$round_carried('{1}', 101)$$, $$round_carried('{1}', 2, 'x')$$, $$round_carried(NULL, 2)$$);

-- Splitting
SELECT policy, allocate('10.03 EUR', '{1,3,0,2}', policy), allocate('-10.03 EUR', '{1,3,0,2}', policy), allocate('1 JPY', '{1,1,1}', policy)
FROM unnest('{nearest,first,last,largest_ratio,round_then_fix}'::text[]) AS policy;
SELECT * FROM pg_temp.tries(
    $$allocate('10 EUR', array[1, 1, 1])$$, $$allocate('10 EUR', array[19.99, 5.01, 0])$$, $$allocate('10 EUR', '{0,0,0}')$$,
    $$allocate(amount => '0 EUR', weights => '{1,2}', policy => 'last')$$, $$allocate('10 EUR', '{1e-18,2e-18}')$$, $$allocate('10 EUR', '{100000000000000000.000,200000000000000000.000}')$$,
    $$allocate('90071992547409.91 EUR', '{1,1}')$$,
    $$allocate('10 EUR', '{1,1,1}', caps => '{1 EUR,100 EUR,100 EUR}')$$, $$allocate('-10 EUR', '{1,1}', caps => '{-1 EUR,-2 EUR}')$$,
    $$allocate('-12 EUR', '{10,20,50,30}', 'round_then_fix', '{-10 EUR,-1 EUR,0 EUR,-4 EUR}')$$,
    $$allocate('10 EUR', '{}')$$, $$allocate('10 EUR', '{1,-1}')$$, $$allocate('10 EUR', '{1,NaN}')$$, $$allocate('10 EUR', '{Infinity}')$$,
    $$allocate('10 EUR', '{1,NULL}')$$, $$allocate('10 EUR', '{{1,2}}')$$, $$allocate('10 EUR', '{9223372036854775807,1}')$$,
    $$allocate('10 EUR', '{1,1e-40}')$$, $$allocate('10 EUR', '{1}', 'biggest')$$, $$allocate('10 EUR', '{1,1}', caps => '{1 EUR}')$$,
    $$allocate('10 EUR', '{1}', caps => '{1 USD}')$$, $$allocate('10 EUR', '{1}', caps => '{-1 EUR}')$$, $$allocate('10 EUR', '{1}', caps => '{NULL}')$$,
    $$allocate(NULL, '{1}')$$, $$allocate('10 EUR', NULL)$$, $$allocate('10 EUR', '{1}', NULL)$$, $$allocate('10 EUR', '{1}', caps => NULL)$$);
SELECT * FROM pg_temp.tries(
    $$allocate_fractions('0.05 EUR', '{0.3,0.7}')$$, $$allocate_fractions('1 EUR', '{0.333,0.333,0.333}')$$, $$allocate_fractions('0.05 EUR', '{0.3,0.7}', 'last')$$,
    $$allocate_fractions('3 EUR', '{0.5,0.6}')$$, $$allocate_fractions('3 EUR', '{1.5,-0.5}')$$, $$allocate_fractions('3 EUR', '{}')$$,
    $$allocate_up_to('30.75 EUR', '{26 EUR,4.75 EUR}')$$, $$allocate_up_to('30.75 EUR', '{26 EUR,4.74 EUR}')$$, $$allocate_up_to('1 EUR', '{33 EUR,33 EUR,33 EUR}')$$,
    $$allocate_up_to('3 EUR', '{0 EUR,0 EUR}')$$, $$allocate_up_to('-3 EUR', '{-2 EUR,-2 EUR}')$$, $$allocate_up_to('3 EUR', '{1 USD}')$$, $$allocate_up_to('3 EUR', '{-1 EUR}')$$,
    $$allocate_in_order('30 EUR', '{26 EUR,10 EUR,5 EUR}')$$, $$allocate_in_order('-30 EUR', '{-26 EUR,-10 EUR}')$$, $$allocate_in_order('30 EUR', '{1 EUR}')$$,
    $$allocate_in_order('30 EUR', '{}')$$, $$allocate_in_order('30 EUR', '{1 JPY}')$$);

-- A hundred thousand shares sum exactly
SELECT sum(share) = '12345.67 EUR'::amount, count(*), min(share), max(share)
FROM unnest(allocate('12345.67 EUR', (SELECT array_agg(i % 17) FROM generate_series(1, 100000) AS i))) AS share;

-- JSON
SELECT '12.50 EUR'::amount::jsonb, '-7 JPY'::amount::jsonb, '0.005 KWD'::amount::json;
SELECT to_jsonb(t) FROM (SELECT '12.50 EUR'::amount AS price, ARRAY['1 EUR', NULL]::amount[] AS others) AS t;
CREATE TEMP TABLE amount_document (document jsonb);
INSERT INTO amount_document VALUES ('12.50 EUR'::amount);
TABLE amount_document;
SELECT x || ' => ' || pg_temp.try(format('%L::jsonb::commerce.amount', x))
FROM unnest(ARRAY['{"amount": "12.50", "currency": "EUR"}', '{"amount": 12.5, "currency": "EUR"}', '{"minor": 1250, "currency": "EUR"}',
    '{"amount": "12.50", "currency": "EUR", "minor": 1250}', '"12.50 EUR"', '{"amount": 12.5000, "currency": "EUR", "note": "ignored"}', '{"minor": "1250", "currency": "JPY"}',
    '{"amount": "12.50", "currency": "EUR", "minor": 1251}', '{"amount": "12.50"}', '{"currency": "EUR"}', '{}', '[]', '12.50', '"12.50"', 'true', 'null',
    '{"amount": "12.505", "currency": "EUR"}', '{"amount": "12,50", "currency": "EUR"}', '{"amount": "12.50 EUR", "currency": "EUR"}', '{"amount": {}, "currency": "EUR"}',
    '{"amount": 1, "currency": "XYZ"}', '{"amount": 1, "currency": 978}', '{"minor": 12.5, "currency": "EUR"}', '{"minor": 9007199254740992, "currency": "EUR"}',
    '{"minor": 1e30, "currency": "EUR"}', '{"amount": 1e20, "currency": "EUR"}', '{"amount": null, "minor": null, "currency": "EUR"}']) AS x;
CREATE TYPE pg_temp.priced AS (name text, price commerce.amount);
SELECT * FROM jsonb_populate_record(NULL::pg_temp.priced, to_jsonb(ROW('a', '1.23 EUR')::pg_temp.priced));
SELECT * FROM json_populate_record(NULL::pg_temp.priced, '{"name": "a", "price": "1.23 EUR"}');

-- Labels: everything but the aggregates' plumbing is pure, callable by all, and says what it does
SELECT p.oid::regprocedure, p.provolatile, p.proparallel
FROM pg_proc AS p
WHERE p.pronamespace = 'commerce'::regnamespace AND (p.prorettype = 'commerce.amount'::regtype OR 'commerce.amount'::regtype = ANY (p.proargtypes))
    AND p.prokind = 'f' AND (p.provolatile <> 'i' OR p.proparallel <> 's' OR obj_description(p.oid, 'pg_proc') IS NULL
                             OR NOT has_function_privilege('commerce_reader', p.oid, 'EXECUTE'))
    AND p.probin LIKE '%commerce' AND p.prosrc LIKE 'commerce\_amount%';
