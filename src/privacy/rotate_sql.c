/*
 * rotate_sql.c: what a rotation of keys does to one row, called by its batches (sql/privacy/040_rotation.sql). No
 * plaintext and no key leaves these functions.
 */
#include "base/pg.h"

#include <sodium.h>

#include "privacy/blind.h"
#include "privacy/convert.h"
#include "privacy/envelope.h"
#include "privacy/keyring.h"
#include "privacy/open.h"
#include "privacy/seal.h"

PG_FUNCTION_INFO_V1(commerce_key_epochs);
PG_FUNCTION_INFO_V1(commerce_rewrap_key);
PG_FUNCTION_INFO_V1(commerce_reblind);

/* key_epochs() returns the epochs of the keys at hand, in their order; NULL where no setting leads to any. */
Datum
commerce_key_epochs(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	if (!commerce_keyring_configured())
		PG_RETURN_NULL();
	commerce_keyring_open();
	return commerce_keyring_epochs();
}

/* rewrap_key(subject, id, epoch, wrapped, to_epoch) wraps a data key anew; NULL where it does not unwrap. */
Datum
commerce_rewrap_key(PG_FUNCTION_ARGS)
{
	pg_uuid_t *subject = PG_GETARG_UUID_P(0);
	int64 id = PG_GETARG_INT64(1);
	int32 epoch = PG_GETARG_INT32(2);
	bytea *wrapped = PG_GETARG_BYTEA_PP(3);
	int32 to_epoch = PG_GETARG_INT32(4);
	uint8 data_key[SEALED_KEY_BYTES];
	bytea *result = palloc(VARHDRSZ + WRAPPED_KEY_BYTES);
	const uint8 *from;
	const uint8 *to;
	bool unwrapped;

	commerce_keyring_open();
	from = commerce_keyring_wrapping_key(epoch);
	if (from == NULL || VARSIZE_ANY_EXHDR(wrapped) != WRAPPED_KEY_BYTES)
		PG_RETURN_NULL();
	unwrapped = commerce_unwrap_key(data_key, (uint8 *) VARDATA_ANY(wrapped), id, subject->data, epoch, from);
	to = commerce_keyring_wrapping_key(to_epoch);
	SET_VARSIZE(result, VARHDRSZ + WRAPPED_KEY_BYTES);
	if (unwrapped && to != NULL)
		commerce_wrap_key((uint8 *) VARDATA(result), data_key, id, subject->data, to_epoch, to);
	sodium_memzero(data_key, sizeof(data_key));
	if (to == NULL)
		commerce_keyring_refuse("the epoch that data keys are to be wrapped by is not there");
	if (!unwrapped)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(result);
}

/* Opens a value and blinds it; 0 where it does not open or nothing is left of it. */
static Datum
blind_sealed(const bytea *sealed, const BlindRule *rule, const pg_uuid_t *subject, const pg_uuid_t *row)
{
	Datum blind = (Datum) 0;
	size_t length;
	char *plaintext = commerce_try_open(sealed, rule->field, subject, row, &length);

	if (plaintext == NULL)
		return (Datum) 0;
	if (commerce_normalise_as(plaintext, rule->normaliser, rule->country)[0] != '\0')
		blind = commerce_blind_to_store(plaintext, rule);
	explicit_bzero(plaintext, length);
	return blind;
}

/* reblind(value, subject, row_id, field, bits, normaliser, country) computes the blind value of what is sealed. */
Datum
commerce_reblind(PG_FUNCTION_ARGS)
{
	BlindRule rule = {0};
	Datum blind;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3) || PG_ARGISNULL(4))
		PG_RETURN_NULL();
	rule.field = commerce_text_to_utf8(PG_GETARG_TEXT_PP(3));
	rule.bits = PG_GETARG_INT32(4);
	rule.normaliser = PG_ARGISNULL(5) ? commerce_normaliser_of(rule.field)
									  : commerce_normaliser(commerce_text_to_utf8(PG_GETARG_TEXT_PP(5)));
	rule.country = PG_ARGISNULL(6) ? NULL : commerce_text_to_utf8(PG_GETARG_TEXT_PP(6));
	blind = blind_sealed(PG_GETARG_BYTEA_PP(0), &rule, PG_GETARG_UUID_P(1),
						 PG_ARGISNULL(2) ? NULL : PG_GETARG_UUID_P(2));
	if (blind == (Datum) 0)
		PG_RETURN_NULL();
	return blind;
}
