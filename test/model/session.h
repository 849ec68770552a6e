/*
 * session.h: a simulated backend, which drives the code that is checked.
 */
#ifndef COMMERCE_TEST_SESSION_H
#define COMMERCE_TEST_SESSION_H

#include "escrow/touch.h"
#include "model.h"

#define MAX_LINES 3

typedef enum Phase
{
	PHASE_IDLE,
	PHASE_CHOOSE,
	PHASE_TABLE,     /* lock the table */
	PHASE_TOUCH,     /* register, with the shared lock */
	PHASE_CLAIM,     /* register, with the exclusive lock */
	PHASE_SNAPSHOT,  /* read the tables for a counter that was claimed */
	PHASE_PUBLISH,   /* open it to all */
	PHASE_LOCK,      /* lock the row of stock */
	PHASE_ROW,       /* change rows */
	PHASE_ACT,       /* tell the ledger, or look what there is */
	PHASE_WRITE,     /* write rows for what was taken */
	PHASE_SETTLE,    /* the statement ends */
	PHASE_SUBABORT,  /* a subtransaction's rows are gone: pay */
	PHASE_VISIBLE,   /* all rows become visible */
	PHASE_COMMITTED, /* they are: pay */
	PHASE_GONE,      /* all rows vanish */
	PHASE_ABORTED,   /* they have: pay */
} Phase;

typedef enum Action
{
	ACTION_RESERVE,
	ACTION_INSERT,
	ACTION_RAISE,
	ACTION_CUT,
	ACTION_RELEASE,
	ACTION_EXPIRE,
	ACTION_CONFIRM,
	ACTION_TRUNCATE,
	ACTION_REWRITE,
} Action;

typedef enum Mode
{
	MODE_NONE,
	MODE_COUNTER,
	MODE_GATE,
} Mode;

/* How a transaction is registered with a key, to its own knowledge. */
typedef struct Registration
{
	Mode mode;
	uint32_t storage;
	Counter *counter;
} Registration;

typedef struct Line
{
	int key;
	Mode mode;
	int64_t amount;
} Line;

typedef struct Session
{
	Phase phase;
	Action action;
	Line lines[MAX_LINES];
	int line_count;
	int line;
	bool late;  /* the row is written, then its trigger touches */
	bool rowed; /* the row is written */
	bool lucky; /* sold out is no error */
	int row;
	uint64_t serial;
	int blocked; /* steps in vain */
	int depth;
	int abort_to;
	uint32_t levels[MAX_DEPTH];
	uint32_t last_level;
	Counter *loading;
	CounterLevel loaded;
	Registration registered[MAX_KEYS];
	bool gates[MAX_KEYS]; /* of partitions */
	Ledger ledger;
	LedgerMirror mirror;
} Session;

extern Session sessions[MAX_BACKENDS];
extern CounterTable *table;
extern bool closing;          /* no new work: all come to an end */
extern bool forced[MAX_KEYS]; /* by this step: what is available may have fallen without a check */

extern void session_start(int backend);
extern void session_stop(int backend);
extern void session_step(int backend);
extern void session_error(int backend);
extern const CounterKey *session_key(int key, uint32_t storage);

/* statement.c */
extern void statement_step(int backend);

/* judge.c */
extern void judge_start(void);
extern void judge_crash(void);
extern void judge_step(int backend);
extern void judge_loaded(int key, const CounterLevel *level);
extern void judge_finished(int backend, bool flagged, int accounts);
extern void judge_forget(int key);
extern void judge_worker(int key);
extern void judge_preload(int key);
extern void judge_quiet(void);

#endif
