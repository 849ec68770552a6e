/*
 * convert.c: between the server's encoding and UTF-8.
 *
 * Values are sealed, and blind values computed, in UTF-8 whatever the database uses, so that a dump restored into a
 * database of another encoding opens and finds them.
 */
#include "privacy/convert.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "mb/pg_wchar.h"
#pragma GCC diagnostic pop

/* Returns a text as a UTF-8 string. */
char *
commerce_text_to_utf8(const text *value)
{
	char *string = text_to_cstring(value);

	return pg_server_to_any(string, (int) strlen(string), PG_UTF8);
}

/* Returns a UTF-8 string as a text. */
text *
commerce_utf8_to_text(const char *string, size_t length)
{
	char *converted = pg_any_to_server(string, (int) length, PG_UTF8);

	if (converted == string)
		return cstring_to_text_with_len(string, (int) length);
	return cstring_to_text(converted);
}
