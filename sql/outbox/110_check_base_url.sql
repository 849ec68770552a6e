CREATE FUNCTION commerce.check_base_url(url text) RETURNS void
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_check_base_url';
COMMENT ON FUNCTION commerce.check_base_url(text) IS
'Internal. 22023, without the URL, for what calls are not sent to: anything but https (http only to an address in commerce.allow_private_endpoints), an address that is not of the open internet, a user or password, a query, a slash at the end, odd spellings.';
