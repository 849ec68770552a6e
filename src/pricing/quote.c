/*
 * quote.c: the steps of a quote, in their order.
 */
#include "pricing/evaluation.h"

#include "money/amount.h"
#include "money/rounding.h"

/* Adds up lines and shipping; CM023 where a sum is beyond what an amount can be. */
static void
total(Quote *quote)
{
	wide subtotal = 0;
	wide discount = quote->shipping.discount;
	wide tax = quote->shipping.tax;
	wide included_tax = quote->shipping.included_tax;
	wide sum = quote->shipping.total;

	for (int i = 0; i < quote->line_count; i++)
	{
		subtotal += quote->lines[i].subtotal;
		discount += quote->lines[i].discount;
		tax += quote->lines[i].tax;
		included_tax += quote->lines[i].included_tax;
		sum += quote->lines[i].total;
	}
	quote->subtotal = commerce_amount_minor(commerce_amount_make_wide(subtotal, quote->currency));
	quote->discount = commerce_amount_minor(commerce_amount_make_wide(discount, quote->currency));
	quote->tax = commerce_amount_minor(commerce_amount_make_wide(tax, quote->currency));
	quote->included_tax = commerce_amount_minor(commerce_amount_make_wide(included_tax, quote->currency));
	quote->total = commerce_amount_minor(commerce_amount_make_wide(sum, quote->currency));
}

/* Prices the request. */
Quote *
commerce_quote(const QuoteRequest *request)
{
	Quote *quote = palloc0(sizeof(Quote));
	TaxRate *rates;
	int rate_count;

	commerce_settle_context(request, quote);
	commerce_read_lines(request, quote);
	commerce_price_lines(request, quote);
	commerce_price_shipping(request, quote);
	commerce_apply_promotions(request, quote);
	rate_count = commerce_read_tax_rates(request, &rates);
	commerce_apply_taxes(quote, rates, rate_count);
	total(quote);
	return quote;
}
