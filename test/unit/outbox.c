// sources: src/outbox/address.c src/outbox/retry.c src/outbox/signature.c src/outbox/url.c
// libs: -lsodium
/*
 * outbox.c: where to, when again, and signed by whom.
 */
#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outbox/address.h"
#include "outbox/retry.h"
#include "outbox/signature.h"
#include "outbox/url.h"

static int tests = 0;
static int failures = 0;
static uint64_t seed = 20261125;

/* Reports one test. */
static void
ok(bool holds, const char *what)
{
	printf("%s %d - %s\n", holds ? "ok" : "not ok", ++tests, what);
	failures += !holds;
}

/* Returns the next number of a fixed sequence, below a bound. */
static uint32_t
random_below(uint32_t bound)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t) ((seed >> 11) % bound);
}

/* Reads an address and asks whether it is allowed. */
static bool
allowed(const char *text, const CidrList *list)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		return commerce_address_allowed(bytes, 4, list);
	if (inet_pton(AF_INET6, text, bytes) == 1)
		return commerce_address_allowed(bytes, 16, list);
	printf("# %s is no address\n", text);
	exit(1);
}

static void
test_addresses(void)
{
	static const char *const open[] = {"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
		"126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
		"192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111",
		"2001:4860:4860::8888", "2001:200::1", "3ffe::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:0808:0808::1"};
	static const char *const closed[] = {"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0",
		"100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.0", "172.31.255.255",
		"192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
		"203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
		"::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1",
		"64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1",
		"2001:db8::1", "2002:7f00:0001::", "2002:0a00:0001::1", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1",
		"fd12:3456::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "2620:4f:8000::1"};
	static const CidrList none = {.count = 0};
	bool right = true;

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (!allowed(open[i], &none))
			right = false, printf("# %s is refused\n", open[i]);
	ok(right, "the open internet is allowed, up to the edges of what is not");
	right = true;
	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
		if (allowed(closed[i], &none))
			right = false, printf("# %s is allowed\n", closed[i]);
	ok(right, "nothing else is, whatever it is wrapped in");
	ok(!commerce_address_is_public((const uint8_t *) "\x08\x08\x08\x08\x08", 5), "an address of another length is none");
}

static void
test_lists(void)
{
	static const char *const wrong[] = {"10", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "fd00::/129", "localhost",
		"10.0.0.0/8;fd00::/8", "0x7f.1", "/8", "10.0.0.0/ 8"};
	CidrList list;
	char many[CIDR_MAX * 16 + 16] = "";
	bool right = true;

	ok(commerce_cidr_parse("", &list) && list.count == 0 && !allowed("127.0.0.1", &list), "an empty list allows nothing");
	ok(commerce_cidr_parse(" 127.0.0.1, 10.20.0.0/15 ,fd00::/8,", &list) && list.count == 3, "a list is read");
	ok(allowed("127.0.0.1", &list) && !allowed("127.0.0.2", &list) && allowed("10.21.255.255", &list) && !allowed("10.22.0.0", &list)
			&& allowed("fdff::1", &list) && !allowed("fe00::1", &list) && allowed("::ffff:127.0.0.1", &list) && allowed("1.1.1.1", &list),
		"it allows what lies in it, and the open internet");
	ok(commerce_cidr_parse("0.0.0.0/0", &list) && allowed("127.0.0.1", &list) && !allowed("::1", &list), "all of IPv4 is none of IPv6");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (commerce_cidr_parse(wrong[i], &list))
			right = false, printf("# %s is read\n", wrong[i]);
	ok(right, "what is no list is refused");
	for (int i = 0; i <= CIDR_MAX; i++)
		strcat(many, "10.0.0.1,");
	ok(!commerce_cidr_parse(many, &list), "so is a longer one than there is room for");
}

static void
test_urls(void)
{
	static const char *const wrong[] = {"", "https://", "ftp://a.example/", "HTTPS://a.example/", "//a.example", "https:/a.example",
		"https://user@a.example/", "https://user:secret@a.example/", "https://a.example:0/", "https://a.example:65536/",
		"https://a.example:/", "https://a.example:80x/", "https://a.example:99999999999/", "https://2130706433/", "https://0x7f.0.0.1/",
		"https://0177.0.0.1/", "https://127.1/", "https://127.0.0.1.5/", "https://1.2.3.4./", "https://[::1/", "https://[::1]x/", "https://[fe80::1%25eth0]/",
		"https://a..example/", "https://.example/", "https://a.example./", "https://-a.example/", "https://a-.example/", "https://a.example-/", "https://a b.example/",
		"https://a.example/\\evil", "https://a.example\\@127.0.0.1/", "https://a.example/\n", "https://a.example/#x", "https://b\xc3\xbc" "cher.example/",
		"https://a,b/", "https://a.0x7f/", "https://a.example/\x7f"};
	static const struct { const char *text, *host, *path; int port; bool tls; } right_ones[] = {
		{"https://a.example", "a.example", "", 443, true}, {"https://A.Example/x?y=1", "a.example", "/x?y=1", 443, true},
		{"http://a.example:8080/", "a.example", "/", 8080, false}, {"https://127.0.0.1/", "127.0.0.1", "/", 443, true},
		{"https://[FD00::1]:1/", "fd00::1", "/", 1, true}, {"http://localhost", "localhost", "", 80, false},
		{"https://xn--bcher-kva.example/p@q", "xn--bcher-kva.example", "/p@q", 443, true}, {"https://a_b.example?x=1", "a_b.example", "?x=1", 443, true},
	};
	char *longest = malloc(URL_MAX + 2);
	bool right = true;
	const char *why;
	Url url;
	uint8_t bytes[16];
	size_t length;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (commerce_url_parse(wrong[i], &url, &why) || why == NULL)
			right = false, printf("# read: %s\n", wrong[i]);
	ok(right, "what is no plain URL is refused, and why");
	right = true;
	for (size_t i = 0; i < sizeof(right_ones) / sizeof(right_ones[0]); i++)
		if (!commerce_url_parse(right_ones[i].text, &url, &why) || strcmp(url.host, right_ones[i].host) != 0
			|| strcmp(url.path, right_ones[i].path) != 0 || url.port != right_ones[i].port || url.tls != right_ones[i].tls)
			right = false, printf("# %s: %s\n", right_ones[i].text, why ? why : url.host);
	ok(right, "a plain one is read");
	memset(longest, 'a', URL_MAX + 1);
	longest[URL_MAX + 1] = '\0';
	memcpy(longest, "https://a.example/", 18);
	ok(!commerce_url_parse(longest, &url, &why), "one that is too long is refused");
	free(longest);
	ok(commerce_url_parse("https://[::ffff:10.0.0.1]/", &url, &why) && commerce_url_address(&url, bytes, &length) && length == 16
			&& !commerce_address_is_public(bytes, length) && commerce_url_parse("https://10.0.0.1/", &url, &why)
			&& commerce_url_address(&url, bytes, &length) && length == 4 && commerce_url_parse("https://a.example/", &url, &why)
			&& !commerce_url_address(&url, bytes, &length), "an address as host is known as such");
	right = true;
	for (int n = 0; n < 200000; n++)
	{
		char text[64] = "https://a.example:443/path?q";
		int flips = 1 + (int) random_below(4);

		for (int i = 0; i < flips; i++)
			text[random_below((uint32_t) strlen(text))] = (char) (1 + random_below(255));
		if (commerce_url_parse(text, &url, &why))
			right = right && strlen(url.host) > 0 && url.path >= text && url.path <= text + strlen(text);
	}
	ok(right, "200,000 mutations are read or refused");
}

static void
test_retries(void)
{
	static const int64_t seconds[] = {0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};
	static const struct { const char *value; int64_t seconds; } right_ones[] = {{"0", 0}, {"120", 120}, {"86400", 86400}, {"99999999999999999999", 86400},
		{"Sun, 06 Nov 1994 08:49:37 GMT", 37}, {"Sun, 06 Nov 1994 08:48:00 GMT", 0}, {"Mon, 07 Nov 1994 08:49:00 GMT", 86400}};
	static const char *const wrong[] = {"", "-1", "1.5", "12 ", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Xov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 28:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 anF 1994 08:49:37 GMT"};
	bool right = true;
	int64_t value;

	for (int attempt = 0; attempt < RETRY_ATTEMPTS; attempt++)
	{
		int64_t least = INT64_MAX;
		int64_t most = 0;

		for (int n = 0; n < 10000; n++)
		{
			int64_t delay = commerce_retry_delay(attempt, random_below(UINT32_MAX));

			least = delay < least ? delay : least;
			most = delay > most ? delay : most;
		}
		right = right && least >= seconds[attempt] * 800000 && most <= seconds[attempt] * 1200000
			&& (attempt == 0 || (least < seconds[attempt] * 801000 && most > seconds[attempt] * 1199000));
	}
	ok(right, "each attempt waits as the schedule says, a fifth more or less");
	ok(commerce_retry_delay(RETRY_ATTEMPTS, 1) == -1 && commerce_retry_delay(-1, 1) == -1, "and after the last there is none");
	right = true;
	for (size_t i = 0; i < sizeof(right_ones) / sizeof(right_ones[0]); i++)
		/* At 1994-11-06 08:49:00. */
		if (!commerce_retry_after(right_ones[i].value, 784111740, &value) || value != right_ones[i].seconds)
			right = false, printf("# %s: %lld\n", right_ones[i].value, (long long) value);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (commerce_retry_after(wrong[i], 784111740, &value))
			right = false, printf("# %s is read\n", wrong[i]);
	ok(right, "Retry-After is read, as seconds and as a date, up to a day");
}

/* The example of the Standard Webhooks' libraries. */
static const char example_body[] = "{\"test\": 2432232314}";
static const WebhookMessage example = {"msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, example_body, sizeof(example_body) - 1};

static void
test_signatures(void)
{
	WebhookSecret secret, other, asymmetric, public_key;
	char signature[WEBHOOK_SIGNATURE_TEXT], second[WEBHOOK_SIGNATURE_TEXT], text[WEBHOOK_SECRET_TEXT], header[400];
	WebhookSecret both[2];
	bool right = true;
	int forged = 0;

	ok(commerce_webhook_secret_parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &secret), "a secret is read");
	commerce_webhook_sign(&example, &secret, signature);
	ok(strcmp(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=") == 0, "the known message has the known signature");
	ok(commerce_webhook_verify(&example, signature, &secret, 1, 1614265330) == WEBHOOK_VALID, "and is valid");
	ok(commerce_webhook_verify(&example, signature, &secret, 1, 1614265330 + 301) == WEBHOOK_TOO_OLD
			&& commerce_webhook_verify(&example, signature, &secret, 1, 1614265330 - 301) == WEBHOOK_TOO_NEW
			&& commerce_webhook_verify(&example, signature, &secret, 1, 1614265330 + 300) == WEBHOOK_VALID, "for five minutes");
	commerce_webhook_secret_make(&other, WEBHOOK_V1);
	commerce_webhook_secret_make(&asymmetric, WEBHOOK_V1A);
	for (int i = 0; i < 3; i++)
	{
		const WebhookSecret *s = i == 0 ? &secret : i == 1 ? &other : &asymmetric;
		WebhookSecret again;

		commerce_webhook_secret_print(s, text);
		right = right && commerce_webhook_secret_parse(text, &again) && memcmp(&again, s, sizeof(again)) == 0;
	}
	right = right && commerce_webhook_public_print(&asymmetric, text) && commerce_webhook_secret_parse(text, &public_key)
		&& public_key.scheme == WEBHOOK_V1A_PUBLIC && !commerce_webhook_public_print(&secret, text);
	ok(right, "secrets are printed and read again");
	commerce_webhook_sign(&example, &asymmetric, second);
	ok(strncmp(second, "v1a,", 4) == 0 && commerce_webhook_verify(&example, second, &public_key, 1, 1614265330) == WEBHOOK_VALID
			&& commerce_webhook_verify(&example, second, &asymmetric, 1, 1614265330) == WEBHOOK_VALID
			&& commerce_webhook_verify(&example, second, &secret, 1, 1614265330) == WEBHOOK_FORGED, "Ed25519 is signed and verified");
	commerce_webhook_sign(&example, &public_key, text);
	ok(text[0] == '\0', "a public key signs nothing");
	snprintf(header, sizeof(header), "v7,abc  %s %s", second, signature);
	both[0] = other;
	both[1] = secret;
	ok(commerce_webhook_verify(&example, header, both, 2, 1614265330) == WEBHOOK_VALID
			&& commerce_webhook_verify(&example, header, &other, 1, 1614265330) == WEBHOOK_FORGED, "any signature by any secret makes it valid, none other");
	for (size_t bit = 0; bit < (sizeof(example_body) - 1) * 8; bit++)
	{
		char body[sizeof(example_body)];
		WebhookMessage changed = example;

		memcpy(body, example_body, sizeof(body));
		body[bit / 8] = (char) (body[bit / 8] ^ (1 << (bit % 8)));
		changed.body = body;
		forged += commerce_webhook_verify(&changed, header, both, 2, 1614265330) == WEBHOOK_VALID
			|| commerce_webhook_verify(&changed, second, &public_key, 1, 1614265330) == WEBHOOK_VALID;
	}
	for (size_t i = 3; i < strlen(signature); i++)
	{
		char changed[WEBHOOK_SIGNATURE_TEXT];

		strcpy(changed, signature);
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		forged += commerce_webhook_verify(&example, changed, &secret, 1, 1614265330) == WEBHOOK_VALID;
		changed[i] = '\0';
		forged += commerce_webhook_verify(&example, changed, &secret, 1, 1614265330) == WEBHOOK_VALID;
	}
	ok(forged == 0, "every changed bit of the body, every changed or shortened signature is refused");
	ok(commerce_webhook_verify(&example, "", &secret, 1, 1614265330) == WEBHOOK_MALFORMED
			&& commerce_webhook_verify(&example, "nonsense", &secret, 1, 1614265330) == WEBHOOK_MALFORMED
			&& commerce_webhook_verify(&example, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\x80", &secret, 1, 1614265330) == WEBHOOK_MALFORMED
			&& !commerce_webhook_secret_parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS\x80", &other) && !commerce_webhook_secret_parse("whsec_", &secret) && !commerce_webhook_secret_parse("whsec_QUJD", &secret)
			&& !commerce_webhook_secret_parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &secret) && !commerce_webhook_secret_parse("whsec_****", &secret)
			&& !commerce_webhook_secret_parse("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &secret), "what is no header and no secret is refused");
}

static void
test_stripe(void)
{
	static const char body[] = "{\"id\":\"evt_1\",\"object\":\"event\"}";
	static const char secret[] = "whsec_test_secret";
	static const char right[] = "0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd";
	const int64_t at = 1700000000;
	char header[300];

#define VERDICT(format, ...) (snprintf(header, sizeof(header), format, __VA_ARGS__), commerce_stripe_verify(body, sizeof(body) - 1, header, secret, at))
	ok(VERDICT("t=1700000000,v1=%s", right) == WEBHOOK_VALID && VERDICT("v0=x,v1=%s,t=1700000000", right) == WEBHOOK_VALID
			&& VERDICT("t=1700000000,v1=00,v1=%s", right) == WEBHOOK_VALID, "Stripe's header is valid, in whatever order, with others beside");
	ok(VERDICT("t=1699999699,v1=%s", right) == WEBHOOK_TOO_OLD && VERDICT("t=1700000301,v1=%s", right) == WEBHOOK_TOO_NEW
			&& VERDICT("t=1700000001,v1=%s", right) == WEBHOOK_FORGED, "its time is part of it");
	ok(VERDICT("v1=%s", right) == WEBHOOK_MALFORMED && VERDICT("t=,v1=%s", right) == WEBHOOK_MALFORMED && VERDICT("t=-5,v1=%s", right) == WEBHOOK_MALFORMED
			&& VERDICT("t=17000000000000,v1=%s", right) == WEBHOOK_MALFORMED && VERDICT("t=1700000000,v0=%s", right) == WEBHOOK_MALFORMED
			&& VERDICT("%s", "") == WEBHOOK_MALFORMED && VERDICT("t=1700000000,v1=%s00", right) == WEBHOOK_FORGED
			&& VERDICT("t=1700000000,v1=%.62s", right) == WEBHOOK_FORGED, "what is incomplete is refused");
	snprintf(header, sizeof(header), "t=1700000000,v1=%s", right);
	ok(commerce_stripe_verify(body, sizeof(body) - 2, header, secret, at) == WEBHOOK_FORGED
			&& commerce_stripe_verify(body, sizeof(body) - 1, header, "whsec_other", at) == WEBHOOK_FORGED, "another body or secret is not valid");
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_addresses();
	test_lists();
	test_urls();
	test_retries();
	test_signatures();
	test_stripe();
	printf("1..%d\n", tests);
	return failures > 0;
}
