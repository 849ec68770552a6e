/*
 * budgets_sql.c: budget_left() and promotion_left(), as SQL calls them.
 */
#include "base/pg.h"

#include "base/plan.h"
#include "base/ready.h"
#include "money/amount.h"
#include "budget/claim_counters.h"
#include "budget/claims.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/pg_collation.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_budget_left);
PG_FUNCTION_INFO_V1(commerce_promotion_left);

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

static SavedPlan read_currency = {.sql = "SELECT currency FROM commerce.shop"};

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

/* Returns the currency that is asked about: the one given as argument n, else the shop's. */
static int
currency_argument(FunctionCallInfo fcinfo, int n)
{
	if (!PG_ARGISNULL(n))
		return commerce_currency_number(text_to_cstring(PG_GETARG_TEXT_PP(n)));
	(void) commerce_run(&read_currency, PLAN_READS, NULL, NULL);
	return SPI_processed == 0 ? 0 : commerce_currency_number(commerce_text(0, 1));
}

/* promotion_left(promotion, code, customer, currency) says what is left of all that limits a promotion. */
Datum
commerce_promotion_left(PG_FUNCTION_ARGS)
{
	BudgetUse use = {0};
	BudgetLeft left;
	TupleDesc desc;
	Datum values[5];
	bool nulls[5] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "promotion_left() returns a row");
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("promotion must not be null")));
	use.promotion = *PG_GETARG_UUID_P(0);
	if (!PG_ARGISNULL(1))
		use.code = TextDatumGetCString(
			DirectFunctionCall1Coll(upper, C_COLLATION_OID, DirectFunctionCall1(btrim1, PG_GETARG_DATUM(1))));
	SPI_connect();
	commerce_require_shop();
	commerce_budgets_left(&use, 1, PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2), currency_argument(fcinfo, 3),
						  &left);
	if (left.missing_key != NULL)
		values[3] = SPI_datumTransfer(CStringGetTextDatum(left.missing_key), false, -1);
	SPI_finish();
	values[0] = Int64GetDatum(left.uses);
	values[1] = Int64GetDatum(left.spend);
	values[2] = Int64GetDatum(left.refused_beyond);
	values[4] = BoolGetDatum(left.other_currency);
	nulls[0] = left.uses == PG_INT64_MAX;
	nulls[1] = left.spend == PG_INT64_MAX;
	nulls[2] = left.refused_beyond == PG_INT64_MAX;
	nulls[3] = left.missing_key == NULL;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
