CREATE FUNCTION commerce.seal_audit(batch integer DEFAULT 10000) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_seal_audit';
COMMENT ON FUNCTION commerce.seal_audit(integer) IS
'Enters up to batch (10000, at most 100000) entries of commerce.audit_log, of transactions that are older than every one still running, into the tree, signs what it is then (commerce.audit_checkpoints) and returns how many; 0: there is nothing to seal now. The background worker does so every ten seconds in which something was written. One at a time; nobody who writes entries waits. 22023 for another batch.';
GRANT EXECUTE ON FUNCTION commerce.seal_audit(integer) TO commerce_admin;

CREATE FUNCTION commerce.audit_root(size bigint) RETURNS bytea
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_audit_root';
COMMENT ON FUNCTION commerce.audit_root(bigint) IS
'Internal. The root of the tree when it had so many leaves, from the nodes that are kept; XX001 where one is missing, 22023 for a size below 0.';

CREATE FUNCTION commerce.audit_note(size bigint, root bytea, at timestamptz) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_audit_note';
COMMENT ON FUNCTION commerce.audit_note(bigint, bytea, timestamptz) IS
'The text that a checkpoint signs: which installation, so many entries, their root in hexadecimal, and when, in seconds since 1970. NULL for what is no root. Example: SELECT commerce.audit_note(size, root, at) FROM commerce.audit_checkpoints ORDER BY size DESC LIMIT 1.';
GRANT EXECUTE ON FUNCTION commerce.audit_note(bigint, bytea, timestamptz) TO commerce_reader;

CREATE FUNCTION commerce.audit_path("position" bigint, size bigint) RETURNS bytea[]
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_audit_path';
COMMENT ON FUNCTION commerce.audit_path(bigint, bigint) IS
'Internal. The hashes that lead from a leaf to the root of a tree of so many, position below size (22023); XX001 where a node is missing.';

CREATE FUNCTION commerce.audit_consistency_path(old_size bigint, size bigint) RETURNS bytea[]
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_audit_consistency';
COMMENT ON FUNCTION commerce.audit_consistency_path(bigint, bigint) IS
'Internal. The hashes that lead from one tree to a later one, 0 < old_size <= size (22023); XX001 where a node is missing.';

CREATE FUNCTION commerce.audit_size(size bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sealed bigint;
BEGIN
    PERFORM commerce.require_shop();
    SELECT t.size INTO sealed FROM commerce.audit_tree t;
    IF size IS NULL THEN
        RETURN sealed;
    END IF;
    IF size < 1 OR size > sealed THEN
        RAISE EXCEPTION 'the audit log has % sealed entries, not %', sealed, size
            USING ERRCODE = 'invalid_parameter_value', HINT = 'commerce.audit_checkpoints lists the sizes it had.';
    END IF;
    RETURN size;
END
$$;
COMMENT ON FUNCTION commerce.audit_size(bigint) IS 'Internal. A size that the tree had, NULL: the one it has; 22023 for another.';

CREATE FUNCTION commerce.prove_inclusion(entry uuid, size bigint DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    at_size bigint := commerce.audit_size(size);
    leaf record;
BEGIN
    SELECT n.position, n.hash INTO leaf FROM commerce.audit_nodes n WHERE n.entry = prove_inclusion.entry;
    IF NOT FOUND OR leaf.position >= at_size THEN
        RAISE EXCEPTION 'entry % is not among the first % that are sealed', coalesce(entry::text, 'null'), at_size
            USING ERRCODE = 'no_data_found', HINT = 'The worker seals what is over within seconds; commerce.seal_audit() does so at once.';
    END IF;
    RETURN jsonb_build_object('entry', entry, 'leaf', encode(leaf.hash, 'hex'), 'position', leaf.position, 'size', at_size,
        'root', encode(commerce.audit_root(at_size), 'hex'),
        'path', (SELECT coalesce(jsonb_agg(encode(h, 'hex') ORDER BY n), '[]')
            FROM unnest(commerce.audit_path(leaf.position, at_size)) WITH ORDINALITY AS p (h, n)));
END
$$;
COMMENT ON FUNCTION commerce.prove_inclusion(uuid, bigint) IS
'Proves that an entry is in the audit log as it was with so many entries (NULL: as it is): {"entry", "leaf", "position", "size", "root", "path"}, hashes in hexadecimal. With a checkpoint of that size, signed and kept elsewhere, it convinces who does not trust this database; verify_inclusion() judges it. P0002 for an entry that is not sealed by then, 22023 for a size it never had.';
GRANT EXECUTE ON FUNCTION commerce.prove_inclusion(uuid, bigint) TO commerce_reader;

CREATE FUNCTION commerce.prove_consistency(old_size bigint, size bigint DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at_size bigint := commerce.audit_size(size);
BEGIN
    IF old_size IS NULL OR old_size > at_size THEN
        RAISE EXCEPTION 'old_size must be from 1 to %', at_size USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM commerce.audit_size(old_size);
    RETURN jsonb_build_object('old_size', old_size, 'old_root', encode(commerce.audit_root(old_size), 'hex'), 'size', at_size,
        'root', encode(commerce.audit_root(at_size), 'hex'),
        'path', (SELECT coalesce(jsonb_agg(encode(h, 'hex') ORDER BY n), '[]')
            FROM unnest(commerce.audit_consistency_path(old_size, at_size)) WITH ORDINALITY AS p (h, n)));
END
$$;
COMMENT ON FUNCTION commerce.prove_consistency(bigint, bigint) IS
'Proves that the audit log with so many entries (size, NULL: as it is) begins with all that was in it when it had old_size, unchanged: {"old_size", "old_root", "size", "root", "path"}, hashes in hexadecimal. verify_consistency() judges it. 22023 for sizes it never had.';
GRANT EXECUTE ON FUNCTION commerce.prove_consistency(bigint, bigint) TO commerce_reader;

CREATE FUNCTION commerce.verify_inclusion(leaf bytea, "position" bigint, size bigint, root bytea, path bytea[]) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_proves_inclusion';
COMMENT ON FUNCTION commerce.verify_inclusion(bytea, bigint, bigint, bytea, bytea[]) IS
'Does the path lead from this leaf, at this position of a tree of so many leaves, to the root? RFC 9162, 2.1.3.2. Reads nothing but its arguments, so that any database can judge a proof of another''s.';

CREATE FUNCTION commerce.verify_consistency(old_size bigint, old_root bytea, size bigint, root bytea, path bytea[]) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_proves_consistency';
COMMENT ON FUNCTION commerce.verify_consistency(bigint, bytea, bigint, bytea, bytea[]) IS
'Does the path prove that the tree with the one root goes on with the one with the old root? RFC 9162, 2.1.4.2. Reads nothing but its arguments.';

CREATE FUNCTION commerce.verify_checkpoint(note text, signature bytea, public_key bytea) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_proves_checkpoint';
COMMENT ON FUNCTION commerce.verify_checkpoint(text, bytea, bytea) IS
'Did the holder of the key sign this text (Ed25519)? Whether it is the shop''s key, only somebody knows who has it from elsewhere.';
