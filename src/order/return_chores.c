/*
 * return_chores.c: ending returns of which nothing was sent in time, in the background.
 *
 * expire_returns() is the batch. A return that somebody has locked is being sent or received: it is skipped, and looked at
 * again a little later.
 */
#include "order/return_chores.h"

#include "base/chores.h"
#include "base/plan.h"

#define RETURN_BATCH 500
#define RETURNS_AGAIN (INT64CONST(10) * USECS_PER_SEC)

static SavedPlan expire = {.sql = "SELECT commerce.expire_returns($1)", .args = "int8"};

static SavedPlan next_end = {
	.sql = "SELECT min(expires_at) FROM commerce.returns WHERE state IN ('requested', 'approved')"};

/* Ends one batch of returns and returns when the next is due. */
static TimestampTz
expire_returns(void)
{
	bool isnull;
	TimestampTz next;

	(void) commerce_run(&expire, PLAN_WRITES, (Datum[]){Int64GetDatum(RETURN_BATCH)}, NULL);
	if (DatumGetInt64(commerce_value(0, 1, &isnull)) >= RETURN_BATCH)
		return DT_NOBEGIN;
	next = commerce_chore_ask(&next_end);
	return Max(next, GetCurrentTimestamp() + RETURNS_AGAIN);
}

static const CommerceChore expiring_returns = {.name = "expiring returns", .run = expire_returns};

/* Registers the chore. */
void
commerce_return_chores_init(void)
{
	commerce_register_chore(&expiring_returns);
}
