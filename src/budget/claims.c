/*
 * claims.c: claiming what an order takes of budgets.
 *
 * All is taken before it is written, in the order of budget and key. With counters nobody waits: each take is one
 * instruction that succeeds only where the limit allows it, takes of transactions under way included.
 *
 * The limit is read before the take, and somebody may lower it in between. So it is read once more after the take, with a
 * snapshot of that moment, and where it is another all is given back and begun again. Then whoever took by an old limit
 * took before the new one could be seen by anyone, and whoever goes by the new one finds that take counted: the order of
 * the two is that of their takes, and no limit is exceeded by those who came after it.
 *
 * Where there is no counter, the row that has the limit is locked, and what is taken is added up behind the lock with a
 * snapshot of that moment; the limit is read behind the lock, too.
 */
#include "budget/claims.h"

#include "base/errors.h"
#include "base/json.h"
#include "money/amount.h"
#include "budget/limits.h"
#include "budget/claim_counters.h"

/* What an order claimed before and has given back. */
typedef struct FormerClaim
{
	pg_uuid_t budget;
	const char *key;
	int64 amount;
} FormerClaim;

typedef struct FormerClaims
{
	const FormerClaim *claims;
	int count;
} FormerClaims;

/* What is taken of one limit. */
typedef struct Taking
{
	BudgetLimit limit;
	int number; /* of the limit, among those that were read */
	int64 amount;
	Counter *counter; /* NULL: the row is locked */
	int64 unwritten;  /* what others of this transaction had taken and not written before */
} Taking;

static SavedPlan write_claims = {
	.sql = "INSERT INTO commerce.claims (order_id, budget, key, promotion, amount_taken)"
		   " SELECT $1, c.* FROM unnest($2, $3, $4, $5) c",
	.args = "uuid; uuid[]; text[]; uuid[]; int8[]"};

static SavedPlan read_former = {
	.sql =
		"SELECT c.promotion, coalesce(CASE WHEN c.budget = c.promotion THEN substr(c.key, 6)"
		" WHEN b.per = 'code' THEN c.key END, ''), c.budget, c.key, c.amount_taken, o.customer_id, o.total"
		" FROM commerce.claims c JOIN commerce.orders o ON o.id = c.order_id"
		" LEFT JOIN commerce.budgets b ON b.id = c.budget"
		" WHERE c.order_id = $1 AND c.state = 'released' ORDER BY c.promotion, c.budget, c.key COLLATE \"C\"",
	.args = "uuid"};

static SavedPlan write_again = {
	.sql = "UPDATE commerce.claims c SET state = 'used' FROM unnest($2, $3) t (budget, key)"
		   " WHERE c.order_id = $1 AND c.budget = t.budget AND c.key = t.key AND c.state = 'released'",
	.args = "uuid; uuid[]; text[]"};

/* Makes an array of values of a type. */
static Datum
array_of(Datum *values, int count, Oid type)
{
	int16 length;
	bool by_value;
	char alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_array(values, count, type, length, by_value, alignment));
}

/* Writes the facts about a limit that is in the way. */
static int
detail(const BudgetUse *use, const BudgetLimit *limit, int64 left, const char *reason)
{
	JsonWriter writer = JSON_WRITER_INIT;

	commerce_json_object(&writer);
	commerce_json_key(&writer, "promotion");
	commerce_json_string(&writer,
						 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&use->promotion))));
	commerce_json_key(&writer, "budget");
	commerce_json_string(&writer,
						 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&limit->budget))));
	commerce_json_key(&writer, "per");
	commerce_json_string(&writer, limit->per);
	commerce_json_key(&writer, "left");
	if (limit->in_money)
		commerce_json_money(&writer, left, limit->currency);
	else
		commerce_json_int(&writer, left);
	commerce_json_key(&writer, "reason");
	commerce_json_string(&writer, reason);
	if (limit->of_code)
	{
		commerce_json_key(&writer, "code");
		commerce_json_string(&writer, use->code);
	}
	commerce_json_end_object(&writer);
	return commerce_errdetail(&writer);
}

