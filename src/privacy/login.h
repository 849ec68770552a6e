/*
 * login.h: what the room of customers has to register when the library is loaded.
 */
#ifndef COMMERCE_PRIVACY_LOGIN_H
#define COMMERCE_PRIVACY_LOGIN_H

extern void commerce_login_init(void);

#endif
