/*
 * stockroom.c: reading stock behind a row lock.
 *
 * available = on_hand - safety_stock - what active reservations hold. Two promises for the same stock are put in order
 * by locking its rows, always sorted by sku and location, so that two carts never wait for each other in a circle. Only
 * behind the lock are reservations added up, and with a snapshot taken then: the transaction's own snapshot, under
 * REPEATABLE READ, does not see what was promised since it began, and would promise it again.
 *
 * A hold stops counting when the clock passes expires_at, swept or not. Whoever turns a hold into something lasting
 * (commit, extend) also does so behind the lock and looks at the clock there, so the units of an expired hold can be
 * promised to another without waiting for a sweep.
 */
#include "inventory/stockroom.h"

#include "base/plan.h"

#define SELECT_STOCK                                                                                         \
	"SELECT s.sku, s.location, s.on_hand - s.safety_stock, s.backorder_limit, coalesce(l.priority, 0),"      \
	" coalesce(l.active, true) FROM commerce.stock s LEFT JOIN commerce.locations l ON l.code = s.location"  \
	" WHERE s.sku = ANY ($1)"

static SavedPlan lock_stock = {
	.sql = SELECT_STOCK " ORDER BY s.sku COLLATE \"C\", s.location COLLATE \"C\" FOR NO KEY UPDATE OF s",
	.args = "text[]"};

static SavedPlan look_at_stock = {.sql = SELECT_STOCK, .args = "text[]"};

static SavedPlan sum_active = {
	.sql = "SELECT r.sku, r.location, sum(r.quantity)::int8 FROM commerce.reservations r"
		   " WHERE r.sku = ANY ($1) AND r.state IN ('held', 'committed')"
		   " AND (r.state = 'committed' OR r.expires_at > $2)"
		   " AND ($3 IS NULL OR r.holder IS DISTINCT FROM $3 OR r.state = 'committed')"
		   " GROUP BY r.sku, r.location",
	.args = "text[]; timestamptz; text"};

/* Orders sources by sku, then priority, then location. */
static int
compare_sources(const void *a, const void *b)
{
	const Source *left = a;
	const Source *right = b;
	int by_sku = strcmp(left->sku, right->sku);

	if (by_sku != 0)
		return by_sku;
	if (left->priority != right->priority)
		return left->priority > right->priority ? -1 : 1;
	return strcmp(left->location, right->location);
}

/* Finds the sources of one sku; returns how many. */
int
commerce_stockroom_sources(Stockroom *room, const char *sku, Source **first)
{
	int low = 0;
	int high = room->count;
	int end;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (strcmp(room->sources[middle].sku, sku) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < room->count && strcmp(room->sources[end].sku, sku) == 0; end++)
		;
	*first = room->sources + low;
	return end - low;
}

/* Reads the stock of the skus, locking it, in order, where it is to be taken. */
static void
read_sources(Stockroom *room, Datum skus, bool lock)
{
	bool isnull;

	room->count = (int) (lock ? commerce_run(&lock_stock, PLAN_WRITES, &skus, NULL)
							  : commerce_run(&look_at_stock, PLAN_LATEST, &skus, NULL));
	room->sources = palloc_extended(sizeof(Source) * Max(room->count, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < room->count; i++)
		room->sources[i] = (Source){
			.sku = commerce_text(i, 1),
			.location = commerce_text(i, 2),
			.available = DatumGetInt64(commerce_value(i, 3, &isnull)),
			.backorder_limit = DatumGetInt64(commerce_value_or(i, 4, Int64GetDatum(NO_LIMIT))),
			.priority = DatumGetInt32(commerce_value(i, 5, &isnull)),
			.open = DatumGetBool(commerce_value(i, 6, &isnull)),
		};
	qsort(room->sources, room->count, sizeof(Source), compare_sources);
}

/* Subtracts what active reservations hold, other than the holds that give way. */
static void
subtract_reservations(Stockroom *room, Datum skus, const StockClaim *claim)
{
	bool exempt = claim->replace && claim->holder != NULL;
	Datum values[] = {skus, TimestampTzGetDatum(GetCurrentTimestamp()),
					  exempt ? CStringGetTextDatum(claim->holder) : (Datum) 0};
	uint64 rows = commerce_run(&sum_active, PLAN_LATEST, values, exempt ? NULL : "  n");
	bool isnull;

	for (uint64 i = 0; i < rows; i++)
	{
		char *sku = commerce_text(i, 1);
		char *location = commerce_text(i, 2);
		Source *source;
		int count = commerce_stockroom_sources(room, sku, &source);

		for (; count > 0; count--, source++)
			if (strcmp(source->location, location) == 0)
				source->available -= DatumGetInt64(commerce_value(i, 3, &isnull));
	}
}

/* Reads the stock of the skus: what is there less what is promised. */
void
commerce_stockroom_read(Stockroom *room, Datum skus, const StockClaim *claim)
{
	read_sources(room, skus, true);
	subtract_reservations(room, skus, claim);
}

/* Reads the same without a lock. */
void
commerce_stockroom_look(Stockroom *room, Datum skus, const StockClaim *claim)
{
	read_sources(room, skus, false);
	subtract_reservations(room, skus, claim);
}
