/*
 * signature.c: signing what is sent and judging what comes in.
 *
 * What is signed is the id, the time and the body with dots between them, byte for byte as they are sent. A message is
 * valid where any of its signatures is right by any of the secrets, so that secrets can be changed while messages are
 * under way; every one is tried, in the same time whatever is wrong. Signatures of versions that are not known are passed
 * over. Its time is looked at first: an old message with a right signature is a replay.
 */
#include "outbox/signature.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE64 sodium_base64_VARIANT_ORIGINAL
#define MIN_SECRET 24
#define MAX_SECRET 64
#define MAX_HEADER 4096

_Static_assert(crypto_sign_SECRETKEYBYTES == MAX_SECRET, "an Ed25519 key fits a secret");

static const struct
{
	const char *prefix;
	size_t shortest;
	size_t longest;
} forms[] = {
	[WEBHOOK_V1] = {"whsec_", MIN_SECRET, MAX_SECRET},
	[WEBHOOK_V1A] = {"whsk_", crypto_sign_SECRETKEYBYTES, crypto_sign_SECRETKEYBYTES},
	[WEBHOOK_V1A_PUBLIC] = {"whpk_", crypto_sign_PUBLICKEYBYTES, crypto_sign_PUBLICKEYBYTES},
};

/* Returns whether a text is ASCII: libsodium takes other bytes for letters of base64. */
static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char) *text >= 0x80)
			return false;
	return true;
}

/* Makes a secret to sign with. */
void
commerce_webhook_secret_make(WebhookSecret *secret, WebhookScheme scheme)
{
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES];

	memset(secret, 0, sizeof(*secret));
	secret->scheme = scheme;
	secret->length = scheme == WEBHOOK_V1 ? 32 : crypto_sign_SECRETKEYBYTES;
	if (scheme == WEBHOOK_V1)
		randombytes_buf(secret->bytes, secret->length);
	else
		crypto_sign_keypair(public_key, secret->bytes);
}

/* Reads a secret's text. */
bool
commerce_webhook_secret_parse(const char *text, WebhookSecret *secret)
{
	for (int scheme = WEBHOOK_V1; scheme <= WEBHOOK_V1A_PUBLIC; scheme++)
	{
		size_t prefix = strlen(forms[scheme].prefix);

		if (strncmp(text, forms[scheme].prefix, prefix) != 0)
			continue;
		memset(secret, 0, sizeof(*secret));
		secret->scheme = (WebhookScheme) scheme;
		return strlen(text) < WEBHOOK_SECRET_TEXT && is_ascii(text) &&
			   sodium_base642bin(secret->bytes, sizeof(secret->bytes), text + prefix, strlen(text + prefix),
								 NULL, &secret->length, NULL, BASE64) == 0 &&
			   secret->length >= forms[scheme].shortest && secret->length <= forms[scheme].longest;
	}
	return false;
}

/* Writes bytes as the text of a scheme. */
static void
print_as(WebhookScheme scheme, const uint8_t *bytes, size_t length, char text[WEBHOOK_SECRET_TEXT])
{
	size_t prefix = strlen(forms[scheme].prefix);

	memcpy(text, forms[scheme].prefix, prefix);
	sodium_bin2base64(text + prefix, WEBHOOK_SECRET_TEXT - prefix, bytes, length, BASE64);
}

/* Writes a secret's text. */
void
commerce_webhook_secret_print(const WebhookSecret *secret, char text[WEBHOOK_SECRET_TEXT])
{
	print_as(secret->scheme, secret->bytes, secret->length, text);
}

/* Writes the public key of a secret of Ed25519. */
bool
commerce_webhook_public_print(const WebhookSecret *secret, char text[WEBHOOK_SECRET_TEXT])
{
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES];

	if (secret->scheme != WEBHOOK_V1A)
		return false;
	crypto_sign_ed25519_sk_to_pk(public_key, secret->bytes);
	print_as(WEBHOOK_V1A_PUBLIC, public_key, sizeof(public_key), text);
	return true;
}

