/*
 * interrupt.h: lets other backends of the model do something in the middle of a touch. Included before everything else:
 * before each atomic operation the model is asked whether it wants to. The names of the compiler's own functions can be
 * names of macros, too, and within itself a macro is not replaced again.
 */
#ifndef COMMERCE_TEST_INTERRUPT_H
#define COMMERCE_TEST_INTERRUPT_H

extern int interruptible; /* the backend that touches; negative: no */
extern void interrupt(void);

#define INTERRUPT() (interruptible >= 0 ? interrupt() : (void) 0)
#define __atomic_load_n(...) (INTERRUPT(), __atomic_load_n(__VA_ARGS__))
#define __atomic_add_fetch(...) (INTERRUPT(), __atomic_add_fetch(__VA_ARGS__))
#define __atomic_exchange_n(...) (INTERRUPT(), __atomic_exchange_n(__VA_ARGS__))

#endif
