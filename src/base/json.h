/*
 * json.h: reading and writing jsonb in the words of this extension.
 *
 * A JsonWriter builds one document front to back. Readers take what they need by key and refuse the rest with an
 * error that names the key, so that a caller's typing mistake never becomes a silent default.
 */
#ifndef COMMERCE_BASE_JSON_H
#define COMMERCE_BASE_JSON_H

#include "base/pg.h"

typedef struct JsonWriter
{
	JsonbParseState *state;
	JsonbValue *root;
	char *pending_key;
} JsonWriter;

#define JSON_WRITER_INIT                                                                                     \
	{                                                                                                        \
		NULL, NULL, NULL                                                                                     \
	}

extern void commerce_json_object(JsonWriter *writer);
extern void commerce_json_end_object(JsonWriter *writer);
extern void commerce_json_array(JsonWriter *writer);
extern void commerce_json_end_array(JsonWriter *writer);
extern void commerce_json_key(JsonWriter *writer, const char *key);
extern void commerce_json_string(JsonWriter *writer, const char *value);
extern void commerce_json_int(JsonWriter *writer, int64 value);
extern void commerce_json_bool(JsonWriter *writer, bool value);
extern void commerce_json_null(JsonWriter *writer);
extern void commerce_json_numeric(JsonWriter *writer, Numeric value);
extern Jsonb *commerce_json_finish(JsonWriter *writer);

/* Finishes the document as the DETAIL of the error being reported: ereport(ERROR, …, commerce_errdetail(&writer)). */
extern int commerce_errdetail(JsonWriter *writer);

/* The same for facts that are all texts: commerce_errfacts("sku", sku, "location", location, NULL). */
extern int commerce_errfacts(const char *key, ...);

extern bool commerce_json_find(JsonbContainer *object, const char *key, JsonbValue *found);
extern char *commerce_json_get_string(JsonbContainer *object, const char *key);
extern bool commerce_json_get_int(JsonbContainer *object, const char *key, int64 *value);
extern bool commerce_json_get_bool(JsonbContainer *object, const char *key, bool fallback);
extern Numeric commerce_json_get_numeric(JsonbContainer *object, const char *key);

/* The elements of an array in memory of their own; refuses anything but an array of objects, naming "what". */
extern int commerce_json_objects(Jsonb *array, const char *what, JsonbContainer ***objects);

#endif
