/*
 * letters.c: codes that people type and nobody guesses.
 *
 * Each character is drawn at random, each of the alphabet as likely as any other: bytes
 * beyond the last whole multiple of its size are thrown away.
 */
#include "base/letters.h"

#include "base/random.h"

/* Without 0, O, 1, I and L, which people mix up. */
static const char alphabet[LETTERS + 1] = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/* Returns a random character of the alphabet. */
static char
random_letter(void)
{
	for (;;)
	{
		unsigned char byte;

		commerce_random_bytes(&byte, 1);
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
