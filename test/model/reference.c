/*
 * reference.c: what a counter must say, found the long way.
 *
 * Each transaction has a list of what it did, each with the depth of the subtransaction that did it. Nothing is ever
 * subtracted: an aborted subtransaction takes its part off the list, and the rest is replayed from the start. The rule
 * of the replay is the promise of the ledger in one sentence: what a transaction uses up comes first from what was set
 * apart for it, then from what it has itself given back, and only the rest is a debit.
 *
 * What has become visible (or vanished) and is not yet paid is owed. So at any moment a counter is
 *
 *     what is committed - all debits in flight - all that is owed
 *
 * and a debt is never negative: a counter errs only to the safe side.
 */
#include "model.h"

#include <string.h>

typedef struct Op
{
	int8_t kind;
	int8_t key;
	int8_t depth;
	bool fresh; /* done to storage that nobody else sees yet */
	int64_t amount;
} Op;

typedef struct Owed
{
	int64_t value;
	int64_t pending;
} Owed;

static Op ops[MAX_BACKENDS][MAX_OPS];
static int op_count[MAX_BACKENDS];
static Sums sums[MAX_BACKENDS][MAX_KEYS][2]; /* in storage that all see; in fresh storage */
static Owed owed[MAX_BACKENDS][MAX_KEYS];

/* Forgets everything. */
void
reference_init(void)
{
	memset(op_count, 0, sizeof(op_count));
	memset(sums, 0, sizeof(sums));
	memset(owed, 0, sizeof(owed));
}

/* Returns the smaller of two, and takes it away from the one that is being used up. */
static int64_t
use_up(int64_t *store, int64_t wanted)
{
	int64_t used = wanted < *store ? wanted : *store;

	*store -= used;
	return used;
}

/* Does one thing again. */
static void
replay(Sums *self, const Op *op)
{
	int64_t rest = op->amount;

	switch (op->kind)
	{
		case OP_GIVE: self->credit += op->amount; break;
		case OP_SETTLE:
			self->credit += self->unwritten;
			self->unwritten = 0;
			break;
		case OP_WRITE:
			rest -= use_up(&self->unwritten, rest);
			rest -= use_up(&self->credit, rest);
			self->debit += rest;
			break;
		case OP_TAKE:
			self->unwritten += op->amount;
			rest -= use_up(&self->credit, rest);
			self->debit += rest;
			break;
	}
}

/* Adds to the list of what a transaction did. */
void
reference_op(int backend, int depth, OpKind kind, int key, int64_t amount)
{
	Op *op = &ops[backend][op_count[backend]++];

	if (op_count[backend] > MAX_OPS)
		fail("the model's list of a transaction is too short", key, op_count[backend], MAX_OPS);
	*op = (Op){.kind = (int8_t) kind, .key = (int8_t) key, .depth = (int8_t) depth, .amount = amount};
	op->fresh = shop_fresh(backend, key);
	replay(&sums[backend][key][op->fresh], op);
}

/* Returns how long the list is. */
int
reference_ops(int backend)
{
	return op_count[backend];
}

/* Returns what a transaction's list comes to, in the storage that all see. */
const Sums *
reference_sums(int backend, int key)
{
	return &sums[backend][key][0];
}

/* A subtransaction ends well. */
void
reference_commit_depth(int backend, int depth)
{
	for (int i = 0; i < op_count[backend]; i++)
		if (ops[backend][i].depth == depth)
			ops[backend][i].depth--;
}

/* A subtransaction, or with depth 0 all of it, did not happen; what it took is owed until it is paid back. */
void
reference_abort_depth(int backend, int depth)
{
	int kept = 0;

	for (int k = 0; k < config.keys; k++)
		owed[backend][k].value = owed[backend][k].pending = sums[backend][k][0].debit;
	memset(sums[backend], 0, sizeof(sums[backend]));
	for (int i = 0; i < op_count[backend]; i++)
	{
		const Op *op = &ops[backend][i];

		if (op->depth >= depth)
			continue;
		ops[backend][kept] = *op;
		replay(&sums[backend][op->key][op->fresh], &ops[backend][kept++]);
	}
	op_count[backend] = kept;
	for (int k = 0; k < config.keys; k++)
	{
		owed[backend][k].value -= sums[backend][k][0].debit;
		owed[backend][k].pending -= sums[backend][k][0].debit;
	}
}

/* All a transaction did is visible. Rows and list must say the same; returns whether new storage came with it. */
bool
reference_commit(int backend)
{
	int64_t before[MAX_KEYS];
	bool fresh[MAX_KEYS];
	bool renewed = false;

	for (int k = 0; k < config.keys; k++)
	{
		before[k] = shop_level(k);
		fresh[k] = shop_fresh(backend, k);
		renewed = renewed || fresh[k];
	}
	shop_commit(backend);
	for (int k = 0; k < config.keys; k++)
	{
		const Sums *old = &sums[backend][k][0];
		int64_t change = old->credit - old->debit;

		if (old->unwritten != 0)
			fail("the model left a statement unsettled", k, old->unwritten, 0);
		if (!fresh[k] && shop_level(k) - before[k] != change)
			fail("the model's rows and its list of changes differ", k, shop_level(k) - before[k], change);
		owed[backend][k] = fresh[k] ? (Owed){0, 0} : (Owed){.value = old->credit, .pending = old->debit};
	}
	op_count[backend] = 0;
	memset(sums[backend], 0, sizeof(sums[backend]));
	return renewed;
}

/* Nothing is owed by a transaction any more. */
void
reference_paid(int backend)
{
	memset(owed[backend], 0, sizeof(owed[backend]));
}

/* A process is gone, with all that it had not committed. */
void
reference_crash(int backend)
{
	op_count[backend] = 0;
	memset(sums[backend], 0, sizeof(sums[backend]));
	memset(owed[backend], 0, sizeof(owed[backend]));
}

/* Returns what is committed, if all debits in flight were. */
int64_t
reference_worst(int key)
{
	int64_t sum = shop_level(key);

	for (int b = 0; b < config.backends; b++)
		sum -= sums[b][key][0].debit;
	return sum;
}

/* Returns what the key's counter must say. */
int64_t
reference_value(int key)
{
	int64_t sum = reference_worst(key);

	for (int b = 0; b < config.backends; b++)
	{
		if (owed[b][key].value < 0 || owed[b][key].pending < 0)
			fail("the model owes less than nothing", key, owed[b][key].value, 0);
		sum -= owed[b][key].value;
	}
	return sum;
}

/* Returns what the key's counter must say is in flight. */
int64_t
reference_pending(int key)
{
	int64_t sum = 0;

	for (int b = 0; b < config.backends; b++)
		sum += sums[b][key][0].debit + owed[b][key].pending;
	return sum;
}

/* Returns what a transaction may take: what it sees, less the debits of all others. */
int64_t
reference_available(int backend, int key)
{
	int64_t sum = shop_view(backend, key) - sums[backend][key][0].unwritten;

	for (int b = 0; b < config.backends; b++)
		if (b != backend)
			sum -= sums[b][key][0].debit;
	return sum;
}
