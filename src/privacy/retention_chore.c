/*
 * retention_chore.c: emptying values that are older than they may become, once a day, batch by batch.
 *
 * What is due, and what becomes of it, is told in sql/privacy/059_retention.sql.
 */
#include "privacy/retention_chore.h"

#include "base/chores.h"

static SavedPlan sweep_batch = {.sql = "SELECT commerce.retention_chore()"};

/* Sweeps one batch. */
static TimestampTz
sweep(void)
{
	return commerce_chore_ask(&sweep_batch);
}

static const CommerceChore sweeping = {.name = "sweeping what is kept too long", .run = sweep, .timed = true};

/* Registers the chore. */
void
commerce_retention_init(void)
{
	commerce_register_chore(&sweeping);
}
