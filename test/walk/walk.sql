-- A random walk over orders and all that belongs to them, for test/sql/order_random.sql (one walker, what must hold is looked at
-- after each step) and test/t/order_random.pl (many at once, some of them killed).
--
--     walk.step(recent)      does one random thing (or, if it can, what is wanted), mostly to one of the orders placed last; what is
--                            refused by a code of the shop's is part of the walk, any other error is a fault in walk.faults
--
-- must_hold.sql says what must hold.
CREATE SCHEMA walk;
INSERT INTO commerce.channels (code, invoice_on, invoice_format, credit_note_format, unpaid_ttl, cash_increment) VALUES
    ('walk', 'paid', 'walk-{number}', 'walk-C-{number}', NULL, NULL), ('walk-b', 'confirmed', 'walk-b-{number}', 'walk-b-C-{number}', '1 hour', '0.05 EUR');
INSERT INTO commerce.locations (code, priority) VALUES ('walk-1', 3), ('walk-2', 2), ('walk-3', 1);
INSERT INTO commerce.tax_zones (code, countries) VALUES ('walk-in', '{QW}'), ('walk-out', '{QX}');
INSERT INTO commerce.tax_rates (zone, name, rate, included) VALUES ('walk-in', 'VAT', 19, true), ('walk-out', 'State', 6.25, false), ('walk-out', 'City', 3.1, false);
INSERT INTO commerce.shipping_methods (code) VALUES ('walk-post');
INSERT INTO commerce.shipping_prices (method, price) VALUES ('walk-post', '4.95 EUR');
-- A ticket is counted and handed out; a service is neither counted nor sent; a print is sent and not counted.
INSERT INTO commerce.variants (sku, track_stock, requires_shipping) VALUES ('walk-A', true, true), ('walk-B', true, true), ('walk-kit', true, true),
    ('walk-P', true, true), ('walk-Q', true, true), ('walk-ticket', true, false), ('walk-service', false, false), ('walk-print', false, true),
    ('walk-free', false, true), ('walk-gift', true, true);
INSERT INTO commerce.kit_parts VALUES ('walk-kit', 'walk-P', 2), ('walk-kit', 'walk-Q', 1);
INSERT INTO commerce.prices (sku, price, per_quantity) VALUES ('walk-A', '19.99 EUR', 1), ('walk-B', '7.35 EUR', 1), ('walk-kit', '12.49 EUR', 1), ('walk-P', '3.33 EUR', 1),
    ('walk-Q', '5.00 EUR', 3), ('walk-ticket', '45.10 EUR', 1), ('walk-service', '25.00 EUR', 1), ('walk-print', '0.99 EUR', 1), ('walk-free', '0.00 EUR', 1), ('walk-gift', '4.20 EUR', 1);

-- What is done, and how often.
CREATE TABLE walk.actions (name text PRIMARY KEY, weight integer NOT NULL);
INSERT INTO walk.actions VALUES ('checkout', 3), ('cart', 1), ('hold_cart', 2), ('place_order', 2), ('request_quote', 1), ('draft', 1), ('quote', 2), ('offer_quote', 1), ('counter_quote', 1), ('accept_quote', 2), ('reject_quote', 1), ('order_quote', 2),
        ('authorize', 2), ('pay', 3), ('begin', 2), ('gift_card', 2), ('store_credit', 2), ('on_account', 3), ('refund_order', 1), ('payment_event', 2), ('promise', 2), ('capture', 2), ('void', 1), ('refund', 2), ('charge_back', 2), ('reverse', 1), ('settle', 3),
        ('plan', 6), ('fulfil', 3), ('split', 2), ('move', 2), ('ship', 4), ('parcel_event', 6), ('request_return', 4), ('exchange', 3), ('receive', 3), ('receive_part', 3), ('return_event', 4),
        ('cancel_lines', 2), ('begin_edit', 2), ('edit', 3), ('change_edit', 1), ('confirm_edit', 2), ('abort_edit', 1), ('hold', 1), ('release', 2), ('cancel', 2), ('expire', 1), ('reopen', 2), ('confirm', 1), ('complete', 1), ('archive', 1),
        ('expire_orders', 1), ('expire_returns', 1), ('expire_quotes', 1), ('expire_reservations', 1), ('expire_carts', 1), ('issue_invoices', 1), ('request_invoice', 1),
        ('receive_stock', 2), ('take_stock', 1), ('move_stock', 2), ('put_aside', 2), ('put_back', 2);
