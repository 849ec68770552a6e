-- No payment card number is stored: 50 published test numbers, in several forms, in every free text of every function
-- that writes and that anybody but the shop itself may call. Needs a server whose commerce.key_file names a key.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;

CREATE TABLE card_numbers (n serial, digits text);
INSERT INTO card_numbers (digits) SELECT unnest('{
    4111111111111111, 4012888888881881, 4242424242424242, 4000056655665556, 4000000000000002, 4000000000009995, 4000000000000069,
    4000000000000127, 4222222222222, 4917610000000000, 4462030000000000, 4484070000000000, 4917300800000000, 4005519200000004,
    4009348888881881, 4012000033330026, 4977949494949497, 5555555555554444, 5105105105105100, 2223003122003222, 5200828282828210,
    5454545454545454, 5500005555555559, 2222400070000005, 2223000048400011, 378282246310005, 371449635398431, 378734493671000,
    370000000000002, 343434343434343, 6011111111111117, 6011000990139424, 6011000991300009, 6011981111111113, 30569309025904,
    38520000023237, 3056930009020004, 36227206271667, 36006666333344, 3566002020360505, 3530111333300000, 3569990010095841,
    6200000000000005, 6243030000000001, 6205500000000000004, 6304000000000000, 6759649826438453, 5000550000000029,
    6799990100000000019, 6011601160116611}'::text[]);
