/*
 * reserve_lines_sql.c: reserve_lines() and plan_sourcing(), as SQL calls them.
 *
 * A holder's cart is what the last call said: what it holds beyond that is released, so the same call twice holds as much
 * as once. What is not tracked (services, downloads) never runs out: its lines are met with no reservation.
 */
#include "base/pg.h"

#include "base/card_guard.h"
#include "base/errors.h"
#include "base/plan.h"
#include "base/ready.h"
#include "inventory/holds.h"
#include "inventory/lines.h"
#include "inventory/stock.h"

PG_FUNCTION_INFO_V1(commerce_reserve_lines);
PG_FUNCTION_INFO_V1(commerce_plan_sourcing);

static SavedPlan find_untracked = {
	.sql = "SELECT asked.position::int4 FROM unnest($1) WITH ORDINALITY AS asked (sku, position)"
		   " JOIN commerce.variants v ON v.sku = asked.sku WHERE NOT v.track_stock",
	.args = "text[]"};

/* The lines of one call: all of them, and those of them that need stock. */
typedef struct Lines
{
	StockNeed *needs;
	int count;
	StockNeed *tracked;
	int tracked_count;
	bool *untracked; /* by line */
} Lines;

/* Returns a text argument, or NULL. */
static char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* Reads the lines, and sets those apart that need no stock. Needs SPI. */
static void
read_lines(FunctionCallInfo fcinfo, const char *location, Lines *lines)
{
	Datum *skus;
	Datum array;
	uint64 rows;
	bool isnull;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("lines must not be null")));
	lines->count = commerce_read_stock_lines(PG_GETARG_JSONB_P(0), location, &lines->needs);
	lines->tracked = palloc_extended(sizeof(StockNeed) * Max(lines->count, 1), MCXT_ALLOC_HUGE);
	lines->untracked = palloc0(sizeof(bool) * Max(lines->count, 1));
	lines->tracked_count = 0;
	skus = palloc(sizeof(Datum) * Max(lines->count, 1));
	for (int i = 0; i < lines->count; i++)
		skus[i] = CStringGetTextDatum(lines->needs[i].sku);
	array = PointerGetDatum(construct_array(skus, lines->count, TEXTOID, -1, false, TYPALIGN_INT));
	rows = lines->count > 0 ? commerce_run(&find_untracked, PLAN_LATEST, &array, NULL) : 0;
	for (uint64 i = 0; i < rows; i++)
		lines->untracked[DatumGetInt32(commerce_value(i, 1, &isnull)) - 1] = true;
	for (int i = 0; i < lines->count; i++)
		if (!lines->untracked[i])
			lines->tracked[lines->tracked_count++] = lines->needs[i];
}

/* Adds a row to the result: (reservation,) sku, location, quantity, missing. */
static void
put_row(FunctionCallInfo fcinfo, bool with_id, const StockPromise *promise, const StockNeed *need,
		int64 quantity, int64 missing)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *location = promise ? promise->location : need->location;
	Datum values[5] = {promise ? UUIDPGetDatum(&promise->id) : (Datum) 0,
					   CStringGetTextDatum(promise ? promise->sku : need->sku),
					   location ? CStringGetTextDatum(location) : (Datum) 0, Int64GetDatum(quantity),
					   Int64GetDatum(missing)};
	bool nulls[5] = {promise == NULL, false, location == NULL, false, false};
	int first = with_id ? 0 : 1;

	tuplestore_putvalues(result->setResult, result->setDesc, values + first, nulls + first);
}

/*
 * Returns the rows of all lines in their order: one for each promise, and what is missing of a line beside its last one
 * or, of a kit and of a line that got nothing, in a row of its own.
 */
static void
put_rows(FunctionCallInfo fcinfo, bool with_id, const Lines *lines, const StockPromise *promises, int made)
{
	int *first = palloc_extended(sizeof(int) * (lines->tracked_count + 1), MCXT_ALLOC_HUGE);
	int tracked = 0;

	for (int i = 0; i < lines->tracked_count; i++)
		first[i] = -1;
	for (int p = made - 1; p >= 0; p--)
		first[promises[p].need] = p;
	for (int i = 0; i < lines->count; i++)
	{
		StockNeed *need = &lines->needs[i];
		int64 missing;
		int p;

		if (lines->untracked[i])
		{
			put_row(fcinfo, with_id, NULL, need, need->quantity, 0);
			continue;
		}
		missing = lines->tracked[tracked].missing;
		for (p = first[tracked]; p >= 0 && p < made && promises[p].need == tracked; p++)
		{
			bool last = p + 1 == made || promises[p + 1].need != tracked;
			bool tells = last && strcmp(promises[p].sku, need->sku) == 0;

			put_row(fcinfo, with_id, &promises[p], need, promises[p].quantity, tells ? missing : 0);
			missing = tells ? 0 : missing;
		}
		/* A kit of nothing that is tracked needs no reservation either. */
		if (missing > 0 || first[tracked] < 0)
			put_row(fcinfo, with_id, NULL, need, missing > 0 ? 0 : need->quantity, missing);
		tracked++;
	}
}

/* Finds a mode by name; NULL is all. */
static StockMode
read_mode(const char *name)
{
	if (name == NULL || strcmp(name, "all") == 0)
		return STOCK_ALL;
	if (strcmp(name, "partial") == 0)
		return STOCK_PARTIAL;
	if (strcmp(name, "clamp") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no mode \"%s\"", name),
						errhint("Modes are all, partial and clamp.")));
	return STOCK_CLAMP;
}

/* reserve_lines(lines, holder, ttl, mode, strategy, location) holds a whole cart. */
Datum
commerce_reserve_lines(PG_FUNCTION_ARGS)
{
	char *holder = text_argument(fcinfo, 1);
	char *location = text_argument(fcinfo, 5);
	StockClaim claim = {.holder = holder, .replace = holder != NULL, .replace_all = holder != NULL};
	StockPromise *promises;
	Lines lines;
	int made;

	InitMaterializedSRF(fcinfo, 0);
	commerce_refuse_card_number("holder", holder);
	SPI_connect();
	commerce_require_shop();
	claim.expires_at = commerce_expiry(fcinfo, 2);
	claim.mode = read_mode(text_argument(fcinfo, 3));
	claim.strategy = commerce_stock_strategy(text_argument(fcinfo, 4));
	read_lines(fcinfo, location, &lines);
	promises = commerce_stock_promise(lines.tracked, lines.tracked_count, &claim, true, &made);
	put_rows(fcinfo, true, &lines, promises, made);
	SPI_finish();
	return (Datum) 0;
}

/* plan_sourcing(lines, strategy, location, holder) says from where they would come, and holds nothing. */
Datum
commerce_plan_sourcing(PG_FUNCTION_ARGS)
{
	char *holder = text_argument(fcinfo, 3);
	char *location = text_argument(fcinfo, 2);
	StockClaim claim = {.holder = holder, .mode = STOCK_CLAMP, .replace = holder != NULL};
	StockPromise *promises;
	Lines lines;
	int made;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	commerce_require_shop();
	claim.strategy = commerce_stock_strategy(text_argument(fcinfo, 1));
	read_lines(fcinfo, location, &lines);
	promises = commerce_stock_plan(lines.tracked, lines.tracked_count, &claim, &made);
	put_rows(fcinfo, false, &lines, promises, made);
	SPI_finish();
	return (Datum) 0;
}
