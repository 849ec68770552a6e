/*
 * jwt_sql.c: making and checking tokens, as SQL calls it.
 */
#include "base/pg.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/plan.h"
#include "base/ready.h"
#include "privacy/claims.h"
#include "privacy/convert.h"
#include "privacy/jwt_json.h"
#include "privacy/jwt_keys.h"
#include "privacy/login_state.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "mb/pg_wchar.h"
#include "utils/json.h"
#pragma GCC diagnostic pop

#define MAX_AUDIENCE_BYTES 200
#define MAX_TTL_SECONDS (INT64CONST(366) * 24 * 60 * 60)

PG_FUNCTION_INFO_V1(commerce_create_jwt_key);
PG_FUNCTION_INFO_V1(commerce_jwt_public_keys);
PG_FUNCTION_INFO_V1(commerce_create_jwt);
PG_FUNCTION_INFO_V1(commerce_create_staff_jwt);
PG_FUNCTION_INFO_V1(commerce_verify_jwt);

static SavedPlan find_customer = {.sql = "SELECT FROM commerce.customers WHERE id = $1 AND erased_at IS NULL",
								  .args = "uuid"};

static SavedPlan find_public_keys = {
	.sql = "SELECT id::text, public_key FROM commerce.jwt_keys WHERE public_key IS NOT NULL ORDER BY id"};

/* Returns the time in seconds since 1970. */
static int64
unix_seconds(void)
{
	return GetCurrentTimestamp() / USECS_PER_SEC +
		   (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

static void
write_bytes(JsonWriter *writer, const char *name, const uint8 *bytes, size_t length)
{
	char text[128];

	(void) commerce_base64url_encode(text, sizeof(text), bytes, length);
	commerce_json_key(writer, name);
	commerce_json_string(writer, text);
	explicit_bzero(text, sizeof(text));
}

static void
write_text(JsonWriter *writer, const char *name, const char *value)
{
	commerce_json_key(writer, name);
	commerce_json_string(writer, value);
}

/* Writes a public key as a JSON Web Key (RFC 7517, RFC 8037). */
static void
write_public_key(JsonWriter *writer, const char *kid, const uint8 *public_key)
{
	commerce_json_object(writer);
	write_text(writer, "kty", "OKP");
	write_text(writer, "crv", "Ed25519");
	write_text(writer, "alg", "EdDSA");
	write_text(writer, "use", "sig");
	write_text(writer, "kid", kid);
	write_bytes(writer, "x", public_key, 32);
	commerce_json_end_object(writer);
}

/* Writes a shared secret as a JSON Web Key. */
static void
write_shared_key(JsonWriter *writer, const SigningKey *key)
{
	commerce_json_object(writer);
	write_text(writer, "kty", "oct");
	write_text(writer, "alg", "HS256");
	write_text(writer, "use", "sig");
	write_text(writer, "kid", key->kid);
	write_bytes(writer, "k", key->key.bytes, key->key.length);
	commerce_json_end_object(writer);
}

/* Reads the name of an algorithm. */
static JwtAlgorithm
read_algorithm(const char *name)
{
	if (strcmp(name, "EdDSA") != 0 && strcmp(name, "HS256") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("algorithm must be EdDSA or HS256")));
	return strcmp(name, "EdDSA") == 0 ? JWT_EDDSA : JWT_HS256;
}

/* Reads an audience: of characters that JSON need not escape, so that every reader reads it alike. */
static char *
read_audience(const text *argument)
{
	char *audience = text_to_cstring(argument);
	size_t length = strlen(audience);

	for (const char *c = audience; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\')
			length = 0;
	if (length == 0 || length > MAX_AUDIENCE_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("audience must be 1 to %d printable ASCII characters without blanks, quotes and "
						"backslashes",
						MAX_AUDIENCE_BYTES)));
	return audience;
}

/* create_jwt_key(algorithm, audience) makes a key and returns what an API server needs to verify with it. */
Datum
commerce_create_jwt_key(PG_FUNCTION_ARGS)
{
	JwtAlgorithm algorithm = read_algorithm(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	char *audience = read_audience(PG_GETARG_TEXT_PP(1));
	JsonWriter writer = JSON_WRITER_INIT;
	uint8 public_key[32];
	SigningKey key;

	SPI_connect();
	commerce_add_signing_key(algorithm, audience, &key);
	SPI_finish();
	commerce_public_part(&key.key, public_key);
	if (algorithm == JWT_EDDSA)
		write_public_key(&writer, key.kid, public_key);
	else
		write_shared_key(&writer, &key);
	explicit_bzero(&key.key, sizeof(key.key));
	PG_RETURN_JSONB_P(commerce_json_finish(&writer));
}

/* jwt_public_keys() returns the public keys as a JSON Web Key Set. */
Datum
commerce_jwt_public_keys(PG_FUNCTION_ARGS)
{
	JsonWriter writer = JSON_WRITER_INIT;
	Datum document;
	uint64 count;

	(void) fcinfo;
	SPI_connect();
	count = commerce_run(&find_public_keys, PLAN_READS, NULL, NULL);
	commerce_json_object(&writer);
	commerce_json_key(&writer, "keys");
	commerce_json_array(&writer);
	for (uint64 i = 0; i < count; i++)
	{
		bool isnull;
		bytea *public = DatumGetByteaPP(commerce_value(i, 2, &isnull));

		write_public_key(&writer, commerce_text(i, 1), (const uint8 *) VARDATA_ANY(public));
	}
	commerce_json_end_array(&writer);
	commerce_json_end_object(&writer);
	document = SPI_datumTransfer(JsonbPGetDatum(commerce_json_finish(&writer)), false, -1);
	SPI_finish();
	return document;
}

/* Reads how long a token is to be good, in seconds. */
static int64
read_ttl(Interval *ttl)
{
	int64 seconds =
		ttl->time / USECS_PER_SEC + (ttl->day + (int64) ttl->month * DAYS_PER_MONTH) * SECS_PER_DAY;

	if (seconds < 1 || seconds > MAX_TTL_SECONDS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("ttl must be from one second to 366 days")));
	return seconds;
}

/* Signs claims, to which it adds audience and times, and returns the token. Needs an SPI connection. */
static text *
sign_claims(const char *claims, int64 ttl)
{
	int64 now = unix_seconds();
	char token[JWT_MAX_BYTES + 1];
	SigningKey key;
	char *payload;
	bool good;

	commerce_key_for_signing(&key);
	payload = psprintf("{%s,\"aud\":\"%s\",\"iat\":" INT64_FORMAT ",\"nbf\":" INT64_FORMAT
					   ",\"exp\":" INT64_FORMAT "}",
					   claims, key.audience, now, now, now + ttl);
	payload = pg_server_to_any(payload, (int) strlen(payload), PG_UTF8);
	good = commerce_jwt_sign(token, payload, key.kid, &key.key);
	explicit_bzero(&key.key, sizeof(key.key));
	if (!good)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a token holds at most %d bytes", JWT_MAX_BYTES)));
	return cstring_to_text(token);
}

/* Hands a token out of SPI's memory. */
static Datum
finish(text *token)
{
	Datum result = SPI_datumTransfer(PointerGetDatum(token), false, -1);

	SPI_finish();
	return result;
}

/* Refuses those to renew a token who have nothing but a token: they would never have to log in again. */
static void
require_session(FunctionCallInfo fcinfo)
{
	const pg_uuid_t *self = commerce_login_customer();

	if (self == NULL || commerce_login_source() == LOGIN_SESSION)
		return;
	if (!PG_ARGISNULL(0) && memcmp(PG_GETARG_UUID_P(0), self, sizeof(pg_uuid_t)) != 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_NOT_PERMITTED), errmsg("a token makes no other token"),
					errhint("Call commerce.use_session(token) with the token of a session, or log in.")));
}

