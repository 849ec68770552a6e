/*
 * typmod_sql.c: commerce.sealed('email'), a column that takes values sealed as one field alone.
 *
 * The typmod is the field id that every sealed value bears in its header, so a value is judged without a key, wherever
 * it comes from: a statement, COPY, a restore, a subscription. An id cannot be turned back into a name, and a register
 * of names would be a table that a type must not depend on. So names that shops use are known here, and print as
 * themselves; any other field prints as its id, sealed('#1a2b3c4d'), which reads back as the same.
 */
#include "privacy/typmod.h"

#include "base/json.h"
#include "privacy/convert.h"
#include "privacy/envelope.h"

PG_FUNCTION_INFO_V1(commerce_sealed_typmod_in);
PG_FUNCTION_INFO_V1(commerce_sealed_typmod_out);
PG_FUNCTION_INFO_V1(commerce_sealed_to_field);

#define ID_DIGITS 8

/* Names print as themselves. One that is taken off this list prints as its id, which changes no value and no column. */
static const char *const known_fields[] = {
	"email",           "name",
	"phone",           "address",
	"notes",           "first_name",
	"last_name",       "company",
	"street",          "city",
	"postal_code",     "country",
	"billing_address", "shipping_address",
	"birth_date",      "date_of_birth",
	"gender",          "vat_id",
	"tax_id",          "iban",
	"bank_account",    "passport",
	"identity_number", "ip_address",
	"user_agent",      "message",
	"comment",         "totp",
	"token",           "secret",
	"jwt_key",
};

/* Returns a field id as a typmod, which is never negative. */
static int32
typmod_of_id(const uint8 id[SEALED_FIELD_BYTES])
{
	return (int32) id[0] << 24 | (int32) id[1] << 16 | (int32) id[2] << 8 | (int32) id[3];
}

/* Returns the typmod of a field by its UTF-8 name. */
static int32
typmod_of_name(const char *name)
{
	uint8 id[SEALED_FIELD_BYTES];

	commerce_sealed_field_id(name, strlen(name), id);
	return typmod_of_id(id);
}

/* Returns the name of a field, or its id where the name is not known. The known names are hashed once. */
static char *
name_of_typmod(int32 typmod)
{
	static int32 known_typmods[lengthof(known_fields)];
	static bool hashed = false;

	for (size_t i = 0; i < lengthof(known_fields) && !hashed; i++)
		known_typmods[i] = typmod_of_name(known_fields[i]);
	hashed = true;
	for (size_t i = 0; i < lengthof(known_fields); i++)
		if (known_typmods[i] == typmod)
			return pstrdup(known_fields[i]);
	return psprintf("#%08x", (uint32) typmod);
}

/* Reads "#" and eight hexadecimal digits of a number of 31 bits; -1 for anything else. */
static int32
parse_id(const char *text)
{
	if (text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != ID_DIGITS ||
		text[1 + ID_DIGITS] != '\0' || text[1] > '7')
		return -1;
	return (int32) strtoul(text + 1, NULL, 16);
}

/* Names the field that a value was sealed as. */
char *
commerce_field_of(const uint8 *sealed)
{
	return name_of_typmod(typmod_of_id(commerce_sealed_field(sealed)));
}

/* sealed_typmod_in(cstring[]) reads the one field of commerce.sealed('email'). */
Datum
commerce_sealed_typmod_in(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	Datum *elements;
	char *name;
	int count;

	if (ARR_ELEMTYPE(array) != CSTRINGOID || ARR_NDIM(array) != 1 || array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_ARRAY_ELEMENT_ERROR), errmsg("a typmod array holds strings")));
	deconstruct_array(array, CSTRINGOID, -2, false, TYPALIGN_CHAR, &elements, NULL, &count);
	name = count == 1 ? DatumGetCString(elements[0]) : pstrdup("");
	if (name[0] == '\0' || (name[0] == '#' && parse_id(name) < 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a sealed column is of one field"),
						errhint("Name it, for instance commerce.sealed('email').")));
	if (name[0] == '#')
		PG_RETURN_INT32(parse_id(name));
	PG_RETURN_INT32(typmod_of_name(commerce_text_to_utf8(cstring_to_text(name))));
}

/* sealed_typmod_out(integer) writes the field in parentheses. */
Datum
commerce_sealed_typmod_out(PG_FUNCTION_ARGS)
{
	int32 typmod = PG_GETARG_INT32(0);

	PG_RETURN_CSTRING(typmod < 0 ? pstrdup("") : psprintf("('%s')", name_of_typmod(typmod)));
}

/* Refuses a sealed value of another field than the typmod names. */
void
commerce_require_field(const uint8 *sealed, int32 typmod)
{
	int32 field = typmod_of_id(commerce_sealed_field(sealed));

	if (typmod < 0 || field == typmod)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_DATATYPE_MISMATCH),
		 errmsg("a value sealed as field \"%s\" does not belong into a column of field \"%s\"",
				name_of_typmod(field), name_of_typmod(typmod)),
		 commerce_errfacts("field", name_of_typmod(field), "expected", name_of_typmod(typmod), NULL),
		 errhint("Seal the plaintext anew as the column's field: a value opens as what it was sealed as.")));
}

/* sealed(value, typmod, explicit) is the cast of a value to a column of one field: it changes nothing and may refuse. */
Datum
commerce_sealed_to_field(PG_FUNCTION_ARGS)
{
	/* A long value stays where it is, out of line: its header is enough. */
	bytea *header = DatumGetByteaPSlice(PG_GETARG_DATUM(0), 0, SEALED_HEADER_BYTES);

	if (VARSIZE_ANY_EXHDR(header) == SEALED_HEADER_BYTES)
		commerce_require_field((const uint8 *) VARDATA_ANY(header), PG_GETARG_INT32(1));
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}
