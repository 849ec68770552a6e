/*
 * login_chore.h: sweeping ended sessions in the background.
 */
#ifndef COMMERCE_PRIVACY_LOGIN_CHORE_H
#define COMMERCE_PRIVACY_LOGIN_CHORE_H

/* Registers the chore; called from the room's init. */
extern void commerce_login_chore_init(void);

#endif
