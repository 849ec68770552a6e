-- The steps of stock_reservation.sql, what they leave behind, and how that is compared.

-- Holds lines as a cart of that name does; remembers the hold under id.
CREATE FUNCTION pg_temp.hold(step jsonb, value jsonb, strategy text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    holder text := pg_temp.ours(coalesce(step ->> 'checkout', step ->> 'holder', step ->> 'cart', 'hold ' || (SELECT count(*) FROM case_holds)));
    ttl interval := make_interval(secs => (step ->> 'ttl_s')::double precision);
    made uuid[];
BEGIN
    IF (step ->> 'allow_backorder')::boolean THEN
        UPDATE commerce.stock SET backorder_limit = NULL WHERE sku IN (SELECT pg_temp.ours(w.sku) FROM pg_temp.wanted(value) w);
    END IF;
    SELECT array_agg(r.reservation) INTO made FROM commerce.reserve_lines(pg_temp.lines(value, step ->> 'location'), holder,
        CASE WHEN ttl > '0' THEN ttl END, strategy => strategy) r WHERE r.reservation IS NOT NULL;
    -- A hold whose time was over before it began is one whose time is over.
    IF ttl <= '0' THEN
        UPDATE commerce.reservations SET expires_at = clock_timestamp() + ttl WHERE id = ANY (made);
    END IF;
    INSERT INTO case_holds SELECT coalesce(step ->> 'id', holder), unnest(made);
END
$$;

CREATE FUNCTION pg_temp.take_step(step jsonb, steps jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    op text := (SELECT k FROM jsonb_object_keys(step) k WHERE k NOT IN ('order', 'cart', 'checkout', 'holder', 'strategy',
        'pickup_at', 'location', 'ttl_s', 'id', 'allow_backorder', 'fulfilment') LIMIT 1);
    value jsonb := step -> op;
    strategy text := CASE step ->> 'strategy' WHEN 'highest_stock' THEN 'most_stock' WHEN 'sort_order' THEN 'priority'
        ELSE step ->> 'strategy' END;
    cart text := coalesce(step ->> 'cart', 'cart');
    order_name text := step ->> 'order';
    wanted record;
    got record;
BEGIN
    CASE op
        WHEN 'set_on_hand', 'adjust', 'receive' THEN
            FOR wanted IN SELECT w.*, s.location, s.on_hand FROM pg_temp.wanted(value) w
                JOIN commerce.stock s ON s.sku = pg_temp.ours(w.sku) LOOP
                IF op = 'set_on_hand' THEN
                    PERFORM commerce.adjust_stock(pg_temp.ours(wanted.sku), wanted.quantity - wanted.on_hand, wanted.location);
                ELSIF wanted.quantity > 0 THEN
                    PERFORM commerce.receive_stock(pg_temp.ours(wanted.sku), wanted.quantity, wanted.location);
                ELSE
                    PERFORM commerce.adjust_stock(pg_temp.ours(wanted.sku), wanted.quantity, wanted.location);
                END IF;
            END LOOP;
        WHEN 'add_to_cart' THEN
            SELECT coalesce(sum(p.quantity), 0)::bigint AS quantity, coalesce(sum(p.missing), 0)::bigint AS missing,
                coalesce(jsonb_agg(jsonb_build_object('sku', p.sku, 'quantity', p.quantity)) FILTER (WHERE p.quantity > 0), '[]') AS lines
                INTO got FROM commerce.plan_sourcing(pg_temp.lines(value, NULL)) p;
            INSERT INTO case_carts VALUES (cart, got.lines);
            IF got.missing > 0 THEN
                PERFORM pg_temp.know('error', '"insufficient_stock"');
                PERFORM pg_temp.know('available', to_jsonb(got.quantity));
            END IF;
        WHEN 'checkout_start' THEN
            PERFORM commerce.reserve_lines(c.lines, pg_temp.ours(c.name)) FROM case_carts c;
        WHEN 'place_order', 'place_order_lines', 'allocate', 'allocate_lines', 'allocate_units' THEN
            PERFORM pg_temp.place(coalesce(order_name, 'order'), pg_temp.lines(value, coalesce(step ->> 'pickup_at', step ->> 'location')),
                pg_temp.cancelled(steps, order_name), jsonb_strip_nulls(jsonb_build_object('strategy', strategy)));
        WHEN 'place_order_from' THEN
            PERFORM pg_temp.place(value #>> '{}', c.lines, NULL, jsonb_build_object('holder', pg_temp.ours(c.name)))
                FROM case_carts c WHERE c.name = value #>> '{}';
        WHEN 'payment_settled' THEN
            PERFORM commerce.capture_payment(commerce.authorize_payment(o.id)) FROM case_orders o WHERE o.name = value #>> '{}';
        WHEN 'fulfil', 'ship_allocated' THEN
            PERFORM pg_temp.send(order_name, w.sku, w.quantity) FROM pg_temp.wanted(value) w;
        WHEN 'cancel_unfulfilled', 'deallocate' THEN
            PERFORM pg_temp.cancel(order_name, w.sku, w.quantity) FROM pg_temp.wanted(value) w;
        WHEN 'cancel_fulfilled' THEN
            FOR wanted IN SELECT w.*, o.id, fl.line, fl.location FROM pg_temp.wanted(value) w JOIN case_orders o
                    ON o.name = coalesce(order_name, 'sent') JOIN commerce.fulfilment_lines fl ON fl.order_id = o.id
                    JOIN commerce.order_lines ol ON ol.order_id = o.id AND ol.line = fl.line AND ol.sku = pg_temp.ours(w.sku) LOOP
                PERFORM commerce.receive_return(commerce.request_return(wanted.id, jsonb_build_array(jsonb_build_object(
                    'line', wanted.line, 'quantity', wanted.quantity))), 'restock', wanted.location);
            END LOOP;
        WHEN 'cancel_fulfilment' THEN
            PERFORM pg_temp.does_not_apply('a parcel that has left comes back as a return; its goods are free for anyone');
        WHEN 'cancel_order' THEN
            PERFORM commerce.order_event(o.id, 'cancel') FROM case_orders o
                WHERE jsonb_typeof(value) = 'boolean' OR o.name = value #>> '{}';
            PERFORM commerce.release_holder(pg_temp.ours(c.name)) FROM case_carts c;
        WHEN 'reduce_line_to' THEN
            -- Each unit is an order of its own here; what has left stays.
            FOR wanted IN SELECT o.id, o.name FROM case_orders o ORDER BY o.position DESC LIMIT
                    (SELECT count(*) FROM case_orders) - (value #>> '{}')::bigint LOOP
                BEGIN
                    PERFORM commerce.order_event(wanted.id, 'cancel');
                EXCEPTION WHEN SQLSTATE 'CM011' THEN
                    NULL;
                END;
            END LOOP;
        WHEN 'reserve', 'reserve_lines' THEN
            PERFORM pg_temp.hold(step, value, strategy);
        WHEN 'update_reservation' THEN
            PERFORM commerce.update_reservation(h.id, w.quantity) FROM pg_temp.wanted(value) w JOIN case_holds h ON h.name = w.sku;
        WHEN 'release', 'release_reservation', 'delete_reservation' THEN
            PERFORM commerce.release_reservation(h.id) FROM case_holds h WHERE h.name IN (value #>> '{}', pg_temp.ours(value #>> '{}'));
        WHEN 'release_holder', 'release_checkout' THEN
            PERFORM commerce.release_holder(pg_temp.ours(value #>> '{}'));
        WHEN 'reserve_and_place' THEN
            PERFORM pg_temp.hold(step || '{"holder": "buyer"}', value, strategy);
            PERFORM pg_temp.place('order', pg_temp.lines(value, NULL), NULL, jsonb_build_object('holder', pg_temp.ours('buyer')));
        WHEN 'expire' THEN
            PERFORM commerce.expire_reservations();
        WHEN 'can_supply' THEN
            PERFORM pg_temp.know('result', to_jsonb((SELECT sum(p.missing) = 0 FROM commerce.plan_sourcing(pg_temp.lines(value, NULL)) p)));
        WHEN 'package' THEN
            SELECT sum(r.quantity) AS units, count(DISTINCT r.location) AS packages INTO got
                FROM commerce.reserve_lines(pg_temp.lines(value, NULL), pg_temp.ours('package'), strategy => coalesce(strategy, 'fewest_splits')) r;
            PERFORM pg_temp.know('units', to_jsonb(got.units));
            PERFORM pg_temp.know('packages', to_jsonb(got.packages));
        ELSE
            PERFORM pg_temp.does_not_apply(format('unknown step %s', step));
    END CASE;
END
$$;

-- What a peer's name of an error is here.
CREATE FUNCTION pg_temp.error_name(state text, expected text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN state = ANY (CASE
            WHEN expected IN ('insufficient_stock', 'negative_on_hand', 'insufficient_on_hand') THEN '{CM001}'
            WHEN expected LIKE '%expired%' THEN '{CM004}'
            WHEN expected LIKE 'unknown%' OR expected LIKE '%not_found' THEN '{CM002,CM003}'
            WHEN expected LIKE '%quantity%' OR expected LIKE 'invalid%' THEN '{22023,22003,22004}'
            ELSE '{CM001,CM002,CM003,CM004,CM010,CM011,CM050,22023,22003,22004}' END::text[]) THEN expected
        ELSE state END
$$;

-- How much of a sku orders wait for. Peers tell which units of an order are there and which are not.
CREATE FUNCTION pg_temp.backordered() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    result bigint;
BEGIN
    EXECUTE 'SELECT coalesce(sum(waiting), 0) FROM commerce.backorders WHERE sku LIKE $1' INTO result USING pg_temp.ours('%');
    RETURN result;
END
$$;

-- What orders were promised, got back and what moved, of each sku: all so far.
CREATE FUNCTION pg_temp.books() RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_object_agg(x.sku, x.book), '{}') FROM (
        SELECT v.sku, jsonb_build_object(
            'ALLOCATION', (SELECT coalesce(sum(r.quantity), 0) FROM commerce.reservations r WHERE r.sku = v.sku AND r.order_id IS NOT NULL),
            'ADJUSTMENT', (SELECT coalesce(sum(m.delta), 0) FROM commerce.stock_movements m WHERE m.sku = v.sku AND m.reason IN ('adjusted', 'received')),
            'SALE', (SELECT coalesce(sum(m.delta), 0) FROM commerce.stock_movements m WHERE m.sku = v.sku AND m.reason = 'sold'),
            'CANCELLATION', (SELECT coalesce(sum(m.delta), 0) FROM commerce.stock_movements m WHERE m.sku = v.sku AND m.reason = 'returned'),
            'RELEASE', (SELECT coalesce(sum(r.quantity), 0) FROM commerce.reservations r WHERE r.sku = v.sku AND r.order_id IS NOT NULL
                AND r.state = 'released')) AS book
        FROM commerce.variants v WHERE v.sku LIKE pg_temp.ours('%')) x
$$;

-- The entries that lead from one state of the books to the next.
CREATE FUNCTION pg_temp.entries(before jsonb, after jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_array(substr(s.key, length(pg_temp.ours('')) + 1), k.kind,
            (s.value ->> k.kind)::bigint - coalesce((before -> s.key ->> k.kind)::bigint, 0)) ORDER BY s.key, k.n), '[]')
    FROM jsonb_each(after) s, unnest('{ALLOCATION,ADJUSTMENT,SALE,CANCELLATION,RELEASE}'::text[]) WITH ORDINALITY k (kind, n)
    WHERE (s.value ->> k.kind)::bigint <> coalesce((before -> s.key ->> k.kind)::bigint, 0)
$$;

-- The levels as they are, in the words of the case: those that it expects something of.
CREATE FUNCTION pg_temp.levels_now(input jsonb, expected jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_object_agg(p.key, (
        SELECT jsonb_object_agg(e.key, CASE e.key
            WHEN 'on_hand' THEN to_jsonb(s.on_hand - coalesce((p.level ->> 'backorders')::bigint, 0))
            WHEN 'allocated' THEN to_jsonb(r.committed - coalesce((p.level ->> 'backorders')::bigint, 0))
            WHEN 'reserved' THEN to_jsonb(r.held)
            WHEN 'saleable' THEN to_jsonb(commerce.available(s.sku, s.location))
            ELSE e.value END)
        FROM jsonb_each(expected -> p.key) e)), '{}')
    FROM pg_temp.places(input -> 'levels', coalesce(input -> 'steps', '[]')) p
        JOIN commerce.stock s ON s.sku = pg_temp.ours(p.sku) AND s.location = pg_temp.ours(p.location),
        LATERAL (SELECT coalesce(sum(x.quantity) FILTER (WHERE x.state = 'committed'), 0)::bigint AS committed,
                coalesce(sum(x.quantity) FILTER (WHERE x.state = 'held' AND x.expires_at > clock_timestamp()), 0)::bigint AS held
            FROM commerce.reservations x WHERE x.sku = s.sku AND x.location = s.location) r
    WHERE expected ? p.key
$$;

-- All that a case may ask about in the end.
CREATE FUNCTION pg_temp.state_of_things(input jsonb, expect jsonb, ledger jsonb, saleable jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    got jsonb := jsonb_build_object('ledger', ledger, 'saleable_after', saleable, 'saleable', saleable -> -1, 'ok', true);
BEGIN
    got := got || jsonb_build_object('levels', pg_temp.levels_now(input, expect -> 'levels'),
        'cart', (SELECT coalesce(jsonb_object_agg(w.sku, w.quantity), '{}') FROM (
            SELECT substr(l ->> 'sku', length(pg_temp.ours('')) + 1) AS sku, sum((l ->> 'quantity')::bigint) AS quantity
            FROM case_carts c, jsonb_array_elements(c.lines) l GROUP BY 1) w),
        'reservations', (SELECT count(DISTINCT r.id) FROM commerce.reservations r JOIN case_holds h ON h.id = r.id WHERE r.state = 'held'),
        'sum_allocated', (SELECT coalesce(sum(r.quantity), 0) FROM commerce.reservations r WHERE r.state = 'committed' AND r.sku LIKE pg_temp.ours('%')),
        'expires_in_s', (SELECT round(extract(epoch FROM max(r.expires_at - r.created_at))) FROM commerce.reservations r JOIN case_holds h ON h.id = r.id),
        'units_left', (SELECT coalesce(jsonb_agg(o.name ORDER BY o.position), '[]') FROM case_orders o JOIN commerce.orders p ON p.id = o.id
            WHERE p.state <> 'cancelled'));
    IF jsonb_typeof(expect -> 'units') = 'object' THEN
        PERFORM pg_temp.know('units', jsonb_build_object('backordered', pg_temp.backordered(),
            'on_hand', (got ->> 'sum_allocated')::bigint - pg_temp.backordered()));
    END IF;
    RETURN got || (SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM case_facts f);
END
$$;

CREATE FUNCTION pg_temp.run_case(input jsonb, expect jsonb, whole jsonb, OUT verdict text, OUT detail text) LANGUAGE plpgsql AS $$
DECLARE
    steps jsonb := coalesce(input -> 'steps', '[]');
    step jsonb;
    ledger jsonb := '[]';
    saleable jsonb := '[]';
    before jsonb;
    waiting bigint;
    refusal record;
    facts jsonb;
BEGIN
    IF input ? 'coupon' THEN
        -- The attempts of ten buyers at once, each of whom makes a tenth of them one after the other.
        SELECT * INTO verdict, detail FROM pg_temp.run_race(input || jsonb_build_object('concurrent',
            (SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('redeem', (input ->> 'concurrent_attempts')::integer / 10)))
                FROM generate_series(1, 10))), expect);
        RETURN;
    ELSIF expect -> 'reservations' = '0' AND jsonb_path_exists(input, '$.levels.*.backorderable ? (@ == true)') THEN
        verdict := 'n/a';
        detail := 'what can be backordered is held like anything else, so that its limit holds';
        RETURN;
    ELSIF input ? 'concurrent' THEN
        SELECT * INTO verdict, detail FROM pg_temp.run_race(input, expect);
        RETURN;
    END IF;
    TRUNCATE case_orders, case_carts, case_holds, case_facts;
    PERFORM pg_temp.set_up(input);
    IF expect ? 'backorders_filled' THEN
        waiting := pg_temp.backordered();
    END IF;
    FOR step IN SELECT jsonb_array_elements(steps) LOOP
        before := pg_temp.books();
        BEGIN
            PERFORM pg_temp.take_step(step, steps);
        EXCEPTION
            WHEN SQLSTATE 'CMZNA' THEN
                verdict := 'n/a';
                detail := SQLERRM;
                RETURN;
            WHEN OTHERS THEN
                IF NOT expect ? 'error' THEN
                    RAISE;
                END IF;
                GET STACKED DIAGNOSTICS facts = PG_EXCEPTION_DETAIL;
                PERFORM pg_temp.know('error', to_jsonb(pg_temp.error_name(SQLSTATE, expect ->> 'error')));
                PERFORM pg_temp.know('available', facts #> '{lines,0,available}');
                PERFORM pg_temp.know('items', (SELECT jsonb_agg(DISTINCT substr(l ->> 'sku', length(pg_temp.ours('')) + 1))
                    FROM jsonb_array_elements(facts -> 'lines') l));
        END;
        ledger := ledger || pg_temp.entries(before, pg_temp.books());
        saleable := saleable || to_jsonb((SELECT sum(a.available) FROM commerce.available(
            ARRAY(SELECT v.sku FROM commerce.variants v WHERE v.sku LIKE pg_temp.ours('%'))) a));
    END LOOP;
    IF expect ? 'backorders_filled' THEN
        PERFORM pg_temp.know('backorders_filled', to_jsonb(waiting - pg_temp.backordered()));
    END IF;
    SELECT * INTO verdict, detail FROM pg_temp.judge(expect, pg_temp.state_of_things(input, expect, ledger, saleable));
END
$$;
