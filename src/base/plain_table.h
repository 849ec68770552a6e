/*
 * plain_table.h: writing rows into a table without a statement, where that makes no difference.
 */
#ifndef COMMERCE_BASE_PLAIN_TABLE_H
#define COMMERCE_BASE_PLAIN_TABLE_H

#include "base/pg.h"

#include "base/watch.h"

typedef struct PlainColumn
{
	const char *name;
	Oid type;
} PlainColumn;

typedef struct PlainDescription PlainDescription;

/* A table, the columns that rows are written with, and the one trigger on INSERT that the writer stands in for. */
typedef struct PlainTable
{
	TableWatch watch; /* .table: its name */
	const PlainColumn *columns;
	int column_count;
	const char *trigger; /* its function in schema commerce; NULL for none */
	PlainDescription *description;
} PlainTable;

/* Begins to watch the table; called once, from _PG_init. */
extern void commerce_plain_table_init(PlainTable *table);

/*
 * Opens the table for writing rows; NULL where it is not plain: with rules, policies, other triggers on INSERT,
 * defaults that are not ours, or anything that could run a function a user made. A statement has to do it then.
 */
extern Relation commerce_plain_table_open(PlainTable *table);

/* Writes a row, its values in the order of the columns; false, and nothing written, where a statement has to say why. */
extern bool commerce_plain_table_insert(PlainTable *table, Relation relation, const Datum *values,
										const bool *nulls);

/*
 * The same for a row that stays though the transaction be rolled back, in a transaction that is READ ONLY as well; never
 * on a standby.
 */
extern Relation commerce_plain_table_open_for_good(PlainTable *table);
extern bool commerce_plain_table_insert_for_good(PlainTable *table, Relation relation, const Datum *values,
												 const bool *nulls);

/* Ends writing and makes the rows visible to the statements that follow. */
extern void commerce_plain_table_close(Relation relation);

#endif
