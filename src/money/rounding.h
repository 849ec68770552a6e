/*
 * rounding.h: exact ratios become whole numbers here, once. Pure: no server needed.
 */
#ifndef COMMERCE_MONEY_ROUNDING_H
#define COMMERCE_MONEY_ROUNDING_H

#include <stdbool.h>
#include <stdint.h>

typedef __int128 wide; /* holds any product of two 64-bit integers */

typedef enum RoundingMode
{
	ROUND_HALF_UP, /* ties away from zero */
	ROUND_HALF_EVEN,
	ROUND_HALF_DOWN, /* ties toward zero */
	ROUND_HALF_ODD,
	ROUND_HALF_CEILING,
	ROUND_HALF_FLOOR,
	ROUND_UP,	/* away from zero */
	ROUND_DOWN, /* toward zero */
	ROUND_CEILING,
	ROUND_FLOOR,
} RoundingMode;

/* Finds a mode by its name ("half_up"); false for an unknown name. */
extern bool commerce_rounding_mode(const char *name, RoundingMode *mode);

/* Rounds numerator / denominator to a whole number; denominator is not 0. */
extern wide commerce_round_ratio(wide numerator, wide denominator, RoundingMode mode);

#endif
