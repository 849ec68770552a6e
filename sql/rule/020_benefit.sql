CREATE TYPE commerce.benefit;

CREATE FUNCTION commerce.benefit_in(cstring) RETURNS commerce.benefit
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_in';
COMMENT ON FUNCTION commerce.benefit_in(cstring) IS
'Reads a benefit. 22P02 with the position, what was expected and what was found there; 54000 where the canonical text is longer than 64 KiB.';
CREATE FUNCTION commerce.benefit_out(commerce.benefit) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_out';
COMMENT ON FUNCTION commerce.benefit_out(commerce.benefit) IS 'Writes a benefit canonically.';
CREATE FUNCTION commerce.benefit_recv(internal) RETURNS commerce.benefit
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_recv';
COMMENT ON FUNCTION commerce.benefit_recv(internal) IS
'Reads a benefit in binary form, which is its text; errors as benefit_in.';
CREATE FUNCTION commerce.benefit_send(commerce.benefit) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_send';
COMMENT ON FUNCTION commerce.benefit_send(commerce.benefit) IS 'Writes a benefit in binary form, which is its text.';

CREATE TYPE commerce.benefit (
    INPUT = commerce.benefit_in,
    OUTPUT = commerce.benefit_out,
    RECEIVE = commerce.benefit_recv,
    SEND = commerce.benefit_send,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE commerce.benefit IS
$$What a promotion gives, kept as canonical text of at most 64 KiB.

    20% off lines where category <@ 'clothing.shoes' and not on_sale
    12.5% off order
    10 EUR off order where brand = 'Acme'
    2 EUR off units where tag = 'socks'
    free shipping

A percentage, above 0 to 100 with at most six decimals: off lines [where …], off order [where …], off shipping.
An amount of money above zero: off units (each unit of each matching line), off lines (each matching line once),
off order (the matching lines together), off shipping. Without "where" every line matches.
"where" takes a condition on a line, as commerce.condition describes it; quantity(…), subtotal(…) and lines(…) count over
the cart and belong in the promotion's condition. "free shipping" is 100% off shipping.$$;

CREATE FUNCTION commerce.benefit_eq("left" commerce.benefit, "right" commerce.benefit) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'byteaeq';
COMMENT ON FUNCTION commerce.benefit_eq(commerce.benefit, commerce.benefit) IS
'Are both written the same in canonical form?';
CREATE FUNCTION commerce.benefit_ne("left" commerce.benefit, "right" commerce.benefit) RETURNS boolean
    LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE
    AS 'byteane';
COMMENT ON FUNCTION commerce.benefit_ne(commerce.benefit, commerce.benefit) IS
'Are they written differently in canonical form?';
CREATE OPERATOR commerce.= (
    LEFTARG = commerce.benefit, RIGHTARG = commerce.benefit, FUNCTION = commerce.benefit_eq,
    COMMUTATOR = OPERATOR(commerce.=), NEGATOR = OPERATOR(commerce.<>), RESTRICT = eqsel, JOIN = eqjoinsel
);
COMMENT ON OPERATOR commerce.= (commerce.benefit, commerce.benefit) IS 'same canonical form';
CREATE OPERATOR commerce.<> (
    LEFTARG = commerce.benefit, RIGHTARG = commerce.benefit, FUNCTION = commerce.benefit_ne,
    COMMUTATOR = OPERATOR(commerce.<>), NEGATOR = OPERATOR(commerce.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR commerce.<> (commerce.benefit, commerce.benefit) IS 'different canonical form';

CREATE FUNCTION commerce.benefit_to_jsonb(commerce.benefit) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_to_jsonb';
COMMENT ON FUNCTION commerce.benefit_to_jsonb(commerce.benefit) IS
$$A benefit as JSON that a form can edit; also by cast.
{"percent": 20, "off": "lines", "where": {…}} or {"amount": {"amount": "12.50", "currency": "EUR", "minor": 1250}, "off": "order"};
off is units, lines, order or shipping, where a condition as JSON.$$;
CREATE FUNCTION commerce.benefit_from_jsonb(jsonb) RETURNS commerce.benefit
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'commerce_benefit_from_jsonb';
COMMENT ON FUNCTION commerce.benefit_from_jsonb(jsonb) IS
'A benefit from the JSON that benefit_to_jsonb writes; also by cast. 22023 where it has another form, 22P02 as in reading text where it makes no sense.';
CREATE CAST (commerce.benefit AS jsonb) WITH FUNCTION commerce.benefit_to_jsonb(commerce.benefit);
COMMENT ON CAST (commerce.benefit AS jsonb) IS 'a benefit as JSON that a form can edit';
CREATE CAST (jsonb AS commerce.benefit) WITH FUNCTION commerce.benefit_from_jsonb(jsonb);
COMMENT ON CAST (jsonb AS commerce.benefit) IS 'a benefit from the JSON that the cast to jsonb writes';
