CREATE FUNCTION commerce.order_event(order_id uuid, event text, detail jsonb DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_order_event';
COMMENT ON FUNCTION commerce.order_event(uuid, text, jsonb) IS
'Fires an event at an order and returns its new state: confirm, archive; complete (refused while goods of it are reserved, in a parcel that has not left or still to be sent: fulfil() sends them and hands out what needs no sending but is counted, cancel_lines() takes out what is not sent any more); cancel (gives stock, claims and what balances paid back; refused while something that was sent has not come back); expire (the same, of what nobody has paid, nor is a payment under way for); reopen (a cancelled or expired order is placed again, with stock and claims taken anew or CM001, CM032, CM033; what was refunded stays so); hold and release (no parcel leaves in between; detail {"reason": "fraud check"}); begin_edit, confirm_edit and abort_edit, with the arguments of these functions in detail. All that detail says is kept in commerce.state_history. CM010 with the allowed events, CM011 where a guard refuses, P0002 for an unknown order. Example: SELECT commerce.order_event(order, ''hold'', ''{"reason": "fraud check"}'').';
GRANT EXECUTE ON FUNCTION commerce.order_event(uuid, text, jsonb) TO commerce_app;

CREATE FUNCTION commerce.record_order_event(order_id uuid, event text, detail jsonb DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_record_order_event';
COMMENT ON FUNCTION commerce.record_order_event(uuid, text, jsonb) IS
'Internal. Fires an event at an order and does nothing else: what begin_edit() and its like end with.';

CREATE FUNCTION commerce.payment_event(payment_id uuid, event text, detail jsonb DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_payment_event';
COMMENT ON FUNCTION commerce.payment_event(uuid, text, jsonb) IS
'Fires an event at a payment and returns its new state: void. Money moves by capture_payment() and refund_payment(), which fire the other events. CM010 with the allowed events.';
GRANT EXECUTE ON FUNCTION commerce.payment_event(uuid, text, jsonb) TO commerce_app;

CREATE FUNCTION commerce.fulfilment_event(fulfilment_id uuid, event text, detail jsonb DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_fulfilment_event';
COMMENT ON FUNCTION commerce.fulfilment_event(uuid, text, jsonb) IS
'Fires an event at a fulfilment and returns its new state: schedule, hold, release, start, pack, ship, deliver, incomplete, close, cancel. ship takes its units out of stock, as fulfil() does: CM011 where the order may not be sent, CM001 where fewer are on hand. After cancel and incomplete its units can be planned again; what has left comes back as a return. CM010 with the allowed events.';
GRANT EXECUTE ON FUNCTION commerce.fulfilment_event(uuid, text, jsonb) TO commerce_app;

CREATE FUNCTION commerce.return_event(return_id uuid, event text, detail jsonb DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_return_event';
COMMENT ON FUNCTION commerce.return_event(uuid, text, jsonb) IS
'Fires an event at a return and returns its new state: approve, decline, send (it is in transit), cancel, expire, close. receive_return() fires receive_part and receive. What has not come when a return is closed can be returned by another. CM010 with the allowed events.';
GRANT EXECUTE ON FUNCTION commerce.return_event(uuid, text, jsonb) TO commerce_app;

CREATE FUNCTION commerce.state_event("table" regclass, key jsonb, event text, detail jsonb DEFAULT NULL,
        "column" name DEFAULT NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_state_event';
COMMENT ON FUNCTION commerce.state_event(regclass, jsonb, text, jsonb, name) IS
'Fires an event at a row of any table with a state machine, and returns its new state: SELECT commerce.state_event(''ticket'', ''{"id": 7}'', ''close''). key names the row by its columns; column is needed only where the table has several machines. It takes the right to UPDATE the column. An event that leads back to the same state is judged and recorded like any. CM010 with the allowed events, CM011 where a guard refuses, CM012 where the role is missing, P0002 for an unknown row, 21000 where the key means several, 42704 for a table without a machine.';
GRANT EXECUTE ON FUNCTION commerce.state_event(regclass, jsonb, text, jsonb, name) TO commerce_app;
