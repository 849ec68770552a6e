-- What must not happen does not.
\set VERBOSITY default
\set SHOW_CONTEXT never
\echo 'A refused state change, even for the superuser and by plain UPDATE:'
\echo '  UPDATE commerce.orders SET state = ''placed'' WHERE number = 1;'
UPDATE commerce.orders SET state = 'placed' WHERE number = 1;

SELECT id AS customer FROM demo.customers WHERE customer::numeric = 17850 \gset
\echo
\echo 'A customer as a thief of the disk sees it: the stored value, and how often the plaintext stands in the table''s file'
CHECKPOINT;
SELECT left(email::text, 60) || '…' AS "e-mail as stored",
    (length(file) - length(replace(file, 'customer-17850', ''))) / length('customer-17850') AS "in the clear"
    FROM commerce.customers, LATERAL (SELECT encode(pg_read_binary_file(pg_relation_filepath('commerce.customers')), 'escape')) f (file)
    WHERE id = :'customer';
\echo 'The same as the application sees it (commerce_app), and what happens when it asks for more:'
SET ROLE commerce_app;
SELECT commerce.find_customer('Customer-17850@example.com') = :'customer' AS "found by e-mail", commerce.mask(email, id) AS masked
    FROM commerce.customers WHERE id = :'customer';
SELECT commerce.reveal_customer(:'customer', purpose => 'curiosity');
SET ROLE commerce_pii_reader;
\echo
\echo 'And as commerce_pii_reader does:'
SELECT commerce.reveal_customer(:'customer', purpose => 'delivery') ->> 'email' AS "e-mail";
RESET ROLE;
