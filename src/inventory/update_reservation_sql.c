/*
 * update_reservation_sql.c: changing how much a reservation holds, where it holds it.
 *
 * Its rows are locked first, so that what they hold stays what it is. To hold more, the difference is then taken from
 * where they hold it, as any promise takes it.
 */
#include "base/pg.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/ready.h"
#include "inventory/holds.h"
#include "inventory/kits.h"
#include "inventory/needs.h"
#include "inventory/stockroom.h"
#include "inventory/sweep.h"

PG_FUNCTION_INFO_V1(commerce_update_reservation);

static SavedPlan lock_rows = {
	.sql = "SELECT sku, location, quantity, per_unit, expires_at FROM commerce.reservations"
		   " WHERE id = $1 AND " HELD_FOR_CALLER " ORDER BY sku COLLATE \"C\" FOR NO KEY UPDATE",
	.args = "uuid; text"};

static SavedPlan write_rows = {.sql = "UPDATE commerce.reservations SET quantity = $2 * per_unit"
									  " WHERE id = $1 AND state = 'held' AND expires_at > $3",
							   .args = "uuid; int8; timestamptz"};

/* A reservation's rows, each as the need it would be with another quantity. */
typedef struct Held
{
	StockNeed *needs;
	int64 *quantities;
	Counter **counters; /* what more is taken from; NULL: nothing, or a locked row */
	int64 *unwritten;   /* what others of this transaction had taken from that and not written before */
	int count;
} Held;

/* Refuses what is held in unequal pieces: a part of it says nothing about whole kits. */
static void
refuse_pieces(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("the kit is held in pieces, in several reservations"),
					errhint("Reserve it again with reserve_lines(), which replaces what its holder holds.")));
}

/* Locks and reads the rows; refuses a reservation that is not held, or not for the holder. */
static void
read_held(FunctionCallInfo fcinfo, Held *held)
{
	int64 quantity = PG_GETARG_INT64(1);
	uint64 rows = commerce_run(&lock_rows, PLAN_WRITES, (Datum[]){PG_GETARG_DATUM(0), PG_GETARG_DATUM(2)},
							   PG_ARGISNULL(2) ? " n" : NULL);
	bool isnull;

	if (rows == 0 || DatumGetTimestampTz(commerce_value(0, 5, &isnull)) <= GetCurrentTimestamp())
		commerce_refuse_reservation(fcinfo, 2);
	held->needs = palloc(sizeof(StockNeed) * rows);
	held->quantities = palloc(sizeof(int64) * rows);
	held->counters = palloc0(sizeof(Counter *) * rows);
	held->unwritten = palloc(sizeof(int64) * rows);
	held->count = (int) rows;
	for (uint64 i = 0; i < rows; i++)
	{
		int64 per_unit = DatumGetInt64(commerce_value(i, 4, &isnull));

		held->quantities[i] = DatumGetInt64(commerce_value(i, 3, &isnull));
		if (held->quantities[i] % per_unit != 0 ||
			held->quantities[i] / per_unit !=
				held->quantities[0] / DatumGetInt64(commerce_value(0, 4, &isnull)))
			refuse_pieces();
		if (quantity > MAX_UNITS / per_unit)
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("the quantity of \"%s\" is out of range", commerce_text(i, 1))));
		held->needs[i] = (StockNeed){
			.sku = commerce_text(i, 1), .location = commerce_text(i, 2), .quantity = quantity * per_unit};
	}
}

/* Finds the source that a row holds from, or NULL. */
static Source *
source_of(const Stockroom *room, const StockNeed *need)
{
	Source *source;
	int count = commerce_stockroom_sources(room, need->sku, &source);

	for (; count > 0; count--, source++)
		if (strcmp(source->location, need->location) == 0)
			return source;
	return NULL;
}

/* Gives what the rows hold back to the sources they hold it from, so that they do not stand in their own way. */
static void
give_back(const Stockroom *room, const Held *held)
{
	for (int i = 0; i < held->count; i++)
	{
		Source *source = source_of(room, &held->needs[i]);

		if (source != NULL)
			source->available += held->quantities[i];
	}
}

/* Takes what the rows are to hold more; false, and nothing taken, where somebody was faster. */
static bool
take_more(const Stockroom *room, Held *held)
{
	commerce_escrow_begin();
	for (int i = 0; i < held->count; i++)
	{
		const Source *source = source_of(room, &held->needs[i]);

		held->counters[i] = source ? room->counters[source - room->sources] : NULL;
		if (held->counters[i] == NULL)
			continue;
		held->unwritten[i] = commerce_escrow_unwritten(held->counters[i]);
		if (!commerce_escrow_take(held->counters[i], held->needs[i].quantity - held->quantities[i]))
		{
			commerce_escrow_undo();
			return false;
		}
	}
	commerce_escrow_keep();
	return true;
}

/* Makes sure of what the rows are to hold more, or raises CM001. */
static void
promise_more(Held *held)
{
	StockClaim claim = {.mode = STOCK_ALL};
	NeededGoods goods;
	Stockroom room;

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		commerce_expand_needs(&goods, held->needs, held->count, false);
		commerce_stockroom_read(&room, goods.skus, true);
		give_back(&room, held);
		if (!commerce_plan_needs(&goods, &room, &claim))
		{
			if (commerce_expire_overdue_of(goods.skus) == 0)
				commerce_refuse_short(&goods, &room);
		}
		else if (take_more(&room, held))
			return;
	}
}

/* update_reservation(reservation, quantity, holder) changes how much is held. */
Datum
commerce_update_reservation(PG_FUNCTION_ARGS)
{
	Held held;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("reservation and quantity must not be null")));
	if (PG_GETARG_INT64(1) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("quantity must be greater than zero"),
				 errhint("release_reservation() gives all of it back.")));
	SPI_connect();
	commerce_require_shop();
	read_held(fcinfo, &held);
	/* Holding less is always possible, even of what is not there any more. */
	if (held.needs[0].quantity > held.quantities[0])
		promise_more(&held);
	if (commerce_run(
			&write_rows, PLAN_WRITES,
			(Datum[]){PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), TimestampTzGetDatum(GetCurrentTimestamp())},
			NULL) == 0)
		commerce_refuse_reservation(fcinfo, 2);
	for (int i = 0; i < held.count; i++)
		if (held.counters[i] != NULL)
			commerce_escrow_settle(held.counters[i], held.unwritten[i]);
	SPI_finish();
	PG_RETURN_VOID();
}
