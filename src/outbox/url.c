/*
 * url.c: the URLs that events are sent to, and no others.
 *
 * Two programs that read one URL differently are how checks are got around, so this one reads little and refuses the
 * rest: no user or password, no blank, control character, backslash or letter beyond ASCII, no fragment, no host that
 * looks like a number without being an address in dotted form (0x7f.1, 2130706433, 127.1, 0177.0.0.1). What the name
 * resolves to is checked again when a connection is made.
 */
#include "outbox/url.h"

#include <arpa/inet.h>
#include <string.h>

/* Returns whether all characters are those of a URL: visible ASCII without what some read as something else. */
static bool
is_clean(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 127 || strchr("\\\"<>^`{|}#", *text) != NULL)
			return false;
	return true;
}

/* Reads the scheme; returns what follows it, NULL for another one. */
static const char *
read_scheme(const char *text, Url *url)
{
	static const char https[] = "https://";
	static const char http[] = "http://";

	url->tls = strncmp(text, https, strlen(https)) == 0;
	if (url->tls)
		return text + strlen(https);
	return strncmp(text, http, strlen(http)) == 0 ? text + strlen(http) : NULL;
}

/* Returns whether a name is one of DNS: labels of letters, digits, dashes and underscores, the last no number. */
static bool
is_name(const char *host)
{
	const char *last = strrchr(host, '.');
	size_t label = 0;

	last = last ? last + 1 : host;
	if (*last >= '0' && *last <= '9')
		return false;
	for (const char *at = host; *at != '\0'; at++)
	{
		if (*at == '.')
		{
			if (label == 0 || at[-1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '-' || *at == '_') ||
			(*at == '-' && label == 0) || ++label > 63)
			return false;
	}
	return label > 0 && host[strlen(host) - 1] != '-';
}

/* Reads the host; returns what follows it, NULL where it is none. */
static const char *
read_host(const char *text, Url *url)
{
	bool bracket = *text == '[';
	size_t length = bracket ? strcspn(text + 1, "]/") : strcspn(text, ":/?");
	const char *begin = bracket ? text + 1 : text;
	uint8_t bytes[16];

	if (length == 0 || length > URL_HOST_MAX || (bracket && begin[length] != ']'))
		return NULL;
	for (size_t i = 0; i < length; i++)
		url->host[i] = begin[i] >= 'A' && begin[i] <= 'Z' ? (char) (begin[i] + ('a' - 'A')) : begin[i];
	url->host[length] = '\0';
	if (bracket ? inet_pton(AF_INET6, url->host, bytes) != 1
				: inet_pton(AF_INET, url->host, bytes) != 1 && !is_name(url->host))
		return NULL;
	return begin + length + (bracket ? 1 : 0);
}

/* Reads the port, if there is one; returns what follows it, NULL where it is none. */
static const char *
read_port(const char *text, Url *url)
{
	int port = 0;
	size_t digits;

	url->port = url->tls ? 443 : 80;
	if (*text != ':')
		return text;
	text++;
	digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 5)
		return NULL;
	for (size_t i = 0; i < digits; i++)
		port = port * 10 + (text[i] - '0');
	if (port < 1 || port > 65535)
		return NULL;
	url->port = (uint16_t) port;
	return text + digits;
}

/* Reads a URL. */
bool
commerce_url_parse(const char *text, Url *url, const char **why)
{
	const char *rest = text;

	*why = NULL;
	if (strlen(text) > URL_MAX)
		*why = "it is longer than 2048 bytes";
	else if (!is_clean(text))
		*why = "it holds a blank, a control character, a fragment or a character that is not ASCII";
	else if ((rest = read_scheme(text, url)) == NULL)
		*why = "it does not begin with https://";
	else if (memchr(rest, '@', strcspn(rest, "/?")) != NULL)
		*why = "it names a user";
	else if ((rest = read_host(rest, url)) == NULL)
		*why = "its host is neither a name nor an address in its usual form";
	else if ((rest = read_port(rest, url)) == NULL)
		*why = "its port is not a number from 1 to 65535";
	else if (*rest != '\0' && *rest != '/' && *rest != '?')
		*why = "something other than a path follows its host";
	else
		url->path = rest;
	return *why == NULL;
}

/* Reads the host as an address. */
bool
commerce_url_address(const Url *url, uint8_t bytes[16], size_t *length)
{
	if (inet_pton(AF_INET, url->host, bytes) == 1)
		*length = 4;
	else if (inet_pton(AF_INET6, url->host, bytes) == 1)
		*length = 16;
	else
		return false;
	return true;
}
