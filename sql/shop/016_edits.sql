-- Orders that are held back, that nobody pays, and that change after they were placed.
ALTER TABLE commerce.channels ADD COLUMN unpaid_ttl interval CHECK (unpaid_ttl > '0');
COMMENT ON COLUMN commerce.channels.unpaid_ttl IS
'so long after it was placed here an order expires of which nothing is paid or authorized; NULL: never. For orders that are placed, or reopened, after it is set';

ALTER TABLE commerce.orders
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN version integer NOT NULL DEFAULT 1 CHECK (version > 0);
COMMENT ON COLUMN commerce.orders.expires_at IS
'from this moment on expire_orders() ends the order if nothing of it is paid or authorized; NULL: never. Looked at while it is placed';
COMMENT ON COLUMN commerce.orders.version IS
'1 as placed, one more with each edit and cancelled part; what it said before is in commerce.order_versions';
CREATE INDEX orders_unpaid ON commerce.orders (expires_at) WHERE state = 'placed' AND expires_at IS NOT NULL;
CREATE TRIGGER renew_expiry BEFORE UPDATE OF state ON commerce.orders FOR EACH ROW
    WHEN (new.state = 'placed' AND old.state IN ('cancelled', 'expired')) EXECUTE FUNCTION commerce.renew_expiry();
GRANT SELECT (expires_at, version) ON commerce.orders TO commerce_reader;

ALTER TABLE commerce.order_lines
    DROP CONSTRAINT order_lines_quantity_check,
    ADD COLUMN cancelled bigint NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    ADD COLUMN priced_version integer NOT NULL DEFAULT 1 CHECK (priced_version > 0),
    ADD CONSTRAINT order_lines_quantity_check CHECK (quantity >= 0 AND (quantity > 0 OR cancelled > 0));
COMMENT ON COLUMN commerce.order_lines.quantity IS 'units that are bought now; 0 of a line of which all were cancelled';
COMMENT ON COLUMN commerce.order_lines.cancelled IS
'units that were bought and taken out again, by cancel_lines() or an edit; not part of quantity, and the amounts are without them';
COMMENT ON COLUMN commerce.order_lines.priced_version IS
'the version of the order (orders.version) in which the amounts of the line were last set as a whole; where units were taken out since, they are the exact share of those';

CREATE TABLE commerce.order_holds (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    reason text,
    held_by text NOT NULL,
    held_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    released_by text,
    released_at timestamptz,
    PRIMARY KEY (order_id, id),
    CONSTRAINT released_by_somebody CHECK ((released_by IS NULL) = (released_at IS NULL))
);
COMMENT ON TABLE commerce.order_holds IS
'when and why orders were kept from being shipped, by the events hold and release; on hold is an order with a row that is not released, see commerce.order_flags';
COMMENT ON COLUMN commerce.order_holds.reason IS 'reason in the event''s detail, e.g. fraud check';
COMMENT ON COLUMN commerce.order_holds.held_by IS 'the role that did';
COMMENT ON COLUMN commerce.order_holds.released_by IS 'the role that did';
COMMENT ON COLUMN commerce.order_holds.released_at IS 'NULL: on hold now';
CREATE UNIQUE INDEX order_holds_open ON commerce.order_holds (order_id) WHERE released_at IS NULL;
-- Whoever sends a parcel, by whichever function: not while the order is on hold.
CREATE TRIGGER refuse_held BEFORE INSERT OR UPDATE OF state ON commerce.fulfilments FOR EACH ROW
    WHEN (new.state = 'shipped') EXECUTE FUNCTION commerce.refuse_held_parcel();

