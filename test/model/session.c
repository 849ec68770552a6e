/*
 * session.c: a backend as a little machine that goes one atomic step at a time, so that between any two steps all
 * others can do anything. Here are its transactions: they begin, have subtransactions, choose what to do (statement.c),
 * and end in two steps: all rows become visible, or vanish, and then the ledger pays.
 */
#include "session.h"

#include <stdlib.h>

Session sessions[MAX_BACKENDS];
CounterTable *table;
bool closing;
bool forced[MAX_KEYS];

/* Gives a ledger memory. */
static void *
grow(void *old, size_t size)
{
	void *grown = realloc(old, size);

	if (grown == NULL)
		abort();
	return grown;
}

/* Returns the name under which a key in some storage has its counter; good until the next call. */
const CounterKey *
session_key(int key, uint32_t storage)
{
	static CounterKey cache[MAX_KEYS];
	static const char names[MAX_KEYS][2] = {"a", "b", "c", "d", "e", "f"};

	if (cache[key].storage[0] != storage)
		commerce_counter_key(&cache[key], 1, (uint32_t[2]){storage, 7}, names[key], 1);
	return &cache[key];
}

/* Begins a process. */
void
session_start(int b)
{
	sessions[b] = (Session){.phase = PHASE_IDLE};
	commerce_ledger_init(&sessions[b].ledger, table, config.partitions, grow);
	sessions[b].ledger.mirror = &sessions[b].mirror;
}

/* Ends a process, as it is. */
void
session_stop(int b)
{
	free(sessions[b].ledger.accounts);
	free(sessions[b].ledger.entries);
	free(sessions[b].ledger.index);
	free(sessions[b].ledger.gates);
}

/* Undoes the transaction from a depth on; its rows go first. */
static void
rollback_to(int b, int depth)
{
	note(b, "rolls back to depth", NOBODY, depth);
	shop_abort_depth(b, depth);
	reference_abort_depth(b, depth);
	sessions[b].abort_to = depth;
	sessions[b].phase = PHASE_SUBABORT;
}

/* Something went wrong in the middle of a statement. */
void
session_error(int b)
{
	Session *self = &sessions[b];

	if (self->loading != NULL && plant != PLANT_NOT_ABANDONED)
	{
		commerce_counter_abandon(self->loading);
		saw(SEEN_ABANDON);
	}
	self->loading = NULL;
	note(b, "has an error at depth", NOBODY, self->depth);
	if (self->depth > 0 && !once_in(4))
		rollback_to(b, 1 + below(self->depth));
	else
		self->phase = PHASE_GONE;
}

/* Opens a subtransaction. */
static void
savepoint(int b)
{
	Session *self = &sessions[b];

	self->levels[++self->depth] = ++self->last_level;
	note(b, "opens depth", NOBODY, self->depth);
}

/* Ends the innermost subtransaction well. */
static void
release_savepoint(int b)
{
	Session *self = &sessions[b];

	note(b, "releases depth", NOBODY, self->depth);
	saw(SEEN_SUBCOMMIT);
	shop_commit_depth(b, self->depth);
	reference_commit_depth(b, self->depth);
	commerce_ledger_commit_level(&self->ledger, self->levels[self->depth], self->levels[self->depth - 1]);
	self->depth--;
}

/* Chooses keys for a reservation, in their order, none twice. */
static void
choose_lines(Session *self)
{
	self->line_count = 0;
	for (int k = below(config.keys); k < config.keys && self->line_count < MAX_LINES; k += 1 + below(3))
		self->lines[self->line_count++] = (Line){.key = k, .amount = 1 + below(once_in(4) ? 12 : 4)};
}

/* Chooses what to do with rows. */
static void
choose_action(int b)
{
	static const Action actions[] = {
		ACTION_RESERVE, ACTION_RESERVE, ACTION_RESERVE, ACTION_RESERVE, ACTION_RELEASE,
		ACTION_RELEASE, ACTION_EXPIRE,  ACTION_CONFIRM, ACTION_RAISE,   ACTION_CUT,
		ACTION_INSERT,  ACTION_RESERVE, ACTION_RELEASE, ACTION_EXPIRE,  ACTION_RAISE,
	};
	Session *self = &sessions[b];
	Line *line = &self->lines[0];

	self->action = actions[below(sizeof(actions) / sizeof(actions[0]))];
	if (once_in(80))
		self->action = once_in(2) ? ACTION_TRUNCATE : ACTION_REWRITE;
	self->line = 0;
	self->line_count = 1;
	self->rowed = false;
	self->late = once_in(2);
	self->lucky = once_in(2);
	*line = (Line){.key = below(config.keys), .amount = 1 + below(4)};
	self->row = -1;
	if (self->action == ACTION_RESERVE)
		choose_lines(self);
	if (self->action == ACTION_RELEASE || self->action == ACTION_EXPIRE || self->action == ACTION_CONFIRM)
	{
		self->row = shop_pick(line->key, &self->serial);
		if (self->row < 0)
			return;
	}
	if (self->action == ACTION_CUT && shop_level(line->key) < -3)
		self->action = ACTION_RAISE;
	if (self->action == ACTION_RAISE && shop_level(line->key) > 15)
		self->action = ACTION_CUT;
	self->phase = PHASE_TABLE;
}

