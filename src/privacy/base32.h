/*
 * base32.h: base32 of RFC 4648 without padding, as secrets of authenticator apps and recovery codes are written. Pure.
 */
#ifndef COMMERCE_PRIVACY_BASE32_H
#define COMMERCE_PRIVACY_BASE32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BASE32_LENGTH(bytes) (((bytes) *8 + 4) / 5)

/* Writes BASE32_LENGTH(length) characters and a NUL. */
extern void commerce_base32_encode(char *text, const uint8_t *data, size_t length);

/*
 * Reads exactly so many bytes from a text, in capitals or not, in which blanks and hyphens do not count; false where it
 * is anything else.
 */
extern bool commerce_base32_decode(uint8_t *data, size_t length, const char *text);

#endif
