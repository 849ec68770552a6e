/*
 * hidden_digest.c: digests of what is private.
 *
 * A plain digest says nothing to who knows nothing. But whoever has a dump has all that stands in the clear beside it, and
 * finds by trying which street goes with a postal code, or that somebody he has in mind lives there. Hashed once more
 * with a key that is not in the database it says nothing to him either.
 *
 * It is made by the key that blind values are of, and compared by each that is at hand, so that a rotation of keys changes
 * nothing until the former key is removed.
 */
#include "privacy/seal.h"

#include <sodium.h>

#include "privacy/keyring.h"
#include "privacy/keystate.h"

#define LABEL "commerce.digest.v1"

/* Hashes a digest with the key of an epoch; NULL where that is not at hand. */
static bytea *
hide(const bytea *digest, int32 epoch)
{
	const uint8 *key = commerce_keyring_blinding_key(epoch);
	bytea *hidden = palloc(VARHDRSZ + COMMERCE_DIGEST_BYTES);
	crypto_generichash_state state;

	if (key == NULL)
		return NULL;
	SET_VARSIZE(hidden, VARHDRSZ + COMMERCE_DIGEST_BYTES);
	crypto_generichash_init(&state, key, SEALED_KEY_BYTES, COMMERCE_DIGEST_BYTES);
	crypto_generichash_update(&state, (const uint8 *) LABEL, strlen(LABEL));
	crypto_generichash_update(&state, (const uint8 *) VARDATA_ANY(digest), VARSIZE_ANY_EXHDR(digest));
	crypto_generichash_final(&state, (uint8 *) VARDATA(hidden), COMMERCE_DIGEST_BYTES);
	sodium_memzero(&state, sizeof(state));
	return hidden;
}

/* Hashes a digest with the key of today. */
Datum
commerce_hide_digest(const bytea *digest)
{
	KeyState state;
	bytea *hidden;

	commerce_keyring_open();
	commerce_key_state_for_reading(&state);
	hidden = hide(digest, state.blind_epochs[state.blind_count - 1]);
	if (hidden == NULL)
		commerce_keyring_refuse("the key of the epoch that blind values are of is not at hand");
	return PointerGetDatum(hidden);
}

/* Compares a digest with a hidden one, of whichever epoch. */
bool
commerce_hides_digest(const bytea *hidden, const bytea *digest)
{
	Datum *epochs;
	bool *nulls;
	int count;

	if (VARSIZE_ANY_EXHDR(hidden) != COMMERCE_DIGEST_BYTES)
		return false;
	commerce_keyring_open();
	deconstruct_array(DatumGetArrayTypeP(commerce_keyring_epochs()), INT4OID, sizeof(int32), true,
					  TYPALIGN_INT, &epochs, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		const bytea *other = hide(digest, DatumGetInt32(epochs[i]));

		if (other != NULL && memcmp(VARDATA(other), VARDATA_ANY(hidden), COMMERCE_DIGEST_BYTES) == 0)
			return true;
	}
	return false;
}
