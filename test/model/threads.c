/*
 * threads.c: the pure core under real threads, for what a single process cannot show: compare-and-swap that fails, pins
 * dropped without a lock, counters that are thrown away and made again meanwhile.
 *
 * Each thread is a backend with a ledger. A partition has a real lock. The tables are a level for each key, changed
 * atomically when a transaction becomes visible, and what each thread holds of each key. The row of a key is a mutex,
 * tried and not waited for: who does not get it aborts. Nobody takes unchecked, so no level may ever fall below zero,
 * and at the end nothing is in flight and every counter is its key's level.
 *
 *     threads [SEED [SECONDS]]
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "escrow/touch.h"

#define THREADS 8
#define KEYS 12
#define PARTITIONS 3
#define COUNTERS 7
#define START 20

typedef struct Key
{
	CounterKey name;
	int partition;
	int64_t level; /* what is committed */
	pthread_mutex_t row;
} Key;

/* What a transaction has done to a key, as its rows say. */
typedef struct Change
{
	int64_t outer; /* what it holds more, or less */
	int64_t inner; /* the same, of its subtransaction */
	bool locked;
} Change;

typedef struct Backend
{
	pthread_t thread;
	uint64_t seed;
	Ledger ledger;
	LedgerMirror mirror;
	int64_t held[KEYS];
	Change changes[KEYS];
	bool inside;
	uint64_t commits;
	uint64_t gates;
	uint64_t loads;
	uint64_t waits;
	uint64_t sold_out;
} Backend;

static CounterTable *table;
static pthread_rwlock_t locks[PARTITIONS];
static Key keys[KEYS];
static Backend backends[THREADS];
static int stop;
static int oversold;
static uint64_t forgotten;

/* Returns the next number of a thread's sequence, below a bound. */
static int
below(uint64_t *seed, int bound)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (int) (*seed % (uint64_t) bound);
}

static void *
grow(void *old, size_t size)
{
	void *grown = realloc(old, size);

	if (grown == NULL)
		abort();
	return grown;
}

/* Loads a claimed counter, or gives it up. */
static Account *
load(Backend *self, int k, Counter *counter)
{
	CounterLevel level = {
		.value = __atomic_load_n(&keys[k].level, __ATOMIC_SEQ_CST), .low = 3, .high = START};

	if (below(&self->seed, 4) == 0)
		sched_yield();
	if (below(&self->seed, 16) == 0)
	{
		commerce_counter_abandon(counter);
		return NULL;
	}
	self->loads++;
	return commerce_touch_loaded(&self->ledger, counter, &level);
}

/* Comes to a key; returns false where the transaction is to abort. The account is NULL in the gate. */
static bool
come_to(Backend *self, int k, Account **account)
{
	Key *key = &keys[k];
	bool exclusive = false;

	*account = NULL;
	for (;;)
	{
		Touched touched = {0};
		Touch touch;

		commerce_ledger_make_room(&self->ledger);
		if (exclusive)
			pthread_rwlock_wrlock(&locks[key->partition]);
		else
			pthread_rwlock_rdlock(&locks[key->partition]);
		touch = commerce_touch(&self->ledger, &key->name, exclusive, &touched);
		pthread_rwlock_unlock(&locks[key->partition]);
		exclusive = touch == TOUCH_CLAIM;
		switch (touch)
		{
			case TOUCH_COUNTER: *account = touched.account; return true;
			case TOUCH_GATE:
				self->gates++;
				if (!self->changes[k].locked && pthread_mutex_trylock(&key->row) != 0)
					return false;
				self->changes[k].locked = true;
				return true;
			case TOUCH_WAIT:
				self->waits++;
				sched_yield();
				break;
			case TOUCH_LOAD: *account = load(self, k, touched.counter); return *account != NULL;
			case TOUCH_CLAIM: break;
		}
	}
}

/* Makes room in the ledger, which may move its accounts; returns where this one is now. */
static Account *
make_room(Backend *self, const Account *account)
{
	const Counter *counter = account->counter;

	commerce_ledger_make_room(&self->ledger);
	return commerce_ledger_find(&self->ledger, counter);
}