/* create_jwt(customer, ttl) returns a token for an API server, with which a customer sees his own rows. */
Datum
commerce_create_jwt(PG_FUNCTION_ARGS)
{
	pg_uuid_t *customer = commerce_login_subject(fcinfo, 0);
	int64 ttl;
	char *claims;

	require_session(fcinfo);
	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("ttl must not be NULL")));
	ttl = read_ttl(PG_GETARG_INTERVAL_P(1));
	SPI_connect();
	if (commerce_run(&find_customer, PLAN_WRITES, (Datum[]){UUIDPGetDatum(customer)}, NULL) != 1)
		ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND), errmsg("there is no such customer")));
	claims = psprintf("\"role\":\"commerce_customer\",\"sub\":\"%s\"",
					  DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(customer))));
	return finish(sign_claims(claims, ttl));
}

/* Appends an array of texts as JSON. */
static void
append_texts(StringInfo json, ArrayType *array)
{
	Datum *texts;
	bool *nulls;
	int count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
	appendStringInfoChar(json, '[');
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("channels must not hold NULL")));
		if (i > 0)
			appendStringInfoChar(json, ',');
		escape_json(json, TextDatumGetCString(texts[i]));
	}
	appendStringInfoChar(json, ']');
}

/* create_staff_jwt(subject, channels, ttl) returns a token with which somebody sees the orders of some channels. */
Datum
commerce_create_staff_jwt(PG_FUNCTION_ARGS)
{
	char *subject = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int64 ttl = read_ttl(PG_GETARG_INTERVAL_P(2));
	StringInfoData claims;

	if (subject[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("subject is empty")));
	initStringInfo(&claims);
	appendStringInfoString(&claims, "\"role\":\"commerce_staff\",\"sub\":");
	escape_json(&claims, subject);
	appendStringInfoString(&claims, ",\"channels\":");
	append_texts(&claims, PG_GETARG_ARRAYTYPE_P(1));
	SPI_connect();
	return finish(sign_claims(claims.data, ttl));
}

/* Verifies a token by the key that it names; false for whatever is wrong. Needs an SPI connection. */
static bool
is_good(Jwt *jwt, const text *token)
{
	char kid[JWT_MAX_KID_BYTES + 1];
	SigningKey key;
	pg_uuid_t id;
	bool good;

	if (!commerce_jwt_split(jwt, VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token)) || !commerce_jwt_kid(jwt, kid))
		return false;
	if (!commerce_claim_uuid(&(Claim){CLAIM_STRING, kid, strlen(kid)}, id.data) ||
		!commerce_key_for_verifying(&id, &key))
		return false;
	good = commerce_jwt_verify(jwt, &key.key) &&
		   commerce_jwt_is_due(jwt->payload, jwt->payload_length, key.audience, unix_seconds());
	explicit_bzero(&key.key, sizeof(key.key));
	return good;
}

/* verify_jwt(token) returns the claims of a good token. */
Datum
commerce_verify_jwt(PG_FUNCTION_ARGS)
{
	Jwt *jwt = palloc(sizeof(Jwt));
	Jsonb *claims = NULL;
	bool good;

	SPI_connect();
	good = is_good(jwt, PG_GETARG_TEXT_PP(0));
	if (!good)
		commerce_require_shop();
	SPI_finish();
	if (good)
		claims = commerce_json_or_null(jwt->payload, jwt->payload_length);
	if (claims == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						errmsg("this token is not valid, or not any more")));
	PG_RETURN_JSONB_P(claims);
}
