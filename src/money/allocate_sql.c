/*
 * allocate_sql.c: splitting money from SQL.
 *
 * Weights are numeric, so that prices, percentages and counts can be given as they are; they are brought to whole
 * numbers by one common power of ten, which changes no ratio.
 */
#include "money/allocate.h"

#include "money/numeric.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_allocate_amount);
PG_FUNCTION_INFO_V1(commerce_allocate_fractions);
PG_FUNCTION_INFO_V1(commerce_allocate_up_to);
PG_FUNCTION_INFO_V1(commerce_allocate_in_order);

/* Returns the elements of a list that has no nulls and one dimension. */
static Datum *
list_elements(ArrayType *array, const char *what, int *count)
{
	Datum *elements;
	int16 length;
	bool by_value;
	char align;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("%s must have one dimension", what)));
	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not contain nulls", what)));
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &elements, NULL, count);
	return elements;
}

/* Returns the policy named by an argument. */
static AllocationPolicy
policy_argument(FunctionCallInfo fcinfo, int n)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(n));
	AllocationPolicy policy = ALLOCATE_NEAREST;

	if (!commerce_allocation_policy(name, &policy))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown allocation policy \"%s\"", name),
				 errhint("Known are nearest, first, last, largest_ratio and round_then_fix.")));
	return policy;
}

/* Compares two numbers. */
static int
compare(Datum first, Datum second)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, first, second));
}

/* Refuses a weight that is no number or below nothing. */
static void
require_weight(Datum value)
{
	Numeric number = DatumGetNumeric(value);

	if (numeric_is_nan(number) || numeric_is_inf(number) ||
		compare(value, NumericGetDatum(int64_to_numeric(0))) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a weight must be a number, zero or above, not %s",
							   DatumGetCString(DirectFunctionCall1(numeric_out, value)))));
}

/* Returns the weights as whole numbers of the same ratios. */
static int64 *
whole_weights(Datum *values, int count)
{
	int64 *weights = palloc(sizeof(int64) * Max(count, 1));
	Datum limit = NumericGetDatum(int64_to_numeric(PG_INT64_MAX));
	Datum sum = NumericGetDatum(int64_to_numeric(0));
	Datum scale;
	int digits = 0;

	for (int i = 0; i < count; i++)
	{
		require_weight(values[i]);
		digits = Max(digits, DatumGetInt32(DirectFunctionCall1(numeric_min_scale, values[i])));
	}
	scale = NumericGetDatum(commerce_numeric_power10(digits));
	for (int i = 0; i < count; i++)
	{
		Datum scaled = DirectFunctionCall2(numeric_mul, values[i], scale);

		sum = DirectFunctionCall2(numeric_add, sum, scaled);
		if (compare(sum, limit) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("weights have too many digits"),
					 errdetail("Without their decimal points they may sum to at most 9223372036854775807."),
					 errhint("Round the weights.")));
		weights[i] = DatumGetInt64(DirectFunctionCall1(numeric_int8, scaled));
	}
	return weights;
}

/* Returns the caps in minor units; refuses another currency, another sign than the total's, another number of them. */
static int64 *
cap_minors(ArrayType *array, Amount total, int expected)
{
	int count;
	Datum *values = list_elements(array, "caps", &count);
	int64 *caps = palloc(sizeof(int64) * Max(count, 1));
	int64 total_minor = commerce_amount_minor(total);

	if (expected >= 0 && count != expected)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%d caps for %d weights", count, expected)));
	for (int i = 0; i < count; i++)
	{
		Amount cap = DatumGetAmount(values[i]);

		caps[i] = commerce_amount_minor(cap);
		commerce_require_same_currency(commerce_amount_currency(total), commerce_amount_currency(cap));
		if ((caps[i] < 0 && total_minor > 0) || (caps[i] > 0 && total_minor < 0))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("a cap of %s has another sign than %s", commerce_amount_print(cap),
								   commerce_amount_print(total)),
							errhint("Give caps the sign of the sum that is split.")));
	}
	return caps;
}