/* Takes some of a key; returns false where the transaction is to abort. */
static bool
reserve(Backend *self, int k, int64_t amount)
{
	Change *change = &self->changes[k];
	Account *account;

	if (!come_to(self, k, &account))
		return false;
	if (account == NULL)
	{
		int64_t level = __atomic_load_n(&keys[k].level, __ATOMIC_SEQ_CST) - change->outer - change->inner;

		if (level < amount)
			self->sold_out++;
		else
			change->inner += amount;
		return true;
	}
	account = make_room(self, account);
	if (!commerce_ledger_take(&self->ledger, account, 1 + self->inside, amount))
	{
		self->sold_out++;
		return true;
	}
	if (below(&self->seed, 8) != 0)
	{
		account = make_room(self, account);
		change->inner += amount;
		return commerce_ledger_written(&self->ledger, account, 1 + self->inside, amount);
	}
	account = make_room(self, account);
	commerce_ledger_settle(&self->ledger, account, 1 + self->inside, 0);
	return true;
}

/* Gives some of what is held back. */
static bool
release(Backend *self, int k)
{
	Change *change = &self->changes[k];
	int64_t held = self->held[k] + change->outer + change->inner;
	Account *account;

	if (held <= 0)
		return true;
	if (!come_to(self, k, &account))
		return false;
	held = 1 + below(&self->seed, (int) held);
	change->inner -= held;
	if (account == NULL)
		return true;
	account = make_room(self, account);
	return commerce_ledger_give(&self->ledger, account, 1 + self->inside, held);
}

/* Ends the subtransaction; what is done outside of one is done as if each piece were one of its own. */
static void
end_inner(Backend *self, bool commit)
{
	for (int k = 0; k < KEYS; k++)
	{
		if (commit)
			self->changes[k].outer += self->changes[k].inner;
		self->changes[k].inner = 0;
	}
	if (self->inside && commit)
		commerce_ledger_commit_level(&self->ledger, 2, 1);
	else if (self->inside)
		commerce_ledger_abort_level(&self->ledger, 2);
	self->inside = false;
}

/* Becomes visible, lets rows go, pays. */
static void
end(Backend *self, bool commit)
{
	for (int k = 0; k < KEYS; k++)
	{
		Change *change = &self->changes[k];

		if (commit && change->outer != 0)
		{
			if (__atomic_sub_fetch(&keys[k].level, change->outer, __ATOMIC_SEQ_CST) < 0)
				__atomic_store_n(&oversold, 1, __ATOMIC_SEQ_CST);
			self->held[k] += change->outer;
		}
		if (change->locked)
			pthread_mutex_unlock(&keys[k].row);
		*change = (Change){0};
	}
	(void) commerce_ledger_finish(&self->ledger, commit);
	self->commits += commit;
}

/* Runs one transaction over a few keys. */
static void
transaction(Backend *self)
{
	bool well = true;
	int pieces = 1 + below(&self->seed, 8);

	self->inside = false;
	for (int i = 0; i < pieces && well; i++)
	{
		int k = below(&self->seed, below(&self->seed, 2) ? KEYS : 3);

		if (!self->inside)
		{
			end_inner(self, true);
			self->inside = below(&self->seed, 3) == 0;
		}
		if (below(&self->seed, 5) < 3)
			well = reserve(self, k, 1 + below(&self->seed, 4));
		else
			well = release(self, k);
		if (self->inside && below(&self->seed, 3) == 0)
			end_inner(self, below(&self->seed, 2) == 0);
		if (below(&self->seed, 16) == 0)
			sched_yield();
	}
	end_inner(self, well);
	end(self, well && below(&self->seed, 4) != 0);
}

static void *
work(void *argument)
{
	Backend *self = argument;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		transaction(self);
	return NULL;
}

/* Looks at everything, as a view would, and throws idle counters away. */
static void
look(uint64_t *seed)
{
	int partition = below(seed, PARTITIONS);
	bool exclusive = below(seed, 4) == 0;

	if (exclusive)
		pthread_rwlock_wrlock(&locks[partition]);
	else
		pthread_rwlock_rdlock(&locks[partition]);
	for (int i = 0; i < commerce_counters_count(table); i++)
	{
		Counter *counter = commerce_counters_at(table, i);

		if (commerce_counters_partition_at(table, i) != partition ||
			commerce_counter_state(counter) != COUNTER_READY)
			continue;
		if (commerce_counter_unflag(counter))
			(void) commerce_counter_set_band(counter, 2, START - below(seed, 3));
		if (commerce_counter_value(counter) < 0)
			__atomic_store_n(&oversold, 1, __ATOMIC_SEQ_CST);
		if (exclusive && below(seed, 8) == 0)
			forgotten += commerce_counters_forget(table, counter);
	}
	pthread_rwlock_unlock(&locks[partition]);
	for (int b = 0; b < THREADS; b++)
	{
		uint32_t accounts = __atomic_load_n(&backends[b].mirror.accounts, __ATOMIC_ACQUIRE);

		for (uint32_t i = 0; i < accounts && i < MIRROR_ROWS; i++)
			if (__atomic_load_n(&backends[b].mirror.rows[i].counter, __ATOMIC_RELAXED) >=
				(uint32_t) commerce_counters_count(table))
				__atomic_store_n(&oversold, 1, __ATOMIC_SEQ_CST);
	}
}

