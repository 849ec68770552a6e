/*
 * envelope.h: the bytes of a sealed value and of a wrapped data key. Pure: libsodium and nothing of the server.
 */
#ifndef COMMERCE_PRIVACY_ENVELOPE_H
#define COMMERCE_PRIVACY_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEALED_VERSION 1
#define SEALED_LATEST_VERSION                                                                                \
	31 /* what later libraries may call theirs; text never begins with such a byte */
#define SEALED_XCHACHA20_POLY1305 1

#define SEALED_KEY_BYTES 32
#define SEALED_UUID_BYTES 16
#define SEALED_FIELD_BYTES 4
#define SEALED_HEADER_BYTES 16
#define SEALED_NONCE_BYTES 24
#define SEALED_TAG_BYTES 16
#define SEALED_OVERHEAD (SEALED_HEADER_BYTES + SEALED_NONCE_BYTES + SEALED_TAG_BYTES)

/* The longest plaintext; far beyond any name or address, and small enough for every buffer on the way. */
#define SEALED_MAX_PLAINTEXT ((size_t) 16 * 1024 * 1024)

#define WRAPPED_KEY_BYTES (SEALED_NONCE_BYTES + SEALED_KEY_BYTES + SEALED_TAG_BYTES)

/* Where a value belongs: it opens nowhere else. A subject may have many rows of a field; then the row is part of it. */
typedef struct SealedPlace
{
	uint8_t installation[SEALED_UUID_BYTES];
	uint8_t subject[SEALED_UUID_BYTES];
	bool of_row;
	uint8_t row[SEALED_UUID_BYTES]; /* where of_row */
} SealedPlace;

/* Derives the four bytes that stand for a field's name: a big-endian number of 31 bits, so that it fits a typmod. */
extern void commerce_sealed_field_id(const char *field, size_t length, uint8_t id[SEALED_FIELD_BYTES]);

/* Returns the size of the sealed form of so many bytes of plaintext. */
extern size_t commerce_sealed_size(size_t plaintext_length);

/* Could these bytes be a sealed value? Says nothing about whether it opens. */
extern bool commerce_sealed_valid(const uint8_t *sealed, size_t size);

/* Is this a value of a later version than this library reads? */
extern bool commerce_sealed_is_later(const uint8_t *sealed, size_t size);

/* Read the header of a valid value. */
extern const uint8_t *commerce_sealed_field(const uint8_t *sealed);
extern int64_t commerce_sealed_data_key(const uint8_t *sealed);

/* Seals into commerce_sealed_size(length) bytes. */
extern void commerce_sealed_seal(uint8_t *sealed, const char *plaintext, size_t length,
								 const uint8_t field[SEALED_FIELD_BYTES], int64_t data_key_id,
								 const uint8_t data_key[SEALED_KEY_BYTES], const SealedPlace *place);

/* Opens into size - SEALED_OVERHEAD bytes and says how many of them are the plaintext; false where anything is off. */
extern bool commerce_sealed_open(char *plaintext, size_t *length, const uint8_t *sealed, size_t size,
								 const uint8_t data_key[SEALED_KEY_BYTES], const SealedPlace *place);

/* Wrap and unwrap the data key of one subject under the key-encryption key of an epoch. */
extern void commerce_wrap_key(uint8_t wrapped[WRAPPED_KEY_BYTES], const uint8_t data_key[SEALED_KEY_BYTES],
							  int64_t data_key_id, const uint8_t subject[SEALED_UUID_BYTES], int32_t epoch,
							  const uint8_t wrapping_key[SEALED_KEY_BYTES]);
extern bool commerce_unwrap_key(uint8_t data_key[SEALED_KEY_BYTES], const uint8_t wrapped[WRAPPED_KEY_BYTES],
								int64_t data_key_id, const uint8_t subject[SEALED_UUID_BYTES], int32_t epoch,
								const uint8_t wrapping_key[SEALED_KEY_BYTES]);

#endif
