/*
 * provider_request.h: a call as it is sent, with the provider's secret in it.
 */
#ifndef COMMERCE_ORDER_PROVIDER_REQUEST_H
#define COMMERCE_ORDER_PROVIDER_REQUEST_H

#include "base/pg.h"

#include "outbox/http.h"

/* What a request is written from. */
typedef struct ProviderRequest
{
	pg_uuid_t provider;
	const bytea *secret; /* NULL for none */
	const Jsonb *headers;
	const char *body; /* in the database's encoding */
} ProviderRequest;

/*
 * Fills in headers and body of a request, in the current memory context. CM040 where the secret does not open, CM041
 * without a key. Needs an SPI connection.
 */
extern void commerce_write_provider_request(HttpRequest *request, const ProviderRequest *from);

/* Wipes what of it holds the secret; may be called again. */
extern void commerce_wipe_provider_request(HttpRequest *request);

#endif
