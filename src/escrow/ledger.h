/*
 * ledger.h: what the transaction of one process has done to counters. Pure: ledger.c says how.
 *
 * An amount is always greater than zero. A level names the subtransaction that acts: any number, of which the innermost
 * one that has not ended is the only one that does anything.
 */
#ifndef COMMERCE_ESCROW_LEDGER_H
#define COMMERCE_ESCROW_LEDGER_H

#include "escrow/counters.h"

/* What the transaction has to do with one counter. */
typedef struct Account
{
	Counter *counter;
	int64_t debit;     /* taken from the counter; an abort gives it back */
	int64_t credit;    /* to be added at commit, as far as it was not spent; never negative */
	int64_t unwritten; /* taken, with no row yet that says so */
	int32_t last;      /* its entry of the innermost level that has one */
	bool look;         /* its band may be another once this is committed */
} Account;

/* What one level did to one account. */
typedef struct Entry
{
	uint32_t level;
	int32_t account;
	int32_t previous; /* of the same account, of an outer level */
	int64_t debit;
	int64_t credit;
	int64_t unwritten;
} Entry;

/* What others may see of the ledger while it is being written; read without a lock. */
#define MIRROR_ROWS 32
typedef struct LedgerMirror
{
	uint32_t accounts; /* how many there are, also beyond those shown */
	struct
	{
		uint32_t counter; /* its number in the table */
		int64_t debit;
		int64_t credit;
	} rows[MIRROR_ROWS];
} LedgerMirror;

typedef struct Ledger
{
	CounterTable *table;
	LedgerMirror *mirror;          /* NULL for none */
	void *(*grow)(void *, size_t); /* realloc() or its like; may throw */
	Account *accounts;
	Entry *entries;
	int32_t *index;  /* open addressing: a power of two of account numbers, or -1 */
	uint64_t *gates; /* a bit for each partition whose gate this transaction is in */
	int32_t account_count;
	int32_t account_room;
	int32_t entry_count;
	int32_t entry_room;
	int32_t index_size;
	int32_t gate_count;
} Ledger;

extern void commerce_ledger_init(Ledger *ledger, CounterTable *table, int partitions,
								 void *(*grow)(void *, size_t));

/* Makes sure that the next call, whatever it is, needs no memory. May throw, and may move accounts: find them again. */
extern void commerce_ledger_make_room(Ledger *ledger);

/* The account of a counter, or NULL. */
extern Account *commerce_ledger_find(Ledger *ledger, const Counter *counter);

/* Opens an account for a counter that the caller has pinned or claimed; the pin is the ledger's from here on. */
extern Account *commerce_ledger_open(Ledger *ledger, Counter *counter);

/* How much this transaction could take now. */
extern int64_t commerce_ledger_balance(const Account *account);

/* Takes an amount for a row that is to be written; false, and nothing taken, where there is not enough. */
extern bool commerce_ledger_take(Ledger *ledger, Account *account, uint32_t level, int64_t amount);

/* The same where not zero is the least that may be left but another number, which may be negative. */
extern bool commerce_ledger_take_above(Ledger *ledger, Account *account, uint32_t level, int64_t amount,
									   int64_t floor);

/*
 * Says that a row was written that uses up an amount: first what was taken for it, then own credits, then the counter,
 * though it may fall below zero. False, and nothing done, beyond 64 bits.
 */
extern bool commerce_ledger_written(Ledger *ledger, Account *account, uint32_t level, int64_t amount);

/* Says that a row was written that gives an amount back, when this transaction commits. False beyond 64 bits. */
extern bool commerce_ledger_give(Ledger *ledger, Account *account, uint32_t level, int64_t amount);

/*
 * Gives back what was taken for rows that were not written after all. What is kept of it was taken by somebody else of the
 * same transaction, who is still about to write.
 */
extern void commerce_ledger_settle(Ledger *ledger, Account *account, uint32_t level, int64_t kept);

/* A level ended: all it did is undone, or is its parent's from here on. Never throws. */
extern void commerce_ledger_abort_level(Ledger *ledger, uint32_t level);
extern void commerce_ledger_commit_level(Ledger *ledger, uint32_t level, uint32_t parent);

extern void commerce_ledger_enter_gate(Ledger *ledger, int partition);
extern bool commerce_ledger_in_gate(const Ledger *ledger, int partition);

/* Returns whether the transaction has touched any counter or gate. */
extern bool commerce_ledger_busy(const Ledger *ledger);

/*
 * The transaction ended, visibly to all. Pays what it owes each counter and lets go of it; returns whether a counter
 * has left its band. Never throws.
 */
extern bool commerce_ledger_finish(Ledger *ledger, bool committed);

#endif
