CREATE TABLE commerce.price_lists (
    code text PRIMARY KEY,
    name text NOT NULL DEFAULT '',
    kind text NOT NULL DEFAULT 'standard' CHECK (kind IN ('standard', 'sale')),
    priority integer NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE commerce.price_lists IS 'named sets of prices that override the plain ones while active';
COMMENT ON COLUMN commerce.price_lists.kind IS 'sale marks a line as on_sale for promotions';

CREATE TABLE commerce.prices (
    sku text NOT NULL,
    id uuid NOT NULL DEFAULT commerce.uuidv7(),
    price_list text REFERENCES commerce.price_lists,
    price commerce.amount NOT NULL CHECK (commerce.minor_units(price) >= 0),
    per_quantity integer NOT NULL DEFAULT 1 CHECK (per_quantity > 0),
    min_quantity bigint NOT NULL DEFAULT 1 CHECK (min_quantity > 0),
    channel text REFERENCES commerce.channels,
    customer_group text REFERENCES commerce.customer_groups,
    valid tstzrange NOT NULL DEFAULT tstzrange(NULL, NULL),
    PRIMARY KEY (sku, id)
);
COMMENT ON TABLE commerce.prices IS
'what a variant costs. Of the rows that apply the most specific wins: price list by its priority, then customer group, then channel; among equals the lowest.';
COMMENT ON COLUMN commerce.prices.per_quantity IS 'price is for this many units: 12.34 EUR per 1000 screws';
COMMENT ON COLUMN commerce.prices.min_quantity IS 'applies from this many units of the sku in the cart';

-- What was when: written by triggers, never by hand. Rows end at infinity, not at NULL, so that an index finds what has
-- not ended before a time.
CREATE TABLE commerce.price_list_history (
    code text NOT NULL,
    kind text NOT NULL,
    priority integer NOT NULL,
    active boolean NOT NULL,
    during tstzrange NOT NULL CHECK (NOT isempty(during)),
    written_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (code, during)
);
COMMENT ON TABLE commerce.price_list_history IS 'what each row of commerce.price_lists was from when to when';
COMMENT ON COLUMN commerce.price_list_history.during IS 'as price_history.during';
COMMENT ON COLUMN commerce.price_list_history.written_in IS 'as price_history.written_in';
CREATE TRIGGER record_price_lists AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON commerce.price_lists
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.record_price_lists();

CREATE TABLE commerce.price_history (
    sku text NOT NULL,
    id uuid NOT NULL,
    price_list text,
    price commerce.amount NOT NULL,
    per_quantity integer NOT NULL,
    min_quantity bigint NOT NULL,
    channel text,
    customer_group text,
    valid tstzrange NOT NULL,
    during tstzrange NOT NULL CHECK (NOT isempty(during)),
    written_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (sku, id, during)
);
COMMENT ON TABLE commerce.price_history IS
'what each row of commerce.prices was from when to when: what lowest_price() and quote(at => …) of the past read. Delete what ended before any time you will ask for. COPY both tables elsewhere with triggers disabled (pg_restore --data-only --disable-triggers), or what comes is recorded as new';
COMMENT ON COLUMN commerce.price_history.id IS 'commerce.prices.id; the columns from price_list to valid are those of that row';
COMMENT ON COLUMN commerce.price_history.during IS
'when the row stood so in commerce.prices: from the start of the transaction that wrote it to the start of the one that changed it; to infinity where it still does. A price applied in during * valid';
COMMENT ON COLUMN commerce.price_history.written_in IS 'the transaction that wrote the row: what it changes again itself nobody has seen';
CREATE UNIQUE INDEX price_history_until ON commerce.price_history (sku, upper(during), id);
CREATE TRIGGER record_inserted AFTER INSERT ON commerce.prices REFERENCING NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.record_prices();
CREATE TRIGGER record_updated AFTER UPDATE ON commerce.prices REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.record_prices();
CREATE TRIGGER record_deleted AFTER DELETE ON commerce.prices REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.record_prices();
CREATE TRIGGER record_truncated AFTER TRUNCATE ON commerce.prices
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.record_prices();

CREATE TABLE commerce.tax_zones (
    code text PRIMARY KEY,
    countries text[] NOT NULL DEFAULT '{}',
    regions text[],
    postal_codes text[],
    is_default boolean NOT NULL DEFAULT false,
    is_home boolean NOT NULL DEFAULT false,
    keep text CHECK (keep IN ('gross', 'net')),
    tax_union text
);
COMMENT ON TABLE commerce.tax_zones IS
'where which taxes are due. Of the zones that fit a destination the one with the longest postal code wins, then one that names the region, then one that names the country, then the default.';
COMMENT ON COLUMN commerce.tax_zones.countries IS 'ISO 3166-1 alpha-2 codes';
COMMENT ON COLUMN commerce.tax_zones.regions IS 'narrows the zone to these regions of its countries';
COMMENT ON COLUMN commerce.tax_zones.postal_codes IS 'narrows the zone to postal codes that begin so';
COMMENT ON COLUMN commerce.tax_zones.is_default IS 'applies where the destination is unknown or in no other zone';
COMMENT ON COLUMN commerce.tax_zones.is_home IS 'where the shop is: prices are made with the taxes of this zone';
COMMENT ON COLUMN commerce.tax_zones.keep IS
'what stays of a price made at home with other taxes: gross, so that it now contains the taxes of this zone; net, so that the taxes of home are taken out and those of this zone come in; NULL where prices are made for this zone. Who owes no tax pays net';
COMMENT ON COLUMN commerce.tax_zones.tax_union IS
'zones of one union have the same name here: businesses with a VAT id of another country of the union than home owe the tax themselves where they are sent goods to another country than home';
CREATE UNIQUE INDEX tax_zones_default ON commerce.tax_zones (is_default) WHERE is_default;
CREATE UNIQUE INDEX tax_zones_home ON commerce.tax_zones (is_home) WHERE is_home;

CREATE TABLE commerce.tax_rates (
    zone text NOT NULL REFERENCES commerce.tax_zones,
    tax_class text NOT NULL DEFAULT 'standard',
    name text NOT NULL,
    rate numeric(9,6) NOT NULL CHECK (rate >= 0 AND rate <= 100),
    included boolean NOT NULL DEFAULT false,
    compound boolean NOT NULL DEFAULT false,
    priority integer NOT NULL DEFAULT 0,
    valid tstzrange NOT NULL DEFAULT tstzrange(NULL, NULL),
    PRIMARY KEY (zone, tax_class, name, valid)
);
COMMENT ON TABLE commerce.tax_rates IS 'taxes on goods of a class (shipping has the class of its method) in a zone';
COMMENT ON COLUMN commerce.tax_rates.valid IS 'where times overlap, the rate that begins last applies';
COMMENT ON COLUMN commerce.tax_rates.rate IS 'percent: 19 means 19 %';
COMMENT ON COLUMN commerce.tax_rates.included IS 'true when prices already contain this tax';
COMMENT ON COLUMN commerce.tax_rates.compound IS 'true: due on the price and on all taxes before it; compound taxes come after the others';
COMMENT ON COLUMN commerce.tax_rates.priority IS 'compound taxes are due one after the other, the lowest first';

CREATE TABLE commerce.shipping_methods (
    code text PRIMARY KEY,
    name text NOT NULL DEFAULT '',
    tax_class text DEFAULT 'standard'
);
COMMENT ON COLUMN commerce.shipping_methods.tax_class IS 'NULL: taxed as the goods are, each class by its part of what they cost';
CREATE TABLE commerce.shipping_prices (
    method text NOT NULL REFERENCES commerce.shipping_methods,
    price commerce.amount NOT NULL CHECK (commerce.minor_units(price) >= 0),
    countries text[] NOT NULL DEFAULT '{}',
    min_subtotal commerce.amount CHECK (commerce.currency(min_subtotal) = commerce.currency(price))
);
-- Without a primary key: a publication of all tables needs to be told how rows are known.
ALTER TABLE commerce.shipping_prices REPLICA IDENTITY FULL;
COMMENT ON TABLE commerce.shipping_methods IS 'ways to send an order';
COMMENT ON TABLE commerce.shipping_prices IS 'what a way costs: the row naming the country before one naming none, then the highest min_subtotal reached';
COMMENT ON COLUMN commerce.shipping_prices.countries IS 'ISO 3166-1 alpha-2 codes; empty means anywhere';
CREATE INDEX shipping_prices_method ON commerce.shipping_prices (method);

CREATE TABLE commerce.promotions (
    id uuid PRIMARY KEY DEFAULT commerce.uuidv7(),
    name text NOT NULL DEFAULT '',
    campaign text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('draft', 'active', 'ended')),
    class text CHECK (class IN ('catalog', 'item', 'gift', 'order', 'shipping')),
    lane text NOT NULL DEFAULT 'default' CHECK (lane IN ('pre', 'default', 'post')),
    priority integer NOT NULL DEFAULT 0,
    during tstzrange NOT NULL DEFAULT tstzrange(NULL, NULL),
    time_zone text NOT NULL DEFAULT 'UTC' CHECK (commerce.is_time_zone(time_zone)),
    channels text[] NOT NULL DEFAULT '{}',
    currencies text[] NOT NULL DEFAULT '{}' CHECK (commerce.are_currencies(currencies)),
    customer_groups text[] NOT NULL DEFAULT '{}',
    condition commerce.condition,
    condition_sees text NOT NULL DEFAULT 'before' CHECK (condition_sees IN ('before', 'running')),
    benefit commerce.benefit NOT NULL,
    needs_code boolean NOT NULL DEFAULT false,
    exclusivity text NOT NULL DEFAULT 'none' CHECK (exclusivity IN ('none', 'exclusive', 'group_best', 'group_first')),
    exclusive_group text,
    stop_line boolean NOT NULL DEFAULT false,
    stop_all boolean NOT NULL DEFAULT false,
    combines_with text[] NOT NULL DEFAULT '{item,gift,order,shipping}'
        CHECK (combines_with <@ '{item,gift,order,shipping}'),
    tags text[] NOT NULL DEFAULT '{}',
    stacks_with text[] NOT NULL DEFAULT '{}',
    exclude_sale_items text NOT NULL DEFAULT 'no' CHECK (exclude_sale_items IN ('no', 'skip', 'refuse')),
    percentages text CHECK (percentages IN ('running', 'original')),
    CONSTRAINT class_fits_benefit CHECK (commerce.benefit_fits(benefit, class)),
    CONSTRAINT group_is_named CHECK ((exclusivity IN ('group_best', 'group_first')) = (exclusive_group IS NOT NULL))
);
COMMENT ON TABLE commerce.promotions IS
'who gets what off. Prices of the catalogue are set first. Then come the lanes pre, default and post, in each of them discounts on items, gifts, discounts on the order, discounts on shipping; among equals the highest priority, then the lowest id. A line takes one item discount in each lane: the first.';
COMMENT ON COLUMN commerce.promotions.campaign IS 'what it is part of; for reports';
COMMENT ON COLUMN commerce.promotions.class IS
'NULL: as its benefit says (off units or lines: item; off order: order). catalog sets the price of the matching lines, so that all else goes by the lower price; item for a benefit off order makes it count as the one item discount of the lines it takes from';
COMMENT ON COLUMN commerce.promotions.priority IS 'the highest is applied first';
COMMENT ON COLUMN commerce.promotions.time_zone IS 'in which its condition reads time, date and weekday, e.g. Europe/Berlin';
COMMENT ON COLUMN commerce.promotions.channels IS 'where it runs; empty: everywhere. Only channels that are there, and they stay while it is not ended';
COMMENT ON COLUMN commerce.promotions.currencies IS 'ISO 4217 codes of the carts it is for; empty: all that its amounts are in';
COMMENT ON COLUMN commerce.promotions.customer_groups IS 'whom it is for; empty: everyone';
COMMENT ON COLUMN commerce.promotions.condition IS 'when it applies, e.g. subtotal >= 100 EUR; NULL always';
COMMENT ON COLUMN commerce.promotions.condition_sees IS 'before: the cart before all discounts; running: what promotions applied earlier have left of it';
COMMENT ON COLUMN commerce.promotions.benefit IS 'what it gives, e.g. 20% off lines where category <@ ''clothing.shoes''';
COMMENT ON COLUMN commerce.promotions.needs_code IS 'true: only for those who enter one of its promotion_codes';
COMMENT ON COLUMN commerce.promotions.exclusivity IS
'exclusive: no other promotion beside it; group_best: of exclusive_group the one with which the total is lowest, and one wherever any of it can apply; group_first: of exclusive_group the first that gives anything';
COMMENT ON COLUMN commerce.promotions.stop_line IS 'true: what it took something from takes no later promotion';
COMMENT ON COLUMN commerce.promotions.stop_all IS 'true: where it applies it is the last';
COMMENT ON COLUMN commerce.promotions.combines_with IS 'classes of promotions that may apply beside it; both must allow the other''s';
COMMENT ON COLUMN commerce.promotions.tags IS 'words that other promotions name in stacks_with';
COMMENT ON COLUMN commerce.promotions.stacks_with IS 'an item discount may be on a line with others of its lane if each names a tag of the other here';
COMMENT ON COLUMN commerce.promotions.exclude_sale_items IS 'skip: gives nothing for lines on sale; refuse: gives nothing to a cart with any';
COMMENT ON COLUMN commerce.promotions.percentages IS 'of what earlier promotions have left (running) or of the price (original); NULL: as the quote, channel or shop says';

