CREATE FUNCTION commerce.rotate_step(size integer, wait boolean, OUT visited bigint, OUT again interval)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rotation record;
    step record;
    batch record;
BEGIN
    visited := 0;
    SELECT r.* INTO rotation FROM commerce.key_rotations r WHERE r.finished_at IS NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- One session at a time: who holds the rotation does its next batch.
    IF wait THEN
        PERFORM FROM commerce.key_rotations r WHERE r.id = rotation.id AND r.finished_at IS NULL FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM commerce.key_rotations r WHERE r.id = rotation.id AND r.finished_at IS NULL FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            again := '1 second';
            RETURN;
        END IF;
    END IF;
    LOOP
        SELECT s.* INTO step FROM commerce.key_rotation_steps s
            WHERE s.rotation = rotation.id AND s.finished_at IS NULL ORDER BY s.step LIMIT 1;
        IF NOT FOUND THEN
            UPDATE commerce.key_state SET blind_epochs = ARRAY[rotation.epoch] WHERE epoch = rotation.epoch;
            UPDATE commerce.key_rotations SET finished_at = clock_timestamp() WHERE id = rotation.id AND finished_at IS NULL;
            RETURN;
        END IF;
        batch := NULL;
        IF step.what = 'data keys' THEN
            SELECT b.at, b.visited, b.changed, b.passed_over, b.unreadable, 0::bigint AS conflicts INTO batch
                FROM commerce.rewrap_batch(rotation.epoch, step.position, size) b;
        ELSIF step.what = 'claims' THEN
            -- Orders that were under way when the last e-mail address was done may have claimed by what it was before.
            -- A dump that was restored in the middle counts transactions of another cluster.
            IF step.settles_at IS NULL OR step.settles_at >= pg_snapshot_xmax(pg_current_snapshot()) THEN
                UPDATE commerce.key_rotation_steps s SET settles_at = pg_current_xact_id()
                    WHERE s.rotation = step.rotation AND s.step = step.step RETURNING s.* INTO step;
            END IF;
            IF pg_snapshot_xmin(pg_current_snapshot()) <= step.settles_at THEN
                again := '1 second';
                RETURN;
            END IF;
            SELECT NULL::text[] AS at, b.visited, b.changed, b.passed_over, 0::bigint AS unreadable, 0::bigint AS conflicts INTO batch
                FROM commerce.reclaim_batch(size) b;
        ELSE
            SELECT b.at, b.visited, b.changed, b.passed_over, b.unreadable, b.conflicts INTO batch
                FROM commerce.reblind_batch(step."table", step."column", step.position, size) b;
        END IF;
        UPDATE commerce.key_rotation_steps s SET visited = s.visited + batch.visited, changed = s.changed + batch.changed,
                passed_over = s.passed_over + batch.passed_over, unreadable = s.unreadable + batch.unreadable,
                conflicts = s.conflicts + batch.conflicts, position = batch.at
            WHERE s.rotation = step.rotation AND s.step = step.step RETURNING s.* INTO step;
        visited := visited + batch.visited;
        IF batch.visited < size THEN
            IF step.passed_over > 0 THEN
                UPDATE commerce.key_rotation_steps s SET position = NULL, pass = s.pass + 1, passed_over = 0, unreadable = 0, conflicts = 0
                    WHERE s.rotation = step.rotation AND s.step = step.step;
                again := '1 second';
                RETURN;
            END IF;
            UPDATE commerce.key_rotation_steps s SET finished_at = clock_timestamp()
                WHERE s.rotation = step.rotation AND s.step = step.step;
        END IF;
        IF visited > 0 THEN
            again := '0';
            RETURN;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION commerce.rotate_step(integer, boolean) IS
'Internal. Does one batch of the rotation of keys under way: how many rows it looked at, and after what time there is more to do; NULL: nothing. Where another session is at it, it waits, or not.';

CREATE FUNCTION commerce.rotate_keys_batch(size integer DEFAULT 1000) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    IF size IS NULL OR size NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'size must be from 1 to 100000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN (SELECT s.again IS NOT NULL FROM commerce.rotate_step(size, true) s);
END
$$;
COMMENT ON FUNCTION commerce.rotate_keys_batch(integer) IS
'Does one batch of the rotation of keys that rotate_keys() has begun, of so many rows (1 to 100000; 22023 for others), for those who want it done now or have no background worker. Returns whether there is more to do; what others have locked, and what orders under way may still write, is waited for by calling again. Call it in transactions of its own: SELECT commerce.rotate_keys_batch() \watch 0.1';
GRANT EXECUTE ON FUNCTION commerce.rotate_keys_batch(integer) TO commerce_admin;

