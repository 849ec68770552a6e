-- What API servers make of the catalogue (PostgREST, PostGraphile): calls name their arguments, names become camelCase, and rows are found by keys.
-- A function counts here where it is not described as internal.
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
CREATE TEMP VIEW offered AS
    SELECT p.oid, p.oid::regprocedure AS function, p.proname, p.pronargs, p.proargnames, p.proargmodes, p.proargtypes, p.provariadic, p.prorettype, p.proretset, p.provolatile
    FROM pg_proc p
    WHERE p.pronamespace = 'commerce'::regnamespace AND p.prokind IN ('f', 'p')
        AND coalesce(obj_description(p.oid, 'pg_proc'), '') NOT LIKE 'Internal.%'
        -- What types, operators and aggregates are made of.
        AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype, 'cstring'::regtype)
        AND NOT 'internal'::regtype = ANY (p.proargtypes) AND p.proname !~ '^(amount|condition|benefit|sealed)_';
CREATE FUNCTION pg_temp.camel(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower(replace(name, '_', '')) $$;
SELECT count(*) > 250 AS enough_to_judge FROM offered;

-- Each argument has a name, one that GraphQL takes, and no two of a function become one.
SELECT function FROM offered WHERE pronargs > 0 AND (proargnames IS NULL OR '' = ANY (proargnames[1:pronargs]));
SELECT function, name FROM offered, unnest(proargnames) name WHERE name !~ '^[a-z][a-z0-9_]*$' OR name ~ '__';
SELECT function FROM offered, unnest(proargnames[1:pronargs]) name GROUP BY function HAVING count(*) > count(DISTINCT pg_temp.camel(name));
-- Those that are SQL's own words are quoted where SQL is written by hand: (order => …) stands as it is, ("order" => …) always.
SELECT DISTINCT name FROM offered, unnest(proargnames[1:pronargs]) name JOIN pg_get_keywords() ON word = name AND catcode IN ('R', 'T') ORDER BY 1;
-- Rows are paged by these.
SELECT function, name FROM offered, unnest(proargnames[1:pronargs]) name
    WHERE proretset AND provolatile <> 'v' AND pg_temp.camel(name) IN ('first', 'last', 'before', 'after', 'offset', 'orderby', 'condition', 'filter', 'nodeid');
-- Nothing polymorphic, variadic or of rows without columns.
SELECT function FROM offered WHERE provariadic <> 0 OR prorettype = ANY ('{anyelement,anyarray,anynonarray,anycompatible}'::regtype[])
    OR prorettype = 'record'::regtype AND NOT proargmodes && '{o,b,t}'::"char"[];

-- Two functions never differ by underscores alone, and one name stands for two functions only here: PostgREST tells them apart by the names of the
-- arguments, where those differ, PostGraphile 4 leaves them out.
SELECT array_agg(DISTINCT proname ORDER BY proname) FROM offered GROUP BY pg_temp.camel(proname) HAVING count(DISTINCT proname) > 1;
SELECT function FROM offered WHERE proname IN (SELECT proname FROM offered GROUP BY proname HAVING count(*) > 1) ORDER BY function::text;
-- A function and a relation: PostgREST has /rpc for one of them.
SELECT function, c.relname FROM offered JOIN pg_class c ON c.relnamespace = 'commerce'::regnamespace AND c.relkind IN ('r', 'v') AND pg_temp.camel(c.relname) = pg_temp.camel(proname);

-- Columns and relations likewise; each table has a key, and so has each view of rows that somebody may see of his own, in its first columns.
SELECT array_agg(relname) FROM pg_class WHERE relnamespace = 'commerce'::regnamespace AND relkind IN ('r', 'v') GROUP BY pg_temp.camel(relname) HAVING count(*) > 1;
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'commerce'::regnamespace AND c.relkind IN ('r', 'v') AND (a.attname !~ '^[a-z][a-z0-9_]*$' OR a.attname ~ '__');
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'commerce'::regnamespace AND c.relkind IN ('r', 'v') GROUP BY c.oid HAVING count(*) > count(DISTINCT pg_temp.camel(a.attname));
-- A publication of all tables needs a key as well, or a replica identity.
SELECT relname AS without_key, relreplident AS replica_identity FROM pg_class c WHERE relnamespace = 'commerce'::regnamespace AND relkind = 'r'
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p') ORDER BY 1;
SELECT c.relname, array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attnum <= 2) AS begins_with FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'commerce'::regnamespace AND c.relkind = 'v' AND c.relname ~ '^(my|channel)_' GROUP BY c.relname ORDER BY 1;

-- What an API server may let customers and staff call and read by itself: who they are, and what is their own.
SELECT r AS role, string_agg(proname, ', ' ORDER BY proname) AS functions FROM unnest('{commerce_customer,commerce_staff}'::text[]) r, offered
    WHERE has_function_privilege(r, oid, 'EXECUTE') AND provolatile <> 'i' GROUP BY r ORDER BY r;
SELECT r AS role, string_agg(relname, ', ' ORDER BY relname) AS relations FROM unnest('{commerce_customer,commerce_staff}'::text[]) r, pg_class c
    WHERE relnamespace = 'commerce'::regnamespace AND relkind IN ('r', 'v') AND (has_table_privilege(r, c.oid, 'SELECT') OR has_any_column_privilege(r, c.oid, 'SELECT')) GROUP BY r ORDER BY r;
-- Amounts travel as JSON objects, and come back as those or as text.
CREATE TABLE pg_temp.sent AS SELECT '12.50 EUR'::commerce.amount AS price;
SELECT to_jsonb(s) AS as_sent, (jsonb_populate_record(s, to_jsonb(s))).price AS come_back, x.price AS as_text FROM pg_temp.sent s, json_to_record('{"price": "12.50 EUR"}') AS x (price commerce.amount);
