CREATE TABLE commerce.balances (
    id uuid DEFAULT commerce.uuidv7() PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('gift_card', 'store_credit', 'credit_line')),
    customer_id uuid,
    currency text NOT NULL CHECK (commerce.minor_digits(currency) IS NOT NULL),
    last_four text CHECK (length(last_four) = 4),
    expires_at timestamptz,
    state text NOT NULL DEFAULT 'active',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT store_credit_is_somebodys CHECK (kind = 'gift_card' OR customer_id IS NOT NULL)
);
COMMENT ON TABLE commerce.balances IS
'gift cards and store credit: money of customers that the shop keeps, which pays orders by pay_with_balance() and is never a discount; and credit lines: what customers may owe, by pay_on_account(). What is on one is the sum of its commerce.balance_entries';
COMMENT ON COLUMN commerce.balances.kind IS 'gift_card: whoever knows its code may spend it; store_credit, credit_line: one of each for each customer and currency';
COMMENT ON COLUMN commerce.balances.customer_id IS 'whose orders alone it pays; NULL: a gift card that pays anybody''s';
COMMENT ON COLUMN commerce.balances.currency IS 'ISO 4217 code of all its entries; it pays orders in that currency alone';
COMMENT ON COLUMN commerce.balances.last_four IS 'the end of a gift card''s code, to tell cards apart by; NULL for all else';
COMMENT ON COLUMN commerce.balances.expires_at IS 'from then on it pays nothing; NULL: never';
COMMENT ON COLUMN commerce.balances.state IS 'active; blocked: pays nothing until unblocked; expired: what was left is written off. Changes along the machine balance';
CREATE INDEX balances_customer ON commerce.balances (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX balances_expiring ON commerce.balances (expires_at) WHERE state IN ('active', 'blocked');

-- Tables of their own, because a unique key has to lead with what its table would be sharded by.
CREATE TABLE commerce.gift_card_codes (
    code_hash bytea PRIMARY KEY CHECK (octet_length(code_hash) = 32),
    balance_id uuid NOT NULL
);
COMMENT ON TABLE commerce.gift_card_codes IS 'finds a gift card by its code, which is stored nowhere';
COMMENT ON COLUMN commerce.gift_card_codes.code_hash IS 'SHA-256 of a code that nobody can try out: of 30 random characters, nearly 149 bits';
CREATE TABLE commerce.store_credit_balances (
    customer_id uuid NOT NULL,
    currency text NOT NULL,
    balance_id uuid NOT NULL,
    PRIMARY KEY (customer_id, currency)
);
CREATE TABLE commerce.gift_card_references (
    reference text PRIMARY KEY CHECK (reference <> ''),
    balance_id uuid NOT NULL
);
COMMENT ON TABLE commerce.gift_card_references IS 'the shop''s own names of gift cards, given to issue_gift_card(): one card each';
COMMENT ON TABLE commerce.store_credit_balances IS 'the one balance of store credit of a customer in a currency';

-- No foreign keys: whoever spends would lock the row of a balance that many spend at once.
CREATE TABLE commerce.balance_entries (
    balance_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    kind text NOT NULL CHECK (kind IN ('issued', 'spent', 'refunded', 'settled', 'expired', 'adjusted')),
    amount commerce.amount NOT NULL,
    order_id uuid,
    payment_id uuid,
    reason text,
    reference text,
    actor text NOT NULL DEFAULT session_user,
    happened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (balance_id, id),
    CONSTRAINT amount_has_the_sign_of_its_kind CHECK (CASE WHEN kind IN ('spent', 'expired') THEN commerce.minor_units(amount) < 0
        WHEN kind = 'adjusted' THEN commerce.minor_units(amount) <> 0 ELSE commerce.minor_units(amount) > 0 END),
    CONSTRAINT orders_pay CHECK ((kind IN ('spent', 'refunded', 'settled')) = (order_id IS NOT NULL AND payment_id IS NOT NULL))
);
COMMENT ON TABLE commerce.balance_entries IS
'what happened to balances, written once and never changed: their sum is what is left. Whoever writes one, by hand or as a replica, is counted. Example: SELECT kind, amount, order_id, reason FROM commerce.balance_entries WHERE balance_id = … ORDER BY id';
COMMENT ON COLUMN commerce.balance_entries.kind IS 'issued, refunded: put on; spent, expired: taken off; settled: put on a credit line again, because the customer has paid; adjusted: either, for a reason';
COMMENT ON COLUMN commerce.balance_entries.amount IS 'below zero where it is taken off';
COMMENT ON COLUMN commerce.balance_entries.order_id IS 'what was paid, or given back; with payment_id';
COMMENT ON COLUMN commerce.balance_entries.reason IS 'as given to issue_store_credit() and adjust_balance()';
COMMENT ON COLUMN commerce.balance_entries.reference IS 'the shop''s own name of what it issued: the same one is issued once for each balance';
COMMENT ON COLUMN commerce.balance_entries.actor IS 'the role that logged in';
CREATE UNIQUE INDEX balance_entries_reference ON commerce.balance_entries (balance_id, reference) WHERE reference IS NOT NULL;
CREATE INDEX balance_entries_payment ON commerce.balance_entries (payment_id) WHERE payment_id IS NOT NULL;

-- Whoever changes a row that a balance is counted from, a replica too, is counted.
CREATE TRIGGER balance_changed AFTER INSERT OR UPDATE OR DELETE ON commerce.balance_entries
    FOR EACH ROW EXECUTE FUNCTION commerce.balance_changed();
ALTER TABLE commerce.balance_entries ENABLE ALWAYS TRIGGER balance_changed;
CREATE TRIGGER keep_entries BEFORE UPDATE OR DELETE ON commerce.balance_entries
    FOR EACH ROW EXECUTE FUNCTION commerce.keep_entries();

CREATE VIEW commerce.balance_status AS
    SELECT b.id AS balance, b.kind, b.customer_id, b.last_four, b.state, b.expires_at, e.issued, e.spent, e.refunded, e.settled,
        e.expired, e.adjusted, e."left"
    FROM commerce.balances b, LATERAL (SELECT
            commerce.from_minor(coalesce(sum(commerce.minor_units(e.amount)) FILTER (WHERE e.kind = 'issued'), 0)::bigint, b.currency) AS issued,
            commerce.from_minor(coalesce(-sum(commerce.minor_units(e.amount)) FILTER (WHERE e.kind = 'spent'), 0)::bigint, b.currency) AS spent,
            commerce.from_minor(coalesce(sum(commerce.minor_units(e.amount)) FILTER (WHERE e.kind = 'refunded'), 0)::bigint, b.currency) AS refunded,
            commerce.from_minor(coalesce(sum(commerce.minor_units(e.amount)) FILTER (WHERE e.kind = 'settled'), 0)::bigint, b.currency) AS settled,
            commerce.from_minor(coalesce(-sum(commerce.minor_units(e.amount)) FILTER (WHERE e.kind = 'expired'), 0)::bigint, b.currency) AS expired,
            commerce.from_minor(coalesce(sum(commerce.minor_units(e.amount)) FILTER (WHERE e.kind = 'adjusted'), 0)::bigint, b.currency) AS adjusted,
            commerce.from_minor(coalesce(sum(commerce.minor_units(e.amount)), 0)::bigint, b.currency) AS "left"
        FROM commerce.balance_entries e WHERE e.balance_id = b.id) e;
COMMENT ON VIEW commerce.balance_status IS
'what has become of each balance, by the tables: issued - spent + refunded + settled - expired + adjusted = left, whether it may be spent now or not; balance_left() tells what may. SELECT s.balance, s.left FROM commerce.balance_status s';

SELECT commerce.create_state_machine('balance', '{
    "initial": "active",
    "states": ["active", "blocked", "expired"],
    "transitions": [
        {"event": "block", "from": "active", "to": "blocked", "topic": "balance.blocked"},
        {"event": "unblock", "from": "blocked", "to": "active", "topic": "balance.unblocked"},
        {"event": "expire", "from": ["active", "blocked"], "to": "expired", "topic": "balance.expired"},
        {"event": "extend", "from": "expired", "to": "active", "topic": "balance.extended"}]}');
SELECT commerce.attach_state_machine('commerce.balances', 'state', 'balance');

GRANT SELECT ON commerce.balances, commerce.balance_entries, commerce.balance_status, commerce.store_credit_balances,
    commerce.gift_card_references TO commerce_reader;
