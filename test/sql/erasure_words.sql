-- What people write about a customer in their own words: planted wherever it can be, then he is erased, and every table is
-- looked through. Needs a server whose commerce.key_file names a key.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;

INSERT INTO commerce.variants (sku) VALUES ('words-a');
INSERT INTO commerce.prices (sku, price) VALUES ('words-a', '10 EUR');
SELECT commerce.receive_stock('words-a', 1000);
-- A carrier, who is told what a call says, and tells it back.
CREATE FUNCTION words_request(call jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('method', 'POST', 'path', '/labels', 'headers', jsonb_build_object('X-Note', call -> 'arguments' ->> 'note'), 'body', (call -> 'arguments')::text) $$;
CREATE FUNCTION words_read(call jsonb, status integer, answer jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('state', CASE WHEN status < 400 THEN 'labelled' ELSE 'failed' END, 'tracking', answer -> 'tracking', 'keep', answer)
        || CASE WHEN answer ? 'code' THEN jsonb_build_object('error', answer -> 'code') ELSE '{}' END $$;
SELECT commerce.register_adapter('words', 'label', 'public.words_request', 'public.words_read');
SELECT commerce.create_provider('words-carrier', 'shipping', 'words', 'https://example.com') IS NOT NULL
    AND commerce.create_provider('words-stripe', 'payment', 'stripe', 'https://example.com', secret => 'sk_words') IS NOT NULL AS providers;
CREATE FUNCTION words_answer("order" uuid, call uuid, status integer, body text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE commerce.provider_calls c SET state = 'leased', lease_until = now() + interval '1 minute', lease_token = call WHERE c.id = call;
    RETURN commerce.finish_provider_call("order", call, call, status, body);
END $$;

-- Every change of every table is audited: that is not to hold what an erasure takes.
CREATE TABLE words_audited AS SELECT c.oid::regclass AS audited FROM pg_class c WHERE c.relnamespace = 'commerce'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'audit%'
    AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgfoid = 'commerce.audit_change()'::regprocedure);
SELECT count(commerce.audit_table(audited)) > 50 AS audited FROM words_audited;

-- Whatever is said here says "canary" and by which argument it came in. "kept" is what stays, and README.md says so.
CREATE FUNCTION words_of(who text) RETURNS TABLE (said text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    jane uuid;
    sold uuid[];
    parcel uuid;
    goes_back uuid;
    call uuid;
    thing uuid;
    n integer := 0;
BEGIN
    IF who = 'jane' THEN
        jane := commerce.create_customer('canary.create_customer.email@example.com', 'canary create_customer name', 'canary create_customer phone',
            '{"street": "canary create_customer address"}', attributes => '{"note": "canary create_customer attributes"}');
    END IF;
    FOR n IN 1..10 LOOP
        sold := sold || commerce.checkout('[{"sku": "words-a", "quantity": 4}]', customer => jane,
            ship_to => '{"country": "DE", "name": "canary checkout ship_to", "email": "canary.checkout.email@example.com"}',
            options => '{"discounts": [{"amount": "1.00", "reason": "canary checkout options"}], "holder": "words-holder"}',
            idempotency_key => who || n);
    END LOOP;
    PERFORM commerce.order_event(sold[1], 'hold', '{"reason": "canary order_event reason", "canary order_event key": ["canary order_event detail"]}');
    PERFORM commerce.order_event(sold[1], 'release', '{"note": "canary order_event detail"}');
    thing := commerce.begin_edit(sold[2], '[{"line": 1, "discount": "2.00", "reason": "canary begin_edit changes"}]', 'canary begin_edit reason');
    PERFORM commerce.confirm_edit(thing);
    thing := commerce.begin_edit(sold[2], '[{"line": 1, "quantity": 3}]', 'canary begin_edit reason');
    PERFORM commerce.change_edit(thing, '[{"line": 1, "discount": "3.00", "reason": "canary change_edit changes"}]');
    PERFORM commerce.cancel_lines(sold[3], '[{"line": 1, "quantity": 1}]', 'canary cancel_lines reason');
    thing := commerce.authorize_payment(sold[4], reference => 'kept authorize_payment reference ' || who);
    PERFORM commerce.payment_event(thing, 'void', '{"note": "canary payment_event detail"}');
    -- Parcels, by hand and by a carrier.
    PERFORM commerce.capture_payment(commerce.authorize_payment(o)) FROM unnest(sold[5:7]) o;
    parcel := commerce.fulfil(sold[5], tracking => 'canary fulfil tracking');
    PERFORM commerce.track_fulfilment(parcel, 'canary track_fulfilment tracking', 'canary track_fulfilment carrier', 'https://track.example/canary-track_fulfilment-url');
    PERFORM commerce.fulfilment_event(parcel, 'deliver', '{"note": "canary fulfilment_event detail"}');
    parcel := commerce.fulfil(sold[6]);
    call := commerce.request_provider_call(sold[6], 'words-carrier', 'label', '{"note": "canary request_provider_call arguments"}', parcel);
    PERFORM words_answer(sold[6], call, 200, '{"tracking": "canary answer tracking", "note": "canary answer"}');
    call := commerce.request_provider_call(sold[6], 'words-carrier', 'label', '{"note": "canary request_provider_call arguments"}', parcel);
    PERFORM words_answer(sold[6], call, 400, '{"code": "canary answer code"}');
    call := commerce.request_provider_call(sold[6], 'words-carrier', 'label', '{"note": "canary request_provider_call arguments"}', parcel);
    UPDATE commerce.provider_calls c SET state = 'dead', finished_at = now() WHERE c.id = call;
    PERFORM commerce.abandon_provider_call(sold[6], call, 'canary abandon_provider_call reason');
    thing := commerce.request_payment(sold[8], 'words-stripe', payment_method => 'pm_canary_request_payment', return_url => 'https://example.com/canary-request_payment-url');
    SELECT c.id INTO call FROM commerce.provider_calls c WHERE c.order_id = sold[8];
    PERFORM words_answer(sold[8], call, 200, format('{"id": "pi_words_%s", "object": "payment_intent", "amount": 3900, "currency": "eur", "status": "requires_action", "next_action": {"redirect_to_url": {"url": "https://example.com/canary-action"}}}', who));
    -- Back again.
    goes_back := commerce.request_return(sold[5], '[{"line": 1, "quantity": 1, "note": "canary request_return lines"}]', 'canary request_return reason');
    PERFORM commerce.return_event(goes_back, 'approve', '{"note": "canary return_event detail"}');
    PERFORM commerce.receive_return(goes_back, 'restock', 'main', '[{"line": 1, "quantity": 1, "note": "canary receive_return lines"}]', 'canary receive_return note');
    goes_back := commerce.request_return(sold[5], '[{"line": 1, "quantity": 1}]');
    PERFORM commerce.return_event(goes_back, 'approve');
    PERFORM commerce.receive_return(goes_back, 'restock', 'main', note => 'canary receive_return note');
    PERFORM commerce.request_exchange(sold[6], '[{"line": 1, "quantity": 1}]', '[{"sku": "words-a", "quantity": 1}]', 'canary request_exchange reason');
    PERFORM commerce.refund_order(sold[7], '1 EUR', 'kept refund_order reference ' || who);
    -- Carts, drafts and quotes, bought, open and given up.
    FOR n IN 1..2 LOOP
        thing := commerce.create_cart(jane);
        PERFORM commerce.set_cart_line(thing, 'words-a', 1, facts => '{"title": "kept set_cart_line facts"}');
        PERFORM commerce.set_cart(thing, '{"attributes": {"canary set_cart attributes": "canary set_cart attributes"}, "options": {"discounts": [{"amount": "1.00", "reason": "canary set_cart options"}]},
            "ship_to": {"country": "DE", "region": "BE", "name": "canary set_cart ship_to", "email": "canary.set_cart.email@example.com"}}');
        IF n = 1 OR jane IS NULL THEN
            PERFORM commerce.request_quote(thing, 'canary request_quote message') WHERE jane IS NOT NULL;
            sold := sold || commerce.place_order(thing, 'kept place_order key ' || who || n);
        END IF;
    END LOOP;
    thing := commerce.create_quote('[{"sku": "words-a", "quantity": 1, "title": "kept create_quote lines"}]', jane, message => 'canary create_quote message',
        ship_to => '{"country": "DE", "name": "canary create_quote ship_to"}', options => '{"discounts": [{"amount": "1.00", "reason": "canary create_quote options"}]}');
    PERFORM commerce.offer_quote(thing, message => 'canary offer_quote message', valid_until => now() + interval '1 day');
    PERFORM commerce.counter_quote(thing, '[{"sku": "words-a", "quantity": 1}]', 'canary counter_quote message');
    PERFORM commerce.offer_quote(thing, '[{"sku": "words-a", "quantity": 1, "unit_price": "8.00"}]', 'canary offer_quote message', now() + interval '1 day');
    PERFORM commerce.accept_quote(thing, '7 EUR');
    sold := sold || commerce.order_quote(thing, 'kept order_quote key ' || who);
    IF jane IS NOT NULL THEN
        -- A guest's cart that became hers, by way of another.
        thing := commerce.create_cart();
        PERFORM commerce.set_cart_line(thing, 'words-a', 1), commerce.set_cart(thing, '{"attributes": {"note": "canary set_cart merged"}, "ship_to": {"country": "DE", "name": "canary set_cart ship_to"}}');
        goes_back := commerce.create_cart();
        PERFORM commerce.merge_carts(thing, goes_back);
        PERFORM commerce.merge_carts(goes_back, commerce.create_cart(jane));
        thing := commerce.create_quote('[{"sku": "words-a", "quantity": 1}]', jane);
        PERFORM commerce.reject_quote(thing, 'canary reject_quote reason');
        thing := commerce.create_draft('[{"sku": "words-a", "quantity": 1, "title": "kept create_draft lines"}]', jane, changes => '{"attributes": {"note": "canary create_draft changes"}}');
        -- Money.
        thing := commerce.issue_store_credit(jane, '5 EUR', 'canary issue_store_credit reason', 'kept issue_store_credit reference');
        PERFORM commerce.adjust_balance(thing, '1 EUR', 'canary adjust_balance reason');
        PERFORM commerce.balance_event(thing, 'block', '{"note": "canary balance_event detail"}');
        PERFORM commerce.issue_credit(jane, '1 EUR', 'canary issue_credit reason', 'kept issue_credit reference');
        PERFORM commerce.set_credit_limit(jane, '100 EUR', reason => 'canary set_credit_limit reason');
        PERFORM commerce.record_consent(jane, 'kept record_consent purpose', true, 'kept record_consent source', 'kept record_consent document');
        PERFORM commerce.reveal(c.email, c.id, 'canary reveal purpose') FROM commerce.customers c WHERE c.id = jane;
        PERFORM commerce.reveal_customer(jane, 'canary reveal_customer purpose');
        PERFORM commerce.record_audit('kept record_audit kind', jane::text, '{"note": "canary record_audit detail"}');
    END IF;
    PERFORM commerce.record_audit('kept record_audit kind', x::text, '{"note": "canary record_audit detail"}') FROM unnest(sold[1:1] || ARRAY[parcel, goes_back]
        || ARRAY(SELECT p.id FROM commerce.payments p WHERE p.order_id = sold[5]) || ARRAY(SELECT e.id FROM commerce.order_edits e WHERE e.order_id = sold[2])) x;
    CREATE TABLE IF NOT EXISTS words_orders (who text, customer uuid, id uuid);
    INSERT INTO words_orders SELECT who, jane, o FROM unnest(sold) o;
    RETURN QUERY SELECT format('%s orders', cardinality(sold));
END $$;
-- Where it is found, and what.
CREATE FUNCTION words_found(word text) RETURNS TABLE (place text, said text) LANGUAGE plpgsql AS $$
DECLARE
    t regclass;
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'commerce'::regnamespace AND c.relkind = 'r' ORDER BY c.relname COLLATE "C" LOOP
        place := t;
        FOR said IN EXECUTE format('SELECT DISTINCT m[1] FROM %s t, regexp_matches(replace(t::text, ''\u0020'', '' ''), %L, ''g'') m ORDER BY 1', t,
            '(' || word || '[ ._-][A-Za-z]+(?:_[a-z]+)*(?:[ ._-][a-z_]+)?)') LOOP
            RETURN NEXT;
        END LOOP;
    END LOOP;
END $$;

SELECT * FROM words_of('jane');
SELECT * FROM words_of('guest');
SELECT DISTINCT customer AS jane FROM words_orders WHERE customer IS NOT NULL \gset
-- It is all there, or was never stored in the clear.
SELECT string_agg(said, E'\n' ORDER BY said COLLATE "C") AS planted FROM (SELECT DISTINCT said FROM words_found('canary')) f;
SELECT commerce.seal_audit() > 0 AS sealed, (SELECT count(*) FROM commerce.verify_audit()) AS problems;
-- No column that holds any of it is one that ANALYZE takes a sample of.
CREATE FUNCTION words_sampled() RETURNS TABLE (place text, "column" name) LANGUAGE plpgsql AS $$
DECLARE
    sampled boolean;
BEGIN
    FOR place, "column" IN SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relnamespace = 'commerce'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND coalesce(a.attstattarget, -1) <> 0
            ORDER BY c.relname COLLATE "C", a.attnum LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s t WHERE t.%I::text ~ ''canary'')', place, "column") INTO sampled;
        IF sampled THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;
SELECT * FROM words_sampled();
DROP FUNCTION words_sampled;

-- What it was about, to the cent.
CREATE FUNCTION words_sums() RETURNS text LANGUAGE sql AS $$ SELECT md5(concat_ws('/',
    (SELECT string_agg(concat_ws(' ', v.order_id, v.version, jsonb_path_query_array(v.document, 'strict $.**.minor'), jsonb_path_query_array(v.document, 'strict $.**.title'), v.taxes), ',' ORDER BY v.order_id, v.version)
        FROM commerce.order_versions v),
    (SELECT string_agg(concat_ws(' ', e.order_id, e.id, e.difference, jsonb_path_query_array(e.changes, '$[*].line')), ',' ORDER BY e.id) FROM commerce.order_edits e),
    (SELECT string_agg(concat_ws(' ', v.quote_id, v.version, v.lines, v.total), ',' ORDER BY v.quote_id, v.version) FROM commerce.quote_versions v),
    (SELECT string_agg(concat_ws(' ', o.aggregate, o.id, o.topic, jsonb_path_query_array(o.payload, 'strict $.**.minor'), o.payload -> 'lines' #> '{0,quantity}'), ',' ORDER BY o.id)
        FROM commerce.outbox o WHERE o.topic NOT LIKE '%.erased'),
    (SELECT string_agg(concat_ws(' ', b.balance, b."left"), ',' ORDER BY b.balance) FROM commerce.balance_status b),
    (SELECT string_agg((to_jsonb(o) - 'ship_address')::text, ',' ORDER BY o.id) FROM commerce.orders o))) $$;
SELECT words_sums() AS before \gset

-- The customer goes, and with him all but what is kept; the guest's words are there yet.
SELECT commerce.erase_customer(:'jane') -> 'kept' -> 'orders' AS orders;
SELECT f.place, count(*) AS words FROM words_found('canary') f GROUP BY 1 ORDER BY 1;
-- Nor is there a key for what was sealed for a cart before it was hers; those that are left are of the shop and the guest.
SELECT count(*) AS keys FROM commerce.data_keys k JOIN commerce.carts c ON c.id = k.subject WHERE c.state = 'merged' OR c.customer_id = :'jane';
-- Sealed and not sealed entries alike: what is left of them is what the log says.
SELECT count(*) AS problems FROM commerce.verify_audit();
SELECT kind, subject = :'jane' AS janes, jsonb_array_length(detail -> 'entries') AS entries FROM commerce.audit_log WHERE kind = 'redact' AND subject = :'jane';
SELECT kind, detail, octet_length(salt) AS salt, count(*) FROM commerce.audit_log WHERE subject IN (SELECT id::text FROM words_orders WHERE customer IS NOT NULL UNION SELECT :'jane')
    AND (kind IN ('reveal', 'kept record_audit kind')) GROUP BY 1, 2, 3 ORDER BY kind, detail::text;
SELECT commerce.erase_customer(:'jane') ->> 'words' AS again;
-- The guest by the address he gave, in another spelling.
SELECT jsonb_array_length(commerce.erase_guest(email => 'CANARY.checkout.email@Example.com') -> 'orders') AS orders;
SELECT jsonb_array_length(commerce.erase_guest(email => 'canary.set_cart.email@example.com') -> 'orders') AS orders;
SELECT place, said FROM words_found('canary');
SELECT commerce.erase_guest(id) -> 'kept' -> 'orders' AS orders FROM words_orders o WHERE who = 'guest' AND NOT EXISTS (SELECT FROM commerce.guests g WHERE g.order_id = o.id);
SELECT words_sums() = :'before' AS same_to_the_cent, (SELECT count(*) FROM commerce.outbox o JOIN commerce.event_topics() t USING (topic)
    WHERE NOT commerce.payload_fits(t.shape, o.payload)) AS misshapen;
-- Nothing is left but what README.md lists.
SELECT place, said FROM words_found('canary');
SELECT place, said FROM words_found('kept');
SELECT commerce.seal_audit() > 0 AS sealed, (SELECT count(*) FROM commerce.verify_audit()) AS problems;

-- Orders go on: four units for 39, of which one was taken out before and one is now.
SELECT o.total, commerce.cancel_lines(o.id, '[{"line": 1, "quantity": 1}]') IS NOT NULL AS cancelled
    FROM commerce.orders o WHERE o.id IN (SELECT v.order_id FROM commerce.order_versions v WHERE v.cause = 'cancel_lines' AND v.order_id IN (SELECT w.id FROM words_orders w)) ORDER BY o.id;
SELECT o.total FROM commerce.orders o WHERE o.id IN (SELECT v.order_id FROM commerce.order_versions v WHERE v.cause = 'cancel_lines' AND v.order_id IN (SELECT w.id FROM words_orders w)) ORDER BY o.id;

-- What an erasure took is taken by nobody else, and an entry that says so stays so.
\set VERBOSITY sqlstate
UPDATE commerce.audit_log SET detail = NULL WHERE kind = 'insert' AND subject = (SELECT id::text FROM words_orders LIMIT 1);
UPDATE commerce.audit_log SET detail = '{}' WHERE kind = 'redact';
UPDATE commerce.audit_log SET detail = NULL, salt = commerce.audit_erased(detail, salt) WHERE kind = 'redact';
UPDATE commerce.audit_log SET actor = 'nobody' WHERE kind = 'reveal' AND subject = :'jane';
SELECT commerce.record_audit('redact', 'x');
SELECT commerce.record_audit('erase', 'x');
SELECT commerce.record_audit('login', 'x');
SELECT commerce.record_audit('lockout', 'x');
SELECT commerce.record_audit('rotate data keys', 'x');
UPDATE commerce.quote_versions SET total = '0 EUR', message = NULL;
UPDATE commerce.quote_versions SET message = 'other';
UPDATE commerce.balance_entries SET amount = amount, reason = 'other';
UPDATE commerce.balance_entries SET reference = NULL, reason = 'erased';
DELETE FROM commerce.balance_entries;
UPDATE commerce.carts SET channel = 'default', attributes = '{"a": 1}' WHERE state = 'placed';
UPDATE commerce.quotes SET total = NULL WHERE state = 'ordered';
\set VERBOSITY terse
BEGIN;
ALTER TABLE commerce.audit_log DISABLE TRIGGER refuse_change;
UPDATE commerce.audit_log SET actor = 'nobody' WHERE kind = 'reveal' AND subject = :'jane';
SELECT problem, count(*) > 0 AS found FROM commerce.verify_audit() GROUP BY 1;
ROLLBACK;
BEGIN;
ALTER TABLE commerce.audit_log DISABLE TRIGGER refuse_change;
UPDATE commerce.audit_log SET detail = NULL, salt = commerce.audit_erased(detail, salt) WHERE relation = 'commerce.prices' AND detail #>> '{new,sku}' = 'words-a';
SELECT problem, detail, count(*) AS found FROM commerce.verify_audit() GROUP BY 1, 2;
ROLLBACK;
BEGIN;
ALTER TABLE commerce.audit_log DISABLE TRIGGER refuse_change;
UPDATE commerce.audit_log SET detail = '{"purpose": "other"}' WHERE kind = 'reveal' AND subject = :'jane';
ROLLBACK;

-- Every text that a function takes is planted here, or is none of a customer's.
CREATE VIEW words_arguments AS
    SELECT p.proname AS function, a.name AS argument FROM pg_proc p,
        unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes) AS a (name, type, mode)
    WHERE p.pronamespace = 'commerce'::regnamespace AND p.prokind = 'f' AND p.provolatile = 'v' AND p.prorettype <> 'trigger'::regtype
        AND coalesce(a.mode, 'i') = 'i' AND a.type = ANY ('{text,varchar,bpchar,json,jsonb,text[],varchar[],jsonb[]}'::regtype[])
        AND obj_description(p.oid, 'pg_proc') NOT LIKE 'Internal.%';
CREATE TABLE words_elsewhere AS SELECT unnest(string_to_array(functions, ' '))::name AS function, reason FROM (VALUES
    ('change_password confirm_totp create_totp forgive_login login logout remove_totp reset_password use_session verify_totp', 'secrets that are compared'),
    ('create_staff_jwt create_jwt_key create_endpoint update_endpoint disable_endpoint rotate_endpoint_secret replay_events create_provider update_provider register_adapter',
        'the shop''s own'),
    ('create_shop create_state_machine attach_state_machine drop_state_machine register_sealed_column register_sensitive_field unregister_sensitive_field', 'the shop''s own'),
    ('adjust_stock announce_stock count_stock expect_stock invalidate_stock move_stock receive_stock send_stock set_stock_policy start_stocktake', 'about goods'),
    ('reserve reserve_lines try_reserve release_holder release_reservation extend_reservation update_reservation hold_cart plan_fulfilment split_fulfilment move_fulfilment',
        'names of skus, holders and locations'),
    ('add_cart_code remove_cart_code create_codes create_cart set_cart_lines', 'codes, channels, and goods as set_cart_line() has them'),
    ('begin_payment capture_payment charge_back_payment refund_payment reverse_chargeback void_payment pay_on_account pay_with_balance settle_account issue_gift_card',
        'references, as authorize_payment() has them'),
    ('receive_provider_event', 'what providers tell of payments: ids, amounts and states'),
    ('erase_guest', 'an address that is looked for'),
    ('seal', 'sealed'), ('state_event', 'histories of the app''s own tables')) e (functions, reason);
SELECT DISTINCT function FROM words_arguments WHERE function NOT IN (SELECT e.function FROM words_elsewhere e)
    AND position(function IN (SELECT prosrc FROM pg_proc WHERE proname = 'words_of')) = 0;
SELECT function FROM words_elsewhere EXCEPT SELECT function FROM words_arguments;

DO $$
DECLARE
    a regclass;
BEGIN
    FOR a IN SELECT audited FROM words_audited LOOP
        EXECUTE format('DROP TRIGGER audit_change ON %1$s; DROP TRIGGER audit_truncate ON %1$s', a);
    END LOOP;
END $$;
DROP FUNCTION words_of, words_found, words_answer, words_sums;
DROP TABLE words_orders, words_audited;
DELETE FROM commerce.provider_calls WHERE provider LIKE 'words-%';
DELETE FROM commerce.provider_payments WHERE provider LIKE 'words-%';
DELETE FROM commerce.providers WHERE name LIKE 'words-%';
DELETE FROM commerce.provider_adapters WHERE adapter = 'words';
