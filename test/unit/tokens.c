// sources: src/privacy/base32.c src/privacy/claims.c src/privacy/jwt.c src/privacy/sha1.c src/privacy/totp.c
// libs: -lsodium
/*
 * tokens.c: one-time codes and signed tokens against the vectors of their RFCs, and against whoever changes a byte.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "privacy/base32.h"
#include "privacy/claims.h"
#include "privacy/jwt.h"
#include "privacy/sha1.h"
#include "privacy/totp.h"

static int tests = 0;
static int failures = 0;

/* Reports one test. */
static void
ok(bool passed, const char *name)
{
	printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, name);
	failures += passed ? 0 : 1;
}

/* Does HMAC-SHA-1 come to these hexadecimal digits? */
static bool
hmac_is(const void *key, size_t key_length, const char *message, const char *wanted)
{
	uint8_t mac[SHA1_BYTES];
	char hex[SHA1_BYTES * 2 + 1];

	commerce_hmac_sha1(key, key_length, (const uint8_t *) message, strlen(message), mac);
	sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
	return strcmp(hex, wanted) == 0;
}

/* RFC 2202, section 3. */
static void
test_hmac(void)
{
	uint8_t key[80];

	memset(key, 0x0b, sizeof(key));
	ok(hmac_is(key, 20, "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00") &&
		   hmac_is("Jefe", 4, "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
	   "HMAC-SHA-1: RFC 2202, cases 1 and 2");
	memset(key, 0xaa, sizeof(key));
	ok(hmac_is(key, 80, "Test Using Larger Than Block-Size Key - Hash Key First",
			   "aa4ae5e15272d00e95705637ce8a3b55ed402112") &&
		   hmac_is(key, 80,
				   "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
				   "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"),
	   "HMAC-SHA-1: RFC 2202, keys longer than a block");
}

static const uint8_t secret[] = "12345678901234567890";
#define SECRET secret, 20

/* RFC 4226, appendix D, and RFC 6238, appendix B. */
static void
test_codes(void)
{
	static const uint32_t counted[] = {755224, 287082, 359152, 969429, 338314,
									   254676, 287922, 162583, 399871, 520489};
	static const struct
	{
		int64_t seconds;
		const char *code;
	} timed[] = {{59, "94287082"},		   {1111111109, "07081804"}, {1111111111, "14050471"},
				 {1234567890, "89005924"}, {2000000000, "69279037"}, {20000000000, "65353130"}};
	bool all = true;

	for (uint64_t i = 0; i < 10; i++)
		all = all && commerce_hotp(SECRET, i, 6) == counted[i];
	ok(all, "HOTP: the ten codes of RFC 4226");
	all = true;
	for (size_t i = 0; i < sizeof(timed) / sizeof(*timed); i++)
		all = all && commerce_totp_step(SECRET, timed[i].code, 8, timed[i].seconds, -1) ==
						 timed[i].seconds / TOTP_STEP_SECONDS &&
			  commerce_totp_step(SECRET, timed[i].code + 2, 6, timed[i].seconds, -1) ==
				  timed[i].seconds / TOTP_STEP_SECONDS;
	ok(all, "TOTP: the codes of RFC 6238, of 8 digits and of 6");
}

/* The window, replay, and what is no code. */
static void
test_window(void)
{
	static const char *const bad[] = {"",		 "9428708",	  "942870821", "9428708a",
									  "-9428708", "+4287082", "94287082\n", "0x287082"};
	bool refused = true;

	ok(commerce_totp_step(SECRET, "94287082", 8, 89, -1) == 1 &&
		   commerce_totp_step(SECRET, "94287082", 8, 29, -1) == 1 &&
		   commerce_totp_step(SECRET, "9428 7082", 8, 59, 0) == 1,
	   "TOTP: one step early, one step late, and in groups");
	ok(commerce_totp_step(SECRET, "94287082", 8, 90, -1) == -1 &&
		   commerce_totp_step(SECRET, "94287082", 8, -31, -1) == -1,
	   "TOTP: two steps are too many");
	ok(commerce_totp_step(SECRET, "94287082", 8, 59, 1) == -1 &&
		   commerce_totp_step(SECRET, "94287082", 8, 59, 2) == -1,
	   "TOTP: a used step is refused, and those before it");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refused = refused && commerce_totp_step(SECRET, bad[i], 8, 59, -1) == -1;
	ok(refused && commerce_totp_step(SECRET, "94287", 5, 59, -1) == -1 &&
		   commerce_totp_step(SECRET, "094287082", 9, 59, -1) == -1,
	   "TOTP: what is no code is refused");
}

/* RFC 4648, section 10, without padding. */
static void
test_base32(void)
{
	static const char *const texts[] = {"", "MY", "MZXQ", "MZXW6", "MZXW6YQ", "MZXW6YTB", "MZXW6YTBOI"};
	static const char *const bad[] = {"MZXW6YTBO", "MZXW6YTBOJ", "MZXW6YTBOIA", "MZXW6YTBO1", "MZXW6YTBO=",
									  "MZXW6YTBOI="};
	char text[16];
	uint8_t data[6];
	bool all = true;

	for (size_t i = 0; i <= 6; i++)
	{
		commerce_base32_encode(text, (const uint8_t *) "foobar", i);
		all = all && strcmp(text, texts[i]) == 0 && strlen(text) == BASE32_LENGTH(i) &&
			  commerce_base32_decode(data, i, text) && memcmp(data, "foobar", i) == 0;
	}
	ok(all && commerce_base32_decode(data, 6, "mzxw 6ytb-oi") && memcmp(data, "foobar", 6) == 0,
	   "base32: the vectors of RFC 4648, and as people type them");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		all = all && !commerce_base32_decode(data, 6, bad[i]);
	ok(all, "base32: too short, too long, stray bits, padding and other characters are refused");
}

/* Is this text refused as base64url? */
static bool
refused64(const char *text)
{
	uint8_t data[16];
	size_t length;

	return !commerce_base64url_decode(data, sizeof(data), &length, text, strlen(text));
}

static void
test_base64url(void)
{
	uint8_t data[16];
	size_t length;
	char text[8];

	ok(commerce_base64url_decode(data, sizeof(data), &length, "-_-_", 4) && length == 3 &&
		   memcmp(data, "\xfb\xff\xbf", 3) == 0 &&
		   commerce_base64url_encode(text, sizeof(text), (const uint8_t *) "\xfb\xff\xbf", 3) &&
		   strcmp(text, "-_-_") == 0 &&
		   !commerce_base64url_encode(text, 4, (const uint8_t *) "\xfb\xff\xbf", 3),
	   "base64url: its own two characters, and room");
	ok(refused64("+/+/") && refused64("QQ==") && refused64("QQ=") && refused64("Q") && refused64("QR") &&
		   refused64("QUJ") && refused64("Q Q") && refused64("QQ\n") && refused64("QQ.") && refused64("\xc3\xa9QQ") &&
		   refused64("QUJDREVGR0hJSktMTU5PUFFS"),
	   "base64url: base64, padding, one character, stray bits, blanks and what does not fit are refused");
}

#define HS_TOKEN                                                                                             \
	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"                                                               \
	".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"        \
	".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define HS_KEY "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
#define ED_TOKEN                                                                                             \
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"                                               \
	".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
#define ED_SEED "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define ED_PUBLIC "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

/* Returns a key from its base64url. */
static JwtKey
key_of(JwtAlgorithm algorithm, const char *text)
{
	JwtKey key = {.algorithm = algorithm};

	if (!commerce_base64url_decode(key.bytes, sizeof(key.bytes), &key.length, text, strlen(text)))
		abort();
	return key;
}

/* Is a token of exactly this size, in memory that ends with it, verified by the key? */
static bool
verifies(const char *token, size_t length, const JwtKey *key)
{
	static Jwt jwt;
	char *copy = malloc(length + 1) + 1;
	bool good;

	memcpy(copy, token, length);
	good = commerce_jwt_split(&jwt, copy, length) && commerce_jwt_verify(&jwt, key);
	free(copy - 1);
	return good;
}

/* RFC 7515, appendix A.1, and RFC 8037, appendices A.4 and A.5; no key verifies for another algorithm. */
static void
test_vectors(void)
{
	JwtKey shared = key_of(JWT_HS256, HS_KEY);
	JwtKey public = key_of(JWT_EDDSA, ED_PUBLIC);
	JwtKey confused = key_of(JWT_HS256, ED_PUBLIC);
	static const char *const unsigned_tokens[] = {
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", /* {"alg":"none"} */
		"eyJhbGciOiJOb25lIn0.eyJzdWIiOiIxIn0.", "e30.eyJzdWIiOiIxIn0.", "..", "a.b", "e30.e30.e30.e30", ""};
	char forged[JWT_MAX_BYTES + 1];
	bool refused = true;

	ok(verifies(HS_TOKEN, strlen(HS_TOKEN), &shared), "HS256: RFC 7515, A.1");
	ok(verifies(ED_TOKEN, strlen(ED_TOKEN), &public), "EdDSA: RFC 8037, A.4");
	ok(!verifies(HS_TOKEN, strlen(HS_TOKEN), &public) && !verifies(ED_TOKEN, strlen(ED_TOKEN), &shared),
	   "a key of another algorithm verifies nothing");
	/* The classical confusion: a token under HS256 whose secret is the public key. */
	ok(commerce_jwt_sign(forged, "{}", "k", &confused) && !verifies(forged, strlen(forged), &public),
	   "a public key is no shared secret");
	for (size_t i = 0; i < sizeof(unsigned_tokens) / sizeof(*unsigned_tokens); i++)
		refused = refused &&
				  !verifies(unsigned_tokens[i], strlen(unsigned_tokens[i]), &shared) &&
				  !verifies(unsigned_tokens[i], strlen(unsigned_tokens[i]), &public);
	ok(refused, "no signature is no signature");
	shared.length = 16;
	ok(commerce_jwt_sign(forged, "{}", "k", &shared) && !verifies(forged, strlen(forged), &shared),
	   "HS256: a key shorter than its hash verifies nothing");
}

/* What is signed verifies, names its key, and is refused once anything is changed. */
static void
test_mutations(JwtAlgorithm algorithm, const char *name)
{
	JwtKey seed = key_of(algorithm, algorithm == JWT_EDDSA ? ED_SEED : HS_KEY);
	JwtKey key = key_of(algorithm, algorithm == JWT_EDDSA ? ED_PUBLIC : HS_KEY);
	static const char payload[] = "{\"sub\":\"0191\",\"aud\":\"shop\",\"exp\":1300819380}";
	char token[JWT_MAX_BYTES + 1];
	char kid[JWT_MAX_KID_BYTES + 1];
	static Jwt jwt;
	size_t length;
	int survived = 0;

	ok(commerce_jwt_sign(token, payload, "key-1", &seed) && verifies(token, strlen(token), &key) &&
		   commerce_jwt_split(&jwt, token, strlen(token)) && commerce_jwt_kid(&jwt, kid) &&
		   strcmp(kid, "key-1") == 0 && jwt.payload_length == strlen(payload) &&
		   memcmp(jwt.payload, payload, strlen(payload)) == 0,
	   name);
	length = strlen(token);
	for (int i = 0; i < 20000; i++)
	{
		char changed[JWT_MAX_BYTES + 2];
		size_t size = length;
		size_t at = randombytes_uniform((uint32_t) length);

		memcpy(changed, token, length);
		switch (i % 4)
		{
			case 0: changed[at] ^= (char) (1 << i / 4 % 8); break;
			case 1: changed[at] = (char) randombytes_uniform(256); break;
			case 2:
				memmove(changed + at, changed + at + 1, length - at - 1);
				size--;
				break;
			default:
				memmove(changed + at + 1, changed + at, length - at);
				changed[at] = "A.=-_ \n{"[i / 4 % 8];
				size++;
		}
		if (size == length && memcmp(changed, token, length) == 0)
			continue;
		survived += verifies(changed, size, &key);
	}
	for (size_t cut = 0; cut < length; cut++)
		survived += verifies(token, cut, &key);
	ok(survived == 0, "20,000 mutations and every truncation of it are refused");
}

static bool
finds(const char *json, const char *name, const char *value)
{
	char *copy = malloc(strlen(json) + 1) + 1;
	Claim claim;
	bool good;

	memcpy(copy, json, strlen(json));
	good = commerce_claim_find(copy, strlen(json), name, &claim) &&
		   (value ? commerce_claim_includes(&claim, value) : claim.kind == CLAIM_ABSENT);
	free(copy - 1);
	return good;
}

/* The reader of claims takes JSON, and nothing that is nearly JSON or means two things. */
static void
test_claims(void)
{
	static const char *const bad[] = {"",
									  "[]",
									  "\"a\"",
									  "{",
									  "{}}",
									  "{} {}",
									  "{\"a\"}",
									  "{\"a\":}",
									  "{\"a\":1,}",
									  "{a:1}",
									  "{'a':1}",
									  "{\"a\":01}",
									  "{\"a\":1.}",
									  "{\"a\":.5}",
									  "{\"a\":+1}",
									  "{\"a\":1e}",
									  "{\"a\":-}",
									  "{\"a\":tru}",
									  "{\"a\":nul",
									  "{\"a\":[1,]}",
									  "{\"a\":[1",
									  "{\"a\":\"x}",
									  "{\"a\":\"\\x\"}",
									  "{\"a\":\"\\u12g4\"}",
									  "{\"a\":\"\n\"}",
									  "{\"a\":\"\\",
									  "{\"b\":1,\"b\":1}",
									  "{\"\\u0062\":1}",
									  "{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}"};
	bool refused = true;

	ok(finds("{}", "b", NULL) && finds(" { \"b\" : \"x\" , \"c\":[{\"b\":1}] }\n", "b", "x") &&
		   finds("{\"b\":[\"y\", [\"z\"], {\"q\":1}, \"x\"]}", "b", "x") && finds("{\"bb\":\"x\"}", "b", NULL) &&
		   finds("{\"a\":{\"\\u0062\":1},\"b\":\"x\"}", "b", "x"),
	   "claims: members are found, in strings and arrays");
	ok(!finds("{\"b\":[[\"x\"]]}", "b", "x") && !finds("{\"b\":[]}", "b", "x") && !finds("{\"b\":1}", "b", "x") &&
		   !finds("{\"b\":\"\\u0078\"}", "b", "x") && !finds("{\"b\":{\"x\":\"x\"}}", "b", "x"),
	   "claims: what is no such string is not taken for it");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (finds(bad[i], "b", NULL))
		{
			printf("# accepted: %s\n", bad[i]);
			refused = false;
		}
	ok(refused, "claims: what is no JSON, or says a thing twice, is refused");
}

/* Are these claims good for the audience shop at the time 1000? */
static bool
due(const char *payload)
{
	return commerce_jwt_is_due(payload, strlen(payload), "shop", 1000);
}

static void
test_times(void)
{
	static const char *const bad[] = {"{}",
									  "{\"exp\":1001}",
									  "{\"aud\":\"shop\"}",
									  "{\"aud\":\"shop\",\"exp\":1000}",
									  "{\"aud\":\"shop\",\"exp\":\"1001\"}",
									  "{\"aud\":\"shop\",\"exp\":-1001}",
									  "{\"aud\":\"shop\",\"exp\":1e9}",
									  "{\"aud\":\"shop\",\"exp\":1.5e9}",
									  "{\"aud\":\"shop\",\"exp\":1000000000000000}",
									  "{\"aud\":\"shop\",\"exp\":99999999999999999999999}",
									  "{\"aud\":\"shop\",\"exp\":null}",
									  "{\"aud\":\"shop\",\"exp\":1001,\"exp\":1001}",
									  "{\"aud\":\"Shop\",\"exp\":1001}",
									  "{\"aud\":[\"shops\"],\"exp\":1001}",
									  "{\"aud\":\"shop\",\"exp\":2000,\"nbf\":1031}",
									  "{\"aud\":\"shop\",\"exp\":2000,\"nbf\":\"1\"}",
									  "{\"aud\":\"shop\",\"exp\":2000,\"iat\":1031}",
									  "{\"aud\":\"shop\",\"exp\":2000,\"iat\":true}"};
	bool refused = true;

	ok(due("{\"aud\":\"shop\",\"exp\":1001}") && due("{\"aud\":[\"a\",\"shop\"],\"exp\":1001.5}") &&
		   due("{\"aud\":\"shop\",\"exp\":99999999999999,\"nbf\":1030,\"iat\":1000}"),
	   "times: before exp, from nbf on, for this audience");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (due(bad[i]))
		{
			printf("# accepted: %s\n", bad[i]);
			refused = false;
		}
	ok(refused, "times: expired, too early, for others, unreadable or without exp is refused");
}

/* Headers that name no key, or ask for more than is understood. */
static void
test_headers(void)
{
	static const char *const bad[] = {"{}",
									  "{\"kid\":1}",
									  "{\"kid\":\"\"}",
									  "{\"kid\":\"a\",\"kid\":\"b\"}",
									  "{\"kid\":\"a\",\"crit\":[\"exp\"]}",
									  "{\"kid\":\"a\",\"crit\":null}",
									  "{\"kid\":\"a\",\"typ\":\"at+jwt\"}",
									  "{\"kid\":\"0123456789012345678901234567890123456789012345678901234567890123x\"}"};
	static Jwt jwt;
	char kid[JWT_MAX_KID_BYTES + 1];
	bool refused = true;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
	{
		jwt.header_length = strlen(bad[i]);
		memcpy(jwt.header, bad[i], jwt.header_length);
		refused = refused && !commerce_jwt_kid(&jwt, kid);
	}
	ok(refused, "headers: no key, two keys, a key too long, critical extensions and other types are refused");
}

/* A token of the longest size is read, one byte more is not. */
static void
test_size(void)
{
	JwtKey key = key_of(JWT_HS256, HS_KEY);
	char token[JWT_MAX_BYTES + 1];
	char *payload = malloc(JWT_MAX_BYTES);
	size_t longest = 0;
	bool all = true;

	for (size_t length = JWT_MAX_BYTES - 8; length > 0 && longest == 0; length--)
	{
		memset(payload, 'a', length);
		payload[length] = '\0';
		if (commerce_jwt_sign(token, payload, "k", &key))
			longest = length;
	}
	all = longest > 5000 && strlen(token) <= JWT_MAX_BYTES && verifies(token, strlen(token), &key);
	free(payload);
	payload = calloc(1, JWT_MAX_BYTES + 2);
	memset(payload, 'A', JWT_MAX_BYTES + 1);
	payload[1] = payload[3] = '.';
	ok(all && !verifies(payload, JWT_MAX_BYTES + 1, &key), "tokens of up to 8 kB, and none longer");
	free(payload);
}

int
main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_hmac();
	test_codes();
	test_window();
	test_base32();
	test_base64url();
	test_vectors();
	test_mutations(JWT_HS256, "HS256: what is signed verifies");
	test_mutations(JWT_EDDSA, "EdDSA: what is signed verifies");
	test_claims();
	test_times();
	test_headers();
	test_size();
	printf("1..%d\n", tests);
	return failures == 0 ? 0 : 1;
}
