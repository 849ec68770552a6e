/*
 * catalog.c: what a line costs by the promotions of the catalogue.
 *
 * They set a price before any discount is considered: one after the other, each on the price that the one before it has
 * left, or only the one that leaves the lowest price. Each price is rounded, as a price on a label is; where the line is
 * rounded instead, the price is one for all units of the line together.
 */
#include "promotion/work.h"

/* Returns what a price becomes by one benefit; the price where the benefit says nothing of it. */
static int64_t
reduced(const RuleCart *cart, const Benefit *benefit, const RuleLine *facts, int64_t price)
{
	const RuleMoney *money = commerce_rule_money_in(benefit->reward.money, cart->currency);
	int64_t result = price;

	if (!commerce_line_matches(benefit->where, cart, facts))
		return price;
	if (benefit->reward.kind == REWARD_PERCENT)
		result = (int64_t) commerce_round_ratio((wide) price * (PERCENT_WHOLE - benefit->reward.percent),
												PERCENT_WHOLE, ROUND_HALF_UP);
	else if (money && benefit->reward.kind == REWARD_MONEY)
		result = price > money->minor ? price - money->minor : 0;
	else if (money && money->minor < price)
		result = money->minor;
	return result;
}

/* Returns the lowest price that is allowed for a unit of the line, for as many units as its price is for. */
static int64_t
floor_price(const PromotionLine *line, const RuleLine *facts, int per_quantity)
{
	return (int64_t) commerce_round_ratio((wide) line->floor * per_quantity, facts->quantity, ROUND_CEILING);
}

/* Returns what a price becomes by a promotion. */
static int64_t
price_by(const PromotionRequest *request, int line, const Promotion *promotion, int64_t price, int64_t floor)
{
	const RuleLine *facts = &request->cart->lines[line];
	RuleCart cart;

	if (!request->lines[line].discountable || (promotion->sale_items == SALE_SKIPPED && facts->on_sale))
		return price;
	cart = commerce_promotion_cart(request, promotion, request->cart);
	for (const Benefit *benefit = promotion->benefit; benefit; benefit = benefit->next)
	{
		int64_t lower = reduced(&cart, benefit, facts, price);

		if (lower < floor)
			lower = floor < price ? floor : price;
		price = lower;
	}
	return price;
}

/* Notes what a promotion has made of the price; amounts are for the whole line. */
static void
note_cut(CatalogPrice *price, int finding, int64_t before, int64_t after, const RuleLine *facts,
		 PromotionFinding *findings)
{
	int64_t was =
		(int64_t) commerce_round_ratio((wide) before * facts->quantity, price->per_quantity, ROUND_HALF_UP);
	int64_t is =
		(int64_t) commerce_round_ratio((wide) after * facts->quantity, price->per_quantity, ROUND_HALF_UP);

	price->cuts[price->cut_count++] = (CatalogCut){finding, was - is};
	findings[finding].verdict = PROMOTION_APPLIED;
	findings[finding].minor += was - is;
	price->unit_price = after;
	price->subtotal = is;
}

/* Returns how many candidates are of the catalogue: they are the first. */
static int
catalog_count(const PromotionRequest *request)
{
	int count = 0;

	while (count < request->candidate_count &&
		   request->promotions[request->candidates[count]].class == CLASS_CATALOG)
		count++;
	return count;
}

/* Judges the promotions of the catalogue; returns how many candidates are. */
int
commerce_catalog_begin(const PromotionRequest *request, PromotionFinding *findings)
{
	int count = catalog_count(request);

	for (int c = 0; c < count; c++)
	{
		int place = request->candidates[c];
		PromotionVerdict verdict = commerce_judge_alone(request, c);
		const Promotion *promotion = &request->promotions[place];

		if (verdict == PROMOTION_APPLIED)
		{
			RuleCart cart = commerce_promotion_cart(request, promotion, request->cart);

			verdict = commerce_condition_holds(promotion->condition, &cart) ? PROMOTION_NO_TARGET
																			: PROMOTION_CONDITION_NOT_MET;
		}
		findings[c] = (PromotionFinding){place, verdict, 0};
	}
	return count;
}

