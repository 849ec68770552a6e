/*
 * chores.c: one visit of a background worker to one database.
 *
 * The worker connects, does what is due, says when to come again, and ends: a connection that stayed would keep everyone
 * from dropping, renaming or copying the database. While a batch runs it holds the lock that each connection takes for
 * a moment, so that who wants the database for himself waits for the batch; before each batch it looks whether someone
 * does, and leaves.
 *
 * It connects as the superuser that made the cluster, the only role certain to be there, and becomes the shop's owner
 * for the whole of each transaction, commit included: a deferred trigger that somebody put on a table of the shop runs
 * at commit, and must not find itself a superuser.
 */
#include "base/chores.h"

#include "base/owner.h"
#include "base/ready.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#pragma GCC diagnostic pop

/* How long one chore may go on with full batches before the others, and other databases, have their turn. */
#define TURN (INT64CONST(5) * USECS_PER_SEC)

/*
 * How long one chore waits for a lock, a table's above all: somebody who forgot his transaction holds up what he has
 * locked, and not all other chores, and other databases, behind it. The chore has failed then, and is tried again.
 */
#define LOCK_PATIENCE "5s"

static const CommerceChore *chores[MAX_CHORES];
static int chore_count = 0;

/* Adds a chore to those of every visit. */
void
commerce_register_chore(const CommerceChore *chore)
{
	if (chore_count == MAX_CHORES)
		elog(ERROR, "too many chores");
	chores[chore_count++] = chore;
}

/* Returns the name of chore n, NULL for none. */
const char *
commerce_chore_name(int n)
{
	return n < chore_count ? chores[n]->name : NULL;
}

/* Returns the one timestamptz that a statement answers with, DT_NOEND for NULL or no row. */
TimestampTz
commerce_chore_ask(SavedPlan *question)
{
	if (commerce_run(question, PLAN_WRITES, NULL, NULL) == 0)
		return DT_NOEND;
	return DatumGetTimestampTz(commerce_value_or(0, 1, TimestampTzGetDatum(DT_NOEND)));
}

