/*
 * deliveries.h: events on their way to endpoints.
 */
#ifndef COMMERCE_OUTBOX_DELIVERIES_H
#define COMMERCE_OUTBOX_DELIVERIES_H

/* Registers deliveries as something to be sent; called once, from _PG_init. */
extern void commerce_deliveries_init(void);

#endif
