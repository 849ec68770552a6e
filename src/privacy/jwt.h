/*
 * jwt.h: JSON Web Tokens in compact form (RFC 7515, RFC 7519, RFC 8037). Pure: libsodium and nothing of the server.
 */
#ifndef COMMERCE_PRIVACY_JWT_H
#define COMMERCE_PRIVACY_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest token that is looked at. */
#define JWT_MAX_BYTES 8192

#define JWT_MAX_KEY_BYTES 64
#define JWT_MAX_KID_BYTES 64

/* How far other clocks may be ahead, in seconds, for a token not to be of the future. */
#define JWT_LEEWAY 30

typedef enum JwtAlgorithm
{
	JWT_HS256,
	JWT_EDDSA
} JwtAlgorithm;

/* A key and the one algorithm it is for. HS256: a secret; EdDSA: an Ed25519 seed to sign or public key to verify. */
typedef struct JwtKey
{
	JwtAlgorithm algorithm;
	size_t length;
	uint8_t bytes[JWT_MAX_KEY_BYTES];
} JwtKey;

/* A token taken apart; nothing of it is verified. Header and payload are what stood there in base64url. */
typedef struct Jwt
{
	const char *signed_part;
	size_t signed_length;
	size_t header_length;
	size_t payload_length;
	size_t signature_length;
	char header[JWT_MAX_BYTES];
	char payload[JWT_MAX_BYTES];
	uint8_t signature[JWT_MAX_KEY_BYTES];
} Jwt;

/* Takes a token apart; false where it is not three parts of strict base64url. */
extern bool commerce_jwt_split(Jwt *jwt, const char *token, size_t length);

/* Reads which key a header names; false where it names none, or asks for what is not understood. */
extern bool commerce_jwt_kid(const Jwt *jwt, char kid[JWT_MAX_KID_BYTES + 1]);

/* Is the header's algorithm the key's, and the signature the key's over this token? */
extern bool commerce_jwt_verify(const Jwt *jwt, const JwtKey *key);

/* Is the payload a set of claims for this audience at this time? exp has to be there, nbf and iat need not. */
extern bool commerce_jwt_is_due(const char *payload, size_t length, const char *audience, int64_t now);

/* Writes a signed token into JWT_MAX_BYTES + 1 bytes; false where it would be longer. */
extern bool commerce_jwt_sign(char *token, const char *payload, const char *kid, const JwtKey *key);

/* Writes bytes as base64url without padding, with a NUL; size counts it. False where they do not fit. */
extern bool commerce_base64url_encode(char *text, size_t size, const uint8_t *data, size_t length);

/* Reads strict base64url: no padding, no blanks, and no stray bits at the end. */
extern bool commerce_base64url_decode(uint8_t *data, size_t size, size_t *length, const char *text,
									  size_t text_length);

#endif
