/*
 * escrow.h: quantities that many spend at once and that must not fall below zero, or another floor.
 *
 * A client names what it counts, a row of two tables (an EscrowSpace), and says how to read it. Before it changes what
 * it counts it opens the counter; then it takes before it writes rows, or says what it has written. Without a counter
 * (commerce_escrow_open() returns NULL) it works under a lock on the row instead. escrow/touch.c and escrow/ledger.c
 * say why that never oversells.
 */
#ifndef COMMERCE_ESCROW_ESCROW_H
#define COMMERCE_ESCROW_ESCROW_H

#include "base/pg.h"

#include "escrow/counters.h"

/* The tables that say what counters of a kind start from. */
typedef struct EscrowSpace
{
	const char *tables[2];    /* names in schema commerce; what counts is written to these */
	const char *const *reads; /* other tables that load() reads, NULL at the end */
	/* Reads what is committed for a name, by plans run with PLAN_COMMITTED. */
	void (*load)(const char *name, int length, CounterLevel *level);
} EscrowSpace;

/* True when the library was preloaded; otherwise every open returns NULL. */
extern bool commerce_escrow_on;

extern void commerce_escrow_init(void);

/*
 * Opens the counter of a name for this transaction, loading it when nobody has. NULL: lock the row instead. Refuses
 * with 25006 on a standby, and with 25000 in a parallel query.
 */
extern Counter *commerce_escrow_open(const EscrowSpace *space, const char *name, int length);

/* How much could be taken now, own credits included. */
extern int64 commerce_escrow_balance(const Counter *counter);

/* The same of a counter that need not be open, and is not opened by it; false where none is loaded. For hints. */
extern bool commerce_escrow_peek(const EscrowSpace *space, const char *name, int length, int64 *balance);

/* How much of the counter other transactions have taken and not committed. */
extern int64 commerce_escrow_contended(const Counter *counter);

/* Takes an amount > 0 for a row to be written; false where there is not enough. */
extern bool commerce_escrow_take(Counter *counter, int64 amount);

/*
 * The same where not zero is the least that may be left, but another number: for a client whose limit is no part of what
 * is counted, and who therefore looks at the limit once more when he has taken.
 */
extern bool commerce_escrow_take_above(Counter *counter, int64 amount, int64 floor);

/* A row was written that uses an amount > 0 up, taken before or not. */
extern void commerce_escrow_written(Counter *counter, int64 amount);

/* A row was written that gives an amount > 0 back once this transaction commits. */
extern void commerce_escrow_give(Counter *counter, int64 amount);

/*
 * How much was taken for rows that are not written yet; and giving back what of it was not written after all. Who takes
 * keeps what was unwritten before: it is another's of the same transaction, whose trigger has called him.
 */
extern int64 commerce_escrow_unwritten(const Counter *counter);
extern void commerce_escrow_settle(Counter *counter, int64 kept);

/* Several takes that count together or not at all: begin, take …, keep or undo. No SQL may run in between. */
extern void commerce_escrow_begin(void);
extern void commerce_escrow_keep(void);
extern void commerce_escrow_undo(void);

/* The counter's band may be another once this transaction has committed: it is flagged then. */
extern void commerce_escrow_look_again(Counter *counter);

/*
 * Takes the flags down and calls back for each counter of the space that had one. Returns how many flags are lost, of
 * this or of other spaces; until commerce_escrow_found() is called with that number, these are, too.
 */
extern int commerce_escrow_flagged(const EscrowSpace *space,
								   void (*each)(const char *name, int length, void *context), void *context);
extern void commerce_escrow_found(int lost);

/* Sets the band of a counter, if there is one. */
extern void commerce_escrow_set_band(const EscrowSpace *space, const char *name, int length, int64 low,
									 int64 high);

/* Forgets the counters of this space whose name begins with prefix, other than those in flight; returns how many. */
extern int64 commerce_escrow_forget(const EscrowSpace *space, const char *prefix, int length);

/* What a counter says, for whoever compares it with the tables. */
typedef struct EscrowReading
{
	char name[COUNTER_NAME_MAX];
	int length;
	int64 value;
	int64 pending;
	uint32 in_flight;
	uint32 finished;
} EscrowReading;

/* Reads all counters of the space into memory of the caller's context; returns how many. */
extern int commerce_escrow_read(const EscrowSpace *space, EscrowReading **readings);

/* Reads one counter; false where there is none. */
extern bool commerce_escrow_read_one(const EscrowSpace *space, const char *name, int length,
									 EscrowReading *reading);

/*
 * Compares a counter that was read with what committed() reads of its name, until they agree at a quiet moment, or differ
 * for good. Returns whether they differ: then *reading is what the counter says and *tables what they say.
 */
extern bool commerce_escrow_differs(const EscrowSpace *space, const EscrowReading *first,
									int64 (*committed)(const char *name, int length), EscrowReading *reading,
									int64 *tables);

/* How verify_…() shows the counters of a space: columns for the name, counter, tables, in_flight, repaired. */
#define ESCROW_NAME_COLUMNS 2
typedef struct EscrowReport
{
	int64 (*committed)(const char *name, int length);          /* what the tables say */
	int (*names)(const char *name, int length, Datum *values); /* fills the first columns, returns how many */
	bool from_zero_down; /* what is counted is shown with the other sign */
} EscrowReport;

/* Adds a row to the result for each counter of the space that differs from the tables, and repairs it where asked to. */
extern void commerce_escrow_verify(const EscrowSpace *space, const EscrowReport *report, bool repair,
								   ReturnSetInfo *result);

/*
 * Makes a counter that no transaction has ended on since the reading say what is committed according to the tables:
 * forgets an idle one, lowers one in flight. One in flight that says too little is left as it is: it does no harm, and
 * raising it could. Returns whether it did something.
 */
extern bool commerce_escrow_correct(const EscrowSpace *space, const EscrowReading *reading, int64 committed);

/* What transactions in flight have done to counters of the space: one row for each of them and each counter. */
typedef struct EscrowPending
{
	char name[COUNTER_NAME_MAX];
	int length; /* -1: the rest of a transaction that touched more than are shown */
	int pid;
	TimestampTz since; /* when the transaction began */
	int64 taken;
	int64 given;
} EscrowPending;

extern int commerce_escrow_pending(const EscrowSpace *space, EscrowPending **pending);

#endif
