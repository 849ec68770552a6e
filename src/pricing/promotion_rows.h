/*
 * promotion_rows.h: compiling promotions from their rows; private to the room.
 */
#ifndef COMMERCE_PRICING_PROMOTION_ROWS_H
#define COMMERCE_PRICING_PROMOTION_ROWS_H

#include "pricing/promotions.h"

/*
 * Reads, as committed by now, and compiles all promotions of the shop that are not drafts into a memory context; fills in
 * what the set can say without an order. Needs an SPI connection.
 */
extern Promotion *commerce_read_promotions(MemoryContext into, PromotionSet *set);

#endif
