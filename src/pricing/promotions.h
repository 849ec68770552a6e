/*
 * promotions.h: the promotions of the shop, or those that somebody brings to a quote, compiled.
 */
#ifndef COMMERCE_PRICING_PROMOTIONS_H
#define COMMERCE_PRICING_PROMOTIONS_H

#include "base/pg.h"
#include "promotion/candidates.h"

typedef struct PromotionSet
{
	const Promotion *promotions; /* in the order in which they are applied */
	int count;
	PromotionIndex *index; /* NULL: look at all */
	const int *by_id;      /* their places by id */
	bool asks_orders;      /* some condition or benefit looks at how many orders a customer has placed */
	bool given;            /* brought to a quote */
	const TextList *codes; /* given ones only: by place */
	const PromotionPurse *purses; /* likewise */
} PromotionSet;

extern void commerce_promotions_init(void);

/* Returns all promotions of the shop that are not drafts. Needs an SPI connection. */
extern const PromotionSet *commerce_promotions(void);

/* Compiles promotions from a JSON array of objects with the columns of commerce.promotions, into the current memory
 * context. Likewise. */
extern const PromotionSet *commerce_given_promotions(Jsonb *promotions, int currency);

/* A code that was entered, and the place of the promotion that it opens. */
typedef struct OpenedCode
{
	const char *code;
	int promotion;
} OpenedCode;

/*
 * Finds which promotions the entered codes open. Raises CM030 for an unknown code and CM031 for a code that, or whose
 * promotion, is not running at that time. Returns one element for each code.
 */
extern OpenedCode *commerce_open_codes(const PromotionSet *set, const char **codes, int code_count,
									   TimestampTz at);

/* The name of a class. */
extern const char *commerce_promotion_class_name(PromotionClass class);

#endif
