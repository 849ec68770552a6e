/*
 * judge.c: compares what is checked with the reference, after every step.
 *
 * 1. No oversell: what is committed, if all debits in flight were, falls below zero only by what is not asked for
 *    (a cut, a direct insert): a step that forces nothing never lowers it beyond that. That a reservation takes no
 *    more than there is for it is checked where it takes (session.c).
 * 2. A counter says what the reference says: value, pending, how many are in flight, and its flag.
 * 3. Nobody loses the counter it is registered with, nobody gets one for a key while another works in the gate.
 * 4. Ledger and mirror of a backend agree with the replay of its list.
 * 5. When all have come to an end nothing is left over, and exactly what is committed can be taken.
 *
 * Judged by the outcome alone, only what a customer could notice counts: an oversell, a false "sold out", a wait that
 * never ends. Planted faults must be found that way, too, so that the rest of the list is known to be about nothing
 * else.
 */
#include "session.h"

#include <string.h>

/* What the counter of a key was at the last look. */
typedef struct Seen
{
	bool ready;
	bool flagged;
	uint32_t storage;
	int64_t worst;
	int64_t low;
	int64_t high;
} Seen;

static Seen last[MAX_KEYS];
static uint32_t lost_flags;

/* Begins an episode. */
void
judge_start(void)
{
	memset(last, 0, sizeof(last));
	for (int k = 0; k < MAX_KEYS; k++)
		last[k].worst = reference_worst(k);
	lost_flags = 0;
}

/* All counters are gone, and nobody misses them. */
void
judge_crash(void)
{
	judge_start();
}

/* Returns the key's counter in the storage that all see, in whatever state. */
static Counter *
counter_of(int key)
{
	return commerce_counters_find(table, session_key(key, shop_storage(NOBODY, key)));
}

/* Says whether what is committed as a counter knows it has left the band. */
static bool
out_of_band(int key)
{
	int64_t known = reference_value(key) + reference_pending(key);

	return known < last[key].low || known >= last[key].high;
}

/* A counter was published. */
void
judge_loaded(int key, const CounterLevel *level)
{
	if (shop_storage(NOBODY, key) != last[key].storage)
		last[key].storage = shop_storage(NOBODY, key);
	last[key].ready = true;
	last[key].flagged = false;
	last[key].low = level->low;
	last[key].high = level->high;
}

/* A key has no counter any more. */
static void
dropped(int key)
{
	if (last[key].flagged)
	{
		lost_flags++;
		saw(SEEN_LOST_FLAG);
	}
	last[key].ready = last[key].flagged = false;
}

/* A transaction has paid: flags are up where it leaves a counter out of its band. */
void
judge_finished(int b, bool flagged, int accounts)
{
	bool wanted = false;
	int known = 0;

	for (int k = 0; k < config.keys; k++)
	{
		const Registration *own = &sessions[b].registered[k];

		if (own->mode != MODE_COUNTER || own->storage != shop_storage(NOBODY, k))
			continue;
		known++;
		if (!last[k].flagged && out_of_band(k))
		{
			saw(SEEN_FLAG);
			wanted = last[k].flagged = true;
		}
	}
	if (known == accounts && flagged != wanted && !outcome)
		fail("the end of a transaction was wrong about flags", NOBODY, flagged, wanted);
}

/* Returns how many live transactions are registered with a key in a way. */
static uint32_t
registered(int key, Mode mode, const Counter *counter)
{
	uint32_t count = 0;

	for (int b = 0; b < config.backends; b++)
	{
		const Registration *own = &sessions[b].registered[key];

		if (own->mode != mode || own->storage != shop_storage(NOBODY, key))
			continue;
		if (mode == MODE_COUNTER && own->counter != counter)
			fail("a counter went away under a transaction that is registered", key, b, 0);
		count++;
	}
	return count;
}

/* Judges a counter that all may use. */
static void
judge_counter(int key, const Counter *counter, uint32_t users)
{
	if (commerce_counter_value(counter) != reference_value(key))
		fail("a counter's value is wrong", key, commerce_counter_value(counter), reference_value(key));
	if (commerce_counter_pending(counter) != reference_pending(key))
		fail("a counter's pending is wrong", key, commerce_counter_pending(counter), reference_pending(key));
	if (commerce_counter_in_flight(counter) != users)
		fail("a counter is wrong about who is in flight", key, commerce_counter_in_flight(counter), users);
	if (counter->flagged != last[key].flagged)
		fail("a counter's flag is wrong", key, counter->flagged, last[key].flagged);
}

