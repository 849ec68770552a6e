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
    SELECT coalesce(array_agg(DISTINCT CASE WHEN l.pid IS NULL THEN 'prepared' ELSE l.virtualtransaction END), '{}') FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.relation = 'commerce.data_keys'::regclass AND l.mode = 'RowShareLock' AND l.granted
        AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND l.pid IS DISTINCT FROM pg_backend_pid()
$$;
COMMENT ON FUNCTION commerce.sealing_transactions() IS
'Internal. Virtual ids of the other transactions under way that have sealed something: they hold a weak lock on commerce.data_keys. "prepared" stands for those that are prepared, whose ids a restart changes.';

CREATE FUNCTION commerce.begin_data_key_rotation(subject uuid, made_before timestamptz, keep interval) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rotation uuid;
    adopted bigint;
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
    GET DIAGNOSTICS adopted = ROW_COUNT;
    UPDATE commerce.data_key_rotations r SET retired = adopted WHERE r.id = rotation AND adopted > 0;
    PERFORM commerce.write_audit('rotate data keys', 'commerce.data_key_rotations', rotation::text,
        jsonb_strip_nulls(jsonb_build_object('subject', subject, 'made_before', made_before)));
    PERFORM commerce.chores_due(clock_timestamp());
    RETURN rotation;
END
$$;
COMMENT ON FUNCTION commerce.begin_data_key_rotation(uuid, timestamptz, interval) IS
'Internal. Notes a rotation of the data keys of a subject, or of all made before a time, and what it has to do.';

CREATE FUNCTION commerce.require_keep(keep interval) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
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
        RAISE EXCEPTION 'this subject has no data key' USING ERRCODE = 'no_data_found', DETAIL = jsonb_build_object('subject', subject),
            HINT = 'Nothing was sealed for it, or it was erased.';
    END IF;
    INSERT INTO commerce.data_keys (subject, id, epoch, wrapped) SELECT subject, n.id, n.epoch, n.wrapped FROM commerce.new_data_key(subject) n;
    UPDATE commerce.data_key_rotations r SET phase = 'values', retired = r.retired + count, retired_in = pg_current_xact_id()
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
