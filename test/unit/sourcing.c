// sources: src/inventory/sourcing.c src/inventory/splits.c
/*
 * sourcing.c: from which locations goods come: cases worth reading, extreme numbers, many locations.
 */
#include "sourcing_test.h"

/* Plans a call and says how much of each part comes from each location: "line.part location quantity; …". */
static const char *
plan(Call *call, SourcingStrategy strategy, SourcingMode mode)
{
	static char text[400];
	int length = 0;

	call->sourcing.strategy = strategy;
	call->sourcing.mode = mode;
	point(call);
	text[0] = '\0';
	(void) commerce_source(&call->sourcing);
	for (int t = 0; t < call->sourcing.taking_count; t++)
	{
		Taking taking = call->sourcing.takings[t];

		length += snprintf(text + length, sizeof(text) - length, "%s%d %s %" PRId64, t == 0 ? "" : "; ",
						   taking.line, call->sources[taking.source].location, taking.quantity);
	}
	for (int l = 0; l < call->sourcing.line_count; l++)
		if (call->lines[l].got < call->lines[l].quantity)
			length += snprintf(text + length, sizeof(text) - length, " short %d by %" PRId64, l,
							   call->lines[l].quantity - call->lines[l].got);
	free_all();
	return text;
}

/* Two locations, four and three of one sku. */
static Call
four_and_three(int64_t quantity)
{
	Call call;

	memset(&call, 0, sizeof(call));
	add_source(&call, "a", "l0", 0, 3, 0);
	add_source(&call, "a", "l1", 0, 4, 0);
	if (quantity > 0)
		add_line(&call, NULL, quantity, "a", 1, NULL, 0);
	return call;
}

/* Cases worth reading. */
static void
test_known(void)
{
	Call call = four_and_three(5);

	ok(strcmp(plan(&call, SOURCE_MOST_STOCK, SOURCE_CLAMP), "0 l1 4; 0 l0 1") == 0, "5 of 4 and 3: 4 + 1");
	call = four_and_three(5);
	ok(strcmp(plan(&call, SOURCE_PRIORITY, SOURCE_CLAMP), "0 l0 3; 0 l1 2") == 0, "ties go by code");
	call = four_and_three(5);
	call.sources[1].priority = 1;
	qsort(call.sources, 2, sizeof(Source), compare_sources);
	ok(strcmp(plan(&call, SOURCE_PRIORITY, SOURCE_CLAMP), "0 l1 4; 0 l0 1") == 0,
	   "the highest number is the highest priority");
	call = four_and_three(4);
	ok(strcmp(plan(&call, SOURCE_FEWEST_SPLITS, SOURCE_CLAMP), "0 l1 4") == 0,
	   "one parcel where one is enough");
	call = four_and_three(5);
	ok(strcmp(plan(&call, SOURCE_NO_SPLIT, SOURCE_CLAMP), "0 l1 4 short 0 by 1") == 0,
	   "no_split, clamped: the location that has most");
	call = four_and_three(5);
	ok(strcmp(plan(&call, SOURCE_NO_SPLIT, SOURCE_PARTIAL), " short 0 by 5") == 0,
	   "no_split, all or nothing");
	call = four_and_three(0);
	add_line(&call, NULL, 4, "a", 1, NULL, 0);
	add_line(&call, NULL, 4, "a", 1, NULL, 0);
	ok(strcmp(plan(&call, SOURCE_PRIORITY, SOURCE_PARTIAL), "0 l0 3; 0 l1 1 short 1 by 4") == 0,
	   "two lines of one sku are not sold the same units");
	call = four_and_three(0);
	add_line(&call, NULL, 3, "a", 1, NULL, 0);
	add_line(&call, "l0", 3, "a", 1, NULL, 0);
	ok(strcmp(plan(&call, SOURCE_PRIORITY, SOURCE_PARTIAL), "1 l0 3; 0 l1 3") == 0,
	   "who names a location goes first");
	call = four_and_three(5);
	call.sources[0].backorder_limit = NO_LIMIT;
	ok(strcmp(plan(&call, SOURCE_NO_SPLIT, SOURCE_CLAMP), "0 l0 5") == 0, "no_split, on backorder");
	call = four_and_three(4);
	call.sources[0].backorder_limit = NO_LIMIT;
	ok(strcmp(plan(&call, SOURCE_NO_SPLIT, SOURCE_CLAMP), "0 l1 4") == 0, "stock before backorder");
	call = four_and_three(0);
	add_source(&call, "b", "l0", 0, 9, 0);
	add_line(&call, NULL, 3, "a", 2, "b", 1);
	ok(strcmp(plan(&call, SOURCE_PRIORITY, SOURCE_CLAMP), "0 l0 3; 0 l1 3; 0 l0 3") == 0,
	   "a kit's parts may come from several locations");
	call = four_and_three(0);
	add_source(&call, "b", "l0", 0, 9, 0);
	add_line(&call, NULL, 2, "a", 2, "b", 1);
	call.sourcing.whole = true;
	ok(strcmp(plan(&call, SOURCE_PRIORITY, SOURCE_CLAMP), " short 0 by 2") == 0 &&
		   call.parts[0].available == 3 && call.parts[1].available == 9,
	   "whole: the location that has most of the kit tells what it has");
}

