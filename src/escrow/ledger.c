/*
 * ledger.c: debit at execution, credit at commit.
 *
 * Taking from a counter is done at once, so that nobody else can take the same; giving to it waits for the commit,
 * because until then nobody may rely on it. So a counter never says more than what is there if every transaction in
 * flight does its worst. What the transaction itself has given it may spend itself: own credit, which its own commit
 * makes good before anyone can look.
 *
 * The accounts hold the sums, the entries what each level contributed to them: the entries of the innermost level
 * stand last, and a level has at most one for each account. Undoing a level takes its entries off the end. What a level
 * spent of the credit of an outer one is a negative credit in its entry; an outer level does nothing while an inner one
 * is open, so undoing never leaves a credit below zero.
 *
 * A take is made before its row is written, and the row's trigger then says so; what was taken but not yet written is
 * kept apart, so that a row is counted once whoever wrote it, and a take whose row a trigger of the user swallowed can
 * be given back.
 */
#include "escrow/ledger.h"

#include <string.h>

#define NONE (-1)

/* Makes an empty ledger. */
void
commerce_ledger_init(Ledger *ledger, CounterTable *table, int partitions, void *(*grow)(void *, size_t))
{
	size_t words = ((size_t) partitions + 63) / 64;
	uint64_t *gates = grow(NULL, words * sizeof(uint64_t));

	/* Not before there is memory: a ledger with a table is taken for one that is ready. */
	memset(gates, 0, words * sizeof(uint64_t));
	*ledger = (Ledger){.table = table, .grow = grow, .gates = gates};
}

/* Returns where in the index a counter is, or would be. */
static int32_t
index_slot(const Ledger *ledger, const Counter *counter)
{
	uint32_t number = (uint32_t) commerce_counters_number(ledger->table, counter);
	uint32_t mask = (uint32_t) ledger->index_size - 1;
	uint32_t slot = (number * 0x9e3779b1u) & mask;

	while (ledger->index[slot] != NONE && ledger->accounts[ledger->index[slot]].counter != counter)
		slot = (slot + 1) & mask;
	return (int32_t) slot;
}

/* Doubles the index, or makes the first. */
static void
grow_index(Ledger *ledger)
{
	int32_t size = ledger->index_size ? ledger->index_size * 2 : 64;

	ledger->index = ledger->grow(ledger->index, sizeof(int32_t) * (size_t) size);
	ledger->index_size = size;
	memset(ledger->index, 0xff, sizeof(int32_t) * (size_t) size);
	for (int32_t i = 0; i < ledger->account_count; i++)
		ledger->index[index_slot(ledger, ledger->accounts[i].counter)] = i;
}

/* Makes room for one more account and one more entry. */
void
commerce_ledger_make_room(Ledger *ledger)
{
	if (ledger->account_count == ledger->account_room)
	{
		int32_t room = ledger->account_room ? ledger->account_room * 2 : 16;

		ledger->accounts = ledger->grow(ledger->accounts, sizeof(Account) * (size_t) room);
		ledger->account_room = room;
	}
	if (ledger->entry_count == ledger->entry_room)
	{
		int32_t room = ledger->entry_room ? ledger->entry_room * 2 : 16;

		ledger->entries = ledger->grow(ledger->entries, sizeof(Entry) * (size_t) room);
		ledger->entry_room = room;
	}
	if (ledger->account_count * 2 >= ledger->index_size)
		grow_index(ledger);
}

/* Finds the account of a counter, or NULL. */
Account *
commerce_ledger_find(Ledger *ledger, const Counter *counter)
{
	int32_t account = ledger->index_size ? ledger->index[index_slot(ledger, counter)] : NONE;

	return account == NONE ? NULL : &ledger->accounts[account];
}

/* Shows an account to others. */
static void
show(const Ledger *ledger, const Account *account)
{
	int32_t row = (int32_t) (account - ledger->accounts);

	if (ledger->mirror == NULL || row >= MIRROR_ROWS)
		return;
	__atomic_store_n(&ledger->mirror->rows[row].counter,
					 (uint32_t) commerce_counters_number(ledger->table, account->counter), __ATOMIC_RELAXED);
	__atomic_store_n(&ledger->mirror->rows[row].debit, account->debit, __ATOMIC_RELAXED);
	__atomic_store_n(&ledger->mirror->rows[row].credit, account->credit, __ATOMIC_RELAXED);
}

