/*
 * plain_table.h: writing rows into a table without a statement, where that makes no difference.
 */
#ifndef COMMERCE_BASE_PLAIN_TABLE_H
#define COMMERCE_BASE_PLAIN_TABLE_H

#include "base/pg.h"

#include "base/plan.h"
#include "base/watch.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "commands/trigger.h"
#include "utils/rel.h"
#pragma GCC diagnostic pop

typedef struct PlainColumn
{
	const char *name;
	Oid type;        /* InvalidOid: a type of the extension */
	const char *own; /* its name */
	int32 typmod;    /* that the values have already; 0: none */
	/* Its default must be a call of this function, which the writer makes himself; NULL: whatever it is. */
	const char *by_default;
} PlainColumn;

/* A column of a built-in type, and one of a type of the extension. */
#define PLAIN(column, oid)                                                                                   \
	{                                                                                                        \
		.name = column, .type = oid                                                                          \
	}
#define PLAIN_OWN(column, type_name)                                                                         \
	{                                                                                                        \
		.name = column, .own = type_name                                                                     \
	}

typedef struct PlainDescription PlainDescription;

/*
 * Says whether the writer stands in for a trigger on INSERT: does itself what the trigger would do, or knows that it
 * would do nothing. The function of the trigger lies in schema commerce and is of this name.
 */
typedef bool (*PlainTrigger)(Relation relation, const Trigger *trigger, const char *function);

/* A table, the columns that rows are written with, and which triggers and foreign key the writer stands in for. */
typedef struct PlainTable
{
	TableWatch watch; /* .table: its name */
	const PlainColumn *columns;
	int column_count;
	PlainTrigger stands_in; /* NULL: for none */
	const char *parent; /* a table in schema commerce: the row that the first column names there is its own */
	const char *
		parent_key; /* work of this transaction, written without a statement and before; NULL: no such table */
	SavedPlan *statement; /* what writes a row where the table is not plain, its arguments the columns */
	PlainDescription *description;
} PlainTable;

/* Begins to watch the table; called once, from _PG_init. */
extern void commerce_plain_table_init(PlainTable *table);

/*
 * Opens the table for writing rows; NULL where it is not plain: with rules, policies, other triggers on INSERT that
 * always fire, defaults that are not ours, or anything that could run a function a user made. A statement has to do it
 * then.
 */
extern Relation commerce_plain_table_open(PlainTable *table);

/* Writes a row, its values in the order of the columns; false, and nothing written, where a statement has to do it. */
extern bool commerce_plain_table_insert(PlainTable *table, Relation relation, const Datum *values,
										const bool *nulls);

/*
 * The same for a row that stays though the transaction be rolled back, in a transaction that is READ ONLY as well; never
 * on a standby.
 */
extern Relation commerce_plain_table_open_for_good(PlainTable *table);
extern bool commerce_plain_table_insert_for_good(PlainTable *table, Relation relation, const Datum *values,
												 const bool *nulls);

/* Writes one row, as the shop's owner, without a statement or by the table's; for good where that is possible. */
extern void commerce_plain_table_write(PlainTable *table, const Datum *values, const bool *nulls,
									   bool for_good);

/* Ends writing and makes the rows visible to the statements that follow. */
extern void commerce_plain_table_close(PlainTable *table, Relation relation);

#endif
