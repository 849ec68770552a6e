-- A catalogue, 20,000 promotions of the kinds that shops have, carts, and beside the shop what a team writes first.
-- Everything is drawn after setseed(), so every run has the same.
INSERT INTO commerce.customer_groups (code) SELECT 'g' || i FROM generate_series(1, 40) i;
INSERT INTO commerce.channels (code) SELECT 'app' || i FROM generate_series(1, 10) i;
CREATE TABLE bench.customers AS
    SELECT i AS number, commerce.create_customer(format('c%s@example.com', i), customer_group => 'g' || i) AS id FROM generate_series(1, 40) i;

-- draw(n): a whole number from 1 to n.
CREATE FUNCTION bench.draw(most integer) RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT 1 + floor(random() * most)::integer';

-- What is sold: 5,000 skus here, those of real invoices as a pool of their own.
CREATE TABLE bench.pool (pool text, place integer, sku text, price numeric(12,2), PRIMARY KEY (pool, place));
CREATE TABLE bench.plain_goods (sku text PRIMARY KEY, price numeric(12,2) NOT NULL, category ltree NOT NULL, tags text[] NOT NULL);

-- Puts a pool into the catalogue: 200 categories below 20, 500 brands, two of 500 tags each.
CREATE FUNCTION bench.stock_up(chosen text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setseed(0.1);
    CREATE TEMP TABLE drawn ON COMMIT DROP AS
        SELECT p.sku, p.price, format('c%s.s%s', bench.draw(20), bench.draw(10)) AS category, 'B' || bench.draw(500) AS brand,
            ARRAY['t' || bench.draw(250), 't' || 250 + bench.draw(250)] AS tags
        FROM bench.pool p WHERE p.pool = chosen ORDER BY p.place;
    INSERT INTO commerce.products (handle, title, category, brand, tags)
        SELECT sku, 'The ' || sku, category::ltree, brand, tags FROM drawn;
    INSERT INTO commerce.variants (sku, product_id)
        SELECT d.sku, p.id FROM drawn d JOIN commerce.products p ON p.handle = d.sku;
    INSERT INTO commerce.prices (sku, price) SELECT sku, commerce.amount(price, 'EUR') FROM drawn;
    INSERT INTO bench.plain_goods SELECT sku, price, category::ltree, tags FROM drawn;
END
$$;

-- All promotions there are to choose from, and as columns what the simple engine makes of each.
CREATE TABLE bench.promotions (
    pool text, number integer, kind text, condition text, benefit text, needs_code boolean, groups text[], channels text[],
    percent numeric, sku text, category text, tag text, PRIMARY KEY (pool, number));

CREATE FUNCTION bench.invent(chosen text, wanted integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    goods integer := (SELECT count(*) FROM bench.pool p WHERE p.pool = chosen);
BEGIN
    PERFORM setseed(0.2);
    CREATE TEMP TABLE drawn ON COMMIT DROP AS
        SELECT i AS number, random() * 100 AS kind, bench.draw(goods) AS a, bench.draw(goods) AS b, 5 * bench.draw(6) AS percent,
            format('c%s.s%s', bench.draw(20), bench.draw(10)) AS category, 'B' || bench.draw(500) AS brand,
            't' || bench.draw(500) AS tag, 'g' || bench.draw(40) AS customer_group, 'app' || bench.draw(10) AS channel
        FROM generate_series(1, wanted) i;
    INSERT INTO bench.promotions
        SELECT chosen, d.number, k.kind, k.condition, k.benefit, coalesce(k.needs_code, false),
            CASE WHEN k.kind = 'group' THEN ARRAY[d.customer_group] ELSE '{}' END,
            CASE WHEN k.kind = 'channel' THEN ARRAY[d.channel] ELSE '{}' END, d.percent,
            CASE WHEN d.number % 20 < 14 THEN a.sku END, CASE WHEN d.number % 20 BETWEEN 14 AND 16 THEN d.category END,
            CASE WHEN d.number % 20 > 16 THEN d.tag END
        FROM drawn d JOIN bench.pool a ON a.pool = chosen AND a.place = d.a JOIN bench.pool b ON b.pool = chosen AND b.place = d.b,
        LATERAL (
            SELECT * FROM (VALUES
                (d.number = 1, 'threshold', 'subtotal >= 200 EUR', '10 EUR off order', false),
                (d.number = 2, 'welcome', 'customer.orders = 0 and customer is not null', '5 EUR off order', false),
                (d.kind < 38, 'percent', NULL, format('%s%% off lines where sku = %L', d.percent, a.sku), false),
                (d.kind < 48, 'fixed', NULL, format('1.50 EUR off units where sku = %L', a.sku), false),
                (d.kind < 56, 'buy', NULL, format('buy 2 where sku = %L get 1 where sku = %L at 50%% off, at most 3 times', a.sku, b.sku), false),
                (d.kind < 61, 'bundle', NULL, format('3 for 20 EUR where sku in (%L, %L)', a.sku, b.sku), false),
                (d.kind < 66, 'tiers', NULL, format('tiers by line quantity: 10 -> 5%%, 50 -> 10%% on lines where sku = %L', a.sku), false),
                (d.kind < 68, 'gift', NULL, format('gift 1 %L for every 2 where sku = %L', 'GIFT' || 1 + d.number % 20, a.sku), false),
                (d.kind < 70, 'category', NULL, format('%s%% off lines where category <@ %L and not on_sale', d.percent, d.category), false),
                (d.kind < 72, 'weekend', 'weekday in (''sat'', ''sun'')', format('%s%% off lines where category <@ %L', d.percent, d.category), false),
                (d.kind < 75, 'tag', NULL, format('%s%% off lines where tag = %L', d.percent, d.tag), false),
                (d.kind < 78, 'brand', NULL, format('%s%% off lines where brand = %L', d.percent, d.brand), false),
                (d.kind < 80, 'quantity', format('quantity(brand = %L) >= 3', d.brand), format('5 EUR off order where brand = %L', d.brand), false),
                (d.kind < 82, 'order', format('subtotal(brand = %L) >= 100 EUR', d.brand), format('10%% off order where brand = %L', d.brand), false),
                (d.kind < 94, 'code', 'subtotal >= 20 EUR', format('%s%% off order', d.percent), true),
                (d.kind < 97, 'group', 'subtotal >= 50 EUR', format('%s%% off lines where brand = %L', d.percent, d.brand), false),
                (true, 'channel', NULL, '5% off order', false)
            ) AS kinds (fits, kind, condition, benefit, needs_code) WHERE fits LIMIT 1) k;
END
$$;

-- The simple engine's own table: a percentage of lines that match, which an index may find in three ways.
CREATE TABLE bench.plain_promotions (
    number integer PRIMARY KEY, active boolean NOT NULL DEFAULT true, percent numeric NOT NULL, sku text, category ltree, tag text);
CREATE INDEX ON bench.plain_promotions (sku);
CREATE INDEX ON bench.plain_promotions (tag);
CREATE INDEX ON bench.plain_promotions USING gist (category);

-- Lets the first so many promotions of a pool be those that run, and no others.
CREATE FUNCTION bench.promote(chosen text, wanted integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL client_min_messages = warning;
    TRUNCATE commerce.promotions CASCADE;
    TRUNCATE bench.plain_promotions;
    INSERT INTO commerce.promotions (id, name, condition, benefit, needs_code, customer_groups, channels)
        SELECT lpad(p.number::text, 32, '0')::uuid, p.kind || ' ' || p.number, p.condition::commerce.condition, p.benefit::commerce.benefit,
            p.needs_code, p.groups, p.channels
        FROM bench.promotions p WHERE p.pool = chosen AND p.number <= wanted;
    INSERT INTO commerce.promotion_codes (code, promotion)
        SELECT 'CODE' || p.number, lpad(p.number::text, 32, '0')::uuid FROM bench.promotions p
        WHERE p.pool = chosen AND p.number <= wanted AND p.needs_code;
    INSERT INTO bench.plain_promotions SELECT p.number, true, p.percent, p.sku, p.category::ltree, p.tag
        FROM bench.promotions p WHERE p.pool = chosen AND p.number <= wanted;
END
$$;

-- Carts; every fifth is a customer's.
CREATE TABLE bench.carts (kind text, number integer, lines jsonb NOT NULL, customer uuid, PRIMARY KEY (kind, number));

CREATE FUNCTION bench.fill_carts(chosen text, line_count integer, units integer, wanted integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    goods integer := (SELECT count(*) FROM bench.pool p WHERE p.pool = 'S');
BEGIN
    PERFORM setseed(0.3);
    INSERT INTO bench.carts
        WITH drawn AS MATERIALIZED (
            SELECT cart, line, bench.draw(goods) AS place, coalesce(units, bench.draw(4)) AS quantity
            FROM generate_series(1, wanted) cart, generate_series(1, line_count) line)
        SELECT chosen, d.cart, jsonb_agg(jsonb_build_object('sku', p.sku, 'quantity', d.quantity) ORDER BY d.line),
            (SELECT c.id FROM bench.customers c WHERE d.cart % 5 = 0 AND c.number = 1 + d.cart % 40)
        FROM drawn d JOIN bench.pool p ON p.pool = 'S' AND p.place = d.place GROUP BY d.cart;
END
$$;

-- The simplest engine: for each line it looks at each promotion that runs.
CREATE FUNCTION bench.plpgsql_quote(lines jsonb) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE
    line record;
    promotion record;
    best numeric;
    total numeric := 0;
BEGIN
    -- OFFSET 0 keeps the planner, which expects a hundred lines, from reading all goods.
    FOR line IN SELECT g.sku, g.category, g.tags, g.price * asked.quantity AS price
        FROM jsonb_to_recordset(lines) AS asked (sku text, quantity bigint),
        LATERAL (SELECT * FROM bench.plain_goods g WHERE g.sku = asked.sku OFFSET 0) g
    LOOP
        best := 0;
        FOR promotion IN SELECT p.percent, p.sku, p.category, p.tag FROM bench.plain_promotions p WHERE p.active LOOP
            IF (promotion.sku IS NULL OR promotion.sku = line.sku)
                AND (promotion.tag IS NULL OR promotion.tag = ANY (line.tags))
                AND (promotion.category IS NULL OR promotion.category @> line.category) AND promotion.percent > best
            THEN
                best := promotion.percent;
            END IF;
        END LOOP;
        total := total + round(line.price * (100 - best) / 100, 2);
    END LOOP;
    RETURN total;
END
$$;

-- The same by somebody who knows the three conditions beforehand and has an index for each: one statement.
CREATE FUNCTION bench.sql_quote(lines jsonb) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT sum(round(g.price * asked.quantity * (100 - best.percent) / 100, 2))
        FROM jsonb_to_recordset(lines) AS asked (sku text, quantity bigint),
        LATERAL (SELECT * FROM bench.plain_goods g WHERE g.sku = asked.sku OFFSET 0) g,
        LATERAL (SELECT coalesce(max(percent), 0) AS percent FROM (
            SELECT p.percent FROM bench.plain_promotions p WHERE p.active AND p.sku = g.sku UNION ALL
            SELECT p.percent FROM bench.plain_promotions p WHERE p.active AND p.tag = ANY (g.tags) UNION ALL
            SELECT p.percent FROM bench.plain_promotions p WHERE p.active AND p.category @> g.category) found) best);
END
$$;

-- Seconds of processor time that this session has taken, which others on the machine do not change; where the system does
-- not tell, of any time.
CREATE FUNCTION bench.clock() RETURNS double precision LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(nullif(split_part(pg_read_file('/proc/self/schedstat', 0, 100, true), ' ', 1), '')::double precision / 1e9,
        extract(epoch FROM clock_timestamp()))
$$;

-- Asks one engine for the price of carts of a kind, for so long and at most so often; returns how often it did.
CREATE FUNCTION bench.price_carts(engine text, chosen text, seconds double precision, most integer,
    OUT made integer, OUT microseconds double precision) LANGUAGE plpgsql AS $$
DECLARE
    carts jsonb[] := (SELECT array_agg(c.lines ORDER BY c.number) FROM bench.carts c WHERE c.kind = chosen);
    customers uuid[] := (SELECT array_agg(c.customer ORDER BY c.number) FROM bench.carts c WHERE c.kind = chosen);
    warm integer := CASE WHEN engine = 'plpgsql' THEN 1 ELSE 3 END;
    place integer;
    begun double precision;
    until timestamptz;
    cart jsonb;
    buyer uuid;
    answer jsonb;
    total numeric;
BEGIN
    made := -warm;
    LOOP
        IF made = 0 THEN
            until := clock_timestamp() + make_interval(secs => seconds);
            begun := bench.clock();
        END IF;
        place := 1 + (made + warm) % cardinality(carts);
        cart := carts[place];
        buyer := customers[place];
        IF engine = 'quote' THEN
            answer := commerce.quote(cart, customer => buyer);
        ELSIF engine = 'plpgsql' THEN
            total := bench.plpgsql_quote(cart);
        ELSE
            total := bench.sql_quote(cart);
        END IF;
        made := made + 1;
        EXIT WHEN made >= most OR (made > 0 AND clock_timestamp() >= until);
    END LOOP;
    -- The clock may stand still for some milliseconds.
    microseconds := greatest((bench.clock() - begun) * 1e6 / made, 0.1);
END
$$;

-- How many promotions match a cart of a kind, whatever others leave of it, and how many give something; means.
CREATE FUNCTION bench.price_matches(chosen text, carts integer, OUT matched numeric, OUT most bigint, OUT applied numeric) LANGUAGE sql AS $$
    SELECT round(avg(matched), 1), max(matched), round(avg(applied), 1) FROM (
        SELECT count(*) FILTER (WHERE finding ->> 'code' NOT IN ('code_missing', 'other_channel', 'other_group', 'condition_not_met', 'no_target')) AS matched,
            count(*) FILTER (WHERE finding ->> 'applied' = 'true') AS applied
        FROM bench.carts c, jsonb_array_elements(commerce.quote(c.lines, customer => c.customer, explain => true) -> 'explain') finding
        WHERE c.kind = chosen AND c.number <= carts GROUP BY c.number) counted
$$;

INSERT INTO commerce.variants (sku) SELECT 'GIFT' || i FROM generate_series(1, 20) i UNION ALL VALUES ('PROBE');
INSERT INTO commerce.prices (sku, price) SELECT sku, '10 EUR' FROM commerce.variants WHERE sku LIKE 'GIFT%' OR sku = 'PROBE';
SELECT count(commerce.receive_stock(sku, 1000000000)) FROM commerce.variants WHERE sku LIKE 'GIFT%';
INSERT INTO bench.pool SELECT 'S', i, 'S' || i, (99 + i * 37 % 4900) / 100.0 FROM generate_series(1, 5000) i;
SELECT bench.stock_up('S');
SELECT bench.invent('S', :promotions);
SELECT bench.fill_carts('1', 1, NULL, :carts), bench.fill_carts('10', 10, NULL, :carts), bench.fill_carts('100', 100, NULL, :carts),
    bench.fill_carts('30', 30, 200, :carts);
VACUUM (ANALYZE);
