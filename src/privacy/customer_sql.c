/*
 * customer_sql.c: customers, of whom nothing is stored in the clear but a group and what the shop itself adds.
 */
#include "base/pg.h"

#include <sodium.h>

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/uuid.h"
#include "privacy/blind.h"
#include "privacy/convert.h"
#include "privacy/luhn.h"
#include "privacy/normalise.h"
#include "privacy/open.h"
#include "privacy/purpose.h"
#include "privacy/seal.h"

#define MAX_EMAIL_BYTES 320
#define MAX_PASSWORD_BYTES 1024

/* Argon2id as OWASP recommends it: 19 MiB of memory, two passes. */
#define PASSWORD_MEMORY ((size_t) 19 * 1024 * 1024)
#define PASSWORD_PASSES 2

PG_FUNCTION_INFO_V1(commerce_create_customer);
PG_FUNCTION_INFO_V1(commerce_find_customer);
PG_FUNCTION_INFO_V1(commerce_reveal_customer);

static SavedPlan insert_customer = {
	"INSERT INTO commerce.customers (id, email, email_blind, name, phone, address, password_hash, "
	"attributes, "
	"customer_group) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (email_blind) DO NOTHING",
	"uuid; commerce.sealed; bytea; commerce.sealed; commerce.sealed; commerce.sealed; text; jsonb; text",
	NULL};

static SavedPlan find_by_email = {"SELECT id FROM commerce.customers WHERE email_blind = $1", "bytea", NULL};

static SavedPlan find_fields = {"SELECT email, name, phone, address FROM commerce.customers WHERE id = $1",
								"uuid", NULL};

static SavedPlan describe = {"SELECT jsonb_build_object('id', id, 'email', $2, 'name', $3, 'phone', $4, "
							 "'address', $5, 'customer_group', "
							 "customer_group, 'attributes', attributes, 'created_at', created_at) FROM "
							 "commerce.customers WHERE id = $1",
							 "uuid; text; text; text; jsonb", NULL};

/* Refuses an argument, naming it and never showing it. */
static void
refuse_argument(const char *name, const char *wanted)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be %s", name, wanted)));
}

/* Refuses a text that holds a payment card number: this database is no place for one. */
static void
refuse_card_number(const char *name, const char *value)
{
	char *plain = commerce_nfkc(value);
	JsonWriter writer = JSON_WRITER_INIT;

	if (!commerce_holds_card_number(plain, strlen(plain)))
		return;
	commerce_json_object(&writer);
	commerce_json_key(&writer, "field");
	commerce_json_string(&writer, name);
	commerce_json_end_object(&writer);
	ereport(ERROR,
			(errcode(ERRCODE_CARD_NUMBER_REFUSED), errmsg("%s holds a payment card number", name),
			 commerce_errdetail(&writer),
			 errhint("Card numbers belong to the payment provider; store the token that it gives for one.")));
}

/* Refuses what cannot be an e-mail address; whether it receives mail, only mail can tell. */
static void
check_email(const char *email)
{
	const char *at = strrchr(email, '@');

	if (at == NULL || at == email || at[1] == '\0' || strlen(email) > MAX_EMAIL_BYTES)
		refuse_argument("email", "an e-mail address");
	for (const char *c = email; *c != '\0'; c++)
		if ((unsigned char) *c <= ' ' || *c == 0x7f)
			refuse_argument("email", "an e-mail address");
}

/* Returns an e-mail address as it is stored: as written, without white space around it. */
static char *
read_email(const text *argument)
{
	char *email = commerce_text_to_utf8(argument);
	size_t length;

	email += strspn(email, " \t\r\n");
	length = strlen(email);
	while (length > 0 && strchr(" \t\r\n", email[length - 1]) != NULL)
		length--;
	email[length] = '\0';
	check_email(email);
	return email;
}

/* Seals an optional text argument into values and nulls, as the given field. */
static void
seal_optional(const text *argument, const char *field, const pg_uuid_t *customer, Datum *value, char *null)
{
	char *plaintext;

	if (argument == NULL)
		return;
	plaintext = commerce_text_to_utf8(argument);
	refuse_card_number(field, plaintext);
	*value = commerce_seal_text(plaintext, strlen(plaintext), field, customer);
	*null = ' ';
}

/* Returns a document as text, NULL for none; refuses anything but an object. */
static text *
object_text(const Jsonb *document, const char *name)
{
	if (document == NULL)
		return NULL;
	if (!JB_ROOT_IS_OBJECT(document))
		refuse_argument(name, "a JSON object");
	return cstring_to_text(
		JsonbToCString(NULL, unconstify(JsonbContainer *, &document->root), VARSIZE(document)));
}

/* Hashes a password with Argon2id and a salt of its own; takes some 20 ms and 19 MiB, which is the point. */
static Datum
hash_password(const text *argument)
{
	char *password = commerce_text_to_utf8(argument);
	size_t length = strlen(password);
	char hash[crypto_pwhash_STRBYTES];

	if (length == 0 || length > MAX_PASSWORD_BYTES)
		refuse_argument("password", psprintf("1 to %d bytes long", MAX_PASSWORD_BYTES));
	if (sodium_init() < 0 || crypto_pwhash_str_alg(hash, password, length, PASSWORD_PASSES, PASSWORD_MEMORY,
												   crypto_pwhash_ALG_ARGON2ID13) != 0)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory for hashing a password")));
	sodium_memzero(password, length);
	return CStringGetTextDatum(hash);
}

