/*
 * expiry.c: writing off balances whose time is over, without anyone calling.
 *
 * They pay nothing from that time on whether this has run or not, so once an hour is often enough. A batch that was full
 * is followed by another at once.
 */
#include "balance/balance.h"

#include "base/chores.h"

static SavedPlan expire = {.sql =
							   "SELECT CASE WHEN n < 1000 THEN now() + interval '1 hour' ELSE '-infinity' END"
							   " FROM commerce.expire_balances(1000) n"};

/* Writes off a batch. */
static TimestampTz
expire_balances(void)
{
	return commerce_chore_ask(&expire);
}

static const CommerceChore expiring_balances = {
	.name = "expiring balances", .run = expire_balances, .timed = true};

/* Registers the chore. */
void
commerce_balance_init(void)
{
	commerce_register_chore(&expiring_balances);
}
