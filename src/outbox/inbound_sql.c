/*
 * inbound_sql.c: judging what comes in, as SQL asks it; and the secrets by which the shop and its providers know each other.
 *
 * A verdict is a word, never the reason in detail: who forges learns nothing from it that he could not see himself. What
 * is missing or NULL is malformed, so that no caller takes "unknown" for "valid".
 */
#include "base/pg.h"

#include <sodium.h>

#include "base/errors.h"
#include "outbox/signature.h"
#include "privacy/seal.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "mb/pg_wchar.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_judge_webhook);
PG_FUNCTION_INFO_V1(commerce_judge_stripe_signature);
PG_FUNCTION_INFO_V1(commerce_judge_provider_event);
PG_FUNCTION_INFO_V1(commerce_open_provider_secret);

#define MAX_SECRETS 10

/* Seconds between 1970 and 2000, where PostgreSQL's time begins. */
#define EPOCH_2000 ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* Returns a verdict's name. */
static const char *
verdict_name(WebhookVerdict verdict)
{
	switch (verdict)
	{
		case WEBHOOK_VALID: return "valid";
		case WEBHOOK_TOO_OLD: return "too_old";
		case WEBHOOK_TOO_NEW: return "too_new";
		case WEBHOOK_FORGED: return "forged";
		case WEBHOOK_MALFORMED: break;
	}
	return "malformed";
}

/* Returns an argument of type text as UTF-8, the encoding that was signed; NULL for NULL. */
static char *
utf8_argument(FunctionCallInfo fcinfo, int n)
{
	char *string;

	if (PG_ARGISNULL(n))
		return NULL;
	string = text_to_cstring(PG_GETARG_TEXT_PP(n));
	return pg_server_to_any(string, (int) strlen(string), PG_UTF8);
}

/* Returns the time to judge by, in seconds since 1970. */
static int64
time_argument(FunctionCallInfo fcinfo, int n)
{
	TimestampTz at;

	if (PG_ARGISNULL(n))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("at must not be null")));
	at = PG_GETARG_TIMESTAMPTZ(n);
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("at must be finite")));
	return at / USECS_PER_SEC + EPOCH_2000;
}

/* Finds a header by its name in any case; NULL where it is missing or no string. */
static char *
find_header(Jsonb *headers, const char *name)
{
	JsonbIterator *iterator = JsonbIteratorInit(&headers->root);
	JsonbIteratorToken token;
	JsonbValue value;
	bool wanted = false;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			wanted = value.val.string.len == (int) strlen(name) &&
					 pg_strncasecmp(value.val.string.val, name, strlen(name)) == 0;
		else if (token == WJB_VALUE && wanted && value.type == jbvString)
			return pnstrdup(value.val.string.val, value.val.string.len);
	}
	return NULL;
}

/* Refuses headers that are no object. */
static Jsonb *
headers_argument(FunctionCallInfo fcinfo, int n)
{
	Jsonb *headers;

	if (PG_ARGISNULL(n))
		return NULL;
	headers = PG_GETARG_JSONB_P(n);
	if (!JB_ROOT_IS_OBJECT(headers))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("headers must be a JSON object"),
						errhint("Pass the request's headers: {\"webhook-id\": \"…\", …}.")));
	return headers;
}

/* Reads a time as a header has it: digits and nothing else. */
static bool
read_timestamp(const char *text, int64 *seconds)
{
	size_t length = strlen(text);

	if (length == 0 || length > 12 || strspn(text, "0123456789") != length)
		return false;
	*seconds = strtoll(text, NULL, 10);
	return true;
}

/* Judges a message in the manner of Standard Webhooks. */
static WebhookVerdict
judge_standard(const char *body, Jsonb *headers, const WebhookSecret *secrets, int count, int64 now)
{
	WebhookMessage message = {.body = body};
	const char *timestamp;
	const char *signature;

	if (body == NULL || headers == NULL)
		return WEBHOOK_MALFORMED;
	message.id = find_header(headers, "webhook-id");
	timestamp = find_header(headers, "webhook-timestamp");
	signature = find_header(headers, "webhook-signature");
	message.length = strlen(body);
	if (message.id == NULL || timestamp == NULL || signature == NULL ||
		!read_timestamp(timestamp, &message.timestamp))
		return WEBHOOK_MALFORMED;
	return commerce_webhook_verify(&message, signature, secrets, count, now);
}