/* Says that the address is taken, and not which. */
static void
refuse_duplicate(void)
{
	JsonWriter writer = JSON_WRITER_INIT;

	commerce_json_object(&writer);
	commerce_json_key(&writer, "field");
	commerce_json_string(&writer, "email");
	commerce_json_end_object(&writer);
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("there is a customer with this e-mail address already"), commerce_errdetail(&writer),
			 errhint("commerce.find_customer(email) returns that customer.")));
}

/* Returns a text argument, NULL where it is NULL. */
static text *
optional_text(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : PG_GETARG_TEXT_PP(argument);
}

/* create_customer(email, name, phone, address, password, attributes, customer_group) stores a customer. */
Datum
commerce_create_customer(PG_FUNCTION_ARGS)
{
	pg_uuid_t *customer = commerce_uuidv7();
	Jsonb *address = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3);
	Jsonb *attributes = PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5);
	Datum values[9] = {UUIDPGetDatum(customer)};
	char nulls[] = " nnnnnnnn";
	char *email;
	text *stated;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a customer needs an e-mail address")));
	email = read_email(PG_GETARG_TEXT_PP(0));
	if (attributes == NULL)
		refuse_argument("attributes", "a JSON object");
	stated = object_text(attributes, "attributes");
	refuse_card_number("attributes", commerce_text_to_utf8(stated));

	SPI_connect();
	values[1] = commerce_seal_text(email, strlen(email), "email", customer);
	values[2] = commerce_blind_text(email, "email");
	nulls[1] = nulls[2] = ' ';
	seal_optional(optional_text(fcinfo, 1), "name", customer, &values[3], &nulls[3]);
	seal_optional(optional_text(fcinfo, 2), "phone", customer, &values[4], &nulls[4]);
	seal_optional(object_text(address, "address"), "address", customer, &values[5], &nulls[5]);
	if (!PG_ARGISNULL(4))
	{
		values[6] = hash_password(PG_GETARG_TEXT_PP(4));
		nulls[6] = ' ';
	}
	values[7] = JsonbPGetDatum(attributes);
	nulls[7] = ' ';
	if (!PG_ARGISNULL(6))
	{
		values[8] = PG_GETARG_DATUM(6);
		nulls[8] = ' ';
	}
	if (commerce_run(&insert_customer, PLAN_WRITES, values, nulls) != 1)
		refuse_duplicate();
	SPI_finish();
	PG_RETURN_UUID_P(customer);
}

/* find_customer(email) returns the customer with this address, or NULL. */
Datum
commerce_find_customer(PG_FUNCTION_ARGS)
{
	char *email = commerce_text_to_utf8(PG_GETARG_TEXT_PP(0));
	pg_uuid_t *found = NULL;
	bool isnull;

	if (commerce_normalise(email, "email")[0] == '\0')
		PG_RETURN_NULL();
	SPI_connect();
	if (commerce_run(&find_by_email, PLAN_READS, (Datum[]){commerce_blind_text(email, "email")}, NULL) == 1)
	{
		found = SPI_palloc(sizeof(pg_uuid_t));
		*found = *DatumGetUUIDP(commerce_value(0, 1, &isnull));
	}
	SPI_finish();
	if (found == NULL)
		PG_RETURN_NULL();
	PG_RETURN_UUID_P(found);
}

/* Opens column "column" of the found customer as text in the server's encoding; false where it is NULL. */
static bool
open_column(int column, const char *field, const pg_uuid_t *customer, text **opened)
{
	bool isnull;
	Datum value = commerce_value(0, column, &isnull);
	char *plaintext;
	size_t length;

	if (isnull)
		return false;
	plaintext = commerce_open_text(DatumGetByteaPP(value), field, customer, &length);
	*opened = commerce_utf8_to_text(plaintext, length);
	return true;
}

/* Parses an address; one that someone sealed by hand and is no JSON must not be quoted by the parser's error. */
static Datum
parse_address(const text *address)
{
	MemoryContext context = CurrentMemoryContext;
	volatile Datum parsed = 0;

	PG_TRY();
	{
		parsed = DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(address)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		commerce_refuse_unreadable();
	}
	PG_END_TRY();
	return parsed;
}

/* reveal_customer(customer, purpose) returns all that is known of a customer, opened. */
Datum
commerce_reveal_customer(PG_FUNCTION_ARGS)
{
	static const char *const fields[] = {"email", "name", "phone", "address"};
	pg_uuid_t *customer = PG_GETARG_UUID_P(0);
	Datum values[5] = {UUIDPGetDatum(customer)};
	char nulls[] = " nnnn";
	Datum document = (Datum) 0;
	bool isnull = true;

	commerce_require_purpose(PG_GETARG_TEXT_PP(1));
	SPI_connect();
	if (commerce_run(&find_fields, PLAN_READS, values, NULL) == 1)
	{
		for (int i = 0; i < 4; i++)
		{
			text *opened;

			if (!open_column(i + 1, fields[i], customer, &opened))
				continue;
			values[i + 1] = i == 3 ? parse_address(opened) : PointerGetDatum(opened);
			nulls[i + 1] = ' ';
		}
		if (commerce_run(&describe, PLAN_READS, values, nulls) == 1)
			document = SPI_datumTransfer(commerce_value(0, 1, &isnull), false, -1);
	}
	SPI_finish();
	if (isnull)
		PG_RETURN_NULL();
	return document;
}
