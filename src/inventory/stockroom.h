/*
 * stockroom.h: what there is of some skus, and who may have it.
 */
#ifndef COMMERCE_INVENTORY_STOCKROOM_H
#define COMMERCE_INVENTORY_STOCKROOM_H

#include "base/pg.h"

#include "inventory/sourcing.h"
#include "inventory/stock.h"

/* Everything known of the skus in question, sorted by sku, preferred location first. */
typedef struct Stockroom
{
	Source *sources;
	int count;
} Stockroom;

/* Reads the stock of the skus (a text[]) for a claim, whose holder's holds may give way. Needs SPI. */
extern void commerce_stockroom_read(Stockroom *room, Datum skus, const StockClaim *claim);

/* Reads the same without a lock: what it says may be over by the time it is read. */
extern void commerce_stockroom_look(Stockroom *room, Datum skus, const StockClaim *claim);

/* Finds the sources of one sku; returns how many. */
extern int commerce_stockroom_sources(Stockroom *room, const char *sku, Source **first);

#endif
