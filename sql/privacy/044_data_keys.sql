-- Rotating data keys. A key is retired first: it opens what it has sealed, and another seals from then on. Then its values
-- are sealed anew, in all registered columns, and whoever may still use it is waited for. It is deleted when no column of the
-- database, registered or not, holds a value that names it: what is deleted too early is lost.
CREATE FUNCTION commerce.sealed_key(value commerce.sealed) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_key_sql';
COMMENT ON FUNCTION commerce.sealed_key(commerce.sealed) IS
'The id of the data key (commerce.data_keys) that a value was sealed with, as it stands in its header. Needs no key. Example: SELECT count(*) FROM commerce.customers c JOIN commerce.data_keys k ON k.subject = c.id AND k.id = commerce.sealed_key(c.email) WHERE k.retired_by IS NOT NULL.';

CREATE FUNCTION commerce.is_under_retired_key(value commerce.sealed, subject uuid) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_is_under_retired_key';
COMMENT ON FUNCTION commerce.is_under_retired_key(commerce.sealed, uuid) IS
'Internal. Says whether a value was sealed with a key of the subject''s that seals no more.';

CREATE FUNCTION commerce.resealed(value commerce.sealed, subject uuid, row_id uuid) RETURNS commerce.sealed
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_resealed';
COMMENT ON FUNCTION commerce.resealed(commerce.sealed, uuid, uuid) IS
'Internal. Seals by the subject''s data key of today what one that is retired has sealed, as the same field, and shows it to nobody; NULL where it was sealed with another key, does not open, or the subject has no key to seal with.';

CREATE FUNCTION commerce.new_data_key(subject uuid, OUT id bigint, OUT epoch integer, OUT wrapped bytea)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_new_data_key';
COMMENT ON FUNCTION commerce.new_data_key(uuid) IS
'Internal. Draws a data key for a subject, wrapped by the newest epoch, to be stored in commerce.data_keys. CM041 without a key.';

CREATE FUNCTION commerce.is_over(transaction xid8, "table" regclass) RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_is_over';
COMMENT ON FUNCTION commerce.is_over(xid8, regclass) IS
'Internal. Says whether a transaction and all before it have ended and no snapshot shows the table as it was before.';

CREATE FUNCTION commerce.sealing_transactions() RETURNS text[]
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(DISTINCT l.virtualtransaction ORDER BY l.virtualtransaction), '{}') FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.relation = 'commerce.data_keys'::regclass AND l.mode = 'RowShareLock' AND l.granted
        AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND l.pid IS DISTINCT FROM pg_backend_pid()
$$;
COMMENT ON FUNCTION commerce.sealing_transactions() IS
'Internal. Virtual ids of the other transactions under way that have sealed something: they hold a weak lock on commerce.data_keys.';

CREATE FUNCTION commerce.begin_data_key_rotation(subject uuid, made_before timestamptz, keep interval) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rotation uuid;
BEGIN
    INSERT INTO commerce.data_key_rotations (subject, made_before, delete_after)
        VALUES (subject, made_before, clock_timestamp() + keep) RETURNING id INTO rotation;
    INSERT INTO commerce.data_key_rotation_steps (rotation, "table", expected)
        SELECT rotation, t."table", CASE WHEN c.reltuples >= 0 THEN c.reltuples END
        FROM (SELECT DISTINCT r."table" FROM commerce.registered_columns() r) t JOIN pg_class c ON c.oid = t."table";
    -- Those of a rotation that somebody has deleted in the middle.
    UPDATE commerce.data_keys k SET retired_by = rotation
        WHERE k.retired_by IS NOT NULL AND (begin_data_key_rotation.subject IS NULL OR k.subject = begin_data_key_rotation.subject)
            AND NOT EXISTS (SELECT FROM commerce.data_key_rotations r WHERE r.id = k.retired_by AND r.finished_at IS NULL);
    PERFORM commerce.write_audit('rotate data keys', 'commerce.data_key_rotations', rotation::text,
        jsonb_strip_nulls(jsonb_build_object('subject', subject, 'made_before', made_before)));
    PERFORM commerce.chores_due(clock_timestamp());
    RETURN rotation;
