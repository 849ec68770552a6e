-- What must hold of the orders of walk.sql, whatever has happened, computed from what was bought, sent, paid and written down, by the
-- tables; no function under test is asked.
--
--     walk.wrong(orders)     says what does not hold: of these orders, and of stock, budgets and balances
--     walk.story(order)      tells what happened to an order, for whoever wonders why
--     walk.undo(order)       gives back all that can be given back of an order
--     walk.not_back()        after that: says what has not come back

-- What is bought of a line of an order, part by part, and how many of each part are in one unit; goods that are not counted have none.
CREATE VIEW walk.parts AS
    SELECT l.order_id, l.line, l.quantity, coalesce(k.part, l.sku) AS sku, coalesce(k.quantity, 1) AS per_unit
    FROM commerce.order_lines l JOIN commerce.variants v ON v.sku = l.sku AND v.track_stock LEFT JOIN commerce.kit_parts k ON k.kit = l.sku;
-- An order that has what it bought, or will; one that was archived is what it was before.
CREATE VIEW walk.alive AS
    SELECT o.id, CASE o.state WHEN 'archived' THEN (SELECT h.from_state FROM commerce.state_history h WHERE h.subject = o.id::text
            AND h.relation = 'commerce.orders' AND h.to_state = 'archived' AND h.from_state <> 'archived') ELSE o.state END NOT IN ('cancelled', 'expired') AS alive
    FROM commerce.orders o JOIN walk.orders w ON w.id = o.id;
-- An order as it was placed, and all that it says of goods and money now, line by line.
CREATE VIEW walk.versions AS
    SELECT v.order_id, v.version, v.document, commerce.minor_units(v.difference) AS difference, commerce.minor_units(v.tax) AS tax, v.cause FROM commerce.order_versions v
    UNION ALL SELECT o.id, o.version, jsonb_build_object('total', o.total::jsonb, 'tax', o.tax::jsonb, 'rounding', o.rounding::jsonb, 'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object('line', l.line, 'sku', l.sku, 'quantity', l.quantity,
            'cancelled', l.cancelled, 'priced_version', l.priced_version, 'subtotal', l.subtotal::jsonb, 'discount', l.discount::jsonb, 'tax', l.tax::jsonb, 'total', l.total::jsonb,
            'unit_price', l.unit_price::jsonb, 'list_price', l.list_price::jsonb, 'discounts', (SELECT coalesce(jsonb_agg(jsonb_build_object('promotion', d.promotion, 'amount', d.amount::jsonb)), '[]')
                FROM commerce.order_discounts d WHERE d.order_id = l.order_id AND d.line = l.line))), '[]') FROM commerce.order_lines l WHERE l.order_id = o.id),
        'shipping_discounts', (SELECT coalesce(jsonb_agg(jsonb_build_object('promotion', d.promotion, 'amount', d.amount::jsonb)), '[]')
            FROM commerce.order_discounts d WHERE d.order_id = o.id AND d.line = 0)), 0, 0, NULL
        FROM commerce.orders o;
