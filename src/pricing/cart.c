/*
 * cart.c: a priced cart as the rules see it.
 */
#include "pricing/evaluation.h"

#include "money/amount.h"
#include "rule/cart_json.h"
#include "rule/rule_sql.h"

/* Shows the priced lines to the rules. */
RuleLine *
commerce_rule_lines(const Quote *quote)
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

/* Shows the cart to the rules, but for the time and for what the customer ordered before. */
RuleCart *
commerce_rule_cart(const QuoteRequest *request, const Quote *quote, RuleLine *lines)
{
	RuleCart *cart = palloc(sizeof(RuleCart));
	wide subtotal = 0;

	for (int i = 0; i < quote->line_count; i++)
		subtotal += quote->lines[i].subtotal;
	*cart = (RuleCart){
		.currency = quote->currency,
		.currency_code = commerce_currency_code(quote->currency),
		.subtotal = commerce_amount_minor(commerce_amount_make_wide(subtotal, quote->currency)),
		.shipping = quote->shipping.subtotal,
		.lines = lines,
		.line_count = quote->line_count,
		.channel = quote->channel,
		.customer = quote->customer,
		.customer_group = quote->customer_group,
		.customer_attributes = quote->customer_attributes,
		.country = request->country,
		.region = request->region,
		.postal_code = request->postal_code,
		.shipping_method = request->shipping_method,
		.codes = request->codes,
		.code_count = request->code_count,
		.attribute = commerce_jsonb_attribute,
		.breathe = commerce_rule_breathe,
	};
	return cart;
}
