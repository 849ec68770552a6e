/*
 * splits.c: the fewest locations that together have everything.
 *
 * To choose them is the set cover problem, so no method is both exact and fast for any number of locations. Three steps:
 *
 * 1. A location without which the others do not have everything is in every answer. Often that settles it.
 * 2. Of the rest, up to EXACT_LOCATIONS of them, subsets are tried in order of size, then of preference: the first
 *    that has everything is the answer. What failed a subset last is asked for first in the next, so most subsets cost
 *    one look. A cart takes far less than EXACT_EFFORT looks; a call that would take more goes on with 3.
 * 3. Otherwise the location that brings most of what is still missing is added until nothing is, and then those that
 *    the later ones made superfluous are dropped, least preferred first. Each of the rest is needed, but another
 *    choice may have been smaller.
 */
#include "inventory/splits.h"

#include <stddef.h>

#define EXACT_LOCATIONS 12
#define EXACT_EFFORT 20000000

/* Adds without leaving 64 bits. */
static int64_t
add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Returns how much of a demand the chosen locations lack; at most as much of stock as its counterpart with backorder. */
static int64_t
lacking(const Splitting *splitting, const Demand *demand, bool with_backorder)
{
	int64_t need = with_backorder ? demand->quantity : demand->of_stock;

	for (int s = demand->first_source; s < demand->first_source + demand->source_count && need > 0; s++)
		if (splitting->sources[s].open && splitting->chosen[splitting->ranks[s]])
		{
			int64_t give = commerce_source_can_give(&splitting->sources[s], with_backorder);

			need -= give < need ? give : need;
		}
	return need;
}

/* Returns whether the chosen locations have everything; counts the looks that takes. */
static bool
has_everything(Splitting *splitting, int64_t *effort)
{
	for (int d = 0; d < splitting->demand_count; d++)
	{
		Demand demand = splitting->demands[d];

		*effort += demand.source_count;
		if (lacking(splitting, &demand, false) == 0 && lacking(splitting, &demand, true) == 0)
			continue;
		splitting->demands[d] = splitting->demands[0];
		splitting->demands[0] = demand;
		return false;
	}
	return true;
}

/* Lists in pick the locations that are not chosen yet and have anything of use; returns how many they are. */
static int
list_candidates(Splitting *splitting)
{
	int count = 0;

	for (int r = 0; r < splitting->location_count; r++)
		splitting->useful[r] = false;
	for (int d = 0; d < splitting->demand_count; d++)
		for (int i = 0; i < splitting->demands[d].source_count; i++)
		{
			int s = splitting->demands[d].first_source + i;

			if (splitting->sources[s].open && commerce_source_can_give(&splitting->sources[s], true) > 0)
				splitting->useful[splitting->ranks[s]] = true;
		}
	for (int r = 0; r < splitting->location_count; r++)
		if (splitting->useful[r] && !splitting->chosen[r])
			splitting->pick[count++] = r;
	return count;
}

/* Chooses what every answer contains, and leaves in pick the candidates that one could do without. */
static int
choose_necessary(Splitting *splitting, int candidates)
{
	int64_t effort = 0;
	int others = 0;

	for (int i = 0; i < candidates; i++)
		splitting->chosen[splitting->pick[i]] = true;
	for (int i = 0; i < candidates; i++)
	{
		splitting->chosen[splitting->pick[i]] = false;
		splitting->useful[splitting->pick[i]] = !has_everything(splitting, &effort);
		splitting->chosen[splitting->pick[i]] = true;
	}
	for (int i = 0; i < candidates; i++)
	{
		int rank = splitting->pick[i];

		splitting->chosen[rank] = splitting->useful[rank];
		if (!splitting->chosen[rank])
			splitting->pick[others++] = rank;
	}
	return others;
}

/* Goes on to the next subset of that size, in order of preference; returns false after the last. */
static bool
next_subset(int *members, int size, int candidates)
{
	int last = size - 1;

	while (last >= 0 && members[last] == candidates - size + last)
		last--;
	if (last < 0)
		return false;
	members[last]++;
	for (int i = last + 1; i < size; i++)
		members[i] = members[i - 1] + 1;
	return true;
}

/* Chooses these candidates and no others. */
static void
choose(Splitting *splitting, int candidates, const int *members, int size)
{
	for (int i = 0; i < candidates; i++)
		splitting->chosen[splitting->pick[i]] = false;
	for (int i = 0; i < size; i++)
		splitting->chosen[splitting->pick[members[i]]] = true;
}

/* Chooses the smallest subset of the candidates that is enough; none, and returns false, where that is too much work. */
static bool
search(Splitting *splitting, int candidates)
{
	int members[EXACT_LOCATIONS];
	int64_t effort = 0;

	for (int size = 0; size <= candidates; size++)
	{
		for (int i = 0; i < size; i++)
			members[i] = i;
		do
		{
			choose(splitting, candidates, members, size);
			if (has_everything(splitting, &effort))
				return true;
			if (effort > EXACT_EFFORT)
			{
				choose(splitting, candidates, NULL, 0);
				return false;
			}
		} while (next_subset(members, size, candidates));
	}
	return false;
}

/* Computes how much of what is lacking each location would bring. */
static void
compute_gains(Splitting *splitting)
{
	for (int r = 0; r < splitting->location_count; r++)
		splitting->gain[r] = 0;
	for (int d = 0; d < splitting->demand_count; d++)
	{
		const Demand *demand = &splitting->demands[d];

		for (int backorder = 0; backorder < 2; backorder++)
		{
			int64_t lack = lacking(splitting, demand, backorder);

			for (int s = demand->first_source; lack > 0 && s < demand->first_source + demand->source_count;
				 s++)
			{
				int64_t give = commerce_source_can_give(&splitting->sources[s], backorder);
				int64_t *gain = &splitting->gain[splitting->ranks[s]];

				if (splitting->sources[s].open && !splitting->chosen[splitting->ranks[s]])
					*gain = add(*gain, give < lack ? give : lack);
			}
		}
	}
}

/* Adds the most useful location until everything is there, then drops what has become superfluous. */
static void
grow(Splitting *splitting, int candidates)
{
	int64_t effort = 0;

	while (!has_everything(splitting, &effort))
	{
		int best = -1;

		compute_gains(splitting);
		for (int i = 0; i < candidates; i++)
			if (splitting->gain[splitting->pick[i]] > (best < 0 ? 0 : splitting->gain[best]))
				best = splitting->pick[i];
		if (best < 0)
			return;
		splitting->chosen[best] = true;
	}
	for (int i = candidates - 1; i >= 0; i--)
		if (splitting->chosen[splitting->pick[i]])
		{
			splitting->chosen[splitting->pick[i]] = false;
			splitting->chosen[splitting->pick[i]] = !has_everything(splitting, &effort);
		}
}

/* Chooses the fewest locations. */
void
commerce_fewest_locations(Splitting *splitting)
{
	int candidates = choose_necessary(splitting, list_candidates(splitting));

	if (candidates > EXACT_LOCATIONS || !search(splitting, candidates))
		grow(splitting, candidates);
}
