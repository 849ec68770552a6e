/*
 * engine.c: the counters in a server: which transaction is acting, how it comes to a counter, and what happens to it at
 * the end.
 *
 * The pure core (counters.c, ledger.c, touch.c) has the algorithm and says why it is right; test/model checks it. This
 * file brings what the core leaves open:
 *
 * - The key. A counter belongs to the storage of two tables. Both are locked as for writing before the storage is
 *   looked at and until the transaction ends, so TRUNCATE, which needs them for itself, comes before or after a whole
 *   transaction. Storage that this transaction has made itself has no counters: nobody else sees the table.
 * - The snapshot of a load: everything committed by now, and nothing of the transaction's own, whose changes its ledger
 *   has already. A load waits for no lock that another session could hold while it waits for the load, because nobody
 *   would notice that circle: the tables it reads are locked before it is claimed.
 * - The end. The server calls back after a commit or abort is visible to new snapshots and before it releases locks. At
 *   that point nothing may fail, so what the ledger does there is arithmetic on memory it has. A killed backend never
 *   gets there: the postmaster then resets shared memory, and all counters with it.
 * - PREPARE TRANSACTION is refused: nobody is called back at COMMIT PREPARED. One prepared before the server came up
 *   with this library may have changed rows, so while it lives no counter of those tables is loaded.
 */
#include "escrow/shared.h"

#include "base/due.h"
#include "base/plan.h"
#include "escrow/touch.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/table.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/rel.h"
#include "utils/wait_event.h"
#pragma GCC diagnostic pop

bool commerce_escrow_on = false;

static Ledger ledger;

/* The counter this process has claimed and not loaded yet, NULL for none, and the subtransaction that has. */
static Counter *loading = NULL;
static SubTransactionId loading_in;

/* How many counters this transaction has loaded. One that touches more rows than this throws nobody else's out. */
static int loads = 0;
#define MAX_LOADS 1000

/* Several takes are under way. Their level is innermost, and none of the server's. */
static bool together = false;
#define TOGETHER InvalidSubTransactionId

/* Returns the level that acts. */
static uint32
level(void)
{
	return together ? TOGETHER : GetCurrentSubTransactionId();
}

/* Lends the ledger memory that outlives transactions. */
static void *
grow(void *memory, size_t size)
{
	return memory ? repalloc_huge(memory, size)
				  : MemoryContextAllocExtended(TopMemoryContext, size, MCXT_ALLOC_HUGE);
}

/* Makes the ledger of this process, once. */
static void
require_ledger(void)
{
	EscrowProcess *process = &commerce_escrow_shared.processes[commerce_my_process()];

	if (ledger.table != NULL)
		return;
	commerce_ledger_init(&ledger, commerce_escrow_shared.table, ESCROW_PARTITIONS, grow);
	process->pid = MyProcPid;
	process->mirror.accounts = 0;
	ledger.mirror = &process->mirror;
}

/* Gives a claimed counter up, if there is one, and lets those who wait for it try themselves. */
static void
give_up_load(void)
{
	Counter *counter = loading;

	if (counter == NULL)
		return;
	loading = NULL;
	commerce_counter_abandon(counter);
	ConditionVariableBroadcast(&commerce_escrow_shared.loaded[commerce_counters_partition_at(
		ledger.table, commerce_counters_number(ledger.table, counter))]);
}

/* Ends the transaction's dealings with counters. */
static void
finish(bool committed)
{
	together = false;
	loads = 0;
	give_up_load();
	if (commerce_ledger_busy(&ledger) && commerce_ledger_finish(&ledger, committed))
		commerce_chores_now();
}

/* Is told by the server how transactions end. */
static void
transaction_ends(XactEvent event, void *arg)
{
	(void) arg;
	if (ledger.table == NULL)
		return;
	if (event == XACT_EVENT_PRE_PREPARE && commerce_ledger_busy(&ledger))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot PREPARE a transaction that has changed stock or claims"),
						errhint("Commit it, or do without shared_preload_libraries = 'commerce', where rows "
								"are locked instead.")));
	if (event == XACT_EVENT_COMMIT)
		finish(true);
	else if (event == XACT_EVENT_ABORT)
		finish(false);
}

/* Is told by the server how subtransactions end. */
static void
subtransaction_ends(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	(void) arg;
	if (ledger.table == NULL)
		return;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		commerce_ledger_commit_level(&ledger, mine, parent);
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		/* An inner one, of a function in an index or a policy of the tables, leaves the load as it is. */
		if (mine == loading_in)
			give_up_load();
		commerce_ledger_abort_level(&ledger, TOGETHER);
		together = false;
		commerce_ledger_abort_level(&ledger, mine);
	}
}

/* Starts the engine where the library is preloaded; called once, from _PG_init. */
void
commerce_escrow_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	commerce_escrow_on = true;
	commerce_escrow_shared_init();
	RegisterXactCallback(transaction_ends, NULL);
	RegisterSubXactCallback(subtransaction_ends, NULL);
}

/*
 * Returns whether this transaction made the storage of a table. TRUNCATE empties such storage where it is instead of
 * replacing it, also that of a table made by the very transaction.
 */
