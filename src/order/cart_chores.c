/*
 * cart_chores.c: ending carts that nobody has touched for long, in the background.
 *
 * expire_carts() is the batch. A cart that somebody has locked is being bought or changed: it is skipped, and looked at
 * again a little later.
 */
#include "order/cart_chores.h"

#include "base/chores.h"
#include "base/plan.h"

#define CART_BATCH 500
#define CARTS_AGAIN (INT64CONST(10) * USECS_PER_SEC)

static SavedPlan expire = {.sql = "SELECT commerce.expire_carts($1)", .args = "int8"};

static SavedPlan next_end = {.sql = "SELECT min(expires_at) FROM commerce.carts WHERE state = 'open'"};

/* Ends one batch of carts and returns when the next is due. */
static TimestampTz
expire_carts(void)
{
	bool isnull;
	TimestampTz next;

	(void) commerce_run(&expire, PLAN_WRITES, (Datum[]){Int64GetDatum(CART_BATCH)}, NULL);
	if (DatumGetInt64(commerce_value(0, 1, &isnull)) >= CART_BATCH)
		return DT_NOBEGIN;
	next = commerce_chore_ask(&next_end);
	return Max(next, GetCurrentTimestamp() + CARTS_AGAIN);
}

static const CommerceChore expiring_carts = {.name = "expiring carts", .run = expire_carts};

/* Registers the chore. */
void
commerce_cart_chores_init(void)
{
	commerce_register_chore(&expiring_carts);
}
