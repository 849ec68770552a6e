-- Low, out, back: each crossing is told once.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku, track_stock) VALUES ('alert-A', true), ('alert-B', true), ('alert-new', true), ('alert-svc', false);
INSERT INTO commerce.locations (code) VALUES ('alert-east');
SELECT commerce.announce_stock() >= 0 AS what_others_left;
CREATE FUNCTION pg_temp.events() RETURNS TABLE (event text) LANGUAGE sql AS $$
    SELECT concat_ws(' ', topic, payload ->> 'sku', payload ->> 'location', payload ->> 'available') FROM commerce.outbox WHERE aggregate LIKE 'alert-%' ORDER BY id
$$;

-- At birth nothing is out: a level that never had any, an expected one, one of what is not tracked.
SELECT commerce.set_stock_policy('alert-A', 'main', 0, 0, 3), commerce.set_stock_policy('alert-new', 'main', 0, 0, 3), commerce.adjust_stock('alert-new', 0, 'alert-east'),
    commerce.expect_stock('alert-new', 5) \gset
SELECT commerce.receive_stock('alert-svc', 1), commerce.adjust_stock('alert-svc', -1) \gset
SELECT commerce.announce_stock(), commerce.announce_stock(ARRAY['alert-new', 'alert-svc', 'alert-unknown', NULL]), commerce.announce_stock('{}');
-- Plenty is no news; then low, and only once, however often asked.
SELECT commerce.receive_stock('alert-A', 10), commerce.receive_stock('alert-B', 10), commerce.receive_stock('alert-A', 9, 'alert-east') \gset
SELECT commerce.announce_stock();
SELECT commerce.adjust_stock('alert-A', -7), commerce.adjust_stock('alert-B', -9) \gset
SELECT commerce.announce_stock(ARRAY['alert-B']) AS only_b, commerce.announce_stock() AS crossed, commerce.announce_stock() AS again, commerce.announce_stock(ARRAY['alert-A', 'alert-A']) AS and_again;
-- Below low and above, in between two looks: nothing happened.
SELECT commerce.adjust_stock('alert-A', 5), commerce.adjust_stock('alert-A', -5) \gset
SELECT commerce.announce_stock();
-- Held units count; out, though some are on hand.
SELECT commerce.reserve('alert-A', 3, location => 'main') AS held \gset
SELECT commerce.announce_stock(ARRAY['alert-A']), commerce.announce_stock();
-- Back, but low; then plenty, which is no news but ends low; then low again.
SELECT commerce.release_reservation(:'held');
SELECT commerce.announce_stock();
SELECT commerce.receive_stock('alert-A', 4);
SELECT commerce.announce_stock();
SELECT commerce.adjust_stock('alert-A', -4);
SELECT commerce.announce_stock();
-- Sold out before the first look, and back; without low_stock there is no low.
SELECT commerce.receive_stock('alert-new', 5, incoming => true), commerce.adjust_stock('alert-new', -5), commerce.adjust_stock('alert-B', -1) \gset
SELECT commerce.announce_stock();
SELECT commerce.receive_stock('alert-new', 5), commerce.receive_stock('alert-B', 1) \gset
SELECT commerce.announce_stock();
SELECT * FROM pg_temp.events();
SELECT sku, location, number, level FROM commerce.stock_alerts WHERE sku LIKE 'alert-%' ORDER BY sku, location, number;

-- Rolled back, nothing was told.
BEGIN;
SELECT commerce.adjust_stock('alert-A', -3);
SELECT commerce.announce_stock();
ROLLBACK;
SELECT commerce.announce_stock();
SELECT count(*) FROM pg_temp.events();
