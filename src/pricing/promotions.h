/*
 * promotions.h: the promotions of the shop, compiled.
 */
#ifndef COMMERCE_PRICING_PROMOTIONS_H
#define COMMERCE_PRICING_PROMOTIONS_H

#include "base/pg.h"
#include "rule/rule.h"

typedef struct Promotion
{
	pg_uuid_t id;
	const char *name;
	bool active;
	TimestampTz begins; /* DT_NOBEGIN: always */
	TimestampTz ends;   /* DT_NOEND: never */
	bool needs_code;
	const RuleNode *condition; /* NULL: always */
	const Benefit *benefit;
} Promotion;

extern void commerce_promotions_init(void);

/* Returns all promotions that are not drafts, highest priority first, then lowest id. Needs an SPI connection. */
extern const Promotion *commerce_promotions(int *count);

/*
 * Finds which promotions the entered codes open: opened[i] says whether promotion i has been asked for. Raises CM030
 * for an unknown code and CM031 for a code of a promotion that is not running at that time.
 */
extern void commerce_open_codes(const char **codes, int code_count, TimestampTz at,
								const Promotion *promotions, int count, bool *opened);

#endif
