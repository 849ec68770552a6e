/*
 * resident.c: being told that there is work, and coming back.
 *
 * While a resident is there, a word sets its latch, so that it takes up work the moment it is committed. Where none is
 * there, a word wakes the launcher, which sends one. One who leaves says so before the launcher looks at the table
 * again, so a word that was said to it in that moment is found there.
 *
 * Of most shops nobody wants to hear anything; there a commit must not send a process that finds nothing to do, time and
 * again. So a resident that finds nothing to do at all leaves a note, which only a word of the other sort takes away:
 * that there is something now.
 */
#include "base/resident.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/xact.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#pragma GCC diagnostic pop

typedef enum Word
{
	WORD_NONE,
	WORD_WANTED,
	WORD_WANTED_ANEW,
} Word;

static Word kept = WORD_NONE; /* what this transaction will say when it commits */
static bool left = false;     /* the resident left of its own accord */

/* Lowers the time at which a resident is wanted and tells who has to know. */
static void
want(DueDatabase *row, TimestampTz when)
{
	Latch *latch;

	/* Where somebody has said so before, he has told, or is about to. */
	if (!commerce_due_lower(&row->resident.due, when))
		return;
	pg_memory_barrier();
	if (pg_atomic_read_u32(&row->resident.pid) == 0)
	{
		commerce_due_wake_for(when);
		return;
	}
	latch = (Latch *) (uintptr_t) pg_atomic_read_u64(&row->resident.latch);
	if (latch != NULL)
		SetLatch(latch);
}

/* Says it. */
static void
say(Word word)
{
	DueDatabase *row = commerce_due_own_row();

	if (row == NULL)
		return;
	if (word == WORD_WANTED_ANEW)
		commerce_resident_is_moot(row, false);
	else if (pg_atomic_read_u32(&row->resident.moot) != 0)
		return;
	want(row, GetCurrentTimestamp());
}

/* Keeps a word until the transaction commits. */
static void
keep(Word word)
{
	if (!commerce_due_shared() || !OidIsValid(MyDatabaseId))
		return;
	if (!IsTransactionState())
		say(word);
	else if (word > kept)
		kept = word;
}

/* Says that there is work. */
void
commerce_resident_wanted(void)
{
	keep(WORD_WANTED);
}

/* Says that there is something to do here, where there may have been nothing. */
void
commerce_resident_wanted_anew(void)
{
	keep(WORD_WANTED_ANEW);
}

/* Says that there is work at a time. */
void
commerce_resident_wanted_at(TimestampTz when)
{
	DueDatabase *row = commerce_due_shared() ? commerce_due_own_row() : NULL;

	if (row != NULL && when != DT_NOEND)
	{
		commerce_resident_is_moot(row, false);
		want(row, when);
	}
}

/* Says at commit what the transaction kept, and forgets it in any case. Runs where an error would be a PANIC. */
static void
transaction_ends(XactEvent event, void *arg)
{
	Word word = kept;

	(void) arg;
	if (word == WORD_NONE ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	kept = WORD_NONE;
	if (event == XACT_EVENT_COMMIT)
		say(word);
}

/* Registers what happens at commit. */
void
commerce_resident_init(void)
{
	RegisterXactCallback(transaction_ends, NULL);
}

/* Returns when a resident is to be sent to a database. */
TimestampTz
commerce_resident_due(DueDatabase *row)
{
	if (pg_atomic_read_u32(&row->resident.pid) != 0)
		return DT_NOEND;
	return (TimestampTz) pg_atomic_read_u64(&row->resident.due);
}

/* Notes that one was sent, and provides for its never coming, or coming to nothing. */
void
commerce_resident_sent(DueDatabase *row, TimestampTz now)
{
	int failures = (int) pg_atomic_fetch_add_u32(&row->resident.failures, 1) + 1;

	pg_atomic_write_u64(&row->resident.due, (uint64) (now + commerce_due_backoff(failures)));
}

/* Notes that none could be sent. */
void
commerce_resident_not_sent(DueDatabase *row, TimestampTz again)
{
	commerce_resident_works(row);
	(void) commerce_due_lower(&row->resident.due, again);
}

/* Notes whether databases wait for a resident. */
void
commerce_resident_others_wait(bool waiting)
{
	pg_atomic_write_u32(commerce_due_crowded(), waiting);
}

/* Returns whether another database waits for this resident to leave. */
bool
commerce_resident_is_waited_for(void)
{
	return pg_atomic_read_u32(commerce_due_crowded()) != 0;
}

/* Says that no resident is here, when this one ends in whatever way. */
static void
resident_ends(int code, Datum argument)
{
	DueDatabase *row = (DueDatabase *) DatumGetPointer(argument);

	(void) code;
	if (!left)
		(void) commerce_due_lower(
			&row->resident.due, GetCurrentTimestamp() + commerce_due_backoff((int) Max(
															pg_atomic_read_u32(&row->resident.failures), 1)));
	pg_atomic_write_u32(&row->resident.pid, 0);
	pg_memory_barrier();
	commerce_due_wake();
}

/* Says that a resident is here; what was said before, it will see when it looks for work. */
void
commerce_resident_arrive(DueDatabase *row)
{
	pg_atomic_write_u64(&row->resident.latch, (uint64) (uintptr_t) MyLatch);
	pg_atomic_write_u32(&row->resident.pid, (uint32) MyProcPid);
	(void) pg_atomic_exchange_u64(&row->resident.due, (uint64) DT_NOEND);
	before_shmem_exit(resident_ends, PointerGetDatum(row));
}

/* Returns whether there is said to be work, and forgets it. */
bool
commerce_resident_is_wanted(DueDatabase *row)
{
	if ((TimestampTz) pg_atomic_read_u64(&row->resident.due) > GetCurrentTimestamp())
		return false;
	(void) pg_atomic_exchange_u64(&row->resident.due, (uint64) DT_NOEND);
	return true;
}

/* Forgets earlier failures. */
void
commerce_resident_works(DueDatabase *row)
{
	pg_atomic_write_u32(&row->resident.failures, 0);
}

/* Notes whether there is nothing at all to do here. */
void
commerce_resident_is_moot(DueDatabase *row, bool moot)
{
	(void) pg_atomic_exchange_u32(&row->resident.moot, moot);
}

/* Leaves of its own accord. */
void
commerce_resident_leaves(DueDatabase *row, TimestampTz next)
{
	left = true;
	pg_atomic_write_u32(&row->resident.failures, 0);
	(void) commerce_due_lower(&row->resident.due, next);
}
