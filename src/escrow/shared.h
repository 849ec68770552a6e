/*
 * shared.h: the shared memory of the engine, for the files of this room.
 */
#ifndef COMMERCE_ESCROW_SHARED_H
#define COMMERCE_ESCROW_SHARED_H

#include "base/pg.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#pragma GCC diagnostic pop

#include "escrow/counters.h"
#include "escrow/escrow.h"
#include "escrow/ledger.h"

#define ESCROW_PARTITIONS 128

/* What a process shows of its transaction. */
typedef struct EscrowProcess
{
	int pid;
	int64 since; /* TimestampTz: when its transaction began */
	LedgerMirror mirror;
} EscrowProcess;

typedef struct EscrowShared
{
	CounterTable *table;
	LWLockPadded *locks;       /* of partitions */
	ConditionVariable *loaded; /* of partitions: a load is over */
	EscrowProcess *processes;  /* by process number */
	int process_count;
} EscrowShared;

extern EscrowShared commerce_escrow_shared;

/* Asks for the memory, in the postmaster; attached in every process. */
extern void commerce_escrow_shared_init(void);

/* The lock of a partition. */
extern LWLock *commerce_escrow_lock(int partition);

/* Fills in the key of a name; false where the tables cannot have counters now. Locks the tables. */
extern bool commerce_escrow_key(const EscrowSpace *space, const char *name, int length, CounterKey *key);

#endif
