/*
 * benefit.c: benefits as they are read, with all that makes no sense refused.
 */
#include "rule/tree.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_COUNT INT64_C(1000000000) /* more units than a cart holds */

/* Makes a percentage; it is above 0 and at most 100, with at most six decimals. */
bool
commerce_rule_percent(RuleParser *parser, RuleDecimal percent, RuleSpan span, Reward *reward)
{
	__int128 scaled = percent.coefficient;

	if (percent.scale > 6)
	{
		commerce_rule_expected(parser, span, "a percentage with at most 6 decimals");
		return false;
	}
	for (int i = percent.scale; i < 6; i++)
		scaled *= 10;
	if (scaled <= 0 || scaled > PERCENT_WHOLE)
	{
		commerce_rule_expected(parser, span, "a percentage above 0 and at most 100");
		return false;
	}
	*reward = (Reward){REWARD_PERCENT, (int64_t) scaled, NULL};
	return true;
}

/* Makes a reward of money: so much off, or for so much. */
bool
commerce_rule_money_reward(RuleParser *parser, RuleMoney *money, bool price, Reward *reward)
{
	(void) parser;
	*reward = (Reward){price ? REWARD_PRICE : REWARD_MONEY, 0, money};
	return true;
}

/* Makes the money of one currency of several, and refuses a currency that was named before. */
RuleMoney *
commerce_rule_money_item(RuleParser *parser, const RuleLiteral *money, const RuleMoney *before)
{
	RuleMoney *item = commerce_rule_allocate(parser->memory, sizeof(RuleMoney));

	if (commerce_rule_money_in(before, money->currency))
	{
		commerce_rule_expected(parser, money->span, "an amount of another currency");
		return NULL;
	}
	*item = (RuleMoney){money->minor, money->currency, NULL};
	return item;
}

/* Returns the money of a currency, or NULL. */
const RuleMoney *
commerce_rule_money_in(const RuleMoney *money, int currency)
{
	while (money && money->currency != currency)
		money = money->next;
	return money;
}

/* Reads a number of units, sets or the like. */
bool
commerce_rule_count(RuleParser *parser, RuleDecimal number, RuleSpan span, int64_t *count)
{
	if (number.scale > 0 || number.coefficient < 1 || number.coefficient > MAX_COUNT)
	{
		commerce_rule_expected(parser, span,
							   number.coefficient > MAX_COUNT ? "a whole number of at most 1000000000"
															  : "a whole number above 0");
		return false;
	}
	*count = number.coefficient;
	return true;
}

/* Makes a part of a set. */
BenefitPart *
commerce_rule_part(RuleParser *parser, RuleDecimal quantity, bool up_to, RuleNode *where, RuleSpan span)
{
	BenefitPart *part = commerce_rule_allocate(parser->memory, sizeof(BenefitPart));

	*part = (BenefitPart){.up_to = up_to, .where = where};
	return commerce_rule_count(parser, quantity, span, &part->quantity) ? part : NULL;
}

/* Finds what tiers go by. */
bool
commerce_rule_basis(RuleParser *parser, const char *word, const char *name, RuleSpan span, TierBasis *basis)
{
	char both[24];

	snprintf(both, sizeof(both), "%s%s", word, name);
	for (int i = TIER_SUBTOTAL; i <= TIER_ORDER_SUBTOTAL; i++)
		if (strcasecmp(both, commerce_rule_bases[i]) == 0)
		{
			*basis = (TierBasis) i;
			return true;
		}
	commerce_rule_expected(parser, span, word[0] == 'o' ? "subtotal" : "subtotal or quantity");
	return false;
}

/* Makes a tier; it begins above the one before, in the same measure. */
BenefitTier *
commerce_rule_tier(RuleParser *parser, const RuleLiteral *from, const Reward *reward,
				   const BenefitTier *before)
{
	BenefitTier *tier = commerce_rule_allocate(parser->memory, sizeof(BenefitTier));

	*tier = (BenefitTier){.reward = *reward};
	if (from->type == RULE_MONEY)
	{
		tier->from = from->minor;
		tier->currency = from->currency;
	}
	else if (from->number.scale > 0 || from->number.coefficient > MAX_COUNT)
	{
		commerce_rule_expected(parser, from->span, "a whole number or an amount of money");
		return NULL;
	}
	else
		tier->from = from->number.coefficient;
	if (before && before->currency != tier->currency)
	{
		commerce_rule_expected(parser, from->span,
							   before->currency ? "money of the same currency" : "a whole number");
		return NULL;
	}
	if (before && before->from >= tier->from)
	{
		commerce_rule_expected(parser, from->span, "a tier above the one before it");
		return NULL;
	}
	return tier;
}

/* Adds a limit to those of a benefit; each may be given once. */
bool
commerce_rule_limit(RuleParser *parser, BenefitLimits *limits, const BenefitLimit *limit)
{
	bool given = false;

	switch (limit->kind)
	{
		case LIMIT_UNITS:
		case LIMIT_UNITS_OF_LINE:
			given = limits->units != 0;
			limits->units = limit->count;
			limits->of_each_line = limit->kind == LIMIT_UNITS_OF_LINE;
			break;
		case LIMIT_GROUP:
			given = limits->group != 0;
			limits->group = limit->count;
			break;
		case LIMIT_STEP:
			given = limits->step != 0;
			limits->step = limit->count;
			break;
		case LIMIT_TIMES:
			given = limits->times != 0;
			limits->times = limit->count;
			break;
		case LIMIT_MONEY:
			given = limits->money != NULL;
			limits->money = limit->money;
			break;
		case LIMIT_ORDER:
			given = limits->order != UNITS_BY_DEFAULT;
			limits->order = limit->order;
			break;
	}
	if (given)
		commerce_rule_refuse(parser, limit->span, "this limit is given twice");
	return !given;
}

