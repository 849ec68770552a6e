-- Rotating keys: of which epochs things are, which columns are sealed, and how far a rotation is.
CREATE TABLE commerce.key_state (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    epoch integer CHECK (epoch > 0),
    blind_epochs integer[] CHECK (cardinality(blind_epochs) > 0),
    CHECK ((epoch IS NULL) = (blind_epochs IS NULL))
);
COMMENT ON TABLE commerce.key_state IS 'the one row that says of which epochs of the key file the shop''s keys and blind values are; written with the first data key and by rotate_keys()';
COMMENT ON COLUMN commerce.key_state.epoch IS 'data keys are made of this epoch or a later one; NULL before the first';
COMMENT ON COLUMN commerce.key_state.blind_epochs IS 'of which epochs stored blind values may be; new ones are of the last. More than one only while a rotation is under way';
INSERT INTO commerce.key_state DEFAULT VALUES;

CREATE TABLE commerce.sealed_columns (
    "table" regclass NOT NULL,
    "column" name NOT NULL,
    key_column name,
    subject_columns name[] NOT NULL CHECK (cardinality(subject_columns) > 0),
    row_column name,
    field text NOT NULL CHECK (field <> ''),
    blind_column name,
    bits integer NOT NULL DEFAULT 128 CHECK (bits BETWEEN 1 AND 128),
    normaliser text CHECK (normaliser IN ('email', 'phone', 'text')),
    country text CHECK (country ~ '^[A-Z]{2}$'),
    age_column name,
    PRIMARY KEY ("table", "column"),
    CHECK (blind_column IS NULL OR key_column IS NOT NULL)
);
COMMENT ON TABLE commerce.sealed_columns IS 'columns of type commerce.sealed and how their values are made, so that a rotation of keys finds them, an erasure, an export and a sweep; register_sensitive_field() or register_sealed_column() adds one, sensitive_columns_report() tells what is missing';
COMMENT ON COLUMN commerce.sealed_columns.key_column IS 'unique and not null: the order in which rows are gone through; NULL: nobody does, as without a blind value';
COMMENT ON COLUMN commerce.sealed_columns.subject_columns IS 'the first of these that is not NULL is the subject of the value';
COMMENT ON COLUMN commerce.sealed_columns.row_column IS 'the row_id that values are sealed for; NULL: none';
COMMENT ON COLUMN commerce.sealed_columns.field IS 'what values are sealed as';
COMMENT ON COLUMN commerce.sealed_columns.blind_column IS 'where commerce.blind() of the value stands; NULL: it cannot be searched';
COMMENT ON COLUMN commerce.sealed_columns.bits IS 'of the blind value, as in blind()';
COMMENT ON COLUMN commerce.sealed_columns.normaliser IS 'of the blind value, as in blind(); NULL: the one called as the field';
COMMENT ON COLUMN commerce.sealed_columns.country IS 'of telephone numbers without one, as in blind(); NULL: commerce.phone_country';
COMMENT ON COLUMN commerce.sealed_columns.age_column IS 'since when a value is kept; NULL: its age does not count';
CREATE INDEX sealed_columns_field ON commerce.sealed_columns (field);
INSERT INTO commerce.sealed_columns ("table", "column", key_column, subject_columns, field, blind_column, age_column) VALUES
    ('commerce.customers', 'email', 'id', '{id}', 'email', 'email_blind', NULL),
    ('commerce.customers', 'name', 'id', '{id}', 'name', NULL, NULL),
    ('commerce.customers', 'phone', 'id', '{id}', 'phone', NULL, NULL),
    ('commerce.customers', 'address', 'id', '{id}', 'address', NULL, NULL),
    ('commerce.orders', 'ship_address', 'id', '{customer_id,id}', 'address', NULL, 'placed_at'),
    ('commerce.carts', 'ship_address', 'id', '{customer_id,id}', 'address', NULL, 'changed_at'),
    ('commerce.quotes', 'ship_address', 'id', '{customer_id,id}', 'address', NULL, 'changed_at');

