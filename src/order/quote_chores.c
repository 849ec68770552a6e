/*
 * quote_chores.c: ending quotes that have run out, in the background.
 *
 * expire_quotes() is the batch. A quote that somebody has locked is being answered or bought: it is skipped, and looked at
 * again a little later.
 */
#include "order/quote_chores.h"

#include "base/chores.h"
#include "base/plan.h"

#define QUOTE_BATCH 500
#define QUOTES_AGAIN (INT64CONST(10) * USECS_PER_SEC)

static SavedPlan expire = {.sql = "SELECT commerce.expire_quotes($1)", .args = "int8"};

static SavedPlan next_end = {
	.sql = "SELECT min(valid_until) FROM commerce.quotes WHERE state IN ('sent', 'countered', 'accepted')"};

/* Ends one batch of quotes and returns when the next is due. */
static TimestampTz
expire_quotes(void)
{
	bool isnull;
	TimestampTz next;

	(void) commerce_run(&expire, PLAN_WRITES, (Datum[]){Int64GetDatum(QUOTE_BATCH)}, NULL);
	if (DatumGetInt64(commerce_value(0, 1, &isnull)) >= QUOTE_BATCH)
		return DT_NOBEGIN;
	next = commerce_chore_ask(&next_end);
	return Max(next, GetCurrentTimestamp() + QUOTES_AGAIN);
}

static const CommerceChore expiring_quotes = {.name = "expiring quotes", .run = expire_quotes};

/* Registers the chore. */
void
commerce_quote_chores_init(void)
{
	commerce_register_chore(&expiring_quotes);
}
