/*
 * machine_trigger.c: the trigger that no state change gets around.
 *
 * It runs before the row is written, after every other such trigger: only then has the new state its final value, and
 * only then is it certain that the row will be written. Its name begins with "~" to be the last (triggers fire by
 * name), and it refuses to work where one fires after it. An UPDATE locks the row before its triggers run, so what is
 * judged here is the newest version of the row also when others change it.
 *
 * What a transition brings with it happens here too, for every path that takes it: guard, role, history, event, effect.
 */
#include "base/pg.h"

#include "base/errors.h"
#include "base/owner.h"
#include "base/plan.h"
#include "order/event.h"
#include "order/machine.h"
#include "outbox/outbox.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/pg_index.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_enforce_state_machine);

const PendingEvent *commerce_pending_event = NULL;

/* The primary key of a row: its first column, the others (NULL for none), and all of them as JSON being written. */
typedef struct Key
{
	char *subject;
	char *item;
	JsonWriter payload;
} Key;

static SavedPlan write_history = {
	.sql = "INSERT INTO commerce.state_history"
		   " (subject, relation, machine, event, from_state, to_state, actor, detail, item)"
		   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	.args = "text; text; text; text; text; text; text; jsonb; text"};

/* Refuses to judge a row that another trigger may still change. */
static void
require_last(const TriggerData *data)
{
	const TriggerDesc *triggers = data->tg_relation->trigdesc;
	int16 moment = data->tg_trigger->tgtype & (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE);
	int i = triggers->numtriggers - 1;

	for (; triggers->triggers[i].tgoid != data->tg_trigger->tgoid && i > 0; i--)
	{
		const Trigger *other = &triggers->triggers[i];

		if (other->tgfoid != data->tg_trigger->tgfoid && TRIGGER_FOR_BEFORE(other->tgtype) &&
			TRIGGER_FOR_ROW(other->tgtype) && (other->tgtype & moment) &&
			other->tgenabled != TRIGGER_DISABLED)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_TRANSITION),
				 errmsg("trigger \"%s\" of table \"%s\" fires after its state machine and could bypass it",
						other->tgname, RelationGetRelationName(data->tg_relation)),
				 commerce_errfacts("table", RelationGetRelationName(data->tg_relation), "trigger",
								   other->tgname, NULL),
				 errhint("Rename it so that it sorts before \"%s\".", data->tg_trigger->tgname)));
	}
}

/* Returns the state in a row as text; a null state is refused. */
static char *
state_of(HeapTuple row, TupleDesc desc, int attribute)
{
	bool isnull;
	Datum value = heap_getattr(row, attribute, desc, &isnull);
	Oid type = TupleDescAttr(desc, attribute - 1)->atttypid;
	Oid output;
	bool varlena;

	if (isnull)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSITION), errmsg("a state must not be null"),
						commerce_errfacts("state", NULL, NULL),
						errhint("Every row begins in one of the machine's states.")));
	if (type == TEXTOID || type == VARCHAROID)
		return TextDatumGetCString(value);
	getTypeOutputInfo(type, &output, &varlena);
	return OidOutputFunctionCall(output, value);
}

/* Reads the primary key of a row; the first column of it names the subject, as it would name the shard. */
static Key
key_of(Relation relation, HeapTuple row)
{
	TupleDesc desc = RelationGetDescr(relation);
	Key key = {.payload = JSON_WRITER_INIT, .subject = "", .item = NULL};
	HeapTuple index;
	int2vector *columns;

	commerce_json_object(&key.payload);
	list_free(RelationGetIndexList(relation)); /* makes rd_pkindex known */
	index = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(relation->rd_pkindex));
	if (!HeapTupleIsValid(index))
		return key;
	columns = &((Form_pg_index) GETSTRUCT(index))->indkey;
	for (int n = 0; n < ((Form_pg_index) GETSTRUCT(index))->indnkeyatts; n++)
	{
		int attribute = columns->values[n];
		char *value = SPI_getvalue(row, desc, attribute);

		commerce_json_key(&key.payload, NameStr(TupleDescAttr(desc, attribute - 1)->attname));
		commerce_json_string(&key.payload, value);
		if (n == 0)
			key.subject = value;
		else
			key.item = key.item ? psprintf("%s,%s", key.item, value) : value;
	}
	ReleaseSysCache(index);
	return key;
}

