/*
 * datakeys.h: one data key per subject, wrapped in commerce.data_keys. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_DATAKEYS_H
#define COMMERCE_PRIVACY_DATAKEYS_H

#include "base/pg.h"
#include "privacy/envelope.h"

/* A data key and the place it seals for; the key leads into the keyring's slab and is good until the next call. */
typedef struct DataKey
{
	int64 id;
	const uint8 *key;
	SealedPlace place;
} DataKey;

/* Finds the key to seal a subject's values with, or makes one. Needs an open keyring. */
extern void commerce_data_key_for_sealing(const pg_uuid_t *subject, DataKey *key);

/* The same, but false where there is none: none is made. */
extern bool commerce_data_key_in_use(const pg_uuid_t *subject, DataKey *key);

/* Finds the key a value was sealed with; false where it is gone or does not unwrap. Needs the same. */
extern bool commerce_data_key_for_opening(const pg_uuid_t *subject, int64 id, DataKey *key);

/* Is this a key of the subject that opens and seals no more? Needs the same. */
extern bool commerce_data_key_is_retired(const pg_uuid_t *subject, int64 id);

/* Draws a new key, wrapped by the newest epoch, for the caller to store. Needs the same, and SPI. */
extern void commerce_draw_data_key(const pg_uuid_t *subject, int64 *id, int32 *epoch,
								   uint8 wrapped[WRAPPED_KEY_BYTES]);

#endif
