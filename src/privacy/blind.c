/*
 * blind.c: equality search over sealed values.
 *
 * A blind value is a keyed hash of what the value means: alike for alike values of one field in one installation, and
 * nothing without the key. 128 bits are far from a chance collision, so it can be unique. It tells whoever holds the
 * table that two rows are equal; whoever holds the key, too, can test guesses. Lengths stand before the parts so that
 * no two lists of parts make one input.
 */
#include "privacy/blind.h"

#include <sodium.h>

#include "base/errors.h"
#include "privacy/datakeys.h"
#include "privacy/keyring.h"
#include "privacy/normalise.h"

#define LABEL "commerce.blind.v1"

/* Hashes four bytes, most significant first. */
static void
update_number(crypto_generichash_state *state, uint32 number)
{
	uint8 bytes[4] = {(uint8) (number >> 24), (uint8) (number >> 16), (uint8) (number >> 8), (uint8) number};

	crypto_generichash_update(state, bytes, sizeof(bytes));
}

/* Hashes a string with its length before it. */
static void
update_string(crypto_generichash_state *state, const char *string)
{
	size_t length = strlen(string);

	update_number(state, (uint32) length);
	crypto_generichash_update(state, (const uint8 *) string, length);
}

/* Returns the blind value of a text. */
Datum
commerce_blind_text(const char *text, const char *field)
{
	char *normal = commerce_normalise(text, field);
	bytea *blind = palloc(VARHDRSZ + BLIND_BYTES);
	uint8 installation[SEALED_UUID_BYTES];
	crypto_generichash_state state;

	if (field[0] == '\0' || normal[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg(field[0] == '\0' ? "the name of a sealed field is empty"
												: "nothing is left of this value once it is normalised")));
	commerce_keyring_open();
	commerce_installation(installation);
	crypto_generichash_init(&state, commerce_keyring_blinding_key(), SEALED_KEY_BYTES, BLIND_BYTES);
	crypto_generichash_update(&state, (const uint8 *) LABEL, strlen(LABEL));
	crypto_generichash_update(&state, installation, SEALED_UUID_BYTES);
	update_string(&state, field);
	update_number(&state, (uint32) commerce_keyring_oldest());
	update_string(&state, normal);
	SET_VARSIZE(blind, VARHDRSZ + BLIND_BYTES);
	crypto_generichash_final(&state, (uint8 *) VARDATA(blind), BLIND_BYTES);
	sodium_memzero(&state, sizeof(state));
	return PointerGetDatum(blind);
}
