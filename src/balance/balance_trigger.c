/*
 * balance_trigger.c: every entry of a balance that changes, whoever changes it, is counted here.
 *
 * The trigger fires always, also for a replica, and after the row: what BEFORE triggers made of it is what counts. An entry
 * that takes counts at once, though more than there is may be taken then: what is written is true whether it suits or not.
 * One that puts something on counts at commit. Where there is no counter, the row of the balance is what those who spend
 * wait for each other on, and is locked by who takes.
 */
#include "base/pg.h"

#include "balance/balances.h"
#include "base/owner.h"
#include "base/row.h"
#include "money/amount.h"

PG_FUNCTION_INFO_V1(commerce_balance_changed);

/* What one row says about one counter. */
typedef struct Share
{
	const pg_uuid_t *balance; /* NULL: there is no row that counts */
	int64 minor;              /* an amount has 54 bits of them, so that differences have room */
} Share;

/* Says what an entry puts on which balance. One that lacks a part, where the table allows that, puts nothing. */
static Share
share_of(HeapTuple row, TupleDesc desc)
{
	Share share = {0};
	bool nulls[2];
	Datum balance = commerce_row_column(row, desc, "balance_id", UUIDOID, "balances are", &nulls[0]);
	Datum amount =
		commerce_row_column(row, desc, "amount", commerce_amount_type(), "balances are", &nulls[1]);

	if (nulls[0] || nulls[1])
		return share;
	share.balance = DatumGetUUIDP(balance);
	share.minor = commerce_amount_minor(DatumGetAmount(amount));
	return share;
}

/* Locks, as its owner, the row of a balance. */
static void
lock_row(const pg_uuid_t *balance)
{
	OwnerScope scope;

	commerce_enter_owner(&scope);
	SPI_connect();
	commerce_lock_balance(balance);
	SPI_finish();
	commerce_leave_owner(&scope);
}

/* Counts that more, or where change is negative less, is left. */
static void
count(const pg_uuid_t *balance, int64 change)
{
	Counter *counter;

	if (change == 0)
		return;
	counter = commerce_balance_counter(balance);
	if (counter == NULL && change < 0)
		lock_row(balance);
	else if (counter != NULL && change < 0)
		commerce_escrow_written(counter, -change);
	else if (counter != NULL)
		commerce_escrow_give(counter, change);
}

/* Counts the difference between two shares of one row. */
static void
count_difference(const Share *before, const Share *after)
{
	bool same = before->balance && after->balance &&
				memcmp(before->balance->data, after->balance->data, UUID_LEN) == 0;

	if (before->balance && !same)
		count(before->balance, -before->minor);
	if (after->balance)
		count(after->balance, after->minor - (same ? before->minor : 0));
}

/* commerce.balance_changed() counts a changed entry. */
Datum
commerce_balance_changed(PG_FUNCTION_ARGS)
{
	Share before = {0};
	Share after = {0};
	HeapTuple old_row;
	HeapTuple new_row;
	TupleDesc desc = commerce_changed_row(fcinfo, "balances", &old_row, &new_row);

	if (old_row)
		before = share_of(old_row, desc);
	if (new_row)
		after = share_of(new_row, desc);
	count_difference(&before, &after);
	return PointerGetDatum(NULL);
}
