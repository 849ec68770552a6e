/*
 * promotions.c: compiled once per backend and version of commerce.promotions.
 */
#include "pricing/promotions.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/watch.h"

static TableWatch watch = {.table = "promotions"};
static MemoryContext context = NULL;
static Promotion *promotions = NULL;
static int promotion_count = 0;
static bool compiled = false; /* false also while and after a failed rebuild */

static SavedPlan read_promotions = {
	.sql =
		"SELECT id, name, status = 'active', CASE WHEN isempty(during) THEN 'infinity' WHEN lower_inf(during)"
		" THEN '-infinity' ELSE lower(during) END, CASE WHEN isempty(during) THEN '-infinity' WHEN "
		"upper_inf(during)"
		" THEN 'infinity' ELSE upper(during) END, needs_code, condition::text, benefit::text FROM "
		"commerce.promotions"
		" WHERE status <> 'draft' ORDER BY priority DESC, id"};

static SavedPlan read_codes = {
	.sql = "SELECT asked.code, c.promotion FROM unnest($1) WITH ORDINALITY AS asked (code, position)"
		   " LEFT JOIN commerce.promotion_codes c ON c.code = asked.code ORDER BY asked.position",
	.args = "text[]"};

/* Begins to watch the table; called once, from _PG_init. */
void
commerce_promotions_init(void)
{
	commerce_watch(&watch);
}

/* Allocates for the rule room. */
static void *
allocate(void *in, unsigned long size)
{
	return MemoryContextAlloc(in, size);
}

/* Compiles one row. What is stored was checked on input, so a failure to parse means a newer language. */
static Promotion
compile(uint64 row, const RuleMemory *memory)
{
	Promotion promotion;
	RuleError error;
	bool isnull;
	char *condition = commerce_text(row, 7);

	promotion.id = *DatumGetUUIDP(commerce_value(row, 1, &isnull));
	promotion.name = commerce_text(row, 2);
	promotion.active = DatumGetBool(commerce_value(row, 3, &isnull));
	promotion.begins = DatumGetTimestampTz(commerce_value(row, 4, &isnull));
	promotion.ends = DatumGetTimestampTz(commerce_value(row, 5, &isnull));
	promotion.needs_code = DatumGetBool(commerce_value(row, 6, &isnull));
	promotion.condition = condition ? commerce_condition_parse(condition, memory, &error) : NULL;
	if (condition && promotion.condition == NULL)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("promotion \"%s\" has a condition this library cannot read: %s",
							   promotion.name, error.message)));
	promotion.benefit = commerce_benefit_parse(commerce_text(row, 8), memory, &error);
	if (promotion.benefit == NULL)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("promotion \"%s\" has a benefit this library cannot read: %s", promotion.name,
							   error.message)));
	return promotion;
}

/* Compiles all promotions anew, as committed by now. */
static void
rebuild(void)
{
	MemoryContext building =
		AllocSetContextCreate(CurrentMemoryContext, "commerce promotions", ALLOCSET_DEFAULT_SIZES);
	RuleMemory memory = {allocate, building};
	MemoryContext caller;
	uint64 rows;

	compiled = false;
	commerce_watch_renew(&watch);
	rows = commerce_run(&read_promotions, PLAN_LATEST, NULL, NULL);
	caller = MemoryContextSwitchTo(building);
	promotions = palloc_extended(sizeof(Promotion) * Max(rows, 1), MCXT_ALLOC_HUGE);
	for (uint64 row = 0; row < rows; row++)
	{
		CHECK_FOR_INTERRUPTS();
		promotions[row] = compile(row, &memory);
	}
	promotion_count = (int) rows;
	MemoryContextSwitchTo(caller);
	if (context)
		MemoryContextDelete(context);
	context = building;
	MemoryContextSetParent(building, CacheMemoryContext);
	compiled = true;
}

/* Returns all promotions that are not drafts. */
const Promotion *
commerce_promotions(int *count)
{
	if (!compiled || !commerce_watch_fresh(&watch))
		rebuild();
	*count = promotion_count;
	return promotions;
}

/* Raises CM030 or CM031 about a code. */
static void
refuse_code(const char *code, bool known)
{
	if (!known)
		ereport(ERROR, (errcode(ERRCODE_CODE_UNKNOWN), errmsg("there is no code \"%s\"", code),
						commerce_errfacts("code", code, "reason", known ? "not_running" : "unknown", NULL),
						errhint("Codes are matched in any case; check its spelling.")));
	ereport(ERROR, (errcode(ERRCODE_CODE_NOT_APPLICABLE),
					errmsg("the promotion of code \"%s\" is not running", code),
					commerce_errfacts("code", code, "reason", known ? "not_running" : "unknown", NULL),
					errhint("Leave the code out.")));
}

/* Finds a promotion by id; returns its index or -1. */
static int
find_promotion(const Promotion *list, int count, const pg_uuid_t *id)
{
	for (int i = 0; i < count; i++)
		if (memcmp(list[i].id.data, id->data, UUID_LEN) == 0)
			return i;
	return -1;
}

/* Finds which promotions the entered codes open. */
void
commerce_open_codes(const char **codes, int code_count, TimestampTz at, const Promotion *list, int count,
					bool *opened)
{
	Datum *values = palloc(sizeof(Datum) * Max(code_count, 1));
	Datum array;
	uint64 rows;

	memset(opened, 0, sizeof(bool) * count);
	if (code_count == 0)
		return;
	for (int i = 0; i < code_count; i++)
		values[i] = CStringGetTextDatum(codes[i]);
	array = PointerGetDatum(construct_array(values, code_count, TEXTOID, -1, false, TYPALIGN_INT));
	rows = commerce_run(&read_codes, PLAN_READS, &array, NULL);
	for (uint64 row = 0; row < rows; row++)
	{
		bool isnull;
		Datum id = commerce_value(row, 2, &isnull);
		int index = isnull ? -1 : find_promotion(list, count, DatumGetUUIDP(id));

		if (isnull)
			refuse_code(commerce_text(row, 1), false);
		if (index < 0 || !list[index].active || at < list[index].begins || at >= list[index].ends)
			refuse_code(commerce_text(row, 1), true);
		opened[index] = true;
	}
}
