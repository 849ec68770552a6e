-- Whatever is done to the parcels and returns of an order, in whatever order: nothing is sent, planned or taken back twice, and all adds up.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.locations (code, priority) VALUES ('mod-1', 30), ('mod-2', 20), ('mod-3', 10);
INSERT INTO commerce.variants (sku, track_stock) VALUES ('mod-A', true), ('mod-B', true), ('mod-kit', true), ('mod-p', true), ('mod-q', true), ('mod-svc', false);
INSERT INTO commerce.kit_parts VALUES ('mod-kit', 'mod-p', 2), ('mod-kit', 'mod-q', 1);
INSERT INTO commerce.prices (sku, price, per_quantity) SELECT sku, '10 EUR', 7 FROM commerce.variants WHERE sku LIKE 'mod-%';

-- What must hold of an order at any time; says what does not.
CREATE FUNCTION pg_temp.wrong(o uuid) RETURNS text LANGUAGE sql AS $$
    WITH sent AS (SELECT p.line, sum(p.quantity) FILTER (WHERE p.stage IN ('shipped', 'delivered')) AS sent, sum(p.quantity) FILTER (WHERE p.stage IS NOT NULL) AS planned
        FROM commerce.parcel_lines p WHERE p.order_id = o GROUP BY p.line),
    units AS (SELECT u.line, u.sku, u.location, sum(u.quantity) FILTER (WHERE s.stage IN ('planned', 'packed')) AS waiting, sum(u.quantity) FILTER (WHERE s.stage IN ('shipped', 'delivered')) AS gone
        FROM commerce.fulfilment_units u JOIN (SELECT DISTINCT p.fulfilment_id, p.line, p.stage FROM commerce.parcel_lines p WHERE p.order_id = o) s USING (fulfilment_id, line)
        WHERE u.order_id = o GROUP BY 1, 2, 3),
    held AS (SELECT r.line, r.sku, r.location, sum(r.quantity) FILTER (WHERE r.state = 'committed') AS committed, sum(r.quantity) FILTER (WHERE r.state = 'fulfilled') AS fulfilled
        FROM commerce.reservations r WHERE r.order_id = o GROUP BY 1, 2, 3)
    SELECT 'more of a line in parcels than was bought' FROM sent JOIN commerce.order_lines l ON l.order_id = o AND l.line = sent.line WHERE sent.planned > l.quantity
    UNION ALL SELECT 'a parcel waits for more than is reserved' FROM units LEFT JOIN held USING (line, sku, location) WHERE units.waiting > coalesce(held.committed, 0)
    UNION ALL SELECT 'what left and what the reservations say' FROM units FULL JOIN held USING (line, sku, location) WHERE coalesce(units.gone, 0) <> coalesce(held.fulfilled, 0)
    UNION ALL SELECT 'reserved and sent are not what was bought' FROM commerce.orders x, (SELECT h.line, h.sku, sum(coalesce(h.committed, 0) + coalesce(h.fulfilled, 0)) AS units FROM held h GROUP BY 1, 2) t
        JOIN commerce.order_lines l ON l.order_id = o AND l.line = t.line LEFT JOIN commerce.kit_parts k ON k.kit = l.sku AND k.part = t.sku
        WHERE x.id = o AND x.state = 'placed' AND t.units <> l.quantity * coalesce(k.quantity, 1)
    UNION ALL SELECT 'an empty parcel' FROM commerce.fulfilments f WHERE f.order_id = o AND NOT EXISTS (SELECT FROM commerce.fulfilment_lines l WHERE l.order_id = o AND l.fulfilment_id = f.id)
    UNION ALL SELECT 'lines and units of a parcel' FROM commerce.fulfilment_units u JOIN commerce.order_lines l ON l.order_id = o AND l.line = u.line LEFT JOIN commerce.kit_parts k ON k.kit = l.sku AND k.part = u.sku
        WHERE u.order_id = o GROUP BY u.fulfilment_id, u.line, u.sku, k.quantity HAVING sum(u.quantity) <> coalesce(k.quantity, 1) * (SELECT sum(p.quantity) FROM commerce.parcel_lines p
            WHERE p.order_id = o AND p.fulfilment_id = u.fulfilment_id AND p.line = u.line)
    UNION ALL SELECT 'more came back than was sent' FROM (SELECT x.line, sum(x.quantity) AS came, commerce.minor_units(commerce.sum(x.share)) AS worth FROM commerce.return_receptions x WHERE x.order_id = o GROUP BY 1) c
        JOIN commerce.order_lines l ON l.order_id = o AND l.line = c.line LEFT JOIN sent ON sent.line = c.line
        WHERE c.came > coalesce(sent.sent, 0) OR abs(c.worth - commerce.minor_units(l.total) * c.came / l.quantity) > 1 OR (c.came = l.quantity AND c.worth <> commerce.minor_units(l.total))
    LIMIT 1
$$;
DO $$
DECLARE
    locations CONSTANT text[] := '{mod-1,mod-2,mod-3}';
    dispositions CONSTANT text[] := '{restock,damaged,quality_control,write_off}';
    o uuid;
    parcel uuid;
    back uuid;
    line integer;
    wrong text;
    done integer := 0;
    refused integer := 0;
