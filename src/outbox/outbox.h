/*
 * outbox.h: telling the outside world, by a row in the same transaction.
 */
#ifndef COMMERCE_OUTBOX_OUTBOX_H
#define COMMERCE_OUTBOX_OUTBOX_H

#include "base/pg.h"

/* Begins to watch the table; called once, from _PG_init. */
extern void commerce_outbox_init(void);

/* Writes an event about an aggregate; it is seen when, and only if, this transaction commits. Needs SPI. */
extern void commerce_emit(const char *topic, const char *aggregate, const Jsonb *payload);

#endif
