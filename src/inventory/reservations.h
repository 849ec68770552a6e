/*
 * reservations.h: the rows that promises are.
 */
#ifndef COMMERCE_INVENTORY_RESERVATIONS_H
#define COMMERCE_INVENTORY_RESERVATIONS_H

#include "base/pg.h"

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
	int count;
	int room;
} Promises;

extern Promises commerce_new_promises(int room);
extern void commerce_add_promise(Promises *promises, const Source *source, int64 quantity, int line);

/* Releases what the holder holds of the skus (a text[]). Needs SPI. */
extern void commerce_release_holds(const char *holder, Datum skus);

/* Lets overdue holds of the skus (a text[]) expire, other than those somebody has a hand on; returns how many. Needs SPI. */
extern uint64 commerce_expire_overdue(Datum skus);

/* Writes the reservations in one statement: held, or committed where the claim names an order. Needs SPI. */
extern void commerce_write_promises(const Promises *promises, const StockClaim *claim);

#endif
