/*
 * outbox.c: writing events. What is sent, and how often, is decided after commit and elsewhere; all that is done here
 * besides is to say at commit that there is something, as the trigger tell_sender does for events written by others.
 */
#include "outbox/outbox.h"

#include "base/plain_table.h"
#include "base/plan.h"
#include "base/resident.h"
#include "base/uuid.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#pragma GCC diagnostic pop

enum
{
	AGGREGATE,
	ID,
	TOPIC,
	PAYLOAD,
	CREATED_AT,
	COLUMNS
};

static const PlainColumn columns[COLUMNS] = {
	[AGGREGATE] = PLAIN("aggregate", TEXTOID),
	[ID] = {.name = "id", .type = UUIDOID, .by_default = "uuidv7"},
	[TOPIC] = PLAIN("topic", TEXTOID),
	[PAYLOAD] = PLAIN("payload", JSONBOID),
	[CREATED_AT] = {.name = "created_at", .type = TIMESTAMPTZOID, .by_default = "now"},
};

/* Stands in for the trigger that tells the sender. */
static bool
stands_in(Relation relation, const Trigger *trigger, const char *function)
{
	(void) relation;
	return strcmp(function, "tell_sender") == 0 && trigger->tgnargs == 0 && !TRIGGER_FOR_ROW(trigger->tgtype);
}

static PlainTable outbox = {
	.watch = {.table = "outbox"}, .columns = columns, .column_count = COLUMNS, .stands_in = stands_in};

static SavedPlan write_event = {
	.sql = "INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ($1, $2, $3)",
	.args = "text; text; jsonb"};

/* Begins to watch the table. */
void
commerce_outbox_init(void)
{
	commerce_plain_table_init(&outbox);
}

/* Writes an event without a statement, or says that it takes one. */
static bool
write_plainly(Datum topic, Datum aggregate, Datum payload)
{
	Relation table = commerce_plain_table_open(&outbox);
	const bool nulls[COLUMNS] = {false};
	Datum values[COLUMNS] = {
		[AGGREGATE] = aggregate,
		[TOPIC] = topic,
		[PAYLOAD] = payload,
		[CREATED_AT] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()),
	};
	bool written;

	if (table == NULL)
		return false;
	values[ID] = UUIDPGetDatum(commerce_uuidv7());
	written = commerce_plain_table_insert(&outbox, table, values, nulls);
	commerce_plain_table_close(&outbox, table);
	if (written)
		commerce_resident_wanted();
	return written;
}

/* Writes an event about an aggregate. */
void
commerce_emit(const char *topic, const char *aggregate, const Jsonb *payload)
{
	Datum values[] = {CStringGetTextDatum(aggregate), CStringGetTextDatum(topic), PointerGetDatum(payload)};

	if (!write_plainly(values[1], values[0], values[2]))
		(void) commerce_run(&write_event, PLAN_WRITES, values, NULL);
}