/* Raises the error of a secret that is none; it is not shown. */
static void
refuse_secret(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this is no secret of webhooks"),
					errhint("Write whsec_ and 24 to 64 bytes in base64, or a key whpk_ of Ed25519.")));
}

/* judge_webhook(body, headers, secrets, at) */
Datum
commerce_judge_webhook(PG_FUNCTION_ARGS)
{
	Jsonb *headers = headers_argument(fcinfo, 1);
	int64 now = time_argument(fcinfo, 3);
	WebhookSecret secrets[MAX_SECRETS];
	WebhookVerdict verdict;
	Datum *texts;
	bool *nulls;
	int count = 0;

	if (!PG_ARGISNULL(2))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
	if (count < 1 || count > MAX_SECRETS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there must be from 1 to %d secrets", MAX_SECRETS)));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i] || !commerce_webhook_secret_parse(TextDatumGetCString(texts[i]), &secrets[i]))
			refuse_secret();
	}
	verdict = judge_standard(utf8_argument(fcinfo, 0), headers, secrets, count, now);
	sodium_memzero(secrets, sizeof(secrets));
	PG_RETURN_TEXT_P(cstring_to_text(verdict_name(verdict)));
}

/* judge_stripe_signature(body, header, secret, at) */
Datum
commerce_judge_stripe_signature(PG_FUNCTION_ARGS)
{
	char *body = utf8_argument(fcinfo, 0);
	char *header = utf8_argument(fcinfo, 1);
	char *secret = utf8_argument(fcinfo, 2);
	int64 now = time_argument(fcinfo, 3);
	WebhookVerdict verdict = WEBHOOK_MALFORMED;

	/* Whoever signs with nothing signs what everybody can. */
	if (secret == NULL || secret[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("secret must not be empty")));
	if (body != NULL && header != NULL)
		verdict = commerce_stripe_verify(body, strlen(body), header, secret, now);
	PG_RETURN_TEXT_P(cstring_to_text(verdict_name(verdict)));
}

/* Opens a secret of a provider; CM040 where it does not open. */
static char *
open_secret(const bytea *sealed, const char *field, const pg_uuid_t *provider)
{
	char *secret = commerce_open_secret(sealed, field, provider);

	if (secret == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SEALED_UNREADABLE), errmsg("the secret of the provider cannot be opened"),
				 errhint("Give it anew with commerce.update_provider().")));
	return secret;
}

/* judge_provider_event(signature, body, headers, secret, provider, at) judges by a sealed secret, which nobody sees. */
Datum
commerce_judge_provider_event(PG_FUNCTION_ARGS)
{
	const char *manner = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *body = utf8_argument(fcinfo, 1);
	Jsonb *headers = headers_argument(fcinfo, 2);
	bytea *sealed = PG_GETARG_BYTEA_PP(3);
	pg_uuid_t *provider = PG_GETARG_UUID_P(4);
	int64 now = time_argument(fcinfo, 5);
	WebhookVerdict verdict = WEBHOOK_MALFORMED;
	char *secret;

	SPI_connect();
	secret = open_secret(sealed, "secret:provider_webhook", provider);
	if (strcmp(manner, "stripe") == 0)
	{
		const char *header = find_header(headers, "stripe-signature");

		if (header != NULL)
			verdict = commerce_stripe_verify(body, strlen(body), header, secret, now);
	}
	else
	{
		WebhookSecret parsed;

		if (!commerce_webhook_secret_parse(secret, &parsed))
			refuse_secret();
		verdict = judge_standard(body, headers, &parsed, 1, now);
		sodium_memzero(&parsed, sizeof(parsed));
	}
	sodium_memzero(secret, strlen(secret));
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text(verdict_name(verdict)));
}

/* open_provider_secret(value, provider) is what whoever sends a call says of himself. */
Datum
commerce_open_provider_secret(PG_FUNCTION_ARGS)
{
	char *secret;
	text *result;

	SPI_connect();
	secret = open_secret(PG_GETARG_BYTEA_PP(0), "secret:provider", PG_GETARG_UUID_P(1));
	result = (text *) SPI_palloc(VARHDRSZ + strlen(secret));
	SET_VARSIZE(result, VARHDRSZ + strlen(secret));
	memcpy(VARDATA(result), secret, strlen(secret));
	sodium_memzero(secret, strlen(secret));
	SPI_finish();
	PG_RETURN_TEXT_P(result);
}
