/*
 * erase_sql.c: deleting the keys of a subject, so that none is left and none comes back.
 *
 * Whoever makes a key for a customer holds the customer's row FOR KEY SHARE until he commits (datakeys.c), and who
 * erases has locked it FOR UPDATE: each waits for the other. What is left to do is for an eraser whose snapshot is
 * older than such a key: his DELETE does not see it, so he looks again under a snapshot taken now.
 */
#include "base/pg.h"

#include "base/plan.h"

PG_FUNCTION_INFO_V1(commerce_erase_keys);

static SavedPlan delete_keys = {.sql = "DELETE FROM commerce.data_keys WHERE subject = $1", .args = "uuid"};

static SavedPlan find_key = {.sql = "SELECT FROM commerce.data_keys WHERE subject = $1 LIMIT 1",
							 .args = "uuid"};

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
