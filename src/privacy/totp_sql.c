/*
 * totp_sql.c: enrolling a second factor and checking its codes, as SQL calls them.
 */
#include "base/pg.h"

#include <sodium.h>

#include "base/errors.h"
#include "base/json.h"
#include "base/owner.h"
#include "base/plan.h"
#include "privacy/base32.h"
#include "privacy/convert.h"
#include "privacy/login_audit.h"
#include "privacy/login_state.h"
#include "privacy/login_throttle.h"
#include "privacy/totp.h"
#include "privacy/totp_store.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/acl.h"
#pragma GCC diagnostic pop

#define MAX_LABEL_BYTES 100

PG_FUNCTION_INFO_V1(commerce_create_totp);
PG_FUNCTION_INFO_V1(commerce_confirm_totp);
PG_FUNCTION_INFO_V1(commerce_verify_totp);
PG_FUNCTION_INFO_V1(commerce_remove_totp);

static SavedPlan find_customer = {.sql = "SELECT FROM commerce.customers WHERE id = $1", .args = "uuid"};

static SavedPlan drop_totp = {
	.sql = "WITH codes AS (DELETE FROM commerce.recovery_codes WHERE customer_id = $1) "
		   "DELETE FROM commerce.totp WHERE customer_id = $1",
	.args = "uuid"};

/* Refuses an unknown customer. Needs an SPI connection. */
static void
require_customer(const pg_uuid_t *customer)
{
	if (commerce_run(&find_customer, PLAN_WRITES, (Datum[]){UUIDPGetDatum(customer)}, NULL) != 1)
		ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND), errmsg("there is no such customer")));
}

/* Counts an attempt at the customer's codes. */
static ThrottleSubject
attempt(const pg_uuid_t *customer)
{
	ThrottleSubject subject = {.kind = THROTTLE_CODE, .data = customer->data, .length = UUID_LEN};

	commerce_throttle_attempt(&subject);
	return subject;
}

/* Appends a label as a part of a URI. */
static void
append_label(StringInfo uri, const char *label)
{
	for (const unsigned char *c = (const unsigned char *) label; *c != '\0'; c++)
		if ((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
			strchr("-._~", *c) != NULL)
			appendStringInfoChar(uri, (char) *c);
		else
			appendStringInfo(uri, "%%%02X", *c);
}

/* Reads a label that an authenticator app shows; refuses one that is empty, too long, or has the URI's separator. */
static char *
read_label(FunctionCallInfo fcinfo, int argument, const char *name)
{
	char *label = commerce_text_to_utf8(PG_GETARG_TEXT_PP(argument));

	if (label[0] == '\0' || strlen(label) > MAX_LABEL_BYTES || strchr(label, ':') != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must be 1 to %d bytes long and hold no colon", name, MAX_LABEL_BYTES)));
	return label;
}

/* Describes a new secret: what an app reads as a QR code, and what people type where it does not. */
static Jsonb *
describe_secret(const char *secret, const char *issuer, const char *account, int digits)
{
	JsonWriter writer = JSON_WRITER_INIT;
	StringInfoData uri;

	initStringInfo(&uri);
	appendStringInfoString(&uri, "otpauth://totp/");
	append_label(&uri, issuer);
	if (account != NULL)
	{
		appendStringInfoChar(&uri, ':');
		append_label(&uri, account);
	}
	appendStringInfo(&uri, "?secret=%s&issuer=", secret);
	append_label(&uri, issuer);
	appendStringInfo(&uri, "&algorithm=SHA1&digits=%d&period=%d", digits, TOTP_STEP_SECONDS);
	commerce_json_object(&writer);
	commerce_json_key(&writer, "secret");
	commerce_json_string(&writer, secret);
	commerce_json_key(&writer, "uri");
	commerce_json_string(&writer, uri.data);
	commerce_json_end_object(&writer);
	return commerce_json_finish(&writer);
}

/* create_totp(customer, account, issuer, digits) makes a secret for an authenticator app, to be confirmed by a code. */
Datum
commerce_create_totp(PG_FUNCTION_ARGS)
{
	pg_uuid_t *customer = commerce_login_subject(fcinfo, 0);
	char *account = PG_ARGISNULL(1) ? NULL : read_label(fcinfo, 1, "account");
	uint8 bytes[TOTP_SECRET_BYTES];
	char secret[BASE32_LENGTH(TOTP_SECRET_BYTES) + 1];
	char *issuer;
	int digits;

	if (PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("issuer and digits must not be NULL")));
	issuer = read_label(fcinfo, 2, "issuer");
	digits = PG_GETARG_INT32(3);
	if (digits != 6 && digits != 8)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("digits must be 6 or 8")));
	if (sodium_init() < 0)
		elog(ERROR, "libsodium cannot be initialised");
	randombytes_buf(bytes, sizeof(bytes));
	commerce_base32_encode(secret, bytes, sizeof(bytes));
	explicit_bzero(bytes, sizeof(bytes));
	SPI_connect();
	require_customer(customer);
	if (!commerce_store_second_factor(customer, secret, digits))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("this customer has a second factor already"),
						errhint("commerce.remove_totp(code) removes it; one of its codes shows who asks.")));
	SPI_finish();
	PG_RETURN_JSONB_P(describe_secret(secret, issuer, account, digits));
}

