/*
 * shop.c: the tables, as simple as can be: stock on hand and rows that hold some of it, which transactions in flight
 * see and change by the rules of MVCC.
 *
 * A row is there for its maker at once and for all others when the maker commits; who changes a row holds it until
 * the end of the (sub)transaction that did. What is available of a key is what is on hand less all rows. Each key has
 * a table of its own, locked shared by whoever works on it and exclusively by who gives it new storage; and one row of
 * stock, locked by whoever changes it and by whoever works in the gate. Locks on rows end with what becomes visible,
 * locks on tables later, when all is paid: that is the server's order.
 */
#include "model.h"

#include <string.h>

typedef struct Row
{
	uint64_t serial; /* 0: no row */
	int64_t amount;
	int8_t key;
	bool order;
	int8_t maker; /* NOBODY: committed */
	int8_t made_at;
	int8_t changer;
	int8_t changed_at;
	int8_t change;
	int8_t truncated_at; /* by who has the table exclusively */
} Row;

typedef struct Stock
{
	int64_t on_hand;
	int64_t level; /* what is available, of all that is committed */
	uint32_t storage;
	int8_t row_locker;
	int8_t row_locked_at;
	int8_t table_owner; /* has it exclusively */
	int8_t table_owned_at;
	int8_t shared_at[MAX_BACKENDS];
	int8_t renewed_at; /* by the owner */
	uint32_t new_storage;
	bool keeps;
} Stock;

static Row rows[MAX_ROWS];
static Stock stock[MAX_KEYS];
static int64_t delta[MAX_BACKENDS][MAX_DEPTH][MAX_KEYS];
static uint64_t serials;
static uint32_t storages;

/* Opens the shop: a little of everything, nothing in flight. */
void
shop_init(void)
{
	memset(rows, 0, sizeof(rows));
	memset(delta, 0, sizeof(delta));
	storages = 0;
	for (int k = 0; k < MAX_KEYS; k++)
	{
		stock[k] = (Stock){.on_hand = below(12), .storage = ++storages, .row_locker = NOBODY};
		stock[k].level = stock[k].on_hand;
		stock[k].table_owner = NOBODY;
		stock[k].renewed_at = NEVER;
		memset(stock[k].shared_at, NEVER, sizeof(stock[k].shared_at));
	}
}

/* Returns what is available, of all that is committed. */
int64_t
shop_level(int key)
{
	return stock[key].level;
}

/* Returns what is available in the eyes of a transaction that reads the latest. */
int64_t
shop_view(int backend, int key)
{
	int64_t sum = stock[key].on_hand;

	for (int d = 0; d < MAX_DEPTH; d++)
		sum += delta[backend][d][key];
	for (int r = 0; r < MAX_ROWS; r++)
	{
		const Row *row = &rows[r];

		if (row->serial == 0 || row->key != key || (row->maker != NOBODY && row->maker != backend))
			continue;
		if (row->truncated_at != NEVER && stock[key].table_owner == backend)
			continue;
		if (row->change == CHANGE_DELETE && row->changer == backend)
			continue;
		sum -= row->amount;
	}
	return sum;
}

/* Returns whether a transaction has given the table new storage. */
bool
shop_fresh(int backend, int key)
{
	return stock[key].table_owner == backend && stock[key].renewed_at != NEVER;
}

/* Returns the storage that a transaction sees. */
uint32_t
shop_storage(int backend, int key)
{
	return shop_fresh(backend, key) ? stock[key].new_storage : stock[key].storage;
}

/* Locks a table, or says that somebody is in the way. */
bool
shop_lock_table(int backend, int depth, int key, bool exclusive)
{
	Stock *self = &stock[key];

	if (self->table_owner == backend)
		return true;
	if (self->table_owner != NOBODY)
		return false;
	if (!exclusive)
	{
		if (self->shared_at[backend] == NEVER)
			self->shared_at[backend] = (int8_t) depth;
		return true;
	}
	for (int b = 0; b < MAX_BACKENDS; b++)
		if (b != backend && self->shared_at[b] != NEVER)
			return false;
	self->table_owner = (int8_t) backend;
	self->table_owned_at = (int8_t) depth;
	return true;
}

/* Locks the row of stock, or says that somebody is in the way. */
bool
shop_lock_row(int backend, int depth, int key)
{
	if (stock[key].row_locker == backend)
		return true;
	if (stock[key].row_locker != NOBODY)
		return false;
	stock[key].row_locker = (int8_t) backend;
	stock[key].row_locked_at = (int8_t) depth;
	return true;
}

/* Writes a row; false where the shop is full. */
bool
shop_insert(int backend, int depth, int key, int64_t amount)
{
	for (int r = 0; r < MAX_ROWS; r++)
	{
		if (rows[r].serial != 0)
			continue;
		rows[r] =
			(Row){.serial = ++serials, .amount = amount, .key = (int8_t) key, .maker = (int8_t) backend};
		rows[r].made_at = (int8_t) depth;
		rows[r].changer = NOBODY;
		rows[r].truncated_at = NEVER;
		return true;
	}
	return false;
}

/* Returns some row of a key and its serial number, or -1. */
int
shop_pick(int key, uint64_t *serial)
{
	int start = below(MAX_ROWS);

	for (int i = 0; i < MAX_ROWS; i++)
	{
		int r = (start + i) % MAX_ROWS;

		if (rows[r].serial != 0 && rows[r].key == key)
		{
			*serial = rows[r].serial;
			return r;
		}
	}
	return -1;
}

