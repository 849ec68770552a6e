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
    -- So that no sum of them leaves 64 bits, whatever else is wrong. BETWEEN beside AND would not be dumped as it was restored.
    CONSTRAINT stock_is_countable CHECK (on_hand >= -1000000000000000000 AND on_hand <= 1000000000000000000
        AND greatest(safety_stock, damaged, quality_control, other, incoming, backorder_limit) <= 1000000000000000000)
);
COMMENT ON TABLE commerce.stock IS
'how many units of a sku lie at a location (a level); commerce.stock_levels adds what is reserved and what is left. Change it by receive_stock(), adjust_stock(), move_stock() and set_stock_policy(), which write the movement as well';
COMMENT ON COLUMN commerce.stock.sku IS 'commerce.variants.sku';
COMMENT ON COLUMN commerce.stock.location IS 'commerce.locations.code';
COMMENT ON COLUMN commerce.stock.on_hand IS 'units physically there, in whatever state';
COMMENT ON COLUMN commerce.stock.safety_stock IS 'units on hand kept back from sale; orders that have bought may be sent from them';
COMMENT ON COLUMN commerce.stock.damaged IS 'units on hand that are broken';
COMMENT ON COLUMN commerce.stock.quality_control IS 'units on hand that wait for inspection';
COMMENT ON COLUMN commerce.stock.other IS 'units on hand that are not for sale for any other reason';
COMMENT ON COLUMN commerce.stock.incoming IS 'units on their way here; not on hand yet';
COMMENT ON COLUMN commerce.stock.backorder_limit IS 'units that may be sold beyond what is available, to be sent once they are received: 0 none, NULL unlimited';
COMMENT ON COLUMN commerce.stock.low_stock IS 'the event stock.low tells when available falls to this many units or fewer; NULL: only stock.out does, when none is left';

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
COMMENT ON TABLE commerce.reservations IS
'units promised to a cart or an order; held and committed ones count against what is available. Released and expired ones are history, to be deleted when you like; fulfilled ones say as which parts a kit left, which its return asks for';
COMMENT ON COLUMN commerce.reservations.holder IS 'who holds: a cart, a session, any text of yours. reserve() adds to what a holder holds, reserve_lines() replaces it, checkout() that of the skus it buys, whichever session gives the name; NULL: known by id alone';
COMMENT ON COLUMN commerce.reservations.state IS 'held (until expires_at), committed (an order owns it), fulfilled (left the building), released, expired';
COMMENT ON COLUMN commerce.reservations.sku IS 'what is promised; of a kit, the part';
COMMENT ON COLUMN commerce.reservations.location IS 'from where';
COMMENT ON COLUMN commerce.reservations.quantity IS 'units';
COMMENT ON COLUMN commerce.reservations.order_id IS 'the order that owns it; NULL while it is held';
COMMENT ON COLUMN commerce.reservations.line IS 'the line of the order or, of reserve_lines(), its position in the call, from 1; 0 from reserve()';
COMMENT ON COLUMN commerce.reservations.created_at IS 'when it was promised; backorders are served in this order';
COMMENT ON COLUMN commerce.reservations.per_unit IS 'units of this sku in one unit of the line: more than 1 for a part of a kit';
COMMENT ON COLUMN commerce.reservations.id IS 'names one promise; the parts of a kit reserved together share it';
COMMENT ON COLUMN commerce.reservations.expires_at IS 'at this moment a held reservation stops keeping others from its units, swept or not; NULL: committed, no end';
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
    quantity bigint NOT NULL CHECK (quantity >= 0),
    from_state text,
    to_state text,
    reason text NOT NULL,
    reference text,
    lot text,
    actor text NOT NULL DEFAULT current_user,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sku, id)
);
COMMENT ON TABLE commerce.stock_movements IS
'why a level is what it is: every change with its reason, never edited. The deltas of a level add up to on_hand';
COMMENT ON COLUMN commerce.stock_movements.reason IS 'received, adjusted, moved, sent, ordered, sold, returned, stocktake, lot expired, policy, or what the caller said';
COMMENT ON COLUMN commerce.stock_movements.reference IS 'what the caller said it is about; of a sale and a return the order, of a count the stocktake, of an expired lot the lot';
COMMENT ON COLUMN commerce.stock_movements.moved_at IS 'when, by the clock, not by the start of the transaction';
COMMENT ON COLUMN commerce.stock_movements.actor IS 'the role that made the change: the current role of the session';
COMMENT ON COLUMN commerce.stock_movements.delta IS
'units by which on_hand rose (positive) or fell (negative); 0 where units only changed state, or are on their way';
COMMENT ON COLUMN commerce.stock_movements.quantity IS 'units that moved';
COMMENT ON COLUMN commerce.stock_movements.from_state IS
'available, safety_stock, damaged, quality_control, other or incoming; NULL: they were not here';
COMMENT ON COLUMN commerce.stock_movements.to_state IS 'the same; NULL: they left';
COMMENT ON COLUMN commerce.stock_movements.lot IS 'the lot they came in; NULL: none, or whichever (a change of state)';

