-- Why so many: the rows add up.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('why-A', true), ('why-B', true), ('why-kit', true), ('why-svc', false);
INSERT INTO commerce.prices (sku, price) VALUES ('why-A', '1 EUR');
INSERT INTO commerce.locations (code, priority, active) VALUES ('why-east', 30, true), ('why-off', 40, false);
SELECT commerce.receive_stock('why-A', 20, 'why-east'), commerce.receive_stock('why-A', 5), commerce.receive_stock('why-A', 9, 'why-off'),
    commerce.expect_stock('why-A', 6), commerce.set_stock_policy('why-A', 'why-east', 2, 0, NULL),
    commerce.move_stock('why-A', 3, 'why-east', 'why-east', to_state => 'damaged') \gset
SELECT commerce.reserve('why-A', 4, 'cart-7') AS held, commerce.reserve('why-A', 1, location => 'main') AS anon, commerce.reserve('why-A', 2, 'cart-8') AS late,
    commerce.checkout('[{"sku": "why-A", "quantity": 5}]') AS bought \gset
UPDATE commerce.reservations SET expires_at = now() - interval '1 hour' WHERE id = :'late';
CREATE FUNCTION pg_temp.why(of_sku text, at text DEFAULT NULL) RETURNS TABLE (state text, quantity bigint, source text) LANGUAGE sql AS $$
    SELECT state, quantity, regexp_replace(regexp_replace(source, '[0-9a-f-]{36}', '<id>', 'g'), 'until .* count', 'until <then> count') FROM commerce.explain_stock(of_sku, at)
$$;
SELECT * FROM pg_temp.why('why-A');
SELECT * FROM pg_temp.why('why-A', 'why-off');
SELECT sum(quantity) FILTER (WHERE state <> 'available') = sum(quantity) FILTER (WHERE state = 'available') AS adds_up,
    sum(quantity) FILTER (WHERE state = 'available') = commerce.available('why-A') AS is_what_available_says FROM commerce.explain_stock('why-A');
SELECT count(*) AS names_each FROM commerce.explain_stock('why-A') WHERE source LIKE '%' || :'held' || ' of cart-7' OR source LIKE '% of order ' || :'bought' OR source LIKE '%' || :'anon' OR source LIKE '%' || :'late' || ' of cart-8: 2 held%';
-- What there is nothing of, what never runs out, what is made of parts.
SELECT * FROM pg_temp.why('why-B');
SELECT * FROM pg_temp.why('why-svc');
INSERT INTO commerce.kit_parts (kit, part, quantity) VALUES ('why-kit', 'why-A', 2), ('why-kit', 'why-B', 1), ('why-kit', 'why-svc', 1);
SELECT * FROM pg_temp.why('why-kit');
SELECT commerce.receive_stock('why-B', 9);
SELECT * FROM pg_temp.why('why-kit', 'main');
SELECT commerce.explain_stock('why-unknown');
SELECT commerce.explain_stock('why-A', 'why-nowhere');
SELECT commerce.explain_stock(NULL);
-- Reports may ask.
SET ROLE commerce_reader;
SELECT count(*) FROM commerce.explain_stock('why-A');
SELECT available FROM commerce.stock_levels WHERE sku = 'why-A' ORDER BY location;
RESET ROLE;
