/*
 * purpose.c: what a customer's value is revealed for, and that it was.
 */
#include "privacy/purpose.h"

#include "audit/audit.h"
#include "base/card_guard.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/settings.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "utils/fmgrprotos.h"
#pragma GCC diagnostic pop

/* Refuses to reveal anything to nobody's purpose, and one that must not stand in the log. */
void
commerce_require_purpose(const text *purpose)
{
	const char *at = VARDATA_ANY(purpose);
	const char *end = at + VARSIZE_ANY_EXHDR(purpose);

	while (at < end && *at == ' ')
		at++;
	if (at == end)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("purpose is empty"),
						errhint("Say what the value is needed for, for instance 'shipping label'.")));
	commerce_refuse_card_number("purpose", text_to_cstring(purpose));
}

/* Writes into the audit log that values of a subject were revealed. */
void
commerce_note_reveal(const pg_uuid_t *subject, const char *fields, const text *purpose)
{
	JsonWriter detail = JSON_WRITER_INIT;

	if (!commerce_audit_reveals)
		return;
	commerce_json_object(&detail);
	commerce_json_key(&detail, "fields");
	commerce_json_string(&detail, fields);
	commerce_json_key(&detail, "purpose");
	commerce_json_string(&detail, text_to_cstring(purpose));
	commerce_json_end_object(&detail);
	commerce_audit_for_good(
		&(AuditFacts){.kind = "reveal",
					  .subject = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(subject))),
					  .detail = commerce_json_finish(&detail)});
}
