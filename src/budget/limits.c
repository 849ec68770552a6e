/*
 * limits.c: which limits bear on which promotion, and what is left of them.
 *
 * Which promotions have budgets is remembered until the budgets change, so that those without cost nothing. Whether a
 * code has a limit is read for each code that was entered: there are millions of codes, and a cart has few.
 */
#include "budget/limits.h"

#include "base/watch.h"
#include "money/amount.h"
#include "budget/claim_counters.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xlog.h"
#pragma GCC diagnostic pop

static TableWatch watch = {.table = "budgets"};
static pg_uuid_t *limited = NULL; /* promotions with budgets, sorted */
static int limited_count = 0;
static bool known = false; /* false also while and after a failed reading */

static SavedPlan read_limited = {.sql = "SELECT DISTINCT promotion FROM commerce.budgets ORDER BY promotion"};

/* An attribute of any length makes a key that an index can hold. */
static SavedPlan read_limits = {
	.sql =
		"SELECT l.n, l.budget, l.key, l.per, l.of_code, l.uses, l.spend, l.rest,"
		" CASE WHEN $4 = 2 OR $4 = 1 AND l.per IN ('customer', 'email') THEN"
		" (SELECT least(coalesce(sum(c.amount_taken), 0), 9223372036854775807)::int8 FROM commerce.claims c"
		" WHERE c.budget = l.budget AND c.key = l.key AND c.state <> 'released') END"
		" FROM (SELECT a.n, b.id AS budget, CASE b.per WHEN 'all' THEN '' WHEN 'customer' THEN u.id::text"
		" WHEN 'email' THEN encode(u.email_blind, 'hex') WHEN 'code' THEN a.code"
		" ELSE CASE WHEN octet_length(v.value) <= 80 THEN v.value"
		" ELSE 'sha256:' || encode(sha256(convert_to(v.value, getdatabaseencoding())), 'hex') END END AS key,"
		" b.per, false AS of_code, b.uses, b.spend, b.exceeded = 'rest' AS rest"
		" FROM unnest($1, $2) WITH ORDINALITY a (promotion, code, n)"
		" JOIN commerce.budgets b ON b.promotion = a.promotion"
		" LEFT JOIN commerce.customers u ON u.id = $3,"
		" LATERAL (SELECT u.attributes #>> string_to_array(b.attribute, '.') AS value) v"
		" UNION ALL SELECT a.n, p.promotion, 'code:' || p.code, 'code', true, p.uses, NULL, false"
		" FROM unnest($1, $2) WITH ORDINALITY a (promotion, code, n)"
		" JOIN commerce.promotion_codes p ON p.code = a.code AND p.promotion = a.promotion"
		" WHERE p.uses IS NOT NULL) l ORDER BY l.budget, l.key COLLATE \"C\"",
	.args = "uuid[]; text[]; uuid; int4"};

/* Begins to watch the budgets. */
void
commerce_claims_init(void)
{
	commerce_watch(&watch);
}

/* Orders promotions by id. */
static int
compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, UUID_LEN);
}

/* Reads which promotions have budgets, as committed by now. */
static void
reread(void)
{
	uint64 rows;
	pg_uuid_t *list;
	bool isnull;

	known = false;
	commerce_watch_renew(&watch);
	rows = commerce_run(&read_limited, PLAN_LATEST, NULL, NULL);
	list = MemoryContextAllocExtended(CacheMemoryContext, sizeof(pg_uuid_t) * Max(rows, 1), MCXT_ALLOC_HUGE);
	for (uint64 row = 0; row < rows; row++)
		list[row] = *DatumGetUUIDP(commerce_value(row, 1, &isnull));
	if (limited != NULL)
		pfree(limited);
	limited = list;
	limited_count = (int) rows;
	known = true;
}

/* Returns whether a promotion has budgets. */
bool
commerce_has_budgets(const pg_uuid_t *promotion)
{
	if (!known || !commerce_watch_fresh(&watch))
		reread();
	return limited_count > 0 &&
		   bsearch(promotion, limited, limited_count, sizeof(pg_uuid_t), compare_ids) != NULL;
}

