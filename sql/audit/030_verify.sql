CREATE FUNCTION commerce.audit_unborn(written_in xid8) RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_audit_unborn';
COMMENT ON FUNCTION commerce.audit_unborn(xid8) IS
'Internal. Whether no transaction of this cluster has had this number yet.';

CREATE FUNCTION commerce.verify_audit() RETURNS TABLE (problem text, entry uuid, "position" bigint, detail text)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    tree record;
    sealed bigint := coalesce(commerce.audit_size(NULL), 0);
    pruned bigint := 0;
    intact boolean;
BEGIN
    SELECT t.* INTO tree FROM commerce.audit_tree t;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'tree', NULL::uuid, NULL::bigint, 'commerce.audit_tree has no row: nothing says how far the entries are sealed';
    END IF;
    -- What was removed in the open says so itself, and was there before who says it; a number alone would excuse whatever is gone.
    SELECT least(coalesce(tree.pruned, 0), max(least((a.detail ->> 'first_kept')::bigint, coalesce(n.position, sealed)))) INTO pruned
        FROM commerce.audit_log a LEFT JOIN commerce.audit_nodes n ON n.entry = a.id WHERE a.kind = 'prune' AND a.detail ? 'first_kept'
        HAVING count(*) > 0;
    pruned := coalesce(pruned, 0);
    -- Entries that nobody will seal could be changed at any time. In another cluster, where transactions had other numbers,
    -- seal_audit() looks for all that has no leaf.
    RETURN QUERY
        SELECT 'unsealed', a.id, NULL::bigint, CASE
                WHEN NOT u.here THEN 'for more than an hour'
                WHEN (a.written_in, a.id) <= (tree.last_written_in, tree.last_entry) THEN 'seal_audit() has passed it over'
                WHEN commerce.audit_unborn(a.written_in) THEN 'no transaction has had its number yet'
                ELSE 'for more than an hour' END
        FROM commerce.audit_log a
            CROSS JOIN (SELECT tree.cluster IS NOT DISTINCT FROM c.system_identifier AS here FROM pg_control_system() c) u
        WHERE NOT EXISTS (SELECT FROM commerce.audit_nodes n WHERE n.entry = a.id)
            AND (a.at < now() - interval '1 hour'
                OR u.here AND ((a.written_in, a.id) <= (tree.last_written_in, tree.last_entry) OR commerce.audit_unborn(a.written_in)));
    RETURN QUERY
        SELECT 'changed', a.id, n.position, 'the entry is not what its leaf was computed from'
        FROM commerce.audit_log a LEFT JOIN commerce.audit_nodes n ON n.entry = a.id
        WHERE a.leaf IS DISTINCT FROM commerce.audit_leaf(a.id, a.at, a.actor, a.login, a.kind, a.relation, a.subject, a.detail, a.salt);
    -- What an erasure took away says so as well; it takes what people wrote, never how a row was changed.
    RETURN QUERY
        SELECT 'redacted', a.id, n.position, 'its detail was taken away by no erasure'
        FROM commerce.audit_log a LEFT JOIN commerce.audit_nodes n ON n.entry = a.id
        WHERE octet_length(a.salt) = 48 AND (a.relation IS NOT NULL OR a.id NOT IN (SELECT e::uuid FROM commerce.audit_log r, jsonb_array_elements_text(r.detail -> 'entries') e
            WHERE r.kind = 'redact'));
    RETURN QUERY
        SELECT CASE WHEN a.id IS NULL THEN 'missing' ELSE 'replaced' END, n.entry, n.position,
            CASE WHEN a.id IS NULL THEN 'a sealed entry is gone' ELSE 'the entry has another leaf than was sealed' END
        FROM commerce.audit_nodes n LEFT JOIN commerce.audit_log a ON a.id = n.entry
        WHERE n.level = 0 AND a.leaf IS DISTINCT FROM n.hash
            AND (a.id IS NOT NULL OR n.position >= pruned);
    RETURN QUERY
        SELECT 'twice', a.id, NULL::bigint, format('there are %s entries with this id', count(*)) FROM commerce.audit_log a GROUP BY a.id HAVING count(*) > 1;
    RETURN QUERY
        SELECT 'tree', NULL::uuid, n.position, format('node %s of level %s is not the hash of the two below it', n.position, n.level)
        FROM commerce.audit_nodes n
            LEFT JOIN commerce.audit_nodes l ON l.level = n.level - 1 AND l.position = n.position * 2
            LEFT JOIN commerce.audit_nodes r ON r.level = n.level - 1 AND r.position = n.position * 2 + 1
        WHERE n.level > 0 AND n.hash IS DISTINCT FROM sha256('\x01'::bytea || l.hash || r.hash);
    -- Every level has as many nodes as are full, and none beyond.
    RETURN QUERY
        SELECT 'tree', NULL::uuid, NULL::bigint, format('level %s has %s nodes and should have %s', f.level, coalesce(n.count, 0), f.full_nodes)
        FROM (SELECT x.level, sealed >> x.level AS full_nodes FROM generate_series(0, 62) x (level)) f
            LEFT JOIN (SELECT n.level, count(*), max(n.position) AS last FROM commerce.audit_nodes n GROUP BY n.level) n USING (level)
        WHERE coalesce(n.count, 0) <> f.full_nodes OR n.last >= f.full_nodes;
    intact := NOT FOUND;
    -- Without all of its nodes no root can be told; what is missing is told above.
    IF intact THEN
        RETURN QUERY
            SELECT 'checkpoint', NULL::uuid, c.size, 'the entries up to it have another root'
            FROM commerce.audit_checkpoints c
            WHERE CASE WHEN c.size > sealed THEN true ELSE c.root IS DISTINCT FROM commerce.audit_root(c.size) END;
        RETURN QUERY
            SELECT 'checkpoint', NULL::uuid, sealed, 'the last entries are sealed without a checkpoint'
            WHERE sealed > 0 AND sealed IS DISTINCT FROM (SELECT max(c.size) FROM commerce.audit_checkpoints c);
    END IF;
    RETURN QUERY
        SELECT 'signature', NULL::uuid, c.size, 'it was not signed with the key that it names'
        FROM commerce.audit_checkpoints c
        WHERE c.signature IS NOT NULL AND NOT commerce.verify_checkpoint(commerce.audit_note(c.size, c.root, c.at), c.signature, c.public_key);
