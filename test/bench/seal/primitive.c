/*
 * primitive.c: what libsodium alone takes to seal and to open 32 bytes with the additional data of a sealed value, in
 * microseconds of processor time.
 */
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#define ROUNDS 200000
#define BYTES 32
#define AAD_BYTES 66

/* Returns the processor time so far, in microseconds. */
static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double) time.tv_sec * 1e6 + (double) time.tv_nsec / 1e3;
}

int
main(void)
{
	unsigned char key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
	unsigned char nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
	unsigned char aad[AAD_BYTES] = {1};
	unsigned char body[BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES] = {2};
	double begin;
	double sealed;
	double opened;

	if (sodium_init() < 0)
		return 1;
	randombytes_buf(key, sizeof(key));
	begin = now();
	for (int i = 0; i < ROUNDS; i++)
	{
		randombytes_buf(nonce, sizeof(nonce));
		crypto_aead_xchacha20poly1305_ietf_encrypt(body, NULL, body, BYTES, aad, sizeof(aad), NULL, nonce, key);
	}
	sealed = now() - begin;
	begin = now();
	for (int i = 0; i < ROUNDS; i++)
	{
		unsigned char out[BYTES];

		if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, body, sizeof(body), aad, sizeof(aad), nonce,
													   key) != 0)
			return 1;
	}
	opened = now() - begin;
	printf("%.4f %.4f\n", sealed / ROUNDS, opened / ROUNDS);
	return 0;
}
