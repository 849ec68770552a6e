/*
 * sourcing.c: planning from where a call for goods is met.
 *
 * Lines take their turns, those that name a location first, and each reduces the sources by what it takes. So two lines
 * of one sku never count the same unit twice, and in whatever order lines stand, their sum decides. What a line gets
 * does not depend on the strategy as long as all locations take part; fewest_splits and no_split then leave some out.
 *
 * Planning ends where it began when its takings are given back: that is how fewest_splits learns what can be met
 * before it chooses, and how no_split tries one location after the other.
 */
#include "inventory/sourcing.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/splits.h"

/* What planning needs to know besides the call itself. */
typedef struct Planner
{
	Sourcing *call;
	int *ranks;         /* the place of each source's location in the order of preference */
	bool *chosen;       /* by rank: the locations that take part; NULL for all */
	int location_count; /* so many ranks there are */
	bool with_backorder;
} Planner;

/* Which lines take part in a round of planning. */
typedef enum Turn
{
	TURN_NAMED, /* those that name a location */
	TURN_FREE,  /* the others */
} Turn;

/* Returns how much a source can give: of what is there, or with backorder. Never so much that its count leaves 64 bits. */
int64_t
commerce_source_can_give(const Source *source, bool with_backorder)
{
	int64_t limit = with_backorder ? source->backorder_limit : 0;
	int64_t sum;

	if (limit == NO_LIMIT)
		return source->available >= 0 ? INT64_MAX : source->available - INT64_MIN;
	if (__builtin_add_overflow(source->available, limit, &sum))
		return INT64_MAX;
	return sum > 0 ? sum : 0;
}

/* Finds a strategy by name. */
bool
commerce_sourcing_strategy(const char *name, SourcingStrategy *strategy)
{
	static const char *const names[] = {"priority", "most_stock", "fewest_splits", "no_split"};

	for (int i = 0; i < 4; i++)
		if (strcmp(name, names[i]) == 0)
		{
			*strategy = (SourcingStrategy) i;
			return true;
		}
	return false;
}

/* Allocates an array. */
static void *
allocate(Planner *planner, unsigned long count, unsigned long size)
{
	return planner->call->memory.allocate(planner->call->memory.context, (count > 0 ? count : 1) * size);
}

/* Orders locations by preference. */
static int
compare_preference(const void *a, const void *b)
{
	const Source *left = *(const Source *const *) a;
	const Source *right = *(const Source *const *) b;

	if (left->priority != right->priority)
		return left->priority > right->priority ? -1 : 1;
	return strcmp(left->location, right->location);
}

/* Numbers the locations in order of preference. */
static void
rank_locations(Planner *planner)
{
	int count = planner->call->source_count;
	const Source **order = allocate(planner, count, sizeof(Source *));

	planner->ranks = allocate(planner, count, sizeof(int));
	planner->location_count = 0;
	for (int s = 0; s < count; s++)
		order[s] = &planner->call->sources[s];
	qsort(order, count, sizeof(Source *), compare_preference);
	for (int i = 0; i < count; i++)
	{
		if (i == 0 || compare_preference(&order[i - 1], &order[i]) != 0)
			planner->location_count++;
		planner->ranks[order[i] - planner->call->sources] = planner->location_count - 1;
	}
}

/* Returns whether a line may take from a source. */
static bool
eligible(const Planner *planner, const SourcedLine *line, int source)
{
	const Source *candidate = &planner->call->sources[source];

	if (planner->chosen && !planner->chosen[planner->ranks[source]])
		return false;
	return line->location ? strcmp(candidate->location, line->location) == 0 : candidate->open;
}

/* Records a taking and reduces its source; adds to what is already taken for the part there. */
static void
take(Planner *planner, int line, int part, int source, int64_t quantity)
{
	Sourcing *call = planner->call;

	call->sources[source].available -= quantity;
	for (int t = call->taking_count - 1; t >= 0 && call->takings[t].part == part; t--)
		if (call->takings[t].source == source)
		{
			call->takings[t].quantity += quantity;
			return;
		}
	if (call->taking_count == call->taking_room)
	{
		Taking *larger = allocate(planner, call->taking_room * 2 + 16, sizeof(Taking));

		if (call->taking_count > 0)
			memcpy(larger, call->takings, sizeof(Taking) * call->taking_count);
		call->takings = larger;
		call->taking_room = call->taking_room * 2 + 16;
	}
	call->takings[call->taking_count++] = (Taking){line, part, source, quantity};
}

/* Gives back all takings from this one on. */
static void
give_back(Sourcing *call, int first)
{
	for (int t = first; t < call->taking_count; t++)
		call->sources[call->takings[t].source].available += call->takings[t].quantity;
	call->taking_count = first;
}