CREATE TABLE commerce.kit_parts (
    kit text NOT NULL REFERENCES commerce.variants,
    part text NOT NULL REFERENCES commerce.variants,
    quantity bigint NOT NULL DEFAULT 1 CHECK (quantity BETWEEN 1 AND 1000000000),
    PRIMARY KEY (kit, part)
);
COMMENT ON TABLE commerce.kit_parts IS
'what a kit is made of: a sku with parts has no stock of its own, it is as available as its parts. A part may be a kit';
COMMENT ON COLUMN commerce.kit_parts.quantity IS 'units of the part in one kit';
CREATE INDEX kit_parts_part ON commerce.kit_parts (part);
CREATE TRIGGER refuse_kit_cycle AFTER INSERT ON commerce.kit_parts REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.refuse_kit_cycle();
CREATE TRIGGER refuse_kit_cycle_again AFTER UPDATE ON commerce.kit_parts REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.refuse_kit_cycle();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON commerce.kit_parts
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.invalidate_cache();

-- The one place that says what is available. Backorder stands behind what can be sent, and safety stock can: it is kept
-- back from sale, not from those who have bought.
CREATE VIEW commerce.stock_levels AS
    SELECT s.sku, s.location, s.on_hand, s.safety_stock, s.damaged, s.quality_control, s.other,
        least(r.reserved, 9223372036854775807)::bigint AS reserved, least(r.committed, 9223372036854775807)::bigint AS committed,
        greatest(s.on_hand - s.safety_stock - s.damaged - s.quality_control - s.other - r.reserved - r.committed,
            -9223372036854775808)::bigint AS available,
        s.incoming,
        least(greatest(r.committed - greatest(s.on_hand - s.damaged - s.quality_control - s.other, 0), 0),
            9223372036854775807)::bigint AS backordered,
        s.backorder_limit, s.low_stock
    FROM commerce.stock s,
        LATERAL (SELECT
                coalesce(sum(a.quantity) FILTER (WHERE a.state = 'held' AND a.expires_at > clock_timestamp()), 0) AS reserved,
                coalesce(sum(a.quantity) FILTER (WHERE a.state = 'committed'), 0) AS committed
            FROM commerce.reservations a
            WHERE a.sku = s.sku AND a.location = s.location AND a.state IN ('held', 'committed')) r;
COMMENT ON VIEW commerce.stock_levels IS
'every unit of a sku at a location by state: on_hand = safety_stock + damaged + quality_control + other + reserved + committed + available';
COMMENT ON COLUMN commerce.stock_levels.on_hand IS 'units physically there, in whatever state';
COMMENT ON COLUMN commerce.stock_levels.safety_stock IS 'units kept back from sale';
COMMENT ON COLUMN commerce.stock_levels.incoming IS 'units on their way here; not on hand yet';
COMMENT ON COLUMN commerce.stock_levels.backorder_limit IS 'units that may be sold beyond what is available: 0 none, NULL unlimited';
COMMENT ON COLUMN commerce.stock_levels.reserved IS 'units held for carts; an overdue hold counts no more, swept or not';
COMMENT ON COLUMN commerce.stock_levels.committed IS 'units that orders own and that have not left';
COMMENT ON COLUMN commerce.stock_levels.available IS 'units that can be sold now; negative where more is promised than there is';
COMMENT ON COLUMN commerce.stock_levels.backordered IS 'units that orders own and that cannot be sent from what is on hand and sound';

