/*
 * audit_change_sql.c: the trigger that notes every change of a row, on whatever table it stands.
 *
 * An entry holds what differs and no more: a changed price is two numbers, not two rows. Values are texts, as the type
 * writes them, because that is what an auditor reads and what stays the same whatever becomes of the type. What is
 * sealed, of type bytea and so perhaps a key or a hash, or called password_hash, is not repeated here, nor is what an
 * erasure has to be able to forget (forgotten.c): that it changed has to do.
 */
#include "base/pg.h"

#include "audit/audit.h"
#include "audit/forgotten.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/settings.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/pg_index.h"
#include "commands/trigger.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_audit_change);

/* What stands for a value that the log does not repeat. */
#define NOT_SHOWN "***"

/* A row before and after; either may be missing. */
typedef struct RowChange
{
	TupleDesc desc;
	const ForgottenColumn *forgotten; /* columns that are not repeated, NULL for none */
	HeapTuple before;
	HeapTuple after;
} RowChange;

/* Returns the columns of one of the shop's tables that an erasure forgets, NULL for none. */
static const ForgottenColumn *
forgotten_columns(Relation relation)
{
	const ForgottenColumn *columns = commerce_forgotten_of(RelationGetRelationName(relation));
	const char *schema = columns ? get_namespace_name(RelationGetNamespace(relation)) : NULL;

	return schema != NULL && strcmp(schema, "commerce") == 0 ? columns : NULL;
}

/* Returns whether values of the column are not for the log, in which they would stay when the row has others. */
static bool
is_secret(const RowChange *change, Form_pg_attribute attribute)
{
	Oid output;
	bool varlena;

	if (attribute->atttypid == BYTEAOID || strcmp(NameStr(attribute->attname), "password_hash") == 0 ||
		commerce_is_forgotten(change->forgotten, NameStr(attribute->attname)))
		return true;
	getTypeOutputInfo(attribute->atttypid, &output, &varlena);
	return output >= FirstNormalObjectId && strcmp(get_func_name(output), "sealed_out") == 0;
}

/* Returns whether a column differs. */
static bool
differs(const RowChange *change, int n)
{
	Form_pg_attribute attribute = TupleDescAttr(change->desc, n);
	bool was_null = true;
	bool is_null = true;
	Datum was = 0;
	Datum is = 0;

	if (attribute->attisdropped)
		return false;
	if (change->before)
		was = heap_getattr(change->before, n + 1, change->desc, &was_null);
	if (change->after)
		is = heap_getattr(change->after, n + 1, change->desc, &is_null);
	if (was_null || is_null)
		return was_null != is_null;
	return !datum_image_eq(was, is, attribute->attbyval, attribute->attlen);
}

/* Returns a column's value as text, NULL for NULL; of moments in the one form that means the same everywhere. */
static char *
text_of(HeapTuple row, TupleDesc desc, int n)
{
	Oid type = TupleDescAttr(desc, n)->atttypid;
	char moment[MAXDATELEN + 1];
	bool isnull;
	Datum value;

	if (type != DATEOID && type != TIMESTAMPOID && type != TIMESTAMPTZOID)
		return SPI_getvalue(row, desc, n + 1);
	value = heap_getattr(row, n + 1, desc, &isnull);
	return isnull ? NULL : pstrdup(JsonEncodeDateTime(moment, value, type, NULL));
}

/* Writes the columns that differ as one of the two rows has them; returns how many. */
static int
write_side(JsonWriter *writer, const RowChange *change, HeapTuple row, const char *side)
{
	int count = 0;

	if (row == NULL)
		return 0;
	commerce_json_key(writer, side);
	commerce_json_object(writer);
	for (int n = 0; n < change->desc->natts; n++)
	{
		Form_pg_attribute attribute = TupleDescAttr(change->desc, n);
		char *value;

		if (!differs(change, n))
			continue;
		count++;
		value = text_of(row, change->desc, n);
		commerce_json_key(writer, NameStr(attribute->attname));
		commerce_json_string(writer, value && is_secret(change, attribute) ? NOT_SHOWN : value);
	}
	commerce_json_end_object(writer);
	return count;
}

/* Adds a column's value to the subject. */
static char *
add_value(char *subject, TupleDesc desc, HeapTuple row, int number)
{
	char *value = SPI_getvalue(row, desc, number);

	if (value == NULL)
		value = "";
	return subject ? psprintf("%s,%s", subject, value) : pstrdup(value);
}

