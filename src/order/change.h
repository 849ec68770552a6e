/*
 * change.h: one change of state, on its way through guard, history, event and effect.
 */
#ifndef COMMERCE_ORDER_CHANGE_H
#define COMMERCE_ORDER_CHANGE_H

#include "base/pg.h"

#include "order/attachment.h"

typedef struct StateChange
{
	Attachment *attachment;
	Relation relation;
	HeapTuple row; /* as it is to be */
	const Transition *transition;
	const Jsonb *detail; /* NULL: the event has none */
	Datum json;          /* the row as jsonb; 0 until somebody asks */
} StateChange;

/* hooks.c: does the caller belong to the transition's role, does its guard agree, and what do both say if not? */
extern bool commerce_role_agrees(const Transition *transition);
extern bool commerce_guard_agrees(StateChange *change);
pg_noreturn extern void commerce_refuse_role(const Machine *machine, const Transition *transition);
pg_noreturn extern void commerce_refuse_guard(const Machine *machine, const Transition *transition);
extern void commerce_run_effect(StateChange *change);

/* row_condition.c: does the condition hold for a row? */
extern bool commerce_condition_holds_for_row(const RuleNode *condition, HeapTuple row, TupleDesc desc);

/* history.c: writes the history row and, where the transition has a topic, the event for the outside world. */
extern void commerce_record_change(StateChange *change);

#endif
