/*
 * password_gate.h: how many passwords are hashed at a time. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_PASSWORD_GATE_H
#define COMMERCE_PRIVACY_PASSWORD_GATE_H

#include "base/pg.h"

/* How many wait for each place, at most. */
#define PASSWORD_QUEUE 16

/* Waits for a place and takes it; 53000 where as many are waiting already. An error or the transaction's end frees it. */
extern int commerce_enter_password_gate(void);

/* Gives the place to the next. */
extern void commerce_leave_password_gate(int place);

#endif