/* Tells whether money is above zero in each currency. */
static bool
is_positive(const RuleMoney *money)
{
	for (; money; money = money->next)
		if (money->minor <= 0)
			return false;
	return true;
}

/* Finds what is wrong with the rewards of a benefit; NULL where nothing is. */
static const char *
wrong_reward(const Benefit *benefit)
{
	bool flexible = benefit->kind == BENEFIT_FLEXIBLE;

	if (benefit->reward.kind == REWARD_MONEY && !flexible && !is_positive(benefit->reward.money))
		return "an amount off must be above zero";
	if (flexible && benefit->reward.money && benefit->others.money && !is_positive(benefit->reward.money) &&
		!is_positive(benefit->others.money))
		return "an amount off must be above zero";
	for (const BenefitTier *tier = benefit->tiers; tier; tier = tier->next)
		if (tier->reward.kind == REWARD_MONEY && !is_positive(tier->reward.money))
			return "an amount off must be above zero";
	return NULL;
}

/* Finds what is wrong with tiers. */
static const char *
wrong_tiers(const Benefit *benefit)
{
	bool counts = benefit->basis == TIER_QUANTITY || benefit->basis == TIER_LINE_QUANTITY;
	bool by_line = benefit->basis == TIER_LINE_SUBTOTAL || benefit->basis == TIER_LINE_QUANTITY;

	if (counts != (benefit->tiers->currency == 0))
		return counts ? "tiers by quantity begin at a number of units"
					  : "tiers by subtotal begin at an amount of money";
	if (by_line && benefit->target != BENEFIT_LINES && benefit->target != BENEFIT_UNITS)
		return "tiers of each line are on lines or on units";
	if (!benefit->graduated)
		return NULL;
	if (benefit->target == BENEFIT_UNITS && benefit->basis == TIER_LINE_QUANTITY)
		return NULL;
	if (benefit->target == BENEFIT_ORDER && benefit->basis == TIER_SUBTOTAL)
	{
		for (const BenefitTier *tier = benefit->tiers; tier; tier = tier->next)
			if (tier->reward.kind != REWARD_PERCENT)
				return "graduated tiers by subtotal are percentages";
		return NULL;
	}
	return "graduated tiers go by subtotal on order, or by line quantity on units";
}

/* Finds what is wrong with a set. */
static const char *
wrong_set(const Benefit *benefit)
{
	int count = 0;

	for (const BenefitPart *part = benefit->buy; part; part = part->next)
	{
		if (part->up_to)
			return "\"up to\" belongs behind get";
		count++;
	}
	for (const BenefitPart *part = benefit->get; part; part = part->next)
	{
		if (part->up_to && benefit->buy == NULL)
			return "\"up to\" belongs behind get";
		count++;
	}
	return count > BENEFIT_MAX_PARTS ? "a set has at most 6 parts" : NULL;
}

/* Finds a limit that says nothing of this kind of benefit. */
static const char *
wrong_limits(const Benefit *benefit)
{
	const BenefitLimits *limits = &benefit->limits;
	bool of_units = (benefit->kind == BENEFIT_OFF || benefit->kind == BENEFIT_TIERS ||
					 benefit->kind == BENEFIT_FLEXIBLE) &&
					benefit->target != BENEFIT_SHIPPING;
	bool pooled = (limits->units && !limits->of_each_line) || limits->group;

	if (limits->times && benefit->kind != BENEFIT_SET && benefit->kind != BENEFIT_GIFT)
		return "\"times\" counts sets and gifts";
	if (limits->money && benefit->kind == BENEFIT_GIFT)
		return "a gift has no amount";
	if ((limits->units || limits->group || limits->step) && !of_units)
		return "units are limited off units, lines or order";
	if (benefit->kind == BENEFIT_FLEXIBLE && (pooled || limits->step))
		return "here only the units of each line are limited";
	if (benefit->graduated && (limits->units || limits->group || limits->step))
		return "graduated tiers cover all units";
	if (limits->order != UNITS_BY_DEFAULT && !pooled && benefit->kind != BENEFIT_SET)
		return "which units come first matters only where not all units count";
	return NULL;
}

/* Checks a benefit and adds it to those that the text holds. */
bool
commerce_rule_benefit(RuleParser *parser, const Benefit *benefit, RuleSpan span)
{
	Benefit *kept;
	const char *wrong = wrong_reward(benefit);

	if (wrong == NULL && benefit->kind == BENEFIT_TIERS)
		wrong = wrong_tiers(benefit);
	if (wrong == NULL && benefit->kind == BENEFIT_SET)
		wrong = wrong_set(benefit);
	if (wrong == NULL)
		wrong = wrong_limits(benefit);
	if (wrong == NULL && benefit->kind == BENEFIT_GIFT && benefit->gift[0] == '\0')
		wrong = "a gift needs a sku";
	if (wrong == NULL && benefit->kind == BENEFIT_GIFT && benefit->buy && benefit->buy->up_to)
		wrong = "\"up to\" belongs behind get";
	if (wrong == NULL && ++parser->benefit_count > BENEFIT_MAX_ACTIONS)
		wrong = "a benefit gives at most 10 things";
	if (wrong)
	{
		commerce_rule_refuse(parser, span, wrong);
		return false;
	}
	kept = commerce_rule_allocate(parser->memory, sizeof(Benefit));
	*kept = *benefit;
	if (parser->last)
		parser->last->next = kept;
	else
		parser->benefit = kept;
	parser->last = kept;
	parser->line_scope = true;
	return true;
}