END
$$;
COMMENT ON FUNCTION commerce.begin_data_key_rotation(uuid, timestamptz, interval) IS
'Internal. Notes a rotation of the data keys of a subject, or of all made before a time, and what it has to do.';

CREATE FUNCTION commerce.require_keep(keep interval) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF keep IS NULL OR keep < '0' OR keep > '10 years' THEN
        RAISE EXCEPTION 'keep must be from 0 to 10 years' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is how long retired data keys are kept for values that are sealed and not stored yet.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.require_keep(interval) IS 'Internal. 22023 for a time that retired data keys cannot be kept for.';

CREATE FUNCTION commerce.rotate_data_key(subject uuid, keep interval DEFAULT '1 hour') RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    rotation uuid;
    count bigint;
BEGIN
    PERFORM commerce.require_shop();
    IF subject IS NULL THEN
        RAISE EXCEPTION 'there is no subject to rotate the data key of' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM commerce.require_keep(keep);
    -- First the customer, as whoever erases does: then he waits for this, or this for him.
    PERFORM FROM commerce.customers c WHERE c.id = subject FOR KEY SHARE;
    PERFORM FROM commerce.data_keys k WHERE k.subject = subject ORDER BY k.id FOR NO KEY UPDATE;
    rotation := commerce.begin_data_key_rotation(subject, NULL, keep);
    UPDATE commerce.data_keys k SET retired_by = rotation WHERE k.subject = rotate_data_key.subject AND k.retired_by IS NULL;
    GET DIAGNOSTICS count = ROW_COUNT;
    IF count = 0 THEN
        RAISE EXCEPTION 'subject % has no data key', subject USING ERRCODE = 'no_data_found',
            HINT = 'Nothing was sealed for it, or it was erased.';
    END IF;
    INSERT INTO commerce.data_keys (subject, id, epoch, wrapped) SELECT subject, n.id, n.epoch, n.wrapped FROM commerce.new_data_key(subject) n;
    UPDATE commerce.data_key_rotations r SET phase = 'values', retired = count, retired_in = pg_current_xact_id()
        WHERE r.id = rotation;
    RETURN rotation;
END
$$;
COMMENT ON FUNCTION commerce.rotate_data_key(uuid, interval) IS
'Rotates the data key of one subject (a customer, or what else was given to seal()), as when it may have leaked, and returns the rotation''s id. From its commit on a new key seals; in the background, or by hand with rotate_data_keys_batch(), all that the former ones have sealed is sealed anew in the registered columns, and when no column of the database holds a value under a former key, it is deleted: not before keep (0 to 10 years) is over, which is for values that an application has got from seal() and not stored yet. Nobody waits, and everything opens all the time. data_key_rotation_progress says how far it is, data_key_obstacles what keeps a key: unregistered columns above all. Backups from before open with the data keys of their time alone. P0002 for a subject without a data key, 22004 for NULL, 22023 for keep, CM041 without a key file. Example: SELECT commerce.rotate_data_key(customer).';
GRANT EXECUTE ON FUNCTION commerce.rotate_data_key(uuid, interval) TO commerce_admin;

CREATE FUNCTION commerce.rotate_data_keys(made_before timestamptz, keep interval DEFAULT '1 hour') RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    rotation uuid;
BEGIN
    PERFORM commerce.require_shop();
    IF made_before IS NULL OR made_before > clock_timestamp() THEN
        RAISE EXCEPTION 'made_before must be a time that is past' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'now() rotates all data keys there are.';
    END IF;
    PERFORM commerce.require_keep(keep);
    IF commerce.key_epochs() IS NULL THEN
        RAISE EXCEPTION 'there is no key to wrap data keys by' USING ERRCODE = 'CM041',
            DETAIL = '{"reason": "neither commerce.key_file nor commerce.key_command is set"}', HINT = 'Set commerce.key_file.';
    END IF;
    -- One at a time: who comes second waits for the first to commit, and is told.
    BEGIN
        rotation := commerce.begin_data_key_rotation(NULL, made_before, keep);
    EXCEPTION WHEN unique_violation THEN
        SELECT r.id INTO rotation FROM commerce.data_key_rotations r WHERE r.subject IS NULL AND r.finished_at IS NULL;
        RAISE EXCEPTION 'data keys are being rotated' USING ERRCODE = 'object_in_use',
            DETAIL = jsonb_strip_nulls(jsonb_build_object('rotation', rotation)), HINT = 'commerce.data_key_rotation_progress says how far it is.';
    END;
    RETURN rotation;
