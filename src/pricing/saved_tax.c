/*
 * saved_tax.c: by how much less tax a line owes because of each of its discounts.
 *
 * That is the tax on its price before discounts, rate by rate as lines are rounded, less the tax that it owes; split over
 * its discounts by their amounts. It is contained in the discount where the tax is contained in the price, and comes on
 * top of it where the tax is added, so whoever reports discounts net or gross needs no other number.
 */
#include "pricing/evaluation.h"

#include "money/allocate.h"
#include "money/amount.h"

/* Returns what a rate would take of the line without discounts. */
static wide
full_tax(const QuoteLine *line, const LineTax *tax)
{
	int64 left = line->subtotal - line->discount;
	wide minor = 0;

	/* Of shipping that is taxed as the goods are, each rate has a part. */
	if (tax->base == left)
		(void) commerce_tax_of(tax->rate->share, line->subtotal, &minor);
	else if (left > 0)
		(void) commerce_tax_of(tax->rate->share,
							   commerce_round_ratio((wide) tax->base * line->subtotal, left, ROUND_HALF_UP),
							   &minor);
	return minor;
}

/* Settles the saved taxes of a line's discounts. */
static void
settle_line(QuoteLine *line)
{
	int64 *weights = palloc(sizeof(int64) * 2 * line->discount_count);
	int64 *shares = weights + line->discount_count;
	wide saved = -(wide) line->tax;

	for (int i = 0; i < line->tax_count; i++)
		saved += full_tax(line, &line->taxes[i]);
	if (saved <= 0)
		return;
	for (int i = 0; i < line->discount_count; i++)
		weights[i] = line->discounts[i].minor;
	(void) commerce_allocate((int64) saved, weights, line->discount_count, ALLOCATE_NEAREST, shares);
	for (int i = 0; i < line->discount_count; i++)
		line->discounts[i].tax = shares[i];
}

/* Settles how much less tax is due because of each discount. */
void
commerce_settle_saved_taxes(Quote *quote)
{
	if (quote->options.tax_on_full)
		return;
	for (int i = 0; i < quote->line_count; i++)
		if (quote->lines[i].discount_count > 0 && quote->lines[i].tax_count > 0)
			settle_line(&quote->lines[i]);
	if (quote->shipping.discount_count > 0 && quote->shipping.tax_count > 0)
		settle_line(&quote->shipping);
}
