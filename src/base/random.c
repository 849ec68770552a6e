/*
 * random.c: random bytes are drawn many at once and given out a few at a time.
 *
 * Each drawing asks the cryptographic library for its generator and the system for the process id, which takes longer than
 * most that is done with the bytes. What was given out is wiped here; a process that was forked with bytes in store draws
 * its own.
 */
#include "base/random.h"

#include "base/errors.h"

#define STORE_BYTES 1024

/* Fills the target. */
void
commerce_random_bytes(void *target, size_t length)
{
	static unsigned char store[STORE_BYTES];
	static size_t left = 0;
	static int owner = 0;

	Assert(length <= RANDOM_MAX_BYTES);
	if (left < length || owner != MyProcPid)
	{
		left = 0;
		if (!pg_strong_random(store, STORE_BYTES))
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
		left = STORE_BYTES;
		owner = MyProcPid;
	}
	left -= length;
	memcpy(target, store + left, length);
	memset(store + left, 0, length);
}
