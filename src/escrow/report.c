/*
 * report.c: looking at all counters of a space at once, for whoever watches, verifies or repairs.
 *
 * A walk locks one partition at a time, shared, and copies what it finds; nobody who spends is held up.
 */
#include "escrow/shared.h"

#include "base/due.h"

/* Returns whether a counter is of this space now, ready to be read. */
static bool
belongs(const Counter *counter, const CounterKey *space)
{
	return commerce_counter_state(counter) == COUNTER_READY && counter->key.database == space->database &&
		   counter->key.storage[0] == space->storage[0] && counter->key.storage[1] == space->storage[1];
}

/* Returns the first counter at or after a number that belongs to the space and may be touched under the lock it holds. */
static Counter *
next_counter(const CounterKey *space, int *number, LWLockMode mode)
{
	CounterTable *table = commerce_escrow_shared.table;
	int count = commerce_counters_count(table);
	int locked = -1;

	for (; *number < count; (*number)++)
	{
		int partition = commerce_counters_partition_at(table, *number);
		Counter *counter = commerce_counters_at(table, *number);

		if (partition != locked)
		{
			if (locked >= 0)
				LWLockRelease(commerce_escrow_lock(locked));
			CHECK_FOR_INTERRUPTS();
			LWLockAcquire(commerce_escrow_lock(partition), mode);
			locked = partition;
		}
		if (belongs(counter, space))
			return counter;
	}
	if (locked >= 0)
		LWLockRelease(commerce_escrow_lock(locked));
	return NULL;
}

/* Ends the look at a counter that next_counter() returned, and goes on behind it. */
static void
done(int *number)
{
	LWLockRelease(
		commerce_escrow_lock(commerce_counters_partition_at(commerce_escrow_shared.table, *number)));
	(*number)++;
}

/* Takes the flags down and calls back for each counter that had one. */
int
commerce_escrow_flagged(const EscrowSpace *space, void (*each)(const char *name, int length, void *context),
						void *context)
{
	CounterKey key;
	int number = 0;
	int lost;
	Counter *counter;

	if (!commerce_escrow_on || !commerce_escrow_key(space, "", 0, &key))
		return 0;
	lost = (int) commerce_counters_lost_flags(commerce_escrow_shared.table);
	commerce_counters_add_lost_flags(commerce_escrow_shared.table, 1);
	while ((counter = next_counter(&key, &number, LW_SHARED)) != NULL)
	{
		CounterKey found = counter->key;
		bool flagged = commerce_counter_unflag(counter);

		done(&number);
		if (flagged)
			each(found.name, found.length, context);
	}
	return lost;
}

/* What was flagged, or lost before, has been looked at. */
void
commerce_escrow_found(int lost)
{
	if (commerce_escrow_on)
		commerce_counters_add_lost_flags(commerce_escrow_shared.table, -1 - lost);
}

/* Forgets the counters whose name begins with prefix, other than those in flight. */
int64
commerce_escrow_forget(const EscrowSpace *space, const char *prefix, int length)
{
	CounterKey key;
	int number = 0;
	int64 forgotten = 0;
	Counter *counter;

	if (!commerce_escrow_on || !commerce_escrow_key(space, "", 0, &key))
		return 0;
	while ((counter = next_counter(&key, &number, LW_EXCLUSIVE)) != NULL)
	{
		if (counter->key.length >= length && memcmp(counter->key.name, prefix, length) == 0 &&
			commerce_counters_forget(commerce_escrow_shared.table, counter))
			forgotten++;
		done(&number);
	}
	return forgotten;
}

/* Copies what a counter says. */
static void
copy_counter(const Counter *counter, EscrowReading *reading)
{
	*reading = (EscrowReading){.length = counter->key.length,
							   .finished = commerce_counter_finished(counter),
							   .in_flight = commerce_counter_in_flight(counter),
							   .pending = commerce_counter_pending(counter),
							   .value = commerce_counter_value(counter)};
	memcpy(reading->name, counter->key.name, reading->length);
}

/* Finds the counter of a name and locks its partition; NULL, and nothing locked, where there is none. */
static Counter *
lock_counter(const EscrowSpace *space, const char *name, int length, LWLockMode mode, LWLock **lock)
{
	CounterKey key;
	Counter *counter;

	if (!commerce_escrow_on || !commerce_escrow_key(space, name, length, &key))
		return NULL;
	*lock = commerce_escrow_lock(commerce_counters_partition(commerce_escrow_shared.table, &key));
	LWLockAcquire(*lock, mode);
	counter = commerce_counters_find(commerce_escrow_shared.table, &key);
	if (counter != NULL && commerce_counter_state(counter) == COUNTER_READY)
		return counter;
	LWLockRelease(*lock);
	return NULL;
}

