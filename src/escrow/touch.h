/*
 * touch.h: how a transaction comes to a counter. Pure.
 */
#ifndef COMMERCE_ESCROW_TOUCH_H
#define COMMERCE_ESCROW_TOUCH_H

#include "escrow/ledger.h"

typedef enum Touch
{
	TOUCH_COUNTER, /* account is set: spend and give by it */
	TOUCH_GATE,    /* no counter: work under a lock on the row */
	TOUCH_WAIT,    /* somebody loads it: wait until that is over, then touch again */
	TOUCH_CLAIM,   /* touch again with the exclusive lock */
	TOUCH_LOAD,    /* counter is set, and claimed: read the tables now, then call commerce_touch_loaded() */
} Touch;

typedef struct Touched
{
	Account *account;
	Counter *counter;
} Touched;

/* Lock: that of the key's partition, shared or exclusive. Wants commerce_ledger_make_room() before. */
extern Touch commerce_touch(Ledger *ledger, const CounterKey *key, bool exclusive, Touched *touched);

/* Publishes a loaded counter and opens its account. Lock: none; those who wait are to be woken after it. */
extern Account *commerce_touch_loaded(Ledger *ledger, Counter *counter, const CounterLevel *level);

#endif
