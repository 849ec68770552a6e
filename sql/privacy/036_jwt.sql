CREATE FUNCTION commerce.create_jwt_key(algorithm text DEFAULT 'EdDSA', audience text DEFAULT 'commerce') RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_create_jwt_key';
COMMENT ON FUNCTION commerce.create_jwt_key(text, text) IS
'Makes a key that tokens are signed with from now on, for this algorithm (EdDSA or HS256) and audience alone, and returns as a JSON Web Key what an API server needs to verify them: with EdDSA the public key, with HS256 the secret, which is shown this once. The secret is stored sealed. 22023 for another algorithm and for an audience that is empty or has blanks, CM041 without a key file.';
GRANT EXECUTE ON FUNCTION commerce.create_jwt_key(text, text) TO commerce_admin;

CREATE FUNCTION commerce.retire_jwt_key(key uuid, forget boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    UPDATE commerce.jwt_keys k SET retired_at = coalesce(k.retired_at, now()) WHERE k.id = key;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no key % for tokens', key USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM commerce.write_audit('jwt key retired', 'commerce.jwt_keys', key::text, jsonb_build_object('forgotten', forget));
    IF forget THEN
        DELETE FROM commerce.jwt_keys k WHERE k.id = key;
        DELETE FROM commerce.data_keys d WHERE d.subject = key;
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.retire_jwt_key(uuid, boolean) IS
'Signs no more tokens with a key (kid); those signed are good until they expire. With forget => true the key is destroyed and its tokens are refused by verify_jwt() at once, and by an API server when it gets the public keys anew. P0002 for an unknown key.';
GRANT EXECUTE ON FUNCTION commerce.retire_jwt_key(uuid, boolean) TO commerce_admin;

CREATE FUNCTION commerce.jwt_public_keys() RETURNS jsonb
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_jwt_public_keys';
COMMENT ON FUNCTION commerce.jwt_public_keys() IS
'The public keys as a JSON Web Key Set, {"keys": […]}, as PostgREST takes it for jwt-secret. Secrets of HS256 are not among them.';
GRANT EXECUTE ON FUNCTION commerce.jwt_public_keys() TO commerce_reader;

CREATE FUNCTION commerce.create_jwt(customer uuid DEFAULT NULL, ttl interval DEFAULT '15 minutes') RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_create_jwt';
COMMENT ON FUNCTION commerce.create_jwt(uuid, interval) IS
'Signs a token with the claims role (commerce_customer), sub (the customer), aud, iat, nbf and exp, for an API server that calls pre_request(). Nothing ends it before ttl is over (1 second to 366 days), so keep that short and make another from the session. The customer is the one who is logged in where none is named; CM042 for another unless one is a commerce_app, and for one who has shown a token of this kind himself. P0002 for a customer who is unknown or was erased, 55000 without a key of create_jwt_key(), CM041 without a key file.';
GRANT EXECUTE ON FUNCTION commerce.create_jwt(uuid, interval) TO commerce_app, commerce_customer;

CREATE FUNCTION commerce.create_staff_jwt(subject text, channels text[], ttl interval DEFAULT '1 hour') RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_create_staff_jwt';
COMMENT ON FUNCTION commerce.create_staff_jwt(text, text[], interval) IS
'As create_jwt(), for somebody who sees the orders of some channels: the claims are role (commerce_staff), sub and channels. 22023 for an empty subject, 22004 for NULL among the channels, 54000 for a token of more than 8192 bytes.';
GRANT EXECUTE ON FUNCTION commerce.create_staff_jwt(text, text[], interval) TO commerce_admin;

CREATE FUNCTION commerce.verify_jwt(token text) RETURNS jsonb
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_verify_jwt';
COMMENT ON FUNCTION commerce.verify_jwt(text) IS
'Returns the claims of a token that a key of this shop has signed, with that key''s algorithm, for its audience, and that is good now: exp is required and exact, nbf and iat may be 30 seconds ahead. 28000, always in the same words, for any other. It does not act for anybody. Example: SELECT commerce.verify_jwt($1) ->> ''sub''.';
GRANT EXECUTE ON FUNCTION commerce.verify_jwt(text) TO commerce_app;