/* Reads one limit. */
static void
read_limit(uint64 row, const int *asked, BudgetLimit *limit)
{
	bool isnull;
	Amount spend = DatumGetAmount(commerce_value_or(row, 7, AmountGetDatum(0)));

	*limit = (BudgetLimit){
		.use = asked[DatumGetInt64(commerce_value(row, 1, &isnull)) - 1],
		.budget = *DatumGetUUIDP(commerce_value(row, 2, &isnull)),
		.key = commerce_text(row, 3),
		.per = commerce_text(row, 4),
		.of_code = DatumGetBool(commerce_value(row, 5, &isnull)),
		.rest = DatumGetBool(commerce_value(row, 8, &isnull)),
		.taken = DatumGetInt64(commerce_value_or(row, 9, Int64GetDatum(0))),
	};
	(void) commerce_value(row, 9, &isnull);
	limit->summed = !isnull;
	limit->limit = DatumGetInt64(commerce_value(row, 6, &limit->in_money));
	if (!limit->in_money)
		return;
	limit->limit = commerce_amount_minor(spend);
	limit->currency = commerce_amount_currency(spend);
}

/* Reads the limits that bear on the uses. */
int
commerce_budget_limits(const BudgetUse *uses, int count, const pg_uuid_t *customer, PlanView view,
					   BudgetSums sums, BudgetLimit **limits)
{
	Datum *promotions = palloc_extended(sizeof(Datum) * Max(count, 1), MCXT_ALLOC_HUGE);
	Datum *codes = palloc_extended(sizeof(Datum) * Max(count, 1), MCXT_ALLOC_HUGE);
	bool *nulls = palloc_extended(sizeof(bool) * Max(count, 1), MCXT_ALLOC_HUGE);
	int *asked = palloc_extended(sizeof(int) * Max(count, 1), MCXT_ALLOC_HUGE);
	int length = 0;
	int rows;
	Datum values[4];

	*limits = NULL;
	for (int i = 0; i < count; i++)
	{
		if (uses[i].code == NULL && !commerce_has_budgets(&uses[i].promotion))
			continue;
		promotions[length] = UUIDPGetDatum(&uses[i].promotion);
		nulls[length] = uses[i].code == NULL;
		codes[length] = uses[i].code ? CStringGetTextDatum(uses[i].code) : (Datum) 0;
		asked[length++] = i;
	}
	if (length == 0)
		return 0;
	values[0] = PointerGetDatum(construct_array(promotions, length, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	values[1] = PointerGetDatum(
		construct_md_array(codes, nulls, 1, &length, (int[]){1}, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = UUIDPGetDatum(customer);
	values[3] = Int32GetDatum(sums);
	rows = (int) commerce_run(&read_limits, view, values, customer ? NULL : "  n ");
	*limits = palloc_extended(sizeof(BudgetLimit) * Max(rows, 1), MCXT_ALLOC_HUGE);
	for (int row = 0; row < rows; row++)
		read_limit(row, asked, &(*limits)[row]);
	return rows;
}

/* Looks up by counters what is taken, as far as there are any; returns whether it is known of all limits then. */
static bool
peek(BudgetLimit *limits, int count)
{
	bool all = true;

	for (int i = 0; i < count; i++)
		if (limits[i].key != NULL &&
			!commerce_claims_peek(&limits[i].budget, limits[i].key, &limits[i].taken))
			all = false;
	return all;
}

/* Counts a limit in what is left for a use. */
static void
add_limit(const BudgetLimit *limit, int currency, BudgetLeft *left)
{
	int64 rest = limit->taken >= limit->limit ? 0 : limit->limit - Max(limit->taken, 0);

	if (limit->key == NULL)
	{
		left->missing_key = limit->per;
		rest = 0;
	}
	if (!limit->in_money)
	{
		left->uses = Min(left->uses, rest);
		return;
	}
	if (limit->currency != currency)
	{
		left->other_currency = true;
		rest = 0;
	}
	left->spend = Min(left->spend, rest);
	if (!limit->rest)
		left->refused_beyond = Min(left->refused_beyond, rest);
}

/* Says what is left for each of the uses. */
void
commerce_budgets_left(const BudgetUse *uses, int count, const pg_uuid_t *customer, int currency,
					  BudgetLeft *left)
{
	bool tables = !commerce_escrow_on || RecoveryInProgress();
	BudgetLimit *limits;
	int limit_count;

	for (int i = 0; i < count; i++)
		left[i] = (BudgetLeft){.uses = PG_INT64_MAX, .spend = PG_INT64_MAX, .refused_beyond = PG_INT64_MAX};
	limit_count =
		commerce_budget_limits(uses, count, customer, PLAN_READS, tables ? SUM_ALL : SUM_PERSONS, &limits);
	if (!tables && !peek(limits, limit_count))
	{
		limit_count = commerce_budget_limits(uses, count, customer, PLAN_READS, SUM_ALL, &limits);
		(void) peek(limits, limit_count);
	}
	for (int i = 0; i < limit_count; i++)
		add_limit(&limits[i], currency, &left[limits[i].use]);
}
