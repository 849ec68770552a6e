/*
 * machine_trigger.c: the trigger that no state change gets around.
 *
 * It runs before the row is written, after every other such trigger: only then has the new state its final value, and
 * only then is it certain that the row will be written. Its name begins with "~" to be the last (triggers fire by
 * name), and it refuses to work where one fires after it. An UPDATE locks the row before its triggers run, so what is
 * judged here is the newest version of the row also when others change it.
 *
 * What a transition brings with it happens here too, for every path that takes it: guard, role, history, event, effect.
 *
 * Which event is it that an UPDATE makes? One fired by order_event(), state_event() and their like says so itself. Of any
 * other, the state before and after are all that is known: of the transitions between the two it is the first, in the
 * order of the definition, whose role and guard agree. What leaves the state as it was is no event, unless one is fired.
 *
 * The trigger is ENABLE ALWAYS, so that neither a logical replication's apply nor session_replication_role = replica gets
 * around it in silence. There it judges no more than the states: the change has happened already where it comes from,
 * with its guard, role, history, event and effect; here they would happen twice. But what no transition leads to is
 * refused here as there.
 */
#include "base/pg.h"

#include "base/errors.h"
#include "order/change.h"
#include "order/event.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "catalog/pg_trigger.h"
#include "utils/datum.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_enforce_state_machine);

PendingEvent *commerce_pending_event = NULL;

/* Refuses to judge a row that another trigger may still change. */
static void
require_last(const TriggerData *data)
{
	int16 moment = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? TRIGGER_TYPE_UPDATE : TRIGGER_TYPE_INSERT;
	const Trigger *other = commerce_later_trigger(data->tg_relation, data->tg_trigger, moment);

	if (other != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSITION),
				 errmsg("trigger \"%s\" of table \"%s\" fires after its state machine and could bypass it",
						other->tgname, RelationGetRelationName(data->tg_relation)),
				 commerce_errfacts("table", RelationGetRelationName(data->tg_relation), "trigger",
								   other->tgname, NULL),
				 errhint("Rename it so that it sorts before \"%s\".", data->tg_trigger->tgname)));
}

/* Does the same once a statement. */
static void
require_last_once(const TriggerData *data, Attachment *attachment)
{
	bool *known =
		TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? &attachment->last_on_update : &attachment->last_on_insert;

	if (!*known)
		require_last(data);
	*known = true;
}

/* Returns the state in a row; a null state is refused. */
static Datum
state_of(const Attachment *attachment, HeapTuple row, TupleDesc desc)
{
	bool isnull;
	Datum value = heap_getattr(row, attachment->attribute, desc, &isnull);

	if (isnull)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSITION), errmsg("a state must not be null"),
						commerce_errfacts("state", NULL, NULL),
						errhint("Every row begins in one of the machine's states.")));
	return value;
}

/* Returns whether two values of the column are the same. */
static bool
is_same(const Attachment *attachment, Datum one, Datum other)
{
	return datum_image_eq(one, other, attachment->by_value, attachment->length);
}

/* Keeps what is known about a change of state for the rows that follow. */
static void
remember(Attachment *attachment, Datum before, Datum after, const char *from, const char *to)
{
	MemoryContext caller;

	attachment->has_change = false;
	attachment->recorded = NULL;
	MemoryContextReset(attachment->change_memory);
	caller = MemoryContextSwitchTo(attachment->change_memory);
	attachment->before = datumCopy(before, attachment->by_value, attachment->length);
	attachment->after = datumCopy(after, attachment->by_value, attachment->length);
	attachment->from = pstrdup(from);
	attachment->to = pstrdup(to);
	attachment->first = commerce_transition_between(attachment->machine, from, to, NULL);
	attachment->has_change = true;
	MemoryContextSwitchTo(caller);
}

/* Makes the change of state of this row the one that the attachment knows. */
static void
look_at_change(Attachment *attachment, Datum before, Datum after)
{
	if (!attachment->has_change || !is_same(attachment, before, attachment->before) ||
		!is_same(attachment, after, attachment->after))
		remember(attachment, before, after, commerce_state_text(attachment, before),
				 commerce_state_text(attachment, after));
}

/* Returns whether the event under way is meant for this row and column. */
static bool
is_event_for(const TriggerData *data, const Attachment *attachment)
{
	PendingEvent *event = commerce_pending_event;

	return event != NULL && !event->judged && event->table == RelationGetRelid(data->tg_relation) &&
		   ItemPointerEquals(&event->row, &data->tg_trigtuple->t_self) &&
		   (event->attribute == 0 || event->attribute == attachment->attribute) &&
		   strcmp(event->machine, data->tg_trigger->tgargs[0]) == 0;
}

