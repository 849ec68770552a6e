/*
 * needs.c: from what somebody asks for to what the stockroom is asked for, and back.
 */
#include "inventory/needs.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/uuid.h"
#include "inventory/kits.h"

/* Orders names. */
static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Returns the distinct ones of these names as a text[]. */
static Datum
distinct(const char *const *names, int count)
{
	const char **sorted = palloc_extended(sizeof(char *) * Max(count, 1), MCXT_ALLOC_HUGE);
	Datum *values = palloc_extended(sizeof(Datum) * Max(count, 1), MCXT_ALLOC_HUGE);
	int kept = 0;

	memcpy(sorted, names, sizeof(char *) * count);
	qsort(sorted, count, sizeof(char *), compare_names);
	for (int i = 0; i < count; i++)
		if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
			values[kept++] = CStringGetTextDatum(sorted[i]);
	return PointerGetDatum(construct_array(values, kept, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Finds the parts of a kit among all that were read, sorted; returns how many, 0 for what is no kit. */
static int
find_kit(const KitPart *parts, int count, const char *sku, const KitPart **first)
{
	int low = 0;
	int high = count;
	int end;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (strcmp(parts[middle].kit, sku) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*first = parts + low;
	for (end = low; end < count && strcmp(parts[end].kit, sku) == 0; end++)
		;
	return end - low;
}

/* Refuses with 22003 what is too many to count. */
static void
check_quantity(const StockNeed *need, const char *part, int64 per_unit)
{
	if (need->quantity <= MAX_UNITS / per_unit)
		return;
	ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("the quantity of \"%s\" is out of range", need->sku),
					commerce_errfacts("sku", part, part == need->sku ? NULL : "kit", need->sku, NULL),
					errhint("At most " INT64_FORMAT " units are counted.", MAX_UNITS)));
}

/* Adds a sku that a line needs. */
static void
add_part(NeededGoods *goods, int line, const char *sku, int64 per_unit)
{
	SourcedLine *wanted = &goods->sourcing.lines[line];
	int part = wanted->first_part + wanted->part_count++;

	check_quantity(&goods->needs[line], sku, per_unit);
	goods->part_skus[part] = sku;
	goods->sourcing.parts[part] = (SourcedPart){.per_unit = per_unit};
}

/* Allocates for the sourcing room. */
static void *
allocate(void *context, unsigned long size)
{
	return MemoryContextAllocHuge(context, size);
}

/* Counts the parts of all needs, at least one for each. */
static int
count_parts(const StockNeed *needs, int count, const KitPart *kit_parts, int kit_part_count)
{
	int64 parts = count;
	const KitPart *first;

	for (int i = 0; kit_part_count > 0 && i < count; i++)
		parts += find_kit(kit_parts, kit_part_count, needs[i].sku, &first);
	if (parts > PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the kits have too many parts together")));
	return (int) parts;
}

/* Lists what is needed. Kits are taken apart in one statement for all of them, or none where there are none. */
void
commerce_expand_needs(NeededGoods *goods, StockNeed *needs, int count, bool kits)
{
	const char **names = palloc_extended(sizeof(char *) * Max(count, 1), MCXT_ALLOC_HUGE);
	KitPart *kit_parts = NULL;
	int kit_part_count = 0;
	int named = 0;
	int next = 0;
	int room;

	for (int i = 0; kits && i < count; i++)
		if (commerce_may_be_kit(needs[i].sku))
			names[named++] = needs[i].sku;
	if (named > 0)
		kit_part_count = commerce_kit_parts(distinct(names, named), &kit_parts);
	room = count_parts(needs, count, kit_parts, kit_part_count);
	*goods = (NeededGoods){.needs = needs, .count = count};
	goods->part_skus = palloc_extended(sizeof(char *) * Max(room, 1), MCXT_ALLOC_HUGE);
	goods->sourcing = (Sourcing){
		.parts = palloc_extended(sizeof(SourcedPart) * Max(room, 1), MCXT_ALLOC_HUGE),
		.lines = palloc_extended(sizeof(SourcedLine) * Max(count, 1), MCXT_ALLOC_HUGE),
		.line_count = count,
		.memory = {allocate, CurrentMemoryContext},
	};
	for (int i = 0; i < count; i++)
	{
		const KitPart *first;
		int parts = find_kit(kit_parts, kit_part_count, needs[i].sku, &first);

		CHECK_FOR_INTERRUPTS();
		goods->sourcing.lines[i] =
			(SourcedLine){.location = needs[i].location, .quantity = needs[i].quantity, .first_part = next};
		if (parts == 0)
			add_part(goods, i, needs[i].sku, 1);
		for (int p = 0; p < parts; p++)
			if (first[p].tracked)
				add_part(goods, i, first[p].part, first[p].per_unit);
		next += goods->sourcing.lines[i].part_count;
	}
	goods->skus = distinct(goods->part_skus, next);
}

/* Plans from where the goods come. */
bool
commerce_plan_needs(NeededGoods *goods, Stockroom *room, const StockClaim *claim)
{
	Sourcing *sourcing = &goods->sourcing;
	bool met;

	sourcing->sources = room->sources;
	sourcing->source_count = room->count;
	sourcing->strategy = claim->strategy;
	sourcing->mode = claim->mode == STOCK_PARTIAL ? SOURCE_PARTIAL : SOURCE_CLAMP;
	sourcing->whole = claim->whole;
	sourcing->taking_count = 0;
	for (int l = 0; l < goods->count; l++)
		for (int p = 0; p < sourcing->lines[l].part_count; p++)
		{
			SourcedPart *part = &sourcing->parts[sourcing->lines[l].first_part + p];
			Source *first;

			part->source_count =
				commerce_stockroom_sources(room, goods->part_skus[sourcing->lines[l].first_part + p], &first);
			part->first_source = (int) (first - room->sources);
		}
	met = commerce_source(sourcing);
	for (int l = 0; l < goods->count; l++)
		goods->needs[l].missing = goods->needs[l].quantity - sourcing->lines[l].got;
	return met;
}

/*
 * Makes promises of the plan. What a part gets from its first location has one id with what the line's other parts get
 * from theirs, what it gets from its second another: an id names one row of a sku.
 */
StockPromise *
commerce_planned_promises(const NeededGoods *goods)
{
	const Sourcing *sourcing = &goods->sourcing;
	StockPromise *promises =
		palloc_extended(sizeof(StockPromise) * Max(sourcing->taking_count, 1), MCXT_ALLOC_HUGE);
	int line_start = 0;
	int part_start = 0;

	for (int t = 0; t < sourcing->taking_count; t++)
	{
		const Taking *taking = &sourcing->takings[t];
		const Source *source = &sourcing->sources[taking->source];
		int sibling;

		if (taking->line != sourcing->takings[line_start].line)
			line_start = t;
		if (taking->part != sourcing->takings[part_start].part)
			part_start = t;
		/* Another part's row at the same place among that part's rows. */
		for (sibling = line_start; sibling < part_start; sibling++)
			if (promises[sibling].place == t - part_start)
				break;
		promises[t] = (StockPromise){
			.id = sibling < part_start ? promises[sibling].id : *commerce_uuidv7(),
			.sku = source->sku,
			.location = source->location,
			.quantity = taking->quantity,
			.per_unit = sourcing->parts[taking->part].per_unit,
			.need = taking->line,
			.place = t - part_start,
		};
	}
	return promises;
}

/* Refuses with CM002 what the shop does not know. */
void
commerce_require_known_needs(const NeededGoods *goods)
{
	const char **skus = palloc_extended(sizeof(char *) * Max(goods->count, 1), MCXT_ALLOC_HUGE);
	const char **locations = palloc_extended(sizeof(char *) * Max(goods->count, 1), MCXT_ALLOC_HUGE);
	int named = 0;

	for (int i = 0; i < goods->count; i++)
	{
		skus[i] = goods->needs[i].sku;
		if (goods->needs[i].location)
			locations[named++] = goods->needs[i].location;
	}
	commerce_require_skus(distinct(skus, goods->count));
	if (named > 0)
		commerce_require_locations(distinct(locations, named));
}

/* Adds what others have taken of a part but not committed, where there is such: it may yet come back. */
static void
write_contended(JsonWriter *detail, const Stockroom *room, const SourcedPart *part, const char *location)
{
	int64 contended = 0;

	for (int s = part->first_source; s < part->first_source + part->source_count; s++)
		if (location == NULL || strcmp(room->sources[s].location, location) == 0)
			contended += commerce_stockroom_contended(room, &room->sources[s]);
	if (contended <= 0)
		return;
	commerce_json_key(detail, "contended");
	commerce_json_int(detail, contended);
}

/* Writes what is short of one part of a need; returns whether anything is. */
static bool
write_short(JsonWriter *detail, const NeededGoods *goods, const Stockroom *room, int need, int part)
{
	const SourcedPart *wanted = &goods->sourcing.parts[part];
	int64 requested = goods->needs[need].quantity * wanted->per_unit;

	if (wanted->available >= requested)
		return false;
	commerce_json_object(detail);
	commerce_json_key(detail, "sku");
	commerce_json_string(detail, goods->part_skus[part]);
	if (strcmp(goods->part_skus[part], goods->needs[need].sku) != 0)
	{
		commerce_json_key(detail, "kit");
		commerce_json_string(detail, goods->needs[need].sku);
	}
	commerce_json_key(detail, "location");
	commerce_json_string(detail, goods->needs[need].location);
	commerce_json_key(detail, "requested");
	commerce_json_int(detail, requested);
	commerce_json_key(detail, "available");
	commerce_json_int(detail, wanted->available);
	write_contended(detail, room, wanted, goods->needs[need].location);
	commerce_json_end_object(detail);
	return true;
}

/* Raises CM001 with every short line. */
void
commerce_refuse_short(const NeededGoods *goods, const Stockroom *room)
{
	JsonWriter detail = JSON_WRITER_INIT;
	const char *sku = NULL;
	int short_parts = 0;

	commerce_json_object(&detail);
	commerce_json_key(&detail, "lines");
	commerce_json_array(&detail);
	for (int i = 0; i < goods->count; i++)
	{
		const SourcedLine *line = &goods->sourcing.lines[i];

		for (int p = line->first_part; goods->needs[i].missing > 0 && p < line->first_part + line->part_count;
			 p++)
			if (write_short(&detail, goods, room, i, p))
			{
				short_parts++;
				sku = sku ? sku : goods->part_skus[p];
			}
	}
	commerce_json_end_array(&detail);
	commerce_json_end_object(&detail);
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_STOCK),
					short_parts == 1 ? errmsg("not enough stock of \"%s\"", sku)
									 : errmsg("not enough stock of \"%s\" and %d more", sku, short_parts - 1),
					commerce_errdetail(&detail),
					errhint("Ask for no more than is available, or receive more stock.")));
}
