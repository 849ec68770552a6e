/*
 * statement.c: what a backend does between the begin and the end of a statement, in the steps of the server: lock the
 * table, register with the key, load where asked to, change rows and tell the ledger (a function does it in this
 * order, a trigger of a direct change the other way around), settle.
 *
 * It keeps the book of the reference beside it: what the ledger is told, the reference is told, too.
 */
#include "interrupt.h"
#include "session.h"

/* A step may fail at any point of a statement. */
#define ERROR_RATE 60
#define PATIENCE 12

/* Returns the number of the innermost subtransaction. */
static uint32_t
level_of(const Session *self)
{
	return self->levels[self->depth];
}

/* Returns the account of the current line's key. */
static Account *
account_of(Session *self)
{
	Line *line = &self->lines[self->line];
	Account *account;

	commerce_ledger_make_room(&self->ledger);
	account = commerce_ledger_find(&self->ledger, self->registered[line->key].counter);
	if (account == NULL)
		fail("a transaction has lost its account", line->key, 0, 1);
	return account;
}

/* A lock cannot be had now. */
static void
blocked(int b, Event event)
{
	saw(event);
	if (++sessions[b].blocked > PATIENCE)
	{
		saw(SEEN_DEADLOCK);
		session_error(b);
	}
}

/* Locks the table, and gives it new storage where that is what is done. */
static void
lock_table(int b)
{
	Session *self = &sessions[b];
	int key = self->lines[self->line].key;
	bool renew = self->action == ACTION_TRUNCATE || self->action == ACTION_REWRITE;

	if (!shop_lock_table(b, self->depth, key, renew))
		blocked(b, SEEN_TABLE_WAIT);
	else if (renew)
	{
		if (!shop_fresh(b, key))
		{
			shop_new_storage(b, self->depth, key, self->action == ACTION_REWRITE);
			saw(self->action == ACTION_REWRITE ? SEEN_REWRITE : SEEN_TRUNCATE);
			note(b, self->action == ACTION_REWRITE ? "rewrites" : "truncates", key, 0);
		}
		self->phase = PHASE_CHOOSE;
	}
	else
	{
		bool row_first = self->late && self->action != ACTION_RESERVE;

		self->phase = row_first || self->action == ACTION_CONFIRM ? PHASE_ROW : PHASE_TOUCH;
	}
}

/* Goes on after it is registered: where there is no counter, what uses up needs the lock of the row. */
static void
registered(Session *self, Mode mode)
{
	Line *line = &self->lines[self->line];
	bool uses = self->action == ACTION_RESERVE || self->action == ACTION_INSERT;

	line->mode = mode;
	if (mode == MODE_GATE && uses && plant != PLANT_NO_ROW_LOCK)
		self->phase = PHASE_LOCK;
	else
		self->phase = self->rowed || self->action == ACTION_RESERVE ? PHASE_ACT : PHASE_ROW;
}

/* Remembers how a transaction is registered: that may never change while it lasts. */
static void
remember(int b, int key, uint32_t storage, Mode mode, Counter *counter)
{
	Registration *self = &sessions[b].registered[key];

	if (!outcome && self->mode != MODE_NONE && self->storage == storage &&
		(self->mode != mode || self->counter != counter))
		fail("a transaction came to a key in two ways", key, mode, self->mode);
	*self = (Registration){.mode = mode, .storage = storage, .counter = counter};
	registered(&sessions[b], mode);
}

int interruptible = NOBODY;
static bool locked_exclusively;
static bool interrupting;

/* Lets another backend do what it may while one touches: nothing that wants the lock in a way that conflicts. */
void
interrupt(void)
{
	int touching = interruptible;
	int other = below(config.backends);

	interruptible = NOBODY;
	interrupting = true;
	for (int i = below(8); i > 0 && other != touching; i--)
	{
		Phase phase = sessions[other].phase;

		if (phase == PHASE_CLAIM || (phase == PHASE_TOUCH && locked_exclusively))
			break;
		saw(SEEN_INTERRUPT);
		session_step(other);
	}
	interrupting = false;
	interruptible = touching;
}

