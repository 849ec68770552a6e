-- A warm session, a change by another one, the quote after it; prints what the changed promotion took off before and after.
\set probe 'commerce.quote(lines => \'[{"sku": "PROBE", "quantity": 1}]\')'
\set taken 'jsonb_path_query_first(:probe, \'$.lines[*].discounts[*] ? (@.promotion == "ffffffff-ffff-ffff-ffff-ffffffffffff").amount.minor\')'
SELECT 'taken', :taken;
\! psql -XAtq -v ON_ERROR_STOP=1 -c "UPDATE commerce.promotions SET benefit = '2 EUR off order' WHERE name = 'probe'"
\timing on
SELECT count(:probe);
\timing off
SELECT 'taken', :taken;
