/*
 * tax_math.h: what taxes come to, exactly. Pure: no server needed.
 */
#ifndef COMMERCE_PRICING_TAX_MATH_H
#define COMMERCE_PRICING_TAX_MATH_H

#include <stdbool.h>
#include <stdint.h>

#include "money/rounding.h"

#define TAX_RATE_WHOLE INT64_C(100000000) /* 100 %, in units of 1/1,000,000 percent */

typedef enum TaxLevel
{
	TAX_PER_LINE, /* each rate of each line is rounded */
	TAX_PER_UNIT, /* each unit's tax is rounded */
	TAX_PER_RATE, /* each rate is rounded once over all lines, and distributed by largest remainder */
	TAX_PER_ORDER, /* taxes in prices are rounded once, and so are those added; distributed by largest remainder */
	TAX_ORDER_DELTA, /* as per rate, but each line carries its rounding over to the next */
} TaxLevel;

#define TAX_LEVELS 5

/* One rate of a price, in the order in which rates are due. */
typedef struct TaxStep
{
	int64_t rate; /* in units of 1/1,000,000 percent */
	bool included;
	bool compound; /* due on the price and all taxes before it */
} TaxStep;

/* A fraction of a price, in lowest terms. */
typedef struct TaxFraction
{
	wide numerator;
	wide denominator;
} TaxFraction;

/* One tax to be rounded. */
typedef struct TaxItem
{
	TaxFraction share; /* of the base */
	int64_t base;      /* not negative */
	int64_t quantity;  /* the units that the base is for */
	int group;         /* those of one group are rounded together, where the level says so */
	int64_t minor;     /* the answer */
	wide whole;        /* for the arithmetic alone, as is rest */
	wide rest;
} TaxItem;

/*
 * Works out which fraction of a price each rate is, and which fraction of it is free of the included rates. False where
 * the fractions are too fine for 128 bits.
 */
extern bool commerce_tax_fractions(const TaxStep *steps, int count, TaxFraction *shares, TaxFraction *net);

/* Returns first / second in lowest terms; false where that is too fine. */
extern bool commerce_tax_divide(TaxFraction first, TaxFraction second, TaxFraction *quotient);

/* Returns a fraction of a sum, rounded half up; false beyond 128 bits. */
extern bool commerce_tax_of(TaxFraction share, wide base, wide *minor);

/*
 * Rounds all taxes at the level. sorted has room for count pointers. What each group gets does not depend on the order
 * of its items, nor, except where the rounding is carried, does what each item gets. False where exact sums are beyond
 * 128 bits.
 */
extern bool commerce_tax_round(TaxItem *items, int count, TaxLevel level, TaxItem **sorted);

#endif
