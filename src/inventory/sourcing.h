/*
 * sourcing.h: from which locations what is needed comes. Pure: decides on numbers, touches nothing.
 */
#ifndef COMMERCE_INVENTORY_SOURCING_H
#define COMMERCE_INVENTORY_SOURCING_H

#include <stdbool.h>
#include <stdint.h>

/* What one location can give of one sku. */
typedef struct Source
{
	const char *sku;
	const char *location;
	int32_t priority;
	int64_t available;       /* on hand, less safety stock, less active reservations; may be negative */
	int64_t backorder_limit; /* may be sold beyond; NO_LIMIT for any number */
	bool open;               /* takes part when the caller names no location */
} Source;

#define NO_LIMIT INT64_MAX

typedef enum SourcingStrategy
{
	SOURCE_PRIORITY,      /* the location of highest priority first */
	SOURCE_MOST_STOCK,    /* each need from the location that has most of it */
	SOURCE_FEWEST_SPLITS, /* all lines together from as few locations as possible */
	SOURCE_NO_SPLIT,      /* all lines together from one location */
} SourcingStrategy;

typedef enum SourcingMode
{
	SOURCE_CLAMP, /* each line gets as much as there is; also to tell what is missing where it must be all */
	SOURCE_PARTIAL, /* each line gets all it asks for or nothing */
} SourcingMode;

/* One sku that a line needs: its own, or a part of the kit that it is. */
typedef struct SourcedPart
{
	int first_source; /* where the sources of its sku begin, and how many they are */
	int source_count;
	int64_t per_unit;  /* units of it in one unit of the line */
	int64_t available; /* out: how many it could have had when its line's turn came */
} SourcedPart;

/* One line: so many units of one thing. The parts of a line are of different skus. */
typedef struct SourcedLine
{
	const char *location; /* NULL lets the strategy choose */
	int64_t quantity;     /* quantity x per_unit of each part must fit into 64 bits */
	int first_part;
	int part_count;
	int64_t got; /* out: units of the line that were met */
} SourcedLine;

/* How much of a part is taken from a source. */
typedef struct Taking
{
	int line;
	int part;
	int source;
	int64_t quantity;
} Taking;

/* Where the planner's memory comes from; it is never given back. */
typedef struct SourcingMemory
{
	void *(*allocate)(void *context, unsigned long size);
	void *context;
} SourcingMemory;

/* A call for goods, and how it is met. */
typedef struct Sourcing
{
	Source
		*sources; /* those of one sku stand together, preferred location first: higher priority, then code */
	int source_count;
	SourcedPart *parts;
	SourcedLine *lines;
	int line_count;
	SourcingStrategy strategy;
	SourcingMode mode;
	bool whole; /* each line from one location, its kit's parts together; for strategy priority */
	SourcingMemory memory;

	Taking *takings; /* out: by line and part where the strategy allows, never two of one part and source */
	int taking_count;
	int taking_room;
} Sourcing;

/*
 * Decides what comes from where, and returns whether all lines are met in full. Reduces the sources by what it takes.
 * Every strategy takes what is there before it takes backorder. Lines that name a location are met first, so that
 * those that leave the choice do not take what others have no choice about.
 */
extern bool commerce_source(Sourcing *sourcing);

/* How many units a source can give, with backorder or of what is there. */
extern int64_t commerce_source_can_give(const Source *source, bool with_backorder);

/* Finds a strategy by name; returns false for an unknown one. */
extern bool commerce_sourcing_strategy(const char *name, SourcingStrategy *strategy);

#endif
