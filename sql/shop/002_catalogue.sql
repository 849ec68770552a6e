CREATE TABLE commerce.channels (
    code text PRIMARY KEY,
    name text NOT NULL DEFAULT '',
    currency text CHECK (currency IS NULL OR commerce.minor_digits(currency) IS NOT NULL),
    cash_increment commerce.amount CHECK (commerce.minor_units(cash_increment) > 0),
    pricing jsonb NOT NULL DEFAULT '{}' CHECK (commerce.are_pricing_options(pricing))
);
COMMENT ON TABLE commerce.channels IS 'where the shop sells: a web site, a market place, a till';
COMMENT ON COLUMN commerce.channels.currency IS 'ISO 4217 code quoted here; NULL means the shop''s';
COMMENT ON COLUMN commerce.channels.cash_increment IS 'totals here are rounded to a multiple of it, where they are of its currency: 0.05 CHF at a till';
COMMENT ON COLUMN commerce.channels.pricing IS 'how discounts are computed here, where it differs from commerce.shop.pricing';
INSERT INTO commerce.channels (code, name) VALUES ('default', 'the shop');

CREATE TABLE commerce.customer_groups (
    code text PRIMARY KEY,
    name text NOT NULL DEFAULT '',
    tax_exempt boolean NOT NULL DEFAULT false
);
COMMENT ON COLUMN commerce.customer_groups.tax_exempt IS 'true: its customers pay no tax';
COMMENT ON TABLE commerce.customer_groups IS 'kinds of customers that prices and promotions tell apart';

CREATE TABLE commerce.locations (
    code text PRIMARY KEY,
    name text NOT NULL DEFAULT '',
    priority integer NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE commerce.locations IS 'where stock lies';
COMMENT ON COLUMN commerce.locations.priority IS 'orders are sourced from the location with the highest priority first, ties by code';
COMMENT ON COLUMN commerce.locations.active IS 'false keeps a location''s stock out of sourcing and of available(), but for calls that name the location';
INSERT INTO commerce.locations (code, name) VALUES ('main', 'main warehouse');

CREATE TABLE commerce.products (
    id uuid PRIMARY KEY DEFAULT commerce.uuidv7(),
    handle text UNIQUE,
    title text NOT NULL DEFAULT '',
    brand text,
    category @ltree@.ltree,
    tags text[] NOT NULL DEFAULT '{}',
    tax_class text NOT NULL DEFAULT 'standard',
    discountable boolean NOT NULL DEFAULT true,
    attributes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE commerce.products IS 'what is sold, without its variations';
COMMENT ON COLUMN commerce.products.category IS 'place in the category tree, e.g. clothing.shoes.boots';
COMMENT ON COLUMN commerce.products.discountable IS 'false keeps promotions off this product';

CREATE TABLE commerce.variants (
    sku text PRIMARY KEY CHECK (sku <> ''),
    product_id uuid REFERENCES commerce.products,
    title text NOT NULL DEFAULT '',
    options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
    barcode text,
    weight_grams integer CHECK (weight_grams >= 0),
    minimum_price commerce.amount,
    cost commerce.amount CHECK (commerce.minor_units(cost) >= 0),
    track_stock boolean NOT NULL DEFAULT true,
    requires_shipping boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE commerce.variants IS 'what can be put into a cart; sku is its name everywhere';
COMMENT ON COLUMN commerce.variants.minimum_price IS 'no discount takes a unit below this price';
COMMENT ON COLUMN commerce.variants.cost IS 'what a unit costs the shop; for margins in reports';
COMMENT ON COLUMN commerce.variants.track_stock IS 'false for what never runs out: services, downloads';
COMMENT ON COLUMN commerce.variants.requires_shipping IS 'false for what is delivered by being bought: services, downloads; an order keeps what was true when it was placed';
CREATE INDEX variants_product ON commerce.variants (product_id);

GRANT SELECT ON commerce.channels, commerce.customer_groups, commerce.locations, commerce.products, commerce.variants
    TO commerce_reader;
