/*
 * normalise.h: the one form of a value that a blind index looks for. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_NORMALISE_H
#define COMMERCE_PRIVACY_NORMALISE_H

#include "base/pg.h"

/* Returns the normal form of a UTF-8 text of a field, NUL-terminated UTF-8; empty where nothing is left. */
extern char *commerce_normalise(const char *text, const char *field);

/* Returns the compatibility form (NFKC) of a UTF-8 text: no full-width digits, no special blanks. */
extern char *commerce_nfkc(const char *text);

#endif
