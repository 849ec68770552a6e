CREATE TYPE commerce.sealed;
CREATE FUNCTION commerce.sealed_in(cstring) RETURNS commerce.sealed
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_in';
COMMENT ON FUNCTION commerce.sealed_in(cstring) IS 'Reads a sealed value from its text form; 22P02 for anything else, a plaintext above all.';
CREATE FUNCTION commerce.sealed_out(commerce.sealed) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_out';
COMMENT ON FUNCTION commerce.sealed_out(commerce.sealed) IS 'Writes a sealed value as text: sealed:1: and base64url. Needs no key.';
CREATE FUNCTION commerce.sealed_recv(internal) RETURNS commerce.sealed
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_recv';
COMMENT ON FUNCTION commerce.sealed_recv(internal) IS 'Reads a sealed value from its binary form; 22P03 for anything else.';
CREATE FUNCTION commerce.sealed_send(commerce.sealed) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_send';
COMMENT ON FUNCTION commerce.sealed_send(commerce.sealed) IS 'Writes a sealed value in its binary form. Needs no key.';

-- STORAGE external: ciphertext does not compress, so trying would only cost time.
CREATE TYPE commerce.sealed (
    INPUT = commerce.sealed_in,
    OUTPUT = commerce.sealed_out,
    RECEIVE = commerce.sealed_recv,
    SEND = commerce.sealed_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = external
);
COMMENT ON TYPE commerce.sealed IS
'A text encrypted for one subject (a customer) of this installation. Made by seal(), opened by reveal(); text and binary form are ciphertext, so dump, COPY and replication need no key. Has no order and no equality: search by blind().';

CREATE FUNCTION commerce.seal(plaintext text, field text, subject uuid) RETURNS commerce.sealed
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_seal';
COMMENT ON FUNCTION commerce.seal(text, text, uuid) IS
'Encrypts a text of at most 16 MiB as a field ("email", "notes", any name) of a subject, whose data key is made with the first value. Two seals of one text differ. CM041 without a key file, 22023 for an empty field name. Example: UPDATE person SET notes = commerce.seal($1, ''notes'', id).';
GRANT EXECUTE ON FUNCTION commerce.seal(text, text, uuid) TO commerce_app;

CREATE FUNCTION commerce.reveal(value commerce.sealed, subject uuid, purpose text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_reveal';
COMMENT ON FUNCTION commerce.reveal(commerce.sealed, uuid, text) IS
'Decrypts a value of a subject. purpose says what for and may not be empty (22023). CM040, always in the same words, where value, subject and key do not belong together or the subject was erased; CM041 without a key file. Example: SELECT commerce.reveal(notes, id, ''support call'') FROM person.';
GRANT EXECUTE ON FUNCTION commerce.reveal(commerce.sealed, uuid, text) TO commerce_pii_reader;

CREATE FUNCTION commerce.reseal(value commerce.sealed, field text, from_subject uuid, to_subject uuid) RETURNS commerce.sealed
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_reseal_sql';
COMMENT ON FUNCTION commerce.reseal(commerce.sealed, text, uuid, uuid) IS
'Internal. Encrypts for one subject what was sealed as a field of another, where what belonged to a guest comes to belong to a customer; nobody sees it. CM040 and CM041 as reveal().';

CREATE FUNCTION commerce.mask(value commerce.sealed, subject uuid) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_mask_sql';
COMMENT ON FUNCTION commerce.mask(commerce.sealed, uuid) IS
'Shows of a value what any clerk may see: j***@e***.com of an e-mail address, otherwise the first character and ***. CM040 and CM041 as reveal().';
GRANT EXECUTE ON FUNCTION commerce.mask(commerce.sealed, uuid) TO commerce_app;

CREATE FUNCTION commerce.blind(plaintext text, field text) RETURNS bytea
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_blind';
COMMENT ON FUNCTION commerce.blind(text, text) IS
'Computes 16 bytes that are the same for the same value of a field in this installation, for equality search and UNIQUE beside a sealed column. Values are normalised first: email in any case and script of domain, phone to its digits, all else in NFKC without white space around. It follows the oldest epoch of the key file. CM041 without a key file, 22023 where nothing is left to search for. Example: SELECT id FROM person WHERE phone_blind = commerce.blind($1, ''phone'').';
GRANT EXECUTE ON FUNCTION commerce.blind(text, text) TO commerce_app;
