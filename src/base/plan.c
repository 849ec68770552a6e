/*
 * plan.c: saved plans.
 *
 * Names inside a plan are resolved under the search_path in force at each execution (the plan cache re-analyzes a
 * query when the path differs), so pinning it at preparation alone would not do. SQL-callable functions pin it by
 * their declaration (SECURITY DEFINER SET search_path); triggers, which cannot afford that per row, open an
 * OwnerScope around the few statements they send.
 */
#include "base/plan.h"

#include "base/ready.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "parser/parse_type.h"
#include "utils/snapmgr.h"
#pragma GCC diagnostic pop

#define MAX_PLAN_ARGS 32

/* Resolves "a; b; c" into type OIDs and returns how many there are. */
static int
resolve_types(const char *names, Oid *types)
{
	int count = 0;
	char *copy = pstrdup(names);
	char *rest = copy;
	char *name;

	while ((name = strsep(&rest, ";")) != NULL)
	{
		int32 typmod;

		if (count == MAX_PLAN_ARGS)
			elog(ERROR, "too many parameters in a saved plan");
		parseTypeString(name, &types[count++], &typmod, false);
	}
	pfree(copy);
	return count;
}

/* Parses the statement and keeps it for as long as this schema lives; refuses where there is no shop to run it on. */
static void
prepare(SavedPlan *saved, Oid schema)
{
	Oid types[MAX_PLAN_ARGS];
	int count = saved->args ? resolve_types(saved->args, types) : 0;
	SPIPlanPtr plan;

	commerce_require_shop();
	/* Every statement of ours looks rows up by index, so one plan fits all parameters; planning each anew costs more. */
	plan = SPI_prepare_cursor(saved->sql, count, types, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", saved->sql, SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep a plan");
	saved->plan = plan;
	saved->schema = schema;
}

/*
 * Makes the plan where there is none. One made before the extension was dropped and created again is thrown away: the
 * plan cache looks tables up anew, but the types of parameters are OIDs, and those of the extension's types are gone.
 */
static void
require_plan(SavedPlan *saved)
{
	Oid schema = get_namespace_oid("commerce", true);

	if (saved->plan != NULL && saved->schema != schema)
	{
		SPIPlanPtr stale = saved->plan;

		saved->plan = NULL;
		(void) SPI_freeplan(stale);
	}
	if (saved->plan == NULL)
		prepare(saved, schema);
}

/* Runs a saved plan and returns the number of rows it processed; the rows are in SPI_tuptable. */
uint64
commerce_run(SavedPlan *saved, PlanView view, const Datum *values, const char *nulls)
{
	Snapshot snapshot = InvalidSnapshot;
	int code;

	require_plan(saved);
	if (view != PLAN_WRITES && view != PLAN_READS && !IsInParallelMode())
		snapshot = RegisterSnapshot(GetLatestSnapshot());
	/* The registered snapshot is a copy. At its first command a transaction has done nothing yet. */
	if (view == PLAN_COMMITTED)
		snapshot->curcid = FirstCommandId;
	code = SPI_execute_snapshot(saved->plan, unconstify(Datum *, values), nulls, snapshot, InvalidSnapshot,
								view != PLAN_WRITES, true, 0);
	if (snapshot != InvalidSnapshot)
		UnregisterSnapshot(snapshot);
	if (code < 0)
		elog(ERROR, "could not run \"%s\": %s", saved->sql, SPI_result_code_string(code));
	return SPI_processed;
}

/* Begins reading; a parallel query has one snapshot. */
Snapshot
commerce_begin_reading(void)
{
	return RegisterSnapshot(IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot());
}

/* Ends reading. */
void
commerce_end_reading(Snapshot snapshot)
{
	UnregisterSnapshot(snapshot);
}

/* Runs a saved plan that reads what a snapshot shows. */
uint64
commerce_read_with(SavedPlan *saved, Snapshot snapshot, const Datum *values, const char *nulls)
{
	int code;

	require_plan(saved);
	code = SPI_execute_snapshot(saved->plan, unconstify(Datum *, values), nulls, snapshot, InvalidSnapshot,
								true, true, 0);
	if (code < 0)
		elog(ERROR, "could not run \"%s\": %s", saved->sql, SPI_result_code_string(code));
	return SPI_processed;
}

/* Returns one value of the last result; it lives as long as that result. */
Datum
commerce_value(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

/* Returns one value of the last result, or the fallback where it is NULL. */
Datum
commerce_value_or(uint64 row, int column, Datum fallback)
{
	bool isnull;
	Datum value = commerce_value(row, column, &isnull);

	return isnull ? fallback : value;
}

/* Returns a text of the last result as a C string of its own, or NULL. */
char *
commerce_text(uint64 row, int column)
{
	bool isnull;
	Datum value = commerce_value(row, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}
