/*
 * directory.c: which locations have a sku, remembered by each backend.
 *
 * A promise that works by counters reads no row of stock, so it has to know from elsewhere where to look. What it looks
 * up seldom changes: statement triggers on stock and locations tell when it does. A directory that is a moment behind
 * costs nothing but a less clever choice of location; how much there is, the counters know.
 */
#include "inventory/directory.h"

#include "base/plan.h"
#include "base/watch.h"
#include "escrow/counters.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/hsearch.h"
#pragma GCC diagnostic pop

/* Skus remembered before the directory is begun anew. */
#define DIRECTORY_MAX 20000

typedef struct DirectoryEntry
{
	char sku[COUNTER_NAME_MAX + 1];
	Source *sources;
	int count;
} DirectoryEntry;

static SavedPlan find_sources = {
	.sql = "SELECT s.sku, s.location, s.backorder_limit, coalesce(l.priority, 0), coalesce(l.active, true)"
		   " FROM commerce.stock s LEFT JOIN commerce.locations l ON l.code = s.location"
		   " WHERE s.sku = $1 ORDER BY coalesce(l.priority, 0) DESC, s.location COLLATE \"C\"",
	.args = "text"};

static TableWatch stock_watch = {.table = "stock"};
static TableWatch locations_watch = {.table = "locations"};
static MemoryContext memory = NULL;
static HTAB *directory = NULL;

/* Begins to watch; called once, from _PG_init. */
void
commerce_directory_init(void)
{
	commerce_watch(&stock_watch);
	commerce_watch(&locations_watch);
}

/* Begins an empty directory. */
static void
begin(void)
{
	HASHCTL control = {.keysize = sizeof(((DirectoryEntry *) 0)->sku), .entrysize = sizeof(DirectoryEntry)};

	directory = NULL;
	if (memory == NULL)
		memory = AllocSetContextCreate(TopMemoryContext, "commerce directory", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(memory);
	control.hcxt = memory;
	commerce_watch_renew(&stock_watch);
	commerce_watch_renew(&locations_watch);
	directory = hash_create("commerce directory", 256, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/* Returns whether what the directory remembers still holds. */
static bool
is_fresh(void)
{
	return directory != NULL && commerce_watch_fresh(&stock_watch) && commerce_watch_fresh(&locations_watch);
}

/* Reads the sources of a sku into a memory context. */
static int
read_sources(const char *sku, MemoryContext context, Source **sources)
{
	int count = (int) commerce_run(&find_sources, PLAN_LATEST, (Datum[]){CStringGetTextDatum(sku)}, NULL);
	bool isnull;

	*sources = MemoryContextAlloc(context, sizeof(Source) * Max(count, 1));
	for (int i = 0; i < count; i++)
		(*sources)[i] = (Source){
			.sku = MemoryContextStrdup(context, commerce_text(i, 1)),
			.location = MemoryContextStrdup(context, commerce_text(i, 2)),
			.backorder_limit = DatumGetInt64(commerce_value_or(i, 3, Int64GetDatum(NO_LIMIT))),
			.priority = DatumGetInt32(commerce_value(i, 4, &isnull)),
			.open = DatumGetBool(commerce_value(i, 5, &isnull)),
		};
	/* A cart of 100,000 skus would else keep as many results, of 8 kB each. */
	SPI_freetuptable(SPI_tuptable);
	return count;
}

/* Copies sources for a caller who runs statements: those may begin the directory anew. */
static void
copy_sources(Source *to, const Source *from, int count)
{
	for (int i = 0; i < count; i++)
	{
		to[i] = from[i];
		to[i].sku = pstrdup(from[i].sku);
		to[i].location = pstrdup(from[i].location);
	}
}

/* Returns the sources of one sku, from memory where they are; a sku too long for a counter is not remembered. */
static int
sources_of(const char *sku, Source **sources)
{
	DirectoryEntry *entry;
	Source *found;
	int count;

	if (strlen(sku) > COUNTER_NAME_MAX)
		return read_sources(sku, CurrentMemoryContext, sources);
	entry = hash_search(directory, sku, HASH_FIND, NULL);
	if (entry == NULL)
	{
		/* What is nowhere yet is not remembered: a misspelt sku must not fill the directory. */
		count = read_sources(sku, memory, &found);
		if (count == 0)
		{
			pfree(found);
			return 0;
		}
		entry = hash_search(directory, sku, HASH_ENTER, NULL);
		entry->sources = found;
		entry->count = count;
	}
	*sources = entry->sources;
	return entry->count;
}

/* Copies the sources of a sku, where they are remembered. */
int
commerce_directory_recall(const char *sku, Source **sources)
{
	const DirectoryEntry *entry;

	if (strlen(sku) > COUNTER_NAME_MAX || !is_fresh())
		return -1;
	entry = hash_search(directory, sku, HASH_FIND, NULL);
	if (entry == NULL)
		return -1;
	*sources = palloc(sizeof(Source) * entry->count);
	copy_sources(*sources, entry->sources, entry->count);
	return entry->count;
}

/* Returns the sources of these skus. */
int
commerce_directory_sources(Datum skus, Source **sources)
{
	Datum *names;
	int name_count;
	int count = 0;
	int room = 16;

	if (!is_fresh() || hash_get_num_entries(directory) > DIRECTORY_MAX)
		begin();
	deconstruct_array(DatumGetArrayTypeP(skus), TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &name_count);
	*sources = palloc(sizeof(Source) * room);
	for (int n = 0; n < name_count; n++)
	{
		Source *found = NULL;
		int more = sources_of(TextDatumGetCString(names[n]), &found);

		while (count + more > room)
			*sources = repalloc_huge(*sources, sizeof(Source) * (room *= 2));
		copy_sources(*sources + count, found, more);
		count += more;
	}
	return count;
}
