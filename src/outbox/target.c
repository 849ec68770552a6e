/*
 * target.c: https to the open internet, and what a superuser allows beside it.
 */
#include "base/pg.h"

#include "outbox/target.h"

#include "base/settings.h"
#include "outbox/address.h"

/* Refuses an address that nothing may be sent to, and http to what is not named by a superuser. */
const char *
commerce_target_refused(const Url *url, const char **hint)
{
	static const CidrList none = {.count = 0};
	CidrList allowed;
	uint8_t bytes[IPV6_BYTES];
	size_t length;
	bool is_address = commerce_url_address(url, bytes, &length);

	if (!commerce_cidr_parse(commerce_allow_private_endpoints, &allowed))
		allowed.count = 0;
	if (is_address && !commerce_address_allowed(bytes, length, &allowed))
	{
		*hint = "A superuser may allow it by commerce.allow_private_endpoints.";
		return "its address is not one of the open internet";
	}
	if (!url->tls && (!is_address || commerce_address_allowed(bytes, length, &none)))
	{
		*hint = "http will do only for an address in commerce.allow_private_endpoints.";
		return "it is not https";
	}
	return NULL;
}
