CREATE TYPE commerce.sealed;
CREATE FUNCTION commerce.sealed_in(cstring, oid, integer) RETURNS commerce.sealed
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_in';
COMMENT ON FUNCTION commerce.sealed_in(cstring, oid, integer) IS 'Reads a sealed value from its text form; 22P02 for anything else, a plaintext above all, 42804 for a value of another field than the column''s, 0A000 for one that a later version has sealed.';
CREATE FUNCTION commerce.sealed_out(commerce.sealed) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_out';
COMMENT ON FUNCTION commerce.sealed_out(commerce.sealed) IS 'Writes a sealed value as text: sealed:1: and base64url. Needs no key.';
CREATE FUNCTION commerce.sealed_recv(internal, oid, integer) RETURNS commerce.sealed
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_recv';
COMMENT ON FUNCTION commerce.sealed_recv(internal, oid, integer) IS 'Reads a sealed value from its binary form; 22P03 for anything else, 42804 and 0A000 as sealed_in().';
CREATE FUNCTION commerce.sealed_send(commerce.sealed) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_send';
COMMENT ON FUNCTION commerce.sealed_send(commerce.sealed) IS 'Writes a sealed value in its binary form. Needs no key.';

CREATE FUNCTION commerce.sealed_typmod_in(cstring[]) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_typmod_in';
COMMENT ON FUNCTION commerce.sealed_typmod_in(cstring[]) IS 'Reads the field of commerce.sealed(''email''); 22023 for none or more than one.';
CREATE FUNCTION commerce.sealed_typmod_out(integer) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_typmod_out';
COMMENT ON FUNCTION commerce.sealed_typmod_out(integer) IS 'Writes the field of a sealed column: its name where that is a usual one, otherwise its id, which reads back as the same: (''#1a2b3c4d'').';

-- STORAGE external: ciphertext does not compress, so trying would only cost time.
CREATE TYPE commerce.sealed (
    INPUT = commerce.sealed_in,
    OUTPUT = commerce.sealed_out,
    RECEIVE = commerce.sealed_recv,
    SEND = commerce.sealed_send,
    TYPMOD_IN = commerce.sealed_typmod_in,
    TYPMOD_OUT = commerce.sealed_typmod_out,
    INTERNALLENGTH = VARIABLE,
    STORAGE = external
);
COMMENT ON TYPE commerce.sealed IS
'A text encrypted for one subject (a customer) of this installation. Made by seal(), opened by reveal(); text and binary form are ciphertext, so dump, COPY and replication need no key. A column of commerce.sealed(''email'') takes values sealed as that field alone (42804), one of commerce.sealed takes all. Has no order and no equality: search by blind().';

