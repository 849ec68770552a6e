/*
 * plan.c: saved plans, and the identity under which they run.
 *
 * Names inside a plan are resolved under the search_path in force at each execution (the plan cache re-analyzes a
 * query when the path differs), so pinning it at preparation alone would not do. SQL-callable functions pin it by
 * their declaration (SECURITY DEFINER SET search_path); triggers, which cannot afford that per row, open an
 * OwnerScope around the few statements they send.
 */
#include "base/plan.h"

#include "base/errors.h"
#include "base/shop.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/namespace.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#pragma GCC diagnostic pop

#define MAX_PLAN_ARGS 32

/* All plans that are prepared, and the schema whose types they were prepared with. */
static List *prepared = NIL;
static Oid prepared_for = InvalidOid;

/*
 * Forgets all plans where the extension was dropped and created since: the plan cache prepares a statement anew when a
 * table changes, but the types of its parameters are what they were.
 */
static void
forget_plans_of_former_shop(void)
{
	Oid schema = get_namespace_oid("commerce", true);
	ListCell *cell;

	if (schema == prepared_for)
		return;
	foreach (cell, prepared)
	{
		SavedPlan *saved = lfirst(cell);

		(void) SPI_freeplan(saved->plan);
		saved->plan = NULL;
	}
	list_free(prepared);
	prepared = NIL;
	prepared_for = schema;
}

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

/* Parses the statement and keeps it for the life of the backend; refuses where there is no shop to run it on. */
static void
prepare(SavedPlan *saved)
{
	Oid types[MAX_PLAN_ARGS];
	int count = saved->args ? resolve_types(saved->args, types) : 0;
	SPIPlanPtr plan;
	MemoryContext caller;

	commerce_require_shop();
	plan = SPI_prepare(saved->sql, count, types);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", saved->sql, SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep a plan");
	caller = MemoryContextSwitchTo(TopMemoryContext);
	prepared = lappend(prepared, saved);
	MemoryContextSwitchTo(caller);
	saved->plan = plan;
}

/* Runs a saved plan and returns the number of rows it processed; the rows are in SPI_tuptable. */
uint64
commerce_run(SavedPlan *saved, PlanView view, const Datum *values, const char *nulls)
{
	Snapshot snapshot = InvalidSnapshot;
	int code;

	forget_plans_of_former_shop();
	if (saved->plan == NULL)
		prepare(saved);
	if (view == PLAN_LATEST)
		snapshot = RegisterSnapshot(GetLatestSnapshot());
	code = SPI_execute_snapshot(saved->plan, unconstify(Datum *, values), nulls, snapshot, InvalidSnapshot,
								view != PLAN_WRITES, true, 0);
	if (snapshot != InvalidSnapshot)
		UnregisterSnapshot(snapshot);
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

/* Becomes the shop's owner, with nothing but pg_catalog in the search path. */
void
commerce_enter_owner(OwnerScope *scope)
{
	GetUserIdAndSecContext(&scope->user, &scope->security_context);
	SetUserIdAndSecContext(get_role_oid(COMMERCE_OWNER, false),
						   scope->security_context | SECURITY_LOCAL_USERID_CHANGE);
	scope->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
}

/* Returns to the user and search path that enter found. */
void
commerce_leave_owner(OwnerScope *scope)
{
	AtEOXact_GUC(true, scope->guc_level);
	SetUserIdAndSecContext(scope->user, scope->security_context);
}
