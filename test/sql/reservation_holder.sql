-- Whose reservation it is: who names his holder changes nobody else's.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.variants (sku) SELECT 'whose-' || n FROM generate_series(1, 3) n;
INSERT INTO commerce.prices (sku, price) VALUES ('whose-1', '1 EUR');
INSERT INTO commerce.kit_parts VALUES ('whose-3', 'whose-1', 1), ('whose-3', 'whose-2', 2);
SELECT count(commerce.receive_stock(sku, 20)) FROM (VALUES ('whose-1'), ('whose-2')) s (sku);
SELECT commerce.reserve('whose-1', 3, 'mine', ttl => '1 hour') AS mine, commerce.reserve('whose-1', 3, 'theirs', ttl => '1 hour') AS theirs,
    commerce.reserve('whose-1', 3, ttl => '1 hour') AS nobodys, commerce.reserve('whose-3', 2, 'their kit', ttl => '1 hour') AS kit \gset
SELECT commerce.checkout('[{"sku": "whose-1", "quantity": 2}]', options => '{"holder": "mine too"}') AS "order" \gset
SELECT id AS ordered FROM commerce.reservations WHERE order_id = :'order' \gset
CREATE TABLE pg_temp.before AS SELECT * FROM commerce.reservations WHERE sku LIKE 'whose-%';
CREATE VIEW pg_temp.changed AS SELECT sku, quantity, state, holder FROM (SELECT * FROM commerce.reservations WHERE sku LIKE 'whose-%' EXCEPT SELECT * FROM pg_temp.before) r;
-- Says what each of the three answers for this holder; ids differ from run to run.
CREATE FUNCTION pg_temp.answers(id uuid, name text) RETURNS TABLE (call text, code text, message text, detail jsonb, hint text) LANGUAGE plpgsql AS $$
DECLARE
    facts text;
BEGIN
    FOREACH call IN ARRAY ARRAY['update', 'extend', 'release'] LOOP
        code := 'ok'; message := NULL; detail := NULL; hint := NULL;
        BEGIN
            CASE call
                WHEN 'update' THEN PERFORM commerce.update_reservation(reservation => id, quantity => 4, holder => name);
                WHEN 'extend' THEN PERFORM commerce.extend_reservation(reservation => id, ttl => '2 hours', holder => name);
                WHEN 'release' THEN PERFORM commerce.release_reservation(reservation => id, holder => name);
            END CASE;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code := RETURNED_SQLSTATE, message := MESSAGE_TEXT, facts := PG_EXCEPTION_DETAIL, hint := PG_EXCEPTION_HINT;
            message := replace(message, id::text, '<id>');
            detail := nullif(replace(facts, id::text, '<id>'), '');
        END;
        RETURN NEXT;
    END LOOP;
END
$$;

-- Another's, nobody's, a kit's rows and what an order owns, even where its checkout named the holder: CM003, and nothing changes.
SELECT * FROM pg_temp.answers(:'theirs', 'mine');
SELECT call, code, detail FROM pg_temp.answers(:'nobodys', 'mine');
SELECT call, code, detail FROM pg_temp.answers(:'kit', 'mine');
SELECT call, code, detail FROM pg_temp.answers(:'ordered', 'mine');
SELECT call, code, detail FROM pg_temp.answers(:'ordered', 'mine too');
-- A name is compared letter by letter; the empty one is a name.
SELECT call, code, detail FROM pg_temp.answers(:'mine', 'Mine');
SELECT call, code, detail FROM pg_temp.answers(:'mine', '');
SELECT * FROM changed;
SELECT commerce.available('whose-1'), (SELECT count(*) FROM commerce.verify_stock()) AS differences;
SELECT * FROM pg_temp.answers('00000000-0000-7000-8000-000000000000', 'mine');

-- One's own; and without a name whatever it is, as the id alone says.
SELECT call, code FROM pg_temp.answers(:'mine', 'mine');
SELECT call, code FROM pg_temp.answers(:'theirs', NULL);
SELECT call, code FROM pg_temp.answers(:'nobodys', NULL);
SELECT call, code FROM pg_temp.answers(:'kit', 'their kit');
SELECT * FROM changed ORDER BY holder, sku;
SELECT commerce.available('whose-1'), (SELECT count(*) FROM commerce.verify_stock()) AS differences;
-- Finished: the state is told to him whose it was.
SELECT * FROM pg_temp.answers(:'mine', 'mine');
SELECT call, code, detail FROM pg_temp.answers(:'mine', 'other');
SELECT call, code, detail FROM pg_temp.answers(:'ordered', NULL);

-- Expired: CM004 for its holder and for who names none, CM003 for another. Until it is swept, it can still be given back.
SELECT commerce.reserve('whose-1', holder => 'slow', ttl => '1 microsecond') AS brief,
    commerce.reserve('whose-1', holder => 'slow', ttl => '1 microsecond') AS swept \gset
DO $$
BEGIN
    WHILE EXISTS (SELECT FROM commerce.reservations WHERE holder = 'slow' AND expires_at > clock_timestamp()) LOOP NULL; END LOOP;
END
$$;
SELECT call, code, detail FROM pg_temp.answers(:'brief', 'other');
SELECT call, code, detail FROM pg_temp.answers(:'brief', 'slow');
SELECT commerce.expire_reservations(1000000) > 0 AS swept_now;
SELECT call, code, detail FROM pg_temp.answers(:'swept', 'other');
SELECT * FROM pg_temp.answers(:'swept', 'slow');
SELECT call, code, detail FROM pg_temp.answers(:'swept', NULL);
SELECT state, count(*) FROM commerce.reservations WHERE holder = 'slow' GROUP BY 1 ORDER BY 1;
SELECT commerce.release_reservation(NULL, 'mine') IS NULL AS nothing;
SELECT commerce.available('whose-1'), (SELECT count(*) FROM commerce.verify_stock()) AS differences;
DELETE FROM commerce.kit_parts WHERE kit = 'whose-3';
