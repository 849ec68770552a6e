/*
 * disturb.h: makes threads meet. Included before everything else, it lets another thread in before some of the atomic
 * operations, which would otherwise follow each other within nanoseconds. The names of the compiler's own functions
 * can be names of macros, too, and within itself a macro is not replaced again.
 */
#ifndef COMMERCE_TEST_DISTURB_H
#define COMMERCE_TEST_DISTURB_H

#include <sched.h>
#include <stdint.h>

/* Sometimes lets another thread go first, and sometimes for long. */
static inline void
disturb(void)
{
	static _Thread_local uint32_t state;

	if (state == 0)
		state = (uint32_t) (uintptr_t) &state | 1;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	if (state % 32 == 0)
		sched_yield();
	for (int i = 0; state % 512 == 1 && i < 40; i++)
		sched_yield();
}

#define __atomic_load_n(...) (disturb(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store_n(...) (disturb(), __atomic_store_n(__VA_ARGS__))
#define __atomic_add_fetch(...) (disturb(), __atomic_add_fetch(__VA_ARGS__))
#define __atomic_exchange_n(...) (disturb(), __atomic_exchange_n(__VA_ARGS__))
#define __atomic_compare_exchange_n(...) (disturb(), __atomic_compare_exchange_n(__VA_ARGS__))

#endif
