-- Holding stock: where from, how long, and when not.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.locations (code, priority, active) VALUES ('res-b', 20, true), ('res-a', 20, true), ('res-c', 10, true), ('res-off', 90, false);
INSERT INTO commerce.variants (sku) SELECT 'res-' || n FROM generate_series(1, 9) n;

-- One reservation is one location's. The location of highest priority that has them all, ties by code; never an inactive one, unless named.
SELECT commerce.receive_stock('res-1', q, l) FROM (VALUES (2, 'res-a'), (2, 'res-b'), (5, 'res-c'), (9, 'res-off')) s (q, l);
CREATE FUNCTION pg_temp.place(reservation uuid) RETURNS text LANGUAGE sql AS
    'SELECT concat_ws('' '', quantity, location, state, holder) FROM commerce.reservations WHERE id = reservation';
SELECT commerce.reserve('res-1', 6);
SELECT pg_temp.place(commerce.reserve('res-1'));
SELECT pg_temp.place(commerce.reserve('res-1', 2, 'cart 1'));
SELECT pg_temp.place(commerce.reserve('res-1', 3, 'cart 1'));
SELECT pg_temp.place(commerce.reserve('res-1', 2, 'cart 2'));
SELECT pg_temp.place(commerce.reserve('res-1', 1, 'cart 2'));
SELECT pg_temp.place(commerce.reserve('res-1', 4, location => 'res-off'));
SELECT commerce.available('res-1'), commerce.available('res-1', 'res-off');

-- Short: DETAIL says what was asked for and what there is.
SELECT commerce.reserve('res-1', 1);
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.reserve('res-1', 6, location => 'res-off');
SELECT commerce.reserve('res-2', 1);
SELECT commerce.reserve('res-1', 1, location => 'res-nowhere');
SELECT commerce.try_reserve('res-1', 1) IS NULL AS sold_out, commerce.try_reserve('res-1', 6, location => 'res-off') IS NULL AS short,
    commerce.try_reserve('res-2') IS NULL AS never_had,
    pg_temp.place(commerce.try_reserve('res-1', 5, location => 'res-off')) AS rest;

-- Giving back: one, all of a holder, none twice.
SELECT commerce.release_holder('cart 1') AS released;
SELECT commerce.release_holder('cart 1') AS released_again, commerce.release_holder('nobody') AS nobody;
SELECT commerce.available('res-1');
SELECT id AS held FROM commerce.reservations WHERE sku = 'res-1' AND holder = 'cart 2' AND quantity = 2 \gset
SELECT commerce.release_reservation(:'held');
SELECT commerce.available('res-1');
SELECT state, count(*), sum(quantity) AS units FROM commerce.reservations WHERE sku = 'res-1' GROUP BY 1 ORDER BY 1;
\set VERBOSITY sqlstate
SELECT commerce.release_reservation(:'held');
SELECT commerce.extend_reservation(:'held');
SELECT commerce.release_reservation('00000000-0000-7000-8000-000000000000');
SELECT commerce.extend_reservation('00000000-0000-7000-8000-000000000000');
\set VERBOSITY default
SELECT commerce.release_reservation('00000000-0000-7000-8000-000000000000');
SELECT commerce.release_reservation(NULL) IS NULL AS nothing, commerce.release_holder(NULL) IS NULL AS nobody;

-- The widest numbers there are: a quantity is at most 10^18.
SELECT commerce.receive_stock('res-6', 5);
UPDATE commerce.stock SET backorder_limit = 1000000000000000000 WHERE sku = 'res-6';
SELECT commerce.try_reserve('res-6', 7) IS NOT NULL AS sold;
SELECT commerce.reserve('res-6', 999999999999999998) IS NOT NULL AS sold;
SELECT commerce.try_reserve('res-6') IS NULL AS none;
SELECT commerce.reserve('res-6', 1000000000000000001);
SELECT commerce.try_reserve('res-6', 9223372036854775807);