/* Returns the source to take from next, or -1: the first that can give, or the one that can give most. */
static int
next_source(const Planner *planner, const SourcedLine *line, const SourcedPart *part, bool with_backorder)
{
	const Source *sources = planner->call->sources;
	int best = -1;
	int64_t most = 0;

	for (int s = part->first_source; s < part->first_source + part->source_count; s++)
	{
		int64_t give = commerce_source_can_give(&sources[s], with_backorder);

		if (give <= most || !eligible(planner, line, s))
			continue;
		best = s;
		most = give;
		if (planner->call->strategy != SOURCE_MOST_STOCK)
			break;
	}
	return best;
}

/* Takes units of a part that are known to be there: stock before backorder. */
static void
take_part(Planner *planner, int line, int part, int64_t quantity)
{
	const SourcedPart *wanted = &planner->call->parts[part];

	for (int pass = 0; pass <= (int) planner->with_backorder && quantity > 0; pass++)
		while (quantity > 0)
		{
			int source = next_source(planner, &planner->call->lines[line], wanted, pass == 1);
			int64_t give;

			if (source < 0)
				break;
			give = commerce_source_can_give(&planner->call->sources[source], pass == 1);
			give = give < quantity ? give : quantity;
			take(planner, line, part, source, give);
			quantity -= give;
		}
}

/* Computes what a line's parts can have, where rank is not negative from one location; returns how many units that makes. */
static int64_t
units_available(Planner *planner, const SourcedLine *line, int rank, bool with_backorder)
{
	Sourcing *call = planner->call;
	int64_t units = line->quantity;

	for (int p = line->first_part; p < line->first_part + line->part_count; p++)
	{
		SourcedPart *part = &call->parts[p];

		part->available = 0;
		for (int s = part->first_source; s < part->first_source + part->source_count; s++)
			if (eligible(planner, line, s) && (rank < 0 || planner->ranks[s] == rank) &&
				__builtin_add_overflow(part->available,
									   commerce_source_can_give(&call->sources[s], with_backorder),
									   &part->available))
				part->available = INT64_MAX;
		if (part->available / part->per_unit < units)
			units = part->available / part->per_unit;
	}
	return units;
}

/* Takes all of a line from the location of this rank, which has it. */
static void
take_whole(Planner *planner, int line, int rank)
{
	SourcedLine *wanted = &planner->call->lines[line];

	for (int p = wanted->first_part; p < wanted->first_part + wanted->part_count; p++)
	{
		const SourcedPart *part = &planner->call->parts[p];

		for (int s = part->first_source; s < part->first_source + part->source_count; s++)
			if (planner->ranks[s] == rank)
				take(planner, line, p, s, wanted->quantity * part->per_unit);
	}
	wanted->got = wanted->quantity;
}

/* Meets a line from one location, or not at all: then its parts show what the location that has most of it has. */
static void
plan_whole(Planner *planner, int line)
{
	SourcedLine *wanted = &planner->call->lines[line];
	const SourcedPart *first = &planner->call->parts[wanted->first_part];
	int64_t most = -1;
	int best = planner->location_count;

	for (int pass = 0; pass < 2; pass++)
		for (int s = first->first_source; s < first->first_source + first->source_count; s++)
		{
			int64_t units;

			if (!eligible(planner, wanted, s))
				continue;
			units = units_available(planner, wanted, planner->ranks[s], pass == 1);
			if (units == wanted->quantity)
			{
				take_whole(planner, line, planner->ranks[s]);
				return;
			}
			if (units > most)
			{
				most = units;
				best = planner->ranks[s];
			}
		}
	wanted->got = 0;
	(void) units_available(planner, wanted, best, true);
}

/* Meets a line as far as the mode allows. */
static void
plan_line(Planner *planner, int line)
{
	Sourcing *call = planner->call;
	SourcedLine *wanted = &call->lines[line];

	if (call->whole && wanted->part_count > 0)
	{
		plan_whole(planner, line);
		return;
	}
	wanted->got = units_available(planner, wanted, -1, planner->with_backorder);
	if (call->mode == SOURCE_PARTIAL && wanted->got < wanted->quantity)
		wanted->got = 0;
	for (int p = wanted->first_part; p < wanted->first_part + wanted->part_count && wanted->got > 0; p++)
		take_part(planner, line, p, wanted->got * call->parts[p].per_unit);
}

/* Gives the lines of one kind their turns. */
static void
plan_turn(Planner *planner, Turn turn)
{
	for (int l = 0; l < planner->call->line_count; l++)
		if ((planner->call->lines[l].location != NULL) == (turn == TURN_NAMED))
			plan_line(planner, l);
}

/* Gives all lines their turns. Returns whether every line is met; adds up the units that were taken. */
static bool
plan_all(Planner *planner, int64_t *units)
{
	Sourcing *call = planner->call;
	bool met = true;

	plan_turn(planner, TURN_NAMED);
	plan_turn(planner, TURN_FREE);
	for (int l = 0; l < call->line_count; l++)
		met = met && call->lines[l].got == call->lines[l].quantity;
	*units = 0;
	for (int t = 0; t < call->taking_count; t++)
		if (__builtin_add_overflow(*units, call->takings[t].quantity, units))
			*units = INT64_MAX;
	return met;
}

