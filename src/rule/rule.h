/*
 * rule.h: conditions and benefits, the language of promotions. Pure: no SPI, no fmgr.
 *
 *     subtotal >= 100 EUR and quantity(category <@ 'clothing.shoes') >= 2
 *     20% off lines where category <@ 'clothing.shoes' and not on_sale
 *     10 EUR off order
 *     buy 2 where tag = 'socks' get 1 where tag = 'socks' free, at most 3 times
 */
#ifndef COMMERCE_RULE_RULE_H
#define COMMERCE_RULE_RULE_H

#include "rule/cart.h"

typedef struct RuleNode RuleNode; /* a parsed condition; opaque outside the room */

/* Longer texts are refused; nesting is refused beyond 100 levels. */
#define RULE_MAX_TEXT 65536

#define PERCENT_SCALE INT64_C(1000000) /* one percent; rates have at most six decimals */
#define PERCENT_WHOLE (100 * PERCENT_SCALE)

/* Money of one currency, and after it that of others: what a rule says for each currency it knows. */
typedef struct RuleMoney
{
	int64_t minor;
	int currency; /* ISO 4217 number */
	struct RuleMoney *next;
} RuleMoney;

/* What something is reduced by, or to. */
typedef struct Reward
{
	enum
	{
		REWARD_PERCENT,
		REWARD_MONEY, /* so much off */
		REWARD_PRICE, /* for so much */
	} kind;
	int64_t percent;  /* REWARD_PERCENT: in units of 1 / PERCENT_SCALE percent, 0 to 100 % */
	RuleMoney *money; /* REWARD_MONEY, REWARD_PRICE */
} Reward;

typedef enum BenefitKind
{
	BENEFIT_OFF,      /* the reward, off what the target says */
	BENEFIT_FLEXIBLE, /* the reward off the first unit of each line, and another off its other units */
	BENEFIT_TIERS,    /* the reward of the highest tier reached */
	BENEFIT_SET,      /* units that are bought together: buy and get, a bundle, some for a price */
	BENEFIT_GIFT,     /* units of another sku for nothing */
} BenefitKind;

typedef enum BenefitTarget
{
	BENEFIT_UNITS, /* each unit of each matching line */
	BENEFIT_LINES, /* each matching line once */
	BENEFIT_ORDER, /* the matching lines together, distributed by their amounts */
	BENEFIT_SHIPPING,
} BenefitTarget;

typedef enum TierBasis
{
	TIER_SUBTOTAL,       /* what the matching lines cost together */
	TIER_QUANTITY,       /* units of the matching lines together */
	TIER_LINE_SUBTOTAL,  /* each line's own */
	TIER_LINE_QUANTITY,  /* likewise */
	TIER_ORDER_SUBTOTAL, /* what all lines cost together */
} TierBasis;

typedef struct BenefitTier
{
	int64_t from; /* minor units or units, inclusive */
	int currency; /* of from; 0 where it counts units */
	Reward reward;
	struct BenefitTier *next;
} BenefitTier;

/* Some units of the lines that match. */
typedef struct BenefitPart
{
	int64_t quantity;
	bool up_to;      /* fewer will do, where there are not so many */
	RuleNode *where; /* NULL for all */
	struct BenefitPart *next;
} BenefitPart;

#define BENEFIT_MAX_PARTS 6    /* of a set */
#define BENEFIT_MAX_ACTIONS 10 /* of a benefit */

/* Which units come first where not all can have it. */
typedef enum UnitOrder
{
	UNITS_BY_DEFAULT,
	UNITS_CHEAPEST,
	UNITS_DEAREST,
	UNITS_AS_IN_CART,
} UnitOrder;

/* What a benefit is limited to; 0 and NULL mean no such limit. */
typedef struct BenefitLimits
{
	int64_t units; /* of all matching lines together, or of each */
	bool of_each_line;
	int64_t group;    /* only complete groups of so many units, over all matching lines */
	int64_t step;     /* only multiples of so many units, of each line */
	int64_t times;    /* so many sets or gifts */
	RuleMoney *money; /* at most so much off */
	UnitOrder order;
} BenefitLimits;

