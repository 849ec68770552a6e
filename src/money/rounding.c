/*
 * rounding.c: the ten ways to make a fraction whole.
 *
 * Every rounding of the extension, on machine integers and on numeric alike, cuts toward zero first and then asks
 * commerce_round_away: so no two paths can disagree about a tie.
 */
#include "money/rounding.h"

#include <string.h>

static const struct
{
	const char *name;
	RoundingMode mode;
} modes[] = {
	{"half_up", ROUND_HALF_UP},
	{"half_even", ROUND_HALF_EVEN},
	{"half_down", ROUND_HALF_DOWN},
	{"half_odd", ROUND_HALF_ODD},
	{"half_ceiling", ROUND_HALF_CEILING},
	{"half_floor", ROUND_HALF_FLOOR},
	{"up", ROUND_UP},
	{"down", ROUND_DOWN},
	{"ceiling", ROUND_CEILING},
	{"floor", ROUND_FLOOR},
};

/* Finds a mode by its name. */
bool
commerce_rounding_mode(const char *name, RoundingMode *mode)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
	{
		if (strcmp(modes[i].name, name) == 0)
		{
			*mode = modes[i].mode;
			return true;
		}
	}
	return false;
}

/* Says whether the whole part, cut toward zero, moves away from zero. */
bool
commerce_round_away(RoundingMode mode, bool negative, bool odd, int half)
{
	switch (mode)
	{
		case ROUND_UP: return true;
		case ROUND_DOWN: return false;
		case ROUND_CEILING: return !negative;
		case ROUND_FLOOR: return negative;
		case ROUND_HALF_UP: return half >= 0;
		case ROUND_HALF_DOWN: return half > 0;
		case ROUND_HALF_EVEN: return half > 0 || (half == 0 && odd);
		case ROUND_HALF_ODD: return half > 0 || (half == 0 && !odd);
		case ROUND_HALF_CEILING: return half > 0 || (half == 0 && !negative);
		case ROUND_HALF_FLOOR: return half > 0 || (half == 0 && negative);
	}
	return false;
}

/* Rounds numerator / denominator to a whole number. */
wide
commerce_round_ratio(wide numerator, wide denominator, RoundingMode mode)
{
	wide whole = numerator / denominator;
	wide rest = numerator % denominator;
	bool negative = (numerator < 0) != (denominator < 0);
	wide other;
	int half;

	if (rest == 0)
		return whole;

	/* Compare the rest with what it lacks to the next whole: doubling it could overflow. */
	rest = rest < 0 ? -rest : rest;
	other = (denominator < 0 ? -denominator : denominator) - rest;
	half = (rest > other) - (rest < other);
	if (commerce_round_away(mode, negative, whole % 2 != 0, half))
		whole += negative ? -1 : 1;
	return whole;
}
