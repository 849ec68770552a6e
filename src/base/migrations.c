/*
 * migrations.c: sql/shop/NNN_*.sql, so that library and shop can never be of different minds.
 */
#include "base/migrations.h"

static const Migration migrations[] = {
#include "base/migrations.inc"
};

/* Returns migration number n. */
const Migration *
commerce_migration(int n)
{
	return n < (int) lengthof(migrations) ? &migrations[n] : NULL;
}

/* Returns the version of a shop on which all have run. */
int
commerce_latest_migration(void)
{
	return migrations[lengthof(migrations) - 1].version;
}
