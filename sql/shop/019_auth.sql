ALTER TABLE commerce.shop ADD COLUMN session_ttl interval NOT NULL DEFAULT '30 days' CHECK (session_ttl > '0');
COMMENT ON COLUMN commerce.shop.session_ttl IS 'so long after login() a session ends';

ALTER TABLE commerce.customers ADD COLUMN login_version integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN commerce.customers.login_version IS 'sessions of another number are over: raised by a new password and by logout_everywhere()';

-- No foreign keys to customers, as everywhere: what belongs to nobody opens nothing.
CREATE TABLE commerce.sessions (
    customer_id uuid NOT NULL,
    token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    login_version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, token_hash)
);
COMMENT ON TABLE commerce.sessions IS 'sessions that login() has begun; deleting a row ends one';
COMMENT ON COLUMN commerce.sessions.token_hash IS 'BLAKE2b of the token, which is stored nowhere';
COMMENT ON COLUMN commerce.sessions.login_version IS 'commerce.customers.login_version at login; over where that is another now';
CREATE INDEX sessions_expired ON commerce.sessions (expires_at);
ALTER TABLE commerce.sessions ALTER COLUMN token_hash SET STATISTICS 0;

CREATE TABLE commerce.password_resets (
    customer_id uuid NOT NULL,
    token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, token_hash)
);
COMMENT ON TABLE commerce.password_resets IS 'letters with which a password may be set, once; made by create_password_reset()';
COMMENT ON COLUMN commerce.password_resets.token_hash IS 'BLAKE2b of the token, which is stored nowhere';
CREATE INDEX password_resets_expired ON commerce.password_resets (expires_at);
ALTER TABLE commerce.password_resets ALTER COLUMN token_hash SET STATISTICS 0;

CREATE TABLE commerce.totp (
    customer_id uuid PRIMARY KEY,
    secret commerce.sealed('totp') NOT NULL,
    digits integer NOT NULL CHECK (digits IN (6, 8)),
    last_step bigint NOT NULL DEFAULT -1,
    created_at timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz
);
COMMENT ON TABLE commerce.totp IS 'second factors of customers (RFC 6238), made by create_totp()';
COMMENT ON COLUMN commerce.totp.secret IS 'base32, sealed as field totp for subject customer_id';
COMMENT ON COLUMN commerce.totp.last_step IS 'the last step of 30 seconds whose code was used: it and all before are used up; -1 for none';
COMMENT ON COLUMN commerce.totp.confirmed_at IS 'since when login() asks for a code; NULL: not yet';
ALTER TABLE commerce.totp ALTER COLUMN secret SET STATISTICS 0;

CREATE TABLE commerce.recovery_codes (
    customer_id uuid NOT NULL,
    code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    PRIMARY KEY (customer_id, code_hash)
);
COMMENT ON TABLE commerce.recovery_codes IS 'what stands in for a code of the authenticator app, once; deleted when used';
COMMENT ON COLUMN commerce.recovery_codes.code_hash IS 'BLAKE2b of the code, which is stored nowhere';
ALTER TABLE commerce.recovery_codes ALTER COLUMN code_hash SET STATISTICS 0;

