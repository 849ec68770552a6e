// sources: src/money/currency.c src/money/decimal.c src/money/rounding.c src/money/allocate.c
/*
 * money.c: the pure core of money, outside the server. What must hold for any input is tried on seeded random ones.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "money/allocate.h"
#include "money/currency.h"
#include "money/decimal.h"
#include "money/rounding.h"

#define MAX_SHARES 12
#define ROUNDS 50000

static int tests = 0;
static int failures = 0;
static uint64_t seed = 20260215;

static const AllocationPolicy all_policies[] = {ALLOCATE_NEAREST, ALLOCATE_FIRST, ALLOCATE_LAST,
												ALLOCATE_LARGEST_WEIGHT, ALLOCATE_ROUND_THEN_FIX};

/* Reports one test. */
static void
ok(bool holds, const char *what)
{
	printf("%s %d - %s\n", holds ? "ok" : "not ok", ++tests, what);
	failures += !holds;
}

/* Returns the next number of a fixed sequence. */
static uint64_t
random_bits(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Returns a number below a bound, small ones as often as large ones. */
static int64_t
random_below(int64_t bound)
{
	return (int64_t) (random_bits() % (uint64_t) bound) >> (random_bits() % 62);
}

/* The table is sorted, every number leads back to its code, and no two share one. */
static void
test_currencies(void)
{
	bool sorted = true;
	bool found = true;
	bool sane = true;

	for (int i = 0; i < commerce_currency_count(); i++)
	{
		const Currency *currency = commerce_currency_at(i);

		sorted = sorted && (i == 0 || strcmp(commerce_currency_at(i - 1)->code, currency->code) < 0);
		found = found && commerce_currency_by_code(currency->code, 3) == currency &&
				commerce_currency_by_number(currency->number) == currency;
		sane = sane && strlen(currency->code) == 3 && currency->digits >= 0 && currency->digits <= 4 &&
			   currency->number > 0 && currency->number < 1000 && currency->name[0] != '\0';
	}
	ok(sorted, "currencies are sorted by code");
	ok(found, "codes and numbers lead to the same currency");
	ok(sane, "every currency has three letters, digits, a number and a name");
	ok(commerce_currency_by_code("JPY", 3)->digits == 0 && commerce_currency_by_code("KWD", 3)->digits == 3 &&
		   commerce_currency_by_code("CLF", 3)->digits == 4 &&
		   commerce_currency_by_code("EUR", 3)->number == 978,
	   "known currencies have their digits");
	ok(commerce_currency_by_code("EURO", 4) == NULL && commerce_currency_by_code("eur", 3) == NULL &&
		   commerce_currency_by_code("", 0) == NULL && commerce_currency_by_code("XAU", 3) == NULL &&
		   commerce_currency_by_number(0) == NULL && commerce_currency_by_number(-1) == NULL &&
		   commerce_currency_by_number(1023) == NULL && commerce_currency_by_number(1 << 20) == NULL,
	   "what is no currency is not found");
}

/* Does a text parse to this? */
static bool
parses(const char *text, int64_t minor, const char *code)
{
	MoneyText money = {0};

	return commerce_money_parse(text, &money) == MONEY_OK && money.minor == minor &&
		   strcmp(money.currency->code, code) == 0;
}

/* Is a text refused for this reason? */
static bool
refused(const char *text, MoneySyntax reason)
{
	MoneyText money = {0};

	return commerce_money_parse(text, &money) == reason;
}

/* Reading money accepts what is documented and nothing else. */
static void
test_parse(void)
{
	ok(parses("12.50 EUR", 1250, "EUR") && parses("EUR 12.50", 1250, "EUR") &&
		   parses("  -12.5EUR\t", -1250, "EUR"),
	   "the code may stand before or after");
	ok(parses("+1 EUR", 100, "EUR") && parses(".5 EUR", 50, "EUR") && parses("7. EUR", 700, "EUR") &&
		   parses("000000000000000000000000.01 EUR", 1, "EUR") && parses("-0 EUR", 0, "EUR"),
	   "signs, missing sides and leading zeros");
	ok(parses("1250 JPY", 1250, "JPY") && parses("1.2345 CLF", 12345, "CLF") &&
		   parses("1.25 KWD", 1250, "KWD"),
	   "decimals follow the currency");
	ok(parses("90071992547409.91 EUR", MONEY_MAX_MINOR, "EUR") &&
		   parses("-90071992547409.91 EUR", -MONEY_MAX_MINOR, "EUR"),
	   "both ends of the range");
	ok(refused("90071992547409.92 EUR", MONEY_OUT_OF_RANGE) &&
		   refused("90071992547410 EUR", MONEY_OUT_OF_RANGE) &&
		   refused("99999999999999999999999999999999999999999999 JPY", MONEY_OUT_OF_RANGE),
	   "beyond the range");
	ok(refused("12.505 EUR", MONEY_TOO_PRECISE) && refused("12.500 EUR", MONEY_TOO_PRECISE) &&
		   refused("1.0 JPY", MONEY_TOO_PRECISE),
	   "too many decimals, zeros too");
	ok(refused("12.50", MONEY_NO_CURRENCY) && refused("12.50 €", MONEY_NO_CURRENCY) &&
		   refused("12.50 XYZ", MONEY_UNKNOWN_CURRENCY) && refused("12.50 eur", MONEY_UNKNOWN_CURRENCY) &&
		   refused("NaN EUR", MONEY_UNKNOWN_CURRENCY),
	   "no currency, or none that is known");
	ok(refused("", MONEY_MALFORMED) && refused("  ", MONEY_MALFORMED) && refused("EUR", MONEY_MALFORMED) &&
		   refused("- EUR", MONEY_MALFORMED) && refused(". EUR", MONEY_MALFORMED) &&
		   refused("1.2.3 EUR", MONEY_MALFORMED) && refused("1,50 EUR", MONEY_MALFORMED) &&
		   refused("1e3 EUR", MONEY_MALFORMED) && refused("--1 EUR", MONEY_MALFORMED) &&
		   refused("1 2 EUR", MONEY_MALFORMED) && refused("12 EURO", MONEY_MALFORMED) &&
		   refused("EUR 12 EUR", MONEY_MALFORMED) && refused("0x10 EUR", MONEY_MALFORMED),
	   "what is no decimal number");
}

/* Printing and reading are each other's inverse; reading survives any bytes. */
static void
test_round_trip(void)
{
	static const char alphabet[] = "0123456789.+- EURJPY\t,e\xe2\x82\xac";
	bool same = true;
	char text[MONEY_TEXT_SIZE];

	for (int i = 0; i < ROUNDS; i++)
	{
		const Currency *currency =
			commerce_currency_at((int) (random_bits() % (unsigned) commerce_currency_count()));
		int64_t minor = random_below(MONEY_MAX_MINOR + 1) * (random_bits() % 2 == 0 ? 1 : -1);

		commerce_money_print(minor, currency, text);
		same = same && parses(text, minor, currency->code);
	}
	ok(same, "what is printed reads back the same");
	for (int i = 0; i < ROUNDS; i++)
	{
		char noise[24];
		MoneyText money = {0};
		size_t length = random_bits() % sizeof(noise);

		for (size_t c = 0; c < length; c++)
			noise[c] = alphabet[random_bits() % (sizeof(alphabet) - 1)];
		noise[length] = '\0';
		if (commerce_money_parse(noise, &money) == MONEY_OK)
		{
			commerce_money_print(money.minor, money.currency, text);
			same = same && parses(text, money.minor, money.currency->code);
		}
	}
	ok(same, "noise is refused or reads back the same");
}

/* Each mode on 2.5, 3.5, -2.5, 2.4 and -2.6, written as tenths. */
static void
test_rounding(void)
{
	static const int tenths[] = {25, 35, -25, 24, -26, 20};
	static const struct
	{
		const char *name;
		int expected[6];
	} rows[] = {
		{"half_up", {3, 4, -3, 2, -3, 2}},      {"half_even", {2, 4, -2, 2, -3, 2}},
		{"half_down", {2, 3, -2, 2, -3, 2}},    {"half_odd", {3, 3, -3, 2, -3, 2}},
		{"half_ceiling", {3, 4, -2, 2, -3, 2}}, {"half_floor", {2, 3, -3, 2, -3, 2}},
		{"up", {3, 4, -3, 3, -3, 2}},           {"down", {2, 3, -2, 2, -2, 2}},
		{"ceiling", {3, 4, -2, 3, -2, 2}},      {"floor", {2, 3, -3, 2, -3, 2}},
	};
	RoundingMode mode;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		bool right = commerce_rounding_mode(rows[i].name, &mode);

		for (int j = 0; right && j < 6; j++)
			right = commerce_round_ratio(tenths[j], 10, mode) == rows[i].expected[j] &&
					commerce_round_ratio(-(wide) tenths[j], -10, mode) == rows[i].expected[j];
		ok(right, rows[i].name);
	}
	ok(!commerce_rounding_mode("half", &mode) && !commerce_rounding_mode("", &mode),
	   "unknown modes are not found");
	ok(commerce_round_ratio((wide) INT64_MAX * INT64_MAX, INT64_MAX, ROUND_HALF_UP) == INT64_MAX &&
		   commerce_round_ratio(((wide) 1 << 126) + 1, (wide) 1 << 126, ROUND_UP) == 2,
	   "wide numbers do not overflow");
}

