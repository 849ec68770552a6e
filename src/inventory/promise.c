/*
 * promise.c: promising stock, all of what is needed or none.
 *
 * What is there is read, a plan is made on these numbers, and what the plan takes is taken. Between reading and taking
 * others take, too; who comes too late gives back what he has and reads again. He who is short first lets overdue holds
 * of the same skus expire, and looks once more.
 */
#include "inventory/stock.h"

#include "base/errors.h"
#include "base/json.h"
#include "inventory/reservations.h"
#include "inventory/stockroom.h"
#include "inventory/sweep.h"

/*
 * Returns what a need could have had at most: what the sku's sources had before it, together or, where one location has
 * to give the whole, the one that had most.
 */
static int64
available_before(Stockroom *room, const StockNeed *need, int64 missing, bool whole)
{
	Source *source;
	int count = commerce_stockroom_sources(room, need->sku, &source);
	int64 left = need->quantity - missing;

	for (; count > 0; count--, source++)
		if (need->location ? strcmp(source->location, need->location) == 0 : source->open)
		{
			int64 more = Min(commerce_source_can_give(source, true), need->quantity - 1);

			left = whole ? Max(left, more) : left + Min(more, need->quantity - 1 - left);
		}
	return left;
}

/* Adds what others have taken but not committed, where there is such: it may yet come back. */
static void
add_contended(JsonWriter *detail, const Stockroom *room, const StockNeed *need)
{
	Source *source;
	int count = commerce_stockroom_sources(room, need->sku, &source);
	int64 contended = 0;

	for (; count > 0; count--, source++)
		if (need->location == NULL || strcmp(source->location, need->location) == 0)
			contended += commerce_stockroom_contended(room, source);
	if (contended <= 0)
		return;
	commerce_json_key(detail, "contended");
	commerce_json_int(detail, contended);
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
		add_contended(&detail, room, &needs[i]);
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

/* Takes from its source what a need takes, and notes it; returns whether nobody was faster. */
static bool
take(const Stockroom *room, Promises *promises, const StockNeed *need, Source *sources, int takings)
{
	for (int t = 0; t < takings; t++)
	{
		const Source *source = &sources[room->takings[t].source];

		if (!commerce_stockroom_take(room, source, room->takings[t].quantity))
			return false;
		commerce_add_promise(promises, source, room->counters[source - room->sources],
							 room->takings[t].quantity, need->line);
	}
	return true;
}

typedef enum Outcome
{
	ENOUGH,
	SHORT,
	RACED, /* somebody was faster; what is there has to be read again */
} Outcome;

/* Plans where each need is met and takes it there, all or nothing. */
static Outcome
meet(const StockNeed *needs, int count, bool whole, Stockroom *room, Promises *promises, int64 *missing)
{
	Outcome outcome = ENOUGH;

	promises->count = 0;
	commerce_escrow_begin();
	for (int n = 0; n < count && outcome != RACED; n++)
	{
		Source *sources;
		int source_count = commerce_stockroom_sources(room, needs[n].sku, &sources);
		int takings = commerce_source(needs[n].quantity, needs[n].location, whole, sources, source_count,
									  room->takings, &missing[n]);

		if (!take(room, promises, &needs[n], sources, takings))
			outcome = RACED;
		else if (missing[n] > 0)
			outcome = SHORT;
	}
	if (outcome == ENOUGH && !room->unlocked)
		commerce_escrow_keep();
	else
		commerce_escrow_undo();
	return outcome;
}

/* Returns the ids of the reservations made. */
static pg_uuid_t *
made_ids(const Promises *promises, int *made)
{
	pg_uuid_t *ids = palloc(sizeof(pg_uuid_t) * Max(promises->count, 1));

	for (int i = 0; i < promises->count; i++)
		ids[i] = *DatumGetUUIDP(promises->ids[i]);
	*made = promises->count;
	return ids;
}

/*
 * Promises one need without a statement, where counters, memory and a plain table allow it, which is nearly always.
 * Returns NULL, and nothing is done, where they do not, or where there is not enough.
 */
pg_uuid_t *
commerce_stock_promise_quickly(const StockNeed *need, const StockClaim *claim, int *made)
{
	Promises promises = commerce_new_promises(1);
	int64 missing;
	Stockroom room;

	if (claim->replace || !commerce_stockroom_recall(&room, need->sku) ||
		meet(need, 1, claim->whole, &room, &promises, &missing) != ENOUGH)
		return NULL;
	if (commerce_write_directly(&promises, claim) < promises.count)
	{
		commerce_escrow_settle();
		return NULL;
	}
	return made_ids(&promises, made);
}

/* Promises all or nothing. */
pg_uuid_t *
commerce_stock_promise(const StockNeed *needs, int count, const StockClaim *claim, bool refuse, int *made)
{
	Datum skus = distinct_skus(needs, count);
	Promises promises = commerce_new_promises(count + 1);
	int64 *missing = palloc(sizeof(int64) * Max(count, 1));
	bool lock = refuse;
	Stockroom room;
	Outcome outcome;

	if (claim->replace && claim->holder)
		commerce_release_holds(claim->holder, skus);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		commerce_stockroom_read(&room, skus, lock);
		outcome = meet(needs, count, claim->whole, &room, &promises, missing);
		if (outcome == ENOUGH && !room.unlocked)
			break;
		if (outcome == ENOUGH)
			lock = true;
		else if (outcome == SHORT && commerce_expire_overdue_of(skus) == 0)
		{
			commerce_require_skus(skus);
			require_locations(needs, count);
			if (refuse)
				refuse_short(needs, count, missing, &room, claim->whole);
			return NULL;
		}
	}
	commerce_write_promises(&promises, commerce_write_directly(&promises, claim), claim);
	return made_ids(&promises, made);
}
