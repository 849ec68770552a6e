CREATE FUNCTION commerce.is_number_format(format text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN length(format) <= 100 AND format ~ '^([^{}]|\{(channel|year)\})*\{number(:([1-9]|1[0-8]))?\}$'
        AND format !~ '[0-9}]\{number';
COMMENT ON FUNCTION commerce.is_number_format(text) IS
'Is this a way to print numbers, as commerce.channels.order_format wants it? Text of up to 100 characters with {channel} and {year} anywhere, {number} or {number:digits} (1 to 18) at its end, and before that neither a digit nor another {…}, so that no two numbers look the same: WEB-{year}-{number:6}.';

CREATE FUNCTION commerce.format_number(format text, number bigint, channel text, year integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN replace(replace(regexp_replace(format, '\{number[^}]*\}$', ''), '{year}', year::text), '{channel}', channel)
        || CASE WHEN number IS NULL THEN '' ELSE lpad(number::text,
            greatest(length(number::text), coalesce(substring(format FROM '\{number:([0-9]+)\}$')::integer, 0)), '0') END;
COMMENT ON FUNCTION commerce.format_number(text, bigint, text, integer) IS
'Prints a number in a format that is_number_format() accepts: format_number(''{channel}-{year}-{number:4}'', 7, ''WEB'', 2026) is WEB-2026-0007. Without a number: what stands before it, which is the name of a series of invoices.';

CREATE FUNCTION commerce.number_channel() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text[];
BEGIN
    NEW.order_sequence := coalesce(NEW.order_sequence, format('commerce.%I', 'order_numbers_'
        || CASE WHEN NEW.code ~ '^[a-z0-9_]{1,40}$' THEN NEW.code ELSE md5(NEW.code) END));
    name := parse_ident(NEW.order_sequence);
    IF to_regclass(NEW.order_sequence) IS NULL AND cardinality(name) = 2 AND name[1] = 'commerce' THEN
        EXECUTE format('CREATE SEQUENCE commerce.%I', name[2]);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = to_regclass(NEW.order_sequence) AND c.relkind = 'S') THEN
        RAISE EXCEPTION 'there is no sequence %', NEW.order_sequence USING ERRCODE = 'undefined_table',
            HINT = 'Create it, or leave order_sequence out: the channel then gets one of its own.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION commerce.number_channel() IS
'Internal. Row trigger on commerce.channels: makes the sequence that numbers the channel''s orders where there is none of that name. 42P01 where it lies outside the schema commerce and is not there.';

CREATE FUNCTION commerce.number_order() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT nextval(c.order_sequence::regclass) INTO NEW.number FROM commerce.channels c WHERE c.code = NEW.channel;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel "%"', NEW.channel USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Insert it into commerce.channels, or give the order a number.';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION commerce.number_order() IS
'Internal. Row trigger on commerce.orders where a row brings no number: takes the next one of its channel. 22023 for an unknown channel.';

CREATE FUNCTION commerce.order_number(order_id uuid) RETURNS text
    LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM commerce.require_shop();
    RETURN (SELECT commerce.format_number(coalesce(c.order_format, '{number}'), o.number, o.channel,
            extract(year FROM coalesce(o.placed_at, o.created_at) AT TIME ZONE coalesce(c.time_zone, 'UTC'))::integer)
        FROM commerce.orders o LEFT JOIN commerce.channels c ON c.code = o.channel WHERE o.id = order_number.order_id);
END
$$;
COMMENT ON FUNCTION commerce.order_number(uuid) IS
'The number of an order as its customer reads it, by the order_format its channel has now: WEB-1042. NULL for an unknown order.';
GRANT EXECUTE ON FUNCTION commerce.order_number(uuid) TO commerce_reader;
