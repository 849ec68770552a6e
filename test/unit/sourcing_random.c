// sources: src/inventory/sourcing.c src/inventory/splits.c
/*
 * sourcing_random.c: seeded random calls are planned and compared with what a slow planner says, which hands out unit by
 * unit and tries every set of locations.
 */
#include "sourcing_test.h"

#define ROUNDS 40000

static const char *const sku_names[MAX_SKUS] = {"a", "b", "c"};
static const char *const location_names[MAX_LOCATIONS] = {"l0", "l1", "l2", "l3", "l4"};

/* Fills in a random call. */
static void
random_call(Call *call)
{
	int priorities[MAX_LOCATIONS];
	bool open[MAX_LOCATIONS];
	int skus = 1 + random_below(MAX_SKUS);
	int locations = 1 + random_below(MAX_LOCATIONS);
	int lines = 1 + random_below(MAX_LINES);

	memset(call, 0, sizeof(*call));
	for (int l = 0; l < locations; l++)
	{
		priorities[l] = random_below(3);
		open[l] = random_below(8) != 0;
	}
	for (int sku = 0; sku < skus; sku++)
		for (int l = 0; l < locations; l++)
			if (random_below(4) != 0)
			{
				int64_t limit = random_below(4) != 0 ? 0 : random_below(6) == 0 ? NO_LIMIT : random_below(5);

				add_source(call, sku_names[sku], location_names[l], priorities[l], random_below(9) - 2,
						   limit);
			}
	for (int s = 0; s < call->sourcing.source_count; s++)
		call->sources[s].open = open[call->sources[s].location[1] - '0'];
	for (int l = 0; l < lines; l++)
	{
		int sku = random_below(skus);
		bool kit = skus > 1 && random_below(3) == 0;

		add_line(call, random_below(5) == 0 ? location_names[random_below(locations)] : NULL,
				 1 + random_below(6), sku_names[sku], kit ? 1 + random_below(3) : 1,
				 sku_names[(sku + 1) % skus], kit ? 1 + random_below(2) : 0);
	}
	call->sourcing.strategy = (SourcingStrategy) random_below(4);
	call->sourcing.mode = (SourcingMode) random_below(2);
	point(call);
}

/* Can the slow planner take a unit for the line here? */
static bool
usable(const Source *source, const SourcedLine *line, unsigned set, bool backorder)
{
	if (!(set >> (source->location[1] - '0') & 1))
		return false;
	if (line->location ? strcmp(line->location, source->location) != 0 : !source->open)
		return false;
	return backorder ? source->backorder_limit == NO_LIMIT || source->available > -source->backorder_limit
					 : source->available > 0;
}

/* What the slow planner found. */
typedef struct Answer
{
	int64_t got[MAX_LINES];
	int64_t taken[MAX_PARTS][MAX_SOURCES];
	int64_t backordered;
	int64_t units;
	unsigned used; /* locations, as bits */
	bool met;
} Answer;

/* Takes one unit at a time; returns false, having taken nothing, where a unit of the line is not to be had. */
static bool
slow_unit(Call *call, int l, unsigned set, bool backorders, Answer *answer)
{
	Call before = *call;
	Answer answered = *answer;
	const SourcedLine *line = &call->lines[l];

	for (int p = line->first_part; p < line->first_part + line->part_count; p++)
		for (int64_t unit = 0; unit < call->parts[p].per_unit; unit++)
		{
			int best = -1;

			for (int pass = 0; pass <= (int) backorders && best < 0; pass++)
				for (int i = call->parts[p].source_count - 1; i >= 0; i--)
					if (usable(&call->sources[call->parts[p].first_source + i], line, set, pass == 1))
						best = call->parts[p].first_source + i;
			if (best < 0)
			{
				*call = before;
				*answer = answered;
				return false;
			}
			answer->backordered += call->sources[best].available <= 0;
			call->sources[best].available--;
			answer->taken[p][best]++;
			answer->units++;
			answer->used |= 1u << (call->sources[best].location[1] - '0');
		}
	return true;
}

