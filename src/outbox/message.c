/*
 * message.c: an event as an endpoint is sent it.
 *
 * The body is UTF-8 whatever the database's encoding, and the bytes that are signed are the bytes that are sent. Of one
 * event it is always the same; the time of sending, and so the signature, is each attempt's own.
 */
#include "outbox/message.h"

#include <sodium.h>
#include <time.h>

#include "base/errors.h"
#include "outbox/signature.h"
#include "privacy/seal.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* Headers of the endpoint, those of every request, and the end of the list. */
#define MAX_HEADERS (20 + 4 + 1)

/* Adds a sealed secret's signature to those there are; false where it does not open. */
static bool
add_signature(StringInfo signatures, const WebhookMessage *message, const bytea *sealed,
			  const pg_uuid_t *endpoint)
{
	char signature[WEBHOOK_SIGNATURE_TEXT];
	char *text = commerce_open_secret(sealed, "secret:endpoint", endpoint);
	WebhookSecret secret;
	bool good;

	if (text == NULL)
		return false;
	good = commerce_webhook_secret_parse(text, &secret);
	sodium_memzero(text, strlen(text));
	if (good)
	{
		commerce_webhook_sign(message, &secret, signature);
		appendStringInfo(signatures, "%s%s", signatures->len > 0 ? " " : "", signature);
	}
	sodium_memzero(&secret, sizeof(secret));
	return good;
}

/* Adds the endpoint's own headers; returns how many, -1 where they do not open. */
static int
add_own_headers(const char **headers, const MessageSeals *seals)
{
	char *text = commerce_open_secret(seals->headers, "secret:endpoint_headers", seals->endpoint);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	Jsonb *object;
	char *name = NULL;
	int count = 0;

	if (text == NULL)
		return -1;
	object = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	sodium_memzero(text, strlen(text));
	iterator = JsonbIteratorInit(&object->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE && name != NULL && value.type == jbvString && count < 20)
			headers[count++] = value.val.string.len == 0
								   ? psprintf("%s;", name) /* how libcurl is told of an empty one */
								   : psprintf("%s: %.*s", name, value.val.string.len, value.val.string.val);
	}
	sodium_memzero(object, VARSIZE(object));
	return count;
}

/* Fills in headers and body of a request. */
bool
commerce_message_build(HttpRequest *request, const char *body, const MessageSeals *seals)
{
	const char **headers = palloc0(sizeof(char *) * MAX_HEADERS);
	StringInfoData signatures;
	WebhookMessage message = {
		.id = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(seals->event))),
		.timestamp = (int64_t) time(NULL),
		.body = pg_server_to_any(body, (int) strlen(body), PG_UTF8),
	};
	int own = 0;

	if (sodium_init() < 0)
		ereport(ERROR, (errcode(ERRCODE_KEY_UNAVAILABLE), errmsg("libsodium could not be initialized")));
	message.length = strlen(message.body);
	initStringInfo(&signatures);
	if (!add_signature(&signatures, &message, seals->secret, seals->endpoint) ||
		(seals->previous != NULL &&
		 !add_signature(&signatures, &message, seals->previous, seals->endpoint)) ||
		(seals->headers != NULL && (own = add_own_headers(headers, seals)) < 0))
		return false;
	headers[own++] = "content-type: application/json";
	headers[own++] = psprintf("webhook-id: %s", message.id);
	headers[own++] = psprintf("webhook-timestamp: " INT64_FORMAT, message.timestamp);
	headers[own++] = psprintf("webhook-signature: %s", signatures.data);
	request->headers = headers;
	request->body = message.body;
	request->length = message.length;
	return true;
}
