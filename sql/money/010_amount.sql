CREATE TYPE commerce.amount;

CREATE FUNCTION commerce.amount_in(cstring) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_in';
COMMENT ON FUNCTION commerce.amount_in(cstring) IS
'Parses an amount: 12.50 EUR or EUR 12.50, or the JSON object {"amount": "12.50", "currency": "EUR"}. 22P02 when malformed, without currency or with more decimals than the currency has; 22023 for an unknown currency; CM023 beyond 9,007,199,254,740,991 minor units.';

CREATE FUNCTION commerce.amount_out(commerce.amount) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_out';
COMMENT ON FUNCTION commerce.amount_out(commerce.amount) IS 'Prints an amount with all decimals of its currency: 12.50 EUR.';

CREATE FUNCTION commerce.amount_recv(internal) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_recv';
COMMENT ON FUNCTION commerce.amount_recv(internal) IS
'Reads the binary form: minor units (int64) and ISO 4217 number (int16), both in network order. 22P03 for an unknown number, CM023 out of range.';

CREATE FUNCTION commerce.amount_send(commerce.amount) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_send';
COMMENT ON FUNCTION commerce.amount_send(commerce.amount) IS
'Writes the binary form: minor units (int64) and ISO 4217 number (int16), both in network order.';

CREATE TYPE commerce.amount (
    INPUT = commerce.amount_in,
    OUTPUT = commerce.amount_out,
    RECEIVE = commerce.amount_recv,
    SEND = commerce.amount_send,
    INTERNALLENGTH = 8,
    PASSEDBYVALUE,
    ALIGNMENT = double,
    CATEGORY = 'U'
);
COMMENT ON TYPE commerce.amount IS
'Money: a whole number of minor units and an ISO 4217 currency in 8 bytes, written 12.50 EUR. Up to 9,007,199,254,740,991 minor units to either side of zero. Arithmetic between currencies is refused with CM020.';

CREATE FUNCTION commerce.from_minor(minor bigint, currency text) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_from_minor';
COMMENT ON FUNCTION commerce.from_minor(bigint, text) IS
'Makes an amount of a number of minor units: from_minor(1250, ''EUR'') is 12.50 EUR. 22023 for an unknown currency, CM023 out of range.';

CREATE FUNCTION commerce.minor_units(amount commerce.amount) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_minor_units';
COMMENT ON FUNCTION commerce.minor_units(commerce.amount) IS 'Returns the minor units: 1250 for 12.50 EUR, 1250 for 1250 JPY.';

CREATE FUNCTION commerce.currency(amount commerce.amount) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_code';
COMMENT ON FUNCTION commerce.currency(commerce.amount) IS 'Returns the ISO 4217 code of an amount: EUR for 12.50 EUR.';

CREATE FUNCTION commerce.minor_digits(currency text) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_minor_digits';
COMMENT ON FUNCTION commerce.minor_digits(text) IS
'Returns how many decimals a currency has: 2 for EUR, 0 for JPY, 3 for KWD. NULL for an unknown code.';

CREATE FUNCTION commerce.currencies(OUT code text, OUT number integer, OUT minor_digits integer, OUT name text)
    RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 165 AS 'MODULE_PATHNAME', 'commerce_currencies';
COMMENT ON FUNCTION commerce.currencies() IS
'Lists the active currencies of ISO 4217 that commerce.amount holds: code, number, decimals of the minor unit, English name. Metals and codes without a minor unit are left out.';

CREATE FUNCTION commerce.to_jsonb(amount commerce.amount) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_jsonb';
COMMENT ON FUNCTION commerce.to_jsonb(commerce.amount) IS
'Returns money as JSON: {"amount": "12.50", "currency": "EUR", "minor": 1250}. The amount is a string, so that no reader makes a float of it.';
CREATE CAST (commerce.amount AS jsonb) WITH FUNCTION commerce.to_jsonb(commerce.amount) AS ASSIGNMENT;

CREATE FUNCTION commerce.to_json(amount commerce.amount) RETURNS json
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_json';
COMMENT ON FUNCTION commerce.to_json(commerce.amount) IS
'Returns money as JSON, as to_jsonb(amount) does; by its cast, whole rows turned to JSON hold money in this form.';
CREATE CAST (commerce.amount AS json) WITH FUNCTION commerce.to_json(commerce.amount) AS ASSIGNMENT;

CREATE FUNCTION commerce.amount(money jsonb) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_jsonb_amount';
COMMENT ON FUNCTION commerce.amount(jsonb) IS
'Reads money from JSON: {"amount": "12.50", "currency": "EUR"}, {"minor": 1250, "currency": "EUR"}, both together, or "12.50 EUR". 22023 where amount and minor disagree or the currency is missing or unknown, 22P02 for too many decimals.';
CREATE CAST (jsonb AS commerce.amount) WITH FUNCTION commerce.amount(jsonb);
