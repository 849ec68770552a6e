/*
 * provider_call.h: a call in hand, and what is done with it; for provider_calls.c alone.
 */
#ifndef COMMERCE_ORDER_PROVIDER_CALL_H
#define COMMERCE_ORDER_PROVIDER_CALL_H

#include "base/pg.h"

#include "order/provider_request.h"
#include "outbox/http.h"

/* In microseconds: the longest request, and what it may take to book its outcome; with less left, it begins anew. */
#define LEASE (INT64CONST(30) * USECS_PER_SEC)
#define LEASE_LEFT (INT64CONST(20) * USECS_PER_SEC)

/* What is said of one that took longer. */
#define TOOK_TOO_LONG "its adapter took longer than 2 seconds"

/* A call in hand: leased, and sent, or about to be; then heard of. */
typedef struct Call
{
	HttpRequest request; /* first, so that one is the other */
	MemoryContext memory;
	pg_uuid_t order;
	pg_uuid_t id;
	pg_uuid_t token;
	const char *what; /* in words, for the log */
	ProviderRequest written;
	bool unasked; /* its adapter is to build the question yet */
	bool heard;
	const char *trouble;     /* why there is no answer; NULL: there is one */
	bool locked;             /* what it is to be booked to was locked by somebody */
	int patience;            /* how long it waits for locks, in milliseconds */
	TimestampTz again;       /* when booking is tried; DT_NOEND: it is given up */
	TimestampTz lease_until; /* at least */
} Call;

/*
 * Does something with a call in a subtransaction, to a limit of time and with little patience for locks, so that an error undoes that alone; returns the error,
 * NULL for none. Of what took too long it is 57014; a query that somebody cancels ends the process all the same.
 */
extern ErrorData *commerce_attempt_call(void (*work)(Call *call), Call *call);

/* Does that with something in which functions of the call's adapter run, which may have to rest then. */
extern ErrorData *commerce_attempt_adapter(void (*work)(Call *call), Call *call);

/* Says in the log what keeps a call from going on. */
extern void commerce_tell_of_call(const Call *call, int code, const char *why);

/* Returns whether an error says that somebody else was first, and that it will go another time. */
extern bool commerce_is_in_the_way(int code);

/* Books what came of a call, where its order can be had soon. */
extern void commerce_book_call(Call *call);

/* Has the lease of a call go on for as long as it waits; where somebody else has it, again is DT_NOEND after. */
extern void commerce_prolong_call(Call *call);

#endif
