/*
 * candidates.h: which of many promotions come into question for a cart. Pure.
 */
#ifndef COMMERCE_PROMOTION_CANDIDATES_H
#define COMMERCE_PROMOTION_CANDIDATES_H

#include "promotion/promotion.h"

typedef struct PromotionIndex PromotionIndex;

/* Indexes promotions by what they need; they stay where they are as long as the index is used. */
extern PromotionIndex *commerce_index_promotions(const Promotion *promotions, int count,
												 const RuleMemory *memory);

/*
 * Finds what may apply to a cart at a time: those whose needs the cart meets, and those that codes have opened. Writes
 * places, in order and each once, into an array with room for all; returns how many. May find some that do not apply.
 * Where lines is given it becomes an array, by candidate, of the lines on which it may have found them.
 */
extern int commerce_find_candidates(PromotionIndex *index, const RuleCart *cart, int64_t at,
									const int *opened, int opened_count, int *found, const RuleMemory *memory,
									const CandidateLines **lines);

#endif
