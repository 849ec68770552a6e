/*
 * card_sql.c: does a text hold a payment card number, as SQL asks it.
 */
#include "base/pg.h"

#include "base/luhn.h"

PG_FUNCTION_INFO_V1(commerce_holds_card_number_sql);

/* holds_card_number(value) */
Datum
commerce_holds_card_number_sql(PG_FUNCTION_ARGS)
{
	text *value = PG_GETARG_TEXT_PP(0);

	PG_RETURN_BOOL(commerce_holds_card_number(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)));
}
