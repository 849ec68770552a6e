/*
 * typmod.h: the field of a column of type commerce.sealed. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_TYPMOD_H
#define COMMERCE_PRIVACY_TYPMOD_H

#include "base/pg.h"

/* Refuses a sealed value of another field than the typmod names, with 42804; any typmod below 0 takes all fields. */
extern void commerce_require_field(const uint8 *sealed, int32 typmod);

/* Names the field that a valid value was sealed as; #1a2b3c4d where the name is not known. */
extern char *commerce_field_of(const uint8 *sealed);

#endif
