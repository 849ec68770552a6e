/*
 * promise.c: promising stock behind a row lock.
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
#include "base/pg.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/uuid.h"
#include "inventory/sourcing.h"
#include "inventory/stock.h"

/* Everything known of the skus in question, sorted by sku, preferred location first. */
typedef struct Stockroom
{
	Source *sources;
	int count;
	Taking *takings; /* room for one demand */
} Stockroom;

/* The reservations to be written. */
typedef struct Promises
{
	Datum *ids;
	Datum *skus;
	Datum *locations;
	Datum *quantities;
	Datum *lines;
	int count;
	int room;
} Promises;

static SavedPlan lock_stock = {
	.sql = "SELECT s.sku, s.location, s.on_hand - s.safety_stock, s.backorder_limit, coalesce(l.priority, 0),"
		   " coalesce(l.active, true)"
		   " FROM commerce.stock s LEFT JOIN commerce.locations l ON l.code = s.location"
		   " WHERE s.sku = ANY ($1) ORDER BY s.sku COLLATE \"C\", s.location COLLATE \"C\""
		   " FOR NO KEY UPDATE OF s",
	.args = "text[]"};

static SavedPlan sum_active = {
	.sql = "SELECT r.sku, r.location, sum(r.quantity)::int8 FROM commerce.reservations r"
		   " WHERE r.sku = ANY ($1) AND r.state IN ('held', 'committed')"
		   " AND (r.state = 'committed' OR r.expires_at > $2)"
		   " AND ($3 IS NULL OR r.holder IS DISTINCT FROM $3 OR r.state = 'committed')"
		   " GROUP BY r.sku, r.location",
	.args = "text[]; timestamptz; text"};

static SavedPlan drop_own_holds = {.sql = "UPDATE commerce.reservations SET state = 'released'"
										  " WHERE holder = $1 AND sku = ANY ($2) AND state = 'held'",
								   .args = "text; text[]"};

static SavedPlan write_reservations = {
	.sql = "INSERT INTO commerce.reservations"
		   " (id, sku, location, quantity, line, holder, state, expires_at, order_id)"
		   " SELECT id, sku, location, quantity, line, $6, $7, $8, $9"
		   " FROM unnest($1, $2, $3, $4, $5) AS made (id, sku, location, quantity, line)",
	.args = "uuid[]; text[]; text[]; int8[]; int4[]; text; text; timestamptz; uuid"};

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
static int
sources_of(Stockroom *room, const char *sku, Source **first)
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

/* Locks the stock of the skus, in order, and reads it. */
static void
read_stockroom(Stockroom *room, Datum skus)
{
	bool isnull;

	room->count = (int) commerce_run(&lock_stock, PLAN_WRITES, &skus, NULL);
	room->sources = palloc(sizeof(Source) * Max(room->count, 1));
	room->takings = palloc(sizeof(Taking) * Max(room->count, 1));
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
		int count = sources_of(room, sku, &source);

		for (; count > 0; count--, source++)
			if (strcmp(source->location, location) == 0)
				source->available -= DatumGetInt64(commerce_value(i, 3, &isnull));
	}
}

/* Adds one reservation to those to be written. */
static void
add_promise(Promises *promises, const Source *source, int64 quantity, int line)
{
	if (promises->count == promises->room)
	{
		promises->room *= 2;
		promises->ids = repalloc_huge(promises->ids, sizeof(Datum) * promises->room);
		promises->skus = repalloc_huge(promises->skus, sizeof(Datum) * promises->room);
		promises->locations = repalloc_huge(promises->locations, sizeof(Datum) * promises->room);
		promises->quantities = repalloc_huge(promises->quantities, sizeof(Datum) * promises->room);
		promises->lines = repalloc_huge(promises->lines, sizeof(Datum) * promises->room);
	}
	promises->ids[promises->count] = UUIDPGetDatum(commerce_uuidv7());
	promises->skus[promises->count] = CStringGetTextDatum(source->sku);
	promises->locations[promises->count] = CStringGetTextDatum(source->location);
	promises->quantities[promises->count] = Int64GetDatum(quantity);
	promises->lines[promises->count] = Int32GetDatum(line);
	promises->count++;
}

/* Begins a list of reservations to be written. */
static Promises
new_promises(int room)
{
	Promises promises = {.room = room};

	promises.ids = palloc(sizeof(Datum) * room);
	promises.skus = palloc(sizeof(Datum) * room);
	promises.locations = palloc(sizeof(Datum) * room);
	promises.quantities = palloc(sizeof(Datum) * room);
	promises.lines = palloc(sizeof(Datum) * room);
	return promises;
}

/*
 * Returns what a need could have had at most: what the sku's sources had before it, together or, where one location has
 * to give the whole, the one that had most.
 */
static int64
available_before(Stockroom *room, const StockNeed *need, int64 missing, bool whole)
{
	Source *source;
	int count = sources_of(room, need->sku, &source);
	int64 left = need->quantity - missing;

	for (; count > 0; count--, source++)
		if (need->location ? strcmp(source->location, need->location) == 0 : source->open)
		{
			int64 more = Min(commerce_source_can_give(source, true), need->quantity - 1);

			left = whole ? Max(left, more) : left + Min(more, need->quantity - 1 - left);
		}
	return left;
}

