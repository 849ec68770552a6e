/*
 * tiers.c: rewards that grow with what is bought.
 *
 * A tier that is reached holds for all that matches; graduated, each tier holds for what lies between its beginning and
 * that of the next.
 */
#include "promotion/work.h"

/* Returns the highest tier that a number reaches; NULL below the first. */
static const BenefitTier *
reached(const BenefitTier *tiers, int64_t number)
{
	const BenefitTier *highest = NULL;

	for (const BenefitTier *tier = tiers; tier && tier->from <= number; tier = tier->next)
		highest = tier;
	return highest;
}

/* Returns what tiers are measured by: the matching lines with all their units, or for shipping all lines. */
static int64_t
measure(const Work *work, TierBasis basis, BenefitTarget target)
{
	wide sum = 0;

	if (basis == TIER_ORDER_SUBTOTAL)
		return work->cart.subtotal;
	for (int i = 0; i < work->count; i++)
	{
		const RuleLine *facts = &work->shown[i];

		if (target == BENEFIT_SHIPPING || work->proposal[i].matched)
			sum += basis == TIER_QUANTITY ? facts->quantity : facts->subtotal;
	}
	return sum > INT64_MAX ? INT64_MAX : (int64_t) sum;
}

/* Applies the reward of a tier to the aim. */
static void
reward(Work *work, const Benefit *benefit, const BenefitTier *tier)
{
	if (benefit->target == BENEFIT_ORDER)
		commerce_reward_order(work, &tier->reward);
	else
		commerce_reward_lines(work, &tier->reward, benefit->target == BENEFIT_UNITS);
}

/* Applies to each line of the aim the tier that it reaches by itself. */
static void
reward_each_line(Work *work, const Benefit *benefit)
{
	Aim all = work->aim;
	int one_line;
	int64_t one_units;

	for (int i = 0; i < all.count; i++)
	{
		int64_t number;
		const BenefitTier *tier;

		one_line = all.lines[i];
		one_units = all.units[i];
		number = benefit->basis == TIER_LINE_QUANTITY ? work->shown[one_line].quantity
													  : work->shown[one_line].subtotal;
		tier = reached(benefit->tiers, number);
		work->aim = (Aim){&one_line, &one_units, 1};
		if (tier)
			reward(work, benefit, tier);
		else
			work->too_little = true;
	}
	work->aim = all;
}

/* Takes of the lines of the aim together what graduated percentages come to, of the sum that percentages are of. */
static void
reward_graduated_sum(Work *work, const Benefit *benefit)
{
	wide exact = 0;
	wide sum = 0;
	Reward whole = {REWARD_MONEY, 0, NULL};
	RuleMoney money = {0, work->cart.currency, NULL};

	for (int i = 0; i < work->aim.count; i++)
		sum += commerce_line_base(work, work->aim.lines[i]);
	for (const BenefitTier *tier = benefit->tiers; tier && tier->from < sum; tier = tier->next)
	{
		wide to = tier->next && tier->next->from < sum ? tier->next->from : sum;

		exact += (to - tier->from) * tier->reward.percent;
	}
	money.minor = (int64_t) commerce_round_ratio(exact, PERCENT_WHOLE, work->request->rounding);
	whole.money = &money;
	if (money.minor > 0)
		commerce_reward_order(work, &whole);
}

/* Takes of each line of the aim what its units get in the tiers in which they are. */
static void
reward_graduated_units(Work *work, const Benefit *benefit)
{
	for (int i = 0; i < work->aim.count; i++)
	{
		int line = work->aim.lines[i];
		int64_t all = work->facts[line].quantity;
		int64_t room = commerce_line_room(work, line) - work->action[line];
		wide exact = 0; /* in parts of PERCENT_WHOLE * all */
		wide minor;

		for (const BenefitTier *tier = benefit->tiers; tier && tier->from <= all; tier = tier->next)
		{
			int64_t first = tier->from > 0 ? tier->from : 1;
			int64_t last = tier->next && tier->next->from <= all ? tier->next->from - 1 : all;

			exact += commerce_reward_exact(work, line, &tier->reward, last - first + 1);
		}
		minor = commerce_round_ratio(exact, (wide) PERCENT_WHOLE * all, work->request->rounding);
		work->action[line] += (int64_t) (minor < room ? minor : room);
	}
}

/* Takes what tiers give. */
bool
commerce_take_tiers(Work *work, const Benefit *benefit)
{
	const BenefitTier *tier;
	int64_t number;

	commerce_aim(work, benefit);
	if (work->aim.count == 0)
		return false;
	if (benefit->basis == TIER_LINE_QUANTITY && benefit->graduated)
		reward_graduated_units(work, benefit);
	else if (benefit->basis == TIER_LINE_QUANTITY || benefit->basis == TIER_LINE_SUBTOTAL)
		reward_each_line(work, benefit);
	else
	{
		number = measure(work, benefit->basis, benefit->target);
		tier = reached(benefit->tiers, number);
		if (tier && benefit->graduated)
			reward_graduated_sum(work, benefit);
		else if (tier)
			reward(work, benefit, tier);
		else
			work->too_little = true;
	}
	return true;
}
