/*
 * claims.h: limits of promotions: what is left of them, and claiming it for an order.
 *
 * A promotion may have budgets (commerce.budgets), and the code that opened it a limit of its own. quote() asks what is
 * left, as a hint: others may have it the next moment. checkout() claims, which is final once it commits.
 */
#ifndef COMMERCE_BUDGET_CLAIMS_H
#define COMMERCE_BUDGET_CLAIMS_H

#include "base/pg.h"

/* A promotion that is used, or might be. */
typedef struct BudgetUse
{
	pg_uuid_t promotion;
	const char *code; /* that opened it, as stored; NULL: none did */
	int64 minor;      /* what it takes off, in minor units; nobody looks at it who asks what is left */
} BudgetUse;

/* What is left of all that limits a promotion. */
typedef struct BudgetLeft
{
	int64 uses;           /* > 0: it may be used once more; PG_INT64_MAX: no limit */
	int64 spend;          /* in minor units: it gives no more than that; PG_INT64_MAX: no limit */
	int64 refused_beyond; /* >= spend: a greater discount is not given at all instead of cut to spend */
	const char *
		missing_key; /* customer, email, code or attribute: a budget is per that, and there is none; or NULL */
	bool other_currency; /* it has a spend budget of another currency: spend is 0 */
} BudgetLeft;

/* Begins to watch the budgets; called once, from _PG_init. */
extern void commerce_claims_init(void);

/* Returns whether a promotion has budgets: by memory, but for the first call after they changed. Needs SPI. */
extern bool commerce_has_budgets(const pg_uuid_t *promotion);

/*
 * Says what is left for each of the uses: left[i] of uses[i]. One statement where any of them has budgets or was opened by
 * a code, none otherwise; a second one where counters are in use and one is missing, as before the first order since the
 * server started. Locks no row and writes nothing, and works on a standby. Needs SPI.
 */
extern void commerce_budgets_left(const BudgetUse *uses, int count, const pg_uuid_t *customer, int currency,
								  BudgetLeft *left);

/*
 * Claims what the uses take of their budgets and codes for the order, which has claimed nothing before. Raises CM032 or
 * CM033 where it is not to be had, and then nothing is claimed. Comes before stock is promised: where rows are locked,
 * those of budgets are locked first. Needs SPI.
 */
extern void commerce_claim_budgets(const pg_uuid_t *order, const BudgetUse *uses, int count,
								   const pg_uuid_t *customer, int currency);

/*
 * Claims again what the order claimed and has given back since, of the limits that there still are. Raises CM032 or CM033
 * where it is not to be had, and then nothing is claimed. Needs SPI.
 */
extern void commerce_claim_budgets_again(const pg_uuid_t *order);

#endif
