CREATE TABLE commerce.state_machines (
    name text PRIMARY KEY,
    initial text NOT NULL,
    states text[] NOT NULL CHECK (initial = ANY (states)),
    labels jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    history boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE commerce.state_machines IS 'state machines by name; change them with commerce.create_state_machine';
COMMENT ON COLUMN commerce.state_machines.labels IS 'what people call a state: {"paid": "Bezahlt"} or {"paid": {"de": "Bezahlt", "en": "Paid"}}; commerce.state_label() reads it. A label is not a state';
COMMENT ON COLUMN commerce.state_machines.history IS 'false: its changes are judged and leave no row in commerce.state_history';

CREATE TABLE commerce.transitions (
    machine text NOT NULL REFERENCES commerce.state_machines ON DELETE CASCADE,
    from_state text NOT NULL,
    event text NOT NULL,
    to_state text NOT NULL,
    guard text,
    effect text,
    role text,
    topic text,
    condition commerce.condition,
    position integer NOT NULL DEFAULT 0,
    PRIMARY KEY (machine, from_state, event)
);
COMMENT ON TABLE commerce.transitions IS 'which event leads from which state to which';
COMMENT ON COLUMN commerce.transitions.guard IS 'function (row jsonb, event text, detail jsonb) returning boolean; row is as it is to be, but for generated columns, which still have their old value; detail is {} where the event has none; anything but true refuses with CM011';
COMMENT ON COLUMN commerce.transitions.condition IS 'condition over the row, of which attributes.x is the column x; anything but true refuses with CM011';
COMMENT ON COLUMN commerce.transitions.position IS 'place in the definition: of several events between the same two states, an UPDATE that names none is the first whose role and guard agree';
COMMENT ON COLUMN commerce.transitions.effect IS 'function (row jsonb, event text, detail jsonb) called when the transition is taken, in its transaction; detail is {} where the event has none';
COMMENT ON COLUMN commerce.transitions.role IS 'only members of this role may take the transition; others get CM012';
COMMENT ON COLUMN commerce.transitions.topic IS 'topic of the outbox event written when the transition is taken';

CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON commerce.transitions
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.invalidate_cache();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON commerce.state_machines
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.invalidate_cache();
CREATE TRIGGER in_use BEFORE DELETE OR UPDATE OF name ON commerce.state_machines
    FOR EACH ROW EXECUTE FUNCTION commerce.refuse_machine_in_use();

CREATE TABLE commerce.state_history (
    subject text NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    relation text NOT NULL,
    item text,
    machine text NOT NULL,
    event text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    actor text NOT NULL,
    detail jsonb,
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (subject, id)
);
COMMENT ON TABLE commerce.state_history IS 'every state change of every table with a state machine, written by the trigger that allowed it';
COMMENT ON COLUMN commerce.state_history.relation IS 'the table, with its schema';
COMMENT ON COLUMN commerce.state_history.subject IS 'first column of the primary key of the row that changed: for all that belongs to an order, the order';
COMMENT ON COLUMN commerce.state_history.item IS 'the other columns of that key; NULL where there are none';
COMMENT ON COLUMN commerce.state_history.actor IS 'the role that made the change: the current role of the session';

CREATE TABLE commerce.idempotency_keys (
    key text PRIMARY KEY,
    request bytea NOT NULL,
    order_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE commerce.idempotency_keys IS 'requests that were carried out: the same key gets the same order again';
COMMENT ON COLUMN commerce.idempotency_keys.request IS 'SHA-256 of the request, hashed once more with the shop''s key where somebody''s destination is part of it, so that nobody finds that by trying; another request under the same key is CM050';

CREATE SEQUENCE commerce.order_numbers;

CREATE TABLE commerce.orders (
    id uuid PRIMARY KEY DEFAULT commerce.uuidv7(),
    number bigint NOT NULL DEFAULT nextval('commerce.order_numbers'),
    state text NOT NULL DEFAULT 'placed',
    channel text NOT NULL,
    customer_id uuid,
    ship_to jsonb,
    ship_address commerce.sealed('address'),
    shipping_method text,
    codes text[] NOT NULL DEFAULT '{}',
    tax_level text NOT NULL,
    subtotal commerce.amount NOT NULL,
    discount commerce.amount NOT NULL,
    shipping commerce.amount NOT NULL,
    tax commerce.amount NOT NULL,
    included_tax commerce.amount NOT NULL,
    rounding commerce.amount NOT NULL,
    cash_increment commerce.amount,
    total commerce.amount NOT NULL,
    tax_treatment text NOT NULL DEFAULT 'taxed',
    placed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT total_adds_up CHECK (commerce.minor_units(total) = commerce.minor_units(subtotal)
        - commerce.minor_units(discount) + commerce.minor_units(shipping) + commerce.minor_units(tax)
        - commerce.minor_units(included_tax) + commerce.minor_units(rounding)),
    CONSTRAINT tax_level_known CHECK (tax_level IN ('line', 'unit', 'rate', 'order', 'order_delta')),
    CONSTRAINT untaxed_has_no_tax CHECK (tax_treatment = 'taxed'
        OR tax_treatment IN ('exempt', 'reverse_charge') AND commerce.minor_units(tax) = 0),
    CONSTRAINT included_tax_is_part_of_tax CHECK (commerce.minor_units(included_tax) BETWEEN 0 AND commerce.minor_units(tax)),
    CONSTRAINT cash_is_something CHECK (commerce.minor_units(cash_increment) > 0 AND commerce.currency(cash_increment) = commerce.currency(total)),
    CONSTRAINT total_not_negative CHECK (commerce.minor_units(total) >= 0)
);
COMMENT ON TABLE commerce.orders IS 'what was bought; its state changes only along the order machine';
COMMENT ON COLUMN commerce.orders.number IS 'for people to read; unique but not gap-free';
COMMENT ON COLUMN commerce.orders.ship_to IS 'the part of the destination that prices depend on: country, region, postal_code';
COMMENT ON COLUMN commerce.orders.ship_address IS 'the whole destination, sealed for the customer, or for the order where a guest bought';
COMMENT ON COLUMN commerce.orders.discount IS 'all discounts, on lines and on shipping';
COMMENT ON COLUMN commerce.orders.tax IS 'all taxes, contained in prices or added to them';
COMMENT ON COLUMN commerce.orders.included_tax IS 'the part of tax that prices already contain';
COMMENT ON COLUMN commerce.orders.rounding IS 'what the total was changed by to be payable in cash';
COMMENT ON COLUMN commerce.orders.cash_increment IS 'what its total is a multiple of, also after each change of it; NULL: it is not rounded, or nobody knows by what';
COMMENT ON COLUMN commerce.orders.tax_treatment IS
'taxed; exempt: the customer or the group pays no tax; reverse_charge: a business in another country of the union owes the tax there itself, which the invoice must say';
COMMENT ON COLUMN commerce.orders.tax_level IS 'where its taxes were rounded, as commerce.shop.tax_level';
CREATE INDEX orders_number ON commerce.orders (number);
CREATE INDEX orders_customer ON commerce.orders (customer_id) WHERE customer_id IS NOT NULL;

CREATE TABLE commerce.order_lines (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    line integer NOT NULL,
    sku text NOT NULL,
    title text NOT NULL DEFAULT '',
    quantity bigint NOT NULL CHECK (quantity > 0),
    unit_price commerce.amount NOT NULL,
    per_quantity integer NOT NULL DEFAULT 1,
    list_price commerce.amount,
    gift_of uuid,
    tax_class text NOT NULL,
    tax_exempt boolean NOT NULL DEFAULT false,
    requires_shipping boolean NOT NULL DEFAULT true,
    subtotal commerce.amount NOT NULL,
    discount commerce.amount NOT NULL,
    tax commerce.amount NOT NULL,
    included_tax commerce.amount NOT NULL,
    total commerce.amount NOT NULL,
    PRIMARY KEY (order_id, line),
    CONSTRAINT total_adds_up CHECK (commerce.minor_units(total) = commerce.minor_units(subtotal)
        - commerce.minor_units(discount) + commerce.minor_units(tax) - commerce.minor_units(included_tax)),
    CONSTRAINT included_tax_is_part_of_tax CHECK (commerce.minor_units(included_tax) BETWEEN 0 AND commerce.minor_units(tax)),
    CONSTRAINT exempt_has_no_tax CHECK (NOT tax_exempt OR commerce.minor_units(tax) = 0),
    CONSTRAINT discount_within_price CHECK (commerce.minor_units(discount) BETWEEN 0 AND commerce.minor_units(subtotal))
);
COMMENT ON COLUMN commerce.order_lines.list_price IS 'the price of a unit, of per_quantity units where nothing was changed, before promotions of the catalogue; NULL where there were none';
COMMENT ON COLUMN commerce.order_lines.gift_of IS 'the promotion that the line is a gift of';
COMMENT ON COLUMN commerce.order_lines.requires_shipping IS 'as variants.requires_shipping when it was bought; false: delivered without a parcel';
COMMENT ON TABLE commerce.order_lines IS 'what was bought, with the price it was bought at; never changed by later prices or promotions';

CREATE TABLE commerce.order_discounts (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    line integer NOT NULL,
    number integer NOT NULL,
    promotion uuid,
    reason text,
    amount commerce.amount NOT NULL,
    saved_tax commerce.amount,
    PRIMARY KEY (order_id, line, number),
    CONSTRAINT promotion_or_reason CHECK ((promotion IS NULL) = (reason IS NOT NULL))
);
COMMENT ON TABLE commerce.order_discounts IS 'what each promotion took off each line, and what was taken off by hand; line 0 is shipping';
COMMENT ON COLUMN commerce.order_discounts.number IS 'of the discounts on a line, from 1, in the order in which they were applied';
COMMENT ON COLUMN commerce.order_discounts.saved_tax IS 'so much less tax is due on the line because of it: part of amount where prices contain the tax, beside it where the tax is added; NULL where it is not known';
COMMENT ON COLUMN commerce.order_discounts.reason IS 'why somebody took this off by hand';

CREATE TABLE commerce.order_taxes (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    line integer NOT NULL,
    tax_class text NOT NULL,
    name text NOT NULL,
    rate numeric(9,6) NOT NULL,
    included boolean NOT NULL,
    compound boolean NOT NULL DEFAULT false,
    amount commerce.amount NOT NULL CHECK (commerce.minor_units(amount) >= 0),
    PRIMARY KEY (order_id, line, tax_class, name)
);
COMMENT ON TABLE commerce.order_taxes IS 'the taxes of each line; line 0 is shipping';

-- What checkout() stores it has checked itself; these are for everybody else.
CREATE CONSTRAINT TRIGGER adds_up AFTER INSERT OR UPDATE OF subtotal, discount, tax ON commerce.orders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NOT commerce.storing_order()) EXECUTE FUNCTION commerce.check_order_sums('id');
CREATE CONSTRAINT TRIGGER adds_up AFTER INSERT OR UPDATE OR DELETE ON commerce.order_lines DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NOT commerce.storing_order()) EXECUTE FUNCTION commerce.check_order_sums('order_id');
CREATE CONSTRAINT TRIGGER adds_up AFTER INSERT OR UPDATE OR DELETE ON commerce.order_discounts DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NOT commerce.storing_order()) EXECUTE FUNCTION commerce.check_order_sums('order_id');
CREATE CONSTRAINT TRIGGER adds_up AFTER INSERT OR UPDATE OR DELETE ON commerce.order_taxes DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NOT commerce.storing_order()) EXECUTE FUNCTION commerce.check_order_sums('order_id');

GRANT SELECT ON commerce.state_machines, commerce.transitions, commerce.state_history, commerce.order_lines,
    commerce.order_discounts, commerce.order_taxes TO commerce_reader;
GRANT SELECT (id, number, state, channel, customer_id, ship_to, shipping_method, codes, tax_level, tax_treatment,
    subtotal, discount, shipping, tax, included_tax, rounding, cash_increment, total, placed_at, created_at) ON commerce.orders TO commerce_reader;
