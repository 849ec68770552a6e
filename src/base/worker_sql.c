/*
 * worker_sql.c: what the background worker does in this database, as SQL asks it.
 */
#include "base/pg.h"

#include "base/chores.h"
#include "base/due.h"

PG_FUNCTION_INFO_V1(commerce_worker_status);
PG_FUNCTION_INFO_V1(commerce_chores_due_sql);

/* Sets a column to a time of the table, or to NULL for never. */
static void
set_time(Datum *value, bool *null, pg_atomic_uint64 *time)
{
	TimestampTz when = (TimestampTz) pg_atomic_read_u64(time);

	*null = TIMESTAMP_NOT_FINITE(when);
	*value = TimestampTzGetDatum(when);
}

/* Returns the SQLSTATE of the first chore that failed when it last ran, 0 for none. */
static int
failed_with(const DueDatabase *row)
{
	for (int i = 0; i < MAX_CHORES; i++)
		if (row->chores[i].sqlstate != 0)
			return row->chores[i].sqlstate;
	return 0;
}

/* Returns the names of the chores that failed when they last ran, NULL for none. */
static char *
failing_chores(const DueDatabase *row)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < MAX_CHORES && commerce_chore_name(i) != NULL; i++)
		if (row->chores[i].sqlstate != 0)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", commerce_chore_name(i));
	return names.len > 0 ? names.data : NULL;
}

/* worker_status() returns one row about this database, and none where the library was not preloaded. */
Datum
commerce_worker_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DueDatabase *row;
	Datum values[5] = {BoolGetDatum(false)};
	bool nulls[5] = {false, true, true, true, true};

	InitMaterializedSRF(fcinfo, 0);
	if (!commerce_due_shared())
		return (Datum) 0;
	row = commerce_due_find(MyDatabaseId);
	if (row != NULL)
	{
		int error = failed_with(row);
		char *failing = failing_chores(row);

		values[0] = BoolGetDatum(pg_atomic_read_u32(&row->visitor) != 0);
		set_time(&values[1], &nulls[1], &row->visited);
		set_time(&values[2], &nulls[2], &row->next_due);
		nulls[3] = error == 0;
		values[3] = error == 0 ? (Datum) 0 : CStringGetTextDatum(unpack_sql_state(error));
		nulls[4] = failing == NULL;
		values[4] = failing == NULL ? (Datum) 0 : CStringGetTextDatum(failing);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}

/* chores_due(at) says that there is work for the background worker at a time. */
Datum
commerce_chores_due_sql(PG_FUNCTION_ARGS)
{
	commerce_chores_due(PG_GETARG_TIMESTAMPTZ(0));
	PG_RETURN_VOID();
}