/* Plans by priority from a set of locations, unit by unit. */
static Answer
slow_plan(const Call *original, unsigned set, bool backorders)
{
	Call call = *original;
	Answer answer;

	memset(&answer, 0, sizeof(answer));
	answer.met = true;
	for (int turn = 0; turn < 2; turn++)
		for (int l = 0; l < call.sourcing.line_count; l++)
		{
			Call before = call;
			Answer answered = answer;

			if ((call.lines[l].location == NULL) != (turn == 1))
				continue;
			while (answer.got[l] < call.lines[l].quantity && slow_unit(&call, l, set, backorders, &answer))
				answer.got[l]++;
			if (answer.got[l] == call.lines[l].quantity)
				continue;
			if (call.sourcing.mode == SOURCE_PARTIAL)
			{
				call = before;
				answer = answered;
			}
			answer.met = false;
		}
	return answer;
}

/* Reads the planner's takings as an answer; false where they break a rule. */
static bool
read_answer(const Call *before, const Call *call, Answer *answer)
{
	int64_t left[MAX_SOURCES];

	memset(answer, 0, sizeof(*answer));
	answer->met = true;
	for (int s = 0; s < before->sourcing.source_count; s++)
		left[s] = before->sources[s].available;
	for (int t = 0; t < call->sourcing.taking_count; t++)
	{
		Taking taking = call->sourcing.takings[t];
		const Source *source = &before->sources[taking.source];
		const SourcedLine *line = &before->lines[taking.line];
		int64_t real = left[taking.source] > 0 ? left[taking.source] : 0;

		if (taking.quantity <= 0 || answer->taken[taking.part][taking.source] != 0 ||
			taking.part < line->first_part || taking.part >= line->first_part + line->part_count ||
			(line->location ? strcmp(line->location, source->location) != 0 : !source->open))
			return false;
		left[taking.source] -= taking.quantity;
		answer->taken[taking.part][taking.source] = taking.quantity;
		answer->units += taking.quantity;
		answer->backordered += taking.quantity > real ? taking.quantity - real : 0;
		answer->used |= 1u << (source->location[1] - '0');
	}
	for (int s = 0; s < before->sourcing.source_count; s++)
		if (left[s] != call->sources[s].available ||
			(left[s] < before->sources[s].available && left[s] < 0 &&
			 before->sources[s].backorder_limit != NO_LIMIT && left[s] < -before->sources[s].backorder_limit))
			return false;
	for (int l = 0; l < call->sourcing.line_count; l++)
	{
		answer->got[l] = call->lines[l].got;
		answer->met = answer->met && call->lines[l].got == call->lines[l].quantity;
		for (int p = call->lines[l].first_part; p < call->lines[l].first_part + call->lines[l].part_count;
			 p++)
		{
			int64_t sum = 0;

			for (int s = 0; s < call->sourcing.source_count; s++)
				sum += answer->taken[p][s];
			if (sum != call->lines[l].got * call->parts[p].per_unit)
				return false;
		}
	}
	return true;
}

static bool
same_gains(const Answer *a, const Answer *b)
{
	return memcmp(a->got, b->got, sizeof(a->got)) == 0 && a->met == b->met && a->units == b->units;
}

/* Locations as a number that is smaller for what is preferred: the preferred one is the highest bit. */
static unsigned
preference(const Call *call, unsigned set)
{
	unsigned result = 0;

	for (int l = 0; l < MAX_LOCATIONS; l++)
	{
		int better = 0;
		int priority = 0;

		if (!(set >> l & 1))
			continue;
		for (int s = 0; s < call->sourcing.source_count; s++)
			if (call->sources[s].location[1] - '0' == l)
				priority = call->sources[s].priority;
		for (int s = 0, seen = 0; s < call->sourcing.source_count; s++)
		{
			int other = call->sources[s].location[1] - '0';

			if (seen >> other & 1)
				continue;
			seen |= 1 << other;
			better +=
				call->sources[s].priority > priority || (call->sources[s].priority == priority && other < l);
		}
		result |= 1u << (MAX_LOCATIONS - better);
	}
	return result;
}

