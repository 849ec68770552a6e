CREATE FUNCTION commerce.audit_key() RETURNS bytea
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_audit_key';
COMMENT ON FUNCTION commerce.audit_key() IS
'The public key (Ed25519) that checkpoints of the audit log are signed with now, derived from the newest key of the key file; NULL where there is none, and nothing is signed. Keep it where nobody who could change the database can change it, and again after each new epoch. CM041 where the key cannot be read.';
GRANT EXECUTE ON FUNCTION commerce.audit_key() TO commerce_reader;