-- Each as often as it is done, once for all: laying them out again at each step takes longer than most of what is done.
CREATE TABLE walk.deck AS SELECT ARRAY(SELECT x.name FROM walk.actions x, generate_series(1, x.weight) ORDER BY x.name COLLATE "C") AS names;
-- What the walk itself puts in, takes out and puts elsewhere: what lies there, as if nothing were sold.
CREATE TABLE walk.stock (sku text NOT NULL, location text NOT NULL, state text NOT NULL, delta bigint NOT NULL);
CREATE TABLE walk.orders (n bigserial PRIMARY KEY, id uuid NOT NULL UNIQUE);
CREATE TABLE walk.done (n bigserial PRIMARY KEY, action text NOT NULL, code text NOT NULL, order_id uuid, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE walk.faults (action text, code text, message text, context text);
CREATE TABLE walk.people (n serial, id uuid NOT NULL);
CREATE TABLE walk.cards (n serial, id uuid NOT NULL, code text NOT NULL, opening bigint NOT NULL);
INSERT INTO walk.people (id) SELECT commerce.create_customer('walk-' || n || '@random.example') FROM generate_series(1, 4) n;
INSERT INTO walk.cards (id, code, opening) SELECT c.balance, c.code, 6000 FROM generate_series(1, 3) n, commerce.issue_gift_card('60 EUR', reference => 'walk-' || n) c;
SELECT count(commerce.issue_store_credit(id, '80 EUR', 'walk')) AS credits, count(commerce.set_credit_limit(id, '150 EUR')) AS lines FROM walk.people WHERE n <= 2;

-- Promotions of every kind of limit.
CREATE FUNCTION walk.promote(name text, benefit text, code text DEFAULT NULL, class text DEFAULT NULL, code_uses bigint DEFAULT NULL, condition text DEFAULT NULL) RETURNS uuid LANGUAGE sql AS $$
    WITH p AS (INSERT INTO commerce.promotions (name, channels, benefit, needs_code, class, condition)
            VALUES (name, '{walk,walk-b}', benefit::commerce.benefit, code IS NOT NULL, class, condition::commerce.condition) RETURNING id),
        c AS (INSERT INTO commerce.promotion_codes (code, promotion, uses) SELECT code, p.id, code_uses FROM p WHERE code IS NOT NULL)
    SELECT id FROM p
$$;
INSERT INTO commerce.budgets (promotion, per, uses) VALUES (walk.promote('walk all', '10% off order', 'WALK-ALL'), 'all', 9);
INSERT INTO commerce.budgets (promotion, per, uses) VALUES (walk.promote('walk customer', '2 EUR off order', 'WALK-CUSTOMER'), 'customer', 2);
INSERT INTO commerce.budgets (promotion, per, spend, exceeded) VALUES (walk.promote('walk code', '7% off lines', 'WALK-CODE', code_uses => 6), 'code', '12 EUR', 'rest');
INSERT INTO commerce.budgets (promotion, per, uses, reusable) VALUES (walk.promote('walk once', '1 EUR off order', 'WALK-ONCE'), 'all', 6, false);
INSERT INTO commerce.budgets (promotion, per, spend) VALUES (walk.promote('walk gift', 'gift 1 ''walk-gift''', 'WALK-GIFT'), 'all', '30 EUR');
INSERT INTO commerce.budgets (promotion, per, uses) VALUES (walk.promote('walk post', 'free shipping', 'WALK-POST'), 'customer', 3);
INSERT INTO commerce.budgets (promotion, per, spend, exceeded) VALUES (walk.promote('walk much', '1.50 EUR off order', condition => 'subtotal >= 60 EUR'), 'customer', '9 EUR', 'rest');
INSERT INTO commerce.budgets (promotion, per, spend) VALUES (walk.promote('walk catalogue', '15% off lines where sku = ''walk-B''', class => 'catalog'), 'all', '14 EUR');
SELECT walk.promote('walk price', '10% off lines where sku = ''walk-A''', class => 'catalog') IS NOT NULL AS catalogue;

CREATE FUNCTION walk.put(sku text, location text, state text, delta bigint) RETURNS void LANGUAGE sql AS
    'INSERT INTO walk.stock VALUES (sku, location, state, delta)';
CREATE FUNCTION walk.one_of(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT choices[1 + floor(random() * cardinality(choices))]';
CREATE FUNCTION walk.upto(most integer) RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT 1 + floor(random() * most)::integer';
CREATE FUNCTION walk.counted() RETURNS text LANGUAGE sql VOLATILE AS $$SELECT walk.one_of('walk-A', 'walk-B', 'walk-P', 'walk-Q', 'walk-ticket', 'walk-gift')$$;
CREATE FUNCTION walk.place() RETURNS text LANGUAGE sql VOLATILE AS $$SELECT walk.one_of('walk-1', 'walk-2', 'walk-3')$$;
CREATE FUNCTION walk.anybody() RETURNS uuid LANGUAGE sql VOLATILE AS 'SELECT id FROM walk.people WHERE n = (SELECT walk.upto(5))';
-- Some of so many minor units; NULL, all of them, as often as not.
CREATE FUNCTION walk.some(minor bigint) RETURNS commerce.amount LANGUAGE sql VOLATILE AS
    $$SELECT CASE WHEN random() < 0.5 THEN commerce.from_minor(greatest(1, floor(minor * random()))::bigint, 'EUR') END$$;
-- The same reference comes again now and then.
CREATE FUNCTION walk.reference() RETURNS text LANGUAGE sql VOLATILE AS $$SELECT CASE WHEN random() < 0.5 THEN 'walk-' || floor(random() * 500) END$$;
CREATE FUNCTION walk.goods(lines integer, own_prices boolean DEFAULT false) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT jsonb_agg(jsonb_build_object('sku', l.sku, 'quantity', walk.upto(4))
            || CASE WHEN random() < 0.15 AND NOT own_prices THEN jsonb_build_object('location', walk.place()) ELSE '{}' END
            || CASE WHEN own_prices AND random() < 0.7 THEN jsonb_build_object('unit_price', round((random() * 20)::numeric, 2)::text) ELSE '{}' END)
    FROM (SELECT s.sku FROM unnest('{walk-A,walk-B,walk-kit,walk-P,walk-Q,walk-ticket,walk-service,walk-print,walk-free}'::text[]) s (sku) ORDER BY random() LIMIT lines) l
$$;
CREATE FUNCTION walk.added() RETURNS jsonb LANGUAGE sql VOLATILE AS 'SELECT jsonb_agg(l - ''location'') FROM jsonb_array_elements(walk.goods(1)) l';
-- A line of an order, mostly one of which something is in a parcel (at = that), or has left, or is in none.
CREATE FUNCTION walk.line("order" uuid, at text, most integer DEFAULT 2) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    WITH lines AS (SELECT l.line, CASE at WHEN 'planned' THEN p.planned > p.sent WHEN 'sent' THEN p.sent > 0 ELSE p.planned < l.quantity END AS fits
        FROM commerce.order_lines l, LATERAL (SELECT coalesce(sum(p.quantity), 0) AS planned, coalesce(sum(p.quantity) FILTER (WHERE p.stage IN ('shipped', 'delivered')), 0) AS sent
            FROM commerce.parcel_lines p WHERE p.order_id = "order" AND p.line = l.line AND p.stage IS NOT NULL) p
        WHERE l.order_id = "order"),
    one AS (SELECT coalesce(CASE WHEN random() < 0.85 THEN (array_agg(line ORDER BY line) FILTER (WHERE fits)) [1 + floor(random() * count(*) FILTER (WHERE fits))] END,
        (array_agg(line ORDER BY line)) [1 + floor(random() * count(*))]) AS line FROM lines)
    SELECT jsonb_build_array(jsonb_build_object('line', line, 'quantity', walk.upto(most))) FROM one
$$;

-- One of the first, or now and then, and where there are none, of the others.
CREATE FUNCTION walk.pick(fit uuid[], others uuid[] DEFAULT '{}') RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN cardinality(fit) > 0 AND random() < 0.85 OR cardinality(others) = 0 THEN fit[1 + floor(random() * cardinality(fit))] ELSE others[1 + floor(random() * cardinality(others))] END
$$;
CREATE FUNCTION walk.found(id uuid) RETURNS void LANGUAGE plpgsql AS 'BEGIN IF id IS NULL THEN RAISE no_data_found; END IF; END';
CREATE FUNCTION walk.act(action text, o uuid) RETURNS uuid LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    total CONSTANT bigint := (SELECT commerce.minor_units(x.total) FROM commerce.orders x WHERE x.id = o);
    buyer CONSTANT uuid := walk.anybody();
    channel CONSTANT text := CASE WHEN random() < 0.25 THEN 'walk-b' ELSE 'walk' END;
    country CONSTANT text := walk.one_of('QW', 'QX', NULL);
    codes CONSTANT text[] := CASE WHEN random() < 0.6 THEN ARRAY(SELECT DISTINCT walk.one_of('WALK-ALL', 'WALK-CUSTOMER', 'WALK-CODE', 'WALK-ONCE', 'WALK-GIFT', 'WALK-POST')
        FROM generate_series(1, walk.upto(2))) END;
    sku CONSTANT text := walk.counted();
    place CONSTANT text := walk.place();
    other CONSTANT text := walk.place();
    state text := walk.one_of('damaged', 'quality_control', 'other', 'safety_stock');
    units CONSTANT integer := walk.upto(3);
    payment uuid;
    parcel uuid;
    back uuid;
    edit uuid;
    cart uuid;
    quote uuid;
    hold uuid;
    r record;
BEGIN
    IF o IS NULL AND action NOT IN ('checkout', 'cart', 'draft', 'quote') THEN
        RAISE no_data_found;
    END IF;
    CASE action
        -- Buying.
        WHEN 'checkout' THEN
            o := commerce.checkout(walk.goods(walk.upto(4)), codes, buyer, channel, ship_to => jsonb_build_object('country', country),
                shipping_method => walk.one_of('walk-post', NULL), options => jsonb_build_object('strategy', walk.one_of('priority', 'most_stock', 'fewest_splits')),
                idempotency_key => CASE WHEN random() < 0.3 THEN 'walk-' || clock_timestamp()::text || random()::text END);
            INSERT INTO walk.orders (id) VALUES (o);
        WHEN 'cart' THEN
            cart := commerce.create_cart(buyer, channel);
            PERFORM commerce.set_cart_lines(cart, walk.goods(walk.upto(3)));
            PERFORM commerce.add_cart_code(cart, codes[1]) FROM (SELECT) x WHERE codes IS NOT NULL;
            PERFORM commerce.set_cart(cart, jsonb_build_object('ship_to', jsonb_build_object('country', coalesce(country, 'QW')), 'shipping_method', 'walk-post'));
        WHEN 'hold_cart', 'place_order', 'request_quote' THEN
            cart := walk.pick(ARRAY(SELECT c.id FROM (SELECT x.id FROM commerce.carts x WHERE x.channel LIKE 'walk%' AND x.state = 'open' ORDER BY x.id DESC LIMIT 4) c),
                ARRAY(SELECT c.id FROM (SELECT x.id FROM commerce.carts x WHERE x.channel LIKE 'walk%' ORDER BY x.id DESC LIMIT 9) c));
            IF action = 'hold_cart' THEN
                PERFORM commerce.hold_cart(cart, NULL, walk.one_of('all', 'partial', 'clamp'));
            ELSIF action = 'request_quote' THEN
                PERFORM commerce.request_quote(cart);
            ELSE
                o := commerce.place_order(cart);
                INSERT INTO walk.orders (id) VALUES (o) ON CONFLICT DO NOTHING;
            END IF;
        WHEN 'draft' THEN
            cart := commerce.create_draft(walk.goods(2, true), buyer, channel, changes => '{"options": {"discounts": [{"percent": 5, "reason": "walk"}]}}');
            IF random() < 0.7 THEN
                o := commerce.place_order(cart);
                INSERT INTO walk.orders (id) VALUES (o);
            END IF;
        WHEN 'quote' THEN
            quote := commerce.create_quote(walk.goods(2, true), buyer, channel, ship_to => jsonb_build_object('country', coalesce(country, 'QW')), shipping_method => walk.one_of('walk-post', NULL));
            PERFORM commerce.offer_quote(quote, valid_until => clock_timestamp() + interval '1 hour', hold => random() < 0.5);
        WHEN 'offer_quote', 'counter_quote', 'accept_quote', 'reject_quote', 'order_quote' THEN
            quote := walk.pick(ARRAY(SELECT q.id FROM commerce.quotes q WHERE q.channel LIKE 'walk%' AND q.state = ANY (CASE action WHEN 'order_quote' THEN '{accepted}'::text[] WHEN 'accept_quote' THEN '{sent}'
                    WHEN 'offer_quote' THEN '{draft,countered,expired,rejected}' ELSE '{sent,countered}' END) ORDER BY q.id DESC LIMIT 4),
                ARRAY(SELECT q.id FROM commerce.quotes q WHERE q.channel LIKE 'walk%' ORDER BY q.id DESC LIMIT 9));
            SELECT q.id, q.total INTO r FROM commerce.quotes q WHERE q.id = quote;
            PERFORM walk.found(r.id);
            CASE action
                WHEN 'offer_quote' THEN PERFORM commerce.offer_quote(r.id, valid_until => clock_timestamp() + interval '1 hour', hold => random() < 0.5);
                WHEN 'counter_quote' THEN PERFORM commerce.counter_quote(r.id, walk.goods(2, true));
                WHEN 'accept_quote' THEN PERFORM commerce.accept_quote(r.id, r.total);
                WHEN 'reject_quote' THEN PERFORM commerce.reject_quote(r.id);
                ELSE
                    o := commerce.order_quote(r.id);
                    INSERT INTO walk.orders (id) VALUES (o) ON CONFLICT DO NOTHING;
            END CASE;
        -- Money.
        WHEN 'authorize' THEN PERFORM commerce.authorize_payment(o, walk.some(total), walk.reference());
        WHEN 'pay' THEN PERFORM commerce.capture_payment(commerce.authorize_payment(o));
        WHEN 'begin' THEN PERFORM commerce.begin_payment(o, walk.some(total), reference => walk.reference());
        WHEN 'gift_card' THEN PERFORM commerce.pay_with_balance(o, walk.some(total), (SELECT c.code FROM walk.cards c WHERE c.n = (SELECT walk.upto(3))), reference => walk.reference());
        WHEN 'store_credit' THEN PERFORM commerce.pay_with_balance(o, walk.some(total), reference => walk.reference());
        WHEN 'on_account' THEN PERFORM commerce.pay_on_account(o, walk.some(total), walk.reference());
        WHEN 'refund_order' THEN PERFORM commerce.refund_order(o, walk.some(total), walk.reference());
        WHEN 'payment_event', 'promise', 'capture', 'void', 'refund', 'charge_back', 'reverse', 'settle' THEN
            payment := walk.pick(ARRAY(SELECT p.id FROM commerce.payments p WHERE p.order_id = o AND CASE action WHEN 'reverse' THEN p.state = 'charged_back' WHEN 'settle' THEN p.owed
                    WHEN 'capture' THEN p.state IN ('authorized', 'partially_captured') WHEN 'void' THEN p.state IN ('authorized', 'partially_captured')
                    WHEN 'promise' THEN p.state IN ('created', 'processing', 'requires_action') WHEN 'payment_event' THEN p.state IN ('created', 'processing', 'requires_action', 'authorized')
                    ELSE p.state IN ('captured', 'partially_refunded') END ORDER BY p.id),
                ARRAY(SELECT p.id FROM commerce.payments p WHERE p.order_id = o ORDER BY p.id));
            PERFORM walk.found(payment);
            CASE action
                WHEN 'payment_event' THEN PERFORM commerce.payment_event(payment, walk.one_of('process', 'require_action', 'fail', 'expire', 'void'));
                WHEN 'promise' THEN PERFORM commerce.authorize_payment(o, walk.some(total), walk.reference(), payment => payment);
                WHEN 'capture' THEN PERFORM commerce.capture_payment(payment, walk.some(total), walk.reference());
                WHEN 'void' THEN PERFORM commerce.void_payment(payment, walk.reference());
                WHEN 'refund' THEN PERFORM commerce.refund_payment(payment, walk.some(total / 2), walk.reference());
                WHEN 'charge_back' THEN PERFORM commerce.charge_back_payment(payment, walk.some(total), walk.reference());
                WHEN 'reverse' THEN PERFORM commerce.reverse_chargeback(payment, walk.some(total / 4), walk.reference());
                ELSE PERFORM commerce.settle_account(payment, walk.some(total), walk.reference());
            END CASE;
        -- Goods.
        WHEN 'plan' THEN PERFORM commerce.plan_fulfilment(o, CASE WHEN random() < 0.6 THEN walk.line(o, 'none', 3) END, walk.one_of('walk-1', 'walk-2', NULL, NULL, NULL),
            CASE WHEN random() < 0.2 THEN now() + interval '1 day' END);
        WHEN 'fulfil' THEN PERFORM commerce.fulfil(o, CASE WHEN random() < 0.6 THEN walk.line(o, 'none', 3) END, walk.one_of('walk-1', NULL, NULL, NULL));
        WHEN 'split', 'move', 'ship', 'parcel_event' THEN
            parcel := walk.pick(ARRAY(SELECT f.id FROM commerce.fulfilments f WHERE f.order_id = o AND f.state NOT IN ('cancelled', 'closed')
                    AND (action = 'parcel_event' OR f.state IN ('open', 'scheduled', 'in_progress', 'packed')) ORDER BY f.id),
                ARRAY(SELECT f.id FROM commerce.fulfilments f WHERE f.order_id = o ORDER BY f.id));
            PERFORM walk.found(parcel);
            CASE action
                WHEN 'split' THEN PERFORM commerce.split_fulfilment(parcel, walk.line(o, 'planned', 1));
                WHEN 'move' THEN PERFORM commerce.move_fulfilment(parcel, place);
                WHEN 'ship' THEN PERFORM commerce.fulfilment_event(parcel, 'ship');
                ELSE PERFORM commerce.fulfilment_event(parcel, walk.one_of('schedule', 'start', 'start', 'pack', 'pack', 'hold', 'release', 'deliver', 'deliver', 'incomplete', 'incomplete', 'close', 'close', 'cancel'));
            END CASE;
        WHEN 'request_return' THEN PERFORM commerce.request_return(o, walk.line(o, 'sent'), expires_at => clock_timestamp() + interval '1 hour');
        WHEN 'exchange' THEN PERFORM commerce.request_exchange(o, walk.line(o, 'sent'), walk.added());
        WHEN 'receive', 'receive_part', 'return_event' THEN
            back := walk.pick(ARRAY(SELECT x.id FROM commerce.returns x WHERE x.order_id = o AND x.state IN ('requested', 'approved', 'in_transit', 'partially_received') ORDER BY x.id),
                ARRAY(SELECT x.id FROM commerce.returns x WHERE x.order_id = o ORDER BY x.id));
            PERFORM walk.found(back);
            CASE action
                WHEN 'receive' THEN PERFORM commerce.receive_return(back, walk.one_of('restock', 'restock', 'restock', 'damaged', 'quality_control', 'write_off'), place);
                WHEN 'receive_part' THEN PERFORM commerce.receive_return(back, 'restock', place, (SELECT jsonb_agg(jsonb_build_object('line', l.line, 'quantity', 1,
                        'accepted', random() < 0.9) || CASE WHEN random() < 0.5 THEN jsonb_build_object('disposition', walk.one_of('restock', 'damaged', 'quality_control', 'write_off'), 'location', other) ELSE '{}' END)
                    FROM commerce.return_lines l WHERE l.return_id = back));
                ELSE PERFORM commerce.return_event(back, walk.one_of('approve', 'decline', 'send', 'send', 'cancel', 'expire', 'close', 'close'));
            END CASE;
        WHEN 'cancel_lines' THEN PERFORM commerce.cancel_lines(o, walk.line(o, 'none'));
        WHEN 'begin_edit', 'edit' THEN
            edit := commerce.begin_edit(o, CASE floor(random() * 5)
                WHEN 0 THEN walk.added()
                WHEN 1 THEN jsonb_build_array((walk.line(o, 'none') -> 0) - 'quantity' || jsonb_build_object('unit_price', round((random() * 15)::numeric, 2)::text))
                WHEN 2 THEN '[{"discount": "0.50", "reason": "walk"}]'
                WHEN 3 THEN jsonb_build_array((walk.line(o, 'none', 6) -> 0) || '{"discount": "0.37", "reason": "walk"}')
                ELSE jsonb_build_array((walk.line(o, 'none') -> 0) || jsonb_build_object('quantity', floor(random() * 6)::integer)) END);
            PERFORM commerce.confirm_edit(edit) FROM (SELECT) x WHERE action = 'edit';
        WHEN 'change_edit', 'confirm_edit', 'abort_edit' THEN
            edit := walk.pick(ARRAY(SELECT e.id FROM commerce.order_edits e WHERE e.order_id = o AND e.state = 'open'), ARRAY(SELECT e.id FROM commerce.order_edits e WHERE e.order_id = o ORDER BY e.id));
            CASE action
                WHEN 'change_edit' THEN PERFORM commerce.change_edit(edit, walk.line(o, 'none', 4));
                WHEN 'confirm_edit' THEN PERFORM commerce.confirm_edit(edit);
                ELSE PERFORM commerce.abort_edit(edit);
            END CASE;
        WHEN 'hold', 'release', 'cancel', 'expire', 'reopen', 'confirm', 'complete', 'archive' THEN PERFORM commerce.order_event(o, action);
        -- What is due.
        WHEN 'expire_orders' THEN
            UPDATE commerce.orders x SET expires_at = now() WHERE x.id = o AND x.state = 'placed';
            PERFORM commerce.expire_orders();
        WHEN 'expire_returns' THEN
            UPDATE commerce.returns x SET expires_at = now() WHERE x.order_id = o AND x.state = 'requested';
            PERFORM commerce.expire_returns();
        WHEN 'expire_quotes' THEN
            quote := walk.pick(ARRAY(SELECT q.id FROM commerce.quotes q WHERE q.channel LIKE 'walk%' AND q.state IN ('sent', 'countered', 'accepted') ORDER BY q.id));
            UPDATE commerce.quotes q SET valid_until = now() WHERE q.id = quote AND q.state IN ('sent', 'countered', 'accepted');
            PERFORM commerce.expire_quotes();
        WHEN 'expire_reservations' THEN
            hold := walk.pick(ARRAY(SELECT x.id FROM commerce.reservations x WHERE x.sku LIKE 'walk-%' AND x.state = 'held' ORDER BY x.id, x.sku));
            UPDATE commerce.reservations x SET expires_at = clock_timestamp() WHERE x.id = hold AND x.state = 'held';
            PERFORM commerce.expire_reservations();
        WHEN 'expire_carts' THEN
            cart := walk.pick(ARRAY(SELECT c.id FROM commerce.carts c WHERE c.channel LIKE 'walk%' AND c.state = 'open' ORDER BY c.id));
            UPDATE commerce.carts c SET expires_at = now() WHERE c.id = cart AND c.state = 'open';
            PERFORM commerce.expire_carts();
        WHEN 'issue_invoices' THEN PERFORM commerce.issue_invoices(walk.upto(10));
        WHEN 'request_invoice' THEN PERFORM commerce.request_invoice(o);
        -- Stock. What is taken out or put aside is promised to nobody: it is reserved until then.
        WHEN 'receive_stock' THEN
            state := CASE WHEN random() < 0.7 THEN 'available' ELSE state END;
            PERFORM commerce.receive_stock(sku, units, place, state => state), walk.put(sku, place, state, units);
        WHEN 'take_stock', 'move_stock', 'put_aside' THEN
            hold := commerce.reserve(sku, units, 'walk', place);
            CASE action
                WHEN 'take_stock' THEN PERFORM commerce.adjust_stock(sku, -units, place), walk.put(sku, place, 'available', -units);
                WHEN 'move_stock' THEN PERFORM commerce.move_stock(sku, units, place, other), walk.put(sku, place, 'available', -units), walk.put(sku, other, 'available', units);
                ELSE PERFORM commerce.move_stock(sku, units, place, place, to_state => state), walk.put(sku, place, 'available', -units), walk.put(sku, place, state, units);
            END CASE;
            PERFORM commerce.release_reservation(hold);
        WHEN 'put_back' THEN
            SELECT l.sku, l.location, v.state INTO r FROM commerce.stock l,
                    LATERAL (VALUES ('damaged', l.damaged), ('quality_control', l.quality_control), ('other', l.other), ('safety_stock', l.safety_stock)) v (state, units)
                WHERE l.sku LIKE 'walk-%' AND v.units > 0 ORDER BY 1, 2, 3 OFFSET floor(random() * 5) LIMIT 1;
            PERFORM commerce.move_stock(r.sku, 1, r.location, other, from_state => r.state), walk.put(r.sku, r.location, r.state, -1), walk.put(r.sku, other, 'available', 1) FROM (SELECT) x WHERE r.sku IS NOT NULL;
    END CASE;
    RETURN o;
END
$$;

-- Whether it makes sense to try; now and then it is tried although it does not.
CREATE FUNCTION walk.fits(action text, o uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN action IN ('promise', 'payment_event') THEN EXISTS (SELECT FROM commerce.payments p JOIN commerce.orders x ON x.id = p.order_id AND x.state IN ('placed', 'confirmed')
            WHERE p.order_id = o AND p.state IN ('created', 'processing', 'requires_action'))
        WHEN action IN ('capture', 'void') THEN EXISTS (SELECT FROM commerce.payments p WHERE p.order_id = o AND p.state IN ('authorized', 'partially_captured'))
        WHEN action = 'settle' THEN EXISTS (SELECT FROM commerce.payments p WHERE p.order_id = o AND p.owed)
        WHEN action = 'reverse' THEN EXISTS (SELECT FROM commerce.payments p WHERE p.order_id = o AND p.state = 'charged_back')
        WHEN action IN ('refund', 'charge_back', 'refund_order') THEN EXISTS (SELECT FROM commerce.payments p WHERE p.order_id = o AND commerce.minor_units(p.captured) > 0)
        WHEN action IN ('on_account', 'store_credit') THEN EXISTS (SELECT FROM commerce.orders x JOIN walk.people w ON w.id = x.customer_id AND w.n <= 2 WHERE x.id = o AND x.state IN ('placed', 'confirmed'))
        WHEN action IN ('ship', 'parcel_event') THEN EXISTS (SELECT FROM commerce.fulfilments f WHERE f.order_id = o AND f.state NOT IN ('cancelled', 'closed'))
        WHEN action IN ('request_return', 'exchange') THEN EXISTS (SELECT FROM commerce.fulfilments f WHERE f.order_id = o AND f.state IN ('shipped', 'delivered', 'closed'))
        WHEN action IN ('receive', 'receive_part', 'return_event', 'expire_returns') THEN EXISTS (SELECT FROM commerce.returns r WHERE r.order_id = o AND r.state IN ('requested', 'approved', 'in_transit', 'partially_received'))
        WHEN action IN ('change_edit', 'confirm_edit', 'abort_edit') THEN EXISTS (SELECT FROM commerce.order_edits e WHERE e.order_id = o AND e.state = 'open')
        WHEN action = 'release' THEN EXISTS (SELECT FROM commerce.order_holds h WHERE h.order_id = o AND h.released_at IS NULL)
        WHEN action = 'complete' THEN EXISTS (SELECT FROM commerce.orders x WHERE x.id = o AND x.state IN ('placed', 'confirmed'))
            AND NOT EXISTS (SELECT FROM commerce.reservations r WHERE r.order_id = o AND r.state = 'committed')
        WHEN action = 'archive' THEN (SELECT x.state IN ('cancelled', 'expired', 'completed') FROM commerce.orders x WHERE x.id = o)
        WHEN action IN ('split', 'move') THEN EXISTS (SELECT FROM commerce.fulfilments f WHERE f.order_id = o AND f.state IN ('open', 'scheduled', 'on_hold', 'in_progress'))
        WHEN action = 'reopen' THEN (SELECT x.state IN ('cancelled', 'expired') FROM commerce.orders x WHERE x.id = o)
        ELSE (SELECT x.state IN ('placed', 'confirmed') FROM commerce.orders x WHERE x.id = o) END
$$;
CREATE FUNCTION walk.step(recent integer, wanted text DEFAULT NULL, OUT action text, OUT touched uuid, OUT code text) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    fit uuid[];
    message text;
    context text;
BEGIN
    -- Mostly something for which there is an order.
    LOOP
        action := coalesce(wanted, (SELECT d.names[1 + floor(random() * cardinality(d.names))] FROM walk.deck d));
        wanted := NULL;
        fit := ARRAY(SELECT x.id FROM (SELECT o.id, o.n FROM walk.orders o ORDER BY o.n DESC LIMIT recent) x WHERE walk.fits(action, x.id) ORDER BY x.n);
        EXIT WHEN cardinality(fit) > 0 OR random() < 0.1 OR action IN ('checkout', 'cart', 'draft', 'quote');
    END LOOP;
    touched := walk.pick(fit, ARRAY(SELECT o.id FROM walk.orders o ORDER BY o.n DESC LIMIT recent));
    BEGIN
        touched := walk.act(action, touched);
        code := 'done';
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT;
        IF code !~ '^CM' AND code NOT IN ('22023', 'P0002', '40001', '40P01') THEN
            INSERT INTO walk.faults VALUES (action, code, message, context);
        END IF;
    END;
    INSERT INTO walk.done (action, code, order_id) VALUES (action, code, touched);
    touched := coalesce(touched, (SELECT id FROM walk.orders ORDER BY n DESC LIMIT 1));
END
$$;

-- What lies there at first: little, so that much is refused and lines come from several locations.
INSERT INTO walk.stock SELECT s.sku, l.location, 'available', 9 FROM unnest('{walk-A,walk-B,walk-P,walk-Q,walk-ticket,walk-gift}'::text[]) s (sku), unnest('{walk-1,walk-2,walk-3}'::text[]) l (location);
SELECT sum(commerce.receive_stock(sku, delta, location)) AS received FROM walk.stock;
UPDATE commerce.stock SET backorder_limit = 4 WHERE sku = 'walk-B' AND location = 'walk-1';
