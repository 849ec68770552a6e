/*
 * url.h: the URLs that events are sent to, and no others. Pure.
 */
#ifndef COMMERCE_OUTBOX_URL_H
#define COMMERCE_OUTBOX_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_MAX 2048
#define URL_HOST_MAX 255

typedef struct Url
{
	bool tls;
	char host[URL_HOST_MAX + 1]; /* in lower case; of an IPv6 address without brackets */
	uint16_t port;
	const char *path; /* into the text: all from the first slash on; "" for none */
} Url;

/*
 * Reads a URL: http or https, a host by its name in ASCII or by an address in its one usual form, perhaps a port, perhaps
 * path and query. Where it is no such thing, *why says in a few words of ours what is wrong; the text itself may hold a
 * secret and is not for an error.
 */
extern bool commerce_url_parse(const char *text, Url *url, const char **why);

/* Returns whether the host is an address, and which; *length is 4 or 16 then. */
extern bool commerce_url_address(const Url *url, uint8_t bytes[16], size_t *length);

#endif
