/*
 * jwt.c: JSON Web Tokens.
 *
 * What goes wrong with them elsewhere is that a token says how it is to be verified. Here a key is for one algorithm;
 * the header must repeat that and has no other say: "none" is the algorithm of no key, and a public key is never taken
 * for a shared secret. Extensions that a header declares critical (RFC 7515, 4.1.11) are not understood, so such a token
 * is refused, and keys that a token brings along are not looked at. There is one way to write each token: base64url
 * with stray bits or padding is refused, too.
 */
#include "privacy/jwt.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "privacy/claims.h"

#define MAC_BYTES 32

_Static_assert(crypto_auth_hmacsha256_BYTES == MAC_BYTES, "size of HS256");
_Static_assert(crypto_sign_BYTES <= JWT_MAX_KEY_BYTES, "size of EdDSA");

/* Writes base64url. */
bool
commerce_base64url_encode(char *text, size_t size, const uint8_t *data, size_t length)
{
	if (size < sodium_base64_ENCODED_LEN(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING))
		return false;
	(void) sodium_bin2base64(text, size, data, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return true;
}

/* Is the text made of the alphabet alone? libsodium 1.0.18 takes any byte from 0x80 on for an A. */
static bool
is_base64url(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!((text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= 'a' && text[i] <= 'z') ||
			  (text[i] >= '0' && text[i] <= '9') || text[i] == '-' || text[i] == '_'))
			return false;
	return true;
}

/* Reads base64url. */
bool
commerce_base64url_decode(uint8_t *data, size_t size, size_t *length, const char *text, size_t text_length)
{
	const char *end = NULL;

	return is_base64url(text, text_length) &&
		   sodium_base642bin(data, size, text, text_length, NULL, length, &end,
							 sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
		   end == text + text_length;
}

/* Takes a token apart. */
bool
commerce_jwt_split(Jwt *jwt, const char *token, size_t length)
{
	const char *first = length > 0 && length <= JWT_MAX_BYTES ? memchr(token, '.', length) : NULL;
	const char *end = token + length;
	const char *second = first ? memchr(first + 1, '.', (size_t) (end - first - 1)) : NULL;

	if (second == NULL)
		return false;
	jwt->signed_part = token;
	jwt->signed_length = (size_t) (second - token);
	return commerce_base64url_decode((uint8_t *) jwt->header, sizeof(jwt->header), &jwt->header_length, token,
									 (size_t) (first - token)) &&
		   commerce_base64url_decode((uint8_t *) jwt->payload, sizeof(jwt->payload), &jwt->payload_length,
									 first + 1, (size_t) (second - first - 1)) &&
		   commerce_base64url_decode(jwt->signature, sizeof(jwt->signature), &jwt->signature_length,
									 second + 1, (size_t) (end - second - 1));
}

/* Reads which key the header names. */
bool
commerce_jwt_kid(const Jwt *jwt, char kid[JWT_MAX_KID_BYTES + 1])
{
	Claim claim;

	if (!commerce_claim_find(jwt->header, jwt->header_length, "crit", &claim) || claim.kind != CLAIM_ABSENT)
		return false;
	if (!commerce_claim_find(jwt->header, jwt->header_length, "typ", &claim) ||
		(claim.kind != CLAIM_ABSENT && !commerce_claim_is(&claim, "JWT")))
		return false;
	if (!commerce_claim_find(jwt->header, jwt->header_length, "kid", &claim) || claim.kind != CLAIM_STRING ||
		claim.length == 0 || claim.length > JWT_MAX_KID_BYTES)
		return false;
	memcpy(kid, claim.at, claim.length);
	kid[claim.length] = '\0';
	return true;
}

static const char *
algorithm_name(JwtAlgorithm algorithm)
{
	return algorithm == JWT_HS256 ? "HS256" : "EdDSA";
}

/* Computes HS256. */
static void
authenticate(uint8_t mac[MAC_BYTES], const char *message, size_t length, const JwtKey *key)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key->bytes, key->length);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *) message, length);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_memzero(&state, sizeof(state));
}

/* Verifies algorithm and signature. */
bool
commerce_jwt_verify(const Jwt *jwt, const JwtKey *key)
{
	Claim algorithm;
	uint8_t mac[MAC_BYTES];

	if (!commerce_claim_find(jwt->header, jwt->header_length, "alg", &algorithm) ||
		!commerce_claim_is(&algorithm, algorithm_name(key->algorithm)))
		return false;
	if (key->algorithm == JWT_EDDSA)
		return key->length == crypto_sign_PUBLICKEYBYTES && jwt->signature_length == crypto_sign_BYTES &&
			   crypto_sign_verify_detached(jwt->signature, (const uint8_t *) jwt->signed_part,
										   jwt->signed_length, key->bytes) == 0;
	if (jwt->signature_length != MAC_BYTES || key->length < MAC_BYTES)
		return false;
	authenticate(mac, jwt->signed_part, jwt->signed_length, key);
	return sodium_memcmp(mac, jwt->signature, MAC_BYTES) == 0;
}

/* Checks audience and times. */
bool
commerce_jwt_is_due(const char *payload, size_t length, const char *audience, int64_t now)
{
	static const char *const starts[] = {"nbf", "iat"};
	Claim claim;
	int64_t seconds;

	if (!commerce_claim_find(payload, length, "aud", &claim) || !commerce_claim_includes(&claim, audience))
		return false;
	if (!commerce_claim_find(payload, length, "exp", &claim) || !commerce_claim_seconds(&claim, &seconds) ||
		seconds <= now)
		return false;
	for (int i = 0; i < 2; i++)
	{
		if (!commerce_claim_find(payload, length, starts[i], &claim))
			return false;
		if (claim.kind != CLAIM_ABSENT &&
			(!commerce_claim_seconds(&claim, &seconds) || seconds > now + JWT_LEEWAY))
			return false;
	}
	return true;
}

/* Signs what stands in the token so far and returns the length of the signature. */
static size_t
sign(uint8_t signature[crypto_sign_BYTES], const char *token, size_t length, const JwtKey *key)
{
	uint8_t public[crypto_sign_PUBLICKEYBYTES];
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	if (key->algorithm == JWT_HS256)
	{
		authenticate(signature, token, length, key);
		return MAC_BYTES;
	}
	crypto_sign_seed_keypair(public, secret, key->bytes);
	crypto_sign_detached(signature, NULL, (const uint8_t *) token, length, secret);
	sodium_memzero(secret, sizeof(secret));
	return crypto_sign_BYTES;
}

/* Appends a part in base64url. */
static bool
append(char *token, size_t *length, const uint8_t *data, size_t data_length)
{
	if (!commerce_base64url_encode(token + *length, JWT_MAX_BYTES + 1 - *length, data, data_length))
		return false;
	*length += strlen(token + *length);
	return true;
}

/* Writes a signed token; kid has no character that JSON would escape. */
bool
commerce_jwt_sign(char *token, const char *payload, const char *kid, const JwtKey *key)
{
	char header[JWT_MAX_KID_BYTES + 64];
	uint8_t signature[crypto_sign_BYTES];
	size_t length = 0;
	size_t signature_length;

	snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
			 algorithm_name(key->algorithm), kid);
	if (!append(token, &length, (const uint8_t *) header, strlen(header)) || length == JWT_MAX_BYTES)
		return false;
	token[length++] = '.';
	if (!append(token, &length, (const uint8_t *) payload, strlen(payload)) || length == JWT_MAX_BYTES)
		return false;
	signature_length = sign(signature, token, length, key);
	token[length++] = '.';
	return append(token, &length, signature, signature_length);
}
