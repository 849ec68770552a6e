/*
 * stockroom.c: what there is of some skus, by counters or behind row locks.
 *
 * Where the escrow engine runs, the headroom of a source is its counter's, and nobody waits. Otherwise, and for a source
 * that can have no counter now, the row of stock is locked, always in the order of sku and location, so that two carts
 * never wait for each other in a circle. Only behind the lock are reservations added up, and with a snapshot taken
 * then: the transaction's own, under REPEATABLE READ, does not see what was promised since it began, and would promise
 * it again.
 *
 * Behind a lock a hold stops counting when the clock passes expires_at, swept or not; with a counter it counts until
 * somebody sweeps it, which a promise that would fail does first (promise.c). Whoever turns a hold into something
 * lasting looks at the clock, too, so both come to the same.
 */
#include "inventory/stockroom.h"

#include "base/plan.h"
#include "inventory/directory.h"
#include "inventory/stock_counters.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "common/int.h"
#pragma GCC diagnostic pop

#define STOCK_OF_SKUS                                                                                        \
	"SELECT s.sku, s.location, s.on_hand - s.safety_stock - s.damaged - s.quality_control - s.other,"        \
	" s.backorder_limit, coalesce(l.priority, 0), coalesce(l.active, true)"                                  \
	" FROM commerce.stock s LEFT JOIN commerce.locations l ON l.code = s.location"                           \
	" WHERE s.sku = ANY ($1) ORDER BY s.sku COLLATE \"C\", s.location COLLATE \"C\""

static SavedPlan lock_stock = {.sql = STOCK_OF_SKUS " FOR NO KEY UPDATE OF s", .args = "text[]"};
static SavedPlan look_at_stock = {.sql = STOCK_OF_SKUS, .args = "text[]"};

/* Sku by sku: where a few skus have most of the rows, the planner would read the whole table. */
static SavedPlan sum_active = {
	.sql = "SELECT wanted.sku, active.location, active.quantity FROM unnest($1) AS wanted (sku),"
		   " LATERAL (SELECT r.location, sum(r.quantity)::int8 AS quantity FROM commerce.reservations r"
		   " WHERE r.sku = wanted.sku AND r.state IN ('held', 'committed')"
		   " AND (r.state = 'committed' OR r.expires_at > $2)"
		   " AND ($3 IS NULL OR r.holder IS DISTINCT FROM $3 OR r.state = 'committed')"
		   " GROUP BY r.location) active",
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
commerce_stockroom_sources(const Stockroom *room, const char *sku, Source **first)
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

/* Reads what the stock of the skus adds to each source, and locks it, in order, where that is wanted. */
static void
read_rows(Stockroom *room, Datum skus, bool lock)
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

/* Finds the source of a sku at a location, or NULL. */
static Source *
source_at(const Stockroom *room, const char *sku, const char *location)
{
	Source *source;
	int count = commerce_stockroom_sources(room, sku, &source);

	for (; count > 0; count--, source++)
		if (strcmp(source->location, location) == 0)
			return source;
	return NULL;
}

/* Subtracts what active reservations hold, other than the holds of the holder. */
static void
subtract_reservations(Stockroom *room, Datum skus, const char *holder)
{
	Datum values[] = {skus, TimestampTzGetDatum(GetCurrentTimestamp()),
					  holder ? CStringGetTextDatum(holder) : (Datum) 0};
	uint64 rows = commerce_run(&sum_active, PLAN_LATEST, values, holder ? NULL : "  n");
	bool isnull;

	for (uint64 i = 0; i < rows; i++)
	{
		Source *source = source_at(room, commerce_text(i, 1), commerce_text(i, 2));

		if (source != NULL)
			source->available -= DatumGetInt64(commerce_value(i, 3, &isnull));
	}
}

/* Reads the stock of the skus from the tables. */
static void
read_tables(Stockroom *room, Datum skus, bool lock)
{
	read_rows(room, skus, lock);
	subtract_reservations(room, skus, NULL);
	room->unlocked = !lock && room->count > 0;
}

/* Opens the counters of all sources; returns how many have none. */
static int
open_counters(Stockroom *room)
{
	int without = 0;

	for (int i = 0; i < room->count; i++)
	{
		room->counters[i] = commerce_stock_counter(room->sources[i].sku, room->sources[i].location);
		if (room->counters[i] == NULL)
			without++;
	}
	return without;
}

/*
 * Reads from a counter what is available, as far as 64 bits tell. From here on no limit is a number, too, so that a plan
 * never takes more than the counter has: a limit somebody is about to set is in the counter before the directory knows.
 */
static void
read_counter(Source *source, const Counter *counter)
{
	if (source->backorder_limit == NO_LIMIT)
		source->backorder_limit = UNLIMITED_UNITS;
	if (pg_sub_s64_overflow(commerce_escrow_balance(counter), source->backorder_limit, &source->available))
		source->available = PG_INT64_MIN;
}

/* Reads from the tables the sources that have no counter. */
static void
read_the_rest(Stockroom *room, bool lock)
{
	Stockroom tables = {0};
	Datum *names = palloc(sizeof(Datum) * room->count);
	const char *last = NULL;
	int count = 0;

	for (int i = 0; i < room->count; i++)
		if (room->counters[i] == NULL && (last == NULL || strcmp(room->sources[i].sku, last) != 0))
		{
			last = room->sources[i].sku;
			names[count++] = CStringGetTextDatum(last);
		}
	read_tables(&tables, PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT)),
				lock);
	room->unlocked = tables.unlocked;
	for (int i = 0; i < room->count; i++)
		if (room->counters[i] == NULL)
		{
			const Source *source = source_at(&tables, room->sources[i].sku, room->sources[i].location);

			/* A row that is gone since the directory was read has nothing. */
			room->sources[i].available = source ? source->available : 0;
			room->sources[i].backorder_limit = source ? source->backorder_limit : 0;
		}
}

