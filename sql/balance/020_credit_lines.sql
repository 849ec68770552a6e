-- What a customer may owe: a balance of which paying on account takes, and which is filled again when the customer pays. Its
-- counter is that of any balance, so that as many as like buy on one account at once and nobody waits.
CREATE FUNCTION commerce.set_credit_limit(customer uuid, amount commerce.amount, net_days integer DEFAULT NULL,
        reason text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    minor bigint := commerce.minor_units(amount);
    in_currency text := commerce.currency(amount);
    balance uuid := commerce.uuidv7();
    line record;
    delta bigint;
BEGIN
    PERFORM commerce.require_shop();
    IF amount IS NULL OR minor < 0 THEN
        RAISE EXCEPTION 'a credit limit is an amount of zero or more' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF net_days NOT BETWEEN 0 AND 3650 THEN
        RAISE EXCEPTION 'net_days is from 0 to 3650, not %', net_days USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM commerce.customers c WHERE c.id = customer FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no customer %', coalesce(customer::text, 'null') USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO commerce.credit_lines (customer_id, currency, balance_id, credit_limit)
        VALUES (customer, in_currency, balance, commerce.from_minor(0, in_currency)) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        INSERT INTO commerce.balances (id, kind, customer_id, currency)
            VALUES (balance, 'credit_line', customer, in_currency);
    END IF;
    -- Whoever buys on account does not wait for this row; two who set the limit wait for each other.
    SELECT l.balance_id, l.credit_limit INTO STRICT line FROM commerce.credit_lines l
        WHERE l.customer_id = customer AND l.currency = in_currency FOR NO KEY UPDATE;
    delta := minor - commerce.minor_units(line.credit_limit);
    UPDATE commerce.credit_lines l SET credit_limit = set_credit_limit.amount, net_days = coalesce(set_credit_limit.net_days, l.net_days)
        WHERE l.customer_id = customer AND l.currency = in_currency;
    IF delta <> 0 THEN
        -- Written whether so much is left or not: what is used beyond the new limit stays used, and nothing more is given.
        INSERT INTO commerce.balance_entries (balance_id, kind, amount, reason)
            VALUES (line.balance_id, 'adjusted', commerce.from_minor(delta, in_currency),
                coalesce(set_credit_limit.reason, 'credit limit'));
        INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES (customer::text, 'credit.limit_set',
            jsonb_strip_nulls(jsonb_build_object('customer_id', customer, 'balance', line.balance_id, 'limit', amount::jsonb,
                'before', line.credit_limit::jsonb, 'reason', set_credit_limit.reason)));
    END IF;
    RETURN line.balance_id;
END
$$;
COMMENT ON FUNCTION commerce.set_credit_limit(uuid, commerce.amount, integer, text) IS
'Lets a customer owe up to an amount in its currency, by pay_on_account(), and returns the credit line: a balance of kind credit_line, one for each customer and currency. The limit replaces the one before; 0 gives nothing more. Below what is used it takes nothing back: no more is given until the customer has paid. net_days: days to pay, for what is bought from now on (30 of a new line; NULL leaves them). balance_event(balance, ''block'') stops the line at once. 22023 for less than zero, NULL and for net_days that are not from 0 to 3650, P0002 for an unknown customer, 40001 under REPEATABLE READ where the limit was set since the snapshot. Example: SELECT commerce.set_credit_limit(customer, ''5000 EUR'', net_days => 14).';
GRANT EXECUTE ON FUNCTION commerce.set_credit_limit(uuid, commerce.amount, integer, text) TO commerce_admin;
