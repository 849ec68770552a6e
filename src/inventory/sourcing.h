/*
 * sourcing.h: from which location a need is met. Pure: decides on numbers, touches nothing.
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

/* How much is taken from the source at this index. */
typedef struct Taking
{
	int source;
	int64_t quantity;
} Taking;

/*
 * Meets a demand from the sources of its sku, in their order (preferred first), taking from available stock before
 * backorder; with whole, from one source only. Reduces the sources by what it takes, writes at most count takings and
 * what is lacking to missing, and returns the number of takings.
 */
extern int commerce_source(int64_t quantity, const char *location, bool whole, Source *sources, int count,
						   Taking *takings, int64_t *missing);

/* How many units a source can give, with backorder or of what is there. */
extern int64_t commerce_source_can_give(const Source *source, bool with_backorder);

#endif
