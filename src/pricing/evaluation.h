/*
 * evaluation.h: the steps of a quote, private to the room.
 */
#ifndef COMMERCE_PRICING_EVALUATION_H
#define COMMERCE_PRICING_EVALUATION_H

#include "pricing/quote.h"
#include "rule/cart.h"

/* A tax class at the destination. */
typedef struct TaxClass
{
	const char *name;
	const TaxRate *rates;
	int rate_count;
	TaxFraction kept;    /* what becomes of a price that was made for another place */
	TaxFraction untaxed; /* what becomes of it for who is exempt */
} TaxClass;

/* The taxes of a destination. */
typedef struct TaxRules
{
	TaxClass *classes;
	int class_count;
} TaxRules;

/* request.c: reads the lines as the caller gave them. */
extern void commerce_read_lines(const QuoteRequest *request, Quote *quote);

/* catalogue.c: settles currency, channel and customer group; completes and prices the lines; prices shipping. */
extern void commerce_settle_context(const QuoteRequest *request, Quote *quote);
extern void commerce_price_lines(const QuoteRequest *request, Quote *quote);
extern void commerce_price_shipping(const QuoteRequest *request, Quote *quote);

/* catalogue.c: completes and prices some lines by the catalogue; what has no price costs nothing. */
extern void commerce_price_gifts(const QuoteRequest *request, Quote *quote, QuoteLine *lines, int count);

/* manual.c: reads what is taken off by hand, of a line or of the order; takes it off lines, or the order. */
extern ManualDiscount *commerce_read_manual(JsonbContainer *object, int currency, int *count);
extern void commerce_take_line_manual(Quote *quote);
extern void commerce_take_order_manual(const QuoteRequest *request, Quote *quote);

/* manual.c: adds a finding about what is taken off by hand; takes an amount off a line for a finding. */
extern void commerce_take_off_line(QuoteLine *line, int finding, int64 minor);
extern int commerce_add_findings(Quote *quote, int count);

/* discount.c: applies the promotions of promotions.c. */
extern void commerce_apply_promotions(const QuoteRequest *request, Quote *quote);

/*
 * discount.c: tries the only promotion of a set on lines that were priced elsewhere, whether it runs or not, as if its
 * code had been entered: the outcome says what it takes, and where it is of the catalogue the lines cost less. Reads
 * no table.
 */
struct PromotionSet;
struct PromotionOutcome;
extern void commerce_try_promotion(const QuoteRequest *request, Quote *quote, const struct PromotionSet *set,
								   int64 orders, struct PromotionOutcome *outcome);

/* cart.c: shows the priced lines to the rules. */
extern RuleLine *commerce_rule_lines(const Quote *quote);
extern RuleCart *commerce_rule_cart(const QuoteRequest *request, const Quote *quote, RuleLine *lines);

/* gifts.c: adds the lines of gifts that are in stock and within what the purses of their promotions hold. */
struct PromotionPurse;
extern void commerce_add_gifts(const QuoteRequest *request, Quote *quote,
							   const struct PromotionOutcome *outcome, const struct PromotionPurse *purses,
							   int first_finding);

/* tax_rates.c: reads the taxes of the destination and settles who owes them. */
extern const TaxRules *commerce_read_taxes(const QuoteRequest *request, Quote *quote);

/* tax_prices.c: what the classes of the goods make of a sum that is taxed as they are: portions, in the order of the
 * rules' classes, and last the untaxed one; turns prices made for another place into those of the destination. */
extern int64 *commerce_tax_portions(const Quote *quote, const TaxRules *rules, int64 sum);
extern int commerce_tax_class(const TaxRules *rules, const QuoteLine *line);
extern void commerce_convert_prices(Quote *quote, const TaxRules *rules);

/* tax.c: taxes lines and shipping. */
extern void commerce_apply_taxes(Quote *quote, const TaxRules *rules);

/* saved_tax.c: settles how much less tax is due because of each discount. */
extern void commerce_settle_saved_taxes(Quote *quote);

/* tax.c: refuses fractions that are too fine, with CM023. */
pg_noreturn extern void commerce_refuse_fine_taxes(void);

#endif
