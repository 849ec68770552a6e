/*
 * convert.h: between the server's encoding and UTF-8, in which values are sealed. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_CONVERT_H
#define COMMERCE_PRIVACY_CONVERT_H

#include "base/pg.h"

/* Returns a text argument as a NUL-terminated UTF-8 string of its own. */
extern char *commerce_text_to_utf8(const text *value);

/* Returns a UTF-8 string as a text in the server's encoding. */
extern text *commerce_utf8_to_text(const char *string, size_t length);

#endif
