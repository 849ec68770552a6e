CREATE FUNCTION commerce.checkout(lines jsonb, codes text[] DEFAULT NULL, customer uuid DEFAULT NULL,
        channel text DEFAULT NULL, currency text DEFAULT NULL, ship_to jsonb DEFAULT NULL,
        shipping_method text DEFAULT NULL, at timestamptz DEFAULT NULL, options jsonb DEFAULT NULL,
        expected_total commerce.amount DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_checkout';
COMMENT ON FUNCTION commerce.checkout(jsonb, text[], uuid, text, text, jsonb, text, timestamptz, jsonb, commerce.amount, text) IS
'Buys, in one transaction: prices the lines as quote() does, stores the order, reserves its stock, writes history and the event order.placed; returns the order. The same idempotency_key (1 to 255 bytes) with the same request returns the same order, with another request it is CM050. expected_total: CM022 where the total differs. options.holder: holds of this holder give way to the order; a line''s location says from where to send. options.strategy: priority, most_stock, fewest_splits or no_split, as reserve_lines() does. ship_to beyond country, region and postal_code is stored sealed (CM041 without a key). Prices, brand, category, tags, tax_class, tax_exempt and attributes of one''s own, tax options and another time (at, which also dates the order: for orders brought from elsewhere) need commerce_admin (CM042). CM001 names every short line; CM002, CM020, CM021, CM023, CM030, CM031 and 22023 as quote().';
GRANT EXECUTE ON FUNCTION commerce.checkout(jsonb, text[], uuid, text, text, jsonb, text, timestamptz, jsonb, commerce.amount, text) TO commerce_app;
