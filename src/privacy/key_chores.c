/*
 * key_chores.c: rotating keys in the background, batch by batch.
 *
 * What a rotation has to do, and how far it is, stands in tables, and how it is done in sql/privacy/040_rotation.sql and
 * 044_data_keys.sql. What begins one sends for the worker; a rotation that a crash or a restore has interrupted waits for
 * the launcher's round.
 */
#include "privacy/key_chores.h"

#include "base/chores.h"

static SavedPlan rotate_batch = {.sql = "SELECT commerce.key_chore()"};

/* Does one batch of the rotation under way. */
static TimestampTz
rotate(void)
{
	return commerce_chore_ask(&rotate_batch);
}

static const CommerceChore rotating_keys = {.name = "rotating keys", .run = rotate};

static SavedPlan reseal_batch = {.sql = "SELECT commerce.data_key_chore()"};

/* Does one batch of the rotations of data keys. */
static TimestampTz
reseal(void)
{
	return commerce_chore_ask(&reseal_batch);
}

static const CommerceChore rotating_data_keys = {.name = "rotating data keys", .run = reseal};

/* Registers the chores. */
void
commerce_key_chores_init(void)
{
	commerce_register_chore(&rotating_keys);
	commerce_register_chore(&rotating_data_keys);
}
