/*
 * punycode.h: a domain label in ASCII (RFC 3492). Pure.
 */
#ifndef COMMERCE_PRIVACY_PUNYCODE_H
#define COMMERCE_PRIVACY_PUNYCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Encodes code points into at most "room" bytes, without the prefix xn--; false where they do not fit. */
extern bool commerce_punycode(char *out, size_t room, size_t *written, const uint32_t *points, size_t count);

#endif
