/*
 * discount.c: applying promotions to a priced cart.
 *
 * Classes come in the order item, order, shipping; within a class the promotions' own order holds. Conditions look at
 * the cart as it was before any discount. A line takes one item discount, the first that matches it. No discount takes a
 * line below its floor; what an order discount cannot take from one line it takes from the others.
 */
#include "pricing/evaluation.h"

#include "money/allocate.h"
#include "money/amount.h"
#include "money/rounding.h"
#include "pricing/promotions.h"
#include "rule/cart_json.h"

#define PERCENT_WHOLE ((wide) 100 * PERCENT_SCALE)

typedef struct Pricing
{
	Quote *quote;
	const RuleCart *cart;
	const RuleLine *rule_lines;
	bool percent_of_original;
} Pricing;

/* Shows the priced lines to the rules. */
static RuleLine *
rule_lines(const Quote *quote)
{
	RuleLine *lines = palloc_extended(sizeof(RuleLine) * Max(quote->line_count, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < quote->line_count; i++)
	{
		const QuoteLine *line = &quote->lines[i];

		lines[i] = (RuleLine){
			.sku = line->sku,
			.product = line->product,
			.brand = line->brand,
			.category = line->category,
			.tax_class = line->tax_class,
			.tags = line->tags,
			.tag_count = line->tag_count,
			.quantity = line->quantity,
			.unit_price = line->unit_price,
			.subtotal = line->subtotal,
			.on_sale = line->on_sale,
			.attributes = line->attributes,
		};
	}
	return lines;
}

/* Returns what a discount may still take from a line. */
static int64
room(const QuoteLine *line)
{
	return Max(line->subtotal - line->discount - line->floor, 0);
}

/* Returns the amount that a percentage is of. */
static int64
percent_base(const Pricing *pricing, const QuoteLine *line)
{
	return pricing->percent_of_original ? line->subtotal : line->subtotal - line->discount;
}

/* Takes an amount off a line on behalf of a promotion. */
static void
take(QuoteLine *line, int promotion, int64 minor)
{
	if (minor == 0)
		return;
	line->discounts = line->discounts
						  ? repalloc(line->discounts, sizeof(LineDiscount) * (line->discount_count + 1))
						  : palloc(sizeof(LineDiscount));
	line->discounts[line->discount_count++] = (LineDiscount){promotion, minor};
	line->discount += minor;
}

/* Returns what a benefit on single lines takes off one of them. */
static int64
item_discount(const Pricing *pricing, const Benefit *benefit, const QuoteLine *line)
{
	wide minor = benefit->minor;

	if (benefit->kind == BENEFIT_PERCENT)
		minor = commerce_round_ratio((wide) percent_base(pricing, line) * benefit->percent, PERCENT_WHOLE,
									 ROUND_HALF_UP);
	else if (benefit->target == BENEFIT_UNITS)
		minor = (wide) benefit->minor * line->quantity;
	return (int64) Min(minor, (wide) room(line));
}

/* Applies a benefit to each matching line; returns what it took, and in touched whether a line matched. */
static int64
apply_to_lines(const Pricing *pricing, const Benefit *benefit, int promotion, bool *touched)
{
	int64 sum = 0;

	for (int i = 0; i < pricing->quote->line_count; i++)
	{
		QuoteLine *line = &pricing->quote->lines[i];
		int64 minor;

		if (!line->discountable || line->has_item_discount ||
			!commerce_line_matches(benefit->where, pricing->cart, &pricing->rule_lines[i]))
			continue;
		*touched = true;
		minor = item_discount(pricing, benefit, line);
		line->has_item_discount = minor > 0;
		take(line, promotion, minor);
		sum += minor;
	}
	return sum;
}

/* Applies a benefit to the matching lines together; returns what it took. */
static int64
apply_to_order(const Pricing *pricing, const Benefit *benefit, int promotion, bool *touched)
{
	Quote *quote = pricing->quote;
	int64 *weights = palloc_extended(sizeof(int64) * 3 * Max(quote->line_count, 1), MCXT_ALLOC_HUGE);
	int64 *caps = weights + quote->line_count;
	int64 *shares = caps + quote->line_count;
	wide base = 0;
	wide limit = 0;
	wide minor;

	for (int i = 0; i < quote->line_count; i++)
	{
		QuoteLine *line = &quote->lines[i];
		bool matches = line->discountable &&
					   commerce_line_matches(benefit->where, pricing->cart, &pricing->rule_lines[i]);

		weights[i] = matches ? line->subtotal - line->discount : 0;
		caps[i] = matches ? room(line) : 0;
		base += matches ? percent_base(pricing, line) : 0;
		limit += caps[i];
		*touched = *touched || matches;
	}
	minor = benefit->kind == BENEFIT_FIXED
				? (wide) benefit->minor
				: commerce_round_ratio(base * benefit->percent, PERCENT_WHOLE, ROUND_HALF_UP);
	minor = Min(minor, limit);
	/* Beyond what an amount can be nothing is taken off: the totals refuse such a cart with CM023. */
	if (minor == 0 || minor > AMOUNT_MAX_MINOR)
		return 0;
	(void) commerce_allocate_capped((int64) minor, weights, caps, quote->line_count, ALLOCATE_NEAREST,
									shares);
	for (int i = 0; i < quote->line_count; i++)
		take(&quote->lines[i], promotion, shares[i]);
	return (int64) minor;
}

/* Applies a benefit to shipping; returns what it took. */
static int64
apply_to_shipping(const Pricing *pricing, const Benefit *benefit, int promotion, bool *touched)
{
	QuoteLine *shipping = &pricing->quote->shipping;
	int64 minor = item_discount(pricing, benefit, shipping);

	*touched = pricing->quote->shipping_method != NULL;
	take(shipping, promotion, minor);
	return minor;
}

/* Returns the class of a benefit: its place in the order of application. */
static int
class_of(const Benefit *benefit)
{
	switch (benefit->target)
	{
		case BENEFIT_UNITS:
		case BENEFIT_LINES: return 0;
		case BENEFIT_ORDER: return 1;
		case BENEFIT_SHIPPING: return 2;
	}
	return 2;
}

/* Judges one promotion and applies it; the finding says what came of it. */
static void
judge(const Pricing *pricing, const Promotion *promotion, bool opened, Finding *finding, int index)
{
	const Benefit *benefit = promotion->benefit;
	bool touched = false;

	*finding = (Finding){.promotion = promotion->id, .name = promotion->name};
	if (promotion->needs_code && !opened)
	{
		finding->code = "code_missing";
		finding->reason = "none of its codes was entered";
		return;
	}
	if (benefit->kind == BENEFIT_FIXED && benefit->currency != pricing->quote->currency)
	{
		finding->code = "other_currency";
		finding->reason = "its amount is in another currency";
		return;
	}
	if (!commerce_condition_holds(promotion->condition, pricing->cart))
	{
		finding->code = "condition_not_met";
		finding->reason = "its condition does not hold for this cart";
		return;
	}
	switch (class_of(benefit))
	{
		case 0: finding->minor = apply_to_lines(pricing, benefit, index, &touched); break;
		case 1: finding->minor = apply_to_order(pricing, benefit, index, &touched); break;
		default: finding->minor = apply_to_shipping(pricing, benefit, index, &touched); break;
	}
	finding->applied = finding->minor > 0;
	finding->code = finding->applied ? "applied" : touched ? "nothing_left" : "no_target";
	finding->reason = finding->applied ? "applied"
					  : touched        ? "nothing was left to take off"
									   : "nothing in the cart matches, or another discount has it";
}

/* Applies all promotions that run at the time of the quote. */
void
commerce_apply_promotions(const QuoteRequest *request, Quote *quote)
{
	int count;
	const Promotion *promotions = commerce_promotions(&count);
	bool *opened = palloc(sizeof(bool) * Max(count, 1));
	RuleLine *lines = rule_lines(quote);
	wide subtotal = 0;
	RuleCart cart;
	Pricing pricing = {quote, &cart, lines, request->percent_of_original};

	commerce_open_codes(request->codes, request->code_count, request->at, promotions, count, opened);
	for (int i = 0; i < quote->line_count; i++)
		subtotal += quote->lines[i].subtotal;
	cart = (RuleCart){
		.currency = quote->currency,
		.subtotal = commerce_amount_minor(commerce_amount_make_wide(subtotal, quote->currency)),
		.shipping = quote->shipping.subtotal,
		.lines = lines,
		.line_count = quote->line_count,
		.channel = quote->channel,
		.customer = quote->customer,
		.customer_group = quote->customer_group,
		.country = request->country,
		.shipping_method = request->shipping_method,
		.codes = request->codes,
		.code_count = request->code_count,
		.attribute = commerce_jsonb_attribute,
	};
	quote->findings = palloc_extended(sizeof(Finding) * Max(count, 1), MCXT_ALLOC_HUGE);
	for (int class = 0; class <= 2; class ++)
		for (int i = 0; i < count; i++)
		{
			const Promotion *promotion = &promotions[i];

			CHECK_FOR_INTERRUPTS();
			if (class_of(promotion->benefit) != class || !promotion->active ||
				request->at < promotion->begins || request->at >= promotion->ends)
				continue;
			judge(&pricing, promotion, opened[i], &quote->findings[quote->finding_count],
				  quote->finding_count);
			quote->finding_count++;
		}
}
