/*
 * row.c: reading rows of user-owned tables in triggers.
 */
#include "base/row.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "parser/parse_coerce.h"
#pragma GCC diagnostic pop

/* Reads a column by its name and type. */
Datum
commerce_row_column(HeapTuple row, TupleDesc desc, const char *name, Oid type, const char *what, bool *isnull)
{
	int number = SPI_fnumber(desc, name);

	if (number <= 0)
		elog(ERROR, "the table has no column \"%s\"", name);
	if (!IsBinaryCoercible(SPI_gettypeid(desc, number), type))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("%s not counted by a column \"%s\" of type %s", what, name,
							   SPI_gettype(desc, number)),
						errhint("Give it the type %s again.", format_type_be(type))));
	return heap_getattr(row, number, desc, isnull);
}
