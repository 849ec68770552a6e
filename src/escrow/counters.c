/*
 * counters.c: the table of counters.
 *
 * The memory holds the table's head, one Partition each, one bucket list each, then all counters; a partition owns a
 * run of counters and nothing else, so partitions never wait for each other. A bucket is a chain of counters of its
 * partition; free counters are a chain of their own.
 *
 * Membership (which key has a counter) changes only under the exclusive lock of the partition. Everything else in a
 * counter is atomic, so that spending takes the lock shared and nobody waits. A pin is taken under the shared lock and
 * dropped without: a counter without pins under the exclusive lock has none until the lock is given back, and may be
 * thrown away. Only the process that claimed a counter touches it while it loads.
 *
 * A table that is full makes room by throwing idle counters away, with the hand of a clock that spares what was used
 * since it last came by. Idle means that no transaction in flight has touched it: what it counts is then all in the
 * tables, and the next to ask loads it again.
 */
#include "escrow/counters.h"

#include <string.h>

_Static_assert(__atomic_always_lock_free(sizeof(int64_t), 0), "counters need 64-bit atomics");

#define NOWHERE (-1)

typedef struct Partition
{
	uint32_t inside; /* transactions in the gate */
	int32_t free;
	int32_t hand;
} Partition;

struct CounterTable
{
	uint64_t seed;
	int32_t partitions;
	int32_t each;    /* counters of a partition */
	int32_t buckets; /* of a partition, a power of two */
	uint32_t lost_flags;
	/* Partition[partitions], int32_t[partitions * buckets], Counter[partitions * each] follow */
};

#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_SEQ_CST)
#define STORE(field, new) __atomic_store_n(&(field), (new), __ATOMIC_SEQ_CST)
#define ADD(field, amount) __atomic_add_fetch(&(field), (amount), __ATOMIC_SEQ_CST)

/* Returns the number rounded up to whole cache lines. */
static size_t
aligned(size_t size)
{
	return (size + 63) & ~(size_t) 63;
}

/* Returns how many counters a partition gets, and how many buckets. */
static int32_t
share(int partitions, int counters, int32_t *buckets)
{
	int32_t each = (counters + partitions - 1) / partitions;

	*buckets = 1;
	while (*buckets < each)
		*buckets *= 2;
	return each;
}

static Partition *
partition_at(const CounterTable *table, int partition)
{
	return (Partition *) ((char *) table + aligned(sizeof(CounterTable))) + partition;
}

static int32_t *
buckets_of(const CounterTable *table, int partition)
{
	char *base = (char *) partition_at(table, 0) + aligned(sizeof(Partition) * (size_t) table->partitions);

	return (int32_t *) base + (size_t) partition * (size_t) table->buckets;
}

static Counter *
all_counters(const CounterTable *table)
{
	size_t buckets = (size_t) table->partitions * (size_t) table->buckets;

	return (Counter *) ((char *) buckets_of(table, 0) + aligned(sizeof(int32_t) * buckets));
}

/* Says how many bytes a table of so many counters needs. */
size_t
commerce_counters_size(int partitions, int counters)
{
	int32_t buckets;
	int32_t each = share(partitions, counters, &buckets);

	return aligned(sizeof(CounterTable)) + aligned(sizeof(Partition) * (size_t) partitions) +
		   aligned(sizeof(int32_t) * (size_t) partitions * (size_t) buckets) +
		   sizeof(Counter) * (size_t) partitions * (size_t) each;
}

/* Makes an empty table. */
void
commerce_counters_init(CounterTable *table, int partitions, int counters, uint64_t seed)
{
	memset(table, 0, commerce_counters_size(partitions, counters));
	table->seed = seed;
	table->partitions = partitions;
	table->each = share(partitions, counters, &table->buckets);
	for (int p = 0; p < partitions; p++)
	{
		int32_t first = p * table->each;

		for (int32_t b = 0; b < table->buckets; b++)
			buckets_of(table, p)[b] = NOWHERE;
		partition_at(table, p)->free = first;
		for (int32_t i = 0; i < table->each; i++)
			all_counters(table)[first + i].next = i + 1 < table->each ? first + i + 1 : NOWHERE;
	}
}

/* Fills a key in; the name is at most COUNTER_NAME_MAX bytes. */
void
commerce_counter_key(CounterKey *key, uint32_t database, const uint32_t *storage, const char *name,
					 int length)
{
	*key = (CounterKey){.database = database, .length = (uint16_t) length};
	memcpy(key->storage, storage, sizeof(key->storage));
	memcpy(key->name, name, (size_t) length);
}

