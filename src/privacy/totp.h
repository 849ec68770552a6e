/*
 * totp.h: one-time codes of RFC 4226 and RFC 6238, as authenticator apps compute them. Pure.
 */
#ifndef COMMERCE_PRIVACY_TOTP_H
#define COMMERCE_PRIVACY_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOTP_SECRET_BYTES 20
#define TOTP_STEP_SECONDS 30
#define TOTP_MAX_DIGITS 8

/* Computes the code of a counter: 6 to 8 digits. */
extern uint32_t commerce_hotp(const uint8_t *secret, size_t length, uint64_t counter, int digits);

/*
 * Finds the step of a code that is typed at a time, in seconds since 1970: the current step, the one before or the one
 * after, for clocks that are off, and none up to "used". -1 where the text is the code of none of them.
 */
extern int64_t commerce_totp_step(const uint8_t *secret, size_t length, const char *code, int digits,
								  int64_t seconds, int64_t used);

#endif
