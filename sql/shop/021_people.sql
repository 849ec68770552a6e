-- What is kept of people: what for and for how long, to what they have consented, and where no card number is to be.
CREATE TABLE commerce.sensitive_fields (
    field text PRIMARY KEY CHECK (btrim(field) <> ''),
    purpose text NOT NULL CHECK (btrim(purpose) <> ''),
    legal_basis text NOT NULL CHECK (legal_basis IN ('consent', 'contract', 'legal_obligation', 'vital_interests', 'public_task',
        'legitimate_interests')),
    retention interval CHECK (retention > '0'),
    normaliser text CHECK (normaliser IN ('email', 'phone', 'text')),
    exported boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE commerce.sensitive_fields IS 'the register of what is kept of people; written by register_sensitive_field()';
COMMENT ON COLUMN commerce.sensitive_fields.field IS 'as it is named to seal(); commerce.sealed_columns says where it is kept';
COMMENT ON COLUMN commerce.sensitive_fields.purpose IS 'what it is kept for';
COMMENT ON COLUMN commerce.sensitive_fields.legal_basis IS 'GDPR, article 6';
COMMENT ON COLUMN commerce.sensitive_fields.retention IS 'how old a value becomes; NULL: until its customer is erased';
COMMENT ON COLUMN commerce.sensitive_fields.normaliser IS 'how its blind values are made: email, phone or text; NULL: as blind() does it for the field';
COMMENT ON COLUMN commerce.sensitive_fields.exported IS 'false: it opens doors, so export_customer() does not tell it';
INSERT INTO commerce.sensitive_fields (field, purpose, legal_basis, normaliser) VALUES
    ('email', 'customer account and messages about orders', 'contract', 'email'),
    ('name', 'customer account', 'contract', NULL),
    ('phone', 'questions about deliveries', 'contract', NULL),
    ('address', 'delivery', 'contract', NULL);
INSERT INTO commerce.sensitive_fields (field, purpose, legal_basis, exported) VALUES ('totp', 'second factor of logging in', 'contract', false);

CREATE TABLE commerce.erasure_tables (
    "table" regclass NOT NULL,
    "column" name NOT NULL,
    seen_column name,
    PRIMARY KEY ("table", "column")
);
COMMENT ON TABLE commerce.erasure_tables IS
'tables whose rows go with their customer, as logins do: erase_customer() deletes them; commerce_owner needs SELECT and DELETE on them. INSERT INTO commerce.erasure_tables VALUES (''wish_lists'', ''customer_id'', ''changed_at'')';
COMMENT ON COLUMN commerce.erasure_tables."column" IS 'the customer''s id, of type uuid';
COMMENT ON COLUMN commerce.erasure_tables.seen_column IS 'a timestamptz that shows when the customer was there, so that shop.customer_retention counts from it; NULL: none';
INSERT INTO commerce.erasure_tables ("table", "column", seen_column) VALUES
    ('commerce.sessions', 'customer_id', 'created_at'),
    ('commerce.password_resets', 'customer_id', 'created_at'),
    ('commerce.totp', 'customer_id', NULL),
    ('commerce.recovery_codes', 'customer_id', NULL);

ALTER TABLE commerce.shop ADD COLUMN customer_retention interval CHECK (customer_retention > '0');
COMMENT ON COLUMN commerce.shop.customer_retention IS
'customers of whom nothing was seen for so long are erased by sweep_retention(), unless they have money in the shop; NULL: never';

CREATE TABLE commerce.consents (
    customer_id uuid NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    purpose text NOT NULL CHECK (btrim(purpose) <> ''),
    given boolean NOT NULL,
    source text,
    document text,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    PRIMARY KEY (customer_id, number)
);
COMMENT ON TABLE commerce.consents IS
'to what customers have consented, and when they no longer did: written once by record_consent(), never changed (CM042); the last of a purpose counts';
COMMENT ON COLUMN commerce.consents.number IS 'from 1 for each customer, in the order in which they were recorded';
COMMENT ON COLUMN commerce.consents.given IS 'false: withdrawn';
COMMENT ON COLUMN commerce.consents.source IS 'where that was said: a form, a letter';
COMMENT ON COLUMN commerce.consents.document IS 'to which text, in which version';
COMMENT ON COLUMN commerce.consents.actor IS 'the role that recorded it';
CREATE TRIGGER keep_consents BEFORE UPDATE OR DELETE ON commerce.consents
    FOR EACH ROW EXECUTE FUNCTION commerce.keep_consents();
CREATE TRIGGER keep_all_consents BEFORE TRUNCATE ON commerce.consents
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.keep_consents();
ALTER TABLE commerce.consents ENABLE ALWAYS TRIGGER keep_consents, ENABLE ALWAYS TRIGGER keep_all_consents;

CREATE VIEW commerce.consents_now AS
    SELECT DISTINCT ON (c.customer_id, c.purpose) c.customer_id, c.purpose, c.given, c.at, c.source, c.document
    FROM commerce.consents c ORDER BY c.customer_id, c.purpose, c.number DESC;
COMMENT ON VIEW commerce.consents_now IS 'to what each customer consents now, or no longer does';

CREATE VIEW commerce.retention_status AS SELECT * FROM commerce.retention_due();
COMMENT ON VIEW commerce.retention_status IS 'what sweep_retention() has to do, as retention_due() tells it';

GRANT SELECT ON commerce.sensitive_fields, commerce.erasure_tables, commerce.consents,
    commerce.consents_now, commerce.retention_status TO commerce_reader;

-- An erasure is noted as such; the log, which is never changed, does not repeat what was to be forgotten.
DROP TRIGGER audit_change ON commerce.customers;
CREATE TRIGGER audit_change AFTER INSERT OR DELETE ON commerce.customers FOR EACH ROW EXECUTE FUNCTION commerce.audit_change();
CREATE TRIGGER audit_update AFTER UPDATE ON commerce.customers FOR EACH ROW WHEN (new.erased_at IS NULL)
    EXECUTE FUNCTION commerce.audit_change();

-- No card numbers in whatever people write. What is written at a high rate is asked where it comes in: orders, their
-- lines and what hangs on them, reservations, histories, keys of requests, codes, the outbox and the audit log.
SELECT commerce.guard_card_numbers(t::regclass) FROM unnest('{
    commerce.balance_entries, commerce.budgets, commerce.gift_card_references, commerce.jwt_keys, commerce.quotes,
    commerce.quote_versions, commerce.quantity_rules, commerce.cart_codes, commerce.cart_lines, commerce.carts, commerce.channels,
    commerce.consents, commerce.customer_groups, commerce.customers, commerce.fulfilments, commerce.locations, commerce.order_edits, commerce.order_holds, commerce.order_versions,
    commerce.payment_entries,
    commerce.payment_references, commerce.payments, commerce.price_lists, commerce.products,
    commerce.promotions, commerce.return_receptions, commerce.returns, commerce.sealed_columns, commerce.sensitive_fields, commerce.shipping_methods, commerce.shipping_prices,
    commerce.shop, commerce.state_machines, commerce.stock_lots, commerce.stock_movements, commerce.store_credits,
    commerce.tax_rates, commerce.tax_zones, commerce.transitions}'::text[]) t;
-- Barcodes are numbers, and some shops' skus are as well.
SELECT commerce.guard_card_numbers('commerce.variants', '{sku,barcode}');
