/*
 * machine.h: state machines, compiled from commerce.state_machines and commerce.transitions.
 */
#ifndef COMMERCE_ORDER_MACHINE_H
#define COMMERCE_ORDER_MACHINE_H

#include "base/json.h"
#include "base/pg.h"
#include "rule/rule.h"

typedef struct Transition
{
	const char *from;
	const char *event;
	const char *to;
	const char *guard;   /* name of a function (jsonb, text, jsonb), NULL for none */
	RuleNode *condition; /* over the row; NULL for none */
	const char *condition_text;
	const char *effect;
	const char *role;  /* NULL: anybody */
	const char *topic; /* NULL: tells nobody */
} Transition;

typedef struct Machine
{
	const char *name;
	const char **states;
	int state_count;
	Transition *transitions; /* in the order in which the machine was defined */
	int transition_count;
	bool history; /* changes are written to commerce.state_history */
} Machine;

extern void commerce_machines_init(void);

/*
 * Compiles the machines as of now, where they are not, and returns a number that is another one after each time: a
 * machine found under the same number is the same. It stays in memory until the transaction ends.
 */
extern uint64 commerce_machines_version(void);

/* Returns a machine by name, NULL for none. */
extern const Machine *commerce_find_machine(const char *name);

/* Returns a machine by name, compiled as of now; an unknown name is 42704. */
extern const Machine *commerce_machine(const char *name);

extern bool commerce_machine_has_state(const Machine *machine, const char *state);

/* Finds the transition that an event makes from a state; NULL for none. */
extern const Transition *commerce_transition_by_event(const Machine *machine, const char *from,
													  const char *event);

/*
 * Finds the transition, in the order of the definition, that leads from one state to another: the first, or the next
 * after one that was found so. NULL for none.
 */
extern const Transition *commerce_transition_between(const Machine *machine, const char *from, const char *to,
													 const Transition *after);

/* Raises CM010: neither this event nor this target is allowed from here. Names what is allowed. */
pg_noreturn extern void commerce_refuse_transition(const Machine *machine, const char *from,
												   const char *event, const char *to);

#endif
