/*
 * event_sql.c: firing an event at an order, a payment, a balance, a fulfilment or a return.
 *
 * The event names the transition; the UPDATE makes it; the trigger judges it. The row is locked before its state is
 * read, so of two events at once the second is judged in the state that the first left.
 */
#include "base/pg.h"

#include "base/card_guard.h"
#include "base/errors.h"
#include "base/plan.h"
#include "order/event.h"
#include "order/machine.h"

PG_FUNCTION_INFO_V1(commerce_order_event);
PG_FUNCTION_INFO_V1(commerce_record_order_event);
PG_FUNCTION_INFO_V1(commerce_payment_event);
PG_FUNCTION_INFO_V1(commerce_balance_event);
PG_FUNCTION_INFO_V1(commerce_fulfilment_event);
PG_FUNCTION_INFO_V1(commerce_return_event);

/* A table whose rows have a state. */
typedef struct Stateful
{
	const char *machine;
	SavedPlan lock;
	SavedPlan update;
} Stateful;

static Stateful orders = {
	.machine = "order",
	.lock = {.sql = "SELECT state, tableoid, ctid FROM commerce.orders WHERE id = $1 FOR NO KEY UPDATE",
			 .args = "uuid"},
	.update = {.sql = "UPDATE commerce.orders SET state = $2 WHERE id = $1 RETURNING state",
			   .args = "uuid; text"},
};

static Stateful payments = {
	.machine = "payment",
	/* The order first, as everyone who moves money of an order locks it. */
	.lock = {.sql = "SELECT p.state, p.tableoid, p.ctid FROM commerce.orders o JOIN commerce.payments p ON "
					"p.order_id = o.id"
					" WHERE p.id = $1 FOR NO KEY UPDATE",
			 .args = "uuid"},
	.update = {.sql = "UPDATE commerce.payments SET state = $2 WHERE id = $1 RETURNING state",
			   .args = "uuid; text"},
};

static Stateful balances = {
	.machine = "balance",
	.lock = {.sql = "SELECT state, tableoid, ctid FROM commerce.balances WHERE id = $1 FOR NO KEY UPDATE",
			 .args = "uuid"},
	.update = {.sql = "UPDATE commerce.balances SET state = $2 WHERE id = $1 RETURNING state",
			   .args = "uuid; text"},
};

static Stateful fulfilments = {
	.machine = "fulfilment",
	/* The order first here, too, as everyone who moves goods of an order locks it. */
	.lock = {.sql =
				 "SELECT f.state, f.tableoid, f.ctid FROM commerce.orders o JOIN commerce.fulfilments f ON "
				 "f.order_id = o.id"
				 " WHERE f.id = $1 FOR NO KEY UPDATE",
			 .args = "uuid"},
	.update = {.sql = "UPDATE commerce.fulfilments SET state = $2 WHERE id = $1 RETURNING state",
			   .args = "uuid; text"},
};

static Stateful returns = {
	.machine = "return",
	.lock = {.sql = "SELECT r.state, r.tableoid, r.ctid FROM commerce.orders o JOIN commerce.returns r ON "
					"r.order_id = o.id"
					" WHERE r.id = $1 FOR NO KEY UPDATE",
			 .args = "uuid"},
	.update = {.sql = "UPDATE commerce.returns SET state = $2 WHERE id = $1 RETURNING state",
			   .args = "uuid; text"},
};

static SavedPlan edit_event = {.sql = "SELECT commerce.edit_event($1, $2, $3)", .args = "uuid; text; jsonb"};

/* Sends the UPDATE with the event pending, and forgets the event however that ends. Returns the new state. */
static Datum
update_state(Stateful *table, const pg_uuid_t *id, const char *to, PendingEvent *event)
{
	PendingEvent *outer = commerce_pending_event;
	uint64 updated = 0;
	bool isnull;

	commerce_pending_event = event;
	PG_TRY();
	{
		updated = commerce_run(&table->update, PLAN_WRITES,
							   (Datum[]){UUIDPGetDatum(id), CStringGetTextDatum(to)}, NULL);
	}
	PG_FINALLY();
	{
		commerce_pending_event = outer;
	}
	PG_END_TRY();
	commerce_require_judged(updated, event);
	return commerce_value(0, 1, &isnull);
}

