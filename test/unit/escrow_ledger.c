// sources: src/escrow/counters.c src/escrow/ledger.c
/*
 * escrow_ledger.c: ledgers of the escrow engine alone: levels nested deep, thousands of accounts, amounts at the end of
 * 64 bits, memory that runs out. Two transactions share all counters.
 *
 * The reference keeps the state of every account at every savepoint: to roll back is to copy it back. Sums are done in
 * 128 bits.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escrow/ledger.h"

#define KEYS 3000
#define LEVELS 50
#define LEDGERS 2
#define ROUNDS 120

typedef __int128 Wide;

/* What the reference knows of an account. */
typedef struct State
{
	int64_t debit;
	int64_t credit;
	int64_t unwritten;
} State;

typedef struct Side
{
	Ledger ledger;
	LedgerMirror mirror;
	int keys[KEYS]; /* in the order of their accounts */
	int key_count;
	State now[KEYS];
	Wide given[KEYS]; /* in all, also what was undone or spent since */
	State saved[LEVELS][KEYS];
	uint32_t levels[LEVELS];
	uint32_t last_level;
	int depth;
} Side;

static Side sides[LEDGERS];
static CounterTable *table;
static Counter *counters[KEYS];
static int64_t committed[KEYS];
static uint64_t seed = 20261122;
static bool starving;
static jmp_buf starved;
static int tests;
static const char *wrong; /* the first thing that was */
static long refusals;
static long starvations;
static long undone;
static int most_accounts;
static int most_levels;

static void
ok(bool holds, const char *what)
{
	printf("%s %d - %s\n", holds ? "ok" : "not ok", ++tests, what);
}

/* Returns the next number of a fixed sequence, below a bound. */
static uint64_t
below(uint64_t bound)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % bound;
}

static void
want(bool holds, const char *what)
{
	if (!holds && wrong == NULL)
		wrong = what;
}

/* Gives memory, or throws. */
static void *
grow(void *old, size_t size)
{
	void *grown;

	if (starving && below(3) == 0)
		longjmp(starved, 1);
	grown = realloc(old, size);
	if (grown == NULL)
		abort();
	return grown;
}

static bool
fits(Wide number)
{
	return number >= INT64_MIN && number <= INT64_MAX;
}

/* Returns an amount: mostly small, sometimes as large as can be. */
static int64_t
some_amount(void)
{
	return below(50) == 0 ? INT64_MAX - (int64_t) below(3) : 1 + (int64_t) below(20);
}

/* Returns what the counter of a key must say. */
static Wide
value_of(int key)
{
	Wide sum = committed[key];

	for (int s = 0; s < LEDGERS; s++)
		sum -= sides[s].now[key].debit;
	return sum;
}

/* Compares an account, its counter and what others may see of it. */
static void
compare(Side *side, int key)
{
	const Account *account = commerce_ledger_find(&side->ledger, counters[key]);
	const State *now = &side->now[key];
	int row;

	want(account != NULL, "every account is found");
	if (account == NULL)
		return;
	row = (int) (account - side->ledger.accounts);
	want(account->debit == now->debit && account->credit == now->credit &&
			 account->unwritten == now->unwritten,
		 "sums of an account are those of the reference");
	want(commerce_counter_value(account->counter) == (int64_t) value_of(key),
		 "a counter is what is not in flight");
	want((uint64_t) commerce_counter_value(account->counter) +
				 (uint64_t) commerce_counter_pending(account->counter) ==
			 (uint64_t) committed[key],
		 "value and pending are what is committed");
	if (row < MIRROR_ROWS)
		want(side->mirror.rows[row].debit == now->debit && side->mirror.rows[row].credit == now->credit,
			 "the mirror shows the account");
}

static void
compare_all(Side *side)
{
	for (int i = 0; i < side->key_count; i++)
	{
		compare(side, side->keys[i]);
	}
	want(side->ledger.account_count == side->key_count && side->mirror.accounts == (uint32_t) side->key_count,
		 "there is an account for each key that was touched");
	want(commerce_ledger_busy(&side->ledger) == (side->key_count > 0),
		 "a ledger is busy while it has accounts");
}

/* Opens an account for a key, where there is none. */
static void
touch(Side *side, int key)
{
	if (commerce_ledger_find(&side->ledger, counters[key]) != NULL)
		return;
	commerce_counter_pin(counters[key]);
	(void) commerce_ledger_open(&side->ledger, counters[key]);
	side->keys[side->key_count++] = key;
	side->now[key] = (State){0};
}