/* Tells whether a promotion of the catalogue comes into question. */
static bool
may_apply(const PromotionFinding *finding)
{
	return finding->verdict == PROMOTION_NO_TARGET || finding->verdict == PROMOTION_APPLIED;
}

/*
 * Finds the only promotion that may set the price of a line: an exclusive one that lowers it or, of all, the one that
 * leaves the lowest; -1 where there is no such.
 */
static int
only_one(const PromotionRequest *request, int line, const PromotionFinding *findings, int count,
		 bool best_only, int64_t price, int64_t floor)
{
	int best = -1;
	int64_t lowest = price;

	for (int c = 0; c < count; c++)
	{
		const Promotion *promotion = &request->promotions[request->candidates[c]];
		int64_t lower;

		if (!may_apply(&findings[c]))
			continue;
		lower = price_by(request, line, promotion, price, floor);
		if (lower < price && promotion->exclusivity == EXCLUSIVE && !request->priority_first)
			return c;
		if (lower < lowest)
		{
			lowest = lower;
			best = c;
		}
	}
	return best_only ? best : -1;
}

/* Prices one line by the promotions of the catalogue. */
void
commerce_catalog_price(const PromotionRequest *request, int line, bool best_only, bool by_line,
					   PromotionFinding *findings, CatalogPrice *price)
{
	const RuleLine *facts = &request->cart->lines[line];
	const CatalogPrice unchanged = {facts->unit_price, request->lines[line].per_quantity, facts->subtotal,
									NULL, 0};
	int count = catalog_count(request);
	int64_t floor;
	int only;

	*price = unchanged;
	if (by_line && facts->quantity <= INT32_MAX)
	{
		price->unit_price = facts->subtotal;
		price->per_quantity = (int) facts->quantity;
	}
	price->cuts =
		request->memory->allocate(request->memory->context, sizeof(CatalogCut) * (size_t) (count + 1));
	floor = floor_price(&request->lines[line], facts, price->per_quantity);
	only = only_one(request, line, findings, count, best_only, price->unit_price, floor);
	for (int c = only >= 0 ? only : 0; c < (only >= 0 ? only + 1 : count); c++)
	{
		const Promotion *promotion = &request->promotions[request->candidates[c]];
		int64_t after;

		if (!may_apply(&findings[c]) || (best_only && only < 0) ||
			(promotion->exclusivity == EXCLUSIVE && price->cut_count > 0))
			continue;
		after = price_by(request, line, promotion, price->unit_price, floor);
		if (after >= price->unit_price)
			continue;
		note_cut(price, c, price->unit_price, after, facts, findings);
		if (promotion->exclusivity == EXCLUSIVE || promotion->stop_all)
			break;
	}
	if (price->cut_count == 0)
		*price = unchanged;
}

/*
 * Rules out the promotions that have lowered prices by more than they may still give. A unit has one price, so nobody gets
 * a part of it, whatever becomes of what is left of a budget elsewhere.
 */
bool
commerce_catalog_rule_out(const PromotionRequest *request, PromotionFinding *findings)
{
	int count = request->purses ? catalog_count(request) : 0;
	bool ruled_out = false;

	for (int c = 0; c < count; c++)
		if (findings[c].verdict == PROMOTION_APPLIED && findings[c].minor > request->purses[c].spend)
		{
			findings[c].verdict = PROMOTION_BUDGET_EXHAUSTED;
			ruled_out = true;
		}
	for (int c = 0; ruled_out && c < count; c++)
	{
		findings[c].minor = 0;
		if (findings[c].verdict == PROMOTION_APPLIED)
			findings[c].verdict = PROMOTION_NO_TARGET;
	}
	return ruled_out;
}
