/*
 * base_url_sql.c: what the URLs of a provider's calls begin with.
 */
#include "base/pg.h"

#include "outbox/url.h"

PG_FUNCTION_INFO_V1(commerce_check_base_url);

/* Returns whether a host is this machine itself, by name or address. */
static bool
is_loopback(const Url *url)
{
	uint8_t bytes[16];
	size_t length;

	if (!commerce_url_address(url, bytes, &length))
		return strcmp(url->host, "localhost") == 0;
	return length == 4 ? bytes[0] == 127 : strcmp(url->host, "::1") == 0;
}

/* check_base_url(url) refuses what calls are not sent to, without repeating it. */
Datum
commerce_check_base_url(PG_FUNCTION_ARGS)
{
	const char *given = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *why = NULL;
	size_t length = strlen(given);
	Url url;

	if (commerce_url_parse(given, &url, &why))
	{
		if (!url.tls && !is_loopback(&url))
			why = "it is not https, and not this machine";
		else if (strchr(given, '?') != NULL)
			why = "it has a query";
		else if (given[length - 1] == '/')
			why = "it ends with a slash";
		else
			PG_RETURN_VOID();
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("calls are not sent to this base_url: %s", why ? why : "it is no URL"),
					errhint("Write for instance https://api.stripe.com.")));
}
