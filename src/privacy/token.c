/*
 * token.c: tokens that are a secret of their own.
 *
 * The secret is 256 random bits, so a plain hash is enough to keep it from whoever reads the table, and looking the hash
 * up by an index tells nothing by its time. The id in front leads to the rows of the customer, by which the tables are
 * keyed; it is part of what is hashed.
 */
#include "privacy/token.h"

#include <sodium.h>

#include "privacy/jwt.h"

_Static_assert(sodium_base64_ENCODED_LEN(TOKEN_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING) ==
				   TOKEN_CHARACTERS + 1,
			   "size of a token");

/* Hashes a secret for one use. */
Datum
commerce_token_hash(const char *use, const uint8 *secret, size_t length)
{
	bytea *hash = palloc(VARHDRSZ + TOKEN_HASH_BYTES);
	crypto_generichash_state state;

	if (sodium_init() < 0)
		elog(ERROR, "libsodium cannot be initialised");
	crypto_generichash_init(&state, NULL, 0, TOKEN_HASH_BYTES);
	crypto_generichash_update(&state, (const uint8 *) use, strlen(use) + 1);
	crypto_generichash_update(&state, secret, length);
	SET_VARSIZE(hash, VARHDRSZ + TOKEN_HASH_BYTES);
	crypto_generichash_final(&state, (uint8 *) VARDATA(hash), TOKEN_HASH_BYTES);
	sodium_memzero(&state, sizeof(state));
	return PointerGetDatum(hash);
}

/* Makes a token. */
Datum
commerce_make_token(char token[TOKEN_CHARACTERS + 1], const pg_uuid_t *customer, const char *use)
{
	uint8 bytes[TOKEN_BYTES];
	Datum hash;

	if (sodium_init() < 0)
		elog(ERROR, "libsodium cannot be initialised");
	memcpy(bytes, customer->data, UUID_LEN);
	randombytes_buf(bytes + UUID_LEN, TOKEN_RANDOM_BYTES);
	(void) commerce_base64url_encode(token, TOKEN_CHARACTERS + 1, bytes, sizeof(bytes));
	hash = commerce_token_hash(use, bytes, sizeof(bytes));
	sodium_memzero(bytes, sizeof(bytes));
	return hash;
}

/* Reads a token. */
bool
commerce_read_token(const text *token, const char *use, pg_uuid_t *customer, Datum *hash)
{
	uint8 bytes[TOKEN_BYTES];
	size_t length;

	if (!commerce_base64url_decode(bytes, sizeof(bytes), &length, VARDATA_ANY(token),
								   VARSIZE_ANY_EXHDR(token)) ||
		length != TOKEN_BYTES)
		return false;
	memcpy(customer->data, bytes, UUID_LEN);
	*hash = commerce_token_hash(use, bytes, sizeof(bytes));
	sodium_memzero(bytes, sizeof(bytes));
	return true;
}
