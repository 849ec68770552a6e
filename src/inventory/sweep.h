/*
 * sweep.h: ending holds whose time is over.
 */
#ifndef COMMERCE_INVENTORY_SWEEP_H
#define COMMERCE_INVENTORY_SWEEP_H

#include "base/pg.h"

/* Lets overdue holds of the skus (a text[]) expire, other than those somebody has a hand on; returns how many. Needs SPI. */
extern uint64 commerce_expire_overdue_of(Datum skus);

/* Registers the chore that ends overdue holds; called once, from _PG_init. */
extern void commerce_sweep_init(void);

/* Marks overdue holds as expired, at most so many, and returns how many. Needs an SPI connection. */
extern uint64 commerce_expire_overdue(int64 batch);

#endif