CREATE TABLE commerce.order_edits (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    state text NOT NULL DEFAULT 'open',
    changes jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'array'),
    reason text,
    return_id uuid,
    difference commerce.amount,
    version integer,
    begun_by text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_by text,
    closed_at timestamptz,
    PRIMARY KEY (order_id, id),
    FOREIGN KEY (order_id, return_id) REFERENCES commerce.returns,
    CONSTRAINT closed_by_somebody CHECK ((closed_by IS NULL) = (closed_at IS NULL) AND (state = 'open') = (closed_at IS NULL)),
    CONSTRAINT confirmed_has_difference CHECK ((state = 'confirmed') = (difference IS NOT NULL))
);
COMMENT ON TABLE commerce.order_edits IS
'changes to placed orders, by begin_edit(): nothing is changed until confirm_edit(). An order has one open edit at most';
COMMENT ON COLUMN commerce.order_edits.state IS 'open, confirmed or aborted';
COMMENT ON COLUMN commerce.order_edits.changes IS 'what is to change, as begin_edit() takes it';
COMMENT ON COLUMN commerce.order_edits.return_id IS 'commerce.returns.id: of an exchange, the goods that come back for it';
COMMENT ON COLUMN commerce.order_edits.difference IS 'of a confirmed edit, what it changed the total by';
COMMENT ON COLUMN commerce.order_edits.version IS 'of a confirmed edit, the version of the order that it made; NULL where nothing changed';
COMMENT ON COLUMN commerce.order_edits.begun_by IS 'the role that did';
COMMENT ON COLUMN commerce.order_edits.closed_by IS 'the role that confirmed or aborted it';
CREATE UNIQUE INDEX order_edits_open ON commerce.order_edits (order_id) WHERE state = 'open';
CREATE INDEX order_edits_id ON commerce.order_edits (id);
SELECT commerce.create_state_machine('edit', '{
    "initial": "open",
    "states": ["open", "confirmed", "aborted"],
    "transitions": [
        {"event": "confirm", "from": "open", "to": "confirmed"},
        {"event": "abort", "from": "open", "to": "aborted"}]}');
SELECT commerce.attach_state_machine('commerce.order_edits', 'state', 'edit');

CREATE TABLE commerce.order_versions (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    version integer NOT NULL CHECK (version > 0),
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object'),
    cause text NOT NULL CHECK (cause IN ('cancel_lines', 'edit')),
    edit_id uuid,
    reason text,
    difference commerce.amount NOT NULL,
    tax commerce.amount NOT NULL,
    rounding commerce.amount NOT NULL,
    taxes jsonb NOT NULL CHECK (jsonb_typeof(taxes) = 'array'),
    actor text NOT NULL,
    replaced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (order_id, version)
);
COMMENT ON TABLE commerce.order_versions IS
'what orders said before they were changed: a row for each version but the one of now, with what replaced it. Written once; lines whose amounts are shares of an earlier version''s (order_lines.priced_version) are computed from it';
COMMENT ON COLUMN commerce.order_versions.document IS
'the whole version: totals, lines with their discounts and taxes, discounts and taxes of shipping; amounts as money in JSON';
COMMENT ON COLUMN commerce.order_versions.cause IS 'what replaced it: cancel_lines or edit';
COMMENT ON COLUMN commerce.order_versions.edit_id IS 'commerce.order_edits.id';
COMMENT ON COLUMN commerce.order_versions.difference IS 'the total of the version after it less its own; below zero where it became cheaper';
COMMENT ON COLUMN commerce.order_versions.tax IS 'the same of tax';
COMMENT ON COLUMN commerce.order_versions.rounding IS 'the same of rounding';
COMMENT ON COLUMN commerce.order_versions.taxes IS 'tax by name and rate, as commerce.invoices.taxes';
COMMENT ON COLUMN commerce.order_versions.actor IS 'the role that changed the order';

CREATE VIEW commerce.order_flags AS
    SELECT o.id AS order_id,
        EXISTS (SELECT FROM commerce.order_holds h WHERE h.order_id = o.id AND h.released_at IS NULL) AS on_hold,
        EXISTS (SELECT FROM commerce.order_edits e WHERE e.order_id = o.id AND e.state = 'open') AS modifying
    FROM commerce.orders o;
COMMENT ON VIEW commerce.order_flags IS 'what an order is beside its state: SELECT order_id FROM commerce.order_flags WHERE on_hold';
COMMENT ON COLUMN commerce.order_flags.on_hold IS 'none of its parcels leaves until the event release';
COMMENT ON COLUMN commerce.order_flags.modifying IS 'it has an open edit';

GRANT SELECT ON commerce.order_holds, commerce.order_edits, commerce.order_versions, commerce.order_flags TO commerce_reader;
