/*
 * row.c: reading rows of user-owned tables in triggers.
 */
#include "base/row.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "commands/trigger.h"
#include "parser/parse_coerce.h"
#include "utils/rel.h"
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

/* Tells which row a trigger counts. */
TupleDesc
commerce_changed_row(FunctionCallInfo fcinfo, const char *what, HeapTuple *before, HeapTuple *after)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_AFTER(trigger->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function counts %s as an AFTER trigger FOR EACH ROW", what)));
	*before = TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ? NULL : trigger->tg_trigtuple;
	*after = NULL;
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		*after = trigger->tg_trigtuple;
	else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		*after = trigger->tg_newtuple;
	return RelationGetDescr(trigger->tg_relation);
}
