-- Cases in which several buyers act at the same moment: in sessions of their own, in a database made for the case.

-- A buyer waits for the start, then does what the steps say, each in a transaction of its own.
CREATE FUNCTION pg_temp.buyer_script() RETURNS text LANGUAGE sql IMMUTABLE AS $script$ SELECT $$
    CREATE EXTENSION commerce CASCADE;
    SELECT commerce.create_shop();
    CREATE PROCEDURE buy(buyer text, steps jsonb) LANGUAGE plpgsql AS $buyer$
    DECLARE
        step jsonb;
        lines jsonb;
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(1);
        COMMIT;
        FOR step IN SELECT jsonb_array_elements(steps) LOOP
            IF step ? 'redeem' THEN
                CALL redeem(buyer, (step ->> 'redeem')::integer);
                CONTINUE;
            END IF;
            lines := jsonb_build_array(jsonb_build_object('sku', 'v', 'quantity',
                coalesce(step -> 'reserve_and_place', step -> 'reserve', step -> 'place_order', step -> 'allocate')));
            IF step ? 'reserve' OR step ? 'reserve_and_place' THEN
                PERFORM commerce.reserve_lines(lines, buyer);
                COMMIT;
            END IF;
            IF NOT step ? 'reserve' THEN
                PERFORM commerce.checkout(lines, options => jsonb_build_object('holder', buyer));
                COMMIT;
            END IF;
        END LOOP;
        IF steps -> 0 -> 'redeem' IS NULL THEN
            INSERT INTO succeeded VALUES (buyer);
        END IF;
    END
    $buyer$;
    -- So many orders with the code, each in a transaction of its own; one that is refused as used up is no order.
    CREATE PROCEDURE redeem(buyer text, attempts integer) LANGUAGE plpgsql AS $buyer$
    BEGIN
        FOR attempt IN 1..attempts LOOP
            BEGIN
                PERFORM commerce.checkout('[{"sku": "free", "quantity": 1}]', ARRAY['LIMITED']);
                INSERT INTO succeeded VALUES (buyer);
            EXCEPTION WHEN SQLSTATE 'CM032' THEN
                INSERT INTO refused VALUES (buyer);
            END;
            COMMIT;
        END LOOP;
    END
    $buyer$;
    CREATE TABLE succeeded (buyer text);
    CREATE TABLE refused (buyer text);
    INSERT INTO commerce.variants (sku, track_stock) VALUES ('v', true), ('free', false);
    INSERT INTO commerce.prices (sku, price) VALUES ('v', '1 EUR'), ('free', '1 EUR');
$$ $script$;

-- Lets the buyers go at once and says how many got what they wanted.
CREATE FUNCTION pg_temp.race(connection text, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    buyers integer := jsonb_array_length(input -> 'concurrent');
    ready integer;
    result jsonb;
BEGIN
    PERFORM dblink_connect('gate', connection);
    PERFORM dblink_exec('gate', pg_temp.buyer_script());
    IF input ? 'coupon' THEN
        PERFORM dblink_exec('gate', format($limit$
            INSERT INTO commerce.promotions (name, benefit, needs_code) VALUES ('limited', '0.10 EUR off order', true);
            INSERT INTO commerce.promotion_codes (code, promotion) SELECT 'LIMITED', id FROM commerce.promotions;
            INSERT INTO commerce.budgets (promotion, uses) SELECT id, %s FROM commerce.promotions$limit$,
            input #>> '{coupon,usage_limit}'));
    ELSE
        PERFORM dblink_exec('gate', format('INSERT INTO commerce.stock (sku, location, on_hand) VALUES (''v'', ''main'', %s)',
            (SELECT sum((l.value ->> 'on_hand')::bigint) FROM jsonb_each(input -> 'levels') l)));
    END IF;
    PERFORM * FROM dblink('gate', 'SELECT pg_advisory_lock(1)::text') AS gate (closed text);
    FOR buyer IN 1..buyers LOOP
        PERFORM dblink_connect('buyer' || buyer, connection);
        PERFORM dblink_send_query('buyer' || buyer, format('CALL buy(%L, %L)', buyer, input -> 'concurrent' -> buyer - 1));
    END LOOP;
    -- A second or two, and all of them stand at the gate.
    FOR try IN 1..1000000 LOOP
        SELECT g.waiting INTO ready FROM dblink('gate',
            'SELECT count(*) FROM pg_locks WHERE locktype = ''advisory'' AND NOT granted') AS g (waiting integer);
        EXIT WHEN ready = buyers;
    END LOOP;
    PERFORM * FROM dblink('gate', 'SELECT pg_advisory_unlock(1)') AS gate (opened boolean);
    FOR buyer IN 1..buyers LOOP
        PERFORM * FROM dblink_get_result('buyer' || buyer, false) AS result (status text);
        PERFORM dblink_disconnect('buyer' || buyer);
    END LOOP;
    SELECT jsonb_build_object('succeeded', g.succeeded,
            'failed', CASE WHEN input ? 'coupon' THEN g.refused ELSE buyers - g.succeeded END,
            'saleable', g.saleable, 'usage_count', g.used) INTO result
        FROM dblink('gate', 'SELECT (SELECT count(*) FROM succeeded), (SELECT count(*) FROM refused), commerce.available(''v''),
            (SELECT sum(used) FROM commerce.budget_status)') AS g (succeeded integer, refused integer, saleable bigint, used bigint);
    PERFORM dblink_disconnect('gate');
    RETURN result;
END
$$;

CREATE FUNCTION pg_temp.run_race(input jsonb, expect jsonb, OUT verdict text, OUT detail text) LANGUAGE plpgsql AS $$
DECLARE
    base text := format('host=%s port=%s user=%s', split_part(current_setting('unix_socket_directories'), ',', 1),
        current_setting('port'), quote_ident(session_user));
    scratch text := 'conformance_race_' || pg_backend_pid();
    got jsonb;
    trouble text;
BEGIN
    BEGIN
        CREATE EXTENSION IF NOT EXISTS dblink;
        PERFORM dblink_connect('scratch', format('%s dbname=%s', base, quote_ident(current_database())));
        PERFORM dblink_exec('scratch', format('CREATE DATABASE %I TEMPLATE template0', scratch));
    EXCEPTION WHEN OTHERS THEN
        verdict := 'n/a';
        detail := 'needs dblink, a second session and a database to play in: ' || SQLERRM;
        RETURN;
    END;
    BEGIN
        got := pg_temp.race(format('%s dbname=%s', base, scratch), input);
    EXCEPTION WHEN OTHERS THEN
        trouble := SQLERRM;
    END;
    PERFORM dblink_disconnect(c) FROM unnest(dblink_get_connections()) c WHERE c <> 'scratch';
    PERFORM dblink_exec('scratch', format('DROP DATABASE %I WITH (FORCE)', scratch));
    PERFORM dblink_disconnect('scratch');
    IF trouble IS NOT NULL THEN
        RAISE EXCEPTION '%', trouble;
    END IF;
    SELECT * INTO verdict, detail FROM pg_temp.judge(expect, got);
END
$$;
