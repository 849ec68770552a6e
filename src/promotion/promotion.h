/*
 * promotion.h: what promotions take off a cart. Pure: a function of lines, context and promotions.
 *
 * A caller prices the lines, says which promotions come into question and what the day, the customer and the budgets
 * allow; commerce_promote() answers with what each promotion took off each line, and why others took nothing. The
 * answer does not depend on the order of the lines, and its cost not on the number of units.
 */
#ifndef COMMERCE_PROMOTION_PROMOTION_H
#define COMMERCE_PROMOTION_PROMOTION_H

#include "money/allocate.h"
#include "money/rounding.h"
#include "rule/rule.h"

/* In the order in which they are applied. */
typedef enum PromotionClass
{
	CLASS_CATALOG, /* sets the price of a line, before all discounts */
	CLASS_ITEM,
	CLASS_GIFT,
	CLASS_ORDER,
	CLASS_SHIPPING,
} PromotionClass;

#define PROMOTION_CLASSES 5

typedef enum PromotionLane
{
	LANE_PRE,
	LANE_DEFAULT,
	LANE_POST,
} PromotionLane;

typedef enum Exclusivity
{
	EXCLUSIVE_NONE,
	EXCLUSIVE,             /* no other promotion beside it */
	EXCLUSIVE_GROUP_BEST,  /* of its group the one that gives the customer most */
	EXCLUSIVE_GROUP_FIRST, /* of its group the first that gives anything */
} Exclusivity;

typedef enum SaleItems
{
	SALE_ALLOWED,
	SALE_SKIPPED, /* lines on sale get nothing of it */
	SALE_REFUSED, /* a cart with a line on sale gets nothing of it */
} SaleItems;

typedef enum PercentBase
{
	PERCENT_AS_ASKED, /* as the request says */
	PERCENT_RUNNING,  /* of what promotions before it have left */
	PERCENT_ORIGINAL, /* of the price */
} PercentBase;

typedef struct TextList
{
	const char **texts;
	int count;
} TextList;

typedef struct Promotion
{
	unsigned char id[16];
	const char *name;
	PromotionClass class;
	PromotionLane lane;
	int priority;
	bool active;
	int64_t begins; /* in the caller's measure of time */
	int64_t ends;
	bool needs_code;
	const RuleNode *condition; /* NULL: always */
	bool running;              /* its condition sees what promotions before it have left */
	const Benefit *benefit;
	Exclusivity exclusivity;
	const char *group;
	bool stop_line; /* what it gave something of takes no later promotion */
	bool stop_all;
	unsigned combines; /* 1 << class, for each class that may stand beside it */
	TextList tags;
	TextList
		stacks_with; /* tags of item promotions that may be on a line with it, if they say the same of it */
	SaleItems sale_items;
	PercentBase percent_base;
	const char *time_zone; /* for what it says of the time; NULL where that is nothing */
	TextList channels;     /* empty: all */
	TextList currencies;
	TextList groups; /* of customers */
} Promotion;

/* class.c: the class that a benefit has by itself; may a promotion of a class give it? */
extern PromotionClass commerce_natural_class(const Benefit *benefit);
extern bool commerce_class_fits(PromotionClass class, const Benefit *benefit);

/* How two promotions are ordered: below 0 where the first is applied first. */
extern int commerce_promotion_order(const Promotion *first, const Promotion *second);

/* How much a promotion may still give. */
typedef struct PromotionPurse
{
	int64_t uses;           /* INT64_MAX: not limited */
	int64_t spend;          /* it gives no more minor units than that; likewise */
	int64_t refused_beyond; /* at least spend: more than that is not given at all, instead of cut to spend */
	bool no_key;            /* it is limited per customer or the like, and there is none */
	bool other_currency;    /* its budget is of another currency */
} PromotionPurse;

/* One line of a cart, beside its RuleLine; what conditions do not look at. */
typedef struct PromotionLine
{
	int per_quantity; /* unit_price is for so many units */
	int64_t floor;    /* no discount takes the line below */
	int64_t discount; /* taken off already, by hand */
	bool discountable;
} PromotionLine;

/* The lines that may match the benefit of a candidate. */
typedef struct CandidateLines
{
	const int *lines; /* of the cart; NULL: any line may */
	int count;
} CandidateLines;

