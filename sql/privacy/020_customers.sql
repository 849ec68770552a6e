CREATE FUNCTION commerce.create_customer(email text, name text DEFAULT NULL, phone text DEFAULT NULL,
        address jsonb DEFAULT NULL, password text DEFAULT NULL, attributes jsonb DEFAULT '{}',
        customer_group text DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_create_customer';
COMMENT ON FUNCTION commerce.create_customer(text, text, text, jsonb, text, jsonb, text) IS
'Stores a customer with e-mail address, name, telephone and address (a JSON object) sealed and the password (1 to 1024 bytes) as an Argon2id hash; attributes, a JSON object, is stored in the clear. Returns the customer''s id. 23505 where the address is taken, in any spelling; CM070 where a payment card number stands in name, phone, address or attributes; CM041 without a key file; 22023 for what is no e-mail address, 22004 for none; 53000 where too many passwords are being hashed. Example: SELECT commerce.create_customer(''jane@example.com'', name => ''Jane'').';
GRANT EXECUTE ON FUNCTION commerce.create_customer(text, text, text, jsonb, text, jsonb, text) TO commerce_app;

CREATE FUNCTION commerce.find_customer(email text) RETURNS uuid
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_find_customer';
COMMENT ON FUNCTION commerce.find_customer(text) IS
'Finds the customer with an e-mail address, in whatever spelling, through an index on its blind value; NULL where there is none. CM041 without a key file.';
GRANT EXECUTE ON FUNCTION commerce.find_customer(text) TO commerce_app;

CREATE FUNCTION commerce.reveal_customer(customer uuid, purpose text) RETURNS jsonb
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_reveal_customer';
COMMENT ON FUNCTION commerce.reveal_customer(uuid, text) IS
'Opens all fields of a customer: {"id", "email", "name", "phone", "address", "customer_group", "attributes", "created_at"}; NULL where there is no such customer. purpose says what for and may not be empty (22023); it is written into the audit log who was shown whose fields and what for, also where the transaction is rolled back (commerce.audit_reveals), so a standby refuses with 25006. CM040, CM041 and CM070 as reveal().';
GRANT EXECUTE ON FUNCTION commerce.reveal_customer(uuid, text) TO commerce_pii_reader;
