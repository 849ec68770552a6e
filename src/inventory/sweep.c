/*
 * sweep.c: ending holds whose time is over, on demand and in the background.
 *
 * An overdue hold keeps nobody from promising its units: who would be short for it lets it expire first. Rows that
 * somebody else has locked are skipped, by the worker to be looked at again a second later.
 */
#include "inventory/sweep.h"

#include "base/chores.h"
#include "base/plan.h"

#define SWEEP_BATCH 1000

/* The state is looked at where the row is locked, and only there: a second look would let the planner find each row
 * among all the active ones of its sku instead of by its key. */
static SavedPlan expire = {
	.sql =
		"UPDATE commerce.reservations r SET state = 'expired' FROM (SELECT sku, id FROM commerce.reservations"
		" WHERE state = 'held' AND expires_at <= $1 LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED) overdue"
		" WHERE r.sku = overdue.sku AND r.id = overdue.id",
	.args = "timestamptz; int8"};

/* Sku by sku and in order: where a few skus have most of the rows, the planner would read the whole table to find one. */
static SavedPlan find_overdue_of = {
	.sql = "SELECT FROM unnest($1) AS wanted (sku), LATERAL (SELECT FROM commerce.reservations r"
		   " WHERE r.sku = wanted.sku AND r.state = 'held' AND r.expires_at <= $2"
		   " ORDER BY r.expires_at LIMIT 1) overdue LIMIT 1",
	.args = "text[]; timestamptz"};

static SavedPlan expire_of = {
	.sql =
		"UPDATE commerce.reservations r SET state = 'expired' FROM (SELECT sku, id FROM commerce.reservations"
		" WHERE sku = ANY ($1) AND state = 'held' AND expires_at <= $2 LIMIT 1000"
		" FOR NO KEY UPDATE SKIP LOCKED) overdue WHERE r.sku = overdue.sku AND r.id = overdue.id",
	.args = "text[]; timestamptz"};

static SavedPlan next_end = {.sql = "SELECT min(expires_at) FROM commerce.reservations WHERE state = 'held'"};

/* Marks overdue holds as expired, at most so many, and returns how many. */
uint64
commerce_expire_overdue(int64 batch)
{
	return commerce_run(&expire, PLAN_WRITES,
						(Datum[]){TimestampTzGetDatum(GetCurrentTimestamp()), Int64GetDatum(batch)}, NULL);
}

/* Lets overdue holds of the skus expire. A look comes first: it is much cheaper, and mostly there are none. */
uint64
commerce_expire_overdue_of(Datum skus)
{
	Datum values[] = {skus, TimestampTzGetDatum(GetCurrentTimestamp())};

	if (commerce_run(&find_overdue_of, PLAN_LATEST, values, NULL) == 0)
		return 0;
	return commerce_run(&expire_of, PLAN_WRITES, values, NULL);
}

/* Sweeps one batch and returns when the next hold ends. */
static TimestampTz
sweep(void)
{
	TimestampTz next;

	if (commerce_expire_overdue(SWEEP_BATCH) >= SWEEP_BATCH)
		return DT_NOBEGIN;
	next = commerce_chore_ask(&next_end);
	return Max(next, GetCurrentTimestamp() + USECS_PER_SEC);
}

static const CommerceChore expiring_holds = {.name = "expiring holds", .run = sweep};

/* Registers the chore that ends overdue holds. */
void
commerce_sweep_init(void)
{
	commerce_register_chore(&expiring_holds);
}
