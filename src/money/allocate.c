/*
 * allocate.c: splitting a sum so that the parts make the sum again.
 *
 * Every policy cuts each exact share total × weight / weights toward zero and then hands out what is left over, one
 * unit each, in an order of its own; round_then_fix rounds first and corrects. What is left over is always fewer
 * units than there are shares with a fraction, so one pass is enough. Work is done on the magnitude and the sign put
 * back at the end: a refund mirrors its sale.
 *
 * Nothing here allocates memory, so that the same code runs in a backend and in a test program. Instead of sorting
 * fractions, a binary search finds the smallest fraction that still earns a unit; that takes a few passes over the
 * weights and no room.
 */
#include "money/allocate.h"

#include <string.h>

#include "money/rounding.h"

static const struct
{
	const char *name;
	AllocationPolicy policy;
} policies[] = {
	{"nearest", ALLOCATE_NEAREST},
	{"first", ALLOCATE_FIRST},
	{"last", ALLOCATE_LAST},
	{"largest_ratio", ALLOCATE_LARGEST_WEIGHT},
	{"round_then_fix", ALLOCATE_ROUND_THEN_FIX},
};

/* One distribution of a sum over the shares that can take more. */
typedef struct Round
{
	const int64_t *weights;
	const int64_t *caps; /* NULL for none */
	const int64_t *shares;
	int count;
	AllocationPolicy policy;
	bool all_equal; /* no weight at all counts as equal weights */
	bool open;      /* the first round: nobody is full yet, whatever the cap */
	wide total;     /* to distribute, not negative */
	wide sum;       /* of the weights that take part */
} Round;

/* Finds a policy by its name. */
bool
commerce_allocation_policy(const char *name, AllocationPolicy *policy)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
	{
		if (strcmp(policies[i].name, name) == 0)
		{
			*policy = policies[i].policy;
			return true;
		}
	}
	return false;
}

/* Returns how much more a share can take. */
static wide
room(const Round *round, int i)
{
	wide cap = round->caps[i];

	return (cap < 0 ? -cap : cap) - round->shares[i];
}

/* Returns the weight of a share in this round: none once it is full. */
static int64_t
weight(const Round *round, int i)
{
	if (round->caps != NULL && !round->open && room(round, i) <= 0)
		return 0;
	return round->all_equal ? 1 : round->weights[i];
}

/* Returns the whole part of a share, cut or rounded as the policy begins. */
static wide
whole(const Round *round, int i)
{
	return commerce_round_ratio(round->total * weight(round, i), round->sum,
								round->policy == ALLOCATE_ROUND_THEN_FIX ? ROUND_HALF_UP : ROUND_DOWN);
}

/* Returns what decides a share's place in line for a unit left over: its fraction, in units of 1 / sum, or weight. */
static wide
claim(const Round *round, int i)
{
	if (round->policy == ALLOCATE_LARGEST_WEIGHT)
		return weight(round, i);
	return round->total * weight(round, i) % round->sum;
}

/* Returns how many shares claim more than a bound. */
static int
claims_above(const Round *round, wide bound)
{
	int count = 0;

	for (int i = 0; i < round->count; i++)
		count += claim(round, i) > bound;
	return count;
}

/* Returns the smallest bound that at most "leftover" shares exceed: those get a unit, then the ones that equal it. */
static wide
claim_bound(const Round *round, wide leftover)
{
	wide low = 0;
	wide high = round->sum;

	while (low < high)
	{
		wide middle = (low + high) / 2;

		if (claims_above(round, middle) <= leftover)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Adds a part to a share and returns what did not fit. */
static wide
give(const Round *round, int64_t *shares, int i, wide part)
{
	wide fits = part;

	if (round->caps != NULL && fits > room(round, i))
		fits = room(round, i) > 0 ? room(round, i) : 0;
	shares[i] += (int64_t) fits;
	return part - fits;
}

/*
 * Distributes the round's total over the shares and returns what did not fit. A share's weight may change once it has
 * its part, so everything about the others is known before.
 */
static wide
distribute(const Round *round, int64_t *shares)
{
	wide leftover = round->total;
	wide spilled = 0;
	wide bound = 0;
	wide ties = 0;
	bool by_claim = round->policy == ALLOCATE_NEAREST || round->policy == ALLOCATE_LARGEST_WEIGHT;

	for (int i = 0; i < round->count; i++)
		leftover -= whole(round, i);
	if (by_claim)
	{
		bound = claim_bound(round, leftover);
		ties = leftover - claims_above(round, bound);
	}
	for (int step = 0; step < round->count; step++)
	{
		int i = round->policy == ALLOCATE_LAST ? round->count - 1 - step : step;
		wide part = whole(round, i);
		wide unit = 0;

		if (by_claim)
		{
			if (claim(round, i) > bound)
				unit = 1;
			else if (claim(round, i) == bound && ties > 0)
			{
				unit = 1;
				ties--;
			}
		}
		else if (weight(round, i) != 0)
		{
			if (leftover > 0)
				unit = 1;
			else if (leftover < 0 && part > 0)
				unit = -1;
			leftover -= unit;
		}
		spilled += give(round, shares, i, part + unit);
	}
	return spilled;
}

/* Distributes a total, round after round where there are caps, and returns what no share could take. */
static wide
allocate(Round *round, wide total, int64_t *shares)
{
	wide given = 0;

	memset(shares, 0, sizeof(int64_t) * (size_t) round->count);
	for (int i = 0; i < round->count; i++)
		given += round->weights[i];
	round->shares = shares;
	round->all_equal = given == 0;
	round->open = true;
	round->total = total;
	while (round->total > 0)
	{
		round->sum = 0;
		for (int i = 0; i < round->count; i++)
			round->sum += weight(round, i);
		if (round->sum == 0)
			break;
		round->total = distribute(round, shares);
		round->open = false;
	}
	return round->total;
}

/* Distributes the magnitude of a total and mirrors the shares of a negative one; returns what is left, mirrored. */
static int64_t
allocate_signed(Round *round, int64_t total, int64_t *shares)
{
	wide left = allocate(round, total < 0 ? -(wide) total : (wide) total, shares);

	if (total >= 0)
		return (int64_t) left;
	for (int i = 0; i < round->count; i++)
		shares[i] = -shares[i];
	return (int64_t) -left;
}

/* Splits total by weights into shares that sum to it exactly. */
bool
commerce_allocate(int64_t total, const int64_t *weights, int count, AllocationPolicy policy, int64_t *shares)
{
	Round round = {.weights = weights, .count = count, .policy = policy};
	wide sum = 0;

	for (int i = 0; i < count; i++)
		sum += weights[i];
	if (sum > INT64_MAX)
		return false;
	(void) allocate_signed(&round, total, shares);
	return true;
}

/* Splits total by weights with a cap per share and returns what no share could take. */
int64_t
commerce_allocate_capped(int64_t total, const int64_t *weights, const int64_t *caps, int count,
						 AllocationPolicy policy, int64_t *shares)
{
	Round round = {.weights = weights, .caps = caps, .count = count, .policy = policy};

	return allocate_signed(&round, total, shares);
}
