-- So many customers of epoch 1 are rotated to epoch 2, batch by batch, each in a transaction; prints how many rows a second of
-- processor time each step does.
TRUNCATE commerce.customers, commerce.data_keys;
DELETE FROM commerce.key_rotations;
UPDATE commerce.key_state SET epoch = 1, blind_epochs = '{1}';
INSERT INTO commerce.customers (id, email, email_blind)
    SELECT p.id, commerce.seal(p.email, 'email', p.id), commerce.blind(p.email, 'email')
    FROM (SELECT commerce.uuidv7() AS id, 'rotated' || n || '@example.com' AS email FROM generate_series(1, :rotated) n) p;
UPDATE commerce.data_keys SET epoch = 1, wrapped = commerce.rewrap_key(subject, id, epoch, wrapped, 1);
VACUUM ANALYZE commerce.customers, commerce.data_keys;
CREATE TABLE bench.rotation (step text, rows bigint, time double precision);
CREATE PROCEDURE bench.rotate() LANGUAGE plpgsql AS $$
DECLARE
    what text;
    begun double precision;
    done bigint;
BEGIN
    PERFORM commerce.rotate_keys();
    COMMIT;
    LOOP
        SELECT p.what INTO what FROM commerce.key_rotation_progress p WHERE p.finished_at IS NULL ORDER BY p.step LIMIT 1;
        EXIT WHEN what IS NULL;
        begun := bench.now();
        EXIT WHEN NOT commerce.rotate_keys_batch(1000);
        COMMIT;
        INSERT INTO bench.rotation VALUES (what, 0, bench.now() - begun);
        COMMIT;
    END LOOP;
END
$$;
CALL bench.rotate();
SELECT p.what, p.visited / (sum(r.time) / 1e6) FROM commerce.key_rotation_progress p JOIN bench.rotation r ON r.step = p.what
    WHERE p.what <> 'claims' AND p."table" IN ('commerce.data_keys'::regclass, 'commerce.customers'::regclass) GROUP BY p.what, p.visited, p.step ORDER BY p.step;
SELECT count(*) AS missed FROM commerce.data_keys WHERE epoch = 1 HAVING count(*) > 0;
