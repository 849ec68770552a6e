/*
 * random.h: random bytes, a few at a time.
 */
#ifndef COMMERCE_BASE_RANDOM_H
#define COMMERCE_BASE_RANDOM_H

#include "base/pg.h"

/* The most that one call gives. */
#define RANDOM_MAX_BYTES 64

/* Fills the target with random bytes fit for cryptography, at most RANDOM_MAX_BYTES. */
extern void commerce_random_bytes(void *target, size_t length);

#endif