/* Do the shares have these values? */
static bool
splits(int64_t total, AllocationPolicy policy, int count, const int64_t *weights, const int64_t *expected)
{
	int64_t shares[MAX_SHARES];

	return commerce_allocate(total, weights, count, policy, shares) &&
		   memcmp(shares, expected, sizeof(int64_t) * (size_t) count) == 0;
}

#define LIST(...) ((const int64_t[]){__VA_ARGS__})

/* Splits whose answer can be worked out by hand. */
static void
test_allocate(void)
{
	int64_t shares[MAX_SHARES];
	AllocationPolicy policy;

	ok(splits(100, ALLOCATE_NEAREST, 3, LIST(1, 1, 1), LIST(34, 33, 33)), "nearest: ties to the earlier");
	ok(splits(5, ALLOCATE_NEAREST, 3, LIST(7, 3, 0), LIST(4, 1, 0)),
	   "nearest: a weight of zero gets nothing");
	ok(splits(5, ALLOCATE_FIRST, 3, LIST(0, 1, 1), LIST(0, 3, 2)), "first: skips weights of zero");
	ok(splits(5, ALLOCATE_LAST, 3, LIST(1, 1, 0), LIST(2, 3, 0)), "last: skips weights of zero");
	ok(splits(5, ALLOCATE_LARGEST_WEIGHT, 4, LIST(100, 101, 100, 100), LIST(1, 2, 1, 1)), "largest_ratio");
	ok(splits(-299, ALLOCATE_ROUND_THEN_FIX, 3, LIST(4300, 1400, 2300), LIST(-161, -52, -86)),
	   "round_then_fix");
	ok(splits(3, ALLOCATE_ROUND_THEN_FIX, 5, LIST(1, 5, 5, 5, 5), LIST(0, 0, 1, 1, 1)),
	   "round_then_fix: no share is corrected below nothing");
	ok(splits(10, ALLOCATE_NEAREST, 2, LIST(0, 0), LIST(5, 5)), "no weight at all counts as equal weights");
	ok(splits(INT64_MAX, ALLOCATE_NEAREST, 2, LIST(1, INT64_MAX - 1), LIST(1, INT64_MAX - 1)),
	   "the largest numbers");
	ok(!commerce_allocate(1, LIST(INT64_MAX, 1), 2, ALLOCATE_FIRST, shares),
	   "weights beyond 64 bits are refused");
	ok(commerce_allocate_capped(900, LIST(1, 1, 1), LIST(100, 1000, 1000), 3, ALLOCATE_NEAREST, shares) ==
			   0 &&
		   memcmp(shares, LIST(100, 400, 400), 3 * sizeof(int64_t)) == 0,
	   "what a full share cannot take goes to the others");
	ok(commerce_allocate_capped(-1200, LIST(1000, 2000, 5000, 3000), LIST(-1000, -100, 0, -400), 4,
								ALLOCATE_ROUND_THEN_FIX, shares) == 0 &&
		   memcmp(shares, LIST(-700, -100, 0, -400), 4 * sizeof(int64_t)) == 0,
	   "round after round, mirrored");
	ok(commerce_allocate_capped(-1000, LIST(1, 0), LIST(-400, -1000), 2, ALLOCATE_FIRST, shares) == -600 &&
		   shares[0] == -400 && shares[1] == 0,
	   "a weight of zero takes nothing of the rest either");
	ok(!commerce_allocation_policy("biggest", &policy) &&
		   commerce_allocation_policy("largest_ratio", &policy) && policy == ALLOCATE_LARGEST_WEIGHT,
	   "policies have names");
}

