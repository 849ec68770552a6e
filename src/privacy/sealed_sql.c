/*
 * sealed_sql.c: seal, reveal, mask and blind, as SQL calls them.
 */
#include "base/pg.h"

#include "base/card_guard.h"
#include "base/errors.h"
#include "base/ready.h"
#include "base/settings.h"
#include "privacy/blind.h"
#include "privacy/convert.h"
#include "privacy/mask.h"
#include "privacy/open.h"
#include "privacy/purpose.h"
#include "privacy/seal.h"
#include "privacy/typmod.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "access/detoast.h"
#pragma GCC diagnostic pop

/* What no encoding makes a plaintext that may be sealed of: four bytes may become one. */
#define MAX_PLAINTEXT_TEXT (4 * COMMERCE_MAX_PLAINTEXT)

PG_FUNCTION_INFO_V1(commerce_seal);
PG_FUNCTION_INFO_V1(commerce_reveal);
PG_FUNCTION_INFO_V1(commerce_reveal_fields);
PG_FUNCTION_INFO_V1(commerce_reseal_sql);
PG_FUNCTION_INFO_V1(commerce_mask_sql);
PG_FUNCTION_INFO_V1(commerce_blind);
PG_FUNCTION_INFO_V1(commerce_blinds);

/* Is one of the first so many arguments NULL? Optional ones follow them, so the functions cannot be declared strict. */
static bool
lacks(FunctionCallInfo fcinfo, int arguments)
{
	for (int i = 0; i < arguments; i++)
		if (PG_ARGISNULL(i))
			return true;
	return false;
}

/* Returns an optional uuid, NULL where it is NULL. */
static pg_uuid_t *
optional_uuid(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : PG_GETARG_UUID_P(argument);
}

/* seal(plaintext, field, subject, row_id) encrypts a text for a subject, or for one row of his. */
Datum
commerce_seal(PG_FUNCTION_ARGS)
{
	char *plaintext;
	char *field;

	if (lacks(fcinfo, 3))
		PG_RETURN_NULL();
	/* Before it is copied: a text may be of a gigabyte. */
	if (toast_raw_datum_size(PG_GETARG_DATUM(0)) - VARHDRSZ > MAX_PLAINTEXT_TEXT)
		commerce_refuse_long_plaintext();
	plaintext = commerce_text_to_utf8(PG_GETARG_TEXT_PP(0));
	field = commerce_text_to_utf8(PG_GETARG_TEXT_PP(1));
	commerce_refuse_card_number(field, plaintext);
	return commerce_seal_row(plaintext, strlen(plaintext), field, PG_GETARG_UUID_P(2),
							 optional_uuid(fcinfo, 3));
}

/* reveal(value, subject, purpose, row_id) decrypts a value. */
Datum
commerce_reveal(PG_FUNCTION_ARGS)
{
	char *opened;
	size_t length;

	if (lacks(fcinfo, 3))
		PG_RETURN_NULL();
	commerce_require_purpose(PG_GETARG_TEXT_PP(2));
	opened = commerce_open_row(PG_GETARG_BYTEA_PP(0), NULL, PG_GETARG_UUID_P(1), optional_uuid(fcinfo, 3),
							   &length);
	commerce_note_reveal(
		PG_GETARG_UUID_P(1),
		commerce_audit_reveals ? commerce_field_of((const uint8 *) VARDATA_ANY(PG_GETARG_BYTEA_PP(0))) : NULL,
		PG_GETARG_TEXT_PP(2));
	PG_RETURN_TEXT_P(commerce_utf8_to_text(opened, length));
}

/* Opens each value that is not NULL, and names the fields of those with commas between them. */
static ArrayType *
open_fields(ArrayType *values, const pg_uuid_t *subject, const pg_uuid_t *row, StringInfo fields)
{
	ArrayIterator iterator = array_create_iterator(values, 0, NULL);
	int count = ArrayGetNItems(ARR_NDIM(values), ARR_DIMS(values));
	Datum *texts = palloc(sizeof(Datum) * count);
	bool *nulls = palloc(sizeof(bool) * count);
	Datum value;

	for (int i = 0; array_iterate(iterator, &value, &nulls[i]); i++)
	{
		bytea *sealed = nulls[i] ? NULL : DatumGetByteaPP(value);
		char *opened;
		size_t length;

		if (sealed == NULL)
			continue;
		opened = commerce_open_row(sealed, NULL, subject, row, &length);
		texts[i] = PointerGetDatum(commerce_utf8_to_text(opened, length));
		appendStringInfo(fields, "%s%s", fields->len > 0 ? ", " : "",
						 commerce_field_of((const uint8 *) VARDATA_ANY(sealed)));
	}
	return construct_md_array(texts, nulls, ARR_NDIM(values), ARR_DIMS(values), ARR_LBOUND(values), TEXTOID,
							  -1, false, TYPALIGN_INT);
}

