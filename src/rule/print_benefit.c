/*
 * print_benefit.c: the canonical text of a benefit. What can be left out is left out, but for the target of tiers.
 */
#include "rule/tree.h"

const char *const commerce_rule_targets[] = {"units", "lines", "order", "shipping"};
const char *const commerce_rule_bases[] = {"subtotal", "quantity", "line subtotal", "line quantity",
										   "order subtotal"};
const char *const commerce_rule_orders[] = {"", "cheapest first", "dearest first", "in cart order"};

#define put commerce_rule_put

/* Appends a number. */
static void
put_count(RulePrinter *printer, int64_t count)
{
	commerce_rule_put_decimal(printer, count, 0);
}

/* Appends money in each of its currencies. */
static void
put_moneys(RulePrinter *printer, const RuleMoney *money)
{
	for (const RuleMoney *one = money; one; one = one->next)
	{
		if (one != money)
			put(printer, " or ");
		commerce_rule_put_money(printer, one->minor, one->currency);
	}
}

/* Appends a reward. */
static void
put_reward(RulePrinter *printer, const Reward *reward)
{
	int64_t percent = reward->percent;
	int scale = 6;

	if (reward->kind != REWARD_PERCENT)
	{
		if (reward->kind == REWARD_PRICE)
			put(printer, "price ");
		put_moneys(printer, reward->money);
		return;
	}
	for (; scale > 0 && percent % 10 == 0; scale--)
		percent /= 10;
	commerce_rule_put_decimal(printer, percent, scale);
	put(printer, "%");
}

/* Tells whether a reward is all of it. */
static bool
is_free(const Reward *reward)
{
	return reward->kind == REWARD_PERCENT && reward->percent == PERCENT_WHOLE;
}

/* Appends the parts of a set. */
static void
put_parts(RulePrinter *printer, const BenefitPart *parts)
{
	for (const BenefitPart *part = parts; part; part = part->next)
	{
		put(printer, part == parts ? " " : " + ");
		if (part->up_to)
			put(printer, "up to ");
		put_count(printer, part->quantity);
		commerce_rule_put_where(printer, part->where);
	}
}

/* Appends a limit that counts, with the words around it. */
static void
put_limit(RulePrinter *printer, const char *before, int64_t count, const char *after)
{
	if (count == 0)
		return;
	put(printer, before);
	put_count(printer, count);
	put(printer, after);
}

/* Appends what a benefit is limited to. */
static void
put_limits(RulePrinter *printer, const BenefitLimits *limits)
{
	put_limit(printer, ", in groups of ", limits->group, "");
	put_limit(printer, ", in steps of ", limits->step, "");
	put_limit(printer, ", at most ", limits->units, limits->of_each_line ? " units of each line" : " units");
	put_limit(printer, ", at most ", limits->times, " times");
	if (limits->money)
	{
		put(printer, ", at most ");
		put_moneys(printer, limits->money);
	}
	if (limits->order != UNITS_BY_DEFAULT)
	{
		put(printer, ", ");
		put(printer, commerce_rule_orders[limits->order]);
	}
}

/* Appends tiers and what they are on. */
static void
put_tiers(RulePrinter *printer, const Benefit *benefit)
{
	put(printer, "tiers by ");
	put(printer, commerce_rule_bases[benefit->basis]);
	put(printer, benefit->graduated ? " graduated: " : ": ");
	for (const BenefitTier *tier = benefit->tiers; tier; tier = tier->next)
	{
		if (tier != benefit->tiers)
			put(printer, ", ");
		if (tier->currency)
			commerce_rule_put_money(printer, tier->from, tier->currency);
		else
			put_count(printer, tier->from);
		put(printer, " -> ");
		put_reward(printer, &tier->reward);
	}
	put(printer, " on ");
	put(printer, commerce_rule_targets[benefit->target]);
}

/* Appends a set: some units for a price, a bundle, or what is bought and got. */
static void
put_set(RulePrinter *printer, const Benefit *benefit)
{
	const BenefitPart *get = benefit->get;

	if (benefit->buy == NULL && get->next == NULL && benefit->reward.kind == REWARD_PRICE)
	{
		put_count(printer, get->quantity);
		put(printer, " for ");
		put_moneys(printer, benefit->reward.money);
		commerce_rule_put_where(printer, get->where);
		return;
	}
	put(printer, benefit->buy ? "buy" : "bundle");
	put_parts(printer, benefit->buy ? benefit->buy : get);
	if (benefit->buy)
	{
		put(printer, " get");
		put_parts(printer, get);
	}
	if (is_free(&benefit->reward))
		put(printer, " free");
	else if (benefit->reward.kind == REWARD_PRICE)
	{
		put(printer, " for ");
		put_moneys(printer, benefit->reward.money);
	}
	else
	{
		put(printer, " at ");
		put_reward(printer, &benefit->reward);
		put(printer, " off");
	}
}

/* Appends a gift. */
static void
put_gift(RulePrinter *printer, const Benefit *benefit)
{
	put(printer, "gift ");
	put_count(printer, benefit->quantity);
	put(printer, " ");
	commerce_rule_put_quoted(printer, benefit->gift);
	if (benefit->buy)
	{
		put(printer, " for every");
		put_parts(printer, benefit->buy);
	}
}

/* Appends one thing that a promotion gives. */
static void
put_benefit(RulePrinter *printer, const Benefit *benefit)
{
	switch (benefit->kind)
	{
		case BENEFIT_OFF:
			if (benefit->target == BENEFIT_SHIPPING && is_free(&benefit->reward))
				put(printer, "free ");
			else
			{
				put_reward(printer, &benefit->reward);
				put(printer, benefit->reward.kind == REWARD_PRICE ? " for " : " off ");
			}
			put(printer, commerce_rule_targets[benefit->target]);
			break;
		case BENEFIT_FLEXIBLE:
			put_reward(printer, &benefit->reward);
			put(printer, " off first unit and ");
			put_reward(printer, &benefit->others);
			put(printer, " off others");
			break;
		case BENEFIT_TIERS: put_tiers(printer, benefit); break;
		case BENEFIT_SET: put_set(printer, benefit); break;
		case BENEFIT_GIFT: put_gift(printer, benefit); break;
	}
	commerce_rule_put_where(printer, benefit->where);
	put_limits(printer, &benefit->limits);
}

/* Prints a benefit. */
char *
commerce_benefit_print(const Benefit *benefit, const RuleMemory *memory)
{
	RulePrinter printer = {.memory = memory};

	for (const Benefit *one = benefit; one; one = one->next)
	{
		if (one != benefit)
			put(&printer, "; ");
		put_benefit(&printer, one);
	}
	return printer.text;
}
