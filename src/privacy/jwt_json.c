/*
 * jwt_json.c: JSON of others into jsonb without an error that quotes it.
 */
#include "privacy/jwt_json.h"

#include "privacy/convert.h"

/* Parses JSON. What is no valid UTF-8, or \u0000, the server refuses with an error that shows it; that is caught. */
Jsonb *
commerce_json_or_null(const char *json, size_t length)
{
	MemoryContext context = CurrentMemoryContext;
	volatile Datum parsed = 0;

	PG_TRY();
	{
		char *string = text_to_cstring(commerce_utf8_to_text(json, length));

		parsed = DirectFunctionCall1(jsonb_in, CStringGetDatum(string));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION &&
			geterrcode() != ERRCODE_UNTRANSLATABLE_CHARACTER &&
			geterrcode() != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			PG_RE_THROW();
		FlushErrorState();
		parsed = 0;
	}
	PG_END_TRY();
	return parsed == 0 ? NULL : DatumGetJsonbP(parsed);
}
