CREATE FUNCTION commerce.amount_eq(commerce.amount, commerce.amount) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'commerce_amount_eq';
CREATE FUNCTION commerce.amount_ne(commerce.amount, commerce.amount) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'commerce_amount_ne';
CREATE FUNCTION commerce.amount_lt(commerce.amount, commerce.amount) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'commerce_amount_lt';
CREATE FUNCTION commerce.amount_le(commerce.amount, commerce.amount) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'commerce_amount_le';
CREATE FUNCTION commerce.amount_gt(commerce.amount, commerce.amount) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'commerce_amount_gt';
CREATE FUNCTION commerce.amount_ge(commerce.amount, commerce.amount) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'commerce_amount_ge';
CREATE FUNCTION commerce.amount_cmp(commerce.amount, commerce.amount) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'commerce_amount_cmp';
CREATE FUNCTION commerce.amount_sortsupport(internal) RETURNS void
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_sortsupport';
CREATE FUNCTION commerce.amount_hash(commerce.amount) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'commerce_amount_hash';
CREATE FUNCTION commerce.amount_hash_extended(commerce.amount, bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'MODULE_PATHNAME', 'commerce_amount_hash_extended';
COMMENT ON FUNCTION commerce.amount_eq(commerce.amount, commerce.amount) IS 'implementation of = operator';
COMMENT ON FUNCTION commerce.amount_ne(commerce.amount, commerce.amount) IS 'implementation of <> operator';
COMMENT ON FUNCTION commerce.amount_lt(commerce.amount, commerce.amount) IS 'implementation of < operator';
COMMENT ON FUNCTION commerce.amount_le(commerce.amount, commerce.amount) IS 'implementation of <= operator';
COMMENT ON FUNCTION commerce.amount_gt(commerce.amount, commerce.amount) IS 'implementation of > operator';
COMMENT ON FUNCTION commerce.amount_ge(commerce.amount, commerce.amount) IS 'implementation of >= operator';
COMMENT ON FUNCTION commerce.amount_cmp(commerce.amount, commerce.amount) IS
'Returns -1, 0 or 1: the total order of amounts, by ISO 4217 number and then by minor units.';
COMMENT ON FUNCTION commerce.amount_sortsupport(internal) IS 'sort support';
COMMENT ON FUNCTION commerce.amount_hash(commerce.amount) IS 'hash';
COMMENT ON FUNCTION commerce.amount_hash_extended(commerce.amount, bigint) IS 'hash with a seed';

CREATE OPERATOR commerce.= (LEFTARG = commerce.amount, RIGHTARG = commerce.amount, FUNCTION = commerce.amount_eq,
    COMMUTATOR = OPERATOR(commerce.=), NEGATOR = OPERATOR(commerce.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR commerce.<> (LEFTARG = commerce.amount, RIGHTARG = commerce.amount, FUNCTION = commerce.amount_ne,
    COMMUTATOR = OPERATOR(commerce.<>), NEGATOR = OPERATOR(commerce.=), RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR commerce.< (LEFTARG = commerce.amount, RIGHTARG = commerce.amount, FUNCTION = commerce.amount_lt,
    COMMUTATOR = OPERATOR(commerce.>), NEGATOR = OPERATOR(commerce.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR commerce.<= (LEFTARG = commerce.amount, RIGHTARG = commerce.amount, FUNCTION = commerce.amount_le,
    COMMUTATOR = OPERATOR(commerce.>=), NEGATOR = OPERATOR(commerce.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR commerce.> (LEFTARG = commerce.amount, RIGHTARG = commerce.amount, FUNCTION = commerce.amount_gt,
    COMMUTATOR = OPERATOR(commerce.<), NEGATOR = OPERATOR(commerce.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR commerce.>= (LEFTARG = commerce.amount, RIGHTARG = commerce.amount, FUNCTION = commerce.amount_ge,
    COMMUTATOR = OPERATOR(commerce.<=), NEGATOR = OPERATOR(commerce.<), RESTRICT = scalargesel, JOIN = scalargejoinsel);
COMMENT ON OPERATOR commerce.= (commerce.amount, commerce.amount) IS 'equal: same currency and same sum';
COMMENT ON OPERATOR commerce.<> (commerce.amount, commerce.amount) IS 'not equal';
COMMENT ON OPERATOR commerce.< (commerce.amount, commerce.amount) IS
'comes before: by ISO 4217 number of the currency, then by sum; a total order for sorting and indexes, no exchange rate';
COMMENT ON OPERATOR commerce.<= (commerce.amount, commerce.amount) IS 'comes before or is equal, in the order of <';
COMMENT ON OPERATOR commerce.> (commerce.amount, commerce.amount) IS 'comes after, in the order of <';
COMMENT ON OPERATOR commerce.>= (commerce.amount, commerce.amount) IS 'comes after or is equal, in the order of <';

CREATE OPERATOR CLASS commerce.amount_ops DEFAULT FOR TYPE commerce.amount USING btree AS
    OPERATOR 1 commerce.<, OPERATOR 2 commerce.<=, OPERATOR 3 commerce.=, OPERATOR 4 commerce.>=, OPERATOR 5 commerce.>,
    FUNCTION 1 commerce.amount_cmp(commerce.amount, commerce.amount),
    FUNCTION 2 commerce.amount_sortsupport(internal),
    FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS commerce.amount_ops USING btree IS 'order of amounts: by ISO 4217 number, then by sum';
CREATE OPERATOR CLASS commerce.amount_ops DEFAULT FOR TYPE commerce.amount USING hash AS
    OPERATOR 1 commerce.=,
    FUNCTION 1 commerce.amount_hash(commerce.amount),
    FUNCTION 2 commerce.amount_hash_extended(commerce.amount, bigint);
COMMENT ON OPERATOR CLASS commerce.amount_ops USING hash IS 'equality of amounts';

CREATE FUNCTION commerce.amount_add(commerce.amount, commerce.amount) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_add';
COMMENT ON FUNCTION commerce.amount_add(commerce.amount, commerce.amount) IS 'implementation of + operator';
CREATE OPERATOR commerce.+ (LEFTARG = commerce.amount, RIGHTARG = commerce.amount, FUNCTION = commerce.amount_add,
    COMMUTATOR = OPERATOR(commerce.+));
COMMENT ON OPERATOR commerce.+ (commerce.amount, commerce.amount) IS
'sum; CM020 for two currencies, CM023 out of range';

CREATE FUNCTION commerce.amount_subtract(commerce.amount, commerce.amount) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_subtract';
COMMENT ON FUNCTION commerce.amount_subtract(commerce.amount, commerce.amount) IS 'implementation of - operator';
CREATE OPERATOR commerce.- (LEFTARG = commerce.amount, RIGHTARG = commerce.amount, FUNCTION = commerce.amount_subtract);
COMMENT ON OPERATOR commerce.- (commerce.amount, commerce.amount) IS
'difference; CM020 for two currencies, CM023 out of range';

CREATE FUNCTION commerce.amount_negate(commerce.amount) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_negate';
COMMENT ON FUNCTION commerce.amount_negate(commerce.amount) IS 'implementation of - operator';
CREATE OPERATOR commerce.- (RIGHTARG = commerce.amount, FUNCTION = commerce.amount_negate);
COMMENT ON OPERATOR commerce.- (NONE, commerce.amount) IS 'the sum with its sign changed';

CREATE FUNCTION commerce.abs(amount commerce.amount) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_abs';
COMMENT ON FUNCTION commerce.abs(commerce.amount) IS 'Returns the sum without its sign: 12.50 EUR for -12.50 EUR.';
