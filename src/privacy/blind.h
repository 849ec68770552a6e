/*
 * blind.h: equality search over sealed values. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_BLIND_H
#define COMMERCE_PRIVACY_BLIND_H

#include "base/pg.h"

#define BLIND_BYTES 16

/* Returns the blind value of a UTF-8 text as a bytea of 16 bytes; 22023 where its normal form is empty. Needs an SPI
 * connection. */
extern Datum commerce_blind_text(const char *text, const char *field);

#endif
