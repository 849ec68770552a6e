-- Numbers: of orders, by a sequence of each channel; of invoices, without gaps, by whoever holds the one lock for it.
ALTER TABLE commerce.channels
    ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC' CHECK (commerce.is_time_zone(time_zone)),
    ADD COLUMN order_sequence text,
    ADD COLUMN order_format text NOT NULL DEFAULT '{number}' CHECK (commerce.is_number_format(order_format)),
    ADD COLUMN invoice_on text NOT NULL DEFAULT 'paid' CHECK (invoice_on IN ('paid', 'confirmed', 'never')),
    ADD COLUMN invoice_format text NOT NULL DEFAULT '{year}-{number:5}' CHECK (commerce.is_number_format(invoice_format)),
    ADD COLUMN credit_note_format text NOT NULL DEFAULT 'C-{year}-{number:5}'
        CHECK (commerce.is_number_format(credit_note_format));
COMMENT ON COLUMN commerce.channels.time_zone IS 'in which the year of its invoices begins, e.g. Europe/Berlin';
COMMENT ON COLUMN commerce.channels.order_sequence IS
'the sequence that numbers its orders, with its schema; made with the channel. Channels may share one: UPDATE commerce.channels SET order_sequence = ''commerce.order_numbers''';
COMMENT ON COLUMN commerce.channels.order_format IS
'how order_number() prints the numbers of its orders: text that ends in {number}, or {number:6} for at least six digits; {channel} and {year} stand for its code and the year the order was placed in. E.g. WEB-{number}';
COMMENT ON COLUMN commerce.channels.invoice_on IS
'when an order here gets its invoice: paid, when all of its total is captured; confirmed, when it is confirmed or completed; never, but by request_invoice(). For what was sold before it is changed: queue_invoices()';
COMMENT ON COLUMN commerce.channels.invoice_format IS
'how its invoices are numbered, as order_format; {year} is the year of the invoice. What stands before {number} is the series: formats with the same share one, so the default is one series a year for the whole shop, and {channel}-{year}-{number:5} one for each channel';
COMMENT ON COLUMN commerce.channels.credit_note_format IS 'how its credit notes are numbered, as invoice_format';

CREATE TRIGGER number_channel BEFORE INSERT OR UPDATE OF order_sequence ON commerce.channels
    FOR EACH ROW EXECUTE FUNCTION commerce.number_channel();
-- One channel goes on with the sequence that all had so far, each other with the number after its last.
UPDATE commerce.channels SET order_sequence = CASE code WHEN 'default' THEN 'commerce.order_numbers' END;
ALTER TABLE commerce.channels ALTER COLUMN order_sequence SET NOT NULL;
SELECT setval(c.order_sequence::regclass, n.last) FROM commerce.channels c,
        LATERAL (SELECT max(o.number) AS last FROM commerce.orders o WHERE o.channel = c.code) n
    WHERE c.code <> 'default' AND n.last > 0;
-- A shop that has sold without invoices has them made elsewhere.
UPDATE commerce.channels SET invoice_on = 'never' WHERE EXISTS (SELECT FROM commerce.orders);

DROP INDEX commerce.orders_number;
CREATE UNIQUE INDEX orders_number ON commerce.orders (number, channel);
ALTER TABLE commerce.orders ALTER COLUMN number DROP DEFAULT;
COMMENT ON COLUMN commerce.orders.number IS 'for people to read, as order_number() prints it; unique in its channel, from the channel''s sequence where it is not given, not gap-free';
CREATE TRIGGER number_order BEFORE INSERT ON commerce.orders
    FOR EACH ROW WHEN (new.number IS NULL) EXECUTE FUNCTION commerce.number_order();

CREATE TABLE commerce.invoice_series (
    series text PRIMARY KEY,
    last_number bigint NOT NULL DEFAULT 0 CHECK (last_number >= 0)
);
COMMENT ON TABLE commerce.invoice_series IS
'how far each series of invoices is numbered. To go on from elsewhere, before the first of the series: INSERT INTO commerce.invoice_series VALUES (''2026-'', 4711)';
COMMENT ON COLUMN commerce.invoice_series.series IS 'what stands before the number: channels.invoice_format or credit_note_format without {number}, with channel and year filled in';
COMMENT ON COLUMN commerce.invoice_series.last_number IS 'the next document of the series gets the number after it';

