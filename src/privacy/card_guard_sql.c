/*
 * card_guard_sql.c: the trigger that keeps payment card numbers out of a table.
 *
 * An UPDATE is asked about what it changes and no more, so that a row from before the guard can still be moved along.
 */
#include "base/pg.h"

#include "base/card_guard.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "utils/datum.h"
#include "utils/rel.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_refuse_card_numbers);

/* Returns the type whose values these are to the guard: a domain's own, and text for types made of it, as citext. */
static Oid
guarded_type(Oid type)
{
	char category;
	bool preferred;

	if (type < FirstNormalObjectId)
		return type;
	type = getBaseType(type);
	if (commerce_is_free_text(type) || get_typlen(type) != -1)
		return type;
	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_STRING ? TEXTOID : type;
}

/* Is the column one that the trigger's arguments leave out? */
static bool
is_left_out(const Trigger *trigger, const char *column)
{
	for (int i = 0; i < trigger->tgnargs; i++)
		if (strcmp(trigger->tgargs[i], column) == 0)
			return true;
	return false;
}

/* Looks into one column of the new row, unless an UPDATE leaves it as it was. */
static void
guard_column(const TriggerData *data, HeapTuple row, TupleDesc desc, int n)
{
	Form_pg_attribute attribute = TupleDescAttr(desc, n);
	Oid type = attribute->attisdropped ? InvalidOid : guarded_type(attribute->atttypid);
	Datum value;
	Datum before;
	bool isnull;

	if (!commerce_is_free_text(type))
		return;
	value = heap_getattr(row, n + 1, desc, &isnull);
	if (isnull || is_left_out(data->tg_trigger, NameStr(attribute->attname)))
		return;
	if (row == data->tg_newtuple)
	{
		before = heap_getattr(data->tg_trigtuple, n + 1, desc, &isnull);
		if (!isnull && datum_image_eq(before, value, attribute->attbyval, attribute->attlen))
			return;
	}
	commerce_refuse_card_value(NameStr(attribute->attname), value, type);
}

/* refuse_card_numbers(column to leave out, …) is a trigger BEFORE INSERT OR UPDATE FOR EACH ROW. */
Datum
commerce_refuse_card_numbers(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	HeapTuple row;
	TupleDesc desc;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
		!TRIGGER_FIRED_BEFORE(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("refuse_card_numbers() is a trigger BEFORE INSERT OR UPDATE FOR EACH ROW"),
						errhint("Create it with commerce.guard_card_numbers().")));
	row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	desc = RelationGetDescr(data->tg_relation);
	for (int n = 0; n < desc->natts; n++)
		guard_column(data, row, desc, n);
	return PointerGetDatum(row);
}