/* Waits for whoever loads a counter, which must be somebody, unless it is over by now. */
static void
wait_for_load(int b, int key, const Counter *counter)
{
	bool over = commerce_counter_state(counter) == COUNTER_READY || commerce_counter_in_flight(counter) == 0;

	sessions[b].phase = PHASE_TOUCH;
	if (over)
		return;
	for (int other = 0; other < config.backends; other++)
		if (other != b && sessions[other].loading == counter)
		{
			saw(SEEN_LOAD_WAIT);
			if (++sessions[b].blocked > 100000)
				break;
			return;
		}
	fail("a transaction waits for a load that nobody makes", key, b, NOBODY);
}

/* Touches although somebody is in the gate. */
static Touch
touch_past_gate(Session *self, const CounterKey *name, Touched *touched)
{
	int partition = commerce_counters_partition(table, name);
	uint32_t inside = commerce_counters_in_gate(table, partition);
	Touch touch;

	for (uint32_t i = 0; i < inside; i++)
		commerce_counters_leave_gate(table, partition);
	touch = commerce_touch(&self->ledger, name, true, touched);
	for (uint32_t i = 0; i < inside; i++)
		commerce_counters_enter_gate(table, partition);
	return touch;
}

/* Registers with the key. */
static void
touch(int b, bool exclusive)
{
	Session *self = &sessions[b];
	int key = self->lines[self->line].key;
	uint32_t storage = shop_storage(b, key);
	const CounterKey name = *session_key(key, storage);
	int partition = commerce_counters_partition(table, &name);
	Touched touched = {0};
	Touch touch;

	if (shop_fresh(b, key) && plant != PLANT_OWN_SNAPSHOT)
	{
		commerce_ledger_enter_gate(&self->ledger, partition);
		self->gates[partition] = true;
		registered(self, MODE_GATE);
		return;
	}
	commerce_ledger_make_room(&self->ledger);
	if (plant == PLANT_GATE_IGNORED && !self->gates[partition])
		touch = touch_past_gate(self, &name, &touched);
	else
	{
		if (!interrupting && once_in(4))
		{
			interruptible = b;
			locked_exclusively = exclusive;
		}
		touch = commerce_touch(&self->ledger, &name, exclusive, &touched);
		interruptible = NOBODY;
	}
	switch (touch)
	{
		case TOUCH_COUNTER: remember(b, key, storage, MODE_COUNTER, touched.account->counter); break;
		case TOUCH_GATE:
			note(b, "is in the gate of", key, partition);
			saw(SEEN_GATE);
			self->gates[partition] = true;
			remember(b, key, storage, MODE_GATE, NULL);
			break;
		case TOUCH_WAIT: wait_for_load(b, key, commerce_counters_find(table, &name)); break;
		case TOUCH_CLAIM:
			if (exclusive)
				fail("asked for the lock that it has", key, 0, 0);
			self->phase = PHASE_CLAIM;
			break;
		case TOUCH_LOAD:
			note(b, "claims", key, storage);
			self->loading = touched.counter;
			self->phase = PHASE_SNAPSHOT;
			break;
	}
}

/* Reads the tables for a claimed counter. */
static void
snapshot(int b)
{
	Session *self = &sessions[b];
	int key = self->lines[self->line].key;

	self->loaded.value = plant == PLANT_OWN_SNAPSHOT ? shop_view(b, key) : shop_level(key);
	self->loaded.low = below(6) - 1;
	self->loaded.high = self->loaded.low + 1 + below(20);
	note(b, "reads", key, self->loaded.value);
	self->phase = PHASE_PUBLISH;
}

/* Opens a loaded counter to all. */
static void
publish(int b)
{
	Session *self = &sessions[b];
	int key = self->lines[self->line].key;
	Account *account = commerce_touch_loaded(&self->ledger, self->loading, &self->loaded);

	saw(SEEN_LOAD);
	note(b, "publishes", key, self->loaded.value);
	self->loading = NULL;
	judge_loaded(key, &self->loaded);
	remember(b, key, shop_storage(b, key), MODE_COUNTER, account->counter);
}

