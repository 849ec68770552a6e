/*
 * key_rows.h: looking up rows of commerce.data_keys without a statement. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_KEY_ROWS_H
#define COMMERCE_PRIVACY_KEY_ROWS_H

#include "base/pg.h"
#include "privacy/envelope.h"

typedef struct KeyRow
{
	int64 id;
	int32 epoch;
	uint8 wrapped[WRAPPED_KEY_BYTES];
	bool retired; /* it opens, and seals no more */
} KeyRow;

typedef enum KeyLookup
{
	KEY_FOUND,
	KEY_NOT_THERE,
	KEY_ASK_SQL /* the tables are not as this file knows them */
} KeyLookup;

/*
 * Finds the subject's key of this id, or with id 0 the one to seal with: of those that are not retired and
 * under a key at hand the one under the newest. Looks at what is committed now, and at what the transaction has done. Needs an open keyring.
 */
extern KeyLookup commerce_find_key_row(const pg_uuid_t *subject, int64 id,
									   uint8 installation[SEALED_UUID_BYTES], KeyRow *row);

#endif
