/*
 * provider.h: where the text with the key-encryption keys comes from. Private to the room.
 *
 * A provider knows one place: a file, a command; a vault or a cloud's key service would be one more file like theirs and
 * a line in keyring.c. It is asked for all epochs at once and never for a row, writes into secret memory alone, and
 * refuses with commerce_keyring_refuse() (CM041), in words of its own and never in those of what it read.
 */
#ifndef COMMERCE_PRIVACY_PROVIDER_H
#define COMMERCE_PRIVACY_PROVIDER_H

#include "base/pg.h"

/* The longest text of keys: 64 epochs take half of it. */
#define KEY_TEXT_BYTES 8192

typedef struct KeyProvider
{
	const char *text_name; /* what it reads, for people: "the key file" */

	/* Returns the value of the setting; empty where this provider is not in use. */
	const char *(*where)(void);

	/* Reads the text into "text" and returns its length; CM041 where it is not to be had. */
	size_t (*read)(char text[KEY_TEXT_BYTES]);

	/* Is what read() returned last still there, as far as a look tells that costs a microsecond? */
	bool (*unchanged)(void);

	/* How long after a reading read() need not be tried again for an epoch that it did not bring, in microseconds. */
	int64 patience;
} KeyProvider;

extern const KeyProvider commerce_file_provider;
extern const KeyProvider commerce_command_provider;

#endif
