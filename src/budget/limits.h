/*
 * limits.h: the limits that bear on promotions, private to the room.
 */
#ifndef COMMERCE_BUDGET_LIMITS_H
#define COMMERCE_BUDGET_LIMITS_H

#include "base/plan.h"
#include "budget/claims.h"

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
	bool summed;
	int64 taken; /* of it, by the tables, where that was summed up */
} BudgetLimit;

/* Of which limits to sum up, from the tables, what is taken. */
typedef enum BudgetSums
{
	SUM_NONE,
	SUM_PERSONS, /* those per customer or e-mail address: few claims each, and too many to have counters */
	SUM_ALL,
} BudgetSums;

/* Reads the limits that bear on the uses, sorted by budget and key; returns how many. Needs SPI. */
extern int commerce_budget_limits(const BudgetUse *uses, int count, const pg_uuid_t *customer, PlanView view,
								  BudgetSums sums, BudgetLimit **limits);

#endif
