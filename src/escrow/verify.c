/*
 * verify.c: does a counter say what the tables say?
 *
 * A counter is compared with the tables at a moment when no transaction ends on it: it is read, the tables are read, and
 * it is read again. Between the two readings nothing may have ended on it, and value + pending, which is what is
 * committed, must be the same. A transaction that is visible already and has not paid yet makes a difference that goes
 * away, so a difference counts only when it stays.
 */
#include "escrow/escrow.h"

/* Looks before a difference counts, and microseconds between two looks. */
#define LOOKS 50
#define BETWEEN_LOOKS 2000

/* Looks until counter and tables agree at a quiet moment, or differ for good. */
bool
commerce_escrow_differs(const EscrowSpace *space, const EscrowReading *first,
						int64 (*committed)(const char *name, int length), EscrowReading *reading,
						int64 *tables)
{
	for (int look = 0; look < LOOKS; look++)
	{
		EscrowReading after;

		CHECK_FOR_INTERRUPTS();
		if (look > 0)
			pg_usleep(BETWEEN_LOOKS);
		if (!commerce_escrow_read_one(space, first->name, first->length, reading))
			return false;
		*tables = committed(first->name, first->length);
		if (reading->value + reading->pending == *tables)
			return false;
		if (look < LOOKS / 2 || !commerce_escrow_read_one(space, first->name, first->length, &after))
			continue;
		if (after.finished == reading->finished &&
			after.value + after.pending == reading->value + reading->pending)
			return true;
	}
	return false;
}

/* Lists the counters of a space that differ from the tables, and puts them right when asked to. */
void
commerce_escrow_verify(const EscrowSpace *space, const EscrowReport *report, bool repair,
					   ReturnSetInfo *result)
{
	EscrowReading *readings;
	int count = commerce_escrow_read(space, &readings);
	int64 sign = report->from_zero_down ? -1 : 1;

	for (int i = 0; i < count; i++)
	{
		EscrowReading reading;
		int64 tables;
		Datum values[ESCROW_NAME_COLUMNS + 4];
		bool nulls[ESCROW_NAME_COLUMNS + 4] = {0};
		int n;

		if (!commerce_escrow_differs(space, &readings[i], report->committed, &reading, &tables))
			continue;
		n = report->names(reading.name, reading.length, values);
		values[n++] = Int64GetDatum(sign * (reading.value + reading.pending));
		values[n++] = Int64GetDatum(sign * tables);
		values[n++] = Int64GetDatum(reading.pending);
		values[n++] = BoolGetDatum(repair && commerce_escrow_correct(space, &reading, tables));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}
