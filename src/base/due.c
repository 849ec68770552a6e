/*
 * due.c: which database is due when, in shared memory.
 *
 * Nothing that was said may be lost, and saying it must cost next to nothing, because every hold says when it ends.
 *
 * Said too early: were a hold's end made known when its row is written, a worker could come, see nothing because the
 * writer has not committed, and forget the time. So a transaction keeps the earliest time it was told of for itself
 * and makes it known when it has committed and its rows can be seen; PostgreSQL calls XACT_EVENT_COMMIT after that. A
 * prepared transaction commits in a session that knows nothing of it, and rows come by COPY or a restore that tell
 * nobody either: for those the launcher makes a round through all databases every hour.
 *
 * Said during a visit: a visit begins by exchanging next_due for "nothing", and only then looks at rows. Whatever is
 * said later is about rows the worker may not have seen, lowers next_due again, and stays there; the visit's own answer
 * is one more voice that can lower it, never raise it.
 *
 * Said to one who dies: beginning a visit also sets retry_at, which only a visit's regular end takes away. A worker
 * that is terminated, or whose database cannot be connected to, so leaves behind a time to try again, later from one
 * failure to the next. A worker killed by -9 resets all of shared memory: the launcher starts anew and visits everyone.
 *
 * Said while the launcher falls asleep: it first declares that it sleeps until the end of time, so that any word wakes
 * it, then reads the table, then declares until when it really sleeps. A word is either in the table when it is read,
 * or comes from one who sees a declaration later than its own time and sets the latch.
 *
 * Rows are found without a lock: a database's row never moves while anyone is connected to it, and only rows of dropped
 * databases are given away. The spinlock orders those who look for a free one.
 */
#include "base/due.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/xact.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#pragma GCC diagnostic pop

#define BACKOFF_FIRST (INT64CONST(10) * USECS_PER_SEC)
#define BACKOFF_LONGEST (INT64CONST(600) * USECS_PER_SEC)

typedef struct DueTable
{
	pg_atomic_uint64 launcher;     /* address of the launcher's latch, 0 where it does not run */
	pg_atomic_uint64 sleeps_until; /* words about later times need not wake it */
	pg_atomic_uint32 overflow;
	pg_atomic_uint32 crowded;
	slock_t lock; /* held to give rows away, and for no longer than it takes to look at all of them */
	DueDatabase rows[MAX_DUE_DATABASES];
} DueTable;

static DueTable *table = NULL;
static DueDatabase *own_row = NULL;
static TimestampTz kept = DT_NOEND; /* what this transaction will say when it commits */
static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

static TimestampTz
read_time(pg_atomic_uint64 *time)
{
	return (TimestampTz) pg_atomic_read_u64(time);
}

/* Lowers a time and returns whether it was later before. */
bool
commerce_due_lower(pg_atomic_uint64 *time, TimestampTz when)
{
	uint64 known = pg_atomic_read_u64(time);

	while (when < (TimestampTz) known)
		if (pg_atomic_compare_exchange_u64(time, &known, (uint64) when))
			return true;
	return false;
}

/* Returns whether there is a table at all: whether the library was preloaded. */
bool
commerce_due_shared(void)
{
	return table != NULL;
}

/* Returns row n of the table, in use or not. */
DueDatabase *
commerce_due_row(int n)
{
	return &table->rows[n];
}

/* Returns the row of a database, or NULL. */
DueDatabase *
commerce_due_find(Oid database)
{
	for (int i = 0; i < MAX_DUE_DATABASES; i++)
		if (pg_atomic_read_u32(&table->rows[i].database) == database)
			return &table->rows[i];
	return NULL;
}

/* Returns the flag that databases wait for a resident. */
pg_atomic_uint32 *
commerce_due_crowded(void)
{
	return &table->crowded;
}

