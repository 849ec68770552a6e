/*
 * history.c: what a change of state leaves behind: a row of history, and an event where the transition has a topic.
 *
 * A statement that changes 200,000 states writes 200,000 rows of history, so that what one costs counts: it is stored
 * without a statement wherever that makes no difference, and by one where the table is not plain.
 */
#include "order/change.h"
#include "order/history.h"

#include "base/owner.h"
#include "base/plain_table.h"
#include "base/uuid.h"
#include "outbox/outbox.h"

enum
{
	SUBJECT,
	ID,
	RELATION,
	ITEM,
	MACHINE,
	EVENT,
	FROM_STATE,
	TO_STATE,
	ACTOR,
	DETAIL,
	HAPPENED_AT,
	COLUMNS
};

static const PlainColumn columns[COLUMNS] = {
	[SUBJECT] = PLAIN("subject", TEXTOID),
	[ID] = PLAIN("id", UUIDOID),
	[RELATION] = PLAIN("relation", TEXTOID),
	[ITEM] = PLAIN("item", TEXTOID),
	[MACHINE] = PLAIN("machine", TEXTOID),
	[EVENT] = PLAIN("event", TEXTOID),
	[FROM_STATE] = PLAIN("from_state", TEXTOID),
	[TO_STATE] = PLAIN("to_state", TEXTOID),
	[ACTOR] = PLAIN("actor", TEXTOID),
	[DETAIL] = PLAIN("detail", JSONBOID),
	[HAPPENED_AT] = PLAIN("happened_at", TIMESTAMPTZOID),
};

static SavedPlan write_history = {
	.sql = "INSERT INTO commerce.state_history"
		   " (subject, id, relation, item, machine, event, from_state, to_state, actor, detail, happened_at)"
		   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
	.args = "text; uuid; text; text; text; text; text; text; text; jsonb; timestamptz"};

static PlainTable history = {.watch = {.table = "state_history"},
							 .columns = columns,
							 .column_count = COLUMNS,
							 .statement = &write_history};

/* Begins to watch the table of history. */
void
commerce_history_init(void)
{
	commerce_plain_table_init(&history);
}

/* Returns one column of a row's primary key as text; "" where it is NULL, which the server refuses after the trigger. */
static char *
key_text(const StateChange *change, int n)
{
	bool isnull;
	Datum value =
		heap_getattr(change->row, change->attachment->keys[n], RelationGetDescr(change->relation), &isnull);

	return isnull ? pstrdup("") : OutputFunctionCall(&change->attachment->key_outputs[n], value);
}

/* The primary key of a row: its first column names the subject, as it would name the shard; the others the item. */
static char *
subject_of(const StateChange *change)
{
	return change->attachment->key_count > 0 ? key_text(change, 0) : pstrdup("");
}

/* Returns the other columns of the key with commas between them, NULL where there are none. */
static char *
item_of(const StateChange *change)
{
	char *item = NULL;

	for (int n = 1; n < change->attachment->key_count; n++)
		item = item ? psprintf("%s,%s", item, key_text(change, n)) : key_text(change, n);
	return item;
}

/* Returns the texts that the history of every row says that takes this transition. */
static const Datum *
texts_of(const StateChange *change)
{
	Attachment *attachment = change->attachment;
	const Transition *transition = change->transition;
	Datum *texts = attachment->recorded_texts;
	Oid actor = GetOuterUserId();
	MemoryContext caller;

	if (attachment->recorded == transition && attachment->recorded_actor == actor)
		return texts;
	for (int i = 0; attachment->recorded != NULL && i < HISTORY_TEXTS; i++)
		pfree(DatumGetPointer(texts[i]));
	attachment->recorded = NULL;
	caller = MemoryContextSwitchTo(attachment->change_memory);
	texts[HISTORY_RELATION] = CStringGetTextDatum(attachment->relation);
	texts[HISTORY_MACHINE] = CStringGetTextDatum(attachment->machine->name);
	texts[HISTORY_EVENT] = CStringGetTextDatum(transition->event);
	texts[HISTORY_FROM] = CStringGetTextDatum(transition->from);
	texts[HISTORY_TO] = CStringGetTextDatum(transition->to);
	texts[HISTORY_ACTOR] = CStringGetTextDatum(GetUserNameFromId(actor, false));
	MemoryContextSwitchTo(caller);
	attachment->recorded = transition;
	attachment->recorded_actor = actor;
	return texts;
}

