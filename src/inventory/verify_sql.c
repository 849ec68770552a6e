/*
 * verify_sql.c: are the counters right, who is changing them now, and what if they are wrong?
 *
 * Counters drift only when rows change behind their backs: with triggers disabled, or by a crash-prone tool that writes
 * to the files. Repair takes down at once what says too much, because that could oversell.
 */
#include "base/pg.h"

#include "base/plan.h"
#include "base/ready.h"
#include "inventory/stock_counters.h"

PG_FUNCTION_INFO_V1(commerce_verify_stock);
PG_FUNCTION_INFO_V1(commerce_pending_stock);
PG_FUNCTION_INFO_V1(commerce_invalidate_stock);
PG_FUNCTION_INFO_V1(commerce_counted_headroom);

/* Refuses with CM099 where there is no shop whose stock could be counted. */
static void
require_shop(void)
{
	SPI_connect();
	commerce_require_shop();
	SPI_finish();
}

/* Fills in sku and location of a counter's name, or NULLs. */
static void
name_columns(const char *name, int length, Datum *values, bool *nulls)
{
	char *sku;
	char *location;

	nulls[0] = nulls[1] = length < 0;
	if (length < 0)
		return;
	commerce_stock_counter_name(name, length, &sku, &location);
	values[0] = CStringGetTextDatum(sku);
	values[1] = CStringGetTextDatum(location);
}

/* The same for a counter that has a name. */
static int
verify_columns(const char *name, int length, Datum *values)
{
	bool nulls[2];

	name_columns(name, length, values, nulls);
	return 2;
}

static const EscrowReport report = {.committed = commerce_stock_headroom, .names = verify_columns};

/* verify_stock(repair) lists the counters that differ from the tables, and puts them right when asked to. */
Datum
commerce_verify_stock(PG_FUNCTION_ARGS)
{
	require_shop();
	InitMaterializedSRF(fcinfo, 0);
	commerce_escrow_verify(&commerce_stock_space, &report, PG_GETARG_BOOL(0),
						   (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

/* stock_in_flight() lists what transactions that have not ended did to counters of stock. */
Datum
commerce_pending_stock(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	EscrowPending *pending;
	int count;

	require_shop();
	InitMaterializedSRF(fcinfo, 0);
	count = commerce_escrow_pending(&commerce_stock_space, &pending);
	for (int i = 0; i < count; i++)
	{
		Datum values[6];
		bool nulls[6] = {0};

		name_columns(pending[i].name, pending[i].length, values, nulls);
		nulls[2] = nulls[3] = pending[i].length < 0;
		values[2] = Int64GetDatum(pending[i].taken);
		values[3] = Int64GetDatum(pending[i].given);
		values[4] = Int32GetDatum(pending[i].pid);
		values[5] = TimestampTzGetDatum(pending[i].since);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* invalidate_stock(sku) forgets the idle counters of a sku, which are loaded again when next asked for. */
Datum
commerce_invalidate_stock(PG_FUNCTION_ARGS)
{
	text *sku = PG_GETARG_TEXT_PP(0);
	int length = VARSIZE_ANY_EXHDR(sku);
	char *prefix = palloc0(length + 1);

	require_shop();
	memcpy(prefix, VARDATA_ANY(sku), length);
	PG_RETURN_INT64(commerce_escrow_forget(&commerce_stock_space, prefix, length + 1));
}

/* counted_headroom(sku, location) reads a counter, or says NULL where there is none. */
Datum
commerce_counted_headroom(PG_FUNCTION_ARGS)
{
	int64 headroom;

	if (!commerce_stock_peek(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)),
							 &headroom))
		PG_RETURN_NULL();
	PG_RETURN_INT64(headroom);
}