/* Orders demands by where their sources begin: by sku. */
static int
compare_demands(const void *a, const void *b)
{
	const Demand *left = a;
	const Demand *right = b;

	return left->first_source < right->first_source ? -1 : left->first_source > right->first_source;
}

/* Adds up what the takings from this one on want of each sku; returns the number of skus. */
static int
sum_demands(const Sourcing *call, int first, Demand *demands)
{
	int count = 0;
	int skus = 0;

	for (int t = first; t < call->taking_count; t++)
	{
		const SourcedPart *part = &call->parts[call->takings[t].part];

		demands[count++] = (Demand){part->first_source, part->source_count, call->takings[t].quantity, 0};
	}
	qsort(demands, count, sizeof(Demand), compare_demands);
	for (int d = 0; d < count; d++)
	{
		if (skus == 0 || demands[skus - 1].first_source != demands[d].first_source)
			demands[skus++] = demands[d];
		else if (__builtin_add_overflow(demands[skus - 1].quantity, demands[d].quantity,
										&demands[skus - 1].quantity))
			demands[skus - 1].quantity = INT64_MAX;
	}
	return skus;
}

/* Fills in how much of each demand is there already: what is there is never left for a backorder to save a parcel. */
static void
prefer_stock(const Sourcing *call, Demand *demands, int count)
{
	for (int d = 0; d < count; d++)
		for (int s = demands[d].first_source; s < demands[d].first_source + demands[d].source_count; s++)
			if (call->sources[s].open)
			{
				int64_t rest = demands[d].quantity - demands[d].of_stock;
				int64_t give = commerce_source_can_give(&call->sources[s], false);

				demands[d].of_stock += give < rest ? give : rest;
			}
}

/*
 * Meets all lines from the fewest locations. Lines that name theirs have no choice, so their locations are in the set.
 * The others are planned from everywhere to learn what they can get, and then again from the chosen few.
 */
static void
plan_fewest_splits(Planner *planner)
{
	Sourcing *call = planner->call;
	Splitting splitting = {
		.sources = call->sources, .ranks = planner->ranks, .location_count = planner->location_count};
	int named;

	plan_turn(planner, TURN_NAMED);
	named = call->taking_count;
	plan_turn(planner, TURN_FREE);
	splitting.chosen = allocate(planner, planner->location_count, sizeof(bool));
	splitting.useful = allocate(planner, planner->location_count, sizeof(bool));
	splitting.gain = allocate(planner, planner->location_count, sizeof(int64_t));
	splitting.pick = allocate(planner, planner->location_count, sizeof(int));
	splitting.demands = allocate(planner, call->taking_count - named, sizeof(Demand));
	splitting.demand_count = sum_demands(call, named, splitting.demands);
	give_back(call, named);
	prefer_stock(call, splitting.demands, splitting.demand_count);
	for (int r = 0; r < planner->location_count; r++)
		splitting.chosen[r] = false;
	for (int t = 0; t < named; t++)
		splitting.chosen[planner->ranks[call->takings[t].source]] = true;
	commerce_fewest_locations(&splitting);
	planner->chosen = splitting.chosen;
	plan_turn(planner, TURN_FREE);
}

/*
 * Meets all lines from one location: the first that has everything there, else the first that has with backorder, else
 * the one that has most units.
 */
static void
plan_no_split(Planner *planner)
{
	int64_t most = 0;
	int64_t units;
	int best = 0;

	planner->chosen = allocate(planner, planner->location_count, sizeof(bool));
	for (int r = 0; r < planner->location_count; r++)
		planner->chosen[r] = false;
	for (int pass = 0; pass < 2; pass++)
		for (int r = 0; r < planner->location_count; r++)
		{
			planner->with_backorder = pass == 1;
			planner->chosen[r] = true;
			if (plan_all(planner, &units))
				return;
			planner->chosen[r] = false;
			give_back(planner->call, 0);
			if (pass == 1 && units > most)
			{
				most = units;
				best = r;
			}
		}
	planner->with_backorder = true;
	if (planner->location_count > 0)
		planner->chosen[best] = true;
	(void) plan_all(planner, &units);
}

/* Decides what comes from where, and returns whether all lines are met. */
bool
commerce_source(Sourcing *sourcing)
{
	Planner planner = {.call = sourcing, .with_backorder = true};
	int64_t units;
	bool met = true;

	sourcing->taking_count = 0;
	rank_locations(&planner);
	if (sourcing->strategy == SOURCE_NO_SPLIT)
		plan_no_split(&planner);
	else if (sourcing->strategy == SOURCE_FEWEST_SPLITS)
		plan_fewest_splits(&planner);
	else
		(void) plan_all(&planner, &units);
	for (int l = 0; l < sourcing->line_count; l++)
		met = met && sourcing->lines[l].got == sourcing->lines[l].quantity;
	return met;
}
