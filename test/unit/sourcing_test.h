/*
 * sourcing_test.h: calls for goods, made by hand in the tests of sourcing.
 */
#ifndef SOURCING_TEST_H
#define SOURCING_TEST_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/sourcing.h"

#define MAX_SKUS 3
#define MAX_LOCATIONS 5
#define MAX_SOURCES (MAX_SKUS * MAX_LOCATIONS)
#define MAX_LINES 4
#define MAX_PARTS (MAX_LINES * 2)

static int tests = 0;
static int failures = 0;
static uint64_t seed = 20260301;
static void *blocks[4096];
static int block_count = 0;

/* Reports one test. */
static void
ok(bool holds, const char *what)
{
	printf("%s %d - %s\n", holds ? "ok" : "not ok", ++tests, what);
	failures += !holds;
}

/* Returns the next number of a fixed sequence, below a bound. */
static int
random_below(int bound)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (int) ((seed >> 11) % (uint64_t) bound);
}

/* Allocates for the planner; everything is freed after a round. */
static void *
allocate(void *context, unsigned long size)
{
	(void) context;
	return blocks[block_count++] = malloc(size);
}

static void
free_all(void)
{
	while (block_count > 0)
		free(blocks[--block_count]);
}

/* A call with everything it points to. */
typedef struct Call
{
	Source sources[MAX_SOURCES];
	SourcedPart parts[MAX_PARTS];
	SourcedLine lines[MAX_LINES];
	Sourcing sourcing;
} Call;

static void
point(Call *call)
{
	call->sourcing.sources = call->sources;
	call->sourcing.parts = call->parts;
	call->sourcing.lines = call->lines;
	call->sourcing.memory = (SourcingMemory){allocate, NULL};
	call->sourcing.takings = NULL;
	call->sourcing.taking_room = 0;
}

static int
compare_sources(const void *a, const void *b)
{
	const Source *left = a;
	const Source *right = b;
	int by_sku = strcmp(left->sku, right->sku);

	if (by_sku != 0)
		return by_sku;
	if (left->priority != right->priority)
		return left->priority > right->priority ? -1 : 1;
	return strcmp(left->location, right->location);
}

/* Adds what the sku at this location has. */
static void
add_source(Call *call, const char *sku, const char *location, int priority, int64_t available, int64_t limit)
{
	call->sources[call->sourcing.source_count++] = (Source){sku, location, priority, available, limit, true};
	qsort(call->sources, call->sourcing.source_count, sizeof(Source), compare_sources);
}

/* Adds a line of up to two parts; a part of no units is none. */
static void
add_line(Call *call, const char *location, int64_t quantity, const char *sku, int64_t per_unit,
		 const char *other, int64_t other_per_unit)
{
	Sourcing *sourcing = &call->sourcing;
	int first = sourcing->line_count == 0 ? 0
										  : call->lines[sourcing->line_count - 1].first_part +
												call->lines[sourcing->line_count - 1].part_count;
	SourcedLine line = {.location = location, .quantity = quantity, .first_part = first};

	for (int i = 0; i < 2; i++)
	{
		SourcedPart part = {.per_unit = i == 0 ? per_unit : other_per_unit};
		const char *name = i == 0 ? sku : other;

		if (part.per_unit == 0)
			continue;
		for (int s = sourcing->source_count - 1; s >= 0; s--)
			if (strcmp(call->sources[s].sku, name) == 0)
			{
				part.first_source = s;
				part.source_count++;
			}
		call->parts[first + line.part_count++] = part;
	}
	call->lines[sourcing->line_count++] = line;
}

#endif
