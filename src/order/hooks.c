/*
 * hooks.c: what a shop adds to a transition: a role, a guard, an effect.
 */
#include "order/change.h"

#include "base/errors.h"
#include "base/owner.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/fmgrprotos.h"
#include "utils/regproc.h"
#include "utils/snapmgr.h"
#pragma GCC diagnostic pop

/* Returns the row as jsonb. */
static Datum
row_of(StateChange *change)
{
	if (change->json == (Datum) 0)
	{
		Datum row = heap_copy_tuple_as_datum(change->row, RelationGetDescr(change->relation));
		Datum json = DirectFunctionCall1(row_to_json, row);

		change->json = DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(json)));
	}
	return change->json;
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
call_hook(Oid function, StateChange *change)
{
	FmgrInfo info;
	LOCAL_FCINFO(call, 3);
	Datum result;

	fmgr_info(function, &info);
	InitFunctionCallInfoData(*call, &info, 3, InvalidOid, NULL, NULL);
	call->args[0] = (NullableDatum){row_of(change), false};
	call->args[1] = (NullableDatum){CStringGetTextDatum(change->transition->event), false};
	call->args[2] = (NullableDatum){change->detail ? PointerGetDatum(change->detail) : no_detail(), false};
	result = FunctionCallInvoke(call);
	return !call->isnull && DatumGetBool(result);
}

/* Returns whether the session acts as a member of the transition's role. */
bool
commerce_role_agrees(const Transition *transition)
{
	return transition->role == NULL || commerce_caller_is_member(get_role_oid(transition->role, false));
}

/* Raises CM012. */
void
commerce_refuse_role(const Machine *machine, const Transition *transition)
{
	ereport(ERROR, (errcode(ERRCODE_ROLE_REFUSED),
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
ask_guard(Oid guard, StateChange *change)
{
	bool agrees;

	PushActiveSnapshot(GetTransactionSnapshot());
	agrees = call_hook(guard, change);
	PopActiveSnapshot();
	return agrees;
}

/* Returns whether the transition's condition holds and its function says yes, as far as it has them. */
bool
commerce_guard_agrees(StateChange *change)
{
	const Transition *transition = change->transition;
	Oid guard;

	if (!commerce_condition_holds_for_row(transition->condition, change->row,
										  RelationGetDescr(change->relation)))
		return false;
	if (transition->guard == NULL)
		return true;
	guard = find_hook(transition->guard);
	return get_func_rettype(guard) == BOOLOID && ask_guard(guard, change);
}

/* Raises CM011. */
void
commerce_refuse_guard(const Machine *machine, const Transition *transition)
{
	const char *guard = transition->guard ? get_func_name(find_hook(transition->guard)) : "";

	if (transition->condition)
		ereport(ERROR, (errcode(ERRCODE_GUARD_REFUSED),
						errmsg("event \"%s\" asks for %s", transition->event, transition->condition_text),
						commerce_errfacts("machine", machine->name, "state", transition->from, "event",
										  transition->event, "condition", transition->condition_text, NULL),
						errhint("attributes.x in the condition is column x of the row.")));
	ereport(ERROR, (errcode(ERRCODE_GUARD_REFUSED),
					errmsg("guard %s refuses event \"%s\"", guard, transition->event),
					commerce_errfacts("machine", machine->name, "state", transition->from, "event",
									  transition->event, "guard", guard, NULL),
					errhint("DETAIL names the guard; its comment says what it asks for.")));
}

/* Calls the transition's effect, if it has one. */
void
commerce_run_effect(StateChange *change)
{
	if (change->transition->effect)
		(void) call_hook(find_hook(change->transition->effect), change);
}