END
$$;
COMMENT ON FUNCTION commerce.verify_audit() IS
'Looks for traces of changes to the audit log: recomputes every leaf, every node, the root of every checkpoint and every signature, and lists what is wrong; no row: nothing is. problem: changed (an entry is not what it was), redacted (its detail was taken away by no erasure), unsealed (nobody seals it: for an hour, because no worker does or a transaction of before goes on; or because it was put where seal_audit() does not look, which UPDATE commerce.audit_tree SET cluster = NULL has it do), missing, replaced, twice, tree, checkpoint, signature; position: of the leaf or node, or the size of the checkpoint. Whoever can change tables can also have the tree made anew and signed: compare the last checkpoint kept elsewhere, by prove_consistency() and its key. Reads all of it: about a second for 200,000 entries.';
GRANT EXECUTE ON FUNCTION commerce.verify_audit() TO commerce_admin;

CREATE FUNCTION commerce.prune_audit(before timestamptz) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_kept bigint;
    removed bigint;
BEGIN
    PERFORM commerce.require_shop();
    IF before IS NULL OR before > now() THEN
        RAISE EXCEPTION 'before must be a time that is past' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM commerce.audit_tree FOR NO KEY UPDATE;
    -- The first sealed entry that stays: everything sealed before it goes, in the order of the tree.
    SELECT coalesce(min(n.position), (SELECT t.size FROM commerce.audit_tree t)) INTO first_kept
        FROM commerce.audit_nodes n JOIN commerce.audit_log a ON a.id = n.entry WHERE n.level = 0 AND a.at >= before;
    UPDATE commerce.audit_tree SET pruned = greatest(pruned, first_kept);
    DELETE FROM commerce.audit_log a USING commerce.audit_nodes n WHERE n.entry = a.id AND n.level = 0 AND n.position < first_kept;
    GET DIAGNOSTICS removed = ROW_COUNT;
    PERFORM commerce.write_audit('prune', 'commerce.audit_log', NULL, jsonb_build_object('before', before, 'entries', removed, 'first_kept', first_kept));
    RETURN removed;
END
$$;
COMMENT ON FUNCTION commerce.prune_audit(timestamptz) IS
'Removes the entries of commerce.audit_log that were sealed before the first one of that time or later, and returns how many: what was kept as long as it had to be. Their leaves stay, so that all proofs about the others hold, and an entry of kind prune says what was done. Entries that are not sealed yet stay. 22023 for a time that is not past. Example: SELECT commerce.prune_audit(now() - interval ''2 years'').';
GRANT EXECUTE ON FUNCTION commerce.prune_audit(timestamptz) TO commerce_admin;
