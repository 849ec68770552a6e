CREATE TABLE commerce.schema_version (
    version integer PRIMARY KEY,
    name text NOT NULL,
    library text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE commerce.schema_version IS 'which migrations of the shop''s tables have run, and by which library';

CREATE TABLE commerce.shop (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    currency text NOT NULL CHECK (commerce.minor_digits(currency) IS NOT NULL),
    installation uuid NOT NULL DEFAULT gen_random_uuid(),
    tax_level text NOT NULL DEFAULT 'line' CHECK (tax_level IN ('line', 'unit', 'rate', 'order', 'order_delta')),
    pricing jsonb NOT NULL DEFAULT '{}' CHECK (commerce.are_pricing_options(pricing)),
    return_expiry interval CHECK (return_expiry > interval '0')
);
COMMENT ON TABLE commerce.shop IS 'the one row of facts about this shop';
COMMENT ON COLUMN commerce.shop.currency IS 'ISO 4217 code in which the shop quotes when nobody says otherwise';
COMMENT ON COLUMN commerce.shop.installation IS 'bound into every sealed field: a value copied to another installation does not open there';
COMMENT ON COLUMN commerce.shop.tax_level IS 'where tax is rounded: for each unit; for each line; once for each rate; once for the order; or, as order_delta, for each line with the rest carried to the next';
COMMENT ON COLUMN commerce.shop.pricing IS
'how discounts are computed where neither the channel nor the caller of quote() says otherwise, e.g. {"discount_rounding": "half_down"}; quote() lists the options';
COMMENT ON COLUMN commerce.shop.return_expiry IS
'how long after it is requested a return expires where request_return() does not say; NULL: never. UPDATE commerce.shop SET return_expiry = ''30 days''';
GRANT SELECT ON commerce.schema_version, commerce.shop TO commerce_reader;
