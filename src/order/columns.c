/*
 * columns.c: rows as arrays.
 */
#include "order/columns.h"

/* Begins an empty set. */
void
commerce_columns_init(Columns *columns, int width, int room)
{
	columns->width = width;
	columns->count = 0;
	columns->room = Max(room, 1);
	for (int i = 0; i < width; i++)
	{
		columns->values[i] = palloc_extended(sizeof(Datum) * columns->room, MCXT_ALLOC_HUGE);
		columns->nulls[i] = palloc_extended(sizeof(bool) * columns->room, MCXT_ALLOC_HUGE);
	}
}

/* Adds a row. */
void
commerce_columns_add(Columns *columns, const Datum *row)
{
	if (columns->count == columns->room)
	{
		columns->room *= 2;
		for (int i = 0; i < columns->width; i++)
		{
			columns->values[i] = repalloc_huge(columns->values[i], sizeof(Datum) * columns->room);
			columns->nulls[i] = repalloc_huge(columns->nulls[i], sizeof(bool) * columns->room);
		}
	}
	for (int i = 0; i < columns->width; i++)
	{
		columns->values[i][columns->count] = row[i];
		columns->nulls[i][columns->count] = false;
	}
	columns->count++;
}

/* Makes a value of the row that was added last NULL, if so. */
void
commerce_columns_null(Columns *columns, int column, bool null)
{
	columns->nulls[column][columns->count - 1] = null;
}

/* Forgets the first rows. */
void
commerce_columns_drop(Columns *columns, int count)
{
	for (int i = 0; i < columns->width; i++)
	{
		columns->values[i] += count;
		columns->nulls[i] += count;
	}
	columns->count -= count;
	columns->room -= count;
}

/* Builds the array of a column. */
Datum
commerce_columns_array(const Columns *columns, int column, Oid type)
{
	int16 length;
	bool by_value;
	char alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_md_array(columns->values[column], columns->nulls[column], 1,
											  (int[]){columns->count}, (int[]){1}, type, length, by_value,
											  alignment));
}