/* Writes the history of a change. */
static void
write_change(const StateChange *change)
{
	const Datum *texts = texts_of(change);
	char *item = item_of(change);
	bool nulls[COLUMNS] = {[ITEM] = item == NULL, [DETAIL] = change->detail == NULL};
	Datum values[COLUMNS] = {
		[SUBJECT] = CStringGetTextDatum(subject_of(change)),
		[ID] = UUIDPGetDatum(commerce_uuidv7()),
		[RELATION] = texts[HISTORY_RELATION],
		[ITEM] = item ? CStringGetTextDatum(item) : (Datum) 0,
		[MACHINE] = texts[HISTORY_MACHINE],
		[EVENT] = texts[HISTORY_EVENT],
		[FROM_STATE] = texts[HISTORY_FROM],
		[TO_STATE] = texts[HISTORY_TO],
		[ACTOR] = texts[HISTORY_ACTOR],
		[DETAIL] = PointerGetDatum(change->detail),
		[HAPPENED_AT] = TimestampTzGetDatum(GetCurrentTimestamp()),
	};

	commerce_plain_table_write(&history, values, nulls, false);
}

/* Writes the history of an order that is placed: before it there was nothing. */
void
commerce_record_placing(const char *order)
{
	bool nulls[COLUMNS] = {[ITEM] = true, [FROM_STATE] = true, [DETAIL] = true};
	Datum values[COLUMNS] = {
		[SUBJECT] = CStringGetTextDatum(order),
		[ID] = UUIDPGetDatum(commerce_uuidv7()),
		[RELATION] = CStringGetTextDatum("commerce.orders"),
		[MACHINE] = CStringGetTextDatum("order"),
		[EVENT] = CStringGetTextDatum("submit"),
		[TO_STATE] = CStringGetTextDatum("placed"),
		[ACTOR] = CStringGetTextDatum(GetUserNameFromId(GetOuterUserId(), false)),
		[HAPPENED_AT] = TimestampTzGetDatum(GetCurrentTimestamp()),
	};

	commerce_plain_table_write(&history, values, nulls, false);
}

/* Writes the event: the key of the row, column by column, and the change. */
static void
emit_change(const StateChange *change)
{
	const Transition *transition = change->transition;
	TupleDesc desc = RelationGetDescr(change->relation);
	bool own = strncmp(change->attachment->relation, "commerce.", strlen("commerce.")) == 0;
	char *subject = subject_of(change);
	JsonWriter payload = JSON_WRITER_INIT;
	OwnerScope scope;

	commerce_json_object(&payload);
	for (int n = 0; n < change->attachment->key_count; n++)
	{
		commerce_json_key(&payload, NameStr(TupleDescAttr(desc, change->attachment->keys[n] - 1)->attname));
		commerce_json_string(&payload, key_text(change, n));
	}
	commerce_json_key(&payload, "event");
	commerce_json_string(&payload, transition->event);
	commerce_json_key(&payload, "from");
	commerce_json_string(&payload, transition->from);
	commerce_json_key(&payload, "to");
	commerce_json_string(&payload, transition->to);
	commerce_json_end_object(&payload);
	SPI_connect();
	commerce_enter_owner(&scope);
	/* The shop's own keys are unique among all its tables; those of others are so with the table's name. */
	commerce_emit(transition->topic, own ? subject : psprintf("%s:%s", change->attachment->relation, subject),
				  commerce_json_finish(&payload));
	commerce_leave_owner(&scope);
	SPI_finish();
}

/* Writes the history of a change, unless the machine keeps none, and the event, where the transition has a topic. */
void
commerce_record_change(StateChange *change)
{
	if (change->attachment->machine->history)
		write_change(change);
	if (change->transition->topic)
		emit_change(change);
}
