-- Who may do what: the whole list, so that nothing new is granted or forgotten unseen.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;

-- PUBLIC runs what is pure, and makes identifiers.
SELECT p.oid::regprocedure AS public_but_impure
FROM pg_proc p, LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'commerce'::regnamespace AND a.grantee = 0 AND p.provolatile <> 'i' AND p.prokind <> 'a' ORDER BY 1;
-- What is pure and not for everyone.
SELECT p.oid::regprocedure AS pure_but_closed
FROM pg_proc p
WHERE p.pronamespace = 'commerce'::regnamespace AND p.provolatile = 'i'
    AND NOT EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0) ORDER BY 1;

-- Every other function: the roles it is granted to, beside its owner and commerce_owner, who have all but reveal.
SELECT p.oid::regprocedure::text AS function, CASE WHEN p.prosecdef THEN 'owner''s' ELSE 'caller''s' END AS runs_with_rights,
    coalesce(string_agg(CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END, ', '
        ORDER BY pg_get_userbyid(a.grantee) COLLATE "C") FILTER (WHERE a.grantee <> p.proowner
            AND a.grantee <> 'commerce_owner'::regrole), '') AS granted_to
FROM pg_proc p, LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'commerce'::regnamespace AND (p.provolatile <> 'i' OR p.prosecdef) AND p.prokind <> 'a'
GROUP BY p.oid, p.prosecdef ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure AS not_for_the_owner FROM pg_proc p
WHERE p.pronamespace = 'commerce'::regnamespace AND NOT has_function_privilege('commerce_owner', p.oid, 'EXECUTE') ORDER BY 1;
-- What he may not do he cannot grant, either: none of it is his.
SELECT p.oid::regprocedure AS his_all_the_same FROM pg_proc p
WHERE p.pronamespace = 'commerce'::regnamespace AND NOT has_function_privilege('commerce_owner', p.oid, 'EXECUTE') AND p.proowner = 'commerce_owner'::regrole ORDER BY 1;
SET ROLE commerce_admin;
GRANT EXECUTE ON FUNCTION commerce.reveal(commerce.sealed, uuid, text, uuid) TO commerce_admin;
RESET ROLE;

-- Tables: what each role may do beside the owner.
SELECT c.relname, pg_get_userbyid(a.grantee) AS role, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) AS may
FROM pg_class c, LATERAL aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
WHERE c.relnamespace = 'commerce'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND a.grantee <> c.relowner
GROUP BY 1, 2 ORDER BY c.relname COLLATE "C", 2;
-- Tables of which only some columns, or none, are granted: what stays hidden.
SELECT c.relname, string_agg(t.attname, ', ' ORDER BY t.attnum) AS hidden_from_commerce_reader
FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped
WHERE c.relnamespace = 'commerce'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
    AND NOT has_column_privilege('commerce_reader', c.oid, t.attnum, 'SELECT')
GROUP BY 1 ORDER BY c.relname COLLATE "C";
SELECT attrelid::regclass AS sealed_table, attname AS sealed_column_seen_by_reader FROM pg_attribute
WHERE atttypid = 'commerce.sealed'::regtype AND has_column_privilege('commerce_reader', attrelid, attnum, 'SELECT');

-- commerce_app runs the shop through its functions only.
INSERT INTO commerce.variants (sku) VALUES ('privileges-A');
INSERT INTO commerce.prices (sku, price) VALUES ('privileges-A', '10 EUR');
SET ROLE commerce_app;
\set VERBOSITY sqlstate
INSERT INTO commerce.stock (sku, location, on_hand) VALUES ('privileges-A', 'main', 5);
UPDATE commerce.stock SET on_hand = 100;
DELETE FROM commerce.stock;
INSERT INTO commerce.prices (sku, price) VALUES ('privileges-A', '1 EUR');
UPDATE commerce.prices SET price = '1 EUR';
DELETE FROM commerce.prices;
UPDATE commerce.orders SET state = 'cancelled';
INSERT INTO commerce.orders (channel, tax_level, subtotal, discount, shipping, tax, included_tax, total)
    VALUES ('default', 'line', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR', '0 EUR');
DELETE FROM commerce.orders;
UPDATE commerce.payments SET captured = authorized;
INSERT INTO commerce.payment_entries SELECT;
UPDATE commerce.reservations SET state = 'released';
UPDATE commerce.stock_movements SET reason = '';
DELETE FROM commerce.state_history;
DELETE FROM commerce.transitions;
DELETE FROM commerce.outbox;
TRUNCATE commerce.stock;
SELECT ship_address FROM commerce.orders;
SELECT wrapped FROM commerce.data_keys;
SELECT * FROM commerce.orders;
SELECT commerce.create_shop('EUR');
SELECT commerce.create_state_machine('privileges', '{"initial": "a", "states": ["a"]}');
SELECT commerce.record_movement('privileges-A', 'main', 1, NULL, 'available', 'theft', NULL);
SELECT commerce.book_payment(NULL, NULL, 'capture', '1 EUR', 'x', NULL);
SELECT commerce.release_order('{}', 'cancel', NULL);
SELECT nextval('commerce.order_numbers');

-- Through the functions, all of it.
\set VERBOSITY default
SELECT commerce.receive_stock('privileges-A', 5);
SELECT commerce.checkout('[{"sku": "privileges-A", "quantity": 1}]') AS id \gset
SELECT commerce.authorize_payment(:'id') AS payment \gset
SELECT commerce.capture_payment(:'payment');
SELECT commerce.fulfil(:'id') IS NOT NULL AS sent;
SELECT o.state, o.total, p.state AS payment FROM (SELECT id, state, total FROM commerce.orders) o
    JOIN commerce.payments p ON p.order_id = o.id WHERE o.id = :'id';
SELECT actor = 'commerce_app' AS actor, event FROM commerce.state_history WHERE subject = :'id' ORDER BY id;

-- It may ask what other prices and times would make, and may not buy with them.
SELECT commerce.quote('[{"sku": "privileges-A", "quantity": 1, "unit_price": "1.00"}]', at => '2020-01-01') #>> '{total,amount}' AS total;
SELECT commerce.checkout('[{"sku": "privileges-A", "quantity": 1, "unit_price": "1.00"}]');
\set VERBOSITY sqlstate
SELECT commerce.checkout('[{"sku": "privileges-A", "quantity": 1}]', at => '2020-01-01');
SELECT commerce.checkout('[{"sku": "privileges-A", "quantity": 1}]', options => '{"prices_include_tax": true}');
SELECT commerce.checkout('[{"sku": "privileges-A", "quantity": 1}]', options => '{"prices_include_tax": false}');
SELECT commerce.checkout('[{"sku": "privileges-A", "quantity": 1}]', options => '{"tax_level": "unit"}');
SELECT commerce.checkout('[{"sku": "privileges-A", "quantity": 1}]', options => '{"percentages": "original"}');
RESET ROLE;
SET ROLE commerce_reader;
SELECT commerce.checkout('[{"sku": "privileges-A", "quantity": 1}]');
SELECT commerce.receive_stock('privileges-A', 1);
SELECT commerce.quote('[{"sku": "privileges-A", "quantity": 1}]');
SELECT count(*) > 0 AS orders FROM (SELECT id FROM commerce.orders) o;
RESET ROLE;
SET ROLE commerce_admin;
\set VERBOSITY default
SELECT commerce.checkout('[{"sku": "privileges-A", "quantity": 1, "unit_price": "1.00"}]', at => '2020-01-01') AS id \gset
SELECT total FROM commerce.orders WHERE id = :'id';
RESET ROLE;
SELECT commerce.available('privileges-A');
