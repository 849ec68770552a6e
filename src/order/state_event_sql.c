/*
 * state_event_sql.c: firing an event at a row of any table that has a state machine.
 *
 * What order_event() is to orders, for tables that are known only when it is called. It runs with the caller's rights:
 * who may not UPDATE the column may not fire the event either.
 */
#include "base/pg.h"

#include "base/card_guard.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/owner.h"
#include "base/ready.h"
#include "order/attachment.h"
#include "order/event.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_state_event);

/* The column under a machine that an event is fired at, and how to say in SQL which row is meant. */
typedef struct Target
{
	const char *table;
	const char *name; /* of the table */
	const char *column;
	const char *type; /* of the column */
	AttrNumber attribute;
	const char *machine;
	const char *where; /* over $1, the key */
} Target;

/* Raises where the UPDATE did not find the row, or nobody judged it. */
void
commerce_require_judged(uint64 updated, const PendingEvent *event)
{
	if (updated != 1)
		ereport(ERROR, (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
						errmsg("a trigger kept the %s from changing its state", event->machine)));
	if (!event->judged)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSITION),
						errmsg("no state machine judged event \"%s\"", event->event),
						commerce_errfacts("machine", event->machine, "event", event->event, "table",
										  get_rel_name(event->table), NULL),
						errhint("Its trigger is disabled or gone: SELECT * FROM "
								"commerce.attached_state_machines().")));
}

/* Returns whether a trigger judges a column: every such trigger calls the one function. */
static bool
is_judge(const Trigger *trigger)
{
	char *function;

	if (!TRIGGER_FOR_ROW(trigger->tgtype) || trigger->tgnargs != 2)
		return false;
	function = get_func_name(trigger->tgfoid);
	return function != NULL && strcmp(function, "enforce_state_machine") == 0 &&
		   get_func_namespace(trigger->tgfoid) == get_namespace_oid("commerce", true);
}

/* Finds the machine and column that are meant: the only one of the table, or the one of that name. */
static void
find_target(Target *target, Relation relation, const char *column)
{
	const TriggerDesc *triggers = relation->trigdesc;
	TupleDesc desc = RelationGetDescr(relation);

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		AttrNumber attribute =
			is_judge(&triggers->triggers[i]) ? commerce_guarded_column(relation, &triggers->triggers[i]) : 0;
		const char *name = attribute > 0 ? NameStr(TupleDescAttr(desc, attribute - 1)->attname) : NULL;

		if (name == NULL || (column != NULL && strcmp(column, name) != 0))
			continue;
		if (target->column != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("table \"%s\" has several state machines", RelationGetRelationName(relation)),
					 errhint("Say which column is meant: \"column\" => '%s'.", name)));
		target->column = quote_identifier(pstrdup(name));
		target->type = format_type_with_typemod(TupleDescAttr(desc, attribute - 1)->atttypid,
												TupleDescAttr(desc, attribute - 1)->atttypmod);
		target->attribute = attribute;
		target->machine = pstrdup(triggers->triggers[i].tgargs[0]);
	}
	if (target->column == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("table \"%s\" has no state machine", RelationGetRelationName(relation)),
						errhint("Attach one with commerce.attach_state_machine().")));
}

/* Writes the part of a statement that finds the row by the members of the key. */
static char *
write_where(Relation relation, Jsonb *key)
{
	StringInfoData where;
	JsonbIterator *iterator = JsonbIteratorInit(&key->root);
	JsonbIteratorToken token;
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(key) || JB_ROOT_COUNT(key) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a key must be a JSON object with at least one member"),
						errhint("Name the row by the columns of its primary key: {\"id\": 7}.")));
	initStringInfo(&where);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char *name;
		AttrNumber attribute;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		attribute = get_attnum(RelationGetRelid(relation), name);
		if (attribute <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(relation), name)));
		appendStringInfo(&where, "%s%s = ($1 ->> %s)::%s", where.len > 0 ? " AND " : "",
						 quote_identifier(name), quote_literal_cstr(name),
						 format_type_be_qualified(get_atttype(RelationGetRelid(relation), attribute)));
	}
	return where.data;
}