CREATE TABLE commerce.promotion_codes (
    code text PRIMARY KEY CHECK (code = upper(btrim(code) COLLATE "C") AND code <> ''),
    promotion uuid NOT NULL REFERENCES commerce.promotions ON DELETE CASCADE,
    uses bigint CHECK (uses >= 0 AND uses <= 1000000000000000000),
    valid tstzrange NOT NULL DEFAULT tstzrange(NULL, NULL)
);
COMMENT ON TABLE commerce.promotion_codes IS 'what customers type; stored in upper case, matched in any (of the letters A to Z)';
COMMENT ON COLUMN commerce.promotion_codes.uses IS 'how many orders may use this code; NULL: as many as its promotion allows';
COMMENT ON COLUMN commerce.promotion_codes.valid IS 'when it may be entered, beside when its promotion runs';
CREATE INDEX promotion_codes_promotion ON commerce.promotion_codes (promotion);

CREATE TRIGGER require_channels AFTER INSERT OR UPDATE OF channels, status ON commerce.promotions
    FOR EACH ROW WHEN (new.channels <> '{}' AND new.status <> 'ended') EXECUTE FUNCTION commerce.require_channels();
CREATE TRIGGER keep_channel AFTER DELETE OR UPDATE OF code ON commerce.channels
    FOR EACH ROW EXECUTE FUNCTION commerce.keep_channel();

CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON commerce.promotions
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.invalidate_cache();
ALTER TABLE commerce.promotions ENABLE ALWAYS TRIGGER invalidate;
-- What comes by replication fires triggers for rows alone.
CREATE TRIGGER invalidate_replicated AFTER INSERT OR UPDATE OR DELETE ON commerce.promotions
    FOR EACH ROW EXECUTE FUNCTION commerce.invalidate_cache();
ALTER TABLE commerce.promotions ENABLE REPLICA TRIGGER invalidate_replicated;

GRANT SELECT ON commerce.price_lists, commerce.price_list_history, commerce.prices, commerce.price_history,
    commerce.tax_zones, commerce.tax_rates, commerce.shipping_methods, commerce.shipping_prices, commerce.promotions TO commerce_reader;
-- Not the code: who knows one that is worth something may spend it.
GRANT SELECT (promotion, uses, valid) ON commerce.promotion_codes TO commerce_reader;
