CREATE TABLE commerce.stock (
    sku text NOT NULL,
    location text NOT NULL,
    on_hand bigint NOT NULL DEFAULT 0,
    safety_stock bigint NOT NULL DEFAULT 0 CHECK (safety_stock >= 0),
    backorder_limit bigint DEFAULT 0 CHECK (backorder_limit >= 0),
    PRIMARY KEY (sku, location)
);
COMMENT ON TABLE commerce.stock IS 'how many units lie where; available = on_hand - safety_stock - active reservations';
COMMENT ON COLUMN commerce.stock.on_hand IS 'units physically there';
COMMENT ON COLUMN commerce.stock.safety_stock IS 'units kept back from sale';
COMMENT ON COLUMN commerce.stock.backorder_limit IS 'units that may be sold beyond what is available: 0 none, NULL unlimited';

-- No foreign key to variants or stock: every insert would lock the hot row it points to. The engine checks.
CREATE TABLE commerce.reservations (
    sku text NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    location text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    holder text,
    state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'committed', 'fulfilled', 'released', 'expired')),
    expires_at timestamptz,
    order_id uuid,
    line integer,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sku, id),
    CHECK (state <> 'held' OR expires_at IS NOT NULL)
);
COMMENT ON TABLE commerce.reservations IS 'units promised to a cart or an order; held and committed ones count against what is available';
COMMENT ON COLUMN commerce.reservations.holder IS 'who holds: a cart, a session; a new reservation of the same holder may replace its old ones';
COMMENT ON COLUMN commerce.reservations.state IS 'held (until expires_at), committed (an order owns it), fulfilled (left the building), released, expired';
COMMENT ON COLUMN commerce.reservations.expires_at IS 'a held reservation stops counting at this moment, swept or not';
CREATE INDEX reservations_id ON commerce.reservations (id);
CREATE INDEX reservations_active ON commerce.reservations (sku, location) INCLUDE (quantity, expires_at)
    WHERE state IN ('held', 'committed');
CREATE INDEX reservations_holder ON commerce.reservations (holder) WHERE state = 'held' AND holder IS NOT NULL;
CREATE INDEX reservations_order ON commerce.reservations (order_id) WHERE order_id IS NOT NULL;

CREATE TABLE commerce.stock_movements (
    sku text NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    location text NOT NULL,
    delta bigint NOT NULL,
    reason text NOT NULL,
    reference text,
    actor text NOT NULL DEFAULT current_user,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sku, id)
);
COMMENT ON TABLE commerce.stock_movements IS 'why on_hand is what it is: every change with its reason, never edited';
COMMENT ON COLUMN commerce.stock_movements.actor IS 'the role that made the change: the current role of the session';
COMMENT ON COLUMN commerce.stock_movements.delta IS 'units that came (positive) or left (negative)';

GRANT SELECT ON commerce.stock, commerce.reservations, commerce.stock_movements TO commerce_reader;
