/*
 * holds.h: what all functions on holds share.
 */
#ifndef COMMERCE_INVENTORY_HOLDS_H
#define COMMERCE_INVENTORY_HOLDS_H

#include "base/pg.h"

/* Returns when a hold taken now ends: after the interval given as argument n, or after commerce.reservation_ttl. */
extern TimestampTz commerce_expiry(FunctionCallInfo fcinfo, int n);

/* Whether a row is held and, where $2 names a holder, held for him. */
#define HELD_FOR_CALLER "state = 'held' AND ($2 IS NULL OR holder = $2)"

/*
 * Raises why nothing could be changed of the reservation that is argument 0, for the holder that is argument "holder" or
 * for whoever it is where that is NULL: CM003 unknown, another's or finished, CM004 over, 40001 too new. Needs SPI.
 */
pg_noreturn extern void commerce_refuse_reservation(FunctionCallInfo fcinfo, int holder);

#endif
