/*
 * attachment.c: which column a trigger guards, and what can be known once for all rows of a statement.
 *
 * A trigger's arguments are texts and do not follow when a column is renamed. So attach_state_machine() makes two
 * triggers: one for each row, which judges, and one for each statement, BEFORE UPDATE OF the column, which costs nothing
 * a row and whose definition names the column the way the server keeps names: it follows a rename, pg_dump writes it
 * out, and neither DROP COLUMN nor ALTER COLUMN TYPE, which could change every state unseen, gets past it. The row
 * trigger finds its column there. On a partition it looks at the table at the root, which alone has triggers for
 * statements; columns of partitions are renamed with those of the root.
 *
 * The statement trigger has an office of its own: triggers for rows are not inherited, so an UPDATE of a parent would
 * change the rows of a child that nobody has attached. It refuses to.
 */
#include "order/attachment.h"

#include "base/errors.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_index.h"
#include "catalog/pg_trigger.h"
#include "parser/parse_coerce.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_state_machine_column);

/* Returns whether a trigger is the one for statements that belongs to the row trigger of this name. */
static bool
names_column_of(const Trigger *trigger, const char *row_trigger)
{
	return trigger->tgnattr == 1 && trigger->tgnargs == 1 && TRIGGER_FOR_UPDATE(trigger->tgtype) &&
		   !TRIGGER_FOR_ROW(trigger->tgtype) && strcmp(trigger->tgargs[0], row_trigger) == 0;
}

/* Finds the column that the row trigger of this name guards in the table; 0 for none. */
static AttrNumber
column_in(Relation relation, const char *row_trigger)
{
	const TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (names_column_of(&triggers->triggers[i], row_trigger))
			return triggers->triggers[i].tgattr[0];
	return 0;
}

/* Finds the column that a row trigger guards, in the table itself or, for a partition, in the one at its root. */
AttrNumber
commerce_guarded_column(Relation relation, const Trigger *trigger)
{
	AttrNumber attribute = column_in(relation, trigger->tgname);
	List *ancestors;
	Relation root;
	char *name = NULL;

	if (attribute > 0 || !relation->rd_rel->relispartition)
		return attribute;
	ancestors = get_partition_ancestors(RelationGetRelid(relation));
	for (int i = 0; i < list_length(ancestors) && name == NULL; i++)
	{
		root = table_open(list_nth_oid(ancestors, i), AccessShareLock);
		attribute = column_in(root, trigger->tgname);
		if (attribute > 0)
			name = pstrdup(NameStr(TupleDescAttr(RelationGetDescr(root), attribute - 1)->attname));
		table_close(root, AccessShareLock);
	}
	return name ? get_attnum(RelationGetRelid(relation), name) : 0;
}

/* Finds a row trigger that fires after a machine's, but for another machine's. */
const Trigger *
commerce_later_trigger(Relation relation, const Trigger *trigger, int16 moment)
{
	const TriggerDesc *triggers = relation->trigdesc;

	for (int i = triggers->numtriggers - 1; i > 0 && triggers->triggers[i].tgoid != trigger->tgoid; i--)
	{
		const Trigger *other = &triggers->triggers[i];

		if (other->tgfoid != trigger->tgfoid && TRIGGER_FOR_BEFORE(other->tgtype) &&
			TRIGGER_FOR_ROW(other->tgtype) && (other->tgtype & moment) &&
			other->tgenabled != TRIGGER_DISABLED)
			return other;
	}
	return NULL;
}

/* Finds out how the column becomes text: as a cast to text does it. */
static void
find_text_form(Attachment *attachment, Oid type)
{
	Oid base = getBaseType(type);
	Oid function = InvalidOid;
	bool varlena;

	if (base == TEXTOID || base == VARCHAROID)
	{
		attachment->form = FORM_TEXT;
		return;
	}
	attachment->form = FORM_OUTPUT;
	if (find_coercion_pathway(TEXTOID, base, COERCION_EXPLICIT, &function) == COERCION_PATH_FUNC &&
		get_func_nargs(function) == 1)
		attachment->form = FORM_FUNCTION;
	else
		getTypeOutputInfo(base, &function, &varlena);
	fmgr_info_cxt(function, &attachment->to_text, attachment->memory);
}

/* Notes the columns of the primary key. */
static void
find_key(Attachment *attachment, Relation relation)
{
	HeapTuple index;
	Form_pg_index form;

	list_free(RelationGetIndexList(relation)); /* makes rd_pkindex known */
	index = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(relation->rd_pkindex));
	if (!HeapTupleIsValid(index))
		return;
	form = (Form_pg_index) GETSTRUCT(index);
	for (int i = 0; i < form->indnkeyatts; i++)
	{
		AttrNumber key = form->indkey.values[i];
		Oid output;
		bool varlena;

		getTypeOutputInfo(TupleDescAttr(RelationGetDescr(relation), key - 1)->atttypid, &output, &varlena);
		fmgr_info_cxt(output, &attachment->key_outputs[attachment->key_count], attachment->memory);
		attachment->keys[attachment->key_count++] = key;
	}
	ReleaseSysCache(index);
}

