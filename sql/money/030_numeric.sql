CREATE FUNCTION commerce.amount(value numeric, currency text, rounding text DEFAULT 'half_up') RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_from_decimal';
COMMENT ON FUNCTION commerce.amount(numeric, text, text) IS
'Makes an amount of a number of main units: amount(12.345, ''EUR'') is 12.35 EUR. rounding: half_up (ties away from zero), half_even, half_down (ties toward zero), half_odd, half_ceiling, half_floor, up (away from zero), down (toward zero), ceiling, floor. 22023 for NaN, an unknown currency or rounding; CM023 out of range.';

CREATE FUNCTION commerce.to_numeric(amount commerce.amount) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_numeric';
COMMENT ON FUNCTION commerce.to_numeric(commerce.amount) IS
'Returns the number of main units, with all decimals of the currency: 12.50 for 12.50 EUR.';
CREATE CAST (commerce.amount AS numeric) WITH FUNCTION commerce.to_numeric(commerce.amount);

CREATE FUNCTION commerce.multiply(amount commerce.amount, factor numeric, rounding text DEFAULT 'half_up')
    RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_multiply';
COMMENT ON FUNCTION commerce.multiply(commerce.amount, numeric, text) IS
'Returns amount × factor, rounded once to the minor unit. rounding as in amount(). 22023 for NaN or an unknown rounding, CM023 out of range.';

CREATE FUNCTION commerce.divide(amount commerce.amount, divisor numeric, rounding text DEFAULT 'half_up')
    RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_divide';
COMMENT ON FUNCTION commerce.divide(commerce.amount, numeric, text) IS
'Returns amount / divisor, rounded once to the minor unit. rounding as in amount(). 22012 for a divisor of zero, 22023 for NaN or an unknown rounding. To split a sum use allocate(), which loses nothing.';

CREATE FUNCTION commerce.amount_multiply(commerce.amount, numeric) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_multiply_by';
COMMENT ON FUNCTION commerce.amount_multiply(commerce.amount, numeric) IS 'implementation of * operator';
CREATE FUNCTION commerce.amount_multiply(numeric, commerce.amount) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_numeric_multiply';
COMMENT ON FUNCTION commerce.amount_multiply(numeric, commerce.amount) IS 'implementation of * operator';
CREATE FUNCTION commerce.amount_divide(commerce.amount, numeric) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_divide_by';
COMMENT ON FUNCTION commerce.amount_divide(commerce.amount, numeric) IS 'implementation of / operator';
CREATE FUNCTION commerce.amount_divide(commerce.amount, commerce.amount) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_ratio';
COMMENT ON FUNCTION commerce.amount_divide(commerce.amount, commerce.amount) IS 'implementation of / operator';

CREATE OPERATOR commerce.* (LEFTARG = commerce.amount, RIGHTARG = numeric, FUNCTION = commerce.amount_multiply,
    COMMUTATOR = OPERATOR(commerce.*));
COMMENT ON OPERATOR commerce.* (commerce.amount, numeric) IS 'product, rounded half up; multiply() takes another rounding';
CREATE OPERATOR commerce.* (LEFTARG = numeric, RIGHTARG = commerce.amount, FUNCTION = commerce.amount_multiply,
    COMMUTATOR = OPERATOR(commerce.*));
COMMENT ON OPERATOR commerce.* (numeric, commerce.amount) IS 'product, rounded half up; multiply() takes another rounding';
CREATE OPERATOR commerce./ (LEFTARG = commerce.amount, RIGHTARG = numeric, FUNCTION = commerce.amount_divide);
COMMENT ON OPERATOR commerce./ (commerce.amount, numeric) IS 'quotient, rounded half up; divide() takes another rounding';
CREATE OPERATOR commerce./ (LEFTARG = commerce.amount, RIGHTARG = commerce.amount, FUNCTION = commerce.amount_divide);
COMMENT ON OPERATOR commerce./ (commerce.amount, commerce.amount) IS
'ratio of two sums of one currency, a number; CM020 for two currencies';

CREATE FUNCTION commerce.round_to(value numeric, increment numeric DEFAULT 1, rounding text DEFAULT 'half_up')
    RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_round_numeric';
COMMENT ON FUNCTION commerce.round_to(numeric, numeric, text) IS
'Rounds a number to a multiple of increment: round_to(2.5, rounding => ''half_even'') is 2, round_to(515, 10) is 520. rounding as in amount(). 22023 for an increment not above zero, NaN or an unknown rounding.';
CREATE FUNCTION commerce.round_to(value commerce.amount, increment numeric, rounding text DEFAULT 'half_up')
    RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_round_amount';
COMMENT ON FUNCTION commerce.round_to(commerce.amount, numeric, text) IS
'Rounds money to a multiple of increment, in main units, as cash is: round_to(''12.32 CHF'', 0.05) is 12.30 CHF. 22023 for an increment that is not above zero or has more decimals than the currency; CM023 out of range.';

CREATE FUNCTION commerce.round_carried("values" numeric[], digits integer, rounding text DEFAULT 'half_up')
    RETURNS numeric[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_round_carried';
COMMENT ON FUNCTION commerce.round_carried(numeric[], integer, text) IS
'Rounds each value to digits decimals together with what the roundings before it left: {1.004,1.004} to 2 digits is {1.00,1.01}. The sum of the results is the rounded sum of the values. 22004 for nulls, 22023 for digits outside 0 to 100, NaN or an unknown rounding.';
