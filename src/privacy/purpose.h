/*
 * purpose.h: what a customer's value is revealed for. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_PURPOSE_H
#define COMMERCE_PRIVACY_PURPOSE_H

#include "base/pg.h"

/* Refuses a purpose that says nothing, with 22023. */
extern void commerce_require_purpose(const text *purpose);

#endif
