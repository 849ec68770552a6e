/*
 * base_url_sql.c: what the URLs of a provider's calls begin with.
 */
#include "base/pg.h"

#include "outbox/target.h"

PG_FUNCTION_INFO_V1(commerce_check_base_url);

/* check_base_url(url) refuses what calls are not sent to, without repeating it. */
Datum
commerce_check_base_url(PG_FUNCTION_ARGS)
{
	const char *given = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *hint = "Write for instance https://api.stripe.com.";
	const char *why = NULL;
	size_t length = strlen(given);
	Url url;

	if (commerce_url_parse(given, &url, &why))
	{
		if (strchr(given, '?') != NULL)
			why = "it has a query";
		else if (given[length - 1] == '/')
			why = "it ends with a slash";
		else if ((why = commerce_target_refused(&url, &hint)) == NULL)
			PG_RETURN_VOID();
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("calls are not sent to this base_url: %s", why ? why : "it is no URL"),
					errhint("%s", hint)));
}