typedef struct PromotionRequest
{
	const Promotion *promotions;
	const int *candidates; /* places in promotions, in their order; each runs at the time of the request */
	int candidate_count;
	const CandidateLines *candidate_lines; /* by candidate; NULL: any line may match any */
	const bool *opened;                    /* by candidate: a code for it was entered; NULL: for none */
	const PromotionPurse *purses;          /* by candidate; NULL: nothing is limited */
	const RuleCart *cart;                  /* with its lines */
	const PromotionLine *lines;            /* as many as the cart has */
	const PromotionLine *shipping;         /* cart->shipping is its price; NULL where nothing is sent */
	RoundingMode rounding;
	AllocationPolicy remainder;
	bool percent_of_original;
	bool dearest_pool;   /* limited units are the dearest where a benefit does not say */
	bool partial_get;    /* "get" gives fewer units where there are not so many, always */
	bool budget_rest;    /* what a budget is short of is not given, instead of nothing, always */
	bool priority_first; /* an exclusive promotion gives way to what is applied before it */
	/* Returns the time of the request in a zone. */
	const RuleClock *(*clock)(void *context, const char *zone);
	void *context;
	/* Compares what two lines have as attributes of their own; NULL: they are all alike. */
	int (*compare_attributes)(const void *first, const void *second);
	void (*breathe)(void); /* called now and then; may not return, if somebody cancels; NULL: not called */
	const RuleMemory *memory;
} PromotionRequest;

typedef enum PromotionVerdict
{
	PROMOTION_APPLIED,
	PROMOTION_CODE_MISSING,
	PROMOTION_OTHER_CHANNEL,
	PROMOTION_OTHER_CURRENCY,
	PROMOTION_OTHER_GROUP,
	PROMOTION_NEEDS_CUSTOMER,
	PROMOTION_LIMIT_REACHED,
	PROMOTION_BUDGET_EXHAUSTED,
	PROMOTION_STOPPED,
	PROMOTION_EXCLUDED,
	PROMOTION_GROUP_TAKEN,
	PROMOTION_NOT_COMBINABLE,
	PROMOTION_SALE_ITEMS,
	PROMOTION_CONDITION_NOT_MET,
	PROMOTION_NO_TARGET,
	PROMOTION_LINE_TAKEN,
	PROMOTION_NOT_ENOUGH,
	PROMOTION_NOTHING_LEFT,
} PromotionVerdict;

/* A verdict as programs read it, and in words. */
extern const char *commerce_verdict_code(PromotionVerdict verdict);
extern const char *commerce_verdict_reason(PromotionVerdict verdict);

/* What became of a candidate. */
typedef struct PromotionFinding
{
	int promotion; /* its place */
	PromotionVerdict verdict;
	int64_t minor;
} PromotionFinding;

typedef struct PromotionTake
{
	int finding;
	int line; /* of the cart; line_count means shipping */
	int64_t minor;
} PromotionTake;

typedef struct PromotionGift
{
	int finding;
	const char *sku;
	int64_t quantity;
} PromotionGift;

typedef struct PromotionOutcome
{
	PromotionFinding *findings; /* room for one for each candidate, in their order */
	PromotionTake *takes;
	int take_count;
	PromotionGift *gifts;
	int gift_count;
	int64_t total;
	bool bounded; /* groups were too large to try every choice */
} PromotionOutcome;

/* Applies all candidates but those of the catalogue, whose findings are left as they are. */
extern void commerce_promote(const PromotionRequest *request, PromotionOutcome *outcome);

/* One reduction of a price by the catalogue. */
typedef struct CatalogCut
{
	int finding;
	int64_t minor; /* for the whole line */
} CatalogCut;

/* What a line costs by the catalogue. */
typedef struct CatalogPrice
{
	int64_t unit_price;
	int per_quantity;
	int64_t subtotal;
	CatalogCut *cuts;
	int cut_count;
} CatalogPrice;

/* Judges the promotions of the catalogue, which are the first candidates; returns how many they are. */
extern int commerce_catalog_begin(const PromotionRequest *request, PromotionFinding *findings);

/*
 * Prices one line by the promotions of the catalogue: all that match, one after the other, or only the one that makes it
 * cheapest. Fills in their findings; by_line rounds the line instead of the unit.
 */
extern void commerce_catalog_price(const PromotionRequest *request, int line, bool best_only, bool by_line,
								   PromotionFinding *findings, CatalogPrice *price);

/*
 * When all lines are priced: rules out the promotions of the catalogue whose purses do not hold what they have taken off
 * prices. Where any was, returns true, and all lines are to be priced anew without it.
 */
extern bool commerce_catalog_rule_out(const PromotionRequest *request, PromotionFinding *findings);

#endif