CREATE TABLE commerce.invoices (
    series text NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    invoice_number text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    order_id uuid NOT NULL REFERENCES commerce.orders,
    cause text NOT NULL,
    cause_id uuid NOT NULL,
    issued_at timestamptz NOT NULL,
    net commerce.amount NOT NULL,
    tax commerce.amount NOT NULL,
    rounding commerce.amount NOT NULL,
    total commerce.amount NOT NULL,
    taxes jsonb NOT NULL CHECK (jsonb_typeof(taxes) = 'array'),
    tax_treatment text NOT NULL,
    PRIMARY KEY (series, number),
    CONSTRAINT total_adds_up CHECK (commerce.minor_units(total) = commerce.minor_units(net) + commerce.minor_units(tax)
        + commerce.minor_units(rounding)),
    CONSTRAINT sign_fits_kind CHECK (CASE kind WHEN 'invoice' THEN commerce.minor_units(total) >= 0
        ELSE commerce.minor_units(total) < 0 END),
    order_version integer NOT NULL DEFAULT 1,
    CONSTRAINT cause_fits_kind CHECK (CASE kind
        WHEN 'invoice' THEN cause IN ('paid', 'confirmed', 'requested') AND cause_id = order_id OR cause IN ('edit', 'reopen', 'repaid')
        ELSE cause IN ('refund', 'return', 'cancel', 'edit', 'chargeback') END)
);
COMMENT ON TABLE commerce.invoices IS
'invoices and credit notes, numbered from 1 without gaps in each series by issue_invoices(), after what they are about was committed; never changed or deleted (CM042). Amounts of credit notes are negative, so that sums are what was earned';
COMMENT ON COLUMN commerce.invoices.series IS 'commerce.invoice_series.series';
COMMENT ON COLUMN commerce.invoices.number IS 'in its series, from 1, without gaps; a higher one was issued later, or after it in the same batch';
COMMENT ON COLUMN commerce.invoices.invoice_number IS 'series and number as printed, unique in the shop, e.g. 2026-00042';
COMMENT ON COLUMN commerce.invoices.kind IS 'invoice: one for an order, and a supplement for each edit that made it dearer and for what was credited and is paid again, or comes back of a chargeback; credit_note: takes (part of) it back';
COMMENT ON COLUMN commerce.invoices.cause IS 'why it was issued: paid, confirmed or requested; of a supplement edit, reopen (the order was cancelled, and is wanted after all) or repaid (what was given back, or up, was paid again or came back of a chargeback); of a credit note refund, return, cancel (or expiry), edit (or cancelled part) or chargeback';
COMMENT ON COLUMN commerce.invoices.cause_id IS 'payment_entries.id of the refund, chargeback, or capture or reversal that paid again, returns.id of the return, order_versions.id of the edit, else the order; where an order is cancelled or reopened more than once, an id of its own';
COMMENT ON COLUMN commerce.invoices.issued_at IS 'when its batch was numbered';
COMMENT ON COLUMN commerce.invoices.net IS 'without taxes: goods and shipping after discounts';
COMMENT ON COLUMN commerce.invoices.tax IS 'all taxes; a part of total';
COMMENT ON COLUMN commerce.invoices.rounding IS 'what the total was changed by to be payable in cash';
COMMENT ON COLUMN commerce.invoices.total IS 'net + tax + rounding: what was paid, or is given back';
COMMENT ON COLUMN commerce.invoices.taxes IS 'tax by name and rate: [{"name": "VAT", "rate": 20, "base": {…}, "amount": {…}}], as money in JSON; amounts together are tax, bases (the part of net that it is on) together net, less what has no tax. What has several taxes is in the base of each';
COMMENT ON COLUMN commerce.invoices.order_version IS 'orders.version that the order had when it was issued: what changed the order before is part of it';
COMMENT ON COLUMN commerce.invoices.tax_treatment IS 'as of its order: reverse_charge must be said on it';
CREATE UNIQUE INDEX invoices_invoice_number ON commerce.invoices (invoice_number);
-- Each order has one invoice, each edit one supplement or credit note, each refund and return one credit note, whatever happens.
CREATE UNIQUE INDEX invoices_once ON commerce.invoices (order_id, kind, cause_id);
CREATE INDEX invoices_issued ON commerce.invoices (issued_at);
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON commerce.invoices
    FOR EACH ROW EXECUTE FUNCTION commerce.refuse_invoice_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON commerce.invoices
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.refuse_invoice_change();
ALTER TABLE commerce.invoices ENABLE ALWAYS TRIGGER refuse_change, ENABLE ALWAYS TRIGGER refuse_truncate;