/* Judges a key. */
static void
judge_key(int key)
{
	Seen *self = &last[key];
	const Counter *counter = counter_of(key);
	CounterState state = counter == NULL ? COUNTER_FREE : commerce_counter_state(counter);
	int64_t worst = reference_worst(key);
	uint32_t users;

	if (!forced[key] && worst < (self->worst < 0 ? self->worst : 0))
		fail("oversold: what is committed would fall below zero", key, worst, self->worst);
	self->worst = worst;
	forced[key] = false;
	if (outcome)
		return;
	if (self->storage != shop_storage(NOBODY, key))
		*self = (Seen){.storage = shop_storage(NOBODY, key), .worst = worst};
	users = registered(key, MODE_COUNTER, counter);
	if ((state == COUNTER_READY || state == COUNTER_LOADING) && registered(key, MODE_GATE, NULL) > 0)
		fail("there is a counter while somebody is in the gate", key, state, 0);
	if (state == COUNTER_READY)
		judge_counter(key, counter, users);
	else if (self->ready)
	{
		saw(SEEN_EVICT);
		note(NOBODY, "evicted", key, 0);
		dropped(key);
	}
}

/* Judges gates: who is inside, is inside. */
static void
judge_gates(void)
{
	for (int p = 0; p < config.partitions; p++)
	{
		uint32_t inside = 0;

		for (int b = 0; b < config.backends; b++)
			inside += sessions[b].gates[p];
		if (commerce_counters_in_gate(table, p) != inside)
			fail("a gate is wrong about who is inside", NOBODY, commerce_counters_in_gate(table, p), inside);
	}
}

/* Judges the ledger of a backend, and what it shows to others. */
static void
judge_ledger(int b)
{
	Session *self = &sessions[b];

	if (self->mirror.accounts != (uint32_t) self->ledger.account_count)
		fail("a mirror is wrong about how many accounts there are", NOBODY, self->mirror.accounts,
			 self->ledger.account_count);
	if (self->phase == PHASE_SUBABORT || self->phase == PHASE_COMMITTED || self->phase == PHASE_ABORTED)
		return;
	for (int k = 0; k < config.keys; k++)
	{
		const Registration *own = &self->registered[k];
		const Sums *sums = reference_sums(b, k);
		const Account *account;
		int row;

		if (own->mode != MODE_COUNTER || own->storage != shop_storage(NOBODY, k))
			continue;
		account = commerce_ledger_find(&self->ledger, own->counter);
		if (account == NULL)
			fail("a ledger has lost an account", k, 0, 1);
		row = (int) (account - self->ledger.accounts);
		if (account->debit != sums->debit || self->mirror.rows[row].debit != sums->debit)
			fail("a ledger's debit is wrong", k, account->debit, sums->debit);
		if (account->credit != sums->credit || self->mirror.rows[row].credit != sums->credit)
			fail("a ledger's credit is wrong", k, account->credit, sums->credit);
		if (account->unwritten != sums->unwritten)
			fail("a ledger is wrong about what has no row yet", k, account->unwritten, sums->unwritten);
	}
}

/* Judges what a step has made of the world. */
void
judge_step(int b)
{
	for (int k = 0; k < config.keys; k++)
		judge_key(k);
	if (outcome)
		return;
	judge_gates();
	if (b != NOBODY)
		judge_ledger(b);
}

/* Throws a counter away; only one that is idle may go. */
void
judge_forget(int key)
{
	Counter *counter = counter_of(key);
	bool idle;

	if (counter == NULL)
		return;
	if (plant == PLANT_EVICT_IN_FLIGHT && commerce_counter_state(counter) == COUNTER_READY)
		while (commerce_counter_in_flight(counter) > 0)
			commerce_counter_unpin(counter);
	idle = commerce_counter_in_flight(counter) == 0;
	note(NOBODY, "forgets", key, idle);
	if (commerce_counters_forget(table, counter) != idle && !outcome)
		fail("a counter was forgotten wrongly", key, !idle, idle);
	saw(idle ? SEEN_FORGET : SEEN_FORGET_REFUSED);
	if (idle && last[key].ready)
		dropped(key);
}

