/*
 * rounding.h: exact ratios become whole numbers here, once. Pure: no server needed.
 */
#ifndef COMMERCE_MONEY_ROUNDING_H
#define COMMERCE_MONEY_ROUNDING_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Holds any product of two 64-bit integers. Aligned to 8, because palloc promises no more: an array or struct of wide
 * in the server's memory would crash on instructions that want 16.
 */
typedef __int128 wide __attribute__((aligned(8)));

typedef enum RoundingMode
{
	ROUND_HALF_UP, /* ties away from zero */
	ROUND_HALF_EVEN,
	ROUND_HALF_DOWN, /* ties toward zero */
	ROUND_HALF_ODD,
	ROUND_HALF_CEILING,
	ROUND_HALF_FLOOR,
	ROUND_UP,   /* away from zero */
	ROUND_DOWN, /* toward zero */
	ROUND_CEILING,
	ROUND_FLOOR,
} RoundingMode;

/* Finds a mode by its name ("half_up"); false for an unknown name. */
extern bool commerce_rounding_mode(const char *name, RoundingMode *mode);

/* Rounds numerator / denominator to a whole number; denominator is not 0. */
extern wide commerce_round_ratio(wide numerator, wide denominator, RoundingMode mode);

/*
 * The one place that knows what a mode means: does a whole part that was cut toward zero move away from zero?
 * "negative" and "odd" describe the exact value's sign and the whole part; "half" says how the cut-off rest compares
 * with one half (-1, 0, 1). A rest of nothing never comes here.
 */
extern bool commerce_round_away(RoundingMode mode, bool negative, bool odd, int half);

#endif
