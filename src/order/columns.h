/*
 * columns.h: rows as arrays, column by column, so that any number of them is one statement.
 */
#ifndef COMMERCE_ORDER_COLUMNS_H
#define COMMERCE_ORDER_COLUMNS_H

#include "base/pg.h"
#include "pricing/quote.h"

#define MAX_COLUMNS 18

/* A growing set of rows with a fixed number of columns; it grows no more once rows were dropped. */
typedef struct Columns
{
	int width;
	int count;
	int room;
	Datum *values[MAX_COLUMNS];
	bool *nulls[MAX_COLUMNS];
} Columns;

extern void commerce_columns_init(Columns *columns, int width, int room);

/* Adds a row: "width" Datums. */
extern void commerce_columns_add(Columns *columns, const Datum *row);

/* Makes a value of the row that was added last NULL, if so. */
extern void commerce_columns_null(Columns *columns, int column, bool null);

/* Forgets the first rows. */
extern void commerce_columns_drop(Columns *columns, int count);

/* Builds the array of a column. */
extern Datum commerce_columns_array(const Columns *columns, int column, Oid type);

#endif