BEGIN
    PERFORM setseed(0.42);
    FOR each_order IN 1 .. 8 LOOP
        -- Little at each location, so that lines are reserved at several.
        PERFORM commerce.receive_stock(sku, 3 + floor(random() * 9)::bigint, location)
            FROM unnest('{mod-A,mod-B,mod-p,mod-q}'::text[]) sku, unnest(locations) location;
        o := commerce.checkout((SELECT jsonb_agg(jsonb_build_object('sku', sku, 'quantity', greatest(1, floor(commerce.available(sku) * (0.4 + random() / 2)))))
            FROM unnest('{mod-A,mod-kit,mod-B}'::text[]) sku) || '[{"sku": "mod-svc", "quantity": 9}]');
        FOR step IN 1 .. 60 LOOP
            SELECT f.id INTO parcel FROM commerce.fulfilments f WHERE f.order_id = o ORDER BY f.state IN ('shipped', 'delivered', 'closed', 'cancelled') AND random() < 0.8, random() LIMIT 1;
            SELECT r.id INTO back FROM commerce.returns r WHERE r.order_id = o ORDER BY r.state IN ('closed', 'received', 'cancelled'), random() LIMIT 1;
            line := 1 + floor(random() * 4);
            BEGIN
                CASE floor(random() * 12)
                    WHEN 0, 1 THEN PERFORM commerce.plan_fulfilment(o, jsonb_build_array(jsonb_build_object('line', line, 'quantity', 1 + floor(random() * 5))),
                        CASE WHEN random() < 0.3 THEN locations[1 + floor(random() * 3)] END);
                    WHEN 2 THEN PERFORM commerce.split_fulfilment(parcel, jsonb_build_array(jsonb_build_object('line', line, 'quantity', 1)));
                    WHEN 3 THEN PERFORM commerce.move_fulfilment(parcel, locations[1 + floor(random() * 3)]);
                    WHEN 4, 5 THEN PERFORM commerce.fulfilment_event(parcel, (ARRAY['start', 'pack', 'hold', 'release', 'deliver', 'close'])[1 + floor(random() * 6)]);
                    WHEN 6 THEN UPDATE commerce.fulfilments SET state = 'shipped' WHERE id = parcel;
                    WHEN 7 THEN PERFORM commerce.fulfilment_event(parcel, (ARRAY['incomplete', 'cancel'])[1 + floor(random() * 2)]);
                    WHEN 8 THEN PERFORM commerce.fulfil(o, jsonb_build_array(jsonb_build_object('line', line, 'quantity', 1 + floor(random() * 2))));
                    WHEN 9 THEN PERFORM commerce.request_return(o, jsonb_build_array(jsonb_build_object('line', line, 'quantity', 1 + floor(random() * 3))));
                    WHEN 10 THEN PERFORM commerce.receive_return(back, lines => jsonb_build_array(jsonb_build_object('line', (SELECT min(l.line) FROM commerce.return_lines l WHERE l.return_id = back),
                        'quantity', 1 + floor(random() * 2), 'accepted', random() < 0.7, 'disposition', dispositions[1 + floor(random() * 4)], 'location', locations[1 + floor(random() * 3)])));
                    ELSE PERFORM commerce.return_event(back, (ARRAY['close', 'cancel', 'send'])[1 + floor(random() * 3)]);
                END CASE;
                done := done + 1;
            EXCEPTION WHEN SQLSTATE 'CM001' OR SQLSTATE 'CM010' OR SQLSTATE 'CM011' OR invalid_parameter_value OR no_data_found OR null_value_not_allowed THEN
                refused := refused + 1;
            END;
            wrong := pg_temp.wrong(o);
            ASSERT wrong IS NULL, format('order %s, step %s: %s', each_order, step, wrong);
        END LOOP;
        IF random() < 0.5 THEN
            PERFORM commerce.fulfilment_event(f.id, 'cancel') FROM commerce.fulfilments f WHERE f.order_id = o AND f.state IN ('open', 'in_progress', 'on_hold');
            PERFORM commerce.fulfilment_event(f.id, 'ship') FROM commerce.fulfilments f WHERE f.order_id = o AND f.state = 'packed';
            IF EXISTS (SELECT FROM commerce.unfulfilled(o) u WHERE u.quantity > 0) THEN
                PERFORM commerce.fulfil(o);
            END IF;
            ASSERT NOT EXISTS (SELECT FROM commerce.reservations r WHERE r.order_id = o AND r.state = 'committed'), 'all is sent, and something is reserved';
        END IF;
        wrong := pg_temp.wrong(o);
        ASSERT wrong IS NULL, format('order %s, at the end: %s', each_order, wrong);
    END LOOP;
    ASSERT done > 100 AND refused > 50, format('%s done, %s refused', done, refused);
END
$$;
SELECT bool_and(s.on_hand = m.moved AND s.on_hand >= s.damaged + s.quality_control) AS movements_add_up FROM commerce.stock s
    JOIN (SELECT sku, location, sum(delta) AS moved FROM commerce.stock_movements GROUP BY 1, 2) m USING (sku, location) WHERE s.sku LIKE 'mod-%';
-- All there was is there, or was sent and did not come back to stock.
SELECT (SELECT sum(l.on_hand) FROM commerce.stock l WHERE l.sku LIKE 'mod-%')
    + (SELECT sum(r.quantity) FROM commerce.reservations r WHERE r.sku LIKE 'mod-%' AND r.state = 'fulfilled')
    - (SELECT coalesce(sum(x.quantity * coalesce(k.quantity, 1)), 0) FROM commerce.return_receptions x JOIN commerce.order_lines o USING (order_id, line)
        LEFT JOIN commerce.kit_parts k ON k.kit = o.sku WHERE x.location IS NOT NULL AND o.sku LIKE 'mod-%' AND o.sku <> 'mod-svc')
    = (SELECT sum(m.delta) FROM commerce.stock_movements m WHERE m.sku LIKE 'mod-%' AND m.reason = 'received') AS all_there;
SELECT count(*) AS counted_otherwise FROM commerce.verify_stock();