/* Returns the primary key of a row, its columns with commas between them; NULL where the table has none. */
static char *
key_of(Relation relation, HeapTuple row)
{
	HeapTuple index;
	char *subject = NULL;
	Oid relid;

	(void) RelationGetIndexList(relation); /* finds the primary key, too */
	relid = relation->rd_pkindex;
	if (!OidIsValid(relid))
		return NULL;
	index = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(relid));
	if (HeapTupleIsValid(index))
	{
		Form_pg_index form = (Form_pg_index) GETSTRUCT(index);

		for (int i = 0; i < form->indnkeyatts; i++)
			subject = add_value(subject, RelationGetDescr(relation), row, form->indkey.values[i]);
		ReleaseSysCache(index);
	}
	return subject;
}

/* Returns whom or what the change is about: the column that the trigger names, else the primary key. */
static char *
subject_of(const TriggerData *data, HeapTuple row)
{
	const Trigger *trigger = data->tg_trigger;
	TupleDesc desc = RelationGetDescr(data->tg_relation);
	int number;

	if (trigger->tgnargs == 0)
		return key_of(data->tg_relation, row);
	number = SPI_fnumber(desc, trigger->tgargs[0]);
	if (number <= 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("the audited table has no column \"%s\"", trigger->tgargs[0]),
						errhint("Call commerce.audit_table() again.")));
	return add_value(NULL, desc, row, number);
}

/* Returns the name of the kind of change. */
static const char *
kind_of(TriggerEvent event)
{
	return TRIGGER_FIRED_BY_INSERT(event)   ? "insert"
		   : TRIGGER_FIRED_BY_UPDATE(event) ? "update"
		   : TRIGGER_FIRED_BY_DELETE(event) ? "delete"
											: "truncate";
}

/* Notes the change of a row; one that changes nothing is none. */
static void
note_row(const TriggerData *data, AuditFacts *facts)
{
	RowChange change = {.desc = RelationGetDescr(data->tg_relation),
						.forgotten = forgotten_columns(data->tg_relation)};
	JsonWriter detail = JSON_WRITER_INIT;
	int count;

	if (!TRIGGER_FIRED_BY_INSERT(data->tg_event))
		change.before = data->tg_trigtuple;
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		change.after = data->tg_trigtuple;
	else if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		change.after = data->tg_newtuple;
	commerce_json_object(&detail);
	count = write_side(&detail, &change, change.before, "old");
	count = Max(count, write_side(&detail, &change, change.after, "new"));
	commerce_json_end_object(&detail);
	if (count == 0)
		return;
	facts->subject = subject_of(data, change.after ? change.after : change.before);
	facts->detail = commerce_json_finish(&detail);
	commerce_audit(facts);
}

/*
 * Notes it with texts that do not depend on the session's settings: of a range of times in another style nobody could say
 * later which day was meant. Most sessions have these settings anyway.
 */
static void
note_row_alike(const TriggerData *data, AuditFacts *facts)
{
	int level;

	if (DateStyle == USE_ISO_DATES && IntervalStyle == INTSTYLE_POSTGRES && extra_float_digits > 0)
	{
		note_row(data, facts);
		return;
	}
	level = NewGUCNestLevel();
	(void) set_config_option("datestyle", "ISO", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("intervalstyle", "postgres", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
	(void) set_config_option("extra_float_digits", "1", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
	note_row(data, facts);
	AtEOXact_GUC(true, level);
}

/* The trigger: AFTER, FOR EACH ROW, and FOR EACH STATEMENT for TRUNCATE. */
Datum
commerce_audit_change(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	AuditFacts facts = {0};

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		TRIGGER_FIRED_FOR_ROW(data->tg_event) == TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function audits as an AFTER trigger FOR EACH ROW"),
						errhint("Create it by commerce.audit_table().")));
	if (!commerce_audit_changes)
		return PointerGetDatum(NULL);
	facts.kind = kind_of(data->tg_event);
	facts.relation = psprintf("%s.%s", get_namespace_name(RelationGetNamespace(data->tg_relation)),
							  RelationGetRelationName(data->tg_relation));
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		commerce_audit(&facts);
	else
		note_row_alike(data, &facts);
	return PointerGetDatum(NULL);
}