/* Returns whether no one wants the database for himself, as DROP DATABASE does; until commit, he has to wait. */
bool
commerce_enter_database(Oid database)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
	return LockAcquire(&tag, RowExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Runs one batch of a chore in a transaction of its own. Returns its answer; with *welcome false where nothing was done
 * because somebody wants the database for himself.
 */
static TimestampTz
run_batch(const CommerceChore *chore, bool *welcome)
{
	TimestampTz answer = DT_NOEND;
	OwnerScope scope;

	StartTransactionCommand();
	*welcome = commerce_enter_database(MyDatabaseId);
	if (!*welcome)
	{
		CommitTransactionCommand();
		return DT_NOEND;
	}
	commerce_enter_owner(&scope);
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	answer = chore->run();
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	/* Commit has put search_path back and leaves the user as he is. */
	SetUserIdAndSecContext(scope.user, scope.security_context);
	return answer;
}

/* Ends the transaction in which a chore failed and logs why: without detail and context, which may hold rows. */
static void
fail(const CommerceChore *chore, ChoreState *state, MemoryContext context)
{
	ErrorData *error;
	int64 wait;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	AbortCurrentTransaction();
	MemoryContextSwitchTo(context);
	RESUME_INTERRUPTS();

	state->failures++;
	state->sqlstate = error->sqlerrcode;
	wait = commerce_due_backoff(state->failures);
	state->not_before = GetCurrentTimestamp() + wait;
	/* The worker has no client: what would be the client's error is the log's warning. */
	StartTransactionCommand();
	ereport(WARNING, (errcode(error->sqlerrcode),
					  errmsg("commerce worker: %s in database \"%s\" failed: %s", chore->name,
							 get_database_name(MyDatabaseId), error->message),
					  errdetail("SQLSTATE %s, failure number %d in a row. It is tried again in " INT64_FORMAT
								" seconds.",
								unpack_sql_state(error->sqlerrcode), state->failures, wait / USECS_PER_SEC)));
	CommitTransactionCommand();
	FreeErrorData(error);
}

/* Runs a chore until it has no full batch left or its turn is over, and returns when it has work again. */
static TimestampTz
run_chore(const CommerceChore *chore, ChoreState *state, bool *welcome)
{
	MemoryContext context = CurrentMemoryContext;
	TimestampTz begin = GetCurrentTimestamp();
	volatile TimestampTz answer = DT_NOBEGIN;
	char activity[NAMEDATALEN * 2];

	if (begin < state->not_before)
		return state->not_before;
	snprintf(activity, sizeof(activity), "commerce worker: %s", chore->name);
	PG_TRY();
	{
		while (answer == DT_NOBEGIN && *welcome && GetCurrentTimestamp() < begin + TURN)
		{
			CHECK_FOR_INTERRUPTS();
			SetCurrentStatementStartTimestamp();
			pgstat_report_activity(STATE_RUNNING, activity);
			answer = run_batch(chore, welcome);
			MemoryContextSwitchTo(context);
		}
		state->failures = 0;
		state->sqlstate = 0;
		state->not_before = chore->timed && *welcome ? answer : DT_NOBEGIN;
	}
	PG_CATCH();
	{
		fail(chore, state, context);
		answer = state->not_before;
	}
	PG_END_TRY();
	pgstat_report_activity(STATE_IDLE, NULL);
	pgstat_report_stat(true);
	return *welcome ? answer : DT_NOBEGIN;
}

/* Says that no worker is here, when this one ends in whatever way. */
static void
worker_leaves(int code, Datum row)
{
	(void) code;
	pg_atomic_write_u32(&((DueDatabase *) DatumGetPointer(row))->visitor, 0);
	commerce_due_wake();
}

/* Returns this database's row in the table, claimed for this visit; NULL where there is no shop, or no row left. */
static DueDatabase *
begin_visit(void)
{
	DueDatabase *row = NULL;

	StartTransactionCommand();
	if (OidIsValid(get_extension_oid("commerce", true)) && commerce_shop_exists())
		row = commerce_due_attach(MyDatabaseId);
	CommitTransactionCommand();
	if (row == NULL)
		return NULL;
	if ((TimestampTz) pg_atomic_read_u64(&row->retry_at) == DT_NOEND)
		commerce_due_claim(row, GetCurrentTimestamp());
	pg_atomic_write_u32(&row->visitor, (uint32) MyProcPid);
	before_shmem_exit(worker_leaves, PointerGetDatum(row));
	return row;
}

/* Does what is due, and says when to come again. */
static void
visit(DueDatabase *row)
{
	TimestampTz next = DT_NOEND;
	bool welcome = true;

	for (int i = 0; i < chore_count; i++)
	{
		TimestampTz answer = run_chore(chores[i], &row->chores[i], &welcome);

		next = Min(next, answer == DT_NOBEGIN ? GetCurrentTimestamp() : answer);
	}
	commerce_due_finish(row, next);
}

/* Makes the session's settings those that background work is written for. */
void
commerce_settle_settings(const char *application)
{
	const char *const settings[][2] = {
		{"application_name", application},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"session_replication_role", "origin"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"transaction_timeout", "0"}, /* from 17 on */
		{"search_path", "pg_catalog, pg_temp"},
		/* What it runs is short; compiling it takes a hundred times as long. */
		{"jit", "off"},
	};

	for (size_t i = 0; i < lengthof(settings); i++)
		if (GetConfigOption(settings[i][0], true, false) != NULL)
			SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

/* The worker: visits the database whose OID is its argument, does all chores, and ends. */
void
commerce_worker_main(Datum database)
{
	DueDatabase *row;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(database), InvalidOid, 0);
	commerce_settle_settings("commerce worker");
	SetConfigOption("lock_timeout", LOCK_PATIENCE, PGC_SUSET, PGC_S_OVERRIDE);
	row = begin_visit();
	if (row != NULL)
		visit(row);
	proc_exit(0);
}
