-- Returns come in parts: each unit once, accepted or not, to where the shop wants it, for its exact share.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT commerce.create_shop('EUR') > 0 AS shop;
RESET client_min_messages;
INSERT INTO commerce.channels (code) VALUES ('rtp');
INSERT INTO commerce.channels (code, invoice_on, invoice_format, credit_note_format) VALUES ('rtp-inv', 'paid', 'RTP-{number:4}', 'RTPC-{number:4}');
INSERT INTO commerce.locations (code) VALUES ('rtp-dock');
INSERT INTO commerce.variants (sku) VALUES ('rtp-A'), ('rtp-B'), ('rtp-kit'), ('rtp-part');
INSERT INTO commerce.kit_parts VALUES ('rtp-kit', 'rtp-part', 3);
-- 10.00 for seven, 7.00 for three: no share is a whole number of cents.
INSERT INTO commerce.prices (sku, price, per_quantity) VALUES ('rtp-A', '10 EUR', 7), ('rtp-B', '7 EUR', 3), ('rtp-kit', '5 EUR', 1);
SELECT commerce.receive_stock('rtp-A', 100), commerce.receive_stock('rtp-B', 100), commerce.receive_stock('rtp-part', 30) \gset
CREATE FUNCTION pg_temp.came(back uuid) RETURNS TABLE (line integer, quantity bigint, accepted boolean, disposition text, location text,
    share commerce.amount, value commerce.amount, note text) LANGUAGE sql AS $$
    SELECT x.line, x.quantity, x.accepted, x.disposition, x.location, x.share, x.value, x.note
    FROM commerce.return_receptions x WHERE x.return_id = back ORDER BY x.id
$$;
CREATE FUNCTION pg_temp.levels(pattern text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s: %s on hand, %s damaged, %s in quality control, %s available', sku, location, on_hand, damaged, quality_control, available), '; ' ORDER BY sku, location)
    FROM commerce.stock_levels WHERE sku LIKE pattern
$$;

-- Three receptions, two of them mixed.
SELECT commerce.checkout('[{"sku": "rtp-A", "quantity": 7}, {"sku": "rtp-B", "quantity": 3}]') AS id \gset
SELECT commerce.fulfil(:'id') IS NOT NULL AS sent;
SELECT commerce.request_return(:'id', '[{"sku": "rtp-A", "quantity": 7}, {"sku": "rtp-B", "quantity": 2}]', 'too big') AS r1 \gset
SELECT commerce.return_event(:'r1', 'approve'), commerce.return_event(:'r1', 'send');
SELECT commerce.order_fulfilment_status(:'id');
SELECT commerce.receive_return(:'r1', lines => '[{"sku": "rtp-A", "quantity": 1}, {"sku": "rtp-A", "quantity": 2, "disposition": "damaged", "location": "rtp-dock", "note": "scratched"}]');
SELECT state FROM commerce.returns WHERE id = :'r1';
SELECT commerce.order_fulfilment_status(:'id'), pg_temp.levels('rtp-A');
SELECT commerce.receive_return(:'r1', 'quality_control', lines => '[{"line": 2, "quantity": 1}, {"line": 1, "quantity": 1, "accepted": false, "note": "worn"}, {"line": 1, "quantity": 1, "accepted": false, "disposition": "restock"}]');
SELECT state FROM commerce.returns WHERE id = :'r1';
SELECT jsonb_path_query(commerce.order_summary(:'id'), '$.returns[0].lines[*]') AS summary;
SELECT commerce.receive_return(:'r1', note => 'the rest');
SELECT * FROM pg_temp.came(:'r1');
-- Shares of line 1 add up to what it cost, values to what was accepted.
SELECT line, commerce.sum(share) AS shares, commerce.sum(value) AS value, sum(quantity) FILTER (WHERE accepted) AS accepted FROM pg_temp.came(:'r1') GROUP BY 1 ORDER BY 1;
SELECT state FROM commerce.returns WHERE id = :'r1';
SELECT commerce.order_fulfilment_status(:'id'), pg_temp.levels('rtp-_');
SELECT bool_and(s.on_hand = m.moved) AS movements_add_up FROM commerce.stock s
    JOIN (SELECT sku, location, sum(delta) AS moved FROM commerce.stock_movements GROUP BY 1, 2) m USING (sku, location) WHERE s.sku LIKE 'rtp-_';
SELECT event, from_state, to_state, detail #>> '{value,amount}' AS value FROM commerce.state_history WHERE subject = :'id' AND machine = 'return' ORDER BY id;
SELECT topic FROM commerce.outbox WHERE aggregate = :'id' AND topic LIKE 'return.%' ORDER BY id;
-- Each unit comes once, also one that was not accepted.
\set VERBOSITY default
SELECT commerce.receive_return(:'r1');
SELECT commerce.request_return(:'id', '[{"line": 1, "quantity": 1}]');
SELECT commerce.request_return(:'id', '[{"line": 2, "quantity": 2}]');
SELECT commerce.order_event(:'id', 'cancel');

-- Whatever comes when, all accepted units together are worth what the line cost.
CREATE TEMP TABLE orders_of_receptions (pieces integer[]);
INSERT INTO orders_of_receptions VALUES ('{7}'), ('{1,1,1,1,1,1,1}'), ('{3,1,3}'), ('{2,5}'), ('{6,1}'), ('{1,2,4}');
DO $$
DECLARE
    o uuid;
    r uuid;
    pieces integer[];
    piece integer;
    worth commerce.amount;
BEGIN
    FOR pieces IN SELECT x.pieces FROM orders_of_receptions x LOOP
        o := commerce.checkout('[{"sku": "rtp-A", "quantity": 7}]');
        PERFORM commerce.fulfil(o);
        r := commerce.request_return(o, '[{"line": 1, "quantity": 7}]');
        worth := '0 EUR';
        FOREACH piece IN ARRAY pieces LOOP
            worth := worth OPERATOR(commerce.+) commerce.receive_return(r, lines => jsonb_build_array(jsonb_build_object('line', 1, 'quantity', piece)));
        END LOOP;
        ASSERT commerce.minor_units(worth) = 1000, worth;
        ASSERT (SELECT state FROM commerce.returns WHERE id = r) = 'received';
        ASSERT commerce.order_fulfilment_status(o) = 'returned';
    END LOOP;
END
$$;

-- Closed when a part has come: the rest can come back by another return, for what is left of the line.
SELECT commerce.checkout('[{"sku": "rtp-B", "quantity": 3}]') AS id2 \gset
SELECT commerce.fulfil(:'id2') IS NOT NULL AS sent;
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 3}]') AS c1 \gset
SELECT commerce.return_event(:'c1', 'close');
SELECT commerce.receive_return(:'c1', 'write_off', lines => '[{"line": 1, "quantity": 1}]');
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 1}]');
SELECT commerce.return_event(:'c1', 'receive');
SELECT commerce.return_event(:'c1', 'close');
SELECT commerce.receive_return(:'c1');
SELECT commerce.order_fulfilment_status(:'id2');
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 3}]');
SELECT commerce.request_return(:'id2', '[{"line": 1, "quantity": 2}]') AS c2 \gset
SELECT line, quantity, value FROM commerce.return_lines WHERE order_id = :'id2' ORDER BY return_id;
SELECT commerce.receive_return(:'c2', lines => '[{"line": 1, "quantity": 1, "accepted": false}, {"line": 1, "quantity": 1}]');
SELECT return_id = :'c2' AS second, quantity, accepted, share, value FROM commerce.return_receptions WHERE order_id = :'id2' ORDER BY id;