CREATE TABLE commerce.jwt_keys (
    id uuid PRIMARY KEY DEFAULT commerce.uuidv7(),
    algorithm text NOT NULL CHECK (algorithm IN ('EdDSA', 'HS256')),
    audience text NOT NULL CHECK (audience ~ '^[!-~]+$' AND audience !~ '["\\]'),
    secret commerce.sealed('jwt_key') NOT NULL,
    public_key bytea CHECK (octet_length(public_key) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    CONSTRAINT jwt_keys_public_key CHECK ((algorithm = 'EdDSA') = (public_key IS NOT NULL))
);
COMMENT ON TABLE commerce.jwt_keys IS 'keys that tokens are signed with; the newest that is not retired signs';
COMMENT ON COLUMN commerce.jwt_keys.id IS 'kid in the tokens';
COMMENT ON COLUMN commerce.jwt_keys.audience IS 'aud of the tokens: those for others are refused';
COMMENT ON COLUMN commerce.jwt_keys.secret IS 'base64url, sealed as field jwt_key for subject id';
COMMENT ON COLUMN commerce.jwt_keys.public_key IS 'Ed25519; NULL for HS256, which has none';
COMMENT ON COLUMN commerce.jwt_keys.retired_at IS 'since when it signs no more; what it signed is good until it expires';
ALTER TABLE commerce.jwt_keys ALTER COLUMN secret SET STATISTICS 0;

INSERT INTO commerce.sealed_columns ("table", "column", key_column, subject_columns, field) VALUES
    ('commerce.totp', 'secret', 'customer_id', '{customer_id}', 'totp'),
    ('commerce.jwt_keys', 'secret', 'id', '{id}', 'jwt_key');

-- Views and not policies on the tables themselves: those would send every order that is stored through a statement
-- instead of straight into the heap, forbid COPY FROM to whoever is not the owner, and let a backup fail that is not
-- made by a superuser. security_barrier keeps a caller's functions from seeing a row before it is known to be his.
CREATE VIEW commerce.my_orders WITH (security_barrier) AS
    SELECT id, number, state, channel, ship_to, shipping_method, codes, subtotal, discount, shipping, tax, included_tax, rounding,
        total, tax_treatment, placed_at, created_at
    FROM commerce.orders WHERE customer_id = commerce.current_customer();
COMMENT ON VIEW commerce.my_orders IS 'the orders of the customer who is logged in';

CREATE VIEW commerce.my_order_lines WITH (security_barrier) AS
    SELECT l.order_id, l.line, l.sku, l.title, l.quantity, l.cancelled, l.unit_price, l.per_quantity, l.subtotal, l.discount, l.tax,
        l.included_tax, l.total
    FROM commerce.orders o JOIN commerce.order_lines l ON l.order_id = o.id WHERE o.customer_id = commerce.current_customer();
COMMENT ON VIEW commerce.my_order_lines IS 'the lines of my_orders; a line of which all units were taken out again has quantity 0, and cancelled says how many';

CREATE VIEW commerce.my_payments WITH (security_barrier) AS
    SELECT p.order_id, p.id, p.state, p.provider, p.authorized, p.captured, p.refunded, p.charged_back, p.created_at
    FROM commerce.orders o JOIN commerce.payments p ON p.order_id = o.id WHERE o.customer_id = commerce.current_customer();
COMMENT ON VIEW commerce.my_payments IS 'the payments of my_orders';

CREATE VIEW commerce.my_fulfilments WITH (security_barrier) AS
    SELECT f.order_id, f.id, f.state, f.tracking, f.created_at, f.carrier, f.tracking_url
    FROM commerce.orders o JOIN commerce.fulfilments f ON f.order_id = o.id WHERE o.customer_id = commerce.current_customer();
COMMENT ON VIEW commerce.my_fulfilments IS 'the parcels of my_orders';

CREATE VIEW commerce.my_returns WITH (security_barrier) AS
    SELECT r.order_id, r.id, r.state, r.reason, r.created_at
    FROM commerce.orders o JOIN commerce.returns r ON r.order_id = o.id WHERE o.customer_id = commerce.current_customer();
COMMENT ON VIEW commerce.my_returns IS 'the returns of my_orders';

CREATE VIEW commerce.my_carts WITH (security_barrier) AS
    SELECT id, state, channel, currency, ship_to, shipping_method, created_at, changed_at, expires_at, order_id
    FROM commerce.carts WHERE customer_id = commerce.current_customer();
COMMENT ON VIEW commerce.my_carts IS 'the carts of the customer who is logged in';

CREATE VIEW commerce.my_cart_lines WITH (security_barrier) AS
    SELECT l.cart_id, l.sku, l.position, l.quantity, l.added_at
    FROM commerce.carts c JOIN commerce.cart_lines l ON l.cart_id = c.id WHERE c.customer_id = commerce.current_customer();
COMMENT ON VIEW commerce.my_cart_lines IS 'the lines of my_carts';

CREATE VIEW commerce.my_sessions WITH (security_barrier) AS
    SELECT s.created_at, s.expires_at
    FROM commerce.sessions s JOIN commerce.customers c ON c.id = s.customer_id AND c.login_version = s.login_version
    WHERE s.customer_id = commerce.current_customer() AND s.expires_at > now();
COMMENT ON VIEW commerce.my_sessions IS 'where the customer who is logged in is logged in; logout_everywhere() ends them all';

GRANT SELECT ON commerce.my_orders, commerce.my_order_lines, commerce.my_payments, commerce.my_fulfilments, commerce.my_returns,
    commerce.my_carts, commerce.my_cart_lines, commerce.my_sessions TO commerce_customer;

CREATE VIEW commerce.channel_orders WITH (security_barrier) AS
    SELECT id, number, state, channel, customer_id, ship_to, shipping_method, codes, subtotal, discount, shipping, tax,
        included_tax, rounding, total, tax_treatment, placed_at, created_at
    FROM commerce.orders WHERE channel = ANY (commerce.current_channels());
COMMENT ON VIEW commerce.channel_orders IS 'the orders of the channels that a commerce_staff may see';

CREATE VIEW commerce.channel_order_lines WITH (security_barrier) AS
    SELECT l.order_id, l.line, l.sku, l.title, l.quantity, l.cancelled, l.unit_price, l.per_quantity, l.subtotal, l.discount, l.tax,
        l.included_tax, l.total
    FROM commerce.orders o JOIN commerce.order_lines l ON l.order_id = o.id WHERE o.channel = ANY (commerce.current_channels());
COMMENT ON VIEW commerce.channel_order_lines IS 'the lines of channel_orders, as my_order_lines';

CREATE VIEW commerce.channel_fulfilments WITH (security_barrier) AS
    SELECT f.order_id, f.id, f.state, f.tracking, f.created_at, f.carrier, f.tracking_url
    FROM commerce.orders o JOIN commerce.fulfilments f ON f.order_id = o.id WHERE o.channel = ANY (commerce.current_channels());
COMMENT ON VIEW commerce.channel_fulfilments IS 'the parcels of channel_orders';

GRANT SELECT ON commerce.channel_orders, commerce.channel_order_lines, commerce.channel_fulfilments TO commerce_staff;
