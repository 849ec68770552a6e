/*
 * benefit_to_json_sql.c: a benefit as JSON, so that a form can show it. benefit_from_json_sql.c reads the same form.
 *
 *     {"percent": 20, "off": "lines", "where": {"not": {"attribute": "on_sale"}}}
 *     {"buy": [{"quantity": 2, "where": {…}}], "get": [{"quantity": 1}], "percent": 100, "times": 3}
 *
 * A benefit of several things is an array. A reward is "percent", "amount" or "price" in the object it belongs to; money
 * of several currencies is an array.
 */
#include "rule/rule_sql.h"

#include "money/amount.h"

#include "rule/tree.h"

PG_FUNCTION_INFO_V1(commerce_benefit_to_jsonb);

/* Writes money, in an array where it is of several currencies. */
static void
write_moneys(JsonWriter *writer, const char *key, const RuleMoney *money)
{
	commerce_json_key(writer, key);
	if (money->next == NULL)
	{
		commerce_json_money(writer, money->minor, money->currency);
		return;
	}
	commerce_json_array(writer);
	for (; money; money = money->next)
		commerce_json_money(writer, money->minor, money->currency);
	commerce_json_end_array(writer);
}

/* Writes a reward into the open object. */
static void
write_reward(JsonWriter *writer, const Reward *reward)
{
	Datum percent;

	if (reward->kind != REWARD_PERCENT)
	{
		write_moneys(writer, reward->kind == REWARD_PRICE ? "price" : "amount", reward->money);
		return;
	}
	percent = DirectFunctionCall1(numeric_trim_scale,
								  NumericGetDatum(int64_div_fast_to_numeric(reward->percent, 6)));
	commerce_json_key(writer, "percent");
	commerce_json_numeric(writer, DatumGetNumeric(percent));
}

/* Writes a reward as an object of its own. */
static void
write_reward_object(JsonWriter *writer, const char *key, const Reward *reward)
{
	commerce_json_key(writer, key);
	commerce_json_object(writer);
	write_reward(writer, reward);
	commerce_json_end_object(writer);
}

/* Writes which lines; nothing where it is all. */
static void
write_where(JsonWriter *writer, const RuleNode *where)
{
	if (where == NULL)
		return;
	commerce_json_key(writer, "where");
	commerce_condition_write_json(writer, where);
}

/* Writes a number; nothing where it is 0. */
static void
write_count(JsonWriter *writer, const char *key, int64 count)
{
	if (count == 0)
		return;
	commerce_json_key(writer, key);
	commerce_json_int(writer, count);
}

/* Writes a flag; nothing where it is down. */
static void
write_flag(JsonWriter *writer, const char *key, bool flag)
{
	if (!flag)
		return;
	commerce_json_key(writer, key);
	commerce_json_bool(writer, true);
}

/* Writes parts of a set. */
static void
write_parts(JsonWriter *writer, const char *key, const BenefitPart *parts)
{
	commerce_json_key(writer, key);
	commerce_json_array(writer);
	for (const BenefitPart *part = parts; part; part = part->next)
	{
		commerce_json_object(writer);
		write_count(writer, "quantity", part->quantity);
		write_flag(writer, "up_to", part->up_to);
		write_where(writer, part->where);
		commerce_json_end_object(writer);
	}
	commerce_json_end_array(writer);
}

/* Writes tiers. */
static void
write_tiers(JsonWriter *writer, const Benefit *benefit)
{
	commerce_json_key(writer, "tiers_by");
	commerce_json_string(writer, commerce_rule_bases[benefit->basis]);
	write_flag(writer, "graduated", benefit->graduated);
	commerce_json_key(writer, "tiers");
	commerce_json_array(writer);
	for (const BenefitTier *tier = benefit->tiers; tier; tier = tier->next)
	{
		commerce_json_object(writer);
		commerce_json_key(writer, "from");
		if (tier->currency)
			commerce_json_money(writer, tier->from, tier->currency);
		else
			commerce_json_int(writer, tier->from);
		write_reward(writer, &tier->reward);
		commerce_json_end_object(writer);
	}
	commerce_json_end_array(writer);
}

/* Writes what a benefit is limited to. */
static void
write_limits(JsonWriter *writer, const BenefitLimits *limits)
{
	static const char *const orders[] = {NULL, "cheapest", "dearest", "cart"};

	write_count(writer, "groups", limits->group);
	write_count(writer, "steps", limits->step);
	write_count(writer, limits->of_each_line ? "units_of_each_line" : "units", limits->units);
	write_count(writer, "times", limits->times);
	if (limits->money)
		write_moneys(writer, "at_most", limits->money);
	if (limits->order != UNITS_BY_DEFAULT)
	{
		commerce_json_key(writer, "first");
		commerce_json_string(writer, orders[limits->order]);
	}
}

/* Writes one thing that a promotion gives. */
static void
write_benefit(JsonWriter *writer, const Benefit *benefit)
{
	commerce_json_object(writer);
	switch (benefit->kind)
	{
		case BENEFIT_OFF: write_reward(writer, &benefit->reward); break;
		case BENEFIT_FLEXIBLE:
			write_reward_object(writer, "first_unit", &benefit->reward);
			write_reward_object(writer, "others", &benefit->others);
			break;
		case BENEFIT_TIERS: write_tiers(writer, benefit); break;
		case BENEFIT_SET:
			if (benefit->buy)
				write_parts(writer, "buy", benefit->buy);
			write_parts(writer, benefit->buy ? "get" : "bundle", benefit->get);
			write_reward(writer, &benefit->reward);
			break;
		case BENEFIT_GIFT:
			commerce_json_key(writer, "gift");
			commerce_json_string(writer, benefit->gift);
			write_count(writer, "quantity", benefit->quantity);
			if (benefit->buy)
				write_parts(writer, "for_every", benefit->buy);
			break;
	}
	if (benefit->kind == BENEFIT_OFF || benefit->kind == BENEFIT_TIERS)
	{
		commerce_json_key(writer, "off");
		commerce_json_string(writer, commerce_rule_targets[benefit->target]);
	}
	write_where(writer, benefit->where);
	write_limits(writer, &benefit->limits);
	commerce_json_end_object(writer);
}

/* benefit::jsonb */
Datum
commerce_benefit_to_jsonb(PG_FUNCTION_ARGS)
{
	Benefit *benefit = commerce_benefit_read(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	JsonWriter writer = JSON_WRITER_INIT;

	if (benefit->next)
		commerce_json_array(&writer);
	for (const Benefit *one = benefit; one; one = one->next)
		write_benefit(&writer, one);
	if (benefit->next)
		commerce_json_end_array(&writer);
	PG_RETURN_JSONB_P(commerce_json_finish(&writer));
}
