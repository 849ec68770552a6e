/*
 * login.c: what the room of customers has to register when the library is loaded.
 */
#include "base/pg.h"

#include "privacy/login.h"

#include "privacy/login_chore.h"
#include "privacy/login_state.h"
#include "privacy/login_throttle.h"

/* Registers what watches transactions, counts failures and sweeps sessions. */
void
commerce_login_init(void)
{
	commerce_throttle_init();
	commerce_login_state_init();
	commerce_login_chore_init();
}