/* Fills weights and caps with random numbers, some zero, and returns how many. */
static int
random_weights(int64_t *weights, int64_t *caps, int64_t total)
{
	int count = 1 + (int) (random_bits() % MAX_SHARES);

	for (int i = 0; i < count; i++)
	{
		weights[i] = random_bits() % 4 == 0 ? 0 : random_below(INT64_MAX / MAX_SHARES);
		caps[i] = random_bits() % 5 == 0 ? 0 : random_below(total + 2);
	}
	return count;
}

/* For any weights: shares make the total, lie within a unit of the exact share, and a negative total mirrors. */
static void
test_allocate_properties(void)
{
	bool exact = true;
	bool near = true;
	bool mirrored = true;
	bool none = true;
	int64_t weights[MAX_SHARES];
	int64_t caps[MAX_SHARES];
	int64_t shares[MAX_SHARES];
	int64_t mirror[MAX_SHARES];

	for (int round = 0; round < ROUNDS; round++)
	{
		AllocationPolicy policy = all_policies[random_bits() % 5];
		int64_t total = random_below(round % 10 == 0 ? INT64_MAX : MONEY_MAX_MINOR);
		int count = random_weights(weights, caps, total);
		wide sum = 0;
		wide given = 0;

		for (int i = 0; i < count; i++)
			sum += weights[i];
		exact = exact && commerce_allocate(total, weights, count, policy, shares) &&
				commerce_allocate(-total, weights, count, policy, mirror);
		for (int i = 0; i < count; i++)
		{
			/* Correcting a rounded share moves it by one more than cutting does. */
			wide reach = policy == ALLOCATE_ROUND_THEN_FIX ? sum + (sum + 1) / 2 : sum;
			wide off = (wide) shares[i] * sum - (wide) total * weights[i];

			given += shares[i];
			near = near && shares[i] >= 0 && (sum == 0 || (off <= reach && off >= -reach));
			none = none && (sum == 0 || weights[i] != 0 || shares[i] == 0);
			mirrored = mirrored && mirror[i] == -shares[i];
		}
		exact = exact && given == total;
	}
	ok(exact, "shares sum to the total exactly");
	ok(near, "every share is within a unit of the exact one and has no other sign");
	ok(none, "a weight of zero gets nothing");
	ok(mirrored, "a negative total mirrors the split of its magnitude");
}

