/*
 * provider_attempt.c: doing something with one call that may fail, or never end, without harm to any other.
 *
 * Functions of adapters are the shop's own and may do anything: raise an error, wait for a lock, sleep, run in circles. So
 * whatever they run in is a subtransaction with a limit.
 */
#include "order/provider_call.h"

#include "base/limit.h"
#include "order/provider_rest.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/xact.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/resowner.h"
#pragma GCC diagnostic pop

/*
 * So long functions of an adapter may take for one call, in milliseconds. They read a few kilobytes, which takes a few;
 * whoever waits for events, to stop the server or to drop the database (five seconds) waits no longer than this.
 */
#define ADAPTER_LIMIT_MS 2000

/* Says in the log what keeps a call from going on. */
void
commerce_tell_of_call(const Call *call, int code, const char *why)
{
	ereport(WARNING, (errcode(code), errmsg("a call to a provider is held up: %s", why),
					  errdetail("Call %s, %s.",
								DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&call->id))),
								call->what)));
}

/* Returns whether an error says that somebody else was first, and that it will go another time. */
bool
commerce_is_in_the_way(int code)
{
	return code == ERRCODE_LOCK_NOT_AVAILABLE || code == ERRCODE_T_R_DEADLOCK_DETECTED ||
		   code == ERRCODE_T_R_SERIALIZATION_FAILURE;
}

/* Has what follows wait for locks for no longer than a call may; returns what ends that. */
static int
set_patience(const Call *call)
{
	char patience[32];
	int level = NewGUCNestLevel();

	snprintf(patience, sizeof(patience), "%dms", call->patience);
	(void) set_config_option("lock_timeout", patience, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
	return level;
}

/* Does something with a call. */
ErrorData *
commerce_attempt_call(void (*work)(Call *call), Call *call)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;
	bool ended;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	commerce_limit_begin(ADAPTER_LIMIT_MS);
	PG_TRY();
	{
		int level = set_patience(call);

		work(call);
		AtEOXact_GUC(true, level);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		(void) commerce_limit_end();
		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	ended = commerce_limit_end();
	MemoryContextSwitchTo(memory);
	CurrentResourceOwner = owner;
	if (error != NULL && error->sqlerrcode == ERRCODE_QUERY_CANCELED && !ended)
		ReThrowError(error);
	return error;
}

/* Does something in which functions of the call's adapter run, which may have to rest then. */
ErrorData *
commerce_attempt_adapter(void (*work)(Call *call), Call *call)
{
	TimestampTz since = GetCurrentTimestamp();
	ErrorData *error = commerce_attempt_call(work, call);
	bool ended = error != NULL && error->sqlerrcode == ERRCODE_QUERY_CANCELED;

	if (commerce_provider_ran(&call->written.provider, since, ended))
		commerce_tell_of_call(call, ERRCODE_QUERY_CANCELED, TOOK_TOO_LONG);
	return error;
}
