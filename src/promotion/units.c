/*
 * units.c: which lines a benefit is about, and how many units of each.
 *
 * Units are counted, never walked: where not all of them count, whole lines are taken in the order of their unit prices
 * until the number is reached, so the last of them may count in part.
 */
#include <stdlib.h>
#include <string.h>

#include "promotion/work.h"

/* A line while lines are put in order. */
typedef struct Priced
{
	int line;
	int given;
	int64_t price;
	int64_t units; /* that the price is for */
} Priced;

/* Orders lines by unit price, the cheapest first; equal ones stay in the order of their numbers. */
static int
by_price(const void *a, const void *b)
{
	const Priced *x = a;
	const Priced *y = b;
	wide left = (wide) x->price * y->units;
	wide right = (wide) y->price * x->units;

	if (left != right)
		return left < right ? -1 : 1;
	return x->line - y->line;
}

/* Orders lines by unit price, the dearest first. */
static int
by_price_down(const void *a, const void *b)
{
	const Priced *x = a;
	const Priced *y = b;
	wide left = (wide) x->price * y->units;
	wide right = (wide) y->price * x->units;

	if (left != right)
		return left > right ? -1 : 1;
	return x->line - y->line;
}

/* Orders lines as they stand in the cart. */
static int
by_cart(const void *a, const void *b)
{
	return ((const Priced *) a)->given - ((const Priced *) b)->given;
}

/* Puts lines in the order in which their units are taken; sorted has room for them. */
int *
commerce_units_order(Work *work, const int *lines, int count, UnitOrder order, int *sorted)
{
	Priced *priced = commerce_work_buffer(work, BUFFER_PRICED, sizeof(Priced));

	for (int i = 0; i < count; i++)
		priced[i] = (Priced){lines[i], work->given[lines[i]], work->facts[lines[i]].unit_price,
							 work->more[lines[i]].per_quantity};
	qsort(priced, (size_t) count, sizeof(Priced),
		  order == UNITS_DEAREST      ? by_price_down
		  : order == UNITS_AS_IN_CART ? by_cart
									  : by_price);
	for (int i = 0; i < count; i++)
		sorted[i] = priced[i].line;
	return sorted;
}

/* Returns what some units of a line cost now, rounded. */
int64_t
commerce_units_value(const Work *work, int line, int64_t units)
{
	int64_t left = commerce_line_left(work, line);
	int64_t all = line == work->count ? 1 : work->facts[line].quantity;

	if (units >= all)
		return left;
	return (int64_t) commerce_round_ratio((wide) left * units, all, ROUND_HALF_UP);
}

/* Keeps only so many units of the aim, in order. */
static void
keep_units(Work *work, int64_t most, UnitOrder order)
{
	Aim *aim = &work->aim;
	int *sorted = commerce_work_buffer(work, BUFFER_SORTED, sizeof(int));
	int64_t *kept = work->scratch; /* by line */
	int count = 0;

	for (int i = 0; i < aim->count; i++)
		kept[aim->lines[i]] = aim->units[i];
	(void) commerce_units_order(work, aim->lines, aim->count, order, sorted);
	for (int i = 0; i < aim->count; i++)
	{
		int64_t *units = &kept[sorted[i]];

		/* A line that cannot become cheaper would only keep the discount from others. */
		if (commerce_line_room(work, sorted[i]) == 0)
			*units = 0;
		if (*units > most)
			*units = most;
		most -= *units;
	}
	for (int i = 0; i < aim->count; i++)
	{
		int line = aim->lines[i];

		if (kept[line] == 0)
			continue;
		aim->lines[count] = line;
		aim->units[count++] = kept[line];
	}
	aim->count = count;
}

/* Limits the units of the aim. */
static void
limit_units(Work *work, const BenefitLimits *limits)
{
	Aim *aim = &work->aim;
	UnitOrder order = limits->order;
	int64_t total = 0;
	int64_t most;
	int count = 0;

	if (order == UNITS_BY_DEFAULT)
		order = work->request->dearest_pool ? UNITS_DEAREST : UNITS_CHEAPEST;
	for (int i = 0; i < aim->count; i++)
	{
		int64_t units = aim->units[i];

		if (limits->step > 0)
			units -= units % limits->step;
		if (limits->of_each_line && limits->units > 0 && units > limits->units)
			units = limits->units;
		if (units == 0)
			continue;
		aim->lines[count] = aim->lines[i];
		aim->units[count++] = units;
		if (__builtin_add_overflow(total, units, &total))
			total = INT64_MAX;
	}
	aim->count = count;
	most = limits->units > 0 && !limits->of_each_line && limits->units < total ? limits->units : total;
	if (limits->group > 0)
		most -= most % limits->group;
	if (most < total)
		keep_units(work, most, order);
}

/* Takes a line into the aim if it matches. */
static void
consider_line(Work *work, const Benefit *benefit, int line)
{
	Aim *aim = &work->aim;
	const RuleLine *facts = &work->shown[line];

	if (!commerce_line_matches(benefit->where, &work->cart, facts) ||
		!commerce_line_eligible(work, line, false))
		return;
	aim->lines[aim->count] = line;
	aim->units[aim->count++] = facts->quantity;
}

/* Orders numbers. */
static int
by_number(const void *a, const void *b)
{
	int x = *(const int *) a;
	int y = *(const int *) b;

	return x < y ? -1 : x > y;
}

/* Takes those lines into the aim that match, of those that may; in the order that lines have here. */
static void
aim_at_candidates(Work *work, const Benefit *benefit)
{
	const CandidateLines *candidates = work->candidate_lines;
	int *lines = commerce_work_buffer(work, BUFFER_CANDIDATE, sizeof(int));

	for (int i = 0; i < candidates->count; i++)
		lines[i] = work->placed[candidates->lines[i]];
	qsort(lines, (size_t) candidates->count, sizeof(int), by_number);
	for (int i = 0; i < candidates->count; i++)
		consider_line(work, benefit, lines[i]);
}

/* Finds the lines that a benefit is about and the units that count. */
void
commerce_aim(Work *work, const Benefit *benefit)
{
	const RuleCart *cart = &work->cart;
	Aim *aim = &work->aim;

	aim->count = 0;
	for (int i = 0; i <= work->count; i++)
		work->proposal[i].matched = false;
	if (benefit->target == BENEFIT_SHIPPING)
	{
		if (work->request->shipping && commerce_line_eligible(work, work->count, false) &&
			commerce_condition_holds(benefit->where, cart))
		{
			aim->lines[0] = work->count;
			aim->units[0] = 1;
			aim->count = 1;
		}
	}
	else if (work->candidate_lines && work->candidate_lines->lines)
		aim_at_candidates(work, benefit);
	else
		for (int i = 0; i < work->count; i++)
			consider_line(work, benefit, i);
	for (int i = 0; i < aim->count; i++)
		work->proposal[aim->lines[i]].matched = true;
	if (benefit->target != BENEFIT_SHIPPING)
		limit_units(work, &benefit->limits);
}
