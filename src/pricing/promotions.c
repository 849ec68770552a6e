/*
 * promotions.c: the codes that open promotions.
 */
#include "pricing/promotions.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"

static SavedPlan read_codes = {
	.sql = "SELECT asked.code, c.promotion, c.valid @> $2 FROM unnest($1) WITH ORDINALITY AS asked"
		   " (code, position) LEFT JOIN commerce.promotion_codes c ON c.code = asked.code"
		   " ORDER BY asked.position",
	.args = "text[]; timestamptz"};

/* Raises CM030 or CM031 about a code. */
static void
refuse_code(const char *code, bool known)
{
	if (!known)
		ereport(ERROR, (errcode(ERRCODE_CODE_UNKNOWN), errmsg("there is no code \"%s\"", code),
						commerce_errfacts("code", code, "reason", "unknown", NULL),
						errhint("Codes are matched in any case; check its spelling.")));
	ereport(ERROR,
			(errcode(ERRCODE_CODE_NOT_APPLICABLE),
			 errmsg("the promotion of code \"%s\" is not running", code),
			 commerce_errfacts("code", code, "reason", "not_running", NULL), errhint("Leave the code out.")));
}

/* Finds the place of a promotion of the shop by its id; -1 where there is none that is not a draft. */
static int
find_promotion(const PromotionSet *set, const pg_uuid_t *id)
{
	int low = 0;
	int high = set->count - 1;

	while (low <= high)
	{
		int middle = low + (high - low) / 2;
		int order = memcmp(set->promotions[set->by_id[middle]].id, id->data, UUID_LEN);

		if (order == 0)
			return set->by_id[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return -1;
}

/* Finds the place of the given promotion that has a code; -1 where none has. */
static int
find_given(const PromotionSet *set, const char *code)
{
	for (int i = 0; i < set->count; i++)
		for (int c = 0; c < set->codes[i].count; c++)
			if (strcmp(set->codes[i].texts[c], code) == 0)
				return i;
	return -1;
}

/* Tells whether a promotion runs at a time. */
static bool
runs(const Promotion *promotion, TimestampTz at)
{
	return promotion->active && at >= promotion->begins && at < promotion->ends;
}

/* Finds which promotions the entered codes open. */
OpenedCode *
commerce_open_codes(const PromotionSet *set, const char **codes, int code_count, TimestampTz at)
{
	OpenedCode *opened = palloc(sizeof(OpenedCode) * Max(code_count, 1));
	Datum *values = palloc(sizeof(Datum) * Max(code_count, 1));

	for (int i = 0; i < code_count; i++)
	{
		opened[i] = (OpenedCode){codes[i], set->given ? find_given(set, codes[i]) : -1};
		values[i] = CStringGetTextDatum(codes[i]);
		if (set->given && opened[i].promotion < 0)
			refuse_code(codes[i], false);
	}
	if (!set->given && code_count > 0)
	{
		Datum array = PointerGetDatum(construct_array(values, code_count, TEXTOID, -1, false, TYPALIGN_INT));
		Datum args[] = {array, TimestampTzGetDatum(at)};

		(void) commerce_run(&read_codes, PLAN_READS, args, NULL);
		for (int i = 0; i < code_count; i++)
		{
			bool isnull;
			Datum id = commerce_value(i, 2, &isnull);

			if (isnull)
				refuse_code(codes[i], false);
			opened[i].promotion = find_promotion(set, DatumGetUUIDP(id));
			if (opened[i].promotion < 0 || !DatumGetBool(commerce_value(i, 3, &isnull)))
				refuse_code(codes[i], true);
		}
	}
	for (int i = 0; i < code_count; i++)
		if (!runs(&set->promotions[opened[i].promotion], at))
			refuse_code(codes[i], true);
	return opened;
}
