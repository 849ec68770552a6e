/*
 * take_again_sql.c: what an order that is placed already takes: stock for lines it gets or has again, and what promotions
 * gave it before it was cancelled. Both are final only once the transaction commits.
 */
#include "base/pg.h"

#include "base/plan.h"
#include "budget/claims.h"
#include "inventory/stock.h"

PG_FUNCTION_INFO_V1(commerce_promise_lines);
PG_FUNCTION_INFO_V1(commerce_claim_again);

/* What has no stock needs no promise. */
static SavedPlan read_needs = {
	.sql =
		"SELECT w.sku, w.quantity, w.line FROM jsonb_to_recordset($1) w (line int4, sku text, quantity int8)"
		" JOIN commerce.variants v ON v.sku = w.sku AND v.track_stock WHERE w.quantity > 0 ORDER BY w.line",
	.args = "jsonb"};

/* promise_lines(order, lines) */
Datum
commerce_promise_lines(PG_FUNCTION_ARGS)
{
	StockClaim claim = {.order = PG_GETARG_UUID_P(0), .strategy = commerce_stock_strategy(NULL)};
	StockNeed *needs;
	int made;
	int count;
	bool isnull;

	SPI_connect();
	count = (int) commerce_run(&read_needs, PLAN_LATEST, (Datum[]){PG_GETARG_DATUM(1)}, NULL);
	needs = palloc_extended(sizeof(StockNeed) * Max(count, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
		needs[i] = (StockNeed){
			.sku = commerce_text(i, 1),
			.quantity = DatumGetInt64(commerce_value(i, 2, &isnull)),
			.line = DatumGetInt32(commerce_value(i, 3, &isnull)),
		};
	if (count > 0)
		(void) commerce_stock_promise(needs, count, &claim, true, &made);
	SPI_finish();
	PG_RETURN_VOID();
}

/* claim_again(order) */
Datum
commerce_claim_again(PG_FUNCTION_ARGS)
{
	SPI_connect();
	commerce_claim_budgets_again(PG_GETARG_UUID_P(0));
	SPI_finish();
	PG_RETURN_VOID();
}