-- All refused: nothing to refund, nothing restocked, and the order stands.
SELECT commerce.checkout('[{"sku": "rtp-B", "quantity": 2}]') AS id3 \gset
SELECT commerce.fulfil(:'id3') IS NOT NULL AS sent;
SELECT commerce.receive_return(commerce.request_return(:'id3', '[{"line": 1, "quantity": 2}]'), lines => '[{"line": 1, "quantity": 2, "accepted": false}]');
SELECT commerce.order_fulfilment_status(:'id3'), pg_temp.levels('rtp-B');

-- A kit comes back as its parts.
SELECT commerce.checkout('[{"sku": "rtp-kit", "quantity": 3}]') AS id4 \gset
SELECT commerce.fulfil(:'id4') IS NOT NULL AS sent;
SELECT commerce.request_return(:'id4', '[{"line": 1, "quantity": 3}]') AS k1 \gset
SELECT commerce.receive_return(:'k1', lines => '[{"line": 1, "quantity": 1}, {"line": 1, "quantity": 1, "disposition": "quality_control"}]');
SELECT pg_temp.levels('rtp-part');

-- Expiry: as the call says, else as the shop says; only what was not sent.
UPDATE commerce.shop SET return_expiry = '14 days';
SELECT commerce.checkout('[{"sku": "rtp-B", "quantity": 5}]') AS id5 \gset
SELECT commerce.fulfil(:'id5') IS NOT NULL AS sent;
SELECT commerce.request_return(:'id5', '[{"line": 1, "quantity": 1}]') AS e1, commerce.request_return(:'id5', '[{"line": 1, "quantity": 1}]', expires_at => now() + '1 day') AS e2,
    commerce.request_return(:'id5', '[{"line": 1, "quantity": 1}]', expires_at => now() + '1 day') AS e3, commerce.request_return(:'id5', '[{"line": 1, "quantity": 1}]', expires_at => 'infinity') AS e4 \gset
