/*
 * courier.c: rounds.
 */
#include "outbox/courier.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/guc.h"
#pragma GCC diagnostic pop

#define MAX_SOURCES 4

/* So long rounds for one thing alone follow on each other, in microseconds; then there is one for everything else. */
#define SETTLING (INT64CONST(50) * 1000)

/* The longest rest between two rounds. */
#define LONGEST_REST (INT64CONST(50) * 1000)

static const SendSource *sources[MAX_SOURCES];
static int source_count = 0;
static List *taken = NIL;     /* requests of this round */
static List *under_way = NIL; /* requests that are being sent */
static TimestampTz round_began = 0;
static TimestampTz rests_until = DT_NOBEGIN;
static bool settled = false;                    /* the last round was for one thing alone */
static TimestampTz settling_since = DT_NOBEGIN; /* when the first of those that follow on each other began */

/* Adds a source. */
void
commerce_register_source(const SendSource *source)
{
	if (source_count == MAX_SOURCES)
		elog(ERROR, "too many sources of requests");
	sources[source_count++] = source;
}

/* Sends a request when this round has committed. */
void
commerce_send(HttpRequest *request)
{
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

	taken = lappend(taken, request);
	MemoryContextSwitchTo(before);
}

/* Has one source write down one thing; returns false where there is none. */
static bool
settle_one(Round *round)
{
	for (int i = 0; i < source_count; i++)
		if (sources[i]->settle != NULL && sources[i]->settle(round))
			return true;
	return false;
}

/*
 * Returns whether this round may be for one thing alone: the first after one for everything may, and others for a while;
 * where nothing is taken any more, nobody waits for the others.
 */
static bool
may_settle(const Round *round)
{
	if (!settled)
		settling_since = round_began;
	return !round->claim || !settled ||
		   (round_began >= settling_since && round_began < settling_since + SETTLING);
}

/* Does a round. */
void
commerce_courier_round(Round *round)
{
	round_began = GetCurrentTimestamp();
	round->next = DT_NOEND;
	round->moot = true;
	round->unsettled = false;
	round->durable = false;
	settled = may_settle(round) && settle_one(round);
	round->settled = settled;
	if (settled)
	{
		round->next = DT_NOBEGIN;
		round->moot = false;
		return;
	}
	for (int i = 0; i < source_count; i++)
	{
		round->room = HTTP_MAX_IN_FLIGHT - commerce_http_in_flight() - list_length(taken);
		sources[i]->round(round);
	}
}

/* Says what the commit waits for. */
void
commerce_courier_committing(const Round *round)
{
	(void) set_config_option("synchronous_commit", round->durable ? "on" : "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/* Begins to send what the round took. */
void
commerce_courier_start(void)
{
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
	TimestampTz now = GetCurrentTimestamp();
	ListCell *cell;

	/* The clock may have been set back meanwhile. */
	rests_until = settled ? DT_NOBEGIN : now + Max(0, Min(now - round_began, LONGEST_REST));

	foreach (cell, taken)
	{
		commerce_http_start(lfirst(cell));
		under_way = lappend(under_way, lfirst(cell));
	}
	list_free(taken);
	taken = NIL;
	MemoryContextSwitchTo(before);
}

/* Returns when the next round may be. */
TimestampTz
commerce_courier_rests_until(void)
{
	return commerce_http_in_flight() > 0 ? rests_until : DT_NOBEGIN;
}

/* Hands what is over to its source. */
bool
commerce_courier_collect(void)
{
	HttpRequest *request;
	bool any = false;

	while ((request = commerce_http_finished()) != NULL)
	{
		under_way = list_delete_ptr(under_way, request);
		request->source->over(request, false);
		any = true;
	}
	return any;
}

/* Gives up all that is under way. */
void
commerce_courier_give_up(void)
{
	ListCell *cell;

	(void) commerce_courier_collect();
	foreach (cell, under_way)
	{
		HttpRequest *request = lfirst(cell);

		commerce_http_abandon(request);
		request->source->over(request, true);
	}
	list_free(under_way);
	under_way = NIL;
}

/* Forgets everything. */
void
commerce_courier_forget(void)
{
	ListCell *cell;

	foreach (cell, under_way)
		commerce_http_abandon(lfirst(cell));
	list_free(under_way);
	list_free(taken);
	under_way = NIL;
	taken = NIL;
	for (int i = 0; i < source_count; i++)
		sources[i]->forget();
}
