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

/* Writes the promises in one statement: held, or committed where the claim names an order. Needs SPI. */
extern void commerce_write_promises(const StockPromise *promises, int count, const StockNeed *needs,
									const StockClaim *claim);

#endif
