/*
 * benefit_sql.c: the type commerce.benefit, stored like a condition as its canonical text.
 */
#include "rule/rule_sql.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "libpq/pqformat.h"
#pragma GCC diagnostic pop

PG_FUNCTION_INFO_V1(commerce_benefit_in);
PG_FUNCTION_INFO_V1(commerce_benefit_out);
PG_FUNCTION_INFO_V1(commerce_benefit_recv);
PG_FUNCTION_INFO_V1(commerce_benefit_send);

/* Raises what is wrong with a benefit. */
static void
raise_benefit(const RuleError *error)
{
	commerce_rule_raise("benefit", error, "A benefit reads like: 20% off lines where tag = 'socks'");
}

/* Parses a value of the type or raises. */
Benefit *
commerce_benefit_read(const char *text)
{
	RuleError error;
	Benefit *benefit = commerce_stored_benefit_parse(text, &commerce_rule_palloc, &error);

	if (benefit == NULL)
		raise_benefit(&error);
	return benefit;
}

/* Makes a value of the type. */
static Datum
make_benefit(const char *text)
{
	RuleError error;
	Benefit *benefit = commerce_benefit_parse(text, &commerce_rule_palloc, &error);
	char *canonical;

	if (benefit == NULL)
		raise_benefit(&error);
	canonical = commerce_benefit_print(benefit, &commerce_rule_palloc);
	commerce_rule_require_short("benefit", canonical);
	return PointerGetDatum(cstring_to_text(canonical));
}

/* Text input. */
Datum
commerce_benefit_in(PG_FUNCTION_ARGS)
{
	return make_benefit(PG_GETARG_CSTRING(0));
}

/* Text output. */
Datum
commerce_benefit_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(text_to_cstring(PG_GETARG_TEXT_PP(0)));
}

/* Binary input: the text, checked like any. */
Datum
commerce_benefit_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int length;

	return make_benefit(pq_getmsgtext(message, message->len - message->cursor, &length));
}

/* Binary output: the text. */
Datum
commerce_benefit_send(PG_FUNCTION_ARGS)
{
	StringInfoData message;
	text *value = PG_GETARG_TEXT_PP(0);

	pq_begintypsend(&message);
	pq_sendtext(&message, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
