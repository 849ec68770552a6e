/*
 * customer_sql.c: customers, of whom nothing is stored in the clear but a group and what the shop itself adds.
 */
#include "base/pg.h"

#include "base/card_guard.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/owner.h"
#include "base/plan.h"
#include "base/uuid.h"
#include "privacy/blind.h"
#include "privacy/convert.h"
#include "privacy/customer.h"
#include "privacy/login_state.h"
#include "privacy/normalise.h"
#include "privacy/open.h"
#include "privacy/password.h"
#include "privacy/purpose.h"
#include "privacy/seal.h"

#define MAX_EMAIL_BYTES 320

PG_FUNCTION_INFO_V1(commerce_create_customer);
PG_FUNCTION_INFO_V1(commerce_find_customer);
PG_FUNCTION_INFO_V1(commerce_reveal_customer);
PG_FUNCTION_INFO_V1(commerce_my_profile);

static SavedPlan insert_customer = {
	.sql = "INSERT INTO commerce.customers (id, email, email_blind, name, phone, address, password_hash, "
		   "attributes, "
		   "customer_group) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (email_blind) DO NOTHING",
	.args =
		"uuid; commerce.sealed; bytea; commerce.sealed; commerce.sealed; commerce.sealed; text; jsonb; text"};

static SavedPlan find_by_email = {.sql = "SELECT id FROM commerce.customers WHERE email_blind = ANY ($1)",
								  .args = "bytea[]"};

/* Opened values never go through a statement, where an extension that logs parameters would see them. */
static SavedPlan find_fields = {
	.sql = "SELECT email, name, phone, address, jsonb_build_object('id', id, "
		   "'customer_group', customer_group, 'attributes', "
		   "attributes, 'created_at', created_at) FROM commerce.customers WHERE id = $1",
	.args = "uuid"};

/* Refuses an argument, naming it and never showing it. */
static void
refuse_argument(const char *name, const char *wanted)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be %s", name, wanted)));
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
	commerce_refuse_card_number(field, plaintext);
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

/*
 * Refuses an address that is stored already under an epoch that a rotation has not done with yet; the unique index
 * sees those of the new one. Whatever the rotation is at, a row that is there is seen by one of the two, because this
 * one looks first.
 */
