/*
 * claim_trigger.c: every claim that changes, whoever changes it, is counted here.
 *
 * The trigger fires always, also for a replica, and after the row: what BEFORE triggers made of it is what counts. A
 * claim that takes counts at once, though more than the limit may be taken then: what is written is true whether it suits
 * or not. One that gives back counts at commit. Where there is no counter, the row that has the limit is what claims wait
 * for each other on, and is locked by who takes.
 */
#include "base/pg.h"

#include "base/owner.h"
#include "base/row.h"
#include "budget/claim_counters.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "common/int.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_claim_changed);

/* What one row says about one counter. */
typedef struct Share
{
	const pg_uuid_t *budget; /* NULL: there is no row that counts */
	char *key;
	bool of_code;
	int64 taken;
} Share;

/* Reads a column by its name and type. */
static Datum
column(HeapTuple row, TupleDesc desc, const char *name, Oid type, bool *isnull)
{
	return commerce_row_column(row, desc, name, type, "claims are", isnull);
}

/* Says what a claim takes, and of what. One that lacks a part, where the table allows that, takes nothing. */
static Share
share_of(HeapTuple row, TupleDesc desc)
{
	Share share = {0};
	bool nulls[5];
	Datum budget = column(row, desc, "budget", UUIDOID, &nulls[0]);
	Datum key = column(row, desc, "key", TEXTOID, &nulls[1]);
	Datum state = column(row, desc, "state", TEXTOID, &nulls[2]);
	Datum taken = column(row, desc, "amount_taken", INT8OID, &nulls[3]);
	Datum promotion = column(row, desc, "promotion", UUIDOID, &nulls[4]);

	if (nulls[0] || nulls[1] || nulls[2] || nulls[3] || strcmp(TextDatumGetCString(state), "released") == 0)
		return share;
	share.budget = DatumGetUUIDP(budget);
	share.key = TextDatumGetCString(key);
	share.of_code = !nulls[4] && memcmp(share.budget->data, DatumGetUUIDP(promotion)->data, UUID_LEN) == 0 &&
					strncmp(share.key, CODE_KEY, strlen(CODE_KEY)) == 0;
	share.taken = Max(DatumGetInt64(taken), -PG_INT64_MAX);
	return share;
}

/* Locks, as its owner, the row that has the limit. */
static void
lock_row(const Share *share)
{
	Datum value =
		share->of_code ? CStringGetTextDatum(share->key + strlen(CODE_KEY)) : UUIDPGetDatum(share->budget);
	Datum array =
		PointerGetDatum(share->of_code ? construct_array(&value, 1, TEXTOID, -1, false, TYPALIGN_INT)
									   : construct_array(&value, 1, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	OwnerScope scope;

	commerce_enter_owner(&scope);
	SPI_connect();
	commerce_lock_budgets(share->of_code ? 0 : array, share->of_code ? array : 0);
	SPI_finish();
	commerce_leave_owner(&scope);
}

/* Counts that more, or where change is negative less, is taken. */
static void
count(const Share *share, int64 change)
{
	Counter *counter;

	if (change == 0)
		return;
	counter = commerce_claims_counter(share->budget, share->key);
	if (counter == NULL && change > 0)
		lock_row(share);
	else if (counter != NULL && change > 0)
		commerce_escrow_written(counter, change);
	else if (counter != NULL)
		commerce_escrow_give(counter, -change);
}

/* Counts the difference between two shares of one row. */
static void
count_difference(const Share *before, const Share *after)
{
	bool same = before->budget && after->budget && strcmp(before->key, after->key) == 0 &&
				memcmp(before->budget->data, after->budget->data, UUID_LEN) == 0;
	int64 change = after->taken;

	if (same && pg_sub_s64_overflow(after->taken, before->taken, &change))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("quantity out of range")));
	if (before->budget && !same)
		count(before, -before->taken);
	if (after->budget)
		count(after, change);
}

/* commerce.claim_changed() counts a changed claim. */
Datum
commerce_claim_changed(PG_FUNCTION_ARGS)
{
	Share before = {0};
	Share after = {0};
	HeapTuple old_row;
	HeapTuple new_row;
	TupleDesc desc = commerce_changed_row(fcinfo, "claims", &old_row, &new_row);

	if (old_row)
		before = share_of(old_row, desc);
	if (new_row)
		after = share_of(new_row, desc);
	count_difference(&before, &after);
	return PointerGetDatum(NULL);
}
