-- Stock, holds, orders and what comes of them. Each case has levels, steps and what is there in the end.
--
-- The key of a level is a sku where a step names it as one, "sku@location", or else a location of the sku v. allocated is
-- what orders hold, reserved what carts hold; a negative threshold is a backorder limit, a positive one safety stock.
-- A peer that keeps backorders as negative stock says so by "backorders": its on_hand is ours less what is backordered.
-- Adding to a cart looks, as the peer does; checking out holds. An order is cancelled whole, so where a case cancels some
-- units of one, it is placed as two. Several steps at once run in sessions and a database of their own.
SELECT commerce.create_shop() > 0 AS shop \gset

-- The name that a sku, a location or a holder has here, out of the way of a shop that may be there.
CREATE FUNCTION pg_temp.ours(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'conformance ' || name $$;

CREATE FUNCTION pg_temp.does_not_apply(reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'CMZNA', MESSAGE = reason;
END
$$;

-- What a step asks for: a number of the one sku, {"sku": number}, or [["sku", number], …].
CREATE FUNCTION pg_temp.wanted(value jsonb) RETURNS TABLE (sku text, quantity bigint) LANGUAGE sql AS $$
    -- A CASE, because a constant may be cast before the condition is looked at.
    SELECT 'v', CASE WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{}')::bigint END WHERE jsonb_typeof(value) = 'number'
    UNION ALL SELECT e.key, (e.value #>> '{}')::bigint
        FROM jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value ELSE '{}' END) e
    UNION ALL SELECT coalesce(e ->> 'sku', e ->> 0), coalesce(e ->> 'quantity', e ->> 1)::bigint
        FROM jsonb_array_elements(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE '[]' END) e
$$;

CREATE FUNCTION pg_temp.lines(value jsonb, location text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('sku', pg_temp.ours(w.sku), 'quantity', w.quantity,
        'location', pg_temp.ours(location)))), '[]') FROM pg_temp.wanted(value) w
$$;

-- The sku and location that each level is of.
CREATE FUNCTION pg_temp.places(levels jsonb, steps jsonb) RETURNS TABLE (key text, sku text, location text, level jsonb)
    LANGUAGE sql AS $$
    WITH named AS (
        SELECT w.sku FROM jsonb_array_elements(steps) s, jsonb_each(s) member, pg_temp.wanted(member.value) w
        WHERE jsonb_typeof(member.value) IN ('object', 'array') AND member.key NOT IN ('order', 'update_reservation'))
    SELECT l.key, CASE WHEN l.key LIKE '%@%' THEN split_part(l.key, '@', 1) WHEN l.key IN (SELECT n.sku FROM named n) THEN l.key ELSE 'v' END,
        CASE WHEN l.key LIKE '%@%' THEN split_part(l.key, '@', 2) WHEN l.key IN (SELECT n.sku FROM named n) THEN 'here' ELSE l.key END,
        l.value
    FROM jsonb_each(levels) l WHERE jsonb_typeof(l.value) = 'object'
$$;

CREATE TEMP TABLE case_orders (name text, id uuid, position integer GENERATED ALWAYS AS IDENTITY);
CREATE TEMP TABLE case_carts (name text, lines jsonb);
CREATE TEMP TABLE case_holds (name text, id uuid);
CREATE TEMP TABLE case_facts (key text, value jsonb);

CREATE FUNCTION pg_temp.know(key text, value jsonb) RETURNS void LANGUAGE sql AS $$
    DELETE FROM case_facts f WHERE f.key = know.key;
    INSERT INTO case_facts VALUES (key, value);
$$;

