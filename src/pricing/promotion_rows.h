/*
 * promotion_rows.h: compiling promotions from their rows; private to the room.
 */
#ifndef COMMERCE_PRICING_PROMOTION_ROWS_H
#define COMMERCE_PRICING_PROMOTION_ROWS_H

#include "pricing/promotions.h"

#include "pricing/promotion_versions.h"

/* Promotions of the shop as they come out of the table, in no order. */
typedef struct ReadPromotions
{
	Promotion *promotions;
	int count;
	bool asks_orders;        /* as in a PromotionSet */
	ItemPointerData *places; /* where the row of each lies, where the table is versioned; NULL elsewhere */
	int rows;                /* drafts counted as well, where the table is versioned */
} ReadPromotions;

/*
 * Read what a snapshot shows of the shop's promotions and compile those that are not drafts: what they say into one memory
 * context, the lists of them into the current one. All of them, or those of some rows of a versioned table. Need an SPI
 * connection.
 */
extern void commerce_read_promotions(Snapshot snapshot, bool versioned, MemoryContext into,
									 ReadPromotions *read);
extern void commerce_read_promotion_rows(Snapshot snapshot, const RowVersions *versions, const int *wanted,
										 int wanted_count, MemoryContext into, ReadPromotions *read);

#endif
