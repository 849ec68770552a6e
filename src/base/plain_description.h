/*
 * plain_description.h: what a plain table is made of. Between plain_description.c, which looks, and plain_table.c, which
 * writes.
 */
#ifndef COMMERCE_BASE_PLAIN_DESCRIPTION_H
#define COMMERCE_BASE_PLAIN_DESCRIPTION_H

#include "base/plain_table.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "executor/executor.h"
#pragma GCC diagnostic pop

typedef struct PlainIndex
{
	Oid relid;
	IndexInfo *info;      /* NULL: made for each row */
	ExprState *predicate; /* NULL: every row */
	Relation relation;    /* opened with the first row; NULL: not yet */
} PlainIndex;

struct PlainDescription
{
	MemoryContext memory;
	uint64 functions; /* as often they had changed */
	bool plain;
	EState *estate;
	TupleTableSlot *slot;
	AttrNumber *attributes; /* of the columns */
	ExprState **checks;
	int check_count;
	ExprState **conditions; /* of triggers that fire for some rows: what WHEN asks for */
	int condition_count;
	PlainIndex *indexes;
	int index_count;
};

/* Begins to watch functions, whose meaning may change; called from _PG_init. */
extern void commerce_watch_functions(void);

/* Makes sure that the description fits the table as it is now. */
extern void commerce_describe_table(PlainTable *table, Relation relation);

#endif