/* Sets the band of a counter, if there is one. */
void
commerce_escrow_set_band(const EscrowSpace *space, const char *name, int length, int64 low, int64 high)
{
	LWLock *lock;
	Counter *counter = lock_counter(space, name, length, LW_SHARED, &lock);
	bool flagged;

	if (counter == NULL)
		return;
	flagged = commerce_counter_set_band(counter, low, high);
	LWLockRelease(lock);
	if (flagged)
		commerce_chores_now();
}

/* Reads one counter. */
bool
commerce_escrow_read_one(const EscrowSpace *space, const char *name, int length, EscrowReading *reading)
{
	LWLock *lock;
	const Counter *counter = lock_counter(space, name, length, LW_SHARED, &lock);

	if (counter == NULL)
		return false;
	copy_counter(counter, reading);
	LWLockRelease(lock);
	return true;
}

/* Makes a counter say what the tables say, as far as that is safe. */
bool
commerce_escrow_correct(const EscrowSpace *space, const EscrowReading *reading, int64 committed)
{
	LWLock *lock;
	Counter *counter = lock_counter(space, reading->name, reading->length, LW_EXCLUSIVE, &lock);
	bool done = false;

	if (counter == NULL)
		return false;
	if (commerce_counter_finished(counter) == reading->finished)
	{
		int64 excess = commerce_counter_value(counter) + commerce_counter_pending(counter) - committed;

		done = commerce_counters_forget(commerce_escrow_shared.table, counter) ||
			   (excess > 0 && commerce_counter_add(counter, -excess));
	}
	LWLockRelease(lock);
	return done;
}

/* Reads all counters of the space. */
int
commerce_escrow_read(const EscrowSpace *space, EscrowReading **readings)
{
	CounterKey key;
	int number = 0;
	int count = 0;
	int room = 64;
	Counter *counter;

	*readings = palloc(sizeof(EscrowReading) * room);
	if (!commerce_escrow_on || !commerce_escrow_key(space, "", 0, &key))
		return 0;
	while ((counter = next_counter(&key, &number, LW_SHARED)) != NULL)
	{
		EscrowReading reading;

		copy_counter(counter, &reading);
		done(&number);
		if (count == room)
			*readings = repalloc_huge(*readings, sizeof(EscrowReading) * (room *= 2));
		(*readings)[count++] = reading;
	}
	return count;
}

/* Copies what a process shows of one account; false where the counter is of another space. */
static bool
copy_account(const EscrowProcess *process, int row, const CounterKey *space, EscrowPending *pending)
{
	CounterTable *table = commerce_escrow_shared.table;
	int number = (int) process->mirror.rows[row].counter;
	LWLock *lock = commerce_escrow_lock(commerce_counters_partition_at(table, number));
	const Counter *counter = commerce_counters_at(table, number);
	bool ours;

	LWLockAcquire(lock, LW_SHARED);
	ours = belongs(counter, space);
	*pending = (EscrowPending){.length = counter->key.length,
							   .pid = process->pid,
							   .since = process->since,
							   .taken = process->mirror.rows[row].debit,
							   .given = process->mirror.rows[row].credit};
	memcpy(pending->name, counter->key.name, counter->key.length);
	LWLockRelease(lock);
	return ours;
}

/* Reads what transactions in flight have done to counters of the space. */
int
commerce_escrow_pending(const EscrowSpace *space, EscrowPending **pending)
{
	CounterKey key;
	int count = 0;
	int room = 64;

	*pending = palloc(sizeof(EscrowPending) * room);
	if (!commerce_escrow_on || !commerce_escrow_key(space, "", 0, &key))
		return 0;
	for (int p = 0; p < commerce_escrow_shared.process_count; p++)
	{
		const EscrowProcess *process = &commerce_escrow_shared.processes[p];
		int accounts = (int) __atomic_load_n(&process->mirror.accounts, __ATOMIC_ACQUIRE);

		while (count + MIRROR_ROWS + 1 > room)
			*pending = repalloc_huge(*pending, sizeof(EscrowPending) * (room *= 2));
		for (int row = 0; row < Min(accounts, MIRROR_ROWS); row++)
			if (copy_account(process, row, &key, &(*pending)[count]) &&
				((*pending)[count].taken != 0 || (*pending)[count].given != 0))
				count++;
		if (accounts > MIRROR_ROWS)
			(*pending)[count++] = (EscrowPending){.length = -1, .pid = process->pid, .since = process->since};
	}
	return count;
}
