/*
 * evaluation.h: the steps of a quote, private to the room.
 */
#ifndef COMMERCE_PRICING_EVALUATION_H
#define COMMERCE_PRICING_EVALUATION_H

#include "pricing/quote.h"

/* request.c: reads the lines as the caller gave them. */
extern void commerce_read_lines(const QuoteRequest *request, Quote *quote);

/* catalogue.c: settles currency, channel and customer group; completes and prices the lines; prices shipping. */
extern void commerce_settle_context(const QuoteRequest *request, Quote *quote);
extern void commerce_price_lines(const QuoteRequest *request, Quote *quote);
extern void commerce_price_shipping(const QuoteRequest *request, Quote *quote);

/* discount.c: applies the promotions of promotions.c. */
extern void commerce_apply_promotions(const QuoteRequest *request, Quote *quote);

/* tax_rates.c: reads the rates of the destination; returns how many. */
extern int commerce_read_tax_rates(const QuoteRequest *request, TaxRate **rates);

/* tax.c: taxes lines and shipping. */
extern void commerce_apply_taxes(Quote *quote, const TaxRate *rates, int rate_count);

#endif
