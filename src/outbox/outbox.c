/*
 * outbox.c: writing events. What is sent, and how often, is decided after commit and elsewhere.
 */
#include "outbox/outbox.h"

#include "base/plan.h"

static SavedPlan write_event = {
	.sql = "INSERT INTO commerce.outbox (aggregate, topic, payload) VALUES ($1, $2, $3)",
	.args = "text; text; jsonb"};

/* Writes an event about an aggregate. */
void
commerce_emit(const char *topic, const char *aggregate, const Jsonb *payload)
{
	(void) commerce_run(
		&write_event, PLAN_WRITES,
		(Datum[]){CStringGetTextDatum(aggregate), CStringGetTextDatum(topic), PointerGetDatum(payload)},
		NULL);
}
