/*
 * armour_sql.c: type commerce.sealed as the client sees it: "sealed:1:" and the bytes in base64url, without padding.
 *
 * Input takes a sealed value, never a plaintext: dump, COPY and replication carry values without a key, and a plaintext
 * that reaches the type by mistake is refused, and not repeated in the refusal. There is no order and no equality: two
 * seals of one text differ.
 */
#include "base/pg.h"

#include <sodium.h>

#include "privacy/envelope.h"
#include "privacy/typmod.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "libpq/pqformat.h"
#pragma GCC diagnostic pop

#define ARMOUR "sealed:1:"
#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

PG_FUNCTION_INFO_V1(commerce_sealed_in);
PG_FUNCTION_INFO_V1(commerce_sealed_out);
PG_FUNCTION_INFO_V1(commerce_sealed_recv);
PG_FUNCTION_INFO_V1(commerce_sealed_send);

/* Refuses what is no sealed value, without repeating it: it may be a plaintext. */
static void
refuse(int code)
{
	ereport(ERROR, (errcode(code), errmsg("invalid input for type commerce.sealed"),
					errhint("A sealed value is made by commerce.seal(plaintext, field, subject).")));
}

/* Refuses what is no sealed value, or is one that only a later library opens. */
static void
check(const uint8 *bytes, size_t size, int code)
{
	if (commerce_sealed_is_later(bytes, size))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("this sealed value is of version %d, and this library reads version %d",
							   bytes[0], SEALED_VERSION),
						errhint("Install the version of commerce that sealed it, or a later one.")));
	if (!commerce_sealed_valid(bytes, size))
		refuse(code);
}

/* Returns whether a text is ASCII throughout; libsodium 1.0.18 takes some bytes beyond it for letters of base64. */
static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char) *text >= 0x80)
			return false;
	return true;
}

/* Returns the typmod that input and receive are given as their third argument. */
static int32
typmod_argument(FunctionCallInfo fcinfo)
{
	return PG_NARGS() > 2 && !PG_ARGISNULL(2) ? PG_GETARG_INT32(2) : -1;
}

/* sealed_in(cstring, oid, typmod) reads an armoured value; 22P02 for anything else, 42804 for another field's. */
Datum
commerce_sealed_in(PG_FUNCTION_ARGS)
{
	const char *armoured = PG_GETARG_CSTRING(0);
	size_t length = strlen(armoured);
	size_t prefix = strlen(ARMOUR);
	bytea *sealed;
	size_t size = 0;

	if (length < prefix || strncmp(armoured, ARMOUR, prefix) != 0 || !is_ascii(armoured))
		refuse(ERRCODE_INVALID_TEXT_REPRESENTATION);
	length -= prefix;
	sealed = palloc(VARHDRSZ + length);
	if (sodium_base642bin((uint8 *) VARDATA(sealed), length, armoured + prefix, length, NULL, &size, NULL,
						  BASE64) != 0)
		refuse(ERRCODE_INVALID_TEXT_REPRESENTATION);
	check((uint8 *) VARDATA(sealed), size, ERRCODE_INVALID_TEXT_REPRESENTATION);
	commerce_require_field((uint8 *) VARDATA(sealed), typmod_argument(fcinfo));
	SET_VARSIZE(sealed, VARHDRSZ + size);
	PG_RETURN_BYTEA_P(sealed);
}

/* sealed_out(sealed) writes the armoured value. */
Datum
commerce_sealed_out(PG_FUNCTION_ARGS)
{
	bytea *sealed = PG_GETARG_BYTEA_PP(0);
	size_t size = VARSIZE_ANY_EXHDR(sealed);
	size_t prefix = strlen(ARMOUR);
	size_t room = sodium_base64_encoded_len(size, BASE64);
	char *armoured = palloc(prefix + room);

	memcpy(armoured, ARMOUR, prefix);
	(void) sodium_bin2base64(armoured + prefix, room, (uint8 *) VARDATA_ANY(sealed), size, BASE64);
	PG_RETURN_CSTRING(armoured);
}

/* sealed_recv(internal, oid, typmod) takes the bytes themselves; 22P03 for anything that is no sealed value. */
Datum
commerce_sealed_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int size = message->len - message->cursor;
	const uint8 *bytes = (const uint8 *) pq_getmsgbytes(message, size);
	bytea *sealed;

	check(bytes, (size_t) size, ERRCODE_INVALID_BINARY_REPRESENTATION);
	commerce_require_field(bytes, typmod_argument(fcinfo));
	sealed = palloc(VARHDRSZ + size);
	SET_VARSIZE(sealed, VARHDRSZ + size);
	memcpy(VARDATA(sealed), bytes, size);
	PG_RETURN_BYTEA_P(sealed);
}

/* sealed_send(sealed) gives the bytes themselves. */
Datum
commerce_sealed_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(PG_GETARG_BYTEA_P_COPY(0));
}
