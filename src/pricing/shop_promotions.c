/*
 * shop_promotions.c: the promotions of the shop, compiled once per backend and version of commerce.promotions.
 *
 * The table's triggers say that something has changed, not what. So the versions of rows that a snapshot taken now shows
 * are compared with those that were compiled (promotion_versions.c), one by one: what is there as it was keeps what was
 * made of it, what is there anew is compiled, and what is not there any more is left out. Nothing goes by the time or the
 * number of a change, for transactions commit in another order than they begin. Whatever does not fit, and where much has
 * changed, all are compiled anew.
 */
#include "pricing/promotion_rows.h"

#include "base/plan.h"
#include "base/watch.h"
#include "rule/rule_sql.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/table.h"
#include "access/transam.h"
#pragma GCC diagnostic pop

#define MOST_GARBAGE(count) ((count) / 4 + 16)   /* beyond it all are compiled anew */
#define MOST_TRANSACTIONS (UINT64CONST(1) << 31) /* after so many the number of one may come again */

/*
 * What promotions say lives in one context, of which nothing is freed until all are compiled anew: what was replaced stays
 * as garbage. Lists of them, and the index, live in another one, which each rebuild makes.
 */
typedef struct Compiled
{
	MemoryContext rules;
	MemoryContext lists;
	int garbage; /* promotions */
	PromotionSet set;
	bool versioned;
	VersionedTable table;
	RowVersions versions; /* the place of each is that of its promotion; -1: a draft */
	uint64 since;         /* the number of a transaction, when all were compiled */
} Compiled;

static TableWatch watch = {.table = "promotions"};
static Compiled shop;
static bool current =
	false; /* false also while and after a failed rebuild, when the shop is as it was before */

/* Begins to watch the table; called once, from _PG_init. */
void
commerce_promotions_init(void)
{
	commerce_watch(&watch);
}

/* Orders places of promotions as these are applied. */
static int
by_order(const void *a, const void *b, void *promotions)
{
	return commerce_promotion_order(&((Promotion *) promotions)[*(const int *) a],
									&((Promotion *) promotions)[*(const int *) b]);
}

/* Orders places by the ids of their promotions. */
static int
by_id(const void *a, const void *b, void *promotions)
{
	return memcmp(((Promotion *) promotions)[*(const int *) a].id,
				  ((Promotion *) promotions)[*(const int *) b].id, UUID_LEN);
}

/* Makes a list of numbers. */
static int *
numbers(int count)
{
	return palloc_extended(sizeof(int) * Max(count, 1), MCXT_ALLOC_HUGE);
}

/* Lists the places of promotions in an order. */
static int *
sorted(Promotion *promotions, int count, qsort_arg_comparator order)
{
	int *places = numbers(count);

	for (int i = 0; i < count; i++)
		places[i] = i;
	qsort_arg(places, count, sizeof(int), order, promotions);
	return places;
}

/*
 * Puts what was kept of the shop together with what was read, in the order in which they are applied. Notes where each came
 * to: kept by its place in the shop, which is -1 where it was not kept, read by its place among what was read.
 */
static void
merge(Compiled *build, int *kept, ReadPromotions *read, int *places)
{
	int *order = sorted(read->promotions, read->count, by_order);
	Promotion *promotions =
		palloc_extended(sizeof(Promotion) * (Max(shop.set.count, 0) + read->count + 1), MCXT_ALLOC_HUGE);
	int count = 0;
	int next = 0;

	for (int old = 0; kept && old < shop.set.count; old++)
	{
		if (kept[old] < 0)
			continue;
		while (next < read->count &&
			   commerce_promotion_order(&read->promotions[order[next]], &shop.set.promotions[old]) < 0)
		{
			places[order[next]] = count;
			promotions[count++] = read->promotions[order[next++]];
		}
		kept[old] = count;
		promotions[count++] = shop.set.promotions[old];
	}
	for (; next < read->count; next++)
	{
		places[order[next]] = count;
		promotions[count++] = read->promotions[order[next]];
	}
	build->set.promotions = promotions;
	build->set.count = count;
}

/* Lists the places of all promotions by their ids. */
static void
merge_ids(Compiled *build, const int *kept, ReadPromotions *read, const int *places)
{
	int *order = sorted(read->promotions, read->count, by_id);
	int *all = numbers(build->set.count);
	int count = 0;
	int next = 0;

	for (int i = 0; kept && i < shop.set.count; i++)
	{
		int place = kept[shop.set.by_id[i]];

		if (place < 0)
			continue;
		while (next < read->count &&
			   memcmp(read->promotions[order[next]].id, build->set.promotions[place].id, UUID_LEN) < 0)
			all[count++] = places[order[next++]];
		all[count++] = place;
	}
	while (next < read->count)
		all[count++] = places[order[next++]];
	build->set.by_id = all;
}

/* Notes of which versions what was read is; false where there is no such version. */
static bool
note_versions(Compiled *build, const ReadPromotions *read, const int *places)
{
	for (int i = 0; i < read->count; i++)
	{
		RowVersion *version = commerce_find_version(&build->versions, &read->places[i]);

		if (version == NULL)
			return false;
		version->place = places[i];
	}
	return true;
}