/* Changes rows as the action wants. */
static void
change_row(int b)
{
	Session *self = &sessions[b];
	Line *line = &self->lines[self->line];
	Changed changed = CHANGED;

	switch (self->action)
	{
		case ACTION_RAISE:
		case ACTION_CUT:
			if (shop_lock_row(b, self->depth, line->key))
				shop_adjust(b, self->depth, line->key,
							self->action == ACTION_CUT ? -line->amount : line->amount);
			else
				changed = CHANGE_WAIT;
			break;
		case ACTION_INSERT:
			changed = shop_insert(b, self->depth, line->key, line->amount) ? CHANGED : CHANGE_LOST;
			break;
		default:
			changed = shop_change(b, self->depth, self->row, self->serial,
								  self->action == ACTION_CONFIRM ? CHANGE_ORDER : CHANGE_DELETE,
								  self->action != ACTION_RELEASE, &line->amount);
	}
	if (changed == CHANGE_WAIT)
	{
		/* an expiry skips what others hold, or waits for it */
		if (self->action == ACTION_EXPIRE && self->lucky)
			self->phase = PHASE_CHOOSE;
		else
			blocked(b, SEEN_ROW_WAIT);
		return;
	}
	if (changed == CHANGE_LOST)
	{
		saw(SEEN_LOST_RACE);
		self->phase = PHASE_CHOOSE;
		return;
	}
	note(b, "changes a row of", line->key, line->amount);
	if (self->action == ACTION_CONFIRM)
		saw(SEEN_CONFIRM);
	self->rowed = true;
	self->phase = self->action == ACTION_CONFIRM ? PHASE_CHOOSE : self->late ? PHASE_TOUCH : PHASE_ACT;
	if (self->action == ACTION_INSERT && self->late)
		saw(SEEN_LATE_TOUCH);
}

/* Tells the ledger and the reference of a row that uses up. */
static void
written(int b, int64_t amount)
{
	Session *self = &sessions[b];
	Line *line = &self->lines[self->line];

	if (line->mode == MODE_COUNTER)
	{
		Account *account = account_of(self);

		if (plant == PLANT_COUNTED_TWICE && account->unwritten > 0)
			(void) commerce_counter_add(account->counter, -amount);
		if (!commerce_ledger_written(&self->ledger, account, level_of(self), amount))
			fail("a row was refused", line->key, amount, 0);
	}
	reference_op(b, self->depth, OP_WRITE, line->key, amount);
	note(b, "wrote a row of", line->key, amount);
}

/* Tells the ledger and the reference of a row that gives back. */
static void
give(int b)
{
	Session *self = &sessions[b];
	Line *line = &self->lines[self->line];

	if (line->mode == MODE_COUNTER)
	{
		Account *account = account_of(self);

		if (plant == PLANT_EARLY_CREDIT)
			(void) commerce_counter_add(account->counter, line->amount);
		else if (!commerce_ledger_give(&self->ledger, account, level_of(self), line->amount))
			fail("a row that gives was refused", line->key, line->amount, 0);
	}
	reference_op(b, self->depth, OP_GIVE, line->key, line->amount);
	note(b, "gives", line->key, line->amount);
}

/* Takes for a line of a reservation; returns whether there was enough. The reference must be of the same mind. */
static bool
take(int b)
{
	Session *self = &sessions[b];
	Line *line = &self->lines[self->line];
	const Sums *own = reference_sums(b, line->key);
	bool taken;

	if (line->mode == MODE_GATE)
		taken = shop_view(b, line->key) >= line->amount;
	else
	{
		bool enough = reference_value(line->key) + own->credit >= line->amount;

		taken = commerce_ledger_take(&self->ledger, account_of(self), level_of(self), line->amount);
		if (taken != enough && !outcome)
			fail("a take was answered wrongly", line->key, taken, enough);
	}
	if (taken && reference_available(b, line->key) < line->amount)
		fail("oversold: taken more than is available", line->key, line->amount,
			 reference_available(b, line->key));
	note(b, taken ? "takes" : "finds sold out", line->key, line->amount);
	if (line->mode == MODE_GATE)
		saw(taken ? SEEN_RESERVE_GATE : SEEN_SOLD_OUT_GATE);
	else
	{
		saw(taken ? SEEN_RESERVE : SEEN_SOLD_OUT);
		if (taken && own->credit > 0)
			saw(SEEN_OWN_CREDIT);
		if (taken)
			reference_op(b, self->depth, OP_TAKE, line->key, line->amount);
	}
	return taken;
}

