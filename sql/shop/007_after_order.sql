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
    CONSTRAINT state_tells_what_moved CHECK (CASE WHEN state = 'charged_back' THEN commerce.minor_units(charged_back) > 0
            ELSE commerce.minor_units(charged_back) = 0 OR provider = 'account' END AND CASE state
        WHEN 'created' THEN commerce.minor_units(authorized) = 0
        WHEN 'processing' THEN commerce.minor_units(authorized) = 0
        WHEN 'requires_action' THEN commerce.minor_units(authorized) = 0
        WHEN 'failed' THEN commerce.minor_units(authorized) = 0
        WHEN 'authorized' THEN commerce.minor_units(captured) = 0
            AND (commerce.minor_units(authorized) > 0 OR requested IS NULL OR commerce.minor_units(requested) = 0)
        WHEN 'voided' THEN commerce.minor_units(captured) = 0
        WHEN 'expired' THEN commerce.minor_units(captured) = 0
        WHEN 'partially_captured' THEN commerce.minor_units(captured) > 0 AND commerce.minor_units(captured) < commerce.minor_units(authorized)
            AND (commerce.minor_units(refunded) = 0 OR provider = 'account')
        WHEN 'captured' THEN commerce.minor_units(captured) = commerce.minor_units(authorized)
            AND commerce.minor_units(refunded) = 0
        WHEN 'partially_refunded' THEN commerce.minor_units(refunded) > 0
            AND commerce.minor_units(refunded) < commerce.minor_units(captured) - commerce.minor_units(charged_back)
        WHEN 'refunded' THEN commerce.minor_units(refunded) = commerce.minor_units(captured) - commerce.minor_units(charged_back)
        ELSE true END)
);
COMMENT ON TABLE commerce.payments IS 'money promised, taken and given back for an order; totals of payment_entries';
COMMENT ON COLUMN commerce.payments.provider IS 'who moves the money, as the shop calls him; balance: a gift card or store credit; account: the customer, later, whose credit line vouches for it';
COMMENT ON COLUMN commerce.payments.authorized IS 'what the provider promised and has not given up since; of a payment that was voided or expired, what he had promised until then';
COMMENT ON COLUMN commerce.payments.captured IS 'what was taken of it';
COMMENT ON COLUMN commerce.payments.refunded IS 'what the shop gave back of that';
COMMENT ON COLUMN commerce.payments.charged_back IS 'what the payer''s bank took back of it and has not returned; on account it is part of what is authorized and captured, and promised a second time where it is owed again';
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
    scheduled_for timestamptz,
    tracking text,
    carrier text,
    tracking_url text CHECK (tracking_url ~* '^https?://'),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, id)
);
COMMENT ON TABLE commerce.fulfilments IS
'parcels of an order, planned and sent; commerce.parcel_lines says what is in them and how far it is';
COMMENT ON COLUMN commerce.fulfilments.state IS
'open, scheduled, on_hold, in_progress, packed: not left yet, its units are reserved; shipped, delivered; incomplete: could not be sent as planned, its units are planned anew; closed: nothing more is done about it; cancelled. Changes along the machine fulfilment';
COMMENT ON COLUMN commerce.fulfilments.scheduled_for IS 'when it is to be sent; NULL: nothing is said';
COMMENT ON COLUMN commerce.fulfilments.tracking IS 'the carrier''s number of the parcel; set by track_fulfilment()';
COMMENT ON COLUMN commerce.fulfilments.carrier IS 'who carries it, as the shop calls him';
COMMENT ON COLUMN commerce.fulfilments.tracking_url IS 'where its way can be looked up';
CREATE INDEX fulfilments_id ON commerce.fulfilments (id);

CREATE TABLE commerce.fulfilment_lines (
    order_id uuid NOT NULL,
    fulfilment_id uuid NOT NULL,
    line integer NOT NULL,
    location text,
    quantity bigint NOT NULL CHECK (quantity > 0),
    dropped boolean NOT NULL DEFAULT false,
    UNIQUE NULLS NOT DISTINCT (order_id, fulfilment_id, line, location),
    FOREIGN KEY (order_id, fulfilment_id) REFERENCES commerce.fulfilments,
    FOREIGN KEY (order_id, line) REFERENCES commerce.order_lines
);
-- Without a primary key, because location may be NULL: a publication of all tables needs to be told how rows are known.
ALTER TABLE commerce.fulfilment_lines REPLICA IDENTITY FULL;
COMMENT ON TABLE commerce.fulfilment_lines IS 'what is in a parcel, and from where; location NULL for what has no stock, and for a kit whose parts come from several';
COMMENT ON COLUMN commerce.fulfilment_lines.dropped IS 'true: the parcel was incomplete, these units did not leave in it';

