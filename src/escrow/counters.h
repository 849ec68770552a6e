/*
 * counters.h: a table of counters in memory that many processes share. Pure: counters.c says how it keeps its promises.
 *
 * The table is cut into partitions, each with a lock that the caller brings. A comment of a function says whether it
 * wants the lock of the key's partition, shared or exclusive.
 */
#ifndef COMMERCE_ESCROW_COUNTERS_H
#define COMMERCE_ESCROW_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer names get no counter. */
#define COUNTER_NAME_MAX 100

/*
 * What a counter counts: a name among the rows of two tables, known by their storage. TRUNCATE and a rewrite give a
 * table new storage, so what was counted before them is another key.
 */
typedef struct CounterKey
{
	uint32_t database;
	uint32_t storage[2];
	uint16_t length;
	char name[COUNTER_NAME_MAX];
} CounterKey;

typedef enum CounterState
{
	COUNTER_FREE,
	COUNTER_LOADING, /* claimed by one process, which reads the tables */
	COUNTER_READY,
	COUNTER_BROKEN, /* the process that claimed it gave up */
} CounterState;

/* What a counter starts from, as its loader finds it. */
typedef struct CounterLevel
{
	int64_t value;
	int64_t low; /* what leaves low <= value < high is worth a look by whoever watches */
	int64_t high;
} CounterLevel;

typedef struct Counter
{
	int64_t value;      /* committed, less all debits in flight; credits in flight are not in it */
	int64_t pending;    /* debits in flight: value + pending is what is committed */
	uint32_t in_flight; /* transactions that touched it and have not ended; a load counts as one */
	uint32_t state;
	uint32_t finished; /* transactions that have ended on it since it was loaded, around and around */
	uint8_t used;      /* since the hand of the clock came by */
	uint8_t flagged;   /* left its band */
	int32_t next;      /* in its bucket, or in the free list */
	int64_t low;
	int64_t high;
	CounterKey key;
} Counter;

typedef struct CounterTable CounterTable;

/* How many bytes a table of so many counters needs; both numbers at least 1. */
extern size_t commerce_counters_size(int partitions, int counters);
extern void commerce_counters_init(CounterTable *table, int partitions, int counters, uint64_t seed);

extern void commerce_counter_key(CounterKey *key, uint32_t database, const uint32_t *storage,
								 const char *name, int length);
extern int commerce_counters_partition(const CounterTable *table, const CounterKey *key);

/* The counter of a key in whatever state, or NULL. Lock: shared. */
extern Counter *commerce_counters_find(CounterTable *table, const CounterKey *key);

/* Keeps a counter in the table until it is unpinned. Lock: shared. */
extern void commerce_counter_pin(Counter *counter);

/* Lets go of a counter. Lock: none. */
extern void commerce_counter_unpin(Counter *counter);

/*
 * Makes a counter that the caller is to load, pinned; or NULL where there is no room, or somebody is in the gate or
 * still giving this very counter up. The key must not be in the table, or be broken. Lock: exclusive.
 */
extern Counter *commerce_counters_claim(CounterTable *table, const CounterKey *key);

/* Opens a claimed counter to all. Lock: none. */
extern void commerce_counter_publish(Counter *counter, const CounterLevel *level);

/* Gives a claimed counter up, unpinned. Lock: none. */
extern void commerce_counter_abandon(Counter *counter);

/*
 * While anyone is inside the gate of a partition, no counter is made there: those inside work under locks on rows.
 * Entering wants the lock of the partition, shared; leaving none.
 */
extern void commerce_counters_enter_gate(CounterTable *table, int partition);
extern void commerce_counters_leave_gate(CounterTable *table, int partition);
extern uint32_t commerce_counters_in_gate(const CounterTable *table, int partition);

/* Forgets an idle counter. Returns false for one in flight. Lock: exclusive. */
extern bool commerce_counters_forget(CounterTable *table, Counter *counter);

extern CounterState commerce_counter_state(const Counter *counter);
extern int64_t commerce_counter_value(const Counter *counter);
extern int64_t commerce_counter_pending(const Counter *counter);
extern uint32_t commerce_counter_in_flight(const Counter *counter);
extern uint32_t commerce_counter_finished(const Counter *counter);

/*
 * Takes amount > 0 unless value + extra - amount < floor; what extra (>= 0) covers is not taken. Returns what was taken,
 * or -1.
 */
extern int64_t commerce_counter_take(Counter *counter, int64_t amount, int64_t extra, int64_t floor);

/* Adds to the value, or takes from it though it may fall below zero. False, and nothing done, beyond 64 bits. */
extern bool commerce_counter_add(Counter *counter, int64_t amount);

/* Changes how much of what was taken is in flight. */
extern void commerce_counter_add_pending(Counter *counter, int64_t amount);

/* What follows wants a pin on the counter, or the lock of its partition: else it may be another key's by now. */

/* Flags a counter whose committed value has left its band; returns whether it was not flagged before. */
extern bool commerce_counter_watch(Counter *counter);

/* Flags a counter whatever it says; returns whether it was not flagged before. */
extern bool commerce_counter_flag(Counter *counter);

/* Sets a new band, after the flag was taken. */
extern bool commerce_counter_set_band(Counter *counter, int64_t low, int64_t high);

/* Takes a flag down; returns whether it was up. */
extern bool commerce_counter_unflag(Counter *counter);

/* Counts flags that nobody will find: of counters pushed out of the table, or taken down by who then failed. */
extern void commerce_counters_add_lost_flags(CounterTable *table, int number);
extern uint32_t commerce_counters_lost_flags(const CounterTable *table);

/*
 * All counters, free ones too, for whoever walks the table: number of them, each, and the partition of each. To look
 * at one takes the lock of its partition, shared.
 */
extern int commerce_counters_count(const CounterTable *table);
extern Counter *commerce_counters_at(CounterTable *table, int number);
extern int commerce_counters_partition_at(const CounterTable *table, int number);
extern int commerce_counters_number(const CounterTable *table, const Counter *counter);

#endif
