CREATE FUNCTION commerce.balance_changed() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'commerce_balance_changed';
COMMENT ON FUNCTION commerce.balance_changed() IS
'Internal. Counts a changed row of commerce.balance_entries in shared memory: AFTER, FOR EACH ROW, always.';

CREATE FUNCTION commerce.keep_entries() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND commerce.only_forgets(to_jsonb(old), to_jsonb(new), '{reason}') THEN
        RETURN new;
    END IF;
    RAISE EXCEPTION 'entries of balances are written once and never changed' USING ERRCODE = 'CM042',
        HINT = 'Write another: commerce.adjust_balance() takes a reason.';
END
$$;
COMMENT ON FUNCTION commerce.keep_entries() IS 'Internal. Trigger on commerce.balance_entries, for UPDATE and DELETE: CM042, but where an erasure takes the reason away.';

CREATE FUNCTION commerce.random_code(length integer) RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_random_code';
COMMENT ON FUNCTION commerce.random_code(integer) IS
'Internal. So many (1 to 64) characters that nobody can guess, of the letters and digits that nobody mixes up (no 0, O, 1, I, L): nearly 5 bits each.';

CREATE FUNCTION commerce.gift_card_hash(code text) RETURNS bytea
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN sha256(convert_to('commerce.gift_card.v1:' || upper(regexp_replace(code, '[^0-9A-Za-z]', '', 'g') COLLATE "C"), 'UTF8'));
COMMENT ON FUNCTION commerce.gift_card_hash(text) IS
'Internal. What commerce.gift_card_codes knows a gift card''s code by, however it is written: case, blanks and dashes do not matter.';

CREATE FUNCTION commerce.take_balance(balance uuid, kind text, amount commerce.amount, "order" uuid, payment uuid, reason text,
        at_most boolean DEFAULT false) RETURNS commerce.amount
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_take_balance';
COMMENT ON FUNCTION commerce.take_balance(uuid, text, commerce.amount, uuid, uuid, text, boolean) IS
'Internal. Takes an amount above zero (at_most: or as much of it as there is) off a balance, writes the entry and returns what was taken; CM033 where less, or nothing, is left. What the balance may be spent on is the caller''s to know.';

CREATE FUNCTION commerce.balance_reading(balance uuid, OUT "left" bigint, OUT in_flight bigint)
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_balance_reading';
COMMENT ON FUNCTION commerce.balance_reading(uuid) IS
'Internal. What is on a balance in minor units, less what others are spending, and how much that is; by its entries, and 0, where balances are not counted in shared memory.';

CREATE FUNCTION commerce.find_balance(balance uuid, code text) RETURNS uuid
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_id uuid;
BEGIN
    PERFORM commerce.require_shop();
    IF (balance IS NULL) = (code IS NULL) THEN
        RAISE EXCEPTION 'a balance is named by its id or by its code' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Pass one of balance and code.';
    END IF;
    IF code IS NOT NULL THEN
        SELECT c.balance_id INTO found_id FROM commerce.gift_card_codes c WHERE c.code_hash = commerce.gift_card_hash(code);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no gift card with this code' USING ERRCODE = 'CM030', HINT = 'Type the code again.';
        END IF;
        RETURN found_id;
    END IF;
    IF NOT EXISTS (SELECT FROM commerce.balances b WHERE b.id = balance) THEN
        RAISE EXCEPTION 'there is no balance %', balance USING ERRCODE = 'no_data_found';
    END IF;
    RETURN balance;
END
$$;
COMMENT ON FUNCTION commerce.find_balance(uuid, text) IS
'Internal. The balance that has this id or this code; CM030 for an unknown code, P0002 for an unknown id, 22023 unless one of them is given.';

CREATE FUNCTION commerce.balance_left(balance uuid DEFAULT NULL, code text DEFAULT NULL) RETURNS commerce.amount
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    the_balance uuid := commerce.find_balance(balance, code);
    b record;
BEGIN
    SELECT * INTO b FROM commerce.balances x WHERE x.id = the_balance;
    RETURN commerce.from_minor(CASE WHEN b.state <> 'active' OR b.expires_at <= clock_timestamp() THEN 0
        ELSE greatest((SELECT r.left FROM commerce.balance_reading(b.id) r), 0) END, b.currency);
