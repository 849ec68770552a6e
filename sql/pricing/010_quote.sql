CREATE FUNCTION commerce.quote(lines jsonb, codes text[] DEFAULT NULL, customer uuid DEFAULT NULL, channel text DEFAULT NULL,
        currency text DEFAULT NULL, ship_to jsonb DEFAULT NULL, shipping_method text DEFAULT NULL,
        at timestamptz DEFAULT NULL, options jsonb DEFAULT NULL, explain boolean DEFAULT false) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_quote_sql';
COMMENT ON FUNCTION commerce.quote(jsonb, text[], uuid, text, text, jsonb, text, timestamptz, jsonb, boolean) IS
'What a cart costs. lines: [{"sku": "A", "quantity": 2}], each may bring its own unit_price, per_quantity, title, brand, category, tags, tax_class and attributes. ship_to: {"country": "DE", "region": "BE"}. at: the time to price for, now when NULL. options: tax_level line|unit|order, prices_include_tax, percentages running|original. explain adds every promotion with what became of it. Money is {"amount": "12.50", "currency": "EUR", "minor": 1250}; tax counts included_tax, total = subtotal - discount + shipping + tax - included_tax. CM002 unknown sku, CM021 no price, CM020 mixed currencies, CM023 out of range, CM030 unknown code, CM031 code not running, 22023 for a malformed request.';
GRANT EXECUTE ON FUNCTION commerce.quote(jsonb, text[], uuid, text, text, jsonb, text, timestamptz, jsonb, boolean) TO commerce_app;
