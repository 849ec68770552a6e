/*
 * utf8.h: code points of a text that is known to be valid UTF-8. Pure.
 */
#ifndef COMMERCE_PRIVACY_UTF8_H
#define COMMERCE_PRIVACY_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Returns how many bytes a character has, by its first byte. */
static inline size_t
commerce_utf8_length(unsigned char first)
{
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Returns the code point of the character at this place. */
static inline uint32_t
commerce_utf8_decode(const char *at)
{
	const unsigned char *bytes = (const unsigned char *) at;

	switch (commerce_utf8_length(bytes[0]))
	{
		case 1: return bytes[0];
		case 2: return (uint32_t) (bytes[0] & 0x1f) << 6 | (bytes[1] & 0x3f);
		case 3:
			return (uint32_t) (bytes[0] & 0x0f) << 12 | (uint32_t) (bytes[1] & 0x3f) << 6 | (bytes[2] & 0x3f);
		default:
			return (uint32_t) (bytes[0] & 0x07) << 18 | (uint32_t) (bytes[1] & 0x3f) << 12 |
				   (uint32_t) (bytes[2] & 0x3f) << 6 | (bytes[3] & 0x3f);
	}
}

/* Writes a code point and returns how many bytes it took, at most four. */
static inline size_t
commerce_utf8_encode(uint32_t point, char *at)
{
	unsigned char *bytes = (unsigned char *) at;

	if (point < 0x80)
	{
		bytes[0] = (unsigned char) point;
		return 1;
	}
	if (point < 0x800)
	{
		bytes[0] = (unsigned char) (0xc0 | point >> 6);
		bytes[1] = (unsigned char) (0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000)
	{
		bytes[0] = (unsigned char) (0xe0 | point >> 12);
		bytes[1] = (unsigned char) (0x80 | (point >> 6 & 0x3f));
		bytes[2] = (unsigned char) (0x80 | (point & 0x3f));
		return 3;
	}
	bytes[0] = (unsigned char) (0xf0 | point >> 18);
	bytes[1] = (unsigned char) (0x80 | (point >> 12 & 0x3f));
	bytes[2] = (unsigned char) (0x80 | (point >> 6 & 0x3f));
	bytes[3] = (unsigned char) (0x80 | (point & 0x3f));
	return 4;
}

#endif