END
$$;
COMMENT ON FUNCTION commerce.rotate_data_keys(timestamptz, interval) IS
'Rotates all data keys that were made before a time, batch by batch, as rotate_data_key() does the one, and returns the rotation''s id. commerce.shop.data_key_age has it done by itself. 55006 while another such is under way (data_key_obstacles may say what holds it), 22023 for a time to come or keep, CM041 without a key file. Example: SELECT commerce.rotate_data_keys(made_before => now() - interval ''1 year'').';
GRANT EXECUTE ON FUNCTION commerce.rotate_data_keys(timestamptz, interval) TO commerce_admin;

CREATE FUNCTION commerce.retire_batch(rotation uuid, made_before timestamptz, INOUT at text[], size integer, OUT visited bigint,
        OUT retired bigint, OUT passed_over bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Whoever erases has locked the customer FOR UPDATE: his is passed over, and no key is made that he does not see.
    WITH walked AS MATERIALIZED (
        SELECT k.subject, k.id FROM commerce.data_keys k
        WHERE (k.subject, k.id) > (coalesce(at[1]::uuid, '00000000-0000-0000-0000-000000000000'), coalesce(at[2]::bigint, 0))
            AND k.created_at < made_before AND k.retired_by IS NULL
        ORDER BY k.subject, k.id LIMIT size
    ), customers AS MATERIALIZED (
        SELECT c.id FROM commerce.customers c WHERE c.id IN (SELECT w.subject FROM walked w) FOR KEY SHARE SKIP LOCKED
    ), free AS MATERIALIZED (
        SELECT w.subject, w.id FROM walked w
        WHERE w.subject IN (SELECT c.id FROM customers c) OR NOT EXISTS (SELECT FROM commerce.customers c WHERE c.id = w.subject)
    ), locked AS MATERIALIZED (
        SELECT k.subject, k.id FROM commerce.data_keys k JOIN free f ON f.subject = k.subject AND f.id = k.id
        WHERE k.retired_by IS NULL FOR NO KEY UPDATE OF k SKIP LOCKED
    ), changed AS (
        UPDATE commerce.data_keys k SET retired_by = rotation FROM locked l WHERE k.subject = l.subject AND k.id = l.id RETURNING k.id
    ), made AS (
        INSERT INTO commerce.data_keys (subject, id, epoch, wrapped)
        SELECT l.subject, n.id, n.epoch, n.wrapped FROM (SELECT DISTINCT x.subject FROM locked x) l, LATERAL commerce.new_data_key(l.subject) n
        RETURNING id
    )
    SELECT (SELECT count(*) FROM walked), (SELECT count(*) FROM changed),
            (SELECT ARRAY[w.subject::text, w.id::text] FROM walked w ORDER BY w.subject DESC, w.id DESC LIMIT 1)
        INTO visited, retired, at;
    passed_over := visited - retired;
END
$$;
COMMENT ON FUNCTION commerce.retire_batch(uuid, timestamptz, text[], integer) IS
'Internal. Retires the data keys after a place that were made before a time, so many at most, but not those that others have locked, and makes new ones for their subjects; returns the place it came to.';

CREATE FUNCTION commerce.last_block("table" regclass) RETURNS bigint
    LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE tree (id) AS (
        SELECT "table"::oid UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON i.inhparent = t.id
    )
    SELECT coalesce(max(pg_relation_size(c.oid) / current_setting('block_size')::bigint), 0) FROM tree t JOIN pg_class c ON c.oid = t.id
    WHERE c.relkind = 'r'
$$;
COMMENT ON FUNCTION commerce.last_block(regclass) IS
'Internal. How many blocks a table has, or the longest of its partitions and children.';

CREATE FUNCTION commerce.reseal_batch("table" regclass, subject uuid, INOUT at text[], size integer, OUT visited bigint,
        OUT changed bigint, OUT unreadable bigint, OUT done numeric)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = '2s'
    SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    c record;
    place text;
    next_block bigint;
    end_block bigint;
BEGIN
    SELECT string_agg(format('commerce.resealed(t.%I, %s, %s) AS v%s', x."column", x.of_subject, x.of_row, x.n), ', ' ORDER BY x.n) AS anew,
            string_agg(format('commerce.is_under_retired_key(t.%I, %s)', x."column", x.of_subject), ' OR ' ORDER BY x.n) AS retired,
            string_agg(format('commerce.is_under_retired_key(t.%I, %s)::integer', x."column", x.of_subject), ' + ' ORDER BY x.n) AS count,
            string_agg(format('%1$I = coalesce(f.v%2$s, t.%1$I)', x."column", x.n), ', ' ORDER BY x.n) AS assignments,
            string_agg(format('f.v%s', x.n), ', ' ORDER BY x.n) AS found,
            string_agg(format('(%s)', x.condition), ' OR ') FILTER (WHERE x.first) AS condition
        INTO c
        FROM (SELECT r."column", row_number() OVER (ORDER BY r."column") AS n, r.condition, row_number() OVER (PARTITION BY r.condition ORDER BY r."column") = 1 AS first,
                (SELECT format('coalesce(%s)', string_agg(format('t.%I', s.name), ', ' ORDER BY s.n)) FROM unnest(r.subject_columns) WITH ORDINALITY s (name, n)) AS of_subject,
                CASE WHEN r.row_column IS NULL THEN 'NULL' ELSE format('t.%I', r.row_column) END AS of_row
            FROM commerce.registered_columns() r WHERE r."table" = reseal_batch."table") x;
    visited := 0;
    changed := 0;
    unreadable := 0;
    done := 1;
    IF c.anew IS NULL THEN
        -- The table is gone, or none of its columns is registered any more.
        at := NULL;
        RETURN;
    END IF;
    IF subject IS NULL THEN
        next_block := coalesce(at[1]::bigint, 0);
        end_block := coalesce(at[2]::bigint, commerce.last_block("table"));
        at := ARRAY[next_block + greatest(1, (SELECT CASE WHEN r.reltuples > 0 AND r.relpages > 0 THEN size / (r.reltuples / r.relpages) ELSE size / 20.0 END
            FROM pg_class r WHERE r.oid = "table")::bigint), end_block];
        place := format('t.ctid >= ''(%s,0)'' AND t.ctid < ''(%s,0)'' AND (%s)', next_block, at[1], c.retired);
    ELSE
        place := format('(%s) AND (%s) %s', c.condition, c.retired,
            CASE WHEN at IS NOT NULL THEN format('AND (t.tableoid, t.ctid) > (%L::oid, %L::tid)', at[1], at[2]) END);
    END IF;
    -- Whoever has a row locked is not waited for: his row is found when this comes back.
    EXECUTE format($sql$
        WITH found AS MATERIALIZED (
            SELECT t.tableoid AS part, t.ctid AS place, %1$s, %2$s AS retired FROM %3$s t WHERE %4$s %5$s FOR NO KEY UPDATE OF t SKIP LOCKED
        ), changed AS (
            UPDATE %3$s t SET %6$s FROM found f WHERE t.tableoid = f.part AND t.ctid = f.place AND num_nonnulls(%7$s) > 0
            RETURNING num_nonnulls(%7$s) AS count
        )
        SELECT (SELECT count(*) FROM found), (SELECT coalesce(sum(x.count), 0) FROM changed x),
            (SELECT coalesce(sum(f.retired - num_nonnulls(%7$s)), 0) FROM found f),
            (SELECT ARRAY[f.part::text, f.place::text] FROM found f ORDER BY f.part DESC, f.place DESC LIMIT 1)$sql$,
        c.anew, c.count, "table", place, CASE WHEN subject IS NOT NULL THEN format('ORDER BY t.tableoid, t.ctid LIMIT %s', size) END, c.assignments, c.found)
        INTO visited, changed, unreadable, place USING subject;
    IF subject IS NOT NULL THEN
        at := CASE WHEN visited = size THEN place::text[] END;
        done := CASE WHEN at IS NULL THEN 1 ELSE 0 END;
    ELSE
        done := CASE WHEN end_block > 0 THEN least(1, at[1]::numeric / end_block) ELSE 1 END;
        at := CASE WHEN at[1]::bigint < end_block THEN at END;
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.reseal_batch(regclass, uuid, text[], integer) IS
'Internal. Seals anew what retired keys have sealed in a table''s registered columns: of all subjects in the blocks after a place that hold about so many rows, of one subject in so many rows; not in rows that others have locked. Returns the place it came to, NULL at the end.';

CREATE FUNCTION commerce.delete_retired_keys(rotation uuid, OUT deleted bigint, OUT left_over bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = '2s'
AS $$
DECLARE
    c record;
    searches text := '';
    blind boolean := false;
BEGIN
    DELETE FROM commerce.data_key_obstacles o WHERE o.rotation = delete_retired_keys.rotation;
    FOR c IN SELECT a.attrelid::regclass AS "table", a.attname AS "column", r.relkind, t.typcategory = 'A' AS many
            FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
            WHERE r.relkind IN ('r', 'p', 'm', 'f') AND NOT r.relispartition AND r.relpersistence <> 't' AND (r.relkind <> 'm' OR r.relispopulated)
                AND a.attnum > 0 AND NOT a.attisdropped AND commerce.is_sealed_type(a.atttypid)
            ORDER BY r.oid, a.attnum LOOP
        IF NOT has_column_privilege(c."table", c."column", 'SELECT') OR row_security_active(c."table")
                OR NOT has_schema_privilege((SELECT r.relnamespace FROM pg_class r WHERE r.oid = c."table"), 'USAGE') THEN
            -- What cannot be looked at may need any of the keys.
            INSERT INTO commerce.data_key_obstacles VALUES (rotation, c."table", c."column", NULL, 'commerce_owner may not read it');
            blind := true;
        ELSE
            searches := searches || format(' UNION ALL SELECT %L::regclass, %L::name, o.id FROM %s t%s JOIN old o ON o.id = commerce.sealed_key(%s)',
                c."table", c."column", CASE WHEN c.relkind = 'r' THEN 'ONLY ' ELSE '' END || c."table",
                CASE WHEN c.many THEN format(' CROSS JOIN unnest(t.%I::commerce.sealed[]) x (value)', c."column") ELSE '' END,
                CASE WHEN c.many THEN 'x.value' ELSE format('t.%I::commerce.sealed', c."column") END);
        END IF;
    END LOOP;
    -- One statement, and so one snapshot: no value is on its way from a column that was looked at later to one that was before.
    EXECUTE format($sql$
        WITH old AS MATERIALIZED (
            SELECT k.subject, k.id FROM commerce.data_keys k WHERE k.retired_by = $1
        ), used ("table", "column", id) AS MATERIALIZED (
            SELECT NULL::regclass, NULL::name, NULL::bigint WHERE false %s
        ), unused AS MATERIALIZED (
            SELECT k.subject, k.id FROM commerce.data_keys k
            WHERE k.retired_by = $1 AND NOT $2 AND NOT EXISTS (SELECT FROM used u WHERE u.id = k.id) FOR UPDATE OF k SKIP LOCKED
        ), gone AS (
            DELETE FROM commerce.data_keys k USING unused u WHERE k.subject = u.subject AND k.id = u.id RETURNING k.id
        ), noted AS (
            INSERT INTO commerce.data_key_obstacles (rotation, "table", "column", values, problem)
            SELECT $1, u."table", u."column", count(*), CASE
                    WHEN NOT EXISTS (SELECT FROM commerce.registered_columns() r WHERE r."table" = u."table" AND r."column" = u."column") THEN 'unregistered'
                    WHEN s.problem IS NOT NULL THEN s.problem
                    WHEN s.unreadable > 0 AND s.changed_in_pass = 0 THEN 'does not open'
                    ELSE 'locked' END
            FROM used u LEFT JOIN commerce.data_key_rotation_steps s ON s.rotation = $1 AND s."table" = u."table"
            GROUP BY u."table", u."column", s.problem, s.unreadable, s.changed_in_pass
        )
        SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM old) - (SELECT count(*) FROM gone)$sql$, searches)
        INTO deleted, left_over USING rotation, blind;
END
$$;
COMMENT ON FUNCTION commerce.delete_retired_keys(uuid) IS
'Internal. Deletes those data keys that a rotation has retired which no value in any sealed column of the database names, and notes the columns whose values name the others; returns how many are gone and how many are left. Reads all tables with sealed columns.';

CREATE FUNCTION commerce.reseal_step(rotation uuid, size integer) RETURNS interval
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
    step record;
    batch record;
    begun timestamptz;
BEGIN
    SELECT x.* INTO STRICT r FROM commerce.data_key_rotations x WHERE x.id = rotation;
    IF r.phase = 'keys' THEN
        SELECT b.* INTO batch FROM commerce.retire_batch(r.id, r.made_before, r.position, size) b;
        UPDATE commerce.data_key_rotations x SET retired = x.retired + batch.retired, passed_over = x.passed_over + batch.passed_over, position = batch.at,
            retired_in = CASE WHEN batch.retired > 0 OR x.retired_in IS NULL THEN pg_current_xact_id() ELSE x.retired_in END
            WHERE x.id = r.id RETURNING x.* INTO r;
        IF batch.visited = size THEN
            RETURN '0';
        END IF;
        IF r.passed_over > 0 THEN
            UPDATE commerce.data_key_rotations x SET position = NULL, passed_over = 0 WHERE x.id = r.id;
            RETURN '1 second';
        END IF;
        UPDATE commerce.data_key_rotations x SET phase = 'values', position = NULL WHERE x.id = r.id;
        RETURN '0';
    END IF;
    -- Looked at in a later transaction than that which retired the last key: who seals from here on sees that it is.
    IF r.sealing IS NULL AND r.retired_in <> pg_current_xact_id() THEN
        UPDATE commerce.data_key_rotations x SET sealing = commerce.sealing_transactions() WHERE x.id = r.id RETURNING x.sealing INTO r.sealing;
    END IF;
    IF r.phase = 'values' THEN
        LOOP
            SELECT s.* INTO step FROM commerce.data_key_rotation_steps s WHERE s.rotation = r.id AND s.finished_at IS NULL
                ORDER BY s."table"::text COLLATE "C" LIMIT 1;
            EXIT WHEN NOT FOUND;
            begun := clock_timestamp();
            -- What one table does not allow is no reason to leave the others.
            BEGIN
                SELECT b.*, NULL::text AS problem INTO batch FROM commerce.reseal_batch(step."table", r.subject, step.position, size) b;
            EXCEPTION
                WHEN lock_not_available THEN
                    RETURN '1 second';
                WHEN OTHERS THEN
                    IF SQLSTATE ~ '^(40|53|57|58|XX|CM041)' THEN
                        RAISE;
                    END IF;
                    SELECT NULL::text[] AS at, 0::bigint AS visited, 0::bigint AS changed, 0::bigint AS unreadable, 1::numeric AS done, SQLERRM AS problem INTO batch;
            END;
            UPDATE commerce.data_key_rotation_steps s SET visited = s.visited + batch.visited, changed = s.changed + batch.changed,
                    changed_in_pass = s.changed_in_pass + batch.changed, unreadable = s.unreadable + batch.unreadable, position = batch.at,
                    done = batch.done, problem = batch.problem, worked = s.worked + (clock_timestamp() - begun),
                    finished_at = CASE WHEN batch.at IS NULL THEN clock_timestamp() END
                WHERE s.rotation = r.id AND s."table" = step."table";
            IF batch.visited > 0 OR batch.at IS NOT NULL THEN
                RETURN '0';
            END IF;
        END LOOP;
        UPDATE commerce.data_key_rotations x SET phase = 'transactions', settles_at = pg_current_xact_id() WHERE x.id = r.id;
        RETURN CASE WHEN r.delete_after > clock_timestamp() THEN r.delete_after - clock_timestamp() ELSE '0' END;
    END IF;
    IF r.phase = 'transactions' THEN
        IF r.sealing <> '{}' THEN
            UPDATE commerce.data_key_rotations x
                SET sealing = ARRAY(SELECT unnest(x.sealing) INTERSECT SELECT unnest(commerce.sealing_transactions()) ORDER BY 1) WHERE x.id = r.id
                RETURNING x.sealing INTO r.sealing;
        END IF;
        IF r.delete_after > clock_timestamp() THEN
            RETURN r.delete_after - clock_timestamp();
        END IF;
        IF r.sealing IS NULL OR r.sealing <> '{}' OR NOT commerce.is_over(r.settles_at, 'commerce.data_keys') THEN
            RETURN '1 second';
        END IF;
        UPDATE commerce.data_key_rotations x SET phase = 'deletion' WHERE x.id = r.id;
        RETURN '0';
    END IF;
    IF r.held THEN
        -- Somebody may have seen to what held it: everything that was in the way is gone through once more.
        UPDATE commerce.data_key_rotation_steps s SET position = NULL, pass = s.pass + 1, changed_in_pass = 0, unreadable = 0, done = 0, finished_at = NULL
            WHERE s.rotation = r.id AND s."table" IN (SELECT o."table" FROM commerce.data_key_obstacles o WHERE o.rotation = r.id);
        UPDATE commerce.data_key_rotations x SET held = false, phase = 'values' WHERE x.id = r.id;
        RETURN '0';
    END IF;
    BEGIN
        SELECT d.* INTO batch FROM commerce.delete_retired_keys(r.id) d;
    EXCEPTION WHEN lock_not_available THEN
        RETURN '1 second';
    END;
    UPDATE commerce.data_key_rotations x SET deleted = x.deleted + batch.deleted WHERE x.id = r.id;
    IF batch.left_over = 0 THEN
        UPDATE commerce.data_key_rotations x SET finished_at = clock_timestamp() WHERE x.id = r.id;
        RETURN NULL;
    END IF;
    -- Values of rows that were locked, or written while their table was gone through, are found by another pass.
    UPDATE commerce.data_key_rotation_steps s SET position = NULL, pass = s.pass + 1, changed_in_pass = 0, unreadable = 0, done = 0, finished_at = NULL
        WHERE s.rotation = r.id AND s.problem IS NULL AND (s.changed_in_pass > 0 OR s.pass < 3) AND EXISTS (SELECT FROM commerce.data_key_obstacles o
            WHERE o.rotation = r.id AND o."table" = s."table" AND o.problem IN ('locked', 'does not open'));
    IF FOUND THEN
        UPDATE commerce.data_key_rotations x SET phase = 'values' WHERE x.id = r.id;
        RETURN '1 second';
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.data_key_obstacles o WHERE o.rotation = r.id) THEN
        -- A key is being deleted by somebody else.
        RETURN '1 second';
    END IF;
    UPDATE commerce.data_key_rotations x SET held = true WHERE x.id = r.id;
    RETURN CASE WHEN EXISTS (SELECT FROM commerce.data_key_obstacles o WHERE o.rotation = r.id AND o.problem = 'locked') THEN '1 minute' ELSE '1 hour' END;
