-- Splitting and rounding. Amounts in these files are minor units; they are asked for as EUR.
--
-- Names of rounding modes differ between the programs the cases come from. Here "up" is away from zero and "down"
-- toward it, and half_up moves ties away from zero. In op divide (dinero.js) up and down mean toward plus and minus
-- infinity, as half_up and half_down do for ties; half_away is our half_up. In op round (moneyphp) up and down mean
-- toward plus and minus infinity too, but half_up and half_down are ours.
CREATE FUNCTION pg_temp.mode(op text, name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN name IS NULL THEN 'half_up'
        WHEN op IN ('divide', 'round', 'round_to_power') AND name = 'up' THEN 'ceiling'
        WHEN op IN ('divide', 'round', 'round_to_power') AND name = 'down' THEN 'floor'
        WHEN op = 'divide' AND name = 'half_up' THEN 'half_ceiling'
        WHEN op = 'divide' AND name = 'half_down' THEN 'half_floor'
        WHEN name IN ('half_away', 'half_away_from_zero') THEN 'half_up'
        WHEN name IN ('half_toward', 'half_towards', 'half_toward_zero', 'half_towards_zero') THEN 'half_down'
        ELSE name
    END
$$;

-- The numbers of the first of these keys that the input has.
CREATE FUNCTION pg_temp.numbers(input jsonb, VARIADIC keys text[]) RETURNS numeric[] LANGUAGE sql IMMUTABLE AS $$
    SELECT (SELECT coalesce(array_agg(element::numeric ORDER BY position), '{}')
            FROM jsonb_array_elements_text(input -> key) WITH ORDINALITY AS each (element, position))
    FROM unnest(keys) WITH ORDINALITY AS wanted (key, rank)
    WHERE jsonb_typeof(input -> key) = 'array'
    ORDER BY rank LIMIT 1
$$;

-- Caps of the sign of the total, as money; null is no cap.
CREATE FUNCTION pg_temp.caps(total numeric, caps numeric[]) RETURNS commerce.amount[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(commerce.from_minor(
                         (CASE WHEN total < 0 THEN -1 ELSE 1 END * coalesce(abs(cap), abs(total)))::bigint, 'EUR') ORDER BY position)
    FROM unnest(caps) WITH ORDINALITY AS each (cap, position)
$$;

-- Asks the server for the shares of a split.
CREATE FUNCTION pg_temp.shares(input jsonb) RETURNS commerce.amount[] LANGUAGE plpgsql AS $$
DECLARE
    op text := input ->> 'op';
    total numeric := input ->> 'amount';
    money commerce.amount := commerce.from_minor(total::bigint, 'EUR');
    weights numeric[] := pg_temp.numbers(input, 'ratios', 'weights', 'totals', 'prices', 'fractions');
    caps numeric[] := pg_temp.numbers(input, 'max', 'caps', 'maxima', 'maximums', 'room');
    minimums numeric[] := pg_temp.numbers(input, 'minimums', 'minimum', 'min', 'minimum_prices', 'minimum_price', 'min_prices');
BEGIN
    IF op = 'allocate_fraction' THEN
        RETURN commerce.allocate_fractions(amount => money, fractions => weights, policy => coalesce(input ->> 'policy', 'first'));
    ELSIF op = 'capped' THEN
        RETURN commerce.allocate_up_to(amount => money, caps => pg_temp.caps(total, caps), policy => coalesce(input ->> 'policy', 'first'));
    ELSIF op = 'fit' THEN
        -- A price may fall to its minimum, no further: that is its room.
        IF caps IS NULL THEN
            SELECT array_agg(greatest(weight - minimum, 0) ORDER BY position) INTO caps
            FROM unnest(weights, minimums) WITH ORDINALITY AS each (weight, minimum, position);
        END IF;
        RETURN commerce.allocate(amount => money, weights => weights, caps => pg_temp.caps(total, caps),
                                 policy => coalesce(input ->> 'policy', 'round_then_fix'));
    END IF;
    RETURN commerce.allocate(amount => money, weights => weights, caps => pg_temp.caps(total, caps),
                             policy => coalesce(input ->> 'policy', 'nearest'));
END
$$;

CREATE FUNCTION pg_temp.answer(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    op text := input ->> 'op';
    mode text := pg_temp.mode(op, input ->> 'mode');
    shares bigint[];
BEGIN
    CASE op
        WHEN 'allocate', 'allocate_fraction', 'capped', 'fit' THEN
            SELECT array_agg(commerce.minor_units(share) ORDER BY position) INTO shares
            FROM unnest(pg_temp.shares(input)) WITH ORDINALITY AS each (share, position);
            RETURN jsonb_build_object(
                'shares', to_jsonb(shares),
                'dropped', (input ->> 'amount')::bigint - (SELECT sum(share) FROM unnest(shares) AS share));
        WHEN 'round' THEN
            RETURN jsonb_build_object('value', commerce.round_to(value => (input ->> 'value')::numeric, rounding => mode));
        WHEN 'delta_round' THEN
            RETURN jsonb_build_object('values', to_jsonb(commerce.round_carried(
                "values" => pg_temp.numbers(input, 'values'), digits => (input ->> 'digits')::integer, rounding => mode)));
        WHEN 'divide' THEN
            RETURN jsonb_build_object('value', commerce.minor_units(commerce.divide(
                amount => commerce.from_minor((input ->> 'numerator')::bigint, 'EUR'),
                divisor => (input ->> 'denominator')::numeric, rounding => mode)));
        WHEN 'round_to_power' THEN
            RETURN jsonb_build_object('value', commerce.round_to(
                (input ->> 'value')::numeric, ('1e' || (input ->> 'digits'))::numeric, mode));
    END CASE;
END
$$;

CREATE FUNCTION pg_temp.run_case(input jsonb, expect jsonb, whole jsonb, OUT verdict text, OUT detail text)
    LANGUAGE plpgsql AS $$
DECLARE
    got jsonb;
    refusal text;
BEGIN
    IF input ->> 'op' NOT IN ('allocate', 'allocate_fraction', 'capped', 'fit', 'round', 'delta_round', 'divide', 'round_to_power') THEN
        verdict := 'n/a';
        detail := format('unknown op %s', input ->> 'op');
        RETURN;
    END IF;
    BEGIN
        got := pg_temp.answer(input);
    EXCEPTION
        WHEN invalid_parameter_value OR null_value_not_allowed OR numeric_value_out_of_range OR division_by_zero THEN
            IF NOT expect ? 'error' THEN
                RAISE;
            END IF;
            refusal := SQLERRM;
    END;
    IF expect ? 'error' THEN
        -- Peers name their errors; ours are told apart by SQLSTATE. The one that has a name of its own must say so.
        IF refusal IS NOT NULL AND (expect ->> 'error' <> 'more_than_100_percent' OR refusal LIKE '%more than 100 percent%') THEN
            verdict := 'pass';
        ELSE
            verdict := 'fail';
            detail := format('expected %s got %s', expect, coalesce(refusal, got::text));
        END IF;
        RETURN;
    END IF;
    SELECT * INTO verdict, detail FROM pg_temp.judge(expect, got);
END
$$;
