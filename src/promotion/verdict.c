/*
 * verdict.c: what becomes of promotions, for programs and for people; and the order in which they are applied.
 */
#include <string.h>

#include "promotion/promotion.h"

static const struct
{
	const char *code;
	const char *reason;
} verdicts[] = {
	[PROMOTION_APPLIED] = {"applied", "applied"},
	[PROMOTION_CODE_MISSING] = {"code_missing", "none of its codes was entered"},
	[PROMOTION_OTHER_CHANNEL] = {"other_channel", "it is for other channels"},
	[PROMOTION_OTHER_CURRENCY] = {"other_currency", "it says nothing for this currency"},
	[PROMOTION_OTHER_GROUP] = {"other_group", "it is for other customers"},
	[PROMOTION_NEEDS_CUSTOMER] = {"needs_customer", "it is limited for each customer, and none is known"},
	[PROMOTION_LIMIT_REACHED] = {"limit_reached", "it was used as often as it may be"},
	[PROMOTION_BUDGET_EXHAUSTED] = {"budget_exhausted", "its budget does not cover it"},
	[PROMOTION_STOPPED] = {"stopped", "a promotion before it is the last"},
	[PROMOTION_EXCLUDED] = {"excluded",
							"an exclusive promotion applies, or it is exclusive itself and came later"},
	[PROMOTION_GROUP_TAKEN] = {"group_taken", "another promotion of its group applies"},
	[PROMOTION_NOT_COMBINABLE] = {"not_combinable", "it does not combine with a promotion before it"},
	[PROMOTION_SALE_ITEMS] = {"sale_items_in_cart", "the cart has goods on sale"},
	[PROMOTION_CONDITION_NOT_MET] = {"condition_not_met", "its condition does not hold for this cart"},
	[PROMOTION_NO_TARGET] = {"no_target", "nothing in the cart matches"},
	[PROMOTION_LINE_TAKEN] = {"line_taken", "what matches has a discount that stands alone"},
	[PROMOTION_NOT_ENOUGH] = {"not_enough", "the cart has too little of what it is about"},
	[PROMOTION_NOTHING_LEFT] = {"nothing_left", "nothing was left to take off"},
};

/* Returns a verdict as programs read it. */
const char *
commerce_verdict_code(PromotionVerdict verdict)
{
	return verdicts[verdict].code;
}

/* Returns a verdict in words. */
const char *
commerce_verdict_reason(PromotionVerdict verdict)
{
	return verdicts[verdict].reason;
}

/* Orders promotions: by lane, class, priority, highest first, and id. The catalogue is before all lanes. */
int
commerce_promotion_order(const Promotion *first, const Promotion *second)
{
	bool first_catalog = first->class == CLASS_CATALOG;
	bool second_catalog = second->class == CLASS_CATALOG;

	if (first_catalog != second_catalog)
		return first_catalog ? -1 : 1;
	if (!first_catalog && first->lane != second->lane)
		return first->lane < second->lane ? -1 : 1;
	if (first->class != second->class)
		return first->class < second->class ? -1 : 1;
	if (first->priority != second->priority)
		return first->priority > second->priority ? -1 : 1;
	return memcmp(first->id, second->id, sizeof(first->id));
}
