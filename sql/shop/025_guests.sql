-- Guests: by what they are found again, and which are forgotten. Nobody has a row here who gave no e-mail address.
CREATE TABLE commerce.guests (
    order_id uuid PRIMARY KEY,
    email commerce.sealed('email'),
    email_blind bytea CHECK (octet_length(email_blind) = 16),
    created_at timestamptz NOT NULL DEFAULT now(),
    erased_at timestamptz,
    CONSTRAINT guests_email_check CHECK ((email IS NULL) = (email_blind IS NULL)),
    CONSTRAINT erased_is_empty CHECK (erased_at IS NULL OR email IS NULL)
);
COMMENT ON TABLE commerce.guests IS 'guests, who are known by an order alone: written by checkout() and place_order() where the destination names an e-mail address, and by erase_guest()';
COMMENT ON COLUMN commerce.guests.email IS 'sealed as field email for subject order_id, as it was written';
COMMENT ON COLUMN commerce.guests.email_blind IS 'commerce.blind(email, ''email''): finds a guest''s orders by the address';
COMMENT ON COLUMN commerce.guests.erased_at IS 'when erase_guest() has taken all away that said who this was';
CREATE INDEX guests_email ON commerce.guests (email_blind) WHERE email_blind IS NOT NULL;
CREATE INDEX guests_erased ON commerce.guests (erased_at) WHERE erased_at IS NOT NULL;
ALTER TABLE commerce.guests ALTER COLUMN email SET STATISTICS 0, ALTER COLUMN email_blind SET STATISTICS 0;
GRANT SELECT (order_id, created_at, erased_at) ON commerce.guests TO commerce_reader;
GRANT SELECT (email) ON commerce.guests TO commerce_app, commerce_pii_reader;
GRANT SELECT (order_id, created_at, erased_at) ON commerce.guests TO commerce_pii_reader;
INSERT INTO commerce.sealed_columns ("table", "column", key_column, subject_columns, field, blind_column, age_column) VALUES
    ('commerce.guests', 'email', 'order_id', '{order_id}', 'email', 'email_blind', 'created_at');

-- An erasure takes reasons away; the log does not repeat them.
DROP TRIGGER audit_change ON commerce.balance_entries;
CREATE TRIGGER audit_change AFTER INSERT OR DELETE ON commerce.balance_entries
    FOR EACH ROW EXECUTE FUNCTION commerce.audit_change('balance_id');
CREATE TRIGGER audit_update AFTER UPDATE ON commerce.balance_entries
    FOR EACH ROW WHEN (new.reason IS DISTINCT FROM 'erased') EXECUTE FUNCTION commerce.audit_change('balance_id');
