/*
 * tax_math.c: what taxes come to, exactly.
 *
 * Let net be a price without the taxes it includes. A rate r is due on net, and a compound rate on net and all taxes
 * before it, so that tax = net * f * r, where f is 1, or for a compound rate 1 and the sum of the f * r before it. With
 * G as 1 and the sum of f * r over the included rates, net = price / G, and every tax is a fixed fraction f * r / G of
 * the price. These fractions are kept exactly, in lowest terms.
 *
 * Taxes that are rounded together may be different fractions, so their sum needs a common denominator. Only the rest
 * that each has beyond its whole part is brought to it, which leaves room for all rates that a shop has at once; where
 * there is none left the caller is told, and nothing is ever rounded twice.
 */
#include "pricing/tax_math.h"

#include <stdlib.h>

/* Returns the greatest common divisor of two numbers that are not negative. */
static wide
common_divisor(wide a, wide b)
{
	while (b != 0)
	{
		wide rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Returns a fraction in lowest terms. */
static TaxFraction
reduced(wide numerator, wide denominator)
{
	wide divisor = common_divisor(numerator, denominator);

	return (TaxFraction){numerator / divisor, denominator / divisor};
}

/* Multiplies two fractions; false where the product is too fine. */
static bool
times(TaxFraction a, TaxFraction b, TaxFraction *product)
{
	TaxFraction first = reduced(a.numerator, b.denominator);
	TaxFraction second = reduced(b.numerator, a.denominator);
	__int128 numerator;
	__int128 denominator;

	if (__builtin_mul_overflow((__int128) first.numerator, (__int128) second.numerator, &numerator) ||
		__builtin_mul_overflow((__int128) first.denominator, (__int128) second.denominator, &denominator))
		return false;
	*product = (TaxFraction){numerator, denominator};
	return true;
}

/* Adds two fractions; false where the sum is too fine. */
static bool
plus(TaxFraction a, TaxFraction b, TaxFraction *sum)
{
	wide divisor = common_divisor(a.denominator, b.denominator);
	__int128 left;
	__int128 right;
	__int128 numerator;
	__int128 denominator;

	if (__builtin_mul_overflow((__int128) a.numerator, (__int128) (b.denominator / divisor), &left) ||
		__builtin_mul_overflow((__int128) b.numerator, (__int128) (a.denominator / divisor), &right) ||
		__builtin_add_overflow(left, right, &numerator) ||
		__builtin_mul_overflow((__int128) a.denominator, (__int128) (b.denominator / divisor), &denominator))
		return false;
	*sum = reduced(numerator, denominator);
	return true;
}

/* Returns first / second. */
bool
commerce_tax_divide(TaxFraction first, TaxFraction second, TaxFraction *quotient)
{
	return times(first, (TaxFraction){second.denominator, second.numerator}, quotient);
}

/* Works out which fraction of a price each rate is, and which is free of the included rates. */
bool
commerce_tax_fractions(const TaxStep *steps, int count, TaxFraction *shares, TaxFraction *net)
{
	TaxFraction all = {1, 1};    /* the net price and every tax so far */
	TaxFraction inside = {1, 1}; /* the net price and the included taxes so far */

	for (int i = 0; i < count; i++)
	{
		TaxFraction rate = reduced(steps[i].rate, TAX_RATE_WHOLE);

		if (!times(rate, steps[i].compound ? all : (TaxFraction){1, 1}, &shares[i]) ||
			!plus(all, shares[i], &all) || (steps[i].included && !plus(inside, shares[i], &inside)))
			return false;
	}
	*net = (TaxFraction){inside.denominator, inside.numerator};
	for (int i = 0; i < count; i++)
		if (!times(shares[i], *net, &shares[i]))
			return false;
	return true;
}

/* Returns a fraction of a sum, rounded half up. */
bool
commerce_tax_of(TaxFraction share, wide base, wide *minor)
{
	__int128 product;

	/* Rounding compares twice the rest with the denominator. */
	if (share.denominator > ((__int128) 1 << 125) ||
		__builtin_mul_overflow((__int128) share.numerator, (__int128) base, &product))
		return false;
	*minor = commerce_round_ratio(product, share.denominator, ROUND_HALF_UP);
	return true;
}

/* Sets what one item comes to. */
static bool
round_item(TaxItem *item)
{
	wide minor;

	if (!commerce_tax_of(item->share, item->base, &minor))
		return false;
	item->minor = (int64_t) minor;
	return minor <= INT64_MAX;
}

/* Sets what the units of an item come to. Units that share a base differ by at most one minor unit, so that there are
 * two prices to round, however many units. */
static bool
round_units(TaxItem *item)
{
	int64_t dearer = item->base % item->quantity;
	wide low;
	wide high;
	wide sum;

	if (!commerce_tax_of(item->share, item->base / item->quantity, &low) ||
		!commerce_tax_of(item->share, item->base / item->quantity + 1, &high))
		return false;
	sum = low * (item->quantity - dearer) + high * dearer;
	item->minor = (int64_t) sum;
	return sum <= INT64_MAX;
}

/* Orders by group, then by place. */
static int
by_group(const void *a, const void *b)
{
	const TaxItem *x = *(TaxItem *const *) a;
	const TaxItem *y = *(TaxItem *const *) b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Orders by the rest, largest first; then by all else that tells two items apart, so that place decides only between
 * items that are alike. */
static int
by_rest(const void *a, const void *b)
{
	const TaxItem *x = *(TaxItem *const *) a;
	const TaxItem *y = *(TaxItem *const *) b;

	if (x->rest != y->rest)
		return x->rest > y->rest ? -1 : 1;
	if (x->whole != y->whole)
		return x->whole > y->whole ? -1 : 1;
	if (x->base != y->base)
		return x->base > y->base ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Splits each item into its whole part and a rest in units of one over the common denominator. */
static bool
split(TaxItem **items, int count, __int128 *common)
{
	__int128 product;
	__int128 limit;

	*common = 1;
	for (int i = 0; i < count; i++)
	{
		TaxFraction share = items[i]->share;

		if (__builtin_mul_overflow((__int128) share.numerator, (__int128) items[i]->base, &product) ||
			__builtin_mul_overflow(*common, share.denominator / common_divisor(*common, share.denominator),
								   common))
			return false;
		items[i]->whole = product / share.denominator;
		items[i]->rest = product % share.denominator;
		if (items[i]->whole > INT64_MAX)
			return false;
	}
	/* The rests are added up, and the sum doubled to round it. */
	if (__builtin_mul_overflow(*common, (__int128) count * 4, &limit))
		return false;
	for (int i = 0; i < count; i++)
		items[i]->rest *= *common / items[i]->share.denominator;
	return true;
}

/* Rounds the sum of a group once and gives each item its whole part, and those with the largest rests one more. */
static bool
round_together(TaxItem **items, int count)
{
	__int128 common;
	wide rests = 0;
	wide left;

	if (!split(items, count, &common))
		return false;
	for (int i = 0; i < count; i++)
		rests += items[i]->rest;
	left = commerce_round_ratio(rests, common, ROUND_HALF_UP);
	qsort(items, count, sizeof(TaxItem *), by_rest);
	for (int i = 0; i < count; i++)
		items[i]->minor = (int64_t) items[i]->whole + (i < left ? 1 : 0);
	return true;
}

/* Rounds the sum of a group after each of its items: each gets what the sum has grown by. */
static bool
round_onwards(TaxItem **items, int count)
{
	__int128 common;
	wide rests = 0;
	wide given = 0;

	if (!split(items, count, &common))
		return false;
	for (int i = 0; i < count; i++)
	{
		wide due;

		rests += items[i]->rest;
		due = commerce_round_ratio(rests, common, ROUND_HALF_UP);
		items[i]->minor = (int64_t) (items[i]->whole + due - given);
		given = due;
	}
	return true;
}

/* Rounds all taxes at the level. */
bool
commerce_tax_round(TaxItem *items, int count, TaxLevel level, TaxItem **sorted)
{
	if (level == TAX_PER_LINE || level == TAX_PER_UNIT)
	{
		for (int i = 0; i < count; i++)
			if (level == TAX_PER_LINE ? !round_item(&items[i]) : !round_units(&items[i]))
				return false;
		return true;
	}
	for (int i = 0; i < count; i++)
		sorted[i] = &items[i];
	qsort(sorted, count, sizeof(TaxItem *), by_group);
	for (int begin = 0, end; begin < count; begin = end)
	{
		for (end = begin + 1; end < count && sorted[end]->group == sorted[begin]->group; end++)
			;
		if (level == TAX_ORDER_DELTA ? !round_onwards(&sorted[begin], end - begin)
									 : !round_together(&sorted[begin], end - begin))
			return false;
	}
	return true;
}
