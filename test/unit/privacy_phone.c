// sources: src/privacy/phone.c
/*
 * privacy_phone.c: spellings of one telephone number come out alike, and those of others do not.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "privacy/phone.h"

static int tests = 0;
static int failures = 0;

/* Reports one test. */
static void
ok(bool passed, const char *name)
{
	printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, name);
	failures += passed ? 0 : 1;
}

/* Spellings of a telephone number, by country. */
int
main(void)
{
	static const struct
	{
		const char *text;
		const char *country;
		const char *normal;
	} cases[] = {
		{"+49 (0)151 / 123-456", NULL, "+49151123456"},
		{"0049 151 123456", NULL, "+49151123456"},
		{"0151 123456", NULL, "0151123456"},
		{"0151 123456", "", "0151123456"},
		{"0151 123456", "DE", "+49151123456"},
		{"151 123456", "DE", "+49151123456"},
		{"+44 20 7946 0000", "DE", "+442079460000"},
		{"(020) 7946 0000", "GB", "+442079460000"},
		{"(202) 555-0143", "US", "+12025550143"},
		{"1-202-555-0143", "US", "+12025550143"},
		{"011 49 151 123456", "US", "+49151123456"},
		{"0049 151 123456", "US", "+49151123456"},
		{"06 1234 5678", "IT", "+390612345678"},
		{"8 (912) 345-67-89", "RU", "+79123456789"},
		{"810 49 151 123456", "RU", "+49151123456"},
		{"06 30 123 4567", "HU", "+36301234567"},
		{"612 34 56 78", "ES", "+34612345678"},
		{"0011 49 151 123456", "AU", "+49151123456"},
		{"0151 123456", "XX", "0151123456"},
		{"0", "DE", "+490"},
		{"+", "DE", ""},
		{"00", "DE", "+490"},
		{"", "DE", ""},
		{"none", "DE", ""},
		{"(0)", "DE", "+490"},
		{"+(0)", NULL, ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char *out = malloc(strlen(cases[i].text) + 8);
		char name[100];

		commerce_phone_normalise(out, cases[i].text, cases[i].country);
		snprintf(name, sizeof(name), "\"%s\" in %s is %s", cases[i].text,
				 cases[i].country ? cases[i].country : "no country", cases[i].normal);
		ok(strcmp(out, cases[i].normal) == 0, name);
		free(out);
	}
	ok(commerce_phone_knows("DE") && !commerce_phone_knows("de") && !commerce_phone_knows("XX") &&
		   !commerce_phone_knows("") && !commerce_phone_knows(NULL),
	   "countries are known by two capital letters");
	printf("1..%d\n", tests);
	return failures > 0;
}
