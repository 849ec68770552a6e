/*
 * base32.c: base32 of RFC 4648 without padding.
 */
#include "privacy/base32.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* Writes bytes as base32. */
void
commerce_base32_encode(char *text, const uint8_t *data, size_t length)
{
	uint32_t pending = 0;
	int bits = 0;

	for (size_t i = 0; i < length; i++)
	{
		pending = (pending << 8 | data[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5)
			*text++ = alphabet[pending >> (bits - 5) & 31];
	}
	if (bits > 0)
		*text++ = alphabet[pending << (5 - bits) & 31];
	*text = '\0';
}

/* Returns what a character stands for, -1 for none. */
static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

/* Reads base32; the bits after the last byte must be zero, so that there is one way to write it. */
bool
commerce_base32_decode(uint8_t *data, size_t length, const char *text)
{
	uint32_t pending = 0;
	size_t done = 0;
	size_t digits = 0;
	int bits = 0;

	for (; *text != '\0'; text++)
	{
		int value = digit(*text);

		if (*text == ' ' || *text == '-')
			continue;
		if (value < 0 || ++digits > BASE32_LENGTH(length))
			return false;
		pending = (pending << 5 | (uint32_t) value) & 0xfff;
		bits += 5;
		if (bits < 8)
			continue;
		bits -= 8;
		data[done++] = (uint8_t) (pending >> bits);
	}
	return done == length && digits == BASE32_LENGTH(length) && (pending & ((1u << bits) - 1)) == 0;
}
