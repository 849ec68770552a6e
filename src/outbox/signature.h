/*
 * signature.h: signing what is sent and judging what comes in: Standard Webhooks, and Stripe's way. Pure.
 */
#ifndef COMMERCE_OUTBOX_SIGNATURE_H
#define COMMERCE_OUTBOX_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far from now, in seconds, the time of a message that comes in may lie. */
#define WEBHOOK_TOLERANCE 300

/* A secret as text, the longest there is, its NUL included; and the longest signature. */
#define WEBHOOK_SECRET_TEXT 128
#define WEBHOOK_SIGNATURE_TEXT 128

typedef enum WebhookScheme
{
	WEBHOOK_V1,        /* HMAC-SHA256; whsec_ and 24 to 64 bytes in base64 */
	WEBHOOK_V1A,       /* Ed25519, to sign with; whsk_ */
	WEBHOOK_V1A_PUBLIC /* Ed25519, to verify with; whpk_ */
} WebhookScheme;

typedef struct WebhookSecret
{
	WebhookScheme scheme;
	size_t length;
	uint8_t bytes[64];
} WebhookSecret;

typedef struct WebhookMessage
{
	const char *id;
	int64_t timestamp; /* seconds since 1970 */
	const char *body;
	size_t length;
} WebhookMessage;

typedef enum WebhookVerdict
{
	WEBHOOK_VALID,
	WEBHOOK_MALFORMED,
	WEBHOOK_TOO_OLD,
	WEBHOOK_TOO_NEW,
	WEBHOOK_FORGED,
} WebhookVerdict;

/* Makes a secret to sign with; the caller has libsodium initialised. */
extern void commerce_webhook_secret_make(WebhookSecret *secret, WebhookScheme scheme);

/* Between a secret and its text; the public text of a secret of Ed25519, for those who verify. */
extern bool commerce_webhook_secret_parse(const char *text, WebhookSecret *secret);
extern void commerce_webhook_secret_print(const WebhookSecret *secret, char text[WEBHOOK_SECRET_TEXT]);
extern bool commerce_webhook_public_print(const WebhookSecret *secret, char text[WEBHOOK_SECRET_TEXT]);

/* Signs: "v1,…" or "v1a,…", as it stands in the header webhook-signature; several are divided by a blank. */
extern void commerce_webhook_sign(const WebhookMessage *message, const WebhookSecret *secret,
								  char signature[WEBHOOK_SIGNATURE_TEXT]);

/* Judges the header webhook-signature of a message by any of several secrets. */
extern WebhookVerdict commerce_webhook_verify(const WebhookMessage *message, const char *header,
											  const WebhookSecret *secrets, int count, int64_t now);

/* Judges the header Stripe-Signature of a body; the secret is what Stripe calls it, whsec_ and all. */
extern WebhookVerdict commerce_stripe_verify(const char *body, size_t length, const char *header,
											 const char *secret, int64_t now);

#endif