END
$$;
COMMENT ON FUNCTION commerce.balance_left(uuid, text) IS
'What a gift card, store credit or credit line can pay now, by its id or a gift card''s code: 0 where it is blocked or has expired. What others are spending counts as spent where balances are counted in shared memory. CM030 for an unknown code, P0002 for an unknown id, 22023 unless one of them is given. Example: SELECT commerce.balance_left(code => ''7K2QX-…'').';
GRANT EXECUTE ON FUNCTION commerce.balance_left(uuid, text) TO commerce_app;

CREATE FUNCTION commerce.write_balance_entry(balance uuid, kind text, amount commerce.amount, reason text DEFAULT NULL,
        reference text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    booked record;
BEGIN
    INSERT INTO commerce.balance_entries (balance_id, kind, amount, reason, reference)
        VALUES (balance, write_balance_entry.kind, write_balance_entry.amount, write_balance_entry.reason, write_balance_entry.reference)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT e.amount, e.reason INTO booked FROM commerce.balance_entries e
            WHERE e.balance_id = balance AND e.reference = write_balance_entry.reference;
        IF (commerce.minor_units(booked.amount), booked.reason) IS DISTINCT FROM (commerce.minor_units(write_balance_entry.amount), write_balance_entry.reason) THEN
            RAISE EXCEPTION 'reference "%" is booked for another amount or reason', reference
                USING ERRCODE = 'CM050', HINT = 'A reference names one entry of a balance.';
        END IF;
        RETURN false;
    END IF;
    INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (balance::text, 'balance.' || kind,
        jsonb_strip_nulls(jsonb_build_object('balance', balance, 'amount', amount::jsonb, 'reason', reason)));
    RETURN true;
END
$$;
COMMENT ON FUNCTION commerce.write_balance_entry(uuid, text, commerce.amount, text, text) IS
'Internal. Puts an amount above zero on a balance. False where the very same entry is there already; CM050 where the reference names another.';

CREATE FUNCTION commerce.check_issue(amount commerce.amount, customer uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    IF amount IS NULL OR commerce.minor_units(amount) <= 0 THEN
        RAISE EXCEPTION 'a balance needs an amount greater than zero' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Nobody is erased while he is given something.
    PERFORM FROM commerce.customers c WHERE c.id = customer FOR KEY SHARE;
    IF customer IS NOT NULL AND NOT FOUND THEN
        RAISE EXCEPTION 'there is no customer %', customer USING ERRCODE = 'no_data_found';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.check_issue(commerce.amount, uuid) IS
'Internal. Refuses what cannot be issued: 22023 unless the amount is greater than zero, P0002 for an unknown customer.';

CREATE FUNCTION commerce.issue_gift_card(amount commerce.amount, expires_at timestamptz DEFAULT NULL, customer uuid DEFAULT NULL,
        reference text DEFAULT NULL, OUT balance uuid, OUT code text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    issued record;
BEGIN
    PERFORM commerce.check_issue(amount, customer);
    balance := commerce.uuidv7();
    IF reference = '' THEN
        RAISE EXCEPTION 'a reference must not be empty' USING ERRCODE = 'invalid_parameter_value';
    ELSIF reference IS NOT NULL THEN
        INSERT INTO commerce.gift_card_references (reference, balance_id)
            VALUES (issue_gift_card.reference, issue_gift_card.balance) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT b.id, b.customer_id, e.amount INTO issued
                FROM commerce.gift_card_references r JOIN commerce.balances b ON b.id = r.balance_id
                    JOIN commerce.balance_entries e ON e.balance_id = b.id AND e.kind = 'issued'
                WHERE r.reference = issue_gift_card.reference;
            IF issued.customer_id IS DISTINCT FROM customer OR (commerce.minor_units(issued.amount), commerce.currency(issued.amount))
                IS DISTINCT FROM (commerce.minor_units(amount), commerce.currency(amount)) THEN
                RAISE EXCEPTION 'reference "%" names another gift card', reference
                    USING ERRCODE = 'CM050', HINT = 'A reference names one gift card.';
            END IF;
            balance := issued.id;
            RETURN;
        END IF;
    END IF;
    IF expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'a gift card must not expire before it is issued' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    code := (SELECT string_agg(commerce.random_code(5), '-') FROM generate_series(1, 6));
    INSERT INTO commerce.balances (id, kind, customer_id, currency, last_four, expires_at)
        VALUES (issue_gift_card.balance, 'gift_card', customer, commerce.currency(amount), right(issue_gift_card.code, 4),
            issue_gift_card.expires_at);
    INSERT INTO commerce.gift_card_codes (code_hash, balance_id) VALUES (commerce.gift_card_hash(code), balance);
    PERFORM commerce.write_balance_entry(balance, 'issued', amount);
END
$$;
COMMENT ON FUNCTION commerce.issue_gift_card(commerce.amount, timestamptz, uuid, text) IS
'Makes a gift card of an amount, in its currency, and returns its id and its code: 30 characters that nobody guesses, in six groups, shown this once and stored nowhere. expires_at: from when on it pays nothing (NULL: never); customer: whose orders alone it pays (NULL: anybody''s). reference: the shop''s own name of it; the same one again issues nothing and returns the card''s id without the code, which nobody has any more: where the first answer was lost, balance_event(balance, ''block'') stops that card, and another reference issues another. CM050 where the reference names a card of another amount or customer, 22023 for an empty one; 22023 unless the amount is greater than zero and expires_at to come, P0002 for an unknown customer. Example: SELECT * FROM commerce.issue_gift_card(''50 EUR'', now() + interval ''3 years'').';
GRANT EXECUTE ON FUNCTION commerce.issue_gift_card(commerce.amount, timestamptz, uuid, text) TO commerce_app;

CREATE FUNCTION commerce.issue_store_credit(customer uuid, amount commerce.amount, reason text, reference text DEFAULT NULL)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    balance uuid := commerce.uuidv7();
BEGIN
    PERFORM commerce.check_issue(amount, customer);
    IF customer IS NULL OR coalesce(reason, '') = '' THEN
        RAISE EXCEPTION 'store credit needs a customer and a reason' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO commerce.store_credit_balances (customer_id, currency, balance_id)
        VALUES (customer, commerce.currency(amount), balance) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        INSERT INTO commerce.balances (id, kind, customer_id, currency)
            VALUES (balance, 'store_credit', customer, commerce.currency(amount));
    ELSE
        SELECT c.balance_id INTO balance FROM commerce.store_credit_balances c
            WHERE c.customer_id = customer AND c.currency = commerce.currency(amount);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the balance was made while it was waited for' USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
        END IF;
    END IF;
    PERFORM commerce.write_balance_entry(balance, 'issued', amount, reason, reference);
    RETURN balance;
END
$$;
COMMENT ON FUNCTION commerce.issue_store_credit(uuid, commerce.amount, text, text) IS
'Gives a customer an amount to spend in this shop and returns the balance: one for each customer and currency, on which all that is given adds up. The same reference again gives nothing more, or CM050 where amount or reason differ. 22023 unless the amount is greater than zero and there are a customer and a reason, P0002 for an unknown customer. What the shop owes outside of it is issue_credit()''s. Example: SELECT commerce.issue_store_credit(customer, ''5 EUR'', ''late parcel'', reference => ''ticket 7'').';
GRANT EXECUTE ON FUNCTION commerce.issue_store_credit(uuid, commerce.amount, text, text) TO commerce_app;

CREATE FUNCTION commerce.refuse_credit_line(balance uuid) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM commerce.balances b WHERE b.id = balance AND b.kind = 'credit_line') THEN
        RAISE EXCEPTION 'balance % is a credit line', balance USING ERRCODE = 'invalid_parameter_value',
            HINT = 'commerce.set_credit_limit() changes it.';
    END IF;
END
$$;
COMMENT ON FUNCTION commerce.refuse_credit_line(uuid) IS 'Internal. 22023 for a credit line, whose limit only set_credit_limit() changes.';

CREATE FUNCTION commerce.adjust_balance(balance uuid, delta commerce.amount, reason text) RETURNS commerce.amount
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    currency text;
BEGIN
    PERFORM commerce.find_balance(balance, NULL);
    PERFORM commerce.refuse_credit_line(balance);
    SELECT b.currency INTO currency FROM commerce.balances b WHERE b.id = balance;
    IF coalesce(reason, '') = '' OR delta IS NULL OR commerce.minor_units(delta) = 0 THEN
        RAISE EXCEPTION 'an adjustment needs an amount and a reason' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF commerce.currency(delta) <> currency THEN
        RAISE EXCEPTION 'the balance is in %, not in %', currency, commerce.currency(delta)
            USING ERRCODE = 'CM020', HINT = 'Adjust it in its own currency.';
    END IF;
    IF commerce.minor_units(delta) > 0 THEN
        PERFORM commerce.write_balance_entry(balance, 'adjusted', delta, reason);
    ELSE
        PERFORM commerce.take_balance(balance, 'adjusted', commerce.from_minor(-commerce.minor_units(delta), currency), NULL, NULL, reason);
        INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (balance::text, 'balance.adjusted',
            jsonb_build_object('balance', balance, 'amount', delta::jsonb, 'reason', reason));
    END IF;
    RETURN commerce.from_minor((SELECT r.left FROM commerce.balance_reading(balance) r), currency);
END
$$;
COMMENT ON FUNCTION commerce.adjust_balance(uuid, commerce.amount, text) IS
'Puts an amount on a balance or, where it is below zero, takes it off, for a reason; returns what is on it then, whether it may be spent now or not. CM033 where less is left, CM020 in another currency, 22023 for nothing, without a reason and for a credit line, P0002 for an unknown balance.';
GRANT EXECUTE ON FUNCTION commerce.adjust_balance(uuid, commerce.amount, text) TO commerce_admin;

CREATE FUNCTION commerce.extend_balance(balance uuid, expires_at timestamptz DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    result text;
BEGIN
    PERFORM commerce.find_balance(balance, NULL);
    PERFORM commerce.refuse_credit_line(balance);
    IF expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'a balance is extended into the future' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'commerce.balance_event(…, ''block'') stops it at once.';
    END IF;
    UPDATE commerce.balances b SET expires_at = extend_balance.expires_at,
            state = CASE b.state WHEN 'expired' THEN 'active' ELSE b.state END
        WHERE b.id = balance RETURNING b.state INTO result;
    RETURN result;
END
$$;
COMMENT ON FUNCTION commerce.extend_balance(uuid, timestamptz) IS
'Lets a balance pay until another time (NULL: for ever) and returns its state. One that has expired is active again, with what was given back to it since; what was written off, adjust_balance() puts back. 22023 for a time that has passed and for a credit line, P0002 for an unknown balance.';
GRANT EXECUTE ON FUNCTION commerce.extend_balance(uuid, timestamptz) TO commerce_admin;

CREATE FUNCTION commerce.expire_balances("limit" integer DEFAULT 1000) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    overdue record;
    reading record;
    done bigint := 0;
BEGIN
    PERFORM commerce.require_shop();
    -- The clock is read once, so that the index gives those that are due and no others.
    FOR overdue IN SELECT b.id, b.currency FROM commerce.balances b
        WHERE b.state IN ('active', 'blocked') AND b.expires_at <= (SELECT clock_timestamp())
        ORDER BY b.expires_at LIMIT "limit" FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        SELECT * INTO reading FROM commerce.balance_reading(overdue.id);
        -- Whoever began to spend in time may still roll back: what he has is written off the next time.
        CONTINUE WHEN reading.in_flight > 0;
        IF reading.left > 0 THEN
            PERFORM commerce.take_balance(overdue.id, 'expired', commerce.from_minor(reading.left, overdue.currency), NULL, NULL, NULL);
        END IF;
        UPDATE commerce.balances b SET state = 'expired' WHERE b.id = overdue.id;
        done := done + 1;
    END LOOP;
    RETURN done;
END
$$;
COMMENT ON FUNCTION commerce.expire_balances(integer) IS
'Writes off what is left on balances whose time is over, up to limit of them, and returns how many; a background worker calls it every hour. They pay nothing from expires_at on, whether this has run or not. Those that somebody is just spending wait for the next call.';
GRANT EXECUTE ON FUNCTION commerce.expire_balances(integer) TO commerce_admin;

CREATE FUNCTION commerce.verify_balances(repair boolean DEFAULT false)
    RETURNS TABLE (balance uuid, counter bigint, tables bigint, in_flight bigint, repaired boolean)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'commerce_verify_balances';
COMMENT ON FUNCTION commerce.verify_balances(boolean) IS
'Lists the balances of which shared memory counts something else as left than the tables say: by counter and by tables, in minor units; in_flight of counter is spent by transactions under way. No row: all is well. They differ only where entries changed with triggers disabled. With repair, a counter that no transaction under way has touched is forgotten and read again when next asked for; another that counts too much is put right at once. One that counts too little waits: repaired is false where a later call has to. No row either without shared_preload_libraries, where there are no counters.';
GRANT EXECUTE ON FUNCTION commerce.verify_balances(boolean) TO commerce_admin;
