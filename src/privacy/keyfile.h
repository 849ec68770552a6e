/*
 * keyfile.h: reading the text of a key file. Pure.
 */
#ifndef COMMERCE_PRIVACY_KEYFILE_H
#define COMMERCE_PRIVACY_KEYFILE_H

#include <stddef.h>
#include <stdint.h>

/* With an epoch a month this is five years of keys; older ones are destroyed long before. */
#define KEYFILE_MAX_EPOCHS 64
#define KEYFILE_KEY_BYTES 32

typedef struct KeyfileEntry
{
	int32_t epoch;
	uint8_t key[KEYFILE_KEY_BYTES];
} KeyfileEntry;

/*
 * Reads the entries, at most KEYFILE_MAX_EPOCHS, and sorts them by epoch. Returns how many there are, or minus the
 * number of the first line that is not understood; what stands in that line is nobody's business.
 */
extern int commerce_keyfile_parse(KeyfileEntry *entries, const char *text, size_t length);

#endif
