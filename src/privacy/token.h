/*
 * token.h: tokens that are a secret of their own: of sessions and of password resets. Private to the room.
 *
 * A token is the customer's id and 32 random bytes, 64 characters of base64url. Stored is a hash alone.
 */
#ifndef COMMERCE_PRIVACY_TOKEN_H
#define COMMERCE_PRIVACY_TOKEN_H

#include "base/pg.h"

#define TOKEN_RANDOM_BYTES 32
#define TOKEN_BYTES (UUID_LEN + TOKEN_RANDOM_BYTES)
#define TOKEN_CHARACTERS 64
#define TOKEN_HASH_BYTES 32

/* Makes a token of a customer; returns the hash to store, a bytea. "use" keeps tokens of one use from another. */
extern Datum commerce_make_token(char token[TOKEN_CHARACTERS + 1], const pg_uuid_t *customer,
								 const char *use);

/* Reads whose token it is and its hash; false for what is none. */
extern bool commerce_read_token(const text *token, const char *use, pg_uuid_t *customer, Datum *hash);

/* Returns the hash of a secret of this use, as a bytea. */
extern Datum commerce_token_hash(const char *use, const uint8 *secret, size_t length);

#endif
