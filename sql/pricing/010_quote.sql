CREATE FUNCTION commerce.quote(lines jsonb, codes text[] DEFAULT NULL, customer uuid DEFAULT NULL, channel text DEFAULT NULL,
        currency text DEFAULT NULL, ship_to jsonb DEFAULT NULL, shipping_method text DEFAULT NULL,
        at timestamptz DEFAULT NULL, options jsonb DEFAULT NULL, explain boolean DEFAULT false) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_quote_sql';
COMMENT ON FUNCTION commerce.quote(jsonb, text[], uuid, text, text, jsonb, text, timestamptz, jsonb, boolean) IS
$$What a cart costs, and why.
lines: [{"sku": "A", "quantity": 2}], each may bring its own unit_price, per_quantity, title, brand, category, tags, tax_class,
tax_exempt, attributes, and "discounts": [{"amount": "5.00", "reason": "scratched"}] or with "percent", taken off by hand.
codes: in any case; the answer's "codes" says what became of each. ship_to: {"country": "DE", "region": "BE", "postal_code": "10115"}.
at: the time to price for, now when NULL; it covers prices and their lists (before the start of this transaction as
commerce.price_history says they were; before a sku's first price was recorded those it began with; later as they are now, by
their validity), promotions and tax rates by their validity as they are now, and nothing else: goods, minimum prices, shipping
prices, channels and the customer's group are those of now. checkout() takes it from commerce_admin only.
options of taxes: tax_level line|unit|rate|order|order_delta, prices_include_tax, keep gross|net (of prices made at home with
other taxes), vat_country (whose VAT id the buyer, a business, has), cash_increment ("0.05 CHF").
options of pricing, where not as the channel and the shop say (columns pricing); the first is the default: rounding (of
discounts) half_up|half_down|half_even|down|…; remainder (who has the last cent) nearest|first|last; percentages running|original;
limited_pool (units that a limited discount is on) cheapest|dearest; partial_get no|yes; budget_exceeded refuse|rest;
exclusive_rule exclusive_first|priority_first; tax_on discounted|full; catalog_rounding unit|line; catalog_stacking compound|best.
options.promotions: objects with the columns of commerce.promotions, beside them codes, uses_left and spend_left: priced with
instead of the shop's. options.discounts: as those of a line, off the order, after all promotions.
Each discount says how much less tax is due because of it (saved_tax, where there is any).
explain adds every promotion that runs with what became of it, in words and as a code; amounts add up to discount; what the
catalogue took off prices is off_prices, and list_price the price before it. Gifts are lines with "gift": true.
Money is {"amount": "12.50", "currency": "EUR", "minor": 1250}; tax counts included_tax, total = subtotal - discount + shipping
+ tax - included_tax + rounding; tax_treatment is taxed, exempt or reverse_charge. The order of lines changes nothing.
CM002 unknown sku, CM021 no price, CM020 mixed currencies, CM023 out of range, CM030 unknown code, CM031 code not running, 22023
for a malformed request, 22P02 for a malformed rule.$$;
GRANT EXECUTE ON FUNCTION commerce.quote(jsonb, text[], uuid, text, text, jsonb, text, timestamptz, jsonb, boolean) TO commerce_app;

CREATE FUNCTION commerce.quote_lines(lines jsonb, codes text[] DEFAULT NULL, customer uuid DEFAULT NULL, channel text DEFAULT NULL,
        currency text DEFAULT NULL, ship_to jsonb DEFAULT NULL, shipping_method text DEFAULT NULL,
        at timestamptz DEFAULT NULL, options jsonb DEFAULT NULL)
        RETURNS TABLE (line integer, sku text, title text, quantity bigint, unit_price commerce.amount,
            list_price commerce.amount, subtotal commerce.amount, discount commerce.amount, tax commerce.amount,
            included_tax commerce.amount, total commerce.amount, gift boolean)
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 10
    AS 'MODULE_PATHNAME', 'commerce_quote_lines';
COMMENT ON FUNCTION commerce.quote_lines(jsonb, text[], uuid, text, text, jsonb, text, timestamptz, jsonb) IS
'The lines of quote() as rows: those asked for in their order from 1, gifts after them; line 0 is shipping, where a method was named, with a NULL sku. unit_price is for as many units as the line or its price says (per_quantity); list_price is the price before promotions of the catalogue, NULL where there were none; total = subtotal - discount + tax - included_tax. What is rounded for the order as a whole (cash_increment) is in quote() alone. Arguments and errors are those of quote().';
GRANT EXECUTE ON FUNCTION commerce.quote_lines(jsonb, text[], uuid, text, text, jsonb, text, timestamptz, jsonb) TO commerce_app;
