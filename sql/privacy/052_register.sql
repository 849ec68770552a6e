-- Which columns hold something of a person, what for, on what legal ground, and for how long.
CREATE FUNCTION commerce.is_sealed_type(type oid) RETURNS boolean
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN type = 'commerce.sealed'::regtype OR EXISTS (SELECT FROM pg_type t WHERE t.oid = type
        AND (t.typtype = 'd' AND commerce.is_sealed_type(t.typbasetype) OR t.typelem <> 0 AND t.typcategory = 'A' AND commerce.is_sealed_type(t.typelem)));
END
$$;
COMMENT ON FUNCTION commerce.is_sealed_type(oid) IS 'Internal. Says whether values of a type are sealed, or made of such.';

CREATE FUNCTION commerce.require_column("table" regclass, "column" name, types regtype[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_type regtype;
BEGIN
    SELECT a.atttypid INTO found_type FROM pg_attribute a
        WHERE a.attrelid = "table" AND a.attname = "column" AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % has no column "%"', "table", "column" USING ERRCODE = 'undefined_column';
    END IF;
    IF found_type <> ALL (types) THEN
        RAISE EXCEPTION 'column "%" of table % must be of type %, not %', "column", "table",
            array_to_string(types, ' or '), found_type USING ERRCODE = 'datatype_mismatch';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.require_column(regclass, name, regtype[]) IS
'Internal. 42703 for a column that is not there, 42804 for one of another type.';

CREATE FUNCTION commerce.register_sensitive_field(field text, purpose text, legal_basis text, retention interval DEFAULT NULL,
        normaliser text DEFAULT NULL, "table" regclass DEFAULT NULL, "column" name DEFAULT NULL, subject name[] DEFAULT NULL,
        blind name DEFAULT NULL, age name DEFAULT NULL, key name DEFAULT NULL, row_id name DEFAULT NULL, bits integer DEFAULT 128,
        country text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    c record;
    part name;
BEGIN
    PERFORM commerce.require_shop();
    IF num_nulls(field, purpose, legal_basis) > 0 THEN
        RAISE EXCEPTION 'a field needs a name, a purpose and a legal basis' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF btrim(field) = '' OR btrim(purpose) = '' THEN
        RAISE EXCEPTION 'name and purpose of a field must say something' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF legal_basis NOT IN ('consent', 'contract', 'legal_obligation', 'vital_interests', 'public_task', 'legitimate_interests') THEN
        RAISE EXCEPTION 'there is no legal basis "%"', legal_basis USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is consent, contract, legal_obligation, vital_interests, public_task or legitimate_interests (GDPR, article 6).';
    END IF;
    IF retention <= '0' THEN
        RAISE EXCEPTION 'retention must be greater than zero' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'NULL keeps values until their customer is erased.';
    END IF;
    IF normaliser NOT IN ('email', 'phone', 'text') THEN
        RAISE EXCEPTION 'there is no normaliser "%"', normaliser USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is email, phone or text.';
    END IF;
    IF "table" IS NULL AND num_nonnulls("column", subject, blind, age, key, row_id, country) > 0 OR "table" IS NOT NULL AND num_nulls("column", subject) > 0 THEN
        RAISE EXCEPTION 'a column is named by table, column and subject' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'subject: the columns of which the first that is not NULL is the subject of the value, e.g. {customer_id}.';
    END IF;
    INSERT INTO commerce.sensitive_fields AS f (field, purpose, legal_basis, retention, normaliser)
        VALUES (field, purpose, legal_basis, retention, normaliser)
        ON CONFLICT ON CONSTRAINT sensitive_fields_pkey DO UPDATE SET purpose = excluded.purpose, legal_basis = excluded.legal_basis,
            retention = excluded.retention, normaliser = excluded.normaliser;
    IF "table" IS NULL THEN
        RETURN;
    END IF;
    SELECT r.relkind, r.relispartition, r.relpersistence INTO c FROM pg_class r WHERE r.oid = "table";
    IF NOT FOUND OR c.relkind NOT IN ('r', 'p') OR c.relispartition OR c.relpersistence = 't' THEN
        RAISE EXCEPTION '% is no table that stays', "table" USING ERRCODE = 'wrong_object_type',
            HINT = 'Of a partitioned table, name the table and not a partition.';
    END IF;
    IF (SELECT r.relnamespace FROM pg_class r WHERE r.oid = "table") = 'commerce'::regnamespace THEN
        RAISE EXCEPTION 'the columns of the shop are registered by the shop' USING ERRCODE = 'CM042',
            HINT = 'Name the field without a table to change its purpose, legal basis or retention.';
    END IF;
    IF cardinality(subject) = 0 OR array_position(subject, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'subject names no column' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM commerce.require_column("table", "column", '{commerce.sealed}');
    FOREACH part IN ARRAY subject LOOP
        PERFORM commerce.require_column("table", part, '{uuid}');
    END LOOP;
    IF blind IS NOT NULL THEN
        PERFORM commerce.require_column("table", blind, '{bytea}');
    END IF;
    IF age IS NOT NULL THEN
        PERFORM commerce.require_column("table", age, '{timestamptz,date}');
    END IF;
    SELECT a.attname INTO c FROM pg_attribute a WHERE a.attrelid = "table" AND a.attname IN ("column", blind) AND a.attnotnull LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of table % cannot be emptied', c.attname, "table" USING ERRCODE = 'invalid_table_definition',
            HINT = format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', "table", c.attname);
    END IF;
    IF NOT has_table_privilege(current_user, "table", 'SELECT') OR NOT has_table_privilege(current_user, "table", 'UPDATE')
            OR NOT has_schema_privilege(current_user, (SELECT r.relnamespace FROM pg_class r WHERE r.oid = "table"), 'USAGE') THEN
        RAISE EXCEPTION 'the shop may not read and empty table %', "table" USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT USAGE ON SCHEMA %s TO %I; GRANT SELECT, UPDATE ON %s TO %2$I',
                (SELECT r.relnamespace::regnamespace FROM pg_class r WHERE r.oid = "table"), current_user, "table");
    END IF;
    IF key IS NULL THEN
        key := (SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = "table" AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indpred IS NULL AND a.attnotnull
            ORDER BY i.indisprimary DESC, a.attnum LIMIT 1);
        IF key IS NULL AND blind IS NOT NULL THEN
            RAISE EXCEPTION 'table % has no column that is unique and not null', "table" USING ERRCODE = 'invalid_column_reference',
                HINT = 'Give it a primary key: a rotation of keys goes through the rows in its order.';
        END IF;
    END IF;
    PERFORM commerce.register_sealed_column("table", "column", subject, key, row_id, field, blind, bits, normaliser, country);
    UPDATE commerce.sealed_columns s SET age_column = age WHERE s."table" = register_sensitive_field."table"
        AND s."column" = register_sensitive_field."column";
END
$$;
COMMENT ON FUNCTION commerce.register_sensitive_field(text, text, text, interval, text, regclass, name, name[], name, name, name, name, integer, text) IS
'Enters into the register what is kept of people: a field as it is named to seal(), what for, on which legal basis (consent, contract, legal_obligation, vital_interests, public_task, legitimate_interests), for how long (NULL: until the customer is erased) and how it is normalised for blind() (email, phone, text). With table and column also where: a column of type sealed, the columns of which the first that is not NULL is its subject, the column with its blind() value (bits and country as blind() was given them), the one its age counts from (timestamptz or date), and the row_id if seal() was given one; key is unique and not null, by default the primary key. Then erase_customer() empties it, export_customer() tells it, rotate_keys() computes its blind values anew, and sweep_retention() empties what is older than retention. Entering it again replaces all of it, also what register_sealed_column() was told. The shop needs SELECT and UPDATE on the table (42501 says what to run) and updates it with its own rights, as do triggers on it: register only tables of people who may do what the shop''s owner may. 42703 and 42804 for columns, 42809 for no table, 42P10 where key is not unique, 42P16 for NOT NULL, CM042 for a table of the shop, whose columns are registered, 22023 and 22004 otherwise. Example: SELECT commerce.register_sensitive_field(''iban'', ''refunds'', ''contract'', ''2 years'', "table" => ''bank_accounts'', "column" => ''iban'', subject => ''{customer_id}'', age => ''used_at'').';
GRANT EXECUTE ON FUNCTION commerce.register_sensitive_field(text, text, text, interval, text, regclass, name, name[], name, name, name, name, integer, text) TO commerce_admin;

CREATE FUNCTION commerce.unregister_sensitive_field(field text DEFAULT NULL, "table" regclass DEFAULT NULL, "column" name DEFAULT NULL)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM commerce.require_shop();
    IF num_nonnulls(field, "table") <> 1 OR ("table" IS NULL AND "column" IS NOT NULL) THEN
        RAISE EXCEPTION 'name a field, or a table and maybe its column' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM commerce.sealed_columns s JOIN pg_class r ON r.oid = s."table" AND r.relnamespace = 'commerce'::regnamespace
            WHERE s.field = unregister_sensitive_field.field OR s."table" = unregister_sensitive_field."table") THEN
        RAISE EXCEPTION 'the columns of the shop stay registered' USING ERRCODE = 'CM042',
            HINT = 'Name the table of yours and its column.';
    END IF;
    DELETE FROM commerce.sealed_columns s WHERE s.field = unregister_sensitive_field.field
        OR s."table" = unregister_sensitive_field."table"
            AND (unregister_sensitive_field."column" IS NULL OR s."column" = unregister_sensitive_field."column");
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM commerce.sensitive_fields f WHERE f.field = unregister_sensitive_field.field;
    RETURN gone;
END
$$;
COMMENT ON FUNCTION commerce.unregister_sensitive_field(text, regclass, name) IS
'Takes out of the register a field with all its columns, or the columns of a table, or one of them; returns how many columns that were. From then on sensitive_columns_report() names those that are still there as unregistered, and rotate_keys() leaves their blind values as they are. 22023 where neither or both are named, CM042 for columns of the shop. Example: SELECT commerce.unregister_sensitive_field("table" => ''bank_accounts'').';
GRANT EXECUTE ON FUNCTION commerce.unregister_sensitive_field(text, regclass, name) TO commerce_admin;

CREATE FUNCTION commerce.registered_columns() RETURNS TABLE ("table" regclass, "column" name, field text, subject_columns name[],
        blind_column name, age_column name, row_column name, key_columns name[], condition text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT s."table", s."column", s.field, s.subject_columns, s.blind_column, s.age_column, s.row_column,
        ARRAY(SELECT k.attname FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY x (attnum, n)
            JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = x.attnum
            WHERE i.indrelid = s."table" AND i.indisprimary ORDER BY x.n),
        (SELECT string_agg('(' || (SELECT coalesce(string_agg(format('t.%I IS NULL AND ', b.name), '' ORDER BY b.n), '')
                FROM unnest(s.subject_columns) WITH ORDINALITY b (name, n) WHERE b.n < u.n) || format('t.%I = $1)', u.name), ' OR ' ORDER BY u.n)
            FROM unnest(s.subject_columns) WITH ORDINALITY u (name, n))
        FROM commerce.sealed_columns s
            JOIN pg_attribute a ON a.attrelid = s."table" AND a.attname = s."column" AND NOT a.attisdropped
                AND a.atttypid = 'commerce.sealed'::regtype
        WHERE NOT EXISTS (SELECT FROM unnest(s.subject_columns || s.blind_column || s.age_column || s.row_column || s.key_column) n (name)
            WHERE n.name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = s."table" AND o.attname = n.name AND NOT o.attisdropped))
        ORDER BY s."table"::text COLLATE "C", a.attnum;
END
$$;
COMMENT ON FUNCTION commerce.registered_columns() IS
'Internal. The columns of the register that are there, with the primary key of their table and, over t and $1, the condition by which a row is a subject''s: one that uses the index of each subject column.';

CREATE FUNCTION commerce.sensitive_columns_report() RETURNS TABLE ("table" regclass, "column" name, field text, problem text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    RETURN QUERY
        SELECT a.attrelid::regclass, a.attname, NULL::text, 'unregistered' FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't' AND a.attnum > 0 AND NOT a.attisdropped
                AND commerce.is_sealed_type(a.atttypid)
                AND NOT EXISTS (SELECT FROM commerce.sealed_columns s WHERE s."table" = a.attrelid AND s."column" = a.attname)
                AND NOT EXISTS (SELECT FROM commerce.erasure_tables e WHERE e."table" = a.attrelid)
        UNION ALL
        SELECT s."table", s."column", s.field, CASE WHEN a.attname IS NULL THEN 'gone'
                WHEN a.atttypid <> 'commerce.sealed'::regtype THEN 'not sealed'
                WHEN NOT EXISTS (SELECT FROM commerce.registered_columns() r WHERE r."table" = s."table" AND r."column" = s."column")
                    THEN 'a column beside it is gone'
                WHEN x.stuck THEN 'cannot be emptied'
                WHEN NOT has_table_privilege(current_user, a.attrelid, 'SELECT') OR NOT has_table_privilege(current_user, a.attrelid, 'UPDATE')
                    THEN 'not permitted'
                WHEN f.field IS NULL THEN 'no purpose'
                WHEN f.retention IS NOT NULL AND s.age_column IS NULL THEN 'no age' END AS what
            FROM commerce.sealed_columns s LEFT JOIN commerce.sensitive_fields f ON f.field = s.field
                LEFT JOIN pg_attribute a ON a.attrelid = s."table" AND a.attname = s."column" AND NOT a.attisdropped
                -- Rows that go with their customer need no emptying.
                CROSS JOIN LATERAL (SELECT a.attnotnull AND NOT EXISTS (SELECT FROM commerce.erasure_tables e
                    WHERE e."table" = s."table" AND s.subject_columns = ARRAY[e."column"]) AS stuck) x
            -- Keys of tokens, and secrets by which the shop and others know each other, are nobody's.
            WHERE s."table" <> ALL ('{commerce.jwt_keys,commerce.endpoints,commerce.providers}'::regclass[]) AND (a.attname IS NULL OR a.atttypid <> 'commerce.sealed'::regtype OR x.stuck
                OR f.field IS NULL OR f.retention IS NOT NULL AND s.age_column IS NULL
                OR NOT has_table_privilege(current_user, a.attrelid, 'SELECT') OR NOT has_table_privilege(current_user, a.attrelid, 'UPDATE')
                OR NOT EXISTS (SELECT FROM commerce.registered_columns() r WHERE r."table" = s."table" AND r."column" = s."column"))
        UNION ALL
        SELECT NULL, NULL, f.field, 'no retention' FROM commerce.sensitive_fields f WHERE f.retention IS NULL
        ORDER BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION commerce.sensitive_columns_report() IS
'What is wrong with the register, a row a problem: unregistered, a sealed column of any table of this database that nobody has registered, so that erase_customer() does not know it (rows that go as a whole are named in commerce.erasure_tables); gone, not sealed, a column beside it is gone, cannot be emptied (NOT NULL), not permitted: a registered one that is not what it was; no purpose: register_sealed_column() knows it and register_sensitive_field() was not told what it is for; no age: its field has a retention and it has no column to count from; no retention: a field kept until its customer is erased. Example: SELECT * FROM commerce.sensitive_columns_report() WHERE problem <> ''no retention''.';
GRANT EXECUTE ON FUNCTION commerce.sensitive_columns_report() TO commerce_reader;
