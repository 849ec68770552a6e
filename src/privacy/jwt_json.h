/*
 * jwt_json.h: JSON of others into jsonb without an error that quotes it. Private to the room.
 */
#ifndef COMMERCE_PRIVACY_JWT_JSON_H
#define COMMERCE_PRIVACY_JWT_JSON_H

#include "base/pg.h"

/* Parses UTF-8 of so many bytes; NULL where the server cannot hold it. */
extern Jsonb *commerce_json_or_null(const char *json, size_t length);

#endif
