/*
 * machine.c: the compiled state machines of this backend.
 *
 * All machines are read together and thrown away together when either table changes: they are few and small, and a
 * half-stale set would be harder to reason about than a rebuild is costly.
 */
#include "order/machine.h"

#include "base/errors.h"
#include "base/owner.h"
#include "base/plan.h"
#include "base/watch.h"
#include "rule/rule_sql.h"

static TableWatch machines_watch = {.table = "state_machines"};
static TableWatch transitions_watch = {.table = "transitions"};
static MemoryContext machines_context = NULL;
static Machine *machines = NULL;
static int machine_count = 0;
static bool compiled = false; /* false also while and after a failed rebuild */
static uint64 version = 0;

static SavedPlan read_machines = {
	.sql = "SELECT m.name, m.states, t.from_state, t.event, t.to_state, t.guard, t.effect, t.role, t.topic,"
		   " t.condition::text, m.history"
		   " FROM commerce.state_machines m LEFT JOIN commerce.transitions t ON t.machine = m.name"
		   " ORDER BY m.name COLLATE \"C\", t.position, t.from_state COLLATE \"C\", t.event COLLATE \"C\""};

/* Begins to watch the tables; called once, from _PG_init. */
void
commerce_machines_init(void)
{
	commerce_watch(&machines_watch);
	commerce_watch(&transitions_watch);
}

/* Reads the states of a machine from its array. */
static void
read_states(Machine *machine, Datum array)
{
	Datum *elements;
	int count;

	deconstruct_array(DatumGetArrayTypePCopy(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL,
					  &count);
	machine->states = palloc(sizeof(char *) * Max(count, 1));
	machine->state_count = count;
	for (int i = 0; i < count; i++)
		machine->states[i] = TextDatumGetCString(elements[i]);
}

/* Adds the row's transition, if it has one, to its machine; rows of a machine come together. */
static void
read_row(uint64 row, uint64 rows)
{
	char *name = commerce_text(row, 1);
	Machine *machine = machine_count > 0 ? &machines[machine_count - 1] : NULL;
	char *condition;
	bool isnull;

	if (machine == NULL || strcmp(machine->name, name) != 0)
	{
		machine = &machines[machine_count++];
		*machine = (Machine){.name = name,
							 .transitions = palloc(sizeof(Transition) * (rows - row)),
							 .history = DatumGetBool(commerce_value(row, 11, &isnull))};
		read_states(machine, commerce_value(row, 2, &isnull));
	}
	(void) commerce_value(row, 3, &isnull);
	if (isnull)
		return;
	condition = commerce_text(row, 10);
	machine->transitions[machine->transition_count++] = (Transition){
		.from = commerce_text(row, 3),
		.event = commerce_text(row, 4),
		.to = commerce_text(row, 5),
		.guard = commerce_text(row, 6),
		.effect = commerce_text(row, 7),
		.role = commerce_text(row, 8),
		.topic = commerce_text(row, 9),
		.condition = condition ? commerce_condition_read(condition) : NULL,
		.condition_text = condition,
	};
}

/*
 * Compiles all machines anew, as committed by now. Whoever still holds a transition of the old set (a trigger whose
 * effect changed another row) may finish with it: the old set lives until the end of the transaction.
 */
static void
rebuild(void)
{
	MemoryContext building =
		AllocSetContextCreate(CurrentMemoryContext, "commerce state machines", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	OwnerScope scope;
	uint64 rows;

	compiled = false;
	commerce_watch_renew(&machines_watch);
	commerce_watch_renew(&transitions_watch);
	SPI_connect();
	commerce_enter_owner(&scope);
	rows = commerce_run(&read_machines, PLAN_LATEST, NULL, NULL);
	caller = MemoryContextSwitchTo(building);
	machine_count = 0;
	machines = palloc(sizeof(Machine) * Max(rows, 1));
	for (uint64 row = 0; row < rows; row++)
		read_row(row, rows);
	MemoryContextSwitchTo(caller);
	commerce_leave_owner(&scope);
	SPI_finish();
	if (machines_context)
		MemoryContextSetParent(machines_context, TopTransactionContext);
	machines_context = building;
	MemoryContextSetParent(building, CacheMemoryContext);
	compiled = true;
	version++;
}

/* Compiles the machines where they are stale, and returns the number of this set. */
uint64
commerce_machines_version(void)
{
	if (!compiled || !commerce_watch_fresh(&machines_watch) || !commerce_watch_fresh(&transitions_watch))
		rebuild();
	return version;
}

/* Returns a machine by name, NULL for none. */
const Machine *
commerce_find_machine(const char *name)
{
	(void) commerce_machines_version();
	for (int i = 0; i < machine_count; i++)
		if (strcmp(machines[i].name, name) == 0)
			return &machines[i];
	return NULL;
}

/* Returns a machine by name. */
const Machine *
commerce_machine(const char *name)
{
	const Machine *machine = commerce_find_machine(name);

	if (machine != NULL)
		return machine;
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no state machine \"%s\"", name),
					errhint("Create it with commerce.create_state_machine().")));
}

/* Returns whether the machine knows a state. */
bool
commerce_machine_has_state(const Machine *machine, const char *state)
{
	for (int i = 0; i < machine->state_count; i++)
		if (strcmp(machine->states[i], state) == 0)
			return true;
	return false;
}

/* Finds the transition that an event makes from a state. */
const Transition *
commerce_transition_by_event(const Machine *machine, const char *from, const char *event)
{
	for (int i = 0; i < machine->transition_count; i++)
		if (strcmp(machine->transitions[i].from, from) == 0 &&
			strcmp(machine->transitions[i].event, event) == 0)
			return &machine->transitions[i];
	return NULL;
}

/* Finds the next transition that leads from one state to another. */
const Transition *
commerce_transition_between(const Machine *machine, const char *from, const char *to, const Transition *after)
{
	for (int i = after ? (int) (after - machine->transitions) + 1 : 0; i < machine->transition_count; i++)
		if (strcmp(machine->transitions[i].from, from) == 0 && strcmp(machine->transitions[i].to, to) == 0)
			return &machine->transitions[i];
	return NULL;
}

/* Raises CM010. */
void
commerce_refuse_transition(const Machine *machine, const char *from, const char *event, const char *to)
{
	JsonWriter detail = JSON_WRITER_INIT;

	commerce_json_object(&detail);
	commerce_json_key(&detail, "machine");
	commerce_json_string(&detail, machine->name);
	commerce_json_key(&detail, "state");
	commerce_json_string(&detail, from);
	commerce_json_key(&detail, event ? "event" : "target");
	commerce_json_string(&detail, event ? event : to);
	commerce_json_key(&detail, "allowed");
	commerce_json_array(&detail);
	for (int i = 0; i < machine->transition_count; i++)
		if (strcmp(machine->transitions[i].from, from) == 0)
			commerce_json_string(&detail, machine->transitions[i].event);
	commerce_json_end_array(&detail);
	commerce_json_end_object(&detail);
	ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSITION),
					event ? errmsg("event \"%s\" is not allowed in state \"%s\" of machine \"%s\"", event,
								   from, machine->name)
						  : errmsg("no transition leads from state \"%s\" to \"%s\" in machine \"%s\"", from,
								   to, machine->name),
					commerce_errdetail(&detail), errhint("DETAIL lists the events that are allowed now.")));
}
