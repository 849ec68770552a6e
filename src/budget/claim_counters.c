/*
 * claim_counters.c: what a counter of claims is called and what it starts from.
 *
 * A counter says what is taken of one budget under one key, as a number from zero down: what counts is the claims alone.
 * The limit is no part of it, because a budget has as many counters as customers have used it, and whoever changes the
 * limit could not reach all of those, some of which others are loading at that very moment. So the limit is given with
 * each take, as the floor that must be left; claims.c says why that is never one that was lowered before.
 *
 * Changing or deleting a budget or a code therefore changes no counter, and needs no trigger that counts.
 */
#include "budget/claim_counters.h"

#include "base/owner.h"
#include "base/plan.h"

static void load_taken(const char *name, int length, CounterLevel *level);

/* A load that prepares its statement looks at the shop's version, too. */
static const char *const also_read[] = {"schema_version", NULL};

const EscrowSpace commerce_claims_space = {
	.tables = {"claims", "claims"}, .reads = also_read, .load = load_taken};

static SavedPlan read_taken = {
	.sql = "SELECT least(coalesce(sum(amount_taken), 0), 9223372036854775807)::int8 FROM commerce.claims"
		   " WHERE budget = $1 AND key = $2 AND state <> 'released'",
	.args = "uuid; text"};

static SavedPlan lock_rows = {
	.sql = "SELECT FROM commerce.budgets WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
	.args = "uuid[]"};

static SavedPlan lock_codes = {.sql = "SELECT FROM commerce.promotion_codes WHERE code = ANY ($1)"
									  " ORDER BY code COLLATE \"C\" FOR NO KEY UPDATE",
							   .args = "text[]"};

/* Makes the counter's name of a budget and key; returns its length, or 0 where it is too long for a counter. */
static int
name_of(const pg_uuid_t *budget, const char *key, char *name)
{
	size_t length = strlen(key);

	if (UUID_LEN + length > COUNTER_NAME_MAX)
		return 0;
	memcpy(name, budget->data, UUID_LEN);
	memcpy(name + UUID_LEN, key, length);
	return (int) (UUID_LEN + length);
}

/* Splits a counter's name. */
void
commerce_claims_counter_name(const char *name, int length, pg_uuid_t *budget, char **key)
{
	memcpy(budget->data, name, UUID_LEN);
	*key = pnstrdup(name + UUID_LEN, length - UUID_LEN);
}

/* Reads what is committed: all claims that count, as a number from zero down. */
int64
commerce_claims_committed(const char *name, int length)
{
	OwnerScope scope;
	pg_uuid_t budget;
	char *key;
	bool isnull;
	int64 taken;

	commerce_claims_counter_name(name, length, &budget, &key);
	commerce_enter_owner(&scope);
	SPI_connect();
	(void) commerce_run(&read_taken, PLAN_COMMITTED,
						(Datum[]){UUIDPGetDatum(&budget), CStringGetTextDatum(key)}, NULL);
	taken = DatumGetInt64(commerce_value(0, 1, &isnull));
	SPI_finish();
	commerce_leave_owner(&scope);
	return -taken;
}

/* Says what a counter starts from. Nobody is told of budgets that run low, so it has no band. */
static void
load_taken(const char *name, int length, CounterLevel *level)
{
	*level = (CounterLevel){
		.value = commerce_claims_committed(name, length), .low = PG_INT64_MIN, .high = PG_INT64_MAX};
}

/* Opens the counter of a budget and key. */
Counter *
commerce_claims_counter(const pg_uuid_t *budget, const char *key)
{
	char name[COUNTER_NAME_MAX];
	int length = name_of(budget, key, name);

	return length == 0 ? NULL : commerce_escrow_open(&commerce_claims_space, name, length);
}

/* Says how much is taken, by the counter. */
bool
commerce_claims_peek(const pg_uuid_t *budget, const char *key, int64 *taken)
{
	char name[COUNTER_NAME_MAX];
	int length = name_of(budget, key, name);
	int64 balance;

	if (length == 0 || !commerce_escrow_peek(&commerce_claims_space, name, length, &balance))
		return false;
	*taken = balance == PG_INT64_MIN ? PG_INT64_MAX : -balance;
	return true;
}

/* Locks the rows that limits stand in. */
void
commerce_lock_budgets(Datum budgets, Datum codes)
{
	if (budgets != 0)
		(void) commerce_run(&lock_rows, PLAN_WRITES, &budgets, NULL);
	if (codes != 0)
		(void) commerce_run(&lock_codes, PLAN_WRITES, &codes, NULL);
}
