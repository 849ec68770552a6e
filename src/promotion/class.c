/*
 * class.c: the class that a promotion has by what it gives, and those that it may be given.
 */
#include "promotion/promotion.h"

/* Returns the class that one thing given has by itself. */
static PromotionClass
class_of(const Benefit *benefit)
{
	if (benefit->kind == BENEFIT_GIFT)
		return CLASS_GIFT;
	switch (benefit->target)
	{
		case BENEFIT_SHIPPING: return CLASS_SHIPPING;
		case BENEFIT_ORDER: return CLASS_ORDER;
		default: return CLASS_ITEM;
	}
}

/* Returns the class that a benefit has by itself: of several things it gives, the one that comes first. */
PromotionClass
commerce_natural_class(const Benefit *benefit)
{
	PromotionClass first = CLASS_SHIPPING;

	for (; benefit; benefit = benefit->next)
		if (class_of(benefit) < first)
			first = class_of(benefit);
	return first;
}

/* Tells whether one thing given can set the price of a line. */
static bool
sets_price(const Benefit *benefit)
{
	const BenefitLimits *limits = &benefit->limits;

	return benefit->kind == BENEFIT_OFF &&
		   (benefit->target == BENEFIT_UNITS || benefit->target == BENEFIT_LINES) && limits->units == 0 &&
		   limits->group == 0 && limits->step == 0 && !limits->money;
}

/* Tells whether a promotion of a class may give a benefit. */
bool
commerce_class_fits(PromotionClass class, const Benefit *benefit)
{
	PromotionClass natural = commerce_natural_class(benefit);

	if (class == CLASS_CATALOG)
	{
		for (; benefit; benefit = benefit->next)
			if (!sets_price(benefit))
				return false;
		return true;
	}
	if (class == CLASS_ITEM || class == CLASS_ORDER)
		return natural == CLASS_ITEM || natural == CLASS_ORDER;
	return class == natural;
}
