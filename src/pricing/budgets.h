/*
 * budgets.h: the limits that bear on promotions, private to the room.
 */
#ifndef COMMERCE_PRICING_BUDGETS_H
#define COMMERCE_PRICING_BUDGETS_H

#include "base/plan.h"
#include "pricing/claims.h"

/* A limit that a use counts against. */
typedef struct BudgetLimit
{
	int use; /* which of the uses it is about */
	pg_uuid_t budget;
	const char *key; /* NULL: the budget is per something that the customer has not */
	const char *per;
	bool of_code;  /* it is the code's own: budget is the promotion */
	bool in_money; /* limit is in minor units of the currency, else in uses */
	bool rest;
	int currency;
	int64 limit;
	int64 taken; /* of it, by the tables */
} BudgetLimit;

/*
 * Reads the limits that bear on the uses, sorted by budget and key; returns how many. What is taken is read along only
 * where "taken" says so. Needs SPI.
 */
extern int commerce_budget_limits(const BudgetUse *uses, int count, const pg_uuid_t *customer, PlanView view,
								  bool taken, BudgetLimit **limits);

#endif