CREATE TABLE commerce.fulfilment_units (
    order_id uuid NOT NULL,
    fulfilment_id uuid NOT NULL,
    line integer NOT NULL,
    sku text NOT NULL,
    location text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, fulfilment_id, line, sku, location),
    FOREIGN KEY (order_id, fulfilment_id) REFERENCES commerce.fulfilments
);
COMMENT ON TABLE commerce.fulfilment_units IS
'which of the order''s reserved units a parcel takes from stock when it leaves: of a kit its parts. Goods without stock have none';
COMMENT ON COLUMN commerce.fulfilment_units.sku IS 'what is taken; of a kit, the part';

-- The one place that says how far the units of a parcel are.
CREATE VIEW commerce.parcel_lines AS
    SELECT fl.order_id, fl.fulfilment_id, fl.line, fl.location, fl.quantity, f.state,
        CASE WHEN fl.dropped OR f.state IN ('cancelled', 'incomplete') THEN NULL
            WHEN f.state IN ('delivered', 'closed') THEN 'delivered'
            WHEN f.state IN ('shipped', 'packed') THEN f.state
            ELSE 'planned' END AS stage
    FROM commerce.fulfilment_lines fl JOIN commerce.fulfilments f ON f.order_id = fl.order_id AND f.id = fl.fulfilment_id;
COMMENT ON VIEW commerce.parcel_lines IS
'what is in each parcel and how far it is: SELECT line, sum(quantity) FROM commerce.parcel_lines WHERE order_id = … AND stage IN (''shipped'', ''delivered'') GROUP BY line is what has left';
COMMENT ON COLUMN commerce.parcel_lines.state IS 'of the parcel';
COMMENT ON COLUMN commerce.parcel_lines.stage IS
'planned, packed: reserved for this parcel, not left yet; shipped, delivered: left; NULL: counts for nothing, the parcel was cancelled or incomplete';

CREATE TABLE commerce.returns (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    state text NOT NULL DEFAULT 'requested',
    reason text,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, id)
);
COMMENT ON TABLE commerce.returns IS 'goods that come back: return_lines says what is to come, return_receptions what came';
COMMENT ON COLUMN commerce.returns.state IS
'requested, approved, in_transit; partially_received, received; closed: what has not come does not come by this return; declined, cancelled, expired: nothing came. Changes along the machine return';
COMMENT ON COLUMN commerce.returns.expires_at IS 'from then on expire_returns() ends it where nothing has been sent; NULL: never';
CREATE INDEX returns_id ON commerce.returns (id);
CREATE INDEX returns_expiring ON commerce.returns (expires_at) WHERE state IN ('requested', 'approved') AND expires_at IS NOT NULL;

CREATE TABLE commerce.return_lines (
    order_id uuid NOT NULL,
    return_id uuid NOT NULL,
    line integer NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    value commerce.amount NOT NULL,
    PRIMARY KEY (order_id, return_id, line),
    FOREIGN KEY (order_id, return_id) REFERENCES commerce.returns,
    FOREIGN KEY (order_id, line) REFERENCES commerce.order_lines
);
COMMENT ON TABLE commerce.return_lines IS 'what is to come back, and what was paid for it';
COMMENT ON COLUMN commerce.return_lines.value IS 'these units'' exact share of what the line cost; the last unit takes the last cent';

CREATE TABLE commerce.return_receptions (
    order_id uuid NOT NULL,
    return_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    line integer NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    accepted boolean NOT NULL,
    disposition text NOT NULL CHECK (disposition IN ('restock', 'damaged', 'quality_control', 'write_off')),
    location text,
    share commerce.amount NOT NULL,
    value commerce.amount NOT NULL,
    note text,
    actor text NOT NULL DEFAULT current_user,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (order_id, return_id, id),
    FOREIGN KEY (order_id, return_id, line) REFERENCES commerce.return_lines,
    CONSTRAINT put_somewhere CHECK ((location IS NULL) = (disposition = 'write_off')),
    CONSTRAINT worth_its_share CHECK (commerce.minor_units(value) = CASE WHEN accepted THEN commerce.minor_units(share) ELSE 0 END)
);
COMMENT ON TABLE commerce.return_receptions IS 'what of a return came, and what became of it; each unit comes once. Written once and never changed';
COMMENT ON COLUMN commerce.return_receptions.accepted IS 'false: the shop does not take the units back, nothing is refunded for them';
COMMENT ON COLUMN commerce.return_receptions.disposition IS
'where the units went: restock (on hand and for sale), damaged or quality_control (on hand in that state), write_off (nowhere, or back to the customer)';
COMMENT ON COLUMN commerce.return_receptions.location IS 'where they lie now; NULL: nowhere';
COMMENT ON COLUMN commerce.return_receptions.share IS 'these units'' exact share of return_lines.value; the last unit to come takes the last cent';
COMMENT ON COLUMN commerce.return_receptions.value IS 'what is refunded for them: their share where they are accepted, else 0';
COMMENT ON COLUMN commerce.return_receptions.actor IS 'the role that took them in';

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
    commerce.fulfilment_lines, commerce.fulfilment_units, commerce.parcel_lines, commerce.returns, commerce.return_lines,
    commerce.return_receptions, commerce.store_credits TO commerce_reader;
