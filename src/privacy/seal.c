/*
 * seal.c: sealing and opening one value, with the keys found for its subject.
 */
#include "privacy/seal.h"

#include "base/errors.h"
#include "privacy/datakeys.h"
#include "privacy/envelope.h"
#include "privacy/keyring.h"
#include "privacy/open.h"

/* Says whether there is a key to seal with. */
bool
commerce_can_seal(void)
{
	if (!commerce_keyring_configured())
		return false;
	commerce_keyring_open();
	return true;
}

_Static_assert(COMMERCE_MAX_PLAINTEXT == SEALED_MAX_PLAINTEXT, "one limit");

/* Refuses a plaintext beyond the limit. */
void
commerce_refuse_long_plaintext(void)
{
	ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("a sealed value holds at most %zu bytes", SEALED_MAX_PLAINTEXT)));
	pg_unreachable();
}

/* Refuses a field without a name and a plaintext beyond the limit. */
static void
check_sealable(size_t length, const char *field)
{
	if (field[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the name of a sealed field is empty"),
				 errhint("Name the field, for instance 'email'.")));
	if (length > SEALED_MAX_PLAINTEXT)
		commerce_refuse_long_plaintext();
}

/* Adds to a place that it is one row, where it is. */
static void
set_row(SealedPlace *place, const pg_uuid_t *row)
{
	place->of_row = row != NULL;
	if (row != NULL)
		memcpy(place->row, row->data, SEALED_UUID_BYTES);
}

/* Seals a text by a key, as a field of a row. */
static Datum
seal_by(DataKey *key, const char *plaintext, size_t length, const uint8 *field_id, const pg_uuid_t *row)
{
	size_t size = commerce_sealed_size(length);
	bytea *sealed = palloc(VARHDRSZ + size);

	set_row(&key->place, row);
	SET_VARSIZE(sealed, VARHDRSZ + size);
	commerce_sealed_seal((uint8 *) VARDATA(sealed), plaintext, length, field_id, key->id, key->key,
						 &key->place);
	return PointerGetDatum(sealed);
}

/* Seals a text for a subject, making the subject's data key when it is the first. */
Datum
commerce_seal_row(const char *plaintext, size_t length, const char *field, const pg_uuid_t *subject,
				  const pg_uuid_t *row)
{
	uint8 field_id[SEALED_FIELD_BYTES];
	DataKey key;

	check_sealable(length, field);
	commerce_keyring_open();
	commerce_data_key_for_sealing(subject, &key);
	commerce_sealed_field_id(field, strlen(field), field_id);
	return seal_by(&key, plaintext, length, field_id, row);
}

/* The same for a subject that has one value of the field. */
Datum
commerce_seal_text(const char *plaintext, size_t length, const char *field, const pg_uuid_t *subject)
{
	return commerce_seal_row(plaintext, length, field, subject, NULL);
}

/* Raises the one error of a value that does not open: it tells neither why nor anything of the value. */
void
commerce_refuse_unreadable(void)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_SEALED_UNREADABLE), errmsg("this sealed value cannot be opened"),
		 errhint("Value, subject and key must belong together; after the subject is erased nothing opens.")));
	pg_unreachable();
}

/* Was the value sealed as this field? NULL stands for any. */
static bool
is_field(const uint8 *sealed, const char *field)
{
	uint8 wanted[SEALED_FIELD_BYTES];

	if (field == NULL)
		return true;
	commerce_sealed_field_id(field, strlen(field), wanted);
	return memcmp(commerce_sealed_field(sealed), wanted, SEALED_FIELD_BYTES) == 0;
}

/* Opens a value; NULL where it does not open. */
char *
commerce_try_open(const bytea *sealed, const char *field, const pg_uuid_t *subject, const pg_uuid_t *row,
				  size_t *length)
{
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(sealed);
	size_t size = VARSIZE_ANY_EXHDR(sealed);
	char *plaintext = NULL;
	DataKey key;

	commerce_keyring_open();
	if (commerce_sealed_valid(bytes, size) && is_field(bytes, field) &&
		commerce_data_key_for_opening(subject, commerce_sealed_data_key(bytes), &key))
	{
		set_row(&key.place, row);
		plaintext = palloc(size - SEALED_OVERHEAD + 1);
		if (commerce_sealed_open(plaintext, length, bytes, size, key.key, &key.place))
			plaintext[*length] = '\0';
		else
			plaintext = NULL;
	}
	return plaintext;
}

/* Opens a value, or raises the one error. */
char *
commerce_open_row(const bytea *sealed, const char *field, const pg_uuid_t *subject, const pg_uuid_t *row,
				  size_t *length)
{
	char *plaintext = commerce_try_open(sealed, field, subject, row, length);

	if (plaintext == NULL)
		commerce_refuse_unreadable();
	return plaintext;
}

/* The same for a value that belongs to no row. */
char *
commerce_open_text(const bytea *sealed, const char *field, const pg_uuid_t *subject, size_t *length)
{
	return commerce_open_row(sealed, field, subject, NULL, length);
}

/* Opens a secret of the shop's own. */
char *
commerce_open_secret(const bytea *sealed, const char *field, const pg_uuid_t *subject)
{
	size_t length;

	if (strncmp(field, "secret:", strlen("secret:")) != 0)
		elog(ERROR, "\"%s\" is no field of the shop's own", field);
	return commerce_try_open(sealed, field, subject, NULL, &length);
}

/* Seals for another subject what was sealed as a field of one. */
Datum
commerce_reseal(const bytea *sealed, const char *field, const pg_uuid_t *from, const pg_uuid_t *to)
{
	size_t length;
	char *plaintext = commerce_open_text(sealed, field, from, &length);
	Datum result = commerce_seal_text(plaintext, length, field, to);

	explicit_bzero(plaintext, length);
	pfree(plaintext);
	return result;
}

/* Seals by the subject's key of today what another of his keys has sealed; 0 where it does not open or there is none. */
Datum
commerce_seal_anew(const bytea *sealed, const pg_uuid_t *subject, const pg_uuid_t *row)
{
	size_t length;
	char *plaintext = commerce_try_open(sealed, NULL, subject, row, &length);
	Datum result = (Datum) 0;
	DataKey key;

	if (plaintext == NULL)
		return (Datum) 0;
	if (commerce_data_key_in_use(subject, &key))
		result =
			seal_by(&key, plaintext, length, commerce_sealed_field((const uint8 *) VARDATA_ANY(sealed)), row);
	explicit_bzero(plaintext, length);
	pfree(plaintext);
	return result;
}
