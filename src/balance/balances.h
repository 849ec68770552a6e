/*
 * balances.h: gift cards and store credit as the escrow engine counts them: what is left on each. Private to the room.
 */
#ifndef COMMERCE_BALANCE_BALANCES_H
#define COMMERCE_BALANCE_BALANCES_H

#include "base/pg.h"

#include "escrow/escrow.h"

extern const EscrowSpace commerce_balances_space;

/* Opens the counter of a balance; NULL: lock its row. */
extern Counter *commerce_balance_counter(const pg_uuid_t *balance);

/* What the tables say about a counter's name: committed by now, without what this transaction did. */
extern int64 commerce_balance_committed(const char *name, int length);

/* Locks the row of a balance. Needs SPI. */
extern void commerce_lock_balance(const pg_uuid_t *balance);

/* Adds up, with a snapshot of this moment, what is left by the tables, own entries included. Needs SPI. */
extern int64 commerce_balance_summed(const pg_uuid_t *balance);

#endif
