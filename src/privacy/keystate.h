/*
 * keystate.h: which epochs the shop's data keys and blind values are of. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_KEYSTATE_H
#define COMMERCE_PRIVACY_KEYSTATE_H

#include "base/pg.h"
#include "privacy/envelope.h"
#include "privacy/keyfile.h"

typedef struct KeyState
{
	uint8 installation[SEALED_UUID_BYTES];
	int32 epoch; /* new data keys are of this epoch or a later; 0: of any */
	int32 blind_epochs
		[KEYFILE_MAX_EPOCHS]; /* of which stored blind values may be; the last is that of new ones */
	int blind_count;
} KeyState;

/*
 * Reads the state. Who stores what follows from it reads it for writing: then no rotation begins before the transaction
 * ends. Needs an open keyring; CM041 where the keys at hand are older than the shop's.
 */
extern void commerce_key_state_for_writing(KeyState *state);
extern void commerce_key_state_for_reading(KeyState *state);

/* Notes the first epochs of a shop whose first data key is being made. Needs SPI and the same. */
extern void commerce_settle_key_state(const KeyState *state);

#endif
