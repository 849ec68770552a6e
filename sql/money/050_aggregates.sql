CREATE FUNCTION commerce.amount_accumulate(internal, commerce.amount) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_accumulate';
COMMENT ON FUNCTION commerce.amount_accumulate(internal, commerce.amount) IS 'aggregate transition function';
CREATE FUNCTION commerce.amount_retract(internal, commerce.amount) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_retract';
COMMENT ON FUNCTION commerce.amount_retract(internal, commerce.amount) IS 'aggregate inverse transition function';
CREATE FUNCTION commerce.amount_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_combine';
COMMENT ON FUNCTION commerce.amount_combine(internal, internal) IS 'aggregate combine function';
CREATE FUNCTION commerce.amount_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_serialize';
COMMENT ON FUNCTION commerce.amount_serialize(internal) IS 'aggregate serial function';
CREATE FUNCTION commerce.amount_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_deserialize';
COMMENT ON FUNCTION commerce.amount_deserialize(bytea, internal) IS 'aggregate deserial function';
CREATE FUNCTION commerce.amount_sum(internal) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_sum';
COMMENT ON FUNCTION commerce.amount_sum(internal) IS 'aggregate final function';
CREATE FUNCTION commerce.amount_avg(internal) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_avg';
COMMENT ON FUNCTION commerce.amount_avg(internal) IS 'aggregate final function';
CREATE FUNCTION commerce.amount_smaller(commerce.amount, commerce.amount) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_smaller';
COMMENT ON FUNCTION commerce.amount_smaller(commerce.amount, commerce.amount) IS
'Returns the smaller of two amounts; CM020 for two currencies.';
CREATE FUNCTION commerce.amount_larger(commerce.amount, commerce.amount) RETURNS commerce.amount
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'commerce_amount_larger';
COMMENT ON FUNCTION commerce.amount_larger(commerce.amount, commerce.amount) IS
'Returns the larger of two amounts; CM020 for two currencies.';

CREATE AGGREGATE commerce.sum(commerce.amount) (
    SFUNC = commerce.amount_accumulate, STYPE = internal, SSPACE = 48, FINALFUNC = commerce.amount_sum,
    COMBINEFUNC = commerce.amount_combine, SERIALFUNC = commerce.amount_serialize,
    DESERIALFUNC = commerce.amount_deserialize, PARALLEL = SAFE,
    MSFUNC = commerce.amount_accumulate, MINVFUNC = commerce.amount_retract, MSTYPE = internal, MSSPACE = 48,
    MFINALFUNC = commerce.amount_sum
);
COMMENT ON AGGREGATE commerce.sum(commerce.amount) IS
'Sums amounts of one currency exactly; CM020 for two currencies, CM023 where the sum is out of range, NULL without rows.';

CREATE AGGREGATE commerce.avg(commerce.amount) (
    SFUNC = commerce.amount_accumulate, STYPE = internal, SSPACE = 48, FINALFUNC = commerce.amount_avg,
    COMBINEFUNC = commerce.amount_combine, SERIALFUNC = commerce.amount_serialize,
    DESERIALFUNC = commerce.amount_deserialize, PARALLEL = SAFE,
    MSFUNC = commerce.amount_accumulate, MINVFUNC = commerce.amount_retract, MSTYPE = internal, MSSPACE = 48,
    MFINALFUNC = commerce.amount_avg
);
COMMENT ON AGGREGATE commerce.avg(commerce.amount) IS
'Returns the mean of amounts of one currency, rounded half up to the minor unit; CM020 for two currencies, NULL without rows.';

CREATE AGGREGATE commerce.min(commerce.amount) (
    SFUNC = commerce.amount_smaller, STYPE = commerce.amount, COMBINEFUNC = commerce.amount_smaller, PARALLEL = SAFE
);
COMMENT ON AGGREGATE commerce.min(commerce.amount) IS
'Returns the smallest of amounts of one currency; CM020 for two currencies, NULL without rows. For one end of an index use ORDER BY … LIMIT 1.';

CREATE AGGREGATE commerce.max(commerce.amount) (
    SFUNC = commerce.amount_larger, STYPE = commerce.amount, COMBINEFUNC = commerce.amount_larger, PARALLEL = SAFE
);
COMMENT ON AGGREGATE commerce.max(commerce.amount) IS
'Returns the largest of amounts of one currency; CM020 for two currencies, NULL without rows. For one end of an index use ORDER BY … LIMIT 1.';
