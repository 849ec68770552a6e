/*
 * launcher.c: sends workers to databases.
 *
 * The launcher is connected to no database, so that it is in no one's way, and sleeps until one is due (due.c). It
 * starts when recovery is over: not on a standby, but there once it is promoted. When it starts, and every hour after
 * that, it makes a round: each database that accepts connections is visited once, to find what was due before a restart,
 * and what came by ways that tell nobody. Only a worker can see whether there is a shop in a database.
 *
 * Workers come, do what is due and leave. Besides them a database may have one resident, which stays while it has
 * something to do (resident.c); it is sent the same way, and is no visit.
 *
 * What the launcher knows it reads from the table in shared memory, so that it may die and begin anew: workers that its
 * predecessor sent go on, and are seen there.
 */
#include "base/launcher.h"

#include "base/chores.h"
#include "base/due.h"
#include "base/resident.h"
#include "base/settings.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/heapam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"
#pragma GCC diagnostic pop

#define ROUND_EVERY (INT64CONST(3600) * USECS_PER_SEC)
#define RETRY_EVERY (INT64CONST(1) * USECS_PER_SEC)
#define LONGEST_SLEEP 60000L /* milliseconds */
#define RESTART_SECONDS 5

/* A process that this launcher has started. */
typedef struct Job
{
	Oid database; /* InvalidOid: none */
	BackgroundWorkerHandle *handle;
} Job;

/* What may be sent to a database. */
typedef struct Staff
{
	const char *name;
	const char *function;
	int count;
	Job *jobs;
} Staff;

static Staff workers = {"commerce worker", "commerce_worker_main", COMMERCE_MAX_WORKERS,
						(Job[COMMERCE_MAX_WORKERS]){{0}}};
static Staff residents = {"commerce sender", "commerce_sender_main", COMMERCE_MAX_SENDERS,
						  (Job[COMMERCE_MAX_SENDERS]){{0}}};
static List *round_left = NIL; /* databases that this round has not visited yet */
static TimestampTz next_round = DT_NOBEGIN;
static TimestampTz not_before = DT_NOBEGIN; /* when to try again after a worker could not be started */

/*
 * Returns the databases there are, and of those the ones to visit: which accept connections and are no templates. Needs
 * a transaction; the lists live in the context.
 */
static List *
list_databases(List **to_visit, MemoryContext context)
{
	List *all = NIL;
	MemoryContext before = MemoryContextSwitchTo(context);
	Relation relation = table_open(DatabaseRelationId, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(relation, 0, NULL);
	HeapTuple tuple;

	*to_visit = NIL;
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		all = lappend_oid(all, database->oid);
		/* A connection limit of -2 marks one whose DROP was interrupted. */
		if (database->datallowconn && !database->datistemplate && database->datconnlimit >= -1)
			*to_visit = lappend_oid(*to_visit, database->oid);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	MemoryContextSwitchTo(before);
	return all;
}

/*
 * Begins a round, and gives the rows of dropped databases to others. The rows are read first: whoever made one was
 * connected, so a database that is missing from the list read afterwards is gone, and nobody connected to it.
 */
static void
begin_round(TimestampTz now)
{
	Oid databases[MAX_DUE_DATABASES];
	List *all;

	for (int i = 0; i < MAX_DUE_DATABASES; i++)
		databases[i] = pg_atomic_read_u32(&commerce_due_row(i)->database);
	list_free(round_left);
	StartTransactionCommand();
	all = list_databases(&round_left, TopMemoryContext);
	CommitTransactionCommand();
	for (int i = 0; i < MAX_DUE_DATABASES; i++)
		if (OidIsValid(databases[i]) && !list_member_oid(all, databases[i]))
			commerce_due_detach(commerce_due_row(i));
	list_free(all);
	next_round = now + ROUND_EVERY;
}

/* Returns the job that somebody has in the database, or, for InvalidOid, one that is free; NULL where there is none. */
static Job *
find_job(const Staff *staff, Oid database)
{
	for (int i = 0; i < staff->count; i++)
		if (staff->jobs[i].database == database)
			return &staff->jobs[i];
	return NULL;
}

/* Frees the jobs of those who have ended and returns how many are under way. */
static int
running_jobs(const Staff *staff)
{
	int running = 0;

	for (int i = 0; i < staff->count; i++)
	{
		Job *job = &staff->jobs[i];
		pid_t pid;

		if (!OidIsValid(job->database))
			continue;
		if (GetBackgroundWorkerPid(job->handle, &pid) == BGWH_STOPPED)
		{
			pfree(job->handle);
			*job = (Job){.database = InvalidOid};
		}
		else
			running++;
	}
	return running;
}

/* Returns whether a worker is in the database, or on its way there, whoever sent it. */
static bool
is_visited(Oid database, DueDatabase *row)
{
	return find_job(&workers, database) != NULL || (row != NULL && pg_atomic_read_u32(&row->visitor) != 0);
}

/* Returns the database that is due first, and when; InvalidOid where none ever is. */
static Oid
first_due(TimestampTz *when)
{
	Oid first = InvalidOid;

	*when = DT_NOEND;
	for (int i = 0; i < MAX_DUE_DATABASES; i++)
	{
		DueDatabase *row = commerce_due_row(i);
		Oid database = pg_atomic_read_u32(&row->database);

		if (OidIsValid(database) && !is_visited(database, row) && commerce_due_when(row) < *when)
		{
			first = database;
			*when = commerce_due_when(row);
		}
	}
	return first;
}

/*
 * Returns whether a worker may go to the database: it is there and open to it, and nobody wants it for himself. A worker
 * sent to one that is being dropped or copied would wait at its door, and be in the way of the other databases.
 */
static bool
may_visit(Oid database)
{
	List *to_visit;
	bool may;

	StartTransactionCommand();
	(void) list_databases(&to_visit, CurTransactionContext);
	may = list_member_oid(to_visit, database) && commerce_enter_database(database);
	CommitTransactionCommand();
	return may;
}

/* Starts somebody in a database; returns false where the server has no room for one. */
static bool
start_process(const Staff *staff, Oid database)
{
	static bool complained = false;
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "commerce",
		.bgw_main_arg = ObjectIdGetDatum(database),
		.bgw_notify_pid = MyProcPid,
	};
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
	BackgroundWorkerHandle *handle = NULL;
	bool started;

	strlcpy(worker.bgw_name, staff->name, BGW_MAXLEN);
	strlcpy(worker.bgw_type, staff->name, BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, staff->function, sizeof(worker.bgw_function_name));
	started = RegisterDynamicBackgroundWorker(&worker, &handle);
	MemoryContextSwitchTo(before);
	if (started)
		*find_job(staff, InvalidOid) = (Job){.database = database, .handle = handle};
	else if (!complained)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("commerce launcher: no slot is free for a background worker"),
				 errhint("Raise max_worker_processes, which counts the launcher, commerce.workers and "
						 "commerce.senders, too.")));
	complained = !started;
	return started;
}

