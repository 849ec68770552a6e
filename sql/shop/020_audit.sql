-- What happened, by whom, and a tree of hashes over it that shows whether anything of it was changed since.
CREATE TABLE commerce.audit_log (
    id uuid NOT NULL,
    written_in xid8 NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    login text NOT NULL,
    kind text NOT NULL CHECK (kind <> ''),
    relation text,
    subject text,
    detail jsonb,
    salt bytea NOT NULL CHECK (octet_length(salt) = 32 OR octet_length(salt) = 48 AND detail IS NULL),
    leaf bytea NOT NULL CHECK (octet_length(leaf) = 32),
    PRIMARY KEY (written_in, id)
);
COMMENT ON TABLE commerce.audit_log IS
'who did what, when: written once and never changed. What happened last: SELECT at, actor, kind, relation, subject, detail FROM commerce.audit_log ORDER BY written_in DESC, id DESC LIMIT 50; to whom or what: … WHERE subject = ''…'' ORDER BY id; to look for times often, CREATE INDEX ON commerce.audit_log USING brin (at). verify_audit() says whether anything of it was changed';
COMMENT ON COLUMN commerce.audit_log.id IS 'in the order of events, but for transactions that ran side by side';
COMMENT ON COLUMN commerce.audit_log.written_in IS 'the transaction that wrote it; reveals stay also where it was rolled back';
COMMENT ON COLUMN commerce.audit_log.actor IS 'the role that acted: the current role of the session';
COMMENT ON COLUMN commerce.audit_log.login IS 'the role that logged in';
COMMENT ON COLUMN commerce.audit_log.kind IS 'insert, update, delete, truncate: of a row of relation; reveal: of sealed values; otherwise as given to record_audit()';
COMMENT ON COLUMN commerce.audit_log.relation IS 'the table it happened to, with its schema; NULL where it is about none';
COMMENT ON COLUMN commerce.audit_log.subject IS 'whom or what it is about: a customer, a sku, an order';
COMMENT ON COLUMN commerce.audit_log.detail IS 'what was and what is: {"old": {…}, "new": {…}} with the columns that changed, as text; of a reveal its fields and purpose. No sealed value, no value of type bytea, nothing that people wrote in the shop''s tables and an erasure takes. What people wrote goes with who is erased: an entry of kind redact says so';
COMMENT ON COLUMN commerce.audit_log.salt IS 'random; makes the leaf of a deleted entry say nothing about it: 16 bytes for the entry and 16 for its detail, or the hash of a detail that was erased';
COMMENT ON COLUMN commerce.audit_log.leaf IS 'SHA-256 of all of the entry but written_in, as audit_leaf() computes it';
-- An entry is one more row for whoever does something, so it has two indexes, as narrow as they can be: the order in which
-- entries are sealed is their primary key, and those about one subject are found by equality, whatever the collation.
CREATE INDEX audit_log_subject ON commerce.audit_log (subject text_pattern_ops) WHERE subject IS NOT NULL;
ALTER TABLE commerce.audit_log ALTER COLUMN salt SET STATISTICS 0, ALTER COLUMN leaf SET STATISTICS 0;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON commerce.audit_log
    FOR EACH ROW EXECUTE FUNCTION commerce.refuse_audit_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON commerce.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.refuse_audit_change();

CREATE TABLE commerce.audit_nodes (
    level smallint NOT NULL CHECK (level >= 0),
    position bigint NOT NULL CHECK (position >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    entry uuid,
    PRIMARY KEY (level, position),
    CONSTRAINT leaves_are_of_entries CHECK ((level = 0) = (entry IS NOT NULL))
);
COMMENT ON TABLE commerce.audit_nodes IS
'the full subtrees of a Merkle tree (RFC 6962) over the leaves of commerce.audit_log, in the order in which they were sealed';
COMMENT ON COLUMN commerce.audit_nodes.level IS '0: a leaf; a node of level n stands over 2^n leaves';
COMMENT ON COLUMN commerce.audit_nodes.position IS 'among the nodes of its level, from 0';
COMMENT ON COLUMN commerce.audit_nodes.entry IS 'of a leaf, commerce.audit_log.id';
CREATE UNIQUE INDEX audit_nodes_entry ON commerce.audit_nodes (entry) WHERE entry IS NOT NULL;
ALTER TABLE commerce.audit_nodes ALTER COLUMN hash SET STATISTICS 0;

CREATE TABLE commerce.audit_checkpoints (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    at timestamptz NOT NULL,
    public_key bytea CHECK (octet_length(public_key) = 32),
    signature bytea CHECK (octet_length(signature) = 64),
    CONSTRAINT signed_by_a_key CHECK ((public_key IS NULL) = (signature IS NULL))
);
COMMENT ON TABLE commerce.audit_checkpoints IS
'what the tree was like, signed: keep the last one where nobody who could change the database can change it, and verify_audit() can be held to it';
COMMENT ON COLUMN commerce.audit_checkpoints.size IS 'so many entries were sealed';
COMMENT ON COLUMN commerce.audit_checkpoints.root IS 'the hash over all of them';
COMMENT ON COLUMN commerce.audit_checkpoints.public_key IS 'Ed25519, derived from the key file; NULL where there was none';
COMMENT ON COLUMN commerce.audit_checkpoints.signature IS 'Ed25519 over the text of audit_note(size)';

CREATE TABLE commerce.audit_tree (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    size bigint NOT NULL DEFAULT 0,
    last_written_in xid8 NOT NULL DEFAULT '0',
    last_entry uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    cluster bigint,
    pruned bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE commerce.audit_tree IS 'one row: how far seal_audit() has come';
COMMENT ON COLUMN commerce.audit_tree.size IS 'so many entries are sealed';
COMMENT ON COLUMN commerce.audit_tree.last_written_in IS 'of the last of them';
COMMENT ON COLUMN commerce.audit_tree.cluster IS 'in which cluster that was: in another, transactions are numbered otherwise';
COMMENT ON COLUMN commerce.audit_tree.pruned IS 'entries whose leaves lie before this position may be gone: prune_audit()';
INSERT INTO commerce.audit_tree DEFAULT VALUES;

GRANT SELECT ON commerce.audit_nodes, commerce.audit_checkpoints, commerce.audit_tree TO commerce_reader;

-- What money and goods go by. An order that checkout() stores is noted there; its INSERT needs no trigger.
SELECT commerce.audit_table('commerce.prices', 'sku');
SELECT commerce.audit_table('commerce.promotions');
SELECT commerce.audit_table('commerce.budgets', 'promotion');
SELECT commerce.audit_table('commerce.tax_rates');
SELECT commerce.audit_table('commerce.shipping_prices');
SELECT commerce.audit_table('commerce.shop');
SELECT commerce.audit_table('commerce.channels');
SELECT commerce.audit_table('commerce.customers');
SELECT commerce.audit_table('commerce.transitions');
SELECT commerce.audit_table('commerce.stock_movements', 'sku');
SELECT commerce.audit_table('commerce.payment_entries', 'order_id');
SELECT commerce.audit_table('commerce.balance_entries', 'balance_id');
SELECT commerce.audit_table('commerce.orders');
DROP TRIGGER audit_change ON commerce.orders;
CREATE TRIGGER audit_change AFTER UPDATE OR DELETE ON commerce.orders
    FOR EACH ROW EXECUTE FUNCTION commerce.audit_change();
CREATE TRIGGER audit_insert AFTER INSERT ON commerce.orders
    FOR EACH ROW WHEN (NOT commerce.storing_order()) EXECUTE FUNCTION commerce.audit_change();