/* confirm_totp(code, customer) turns the second factor on and returns the recovery codes. */
Datum
commerce_confirm_totp(PG_FUNCTION_ARGS)
{
	pg_uuid_t *customer = commerce_login_subject(fcinfo, 1);
	Datum codes = (Datum) 0;
	ThrottleSubject subject;
	bool good;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("code must not be NULL")));
	subject = attempt(customer);
	SPI_connect();
	good = commerce_confirm_second_factor(customer, PG_GETARG_TEXT_PP(0));
	if (good)
		codes = SPI_datumTransfer(commerce_make_recovery_codes(customer), false, -1);
	SPI_finish();
	if (!good)
	{
		commerce_note_failure(&subject, customer, "code");
		ereport(ERROR, (errcode(ERRCODE_INVALID_PASSWORD),
						errmsg("this is not the current code of a new second factor"),
						errhint("commerce.create_totp() makes one; type the code that the app shows now.")));
	}
	commerce_throttle_forget(&subject);
	commerce_note_login("second factor on", customer, NULL, NULL);
	return codes;
}

/* Checks a code, and uses it up. */
static bool
check_code(const pg_uuid_t *customer, const text *code)
{
	ThrottleSubject subject = attempt(customer);
	bool good;

	SPI_connect();
	good = commerce_use_second_factor(customer, code) != NO_FACTOR;
	SPI_finish();
	if (good)
		commerce_throttle_forget(&subject);
	else
		commerce_note_failure(&subject, customer, "code");
	return good;
}

/* verify_totp(code, customer) says whether a code is good, once. */
Datum
commerce_verify_totp(PG_FUNCTION_ARGS)
{
	pg_uuid_t *customer = commerce_login_subject(fcinfo, 1);

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("code must not be NULL")));
	PG_RETURN_BOOL(check_code(customer, PG_GETARG_TEXT_PP(0)));
}

/* remove_totp(code, customer) turns the second factor off; whoever runs the shop may do so without a code. */
Datum
commerce_remove_totp(PG_FUNCTION_ARGS)
{
	pg_uuid_t *customer = commerce_login_subject(fcinfo, 1);
	bool removed;

	if (PG_ARGISNULL(0))
	{
		if (!commerce_caller_is_member(get_role_oid("commerce_app", false)))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("code must not be NULL")));
	}
	else if (!check_code(customer, PG_GETARG_TEXT_PP(0)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PASSWORD), errmsg("this code is wrong or was used")));
	SPI_connect();
	removed = commerce_run(&drop_totp, PLAN_WRITES, (Datum[]){UUIDPGetDatum(customer)}, NULL) == 1;
	SPI_finish();
	if (removed)
		commerce_note_login("second factor off", customer, "by", PG_ARGISNULL(0) ? "the shop" : "a code");
	PG_RETURN_BOOL(removed);
}
