/*
 * attachment.h: a column under a state machine, as one statement needs to know it.
 */
#ifndef COMMERCE_ORDER_ATTACHMENT_H
#define COMMERCE_ORDER_ATTACHMENT_H

#include "base/pg.h"

#include "order/machine.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "commands/trigger.h"
#include "utils/rel.h"
#pragma GCC diagnostic pop

/* How the type of a column becomes text. */
typedef enum TextForm
{
	FORM_TEXT,     /* is stored as text is */
	FORM_FUNCTION, /* by the function of a cast */
	FORM_OUTPUT,   /* by its output function, as a cast without a function does */
} TextForm;

/* The texts that the history of many rows has in common. */
enum
{
	HISTORY_RELATION,
	HISTORY_MACHINE,
	HISTORY_EVENT,
	HISTORY_FROM,
	HISTORY_TO,
	HISTORY_ACTOR,
	HISTORY_TEXTS
};

typedef struct Attachment
{
	MemoryContext memory; /* lives as long as the statement */
	uint64 version;       /* of the machines, 0 for not looked up yet */
	const Machine *machine;
	AttrNumber attribute;
	bool by_value;
	int16 length;
	TextForm form;
	FmgrInfo to_text;
	AttrNumber keys[INDEX_MAX_KEYS];      /* of the primary key */
	FmgrInfo key_outputs[INDEX_MAX_KEYS]; /* how each becomes text */
	int key_count;
	const char *relation; /* the table, with its schema */
	bool last_on_insert;  /* no other trigger follows ours: looked at already */
	bool last_on_update;
	/* The change of state that was judged last: most statements make the same one many times. */
	MemoryContext change_memory;
	bool has_change;
	Datum before;
	Datum after;
	const char *from;
	const char *to;
	const Transition *first; /* NULL: none leads from one to the other */
	/* What history says of every row that takes this transition, in change_memory; kept by history.c. */
	const Transition *recorded; /* NULL: nothing is kept */
	Oid recorded_actor;
	Datum recorded_texts[HISTORY_TEXTS];
} Attachment;

/* Returns what the trigger needs to know, found once per statement; without the machine. */
extern Attachment *commerce_attachment(FunctionCallInfo fcinfo);

/* Looks the machine up, again where any machine has changed since; an unknown name is 42704. */
extern void commerce_attachment_machine(Attachment *attachment, const char *name);

/* Finds the column that a row trigger guards; 0 where it is gone. */
extern AttrNumber commerce_guarded_column(Relation relation, const Trigger *trigger);

/* Finds a row trigger that could change a row after a machine's has judged it; moment: TRIGGER_TYPE_INSERT or _UPDATE. */
extern const Trigger *commerce_later_trigger(Relation relation, const Trigger *trigger, int16 moment);

/* Returns the state in a value of the column as text. */
extern char *commerce_state_text(Attachment *attachment, Datum value);

#endif