/* Raises CM032 or CM033 about a limit that is in the way. */
pg_noreturn static void
refuse(const BudgetUse *use, const BudgetLimit *limit, int64 left, const char *reason)
{
	char *promotion = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&use->promotion)));
	int code = limit->in_money ? ERRCODE_BUDGET_EXHAUSTED : ERRCODE_LIMIT_REACHED;

	if (limit->key == NULL)
		ereport(ERROR, (errcode(code),
						errmsg("promotion %s is limited per %s, and none is known", promotion, limit->per),
						detail(use, limit, left, reason),
						errhint("Say which customer buys, or do without the promotion.")));
	if (limit->of_code)
		ereport(ERROR, (errcode(code), errmsg("code \"%s\" has been used up", use->code),
						detail(use, limit, left, reason), errhint("Leave the code out.")));
	if (limit->in_money)
		ereport(ERROR, (errcode(code),
						errmsg("the budget of promotion %s does not cover this order's discount", promotion),
						detail(use, limit, left, reason), errhint("Show the customer the new quote().")));
	ereport(ERROR, (errcode(code), errmsg("promotion %s has been used as often as it may be", promotion),
					detail(use, limit, left, reason), errhint("Show the customer the new quote().")));
}

/* Returns what can still be taken of a limit of which so much is taken. */
static int64
rest_of(const BudgetLimit *limit, int64 taken)
{
	return taken >= limit->limit ? 0 : limit->limit - Max(taken, 0);
}

/* Finds what was claimed of a limit before; NULL where nothing was. */
static const FormerClaim *
former_claim(const FormerClaims *former, const BudgetLimit *limit)
{
	for (int i = 0; i < former->count && limit->key != NULL; i++)
		if (memcmp(former->claims[i].budget.data, limit->budget.data, UUID_LEN) == 0 &&
			strcmp(former->claims[i].key, limit->key) == 0)
			return &former->claims[i];
	return NULL;
}

/*
 * Makes the takings that the uses are of the limits; returns how many. Two uses of one promotion are one use of it that
 * takes off as much as both. Refuses what cannot be claimed whatever is left. Where an order claims again, what it takes
 * is what it took, of the limits that it took it of.
 */
static int
make_takings(const BudgetUse *uses, const BudgetLimit *limits, int count, int currency,
			 const FormerClaims *former, Taking *takings)
{
	int made = 0;

	for (int i = 0; i < count; i++)
	{
		const BudgetLimit *limit = &limits[i];
		const BudgetUse *use = &uses[limit->use];
		Taking *last = made > 0 ? &takings[made - 1] : NULL;
		bool same = last != NULL && limit->key != NULL &&
					memcmp(last->limit.budget.data, limit->budget.data, UUID_LEN) == 0 &&
					strcmp(last->limit.key, limit->key) == 0;

		if (former != NULL)
		{
			const FormerClaim *claim = same ? NULL : former_claim(former, limit);

			if (claim != NULL)
				takings[made++] = (Taking){.limit = *limit, .number = i, .amount = claim->amount};
			continue;
		}
		if (limit->key == NULL)
			refuse(use, limit, 0, "no_key");
		if (limit->in_money && limit->currency != currency)
			refuse(use, limit, 0, "other_currency");
		if (limit->in_money && use->minor <= 0)
			continue;
		if (same)
			last->amount += limit->in_money ? use->minor : 0;
		else
			takings[made++] =
				(Taking){.limit = *limit, .number = i, .amount = limit->in_money ? use->minor : 1};
	}
	return made;
}

/* Opens the counters of the takings; returns how many have none. */
static int
open_counters(Taking *takings, int count)
{
	int without = 0;

	for (int i = 0; i < count; i++)
	{
		takings[i].counter = commerce_claims_counter(&takings[i].limit.budget, takings[i].limit.key);
		if (takings[i].counter == NULL)
			without++;
	}
	return without;
}

/* Locks the rows of those limits that have no counter. */
static void
lock_the_rest(const Taking *takings, const BudgetUse *uses, int count)
{
	Datum *budgets = palloc(sizeof(Datum) * count);
	Datum *codes = palloc(sizeof(Datum) * count);
	int budget_count = 0;
	int code_count = 0;

	for (int i = 0; i < count; i++)
	{
		const BudgetLimit *limit = &takings[i].limit;

		if (takings[i].counter != NULL)
			continue;
		if (limit->of_code)
			codes[code_count++] = CStringGetTextDatum(uses[limit->use].code);
		else
			budgets[budget_count++] = UUIDPGetDatum(&limit->budget);
	}
	commerce_lock_budgets(budget_count ? array_of(budgets, budget_count, UUIDOID) : 0,
						  code_count ? array_of(codes, code_count, TEXTOID) : 0);
}