/* Returns a row as jsonb, for guards and effects. */
static Datum
row_as_jsonb(HeapTuple row, TupleDesc desc)
{
	Datum json = DirectFunctionCall1(row_to_json, heap_copy_tuple_as_datum(row, desc));

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(json)));
}

/*
 * Finds a guard or effect by its name, anew for each call: it may have been dropped and created again, and one that is
 * gone for good stops the transitions that name it and no others.
 */
static Oid
find_hook(const char *name)
{
	static const Oid arguments[] = {JSONBOID, TEXTOID, JSONBOID};
	OwnerScope scope;
	Oid function;

	commerce_enter_owner(&scope);
	function = LookupFuncName(commerce_qualified_name(name), lengthof(arguments), arguments, false);
	commerce_leave_owner(&scope);
	return function;
}

/* Returns an object without members: the detail of an event that came without one. */
static Datum
no_detail(void)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
}

/*
 * Calls a guard or effect; a null result counts as false. No argument is ever null, so that a strict function is called
 * like any other: one skipped in silence would be an effect lost.
 */
static bool
call_hook(Oid function, Datum row, const char *event, const Jsonb *detail)
{
	FmgrInfo info;
	LOCAL_FCINFO(call, 3);
	Datum result;

	fmgr_info(function, &info);
	InitFunctionCallInfoData(*call, &info, 3, InvalidOid, NULL, NULL);
	call->args[0] = (NullableDatum){row, false};
	call->args[1] = (NullableDatum){CStringGetTextDatum(event), false};
	call->args[2] = (NullableDatum){detail ? PointerGetDatum(detail) : no_detail(), false};
	result = FunctionCallInvoke(call);
	return !call->isnull && DatumGetBool(result);
}

/* Raises CM012 unless the session acts as a member of the transition's role. */
static void
check_role(const Machine *machine, const Transition *transition)
{
	Oid role;

	if (transition->role == NULL)
		return;
	role = get_role_oid(transition->role, false);
	if (!commerce_caller_is_member(role))
		ereport(ERROR,
				(errcode(ERRCODE_ROLE_REFUSED),
				 errmsg("event \"%s\" is reserved to role \"%s\"", transition->event, transition->role),
				 commerce_errfacts("machine", machine->name, "state", transition->from, "event",
								   transition->event, "role", transition->role, NULL),
				 errhint("Ask a member of that role.")));
}

/*
 * Asks a guard, with a snapshot of its own: an UPDATE that has waited for the row still has the one from before it
 * waited, and a stable function would judge the row by tables as they were then.
 */
static bool
ask_guard(Oid guard, Datum row, const char *event, const Jsonb *detail)
{
	bool agrees;

	PushActiveSnapshot(GetTransactionSnapshot());
	agrees = call_hook(guard, row, event, detail);
	PopActiveSnapshot();
	return agrees;
}

/* Raises CM011 unless the transition's guard says yes. */
static void
check_guard(const Machine *machine, const Transition *transition, Datum row, const Jsonb *detail)
{
	Oid guard;

	if (transition->guard == NULL)
		return;
	guard = find_hook(transition->guard);
	if (get_func_rettype(guard) == BOOLOID && ask_guard(guard, row, transition->event, detail))
		return;
	ereport(ERROR, (errcode(ERRCODE_GUARD_REFUSED),
					errmsg("guard %s refuses event \"%s\"", get_func_name(guard), transition->event),
					commerce_errfacts("machine", machine->name, "state", transition->from, "event",
									  transition->event, "guard", get_func_name(guard), NULL),
					errhint("DETAIL names the guard; its comment says what it asks for.")));
}

/* Writes the history row and, where the transition has a topic, the event for the outside world. */
static void
record(Relation relation, const Machine *machine, const Transition *transition, Key *key, const Jsonb *detail)
{
	const char *actor = GetUserNameFromId(GetOuterUserId(), false);
	const char *schema = get_namespace_name(RelationGetNamespace(relation));
	const char *table = quote_qualified_identifier(schema, RelationGetRelationName(relation));
	char nulls[] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', detail ? ' ' : 'n', key->item ? ' ' : 'n'};
	OwnerScope scope;

