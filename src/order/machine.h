/*
 * machine.h: state machines, compiled from commerce.state_machines and commerce.transitions.
 */
#ifndef COMMERCE_ORDER_MACHINE_H
#define COMMERCE_ORDER_MACHINE_H

#include "base/json.h"
#include "base/pg.h"

typedef struct Transition
{
	const char *from;
	const char *event;
	const char *to;
	const char *guard; /* name of a function (jsonb, text, jsonb), NULL for none */
	const char *effect;
	const char *role;  /* NULL: anybody */
	const char *topic; /* NULL: tells nobody */
} Transition;

typedef struct Machine
{
	const char *name;
	const char **states;
	int state_count;
	Transition *transitions;
	int transition_count;
} Machine;

extern void commerce_machines_init(void);

/* Returns a machine by name, compiled as of now; an unknown name is 42704. Needs an SPI connection. */
extern const Machine *commerce_machine(const char *name);

extern bool commerce_machine_has_state(const Machine *machine, const char *state);

/* Finds the transition that an event makes from a state, or that leads from one state to another. NULL for none. */
extern const Transition *commerce_transition_by_event(const Machine *machine, const char *from,
													  const char *event);
extern const Transition *commerce_transition_between(const Machine *machine, const char *from,
													 const char *to);

/* Raises CM010: neither this event nor this target is allowed from here. Names what is allowed. */
pg_noreturn extern void commerce_refuse_transition(const Machine *machine, const char *from,
												   const char *event, const char *to);

#endif
