/*
 * provider_rest.h: how much of the sender's time a provider's adapter may take.
 */
#ifndef COMMERCE_ORDER_PROVIDER_REST_H
#define COMMERCE_ORDER_PROVIDER_REST_H

#include "base/pg.h"

/* Returns when the adapter of a provider may run again; what is past where it may. */
extern TimestampTz commerce_provider_rests_until(const pg_uuid_t *provider);

/*
 * Notes from when to now its adapter ran, and whether it had to be ended; returns whether that had to be done for the
 * first time since it came to an end by itself.
 */
extern bool commerce_provider_ran(const pg_uuid_t *provider, TimestampTz since, bool ended);

/* Forgets all providers. */
extern void commerce_provider_rests_forget(void);

#endif