/* Returns whether two keys are one. */
static bool
same_key(const CounterKey *a, const CounterKey *b)
{
	return a->length == b->length && a->database == b->database && a->storage[0] == b->storage[0] &&
		   a->storage[1] == b->storage[1] && memcmp(a->name, b->name, a->length) == 0;
}

/* Hashes a key: FNV-1a over name and numbers from a secret start, stirred so that every bit tells. */
static uint64_t
hash_key(const CounterTable *table, const CounterKey *key)
{
	uint64_t hash = table->seed ^ 0xcbf29ce484222325u;
	uint32_t numbers[3] = {key->database, key->storage[0], key->storage[1]};

	for (int i = 0; i < 3; i++)
		hash = (hash ^ numbers[i]) * 0x100000001b3u;
	for (int i = 0; i < key->length; i++)
		hash = (hash ^ (unsigned char) key->name[i]) * 0x100000001b3u;
	hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93u;
	return hash ^ (hash >> 32);
}

/* Returns the partition of a key. */
int
commerce_counters_partition(const CounterTable *table, const CounterKey *key)
{
	return (int) ((hash_key(table, key) >> 32) % (uint64_t) table->partitions);
}

/* Returns the bucket of a key. */
static int32_t *
bucket_of(const CounterTable *table, const CounterKey *key)
{
	return buckets_of(table, commerce_counters_partition(table, key)) +
		   (hash_key(table, key) & (uint64_t) (table->buckets - 1));
}

/* Finds the counter of a key in whatever state, or NULL. */
Counter *
commerce_counters_find(CounterTable *table, const CounterKey *key)
{
	Counter *counters = all_counters(table);

	for (int32_t i = *bucket_of(table, key); i != NOWHERE; i = counters[i].next)
		if (same_key(&counters[i].key, key))
			return &counters[i];
	return NULL;
}

/* Keeps a counter in the table until it is unpinned. */
void
commerce_counter_pin(Counter *counter)
{
	ADD(counter->in_flight, 1);
	__atomic_store_n(&counter->used, 1, __ATOMIC_RELAXED);
}

/* Lets go of a counter. */
void
commerce_counter_unpin(Counter *counter)
{
	ADD(counter->finished, 1);
	ADD(counter->in_flight, -1);
}

/* Takes a counter out of its bucket and puts it among the free. */
static void
discard(CounterTable *table, Counter *counter)
{
	int32_t number = (int32_t) (counter - all_counters(table));
	Partition *partition = partition_at(table, number / table->each);
	int32_t *link = bucket_of(table, &counter->key);

	while (*link != number)
		link = &all_counters(table)[*link].next;
	*link = counter->next;
	if (commerce_counter_unflag(counter))
		ADD(table->lost_flags, 1);
	STORE(counter->state, COUNTER_FREE);
	counter->next = partition->free;
	partition->free = number;
}

/* Makes room in a partition by discarding an idle counter; returns whether there was one. */
static bool
make_room(CounterTable *table, int partition)
{
	Partition *self = partition_at(table, partition);
	Counter *first = all_counters(table) + (size_t) partition * (size_t) table->each;

	for (int32_t step = 0; step < 2 * table->each; step++)
	{
		Counter *counter = first + self->hand;

		self->hand = (self->hand + 1) % table->each;
		if (LOAD(counter->in_flight) > 0 || LOAD(counter->state) == COUNTER_FREE)
			continue;
		if (__atomic_exchange_n(&counter->used, 0, __ATOMIC_RELAXED) == 0)
		{
			discard(table, counter);
			return true;
		}
	}
	return false;
}

/* Makes a counter that the caller is to load, or says by NULL that there may be none now. */
Counter *
commerce_counters_claim(CounterTable *table, const CounterKey *key)
{
	int partition = commerce_counters_partition(table, key);
	Partition *self = partition_at(table, partition);
	Counter *counter = commerce_counters_find(table, key);
	int32_t number;
	int32_t *bucket;

	if (LOAD(self->inside) > 0)
		return NULL;
	if (counter != NULL && LOAD(counter->in_flight) > 0)
		return NULL;
	if (counter != NULL)
		discard(table, counter);
	if (self->free == NOWHERE && !make_room(table, partition))
		return NULL;
	number = self->free;
	counter = &all_counters(table)[number];
	self->free = counter->next;
	bucket = bucket_of(table, key);
	*counter = (Counter){.in_flight = 1, .state = COUNTER_LOADING, .used = 1, .next = *bucket, .key = *key};
	*bucket = number;
	return counter;
}

/* Opens a claimed counter to all. */
void
commerce_counter_publish(Counter *counter, const CounterLevel *level)
{
	STORE(counter->value, level->value);
	STORE(counter->low, level->low);
	STORE(counter->high, level->high);
	STORE(counter->state, COUNTER_READY);
}

