/*
 * event.h: the event under way, handed from whoever fires it to the trigger that judges it.
 */
#ifndef COMMERCE_ORDER_EVENT_H
#define COMMERCE_ORDER_EVENT_H

#include "base/pg.h"

typedef struct PendingEvent
{
	const char *machine;
	const char *subject; /* primary key as text */
	const char *event;
	const Jsonb *detail; /* may be NULL */
} PendingEvent;

/* Set only while order_event() and its like send their UPDATE; NULL for an UPDATE that anyone else sends. */
extern const PendingEvent *commerce_pending_event;

#endif