/* Makes an unused row ready for its first database. */
static void
clear_row(DueDatabase *row)
{
	pg_atomic_write_u32(&row->visitor, 0);
	pg_atomic_write_u32(&row->failures, 0);
	pg_atomic_write_u64(&row->next_due, (uint64) DT_NOEND);
	pg_atomic_write_u64(&row->retry_at, (uint64) DT_NOEND);
	pg_atomic_write_u64(&row->visited, (uint64) DT_NOBEGIN);
	pg_atomic_write_u32(&row->resident.pid, 0);
	pg_atomic_write_u32(&row->resident.failures, 0);
	pg_atomic_write_u32(&row->resident.moot, 0);
	pg_atomic_write_u64(&row->resident.latch, 0);
	pg_atomic_write_u64(&row->resident.due, (uint64) DT_NOEND);
	for (int i = 0; i < MAX_CHORES; i++)
		row->chores[i] = (ChoreState){.not_before = DT_NOBEGIN};
}

/* Returns the row of a database, made where it has none; NULL where the table is full. */
DueDatabase *
commerce_due_attach(Oid database)
{
	DueDatabase *row = commerce_due_find(database);

	if (row != NULL)
		return row;
	SpinLockAcquire(&table->lock);
	row = commerce_due_find(database);
	if (row == NULL && (row = commerce_due_find(InvalidOid)) != NULL)
	{
		clear_row(row);
		pg_write_barrier();
		pg_atomic_write_u32(&row->database, database);
	}
	SpinLockRelease(&table->lock);
	if (row == NULL)
		pg_atomic_write_u32(&table->overflow, 1);
	return row;
}

/* Gives the row of a dropped database to others. */
void
commerce_due_detach(DueDatabase *row)
{
	pg_atomic_write_u32(&row->database, InvalidOid);
}

/* Returns whether a database had to go without a row since this was last asked. */
bool
commerce_due_overflow(void)
{
	return pg_atomic_exchange_u32(&table->overflow, 0) != 0;
}

/* Wakes the launcher where there is one. */
void
commerce_due_wake(void)
{
	Latch *latch = (Latch *) (uintptr_t) pg_atomic_read_u64(&table->launcher);

	if (latch != NULL)
		SetLatch(latch);
}

/* Wakes the launcher where it would sleep beyond a time. */
void
commerce_due_wake_for(TimestampTz when)
{
	if (when < read_time(&table->sleeps_until))
		commerce_due_wake();
}

/* Lowers the time at which a database is due. */
static void
say(DueDatabase *row, TimestampTz when)
{
	if (commerce_due_lower(&row->next_due, when))
		commerce_due_wake_for(when);
}

/* Returns the row of the database this process is connected to. */
DueDatabase *
commerce_due_own_row(void)
{
	if (own_row == NULL)
		own_row = commerce_due_attach(MyDatabaseId);
	return own_row;
}

/* Makes known that this database is due at a time. */
static void
make_known(TimestampTz when)
{
	if (commerce_due_own_row() != NULL)
		say(own_row, when);
}