/* Writes what comes before the body in what is signed; returns its length. */
static size_t
preamble(const WebhookMessage *message, char *text, size_t room)
{
	int length = snprintf(text, room, "%s.%" PRId64 ".", message->id, message->timestamp);

	return length < 0 || (size_t) length >= room ? 0 : (size_t) length;
}

/* Computes the HMAC of up to two parts. */
static void
hmac(const uint8_t *key, size_t key_length, const char *first, size_t first_length, const char *second,
	 size_t second_length, uint8_t mac[crypto_auth_hmacsha256_BYTES])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, key_length);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *) first, first_length);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *) second, second_length);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_memzero(&state, sizeof(state));
}

#define MAX_PREAMBLE 1024

/*
 * Ed25519 signs what it can read twice, so the parts are put together; libsodium's way of signing in parts is another
 * signature, Ed25519ph. Returns memory to be freed, NULL where there is none.
 */
static char *
joined(const WebhookMessage *message, size_t *length)
{
	char head[MAX_PREAMBLE];
	size_t head_length = preamble(message, head, sizeof(head));
	char *all = malloc(head_length + message->length + 1);

	if (all == NULL)
		return NULL;
	memcpy(all, head, head_length);
	memcpy(all + head_length, message->body, message->length);
	*length = head_length + message->length;
	return all;
}

/* Signs a message. */
void
commerce_webhook_sign(const WebhookMessage *message, const WebhookSecret *secret,
					  char signature[WEBHOOK_SIGNATURE_TEXT])
{
	uint8_t bytes[crypto_sign_BYTES];
	size_t size;

	signature[0] = '\0';
	if (secret->scheme == WEBHOOK_V1)
	{
		char head[MAX_PREAMBLE];
		size_t length = preamble(message, head, sizeof(head));

		hmac(secret->bytes, secret->length, head, length, message->body, message->length, bytes);
		size = crypto_auth_hmacsha256_BYTES;
		strcpy(signature, "v1,");
	}
	else
	{
		size_t length;
		char *all = secret->scheme == WEBHOOK_V1A ? joined(message, &length) : NULL;

		if (all == NULL)
			return;
		crypto_sign_detached(bytes, NULL, (const uint8_t *) all, length, secret->bytes);
		free(all);
		size = crypto_sign_BYTES;
		strcpy(signature, "v1a,");
	}
	sodium_bin2base64(signature + strlen(signature), WEBHOOK_SIGNATURE_TEXT - strlen(signature), bytes, size,
					  BASE64);
}

/* Judges one signature of the header by one secret. */
static bool
is_right(const WebhookMessage *message, const char *text, size_t length, const WebhookSecret *secret)
{
	const char *version = secret->scheme == WEBHOOK_V1 ? "v1," : "v1a,";
	size_t expected = secret->scheme == WEBHOOK_V1 ? crypto_auth_hmacsha256_BYTES : crypto_sign_BYTES;
	uint8_t given[crypto_sign_BYTES];
	size_t size;

	if (length < strlen(version) || strncmp(text, version, strlen(version)) != 0 ||
		sodium_base642bin(given, sizeof(given), text + strlen(version), length - strlen(version), NULL, &size,
						  NULL, BASE64) != 0 ||
		size != expected)
		return false;
	if (secret->scheme == WEBHOOK_V1)
	{
		char head[MAX_PREAMBLE];
		uint8_t mac[crypto_auth_hmacsha256_BYTES];
		size_t head_length = preamble(message, head, sizeof(head));

		hmac(secret->bytes, secret->length, head, head_length, message->body, message->length, mac);
		return head_length > 0 && sodium_memcmp(mac, given, sizeof(mac)) == 0;
	}
	else
	{
		const uint8_t *key = secret->scheme == WEBHOOK_V1A
								 ? secret->bytes + crypto_sign_SECRETKEYBYTES - crypto_sign_PUBLICKEYBYTES
								 : secret->bytes;
		size_t all_length;
		char *all = joined(message, &all_length);
		bool right =
			all != NULL && crypto_sign_verify_detached(given, (const uint8_t *) all, all_length, key) == 0;

		free(all);
		return right;
	}
}

