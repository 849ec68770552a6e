-- Selling to businesses: on account, by quotes, and in quantities that suit.
CREATE TABLE commerce.credit_lines (
    customer_id uuid NOT NULL,
    currency text NOT NULL,
    balance_id uuid NOT NULL,
    credit_limit commerce.amount NOT NULL CHECK (commerce.minor_units(credit_limit) >= 0),
    net_days integer NOT NULL DEFAULT 30 CHECK (net_days BETWEEN 0 AND 3650),
    PRIMARY KEY (customer_id, currency),
    CONSTRAINT one_currency CHECK (commerce.currency(credit_limit) = currency)
);
COMMENT ON TABLE commerce.credit_lines IS
'what customers may owe, one line for each currency, set by set_credit_limit(). What is left of a line is counted by its balance; nobody who buys changes this row';
COMMENT ON COLUMN commerce.credit_lines.balance_id IS 'commerce.balances.id, of kind credit_line';
COMMENT ON COLUMN commerce.credit_lines.credit_limit IS 'what may be owed at a time; may be less than what is';
COMMENT ON COLUMN commerce.credit_lines.net_days IS 'days to pay what is bought on account from now on';

-- What is still owed; what is paid leaves it. By a column that never changes for other providers, whose payments an index on
-- their state would make pay for it.
CREATE INDEX payments_owed ON commerce.payments (balance, due_at) WHERE owed;

CREATE VIEW commerce.open_accounts AS
    SELECT p.balance, o.customer_id, p.order_id, p.id AS payment, p.created_at, p.due_at, p.authorized OPERATOR(commerce.-) p.charged_back AS amount,
        p.captured OPERATOR(commerce.-) p.charged_back AS settled, p.authorized OPERATOR(commerce.-) p.captured AS open, p.due_at < now() AS overdue,
        CASE WHEN p.due_at < now() THEN floor(extract(epoch FROM now() - p.due_at) / 86400)::integer ELSE 0 END AS days_overdue
    FROM commerce.payments p JOIN commerce.orders o ON o.id = p.order_id
    WHERE p.owed;
COMMENT ON VIEW commerce.open_accounts IS
'what was bought on account and is not paid yet, payment by payment. Overdue: SELECT customer_id, order_id, a.open, days_overdue FROM commerce.open_accounts a WHERE overdue ORDER BY due_at';
COMMENT ON COLUMN commerce.open_accounts.balance IS 'the credit line: commerce.credit_lines.balance_id';
COMMENT ON COLUMN commerce.open_accounts.amount IS 'what was bought';
COMMENT ON COLUMN commerce.open_accounts.settled IS 'what the customer has paid of it and was not taken back';
COMMENT ON COLUMN commerce.open_accounts.open IS 'what is still owed';
COMMENT ON COLUMN commerce.open_accounts.days_overdue IS 'whole days since due_at; 0 where it is to come';

CREATE VIEW commerce.credit_status AS
    SELECT l.customer_id, l.currency, l.balance_id AS balance, b.state, l.credit_limit, l.net_days,
        commerce.from_minor(commerce.minor_units(l.credit_limit) - e."left", l.currency) AS used,
        commerce.from_minor(greatest(e."left", 0), l.currency) AS "left",
        p.payments, p.overdue, p.oldest_due_at
    FROM commerce.credit_lines l JOIN commerce.balances b ON b.id = l.balance_id,
        LATERAL (SELECT coalesce(sum(commerce.minor_units(e.amount)), 0)::bigint AS "left"
            FROM commerce.balance_entries e WHERE e.balance_id = l.balance_id) e,
        LATERAL (SELECT count(*) AS payments, min(x.due_at) AS oldest_due_at, commerce.from_minor(coalesce(sum(
                commerce.minor_units(x.authorized) - commerce.minor_units(x.captured)) FILTER (WHERE x.due_at < now()), 0)::bigint, l.currency)
                AS overdue
            FROM commerce.payments x WHERE x.balance = l.balance_id AND x.owed) p;
COMMENT ON VIEW commerce.credit_status IS
'what each customer owes on account, by the tables; balance_left(balance) tells at once what may be bought now. SELECT c.credit_limit, c.used, c.left FROM commerce.credit_status c';
COMMENT ON COLUMN commerce.credit_status.used IS 'what is owed; more than credit_limit where that was lowered since';
COMMENT ON COLUMN commerce.credit_status."left" IS 'what may still be bought, at least 0; of a line that is blocked, once it is not';
COMMENT ON COLUMN commerce.credit_status.payments IS 'how many are open: commerce.open_accounts lists them';
COMMENT ON COLUMN commerce.credit_status.overdue IS 'what of used should have been paid by now';