/* For any caps: no share exceeds its own, nothing is lost, and something is left only where all who may are full. */
static void
test_capped_properties(void)
{
	bool capped = true;
	bool exact = true;
	bool filled = true;
	bool mirrored = true;
	bool uncapped = true;
	int64_t weights[MAX_SHARES];
	int64_t caps[MAX_SHARES];
	int64_t mirror_caps[MAX_SHARES];
	int64_t shares[MAX_SHARES];
	int64_t mirror[MAX_SHARES];

	for (int round = 0; round < ROUNDS; round++)
	{
		AllocationPolicy policy = all_policies[random_bits() % 5];
		int64_t total = random_below(MONEY_MAX_MINOR);
		int count = random_weights(weights, caps, total);
		int64_t left;
		wide given = 0;
		wide sum = 0;

		for (int i = 0; i < count; i++)
		{
			sum += weights[i];
			mirror_caps[i] = -caps[i];
		}
		left = commerce_allocate_capped(total, weights, caps, count, policy, shares);
		mirrored = mirrored &&
				   commerce_allocate_capped(-total, weights, mirror_caps, count, policy, mirror) == -left;
		for (int i = 0; i < count; i++)
		{
			given += shares[i];
			capped = capped && shares[i] >= 0 && shares[i] <= caps[i];
			filled = filled && (left == 0 || shares[i] == caps[i] || (sum != 0 && weights[i] == 0));
			mirrored = mirrored && mirror[i] == -shares[i];
			mirror_caps[i] = total;
		}
		exact = exact && left >= 0 && given + left == total;
		uncapped = uncapped && commerce_allocate(total, weights, count, policy, shares) &&
				   commerce_allocate_capped(total, weights, mirror_caps, count, policy, mirror) == 0 &&
				   memcmp(shares, mirror, sizeof(int64_t) * (size_t) count) == 0;
	}
	ok(capped, "no share exceeds its cap");
	ok(exact, "shares and what is left sum to the total exactly");
	ok(filled, "something is left only where every share with weight is full");
	ok(mirrored, "capped splits mirror too");
	ok(uncapped, "caps that nobody reaches change nothing");
}

/* Runs all. */
int
main(void)
{
	test_currencies();
	test_parse();
	test_round_trip();
	test_rounding();
	test_allocate();
	test_allocate_properties();
	test_capped_properties();
	printf("1..%d\n", tests);
	return failures == 0 ? 0 : 1;
}
