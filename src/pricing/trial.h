/*
 * trial.h: a promotion on an order that was placed without it. Private to the room.
 */
#ifndef COMMERCE_PRICING_TRIAL_H
#define COMMERCE_PRICING_TRIAL_H

#include "pricing/evaluation.h"
#include "pricing/promotions.h"

/* One line as it was sold; facts that rules see are in the QuoteLine of the same place. */
typedef struct SoldLine
{
	int64 subtotal;
	int64 discount;     /* all that was taken off */
	int64 given;        /* the part of it that the tried promotion took itself */
	int64 included_tax; /* part of what was paid */
	int64 cost;         /* of a unit; -1: not known in this currency */
} SoldLine;

/* An order as it was placed, and what a promotion makes of it. All money is in minor units of the order's currency. */
typedef struct Trial
{
	QuoteRequest request;
	Quote quote;    /* the lines a promotion may look at: gifts are none */
	SoldLine *sold; /* by place in the quote */
	SoldLine shipping;
	int64 orders_before;
	/* What happened, but for what the promotion did itself, without taxes. */
	wide revenue;
	wide cost;
	wide units_without_cost;
	/* What the promotion would have done. */
	wide units_affected;
	wide discount;          /* as customers see it, shipping included */
	wide shipping_discount; /* the part of it on shipping */
	wide lost_revenue;      /* what the shop gets less for the goods, without taxes */
	wide lost_shipping;     /* likewise for shipping */
	PromotionOutcome outcome;
} Trial;

/* trial.c: counts a line that was sold. */
extern void commerce_trial_count(Trial *trial, const SoldLine *line, int64 quantity);

/* trial.c: tries the only promotion of the set on the order. */
extern void commerce_trial_run(Trial *trial, const PromotionSet *set);

#endif