-- First come, first served.
CREATE VIEW commerce.backorders AS
    SELECT q.sku, q.location, q.reservation, q.order_id, q.line, q.quantity, q.waiting, q.created_at
    FROM (SELECT r.sku, r.location, r.id AS reservation, r.order_id, r.line, r.quantity, r.created_at,
            least(r.quantity, greatest(sum(r.quantity) OVER (PARTITION BY r.sku, r.location ORDER BY r.created_at, r.id)
                - greatest(s.on_hand - s.damaged - s.quality_control - s.other, 0), 0))::bigint AS waiting
        FROM commerce.reservations r JOIN commerce.stock s ON s.sku = r.sku AND s.location = r.location
        WHERE r.state = 'committed') q
    WHERE q.waiting > 0;
COMMENT ON VIEW commerce.backorders IS
'orders'' reservations that cannot be sent whole yet: what can be sent goes to the oldest first';
COMMENT ON COLUMN commerce.backorders.quantity IS 'units of the reservation, those that can be sent included';
COMMENT ON COLUMN commerce.backorders.created_at IS 'when they were promised: the queue is in this order';
COMMENT ON COLUMN commerce.backorders.waiting IS 'units of the reservation that have to be received first';

CREATE TABLE commerce.stock_lots (
    sku text NOT NULL,
    location text NOT NULL,
    lot text NOT NULL CHECK (lot <> ''),
    expires_on date,
    on_hand bigint NOT NULL CHECK (on_hand BETWEEN 0 AND 1000000000000000000),
    expired bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (sku, location, lot),
    CHECK (expired BETWEEN 0 AND on_hand)
);
COMMENT ON TABLE commerce.stock_lots IS
'units on hand that came as one lot; what stock.on_hand has more than its lots together came without';
COMMENT ON COLUMN commerce.stock_lots.expires_on IS 'the last day on which units of the lot are sold; NULL: they keep';
COMMENT ON COLUMN commerce.stock_lots.on_hand IS 'units of the lot physically there, in whatever state';
COMMENT ON COLUMN commerce.stock_lots.expired IS 'units of the lot that expire_lots() has put into state other';
CREATE INDEX stock_lots_expiry ON commerce.stock_lots (expires_on) WHERE on_hand > expired;

CREATE TABLE commerce.stock_alerts (
    sku text NOT NULL,
    location text NOT NULL,
    number bigint NOT NULL,
    level text NOT NULL CHECK (level IN ('ok', 'low', 'out')),
    announced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sku, location, number)
);
COMMENT ON TABLE commerce.stock_alerts IS
'what announce_stock() has told the outside world, each crossing once; a level of which nothing is said is ok';
COMMENT ON COLUMN commerce.stock_alerts.level IS
'out: available <= 0; low: available <= low_stock; ok: more than that';
COMMENT ON COLUMN commerce.stock_alerts.number IS 'counts the crossings of a level from 1; the highest says what was told last';

CREATE TABLE commerce.stocktakes (
    id uuid PRIMARY KEY DEFAULT commerce.uuidv7(),
    location text NOT NULL,
    actor text NOT NULL DEFAULT current_user,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    applied boolean
);
COMMENT ON TABLE commerce.stocktakes IS 'each time a location was counted; one at a time for a location';
COMMENT ON COLUMN commerce.stocktakes.applied IS 'whether levels were corrected; NULL while it is under way';
CREATE UNIQUE INDEX stocktakes_under_way ON commerce.stocktakes (location) WHERE finished_at IS NULL;

CREATE TABLE commerce.stocktake_counts (
    stocktake uuid NOT NULL REFERENCES commerce.stocktakes,
    sku text NOT NULL,
    expected bigint NOT NULL,
    counted bigint NOT NULL CHECK (counted BETWEEN 0 AND 1000000000000000000),
    correction bigint,
    actor text NOT NULL DEFAULT current_user,
    counted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stocktake, sku)
);
COMMENT ON TABLE commerce.stocktake_counts IS 'what was found of a sku, in whatever state, and what should have been there at that moment';
COMMENT ON COLUMN commerce.stocktake_counts.expected IS 'units on hand by commerce.stock when it was counted';
COMMENT ON COLUMN commerce.stocktake_counts.counted IS 'units found';
COMMENT ON COLUMN commerce.stocktake_counts.correction IS
'units by which finish_stocktake() changed on_hand; NULL before, and where it was not to';

GRANT SELECT ON commerce.stock, commerce.reservations, commerce.stock_movements, commerce.kit_parts, commerce.stock_levels,
    commerce.backorders, commerce.stock_lots, commerce.stock_alerts, commerce.stocktakes, commerce.stocktake_counts
    TO commerce_reader;
