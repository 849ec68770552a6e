/*
 * plan.h: statements that are parsed and planned once per backend.
 *
 * A room declares each statement it sends as a static SavedPlan and runs it between SPI_connect and SPI_finish.
 */
#ifndef COMMERCE_BASE_PLAN_H
#define COMMERCE_BASE_PLAN_H

#include "base/pg.h"

typedef struct SavedPlan
{
	const char *sql;
	const char *args; /* parameter types by name, "uuid; text[]; commerce.amount"; NULL for none */
	SPIPlanPtr plan;  /* filled on first use */
	Oid schema;       /* the schema commerce that the plan was made for */
} SavedPlan;

/* Whose data a reading plan sees: what the calling statement sees, or everything committed by now. */
typedef enum PlanView
{
	PLAN_WRITES, /* may change data; sees own changes and, under READ COMMITTED, all that is committed */
	PLAN_READS,  /* the calling statement's snapshot */
	PLAN_LATEST, /* a snapshot taken now, also under REPEATABLE READ: for checks made behind a lock; a parallel query,
				  * which locks and writes nothing, has one snapshot, and reads with that */
	PLAN_COMMITTED, /* the same, but blind to what the transaction itself has done */
} PlanView;

extern uint64 commerce_run(SavedPlan *saved, PlanView view, const Datum *values, const char *nulls);

/*
 * Begins, and ends, reading with one snapshot in several statements: that of PLAN_LATEST. Whoever fails between the two
 * leaves it to the end of the transaction.
 */
extern Snapshot commerce_begin_reading(void);
extern void commerce_end_reading(Snapshot snapshot);

/* Runs a plan that reads, with such a snapshot. */
extern uint64 commerce_read_with(SavedPlan *saved, Snapshot snapshot, const Datum *values, const char *nulls);

/* Read column "column" (from 1) of row "row" (from 0) of the result of the last commerce_run. */
extern Datum commerce_value(uint64 row, int column, bool *isnull);
extern Datum commerce_value_or(uint64 row, int column, Datum fallback);

/* Read a text column as a C string of its own; NULL for NULL. */
extern char *commerce_text(uint64 row, int column);

#endif
