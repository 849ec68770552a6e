/*
 * allocate.h: splitting a sum without losing or making a cent. Pure: no server needed.
 */
#ifndef COMMERCE_MONEY_ALLOCATE_H
#define COMMERCE_MONEY_ALLOCATE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum AllocationPolicy
{
	ALLOCATE_NEAREST,        /* leftover to the largest fraction, ties to the earlier */
	ALLOCATE_FIRST,          /* leftover one unit each from the first non-zero weight on */
	ALLOCATE_LAST,           /* leftover one unit each from the last non-zero weight back */
	ALLOCATE_LARGEST_WEIGHT, /* leftover to the largest weight first, ties to the earlier */
	ALLOCATE_ROUND_THEN_FIX, /* round half up every share, then correct the sum */
} AllocationPolicy;

extern bool commerce_allocation_policy(const char *name, AllocationPolicy *policy);

/*
 * Splits total by weights (none negative; all zero counts as all equal) into shares that sum to total exactly.
 * A negative total mirrors the split of its magnitude. False when weights sum beyond 64 bits. Where count is 0 there
 * is nothing to split into and the total is lost. The total is above INT64_MIN.
 */
extern bool commerce_allocate(int64_t total, const int64_t *weights, int count, AllocationPolicy policy,
							  int64_t *shares);

/*
 * The same with a cap per share (same sign as total, by magnitude): what a capped share cannot take is redistributed
 * over the others by their weights; a weight of zero takes nothing, unless all are zero. Returns what no share could
 * take, with the sign of total.
 */
extern int64_t commerce_allocate_capped(int64_t total, const int64_t *weights, const int64_t *caps, int count,
										AllocationPolicy policy, int64_t *shares);

#endif
