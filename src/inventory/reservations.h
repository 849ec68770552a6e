/*
 * reservations.h: the rows that promises are.
 */
#ifndef COMMERCE_INVENTORY_RESERVATIONS_H
#define COMMERCE_INVENTORY_RESERVATIONS_H

#include "base/pg.h"

#include "inventory/stock.h"

/* Lets nobody else replace or release what the holder holds before this transaction ends. Comes before any stock's lock. */
extern void commerce_lock_holder(const char *holder);

/* Releases what the holder holds of the skus (a text[]), or all of it. Needs SPI. */
extern void commerce_release_holds(const char *holder, Datum skus, bool all);

/* Begins to watch the table; called once, from _PG_init. */
extern void commerce_reservations_init(void);

/*
 * Writes promises without a statement, held, or committed where the claim names an order; returns how many of them, from
 * the first. The rest is for commerce_write_promises().
 */
extern int commerce_write_directly(const StockPromise *promises, int count, const StockNeed *needs,
								   const StockClaim *claim);

/* Writes the promises, the first of which are written already, in one statement. Needs SPI. */
extern void commerce_write_promises(const StockPromise *promises, int written, int count,
									const StockNeed *needs, const StockClaim *claim);

#endif
