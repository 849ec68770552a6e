/*
 * reserve_sql.c: reserve() and its relatives, as SQL calls them.
 */
#include "base/pg.h"

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

static SavedPlan find_reservation = {.sql = "SELECT state FROM commerce.reservations WHERE id = $1 LIMIT 1",
									 .args = "uuid"};

static SavedPlan find_places = {.sql = "SELECT sku, location FROM commerce.reservations WHERE id = $1"
									   " ORDER BY sku COLLATE \"C\", location COLLATE \"C\"",
								.args = "uuid"};

static SavedPlan extend = {.sql = "UPDATE commerce.reservations SET expires_at = $2 WHERE id = $1 AND state "
								  "= 'held' AND expires_at > $3",
						   .args = "uuid; timestamptz; timestamptz"};

static SavedPlan release = {
	.sql = "UPDATE commerce.reservations SET state = 'released' WHERE id = $1 AND state = 'held'",
	.args = "uuid"};

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
}

/* Raises CM003 for a reservation that is not there or not held any more, CM004 for one whose time is over. */
void
commerce_refuse_reservation(const pg_uuid_t *id, const char *state)
{
	char *name = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
	bool expired = state != NULL && (strcmp(state, "held") == 0 || strcmp(state, "expired") == 0);

	if (expired)
		ereport(ERROR, (errcode(ERRCODE_RESERVATION_EXPIRED), errmsg("reservation %s has expired", name),
						commerce_errfacts("reservation", name, "state", expired ? "expired" : state, NULL),
						errhint("Reserve again.")));
	if (state == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNKNOWN_RESERVATION), errmsg("there is no reservation %s", name),
						commerce_errfacts("reservation", name, "state", expired ? "expired" : state, NULL),
						errhint("reserve() returns the id of a reservation.")));
	ereport(ERROR, (errcode(ERRCODE_UNKNOWN_RESERVATION), errmsg("reservation %s is already %s", name, state),
					commerce_errfacts("reservation", name, "state", expired ? "expired" : state, NULL),
					errhint("Only a held reservation can be released or extended.")));
}

/* Returns the state of a reservation, as committed by now, or NULL for none. */
char *
commerce_reservation_state(const pg_uuid_t *id)
{
	if (commerce_run(&find_reservation, PLAN_LATEST, (Datum[]){UUIDPGetDatum(id)}, NULL) == 0)
		return NULL;
	return commerce_text(0, 1);
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
lock_stock_of(const pg_uuid_t *id)
{
	int rows = (int) commerce_run(&find_places, PLAN_LATEST, (Datum[]){UUIDPGetDatum(id)}, NULL);
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
 * extend_reservation(reservation, ttl) holds on for that long from now. Where stock is locked, behind the lock, as
 * stockroom.c explains: units of an expired hold may already be another's.
 */
Datum
commerce_extend_reservation(PG_FUNCTION_ARGS)
{
	pg_uuid_t *id;
	TimestampTz end = commerce_expiry(fcinfo, 1);

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("reservation must not be null")));
	id = PG_GETARG_UUID_P(0);
	SPI_connect();
	lock_stock_of(id);
	if (commerce_run(&extend, PLAN_WRITES,
					 (Datum[]){UUIDPGetDatum(id), TimestampTzGetDatum(end),
							   TimestampTzGetDatum(GetCurrentTimestamp())},
					 NULL) == 0)
		commerce_refuse_reservation(id, commerce_reservation_state(id));
	SPI_finish();
	commerce_chores_due(end);
	PG_RETURN_TIMESTAMPTZ(end);
}

/* release_reservation(reservation) gives held units back; CM003 where there is nothing to give back. */
Datum
commerce_release_reservation(PG_FUNCTION_ARGS)
{
	pg_uuid_t *id = PG_GETARG_UUID_P(0);

	SPI_connect();
	if (commerce_run(&release, PLAN_WRITES, (Datum[]){UUIDPGetDatum(id)}, NULL) == 0)
		commerce_refuse_reservation(id, commerce_reservation_state(id));
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
