SELECT commerce.create_state_machine('order', '{
    "initial": "placed",
    "states": ["placed", "confirmed", "completed", "cancelled", "archived"],
    "transitions": [
        {"event": "confirm", "from": "placed", "to": "confirmed", "topic": "order.confirmed"},
        {"event": "complete", "from": ["placed", "confirmed"], "to": "completed", "topic": "order.completed"},
        {"event": "cancel", "from": ["placed", "confirmed"], "to": "cancelled", "topic": "order.cancelled",
            "guard": "commerce.nothing_is_shipped", "effect": "commerce.release_order"},
        {"event": "archive", "from": ["completed", "cancelled"], "to": "archived", "topic": "order.archived"}]}');

SELECT commerce.create_state_machine('payment', '{
    "initial": "authorized",
    "states": ["authorized", "partially_captured", "captured", "partially_refunded", "refunded", "voided"],
    "transitions": [
        {"event": "capture_part", "from": "authorized", "to": "partially_captured"},
        {"event": "capture", "from": ["authorized", "partially_captured"], "to": "captured"},
        {"event": "refund_part", "from": ["partially_captured", "captured"], "to": "partially_refunded"},
        {"event": "refund", "from": ["partially_captured", "captured", "partially_refunded"], "to": "refunded"},
        {"event": "void", "from": "authorized", "to": "voided", "topic": "payment.voided"}]}');

SELECT commerce.create_state_machine('fulfilment', '{
    "initial": "open",
    "states": ["open", "shipped", "delivered"],
    "transitions": [
        {"event": "ship", "from": "open", "to": "shipped", "topic": "fulfilment.shipped"},
        {"event": "deliver", "from": "shipped", "to": "delivered", "topic": "fulfilment.delivered"}]}');

SELECT commerce.create_state_machine('return', '{
    "initial": "requested",
    "states": ["requested", "approved", "declined", "received", "closed", "cancelled"],
    "transitions": [
        {"event": "approve", "from": "requested", "to": "approved", "topic": "return.approved"},
        {"event": "decline", "from": "requested", "to": "declined", "topic": "return.declined"},
        {"event": "cancel", "from": ["requested", "approved"], "to": "cancelled", "topic": "return.cancelled"},
        {"event": "receive", "from": ["requested", "approved"], "to": "received", "topic": "return.received",
            "guard": "commerce.return_is_sorted"},
        {"event": "close", "from": "received", "to": "closed", "topic": "return.closed"}]}');

SELECT commerce.attach_state_machine('commerce.orders', 'state', 'order');
SELECT commerce.attach_state_machine('commerce.payments', 'state', 'payment');
SELECT commerce.attach_state_machine('commerce.fulfilments', 'state', 'fulfilment');
SELECT commerce.attach_state_machine('commerce.returns', 'state', 'return');
