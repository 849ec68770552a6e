-- State machines. A case of kind "machine" becomes a state machine on a table with one row for each question: is this
-- event allowed in this state, for every state and event there is, and does an UPDATE get from each state to each other
-- one just where a transition leads there? "transition" is one such question about a machine that another case of the
-- file defines. "aggregate" makes an order with payments or parcels in the states that are given. "guard" makes a machine
-- whose transition has what the guard asks for as its condition, on a row with the facts of the case as its columns.

SELECT commerce.create_shop() \g /dev/null

CREATE TEMP TABLE defined AS SELECT c -> 'input' ->> 'machine' AS name, c -> 'input' AS definition
    FROM jsonb_array_elements(:'content'::jsonb -> 'cases') c WHERE c -> 'input' ? 'states' AND c -> 'input' ? 'transitions';
CREATE TEMP TABLE subject (id integer PRIMARY KEY, state text NOT NULL);

-- Puts the table under a machine, with one row in each of these states.
CREATE FUNCTION pg_temp.load(definition jsonb, states text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM commerce.create_state_machine('case', jsonb_build_object('initial', coalesce(definition -> 'initial', definition -> 'states' -> 0),
        'states', definition -> 'states', 'transitions', (SELECT jsonb_agg(jsonb_build_object('event', t -> 'event', 'from', t -> 'from', 'to', t -> 'to'))
            FROM jsonb_array_elements(definition -> 'transitions') t)));
    INSERT INTO subject SELECT n, s FROM unnest(states) WITH ORDINALITY each (s, n);
    PERFORM commerce.attach_state_machine('subject', 'state', 'case');
END
$$;

-- Fires an event at a row and undoes that: the state it leads to, or the error's code.
CREATE FUNCTION pg_temp.fire(id integer, event text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    reached text;
    code text;
BEGIN
    reached := commerce.state_event('subject', jsonb_build_object('id', id), event);
    RAISE SQLSTATE 'CMZZY';
EXCEPTION
    WHEN SQLSTATE 'CMZZY' THEN RETURN reached;
    WHEN OTHERS THEN GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE; RETURN code;
END
$$;

-- The same by an UPDATE.
CREATE FUNCTION pg_temp.go(row_id integer, target text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    code text;
BEGIN
    UPDATE subject SET state = target WHERE id = row_id;
    RAISE SQLSTATE 'CMZZY';
EXCEPTION
    WHEN SQLSTATE 'CMZZY' THEN RETURN target;
    WHEN OTHERS THEN GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE; RETURN code;
END
$$;

-- Asks every question about a machine; wrong lists those that were answered otherwise than the table of transitions says.
CREATE FUNCTION pg_temp.ask_machine(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    all_states text[] := ARRAY(SELECT jsonb_array_elements_text(input -> 'states'));
    answer jsonb;
    wrong text;
BEGIN
    PERFORM pg_temp.load(input, all_states);
    WITH listed AS (SELECT t ->> 'event' AS event, f AS state, t ->> 'to' AS target
        FROM jsonb_array_elements(input -> 'transitions') t, jsonb_array_elements_text(t -> 'from') f),
    asked AS (SELECT s.id, s.state, e.event, pg_temp.fire(s.id, e.event) AS got FROM subject s, (SELECT DISTINCT event FROM listed) e)
    SELECT jsonb_build_object('allowed', count(*) FILTER (WHERE a.got <> 'CM010')), string_agg(format('%s in %s: %s', a.event, a.state, a.got), ', ')
            FILTER (WHERE a.got IS DISTINCT FROM coalesce(l.target, 'CM010'))
        INTO answer, wrong FROM asked a LEFT JOIN listed l USING (state, event);
    SELECT concat_ws(', ', wrong, string_agg(format('%s to %s: %s', s.state, target, pg_temp.go(s.id, target)), ', ')) INTO wrong
        FROM subject s, unnest(all_states) target
        WHERE pg_temp.go(s.id, target) <> CASE WHEN s.state = target OR EXISTS (SELECT FROM jsonb_array_elements(input -> 'transitions') t
            WHERE t -> 'from' ? s.state AND t ->> 'to' = target) THEN target ELSE 'CM010' END;
    RETURN answer || CASE WHEN wrong <> '' THEN jsonb_build_object('allowed', NULL, 'wrong', wrong) ELSE '{}' END;
END
$$;

-- Asks one question.
CREATE FUNCTION pg_temp.ask_transition(input jsonb, definition jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    got text;
BEGIN
    PERFORM pg_temp.load(definition, ARRAY[input ->> 'state']);
    got := CASE WHEN input ? 'event' THEN pg_temp.fire(1, input ->> 'event') ELSE pg_temp.go(1, input ->> 'to') END;
    RETURN CASE got WHEN 'CM010' THEN jsonb_build_object('error', 'invalid_transition', 'state', (SELECT state FROM subject))
        ELSE jsonb_build_object('to', got) END;
END
$$;

-- Words of the cases and ours.
CREATE FUNCTION pg_temp.translate(word text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce((SELECT ours FROM (VALUES ('captured', 'paid'), ('completed', 'paid'), ('partially_captured', 'partially_paid'), ('canceled', 'voided'),
        ('cancelled', 'voided'), ('not_fulfilled', 'unfulfilled')) words (theirs, ours) WHERE theirs = word), word)
$$;

-- An order to hang parts on: so much money, so many units.
CREATE FUNCTION pg_temp.order_of(total bigint, units bigint) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    result uuid := commerce.uuidv7();
    money commerce.amount := commerce.from_minor(total, 'EUR');
    zero commerce.amount := commerce.from_minor(0, 'EUR');
BEGIN
    INSERT INTO commerce.orders (id, channel, tax_level, subtotal, discount, shipping, tax, included_tax, rounding, total)
        VALUES (result, 'default', 'line', money, zero, zero, zero, zero, zero, money);
    INSERT INTO commerce.order_lines (order_id, line, sku, quantity, unit_price, tax_class, subtotal, discount, tax, included_tax, total)
        VALUES (result, 1, 'case', units, money, 'standard', money, zero, zero, zero, money);
    RETURN result;
END
$$;

-- A payment, with the amounts that its state tells where none are given; NULL for a word nobody knows.
CREATE FUNCTION pg_temp.payment(p jsonb, OUT state text, OUT amount bigint, OUT captured bigint, OUT refunded bigint) LANGUAGE plpgsql AS $$
DECLARE
    status text := p ->> 'status';
BEGIN
    amount := coalesce((p ->> 'amount')::bigint, 1000);
    captured := coalesce((p ->> 'captured')::bigint, CASE status WHEN 'captured' THEN amount WHEN 'refunded' THEN amount
        WHEN 'partially_refunded' THEN amount WHEN 'partially_captured' THEN amount / 2 ELSE 0 END);
    refunded := coalesce((p ->> 'refunded')::bigint, CASE status WHEN 'refunded' THEN captured WHEN 'partially_refunded' THEN captured / 2 ELSE 0 END);
    captured := greatest(captured, refunded);
    state := CASE WHEN refunded > 0 THEN CASE refunded WHEN captured THEN 'refunded' ELSE 'partially_refunded' END
        WHEN captured > 0 THEN CASE captured WHEN amount THEN 'captured' ELSE 'partially_captured' END
        WHEN status IN ('requires_action', 'authorized', 'expired', 'failed') THEN status
        ELSE (SELECT ours FROM (VALUES ('not_paid', 'created'), ('created', 'created'), ('awaiting', 'processing'), ('pending', 'processing'),
            ('canceled', 'voided'), ('cancelled', 'voided'), ('voided', 'voided')) words (theirs, ours) WHERE theirs = status) END;
END
$$;

CREATE FUNCTION pg_temp.ask_payments(payments jsonb, given_total bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    o uuid;
BEGIN
    IF EXISTS (SELECT FROM jsonb_array_elements(payments) p, pg_temp.payment(p) x WHERE x.state IS NULL) THEN
        RETURN NULL;
    END IF;
    o := pg_temp.order_of(coalesce(given_total, (SELECT sum(x.amount) FROM jsonb_array_elements(payments) p, pg_temp.payment(p) x
        WHERE x.state <> 'voided'), 1000)::bigint, 1);
    INSERT INTO commerce.payments (order_id, state, requested, authorized, captured, refunded, charged_back)
        SELECT o, x.state, commerce.from_minor(x.amount, 'EUR'), commerce.from_minor(CASE WHEN x.state IN ('created', 'processing',
                'requires_action', 'failed') THEN 0 ELSE x.amount END, 'EUR'), commerce.from_minor(x.captured, 'EUR'),
            commerce.from_minor(x.refunded, 'EUR'), commerce.from_minor(0, 'EUR')
        FROM jsonb_array_elements(payments) p, pg_temp.payment(p) x;
    RETURN jsonb_build_object('payment_status', commerce.order_payment_status(o));
END
$$;

CREATE FUNCTION pg_temp.ask_fulfilments(parcels text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    o uuid := pg_temp.order_of(1000, greatest(1, (SELECT count(*) FROM unnest(parcels) p WHERE p NOT IN ('canceled', 'cancelled'))));
    parcel text;
    made uuid;
BEGIN
    FOREACH parcel IN ARRAY parcels LOOP
        made := commerce.uuidv7();
        parcel := (SELECT ours FROM (VALUES ('created', 'open'), ('not_fulfilled', 'open'), ('pending', 'open'), ('fulfilled', 'packed'), ('packed', 'packed'), ('shipped', 'shipped'),
            ('delivered', 'delivered'), ('canceled', 'cancelled'), ('cancelled', 'cancelled')) words (theirs, ours) WHERE theirs = parcel);
        IF parcel IS NULL THEN
            RETURN NULL;
        END IF;
        INSERT INTO commerce.fulfilments (order_id, id, state) VALUES (o, made, parcel);
        INSERT INTO commerce.fulfilment_lines (order_id, fulfilment_id, line, quantity) VALUES (o, made, 1, 1);
    END LOOP;
    RETURN jsonb_build_object('fulfilment_status', commerce.order_fulfilment_status(o));
END
$$;

-- What a guard asks for, told from the facts that it is given; NULL where no condition says it.
CREATE FUNCTION pg_temp.condition_of(facts jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN facts ?& '{price_changed,payment_or_refund_attached}' THEN 'not attributes.price_changed or attributes.payment_or_refund_attached'
        WHEN facts ? 'lines' THEN 'attributes.lines >= 1'
        WHEN (SELECT count(*) = 1 AND bool_and(jsonb_typeof(value) = 'boolean') FROM jsonb_each(facts)) THEN (SELECT 'attributes.' || key FROM jsonb_each(facts)) END
$$;

CREATE FUNCTION pg_temp.ask_guard(input jsonb, facts jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    code text := 'allowed';
    fact record;
BEGIN
    PERFORM commerce.create_state_machine('case', jsonb_build_object('initial', input -> 'state', 'states', jsonb_build_array(input -> 'state', input -> 'to'),
        'transitions', jsonb_build_array(jsonb_build_object('event', 'go', 'from', input -> 'state', 'to', input -> 'to', 'guard', pg_temp.condition_of(facts)))));
    INSERT INTO subject VALUES (1, input ->> 'state');
    FOR fact IN SELECT key, value, CASE jsonb_typeof(value) WHEN 'number' THEN 'numeric' WHEN 'boolean' THEN 'boolean' ELSE 'text' END AS type FROM jsonb_each(facts) LOOP
        EXECUTE format('ALTER TABLE subject ADD COLUMN %I %s DEFAULT %L', fact.key, fact.type, fact.value #>> '{}');
    END LOOP;
    PERFORM commerce.attach_state_machine('subject', 'state', 'case');
    BEGIN
        UPDATE subject SET state = input ->> 'to';
    EXCEPTION WHEN SQLSTATE 'CM011' THEN
        code := 'refused';
    END;
    RETURN jsonb_build_object('result', code);
END
$$;

CREATE FUNCTION pg_temp.run_case(input jsonb, expect jsonb, whole jsonb, OUT verdict text, OUT detail text) LANGUAGE plpgsql AS $$
DECLARE
    got jsonb;
    wanted jsonb := expect;
    definition jsonb := CASE WHEN input ? 'states' THEN input ELSE (SELECT d.definition FROM defined d WHERE d.name = input ->> 'machine') END;
    facts jsonb := input - '{state,to,from,event,machine}'::text[];
BEGIN
    verdict := 'n/a';
    CASE
        WHEN whole ->> 'kind' = 'machine' THEN
            got := pg_temp.ask_machine(input);
        WHEN whole ->> 'kind' = 'transition' AND definition IS NULL THEN
            detail := format('machine %s is not in this file', input ->> 'machine');
        WHEN whole ->> 'kind' = 'transition' THEN
            got := pg_temp.ask_transition(input, definition);
        WHEN whole ->> 'kind' = 'aggregate' AND expect ? 'payment_status' AND jsonb_typeof(input -> 'payments') = 'array' THEN
            got := pg_temp.ask_payments(input -> 'payments', (input ->> 'total')::bigint);
            wanted := expect || jsonb_build_object('payment_status', pg_temp.translate(expect ->> 'payment_status'));
        WHEN whole ->> 'kind' = 'aggregate' AND expect ->> 'fulfilment_status' IN ('canceled', 'cancelled') THEN
            detail := 'where every parcel was cancelled, nothing is fulfilled here: an order is cancelled, not its fulfilment';
        WHEN whole ->> 'kind' = 'aggregate' AND expect ? 'fulfilment_status' AND (input -> 'fulfilments') @? '$[*] ? (@.type() == "string")'
            OR input -> 'fulfilments' = '[]' THEN
            got := pg_temp.ask_fulfilments(ARRAY(SELECT jsonb_array_elements_text(input -> 'fulfilments')));
            wanted := expect || jsonb_build_object('fulfilment_status', pg_temp.translate(expect ->> 'fulfilment_status'));
        WHEN whole ->> 'kind' = 'guard' AND input ?& '{state,to}' AND pg_temp.condition_of(facts) IS NOT NULL THEN
            got := pg_temp.ask_guard(input, facts);
        WHEN whole ->> 'kind' = 'guard' THEN
            detail := format('what guard %s asks for is not among the facts of the case', whole #>> '{source,test}');
        ELSE
            detail := format('no way to ask for a case of kind %s with %s', whole ->> 'kind', (SELECT string_agg(key, ', ') FROM jsonb_object_keys(input) key));
    END CASE;
    IF got IS NOT NULL THEN
        SELECT * INTO verdict, detail FROM pg_temp.judge(wanted, got);
    ELSIF detail IS NULL THEN
        detail := 'a part is in a state that parts here do not have';
    END IF;
END
$$;