/* Makes room for counters. */
static void
make_room(Stockroom *room)
{
	room->counters =
		palloc_extended(sizeof(Counter *) * Max(room->count, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Reads what is available from the counters there are. */
static void
read_counters(Stockroom *room)
{
	for (int i = 0; i < room->count; i++)
		if (room->counters[i] != NULL)
			read_counter(&room->sources[i], room->counters[i]);
}

/* Reads the stock of the skus: what is there less what is promised. */
void
commerce_stockroom_read(Stockroom *room, Datum skus, bool lock)
{
	*room = (Stockroom){0};
	if (!commerce_escrow_on)
	{
		read_tables(room, skus, lock);
		make_room(room);
		return;
	}
	room->count = commerce_directory_sources(skus, &room->sources);
	make_room(room);
	if (open_counters(room) > 0)
		read_the_rest(room, lock);
	read_counters(room);
}

/* Reads the stock of the skus from the tables, locking nothing. */
void
commerce_stockroom_look(Stockroom *room, Datum skus, const char *holder)
{
	*room = (Stockroom){0};
	read_rows(room, skus, false);
	subtract_reservations(room, skus, holder);
	make_room(room);
}

/* Reads the stock of a sku by counters and from memory alone. */
bool
commerce_stockroom_recall(Stockroom *room, const char *sku)
{
	*room = (Stockroom){0};
	if (!commerce_escrow_on)
		return false;
	room->count = commerce_directory_recall(sku, &room->sources);
	if (room->count <= 0)
		return false;
	make_room(room);
	if (open_counters(room) > 0)
		return false;
	read_counters(room);
	return true;
}

/* Says how much of a source others have taken and not committed. */
int64
commerce_stockroom_contended(const Stockroom *room, const Source *source)
{
	const Counter *counter = room->counters[source - room->sources];

	return counter ? commerce_escrow_contended(counter) : 0;
}
