/*
 * need.h: what must be in a cart for a rule to have a chance. Pure.
 *
 * A need is a list of keys of which the cart has at least one wherever the rule holds. An index over needs finds the
 * rules worth a look without evaluating the others; it may find too many, never too few.
 */
#ifndef COMMERCE_RULE_NEED_H
#define COMMERCE_RULE_NEED_H

#include "rule/rule.h"

/* Kinds of keys, the most selective first: of several needs of a rule the index takes the most selective. */
typedef enum RuleKeyKind
{
	KEY_CODE,
	KEY_SKU,
	KEY_PRODUCT,
	KEY_TAG,
	KEY_CATEGORY, /* a category, and each one above it */
	KEY_CUSTOMER,
	KEY_BRAND,
	KEY_GROUP,
	KEY_TAX_CLASS,
	KEY_SHIPPING_METHOD,
	KEY_COUNTRY,
	KEY_CHANNEL,
	KEY_CURRENCY,
} RuleKeyKind;

typedef struct RuleKey
{
	RuleKeyKind kind;
	const char *text;
} RuleKey;

typedef struct RuleNeed
{
	const RuleKey *keys;
	int count;
	RuleKeyKind kind; /* of the least selective of them */
} RuleNeed;

/* What a condition on a cart needs; false where nothing is known of it. */
extern bool commerce_condition_need(const RuleNode *condition, const RuleMemory *memory, RuleNeed *need);

/* What a benefit needs to find anything to give. */
extern bool commerce_benefit_need(const Benefit *benefit, const RuleMemory *memory, RuleNeed *need);

/* Is the first need more selective than the second? */
extern bool commerce_need_is_better(const RuleNeed *first, const RuleNeed *second);

/* Calls back for each key that a cart has, some of them several times; line is the one that has it, or -1. */
extern void commerce_cart_keys(const RuleCart *cart,
							   void (*each)(RuleKeyKind kind, const char *text, int length, int line,
											void *context),
							   void *context);

/* Is a key of this kind something that a line has, not the cart as a whole? */
extern bool commerce_key_is_of_line(RuleKeyKind kind);

#endif
