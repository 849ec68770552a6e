/*
 * sealed_sql.c: seal, reveal, mask and blind, as SQL calls them.
 */
#include "base/pg.h"

#include "base/card_guard.h"
#include "base/errors.h"
#include "privacy/blind.h"
#include "privacy/convert.h"
#include "privacy/mask.h"
#include "privacy/open.h"
#include "privacy/purpose.h"
#include "privacy/seal.h"

PG_FUNCTION_INFO_V1(commerce_seal);
PG_FUNCTION_INFO_V1(commerce_reveal);
PG_FUNCTION_INFO_V1(commerce_reseal_sql);
PG_FUNCTION_INFO_V1(commerce_mask_sql);
PG_FUNCTION_INFO_V1(commerce_blind);

/* Refuses to reveal anything to nobody's purpose. */
void
commerce_require_purpose(const text *purpose)
{
	const char *at = VARDATA_ANY(purpose);
	const char *end = at + VARSIZE_ANY_EXHDR(purpose);

	while (at < end && *at == ' ')
		at++;
	if (at == end)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("purpose is empty"),
						errhint("Say what the value is needed for, for instance 'shipping label'.")));
}

/* seal(plaintext, field, subject) encrypts a text for a subject. */
Datum
commerce_seal(PG_FUNCTION_ARGS)
{
	char *plaintext = commerce_text_to_utf8(PG_GETARG_TEXT_PP(0));
	char *field = commerce_text_to_utf8(PG_GETARG_TEXT_PP(1));
	Datum sealed;

	commerce_refuse_card_number(field, plaintext);
	SPI_connect();
	sealed = commerce_seal_text(plaintext, strlen(plaintext), field, PG_GETARG_UUID_P(2));
	sealed = SPI_datumTransfer(sealed, false, -1);
	SPI_finish();
	return sealed;
}

/* reveal(value, subject, purpose) decrypts a value. */
Datum
commerce_reveal(PG_FUNCTION_ARGS)
{
	bytea *sealed = PG_GETARG_BYTEA_PP(0);
	Datum plaintext;
	char *opened;
	size_t length;

	commerce_require_purpose(PG_GETARG_TEXT_PP(2));
	SPI_connect();
	opened = commerce_open_text(sealed, NULL, PG_GETARG_UUID_P(1), &length);
	plaintext = SPI_datumTransfer(PointerGetDatum(commerce_utf8_to_text(opened, length)), false, -1);
	SPI_finish();
	return plaintext;
}

/* reseal(value, field, from_subject, to_subject) encrypts for one subject what was for another, and shows it to nobody. */
Datum
commerce_reseal_sql(PG_FUNCTION_ARGS)
{
	bytea *sealed = PG_GETARG_BYTEA_PP(0);
	char *field = commerce_text_to_utf8(PG_GETARG_TEXT_PP(1));
	Datum result;

	SPI_connect();
	result = commerce_reseal(sealed, field, PG_GETARG_UUID_P(2), PG_GETARG_UUID_P(3));
	result = SPI_datumTransfer(result, false, -1);
	SPI_finish();
	return result;
}

/* mask(value, subject) shows the little that may be shown. */
Datum
commerce_mask_sql(PG_FUNCTION_ARGS)
{
	bytea *sealed = PG_GETARG_BYTEA_PP(0);
	char mask[MASK_MAX_BYTES];
	size_t length;
	char *opened;

	SPI_connect();
	opened = commerce_open_text(sealed, NULL, PG_GETARG_UUID_P(1), &length);
	length = commerce_mask(mask, opened, length);
	SPI_finish();
	PG_RETURN_TEXT_P(commerce_utf8_to_text(mask, length));
}

/* blind(plaintext, field) computes what an equality search looks for. */
Datum
commerce_blind(PG_FUNCTION_ARGS)
{
	char *plaintext = commerce_text_to_utf8(PG_GETARG_TEXT_PP(0));
	char *field = commerce_text_to_utf8(PG_GETARG_TEXT_PP(1));
	Datum blind;

	SPI_connect();
	blind = SPI_datumTransfer(commerce_blind_text(plaintext, field), false, -1);
	SPI_finish();
	return blind;
}
