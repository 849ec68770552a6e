-- An entry of the audit log is one more row for whoever does something: two indexes, as narrow as they can be. The order in
-- which entries are sealed is their primary key; entries about one subject are found by equality, whatever the collation.
ALTER TABLE commerce.audit_log DROP CONSTRAINT audit_log_pkey;
ALTER TABLE commerce.audit_log ADD PRIMARY KEY (written_in, id);
DROP INDEX commerce.audit_log_unsealed;
DROP INDEX commerce.audit_log_subject;
CREATE INDEX audit_log_subject ON commerce.audit_log (subject text_pattern_ops) WHERE subject IS NOT NULL;
COMMENT ON TABLE commerce.audit_log IS
'who did what, when: written once and never changed. What happened last: SELECT at, actor, kind, relation, subject, detail FROM commerce.audit_log ORDER BY written_in DESC, id DESC LIMIT 50; to whom or what: … WHERE subject = ''…'' ORDER BY id; to look for times often, CREATE INDEX ON commerce.audit_log USING brin (at). verify_audit() says whether anything of it was changed';
