CREATE TABLE commerce.payments (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    state text NOT NULL DEFAULT 'authorized',
    provider text NOT NULL DEFAULT 'manual',
    authorized commerce.amount NOT NULL,
    captured commerce.amount NOT NULL,
    refunded commerce.amount NOT NULL,
    charged_back commerce.amount NOT NULL,
    requested commerce.amount,
    balance uuid,
    due_at timestamptz,
    owed boolean GENERATED ALWAYS AS (provider = 'account' AND state IN ('authorized', 'partially_captured')) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, id),
    CONSTRAINT never_more_than_before CHECK (0 <= commerce.minor_units(refunded) AND 0 <= commerce.minor_units(charged_back)
        AND commerce.minor_units(refunded) + commerce.minor_units(charged_back) <= commerce.minor_units(captured)
        AND commerce.minor_units(captured) <= commerce.minor_units(authorized)
        AND (requested IS NULL OR commerce.minor_units(authorized) <= commerce.minor_units(requested))),
    CONSTRAINT one_currency CHECK (commerce.currency(authorized) = commerce.currency(captured)
        AND commerce.currency(authorized) = commerce.currency(refunded)
        AND commerce.currency(authorized) = commerce.currency(charged_back)
        AND (requested IS NULL OR commerce.currency(authorized) = commerce.currency(requested))),
    CONSTRAINT paid_by_balance CHECK ((balance IS NOT NULL) = (provider IN ('balance', 'account'))),
    CONSTRAINT due_on_account CHECK ((due_at IS NOT NULL) = (provider = 'account')),
    -- An event fired by hand moves no money, and so does not get to a state that says money has moved.
    CONSTRAINT state_tells_what_moved CHECK ((state = 'charged_back') = (commerce.minor_units(charged_back) > 0) AND CASE state
        WHEN 'created' THEN commerce.minor_units(authorized) = 0
        WHEN 'processing' THEN commerce.minor_units(authorized) = 0
        WHEN 'requires_action' THEN commerce.minor_units(authorized) = 0
        WHEN 'failed' THEN commerce.minor_units(authorized) = 0
        WHEN 'authorized' THEN commerce.minor_units(captured) = 0
            AND (commerce.minor_units(authorized) > 0 OR requested IS NULL OR commerce.minor_units(requested) = 0)
        WHEN 'voided' THEN commerce.minor_units(captured) = 0
        WHEN 'expired' THEN commerce.minor_units(captured) = 0
        WHEN 'partially_captured' THEN commerce.minor_units(captured) > 0 AND commerce.minor_units(refunded) = 0
        WHEN 'captured' THEN commerce.minor_units(captured) = commerce.minor_units(authorized)
            AND commerce.minor_units(refunded) = 0
        WHEN 'partially_refunded' THEN commerce.minor_units(refunded) > 0
            AND commerce.minor_units(refunded) < commerce.minor_units(captured)
        WHEN 'refunded' THEN commerce.minor_units(refunded) = commerce.minor_units(captured)
        ELSE true END)
);
COMMENT ON TABLE commerce.payments IS 'money promised, taken and given back for an order; totals of payment_entries';
COMMENT ON COLUMN commerce.payments.provider IS 'who moves the money, as the shop calls him; balance: a gift card or store credit; account: the customer, later, whose credit line vouches for it';
COMMENT ON COLUMN commerce.payments.authorized IS 'what the provider promised and has not taken back while some of it was captured; of a payment that was voided or expired, what he had promised';
COMMENT ON COLUMN commerce.payments.captured IS 'what was taken of it';
COMMENT ON COLUMN commerce.payments.refunded IS 'what the shop gave back of that';
COMMENT ON COLUMN commerce.payments.charged_back IS 'what the payer''s bank took back of it and has not returned';
COMMENT ON COLUMN commerce.payments.requested IS 'what begin_payment() asked for; NULL for a payment that began as authorized';
COMMENT ON COLUMN commerce.payments.balance IS 'commerce.balances.id of the gift card or store credit that paid or, on account, of the credit line; NULL for all other providers';
COMMENT ON COLUMN commerce.payments.due_at IS 'until when the customer is to pay what was bought on account; NULL for all other providers';
COMMENT ON COLUMN commerce.payments.owed IS 'bought on account, and not all of it is paid or let go';
CREATE INDEX payments_id ON commerce.payments (id);

CREATE TABLE commerce.payment_entries (
    order_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    kind text NOT NULL CHECK (kind IN ('authorize', 'capture', 'refund', 'void', 'expire', 'chargeback', 'reversal')),
    amount commerce.amount NOT NULL CHECK (commerce.minor_units(amount) >= 0),
    reference text,
    happened_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, payment_id, id),
    FOREIGN KEY (order_id, payment_id) REFERENCES commerce.payments
);
COMMENT ON TABLE commerce.payment_entries IS 'the ledger: what was promised, moved and let go, in order; written once and never changed';
COMMENT ON COLUMN commerce.payment_entries.kind IS
'authorize, capture, refund; void and expire: what was promised and will not be captured; chargeback: the payer''s bank took it back; reversal: and returned it';

-- A table of its own, because a unique key has to lead with what its table would be sharded by.
CREATE TABLE commerce.payment_references (
    provider text NOT NULL,
    reference text NOT NULL,
    kind text NOT NULL,
    order_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    entry_id uuid,
    PRIMARY KEY (provider, reference, kind),
    CONSTRAINT beginning_moves_nothing CHECK ((entry_id IS NULL) = (kind = 'begin'))
);
COMMENT ON COLUMN commerce.payment_references.kind IS 'as commerce.payment_entries.kind; begin: of begin_payment(), which has no entry';
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
