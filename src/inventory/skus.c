/*
 * skus.c: is there such a thing to sell, and such a place to have it?
 */
#include "base/pg.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "inventory/stock.h"

PG_FUNCTION_INFO_V1(commerce_require_sku);

/* As a value, each name is looked up by key; as NOT EXISTS the planner would read the whole catalogue for one. */
static SavedPlan find_unknown_sku = {
	.sql = "SELECT asked.sku FROM unnest($1) AS asked (sku)"
		   " WHERE (SELECT true FROM commerce.variants v WHERE v.sku = asked.sku) IS NULL"
		   " ORDER BY asked.sku COLLATE \"C\" LIMIT 1",
	.args = "text[]"};

static SavedPlan find_unknown_location = {
	.sql = "SELECT asked.location FROM unnest($1) AS asked (location)"
		   " WHERE (SELECT true FROM commerce.locations l WHERE l.code = asked.location) IS NULL"
		   " ORDER BY asked.location COLLATE \"C\" LIMIT 1",
	.args = "text[]"};

/* Refuses with CM002 the first of these names, a kind of thing, that the statement finds unknown. */
static void
require_known(SavedPlan *find_unknown, Datum names, const char *kind, const char *hint)
{
	char *name;

	if (commerce_run(find_unknown, PLAN_LATEST, &names, NULL) == 0)
		return;
	name = commerce_text(0, 1);
	ereport(ERROR, (errcode(ERRCODE_UNKNOWN_SKU), errmsg("there is no %s \"%s\"", kind, name),
					commerce_errfacts(kind, name, NULL), errhint("%s", hint)));
}

/* Refuses with CM002 the first of these skus that is in no catalogue. */
void
commerce_require_skus(Datum skus)
{
	require_known(&find_unknown_sku, skus, "sku",
				  "Insert it into commerce.variants, then stock it with commerce.receive_stock().");
}

/* Refuses with CM002 the first of these locations that is not among the shop's. */
void
commerce_require_locations(Datum locations)
{
	require_known(&find_unknown_location, locations, "location", "Insert it into commerce.locations.");
}

/* require_sku(sku) is the same check for functions written in SQL. */
Datum
commerce_require_sku(PG_FUNCTION_ARGS)
{
	Datum sku = PG_GETARG_DATUM(0);

	SPI_connect();
	commerce_require_skus(PointerGetDatum(construct_array(&sku, 1, TEXTOID, -1, false, TYPALIGN_INT)));
	SPI_finish();
	PG_RETURN_VOID();
}
