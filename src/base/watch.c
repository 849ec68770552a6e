/*
 * watch.c: one relcache callback for all caches of the extension. It only flips flags, as such a callback must.
 */
#include "base/watch.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "utils/inval.h"
#include "utils/rel.h"
#pragma GCC diagnostic pop

#define MAX_WATCHES 32

static TableWatch *watches[MAX_WATCHES];
static int watch_count = 0;

PG_FUNCTION_INFO_V1(commerce_invalidate_cache);

/* Marks what was built from the relation as stale; InvalidOid means any relation. */
static void
relation_changed(Datum arg, Oid relid)
{
	(void) arg;
	for (int i = 0; i < watch_count; i++)
		if (relid == InvalidOid || relid == watches[i]->relid)
			watches[i]->fresh = false;
}

/* Begins to watch a table. */
void
commerce_watch(TableWatch *watch)
{
	if (watch_count == 0)
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	if (watch_count == MAX_WATCHES)
		elog(ERROR, "too many table watches");
	watches[watch_count++] = watch;
}

/* Declares a cache fresh from here on. */
void
commerce_watch_renew(TableWatch *watch)
{
	watch->relid = get_relname_relid(watch->table, get_namespace_oid("commerce", false));
	watch->fresh = true;
}

/*
 * Returns whether what was built from the table still holds. The messages of others are read first: a statement that
 * finds all its locks held already, as the second of a transaction may, has not looked for them.
 */
bool
commerce_watch_fresh(const TableWatch *watch)
{
	AcceptInvalidationMessages();
	return watch->fresh;
}

/* Trigger invalidate_cache() tells every session that the table it is on has changed. */
Datum
commerce_invalidate_cache(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("invalidate_cache() is a trigger function")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}