/* Compares and sets a row; a hold is only changed while it is one, where asked for. */
Changed
shop_change(int backend, int depth, int r, uint64_t serial, Change change, bool hold, int64_t *amount)
{
	Row *row = &rows[r];

	if (row->serial != serial || (row->maker != NOBODY && row->maker != backend))
		return CHANGE_LOST;
	if (row->truncated_at != NEVER || row->changer == backend || (hold && row->order))
		return CHANGE_LOST;
	if (row->changer != NOBODY)
		return CHANGE_WAIT;
	row->changer = (int8_t) backend;
	row->changed_at = (int8_t) depth;
	row->change = (int8_t) change;
	*amount = row->amount;
	return CHANGED;
}

/* Changes what is on hand. */
void
shop_adjust(int backend, int depth, int key, int64_t amount)
{
	delta[backend][depth][key] += amount;
}

/* Gives a table that the caller has exclusively new storage: empty, or a copy. */
void
shop_new_storage(int backend, int depth, int key, bool keep)
{
	int64_t on_hand = stock[key].on_hand;

	stock[key].renewed_at = (int8_t) depth;
	stock[key].new_storage = ++storages;
	stock[key].keeps = keep;
	if (keep)
		return;
	for (int d = 0; d < MAX_DEPTH; d++)
		on_hand += delta[backend][d][key];
	delta[backend][depth][key] -= on_hand;
	for (int r = 0; r < MAX_ROWS; r++)
		if (rows[r].serial != 0 && rows[r].key == key && rows[r].truncated_at == NEVER)
			rows[r].truncated_at = (int8_t) depth;
}

/* Makes a depth that was reached by a backend the next outer one. */
static void
outwards(int8_t *reached, int depth)
{
	if (*reached == depth)
		(*reached)--;
}

/* A subtransaction ends well: what it did is its parent's. */
void
shop_commit_depth(int backend, int depth)
{
	for (int k = 0; k < config.keys; k++)
	{
		Stock *self = &stock[k];

		delta[backend][depth - 1][k] += delta[backend][depth][k];
		delta[backend][depth][k] = 0;
		if (self->row_locker == backend)
			outwards(&self->row_locked_at, depth);
		outwards(&self->shared_at[backend], depth);
		if (self->table_owner != backend)
			continue;
		outwards(&self->table_owned_at, depth);
		outwards(&self->renewed_at, depth);
		for (int r = 0; r < MAX_ROWS; r++)
			if (rows[r].key == k)
				outwards(&rows[r].truncated_at, depth);
	}
	for (int r = 0; r < MAX_ROWS; r++)
	{
		if (rows[r].maker == backend)
			outwards(&rows[r].made_at, depth);
		if (rows[r].changer == backend)
			outwards(&rows[r].changed_at, depth);
	}
}

/* All that was done at this depth or deeper is gone, and the locks on rows with it. */
void
shop_abort_depth(int backend, int depth)
{
	for (int k = 0; k < config.keys; k++)
	{
		Stock *self = &stock[k];

		for (int d = depth; d < MAX_DEPTH; d++)
			delta[backend][d][k] = 0;
		if (self->row_locker == backend && self->row_locked_at >= depth)
			self->row_locker = NOBODY;
		if (self->table_owner != backend)
			continue;
		if (self->renewed_at >= depth)
		{
			self->renewed_at = NEVER;
			saw(SEEN_OLD_STORAGE);
		}
		for (int r = 0; r < MAX_ROWS; r++)
			if (rows[r].key == k && rows[r].truncated_at >= depth)
				rows[r].truncated_at = NEVER;
	}
	for (int r = 0; r < MAX_ROWS; r++)
	{
		Row *row = &rows[r];

		if (row->maker == backend && row->made_at >= depth)
			row->serial = 0;
		else if (row->changer == backend && row->changed_at >= depth)
		{
			row->changer = NOBODY;
			row->change = CHANGE_NONE;
		}
	}
}

/* Locks on tables go when all is paid. */
void
shop_unlock_tables(int backend, int depth)
{
	for (int k = 0; k < config.keys; k++)
	{
		if (stock[k].shared_at[backend] >= depth)
			stock[k].shared_at[backend] = NEVER;
		if (stock[k].table_owner == backend && stock[k].table_owned_at >= depth)
			stock[k].table_owner = NOBODY;
	}
}

/* Makes a key's new storage the one of all. */
static void
swap_storage(int key)
{
	stock[key].storage = stock[key].new_storage;
	stock[key].renewed_at = NEVER;
	for (int r = 0; r < MAX_ROWS; r++)
		if (rows[r].key == key && rows[r].truncated_at != NEVER)
			rows[r].serial = 0;
	saw(SEEN_NEW_STORAGE);
}

/* All that a transaction did is there for all, and the locks on rows are gone. */
void
shop_commit(int backend)
{
	for (int k = 0; k < config.keys; k++)
	{
		stock[k].on_hand += delta[backend][0][k];
		delta[backend][0][k] = 0;
		if (stock[k].row_locker == backend)
			stock[k].row_locker = NOBODY;
		if (shop_fresh(backend, k))
			swap_storage(k);
		stock[k].level = stock[k].on_hand;
	}
	for (int r = 0; r < MAX_ROWS; r++)
	{
		Row *row = &rows[r];

		if (row->serial == 0)
			continue;
		if (row->maker == backend)
			row->maker = NOBODY;
		if (row->changer == backend)
		{
			if (row->change == CHANGE_DELETE)
				row->serial = 0;
			else
				row->order = true;
			row->changer = NOBODY;
			row->change = CHANGE_NONE;
		}
		if (row->serial != 0 && row->maker == NOBODY)
			stock[row->key].level -= row->amount;
	}
}
