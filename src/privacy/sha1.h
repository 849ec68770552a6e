/*
 * sha1.h: HMAC-SHA-1, which authenticator apps are built on and libsodium does not have. Pure.
 */
#ifndef COMMERCE_PRIVACY_SHA1_H
#define COMMERCE_PRIVACY_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_BYTES 20

/* Computes HMAC-SHA-1 (RFC 2104) of a message under a key of any length. */
extern void commerce_hmac_sha1(const uint8_t *key, size_t key_length, const uint8_t *message, size_t length,
							   uint8_t mac[SHA1_BYTES]);

#endif