/* Returns whether what is left is what is committed. */
static bool
agree(void)
{
	bool same = true;

	for (int k = 0; k < KEYS; k++)
	{
		const Counter *counter = commerce_counters_find(table, &keys[k].name);
		int64_t all = keys[k].level;

		for (int b = 0; b < THREADS; b++)
			all += backends[b].held[k];
		same = same && all == START && commerce_counters_in_gate(table, keys[k].partition) == 0;
		if (counter == NULL)
			continue;
		same = same && commerce_counter_in_flight(counter) == 0;
		if (commerce_counter_state(counter) == COUNTER_READY)
			same = same && commerce_counter_value(counter) == keys[k].level &&
				   commerce_counter_pending(counter) == 0;
	}
	return same;
}

static void
prepare(uint64_t seed)
{
	table = aligned_alloc(64, (commerce_counters_size(PARTITIONS, COUNTERS) + 63) / 64 * 64);
	if (table == NULL)
		abort();
	commerce_counters_init(table, PARTITIONS, COUNTERS, seed);
	for (int p = 0; p < PARTITIONS; p++)
		pthread_rwlock_init(&locks[p], NULL);
	for (int k = 0; k < KEYS; k++)
	{
		char name[16];
		int length = snprintf(name, sizeof(name), "key%d", k);

		commerce_counter_key(&keys[k].name, 1, (uint32_t[2]){1, 2}, name, length);
		keys[k].partition = commerce_counters_partition(table, &keys[k].name);
		keys[k].level = START;
		pthread_mutex_init(&keys[k].row, NULL);
	}
	for (int b = 0; b < THREADS; b++)
	{
		backends[b].seed = (seed + (uint64_t) b + 1) * 0x9e3779b97f4a7c15u;
		commerce_ledger_init(&backends[b].ledger, table, PARTITIONS, grow);
		backends[b].ledger.mirror = &backends[b].mirror;
	}
}

int
main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	double seconds = argc > 2 ? atof(argv[2]) : 3;
	struct timespec began, now;
	Backend sum = {0};
	bool exercised;

	prepare(seed);
	clock_gettime(CLOCK_MONOTONIC, &began);
	for (int b = 0; b < THREADS; b++)
		if (pthread_create(&backends[b].thread, NULL, work, &backends[b]) != 0)
			abort();
	do
	{
		look(&seed);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((double) (now.tv_sec - began.tv_sec) + (double) (now.tv_nsec - began.tv_nsec) / 1e9 < seconds);
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (int b = 0; b < THREADS; b++)
	{
		pthread_join(backends[b].thread, NULL);
		sum.commits += backends[b].commits;
		sum.gates += backends[b].gates;
		sum.loads += backends[b].loads;
		sum.waits += backends[b].waits;
		sum.sold_out += backends[b].sold_out;
	}
	printf("# %llu commits, %llu gate entries, %llu loads, %llu waits, %llu sold out, %llu forgotten\n",
		   (unsigned long long) sum.commits, (unsigned long long) sum.gates, (unsigned long long) sum.loads,
		   (unsigned long long) sum.waits, (unsigned long long) sum.sold_out, (unsigned long long) forgotten);
	exercised = sum.commits > 0 && sum.gates > 0 && sum.loads > 0 && sum.waits > 0 && sum.sold_out > 0;
	printf("%s 1 - nobody oversold\n", oversold ? "not ok" : "ok");
	printf("%s 2 - counters, levels and what is held agree\n", agree() ? "ok" : "not ok");
	printf("%s 3 - counters came and went, and the gate was used\n1..3\n", exercised ? "ok" : "not ok");
	return oversold || !agree() || !exercised;
}