/* Makes a counter for nobody, as one would who fills the table; not while somebody is in the gate. */
void
judge_preload(int key)
{
	const CounterKey *name = session_key(key, shop_storage(NOBODY, key));
	CounterLevel level = {.value = shop_level(key), .low = below(6) - 1, .high = 6 + below(20)};
	bool inside = commerce_counters_in_gate(table, commerce_counters_partition(table, name)) > 0;
	Counter *counter = counter_of(key);

	if (counter != NULL && commerce_counter_state(counter) != COUNTER_BROKEN)
		return;
	counter = commerce_counters_claim(table, name);
	if (counter == NULL)
	{
		saw(SEEN_PRELOAD_REFUSED);
		return;
	}
	if (inside && !outcome)
		fail("a counter was made while somebody is in the gate", key, 1, 0);
	note(NOBODY, "loads", key, level.value);
	saw(SEEN_PRELOAD);
	commerce_counter_publish(counter, &level);
	commerce_counter_unpin(counter);
	judge_loaded(key, &level);
}

/* Does what a worker does that looks after flags. */
void
judge_worker(int key)
{
	Counter *counter = counter_of(key);
	bool flagged;

	if (counter == NULL || commerce_counter_state(counter) != COUNTER_READY || outcome)
		return;
	if (commerce_counter_unflag(counter) != last[key].flagged)
		fail("a flag that was taken was wrong", key, !last[key].flagged, last[key].flagged);
	last[key].low = below(6) - 1;
	last[key].high = last[key].low + 1 + below(20);
	flagged = commerce_counter_set_band(counter, last[key].low, last[key].high);
	if (flagged != out_of_band(key))
		fail("a new band was judged wrongly", key, flagged, !flagged);
	last[key].flagged = flagged;
}

/* Takes an amount, alone in the world, and aborts; the counter is loaded where there is none. */
static bool
can_take(int key, int64_t amount)
{
	Session *self = &sessions[0];
	const CounterKey *name = session_key(key, shop_storage(NOBODY, key));
	Touched touched = {0};
	Touch touch;
	bool taken;

	commerce_ledger_make_room(&self->ledger);
	touch = commerce_touch(&self->ledger, name, true, &touched);
	if (touch == TOUCH_LOAD)
	{
		CounterLevel level = {.value = shop_level(key), .low = 0, .high = 1};

		touched.account = commerce_touch_loaded(&self->ledger, touched.counter, &level);
	}
	else if (touch != TOUCH_COUNTER)
		fail("there is no counter although all is quiet", key, touch, TOUCH_COUNTER);
	taken = commerce_ledger_take(&self->ledger, touched.account, 1, amount);
	(void) commerce_ledger_finish(&self->ledger, false);
	return taken;
}

/* Judges a moment at which nothing is in flight; all flags are as good as unknown after it. */
void
judge_quiet(void)
{
	for (int i = 0; i < commerce_counters_count(table) && !outcome; i++)
	{
		Counter *counter = commerce_counters_at(table, i);

		if (commerce_counter_in_flight(counter) != 0)
			fail("a counter is in flight although all is quiet", NOBODY, commerce_counter_in_flight(counter),
				 0);
		if (commerce_counter_state(counter) == COUNTER_FREE)
			continue;
		if (commerce_counters_find(table, &counter->key) != counter ||
			commerce_counters_partition(table, &counter->key) != commerce_counters_partition_at(table, i) ||
			commerce_counters_number(table, counter) != i)
			fail("a counter is not where its key is", NOBODY, i, 0);
	}
	for (int p = 0; p < config.partitions && !outcome; p++)
		if (commerce_counters_in_gate(table, p) != 0)
			fail("somebody is in a gate although all is quiet", NOBODY, commerce_counters_in_gate(table, p),
				 0);
	if (commerce_counters_lost_flags(table) < lost_flags && !outcome)
		fail("flags were lost without a word", NOBODY, 0, lost_flags);
	for (int k = 0; k < config.keys; k++)
	{
		int64_t level = shop_level(k);

		if (level > 0 && !can_take(k, level))
			fail("sold out, although all of it is there", k, 0, level);
		if (level >= 0 && can_take(k, level + 1))
			fail("oversold by a lone reservation", k, level + 1, level);
	}
	saw(SEEN_QUIET);
}
