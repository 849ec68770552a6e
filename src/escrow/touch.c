/*
 * touch.c: from a key to a counter, or to the gate.
 *
 * A transaction registers with a key before it changes anything that the key counts, and stays registered until it has
 * ended for all to see: with the counter, by a pin, or where there is none with the gate of the partition. A counter is
 * claimed only while nobody is inside the gate, and it is new, so nobody is pinned to it. Whoever loads it reads the
 * tables after claiming it, with a snapshot that sees exactly what is committed, and nothing of its own transaction.
 * At that moment a transaction that changed something under this key has ended, and is seen whole, or comes later,
 * and will find the counter; none is in between. That is why no change is counted twice or not at all.
 *
 * Registering late would be an oversell: the loader would miss what is in flight. Deregistering early would be one, too:
 * an abort that gives back to a counter which was loaded without it counts it twice. So the order at the end of a
 * transaction is: seen by all, paid, let go.
 */
#include "escrow/touch.h"

/* Registers the transaction with a key. */
Touch
commerce_touch(Ledger *ledger, const CounterKey *key, bool exclusive, Touched *touched)
{
	Counter *counter = commerce_counters_find(ledger->table, key);
	int partition = commerce_counters_partition(ledger->table, key);
	CounterState state = counter == NULL ? COUNTER_FREE : commerce_counter_state(counter);

	if (state == COUNTER_READY)
	{
		touched->account = commerce_ledger_find(ledger, counter);
		if (touched->account == NULL)
		{
			commerce_counter_pin(counter);
			touched->account = commerce_ledger_open(ledger, counter);
		}
		return TOUCH_COUNTER;
	}
	/* that nobody is in flight says nothing about one seen loading: it may have been opened, used and let go since */
	if (state == COUNTER_LOADING || (state == COUNTER_BROKEN && commerce_counter_in_flight(counter) > 0))
		return TOUCH_WAIT;
	if (commerce_counters_in_gate(ledger->table, partition) == 0)
	{
		if (!exclusive)
			return TOUCH_CLAIM;
		touched->counter = commerce_counters_claim(ledger->table, key);
		if (touched->counter != NULL)
			return TOUCH_LOAD;
	}
	commerce_ledger_enter_gate(ledger, partition);
	return TOUCH_GATE;
}

/* Publishes a loaded counter and opens its account. */
Account *
commerce_touch_loaded(Ledger *ledger, Counter *counter, const CounterLevel *level)
{
	commerce_counter_publish(counter, level);
	return commerce_ledger_open(ledger, counter);
}
