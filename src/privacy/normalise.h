/*
 * normalise.h: the one form of a value that a blind index looks for. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_NORMALISE_H
#define COMMERCE_PRIVACY_NORMALISE_H

#include "base/pg.h"

/* What a value is, for finding its one form. */
typedef enum Normaliser
{
	NORMALISE_TEXT,
	NORMALISE_EMAIL,
	NORMALISE_PHONE
} Normaliser;

/* Returns the normaliser of this name; 22023 for any other. */
extern Normaliser commerce_normaliser(const char *name);

/* Returns the one that goes with a field when nobody says: by its name where there is such a normaliser, else text. */
extern Normaliser commerce_normaliser_of(const char *field);

/*
 * Returns the normal form of a UTF-8 text, NUL-terminated UTF-8; empty where nothing is left, and for an address or number
 * of more than 2048 bytes, which is none. "country" is that of
 * telephone numbers that do not say; NULL for the setting's. 22023 for a country without a plan.
 */
extern char *commerce_normalise_as(const char *text, Normaliser normaliser, const char *country);

/* Returns the normal form of a UTF-8 text of a field, NUL-terminated UTF-8; empty where nothing is left. */
extern char *commerce_normalise(const char *text, const char *field);

/* Returns the compatibility form (NFKC) of a UTF-8 text: no full-width digits, no special blanks. */
extern char *commerce_nfkc(const char *text);

#endif
