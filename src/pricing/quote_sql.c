/*
 * quote_sql.c: quote(), as SQL calls it.
 */
#include "base/pg.h"

#include "pricing/quote.h"

PG_FUNCTION_INFO_V1(commerce_quote_sql);

/* quote(lines, codes, customer, channel, currency, ship_to, shipping_method, at, options, explain) */
Datum
commerce_quote_sql(PG_FUNCTION_ARGS)
{
	bool explain = !PG_ARGISNULL(9) && PG_GETARG_BOOL(9);
	QuoteRequest request;
	Datum result;

	commerce_quote_request(fcinfo, 0, &request);
	request.explain = explain;
	SPI_connect();
	result =
		SPI_datumTransfer(PointerGetDatum(commerce_quote_json(commerce_quote(&request), explain)), false, -1);
	SPI_finish();
	return result;
}
