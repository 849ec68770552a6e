/*
 * casefold.h: Unicode simple case folding of one code point. Pure.
 */
#ifndef COMMERCE_PRIVACY_CASEFOLD_H
#define COMMERCE_PRIVACY_CASEFOLD_H

#include <stdint.h>

/* Returns the folded code point, the same for all cases of one letter. */
extern uint32_t commerce_casefold(uint32_t point);

#endif