static bool
storage_is_new(Relation table)
{
	return table->rd_createSubid != InvalidSubTransactionId || commerce_storage_is_swapped(table);
}

/* Locks a table as for writing; returns its storage, or 0 where it can have no counters now. */
static uint32
storage_of(const char *name)
{
	Oid relid = get_relname_relid(name, get_namespace_oid("commerce", false));
	Relation table;
	uint32 storage;

	if (!OidIsValid(relid))
		return 0;
	table = table_open(relid, RowExclusiveLock);
	storage = table->rd_rel->relkind == RELKIND_RELATION && !storage_is_new(table)
				  ? commerce_storage_number(table)
				  : 0;
	table_close(table, NoLock);
	return storage;
}

/* Fills in the key of a name. */
bool
commerce_escrow_key(const EscrowSpace *space, const char *name, int length, CounterKey *key)
{
	uint32 storage[2] = {storage_of(space->tables[0]), storage_of(space->tables[1])};

	if (storage[0] == 0 || storage[1] == 0 || length > COUNTER_NAME_MAX)
		return false;
	commerce_counter_key(key, MyDatabaseId, storage, name, length);
	return true;
}

/* Returns whether a transaction that was prepared before the server started has a hand on the table. */
static bool
held_by_prepared(const char *name)
{
	Oid relid = get_relname_relid(name, get_namespace_oid("commerce", false));
	LOCKTAG tag;
	VirtualTransactionId *holder;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	for (holder = GetLockConflicts(&tag, ShareRowExclusiveLock, NULL); VirtualTransactionIdIsValid(*holder);
		 holder++)
		if (VirtualTransactionIdIsRecoveredPreparedXact(*holder))
			return true;
	return false;
}

/*
 * Returns whether this transaction is to do without a counter that is not loaded: because it has loaded its share, as one
 * that copies a catalogue does, or because a transaction of before the server's start may have changed what is counted.
 */
static bool
must_not_load(const EscrowSpace *space)
{
	return loads >= MAX_LOADS || (max_prepared_xacts > 0 &&
								  (held_by_prepared(space->tables[0]) || held_by_prepared(space->tables[1])));
}

/* Locks, for reading, the tables that a load reads beside those of the key. */
static void
lock_for_load(const EscrowSpace *space)
{
	for (const char *const *name = space->reads; *name != NULL; name++)
	{
		Oid relid = get_relname_relid(*name, get_namespace_oid("commerce", false));

		if (OidIsValid(relid))
			LockRelationOid(relid, AccessShareLock);
	}
}

/* Waits until the load of a key is over; it is looked at again by the caller. */
static void
wait_for_load(const CounterKey *key, int partition)
{
	ConditionVariable *loaded = &commerce_escrow_shared.loaded[partition];
	Touched touched;
	Touch touch;

	ConditionVariablePrepareToSleep(loaded);
	for (;;)
	{
		LWLockAcquire(commerce_escrow_lock(partition), LW_SHARED);
		touch = commerce_touch(&ledger, key, false, &touched);
		LWLockRelease(commerce_escrow_lock(partition));
		if (touch != TOUCH_WAIT)
			break;
		ConditionVariableSleep(loaded, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
}

/* Enters the gate unless somebody has made a counter of the key meanwhile; returns whether it did. */
static bool
enter_gate(const CounterKey *key, int partition)
{
	Counter *counter;
	bool entered;

	LWLockAcquire(commerce_escrow_lock(partition), LW_SHARED);
	counter = commerce_counters_find(ledger.table, key);
	entered = counter == NULL ||
			  (commerce_counter_state(counter) == COUNTER_BROKEN && commerce_counter_in_flight(counter) == 0);
	if (entered)
		commerce_ledger_enter_gate(&ledger, partition);
	LWLockRelease(commerce_escrow_lock(partition));
	return entered;
}

/* Reads what a claimed counter starts from and opens it to all. */
static Account *
load(const EscrowSpace *space, const CounterKey *key, int partition)
{
	CounterLevel start;
	Account *account;

	space->load(key->name, key->length, &start);
	commerce_ledger_make_room(&ledger);
	account = commerce_touch_loaded(&ledger, loading, &start);
	loads++;
	loading = NULL;
	ConditionVariableBroadcast(&commerce_escrow_shared.loaded[partition]);
	return account;
}

/* Opens the counter of a name for this transaction. */
Counter *
commerce_escrow_open(const EscrowSpace *space, const char *name, int length)
{
	CounterKey key;
	int partition;
	bool exclusive = false;

	if (!commerce_escrow_on)
		return NULL;
	if (RecoveryInProgress())
		ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
						errmsg("cannot reserve stock during recovery"), errhint("Ask the primary server.")));
	/* No worker is called back at the end as transaction_ends() is: it would keep what it took for ever. */
	PreventCommandIfParallelMode("a reservation");
	if (loading != NULL)
		elog(ERROR, "a counter is being loaded by this very session");
	require_ledger();
	if (!commerce_escrow_key(space, name, length, &key))
		return NULL;
	partition = commerce_counters_partition(ledger.table, &key);
	if (!commerce_ledger_busy(&ledger))
		commerce_escrow_shared.processes[commerce_my_process()].since = GetCurrentTransactionStartTimestamp();
	for (;;)
	{
		Touched touched;
		Touch touch;

		commerce_ledger_make_room(&ledger);
		LWLockAcquire(commerce_escrow_lock(partition), exclusive ? LW_EXCLUSIVE : LW_SHARED);
		touch = commerce_touch(&ledger, &key, exclusive, &touched);
		if (touch == TOUCH_LOAD)
		{
			loading = touched.counter;
			loading_in = GetCurrentSubTransactionId();
		}
		LWLockRelease(commerce_escrow_lock(partition));
		switch (touch)
		{
			case TOUCH_COUNTER: return touched.account->counter;
			case TOUCH_GATE: return NULL;
			case TOUCH_WAIT: wait_for_load(&key, partition); break;
			case TOUCH_CLAIM:
				lock_for_load(space);
				if (!must_not_load(space))
					exclusive = true;
				else if (enter_gate(&key, partition))
					return NULL;
				break;
			case TOUCH_LOAD: return load(space, &key, partition)->counter;
		}
	}
}