/* Takes what there are counters for, all of it or nothing; returns the first that is short, or NULL. */
static Taking *
take(Taking *takings, int count)
{
	commerce_escrow_begin();
	for (int i = 0; i < count; i++)
	{
		Taking *taking = &takings[i];

		if (taking->counter == NULL)
			continue;
		taking->unwritten = commerce_escrow_unwritten(taking->counter);
		if (!commerce_escrow_take_above(taking->counter, taking->amount, -taking->limit.limit))
		{
			commerce_escrow_undo();
			return taking;
		}
	}
	commerce_escrow_keep();
	return NULL;
}

/*
 * Refuses a taking that is short of its limit, of which so much is taken. Where no code was entered nobody asked for the
 * promotion: there was enough when the order was priced, and priced again it does without.
 */
pg_noreturn static void
refuse_short(const BudgetUse *uses, const BudgetLimit *limit, int64 taken)
{
	const BudgetUse *use = &uses[limit->use];
	const char *reason = limit->in_money ? "exhausted" : "reached";

	if (use->code == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("what is left of promotion %s has changed meanwhile",
						DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&use->promotion)))),
				 detail(use, limit, rest_of(limit, taken), reason), errhint("Try again.")));
	refuse(use, limit, rest_of(limit, taken), reason);
}

/* Refuses those short takings whose rows are locked; what is taken was read behind the locks. */
static void
check_locked(const BudgetUse *uses, const BudgetLimit *limits, const Taking *takings, int count)
{
	for (int i = 0; i < count; i++)
	{
		const BudgetLimit *limit = &limits[takings[i].number];

		if (takings[i].counter == NULL && rest_of(limit, limit->taken) < takings[i].amount)
			refuse_short(uses, limit, limit->taken);
	}
}

/* Gives back what was taken and not written. */
static void
settle(const Taking *takings, int count)
{
	for (int i = 0; i < count; i++)
		if (takings[i].counter != NULL)
			commerce_escrow_settle(takings[i].counter, takings[i].unwritten);
}

/* Returns whether two readings found the same limits. */
static bool
same_limits(const BudgetLimit *first, int first_count, const BudgetLimit *second, int second_count)
{
	if (first_count != second_count)
		return false;
	for (int i = 0; i < first_count; i++)
	{
		const BudgetLimit *a = &first[i];
		const BudgetLimit *b = &second[i];

		if (a->use != b->use || memcmp(a->budget.data, b->budget.data, UUID_LEN) != 0 ||
			a->limit != b->limit || a->in_money != b->in_money || a->currency != b->currency ||
			(a->key == NULL) != (b->key == NULL) || (a->key != NULL && strcmp(a->key, b->key) != 0))
			return false;
	}
	return true;
}

/*
 * Takes what the uses take; returns how much that is of what. Each reading of the limits is judged by the next one, which
 * comes after locks are had and counters are taken from: it must say the same.
 */
static int
take_all(const BudgetUse *uses, int count, const pg_uuid_t *customer, int currency,
		 const FormerClaims *former, Taking **takings)
{
	BudgetLimit *limits;
	BudgetLimit *again;
	int limit_count = commerce_budget_limits(uses, count, customer, PLAN_LATEST, SUM_NONE, &limits);

	for (;; limits = again)
	{
		int taking_count;
		int without;
		int again_count;
		Taking *shortest;

		CHECK_FOR_INTERRUPTS();
		*takings = palloc_extended(sizeof(Taking) * Max(limit_count, 1), MCXT_ALLOC_HUGE);
		taking_count = make_takings(uses, limits, limit_count, currency, former, *takings);
		if (taking_count == 0)
			return 0;
		without = open_counters(*takings, taking_count);
		if (without > 0)
			lock_the_rest(*takings, uses, taking_count);
		shortest = take(*takings, taking_count);
		again_count = commerce_budget_limits(uses, count, customer, PLAN_LATEST,
											 without > 0 ? SUM_ALL : SUM_NONE, &again);
		if (!same_limits(limits, limit_count, again, again_count))
		{
			if (shortest == NULL)
				settle(*takings, taking_count);
			limit_count = again_count;
			continue;
		}
		if (shortest != NULL)
			refuse_short(uses, &shortest->limit, -commerce_escrow_balance(shortest->counter));
		check_locked(uses, again, *takings, taking_count);
		return taking_count;
	}
}

