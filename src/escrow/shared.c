/*
 * shared.c: getting the engine's shared memory and filling it when the server starts.
 */
#include "escrow/shared.h"

#include "base/settings.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "storage/ipc.h"
#include "storage/shmem.h"
#pragma GCC diagnostic pop

#define TRANCHE "commerce_escrow"

EscrowShared commerce_escrow_shared;

static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static Size
table_size(void)
{
	return commerce_counters_size(ESCROW_PARTITIONS, commerce_max_counters);
}

static Size
processes_size(void)
{
	return mul_size(sizeof(EscrowProcess), MaxBackends);
}

/* Asks for memory and locks. */
static void
request_memory(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(table_size());
	RequestAddinShmemSpace(processes_size());
	RequestAddinShmemSpace(sizeof(ConditionVariable) * ESCROW_PARTITIONS);
	RequestNamedLWLockTranche(TRANCHE, ESCROW_PARTITIONS);
}

/* Makes the memory, in the postmaster, or finds it, where processes do not inherit it. */
static void
start_memory(void)
{
	EscrowShared *shared = &commerce_escrow_shared;
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared->locks = GetNamedLWLockTranche(TRANCHE);
	shared->process_count = MaxBackends;
	shared->table = ShmemInitStruct("commerce escrow counters", table_size(), &found);
	if (!found)
	{
		uint64 seed;

		if (!pg_strong_random(&seed, sizeof(seed)))
			elog(FATAL, "could not generate random numbers");
		commerce_counters_init(shared->table, ESCROW_PARTITIONS, commerce_max_counters, seed);
	}
	shared->processes = ShmemInitStruct("commerce escrow processes", processes_size(), &found);
	if (!found)
		memset(shared->processes, 0, processes_size());
	shared->loaded =
		ShmemInitStruct("commerce escrow waiters", sizeof(ConditionVariable) * ESCROW_PARTITIONS, &found);
	for (int i = 0; i < ESCROW_PARTITIONS && !found; i++)
		ConditionVariableInit(&shared->loaded[i]);
	LWLockRelease(AddinShmemInitLock);
}

/* Asks for the memory when the server starts. */
void
commerce_escrow_shared_init(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = start_memory;
}

/* Returns the lock of a partition. */
LWLock *
commerce_escrow_lock(int partition)
{
	return &commerce_escrow_shared.locks[partition].lock;
}
