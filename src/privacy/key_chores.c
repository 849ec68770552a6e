/*
 * key_chores.c: rotating keys in the background, batch by batch.
 *
 * What a rotation has to do, and how far it is, stands in tables, and how it is done in sql/privacy/040_rotation.sql.
 * rotate_keys() sends for the worker; a rotation that a crash or a restore has interrupted waits for the launcher's round.
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

/* Registers the chore. */
void
commerce_key_chores_init(void)
{
	commerce_register_chore(&rotating_keys);
}