/* Makes known at commit what the transaction kept, and forgets it in any case. Runs where an error would be a PANIC. */
static void
transaction_ends(XactEvent event, void *arg)
{
	TimestampTz when = kept;

	(void) arg;
	if (when == DT_NOEND ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	kept = DT_NOEND;
	if (event == XACT_EVENT_COMMIT)
		make_known(when);
}

/* Says that this database has work at a time; see due.h. */
void
commerce_chores_due(TimestampTz when)
{
	if (table == NULL || !OidIsValid(MyDatabaseId))
		return;
	if (!IsTransactionState())
		make_known(when);
	else if (when < kept)
		kept = when;
}

/* Says that this database has work now; see due.h. */
void
commerce_chores_now(void)
{
	commerce_chores_due(GetCurrentTimestamp());
}

/* Begins a visit: takes away what was said so far, and provides for the visit's never coming to its end. */
void
commerce_due_claim(DueDatabase *row, TimestampTz now)
{
	int failures = (int) pg_atomic_fetch_add_u32(&row->failures, 1) + 1;

	pg_atomic_write_u64(&row->retry_at, (uint64) (now + commerce_due_backoff(failures)));
	(void) pg_atomic_exchange_u64(&row->next_due, (uint64) DT_NOEND);
}

/* Ends a visit: the database is due again then, or earlier where others say so. */
void
commerce_due_finish(DueDatabase *row, TimestampTz next)
{
	pg_atomic_write_u64(&row->visited, (uint64) GetCurrentTimestamp());
	commerce_due_release(row, next);
}

/* Takes a claim back without a visit. */
void
commerce_due_release(DueDatabase *row, TimestampTz next)
{
	say(row, next);
	pg_atomic_write_u32(&row->failures, 0);
	pg_memory_barrier();
	pg_atomic_write_u64(&row->retry_at, (uint64) DT_NOEND);
}

/* Returns when the database is to be visited, DT_NOEND for not before somebody says so. */
TimestampTz
commerce_due_when(DueDatabase *row)
{
	TimestampTz retry_at = read_time(&row->retry_at);
	TimestampTz visited = read_time(&row->visited);
	TimestampTz when = read_time(&row->next_due);

	if (retry_at != DT_NOEND)
		return retry_at;
	/* A second between two visits: holds that end one after the other are swept together. */
	return visited == DT_NOBEGIN ? when : Max(when, visited + USECS_PER_SEC);
}

/* Returns how long to wait after so many failures in a row, in microseconds. */
int64
commerce_due_backoff(int failures)
{
	int64 wait = BACKOFF_FIRST;

	while (--failures > 0 && wait < BACKOFF_LONGEST)
		wait *= 2;
	return Min(wait, BACKOFF_LONGEST);
}

/* Forgets the latch of a launcher that ends. */
static void
launcher_leaves(int code, Datum arg)
{
	(void) code;
	(void) arg;
	pg_atomic_write_u64(&table->launcher, 0);
}

/* Begins the launcher's look at the table: whatever is said from here on wakes it. */
void
commerce_due_listen(void)
{
	if (pg_atomic_read_u64(&table->launcher) == 0)
	{
		on_shmem_exit(launcher_leaves, (Datum) 0);
		pg_atomic_write_u64(&table->launcher, (uint64) (uintptr_t) MyLatch);
	}
	(void) pg_atomic_exchange_u64(&table->sleeps_until, (uint64) DT_NOEND);
}

/* Ends it: words about later times need not wake the launcher. */
void
commerce_due_sleep_until(TimestampTz when)
{
	(void) pg_atomic_exchange_u64(&table->sleeps_until, (uint64) when);
}

/* Asks for the table's memory. */
static void
request_memory(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(DueTable)));
}

/* Makes the table, empty, when the server starts and whenever shared memory is reset. */
static void
make_table(void)
{
	bool found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	table = ShmemInitStruct("commerce: databases with chores", sizeof(DueTable), &found);
	if (!found)
	{
		pg_atomic_init_u64(&table->launcher, 0);
		pg_atomic_init_u64(&table->sleeps_until, (uint64) DT_NOEND);
		pg_atomic_init_u32(&table->overflow, 0);
		pg_atomic_init_u32(&table->crowded, 0);
		SpinLockInit(&table->lock);
		for (int i = 0; i < MAX_DUE_DATABASES; i++)
		{
			DueDatabase *row = &table->rows[i];

			pg_atomic_init_u32(&row->database, InvalidOid);
			pg_atomic_init_u32(&row->visitor, 0);
			pg_atomic_init_u32(&row->failures, 0);
			pg_atomic_init_u64(&row->next_due, 0);
			pg_atomic_init_u64(&row->retry_at, 0);
			pg_atomic_init_u64(&row->visited, 0);
			pg_atomic_init_u32(&row->resident.pid, 0);
			pg_atomic_init_u32(&row->resident.failures, 0);
			pg_atomic_init_u32(&row->resident.moot, 0);
			pg_atomic_init_u64(&row->resident.latch, 0);
			pg_atomic_init_u64(&row->resident.due, 0);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Asks for shared memory; called once, from _PG_init, and without effect where the library is not being preloaded. */
void
commerce_due_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = make_table;
	RegisterXactCallback(transaction_ends, NULL);
}