CREATE FUNCTION commerce.sealed(value commerce.sealed, field integer, explicit boolean) RETURNS commerce.sealed
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_sealed_to_field';
COMMENT ON FUNCTION commerce.sealed(commerce.sealed, integer, boolean) IS 'The cast of a sealed value to the field of a column: returns it unchanged, or 42804 where it was sealed as another field.';
CREATE CAST (commerce.sealed AS commerce.sealed) WITH FUNCTION commerce.sealed(commerce.sealed, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (commerce.sealed AS commerce.sealed) IS 'keeps a value sealed as one field out of a column of another';

CREATE FUNCTION commerce.seal(plaintext text, field text, subject uuid, row_id uuid DEFAULT NULL) RETURNS commerce.sealed
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_seal';
COMMENT ON FUNCTION commerce.seal(text, text, uuid, uuid) IS
'Encrypts a text of at most 16 MiB as a field ("email", "notes", any name) of a subject, whose data key is made with the first value. Where a subject has many rows with such a field, row_id binds the value to one of them: reveal() wants the same, so that values cannot be exchanged between rows. Two seals of one text differ. NULL for a NULL plaintext, field or subject. CM041 without a key, 22023 for an empty field name, 54000 for a longer text. Example: UPDATE person SET notes = commerce.seal($1, ''notes'', id).';
GRANT EXECUTE ON FUNCTION commerce.seal(text, text, uuid, uuid) TO commerce_app;

-- What opens is not the shop's owner's, who could grant it to anybody: it runs as who calls, and the library becomes the owner
-- where it takes a statement to read a key or to write the audit log.
CREATE FUNCTION commerce.reveal(value commerce.sealed, subject uuid, purpose text, row_id uuid DEFAULT NULL) RETURNS text
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_reveal';
COMMENT ON FUNCTION commerce.reveal(commerce.sealed, uuid, text, uuid) IS
'Decrypts a value of a subject, and of the row it was sealed for, if any. purpose says what for and may not be empty (22023); it is written into the audit log who was shown whose fields and what for, also where the transaction is rolled back (commerce.audit_reveals), so a standby refuses with 25006. CM040, always in the same words, where value, subject, row and key do not belong together or the subject was erased; CM041 without a key, CM070 where a payment card number stands in purpose. NULL for a NULL value, subject or purpose. Example: SELECT commerce.reveal(notes, id, ''support call'') FROM person.';
GRANT EXECUTE ON FUNCTION commerce.reveal(commerce.sealed, uuid, text, uuid) TO commerce_pii_reader;

CREATE FUNCTION commerce.reveal_fields("values" commerce.sealed[], subject uuid, purpose text, row_id uuid DEFAULT NULL) RETURNS text[]
    LANGUAGE c STABLE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_reveal_fields';
COMMENT ON FUNCTION commerce.reveal_fields(commerce.sealed[], uuid, text, uuid) IS
'Decrypts several values of a subject, and of one row, as reveal() does each, in their order, and writes one entry with all their fields into the audit log: a report of five fields takes half as long or less. NULL for a NULL value. CM040 where any of them does not open, and the rest as reveal(). Example: SELECT f[1] AS name, f[2] AS phone FROM person, commerce.reveal_fields(ARRAY[name, phone], id, ''call list'') f.';
GRANT EXECUTE ON FUNCTION commerce.reveal_fields(commerce.sealed[], uuid, text, uuid) TO commerce_pii_reader;

CREATE FUNCTION commerce.reseal(value commerce.sealed, field text, from_subject uuid, to_subject uuid) RETURNS commerce.sealed
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_reseal_sql';
COMMENT ON FUNCTION commerce.reseal(commerce.sealed, text, uuid, uuid) IS
'Internal. Encrypts for one subject what was sealed as a field of another, where what belonged to a guest comes to belong to a customer; nobody sees it. CM040 and CM041 as reveal().';

CREATE FUNCTION commerce.mask(value commerce.sealed, subject uuid, row_id uuid DEFAULT NULL) RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_mask_sql';
COMMENT ON FUNCTION commerce.mask(commerce.sealed, uuid, uuid) IS
'Shows of a value what any clerk may see: j***@e***.com of an e-mail address, otherwise the first character and ***. row_id, CM040 and CM041 as reveal().';
GRANT EXECUTE ON FUNCTION commerce.mask(commerce.sealed, uuid, uuid) TO commerce_app;

CREATE FUNCTION commerce.blind(plaintext text, field text, bits integer DEFAULT 128, normaliser text DEFAULT NULL,
        country text DEFAULT NULL) RETURNS bytea
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_blind';
COMMENT ON FUNCTION commerce.blind(text, text, integer, text, text) IS
'Computes what is stored beside a sealed column for equality search: bytes that are the same for the same value of a field in this installation. bits: 128 for what is unique (16 bytes, fit for UNIQUE); fewer for what many rows share, so that on purpose different values come out alike and nobody counts them: with R rows choose it so that R / 2^bits is from 2 to the square root of R, and open what a search finds. Values are normalised first: as email (any case, any script of domain), phone (E.164; country, two letters, or else commerce.phone_country is that of numbers without one) or text (NFKC without white space around), by default what the field is called. Store it; search with blinds(), which during a rotation of keys looks for both epochs. NULL for a NULL plaintext. CM041 without a key, 22023 for bits beyond 1 to 128, an unknown normaliser or country, where nothing is left to search for, and for an address or number of more than 2048 bytes. Example: INSERT INTO person (phone, phone_blind, …) VALUES (commerce.seal($1, ''phone'', $2), commerce.blind($1, ''phone''), …).';
GRANT EXECUTE ON FUNCTION commerce.blind(text, text, integer, text, text) TO commerce_app;

CREATE FUNCTION commerce.blinds(plaintext text, field text, bits integer DEFAULT 128, normaliser text DEFAULT NULL,
        country text DEFAULT NULL) RETURNS bytea[]
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_blinds';
COMMENT ON FUNCTION commerce.blinds(text, text, integer, text, text) IS
'Computes what an equality search looks for: the values under which blind() with the same arguments may have stored the plaintext. It is one, and more while a rotation of keys is under way. An index on the column is used. In a sub-select, as in the example, a prepared statement is planned once; written plainly, = ANY (commerce.blinds(…)), it is planned anew each time, because the server takes a plan for any array for a dear one. CM041 and 22023 as blind(); CM041, too, where values of an epoch are still stored whose key is gone. Example: SELECT id FROM person WHERE phone_blind = ANY ((SELECT commerce.blinds($1, ''phone''))::bytea[]).';
GRANT EXECUTE ON FUNCTION commerce.blinds(text, text, integer, text, text) TO commerce_app;