/* Shows how many accounts there are. */
static void
show_count(const Ledger *ledger)
{
	if (ledger->mirror != NULL)
		__atomic_store_n(&ledger->mirror->accounts, (uint32_t) ledger->account_count, __ATOMIC_RELEASE);
}

/* Opens an account for a counter. */
Account *
commerce_ledger_open(Ledger *ledger, Counter *counter)
{
	Account *account = &ledger->accounts[ledger->account_count];

	*account = (Account){.counter = counter, .last = NONE};
	ledger->index[index_slot(ledger, counter)] = ledger->account_count++;
	show(ledger, account);
	show_count(ledger);
	return account;
}

/* Returns the entry of a level for an account, new where there was none. */
static Entry *
entry_of(Ledger *ledger, Account *account, uint32_t level)
{
	Entry *entry;

	if (account->last != NONE && ledger->entries[account->last].level == level)
		return &ledger->entries[account->last];
	entry = &ledger->entries[ledger->entry_count];
	*entry =
		(Entry){.level = level, .account = (int32_t) (account - ledger->accounts), .previous = account->last};
	account->last = ledger->entry_count++;
	return entry;
}

/* Records what was done, in the account and in the entry of the level. */
static void
record(Ledger *ledger, Account *account, uint32_t level, int64_t debit, int64_t credit, int64_t unwritten)
{
	Entry *entry = entry_of(ledger, account, level);

	entry->debit += debit;
	entry->credit += credit;
	entry->unwritten += unwritten;
	account->debit += debit;
	account->credit += credit;
	account->unwritten += unwritten;
	if (debit != 0)
		commerce_counter_add_pending(account->counter, debit);
	show(ledger, account);
}

/* Says how much this transaction could take now. */
int64_t
commerce_ledger_balance(const Account *account)
{
	int64_t balance;

	if (__builtin_add_overflow(commerce_counter_value(account->counter), account->credit, &balance))
		return INT64_MAX;
	return balance;
}

/* Takes an amount for a row that is to be written, where the floor or more is left. */
bool
commerce_ledger_take_above(Ledger *ledger, Account *account, uint32_t level, int64_t amount, int64_t floor)
{
	int64_t own = amount < account->credit ? amount : account->credit;
	int64_t taken;

	/* Nor is more taken than 64 bits hold, which a floor below zero would allow. */
	if (__builtin_add_overflow(account->debit, amount - own, &taken))
		return false;
	taken = commerce_counter_take(account->counter, amount, account->credit, floor);
	if (taken < 0)
		return false;
	record(ledger, account, level, taken, taken - amount, amount);
	return true;
}

/* Takes an amount for a row that is to be written, where there is enough. */
bool
commerce_ledger_take(Ledger *ledger, Account *account, uint32_t level, int64_t amount)
{
	return commerce_ledger_take_above(ledger, account, level, amount, 0);
}

/* Counts a row that was written and uses up an amount. */
bool
commerce_ledger_written(Ledger *ledger, Account *account, uint32_t level, int64_t amount)
{
	int64_t prepared = amount < account->unwritten ? amount : account->unwritten;
	int64_t rest = amount - prepared;
	int64_t own = rest < account->credit ? rest : account->credit;
	int64_t sum;

	if (rest > own && (__builtin_add_overflow(account->debit, rest - own, &sum) ||
					   !commerce_counter_add(account->counter, own - rest)))
		return false;
	record(ledger, account, level, rest - own, -own, -prepared);
	return true;
}

/* Counts a row that was written and gives an amount back. */
bool
commerce_ledger_give(Ledger *ledger, Account *account, uint32_t level, int64_t amount)
{
	int64_t sum;

	if (__builtin_add_overflow(account->credit, amount, &sum))
		return false;
	record(ledger, account, level, 0, amount, 0);
	return true;
}

/* Gives back what was taken and not written, but for what is kept: as credit, which this transaction may spend. */
void
commerce_ledger_settle(Ledger *ledger, Account *account, uint32_t level, int64_t kept)
{
	int64_t swallowed = account->unwritten - kept;

	if (swallowed > 0)
		record(ledger, account, level, 0, swallowed, -swallowed);
}