CREATE FUNCTION commerce.key_chore() RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    again interval;
BEGIN
    SELECT s.again INTO again FROM commerce.rotate_step(1000, false) s;
    RETURN CASE WHEN again = '0' THEN '-infinity' ELSE clock_timestamp() + again END;
END
$$;
COMMENT ON FUNCTION commerce.key_chore() IS
'Internal. What the background worker does for a rotation of keys: one batch; returns when it has work again.';

CREATE FUNCTION commerce.key_status() RETURNS TABLE (epoch integer, at_hand boolean, data_keys bigint, blind_values boolean,
        needed boolean, advice text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    state record;
    epochs integer[];
    rotating boolean;
BEGIN
    PERFORM commerce.require_shop();
    epochs := coalesce(commerce.key_epochs(), '{}');
    SELECT k.* INTO STRICT state FROM commerce.key_state k;
    rotating := EXISTS (SELECT FROM commerce.key_rotations r WHERE r.finished_at IS NULL);
    RETURN QUERY
        WITH keys AS (
            SELECT k.epoch, count(*) AS data_keys FROM commerce.data_keys k GROUP BY k.epoch
        ), known AS (
            SELECT unnest(epochs) AS epoch UNION SELECT k.epoch FROM keys k UNION SELECT unnest(state.blind_epochs) UNION
                SELECT state.epoch WHERE state.epoch IS NOT NULL
        ), facts AS (
            SELECT n.epoch, n.epoch = ANY (epochs) AS at_hand, coalesce(k.data_keys, 0) AS data_keys,
                coalesce(n.epoch = ANY (state.blind_epochs), false) AS blind_values,
                coalesce(n.epoch = state.epoch, false) AS current,
                -- Subjects are mostly in the order in which they were made; NULL where there is nothing to try.
                CASE WHEN n.epoch = ANY (epochs) AND k.data_keys > 0 THEN (SELECT commerce.rewrap_key(d.subject, d.id, d.epoch, d.wrapped, d.epoch) IS NOT NULL
                    FROM commerce.data_keys d WHERE d.epoch = n.epoch ORDER BY d.subject, d.id LIMIT 1) END AS first_opens,
                CASE WHEN n.epoch = ANY (epochs) AND k.data_keys > 0 THEN (SELECT commerce.rewrap_key(d.subject, d.id, d.epoch, d.wrapped, d.epoch) IS NOT NULL
                    FROM commerce.data_keys d WHERE d.epoch = n.epoch ORDER BY d.subject DESC, d.id DESC LIMIT 1) END AS last_opens
            FROM known n LEFT JOIN keys k ON k.epoch = n.epoch
        ), judged AS (
            -- Before the first data key nothing says what a key of the file is not needed for.
            SELECT f.*, f.current OR f.data_keys > 0 OR f.blind_values OR state.epoch IS NULL OR f.epoch > state.epoch AS needed FROM facts f
        )
        SELECT j.epoch, j.at_hand, j.data_keys, j.blind_values, j.needed,
            CASE
                WHEN NOT j.at_hand AND j.data_keys > 0 THEN 'put this key back: data keys need it; where it is destroyed, what they seal is lost'
                WHEN NOT j.at_hand AND j.blind_values THEN 'this key is gone: run rotate_keys() to compute blind values anew'
                WHEN NOT j.first_opens THEN 'this is another key than the one that wraps the data keys: put that one back, and make no new one'
                WHEN NOT j.last_opens THEN 'another key was in its place for a while: what was sealed meanwhile opens with that one alone'
                WHEN NOT j.at_hand THEN 'put this key back: new data keys are to be made of it'
                WHEN j.current AND rotating THEN 'in use; a rotation to it is under way: see key_rotation_progress'
                WHEN j.current OR state.epoch IS NULL THEN 'in use'
                WHEN j.epoch > state.epoch THEN 'new: run rotate_keys()'
                WHEN NOT j.needed THEN 'nothing needs it any more: remove it from the key file and destroy every copy'
                WHEN rotating THEN 'needed until the rotation is finished'
                ELSE 'still needed: run rotate_keys()'
            END
        FROM judged j ORDER BY j.epoch;
END
$$;
COMMENT ON FUNCTION commerce.key_status() IS
'Every epoch that the key file has or the shop needs: whether its key is at hand, how many data keys it wraps, whether stored blind values may be of it, whether anything needs it, and what to do, also where another key stands in its place, which it finds by opening the first and the last data key. Counts all data keys: a second for some millions. CM041 where the setting leads to no key. Example: SELECT epoch, needed, advice FROM commerce.key_status().';
GRANT EXECUTE ON FUNCTION commerce.key_status() TO commerce_admin;
