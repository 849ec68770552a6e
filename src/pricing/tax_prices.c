/*
 * tax_prices.c: which taxes a line goes by, and prices that were made with the taxes of another place.
 *
 * Prices are converted before any promotion looks at them, so that a discount, its floor and the tax all go by the
 * price that the customer is asked.
 */
#include "pricing/evaluation.h"

#include "money/allocate.h"
#include "money/amount.h"
#include "money/rounding.h"

/* Returns the place of a line's class among those of the rules; their number where it has none. */
int
commerce_tax_class(const TaxRules *rules, const QuoteLine *line)
{
	int i = 0;

	while (i < rules->class_count && strcmp(rules->classes[i].name, line->tax_class) != 0)
		i++;
	return i;
}

/* Splits a sum by what the goods of each class cost. Exempt goods count as untaxed. */
int64 *
commerce_tax_portions(const Quote *quote, const TaxRules *rules, int64 sum)
{
	int count = rules->class_count + 1;
	wide *costs = palloc0(sizeof(wide) * count);
	int64 *weights = palloc0(sizeof(int64) * count);
	int64 *portions = palloc0(sizeof(int64) * count);
	wide all = 0;

	for (int i = 0; i < quote->line_count; i++)
	{
		const QuoteLine *line = &quote->lines[i];
		int64 cost = line->subtotal - line->discount;

		costs[line->tax_exempt ? rules->class_count : commerce_tax_class(rules, line)] += cost;
		all += cost;
	}
	(void) commerce_amount_make_wide(all, quote->currency);
	for (int i = 0; i < count; i++)
		weights[i] = (int64) costs[i];
	/* Goods that are free all together say nothing of what is taxed. */
	if (all == 0)
		weights[commerce_tax_class(rules, &quote->lines[0])] = 1;
	(void) commerce_allocate(sum, weights, count, ALLOCATE_NEAREST, portions);
	return portions;
}

/* Returns what a price of a class becomes at the destination. */
static int64
converted(const Quote *quote, const TaxRules *rules, int class, bool exempt, int64 minor)
{
	TaxFraction factor;
	wide result;

	if (class == rules->class_count)
		return minor;
	factor = exempt || quote->tax_treatment != TAX_DUE ? rules->classes[class].untaxed
													   : rules->classes[class].kept;
	if (!commerce_tax_of(factor, minor, &result))
		commerce_refuse_fine_taxes();
	return commerce_amount_minor(commerce_amount_make_wide(result, quote->currency));
}

/* Converts the price of shipping, of each class apart where it is taxed as the goods are. */
static void
convert_shipping(Quote *quote, const TaxRules *rules)
{
	QuoteLine *shipping = &quote->shipping;
	int64 sum = 0;

	if (shipping->tax_class != NULL)
		sum = converted(quote, rules, commerce_tax_class(rules, shipping), false, shipping->subtotal);
	else
	{
		int64 *portions = commerce_tax_portions(quote, rules, shipping->subtotal);

		for (int class = 0; class <= rules->class_count; class ++)
			sum += converted(quote, rules, class, false, portions[class]);
	}
	shipping->subtotal = shipping->unit_price = sum;
}

/* Turns prices made for another place, or for who pays taxes, into those of this customer at this destination. */
void
commerce_convert_prices(Quote *quote, const TaxRules *rules)
{
	if (rules->class_count == 0)
		return;
	if (quote->shipping_method)
		convert_shipping(quote, rules);
	for (int i = 0; i < quote->line_count; i++)
	{
		QuoteLine *line = &quote->lines[i];
		int class = commerce_tax_class(rules, line);
		int64 price = converted(quote, rules, class, line->tax_exempt, line->unit_price);
		wide subtotal;

		if (price == line->unit_price)
			continue;
		line->converted = true;
		line->home_price = line->unit_price;
		line->unit_price = price;
		subtotal = commerce_round_ratio((wide) price * line->quantity, line->per_quantity, ROUND_HALF_UP);
		line->subtotal = commerce_amount_minor(commerce_amount_make_wide(subtotal, quote->currency));
		line->floor = Min(converted(quote, rules, class, line->tax_exempt, line->floor), line->subtotal);
	}
}
