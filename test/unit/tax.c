// sources: src/pricing/tax_math.c src/money/rounding.c
/*
 * tax.c: the arithmetic of taxes. Known answers, and what must hold for seeded random carts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pricing/tax_math.h"

#define MAX_ITEMS 24
#define ROUNDS 100000

static int tests = 0;
static int failures = 0;
static uint64_t seed = 20260415;

/* Reports one test. */
static void
ok(bool holds, const char *what)
{
	printf("%s %d - %s\n", holds ? "ok" : "not ok", ++tests, what);
	failures += !holds;
}

/* Returns the next number of a fixed sequence, below a bound. */
static int64_t
random_below(int64_t bound)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (int64_t) ((seed >> 11) % (uint64_t) bound);
}

/* Returns a percentage in units of the arithmetic. */
static int64_t
percent(double rate)
{
	return (int64_t) (rate * 1000000 + 0.5);
}

/* Says whether a fraction is numerator / denominator. */
static bool
is(TaxFraction share, int64_t numerator, int64_t denominator)
{
	return share.numerator * denominator == share.denominator * numerator;
}

/* Tests the fractions that rates are of a price. */
static void
test_fractions(void)
{
	TaxFraction shares[8];
	TaxFraction net;
	TaxStep plain[] = {{percent(5), false, false}, {percent(10), false, false}};
	TaxStep compound[] = {{percent(5), false, false}, {percent(8.5), false, true}};
	TaxStep inside[] = {{percent(5), true, false}, {percent(8.5), true, true}};
	TaxStep mixed[] = {{percent(20), true, false}, {percent(1.5), false, false}};
	TaxStep fine[6];

	ok(commerce_tax_fractions(plain, 2, shares, &net) && is(shares[0], 1, 20) && is(shares[1], 1, 10) &&
		   is(net, 1, 1),
	   "rates beside each other are of the price");
	ok(commerce_tax_fractions(compound, 2, shares, &net) && is(shares[1], 8925, 100000),
	   "a compound rate is of the price and the taxes before it");
	ok(commerce_tax_fractions(inside, 2, shares, &net) && is(net, 100000, 113925) &&
		   is(shares[0], 5000, 113925) && is(shares[1], 8925, 113925),
	   "compound rates in a price are taken out, the last first");
	ok(commerce_tax_fractions(mixed, 2, shares, &net) && is(net, 5, 6) && is(shares[0], 1, 6) &&
		   is(shares[1], 1, 80),
	   "a rate that is added is due on the price without what it includes");
	ok(commerce_tax_fractions(NULL, 0, shares, &net) && is(net, 1, 1), "no rates, no taxes");
	for (int i = 0; i < 6; i++)
		fine[i] = (TaxStep){33333331 + 2 * i, false, true};
	ok(!commerce_tax_fractions(fine, 6, shares, &net), "fractions that are too fine are reported");
	ok(commerce_tax_fractions(inside, 1, shares, &net) && commerce_tax_divide(net, net, &net) &&
		   is(net, 1, 1),
	   "a fraction by itself is one");
}

/* Returns the sum of the answers of a group, or of all for -1. */
static int64_t
sum(const TaxItem *items, int count, int group)
{
	int64_t total = 0;

	for (int i = 0; i < count; i++)
		total += group < 0 || items[i].group == group ? items[i].minor : 0;
	return total;
}

/* Rounds 10.00 and 11.00 at 8.25 %. */
static int64_t
both(TaxLevel level, int64_t *first)
{
	TaxItem items[] = {{.share = {33, 400}, .base = 1000, .quantity = 1},
					   {.share = {33, 400}, .base = 1100, .quantity = 1}};
	TaxItem *sorted[2];

	if (!commerce_tax_round(items, 2, level, sorted))
		return -1;
	*first = items[0].minor;
	return sum(items, 2, -1);
}

/* Tests the levels on one cart. */
static void
test_levels(void)
{
	int64_t first;
	TaxItem units = {.share = {23, 100}, .base = 10101, .quantity = 10};
	TaxItem huge = {.share = {1, 1}, .base = INT64_C(9007199254740991), .quantity = 1};
	TaxItem *sorted[1];

	ok(both(TAX_PER_LINE, &first) == 174 && first == 83, "by line: 0.83 + 0.91");
	ok(both(TAX_PER_UNIT, &first) == 174 && first == 83, "by unit: the same for single units");
	ok(both(TAX_PER_RATE, &first) == 173 && first == 82, "by rate: 1.73, the larger rest gets the cent");
	ok(both(TAX_PER_ORDER, &first) == 173 && first == 82, "by order: 1.73");
	ok(both(TAX_ORDER_DELTA, &first) == 173 && first == 83, "carried: 0.83, then 0.90");
	ok(commerce_tax_round(&units, 1, TAX_PER_UNIT, sorted) && units.minor == 9 * 232 + 233,
	   "by unit: what does not divide evenly makes one unit dearer");
	ok(commerce_tax_round(&huge, 1, TAX_PER_ORDER, sorted) && huge.minor == huge.base,
	   "the largest amount at 100 %");
}

