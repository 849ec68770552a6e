ALTER TABLE commerce.shop ADD COLUMN cart_ttl interval NOT NULL DEFAULT '30 days' CHECK (cart_ttl > '0');
COMMENT ON COLUMN commerce.shop.cart_ttl IS 'so long after it was last changed a cart expires, unless its expires_at says later';

-- No foreign keys to customers, channels or orders: a cart would lock rows that others need.
CREATE TABLE commerce.carts (
    id uuid PRIMARY KEY DEFAULT commerce.uuidv7(),
    kind text NOT NULL DEFAULT 'cart' CHECK (kind IN ('cart', 'draft', 'quote')),
    state text NOT NULL DEFAULT 'open',
    customer_id uuid,
    channel text NOT NULL DEFAULT 'default',
    currency text CHECK (currency IS NULL OR commerce.minor_digits(currency) IS NOT NULL),
    ship_to jsonb CHECK (jsonb_typeof(ship_to) = 'object'),
    ship_address commerce.sealed('address'),
    shipping_method text,
    options jsonb CHECK (jsonb_typeof(options) = 'object'),
    attributes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    order_id uuid,
    placed_at timestamptz,
    merged_into uuid,
    CONSTRAINT placed_has_order CHECK ((state = 'placed') = (order_id IS NOT NULL) AND (order_id IS NULL) = (placed_at IS NULL)),
    CONSTRAINT merged_has_target CHECK ((state = 'merged') = (merged_into IS NOT NULL) AND merged_into <> id)
) WITH (fillfactor = 70);
COMMENT ON TABLE commerce.carts IS
'what somebody is about to buy; its state changes only along the machine cart. What is placed, merged or expired is history, to be deleted when you like (the lines go along)';
COMMENT ON COLUMN commerce.carts.id IS 'whoever knows it can change the cart: for a guest it is the key to it';
COMMENT ON COLUMN commerce.carts.kind IS 'cart: a customer''s; draft: an order that staff prepares, by create_draft(), which commerce_admin alone changes; quote: what order_quote() has bought';
COMMENT ON COLUMN commerce.carts.state IS 'open, placed (order_id has bought it), merged (into merged_into), expired (until reopen_cart())';
COMMENT ON COLUMN commerce.carts.customer_id IS 'commerce.customers.id; NULL: a guest''s';
COMMENT ON COLUMN commerce.carts.channel IS 'commerce.channels.code';
COMMENT ON COLUMN commerce.carts.currency IS 'ISO 4217 code; NULL: the channel''s, else the shop''s';
COMMENT ON COLUMN commerce.carts.ship_to IS 'the part of the destination that prices depend on: country, region, postal_code';
COMMENT ON COLUMN commerce.carts.ship_address IS
'the whole destination, sealed as field address for the customer, or for the cart where it is a guest''s; NULL where ship_to is all of it, and once the order has it';
COMMENT ON COLUMN commerce.carts.shipping_method IS 'commerce.shipping_methods.code; NULL: none yet';
COMMENT ON COLUMN commerce.carts.options IS 'options of checkout(), e.g. discounts by hand with their reasons; but for strategy set by commerce_admin; NULL: none';
COMMENT ON COLUMN commerce.carts.attributes IS 'the shop''s own facts, in the clear: nothing here may identify a person';
COMMENT ON COLUMN commerce.carts.changed_at IS 'when the cart, its lines or its codes were last changed';
COMMENT ON COLUMN commerce.carts.expires_at IS 'from this moment on an open cart is abandoned: expire_carts() ends it; each change moves it on to at least commerce.shop.cart_ttl from then, where that must be a 32nd further, so that few changes move it. infinity: never, as a draft';
COMMENT ON COLUMN commerce.carts.order_id IS 'commerce.orders.id: the order that bought it';
COMMENT ON COLUMN commerce.carts.merged_into IS 'commerce.carts.id: the cart that has its lines and codes now';
CREATE INDEX carts_overdue ON commerce.carts (expires_at) WHERE state = 'open';
CREATE INDEX carts_customer ON commerce.carts (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX carts_merged ON commerce.carts (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX carts_order ON commerce.carts (order_id) WHERE order_id IS NOT NULL;
-- Carts come in the order in which they are begun: a summary of each part of the table finds those of a time.
CREATE INDEX carts_begun ON commerce.carts USING brin (created_at) WITH (pages_per_range = 16, autosummarize = on);
ALTER TABLE commerce.carts ALTER COLUMN ship_address SET STATISTICS 0;

CREATE TABLE commerce.cart_lines (
    cart_id uuid NOT NULL REFERENCES commerce.carts ON DELETE CASCADE,
    sku text NOT NULL CHECK (sku <> ''),
    position integer NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0 AND quantity <= 1000000000000),
    location text,
    facts jsonb CHECK (jsonb_typeof(facts) = 'object'),
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cart_id, sku)
);
COMMENT ON TABLE commerce.cart_lines IS 'what is in a cart, a sku once; changed while the cart is open only';
COMMENT ON COLUMN commerce.cart_lines.sku IS 'commerce.variants.sku';
COMMENT ON COLUMN commerce.cart_lines.position IS 'lines are shown and sold in this order';
COMMENT ON COLUMN commerce.cart_lines.quantity IS 'units';
COMMENT ON COLUMN commerce.cart_lines.location IS 'commerce.locations.code from where to send; NULL: the shop decides';
COMMENT ON COLUMN commerce.cart_lines.facts IS
'what else a line of quote() may say, e.g. {"unit_price": "9.00"}; set by commerce_admin, and then only changed by it; NULL: nothing, as the catalogue says';

