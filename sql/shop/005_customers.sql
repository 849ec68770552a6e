CREATE TABLE commerce.data_keys (
    subject uuid NOT NULL,
    id bigint NOT NULL CHECK (id > 0),
    epoch integer NOT NULL CHECK (epoch > 0),
    wrapped bytea NOT NULL CHECK (octet_length(wrapped) = 72),
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_by uuid,
    PRIMARY KEY (subject, id)
);
COMMENT ON TABLE commerce.data_keys IS 'the keys that customer fields are sealed with, each wrapped by the key file''s key of its epoch; deleting a row makes all that was sealed with it unreadable for good';
COMMENT ON COLUMN commerce.data_keys.subject IS 'whose values the key seals: a customer, or whatever was given to seal() as subject';
COMMENT ON COLUMN commerce.data_keys.id IS 'random; every sealed value names the key it needs';
COMMENT ON COLUMN commerce.data_keys.epoch IS 'which key of the key file wraps this one';
COMMENT ON COLUMN commerce.data_keys.wrapped IS 'nonce, encrypted key and tag (XChaCha20-Poly1305)';
COMMENT ON COLUMN commerce.data_keys.retired_by IS 'the rotation (data_key_rotations) since which it opens and seals no more; NULL: it seals';
CREATE INDEX data_keys_retired_by ON commerce.data_keys (retired_by) WHERE retired_by IS NOT NULL;
ALTER TABLE commerce.data_keys ALTER COLUMN wrapped SET STATISTICS 0;

CREATE TABLE commerce.customers (
    id uuid PRIMARY KEY DEFAULT commerce.uuidv7(),
    email commerce.sealed('email'),
    email_blind bytea UNIQUE CHECK (octet_length(email_blind) = 16),
    name commerce.sealed('name'),
    phone commerce.sealed('phone'),
    address commerce.sealed('address'),
    password_hash text,
    customer_group text REFERENCES commerce.customer_groups,
    tax_exempt boolean NOT NULL DEFAULT false,
    vat_country text,
    attributes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now(),
    erased_at timestamptz,
    CONSTRAINT erased_is_empty CHECK (erased_at IS NULL
        OR num_nonnulls(email, name, phone, address, password_hash, customer_group, vat_country) = 0 AND attributes = '{}'),
    CONSTRAINT customers_email_check CHECK ((email IS NULL) = (email_blind IS NULL))
);
COMMENT ON TABLE commerce.customers IS 'customers; what is known of a person is sealed, made by create_customer() and read by reveal_customer()';
COMMENT ON COLUMN commerce.customers.email IS 'sealed as field email for subject id, as it was written';
COMMENT ON COLUMN commerce.customers.email_blind IS 'commerce.blind(email, ''email''): finds a customer by address without storing it';
COMMENT ON COLUMN commerce.customers.name IS 'sealed as field name for subject id';
COMMENT ON COLUMN commerce.customers.phone IS 'sealed as field phone for subject id';
COMMENT ON COLUMN commerce.customers.address IS 'a JSON object, sealed as field address for subject id';
COMMENT ON COLUMN commerce.customers.password_hash IS 'Argon2id, with its salt and parameters; NULL for a customer who cannot log in';
COMMENT ON COLUMN commerce.customers.tax_exempt IS 'true: pays no tax';
COMMENT ON COLUMN commerce.customers.vat_country IS
'for a business: ISO 3166-1 code of the country whose VAT id it has, once that was checked; the id itself belongs into a sealed field';
COMMENT ON COLUMN commerce.customers.attributes IS 'the shop''s own facts, in the clear: nothing here may identify a person';
COMMENT ON COLUMN commerce.customers.erased_at IS
'when erase_customer() has taken all away that said who this was; the row stays, because orders and invoices name it';
CREATE INDEX customers_erased ON commerce.customers (erased_at) WHERE erased_at IS NOT NULL;
CREATE INDEX customers_customer_group ON commerce.customers (customer_group) WHERE customer_group IS NOT NULL;
-- A sample of ciphertext helps no plan and would only stand in pg_statistic.
ALTER TABLE commerce.customers
    ALTER COLUMN email SET STATISTICS 0, ALTER COLUMN email_blind SET STATISTICS 0,
    ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN phone SET STATISTICS 0,
    ALTER COLUMN address SET STATISTICS 0, ALTER COLUMN password_hash SET STATISTICS 0;
GRANT SELECT (id, customer_group, tax_exempt, vat_country, created_at, erased_at) ON commerce.customers TO commerce_reader;
-- Ciphertext, for mask() and reveal(); not the blind value, which tells who is the same, nor the password's hash.
GRANT SELECT (email, name, phone, address, attributes) ON commerce.customers TO commerce_app;
GRANT SELECT (id, email, name, phone, address, customer_group, tax_exempt, vat_country, attributes, created_at, erased_at) ON commerce.customers TO commerce_pii_reader;