CREATE TABLE commerce.invoice_queue (
    order_id uuid NOT NULL REFERENCES commerce.orders,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    cause text NOT NULL CHECK (cause IN ('paid', 'confirmed', 'requested', 'refund', 'return', 'cancel', 'edit', 'reopen', 'repaid', 'chargeback')),
    cause_id uuid NOT NULL,
    written_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at timestamptz,
    last_error text,
    PRIMARY KEY (order_id, id),
    CONSTRAINT failed_when CHECK ((attempts > 0) = (next_at IS NOT NULL) AND (attempts > 0) = (last_error IS NOT NULL))
);
COMMENT ON TABLE commerce.invoice_queue IS
'orders to look at for an invoice or a credit note, written by the transactions that gave cause, taken out by issue_invoices(); a row that turns out to be about nothing, as part of a payment, is dropped';
COMMENT ON COLUMN commerce.invoice_queue.id IS 'in the order of causes';
COMMENT ON COLUMN commerce.invoice_queue.cause IS 'as commerce.invoices.cause';
COMMENT ON COLUMN commerce.invoice_queue.cause_id IS 'as commerce.invoices.cause_id';
COMMENT ON COLUMN commerce.invoice_queue.written_in IS 'the transaction that wrote the row: when it could be seen';
COMMENT ON COLUMN commerce.invoice_queue.attempts IS 'how often it failed';
COMMENT ON COLUMN commerce.invoice_queue.next_at IS 'of what failed, when it is tried again; until then all of its order waits. NULL: it has its turn';
COMMENT ON COLUMN commerce.invoice_queue.last_error IS 'SQLSTATE of its latest failure; NULL: there was none';
CREATE INDEX invoice_queue_failed ON commerce.invoice_queue (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX invoice_queue_id ON commerce.invoice_queue (id);

CREATE VIEW commerce.invoice_status AS
    SELECT q.order_id, o.number, o.channel, q.cause, q.attempts, q.last_error, q.next_at,
        (SELECT count(*) FROM commerce.invoice_queue b WHERE b.order_id = q.order_id AND b.id <> q.id) AS behind
    FROM commerce.invoice_queue q JOIN commerce.orders o ON o.id = q.order_id
    WHERE q.next_at IS NOT NULL;
COMMENT ON VIEW commerce.invoice_status IS
'invoices and credit notes that could not be issued, the code of the error, and when it is tried again; the documents of other orders are issued meanwhile. Empty: nothing failed. SELECT * FROM commerce.invoice_status ORDER BY next_at; what caused it once removed, SELECT commerce.issue_invoices(again => true)';
COMMENT ON COLUMN commerce.invoice_status.cause IS 'as commerce.invoices.cause';
COMMENT ON COLUMN commerce.invoice_status.attempts IS 'how often it failed';
COMMENT ON COLUMN commerce.invoice_status.last_error IS 'SQLSTATE of its latest failure';
COMMENT ON COLUMN commerce.invoice_status.behind IS 'how many more causes of the same order wait for it';

CREATE TABLE commerce.invoice_wave (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    snapshot pg_snapshot
);
COMMENT ON TABLE commerce.invoice_wave IS 'one row, for issue_invoices()';
COMMENT ON COLUMN commerce.invoice_wave.snapshot IS 'what could be seen when the last full batch was picked: what is left of it has its turn first. NULL: nothing is';
INSERT INTO commerce.invoice_wave DEFAULT VALUES;

CREATE TRIGGER queue_invoice AFTER INSERT ON commerce.payment_entries FOR EACH ROW
    WHEN (new.kind IN ('capture', 'refund', 'reversal')) EXECUTE FUNCTION commerce.queue_invoice();
CREATE TRIGGER queue_invoice AFTER UPDATE OF state ON commerce.returns FOR EACH ROW
    WHEN (new.state IN ('received', 'closed') AND old.state NOT IN ('received', 'closed')) EXECUTE FUNCTION commerce.queue_invoice();
CREATE TRIGGER queue_invoice AFTER UPDATE OF state ON commerce.orders FOR EACH ROW
    WHEN (new.state IN ('confirmed', 'completed', 'cancelled', 'expired') AND old.state <> new.state
        OR new.state = 'placed' AND old.state IN ('cancelled', 'expired')) EXECUTE FUNCTION commerce.queue_invoice();
CREATE TRIGGER queue_new_invoice AFTER INSERT ON commerce.orders FOR EACH ROW
    WHEN (commerce.minor_units(new.total) = 0 OR new.state IN ('confirmed', 'completed')) EXECUTE FUNCTION commerce.queue_invoice();

GRANT SELECT ON commerce.invoice_series, commerce.invoices, commerce.invoice_queue, commerce.invoice_status, commerce.invoice_wave TO commerce_reader;
