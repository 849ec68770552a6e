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

/*
 * Rows are found again by where they are, which is the only way that reads no others, however few the planner thinks there
 * are. In a table that somebody has partitioned another row may be at the same place; it is looked at, too.
 */
static SavedPlan expire = {
	.sql = "UPDATE commerce.reservations SET state = 'expired' WHERE ctid = ANY (ARRAY("
		   "SELECT ctid FROM commerce.reservations WHERE state = 'held' AND expires_at <= $1"
		   " ORDER BY expires_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED))"
		   " AND state = 'held' AND expires_at <= $1",
	.args = "timestamptz; int8"};

/* Sku by sku and in order: where a few skus have most of the rows, the planner would read the whole table to find one. */
static SavedPlan find_overdue_of = {
	.sql = "SELECT FROM unnest($1) AS wanted (sku), LATERAL (SELECT FROM commerce.reservations r"
		   " WHERE r.sku = wanted.sku AND r.state = 'held' AND r.expires_at <= $2"
		   " ORDER BY r.expires_at LIMIT 1) overdue LIMIT 1",
	.args = "text[]; timestamptz"};

static SavedPlan expire_of = {
	.sql = "UPDATE commerce.reservations SET state = 'expired' WHERE ctid = ANY (ARRAY("
		   "SELECT r.ctid FROM unnest($1) AS wanted (sku), LATERAL (SELECT ctid FROM commerce.reservations"
		   " WHERE sku = wanted.sku AND state = 'held' AND expires_at <= $2"
		   " ORDER BY expires_at LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED) r))"
		   " AND state = 'held' AND expires_at <= $2",
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
