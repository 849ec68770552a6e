/*
 * quote_sql.c: quote() and quote_lines(), as SQL calls them.
 */
#include "base/pg.h"

#include "money/amount.h"
#include "pricing/quote.h"

PG_FUNCTION_INFO_V1(commerce_quote_sql);
PG_FUNCTION_INFO_V1(commerce_quote_lines);

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

/* Puts one line of a quote into the result; shipping has no sku and no quantity. */
static void
put_line(ReturnSetInfo *result, const Quote *quote, const QuoteLine *line, int number)
{
	const int64 minors[] = {line->unit_price, line->list_price,   line->subtotal, line->discount,
							line->tax,        line->included_tax, line->total};
	Datum values[12] = {Int32GetDatum(number)};
	bool nulls[12] = {false};

	nulls[1] = line->sku == NULL;
	values[1] = line->sku ? CStringGetTextDatum(line->sku) : (Datum) 0;
	values[2] = CStringGetTextDatum(line->title);
	values[3] = Int64GetDatum(line->quantity);
	for (int i = 0; i < (int) lengthof(minors); i++)
		values[4 + i] = AmountGetDatum(commerce_amount_make(minors[i], quote->currency));
	nulls[5] = line->list_price < 0;
	values[11] = BoolGetDatum(line->gift_of >= 0);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* quote_lines(lines, codes, customer, channel, currency, ship_to, shipping_method, at, options) */
Datum
commerce_quote_lines(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	QuoteRequest request;
	Quote *quote;

	InitMaterializedSRF(fcinfo, 0);
	commerce_quote_request(fcinfo, 0, &request);
	SPI_connect();
	quote = commerce_quote(&request);
	if (quote->shipping_method)
		put_line(result, quote, &quote->shipping, 0);
	for (int i = 0; i < quote->line_count; i++)
		put_line(result, quote, &quote->lines[i], i + 1);
	SPI_finish();
	return (Datum) 0;
}
