/*
 * jwt_keys.h: the keys that tokens are signed with. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_JWT_KEYS_H
#define COMMERCE_PRIVACY_JWT_KEYS_H

#include "base/pg.h"
#include "privacy/jwt.h"

typedef struct SigningKey
{
	pg_uuid_t id;
	char kid[40]; /* the id as text */
	char *audience;
	JwtKey key; /* with the secret for signing, with what verifies otherwise; wipe it */
} SigningKey;

/* Finds the newest key that is not retired, with its secret; 55000 where there is none. Needs an SPI connection. */
extern void commerce_key_for_signing(SigningKey *found);

/* Finds what verifies the tokens of a key; false for an unknown one. Needs an SPI connection. */
extern bool commerce_key_for_verifying(const pg_uuid_t *id, SigningKey *found);

/* Makes and stores a key; returns it with its secret. Needs an SPI connection. */
extern void commerce_add_signing_key(JwtAlgorithm algorithm, const char *audience, SigningKey *made);

/* Returns an Ed25519 key's public part. */
extern void commerce_public_part(const JwtKey *secret, uint8 public_key[32]);

#endif
