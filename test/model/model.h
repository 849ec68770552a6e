/*
 * model.h: what the parts of the model checker know of each other; escrow.c says what it is all for.
 *
 * The shop (shop.c) is the tables: rows, who sees them, and locks. The reference (reference.c) is what each
 * transaction did, and what a counter must say because of it. Neither knows the code that is checked.
 */
#ifndef COMMERCE_TEST_MODEL_H
#define COMMERCE_TEST_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_BACKENDS 8
#define MAX_KEYS 6
#define MAX_ROWS 48
#define MAX_DEPTH 5 /* of subtransactions; 0 is the transaction itself */
#define MAX_OPS 64  /* of a transaction */
#define NOBODY (-1)
#define NEVER (-1)

/* What must happen in every run that is long enough: else the run proves nothing about it. */
#define EVENTS(X)                                                                                            \
	X(COMMIT, "commits")                                                                                     \
	X(ABORT, "aborts")                                                                                       \
	X(SUBCOMMIT, "released savepoints")                                                                      \
	X(SUBABORT, "rollbacks to savepoints")                                                                   \
	X(LOAD, "loads")                                                                                         \
	X(ABANDON, "abandoned loads")                                                                            \
	X(INTERRUPT, "steps of others in the middle of a touch")                                                 \
	X(LOAD_WAIT, "waits for a load")                                                                         \
	X(EVICT, "evictions")                                                                                    \
	X(PRELOAD, "loads by nobody's transaction")                                                              \
	X(PRELOAD_REFUSED, "such loads refused")                                                                 \
	X(FORGET, "counters forgotten")                                                                          \
	X(FORGET_REFUSED, "counters in flight not forgotten")                                                    \
	X(GATE, "gate entries")                                                                                  \
	X(ROW_WAIT, "waits for a row")                                                                           \
	X(TABLE_WAIT, "waits for a table")                                                                       \
	X(DEADLOCK, "deadlocks")                                                                                 \
	X(RESERVE, "reservations by counter")                                                                    \
	X(RESERVE_GATE, "reservations in the gate")                                                              \
	X(SOLD_OUT, "sold out by counter")                                                                       \
	X(SOLD_OUT_GATE, "sold out in the gate")                                                                 \
	X(OWN_CREDIT, "own credits spent")                                                                       \
	X(SPENT_UNDONE, "spent credits restored by a rollback")                                                  \
	X(RELEASE, "releases")                                                                                   \
	X(EXPIRE, "expiries")                                                                                    \
	X(LOST_RACE, "changes of a row that was gone")                                                           \
	X(CONFIRM, "holds that became orders")                                                                   \
	X(RAISE, "stock raised")                                                                                 \
	X(CUT, "stock cut")                                                                                      \
	X(INSERT, "rows of a direct insert")                                                                     \
	X(LATE_TOUCH, "rows written before their trigger")                                                       \
	X(NEGATIVE, "cuts below zero")                                                                           \
	X(SWALLOWED, "rows swallowed")                                                                           \
	X(ALTERED, "rows altered")                                                                               \
	X(TRUNCATE, "truncates")                                                                                 \
	X(REWRITE, "rewrites")                                                                                   \
	X(NEW_STORAGE, "new storage committed")                                                                  \
	X(OLD_STORAGE, "new storage rolled back")                                                                \
	X(FLAG, "flags raised")                                                                                  \
	X(LOST_FLAG, "flags lost")                                                                               \
	X(CRASH, "crashes")                                                                                      \
	X(CRASH_LATE, "crashes between visible and paid")                                                        \
	X(QUIET, "moments of quiet")

typedef enum Event
{
#define EVENT(name, text) SEEN_##name,
	EVENTS(EVENT)
#undef EVENT
		EVENT_COUNT
} Event;