static void
refuse_stored_before(const char *email)
{
	BlindRule rule = commerce_blind_rule("email");
	bool complete;
	int count;
	Datum blinds = commerce_blinds_to_find(email, &rule, &count, &complete);

	if (count > 1 && commerce_run(&find_by_email, PLAN_LATEST, &blinds, NULL) > 0)
		refuse_duplicate();
	if (!complete)
		commerce_refuse_incomplete_search();
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

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a customer needs an e-mail address")));
	email = read_email(PG_GETARG_TEXT_PP(0));
	if (attributes == NULL)
		refuse_argument("attributes", "a JSON object");
	(void) object_text(attributes, "attributes");
	commerce_refuse_card_value("attributes", JsonbPGetDatum(attributes), JSONBOID);

	commerce_refuse_card_number("email", email);
	SPI_connect();
	values[1] = commerce_seal_text(email, strlen(email), "email", customer);
	values[2] = commerce_blind_text(email, "email");
	refuse_stored_before(email);
	nulls[1] = nulls[2] = ' ';
	seal_optional(optional_text(fcinfo, 1), "name", customer, &values[3], &nulls[3]);
	seal_optional(optional_text(fcinfo, 2), "phone", customer, &values[4], &nulls[4]);
	seal_optional(object_text(address, "address"), "address", customer, &values[5], &nulls[5]);
	if (!PG_ARGISNULL(4))
	{
		values[6] = commerce_hash_password(PG_GETARG_TEXT_PP(4));
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

/* Finds the customer with an address; false for none. Needs SPI. */
bool
commerce_customer_by_email(const char *email, pg_uuid_t *customer)
{
	BlindRule rule = commerce_blind_rule("email");
	bool complete;
	int count;
	Datum blinds;
	bool isnull;

	if (commerce_normalise(email, "email")[0] == '\0')
		return false;
	blinds = commerce_blinds_to_find(email, &rule, &count, &complete);
	if (commerce_run(&find_by_email, PLAN_READS, &blinds, NULL) > 0)
	{
		*customer = *DatumGetUUIDP(commerce_value(0, 1, &isnull));
		return true;
	}
	if (!complete)
		commerce_refuse_incomplete_search();
	return false;
}

/* find_customer(email) returns the customer with this address, or NULL. */
Datum
commerce_find_customer(PG_FUNCTION_ARGS)
{
	char *email = commerce_text_to_utf8(PG_GETARG_TEXT_PP(0));
	pg_uuid_t *found = palloc(sizeof(pg_uuid_t));
	bool known;

	SPI_connect();
	known = commerce_customer_by_email(email, found);
	SPI_finish();
	if (!known)
		PG_RETURN_NULL();
	PG_RETURN_UUID_P(found);
}

/* Opens column "column" of the found customer, in the server's encoding; NULL where there is nothing. */
static char *
open_column(int column, const char *field, const pg_uuid_t *customer)
{
	bool isnull;
	Datum value = commerce_value(0, column, &isnull);
	char *plaintext;
	size_t length;

	if (isnull)
		return NULL;
	plaintext = commerce_open_text(DatumGetByteaPP(value), field, customer, &length);
	return text_to_cstring(commerce_utf8_to_text(plaintext, length));
}

/* Parses an address; one that someone sealed by hand and is no JSON must not be quoted by the parser's error. */
static Jsonb *
parse_address(const char *address)
{
	MemoryContext context = CurrentMemoryContext;
	volatile Datum parsed = 0;

	PG_TRY();
	{
		parsed = DirectFunctionCall1(jsonb_in, CStringGetDatum(address));
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
	return DatumGetJsonbP(parsed);
}

/* Writes the address as a document, not as a text that holds one. */
static void
write_address(JsonWriter *writer, const char *address)
{
	JsonbValue value = {.type = jbvBinary};
	Jsonb *document;

	if (address == NULL)
	{
		commerce_json_null(writer);
		return;
	}
	document = parse_address(address);
	value.val.binary.data = &document->root;
	value.val.binary.len = VARSIZE(document);
	writer->pending_key = NULL;
	writer->root = pushJsonbValue(&writer->state, WJB_VALUE, &value);
}

/* Describes the found customer: what is sealed, opened, and what is not. */
static Datum
describe_customer(const pg_uuid_t *customer)
{
	static const char *const fields[] = {"email", "name", "phone"};
	JsonWriter writer = JSON_WRITER_INIT;
	bool isnull;

	commerce_json_object(&writer);
	for (int i = 0; i < (int) lengthof(fields); i++)
	{
		commerce_json_key(&writer, fields[i]);
		commerce_json_string(&writer, open_column(i + 1, fields[i], customer));
	}
	commerce_json_key(&writer, "address");
	write_address(&writer, open_column(4, "address", customer));
	commerce_json_end_object(&writer);
	return DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(commerce_json_finish(&writer)),
							   commerce_value(0, 5, &isnull));
}

/* Reads all that is known of a customer, opened, into memory of the caller; false for an unknown one. As the shop's owner. */
static bool
read_customer(const pg_uuid_t *customer, Datum *document)
{
	OwnerScope scope;
	bool known;

	commerce_enter_owner(&scope);
	SPI_connect();
	known = commerce_run(&find_fields, PLAN_READS, (Datum[]){UUIDPGetDatum(customer)}, NULL) == 1;
	if (known)
		*document = SPI_datumTransfer(describe_customer(customer), false, -1);
	SPI_finish();
	commerce_leave_owner(&scope);
	return known;
}

/* reveal_customer(customer, purpose) returns all that is known of a customer, opened; NULL for an unknown one. */
Datum
commerce_reveal_customer(PG_FUNCTION_ARGS)
{
	Datum document;

	commerce_require_purpose(PG_GETARG_TEXT_PP(1));
	if (!read_customer(PG_GETARG_UUID_P(0), &document))
		PG_RETURN_NULL();
	commerce_note_reveal(PG_GETARG_UUID_P(0), "email, name, phone, address", PG_GETARG_TEXT_PP(1));
	return document;
}

/* my_profile() returns all that is known of the customer who is logged in. */
Datum
commerce_my_profile(PG_FUNCTION_ARGS)
{
	const pg_uuid_t *customer = commerce_login_customer();
	Datum document;

	if (customer == NULL || !read_customer(customer, &document))
		PG_RETURN_NULL();
	return document;
}