/* Describes what the arguments mean. */
static Target
describe_target(Oid relid, Jsonb *key, const char *column)
{
	Relation relation = table_open(relid, RowExclusiveLock);
	Target target = {.column = NULL};

	target.name = pstrdup(RelationGetRelationName(relation));
	target.table =
		quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), target.name);
	find_target(&target, relation, column);
	target.where = write_where(relation, key);
	table_close(relation, NoLock);
	return target;
}

/* Sends a statement with the key and, where there is one, the new state. */
static uint64
send(const char *sql, Jsonb *key, const char *state)
{
	Oid types[] = {JSONBOID, TEXTOID};
	Datum values[] = {JsonbPGetDatum(key), state ? CStringGetTextDatum(state) : (Datum) 0};
	int code = SPI_execute_with_args(sql, state ? 2 : 1, types, values, NULL, false, 0);

	if (code < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(code));
	return SPI_processed;
}

/* Locks the row, says where it lies and returns its state. */
static char *
lock_row(const Target *target, Jsonb *key, PendingEvent *event)
{
	uint64 found = send(psprintf("SELECT %s::text, tableoid, ctid FROM %s WHERE %s FOR NO KEY UPDATE",
								 target->column, target->table, target->where),
						key, NULL);
	HeapTuple row;
	bool isnull;

	if (found != 1)
		ereport(ERROR, (errcode(found == 0 ? ERRCODE_NO_DATA_FOUND : ERRCODE_CARDINALITY_VIOLATION),
						found == 0 ? errmsg("table \"%s\" has no such row", target->name)
								   : errmsg("the key means several rows of table \"%s\"", target->name),
						errdetail("%s", JsonbToCString(NULL, &key->root, VARSIZE(key)))));
	row = SPI_tuptable->vals[0];
	event->table = DatumGetObjectId(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull));
	event->row = *(ItemPointer) DatumGetPointer(SPI_getbinval(row, SPI_tuptable->tupdesc, 3, &isnull));
	return SPI_getvalue(row, SPI_tuptable->tupdesc, 1);
}

/* Sends the UPDATE with the event pending, and forgets the event however that ends. Returns the new state. */
static char *
update_row(const Target *target, Jsonb *key, const char *to, PendingEvent *event)
{
	char *sql = psprintf("UPDATE %s SET %s = $2::%s WHERE %s RETURNING %s::text", target->table,
						 target->column, target->type, target->where, target->column);
	PendingEvent *outer = commerce_pending_event;
	uint64 updated = 0;

	commerce_pending_event = event;
	PG_TRY();
	{
		updated = send(sql, key, to);
	}
	PG_FINALLY();
	{
		commerce_pending_event = outer;
	}
	PG_END_TRY();
	commerce_require_judged(updated, event);
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* state_event(table, key, event, detail, column) */
Datum
commerce_state_event(PG_FUNCTION_ARGS)
{
	PendingEvent event = {.judged = false};
	const Machine *machine;
	const Transition *transition;
	OwnerScope scope;
	Target target;
	Jsonb *key;
	char *state;
	Datum result;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("table, key and event must not be null")));
	key = PG_GETARG_JSONB_P(1);
	event.event = text_to_cstring(PG_GETARG_TEXT_PP(2));
	event.detail = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3);
	commerce_refuse_card_number("event", event.event);
	if (event.detail)
		commerce_refuse_card_value("detail", JsonbPGetDatum(event.detail), JSONBOID);
	SPI_connect();
	commerce_enter_owner(&scope);
	commerce_require_shop();
	commerce_leave_owner(&scope);
	target = describe_target(PG_GETARG_OID(0), key, PG_ARGISNULL(4) ? NULL : NameStr(*PG_GETARG_NAME(4)));
	state = lock_row(&target, key, &event);
	if (state == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSITION), errmsg("a state must not be null")));
	machine = commerce_machine(target.machine);
	transition = commerce_transition_by_event(machine, state, event.event);
	if (transition == NULL)
		commerce_refuse_transition(machine, state, event.event, NULL);
	event.machine = machine->name;
	/* A partition may have its columns elsewhere; the row lies in the table that the event names. */
	event.attribute = get_attnum(event.table, get_attname(PG_GETARG_OID(0), target.attribute, false));
	result =
		SPI_datumTransfer(CStringGetTextDatum(update_row(&target, key, transition->to, &event)), false, -1);
	SPI_finish();
	PG_RETURN_DATUM(result);
}
