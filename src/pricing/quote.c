/*
 * quote.c: the steps of a quote, in their order.
 */
#include "pricing/evaluation.h"

#include "money/amount.h"
#include "money/rounding.h"

/* Adds up lines and shipping, and rounds what is paid in cash; CM023 where a sum is beyond what an amount can be. */
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
	if (quote->cash_increment > 0)
	{
		wide cash = commerce_round_ratio(sum, quote->cash_increment, ROUND_HALF_UP) * quote->cash_increment;

		quote->rounding = (int64) (cash - sum);
		sum = cash;
	}
	quote->total = commerce_amount_minor(commerce_amount_make_wide(sum, quote->currency));
}

/* Prices the request. */
Quote *
commerce_quote(const QuoteRequest *request)
{
	Quote *quote = palloc0(sizeof(Quote));
	const TaxRules *taxes;

	commerce_settle_context(request, quote);
	commerce_read_lines(request, quote);
	commerce_price_lines(request, quote);
	commerce_price_shipping(request, quote);
	taxes = commerce_read_taxes(request, quote);
	commerce_convert_prices(quote, taxes);
	commerce_apply_promotions(request, quote);
	commerce_apply_taxes(quote, taxes);
	commerce_settle_saved_taxes(quote);
	total(quote);
	return quote;
}
