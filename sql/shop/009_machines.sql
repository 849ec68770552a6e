-- What leads back to the state it comes from is recorded like any change: an order is held back or edited in its state.
SELECT commerce.create_state_machine('order', '{
    "initial": "placed",
    "states": ["placed", "confirmed", "completed", "cancelled", "expired", "archived"],
    "transitions": [
        {"event": "confirm", "from": "placed", "to": "confirmed", "topic": "order.confirmed"},
        {"event": "complete", "from": ["placed", "confirmed"], "to": "completed", "topic": "order.completed",
            "guard": "commerce.nothing_is_left"},
        {"event": "cancel", "from": ["placed", "confirmed"], "to": "cancelled", "topic": "order.cancelled",
            "guard": "commerce.nothing_is_shipped", "effect": "commerce.release_order"},
        {"event": "expire", "from": "placed", "to": "expired", "topic": "order.expired",
            "guard": "commerce.nothing_is_paid", "effect": "commerce.release_order"},
        {"event": "reopen", "from": ["cancelled", "expired"], "to": "placed", "topic": "order.reopened",
            "effect": "commerce.take_order_again"},
        {"event": "hold", "from": "placed", "to": "placed", "topic": "order.held",
            "guard": "commerce.may_hold", "effect": "commerce.hold_order"},
        {"event": "hold", "from": "confirmed", "to": "confirmed", "topic": "order.held",
            "guard": "commerce.may_hold", "effect": "commerce.hold_order"},
        {"event": "release", "from": "placed", "to": "placed", "topic": "order.released",
            "guard": "commerce.may_hold", "effect": "commerce.hold_order"},
        {"event": "release", "from": "confirmed", "to": "confirmed", "topic": "order.released",
            "guard": "commerce.may_hold", "effect": "commerce.hold_order"},
        {"event": "begin_edit", "from": "placed", "to": "placed", "guard": "commerce.edit_is_at_hand"},
        {"event": "begin_edit", "from": "confirmed", "to": "confirmed", "guard": "commerce.edit_is_at_hand"},
        {"event": "begin_edit", "from": "completed", "to": "completed", "guard": "commerce.edit_is_at_hand"},
        {"event": "abort_edit", "from": "placed", "to": "placed", "guard": "commerce.edit_is_at_hand"},
        {"event": "abort_edit", "from": "confirmed", "to": "confirmed", "guard": "commerce.edit_is_at_hand"},
        {"event": "abort_edit", "from": "completed", "to": "completed", "guard": "commerce.edit_is_at_hand"},
        {"event": "abort_edit", "from": "archived", "to": "archived", "guard": "commerce.edit_is_at_hand"},
        {"event": "confirm_edit", "from": "placed", "to": "placed", "guard": "commerce.edit_is_at_hand"},
        {"event": "confirm_edit", "from": ["confirmed", "completed"], "to": "confirmed", "guard": "commerce.edit_is_at_hand"},
        {"event": "archive", "from": ["completed", "cancelled", "expired"], "to": "archived", "topic": "order.archived"}]}');

-- A payment is there before it is authorized where the buyer is sent elsewhere to confirm it.
SELECT commerce.create_state_machine('payment', '{
    "initial": "created",
    "states": ["created", "processing", "requires_action", "authorized", "partially_captured", "captured",
        "partially_refunded", "refunded", "voided", "failed", "expired", "charged_back"],
    "transitions": [
        {"event": "process", "from": ["created", "requires_action"], "to": "processing"},
        {"event": "require_action", "from": ["created", "processing"], "to": "requires_action", "topic": "payment.requires_action"},
        {"event": "authorize", "from": ["created", "processing", "requires_action"], "to": "authorized"},
        {"event": "fail", "from": ["created", "processing", "requires_action"], "to": "failed", "topic": "payment.failed"},
        {"event": "capture_part", "from": "authorized", "to": "partially_captured"},
        {"event": "capture", "from": ["authorized", "partially_captured"], "to": "captured"},
        {"event": "unsettle", "from": ["captured", "partially_refunded"], "to": "partially_captured"},
        {"event": "refund_part", "from": ["partially_captured", "captured"], "to": "partially_refunded"},
        {"event": "refund", "from": ["partially_captured", "captured", "partially_refunded"], "to": "refunded"},
        {"event": "charge_back", "from": ["partially_captured", "captured", "partially_refunded"], "to": "charged_back"},
        {"event": "reverse", "from": "charged_back", "to": "captured"},
        {"event": "reverse_part", "from": "charged_back", "to": "partially_captured"},
        {"event": "reverse_rest", "from": "charged_back", "to": "partially_refunded"},
        {"event": "expire", "from": ["created", "processing", "requires_action", "authorized"], "to": "expired",
            "topic": "payment.expired", "effect": "commerce.payment_let_go"},
        {"event": "void", "from": ["created", "processing", "requires_action", "authorized"], "to": "voided",
            "topic": "payment.voided", "effect": "commerce.payment_let_go"}]}');