/* Raises CM001 with every short line. */
static void
refuse_short(const StockNeed *needs, int count, const int64 *missing, Stockroom *room, bool whole)
{
	JsonWriter detail = JSON_WRITER_INIT;
	int short_lines = 0;
	const char *sku = NULL;

	commerce_json_object(&detail);
	commerce_json_key(&detail, "lines");
	commerce_json_array(&detail);
	for (int i = 0; i < count; i++)
	{
		if (missing[i] == 0)
			continue;
		short_lines++;
		sku = sku ? sku : needs[i].sku;
		commerce_json_object(&detail);
		commerce_json_key(&detail, "sku");
		commerce_json_string(&detail, needs[i].sku);
		commerce_json_key(&detail, "location");
		commerce_json_string(&detail, needs[i].location);
		commerce_json_key(&detail, "requested");
		commerce_json_int(&detail, needs[i].quantity);
		commerce_json_key(&detail, "available");
		commerce_json_int(&detail, available_before(room, &needs[i], missing[i], whole));
		commerce_json_end_object(&detail);
	}
	commerce_json_end_array(&detail);
	commerce_json_end_object(&detail);
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_STOCK),
					short_lines == 1 ? errmsg("not enough stock of \"%s\"", sku)
									 : errmsg("not enough stock of \"%s\" and %d more", sku, short_lines - 1),
					commerce_errdetail(&detail),
					errhint("Ask for no more than is available, or receive more stock.")));
}

/* Writes the reservations in one statement. */
static void
write_promises(const Promises *promises, Datum skus, const StockClaim *claim)
{
	Datum holder = claim->holder ? CStringGetTextDatum(claim->holder) : (Datum) 0;
	ArrayType *ids = construct_array(promises->ids, promises->count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
	ArrayType *sku_names = construct_array(promises->skus, promises->count, TEXTOID, -1, false, TYPALIGN_INT);
	ArrayType *locations =
		construct_array(promises->locations, promises->count, TEXTOID, -1, false, TYPALIGN_INT);
	ArrayType *quantities =
		construct_array(promises->quantities, promises->count, INT8OID, 8, true, TYPALIGN_DOUBLE);
	ArrayType *lines = construct_array(promises->lines, promises->count, INT4OID, 4, true, TYPALIGN_INT);
	char nulls[] = "         ";

	if (claim->replace && claim->holder)
		(void) commerce_run(&drop_own_holds, PLAN_WRITES, (Datum[]){holder, skus}, NULL);
	nulls[5] = claim->holder ? ' ' : 'n';
	nulls[7] = claim->order ? 'n' : ' ';
	nulls[8] = claim->order ? ' ' : 'n';
	(void) commerce_run(&write_reservations, PLAN_WRITES,
						(Datum[]){PointerGetDatum(ids), PointerGetDatum(sku_names),
								  PointerGetDatum(locations), PointerGetDatum(quantities),
								  PointerGetDatum(lines), holder,
								  CStringGetTextDatum(claim->order ? "committed" : "held"),
								  TimestampTzGetDatum(claim->expires_at), UUIDPGetDatum(claim->order)},
						nulls);
}

/* Returns the distinct skus of the needs as a text[]. */
static Datum
distinct_skus(const StockNeed *needs, int count)
{
	const char **names = palloc(sizeof(char *) * Max(count, 1));
	Datum *values = palloc(sizeof(Datum) * Max(count, 1));
	int distinct = 0;

	for (int i = 0; i < count; i++)
		names[i] = needs[i].sku;
	qsort(names, count, sizeof(char *), pg_qsort_strcmp);
	for (int i = 0; i < count; i++)
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			values[distinct++] = CStringGetTextDatum(names[i]);
	return PointerGetDatum(construct_array(values, distinct, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Refuses with CM002 a location that is not among the shop's. */
static void
require_locations(const StockNeed *needs, int count)
{
	Datum *names = palloc(sizeof(Datum) * Max(count, 1));
	int named = 0;

	for (int i = 0; i < count; i++)
		if (needs[i].location)
			names[named++] = CStringGetTextDatum(needs[i].location);
	if (named > 0)
		commerce_require_locations(
			PointerGetDatum(construct_array(names, named, TEXTOID, -1, false, TYPALIGN_INT)));
}

/* Promises all or nothing. */
pg_uuid_t *
commerce_stock_promise(const StockNeed *needs, int count, const StockClaim *claim, bool refuse, int *made)
{
	Datum skus = distinct_skus(needs, count);
	Promises promises = new_promises(count + 1);
	int64 *missing = palloc(sizeof(int64) * Max(count, 1));
	Stockroom room;
	bool enough = true;
	pg_uuid_t *ids;

	read_stockroom(&room, skus);
	subtract_reservations(&room, skus, claim);
	for (int n = 0; n < count; n++)
	{
		Source *sources;
		int source_count = sources_of(&room, needs[n].sku, &sources);
		int takings = commerce_source(needs[n].quantity, needs[n].location, claim->whole, sources,
									  source_count, room.takings, &missing[n]);

		for (int t = 0; t < takings; t++)
			add_promise(&promises, &sources[room.takings[t].source], room.takings[t].quantity, needs[n].line);
		enough = enough && missing[n] == 0;
	}
	if (!enough)
	{
		commerce_require_skus(skus);
		require_locations(needs, count);
		if (refuse)
			refuse_short(needs, count, missing, &room, claim->whole);
		return NULL;
	}
	write_promises(&promises, skus, claim);
	ids = palloc(sizeof(pg_uuid_t) * Max(promises.count, 1));
	for (int i = 0; i < promises.count; i++)
		ids[i] = *DatumGetUUIDP(promises.ids[i]);
	*made = promises.count;
	return ids;
}
