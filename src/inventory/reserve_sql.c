/*
 * reserve_sql.c: reserve() and its relatives, as SQL calls them.
 */
#include "base/pg.h"

#include "base/card_guard.h"
#include "base/due.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/owner.h"
#include "base/plan.h"
#include "base/settings.h"
#include "inventory/holds.h"
#include "inventory/kits.h"
#include "inventory/reservations.h"
#include "inventory/stock.h"
#include "inventory/stock_counters.h"
#include "inventory/sweep.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "datatype/timestamp.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_reserve);
PG_FUNCTION_INFO_V1(commerce_try_reserve);
PG_FUNCTION_INFO_V1(commerce_extend_reservation);
PG_FUNCTION_INFO_V1(commerce_release_reservation);
PG_FUNCTION_INFO_V1(commerce_release_holder);
PG_FUNCTION_INFO_V1(commerce_expire_reservations);

static SavedPlan find_reservation = {
	.sql = "SELECT state, $2 IS NOT NULL AND (holder IS DISTINCT FROM $2 OR order_id IS NOT NULL),"
		   " state = 'held' AND expires_at > $3 FROM commerce.reservations WHERE id = $1 LIMIT 1",
	.args = "uuid; text; timestamptz"};

static SavedPlan find_places = {
	.sql = "SELECT sku, location FROM commerce.reservations WHERE id = $1 AND " HELD_FOR_CALLER
		   " ORDER BY sku COLLATE \"C\", location COLLATE \"C\"",
	.args = "uuid; text"};

static SavedPlan extend = {
	.sql = "UPDATE commerce.reservations SET expires_at = $3 WHERE id = $1 AND " HELD_FOR_CALLER
		   " AND expires_at > $4",
	.args = "uuid; text; timestamptz; timestamptz"};

static SavedPlan release = {
	.sql = "UPDATE commerce.reservations SET state = 'released' WHERE id = $1 AND " HELD_FOR_CALLER,
	.args = "uuid; text"};

static SavedPlan release_of_holder = {
	.sql = "UPDATE commerce.reservations SET state = 'released' WHERE holder = $1 AND state = 'held'",
	.args = "text"};

/* Returns when a hold taken now ends: after the interval given as argument n, or after commerce.reservation_ttl. */
TimestampTz
commerce_expiry(FunctionCallInfo fcinfo, int n)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz end;

	if (PG_ARGISNULL(n))
		return now + (int64) commerce_reservation_ttl * USECS_PER_SEC;
	end = DatumGetTimestampTz(
		DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(now), PG_GETARG_DATUM(n)));
	if (end <= now || TIMESTAMP_NOT_FINITE(end))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("ttl must be greater than zero")));
	return end;
}

/* Reads the arguments (sku, quantity, holder, location, ttl), refusing what no reservation can mean. */
static void
read_need(FunctionCallInfo fcinfo, StockNeed *need, StockClaim *claim)
{
	PreventCommandIfParallelMode("a reservation");
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("sku must not be null")));
	*need = (StockNeed){
		.sku = text_to_cstring(PG_GETARG_TEXT_PP(0)),
		.location = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)),
		.quantity = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1),
	};
	if (need->quantity <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("quantity must be greater than zero")));
	if (need->quantity > MAX_UNITS)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("the quantity of \"%s\" is out of range", need->sku),
						errhint("At most " INT64_FORMAT " units are counted.", MAX_UNITS)));
	*claim = (StockClaim){
		.holder = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)),
		.expires_at = commerce_expiry(fcinfo, 4),
		.whole = true,
	};
	commerce_refuse_card_number("holder", claim->holder);
}

/* Raises why nothing could be changed of a reservation, and tells nothing else to whom it does not belong. */
void
commerce_refuse_reservation(FunctionCallInfo fcinfo, int holder)
{
	Datum id = PG_GETARG_DATUM(0);
	Datum values[] = {id, PG_GETARG_DATUM(holder), TimestampTzGetDatum(GetCurrentTimestamp())};
	char *name = DatumGetCString(DirectFunctionCall1(uuid_out, id));
	char *state;
	bool isnull;

	if (commerce_run(&find_reservation, PLAN_LATEST, values, PG_ARGISNULL(holder) ? " n " : NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_UNKNOWN_RESERVATION), errmsg("there is no reservation %s", name),
						commerce_errfacts("reservation", name, "state", NULL, NULL),
						errhint("reserve() returns the id of a reservation.")));
	if (DatumGetBool(commerce_value(0, 2, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_UNKNOWN_RESERVATION),
						errmsg("reservation %s is not held for this holder", name),
						commerce_errfacts("reservation", name, "reason", "other_holder", NULL),
						errhint("Name the holder that it was reserved for.")));
	/* The snapshot of a whole transaction does not show what was reserved since, but that has not expired. */
	if (DatumGetBool(commerce_value(0, 3, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("reservation %s was made since this transaction began", name),
						errhint("Try again.")));
	state = commerce_text(0, 1);
	if (strcmp(state, "held") == 0 || strcmp(state, "expired") == 0)
		ereport(ERROR, (errcode(ERRCODE_RESERVATION_EXPIRED), errmsg("reservation %s has expired", name),
						commerce_errfacts("reservation", name, "state", "expired", NULL),
						errhint("Reserve again.")));
	ereport(ERROR, (errcode(ERRCODE_UNKNOWN_RESERVATION), errmsg("reservation %s is already %s", name, state),
					commerce_errfacts("reservation", name, "state", state, NULL),
					errhint("Only a held reservation can be released or extended.")));
}

