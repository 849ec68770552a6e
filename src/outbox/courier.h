/*
 * courier.h: from what is to be sent to how it went, in rounds.
 *
 * A round is one short transaction: what has been heard since the last is written down, and what comes next is taken. What
 * it took is sent when it has committed, and no transaction is open until the next round. Where things to send come from
 * is a source's affair: deliveries of events are one (deliveries.c), calls to providers another (order/provider_calls.c).
 *
 * Answers come one by one, and a round for each would be the dearest way to hear them. So between two rounds there is as
 * much time as the last one took, if something is under way: a sender with much to do finds many answers each time, and one
 * with little waits for a millisecond.
 *
 * What a source has to write down may concern a row that somebody has locked. Then it does that in rounds of their own, one
 * thing in each, and nothing else waits for more than that.
 */
#ifndef COMMERCE_OUTBOX_COURIER_H
#define COMMERCE_OUTBOX_COURIER_H

#include "base/pg.h"

#include "outbox/http.h"

/* What a round is to do. */
typedef struct Round
{
	bool claim; /* take what can be sent, at most room requests; otherwise only write down */
	bool look;  /* there may be something new */
	int room;

	TimestampTz
		next; /* what it finds out: when there is something to do though nothing is heard; now at the earliest */
	bool moot; /* there is nobody to send anything to */
	bool
		settled; /* one thing was written down, or tried to be, and nothing else done: another round is wanted */
	bool unsettled; /* something that was heard is to be written down yet, and could not be */
	bool durable;   /* what it did has to outlive a crash before anything is sent */
} Round;

typedef struct SendSource
{
	/*
	 * NULL, or writes down one thing that was heard, in a round of its own; false where nothing is to be written so. Where
	 * it could not, it keeps it for later.
	 */
	bool (*settle)(Round *round);
	/* Does a round, as the shop's owner, connected to SPI, in READ COMMITTED; gives what it takes to commerce_send(). */
	void (*round)(Round *round);
	/* Hears that a request is over, or, where it was given up, that it may not have been sent; outside of transactions. */
	void (*over)(HttpRequest *request, bool given_up);
	/* Forgets everything, after an error: what it has leased it will not hear of again. */
	void (*forget)(void);
} SendSource;

/* Adds a source; called once, from _PG_init. */
extern void commerce_register_source(const SendSource *source);

/* For a source: sends a request when this round has committed. */
extern void commerce_send(HttpRequest *request);

/* Does a round in the transaction there is; then, after its commit, begins to send what it took. */
extern void commerce_courier_round(Round *round);
extern void commerce_courier_start(void);

/* Returns when the next round may be, at the earliest; what is past where nothing is under way. */
extern TimestampTz commerce_courier_rests_until(void);

/* Before that commit: has it wait for the disk where what was done is to outlive a crash, and not where it need not. */
extern void commerce_courier_committing(const Round *round);

/* Hands what is over to its source; returns whether there is something to write down. */
extern bool commerce_courier_collect(void);

/* Gives up all that is under way. */
extern void commerce_courier_give_up(void);

/* Forgets everything, after an error. */
extern void commerce_courier_forget(void);

#endif
