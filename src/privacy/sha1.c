/*
 * sha1.c: HMAC-SHA-1.
 *
 * SHA-1 is broken where collisions matter; HMAC does not rest on their absence, and RFC 6238 as every authenticator
 * app speaks it is HMAC-SHA-1. It is used for nothing else.
 */
#include "privacy/sha1.h"

#include <sodium.h>
#include <string.h>

#define BLOCK_BYTES 64

typedef struct Sha1
{
	uint32_t state[5];
	uint64_t length;
	uint8_t block[BLOCK_BYTES];
} Sha1;

static uint32_t
rotate(uint32_t value, int bits)
{
	return value << bits | value >> (32 - bits);
}

/* Mixes a full block into the state (FIPS 180-4, 6.1.2). */
static void
compress(Sha1 *sha)
{
	uint32_t w[80];
	uint32_t a = sha->state[0], b = sha->state[1], c = sha->state[2], d = sha->state[3], e = sha->state[4];

	for (int t = 0; t < 16; t++)
		w[t] = (uint32_t) sha->block[4 * t] << 24 | (uint32_t) sha->block[4 * t + 1] << 16 |
			   (uint32_t) sha->block[4 * t + 2] << 8 | sha->block[4 * t + 3];
	for (int t = 16; t < 80; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	for (int t = 0; t < 80; t++)
	{
		uint32_t f, k, next;

		if (t < 20)
			f = (b & c) | (~b & d), k = 0x5a827999;
		else if (t < 40)
			f = b ^ c ^ d, k = 0x6ed9eba1;
		else if (t < 60)
			f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
		else
			f = b ^ c ^ d, k = 0xca62c1d6;
		next = rotate(a, 5) + f + e + k + w[t];
		e = d, d = c, c = rotate(b, 30), b = a, a = next;
	}
	sha->state[0] += a, sha->state[1] += b, sha->state[2] += c, sha->state[3] += d, sha->state[4] += e;
	sodium_memzero(w, sizeof(w));
}

static void
begin(Sha1 *sha)
{
	static const uint32_t initial[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

	memset(sha, 0, sizeof(*sha));
	memcpy(sha->state, initial, sizeof(initial));
}

static void
update(Sha1 *sha, const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		sha->block[sha->length++ % BLOCK_BYTES] = data[i];
		if (sha->length % BLOCK_BYTES == 0)
			compress(sha);
	}
}

/* Pads, appends the length in bits and writes the digest. */
static void
finish(Sha1 *sha, uint8_t digest[SHA1_BYTES])
{
	uint64_t bits = sha->length * 8;
	uint8_t tail[8];

	for (int i = 0; i < 8; i++)
		tail[i] = (uint8_t) (bits >> (56 - 8 * i));
	update(sha, (const uint8_t *) "\x80", 1);
	while (sha->length % BLOCK_BYTES != BLOCK_BYTES - sizeof(tail))
		update(sha, (const uint8_t *) "", 1);
	update(sha, tail, sizeof(tail));
	for (int i = 0; i < SHA1_BYTES; i++)
		digest[i] = (uint8_t) (sha->state[i / 4] >> (24 - 8 * (i % 4)));
	sodium_memzero(sha, sizeof(*sha));
}

/* Hashes the key's block, each byte changed by the mask, and what follows it. */
static void
hash_after_key(const uint8_t block[BLOCK_BYTES], uint8_t mask, const uint8_t *data, size_t length,
			   uint8_t digest[SHA1_BYTES])
{
	uint8_t masked[BLOCK_BYTES];
	Sha1 sha;

	for (int i = 0; i < BLOCK_BYTES; i++)
		masked[i] = block[i] ^ mask;
	begin(&sha);
	update(&sha, masked, sizeof(masked));
	update(&sha, data, length);
	finish(&sha, digest);
	sodium_memzero(masked, sizeof(masked));
}

/* Computes HMAC-SHA-1. */
void
commerce_hmac_sha1(const uint8_t *key, size_t key_length, const uint8_t *message, size_t length,
				   uint8_t mac[SHA1_BYTES])
{
	uint8_t block[BLOCK_BYTES] = {0};
	uint8_t inner[SHA1_BYTES];

	if (key_length > BLOCK_BYTES)
	{
		Sha1 sha;

		begin(&sha);
		update(&sha, key, key_length);
		finish(&sha, block);
	}
	else if (key_length > 0)
		memcpy(block, key, key_length);
	hash_after_key(block, 0x36, message, length, inner);
	hash_after_key(block, 0x5c, inner, sizeof(inner), mac);
	sodium_memzero(block, sizeof(block));
	sodium_memzero(inner, sizeof(inner));
}
