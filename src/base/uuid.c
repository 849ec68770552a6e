/*
 * uuid.c: time-ordered identifiers made without a sequence.
 *
 * 48 bits of Unix milliseconds, 12 bits of the fraction of that millisecond (RFC 9562, section 6.2, method 3), 62 random
 * bits. One backend never makes two that sort against the order of their making: when the clock stands still or steps
 * back, the last time is advanced by the smallest step the 12 bits can show.
 */
#include "base/uuid.h"

#include "base/random.h"

#include <time.h>

#define NANOSECONDS_PER_MS INT64CONST(1000000)
/* The smallest step that 12 bits within a millisecond can show, rounded up. */
#define SMALLEST_STEP 245
/* The random bits of an identifier, in bytes. */
#define RANDOM_BYTES 8

PG_FUNCTION_INFO_V1(commerce_uuidv7_sql);

/* Returns nanoseconds since 1970, later than at every earlier call of this backend. */
static int64
advancing_clock(void)
{
	static int64 last = 0;
	struct timespec now;
	int64 ns;

	clock_gettime(CLOCK_REALTIME, &now);
	ns = (int64) now.tv_sec * 1000 * NANOSECONDS_PER_MS + now.tv_nsec;
	last = Max(ns, last + SMALLEST_STEP);
	return last;
}

/* Makes a new identifier. */
pg_uuid_t *
commerce_uuidv7(void)
{
	pg_uuid_t *uuid = palloc(sizeof(pg_uuid_t));
	int64 ns = advancing_clock();
	uint64 ms = ns / NANOSECONDS_PER_MS;
	uint32 fraction = (uint32) ((ns % NANOSECONDS_PER_MS) * 4096 / NANOSECONDS_PER_MS);

	commerce_random_bytes(&uuid->data[8], RANDOM_BYTES);
	for (int i = 0; i < 6; i++)
		uuid->data[i] = (unsigned char) (ms >> (40 - 8 * i));
	uuid->data[6] = (unsigned char) (0x70 | (fraction >> 8));
	uuid->data[7] = (unsigned char) fraction;
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;
	return uuid;
}

/* uuidv7() makes a new identifier. */
Datum
commerce_uuidv7_sql(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_UUID_P(commerce_uuidv7());
}
