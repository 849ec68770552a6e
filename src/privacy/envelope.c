/*
 * envelope.c: the bytes of a sealed value.
 *
 *     offset  size
 *          0     1   version, 1
 *          1     1   algorithm, 1: XChaCha20-Poly1305 (IETF)
 *          2     1   flags: 1 where the value belongs to one row of its subject, otherwise 0
 *          3     1   pad class: 0, 1, 2 for 16, 32, 64 bytes, 3 for a multiple of 128
 *          4     4   field id: the first 31 bits of the BLAKE2b of the field's name
 *          8     8   data key id, big-endian
 *         16    24   nonce, random
 *         40     n   ciphertext
 *     40 + n    16   tag
 *
 * The plaintext is padded (ISO 7816-4: one byte 0x80, then zeros), because lengths tell: of two names, which is
 * longer; of two e-mail addresses, which is whose. The tag covers the header and the place as well as the ciphertext,
 * so a value moved to another customer, another row of his or another installation, or given another field's id, does
 * not open. The place
 * is made of identifiers that a dump carries along, never of OIDs, which a restore hands out anew.
 *
 * A random nonce of 24 bytes may be drawn without ever counting: two alike among 2^80 are not to be expected.
 */
#include "privacy/envelope.h"

#include <sodium.h>
#include <string.h>

#define AAD_LABEL "commerce.sealed.v1"
#define AAD_LABEL_BYTES (sizeof(AAD_LABEL) - 1)
#define AAD_MAX_BYTES (AAD_LABEL_BYTES + SEALED_HEADER_BYTES + 3 * SEALED_UUID_BYTES)

#define FLAG_OF_ROW 1

#define WRAP_LABEL "commerce.data-key.v1"
#define WRAP_LABEL_BYTES (sizeof(WRAP_LABEL) - 1)
#define WRAP_AAD_BYTES (WRAP_LABEL_BYTES + 8 + SEALED_UUID_BYTES + 4)

#define PAD_MARK 0x80
#define PAD_CLASS_LONG 3
#define PAD_LONG_STEP 128

_Static_assert(SEALED_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key size");
_Static_assert(SEALED_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce size");
_Static_assert(SEALED_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag size");

/* Writes an integer of so many bytes, most significant first. */
static void
put_big_endian(uint8_t *out, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t) (value >> (8 * (bytes - 1 - i)));
}

/* Returns the pad class of a plaintext: the smallest that leaves room for the mark. */
static uint8_t
pad_class(size_t length)
{
	uint8_t class = 0;

	while (class < PAD_CLASS_LONG && ((size_t) 16 << class) <= length)
		class ++;
	return class;
}

/* Returns how long a plaintext is once padded. */
static size_t
padded_size(size_t length)
{
	uint8_t class = pad_class(length);

	if (class < PAD_CLASS_LONG)
		return (size_t) 16 << class;
	return (length / PAD_LONG_STEP + 1) * PAD_LONG_STEP;
}

/* Finds where the padding begins; false where there is none. */
static bool
unpad(const uint8_t *padded, size_t size, size_t *length)
{
	while (size > 0 && padded[size - 1] == 0)
		size--;
	if (size == 0 || padded[size - 1] != PAD_MARK)
		return false;
	*length = size - 1;
	return true;
}

/* Puts together what the tag covers beside the ciphertext and returns how long that is; the header tells of a row. */
static size_t
make_aad(uint8_t aad[AAD_MAX_BYTES], const uint8_t *header, const SealedPlace *place)
{
	memcpy(aad, AAD_LABEL, AAD_LABEL_BYTES);
	aad += AAD_LABEL_BYTES;
	memcpy(aad, header, SEALED_HEADER_BYTES);
	aad += SEALED_HEADER_BYTES;
	memcpy(aad, place->installation, SEALED_UUID_BYTES);
	aad += SEALED_UUID_BYTES;
	memcpy(aad, place->subject, SEALED_UUID_BYTES);
	if (!place->of_row)
		return AAD_MAX_BYTES - SEALED_UUID_BYTES;
	memcpy(aad + SEALED_UUID_BYTES, place->row, SEALED_UUID_BYTES);
	return AAD_MAX_BYTES;
}

/* Derives the four bytes that stand for a field's name, without a key and without a register. */
void
commerce_sealed_field_id(const char *field, size_t length, uint8_t id[SEALED_FIELD_BYTES])
{
	uint8_t hash[crypto_generichash_BYTES];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *) field, length, NULL, 0);
	memcpy(id, hash, SEALED_FIELD_BYTES);
	id[0] &= 0x7f;
}

/* Returns the size of the sealed form of so many bytes of plaintext. */
size_t
commerce_sealed_size(size_t plaintext_length)
{
	return SEALED_OVERHEAD + padded_size(plaintext_length);
}

/* Says whether bytes have the form of a sealed value: known version and algorithm, and a size that fits the class. */
bool
commerce_sealed_valid(const uint8_t *sealed, size_t size)
{
	size_t padded;

	if (size <= SEALED_OVERHEAD || sealed[0] != SEALED_VERSION || sealed[1] != SEALED_XCHACHA20_POLY1305 ||
		(sealed[2] & ~FLAG_OF_ROW) != 0)
		return false;
	padded = size - SEALED_OVERHEAD;
	if (sealed[3] < PAD_CLASS_LONG)
		return padded == (size_t) 16 << sealed[3];
	return sealed[3] == PAD_CLASS_LONG && padded % PAD_LONG_STEP == 0 &&
		   padded <= padded_size(SEALED_MAX_PLAINTEXT);
}

