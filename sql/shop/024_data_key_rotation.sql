-- Sealing anew under other data keys: whose keys are retired, how far it is, and what keeps them from being deleted.
CREATE TABLE commerce.data_key_rotations (
    id uuid PRIMARY KEY DEFAULT commerce.uuidv7(),
    subject uuid,
    made_before timestamptz,
    delete_after timestamptz NOT NULL,
    phase text NOT NULL DEFAULT 'keys' CHECK (phase IN ('keys', 'values', 'transactions', 'deletion')),
    position text[],
    passed_over bigint NOT NULL DEFAULT 0,
    retired bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    retired_in xid8,
    sealing text[],
    settles_at xid8,
    looked boolean NOT NULL DEFAULT false,
    held boolean NOT NULL DEFAULT false,
    next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    CHECK ((subject IS NULL) <> (made_before IS NULL))
);
COMMENT ON TABLE commerce.data_key_rotations IS 'rotations of data keys, made by rotate_data_key() and rotate_data_keys(); delete those that are finished when you like';
COMMENT ON COLUMN commerce.data_key_rotations.subject IS 'whose keys; NULL: everybody''s that were made before made_before';
COMMENT ON COLUMN commerce.data_key_rotations.delete_after IS 'retired keys are kept until then, for values that are sealed and not stored yet';
COMMENT ON COLUMN commerce.data_key_rotations.phase IS
'keys: they are being retired, each with another in its place; values: they are being sealed anew; transactions: those that may still use a retired key (they have a RowShareLock on commerce.data_keys, pg_locks says) or see values of it (backend_xmin in pg_stat_activity) are waited for; deletion: keys that nothing needs are deleted';
COMMENT ON COLUMN commerce.data_key_rotations.position IS 'the last key that was looked at in phase keys or deletion; NULL: at the beginning';
COMMENT ON COLUMN commerce.data_key_rotations.passed_over IS 'keys in phase keys that others had locked: another pass comes back to them';
COMMENT ON COLUMN commerce.data_key_rotations.retired_in IS 'the last transaction that retired keys';
COMMENT ON COLUMN commerce.data_key_rotations.sealing IS 'virtual ids of transactions that had sealed something when all keys were retired, and have not been seen to end; NULL: not looked yet';
COMMENT ON COLUMN commerce.data_key_rotations.settles_at IS 'whoever began before this transaction ended may see values as they were before they were sealed anew';
COMMENT ON COLUMN commerce.data_key_rotations.looked IS 'true: data_keys_in_use has the keys that values still name, and the others may be deleted';
COMMENT ON COLUMN commerce.data_key_rotations.held IS 'true: data_key_obstacles says what keeps retired keys from being deleted';
COMMENT ON COLUMN commerce.data_key_rotations.next_at IS 'when there is something to do again';
CREATE UNIQUE INDEX data_key_rotations_one_of_all ON commerce.data_key_rotations ((true)) WHERE subject IS NULL AND finished_at IS NULL;
CREATE INDEX data_key_rotations_under_way ON commerce.data_key_rotations (next_at) WHERE finished_at IS NULL;

CREATE TABLE commerce.data_key_rotation_steps (
    rotation uuid NOT NULL REFERENCES commerce.data_key_rotations ON DELETE CASCADE,
    "table" regclass NOT NULL,
    position text[],
    pass integer NOT NULL DEFAULT 1,
    expected bigint,
    visited bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    changed_in_pass bigint NOT NULL DEFAULT 0,
    unreadable bigint NOT NULL DEFAULT 0,
    worked interval NOT NULL DEFAULT '0',
    done numeric NOT NULL DEFAULT 0,
    problem text,
    finished_at timestamptz,
    PRIMARY KEY (rotation, "table")
);
COMMENT ON TABLE commerce.data_key_rotation_steps IS 'in which tables a rotation of data keys seals values anew, and how far it is; data_key_rotation_progress shows it';
COMMENT ON COLUMN commerce.data_key_rotation_steps.position IS 'of all subjects the next block and the one to stop at, of one subject the last row; NULL: at the beginning of a pass';
COMMENT ON COLUMN commerce.data_key_rotation_steps.pass IS 'where values under retired keys are left, because others had locked their rows or wrote them meanwhile, another pass comes';
COMMENT ON COLUMN commerce.data_key_rotation_steps.expected IS 'about how many rows the table had at the beginning; NULL: not known';
COMMENT ON COLUMN commerce.data_key_rotation_steps.visited IS 'rows with values under retired keys, in all passes';
COMMENT ON COLUMN commerce.data_key_rotation_steps.changed IS 'values that were sealed anew';
COMMENT ON COLUMN commerce.data_key_rotation_steps.unreadable IS 'values that do not open as their column is registered, and so stay as they are; in this pass';
COMMENT ON COLUMN commerce.data_key_rotation_steps.worked IS 'how long all batches took';
COMMENT ON COLUMN commerce.data_key_rotation_steps.problem IS 'why the table does not let its rows be changed; NULL: it does';