/* Uses up an amount by the rule: own credit first. */
static void
use(State *now, int64_t amount)
{
	int64_t own = amount < now->credit ? amount : now->credit;

	now->credit -= own;
	now->debit += amount - own;
}

static void
take(Side *side, int key, int64_t amount)
{
	State *now = &side->now[key];
	int64_t floor = below(4) > 0 ? 0 : below(2) > 0 ? (int64_t) below(200) - 100 : below(2) > 0 ? INT64_MIN : INT64_MAX;
	int64_t own = amount < now->credit ? amount : now->credit;
	bool enough = value_of(key) + now->credit - amount >= floor && fits((Wide) now->debit + amount - own);
	Account *account = commerce_ledger_find(&side->ledger, counters[key]);

	if (now->unwritten > INT64_MAX - amount)
		return;
	want(commerce_ledger_balance(account) ==
			 (fits(value_of(key) + now->credit) ? (int64_t) (value_of(key) + now->credit) : INT64_MAX),
		 "a balance is value and credit");
	want((floor == 0 ? commerce_ledger_take(&side->ledger, account, side->levels[side->depth], amount)
					 : commerce_ledger_take_above(&side->ledger, account, side->levels[side->depth], amount, floor)) == enough,
		 "a take succeeds where it leaves the floor, and only there");
	refusals += !enough;
	if (!enough)
		return;
	use(now, amount);
	now->unwritten += amount;
}

static void
write_row(Side *side, int key, int64_t amount)
{
	State *now = &side->now[key];
	State after = *now;
	int64_t prepared = amount < now->unwritten ? amount : now->unwritten;
	int64_t own = amount - prepared < now->credit ? amount - prepared : now->credit;
	Wide rest = amount - prepared - own;
	bool possible = fits(now->debit + rest) && fits(value_of(key) - rest);
	Account *account = commerce_ledger_find(&side->ledger, counters[key]);

	want(commerce_ledger_written(&side->ledger, account, side->levels[side->depth], amount) == possible,
		 "a row is refused beyond 64 bits, and only there");
	refusals += !possible;
	if (!possible)
		return;
	after.unwritten -= prepared;
	use(&after, amount - prepared);
	*now = after;
}

static void
give(Side *side, int key, int64_t amount)
{
	State *now = &side->now[key];
	Wide level = committed[key] + (Wide) amount;
	bool possible = fits((Wide) now->credit + amount);
	Account *account = commerce_ledger_find(&side->ledger, counters[key]);

	for (int s = 0; s < LEDGERS; s++)
		level += sides[s].given[key];
	if (possible && !fits(level))
		return; /* the tables cannot hold so much either */
	want(commerce_ledger_give(&side->ledger, account, side->levels[side->depth], amount) == possible,
		 "a gift is refused beyond 64 bits, and only there");
	refusals += !possible;
	if (!possible)
		return;
	now->credit += amount;
	side->given[key] += amount;
}

static void
settle(Side *side)
{
	for (int i = 0; i < side->key_count; i++)
	{
		State *now = &side->now[side->keys[i]];

		if (!fits((Wide) now->credit + now->unwritten))
			return;
	}
	for (int i = 0; i < side->key_count; i++)
	{
		State *now = &side->now[side->keys[i]];
		int64_t kept = now->unwritten == 0 ? 0 : (int64_t) below(3) * (now->unwritten / 2);

		commerce_ledger_make_room(&side->ledger);
		commerce_ledger_settle(&side->ledger, commerce_ledger_find(&side->ledger, counters[side->keys[i]]), side->levels[side->depth], kept);
		if (now->unwritten > kept)
		{
			now->credit += now->unwritten - kept;
			now->unwritten = kept;
		}
	}
	compare_all(side);
}

static void
savepoint(Side *side)
{
	if (side->depth + 1 == LEVELS)
		return;
	memcpy(side->saved[++side->depth], side->now, sizeof(side->now));
	side->levels[side->depth] = ++side->last_level;
	if (side->depth > most_levels)
		most_levels = side->depth;
}

static void
rollback(Side *side)
{
	if (side->depth == 0)
		return;
	commerce_ledger_abort_level(&side->ledger, side->levels[side->depth]);
	memcpy(side->now, side->saved[side->depth--], sizeof(side->now));
	undone++;
	compare_all(side);
}

static void
release(Side *side)
{
	if (side->depth == 0)
		return;
	commerce_ledger_commit_level(&side->ledger, side->levels[side->depth], side->levels[side->depth - 1]);
	side->depth--;
	compare_all(side);
}

