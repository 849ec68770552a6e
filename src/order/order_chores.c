/*
 * order_chores.c: ending orders that nobody has paid in time, in the background.
 *
 * look_at_unpaid() is the batch. An order that somebody has locked is being paid or changed: it is skipped, and looked at
 * again a little later.
 */
#include "order/order_chores.h"

#include "base/chores.h"
#include "base/plan.h"

#define ORDER_BATCH 200
#define ORDERS_AGAIN (INT64CONST(10) * USECS_PER_SEC)

static SavedPlan look = {.sql = "SELECT looked FROM commerce.look_at_unpaid(NULL, $1)", .args = "int8"};

static SavedPlan next_end = {.sql = "SELECT min(expires_at) FROM commerce.orders WHERE state = 'placed'"};

/* Looks at one batch of orders, ends those that nobody has paid, and returns when the next is due. */
static TimestampTz
expire_orders(void)
{
	bool isnull;
	TimestampTz next;

	(void) commerce_run(&look, PLAN_WRITES, (Datum[]){Int64GetDatum(ORDER_BATCH)}, NULL);
	if (DatumGetInt64(commerce_value(0, 1, &isnull)) >= ORDER_BATCH)
		return DT_NOBEGIN;
	next = commerce_chore_ask(&next_end);
	return Max(next, GetCurrentTimestamp() + ORDERS_AGAIN);
}

static const CommerceChore expiring_orders = {.name = "expiring orders", .run = expire_orders};

/* Registers the chore. */
void
commerce_order_chores_init(void)
{
	commerce_register_chore(&expiring_orders);
}
