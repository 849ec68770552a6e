-- quote(): what it refuses, and how; every refusal has a code and says where.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku) VALUES ('refuse-A');
INSERT INTO commerce.prices (sku, price) VALUES ('refuse-A', '10 EUR');

CREATE FUNCTION pg_temp.refusal(lines jsonb, options jsonb DEFAULT NULL, ship_to jsonb DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    total text;
BEGIN
    total := commerce.quote(lines, options => options, ship_to => ship_to) #>> '{total,amount}';
    RETURN 'costs ' || total;
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END
$$;

-- Lines of the wrong shape.
SELECT lines, pg_temp.refusal(lines) AS refusal FROM unnest(ARRAY['[]', '{}', 'null', '1', '"a"', '[1]', '[null]', '[[]]', '[{}]',
    '{"sku": "refuse-A", "quantity": 1}', '[{"sku": "refuse-A"}]', '[{"quantity": 1}]', '[{"sku": "", "quantity": 1}]', '[{"sku": 5, "quantity": 1}]', '[{"sku": null, "quantity": 1}]',
    '[{"sku": "refuse-A", "quantity": 0}]', '[{"sku": "refuse-A", "quantity": -1}]', '[{"sku": "refuse-A", "quantity": 1.5}]', '[{"sku": "refuse-A", "quantity": 2.0}]',
    '[{"sku": "refuse-A", "quantity": "3"}]', '[{"sku": "refuse-A", "quantity": "x"}]', '[{"sku": "refuse-A", "quantity": "NaN"}]', '[{"sku": "refuse-A", "quantity": "Infinity"}]',
    '[{"sku": "refuse-A", "quantity": true}]', '[{"sku": "refuse-A", "quantity": null}]', '[{"sku": "refuse-A", "quantity": [1]}]',
    '[{"sku": "refuse-A", "quantity": 1, "price": 5}]', '[{"sku": "refuse-A", "quantity": 1, "Quantity": 5}]', '[{"sku": "refuse-A", "quantity": 1, "tags": "x"}]',
    '[{"sku": "refuse-A", "quantity": 1, "tags": [1]}]', '[{"sku": "refuse-A", "quantity": 1, "tags": {}}]', '[{"sku": "refuse-A", "quantity": 1, "attributes": []}]', '[{"sku": "refuse-A", "quantity": 1, "title": 1}]',
    '[{"sku": "refuse-A", "quantity": 1, "unit_price": 1, "per_quantity": 0}]', '[{"sku": "refuse-A", "quantity": 1, "unit_price": 1, "per_quantity": 2147483648}]',
    '[{"sku": "refuse-A", "quantity": 1, "unit_price": ""}]', '[{"sku": "refuse-A", "quantity": 1, "unit_price": {}}]', '[{"sku": "refuse-A", "quantity": 1, "unit_price": "NaN"}]',
    '[{"sku": "refuse-A", "quantity": 1, "unit_price": [1]}]', '[{"sku": "refuse-A", "quantity": 1, "unit_price": "5 XXX"}]']::jsonb[]) lines;
SELECT commerce.quote(NULL);

-- Numbers beyond what an amount can be; the largest there is.
SELECT lines, pg_temp.refusal(lines) AS refusal FROM unnest(ARRAY['[{"sku": "refuse-A", "quantity": 9223372036854775807}]', '[{"sku": "refuse-A", "quantity": 9223372036854775808}]', '[{"sku": "refuse-A", "quantity": 1e30}]',
    '[{"sku": "a", "quantity": 1, "unit_price": "90071992547409.91"}]', '[{"sku": "a", "quantity": 1, "unit_price": "90071992547409.92"}]', '[{"sku": "a", "quantity": 2, "unit_price": "90071992547409.91"}]',
    '[{"sku": "a", "quantity": 1, "unit_price": "90071992547409.91"}, {"sku": "b", "quantity": 1, "unit_price": "0.01"}]',
    '[{"sku": "a", "quantity": 9223372036854775807, "unit_price": "90071992547409.91"}]', '[{"sku": "a", "quantity": 9223372036854775807, "unit_price": "0"}, {"sku": "a", "quantity": 9223372036854775807, "unit_price": "0"}]',
    '[{"sku": "a", "quantity": 1, "unit_price": 1e30}]']::jsonb[]) lines;

-- Options and destinations.
SELECT options, pg_temp.refusal('[{"sku": "refuse-A", "quantity": 1}]', options) AS refusal FROM unnest(ARRAY['[]', '"x"', '{}', '{"taxlevel": "line"}', '{"tax_level": 1}', '{"tax_level": "LINE"}', '{"tax_level": null}',
    '{"prices_include_tax": "yes"}', '{"prices_include_tax": null}', '{"percentages": "best"}', '{"holder": 5}']::jsonb[]) options;
SELECT ship_to, pg_temp.refusal('[{"sku": "refuse-A", "quantity": 1}]', ship_to => ship_to) AS refusal FROM unnest(ARRAY['[]', '"DE"', '{"country": 49}', '{"region": []}', '{"street": "Main"}']::jsonb[]) ship_to;
\set VERBOSITY terse
SELECT commerce.quote('[{"sku": "refuse-A", "quantity": 1}]', customer => '00000000-0000-7000-8000-000000000000');
SELECT commerce.quote('[{"sku": "refuse-A", "quantity": 1}]', channel => 'refuse-none');
SELECT commerce.quote('[{"sku": "refuse-A", "quantity": 1}]', channel => '');
SELECT commerce.quote('[{"sku": "refuse-A", "quantity": 1}]', currency => 'XXX');
SELECT commerce.quote('[{"sku": "refuse-A", "quantity": 1}]', currency => 'eur');
SELECT commerce.quote('[{"sku": "refuse-A", "quantity": 1}]', currency => '');
SELECT commerce.quote('[{"sku": "refuse-A", "quantity": 1}]', shipping_method => 'refuse-none');
SELECT commerce.quote('[{"sku": "refuse-A", "quantity": 1}]', codes => '{{"a","b"},{"c","d"}}');
\set VERBOSITY default

-- Large carts are priced, or stopped when asked to.
SELECT commerce.quote(jsonb_agg(jsonb_build_object('sku', 'refuse-A', 'quantity', 1))) #>> '{total,amount}' AS ten_thousand FROM generate_series(1, 10000);
SELECT commerce.quote(jsonb_agg(jsonb_build_object('sku', 'own-' || n, 'quantity', 1, 'unit_price', 1))) #>> '{total,amount}' AS hundred_thousand FROM generate_series(1, 100000) n;
CREATE TEMP TABLE large AS SELECT jsonb_agg(jsonb_build_object('sku', 'refuse-A', 'quantity', 1)) AS lines FROM generate_series(1, 100000);
SET statement_timeout = '50ms';
SELECT commerce.quote(lines) FROM large;
\echo :LAST_ERROR_SQLSTATE
RESET statement_timeout;
-- Depth is no way out of memory.
SELECT commerce.quote(('[{"sku": "refuse-A", "quantity": 1, "attributes": {"a": ' || repeat('[', 5000) || repeat(']', 5000) || '}}]')::jsonb) #>> '{total,amount}' AS deep;

-- quote() reads: in a read-only transaction, without a transaction id.
BEGIN READ ONLY;
SELECT commerce.quote('[{"sku": "refuse-A", "quantity": 1}]') #>> '{total,amount}' AS total;
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_transaction_id;
COMMIT;