-- As it is, in groups, in a sentence, with dashes.
CREATE FUNCTION card_text(n integer, digits text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE n % 4 WHEN 0 THEN digits WHEN 1 THEN btrim(regexp_replace(digits, '(.{4})', '\1 ', 'g'))
        WHEN 2 THEN 'paid with ' || digits || ', thanks' ELSE btrim(regexp_replace(digits, '(.{4})', '\1-', 'g'), '-') END $$;
SELECT count(*), count(DISTINCT digits) AS different FROM card_numbers;

-- A shop in which each function has something to do.
INSERT INTO commerce.variants (sku) VALUES ('cards-a');
INSERT INTO commerce.prices (sku, price) VALUES ('cards-a', '10 EUR');
INSERT INTO commerce.locations (code) VALUES ('cards-annex');
INSERT INTO commerce.customer_groups (code) VALUES ('cards-group');
INSERT INTO commerce.shipping_methods (code) VALUES ('cards-post');
INSERT INTO commerce.shipping_prices (method, price) VALUES ('cards-post', '1 EUR');
WITH p AS (INSERT INTO commerce.promotions (name, benefit, needs_code) VALUES ('cards', '1 EUR off order', true) RETURNING id)
    INSERT INTO commerce.promotion_codes (code, promotion) SELECT 'CARDS', id FROM p;
SELECT commerce.receive_stock('cards-a', 1000), commerce.receive_stock('cards-a', 1000, 'cards-annex');
SELECT commerce.create_customer('cards@example.com') AS customer \gset
CREATE TABLE card_orders AS SELECT n, commerce.checkout('[{"sku": "cards-a", "quantity": 4}]', customer => :'customer') AS id FROM generate_series(1, 7) n;
SELECT id AS fresh FROM card_orders WHERE n = 1 \gset
SELECT commerce.authorize_payment(id) AS authorized FROM card_orders WHERE n = 2 \gset
SELECT commerce.authorize_payment(id) AS captured, id AS paid FROM card_orders WHERE n = 3 \gset
SELECT commerce.capture_payment(:'captured') IS NOT NULL AS captured_it;
SELECT commerce.authorize_payment(id) AS disputed, id AS disputed_order FROM card_orders WHERE n = 4 \gset
SELECT commerce.capture_payment(:'disputed') IS NOT NULL AND commerce.charge_back_payment(:'disputed') IS NOT NULL AS disputed_it;
SELECT commerce.fulfil(id) AS fulfilment, id AS sent FROM card_orders WHERE n = 5 \gset
SELECT commerce.request_return(:'sent', '[{"line": 1, "quantity": 1}]') AS return \gset
SELECT commerce.request_return(:'sent', '[{"line": 1, "quantity": 2}]') AS approved \gset
SELECT commerce.return_event(:'approved', 'approve') AS approved_it;
SELECT commerce.issue_store_credit(:'customer', '500 EUR', 'cards') AS balance \gset
SELECT commerce.create_cart() AS cart \gset
SELECT commerce.create_endpoint('https://cards.example/hook', '{cards.*}') ->> 'id' AS endpoint \gset
SELECT commerce.set_cart_line(:'cart', 'cards-a', 1), commerce.add_cart_code(:'cart', 'CARDS');
SELECT commerce.reserve('cards-a', 1, 'cards-holder') AS reservation \gset
SELECT commerce.start_stocktake('cards-annex') AS stocktake \gset
SELECT id AS promotion FROM commerce.promotions WHERE name = 'cards' \gset
SELECT commerce.plan_fulfilment(id, '[{"line": 1, "quantity": 2}]') AS planned, id AS unsent FROM card_orders WHERE n = 6 \gset
SELECT commerce.set_credit_limit(:'customer', '100 EUR') IS NOT NULL AS limited;
SELECT commerce.pay_on_account(:'unsent', '5 EUR') AS owed \gset
SELECT commerce.create_quote('[{"sku": "cards-a", "quantity": 1}]') AS offered \gset
SELECT commerce.create_quote('[{"sku": "cards-a", "quantity": 1}]') AS agreed \gset
SELECT commerce.offer_quote(:'offered', valid_until => now() + interval '1 day') IS NOT NULL AS offered_it, commerce.offer_quote(:'agreed', valid_until => now() + interval '1 day') IS NOT NULL AS agreed_to;
SELECT commerce.accept_quote(:'agreed', '10 EUR') IS NOT NULL AS agreed_it;
SELECT commerce.create_cart() AS asked_cart \gset
SELECT commerce.set_cart_line(:'asked_cart', 'cards-a', 1);
SELECT commerce.request_quote(:'asked_cart') AS asked \gset
SELECT commerce.begin_edit(id, '[{"line": 1, "quantity": 3}]') AS edit FROM card_orders WHERE n = 7 \gset
CREATE TABLE card_tickets (id integer PRIMARY KEY, state text, note text);
SELECT commerce.create_state_machine('cards_ticket', '{"initial": "open", "states": ["open", "shut"], "transitions": [{"event": "shut", "from": "open", "to": "shut"}]}');
SELECT commerce.attach_state_machine('card_tickets', 'state', 'cards_ticket');
INSERT INTO card_tickets VALUES (1, 'open', NULL);
CREATE TABLE card_papers (state text);
SELECT commerce.create_state_machine('cards_unused', '{"initial": "open", "states": ["open"], "transitions": []}');

-- Providers: one that takes payments, one to be changed, and a carrier, of which a call was given up.
CREATE FUNCTION card_request(call jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('method', 'POST', 'path', '/labels', 'body', (call -> 'arguments')::text) $$;
CREATE FUNCTION card_read(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('state', CASE WHEN status < 400 THEN 'labelled' ELSE 'failed' END, 'tracking', answer -> 'tracking', 'keep', answer)
        || CASE WHEN answer ? 'code' THEN jsonb_build_object('error', answer -> 'code') ELSE '{}' END $$;
SELECT commerce.register_adapter('cards', 'label', 'public.card_request', 'public.card_read');
SELECT commerce.create_provider('cards-stripe', 'payment', 'stripe', 'https://example.com', secret => 'sk_cards', webhook_secret => 'whsec_cards') IS NOT NULL
    AND commerce.create_provider('cards-other', 'payment', 'stripe', 'https://example.com') IS NOT NULL
    AND commerce.create_provider('cards-carrier', 'shipping', 'cards', 'https://example.com') IS NOT NULL AS providers;
SELECT commerce.request_provider_call(:'sent', 'cards-carrier', 'label') AS given_up \gset
UPDATE commerce.provider_calls SET state = 'dead', finished_at = now() WHERE id = :'given_up';
-- The header of an event that cards-stripe sends now: HMAC-SHA256, as RFC 2104 has it.
CREATE FUNCTION card_signature(body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    key bytea := rpad('whsec_cards', 64, '.')::bytea;
    inner_key bytea := key;
    outer_key bytea := key;
    at text := extract(epoch FROM clock_timestamp())::bigint;
    one integer;
BEGIN
    FOR n IN 0..63 LOOP
        one := CASE WHEN n < length('whsec_cards') THEN get_byte(key, n) ELSE 0 END;
        inner_key := set_byte(inner_key, n, one # 54);
        outer_key := set_byte(outer_key, n, one # 92);
    END LOOP;
    RETURN format('t=%s,v1=%s', at, encode(sha256(outer_key || sha256(inner_key || convert_to(at || '.' || body, 'UTF8'))), 'hex'));
END $$;
CREATE TABLE card_things AS SELECT * FROM (VALUES ('$endpoint', :'endpoint'), ('$given_up', :'given_up'), ('$customer', :'customer'), ('$fresh', :'fresh'), ('$authorized', :'authorized'), ('$captured', :'captured'), ('$disputed', :'disputed'), ('$paid', :'paid'), ('$fulfilment', :'fulfilment'), ('$sent', :'sent'), ('$return', :'return'), ('$approved', :'approved'),
    ('$balance', :'balance'), ('$cart', :'cart'), ('$reservation', :'reservation'), ('$stocktake', :'stocktake'), ('$unsent', :'unsent'), ('$planned', :'planned'), ('$promotion', :'promotion'),
    ('$owed', :'owed'), ('$offered', :'offered'), ('$agreed', :'agreed'), ('$asked', :'asked'), ('$edit', :'edit')) t (name, id);
CREATE FUNCTION card_fill(value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT * FROM card_things LOOP
        value := replace(value, t.name, t.id);
    END LOOP;
    RETURN value;
END $$;

-- How to call each function so that it does what it is for; ~ stands where free text goes.
CREATE TABLE card_calls (function name PRIMARY KEY, arguments jsonb);
INSERT INTO card_calls SELECT c.function, (SELECT jsonb_object_agg(e.key, card_fill(e.value)) FROM jsonb_each_text(c.arguments) e) FROM (VALUES
    ('add_cart_code', '{"cart": "''$cart''", "code": "''CARDS''"}'::jsonb),
    ('adjust_balance', '{"balance": "''$balance''", "delta": "''1 EUR''", "reason": "''~''"}'),
    ('adjust_stock', '{"sku": "''cards-a''", "delta": "1", "location": "''main''", "reason": "''~''", "reference": "''~''", "state": "''available''"}'),
    ('announce_stock', '{"skus": "''{cards-a}''::text[]"}'),
    ('attach_state_machine', '{"table": "''card_papers''", "column": "''state''", "machine": "''cards_ticket''"}'),
    ('authorize_payment', '{"order": "''$fresh''", "amount": "''1 EUR''", "reference": "''~''", "provider": "''~''"}'),
    ('balance_event', '{"balance_id": "''$balance''", "event": "''block''", "detail": "''{\"note\": \"~\"}''"}'),
    ('begin_edit', '{"order": "''$fresh''", "changes": "''[{\"line\": 1, \"discount\": \"1.00\", \"reason\": \"~\"}]''", "reason": "''~''"}'),
    ('cancel_lines', '{"order": "''$fresh''", "lines": "''[{\"line\": 1, \"quantity\": 1}]''", "reason": "''~''"}'),
    ('change_edit', '{"edit": "''$edit''", "changes": "''[{\"line\": 1, \"discount\": \"1.00\", \"reason\": \"~\"}]''"}'),
    ('create_endpoint', '{"url": "''https://cards.example/other''", "topics": "''{cards.*}''::text[]", "order_mode": "''strict''", "secret": "NULL", "signature": "''v1''", "headers": "''{}''::jsonb"}'),
    ('disable_endpoint', '{"endpoint": "''$endpoint''", "reason": "''~''"}'),
    ('replay_events', '{"endpoint": "''$endpoint''", "since": "now()", "topics": "''{cards.*}''::text[]"}'),
    ('request_exchange', '{"order": "''$sent''", "lines": "''[{\"line\": 1, \"quantity\": 1}]''", "new_lines": "''[{\"sku\": \"cards-a\", \"quantity\": 1}]''", "reason": "''~''"}'),
    ('begin_payment', '{"order": "''$fresh''", "amount": "''1 EUR''", "provider": "''~''", "reference": "''~''"}'),
    ('capture_payment', '{"payment": "''$authorized''", "amount": "''1 EUR''", "reference": "''~''", "provider": "NULL"}'),
    ('charge_back_payment', '{"payment": "''$captured''", "amount": "NULL", "reference": "''~''", "provider": "NULL"}'),
    ('checkout', '{"lines": "''[{\"sku\": \"cards-a\", \"quantity\": 1, \"attributes\": {\"note\": \"~\"}}]''", "codes": "''{}''::text[]", "channel": "''default''", "currency": "''EUR''", "ship_to": "''{\"country\": \"DE\", \"name\": \"~\"}''", "shipping_method": "''cards-post''", "options": "''{\"holder\": \"~\"}''", "idempotency_key": "''~''"}'),
    ('count_stock', '{"stocktake": "''$stocktake''", "sku": "''cards-a''", "counted": "1"}'),
    ('create_cart', '{"channel": "''default''", "currency": "''EUR''"}'),
    ('create_codes', '{"promotion": "''$promotion''", "count": "1", "prefix": "''~''"}'),
    ('create_customer', '{"email": "''~@example.com''", "name": "''~''", "phone": "''~''", "address": "''{\"street\": \"~\"}''", "attributes": "''{\"note\": [\"~\"]}''", "customer_group": "''cards-group''", "password": "NULL"}'),
    ('counter_quote', '{"quote": "''$offered''", "lines": "''[{\"sku\": \"cards-a\", \"quantity\": 1, \"title\": \"~\"}]''", "message": "''~''"}'),
    ('create_draft', '{"lines": "''[{\"sku\": \"cards-a\", \"quantity\": 1, \"title\": \"~\"}]''", "channel": "''default''", "currency": "''EUR''", "changes": "''{\"attributes\": {\"note\": \"~\"}}''"}'),
    ('register_adapter', '{"adapter": "''cards''", "operation": "''label''", "build": "''public.card_request''", "read": "''public.card_read''", "ask": "''public.card_request''", "asked": "''public.card_read''", "signature": "NULL"}'),
    ('create_provider', '{"name": "(SELECT ''cards-'' || count(*) FROM commerce.providers)", "kind": "''payment''", "adapter": "''stripe''", "base_url": "''https://example.com/~''", "settings": "''{\"note\": \"~\"}''", "secret": "''~''", "webhook_secret": "''~''"}'),
    ('update_provider', '{"provider": "''cards-other''", "base_url": "''https://example.com/~''", "settings": "''{\"note\": \"~\"}''", "secret": "''~''", "webhook_secret": "''~''"}'),
    ('request_payment', '{"order": "''$fresh''", "provider": "''cards-stripe''", "amount": "''1 EUR''", "payment_method": "''pm_~''", "capture": "''manual''", "return_url": "''https://example.com/~''"}'),
    ('request_provider_call', '{"subject": "''$sent''", "provider": "''cards-carrier''", "operation": "''label''", "arguments": "''{\"note\": \"~\"}''"}'),
    ('abandon_provider_call', '{"order": "''$sent''", "call": "''$given_up''", "reason": "''~''"}'),
    ('receive_provider_event', '{"provider": "''cards-stripe''", "body": "''{\"id\": \"evt_1\", \"type\": \"customer.created\", \"note\": \"~\"}''", "signature": "card_signature(''{\"id\": \"evt_1\", \"type\": \"customer.created\", \"note\": \"word\"}'')", "headers": "''{\"x-note\": \"~\"}''"}'),
    ('create_jwt_key', '{"algorithm": "''HS256''", "audience": "''x-~''"}'),
    ('create_quote', '{"lines": "''[{\"sku\": \"cards-a\", \"quantity\": 1, \"title\": \"~\"}]''", "channel": "''default''", "currency": "''EUR''", "message": "''~''", "ship_to": "''{\"country\": \"DE\", \"name\": \"~\"}''", "shipping_method": "''cards-post''", "options": "''{\"discounts\": [{\"amount\": \"1.00\", \"reason\": \"~\"}]}''"}'),
    ('issue_gift_card', '{"amount": "''1 EUR''", "reference": "''~''"}'),
    ('offer_quote', '{"quote": "''$asked''", "lines": "''[{\"sku\": \"cards-a\", \"quantity\": 1, \"title\": \"~\"}]''", "message": "''~''"}'),
    ('order_quote', '{"quote": "''$agreed''", "idempotency_key": "''~''"}'),
    ('pay_on_account', '{"order": "''$fresh''", "amount": "''1 EUR''", "reference": "''~''"}'),
    ('reject_quote', '{"quote": "''$offered''", "reason": "''~''"}'),
    ('request_quote', '{"cart": "''$cart''", "message": "''~''"}'),
    ('rotate_endpoint_secret', '{"endpoint": "''$endpoint''", "secret": "NULL", "signature": "''v1''"}'),
    ('set_credit_limit', '{"customer": "''$customer''", "amount": "''200 EUR''", "reason": "''~''"}'),
    ('settle_account', '{"payment": "''$owed''", "amount": "''1 EUR''", "reference": "''~''"}'),
    ('create_shop', '{"currency": "''EUR''"}'),
    ('create_state_machine', '{"name": "''cards_~''", "definition": "''{\"initial\": \"~\", \"states\": [\"~\", \"b\"], \"transitions\": [{\"event\": \"~\", \"from\": \"~\", \"to\": \"b\"}]}''"}'),
    ('drop_state_machine', '{"name": "''cards_unused''"}'),
    ('expect_stock', '{"sku": "''cards-a''", "delta": "1", "location": "''main''", "reason": "''~''", "reference": "''~''"}'),
    ('extend_reservation', '{"reservation": "''$reservation''", "ttl": "''1 hour''", "holder": "''cards-holder''"}'),
    ('fulfil', '{"order": "''$paid''", "lines": "NULL", "location": "NULL", "tracking": "''~''"}'),
    ('fulfilment_event', '{"fulfilment_id": "''$fulfilment''", "event": "''deliver''", "detail": "''{\"note\": \"~\"}''"}'),
    ('hold_cart', '{"cart": "''$cart''", "mode": "''all''"}'),
    ('invalidate_stock', '{"sku": "''cards-a''"}'),
    ('issue_credit', '{"customer": "''$customer''", "amount": "''1 EUR''", "reason": "''~''", "reference": "''~''"}'),
    ('issue_store_credit', '{"customer": "''$customer''", "amount": "''1 EUR''", "reason": "''~''", "reference": "''~''"}'),
    ('move_stock', '{"sku": "''cards-a''", "quantity": "1", "from_location": "''main''", "to_location": "''cards-annex''", "reason": "''~''", "reference": "''~''", "from_state": "''available''", "to_state": "''available''"}'),
    ('order_event', '{"order_id": "''$fresh''", "event": "''cancel''", "detail": "''{\"~\": 1}''"}'),
    ('pay_with_balance', '{"order": "''$fresh''", "amount": "''1 EUR''", "code": "NULL", "balance": "''$balance''", "reference": "''~''"}'),
    ('payment_event', '{"payment_id": "''$authorized''", "event": "''void''", "detail": "''{\"note\": \"~\"}''"}'),
    ('place_order', '{"cart": "''$cart''", "idempotency_key": "''~''"}'),
    ('receive_return', '{"return": "''$approved''", "disposition": "''restock''", "location": "''main''", "lines": "''[{\"line\": 1, \"quantity\": 1, \"note\": \"~\"}, {\"line\": 1, \"quantity\": 1}]''", "note": "''~''"}'),
    ('plan_fulfilment', '{"order": "''$unsent''", "lines": "''[{\"line\": 1, \"quantity\": 1}]''", "location": "''cards-annex''"}'),
    ('split_fulfilment', '{"fulfilment": "''$planned''", "lines": "''[{\"line\": 1, \"quantity\": 1}]''"}'),
    ('move_fulfilment', '{"fulfilment": "''$planned''", "location": "''main''"}'),
    ('track_fulfilment', '{"fulfilment": "''$planned''", "tracking": "''~''", "carrier": "''~''", "url": "''https://track.example/~''"}'),
    ('receive_stock', '{"sku": "''cards-a''", "quantity": "1", "location": "''main''", "reason": "''~''", "reference": "''~''", "state": "''available''", "lot": "''~''"}'),
    ('record_audit', '{"kind": "''~''", "subject": "''~''", "detail": "''{\"note\": \"~\"}''"}'),
    ('record_consent', '{"customer": "''$customer''", "purpose": "''~''", "given": "true", "source": "''~''", "document": "''~''"}'),
    ('refund_order', '{"order": "''$paid''", "amount": "''1 EUR''", "reference": "''~''"}'),
    ('refund_payment', '{"payment": "''$captured''", "amount": "''1 EUR''", "reference": "''~''", "provider": "NULL"}'),
    ('register_sealed_column', '{"table": "''commerce.carts''", "column": "''ship_address''", "field": "''~''", "normaliser": "NULL", "country": "NULL"}'),
    ('register_sensitive_field', '{"field": "''~''", "purpose": "''~''", "legal_basis": "''contract''", "normaliser": "''text''", "country": "NULL"}'),
    ('release_holder', '{"holder": "''~''"}'),
    ('release_reservation', '{"reservation": "''$reservation''", "holder": "''cards-holder''"}'),
    ('remove_cart_code', '{"cart": "''$cart''", "code": "''CARDS''"}'),
    ('request_return', '{"order": "''$sent''", "lines": "''[{\"line\": 1, \"quantity\": 1}]''", "reason": "''~''"}'),
    ('reserve', '{"sku": "''cards-a''", "quantity": "1", "holder": "''~''", "location": "''main''"}'),
    ('reserve_lines', '{"lines": "''[{\"sku\": \"cards-a\", \"quantity\": 1}]''", "holder": "''~''", "mode": "''all''", "strategy": "''priority''", "location": "''main''"}'),
    ('reveal', '{"value": "(SELECT c.email FROM commerce.customers c WHERE c.id = ''$customer'')", "subject": "''$customer''", "purpose": "''~''"}'),
    ('reveal_customer', '{"customer": "''$customer''", "purpose": "''~''"}'),
    ('reveal_fields', '{"values": "(SELECT ARRAY[c.email] FROM commerce.customers c WHERE c.id = ''$customer'')", "subject": "''$customer''", "purpose": "''~''"}'),
    ('return_event', '{"return_id": "''$return''", "event": "''decline''", "detail": "''{\"note\": \"~\"}''"}'),
    ('reverse_chargeback', '{"payment": "''$disputed''", "amount": "NULL", "reference": "''~''", "provider": "NULL"}'),
    ('seal', '{"plaintext": "''~''", "field": "''~''", "subject": "''$customer''"}'),
    ('send_stock', '{"sku": "''cards-a''", "quantity": "1", "from_location": "''main''", "to_location": "''cards-annex''", "reason": "''~''", "reference": "''~''", "from_state": "''available''"}'),
    ('set_cart', '{"cart": "''$cart''", "changes": "''{\"attributes\": {\"~\": 1}, \"ship_to\": {\"country\": \"DE\", \"street\": \"~\"}}''"}'),
    ('set_cart_line', '{"cart": "''$cart''", "sku": "''cards-a''", "quantity": "1", "location": "''main''", "facts": "''{\"unit_price\": \"1.00\", \"attributes\": {\"note\": \"~\"}}''"}'),
    ('set_cart_lines', '{"cart": "''$cart''", "lines": "''[{\"sku\": \"cards-a\", \"quantity\": 1, \"title\": \"~\"}]''", "mode": "''replace''"}'),
    ('set_stock_policy', '{"sku": "''cards-a''", "location": "''main''", "safety_stock": "0", "backorder_limit": "0", "low_stock": "NULL"}'),
    ('start_stocktake', '{"location": "''main''"}'),
    ('state_event', '{"table": "''card_tickets''", "key": "''{\"id\": 1}''", "event": "''shut''", "detail": "''{\"note\": \"~\"}''"}'),
    ('try_reserve', '{"sku": "''cards-a''", "quantity": "1", "holder": "''~''", "location": "''main''"}'),
    ('unregister_sensitive_field', '{"field": "''cards''"}'),
    ('update_endpoint', '{"endpoint": "''$endpoint''", "url": "''https://cards.example/other''", "topics": "''{cards.*}''::text[]", "order_mode": "''skip''", "headers": "''{}''::jsonb"}'),
    ('update_reservation', '{"reservation": "''$reservation''", "quantity": "1", "holder": "''cards-holder''"}'),
    ('void_payment', '{"payment": "''$authorized''", "reference": "''~''", "provider": "NULL"}')) c (function, arguments);

-- Those that write; to reveal is to read, and its purpose is written all the same.
CREATE VIEW card_arguments AS
    SELECT p.proname AS function, a.name AS argument FROM pg_proc p,
        unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes) AS a (name, type, mode)
    WHERE p.pronamespace = 'commerce'::regnamespace AND p.prokind = 'f' AND (p.provolatile = 'v' OR p.proname LIKE 'reveal%') AND p.prorettype <> 'trigger'::regtype
        AND coalesce(a.mode, 'i') = 'i' AND a.type = ANY ('{text,varchar,bpchar,json,jsonb,text[],varchar[],jsonb[]}'::regtype[])
        AND obj_description(p.oid, 'pg_proc') NOT LIKE 'Internal.%';
-- What is no free text that is stored.
CREATE TABLE card_exempt AS SELECT unnest(string_to_array(functions, ' '))::name AS function, reason FROM (VALUES
    ('change_password confirm_totp erase_guest forgive_login login logout remove_totp reset_password use_session verify_totp',
        'secrets and addresses that are compared, and kept as a hash at most'),
    ('create_staff_jwt', 'signed into a token, which is stored nowhere'),
    ('create_totp', 'told back in a URI, which is stored nowhere')) e (functions, reason);
-- Empty: each function with a text among its arguments is called here, with all of them; and none that is not there any more.
SELECT a.function, a.argument FROM card_arguments a LEFT JOIN card_calls c USING (function) WHERE (c.arguments ? a.argument::text) IS NOT true
    AND a.function NOT IN (SELECT e.function FROM card_exempt e) ORDER BY 1, 2;
SELECT function FROM (SELECT function FROM card_calls UNION SELECT function FROM card_exempt) f EXCEPT SELECT function FROM card_arguments;

-- Calls with a text in place of one argument, or of none; returns the SQLSTATE. What was refused leaves nothing, and a
-- call without a card number is undone.
CREATE FUNCTION card_call(called name, arguments jsonb, argument text, card text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT commerce.%I(%s)', called, (SELECT string_agg(format('%I => %s', e.key,
        CASE WHEN e.key <> argument OR argument IS NULL THEN replace(e.value, '~', 'word')
            WHEN e.value LIKE '%~%' THEN replace(e.value, '~', card)
            WHEN e.value LIKE '%[]' THEN format('ARRAY[%L]', card)
            WHEN e.value LIKE '''[%' OR e.value LIKE '''{%' THEN format('%L', jsonb_build_array(jsonb_build_object('note', card)))
            ELSE format('%L', card) END), ', ') FROM jsonb_each_text(arguments) e));
    IF argument IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'ZZ000';
    END IF;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE WHEN SQLSTATE = 'ZZ000' THEN 'done' WHEN argument IS NULL THEN SQLSTATE || ' ' || SQLERRM
        -- The error itself tells nothing of the number.
        WHEN SQLSTATE = 'CM070' AND SQLERRM ~ '[0-9]{4}' THEN 'CM070, told' ELSE SQLSTATE END;
END $$;
-- Empty: without a card number each of them does its work.
SELECT function, r AS refused FROM card_calls, card_call(function, arguments, NULL, NULL) r WHERE r <> 'done' ORDER BY 1;

-- With one. Every number is tried in every argument; a function that does its work stores nothing of what it was given,
-- another error is raised before anything is stored.
SELECT a.argument, string_agg(DISTINCT r, ' ') AS answer, a.function FROM card_arguments a JOIN card_calls c USING (function), card_numbers n,
    card_call(a.function, c.arguments, a.argument, card_text(n.n, n.digits)) r
    GROUP BY a.function, a.argument ORDER BY a.function COLLATE "C", a.argument COLLATE "C";

-- What a provider tells by itself, signed: named by a number, or of a payment that is, it is refused; any other place is not kept.
CREATE FUNCTION card_told(body text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN commerce.receive_provider_event('cards-stripe', body, card_signature(body)) ->> 'state';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE WHEN SQLERRM ~ '[0-9]{4}' THEN SQLSTATE || ', told' ELSE SQLSTATE END;
END $$;
SELECT place, string_agg(DISTINCT card_told(replace(body, '~', card_text(n.n, n.digits))), ' ') AS answer FROM card_numbers n, (VALUES
    ('id', '{"id": "~", "type": "customer.created"}'), ('type', '{"id": "evt_2", "type": "~"}'),
    ('elsewhere', '{"id": "evt_3", "type": "customer.created", "data": {"object": {"id": "~", "number": "~"}}}')) b (place, body) GROUP BY place ORDER BY place;
SELECT string_agg(DISTINCT card_told(format('{"id": "evt_4", "type": "payment_intent.processing", "data": {"object": {"id": "%s", "object": "payment_intent", "amount": 100, "currency": "eur", "status": "processing"}}}',
    n.digits)), ' ') AS of_a_payment FROM card_numbers n;
-- What one answers is booked without the number, never lost for it.
CREATE FUNCTION card_answered("order" uuid, parcel uuid, status integer, body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    asked uuid := commerce.request_provider_call("order", 'cards-carrier', 'label', '{}', parcel);
BEGIN
    UPDATE commerce.provider_calls c SET state = 'leased', lease_until = now() + interval '1 minute', lease_token = asked WHERE c.id = asked;
    PERFORM commerce.finish_provider_call("order", asked, asked, status, body);
    RETURN (SELECT concat_ws(' | ', c.state, c.error, c.response) FROM commerce.provider_calls c WHERE c.id = asked);
END $$;
SELECT b.status, card_answered(:'sent', :'fulfilment', b.status, replace(b.body, '~', card_text(n.n, n.digits))) AS kept, count(*) FROM card_numbers n,
    (VALUES (200, '{"tracking": "~", "note": "~"}'), (400, '{"code": "~", "cvc": "123"}')) b (status, body) GROUP BY 1, 2 ORDER BY 1, 2;

-- Nothing of it is anywhere in the shop: no row of any table holds one of the numbers, in any form.
CREATE FUNCTION card_rows(tables regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_rows bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s t WHERE EXISTS (SELECT FROM card_numbers n WHERE position(n.digits IN translate(t::text, '' -'', '''')) > 0)', tables)
        INTO found_rows;
    RETURN found_rows;
END $$;
SELECT count(*) > 60 AS tables, sum(card_rows(c.oid)) AS rows_with_numbers FROM pg_class c
    WHERE c.relnamespace = 'commerce'::regnamespace AND c.relkind = 'r';

-- What people write ends in tables that refuse it themselves, or has been asked where it came in: every table of the
-- shop with a text is one or the other.
SELECT c.relname AS asked_at_the_entry FROM pg_class c WHERE c.relnamespace = 'commerce'::regnamespace AND c.relkind = 'r'
    AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.atttypid = ANY ('{text,jsonb,text[]}'::regtype[]))
    AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgfoid = 'commerce.refuse_card_numbers()'::regprocedure)
    ORDER BY 1;
BEGIN;
INSERT INTO commerce.products (title) VALUES ('cards');
SAVEPOINT here;
UPDATE commerce.products SET tags = '{a,4111-1111-1111-1111}' WHERE title = 'cards';
ROLLBACK TO here;
UPDATE commerce.products SET attributes = '{"a": {"b": [1, 4111111111111111]}}' WHERE title = 'cards';
ROLLBACK TO here;
UPDATE commerce.products SET attributes = '{"5555 5555 5555 4444": null}' WHERE title = 'cards';
ROLLBACK TO here;
-- Ids, moments, barcodes and telephone numbers are no card numbers.
UPDATE commerce.products SET attributes = '{"id": "0193abcd-ef01-4111-8111-111111111111", "ean": "4006381333931", "at": "2026-11-25T16:28:27.123456+00:00", "tel": "+4915112345678", "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}' WHERE title = 'cards';
SELECT attributes <> '{}' AS stored FROM commerce.products WHERE title = 'cards';
INSERT INTO commerce.variants (sku, barcode) VALUES ('4000000000000002', '36227206271667');
INSERT INTO commerce.variants (sku, title) VALUES ('cards-b', '4000 0000 0000 0002');
ROLLBACK;

-- A table of the app's own.
SELECT commerce.guard_card_numbers('card_tickets');
INSERT INTO card_tickets VALUES (2, 'open', 'his card 4111 1111 1111 1111');
\echo :LAST_ERROR_SQLSTATE
SELECT commerce.guard_card_numbers('card_tickets', '{note}');
INSERT INTO card_tickets VALUES (2, 'open', 'his card 4111 1111 1111 1111');
SELECT commerce.guard_card_numbers('card_tickets');
-- What was there before can be moved along, and not be written anew.
UPDATE card_tickets SET id = 3 WHERE id = 2;
UPDATE card_tickets SET note = note || '!' WHERE id = 3;
SELECT commerce.guard_card_numbers(NULL);
SELECT commerce.guard_card_numbers('card_tickets', NULL);
SELECT commerce.guard_card_numbers('card_tickets', '{nothing}');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'card_tickets'::regclass AND tgname = 'refuse_card_numbers';
CREATE TRIGGER after_the_fact AFTER INSERT ON card_tickets FOR EACH ROW EXECUTE FUNCTION commerce.refuse_card_numbers();
INSERT INTO card_tickets VALUES (4, 'open', '');
DROP TRIGGER after_the_fact ON card_tickets;
DELETE FROM card_tickets;
DELETE FROM commerce.promotions WHERE name = 'cards';
SELECT commerce.settle_account(:'owed') AS settled;
SELECT commerce.delete_endpoint(:'endpoint');
DELETE FROM commerce.provider_events WHERE provider LIKE 'cards-%';
DELETE FROM commerce.provider_calls WHERE provider LIKE 'cards-%';
DELETE FROM commerce.providers WHERE name LIKE 'cards-%';
DELETE FROM commerce.provider_adapters WHERE adapter = 'cards';
