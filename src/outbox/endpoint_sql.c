/*
 * endpoint_sql.c: what SQL asks about URLs and secrets of endpoints.
 *
 * No message here repeats what it is about: a URL may hold a token, and a secret is one.
 */
#include "base/pg.h"

#include <sodium.h>

#include "base/errors.h"
#include "outbox/signature.h"
#include "outbox/target.h"

PG_FUNCTION_INFO_V1(commerce_check_endpoint_url);
PG_FUNCTION_INFO_V1(commerce_make_webhook_secret);
PG_FUNCTION_INFO_V1(commerce_webhook_public_key);

/* Refuses a URL. */
pg_noreturn static void
refuse_url(const char *why, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("events cannot be sent to this URL: %s", why), errhint("%s", hint)));
	pg_unreachable();
}

/* check_endpoint_url(url) refuses what events are not sent to; what a name resolves to is checked when it is sent to. */
Datum
commerce_check_endpoint_url(PG_FUNCTION_ARGS)
{
	const char *hint = "Write for instance https://shop.example/hook.";
	const char *why = NULL;
	char *given;
	Url url;

	if (PG_ARGISNULL(0))
		refuse_url("there is none", hint);
	given = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (!commerce_url_parse(given, &url, &why) || (why = commerce_target_refused(&url, &hint)) != NULL)
		refuse_url(why, hint);
	PG_RETURN_VOID();
}

/* Reads the name of a kind of signature. */
static WebhookScheme
scheme_of(text *name)
{
	return strcmp(text_to_cstring(name), "v1a") == 0 ? WEBHOOK_V1A : WEBHOOK_V1;
}

/* Gets libsodium ready. */
static void
require_sodium(void)
{
	if (sodium_init() < 0)
		ereport(ERROR, (errcode(ERRCODE_KEY_UNAVAILABLE), errmsg("libsodium could not be initialized")));
}

/* make_webhook_secret(signature) makes a secret to sign with. */
Datum
commerce_make_webhook_secret(PG_FUNCTION_ARGS)
{
	char printed[WEBHOOK_SECRET_TEXT];
	WebhookSecret secret;
	text *result;

	require_sodium();
	commerce_webhook_secret_make(&secret, scheme_of(PG_GETARG_TEXT_PP(0)));
	commerce_webhook_secret_print(&secret, printed);
	result = cstring_to_text(printed);
	sodium_memzero(&secret, sizeof(secret));
	sodium_memzero(printed, sizeof(printed));
	PG_RETURN_TEXT_P(result);
}

/* webhook_public_key(secret, signature) is what a receiver verifies by; NULL where that is the secret itself. */
Datum
commerce_webhook_public_key(PG_FUNCTION_ARGS)
{
	WebhookScheme scheme = scheme_of(PG_GETARG_TEXT_PP(1));
	char printed[WEBHOOK_SECRET_TEXT];
	WebhookSecret secret;
	bool is_public;

	require_sodium();
	if (!commerce_webhook_secret_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)), &secret) ||
		secret.scheme != scheme)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("this is no secret of signature %s", scheme == WEBHOOK_V1 ? "v1" : "v1a"),
			 errhint(
				 "Leave secret out to have one made: whsec_ and 24 to 64 bytes in base64 for v1, whsk_ and "
				 "an Ed25519 key for v1a.")));
	is_public = commerce_webhook_public_print(&secret, printed);
	sodium_memzero(&secret, sizeof(secret));
	if (!is_public)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(printed));
}
