CREATE FUNCTION commerce.login(email text, password text, totp text DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_login';
COMMENT ON FUNCTION commerce.login(text, text, text) IS
'Begins a session of a customer and returns its token (64 characters, good for commerce.shop.session_ttl), which is stored nowhere; this transaction acts for the customer. totp is the code of the authenticator app or a recovery code. 28P01, always in the same words and after the same time, where address, password or code is wrong; 28000 with {"reason": "totp_required"} where only the code is missing. Failures are counted even if the transaction is rolled back: 53400 with {"retry_after": seconds} after ten in a row. 53000 where too many passwords are being checked, CM041 without a key file, 22004 for NULL. Example: SELECT commerce.login(email => $1, password => $2).';
GRANT EXECUTE ON FUNCTION commerce.login(text, text, text) TO commerce_app, commerce_customer;

CREATE FUNCTION commerce.use_session(token text) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_use_session';
COMMENT ON FUNCTION commerce.use_session(text) IS
'Makes this transaction act for the customer of a session, whom it returns, until it ends; call it first in every transaction. Reads two rows and writes none. 28000 for a token that is unknown, over, or of before the password was changed. Example: BEGIN; SELECT commerce.use_session($1); SELECT * FROM commerce.my_orders; COMMIT.';
GRANT EXECUTE ON FUNCTION commerce.use_session(text) TO commerce_app, commerce_customer;

CREATE FUNCTION commerce.logout(token text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_logout';
COMMENT ON FUNCTION commerce.logout(text) IS
'Ends a session; nothing happens for a token that is unknown or over. 22004 for NULL.';
GRANT EXECUTE ON FUNCTION commerce.logout(text) TO commerce_app, commerce_customer;

CREATE FUNCTION commerce.logout_everywhere(customer uuid DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_logout_everywhere';
COMMENT ON FUNCTION commerce.logout_everywhere(uuid) IS
'Ends all sessions of a customer, of the one who is logged in where none is named. Tokens of create_jwt() live on until they expire. P0002 for an unknown customer, CM042 for another than oneself unless one is a commerce_app.';
GRANT EXECUTE ON FUNCTION commerce.logout_everywhere(uuid) TO commerce_app, commerce_customer;

CREATE FUNCTION commerce.change_password(password text, new_password text, customer uuid DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_change_password';
COMMENT ON FUNCTION commerce.change_password(text, text, uuid) IS
'Replaces the password (1 to 1024 bytes) of a customer, of the one who is logged in where none is named, and ends all sessions. 28P01 where password is wrong, 53400 after ten failures in a row as login(), 22023 for a new one that is empty or too long, CM042 for another customer than oneself unless one is a commerce_app.';
GRANT EXECUTE ON FUNCTION commerce.change_password(text, text, uuid) TO commerce_app, commerce_customer;

CREATE FUNCTION commerce.create_password_reset(customer uuid, ttl interval DEFAULT '1 hour') RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_create_password_reset';
COMMENT ON FUNCTION commerce.create_password_reset(uuid, interval) IS
'Returns a token (64 characters) for a letter to the customer''s address: whoever has it may set a password by reset_password(), once, within ttl. Only its hash is stored. P0002 for an unknown customer, 22023 for a ttl that is not positive. Example: SELECT commerce.create_password_reset(commerce.find_customer($1)).';
GRANT EXECUTE ON FUNCTION commerce.create_password_reset(uuid, interval) TO commerce_app;

CREATE FUNCTION commerce.reset_password(token text, new_password text) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_reset_password';
COMMENT ON FUNCTION commerce.reset_password(text, text) IS
'Sets the password of the customer for whom create_password_reset() made the token, ends all sessions and all other such tokens, and returns the customer. A second factor stays. 28000 for a token that is unknown, used or over, 22023 for a password that is empty or too long.';
GRANT EXECUTE ON FUNCTION commerce.reset_password(text, text) TO commerce_app, commerce_customer;

CREATE FUNCTION commerce.forgive_login(email text) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_forgive_login';
COMMENT ON FUNCTION commerce.forgive_login(text) IS
'Forgets the failed logins at an address, and the failed codes and changes of password of its customer, so that nobody has to wait any longer. CM041 without a key file.';
GRANT EXECUTE ON FUNCTION commerce.forgive_login(text) TO commerce_app;

CREATE FUNCTION commerce.my_profile() RETURNS jsonb
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_my_profile';
COMMENT ON FUNCTION commerce.my_profile() IS
'All that is known of the customer who is logged in, opened, as reveal_customer() has it; NULL where nobody is. CM040 and CM041 as reveal().';
GRANT EXECUTE ON FUNCTION commerce.my_profile() TO commerce_customer;

CREATE FUNCTION commerce.expire_sessions(batch bigint DEFAULT 1000) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    swept bigint;
    more bigint;
BEGIN
    PERFORM commerce.require_shop();
    IF batch <= 0 THEN
        RAISE EXCEPTION 'batch must be greater than zero' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM commerce.sessions s USING (
            SELECT x.customer_id, x.token_hash FROM commerce.sessions x WHERE x.expires_at <= now()
            ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED) over
        WHERE s.customer_id = over.customer_id AND s.token_hash = over.token_hash;
    GET DIAGNOSTICS swept = ROW_COUNT;
    DELETE FROM commerce.password_resets r USING (
            SELECT x.customer_id, x.token_hash FROM commerce.password_resets x WHERE x.expires_at <= now()
            ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED) over
        WHERE r.customer_id = over.customer_id AND r.token_hash = over.token_hash;
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN swept + more;
END
$$;
COMMENT ON FUNCTION commerce.expire_sessions(bigint) IS
'Deletes sessions and password resets that are over, at most batch of each, and returns how many; they open nothing in any case. Done by the background worker where there is one. 22023 for a batch that is not positive.';
GRANT EXECUTE ON FUNCTION commerce.expire_sessions(bigint) TO commerce_app;
