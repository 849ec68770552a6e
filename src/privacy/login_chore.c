/*
 * login_chore.c: sweeping ended sessions in the background.
 *
 * An ended session opens nothing, swept or not; expire_sessions() keeps the tables small, and once an hour is often
 * enough for that. A batch that was full is followed by another at once.
 */
#include "privacy/login_chore.h"

#include "base/chores.h"

static SavedPlan expire = {.sql =
							   "SELECT CASE WHEN n < 1000 THEN now() + interval '1 hour' ELSE '-infinity' END"
							   " FROM commerce.expire_sessions(1000) n"};

/* Sweeps a batch. */
static TimestampTz
expire_sessions(void)
{
	return commerce_chore_ask(&expire);
}

static const CommerceChore expiring_sessions = {
	.name = "expiring sessions", .run = expire_sessions, .timed = true};

/* Registers the chore. */
void
commerce_login_chore_init(void)
{
	commerce_register_chore(&expiring_sessions);
}
