/*
 * key_in_use.h: whether the key at hand is the right one. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_KEY_IN_USE_H
#define COMMERCE_PRIVACY_KEY_IN_USE_H

#include "base/pg.h"

/* Refuses with CM041 an epoch's key that opens none of the data keys that are wrapped by it. Needs an open keyring, and SPI. */
extern void commerce_require_key_in_use(int32 epoch);

/* Raises that CM041: values would be strewn over two keys of one epoch. */
extern void commerce_refuse_other_key(int32 epoch);

#endif
