/*
 * skus.c: is there such a thing to sell?
 */
#include "base/pg.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "inventory/stock.h"

PG_FUNCTION_INFO_V1(commerce_require_sku);

static SavedPlan find_unknown = {
	.sql = "SELECT asked.sku FROM unnest($1) AS asked (sku)"
		   " WHERE NOT EXISTS (SELECT FROM commerce.variants v WHERE v.sku = asked.sku)"
		   " ORDER BY asked.sku COLLATE \"C\" LIMIT 1",
	.args = "text[]"};

/* Refuses with CM002 the first of these skus that is in no catalogue. */
void
commerce_require_skus(Datum skus)
{
	JsonWriter detail = JSON_WRITER_INIT;
	bool isnull;
	char *sku;

	if (commerce_run(&find_unknown, PLAN_LATEST, &skus, NULL) == 0)
		return;
	sku = text_to_cstring(DatumGetTextPP(commerce_value(0, 1, &isnull)));
	commerce_json_object(&detail);
	commerce_json_key(&detail, "sku");
	commerce_json_string(&detail, sku);
	commerce_json_end_object(&detail);
	ereport(ERROR,
			(errcode(ERRCODE_UNKNOWN_SKU), errmsg("there is no sku \"%s\"", sku), commerce_errdetail(&detail),
			 errhint("Insert it into commerce.variants, then stock it with commerce.receive_stock().")));
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
