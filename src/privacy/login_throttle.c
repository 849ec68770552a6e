/*
 * login_throttle.c: failed attempts.
 *
 * Whoever guesses passwords would love to roll his failures back, so they are counted in shared memory. It is asked for
 * when the server starts where the library is preloaded, and otherwise taken, in a smaller size, from what the server
 * keeps spare for libraries that come late. A restart forgets the failures; an attacker cannot cause one.
 *
 * The table has a place for so many subjects and no more, and whoever tries many addresses fills it. What is pushed out
 * is what failed least often, and of that what failed longest ago: an address that is guessed at stays, whatever number
 * of others is tried once. A subject is known by a keyed hash alone, so nobody chooses beside whom he comes to stand.
 *
 * A wait is never for good: locking an account for ever is what somebody else could do to its owner. With the right
 * password one waits at most LONGEST_WAIT_SECONDS; with a wrong one that leaves some 300 guesses a day.
 */
#include "privacy/login_throttle.h"

#include <sodium.h>

#include "base/errors.h"
#include "base/json.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#pragma GCC diagnostic pop

#define NAME "commerce_logins"
#define WAYS 8
#define SETS_PRELOADED 1024
#define SETS_LATE 64

/* Failures of yesterday do not count. */
#define REMEMBERED (INT64CONST(24) * 60 * 60 * USECS_PER_SEC)

/* One subject and how often it failed in a row; failures 0: free. */
typedef struct Failures
{
	uint64 subject;
	int32 failures;
	TimestampTz last;
} Failures;

typedef struct Throttle
{
	LWLock lock;
	int tranche;
	uint32 sets;
	uint8 seed[crypto_shorthash_KEYBYTES];
	Failures failures[FLEXIBLE_ARRAY_MEMBER];
} Throttle;

static shmem_request_hook_type previous_request = NULL;
static bool requested = false; /* known to every backend: it inherits the postmaster's */
static Throttle *throttle = NULL;

static uint32
set_count(void)
{
	return requested ? SETS_PRELOADED : SETS_LATE;
}

static Size
throttle_size(void)
{
	return offsetof(Throttle, failures) + mul_size(sizeof(Failures), set_count() * WAYS);
}

/* Asks for the memory. */
static void
request_memory(void)
{
	if (previous_request)
		previous_request();
	requested = true;
	RequestAddinShmemSpace(throttle_size());
}

/* Asks for the memory when the server starts. */
void
commerce_throttle_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	previous_request = shmem_request_hook;
	shmem_request_hook = request_memory;
}

/* Finds the table, or makes it. */
static void
attach(void)
{
	Throttle *found_throttle;
	bool found;

	if (throttle != NULL)
		return;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	found_throttle = ShmemInitStruct(NAME, throttle_size(), &found);
	if (!found)
	{
		memset(found_throttle, 0, throttle_size());
		found_throttle->sets = set_count();
		found_throttle->tranche = LWLockNewTrancheId();
		LWLockInitialize(&found_throttle->lock, found_throttle->tranche);
		randombytes_buf(found_throttle->seed, sizeof(found_throttle->seed));
	}
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(found_throttle->tranche, NAME);
	throttle = found_throttle;
}

/* Returns the number that stands for a subject of this database; never 0. */
static uint64
subject_number(const ThrottleSubject *subject)
{
	StringInfoData input;
	uint64 number;

	initStringInfo(&input);
	appendBinaryStringInfo(&input, (const char *) &MyDatabaseId, sizeof(MyDatabaseId));
	appendBinaryStringInfo(&input, (const char *) &subject->kind, sizeof(subject->kind));
	appendBinaryStringInfo(&input, subject->data, (int) subject->length);
	crypto_shorthash((uint8 *) &number, (const uint8 *) input.data, (uint64) input.len, throttle->seed);
	explicit_bzero(input.data, (size_t) input.len);
	pfree(input.data);
	return number;
}

/* Returns the subject's place: its own, or the one to be had for it. */
static Failures *
find(uint64 subject, TimestampTz now)
{
	Failures *set = &throttle->failures[subject % throttle->sets * WAYS];
	Failures *place = &set[0];

	for (Failures *failures = set; failures < set + WAYS; failures++)
	{
		if (failures->failures > 0 && failures->last + REMEMBERED < now)
			failures->failures = 0;
		if (failures->failures > 0 && failures->subject == subject)
			return failures;
		if (failures->failures < place->failures ||
			(failures->failures == place->failures && failures->last < place->last))
			place = failures;
	}
	return place;
}

/* Is this place the subject's own? */
static bool
is_of(const Failures *failures, uint64 subject)
{
	return failures->failures > 0 && failures->subject == subject;
}

/* Returns how long after the last of so many failures the next attempt is heard. */
static int64
wait_after(int failures)
{
	int64 seconds = 0;

	if (failures >= FREE_FAILURES)
		seconds = (int64) FIRST_WAIT_SECONDS << Min(failures - FREE_FAILURES, 16);
	return Min(seconds, LONGEST_WAIT_SECONDS) * USECS_PER_SEC;
}

/* Refuses an attempt that comes too early. */
static void
refuse(int64 wait)
{
	JsonWriter writer = JSON_WRITER_INIT;

	commerce_json_object(&writer);
	commerce_json_key(&writer, "retry_after");
	commerce_json_int(&writer, (wait + USECS_PER_SEC - 1) / USECS_PER_SEC);
	commerce_json_end_object(&writer);
	ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("too many failed attempts"),
					commerce_errdetail(&writer), errhint("Try again after that many seconds.")));
}

/* Locks the table and returns the subject's place. */
static Failures *
lock(const ThrottleSubject *subject, TimestampTz now, uint64 *number)
{
	if (sodium_init() < 0)
		elog(ERROR, "libsodium cannot be initialised");
	attach();
	*number = subject_number(subject);
	LWLockAcquire(&throttle->lock, LW_EXCLUSIVE);
	return find(*number, now);
}

/* Returns how long the subject has to wait yet. */
static int64
wait_left(const Failures *failures, uint64 number, TimestampTz now)
{
	return is_of(failures, number) ? failures->last + wait_after(failures->failures) - now : 0;
}

/* Refuses who has to wait. */
void
commerce_throttle_check(const ThrottleSubject *subject)
{
	TimestampTz now = GetCurrentTimestamp();
	uint64 number;
	Failures *failures = lock(subject, now, &number);
	int64 wait = wait_left(failures, number, now);

	LWLockRelease(&throttle->lock);
	if (wait > 0)
		refuse(wait);
}

/* Counts an attempt. */
void
commerce_throttle_attempt(ThrottleSubject *subject)
{
	TimestampTz now = GetCurrentTimestamp();
	uint64 number;
	Failures *failures = lock(subject, now, &number);
	int64 wait = wait_left(failures, number, now);

	if (wait <= 0)
	{
		if (!is_of(failures, number))
			*failures = (Failures){.subject = number};
		subject->failures = ++failures->failures;
		failures->last = now;
	}
	LWLockRelease(&throttle->lock);
	if (wait > 0)
		refuse(wait);
}

/* Forgets the subject's failures. */
void
commerce_throttle_forget(const ThrottleSubject *subject)
{
	uint64 number;
	Failures *failures = lock(subject, GetCurrentTimestamp(), &number);

	if (is_of(failures, number))
		*failures = (Failures){0};
	LWLockRelease(&throttle->lock);
}