/* Returns shares as an array of amounts, whose type the calling function's declaration knows. */
static Datum
share_array(FunctionCallInfo fcinfo, const int64 *shares, int count, int currency)
{
	Oid type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
	Datum *values = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		values[i] = AmountGetDatum(commerce_amount_make(shares[i], currency));
	return PointerGetDatum(construct_array(values, count, type, sizeof(Amount), true, TYPALIGN_DOUBLE));
}

/* Splits by weights, with caps or NULL, and returns the array of shares. */
static Datum
allocate(FunctionCallInfo fcinfo, Amount total, const int64 *weights, const int64 *caps, int count,
		 AllocationPolicy policy)
{
	int64 *shares = palloc0(sizeof(int64) * Max(count, 1));

	if (count == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is nothing to allocate to"),
						errhint("Give at least one weight.")));
	if (caps != NULL)
		(void) commerce_allocate_capped(commerce_amount_minor(total), (const int64_t *) weights,
										(const int64_t *) caps, count, policy, (int64_t *) shares);
	else if (!commerce_allocate(commerce_amount_minor(total), (const int64_t *) weights, count, policy,
								(int64_t *) shares))
		elog(ERROR, "weights sum beyond 64 bits");
	return share_array(fcinfo, shares, count, commerce_amount_currency(total));
}

/* allocate(amount, weights, policy, caps) */
Datum
commerce_allocate_amount(PG_FUNCTION_ARGS)
{
	Amount total;
	int count;
	Datum *values;
	int64 *weights;
	int64 *caps = NULL;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	total = PG_GETARG_AMOUNT(0);
	values = list_elements(PG_GETARG_ARRAYTYPE_P(1), "weights", &count);
	weights = whole_weights(values, count);
	if (!PG_ARGISNULL(3))
		caps = cap_minors(PG_GETARG_ARRAYTYPE_P(3), total, count);
	return allocate(fcinfo, total, weights, caps, count, policy_argument(fcinfo, 2));
}

/* allocate_fractions(amount, fractions, policy) splits by weights that are meant as parts of one. */
Datum
commerce_allocate_fractions(PG_FUNCTION_ARGS)
{
	int count;
	Datum *fractions = list_elements(PG_GETARG_ARRAYTYPE_P(1), "fractions", &count);
	int64 *weights = whole_weights(fractions, count);
	Datum sum = NumericGetDatum(int64_to_numeric(0));

	for (int i = 0; i < count; i++)
		sum = DirectFunctionCall2(numeric_add, sum, fractions[i]);
	if (compare(sum, NumericGetDatum(int64_to_numeric(1))) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("fractions sum to more than 100 percent"),
				 errdetail("They sum to %s.", DatumGetCString(DirectFunctionCall1(numeric_out, sum))),
				 errhint("Use commerce.allocate() for weights of any size.")));
	return allocate(fcinfo, PG_GETARG_AMOUNT(0), weights, NULL, count, policy_argument(fcinfo, 2));
}

/* allocate_up_to(amount, caps, policy) splits in proportion to the caps and never beyond them. */
Datum
commerce_allocate_up_to(PG_FUNCTION_ARGS)
{
	Amount total = PG_GETARG_AMOUNT(0);
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(1);
	int64 *caps = cap_minors(array, total, -1);
	int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	int64 *weights = palloc(sizeof(int64) * Max(count, 1));

	for (int i = 0; i < count; i++)
		weights[i] = caps[i] < 0 ? -caps[i] : caps[i];
	return allocate(fcinfo, total, weights, caps, count, policy_argument(fcinfo, 2));
}

/* allocate_in_order(amount, caps) fills the first up to its cap, then the second, and so on. */
Datum
commerce_allocate_in_order(PG_FUNCTION_ARGS)
{
	Amount total = PG_GETARG_AMOUNT(0);
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(1);
	int64 *caps = cap_minors(array, total, -1);
	int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	int64 left = commerce_amount_minor(total);

	for (int i = 0; i < count; i++)
	{
		caps[i] = left < 0 ? Max(caps[i], left) : Min(caps[i], left);
		left -= caps[i];
	}
	return share_array(fcinfo, caps, count, commerce_amount_currency(total));
}
