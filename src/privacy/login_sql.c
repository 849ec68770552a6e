/*
 * login_sql.c: logging in, sessions and passwords, as SQL calls them.
 *
 * A session is good while it lasts and while its login_version is its customer's. Changing the password raises that
 * number, and so ends every session at once, those too that a login with the old password begins at this very moment,
 * whichever of the two commits first.
 */
#include "base/pg.h"

#include <sodium.h>

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/ready.h"
#include "privacy/convert.h"
#include "privacy/customer.h"
#include "privacy/login_audit.h"
#include "privacy/login_state.h"
#include "privacy/normalise.h"
#include "privacy/password.h"
#include "privacy/token.h"
#include "privacy/totp_store.h"

PG_FUNCTION_INFO_V1(commerce_login);
PG_FUNCTION_INFO_V1(commerce_use_session);
PG_FUNCTION_INFO_V1(commerce_logout);
PG_FUNCTION_INFO_V1(commerce_logout_everywhere);
PG_FUNCTION_INFO_V1(commerce_change_password);
PG_FUNCTION_INFO_V1(commerce_create_password_reset);
PG_FUNCTION_INFO_V1(commerce_reset_password);
PG_FUNCTION_INFO_V1(commerce_forgive_login);

static SavedPlan find_credentials = {
	.sql = "SELECT password_hash, login_version FROM commerce.customers WHERE id = $1 AND erased_at IS NULL",
	.args = "uuid"};

static SavedPlan renew_hash = {
	.sql = "UPDATE commerce.customers SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
	.args = "uuid; text; text"};

static SavedPlan set_password = {
	.sql = "UPDATE commerce.customers SET password_hash = $2, login_version = login_version + 1 WHERE id = $1"
		   " AND erased_at IS NULL",
	.args = "uuid; text"};

static SavedPlan end_sessions = {
	.sql = "UPDATE commerce.customers SET login_version = login_version + 1 WHERE id = $1", .args = "uuid"};

static SavedPlan add_session = {
	.sql =
		"INSERT INTO commerce.sessions (customer_id, token_hash, login_version, expires_at) SELECT $1, $2, "
		"$3, now() + s.session_ttl FROM commerce.shop s",
	.args = "uuid; bytea; integer"};

static SavedPlan find_session = {
	.sql = "SELECT FROM commerce.sessions s JOIN commerce.customers c ON c.id = s.customer_id AND "
		   "c.login_version = s.login_version WHERE s.customer_id = $1 AND s.token_hash = $2 AND "
		   "s.expires_at > clock_timestamp()",
	.args = "uuid; bytea"};

static SavedPlan drop_session = {
	.sql = "DELETE FROM commerce.sessions WHERE customer_id = $1 AND token_hash = $2", .args = "uuid; bytea"};

static SavedPlan add_reset = {.sql = "INSERT INTO commerce.password_resets (customer_id, token_hash, "
									 "expires_at) VALUES ($1, $2, now() + $3)",
							  .args = "uuid; bytea; interval"};

static SavedPlan use_reset = {
	.sql = "DELETE FROM commerce.password_resets WHERE customer_id = $1 AND token_hash "
		   "= $2 AND expires_at > clock_timestamp()",
	.args = "uuid; bytea"};

static SavedPlan drop_resets = {.sql = "DELETE FROM commerce.password_resets WHERE customer_id = $1",
								.args = "uuid"};

/* Refuses a login, in the same words whatever was wrong; customer is NULL where the address is nobody's. */
static void
refuse_login(const ThrottleSubject *subject, const pg_uuid_t *customer, const char *what)
{
	commerce_note_failure(subject, customer, what);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PASSWORD), errmsg("e-mail address, password or code is wrong")));
}

/* Asks for the code of the second factor, once the password was right. */
static void
ask_for_code(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION), errmsg("this login needs a code"),
			 commerce_errfacts("reason", "totp_required", NULL),
			 errhint("Call commerce.login() again with totp => the code of the authenticator app, or a "
					 "recovery code.")));
}

/* Refuses a token that opens nothing, any more or at all. */
static void
refuse_token(const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
					errmsg("this %s is unknown or over", what)));
}

/* Reads whose token it is and its hash; false for what is none, once it is known that there is a shop. Needs SPI. */
static bool
read_token(const text *token, const char *use, pg_uuid_t *customer, Datum *hash)
{
	if (commerce_read_token(token, use, customer, hash))
		return true;
	commerce_require_shop();
	return false;
}

static void
refuse_null(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", name)));
}

/* Reads hash and version of a customer; the hash is NULL where he cannot log in. */
static char *
read_credentials(const pg_uuid_t *customer, Datum *version)
{
	bool isnull;

	if (commerce_run(&find_credentials, PLAN_WRITES, (Datum[]){UUIDPGetDatum(customer)}, NULL) != 1)
		return NULL;
	*version = commerce_value(0, 2, &isnull);
	return commerce_text(0, 1);
}

