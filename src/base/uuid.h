/*
 * uuid.h: time-ordered identifiers (RFC 9562, version 7).
 */
#ifndef COMMERCE_BASE_UUID_H
#define COMMERCE_BASE_UUID_H

#include "base/pg.h"

extern pg_uuid_t *commerce_uuidv7(void);

#endif
