-- Roles first: a dump restored into a new cluster finds them made. They outlive the extension, because tables may
-- belong to them.
DO $$
DECLARE
    role record;
BEGIN
    FOR role IN
        SELECT * FROM (VALUES
            ('commerce_owner', 'owns the shop''s tables and runs its definer functions; nobody logs in as it'),
            ('commerce_reader', 'reads the shop for reports; sees no customer field in the clear'),
            ('commerce_app', 'runs the shop through its functions; writes no stock level, state or money directly'),
            ('commerce_pii_reader', 'may reveal sealed customer fields'),
            ('commerce_admin', 'sets up the shop: catalogue, prices, promotions, state machines'),
            ('commerce_customer', 'a customer who is logged in: sees his own rows, and without a login none'),
            ('commerce_staff', 'people who see the orders of their channels, and without channels none'),
            ('commerce_authenticator', 'the login of an API server that switches to the roles above'))
            AS roles (name, comment)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role.name) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role.name);
            EXECUTE pg_catalog.format('COMMENT ON ROLE %I IS %L', role.name, 'commerce: ' || role.comment);
        END IF;
    END LOOP;
END
$$;

GRANT commerce_reader TO commerce_app;
GRANT commerce_owner, commerce_app TO commerce_admin;
-- To these two alone: what else an API server may become is for the shop to grant.
GRANT commerce_customer, commerce_staff TO commerce_authenticator;

-- Plain CREATE: a schema of this name that someone else made is an error here, not adopted.
CREATE SCHEMA commerce AUTHORIZATION commerce_owner;
COMMENT ON SCHEMA commerce IS 'the shop: engine (extension commerce) and tables (made by commerce.create_shop)';
GRANT USAGE ON SCHEMA commerce TO PUBLIC;
