CREATE TABLE commerce.budgets (
    id uuid DEFAULT commerce.uuidv7() PRIMARY KEY,
    promotion uuid NOT NULL REFERENCES commerce.promotions ON DELETE CASCADE,
    per text NOT NULL DEFAULT 'all' CHECK (per IN ('all', 'customer', 'email', 'code', 'attribute')),
    attribute text CHECK (attribute <> ''),
    uses bigint CHECK (uses >= 0 AND uses <= 1000000000000000000),
    spend commerce.amount CHECK (commerce.minor_units(spend) >= 0),
    exceeded text NOT NULL DEFAULT 'refuse' CHECK (exceeded IN ('refuse', 'rest')),
    reusable boolean NOT NULL DEFAULT true,
    CONSTRAINT uses_or_spend CHECK ((uses IS NULL) <> (spend IS NULL)),
    CONSTRAINT attribute_where_per_attribute CHECK ((per = 'attribute') = (attribute IS NOT NULL)),
    CONSTRAINT rest_is_of_spend CHECK (exceeded = 'refuse' OR spend IS NOT NULL),
    -- What claims the uses of a code bears the promotion's id where others bear the budget's.
    CONSTRAINT budget_is_no_promotion CHECK (id <> promotion)
);
COMMENT ON TABLE commerce.budgets IS
'how often a promotion may be used, or how much it may give; each limit counts by itself, from when it is set, and an order claims all of them or is refused (CM032 for uses, CM033 for spend). A promotion may have several, e.g. INSERT INTO commerce.budgets (promotion, uses) VALUES (…, 100), and 1 per customer. What is left: commerce.budget_status and budget_left()';
COMMENT ON COLUMN commerce.budgets.per IS
'who shares the limit: all; or each customer, each e-mail address, each code of the promotion, each value of an attribute of the customer has it for itself. Who has no such thing, as a guest has no customer, does not get the promotion';
COMMENT ON COLUMN commerce.budgets.attribute IS
'where per is attribute: the path to it in commerce.customers.attributes, keys divided by dots, e.g. company.id; else NULL';
COMMENT ON COLUMN commerce.budgets.uses IS 'orders that may use the promotion; NULL: spend is the limit. One that is set below what is used takes nothing back';
COMMENT ON COLUMN commerce.budgets.spend IS
'what the promotion may take off in all, gifts counted at their price; NULL: uses is the limit. In orders of another currency the promotion gives nothing';
COMMENT ON COLUMN commerce.budgets.exceeded IS
'what becomes of a discount that is more than what is left of spend: refuse gives none of it, rest gives what is left; gifts and lower prices of the catalogue are given whole or not at all';
COMMENT ON COLUMN commerce.budgets.reusable IS 'true: a cancelled order gives back what it claimed';
CREATE INDEX budgets_promotion ON commerce.budgets (promotion);
CREATE TRIGGER keep_budget_kind BEFORE UPDATE OF uses, spend ON commerce.budgets FOR EACH ROW
    WHEN ((old.uses IS NULL) <> (new.uses IS NULL) OR commerce.currency(old.spend) IS DISTINCT FROM commerce.currency(new.spend))
    EXECUTE FUNCTION commerce.keep_budget_kind();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON commerce.budgets
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.invalidate_cache();
ALTER TABLE commerce.budgets ENABLE ALWAYS TRIGGER invalidate;
CREATE TRIGGER invalidate_replicated AFTER INSERT OR UPDATE OR DELETE ON commerce.budgets
    FOR EACH ROW EXECUTE FUNCTION commerce.invalidate_cache();
ALTER TABLE commerce.budgets ENABLE REPLICA TRIGGER invalidate_replicated;