/* One thing that a promotion gives, and after it what else it gives. */
typedef struct Benefit
{
	BenefitKind kind;
	BenefitTarget target;
	Reward reward;
	RuleNode *where; /* which lines; NULL for all */
	BenefitLimits limits;
	Reward others;      /* BENEFIT_FLEXIBLE: of the units after the first */
	TierBasis basis;    /* BENEFIT_TIERS */
	bool graduated;     /* BENEFIT_TIERS: each tier's reward on what lies between it and the next */
	BenefitTier *tiers; /* from the lowest */
	BenefitPart *buy;   /* BENEFIT_SET: what has no reward itself; BENEFIT_GIFT: one part, for every such */
	BenefitPart *get;   /* BENEFIT_SET: what has it */
	const char *gift;   /* BENEFIT_GIFT: a sku */
	int64_t quantity;   /* BENEFIT_GIFT */
	struct Benefit *next;
} Benefit;

/* Where and why a text is refused; position counts characters from 1. */
typedef struct RuleError
{
	int position;
	char message[280];  /* "expected a number, found \"and\"" */
	char expected[180]; /* "a number"; empty where the message says it otherwise */
	char found[60];     /* "and"; empty likewise, and at the end of the text */
} RuleError;

/* Memory comes from the caller, so that the same code runs in the server (palloc) and in a fuzzer (malloc). */
typedef struct RuleMemory
{
	/* Never returns NULL: without memory it does not return at all. */
	void *(*allocate)(void *context, unsigned long size);
	void *context;
} RuleMemory;

/* Parse, or return NULL with the error filled in. The result keeps no pointer into the text. */
extern RuleNode *commerce_condition_parse(const char *text, const RuleMemory *memory, RuleError *error);
extern Benefit *commerce_benefit_parse(const char *text, const RuleMemory *memory, RuleError *error);

/*
 * Parse what is stored and was read before. A date that no calendar has, as '2026-02-31', is refused when it is written,
 * but what holds one already goes on as it is: it is never that day, and before and after it are the days around it.
 */
extern RuleNode *commerce_stored_condition_parse(const char *text, const RuleMemory *memory,
												 RuleError *error);
extern Benefit *commerce_stored_benefit_parse(const char *text, const RuleMemory *memory, RuleError *error);

/* Print canonically: parsing the result gives an equal tree. */
extern char *commerce_condition_print(const RuleNode *condition, const RuleMemory *memory);
extern char *commerce_benefit_print(const Benefit *benefit, const RuleMemory *memory);

/*
 * Does the condition hold for the whole cart? NULL holds.
 *
 * Logic has three values, as in SQL: a comparison with absent text, with money of another currency or with an attribute
 * of another type is unknown, so is its negation, and what is unknown in the end does not hold. An attribute with
 * several values (the tags of a line, the codes of a cart, and in a condition on the cart any attribute of a line)
 * compares when one of them does. <> is always the negation of =, and "not in" of "in": sku <> 'A' holds for a cart
 * in which no line has that SKU.
 */
extern bool commerce_condition_holds(const RuleNode *condition, const RuleCart *cart);

/* Does the condition look at the hour or the day, at how many orders the customer has placed, or at
 * customer.attributes? */
extern bool commerce_condition_asks_time(const RuleNode *condition);
extern bool commerce_condition_asks_orders(const RuleNode *condition);
extern bool commerce_condition_asks_customer(const RuleNode *condition);

/* Does any condition in a benefit? */
extern bool commerce_benefit_asks_time(const Benefit *benefit);
extern bool commerce_benefit_asks_orders(const Benefit *benefit);

/* Money of this currency; NULL where the rule says none. */
extern const RuleMoney *commerce_rule_money_in(const RuleMoney *money, int currency);

/* Does a line of the cart match? Line attributes (sku, category, quantity, …) are those of this line. NULL matches. */
extern bool commerce_line_matches(const RuleNode *condition, const RuleCart *cart, const RuleLine *line);

#endif
