/*
 * mask.c: as much of a value as may be shown.
 *
 * The number of stars is always three: the length of a name is part of what is hidden. Of an e-mail address the last
 * label of the domain stays, so that a clerk on the telephone can tell two addresses of one person apart.
 */
#include "privacy/mask.h"

#include <stdbool.h>
#include <string.h>

#include "privacy/utf8.h"

#define STARS "***"
#define MAX_LABEL_BYTES 63

/* Appends the first character of a text that is not empty, and stars. */
static size_t
put_initial(char *mask, const char *text, size_t length)
{
	size_t initial = length == 0 ? 0 : commerce_utf8_length((unsigned char) text[0]);

	if (initial > length)
		initial = 0;
	memcpy(mask, text, initial);
	memcpy(mask + initial, STARS, strlen(STARS));
	return initial + strlen(STARS);
}

/* Finds the last occurrence of a byte. */
static const char *
find_last(const char *text, size_t length, char wanted)
{
	while (length > 0)
		if (text[--length] == wanted)
			return text + length;
	return NULL;
}

/* Appends the masked domain of an e-mail address. */
static size_t
put_domain(char *mask, const char *domain, size_t length)
{
	const char *dot = find_last(domain, length, '.');
	size_t written = put_initial(mask, domain, length);
	size_t label = dot ? (size_t) (domain + length - dot) : 0;

	if (label > 1 && label <= MAX_LABEL_BYTES + 1)
	{
		memcpy(mask + written, dot, label);
		written += label;
	}
	return written;
}

/* Masks a text; what has characters on both sides of an @ and no blank is taken for an e-mail address. */
size_t
commerce_mask(char mask[MASK_MAX_BYTES], const char *text, size_t length)
{
	const char *at = find_last(text, length, '@');
	bool email = at != NULL && at > text && at + 1 < text + length && memchr(text, ' ', length) == NULL;
	size_t written;

	if (!email)
		return put_initial(mask, text, length);
	written = put_initial(mask, text, (size_t) (at - text));
	mask[written++] = '@';
	return written + put_domain(mask + written, at + 1, (size_t) (text + length - at - 1));
}
