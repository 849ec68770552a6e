/*
 * verify_sql.c: are the counters right, who is changing them now, and what if they are wrong?
 *
 * A counter is compared with the tables at a moment when no transaction ends on it: it is read, the tables are read, and
 * it is read again. Between the two readings nothing may have ended on it, and value + pending, which is what is
 * committed, must be the same. A transaction that is visible already and has not paid yet makes a difference that goes
 * away, so a difference counts only when it stays.
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

/* Looks before a difference counts, and microseconds between two looks. */
#define LOOKS 50
#define BETWEEN_LOOKS 2000

/* Refuses with CM099 where there is no shop whose stock could be counted. */
static void
require_shop(void)
{
	SPI_connect();
	commerce_require_shop();
	SPI_finish();
}

/* Returns whether a reading and the tables say the same. */
static bool
agrees(const EscrowReading *reading, int64 tables)
{
	return reading->value + reading->pending == tables;
}

/* Looks until counter and tables agree at a quiet moment, or differ for good; returns whether they differ. */
static bool
differs(const EscrowReading *first, EscrowReading *reading, int64 *tables)
{
	for (int look = 0; look < LOOKS; look++)
	{
		EscrowReading after;

		CHECK_FOR_INTERRUPTS();
		if (look > 0)
			pg_usleep(BETWEEN_LOOKS);
		if (!commerce_escrow_read_one(&commerce_stock_space, first->name, first->length, reading))
			return false;
		*tables = commerce_stock_headroom(first->name, first->length);
		if (agrees(reading, *tables))
			return false;
		if (look < LOOKS / 2 ||
			!commerce_escrow_read_one(&commerce_stock_space, first->name, first->length, &after))
			continue;
		if (after.finished == reading->finished &&
			after.value + after.pending == reading->value + reading->pending)
			return true;
	}
	return false;
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

/* verify_stock(repair) lists the counters that differ from the tables, and puts them right when asked to. */
Datum
commerce_verify_stock(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool repair = PG_GETARG_BOOL(0);
	EscrowReading *readings;
	int count;

	require_shop();
	InitMaterializedSRF(fcinfo, 0);
	count = commerce_escrow_read(&commerce_stock_space, &readings);
	for (int i = 0; i < count; i++)
	{
		EscrowReading reading;
		int64 tables;
		Datum values[6];
		bool nulls[6] = {0};

		if (!differs(&readings[i], &reading, &tables))
			continue;
		name_columns(reading.name, reading.length, values, nulls);
		values[2] = Int64GetDatum(reading.value + reading.pending);
		values[3] = Int64GetDatum(tables);
		values[4] = Int64GetDatum(reading.pending);
		values[5] = BoolGetDatum(repair && commerce_escrow_correct(&commerce_stock_space, &reading, tables));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
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