-- The event ship is what takes a parcel's units out of stock, whoever fires it and however.
SELECT commerce.create_state_machine('fulfilment', '{
    "initial": "open",
    "states": ["open", "scheduled", "on_hold", "in_progress", "packed", "shipped", "delivered", "incomplete", "closed", "cancelled"],
    "transitions": [
        {"event": "schedule", "from": "open", "to": "scheduled"},
        {"event": "hold", "from": ["open", "scheduled", "in_progress", "packed"], "to": "on_hold"},
        {"event": "release", "from": "on_hold", "to": "open"},
        {"event": "start", "from": ["open", "scheduled"], "to": "in_progress"},
        {"event": "pack", "from": ["open", "in_progress"], "to": "packed", "topic": "fulfilment.packed"},
        {"event": "ship", "from": ["open", "in_progress", "packed"], "to": "shipped", "topic": "fulfilment.shipped",
            "guard": "commerce.parcel_may_leave", "effect": "commerce.send_parcel"},
        {"event": "deliver", "from": "shipped", "to": "delivered", "topic": "fulfilment.delivered"},
        {"event": "incomplete", "from": ["in_progress", "packed"], "to": "incomplete", "topic": "fulfilment.incomplete",
            "effect": "commerce.drop_parcel"},
        {"event": "close", "from": ["delivered", "incomplete"], "to": "closed"},
        {"event": "cancel", "from": ["open", "scheduled", "on_hold", "in_progress", "packed"], "to": "cancelled", "topic": "fulfilment.cancelled"}]}');

SELECT commerce.create_state_machine('return', '{
    "initial": "requested",
    "states": ["requested", "approved", "declined", "in_transit", "partially_received", "received", "closed", "cancelled", "expired"],
    "transitions": [
        {"event": "approve", "from": "requested", "to": "approved", "topic": "return.approved"},
        {"event": "decline", "from": "requested", "to": "declined", "topic": "return.declined"},
        {"event": "send", "from": ["requested", "approved"], "to": "in_transit", "topic": "return.sent"},
        {"event": "cancel", "from": ["requested", "approved", "in_transit"], "to": "cancelled", "topic": "return.cancelled"},
        {"event": "expire", "from": ["requested", "approved"], "to": "expired", "topic": "return.expired"},
        {"event": "receive_part", "from": ["requested", "approved", "in_transit", "partially_received"], "to": "partially_received",
            "topic": "return.partially_received", "guard": "commerce.return_has_come"},
        {"event": "receive", "from": ["requested", "approved", "in_transit", "partially_received"], "to": "received",
            "topic": "return.received", "guard": "commerce.return_has_come"},
        {"event": "close", "from": ["partially_received", "received"], "to": "closed", "topic": "return.closed"}]}');

SELECT commerce.attach_state_machine('commerce.orders', 'state', 'order');
SELECT commerce.attach_state_machine('commerce.payments', 'state', 'payment');
SELECT commerce.attach_state_machine('commerce.fulfilments', 'state', 'fulfilment');
SELECT commerce.attach_state_machine('commerce.returns', 'state', 'return');
