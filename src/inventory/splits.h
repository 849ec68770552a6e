/*
 * splits.h: which locations are the fewest that together have everything. Pure.
 */
#ifndef COMMERCE_INVENTORY_SPLITS_H
#define COMMERCE_INVENTORY_SPLITS_H

#include "inventory/sourcing.h"

/* What is needed of one sku, from any of the chosen locations together. */
typedef struct Demand
{
	int first_source;
	int source_count;
	int64_t quantity;
	int64_t of_stock; /* so much of it is to be there already, not on backorder */
} Demand;

typedef struct Splitting
{
	const Source *sources;
	const int *ranks; /* the place of each source's location in the order of preference */
	int location_count;
	Demand *demands; /* those hard to meet move to the front */
	int demand_count;
	bool *chosen;  /* by rank; what is chosen already stays so */
	bool *useful;  /* by rank; room for the search */
	int64_t *gain; /* by rank; room for the search */
	int *pick;     /* by rank; room for the search */
} Splitting;

/* Chooses the fewest locations; all of them together must have everything. */
extern void commerce_fewest_locations(Splitting *splitting);

#endif
