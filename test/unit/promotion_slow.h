/*
 * promotion_slow.h: sets planned by someone slow, who takes unit after unit off the shelf.
 *
 * A unit is taken for a part of a set only where what the other parts still need can be matched with the units that are
 * left; whether it can is found by looking for such a matching.
 */
#ifndef COMMERCE_TEST_PROMOTION_SLOW_H
#define COMMERCE_TEST_PROMOTION_SLOW_H

#include "promotion_random.h"

#define MAX_UNITS 16

/* The units of a cart, in a row. */
typedef struct Shelf
{
	int line[MAX_UNITS];
	int64_t price[MAX_UNITS];
	bool taken[MAX_UNITS];
	int count;
} Shelf;

/* Makes a cart of few lines, whose skus are in the order of the alphabet. */
static inline void
small_shop(Shop *shop)
{
	unsigned lines = 1 + random_below(4);

	open_shop(shop);
	for (unsigned i = 0; i < lines; i++)
	{
		RuleLine *facts = add_line(shop, &"A\0B\0C\0D"[i * 2], 1 + random_below(4),
								   1 + random_below(3) * random_below(9), 1);

		for (unsigned t = 0; t < 3; t++)
			if (random_below(2) == 0)
				shop->tags[i][facts->tag_count++] = &"x\0y\0z"[t * 2];
		facts->tags = shop->tags[i];
		facts->on_sale = random_below(4) == 0;
		shop->lines[i].discountable = random_below(10) != 0;
	}
	shop->request.dearest_pool = random_below(2);
	shop->request.partial_get = random_below(3) == 0;
}

/* Puts the units of a cart in a row. */
static inline Shelf
shelf_of(const Shop *shop)
{
	Shelf shelf = {.count = 0};

	for (int i = 0; i < shop->cart.line_count; i++)
		for (int64_t unit = 0; unit < shop->facts[i].quantity; unit++)
		{
			shelf.line[shelf.count] = i;
			shelf.price[shelf.count++] = shop->facts[i].unit_price;
		}
	return shelf;
}

/* Tells whether a unit may have something of a benefit. */
static inline bool
fits(const Shop *shop, const Shelf *shelf, int unit, const RuleNode *where)
{
	int line = shelf->line[unit];

	return shop->lines[line].discountable && commerce_line_matches(where, &shop->cart, &shop->facts[line]);
}

/* Lists units in the order in which they come first. */
static inline void
line_up(const Shelf *shelf, UnitOrder order, int *row)
{
	for (int i = 0; i < shelf->count; i++)
		row[i] = i;
	for (int i = 1; i < shelf->count && order != UNITS_AS_IN_CART; i++)
		for (int j = i; j > 0; j--)
		{
			int64_t left = shelf->price[row[j - 1]];
			int64_t right = shelf->price[row[j]];
			int swap = row[j];

			if (order == UNITS_DEAREST ? left >= right : left <= right)
				break;
			row[j] = row[j - 1];
			row[j - 1] = swap;
		}
}

/* What the slow planner plans sets with. */
typedef struct Plan
{
	const Shop *shop;
	const BenefitPart *parts[BENEFIT_MAX_PARTS];
	UnitOrder orders[BENEFIT_MAX_PARTS];
	int count;
	int got;
	Shelf shelf;
	int64_t wanted[BENEFIT_MAX_PARTS];
	int64_t in_set[MAX_LINES]; /* with the reward */
	int64_t used[MAX_LINES];   /* these, and what was bought for them */
	int64_t gone[MAX_LINES];   /* used by sets before */
} Plan;

/* Finds a unit for a place in a set, moving others if need be. */
static inline bool
find_unit(const Plan *plan, int part, int *places, bool *seen)
{
	for (int u = 0; u < plan->shelf.count; u++)
	{
		if (plan->shelf.taken[u] || seen[u] || !fits(plan->shop, &plan->shelf, u, plan->parts[part]->where))
			continue;
		seen[u] = true;
		if (places[u] < 0 || find_unit(plan, places[u], places, seen))
		{
			places[u] = part;
			return true;
		}
	}
	return false;
}

/* Tells whether all that is wanted can be had of the units that are left. */
static inline bool
can_be_had(const Plan *plan)
{
	int places[MAX_UNITS];

	memset(places, 0xff, sizeof(places));
	for (int p = 0; p < plan->count; p++)
		for (int64_t i = 0; i < plan->wanted[p]; i++)
		{
			bool seen[MAX_UNITS] = {false};

			if (!find_unit(plan, p, places, seen))
				return false;
		}
	return true;
}

/* Puts all units back but those that are gone. */
static inline void
put_back(Plan *plan)
{
	int64_t gone[MAX_LINES];

	memcpy(gone, plan->gone, sizeof(gone));
	for (int u = 0; u < plan->shelf.count; u++)
		plan->shelf.taken[u] = gone[plan->shelf.line[u]]-- > 0;
}

/* Asks for whole sets, and after them one that gets fewer. */
static inline bool
ask(Plan *plan, int64_t times, int64_t partial)
{
	for (int p = 0; p < plan->count; p++)
		plan->wanted[p] =
			plan->parts[p]->quantity * (times + (partial > 0 && p > 0)) + (p == 0 ? partial : 0);
	put_back(plan);
	return can_be_had(plan);
}

/* Takes the units of sets, one by one; returns what those with the reward cost. */
static inline int64_t
take_units(Plan *plan, int64_t times, int64_t partial)
{
	int64_t cost = 0;

	memset(plan->in_set, 0, sizeof(plan->in_set));
	memset(plan->used, 0, sizeof(plan->used));
	(void) ask(plan, times, partial);
	for (int p = 0; p < plan->count; p++)
	{
		int row[MAX_UNITS];

		line_up(&plan->shelf, plan->orders[p], row);
		for (int i = 0; i < plan->shelf.count && plan->wanted[p] > 0; i++)
		{
			int u = row[i];

			if (plan->shelf.taken[u] || !fits(plan->shop, &plan->shelf, u, plan->parts[p]->where))
				continue;
			plan->shelf.taken[u] = true;
			plan->wanted[p]--;
			if (!can_be_had(plan))
			{
				plan->shelf.taken[u] = false;
				plan->wanted[p]++;
				continue;
			}
			plan->used[plan->shelf.line[u]]++;
			if (p < plan->got)
			{
				plan->in_set[plan->shelf.line[u]]++;
				cost += plan->shelf.price[u];
			}
		}
	}
	return cost;
}

/* Lists the parts of a set, those with the reward first. */
static inline void
list_parts(Plan *plan, const Benefit *benefit)
{
	UnitOrder got = benefit->buy ? UNITS_CHEAPEST : UNITS_DEAREST;

	if (benefit->limits.order != UNITS_BY_DEFAULT)
		got = benefit->limits.order;
	for (const BenefitPart *part = benefit->get; part; part = part->next)
	{
		plan->orders[plan->count] = got;
		plan->parts[plan->count++] = part;
	}
	plan->got = plan->count;
	for (const BenefitPart *part = benefit->buy; part; part = part->next)
	{
		plan->orders[plan->count] = got == UNITS_DEAREST ? UNITS_CHEAPEST : UNITS_DEAREST;
		plan->parts[plan->count++] = part;
	}
}

#endif
