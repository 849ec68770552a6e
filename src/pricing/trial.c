/*
 * trial.c: what a promotion would have made of an order.
 *
 * The order is what it was: its lines at the prices they were sold at, and what was taken off them then stands as if it
 * had been taken off by hand, so that the promotion comes on top and takes no line below zero or its floor. Only what the
 * promotion itself took then is put back first, so that one that did run is not given twice.
 */
#include "pricing/trial.h"

/*
 * Returns what is left of an amount without the taxes that the price it is part of contained. Where taxes are on the price
 * before discounts, they do not shrink with it.
 */
static int64
without_tax(const Trial *trial, const SoldLine *line, int64 minor)
{
	int64 paid = line->subtotal - line->discount;

	if (line->included_tax == 0 || paid <= 0 || trial->quote.options.tax_on_full)
		return minor;
	return (int64) commerce_round_ratio((wide) minor * (paid - line->included_tax), paid, ROUND_HALF_UP);
}

/* Counts a line that was sold. */
void
commerce_trial_count(Trial *trial, const SoldLine *line, int64 quantity)
{
	trial->revenue += line->subtotal - line->discount - line->included_tax;
	trial->revenue += without_tax(trial, line, line->given);
	if (line->cost < 0)
		trial->units_without_cost += quantity;
	else
		trial->cost += (wide) line->cost * quantity;
}

/* Notes what the promotion takes off a line. */
static void
take(Trial *trial, int line, int64 minor)
{
	if (minor <= 0)
		return;
	trial->discount += minor;
	if (line == trial->quote.line_count)
	{
		trial->shipping_discount += minor;
		trial->lost_shipping += without_tax(trial, &trial->shipping, minor);
		return;
	}
	trial->lost_revenue += without_tax(trial, &trial->sold[line], minor);
}

/* Tries a promotion on the order. */
void
commerce_trial_run(Trial *trial, const PromotionSet *set)
{
	Quote *quote = &trial->quote;
	int64 *taken = palloc0(sizeof(int64) * (quote->line_count + 1));

	if (quote->line_count == 0)
		return;
	commerce_try_promotion(&trial->request, quote, set, trial->orders_before, &trial->outcome);
	for (int i = 0; i < trial->outcome.take_count; i++)
		taken[trial->outcome.takes[i].line] += trial->outcome.takes[i].minor;
	for (int i = 0; i < quote->line_count; i++)
	{
		const QuoteLine *line = &quote->lines[i];
		int64 cheaper = trial->sold[i].subtotal - line->subtotal;

		/* A lower price of the catalogue: no more than is left of the line. */
		taken[i] += Min(cheaper, trial->sold[i].subtotal - line->discount);
		if (taken[i] > 0)
			trial->units_affected += line->quantity;
	}
	for (int i = 0; i <= quote->line_count; i++)
		take(trial, i, taken[i]);
}