/* Numbers at the ends of their range stay there. */
static void
test_extremes(void)
{
	Call call;

	memset(&call, 0, sizeof(call));
	add_source(&call, "a", "l0", 0, INT64_MIN + 5, NO_LIMIT);
	add_source(&call, "a", "l1", 0, INT64_MAX, INT64_MAX - 1);
	add_line(&call, "l0", 9, "a", 1, NULL, 0);
	add_line(&call, NULL, INT64_MAX, "a", 1, NULL, 0);
	ok(strcmp(plan(&call, SOURCE_PRIORITY, SOURCE_CLAMP), "0 l0 5; 1 l1 9223372036854775807 short 0 by 4") ==
		   0,
	   "counts never leave 64 bits");
	for (int strategy = 0; strategy < 4; strategy++)
	{
		memset(&call, 0, sizeof(call));
		ok(strcmp(plan(&call, (SourcingStrategy) strategy, SOURCE_CLAMP), "") == 0, "nothing needs nothing");
		add_line(&call, NULL, 1, "a", 1, NULL, 0);
		ok(strcmp(plan(&call, (SourcingStrategy) strategy, SOURCE_CLAMP), " short 0 by 1") == 0,
		   "what is nowhere is short");
	}
}

/* Many locations: too many to try every set, and the answer is still one from which none can be left out. */
static void
test_many_locations(void)
{
	enum
	{
		LOCATIONS = 200,
		SKUS = 40
	};
	static char names[LOCATIONS][16];
	static char skus[SKUS][16];
	Source *sources = calloc(LOCATIONS * SKUS, sizeof(Source));
	SourcedPart *parts = calloc(SKUS, sizeof(SourcedPart));
	SourcedLine *lines = calloc(SKUS, sizeof(SourcedLine));
	bool used[LOCATIONS] = {false};
	int count = 0;
	Sourcing sourcing = {.sources = sources,
						 .source_count = LOCATIONS * SKUS,
						 .parts = parts,
						 .lines = lines,
						 .line_count = SKUS,
						 .strategy = SOURCE_FEWEST_SPLITS,
						 .memory = {allocate, NULL}};

	for (int l = 0; l < LOCATIONS; l++)
		snprintf(names[l], sizeof(names[l]), "l%03d", l);
	for (int s = 0; s < SKUS; s++)
	{
		snprintf(skus[s], sizeof(skus[s]), "s%03d", s);
		for (int l = 0; l < LOCATIONS; l++)
			sources[s * LOCATIONS + l] =
				(Source){skus[s], names[l], 0, random_below(4) == 0 ? random_below(5) : 0, 0, true};
		parts[s] = (SourcedPart){.first_source = s * LOCATIONS, .source_count = LOCATIONS, .per_unit = 1};
		lines[s] = (SourcedLine){.quantity = 3, .first_part = s, .part_count = 1};
	}
	ok(commerce_source(&sourcing), "200 locations: everything is found");
	for (int t = 0; t < sourcing.taking_count; t++)
		used[atoi(sources[sourcing.takings[t].source].location + 1)] = true;
	for (int l = 0; l < LOCATIONS; l++)
		count += used[l];
	ok(count <= 20, "200 locations: few of them are enough");
	printf("# %d locations for %d skus\n", count, SKUS);
	free_all();
	free(sources);
	free(parts);
	free(lines);
}

int
main(void)
{
	SourcingStrategy strategy;

	test_known();
	test_extremes();
	test_many_locations();
	ok(commerce_sourcing_strategy("most_stock", &strategy) && strategy == SOURCE_MOST_STOCK &&
		   commerce_sourcing_strategy("no_split", &strategy) && strategy == SOURCE_NO_SPLIT &&
		   !commerce_sourcing_strategy("nearest", &strategy) && !commerce_sourcing_strategy("", &strategy),
	   "strategies have names");
	printf("1..%d\n", tests);
	return failures > 0;
}
