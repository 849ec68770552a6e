/*
 * totp.c: one-time codes.
 *
 * Every step of the window is computed and compared whatever the others said, and all without a branch on the digits,
 * so that the time taken tells nothing of the code.
 */
#include "privacy/totp.h"

#include <sodium.h>

#include "privacy/sha1.h"

/* Computes the code of a counter: dynamic truncation of RFC 4226, 5.3. */
uint32_t
commerce_hotp(const uint8_t *secret, size_t length, uint64_t counter, int digits)
{
	uint8_t message[8];
	uint8_t mac[SHA1_BYTES];
	uint32_t modulus = 1;
	uint32_t binary;
	int offset;

	for (int i = 0; i < 8; i++)
		message[i] = (uint8_t) (counter >> (56 - 8 * i));
	commerce_hmac_sha1(secret, length, message, sizeof(message), mac);
	offset = mac[SHA1_BYTES - 1] & 0x0f;
	binary = (uint32_t) (mac[offset] & 0x7f) << 24 | (uint32_t) mac[offset + 1] << 16 |
			 (uint32_t) mac[offset + 2] << 8 | mac[offset + 3];
	sodium_memzero(mac, sizeof(mac));
	for (int i = 0; i < digits; i++)
		modulus *= 10;
	return binary % modulus;
}

/* Reads exactly so many digits, among which blanks do not count; false for anything else. */
static bool
read_code(const char *code, int digits, uint32_t *value)
{
	int found = 0;

	*value = 0;
	for (; *code != '\0'; code++)
	{
		if (*code == ' ')
			continue;
		if (*code < '0' || *code > '9' || ++found > digits)
			return false;
		*value = *value * 10 + (uint32_t) (*code - '0');
	}
	return found == digits;
}

/* Finds the step that a code belongs to. */
int64_t
commerce_totp_step(const uint8_t *secret, size_t length, const char *code, int digits, int64_t seconds,
				   int64_t used)
{
	int64_t now = seconds / TOTP_STEP_SECONDS;
	int64_t found = -1;
	uint32_t typed;

	if (digits < 6 || digits > TOTP_MAX_DIGITS || seconds < 0 || !read_code(code, digits, &typed))
		return -1;
	/* The current step last: it is the one to be used up where two have the same code. */
	for (int i = 0; i < 3; i++)
	{
		int64_t step = now + (i == 0 ? -1 : i == 1 ? 1 : 0);
		int64_t good =
			(int64_t) (commerce_hotp(secret, length, (uint64_t) step, digits) == typed) & (step > used);

		good &= step >= 0;
		found = good * step + (1 - good) * found;
	}
	return found;
}