CREATE TABLE commerce.data_keys_in_use (
    rotation uuid NOT NULL REFERENCES commerce.data_key_rotations ON DELETE CASCADE,
    id bigint NOT NULL,
    PRIMARY KEY (rotation, id)
);
COMMENT ON TABLE commerce.data_keys_in_use IS 'retired data keys that values still named when a rotation last looked';

CREATE TABLE commerce.data_key_obstacles (
    rotation uuid NOT NULL REFERENCES commerce.data_key_rotations ON DELETE CASCADE,
    "table" regclass NOT NULL,
    "column" name NOT NULL,
    values bigint,
    problem text NOT NULL,
    PRIMARY KEY (rotation, "table", "column")
);
COMMENT ON TABLE commerce.data_key_obstacles IS
'what kept a rotation from deleting retired keys when it last looked: columns that hold values under them. Seen to, it goes on by itself within the hour, or at once by rotate_data_keys_batch()';
COMMENT ON COLUMN commerce.data_key_obstacles.values IS 'how many; NULL: they cannot be counted';
COMMENT ON COLUMN commerce.data_key_obstacles.problem IS
'unregistered: register_sensitive_field() tells how its values are sealed, or empty it; does not open: values that their subject, row and key do not open; passed over: their rows are being written, or are not those of whom the values were sealed for; otherwise why the table cannot be read or changed (commerce.data_keys stands for what ended the search in all)';

CREATE VIEW commerce.data_key_rotation_progress AS
    SELECT r.id AS rotation, r.subject, r.made_before, CASE WHEN r.finished_at IS NULL THEN r.phase ELSE 'finished' END AS phase, r.held,
        r.retired, r.deleted, s."table", s.pass, s.expected, s.visited, s.changed, s.unreadable,
        CASE WHEN s.finished_at IS NOT NULL THEN 1.0 ELSE round(s.done, 3) END AS done,
        CASE WHEN s.changed > 0 AND s.worked > '0' THEN round(s.changed / extract(epoch FROM s.worked)) END AS per_second,
        r.started_at, r.finished_at
    FROM commerce.data_key_rotations r LEFT JOIN commerce.data_key_rotation_steps s ON s.rotation = r.id;
COMMENT ON VIEW commerce.data_key_rotation_progress IS
'how far rotations of data keys are, table by table: SELECT phase, "table", changed, done, per_second FROM commerce.data_key_rotation_progress WHERE finished_at IS NULL';
COMMENT ON COLUMN commerce.data_key_rotation_progress.retired IS 'how many data keys seal no more';
COMMENT ON COLUMN commerce.data_key_rotation_progress.deleted IS 'how many of them are gone';
COMMENT ON COLUMN commerce.data_key_rotation_progress.held IS 'true: data_key_obstacles says what keeps the others from being deleted';
COMMENT ON COLUMN commerce.data_key_rotation_progress.done IS 'of this pass, from 0 to 1, about';
COMMENT ON COLUMN commerce.data_key_rotation_progress.per_second IS 'values sealed anew in a second of work';
GRANT SELECT ON commerce.data_key_rotation_progress, commerce.data_key_obstacles TO commerce_reader;

ALTER TABLE commerce.shop ADD COLUMN data_key_age interval CHECK (data_key_age > '0');
COMMENT ON COLUMN commerce.shop.data_key_age IS
'data keys that are older are rotated by sweep_retention(), and so every day by the background worker; NULL: never';
