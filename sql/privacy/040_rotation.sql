CREATE FUNCTION commerce.key_epochs() RETURNS integer[]
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_key_epochs';
COMMENT ON FUNCTION commerce.key_epochs() IS
'Internal. The epochs of the keys at hand, lowest first; NULL where no setting leads to keys. CM041 where it leads to none.';

CREATE FUNCTION commerce.rewrap_key(subject uuid, id bigint, epoch integer, wrapped bytea, to_epoch integer) RETURNS bytea
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_rewrap_key';
COMMENT ON FUNCTION commerce.rewrap_key(uuid, bigint, integer, bytea, integer) IS
'Internal. Wraps a data key by the key of another epoch; NULL where it does not unwrap, CM041 where that epoch is not there.';

CREATE FUNCTION commerce.reblind(value commerce.sealed, subject uuid, row_id uuid, field text, bits integer, normaliser text,
        country text) RETURNS bytea
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_reblind';
COMMENT ON FUNCTION commerce.reblind(commerce.sealed, uuid, uuid, text, integer, text, text) IS
'Internal. Computes the blind value of what is sealed, as blind() would of its plaintext; NULL where it does not open or nothing is left of it.';

CREATE FUNCTION commerce.register_sealed_column("table" regclass, "column" name, subject_columns name[] DEFAULT '{id}',
        key_column name DEFAULT 'id', row_column name DEFAULT NULL, field text DEFAULT NULL, blind_column name DEFAULT NULL,
        bits integer DEFAULT 128, normaliser text DEFAULT NULL, country text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    wanted record;
BEGIN
    PERFORM commerce.require_shop();
    IF "table" IS NULL OR "column" IS NULL OR key_column IS NULL AND blind_column IS NOT NULL OR cardinality(subject_columns) > 0 IS NOT TRUE
        OR array_position(subject_columns, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'table, column, key_column and subject_columns must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF bits BETWEEN 1 AND 128 IS NOT TRUE OR normaliser NOT IN ('email', 'phone', 'text') OR country !~ '^[A-Z]{2}$'
        OR field = '' THEN
        RAISE EXCEPTION 'bits, normaliser, country or field is not one that blind() takes' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'bits: 1 to 128; normaliser: email, phone or text; country: two capital letters.';
    END IF;
    FOR wanted IN
        SELECT w.name, w.type, a.atttypid FROM (VALUES ("column", 'commerce.sealed'::regtype), (key_column, NULL), (row_column, 'uuid'),
                (blind_column, 'bytea')) w (name, type)
            LEFT JOIN pg_attribute a ON a.attrelid = "table" AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
            WHERE w.name IS NOT NULL
        UNION ALL SELECT s.name, 'uuid', a.atttypid FROM unnest(subject_columns) s (name)
            LEFT JOIN pg_attribute a ON a.attrelid = "table" AND a.attname = s.name AND a.attnum > 0 AND NOT a.attisdropped
    LOOP
        IF wanted.atttypid IS NULL THEN
            RAISE EXCEPTION 'column "%" of % does not exist', wanted.name, "table" USING ERRCODE = 'undefined_column';
        ELSIF wanted.atttypid <> wanted.type THEN
            RAISE EXCEPTION 'column "%" of % is not of type %', wanted.name, "table", wanted.type USING ERRCODE = 'datatype_mismatch';
        END IF;
    END LOOP;
    IF key_column IS NOT NULL AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = "table" AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indpred IS NULL
            AND a.attname = key_column AND a.attnotnull) THEN
        RAISE EXCEPTION 'column "%" of % is not unique and not null', key_column, "table" USING ERRCODE = 'invalid_column_reference',
            HINT = 'Name a column that is, such as the primary key.';
    END IF;
    IF NOT has_table_privilege("table", 'SELECT') OR NOT has_table_privilege("table", 'UPDATE') THEN
        RAISE EXCEPTION 'commerce_owner may not change %', "table" USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT SELECT, UPDATE ON %s TO commerce_owner; a rotation of keys runs as that role.', "table");
    END IF;
    INSERT INTO commerce.sealed_columns AS c ("table", "column", key_column, subject_columns, row_column, field, blind_column,
            bits, normaliser, country)
        VALUES ("table", "column", key_column, subject_columns, row_column, coalesce(field, "column"), blind_column, bits,
            normaliser, country)
        ON CONFLICT ON CONSTRAINT sealed_columns_pkey DO UPDATE SET key_column = EXCLUDED.key_column, subject_columns = EXCLUDED.subject_columns,
            row_column = EXCLUDED.row_column, field = EXCLUDED.field, blind_column = EXCLUDED.blind_column, bits = EXCLUDED.bits,
            normaliser = EXCLUDED.normaliser, country = EXCLUDED.country;
    -- One that comes while a rotation is under way takes part in it.
    INSERT INTO commerce.key_rotation_steps (rotation, step, what, "table", "column")
        SELECT r.id, max(s.step) + 1, 'blind values', register_sealed_column."table", register_sealed_column."column"
        FROM commerce.key_rotations r JOIN commerce.key_rotation_steps s ON s.rotation = r.id
        WHERE r.finished_at IS NULL AND blind_column IS NOT NULL GROUP BY r.id;
    UPDATE commerce.data_key_rotations r SET phase = CASE r.phase WHEN 'keys' THEN 'keys' ELSE 'values' END, held = false, looked = false,
            position = CASE r.phase WHEN 'keys' THEN r.position END, next_at = clock_timestamp() WHERE r.finished_at IS NULL;
    IF FOUND THEN
        INSERT INTO commerce.data_key_rotation_steps AS s (rotation, "table")
            SELECT r.id, register_sealed_column."table" FROM commerce.data_key_rotations r WHERE r.finished_at IS NULL
            ON CONFLICT ON CONSTRAINT data_key_rotation_steps_pkey DO UPDATE SET position = NULL, pass = s.pass + 1, changed_in_pass = 0,
                unreadable = 0, done = 0, problem = NULL, finished_at = NULL;
        PERFORM commerce.chores_due(clock_timestamp());
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.register_sealed_column(regclass, name, name[], name, name, text, name, integer, text, text) IS
'Tells how values of a column of type commerce.sealed are made, so that rotate_keys() computes their blind values anew, rotate_data_key() seals them anew, erase_customer() empties them and export_customer() tells them (register_sensitive_field() does the same, and says what they are kept for): the column or columns with the subject (the first that is not NULL), the row_id if seal() was given one, the field (default: called as the column), and the column with blind() and what blind() was given. key_column is unique and not null; it may be NULL without blind_column. The roles of a table of your own: GRANT SELECT, UPDATE ON it TO commerce_owner. Called again it replaces what it was told. 42703 for an unknown column, 42804 for one of another type, 42P10 where key_column is not unique, 42501 without the grant, 22004 and 22023 for arguments that are none. Example: SELECT commerce.register_sealed_column(''person'', ''phone'', blind_column => ''phone_blind'').';
GRANT EXECUTE ON FUNCTION commerce.register_sealed_column(regclass, name, name[], name, name, text, name, integer, text, text) TO commerce_admin;

CREATE FUNCTION commerce.rotate_keys() RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
    epochs integer[];
    newest integer;
    state record;
    rotation uuid;
BEGIN
    PERFORM commerce.require_shop();
    epochs := commerce.key_epochs();
    newest := epochs[cardinality(epochs)];
    IF newest IS NULL THEN
        RAISE EXCEPTION 'there is no key to rotate to' USING ERRCODE = 'CM041',
            DETAIL = '{"reason": "neither commerce.key_file nor commerce.key_command is set"}',
            HINT = 'Set commerce.key_file, and add a line with a new epoch to the file.';
    END IF;
    -- First the rotation under way, if any, as its batches do; then the lock that they take within.
    PERFORM FROM commerce.key_rotations r WHERE r.finished_at IS NULL FOR UPDATE;
    -- Whoever makes a data key or a blind value holds a weak lock until he ends. From here on all of them see the new epoch.
    BEGIN
        LOCK TABLE commerce.key_state IN SHARE ROW EXCLUSIVE MODE;
    EXCEPTION WHEN lock_not_available THEN
        RAISE EXCEPTION 'transactions that seal or search are still under way' USING ERRCODE = 'lock_not_available',
            HINT = 'Try again; pg_locks shows who holds a lock on commerce.key_state.';
    END;
    SELECT k.* INTO STRICT state FROM commerce.key_state k;
    IF newest < state.epoch THEN
        RAISE EXCEPTION 'the keys at hand are older than those the shop has begun to use' USING ERRCODE = 'CM041',
            DETAIL = jsonb_build_object('reason', 'the key of an epoch is missing', 'epoch', state.epoch),
            HINT = 'Put the key of this epoch back.';
    END IF;
    SELECT r.id INTO rotation FROM commerce.key_rotations r WHERE r.finished_at IS NULL AND r.epoch = newest;
    IF rotation IS NULL THEN
        -- One that led to an earlier epoch is overtaken: this one does all that it had to do.
        UPDATE commerce.key_rotations SET finished_at = clock_timestamp() WHERE finished_at IS NULL;
        UPDATE commerce.key_state SET epoch = newest,
            blind_epochs = array_remove(coalesce(state.blind_epochs, epochs[1:1]), newest) || newest;
        INSERT INTO commerce.key_rotations (epoch) VALUES (newest) RETURNING id INTO rotation;
        INSERT INTO commerce.key_rotation_steps (rotation, step, what, "table", "column", expected)
            SELECT rotation, row_number() OVER (ORDER BY w.place, w."table"::text, w."column"), w.what, w."table", w."column",
                CASE WHEN c.reltuples >= 0 THEN c.reltuples END
            FROM (SELECT 1 AS place, 'data keys' AS what, 'commerce.data_keys'::regclass AS "table", NULL::name AS "column"
                UNION ALL SELECT 2, 'blind values', s."table", s."column" FROM commerce.sealed_columns s WHERE s.blind_column IS NOT NULL
                UNION ALL SELECT 3, 'claims', 'commerce.claims', 'key') w
                JOIN pg_class c ON c.oid = w."table";
    END IF;
    PERFORM commerce.chores_due(clock_timestamp());
    RETURN rotation;
END
$$;
COMMENT ON FUNCTION commerce.rotate_keys() IS
'Begins to rotate keys to the newest epoch of the key file, or goes on with a rotation that has begun, and returns its id. From its commit on nothing of an earlier epoch is made; data keys are wrapped anew and blind values computed anew in the background, or by hand with rotate_keys_batch(). Searches find rows of both epochs meanwhile. key_rotation_progress tells how far it is, key_status() when an old epoch can be removed from the file. Also to be called after restoring an older backup and after registering a column that has values already. 55P03 where a transaction that seals has been under way for more than two seconds: try again. CM041 without a key, or where the file lacks the epoch in use. Example: add a line with epoch 2 to the key file; SELECT commerce.rotate_keys().';
GRANT EXECUTE ON FUNCTION commerce.rotate_keys() TO commerce_admin;

CREATE FUNCTION commerce.rewrap_batch(to_epoch integer, INOUT at text[], size integer, OUT visited bigint, OUT changed bigint,
        OUT passed_over bigint, OUT unreadable bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    locked bigint;
BEGIN
    WITH walked AS MATERIALIZED (
        SELECT k.subject, k.id FROM commerce.data_keys k
        WHERE (k.subject, k.id) > (coalesce(at[1]::uuid, '00000000-0000-0000-0000-000000000000'), coalesce(at[2]::bigint, 0))
            AND k.epoch < to_epoch
        ORDER BY k.subject, k.id LIMIT size
    ), locked AS MATERIALIZED (
        SELECT k.subject, k.id, k.epoch, k.wrapped FROM commerce.data_keys k JOIN walked w ON w.subject = k.subject AND w.id = k.id
        WHERE k.epoch < to_epoch FOR UPDATE OF k SKIP LOCKED
    ), anew AS MATERIALIZED (
        SELECT l.subject, l.id, l.wrapped, commerce.rewrap_key(l.subject, l.id, l.epoch, l.wrapped, to_epoch) AS rewrapped FROM locked l
    ), changed AS (
        UPDATE commerce.data_keys k SET epoch = to_epoch, wrapped = a.rewrapped FROM anew a
        WHERE k.subject = a.subject AND k.id = a.id AND k.wrapped = a.wrapped AND a.rewrapped IS NOT NULL RETURNING k.id
    )
    SELECT (SELECT count(*) FROM walked), (SELECT count(*) FROM locked), (SELECT count(*) FROM changed),
            (SELECT count(*) FROM anew a WHERE a.rewrapped IS NULL),
            (SELECT ARRAY[w.subject::text, w.id::text] FROM walked w ORDER BY w.subject DESC, w.id DESC LIMIT 1)
        INTO visited, locked, changed, unreadable, at;
    passed_over := visited - locked;
END
$$;
COMMENT ON FUNCTION commerce.rewrap_batch(integer, text[], integer) IS
'Internal. Wraps the data keys after a place by a new epoch, so many at most, but not those that others have locked; returns the place it came to.';

CREATE FUNCTION commerce.reblind_batch("table" regclass, "column" name, INOUT at text[], size integer, OUT visited bigint,
        OUT changed bigint, OUT passed_over bigint, OUT unreadable bigint, OUT conflicts bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sealed record;
    key_type text;
    walk text;
    change text;
    keys text[];
    locked bigint;
    claims bigint;
BEGIN
    visited := 0;
    changed := 0;
    passed_over := 0;
    unreadable := 0;
    conflicts := 0;
    SELECT c.*, format_type(a.atttypid, a.atttypmod) AS key_type INTO sealed FROM commerce.sealed_columns c
            JOIN pg_attribute a ON a.attrelid = c."table" AND a.attname = c.key_column AND NOT a.attisdropped
        WHERE c."table" = reblind_batch."table" AND c."column" = reblind_batch."column" AND c.blind_column IS NOT NULL;
    IF NOT FOUND THEN
        -- The table is gone, or the column is not registered any more.
        at := NULL;
        RETURN;
    END IF;
    key_type := sealed.key_type;
    walk := format('SELECT array_agg(w.key), count(*) FROM (SELECT t.%1$I::text AS key FROM %2$s t WHERE t.%3$I IS NOT NULL %4$s ORDER BY t.%1$I LIMIT %5$s) w',
        sealed.key_column, sealed."table", sealed."column",
        CASE WHEN at IS NOT NULL THEN format('AND t.%I > %L::%s', sealed.key_column, at[1], key_type) END, size);
    EXECUTE walk INTO keys, visited;
    at := CASE WHEN visited > 0 THEN keys[visited:visited] END;
    -- Whoever changes the row sees it computed or computes it himself; SKIP LOCKED leaves his alone, and another pass comes.
    change := format($sql$
        WITH locked AS MATERIALIZED (
            SELECT t.%1$I AS key, t.%4$I AS old, commerce.reblind(t.%3$I, coalesce(%5$s), %6$s, $2, $3, $4, $5) AS anew
            FROM %2$s t WHERE t.%1$I = ANY ($1::%7$s[]) AND t.%3$I IS NOT NULL FOR UPDATE OF t SKIP LOCKED
        ), changed AS (
            UPDATE %2$s t SET %4$I = l.anew FROM locked l
            WHERE t.%1$I = l.key AND l.anew IS NOT NULL AND l.anew IS DISTINCT FROM l.old RETURNING l.old, l.anew
        ), claimed AS (
            UPDATE commerce.claims c SET key = encode(n.anew, 'hex') FROM changed n
            WHERE %8$L AND c.key = encode(n.old, 'hex') AND c.budget IN (SELECT b.id FROM commerce.budgets b WHERE b.per = 'email')
            RETURNING c.budget
        )
        SELECT (SELECT count(*) FROM locked), (SELECT count(*) FROM changed), (SELECT count(*) FROM locked l WHERE l.anew IS NULL),
            (SELECT count(*) FROM claimed)$sql$,
        sealed.key_column, sealed."table", sealed."column", sealed.blind_column,
        (SELECT string_agg(format('t.%I', s.name), ', ' ORDER BY s.n) FROM unnest(sealed.subject_columns) WITH ORDINALITY s (name, n)),
        CASE WHEN sealed.row_column IS NULL THEN 'NULL::uuid' ELSE format('t.%I', sealed.row_column) END, key_type, sealed."table" = 'commerce.customers'::regclass
            AND sealed.blind_column = 'email_blind');
    BEGIN
        EXECUTE change INTO locked, changed, unreadable, claims
            USING keys, sealed.field, sealed.bits, sealed.normaliser, sealed.country;
    EXCEPTION WHEN unique_violation THEN
        -- Two rows mean one value: each row by itself, so that the others are done.
        SELECT coalesce(sum(o.locked), 0), coalesce(sum(o.changed), 0), coalesce(sum(o.unreadable), 0), coalesce(sum(o.conflict), 0)
            INTO locked, changed, unreadable, conflicts
            FROM unnest(keys) k (key), commerce.reblind_one(change, k.key, "table", "column") o;
    END;
    passed_over := visited - locked;
END
$$;
COMMENT ON FUNCTION commerce.reblind_batch(regclass, name, text[], integer) IS
'Internal. Computes the blind values of a column anew in the rows after a place, so many at most, but not in those that others have locked; returns the place it came to. Those of customers'' e-mail addresses are changed in commerce.claims as well.';

CREATE FUNCTION commerce.reblind_one(change text, key text, "table" regclass, "column" name, OUT locked bigint,
        OUT changed bigint, OUT unreadable bigint, OUT conflict bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sealed record;
    claims bigint;
BEGIN
    conflict := 0;
    SELECT c.* INTO STRICT sealed FROM commerce.sealed_columns c
        WHERE c."table" = reblind_one."table" AND c."column" = reblind_one."column";
    EXECUTE change INTO locked, changed, unreadable, claims
        USING ARRAY[key], sealed.field, sealed.bits, sealed.normaliser, sealed.country;
EXCEPTION WHEN unique_violation THEN
    locked := 1;
    changed := 0;
    unreadable := 0;
    conflict := 1;
END
$$;
COMMENT ON FUNCTION commerce.reblind_one(text, text, regclass, name) IS
'Internal. The part of reblind_batch() that does one row, and leaves it as it is where another has its blind value.';

CREATE FUNCTION commerce.reclaim_batch(size integer, OUT visited bigint, OUT changed bigint, OUT passed_over bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    locked bigint;
BEGIN
    WITH wrong AS MATERIALIZED (
        SELECT c.order_id, c.budget, c.key, encode(u.email_blind, 'hex') AS anew
        FROM commerce.budgets b JOIN commerce.claims c ON c.budget = b.id JOIN commerce.orders o ON o.id = c.order_id
            JOIN commerce.customers u ON u.id = o.customer_id
        WHERE b.per = 'email' AND u.email_blind IS NOT NULL AND c.key <> encode(u.email_blind, 'hex') LIMIT size
    ), locked AS MATERIALIZED (
        SELECT w.* FROM commerce.claims c JOIN wrong w ON w.order_id = c.order_id AND w.budget = c.budget AND w.key = c.key
        FOR UPDATE OF c SKIP LOCKED
    ), changed AS (
        UPDATE commerce.claims c SET key = l.anew FROM locked l
        WHERE c.order_id = l.order_id AND c.budget = l.budget AND c.key = l.key RETURNING c.budget
    )
    SELECT (SELECT count(*) FROM wrong), (SELECT count(*) FROM locked), (SELECT count(*) FROM changed) INTO visited, locked, changed;
    passed_over := visited - locked;
END
$$;
COMMENT ON FUNCTION commerce.reclaim_batch(integer) IS
'Internal. Puts claims of an e-mail address under the blind value that the order''s customer has now: those of orders that were under way while it was computed anew.';
