-- One file of cases (environment variable CASES), run by the adapter of its area. Started by the script run.
--
-- An adapter defines pg_temp.run_case(input jsonb, expect jsonb, whole jsonb, OUT verdict text, OUT detail text).
-- verdict is 'pass', 'fail' or 'n/a'; detail tells what was expected and got, or why the case does not apply. An
-- error that run_case lets through fails the case. pg_temp.judge() below does the usual comparison.
\set content `cat "$CASES"`
SELECT :'content'::jsonb ->> 'area' AS area \gset
SELECT :'area' !~ '^[a-z_]+$' AS strange_area \gset
\if :strange_area
    \set area no_area
\endif
\setenv AREA :area
\set adapter `test -f "$HERE/$AREA.sql" && echo "$HERE/$AREA.sql" || echo "$HERE/none.sql"`

BEGIN;
SET LOCAL search_path = commerce, public;

-- Compares what is expected with what a server said, key by key: keys that nobody expects do not matter. Arrays and
-- numbers must be equal; a number written as a string equals the number.
CREATE FUNCTION pg_temp.judge(expect jsonb, got jsonb, OUT verdict text, OUT detail text) LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT bool_and(pg_temp.plain(got -> key) = pg_temp.plain(value)) FROM jsonb_each(expect)) THEN
        verdict := 'pass';
    ELSE
        verdict := 'fail';
        detail := format('expected %s got %s', expect, coalesce(got::text, 'nothing'));
    END IF;
END
$$;

-- Makes numbers of strings that hold one, everywhere in a document.
CREATE FUNCTION pg_temp.plain(value jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'array' THEN
            (SELECT coalesce(jsonb_agg(pg_temp.plain(element) ORDER BY position), '[]')
             FROM jsonb_array_elements(value) WITH ORDINALITY AS each (element, position))
        WHEN 'object' THEN
            (SELECT coalesce(jsonb_object_agg(member.key, pg_temp.plain(member.value)), '{}') FROM jsonb_each(value) AS member)
        WHEN 'string' THEN
            CASE WHEN value #>> '{}' ~ '^-?\d+(\.\d+)?$' THEN to_jsonb(trim_scale((value #>> '{}')::numeric)) ELSE value END
        WHEN 'number' THEN to_jsonb(trim_scale((value #>> '{}')::numeric))
        ELSE value
    END;
END
$$;

\i :adapter

-- Runs one case and undoes what it did, by raising an error that carries the outcome out of the subtransaction.
CREATE FUNCTION pg_temp.outcome(whole jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome record;
    message text;
    state text;
BEGIN
    IF (whole ->> 'peer_specific')::boolean THEN
        RETURN format('n/a %s %s', whole ->> 'id',
                      coalesce(whole ->> 'disagree', whole ->> 'note', 'only so in the program it was taken from'));
    END IF;
    BEGIN
        SELECT * INTO outcome FROM pg_temp.run_case(whole -> 'input', whole -> 'expect', whole);
        RAISE EXCEPTION USING ERRCODE = 'CMZZZ',
            MESSAGE = concat_ws(' ', coalesce(outcome.verdict, 'fail'), whole ->> 'id', outcome.detail);
    EXCEPTION
        WHEN SQLSTATE 'CMZZZ' THEN
            RETURN SQLERRM;
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
            RETURN format('fail %s expected %s got error %s %s', whole ->> 'id', whole -> 'expect', state, message);
    END;
END
$$;

SELECT translate(pg_temp.outcome(element), E'\r\n', '  ')
FROM jsonb_array_elements(:'content'::jsonb -> 'cases') WITH ORDINALITY AS each (element, position)
ORDER BY position;

ROLLBACK;
\echo done
