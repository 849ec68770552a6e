/*
 * audit_signer_sql.c: signing checkpoints of the audit log with a key that the database does not hold.
 *
 * The key is derived from the newest key of the key file, so it changes with each epoch. That does no harm: a checkpoint
 * is about everything that came before, so the newest one, under the newest key, is all that an auditor needs.
 */
#include "base/pg.h"

#include <sodium.h>

#include "audit/audit.h"
#include "privacy/audit_signer.h"
#include "privacy/keyring.h"
#include "privacy/seal.h"

PG_FUNCTION_INFO_V1(commerce_audit_key);

_Static_assert(AUDIT_PUBLIC_KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(AUDIT_SIGNATURE_BYTES == crypto_sign_BYTES, "Ed25519");

/* Signs a message; false where no key is configured. One that cannot be read is an error (CM041). */
static bool
sign(const char *message, size_t length, uint8 signature[AUDIT_SIGNATURE_BYTES],
	 uint8 public_key[AUDIT_PUBLIC_KEY_BYTES])
{
	uint8 secret_key[crypto_sign_SECRETKEYBYTES];

	if (!commerce_can_seal())
		return false;
	commerce_keyring_open();
	crypto_sign_seed_keypair(public_key, secret_key, commerce_keyring_signing_seed());
	crypto_sign_detached(signature, NULL, (const uint8 *) message, length, secret_key);
	sodium_memzero(secret_key, sizeof(secret_key));
	return true;
}

/* Offers the key to the audit log. */
void
commerce_audit_signer_init(void)
{
	commerce_audit_signer = sign;
}

/* audit_key() returns the public key that checkpoints are signed with now, NULL for none. */
Datum
commerce_audit_key(PG_FUNCTION_ARGS)
{
	uint8 signature[AUDIT_SIGNATURE_BYTES];
	bytea *public_key = palloc(VARHDRSZ + AUDIT_PUBLIC_KEY_BYTES);

	(void) fcinfo;
	SET_VARSIZE(public_key, VARHDRSZ + AUDIT_PUBLIC_KEY_BYTES);
	if (!sign("", 0, signature, (uint8 *) VARDATA(public_key)))
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(public_key);
}
