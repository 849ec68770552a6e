-- Reports over a few orders whose figures can be checked by eye, in channels and skus of their own.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
SET search_path = public, commerce;
-- All of it is taken back, because others look at the past as well.
BEGIN;

INSERT INTO commerce.channels (code, currency) VALUES ('rep_web', 'EUR'), ('rep_ch', 'CHF');
INSERT INTO commerce.tax_zones (code, countries) VALUES ('rep', '{YR,YS}');
INSERT INTO commerce.tax_rates (zone, name, rate, included) VALUES ('rep', 'VAT', 20, true);
INSERT INTO commerce.shipping_methods (code) VALUES ('rep_post');
INSERT INTO commerce.shipping_prices (method, price) VALUES ('rep_post', '6 EUR');
INSERT INTO commerce.locations (code) VALUES ('rep_shelf'), ('rep_attic');
INSERT INTO commerce.products (handle, title, brand, category) VALUES ('rep-pot', 'A pot', 'Rep', 'kitchen.pots');
INSERT INTO commerce.variants (sku, title, product_id, cost) SELECT 'rep-pot', '', id, '20 EUR' FROM commerce.products WHERE handle = 'rep-pot';
INSERT INTO commerce.variants (sku, title, cost) VALUES ('rep-lid', 'A lid', '4 CHF'), ('rep-nail', 'A nail', NULL);
INSERT INTO commerce.prices (sku, price) VALUES ('rep-pot', '48 EUR'), ('rep-lid', '12 EUR'), ('rep-lid', '10 CHF'), ('rep-nail', '1.20 EUR');
SELECT commerce.receive_stock('rep-pot', 20, 'rep_shelf'), commerce.receive_stock('rep-lid', 8, 'rep_attic'), commerce.receive_stock('rep-nail', 5, 'rep_shelf');

INSERT INTO commerce.promotions (id, name, campaign, benefit, channels) VALUES
    ('00000000-0000-7000-8000-0000000000a1', 'pots', 'spring', '25% off lines where sku = ''rep-pot''', '{rep_web}'),
    ('00000000-0000-7000-8000-0000000000a2', 'free post', NULL, '100% off shipping', '{rep_web}');
