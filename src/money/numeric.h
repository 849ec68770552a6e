/*
 * numeric.h: between money and PostgreSQL's exact decimals. Rounds once, never twice.
 */
#ifndef COMMERCE_MONEY_NUMERIC_H
#define COMMERCE_MONEY_NUMERIC_H

#include "money/amount.h"

/* Returns numerator / denominator rounded to a whole number; refuses NaN and infinity, and division by zero. */
extern Numeric commerce_numeric_round_ratio(Numeric numerator, Numeric denominator, RoundingMode mode);

/* Returns a value in main units, such as 12.345, as money; rounds to the minor unit. */
extern Amount commerce_amount_from_numeric(Numeric value, int currency, RoundingMode mode);

/* Returns minor units given as a whole numeric as money; CM023 out of range. */
extern Amount commerce_amount_from_whole(Numeric minor, int currency);

/* Returns 10 to the power of "exponent", exactly. */
extern Numeric commerce_numeric_power10(int exponent);

/* Returns an amount in main units: 12.50. */
extern Numeric commerce_amount_to_numeric(Amount amount);

#endif
