/*
 * stockroom.h: what there is of some skus, and who may have it.
 */
#ifndef COMMERCE_INVENTORY_STOCKROOM_H
#define COMMERCE_INVENTORY_STOCKROOM_H

#include "base/pg.h"

#include "escrow/escrow.h"
#include "inventory/sourcing.h"
#include "inventory/stock.h"

/* Everything known of the skus in question, sorted by sku, preferred location first. */
typedef struct Stockroom
{
	Source *sources;
	Counter **counters; /* of each source; NULL: its row is to be locked */
	int count;
	bool unlocked; /* there are such rows, and they were not locked: good for a look, not for a promise */
} Stockroom;

/* Reads the stock of the skus (a text[]), locking rows that have no counter unless lock is false. Needs SPI. */
extern void commerce_stockroom_read(Stockroom *room, Datum skus, bool lock);

/* Reads it from the tables, locking nothing, as if the holder, if there is one, held nothing. Needs SPI. */
extern void commerce_stockroom_look(Stockroom *room, Datum skus, const char *holder);

/* Reads the stock of a sku by counters and from memory alone; false where that does not do. Needs no SPI. */
extern bool commerce_stockroom_recall(Stockroom *room, const char *sku);

/* How much of a source others have taken and not committed. */
extern int64 commerce_stockroom_contended(const Stockroom *room, const Source *source);

/* Finds the sources of one sku; returns how many. */
extern int commerce_stockroom_sources(const Stockroom *room, const char *sku, Source **first);

#endif