/* The fewest locations, by trying all sets: as much as from everywhere, with no more on backorder. */
static unsigned
slow_fewest(const Call *call)
{
	Answer all = slow_plan(call, ~0u, true);
	unsigned best = all.used;

	for (unsigned set = 0; set < 1u << MAX_LOCATIONS; set++)
	{
		Answer some = slow_plan(call, set, true);
		int size = __builtin_popcount(some.used);

		if (!same_gains(&some, &all) || some.backordered != all.backordered)
			continue;
		if (size < __builtin_popcount(best) ||
			(size == __builtin_popcount(best) && preference(call, some.used) > preference(call, best)))
			best = some.used;
	}
	return best;
}

/* Does the answer equal what the slow planner takes? */
static bool
same_takings(const Answer *a, const Answer *b)
{
	return same_gains(a, b) && memcmp(a->taken, b->taken, sizeof(a->taken)) == 0;
}

/* Does each part come from where most is, and only the rest from elsewhere? Replays the takings in their turns. */
static bool
from_most(const Call *before, const Call *call)
{
	Call replay = *before;

	for (int t = 0; t < call->sourcing.taking_count; t++)
	{
		Taking taking = call->sourcing.takings[t];
		const SourcedPart *part = &replay.parts[taking.part];
		int64_t had = replay.sources[taking.source].available;
		bool last = t + 1 == call->sourcing.taking_count || call->sourcing.takings[t + 1].part != taking.part;

		for (int s = part->first_source; s < part->first_source + part->source_count; s++)
		{
			int64_t has = replay.sources[s].available;

			if (!replay.lines[taking.line].location && replay.sources[s].open && has > 0 &&
				(has > had || (has == had && s < taking.source)))
				return false;
		}
		if (!last && taking.quantity < had)
			return false;
		replay.sources[taking.source].available -= taking.quantity;
	}
	return true;
}

/* What must hold of any call. */
static void
test_random_calls(void)
{
	bool sane = true;
	bool by_priority = true;
	bool by_most = true;
	bool few = true;
	bool unsplit = true;
	bool as_much = true;

	for (int round = 0; round < ROUNDS; round++)
	{
		Call before;
		Call call;
		Answer answer;
		Answer all;
		bool met;

		random_call(&before);
		call = before;
		point(&call);
		all = slow_plan(&before, ~0u, true);
		met = commerce_source(&call.sourcing);
		sane = sane && read_answer(&before, &call, &answer) && met == answer.met;
		switch (call.sourcing.strategy)
		{
			case SOURCE_PRIORITY: by_priority = by_priority && same_takings(&answer, &all); break;
			case SOURCE_MOST_STOCK:
				as_much = as_much && same_gains(&answer, &all);
				by_most = by_most && (answer.backordered > 0 || from_most(&before, &call));
				break;
			case SOURCE_FEWEST_SPLITS:
				as_much = as_much && same_gains(&answer, &all) && answer.backordered == all.backordered;
				few = few && answer.used == slow_fewest(&before);
				break;
			case SOURCE_NO_SPLIT:
			{
				bool possible = false;
				int64_t most = 0;

				unsplit = unsplit && __builtin_popcount(answer.used) <= 1;
				for (int l = 0; l < MAX_LOCATIONS; l++)
				{
					Answer one = slow_plan(&before, 1u << l, true);

					possible = possible || one.met;
					most = one.units > most ? one.units : most;
					/* Nothing on backorder where one location has it all. */
					unsplit = unsplit && !(slow_plan(&before, 1u << l, false).met && answer.backordered > 0);
				}
				unsplit = unsplit && possible == answer.met && (answer.met || most == answer.units);
				break;
			}
		}
		free_all();
	}
	ok(sane, "no unit is taken twice, from nowhere, or from where it must not be");
	ok(by_priority, "priority takes what unit after unit from the preferred location would");
	ok(by_most, "most_stock takes from where most is");
	ok(as_much, "a strategy decides from where, not how much");
	ok(few, "fewest_splits finds the smallest set of locations, the preferred one of several");
	ok(unsplit, "no_split takes from one location, and from one that has all where there is one");
}

int
main(void)
{
	test_random_calls();
	printf("1..%d\n", tests);
	return failures > 0;
}
