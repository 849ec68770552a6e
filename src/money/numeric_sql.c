/*
 * numeric_sql.c: multiplying, dividing and rounding money by exact decimals.
 */
#include "money/numeric.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_amount_from_decimal);
PG_FUNCTION_INFO_V1(commerce_amount_numeric);
PG_FUNCTION_INFO_V1(commerce_amount_multiply);
PG_FUNCTION_INFO_V1(commerce_amount_multiply_by);
PG_FUNCTION_INFO_V1(commerce_numeric_multiply);
PG_FUNCTION_INFO_V1(commerce_amount_divide);
PG_FUNCTION_INFO_V1(commerce_amount_divide_by);
PG_FUNCTION_INFO_V1(commerce_amount_ratio);
PG_FUNCTION_INFO_V1(commerce_round_numeric);
PG_FUNCTION_INFO_V1(commerce_round_amount);
PG_FUNCTION_INFO_V1(commerce_round_carried);

/* Calls one of numeric's functions of two arguments. */
static Numeric
call(PGFunction function, Numeric first, Numeric second)
{
	return DatumGetNumeric(DirectFunctionCall2(function, NumericGetDatum(first), NumericGetDatum(second)));
}

/* Returns the rounding mode named by an argument. */
static RoundingMode
mode_argument(FunctionCallInfo fcinfo, int n)
{
	return commerce_rounding_named(text_to_cstring(PG_GETARG_TEXT_PP(n)));
}

/* Returns amount × factor, rounded once. */
static Amount
multiply(Amount amount, Numeric factor, RoundingMode mode)
{
	Numeric product = call(numeric_mul, int64_to_numeric(commerce_amount_minor(amount)), factor);

	return commerce_amount_from_whole(commerce_numeric_round_ratio(product, int64_to_numeric(1), mode),
									  commerce_amount_currency(amount));
}

/* Returns amount / divisor, rounded once. */
static Amount
divide(Amount amount, Numeric divisor, RoundingMode mode)
{
	return commerce_amount_from_whole(
		commerce_numeric_round_ratio(int64_to_numeric(commerce_amount_minor(amount)), divisor, mode),
		commerce_amount_currency(amount));
}

/* Returns the multiple of an increment that a value rounds to. */
static Numeric
round_to(Numeric value, Numeric increment, RoundingMode mode)
{
	if (!numeric_is_nan(increment) &&
		DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(increment),
										  NumericGetDatum(int64_to_numeric(0)))) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("an increment must be above zero")));
	return call(numeric_mul, commerce_numeric_round_ratio(value, increment, mode), increment);
}

/* amount(value, currency, rounding) makes money of a number of main units. */
Datum
commerce_amount_from_decimal(PG_FUNCTION_ARGS)
{
	int currency = commerce_currency_number(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	PG_RETURN_AMOUNT(commerce_amount_from_numeric(PG_GETARG_NUMERIC(0), currency, mode_argument(fcinfo, 2)));
}

/* to_numeric(amount) returns the main units. */
Datum
commerce_amount_numeric(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(commerce_amount_to_numeric(PG_GETARG_AMOUNT(0)));
}

/* multiply(amount, factor, rounding) */
Datum
commerce_amount_multiply(PG_FUNCTION_ARGS)
{
	PG_RETURN_AMOUNT(multiply(PG_GETARG_AMOUNT(0), PG_GETARG_NUMERIC(1), mode_argument(fcinfo, 2)));
}

/* amount * numeric rounds half up. */
Datum
commerce_amount_multiply_by(PG_FUNCTION_ARGS)
{
	PG_RETURN_AMOUNT(multiply(PG_GETARG_AMOUNT(0), PG_GETARG_NUMERIC(1), ROUND_HALF_UP));
}

/* numeric * amount rounds half up. */
Datum
commerce_numeric_multiply(PG_FUNCTION_ARGS)
{
	PG_RETURN_AMOUNT(multiply(PG_GETARG_AMOUNT(1), PG_GETARG_NUMERIC(0), ROUND_HALF_UP));
}

/* divide(amount, divisor, rounding) */
Datum
commerce_amount_divide(PG_FUNCTION_ARGS)
{
	PG_RETURN_AMOUNT(divide(PG_GETARG_AMOUNT(0), PG_GETARG_NUMERIC(1), mode_argument(fcinfo, 2)));
}

/* amount / numeric rounds half up. */
Datum
commerce_amount_divide_by(PG_FUNCTION_ARGS)
{
	PG_RETURN_AMOUNT(divide(PG_GETARG_AMOUNT(0), PG_GETARG_NUMERIC(1), ROUND_HALF_UP));
}

/* amount / amount tells how often the second goes into the first. */
Datum
commerce_amount_ratio(PG_FUNCTION_ARGS)
{
	Amount first = PG_GETARG_AMOUNT(0);
	Amount second = PG_GETARG_AMOUNT(1);

	commerce_require_same_currency(commerce_amount_currency(first), commerce_amount_currency(second));
	PG_RETURN_NUMERIC(call(numeric_div, int64_to_numeric(commerce_amount_minor(first)),
						   int64_to_numeric(commerce_amount_minor(second))));
}

/* round_to(value, increment, rounding) on plain numbers. */
Datum
commerce_round_numeric(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(round_to(PG_GETARG_NUMERIC(0), PG_GETARG_NUMERIC(1), mode_argument(fcinfo, 2)));
}

/* round_to(value, increment, rounding) on money: the increment is a whole number of minor units. */
Datum
commerce_round_amount(PG_FUNCTION_ARGS)
{
	Amount amount = PG_GETARG_AMOUNT(0);
	int currency = commerce_amount_currency(amount);
	Numeric increment = PG_GETARG_NUMERIC(1);
	Numeric scale = commerce_numeric_power10(commerce_currency_digits(currency));
	Numeric units = call(numeric_mul, increment, scale);
	RoundingMode mode = mode_argument(fcinfo, 2);
	Numeric minor = round_to(int64_to_numeric(commerce_amount_minor(amount)), units, mode);

	if (DatumGetInt32(DirectFunctionCall2(
			numeric_cmp, NumericGetDatum(units),
			DirectFunctionCall2(numeric_trunc, NumericGetDatum(units), Int32GetDatum(0)))) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("an increment of %s has at most %d decimals", commerce_currency_code(currency),
							   commerce_currency_digits(currency))));
	PG_RETURN_AMOUNT(commerce_amount_from_whole(minor, currency));
}

/* Refuses an array that is not a plain list of values. */
static void
require_list(ArrayType *array)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("expected an array of one dimension")));
	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the array must not contain nulls")));
}

/*
 * round_carried(values, digits, rounding) rounds each value together with what rounding the ones before it took or
 * gave, so that the results never stray from the exact sum by more than one rounding.
 */
Datum
commerce_round_carried(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	int digits = PG_GETARG_INT32(1);
	RoundingMode mode = mode_argument(fcinfo, 2);
	Numeric carried = int64_to_numeric(0);
	Numeric increment;
	Datum *values;
	int count;

	if (digits < 0 || digits > 100)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("digits must be between 0 and 100, not %d", digits)));
	require_list(array);
	increment = commerce_numeric_power10(-digits);
	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &values, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		Numeric exact = call(numeric_add, DatumGetNumeric(values[i]), carried);
		Numeric rounded = round_to(exact, increment, mode);

		carried = call(numeric_sub, exact, rounded);
		values[i] = NumericGetDatum(rounded);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(values, count, NUMERICOID, -1, false, TYPALIGN_INT));
}
