/*
 * punycode.c: RFC 3492, the encoder alone.
 *
 * The basic characters come first, then, in the order of their code points, where each of the others is to be
 * inserted: as distances, in digits of a base that adapts to the distances seen so far. Names are the RFC's.
 */
#include "privacy/punycode.h"

#define BASE 36
#define TMIN 1
#define TMAX 26
#define SKEW 38
#define DAMP 700
#define INITIAL_BIAS 72
#define INITIAL_N 128

/* Where the encoded label goes. */
typedef struct Output
{
	char *bytes;
	size_t room;
	size_t written;
} Output;

/* Appends one byte; false where there is no room. */
static bool
put(Output *output, char c)
{
	if (output->written == output->room)
		return false;
	output->bytes[output->written++] = c;
	return true;
}

/* Returns the character of a digit from 0 to 35. */
static char
digit_character(uint64_t digit)
{
	return (char) (digit < 26 ? 'a' + digit : '0' + digit - 26);
}

/* Adapts the bias to the distance just written (RFC 3492, section 6.1). */
static uint64_t
adapt(uint64_t delta, uint64_t points, bool first)
{
	uint64_t k = 0;

	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > ((BASE - TMIN) * TMAX) / 2; k += BASE)
		delta /= BASE - TMIN;
	return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

/* Writes one distance as digits of varying weight. */
static bool
put_distance(Output *output, uint64_t q, uint64_t bias)
{
	for (uint64_t k = BASE;; k += BASE)
	{
		uint64_t t = k <= bias + TMIN ? TMIN : k >= bias + TMAX ? TMAX : k - bias;

		if (q < t)
			return put(output, digit_character(q));
		if (!put(output, digit_character(t + (q - t) % (BASE - t))))
			return false;
		q = (q - t) / (BASE - t);
	}
}

/* Returns the smallest code point not below n. */
static uint32_t
smallest_from(const uint32_t *points, size_t count, uint32_t n)
{
	uint32_t smallest = UINT32_MAX;

	for (size_t i = 0; i < count; i++)
		if (points[i] >= n && points[i] < smallest)
			smallest = points[i];
	return smallest;
}

/* Writes the basic characters and, where there are any, the delimiter; returns how many there are, -1 for no room. */
static long
put_basic(Output *output, const uint32_t *points, size_t count)
{
	long basic = 0;

	for (size_t i = 0; i < count; i++)
		if (points[i] < INITIAL_N)
		{
			if (!put(output, (char) points[i]))
				return -1;
			basic++;
		}
	return basic > 0 && !put(output, '-') ? -1 : basic;
}

/* Encodes a label; its length is bounded by the room, so no number here comes near overflowing. */
bool
commerce_punycode(char *out, size_t room, size_t *written, const uint32_t *points, size_t count)
{
	Output output = {out, room, 0};
	long basic = put_basic(&output, points, count);
	uint64_t handled = basic < 0 ? 0 : (uint64_t) basic;
	uint64_t bias = INITIAL_BIAS;
	uint64_t delta = 0;
	uint32_t n = INITIAL_N;

	if (basic < 0 || count > room)
		return false;
	while (handled < count)
	{
		uint32_t m = smallest_from(points, count, n);

		delta += (m - n) * (handled + 1);
		for (size_t i = 0; i < count; i++)
		{
			if (points[i] < m)
				delta++;
			if (points[i] != m)
				continue;
			if (!put_distance(&output, delta, bias))
				return false;
			bias = adapt(delta, handled + 1, handled == (uint64_t) basic);
			delta = 0;
			handled++;
		}
		delta++;
		n = m + 1;
	}
	*written = output.written;
	return true;
}
