/*
 * judge.c: what speaks against a promotion, whatever others do.
 */
#include <string.h>

#include "promotion/work.h"

/* Tells whether a list is empty or names a text. */
static bool
allows(const TextList *list, const char *text)
{
	if (list->count == 0)
		return true;
	for (int i = 0; text && i < list->count; i++)
		if (strcmp(list->texts[i], text) == 0)
			return true;
	return false;
}

/* Tells whether money is said for a currency, where any is. */
static bool
known_here(const RuleMoney *money, int currency)
{
	return money == NULL || commerce_rule_money_in(money, currency) != NULL;
}

/* Tells whether all that a benefit says of money it says for a currency. */
bool
commerce_speaks_currency(const Benefit *benefit, int currency)
{
	if (!known_here(benefit->reward.money, currency) || !known_here(benefit->others.money, currency) ||
		!known_here(benefit->limits.money, currency))
		return false;
	for (const BenefitTier *tier = benefit->tiers; tier; tier = tier->next)
		if ((tier->currency != 0 && tier->currency != currency) || !known_here(tier->reward.money, currency))
			return false;
	return true;
}

/* Tells whether any line is on sale. */
static bool
has_sale_items(const RuleCart *cart)
{
	for (int i = 0; i < cart->line_count; i++)
		if (cart->lines[i].on_sale)
			return true;
	return false;
}

/* Judges a promotion by codes, channel, currency, customer and budgets. */
PromotionVerdict
commerce_judge_alone(const PromotionRequest *request, int candidate)
{
	const Promotion *promotion = &request->promotions[request->candidates[candidate]];
	const PromotionPurse *purse = request->purses ? &request->purses[candidate] : NULL;
	const RuleCart *cart = request->cart;
	bool speaks = false;

	if (promotion->needs_code && !(request->opened && request->opened[candidate]))
		return PROMOTION_CODE_MISSING;
	if (!allows(&promotion->channels, cart->channel))
		return PROMOTION_OTHER_CHANNEL;
	if (!allows(&promotion->currencies, cart->currency_code))
		return PROMOTION_OTHER_CURRENCY;
	if (!allows(&promotion->groups, cart->customer_group))
		return PROMOTION_OTHER_GROUP;
	for (const Benefit *benefit = promotion->benefit; benefit && !speaks; benefit = benefit->next)
		speaks = commerce_speaks_currency(benefit, cart->currency);
	if (!speaks)
		return PROMOTION_OTHER_CURRENCY;
	if (purse && purse->other_currency)
		return PROMOTION_OTHER_CURRENCY;
	if (purse && purse->no_key)
		return PROMOTION_NEEDS_CUSTOMER;
	if (purse && purse->uses <= 0)
		return PROMOTION_LIMIT_REACHED;
	if (purse && purse->spend <= 0)
		return PROMOTION_BUDGET_EXHAUSTED;
	if (promotion->sale_items == SALE_REFUSED && has_sale_items(cart))
		return PROMOTION_SALE_ITEMS;
	return PROMOTION_APPLIED;
}

/* Shows a cart at the time in the zone of a promotion. */
RuleCart
commerce_promotion_cart(const PromotionRequest *request, const Promotion *promotion, const RuleCart *cart)
{
	RuleCart timed = *cart;

	if (promotion->time_zone && request->clock)
		timed.clock = request->clock(request->context, promotion->time_zone);
	return timed;
}
