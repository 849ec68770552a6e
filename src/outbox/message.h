/*
 * message.h: an event as an endpoint is sent it: Standard Webhooks.
 */
#ifndef COMMERCE_OUTBOX_MESSAGE_H
#define COMMERCE_OUTBOX_MESSAGE_H

#include "base/pg.h"

#include "outbox/http.h"

/* What goes into a message beside its body. */
typedef struct MessageSeals
{
	const pg_uuid_t *endpoint;
	const pg_uuid_t *event;
	const bytea *secret;
	const bytea *previous; /* a secret that signs, too; NULL for none */
	const bytea *headers;  /* a JSON object; NULL for none */
} MessageSeals;

/*
 * Fills in headers and body of a request, in the current memory context, signed as of now; false where a secret does not
 * open. CM041 without a key. Needs an SPI connection.
 */
extern bool commerce_message_build(HttpRequest *request, const char *body, const MessageSeals *seals);

#endif
