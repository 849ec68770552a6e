/*
 * login_audit.h: who logged in, failed to, and changed how: in the audit log. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_LOGIN_AUDIT_H
#define COMMERCE_PRIVACY_LOGIN_AUDIT_H

#include "base/pg.h"

#include "privacy/login_throttle.h"

/* Notes what a customer did, or had done to his login; with one fact, name NULL: none. */
extern void commerce_note_login(const char *kind, const pg_uuid_t *customer, const char *name,
								const char *value);

/*
 * Notes that an attempt failed, where it was the one that locks out; the entry stays though the transaction be rolled
 * back. customer may be NULL: nobody's address was guessed at.
 */
extern void commerce_note_failure(const ThrottleSubject *subject, const pg_uuid_t *customer,
								  const char *what);

/* Notes what became of a key of tokens. */
extern void commerce_note_jwt_key(const char *kind, const char *key, const char *algorithm,
								  const char *audience);

#endif