CREATE TABLE rep_orders (name text PRIMARY KEY, id uuid);
CREATE FUNCTION pg_temp.buy(name text, at timestamptz, customer int, lines jsonb, channel text DEFAULT 'rep_web', country text DEFAULT 'YR',
    shipping_method text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    WITH bought AS (SELECT commerce.checkout(lines, channel => channel, ship_to => jsonb_build_object('country', country),
        shipping_method => shipping_method, at => at) AS id)
    INSERT INTO rep_orders SELECT name, id FROM bought $$;
SELECT pg_temp.buy('late', '1993-01-31 23:30 UTC', 1, '[{"sku": "rep-pot", "quantity": 2}, {"sku": "rep-nail", "quantity": 1}]', shipping_method => 'rep_post');
UPDATE commerce.promotions SET status = 'ended' WHERE id = '00000000-0000-7000-8000-0000000000a2';
SELECT pg_temp.buy('early', '1993-02-01 08:00 UTC', 1, '[{"sku": "rep-pot", "quantity": 1}, {"sku": "rep-lid", "quantity": 1}]', country => 'YS', shipping_method => 'rep_post');
SELECT pg_temp.buy('swiss', '1993-02-01 09:00 UTC', 2, '[{"sku": "rep-lid", "quantity": 3}]', channel => 'rep_ch', country => 'YS');
SELECT pg_temp.buy('hand', '1993-04-02 09:00 UTC', 2, '[{"sku": "rep-lid", "quantity": 2, "discounts": [{"amount": "4.00", "reason": "scratched"}]}]');
SELECT pg_temp.buy('cancelled', '1993-02-01 10:00 UTC', 2, '[{"sku": "rep-pot", "quantity": 5}]');
SELECT pg_temp.buy('archived', '1993-02-01 10:00 UTC', 2, '[{"sku": "rep-pot", "quantity": 4}]');
SELECT count(commerce.order_event(id, 'cancel')) AS cancelled FROM rep_orders WHERE name IN ('cancelled', 'archived');
SELECT commerce.order_event(id, 'archive') FROM rep_orders WHERE name = 'archived';
-- Whose they are; nothing else is known of them.
UPDATE commerce.orders o SET customer_id = CASE WHEN r.name IN ('late', 'early') THEN '00000000-0000-7000-8000-0000000000c1'::uuid
    ELSE '00000000-0000-7000-8000-0000000000c2' END FROM rep_orders r WHERE r.id = o.id;
SELECT '[1993-01-01, 1994-01-01)' AS y \gset

-- Days go by a time zone; cancelled orders, archived ones too, are none.
SELECT * FROM commerce.sales_by_day(:'y') ORDER BY day, currency;
SELECT day, currency, orders, gross FROM commerce.sales_by_day(:'y', 'Europe/Berlin') ORDER BY day, currency;
SELECT day, gross FROM commerce.sales_by_day('[1993-01-31 23:30+00, 1993-02-01 08:00+00)');
SELECT count(*) AS none FROM commerce.sales_by_day('empty');
SELECT channel, currency, orders, units, net, margin FROM commerce.sales_by_channel(:'y') ORDER BY 1, 2;
SELECT country, currency, orders, gross, tax, net FROM commerce.sales_by_country(:'y') ORDER BY 1, 2;
SELECT sku, title, brand, category, currency, orders, units, gross, tax, net, discount, cost, units_without_cost AS no_cost, margin
    FROM commerce.sales_by_product(:'y') ORDER BY 1, 6;
-- They are one and the same sum.
SELECT (SELECT commerce.sum(net) FROM commerce.sales_by_day(:'y') WHERE currency = 'EUR') AS by_day,
    (SELECT commerce.sum(net) FROM commerce.sales_by_country(:'y') WHERE currency = 'EUR') AS by_country,
    (SELECT commerce.sum(net) FROM commerce.sales_by_product(:'y') WHERE currency = 'EUR')
        + (SELECT commerce.sum(shipping_net) FROM commerce.sales_by_day(:'y') WHERE currency = 'EUR') AS by_product,
    (SELECT commerce.sum(o.total) - commerce.sum(o.tax) FROM commerce.orders o JOIN rep_orders r USING (id)
        WHERE r.name IN ('late', 'early', 'hand')) AS by_hand;

-- Promotions, one of them gone, and what was given by hand.
DELETE FROM commerce.promotions WHERE id = '00000000-0000-7000-8000-0000000000a1';
SELECT name, campaign, gone, currency, orders, lines, units, discount, shipping_discount, saved_tax, lines_net, lines_cost,
    units_without_cost AS no_cost, lines_margin, orders_net FROM commerce.promotion_results(:'y') ORDER BY name;
SELECT name, orders, discount FROM commerce.promotion_results('[1993-02-01, 1993-03-01)');

-- Customers.
SELECT right(customer_id::text, 2) AS customer, currency, recency_days, orders, net, r, f, m FROM commerce.customer_rfm('1993-04-05 08:59 UTC')
    WHERE customer_id::text LIKE '00000000-0000-7000-8000-0000000000c_' ORDER BY 1, 2;
SELECT * FROM commerce.cohorts(:'y');
SELECT cohort, month, active FROM commerce.cohorts('[1993-01-01, 1993-02-01)', 'Europe/Berlin');

-- Returns count when they are received.
SELECT count(commerce.fulfil(id)) AS sent FROM rep_orders WHERE name IN ('late', 'early');
SELECT commerce.request_return(id, '[{"sku": "rep-pot", "quantity": 1}]', 'too small') AS back FROM rep_orders WHERE name = 'late' \gset
SELECT count(*) AS "only asked for" FROM commerce.returns_report(:'y');
SELECT commerce.receive_return(:'back', 'restock', 'rep_shelf');
SELECT commerce.receive_return(commerce.request_return(id, '[{"sku": "rep-pot", "quantity": 1}, {"sku": "rep-lid", "quantity": 1}]'), 'write_off')
    FROM rep_orders WHERE name = 'early';
SELECT * FROM commerce.returns_report(:'y') ORDER BY sku;

-- Stock.
SELECT * FROM commerce.stock_value('rep_shelf');
SELECT * FROM commerce.stock_value('rep_attic');
-- The average goes by the moment of each movement: 100 for five days, 40 for two and a half, 50 for as long.
INSERT INTO commerce.variants (sku, cost) VALUES ('rep-flow', '2 EUR');
INSERT INTO commerce.stock (sku, location, on_hand) VALUES ('rep-flow', 'rep_shelf', 35);
INSERT INTO commerce.stock_movements (sku, location, delta, quantity, reason, moved_at) VALUES
    ('rep-flow', 'rep_shelf', 100, 100, 'received', '1992-12-31 00:00 UTC'), ('rep-flow', 'rep_shelf', -60, 60, 'sold', '1993-01-06 00:00 UTC'),
    ('rep-flow', 'rep_shelf', 10, 10, 'returned', '1993-01-08 12:00 UTC'), ('rep-flow', 'rep_shelf', -15, 15, 'sold', '1993-02-01 00:00 UTC');
SELECT * FROM commerce.stock_turnover('[1993-01-01 00:00+00, 1993-01-11 00:00+00)', 'rep_shelf') WHERE sku = 'rep-flow';
SELECT sku, units_sold, opening, closing, turnover FROM commerce.stock_turnover('[1993-01-20 00:00+00, 1993-01-21 00:00+00)') WHERE sku = 'rep-flow';

-- Carts: what became of those begun on a day, by its channel. Merged ones are the cart they went into.
INSERT INTO commerce.carts (id, channel, created_at, expires_at) SELECT format('00000000-0000-7000-8000-0000000001%s', n)::uuid, 'rep_web',
    '1993-03-01 23:30 UTC'::timestamptz + n * interval '1 minute', 'infinity' FROM generate_series(10, 15) n;
INSERT INTO commerce.cart_lines (cart_id, sku, position, quantity) SELECT format('00000000-0000-7000-8000-0000000001%s', n)::uuid, 'rep-nail', 1, 1
    FROM generate_series(10, 14) n;
UPDATE commerce.carts SET state = 'placed', order_id = (SELECT id FROM rep_orders WHERE name = 'hand'), placed_at = created_at + interval '10 minutes'
    WHERE id::text ~ '01(10|11)$';
UPDATE commerce.carts SET state = 'expired' WHERE id::text ~ '0112$';
UPDATE commerce.carts SET state = 'merged', merged_into = '00000000-0000-7000-8000-000000000110' WHERE id::text ~ '0113$';
SELECT * FROM commerce.cart_conversion('[1993-01-01, 1994-01-01)');
SELECT day, carts, filled, open FROM commerce.cart_conversion('[1993-03-01 23:44+00, 1993-03-01 23:46+00)', 'Europe/Berlin');

-- For reports nobody has to see a customer.
SET ROLE commerce_reader;
SELECT count(*) > 0 AS days, (SELECT count(*) > 0 FROM commerce.sales_by_channel()) AS channels, (SELECT count(*) > 0 FROM commerce.sales_by_country()) AS countries,
    (SELECT count(*) > 0 FROM commerce.sales_by_product()) AS products, (SELECT count(*) > 0 FROM commerce.promotion_results()) AS promotions,
    (SELECT count(*) > 0 FROM commerce.customer_rfm()) AS rfm, (SELECT count(*) > 0 FROM commerce.cohorts()) AS cohorts,
    (SELECT count(*) > 0 FROM commerce.returns_report()) AS returns, (SELECT count(*) > 0 FROM commerce.stock_value()) AS stock,
    (SELECT count(*) > 0 FROM commerce.stock_turnover()) AS turnover,
    (SELECT count(*) > 0 FROM commerce.cart_conversion()) AS carts FROM commerce.sales_by_day();
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK on
SELECT * FROM commerce.customers;
SELECT * FROM commerce.sales_by_day(NULL, 'Mars/Olympus');
SELECT * FROM commerce.cohorts(NULL, 'Mars/Olympus');
SELECT * FROM commerce.cart_conversion(NULL, 'Mars/Olympus');
RESET ROLE;
ROLLBACK;