/* Says whether bytes look like a value that a later library has sealed. */
bool
commerce_sealed_is_later(const uint8_t *sealed, size_t size)
{
	return size > SEALED_OVERHEAD && sealed[0] > SEALED_VERSION && sealed[0] <= SEALED_LATEST_VERSION;
}

/* Returns the field id in the header. */
const uint8_t *
commerce_sealed_field(const uint8_t *sealed)
{
	return sealed + 4;
}

/* Returns the id of the data key that the value was sealed with. */
int64_t
commerce_sealed_data_key(const uint8_t *sealed)
{
	uint64_t id = 0;

	for (int i = 0; i < 8; i++)
		id = id << 8 | sealed[8 + i];
	return (int64_t) id;
}

/* Seals a plaintext of at most SEALED_MAX_PLAINTEXT bytes; the padded copy lives where the ciphertext comes to be. */
void
commerce_sealed_seal(uint8_t *sealed, const char *plaintext, size_t length,
					 const uint8_t field[SEALED_FIELD_BYTES], int64_t data_key_id,
					 const uint8_t data_key[SEALED_KEY_BYTES], const SealedPlace *place)
{
	uint8_t *nonce = sealed + SEALED_HEADER_BYTES;
	uint8_t *body = nonce + SEALED_NONCE_BYTES;
	size_t padded = padded_size(length);
	uint8_t aad[AAD_MAX_BYTES];

	sealed[0] = SEALED_VERSION;
	sealed[1] = SEALED_XCHACHA20_POLY1305;
	sealed[2] = place->of_row ? FLAG_OF_ROW : 0;
	sealed[3] = pad_class(length);
	memcpy(sealed + 4, field, SEALED_FIELD_BYTES);
	put_big_endian(sealed + 8, (uint64_t) data_key_id, 8);
	randombytes_buf(nonce, SEALED_NONCE_BYTES);
	if (length > 0)
		memcpy(body, plaintext, length);
	body[length] = PAD_MARK;
	memset(body + length + 1, 0, padded - length - 1);
	crypto_aead_xchacha20poly1305_ietf_encrypt(body, NULL, body, padded, aad, make_aad(aad, sealed, place),
											   NULL, nonce, data_key);
}

/* Opens a value; the tag is checked before a byte of plaintext is written. */
bool
commerce_sealed_open(char *plaintext, size_t *length, const uint8_t *sealed, size_t size,
					 const uint8_t data_key[SEALED_KEY_BYTES], const SealedPlace *place)
{
	const uint8_t *nonce = sealed + SEALED_HEADER_BYTES;
	uint8_t aad[AAD_MAX_BYTES];

	if (!commerce_sealed_valid(sealed, size) || ((sealed[2] & FLAG_OF_ROW) != 0) != place->of_row)
		return false;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *) plaintext, NULL, NULL,
												   nonce + SEALED_NONCE_BYTES,
												   size - SEALED_HEADER_BYTES - SEALED_NONCE_BYTES, aad,
												   make_aad(aad, sealed, place), nonce, data_key) != 0)
		return false;
	return unpad((uint8_t *) plaintext, size - SEALED_OVERHEAD, length);
}

/* Puts together what the tag of a wrapped key covers beside the key: which key, whose, and under which epoch. */
static void
make_wrap_aad(uint8_t aad[WRAP_AAD_BYTES], int64_t data_key_id, const uint8_t subject[SEALED_UUID_BYTES],
			  int32_t epoch)
{
	memcpy(aad, WRAP_LABEL, WRAP_LABEL_BYTES);
	aad += WRAP_LABEL_BYTES;
	put_big_endian(aad, (uint64_t) data_key_id, 8);
	memcpy(aad + 8, subject, SEALED_UUID_BYTES);
	put_big_endian(aad + 8 + SEALED_UUID_BYTES, (uint32_t) epoch, 4);
}

/* Wraps a data key: nonce, encrypted key, tag. */
void
commerce_wrap_key(uint8_t wrapped[WRAPPED_KEY_BYTES], const uint8_t data_key[SEALED_KEY_BYTES],
				  int64_t data_key_id, const uint8_t subject[SEALED_UUID_BYTES], int32_t epoch,
				  const uint8_t wrapping_key[SEALED_KEY_BYTES])
{
	uint8_t aad[WRAP_AAD_BYTES];

	randombytes_buf(wrapped, SEALED_NONCE_BYTES);
	make_wrap_aad(aad, data_key_id, subject, epoch);
	crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped + SEALED_NONCE_BYTES, NULL, data_key, SEALED_KEY_BYTES,
											   aad, sizeof(aad), NULL, wrapped, wrapping_key);
}

/* Unwraps a data key; false where key, id, subject or epoch are not those it was wrapped with. */
bool
commerce_unwrap_key(uint8_t data_key[SEALED_KEY_BYTES], const uint8_t wrapped[WRAPPED_KEY_BYTES],
					int64_t data_key_id, const uint8_t subject[SEALED_UUID_BYTES], int32_t epoch,
					const uint8_t wrapping_key[SEALED_KEY_BYTES])
{
	uint8_t aad[WRAP_AAD_BYTES];

	make_wrap_aad(aad, data_key_id, subject, epoch);
	return crypto_aead_xchacha20poly1305_ietf_decrypt(data_key, NULL, NULL, wrapped + SEALED_NONCE_BYTES,
													  WRAPPED_KEY_BYTES - SEALED_NONCE_BYTES, aad,
													  sizeof(aad), wrapped, wrapping_key) == 0;
}
