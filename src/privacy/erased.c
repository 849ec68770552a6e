/*
 * erased.c: who was erased is given no key again, so that nothing is kept of him anew.
 */
#include "privacy/erased.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/*
 * Is the subject a customer who was erased? Whoever erases locks the row FOR UPDATE, so this waits for him, and he for
 * the end of this transaction: a key that he has not seen cannot be made.
 */
static SavedPlan find_tombstone = {
	.sql = "SELECT erased_at IS NOT NULL FROM commerce.customers WHERE id = $1 FOR KEY SHARE",
	.args = "uuid"};

/* The same of a guest, who is known by an order: his erasure changes the order first. */
static SavedPlan lock_guest_order = {.sql = "SELECT FROM commerce.orders WHERE id = $1 FOR SHARE",
									 .args = "uuid"};

static SavedPlan find_guest_tombstone = {
	.sql = "SELECT true FROM commerce.guests WHERE order_id = $1 AND erased_at IS NOT NULL", .args = "uuid"};

/* Was the subject erased, a customer or a guest? */
static bool
is_erased(Datum subject)
{
	bool isnull;

	if (commerce_run(&find_tombstone, PLAN_WRITES, &subject, NULL) > 0)
		return DatumGetBool(commerce_value(0, 1, &isnull));
	return commerce_run(&lock_guest_order, PLAN_WRITES, &subject, NULL) > 0 &&
		   commerce_run(&find_guest_tombstone, PLAN_LATEST, &subject, NULL) > 0;
}

/* Refuses a key for somebody who was erased: nothing about him is to be kept again. */
void
commerce_refuse_erased(const pg_uuid_t *subject)
{
	if (!is_erased(UUIDPGetDatum(subject)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_NOT_PERMITTED), errmsg("this customer was erased"),
			 commerce_errfacts("customer",
							   DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(subject))), NULL),
			 errhint("Whoever comes back is a new customer: commerce.create_customer().")));
}
