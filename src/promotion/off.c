/*
 * off.c: rewards on lines, and on lines together.
 *
 * Everything is exact until the one number that is taken from a line, or from the order, is rounded. A discount is never
 * more than what the units it is for cost, nor does it take a line below its floor.
 */
#include "promotion/work.h"

/* Returns how many units a line has. */
static int64_t
units_of(const Work *work, int line)
{
	return line == work->count ? 1 : work->facts[line].quantity;
}

/* Takes an amount from a line, as far as there is room and the units cost so much. */
static void
take(Work *work, int line, int64_t units, wide minor)
{
	int64_t room = commerce_line_room(work, line) - work->action[line];
	int64_t value = commerce_units_value(work, line, units);

	if (minor > value)
		minor = value;
	if (minor > room)
		minor = room;
	if (minor > 0)
		work->action[line] += (int64_t) minor;
}

/* Applies a reward to each line of the aim: to each of its units, or to the line once. */
void
commerce_reward_lines(Work *work, const Reward *reward, bool per_unit)
{
	int64_t money = commerce_money_here(work, reward->money);

	for (int i = 0; i < work->aim.count; i++)
	{
		int line = work->aim.lines[i];
		int64_t units = work->aim.units[i];
		int64_t all = units_of(work, line);
		wide minor = per_unit ? (wide) money * units : money;

		if (reward->kind == REWARD_PERCENT)
			minor = commerce_round_ratio((wide) commerce_line_base(work, line) * units * reward->percent,
										 (wide) PERCENT_WHOLE * all, work->request->rounding);
		else if (reward->kind == REWARD_PRICE)
			minor = (wide) commerce_units_value(work, line, units) - minor;
		take(work, line, units, minor);
	}
}

/* Applies a reward to the lines of the aim together, and distributes what it takes by what they cost. */
void
commerce_reward_order(Work *work, const Reward *reward)
{
	int64_t *weights = work->scratch + (work->count + 1);
	int64_t *caps = weights + (work->count + 1);
	int64_t money = commerce_money_here(work, reward->money);
	wide exact = 0; /* of a percentage, in parts of PERCENT_WHOLE */
	bool more = false;
	wide value = 0;
	wide limit = 0;
	wide minor = money;

	for (int i = 0; i < work->aim.count; i++)
	{
		int line = work->aim.lines[i];
		int64_t units = work->aim.units[i];
		int64_t all = units_of(work, line);
		int64_t room = commerce_line_room(work, line) - work->action[line];
		wide part = (wide) commerce_line_base(work, line) * reward->percent * units;

		weights[i] = commerce_units_value(work, line, units);
		caps[i] = room < weights[i] ? room : weights[i];
		value += weights[i];
		limit += caps[i];
		exact += part / all;
		more = more || part % all != 0;
	}
	/* Parts of lines leave fractions of PERCENT_WHOLE behind; that there are any decides what looks like a tie. */
	if (reward->kind == REWARD_PERCENT)
		minor = commerce_round_ratio(exact * 2 + more, PERCENT_WHOLE * 2, work->request->rounding);
	else if (reward->kind == REWARD_PRICE)
		minor = value - money;
	if (minor > limit)
		minor = limit;
	if (minor > 0)
		commerce_action_distribute(work, (int64_t) minor, weights, caps);
}

/* Returns what a reward takes off some units of a line, in parts of PERCENT_WHOLE * all its units; no more than they cost. */
wide
commerce_reward_exact(const Work *work, int line, const Reward *reward, int64_t units)
{
	wide cost = (wide) commerce_line_left(work, line) * PERCENT_WHOLE;
	wide money = (wide) commerce_money_here(work, reward->money) * units_of(work, line) * PERCENT_WHOLE;
	wide off = money;

	if (reward->kind == REWARD_PERCENT)
		off = (wide) commerce_line_base(work, line) * reward->percent;
	else if (reward->kind == REWARD_PRICE)
		off = cost - money;
	if (off > cost)
		off = cost;
	return off > 0 ? off * units : 0;
}

/* Applies one reward to the first unit of each line of the aim and another to its other units. */
static void
reward_first_and_others(Work *work, const Benefit *benefit)
{
	for (int i = 0; i < work->aim.count; i++)
	{
		int line = work->aim.lines[i];
		int64_t units = work->aim.units[i];
		wide exact = commerce_reward_exact(work, line, &benefit->reward, 1) +
					 commerce_reward_exact(work, line, &benefit->others, units - 1);

		take(work, line, units,
			 commerce_round_ratio(exact, (wide) PERCENT_WHOLE * units_of(work, line),
								  work->request->rounding));
	}
}

/* Takes what a benefit off units, lines, the order or shipping gives. */
bool
commerce_take_off(Work *work, const Benefit *benefit)
{
	commerce_aim(work, benefit);
	if (work->aim.count == 0)
		return false;
	if (benefit->kind == BENEFIT_FLEXIBLE)
		reward_first_and_others(work, benefit);
	else if (benefit->target == BENEFIT_ORDER)
		commerce_reward_order(work, &benefit->reward);
	else
		commerce_reward_lines(work, &benefit->reward, benefit->target == BENEFIT_UNITS);
	return true;
}