	commerce_enter_owner(&scope);
	(void) commerce_run(&write_history, PLAN_WRITES,
						(Datum[]){CStringGetTextDatum(key->subject), CStringGetTextDatum(table),
								  CStringGetTextDatum(machine->name), CStringGetTextDatum(transition->event),
								  CStringGetTextDatum(transition->from), CStringGetTextDatum(transition->to),
								  CStringGetTextDatum(actor), PointerGetDatum(detail),
								  key->item ? CStringGetTextDatum(key->item) : (Datum) 0},
						nulls);
	if (transition->topic)
	{
		commerce_json_key(&key->payload, "event");
		commerce_json_string(&key->payload, transition->event);
		commerce_json_key(&key->payload, "from");
		commerce_json_string(&key->payload, transition->from);
		commerce_json_key(&key->payload, "to");
		commerce_json_string(&key->payload, transition->to);
		commerce_json_end_object(&key->payload);
		/* The shop's own keys are unique among all its tables; those of others are so with the table's name. */
		commerce_emit(transition->topic,
					  strcmp(schema, "commerce") == 0 ? key->subject : psprintf("%s:%s", table, key->subject),
					  commerce_json_finish(&key->payload));
	}
	commerce_leave_owner(&scope);
}

/* Returns whether an event is meant for this row. */
static bool
is_for(const PendingEvent *pending, const Machine *machine, const Key *key)
{
	return pending && strcmp(pending->machine, machine->name) == 0 &&
		   strcmp(pending->id, key->item ? key->item : key->subject) == 0;
}

/* Judges one change of state; returns only when it is allowed, with all that belongs to it done. */
static void
take_transition(const TriggerData *data, const Machine *machine, const char *from, const char *to)
{
	Relation relation = data->tg_relation;
	Key key = key_of(relation, data->tg_newtuple);
	const PendingEvent *pending = commerce_pending_event;
	const Transition *transition = NULL;
	const Jsonb *detail = NULL;
	Datum row = (Datum) 0;

	if (is_for(pending, machine, &key))
	{
		transition = commerce_transition_by_event(machine, from, pending->event);
		if (transition && strcmp(transition->to, to) != 0)
			transition = NULL;
		detail = pending->detail;
	}
	if (transition == NULL)
		transition = commerce_transition_between(machine, from, to);
	if (transition == NULL)
		commerce_refuse_transition(machine, from, NULL, to);
	check_role(machine, transition);
	if (transition->guard || transition->effect)
		row = row_as_jsonb(data->tg_newtuple, RelationGetDescr(relation));
	check_guard(machine, transition, row, detail);
	record(relation, machine, transition, &key, detail);
	if (transition->effect)
		(void) call_hook(find_hook(transition->effect), row, transition->event, detail);
}

/* Trigger enforce_state_machine(machine, column) lets through only what the machine allows. */
Datum
commerce_enforce_state_machine(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc desc;
	const Machine *machine;
	HeapTuple row;
	int attribute;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event) ||
		data->tg_trigger->tgnargs != 2)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("enforce_state_machine(machine, column) is a BEFORE INSERT OR UPDATE row trigger"),
				 errhint("Create it with commerce.attach_state_machine().")));
	desc = RelationGetDescr(data->tg_relation);
	attribute = SPI_fnumber(desc, data->tg_trigger->tgargs[1]);
	if (attribute <= 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("table \"%s\" has no column \"%s\"",
							   RelationGetRelationName(data->tg_relation), data->tg_trigger->tgargs[1])));
	require_last(data);
	row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
	{
		Form_pg_attribute column = TupleDescAttr(desc, attribute - 1);
		bool old_null;
		bool new_null;
		Datum before = heap_getattr(data->tg_trigtuple, attribute, desc, &old_null);
		Datum after = heap_getattr(row, attribute, desc, &new_null);

		if (!old_null && !new_null && datum_image_eq(before, after, column->attbyval, column->attlen))
			return PointerGetDatum(row);
	}
	SPI_connect();
	machine = commerce_machine(data->tg_trigger->tgargs[0]);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		take_transition(data, machine, state_of(data->tg_trigtuple, desc, attribute),
						state_of(row, desc, attribute));
	else if (!commerce_machine_has_state(machine, state_of(row, desc, attribute)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSITION),
				 errmsg("machine \"%s\" has no state \"%s\"", machine->name, state_of(row, desc, attribute)),
				 commerce_errfacts("machine", machine->name, "state", state_of(row, desc, attribute), NULL),
				 errhint("SELECT commerce.state_machine_diagram('%s') shows its states.", machine->name)));
	SPI_finish();
	return PointerGetDatum(row);
}