/* Writes what was taken in one statement; the trigger on it counts. */
static void
store(const pg_uuid_t *order, const BudgetUse *uses, const Taking *takings, int count)
{
	Datum *columns[4];

	for (size_t c = 0; c < lengthof(columns); c++)
		columns[c] = palloc_extended(sizeof(Datum) * count, MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
	{
		columns[0][i] = UUIDPGetDatum(&takings[i].limit.budget);
		columns[1][i] = CStringGetTextDatum(takings[i].limit.key);
		columns[2][i] = UUIDPGetDatum(&uses[takings[i].limit.use].promotion);
		columns[3][i] = Int64GetDatum(takings[i].amount);
	}
	(void) commerce_run(&write_claims, PLAN_WRITES,
						(Datum[]){UUIDPGetDatum(order), array_of(columns[0], count, UUIDOID),
								  array_of(columns[1], count, TEXTOID), array_of(columns[2], count, UUIDOID),
								  array_of(columns[3], count, INT8OID)},
						NULL);
}

/* Claims what the uses take of their budgets and codes for the order. */
void
commerce_claim_budgets(const pg_uuid_t *order, const BudgetUse *uses, int count, const pg_uuid_t *customer,
					   int currency)
{
	Taking *takings;
	int taking_count = take_all(uses, count, customer, currency, NULL, &takings);

	if (taking_count == 0)
		return;
	store(order, uses, takings, taking_count);
	settle(takings, taking_count);
}

/* Writes that claims which were given back are used again; the trigger counts them. */
static void
store_again(const pg_uuid_t *order, const Taking *takings, int count)
{
	Datum *budgets = palloc_extended(sizeof(Datum) * count, MCXT_ALLOC_HUGE);
	Datum *keys = palloc_extended(sizeof(Datum) * count, MCXT_ALLOC_HUGE);

	for (int i = 0; i < count; i++)
	{
		budgets[i] = UUIDPGetDatum(&takings[i].limit.budget);
		keys[i] = CStringGetTextDatum(takings[i].limit.key);
	}
	(void) commerce_run(
		&write_again, PLAN_WRITES,
		(Datum[]){UUIDPGetDatum(order), array_of(budgets, count, UUIDOID), array_of(keys, count, TEXTOID)},
		NULL);
}

/* Claims again what an order claimed and has given back since. */
void
commerce_claim_budgets_again(const pg_uuid_t *order)
{
	int count = (int) commerce_run(&read_former, PLAN_LATEST, (Datum[]){UUIDPGetDatum(order)}, NULL);
	FormerClaim *claims = palloc_extended(sizeof(FormerClaim) * Max(count, 1), MCXT_ALLOC_HUGE);
	BudgetUse *uses = palloc_extended(sizeof(BudgetUse) * Max(count, 1), MCXT_ALLOC_HUGE);
	FormerClaims former = {claims, count};
	pg_uuid_t *customer = NULL;
	Amount total = 0;
	Taking *takings;
	int taking_count;
	bool isnull;

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		/* A code that is empty opens nothing, but whoever asks for it is told which limit is in the way. */
		uses[i] = (BudgetUse){*DatumGetUUIDP(commerce_value(i, 1, &isnull)), commerce_text(i, 2), 0};
		claims[i] = (FormerClaim){*DatumGetUUIDP(commerce_value(i, 3, &isnull)), commerce_text(i, 4),
								  DatumGetInt64(commerce_value(i, 5, &isnull))};
	}
	total = DatumGetAmount(commerce_value(0, 7, &isnull));
	(void) commerce_value(0, 6, &isnull);
	if (!isnull)
	{
		customer = palloc(sizeof(pg_uuid_t));
		*customer = *DatumGetUUIDP(commerce_value(0, 6, &isnull));
	}
	taking_count = take_all(uses, count, customer, commerce_amount_currency(total), &former, &takings);
	if (taking_count == 0)
		return;
	store_again(order, takings, taking_count);
	settle(takings, taking_count);
}