/* Refuses to work where the column is no longer known. */
pg_noreturn static void
refuse_lost_column(Relation relation, const Trigger *trigger)
{
	const char *table = RelationGetRelationName(relation);

	ereport(
		ERROR,
		(errcode(ERRCODE_UNDEFINED_COLUMN),
		 errmsg("trigger \"%s\" of table \"%s\" no longer knows its column", trigger->tgname, table),
		 commerce_errfacts("table", table, "trigger", trigger->tgname, "column", trigger->tgargs[1], NULL),
		 errhint("After DROP COLUMN … CASCADE: SELECT commerce.detach_state_machine('%s', '%s'). Otherwise "
				 "attach "
				 "the machine anew.",
				 table, trigger->tgargs[1])));
}

/* Describes the column that a trigger guards. */
static Attachment *
describe(const TriggerData *data, MemoryContext memory)
{
	MemoryContext caller = MemoryContextSwitchTo(memory);
	Attachment *attachment = palloc0(sizeof(Attachment));
	Relation relation = data->tg_relation;
	Form_pg_attribute column;

	attachment->memory = memory;
	attachment->change_memory =
		AllocSetContextCreate(memory, "commerce change of state", ALLOCSET_SMALL_SIZES);
	attachment->attribute = commerce_guarded_column(relation, data->tg_trigger);
	if (attachment->attribute <= 0)
		refuse_lost_column(relation, data->tg_trigger);
	column = TupleDescAttr(RelationGetDescr(relation), attachment->attribute - 1);
	attachment->by_value = column->attbyval;
	attachment->length = column->attlen;
	find_text_form(attachment, column->atttypid);
	find_key(attachment, relation);
	attachment->relation = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
													  RelationGetRelationName(relation));
	MemoryContextSwitchTo(caller);
	return attachment;
}

/* Returns what the trigger needs to know; kept with the function call information, which lives for the statement. */
Attachment *
commerce_attachment(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = describe((TriggerData *) fcinfo->context, fcinfo->flinfo->fn_mcxt);
	return fcinfo->flinfo->fn_extra;
}

/* Looks the machine up where that has not been done since any changed. */
void
commerce_attachment_machine(Attachment *attachment, const char *name)
{
	uint64 version = commerce_machines_version();

	if (attachment->version == version)
		return;
	attachment->machine = commerce_machine(name);
	attachment->version = version;
	attachment->has_change = false;
	attachment->recorded = NULL;
}

/* Returns the state in a value of the column as text, the way a cast to text writes it. */
char *
commerce_state_text(Attachment *attachment, Datum value)
{
	switch (attachment->form)
	{
		case FORM_TEXT: return TextDatumGetCString(value);
		case FORM_FUNCTION: return TextDatumGetCString(FunctionCall1(&attachment->to_text, value));
		case FORM_OUTPUT: break;
	}
	return OutputFunctionCall(&attachment->to_text, value);
}

/* Returns whether a table has a row trigger of ours that is not disabled. */
static bool
is_guarded(Oid relid, Oid judge)
{
	Relation relation = table_open(relid, AccessShareLock);
	const TriggerDesc *triggers = relation->trigdesc;
	bool guarded = false;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers && !guarded; i++)
		guarded =
			triggers->triggers[i].tgfoid == judge && triggers->triggers[i].tgenabled != TRIGGER_DISABLED;
	table_close(relation, AccessShareLock);
	return guarded;
}

/* Returns the function of a table's trigger of this name. */
static Oid
function_of(Relation relation, const char *name)
{
	const TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; i < triggers->numtriggers; i++)
		if (strcmp(triggers->triggers[i].tgname, name) == 0)
			return triggers->triggers[i].tgfoid;
	return InvalidOid;
}

/* Trigger state_machine_column(trigger) names the column, and lets no UPDATE reach a child that has no machine. */
Datum
commerce_state_machine_column(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	List *children;
	ListCell *cell;
	Oid judge;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_STATEMENT(data->tg_event) ||
		data->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("state_machine_column(trigger) is a BEFORE UPDATE OF column statement trigger"),
				 errhint("Create it with commerce.attach_state_machine().")));
	if (!data->tg_relation->rd_rel->relhassubclass ||
		data->tg_relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		return PointerGetDatum(NULL);
	judge = function_of(data->tg_relation, data->tg_trigger->tgargs[0]);
	children = find_all_inheritors(RelationGetRelid(data->tg_relation), NoLock, NULL);
	foreach (cell, children)
		if (!is_guarded(lfirst_oid(cell), judge))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TRANSITION),
					 errmsg("table \"%s\" inherits from \"%s\" and has no state machine",
							get_rel_name(lfirst_oid(cell)), RelationGetRelationName(data->tg_relation)),
					 commerce_errfacts("table", RelationGetRelationName(data->tg_relation), "child",
									   get_rel_name(lfirst_oid(cell)), NULL),
					 errhint("Attach it there, too: triggers for rows are not inherited.")));
	return PointerGetDatum(NULL);
}
