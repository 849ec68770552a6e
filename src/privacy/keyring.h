/*
 * keyring.h: the key-encryption keys of this backend. Private to the room.
 *
 * Every pointer handed out leads into the slab: it is good until the next call into the room and is never copied.
 */
#ifndef COMMERCE_PRIVACY_KEYRING_H
#define COMMERCE_PRIVACY_KEYRING_H

#include "base/pg.h"

/* How many unwrapped data keys a backend keeps. */
#define KEYRING_DATA_KEYS 1024

/* Hears of the ends of transactions; called once, from _PG_init. */
extern void commerce_keyring_init(void);

/* Is commerce.key_file or commerce.key_command set? */
extern bool commerce_keyring_configured(void);

/* Makes sure that the keys in memory are those of the file or command; CM041 where there are none to be had. */
extern void commerce_keyring_open(void);

/* Counts the times the keys were read: what was derived from them earlier is void. */
extern uint64 commerce_keyring_generation(void);

extern int32 commerce_keyring_oldest(void);
extern int32 commerce_keyring_newest(void);

/* Is an epoch in memory? */
extern bool commerce_keyring_has(int32 epoch);

/* The epochs in memory, as an int4[]. */
extern Datum commerce_keyring_epochs(void);

/* The key that wraps data keys in an epoch; NULL for an epoch that is not there, also after reading again. */
extern const uint8 *commerce_keyring_wrapping_key(int32 epoch);

/* The key of blind values of an epoch; NULL likewise. */
extern const uint8 *commerce_keyring_blinding_key(int32 epoch);

/* What the signing key of the newest epoch is made of. */
extern const uint8 *commerce_keyring_signing_seed(void);

/* Room in the slab for one unwrapped data key; zeroed whenever the keys are read. */
extern uint8 *commerce_keyring_data_key_slot(int slot);

/* Raises CM041 with a reason that is ours, never the file's. */
pg_noreturn extern void commerce_keyring_refuse(const char *reason);

#endif
