/*
 * due.h: since when, or from when on, there is work for a background worker in which database.
 *
 * A table in shared memory, there only where the library is preloaded. Backends lower the time at which their database
 * is due and wake the launcher (launcher.c), which starts a worker that visits the database and does what is due there
 * (chores.c). due.c explains why nothing that was said is ever lost.
 */
#ifndef COMMERCE_BASE_DUE_H
#define COMMERCE_BASE_DUE_H

#include "base/pg.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "port/atomics.h"
#include "storage/latch.h"
#pragma GCC diagnostic pop

#define MAX_DUE_DATABASES 256
#define MAX_CHORES 24

/*
 * Say that this database has work at a time, or at once. In a transaction the word is kept until it commits, so that
 * the worker finds what it is sent for; an abort takes it back. In a commit callback, or where there is no transaction,
 * it goes out at once. Costs one comparison, and one atomic read at commit where an earlier time is known already. Never
 * raises an error and allocates nothing: atomics, a spinlock, SetLatch.
 */
extern void commerce_chores_due(TimestampTz when);
extern void commerce_chores_now(void);

/* What follows is for the launcher and its workers. */

/* How one chore went in one database. Only the worker there writes it. */
typedef struct ChoreState
{
	TimestampTz not_before; /* it is not run earlier, whoever says that there is work */
	int failures;           /* in a row */
	int sqlstate;           /* of the last failure, 0 after a success */
} ChoreState;

/* The process that stays in one database as long as it has something to do there (resident.h). */
typedef struct Resident
{
	pg_atomic_uint32 pid;      /* 0: there is none */
	pg_atomic_uint32 failures; /* how many in a row did not leave of their own accord */
	pg_atomic_uint32 moot;     /* 1: it has said that there is nothing for it to do here */
	pg_atomic_uint64 latch;    /* address of its latch */
	pg_atomic_uint64 due;      /* when it is wanted next; DT_NOEND: nobody has said so */
} Resident;

/* A database in the table. */
typedef struct DueDatabase
{
	pg_atomic_uint32 database; /* InvalidOid: free */
	pg_atomic_uint32 visitor;  /* pid of the worker that is there, 0 for none */
	pg_atomic_uint32 failures; /* visits in a row that did not come to their end */
	pg_atomic_uint64 next_due; /* what was said since the last visit began; DT_NOEND: nothing */
	pg_atomic_uint64 retry_at; /* set while a visit is under way: when to come again if it does not end */
	pg_atomic_uint64 visited;  /* when the last visit ended, DT_NOBEGIN for never */
	Resident resident;
	ChoreState chores[MAX_CHORES];
} DueDatabase;

extern void commerce_due_init(void);

/* Returns whether there is a table at all: whether the library was preloaded. */
extern bool commerce_due_shared(void);

/* Returns row n of the table, in use or not. */
extern DueDatabase *commerce_due_row(int n);

/* Returns the row of a database, NULL where it has none; attach makes one, unless the table is full. */
extern DueDatabase *commerce_due_find(Oid database);
extern DueDatabase *commerce_due_attach(Oid database);

/* Returns the row of the database this process is connected to, made where it has none; NULL where the table is full. */
extern DueDatabase *commerce_due_own_row(void);

/* A flag of the table: databases wait for a resident and cannot have one before another leaves. */
extern pg_atomic_uint32 *commerce_due_crowded(void);

/* Lowers a time of the table; returns whether it was later before, and wakes the launcher where it sleeps longer. */
extern bool commerce_due_lower(pg_atomic_uint64 *time, TimestampTz when);
extern void commerce_due_wake_for(TimestampTz when);

/* Gives the row of a dropped database to others. */
extern void commerce_due_detach(DueDatabase *row);

/* Returns whether a database had to go without a row since this was last asked. */
extern bool commerce_due_overflow(void);

/* Begins a visit: takes away what was said so far, and provides for the visit's never coming to its end. */
extern void commerce_due_claim(DueDatabase *row, TimestampTz now);

/* Ends a visit: the database is due again then, or earlier where others say so. */
extern void commerce_due_finish(DueDatabase *row, TimestampTz next);

/* Takes the claim back where the visit cannot be made now. */
extern void commerce_due_release(DueDatabase *row, TimestampTz next);

/* Returns when the database is to be visited, DT_NOEND for not before somebody says so. */
extern TimestampTz commerce_due_when(DueDatabase *row);

/* Returns how long to wait after so many failures in a row, in microseconds: from 10 seconds up to 10 minutes. */
extern int64 commerce_due_backoff(int failures);

/* The launcher's sleep: from here on every earlier word wakes it; then, until which time it sleeps. */
extern void commerce_due_listen(void);
extern void commerce_due_sleep_until(TimestampTz when);

/* Wakes the launcher where there is one. */
extern void commerce_due_wake(void);

#endif