/* Undoes the last entry. */
static void
undo_last(Ledger *ledger)
{
	const Entry *entry = &ledger->entries[--ledger->entry_count];
	Account *account = &ledger->accounts[entry->account];

	account->last = entry->previous;
	account->debit -= entry->debit;
	account->credit -= entry->credit;
	account->unwritten -= entry->unwritten;
	if (entry->debit != 0)
	{
		(void) commerce_counter_add(account->counter, entry->debit);
		commerce_counter_add_pending(account->counter, -entry->debit);
	}
	show(ledger, account);
}

/* Undoes all that a level did. */
void
commerce_ledger_abort_level(Ledger *ledger, uint32_t level)
{
	while (ledger->entry_count > 0 && ledger->entries[ledger->entry_count - 1].level == level)
		undo_last(ledger);
}

/* Makes all that a level did its parent's. */
void
commerce_ledger_commit_level(Ledger *ledger, uint32_t level, uint32_t parent)
{
	int32_t first = ledger->entry_count;
	int32_t kept;

	while (first > 0 && ledger->entries[first - 1].level == level)
		first--;
	kept = first;
	for (int32_t i = first; i < ledger->entry_count; i++)
	{
		Entry entry = ledger->entries[i];
		Account *account = &ledger->accounts[entry.account];

		if (entry.previous != NONE && ledger->entries[entry.previous].level == parent)
		{
			Entry *outer = &ledger->entries[entry.previous];

			outer->debit += entry.debit;
			outer->credit += entry.credit;
			outer->unwritten += entry.unwritten;
			account->last = entry.previous;
			continue;
		}
		entry.level = parent;
		ledger->entries[kept] = entry;
		account->last = kept++;
	}
	ledger->entry_count = kept;
}

/* Enters the gate of a partition, once for a transaction. */
void
commerce_ledger_enter_gate(Ledger *ledger, int partition)
{
	if (commerce_ledger_in_gate(ledger, partition))
		return;
	commerce_counters_enter_gate(ledger->table, partition);
	ledger->gates[partition / 64] |= UINT64_C(1) << (partition % 64);
	ledger->gate_count++;
}

/* Returns whether this transaction is in the gate of a partition. */
bool
commerce_ledger_in_gate(const Ledger *ledger, int partition)
{
	return (ledger->gates[partition / 64] >> (partition % 64)) & 1;
}

/* Returns whether the transaction has touched any counter or gate. */
bool
commerce_ledger_busy(const Ledger *ledger)
{
	return ledger->account_count > 0 || ledger->gate_count > 0;
}

/* Leaves all gates. */
static void
leave_gates(Ledger *ledger)
{
	for (int partition = 0; ledger->gate_count > 0; partition++)
		if (commerce_ledger_in_gate(ledger, partition))
		{
			commerce_counters_leave_gate(ledger->table, partition);
			ledger->gates[partition / 64] &= ~(UINT64_C(1) << (partition % 64));
			ledger->gate_count--;
		}
}

/* Empties the index, last come first: nothing that came before was put aside for it. */
static void
clear_index(Ledger *ledger)
{
	for (int32_t i = ledger->account_count - 1; i >= 0; i--)
		ledger->index[index_slot(ledger, ledger->accounts[i].counter)] = NONE;
}

/* Pays what is owed to each counter and lets go of it. */
bool
commerce_ledger_finish(Ledger *ledger, bool committed)
{
	bool flagged = false;

	for (int32_t i = 0; i < ledger->account_count; i++)
	{
		Account *account = &ledger->accounts[i];
		int64_t payment = committed ? account->credit : account->debit;

		if (payment != 0)
			(void) commerce_counter_add(account->counter, payment);
		if (account->debit != 0)
			commerce_counter_add_pending(account->counter, -account->debit);
		flagged = (account->look && commerce_counter_flag(account->counter)) || flagged;
		flagged = commerce_counter_watch(account->counter) || flagged;
		commerce_counter_unpin(account->counter);
	}
	leave_gates(ledger);
	clear_index(ledger);
	ledger->account_count = 0;
	ledger->entry_count = 0;
	show_count(ledger);
	return flagged;
}
