/*
 * migrations.h: the numbered steps that make a shop's tables, as compiled into the library.
 */
#ifndef COMMERCE_BASE_MIGRATIONS_H
#define COMMERCE_BASE_MIGRATIONS_H

#include "base/pg.h"

typedef struct Migration
{
	int version;
	const char *name;
	const char *sql; /* @ltree@ stands for the schema of the ltree type */
} Migration;

/* Returns migration number n from 0, in their order; NULL beyond the last. */
extern const Migration *commerce_migration(int n);

/* Returns the version of a shop on which all have run. */
extern int commerce_latest_migration(void);

#endif
