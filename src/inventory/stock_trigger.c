/*
 * stock_trigger.c: every row of stock and reservations that changes, whoever changes it, is counted here.
 *
 * The triggers fire always, also for a replica, and after the row: what BEFORE triggers made of it is what counts. A
 * change that leaves less to promise is counted at once, though the counter may fall below zero: what is physically
 * there, or already written, is true whether it suits or not. A change that leaves more is counted at commit.
 *
 * Where there is no counter, the row of stock is what promises wait for each other on. Who changes stock has locked it
 * by that; who writes a reservation locks it here.
 */
#include "base/pg.h"

#include "base/owner.h"
#include "base/row.h"
#include "inventory/stock_counters.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "commands/trigger.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_stock_changed);
PG_FUNCTION_INFO_V1(commerce_reservation_changed);

/* What one row says about one counter. */
typedef struct Share
{
	char *sku; /* NULL: there is no row */
	char *location;
	int64 headroom; /* what the row adds to it, or, negative, takes from it */
} Share;

/* Reads a column by its name and type. */
static Datum
column(HeapTuple row, TupleDesc desc, const char *name, Oid type, bool *isnull)
{
	return commerce_row_column(row, desc, name, type, "stock is", isnull);
}

/* Reads a whole number, 0 for NULL. */
static int64
units(HeapTuple row, TupleDesc desc, const char *name)
{
	bool isnull;
	Datum value = column(row, desc, name, INT8OID, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* Reads a text, NULL for NULL. */
static char *
name_in(HeapTuple row, TupleDesc desc, const char *name)
{
	bool isnull;
	Datum value = column(row, desc, name, TEXTOID, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* Reads the key of a row. One without sku or location, where the table allows it, is nobody's stock. */
static Share
key_of(HeapTuple row, TupleDesc desc)
{
	Share share = {.sku = name_in(row, desc, "sku"), .location = name_in(row, desc, "location")};

	if (share.location == NULL)
		share.sku = NULL;
	return share;
}

/* Says what a row of stock adds to the headroom; the table's checks keep the sum within 64 bits. */
static Share
share_of_stock(HeapTuple row, TupleDesc desc)
{
	Share share = key_of(row, desc);
	bool unlimited;
	Datum limit = column(row, desc, "backorder_limit", INT8OID, &unlimited);

	share.headroom = units(row, desc, "on_hand") - units(row, desc, "safety_stock") -
					 units(row, desc, "damaged") - units(row, desc, "quality_control") -
					 units(row, desc, "other") + (unlimited ? UNLIMITED_UNITS : DatumGetInt64(limit));
	return share;
}

/* Says what a reservation takes from the headroom. */
static Share
share_of_reservation(HeapTuple row, TupleDesc desc)
{
	Share share = key_of(row, desc);
	const char *state = name_in(row, desc, "state");

	if (state != NULL && (strcmp(state, "held") == 0 || strcmp(state, "committed") == 0))
		share.headroom = -units(row, desc, "quantity");
	return share;
}

/* Counts that the headroom of a key changes; returns false where that takes a lock on its row. */
static bool
count(const Share *share, int64 change)
{
	Counter *counter;

	if (change == 0)
		return true;
	counter = commerce_stock_counter(share->sku, share->location);
	if (counter == NULL)
		return change > 0;
	if (change > 0)
		commerce_escrow_give(counter, change);
	else
		commerce_escrow_written(counter, -change);
	return true;
}

/* Locks the row of stock as its owner. */
static void
lock_row(const Share *share)
{
	OwnerScope scope;

	commerce_enter_owner(&scope);
	SPI_connect();
	commerce_lock_stock(share->sku, share->location);
	SPI_finish();
	commerce_leave_owner(&scope);
}

/* Counts the difference between two shares of one row. */
static void
count_difference(const Share *before, const Share *after, bool lock)
{
	bool same = before->sku && after->sku && strcmp(before->sku, after->sku) == 0 &&
				strcmp(before->location, after->location) == 0;
	int64 change = after->headroom;

	if (same && pg_sub_s64_overflow(after->headroom, before->headroom, &change))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("quantity out of range")));
	if (before->sku && !same && !count(before, -before->headroom) && lock)
		lock_row(before);
	if (after->sku && !count(after, change) && lock)
		lock_row(after);
}

/* Reads the shares of the old and the new row and counts their difference. */
static void
count_row(FunctionCallInfo fcinfo, Share (*share_of)(HeapTuple, TupleDesc), bool lock)
{
	Share before = {0};
	Share after = {0};
	HeapTuple old_row;
	HeapTuple new_row;
	TupleDesc desc = commerce_changed_row(fcinfo, "stock", &old_row, &new_row);

	if (old_row)
		before = share_of(old_row, desc);
	if (new_row)
		after = share_of(new_row, desc);
	count_difference(&before, &after, lock);
}

/* Returns whether a column of a changed row is not what it was. */
static bool
column_changed(const TriggerData *trigger, const char *name)
{
	TupleDesc desc = RelationGetDescr(trigger->tg_relation);
	bool was_null;
	bool is_null;
	Datum before = column(trigger->tg_trigtuple, desc, name, INT8OID, &was_null);
	Datum after = column(trigger->tg_newtuple, desc, name, INT8OID, &is_null);

	return was_null != is_null || (!was_null && DatumGetInt64(before) != DatumGetInt64(after));
}

/* Has a level looked at that is new, or whose lines, beyond which it is worth an event, have moved. */
static void
look_at_lines(const TriggerData *trigger)
{
	Share share;
	Counter *counter;

	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ||
		(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) && !column_changed(trigger, "backorder_limit") &&
		 !column_changed(trigger, "low_stock")))
		return;
	share = key_of(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple,
				   RelationGetDescr(trigger->tg_relation));
	counter = share.sku ? commerce_stock_counter(share.sku, share.location) : NULL;
	if (counter != NULL)
		commerce_escrow_look_again(counter);
}

/* commerce.stock_changed() counts a changed row of stock. */
Datum
commerce_stock_changed(PG_FUNCTION_ARGS)
{
	count_row(fcinfo, share_of_stock, false);
	look_at_lines((TriggerData *) fcinfo->context);
	return PointerGetDatum(NULL);
}

/* commerce.reservation_changed() counts a changed reservation. */
Datum
commerce_reservation_changed(PG_FUNCTION_ARGS)
{
	count_row(fcinfo, share_of_reservation, true);
	return PointerGetDatum(NULL);
}