UPDATE commerce.shop SET return_expiry = NULL;
SELECT commerce.request_return(:'id5', '[{"line": 1, "quantity": 1}]') AS e5 \gset
SELECT expires_at - created_at AS expires_after FROM commerce.returns WHERE order_id = :'id5' ORDER BY id;
SELECT commerce.return_event(:'e2', 'approve'), commerce.return_event(:'e3', 'send');
UPDATE commerce.returns SET expires_at = now() - interval '1 second' WHERE id IN (:'e2', :'e3');
SELECT commerce.request_return(:'id5', '[{"line": 1, "quantity": 1}]');
SELECT commerce.expire_returns();
SELECT commerce.expire_returns();
SELECT array_agg(state ORDER BY id) FROM commerce.returns WHERE order_id = :'id5';
SELECT commerce.request_return(:'id5', '[{"line": 1, "quantity": 1}]') IS NOT NULL AS free_again;
SELECT commerce.receive_return(:'e2');
SELECT commerce.receive_return(:'e3');
SELECT commerce.return_event(:'e4', 'expire'), commerce.return_event(:'e5', 'cancel');
SELECT topic, count(*) FROM commerce.outbox WHERE aggregate = :'id5' AND topic LIKE 'return.%' GROUP BY 1 ORDER BY 1;

-- Credit notes: what a return that has ended was worth, beside what was refunded meanwhile.
SELECT commerce.checkout('[{"sku": "rtp-A", "quantity": 7}]', channel => 'rtp-inv') AS id6 \gset
SELECT commerce.authorize_payment(:'id6') AS pay \gset
SELECT commerce.issue_invoices(100000) IS NOT NULL AS "what others left";
SELECT commerce.capture_payment(:'pay'), commerce.fulfil(:'id6') IS NOT NULL AS sent;
SELECT commerce.issue_invoices() AS documents;
SELECT commerce.request_return(:'id6', '[{"line": 1, "quantity": 5}]') AS i1 \gset
SELECT value FROM commerce.return_lines WHERE return_id = :'i1';
SELECT commerce.receive_return(:'i1', lines => '[{"line": 1, "quantity": 2}]') AS first \gset
SELECT commerce.issue_invoices() AS not_yet;
SELECT commerce.refund_payment(:'pay', :'first');
SELECT commerce.receive_return(:'i1', lines => '[{"line": 1, "quantity": 1}, {"line": 1, "quantity": 1, "accepted": false}]') AS second \gset
SELECT commerce.return_event(:'i1', 'close');
SELECT commerce.issue_invoices() AS documents;
SELECT invoice_number, kind, cause, total FROM commerce.invoices WHERE order_id = :'id6' ORDER BY issued_at, invoice_number;
SELECT commerce.refund_payment(:'pay', :'second');
SELECT commerce.issue_invoices() AS nothing_more;
SELECT :'first' AS first, :'second' AS second, commerce.sum(total) AS invoiced FROM commerce.invoices WHERE order_id = :'id6';

-- Reports count what came and was accepted.
SELECT sku, units_returned, gross_returned, units_restocked, units_damaged, units_in_quality_control, units_written_off, units_refused, reasons
FROM commerce.returns_report() WHERE sku IN ('rtp-A', 'rtp-kit') ORDER BY sku;

-- Refused, with nothing changed.
SELECT commerce.request_return(:'id6', '[{"line": 1, "quantity": 2}]') AS bad \gset
SELECT pg_temp.levels('rtp-_') AS before \gset
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 3}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 1}, {"line": 1, "quantity": 2}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 1, "accepted": "yes"}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 1, "location": "rtp-nowhere"}]');
SELECT commerce.return_event(:'bad', 'receive_part');
\set VERBOSITY sqlstate
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 1, "disposition": "eat"}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 1, "disposition": 1}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 1, "disposition": null}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 1, "accepted": null}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 1, "location": 1}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 1, "note": {}}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 2, "quantity": 1}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 0}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": -1}]');
SELECT commerce.receive_return(:'bad', lines => '[{"line": 1, "quantity": 9223372036854775807}]');
SELECT commerce.receive_return(:'bad', lines => '[]');
SELECT commerce.receive_return(:'bad', lines => '{}');
SELECT commerce.receive_return(:'bad', lines => 'null');
SELECT commerce.receive_return(:'bad', lines => '[1]');
SELECT commerce.receive_return(:'bad', 'damage');
SELECT commerce.receive_return(:'bad', 'damaged', 'rtp-nowhere');
SELECT commerce.request_return(:'id6', '[{"line": 1, "quantity": 1}]', expires_at => now());
SELECT commerce.request_return(:'id6', '[{"line": 1, "quantity": 1}]', expires_at => '-infinity');
SELECT commerce.expire_returns(0);
SELECT commerce.expire_returns(NULL);
UPDATE commerce.shop SET return_expiry = '-1 day';
UPDATE commerce.returns SET state = 'received' WHERE id = :'bad';
UPDATE commerce.returns SET state = 'partially_received' WHERE id = :'bad';
\set VERBOSITY default
SELECT pg_temp.levels('rtp-_') = :'before' AS unchanged, (SELECT state FROM commerce.returns WHERE id = :'bad'), (SELECT count(*) FROM pg_temp.came(:'bad')) AS came;
