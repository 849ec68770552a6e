-- The raw invoices, what of them can be sold, and a shop that sells it.
CREATE SCHEMA demo;
CREATE TABLE demo.raw (
    line bigint GENERATED ALWAYS AS IDENTITY,
    invoice text, code text, description text, quantity bigint, invoiced_at timestamp, price numeric, customer text, country text);
\copy demo.raw (invoice, code, description, quantity, invoiced_at, price, customer, country) FROM 'online_retail.csv' CSV HEADER

-- ISO codes of the countries that occur.
CREATE TABLE demo.countries (name text PRIMARY KEY, code text NOT NULL);
INSERT INTO demo.countries VALUES ('United Kingdom', 'GB'), ('France', 'FR'), ('Australia', 'AU'), ('Netherlands', 'NL'),
    ('Germany', 'DE'), ('Norway', 'NO'), ('EIRE', 'IE'), ('Switzerland', 'CH'), ('Spain', 'ES'), ('Poland', 'PL'),
    ('Portugal', 'PT'), ('Italy', 'IT'), ('Belgium', 'BE'), ('Lithuania', 'LT'), ('Japan', 'JP'), ('Iceland', 'IS');

-- Every line is one of: sold, taken back, money back without goods, or nothing a shop sells, with the reason.
CREATE TABLE demo.lines AS
    SELECT r.*, c.code AS country_code, row_number() OVER (PARTITION BY r.invoice ORDER BY r.line) AS position,
        CASE
            WHEN r.invoice LIKE 'C%' AND r.quantity < 0 AND r.code ~ '^[0-9]{5}' THEN 'taken back'
            WHEN r.invoice LIKE 'C%' AND r.quantity < 0 THEN 'money back'
            WHEN r.price <= 0 AND r.quantity < 0 THEN 'no price and negative: a stock correction'
            WHEN r.price <= 0 THEN 'no price: a sample or a correction'
            WHEN r.quantity <= 0 THEN 'negative outside a credit'
            WHEN r.code !~ '^[0-9]{5}' THEN format('not goods: %s (%s)', r.code, lower(r.description))
            ELSE 'sold' END AS kind
    FROM demo.raw r JOIN demo.countries c ON c.name = r.country;

INSERT INTO commerce.products (handle, title)
    SELECT code, coalesce(mode() WITHIN GROUP (ORDER BY btrim(description)) FILTER (WHERE description <> ''), '')
    FROM demo.lines WHERE kind IN ('sold', 'taken back') GROUP BY code;
INSERT INTO commerce.variants (sku, product_id, title) SELECT handle, id, title FROM commerce.products;
INSERT INTO commerce.prices (sku, price)
    SELECT code, commerce.amount(mode() WITHIN GROUP (ORDER BY price), 'GBP')
    FROM demo.lines WHERE kind IN ('sold', 'taken back') GROUP BY code;
SELECT count(commerce.receive_stock(code, units + CASE code WHEN '85123A' THEN 10 ELSE 0 END, reason => 'opening stock'))
    FROM (SELECT code, sum(quantity)::bigint AS units FROM demo.lines WHERE kind = 'sold' GROUP BY code) sold \g /dev/null

CREATE TABLE demo.customers AS
    SELECT customer, commerce.create_customer(
        email => format('customer-%s@example.com', customer::numeric::int), name => format('Customer %s', customer::numeric::int),
        address => jsonb_build_object('country', min(country_code))) AS id
    FROM demo.lines WHERE customer IS NOT NULL GROUP BY customer;

\echo
\echo 'Loaded three days of invoices and made a shop of them:'
SELECT (SELECT count(*) FROM demo.raw) AS "invoice lines", (SELECT count(DISTINCT invoice) FROM demo.raw) AS invoices,
    (SELECT count(*) FROM commerce.variants) AS skus, (SELECT sum(on_hand) FROM commerce.stock) AS "units received",
    (SELECT count(*) FROM commerce.customers) AS customers;
\echo 'What cannot be sold is named, not dropped:'
SELECT kind AS "not sold because", count(*) AS lines, sum(quantity) AS units, sum(round(quantity * price, 2)) AS "GBP"
    FROM demo.lines WHERE kind <> 'sold' GROUP BY kind ORDER BY count(*) DESC, kind;
SELECT count(*) AS "lines in no kind" FROM demo.raw WHERE line NOT IN (SELECT line FROM demo.lines);
