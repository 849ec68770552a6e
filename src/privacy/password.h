/*
 * password.h: passwords, as Argon2id hashes. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_PASSWORD_H
#define COMMERCE_PRIVACY_PASSWORD_H

#include "base/pg.h"

#include "privacy/login_throttle.h"

#define MAX_PASSWORD_BYTES 1024

/* Hashes a password; 22023 for one that is empty or too long, 53000 where too many are being hashed. */
extern Datum commerce_hash_password(const text *password);

/*
 * Is this the password of the hash? Takes as long where there is no hash (NULL), so that nobody learns by the clock who
 * is a customer. It counts as an attempt on the subject: 53400 where that has to wait, and 53000 as above. The caller
 * says by commerce_throttle_forget() that all was good.
 */
extern bool commerce_verify_password(const text *password, const char *hash, ThrottleSubject *subject);

/* Was the hash made otherwise than today's are? */
extern bool commerce_password_is_stale(const char *hash);

#endif
