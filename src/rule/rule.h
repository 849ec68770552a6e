/*
 * rule.h: conditions and benefits, the language of promotions. Pure: no SPI, no fmgr.
 *
 *     subtotal >= 100 EUR and quantity(category <@ 'clothing.shoes') >= 2
 *     20% off lines where category <@ 'clothing.shoes' and not on_sale
 *     10 EUR off order
 */
#ifndef COMMERCE_RULE_RULE_H
#define COMMERCE_RULE_RULE_H

#include "rule/cart.h"

typedef struct RuleNode RuleNode; /* a parsed condition; opaque outside the room */

typedef enum BenefitKind
{
	BENEFIT_PERCENT,
	BENEFIT_FIXED,
} BenefitKind;

typedef enum BenefitTarget
{
	BENEFIT_UNITS, /* each unit of each matching line */
	BENEFIT_LINES, /* each matching line once */
	BENEFIT_ORDER, /* the matching lines together, distributed by their amounts */
	BENEFIT_SHIPPING,
} BenefitTarget;

/* Longer texts are refused; nesting is refused beyond 100 levels. */
#define RULE_MAX_TEXT 65536

#define PERCENT_SCALE INT64_C(1000000) /* one percent; rates have at most six decimals */

typedef struct Benefit
{
	BenefitKind kind;
	BenefitTarget target;
	int64_t percent; /* BENEFIT_PERCENT: in units of 1 / PERCENT_SCALE percent, 0 to 100 % */
	int64_t minor;   /* BENEFIT_FIXED: minor units */
	int currency;    /* BENEFIT_FIXED: ISO 4217 number */
	RuleNode *where; /* which lines; NULL for all */
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

/* Does a line of the cart match? Line attributes (sku, category, quantity, …) are those of this line. NULL matches. */
extern bool commerce_line_matches(const RuleNode *condition, const RuleCart *cart, const RuleLine *line);

#endif
