/*
 * aggregate_sql.c: sum, avg, min and max of amounts.
 *
 * Sums are kept in 128 bits, so only a result can be out of range, never the way to it: the order of rows and the
 * split over parallel workers cannot change what a query returns. One aggregate sees one currency; a second one is
 * CM020. min and max refuse it too, although amounts have a total order: "the cheapest of 5 EUR and 4 USD" has no
 * answer. That is also why they are not declared as answerable from an index, which would look at one end only.
 */
#include "money/amount.h"

#include "money/currency.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "libpq/pqformat.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_amount_accumulate);
PG_FUNCTION_INFO_V1(commerce_amount_retract);
PG_FUNCTION_INFO_V1(commerce_amount_combine);
PG_FUNCTION_INFO_V1(commerce_amount_serialize);
PG_FUNCTION_INFO_V1(commerce_amount_deserialize);
PG_FUNCTION_INFO_V1(commerce_amount_sum);
PG_FUNCTION_INFO_V1(commerce_amount_avg);
PG_FUNCTION_INFO_V1(commerce_amount_smaller);
PG_FUNCTION_INFO_V1(commerce_amount_larger);

/* The running sum; without rows it has no currency. */
typedef struct Total
{
	wide minor;
	int64 count;
	int currency;
} Total;

/* Returns the state of the aggregate, made in its memory when it is the first row. */
static Total *
state_argument(FunctionCallInfo fcinfo)
{
	MemoryContext memory;

	if (!AggCheckCallContext(fcinfo, &memory))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (!PG_ARGISNULL(0))
		return (Total *) PG_GETARG_POINTER(0);
	return MemoryContextAllocZero(memory, sizeof(Total));
}

/* Adds so many minor units of so many rows; a sum without rows takes any currency. */
static void
add(Total *total, wide minor, int64 count, int currency)
{
	if (total->count == 0)
		total->currency = currency;
	commerce_require_same_currency(total->currency, currency);
	total->minor += minor;
	total->count += count;
}

/* Adds a row; nulls do not count. */
Datum
commerce_amount_accumulate(PG_FUNCTION_ARGS)
{
	Total *total = state_argument(fcinfo);

	if (!PG_ARGISNULL(1))
	{
		Amount amount = PG_GETARG_AMOUNT(1);

		add(total, commerce_amount_minor(amount), 1, commerce_amount_currency(amount));
	}
	PG_RETURN_POINTER(total);
}

/* Takes a row out again, for moving windows. */
Datum
commerce_amount_retract(PG_FUNCTION_ARGS)
{
	Total *total = state_argument(fcinfo);

	if (!PG_ARGISNULL(1))
	{
		Amount amount = PG_GETARG_AMOUNT(1);

		add(total, -(wide) commerce_amount_minor(amount), -1, commerce_amount_currency(amount));
	}
	PG_RETURN_POINTER(total);
}

/* Adds what another worker summed. */
Datum
commerce_amount_combine(PG_FUNCTION_ARGS)
{
	Total *total = state_argument(fcinfo);

	if (!PG_ARGISNULL(1))
	{
		Total *other = (Total *) PG_GETARG_POINTER(1);

		if (other->count != 0)
			add(total, other->minor, other->count, other->currency);
	}
	PG_RETURN_POINTER(total);
}

/* Packs a state for its way from a worker to the leader. */
Datum
commerce_amount_serialize(PG_FUNCTION_ARGS)
{
	Total *total = state_argument(fcinfo);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint64(&message, (uint64) (total->minor >> 64));
	pq_sendint64(&message, (uint64) total->minor);
	pq_sendint64(&message, (uint64) total->count);
	pq_sendint32(&message, (uint32) total->currency);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Unpacks a state that a worker sent. */
Datum
commerce_amount_deserialize(PG_FUNCTION_ARGS)
{
	bytea *packed;
	StringInfoData message;
	Total *total;
	uint64 high;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	packed = PG_GETARG_BYTEA_PP(0);
	total = palloc0(sizeof(Total));
	initStringInfo(&message);
	appendBinaryStringInfo(&message, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
	high = (uint64) pq_getmsgint64(&message);
	total->minor = (wide) ((unsigned __int128) high << 64 | (uint64) pq_getmsgint64(&message));
	total->count = pq_getmsgint64(&message);
	total->currency = (int) pq_getmsgint(&message, 4);
	pq_getmsgend(&message);
	PG_RETURN_POINTER(total);
}

/* Returns the sum, NULL where there was no row. */
Datum
commerce_amount_sum(PG_FUNCTION_ARGS)
{
	Total *total = PG_ARGISNULL(0) ? NULL : (Total *) PG_GETARG_POINTER(0);

	if (total == NULL || total->count == 0)
		PG_RETURN_NULL();
	PG_RETURN_AMOUNT(commerce_amount_make_wide(total->minor, total->currency));
}

/* Returns the mean rounded half up, NULL where there was no row. */
Datum
commerce_amount_avg(PG_FUNCTION_ARGS)
{
	Total *total = PG_ARGISNULL(0) ? NULL : (Total *) PG_GETARG_POINTER(0);

	if (total == NULL || total->count == 0)
		PG_RETURN_NULL();
	PG_RETURN_AMOUNT(commerce_amount_make_wide(
		commerce_round_ratio(total->minor, total->count, ROUND_HALF_UP), total->currency));
}

/* Returns the smaller of two amounts of one currency. */
Datum
commerce_amount_smaller(PG_FUNCTION_ARGS)
{
	Amount first = PG_GETARG_AMOUNT(0);
	Amount second = PG_GETARG_AMOUNT(1);

	commerce_require_same_currency(commerce_amount_currency(first), commerce_amount_currency(second));
	PG_RETURN_AMOUNT(Min(first, second));
}

/* Returns the larger of two amounts of one currency. */
Datum
commerce_amount_larger(PG_FUNCTION_ARGS)
{
	Amount first = PG_GETARG_AMOUNT(0);
	Amount second = PG_GETARG_AMOUNT(1);

	commerce_require_same_currency(commerce_amount_currency(first), commerce_amount_currency(second));
	PG_RETURN_AMOUNT(Max(first, second));
}