/* Says how much could be taken of a counter that is there, opening none. */
bool
commerce_escrow_peek(const EscrowSpace *space, const char *name, int length, int64 *balance)
{
	CounterKey key;
	Counter *counter;
	LWLock *lock;
	const Account *account;

	if (!commerce_escrow_on || RecoveryInProgress())
		return false;
	require_ledger();
	if (!commerce_escrow_key(space, name, length, &key))
		return false;
	lock = commerce_escrow_lock(commerce_counters_partition(ledger.table, &key));
	LWLockAcquire(lock, LW_SHARED);
	counter = commerce_counters_find(ledger.table, &key);
	if (counter != NULL && commerce_counter_state(counter) != COUNTER_READY)
		counter = NULL;
	account = counter ? commerce_ledger_find(&ledger, counter) : NULL;
	if (counter != NULL)
		*balance = account ? commerce_ledger_balance(account) : commerce_counter_value(counter);
	LWLockRelease(lock);
	return counter != NULL;
}

/* Returns the account of an open counter. */
static Account *
account_of(const Counter *counter)
{
	Account *account = commerce_ledger_find(&ledger, counter);

	if (account == NULL)
		elog(ERROR, "the counter is not open in this transaction");
	return account;
}

/* Says how much could be taken now. */
int64
commerce_escrow_balance(const Counter *counter)
{
	return commerce_ledger_balance(account_of(counter));
}

/* Says how much others have taken and not committed. */
int64
commerce_escrow_contended(const Counter *counter)
{
	return commerce_counter_pending(counter) - account_of(counter)->debit;
}

/* Takes an amount for a row to be written. */
bool
commerce_escrow_take(Counter *counter, int64 amount)
{
	commerce_ledger_make_room(&ledger);
	return commerce_ledger_take(&ledger, account_of(counter), level(), amount);
}

/* Takes an amount for a row to be written, where the floor or more is left. */
bool
commerce_escrow_take_above(Counter *counter, int64 amount, int64 floor)
{
	commerce_ledger_make_room(&ledger);
	return commerce_ledger_take_above(&ledger, account_of(counter), level(), amount, floor);
}

/* Refuses what no number of units can be. */
static void
refuse_overflow(void)
{
	ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("quantity out of range"),
					errhint("All that is promised of one thing must stay below 2^63.")));
}

/* Counts a row that uses an amount up. */
void
commerce_escrow_written(Counter *counter, int64 amount)
{
	commerce_ledger_make_room(&ledger);
	if (!commerce_ledger_written(&ledger, account_of(counter), level(), amount))
		refuse_overflow();
}

/* Counts a row that gives an amount back. */
void
commerce_escrow_give(Counter *counter, int64 amount)
{
	commerce_ledger_make_room(&ledger);
	if (!commerce_ledger_give(&ledger, account_of(counter), level(), amount))
		refuse_overflow();
}

/* The counter's band may be another once this transaction has committed. */
void
commerce_escrow_look_again(Counter *counter)
{
	account_of(counter)->look = true;
}

/* Says how much was taken for rows that are not written yet. */
int64
commerce_escrow_unwritten(const Counter *counter)
{
	return account_of(counter)->unwritten;
}

/* Gives back what was taken for rows that were not written, but for what is kept. */
void
commerce_escrow_settle(Counter *counter, int64 kept)
{
	commerce_ledger_make_room(&ledger);
	commerce_ledger_settle(&ledger, account_of(counter), level(), kept);
}

/* Begins takes that count together. */
void
commerce_escrow_begin(void)
{
	together = commerce_escrow_on;
}

/* Makes them the transaction's. */
void
commerce_escrow_keep(void)
{
	if (!together)
		return;
	together = false;
	commerce_ledger_commit_level(&ledger, TOGETHER, level());
}

/* Takes them back. */
void
commerce_escrow_undo(void)
{
	if (!together)
		return;
	together = false;
	commerce_ledger_abort_level(&ledger, TOGETHER);
}
