CREATE FUNCTION commerce.create_totp(customer uuid DEFAULT NULL, account text DEFAULT NULL, issuer text DEFAULT 'shop',
        digits integer DEFAULT 6) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_create_totp';
COMMENT ON FUNCTION commerce.create_totp(uuid, text, text, integer) IS
'Makes the secret of a second factor (RFC 6238: SHA-1, steps of 30 seconds, 6 or 8 digits) of a customer, of the one who is logged in where none is named, and returns it once: {"secret": base32, "uri": "otpauth://…"}, of which the uri is what authenticator apps read as a QR code; account and issuer are what they show. It is sealed, and asked for by login() from confirm_totp() on; until then it can be made anew. 55000 where there is a confirmed one, P0002 for an unknown customer, 22023 for other digits and for labels with a colon, empty or of more than 100 bytes, CM041 without a key file, CM042 for another customer than oneself unless one is a commerce_app.';
GRANT EXECUTE ON FUNCTION commerce.create_totp(uuid, text, text, integer) TO commerce_app, commerce_customer;

CREATE FUNCTION commerce.confirm_totp(code text, customer uuid DEFAULT NULL) RETURNS text[]
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_confirm_totp';
COMMENT ON FUNCTION commerce.confirm_totp(text, uuid) IS
'Turns the second factor on, by the code that the app shows now, and returns ten recovery codes, each of which does once what a code of the app does; only their hashes are stored. 28P01 for a wrong code or where create_totp() was not called, 53400 after ten failures in a row, CM042 as create_totp().';
GRANT EXECUTE ON FUNCTION commerce.confirm_totp(text, uuid) TO commerce_app, commerce_customer;

CREATE FUNCTION commerce.verify_totp(code text, customer uuid DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_verify_totp';
COMMENT ON FUNCTION commerce.verify_totp(text, uuid) IS
'Says whether this is the code of the customer''s app, of this step of 30 seconds, the one before or the one after, or a recovery code; and uses it up, with all steps before it: the same code is good once. For what a shop asks a code for beside login(). 53400 with {"retry_after": seconds} after ten failures in a row, counted even if the transaction is rolled back; 40001 under REPEATABLE READ where another session used a code since; CM042 as create_totp().';
GRANT EXECUTE ON FUNCTION commerce.verify_totp(text, uuid) TO commerce_app, commerce_customer;

CREATE FUNCTION commerce.remove_totp(code text, customer uuid DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_remove_totp';
COMMENT ON FUNCTION commerce.remove_totp(text, uuid) IS
'Turns the second factor off and forgets its recovery codes, by a code as verify_totp() takes it; a commerce_app may give NULL instead, where somebody has lost both. Says whether there was one. 28P01 for a wrong code, 53400 and CM042 as verify_totp().';
GRANT EXECUTE ON FUNCTION commerce.remove_totp(text, uuid) TO commerce_app, commerce_customer;