/* Makes a hash anew that was made with other parameters than today's. */
static void
renew(const pg_uuid_t *customer, const char *hash, const text *password)
{
	Datum values[] = {UUIDPGetDatum(customer), CStringGetTextDatum(hash), 0};

	values[2] = commerce_hash_password(password);
	(void) commerce_run(&renew_hash, PLAN_WRITES, values, NULL);
}

/* Stores a session. */
static void
begin_session(const pg_uuid_t *customer, Datum version, char token[TOKEN_CHARACTERS + 1])
{
	Datum values[] = {UUIDPGetDatum(customer), 0, version};

	values[1] = commerce_make_token(token, customer, "session");
	(void) commerce_run(&add_session, PLAN_WRITES, values, NULL);
}

/* login(email, password, totp) begins a session and returns its token. */
Datum
commerce_login(PG_FUNCTION_ARGS)
{
	char token[TOKEN_CHARACTERS + 1];
	pg_uuid_t customer = {{0}};
	ThrottleSubject subject;
	Datum version = (Datum) 0;
	char *email, *normal, *hash;
	text *password;
	bool known;
	SecondFactor factor = NO_FACTOR;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		refuse_null(PG_ARGISNULL(0) ? "email" : "password");
	email = commerce_text_to_utf8(PG_GETARG_TEXT_PP(0));
	password = PG_GETARG_TEXT_PP(1);
	normal = commerce_normalise(email, "email");
	subject = (ThrottleSubject){.kind = THROTTLE_EMAIL, .data = normal, .length = strlen(normal)};
	SPI_connect();
	/* Nobody's credentials are looked for, too, where the address is nobody's: it takes the same time. */
	known = commerce_customer_by_email(email, &customer);
	hash = read_credentials(&customer, &version);
	if (!commerce_verify_password(password, hash, &subject))
		refuse_login(&subject, known ? &customer : NULL, "password");
	if (commerce_has_second_factor(&customer))
	{
		if (PG_ARGISNULL(2))
			ask_for_code();
		factor = commerce_use_second_factor(&customer, PG_GETARG_TEXT_PP(2));
		if (factor == NO_FACTOR)
			refuse_login(&subject, &customer, "code");
	}
	commerce_throttle_forget(&subject);
	if (commerce_password_is_stale(hash))
		renew(&customer, hash, password);
	begin_session(&customer, version, token);
	SPI_finish();
	commerce_note_login("login", &customer, factor == NO_FACTOR ? NULL : "second_factor",
						factor == RECOVERY_CODE ? "recovery code" : "code");
	commerce_login_set(LOGIN_SESSION, &customer, NULL, NULL);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(token, TOKEN_CHARACTERS));
}

/* use_session(token) makes this transaction act for the session's customer, and returns whom that is. */
Datum
commerce_use_session(PG_FUNCTION_ARGS)
{
	pg_uuid_t *customer = palloc(sizeof(pg_uuid_t));
	Datum values[2] = {UUIDPGetDatum(customer)};
	bool good = false;

	if (PG_ARGISNULL(0))
		refuse_null("token");
	SPI_connect();
	if (read_token(PG_GETARG_TEXT_PP(0), "session", customer, &values[1]))
		good = commerce_run(&find_session, PLAN_LATEST, values, NULL) == 1;
	SPI_finish();
	if (!good)
		refuse_token("session");
	commerce_login_set(LOGIN_SESSION, customer, NULL, NULL);
	PG_RETURN_UUID_P(customer);
}

/* Ceases to act for a customer whose session has just been ended. */
static void
forget_state(const pg_uuid_t *customer)
{
	const pg_uuid_t *self = commerce_login_customer();

	if (self != NULL && memcmp(self, customer, sizeof(pg_uuid_t)) == 0)
		commerce_login_set(LOGIN_SESSION, NULL, NULL, NULL);
}

/* logout(token) ends a session; one that is unknown or over needs no ending. */
Datum
commerce_logout(PG_FUNCTION_ARGS)
{
	pg_uuid_t customer;
	Datum values[2] = {UUIDPGetDatum(&customer)};

	if (PG_ARGISNULL(0))
		refuse_null("token");
	SPI_connect();
	if (read_token(PG_GETARG_TEXT_PP(0), "session", &customer, &values[1]) &&
		commerce_run(&drop_session, PLAN_WRITES, values, NULL) == 1)
	{
		forget_state(&customer);
		commerce_note_login("logout", &customer, NULL, NULL);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

static void
refuse_customer(void)
{
	ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND), errmsg("there is no such customer")));
}