/* Faults that are planted on purpose, each to be found. */
#define PLANTS(X)                                                                                            \
	X(NOTHING, "nothing")                                                                                    \
	X(DOUBLE_CREDIT, "double-credit")            /* an abort pays twice */                                   \
	X(EVICT_IN_FLIGHT, "evict-in-flight")        /* a reload races a late abort */                           \
	X(UNPIN_EARLY, "unpin-early")                /* paid and let go before it is visible */                  \
	X(OWN_SNAPSHOT, "own-snapshot")              /* a loader sees its own uncommitted rows */                \
	X(EARLY_CREDIT, "early-credit")              /* credited when done, not when committed */                \
	X(GATE_IGNORED, "gate-ignored")              /* a counter is made while somebody is in the gate */       \
	X(CREDIT_NOT_RESTORED, "spent-not-restored") /* by a rollback to a savepoint */                          \
	X(NOT_ABANDONED, "not-abandoned")            /* a loader fails without a word: all others wait */        \
	X(COUNTED_TWICE, "counted-twice")            /* a row takes again what was taken for it */               \
	X(NO_ROW_LOCK, "no-row-lock")                /* in the gate, but without the lock */                     \
	X(SURVIVES_CRASH, "survives-crash")          /* counters outlive what was in flight */

typedef enum Plant
{
#define PLANT(name, text) PLANT_##name,
	PLANTS(PLANT)
#undef PLANT
		PLANT_COUNT
} Plant;

typedef struct Config
{
	int backends;
	int keys;
	int partitions;
	int counters;
} Config;

extern Config config;
extern Plant plant;
extern bool outcome; /* judge by what can be sold and bought alone, not by what counters say */
extern uint64_t seen[EVENT_COUNT];
extern uint64_t random_state;

/* Returns the next number of the sequence that the seed began (splitmix64). */
static inline uint64_t
draw(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Returns a number from 0 to just below the bound. */
static inline int
below(int bound)
{
	return (int) (((draw() >> 32) * (uint64_t) bound) >> 32);
}

/* Returns true once in so many times. */
static inline bool
once_in(int times)
{
	return below(times) == 0;
}

static inline void
saw(Event event)
{
	seen[event]++;
}

/* escrow.c: what is kept of the last steps, and the end of a run that found something. */
extern void note(int backend, const char *what, int key, int64_t amount);
extern void fail(const char *what, int key, int64_t got, int64_t wanted) __attribute__((noreturn));

/* shop.c */
typedef enum Change
{
	CHANGE_NONE,
	CHANGE_DELETE,
	CHANGE_ORDER,
} Change;

typedef enum Changed
{
	CHANGED,
	CHANGE_WAIT, /* another transaction in flight changes it */
	CHANGE_LOST, /* it is not there, or no longer what it was */
} Changed;

extern void shop_init(void);
extern int64_t shop_level(int key);
extern int64_t shop_view(int backend, int key);
extern uint32_t shop_storage(int backend, int key);
extern bool shop_fresh(int backend, int key);
extern bool shop_lock_table(int backend, int depth, int key, bool exclusive);
extern bool shop_lock_row(int backend, int depth, int key);
extern bool shop_insert(int backend, int depth, int key, int64_t amount);
extern int shop_pick(int key, uint64_t *serial);
extern Changed shop_change(int backend, int depth, int row, uint64_t serial, Change change, bool hold,
						   int64_t *amount);
extern void shop_adjust(int backend, int depth, int key, int64_t amount);
extern void shop_new_storage(int backend, int depth, int key, bool keep);
extern void shop_commit_depth(int backend, int depth);
extern void shop_abort_depth(int backend, int depth);
extern void shop_unlock_tables(int backend, int depth);
extern void shop_commit(int backend);

/* reference.c */
typedef enum OpKind
{
	OP_TAKE,   /* set apart for a row that is to be written */
	OP_WRITE,  /* a row that uses up */
	OP_GIVE,   /* a row that gives back */
	OP_SETTLE, /* what was set apart and not used comes back */
} OpKind;

/* What the live part of a transaction comes to. */
typedef struct Sums
{
	int64_t debit;
	int64_t credit;
	int64_t unwritten;
} Sums;

extern void reference_init(void);
extern void reference_op(int backend, int depth, OpKind kind, int key, int64_t amount);
extern int reference_ops(int backend);
extern const Sums *reference_sums(int backend, int key);
extern void reference_commit_depth(int backend, int depth);
extern void reference_abort_depth(int backend, int depth);
extern bool reference_commit(int backend);
extern void reference_paid(int backend);
extern void reference_crash(int backend);
extern int64_t reference_value(int key);
extern int64_t reference_pending(int key);
extern int64_t reference_available(int backend, int key);
extern int64_t reference_worst(int key);

#endif
