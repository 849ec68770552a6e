/*
 * record_sql.c: entries that are written by name, the application's and the shop's.
 */
#include "base/pg.h"

#include "audit/audit.h"
#include "base/card_guard.h"
#include "base/errors.h"
#include "base/ready.h"

PG_FUNCTION_INFO_V1(commerce_record_audit);
PG_FUNCTION_INFO_V1(commerce_write_audit);

/* Returns a text argument, NULL for NULL. */
static char *
text_or_none(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* Refuses a kind that only the shop itself writes, or that is no word at all. */
static void
check_kind(const char *kind)
{
	static const char *const own[] = {
		"insert",
		"update",
		"delete",
		"truncate",
		"reveal",
		"prune",
		"erase",
		"redact",
		"login",
		"logout",
		"lockout",
		"lockout forgiven",
		"password changed",
		"password reset",
		"password reset asked for",
		"logged out everywhere",
		"second factor on",
		"second factor off",
		"recovery code used",
		"jwt key created",
		"jwt key retired",
		"rotate data keys",
	};

	if (kind[0] == '\0' || strlen(kind) > 100)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the kind of an entry has 1 to 100 bytes")));
	for (size_t i = 0; i < lengthof(own); i++)
		if (strcmp(kind, own[i]) == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("entries of kind \"%s\" are written by the shop alone", kind),
							errhint("Choose another word.")));
}

/* record_audit(kind, subject, detail) */
Datum
commerce_record_audit(PG_FUNCTION_ARGS)
{
	AuditFacts facts = {0};

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("an entry needs a kind")));
	facts.kind = text_to_cstring(PG_GETARG_TEXT_PP(0));
	check_kind(facts.kind);
	SPI_connect();
	commerce_require_shop();
	SPI_finish();
	facts.subject = text_or_none(fcinfo, 1);
	facts.detail = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	commerce_refuse_card_number("kind", facts.kind);
	commerce_refuse_card_number("subject", facts.subject);
	if (facts.detail)
		commerce_refuse_card_value("detail", JsonbPGetDatum(facts.detail), JSONBOID);
	commerce_audit(&facts);
	PG_RETURN_VOID();
}

/* write_audit(kind, relation, subject, detail) */
Datum
commerce_write_audit(PG_FUNCTION_ARGS)
{
	AuditFacts facts = {
		.kind = text_or_none(fcinfo, 0),
		.relation = text_or_none(fcinfo, 1),
		.subject = text_or_none(fcinfo, 2),
		.detail = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3),
	};

	if (facts.kind == NULL)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("an entry needs a kind")));
	commerce_audit(&facts);
	PG_RETURN_VOID();
}