/* Ends a transaction; those who are not committed have not happened. */
static void
finish(Side *side, bool commit)
{
	if (commit)
		settle(side);
	while (commit && side->depth > 0)
		release(side);
	for (int i = 0; i < side->key_count; i++)
	{
		State *now = &side->now[side->keys[i]];

		if (commit)
			committed[side->keys[i]] = (int64_t) ((Wide) committed[side->keys[i]] + now->credit - now->debit);
		*now = (State){0};
		side->given[side->keys[i]] = 0;
	}
	if (side->key_count > most_accounts)
		most_accounts = side->key_count;
	(void) commerce_ledger_finish(&side->ledger, commit);
	side->key_count = side->depth = 0;
	compare_all(side);
	for (int k = 0; k < KEYS; k++)
	{
		want(commerce_ledger_find(&side->ledger, counters[k]) == NULL,
			 "an ended transaction has no accounts");
		want(commerce_counter_value(counters[k]) == (int64_t) value_of(k), "an ended transaction has paid");
	}
}

/* Does one thing, if there is memory for it. */
static void
step(Side *side, int range)
{
	int key = (int) below((uint64_t) range);

	if (setjmp(starved) != 0)
	{
		starvations++;
		return;
	}
	commerce_ledger_make_room(&side->ledger);
	touch(side, key);
	commerce_ledger_make_room(&side->ledger);
	switch (below(30))
	{
		case 0 ... 1: savepoint(side); break;
		case 2:
			if (below(2) == 0)
				rollback(side);
			else
				release(side);
			break;
		case 3:
			if (below(6) == 0)
				settle(side);
			break;
		case 4 ... 14: take(side, key, some_amount()); break;
		case 15 ... 22: write_row(side, key, some_amount()); break;
		default: give(side, key, some_amount());
	}
	compare(side, key);
}

/* Makes counters for all keys: some with little, some with as much as there can be. */
static void
make_counters(void)
{
	table = aligned_alloc(64, (commerce_counters_size(3, 3 * KEYS) + 63) / 64 * 64);
	if (table == NULL)
		abort();
	commerce_counters_init(table, 3, 3 * KEYS, seed);
	for (int k = 0; k < KEYS; k++)
	{
		CounterKey key;
		CounterLevel level = {
			.value = below(40) == 0 ? INT64_MAX : (int64_t) below(60), .low = 5, .high = 50};
		char name[16];
		int length = snprintf(name, sizeof(name), "key%d", k);

		commerce_counter_key(&key, 1, (uint32_t[2]){2, 3}, name, length);
		counters[k] = commerce_counters_claim(table, &key);
		commerce_counter_publish(counters[k], &level);
		commerce_counter_unpin(counters[k]);
		committed[k] = level.value;
	}
}

int
main(void)
{
	make_counters();
	for (int s = 0; s < LEDGERS; s++)
	{
		commerce_ledger_init(&sides[s].ledger, table, 3, grow);
		sides[s].ledger.mirror = &sides[s].mirror;
	}
	starving = true;
	for (int round = 0; round < ROUNDS && wrong == NULL; round++)
	{
		int range = 1 + (int) below(below(4) == 0 ? KEYS : 40);
		int steps = (int) below(6000);

		for (int s = 0; s < LEDGERS; s++)
			sides[s].levels[0] = sides[s].last_level = 1;
		for (int i = 0; i < steps && wrong == NULL; i++)
			step(&sides[below(LEDGERS)], range);
		for (int s = 0; s < LEDGERS; s++)
		{
			starving = false;
			commerce_ledger_make_room(&sides[s].ledger);
			starving = true;
			finish(&sides[s], below(2) == 0);
		}
	}
	ok(wrong == NULL, wrong == NULL ? "ledgers agree with the reference" : wrong);
	printf("# %d accounts, %d levels deep, %ld refusals, %ld times no memory, %ld rollbacks\n", most_accounts,
		   most_levels, refusals, starvations, undone);
	ok(most_accounts > 1000 && most_levels > 20 && refusals > 100 && starvations > 10 && undone > 1000,
	   "and they were put to the test");
	for (int s = 0; s < LEDGERS; s++)
	{
		free(sides[s].ledger.accounts);
		free(sides[s].ledger.entries);
		free(sides[s].ledger.index);
		free(sides[s].ledger.gates);
	}
	free(table);
	printf("1..%d\n", tests);
	return wrong != NULL;
}
