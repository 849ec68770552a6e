CREATE TABLE commerce.payments (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    state text NOT NULL DEFAULT 'authorized',
    provider text NOT NULL DEFAULT 'manual',
    authorized commerce.amount NOT NULL,
    captured commerce.amount NOT NULL,
    refunded commerce.amount NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, id),
    CONSTRAINT never_more_than_before CHECK (0 <= commerce.minor_units(refunded)
        AND commerce.minor_units(refunded) <= commerce.minor_units(captured)
        AND commerce.minor_units(captured) <= commerce.minor_units(authorized)),
    CONSTRAINT one_currency CHECK (commerce.currency(authorized) = commerce.currency(captured)
        AND commerce.currency(authorized) = commerce.currency(refunded)),
    -- An event fired by hand moves no money, and so does not get to a state that says money has moved.
    CONSTRAINT state_tells_what_moved CHECK (CASE state
        WHEN 'authorized' THEN commerce.minor_units(captured) = 0
        WHEN 'voided' THEN commerce.minor_units(captured) = 0
        WHEN 'partially_captured' THEN commerce.minor_units(captured) > 0 AND commerce.minor_units(refunded) = 0
        WHEN 'captured' THEN commerce.minor_units(captured) = commerce.minor_units(authorized)
            AND commerce.minor_units(refunded) = 0
        WHEN 'partially_refunded' THEN commerce.minor_units(refunded) > 0
            AND commerce.minor_units(refunded) < commerce.minor_units(captured)
        WHEN 'refunded' THEN commerce.minor_units(refunded) = commerce.minor_units(captured)
        ELSE true END)
);
COMMENT ON TABLE commerce.payments IS 'money promised, taken and given back for an order; totals of payment_entries';
CREATE INDEX payments_id ON commerce.payments (id);

CREATE TABLE commerce.payment_entries (
    order_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    kind text NOT NULL CHECK (kind IN ('authorize', 'capture', 'refund')),
    amount commerce.amount NOT NULL CHECK (commerce.minor_units(amount) >= 0),
    reference text,
    happened_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, payment_id, id),
    FOREIGN KEY (order_id, payment_id) REFERENCES commerce.payments
);
COMMENT ON TABLE commerce.payment_entries IS 'the ledger: what the payment provider was told to do, in order';

-- A table of its own, because a unique key has to lead with what its table would be sharded by.
CREATE TABLE commerce.payment_references (
    provider text NOT NULL,
    reference text NOT NULL,
    kind text NOT NULL,
    order_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    PRIMARY KEY (provider, reference, kind)
);
COMMENT ON TABLE commerce.payment_references IS 'a provider''s reference is used once for each kind of entry: a replay books nothing twice';

CREATE TABLE commerce.fulfilments (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    state text NOT NULL DEFAULT 'open',
    tracking text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, id)
);
COMMENT ON TABLE commerce.fulfilments IS 'parcels of an order';
CREATE INDEX fulfilments_id ON commerce.fulfilments (id);

CREATE TABLE commerce.fulfilment_lines (
    order_id uuid NOT NULL,
    fulfilment_id uuid NOT NULL,
    line integer NOT NULL,
    location text,
    quantity bigint NOT NULL CHECK (quantity > 0),
    UNIQUE NULLS NOT DISTINCT (order_id, fulfilment_id, line, location),
    FOREIGN KEY (order_id, fulfilment_id) REFERENCES commerce.fulfilments,
    FOREIGN KEY (order_id, line) REFERENCES commerce.order_lines
);
COMMENT ON TABLE commerce.fulfilment_lines IS 'what is in a parcel, and from where; location NULL for what has no stock, and for a kit whose parts come from several';

CREATE TABLE commerce.returns (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    state text NOT NULL DEFAULT 'requested',
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, id)
);
COMMENT ON TABLE commerce.returns IS 'goods that come back';
CREATE INDEX returns_id ON commerce.returns (id);

CREATE TABLE commerce.return_lines (
    order_id uuid NOT NULL,
    return_id uuid NOT NULL,
    line integer NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    value commerce.amount NOT NULL,
    disposition text CHECK (disposition IN ('restock', 'write_off')),
    PRIMARY KEY (order_id, return_id, line),
    FOREIGN KEY (order_id, return_id) REFERENCES commerce.returns,
    FOREIGN KEY (order_id, line) REFERENCES commerce.order_lines
);
COMMENT ON TABLE commerce.return_lines IS 'what comes back, what was paid for it, and what became of it';
COMMENT ON COLUMN commerce.return_lines.value IS 'these units'' exact share of what the line cost; the last unit takes the last cent';
COMMENT ON COLUMN commerce.return_lines.disposition IS 'set on receipt: restock puts the units back on hand, write_off does not';

CREATE TABLE commerce.store_credits (
    customer_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    amount commerce.amount NOT NULL CHECK (commerce.minor_units(amount) > 0),
    reason text NOT NULL,
    reference text,
    issued_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, id)
);
CREATE UNIQUE INDEX store_credits_reference ON commerce.store_credits (customer_id, reference);
COMMENT ON TABLE commerce.store_credits IS 'money the shop owes customers outside an order';

GRANT SELECT ON commerce.payments, commerce.payment_entries, commerce.payment_references, commerce.fulfilments,
    commerce.fulfilment_lines, commerce.returns, commerce.return_lines, commerce.store_credits TO commerce_reader;