/* Fires the event given in the arguments (id, event, detail) and returns the new state. */
static Datum
fire(FunctionCallInfo fcinfo, Stateful *table)
{
	pg_uuid_t *id;
	PendingEvent event = {.machine = table->machine};
	const Machine *machine;
	const Transition *transition;
	char *state;
	Datum result;
	bool isnull;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("id and event must not be null")));
	id = PG_GETARG_UUID_P(0);
	event.event = text_to_cstring(PG_GETARG_TEXT_PP(1));
	event.detail = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	commerce_refuse_card_number("event", event.event);
	if (event.detail)
		commerce_refuse_card_value("detail", JsonbPGetDatum(event.detail), JSONBOID);
	SPI_connect();
	if (commerce_run(&table->lock, PLAN_WRITES, (Datum[]){UUIDPGetDatum(id)}, NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND),
						errmsg("there is no %s %s", table->machine,
							   DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id))))));
	state = commerce_text(0, 1);
	event.table = DatumGetObjectId(commerce_value(0, 2, &isnull));
	event.row = *(ItemPointer) DatumGetPointer(commerce_value(0, 3, &isnull));
	machine = commerce_machine(table->machine);
	transition = commerce_transition_by_event(machine, state, event.event);
	if (transition == NULL)
		commerce_refuse_transition(machine, state, event.event, NULL);
	result = SPI_datumTransfer(update_state(table, id, transition->to, &event), false, -1);
	SPI_finish();
	return result;
}

/* Returns whether an event is about an edit of the order: those do more than change its state. */
static bool
is_edit(const char *event)
{
	return strcmp(event, "begin_edit") == 0 || strcmp(event, "confirm_edit") == 0 ||
		   strcmp(event, "abort_edit") == 0;
}

/* Has an edit begun, confirmed or given up, which records the event in its turn. Returns the new state. */
static Datum
fire_edit(FunctionCallInfo fcinfo)
{
	Datum values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1),
					  PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2)};
	Datum result;
	bool isnull;

	SPI_connect();
	(void) commerce_run(&edit_event, PLAN_WRITES, values, PG_ARGISNULL(2) ? "  n" : NULL);
	result = SPI_datumTransfer(commerce_value(0, 1, &isnull), false, -1);
	SPI_finish();
	return result;
}

/*
 * order_event(order_id, event, detail). An edit rewrites the order's own row, which no effect can: the trigger that calls
 * it has that row in hand.
 */
Datum
commerce_order_event(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1) && is_edit(text_to_cstring(PG_GETARG_TEXT_PP(1))))
		return fire_edit(fcinfo);
	return fire(fcinfo, &orders);
}

/* record_order_event(order_id, event, detail): the event alone */
Datum
commerce_record_order_event(PG_FUNCTION_ARGS)
{
	return fire(fcinfo, &orders);
}

/* payment_event(payment_id, event, detail) */
Datum
commerce_payment_event(PG_FUNCTION_ARGS)
{
	return fire(fcinfo, &payments);
}

/* balance_event(balance_id, event, detail) */
Datum
commerce_balance_event(PG_FUNCTION_ARGS)
{
	return fire(fcinfo, &balances);
}

/* fulfilment_event(fulfilment_id, event, detail) */
Datum
commerce_fulfilment_event(PG_FUNCTION_ARGS)
{
	return fire(fcinfo, &fulfilments);
}

/* return_event(return_id, event, detail) */
Datum
commerce_return_event(PG_FUNCTION_ARGS)
{
	return fire(fcinfo, &returns);
}