/* Promises one need as the shop's owner, by statements. Returns the one id of it all, or NULL where it is short. */
static pg_uuid_t *
promise(StockNeed *need, const StockClaim *claim, bool refuse)
{
	MemoryContext caller = CurrentMemoryContext;
	OwnerScope scope;
	StockPromise *promises;
	pg_uuid_t *id = NULL;
	int made;

	commerce_enter_owner(&scope);
	SPI_connect();
	promises = commerce_stock_promise(need, 1, claim, refuse, &made);
	if (promises != NULL && made == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there is nothing of \"%s\" to reserve", need->sku),
						errhint("None of the kit's parts has stock that is tracked: it never runs out.")));
	if (promises != NULL)
	{
		id = MemoryContextAlloc(caller, UUID_LEN);
		*id = promises[0].id;
	}
	SPI_finish();
	commerce_leave_owner(&scope);
	return id;
}

/*
 * reserve(sku, quantity, holder, location, ttl) holds stock or raises CM001. Like try_reserve() it runs with the rights
 * of its caller until it needs a statement, which it seldom does: becoming another takes longer than holding stock.
 */
Datum
commerce_reserve(PG_FUNCTION_ARGS)
{
	StockNeed need;
	StockClaim claim;
	StockPromise *quick;

	read_need(fcinfo, &need, &claim);
	quick = commerce_stock_promise_quickly(&need, &claim);
	PG_RETURN_UUID_P(quick ? &quick->id : promise(&need, &claim, true));
}

/* try_reserve(…) holds stock or returns NULL: being sold out locks no row, writes no WAL and takes no transaction id. */
Datum
commerce_try_reserve(PG_FUNCTION_ARGS)
{
	StockNeed need;
	StockClaim claim;
	StockPromise *quick;
	pg_uuid_t *id;

	read_need(fcinfo, &need, &claim);
	quick = commerce_stock_promise_quickly(&need, &claim);
	id = quick ? &quick->id : promise(&need, &claim, false);
	if (id == NULL)
		PG_RETURN_NULL();
	PG_RETURN_UUID_P(id);
}

/* Locks the rows of stock that a reservation holds and that have no counter, in the order in which everyone does. */
static void
lock_stock_of(const Datum *values, const char *nulls)
{
	int rows = (int) commerce_run(&find_places, PLAN_LATEST, values, nulls);
	char **skus = palloc(sizeof(char *) * Max(rows, 1));
	char **locations = palloc(sizeof(char *) * Max(rows, 1));

	for (int i = 0; i < rows; i++)
	{
		skus[i] = commerce_text(i, 1);
		locations[i] = commerce_text(i, 2);
	}
	for (int i = 0; i < rows; i++)
		if (commerce_stock_counter(skus[i], locations[i]) == NULL)
			commerce_lock_stock(skus[i], locations[i]);
}

/*
 * extend_reservation(reservation, ttl, holder) holds on for that long from now. Where stock is locked, behind the lock,
 * as stockroom.c explains: units of an expired hold may already be another's.
 */
Datum
commerce_extend_reservation(PG_FUNCTION_ARGS)
{
	TimestampTz end = commerce_expiry(fcinfo, 1);
	Datum values[4] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(2), TimestampTzGetDatum(end)};
	const char *nulls = PG_ARGISNULL(2) ? " n  " : NULL;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("reservation must not be null")));
	SPI_connect();
	lock_stock_of(values, nulls);
	values[3] = TimestampTzGetDatum(GetCurrentTimestamp());
	if (commerce_run(&extend, PLAN_WRITES, values, nulls) == 0)
		commerce_refuse_reservation(fcinfo, 2);
	SPI_finish();
	commerce_chores_due(end);
	PG_RETURN_TIMESTAMPTZ(end);
}

/* release_reservation(reservation, holder) gives held units back; CM003 where there is nothing to give back. */
Datum
commerce_release_reservation(PG_FUNCTION_ARGS)
{
	Datum values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	SPI_connect();
	if (commerce_run(&release, PLAN_WRITES, values, PG_ARGISNULL(1) ? " n" : NULL) == 0)
		commerce_refuse_reservation(fcinfo, 1);
	SPI_finish();
	PG_RETURN_VOID();
}

/* release_holder(holder) gives back all that a holder holds and returns how many reservations that were. */
Datum
commerce_release_holder(PG_FUNCTION_ARGS)
{
	uint64 released;

	SPI_connect();
	commerce_lock_holder(TextDatumGetCString(PG_GETARG_DATUM(0)));
	released = commerce_run(&release_of_holder, PLAN_WRITES, (Datum[]){PG_GETARG_DATUM(0)}, NULL);
	SPI_finish();
	PG_RETURN_INT64(released);
}

/* expire_reservations(batch) marks overdue holds as expired, at most batch of them, and returns how many it marked. */
Datum
commerce_expire_reservations(PG_FUNCTION_ARGS)
{
	uint64 expired;

	if (PG_GETARG_INT64(0) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("batch must be greater than zero")));
	SPI_connect();
	expired = commerce_expire_overdue(PG_GETARG_INT64(0));
	SPI_finish();
	PG_RETURN_INT64(expired);
}
