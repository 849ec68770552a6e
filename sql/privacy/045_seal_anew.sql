-- What a rotation of data keys does with values: sealing them anew, and looking whether any still names a retired key.
CREATE FUNCTION commerce.table_blocks("table" regclass, OUT blocks bigint, OUT rows_in_each numeric)
    LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE tree (id) AS (
        SELECT "table"::oid UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON i.inhparent = t.id
    )
    SELECT coalesce(max(pg_relation_size(c.oid) / current_setting('block_size')::bigint), 0),
        coalesce(sum(CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN (c.reltuples / c.relpages)::numeric ELSE 20 END), 20)
    FROM tree t JOIN pg_class c ON c.oid = t.id WHERE c.relkind = 'r'
$$;
COMMENT ON FUNCTION commerce.table_blocks(regclass) IS
'Internal. How many blocks a table has, or the longest of its partitions and children, and about how many rows the blocks of one number have in all of them.';

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
    size_of record;
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
        SELECT b.* INTO size_of FROM commerce.table_blocks("table") b;
        next_block := coalesce(at[1]::bigint, 0);
        end_block := coalesce(at[2]::bigint, size_of.blocks);
        at := ARRAY[next_block + greatest(1, size / size_of.rows_in_each)::bigint, end_block];
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

CREATE FUNCTION commerce.find_keys_in_use(rotation uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = '2s'
    SET enable_nestloop = off
AS $$
DECLARE
    c record;
    searches text := '';
BEGIN
    DELETE FROM commerce.data_key_obstacles o WHERE o.rotation = find_keys_in_use.rotation;
    DELETE FROM commerce.data_keys_in_use u WHERE u.rotation = find_keys_in_use.rotation;
    FOR c IN SELECT a.attrelid::regclass AS "table", a.attname AS "column", r.relkind, t.typcategory = 'A' AS many
            FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
            WHERE r.relkind IN ('r', 'p', 'm', 'f') AND NOT r.relispartition AND r.relpersistence <> 't' AND (r.relkind <> 'm' OR r.relispopulated)
                AND a.attnum > 0 AND NOT a.attisdropped AND commerce.is_sealed_type(a.atttypid)
            ORDER BY r.oid, a.attnum LOOP
        IF NOT has_column_privilege(c."table", c."column", 'SELECT') OR row_security_active(c."table")
                OR NOT has_schema_privilege((SELECT r.relnamespace FROM pg_class r WHERE r.oid = c."table"), 'USAGE') THEN
            -- What cannot be looked at may need any of the keys.
            INSERT INTO commerce.data_key_obstacles VALUES (rotation, c."table", c."column", NULL, 'commerce_owner may not read it');
        ELSE
            searches := searches || format(' UNION ALL SELECT %L::regclass, %L::name, o.id FROM %s t%s JOIN old o ON o.id = commerce.sealed_key(%s)',
                c."table", c."column", CASE WHEN c.relkind = 'r' THEN 'ONLY ' ELSE '' END || c."table",
                CASE WHEN c.many THEN format(' CROSS JOIN unnest(t.%I::commerce.sealed[]) x (value)', c."column") ELSE '' END,
                CASE WHEN c.many THEN 'x.value' ELSE format('t.%I::commerce.sealed', c."column") END);
        END IF;
    END LOOP;
    -- What statistics say of keys that were retired just now is that there are none: a nested loop would look like nothing.
    -- One statement, and so one snapshot: no value is on its way from a column that was looked at later to one that was before.
    BEGIN
        EXECUTE format($sql$
            WITH old AS MATERIALIZED (
                SELECT k.id FROM commerce.data_keys k WHERE k.retired_by = $1
            ), used ("table", "column", id) AS MATERIALIZED (
                SELECT NULL::regclass, NULL::name, NULL::bigint WHERE false %s
            ), kept AS (
                INSERT INTO commerce.data_keys_in_use (rotation, id) SELECT DISTINCT $1, u.id FROM used u
            )
            INSERT INTO commerce.data_key_obstacles (rotation, "table", "column", values, problem)
            SELECT $1, u."table", u."column", count(*), CASE
                    WHEN NOT EXISTS (SELECT FROM commerce.registered_columns() r WHERE r."table" = u."table" AND r."column" = u."column") THEN 'unregistered'
                    WHEN s.problem IS NOT NULL THEN s.problem
                    WHEN s.unreadable > 0 AND s.changed_in_pass = 0 THEN 'does not open'
                    ELSE 'passed over' END
            FROM used u LEFT JOIN commerce.data_key_rotation_steps s ON s.rotation = $1 AND s."table" = u."table"
            GROUP BY u."table", u."column", s.problem, s.unreadable, s.changed_in_pass$sql$, searches) USING rotation;
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE ~ '^(40|53|57|58|XX|55P03)' THEN
            RAISE;
        END IF;
        -- As a foreign table whose server is away: again, what cannot be looked at may need any of the keys.
        INSERT INTO commerce.data_key_obstacles VALUES (rotation, 'commerce.data_keys', 'id', NULL, SQLERRM);
    END;
END
$$;
COMMENT ON FUNCTION commerce.find_keys_in_use(uuid) IS
'Internal. Notes which of the data keys that a rotation has retired are named by a value in any sealed column of the database, and in which columns. Reads all tables with sealed columns.';

CREATE FUNCTION commerce.delete_retired_batch(rotation uuid, subject uuid, INOUT at text[], size integer, OUT visited bigint, OUT deleted bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    EXECUTE format($sql$
        WITH walked AS MATERIALIZED (
            SELECT k.subject, k.id FROM commerce.data_keys k WHERE %s AND k.retired_by = $3 ORDER BY k.subject, k.id LIMIT $4
        ), unused AS MATERIALIZED (
            SELECT k.subject, k.id FROM commerce.data_keys k JOIN walked w ON w.subject = k.subject AND w.id = k.id
            WHERE k.retired_by = $3 AND NOT EXISTS (SELECT FROM commerce.data_keys_in_use u WHERE u.rotation = $3 AND u.id = k.id) FOR UPDATE OF k SKIP LOCKED
        ), gone AS (
            DELETE FROM commerce.data_keys k USING unused u WHERE k.subject = u.subject AND k.id = u.id RETURNING k.id
        )
        SELECT (SELECT count(*) FROM walked), (SELECT count(*) FROM gone),
            (SELECT ARRAY[w.subject::text, w.id::text] FROM walked w ORDER BY w.subject DESC, w.id DESC LIMIT 1)$sql$,
        CASE WHEN subject IS NOT NULL THEN 'k.subject = $5 AND (k.subject, k.id) > ($1, $2)' ELSE '(k.subject, k.id) > ($1, $2)' END)
        INTO visited, deleted, at USING coalesce(at[1]::uuid, '00000000-0000-0000-0000-000000000000'), coalesce(at[2]::bigint, 0), rotation, size, subject;
END
$$;
COMMENT ON FUNCTION commerce.delete_retired_batch(uuid, uuid, text[], integer) IS
'Internal. Deletes the data keys after a place that a rotation has retired and nothing uses, so many at most, but not those that others have locked; returns the place it came to.';

CREATE FUNCTION commerce.reseal_step(rotation uuid, size integer) RETURNS interval
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
    step record;
    batch record;
    begun timestamptz;
    now_sealing text[];
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
        now_sealing := commerce.sealing_transactions();
        IF r.sealing <> '{}' THEN
            UPDATE commerce.data_key_rotations x SET sealing = ARRAY(SELECT unnest(x.sealing) INTERSECT SELECT unnest(now_sealing)) WHERE x.id = r.id
                RETURNING x.sealing INTO r.sealing;
        END IF;
        IF r.delete_after > clock_timestamp() THEN
            RETURN r.delete_after - clock_timestamp();
        END IF;
        -- A dump that was restored in the middle counts transactions of another cluster.
        IF r.settles_at >= pg_snapshot_xmax(pg_current_snapshot()) AND r.settles_at <> pg_current_xact_id() THEN
            UPDATE commerce.data_key_rotations x SET settles_at = pg_current_xact_id() WHERE x.id = r.id;
            RETURN '1 second';
        END IF;
        IF r.sealing IS NULL OR r.sealing <> '{}' OR 'prepared' = ANY (now_sealing) OR NOT commerce.is_over(r.settles_at, 'commerce.data_keys') THEN
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
    IF NOT r.looked THEN
        BEGIN
            PERFORM commerce.find_keys_in_use(r.id);
        EXCEPTION WHEN lock_not_available THEN
            RETURN '1 second';
        END;
        UPDATE commerce.data_key_rotations x SET looked = true, position = NULL WHERE x.id = r.id;
        RETURN '0';
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.data_key_obstacles o WHERE o.rotation = r.id AND o.values IS NULL) THEN
        SELECT b.* INTO batch FROM commerce.delete_retired_batch(r.id, r.subject, r.position, size) b;
        UPDATE commerce.data_key_rotations x SET deleted = x.deleted + batch.deleted, position = batch.at WHERE x.id = r.id;
        IF batch.visited = size THEN
            RETURN '0';
        END IF;
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.data_keys k WHERE k.retired_by = r.id) THEN
        DELETE FROM commerce.data_keys_in_use u WHERE u.rotation = r.id;
        DELETE FROM commerce.data_key_obstacles o WHERE o.rotation = r.id;
        UPDATE commerce.data_key_rotations x SET finished_at = clock_timestamp() WHERE x.id = r.id;
        RETURN NULL;
    END IF;
    UPDATE commerce.data_key_rotations x SET looked = false, position = NULL WHERE x.id = r.id;
    -- Values of rows that were locked, or written while their table was gone through, are found by another pass.
    UPDATE commerce.data_key_rotation_steps s SET position = NULL, pass = s.pass + 1, changed_in_pass = 0, unreadable = 0, done = 0, finished_at = NULL
        WHERE s.rotation = r.id AND s.problem IS NULL AND (s.changed_in_pass > 0 OR s.pass < 3) AND EXISTS (SELECT FROM commerce.data_key_obstacles o
            WHERE o.rotation = r.id AND o."table" = s."table" AND o.problem IN ('passed over', 'does not open'));
    IF FOUND THEN
        UPDATE commerce.data_key_rotations x SET phase = 'values' WHERE x.id = r.id;
        RETURN '1 second';
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.data_key_obstacles o WHERE o.rotation = r.id) THEN
        -- A key is being deleted by somebody else.
        RETURN '1 second';
    END IF;
    UPDATE commerce.data_key_rotations x SET held = true WHERE x.id = r.id;
    RETURN CASE WHEN EXISTS (SELECT FROM commerce.data_key_obstacles o JOIN commerce.data_key_rotation_steps s ON s.rotation = o.rotation AND s."table" = o."table"
        WHERE o.rotation = r.id AND o.problem = 'passed over' AND s.pass < 10) THEN '1 minute' ELSE '1 hour' END;
END
$$;
COMMENT ON FUNCTION commerce.reseal_step(uuid, integer) IS
'Internal. Does the next batch of a rotation of data keys, which the caller has locked; returns after what time there is more to do, NULL: it is finished.';