/* Does to the ledger what the action wants. */
static void
act(int b)
{
	Session *self = &sessions[b];
	Line *line = &self->lines[self->line];

	self->phase = PHASE_CHOOSE;
	switch (self->action)
	{
		case ACTION_RESERVE:
			if (!take(b))
			{
				/* no more is taken: an error, or what was taken comes back when the statement ends */
				self->phase = PHASE_SETTLE;
				if (!self->lucky)
					session_error(b);
			}
			else if (++self->line < self->line_count)
				self->phase = PHASE_TABLE;
			else
			{
				self->line = 0;
				self->phase = PHASE_WRITE;
			}
			break;
		case ACTION_INSERT:
		case ACTION_CUT:
			forced[line->key] = true;
			saw(self->action == ACTION_CUT ? SEEN_CUT : SEEN_INSERT);
			written(b, line->amount);
			if (reference_worst(line->key) < 0)
				saw(SEEN_NEGATIVE);
			break;
		default:
			saw(self->action == ACTION_RAISE     ? SEEN_RAISE
				: self->action == ACTION_RELEASE ? SEEN_RELEASE
												 : SEEN_EXPIRE);
			give(b);
	}
}

/* Writes the row of a line; a trigger of the user may swallow or alter it. */
static void
write_row(int b)
{
	Session *self = &sessions[b];
	Line *line = &self->lines[self->line];
	int64_t amount = line->amount;

	if (once_in(8))
	{
		amount = below((int) amount + 3);
		saw(amount == 0 ? SEEN_SWALLOWED : SEEN_ALTERED);
		forced[line->key] = forced[line->key] || amount > line->amount;
	}
	if (amount > 0 && shop_insert(b, self->depth, line->key, amount))
		written(b, amount);
	if (++self->line == self->line_count)
		self->phase = PHASE_SETTLE;
}

/* Ends a statement. */
static void
settle(int b)
{
	Session *self = &sessions[b];

	for (int i = 0; i < self->ledger.account_count; i++)
	{
		commerce_ledger_make_room(&self->ledger);
		commerce_ledger_settle(&self->ledger, &self->ledger.accounts[i], level_of(self), 0);
	}
	for (int k = 0; k < config.keys; k++)
		if (reference_sums(b, k)->unwritten > 0)
			reference_op(b, self->depth, OP_SETTLE, k, 0);
	self->phase = PHASE_CHOOSE;
}

/* Advances a backend that is in a statement by one atomic step. */
void
statement_step(int b)
{
	Session *self = &sessions[b];

	if (once_in(ERROR_RATE))
	{
		session_error(b);
		return;
	}
	switch (self->phase)
	{
		case PHASE_TABLE: lock_table(b); break;
		case PHASE_TOUCH:
		case PHASE_CLAIM: touch(b, self->phase == PHASE_CLAIM); break;
		case PHASE_SNAPSHOT: snapshot(b); break;
		case PHASE_PUBLISH: publish(b); break;
		case PHASE_LOCK:
			if (shop_lock_row(b, self->depth, self->lines[self->line].key))
				self->phase = self->rowed || self->action == ACTION_RESERVE ? PHASE_ACT : PHASE_ROW;
			else
				blocked(b, SEEN_ROW_WAIT);
			break;
		case PHASE_ROW: change_row(b); break;
		case PHASE_ACT: act(b); break;
		case PHASE_WRITE: write_row(b); break;
		default: settle(b);
	}
}
