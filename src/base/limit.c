/*
 * limit.c: an end to what somebody else's code takes.
 *
 * It is what statement_timeout does, by a timer of its own: background workers have no statements whose beginning would
 * set that, and whoever is cancelled by statement_timeout cannot tell that from being cancelled by somebody.
 */
#include "base/limit.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "storage/latch.h"
#include "utils/timeout.h"
#pragma GCC diagnostic pop

static TimeoutId timer = MAX_TIMEOUTS;
static volatile sig_atomic_t reached = false;

/* Cancels what runs, as SIGINT does; in a signal's handler. */
static void
reach(void)
{
	reached = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* Sets the limit. */
void
commerce_limit_begin(int milliseconds)
{
	if (timer == MAX_TIMEOUTS)
		timer = RegisterTimeout(USER_TIMEOUT, reach);
	reached = false;
	enable_timeout_after(timer, milliseconds);
}

/* Takes it away. */
bool
commerce_limit_end(void)
{
	disable_timeout(timer, false);
	/* It may have been reached by what had just come to its end; nobody else is to be cancelled for that. */
	if (reached)
		QueryCancelPending = false;
	return reached;
}
