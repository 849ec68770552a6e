-- The shop's tables are the user's, made by create_shop(); the engine is the extension's. Neither lacks its comment.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;

-- Safe to repeat, and the answer is the newest migration.
SELECT commerce.create_shop('EUR') = max(version) AS same FROM commerce.schema_version;
SELECT commerce.create_shop() = commerce.upgrade_shop() AS same;
SELECT version, name, library ~ '^[0-9]+\.[0-9]+$' AS library FROM commerce.schema_version ORDER BY version;
SELECT count(*) AS shops FROM commerce.shop;

-- A shop keeps its currency, and says so.
SELECT commerce.create_shop('USD') > 0 AS shop;
SELECT currency FROM commerce.shop;
SELECT commerce.create_shop('ZZZ');
SELECT commerce.create_shop(NULL);

-- No table, sequence or view belongs to the extension: a dump holds them whole, DROP EXTENSION cannot take them.
SELECT c.relname FROM pg_depend d JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'commerce') AND c.relkind <> 'c';
SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class
WHERE relnamespace = 'commerce'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S');

-- The category tree is ltree, wherever that is installed.
SELECT format_type(atttypid, NULL) ~ '(^|\.)ltree$' AS ltree FROM pg_attribute
WHERE attrelid = 'commerce.products'::regclass AND attname = 'category';
SELECT count(*) AS extensions FROM pg_extension WHERE extname IN ('commerce', 'ltree');

-- Whatever lacks a comment: nothing.
SELECT pg_describe_object(d.classid, d.objid, 0) AS member_without_comment
FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'commerce')
    AND d.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_cast'::regclass, 'pg_type'::regclass)
    AND obj_description(d.objid, d.classid::regclass::name) IS NULL
    AND NOT EXISTS (SELECT FROM pg_type t WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid AND t.typcategory = 'A')
ORDER BY 1;
SELECT oid::regclass AS table_without_comment FROM pg_class
WHERE relnamespace = 'commerce'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND obj_description(oid, 'pg_class') IS NULL
ORDER BY 1;

-- Definer's rights are the shop owner's, behind a pinned search_path; a superuser's function runs as its caller.
SELECT oid::regprocedure AS definer_unpinned FROM pg_proc
WHERE pronamespace = 'commerce'::regnamespace AND prosecdef
    AND (proconfig @> ARRAY['search_path=pg_catalog, pg_temp']) IS NOT TRUE ORDER BY 1;
SELECT oid::regprocedure AS definer_of_another FROM pg_proc
WHERE pronamespace = 'commerce'::regnamespace AND prosecdef AND proowner <> 'commerce_owner'::regrole ORDER BY 1;
SELECT p.oid::regprocedure AS definer_of_superuser FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
WHERE p.pronamespace = 'commerce'::regnamespace AND p.prosecdef AND r.rolsuper ORDER BY 1;
SELECT rolsuper, rolcanlogin, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = 'commerce_owner';

-- Not one of the roles logs in.
SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname ~ '^commerce_' ORDER BY 1;
