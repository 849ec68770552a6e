/*
 * blind.c: equality search over sealed values.
 *
 * A blind value is a keyed hash of what the value means: alike for alike values of one field in one installation, and
 * nothing without the key. 128 bits are far from a chance collision, so it can be unique. It tells whoever holds the
 * table that two rows are equal; whoever holds the key, too, can test guesses. Lengths stand before the parts so that
 * no two lists of parts make one input.
 *
 * Of a value that many rows share, such as a city, that tells how many share it, which may be enough to tell which city
 * it is. A column of fewer bits mixes values on purpose: with R rows and L bits, choose L so that R / 2^L, how many rows
 * answer a search beside those that are meant, is at least 2 and at most the square root of R, and let the query open
 * what it finds.
 *
 * The hash is keyed by an epoch of the keys. While a rotation computes stored values anew, each may be of the former
 * epoch or the new one, and a search asks for both.
 */
#include "privacy/blind.h"

#include <sodium.h>

#include "base/errors.h"
#include "base/json.h"
#include "privacy/keyring.h"

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

/* Returns the normal form of a text. */
char *
commerce_normal_form(const char *text, const BlindRule *rule)
{
	char *normal;

	if (rule->field[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the name of a sealed field is empty")));
	if (rule->bits < 1 || rule->bits > BLIND_BITS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a blind value has from 1 to %d bits", BLIND_BITS),
						errhint("Use 128 for what is unique; for what many rows share, so few that several "
								"values come out alike.")));
	normal = commerce_normalise_as(text, rule->normaliser, rule->country);
	if (normal[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("nothing is left of this value once it is normalised")));
	return normal;
}

/* Hashes a normal form under an epoch's key and cuts it to the rule's bits, from the first. */
static Datum
hash(const char *normal, const BlindRule *rule, const KeyState *state, int32 epoch, const uint8 *key)
{
	int size = (rule->bits + 7) / 8;
	bytea *blind = palloc(VARHDRSZ + BLIND_BYTES);
	uint8 *bytes = (uint8 *) VARDATA(blind);
	crypto_generichash_state hashing;

	crypto_generichash_init(&hashing, key, SEALED_KEY_BYTES, BLIND_BYTES);
	crypto_generichash_update(&hashing, (const uint8 *) LABEL, strlen(LABEL));
	crypto_generichash_update(&hashing, state->installation, SEALED_UUID_BYTES);
	update_string(&hashing, rule->field);
	update_number(&hashing, (uint32) epoch);
	update_string(&hashing, normal);
	crypto_generichash_final(&hashing, bytes, BLIND_BYTES);
	sodium_memzero(&hashing, sizeof(hashing));
	if (rule->bits % 8 != 0)
		bytes[size - 1] &= (uint8) (0xff << (8 - rule->bits % 8));
	SET_VARSIZE(blind, VARHDRSZ + size);
	return PointerGetDatum(blind);
}

/* Refuses to store a value that later searches would not find. */
static void
refuse_missing_epoch(int32 epoch)
{
	JsonWriter writer = JSON_WRITER_INIT;

	commerce_json_object(&writer);
	commerce_json_key(&writer, "reason");
	commerce_json_string(&writer, "the key of the epoch that blind values are of is not at hand");
	commerce_json_key(&writer, "epoch");
	commerce_json_int(&writer, epoch);
	commerce_json_end_object(&writer);
	ereport(ERROR, (errcode(ERRCODE_KEY_UNAVAILABLE), errmsg("the key of sealed fields is not available"),
					commerce_errdetail(&writer),
					errhint("Put the key back. Where it is destroyed, as after restoring an old backup, run "
							"commerce.rotate_keys(), which computes blind values anew.")));
}

/* Returns the blind value to store of a text. */
Datum
commerce_blind_to_store(const char *text, const BlindRule *rule)
{
	char *normal = commerce_normal_form(text, rule);
	const uint8 *key;
	KeyState state;
	int32 epoch;

	commerce_keyring_open();
	commerce_key_state_for_writing(&state);
	epoch = state.blind_epochs[state.blind_count - 1];
	key = commerce_keyring_blinding_key(epoch);
	if (key == NULL)
		refuse_missing_epoch(epoch);
	return hash(normal, rule, &state, epoch, key);
}

/* Returns the blind values under which a text may be stored. */
Datum
commerce_blinds_to_find(const char *text, const BlindRule *rule, int *count, bool *complete)
{
	char *normal = commerce_normal_form(text, rule);
	Datum values[KEYFILE_MAX_EPOCHS];
	KeyState state;

	commerce_keyring_open();
	commerce_key_state_for_reading(&state);
	*complete = true;
	*count = 0;
	for (int i = 0; i < state.blind_count; i++)
	{
		const uint8 *key = commerce_keyring_blinding_key(state.blind_epochs[i]);

		if (key != NULL)
			values[(*count)++] = hash(normal, rule, &state, state.blind_epochs[i], key);
		else
			*complete = false;
	}
	return PointerGetDatum(construct_array(values, *count, BYTEAOID, -1, false, TYPALIGN_INT));
}

/* Refuses to say that nothing was found where not everything could be searched. */
void
commerce_refuse_incomplete_search(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_KEY_UNAVAILABLE), errmsg("the key of sealed fields is not available"),
			 commerce_errfacts("reason",
							   "blind values of an epoch whose key is not at hand cannot be searched", NULL),
			 errhint("SELECT * FROM commerce.key_status() says which. Put the key back, or run "
					 "commerce.rotate_keys() and wait until blind values are computed anew.")));
	pg_unreachable();
}

/* Returns the rule of a field that is unique and named as what it is. */
BlindRule
commerce_blind_rule(const char *field)
{
	return (BlindRule){.field = field, .normaliser = commerce_normaliser_of(field), .bits = BLIND_BITS};
}

/* Returns the blind value to store of a text of such a field. */
Datum
commerce_blind_text(const char *text, const char *field)
{
	BlindRule rule = commerce_blind_rule(field);

	return commerce_blind_to_store(text, &rule);
}
