/*
 * mask.h: as much of a value as may be shown to those who may not see it. Pure.
 */
#ifndef COMMERCE_PRIVACY_MASK_H
#define COMMERCE_PRIVACY_MASK_H

#include <stddef.h>

/* The longest mask: two characters of four bytes, stars and dots, and a last label, which DNS limits to 63 bytes. */
#define MASK_MAX_BYTES 96

/* Masks a UTF-8 text and returns the length of the mask: j***@e***.com for an e-mail address, J*** for the rest. */
extern size_t commerce_mask(char mask[MASK_MAX_BYTES], const char *text, size_t length);

#endif
