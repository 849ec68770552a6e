/*
 * kits.c: taking kits apart.
 */
#include "inventory/kits.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/watch.h"

static TableWatch watch = {.table = "kit_parts"};
static bool known = false; /* false also after a failed look */
static bool any_kits = false;

static SavedPlan look_for_kits = {.sql = "SELECT EXISTS (SELECT FROM commerce.kit_parts)"};

/* Kits within kits, down to what is no kit. The same part on several ways is added up; a circle shows where it closes. */
static SavedPlan read_parts = {
	.sql =
		"WITH RECURSIVE tree (kit, part, per_unit) AS ("
		"SELECT k.kit, k.part, k.quantity::numeric FROM commerce.kit_parts k WHERE k.kit = ANY ($1)"
		" UNION ALL SELECT t.kit, k.part, t.per_unit * k.quantity FROM tree t"
		" JOIN commerce.kit_parts k ON k.kit = t.part) CYCLE part SET looped USING path"
		" SELECT t.kit, t.part, least(sum(t.per_unit), 1000000000000000001)::int8, bool_or(t.looped),"
		" coalesce(bool_and(v.track_stock), true) FROM tree t LEFT JOIN commerce.variants v ON v.sku = t.part"
		" WHERE t.looped OR NOT EXISTS (SELECT FROM commerce.kit_parts k WHERE k.kit = t.part)"
		" GROUP BY t.kit, t.part ORDER BY t.kit COLLATE \"C\", t.part COLLATE \"C\"",
	.args = "text[]"};

/* Begins to watch the table. */
void
commerce_kits_init(void)
{
	commerce_watch(&watch);
}

/* Returns whether the shop has any kit, as committed by now. */
bool
commerce_any_kits(void)
{
	bool isnull;

	if (known && commerce_watch_fresh(&watch))
		return any_kits;
	known = false;
	commerce_watch_renew(&watch);
	(void) commerce_run(&look_for_kits, PLAN_LATEST, NULL, NULL);
	any_kits = DatumGetBool(commerce_value(0, 1, &isnull));
	known = true;
	return any_kits;
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