-- Safety stock is not sold; backorder 0, some, or without limit.
SELECT commerce.receive_stock('res-3', 5);
UPDATE commerce.stock SET safety_stock = 2 WHERE sku = 'res-3';
SELECT commerce.try_reserve('res-3', 4) IS NULL AS kept_back, commerce.try_reserve('res-3', 3) IS NOT NULL AS sold;
UPDATE commerce.stock SET backorder_limit = 4 WHERE sku = 'res-3';
SELECT commerce.try_reserve('res-3', 5) IS NULL AS too_many, commerce.try_reserve('res-3', 3) IS NOT NULL AS sold;
SELECT commerce.available('res-3');
SELECT commerce.reserve('res-3', 2);
SELECT commerce.try_reserve('res-3', 1) IS NOT NULL AS last, commerce.try_reserve('res-3', 1) IS NULL AS none;
UPDATE commerce.stock SET backorder_limit = NULL WHERE sku = 'res-3';
SELECT commerce.try_reserve('res-3', 1000000000000) IS NOT NULL AS sold;
SELECT commerce.available('res-3');
-- Real stock before backorder, whatever the priority.
SELECT commerce.receive_stock('res-4', 3, 'res-c');
SELECT commerce.receive_stock('res-4', 1, 'res-a');
UPDATE commerce.stock SET backorder_limit = NULL WHERE sku = 'res-4' AND location = 'res-a';
SELECT pg_temp.place(commerce.reserve('res-4', 3));
SELECT pg_temp.place(commerce.reserve('res-4', 3));

-- Time: a hold ends by the clock, swept or not.
SELECT expires_at - created_at BETWEEN interval '14 min 59 s' AND interval '15 min' AS default_ttl FROM commerce.reservations WHERE sku = 'res-4' LIMIT 1;
SET commerce.reservation_ttl = '2min';
SELECT commerce.receive_stock('res-5', 2);
SELECT commerce.reserve('res-5') AS two_minutes \gset
RESET commerce.reservation_ttl;
SELECT expires_at - created_at BETWEEN interval '1 min 59 s' AND interval '2 min' AS set_ttl FROM commerce.reservations WHERE id = :'two_minutes';
SELECT commerce.extend_reservation(:'two_minutes', '1 day') - clock_timestamp() BETWEEN interval '23:59' AND interval '24:00' AS extended;
SELECT commerce.reserve('res-5', ttl => '1 microsecond', holder => 'slow') AS brief \gset
DO $$
BEGIN
    WHILE EXISTS (SELECT FROM commerce.reservations WHERE holder = 'slow' AND expires_at > clock_timestamp()) LOOP NULL; END LOOP;
END
$$;
SELECT commerce.available('res-5') AS free_again;
SELECT state FROM commerce.reservations WHERE id = :'brief';
\set VERBOSITY sqlstate
SELECT commerce.extend_reservation(:'brief', '1 hour');
\set VERBOSITY default
SELECT commerce.reserve('res-5', 1) IS NOT NULL AS sold_to_another;
SELECT commerce.expire_reservations(1000000) >= 0 AS swept;
SELECT state FROM commerce.reservations WHERE id = :'brief';
SELECT commerce.expire_reservations() AS nothing_left;
\set VERBOSITY sqlstate
SELECT commerce.extend_reservation(:'brief', '1 hour');
SELECT commerce.release_reservation(:'brief');
SELECT commerce.expire_reservations(0);
SELECT commerce.expire_reservations(-1);

-- Refused.
SELECT commerce.reserve(NULL);
SELECT commerce.reserve('res-5', NULL);
SELECT commerce.reserve('res-5', 0);
SELECT commerce.reserve('res-5', -1);
SELECT commerce.reserve('res-5', 1000000000000000001);
SELECT commerce.reserve('res-5', 9223372036854775808);
SELECT commerce.reserve('res-unknown');
SELECT commerce.try_reserve('res-unknown');
SELECT commerce.try_reserve('res-5', 0);
SELECT commerce.try_reserve(NULL);
SELECT commerce.reserve('res-5', ttl => '0');
SELECT commerce.reserve('res-5', ttl => '-1 hour');
SELECT commerce.reserve('res-5', ttl => '300000 years');
\set VERBOSITY default

-- Sold out costs a read: no transaction id, no WAL.
SELECT commerce.try_reserve('res-5') IS NULL AS sold_out;
BEGIN;
DO $$
DECLARE
    before pg_lsn;
BEGIN
    -- Others may write WAL meanwhile; once in so many tries nobody does.
    FOR try IN 1..100 LOOP
        before := pg_current_wal_insert_lsn();
        IF EXISTS (SELECT FROM generate_series(1, 20) WHERE commerce.try_reserve('res-5') IS NOT NULL) THEN
            RAISE 'sold what is not there';
        END IF;
        IF pg_current_wal_insert_lsn() = before THEN
            RAISE NOTICE 'no WAL';
            EXIT;
        END IF;
    END LOOP;
END
$$;
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_transaction_id;
SELECT count(*) AS row_locks FROM pg_locks WHERE pid = pg_backend_pid() AND (locktype IN ('tuple', 'transactionid') OR mode = 'RowShareLock');
COMMIT;
-- A hold that is rolled back was never there.
BEGIN;
SELECT commerce.reserve('res-4', 1, location => 'res-a') IS NOT NULL AS held;
ROLLBACK;
SELECT commerce.available('res-4', 'res-a');