END
$$;
COMMENT ON FUNCTION commerce.reseal_step(uuid, integer) IS
'Internal. Does the next batch of a rotation of data keys, which the caller has locked; returns after what time there is more to do, NULL: it is finished.';

CREATE FUNCTION commerce.rotate_data_keys_step(size integer, by_hand boolean, OUT again interval)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rotation uuid;
BEGIN
    -- One session at a time is at a rotation. One subject's comes first: it is the shorter, and may be the more urgent.
    IF by_hand THEN
        SELECT r.id INTO rotation FROM commerce.data_key_rotations r
            WHERE r.finished_at IS NULL AND (r.next_at <= clock_timestamp() OR r.held)
            ORDER BY r.held, r.subject IS NULL, r.next_at LIMIT 1 FOR NO KEY UPDATE;
    ELSE
        SELECT r.id INTO rotation FROM commerce.data_key_rotations r
            WHERE r.finished_at IS NULL AND r.next_at <= clock_timestamp()
            ORDER BY r.subject IS NULL, r.next_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    IF rotation IS NOT NULL THEN
        again := commerce.reseal_step(rotation, size);
        UPDATE commerce.data_key_rotations r SET next_at = clock_timestamp() + again WHERE r.id = rotation AND again IS NOT NULL;
    END IF;
    IF again IS NULL OR again > '0' THEN
        again := (SELECT greatest(r.next_at - clock_timestamp(), '0') FROM commerce.data_key_rotations r WHERE r.finished_at IS NULL
            ORDER BY r.next_at LIMIT 1);
        -- Another session is at it.
        IF again = '0' AND rotation IS NULL THEN
            again := '1 second';
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.rotate_data_keys_step(integer, boolean) IS
'Internal. Does one batch of the rotations of data keys under way; returns after what time there is more to do, NULL: nothing. By hand also what is held is tried again, and who is at it is waited for.';

