/*
 * kits.c: taking kits apart.
 *
 * Few carts have a kit in them, so the names of kits are remembered: a cart without pays for a look at each name.
 */
#include "inventory/kits.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/watch.h"

/* So many names of kits are remembered; with more, each call looks for its kits in the table. */
#define MAX_REMEMBERED 100000

static TableWatch watch = {.table = "kit_parts"};
static MemoryContext context = NULL;
static const char **kits = NULL; /* sorted */
static int kit_count = 0;
static bool known = false; /* false also after a failed look */

static SavedPlan read_kits = {
	.sql = "SELECT kit FROM (SELECT DISTINCT kit FROM commerce.kit_parts LIMIT $1 + 1) found"
		   " ORDER BY kit COLLATE \"C\"",
	.args = "int8"};

/*
 * Kits within kits, down to what is no kit. The same part on several ways is added up; a circle shows where it closes.
 * OFFSET and LIMIT keep the planner, who does not know how few rows there are, to looking each up by its key.
 */
static SavedPlan read_parts = {
	.sql = "WITH RECURSIVE tree (kit, part, per_unit) AS ("
		   "SELECT k.kit, k.part, k.quantity::numeric FROM commerce.kit_parts k WHERE k.kit = ANY ($1)"
		   " UNION ALL SELECT t.kit, k.part, t.per_unit * k.quantity FROM tree t, LATERAL (SELECT k.part, "
		   "k.quantity"
		   " FROM commerce.kit_parts k WHERE k.kit = t.part OFFSET 0) k) CYCLE part SET looped USING path,"
		   " leaf (kit, part, per_unit, looped) AS (SELECT t.kit, t.part, least(sum(t.per_unit), "
		   "1000000000000000001)::int8,"
		   " bool_or(t.looped) FROM tree t WHERE t.looped"
		   " OR (SELECT true FROM commerce.kit_parts k WHERE k.kit = t.part LIMIT 1) IS NULL GROUP BY t.kit, "
		   "t.part)"
		   " SELECT l.kit, l.part, l.per_unit, l.looped,"
		   " coalesce((SELECT v.track_stock FROM commerce.variants v WHERE v.sku = l.part), true)"
		   " FROM leaf l ORDER BY l.kit COLLATE \"C\", l.part COLLATE \"C\"",
	.args = "text[]"};

/* Begins to watch the table. */
void
commerce_kits_init(void)
{
	commerce_watch(&watch);
}

/* Reads the names of all kits anew, as committed by now. */
static void
rebuild(void)
{
	MemoryContext building =
		AllocSetContextCreate(CurrentMemoryContext, "commerce kits", ALLOCSET_SMALL_SIZES);
	MemoryContext caller;
	uint64 rows;

	known = false;
	commerce_watch_renew(&watch);
	rows = commerce_run(&read_kits, PLAN_LATEST, (Datum[]){Int64GetDatum(MAX_REMEMBERED)}, NULL);
	caller = MemoryContextSwitchTo(building);
	kits = palloc(sizeof(char *) * Max(rows, 1));
	for (uint64 i = 0; i < rows; i++)
		kits[i] = commerce_text(i, 1);
	kit_count = (int) rows;
	MemoryContextSwitchTo(caller);
	if (context)
		MemoryContextDelete(context);
	context = building;
	MemoryContextSetParent(building, CacheMemoryContext);
	known = true;
}

/* Orders names. */
static int
compare_names(const void *key, const void *name)
{
	return strcmp(key, *(const char *const *) name);
}

/* Returns whether a sku may be a kit; certainly not, as far as names are remembered. */
bool
commerce_may_be_kit(const char *sku)
{
	if (!known || !commerce_watch_fresh(&watch))
		rebuild();
	return kit_count > MAX_REMEMBERED ||
		   (kit_count > 0 && bsearch(sku, kits, kit_count, sizeof(char *), compare_names) != NULL);
}

/* Finds the parts of kits. */
int
commerce_kit_parts(Datum skus, KitPart **parts)
{
	uint64 rows = commerce_run(&read_parts, PLAN_LATEST, &skus, NULL);
	bool isnull;

	*parts = palloc(sizeof(KitPart) * Max(rows, 1));
	for (uint64 i = 0; i < rows; i++)
	{
		(*parts)[i] = (KitPart){
			.kit = commerce_text(i, 1),
			.part = commerce_text(i, 2),
			.per_unit = DatumGetInt64(commerce_value(i, 3, &isnull)),
			.tracked = DatumGetBool(commerce_value(i, 5, &isnull)),
		};
		if (DatumGetBool(commerce_value(i, 4, &isnull)))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("kit \"%s\" contains itself", (*parts)[i].part),
							commerce_errfacts("kit", (*parts)[i].part, NULL),
							errhint("Take it out of commerce.kit_parts.")));
	}
	return (int) rows;
}