/* logout_everywhere(customer) ends all sessions of a customer. */
Datum
commerce_logout_everywhere(PG_FUNCTION_ARGS)
{
	pg_uuid_t *customer = commerce_login_subject(fcinfo, 0);

	SPI_connect();
	if (commerce_run(&end_sessions, PLAN_WRITES, (Datum[]){UUIDPGetDatum(customer)}, NULL) != 1)
		refuse_customer();
	SPI_finish();
	commerce_note_login("logged out everywhere", customer, NULL, NULL);
	forget_state(customer);
	PG_RETURN_VOID();
}

/* Stores a new password, which ends all sessions, and with them whatever could still reset the password. */
static void
store_password(const pg_uuid_t *customer, const text *password)
{
	Datum values[] = {UUIDPGetDatum(customer), 0};

	values[1] = commerce_hash_password(password);
	if (commerce_run(&set_password, PLAN_WRITES, values, NULL) != 1)
		refuse_customer();
	(void) commerce_run(&drop_resets, PLAN_WRITES, values, NULL);
}

/* change_password(password, new_password, customer) replaces a password by whoever knows it. */
Datum
commerce_change_password(PG_FUNCTION_ARGS)
{
	pg_uuid_t *customer = commerce_login_subject(fcinfo, 2);
	ThrottleSubject subject = {.kind = THROTTLE_PASSWORD, .data = customer->data, .length = UUID_LEN};
	Datum version;
	char *hash;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		refuse_null(PG_ARGISNULL(0) ? "password" : "new_password");
	SPI_connect();
	hash = read_credentials(customer, &version);
	if (!commerce_verify_password(PG_GETARG_TEXT_PP(0), hash, &subject))
	{
		commerce_note_failure(&subject, customer, "password");
		ereport(ERROR, (errcode(ERRCODE_INVALID_PASSWORD), errmsg("the password is wrong")));
	}
	commerce_throttle_forget(&subject);
	store_password(customer, PG_GETARG_TEXT_PP(1));
	SPI_finish();
	commerce_note_login("password changed", customer, NULL, NULL);
	PG_RETURN_VOID();
}

/* create_password_reset(customer, ttl) returns a token for a letter to the customer. */
Datum
commerce_create_password_reset(PG_FUNCTION_ARGS)
{
	pg_uuid_t *customer = PG_GETARG_UUID_P(0);
	Interval *ttl = PG_GETARG_INTERVAL_P(1);
	Interval zero = {0};
	char token[TOKEN_CHARACTERS + 1];
	Datum values[3] = {UUIDPGetDatum(customer), 0, IntervalPGetDatum(ttl)};

	if (!DatumGetBool(DirectFunctionCall2(interval_gt, IntervalPGetDatum(ttl), IntervalPGetDatum(&zero))))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("ttl must be greater than zero")));
	SPI_connect();
	if (commerce_run(&find_credentials, PLAN_WRITES, values, NULL) != 1)
		refuse_customer();
	values[1] = commerce_make_token(token, customer, "reset");
	(void) commerce_run(&add_reset, PLAN_WRITES, values, NULL);
	SPI_finish();
	commerce_note_login("password reset asked for", customer, NULL, NULL);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(token, TOKEN_CHARACTERS));
}

/* reset_password(token, new_password) replaces a password by whoever got the letter, once. */
Datum
commerce_reset_password(PG_FUNCTION_ARGS)
{
	pg_uuid_t *customer = palloc(sizeof(pg_uuid_t));
	Datum values[2] = {UUIDPGetDatum(customer)};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		refuse_null(PG_ARGISNULL(0) ? "token" : "new_password");
	SPI_connect();
	if (!read_token(PG_GETARG_TEXT_PP(0), "reset", customer, &values[1]) ||
		commerce_run(&use_reset, PLAN_WRITES, values, NULL) != 1)
		refuse_token("token");
	store_password(customer, PG_GETARG_TEXT_PP(1));
	SPI_finish();
	commerce_note_login("password reset", customer, NULL, NULL);
	PG_RETURN_UUID_P(customer);
}

/* forgive_login(email) forgets the failed attempts at an address. */
Datum
commerce_forgive_login(PG_FUNCTION_ARGS)
{
	char *normal = commerce_normalise(commerce_text_to_utf8(PG_GETARG_TEXT_PP(0)), "email");
	ThrottleSubject subject = {.kind = THROTTLE_EMAIL, .data = normal, .length = strlen(normal)};
	pg_uuid_t customer;

	commerce_throttle_forget(&subject);
	SPI_connect();
	if (commerce_customer_by_email(normal, &customer))
	{
		subject = (ThrottleSubject){.kind = THROTTLE_PASSWORD, .data = customer.data, .length = UUID_LEN};
		commerce_throttle_forget(&subject);
		subject.kind = THROTTLE_CODE;
		commerce_throttle_forget(&subject);
		commerce_note_login("lockout forgiven", &customer, NULL, NULL);
	}
	SPI_finish();
	PG_RETURN_VOID();
}
