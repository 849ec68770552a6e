/*
 * numeric.c: exact decimals become whole minor units here, once.
 *
 * numeric's own division rounds its quotient to some digits; rounding that again to a cent would round twice and move
 * ties (0.49999… becomes 0.5 becomes 1). So a quotient is cut by exact truncating division, and the exact remainder
 * decides what happens to it.
 */
#include "money/numeric.h"

#include "money/decimal.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* Calls one of numeric's functions of two arguments. */
static Numeric
call(PGFunction function, Numeric first, Numeric second)
{
	return DatumGetNumeric(DirectFunctionCall2(function, NumericGetDatum(first), NumericGetDatum(second)));
}

/* Returns -1, 0 or 1. */
static int
compare(Numeric first, Numeric second)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(first), NumericGetDatum(second)));
}

/* Returns the magnitude of a number. */
static Numeric
magnitude(Numeric number)
{
	return DatumGetNumeric(DirectFunctionCall1(numeric_abs, NumericGetDatum(number)));
}

/* Refuses what is no number. */
static void
require_finite(Numeric number)
{
	if (numeric_is_nan(number) || numeric_is_inf(number))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("NaN and infinity cannot be money, nor multiply, divide or round it")));
}

/* Returns numerator / denominator rounded to a whole number. */
Numeric
commerce_numeric_round_ratio(Numeric numerator, Numeric denominator, RoundingMode mode)
{
	Numeric zero = int64_to_numeric(0);
	Numeric whole;
	Numeric rest;
	bool negative;
	bool odd;
	int half;

	require_finite(numerator);
	require_finite(denominator);
	whole = call(numeric_div_trunc, numerator, denominator);
	rest = call(numeric_mod, numerator, denominator);
	if (compare(rest, zero) == 0)
		return whole;
	negative = (compare(numerator, zero) < 0) != (compare(denominator, zero) < 0);
	odd = compare(call(numeric_mod, whole, int64_to_numeric(2)), zero) != 0;
	half = compare(call(numeric_add, magnitude(rest), magnitude(rest)), magnitude(denominator));
	if (!commerce_round_away(mode, negative, odd, half))
		return whole;
	return call(numeric_add, whole, int64_to_numeric(negative ? -1 : 1));
}

/* Returns 10 to the power of "exponent". */
Numeric
commerce_numeric_power10(int exponent)
{
	char *text = psprintf("1e%d", exponent);

	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* Packs a whole numeric of minor units. */
Amount
commerce_amount_from_whole(Numeric minor, int currency)
{
	if (compare(magnitude(minor), int64_to_numeric(MONEY_MAX_MINOR)) > 0)
		return commerce_amount_make(MONEY_MAX_MINOR + 1, currency); /* refuses */
	return commerce_amount_make(DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(minor))),
								currency);
}

/* Rounds a value in main units to money. */
Amount
commerce_amount_from_numeric(Numeric value, int currency, RoundingMode mode)
{
	Numeric scale = commerce_numeric_power10(commerce_currency_digits(currency));

	require_finite(value);
	return commerce_amount_from_whole(
		commerce_numeric_round_ratio(call(numeric_mul, value, scale), int64_to_numeric(1), mode), currency);
}

/* Returns an amount in main units. */
Numeric
commerce_amount_to_numeric(Amount amount)
{
	char text[MONEY_TEXT_SIZE];

	commerce_decimal_print(commerce_amount_minor(amount),
						   commerce_currency_digits(commerce_amount_currency(amount)), text);
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}