CREATE TABLE commerce.cart_codes (
    cart_id uuid NOT NULL REFERENCES commerce.carts ON DELETE CASCADE,
    code text NOT NULL CHECK (code = upper(btrim(code) COLLATE "C") AND code <> ''),
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (cart_id, code)
);
COMMENT ON TABLE commerce.cart_codes IS 'the codes entered for a cart; changed while the cart is open only';
COMMENT ON COLUMN commerce.cart_codes.code IS 'commerce.promotion_codes.code: in upper case';

SELECT commerce.create_state_machine('cart', '{
    "initial": "open",
    "states": ["open", "placed", "merged", "expired"],
    "transitions": [
        {"event": "place", "from": "open", "to": "placed"},
        {"event": "merge", "from": "open", "to": "merged"},
        {"event": "expire", "from": "open", "to": "expired", "effect": "commerce.abandon_cart"},
        {"event": "reopen", "from": "expired", "to": "open"}]}');
SELECT commerce.attach_state_machine('commerce.carts', 'state', 'cart');

-- What was bought stays what it was, and what is not open is not filled, whoever writes.
CREATE TRIGGER keep_closed_cart BEFORE UPDATE ON commerce.carts FOR EACH ROW WHEN (old.state IN ('placed', 'merged'))
    EXECUTE FUNCTION commerce.keep_closed_cart();
CREATE TRIGGER cart_filled AFTER INSERT ON commerce.cart_lines REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.cart_filled();
CREATE TRIGGER cart_changed AFTER UPDATE ON commerce.cart_lines REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.cart_filled();
CREATE TRIGGER cart_emptied AFTER DELETE ON commerce.cart_lines REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.cart_filled();
CREATE TRIGGER cart_filled AFTER INSERT ON commerce.cart_codes REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.cart_filled();
CREATE TRIGGER cart_changed AFTER UPDATE ON commerce.cart_codes REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.cart_filled();
CREATE TRIGGER cart_emptied AFTER DELETE ON commerce.cart_codes REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.cart_filled();

GRANT SELECT ON commerce.cart_lines TO commerce_reader;
-- Whoever reads a code may spend it.
GRANT SELECT (cart_id, added_at) ON commerce.cart_codes TO commerce_reader;
GRANT SELECT (id, kind, state, customer_id, channel, currency, ship_to, shipping_method, options, attributes, created_at, changed_at,
    expires_at, order_id, placed_at, merged_into) ON commerce.carts TO commerce_reader;
