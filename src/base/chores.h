/*
 * chores.h: what a background worker does in every shop's database, without anyone calling.
 *
 * A room registers its chores in _PG_init and calls commerce_chores_due() (due.h) wherever it makes work for them.
 */
#ifndef COMMERCE_BASE_CHORES_H
#define COMMERCE_BASE_CHORES_H

#include "base/pg.h"

#include "base/due.h"
#include "base/plan.h"

/*
 * One chore. It runs in a transaction of its own, as the shop's owner, connected to SPI, and does a batch: something
 * that takes well under a second, because DROP DATABASE waits for it. It answers when it has work again: DT_NOBEGIN
 * for at once, in the next transaction (the batch was full), DT_NOEND for only when somebody says so. What it may miss
 * it must answer for: rows that others have locked, say. An error is logged, and the chore tried again later.
 */
typedef struct CommerceChore
{
	const char *name; /* as people read it in pg_stat_activity: "expiring holds" */
	TimestampTz (*run)(void);
	bool timed; /* runs when its own answer has come, not whenever somebody says that there is work */
} CommerceChore;

/* Adds a chore to those of every visit; called from _PG_init with something that stays. */
extern void commerce_register_chore(const CommerceChore *chore);

/* The name of chore n in the order of registration, NULL where there are not so many. */
extern const char *commerce_chore_name(int n);

/*
 * Runs a statement that answers with one timestamptz and returns that, DT_NOEND for NULL or no row. For chores that are
 * functions in SQL: "SELECT now() + interval '1 day' FROM commerce.do_this()".
 */
extern TimestampTz commerce_chore_ask(SavedPlan *question);

/* Returns whether no one wants the database for himself, as DROP DATABASE does; until commit, he has to wait. */
extern bool commerce_enter_database(Oid database);

/* Makes the session's settings those that background work is written for, whatever the database or role asks of its users. */
extern void commerce_settle_settings(const char *application);

/* The worker: visits the database whose OID is its argument, does all chores, and ends. */
extern PGDLLEXPORT void commerce_worker_main(Datum database);

#endif
