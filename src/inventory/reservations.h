/*
 * reservations.h: the rows that promises are.
 */
#ifndef COMMERCE_INVENTORY_RESERVATIONS_H
#define COMMERCE_INVENTORY_RESERVATIONS_H

#include "base/pg.h"

#include "escrow/escrow.h"
#include "inventory/sourcing.h"
#include "inventory/stock.h"

/* Reservations to be written. */
typedef struct Promises
{
	Datum *ids;
	Datum *skus;
	Datum *locations;
	Datum *quantities;
	Datum *lines;
	Counter **counters; /* what each was taken from; NULL: from a locked row */
	int count;
	int room;
} Promises;

extern Promises commerce_new_promises(int room);
extern void commerce_add_promise(Promises *promises, const Source *source, Counter *counter, int64 quantity,
								 int line);

/* Releases what the holder holds of the skus (a text[]). Needs SPI. */
extern void commerce_release_holds(const char *holder, Datum skus);

extern void commerce_reservations_init(void);

/*
 * Writes reservations without a statement, held, or committed where the claim names an order; returns how many of them,
 * from the first. The rest is for commerce_write_promises().
 */
extern int commerce_write_directly(const Promises *promises, const StockClaim *claim);

/* Writes the reservations, the first of which are written already, in one statement. Needs SPI. */
extern void commerce_write_promises(const Promises *promises, int written, const StockClaim *claim);

#endif