CREATE TABLE commerce.quotes (
    id uuid PRIMARY KEY DEFAULT commerce.uuidv7(),
    state text NOT NULL DEFAULT 'draft',
    customer_id uuid,
    channel text NOT NULL DEFAULT 'default',
    currency text NOT NULL CHECK (commerce.minor_digits(currency) IS NOT NULL),
    ship_to jsonb CHECK (jsonb_typeof(ship_to) = 'object'),
    ship_address commerce.sealed('address'),
    shipping_method text,
    options jsonb CHECK (jsonb_typeof(options) = 'object'),
    version integer NOT NULL DEFAULT 0,
    total commerce.amount,
    valid_until timestamptz,
    reason text,
    from_cart uuid,
    cart_id uuid,
    order_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ordered_has_order CHECK ((state = 'ordered') = (order_id IS NOT NULL) AND (order_id IS NULL) = (cart_id IS NULL)),
    CONSTRAINT total_is_in_currency CHECK (commerce.currency(total) = currency)
);
COMMENT ON TABLE commerce.quotes IS
'what is offered to a customer at prices of its own; its state changes only along the machine quote, what was said stands in commerce.quote_versions. What is ordered, rejected or expired is history, to be deleted when you like (the versions go along)';
COMMENT ON COLUMN commerce.quotes.id IS 'whoever knows it can answer the offer: for a guest it is the key to it';
COMMENT ON COLUMN commerce.quotes.state IS 'draft (nothing is offered yet), sent (the buyer''s turn), countered (the seller''s), accepted, rejected, expired, ordered';
COMMENT ON COLUMN commerce.quotes.customer_id IS 'commerce.customers.id; NULL: a guest''s';
COMMENT ON COLUMN commerce.quotes.channel IS 'commerce.channels.code';
COMMENT ON COLUMN commerce.quotes.currency IS 'ISO 4217 code of all its versions';
COMMENT ON COLUMN commerce.quotes.ship_to IS 'the part of the destination that prices depend on: country, region, postal_code';
COMMENT ON COLUMN commerce.quotes.ship_address IS
'the whole destination, sealed as field address for the customer, or for the quote where it is a guest''s; NULL where ship_to is all of it, and once the order has it';
COMMENT ON COLUMN commerce.quotes.shipping_method IS 'commerce.shipping_methods.code; NULL: none';
COMMENT ON COLUMN commerce.quotes.options IS 'options of checkout(), e.g. discounts by hand with their reasons; NULL: none';
COMMENT ON COLUMN commerce.quotes.version IS 'the latest of commerce.quote_versions';
COMMENT ON COLUMN commerce.quotes.total IS 'what the latest version comes to, with taxes and shipping';
COMMENT ON COLUMN commerce.quotes.valid_until IS 'from then on it is neither answered nor ordered: expire_quotes() ends it; NULL: it stands until it is rejected';
COMMENT ON COLUMN commerce.quotes.reason IS 'why it was rejected; in the clear: nothing here may identify a person';
COMMENT ON COLUMN commerce.quotes.from_cart IS 'commerce.carts.id: the cart that request_quote() was asked about';
COMMENT ON COLUMN commerce.quotes.cart_id IS 'commerce.carts.id: what the order was made of';
COMMENT ON COLUMN commerce.quotes.order_id IS 'commerce.orders.id: the order that bought it';
COMMENT ON COLUMN commerce.quotes.changed_at IS 'when anybody last did anything with it';
CREATE INDEX quotes_customer ON commerce.quotes (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX quotes_overdue ON commerce.quotes (valid_until) WHERE state IN ('sent', 'countered', 'accepted');
ALTER TABLE commerce.quotes ALTER COLUMN ship_address SET STATISTICS 0;

CREATE TABLE commerce.quote_versions (
    quote_id uuid NOT NULL REFERENCES commerce.quotes ON DELETE CASCADE,
    version integer NOT NULL CHECK (version > 0),
    side text NOT NULL CHECK (side IN ('seller', 'buyer')),
    lines jsonb NOT NULL CHECK (jsonb_typeof(lines) = 'array'),
    total commerce.amount NOT NULL,
    message text,
    valid_until timestamptz,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    PRIMARY KEY (quote_id, version)
);
COMMENT ON TABLE commerce.quote_versions IS 'what seller and buyer have said to each other about a quote, in order; written once and never changed';
COMMENT ON COLUMN commerce.quote_versions.side IS 'seller: an offer, or a draft of one; buyer: what was asked for, or a counter-offer';
COMMENT ON COLUMN commerce.quote_versions.lines IS 'as quote() takes them, each with its unit_price: [{"sku": "A", "quantity": 2, "unit_price": "9.00"}]';
COMMENT ON COLUMN commerce.quote_versions.total IS 'what they came to then, with taxes and shipping';
COMMENT ON COLUMN commerce.quote_versions.message IS 'in the clear: nothing here may identify a person';
COMMENT ON COLUMN commerce.quote_versions.valid_until IS 'until when the seller stands by it; NULL: until it is rejected';
COMMENT ON COLUMN commerce.quote_versions.actor IS 'the role that said it: the current role of the session';
CREATE TRIGGER keep_versions BEFORE UPDATE ON commerce.quote_versions
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.keep_versions();

SELECT commerce.create_state_machine('quote', '{
    "initial": "draft",
    "states": ["draft", "sent", "countered", "accepted", "rejected", "expired", "ordered"],
    "transitions": [
        {"event": "offer", "from": ["draft", "sent", "countered", "accepted", "rejected", "expired"], "to": "sent"},
        {"event": "counter", "from": ["sent", "countered"], "to": "countered"},
        {"event": "accept", "from": "sent", "to": "accepted"},
        {"event": "reject", "from": ["draft", "sent", "countered", "accepted"], "to": "rejected", "effect": "commerce.end_quote"},
        {"event": "expire", "from": ["sent", "countered", "accepted"], "to": "expired", "effect": "commerce.end_quote"},
        {"event": "order", "from": "accepted", "to": "ordered"}]}');
SELECT commerce.attach_state_machine('commerce.quotes', 'state', 'quote');
-- What was ordered stays what it was, whoever writes.
CREATE TRIGGER keep_ordered_quote BEFORE UPDATE ON commerce.quotes FOR EACH ROW WHEN (old.state = 'ordered')
    EXECUTE FUNCTION commerce.keep_ordered_quote();

CREATE TABLE commerce.quantity_rules (
    sku text NOT NULL CHECK (sku <> ''),
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    customer_group text REFERENCES commerce.customer_groups,
    minimum bigint CHECK (minimum > 0),
    maximum bigint CHECK (maximum > 0),
    increment bigint CHECK (increment > 0),
    PRIMARY KEY (sku, id),
    CONSTRAINT one_rule_for_each UNIQUE NULLS NOT DISTINCT (sku, customer_group),
    CONSTRAINT says_something CHECK (num_nonnulls(minimum, maximum, increment) > 0),
    -- Otherwise nobody could buy any of it, and nobody would know why.
    CONSTRAINT some_quantity_fits CHECK (coalesce(maximum, 1000000000000) >= coalesce(minimum, 1)
        AND (increment IS NULL OR coalesce(maximum, 1000000000000) / increment * increment >= coalesce(minimum, 1)))
);
COMMENT ON TABLE commerce.quantity_rules IS
'how many units of a sku an order may have: INSERT INTO commerce.quantity_rules (sku, minimum, increment) VALUES (''SCREW'', 100, 50). A checkout that breaks any is refused with all that it breaks (22023); check_quantities() tells beforehand. Gifts, drafts, quotes, edits and orders brought from elsewhere are not judged';
COMMENT ON COLUMN commerce.quantity_rules.sku IS 'commerce.variants.sku';
COMMENT ON COLUMN commerce.quantity_rules.customer_group IS 'for whom; its rule takes the place of the one for everybody (NULL)';
COMMENT ON COLUMN commerce.quantity_rules.minimum IS 'no order has fewer units, unless it has none; NULL: no matter';
COMMENT ON COLUMN commerce.quantity_rules.maximum IS 'no order has more units; NULL: no matter';
COMMENT ON COLUMN commerce.quantity_rules.increment IS 'the units of an order are a multiple of it; NULL: no matter';
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON commerce.quantity_rules
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.invalidate_cache();
ALTER TABLE commerce.quantity_rules ENABLE ALWAYS TRIGGER invalidate;
CREATE TRIGGER invalidate_replicated AFTER INSERT OR UPDATE OR DELETE ON commerce.quantity_rules
    FOR EACH ROW EXECUTE FUNCTION commerce.invalidate_cache();
ALTER TABLE commerce.quantity_rules ENABLE REPLICA TRIGGER invalidate_replicated;

GRANT SELECT ON commerce.credit_lines, commerce.open_accounts, commerce.credit_status, commerce.quote_versions, commerce.quantity_rules
    TO commerce_reader;
GRANT SELECT (id, state, customer_id, channel, currency, ship_to, shipping_method, options, version, total, valid_until, reason,
    from_cart, cart_id, order_id, created_at, changed_at) ON commerce.quotes TO commerce_reader;
