/*
 * event.h: the event under way, handed from whoever fires it to the trigger that judges it.
 *
 * The event names the very row by where it lies: whoever fires it has locked the row, so it lies there until the UPDATE
 * that follows.
 */
#ifndef COMMERCE_ORDER_EVENT_H
#define COMMERCE_ORDER_EVENT_H

#include "base/pg.h"

typedef struct PendingEvent
{
	const char *machine;
	Oid table; /* that the row lies in; of a partitioned table, the partition */
	ItemPointerData row;
	AttrNumber
		attribute; /* of the state in the table that is asked to change; 0: whichever has the machine */
	const char *event;
	const Jsonb *detail; /* may be NULL */
	bool judged;         /* set by the trigger */
} PendingEvent;

/* Set only while order_event() and its like send their UPDATE; NULL for an UPDATE that anyone else sends. */
extern PendingEvent *commerce_pending_event;

/* Raises where the UPDATE that was to make the event found no row, or no trigger judged it. */
extern void commerce_require_judged(uint64 updated, const PendingEvent *event);

#endif