/* Fills in a random cart of at most four kinds of rates. */
static int
random_items(TaxItem *items)
{
	static const int64_t rates[] = {19, 7, 20, 55, 250, 16, 8, 1};
	int count = 1 + (int) random_below(MAX_ITEMS);
	int kinds = 1 + (int) random_below(4);
	int64_t top = random_below(3) == 0 ? 30 : 100000;
	bool included = random_below(2) == 0;

	for (int i = 0; i < count; i++)
	{
		int kind = (int) random_below(kinds);
		int64_t rate = rates[(kind * 3 + kinds) % 8];

		items[i] = (TaxItem){.share = {rate, included ? 100 + rate : 100},
							 .base = random_below(top),
							 .quantity = 1 + random_below(5),
							 .group = kind};
	}
	return count;
}

/* Says whether every answer is the exact tax, cut or with one unit more, and nothing is left of a group's rounding. */
static bool
exact(const TaxItem *items, int count, bool within_one)
{
	for (int i = 0; i < count; i++)
	{
		wide scaled = (wide) items[i].minor * items[i].share.denominator;
		wide due = (wide) items[i].base * items[i].share.numerator;
		wide slack = items[i].share.denominator * (within_one ? 1 : items[i].quantity + 1);

		if (items[i].minor < 0 || scaled - due > slack || due - scaled > slack)
			return false;
	}
	return true;
}

/* Says whether a group's sum is its exact sum rounded once. */
static bool
rounded_once(const TaxItem *items, int count, int group)
{
	TaxFraction share = {0, 1};
	wide base = 0;
	wide due;

	for (int i = 0; i < count; i++)
		if (items[i].group == group)
		{
			share = items[i].share;
			base += items[i].base;
		}
	return commerce_tax_of(share, base, &due) && due == sum(items, count, group);
}

/* Orders items by all that tells them apart, and by the answer. */
static int
by_value(const void *a, const void *b)
{
	const TaxItem *x = a;
	const TaxItem *y = b;
	int64_t keys[][2] = {{x->group, y->group},
						 {x->base, y->base},
						 {x->quantity, y->quantity},
						 {x->minor, y->minor}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return 0;
}

/* Says whether a cart in another order gets the same answers; where quantities differ alone, the same all in all. */
static bool
same_shuffled(const TaxItem *items, int count, TaxLevel level)
{
	TaxItem first[MAX_ITEMS];
	TaxItem second[MAX_ITEMS];
	TaxItem *sorted[MAX_ITEMS];

	memcpy(first, items, sizeof(TaxItem) * count);
	for (int i = 0; i < count; i++)
		first[i].quantity = level == TAX_PER_UNIT ? first[i].quantity : 1;
	memcpy(second, first, sizeof(TaxItem) * count);
	for (int i = count - 1; i > 0; i--)
	{
		int other = (int) random_below(i + 1);
		TaxItem moved = second[i];

		second[i] = second[other];
		second[other] = moved;
	}
	if (!commerce_tax_round(first, count, level, sorted) ||
		!commerce_tax_round(second, count, level, sorted))
		return false;
	if (level == TAX_ORDER_DELTA)
		return sum(first, count, -1) == sum(second, count, -1);
	qsort(first, count, sizeof(TaxItem), by_value);
	qsort(second, count, sizeof(TaxItem), by_value);
	for (int i = 0; i < count; i++)
		if (first[i].minor != second[i].minor)
			return false;
	return true;
}

/* Tests what must hold for any cart. */
static void
test_random(void)
{
	bool near = true;
	bool sums = true;
	bool whole = true;
	bool order = true;

	for (int round = 0; round < ROUNDS; round++)
	{
		TaxItem items[MAX_ITEMS];
		TaxItem *sorted[MAX_ITEMS];
		int count = random_items(items);
		TaxLevel level = (TaxLevel) (round % TAX_LEVELS);

		order = order && same_shuffled(items, count, level);
		near = near && commerce_tax_round(items, count, level, sorted) &&
			   exact(items, count, level != TAX_PER_UNIT);
		for (int group = 0; group < 4 && (level == TAX_PER_RATE || level == TAX_ORDER_DELTA); group++)
			sums = sums && rounded_once(items, count, group);
		if (level != TAX_PER_ORDER)
			continue;
		for (int i = 0; i < count; i++)
			items[i].group = 0;
		if (commerce_tax_round(items, count, level, sorted))
		{
			double due = 0;

			for (int i = 0; i < count; i++)
				due += (double) items[i].base * (double) items[i].share.numerator /
					   (double) items[i].share.denominator;
			due -= (double) sum(items, count, -1);
			whole = whole && due < 0.500001 && due > -0.500001;
		}
		else
			whole = false;
	}
	ok(near, "each tax is within one unit of the exact one");
	ok(sums, "a rate's taxes are its exact tax, rounded once");
	ok(whole, "different rates rounded together are within half a unit");
	ok(order, "the order of lines does not matter");
}

int
main(void)
{
	test_fractions();
	test_levels();
	test_random();
	printf("1..%d\n", tests);
	return failures > 0;
}