/* Compiles all promotions. */
static void
build_all(Compiled *build, Snapshot snapshot)
{
	MemoryContext lists = CurrentMemoryContext;
	ReadPromotions read;
	int *places;

	build->rules = AllocSetContextCreate(lists, "commerce promotions", ALLOCSET_DEFAULT_SIZES);
	build->garbage = 0;
	build->since = U64FromFullTransactionId(ReadNextFullTransactionId());
	commerce_read_promotions(snapshot, build->versioned, build->rules, &read);
	places = numbers(read.count);
	merge(build, NULL, &read, places);
	merge_ids(build, NULL, &read, places);
	build->set.asks_orders = read.asks_orders;
	/* The statement shows what the scan shows, or nothing is known of versions. */
	build->versioned =
		build->versioned && read.rows == build->versions.count && note_versions(build, &read, places);
}

/*
 * Finds what was compiled of the versions that there are: those of which nothing was are listed as wanted. Kept says of each
 * promotion of the shop whether it is there as it was. Both lists of versions are in the order of their places.
 */
static void
compare(Compiled *build, int *kept, int *wanted, int *wanted_count)
{
	const RowVersion *old = shop.versions.versions;
	const RowVersion *end = old + shop.versions.count;

	for (int i = 0; i < shop.set.count; i++)
		kept[i] = -1;
	*wanted_count = 0;
	for (int i = 0; i < build->versions.count; i++)
	{
		RowVersion *version = &build->versions.versions[i];

		while (old < end && ItemPointerCompare(unconstify(ItemPointerData *, &old->tid), &version->tid) < 0)
			old++;
		if (old == end || ItemPointerCompare(unconstify(ItemPointerData *, &old->tid), &version->tid) != 0 ||
			!TransactionIdIsValid(version->xmin) || version->xmin != old->xmin)
		{
			wanted[(*wanted_count)++] = i;
			continue;
		}
		version->place = old->place;
		if (old->place >= 0)
			kept[old->place] = old->place;
	}
}

/* Compiles what has changed; false, and nothing of the build is worth anything, where all have to be. */
static bool
build_changed(Compiled *build, Snapshot snapshot)
{
	uint64 now = U64FromFullTransactionId(ReadNextFullTransactionId());
	ReadPromotions read = {.rows = 0};
	int *kept;
	int *wanted;
	int *places;
	int wanted_count;
	int lost = 0;

	if (!build->versioned || !shop.versioned || !commerce_same_versions(&build->table, &shop.table) ||
		now - shop.since >= MOST_TRANSACTIONS)
		return false;
	kept = numbers(shop.set.count);
	wanted = numbers(build->versions.count);
	compare(build, kept, wanted, &wanted_count);
	for (int i = 0; i < shop.set.count; i++)
		lost += kept[i] < 0;
	if (wanted_count > MOST_GARBAGE(shop.set.count) || shop.garbage + lost > MOST_GARBAGE(shop.set.count))
		return false;
	if (wanted_count > 0)
	{
		/* What an error leaves there is garbage as well. */
		shop.garbage += wanted_count;
		commerce_read_promotion_rows(snapshot, &build->versions, wanted, wanted_count, shop.rules, &read);
		shop.garbage -= wanted_count;
	}
	if (read.rows != wanted_count)
		return false;
	places = numbers(read.count);
	merge(build, kept, &read, places);
	merge_ids(build, kept, &read, places);
	for (int i = 0; i < build->versions.count; i++)
		if (build->versions.versions[i].place >= 0)
			build->versions.versions[i].place = kept[build->versions.versions[i].place];
	if (!note_versions(build, &read, places))
		return false;
	build->rules = shop.rules;
	build->garbage = shop.garbage + lost;
	build->since = shop.since;
	build->set.asks_orders = shop.set.asks_orders || read.asks_orders;
	return true;
}

/* Takes what was built for the shop. */
static void
take(const Compiled *build)
{
	MemoryContext lists = shop.lists;
	MemoryContext rules = shop.rules;

	MemoryContextSetParent(build->lists, CacheMemoryContext);
	MemoryContextSetParent(build->rules, CacheMemoryContext);
	shop = *build;
	if (lists)
		MemoryContextDelete(lists);
	if (rules && rules != shop.rules)
		MemoryContextDelete(rules);
}

/* Compiles promotions of the shop, as committed by now. */
static void
rebuild(void)
{
	Compiled build = {.lists = AllocSetContextCreate(CurrentMemoryContext, "commerce promotions, listed",
													 ALLOCSET_DEFAULT_SIZES)};
	MemoryContext caller = MemoryContextSwitchTo(build.lists);
	RuleMemory memory = commerce_rule_memory(build.lists);
	Relation relation = NULL;
	Snapshot snapshot;

	current = false;
	commerce_watch_renew(&watch);
	/* Locked before the snapshot is taken: nobody empties the table, or gives it another file, between the two. */
	if (OidIsValid(watch.relid))
		relation = table_open(watch.relid, AccessShareLock);
	snapshot = commerce_begin_reading();
	build.versioned = relation && commerce_versioned_table(relation, &build.table);
	if (build.versioned)
		commerce_list_versions(relation, snapshot, &build.versions);
	if (!build_changed(&build, snapshot))
		build_all(&build, snapshot);
	commerce_end_reading(snapshot);
	if (relation)
		table_close(relation, NoLock);
	build.set.index = commerce_index_promotions(build.set.promotions, build.set.count, &memory);
	MemoryContextSwitchTo(caller);
	take(&build);
	current = true;
}

/* Returns all promotions of the shop that are not drafts. */
const PromotionSet *
commerce_promotions(void)
{
	if (!current || !commerce_watch_fresh(&watch))
		rebuild();
	return &shop.set;
}
