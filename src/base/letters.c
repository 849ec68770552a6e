/*
 * letters.c: codes that people type and nobody guesses.
 *
 * Each character is drawn from the operating system's randomness, each of the alphabet as likely as any other: bytes
 * beyond the last whole multiple of its size are thrown away.
 */
#include "base/letters.h"

/* Without 0, O, 1, I and L, which people mix up. */
static const char alphabet[LETTERS + 1] = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/* Returns a random character of the alphabet. */
static char
random_letter(void)
{
	static unsigned char bytes[4096];
	static size_t used = sizeof(bytes);

	for (;;)
	{
		unsigned char byte;

		if (used == sizeof(bytes))
		{
			if (!pg_strong_random(bytes, sizeof(bytes)))
				ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
			used = 0;
		}
		byte = bytes[used];
		bytes[used++] = 0;
		if (byte < 256 / LETTERS * LETTERS)
			return alphabet[byte % LETTERS];
	}
}

/* Writes so many random characters. */
void
commerce_random_letters(char *to, int count)
{
	for (int i = 0; i < count; i++)
		to[i] = random_letter();
}
