/*
 * sourcing.c: the greedy plan. Preferred locations first, real stock before backorder.
 */
#include "inventory/sourcing.h"

#include <string.h>

/* Returns how much a source can give: of what is there, or with backorder. */
int64_t
commerce_source_can_give(const Source *source, bool with_backorder)
{
	int64_t limit = with_backorder ? source->backorder_limit : 0;
	int64_t sum;

	if (limit == NO_LIMIT || __builtin_add_overflow(source->available, limit, &sum))
		return INT64_MAX;
	return sum > 0 ? sum : 0;
}

/* Adds to what is already taken from a source, so that one source is one reservation; returns the number of takings. */
static int
record(Taking *takings, int made, int source, int64_t quantity)
{
	for (int i = 0; i < made; i++)
		if (takings[i].source == source)
		{
			takings[i].quantity += quantity;
			return made;
		}
	takings[made] = (Taking){source, quantity};
	return made + 1;
}

int
commerce_source(int64_t quantity, const char *location, bool whole, Source *sources, int count,
				Taking *takings, int64_t *missing)
{
	int made = 0;

	*missing = quantity;
	for (int pass = 0; pass < 2; pass++)
		for (int s = 0; s<count && * missing> 0; s++)
		{
			Source *source = &sources[s];
			int64_t give = commerce_source_can_give(source, pass == 1);
			int64_t left;

			if (location ? strcmp(source->location, location) != 0 : !source->open)
				continue;
			if (give > *missing)
				give = *missing;
			if (give == 0 || (whole && give < quantity))
				continue;
			/* A promise that would take the count below 64 bits is not made. */
			if (__builtin_sub_overflow(source->available, give, &left))
				continue;
			source->available = left;
			*missing -= give;
			made = record(takings, made, s, give);
		}
	return made;
}
