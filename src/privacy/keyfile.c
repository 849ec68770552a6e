/*
 * keyfile.c: the text of a key file.
 *
 * One key per line, "epoch hexkey": an epoch from 1 to 2147483647, blanks, 64 hexadecimal digits. Empty lines and
 * lines that begin with # are skipped. Nothing is guessed: a second line for an epoch, a key of zeros or a line that
 * says more than a key makes the whole file refused, because a key read wrongly is only noticed when data is lost.
 */
#include "privacy/keyfile.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Is this a blank within a line? A carriage return counts, for files written elsewhere. */
static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Reads the epoch at the start of a line and returns what follows it; NULL where there is none. */
static const char *
parse_epoch(const char *at, const char *end, int32_t *epoch)
{
	int64_t number = 0;

	for (; at < end && *at >= '0' && *at <= '9'; at++)
	{
		number = number * 10 + (*at - '0');
		if (number > INT32_MAX)
			return NULL;
	}
	*epoch = (int32_t) number;
	return number > 0 && at < end && is_blank(*at) ? at : NULL;
}

/* Reads one line that is neither empty nor a comment. */
static bool
parse_entry(KeyfileEntry *entry, const char *at, const char *end)
{
	size_t digits;
	size_t bytes;

	at = parse_epoch(at, end, &entry->epoch);
	if (at == NULL)
		return false;
	while (at < end && is_blank(*at))
		at++;
	digits = (size_t) (end - at);
	if (digits != 2 * KEYFILE_KEY_BYTES ||
		sodium_hex2bin(entry->key, KEYFILE_KEY_BYTES, at, digits, NULL, &bytes, NULL) != 0)
		return false;
	return bytes == KEYFILE_KEY_BYTES && !sodium_is_zero(entry->key, KEYFILE_KEY_BYTES);
}

/* Is there an entry of this epoch among the first so many? */
static bool
has_epoch(const KeyfileEntry *entries, int count, int32_t epoch)
{
	for (int i = 0; i < count; i++)
		if (entries[i].epoch == epoch)
			return true;
	return false;
}

/* Moves the last entry to its place among the sorted ones before it, leaving no copy of a key on the stack. */
static void
settle_last(KeyfileEntry *entries, int count)
{
	KeyfileEntry moved = entries[count - 1];
	int at = count - 1;

	for (; at > 0 && entries[at - 1].epoch > moved.epoch; at--)
		entries[at] = entries[at - 1];
	entries[at] = moved;
	sodium_memzero(&moved, sizeof(moved));
}

/* Reads the entries and sorts them; returns their number or minus the number of the offending line. */
int
commerce_keyfile_parse(KeyfileEntry *entries, const char *text, size_t length)
{
	const char *at = text;
	const char *stop = text + length;
	int count = 0;

	for (int line = 1; at < stop; line++)
	{
		const char *newline = memchr(at, '\n', (size_t) (stop - at));
		const char *next = newline ? newline + 1 : stop;
		const char *end = newline ? newline : stop;

		while (at < end && is_blank(*at))
			at++;
		while (end > at && is_blank(end[-1]))
			end--;
		if (at < end && *at != '#')
		{
			if (count == KEYFILE_MAX_EPOCHS || !parse_entry(&entries[count], at, end) ||
				has_epoch(entries, count, entries[count].epoch))
				return -line;
			settle_last(entries, ++count);
		}
		at = next;
	}
	return count;
}
