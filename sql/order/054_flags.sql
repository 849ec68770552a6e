-- What an order is beside its state: on hold; and what becomes of one that nobody pays, or that is wanted after all.
CREATE FUNCTION commerce.may_hold("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (event = 'release') = EXISTS (SELECT FROM commerce.order_holds h
        WHERE h.order_id = ("row" ->> 'id')::uuid AND h.released_at IS NULL);
END
$$;
COMMENT ON FUNCTION commerce.may_hold(jsonb, text, jsonb) IS
'Internal. Guard of an order''s hold and release: what is on hold is not held again, and what is not is not released.';

CREATE FUNCTION commerce.hold_order("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF event = 'hold' THEN
        INSERT INTO commerce.order_holds (order_id, reason, held_by)
            VALUES (("row" ->> 'id')::uuid, detail ->> 'reason', commerce.acting_role());
    ELSE
        UPDATE commerce.order_holds h SET released_by = commerce.acting_role(), released_at = clock_timestamp()
            WHERE h.order_id = ("row" ->> 'id')::uuid AND h.released_at IS NULL;
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION commerce.hold_order(jsonb, text, jsonb) IS
'Internal. Effect of an order''s hold and release: notes who did it, and why.';

CREATE FUNCTION commerce.refuse_held_parcel() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held record;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = NEW.state THEN
        RETURN NEW;
    END IF;
    -- Whoever ships by an UPDATE waits here for one who is about to hold the order.
    PERFORM FROM commerce.orders o WHERE o.id = NEW.order_id FOR NO KEY UPDATE;
    SELECT h.reason, h.held_at INTO held FROM commerce.order_holds h WHERE h.order_id = NEW.order_id AND h.released_at IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'the order is on hold%', coalesce(': ' || held.reason, '') USING ERRCODE = 'CM011',
            DETAIL = jsonb_build_object('order', NEW.order_id, 'reason', held.reason, 'held_at', held.held_at),
            HINT = 'Nothing of it leaves before commerce.order_event(order, ''release'').';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION commerce.refuse_held_parcel() IS
'Internal. Trigger on commerce.fulfilments: no parcel of an order on hold is shipped, CM011 with the hold''s reason.';

CREATE FUNCTION commerce.money_may_come("order" uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM commerce.payments p WHERE p.order_id = "order" AND p.state IN ('processing', 'requires_action'))
        -- Of a payment that is only created it is its call that tells whether its provider has heard of it, or is about to.
        OR EXISTS (SELECT FROM commerce.provider_calls c WHERE c.order_id = "order" AND c.operation IN ('authorize', 'capture')
            AND (c.state IN ('pending', 'leased', 'unknown') OR c.state = 'dead' AND c.maybe_done));
END
$$;
COMMENT ON FUNCTION commerce.money_may_come(uuid) IS
'Internal. Whether money for an order may be on its way: a payment is processing or waits for the buyer, or a provider was asked for one and nobody knows yet what came of it.';

CREATE FUNCTION commerce.nothing_is_paid("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- An older snapshot does not decide about a payment that has gone on since (40001).
    PERFORM FROM commerce.payments p WHERE p.order_id = ("row" ->> 'id')::uuid FOR SHARE;
    RETURN (SELECT commerce.minor_units(o.total) > 0 AND NOT commerce.money_may_come(o.id) AND commerce.unpaid(o.id, o.total) + commerce.paid_in_goods(o.id) >= commerce.minor_units(o.total)
            AND commerce.nothing_is_shipped("row", event, detail)
        FROM commerce.orders o WHERE o.id = ("row" ->> 'id')::uuid);
END
$$;
COMMENT ON FUNCTION commerce.nothing_is_paid(jsonb, text, jsonb) IS
'Internal. Guard of an order''s expire: it costs something, no payment has taken or been promised any of it or may be about to, and none of it was sent, but for what has come back.';

CREATE FUNCTION commerce.take_order_again("row" jsonb, event text, detail jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_order uuid := "row" ->> 'id';
BEGIN
    -- Budgets first, as everyone who takes of both does.
    PERFORM commerce.claim_again(the_order);
    PERFORM commerce.promise_lines(the_order, (SELECT coalesce(jsonb_agg(jsonb_build_object('line', l.line, 'sku', l.sku,
            'quantity', u.quantity) ORDER BY l.line), '[]')
        FROM commerce.unplanned(the_order) u JOIN commerce.order_lines l ON l.order_id = the_order AND l.line = u.line
        WHERE u.quantity > 0));
    RETURN true;
END
$$;
COMMENT ON FUNCTION commerce.take_order_again(jsonb, text, jsonb) IS
'Internal. Effect of an order''s reopen: claims of budgets what it had claimed and given back, and reserves the units that have not left. All or nothing: CM001, CM032, CM033.';

CREATE FUNCTION commerce.claim_again("order" uuid) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_claim_again';
COMMENT ON FUNCTION commerce.claim_again(uuid) IS
'Internal. Claims again what an order claimed of budgets that there still are and has given back; CM032, CM033 where that is not to be had.';

CREATE FUNCTION commerce.promise_lines("order" uuid, lines jsonb) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_promise_lines';
COMMENT ON FUNCTION commerce.promise_lines(uuid, jsonb) IS
'Internal. Reserves stock for lines of an order that is there, [{"line": 1, "sku": "A", "quantity": 2}], from where there is most reason to. CM001 names every short one, and nothing is reserved.';

CREATE FUNCTION commerce.renew_expiry() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.expires_at := (SELECT now() + c.unpaid_ttl FROM commerce.channels c WHERE c.code = NEW.channel);
    PERFORM commerce.chores_due(NEW.expires_at);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION commerce.renew_expiry() IS
'Internal. Trigger on commerce.orders: one that is reopened has as long to be paid as a new one.';

CREATE FUNCTION commerce.look_at_unpaid(before timestamptz, batch bigint, OUT looked bigint, OUT ended bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    due record;
BEGIN
    looked := 0;
    ended := 0;
    FOR due IN
        SELECT o.id, o.total FROM commerce.orders o WHERE o.state = 'placed' AND o.expires_at <= coalesce(before, now())
            ORDER BY o.expires_at LIMIT batch FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        looked := looked + 1;
        IF NOT EXISTS (SELECT FROM commerce.order_holds h WHERE h.order_id = due.id AND h.released_at IS NULL)
            AND NOT EXISTS (SELECT FROM commerce.payments p WHERE p.order_id = due.id AND commerce.minor_units(p.captured) > 0)
            AND commerce.nothing_is_paid(jsonb_build_object('id', due.id), 'expire', NULL) THEN
            BEGIN
                PERFORM commerce.order_event(due.id, 'expire', '{"reason": "not paid in time"}');
                ended := ended + 1;
            EXCEPTION WHEN OTHERS THEN
                -- What is about this order, as a constraint or a trigger of the user's, must not keep the others from ending.
                IF commerce.is_nobodys_fault(SQLSTATE) THEN
                    RAISE;
                END IF;
                RAISE WARNING 'order % is not ended though nobody has paid it: %', due.id, SQLERRM
                    USING ERRCODE = SQLSTATE, HINT = 'It is tried again in ten minutes.';
                UPDATE commerce.orders o SET expires_at = greatest(now(), before) + interval '10 minutes' WHERE o.id = due.id;
            END;
        ELSE
            UPDATE commerce.orders o SET expires_at = CASE WHEN commerce.minor_units(o.total) = 0 OR EXISTS (SELECT FROM commerce.payments p
                        WHERE p.order_id = o.id AND commerce.minor_units(p.captured) > 0) THEN NULL
                    ELSE greatest(now(), before) + least(coalesce((SELECT c.unpaid_ttl FROM commerce.channels c
                        WHERE c.code = o.channel), '1 day'), CASE WHEN commerce.money_may_come(o.id) THEN interval '10 minutes' END) END
                WHERE o.id = due.id;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION commerce.look_at_unpaid(timestamptz, bigint) IS
'Internal. One batch of expire_orders() and of the background worker: how many orders it looked at, and ended. An order that was paid is not looked at again, one that is promised or on hold is, after its channel''s unpaid_ttl, and one for which money may be on its way, or that a constraint or trigger keeps from ending (a warning says which), after ten minutes, where that is sooner.';

CREATE FUNCTION commerce.expire_orders(before timestamptz DEFAULT NULL, batch bigint DEFAULT 1000) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
BEGIN
    PERFORM commerce.require_shop();
    IF batch IS NULL OR batch <= 0 THEN
        RAISE EXCEPTION 'batch must be greater than zero' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- What is not ended is looked at again after before: for infinity that would be never.
    IF NOT isfinite(before) THEN
        RAISE EXCEPTION 'before must be a moment' USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for now.';
    END IF;
    LOOP
        part := commerce.look_at_unpaid(before, batch);
        -- None of these was to be ended; there may be some behind them.
        EXIT WHEN part.ended > 0 OR part.looked < batch;
    END LOOP;
    RETURN part.ended;
END
$$;
COMMENT ON FUNCTION commerce.expire_orders(timestamptz, bigint) IS
'Ends placed orders whose time to be paid (orders.expires_at, from channels.unpaid_ttl) was over before a moment (NULL: now), at most batch of them, skipping those that somebody pays or changes now; returns how many. Only what nobody has paid, promised to pay or ever paid, what no payment is under way for (processing, requires_action, or a provider was asked and has not answered), and what is not on hold and was not sent: an order that is promised, bought on account, on hold or sent is looked at again after the same time, one with a payment under way ten minutes later, one that was paid never. One that a constraint or a trigger of yours keeps from ending is told of by a warning, tried again ten minutes later, and holds up no other. What the order had reserved and claimed is free again, as by the event cancel; reopen takes it back. Done by the background worker where there is one. 22023 for a batch that is not positive and for infinity. Example: SELECT commerce.expire_orders(now() + interval ''1 day'').';
GRANT EXECUTE ON FUNCTION commerce.expire_orders(timestamptz, bigint) TO commerce_app;