/* Gives a claimed counter up. */
void
commerce_counter_abandon(Counter *counter)
{
	STORE(counter->state, COUNTER_BROKEN);
	ADD(counter->in_flight, -1);
}

/* Begins work under row locks in a partition. */
void
commerce_counters_enter_gate(CounterTable *table, int partition)
{
	ADD(partition_at(table, partition)->inside, 1);
}

/* Ends work under row locks in a partition. */
void
commerce_counters_leave_gate(CounterTable *table, int partition)
{
	ADD(partition_at(table, partition)->inside, -1);
}

/* Returns how many work under row locks in a partition. */
uint32_t
commerce_counters_in_gate(const CounterTable *table, int partition)
{
	return LOAD(partition_at(table, partition)->inside);
}

/* Forgets an idle counter. */
bool
commerce_counters_forget(CounterTable *table, Counter *counter)
{
	if (LOAD(counter->in_flight) > 0)
		return false;
	discard(table, counter);
	return true;
}

CounterState
commerce_counter_state(const Counter *counter)
{
	return (CounterState) LOAD(counter->state);
}

int64_t
commerce_counter_value(const Counter *counter)
{
	return LOAD(counter->value);
}

int64_t
commerce_counter_pending(const Counter *counter)
{
	return LOAD(counter->pending);
}

uint32_t
commerce_counter_in_flight(const Counter *counter)
{
	return LOAD(counter->in_flight);
}

uint32_t
commerce_counter_finished(const Counter *counter)
{
	return LOAD(counter->finished);
}

/* Takes an amount, less what extra covers, where that leaves the floor or more. */
int64_t
commerce_counter_take(Counter *counter, int64_t amount, int64_t extra, int64_t floor)
{
	int64_t taken = extra >= amount ? 0 : amount - extra;
	int64_t value = LOAD(counter->value);
	int64_t least;

	/* amount and extra are not negative, so neither is their difference a surprise */
	if (__builtin_add_overflow(amount - extra, floor, &least))
	{
		if (floor > 0)
			return -1;
		least = INT64_MIN;
	}
	for (;;)
	{
		if (value < least)
			return -1;
		if (taken == 0 || __atomic_compare_exchange_n(&counter->value, &value, value - taken, false,
													  __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return taken;
	}
}

/* Adds to the value, or takes from it though it may fall below zero. */
bool
commerce_counter_add(Counter *counter, int64_t amount)
{
	int64_t value = LOAD(counter->value);
	int64_t sum;

	do
	{
		if (__builtin_add_overflow(value, amount, &sum))
			return false;
	} while (!__atomic_compare_exchange_n(&counter->value, &value, sum, false, __ATOMIC_SEQ_CST,
										  __ATOMIC_SEQ_CST));
	return true;
}

/* Changes how much of what was taken is in flight. */
void
commerce_counter_add_pending(Counter *counter, int64_t amount)
{
	ADD(counter->pending, amount);
}

/* Flags a counter whatever it says. */
bool
commerce_counter_flag(Counter *counter)
{
	return __atomic_exchange_n(&counter->flagged, 1, __ATOMIC_SEQ_CST) == 0;
}

/* Flags a counter whose committed value has left its band. */
bool
commerce_counter_watch(Counter *counter)
{
	int64_t committed;

	if (__builtin_add_overflow(LOAD(counter->value), LOAD(counter->pending), &committed))
		return false;
	if (committed >= LOAD(counter->low) && committed < LOAD(counter->high))
		return false;
	return commerce_counter_flag(counter);
}

/* Sets a new band, and flags a counter that is already out of it. */
bool
commerce_counter_set_band(Counter *counter, int64_t low, int64_t high)
{
	STORE(counter->low, low);
	STORE(counter->high, high);
	return commerce_counter_watch(counter);
}

/* Takes a flag down. */
bool
commerce_counter_unflag(Counter *counter)
{
	return __atomic_exchange_n(&counter->flagged, 0, __ATOMIC_SEQ_CST) == 1;
}

/* Counts flags that nobody will find. */
void
commerce_counters_add_lost_flags(CounterTable *table, int number)
{
	ADD(table->lost_flags, (uint32_t) number);
}

uint32_t
commerce_counters_lost_flags(const CounterTable *table)
{
	return LOAD(table->lost_flags);
}

int
commerce_counters_count(const CounterTable *table)
{
	return table->partitions * table->each;
}

Counter *
commerce_counters_at(CounterTable *table, int number)
{
	return &all_counters(table)[number];
}

int
commerce_counters_partition_at(const CounterTable *table, int number)
{
	return number / table->each;
}

int
commerce_counters_number(const CounterTable *table, const Counter *counter)
{
	return (int) (counter - all_counters(table));
}
