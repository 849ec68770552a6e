/*
 * row.h: reading rows of user-owned tables in triggers.
 */
#ifndef COMMERCE_BASE_ROW_H
#define COMMERCE_BASE_ROW_H

#include "base/pg.h"

/*
 * Reads a column by its name; refuses one of another type, which the table's owner may have made of it: taken for what
 * it is not, its value would be counted wrong or crash the server. what names what is counted, for the error.
 */
extern Datum commerce_row_column(HeapTuple row, TupleDesc desc, const char *name, Oid type, const char *what,
								 bool *isnull);

/*
 * Tells which row a trigger counts, before and after the change; NULL where there is none. Refuses to be anything but an
 * AFTER trigger FOR EACH ROW; what names what is counted, for the error.
 */
extern TupleDesc commerce_changed_row(FunctionCallInfo fcinfo, const char *what, HeapTuple *before,
									  HeapTuple *after);

#endif
