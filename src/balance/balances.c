/*
 * balances.c: what a counter of a balance is called and what it starts from.
 *
 * A counter says what is left: the sum of the balance's entries. That is all there is to it, unlike with a budget, whose
 * limit stands beside what is counted: whatever changes what is left is an entry, and each entry is counted by the trigger
 * on it. Whether the balance may be spent at all (its state, time and owner) is no number and read with its row; who reads
 * it a moment before it changes has spent a moment before.
 */
#include "balance/balances.h"

#include "base/owner.h"
#include "base/plan.h"

static void load_left(const char *name, int length, CounterLevel *level);

/* A load that prepares its statement looks at the shop's version, too. */
static const char *const also_read[] = {"schema_version", NULL};

const EscrowSpace commerce_balances_space = {
	.tables = {"balance_entries", "balance_entries"}, .reads = also_read, .load = load_left};

static SavedPlan read_left = {
	.sql = "SELECT greatest(least(coalesce(sum(commerce.minor_units(amount)), 0), 9223372036854775807),"
		   " -9223372036854775807)::int8 FROM commerce.balance_entries WHERE balance_id = $1",
	.args = "uuid"};

static SavedPlan lock_row = {.sql = "SELECT FROM commerce.balances WHERE id = $1 FOR NO KEY UPDATE",
							 .args = "uuid"};

/* Returns the sum that the statement has just read. */
static int64
sum_read(void)
{
	bool isnull;

	return DatumGetInt64(commerce_value(0, 1, &isnull));
}

/* Reads what is committed. */
int64
commerce_balance_committed(const char *name, int length)
{
	OwnerScope scope;
	pg_uuid_t balance;
	int64 left;

	memcpy(balance.data, name, Min(length, UUID_LEN));
	commerce_enter_owner(&scope);
	SPI_connect();
	(void) commerce_run(&read_left, PLAN_COMMITTED, (Datum[]){UUIDPGetDatum(&balance)}, NULL);
	left = sum_read();
	SPI_finish();
	commerce_leave_owner(&scope);
	return left;
}

/* Says what a counter starts from. Nobody is told of balances that run low, so it has no band. */
static void
load_left(const char *name, int length, CounterLevel *level)
{
	*level = (CounterLevel){
		.value = commerce_balance_committed(name, length), .low = PG_INT64_MIN, .high = PG_INT64_MAX};
}

/* Opens the counter of a balance. */
Counter *
commerce_balance_counter(const pg_uuid_t *balance)
{
	return commerce_escrow_open(&commerce_balances_space, (const char *) balance->data, UUID_LEN);
}

/* Locks the row of a balance. */
void
commerce_lock_balance(const pg_uuid_t *balance)
{
	(void) commerce_run(&lock_row, PLAN_WRITES, (Datum[]){UUIDPGetDatum(balance)}, NULL);
}

/* Adds up what is left. */
int64
commerce_balance_summed(const pg_uuid_t *balance)
{
	(void) commerce_run(&read_left, PLAN_LATEST, (Datum[]){UUIDPGetDatum(balance)}, NULL);
	return sum_read();
}