-- No foreign keys: an order would lock the hot row of its budget.
CREATE TABLE commerce.claims (
    order_id uuid NOT NULL,
    budget uuid NOT NULL,
    key text NOT NULL,
    promotion uuid NOT NULL,
    amount_taken bigint NOT NULL CHECK (amount_taken > 0 AND amount_taken <= 1000000000000000000),
    state text NOT NULL DEFAULT 'used',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (order_id, budget, key)
);
COMMENT ON TABLE commerce.claims IS
'what orders have taken of budgets; reserved and used ones count against the limit. Released ones are history, to be deleted when you like; deleting one that counts gives back what it took';
COMMENT ON COLUMN commerce.claims.budget IS 'commerce.budgets.id; of the limit of a code, commerce.promotions.id';
COMMENT ON COLUMN commerce.claims.key IS
'whose share of the budget it is: empty where all share it, the customer''s id, customers.email_blind in hexadecimal, the code, the attribute''s value (of more than 80 bytes sha256: and its SHA-256); of the limit of a code, code: and the code';
COMMENT ON COLUMN commerce.claims.promotion IS 'commerce.promotions.id';
COMMENT ON COLUMN commerce.claims.amount_taken IS '1 for a use; of a spend, minor units of its currency';
COMMENT ON COLUMN commerce.claims.state IS 'reserved (for an order that is not placed yet), used, released (given back); changes along the machine claim';
-- What counts against a budget.
CREATE INDEX claims_counting ON commerce.claims (budget, key) INCLUDE (amount_taken) WHERE state <> 'released';

-- Whoever changes a row that a budget is counted from, a replica too, is counted.
CREATE TRIGGER claim_changed AFTER INSERT OR UPDATE OR DELETE ON commerce.claims
    FOR EACH ROW EXECUTE FUNCTION commerce.claim_changed();
ALTER TABLE commerce.claims ENABLE ALWAYS TRIGGER claim_changed;

-- Without history: an order's says when it was placed and cancelled.
SELECT commerce.create_state_machine('claim', '{
    "initial": "reserved",
    "states": ["reserved", "used", "released"],
    "history": false,
    "transitions": [
        {"event": "use", "from": "reserved", "to": "used"},
        {"event": "release", "from": ["reserved", "used"], "to": "released"},
        {"event": "reclaim", "from": "released", "to": "used"}]}');
SELECT commerce.attach_state_machine('commerce.claims', 'state', 'claim');

CREATE VIEW commerce.budget_status AS
    SELECT b.promotion, b.id AS budget, b.per, coalesce(b.uses, commerce.minor_units(b.spend)) AS "limit", c.used,
        CASE WHEN b.per = 'all' THEN greatest(coalesce(b.uses, commerce.minor_units(b.spend)) - c.used, 0) END AS "left",
        commerce.currency(b.spend) AS currency, c.keys
    FROM commerce.budgets b,
        LATERAL (SELECT least(coalesce(sum(a.amount_taken), 0), 1000000000000000000)::bigint AS used, count(DISTINCT a.key) AS keys
            FROM commerce.claims a WHERE a.budget = b.id AND a.state <> 'released') c;
COMMENT ON VIEW commerce.budget_status IS
'what has become of each budget, by the tables; budget_left() tells of one budget and key at once. SELECT s.limit, s.used, s.left FROM commerce.budget_status s';
COMMENT ON COLUMN commerce.budget_status."limit" IS 'uses, or minor units of currency; where per is not all, of each key';
COMMENT ON COLUMN commerce.budget_status.used IS 'of the limit, by orders that count; where per is not all, by all keys together';
COMMENT ON COLUMN commerce.budget_status."left" IS 'what can still be claimed, at least 0; NULL where per is not all, and each key has its own';
COMMENT ON COLUMN commerce.budget_status.currency IS 'of a spend; NULL: uses are counted';
COMMENT ON COLUMN commerce.budget_status.keys IS 'how many customers, addresses, codes or values have claimed some of it';

GRANT SELECT ON commerce.budgets, commerce.budget_status TO commerce_reader;
-- Not the key: that of an e-mail address tells who is the same.
GRANT SELECT (order_id, budget, promotion, amount_taken, state, created_at) ON commerce.claims TO commerce_reader;
