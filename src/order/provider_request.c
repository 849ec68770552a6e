/*
 * provider_request.c: a call as it is sent.
 *
 * {secret} in a header stands for the provider's secret, which is put in here: it is in no statement, no error and no
 * table in the clear. It is wiped when the request is over, as libcurl's copy is.
 */
#include "order/provider_request.h"

#include <sodium.h>

#include "base/errors.h"
#include "privacy/seal.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "mb/pg_wchar.h"
#pragma GCC diagnostic pop

/* Writes a header, with the secret where it belongs. */
static char *
write_header(const char *name, const char *value, const char *secret)
{
	static const char place[] = "{secret}";
	StringInfoData header;
	const char *found;

	initStringInfo(&header);
	/* As many bytes as it may come to, so that none is left behind where the text moves. */
	enlargeStringInfo(&header, (int) (strlen(name) + strlen(value) +
									  strlen(value) / strlen(place) * strlen(secret) + sizeof(": ")));
	if (value[0] == '\0')
		appendStringInfo(&header, "%s;", name); /* how libcurl is told of an empty one */
	else
		appendStringInfo(&header, "%s: ", name);
	while ((found = strstr(value, place)) != NULL)
	{
		appendBinaryStringInfo(&header, value, (int) (found - value));
		appendStringInfoString(&header, secret);
		value = found + strlen(place);
	}
	appendStringInfoString(&header, value);
	return header.data;
}

/* Writes all headers. */
static const char **
write_headers(const Jsonb *object, const char *secret)
{
	const char **headers = palloc0(sizeof(char *) * (JB_ROOT_COUNT(object) + 1));
	JsonbIterator *iterator = JsonbIteratorInit((JsonbContainer *) &object->root);
	JsonbIteratorToken token;
	JsonbValue value;
	char *name = NULL;
	int count = 0;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE && value.type == jbvString)
			headers[count++] =
				write_header(name, pnstrdup(value.val.string.val, value.val.string.len), secret);
	}
	return headers;
}

/* Fills in headers and body of a request. */
void
commerce_write_provider_request(HttpRequest *request, const ProviderRequest *from)
{
	char *secret = NULL;

	request->body = pg_server_to_any(from->body, (int) strlen(from->body), PG_UTF8);
	request->length = strlen(request->body);
	if (from->secret != NULL)
	{
		secret = commerce_open_secret(from->secret, "secret:provider", &from->provider);
		if (secret == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_SEALED_UNREADABLE), errmsg("the provider's secret cannot be opened")));
	}
	request->headers = write_headers(from->headers, secret ? secret : "");
	if (secret != NULL)
		sodium_memzero(secret, strlen(secret));
}

/* Wipes what of a request holds the secret. */
void
commerce_wipe_provider_request(HttpRequest *request)
{
	if (request->headers == NULL)
		return;
	for (const char *const *header = request->headers; *header != NULL; header++)
		sodium_memzero((char *) *header, strlen(*header));
	request->headers = NULL;
}
