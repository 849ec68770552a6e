/*
 * provider_rest.c: how much of the sender's time a provider's adapter may take.
 *
 * All providers' adapters, and all events, share one process. An adapter that takes long makes everybody else wait, so it
 * rests afterwards: four times as long as it took, and longer each time that it had to be ended. What comes to its end
 * soon, as nearly all does, rests not at all.
 */
#include "order/provider_rest.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "utils/hsearch.h"
#pragma GCC diagnostic pop

/* What takes longer than this rests, in microseconds; waiting for a lock takes less. */
#define SLOW (INT64CONST(100) * 1000)

/* It rests so many times as long. */
#define REST_FACTOR 4

/* It rests so long at most, in microseconds: whoever repairs it does not wait for longer. */
#define REST_MOST (INT64CONST(60) * USECS_PER_SEC)

/* So many ends in a row make it rest twice as long each. */
#define DOUBLINGS 5

typedef struct Rest
{
	pg_uuid_t provider;
	int ended; /* so often in a row */
	TimestampTz until;
} Rest;

static HTAB *rests = NULL;

/* Returns when the adapter of a provider may run again. */
TimestampTz
commerce_provider_rests_until(const pg_uuid_t *provider)
{
	const Rest *rest = rests == NULL ? NULL : hash_search(rests, provider, HASH_FIND, NULL);
	TimestampTz most = GetCurrentTimestamp() + REST_MOST;

	/* The clock may have been set back meanwhile. */
	return rest == NULL || rest->until > most ? DT_NOBEGIN : rest->until;
}

/* Notes that its adapter ran. */
bool
commerce_provider_ran(const pg_uuid_t *provider, TimestampTz since, bool ended)
{
	TimestampTz now = GetCurrentTimestamp();
	int64 took = Max(0, now - since);
	bool found;
	Rest *rest;

	if (rests == NULL)
	{
		HASHCTL control = {.keysize = sizeof(pg_uuid_t), .entrysize = sizeof(Rest), .hcxt = TopMemoryContext};

		rests = hash_create("commerce providers", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	rest = hash_search(rests, provider, HASH_ENTER, &found);
	if (!found)
		rest->ended = 0;
	rest->ended = ended ? rest->ended + 1 : 0;
	if (!ended && took < SLOW)
		rest->until = DT_NOBEGIN;
	else
		rest->until = now + Min(took * REST_FACTOR << Min(Max(rest->ended - 1, 0), DOUBLINGS), REST_MOST);
	return rest->ended == 1;
}

/* Forgets all providers. */
void
commerce_provider_rests_forget(void)
{
	if (rests != NULL)
		hash_destroy(rests);
	rests = NULL;
}
