/*
 * holds.h: what all functions on holds share.
 */
#ifndef COMMERCE_INVENTORY_HOLDS_H
#define COMMERCE_INVENTORY_HOLDS_H

#include "base/pg.h"

/* Returns when a hold taken now ends: after the interval given as argument n, or after commerce.reservation_ttl. */
extern TimestampTz commerce_expiry(FunctionCallInfo fcinfo, int n);

/* Returns the state of a reservation, as committed by now, or NULL for none. Needs SPI. */
extern char *commerce_reservation_state(const pg_uuid_t *id);

/* Raises CM003 for a reservation that is not there (state NULL) or not held any more, CM004 for one that is over. */
pg_noreturn extern void commerce_refuse_reservation(const pg_uuid_t *id, const char *state);

#endif