/* Does all that belongs to a transition that is allowed. */
static void
take(StateChange *change)
{
	commerce_record_change(change);
	commerce_run_effect(change);
}

/* Takes the transition that an event names. */
static void
take_event(StateChange *change, PendingEvent *event)
{
	const Machine *machine = change->attachment->machine;

	event->judged = true;
	change->detail = event->detail;
	change->transition = commerce_transition_by_event(machine, change->attachment->from, event->event);
	if (change->transition == NULL || strcmp(change->transition->to, change->attachment->to) != 0)
		commerce_refuse_transition(machine, change->attachment->from, NULL, change->attachment->to);
	if (!commerce_role_agrees(change->transition))
		commerce_refuse_role(machine, change->transition);
	if (!commerce_guard_agrees(change))
		commerce_refuse_guard(machine, change->transition);
	take(change);
}

/* Takes the first transition between the two states whose role and guard agree; refuses as the first of them does. */
static void
take_first(StateChange *change)
{
	const Attachment *attachment = change->attachment;
	const Transition *first = attachment->first;

	if (first == NULL)
		commerce_refuse_transition(attachment->machine, attachment->from, NULL, attachment->to);
	for (change->transition = first; change->transition != NULL;
		 change->transition = commerce_transition_between(attachment->machine, attachment->from,
														  attachment->to, change->transition))
		if (commerce_role_agrees(change->transition) && commerce_guard_agrees(change))
		{
			take(change);
			return;
		}
	if (!commerce_role_agrees(first))
		commerce_refuse_role(attachment->machine, first);
	commerce_refuse_guard(attachment->machine, first);
}

/* Judges an UPDATE; returns only when it is allowed, with all that belongs to it done. */
static void
judge_update(const TriggerData *data, Attachment *attachment)
{
	TupleDesc desc = RelationGetDescr(data->tg_relation);
	StateChange change = {.attachment = attachment, .relation = data->tg_relation, .row = data->tg_newtuple};
	bool old_null;
	bool new_null;
	Datum before = heap_getattr(data->tg_trigtuple, attachment->attribute, desc, &old_null);
	Datum after = heap_getattr(data->tg_newtuple, attachment->attribute, desc, &new_null);
	bool fired = commerce_pending_event != NULL && is_event_for(data, attachment);

	if (!fired && !old_null && !new_null && is_same(attachment, before, after))
		return;
	commerce_attachment_machine(attachment, data->tg_trigger->tgargs[0]);
	look_at_change(attachment, state_of(attachment, data->tg_trigtuple, desc),
				   state_of(attachment, data->tg_newtuple, desc));
	if (fired)
		take_event(&change, commerce_pending_event);
	else if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
		take_first(&change);
	else if (attachment->first == NULL)
		commerce_refuse_transition(attachment->machine, attachment->from, NULL, attachment->to);
}

/* Judges an INSERT: any state that the machine has will do. */
static void
judge_insert(const TriggerData *data, Attachment *attachment)
{
	const char *state = commerce_state_text(
		attachment, state_of(attachment, data->tg_trigtuple, RelationGetDescr(data->tg_relation)));
	const Machine *machine;

	commerce_attachment_machine(attachment, data->tg_trigger->tgargs[0]);
	machine = attachment->machine;
	if (!commerce_machine_has_state(machine, state))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSITION),
				 errmsg("machine \"%s\" has no state \"%s\"", machine->name, state),
				 commerce_errfacts("machine", machine->name, "state", state, NULL),
				 errhint("SELECT commerce.state_machine_diagram('%s') shows its states.", machine->name)));
}

/* Trigger enforce_state_machine(machine, column) lets through only what the machine allows. */
Datum
commerce_enforce_state_machine(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Attachment *attachment;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event) ||
		data->tg_trigger->tgnargs != 2)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("enforce_state_machine(machine, column) is a BEFORE INSERT OR UPDATE row trigger"),
				 errhint("Create it with commerce.attach_state_machine().")));
	attachment = commerce_attachment(fcinfo);
	require_last_once(data, attachment);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
	{
		judge_update(data, attachment);
		return PointerGetDatum(data->tg_newtuple);
	}
	judge_insert(data, attachment);
	return PointerGetDatum(data->tg_trigtuple);
}