CREATE FUNCTION commerce.rotate_data_keys_batch(size integer DEFAULT 1000) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    IF size IS NULL OR size NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'size must be from 1 to 100000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN coalesce((SELECT s.again <= '1 second' FROM commerce.rotate_data_keys_step(size, true) s), false);
END
$$;
COMMENT ON FUNCTION commerce.rotate_data_keys_batch(integer) IS
'Does one batch of the rotations of data keys that rotate_data_key() and rotate_data_keys() have begun, of about so many rows (1 to 100000; 22023 for others), for those who want it done now or have no background worker. Returns whether there is more to do now; transactions that may still use a retired key are waited for by calling again. False, too, where retired keys have to be kept for a time, or something holds them (data_key_obstacles), which each call tries again. Call it in transactions of its own: SELECT commerce.rotate_data_keys_batch() \watch 0.1';
GRANT EXECUTE ON FUNCTION commerce.rotate_data_keys_batch(integer) TO commerce_admin;

CREATE FUNCTION commerce.data_key_chore() RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    again interval;
BEGIN
    SELECT s.again INTO again FROM commerce.rotate_data_keys_step(1000, false) s;
    RETURN CASE WHEN again = '0' THEN '-infinity' ELSE clock_timestamp() + again END;
END
$$;
COMMENT ON FUNCTION commerce.data_key_chore() IS
'Internal. What the background worker does for rotations of data keys: one batch; returns when it has work again.';

CREATE FUNCTION commerce.rotate_old_data_keys() RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made_before timestamptz := (SELECT now() - s.data_key_age FROM commerce.shop s);
BEGIN
    IF made_before IS NULL THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM commerce.data_key_rotations r WHERE r.subject IS NULL AND r.finished_at IS NULL)
            OR NOT EXISTS (SELECT FROM commerce.data_keys k WHERE k.created_at < made_before AND k.retired_by IS NULL) THEN
        RETURN NULL;
    END IF;
    RETURN commerce.begin_data_key_rotation(NULL, made_before, '1 hour');
EXCEPTION WHEN unique_violation THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION commerce.rotate_old_data_keys() IS
'Internal. Begins to rotate the data keys that are older than commerce.shop.data_key_age, where there are any and nobody is at it; returns the rotation''s id.';