-- Places an order for the lines, or two where so many units of it are cancelled later.
CREATE FUNCTION pg_temp.place(name text, lines jsonb, apart bigint, options jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    quantity bigint := (lines -> 0 ->> 'quantity')::bigint;
BEGIN
    IF jsonb_array_length(lines) = 1 AND apart < quantity THEN
        INSERT INTO case_orders (name, id) VALUES (place.name, commerce.checkout(jsonb_set(lines, '{0,quantity}', to_jsonb(apart)), options => options));
        lines := jsonb_set(lines, '{0,quantity}', to_jsonb(quantity - apart));
    END IF;
    INSERT INTO case_orders (name, id) VALUES (place.name, commerce.checkout(lines, options => options));
END
$$;

-- How many units of an order some step cancels; NULL for none.
CREATE FUNCTION pg_temp.cancelled(steps jsonb, name text) RETURNS bigint LANGUAGE sql AS $$
    SELECT min(w.quantity) FROM jsonb_array_elements(steps) s,
        pg_temp.wanted(coalesce(s -> 'cancel_unfulfilled', s -> 'deallocate')) w
    WHERE coalesce(s ->> 'order', 'initial') = name
$$;

-- Brings about the levels of a case: with all the stock one could wish first, and then with what there is.
CREATE FUNCTION pg_temp.set_up(input jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    place record;
    steps jsonb := coalesce(input -> 'steps', '[]');
    returned bigint;
    unit jsonb;
BEGIN
    INSERT INTO commerce.locations (code, priority, active)
        SELECT DISTINCT ON (p.location) pg_temp.ours(p.location),
            coalesce(-(SELECT o.n FROM jsonb_array_elements(steps) s, jsonb_array_elements_text(
                    CASE jsonb_typeof(s -> 'order') WHEN 'array' THEN s -> 'order' ELSE '[]' END) WITH ORDINALITY o (code, n)
                WHERE o.code = p.location LIMIT 1), 0), NOT coalesce((p.level ->> 'collection_point')::boolean, false)
        FROM pg_temp.places(input -> 'levels', steps) p ORDER BY p.location;
    INSERT INTO commerce.variants (sku) SELECT DISTINCT pg_temp.ours(p.sku) FROM pg_temp.places(input -> 'levels', steps) p;
    INSERT INTO commerce.prices (sku, price)
        SELECT DISTINCT pg_temp.ours(p.sku), '1 EUR'::commerce.amount FROM pg_temp.places(input -> 'levels', steps) p;
    FOR place IN SELECT * FROM pg_temp.places(input -> 'levels', steps) LOOP
        INSERT INTO commerce.stock (sku, location, on_hand) VALUES (pg_temp.ours(place.sku), pg_temp.ours(place.location), 1000000000);
        IF coalesce((place.level ->> 'allocated')::bigint, 0) + coalesce((place.level ->> 'backorders')::bigint, 0) > 0 THEN
            PERFORM pg_temp.place('initial', pg_temp.lines(jsonb_build_object(place.sku,
                    coalesce((place.level ->> 'allocated')::bigint, 0) + coalesce((place.level ->> 'backorders')::bigint, 0)), place.location),
                pg_temp.cancelled(steps, 'initial'), NULL);
        END IF;
        IF (place.level ->> 'reserved')::bigint > 0 THEN
            PERFORM commerce.reserve(pg_temp.ours(place.sku), (place.level ->> 'reserved')::bigint,
                pg_temp.ours('others'), pg_temp.ours(place.location));
        END IF;
        -- What is to come back has been sent before.
        SELECT sum(w.quantity) INTO returned FROM jsonb_array_elements(steps) s, pg_temp.wanted(s -> 'cancel_fulfilled') w
            WHERE w.sku = place.sku AND NOT s ? 'order';
        IF returned > 0 THEN
            PERFORM pg_temp.place('sent', pg_temp.lines(jsonb_build_object(place.sku, returned), place.location), NULL, NULL);
            PERFORM commerce.fulfil(o.id) FROM case_orders o WHERE o.name = 'sent';
        END IF;
        UPDATE commerce.stock SET
                on_hand = (place.level ->> 'on_hand')::bigint + coalesce((place.level ->> 'backorders')::bigint, 0),
                safety_stock = greatest(coalesce((place.level ->> 'threshold')::bigint, 0), 0),
                backorder_limit = CASE WHEN (place.level ->> 'backorderable')::boolean OR place.level ? 'backorders' THEN NULL
                    ELSE greatest(-coalesce((place.level ->> 'threshold')::bigint, 0), 0) END
            WHERE sku = pg_temp.ours(place.sku) AND location = pg_temp.ours(place.location);
    END LOOP;
    -- Units of one order, each in a state of its own.
    IF jsonb_typeof(input #> '{levels,units}') = 'array' THEN
        INSERT INTO commerce.locations (code) VALUES (pg_temp.ours('here'));
        INSERT INTO commerce.variants (sku) VALUES (pg_temp.ours('v'));
        INSERT INTO commerce.prices (sku, price) VALUES (pg_temp.ours('v'), '1 EUR');
        INSERT INTO commerce.stock (sku, location, on_hand) VALUES (pg_temp.ours('v'), pg_temp.ours('here'), 1000);
        FOR unit IN SELECT jsonb_array_elements(input #> '{levels,units}') LOOP
            PERFORM pg_temp.place(unit #>> '{}', pg_temp.lines('1', NULL), NULL, NULL);
            IF unit = '"shipped"' THEN
                PERFORM commerce.fulfil((SELECT o.id FROM case_orders o ORDER BY o.position DESC LIMIT 1));
            END IF;
        END LOOP;
    END IF;
END
$$;

-- Sends units of a sku from the orders of a name, or from any.
CREATE FUNCTION pg_temp.send(order_name text, wanted_sku text, wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part record;
BEGIN
    FOR part IN SELECT o.id, jsonb_agg(jsonb_build_object('line', u.line, 'quantity', u.take)) AS lines
        FROM (SELECT o.id, o.position, l.line, least(l.quantity, greatest(0, wanted - (sum(l.quantity) OVER (ORDER BY o.position, l.line)
                - l.quantity)))::bigint AS take
            FROM case_orders o JOIN commerce.orders p ON p.id = o.id AND p.state IN ('placed', 'confirmed'),
                commerce.unfulfilled(o.id) l JOIN commerce.order_lines ol ON ol.line = l.line
            WHERE ol.order_id = o.id AND ol.sku = pg_temp.ours(wanted_sku) AND l.quantity > 0
                AND (order_name IS NULL OR o.name = order_name)) u JOIN case_orders o USING (id)
        WHERE u.take > 0 GROUP BY o.id, o.position ORDER BY o.position LOOP
        PERFORM commerce.fulfil(part.id, part.lines);
    END LOOP;
END
$$;

-- Cancels whole orders that make up the units.
CREATE FUNCTION pg_temp.cancel(order_name text, wanted_sku text, wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found record;
    rest bigint := wanted;
BEGIN
    FOR found IN SELECT o.id, sum(u.quantity) AS units FROM case_orders o JOIN commerce.orders p ON p.id = o.id AND p.state <> 'cancelled',
            commerce.unfulfilled(o.id) u JOIN commerce.order_lines ol ON ol.line = u.line
        WHERE ol.order_id = o.id AND ol.sku = pg_temp.ours(wanted_sku) AND (order_name IS NULL OR o.name = order_name)
        GROUP BY o.id, o.position ORDER BY o.position LOOP
        IF found.units <= rest THEN
            PERFORM commerce.order_event(found.id, 'cancel');
            rest := rest - found.units;
        END IF;
    END LOOP;
    IF rest > 0 THEN
        PERFORM pg_temp.does_not_apply('an order is cancelled whole, not unit by unit');
    END IF;
END
$$;

\ir stock_reservation_steps.sql
\ir stock_reservation_race.sql
