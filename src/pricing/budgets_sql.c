/*
 * budgets_sql.c: budget_left(), as SQL calls it.
 */
#include "base/pg.h"

#include "base/plan.h"
#include "pricing/claim_counters.h"

PG_FUNCTION_INFO_V1(commerce_budget_left);

static SavedPlan read_budget = {
	.sql = "SELECT coalesce(b.uses, commerce.minor_units(b.spend)), CASE b.per WHEN 'all' THEN '' ELSE $2 END"
		   " FROM commerce.budgets b WHERE b.id = $1 UNION ALL"
		   " SELECT p.uses, $2 FROM commerce.promotion_codes p"
		   " WHERE p.promotion = $1 AND p.code = substr($2, 6) AND $2 LIKE 'code:%'",
	.args = "uuid; text"};

static SavedPlan read_taken = {
	.sql = "SELECT least(coalesce(sum(amount_taken), 0), 9223372036854775807)::int8 FROM commerce.claims"
		   " WHERE budget = $1 AND key = $2 AND state <> 'released'",
	.args = "uuid; text"};

/* Returns what is taken of a budget under a key, by the counter where there is one. */
static int64
taken_of(const pg_uuid_t *budget, const char *key)
{
	int64 taken;
	bool isnull;

	if (commerce_claims_peek(budget, key, &taken))
		return taken;
	(void) commerce_run(&read_taken, PLAN_READS, (Datum[]){UUIDPGetDatum(budget), CStringGetTextDatum(key)},
						NULL);
	return DatumGetInt64(commerce_value(0, 1, &isnull));
}

/* budget_left(budget, key) says what can still be claimed. */
Datum
commerce_budget_left(PG_FUNCTION_ARGS)
{
	Datum values[2];
	char *key = NULL;
	int64 limit = 0;
	int64 left = 0;
	bool isnull = true;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1);
	SPI_connect();
	if (commerce_run(&read_budget, PLAN_READS, values, PG_ARGISNULL(1) ? " n" : NULL) > 0)
	{
		limit = DatumGetInt64(commerce_value(0, 1, &isnull));
		key = commerce_text(0, 2);
	}
	if (!isnull && key != NULL)
	{
		int64 taken = taken_of(DatumGetUUIDP(values[0]), key);

		left = taken >= limit ? 0 : limit - Max(taken, 0);
	}
	SPI_finish();
	if (isnull || key == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64(left);
}