/* Chooses what comes next. */
static void
choose(int b)
{
	Session *self = &sessions[b];

	self->blocked = 0;
	if (closing || once_in(8) || reference_ops(b) > MAX_OPS - 2 * MAX_LINES - 2)
	{
		bool commit = !once_in(3);

		if (!commit && self->depth > 0 && once_in(2))
			rollback_to(b, 1);
		else
		{
			while (commit && self->depth > 0)
				release_savepoint(b);
			self->phase = commit ? PHASE_VISIBLE : PHASE_GONE;
		}
	}
	else if (self->depth < MAX_DEPTH - 1 && once_in(8))
		savepoint(b);
	else if (self->depth > 0 && once_in(10))
		rollback_to(b, 1 + below(self->depth));
	else if (self->depth > 0 && once_in(8))
		release_savepoint(b);
	else
		choose_action(b);
}

/* Undoes levels in the ledger without giving back what they spent. */
static void
abort_level(Session *self, uint32_t level)
{
	int64_t spent[MAX_KEYS * 4] = {0};

	for (int32_t i = 0; i < self->ledger.entry_count; i++)
	{
		const Entry *entry = &self->ledger.entries[i];

		if (entry->level != level || entry->credit >= 0)
			continue;
		saw(SEEN_SPENT_UNDONE);
		if (plant == PLANT_CREDIT_NOT_RESTORED && entry->account < MAX_KEYS * 4)
			spent[entry->account] = entry->credit;
	}
	commerce_ledger_abort_level(&self->ledger, level);
	for (int32_t i = 0; i < self->ledger.account_count && i < MAX_KEYS * 4; i++)
		self->ledger.accounts[i].credit += spent[i];
}

/* Pays for a subtransaction that was undone. */
static void
pay_subabort(int b)
{
	Session *self = &sessions[b];

	for (; self->depth >= self->abort_to; self->depth--)
		abort_level(self, self->levels[self->depth]);
	saw(SEEN_SUBABORT);
	reference_paid(b);
	shop_unlock_tables(b, self->abort_to);
	if (once_in(2))
		savepoint(b);
	self->phase = PHASE_CHOOSE;
}

/* Pays what the transaction owes, and ends it. */
static void
pay(int b, bool committed)
{
	Session *self = &sessions[b];
	int accounts = self->ledger.account_count;
	bool flagged;

	if (plant == PLANT_DOUBLE_CREDIT && !committed)
		for (int i = 0; i < accounts; i++)
			(void) commerce_counter_add(self->ledger.accounts[i].counter, self->ledger.accounts[i].debit);
	if (!committed && once_in(2))
		for (int d = self->depth; d >= 0; d--)
			commerce_ledger_abort_level(&self->ledger, self->levels[d]);
	flagged = commerce_ledger_finish(&self->ledger, committed);
	note(b, committed ? "has paid for its commit" : "has paid for its abort", NOBODY, accounts);
	saw(committed ? SEEN_COMMIT : SEEN_ABORT);
	reference_paid(b);
	shop_unlock_tables(b, 0);
	judge_finished(b, flagged, accounts);
	for (int i = 0; i < MAX_KEYS; i++)
	{
		self->registered[i] = (Registration){.mode = MODE_NONE};
		self->gates[i] = false;
	}
	self->phase = PHASE_IDLE;
}

/* Makes what the transaction did visible. */
static void
become_visible(int b)
{
	note(b, "becomes visible", NOBODY, 0);
	if (reference_commit(b))
		for (int k = 0; k < config.keys; k++)
			forced[k] = true;
}

/* Makes what the transaction did vanish. */
static void
vanish(int b)
{
	note(b, "vanishes", NOBODY, 0);
	shop_abort_depth(b, 0);
	reference_abort_depth(b, 0);
}

/* Advances a backend by one atomic step. */
void
session_step(int b)
{
	Session *self = &sessions[b];

	switch (self->phase)
	{
		case PHASE_IDLE:
			self->depth = 0;
			self->levels[0] = self->last_level = 1;
			if (!closing)
				self->phase = PHASE_CHOOSE;
			break;
		case PHASE_CHOOSE: choose(b); break;
		case PHASE_SUBABORT: pay_subabort(b); break;
		case PHASE_VISIBLE:
			if (plant == PLANT_UNPIN_EARLY && commerce_ledger_busy(&self->ledger))
			{
				(void) commerce_ledger_finish(&self->ledger, true);
				break;
			}
			become_visible(b);
			self->phase = PHASE_COMMITTED;
			break;
		case PHASE_COMMITTED: pay(b, true); break;
		case PHASE_GONE:
			vanish(b);
			self->phase = PHASE_ABORTED;
			break;
		case PHASE_ABORTED: pay(b, false); break;
		default: statement_step(b);
	}
}
