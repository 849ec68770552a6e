-- Who acts. None of these runs with definer's rights: they ask the library, not a table.
CREATE FUNCTION commerce.current_customer() RETURNS uuid
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_current_customer';
COMMENT ON FUNCTION commerce.current_customer() IS
'The customer for whom this transaction acts since login(), use_session() or pre_request(); NULL for none. It is no setting: nobody sets it otherwise, and it ends with the transaction. Example: CREATE POLICY own ON wishes USING (customer_id = commerce.current_customer()).';
GRANT EXECUTE ON FUNCTION commerce.current_customer() TO commerce_customer, commerce_staff, commerce_reader;

CREATE FUNCTION commerce.current_channels() RETURNS text[]
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'commerce_current_channels';
COMMENT ON FUNCTION commerce.current_channels() IS
'The channels whose rows this transaction may see as a commerce_staff, by the claims that pre_request() has taken over; NULL for none. Example: CREATE POLICY own ON tickets USING (channel = ANY (commerce.current_channels())).';
GRANT EXECUTE ON FUNCTION commerce.current_channels() TO commerce_customer, commerce_staff, commerce_reader;

CREATE FUNCTION commerce.pre_request() RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_pre_request';
COMMENT ON FUNCTION commerce.pre_request() IS
'For an API server, as PostgREST''s db-pre-request: takes over the claims in the setting request.jwt.claims, which the server has verified. A commerce_customer becomes the customer in sub, a commerce_staff sees the channels in channels. Believed only where the session''s user is a member of commerce_authenticator (superusers do not count), once in a transaction (again by the same claims does nothing, by others is refused), and where role, if there is one, is the current role; CM042 otherwise. No claims are nobody''s. Behind a server without such a hook, as PostGraphile, functions begin with it: PERFORM commerce.pre_request().';
GRANT EXECUTE ON FUNCTION commerce.pre_request() TO commerce_customer, commerce_staff, commerce_reader;