/* Judges the time of a message. */
static WebhookVerdict
judge_time(int64_t timestamp, int64_t now)
{
	if (timestamp < now - WEBHOOK_TOLERANCE)
		return WEBHOOK_TOO_OLD;
	return timestamp > now + WEBHOOK_TOLERANCE ? WEBHOOK_TOO_NEW : WEBHOOK_VALID;
}

/* Judges a message by its header. */
WebhookVerdict
commerce_webhook_verify(const WebhookMessage *message, const char *header, const WebhookSecret *secrets,
						int count, int64_t now)
{
	WebhookVerdict verdict = judge_time(message->timestamp, now);
	size_t room = strlen(header);
	bool valid = false;
	bool any = false;

	if (room > MAX_HEADER || !is_ascii(header) || message->id[0] == '\0' ||
		strlen(message->id) > MAX_PREAMBLE - 32)
		return WEBHOOK_MALFORMED;
	if (verdict != WEBHOOK_VALID)
		return verdict;
	while (*header != '\0')
	{
		size_t length = strcspn(header, " ");

		any = any || (length > 0 && memchr(header, ',', length) != NULL);
		for (int i = 0; i < count && length > 0; i++)
			valid |= is_right(message, header, length, &secrets[i]);
		header += length;
		header += strspn(header, " ");
	}
	return valid ? WEBHOOK_VALID : any ? WEBHOOK_FORGED : WEBHOOK_MALFORMED;
}

/* Reads seconds since 1970; false for anything else. */
static bool
read_seconds(const char *text, size_t length, int64_t *seconds)
{
	if (length == 0 || length > 12 || strspn(text, "0123456789") < length)
		return false;
	*seconds = 0;
	for (size_t i = 0; i < length; i++)
		*seconds = *seconds * 10 + (text[i] - '0');
	return true;
}

/* Judges a body by Stripe's header: t=1492774577,v1=5257a8…,v1=… */
WebhookVerdict
commerce_stripe_verify(const char *body, size_t length, const char *header, const char *secret, int64_t now)
{
	const char *time = NULL;
	size_t time_length = 0;
	int64_t timestamp = 0;
	WebhookVerdict verdict;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
	char head[32];
	bool valid = false;
	bool any = false;

	if (strlen(header) > MAX_HEADER)
		return WEBHOOK_MALFORMED;
	/* The time first, wherever it stands: every signature is made with it. */
	for (const char *at = header; *at != '\0'; at += strcspn(at, ","), at += *at == ',')
		if (strncmp(at, "t=", 2) == 0 && time == NULL)
		{
			time = at + 2;
			time_length = strcspn(time, ",");
		}
	if (time == NULL || !read_seconds(time, time_length, &timestamp))
		return WEBHOOK_MALFORMED;
	verdict = judge_time(timestamp, now);
	if (verdict != WEBHOOK_VALID)
		return verdict;
	snprintf(head, sizeof(head), "%.*s.", (int) time_length, time);
	hmac((const uint8_t *) secret, strlen(secret), head, strlen(head), body, length, mac);
	for (const char *at = header; *at != '\0'; at += strcspn(at, ","), at += *at == ',')
	{
		uint8_t given[crypto_auth_hmacsha256_BYTES];
		size_t size;

		if (strncmp(at, "v1=", 3) != 0)
			continue;
		any = true;
		valid |= sodium_hex2bin(given, sizeof(given), at + 3, strcspn(at + 3, ","), NULL, &size, NULL) == 0 &&
				 size == sizeof(given) && sodium_memcmp(mac, given, sizeof(mac)) == 0;
	}
	return valid ? WEBHOOK_VALID : any ? WEBHOOK_FORGED : WEBHOOK_MALFORMED;
}
