/*
 * verify_budgets_sql.c: are the counters of budgets right, and what if they are wrong?
 *
 * They drift only when claims change behind their backs: with triggers disabled. Repair takes at once what counts too
 * little as claimed, because that could let a limit be exceeded.
 */
#include "base/pg.h"

#include "base/plan.h"
#include "base/ready.h"
#include "budget/claim_counters.h"

PG_FUNCTION_INFO_V1(commerce_verify_budgets);

/* Fills in budget and key of a counter's name. */
static int
name_columns(const char *name, int length, Datum *values)
{
	pg_uuid_t *budget = palloc(sizeof(pg_uuid_t));
	char *key;

	commerce_claims_counter_name(name, length, budget, &key);
	values[0] = UUIDPGetDatum(budget);
	values[1] = CStringGetTextDatum(key);
	return 2;
}

static const EscrowReport report = {
	.committed = commerce_claims_committed, .names = name_columns, .from_zero_down = true};

/* verify_budgets(repair) lists the counters that differ from the tables, and puts them right when asked to. */
Datum
commerce_verify_budgets(PG_FUNCTION_ARGS)
{
	SPI_connect();
	commerce_require_shop();
	SPI_finish();
	InitMaterializedSRF(fcinfo, 0);
	commerce_escrow_verify(&commerce_claims_space, &report, PG_GETARG_BOOL(0),
						   (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}
