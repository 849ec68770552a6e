/*
 * tax.c: taxing a discounted cart; tax_math.c has the arithmetic.
 *
 * Where tax is rounded over several lines, the lines are taken in an order of their own, by sku and price, so that a
 * cart has the same taxes in whatever order its lines were given; shipping is the last.
 */
#include "pricing/evaluation.h"

#include "base/errors.h"
#include "money/amount.h"

/* Refuses fractions that are too fine. */
void
commerce_refuse_fine_taxes(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_AMOUNT_OUT_OF_RANGE), errmsg("the taxes of this order are too fine to be exact"),
			 errhint("Use rates with fewer digits, fewer compound rates, or tax_level line.")));
}

/* Adds a class's rates on a part of a line. */
static void
add_rates(QuoteLine *line, const TaxClass *class, int64 base)
{
	LineTax *taxes = palloc(sizeof(LineTax) * Max(line->tax_count + class->rate_count, 1));

	if (line->tax_count > 0)
		memcpy(taxes, line->taxes, sizeof(LineTax) * line->tax_count);
	for (int i = 0; i < class->rate_count; i++)
		taxes[line->tax_count++] = (LineTax){&class->rates[i], base, 0};
	line->taxes = taxes;
}

/* Gives a line the rates of its class, or shipping without a class those of the goods. */
static void
find_rates(const Quote *quote, QuoteLine *line, const TaxRules *rules)
{
	int64 base = line->subtotal - (quote->options.tax_on_full ? 0 : line->discount);
	int64 *portions;

	if (line->tax_exempt || quote->tax_treatment != TAX_DUE || rules->class_count == 0)
		return;
	if (line->tax_class != NULL)
	{
		int class = commerce_tax_class(rules, line);

		if (class < rules->class_count)
			add_rates(line, &rules->classes[class], base);
		return;
	}
	portions = commerce_tax_portions(quote, rules, base);
	for (int class = 0; class < rules->class_count; class ++)
		if (portions[class] > 0)
			add_rates(line, &rules->classes[class], portions[class]);
}

/* Orders lines by what they are, not by where they stand. */
static int
compare_lines(const void *a, const void *b)
{
	const QuoteLine *x = *(QuoteLine *const *) a;
	const QuoteLine *y = *(QuoteLine *const *) b;
	const int64 keys[][2] = {{x->subtotal, y->subtotal},
							 {x->discount, y->discount},
							 {x->quantity, y->quantity},
							 {x->unit_price, y->unit_price},
							 {x->tax_count, y->tax_count}};
	int by_name = strcmp(x->sku, y->sku);

	if (by_name == 0)
		by_name = strcmp(x->tax_class, y->tax_class);
	if (by_name != 0)
		return by_name;
	for (size_t i = 0; i < lengthof(keys); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Rounds the taxes of all lines. */
static void
round_taxes(QuoteLine **lines, int count, TaxLevel level)
{
	int tax_count = 0;
	int n = 0;
	TaxItem *items;
	TaxItem **sorted;

	for (int i = 0; i < count; i++)
		tax_count += lines[i]->tax_count;
	if (tax_count == 0)
		return;
	items = palloc_extended(sizeof(TaxItem) * tax_count, MCXT_ALLOC_HUGE);
	sorted = palloc_extended(sizeof(TaxItem *) * tax_count, MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
		for (int t = 0; t < lines[i]->tax_count; t++)
		{
			const LineTax *tax = &lines[i]->taxes[t];

			items[n++] = (TaxItem){
				.share = tax->rate->share,
				.base = tax->base,
				.quantity = lines[i]->quantity,
				.group = level == TAX_PER_ORDER ? tax->rate->included : tax->rate->group,
			};
		}
	if (!commerce_tax_round(items, tax_count, level, sorted))
		commerce_refuse_fine_taxes();
	n = 0;
	for (int i = 0; i < count; i++)
		for (int t = 0; t < lines[i]->tax_count; t++)
		{
			if (items[n].minor > AMOUNT_MAX_MINOR)
				commerce_refuse_fine_taxes();
			lines[i]->taxes[t].minor = items[n++].minor;
		}
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
commerce_apply_taxes(Quote *quote, const TaxRules *rules)
{
	int count = quote->line_count;
	QuoteLine **lines = palloc_extended(sizeof(QuoteLine *) * (count + 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < count; i++)
		lines[i] = &quote->lines[i];
	if (quote->shipping_method)
		lines[count++] = &quote->shipping;
	for (int i = 0; i < count; i++)
		find_rates(quote, lines[i], rules);
	if (quote->tax_level != TAX_PER_LINE && quote->tax_level != TAX_PER_UNIT)
		qsort(lines, quote->line_count, sizeof(QuoteLine *), compare_lines);
	round_taxes(lines, count, quote->tax_level);
	for (int i = 0; i < count; i++)
		total_line(lines[i]);
}
