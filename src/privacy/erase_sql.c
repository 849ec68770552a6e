/*
 * erase_sql.c: deleting the keys of a subject, so that none is left and none comes back, and nothing else is overlooked.
 *
 * Whoever makes a key for a customer holds the customer's row FOR KEY SHARE until he commits (datakeys.c), and who
 * erases has locked it FOR UPDATE: each waits for the other. What is left to do is for an eraser whose snapshot is
 * older than such a key: his DELETE does not see it, so he looks again under a snapshot taken now.
 *
 * So do those who make an order, a cart, a quote or money for a customer lock the row FOR KEY SHARE: what they write is
 * there before an erasure or not at all. Here, too, an older snapshot would pass by what has come meanwhile.
 */
#include "base/pg.h"

#include "base/plan.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xact.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_erase_keys);
PG_FUNCTION_INFO_V1(commerce_refuse_unseen);

static SavedPlan delete_keys = {.sql = "DELETE FROM commerce.data_keys WHERE subject = $1", .args = "uuid"};

static SavedPlan find_key = {.sql = "SELECT FROM commerce.data_keys WHERE subject = $1 LIMIT 1",
							 .args = "uuid"};

/* One number that tells other sets of rows apart, as far as 64 bits do; rows of two tables may have one id. */
static SavedPlan take_stock = {
	.sql = "SELECT coalesce(bit_xor(uuid_hash_extended(x.id, x.of)), 0) FROM ("
		   " SELECT id, 1 AS of FROM commerce.orders WHERE customer_id = $1"
		   " UNION ALL SELECT id, 2 FROM commerce.carts WHERE customer_id = $1"
		   " UNION ALL SELECT id, 3 FROM commerce.quotes WHERE customer_id = $1"
		   " UNION ALL SELECT id, 4 FROM commerce.balances WHERE customer_id = $1"
		   " UNION ALL SELECT id, 5 FROM commerce.store_credits WHERE customer_id = $1) x",
	.args = "uuid"};

/* Returns that number under one view of the data. */
static int64
rows_of(Datum customer, PlanView view)
{
	bool isnull;

	(void) commerce_run(&take_stock, view, &customer, NULL);
	return DatumGetInt64(commerce_value(0, 1, &isnull));
}

/* refuse_unseen(customer) refuses an erasure that would not see all there is. */
Datum
commerce_refuse_unseen(PG_FUNCTION_ARGS)
{
	Datum customer = PG_GETARG_DATUM(0);

	/* Otherwise the next statement sees what there is now. */
	if (!IsolationUsesXactSnapshot())
		PG_RETURN_VOID();
	SPI_connect();
	if (rows_of(customer, PLAN_WRITES) != rows_of(customer, PLAN_LATEST))
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("something of the customer has changed since this transaction began"),
						errhint("Try again.")));
	SPI_finish();
	PG_RETURN_VOID();
}

/* erase_keys(subject) returns how many keys there were. */
Datum
commerce_erase_keys(PG_FUNCTION_ARGS)
{
	Datum subject = PG_GETARG_DATUM(0);
	uint64 deleted;

	SPI_connect();
	deleted = commerce_run(&delete_keys, PLAN_WRITES, &subject, NULL);
	if (commerce_run(&find_key, PLAN_LATEST, &subject, NULL) > 0)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("a key was made for the subject since this transaction began"),
						errhint("Try again.")));
	SPI_finish();
	PG_RETURN_INT64((int64) deleted);
}