/* Sends a worker to the database; where that is not possible, provides for a later try. */
static void
send_worker(Oid database, TimestampTz now)
{
	DueDatabase *row = commerce_due_find(database);

	if (row != NULL)
		commerce_due_claim(row, now);
	if (!may_visit(database) || start_process(&workers, database))
		return;
	if (row != NULL)
		commerce_due_release(row, now);
	else
		round_left = lappend_oid(round_left, database);
	not_before = now + RETRY_EVERY;
}

/* Sends workers to all that are due, as far as there may be more of them; returns when to look again. */
static TimestampTz
send_workers(TimestampTz now)
{
	TimestampTz due = DT_NOEND;

	/* With all workers under way, the end of one is what wakes the launcher. */
	while (running_jobs(&workers) < commerce_workers)
	{
		Oid database = InvalidOid;

		if (now < not_before)
			return not_before;
		/* Those of the round come first: they have waited since the server started. */
		while (!OidIsValid(database) && round_left != NIL)
		{
			database = linitial_oid(round_left);
			round_left = list_delete_first(round_left);
			if (is_visited(database, commerce_due_find(database)))
				database = InvalidOid;
		}
		if (!OidIsValid(database))
			database = first_due(&due);
		if (!OidIsValid(database) || (due != DT_NOEND && due > now))
			return due;
		send_worker(database, now);
	}
	return DT_NOEND;
}

/* Sends residents to where they are wanted, as far as there may be more of them; returns when to look again. */
static TimestampTz
send_residents(TimestampTz now)
{
	TimestampTz next = DT_NOEND;
	int allowed = commerce_workers > 0 ? commerce_senders : 0;
	int running = running_jobs(&residents);
	bool wanting = false;

	for (int i = 0; i < MAX_DUE_DATABASES; i++)
	{
		DueDatabase *row = commerce_due_row(i);
		Oid database = pg_atomic_read_u32(&row->database);
		TimestampTz due = commerce_resident_due(row);

		if (!OidIsValid(database) || due == DT_NOEND || find_job(&residents, database) != NULL)
			continue;
		if (due > now)
			next = Min(next, due);
		else if (running >= allowed)
			wanting = true; /* the end of one is what wakes the launcher */
		else if (now < not_before)
			next = Min(next, not_before);
		else if (!may_visit(database))
			next = Min(next, now + RETRY_EVERY);
		else
		{
			commerce_resident_sent(row, now);
			if (start_process(&residents, database))
				running++;
			else
			{
				not_before = now + RETRY_EVERY;
				commerce_resident_not_sent(row, not_before);
				next = Min(next, not_before);
			}
		}
	}
	commerce_resident_others_wait(wanting);
	return next;
}

/* Sleeps until a time, but not for long at once, because the clock may be set; or until something happens. */
static void
sleep_until(TimestampTz when)
{
	long wait = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), Min(when, next_round));

	commerce_due_sleep_until(when);
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min(wait, LONGEST_SLEEP),
					 PG_WAIT_EXTENSION);
}

/* Ends the launcher when it was asked to: quietly, and with the status that makes the postmaster start it again. */
static void
obey_signals(void)
{
	if (ProcDiePending)
		proc_exit(1);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* The launcher. */
void
commerce_launcher_main(Datum arg)
{
	bool complained = false;

	(void) arg;
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("commerce launcher");
	for (;;)
	{
		TimestampTz now;
		TimestampTz next;

		ResetLatch(MyLatch);
		obey_signals();
		commerce_due_listen();
		now = GetCurrentTimestamp();
		if (now >= next_round)
			begin_round(now);
		if (commerce_due_overflow() && !complained)
		{
			complained = true;
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("commerce launcher: more than %d databases have a shop", MAX_DUE_DATABASES),
					 errdetail("In the others nothing runs in the background but once an hour.")));
		}
		next = send_residents(now);
		sleep_until(Min(next, send_workers(now)));
	}
}

/*
 * Registers the launcher; called once, from _PG_init, and without effect where the library is not being preloaded. Nor
 * under pg_upgrade: it has noted the old server's next transaction number by then, so what a worker wrote would be lost
 * or, worse, taken for another transaction's.
 */
void
commerce_launcher_init(void)
{
	BackgroundWorker launcher = {
		.bgw_name = "commerce launcher",
		.bgw_type = "commerce launcher",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = RESTART_SECONDS,
		.bgw_library_name = "commerce",
		.bgw_function_name = "commerce_launcher_main",
	};

	if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade)
		RegisterBackgroundWorker(&launcher);
}