CREATE VIEW walk.version_lines AS
    SELECT v.order_id, v.version, (l ->> 'line')::integer AS line, (l ->> 'quantity')::bigint AS quantity, (l ->> 'cancelled')::bigint AS cancelled, (l ->> 'priced_version')::integer AS priced_version,
        (l #>> '{subtotal,minor}')::bigint AS subtotal, (l #>> '{discount,minor}')::bigint AS discount, (l #>> '{tax,minor}')::bigint AS tax, (l #>> '{total,minor}')::bigint AS total
    FROM walk.versions v, jsonb_array_elements(v.document -> 'lines') l;
CREATE FUNCTION walk.minor(commerce.amount) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT commerce.minor_units($1)';

-- What an order that counts must have claimed: of each limit of each promotion that took something off it when it was placed.
CREATE VIEW walk.claims AS
    -- Not materialized: asked about one order, it reads no others.
    WITH given AS NOT MATERIALIZED (
        SELECT v.order_id, (d ->> 'promotion')::uuid AS promotion, sum((d #>> '{amount,minor}')::bigint)::bigint AS minor
        FROM walk.versions v, LATERAL (SELECT d FROM jsonb_array_elements(v.document -> 'lines') l, jsonb_array_elements(l -> 'discounts') d
            UNION ALL SELECT d FROM jsonb_array_elements(v.document -> 'shipping_discounts') d) x (d)
        WHERE v.version = 1 AND d ->> 'promotion' IS NOT NULL GROUP BY 1, 2
        UNION ALL
        SELECT v.order_id, p.id, sum(((l #>> '{list_price,minor}')::bigint - (l #>> '{unit_price,minor}')::bigint) * (l ->> 'quantity')::bigint)::bigint
        FROM walk.versions v, jsonb_array_elements(v.document -> 'lines') l, commerce.promotions p
        WHERE v.version = 1 AND l ->> 'sku' = 'walk-B' AND jsonb_typeof(l -> 'list_price') = 'object' AND p.name = 'walk catalogue' GROUP BY 1, 2
    )
    SELECT g.order_id, b.id AS budget, CASE b.per WHEN 'all' THEN '' WHEN 'customer' THEN o.customer_id::text WHEN 'code' THEN c.code END AS key,
        CASE WHEN b.uses IS NOT NULL THEN 1 ELSE g.minor END AS taken, b.reusable
    FROM given g JOIN commerce.orders o ON o.id = g.order_id JOIN commerce.budgets b ON b.promotion = g.promotion
        LEFT JOIN commerce.promotion_codes c ON c.promotion = g.promotion WHERE g.minor > 0 OR b.uses IS NOT NULL
    UNION ALL SELECT g.order_id, g.promotion, 'code:' || c.code, 1, true FROM given g JOIN commerce.promotion_codes c ON c.promotion = g.promotion AND c.uses IS NOT NULL;

CREATE FUNCTION walk.wrong(orders uuid[]) RETURNS TABLE (about text, what text) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    -- Stock: what lies there is what the walk put there, less what left in parcels, and what came back.
    RETURN QUERY
        WITH put AS (SELECT s.sku, s.location, s.state, sum(s.delta) AS units FROM walk.stock s GROUP BY 1, 2, 3),
        sent AS (SELECT u.sku, u.location, sum(u.quantity) AS units FROM commerce.fulfilment_units u JOIN commerce.fulfilments f ON f.order_id = u.order_id AND f.id = u.fulfilment_id
            WHERE f.state IN ('shipped', 'delivered', 'closed') AND NOT EXISTS (SELECT FROM commerce.fulfilment_lines l
                WHERE l.order_id = u.order_id AND l.fulfilment_id = u.fulfilment_id AND l.line = u.line AND l.dropped) AND u.sku LIKE 'walk-%' GROUP BY 1, 2),
        came AS (SELECT p.sku, x.location, CASE x.disposition WHEN 'restock' THEN 'available' ELSE x.disposition END AS state, sum(x.quantity * p.per_unit) AS units
            FROM commerce.return_receptions x JOIN walk.parts p ON p.order_id = x.order_id AND p.line = x.line JOIN walk.orders w ON w.id = x.order_id WHERE x.location IS NOT NULL GROUP BY 1, 2, 3),
        should AS (SELECT m.sku, m.location, sum(m.units) AS on_hand, coalesce(sum(m.units) FILTER (WHERE m.state = 'damaged'), 0) AS damaged,
                coalesce(sum(m.units) FILTER (WHERE m.state = 'quality_control'), 0) AS quality_control, coalesce(sum(m.units) FILTER (WHERE m.state = 'other'), 0) AS other,
                coalesce(sum(m.units) FILTER (WHERE m.state = 'safety_stock'), 0) AS safety_stock
            FROM (SELECT * FROM put UNION ALL SELECT sku, location, 'available', -units FROM sent UNION ALL SELECT * FROM came) m GROUP BY 1, 2)
        SELECT coalesce(h.sku, s.sku) || ' at ' || coalesce(h.location, s.location), 'what lies there is not what was put there, sent and taken back'
        FROM should h FULL JOIN (SELECT * FROM commerce.stock WHERE sku LIKE 'walk-%') s ON s.sku = h.sku AND s.location = h.location
        WHERE (s.on_hand, s.damaged, s.quality_control, s.other, s.safety_stock) IS DISTINCT FROM (h.on_hand::bigint, h.damaged::bigint, h.quality_control::bigint, h.other::bigint, h.safety_stock::bigint);
    RETURN QUERY
        SELECT coalesce(m.sku, s.sku) || ' at ' || coalesce(m.location, s.location), 'what lies there is not what its movements say'
        FROM (SELECT sku, location, sum(delta) AS on_hand, sum(CASE WHEN to_state = 'damaged' THEN quantity ELSE 0 END - CASE WHEN from_state = 'damaged' THEN quantity ELSE 0 END) AS damaged
                FROM commerce.stock_movements WHERE sku LIKE 'walk-%' GROUP BY 1, 2) m
            FULL JOIN (SELECT * FROM commerce.stock WHERE sku LIKE 'walk-%') s ON s.sku = m.sku AND s.location = m.location
        WHERE (s.on_hand, s.damaged) IS DISTINCT FROM (m.on_hand::bigint, m.damaged::bigint);
    RETURN QUERY
        SELECT s.sku || ' at ' || s.location, 'more is promised than there is'
        FROM commerce.stock s, LATERAL (SELECT coalesce(sum(r.quantity), 0) AS units FROM commerce.reservations r WHERE r.sku = s.sku AND r.location = s.location
            AND (r.state = 'committed' OR r.state = 'held' AND r.expires_at > clock_timestamp())) r
        WHERE s.sku LIKE 'walk-%' AND (s.on_hand < 0 OR s.on_hand - s.damaged - s.quality_control - s.other - s.safety_stock - r.units < -s.backorder_limit);
    RETURN QUERY
        SELECT l.sku || ' at ' || l.location, 'on_hand is not what its states come to' FROM commerce.stock_levels l
        WHERE l.sku LIKE 'walk-%' AND l.on_hand <> l.safety_stock + l.damaged + l.quality_control + l.other + l.reserved + l.committed + l.available;
    -- Each unit that was bought and is still wanted is reserved, or has left: never both, never neither.
    RETURN QUERY
        SELECT p.order_id || ' line ' || p.line || ' ' || p.sku, format('%s bought, %s a unit, %s sent, %s reserved, %s left', p.quantity, p.per_unit, s.sent, r.committed, r.fulfilled)
        FROM walk.parts p JOIN walk.alive a ON a.id = p.order_id,
            LATERAL (SELECT coalesce(sum(x.quantity), 0) AS sent FROM commerce.parcel_lines x WHERE x.order_id = p.order_id AND x.line = p.line AND x.stage IN ('shipped', 'delivered')) s,
            LATERAL (SELECT coalesce(sum(x.quantity) FILTER (WHERE x.state = 'committed'), 0) AS committed, coalesce(sum(x.quantity) FILTER (WHERE x.state = 'fulfilled'), 0) AS fulfilled
                FROM commerce.reservations x WHERE x.order_id = p.order_id AND x.line = p.line AND x.sku = p.sku) r
        WHERE p.order_id = ANY (orders)
            AND (r.committed <> CASE WHEN a.alive THEN (p.quantity - s.sent) * p.per_unit ELSE 0 END OR r.fulfilled <> s.sent * p.per_unit);
    RETURN QUERY
        SELECT r.order_id::text, 'something is reserved that was not bought' FROM commerce.reservations r
        WHERE r.order_id = ANY (orders) AND (r.state = 'held' OR NOT EXISTS (SELECT FROM walk.parts p WHERE p.order_id = r.order_id AND p.line = r.line AND p.sku = r.sku AND p.per_unit = r.per_unit));
    RETURN QUERY
        SELECT l.order_id || ' line ' || l.line, 'more is in parcels than was bought'
        FROM commerce.order_lines l, LATERAL (SELECT coalesce(sum(p.quantity), 0) AS units FROM commerce.parcel_lines p WHERE p.order_id = l.order_id AND p.line = l.line AND p.stage IS NOT NULL) p
        WHERE l.order_id = ANY (orders) AND p.units > l.quantity;
    RETURN QUERY
        SELECT u.order_id || ' line ' || u.line, 'a parcel waits for more than is reserved'
        FROM (SELECT u.order_id, u.line, u.sku, u.location, sum(u.quantity) AS units FROM commerce.fulfilment_units u JOIN commerce.fulfilments f ON f.order_id = u.order_id AND f.id = u.fulfilment_id
                WHERE u.order_id = ANY (orders) AND f.state IN ('open', 'scheduled', 'on_hold', 'in_progress', 'packed') GROUP BY 1, 2, 3, 4) u
        WHERE u.units > (SELECT coalesce(sum(r.quantity), 0) FROM commerce.reservations r
            WHERE r.order_id = u.order_id AND r.line = u.line AND r.sku = u.sku AND r.location = u.location AND r.state = 'committed');
    RETURN QUERY
        SELECT o.id || ' ' || o.state, 'an order that is over holds something'
        FROM commerce.orders o WHERE o.id = ANY (orders) AND o.state IN ('completed', 'cancelled', 'expired', 'archived')
            AND (EXISTS (SELECT FROM commerce.reservations r WHERE r.order_id = o.id AND r.state IN ('held', 'committed'))
                OR EXISTS (SELECT FROM commerce.fulfilments f WHERE f.order_id = o.id AND f.state IN ('open', 'scheduled', 'on_hold', 'in_progress', 'packed'))
                OR EXISTS (SELECT FROM commerce.order_lines l WHERE l.order_id = o.id AND l.requires_shipping AND (SELECT a.alive FROM walk.alive a WHERE a.id = o.id)
                    AND l.quantity <> (SELECT coalesce(sum(p.quantity), 0) FROM commerce.parcel_lines p WHERE p.order_id = o.id AND p.line = l.line AND p.stage IN ('shipped', 'delivered')))
                OR EXISTS (SELECT FROM commerce.claims c LEFT JOIN commerce.budgets b ON b.id = c.budget WHERE c.order_id = o.id AND c.state <> 'released'
                    AND b.reusable IS NOT false AND NOT (SELECT a.alive FROM walk.alive a WHERE a.id = o.id)));
    -- Claims.
    RETURN QUERY
        SELECT coalesce(c.order_id, w.order_id)::text, format('claimed %s, should have %s', c.taken, w.taken)
        FROM (SELECT x.order_id, x.budget, x.key, x.taken FROM walk.claims x JOIN walk.alive a ON a.id = x.order_id WHERE x.order_id = ANY (orders) AND (a.alive OR NOT x.reusable)) w
            FULL JOIN (SELECT c.order_id, c.budget, c.key, c.amount_taken AS taken FROM commerce.claims c WHERE c.order_id = ANY (orders) AND c.state <> 'released') c
                ON c.order_id = w.order_id AND c.budget = w.budget AND c.key = w.key
        WHERE c.taken IS DISTINCT FROM w.taken;
    RETURN QUERY
        SELECT p.name, 'more is claimed than the limit' FROM commerce.claims c JOIN commerce.promotions p ON p.id = c.promotion
            LEFT JOIN commerce.budgets b ON b.id = c.budget LEFT JOIN commerce.promotion_codes x ON c.budget = c.promotion AND 'code:' || x.code = c.key
        WHERE c.state <> 'released' AND p.name LIKE 'walk %'
        GROUP BY p.name, c.budget, c.key, b.uses, b.spend, x.uses HAVING sum(c.amount_taken) > coalesce(b.uses, walk.minor(b.spend), x.uses);
    -- Balances: what a payment has taken of one is what it has captured and not given back, or what is owed of it.
    RETURN QUERY
        SELECT p.order_id || ' ' || p.provider, format('%s taken of the balance, %s captured, %s refunded of %s, %s', e.taken, p.captured, p.refunded, p.authorized, p.state)
        FROM commerce.payments p, LATERAL (SELECT coalesce(-sum(walk.minor(e.amount)), 0) AS taken FROM commerce.balance_entries e WHERE e.payment_id = p.id) e
        WHERE p.order_id = ANY (orders) AND e.taken <> CASE p.provider WHEN 'balance' THEN walk.minor(p.captured) - walk.minor(p.refunded)
            WHEN 'account' THEN CASE WHEN p.state IN ('authorized', 'partially_captured') THEN walk.minor(p.authorized) - walk.minor(p.captured) ELSE 0 END ELSE 0 END;
    RETURN QUERY
        SELECT b.kind || ' ' || b.id, 'less than nothing is left'
        FROM commerce.balances b JOIN commerce.balance_entries e ON e.balance_id = b.id WHERE b.id IN (SELECT c.id FROM walk.cards c) OR b.customer_id IN (SELECT p.id FROM walk.people p)
        GROUP BY b.id HAVING sum(walk.minor(e.amount)) < 0;
    RETURN QUERY
        SELECT c.customer_id::text, 'what is used of a credit line is not what is owed'
        FROM commerce.credit_lines c JOIN walk.people w ON w.id = c.customer_id
        WHERE walk.minor(c.credit_limit) - (SELECT sum(walk.minor(e.amount)) FROM commerce.balance_entries e WHERE e.balance_id = c.balance_id)
            <> (SELECT coalesce(sum(walk.minor(p.authorized) - walk.minor(p.captured)), 0) FROM commerce.payments p
                WHERE p.balance = c.balance_id AND p.state IN ('authorized', 'partially_captured'));
    RETURN QUERY
        SELECT p.order_id || ' ' || p.provider, 'an order that was called off keeps what a balance paid'
        FROM commerce.payments p JOIN walk.alive a ON a.id = p.order_id
        WHERE p.order_id = ANY (orders) AND NOT a.alive AND (p.provider = 'balance' AND walk.minor(p.refunded) < walk.minor(p.captured)
            OR p.provider = 'account' AND p.state IN ('authorized', 'partially_captured'));
    -- Money.
    RETURN QUERY
        SELECT p.order_id || ' payment ' || p.state, 'a payment is not what its ledger says'
        FROM commerce.payments p, LATERAL (SELECT coalesce(sum(walk.minor(e.amount)) FILTER (WHERE e.kind = 'authorize'), 0) AS authorized, coalesce(sum(walk.minor(e.amount)) FILTER (WHERE e.kind = 'capture'), 0) AS captured,
                coalesce(sum(walk.minor(e.amount)) FILTER (WHERE e.kind = 'refund'), 0) AS refunded, coalesce(sum(walk.minor(e.amount)) FILTER (WHERE e.kind IN ('void', 'expire')), 0) AS let_go,
                coalesce(sum(walk.minor(e.amount) * CASE e.kind WHEN 'chargeback' THEN 1 ELSE -1 END) FILTER (WHERE e.kind IN ('chargeback', 'reversal')), 0) AS charged_back
            FROM commerce.payment_entries e WHERE e.order_id = p.order_id AND e.payment_id = p.id) e
        WHERE p.order_id = ANY (orders) AND ((walk.minor(p.captured), walk.minor(p.refunded), walk.minor(p.charged_back)) <> (e.captured::bigint, e.refunded::bigint, e.charged_back::bigint)
            OR walk.minor(p.authorized) <> e.authorized - CASE WHEN p.state IN ('voided', 'expired') THEN 0 ELSE e.let_go END OR p.state IN ('voided', 'expired') AND e.let_go <> e.authorized
            OR NOT (0 <= e.refunded AND 0 <= e.charged_back AND e.refunded + e.charged_back <= e.captured AND e.captured <= e.authorized));
    RETURN QUERY
        SELECT o.id::text, 'more is promised than the order costs'
        FROM commerce.orders o, LATERAL (SELECT coalesce(sum(walk.minor(CASE WHEN walk.minor(p.refunded) > 0 AND NOT p.owed THEN p.captured ELSE p.authorized END) - walk.minor(p.refunded) - walk.minor(p.charged_back)), 0) AS promised
            FROM commerce.payments p WHERE p.order_id = o.id AND p.state NOT IN ('voided', 'expired', 'refunded')) p
        WHERE o.id = ANY (orders) AND o.version = 1 AND p.promised > walk.minor(o.total) AND NOT EXISTS (SELECT FROM commerce.payment_entries e WHERE e.order_id = o.id AND e.kind = 'reversal');
    -- Orders add up, and are what was placed and each change of it.
    RETURN QUERY
        SELECT o.id::text, 'an order is not the sum of its parts'
        FROM commerce.orders o, LATERAL (SELECT coalesce(sum(walk.minor(l.subtotal)), 0) AS subtotal, coalesce(sum(walk.minor(l.total)), 0) AS total FROM commerce.order_lines l WHERE l.order_id = o.id) l,
            LATERAL (SELECT coalesce(sum(walk.minor(d.amount)), 0) AS discount, coalesce(sum(walk.minor(d.amount)) FILTER (WHERE d.line = 0), 0) AS shipping FROM commerce.order_discounts d WHERE d.order_id = o.id) d,
            LATERAL (SELECT coalesce(sum(walk.minor(t.amount)), 0) AS tax, coalesce(sum(walk.minor(t.amount)) FILTER (WHERE t.included), 0) AS included,
                coalesce(sum(walk.minor(t.amount)) FILTER (WHERE t.line = 0 AND NOT t.included), 0) AS shipping FROM commerce.order_taxes t WHERE t.order_id = o.id) t
        WHERE o.id = ANY (orders) AND ((walk.minor(o.subtotal), walk.minor(o.discount), walk.minor(o.tax), walk.minor(o.included_tax)) <> (l.subtotal::bigint, d.discount::bigint, t.tax::bigint, t.included::bigint)
            OR walk.minor(o.total) <> l.total + walk.minor(o.shipping) - d.shipping + t.shipping + walk.minor(o.rounding) OR walk.minor(o.total) < 0
            OR walk.minor(o.total) % walk.minor(o.cash_increment) <> 0 OR o.cash_increment IS NULL AND walk.minor(o.rounding) <> 0);
    RETURN QUERY
        SELECT l.order_id || ' line ' || l.line, 'a line is not the sum of its parts'
        FROM commerce.order_lines l WHERE l.order_id = ANY (orders) AND (
            walk.minor(l.discount) <> (SELECT coalesce(sum(walk.minor(d.amount)), 0) FROM commerce.order_discounts d WHERE d.order_id = l.order_id AND d.line = l.line)
            OR walk.minor(l.tax) <> (SELECT coalesce(sum(walk.minor(t.amount)), 0) FROM commerce.order_taxes t WHERE t.order_id = l.order_id AND t.line = l.line)
            OR walk.minor(l.total) <> walk.minor(l.subtotal) - walk.minor(l.discount) + walk.minor(l.tax) - walk.minor(l.included_tax));
    RETURN QUERY
        SELECT v.order_id || ' version ' || v.version, 'the next version is not this one and its change'
        FROM walk.versions v JOIN walk.versions n ON n.order_id = v.order_id AND n.version = v.version + 1
        -- Of both: that other orders are none of these is not found out by what joins them.
        WHERE v.order_id = ANY (orders) AND n.order_id = ANY (orders) AND ((v.document #>> '{total,minor}')::bigint + v.difference <> (n.document #>> '{total,minor}')::bigint
            OR (v.document #>> '{tax,minor}')::bigint + v.tax <> (n.document #>> '{tax,minor}')::bigint);
    RETURN QUERY
        SELECT o.id::text, 'a version is missing' FROM commerce.orders o
        WHERE o.id = ANY (orders) AND (SELECT count(*) FROM commerce.order_versions v WHERE v.order_id = o.id) <> o.version - 1;
    RETURN QUERY
        SELECT n.order_id || ' line ' || n.line || ' version ' || n.version, 'units of a line have come or gone'
        FROM walk.version_lines v JOIN walk.version_lines n ON n.order_id = v.order_id AND n.version = v.version + 1 AND n.line = v.line JOIN commerce.order_versions x ON x.order_id = v.order_id AND x.version = v.version
        WHERE v.order_id = ANY (orders) AND n.order_id = ANY (orders) AND (n.cancelled < v.cancelled OR n.quantity + n.cancelled < v.quantity + v.cancelled OR x.cause = 'cancel_lines' AND n.quantity + n.cancelled <> v.quantity + v.cancelled);
    RETURN QUERY
        SELECT v.order_id || ' line ' || v.line || ' version ' || v.version, 'a line that lost units is not the exact share of what it was'
        FROM walk.version_lines v JOIN walk.version_lines b ON b.order_id = v.order_id AND b.line = v.line AND b.version = v.priced_version
        WHERE v.order_id = ANY (orders) AND b.order_id = ANY (orders) AND v.version > b.version AND b.quantity > 0 AND (v.quantity > b.quantity
            OR (v.subtotal, v.discount, v.tax) <> (round(b.subtotal::numeric * v.quantity / b.quantity)::bigint, round(b.discount::numeric * v.quantity / b.quantity)::bigint, round(b.tax::numeric * v.quantity / b.quantity)::bigint));
    -- What came back is worth what it cost, to the last cent where all of a line came back. Where other units of the line were
    -- cancelled afterwards, subtotal and discount were rounded for themselves: a cent for each return may be too much.
    RETURN QUERY
        SELECT r.order_id || ' line ' || r.line, format('%s of %s come back for %s of %s', r.units, l.quantity, r.worth, l.total)
        FROM (SELECT rl.order_id, rl.line, sum(CASE r.state WHEN 'closed' THEN x.units ELSE rl.quantity END) AS units, sum(CASE r.state WHEN 'closed' THEN x.worth ELSE walk.minor(rl.value) END) AS worth, count(*) AS parts, sum(CASE r.state WHEN 'closed' THEN x.worth ELSE walk.minor(rl.value) END - x.refused) AS credit,
                    min(r.created_at) AS since
                FROM commerce.return_lines rl JOIN commerce.returns r ON r.order_id = rl.order_id AND r.id = rl.return_id, LATERAL (SELECT coalesce(sum(x.quantity), 0) AS units, coalesce(sum(walk.minor(x.share)), 0) AS worth,
                    coalesce(sum(walk.minor(x.share) - walk.minor(x.value)), 0) AS refused FROM commerce.return_receptions x WHERE x.return_id = r.id AND x.order_id = r.order_id AND x.line = rl.line) x
                WHERE rl.order_id = ANY (orders) AND r.state NOT IN ('declined', 'cancelled', 'expired') GROUP BY 1, 2) r
            JOIN commerce.order_lines l ON l.order_id = r.order_id AND l.line = r.line
        WHERE r.units > l.quantity OR r.credit > walk.minor(l.total) + CASE WHEN l.cancelled > 0 THEN r.parts ELSE 0 END OR l.priced_version = 1 AND l.cancelled = 0
            AND (abs(r.worth - walk.minor(l.total)::numeric * r.units / l.quantity) > r.parts OR r.worth > walk.minor(l.total));
    RETURN QUERY
        SELECT r.order_id || ' line ' || r.line, 'more came back than was sent'
        FROM (SELECT x.order_id, x.line, sum(x.quantity) AS units FROM commerce.return_receptions x WHERE x.order_id = ANY (orders) GROUP BY 1, 2) r JOIN commerce.order_lines l ON l.order_id = r.order_id AND l.line = r.line
        WHERE r.units > CASE WHEN EXISTS (SELECT FROM walk.parts p WHERE p.order_id = l.order_id AND p.line = l.line) OR l.requires_shipping THEN (SELECT coalesce(sum(p.quantity), 0)
            FROM commerce.parcel_lines p WHERE p.order_id = r.order_id AND p.line = r.line AND p.stage IN ('shipped', 'delivered')) ELSE l.quantity END;
    RETURN QUERY
        SELECT o.id::text, 'an order that was called off has goods out'
        FROM walk.alive o, commerce.order_lines l, LATERAL (SELECT coalesce(sum(p.quantity), 0) AS units FROM commerce.parcel_lines p
            WHERE p.order_id = o.id AND p.line = l.line AND p.stage IN ('shipped', 'delivered')) s
        WHERE o.id = ANY (orders) AND NOT o.alive AND l.order_id = o.id AND s.units > (SELECT coalesce(sum(x.quantity), 0) FROM commerce.return_receptions x
            WHERE x.order_id = o.id AND x.line = l.line AND x.accepted);
    RETURN QUERY
        SELECT x.order_id::text, 'what was received of a return is worth more than the return'
        FROM commerce.return_receptions x JOIN commerce.return_lines rl ON rl.order_id = x.order_id AND rl.return_id = x.return_id AND rl.line = x.line
        WHERE x.order_id = ANY (orders) GROUP BY x.order_id, x.return_id, x.line, rl.quantity, rl.value
        HAVING sum(x.quantity) > rl.quantity OR sum(walk.minor(x.share)) <> round(walk.minor(rl.value)::numeric * sum(x.quantity) / rl.quantity);
    -- Invoices, as far as they are issued: what is paid and not disputed, also what is paid again after a refund, and no more than what
    -- stays costs. A dispute takes no document back, but what is refunded meanwhile is. Goods that all
    -- came back may be worth more than an order that cash has rounded down.
    RETURN QUERY
        SELECT s.order_id::text, 'a document cannot be issued: ' || s.cause || ' ' || s.last_error FROM commerce.invoice_status s WHERE s.channel LIKE 'walk%';
    RETURN QUERY
        SELECT i.series, 'numbers of invoices have gaps' FROM commerce.invoices i WHERE i.series LIKE 'walk%' GROUP BY 1 HAVING min(i.number) <> 1 OR max(i.number) <> count(*);
    RETURN QUERY
        SELECT i.invoice_number, 'an invoice is not the sum of its parts'
        FROM commerce.invoices i WHERE i.order_id = ANY (orders) AND (walk.minor(i.total) <> walk.minor(i.net) + walk.minor(i.tax) + walk.minor(i.rounding)
            OR walk.minor(i.tax) <> (SELECT coalesce(sum((t #>> '{amount,minor}')::bigint), 0) FROM jsonb_array_elements(i.taxes) t));
    RETURN QUERY
        SELECT o.id || ' ' || o.state, format('documents say %s with %s tax; it costs %s, %s came back, %s is paid', i.total, i.tax, o.total, b.worth, p.paid)
        FROM commerce.orders o JOIN walk.alive a ON a.id = o.id,
            LATERAL (SELECT sum(walk.minor(i.total)) AS total, sum(walk.minor(i.tax)) AS tax, sum(walk.minor(i.rounding)) AS rounding,
                bool_or(i.cause IN ('refund', 'return')) AS shared FROM commerce.invoices i WHERE i.order_id = o.id HAVING count(*) > 0) i,
            LATERAL (SELECT coalesce(sum(walk.minor(x.value)), 0) AS worth, coalesce(sum(walk.minor(x.value)) FILTER (WHERE r.state IN ('received', 'closed')), 0) AS noted
                FROM commerce.return_receptions x JOIN commerce.returns r ON r.order_id = x.order_id AND r.id = x.return_id WHERE x.order_id = o.id) b,
            LATERAL (SELECT coalesce(sum(walk.minor(p.captured) - walk.minor(p.refunded) - walk.minor(p.charged_back)), 0) AS paid
                FROM commerce.payments p WHERE p.order_id = o.id) p
        WHERE o.id = ANY (orders) AND NOT EXISTS (SELECT FROM commerce.invoice_queue q WHERE q.order_id = o.id) AND CASE WHEN NOT a.alive THEN (i.total, i.tax, i.rounding) <> (0, 0, 0)
            ELSE i.total < 0 OR i.total > greatest(0, walk.minor(o.total) - b.noted) OR i.total < least(p.paid, walk.minor(o.total) - b.worth)
                OR i.tax < 0 OR i.tax > i.total - i.rounding OR i.total = walk.minor(o.total) AND NOT i.shared AND i.tax <> walk.minor(o.tax) END;
    -- The counters beside the tables, of all the shop has: now and then, and whenever it is about all orders.
    IF cardinality(orders) < 2 AND (SELECT count(*) FROM walk.done) % 5 <> 0 THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT v.sku || ' at ' || v.location, 'stock is counted wrong' FROM commerce.verify_stock() v WHERE v.sku LIKE 'walk-%';
    RETURN QUERY SELECT v.budget::text, 'a budget is counted wrong' FROM commerce.verify_budgets() v JOIN commerce.claims c ON c.budget = v.budget AND c.order_id IN (SELECT w.id FROM walk.orders w);
    RETURN QUERY SELECT v.balance::text, 'a balance is counted wrong' FROM commerce.verify_balances() v;
END
$$;

CREATE FUNCTION walk.story(o uuid) RETURNS TABLE (at uuid, what text) LANGUAGE sql AS $$
    SELECT h.id, concat_ws(' ', h.relation, h.event, h.from_state, '->', h.to_state) FROM commerce.state_history h WHERE h.subject = o::text
        UNION ALL SELECT e.id, concat_ws(' ', 'payment', right(e.payment_id::text, 4), e.kind, e.amount) FROM commerce.payment_entries e WHERE e.order_id = o
        UNION ALL SELECT v.id, concat_ws(' ', 'version', v.version, v.cause, v.difference, (SELECT x.changes::text FROM commerce.order_edits x WHERE x.id = v.edit_id)) FROM commerce.order_versions v WHERE v.order_id = o
        UNION ALL SELECT x.id, concat_ws(' ', 'came', 'line', x.line, 'x', x.quantity, x.share, x.accepted, x.disposition) FROM commerce.return_receptions x WHERE x.order_id = o
        UNION ALL SELECT NULL, concat_ws(' ', i.issued_at, i.invoice_number, i.kind, i.cause, i.total, i.tax, 'version', i.order_version) FROM commerce.invoices i WHERE i.order_id = o
        ORDER BY 1, 2
$$;

-- Gives back all that can be given back: money, goods that were sent, stock, claims. False where the order goes on, since goods of
-- it came back and were refused, or it was archived after it was completed.
CREATE FUNCTION walk.undo(o uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    now_in text;
    back uuid;
    lines jsonb;
BEGIN
    PERFORM commerce.order_event(o, 'release') FROM commerce.order_flags f WHERE f.order_id = o AND f.on_hold AND (SELECT x.state FROM commerce.orders x WHERE x.id = o) IN ('placed', 'confirmed');
    PERFORM commerce.abort_edit(e.id) FROM commerce.order_edits e WHERE e.order_id = o AND e.state = 'open';
    PERFORM commerce.return_event(r.id, CASE r.state WHEN 'partially_received' THEN 'close' ELSE 'cancel' END)
        FROM commerce.returns r WHERE r.order_id = o AND r.state IN ('requested', 'approved', 'in_transit', 'partially_received');
    SELECT x.state INTO now_in FROM commerce.orders x WHERE x.id = o;
    IF now_in = 'completed' THEN
        PERFORM commerce.confirm_edit(commerce.begin_edit(o, '[{"sku": "walk-service", "quantity": 1}]'));
    END IF;
    lines := (SELECT jsonb_agg(jsonb_build_object('line', l.line, 'quantity', s.units - b.units)) FROM commerce.order_lines l,
            LATERAL (SELECT coalesce(sum(p.quantity), 0) AS units FROM commerce.parcel_lines p WHERE p.order_id = o AND p.line = l.line AND p.stage IN ('shipped', 'delivered')) s,
            LATERAL (SELECT coalesce(sum(x.quantity), 0) AS units FROM commerce.return_receptions x WHERE x.order_id = o AND x.line = l.line) b
        WHERE l.order_id = o AND s.units > b.units);
    IF lines IS NOT NULL THEN
        back := commerce.request_return(o, lines);
        PERFORM commerce.receive_return(back, 'restock', 'walk-1');
    END IF;
    IF now_in IN ('placed', 'confirmed', 'completed') AND NOT EXISTS (SELECT FROM commerce.return_receptions x WHERE x.order_id = o AND NOT x.accepted) THEN
        PERFORM commerce.order_event(o, 'cancel');
    END IF;
    PERFORM commerce.void_payment(p.id) FROM commerce.payments p WHERE p.order_id = o AND p.state IN ('created', 'processing', 'requires_action', 'authorized', 'partially_captured');
    PERFORM commerce.refund_order(o);
    RETURN NOT (SELECT a.alive FROM walk.alive a WHERE a.id = o);
END
$$;

CREATE FUNCTION walk.not_back() RETURNS TABLE (about text, what text) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT p.sku, format('%s were put in, %s lie there, %s are gone', p.units, s.units, g.units)
        FROM (SELECT x.sku, sum(x.delta) AS units FROM walk.stock x GROUP BY 1) p,
            LATERAL (SELECT coalesce(sum(x.on_hand), 0) AS units FROM commerce.stock x WHERE x.sku = p.sku) s,
            -- Written off, with those that were refused and went back to the customer.
            LATERAL (SELECT coalesce(sum(x.quantity * y.per_unit), 0) AS units FROM commerce.return_receptions x JOIN walk.parts y ON y.order_id = x.order_id AND y.line = x.line
                WHERE y.sku = p.sku AND x.disposition = 'write_off') g
        WHERE s.units + g.units <> p.units;
    RETURN QUERY
        SELECT l.sku || ' at ' || l.location, format('%s reserved, %s committed, %s available of %s', l.reserved, l.committed, l.available, l.on_hand)
        FROM commerce.stock_levels l, LATERAL (SELECT coalesce(sum(r.quantity), 0) AS units FROM commerce.reservations r JOIN walk.alive a ON a.id = r.order_id AND a.alive
            WHERE r.sku = l.sku AND r.location = l.location AND r.state = 'committed') r
        WHERE l.sku LIKE 'walk-%' AND (l.reserved <> 0 OR l.committed <> r.units);
    RETURN QUERY
        SELECT c.order_id::text, 'claims are not given back' FROM commerce.claims c JOIN walk.alive a ON a.id = c.order_id LEFT JOIN commerce.budgets b ON b.id = c.budget
        WHERE NOT a.alive AND c.state <> 'released' AND b.reusable IS NOT false;
    RETURN QUERY
        SELECT b.kind, format('%s of %s is left', sum(walk.minor(e.amount)), o.opening)
        FROM (SELECT c.id, c.opening FROM walk.cards c UNION ALL SELECT x.id, CASE x.kind WHEN 'store_credit' THEN 8000 ELSE 15000 END FROM commerce.balances x JOIN walk.people w ON w.id = x.customer_id) o
            JOIN commerce.balances b ON b.id = o.id JOIN commerce.balance_entries e ON e.balance_id = b.id
        GROUP BY b.kind, b.id, o.opening HAVING sum(walk.minor(e.amount)) <> o.opening;
    RETURN QUERY
        SELECT p.order_id::text, format('%s captured, %s refunded, %s charged back, %s', p.captured, p.refunded, p.charged_back, p.state)
        FROM commerce.payments p JOIN walk.orders w ON w.id = p.order_id
        WHERE walk.minor(p.captured) <> walk.minor(p.refunded) + walk.minor(p.charged_back) OR p.state IN ('created', 'processing', 'requires_action', 'authorized', 'partially_captured') ;
    RETURN QUERY SELECT w.about, w.what FROM walk.wrong(ARRAY(SELECT o.id FROM walk.orders o)) w;
END
$$;
