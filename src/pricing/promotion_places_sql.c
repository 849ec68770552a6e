/*
 * promotion_places_sql.c: the currencies and channels that promotions name are there.
 *
 * An array has no foreign key. What writes a promotion that is not ended locks the channels it names as a foreign key would,
 * so that whoever deletes or renames one waits for it; this trigger then looks with a snapshot taken behind that lock.
 */
#include "base/pg.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/row.h"
#include "money/amount.h"

PG_FUNCTION_INFO_V1(commerce_are_currencies);
PG_FUNCTION_INFO_V1(commerce_keep_channel);

static SavedPlan find_naming = {.sql = "SELECT p.name, p.id FROM commerce.promotions p"
									   " WHERE $1 = ANY (p.channels) AND p.status <> 'ended' ORDER BY p.id"
									   " LIMIT 1",
								.args = "text"};

/* are_currencies(text[]): true, or 22023 about the first that is none. */
Datum
commerce_are_currencies(PG_FUNCTION_ARGS)
{
	Datum *codes;
	bool *nulls;
	int count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &codes, &nulls, &count);
	for (int i = 0; i < count; i++)
		(void) commerce_currency_number(nulls[i] ? "" : TextDatumGetCString(codes[i]));
	PG_RETURN_BOOL(true);
}

/* keep_channel(): refuses to take away or rename a channel that a promotion names. */
Datum
commerce_keep_channel(PG_FUNCTION_ARGS)
{
	HeapTuple before;
	HeapTuple after;
	TupleDesc desc = commerce_changed_row(fcinfo, "channels", &before, &after);
	bool isnull;
	char *code;

	if (before == NULL)
		return PointerGetDatum(NULL);
	code = TextDatumGetCString(commerce_row_column(before, desc, "code", TEXTOID, "channels are", &isnull));
	if (after && strcmp(code, TextDatumGetCString(commerce_row_column(after, desc, "code", TEXTOID,
																	  "channels are", &isnull))) == 0)
		return PointerGetDatum(NULL);
	SPI_connect();
	if (commerce_run(&find_naming, PLAN_LATEST, (Datum[]){CStringGetTextDatum(code)}, NULL) > 0)
	{
		Datum id = commerce_value(0, 2, &isnull);

		ereport(
			ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("promotion \"%s\" names channel \"%s\"", commerce_text(0, 1), code),
			 commerce_errfacts("channel", code, "promotion",
							   DatumGetCString(DirectFunctionCall1(uuid_out, id)), NULL),
			 errhint("End the promotion, or let it name other channels; without any it runs everywhere.")));
	}
	SPI_finish();
	return PointerGetDatum(NULL);
}
