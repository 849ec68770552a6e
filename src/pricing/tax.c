/*
 * tax.c: taxing a discounted cart.
 *
 * With R the sum of the rates that a price includes, every rate r of a line is due on what remains when they are taken
 * out: tax = base * r / (100 + R), for included rates and added ones alike. The level says where that is rounded:
 *
 *   line   once for each rate of each line
 *   unit   for each unit, then multiplied; units of a discounted line differ by at most one minor unit, so that
 *          there are two prices to round, however many units
 *   order  once for each rate over all lines that pay it; the result is distributed over the lines by largest remainder
 */
#include "pricing/evaluation.h"

#include "money/allocate.h"
#include "money/amount.h"
#include "money/rounding.h"

#define RATE_SCALE INT64CONST(1000000)
#define RATE_WHOLE (100 * RATE_SCALE)

/* Returns what a line is taxed on. */
static int64
taxable(const QuoteLine *line)
{
	return line->subtotal - line->discount;
}

/* Returns 100 % and the included rates of a line. */
static int64
divisor(const QuoteLine *line)
{
	int64 sum = RATE_WHOLE;

	for (int i = 0; i < line->tax_count; i++)
		if (line->taxes[i].rate->included)
			sum += line->taxes[i].rate->rate;
	return sum;
}

/* Returns the tax on a base, rounded half up. */
static int64
tax_on(wide base, int64 rate, int64 whole)
{
	return (int64) commerce_round_ratio(base * rate, whole, ROUND_HALF_UP);
}

/* Gives a line the rates of its class. */
static void
find_rates(QuoteLine *line, const TaxRate *rates, int rate_count)
{
	line->taxes = palloc(sizeof(LineTax) * Max(rate_count, 1));
	for (int i = 0; i < rate_count; i++)
		if (strcmp(rates[i].tax_class, line->tax_class) == 0)
			line->taxes[line->tax_count++] = (LineTax){&rates[i], 0};
}

/* Rounds a line's taxes once for the line. */
static void
tax_line(QuoteLine *line)
{
	int64 whole = divisor(line);

	for (int i = 0; i < line->tax_count; i++)
		line->taxes[i].minor = tax_on(taxable(line), line->taxes[i].rate->rate, whole);
}

/* Rounds a line's taxes for each unit: the dearer ones carry what does not divide evenly. */
static void
tax_units(QuoteLine *line)
{
	int64 whole = divisor(line);
	int64 price = taxable(line) / line->quantity;
	int64 dearer = taxable(line) % line->quantity;

	for (int i = 0; i < line->tax_count; i++)
	{
		int64 rate = line->taxes[i].rate->rate;

		line->taxes[i].minor =
			tax_on(price, rate, whole) * (line->quantity - dearer) + tax_on(price + 1, rate, whole) * dearer;
	}
}

/* Rounds one rate over all the lines that pay it and distributes the result. Rates of the same name, height and
 * divisor are one, also where several tax classes have it. */
static void
tax_order_rate(QuoteLine **lines, int count, const TaxRate *rate, int64 whole)
{
	int64 *weights = palloc_extended(sizeof(int64) * 2 * Max(count, 1), MCXT_ALLOC_HUGE);
	int64 *shares = weights + count;
	LineTax **taxes = palloc_extended(sizeof(LineTax *) * Max(count, 1), MCXT_ALLOC_HUGE);
	int payers = 0;
	wide base = 0;

	for (int l = 0; l < count; l++)
		for (int t = 0; t < lines[l]->tax_count; t++)
		{
			const TaxRate *other = lines[l]->taxes[t].rate;

			if (lines[l]->taxes[t].minor >= 0 || strcmp(other->name, rate->name) != 0 ||
				other->rate != rate->rate || other->included != rate->included || divisor(lines[l]) != whole)
				continue;
			taxes[payers] = &lines[l]->taxes[t];
			weights[payers++] = taxable(lines[l]);
			base += taxable(lines[l]);
		}
	(void) commerce_allocate(tax_on(base, rate->rate, whole), weights, payers, ALLOCATE_NEAREST, shares);
	for (int i = 0; i < payers; i++)
		taxes[i]->minor = base == 0 ? 0 : shares[i];
}

/* Rounds each rate once for the whole order. A tax of -1 is one not yet computed. */
static void
tax_order(QuoteLine **lines, int count)
{
	for (int l = 0; l < count; l++)
		for (int t = 0; t < lines[l]->tax_count; t++)
			lines[l]->taxes[t].minor = -1;
	for (int l = 0; l < count; l++)
		for (int t = 0; t < lines[l]->tax_count; t++)
			if (lines[l]->taxes[t].minor < 0)
				tax_order_rate(lines, count, lines[l]->taxes[t].rate, divisor(lines[l]));
}

/* Adds up a line. */
static void
total_line(QuoteLine *line)
{
	for (int i = 0; i < line->tax_count; i++)
	{
		line->tax += line->taxes[i].minor;
		if (line->taxes[i].rate->included)
			line->included_tax += line->taxes[i].minor;
	}
	line->total = line->subtotal - line->discount + line->tax - line->included_tax;
}

/* Taxes lines and shipping. */
void
commerce_apply_taxes(Quote *quote, const TaxRate *rates, int rate_count)
{
	int count = quote->line_count + (quote->shipping_method ? 1 : 0);
	QuoteLine **lines = palloc_extended(sizeof(QuoteLine *) * (count + 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < quote->line_count; i++)
		lines[i] = &quote->lines[i];
	if (quote->shipping_method)
		lines[quote->line_count] = &quote->shipping;
	for (int i = 0; i < count; i++)
		find_rates(lines[i], rates, rate_count);
	if (quote->tax_level == TAX_PER_ORDER)
		tax_order(lines, count);
	for (int i = 0; i < count; i++)
	{
		if (quote->tax_level == TAX_PER_LINE)
			tax_line(lines[i]);
		else if (quote->tax_level == TAX_PER_UNIT)
			tax_units(lines[i]);
		total_line(lines[i]);
	}
}
