CREATE TABLE commerce.stock (
    sku text NOT NULL,
    location text NOT NULL,
    on_hand bigint NOT NULL DEFAULT 0,
    safety_stock bigint NOT NULL DEFAULT 0 CHECK (safety_stock >= 0),
    damaged bigint NOT NULL DEFAULT 0 CHECK (damaged >= 0),
    quality_control bigint NOT NULL DEFAULT 0 CHECK (quality_control >= 0),
    other bigint NOT NULL DEFAULT 0 CHECK (other >= 0),
    incoming bigint NOT NULL DEFAULT 0 CHECK (incoming >= 0),
    backorder_limit bigint DEFAULT 0 CHECK (backorder_limit >= 0),
    low_stock bigint CHECK (low_stock >= 0),
    PRIMARY KEY (sku, location),
    -- So that no sum of them leaves 64 bits, whatever else is wrong.
    CONSTRAINT stock_is_countable CHECK (on_hand BETWEEN -1000000000000000000 AND 1000000000000000000 AND greatest(safety_stock, damaged, quality_control, other,
        incoming, backorder_limit) <= 1000000000000000000)
);
COMMENT ON TABLE commerce.stock IS
'how many units lie where; available = on_hand - safety_stock - damaged - quality_control - other - active reservations';
COMMENT ON COLUMN commerce.stock.on_hand IS 'units physically there, in whatever state';
COMMENT ON COLUMN commerce.stock.safety_stock IS 'units kept back from sale';
COMMENT ON COLUMN commerce.stock.damaged IS 'units on hand that are broken';
COMMENT ON COLUMN commerce.stock.quality_control IS 'units on hand that wait for inspection';
COMMENT ON COLUMN commerce.stock.other IS 'units on hand that are not for sale for any other reason';
COMMENT ON COLUMN commerce.stock.incoming IS 'units on their way here; not on hand yet';
COMMENT ON COLUMN commerce.stock.backorder_limit IS 'units that may be sold beyond what is available: 0 none, NULL unlimited';
COMMENT ON COLUMN commerce.stock.low_stock IS 'an event tells when available falls to this many units or fewer; NULL: only when it falls to none';

-- No foreign key to variants or stock: every insert would lock the hot row it points to. The engine checks.
CREATE TABLE commerce.reservations (
    sku text NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    location text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0 AND quantity <= 1000000000000000000),
    holder text,
    state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'committed', 'fulfilled', 'released', 'expired')),
    expires_at timestamptz,
    order_id uuid,
    line integer,
    per_unit bigint NOT NULL DEFAULT 1 CHECK (per_unit > 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sku, id),
    CHECK (state <> 'held' OR expires_at IS NOT NULL)
);
COMMENT ON TABLE commerce.reservations IS 'units promised to a cart or an order; held and committed ones count against what is available';
COMMENT ON COLUMN commerce.reservations.holder IS 'who holds: a cart, a session; a new reservation of the same holder may replace its old ones';
COMMENT ON COLUMN commerce.reservations.state IS 'held (until expires_at), committed (an order owns it), fulfilled (left the building), released, expired';
COMMENT ON COLUMN commerce.reservations.per_unit IS 'units of this sku in one unit of the line: more than 1 for a part of a kit';
COMMENT ON COLUMN commerce.reservations.id IS 'names one promise; the parts of a kit reserved together share it';
COMMENT ON COLUMN commerce.reservations.expires_at IS 'a held reservation stops counting at this moment, swept or not';
CREATE INDEX reservations_id ON commerce.reservations (id);
-- What counts against a sku, overdue holds first.
CREATE INDEX reservations_active ON commerce.reservations (sku, expires_at) INCLUDE (location, quantity, state)
    WHERE state IN ('held', 'committed');
CREATE INDEX reservations_overdue ON commerce.reservations (expires_at) WHERE state = 'held';
CREATE INDEX reservations_holder ON commerce.reservations (holder) WHERE state = 'held' AND holder IS NOT NULL;
CREATE INDEX reservations_order ON commerce.reservations (order_id) WHERE order_id IS NOT NULL;

CREATE TABLE commerce.stock_movements (
    sku text NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    location text NOT NULL,
    delta bigint NOT NULL,
    from_state text NOT NULL DEFAULT 'available',
    to_state text NOT NULL DEFAULT 'available',
    reason text NOT NULL,
    reference text,
    actor text NOT NULL DEFAULT current_user,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sku, id)
);
COMMENT ON TABLE commerce.stock_movements IS 'why on_hand is what it is: every change with its reason, never edited';
COMMENT ON COLUMN commerce.stock_movements.actor IS 'the role that made the change: the current role of the session';
COMMENT ON COLUMN commerce.stock_movements.delta IS 'units that came (positive) or left (negative); between two states of one location, units moved';

GRANT SELECT ON commerce.stock, commerce.reservations, commerce.stock_movements TO commerce_reader;

CREATE TABLE commerce.kit_parts (
    kit text NOT NULL,
    part text NOT NULL,
    quantity bigint NOT NULL DEFAULT 1 CHECK (quantity > 0 AND quantity <= 1000000000000000000),
    PRIMARY KEY (kit, part),
    CHECK (kit <> part)
);
COMMENT ON TABLE commerce.kit_parts IS 'what is sold as one thing and stocked as several; a part may be a kit itself';
COMMENT ON COLUMN commerce.kit_parts.quantity IS 'units of the part in one kit';
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON commerce.kit_parts
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.invalidate_cache();
GRANT SELECT ON commerce.kit_parts TO commerce_reader;