/* reveal_fields(values, subject, purpose, row_id) decrypts several values of a subject, for one entry in the audit log. */
Datum
commerce_reveal_fields(PG_FUNCTION_ARGS)
{
	StringInfoData fields;
	ArrayType *opened;

	if (lacks(fcinfo, 3))
		PG_RETURN_NULL();
	commerce_require_purpose(PG_GETARG_TEXT_PP(2));
	initStringInfo(&fields);
	opened = open_fields(PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_UUID_P(1), optional_uuid(fcinfo, 3), &fields);
	if (fields.len > 0)
		commerce_note_reveal(PG_GETARG_UUID_P(1), fields.data, PG_GETARG_TEXT_PP(2));
	PG_RETURN_ARRAYTYPE_P(opened);
}

/* reseal(value, field, from_subject, to_subject) encrypts for one subject what was for another, and shows it to nobody. */
Datum
commerce_reseal_sql(PG_FUNCTION_ARGS)
{
	bytea *sealed = PG_GETARG_BYTEA_PP(0);
	char *field = commerce_text_to_utf8(PG_GETARG_TEXT_PP(1));

	return commerce_reseal(sealed, field, PG_GETARG_UUID_P(2), PG_GETARG_UUID_P(3));
}

/* mask(value, subject, row_id) shows the little that may be shown. */
Datum
commerce_mask_sql(PG_FUNCTION_ARGS)
{
	char mask[MASK_MAX_BYTES];
	size_t length;
	char *opened;

	if (lacks(fcinfo, 2))
		PG_RETURN_NULL();
	opened = commerce_open_row(PG_GETARG_BYTEA_PP(0), NULL, PG_GETARG_UUID_P(1), optional_uuid(fcinfo, 2),
							   &length);
	length = commerce_mask(mask, opened, length);
	PG_RETURN_TEXT_P(commerce_utf8_to_text(mask, length));
}

/* Reads (plaintext, field, bits, normaliser, country) into a rule, and returns the plaintext. */
static char *
read_rule(FunctionCallInfo fcinfo, BlindRule *rule)
{
	char *field = commerce_text_to_utf8(PG_GETARG_TEXT_PP(1));

	SPI_connect();
	commerce_require_shop();
	SPI_finish();
	rule->field = field;
	rule->bits = PG_GETARG_INT32(2);
	rule->normaliser = PG_ARGISNULL(3) ? commerce_normaliser_of(field)
									   : commerce_normaliser(commerce_text_to_utf8(PG_GETARG_TEXT_PP(3)));
	rule->country = PG_ARGISNULL(4) ? NULL : commerce_text_to_utf8(PG_GETARG_TEXT_PP(4));
	if (toast_raw_datum_size(PG_GETARG_DATUM(0)) - VARHDRSZ > MAX_PLAINTEXT_TEXT)
		commerce_refuse_long_plaintext();
	return commerce_text_to_utf8(PG_GETARG_TEXT_PP(0));
}

/* blind(plaintext, field, bits, normaliser, country) computes what is stored for an equality search. */
Datum
commerce_blind(PG_FUNCTION_ARGS)
{
	BlindRule rule;
	char *plaintext;

	if (lacks(fcinfo, 3))
		PG_RETURN_NULL();
	plaintext = read_rule(fcinfo, &rule);
	return commerce_blind_to_store(plaintext, &rule);
}

/* blinds(plaintext, field, bits, normaliser, country) computes what an equality search looks for. */
Datum
commerce_blinds(PG_FUNCTION_ARGS)
{
	BlindRule rule;
	char *plaintext;
	Datum blinds;
	bool complete;
	int count;

	if (lacks(fcinfo, 3))
		PG_RETURN_NULL();
	plaintext = read_rule(fcinfo, &rule);
	blinds = commerce_blinds_to_find(plaintext, &rule, &count, &complete);
	if (!complete)
		commerce_refuse_incomplete_search();
	return blinds;
}