CREATE TABLE commerce.key_rotations (
    id uuid PRIMARY KEY DEFAULT commerce.uuidv7(),
    epoch integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
COMMENT ON TABLE commerce.key_rotations IS 'rotations of keys, made by rotate_keys(); delete old ones when you like';
COMMENT ON COLUMN commerce.key_rotations.epoch IS 'to which it leads';
CREATE UNIQUE INDEX key_rotations_one_at_a_time ON commerce.key_rotations ((true)) WHERE finished_at IS NULL;

CREATE TABLE commerce.key_rotation_steps (
    rotation uuid NOT NULL REFERENCES commerce.key_rotations ON DELETE CASCADE,
    step integer NOT NULL,
    what text NOT NULL CHECK (what IN ('data keys', 'blind values', 'claims')),
    "table" regclass NOT NULL,
    "column" name,
    position text[],
    pass integer NOT NULL DEFAULT 1,
    passed_over bigint NOT NULL DEFAULT 0,
    expected bigint,
    visited bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    unreadable bigint NOT NULL DEFAULT 0,
    conflicts bigint NOT NULL DEFAULT 0,
    settles_at xid8,
    finished_at timestamptz,
    PRIMARY KEY (rotation, step)
);
COMMENT ON TABLE commerce.key_rotation_steps IS 'what a rotation of keys has to do and how far it is; key_rotation_progress shows it';
COMMENT ON COLUMN commerce.key_rotation_steps.position IS 'the key of the last row that was visited in this pass; NULL: at the beginning';
COMMENT ON COLUMN commerce.key_rotation_steps.pass IS 'rows that others have locked are passed over; another pass comes back to them';
COMMENT ON COLUMN commerce.key_rotation_steps.passed_over IS 'in this pass';
COMMENT ON COLUMN commerce.key_rotation_steps.expected IS 'about how many rows there were at the beginning; NULL: not known';
COMMENT ON COLUMN commerce.key_rotation_steps.visited IS 'rows looked at, in all passes';
COMMENT ON COLUMN commerce.key_rotation_steps.unreadable IS 'rows that do not open, and so stay as they are: of erased subjects, or of keys that are gone; in this pass';
COMMENT ON COLUMN commerce.key_rotation_steps.conflicts IS 'rows whose new blind value another row has already; in this pass';
COMMENT ON COLUMN commerce.key_rotation_steps.settles_at IS 'transactions up to this one may still write what the step looks for';

CREATE VIEW commerce.key_rotation_progress AS
    SELECT r.id AS rotation, r.epoch, s.step, s.what, s."table", s."column", s.expected, s.visited, s.changed,
        s.unreadable, s.conflicts, s.pass, r.started_at, s.finished_at,
        CASE WHEN s.finished_at IS NOT NULL THEN 1.0
            WHEN s.expected > 0 THEN round(least(s.visited::numeric / s.expected, 0.999), 3) ELSE 0.0 END AS done
    FROM commerce.key_rotations r JOIN commerce.key_rotation_steps s ON s.rotation = r.id;
COMMENT ON VIEW commerce.key_rotation_progress IS
'how far rotations of keys are, step by step: SELECT what, "table", changed, done FROM commerce.key_rotation_progress ORDER BY rotation, step';
COMMENT ON COLUMN commerce.key_rotation_progress.done IS 'from 0 to 1, about';
COMMENT ON COLUMN commerce.key_rotation_progress.unreadable IS 'rows that do not open and stay as they are: of erased subjects, or of keys that are gone';
COMMENT ON COLUMN commerce.key_rotation_progress.conflicts IS 'rows that keep their old blind value, because another row has the new one';
GRANT SELECT ON commerce.key_rotation_progress, commerce.sealed_columns TO commerce_reader;
