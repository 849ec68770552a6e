/*
 * seal.c: sealing and opening one value, with the keys found for its subject.
 */
#include "privacy/seal.h"

#include "base/errors.h"
#include "privacy/datakeys.h"
#include "privacy/envelope.h"
#include "privacy/keyring.h"
#include "privacy/open.h"

/* The caller's last SPI result, which looking up a key must not disturb. */
typedef struct CallersResult
{
	SPITupleTable *table;
	uint64 processed;
} CallersResult;

/* Notes the caller's last result. */
static CallersResult
keep_result(void)
{
	return (CallersResult){SPI_tuptable, SPI_processed};
}

/* Puts the caller's last result back. */
static void
restore_result(CallersResult kept)
{
	SPI_tuptable = kept.table;
	SPI_processed = kept.processed;
}

/* Says whether there is a key to seal with. */
bool
commerce_can_seal(void)
{
	if (!commerce_keyring_configured())
		return false;
	commerce_keyring_open();
	return true;
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
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a sealed value holds at most %zu bytes", SEALED_MAX_PLAINTEXT)));
}

/* Seals a text for a subject, making the subject's data key when it is the first. */
Datum
commerce_seal_text(const char *plaintext, size_t length, const char *field, const pg_uuid_t *subject)
{
	CallersResult kept = keep_result();
	uint8 field_id[SEALED_FIELD_BYTES];
	DataKey key;
	bytea *sealed;
	size_t size;

	check_sealable(length, field);
	commerce_keyring_open();
	commerce_data_key_for_sealing(subject, &key);
	commerce_sealed_field_id(field, strlen(field), field_id);
	size = commerce_sealed_size(length);
	sealed = palloc(VARHDRSZ + size);
	SET_VARSIZE(sealed, VARHDRSZ + size);
	commerce_sealed_seal((uint8 *) VARDATA(sealed), plaintext, length, field_id, key.id, key.key, &key.place);
	restore_result(kept);
	return PointerGetDatum(sealed);
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
static char *
try_to_open(const bytea *sealed, const char *field, const pg_uuid_t *subject, size_t *length)
{
	CallersResult kept = keep_result();
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(sealed);
	size_t size = VARSIZE_ANY_EXHDR(sealed);
	DataKey key;
	char *plaintext = NULL;

	commerce_keyring_open();
	if (commerce_sealed_valid(bytes, size) && is_field(bytes, field) &&
		commerce_data_key_for_opening(subject, commerce_sealed_data_key(bytes), &key))
	{
		plaintext = palloc(size - SEALED_OVERHEAD + 1);
		if (commerce_sealed_open(plaintext, length, bytes, size, key.key, &key.place))
			plaintext[*length] = '\0';
		else
			plaintext = NULL;
	}
	restore_result(kept);
	return plaintext;
}

/* Opens a value, or raises the one error. */
char *
commerce_open_text(const bytea *sealed, const char *field, const pg_uuid_t *subject, size_t *length)
{
	char *plaintext = try_to_open(sealed, field, subject, length);

	if (plaintext == NULL)
		commerce_refuse_unreadable();
	return plaintext;
}

/* Opens a secret of the shop's own. */
char *
commerce_open_secret(const bytea *sealed, const char *field, const pg_uuid_t *subject)
{
	size_t length;

	if (strncmp(field, "secret:", strlen("secret:")) != 0)
		elog(ERROR, "\"%s\" is no field of the shop's own", field);
	return try_to_open(sealed, field, subject, &length);
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
