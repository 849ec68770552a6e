/*
 * watch.h: knowing that a table has changed since a cache was built from it.
 *
 * The table carries the statement trigger commerce.invalidate_cache(), which sends a relcache invalidation for the
 * table itself. Such messages are transactional: every session sees them when the change commits, the changing one at
 * its next statement, and nobody when it rolls back.
 */
#ifndef COMMERCE_BASE_WATCH_H
#define COMMERCE_BASE_WATCH_H

#include "base/pg.h"

typedef struct TableWatch
{
	const char *table; /* a name in schema commerce */
	Oid relid;         /* what the name meant when the cache was built */
	bool fresh;        /* as far as invalidation messages have been read */
} TableWatch;

/* Begins to watch; called once per watch, from _PG_init. The watch lives as long as the backend. */
extern void commerce_watch(TableWatch *watch);

/* Declares a cache fresh from here on; call it before reading, so that a change made while reading counts. */
extern void commerce_watch_renew(TableWatch *watch);

/* Returns whether the cache still holds; where not: commerce_watch_renew(), then rebuild. */
extern bool commerce_watch_fresh(const TableWatch *watch);

#endif
